"""Chapter 9: how much gradient a network lets through on average, before it has been trained."""

from __future__ import annotations

from functools import lru_cache

from mpmath import mp
from sympy import (
    Expr,
    Float,
    Ge,
    Integer,
    Le,
    Limit,
    Matrix,
    Rational,
    S,
    Symbol,
    binomial,
    exp,
    gamma,
    gammasimp,
    lambdify,
    limit,
    oo,
    pi,
    simplify,
    sqrt,
)

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
    l,
    unroll,
)
from resnotes.symbolic.at_least import g as row
from resnotes.symbolic.at_least import n
from resnotes.symbolic.before_or_after import B, sigma
from resnotes.symbolic.derivation import Derivation, Induction, Step
from resnotes.symbolic.symbols import E, F, g, lam, matrix, number, x

#: The width of a branch's hidden layer.
h = Symbol("h", integer=True, positive=True)
#: The branch's strength: it multiplies the mean square of a gradient by this.
kappa = Scalar("kappa")
identity = Factor("I")

beta = number("beta")
variance = number("v")


#: x_{l+1} = lambda_l x_l + beta_l F_l(x_l)
unit = (x(l + 1), lam(l) * x(l) + beta(l) * F(l)(x(l)))

# One branch W_2 ReLU(W_1 x), x fixed. Its Jacobian is W_2 Phi W_1.

J0, A, trA = Factor("J"), Factor("A"), Scalar("trA")
W_1, W_2, Phi = Factor("W", 1), Factor("W", 2), Factor("Phi")
state = Factor("x")


SYMMETRIC = "each row of W_1 has the distribution of its negative"
NO_TIES = "no entry of W_1 x is 0, except with probability 0"


@lru_cache
def branch() -> Derivation:
    """E[J^T A J] of a branch that starts with its weight."""
    quantity = Mean(Transpose(J0) * A * J0)
    masked, whole = Mean(Transpose(W_1) * Phi * W_1), Mean(Transpose(W_1) * W_1)
    jacobian = Mean(Transpose(W_1) * Phi * Transpose(W_2) * A * W_2 * Phi * W_1)
    outer = variance(2) / h * trA * masked
    half = variance(2) / (2 * h) * trA * whole
    final = variance(1) * variance(2) / (2 * n) * trA * identity
    return Derivation(
        quantity,
        (
            Step(jacobian, r"the branch's Jacobian is $W_2 \Phi W_1$", (Rule(quantity, jacobian),)),
            Step(
                outer,
                r"mean over $W_2$: $\mathbb{E}[W_2^{\top} A W_2] = \frac{v_2}{h} \operatorname{tr} A\, I$",
                (Rule(jacobian, outer),),
            ),
            Step(
                half,
                r"$W_1$ and $-W_1$ are equally likely, and one of them lets a row through",
                (Rule(masked, whole / 2),),
            ),
            Step(final, r"$h$ rows, each entry with variance $v_1/n$", (Rule(whole, h * variance(1) / n * identity),)),
        ),
        name="init-branch",
        cases=({},),
        assumptions=(
            "W_1 and W_2 independent",
            "W_2 of mean 0, its entries uncorrelated with variance v_2/h",
            f"{SYMMETRIC}; the entries of W_1 uncorrelated with variance v_1/n",
            NO_TIES,
            "no biases",
        ),
    )


#: A ReLU at the state itself: q is the share of positive components of x.
q = Scalar("q")
relu_first = (Mean(Norm(row * W_1 * Phi) ** 2), variance(1) * q * Norm(row) ** 2)

# Attention whose weights P are held: the gradient of a sequence is G, one row a position, and P^T G W_2 W_1 below it.

T = Symbol("T", integer=True)
looks, rows = Factor("P"), Factor("G")
_read = Mean(Norm(Transpose(looks) * rows, "F") ** 2)
attended = (
    Mean(Norm(Transpose(looks) * rows * W_2 * W_1, "F") ** 2),
    variance(1) * variance(2) * _read,
    variance(1) * variance(2) * Norm(looks, "F") ** 2 / T * Mean(Norm(rows, "F") ** 2),
)

