"""Chapter 4: the shortcut times lambda."""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr, Integer, Rational, S, Symbol, oo, pi, sinh

from .algebra import Application, Factor, L, Map, OrderedProduct, OrderedSum, Rule, Scalar, i, j, l, map_tree
from .calculus import Graph, differential
from .derivation import Derivation, Induction, Step
from .quantities import F, J, g, lam, lambdas, x

#: x_{l+1} = lambda_l x_l + F_l(x_l)
unit = (x(l + 1), lam(l) * x(l) + F(l)(x(l)))

#: Lambda_{l:L}, the shortcut product.
Lambda = Factor("Lambda", l, L)
Lambda_scalar = Scalar("Lambda", l, L)
shortcut_product = (Lambda_scalar, OrderedProduct(lam(i), (i, l, L - 1)))

#: F-hat_i: the branch with the shortcut factors that come after it.
Fhat = Map("Fhat", Factor("Jhat", i), i)
branch_hat = (Fhat(x(i)), lambdas(i + 1, L - 1) * F(i)(x(i)))

STATES = "f = id, every shortcut a scalar"


def forward_sum(low=l, high=L) -> Expr:
    """The unrolled state with its right limits."""
    return OrderedProduct(lam(i), (i, low, high - 1)) * x(low) + OrderedSum(
        lambdas(i + 1, high - 1) * F(i)(x(i)), (i, low, high - 1))


def state_rule() -> Rule:
    """x_{i+1} by its definition, for l <= i <= L - 1."""
    return Rule(x(i + 1), lam(i) * x(i) + F(i)(x(i)), index=i, low=l, high=L - 1)


@lru_cache
def forward() -> Induction:
    """x_L for every depth."""
    return Induction(x(L), forward_sum(), lam(L) * x(L) + F(L)(x(L)), variable=L, base=l, downwards=False,
                     name="scaling-forward", rests_on=("scaling-unit",), assumptions=(STATES,))


@lru_cache
def forward_hat() -> Derivation:
    """The same with F-hat."""
    hat_rule = Rule(branch_hat[0], branch_hat[1])
    with_hat = Lambda_scalar * x(l) + OrderedSum(Fhat(x(i)), (i, l, L - 1))
    plain = map_tree(with_hat, lambda node: {branch_hat[0]: branch_hat[1], Lambda_scalar: shortcut_product[1]}.get(node))
    assert hat_rule.right == branch_hat[1]
    return Derivation(
        x(L),
        (Step(forward_sum(), "unit after unit", (state_rule(),)), Step(plain, "the same, grouped by unit")),
        name="scaling-forward-expanded", rests_on=("scaling-unit", "scaling-branch-hat"), assumptions=(STATES,),
    )


@lru_cache
def unit_gradient() -> Derivation:
    """g_l = g_{l+1} (lambda_l I + J_l)."""
    graph = Graph({unit[0]: unit[1]})
    return Derivation(
        g(l),
        (Step(g(l + 1) * graph.local(x(l + 1), x(l)), "chain rule over one unit",
              (Rule(g(l), graph.eliminate(x(l), x(l + 1), g(l + 1))),)),),
        name="scaling-unit-gradient", rests_on=("scaling-unit", "backward-unit"), cases=({},), assumptions=(STATES,),
    )


def gradient_rule() -> Rule:
    """g_i from g_{i+1}, for l <= i <= L - 1."""
    return Rule(g(i), g(i + 1) * (lam(i) + J(i)), index=i, low=l, high=L - 1)


def product(low=l, high=L - 1, index=i) -> Expr:
    """The product of lambda_i I + J_i from the loss down."""
    return OrderedProduct(lam(index) + J(index), (index, low, high))


def two_terms(low=l, high=L) -> Expr:
    """Shortcut term plus the derivative of the sum of F-hat: what ends with the shortcut, what with a branch."""
    return OrderedProduct(lam(i), (i, low, high - 1)) + OrderedSum(
        lambdas(i + 1, high - 1) * J(i) * product(low, i - 1, j), (i, low, high - 1))


