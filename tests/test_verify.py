"""verify: the oracles themselves, and the symbolic result against three of them."""

import math

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import jacobian

from resnotes import Affine, Network, Unit, identity, relu, tanh
from resnotes.book import EQUATIONS, cases, lambda_scaling, oracles
from resnotes.shortcuts import Diagonal, Identity, Projection, Scale, ZeroPad

KINDS = (Identity, Scale, Diagonal, Projection, ZeroPad)


def autograd_forward(net, start):
    """The forward pass from unit ``start`` on, written anew with autograd's NumPy."""

    def act(layer, z):
        if layer is relu:
            return anp.where(z > 0, z, 0.0)
        return anp.tanh(z) if layer is tanh else z

    def skip(shortcut, x):
        if isinstance(shortcut, Projection):
            return anp.dot(shortcut.weight, x)
        return x * shortcut.weight if isinstance(shortcut, (Scale, Diagonal)) else x

    def forward(x):
        for unit in net.units[start:]:
            z = x
            for entry in unit.branch:
                z = anp.dot(entry.weight, z) + entry.bias if isinstance(entry, Affine) else act(entry, z)
            x = act(unit.after, skip(unit.shortcut, x) + z)
        return x

    return forward


def test_symbolic_product_agrees_with_autograd_complex_step_and_central_differences():
    entry = EQUATIONS["backward-product"]
    seen = set()
    for case in cases.random_cases(cases.Units, 120, seed=7):
        symbolic = case.evaluate(entry.expression.rhs)
        low = case.low
        start = case.trace.states[low]
        by_autograd = case.g_out @ jacobian(autograd_forward(case.net, low))(start)
        by_complex = case.gradient(low)
        by_difference = case.g_out @ oracles.central_difference_jacobian(lambda x, w=case, k=low: w._from(k, x), start)
        numpy_half = case.net.backward(case.trace, case.g_out).states[low]
        size = np.max(np.abs(case.g_out))
        for other, tolerance in ((by_autograd, 1e-9), (by_complex, 1e-9), (numpy_half, 1e-9), (by_difference, 1e-6)):
            assert oracles.relative_error(symbolic, other.reshape(1, -1), size) < tolerance
        seen |= {(type(unit.shortcut), unit.after) for unit in case.net.units}
    assert seen == {(kind, after) for kind in KINDS for after in (identity, relu, tanh)}


def test_random_cases_cover_all_sizes_and_repeat():
    random_cases = list(cases.random_cases(cases.Units, 120))
    assert {case.depth for case in random_cases} == set(range(1, 8))
    assert {case.trace.states[0].size for case in random_cases} == set(range(1, 6))
    again = next(cases.random_cases(cases.Units, 1))
    assert np.array_equal(again.trace.states[0], random_cases[0].trace.states[0])


def test_kinks_are_seen_in_branches_and_after_additions():
    inside = Network([Unit([Affine([[1.0]], [0.001]), relu, Affine([[1.0]])])])
    behind = Network([Unit([Affine([[-1.0]], [0.001])], Identity(), after=relu)])
    far = Network([Unit([Affine([[1.0]]), relu], Identity(), after=relu)])
    for net, start, clear in ((inside, 0.0, False), (behind, 1.0, False), (far, 1.0, True)):
        assert cases.clear_of_kinks(net, net.forward(np.array([start]))) is clear


def test_complex_step_is_exact_where_a_difference_cannot_be():
    x = np.array([0.3, -1.2])

    def function(z):
        return np.array([np.tanh(z[0]) * z[1], z[0] ** 3])

    exact = np.array([[(1 - math.tanh(0.3) ** 2) * -1.2, math.tanh(0.3)], [3 * 0.3**2, 0.0]])
    assert oracles.relative_error(oracles.complex_step_jacobian(function, x), exact) < 1e-15
    assert 1e-15 < oracles.relative_error(oracles.central_difference_jacobian(function, x), exact) < 1e-9


def test_relative_error():
    assert oracles.relative_error([1.0, 2.0], [1.0, 2.0]) == 0
    assert oracles.relative_error([1.0], [math.nan]) == math.inf
    assert oracles.relative_error([[1.0, 2.0]], [[1.0], [2.0]]) == math.inf
    assert oracles.relative_error(1.0, np.eye(3)) == 0
    assert oracles.relative_error(0.0, np.zeros((1, 3))) == 0
    assert oracles.relative_error(1.0, np.zeros((1, 3))) == math.inf
    assert oracles.relative_error([1e-20], [2e-20], size=1.0) < 1e-19
    assert oracles.relative_error([0.0], [0.0]) == 0


def test_a_wrong_numpy_half_is_caught(monkeypatch):
    original = Network.backward

    def wrong(self, trace, g):
        return original(self, trace, -np.asarray(g))

    monkeypatch.setattr(Network, "backward", wrong)
    with pytest.raises(oracles.CheckError, match="Network.backward"):
        EQUATIONS["backward-product"].check()


def test_a_wrong_four_layer_module_is_caught(monkeypatch):
    from resnotes import four_layer

    original = four_layer.gradients

    def wrong(weights, biases, x1, g5):
        found = dict(original(weights, biases, x1, g5))
        found["x2"] = 2 * found["x2"] + 1
        return found

    monkeypatch.setattr(four_layer, "gradients", wrong)
    with pytest.raises(oracles.CheckError, match="four_layer.gradients, x_2"):
        EQUATIONS["backward-g4"].check()


def test_a_wrong_account_of_paths_is_caught(monkeypatch):
    original = cases.paths.jacobian_by_length
    monkeypatch.setattr(cases.paths, "jacobian_by_length", lambda *given, **named: original(*given, **named)[::-1])
    with pytest.raises(oracles.CheckError, match="jacobian_by_length from state"):
        EQUATIONS["unrolled-by-length"].check()


def test_a_shortcut_that_is_stopped_in_vain_is_caught(monkeypatch):
    monkeypatch.setattr(cases, "StopGradient", lambda shortcut: shortcut)
    with pytest.raises(oracles.CheckError, match="with the shortcut of unit . stopped"):
        EQUATIONS["backward-stop"].check()


def test_unknown_symbols_are_named():
    case = next(cases.random_cases(lambda_scaling.Plain, 1))
    with pytest.raises(KeyError, match="Plain has no value for g_1"):
        from resnotes.symbolic.symbols import g

        case.evaluate(g(1))
