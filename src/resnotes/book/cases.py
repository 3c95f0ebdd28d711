"""Random cases: each knows the value of every symbol of some equations, by a way that uses no chain rule of ours.

Here are what all cases share and the two families that several chapters use; the others stand beside the
equations that they check.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from sympy import Expr, Integer

from resnotes import four_layer, magnitudes, paths
from resnotes.book.oracles import (
    FLOATS,
    KINK_MARGIN,
    SEED,
    STEP,
    column,
    complex_step_jacobian,
    relative_error,
    row,
    same,
)
from resnotes.network import Affine, Network, Unit, identity, relu, tanh
from resnotes.shortcuts import Diagonal, Identity, Projection, Scale, StopGradient, ZeroPad
from resnotes.symbolic import backward_pass, unrolled_sum
from resnotes.symbolic.algebra import Factor, L, evaluate, l, unroll
from resnotes.symbolic.symbols import E

#: Nodes of a formula that a case has a method for, ``value_norm`` and so on; factors have one by their own name.
QUANTITIES = ("Norm", "Mean", "Partial", "Total", "Diag")


class Case:
    """Values of symbols in one case.

    Attributes
    ----------
    values : dict
        What the indices of the expression are set to.
    numbers : Numbers
        Floats, or what a subclass computes in.
    """

    values: dict
    numbers = FLOATS
    agree = staticmethod(same)

    def value_of(self, node: Expr):
        """Value of a factor, a norm, mean or derivative, or a number; KeyError for what the case does not know."""
        if isinstance(node, Factor):
            return self._method("value", node.name, node)(*node.indices)
        if type(node).__name__ in QUANTITIES or not node.is_number:
            return self._method("value", type(node).__name__.lower(), node)(node)
        return self.numbers.number(node)

    def apply(self, function, argument):
        """The map's value at a column."""
        method = self._method("apply", function.name, function)
        return column(self.numbers.array(method(function, np.ravel(argument))))

    def _method(self, kind, name, node):
        method = getattr(self, f"{kind}_{name}", None)
        if method is None:
            raise KeyError(
                f"{type(self).__name__} " + (f"has no value for {node}" if kind == "value" else f"cannot apply {name}")
            )
        return method

    def _with(self, **changed):
        """A copy with other attributes."""
        other = copy.copy(self)
        other.__dict__.update(changed)
        return other

    def evaluate(self, expression: Expr):
        """Value of an expression in this case."""
        return self._evaluate(unroll(expression, self.values))

    def _evaluate(self, expression):
        return evaluate(expression, self.value_of, self.numbers.eye, self.apply)

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


