"""When is it at least?"""

import itertools

import numpy as np

from resnotes import Affine, Network, Unit, tanh
from resnotes.explorers import AtLeast

from .case import Case, unequal

ENTRIES = [
    *itertools.product([-1.0, 0.0, 0.5], repeat=4),
    *itertools.product([-3.0, -0.37, 1.0], repeat=4),
    *itertools.product([-100.0, -1e-7, 2.0], repeat=4),
    # turns: J + Jᵀ + JJᵀ is 0 but for rounding
    *[(c - 1, -s, s, c - 1) for c, s in [(0.6, 0.8), (0.28, 0.96), (-0.8, 0.6), (0.0, 1.0), (-1.0, 0.0)]],
    # turns with a mirror, stretches, projections, and matrices close to them
    (-0.36, -0.48, -0.48, -0.64),
    (-1.6, 0.8, 0.8, -0.4),
    (-0.1, 0.0, 0.0, -0.1),
    (-0.1, 1e-9, -1e-9, -0.1),
    (0.1 + 0.2 - 1, 1e-14, 1e-14, -0.7),
    (-2.0, 0.0, 0.0, -2.0),
    (-2.0, 1e-300, 0.0, -2.0),
    (1e-200, -1e-200, 1e-200, 0.0),
]


def own_network():
    unit = Unit([Affine([[0.5, -1.0], [1.0, 0.25]]), tanh])
    return AtLeast(network=Network([unit, unit]), x=[0.3, -0.2], unit=1)


def faults(state, found):
    """Singular values and eigenvalues by LAPACK, lengths by a matrix product; all as a part of the largest entry."""
    J = np.array([state[key] for key in "abcd"]).reshape(2, 2)
    size = 1 + np.abs(J).max() ** 2
    longest, shortest = np.linalg.svd(np.eye(2) + J, compute_uv=False)
    lowest, highest = np.linalg.eigvalsh(J + J.T + J @ J.T)
    norm = np.linalg.norm(J, 2)
    wanted = {"longest": longest, "shortest": shortest, "lowest": lowest, "highest": highest, "norm": norm}
    wanted |= {"lower": 1 - norm, "upper": 1 + norm, "mean": np.linalg.norm(np.eye(2) + J) ** 2 / 2}
    angles = np.deg2rad(range(0, 180, 15))
    lengths = np.linalg.norm(np.stack([np.cos(angles), np.sin(angles)], axis=1) @ (np.eye(2) + J), axis=1)
    pairs = {name: (found["summary"][name] / size, value / size) for name, value in wanted.items()}
    at = np.deg2rad(state["angle"])
    pairs["sent"] = (np.array(found["sent"]) / size, np.array([np.cos(at), np.sin(at)]) @ (np.eye(2) + J) / size)
    return unequal(state, lengths=(np.array(found["lengths"]) / size, lengths / size), **pairs)


CASE = Case(
    explorer=AtLeast,
    chapter="06_at_least",
    grid=[
        {**dict(zip("abcd", entries, strict=True)), "angle": float(7 * k % 361)} for k, entries in enumerate(ENTRIES)
    ],
    faults=faults,
    extremes=[
        (
            {"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0},
            "This g arrives 1 times as long: it keeps its length. No direction shrinks: a gradient of length 1 gets a length of 1,",
        ),
        (
            {"a": -1.0, "b": 0.0, "c": 0.0, "d": -1.0},
            "Every direction shrinks: a gradient of length 1 gets a length of 0,",
        ),
        (
            {"a": -2.0, "b": 0.0, "c": 0.0, "d": -2.0},
            "No direction shrinks: a gradient of length 1 gets a length of 1,",
        ),
        (
            {"a": -0.36, "b": -0.48, "c": -0.48, "d": -0.64},
            "Every direction but one shrinks: a gradient of length 1 gets a length from 0 to 1.",
        ),
        ({"a": -0.4, "b": -0.8, "c": 0.8, "d": -0.4}, "is 0, not negative"),
        ({"a": 100.0, "b": 100.0, "c": 100.0, "d": 100.0}, "‖J‖₂ is 200, so 1 − ‖J‖₂ promises nothing"),
        ({"a": 100.0, "b": -100.0, "c": -100.0, "d": 98.0}, "≈ 0.318 % of all directions shrink"),
    ],
    refused=[({"a": 101.0}, "a"), ({"d": -100.5}, "d"), ({"b": 1e300}, "b"), ({"angle": -1.0}, "angle")],
    largest={"a": 0.5, "b": 1.0, "c": 1.0, "d": 0.5, "angle": 20.0},
    wrong=("const middle = (first + second) / 2", "const middle = (1 + 1e-9) * (first + second) / 2"),
    own=own_network,
)
