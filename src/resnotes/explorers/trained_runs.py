"""One dot a run: the gradient of fresh networks against what they have learned, and the curves of the run that is chosen.

The runs are records of `resnotes.training.sweep`; those of the book stand in trained_runs.json. What is said and drawn of
them stands in trained_runs.js.
"""

import json
import math

import traitlets

from resnotes import _validate
from resnotes.explorers._base import FILES, Checked, Explorer, bundle, one_of, refusing, style, whole_between

SCALES = {"1": "one", "1/sqrt(L)": "root", "skipinit": "skipinit"}
PLACES = {"pre": "before", "post": "after"}
#: States whose gradients are carried, at most, beside the last one; decimals of their logarithms, and of losses.
STATES, DECIMALS = 20, 2
#: Losses are carried up to this one.
HIGHEST_LOSS = 9.99
PARTS = ("seed", "loss", "right", "first", "last", "lost")


def carried(records):
    """What the explorer carries of runs.

    Parameters
    ----------
    records : sequence of resnotes.training.Record
        Of the same numbers of steps and of the same rate, with their gradients measured before the first step.

    Returns
    -------
    dict
        "steps", "measured" (steps), and "groups": for each setting "depth", "shortcut", "scale", "place", "states" and
        "runs" by seed. The size of the gradient at x_l is log10 of ‖∂E/∂x_l‖ over ‖∂E/∂x_L‖, at the first and at the last
        measured step.

    Raises
    ------
    ValueError
        If there are none, or they differ in what is not shown.
    """
    records = list(records)
    kinds = {(run.steps, run.every, run.rate, run.width, run.batch) for run in (record.settings for record in records)}
    if len(kinds) != 1:
        got = f"runs of {len(kinds)} kinds" if kinds else "none"
        _validate.refuse("of", got, "runs that differ in λ, depth, scale, place of the ReLU and seed alone")
    settings = {_setting(record.settings): [] for record in records}
    for record in sorted(records, key=lambda record: record.settings.seed):
        settings[_setting(record.settings)].append(_run(record))
    names = ("depth", "shortcut", "scale", "place")
    groups = [
        {**dict(zip(names, setting, strict=True)), "states": _states(setting[0]), "runs": runs}
        for setting, runs in settings.items()
    ]
    return {
        "steps": kinds.pop()[0],
        "measured": max((record.measured for record in records), key=len),
        "groups": groups,
    }


def _setting(run):
    return run.depth, run.shortcut, SCALES[run.scale], PLACES[run.activation]


def _run(record):
    """One run, rounded; equal for equal seeds whatever processor made it."""
    sizes = record.state_gradients
    return {
        "seed": record.settings.seed,
        "loss": [round(min(loss, HIGHEST_LOSS), DECIMALS) for loss in record.loss],
        "right": [round(part, 3) for part in record.accuracy],
        "first": _sizes(sizes[0]) if sizes else [],
        "last": _sizes(sizes[-1]) if len(sizes) > 1 else [],
        "lost": record.diverged_at,
    }


def _states(depth):
    """From the last one down, at most `STATES` below it."""
    return [*range(depth, 0, -math.ceil(depth / STATES)), 0]


def _sizes(sizes):
    """At those states; None where nothing arrives, an empty list where nothing is sent back."""
    enters, states = sizes[-1], _states(len(sizes) - 1)
    return (
        [round(math.log10(sizes[l] / enters), DECIMALS) + 0.0 if sizes[l] else None for l in states] if enters else []
    )


#: The runs of the book's chapter on training, as its cell makes them (tools/training_data.py).
STORED = json.loads(FILES.joinpath("trained_runs.json").read_text(encoding="utf-8"))


def _runs(value, name):
    wanted = "what `carried` returns of records"
    if not isinstance(value, dict) or set(value) != {"steps", "measured", "groups"} or not value["groups"]:
        _validate.refuse(name, _validate.describe(value), wanted)
    for group in value["groups"]:
        if not {"depth", "shortcut", "scale", "place", "states", "runs"} <= set(group):
            _validate.refuse(name, _validate.describe(group), wanted)
        if any(set(run) != set(PARTS) for run in group["runs"]):
            _validate.refuse(name, "a run with other parts", f"{', '.join(PARTS)}")
    return value


class TrainedRuns(Explorer):
    """Explorer: runs of training, one dot each, and the curves of the one that is chosen.

    Every trait can be set, observed and linked. A state is one of the runs.

    Parameters
    ----------
    shortcut : float
        λ, the factor of every shortcut; 0.5 by default.
    depth : int
        L, the number of units; 20 by default.
    scale : str
        Of the branches: "one" (the default), "root" (1/√L) or "skipinit".
    place : str
        Of the ReLU: "before" (in the branch alone, the default) or "after" the addition.
    seed : int
        0 by default.
    runs : dict
        What `carried` returns; the book's runs by default. It is part of no link.
    of : sequence of resnotes.training.Record, optional
        Your own runs instead of the book's, as `resnotes.training.sweep` returns them.

    Raises
    ------
    ValueError
        If a value is of the wrong kind, or no run has these settings; the message names the argument, what came and
        what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import TrainedRuns
    >>> TrainedRuns(shortcut=1, depth=100, scale="root")
    TrainedRuns(shortcut=1.0, depth=100, scale='root', place='before', seed=0)
    """

    name = "trained_runs"
    state_names = ("shortcut", "depth", "scale", "place", "seed")
    carried = ("runs",)
    _esm = bundle("trained_runs")
    _css = style("trained_runs")

    shortcut = Checked(_validate.finite_number, 0.5)
    depth = Checked(whole_between(1, 10_000), 20)
    scale = Checked(one_of(tuple(SCALES.values())), "one")
    place = Checked(one_of(tuple(PLACES.values())), "before")
    seed = Checked(whole_between(0, 10_000), 0)
    runs = Checked(_runs, STORED)

    def __init__(self, *, of=None, **state):
        if of is not None:
            runs = carried(of)
            first = runs["groups"][0]
            start = {key: first[key] for key in ("shortcut", "depth", "scale", "place")}
            state = {**start, "seed": first["runs"][0]["seed"], "runs": runs, **state}
        super().__init__(**state)

    @traitlets.validate("shortcut", "depth", "scale", "place", "seed", "runs")
    def _together(self, proposal):
        state = {name: getattr(self, name) for name in (*self.state_names, *self.carried)}
        state[proposal.trait.name] = proposal.value
        left = [{**group, **run} for group in state["runs"]["groups"] for run in group["runs"]]
        for key in ("place", "scale", "depth", "shortcut", "seed"):
            there = list(dict.fromkeys(run[key] for run in left))
            if state[key] not in there:
                with refusing():
                    _validate.refuse(key, state[key], f"one of {', '.join(map(str, there))}")
            left = [run for run in left if run[key] == state[key]]
        return proposal.value
