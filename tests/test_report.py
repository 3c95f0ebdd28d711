"""The report: against the package's own backward pass and path sums, and on networks with one bad unit."""

import json
import math
import subprocess
import sys
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from random_networks import build, draw

from resnotes import Affine, Network, Unit, identity, relu, reports, tanh
from resnotes.__main__ import main
from resnotes.magnitudes import FORMATS, range_limits
from resnotes.network import ACTIVATIONS
from resnotes.normalisation import BatchNormTraining
from resnotes.npz import from_arrays, load
from resnotes.paths import jacobian_by_length
from resnotes.precision import round_to
from resnotes.recipes import first_checks
from resnotes.reports import SAMPLES, _power, report
from resnotes.shortcuts import Absent, Diagonal, Identity, Projection, Scale, StopGradient, ZeroPad, layer_jacobian


def weak(rng, n=4, strength=0.1, shortcut=None, after=identity):
    weight = strength * rng.normal(size=(n, n)) / math.sqrt(n)
    return Unit([relu, Affine(weight)], shortcut or Identity(), after=after)


def network(rng, depth, n=4, **options):
    return Network([weak(rng, n, **options) for _ in range(depth)])


# Against the rest of the package.


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("batched", [True, False])
def test_gradient_gains_and_shares_are_those_of_the_package(seed, batched):
    rng = np.random.default_rng(seed)
    units = [
        weak(rng, after=tanh, strength=1.0),
        Unit([Affine(rng.normal(size=(6, 4))), tanh], ZeroPad(6)),
        Unit([Affine(rng.normal(size=(6, 6))), relu], Diagonal(rng.normal(size=6)), after=tanh),
        Unit([Affine(rng.normal(size=(3, 6)))], Projection(rng.normal(size=(3, 6)))),
        weak(rng, 3, strength=1.0),
    ]
    net = Network(units)
    x = rng.normal(size=(5, 4) if batched else 4)
    trace = net.forward(x)
    g = rng.normal(size=trace.states[-1].shape)
    found = report(net, x, g)
    states = net.backward(trace, g).states
    np.testing.assert_allclose(10**found.log10_gradient, [np.linalg.norm(state) for state in states], rtol=1e-12)
    assert math.isclose(found.log10_gain.sum(), found.log10_total, abs_tol=1e-12)
    assert found.widths == (4, 4, 6, 6, 3, 3) and found.samples == (5 if batched else 1)
    parts = np.einsum("bn,bknm->bkm", np.atleast_2d(g), np.reshape(jacobian_by_length(net, trace), (-1, 6, 3, 4)))
    whole = np.atleast_2d(states[0])
    assert whole.any()
    want = np.einsum("bkm,bm->k", parts, whole) / np.sum(whole**2)
    np.testing.assert_allclose(found.share, want, atol=1e-12)
    assert math.isclose(found.share.sum(), 1, abs_tol=1e-12)
    cancelled = np.sum(np.linalg.norm(parts, axis=(0, 2))) / np.linalg.norm(whole)
    assert math.isclose(found.log10_cancellation, math.log10(cancelled), abs_tol=1e-12)
    first = jacobian_by_length(net, trace)[..., 0, :, :] if batched else jacobian_by_length(net, trace)[None, 0]
    values = np.array([np.linalg.svd(one, compute_uv=False) for one in first])
    got = (
        np.broadcast_to(10**found.log10_shortcut_product, (len(values), 3))
        if not batched
        else 10**found.log10_shortcut_product
    )
    np.testing.assert_allclose(got, values, atol=1e-12 * values.max())


@pytest.mark.parametrize("seed", range(24))
def test_networks_of_every_kind(seed):
    """Every shortcut there is, gates and stopped ones included, at every width, with and without a batch."""
    rng = np.random.default_rng(seed)
    kinds = [
        "identity",
        "scale",
        "diagonal",
        "projection",
        "zeropad",
        "absent",
        "gate",
        "stop identity",
        "stop gate",
    ]
    parameters, units, x = draw(
        rng,
        3,
        rng.choice(kinds, 3).tolist(),
        "tanh",
        rng.choice(["identity", "tanh"], 3).tolist(),
        None if seed % 2 else 3,
    )
    net = build(parameters, units)
    found = report(net, x)
    trace = net.forward(x)
    g = np.random.default_rng(1).normal(size=np.atleast_2d(trace.states[-1]).shape)  # what the report draws
    sent = net.backward(trace, g if x.ndim == 2 else g[0]).states[0]
    assert 10 ** found.log10_gradient[0] == pytest.approx(np.linalg.norm(sent), rel=1e-12)
    if sent.any():
        assert math.isclose(found.share.sum(), 1, abs_tol=1e-9)
    assert str(found) and found._repr_markdown_()


