"""Chapter 14: its equations, and the random cases that check them."""

from __future__ import annotations

import numpy as np

from resnotes.book.cases import Units, numbered
from resnotes.book.oracles import row, same
from resnotes.book.registry import Equation, eq, together
from resnotes.reports import report
from resnotes.symbolic import your_own_network as chapter


class Reported(Units):
    """A random network, its gradients by the complex step, and its report. No gradient in it is 0."""

    def __init__(self, rng):
        while True:
            super().__init__(rng)
            sizes = [float(np.linalg.norm(self.gradient(k))) for k in range(self.depth + 1)]
            if min(sizes) > 1e-3 * max(sizes):
                break
        self.found = report(self.net, self.trace.states[0], self.g_out)
        same(10**self.found.log10_gradient, sizes, "report, lengths of the gradients")
        self.known = {"w": numbered(self.found.share)}  # the report's own: the equations say what it is
        logs = np.log10(sizes)
        same(self.found.log10_gain, logs[:-1] - logs[1:], "report, gains")

    def value_q(self, unit, count):
        return row(self.g_out @ self.value_P(unit, count))


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
            case=Reported,
            exact=chapter.check_gain,
        ),
        Equation(
            "report-lengths",
            STEM,
            together(chapter.lengths),
            "exhaustive",
            case=Reported,
            exact=chapter.check_lengths,
            rests_on=("backward-unit", "backward-product"),
        ),
        Equation(
            "report-share",
            STEM,
            together(chapter.share),
            "numeric",
            (NONZERO,),
            case=Reported,
            rests_on=("report-lengths",),
        ),
    ]
