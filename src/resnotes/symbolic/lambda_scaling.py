"""Chapter 4: the shortcut times lambda."""

from __future__ import annotations

from functools import lru_cache
from itertools import product as cartesian

from sympy import Abs, Expr, Integer, Rational, S, Symbol, expand_log, log, oo, pi, simplify, sinh

from resnotes.symbolic.algebra import (
    Factor,
    L,
    Map,
    OrderedProduct,
    OrderedSum,
    Partial,
    Rule,
    Scalar,
    expanded,
    i,
    j,
    l,
    map_tree,
    rewrite,
    unroll,
)
from resnotes.symbolic.calculus import Graph, coefficient, differential
from resnotes.symbolic.derivation import DEEPEST, Derivation, Induction, Step, compare
from resnotes.symbolic.symbols import F, J, g, lam, lambdas, x

#: x_{l+1} = lambda_l x_l + F_l(x_l)
unit = (x(l + 1), lam(l) * x(l) + F(l)(x(l)))

#: Lambda_{l:L}, the shortcut product.
Lambda = Scalar("Lambda", l, L)
shortcut_product = (Lambda, OrderedProduct(lam(i), (i, l, L - 1)))

#: F-hat_i: the branch with the shortcut factors that come after it.
Fhat = Map("Fhat", Factor("Jhat", i), i)
branch_hat = (Fhat(x(i)), lambdas(i + 1, L - 1) * F(i)(x(i)))

STATES = "f = id, every shortcut a scalar"


def forward_sum(low=l, high=L) -> Expr:
    """The unrolled state with its right limits."""
    return OrderedProduct(lam(i), (i, low, high - 1)) * x(low) + OrderedSum(
        lambdas(i + 1, high - 1) * F(i)(x(i)), (i, low, high - 1)
    )


def state_rule() -> Rule:
    """x_{i+1} by its definition, for l <= i <= L - 1."""
    return Rule(x(i + 1), lam(i) * x(i) + F(i)(x(i)), index=i, low=l, high=L - 1)


@lru_cache
def two_units() -> Derivation:
    """x_{l+2}: the pattern of the sum, seen over two units."""
    last, first = (Rule(x(l + k + 1), lam(l + k) * x(l + k) + F(l + k)(x(l + k))) for k in (1, 0))
    put_in = map_tree(last.right, first)
    return Derivation(
        x(l + 2),
        (
            Step(last.right, "the last unit", (last,)),
            Step(put_in, "put in the unit before it", (first,)),
            Step(expanded(put_in), "multiply out"),
        ),
        name="scaling-two-units",
        rests_on=("scaling-unit",),
        assumptions=(STATES,),
        cases=({},),
    )


@lru_cache
def forward() -> Induction:
    """x_L for every depth."""
    return Induction(
        x(L),
        forward_sum(),
        lam(L) * x(L) + F(L)(x(L)),
        variable=L,
        base=l,
        downwards=False,
        name="scaling-forward",
        rests_on=("scaling-unit",),
        assumptions=(STATES,),
        closing=r"multiply out: $\lambda_{L}$ joins the products, $F_{L}$ is the new summand",
    )


#: What the branches add to x_L, by F-hat.
branch_sum = OrderedSum(Fhat(x(i)), (i, l, L - 1))


def hat_rules(deepest: int = DEEPEST) -> tuple[Rule, ...]:
    """F-hat of each unit, and Lambda, by their definitions."""
    hats = (Rule(*(side.subs(i, k) for side in branch_hat)) for k in range(deepest))
    return (Rule(*shortcut_product), *hats)


@lru_cache
def forward_hat() -> Derivation:
    """The same with F-hat."""
    return Derivation(
        x(L),
        (
            Step(forward_sum(), "unit after unit", (state_rule(),)),
            Step(Lambda * x(l) + branch_sum, r"names for the product and for each summand", hat_rules()),
        ),
        name="scaling-forward-hat",
        assumptions=(STATES,),
        rests_on=("scaling-forward", "scaling-shortcut-product", "scaling-branch-hat"),
    )


@lru_cache
def unit_gradient() -> Derivation:
    """g_l = g_{l+1} (lambda_l I + J_l)."""
    graph = Graph({unit[0]: unit[1]})
    return Derivation(
        g(l),
        (
            Step(
                g(l + 1) * graph.local(x(l + 1), x(l)),
                "chain rule over one unit",
                (Rule(g(l), graph.eliminate(x(l), x(l + 1), g(l + 1))),),
            ),
        ),
        name="scaling-unit-gradient",
        rests_on=("scaling-unit", "backward-unit"),
        cases=({},),
        assumptions=(STATES,),
    )