def test_what_layer_shortcut_and_branch_do_is_told_apart():
    unit = Unit([Affine(0.25 * np.eye(3))], Scale(-0.5), after=Diagonal(np.full(3, 8.0)))
    found = report([unit], np.ones(3), np.array([1.0, 2.0, 3.0]))
    assert [
        10 ** float(part[0]) for part in (found.log10_after, found.log10_shortcut, found.log10_branch, found.log10_gain)
    ] == pytest.approx([8, 0.5, 0.25, 2])
    np.testing.assert_allclose(found.share, [2, -1], atol=1e-14)
    assert math.isclose(found.log10_cancellation, math.log10(3), abs_tol=1e-12)


# The unit to blame.


@pytest.mark.parametrize("place", [0, 13, 39])
@pytest.mark.parametrize(("factor", "verdict"), [(1e-5, "vanishes"), (1e5, "explodes")])
def test_one_bad_unit_is_named(place, factor, verdict):
    rng = np.random.default_rng(place)
    units = [weak(rng) for _ in range(40)]
    bad = Affine(factor * rng.normal(size=(4, 4)))
    units[place] = Unit([bad], Scale(factor))
    found = report(units)
    assert found.verdict == verdict and found.worst_unit == place and 0.8 < found.worst_share < 1.2
    assert f"unit {place} is most to blame" in str(found) and f"the gradient {verdict}" in str(found)
    assert found.log10_gain[place] == pytest.approx(math.log10(factor), abs=0.5)


def test_a_branch_that_cancels_its_shortcut_is_named_with_the_reason():
    rng = np.random.default_rng(0)
    units = [weak(rng) for _ in range(30)]
    units[21] = Unit([Affine(-0.999 * np.eye(4))])
    found = report(units)
    assert (found.verdict, found.worst_unit) == ("vanishes", 21)
    assert found.log10_shortcut[21] == 0 and found.log10_branch[21] == pytest.approx(math.log10(0.999))
    units[21] = Unit([Affine(-np.eye(4))])
    found = report(units)
    assert found.worst_unit == 21 and found.log10_total == -math.inf and found.worst_share == 1.0
    assert np.isnan(found.share).all() and np.isnan(found.log10_gain[:21]).all()
    assert "unit 21 is to blame: it sends nothing back" in str(found)


def test_no_unit_is_blamed_where_nothing_is_wrong_and_blame_is_spread_where_all_are():
    rng = np.random.default_rng(1)
    kept = report(network(rng, 20))
    assert (kept.verdict, kept.worst_unit, kept.worst_share) == ("keeps its size", None, None)
    assert "no unit to blame" in str(kept)
    spread = report([Unit([Affine(np.zeros((3, 3)))], Scale(0.8)) for _ in range(50)])
    assert spread.verdict == "vanishes" and spread.worst_share == pytest.approx(1 / 50)


# Depth.


@pytest.mark.parametrize(("factor", "verdict"), [(1e-3, "vanishes"), (0.5, "vanishes"), (1.9, "explodes")])
def test_a_thousand_units_leave_the_range_of_no_float(factor, verdict):
    rng = np.random.default_rng(2)
    units = [Unit([Affine(0.01 * factor * rng.normal(size=(4, 4))), tanh], Scale(factor)) for _ in range(1000)]
    found = report(units, x=np.zeros(4))
    assert found.verdict == verdict and found.log10_total == pytest.approx(1000 * math.log10(factor), rel=0.02)
    assert found.share.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.log10_shortcut_product, 1000 * math.log10(factor), rtol=1e-12)
    assert found.limits["float64"].subnormal is None or factor < 0.5


def test_a_forward_pass_that_overflows_is_refused_with_the_unit():
    with pytest.raises(
        ValueError, match="x: got one whose state leaves the range of float64 in unit 307, wanted finite"
    ):
        report([Unit([Affine([[9.0]])]) for _ in range(1000)], x=[10.0])


def test_a_thousand_units_of_width_sixteen_take_seconds():
    net = network(np.random.default_rng(3), 1000, n=16)
    start = time.process_time()
    report(net)
    assert time.process_time() - start < 10  # about 1.5 s on an idle machine


# Formats.


