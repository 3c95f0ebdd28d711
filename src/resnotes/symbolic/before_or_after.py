"""Chapter 8: what comes after the addition, and what it leaves of the gradient that the shortcuts bring back."""

from __future__ import annotations

from functools import lru_cache

from sympy import Eq, Expr, Integer, Le, Matrix, Rational, S, Symbol, binomial, combsimp, pi, rem, solve, sqrt, together
from sympy import diff as sympy_diff
from sympy import eye as identity_matrix

from resnotes.symbolic.algebra import (
    Factor,
    L,
    Mean,
    Norm,
    OrderedProduct,
    OrderedSum,
    Partial,
    Rule,
    Scalar,
    Transpose,
    evaluate,
    i,
    l,
)
from resnotes.symbolic.calculus import Differential, Graph
from resnotes.symbolic.derivation import Derivation, Induction, Step
from resnotes.symbolic.forward_pass import Component
from resnotes.symbolic.forward_pass import k as component
from resnotes.symbolic.lambda_scaling import n
from resnotes.symbolic.symbols import D, F, after, g, matrix, number, x
from resnotes.symbolic.unrolled_sum import k

IDENTITY_SHORTCUT = "h = id"

gskip = matrix("gskip")


# The shortcut's part of the gradient.


@lru_cache
def direct() -> Induction:
    """g_L prod D_i, every depth."""
    return Induction(
        gskip(l),
        g(L) * OrderedProduct(D(i), (i, l, L - 1)),
        gskip(l + 1) * D(l),
        variable=l,
        base=L,
        downwards=True,
        at_base=g(L),
        name="after-direct",
        rests_on=("unrolled-general-terms",),
        assumptions=(IDENTITY_SHORTCUT,),
    )


def direct_rules() -> tuple[Rule, ...]:
    """One unit at a time, its branch held constant."""
    return (Rule(gskip(i), gskip(i + 1) * D(i), index=i, low=l, high=L - 1), Rule(gskip(L), g(L)))


#: f at the front of the branch: x_{l+1} = x_l + F_l(f(x_l)); D_l is then the Jacobian of f at x_l.
pre_unit = (x(l + 1), x(l) + F(l)(after(l)(x(l))))


@lru_cache
def pre_gradient() -> Derivation:
    """g_l = g_{l+1} (I + J_l D_l)."""
    graph = Graph(dict([pre_unit]))
    return Derivation(
        g(l),
        (
            Step(
                g(l + 1) * graph.local(x(l + 1), x(l)),
                "chain rule over one unit",
                (Rule(g(l), graph.eliminate(x(l), x(l + 1), g(l + 1))),),
            ),
        ),
        name="after-pre-gradient",
        rests_on=("after-pre-unit",),
        cases=({},),
        assumptions=(IDENTITY_SHORTCUT,),
    )


#: With nothing after the addition the shortcut's part is the gradient above, at any distance.
pre_skip = (gskip(l), g(L))

# ReLU after the addition: which components survive, for branches that add independent symmetric amounts.

q = number("q")


first_minimum = (S.One, OrderedSum(q(k) * q(n - k), (k, 0, n)))
survival = (q(n), binomial(2 * n, n) / 4**n)
survival_bound = Le(q(n), 1 / sqrt(pi * n), evaluate=False)
arcsine = (Mean(Norm(gskip(l)) ** 2) / Mean(Norm(g(L)) ** 2), OrderedSum(q(k) * q(L + 1 - k), (k, 0, l + 1)))


def closed_form(count) -> Expr:
    """q at an index by the closed form."""
    return survival[1].subs(n, count)


def check_survival(pairs=(survival,), largest: int = 25) -> int:
    """The closed form against the sum over the place of the minimum, solved for q_0, q_1, ... one by one.

    Raises
    ------
    ValueError
        With n and both values.
    """
    known: list[Expr] = []
    unknown = Symbol("unknown", positive=True)
    for count in range(largest + 1):
        values = [*known, unknown]
        total = sum(values[a] * values[count - a] for a in range(count + 1))
        known.append(solve(Eq(total, first_minimum[0]), unknown)[0])
    for count, want in enumerate(known):
        for _, right in pairs:
            got = right.subs(n, Integer(count))
            if got != want:
                raise ValueError(f"n = {count}: got {got}, want {want}")
    return len(known)


def prove_survival() -> int:
    """For every n: the power series of (1 - z)^(-1/2), whose square is 1 + z + z^2 + ..., has these coefficients.

    P = (1 - z)^(-1/2) satisfies 2 (1 - z) P' = P, so q_{n+1} / q_n = (2 n + 1) / (2 n + 2), and q_0 = 1.
    """
    z = Symbol("z")
    series = (1 - z) ** Rational(-1, 2)
    square = (series**2 * (1 - z)).simplify()
    equation = (2 * (1 - z) * sympy_diff(series, z) - series).simplify()
    ratio = combsimp(closed_form(n + 1) / closed_form(n) - (2 * n + 1) / (2 * n + 2)).simplify()
    for what, got, want in (
        ("square", square, 1),
        ("differential equation", equation, 0),
        ("ratio", ratio, 0),
        ("start", closed_form(0), 1),
    ):
        if got != want:
            raise ValueError(f"{what}: got {got}, want {want}")
    return 4


# Batch normalisation with fixed statistics, by components.


def gamma(*index) -> Scalar:
    return Component("gamma", *index)


