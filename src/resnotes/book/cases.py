"""Random cases: each knows the value of every symbol of some equations, by a way that uses no chain rule of ours.

Here are what all cases share and the two families that several chapters use; the others stand beside the
equations that they check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from sympy import Expr, Integer

from resnotes import four_layer, magnitudes, paths
from resnotes.book.oracles import KINK_MARGIN, SEED, STEP, column, complex_step_jacobian, relative_error, row, same
from resnotes.network import Affine, Network, Unit, identity, relu, tanh
from resnotes.shortcuts import Diagonal, Identity, Projection, Scale, StopGradient, ZeroPad
from resnotes.symbolic import backward_pass, unrolled_sum
from resnotes.symbolic.algebra import Factor, L, Mean, Norm, Partial, evaluate, l, unroll


class World:
    """Values of symbols in one random case.

    Attributes
    ----------
    values : dict
        What the indices of the expression are set to.
    """

    values: dict

    def value_of(self, node: Expr):
        """Number or array of a factor, partial derivative, number or function of numbers."""
        if isinstance(node, Norm):
            return self.value_norm(node)
        if isinstance(node, Mean):
            return self.value_mean(node)
        if isinstance(node, (Factor, Partial)):
            name = "partial" if isinstance(node, Partial) else node.name
            method = getattr(self, f"value_{name}", None)
            if method is None:
                raise KeyError(f"{type(self).__name__} has no value for {node}")
            return method(node) if name == "partial" else method(*node.indices)
        return float(node)

    def apply(self, function, argument):
        """The map's value at a column."""
        method = getattr(self, f"apply_{function.name}", None)
        if method is None:
            raise KeyError(f"{type(self).__name__} cannot apply {function.name}")
        return column(method(function, np.asarray(argument).ravel()))

    def evaluate(self, expression: Expr):
        """Value of an expression in this case."""
        return self._evaluate(unroll(expression, self.values))

    def _evaluate(self, expression):
        return evaluate(expression, self.value_of, np.eye, self.apply)

    def compare(self, left: Expr, right: Expr) -> tuple[float, object, object]:
        """Relative error between two expressions, and both values.

        Relative to the largest entry of either side or of a term of either side: where terms cancel, rounding is
        of the size of the terms.
        """
        sides = [unroll(side, self.values) for side in (left, right)]
        terms = [self._evaluate(term) for side in sides if side.is_Add for term in side.args]
        size = max((float(np.max(np.abs(term))) for term in terms), default=0.0)
        want, got = (self._evaluate(side) for side in sides)
        return relative_error(got, want, size), want, got

    def shortfall(self, larger: Expr, smaller: Expr) -> float:
        """By how much ``larger`` falls short of ``smaller``, entry by entry, relative to the largest entry."""
        above, beneath = (np.asarray(self.evaluate(side), dtype=float) for side in (larger, smaller))
        size = max(float(np.max(np.abs(above))), float(np.max(np.abs(beneath))), 1e-300)
        gap = float(np.max(beneath - above)) / size
        return gap if math.isfinite(gap) else math.inf

    def value_norm(self, norm):
        value = self.evaluate(norm.args[0])
        return float(np.linalg.norm(value, {"": None, "2": 2, "F": "fro"}[norm.kind]))


