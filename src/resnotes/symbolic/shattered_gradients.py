"""Chapter 10: how alike the gradients at two inputs are."""

from __future__ import annotations

from functools import lru_cache

from sympy import (
    Expr,
    Float,
    Integer,
    Limit,
    Rational,
    S,
    Symbol,
    acos,
    cos,
    expand,
    gamma,
    gammasimp,
    limit,
    oo,
    pi,
    series,
    simplify,
    sin,
    sqrt,
    together,
)

from resnotes.symbolic.algebra import Factor, L, Mean, Norm, OrderedProduct, Rule, Scalar, Transpose, i, l, unroll
from resnotes.symbolic.at_initialisation import J0, W_1, A, Phi, identity, kappa, near_limit, tau, trA, variance
from resnotes.symbolic.at_initialisation import beta as beta_at
from resnotes.symbolic.at_initialisation import factor as single
from resnotes.symbolic.at_least import n
from resnotes.symbolic.derivation import Derivation, Induction, Step
from resnotes.symbolic.symbols import g, lam, matrix, number

Jprime, Phiprime = Factor("Jprime"), Factor("Phiprime")
#: Probability that a component is active for both inputs.
p = Scalar("p")

gprime = matrix("gprime")


def product(k) -> Expr:
    """E[g_k g'_k^T]."""
    return Mean(g(k) * Transpose(gprime(k)))


correlation = number("varrho")


definition = (correlation(l), product(l) / sqrt(Mean(Norm(g(l)) ** 2) * Mean(Norm(gprime(l)) ** 2)))

# One branch W_1 ReLU(x) with the same weights at two inputs.

COINS = "masks that do not depend on the weights, active with probability 1/2, for both inputs with probability p"


@lru_cache
def branch() -> Derivation:
    """E[J^T A J'] over weights and masks."""
    quantity = Mean(Transpose(J0) * A * Jprime)
    jacobians = Mean(Phi * Transpose(W_1) * A * W_1 * Phiprime)
    masks = Mean(Phi * Phiprime)
    outer = variance(1) / n * trA * masks
    final = p * variance(1) / n * trA * identity
    return Derivation(
        quantity,
        (
            Step(jacobians, r"the Jacobians are $W_1\Phi$ and $W_1\tilde\Phi$", (Rule(quantity, jacobians),)),
            Step(outer, "mean over $W_1$", (Rule(jacobians, outer),)),
            Step(final, "mean over the masks", (Rule(masks, p * identity),)),
        ),
        name="shattered-branch",
        cases=({},),
        assumptions=(COINS,),
    )


def pair(k) -> Expr:
    """What unit k does to E[g g'^T]."""
    return lam(k) ** 2 + 2 * p * kappa * beta_at(k) ** 2


one_unit = (product(l), pair(l) * product(l + 1))


@lru_cache
def law() -> Induction:
    """The correlation for every depth; g_L is the same for both inputs."""
    right = OrderedProduct(pair(i), (i, l, L - 1)) * Norm(g(L)) ** 2
    return Induction(
        product(l),
        right,
        one_unit[1],
        variable=l,
        base=L,
        downwards=True,
        at_base=Norm(g(L)) ** 2,
        name="shattered-law",
        rests_on=("shattered-unit",),
        assumptions=(COINS,),
    )


correlation_law = (correlation(l), OrderedProduct(pair(i) / single(i), (i, l, L - 1)))
plain = (correlation(0), Rational(1, 2) ** L)
residual = (correlation(0), Rational(3, 4) ** L)

# A normalised branch: its Jacobian is divided by a spread that grows with the depth.

beta = Scalar("beta")
_added = beta**2 / (1 + tau * beta**2 * i)
normalised_product = OrderedProduct((1 + _added / 2) / (1 + _added), (i, 0, L - 1))
_a = 1 / (tau * beta**2)
normalised_closed = (
    gamma(_a + 1 / tau) * gamma(L + _a + 1 / (2 * tau)) / (gamma(_a + 1 / (2 * tau)) * gamma(L + _a + 1 / tau))
)
normalised_limit = (
    Limit(L ** (1 / (2 * tau)) * normalised_closed, L, oo),
    gamma(_a + 1 / tau) / gamma(_a + 1 / (2 * tau)),
)
small_beta = (Limit(beta * gamma(1 + 1 / beta**2) / gamma(S.Half + 1 / beta**2), beta, 0), S.One)
_POSITIVE = {beta: Symbol("b", positive=True), tau: Symbol("t", positive=True)}


def check_normalised() -> int:
    """Base case and step of the closed form."""
    named = normalised_closed.subs(_POSITIVE)
    if simplify(named.subs(L, 0)) != 1:
        raise ValueError(f"base case: got {named.subs(L, 0)}, want 1")
    factor = normalised_product.term.subs(i, L).subs(_POSITIVE)
    step = simplify(gammasimp(named.subs(L, L + 1) / named) - factor)
    if step != 0:
        raise ValueError(f"induction step: got a difference of {step}, want 0")
    return 2


