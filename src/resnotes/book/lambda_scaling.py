"""Chapter 4: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import cached_property, partial

import numpy as np
from sympy import Integer, lambdify, oo

from resnotes import paths
from resnotes.book.cases import Case, Units, by_branches
from resnotes.book.oracles import CheckError, complex_step_jacobian, row, same
from resnotes.book.registry import DEPTHS, Equation, eq
from resnotes.network import Affine, Network, Unit
from resnotes.shortcuts import Scale
from resnotes.symbolic import (
    lambda_scaling,
    unrolled_sum,
)
from resnotes.symbolic.algebra import (
    L,
    OrderedSum,
    Rule,
    Scalar,
    i,
    l,
)
from resnotes.symbolic.derivation import compare
from resnotes.symbolic.symbols import J, g, x

CHAPTER = "04_lambda_scaling"


class ScalarChain(Case):
    """n = 1, every unit lambda x + r x."""

    def __init__(self, rng):
        from resnotes.symbolic.lambda_scaling import n as count

        depth = int(rng.integers(1, 13))
        while True:  # shares are divided by lambda + r
            self.lam, self.r = float(rng.uniform(0.2, 1.5)), float(rng.uniform(-0.9, 0.9))
            if abs(self.lam + self.r) > 0.3:
                break
        self.depth, self.g_out = depth, float(rng.normal())
        self.values = {
            L: Integer(depth),
            count: Integer(depth),
            unrolled_sum.k: Integer(int(rng.integers(0, depth + 1))),
        }
        self.net = Network([Unit([Affine([[self.r]], [0.0])], Scale(self.lam)) for _ in range(depth)])
        self.trace = self.net.forward(np.array([1.0]))

    def value_g(self, k):
        k = int(k)
        slope = complex_step_jacobian(lambda x: self._from(k, x), np.array([1.0]))
        same(self.net.jacobian(self.trace, start=k), slope, f"Network.jacobian from state {k}")
        return row(self.g_out * slope)

    def _from(self, k, x):
        for _ in range(k, self.depth):
            x = self.lam * x + self.r * x
        return x

    def value_lambda(self):
        return self.lam

    def value_r(self):
        return self.r

    @cached_property
    def _shares(self):
        by_length = by_branches(self.net, self.trace)
        same(paths.jacobian_by_length(self.net, self.trace), by_length, "jacobian_by_length")
        return by_length.ravel() / by_length.sum()

    def value_w(self, k):
        return float(self._shares[int(k)])

    def value_T(self, start):
        """The derivative of the sum of branches: F_i(x_i) = r x_i, by the complex step. lambda is 1 here."""

        def total(x):
            branches = 0
            for _ in range(int(start), self.depth):
                branches, x = branches + self.r * x, x + self.r * x
            return branches

        return float(complex_step_jacobian(total, np.array([1.0]))[0, 0])


class Plain(Case):
    """Nothing random but an index."""

    def __init__(self, rng):
        from resnotes.symbolic.lambda_scaling import n as count

        self.values = {count: Integer(int(rng.integers(0, 30)))}


_scaled = partial(Units, shortcuts="scale", after=False)


def _hat_at_l():
    return lambda_scaling.branch_hat[0].subs(i, l), lambda_scaling.branch_hat[1].subs(i, l)


def _sum_derivative_check() -> int:
    """The sum in the two-term form is d/dx_l of sum F-hat_i(x_i), by differentials, for all l < L <= 5."""
    comparisons = 0
    for high in range(1, 6):
        for low in range(high):
            stated = next(term for term in lambda_scaling.two_terms().args if isinstance(term, OrderedSum))
            difference = compare(
                stated, lambda_scaling.derivative_of_sum(low, high), (), {l: Integer(low), L: Integer(high)}
            )
            comparisons += 1
            if difference != 0:
                raise CheckError(f"l = {low}, L = {high}: the derivative of the sum differs by {difference}")
    return comparisons


def _above_check(pairs) -> int:
    """Enclose the infinite product between partial products: P_N <= P <= P_N exp(1/N)."""
    from mpmath import mp, mpf

    last = 20000
    with mp.workdps(30):
        for left, right in pairs:
            if left.high != oo:
                raise ValueError(f"upper limit: got {left.high}, want infinity")
            factor = lambdify(left.index, left.term, "mpmath")
            product = mp.fprod(factor(mpf(number)) for number in range(int(left.low), last + 1))
            stated = mpf(str(right.evalf(30)))
            if not product <= stated <= product * mp.exp(mpf(1) / last):
                raise ValueError(
                    f"right side: got {stated}, want a value between {product} and {product} exp(1/{last})"
                )
    return len(pairs)


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    definition = partial(Equation, method="definition")
    return [
        definition("scaling-unit", CHAPTER, eq(*lambda_scaling.unit), case=_scaled),
        definition("scaling-shortcut-product", CHAPTER, eq(*lambda_scaling.shortcut_product), case=_scaled),
        definition("scaling-branch-hat", CHAPTER, eq(*_hat_at_l()), case=_scaled),
        Equation(
            "scaling-forward",
            CHAPTER,
            eq(x(L), lambda_scaling.forward_sum()),
            "induction",
            (lambda_scaling.STATES,),
            case=_scaled,
            rules=(lambda_scaling.state_rule(),),
            index_values=DEPTHS,
            proofs=(lambda_scaling.two_units(), lambda_scaling.forward()),
            rests_on=("scaling-unit",),
        ),
        Equation(
            "scaling-forward-hat",
            CHAPTER,
            eq(x(L), lambda_scaling.forward_hat().result),
            "induction",
            (lambda_scaling.STATES,),
            case=_scaled,
            rules=(lambda_scaling.state_rule(), *lambda_scaling.hat_rules()),
            index_values=DEPTHS,
            proofs=(lambda_scaling.forward_hat(),),
            rests_on=("scaling-forward", "scaling-shortcut-product", "scaling-branch-hat"),
        ),
        Equation(
            "scaling-unit-gradient",
            CHAPTER,
            eq(g(l), lambda_scaling.unit_gradient().result),
            "symbolic",
            (lambda_scaling.STATES,),
            case=_scaled,
            rules=(Rule(g(l), g(l + 1) * (Scalar("lambda", l) + J(l))),),
            proofs=(lambda_scaling.unit_gradient(),),
            rests_on=("scaling-unit", "backward-unit"),
        ),
        Equation(
            "scaling-jacobian",
            CHAPTER,
            eq(g(l), lambda_scaling.jacobian().right),
            "induction",
            (lambda_scaling.STATES,),
            case=_scaled,
            rules=(lambda_scaling.gradient_rule(),),
            index_values=DEPTHS,
            proofs=(lambda_scaling.jacobian(),),
            rests_on=("scaling-unit-gradient",),
        ),
        Equation(
            "scaling-two-terms",
            CHAPTER,
            eq(g(l), lambda_scaling.two_term_induction().right),
            "induction",
            (lambda_scaling.STATES,),
            case=_scaled,
            rules=(lambda_scaling.gradient_rule(),),
            index_values=DEPTHS,
            proofs=(
                lambda_scaling.two_units_gradient(),
                lambda_scaling.two_term_induction(),
                lambda_scaling.two_term_derivation(),
                _sum_derivative_check,
            ),
            rests_on=("scaling-jacobian", "scaling-forward"),
        ),
        Equation(
            "scaling-two-terms-hat",
            CHAPTER,
            eq(*lambda_scaling.two_terms_hat),
            "exhaustive",
            (lambda_scaling.STATES,),
            case=_scaled,
            exact=lambda_scaling.check_two_terms_hat,
            rests_on=("scaling-two-terms", "scaling-shortcut-product", "scaling-branch-hat"),
        ),
        Equation(
            "scaling-log-size",
            CHAPTER,
            eq(*lambda_scaling.log_size),
            "exhaustive",
            ("no lambda_i is 0",),
            case=_scaled,
            exact=lambda_scaling.check_log_size,
            rests_on=("scaling-shortcut-product",),
        ),
        Equation(
            "scaling-scalar",
            CHAPTER,
            eq(*lambda_scaling.scalar_chain),
            "symbolic",
            ("n = 1, every unit the same",),
            case=ScalarChain,
            proofs=(lambda_scaling.scalar_derivation(),),
            rests_on=("scaling-jacobian",),
        ),
        Equation(
            "scaling-below",
            CHAPTER,
            eq(lambda_scaling.below, lambda_scaling.below_closed),
            "induction",
            case=Plain,
            proofs=(lambda_scaling.check_below,),
        ),
        Equation(
            "scaling-above",
            CHAPTER,
            eq(lambda_scaling.above, lambda_scaling.above_closed),
            "citation",
            reference="dlmf",
            exact=_above_check,
        ),
    ]