@lru_cache
def jacobian() -> Induction:
    """g_l = g_L prod (lambda_i I + J_i), every depth."""
    return Induction(g(l), g(L) * product(), unit_gradient().result, variable=l, base=L, downwards=True,
                     name="scaling-jacobian", rests_on=("scaling-unit-gradient",), assumptions=(STATES,))


@lru_cache
def two_term_induction() -> Induction:
    """g_l as the shortcut term and everything else, every depth."""
    return Induction(g(l), g(L) * two_terms(), unit_gradient().result, variable=l, base=L, downwards=True,
                     name="scaling-two-terms", rests_on=("scaling-unit-gradient", "scaling-forward"),
                     assumptions=(STATES,))


@lru_cache
def two_term_derivation() -> Derivation:
    """Product = shortcut term + sum, written out for all 0 <= l < L <= 6."""
    return Derivation(
        g(l),
        (Step(g(L) * product(), "unit after unit", (gradient_rule(),)),
         Step(g(L) * two_terms(), "sort the paths by the last branch they take")),
        name="scaling-two-terms-expanded", rests_on=("scaling-jacobian",), assumptions=(STATES,),
    )


def derivative_of_sum(low: int, high: int) -> Expr:
    """d/dx_low of sum F-hat_i(x_i), by differentials of the unrolled forward pass: no product is used."""
    graph = Graph({x(k + 1): lam(k) * x(k) + F(k)(x(k)) for k in range(low, high)})
    total = OrderedSum(lambdas(i + 1, high - 1) * F(i)(x(i)), (i, low, high - 1)).unrolled()
    written = map_tree(total, lambda node: node.unrolled() if isinstance(node, OrderedProduct) else None)
    from .algebra import expanded  # noqa: PLC0415

    d_total = differential(written, [x(k) for k in range(low, high)])
    return sum(
        (expanded(_coefficient(d_total, x(k)) * graph.gradient(x(low), x(k), S.One)) for k in range(low, high)), S.Zero)


def _coefficient(expression: Expr, state: Expr) -> Expr:
    from .calculus import coefficient  # noqa: PLC0415

    return coefficient(expression, state)


# The scalar chain: every unit x -> lambda x + r x.

lam0, r, n = Scalar("lambda"), Scalar("r"), Symbol("n", integer=True, nonnegative=True)
scalar_chain = (g(0), (lam0 + r) ** L * g(L))


@lru_cache
def scalar_derivation() -> Derivation:
    """g_0 = (lambda + r)^L g_L."""
    start = g(L) * OrderedProduct(lam(i) + J(i), (i, 0, L - 1))
    constant = (Rule(lam(i), lam0, index=i), Rule(J(i), r, index=i))
    return Derivation(
        g(0),
        (Step(start, "the product for $l = 0$", (Rule(g(i), g(i + 1) * (lam(i) + J(i)), index=i, low=S.Zero, high=L - 1),
                                               *constant)),
         Step(scalar_chain[1], "all factors equal", constant)),
        name="scaling-scalar", rests_on=("scaling-jacobian",), assumptions=("n = 1, every unit the same",),
        cases=tuple({L: Integer(depth), l: S.Zero} for depth in range(1, 7)),
    )


# Products that converge although every factor is below (above) 1.

below = OrderedProduct(1 - 1 / (i + 1) ** 2, (i, 1, n))
below_closed = (n + 2) / (2 * (n + 1))
above = OrderedProduct(1 + 1 / i**2, (i, 1, oo))
above_closed = sinh(pi) / pi


def check_below(largest: int = 50) -> int:
    """Base case and step of prod_{i=1}^n (1 - 1/(i+1)^2) = (n+2) / (2(n+1)), and the values up to ``largest``."""
    from sympy import simplify  # noqa: PLC0415

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


__all__ = ["Application", "Lambda"]
