"""Before or after the activation."""

import itertools
from fractions import Fraction
from math import comb

import numpy as np

from resnotes import blocks
from resnotes.explorers import BeforeOrAfter, activation

from .case import Case, unequal


def settings(depths):
    """All units, widths and some seeds; the input, the middle and the end of each depth."""
    for unit, depth, width, seed in itertools.product(activation.UNITS, depths, activation.WIDTHS, (0, 3, 7)):
        for layer in sorted({0, depth // 2, depth}):
            yield {"unit": unit, "depth": depth, "width": width, "seed": seed, "layer": layer, "log": layer == 0}


def own_network():
    rng = np.random.default_rng(4)
    return BeforeOrAfter(network=blocks.network("original", 12, 6, rng), x=blocks.stem(8, 6, rng))


STORED = np.frombuffer(activation.FILES.joinpath("activation.bin").read_bytes(), "<i2").reshape(
    len(activation.PARTS), len(activation.WIDTHS), activation.SEEDS, activation.ROW
)


def line(unit, way, depth, width, seed):
    """log10 of the squared length at x_0 ... x_depth, out of the stored networks."""
    if (unit, way) == ("pre", "shortcut"):
        return np.zeros(depth + 1)
    start = sum(other + 1 for other in activation.DEPTHS if other < depth)
    part = activation.PARTS.index((unit, way))
    held = STORED[part, activation.WIDTHS.index(width), seed, start : start + depth + 1]
    return np.where(held == activation.NOTHING, -np.inf, held / activation.STEPS)


def law(depth):
    """What ReLUs after the additions leave of x_0 ... x_depth, by exact fractions."""
    q = [Fraction(comb(2 * n, n), 4**n) for n in range(depth + 2)]
    parts = [q[k] * q[depth + 1 - k] for k in range(depth + 2)]
    return [float(sum(parts[: layer + 2])) for layer in range(depth + 1)]


def faults(state, found):
    """The stored networks, and the law in fractions."""
    unit, depth, width, seed = (state[key] for key in ("unit", "depth", "width", "seed"))
    every = [line(unit, "shortcut", depth, width, k)[state["layer"]] for k in range(activation.SEEDS)]
    pairs = {way: (found[way], line(unit, way, depth, width, seed)) for way in ("shortcut", "whole")}
    pairs["law"] = (10.0 ** np.array(found["law"]), law(depth) if unit == "relu" else [])
    pairs["coins"] = (found["coins"], -np.log10(2) * np.arange(depth, -1, -1))
    for name, ends in found["by_depth"].items():
        pairs[name] = (ends, [line(name, "shortcut", each, width, seed)[0] for each in activation.DEPTHS])
    return unequal(state, draws=(found["draws"], every), **pairs)


CASE = Case(
    explorer=BeforeOrAfter,
    chapter="08_before_or_after",
    grid=list(settings([1, 2, 8, 54, 100])),
    faults=faults,
    extremes=[
        ({"depth": 1, "layer": 1}, "The shortcuts alone bring 100 % of the squared length back to x₁, through 0 units"),
        ({"depth": 1}, "through 1 unit."),
        ({"unit": "pre", "depth": 100, "width": 8}, "bring 100 % of the squared length back to x₀, through 100 units"),
        ({"unit": "norm", "depth": 100, "width": 8}, "× 10⁻³"),
        ({"depth": 100}, "coins would leave ≈ 7.89 × 10⁻³¹"),
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
    wrong=("q[n - 1] * ((2 * n - 1) / (2 * n))", "q[n - 1] * ((2 * n - 1) / (2 * n)) * (1 + 1e-9)"),
    own=own_network,
)
