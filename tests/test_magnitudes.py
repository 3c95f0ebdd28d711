"""Products in the log domain, and where formats underflow or overflow, against exact arithmetic."""

import decimal
import doctest
import math
import time
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import resnotes.magnitudes
from resnotes.magnitudes import (
    FORMATS,
    RangeLimits,
    gradient_norms,
    log10_norm,
    power_sweep,
    range_limits,
    shortcut_product,
)

# --- products -----------------------------------------------------------------------------------------


def exact_log10(factors):
    """log10 |product| by an exact product and 60 digits."""
    product = math.prod(abs(Fraction(f)) for f in factors)
    with mpmath.workdps(60):
        # log(1 + d) of the exact distance where the product is close to 1.
        d = product - 1
        if abs(d) < 0.5:
            return float(mpmath.log1p(mpmath.mpf(d.numerator) / d.denominator) / mpmath.log(10))
        numerator, denominator = mpmath.mpf(product.numerator), mpmath.mpf(product.denominator)
        return float(mpmath.log10(numerator) - mpmath.log10(denominator))


def test_what_overflows_on_the_way_comes_back():
    product = shortcut_product([2.0] * 2000 + [0.5] * 2000 + [3.0])
    assert product.sign == 1 and float(product) == 3.0
    np.testing.assert_allclose(product.log10, math.log10(3), rtol=1e-15)


def test_odd_bases_come_back_too():
    third = 1 / 3
    product = shortcut_product([3.0] * 5000 + [third] * 5000)
    with mpmath.workdps(60):
        wanted = (3 * mpmath.mpf(third)) ** 5000
        np.testing.assert_allclose(float(product), float(wanted), rtol=1e-15)
        np.testing.assert_allclose(product.log10, float(mpmath.log10(wanted)), rtol=1e-15)


@pytest.mark.parametrize("factor", [1 - 2**-53, 1 + 2**-52, 0.999, -1.001, 3.0, 1e-300, -1e300, 5e-324])
def test_a_million_equal_factors(factor):
    product = shortcut_product(np.full(10**6, factor))
    with mpmath.workdps(60):
        wanted = 10**6 * mpmath.log10(abs(mpmath.mpf(factor)))
    np.testing.assert_allclose(product.log10, float(wanted), rtol=2e-15)
    assert product.sign == 1
    assert shortcut_product(np.full(10**6 + 1, factor)).sign == np.sign(factor)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=150))
@settings(max_examples=300)
def test_any_product(factors):
    got = shortcut_product(factors)
    exact = math.prod(map(Fraction, factors))
    assert got.sign == (exact > 0) - (exact < 0)
    if exact == 0:
        assert got.log10 == -math.inf and float(got) == 0
        return
    np.testing.assert_allclose(got.log10, exact_log10(factors), rtol=3e-15, atol=1e-300)
    assert 0.5 <= got.mantissa < 1
    try:
        wanted = float(exact)
    except OverflowError:
        wanted = math.inf if exact > 0 else -math.inf
    # ldexp rounds a second time among the subnormal numbers.
    np.testing.assert_allclose(float(got), wanted, rtol=3e-16, atol=5e-324)


@given(st.lists(st.floats(-(2**-30), 2**-30), min_size=1, max_size=60))
@settings(max_examples=200)
def test_products_near_one_keep_their_logarithm(distances):
    factors = [1 + d for d in distances]
    np.testing.assert_allclose(shortcut_product(factors).log10, exact_log10(factors), rtol=3e-15, atol=1e-300)


def test_ends_of_the_range():
    assert float(shortcut_product([1e300, 1e300])) == math.inf
    assert float(shortcut_product([1e300, -1e300])) == -math.inf
    assert float(shortcut_product([1e-300, 1e-300])) == 0
    nothing = shortcut_product([])
    assert (nothing.sign, nothing.log10, float(nothing)) == (1, 0.0, 1.0)
    zero = shortcut_product([3, -0.0, 1e300])
    assert (zero.sign, zero.log10, float(zero)) == (0, -math.inf, 0.0)
    assert (zero.mantissa, zero.exponent) == (0.0, 0)
    assert float(shortcut_product(np.array([0.5, 3], np.float32))) == 1.5
    assert float(shortcut_product((2, 3))) == 6.0


# --- formats ------------------------------------------------------------------------------------------


