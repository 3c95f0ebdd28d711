"""Chapter 11: rounding, loss scaling, and long products by QR."""

from __future__ import annotations

from functools import lru_cache

from sympy import Abs, Expr, Function, Integer, Le, Mul, Rational, S, Symbol, floor, log

from resnotes.symbolic.algebra import (
    Factor,
    L,
    OrderedProduct,
    OrderedSum,
    Rule,
    Scalar,
    Transpose,
    i,
    l,
    map_tree,
    peel,
    rewrite,
    unroll,
)
from resnotes.symbolic.backward_pass import jacobian_product, unit_gradient
from resnotes.symbolic.derivation import Induction
from resnotes.symbolic.lambda_scaling import lam0
from resnotes.symbolic.symbols import D, H, J, g, matrix, number


class fl(Function):
    """The nearest number of a format, ties to even."""

    def _latex(self, printer, exp=None):
        return rf"\operatorname{{fl}}({printer._print(self.args[0])})"


#: Bits of precision, unit roundoff, smallest subnormal; a real number; entries of a state and a branch.
p, u, eta = Scalar("p"), Scalar("u"), Scalar("eta")
t, entry, branch = Scalar("t"), Scalar("x"), Scalar("F")

roundoff = (u, 2**-p)
relative = Le(Abs(fl(t) - t), u * Abs(t) / (1 + u), evaluate=False)
subnormal = Le(Abs(fl(t) - t), eta / 2, evaluate=False)

#: Where the powers of lambda rest, in multiples of the smallest subnormal number.
kstar = Scalar("kstar")
rest = (kstar, floor(1 / (2 * (1 - lam0))))

#: |F| <= u |x| / 2: the branch is gone.
lost = (fl(entry + branch), entry)


def nearest_even(number: Rational) -> int:
    """The nearest whole number, ties to the even one."""
    below = int(floor(number))
    twice = 2 * (number - below)
    return below + int(bool(twice > 1) or (twice == 1 and below % 2 == 1))


def resting_place(factor: Rational, bits: int) -> int:
    """Where k -> nearest(k factor) rests, from the smallest normal number down, in subnormal steps."""
    k = 2 ** (bits - 1)
    while (after := nearest_even(k * factor)) != k:
        k = after
    return k


@lru_cache
def resting_places() -> tuple[tuple[Rational, int], ...]:
    """(factor, where it rests) for all factors between 1/2 and 1 of the formats with 3 to 8 bits."""
    found = []
    for bits in range(3, 9):
        for numerator in range(2 ** (bits - 1) + 1, 2**bits):
            factor = Rational(numerator, 2**bits)
            found.append((factor, resting_place(factor, bits)))
    return tuple(found)


def check_rest(pairs=(rest,)) -> int:
    """The formula against the rounded powers, by whole numbers.

    Raises
    ------
    ValueError
        With the factor and both values.
    """
    for factor, want in resting_places():
        for left, right in pairs:
            got = map_tree(right, {lam0: factor}.get)
            if left != kstar or got != want:
                raise ValueError(f"lambda = {factor}: got {got}, want {want}")
    return len(pairs) * len(resting_places())


# Loss scaling.

scale = Scalar("S")

gscaled = matrix("gscaled")


scaled = (gscaled(l), scale * g(L) * jacobian_product(), scale * g(l))


def scaled_rules() -> tuple[Rule, ...]:
    """Both gradients, unit after unit; they differ at the loss alone."""
    return (
        Rule(gscaled(i), gscaled(i + 1) * D(i) * (H(i) + J(i)), index=i, low=l, high=L - 1),
        Rule(gscaled(L), scale * g(L)),
        Rule(g(i), g(i + 1) * D(i) * (H(i) + J(i)), index=i, low=l, high=L - 1),
    )


@lru_cache
def scaled_induction() -> Induction:
    """S at the loss is S everywhere."""
    recurrence = unit_gradient().result.subs(g(l + 1), gscaled(l + 1))
    return Induction(
        gscaled(l),
        scaled[1],
        recurrence,
        variable=l,
        base=L,
        downwards=True,
        at_base=scale * g(L),
        name="precision-scale",
        rests_on=("backward-unit",),
    )


# Products by QR.

A = matrix("A")
Q = matrix("Q")
R = matrix("R")


qr_step = ((Q(0), S.One), (A(l) * Q(l), Q(l + 1) * R(l)))
product = OrderedProduct(A(i), (i, 0, L - 1))
triangles = OrderedProduct(R(i), (i, 0, L - 1))
qr = (product, Q(L) * triangles)


def without_pairs(expression: Expr) -> Expr:
    """Q^T Q = I used wherever it stands, in a product without sums."""
    scalars, factors = expression.args_cnc()
    kept: list[Expr] = []
    for factor in factors:
        if kept and kept[-1] == Transpose(factor) and isinstance(factor, Factor) and factor.name == "Q":
            kept.pop()
        else:
            kept.append(factor)
    return Mul(*scalars, *kept)


def put_in_qr(expression: Expr) -> Expr:
    """Each A_i as Q_{i+1} R_i Q_i^T, and what cancels cancelled."""
    rule = Rule(A(i), Q(i + 1) * R(i) * Transpose(Q(i)), index=i)
    return without_pairs(rewrite(expression, (rule, Rule(Q(0), S.One))))


def check_qr(pairs=(qr,), largest: int = 6) -> int:
    """Written out for 1 to 6 factors, and the step from L to L + 1 factors.

    Raises
    ------
    ValueError
        With L and both sides.
    """
    comparisons = 0
    for left, right in pairs:
        for depth in range(1, largest + 1):
            want, got = (put_in_qr(unroll(side, {L: Integer(depth)})) for side in (left, right))
            comparisons += 1
            if want != got:
                raise ValueError(f"L = {depth}: got {got}, want {want}")
        step = put_in_qr(A(L) * right)
        claimed = peel(right.subs(L, L + 1), L, "high")
        comparisons += 1
        if step != claimed:
            raise ValueError(f"from L to L + 1: got {claimed}, want {step}")
    return comparisons


n, k = Symbol("n", integer=True, positive=True), Symbol("k", integer=True)

sigma = number("sigma")
rho = number("rho")


#: Sum of the logarithms of all singular values, by the triangles' diagonals.
volume = (
    OrderedSum(log(sigma(k)), (k, 1, n)),
    OrderedSum(OrderedSum(log(Abs(rho(i, k))), (k, 1, n)), (i, 0, L - 1)),
)