# The network.

MEAN_FREE = "E[J_l^T A J_l] = (kappa/n) tr A I and E J_l = 0 for every A, at every x_l that occurs (no ties)"
GIVEN = "g_L chosen without looking at the weights, units independent of one another"

second = matrix("S")
trace = number("trS")


def mean_square(k) -> Expr:
    """E |g_k|^2."""
    return Mean(Norm(g(k)) ** 2)


def factor(k) -> Expr:
    """What unit k does to the mean square."""
    return lam(k) ** 2 + kappa * beta(k) ** 2


second_definition = Mean(Transpose(g(l)) * g(l))
second_step = lam(l) ** 2 * second(l + 1) + kappa * beta(l) ** 2 / n * trace(l + 1) * identity
one_unit = (mean_square(l), factor(l) * mean_square(l + 1))


@lru_cache
def law() -> Induction:
    """E |g_l|^2 for every depth."""
    right = OrderedProduct(factor(i), (i, l, L - 1)) * Norm(g(L)) ** 2
    return Induction(
        mean_square(l),
        right,
        one_unit[1],
        variable=l,
        base=L,
        downwards=True,
        at_base=Norm(g(L)) ** 2,
        name="init-law",
        rests_on=("init-factor",),
        assumptions=(MEAN_FREE, GIVEN),
    )


_gain = OrderedProduct(1 + kappa * beta(i) ** 2, (i, 0, L - 1))
squares = OrderedSum(kappa * beta(i) ** 2, (i, 0, L - 1))
#: Identity shortcuts: the gain is bounded in the depth if and only if the sum of beta^2 is.
bounded = Le(_gain, exp(squares), evaluate=False)
unbounded = Ge(_gain, 1 + squares, evaluate=False)

limits = (
    (Limit((1 + kappa / L) ** L, L, oo), exp(kappa)),
    (Limit((1 + kappa / L**2) ** L, L, oo), S.One),
)


def check_limits(pairs=limits) -> int:
    """Both limits by SymPy.

    Raises
    ------
    ValueError
        With the limit found and the right side.
    """
    positive = Symbol("kappa", positive=True)
    for left, right in pairs:
        found = limit(left.args[0].subs(kappa, positive), L, oo)
        if simplify(found - right.subs(kappa, positive)) != 0:
            raise ValueError(f"limit of {left.args[0]}: got {right}, want {found}")
    return len(pairs)


# A last layer of zeros: y = x + W_2 ReLU(W_1 x); and a factor alpha on the branch.

hidden = Map("ReLU", Phi)
alpha = Scalar("alpha")
whole_branch = Map("F", J0)
weight_gradients = (
    (Partial(E, W_2), Transpose(row) * Transpose(hidden(W_1 * state))),
    (Partial(E, W_1), Phi * Transpose(W_2) * Transpose(row) * Transpose(state)),
)
scale_gradient = (Partial(E, alpha), row * whole_branch(state))

# The weights of every unit: W_{l,1} and W_{l,2} of x_{l+1} = lambda_l x_l + beta_l W_{l,2} ReLU(W_{l,1} x_l).

weight = matrix("W")


def _weight_mean(coefficient, k) -> tuple[Expr, Expr]:
    return (
        Mean(Norm(Partial(E, weight(l, k)), "F") ** 2),
        coefficient * beta(l) ** 2 * Mean(Norm(x(l)) ** 2) * mean_square(l + 1),
    )


state_law = (Mean(Norm(x(l)) ** 2), OrderedProduct(factor(i), (i, 0, l - 1)) * Norm(x(0)) ** 2)


weight_means = (_weight_mean(variance(2) / 2, 1), _weight_mean(h * variance(1) / (2 * n), 2))
_inside = hidden(weight(l, 1) * x(l))
weight_sizes = tuple(
    (Norm(Partial(E, weight(l, 2)), kind), beta(l) * Norm(g(l + 1), short) * Norm(_inside, short))
    for kind, short in (("F", ""), ("1", "1"))
)

