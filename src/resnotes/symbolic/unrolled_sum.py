"""Chapter 5: the unrolled sum, its two terms, and all 2^n paths by length."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from itertools import product as walk

from sympy import Add, Expr, Integer, Mul, S, Symbol, binomial, diff, expand
from sympy import cancel as cancel_fractions

from resnotes.symbolic.algebra import (
    Factor,
    L,
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
from resnotes.symbolic.derivation import Derivation, Induction, Step, compare
from resnotes.symbolic.lambda_scaling import lam0, n, r
from resnotes.symbolic.symbols import D, F, H, J, g, matrix, number, x

IDENTITY = "h = id and f = id"

#: x_L = x_l + sum F_i(x_i)
state = (x(L), x(l) + OrderedSum(F(i)(x(i)), (i, l, L - 1)))


def state_rule() -> Rule:
    return Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=l, high=L - 1)


@lru_cache
def forward() -> Induction:
    """The telescoping sum, every depth."""
    return Induction(
        x(L),
        state[1],
        x(L) + F(L)(x(L)),
        variable=L,
        base=l,
        downwards=False,
        name="unrolled-forward",
        rests_on=("forward-unit",),
        assumptions=(IDENTITY,),
    )


def product(low=l, high=L - 1, index=i) -> Expr:
    """The product of I + J_i from the loss down."""
    return OrderedProduct(1 + J(index), (index, low, high))


T = matrix("T")


#: What T_l is the derivative of, and what comes out: every path but the pure shortcut.
term_definition = Partial(OrderedSum(F(i)(x(i)), (i, l, L - 1)), x(l))
term = OrderedSum(J(i) * product(l, i - 1, j), (i, l, L - 1))


def derivative(expression: Expr, low: int, high: int) -> Expr:
    """d expression / d x_low by differentials of the forward pass from x_low to x_high.

    ``expression`` holds states and branches, indices written out.
    """
    graph = Graph({x(u + 1): x(u) + F(u)(x(u)) for u in range(low, high)})
    states = [x(u) for u in range(low, high + 1)]
    total = differential(expression, states)
    return Add(*(expanded(coefficient(total, s) * graph.gradient(x(low), s, S.One)) for s in states))


@lru_cache
def term_induction() -> Induction:
    """T_l for every depth: the Jacobian of x_L is I + T_l, and one unit more multiplies it by I + J_l."""
    return Induction(
        T(l),
        term,
        (1 + T(l + 1)) * (1 + J(l)) - 1,
        variable=l,
        base=L,
        downwards=True,
        at_base=S.Zero,
        name="unrolled-term",
        rests_on=("unrolled-forward",),
        assumptions=(IDENTITY,),
    )


def check_term(pairs=((T(l), term_definition), (term_definition, term)), largest: int = 5) -> int:
    """Statements about T_l against differentials of the unrolled forward pass, for all 0 <= l < L <= largest.

    Raises
    ------
    ValueError
        With l, L and both sides.
    """
    comparisons = 0
    for high in range(1, largest + 1):
        for low in range(high):

            def put_in(node, low=low, high=high):
                if isinstance(node, Partial):
                    return derivative(node.of, low, high)
                if isinstance(node, Factor) and node.name == "T":
                    return derivative(x(high) - x(low), int(node.indices[0]), high)
                return None

            for left, right in pairs:
                values = {l: Integer(low), L: Integer(high)}
                sides = [map_tree(unroll(side, values), put_in) for side in (left, right)]
                difference = compare(*sides)
                comparisons += 1
                if difference != 0:
                    raise ValueError(f"l = {low}, L = {high}: got {right}, want {left}; they differ by {difference}")
    return comparisons


def gradient_rule() -> Rule:
    return Rule(g(i), g(i + 1) * (1 + J(i)), index=i, low=l, high=L - 1)


@lru_cache
def two_terms() -> Induction:
    """g_l = g_L + g_L sum J_i prod (I + J_j), every depth."""
    return Induction(
        g(l),
        g(L) + g(L) * term,
        g(l + 1) * (1 + J(l)),
        variable=l,
        base=L,
        downwards=True,
        name="unrolled-two-terms",
        rests_on=("unrolled-forward", "backward-unit"),
        assumptions=(IDENTITY,),
    )


@lru_cache
def two_terms_expanded() -> Derivation:
    """The same, written out for all 0 <= l < L <= 6."""
    return Derivation(
        g(l),
        (
            Step(g(L) * product(), "unit after unit", (gradient_rule(),)),
            Step(g(L) * (1 + term), "sort the paths by the branch nearest the loss"),
            Step(g(L) + g(L) * term, "multiply out"),
        ),
        name="unrolled-two-terms-expanded",
        rests_on=("unrolled-two-terms",),
        assumptions=(IDENTITY,),
    )


# Without any condition: every unit D_i (H_i + J_i).


def general_rule() -> Rule:
    return Rule(g(i), g(i + 1) * D(i) * (H(i) + J(i)), index=i, low=l, high=L - 1)


#: The paths sorted by the branch nearest the loss that they take: none at all, or that of unit i.
direct = OrderedProduct(D(i) * H(i), (i, l, L - 1))
others = OrderedSum(
    OrderedProduct(D(j) * H(j), (j, i + 1, L - 1)) * D(i) * J(i) * OrderedProduct(D(j) * (H(j) + J(j)), (j, l, i - 1)),
    (i, l, L - 1),
)


@lru_cache
def general_terms() -> Induction:
    """g_l as the direct term and everything else, for any shortcuts and anything after the additions."""
    return Induction(
        g(l),
        g(L) * direct + g(L) * others,
        g(l + 1) * D(l) * (H(l) + J(l)),
        variable=l,
        base=L,
        downwards=True,
        name="unrolled-general-terms",
        rests_on=("backward-unit",),
        closing="multiply out: $D_{l} H_{l}$ joins the products, $D_{l} J_{l}$ is the new summand",
    )


@lru_cache
def two_units() -> Derivation:
    """The Jacobian of two units as the sum of their four paths."""
    whole = Partial(x(2), x(0))
    factored = D(1) * (H(1) + J(1)) * D(0) * (H(0) + J(0))
    return Derivation(
        whole,
        (Step(factored, "unit after unit", (Rule(whole, factored),)), Step(expanded(factored), "multiply out")),
        name="unrolled-two-units",
        rests_on=("backward-product",),
        cases=({},),
    )


@lru_cache
def wrong_lower_limit() -> Derivation:
    """A sum that starts at 0 has too much: x_l - x_0, which moves with x_l."""
    return Derivation(
        OrderedSum(F(i)(x(i)), (i, 0, L - 1)) - OrderedSum(F(i)(x(i)), (i, l, L - 1)),
        (
            Step(OrderedSum(F(i)(x(i)), (i, 0, l - 1)), "what the two sums do not share"),
            Step(
                x(l) - x(0),
                "the unrolled sum from $0$ to $l$",
                (Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=S.Zero, high=l - 1),),
            ),
        ),
        name="unrolled-lower-limit",
        rests_on=("unrolled-forward",),
        assumptions=(IDENTITY,),
    )


# Cancellation.

M = Factor("M")
row = Factor("g")
eigenvector_rule = Rule(row * M, -row)


@lru_cache
def cancel() -> Derivation:
    """One left eigenvector of eigenvalue -1 is enough: g M = -g gives g (I + M) = 0."""
    return Derivation(
        row * (1 + M),
        (Step(row + row * M, "multiply out"), Step(S.Zero, "$g$ is a left eigenvector", (eigenvector_rule,))),
        name="unrolled-cancel",
        assumptions=("g M = -g",),
        cases=({},),
    )


def check_cancel(pairs) -> int:
    """Both sides multiplied out, then the eigenvector's rule."""
    for left, right in pairs:
        difference = expanded(rewrite(expanded(left - right), [eigenvector_rule]))
        if difference != 0:
            raise ValueError(f"got {right}, want {left}; they differ by {difference}")
    return len(pairs)