def worlds(kind: Callable[[np.random.Generator], World], cases: int, seed: int = SEED) -> Iterator[World]:
    """``cases`` random worlds of a kind, always the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(cases):
        yield kind(rng)


def rectified(z):
    return np.where(np.real(z) > 0, z, 0)


class FourLayers(World):
    """The notes' network with random weights, n = 1..5."""

    def __init__(self, rng: np.random.Generator):
        self.values = {backward_pass.k: Integer(int(rng.integers(1, 5)))}
        n = int(rng.integers(1, 6))
        while True:
            self.weights = [rng.normal(size=(n, n)) / math.sqrt(n) for _ in range(4)]
            self.biases = [rng.normal(size=n) / 2 for _ in range(4)]
            self.states = {1: rng.normal(size=n)}
            self._continue(self.states, 1)
            if min(np.min(np.abs(self._pre(self.states, k))) for k in (2, 3, 4, 5)) > KINK_MARGIN:
                break
        self.g5 = rng.normal(size=n)
        self._compare_numpy_half()

    def _layer(self, k, x, weights=None):
        return (weights or self.weights)[k - 1] @ x + self.biases[k - 1]

    def _pre(self, states, k, weights=None):
        """Pre-activation of x_k."""
        z = self._layer(k - 1, states[k - 1], weights)
        return z + states[k - 2] if k in (3, 5) else z

    def _continue(self, states, k, weights=None):
        """Fill in the states after x_k."""
        for later in range(k + 1, 6):
            states[later] = rectified(self._pre(states, later, weights))
        return states[5]

    def _output_from(self, k):
        return lambda x: self._continue({**self.states, k: x}, k)

    def _compare_numpy_half(self):
        got = four_layer.gradients(self.weights, self.biases, self.states[1], self.g5)
        for k in range(1, 6):
            same(got[f"x{k}"], self.gradient(k), f"four_layer.gradients, x{k}")
        for k in range(1, 5):
            same(got[f"W{k}"], self.weight_gradient(k), f"four_layer.gradients, W{k}")

    def gradient(self, k):
        """d loss / d x_k through the whole rest of the network."""
        return self.g5 @ complex_step_jacobian(self._output_from(k), self.states[k])

    def weight_gradient(self, k):
        """d loss / d W_k, entry by entry."""

        def output(flat):
            weights = list(self.weights)
            weights[k - 1] = flat.reshape(self.weights[k - 1].shape)
            return self._continue(dict(self.states), k, weights)

        return (self.g5 @ complex_step_jacobian(output, self.weights[k - 1].ravel())).reshape(self.weights[k - 1].shape)

    def direct(self, of, by):
        """d x_of / d x_by, the other states held fixed."""
        return complex_step_jacobian(lambda x: rectified(self._pre({**self.states, by: x}, of)), self.states[by])

    def value_x(self, k):
        return column(self.states[int(k)])

    def value_W(self, k):
        return self.weights[int(k) - 1]

    def value_b(self, k):
        return column(self.biases[int(k) - 1])

    def value_g(self, k):
        return row(self.gradient(int(k)))

    def value_J(self, k):
        return complex_step_jacobian(lambda x: self._layer(int(k), x), self.states[int(k)])

    def value_D(self, k):
        return complex_step_jacobian(rectified, self._pre(self.states, int(k)))

    def value_gprinted(self, k):
        through = self.g5 @ self.direct(5, 4) @ self.direct(4, 3)
        if int(k) == 2:
            return row(through @ self.direct(3, 2))
        total = complex_step_jacobian(self._output_from(3), self.states[3])
        return row(through + self.g5 @ total)

    def value_partial(self, node):
        if node.of.name != "E":
            return self.direct(int(node.of.indices[0]), int(node.by.indices[0]))
        k = int(node.by.indices[0])
        if node.by.name == "W":
            return self.weight_gradient(k)
        if node.by.name == "b":
            moved = complex_step_jacobian(lambda b: self._with_bias(k, b), self.biases[k - 1])
            return column(self.g5 @ moved)
        return row(self.gradient(k))

    def _with_bias(self, k, b):
        kept, self.biases = self.biases, [*self.biases[: k - 1], b, *self.biases[k:]]
        try:
            return self._continue(dict(self.states), k)
        finally:
            self.biases = kept

    def apply_F(self, function, x):
        return self._layer(int(function.indices[0]), x)

    def apply_ReLU(self, function, y):
        return rectified(y)