#: The learning rate of a step of gradient descent, and that of a step along the signs of the gradient.
eta, etasign = Scalar("rate"), Scalar("etasign")


def _over_weights(size) -> Expr:
    return OrderedSum(size(Partial(E, weight(l, 1))) + size(Partial(E, weight(l, 2))), (l, 0, L - 1))


steps = (
    (Partial(E, eta), -_over_weights(lambda gradient: Norm(gradient, "F") ** 2)),
    (Partial(E, etasign), -_over_weights(lambda gradient: Norm(gradient, "1"))),
)
#: The sum over L units with identity shortcuts and equal beta, at beta = 1/sqrt(L) and at 1/L.
step_limits = tuple(
    (Limit(L * square * (1 + kappa * square) ** (L - 1), L, oo), value)
    for square, value in ((1 / L, exp(kappa)), (1 / L**2, S.Zero))
)

#: A branch that is there with probability p: chi is 1 then, else 0.
chi, keep = Scalar("chi"), Scalar("keep")
stochastic = (Mean(Norm(row * (1 + chi * J0)) ** 2), (1 + kappa * keep) * Norm(row) ** 2)

# Layer normalisation.

z, one, std, rms, N = Factor("z"), Factor("one"), Scalar("std"), Scalar("rms"), Factor("N")
norm = (z, (state - one * Transpose(one) * state / n) / std)
norm_jacobian = (Partial(z, state), (1 - one * Transpose(one) / n - z * Transpose(z) / n) / std)
#: Root mean square normalisation: nothing is subtracted.
rms_norm = (z, state / rms)
rms_jacobian = (Partial(z, state), (1 - z * Transpose(z) / n) / rms)


def check_norm_jacobian(pairs=(norm_jacobian,), widths=(2, 3), centred=True) -> int:
    """The Jacobian by components: SymPy differentiates z entry by entry, at a few rational states.

    ``centred`` is layer normalisation; without, nothing is subtracted, and z is divided by the root mean square.

    Raises
    ------
    ValueError
        With the state and both matrices.
    """
    comparisons = 0
    for width in widths:
        entries = [Symbol(f"x_{k}", real=True) for k in range(1, width + 1)]
        moved = [entry - sum(entries) / width for entry in entries] if centred else entries
        deviation = sqrt(sum(entry**2 for entry in moved) / width)
        normal = Matrix([entry / deviation for entry in moved])
        derivative = normal.jacobian(entries)
        for shift in (0, 1):
            point = {entry: Rational(k * k + shift * k + 1, k + 2) for k, entry in enumerate(entries)}
            values = {z: normal.subs(point), one: Matrix([1] * width), n: Integer(width)}
            values |= {std if centred else rms: deviation.subs(point)}
            for _, right in pairs:
                difference = (_by_components(right, values, width) - derivative.subs(point)).applyfunc(simplify)
                comparisons += 1
                if not difference.is_zero_matrix:
                    raise ValueError(f"x = {list(point.values())}: {right} differs from the Jacobian by {difference}")
    return comparisons


def _by_components(expression: Expr, values: dict, width: int) -> Matrix:
    """A matrix expression with SymPy matrices put in; what is not in ``values`` is a number."""
    from resnotes.symbolic.algebra import evaluate

    def value_of(node):
        return values.get(node, node)

    value = evaluate(expression, value_of, lambda size: Matrix.eye(size))
    return value if hasattr(value, "shape") else value * Matrix.eye(width)


# In front of the branch: x + F(LN(x)).

pre_state = (Mean(Norm(state + whole_branch(z)) ** 2), Norm(state) ** 2 + kappa * n)