def rounded(value, form):
    """An exact positive value rounded once to a format, half to even; math.inf above it, and for its NaN."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if Fraction(2) ** exponent > value:
        exponent -= 1
    step = Fraction(2) ** (max(exponent, form.lowest) - form.precision + 1)
    nearest = round(value / step) * step  # round() of a Fraction is half to even
    return math.inf if nearest > Fraction(form.max) else nearest


def brute(factor, name):
    """Every power in turn, exactly, until the format has given out."""
    form, size = FORMATS[name], abs(Fraction(factor))
    power, n = size, 1
    subnormal = None
    while True:
        value = rounded(power, form) if power else 0
        if value == math.inf:
            return RangeLimits(None, None, n)
        if value == 0:
            return RangeLimits(subnormal, n, None)
        if value < Fraction(2) ** form.lowest and subnormal is None:
            subnormal = n
        power, n = power * size, n + 1


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_formats_are_numpys(name):
    info, form = np.finfo(name), FORMATS[name]
    assert form.smallest_subnormal == info.smallest_subnormal
    assert form.smallest_normal == info.smallest_normal
    assert form.max == info.max


def test_bfloat16_is_float32_cut_short():
    form = FORMATS["bfloat16"]
    top = np.array([0x00010000, 0x00800000, 0x7F7F0000], np.uint32).view(np.float32)
    assert [form.smallest_subnormal, form.smallest_normal, form.max] == top.tolist()


# Of the finite numbers of float8 from 0 up: sign 0, so many bits of exponent with this bias, the rest fraction
# (Micikevicius et al. 2022, table 1). E4M3 spends one code on NaN and none on infinity; E5M2 is as IEEE has it.
FLOAT8 = {"float8_e4m3fn": (4, 7, 0x7E), "float8_e5m2": (5, 15, 0x7B)}


def decoded(name):
    """Every finite number from 0 up as fractions, in the order of the codes."""
    exponent_bits, bias, last = FLOAT8[name]
    places = 7 - exponent_bits
    values = []
    for code in range(last + 1):
        exponent, fraction = code >> places, Fraction(code % 2**places, 2**places)
        values.append(
            (fraction + 1) * Fraction(2) ** (exponent - bias) if exponent else fraction * Fraction(2) ** (1 - bias)
        )
    return values


@pytest.mark.parametrize("name", FLOAT8)
def test_float8_is_what_its_codes_say(name):
    form, values = FORMATS[name], decoded(name)
    assert values == sorted(values) and len(set(values)) == len(values)
    assert (form.max, form.smallest_subnormal) == (values[-1], values[1])
    assert form.max == {"float8_e4m3fn": 448, "float8_e5m2": 57344}[name]
    assert form.smallest_normal == Fraction(2) ** form.lowest == values[2 ** (form.precision - 1)]
    for code, value in enumerate(values):
        assert rounded(value, form) == value if value else True
        above = values[code + 1] if code + 1 < len(values) else 2 * value - values[code - 1]
        even = value if code % 2 == 0 else above
        # one code on, 448 and 57344 would be NaN and infinity: "even" is about the code
        assert rounded((value + above) / 2, form) == (even if even <= values[-1] else math.inf)
        assert rounded((value * 2 + above) / 3, form) == value


def test_in_float8_without_infinity_the_tie_above_the_largest_goes_back_to_it():
    assert range_limits(464.0, "float8_e4m3fn").overflow == 2
    assert range_limits(math.nextafter(464.0, 500), "float8_e4m3fn").overflow == 1
    assert range_limits(61440.0, "float8_e5m2").overflow == 1
    assert range_limits(math.nextafter(61440.0, 0), "float8_e5m2").overflow == 2


@given(st.floats(1e-9, 1e6), st.sampled_from(["float16", "float32"]))
@example(2.0**-25, "float16")
@example(2.0**-24 * 1.5, "float16")
@example(65520.0, "float16")
@settings(max_examples=300)
def test_the_tests_rounding_is_numpys(value, name):
    with np.errstate(over="ignore"):
        assert float(rounded(Fraction(value), FORMATS[name])) == float(np.dtype(name).type(value))


def test_the_tests_rounding_is_pythons_for_float64():
    rng = np.random.default_rng(0)
    for _ in range(300):
        value = Fraction(int(rng.integers(1, 2**62)), int(rng.integers(1, 2**62))) * Fraction(2) ** int(
            rng.integers(-1090, 1030)
        )
        try:
            wanted = float(value)
        except OverflowError:
            wanted = math.inf
        got = rounded(value, FORMATS["float64"])
        assert (got == math.inf and wanted == math.inf) or float(got) == wanted


def bfloat16_by_bits(value):
    """Nearest bfloat16 of a float32, half to even, on its bits."""
    bits = int(np.float32(value).view(np.uint32))
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return float(np.uint32(bits).view(np.float32))


@given(st.floats(2.0**-149, 2.0**127, width=32))
@settings(max_examples=300)
def test_the_tests_rounding_is_bit_arithmetic_for_bfloat16(value):
    assert float(rounded(Fraction(value), FORMATS["bfloat16"])) == bfloat16_by_bits(value)


# How close to 1 a factor may be for powers in turn to end soon enough.
CLOSEST = {"float16": 0.05, "bfloat16": 0.2, "float32": 0.2, "float64": 1.0, "float8_e4m3fn": 0.05, "float8_e5m2": 0.05}


@pytest.mark.parametrize("name", FORMATS)
@given(st.one_of(st.floats(-50, 50), st.floats(-1, 1), st.floats(allow_nan=False, allow_infinity=False)))
@settings(max_examples=150)
def test_against_powers_in_turn(name, factor):
    assume(factor == 0 or abs(math.log(abs(factor))) > CLOSEST[name])
    assert range_limits(factor, name) == brute(factor, name)


@pytest.mark.parametrize("name", FORMATS)
def test_boundaries_are_ties(name):
    """At each rounding boundary itself, and one float64 to either side."""
    form = FORMATS[name]
    tiny, normal = Fraction(form.smallest_subnormal), Fraction(form.smallest_normal)
    largest = Fraction(form.max)
    spots = [tiny / 2, tiny, normal - tiny / 2, normal - tiny, normal, largest, largest + 1,
             form.overflow_from]  # fmt: skip
    tried = 0
    for spot in spots:
        try:
            value = float(spot)
        except OverflowError:
            continue
        for factor in (value, math.nextafter(value, 0), math.nextafter(value, math.inf)):
            if math.isfinite(factor):
                tried += 1
                assert range_limits(factor, name) == brute(factor, name), factor
    assert tried >= 15


@pytest.mark.parametrize("name", FORMATS)
def test_powers_of_two_meet_the_boundaries_exactly(name):
    for e in range(1, 60):
        for factor in (2.0**e, 2.0**-e, -(2.0**-e)):
            assert range_limits(factor, name) == brute(factor, name)


def test_closed_cases():
    assert range_limits(0.5, "float16") == RangeLimits(15, 25, None)
    assert range_limits(-0.5, "float64") == RangeLimits(1023, 1075, None)
    assert range_limits(0.5, "bfloat16") == RangeLimits(127, 134, None)
    assert range_limits(2, "float32") == RangeLimits(None, None, 128)
    assert range_limits(2.0, "float64") == RangeLimits(None, None, 1024)
    assert range_limits(1e-300, "float16") == RangeLimits(None, 1, None)
    assert range_limits(1e-300, "float64") == RangeLimits(None, 2, None)
    assert range_limits(5e-324, "float64") == RangeLimits(1, 2, None)
    for name in FORMATS:
        for one in (1.0, -1.0, 1):
            assert range_limits(one, name) == RangeLimits(None, None, None)
        for zero in (0.0, -0.0, 0):
            assert range_limits(zero, name) == RangeLimits(None, 1, None)


def confirm(factor, name):
    """Each n is the first by 400 digits: it has passed its boundary and n - 1 has not."""
    form, got = FORMATS[name], range_limits(factor, name)
    with mpmath.workdps(400):
        size = abs(mpmath.mpf(factor))
        tiny, normal = mpmath.mpf(form.smallest_subnormal), mpmath.mpf(form.smallest_normal)
        top = mpmath.mpf(form.max) + mpmath.ldexp(1, form.highest - form.precision)
        passed = {
            "zero": lambda n: size**n <= tiny / 2,
            "subnormal": lambda n: size**n < normal - tiny / 2,
            "overflow": lambda n: size**n >= top,
        }
        for field in ("zero", "subnormal") if size < 1 else ("overflow",):
            n = getattr(got, field)
            if n is None:  # jumped past: straight from normal to zero
                assert field == "subnormal"
                n = got.zero
            assert passed[field](n) and not passed[field](n - 1), (factor, name, field, n)
    return got


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 1000, 2**20 + 1, 2**40 - 1])
def test_factors_close_to_one(name, steps):
    for factor in (1 - steps * 2**-53, 1 + steps * 2**-52, -1 + steps * 2**-53):
        confirm(factor, name)


@pytest.mark.parametrize("name", FORMATS)
@given(st.integers(2, 10**6), st.sampled_from(["zero", "subnormal", "overflow"]), st.integers(-2, 2))
@settings(max_examples=60)
def test_factors_whose_power_all_but_meets_a_boundary(name, n, which, aside):
    """The float64 nearest to boundary**(1/n), and its neighbours: n is settled by the last digits."""
    form = FORMATS[name]
    with mpmath.workdps(40):
        tiny = mpmath.mpf(form.smallest_subnormal)
        boundary = {
            "zero": tiny / 2,
            "subnormal": mpmath.mpf(form.smallest_normal) - tiny / 2,
            "overflow": mpmath.mpf(form.max) + mpmath.ldexp(1, form.highest - form.precision),
        }[which]
        factor = float(mpmath.root(boundary, n))
    for _ in range(abs(aside)):
        factor = math.nextafter(factor, math.inf if aside > 0 else 0)
    found = getattr(confirm(factor, name), which)
    if found is None:
        assert which == "subnormal" and n < 30  # so large a step that it jumps past, as confirm has seen
    else:
        assert abs(found - n) <= 1


@pytest.mark.parametrize("name", FORMATS)
def test_too_few_digits_are_noticed(name, monkeypatch):
    """Begun with so few digits that the quotient cannot settle n, the search must ask for more."""
    rng = np.random.default_rng(0)
    near = [1 + sign * int(steps) * 2**-53 for sign in (-1, 2) for steps in rng.integers(1, 2**20, size=15)]
    factors = [1 - 2**-53, 1 + 2**-52, *near, 0.999, 1.001]
    wanted = [range_limits(factor, name) for factor in factors]
    for digits in (3, 10, 17):
        monkeypatch.setattr(resnotes.magnitudes, "DIGITS", digits)
        assert [range_limits(factor, name) for factor in factors] == wanted


@pytest.mark.parametrize("digits", [3, 7])
def test_the_digits_asked_for_are_the_digits_used(digits, monkeypatch):
    """Decimal's own 28 would settle every n met in practice, and so hide that they were used instead."""
    used = []

    def context(prec):
        used.append(prec)
        return decimal.Context(prec=prec)

    wanted = range_limits(1 - 2**-53, "float64")
    monkeypatch.setattr(resnotes.magnitudes, "DIGITS", digits)
    monkeypatch.setattr(resnotes.magnitudes, "Context", context)
    assert range_limits(1 - 2**-53, "float64") == wanted
    assert used[0] == digits and max(used) > 18 and None not in used


