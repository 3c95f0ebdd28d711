"""The explorer of operators: what it carries, the reader's own matrices, refusals, its page's weight."""

import math
import re

import numpy as np
import pytest
import traitlets

from resnotes import Affine, Network, Unit, tanh
from resnotes.explorers import Operators, operators
from resnotes.shortcuts import Gate, Scale
from resnotes.spectrum import product_singular_values

from .modules import numbers, run, said


def test_the_carried_spectra_are_those_of_the_drawn_matrices():
    """Drawn again, multiplied by another routine, at some depths."""
    carried = operators.standard()
    assert set(carried) == set(operators.OPERATORS) == set(operators.DRAWN)
    for number, (name, draw) in enumerate(operators.DRAWN.items()):
        rng = np.random.default_rng([operators.SEED, number])
        matrices = [draw(rng, unit) for unit in range(operators.DEPTH)]
        assert len(carried[name]) == operators.DEPTH
        for depth in (1, 2, 17, 18, 54, 64):
            want = product_singular_values(matrices[:depth]).log10
            got = [-math.inf if log is None else log for log in carried[name][depth - 1]]
            np.testing.assert_allclose(got, want, rtol=0, atol=0.51e-4)


def test_every_operator_has_its_words():
    assert run("operators", "(module) => Object.keys(module.OPERATORS)", []) == list(operators.OPERATORS)


def test_closed_forms():
    for depth in (1, 17, 18, 54):
        assert numbers(Operators(operator="rotation", depth=depth))["logs"] == [0.0] * 8
        assert numbers(Operators(operator="identity", depth=depth))["rms"] == 0
        half = numbers(Operators(operator="half", depth=depth))
        assert half["rms"] == pytest.approx(depth * math.log10(0.5), abs=0.51e-4)
        averaged = numbers(Operators(operator="averaging", depth=depth))
        assert averaged["logs"][0] == 0.0
    assert numbers(Operators(operator="option_a", depth=17))["logs"] == [0.0] * 8
    assert numbers(Operators(operator="option_a", depth=18))["logs"] == [0.0, 0.0, -math.inf, -math.inf]


def test_the_length_kept_is_the_root_mean_square_over_directions():
    """Against the mean over an orthonormal basis of gradients."""
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(4, 3)), rng.normal(size=(5, 4))]
    explorer = Operators(matrices=matrices)
    assert (explorer.operator, explorer.depth) == ("own", 2)
    rows = np.eye(5) @ matrices[1] @ matrices[0]
    want = math.sqrt(np.mean(np.sum(rows**2, axis=1)))
    assert 10 ** numbers(explorer)["rms"] == pytest.approx(want, rel=3e-4)
    assert numbers(explorer)["zeros"] == 2  # five components of a gradient, three of the input


def test_a_network_of_ones_own():
    rng = np.random.default_rng(1)
    gates = [Gate(rng.normal(size=(3, 3)), rng.normal(size=3)) for _ in range(4)]
    net = Network([Unit([Affine(rng.normal(size=(3, 3))), tanh], gate) for gate in gates])
    x = rng.normal(size=3)
    explorer, states = Operators(network=net, x=x), net.forward(x).states
    product = np.eye(3)
    for gate, state in zip(gates, states, strict=False):
        product = gate.jacobian(state) @ product
    want = np.log10(np.linalg.svd(product, compute_uv=False))
    np.testing.assert_allclose(numbers(explorer)["logs"], want, atol=1e-4)
    scaled = Network([Unit([Affine(np.eye(2))], Scale(0.5))] * 3)
    assert "All 2 singular values are ≈\u00a00.125" in said(Operators(network=scaled, x=[1.0, 1.0]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"operator": "nothing"}, "operator: got 'nothing' of type str, wanted one of identity"),
        ({"operator": "own"}, "operator: got 'own', wanted an operator whose spectrum is there"),
        ({"depth": 65}, "depth: got 65, wanted a whole number from 1 to 64"),
        ({"depth": 0}, "depth: got 0"),
        ({"depth": True}, "depth: got True"),
        ({"matrices": []}, "matrices: factors: got none"),
        ({"matrices": 3}, "matrices: factors: got 3"),
        ({"matrices": [[[1.0, math.nan]]]}, "matrices: factors[0]: got nan"),
        ({"matrices": [np.eye(2), np.eye(3)]}, "matrices: factors[1]: got"),
        ({"matrices": [np.eye(65)]}, "matrices: got one with 65 rows, wanted at most 64 rows"),
        ({"matrices": [np.eye(2)] * 1001}, "matrices: got 1001 of them, wanted at most 1000"),
        ({"matrices": [np.eye(2)] * 3, "depth": 4}, "depth: got 4, wanted a whole number from 1 to 3"),
        ({"network": [1], "x": [1.0]}, "network: got "),
        ({"x": [1.0]}, "network: got None, wanted a resnotes.Network"),
        ({"network": Network([Unit([tanh])]), "x": np.ones((2, 2))}, "x: got an array of shape (2, 2)"),
        ({"network": Network([Unit([tanh])]), "matrices": [np.eye(2)], "x": [1.0]}, "matrices: got a list beside"),
        ({"spectra": {"identity": [[1.0, 2.0]]}}, "spectra['identity']: got [1.0, 2.0]"),
        ({"spectra": {"identity": []}}, "spectra: got "),
        ({"spectra": [1]}, "spectra: got "),
    ],
    ids=str,
)
def test_refusals_name_argument_got_and_wanted(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Operators(**arguments)


def test_a_refused_value_leaves_the_old_one():
    explorer = Operators(depth=7)
    with pytest.raises(traitlets.TraitError, match="depth: got 100"):
        explorer.depth = 100
    with pytest.raises(traitlets.TraitError, match="operator: got 'own'"):
        explorer.operator = "own"
    assert explorer.state() == {"operator": "convolution", "depth": 7}


def test_the_page_carries_what_it_may():
    """The issue allows 200 kB."""
    assert len(Operators().static().encode()) < 80_000


def test_output_has_nothing_random():
    one, two = Operators()._repr_mimebundle_()[0], Operators()._repr_mimebundle_()[0]
    assert one["text/html"] == two["text/html"]
