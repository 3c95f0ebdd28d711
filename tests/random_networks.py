"""Random residual networks for the tests, beside a forward pass that shares no code with the package.

A plan is plain data: a list of parameters and, for each unit, which entries it has and which parameters
they use. `build` makes the package's Network of it; `reference` runs it with any NumPy-like module, so
that HIPS autograd and the complex step differentiate something that we did not write the backward rules
for.
"""

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu, tanh
from resnotes.shortcuts import (
    Absent,
    Diagonal,
    Identity,
    Layer,
    Projection,
    Scale,
    StopGradient,
    ZeroPad,
)

ACTIVATIONS = {"identity": identity, "relu": relu, "tanh": tanh}
# Those that keep the width, and those that may change it.
KEEPING = ["identity", "scale", "diagonal", "gate"]
CHANGING = ["projection", "zeropad", "absent"]
SHORTCUTS = KEEPING + CHANGING + ["stop identity", "stop projection", "stop gate"]
# The least distance of a ReLU's input from its kink. Central differences move inputs by about 1e-5.
MARGIN = 1e-3


class Gate(Layer):
    """A shortcut as a user would write it: H(x) = x / (1 + exp(-W x)), entry by entry."""

    def __init__(self, weight):
        self.weight = weight

    def forward(self, x):
        return x / (1 + np.exp(-x @ self.weight.T))

    def backward(self, x, g):
        s = 1 / (1 + np.exp(-x @ self.weight.T))
        z = g * x * s * (1 - s)
        return g * s + z @ self.weight, np.atleast_2d(z).T @ np.atleast_2d(x)


def plan(rng, depth, width, shortcuts, activation, after):
    """Draw a plan, `shortcuts` and `after` naming one choice a unit; returns (parameters, units, n_0)."""
    parameters, units = [], []

    def parameter(*shape):
        parameters.append(rng.normal(size=shape) / np.sqrt(shape[-1] if shape else 1))
        return len(parameters) - 1

    n = first = width
    for shortcut, f in zip(shortcuts, after, strict=True):
        kind = shortcut.removeprefix("stop ")
        m = n
        if kind in ("projection", "absent"):
            m = int(rng.integers(1, 6))
        elif kind == "zeropad":
            m = n + int(rng.integers(0, 2))
        depth_of_branch = int(rng.integers(1, 4))
        widths = [n, *rng.integers(1, 6, size=depth_of_branch - 1).tolist(), m]
        branch = []
        for a, b in zip(widths, widths[1:]):
            branch.append(("affine", parameter(b, a), parameter(b) if rng.random() < 0.8 else None))
            branch.append((activation,))
        if rng.random() < 0.7:
            branch.pop()
        shapes = {"scale": (), "diagonal": (n,), "projection": (m, n), "gate": (n, n)}
        index = parameter(*shapes[kind]) if kind in shapes else None
        units.append({"branch": branch, "shortcut": shortcut, "index": index, "after": f, "width": m})
        n = m
    assert len(units) == depth
    return parameters, units, first


def build(parameters, units):
    """The package's network for a plan."""

    def shortcut(unit):
        kind, value = unit["shortcut"].removeprefix("stop "), None
        if unit["index"] is not None:
            value = parameters[unit["index"]]
        made = {
            "identity": lambda: Identity(),
            "scale": lambda: Scale(value),
            "diagonal": lambda: Diagonal(value),
            "gate": lambda: Gate(value),
            "projection": lambda: Projection(value),
            "zeropad": lambda: ZeroPad(unit["width"]),
            "absent": lambda: Absent(),
        }[kind]()
        return StopGradient(made) if unit["shortcut"].startswith("stop ") else made

    def entry(e):
        if e[0] == "affine":
            return Affine(parameters[e[1]], None if e[2] is None else parameters[e[2]])
        return ACTIVATIONS[e[0]]

    branches = [[entry(e) for e in unit["branch"]] for unit in units]
    return Network([Unit(b, shortcut(u), ACTIVATIONS[u["after"]]) for b, u in zip(branches, units)])