def test_the_callers_decimal_context_is_neither_used_nor_changed():
    wanted = range_limits(0.999, "float32")
    with decimal.localcontext(decimal.Context(prec=4, Emax=9, Emin=-9, traps=[decimal.Inexact])) as context:
        assert range_limits(0.999, "float32") == wanted
        assert context.prec == 4 and not context.flags[decimal.Inexact]


def test_the_answer_is_immediate():
    began = time.perf_counter()
    for name in FORMATS:
        for factor in (1 - 2**-53, 1 + 2**-52, 0.5, 0.999999, 1.0000001):
            range_limits(factor, name)
    assert time.perf_counter() - began < 0.5


def test_rounding_once_is_not_rounding_every_step():
    """0.999 multiplied step by step in bfloat16 stalls; its exact powers go on to 0."""
    assert bfloat16_by_bits(0.999) == 1.0
    assert range_limits(0.999, "bfloat16").zero == brute_zero(0.999, "bfloat16")


def brute_zero(factor, name):
    """First n at which the power rounds to 0, by bisection on 60 digits."""
    with mpmath.workdps(60):
        boundary = mpmath.mpf(FORMATS[name].smallest_subnormal) / 2
        low, high = 0, 2**40
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if mpmath.mpf(factor) ** middle <= boundary else (middle, high)
    return high