class Units(World):
    """A random residual network of 1..7 units, n = 1..5.

    Parameters
    ----------
    rng : numpy Generator
    shortcuts : str
        "any", "scale", "projection" or "identity".
    after : bool or layer
        Whether something may come after the addition, or what does.
    """

    def __init__(self, rng, shortcuts="any", after=True):
        depth, n = int(rng.integers(1, 8)), int(rng.integers(1, 6))
        low = int(rng.integers(0, depth))
        self.depth, self.low = depth, low
        length = int(rng.integers(0, depth - low + 1))
        self.values = {L: Integer(depth), l: Integer(low), unrolled_sum.k: Integer(length)}
        while True:
            self.net, start = self._draw(rng, depth, n, shortcuts, after)
            self.trace = self.net.forward(start)
            if clear_of_kinks(self.net, self.trace):
                break
        self.g_out = rng.normal(size=n)
        self._gradients, self._paths = {}, {}
        grads = self.net.backward(self.trace, self.g_out)
        for k in range(depth + 1):
            same(grads.states[k], self.gradient(k), f"Network.backward, states[{k}]")
        same(self.net.jacobian(self.trace, low), self._jacobian_from(low), "Network.jacobian")

    @staticmethod
    def _draw(rng, depth, n, shortcuts, after):
        """A network and its input."""
        return random_network(rng, depth, n, shortcuts, after), rng.normal(size=n)

    def _from(self, k, x, stop=None):
        for unit in self.net.units[k:stop]:
            x = unit.after.forward(unit.shortcut.forward(x) + branch_forward(unit, x))
        return x

    def _jacobian_from(self, k):
        return complex_step_jacobian(lambda x: self._from(k, x), self.trace.states[k])

    def gradient(self, k):
        if k not in self._gradients:
            self._gradients[k] = self.g_out @ self._jacobian_from(k)
        return self._gradients[k]

    def value_x(self, k):
        return column(self.trace.states[int(k)])

    def value_y(self, k):
        return column(self.trace.units[int(k)].sum)

    def value_g(self, k):
        return row(self.gradient(int(k)))

    def value_J(self, k):
        unit = self.net.units[int(k)]
        return complex_step_jacobian(lambda x: branch_forward(unit, x), self.trace.states[int(k)])

    def value_H(self, k):
        return complex_step_jacobian(self.net.units[int(k)].shortcut.forward, self.trace.states[int(k)])

    def value_D(self, k):
        return complex_step_jacobian(self.net.units[int(k)].after.forward, self.trace.units[int(k)].sum)

    def value_lambda(self, k):
        shortcut = self.net.units[int(k)].shortcut
        if isinstance(shortcut, Identity):
            return 1.0
        if not isinstance(shortcut, Scale):
            raise KeyError(f"{shortcut} is no multiple of the identity, so there is no lambda_{k}")
        return float(shortcut.weight)

    def value_T(self, k):
        """The Jacobian of x_L - x_k."""
        return complex_step_jacobian(lambda x: self._from(int(k), x) - x, self.trace.states[int(k)])

    def value_Lambda(self, low, high):
        factors = [unit.shortcut.weight for unit in self.net.units[int(low) : int(high)]]
        return float(magnitudes.shortcut_product(factors)) if factors else 1.0

    def value_P(self, unit, length):
        unit, length = int(unit), int(length)
        n = self.trace.states[0].shape[-1]
        if not 0 <= length <= self.depth - unit:
            return np.zeros((n, n))
        if unit not in self._paths:
            self._paths[unit] = by_branches(self.net, self.trace, unit)
            got = paths.jacobian_by_length(self.net, self.trace, start=unit)
            same(got, self._paths[unit], f"jacobian_by_length from state {unit}")
        return self._paths[unit][length]

    def value_gstop(self, k):
        k = int(k)
        unit, start = self.net.units[k], self.trace.states[k]
        carried = unit.shortcut.forward(start)  # its value, held

        def output(x):
            return self._from(k + 1, unit.after.forward(carried + branch_forward(unit, x)))

        found = self.g_out @ complex_step_jacobian(output, start)
        units = list(self.net.units)
        units[k] = Unit(unit.branch, StopGradient(unit.shortcut), unit.after)
        stopped = Network(units)
        sent = stopped.backward(stopped.forward(self.trace.states[0]), self.g_out)
        same(sent.states[k], found, f"Network.backward with the shortcut of unit {k} stopped")
        return row(found)

    def value_partial(self, node):
        of_loss = isinstance(node.of, Factor) and node.of.name == "E"
        if of_loss and node.by.name == "x":
            return row(self.gradient(int(node.by.indices[0])))
        if node.by.name == "x":
            return self._derivative(node.of, int(node.by.indices[0]))
        k = int(self.values[l])
        weight = self.net.units[k].branch[0].weight

        def with_weight(flat):
            x = self.trace.states[k]
            z = flat.reshape(weight.shape) @ x + self.net.units[k].branch[0].bias
            for layer in self.net.units[k].branch[1:]:
                z = layer.forward(z)
            return z

        def output(flat):
            unit = self.net.units[k]
            y = unit.shortcut.forward(self.trace.states[k]) + with_weight(flat)
            return self._from(k + 1, unit.after.forward(y))

        if of_loss:
            return row(self.g_out @ complex_step_jacobian(output, weight.ravel()))
        return complex_step_jacobian(with_weight, weight.ravel())

    def _derivative(self, expression, start):
        """The derivative of an expression in x_start and later states, all of which move with x_start."""

        def value(moved):
            states = {k: column(self._from(start, moved, k)) for k in range(start, self.depth + 1)}
            return evaluate(expression, lambda x: states[int(x.indices[0])], np.eye, self.apply).ravel()

        return complex_step_jacobian(value, self.trace.states[start])

    def apply_F(self, function, x):
        return branch_forward(self.net.units[int(function.indices[0])], x)

    def apply_H(self, function, x):
        return self.net.units[int(function.indices[0])].shortcut.forward(x)

    def apply_f(self, function, y):
        return self.net.units[int(function.jacobian.indices[0])].after.forward(y)

    def apply_Fhat(self, function, x):
        """F-hat as what the unit adds to x_L: run the later shortcuts alone on the branch's output."""
        index = int(function.indices[0])
        moved = branch_forward(self.net.units[index], x)
        for unit in self.net.units[index + 1 :]:
            moved = unit.shortcut.forward(moved)
        return moved


