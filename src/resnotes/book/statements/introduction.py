"""What shows the answer on the front page."""

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu
from resnotes.book.statements import at_least, training
from resnotes.book.statements.at_least import CHAIN, DEPTH, ENSEMBLES, LOWER, NORMS, always_grows, between, mean_square
from resnotes.book.statements.places import Place, close, settings
from resnotes.book.statements.statement import Grounds
from resnotes.shortcuts import Absent, Identity

NUMBERS = settings(
    r=(0.0, 0.05, 1.0, -0.1, -0.45, -0.55, -0.75, -1.0, -1.25, -1.75, -2.25, 3.0), L=(1, 2, 5),
    after=("nothing", "ReLU"), units=("equal", "one apart"),
)  # fmt: skip


def arrives(s, skip):
    weights = [s.r] * (s.L - 1) + [s.r if s.units == "equal" else s.r + 1]
    net = Network(
        [
            Unit([Affine([[w]])], Identity() if skip else Absent(), after=relu if s.after == "ReLU" else identity)
            for w in weights
        ]
    )
    return float(net.backward(net.forward([1.0]), [1.0]).states[0][0])


def powers(s, law=lambda s: (1 + s.r) ** s.L):
    return close(arrives(s, True), law(s)) and close(arrives(s, False), s.r**s.L)


def more(s, limit):
    """With the skip more than without on one side of the limit, less on the other."""
    with_, without = abs(1 + s.r) ** s.L, abs(s.r) ** s.L
    return with_ > without if s.r > limit else with_ < without


def shrinks(s, low):
    return (abs(1 + s.r) < 1) == (low < s.r < 0) and (abs(1 + s.r) > 1) == (s.r > 0 or s.r < low)


CHAINS = Place(
    candidates=lambda: (s for s in CHAIN.candidates() if s.skip == 1 and s.after == 1), top=2, denominators=(1, 2)
)
BOTH = {**NORMS, **DEPTH}


def stopped(s, times):
    """Whether a branch with the Jacobian -times I stops every gradient."""
    return close(np.ones(s.n) - times * np.ones(s.n), 0)


GROUNDS = {
    "answer-plus-one": Grounds(
        settings(r=(0.0, 0.1, -0.1)),
        {
            "adds": lambda s: close(arrives(Place(r=s.r, L=1, units="equal", after="nothing"), True), 1 + s.r),
            "weak": lambda s: abs(1 + s.r) ** 5 > 0.5 > abs(s.r) ** 5,
            "still": lambda s: abs(1 - 0.1) ** 100 < 1e-3 and (1 + 0.1) ** 100 > 1e3,
        },
        false={
            "adds": lambda s: close(arrives(Place(r=s.r, L=1, units="equal", after="nothing"), True), s.r),
            "weak": lambda s: all(abs(1 + r) > 0 for r in (s.r, -1.0)),
            "still": lambda s: abs(1 + s.r) >= 1,
        },
    ),
    "answer-one-number": Grounds(
        NUMBERS,
        {"power": powers},
        {"equal": lambda s: s.units == "equal", "nothing": lambda s: s.after == "nothing"},
        {"power": lambda s: powers(s, lambda s: 1 + s.r**s.L)},
    ),
    "answer-ranges": Grounds(
        NUMBERS,
        {"more": lambda s: more(s, -0.5), "shrinks": lambda s: shrinks(s, -2)},
        false={"more": lambda s: more(s, -1), "shrinks": lambda s: shrinks(s, -1)},
    ),
    "answer-vectors": Grounds(
        CHAIN,
        {"stands": lambda s: not all(test(s) for test in BOTH.values()) or LOWER(s)},
        {"skips": lambda s: s.skip == 1 and s.after == 1},
        {"skips": lambda s: True},
    ),
    "answer-norms": (
        Grounds(CHAINS, {"chain": LOWER}, BOTH, {"chain": between(lambda s: np.exp(-s.c))}),
        Grounds(
            ENSEMBLES,
            {"square": lambda s: mean_square(s)[0] >= mean_square(s)[1] - 1e-9},
            {"mean": at_least.mean_zero, "independent": at_least.apart},
            {"square": always_grows},
        ),
        Grounds(
            settings(n=(1, 2, 3)),
            {"stops": lambda s: stopped(s, 1)},
            false={"stops": lambda s: stopped(s, 2)},
        ),
    ),
    "answer-learns": Grounds(
        training.GROUNDS["training-remember-direction"][1].places,
        {"learns": training.GROUNDS["training-remember-direction"][1].says["arrives"]},
        false={"learns": training.GROUNDS["training-remember-direction"][1].false["arrives"]},
    ),
}