@lru_cache
def pre_unit(root=std, lost=2) -> Derivation:
    """E |g (I + J N)|^2 for fixed x, N the Jacobian of a normalisation that divides by ``root``.

    It deletes ``lost`` directions: two for layer normalisation, one where nothing is subtracted.
    """
    start = Mean(Norm(row * (1 + J0 * N)) ** 2)
    apart = Norm(row) ** 2 + kappa / n * Norm(row) ** 2 * Norm(N, "F") ** 2
    end = (1 + kappa / root**2 * (1 - lost / n)) * Norm(row) ** 2
    return Derivation(
        start,
        (
            Step(
                apart,
                r"$\mathbb{E} J = 0$, and $\mathbb{E}[J^{\top} g^{\top} g J] = \frac{\kappa}{n} \lVert g\rVert^2 I$",
                (Rule(start, apart),),
            ),
            Step(
                end,
                rf"$N N^{{\top}}$ is a multiple of a projection onto $n - {lost}$ dimensions",
                (Rule(Norm(N, "F"), sqrt((n - lost) / root**2)),),
            ),
        ),
        name="init-pre-unit" if root == std else "init-rms-unit",
        cases=({},),
    )


pre_product = OrderedProduct(1 + kappa / (1 + kappa * i), (i, 0, L - 1))
pre_law = 1 + kappa * L


def check_pre_law(largest: int = 12) -> int:
    """Base case and step of prod_{i=0}^{L-1} (1 + kappa/(1 + kappa i)) = 1 + kappa L, and its first values."""
    if pre_law.subs(L, 0) != 1:
        raise ValueError(f"base case: got {pre_law.subs(L, 0)}, want 1")
    step = simplify(pre_law.subs(L, L + 1) - pre_law * (1 + kappa / (1 + kappa * L)))
    if step != 0:
        raise ValueError(f"induction step: got a difference of {step}, want 0")
    return check_pre_values(((pre_product, pre_law),), largest)


def check_pre_values(pairs, largest: int = 12) -> int:
    """Both sides, as rational functions of kappa, for L = 0 to ``largest``."""
    for depth in range(largest + 1):
        for left, right in pairs:
            sides = [unroll(side, {L: Integer(depth)}) for side in (left, right)]
            if simplify(sides[0] - sides[1]) != 0:
                raise ValueError(f"L = {depth}: got {sides[1]}, want {sides[0]}")
    return (largest + 1) * len(pairs)


#: The units above unit l alone.
pre_above = (OrderedProduct(1 + kappa / (1 + kappa * i), (i, l + 1, L - 1)), (1 + kappa * L) / (1 + kappa * (l + 1)))


def check_pre_above(pairs=(pre_above,), largest: int = 7) -> int:
    """Both sides, as rational functions of kappa, for 0 <= l < L up to ``largest``."""
    comparisons = 0
    for depth in range(1, largest + 1):
        for unit in range(depth):
            for left, right in pairs:
                sides = [unroll(side, {L: Integer(depth), l: Integer(unit)}) for side in (left, right)]
                comparisons += 1
                if simplify(sides[0] - sides[1]) != 0:
                    raise ValueError(f"L = {depth}, l = {unit}: got {sides[1]}, want {sides[0]}")
    return comparisons


# Behind the addition: LN(x + F(x)).

post_state = (Mean(Norm(state + whole_branch(state)) ** 2), (1 + kappa) * Norm(state) ** 2)

# Batch normalisation in front of the branch: a row holds one number for each sample of the batch.

