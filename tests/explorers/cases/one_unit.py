"""One unit."""

import itertools

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu
from resnotes.explorers import OneUnit

from .case import Case, unequal

FIRST, SECOND = np.array([[1.0, 2.0], [-1.0, 1.0]]), np.array([[-2.0, 1.0], [1.0, 1.0]])


def network(state):
    """The package's unit in a state."""
    layers = [Affine(FIRST), relu, Affine(state["r"] * SECOND)]
    if state["placement"] == "before":
        return Network([Unit([relu, *layers], after=identity)])
    return Network([Unit(layers, after=relu)])


def faults(state, found):
    """The states and the sum by the package's core, and what its backward pass lets through the shortcut alone."""
    net = network(state)
    x = np.array([state["x1"], state["x2"]])
    trace = net.forward(x)
    grads = net.backward(trace, np.ones(2))
    return unequal(
        state,
        x=(found["x"], x),
        y=(found["y"], trace.units[0].sum),
        F=(found["F"], trace.units[0].sum - x),
        out=(found["out"], trace.states[1]),
        open=(found["open"], grads.units[0].shortcut.input),
    )


CASE = Case(
    explorer=OneUnit,
    chapter="01_forward_pass",
    grid=[
        {"x1": x1, "x2": x2, "r": r, "placement": placement}
        for x1, x2, r, placement in itertools.product(
            [-10.0, -2.5, -1 / 3, 0.0, 0.5, 3.0],
            [-4.0, -1.0, 0.0, 2.7, 10.0],
            [-2.0, -0.1, 0.0, 1.0, 10.0],
            ["after", "before"],
        )
    ],
    faults=faults,
    extremes=[
        ({}, "Entry 1: 3 − 6 = −3, and the ReLU makes it 0: nothing arrives of the 3 that the shortcut brought."),
        ({}, "Entry 2: 0 + 3 = 3, and the ReLU lets it through."),
        ({"placement": "before"}, "Entry 1: 3 − 6 = −3, and nothing comes after the addition."),
        ({"x1": 2.0, "x2": -1.0, "r": 0.0}, "The branch adds nothing, and still the unit changes its input."),
        (
            {"x1": 2.0, "x2": -1.0, "r": 0.0, "placement": "before"},
            "The branch adds nothing, and the unit is the identity.",
        ),
        ({"r": 0.5}, "Entry 1: 3 − 3 = 0, which the ReLU leaves at 0."),
        ({"x1": 10.0, "x2": 10.0, "r": 10.0}, "Entry 1: 10 − 600 = −590"),
        ({"x1": 0.0, "x2": 0.0}, "Entry 2: 0 + 0 = 0, which the ReLU leaves at 0."),
    ],
    refused=[
        ({"x1": 11.0}, "x1"),
        ({"r": -10.5}, "r"),
        ({"placement": "inside"}, "placement"),
    ],
    largest={"x1": 10.0, "x2": -10.0, "r": -7.77},
    wrong=("r * entry + 0", "r * entry * (1 + 1e-9) + 0"),
    own=lambda: OneUnit(x1=1.5, r=-0.25, placement="before"),
)
