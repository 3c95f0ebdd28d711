"""Chapter 3: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from sympy import Expr, Integer

from resnotes.book.cases import Case
from resnotes.book.oracles import KINK_MARGIN, column, complex_step_jacobian, rectified, row, same
from resnotes.book.registry import Equation, chain, derived, eq, together
from resnotes.shortcuts import ZeroPad
from resnotes.symbolic import (
    merge_point,
)
from resnotes.symbolic.algebra import (
    Factor,
    Rule,
)
from resnotes.symbolic.derivation import compare
from resnotes.symbolic.symbols import loss_gradient

CHAPTER = "03_merge_point"


class Merge(Case):
    """y = F(x) + o with x = W u, F(x) = tanh(V x); o is u itself where both are asked for.

    W is square only where that is asked for.
    """

    def __init__(self, rng, source="u", square=False):
        n = int(rng.integers(1, 6))
        self.values, self.source = {}, source
        width = int(rng.integers(1, 6)) if source == "projected" else n
        hidden = n if square else int(rng.integers(1, 6))
        self.W = rng.normal(size=(hidden, n)) / math.sqrt(n) + np.eye(hidden, n)
        self.V = rng.normal(size=(n, hidden)) / math.sqrt(hidden)
        self.Ws = rng.normal(size=(n, width))
        self.u, self.g = rng.normal(size=n), rng.normal(size=n)
        self.o = self.u if source == "u" else rng.normal(size=width)

    def F(self, x):
        return np.tanh(self.V @ x)

    def y(self, u=None, x=None, o=None, Ws=None, W=None):
        """y with some of its inputs replaced. What is not replaced keeps its value."""
        x = ((self.W if W is None else W) @ (self.u if u is None else u)) if x is None else x
        if o is None:
            o = u if (u is not None and self.source == "u") else self.o
        return self.F(x) + (o if self.source != "projected" else (self.Ws if Ws is None else Ws) @ o)

    def value_u(self):
        return column(self.u)

    def value_x(self):
        return column(self.W @ self.u)

    def value_o(self):
        return column(self.o)

    def value_y(self):
        return column(self.y())

    def value_W(self):
        return self.W

    def value_Winv(self):
        return np.linalg.inv(self.W)

    def value_Ws(self):
        return self.Ws

    def value_g(self):
        return row(self.g)

    def value_delta(self):
        return column(self.g)

    def value_J(self):
        return complex_step_jacobian(self.F, self.W @ self.u)

    def value_gstop(self, state):
        return row(self.g @ complex_step_jacobian(lambda u: self.y(u=u, o=self.o), self.u))

    def value_partial(self, node):
        by = node.by.name
        if node.of.name == "x":
            return complex_step_jacobian(lambda u: self.W @ u, self.u)
        if by in ("Ws", "W"):
            weight = self.Ws if by == "Ws" else self.W
            moved = complex_step_jacobian(lambda flat: self.y(**{by: flat.reshape(weight.shape)}), weight.ravel())
            return (self.g @ moved).reshape(weight.shape)
        if node.of.name == "y" and by == "u":  # the direct partial derivative: x held fixed
            return complex_step_jacobian(lambda u: self.y(o=u, x=self.W @ self.u), self.u)
        start = {"u": self.u, "x": self.W @ self.u, "o": self.o}[by]
        jacobian = complex_step_jacobian(lambda v: self.y(**{by: v}), start)
        return jacobian if node.of.name == "y" else row(self.g @ jacobian)

    def apply_F(self, function, x):
        return self.F(x)


class MergeAfter(Merge):
    """The merge point with a ReLU after the addition, a = f(y). What is given is the gradient at a."""

    def __init__(self, rng):
        while True:
            super().__init__(rng, source="apart")
            if np.min(np.abs(self.y())) > KINK_MARGIN:
                break

    def value_a(self):
        return column(rectified(self.y()))

    def value_D(self):
        return complex_step_jacobian(rectified, self.y())

    def value_partial(self, node):
        by = node.by.name
        if by == "a":
            return row(self.g)
        start = {"x": self.W @ self.u, "o": self.o, "y": self.y()}[by]
        jacobian = complex_step_jacobian(lambda v: rectified(v if by == "y" else self.y(**{by: v})), start)
        return row(self.g @ jacobian)

    def apply_f(self, function, y):
        return rectified(y)


class Distance(Case):
    """A skip over m = 1..6 layers: z_{k+1} = tanh(V_k z_k), y = z_m + z_0."""

    def __init__(self, rng):
        from resnotes.symbolic.merge_point import m

        steps, n = int(rng.integers(1, 7)), int(rng.integers(1, 6))
        self.values = {m: Integer(steps)}
        self.V = [rng.normal(size=(n, n)) / math.sqrt(n) for _ in range(steps)]
        self.z = [rng.normal(size=n)]
        for V in self.V:
            self.z.append(np.tanh(V @ self.z[-1]))
        self.g = rng.normal(size=n)

    def value_g(self):
        return row(self.g)

    def value_J(self, k):
        return complex_step_jacobian(lambda x: np.tanh(self.V[int(k)] @ x), self.z[int(k)])

    def value_partial(self, node):
        def output(start):
            z = start
            for V in self.V:
                z = np.tanh(V @ z)
            return z + start

        return row(self.g @ complex_step_jacobian(output, self.z[0]))


class Padded(Case):
    """A zero-padded shortcut from 1..4 to up to 6 components."""

    def __init__(self, rng):
        from resnotes.symbolic.merge_point import component

        n_in = int(rng.integers(1, 5))
        n_out = int(rng.integers(n_in, 7))
        self.values = {component: Integer(int(rng.integers(1, n_in + 1)))}
        self.pad, self.o, self.g = ZeroPad(n_out), rng.normal(size=n_in), rng.normal(size=n_out)
        sent_back, _ = self.pad.backward(self.o, self.g)
        same(sent_back, self.g @ complex_step_jacobian(self.pad.forward, self.o), "ZeroPad.backward")

    def value_g(self, component):
        return float(self.g[int(component) - 1])

    def value_partial(self, node):
        gradient = self.g @ complex_step_jacobian(self.pad.forward, self.o)
        return float(gradient[int(node.by.indices[-1]) - 1])


_apart = partial(Merge, source="apart")


_square = partial(Merge, square=True)


_projected = partial(Merge, source="projected")


def _merge_rules(source: Expr = merge_point.u) -> tuple[Rule, ...]:
    graph = merge_point.asked_graph(source)
    return (
        *graph.rules(),
        *(
            Rule(loss_gradient(s), graph.eliminate(s, merge_point.y, merge_point.g))
            for s in (merge_point.u, merge_point.x)
        ),
        Rule(Factor("gstop", merge_point.u), merge_point.g * J_W),
        Rule(Factor("Winv"), merge_point.W**-1),
    )


J_W = merge_point.J * merge_point.W


_projected_by_components = partial(merge_point.check_by_components, projected=True)


def _distance_check(pairs) -> int:
    comparisons = 0
    for steps in range(1, 7):
        truth = merge_point.distance_graph(steps).eliminate(merge_point.z(0), merge_point.y, merge_point.g)
        for _, right in pairs:
            difference = compare(right, truth, (), {merge_point.m: Integer(steps)})
            comparisons += 1
            if difference != 0:
                raise ValueError(f"m = {steps}: got {right}, want {truth}")
    return comparisons


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    definition = partial(Equation, method="definition")
    return [
        definition("merge-question", CHAPTER, together(merge_point.definition), case=_apart),
        Equation(
            "merge-local",
            CHAPTER,
            together(merge_point.local_derivatives()),
            "symbolic",
            case=_apart,
            rules=tuple(merge_point.asked_graph().rules()),
            rests_on=("merge-question",),
        ),
        Equation(
            "merge-copies",
            CHAPTER,
            together(merge_point.copies()),
            "symbolic",
            case=_apart,
            rests_on=("merge-local",),
            rules=tuple(
                Rule(loss_gradient(s), merge_point.asked_graph().eliminate(s, merge_point.y, merge_point.g))
                for s in (merge_point.o, merge_point.x)
            ),
        ),
        Equation(
            "merge-fan-out",
            CHAPTER,
            chain(loss_gradient(merge_point.u), *(s.expression for s in merge_point.fan_out().steps)),
            "symbolic",
            case=Merge,
            rules=_merge_rules(),
            proofs=(merge_point.fan_out(),),
            rests_on=("merge-question", "merge-copies"),
        ),
        Equation(
            "merge-weight",
            CHAPTER,
            eq(*merge_point.own_weight()),
            "symbolic",
            case=_apart,
            exact=merge_point.check_by_components,
            assumptions=("W occurs in x = W u alone",),
            rests_on=("merge-question", "merge-copies"),
        ),
        Equation(
            "merge-inverse",
            CHAPTER,
            derived(merge_point.as_asked()),
            "symbolic",
            case=_square,
            rules=_merge_rules(),
            proofs=(merge_point.as_asked(),),
            tolerance=1e-7,
            assumptions=merge_point.as_asked().assumptions,
            rests_on=("merge-fan-out",),
        ),
        Equation(
            "merge-constant",
            CHAPTER,
            derived(merge_point.constant()),
            "symbolic",
            case=Merge,
            rules=_merge_rules(),
            proofs=(merge_point.constant(),),
            rests_on=("merge-fan-out",),
        ),
        Equation(
            "merge-distance",
            CHAPTER,
            eq(*merge_point.distance),
            "induction",
            case=Distance,
            proofs=(merge_point.distance_induction(), merge_point.check_graphs),
            rests_on=("merge-copies",),
            exact=_distance_check,
        ),
        definition("merge-projected", CHAPTER, eq(*merge_point.projected), case=_projected),
        Equation(
            "merge-projected-gradient",
            CHAPTER,
            together(merge_point.projected_gradient()),
            "symbolic",
            case=_projected,
            exact=_projected_by_components,
            rests_on=("merge-projected", "merge-copies"),
        ),
        Equation(
            "merge-columns",
            CHAPTER,
            together(merge_point.as_columns()),
            "symbolic",
            case=_projected,
            exact=_projected_by_components,
            rests_on=("merge-projected-gradient",),
        ),
        Equation(
            "merge-padded",
            CHAPTER,
            eq(*merge_point.padded),
            "numeric",
            case=Padded,
            assumptions=("k runs over the components of o",),
            rests_on=("merge-projected-gradient",),
        ),
        definition("merge-after", CHAPTER, eq(*merge_point.after), case=MergeAfter),
        Equation(
            "merge-after-gradient",
            CHAPTER,
            together(merge_point.after_gradient()),
            "symbolic",
            case=MergeAfter,
            exact=merge_point.check_by_components,
            rests_on=("merge-after", "merge-copies"),
        ),
    ]
