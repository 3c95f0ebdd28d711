"""Mixing of streams."""

import itertools
from functools import cache

import numpy as np

from resnotes.explorers import Mixing

from ..modules import run
from .case import Case

KINDS = ("positive", "permutation")


@cache
def drawn(kind):
    """What the module mixes the identity with, unit by unit."""
    return np.array(
        run("mixing", "(module, kind) => Array.from({ length: 200 }, (_, l) => module.drawn(kind, l))", kind)
    )


def mixings(state):
    H = state["near"] * np.eye(4) + (1 - state["near"]) * drawn(state["kind"])[: state["depth"]]
    for _ in range(state["rounds"]):
        H = H / H.sum(axis=2, keepdims=True)
        H = H / H.sum(axis=1, keepdims=True)
    return H


def faults(state, found):
    """Sums and singular values of the product by NumPy, while float64 holds what is left of the differences."""
    lines = []
    P, centre = np.eye(4), np.eye(4) - 0.25
    left = np.eye(4) - 0.25
    for l, H in enumerate(mixings(state), start=1):
        P, left = H @ P, H @ left
        wanted = {"states": P.sum(axis=1).max(), "gradients": P.sum(axis=0).max()}
        differences = np.linalg.norm(centre @ left / P.max(), 2) * P.max()
        # What rounding leaves of the mean is as large as this beside the product.
        if differences > 1e-5 * P.max():
            wanted["differences"] = differences
        for name, value in wanted.items():
            if not abs(found[name][l] - np.log10(value)) < 1e-9 * max(1, abs(np.log10(value))):
                lines.append(f"{name} after {l} in {state}: got {found[name][l]}, wanted {np.log10(value)}")
    if not np.allclose(np.array(found["product"]) * 10.0 ** found["exponent"], P, rtol=1e-9, atol=0):
        lines.append(f"product in {state}: got {found['product']}, wanted {P}")
    return lines


CASE = Case(
    explorer=Mixing,
    chapter="13_thousands_of_layers",
    grid=[
        {"kind": kind, "rounds": rounds, "near": near, "depth": depth}
        for kind, rounds, near, depth in itertools.product(
            KINDS, (0, 1, 2, 20), (0.0, 0.3, 0.7, 0.99, 1.0), (1, 3, 7, 50, 200)
        )
    ],
    faults=faults,
    extremes=[
        ({}, "50 units, 1 round of scaling: the largest column sum of the product, for gradients, is exactly 1"),
        (
            {"near": 1.0},
            "Of differences between the streams all is kept, and the mean over the streams is kept exactly.",
        ),
        ({"kind": "permutation", "depth": 200}, "Of differences between the streams all is kept"),
        ({"kind": "permutation", "near": 0.5}, "Nothing is left of differences between the streams"),
        ({"rounds": 20}, "and the largest row sum, for states, 1 to nine digits."),
        (
            {"rounds": 20, "near": 0.99},
            "and the largest row sum, for states, ≈ 1.02. Of a difference between the streams at most",
        ),
        ({"rounds": 0, "depth": 200}, "the mean over the streams is not kept."),
        ({"rounds": 0, "near": 1.0}, "exactly 1, and the largest row sum, for states, exactly 1"),
    ],
    refused=[
        ({"kind": "rotation"}, "kind"),
        ({"rounds": 21}, "rounds"),
        ({"rounds": 0.5}, "rounds"),
        ({"near": 1.1}, "near"),
        ({"depth": 0}, "depth"),
        ({"depth": 201}, "depth"),
    ],
    largest={"kind": "positive", "rounds": 20, "near": 0.5, "depth": 200},
    wrong=("log + Math.log10(most)", "log + Math.log10(most) * (1 + 1e-7)"),
    own=lambda: Mixing(rounds=3, depth=10),
)
