"""Two chains."""

import itertools
import math
from fractions import Fraction

import numpy as np

from resnotes import Affine, Network, Unit
from resnotes.explorers import Chains
from resnotes.magnitudes import shortcut_product
from resnotes.shortcuts import Absent, Identity

from .case import Case

SHORTCUTS = {"plain": Absent, "residual": Identity}


def of_core(shortcut, r, depth):
    """The gradients at all states of a network of the package with 1 at its loss."""
    network = Network([Unit([Affine([[r]])], shortcut=shortcut()) for _ in range(depth)])
    return [float(g[0]) for g in network.backward(network.forward(np.ones(1)), np.ones(1)).states]


def faults(state, found):
    """By `shortcut_product` at every state; the sizes that float64 holds by the core, and as exact fractions too."""
    lines = []
    r, depth = state["r"], state["depth"]
    for name, shortcut in SHORTCUTS.items():
        factor = r + (name == "residual")
        exact = Fraction(r) + (name == "residual")
        core = of_core(shortcut, r, depth)
        if len(found[name]) != depth + 1:
            lines.append(f"{name} in {state}: {len(found[name])} states")
        for l, (sign, log10) in enumerate(found[name]):
            wanted = shortcut_product([factor] * (depth - l))
            near = sign == wanted.sign and (sign == 0 or abs(log10 - wanted.log10) <= 1e-11 * max(1, abs(log10)))
            others = [core[l], float(exact ** (depth - l))] if wanted.log10 > -300 or sign == 0 else []
            got = sign * 10.0**log10 if sign else 0.0
            near &= all(math.isclose(got, other, rel_tol=1e-10, abs_tol=0) for other in others)
            if not near:
                lines.append(f"{name} at {l} in {state}: got {sign}, {log10}, wanted {wanted}, {others}")
    return lines


CASE = Case(
    explorer=Chains,
    chapter="00_introduction",
    grid=[
        {"r": r, "depth": depth}
        for r, depth in itertools.product(
            [-2.0, -1.99, -1.5, -1.01, -1.0, -0.99, -0.75, -0.5, -0.3, -0.02, -1e-3]
            + [0.0, 1e-3, 0.02, 0.1, 0.25, 0.5, 0.99, 1.0],
            [1, 2, 3, 7, 10, 25, 26, 49, 50, 77, 99, 100],
        )
    ],
    faults=faults,
    extremes=[
        ({"r": -0.5, "depth": 50}, "Both gradients die."),
        ({"r": 0.02, "depth": 50}, "Without the +x the gradient dies, with it the gradient lives."),
        ({"r": 1.0, "depth": 50}, "Without the +x the gradient lives, with it the gradient explodes."),
        ({"r": 1.0, "depth": 10}, "1 arrives at the input of 10 units without the +x, and ≈ 1020 with it."),
        ({"r": 1.0, "depth": 100}, "and ≈ 1.27 × 10³⁰ with it."),
        ({"r": 0.0, "depth": 100}, "0 arrives at the input of 100 units without the +x, and 1 with it."),
        ({"r": -1.0, "depth": 1}, "−1 arrives at the input of 1 unit without the +x, and 0 with it."),
        ({"r": -1.0, "depth": 100}, "1 arrives at the input of 100 units without the +x, and 0 with it."),
        ({"r": -2.0, "depth": 99}, "Without the +x the gradient explodes, with it the gradient lives."),
        ({"r": -2.0, "depth": 3}, "−8 arrives at the input of 3 units without the +x, and −1 with it."),
        ({"r": 0.01, "depth": 100}, "1 × 10⁻²⁰⁰ arrives at the input of 100 units without the +x, and ≈ 2.7 with it."),
        ({"r": -0.99, "depth": 100}, "and 1 × 10⁻²⁰⁰ with it."),
    ],
    refused=[
        ({"r": -2.5}, "r"),
        ({"r": 1.5}, "r"),
        ({"depth": 2.5}, "depth"),
        ({"depth": 0}, "depth"),
        ({"depth": 101}, "depth"),
    ],
    largest={"r": 0.5, "depth": 25},
    wrong=("n * Math.log10(Math.abs(factor))", "n * Math.log10(Math.abs(factor)) * (1 + 1e-10)"),
    own=lambda: Chains(r=0.1, depth=24),
)
