"""Cases: each knows the value of every symbol of some equations, by a way that uses no chain rule of ours.

A case computes in floats, with derivatives by the complex step, or in fractions, with derivatives by dual numbers;
most families can do both (:class:`~resnotes.book.oracles.Numbers`). Equations are checked in random cases, claims in
the smallest ones that show a verdict. Here are what all cases share and the families that several chapters use; the
others stand beside the equations that they check.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import product

import numpy as np
from sympy import Expr, Ge, Integer, S, sympify

from resnotes import four_layer, magnitudes, paths
from resnotes.book.exact import FRACTIONS, satisfied
from resnotes.book.oracles import (
    FLOATS,
    KINK_MARGIN,
    SEED,
    STEP,
    NotSmooth,
    Numbers,
    column,
    complex_step_jacobian,
    row,
    same,
)
from resnotes.network import Affine, Network, Unit, identity, relu, tanh
from resnotes.shortcuts import Diagonal, Identity, Projection, Scale, StopGradient, ZeroPad
from resnotes.symbolic import backward_pass, lambda_scaling, symbols, unrolled_sum
from resnotes.symbolic.algebra import Factor, L, evaluate, l, unroll
from resnotes.symbolic.symbols import E

#: Nodes of a formula that a case has a method for, ``value_norm`` and so on; factors have one by their own name.
QUANTITIES = ("Norm", "Mean", "Partial", "Total", "Diag")

#: A search asks for these symbols many thousand times; each is made once.
H, W, b, g, lam, x = (
    lru_cache(maxsize=None)(named) for named in (symbols.H, symbols.W, symbols.b, symbols.g, symbols.lam, symbols.x)
)


V = lru_cache(maxsize=None)(lambda k: Factor("V", k))


@lru_cache(maxsize=1 << 14)
def unrolled(expression, values) -> Expr:
    """The expression with its indices set and its ranges written out, kept for the next case."""
    return unroll(sympify(expression), dict(values))


class Case:
    """Values of symbols in one case.

    Parameters
    ----------
    data : dict of Expr to ndarray
        The numbers that make it, in the order in which they are shown.
    values : dict
        What the indices of formulas are set to. ``written`` holds more of them that are not shown.
    numbers : Numbers
        Fractions, or floats.

    Attributes
    ----------
    known : dict of str to value
        Values of factors by name: a number, an array, or a function without arguments; where the factor has indices,
        a dict by index or a function of them. What takes more is a method ``value_<name>`` of the node.
    """

    numbers = FLOATS
    data: dict = {}
    values: dict = {}
    written: dict = {}
    known: dict = {}

    def __init__(self, data: dict, values: dict | None = None, numbers: Numbers = FRACTIONS):
        self.data, self.values, self.numbers = dict(data), dict(values or {}), numbers

    def value_of(self, node: Expr):
        """Value of a factor, a norm, mean or derivative, or a number; KeyError for what the case does not know."""
        value = self._value_of(node)
        return value.item() if isinstance(value, np.generic) else value

    def _value_of(self, node):
        if isinstance(node, Factor):
            if node.name in self.known:
                return self._known(node)
            return self._method("value", node.name, node)(*node.indices)
        if type(node).__name__ in QUANTITIES or not node.is_number:
            return self._method("value", type(node).__name__.lower(), node)(node)
        return self.numbers.number(node)

    def _known(self, node):
        value = self.known[node.name]
        places = [int(k) if k.is_Integer else k for k in node.indices]
        if callable(value):
            return value(*places)
        try:
            for place in places:
                value = value[place]
        except KeyError:
            raise KeyError(f"{type(self).__name__} has no value for {node}") from None
        return value() if callable(value) else value

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
        return self._evaluate(unrolled(expression, tuple({**self.values, **self.written}.items())))

    def _evaluate(self, expression):
        return evaluate(expression, self.value_of, self.numbers.eye, self.apply)

    def compare(self, left: Expr, right: Expr) -> tuple[float, object, object]:
        """Relative error between two expressions, and both values.

        Relative to the largest entry of either side or of a term of either side: where terms cancel, rounding is
        of the size of the terms.
        """
        want, got, size = self.evaluate(left), self.evaluate(right), 0.0
        if self.numbers is FLOATS:
            terms = [self.evaluate(term) for side in (left, right) for term in side.args if side.is_Add]
            size = max((float(np.max(np.abs(term))) for term in terms), default=0.0)
        return self.numbers.compare(got, want, size), want, got

    def shortfall(self, larger: Expr, smaller: Expr) -> float:
        """By how much ``larger`` falls short of ``smaller``, entry by entry, relative to the largest entry."""
        if self.numbers is not FLOATS:
            return 0.0 if satisfied(Ge, self.evaluate(larger), self.evaluate(smaller)) else math.inf
        above, beneath = (np.asarray(self.evaluate(side), dtype=float) for side in (larger, smaller))
        size = max(float(np.max(np.abs(above))), float(np.max(np.abs(beneath))), 1e-300)
        gap = float(np.max(beneath - above)) / size
        return gap if math.isfinite(gap) else math.inf

    def sides(self, relation) -> tuple:
        """Values of both sides."""
        return self.evaluate(relation.lhs), self.evaluate(relation.rhs)

    def holds(self, relation) -> bool:
        """Whether the relation holds here, exactly."""
        return satisfied(relation.func, *self.sides(relation))

    def entries(self) -> list:
        """All free numbers."""
        return [entry for value in self.data.values() for entry in np.ravel(value)]

    def rectify(self, v):
        """ReLU of what must not be at the kink."""
        if np.any(abs(v) <= self.numbers.margin):
            raise NotSmooth("an input of a ReLU is 0")
        return self.numbers.relu(v)

    def value_norm(self, norm):
        return self.numbers.norm(self.evaluate(norm.args[0]), norm.kind)

    def value_diag(self, node):
        entries = np.ravel(self.evaluate(node.args[0]))
        return self.numbers.eye(len(entries)) * entries

    def apply_ReLU(self, function, v):
        return self.numbers.relu(v)

    def value_mean(self, mean):
        """Over the outcomes, all equally likely."""
        values = [self._with(**changed).evaluate(mean.args[0]) for changed in self.outcomes()]
        return sum(values[1:], values[0]) / self.numbers.number(Integer(len(values)))

    def outcomes(self) -> Iterator[dict]:
        """What the case's random parts may be: attributes to change."""
        raise KeyError(f"{type(self).__name__} has nothing random to average over")

    def value_total(self, node):
        """Move ``by`` and compute everything after it anew."""
        start = np.ravel(self.evaluate(node.by)).astype(float if self.numbers is FLOATS else object)
        return self.numbers.jacobian(lambda v: np.ravel(self.moved(node.by, v).evaluate(node.of)), start)

    def moved(self, state, v):
        """A copy in which a state has another value and what is computed from it has followed."""
        raise KeyError(f"{type(self).__name__} cannot move {state}")

    def sent_back(self, output, start):
        """The row ``upstream`` times the Jacobian of an output."""
        return row(self.upstream) @ self.numbers.jacobian(output, start)

    def confirm(self) -> int:
        """Compare with the NumPy half. Returns the number of comparisons; CheckError with both values."""
        return 0

    def agree(self, got, want, what: str) -> int:
        """Compare a result of the NumPy half with a value of the case.

        Where the terms of a sum cancel exactly, rounding leaves what is small beside the case's numbers.
        """
        got, want = (np.asarray(v, dtype=float).ravel() for v in (got, want))
        size = 0.0 if want.any() else max((abs(float(entry)) for entry in self.entries()), default=0.0)
        return same(got, want, what, self.numbers.tolerance, size)