sigma_k, mu_k, beta_k = Component("sigma", component), Component("mu", component), Component("beta", component)
normalised_in, normalised_out = Component("y", l, component), Component("x", l + 1, component)
norm = (normalised_out, gamma(component) * (normalised_in - mu_k) / sigma_k + beta_k)
norm_jacobian = (Partial(normalised_out, normalised_in), gamma(component) / sigma_k)


def check_norm_jacobian(pairs=(norm_jacobian,)) -> int:
    """SymPy's own derivative of the definition."""
    truth = sympy_diff(norm[1], normalised_in)
    for left, right in pairs:
        if left != norm_jacobian[0] or (right - truth).simplify() != 0:
            raise ValueError(f"got {right} for {left}, want {truth}")
    return len(pairs)


v = number("v")


#: Normalised states of variance 1, uncorrelated with the branch: each unit divides by 1 + v_i.
norm_share = (Norm(gskip(l)) ** 2 / Norm(g(L)) ** 2, OrderedProduct(1 / (1 + v(i)), (i, l, L - 1)))

# Batch statistics: one component's values over the batch are a column t.

B = Symbol("B", integer=True, positive=True)
t, t_hat, one, C, N = Factor("t"), Factor("that"), Factor("one"), Factor("C"), Factor("N")
sigma, epsilon, gain = Scalar("sigma"), Scalar("epsilon"), Scalar("gamma")
row = Factor("g")

batch = (
    (C, 1 - one * Transpose(one) / B),
    (sigma**2, Norm(C * t) ** 2 / B + epsilon),
    (t_hat, C * t / sigma),
)


@lru_cache
def batch_derivation() -> Derivation:
    """How the normalised column moves when the batch does."""
    dt = Differential(t)
    quotient = Rule(Differential(t_hat), (C * dt - t_hat * Differential(sigma)) / sigma)
    spread = Rule(Differential(sigma), Transpose(t_hat) * dt / B)
    return Derivation(
        Differential(t_hat),
        (
            Step(quotient.right, r"$d$ of $\sigma\hat t = Ct$", (quotient,)),
            Step(
                (C * dt - t_hat * Transpose(t_hat) * dt / B) / sigma,
                r"$d$ of $\sigma^2$, with $Ct = \sigma\hat t$",
                (spread,),
            ),
            Step((C - t_hat * Transpose(t_hat) / B) / sigma * dt, "$dt$ taken out on the right"),
        ),
        name="after-batch-jacobian",
        rests_on=("after-batch",),
        cases=({},),
    )


def batch_jacobian() -> tuple[Expr, Expr]:
    """The Jacobian of gamma t-hat + beta: what stands in front of dt in the derivation, times gamma."""
    factors = batch_derivation().result.args
    return N, gain * (batch_derivation().result.func(*factors[:-1]))


#: With epsilon = 0 the gradient loses its mean over the batch and its part along t-hat.
batch_lost = (
    (sigma / gain) ** 2 * Norm(row * N) ** 2,
    Norm(row) ** 2 - (Norm(row * one) ** 2 + Norm(row * t_hat) ** 2) / B,
)


def _by_components(size: int, with_epsilon: bool):
    """Values of the batch's symbols for a batch of ``size``, and the reduction that uses what sigma is."""
    column = Matrix([Symbol(f"t_{a}", real=True) for a in range(size)])
    above = Matrix(1, size, [Symbol(f"g_{a}", real=True) for a in range(size)])
    root, small = Symbol("sigma", positive=True), Symbol("epsilon", positive=True) if with_epsilon else S.Zero
    factor = Symbol("gamma", real=True)
    centred = column - sum(column) / size * Matrix.ones(size, 1)
    square = (centred.T * centred)[0] / size + small  # what sigma^2 is
    # SymPy's own diff, sigma written out as the root of its square and then named again.
    outputs = factor * centred / sqrt(square)
    jacobian = outputs.jacobian(column).applyfunc(lambda entry: entry.subs(sqrt(square), root))
    jacobian = jacobian.applyfunc(lambda entry: entry.subs(square, root**2))
    values = {
        "t": column,
        "that": centred / root,
        "one": Matrix.ones(size, 1),
        "N": jacobian,
        "g": above,
        "C": identity_matrix(size) - Matrix.ones(size, size) / size,
        "sigma": root,
        "gamma": factor,
    }

    def value_of(node):
        if isinstance(node, Norm):
            inside = evaluate(node.args[0], value_of, identity_matrix)
            return sqrt(sum(entry**2 for entry in inside))
        if isinstance(node, Factor):
            return values[node.name]
        return Integer(size) if node == B else node

    def vanishes(difference) -> bool:
        entries = difference if hasattr(difference, "shape") else [difference]
        for entry in entries:
            numerator = together(entry.subs(sqrt(square), root)).as_numer_denom()[0].expand()
            if numerator != 0 and rem(numerator, root**2 - square.expand(), root).expand() != 0:
                return False
        return True

    return value_of, vanishes


def check_batch(pairs, sizes=(2, 3), with_epsilon: bool = True) -> int:
    """Statements about one component over a batch, by components, with SymPy's own ``diff``.

    Raises
    ------
    ValueError
        With the size of the batch and both sides.
    """
    comparisons = 0
    for size in sizes:
        value_of, vanishes = _by_components(size, with_epsilon)
        for left, right in pairs:
            want, got = (evaluate(side, value_of, identity_matrix) for side in (left, right))
            if not hasattr(got, "shape") and hasattr(want, "shape"):
                got = got * identity_matrix(size)
            comparisons += 1
            if getattr(want, "shape", ()) != getattr(got, "shape", ()) or not vanishes(want - got):
                raise ValueError(f"a batch of {size}: {right} is not {left}")
    return comparisons
