"""The Jacobian by path length against enumeration of all paths, closed forms and the whole Jacobian."""

import itertools
import math
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from random_networks import ACTIVATIONS, SHORTCUTS, assert_near, build, draw

from resnotes import Affine, Network, Unit, paths, relu, tanh
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Absent, Projection, Scale, StopGradient


def complex_jacobian(function, x, width):
    """Jacobian of a forward function at one state, with no backward rule."""
    out = np.empty((width, len(x)))
    for j in range(len(x)):
        moved = x.astype(complex)
        moved[j] += 1e-30j
        out[:, j] = np.imag(function(moved)) / 1e-30
    return out


def enumerated(net, trace, start, stop):
    """All 2^n paths one by one, for a trace without a batch: (n + 1, n_stop, n_start)."""
    factors = []
    for l in range(start, stop):
        unit, record = net.units[l], trace.units[l]
        m = len(record.sum)

        def branch(x, unit=unit):
            for layer in unit.branch:
                x = layer.forward(x)
            return x

        D = complex_jacobian(unit.after.forward, record.sum, len(record.output))
        if isinstance(unit.shortcut, StopGradient):
            H = np.zeros((m, len(record.branch[0])))
        else:
            H = complex_jacobian(unit.shortcut.forward, record.branch[0], m)
        factors.append((D @ H, D @ complex_jacobian(branch, record.branch[0], m)))
    n = len(trace.states[start])
    total = np.zeros((stop - start + 1, len(trace.states[stop]), n))
    for choice in itertools.product((0, 1), repeat=stop - start):
        path = np.eye(n)
        for taken, pair in zip(choice, factors):
            path = pair[taken] @ path
        total[sum(choice)] += path
    return total


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("after", ACTIVATIONS)
def test_against_enumeration(shortcut, after):
    rng = np.random.default_rng(sum(map(ord, shortcut + after)))
    for batch in (None, 2):
        parameters, units, x = draw(rng, 5, [shortcut] * 5, "tanh", [after] * 5, batch)
        net = build(parameters, units)
        trace = net.forward(x)
        for start, stop in ((0, None), (1, 4), (2, 3), (0, 1)):
            got = jacobian_by_length(net, trace, start, stop)
            end = 5 if stop is None else stop
            whole = net.jacobian(trace, start, end)
            assert got.shape == whole.shape[:-2] + (end - start + 1,) + whole.shape[-2:]
            assert_near(got.sum(axis=-3), whole, 1e-12)
            for sample in range(batch or 1):
                one = net.forward(x if batch is None else x[sample])
                wanted = enumerated(net, one, start, end)
                assert_near(got if batch is None else got[sample], wanted, 1e-9)


@pytest.mark.parametrize("batch", [None, 3])
def test_from_a_state_to_itself(batch):
    rng = np.random.default_rng(0)
    net = Network([Unit([Affine(rng.normal(size=(4, 4)))])] * 2)
    trace = net.forward(rng.normal(size=4 if batch is None else (batch, 4)))
    wanted = np.eye(4)[None] if batch is None else np.stack([np.eye(4)[None]] * batch)
    for l in range(3):
        np.testing.assert_array_equal(jacobian_by_length(net, trace, l, l), wanted)


def test_the_scalar_chain_is_binomial():
    """λ + r in every unit: the part of length k is C(n, k) λ^(n-k) r^k, down to parts of 1e-250."""
    for n, factor, r in ((10, 0.9, 0.2), (200, 1.0, -0.5), (54, 1.0, 2.0**-17), (50, 0.5, 1e-5)):
        net = Network([Unit([Affine([[r]])], shortcut=Scale(factor))] * n)
        got = jacobian_by_length(net, net.forward([1.0]))[:, 0, 0]
        a, b = Fraction(factor), Fraction(r)
        wanted = [float(math.comb(n, k) * a ** (n - k) * b**k) for k in range(n + 1)]
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert 0 < min(abs(w) for w in wanted) < 1e-249


def test_absent_and_open_ends():
    rng = np.random.default_rng(1)
    W = rng.normal(size=(3, 3))
    net = Network([Unit([Affine(W)], shortcut=Absent())] * 3)
    got = jacobian_by_length(net, net.forward(np.ones(3)))
    np.testing.assert_array_equal(got[:3], np.zeros((3, 3, 3)))
    np.testing.assert_allclose(got[3], W @ W @ W, rtol=1e-13)
    P = rng.normal(size=(2, 3))
    net = Network([Unit([Affine(np.zeros((2, 3))), tanh], shortcut=Projection(P), after=relu)])
    trace = net.forward(np.ones(3))
    np.testing.assert_allclose(jacobian_by_length(net, trace)[0], (P.sum(axis=1) > 0)[:, None] * P)


