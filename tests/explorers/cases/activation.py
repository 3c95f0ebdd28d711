"""Before or after the activation."""

import itertools

import numpy as np

from resnotes import blocks
from resnotes.explorers import BeforeOrAfter, activation

from .case import Case


def settings(depths):
    """All units, widths and some seeds; the input, the middle and the end of each depth."""
    for unit, depth, width, seed in itertools.product(activation.UNITS, depths, activation.WIDTHS, (0, 3, 7)):
        for layer in sorted({0, depth // 2, depth}):
            yield {"unit": unit, "depth": depth, "width": width, "seed": seed, "layer": layer, "log": layer == 0}


def own_network():
    rng = np.random.default_rng(4)
    return BeforeOrAfter(network=blocks.network("original", 12, 6, rng), x=blocks.stem(8, 6, rng))


CASE = Case(
    explorer=BeforeOrAfter,
    chapter="08_before_or_after",
    grid=list(settings([1, 2, 8, 54, 100])),
    extremes=[
        ({"depth": 1, "layer": 1}, "The shortcuts alone bring 100 % of the squared length back to x₁, through 0 units"),
        ({"depth": 1}, "through 1 unit."),
        ({"unit": "pre", "depth": 100, "width": 8}, "bring 100 % of the squared length back to x₀, through 100 units"),
        ({"unit": "norm", "depth": 100, "width": 8}, "× 10⁻³"),
        ({"depth": 100}, "coins would leave 7.89 × 10⁻³¹"),
    ],
    refused=[
        ({"unit": "tanh"}, "unit"),
        ({"depth": 7}, "depth"),
        ({"depth": 2.5}, "depth"),
        ({"width": 12}, "width"),
        ({"seed": 8}, "seed"),
        ({"seed": -1}, "seed"),
        ({"depth": 5, "layer": 6}, "layer"),
        ({"log": 1}, "log"),
    ],
    largest={"unit": "relu", "depth": 100, "width": 64, "seed": 0, "layer": 0, "log": True},
    wrong=("q[n - 1] * ((2 * n - 1) / (2 * n))", "q[n - 1] * ((2 * n - 1) / (2 * n)) * (1 + 1e-11)"),
    own=own_network,
)