#: Scalar chain: the term beside 1.
scalar_term = (Scalar("T", 0), (1 + r) ** n - 1)

# Paths. P_{l,k}: the sum of all products that pass through exactly k branches between x_l and x_L.

k = Symbol("k", integer=True)

P = matrix("P")


by_length_start = (P(L, 0), S.One)
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


def check_by_length(pairs=(by_length_start, by_length_step, by_length_total), largest: int = 5) -> int:
    """Statements about P_{l,k} against enumeration, for all 0 <= l < L <= largest and every length k.

    Raises
    ------
    ValueError
        With l, L, k and both sides.
    """
    comparisons = 0
    for depth in range(1, largest + 1):

        def put_in(expression, depth=depth):
            return map_tree(
                expression,
                lambda node: path_value(node, depth) if isinstance(node, Factor) and node.name == "P" else None,
            )

        for low in range(depth):
            for length in range(depth - low + 1):
                for left, right in pairs:
                    values = {l: Integer(low), L: Integer(depth), k: Integer(length)}
                    sides = [put_in(unroll(side, values)) for side in (left, right)]
                    difference = expanded(expanded(sides[0]) - expanded(sides[1]))
                    comparisons += 1
                    if difference != 0:
                        raise ValueError(
                            f"l = {low}, L = {depth}, k = {length}: got {right}, want {left}; "
                            f"they differ by {difference}"
                        )
    return comparisons


