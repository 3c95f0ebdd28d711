"""Gradients at initialisation: the networks drawn are networks, and are drawn as the package draws them."""

import numpy as np
import pytest

from resnotes import Affine, BatchNormTraining, Network, Unit, relu
from resnotes.initialisation import draw_weights, gains, residual_network
from resnotes.shortcuts import Scale

from .modules import run

# What is told of each layer, copied since the lists are used again, and the rows.
TOLD = """(module, states) => states.map((state) => {
  const layers = [];
  const plain = (layer) => Object.fromEntries(Object.entries(layer).map(([key, value]) => [key, value.length ? [...value] : value]));
  const rows = module.drawing(state, (layer) => layers.push(plain(layer)))(3, 4);
  return { layers: layers.reverse(), row: rows[0] };
})"""


def weight(x, y, g, row):
    """A matrix W with W x = y and g W = row."""
    x, y, g, row = map(np.asarray, (x, y, g, row))
    found = np.outer(y, x) / (x @ x) if x.any() else np.zeros((len(y), len(x)))
    rest = row - g @ found
    return found + (np.outer(g, rest) / (g @ g) if g.any() else 0)


STATES = [
    {"unit": unit, "lam": lam, "beta": beta, "depth": depth, "width": width, "seed": 5}
    for unit in ("none", "pre", "post", "batch")
    for lam, beta, depth, width in ((1.0, 1.0, 6, 8), (0.0, 1.0, 3, 16), (0.9, 0.4, 9, 4), (1.0, 0.0, 2, 4))
]


def test_given_weights_the_gradient_is_the_packages():
    """Each network drawn is one: with weights that do what was drawn, the package finds the same gradient everywhere."""
    compared = 0
    for state, told in zip(STATES, run("gains", TOLD, STATES), strict=True):
        layers, n = told["layers"], state["width"]
        if state["unit"] == "batch":
            weights = [np.reshape(layer["W"], (n, n)) for layer in layers]
            branches = [[BatchNormTraining(n), relu, Affine(W), Scale(state["beta"])] for W in weights]
            net = Network([Unit(branch, Scale(state["lam"])) for branch in branches])
            x, g = (np.reshape(v, (64, n)) for v in (layers[0]["x"], layers[-1]["upstream"]))
        else:
            weights = [
                [
                    weight(layer["z"], layer["hidden"], layer["entered"], layer["below"]),
                    weight(layer["h"], layer["y"], layer["above"], layer["middle"]),
                ]
                for layer in layers
            ]
            norm = None if state["unit"] == "none" else state["unit"]
            net = residual_network(weights, state["lam"], state["beta"], norm=norm)
            x, g = np.array(layers[0]["x"]), np.array(layers[-1]["upstream"])
            assert np.allclose(net.forward(x).states[-1], layers[-1]["out"], rtol=0, atol=1e-9), state
        states = net.backward(net.forward(x), g).states
        with np.errstate(divide="ignore"):
            wanted = np.log10([np.sum(one**2) / np.sum(g**2) for one in states])
        assert np.allclose(told["row"], wanted, rtol=0, atol=1e-9), state
        compared += len(wanted)
    assert compared > 60


GAINS = "(module, states) => states.map((state) => module.numbers(state).gains)"


def distance(one, other):
    """Kolmogorov and Smirnov's: the largest difference of the two shares that lie below."""
    everything = np.sort(np.concatenate([one, other]))
    below = [np.searchsorted(np.sort(sample), everything, side="right") / len(sample) for sample in (one, other)]
    return np.max(np.abs(below[0] - below[1]))


def drawn(rng, state, variances=(2.0, 1.0), count=200):
    """log10 of the gains of networks whose weights are drawn in full."""
    found = []
    for _ in range(count):
        weights = draw_weights(rng, state["depth"], state["width"], variances)
        x, g = rng.standard_normal((2, state["width"]))
        if state["unit"] != "none":
            x = (x - x.mean()) / x.std()
        norm = None if state["unit"] == "none" else state["unit"]
        found.append(gains(residual_network(weights, state["lam"], state["beta"], norm=norm), x, g))
    with np.errstate(divide="ignore"):
        return np.log10(found)


@pytest.mark.parametrize("unit", ["none", "pre", "post"])
def test_the_gains_are_distributed_as_those_of_whole_weights(unit):
    """300 of the page against 200 of the package: no farther apart than one pair in ten thousand of equal laws."""
    states = [
        {"unit": unit, "lam": lam, "beta": 1.0, "depth": depth, "width": width, "seed": 9}
        for lam, depth, width in ((0.0, 6, 8), (1.0, 4, 4))
    ]
    limit = 2.23 * np.sqrt(1 / 300 + 1 / 200)
    rng = np.random.default_rng(31)
    for state, page in zip(states, run("gains", GAINS, states), strict=True):
        assert distance(page, drawn(rng, state)) < limit, state
        if unit == "none":  # and variances that are not those of the page are noticed
            assert distance(page, drawn(rng, state, (5.0, 1.0))) > limit, state
