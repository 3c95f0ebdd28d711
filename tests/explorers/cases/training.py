"""Train one here."""

import itertools
import math

import numpy as np

from resnotes.explorers import Training, training
from resnotes.initialisation import expected_gain
from resnotes.magnitudes import shortcut_product

from .case import Case, unequal

CHANGED = {"identity": ("shortcut", 1), "absent": ("shortcut", 0), "root": ("scale", "root"), "one": ("scale", "one")}


def networks(state):
    """The settings that are trained: the network's, and those of the one beside it where they differ."""
    key, value = CHANGED.get(state["beside"], ("place", {"before": "after", "after": "before"}[state["place"]]))
    if state["beside"] == "none" or state[key] == value:
        return [state]
    return [state, {**state, key: value}]


def faults(state, found):
    """By `shortcut_product` at every state, and the mean-square law of the package."""
    lines = []
    wanted = networks(state)
    if len(found) != len(wanted):
        return [f"{state}: {len(found)} networks"]
    for one, own in zip(found, wanted, strict=True):
        depth = own["depth"]
        for l, (sign, log10) in enumerate(one["shortcuts"]):
            product = shortcut_product([own["shortcut"]] * (depth - l))
            near = sign == product.sign and (
                sign == 0 or math.isclose(log10, product.log10, rel_tol=1e-12, abs_tol=1e-12)
            )
            if not near:
                lines.append(f"{state}: shortcuts at {l}: got {sign}, {log10}, wanted {product}")
        beta = {"one": 1.0, "root": depth**-0.5, "skipinit": 0.0}[own["scale"]]
        law = (
            []
            if own["place"] == "after"
            else [expected_gain(n, own["shortcut"], beta) for n in range(depth, 0, -1)] + [1]
        )
        lines += unequal(
            state, law=(10.0 ** (2 * np.array(one["law"])) / law, np.ones(len(law))) if 0 not in law else ([], [])
        )
        lines += [f"{state}: {one['law']}"] if 0 in law and max(one["law"][:-1]) > -np.inf else []
    return lines


def grid():
    """All kinds of networks; rate and seed, which no number before the first step depends on, in turns."""
    kinds = itertools.product(
        (0, 0.05, 0.5, 0.9, 1, 1.1, 1.2), (4, 7, 50, 100), training.SCALES, training.OTHERS, training.PLACES
    )
    for k, (shortcut, depth, scale, beside, place) in enumerate(kinds):
        rate, seed = training.RATES[k % len(training.RATES)], k % training.SEEDS
        yield {"shortcut": shortcut, "depth": depth, "scale": scale, "beside": beside, "place": place, "rate": rate, "seed": seed}  # fmt: skip


CASE = Case(
    explorer=Training,
    chapter="12_training",
    grid=list(grid())[::5],
    faults=faults,
    extremes=[
        ({}, "With λ = 0.9 the shortcuts alone bring ≈ 0.515 % of it"),
        ({}, "With λ = 1 the shortcuts alone bring 100 % of it"),
        (
            {"shortcut": 1, "beside": "none", "scale": "skipinit"},
            "and all paths together 100 % in the root mean square",
        ),
        ({"shortcut": 0, "beside": "none", "scale": "skipinit"}, "bring nothing of it, and nothing else comes"),
        ({"shortcut": 0, "scale": "one", "beside": "none"}, "bring nothing of it, and all paths together 100 %"),
        ({"shortcut": 1.2, "depth": 100}, "the shortcuts alone bring ≈ 8.28 × 10⁷ of it"),
        ({"beside": "place"}, "With a ReLU after the addition"),
        ({"beside": "one"}, "With branches of scale 1/√L"),
    ],
    refused=[
        ({"shortcut": -0.1}, "shortcut"),
        ({"shortcut": 1.3}, "shortcut"),
        ({"depth": 3}, "depth"),
        ({"depth": 101}, "depth"),
        ({"depth": 4.5}, "depth"),
        ({"scale": "two"}, "scale"),
        ({"beside": "two"}, "beside"),
        ({"place": "two"}, "place"),
        ({"rate": 0.07}, "rate"),
        ({"seed": 10}, "seed"),
    ],
    largest={"shortcut": 0.95, "depth": 99, "scale": "one", "beside": "place"},
    wrong=("n * Math.log10(base)", "n * Math.log10(base) * (1 + 1e-10)"),
    own=lambda: Training(shortcut=1.1, depth=20),
)
