"""Operators on the shortcut."""

import numpy as np

from resnotes.explorers import Operators, operators

from .case import Case, unequal


def own_matrices():
    rng = np.random.default_rng(11)
    return Operators(matrices=[np.eye(5) + rng.normal(size=(5, 5)) / 10 for _ in range(30)])


def faults(state, found):
    """The mean over an orthonormal basis of gradients, and counts, from the spectra that the package has computed."""
    logs = [-np.inf if log is None else log for log in operators.standard()[state["operator"]][state["depth"] - 1]]
    sizes = 10.0 ** np.array(logs)
    rms = -np.inf if sizes[0] == 0 else np.log10(sizes[0]) + np.log10(np.mean((sizes / sizes[0]) ** 2)) / 2
    kept = np.sum(sizes >= sizes[0] / 100) if sizes[0] else 0
    lines = unequal(state, kept=(found["kept"], kept), zeros=(found["zeros"], np.sum(sizes == 0)))
    if found["logs"] != logs or not (found["rms"] == rms or abs(found["rms"] - rms) < 1e-11):
        lines.append(f"{state}: got {found}, wanted {logs}, {rms}")
    return lines


CASE = Case(
    explorer=Operators,
    chapter="07_shortcuts_as_operators",
    grid=[
        {"operator": name, "depth": depth}
        for name in operators.OPERATORS
        for depth in (1, 2, 3, 5, 8, 13, 16, 17, 18, 19, 27, 34, 40, 48, 54, 60, 64)
    ],
    faults=faults,
    extremes=[
        ({"operator": "dropout", "depth": 64}, "Nothing of any gradient comes through"),
        ({"operator": "half", "depth": 64}, "All 8 singular values are ≈ 5.42 × 10⁻²⁰"),
        ({"operator": "identity", "depth": 64}, "keeps 100 % of its length"),
        ({"operator": "averaging", "depth": 64}, "from 1 down to"),
        ({"operator": "option_a", "depth": 64}, "from 1 down to 0. 2 of 4 directions"),
    ],
    refused=[
        ({"operator": "identical"}, "operator"),
        ({"operator": "own"}, "operator"),
        ({"depth": 65}, "depth"),
        ({"depth": 0}, "depth"),
        ({"depth": 2.5}, "depth"),
    ],
    largest={"operator": "convolution", "depth": 64},
    wrong=("10 ** (2 * (log - top))", "10 ** (2.0000001 * (log - top))"),
    own=own_matrices,
)