def test_limits_of_a_chain_of_equal_factors():
    """g_l = factor**(L - l): which depth is subnormal, zero or infinite is known."""
    found = report([Unit([Affine(np.zeros((2, 2)))], Scale(0.5)) for _ in range(40)], np.ones(2), np.ones(2))
    half = found.limits["float16"]
    assert (half.subnormal, half.zero) == (40 - 15, 40 - 25)
    assert half.scales is None and found.limits["bfloat16"].scales == (40 - 126, 127)
    assert found.limits["float32"].subnormal is None
    down = report([Unit([Affine(np.zeros((2, 2)))], Scale(0.5)) for _ in range(20)], np.ones(2), np.ones(2))
    assert down.limits["float16"].scales == (6, 15)
    up = report([Unit([Affine(np.zeros((2, 2)))], Scale(2.0)) for _ in range(20)], np.ones(2), np.ones(2))
    assert (up.limits["float16"].overflow, up.limits["float16"].states) == (4, 16)
    assert math.isnan(up.limits["float16"].lost)


def kind(size, form):
    """What becomes of an exact positive number rounded once to a format, ties to even, by whole steps of it."""
    exponent = form.lowest
    while size >= Fraction(2) ** (exponent + 1):
        exponent += 1
    step = Fraction(2) ** (exponent - form.precision + 1)
    rounded = round(size / step) * step  # Python rounds a fraction half to even
    if rounded == 0:
        return "zero"
    if rounded > Fraction(form.max):
        return "overflow"
    return "subnormal" if rounded < Fraction(form.smallest_normal) else "normal"


def on_the_edge(rng, form):
    """A positive float64 at one of the format's boundaries, next to it, or anywhere near them."""
    edges = [form.zero_up_to, form.normal_from, Fraction(form.smallest_normal), Fraction(form.max), form.overflow_from]
    while True:
        try:
            value = float(rng.choice(edges) * Fraction(2) ** int(rng.integers(-2, 3)))
        except OverflowError:
            continue
        value = [value, math.nextafter(value, 0), math.nextafter(value, math.inf)][rng.integers(3)]
        if 0 < value < math.inf:
            return value


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", FORMATS)
def test_limits_are_exact_and_those_of_range_limits(name, seed):
    """Drawn at random at and around the format's boundaries; both against exact fractions."""
    rng, form = np.random.default_rng(seed), FORMATS[name]
    for _ in range(6):
        n, value = int(rng.integers(1, 9)), on_the_edge(rng, form)
        found = report([Unit([Affine(np.zeros((n, n)))])], np.zeros(n), np.full(n, value)).limits[name]
        of_powers, what = range_limits(value, name), kind(Fraction(value), form)
        for field in ("subnormal", "zero", "overflow"):
            assert (getattr(found, field) == 1) == (what == field) == (getattr(of_powers, field) == 1), (value, field)
        usable = range(form.lowest - form.highest - 8, form.highest - form.lowest + form.precision + 8)
        normal = [k for k in usable if kind_at(value, k, form) == "normal"]
        assert found.scales == ((normal[0], normal[-1]) if normal else None)
        if normal:
            held = [k for k in normal if kind_at(1.0, k, form) in ("normal", "subnormal")]
            assert found.loss_scales == ((held[0], held[-1]) if held else None)


def kind_at(value, power, form):
    """`kind` of value · 2**power, quickly where it is far from all boundaries."""
    about = math.log2(value) + power
    if about < form.lowest - form.precision - 2:
        return "zero"
    if about > form.highest + 2:
        return "overflow"
    if form.lowest + 1 < about < form.highest - 1:
        return "normal"
    return kind(Fraction(value) * Fraction(2) ** power, form)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", FORMATS)
def test_a_chain_and_the_powers_of_its_factor_end_alike(name, seed):
    rng, form = np.random.default_rng(seed), FORMATS[name]
    depth = int(rng.integers(1, 40))
    edge = rng.choice([form.zero_up_to, form.normal_from, form.overflow_from])
    factor = 2.0 ** float((math.log2(edge.numerator) - math.log2(edge.denominator)) / depth)
    factor = (
        float(np.float16(factor)) if form.precision <= 11 and 1e-4 < factor < 6e4 else 2.0 ** round(math.log2(factor))
    )
    ends = range_limits(factor, name)
    for n in (1, 3):
        found = report([Unit([Affine(np.zeros((n, n)))], Scale(factor))] * 60, np.zeros(n), np.ones(n)).limits[name]
        for field in ("subnormal", "zero", "overflow"):
            power = getattr(ends, field)
            odd = Fraction(factor).numerator
            odd //= odd & -odd
            if not power or power > 60 or (odd**power).bit_length() <= 53:  # float64 then has the exact powers
                assert getattr(found, field) == (60 - power if power and power <= 60 else None), field


def test_a_scale_that_the_format_cannot_hold_is_not_offered():
    found = report([Unit([Affine(np.zeros((1, 1)))])], [0.0], [2.0**-30])
    assert found.limits["float16"].scales == (16, 45) and found.limits["float16"].loss_scales is None
    assert found.limits["float32"].scales == (-96, 157) and found.limits["float32"].loss_scales == (-96, 127)
    assert "2^157" not in str(found)
    one = report([Unit([Affine(np.zeros((1, 1)))])], [0.0], [1.0]).limits
    assert one["float64"].scales == one["float64"].loss_scales == (-1022, 1023)
    assert one["float8_e4m3fn"].loss_scales == (-6, 8) and one["float8_e5m2"].loss_scales == (-14, 15)


