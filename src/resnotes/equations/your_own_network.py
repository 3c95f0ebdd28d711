"""The equations of chapter 14."""

from __future__ import annotations

from resnotes import verify
from resnotes.equations.entry import Equation, eq, together
from resnotes.symbolic import your_own_network as chapter

STEM = "14_your_own_network"
NONZERO = "no gradient is 0"


def build() -> list[Equation]:
    """In the order in which the chapter shows them."""
    return [
        Equation(
            "report-gain",
            STEM,
            eq(*chapter.gain),
            "exhaustive",
            (NONZERO,),
            world=verify.Reported,
            exact=chapter.check_gain,
        ),
        Equation(
            "report-lengths",
            STEM,
            together(chapter.lengths),
            "exhaustive",
            world=verify.Reported,
            exact=chapter.check_lengths,
            rests_on=("backward-unit", "backward-product"),
        ),
        Equation(
            "report-share",
            STEM,
            together(chapter.share),
            "numeric",
            (NONZERO,),
            world=verify.Reported,
            rests_on=("report-lengths",),
        ),
    ]
