"""Exercises of chapter 13."""

from __future__ import annotations

import math

from resnotes.exercises.kinds import Choice, Exercise, Formula, Number


def _growth():
    """The factor a unit that makes 3000 in 60 units."""
    return 3000 ** (1 / 60)


EXERCISES = (
    Exercise(
        "ex-depths-growth",
        1,
        (
            Number(
                "factor a unit =",
                _growth,
                mistakes=(
                    (50, "Units multiply. 3000/60 would be right if they added."),
                    (math.log(3000) / 60, "That is the logarithm of the factor. Take the exponential."),
                ),
            ),
            Number(
                "log₁₀ of the gain in 1000 units =",
                lambda: 1000 * math.log10(_growth()),
                tolerance=1e-2,
                mistakes=((math.log10(50000), "That is 3000 times 1000/60: gains multiply, so their logarithms add."),),
            ),
        ),
        ("1.143", "57.95"),
    ),
    Exercise(
        "ex-depths-choice",
        2,
        (
            Choice(
                "Look first at",
                (
                    (
                        "the branches: divide them by √L, or start them at 0",
                        "Right: every branch is as strong as its shortcut, and 100 of them multiply.",
                    ),
                    (
                        "the shortcuts: their product has collapsed",
                        "The largest singular value is 1. The shortcuts keep everything.",
                    ),
                    ("one unit: it is to blame for the explosion", "No unit does more than a hundredth of the change."),
                    (
                        "the format: train in float32",
                        "A better format would hold a gradient that is 10¹⁵ times too long, and no more.",
                    ),
                ),
            ),
        ),
        ("branches",),
    ),
    Exercise(
        "ex-depths-formula",
        3,
        (
            Formula(
                "with k for κ, B =",
                "(3/(k*L))^(1/2)",
                ("k", "L"),
                (),
                (
                    ("3/(k*L)", "That is B²: the gain holds the square of the branch's factor."),
                    ("(4/(k*L))^(1/2)", "The 1 of the law has been lost: 1 + κB²L = 4."),
                    ("(3/L)^(1/2)", "κ is lost. A strong branch must be scaled down more."),
                ),
            ),
        ),
        ("\\sqrt{3/(\\kappa L)}",),
    ),
)