def test_two_hundred_units_take_less_than_a_second():
    rng = np.random.default_rng(2)
    net = Network([Unit([Affine(rng.normal(size=(4, 4)) / 4), tanh, Affine(rng.normal(size=(4, 4)) / 4)],
                        shortcut=Scale(0.9), after=tanh) for _ in range(200)])  # fmt: skip
    trace = net.forward(rng.normal(size=4))
    began = time.perf_counter()
    got = jacobian_by_length(net, trace)
    assert time.perf_counter() - began < 1
    assert got.shape == (201, 4, 4)
    assert_near(got.sum(axis=0), net.jacobian(trace), 1e-11)


def test_float32_and_damage():
    rng = np.random.default_rng(3)
    W = rng.normal(size=(2, 2)).astype(np.float32)
    net = Network([Unit([Affine(W), tanh], shortcut=Scale(0.5))] * 4)
    trace = net.forward(np.ones(2, np.float32))
    got = jacobian_by_length(net, trace)
    assert got.dtype == np.float32
    wanted = enumerated(net, trace, 0, 4)
    assert_near(got, wanted, 1e-5)
    with pytest.raises(AssertionError):  # lengths off by one
        assert_near(np.roll(got, 1, axis=0), wanted, 1e-2)
    with pytest.raises(AssertionError):  # factors transposed
        assert_near(got.swapaxes(1, 2), wanted, 1e-2)


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("up_to", range(8))
def test_the_rest_in_one_part(batch, up_to):
    """The first lengths as without up_to, the last part the sum of all others; spans within the network too."""
    rng = np.random.default_rng(4)
    widths = [3, 3, 5, 2, 4, 4, 3]
    units = [
        Unit([Affine(rng.normal(size=(m, n))), tanh], Projection(rng.normal(size=(m, n))), after=tanh)
        for n, m in itertools.pairwise(widths)
    ]
    net = Network(units)
    trace = net.forward(rng.normal(size=3 if batch is None else (batch, 3)))
    for start, stop in ((0, 6), (2, 5), (1, 2), (3, 3)):
        every = np.moveaxis(jacobian_by_length(net, trace, start, stop), -3, 0)
        got = np.moveaxis(jacobian_by_length(net, trace, start, stop, up_to=up_to), -3, 0)
        assert len(got) == min(up_to + 2, stop - start + 1)
        if up_to >= stop - start:
            np.testing.assert_array_equal(got, every)
        else:
            np.testing.assert_allclose(got[:-1], every[: up_to + 1], rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(got[-1], every[up_to + 1 :].sum(axis=0), rtol=1e-12, atol=1e-12)


def test_few_lengths_of_many_units_take_little_memory():
    net = Network([Unit([Affine(1e-3 * np.eye(32))])] * 400)
    trace = net.forward(np.ones(32))
    tracemalloc.start()
    got = jacobian_by_length(net, trace, up_to=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert got.shape == (5, 32, 32) and peak < 30 * got.nbytes
    want = [math.comb(400, k) * 1e-3**k for k in range(4)]
    np.testing.assert_allclose(got[:4, 0, 0], want, rtol=1e-12)
    np.testing.assert_allclose(got[4, 0, 0], 1.001**400 - sum(want), rtol=1e-9)


def test_hopeless_sizes_and_bad_lengths_are_refused(monkeypatch):
    net = Network([Unit([Affine(np.zeros((4, 4)))])] * 3)
    trace = net.forward(np.ones(4))
    with pytest.raises(ValueError, match="up_to: got -1"):
        jacobian_by_length(net, trace, up_to=-1)
    with pytest.raises(ValueError, match="up_to: got 1.5"):
        jacobian_by_length(net, trace, up_to=1.5)
    monkeypatch.setattr(paths, "LARGEST", 4 * 16 * 8 - 1)
    with pytest.raises(ValueError, match="up_to: got 4 parts of 4 by 4 over 3 units, .*wanted .*a smaller up_to"):
        jacobian_by_length(net, trace)
    assert jacobian_by_length(net, trace, up_to=1).shape == (3, 4, 4)
    monkeypatch.setattr(paths, "MOST_WORK", 100)
    with pytest.raises(ValueError, match="multiplications, wanted"):
        jacobian_by_length(net, trace, up_to=1)
