"""Timing several ways of computing one thing in turns, after comparing their results."""

import gc
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# A turn of a short way is many calls: at least this many seconds of the processor, after one call that is not timed.
TURN = 0.02


@dataclass
class Case:
    """One workload at one size.

    Attributes
    ----------
    size : dict
        What varies: width, depth, dtype and the like.
    ways : dict of str to callable
        Each call does the whole work and returns a list of arrays to compare. The first is ours.
    tolerance : float
        Largest difference allowed, the norm of the difference relative to that of each array. (Not entry by
        entry: in float32 a ReLU's input close to 0 may fall on either side of it.)
    rounds : int
        How often the ways take turns.
    """

    size: dict
    ways: dict[str, Callable]
    tolerance: float = 1e-9
    rounds: int = 15


def differences(case):
    """Run every way once and compare it with the first; returns the largest relative difference of each."""
    ours, *others = case.ways
    wanted = [np.array(value) for value in case.ways[ours]()]
    found = {}
    for name in others:
        got = [np.asarray(value) for value in case.ways[name]()]
        if [value.shape for value in got] != [value.shape for value in wanted]:
            raise ValueError(f"{name}: got other shapes than {ours} at {case.size}")
        errors = [np.linalg.norm(np.ravel(g - w)) / np.linalg.norm(w) for g, w in zip(got, wanted, strict=True)]
        found[name] = float(max(errors))
        if not found[name] <= case.tolerance:
            raise ValueError(f"{name}: got a difference of {found[name]:.1e} from {ours} at {case.size}")
    return found


def turn(way):
    """Seconds of the processor that one call takes: of the first where that is long, else the mean of many."""
    began = time.process_time()
    way()
    first = time.process_time() - began
    if first > TURN:
        return first
    calls = math.ceil(TURN / max(first, 1e-6))
    began = time.process_time()
    for _ in range(calls):
        way()
    return (time.process_time() - began) / calls


def summary(values):
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def measured(case):
    """Everything about one case, as plain values: in each round all ways take a turn, the order moved on by one."""
    errors, names = differences(case), list(case.ways)
    seconds = {name: [] for name in names}
    gc.collect()
    gc.freeze()  # what the libraries hold is not searched again in the turn of whoever allocates most
    for number in range(case.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(turn(case.ways[name]))
    gc.unfreeze()
    ways = {}
    for name, values in seconds.items():
        ratios = [value / own for value, own in zip(values, seconds[names[0]], strict=True)]
        ways[name] = {"seconds": summary(values), "ratio": summary(ratios)}
        if name in errors:
            ways[name]["difference"] = errors[name]
    return {"size": case.size, "rounds": case.rounds, "ways": ways}