def gradient_rule() -> Rule:
    """g_i from g_{i+1}, for l <= i <= L - 1."""
    return Rule(g(i), g(i + 1) * (lam(i) + J(i)), index=i, low=l, high=L - 1)


def product(low=l, high=L - 1, index=i) -> Expr:
    """The product of lambda_i I + J_i from the loss down."""
    return OrderedProduct(lam(index) + J(index), (index, low, high))


def two_terms(low=l, high=L) -> Expr:
    """The path through shortcuts alone, plus the rest, sorted by the branch nearest the loss."""
    return OrderedProduct(lam(i), (i, low, high - 1)) + OrderedSum(
        lambdas(i + 1, high - 1) * J(i) * product(low, i - 1, j), (i, low, high - 1)
    )


@lru_cache
def two_units_gradient() -> Derivation:
    """g_0 over two units: four terms, and the form of every depth."""
    one_by_one = g(2) * (lam(1) + J(1)) * (lam(0) + J(0))
    return Derivation(
        g(0),
        (
            Step(g(1) * (lam(0) + J(0)), "unit 0", (Rule(g(0), g(1) * (lam(0) + J(0))),)),
            Step(one_by_one, "unit 1", (Rule(g(1), g(2) * (lam(1) + J(1))),)),
            Step(g(2) * expanded(lam(1) * lam(0) + lam(1) * J(0) + J(1) * lam(0) + J(1) * J(0)), "multiply out"),
            Step(
                g(2) * (lam(1) * lam(0) + lam(1) * J(0) + J(1) * (lam(0) + J(0))), "$J_1$ in front of what follows it"
            ),
        ),
        name="scaling-two-units-gradient",
        rests_on=("scaling-unit-gradient",),
        assumptions=(STATES,),
        cases=({},),
    )


@lru_cache
def jacobian() -> Induction:
    """g_l = g_L prod (lambda_i I + J_i), every depth."""
    return Induction(
        g(l),
        g(L) * product(),
        unit_gradient().result,
        variable=l,
        base=L,
        downwards=True,
        name="scaling-jacobian",
        rests_on=("scaling-unit-gradient",),
        assumptions=(STATES,),
    )


@lru_cache
def two_term_induction() -> Induction:
    """g_l as the shortcut term and everything else, every depth."""
    return Induction(
        g(l),
        g(L) * two_terms(),
        unit_gradient().result,
        variable=l,
        base=L,
        downwards=True,
        name="scaling-two-terms",
        rests_on=("scaling-unit-gradient", "scaling-forward"),
        assumptions=(STATES,),
        closing=r"multiply out: $\lambda_{l}$ joins the products, $J_{l}$ is the new summand",
    )


@lru_cache
def two_term_derivation() -> Derivation:
    """Product = shortcut term + sum, written out for all 0 <= l < L <= 6."""
    return Derivation(
        g(l),
        (
            Step(g(L) * product(), "unit after unit", (gradient_rule(),)),
            Step(g(L) * two_terms(), "sort the paths by the branch nearest the loss"),
        ),
        name="scaling-two-terms-expanded",
        rests_on=("scaling-jacobian",),
        assumptions=(STATES,),
    )


def derivative_along(total: Expr, low: int, high: int) -> Expr:
    """d total / d x_low in a network of ``high`` units, by differentials of the forward pass alone."""
    graph = Graph({x(k + 1): lam(k) * x(k) + F(k)(x(k)) for k in range(low, high)})
    hats = hat_rules(high)
    written = unroll(rewrite(unroll(total, {L: Integer(high)}), hats), {L: Integer(high)})
    d_total = differential(written, [x(k) for k in range(low, high + 1)])
    return sum(
        (expanded(coefficient(d_total, x(k)) * graph.gradient(x(low), x(k), S.One)) for k in range(low, high + 1)),
        S.Zero,
    )


def derivative_of_sum(low: int, high: int) -> Expr:
    """d/dx_low of sum F-hat_i(x_i)."""
    return derivative_along(branch_sum.subs({l: low, L: high}), low, high)


#: g_l with the derivative of the sum left standing: the note's form with its hats and limits put right.
two_terms_hat = (g(l), g(L) * (Lambda + Partial(branch_sum, x(l))))


