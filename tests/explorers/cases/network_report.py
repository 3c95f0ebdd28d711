"""A report on a network."""

import numpy as np

from resnotes import report
from resnotes.explorers import NetworkReport, network_report
from resnotes.recipes import RECIPES

from .case import Case

NAMES = tuple(network_report.standard())
WEAK, STRONG = network_report.Scale(1e-4), network_report.Identity()
BAD = {"all well": {}, "a weak shortcut": {17: (WEAK, 1e-4)}, "a strong branch": {5: (STRONG, 5e4)}}
BAD["one of each"] = BAD["a weak shortcut"] | BAD["a strong branch"]
FOUND = {name: report(network_report._units(bad)) for name, bad in BAD.items()}


def faults(state, found):
    """By the report on the same units, to the four decimals that the page carries."""
    wanted = FOUND[state["report"]]
    unit = state["unit"]
    lengths = wanted.log10_gradient - wanted.log10_gradient[-1]
    pairs = {
        "total": wanted.log10_total,
        "gain": wanted.log10_gain[unit],
        "after": wanted.log10_after[unit],
        "shortcut": wanted.log10_shortcut[unit],
        "branch": wanted.log10_branch[unit],
        "below": lengths[unit],
        "above": lengths[unit + 1],
    }
    lines = [
        f"{key} in {state}: got {found[key]}, wanted {value}"
        for key, value in pairs.items()
        if abs(found[key] - value) > 1.1e-4
    ]
    if (found["verdict"], found["worst"]) != (wanted.verdict, wanted.worst_unit):
        lines.append(f"{state}: got {found}, wanted {wanted.verdict}, {wanted.worst_unit}")
    return lines


def own():
    weights = np.random.default_rng(3).normal(size=(12, 2, 6, 6)) / 3
    return NetworkReport(of=report(RECIPES["identity shortcuts"].network(weights)))


CASE = Case(
    explorer=NetworkReport,
    chapter="14_your_own_network",
    grid=[{"report": name, "unit": unit} for name in NAMES for unit in range(network_report.DEPTH)],
    faults=faults,
    extremes=[
        ({}, "30 units: the gradient keeps its size"),
        ({"report": "all well", "unit": 29}, "No unit is to blame. Unit 29 multiplies it by"),
        ({"report": "a weak shortcut"}, "Most to blame is unit 17: 101 % of the change, on a log scale."),
        ({"report": "a strong branch", "unit": 5}, "30 units: the gradient explodes"),
        ({"report": "a weak shortcut", "unit": 17}, "then the shortcut alone by 1 × 10⁻⁴"),
    ],
    refused=[
        ({"report": "another"}, "report"),
        ({"unit": 30}, "unit"),
        ({"unit": -1}, "unit"),
        ({"unit": 1.5}, "unit"),
    ],
    largest={"report": "one of each", "unit": 12},
    wrong=("lengths[unit + 1] - lengths.at(-1)", "lengths[unit + 1] - lengths.at(-1) + 2e-4"),
    own=own,
)
