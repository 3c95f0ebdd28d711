"""The merge point."""

import itertools
import random

import numpy as np

from resnotes import Affine, Network, Unit, relu
from resnotes.explorers import MergePoint
from resnotes.shortcuts import Identity, Projection, StopGradient, ZeroPad

from .case import Case, unequal

ZEROS = {"shortcut": "zeros", "n_in": 2, "n_out": 4}
PROJECTION = {"shortcut": "projection", "n_in": 2, "n_out": 3}


def settings(draws=3, seed=4):
    """Every shortcut in every pair of widths that it joins, with and without the stop, with some numbers."""
    draw = random.Random(seed)
    for n_in, n_out, shortcut in itertools.product(range(1, 6), range(1, 6), ("identity", "zeros", "projection")):
        if (shortcut == "identity" and n_in != n_out) or (shortcut == "zeros" and n_out < n_in):
            continue
        for stop, k in itertools.product([False, True], range(draws)):
            # whole numbers, then tenths, then anything
            first = {key: draw.uniform(-9, 9) for key in ("o1", "g1", "s11", "w")}
            first = {key: round(value, k) if k < 2 else value for key, value in first.items()}
            yield {"n_in": n_in, "n_out": n_out, "shortcut": shortcut, "stop": stop, **first}


def faults(state, found):
    """The package's own unit with the module's o, g, W and H."""
    shortcut = {"identity": Identity(), "zeros": ZeroPad(state["n_out"]), "projection": Projection(found["H"])}
    layer = shortcut[state["shortcut"]]
    net = Network([Unit([Affine(found["W"]), relu], StopGradient(layer) if state["stop"] else layer)])
    trace = net.forward(np.array(found["o"], dtype=float))
    grads = net.backward(trace, np.array(found["g"], dtype=float))
    free = Network([Unit([Affine(found["W"]), relu], layer)])
    own = grads.units[0].shortcut.weight
    return unequal(
        state,
        first=([found["o"][0], found["g"][0]], [state["o1"], state["g1"]]),
        corner=(found["H"][0][0], state["s11"] if state["shortcut"] == "projection" else 1),
        y=(found["y"], trace.states[1]),
        at_o=(found["at_o"], grads.states[0]),
        skip=(found["skip"], grads.units[0].shortcut.input),
        W_gradient=(found["W_gradient"], grads.units[0].branch[0].weight),
        H_gradient=(found["H_gradient"], [] if own is None else own),
        true=(found["true"], free.backward(free.forward(found["o"]), found["g"]).states[0]),
    )


CASE = Case(
    explorer=MergePoint,
    chapter="03_merge_point",
    grid=list(settings()),
    faults=faults,
    extremes=[
        ({}, "Over the identity o gets (1, −1): g itself. The branch sends (−1, −2), so o gets (0, −3)."),
        (ZEROS, "Over the zero-padding o gets (1, −1): of 4 entries 2 are clipped. The branch sends (−1, −2)"),
        (PROJECTION, "Over Wₛ, 3 by 2, o gets g Wₛ = (−1, 7)"),
        ({**PROJECTION, "stop": True}, "Wₛ still has a gradient of its own, 3 by 2"),
        ({"w": 0.0}, "The branch sends (0, 0), so o gets (1, −1). Nudging o finds the same"),
        ({"o1": -2.0}, "a ReLU stands at its kink"),
        ({"shortcut": "zeros", "n_in": 3, "n_out": 3}, "nothing is clipped, since the widths agree"),
        (
            {
                "shortcut": "projection",
                "n_in": 5,
                "n_out": 5,
                **dict.fromkeys(("o1", "g1", "s11", "w"), 100.0),
            },
            "Wₛ has a gradient of its own, 5 by 5",
        ),
    ],
    refused=[
        ({"n_in": 6, "n_out": 4}, "n_in"),
        ({"n_out": 2.5, "n_in": 2}, "n_out"),
        ({"shortcut": "conv", "n_in": 2, "n_out": 4}, "shortcut"),
        ({"shortcut": "identity", "n_in": 2, "n_out": 4}, "n_out"),
        ({"shortcut": "zeros", "n_in": 4, "n_out": 3}, "n_out"),
        ({"o1": 101.0}, "o1"),
        ({"stop": 3}, "stop"),
    ],
    largest={"shortcut": "projection", "n_in": 5, "n_out": 5},
    wrong=("H[0][0] = state.s11", "H[0][0] = state.s11 + 1e-9"),
    own=lambda: MergePoint(Ws=[[1, 0.5], [2, -1], [0, 3]], o=[3, -2], g=[1, -1, 0.25]),
)
