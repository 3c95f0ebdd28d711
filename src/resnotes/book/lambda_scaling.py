"""Chapter 4: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import cached_property, partial

from sympy import Integer, S, lambdify, oo

from resnotes import paths
from resnotes.book.cases import Case, Chain, W, by_branches, g, lam, units, x
from resnotes.book.oracles import FLOATS, CheckError, Numbers, same
from resnotes.book.registry import DEPTHS, Equation, eq
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
from resnotes.symbolic.symbols import J

CHAPTER = "04_lambda_scaling"


class ScalarChain(Chain):
    """n = 1, every unit lambda x + r x."""

    @classmethod
    def drawn(cls, rng, identity=False, numbers: Numbers = FLOATS):
        """A random one, where ``identity`` is said with lambda = 1; shares are divided by lambda + r."""
        depth = int(rng.integers(1, 13 if numbers is FLOATS else 5))
        while True:
            factor, branch = abs(numbers.draw(rng, 1)), numbers.draw(rng, 1)
            factor = numbers.eye(1)[0] if identity else factor
            if 0.2 < factor < 2 and abs(branch) < 1 and abs(factor + branch) > 0.3:
                break
        data = {x(0): numbers.array([numbers.number(S.One)]), g(depth): numbers.draw(rng, 1)}
        for k in range(depth):
            data |= {lam(k): factor, W(k): branch.reshape(1, 1)}
        case = cls(data, depth, numbers=numbers)
        case.values[unrolled_sum.k] = Integer(int(rng.integers(0, depth + 1)))
        return case

    def value_lambda(self, k=0):
        return super().value_lambda(k)

    @cached_property
    def _shares(self):
        """Paths from x_0 by their number of branches."""
        if self.numbers is not FLOATS:
            return [self.value_P(0, k)[0, 0] for k in range(self.depth + 1)]
        net = self.network()
        trace = net.forward(self.states[0])
        by_length = by_branches(net, trace)
        same(paths.jacobian_by_length(net, trace), by_length, "jacobian_by_length")
        return by_length.ravel().tolist()

    def value_w(self, k):
        return self._shares[int(k)] / sum(self._shares)


class Plain(Case):
    """Nothing random but an index."""

    def __init__(self, rng):
        self.values = {lambda_scaling.n: Integer(int(rng.integers(0, 30)))}


_scaled = partial(units, shortcuts="scale", after=False)


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
            case=ScalarChain.drawn,
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
