"""One dot a run."""

import math

from resnotes.explorers import TrainedRuns, trained_runs
from resnotes.training import Settings, train_seeds

from .case import Case

RUNS = [{**group, **run} for group in trained_runs.STORED["groups"] for run in group["runs"]]
KEYS = TrainedRuns.state_names


def ratio(run):
    """log10 of what arrives at x_0, as it is stored; -inf for nothing."""
    last = run["first"][-1] if run["first"] else None
    return -math.inf if last is None else last


def outcome(run):
    stays = run["lost"] is None
    return {
        "ratio": ratio(run),
        "right": run["right"][-1] if stays else None,
        "loss": run["loss"][-1] if stays else None,
        "lost": run["lost"],
    }


def faults(state, found):
    """By the stored runs, which test_trained_runs.py holds against the package's training."""
    (chosen,) = [run for run in RUNS if all(run[key] == state[key] for key in KEYS)]
    group = [run for run in RUNS if all(run[key] == state[key] for key in KEYS if key != "seed")]
    kept = [run for run in RUNS if run["place"] == state["place"] and 0.1 <= 10 ** ratio(run) <= 10]
    wanted = {
        **outcome(chosen),
        "group": [{"seed": run["seed"], **outcome(run)} for run in group],
        "kept": len(kept),
        "failed": sum(run["lost"] is not None or run["right"][-1] < 0.3 for run in kept),
    }
    return [f"{key} in {state}: got {found[key]}, wanted {wanted[key]}" for key in wanted if found[key] != wanted[key]]


def own():
    settings = [
        Settings(depth=3, shortcut=0.8, activation="pre", scale=scale, seed=seed, width=8, batch=16, steps=4, every=2)
        for scale in ("1", "skipinit")
        for seed in range(2)
    ]
    return TrainedRuns(of=[*train_seeds(settings[:2]), *train_seeds(settings[2:])])


CASE = Case(
    explorer=TrainedRuns,
    chapter="12_training",
    grid=[{key: run[key] for key in KEYS} for run in RUNS],
    faults=faults,
    extremes=[
        ({}, "before the first step ≈ 29 % of the gradient at the last state arrives at x₀"),
        ({}, "The other seeds: 19 % to 23 %."),
        ({"shortcut": 0, "scale": "skipinit"}, "before the first step nothing of the gradient"),
        ({"shortcut": 0, "scale": "root", "depth": 100}, "× 10⁻¹⁰⁷ times the gradient"),
        ({"shortcut": 1.1, "depth": 100}, "It diverged at step 1. The other seeds diverged too."),
        ({"shortcut": 1, "depth": 100, "scale": "root", "place": "after"}, "units, branches of scale 1/√L"),
    ],
    refused=[
        ({"shortcut": 0.3}, "shortcut"),
        ({"depth": 7}, "depth"),
        ({"scale": "two"}, "scale"),
        ({"place": "two"}, "place"),
        ({"seed": 5}, "seed"),
        ({"place": "after", "depth": 100, "shortcut": 0.9}, "shortcut"),
    ],
    largest={"shortcut": 1, "depth": 100, "scale": "root"},
    wrong=("ratio(run) <= MOST", "ratio(run) <= MOST + 0.5"),
    own=own,
)
