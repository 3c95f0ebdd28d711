"""Rounding to the formats: against NumPy's own where it has them, against fractions where it has not."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnotes.magnitudes import FORMATS, range_limits
from resnotes.precision import round_to, stall, step_by_step

NATIVE = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


def nearest(x, dtype):
    """Nearest number of the format by comparing exact distances: no arithmetic shared with the package."""
    form, size = FORMATS[dtype], abs(Fraction(x))
    exponent = form.lowest
    while Fraction(2) ** (exponent + 1) <= size:
        exponent += 1
    step = Fraction(2) ** (exponent - form.precision + 1)
    below = math.floor(size / step)
    low, high = below * step, (below + 1) * step
    if size - low != high - size:
        chosen = low if size - low < high - size else high
    else:
        chosen = low if below % 2 == 0 else high
    if chosen > Fraction(form.max):
        return math.copysign(math.inf, x) if form.infinite else math.nan
    return math.copysign(float(chosen), x)


def cast(x, kind):
    with np.errstate(over="ignore"):
        return np.asarray(x, dtype=np.float64).astype(kind).astype(np.float64)


def test_every_float16_stays_and_so_do_their_midpoints_and_neighbours():
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)].astype(np.float64)
    assert len(every) == 2**16 - 2**11
    np.testing.assert_array_equal(round_to(every, "float16"), every)
    values = np.unique(every)
    middle = (values[1:] + values[:-1]) / 2
    for points in (middle, np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)):
        got, want = round_to(points, "float16"), cast(points, np.float16)
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_every_bfloat16_stays_and_is_the_upper_half_of_a_float32():
    every = (np.arange(2**16, dtype=np.uint32) << 16).view(np.float32)
    every = every[np.isfinite(every)].astype(np.float64)
    np.testing.assert_array_equal(round_to(every, "bfloat16"), every)


def test_bfloat16_of_a_float32_by_its_bits():
    """Round the 32 bits to 16, ties to even, in integers."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, size=200_000, dtype=np.uint64)
    ties = (bits & ~np.uint64(0xFFFF)) | np.uint64(0x8000)
    for chosen in (bits, ties):
        x = chosen.astype(np.uint32).view(np.float32)
        keep = np.isfinite(x)
        rounded = (chosen + 0x7FFF + ((chosen >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16) << np.uint64(16)
        want = rounded.astype(np.uint32).view(np.float32)[keep].astype(np.float64)
        np.testing.assert_array_equal(round_to(x[keep], "bfloat16"), want)


@pytest.mark.parametrize("dtype", NATIVE)
def test_random_numbers_of_every_size_as_numpy_rounds_them(dtype):
    rng = np.random.default_rng(1)
    form = FORMATS[dtype]
    spread = rng.uniform(form.lowest - form.precision - 3, form.highest + 1.5, size=100_000)
    x = rng.choice([-1.0, 1.0], size=spread.size) * np.exp2(np.clip(spread, -1073, 1023.9))
    np.testing.assert_array_equal(round_to(x, dtype), cast(x, NATIVE[dtype]))


@pytest.mark.parametrize("dtype", FORMATS)
@settings(max_examples=150)
@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_against_exact_distances(dtype, x):
    got, want = float(round_to(x, dtype)), nearest(x, dtype)
    assert (math.isnan(got) and math.isnan(want)) or got == want
    assert math.isnan(want) or math.copysign(1, got) == math.copysign(1, want)


@pytest.mark.parametrize("dtype", FORMATS)
def test_the_edges_of_a_format(dtype):
    form = FORMATS[dtype]
    tiny, top = form.smallest_subnormal, form.max
    assert round_to(tiny, dtype) == tiny and round_to(tiny / 2, dtype) == 0
    beyond = np.inf if form.infinite else np.nan
    np.testing.assert_equal(float(round_to(np.inf, dtype)), beyond)
    assert round_to(top, dtype) == top
    assert np.isnan(round_to(np.nan, dtype)) and np.signbit(round_to(-0.0, dtype))
    if dtype != "float64":
        assert round_to(np.nextafter(tiny / 2, 1), dtype) == tiny
        edge = top + math.ldexp(1.0, form.highest - form.precision)  # half a step above the largest
        np.testing.assert_equal(float(round_to(np.nextafter(edge, np.inf), dtype)), beyond)
        assert round_to(np.nextafter(edge, 0), dtype) == top
        assert round_to(edge, dtype) == (np.inf if form.infinite else top), "a tie goes to the even neighbour"


def test_shapes_and_bad_input():
    assert round_to(np.ones((2, 3)), "float16").shape == (2, 3)
    assert isinstance(float(round_to(1, "float16")), float) and round_to([], "float16").shape == (0,)
    with pytest.raises(ValueError, match="dtype: got 'float8'.*wanted one of float16, bfloat16"):
        round_to(1.0, "float8")
    with pytest.raises(ValueError, match="x: got .*wanted real numbers"):
        round_to("one", "float16")
    with pytest.raises(ValueError, match="factors"):
        step_by_step([[0.5]], "float16")
    with pytest.raises(ValueError, match="start"):
        step_by_step([0.5], "float16", start=np.inf)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_arithmetic_rounded_after_every_step_is_numpys_own(dtype):
    rng = np.random.default_rng(2)
    kind = NATIVE[dtype]
    a = cast(rng.normal(size=50_000) * np.exp2(rng.integers(-20, 10, 50_000)), kind)
    b = cast(rng.normal(size=50_000) * np.exp2(rng.integers(-20, 10, 50_000)), kind)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(round_to(a * b, dtype), (a.astype(kind) * b.astype(kind)).astype(np.float64))
        np.testing.assert_array_equal(round_to(a + b, dtype), (a.astype(kind) + b.astype(kind)).astype(np.float64))


@pytest.mark.parametrize("dtype", NATIVE)
def test_step_by_step_is_numpys_running_product(dtype):
    rng = np.random.default_rng(3)
    factors = rng.uniform(0.3, 1.5, size=400)
    value, values = NATIVE[dtype](1), [1.0]
    for factor in factors:
        value = value * NATIVE[dtype](factor)
        values.append(float(value))
    np.testing.assert_array_equal(step_by_step(factors, dtype), values)


def test_step_by_step_differs_from_rounding_once():
    steps = 400
    assert range_limits(float(round_to(0.9, "float16")), "float16").zero < steps
    assert step_by_step([0.9] * steps, "float16")[-1] == 4 * FORMATS["float16"].smallest_subnormal
    np.testing.assert_array_equal(step_by_step([0.999] * 9, "bfloat16"), np.ones(10))
    assert step_by_step([2.0] * 20, "float16")[-1] == np.inf


def falling(factors, dtype):
    """Rounded powers of many factors at once, until none of them moves; the value they rest at."""
    value = np.ones_like(factors)
    while not np.array_equal(after := round_to(value * factors, dtype), value):
        value = after
    return value / FORMATS[dtype].smallest_subnormal


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_every_factor_of_the_short_formats_rests_where_stall_says(dtype):
    step = 2.0 ** -FORMATS[dtype].precision
    factors = np.arange(0.5, 1, step)
    np.testing.assert_array_equal(falling(factors, dtype), [stall(factor, dtype) for factor in factors])
    assert stall(0.5, dtype) == 0 and stall(0.5 + step, dtype) == 1
    # The factor closest to 1 stops at the smallest normal number itself.
    assert stall(1 - step, dtype) == 2 ** (FORMATS[dtype].precision - 1)


def test_small_factors_reach_zero_and_one_is_refused():
    for factor in (0.0, 0.1, 0.25, 0.4999):
        assert stall(factor, "float16") == 0 == step_by_step([factor] * 40, "float16")[-1]
    with pytest.raises(ValueError, match="factor: got 0.999, which it rounds to 1.0, wanted .*bfloat16"):
        stall(0.999, "bfloat16")
    with pytest.raises(ValueError, match="factor"):
        stall(-0.5, "float16")


def test_harmless_underflow_does_not_raise():
    with np.errstate(all="raise"):
        assert round_to([1e-300, 1e300], "float16").tolist() == [0.0, np.inf]
        assert step_by_step([0.1] * 400, "float64")[-1] == 0
