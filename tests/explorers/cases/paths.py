"""Paths."""

import itertools
import math
from fractions import Fraction

import numpy as np

from resnotes import Affine, Network, Unit, tanh
from resnotes.explorers import Paths
from resnotes.explorers.paths import CENTRED

from .case import Case, unequal


def own_network():
    rng = np.random.default_rng(5)
    units = [Unit([Affine(rng.normal(size=(4, 4)) / 6), tanh]) for _ in range(15)]
    return Paths(network=Network(units), x=rng.normal(size=4))


def exact_weights(n, lam, r):
    """C(n, k) λ^(n-k) |r|^k/(λ + |r|)^n with its sign, as fractions."""
    lam, r = Fraction(lam), Fraction(r)
    size = lam + abs(r)
    if size == 0:
        return [Fraction(0)] * (n + 1)
    shares = [math.comb(n, k) * lam ** (n - k) * abs(r) ** k / size**n for k in range(n + 1)]
    return [(-1) ** k * share for k, share in enumerate(shares)] if lam * r < 0 else shares


def faults(state, found):
    """Counts and weights in fractions, which are slow in a thousand units: there the mean and the sum."""
    n = state["n"]
    kept = [k for k in range(n + 1) if k % -(-n // 50) == 0 or k == n]
    counts = [math.log10(math.comb(n, k)) for k in kept]
    p = abs(state["r"]) / (state["lam"] + abs(state["r"])) if state["lam"] or state["r"] else 0
    every = [] if n > 5 else ["".join(ways) for ways in itertools.product("sb", repeat=n)]
    products = [state["lam"] ** ways.count("s") * state["r"] ** ways.count("b") for ways in every]
    if [ways for ways, _ in found["paths"]] != every:
        return [f"paths in {state}: got {found['paths']}, wanted {every}"]
    lines = unequal(
        state,
        paths=([carries for _, carries in found["paths"]], products),
        counts=(found["counts"], counts),
        mean=(found["summary"]["mean"], n * p),
    )
    if n <= 55:
        exact = exact_weights(**state)
        lines += unequal(state, weights=(found["weights"], [float(exact[k]) for k in kept]))
    return lines


CASE = Case(
    explorer=Paths,
    chapter="05_unrolled_sum",
    grid=[
        {"n": n, "lam": lam, "r": r}
        for n, lam, r in itertools.product(
            [1, 2, 3, 7, 54, 55, 333, 1000],
            [0.0, 1e-9, 0.3, 0.9, 1.0, 2.0],
            [-2.0, -1.0, -0.3, -1e-9, 0.0, 0.01, CENTRED, 1.0, 2.0],
        )
    ],
    faults=faults,
    extremes=[
        (
            {"n": 1000, "lam": 2.0, "r": 2.0},
            "1000 units make ≈ 1.07 × 10³⁰¹ paths, 500 branches long on average",
        ),
        (
            {"n": 54, "lam": 0.0, "r": 0.5},
            "the mean length is 54: length 54 alone carries 100 % of it, by 1 path, ≈ 5.55 × 10⁻¹⁷ of all",
        ),
        ({"n": 54, "lam": 1.0, "r": 0.0}, "length 0 alone carries 100 % of it"),
        (
            {"n": 10, "lam": 0.5, "r": -0.5},
            "even lengths carry 0.5 times what entered, odd ones −0.5, together 0.",
        ),
        ({"n": 3, "lam": 0.0, "r": 0.0}, "no path carries anything"),
        ({"n": 1, "lam": 1.0, "r": 1.0}, "1 unit makes 2 paths, 0.5 branches long on average"),
    ],
    refused=[
        ({"n": 2.5}, "n"),
        ({"n": 0}, "n"),
        ({"n": 1001}, "n"),
        ({"lam": -1.0}, "lam"),
        ({"r": -2.5}, "r"),
    ],
    largest={"n": 1000, "lam": 1.0, "r": 0.5},
    wrong=(
        "(found[k] * ((n - k) * p)) / ((k + 1) * q)",
        "(found[k] * ((n - k) * p)) / ((k + 1) * q) * (1 + 1e-9)",
    ),
    own=own_network,
)