def reference(parameters, units, x, xp=np, stop=None):
    """States of a plan's forward pass, written anew. `stop` is what a stop-gradient does to a state."""
    relu_ = lambda z: xp.where(xp.real(z) > 0, z, 0 * z)  # noqa: E731
    act = {"identity": lambda z: z, "relu": relu_, "tanh": xp.tanh}
    states = [x]
    for unit in units:
        x = z = states[-1]
        for e in unit["branch"]:
            if e[0] == "affine":
                z = xp.dot(z, parameters[e[1]].T) + (0 if e[2] is None else parameters[e[2]])
            else:
                z = act[e[0]](z)
        source = stop(x) if unit["shortcut"].startswith("stop ") else x
        kind = unit["shortcut"].removeprefix("stop ")
        w = None if unit["index"] is None else parameters[unit["index"]]
        if kind == "identity":
            carried = source
        elif kind in ("scale", "diagonal"):
            carried = w * source
        elif kind == "gate":
            carried = source / (1 + xp.exp(-xp.dot(source, w.T)))
        elif kind == "projection":
            carried = xp.dot(source, w.T)
        elif kind == "zeropad":
            carried = xp.dot(source, np.eye(source.shape[-1], unit["width"]))
        else:
            carried = 0
        states.append(act[unit["after"]](carried + z))
    return states


def relu_distance(net, trace):
    """The least distance of any ReLU's input from 0."""
    inputs = [np.inf]
    for unit, record in zip(net.units, trace.units):
        for layer, z in zip([*unit.branch, unit.after], [*record.branch, record.sum]):
            if layer is relu:
                inputs.append(np.min(np.abs(z)))
    return min(inputs)


def draw(rng, depth, shortcuts, activation, after, batch):
    """A plan and an input at which every ReLU's input stays MARGIN away from the kink.

    Plan and input are drawn anew until that holds, so what the tests compare is differentiable there.
    """
    for _ in range(1000):
        parameters, units, n = plan(rng, depth, int(rng.integers(1, 6)), shortcuts, activation, after)
        x = rng.normal(size=(n,) if batch is None else (batch, n))
        net = build(parameters, units)
        if relu_distance(net, net.forward(x)) > MARGIN:
            return parameters, units, x
    raise AssertionError("no network clear of ReLU kinks in 1000 draws")


def parameter_gradients(units, grads, count):
    """The package's parameter gradients in the order of the plan's parameters."""
    flat = [None] * count
    for unit, g in zip(units, grads.units, strict=True):
        for e, layer in zip(unit["branch"], g.branch, strict=True):
            if e[0] == "affine":
                flat[e[1]] = layer.weight
                if e[2] is None:
                    assert layer.bias is None
                else:
                    flat[e[2]] = layer.bias
            else:
                assert layer.weight is None and layer.bias is None
        if unit["index"] is None:
            assert g.shortcut.weight is None
        else:
            flat[unit["index"]] = g.shortcut.weight
    assert all(f is not None for f in flat)
    return flat


def assert_near(got, wanted, tolerance):
    """Equal to `tolerance` relative to the largest entry wanted, with both shapes the same."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, (got.shape, wanted.shape)
    scale = np.max(np.abs(wanted), initial=0.0)
    error = np.max(np.abs(got - wanted), initial=0.0)
    assert error <= tolerance * scale or error <= 1e-300, f"error {error:.3g} of {scale:.3g}\n{got}\n{wanted}"


def flattened(function, x):
    """Jacobian of a batch function on the flattened batch, by the complex step."""
    columns = []
    for k in range(x.size):
        moved = x.astype(complex)
        moved.flat[k] += 1e-30j
        columns.append(np.imag(function(moved)).ravel() / 1e-30)
    return np.stack(columns, axis=-1)
