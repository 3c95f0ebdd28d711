"""Timing several ways of computing one thing in turns, after comparing their results."""

import gc
import math
import statistics
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Case:
    """One workload at one size.

    Attributes
    ----------
    size : dict
        What varies: width, depth, dtype and the like.
    ways : dict of str to callable
        Each call does the whole work and returns what `values` understands. The first is ours.
    values : callable
        Name and result of a way -> list of arrays to compare.
    tolerance : float
        Largest difference allowed, the norm of the difference relative to that of each array. (Not entry by
        entry: in float32 a ReLU's input close to 0 may fall on either side of it.)
    unchecked : tuple of str
        Ways whose results are of another kind (a limit that computes less).
    seconds, rounds : float, int
        So many calm rounds are wanted; after so many seconds of them five will do.
    elsewhere : callable, optional
        Makes ways again, with other arrays: how fast one is that keeps its arrays hangs on where they lie, by some
        hundredths. It is called every `SITTING` rounds.
    notes : dict
        What else is known about the case.
    """

    size: dict
    ways: dict[str, Callable]
    values: Callable = lambda name, result: [result]
    tolerance: float = 1e-9
    unchecked: tuple = ()
    seconds: float = 3.0
    rounds: int = 15
    elsewhere: Callable[[], dict] = dict
    notes: dict = field(default_factory=dict)


def differences(case):
    """Run every way once and compare it with the first; returns the largest relative difference of each."""
    names = list(case.ways)
    wanted = [np.array(v) for v in case.values(names[0], case.ways[names[0]]())]
    found = {}
    for name in names[1:]:
        result = case.ways[name]()
        if name in case.unchecked:
            continue
        got = [np.asarray(v) for v in case.values(name, result)]
        if [g.shape for g in got] != [w.shape for w in wanted]:
            raise ValueError(f"{name}: got other shapes than {names[0]} at {case.size}")
        norm = lambda a: np.linalg.norm(a.astype(np.float64).ravel())  # noqa: E731
        errors = [norm(g - w) / max(norm(w), 1e-300) for g, w in zip(got, wanted, strict=True)]
        found[name] = float(max(errors))
        if not found[name] <= case.tolerance:
            raise ValueError(
                f"{name}: differs from {names[0]} by {found[name]:.1e}, more than {case.tolerance}, at {case.size}"
            )
    return found


# A turn of a short way is many calls of it: at least this long, after one call that is not timed.
TURN = 0.02


def turn(way):
    """Seconds of one call: of the first where that is long, else the mean of as many as a turn holds."""
    began = time.perf_counter()
    way()
    first = time.perf_counter() - began
    if first > TURN:
        return first
    calls = math.ceil(TURN / first)
    began = time.perf_counter()
    for _ in range(calls):
        way()
    return (time.perf_counter() - began) / calls


# A machine shared with others slows down for seconds at a time, and nothing it tells of itself shows it. A plain loop
# does: rounds next to which it took SLOW times its quickest are set aside while PATIENCE seconds last.
SLOW, PATIENCE = 1.2, 30.0
# So many rounds pass with arrays in one place.
SITTING = 2


class Pulse:
    """A plain loop's time, which shows how slow the machine is just now, and the least that was seen."""

    def __init__(self):
        self.quickest = math.inf

    def __call__(self):
        """Seconds of the loop; the least of three, since an interruption is no slowness."""
        now = min(timeit.repeat("for _ in range(20000): pass", number=1, repeat=3))
        self.quickest = min(self.quickest, now)
        return now


def timed(case, pulse):
    """Seconds of each way in calm rounds that run all of them, the order turned by one each time; and how many were set aside.

    Which rounds count is decided by the pulse before and after them and by nothing they measured. Where fewer than five
    are calm, the five calmest count.
    """
    names, ways, rounds = list(case.ways), dict(case.ways), []
    began = time.perf_counter()
    gc.collect()
    gc.freeze()  # what the libraries hold is not searched again in the turn of whoever allocates most
    calm = []
    while not _enough(case, len(rounds), calm, time.perf_counter() - began):
        if rounds and len(rounds) % SITTING == 0:
            moved = case.elsewhere()
            ways |= moved
            for way in moved.values():
                way()  # new memory is found at first use
        first = len(rounds) % len(names)
        start, before, seconds = time.perf_counter(), pulse(), {}
        for name in names[first:] + names[:first]:
            seconds[name] = turn(ways[name])
        rounds.append((max(before, pulse()), seconds, time.perf_counter() - start))
        calm = [took for beat, _, took in rounds if beat <= SLOW * pulse.quickest]
    gc.unfreeze()
    order = sorted(range(len(rounds)), key=lambda number: rounds[number][0])
    kept = [rounds[number][1] for number in sorted(order[: max(5, len(calm))])]
    return {name: [seconds[name] for seconds in kept] for name in names}, len(rounds) - len(kept)


def _enough(case, rounds, calm, seconds):
    """Whether no further round begins; `calm` is how long each calm one took."""
    if len(calm) >= case.rounds or (len(calm) >= 5 and sum(calm) > case.seconds):
        return True
    return rounds >= 5 and seconds > case.seconds + PATIENCE


def summary(values):
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def measured(case, pulse):
    """Everything about one case, as plain values."""
    errors = differences(case)
    seconds, aside = timed(case, pulse)
    ours = next(iter(case.ways))
    ways = {}
    for name, values in seconds.items():
        ratios = [value / own for value, own in zip(values, seconds[ours], strict=True)]
        ways[name] = {"seconds": summary(values), "ratio": summary(ratios)}
        if name in errors:
            ways[name]["difference"] = errors[name]
    return {"size": case.size, "rounds": len(seconds[ours]), "aside": aside, "ways": ways, **case.notes}
