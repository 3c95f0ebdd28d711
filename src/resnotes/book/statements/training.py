"""What shows the sentences of chapter 12: the stored runs of its sweep."""

import json
from functools import cache
from importlib.resources import files
from math import exp

import numpy as np

from resnotes import Affine, Network, Unit, relu
from resnotes.book.statements.places import Place, Places, close, settings
from resnotes.book.statements.statement import Grounds
from resnotes.initialisation import draw_weights, expected_gain
from resnotes.shortcuts import Absent, Identity, Scale

RECORDS = json.loads((files("resnotes") / "explorers/trained_runs.json").read_text("utf-8"))
RUNS = Places(
    given=tuple(
        Place(depth=group["depth"], place=group["place"], scale=group["scale"], shortcut=group["shortcut"], group=k)
        for k, group in enumerate(RECORDS["groups"])
    )
)


def runs(s):
    return RECORDS["groups"][s.group]["runs"]


def lost(s):
    """How many of the runs diverged, in the first half of their steps."""
    return sum(run["lost"] is not None and run["lost"] is not False and len(run["loss"]) < 30 or run["lost"] in range(1, 30) for run in runs(s))  # fmt: skip


def learned(s):
    """By how much the last loss lies below that of guessing among ten digits, in the worst run."""
    return np.log(10) - max(run["loss"][-1] for run in runs(s))


def ratio(run, when):
    """log10 of the gradient's length at x_0 over that at x_L, as stored."""
    ends = [size for size in (run[when] or [np.nan])][:: max(1, len(run[when]) - 1)]
    return np.nan if None in ends else ends[-1] - ends[0]


@cache
def direction(kind, depth=20, n=32):
    """Share of the squared lengths of the last states, of 128 inputs, that lies along one direction."""
    rng = np.random.default_rng(0)
    net = Network([Unit([Affine(W1), relu, Affine(W2)], Absent() if kind == "plain" else Identity()) if kind == "plain" else Unit([Affine(W1), relu, Affine(W2), Scale(depth**-0.5)], Identity()) for W1, W2 in draw_weights(rng, depth, n, (2.0, 2.0))])  # fmt: skip
    squares = np.linalg.svd(net.forward(rng.normal(size=(128, n))).states[-1], compute_uv=False) ** 2
    return squares[0] / squares.sum()


FRESH = settings(lam=(0.9, 0.5, 1.1, 0.0), scale=("skipinit", "root", "one"), L=(100, 1000))


def log_factor(s):
    """Half the log of the mean gain, less that of lambda^(2L)."""
    beta = {"skipinit": 0.0, "root": s.L**-0.5, "one": 1.0}[s.scale]
    return s.L * np.log1p((beta / s.lam) ** 2) / 2 if s.lam else np.inf


def gain_is(s, power):
    beta = {"skipinit": 0.0, "root": s.L**-0.5, "one": 1.0}[s.scale]
    return close(expected_gain(s.L, s.lam, beta), abs(s.lam) ** (power * s.L))


GROUNDS = {
    "training-remember-about": Grounds(
        settings(runs=("stored",)),
        {"seen": lambda s: RECORDS["steps"] == 60},
        false={"seen": lambda s: RECORDS["steps"] == 600},
    ),
    "training-remember-alone": Grounds(
        Places(given=tuple(s for s in RUNS.candidates() if s.depth == 100 and s.shortcut == 1)),
        {"diverge": lambda s: lost(s) == 5},
        {"scale": lambda s: s.scale == "one"},
        {"diverge": lambda s: lost(s) == 0},
    ),
    "training-remember-small": Grounds(
        Places(given=tuple(s for s in RUNS.candidates() if s.depth == 100)),
        {"learn": lambda s: learned(s) > 1.0},
        {"identity": lambda s: s.shortcut == 1, "small": lambda s: s.scale != "one"},
        {"learn": lambda s: learned(s) < 0.1},
    ),
    "training-remember-fresh": (
        Grounds(
            FRESH,
            {"exact": lambda s: gain_is(s, 2)},
            {"skipinit": lambda s: s.scale == "skipinit"},
            {"exact": lambda s: gain_is(s, 4)},
        ),
        Grounds(
            FRESH,
            {"bounded": lambda s: s.lam != 0 and abs(exp(min(log_factor(s), 600)) / exp(1 / (2 * s.lam**2)) - 1) < 0.1},
            {"root": lambda s: s.scale == "root", "fixed": lambda s: s.lam != 0},
            {"bounded": lambda s: s.lam != 0 and abs(exp(min(log_factor(s), 600)) / exp(1 / s.lam**2) - 1) < 0.1},
        ),
    ),
    "training-remember-near": Grounds(
        Places(given=tuple(s for s in RUNS.candidates() if s.place == "before" and s.scale == "root")),
        {"rate": lambda s: learned(s) > 0.05},
        {"near": lambda s: 0.9 <= s.shortcut <= 1.1, "depth": lambda s: s.depth <= 20},
        {"rate": lambda s: learned(s) < 0.05},
    ),
    "training-remember-direction": (
        Grounds(
            settings(kind=("plain", "small branches")),
            {"learn": lambda s: learned(next(p for p in RUNS.candidates() if p.depth == 20 and p.place == "before" and (p.shortcut, p.scale) == ((0, "one") if s.kind == "plain" else (1, "root")))) < 0.1},
            {"plain": lambda s: direction(s.kind) > 0.9},
            {"learn": lambda s: direction(s.kind) < 0.9},
        ),
        Grounds(
            Places(given=tuple(s for s in RUNS.candidates() if s.depth == 20 and s.place == "before" and (s.shortcut, s.scale) == (0, "one"))),
            {"arrives": lambda s: min(ratio(run, "first") for run in runs(s)) > -3 and learned(s) < 0.1},
            false={"arrives": lambda s: learned(s) > 0.1},
        ),
    ),
    "training-remember-trained": Grounds(
        Places(given=tuple(s for s in RUNS.candidates() if s.depth == 100 and s.place == "before" and (s.shortcut, s.scale) == (0.9, "root"))),
        {
            "trained": lambda s: max(abs(ratio(run, "last") - ratio(run, "first")) for run in runs(s)) > 0.3,
            "branches": lambda s: max(ratio(run, "last") - ratio(run, "first") for run in runs(s)) > 0.3,
        },
        false={
            "trained": lambda s: max(abs(ratio(run, "last") - ratio(run, "first")) for run in runs(s)) < 0.1,
            "branches": lambda s: max(ratio(run, "last") - ratio(run, "first") for run in runs(s)) < 0.1,
        },
    ),
}  # fmt: skip