def numbered(values, first: int = 0) -> dict:
    """The values by index, for ``known``."""
    return dict(enumerate(values, first))


def floats(v) -> np.ndarray:
    """For the NumPy half."""
    return np.asarray(v, dtype=float)


def random_cases(kind: Callable[[np.random.Generator], Case], cases: int, seed: int = SEED) -> Iterator[Case]:
    """``cases`` random cases of a kind, always the same ones for the same seed, each compared with the NumPy half."""
    rng = np.random.default_rng(seed)
    for _ in range(cases):
        case = smooth(lambda: kind(rng))
        case.confirm()
        yield case


def smooth(make: Callable[[], Case]) -> Case:
    """What is made, anew until no ReLU is at its kink."""
    while True:
        try:
            return make()
        except NotSmooth:
            continue


def exactly(kind: Callable) -> Callable | None:
    """The same kind in fractions; None where it can do floats alone."""
    return partial(kind, numbers=FRACTIONS) if "numbers" in inspect.signature(kind).parameters else None


class Layers(Case):
    """The notes' network, or its first block alone: x_{k+1} = ReLU(F_k(x_k)), a skip into x_3 and into x_5.

    Parameters
    ----------
    data : dict
        W_1 .. W_4 (or W_1, W_2), biases where they are not 0, x_1, and g_5 (or g_3).
    values : dict
    numbers : Numbers

    Attributes
    ----------
    weights, biases, states : dict of int to ndarray
    upstream : ndarray
        The gradient at the last state.
    stopped : tuple of int
        States into which the skip carries its value alone.
    """

    def __init__(self, data, values=None, numbers=FRACTIONS):
        super().__init__(data, values, numbers)
        self.layers = range(1, 5 if g(5) in data else 3)
        self.last, self.n, self.stopped = self.layers.stop, len(data[x(1)]), ()
        none = self.numbers.array([0] * self.n)
        self.weights, self.biases = {k: data[W(k)] for k in self.layers}, {k: data.get(b(k), none) for k in self.layers}
        self.upstream, self.states = data[g(self.last)], {1: data[x(1)]}
        for k in self.layers:
            self.states[k + 1] = self.rectify(self.before(k + 1))
        self.original = dict(self.states)

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
        return self._from(int(state.indices[0]), v)

    def _from(self, k, v):
        return self.followed({**{m: self.states[m] for m in range(1, k)}, k: v})

    def held(self, k, v):
        """A copy in which one state has another value and all others keep theirs."""
        return self._with(states={**self.states, k: v})

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

        gradient = self.sent_back(output, start.ravel())
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
        return self.sent_back(lambda v: self._from(k, v).states[self.last], self.states[k])

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

    def confirm(self):
        weights, biases = ([floats(v[k]) for k in self.layers] for v in (self.weights, self.biases))
        start, upstream = floats(self.states[1]), floats(self.upstream)
        layers = [Affine(weight, bias) for weight, bias in zip(weights, biases, strict=True)]
        net = Network([Unit([layers[k], relu, layers[k + 1]], after=relu) for k in range(0, len(layers), 2)])
        grads = net.backward(net.forward(start), upstream)
        done = 0
        for k in range(len(net.units)):
            done += self.agree(grads.states[k], self.value_g(2 * k + 1), f"Network.backward, x_{2 * k + 1}")
        for k in self.layers:
            got = grads.units[(k - 1) // 2].branch[0 if k % 2 else 2].weight
            done += self.agree(got, self.parameter_gradient("W", k), f"Network.backward, W_{k}")
        if self.last == 5:
            got = four_layer.gradients(weights, biases, start, upstream)
            for k in range(1, 5):
                done += self.agree(got[f"x{k}"], self.value_g(k), f"four_layer.gradients, x_{k}")
                done += self.agree(got[f"W{k}"], self.parameter_gradient("W", k), f"four_layer.gradients, W_{k}")
        return done


class FourLayers(Layers):
    """All four layers; g_5 is given."""

    @classmethod
    def drawn(cls, rng, numbers: Numbers = FLOATS):
        """With random weights, n = 1..5."""
        n = int(rng.integers(1, numbers.widest + 1))
        data = {W(k): numbers.draw(rng, n, n) for k in range(1, 5)} | {b(k): numbers.draw(rng, n) for k in range(1, 5)}
        data |= {x(1): numbers.draw(rng, n), g(5): numbers.draw(rng, n)}
        return cls(data, {backward_pass.k: Integer(int(rng.integers(1, 5)))}, numbers)


class OneBlock(Layers):
    """Layers 1 and 2 with the skip from x_1 to x_3; g_3 is given and l = 1."""

    def __init__(self, data):
        super().__init__(data, {l: S(1)})


class Block(Case):
    """One block of K layers with a skip around it: a_k = ReLU(W_k a_{k-1}), y = a_0 + W_K a_{K-1}.

    Parameters
    ----------
    data : dict
        W_1 .. W_K, a_0, and the gradient that arrives at y.
    inside : int
        k, a layer inside the block.
    numbers : Numbers
    """

    def __init__(self, data, inside=1, numbers=FRACTIONS):
        self.depth = sum(name.name == "W" for name in data)
        super().__init__(data, {backward_pass.K: S(self.depth), backward_pass.k: S(inside)}, numbers)
        self.weights = {k: data[W(k)] for k in range(1, self.depth + 1)}
        self.upstream, self.states = data[backward_pass.upstream], {0: data[backward_pass.a(0)]}
        for k in range(1, self.depth):
            self.states[k] = self.rectify(self.before(k))

    @classmethod
    def drawn(cls, rng, shallowest=1, numbers: Numbers = FLOATS):
        """With random weights, K = 1..6."""
        depth, n = int(rng.integers(shallowest, 7)), int(rng.integers(1, numbers.widest + 1))
        data = {W(k): numbers.draw(rng, n, n) for k in range(1, depth + 1)}
        data |= {backward_pass.a(0): numbers.draw(rng, n), backward_pass.upstream: numbers.draw(rng, n)}
        return cls(data, int(rng.integers(1, depth)) if depth > 1 else 0, numbers)

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
        return self.sent_back(lambda v: self.output(k, v), self.states[k])

    def value_partial(self, node):
        return self.gradient(int(node.by.indices[0]))

    def value_ubar(self):
        return row(self.upstream)

    def value_J(self, k):
        return self.numbers.jacobian(lambda v: self.weights[int(k)] @ v, self.states[int(k) - 1])

    def value_D(self, k):
        return self.numbers.jacobian(self.numbers.relu, self.before(int(k)))

    def confirm(self):
        branch = []
        for k in range(1, self.depth + 1):
            branch += [Affine(floats(self.weights[k])), relu]
        net = Network([Unit(branch[:-1])])
        grads = net.backward(net.forward(floats(self.states[0])), floats(self.upstream))
        done = self.agree(grads.states[0], self.gradient(0), "Network.backward at the block's input")
        for k in range(1, self.depth):  # entry 2k of the branch is layer k + 1
            done += self.agree(grads.units[0].branch[2 * k].input, self.gradient(k), f"inside, a_{k}")
        return done


class ResidualUnits(Case):
    """Units x_{k+1} = f(h(x_k) + F(x_k)). A subclass says what ``branch``, ``shortcut`` and ``after`` do to a state.

    Attributes
    ----------
    depth, n : int
    states : dict of int to ndarray
    upstream : ndarray
        The gradient at the last state.
    """

    def before(self, k):
        """y_k."""
        return self.shortcut(k, self.states[k]) + self.branch(k, self.states[k])

    def _from(self, k, v, stop=None):
        """The last state, or another later one, with state k moved to v."""
        for m in range(k, self.depth if stop is None else stop):
            v = self.after(m, self.shortcut(m, v) + self.branch(m, v))
        return v

    def moved(self, state, v):
        k = int(state.indices[0])
        states = {**{m: self.states[m] for m in range(k)}, k: v}
        other = self._with(states=states)
        for m in range(k, self.depth):
            states[m + 1] = self.after(m, other.before(m))
        return other

    def _at(self, function, k):
        """Jacobian of a map of unit k at state k."""
        return self.numbers.jacobian(lambda v: function(int(k), v), self.states[int(k)])

    def _jacobian_from(self, k):
        return self._at(self._from, k)

    def gradient(self, k):
        return self.upstream if k == self.depth else self.sent_back(lambda v: self._from(k, v), self.states[k])[0]

    def value_x(self, k):
        return column(self.states[int(k)])

    def value_y(self, k):
        return column(self.before(int(k)))

    def value_g(self, k):
        return row(self.gradient(int(k)))

    def value_J(self, k):
        return self._at(self.branch, k)

    def value_H(self, k):
        return self._at(self.shortcut, k)

    def value_D(self, k):
        return self.numbers.jacobian(lambda v: self.after(int(k), v), self.before(int(k)))

    def value_T(self, k):
        """The Jacobian of x_L - x_k."""
        return self._at(lambda m, v: self._from(m, v) - v, k)

    def value_Lambda(self, low, high):
        """The shortcuts' share: the derivative with every branch switched off."""

        def carried(v):
            for k in range(int(low), int(high)):
                v = self.shortcut(k, v)
            return v

        return self.numbers.jacobian(carried, self.states[int(low)])[0, 0]

    def value_P(self, unit, length):
        """Paths from a state through so many branches: in each unit branch or shortcut moves, the other does not."""
        k, length = int(unit), int(length)
        total = self.numbers.array([[0] * self.n] * self.n)
        for opened in product((False, True), repeat=self.depth - k):
            if sum(opened) == length:
                total = total + self._at(lambda m, v, opened=opened: self._opened(m, v, opened), k)
        return total

    def _opened(self, k, v, opened):
        for m, through in enumerate(opened, k):
            still = self.states[m]
            v = self.after(m, self.shortcut(m, still if through else v) + self.branch(m, v if through else still))
        return v

    def value_gstop(self, k):
        """With the way back over the shortcut of unit k closed."""
        k, carried = int(k), self.shortcut(int(k), self.states[int(k)])
        return self.sent_back(lambda v: self._from(k + 1, self.after(k, carried + self.branch(k, v))), self.states[k])

    def value_gskip(self, k):
        """With every branch from unit k on held constant."""
        if not 0 <= k <= self.depth:
            raise KeyError(f"{type(self).__name__} knows the states 0 to {self.depth}, not {k}")
        return self.sent_back(lambda v: self._opened(int(k), v, [False] * (self.depth - int(k))), self.states[int(k)])

    def value_partial(self, node):
        if node.of == E:
            return self.value_g(node.by.indices[0])
        return self.value_total(node)

    def apply_F(self, function, v):
        return self.branch(int(function.indices[0]), v)

    def apply_H(self, function, v):
        return self.shortcut(int(function.indices[0]), v)

    def apply_f(self, function, y):
        return self.after(int(function.jacobian.indices[0]), y)

    def apply_Fhat(self, function, v):
        """F-hat as what the unit adds to x_L: run the later shortcuts alone on the branch's output."""
        k = int(function.indices[0])
        v = self.branch(k, v)
        for m in range(k + 1, self.depth):
            v = self.shortcut(m, v)
        return v


class Chain(ResidualUnits):
    """Units x_{i+1} = f(H_i x_i + W_i x_i); H_i is a number lambda_i, a matrix or I, and f is id or ReLU.

    Parameters
    ----------
    data : dict
        W_i, lambda_i or H_i for the units that are given, x_0, and g_L. A missing branch is 0, a missing
        shortcut 1. With V_i, the branch is W_i ReLU(V_i x).
    depth : int
        L. A unit L beyond it may be given too: some of the notes' limits reach it.
    start : int
        l.
    relu_after : bool
        Whether f is ReLU.
    numbers : Numbers
    """

    def __init__(self, data, depth, start=0, relu_after=False, numbers=FRACTIONS):
        super().__init__(data, {l: S(start), L: S(depth)}, numbers)
        self.written = {lambda_scaling.n: S(depth)}
        self.depth, self.start, self.relu_after, self.n = depth, start, relu_after, len(data[x(0)])
        beyond = any(name(depth) in data for name in (W, lam, H))  # nothing is known of units that are not given
        units = range(depth + 1 if beyond else depth)
        none = self.numbers.array([[0] * self.n] * self.n)
        self.weights, self.inner = (
            {k: data.get(name(k), missing) for k in units} for name, missing in ((W, none), (V, None))
        )
        self.shortcuts = {k: self._given(k) for k in units}
        self.upstream, self.states = data[g(depth)], {0: data[x(0)]}
        for k in range(depth):
            y = self.before(k)
            self.states[k + 1] = self.rectify(y) if relu_after else y
            if self.inner[k] is not None:
                self.rectify(self.inner[k] @ self.states[k])

    @classmethod
    def drawn(cls, rng, shortcuts="any", after=True, numbers: Numbers = FRACTIONS):
        """With random branches; ``shortcuts`` and ``after`` as for :class:`Units`."""
        depth, n = int(rng.integers(1, 5)), int(rng.integers(1, numbers.widest + 1))
        kind = {"any": lambda: ("identity", "scale", "projection")[rng.integers(3)]}.get(shortcuts, lambda: shortcuts)
        data = {x(0): numbers.draw(rng, n), g(depth): numbers.draw(rng, n)}
        for k in range(depth):
            data |= {W(k): numbers.draw(rng, n, n), V(k): numbers.draw(rng, n, n)}
            data |= {"scale": {lam(k): numbers.draw(rng, 1)}, "projection": {H(k): numbers.draw(rng, n, n)}}.get(
                kind(), {}
            )
        case = cls(data, depth, int(rng.integers(depth)), bool(after) and bool(rng.integers(2)), numbers)
        case.values[unrolled_sum.k] = S(int(rng.integers(depth - case.start + 1)))
        return case

    def _given(self, k):
        if H(k) in self.data:
            return self.data[H(k)]
        return np.ravel(self.data[lam(k)])[0] if lam(k) in self.data else 1

    def branch(self, k, v):
        return self.weights[k] @ (v if self.inner[k] is None else self.numbers.relu(self.inner[k] @ v))

    def shortcut(self, k, v):
        kept = self.shortcuts[k]
        return kept @ v if isinstance(kept, np.ndarray) else kept * v

    def after(self, k, y):
        return self.numbers.relu(y) if self.relu_after else y

    def value_W(self, k):
        return self.weights[int(k)]

    def value_lambda(self, k):
        kept = self.shortcuts[int(k)]
        if isinstance(kept, np.ndarray):
            raise KeyError(f"shortcut {k} is a matrix")
        return kept

    def value_r(self):
        """The one branch factor, where every unit has the same."""
        first = self.weights[0]
        if self.n > 1 or any((self.weights[k] != first).any() for k in range(self.depth)):
            raise KeyError("r is for units of one number, all with the same branch")
        return first[0, 0]

    def network(self) -> Network:
        """The same as a network of the package."""
        units = []
        for k in range(self.depth):
            kept = self.shortcuts[k]
            kept = Projection(floats(kept)) if isinstance(kept, np.ndarray) else Scale(float(kept))
            inner = [] if self.inner[k] is None else [Affine(floats(self.inner[k])), relu]
            units.append(Unit([*inner, Affine(floats(self.weights[k]))], kept, relu if self.relu_after else identity))
        return Network(units)

    def confirm(self):
        net = self.network()
        trace = net.forward(floats(self.states[0]))
        grads = net.backward(trace, floats(self.upstream))
        return sum(
            self.agree(grads.states[k], self.value_g(k), f"Network.backward, states[{k}]")
            + self.agree(trace.states[k], self.states[k], f"Network.forward, states[{k}]")
            for k in range(self.depth + 1)
        )


class Units(ResidualUnits):
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
        self.depth, self.low, self.n = depth, low, n
        length = int(rng.integers(0, depth - low + 1))
        self.values = {L: Integer(depth), l: Integer(low), unrolled_sum.k: Integer(length)}
        while True:
            self.net, start = self._draw(rng, depth, n, shortcuts, after)
            self.trace = self.net.forward(start)
            if clear_of_kinks(self.net, self.trace):
                break
        self.states = dict(enumerate(self.trace.states))
        self.g_out = self.upstream = rng.normal(size=n)
        self._gradients, self._paths = {}, {}

    def confirm(self):
        grads = self.net.backward(self.trace, self.g_out)
        for k in range(self.depth + 1):
            same(grads.states[k], self.gradient(k), f"Network.backward, states[{k}]")
        same(self.net.jacobian(self.trace, self.low), self._jacobian_from(self.low), "Network.jacobian")
        return self.depth + 2

    @staticmethod
    def _draw(rng, depth, n, shortcuts, after):
        """A network and its input."""
        return random_network(rng, depth, n, shortcuts, after), rng.normal(size=n)

    def _unit(self, k) -> Unit:
        if not 0 <= k < self.depth:
            raise KeyError(f"there are units 0 to {self.depth - 1}, no unit {k}")
        return self.net.units[k]

    def branch(self, k, v):
        return branch_forward(self._unit(k), v)

    def shortcut(self, k, v):
        return self._unit(k).shortcut.forward(v)

    def after(self, k, y):
        return self._unit(k).after.forward(y)

    def gradient(self, k):
        if k not in self._gradients:
            self._gradients[k] = self.g_out @ self._jacobian_from(k)
        return self._gradients[k]

    def value_lambda(self, k):
        shortcut = self._unit(k).shortcut
        if isinstance(shortcut, Identity):
            return 1.0
        if not isinstance(shortcut, Scale):
            raise KeyError(f"{shortcut} is no multiple of the identity, so there is no lambda_{k}")
        return float(shortcut.weight)

    def value_Lambda(self, low, high):
        found = float(super().value_Lambda(low, high))
        factors = [self.value_lambda(k) for k in range(int(low), int(high))]
        if factors:
            same([float(magnitudes.shortcut_product(factors))], [found], "shortcut_product")
        return found

    def value_P(self, unit, length):
        unit, length = int(unit), int(length)
        if not 0 <= length <= self.depth - unit:
            return np.zeros((self.n, self.n))
        if unit not in self._paths:
            self._paths[unit] = by_branches(self.net, self.trace, unit)
            got = paths.jacobian_by_length(self.net, self.trace, start=unit)
            same(got, self._paths[unit], f"jacobian_by_length from state {unit}")
        return self._paths[unit][length]

    def value_gstop(self, k):
        k, found = int(k), super().value_gstop(k)
        units = list(self.net.units)
        units[k] = Unit(units[k].branch, StopGradient(units[k].shortcut), units[k].after)
        stopped = Network(units)
        sent = stopped.backward(stopped.forward(self.states[0]), self.g_out)
        same(sent.states[k], found[0], f"Network.backward with the shortcut of unit {k} stopped")
        return found

    def value_gskip(self, k):
        found = super().value_gskip(k)
        parts = paths.gradient_by_shortcut(self.net, self.trace, self.g_out)
        same(parts[int(k)], found[0], f"gradient_by_shortcut, state {k}")
        return found

    def value_partial(self, node):
        if node.by.name == "x":
            return super().value_partial(node)
        unit, start = self.net.units[int(self.values[l])], self.states[int(self.values[l])]
        first = unit.branch[0]

        def with_weight(flat):
            z = flat.reshape(first.weight.shape) @ start + first.bias
            for layer in unit.branch[1:]:
                z = layer.forward(z)
            return z

        if node.of != E:
            return complex_step_jacobian(with_weight, first.weight.ravel())
        return self.sent_back(
            lambda flat: self._from(
                int(self.values[l]) + 1, unit.after.forward(unit.shortcut.forward(start) + with_weight(flat))
            ),
            first.weight.ravel(),
        )


def units(rng, shortcuts="any", after=True, numbers: Numbers = FLOATS) -> ResidualUnits:
    """Random units in floats or in fractions, with the parameters of :class:`Units`."""
    return (Units if numbers is FLOATS else Chain.drawn)(rng, shortcuts, after)


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
