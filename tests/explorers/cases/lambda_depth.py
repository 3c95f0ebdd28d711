"""λ and depth."""

import itertools

import numpy as np

from resnotes import Affine, Network, Unit, tanh
from resnotes.explorers import LambdaDepth, lambda_depth
from resnotes.shortcuts import Scale

from .case import Case

OWN = [
    [0.5, 1.5, 1.2],
    [1.0],
    [-0.9, 1.1, -1.2, 0.7],
    [1e-5, 1e-5, 1e5, 1e5],
    [0.0, 2.0],
    [1e100, 1e-100],
    [1e-310],
]


def settings(lams, depths, strengths):
    """Every combination that is a state, with all schedules and some lists."""
    schedules = [(name, []) for name in lambda_depth.SCHEDULES if name != "own"] + [("own", own) for own in OWN]
    for lam, depth, r, (schedule, factors) in itertools.product(lams, depths, strengths, schedules):
        if schedule != "alternating" or lam >= lambda_depth.ALTERNATING_FROM:
            yield {"lam": lam, "depth": depth, "r": r, "schedule": schedule, "factors": factors}


def own_network():
    rng = np.random.default_rng(4)
    units = [Unit([Affine(rng.normal(size=(4, 4)) / 4), tanh], shortcut=Scale(0.95)) for _ in range(12)]
    return LambdaDepth(network=Network(units), x=rng.normal(size=4))


CASE = Case(
    explorer=LambdaDepth,
    chapter="04_lambda_scaling",
    grid=list(settings([0.0, 0.01, 0.5, 0.9, 1.0, 1.03, 2.0], [1, 2, 7, 60, 1000], [-2.0, -0.9, -0.1, 0.0, 0.1, 1.0])),
    extremes=[
        ({"lam": 0.0, "depth": 1000, "r": 0.0}, "nothing is left of the gradient: it is exactly 0"),
        ({"lam": 2.0, "depth": 1000, "r": 0.0}, "the gradient is 1.07 × 10³⁰¹ times what entered"),
        ({"lam": 0.9, "depth": 1000, "r": -0.9}, "nothing is left of the gradient"),
        ({"lam": 2.0, "depth": 1000, "r": 2.0}, "the gradient is 1.15 × 10⁶⁰² times what entered"),
        ({"lam": 0.01, "depth": 1000, "r": 0.0}, "rounded to 0 by float16, bfloat16, float32 and float64"),
    ],
    refused=[
        ({"lam": 7.0}, "lam"),
        ({"depth": 2.5}, "depth"),
        ({"r": -2.5}, "r"),
        ({"schedule": "linear"}, "schedule"),
        ({"schedule": "own", "factors": []}, "factors"),
        ({"schedule": "alternating", "lam": 0.0}, "lam"),
    ],
    largest={"lam": 0.9, "depth": 1000, "r": 0.1, "schedule": "constant", "factors": []},
    wrong=("times(shortcut[l + 1], lam[l])", "times(shortcut[l + 1], lam[l] * (1 + 1e-11))"),
    own=own_network,
)
