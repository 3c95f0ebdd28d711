"""The four layers."""

import itertools
import random

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu
from resnotes.explorers import FourLayers, four_layers
from resnotes.shortcuts import Absent, Identity, StopGradient

from .case import Case, unequal

OPEN = {"b1": 0.0, "b2": 0.0, "b3": 0.0, "g5": 1.0, "skip_13": "on", "skip_35": "on", "after": True, "at": 1}
FOUR_PATHS = {**OPEN, "w1": 2.0, "w2": 1.0, "w3": 3.0, "w4": -0.5, "b4": 1.0, "x1": 0.25}
NUMBERS = FourLayers.state_names[:10]
SHORTCUTS = {"on": Identity(), "constant": StopGradient(Identity()), "off": Absent()}


def network(state):
    """The package's network in a state."""
    A = [Affine([[state[f"w{k}"]]], [state[f"b{k}"]]) for k in range(1, 5)]
    after = relu if state["after"] else identity
    return Network(
        [
            Unit([A[0], relu, A[1]], SHORTCUTS[state["skip_13"]], after),
            Unit([A[2], relu, A[3]], SHORTCUTS[state["skip_35"]], after),
        ]
    )


def passes(state):
    """The states x_1 ... x_5, the gradients g_1 ... g_5 and those of the weights of the package's network."""
    net = network(state)
    trace = net.forward(np.array([state["x1"]]))
    grads = net.backward(trace, np.array([state["g5"]]))
    states = [trace.states[0], trace.units[0].branch[2], trace.states[1], trace.units[1].branch[2], trace.states[2]]
    g = [
        *(grads.states[0], grads.units[0].branch[2].input),
        *(grads.states[1], grads.units[1].branch[2].input, grads.states[2]),
    ]
    weights = [unit.branch[k].weight.item() for unit in grads.units for k in (0, 2)]
    return np.concatenate(states), np.concatenate(g), weights


def faults(state, found):
    """States, gradients as switched, those of the weights, gradients with no skip held constant, paths."""
    open_ = {key: "on" for key in ("skip_13", "skip_35") if state[key] == "constant"}
    x, g, weights = passes(state)
    together = sum(path["product"] for path in found["paths"])
    return unequal(
        state,
        x=(found["x"], x),
        g=(found["g"], g),
        weights=(found["weights"], weights),
        truth=(found["truth"], passes({**state, **open_})[1]),
        paths=(together, g[state["at"] - 1]),
    )


def settings(count, step, most=4.0, seed=3):
    """Every combination of switches and states, each with `count` draws of numbers, multiples of `step`."""
    draw = random.Random(seed)
    for skip_13, skip_35, after, at in itertools.product(
        four_layers.SKIPS, four_layers.SKIPS, [True, False], range(1, 6)
    ):
        for _ in range(count):
            numbers = {key: step * draw.randint(round(-most / step), round(most / step)) for key in NUMBERS}
            yield {**numbers, "skip_13": skip_13, "skip_35": skip_35, "after": after, "at": at}


CASE = Case(
    explorer=FourLayers,
    chapter="02_backward_pass",
    grid=[
        *({**FOUR_PATHS, "at": at} for at in (1, 2, 3, 4, 5)),
        *settings(4, 0.25),
        *settings(2, 0.01),
        *settings(1, 1 / 3, 10.0),
        *settings(2, 1.0, 2.0),  # whole numbers: many sums are exactly 0
    ],
    faults=faults,
    extremes=[
        (
            {"w2": -1.0},
            "y₃ = −0.25 is not positive: the ReLU after the first addition blocks branch and skip alike",
        ),
        ({}, "Four paths lead back to x₁, and g₁ = −3 − 1.5 + 2 + 1 = −1.5"),
        (
            {**FOUR_PATHS, "skip_35": "constant"},
            "g₁ = −3 − 1.5 + 0 + 0 = −4.5. That is not the derivative, which is −1.5",
        ),
        ({key: 0.0 for key in NUMBERS}, "y₅ = 0 is not positive"),
        (
            {**OPEN, **dict.fromkeys(("w1", "w2", "w3", "w4", "x1", "g5"), 10.0), "b4": 10.0},
            "= 100000 + 1000 + 1000 + 10 = 102010",
        ),
        ({"w2": -1.0, "at": 3}, "it straddles the kink of a ReLU"),
        ({"w3": 2.0, "at": 3}, "g₃ = −1 + 1 = 0. The paths cancel. Nudging x₃ finds the same."),
        ({"at": 5}, "g₅ = 1 comes from the loss"),
    ],
    refused=[
        ({"w1": 11.0}, "w1"),
        ({"g5": -10.5}, "g5"),
        ({"skip_13": "maybe"}, "skip_13"),
        ({"at": 6}, "at"),
        ({"at": 2.5}, "at"),
        ({"after": 3}, "after"),
    ],
    largest=FOUR_PATHS,
    wrong=("value * local[a][b]", "value * local[a][b] * (1 + 1e-9)"),
    own=lambda: FourLayers(weights=[0.5, 1.5, -0.75, 2], biases=[1, 0, 0.5, 0], x1=0.5, skip_13="off"),
)
