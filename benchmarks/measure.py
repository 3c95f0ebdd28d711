"""Timing several ways of computing one thing in turns, after comparing their results."""

import gc
import math
import statistics
import time
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
        At most so many rounds; none begins after so many seconds, but five are run in any case.
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
            raise ValueError(f"{name}: differs from {names[0]} by {found[name]:.1e}, more than {case.tolerance}, at {case.size}")
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


def timed(case):
    """Seconds of each way in rounds that run all of them, the order turned by one each time."""
    names = list(case.ways)
    seconds = {name: [] for name in names}
    end = time.perf_counter() + case.seconds
    gc.collect()
    gc.freeze()  # what the libraries hold is not searched again in the turn of whoever allocates most
    for number in range(case.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(turn(case.ways[name]))
        if time.perf_counter() > end and number >= 4:
            break
    gc.unfreeze()
    return seconds


def summary(values):
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def measured(case):
    """Everything about one case, as plain values."""
    errors = differences(case)
    seconds = timed(case)
    ours = next(iter(case.ways))
    ways = {}
    for name, values in seconds.items():
        ratios = [value / own for value, own in zip(values, seconds[ours], strict=True)]
        ways[name] = {"seconds": summary(values), "ratio": summary(ratios)}
        if name in errors:
            ways[name]["difference"] = errors[name]
    return {"size": case.size, "rounds": len(seconds[ours]), "ways": ways, **case.notes}