def random_cases(kind: Callable[[np.random.Generator], Case], cases: int, seed: int = SEED) -> Iterator[Case]:
    """``cases`` random cases of a kind, always the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(cases):
        yield kind(rng)


class Layers(Case):
    """The notes' network, or its first block alone: x_{k+1} = ReLU(F_k(x_k)), a skip into x_3 and into x_5.

    Attributes
    ----------
    weights, biases, states : dict of int to ndarray
    upstream : ndarray
        The gradient at the last state.
    stopped : tuple of int
        States into which the skip carries its value alone.
    """

    def build(self, weights, biases, x1, upstream):
        """Run the network forward."""
        self.weights, self.biases, self.upstream, self.stopped = weights, biases, upstream, ()
        self.n, self.layers, self.last = len(x1), range(1, len(weights) + 1), len(weights) + 1
        self.states = {1: x1}
        for k in self.layers:
            self.states[k + 1] = self.numbers.relu(self.clear(self.before(k + 1)))
        self.original = dict(self.states)

    def clear(self, y):
        """The input of a ReLU, if it may be one."""
        return y

    def layer(self, k, v):
        return self.weights[k] @ v + self.biases[k]

    def before(self, k):
        """y_k, what ReLU makes x_k of. A stopped skip carries the value and no derivative."""
        z = self.layer(k - 1, self.states[k - 1])
        return z if k % 2 == 0 else z + (self.original if k in self.stopped else self.states)[k - 2]

    def followed(self, states, **changed):
        """A copy with some first states, in which all later ones are computed anew."""
        other = self._with(states=states, **changed)
        for k in range(max(states) + 1, self.last + 1):
            states[k] = self.numbers.relu(other.before(k))
        return other

    def moved(self, state, v):
        """A copy in which a state has another value and what is computed from it has followed."""
        return self._from(int(state.indices[0]), v)

    def _from(self, k, v):
        return self.followed({**{m: self.states[m] for m in range(1, k)}, k: v})

    def held(self, k, v):
        """A copy in which one state has another value and all others keep theirs."""
        return self._with(states={**self.states, k: v})

    def _sent_back(self, output, start):
        return row(self.upstream) @ self.numbers.jacobian(output, start)

    def direct(self, of, by):
        """d x_of / d x_by, the other states held fixed."""
        return self.numbers.jacobian(lambda v: self.numbers.relu(self.held(by, v).before(of)), self.states[by])

    def parameter_gradient(self, name: str, k: int, stopped=()):
        """d loss / d W_k in W_k's shape, or d b_k as a column, with the way back over some skips closed."""
        group = "weights" if name == "W" else "biases"
        start = getattr(self, group)[k]

        def output(flat):
            changed = {**getattr(self, group), k: flat.reshape(start.shape)}
            states = {m: self.states[m] for m in range(1, k + 1)}
            return self.followed(states, **{group: changed, "stopped": tuple(stopped)}).states[self.last]

        gradient = self._sent_back(output, start.ravel())
        return gradient.reshape(start.shape) if name == "W" else gradient.T

    def value_x(self, k):
        return column(self.states[int(k)])

    def value_y(self, k):
        return column(self.before(int(k)))

    def value_W(self, k):
        return self.weights[int(k)]

    def value_b(self, k):
        return column(self.biases[int(k)])

    def value_g(self, k):
        k = int(k)
        if k == self.last:
            return row(self.upstream)
        return self._sent_back(lambda v: self._from(k, v).states[self.last], self.states[k])

    def value_J(self, k):
        return self.numbers.jacobian(lambda v: self.layer(int(k), v), self.states[int(k)])

    def value_D(self, k):
        return self.numbers.jacobian(self.numbers.relu, self.before(int(k)))

    def value_gprinted(self, k):
        """The notes' g_3, the skip's derivative taken as the total one, and their g_2 with one path."""
        if k not in (2, 3):
            raise KeyError(f"the notes' own are g_2 and g_3, not g_{k}")
        one_path = row(self.upstream) @ self.direct(5, 4) @ self.direct(4, 3)
        return one_path @ self.direct(3, 2) if k == 2 else one_path + self.value_g(3)

    def value_partial(self, node):
        k = int(node.by.indices[0])
        if node.of == E:
            return self.value_g(k) if node.by.name == "x" else self.parameter_gradient(node.by.name, k)
        if isinstance(node.of, Factor):  # a state by its equation: one step, no more
            return self.direct(int(node.of.indices[0]), k)
        return self.numbers.jacobian(lambda v: self.held(k, v).evaluate(node.of).ravel(), self.states[k])

    def apply_F(self, function, v):
        return self.layer(int(function.indices[0]), v)

    def apply_ReLU(self, function, v):
        return self.numbers.relu(v)

    def confirm(self) -> int:
        """Compare with the NumPy half. Returns the number of comparisons."""
        weights, biases = ([np.asarray(v[k], dtype=float) for k in self.layers] for v in (self.weights, self.biases))
        start, upstream = (np.asarray(v, dtype=float) for v in (self.states[1], self.upstream))
        layers = [Affine(weight, bias) for weight, bias in zip(weights, biases, strict=True)]
        net = Network([Unit([layers[k], relu, layers[k + 1]], after=relu) for k in range(0, len(layers), 2)])
        grads = net.backward(net.forward(start), upstream)
        done = 0
        for k in range(len(net.units)):
            done += self.agree(grads.states[k], self.value_g(2 * k + 1)[0], f"Network.backward, x_{2 * k + 1}")
        for k in self.layers:
            got = grads.units[(k - 1) // 2].branch[0 if k % 2 else 2].weight
            done += self.agree(got, self.parameter_gradient("W", k), f"Network.backward, W_{k}")
        if self.last == 5:
            got = four_layer.gradients(weights, biases, start, upstream)
            for k in range(1, 5):
                done += self.agree(got[f"x{k}"], self.value_g(k)[0], f"four_layer.gradients, x_{k}")
                done += self.agree(got[f"W{k}"], self.parameter_gradient("W", k), f"four_layer.gradients, W_{k}")
        return done


class FourLayers(Layers):
    """The notes' network with random weights, n = 1..5."""

    def __init__(self, rng: np.random.Generator):
        self.values = {backward_pass.k: Integer(int(rng.integers(1, 5)))}
        n = int(rng.integers(1, 6))
        while True:
            weights = {k: rng.normal(size=(n, n)) / math.sqrt(n) for k in (1, 2, 3, 4)}
            biases = {k: rng.normal(size=n) / 2 for k in (1, 2, 3, 4)}
            self.build(weights, biases, rng.normal(size=n), None)
            if min(np.min(np.abs(self.before(k))) for k in (2, 3, 4, 5)) > KINK_MARGIN:
                break
        self.upstream = rng.normal(size=n)
        self.confirm()


class Block(Case):
    """One block of K layers with a skip around it: a_k = ReLU(W_k a_{k-1}), y = a_0 + W_K a_{K-1}.

    Attributes
    ----------
    weights, states : dict of int to ndarray
    upstream : ndarray
        The gradient at y.
    """

    def build(self, weights, a0, upstream):
        """Run the block forward."""
        self.weights, self.depth, self.upstream = weights, len(weights), upstream
        self.states = {0: a0}
        for k in range(1, self.depth):
            self.states[k] = self.numbers.relu(self.clear(self.before(k)))

    def clear(self, y):
        """The input of a ReLU, if it may be one."""
        return y

    def before(self, k):
        """What ReLU makes a_k of."""
        return self.weights[k] @ self.states[k - 1]

    def output(self, k, v):
        """y, with a_k moved to v."""
        z = v
        for m in range(k + 1, self.depth):
            z = self.numbers.relu(self.weights[m] @ z)
        return self.weights[self.depth] @ z + (v if k == 0 else self.states[0])

    def gradient(self, k):
        """d loss / d a_k."""
        return row(self.upstream) @ self.numbers.jacobian(lambda v: self.output(k, v), self.states[k])

    def value_partial(self, node):
        return self.gradient(int(node.by.indices[0]))

    def value_ubar(self):
        return row(self.upstream)

    def value_J(self, k):
        return self.numbers.jacobian(lambda v: self.weights[int(k)] @ v, self.states[int(k) - 1])

    def value_D(self, k):
        return self.numbers.jacobian(self.numbers.relu, self.before(int(k)))

    def confirm(self) -> int:
        """Compare with the NumPy half. Returns the number of comparisons."""
        branch = []
        for k in range(1, self.depth + 1):
            branch += [Affine(np.asarray(self.weights[k], dtype=float)), relu]
        net = Network([Unit(branch[:-1])])
        trace = net.forward(np.asarray(self.states[0], dtype=float))
        grads = net.backward(trace, np.asarray(self.upstream, dtype=float))
        done = self.agree(grads.states[0], self.gradient(0)[0], "Network.backward at the block's input")
        for k in range(1, self.depth):  # entry 2k of the branch is layer k + 1
            done += self.agree(grads.units[0].branch[2 * k].input, self.gradient(k)[0], f"inside, a_{k}")
        return done


class Units(Case):
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