def test_examples_in_the_docstrings():
    result = doctest.testmod(resnotes.magnitudes)
    assert result.attempted > 0 and result.failed == 0


def test_a_sweep_of_powers_is_the_product_for_each():
    factors = [-1.7, -1.0, -1e-3, 0.0, 1e-300, 0.5, 1.0, 1.01, 3.0, 1e300]
    depths = [0, 1, 2, 7, 1000]
    got = power_sweep(factors, depths)
    for row, factor in zip(got, factors, strict=True):
        wanted = [shortcut_product([factor] * depth).log10 for depth in depths]
        np.testing.assert_allclose(row, wanted, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_norms_down_a_chain_against_exact_products(dtype):
    """Against fractions, at a depth where float32 leaves its range at both ends."""
    rng = np.random.default_rng(0)
    depth, n = 60, 3
    branches = (rng.integers(-8, 9, size=(depth, n, n)) / 16).astype(dtype)
    factors, g = [-1.25, 0.0, 0.015625, 1.0, 64.0], [1.0, -2.0, 0.5]
    got = gradient_norms(branches, factors, np.array(g, dtype))
    assert got.shape == (5, depth + 1) and got.dtype == np.float64
    for row, factor in zip(got, factors, strict=True):
        exact = [Fraction(v) for v in g]
        for l in range(depth, -1, -1):
            squares = sum(v * v for v in exact)
            wanted = (math.log10(squares.numerator) - math.log10(squares.denominator)) / 2
            assert row[l] == pytest.approx(wanted, abs=1e-10 if dtype is np.float64 else 1e-3)
            if l:
                J = branches[l - 1]
                exact = [
                    Fraction(factor) * exact[j] + sum(exact[i] * Fraction(float(J[i, j])) for i in range(n))
                    for j in range(n)
                ]
    assert np.ptp(got[:, 0]) > 80


def test_norms_that_vanish_and_that_grow_beyond_every_format():
    zeros = np.zeros((1000, 2, 2))
    got = gradient_norms(zeros, [0.0, 1e3, -1e-3], [3.0, 4.0])
    assert got[0, -1] == pytest.approx(math.log10(5)) and np.all(got[0, :-1] == -np.inf)
    np.testing.assert_allclose(got[1:, 0], [3000 + math.log10(5), -3000 + math.log10(5)], rtol=1e-12)
    np.testing.assert_array_equal(gradient_norms(zeros, [2.0], [0.0, 0.0]), np.full((1, 1001), -np.inf))
    extreme = gradient_norms(np.zeros((1, 2, 2)), [1.0], [1e-200, 1e200])  # squares leave the format
    np.testing.assert_allclose(extreme, [[200.0, 200.0]], rtol=1e-14)


def test_factors_of_which_one_shrinks_far_faster_than_another():
    branches = np.array([1e-200, 1e-160])[:, None, None] * np.eye(2)
    got = gradient_norms(branches, [0.0, 1.0], [3.0, 4.0])
    np.testing.assert_allclose(got - np.log10(5), [[-360, -160, 0], [0, 0, 0]], rtol=1e-14, atol=1e-14)


def test_float32_factors_are_raised_to_powers_in_float64():
    factors = np.array([0.9, 1.1], np.float32)
    got = power_sweep(factors, np.array([3, 1000], np.float32))
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, power_sweep(factors.astype(np.float64), [3, 1000]))