def test_the_scale_that_is_suggested_keeps_every_gradient_normal():
    rng = np.random.default_rng(4)
    net = network(rng, 25, shortcut=Scale(0.6))
    x, g = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    low, high = report(net, x, g).limits["float16"].scales
    states = net.backward(net.forward(x), g).states
    form = FORMATS["float16"]

    def typical(power):
        return min(math.sqrt(np.mean((2.0**power * state) ** 2)) for state in states)

    assert typical(low) >= form.smallest_normal > typical(low - 1)
    top = max(np.max(np.abs(state)) for state in states)
    assert 2.0**high * top <= form.max < 2.0 ** (high + 1) * top


def test_branches_lost_in_the_addition_are_counted():
    tiny, strong = Unit([Affine(np.eye(2) / 1024)]), Unit([Affine(np.eye(2) / 8)])
    found = report([tiny, strong, tiny, strong], np.ones(2))
    assert [found.limits[name].lost for name in FORMATS] == [0, 0.5, 0, 0, 0.5, 0.75]
    assert found.limits["bfloat16"].lost_units == 2
    assert round_to(1 + 1 / 1024, "bfloat16") == 1


# What comes in.


class Gate:
    """A layer of the reader's own, without a base class: x sigmoid(x)."""

    def forward(self, x):
        return x / (1 + np.exp(-x))

    def backward(self, x, g):
        s = 1 / (1 + np.exp(-x))
        return g * (s + x * s * (1 - s)), None


def test_layers_of_ones_own_are_taken_and_need_an_input_where_they_come_first():
    rng = np.random.default_rng(5)
    units = [Unit([Gate(), Affine(rng.normal(size=(3, 3)))]) for _ in range(4)]
    net = Network(units)
    x, g = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    want = np.linalg.norm(net.backward(net.forward(x), g).states[0])
    assert 10 ** report(units, x, g).log10_gradient[0] == pytest.approx(want)
    with pytest.raises(ValueError, match="x: got none, wanted .* the first unit, .* does not tell n"):
        report(units)
    assert report([Unit([Gate()], Diagonal([1.0, 2.0]))]).widths == (2, 2)


def test_float32_networks_are_reported_in_float64():
    weight = np.eye(3, dtype=np.float32)
    found = report([Unit([Affine(weight)]) for _ in range(3)], np.ones(3, np.float32), np.ones(3, np.float32))
    assert found.log10_total == pytest.approx(3 * math.log10(2))


class SentTimes:
    """The identity, which multiplies what is sent back by z: every branch counts z times in the gradient."""

    def __init__(self, z):
        self.z = z

    def forward(self, x):
        return x

    def backward(self, x, g):
        return self.z * g, None


@pytest.mark.parametrize("place", ["branch", "after", "shortcut"])
def test_batch_statistics_are_taken(place):
    """Shares by length against the whole network's gradient, every branch's counted z times, for several z."""
    rng = np.random.default_rng(8)

    def units(z):
        rng = np.random.default_rng(9)
        for index in range(5):
            norm = BatchNormTraining(3, rng.normal(size=3), rng.normal(size=3))
            branch = [Affine(rng.normal(size=(3, 3))), tanh, Affine(rng.normal(size=(3, 3))), SentTimes(z)]
            options = {}
            if index % 2:
                branch = [norm, *branch] if place == "branch" else branch
                options = {place: norm} if place != "branch" else {}
            yield Unit(branch, **options)

    x, g = rng.normal(size=(2, 6, 3))

    def sent(z):
        net = Network(list(units(z)))
        return net.backward(net.forward(x), g).states[0]

    found, whole = report(list(units(1.0)), x, g), sent(1.0)
    assert 10 ** found.log10_gradient[0] == pytest.approx(np.linalg.norm(whole), rel=1e-12)
    for z in (0.0, 0.5, 2.0):
        want = np.sum(sent(z) * whole) / np.sum(whole**2)
        assert np.sum(found.share * z ** np.arange(6)) == pytest.approx(want, rel=1e-11)
    assert 10 ** found.log10_part[0] == pytest.approx(np.linalg.norm(sent(0.0)), rel=1e-11)
    formed = np.isfinite(found.log10_shortcut_product).all()
    assert formed == (place == "branch") and ("not formed" in str(found)) == (not formed)
    first = next(iter(first_checks(list(units(1.0)), x, g)))
    assert first.where == ("log10_shortcut_product" if formed else "log10_part")