def check_normalised_values(pairs, largest: int = 6) -> int:
    """Both sides at rational beta and tau, exactly, for L = 0 to ``largest``."""
    comparisons = 0
    for depth in range(largest + 1):
        for b, t in ((S.One, S.One), (Rational(1, 2), S.One), (Rational(3, 2), Rational(2, 3))):
            for left, right in pairs:
                put_in = {beta: b, tau: t, L: Integer(depth)}
                sides = [unroll(side, put_in).subs(put_in) for side in (left, right)]
                comparisons += 1
                if simplify(gammasimp(sides[0] - sides[1])) != 0:
                    raise ValueError(f"L = {depth}, beta = {b}, tau = {t}: got {sides[1]}, want {sides[0]}")
    return comparisons


def check_normalised_limit(pairs=(normalised_limit,)) -> int:
    """The expression at L = 10^12 beside the limit, for three beta and tau.

    Raises
    ------
    ValueError
        With beta, tau and both values.
    """
    comparisons = 0
    for b, t in ((1, 1), (0.5, 1), (1.5, 0.625)):
        for left, right in pairs:
            near = near_limit(left.args[0], {beta: b, tau: t, L: 10**12})
            stated = near_limit(right, {beta: b, tau: t})
            comparisons += 1
            if not abs(near - stated) < abs(stated) * Float("1e-9"):
                raise ValueError(f"limit at beta = {b}, tau = {t}: got {stated}, want {near}")
    return comparisons


def check_small_beta(pairs=(small_beta,)) -> int:
    """The expression at beta = 2^-20 beside the limit.

    Raises
    ------
    ValueError
        With both values.
    """
    for left, right in pairs:
        near = near_limit(left.args[0], {beta: 2.0**-20})
        if not abs(near - right) < Float("1e-9"):
            raise ValueError(f"limit: got {right}, want {near}")
    return len(pairs)


# Wide networks without normalisation: the angle between the two states decides.

angle = number("vartheta")


theta = Symbol("vartheta", positive=True)
coactive = (p, (pi - theta) / (2 * pi))
lam0, beta0 = Scalar("lambda"), beta


def kernel(at: Expr) -> Expr:
    """Cosine between ReLU(W x) and ReLU(W x') in a wide layer, for an angle ``at`` between x and x'."""
    return (sin(at) + (pi - at) * cos(at)) / pi


next_angle = (
    cos(angle(l + 1)),
    (lam0**2 * cos(angle(l)) + kappa * beta0**2 * kernel(angle(l))) / (lam0**2 + kappa * beta0**2),
)

#: Behind a plain unit, as the angle between two states whose means over all inputs are subtracted.
centred_angle = (cos(angle(l + 1)), (pi * kernel(angle(l)) - 1) / (pi - 1))
#: How much farther apart close states are one unit on.
apart_limit = (Limit((1 - (pi * kernel(theta) - 1) / (pi - 1)) / (1 - cos(theta)), theta, 0), pi / (pi - 1))


def check_apart(pairs=(apart_limit,)) -> int:
    """The limit by SymPy."""
    for left, right in pairs:
        found = limit(left.args[0], theta, 0)
        if simplify(found - right) != 0:
            raise ValueError(f"limit: got {right}, want {found}")
    return len(pairs)


#: The branch's share kappa beta^2 / (lambda^2 + kappa beta^2).
w = Scalar("w")
step_limit = (Limit((theta - acos((1 - w) * cos(theta) + w * kernel(theta))) / theta**2, theta, 0), w / (3 * pi))


def check_step(pairs=(step_limit,)) -> int:
    """How much a small angle shrinks in one unit, by SymPy.

    An angle acos(1 - u) is sqrt(2 u) (1 + u/12) but for u^(5/2), which the limit does not see; with that put in, SymPy
    finds it in a hundredth of the time.
    """
    share = Symbol("w", positive=True)
    for left, right in pairs:
        ratio = left.args[0].subs(w, share)
        for turned in ratio.atoms(acos):
            u = expand(series(1 - turned.args[0], theta, 0, 6).removeO())
            if u.subs(theta, 0) != 0 or u.coeff(theta, 1) != 0:
                raise ValueError(f"limit: got {turned}, want an angle that goes to 0 with {theta}")
            ratio = ratio.subs(turned, theta * sqrt(2 * expand(u / theta**2)) * (1 + u / 12))
        found = limit(together(ratio), theta, 0)
        if simplify(found - right.subs(w, share)) != 0:
            raise ValueError(f"limit: got {right}, want {found}")
    return len(pairs)
