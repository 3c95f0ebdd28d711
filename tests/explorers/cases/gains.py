"""Gradients at initialisation."""

import itertools

import numpy as np

from resnotes.explorers import Gains
from resnotes.initialisation import batch_strength, expected_gain, growing_gain

from .case import Case, unequal

SCALES = [
    (0.0, 1.0),
    (0.0, 0.1),
    (1.0, 1.0),
    (1.0, 0.0),
    (1.0, 0.25),
    (1.0, 0.18),
    (0.9, 0.6),
    (0.7, 0.7),
    (1.5, 1.5),
    (0.3, 1.2),
]


def states():
    for (lam, beta), depth, width, unit in itertools.product(
        SCALES, (1, 2, 5, 16), (4, 16), ("none", "pre", "post", "batch")
    ):
        if unit == "batch" and depth * width > 80:
            continue
        yield {"unit": unit, "lam": lam, "beta": beta, "depth": depth, "width": width, "seed": 1 + depth}


def law(unit, lam, beta, depth):
    """The mean gain of `depth` units, from the package where it has it."""
    if unit == "none" and depth:
        return expected_gain(depth, lam, beta)
    if unit == "post" or depth == 0:
        return 1.0
    strength, growth = (1.0, 1.0) if unit == "pre" else batch_strength((2.0,))
    if lam == 1:
        return growing_gain(depth, beta**2 * strength, beta**2 * growth)
    spread = [lam ** (2 * l) + growth * beta**2 * np.sum(lam ** (2.0 * np.arange(l))) for l in range(depth)]
    return float(np.prod(lam**2 + beta**2 * strength / np.array(spread)))


def faults(state, found):
    """The law by the package, from the input's distance; the summary by NumPy from the gains."""
    unit, lam, beta, depth = (state[name] for name in ("unit", "lam", "beta", "depth"))
    lines = []
    if unit in ("none", "post") or lam == 1:
        # Where the factors change with the unit, the law to state l is that of all units over that of those below.
        whole = law(unit, lam, beta, depth)
        changing = unit in ("pre", "batch")
        wanted = [
            whole / law(unit, lam, beta, l) if changing else law(unit, lam, beta, depth - l) for l in range(depth + 1)
        ]
        lines += unequal(state, law=(found["law"], np.log10(wanted)))
    else:
        lines += unequal(state, law=(found["law"][0], np.log10(law(unit, lam, beta, depth))))
    gains = np.array(found["gains"])
    middle = np.sort(gains)[(len(gains) - 1) // 2]
    with np.errstate(divide="ignore"):
        mean = np.log10(np.mean(10.0**gains))
    got = found["mean"][0], found["median"][0]
    if not np.allclose(got, (mean, middle), rtol=0, atol=1e-11) or len(gains) != (24 if unit == "batch" else 300):
        lines.append(f"summary in {state}: got {got}, wanted {mean}, {middle}")
    return lines


CASE = Case(
    explorer=Gains,
    chapter="09_at_initialisation",
    grid=list(states()),
    faults=faults,
    extremes=[
        (
            {},
            "law has a mean gain of 1. Of the 300 networks drawn the mean is ≈ 2, and half have at most ≈ 4.42 × 10⁻⁴;",
        ),
        ({"lam": 1.0, "beta": 0.0}, "half have at most 1; eight of ten have this gain."),
        ({"width": 4, "depth": 64}, "half have at most 0; eight of ten have this gain."),
        ({"lam": 1.0, "beta": 1.5, "depth": 64}, "the law has a mean gain of ≈ 5.76 × 10³²."),
        ({"lam": 0.0, "beta": 0.1, "depth": 64, "width": 8}, "the law has a mean gain of 1 × 10⁻¹²⁸."),
        ({"unit": "pre", "lam": 1.0}, "the law for wide networks has a mean gain of 33."),
        ({"unit": "batch", "lam": 1.0, "depth": 2}, "Of the 24 networks drawn"),
    ],
    refused=[
        ({"unit": "layer"}, "unit"),
        ({"lam": -0.1}, "lam"),
        ({"lam": 1.6}, "lam"),
        ({"lam": 0.05, "beta": 0.09}, "beta"),
        ({"depth": 0}, "depth"),
        ({"depth": 65}, "depth"),
        ({"width": 5}, "width"),
        ({"seed": 0}, "seed"),
    ],
    largest={"depth": 43, "width": 16},
    wrong=("(STRENGTH * beta * beta)", "(1.000001 * STRENGTH * beta * beta)"),
    own=lambda: Gains(lam=1.0, depth=8),
)