def test_one_sample_cannot_have_batch_statistics():
    with pytest.raises(ValueError, match="unit 1: .*BatchNormTraining"):
        report([Unit([Affine(np.eye(3))]), Unit([BatchNormTraining(3)])], np.ones(3))


class NoRowsPlease:
    """A layer of the reader's own that counts how its gradients come, and writes into them."""

    def __init__(self):
        self.kept = None

    def forward(self, x):
        return 2.0 * x

    def backward(self, x, g):
        if self.kept is None or self.kept.shape != g.shape:
            self.kept = np.empty_like(g)
        self.kept[:] = 2.0 * g  # the same array again and again
        return self.kept, None


def test_a_layer_that_keeps_what_it_returns_spoils_nothing():
    layer = NoRowsPlease()
    units = [Unit([layer, layer], layer), Unit([layer], layer, after=layer)]
    found = report(units, np.ones((2, 3)), np.ones((2, 3)))
    assert found.log10_total == pytest.approx(math.log10((4 + 2) * (2 + 2) * 2))
    np.testing.assert_allclose(found.share, [1 / 6, 1 / 2, 1 / 3], rtol=1e-12)


def test_no_view_keeps_the_jacobians_of_all_samples():
    """Wanted: the rows, and one sample's matrices for the shortcut product. L n² samples would be 64 MB."""
    rng = np.random.default_rng(10)
    samples, n, depth = 16, 128, 32
    shortcut = Projection(rng.normal(size=(n, n)) / math.sqrt(n))
    units = [Unit([Affine(rng.normal(size=(n, n)) / n), relu], shortcut) for _ in range(depth)]
    x = rng.normal(size=(samples, n))
    tracemalloc.start()
    try:
        report(units, x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    one_sample = depth * n * n * 8
    assert peak < 6 * one_sample < 0.5 * samples * one_sample


def test_only_shortcuts_that_need_matrices_form_them(monkeypatch):
    formed = []
    monkeypatch.setattr(reports, "layer_jacobian", lambda *given: formed.append(given) or layer_jacobian(*given))
    rng = np.random.default_rng(11)

    def unit(shortcut, after=relu, n=3):
        return Unit([Affine(rng.normal(size=(n, n)))], shortcut, after)

    report([unit(Identity()), unit(Scale(0.5)), unit(Diagonal(rng.normal(size=3)), tanh), unit(Absent())])
    report([unit(Identity()), unit(ZeroPad(3)), unit(StopGradient(ZeroPad(3)))])
    assert not formed
    report([unit(Identity()), unit(ZeroPad(3))], rng.normal(size=(2, 3)))
    assert len(formed) == 2, "one for each sample"


def test_matrices_that_would_take_too_long_are_not_formed(monkeypatch):
    monkeypatch.setattr(reports, "MOST_WORK", 4**3 * SAMPLES - 1)
    found = report(network(np.random.default_rng(12), 3, shortcut=Projection(np.eye(4))))
    assert np.isnan(found.log10_shortcut_product).all() and math.isfinite(found.log10_total)
    assert len(report(network(np.random.default_rng(12), 3)).log10_shortcut_product) == 1


def test_diagonal_runs_ride_along_and_are_let_go_before_they_leave_the_range():
    rng = np.random.default_rng(13)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    units = [Unit([Affine(np.zeros((2, 2)))], Scale(1e-60)) for _ in range(9)]
    units[4] = Unit([Affine(np.zeros((2, 2)))], Projection(turn))
    found = report(units, rng.normal(size=2), rng.normal(size=2))
    np.testing.assert_allclose(found.log10_shortcut_product, [[-480, -480]], rtol=1e-13)


# Lengths and squares beyond the range, and numpy's own traps.


@pytest.mark.parametrize("size", [1e-170, 1e170, 1e-300, 1e300])
@pytest.mark.parametrize("part", ["after", "shortcut", "branch"])
def test_factors_whose_squares_leave_the_range(size, part):
    layer = Diagonal(np.full(2, size))
    unit = {
        "after": Unit([Affine(np.zeros((2, 2)))], after=layer),
        "shortcut": Unit([Affine(np.zeros((2, 2)))], layer),
        "branch": Unit([Affine(np.eye(2) * size)], Absent()),
    }[part]
    found = report([unit, unit], np.zeros(2), [1.0, -1.0])
    np.testing.assert_allclose(getattr(found, f"log10_{part}"), math.log10(size), rtol=1e-13)
    np.testing.assert_allclose(found.log10_gain, math.log10(size), rtol=1e-13)
    if part != "branch":
        np.testing.assert_allclose(found.log10_shortcut_product, 2 * math.log10(size), rtol=1e-13)


def test_layers_of_a_branch_may_make_up_for_each_other_beyond_the_range():
    branch = [Affine(np.eye(2) * size) for size in (1e200, 1e200, 1e-200, 1e-200)]
    found = report([Unit(branch)], np.zeros(2), np.ones(2))
    assert found.log10_branch[0] == pytest.approx(0) and found.log10_gain[0] == pytest.approx(math.log10(2))


def test_traps_for_harmless_underflow_are_left_alone():
    units = [Unit([Affine(np.full((4, 4), 1e-5)), relu], Scale(0.1)) for _ in range(400)]
    with np.errstate(all="raise"):
        found = report(units, np.ones(4), np.ones(4))
        assert str(found) and found._repr_markdown_() and len(first_checks(units)) == 5
    assert found.log10_total == pytest.approx(-400, abs=0.1)
    assert np.geterr()["under"] == "ignore", "numpy's default, as before"


def test_what_is_not_finite_within_a_unit_is_refused_with_the_unit():
    big = np.array([[1e200, 0.0], [0.0, 1e200]])
    hidden = Unit([Affine(big), relu, Affine([[1.0, -1.0], [0.0, 0.0]]), relu, Affine(np.eye(2) * 1e-200)])
    for call in (report, first_checks):
        with pytest.raises(ValueError, match="unit 1"):
            call([Unit([Affine(np.zeros((2, 2)))]), hidden], x=[2e200, 1e200])


# Shares.


def test_the_moment_of_signed_shares_is_not_called_a_mean():
    against = report([Unit([Affine(-np.eye(2) / 2)])] * 3, np.ones(2), np.ones(2))
    assert against.length_moment == pytest.approx(-3)
    assert "on average" not in str(against) and "first moment is -3.0" in str(against)
    along = report([Unit([Affine(np.eye(2) / 2)])] * 3, np.ones(2), np.ones(2))
    assert along.length_moment == pytest.approx(1) and "1.0 of 3 branches on average" in str(along)


def test_shares_that_have_lost_their_digits_are_not_shown():
    lost = report([Unit([Affine(-0.9 * np.eye(2))])] * 30, np.ones(2), np.ones(2))
    assert math.isnan(lost.length_moment) and not lost.shares_hold
    assert "no digits left" in str(lost) and "Share of the gradient by path length" not in str(lost)
    assert lost.log10_cancellation == pytest.approx(30 * math.log10(19), rel=1e-9)
    # The parts themselves have theirs: C(30, k) 0.9^k.
    want = [math.log10(math.comb(30, k) * 0.9**k * math.sqrt(2)) for k in range(31)]
    np.testing.assert_allclose(lost.log10_part, want, rtol=1e-12)


def test_parts_far_apart_from_one_another_keep_their_digits():
    """λ = 1e-20 and a branch of 1e-3, forty units: the parts lie 680 powers of ten apart."""
    found = report([Unit([Affine(1e-3 * np.eye(1))], Scale(1e-20))] * 40, [1.0], [1.0])
    want = [math.log10(math.comb(40, k)) - 20 * (40 - k) - 3 * k for k in range(41)]
    np.testing.assert_allclose(found.log10_part, want, rtol=1e-13)


def test_the_former_names_are_said_to_be_former():
    found = report([Unit([Affine(np.zeros((2, 2)))], Scale(1e-4))], np.ones(2), np.ones(2))
    with pytest.warns(DeprecationWarning, match="Report.total is called log10_total"):
        assert found.total == found.log10_total
    with pytest.warns(DeprecationWarning, match="worst_unit"):
        assert found.to_blame == 0
    with pytest.raises(AttributeError, match="no attribute 'median'"):
        _ = found.median


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "source: got 3 of type int, wanted a Network"),
        (([],), "units"),
        (([Unit([Affine(np.eye(2))])], np.ones(3)), "unit 0"),
        (([Unit([Affine(np.eye(2))])], [np.nan, 1]), "x: got nan"),
        (([Unit([Affine(np.eye(2))])], np.ones(2), np.ones(3)), r"g: got .*shape \(3,\)"),
        (([Unit([Affine(np.eye(2))])], np.ones(2), np.zeros(2)), "g: got zeros alone"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        report(*arguments)


# Named arrays.

GOOD = {
    "unit0.weight0": np.ones((3, 2)),
    "unit0.bias0": np.ones(3),
    "unit0.weight1": np.ones((2, 3)),
    "unit1.weight0": np.ones((4, 2)),
    "unit1.shortcut": np.ones((4, 2)),
    "unit2.weight0": np.ones((4, 4)),
    "unit2.shortcut": np.array(0.5),
    "x": np.ones((5, 2)),
    "g": np.ones((5, 4)),
}


def test_arrays_become_the_network_that_they_name():
    net, given = from_arrays(GOOD | {"activation": "tanh", "placement": "before", "after": "relu"})
    assert list(given) == ["x", "g"] and len(net.units) == 3
    assert [repr(layer) for layer in net.units[0].branch] == [
        "tanh",
        "Affine(2 -> 3)",
        "tanh",
        "Affine(3 -> 2, no bias)",
    ]
    assert [type(unit.shortcut) for unit in net.units] == [Identity, Projection, Scale]
    assert all(unit.after is relu for unit in net.units)
    plain, _ = from_arrays({"unit0.weight0": np.ones((3, 2)), "unit0.shortcut": 0})
    assert isinstance(plain.units[0].shortcut, Absent) and len(plain.units[0].branch) == 1
    between = from_arrays(GOOD)[0].units[0].branch
    assert [layer is relu for layer in between] == [False, True, False]
    for word in ("after", "behind"):  # "behind" is what it was called before
        branch = from_arrays(GOOD | {"placement": np.array(word)})[0].units[0].branch
        assert [layer is relu for layer in branch] == [False, True, False, True]
    assert isinstance(from_arrays(GOOD | {"unit2.shortcut": np.ones(4)})[0].units[2].shortcut, Diagonal)


BAD = {
    "weights": (
        {"weights": np.eye(2)},
        r"key 'weights': got a name that means nothing here, wanted unit<l>.weight<k>",
    ),
    "leading zero": ({"unit00.weight0": np.eye(2)}, "key 'unit00.weight0'"),
    "a gap": (
        {"unit4.weight0": np.ones((4, 4))},
        r"unit3.weight0: got no such key, wanted a matrix .*without gaps",
    ),
    "a gap in a branch": ({"unit0.weight3": np.eye(2)}, "unit0.weight2: got no such key"),
    "a bias too many": ({"unit0.bias2": np.ones(2)}, "unit0.weight2: got no such key"),
    "a vector": ({"unit0.weight0": np.ones(3)}, r"unit0.weight0: got .*\(3,\).*wanted a real matrix"),
    "NaN": ({"unit2.weight0": np.full((4, 4), np.nan)}, r"unit2.weight0: got nan at index \(0, 0\)"),
    "text": (
        {"unit0.bias0": np.array(["a", "b", "c"])},
        "unit0.bias0: got .*wanted a real vector of shape .3,",
    ),
    "a bias of another width": ({"unit0.bias0": np.ones(2)}, r"unit0.bias0: got .*\(2,\).*\(3,\)"),
    "a weight of another width": (
        {"unit0.weight1": np.ones((2, 4))},
        r"unit0.weight1: got .*\(2, 4\).*\(m, 3\)",
    ),
    "a unit of another width": (
        {"unit1.weight0": np.ones((4, 3))},
        r"unit1.weight0: .*wanted a real matrix of shape \(m, 2\)",
    ),
    "a shortcut of another shape": (
        {"unit1.shortcut": np.ones((2, 4))},
        r"unit1.shortcut: got .*wanted the number 0 or .*\(4, 2\)",
    ),
    "a number where widths differ": (
        {"unit1.shortcut": np.array(1.0)},
        "unit1.shortcut: got .*wanted the number 0",
    ),
    "a vector of another width": ({"unit2.shortcut": np.ones(3)}, "unit2.shortcut: .*wanted one real number"),
    "an unknown word": (
        {"activation": np.array("swish")},
        "activation: got .*wanted one of relu, tanh, gelu, silu, identity",
    ),
    "a number for a word": (
        {"placement": np.array(1)},
        "placement: got .*wanted one of between, before, after",
    ),
    "an input of another width": ({"x": np.ones((5, 3))}, "unit 0"),
    "a gradient of another shape": (
        {"g": np.ones((4, 4))},
        r"g: got .*wanted a real array of shape \(5, 4\)",
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_can_be_named(name):
    net, _ = from_arrays(GOOD | {"activation": name, "after": name})
    assert net.units[0].after is ACTIVATIONS[name] and ACTIVATIONS[name] in net.units[0].branch


@pytest.mark.parametrize("case", BAD)
def test_bad_keys_are_named(case):
    change, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        report(GOOD | change)


def test_a_missing_projection_and_no_units_at_all():
    without = {key: value for key, value in GOOD.items() if key != "unit1.shortcut"}
    with pytest.raises(ValueError, match="unit1.shortcut: got no such key, wanted .*the branch changes the width"):
        report(without)
    with pytest.raises(ValueError, match="unit0.weight0: got no such key"):
        report({"x": np.ones(2)})
    with pytest.raises(ValueError, match="arrays: got 3"):
        from_arrays(3)


# Files and the command line.


@pytest.fixture
def good_file(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, **GOOD)
    return path


def test_a_file_says_the_same_as_its_arrays(good_file):
    assert str(report(good_file)) == str(report(GOOD)) == str(report(str(good_file)))
    assert list(load(good_file)) == list(GOOD)


def test_the_command_line_prints_the_report(good_file, capsys):
    assert main(["report", str(good_file)]) == 0
    assert capsys.readouterr().out.rstrip() == str(report(GOOD))


def test_the_command_line_prints_json_and_writes_a_figure(good_file, tmp_path, capsys):
    assert main(["report", str(good_file), "--json", "--figure", str(tmp_path / "net.png")]) == 0
    found = json.loads(capsys.readouterr().out)
    want = report(GOOD)
    assert found["verdict"] == want.verdict and found["log10_gain"] == pytest.approx(want.log10_gain.tolist())
    assert found["limits"]["float16"]["lost_units"] == want.limits["float16"].lost_units
    assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    assert main(["report", str(good_file), "--figure", str(tmp_path / "none" / "net.png")]) == 2
    assert main(["report", str(good_file), "--figure", str(tmp_path / "net.doc")]) == 2


def test_json_has_no_numbers_that_json_does_not_know():
    text = json.dumps(report([Unit([Affine(-np.eye(2))])]).as_dict(), allow_nan=False)
    assert json.loads(text)["log10_gradient"][0] == "-inf" and json.loads(text)["share"] == ["nan", "nan"]


class Tempting:
    """Unpickling it leaves a trace."""

    def __reduce__(self):
        return (print, ("unpickled",))


def test_pickles_are_never_loaded(tmp_path, capsys):
    path = tmp_path / "bad.npz"
    np.savez(path, **{**GOOD, "unit0.bias0": np.array([Tempting()], dtype=object)})
    assert main(["report", str(path)]) == 2
    printed = capsys.readouterr()
    assert "unit0.bias0: got something that is no plain array" in printed.err and "unpickled" not in printed.out
    (tmp_path / "bare.npz").write_bytes(__import__("pickle").dumps(Tempting()))
    assert main(["report", str(tmp_path / "bare.npz")]) == 2
    assert "unpickled" not in capsys.readouterr().out


def test_bad_files_are_named(tmp_path, capsys, good_file):
    whole = good_file.read_bytes()
    np.save(tmp_path / "one.npy", np.eye(2))
    (tmp_path / "text.npz").write_text("weights", "utf-8")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.npz").write_bytes(whole[:200] + bytes([whole[200] ^ 255]) + whole[201:])
    np.savez(tmp_path / "nothing.npz")
    for name, message in {
        "one.npy": "one array without a name",
        "text.npz": "no .npz file but something else",
        "empty.npz": "no .npz file but empty",
        "half.npz": "no .npz file but a damaged archive",
        "flipped.npz": "unit0.weight0",
        "nothing.npz": "unit0.weight0",
        "missing.npz": "No such file",
        ".": "Is a directory",
    }.items():
        assert main(["report", str(tmp_path / name)]) == 2, name
        printed = capsys.readouterr()
        assert message in printed.err and printed.out == "" and "Traceback" not in printed.err, name


def test_the_command_runs_as_a_module(good_file):
    done = subprocess.run(
        [sys.executable, "-m", "resnotes", "report", str(good_file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "most to blame" in done.stdout and done.stderr == ""


# Shown.


def test_the_same_network_is_shown_the_same_every_time():
    shown = [report(network(np.random.default_rng(6), 12)) for _ in range(2)]
    assert repr(shown[0]) == repr(shown[1]) and " at 0x" not in repr(shown[0])
    assert shown[0]._repr_markdown_() == shown[1]._repr_markdown_()


@pytest.mark.parametrize("depth", [1, 2, 40])
@pytest.mark.parametrize("after", [identity, relu])
def test_a_figure_of_every_kind(depth, after):
    from resnotes import figures

    figure = figures.report(report(network(np.random.default_rng(7), depth, after=after)))
    assert [axes.get_title() for axes in figure.axes] == [
        "gradient by state",
        "gain of each unit",
        "share by path length",
        "shortcut product",
    ]
    figures.report(report([Unit([Affine(-np.eye(2))], after=after)])).canvas.draw()
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("log10", "text"),
    [
        (0, "1"),
        (-1, "0.1"),
        (2.5, "316"),
        (3, "1.0e+03"),
        (-431.2, "6.3e-432"),
        (400.9999, "1.0e+401"),
        (-math.inf, "0"),
        (math.inf, "inf"),
        (math.nan, "-"),
    ],
)
def test_sizes_in_words(log10, text):
    assert _power(log10) == text
