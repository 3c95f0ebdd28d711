"""Chapter 13: recipes for great depth, as shortcut, branch scale and normalisation."""

from __future__ import annotations

from functools import lru_cache

from sympy import Integer, Limit, Rational, S, Symbol, atan, erf, exp, expand, log, oo, pi, simplify, sqrt, symbols

from resnotes.symbolic.algebra import (
    Factor,
    L,
    Map,
    Mean,
    Norm,
    OrderedProduct,
    OrderedSum,
    Partial,
    Rule,
    Scalar,
    Transpose,
    i,
    j,
    l,
    unroll,
)
from resnotes.symbolic.at_initialisation import J0, beta, kappa, state, std, whole_branch, xi
from resnotes.symbolic.at_least import g as row
from resnotes.symbolic.derivation import Derivation, Step
from resnotes.symbolic.lambda_scaling import lam0
from resnotes.symbolic.shortcuts_as_operators import Cancels
from resnotes.symbolic.symbols import F, H, lam, matrix, number

# A gate that closes a little less with every unit: (1 + e^b)^{-L} at b = -log L.

gate_bias = (Limit((1 + 1 / L) ** (-L), L, oo), exp(S.NegativeOne))


def check_gate_bias(pairs=(gate_bias,)) -> int:
    """The limit, by SymPy.

    Raises
    ------
    ValueError
        With the limit found and the right side.
    """
    for left, right in pairs:
        found = left.doit()
        if simplify(found - right) != 0:
            raise ValueError(f"limit of {left.args[0]}: got {right}, want {found}")
    return len(pairs)


# Fixup: the first m - 1 of m weights shrink by L^{-1/(2m-2)}.

fixup_branch = Map("Fscaled", Factor("Jscaled"))
fixup = (fixup_branch(state), L ** Rational(-1, 2) * whole_branch(state))

# Normalisation after the addition, with a factor on the shortcut.

post_sum = (Mean(Norm(lam0 * state + whole_branch(state)) ** 2), (lam0**2 + kappa) * Norm(state) ** 2)

#: What the shortcuts alone bring, plain post-LN, DeepNorm (lambda = L^(1/4), strength kappa / (4 L)), lambda = L.
post_limits = (
    (Limit((1 + kappa) ** (-L), L, oo), S.Zero),
    (Limit((1 + kappa / (4 * L) / (L ** Rational(1, 4)) ** 2) ** (-L), L, oo), S.One),
    (Limit((1 + kappa / L**2) ** (-L), L, oo), S.One),
)

# Normalisation in front of the branch, with a factor of its own on each branch.

pre_product = OrderedProduct(
    1 + kappa * beta(i) ** 2 / (1 + OrderedSum(kappa * beta(j) ** 2, (j, 0, i - 1))), (i, 0, L - 1)
)
pre_law = 1 + OrderedSum(kappa * beta(i) ** 2, (i, 0, L - 1))


def check_pre_law(pairs=((pre_product, pre_law),), largest: int = 5) -> int:
    """Both sides, as rational functions of kappa and all beta, for L = 0 to ``largest``."""
    named = {beta(k): Symbol(f"b{k}") for k in range(largest)} | {kappa: Symbol("k")}
    for depth in range(largest + 1):
        for left, right in pairs:
            sides = [unroll(side, {L: Integer(depth)}).subs(named) for side in (left, right)]
            if simplify(sides[0] - sides[1]) != 0:
                raise ValueError(f"L = {depth}: got {sides[1]}, want {sides[0]}")
    return (largest + 1) * len(pairs)


# A factor on each shortcut too: the gain is what the variance of the state grows by.

deviation = number("std")
pre_factors = (
    OrderedProduct(lam(i) ** 2 + kappa * beta(i) ** 2 / deviation(i) ** 2, (i, 0, L - 1)),
    deviation(L) ** 2 / deviation(0) ** 2,
)