def by_branches(net: Network, trace, start: int = 0) -> np.ndarray:
    """The Jacobian from state ``start`` by the number of branches that a path goes through.

    Every path is opened alone: in each unit either the branch or the shortcut moves, the other keeps its value, and a
    complex step goes through what is open.

    Returns
    -------
    ndarray, shape (units + 1, n_out, n)
    """
    state, units = trace.states[start], net.units[start:]
    open_branch = np.array(list(product((False, True), repeat=len(units))), dtype=bool).reshape(2 ** len(units), -1)
    x = np.broadcast_to(state + 1j * STEP * np.eye(len(state)), (len(open_branch), len(state), len(state)))
    for k, (unit, seen) in enumerate(zip(units, trace.units[start:], strict=True)):
        through = unit.shortcut.forward(trace.states[start + k]) + branch_forward(unit, x)
        around = unit.shortcut.forward(x) + seen.branch_output
        x = unit.after.forward(np.where(open_branch[:, k, np.newaxis, np.newaxis], through, around))
    slopes = np.imag(x).swapaxes(-1, -2) / STEP
    lengths = open_branch.sum(axis=1)
    return np.stack([slopes[lengths == k].sum(axis=0) for k in range(len(units) + 1)])


def branch_forward(unit: Unit, x):
    """What the branch of a unit makes of a state."""
    for entry in unit.branch:
        x = entry.forward(x)
    return x


def random_network(rng, depth: int, n: int, shortcuts="any", after=True) -> Network:
    """A network of ``depth`` units of width n with random branches [Affine, activation, Affine].

    ``shortcuts`` and ``after`` as for :class:`Units`.
    """
    last = (identity, relu, tanh) if after is True else (after or identity,)
    units = []
    for _ in range(depth):
        hidden = int(rng.integers(1, 6))
        branch = [
            Affine(rng.normal(size=(hidden, n)) / math.sqrt(n), rng.normal(size=hidden) / 2),
            (relu, tanh)[rng.integers(2)],
            Affine(rng.normal(size=(n, hidden)) / math.sqrt(hidden), rng.normal(size=n) / 2),
        ]
        shortcut = _shortcut(rng, n, shortcuts)
        units.append(Unit(branch, shortcut, last[rng.integers(len(last))] if len(last) > 1 else last[0]))
    return Network(units)


def _shortcut(rng, n, kind):
    if kind == "identity":
        return Identity()
    if kind == "scale":
        return Scale(float(rng.uniform(-1.5, 1.5)))
    if kind == "projection":
        return Projection(rng.normal(size=(n, n)) / math.sqrt(n))
    choices = (
        Identity(),
        Scale(float(rng.uniform(-1.5, 1.5))),
        Diagonal(rng.normal(size=n)),
        Projection(rng.normal(size=(n, n)) / math.sqrt(n)),
        ZeroPad(n),
    )
    return choices[rng.integers(len(choices))]


def clear_of_kinks(net: Network, trace, margin: float = KINK_MARGIN) -> bool:
    """Whether every input of every ReLU, in branches and after additions, is at least ``margin`` from 0."""
    for unit, seen in zip(net.units, trace.units, strict=True):
        inputs = [x for entry, x in zip(unit.branch, seen.branch, strict=True) if entry is relu]
        if unit.after is relu:
            inputs.append(seen.sum)
        if any(np.min(np.abs(x)) < margin for x in inputs):
            return False
    return True
