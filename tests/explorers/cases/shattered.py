"""Shattered gradients."""

import itertools
from functools import cache

import numpy as np

from resnotes.explorers import Shattered
from resnotes.initialisation import residual_network
from resnotes.shattered import batch_normalised_network, coactive_correlation

from ..modules import run
from .case import Case, unequal

SCALES = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.2), (1.5, 1.5), (1.0, 0.0), (0.0, 0.05)]
INPUTS = np.linspace(-2, 2, 80)

DRAWN = """(module, seed) => {
  const { u, b, read, across, rows } = module.drawn(seed);
  return [[u, b, read].map((v) => [...v]), across.map((v) => [...v]), rows.map((v) => [...v])];
}"""


@cache
def weights(seed):
    """u, b and the row that reads the output; the directions across u; the units' matrices."""
    vectors, across, rows = run("shattered", DRAWN, seed)
    n = len(vectors[0])
    return np.array(vectors), np.array(across), np.array(rows).reshape(-1, n, n)


def faults(state, found):
    """Outputs, gradients, correlations and the law at the state's depth, by the package with the same weights."""
    lam, beta, depth = (state[name] for name in ("lam", "beta", "depth"))
    (u, b, read), across, matrices = weights(state["seed"])
    batch = np.outer(INPUTS, u) + b
    if state["normalised"]:
        net = batch_normalised_network(matrices[:depth], batch, lam, beta)
    else:
        net = residual_network(matrices[:depth, np.newaxis], lam, beta, start="relu")
    trace = net.forward(batch)
    slope = net.backward(trace, np.tile(read, (80, 1))).states[0] @ u
    scale = np.abs(slope).max(), np.abs(trace.states[-1] @ read).max()
    lines = unequal(state, slope=(np.divide(found["slope"], scale[0]), slope / scale[0]))
    lines += unequal(state, output=(np.divide(found["output"], scale[1]), trace.states[-1] @ read / scale[1]))
    jacobian = net.jacobian(trace)

    def alike(directions):
        moved = jacobian @ directions.T
        return np.sum(moved[1:] * moved[:-1]) / (np.sum(moved[1:] ** 2 + moved[:-1] ** 2) / 2)

    lines += unequal(
        state,
        along=(found["along"][depth], alike(u[np.newaxis])),
        across=(found["across"][depth], alike(across)),
    )
    # The law of coins with what the masks of this network are: a mean over components for κβ², their overlap for 2p.
    carried, added, overlap = [], [], []
    for unit, at in zip(net.units, trace.units, strict=True):
        start = 1 if state["normalised"] else 0
        z = at.branch[start]
        weight = np.broadcast_to(unit.branch[0].slope if state["normalised"] else 1.0, z.shape[1:])
        mask = (z > 0) * weight
        pairs = np.sum(mask[1:] ** 2 + mask[:-1] ** 2) / 2
        added.append(2 * pairs / mask[1:].size)
        overlap.append(np.sum(mask[1:] * mask[:-1]) / pairs)
        carried.append(lam)
    wanted = coactive_correlation(
        depth, carried, beta * np.sqrt(added), coactive=np.minimum(0.5, np.array(overlap) / 2)
    )
    return lines + unequal(state, law=(found["law"][depth], wanted))


CASE = Case(
    explorer=Shattered,
    chapter="10_shattered_gradients",
    grid=[
        {"lam": lam, "beta": beta, "depth": depth, "normalised": normalised, "seed": seed}
        for seed, depth, (lam, beta), normalised in itertools.product(
            (1, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9), SCALES, (True, False)
        )
    ],
    faults=faults,
    extremes=[
        ({}, "have the correlation ≈ −0.01 along the input"),
        (
            {"lam": 1.0, "beta": 0.0},
            "have the correlation 1 along the input, and 1 across it; the law for masks that agree as these do says 1.",
        ),
        ({"depth": 1}, "After 1 unit, the gradients at neighbouring inputs"),
        ({"lam": 1.5, "beta": 1.5, "normalised": False}, "After 50 units"),
        ({"lam": 0.0, "beta": 0.01, "normalised": False}, "After 50 units"),
    ],
    refused=[
        ({"lam": -0.1}, "lam"),
        ({"beta": 1.6}, "beta"),
        ({"lam": 0.0, "beta": 0.0}, "beta"),
        ({"depth": 0}, "depth"),
        ({"depth": 51}, "depth"),
        ({"seed": 101}, "seed"),
    ],
    largest={"lam": 1.0, "depth": 25},
    wrong=("(2 * beta * beta * part) / pairs", "(2.000001 * beta * beta * part) / pairs"),
    own=lambda: Shattered(lam=1.0, depth=10),
)
