"""Chapter 6: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
from sympy import Float, Integer

from resnotes.book.cases import Case, floats
from resnotes.book.exact import FRACTIONS
from resnotes.book.oracles import FLOATS, Numbers, relative_error, row
from resnotes.book.registry import Equation, eq
from resnotes.network import Affine, Network, Unit
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
    """A gradient g above one unit with an identity shortcut, and its branch's Jacobian J (M is the same).

    Parameters
    ----------
    data : dict
        g and J.
    numbers : Numbers
    """

    def __init__(self, data, numbers=FRACTIONS):
        self.n = len(data.get(at_least.g, data.get(at_least.J)))
        super().__init__(data, {at_least.n: Integer(self.n)}, numbers)
        none = numbers.array([0] * self.n)
        self.g, self.J = data.get(at_least.g, none), data.get(at_least.J, np.outer(none, none))

    @classmethod
    def drawn(cls, rng, kind="any", numbers: Numbers = FLOATS):
        """A random one, drawn to order.

        ``kind`` is "any"; "shrinking", J = -c I with c <= 1; "growing", J = c I; "nonnegative", all entries of both;
        "zero", J = 0.
        """
        n = int(rng.integers(1, numbers.widest + 1))
        gradient, J = numbers.draw(rng, n), numbers.draw(rng, n, n)
        c = abs(numbers.draw(rng, 1)[0])
        return cls(
            {
                at_least.g: abs(gradient) if kind == "nonnegative" else gradient,
                at_least.J: {
                    "any": J,
                    "nonnegative": abs(J),
                    "zero": 0 * J,
                    "growing": c * numbers.eye(n),
                    "shrinking": -c / (1 + c) * numbers.eye(n),
                }[kind],
            },
            numbers,
        )

    def value_g(self):
        return row(self.g)

    def value_J(self):
        return self.J

    value_M = value_J

    def value_trJ(self):
        return sum(self.J[k, k] for k in range(self.n))

    def value_gbelow(self):
        """The gradient below the unit, by moving its input: x -> g (x + J x)."""
        return row(self.g) @ self.numbers.jacobian(lambda v: v + self.J @ v, 0 * self.g)

    def confirm(self):
        net = Network([Unit([Affine(floats(self.J))])])
        got = net.backward(net.forward(np.zeros(self.n)), floats(self.g)).states[0]
        return self.agree(got, self.value_gbelow(), "Network.backward over one unit")


class RandomBranch(OneUnit):
    """J takes finitely many values of mean 0, each equally often; g is fixed.

    In fractions they are all matrices with entries 2, -1, -1, which are not symmetric about 0: the mean alone matters.
    """

    entries_of_branch = (2, -1, -1)
    branches = None

    @classmethod
    def drawn(cls, rng, numbers: Numbers = FLOATS):
        """A random g; in floats some random branches, each with its negative."""
        case = cls({at_least.g: numbers.draw(rng, int(rng.integers(1, numbers.widest + 1)))}, numbers)
        if numbers is FLOATS:
            values = [numbers.draw(rng, case.n, case.n) for _ in range(int(rng.integers(1, 4)))]
            case.branches = [sign * value for value in values for sign in (1, -1)]
        return case

    def outcomes(self):
        n, array = self.n, self.numbers.array
        every = self.branches or (array(J).reshape(n, n) for J in product(self.entries_of_branch, repeat=n * n))
        return ({"J": J} for J in every)


class RandomDirection(OneUnit):
    """g takes the values e_1, -e_1, ..., e_n, -e_n equally often: no direction is preferred. J is fixed."""

    @classmethod
    def drawn(cls, rng, numbers: Numbers = FLOATS):
        """A random J."""
        n = int(rng.integers(1, numbers.widest + 1))
        return cls({at_least.J: numbers.draw(rng, n, n)}, numbers)

    def outcomes(self):
        return ({"g": sign * e} for e in self.numbers.eye(self.n) for sign in (1, -1))


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
        self.known = {"g": {depth: row(self.g)}, "J": dict(enumerate(self.J)), "c": self.c}

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


CHAIN = ("identity shortcuts, nothing after the additions", "|J_i|_2 <= c / L for every unit", "c < L")


def _one(kind: str):
    return partial(OneUnit.drawn, kind=kind)


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    bound = partial(Equation, chapter=CHAPTER, method="numeric")
    return [
        bound("at-least-lower", expression=at_least.lower, case=OneUnit.drawn, tight=_one("shrinking")),
        bound("at-least-upper", expression=at_least.upper, case=OneUnit.drawn, tight=_one("growing")),
        Equation(
            "at-least-growth",
            CHAPTER,
            eq(*at_least.growth),
            "symbolic",
            case=OneUnit.drawn,
            rules=(at_least.norm_squared,),
            proofs=(at_least.growth_derivation(),),
        ),
        Equation(
            "at-least-both-signs",
            CHAPTER,
            eq(*at_least.both_signs),
            "symbolic",
            case=OneUnit.drawn,
            rules=(at_least.norm_squared,),
            proofs=(at_least.both_signs_derivation(),),
        ),
        Equation(
            "at-least-zero-mean",
            CHAPTER,
            eq(*at_least.zero_mean),
            "numeric",
            case=RandomBranch.drawn,
            assumptions=("E J = 0 and E |g J|^2 finite", "g fixed; for a random g independent of J, means over g"),
            rests_on=("at-least-growth",),
        ),
        Equation(
            "at-least-isotropic",
            CHAPTER,
            eq(*at_least.isotropic),
            "numeric",
            case=RandomDirection.drawn,
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
