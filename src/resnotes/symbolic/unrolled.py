"""Chapter 5: the unrolled sum, its two terms, and all 2^n paths by length."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

from sympy import Add, Expr, Integer, Mul, S, Symbol, binomial

from .algebra import Factor, L, OrderedProduct, OrderedSum, Rule, Scalar, expanded, i, j, l, map_tree, unroll
from .derivation import Derivation, Induction, Step
from .quantities import D, F, H, J, g, x
from .scaling import lam0, n, r

IDENTITY = "h = id and f = id"

#: x_L = x_l + sum F_i(x_i)
state = (x(L), x(l) + OrderedSum(F(i)(x(i)), (i, l, L - 1)))


def state_rule() -> Rule:
    return Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=l, high=L - 1)


@lru_cache
def forward() -> Induction:
    """The telescoping sum, every depth."""
    return Induction(x(L), state[1], x(L) + F(L)(x(L)), variable=L, base=l, downwards=False,
                     name="unrolled-forward", rests_on=("forward-unit",), assumptions=(IDENTITY,))


def product(low=l, high=L - 1, index=i) -> Expr:
    """The product of I + J_i from the loss down."""
    return OrderedProduct(1 + J(index), (index, low, high))


#: The derivative of the sum: every path but the pure shortcut.
term = OrderedSum(J(i) * product(l, i - 1, j), (i, l, L - 1))


def gradient_rule() -> Rule:
    return Rule(g(i), g(i + 1) * (1 + J(i)), index=i, low=l, high=L - 1)


@lru_cache
def two_terms() -> Induction:
    """g_l = g_L + g_L sum J_i prod (I + J_j), every depth."""
    return Induction(g(l), g(L) + g(L) * term, g(l + 1) * (1 + J(l)), variable=l, base=L, downwards=True,
                     name="unrolled-two-terms", rests_on=("unrolled-forward", "backward-unit"), assumptions=(IDENTITY,))


@lru_cache
def two_terms_expanded() -> Derivation:
    """The same, written out for all 0 <= l < L <= 6."""
    return Derivation(
        g(l),
        (Step(g(L) * product(), "unit after unit", (gradient_rule(),)),
         Step(g(L) * (1 + term), "sort the paths by the last branch they take"),
         Step(g(L) + g(L) * term, "multiply out")),
        name="unrolled-two-terms-expanded", rests_on=("unrolled-two-terms",), assumptions=(IDENTITY,),
    )


@lru_cache
def wrong_lower_limit() -> Derivation:
    """A sum that starts at 0 has too much: x_l - x_0, which moves with x_l."""
    return Derivation(
        OrderedSum(F(i)(x(i)), (i, 0, L - 1)) - OrderedSum(F(i)(x(i)), (i, l, L - 1)),
        (Step(OrderedSum(F(i)(x(i)), (i, 0, l - 1)), "what the two sums do not share"),
         Step(x(l) - x(0), "the unrolled sum from $0$ to $l$",
              (Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=S.Zero, high=l - 1),))),
        name="unrolled-lower-limit", rests_on=("unrolled-forward",), assumptions=(IDENTITY,),
    )


# Cancellation.

M = Factor("M")
row = Factor("g")


@lru_cache
def cancel() -> Derivation:
    """One left eigenvector of eigenvalue -1 is enough: g M = -g gives g (I + M) = 0."""
    return Derivation(
        row * (1 + M),
        (Step(row + row * M, "multiply out"), Step(row - row, "$g$ is a left eigenvector", (Rule(Factor("gM"), -row),))),
        name="unrolled-cancel", cases=({},),
    )


#: Scalar chain: the term beside 1.
scalar_term = (1 + r) ** n - 1

# Paths. P_{l,k}: the sum of all products that pass through exactly k branches between x_l and x_L.

k = Symbol("k", integer=True)


def P(unit, length) -> Factor:
    """All paths from x_unit to x_L through exactly ``length`` branches."""
    return Factor("P", unit, length)


by_length_step = (P(l, k), P(l + 1, k) * D(l) * H(l) + P(l + 1, k - 1) * D(l) * J(l))
by_length_total = (OrderedProduct(D(i) * (H(i) + J(i)), (i, l, L - 1)), OrderedSum(P(l, k), (k, 0, L - l)))


def paths_of_length(low: int, high: int, length: int) -> Expr:
    """By enumeration: choose which units are passed by their branch. Grows as a binomial coefficient."""
    terms = []
    for chosen in combinations(range(low, high), length):
        factors = [D(u) * (J(u) if u in chosen else H(u)) for u in reversed(range(low, high))]
        terms.append(Mul(*factors))
    return Add(*terms)


def path_value(node: Factor, depth: int) -> Expr:
    """P_{u,k} by enumeration, 0 outside its range."""
    unit_index, length = int(node.indices[0]), int(node.indices[1])
    if not 0 <= length <= depth - unit_index:
        return S.Zero
    return paths_of_length(unit_index, depth, length)


def check_by_length(pairs=(by_length_step, by_length_total), largest: int = 5) -> int:
    """Statements about P_{l,k} against enumeration, for all 0 <= l < L <= largest and every length k.

    Raises
    ------
    ValueError
        With l, L, k and both sides.
    """
    comparisons = 0
    for depth in range(1, largest + 1):
        def put_in(expression, depth=depth):
            return map_tree(expression, lambda node: path_value(node, depth)
                            if isinstance(node, Factor) and node.name == "P" else None)

        for low in range(depth):
            for length in range(depth - low + 1):
                for left, right in pairs:
                    values = {l: Integer(low), L: Integer(depth), k: Integer(length)}
                    sides = [put_in(unroll(side, values)) for side in (left, right)]
                    difference = expanded(expanded(sides[0]) - expanded(sides[1]))
                    comparisons += 1
                    if difference != 0:
                        raise ValueError(f"l = {low}, L = {depth}, k = {length}: got {right}, want {left}; "
                                         f"they differ by {difference}")
    return comparisons


#: How many paths there are, and what they carry in the scalar chain.
count = (OrderedSum(binomial(n, k), (k, 0, n)), Integer(2) ** n)
binomial_weights = ((lam0 + r) ** n, OrderedSum(binomial(n, k) * lam0 ** (n - k) * r**k, (k, 0, n)))
share = (Scalar("w", k), binomial(n, k) * (r / (lam0 + r)) ** k * (lam0 / (lam0 + r)) ** (n - k))


__all__ = ["Scalar"]