#: A standard normal number; how fast the variance of a state grows in its batch, a unit.
xi, tau = Scalar("xi"), Scalar("tau")
_above = Mean(Norm(row) ** 2)
batch_kept = (
    Mean(Norm(row * Phi * N) ** 2),
    Norm(Phi * N, "F") ** 2 * _above / B,
    (1 - 2 / B) / (2 * sigma**2) * _above,
)
rectified = (Mean(hidden(xi) ** 2) - Mean(hidden(xi)) ** 2, (1 - 1 / pi) / 2)
batch_one = ((kappa, variance(1) / 2), (tau, variance(1) / 2 * (1 - 1 / pi)))
batch_two = (
    (kappa, variance(1) * variance(2) / (4 * sigma**2)),
    (kappa, variance(2) / 2 * pi / (pi - 1)),
    (tau, variance(2) / 2 * (1 - 1 / pi)),
)
batch_product = OrderedProduct(1 + kappa / (1 + tau * i), (i, 0, L - 1))
batch_closed = gamma(1 / tau) * gamma(L + (1 + kappa) / tau) / (gamma((1 + kappa) / tau) * gamma(L + 1 / tau))
batch_power = (Limit(L ** (-kappa / tau) * batch_closed, L, oo), gamma(1 / tau) / gamma((1 + kappa) / tau))


def check_batch_law() -> int:
    """Base case and step of the closed form."""
    closed = batch_closed.subs({kappa: Symbol("k", positive=True), tau: Symbol("t", positive=True)})
    factor = batch_product.term.subs(i, L).subs({kappa: Symbol("k", positive=True), tau: Symbol("t", positive=True)})
    if simplify(closed.subs(L, 0)) != 1:
        raise ValueError(f"base case: got {closed.subs(L, 0)}, want 1")
    step = simplify(gammasimp(closed.subs(L, L + 1) / closed) - factor)
    if step != 0:
        raise ValueError(f"induction step: got a difference of {step}, want 0")
    return 2


def near_limit(expression: Expr, values: dict):
    """The expression at a point close to its limit, with enough digits for gamma functions to cancel."""
    names = list(values)
    symbols = [Symbol(f"value_{k}", positive=True) for k in range(len(names))]
    with mp.workdps(60):
        function = lambdify(symbols, expression.subs(dict(zip(names, symbols, strict=True))), "mpmath")
        return Float(str(function(*(mp.mpf(value) for value in values.values()))), 30)


def check_batch_power(pairs=(batch_power,)) -> int:
    """The expression at L = 10^12 beside the limit, for three kappa and tau.

    Raises
    ------
    ValueError
        With kappa, tau and both values.
    """
    comparisons = 0
    for strength, growth in ((1, 1), (1, 0.625), (1.5, 0.75)):
        for left, right in pairs:
            near = near_limit(left.args[0], {kappa: strength, tau: growth, L: 10**12})
            stated = near_limit(right, {kappa: strength, tau: growth})
            comparisons += 1
            if not abs(near - stated) < abs(stated) * Float("1e-9"):
                raise ValueError(f"limit at kappa = {strength}, tau = {growth}: got {stated}, want {near}")
    return comparisons


# How far single networks stray: the plain network W_l ReLU(x_l) with v = 2, q the share of x_0 that is positive.

spread = (Mean(Norm(g(0)) ** 4), 4 * q * (q + 2 / n) * (1 + 5 / n) ** (L - 1) * Norm(g(L)) ** 4)


def check_spread(width: int = 4) -> int:
    """Both factors from the moments of a normal variable, for n = 1..width.

    Of g W with independent entries N(0, 2 |g|^2 / n) a mask keeps m: at x_0 a given number, above it that of n
    fair coins.
    """
    comparisons = 0
    for size in range(1, width + 1):
        kept = [Rational(4, size**2) * (3 * m + m * (m - 1)) for m in range(size + 1)]
        for m, want in enumerate(kept):
            comparisons += 1
            if spread[1].subs({L: 1, n: size, q: Rational(m, size)}) / Norm(g(1)) ** 4 != want:
                raise ValueError(f"n = {size}, {m} kept: got {spread[1]}, want {want}")
        coins = sum(binomial(size, m) * value for m, value in enumerate(kept)) / 2**size
        one, two = (spread[1].subs({L: depth, n: size}) / Norm(g(depth)) ** 4 for depth in (1, 2))
        if simplify(two / one - coins) != 0:
            raise ValueError(f"n = {size}, coins: got {two / one}, want {coins}")
    return comparisons + width
