"""A walk with a floor."""

import itertools
from fractions import Fraction
from functools import cache
from math import comb

import numpy as np

from resnotes import Network, Unit, relu
from resnotes.explorers import Walk

from ..modules import run
from .case import Case, unequal


@cache
def steps(kind):
    """The steps of all walks, shape (1000, 101)."""
    return np.reshape(run("walk", "(module, kind) => [...module.drawn(kind)]", kind), (1000, -1))


class Step:
    """A branch that gives each sample a number of its own."""

    def __init__(self, value):
        self.value = value[:, np.newaxis]

    def forward(self, x):
        return self.value

    def backward(self, x, g):
        return np.zeros_like(g), None


@cache
def walked(kind, depth):
    """States and gradients of the package's network of one component, for all walks: shapes (depth + 1, 1000)."""
    drawn = steps(kind)
    net = Network([Unit([Step(drawn[:, l + 1])], after=relu) for l in range(depth)])
    trace = net.forward(np.maximum(drawn[:, :1], 0))
    gradients = net.backward(trace, np.ones((len(drawn), 1))).states
    return np.array(trace.states)[..., 0], np.array(gradients)[..., 0]


def law(depth):
    q = [Fraction(comb(2 * n, n), 4**n) for n in range(depth + 2)]
    return [float(sum(q[k] * q[depth + 1 - k] for k in range(l + 2))) for l in range(depth + 1)]


def faults(state, found):
    """States and gradients by the package, the law in fractions, the cuts where a gradient is lost."""
    states, gradients = walked(state["steps"], state["depth"])
    drawn = steps(state["steps"])[state["walk"] - 1, : state["depth"] + 1]
    free = np.concatenate([[0], np.cumsum(drawn)])
    return unequal(
        state,
        clipped=(found["clipped"], states[:, state["walk"] - 1]),
        survivors=(found["survivors"], gradients.sum(axis=1)),
        law=(found["law"], law(state["depth"])),
        free=(found["free"], free),
        minimum=(found["minimum"], np.minimum.accumulate(free)),
        cuts=(found["cuts"], [k for k in range(1, len(free)) if free[k] < free[:k].min()]),
    )


CASE = Case(
    explorer=Walk,
    chapter="08_before_or_after",
    grid=[
        {"depth": depth, "layer": min(layer, depth), "walk": walk, "steps": kind}
        for depth, layer, walk, kind in itertools.product(
            (1, 2, 10, 54, 100), (0, 27), (1, 2, 37, 500, 1000), ("equal", "growing", "down", "up")
        )
    ],
    faults=faults,
    extremes=[
        ({}, "Of 1000 such walks, "),
        ({"depth": 54}, "let it come back to x₀; the law says ≈ 114.2."),
        ({"depth": 1, "layer": 1}, "Of 1000 such walks, 1000 let it come back to x₁; the law says 1000."),
        ({"steps": "growing", "depth": 100}, "which is for steps of equal spread without a preferred sign, says"),
        ({"steps": "up", "walk": 3}, "a gradient"),
    ],
    refused=[
        ({"depth": 0}, "depth"),
        ({"depth": 101}, "depth"),
        ({"layer": 55, "depth": 54}, "layer"),
        ({"walk": 0}, "walk"),
        ({"walk": 1001}, "walk"),
        ({"steps": "large"}, "steps"),
    ],
    largest={"depth": 99},
    wrong=("q[n - 1] * ((2 * n - 1) / (2 * n))", "q[n - 1] * ((2 * n - 1.000001) / (2 * n))"),
    own=lambda: Walk(depth=20),
)
