"""Every check of the book, run on all processors: equations, statements, claims."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from resnotes.book.claims import JUDGED
from resnotes.book.claims.claim import forget_passed, registered, remember_passed
from resnotes.book.equations import EQUATIONS
from resnotes.book.oracles import CheckResult
from resnotes.book.statements import STATEMENTS

#: From so many checks on it is worth while to start processes.
MANY = 20


@dataclass(frozen=True)
class Outcome:
    """What became of one check.

    Attributes
    ----------
    name : str
        Equation label, or id of a statement or claim.
    kind : str
        "equation", "statement" or "claim".
    how : str
        The equation's method, the statement's kind, or the claim's verdict.
    ok : bool
    cases : int or None
    worst_error : float or None
    error : str or None
        Why it failed, with both values.
    seconds : float
        Of processor time.
    """

    name: str
    kind: str
    how: str
    ok: bool
    cases: int | None
    worst_error: float | None
    error: str | None
    seconds: float

    def line(self, width: int) -> str:
        """One line of the table."""
        if not self.ok:
            return f"{self.name:{width}}  FAILED  {self.error}"
        return f"{self.name:{width}}  {self.how:10}  {self.cases:4d} cases  worst error {self.worst_error:.1e}"


def names() -> list[str]:
    """All that can be checked, in the order in which it is."""
    return [*EQUATIONS, *STATEMENTS, *JUDGED]


def outcome(name: str) -> Outcome:
    """Run one check."""
    if name in EQUATIONS:
        kind, how, check = "equation", EQUATIONS[name].method, lambda: registered(name)
    elif name in STATEMENTS:
        kind, how, check = "statement", STATEMENTS[name].kind, STATEMENTS[name].check
    else:
        kind, how, check = "claim", JUDGED[name].verdict, JUDGED[name].check
    start = time.process_time()  # other work on the machine does not count
    try:
        result = check()
    except ValueError as error:
        return Outcome(name, kind, how, False, None, None, str(error), time.process_time() - start)
    return Outcome(name, kind, how, True, result.cases, float(result.worst_error), None, time.process_time() - start)


def outcomes(chosen: Sequence[str]) -> Iterator[Outcome]:
    """Run these checks, an equation once however many claims rest on it; claims come last.

    Many of them run on all processors, and come in the order in which they were given.
    """
    forget_passed()
    if len(chosen) < MANY or os.cpu_count() == 1:
        yield from map(outcome, chosen)
        return
    passed = {}
    # New processes rather than forks: the caller may have threads, and a fork would inherit their locks.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for found in pool.map(outcome, [name for name in chosen if name not in JUDGED]):
            if found.ok and found.kind == "equation":
                passed[found.name] = CheckResult(found.worst_error, found.cases)
            yield found
        yield from pool.map(partial(_resting_on, passed), [name for name in chosen if name in JUDGED])


def _resting_on(passed, name):
    """The outcome of a check, given those of the equations that it may rest on."""
    remember_passed(passed)
    return outcome(name)