def check_pre_factors(pairs=(pre_factors,), largest: int = 5) -> int:
    """Both sides, as rational functions of kappa, all lambda and all beta, for L = 1 to ``largest``."""
    for depth in range(1, largest + 1):
        square, named = Symbol("s0") ** 2, {}
        for k in range(depth + 1):
            named |= {lam(k): Symbol(f"a{k}"), beta(k): Symbol(f"b{k}"), deviation(k): sqrt(square)}
            square = named[lam(k)] ** 2 * square + kappa * named[beta(k)] ** 2
        for left, right in pairs:
            sides = [unroll(side, {L: Integer(depth)}).subs(named) for side in (left, right)]
            if simplify(sides[0] - sides[1]) != 0:
                raise ValueError(f"L = {depth}: got {sides[1]}, want {sides[0]}")
    return largest * len(pairs)


# A bounded function instead of a normalisation: means over a state whose components are s xi.

slope = Scalar("slope")
bounded = (
    (Mean(erf(slope * std * xi) ** 2), 2 / pi * atan(2 * slope**2 * std**2 / sqrt(1 + 4 * slope**2 * std**2))),
    (
        Mean(4 * slope**2 / pi * exp(-2 * slope**2 * std**2 * xi**2)),
        4 * slope**2 / (pi * sqrt(1 + 4 * slope**2 * std**2)),
    ),
)

# A shortcut that erases the part along one direction: H = I - δ u u^T.

erase, direction = Scalar("erase"), Factor("direction")
delta = (
    Norm(row * (1 - erase * direction * Transpose(direction))) ** 2,
    Norm(row) ** 2 - erase * (2 - erase) * Norm(row * direction) ** 2,
)

# Attention over depth: what enters a branch is a mean of all that came before, weighted by a softmax.

attention, query = Scalar("att", l), Factor("query")
value, mixed = Factor("val", l), Factor("mixed")
attended = (
    Partial(mixed, value),
    attention * (1 + (value - mixed) * Transpose(query) * Factor("N", l)),
)

# Concatenation, and the layer that reads it: y = W_x x + W_F F(x).

beside_x, beside_F = Factor("Wx"), Factor("WF")
concatenated = (Partial(Factor("y"), state), beside_x + beside_F * J0)


def check_post_limits(pairs=post_limits) -> int:
    """Both limits by SymPy, kappa positive.

    Raises
    ------
    ValueError
        With the limit found and the right side.
    """
    positive, depth = symbols("kappa depth", positive=True)
    for left, right in pairs:
        inside = left.args[0].subs({kappa: positive, L: depth})
        # (1 + c)^(-L) = exp(-L log(1 + c)): SymPy is quick with the exponent.
        base, power = inside.as_base_exp()
        exponent = simplify(Limit(power * log(base), depth, oo).doit())
        found = S.Zero if exponent is S.NegativeInfinity else exp(exponent)
        if simplify(found - right.subs(kappa, positive)) != 0:
            raise ValueError(f"limit of {left.args[0]}: got {right}, want {found}")
    return len(pairs)


# Streams: X holds one stream a row. Each unit mixes them, reads one row, and writes what its branch makes of it.

ones = Factor("one")

streams = matrix("X")
gradients = matrix("G")
read = matrix("r")
write = matrix("c")
inner = matrix("Gamma")


stream_unit = (
    streams(l + 1),
    H(l) * streams(l) + write(l) * Transpose(F(l)(Transpose(streams(l)) * Transpose(read(l)))),
)
inner_definition = Mean(gradients(l) * Transpose(gradients(l)))
_route = Transpose(read(l)) * Transpose(write(l)) * inner(l + 1) * write(l) * read(l)
inner_step = Transpose(H(l)) * inner(l + 1) * H(l) + kappa * _route
stream_sum = (
    Transpose(ones) * inner(l) * ones,
    Transpose(ones) * inner(l + 1) * ones + kappa * Transpose(ones) * _route * ones,
)
#: H 1 = 1, from either side.
rows_add_up = (Cancels(H(l), ones, ones), Cancels(Transpose(ones), Transpose(H(l)), Transpose(ones)))


@lru_cache
def stream_sum_derivation() -> Derivation:
    """The sum of all inner products, one unit further down."""
    one_unit = expand(Transpose(ones) * inner_step * ones)
    return Derivation(
        stream_sum[0],
        (
            Step(one_unit, "one unit", (Rule(inner(l), inner_step),)),
            Step(stream_sum[1], r"$H_l \mathbf{1} = \mathbf{1}$", rows_add_up),
        ),
        name="depths-streams-sum",
        cases=({},),
        rests_on=("depths-streams-moment",),
    )