#: How many paths there are, and what they carry in the scalar chain.
count = (OrderedSum(binomial(n, k), (k, 0, n)), Integer(2) ** n)
binomial_weights = ((lam0 + r) ** n, OrderedSum(binomial(n, k) * lam0 ** (n - k) * r**k, (k, 0, n)))

w = number("w")


share = (w(k), binomial(n, k) * (r / (lam0 + r)) ** k * (lam0 / (lam0 + r)) ** (n - k))
mean_length = (OrderedSum(k * w(k), (k, 0, n)), n * r / (lam0 + r))


def scalar_path_sum(units: int, length: int) -> Expr:
    """The paths through ``length`` of ``units`` branches, products of lambda and r, added up one by one."""
    one, other = Symbol("lambda"), Symbol("r")
    return Add(
        *(Mul(*(other if u in chosen else one for u in range(units))) for chosen in combinations(range(units), length))
    )


def scalar_term_by_differentiation(units: int) -> Expr:
    """d/dx_0 of the sum of r x_i, with x_{i+1} = x_i + r x_i, by SymPy's ``diff``."""
    start, factor = Symbol("x_0"), Symbol("r")
    state, branches = start, S.Zero
    for _ in range(units):
        branches, state = branches + factor * state, state + factor * state
    return diff(branches, start)


def check_scalar(pairs, largest: int = 7) -> int:
    """Statements about the scalar chain against enumeration and differentiation, n <= largest, every k.

    Raises
    ------
    ValueError
        With n, k and both sides.
    """
    comparisons = 0
    for units in range(1, largest + 1):
        whole = Add(*(scalar_path_sum(units, length) for length in range(units + 1)))

        def put_in(node, units=units, whole=whole):
            if not isinstance(node, Factor):
                return None
            if node.name == "w":
                return scalar_path_sum(units, int(node.indices[0])) / whole
            if node.name == "T":
                return scalar_term_by_differentiation(units - int(node.indices[0]))
            return Symbol(node.name)

        for length in range(units + 1):
            for left, right in pairs:
                values = {n: Integer(units), k: Integer(length)}
                sides = [map_tree(unroll(side, values), put_in) for side in (left, right)]
                comparisons += 1
                if cancel_fractions(expand(sides[0]) - expand(sides[1])) != 0:
                    raise ValueError(f"n = {units}, k = {length}: got {right}, want {left}")
    return comparisons


def check_count(pairs, largest: int = 8) -> int:
    """How many paths there are, against the walks through up to ``largest`` units listed one by one.

    Raises
    ------
    ValueError
        With n and both sides.
    """
    comparisons = 0
    for units in range(largest + 1):
        walks = sum(1 for _ in walk(("shortcut", "branch"), repeat=units))
        for side in (side for pair in pairs for side in pair):
            comparisons += 1
            value = unroll(side, {n: Integer(units)})
            if value != walks:
                raise ValueError(f"n = {units}: got {value} for {side}, want {walks}")
    return comparisons