@pytest.mark.parametrize("call, name", [
    (lambda: power_sweep([np.nan], [1]), "factors"), (lambda: power_sweep([1.0], [-1]), "depths"),
    (lambda: power_sweep(1.0, [1]), "factors"), (lambda: power_sweep([1.0], [[1]]), "depths"),
    (lambda: gradient_norms(np.ones((2, 2)), [1.0], [1.0, 1.0]), "branches"),
    (lambda: gradient_norms(np.ones((1, 2, 3)), [1.0], [1.0, 1.0]), "branches"),
    (lambda: gradient_norms(np.ones((1, 2, 2)), [np.inf], [1.0, 1.0]), "factors"),
    (lambda: gradient_norms(np.ones((1, 2, 2)), [1.0], [1.0, 1.0, 1.0]), "g"),
])  # fmt: skip
def test_sweeps_refuse_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}: got .*wanted "):
        call()


@pytest.mark.parametrize("exponent", [-1060, -400, 0, 400, 1020])
@pytest.mark.parametrize("shape", [(7,), (3, 4)])
def test_the_length_of_an_array_whose_squares_leave_the_range_of_floats(exponent, shape):
    array = np.ldexp(np.random.default_rng(0).integers(-9, 10, shape).astype(float), exponent)
    whole = mpmath.sqrt(sum(mpmath.mpf(float(entry)) ** 2 for entry in array.flat))
    assert abs(log10_norm(array) - float(mpmath.log10(whole))) < 1e-12
    assert log10_norm(0 * array) == -math.inf


def test_traps_for_harmless_underflow_are_left_alone():
    with np.errstate(all="raise"):
        assert log10_norm([1e-300, 1e300]) == pytest.approx(300)
        logs = gradient_norms(np.full((400, 2, 2), 1e-300), [1e-3, 1e-200], [1e-200, 1.0])[:, 0]
        assert logs[0] == pytest.approx(-1200)
        assert shortcut_product([1e-300] * 9).log10 == pytest.approx(-2700)
        assert power_sweep([1e-300], [0, 400]).tolist() == [[0.0, -120000.0]]
