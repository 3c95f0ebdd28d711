"""λ and depth."""

import itertools

import numpy as np

from resnotes import Affine, Network, Unit, tanh
from resnotes.explorers import LambdaDepth, lambda_depth
from resnotes.magnitudes import range_limits, shortcut_product
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


def shortcuts(lam, depth, schedule="constant", factors=(), **_):
    """λ_0 ... λ_{L-1} of a schedule, as the class says."""
    i = np.arange(1, depth + 1)
    return {
        "constant": lambda: np.full(depth, lam),
        "alternating": lambda: np.where(i % 2 == 1, lam, 1 / lam),
        "from_above": lambda: lam * (1 + 1 / i**2),
        "from_below": lambda: lam * (1 - 1 / (i + 1) ** 2),
        "own": lambda: lam * np.resize(factors, depth),
    }[schedule]()


def faults(state, found):
    """The ends of the lines by `shortcut_product`; where all factors are equal, the formats by `range_limits`."""
    lines = []
    lam = shortcuts(**state)
    step = -(-state["depth"] // 25)
    kept = [l for l in range(state["depth"] + 1) if l % step == 0 or l == state["depth"]]
    for name, factors in {"shortcut": lam, "whole": lam + state["r"], "plain": 0 * lam + state["r"]}.items():
        for at in (0, len(kept) // 2):
            (sign, log10), wanted = found[name][at], shortcut_product(factors[kept[at] :])
            near = sign == wanted.sign and (sign == 0 or abs(log10 - wanted.log10) <= 1e-11 * max(1, abs(log10)))
            if not near:
                lines.append(f"{name} at {kept[at]} in {state}: got {sign}, {log10}, wanted {wanted}")
    if state["schedule"] == "constant":
        for end in found["formats"]:
            name = end["name"]
            limits = range_limits(state["lam"] + state["r"], name)
            for kind in ("subnormal", "zero", "overflow"):
                n = getattr(limits, kind)
                if end[kind] != (n if n is not None and n <= lambda_depth.MAX_DEPTH else None):
                    lines.append(f"{name} {kind} in {state}: got {end}, wanted {n}")
    return lines


CASE = Case(
    explorer=LambdaDepth,
    chapter="04_lambda_scaling",
    grid=list(settings([0.0, 0.01, 0.5, 0.9, 1.0, 1.03, 2.0], [1, 2, 7, 60, 1000], [-2.0, -0.9, -0.1, 0.0, 0.1, 1.0])),
    faults=faults,
    extremes=[
        ({"lam": 0.0, "depth": 1000, "r": 0.0}, "nothing is left of the gradient: it is exactly 0"),
        ({"lam": 2.0, "depth": 1000, "r": 0.0}, "the gradient is ≈ 1.07 × 10³⁰¹ times what entered"),
        ({"lam": 0.9, "depth": 1000, "r": -0.9}, "nothing is left of the gradient"),
        ({"lam": 2.0, "depth": 1000, "r": 2.0}, "the gradient is ≈ 1.15 × 10⁶⁰² times what entered"),
        ({"lam": 0.5, "depth": 3, "r": -0.5}, "it is exactly 0. The shortcuts alone carry 12.5 %"),
        ({"lam": 0.5, "depth": 1, "r": -1.0}, "After 1 unit the gradient is 50 % of what entered, with"),
        ({"lam": 0.9, "depth": 50}, "A unit passes on λ + r = 0.9 + 0.1 = 1."),
        ({"lam": 0.9, "depth": 50, "r": -0.1}, "Without skips 1 × 10⁻⁵⁰ would arrive."),
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
