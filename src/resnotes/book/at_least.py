"""Chapter 6: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from sympy import Float, Integer

from resnotes.book.cases import Case
from resnotes.book.oracles import relative_error, row
from resnotes.book.registry import Equation, eq
from resnotes.symbolic import (
    at_least,
)
from resnotes.symbolic.algebra import (
    Norm,
    OrderedProduct,
    evaluate,
    map_tree,
)

CHAPTER = "06_at_least"


class OneUnit(Case):
    """A gradient g above one unit and its branch's Jacobian J, drawn to order.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "any"; "shrinking", J = -c I with c <= 1; "growing", J = c I; "nonnegative", all entries of both;
        "zero", J = 0.
    """

    def __init__(self, rng, kind="any"):
        n = int(rng.integers(1, 6))
        self.values = {at_least.n: Integer(n)}
        self.g, self.J = rng.normal(size=n), rng.normal(size=(n, n)) * rng.uniform(0, 1.5)
        if kind == "nonnegative":
            self.g, self.J = np.abs(self.g), np.abs(self.J)
        if kind in ("shrinking", "growing"):
            self.J = np.eye(n) * rng.uniform(0, 1) * (1 if kind == "growing" else -1)
        if kind == "zero":
            self.J = np.zeros((n, n))

    def value_g(self):
        return row(self.g)

    def value_J(self):
        return self.J

    def value_trJ(self):
        return float(np.trace(self.J))

    def value_mean(self, mean):
        raise KeyError("OneUnit has nothing random to average over")


class RandomBranch(OneUnit):
    """J takes finitely many values whose mean is exactly zero, g is fixed: means are finite sums."""

    def __init__(self, rng):
        super().__init__(rng)
        values = [rng.normal(size=self.J.shape) for _ in range(int(rng.integers(1, 4)))]
        self.branches = [sign * value for value in values for sign in (1, -1)]

    def value_mean(self, mean):
        kept, total = self.J, 0.0
        try:
            for branch in self.branches:
                self.J = branch
                total += float(self.evaluate(mean.args[0]))
        finally:
            self.J = kept
        return total / len(self.branches)


class RandomDirection(OneUnit):
    """g takes the values +- e_k sqrt(n): each direction of an orthonormal basis equally often."""

    def value_mean(self, mean):
        n, kept, total = len(self.J), self.g, 0.0
        try:
            for direction in np.eye(n) * math.sqrt(n):
                self.g = direction
                total += float(self.evaluate(mean.args[0]))
        finally:
            self.g = kept
        return total / n


class Chain(Case):
    """L units with |J_i|_2 <= c / L, c < L.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "any"; "shrinking", J_i = -(c/L) I; "growing", J_i = (c/L) I, many units: e^c is reached in the limit.
    """

    def __init__(self, rng, kind="any"):
        depth = int(rng.integers(1, 8)) if kind != "growing" else 200_000
        n = int(rng.integers(1, 6))
        self.c = float(rng.uniform(0, min(depth, 3)))
        self.values = {at_least.L: Integer(depth)}
        self.kind, self.depth, self.g = kind, depth, rng.normal(size=n)
        self.J = []
        for _ in range(depth if kind != "growing" else 0):
            J = rng.normal(size=(n, n))
            J *= rng.uniform(0, 1) * self.c / depth / np.linalg.norm(J, 2)
            self.J.append(-np.eye(n) * self.c / depth if kind == "shrinking" else J)

    def _evaluate(self, expression):
        return evaluate(expression, self.value_of, np.eye, self.apply)

    def evaluate(self, expression):
        if self.kind == "growing":  # 200 000 equal factors: the power, not the product written out
            expression = map_tree(expression, self._as_power)
            return self._evaluate(expression.subs(self.values))
        return super().evaluate(expression)

    def compare(self, left, right):
        want, got = self.evaluate(left), self.evaluate(right)
        return relative_error(got, want), want, got

    def _as_power(self, node):
        if isinstance(node, Norm) and node.has(OrderedProduct):
            return Float((1 + self.c / self.depth) ** self.depth * float(np.linalg.norm(self.g)))
        return None

    def value_g(self, k):
        if k != self.depth:
            raise KeyError(f"Chain knows g_{self.depth} alone, not g_{k}")
        return row(self.g)

    def value_J(self, k):
        return self.J[int(k)]

    def value_c(self):
        return self.c


CHAIN = ("identity shortcuts, nothing after the additions", "|J_i|_2 <= c / L for every unit", "c < L")


def _one(kind: str):
    return partial(OneUnit, kind=kind)


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    bound = partial(Equation, chapter=CHAPTER, method="numeric")
    return [
        bound("at-least-lower", expression=at_least.lower, case=OneUnit, tight=_one("shrinking")),
        bound("at-least-upper", expression=at_least.upper, case=OneUnit, tight=_one("growing")),
        Equation(
            "at-least-growth",
            CHAPTER,
            eq(*at_least.growth),
            "symbolic",
            case=OneUnit,
            rules=(at_least.norm_squared,),
            proofs=(at_least.growth_derivation(),),
        ),
        Equation(
            "at-least-both-signs",
            CHAPTER,
            eq(*at_least.both_signs),
            "symbolic",
            case=OneUnit,
            rules=(at_least.norm_squared,),
            proofs=(at_least.both_signs_derivation(),),
        ),
        Equation(
            "at-least-zero-mean",
            CHAPTER,
            eq(*at_least.zero_mean),
            "numeric",
            case=RandomBranch,
            assumptions=("E J = 0 and E |g J|^2 finite", "g fixed; for a random g independent of J, means over g"),
            rests_on=("at-least-growth",),
        ),
        Equation(
            "at-least-isotropic",
            CHAPTER,
            eq(*at_least.isotropic),
            "numeric",
            case=RandomDirection,
            assumptions=("E[g^T g] is a multiple of I and not 0", "J fixed"),
            rests_on=("at-least-growth",),
        ),
        bound(
            "at-least-entrywise",
            expression=at_least.entrywise,
            case=_one("nonnegative"),
            tight=_one("zero"),
            assumptions=("J >= 0 and g >= 0 entrywise",),
        ),
        bound(
            "at-least-chain-lower",
            expression=at_least.chain_lower,
            case=Chain,
            tight=partial(Chain, kind="shrinking"),
            rests_on=("at-least-lower",),
            assumptions=CHAIN,
        ),
        bound(
            "at-least-chain-upper",
            expression=at_least.chain_upper,
            case=Chain,
            rests_on=("at-least-upper",),
            tight=partial(Chain, kind="growing"),
            tight_tolerance=1e-4,
            assumptions=CHAIN,
        ),
    ]