def check_two_terms_hat(pairs=(two_terms_hat,), largest: int = 5) -> int:
    """The derivative of the sum, by differentials, beside g_l unit after unit, for all 0 <= l < L <= largest.

    Raises
    ------
    ValueError
        With l, L and the difference.
    """
    comparisons = 0
    for high in range(1, largest + 1):
        for low in range(high):
            values = {l: Integer(low), L: Integer(high)}

            def differentiated(node, low=low, high=high):
                return derivative_along(node.of, low, high) if isinstance(node, Partial) else None

            for left, right in pairs:
                written = map_tree(unroll(right, values), differentiated)
                difference = compare(left, written, (gradient_rule(), *hat_rules()), values)
                comparisons += 1
                if difference != 0:
                    raise ValueError(f"l = {low}, L = {high}: got {right}, want {left}; they differ by {difference}")
    return comparisons


# The size of the product, as a sum.

log_size = (log(Abs(Lambda)), OrderedSum(log(Abs(lam(i))), (i, l, L - 1)))


def check_log_size(pairs=(log_size,), largest: int = 5) -> int:
    """The sum of logarithms for every choice of signs, for all 0 <= l < L <= largest.

    Raises
    ------
    ValueError
        With l, L, the signs and both sides.
    """

    def named(side):
        return map_tree(side, Rule(*shortcut_product))

    comparisons = 0
    sizes = [Symbol(f"p_{k}", positive=True) for k in range(largest + 1)]
    for high in range(1, largest + 1):
        for low in range(high):
            values = {l: Integer(low), L: Integer(high)}
            for signs in cartesian((1, -1), repeat=high - low):
                put_in = {lam(low + k): sign * sizes[low + k] for k, sign in enumerate(signs)}
                for left, right in pairs:
                    sides = (unroll(named(side), values) for side in (left, right))
                    want, got = (map_tree(side, put_in.get) for side in sides)
                    comparisons += 1
                    if expand_log(want - got) != 0:
                        raise ValueError(f"l = {low}, L = {high}, signs {signs}: got {got}, want {want}")
    return comparisons


# The scalar chain: every unit x -> lambda x + r x.

lam0, r, n = Scalar("lambda"), Scalar("r"), Symbol("n", integer=True, nonnegative=True)
scalar_chain = (g(0), (lam0 + r) ** L * g(L))


@lru_cache
def scalar_derivation() -> Derivation:
    """g_0 = (lambda + r)^L g_L."""
    start = g(L) * OrderedProduct(lam(i) + J(i), (i, 0, L - 1))
    constant = (Rule(lam(i), lam0, index=i), Rule(J(i), r, index=i))
    from_input = Rule(g(i), g(i + 1) * (lam(i) + J(i)), index=i, low=S.Zero, high=L - 1)
    return Derivation(
        g(0),
        (
            Step(start, "the product for $l = 0$", (from_input, *constant)),
            Step(scalar_chain[1], "all factors equal", constant),
        ),
        name="scaling-scalar",
        rests_on=("scaling-jacobian",),
        assumptions=("n = 1, every unit the same",),
        cases=tuple({L: Integer(depth), l: S.Zero} for depth in range(1, 7)),
    )


# Products that converge although every factor is below (above) 1.

below = OrderedProduct(1 - 1 / (i + 1) ** 2, (i, 1, n))
below_closed = (n + 2) / (2 * (n + 1))
above = OrderedProduct(1 + 1 / i**2, (i, 1, oo))
above_closed = sinh(pi) / pi


def check_below(largest: int = 50) -> int:
    """Base case and step of prod_{i=1}^n (1 - 1/(i+1)^2) = (n+2) / (2(n+1)), and its first values."""
    if below_closed.subs(n, 0) != 1:
        raise ValueError(f"base case: got {below_closed.subs(n, 0)}, want 1")
    step = simplify(below_closed.subs(n, n + 1) / below_closed - (1 - 1 / (n + 2) ** 2))
    if step != 0:
        raise ValueError(f"induction step: got a difference of {step}, want 0")
    value = S.One
    for count in range(1, largest + 1):
        value *= 1 - Rational(1, (count + 1) ** 2)
        if value != below_closed.subs(n, count):
            raise ValueError(f"n = {count}: got {below_closed.subs(n, count)}, want {value}")
    return largest + 2
