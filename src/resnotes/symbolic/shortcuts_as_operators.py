"""Chapter 7: the shortcut as an operator. Products of matrices instead of products of numbers."""

from __future__ import annotations

from functools import lru_cache
from itertools import product as cartesian

from sympy import Expr, Function, Ge, Integer, Le, Matrix, Mul, S, Symbol, digamma, exp, eye, log, simplify
from sympy import kronecker_product as kronecker

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
    j,
    l,
    map_tree,
    unroll,
)
from resnotes.symbolic.at_least import norm_squared, squared
from resnotes.symbolic.derivation import DEEPEST, Derivation, Induction, Step, compare
from resnotes.symbolic.lambda_scaling import n
from resnotes.symbolic.symbols import F, H, J, W, g, matrix, number, x

NOTHING_AFTER = "f = id"
LINEAR = "f = id, every shortcut linear"


def product(low=l, high=L - 1, index=i) -> Expr:
    """The product of the shortcuts' Jacobians from the loss down."""
    return OrderedProduct(H(index), (index, low, high))


@lru_cache
def forward() -> Induction:
    """x_L for linear shortcuts, every depth."""
    stated = product() * x(l) + OrderedSum(product(i + 1, L - 1, j) * F(i)(x(i)), (i, l, L - 1))
    return Induction(
        x(L),
        stated,
        H(L) * x(L) + F(L)(x(L)),
        variable=L,
        base=l,
        downwards=False,
        name="operators-forward",
        rests_on=("forward-unit",),
        assumptions=(LINEAR,),
    )


@lru_cache
def gradient() -> Induction:
    """g_l as the shortcut term and everything else, every depth. H_l is a Jacobian, so gates are allowed."""
    others = OrderedSum(product(i + 1, L - 1, j) * J(i) * OrderedProduct(H(j) + J(j), (j, l, i - 1)), (i, l, L - 1))
    return Induction(
        g(l),
        g(L) * product() + g(L) * others,
        g(l + 1) * (H(l) + J(l)),
        variable=l,
        base=L,
        downwards=True,
        name="operators-gradient",
        rests_on=("backward-unit",),
        assumptions=(NOTHING_AFTER,),
    )


def gradient_rule() -> Rule:
    return Rule(g(i), g(i + 1) * (H(i) + J(i)), index=i, low=l, high=L - 1)


#: The shortcut of a linear unit, moved into the branch.
rewrite = (H(l) * x(l) + F(l)(x(l)), x(l) + ((H(l) - 1) * x(l) + F(l)(x(l))))

# How much the product can stretch.

smallest = number("sigmalow")
largest = number("sigmahigh")


arriving = Norm(g(L) * product())
lower = Ge(arriving, OrderedProduct(smallest(i), (i, l, L - 1)) * Norm(g(L)), evaluate=False)
upper = Le(arriving, OrderedProduct(largest(i), (i, l, L - 1)) * Norm(g(L)), evaluate=False)


class Cancels:
    """The rule A B -> C for neighbours in a product, such as U_i U_i^T -> 1.

    Parameters
    ----------
    left, right, result : Expr
        With the index ``i`` it holds for every value of that index.
    """

    index, inside = "any", False

    def __init__(self, left, right, result=S.One):
        self.pattern = (left, right, result)

    def __call__(self, node, values=None):
        if not node.is_Mul:
            return None
        scalars, factors = node.args_cnc()
        for place in range(len(factors) - 1):
            result = self._of(factors[place], factors[place + 1])
            if result is not None:
                return Mul(*scalars, *factors[:place], result, *factors[place + 2 :])
        return None

    def _of(self, first, second):
        left, right, result = self.pattern
        if left.has(i) and isinstance(first, Factor) and first.name == left.name:
            left, right, result = (side.subs(i, first.indices[-1]) for side in self.pattern)
        return result if (first, second) == (left, right) else None


U = matrix("U")


orthogonal = Cancels(U(i), Transpose(U(i)))
rotation = (Norm(g(L) * OrderedProduct(U(i), (i, l, L - 1))), Norm(g(L)))

# Gates. s(x) is the gate's opening; S = diag(s), X = diag(x), Phi = diag(F(x)).

opening = matrix("S")
state_diagonal = matrix("X")
branch_diagonal = matrix("Phi")
opening_jacobian = matrix("G")
V = matrix("V")


_S, _X = opening(l), state_diagonal(l)
gate = (H(l), _S + _X * opening_jacobian(l))
sigmoid_slope = (opening_jacobian(l), -_S * (1 - _S) * V(l))
sigmoid = (H(l), _S - _X * _S * (1 - _S) * V(l))
exclusive = (Partial(x(l + 1), x(l)), _S + (1 - _S) * J(l) + (branch_diagonal(l) - _X) * _S * (1 - _S) * V(l))


@lru_cache
def sigmoid_derivation() -> Derivation:
    """The gate's Jacobian with the sigmoid's slope put in."""
    return Derivation(
        H(l),
        (
            Step(gate[1], "product rule", (Rule(*gate),)),
            Step(sigmoid[1], "slope of the sigmoid", (Rule(*sigmoid_slope),)),
        ),
        name="operators-sigmoid",
        rests_on=("operators-gate",),
        cases=({},),
    )


def check_gate(pairs, largest_width: int = 3) -> int:
    """Gate statements component by component, with SymPy's ``jacobian``, for widths up to 3.

    The opening is any function of x in `gate`, and 1 - sigma(V x + b) in the others; the branch is any function.
    """
    comparisons = 0
    for width in range(1, largest_width + 1):
        states = [Symbol(f"x_{k}", real=True) for k in range(width)]
        weight = Matrix(width, width, lambda r, c: Symbol(f"v_{r}{c}", real=True))
        bias = Matrix([Symbol(f"b_{k}", real=True) for k in range(width)])
        column, one = Matrix(states), eye(width)
        branch = Matrix([Function(f"F_{k}")(*states) for k in range(width)])
        for left, right in pairs:
            general = not (right.has(V(l)) or right.has(branch_diagonal(l)))
            s = (
                Matrix([Function(f"s_{k}")(*states) for k in range(width)])
                if general
                else (weight * column + bias).applyfunc(lambda z: 1 - 1 / (1 + exp(-z)))
            )
            gated = Matrix([s[k] * states[k] for k in range(width)])
            whole = gated + Matrix([(1 - s[k]) * branch[k] for k in range(width)])
            known = {
                "S": Matrix.diag(*s),
                "X": Matrix.diag(*states),
                "Phi": Matrix.diag(*branch),
                "V": weight,
                "G": s.jacobian(states),
                "H": gated.jacobian(states),
                "J": branch.jacobian(states),
            }

            def value_of(node, known=known, whole=whole, states=states):
                if isinstance(node, Partial):
                    return whole.jacobian(states)
                if isinstance(node, Factor):
                    if node.indices != (l,):
                        raise ValueError(f"{node}: got another unit, want unit l")
                    return known[node.name]
                return node

            want, got = (evaluate(side, value_of, lambda _, one=one: one) for side in (left, right))
            comparisons += 1
            difference = (want - got * one if not hasattr(got, "shape") else want - got).applyfunc(simplify)
            if not difference.is_zero_matrix:
                raise ValueError(f"n = {width}: got {right}, want {left}; they differ by {difference}")
    return comparisons


#: A gate with weight 0 and bias b in every unit.
bias = Scalar("b")
gate_start = (OrderedProduct(1 - 1 / (1 + exp(-bias)), (i, 0, L - 1)), (1 + exp(bias)) ** (-L))


def check_gate_start(pairs=(gate_start,), deepest: int = 8) -> int:
    """The product written out, for L up to 8."""
    t = Symbol("t", positive=True)  # e^b
    comparisons = 0
    for units in range(deepest + 1):
        for left, right in pairs:
            sides = [map_tree(unroll(side, {L: Integer(units)}), _exponential(t)) for side in (left, right)]
            comparisons += 1
            if simplify(sides[0] - sides[1]) != 0:
                raise ValueError(f"L = {units}: got {right}, want {left}")
    return comparisons


def _exponential(t):
    powers = {exp(bias): t, exp(-bias): 1 / t}
    return lambda node: powers.get(node)


# One matrix at every position.


class Everywhere(Expr):
    """W ⊗ I: the matrix W on the channels, the same at every position."""

    is_commutative = False

    def __new__(cls, expression):
        return Expr.__new__(cls, expression)

    def _latex(self, printer):
        inside = printer._print(self.args[0])
        inside = inside if isinstance(self.args[0], Factor) else rf"\left({inside}\right)"
        return rf"\left({inside} \otimes I\right)"

    def _sympystr(self, printer):
        return f"({printer._print(self.args[0])} x I)"


channels = OrderedProduct(W(i), (i, l, L - 1))
convolution = (OrderedProduct(Everywhere(W(i)), (i, l, L - 1)), Everywhere(channels))


def check_convolution(pairs=(convolution,), deepest: int = 3, positions: int = 2) -> int:
    """Two channels, two positions, entries that are symbols, all 0 <= l < L <= 3."""

    def matrix(node):
        k = int(node.indices[0])
        return Matrix(2, 2, lambda r, c: Symbol(f"w_{k}_{r}{c}"))

    def value_of(node):
        if isinstance(node, Everywhere):
            inside = evaluate(node.args[0], value_of, eye)
            if not hasattr(inside, "shape"):
                raise ValueError(f"W ⊗ I: got the number {inside} for W, want a matrix")
            return kronecker(inside, eye(positions))
        return matrix(node) if isinstance(node, Factor) else node

    comparisons = 0
    for high in range(1, deepest + 1):
        for low in range(high):
            for left, right in pairs:
                want, got = (
                    evaluate(unroll(side, {l: Integer(low), L: Integer(high)}), value_of, eye) for side in (left, right)
                )
                comparisons += 1
                same_shape = getattr(got, "shape", None) == want.shape
                if not same_shape or not (want - got).expand().is_zero_matrix:
                    raise ValueError(f"l = {low}, L = {high}: got {right}, want {left}")
    return comparisons


#: Random matrices with independent entries of mean 0 and variance 1/n.
mixing_square = (Mean(Norm(g(L) * channels) ** 2), Norm(g(L)) ** 2)
#: The same with Gaussian entries: the mean of the logarithm.
gaussian_log = (Mean(log(Norm(g(L) * channels) / Norm(g(L)))), (L - l) * (digamma(n / 2) - log(n / 2)) / 2)

# Stride and zero-padding.

Q, Z, row = Factor("Q"), Factor("Z"), Factor("g")
picks = Cancels(Q, Transpose(Q))
stride = (Norm(row * Z * Q), Norm(row * Z))


def _same_length(sides, rule, name, why, cases=None) -> Derivation:
    """|a|^2 = |b|^2 from a pair of norms, where a rule cancels a matrix against its transpose."""
    long, short = (side.args[0] for side in sides)
    return Derivation(
        sides[0] ** 2,
        (
            Step(squared(long), "a row times its transpose", (norm_squared,)),
            Step(squared(short), why, (rule,)),
            Step(sides[1] ** 2, "a square again", (norm_squared,)),
        ),
        name=name,
        cases=cases,
    )


@lru_cache
def stride_derivation() -> Derivation:
    """The stride takes nothing from a gradient."""
    return _same_length(stride, picks, "operators-stride", r"$Q Q^{\top} = I$", ({},))


@lru_cache
def rotation_derivation() -> Derivation:
    """Rotations keep every length."""
    return _same_length(rotation, orthogonal, "operators-rotation", r"$U_i U_i^{\top} = I$, from the inside out")


def check_lengths(rule):
    """A check of |a| = |b| by a a^T = b b^T, for all 0 <= l < L <= 6."""

    def check(pairs) -> int:
        comparisons = 0
        for left, right in pairs:
            depths = [(low, high) for high in range(1, DEEPEST + 1) for low in range(high)] if left.has(L) else [(0, 1)]
            for low, high in depths:
                difference = compare(left**2, right**2, (norm_squared, rule), {l: Integer(low), L: Integer(high)})
                comparisons += 1
                if difference != 0:
                    raise ValueError(f"l = {low}, L = {high}: got {right}, want {left}; squares differ by {difference}")
        return comparisons

    return check


# Dropout: masks m_i of one component, each 1 with probability q.

q = Scalar("q")

m = number("m")


dropout = (
    (Mean(OrderedProduct(m(i), (i, 0, L - 1))), q**L),
    (Mean(OrderedProduct(m(i) / q, (i, 0, L - 1))), S.One),
    (Mean(OrderedProduct((m(i) / q) ** 2, (i, 0, L - 1))), q ** (-L)),
)


def check_dropout(pairs=dropout, deepest: int = 6) -> int:
    """All 2^L masks with their probabilities, for L up to 6, q a symbol."""
    chance, comparisons = Symbol("chance", positive=True), 0
    for units in range(deepest + 1):
        for left, right in pairs:
            total = S.Zero
            for mask in cartesian((0, 1), repeat=units):
                inside = unroll(left.args[0], {L: Integer(units)})
                weight = Mul(*(chance if one else 1 - chance for one in mask))
                total += weight * map_tree(inside, _mask_value(mask, chance))
            stated = map_tree(right.subs(L, units), _mask_value((), chance))
            comparisons += 1
            if simplify(total - stated) != 0:
                raise ValueError(f"L = {units}: got {right}, want {left}")
    return comparisons


def _mask_value(mask, chance):
    def value(node):
        if not isinstance(node, Scalar):
            return None
        return chance if node == q else Integer(mask[int(node.indices[0])])

    return value


# Doubly stochastic: rows and columns add up to 1.

ones = Factor("one")
keeps = Cancels(H(i), ones, ones)
stochastic_mean = (g(L) * product() * ones, g(L) * ones)
C = Factor("C")
centre = (C, 1 - ones * Transpose(ones) / n)

#: Every shortcut transposed: the transpose of the product in the opposite order.
transposed = (
    OrderedProduct(Transpose(H(i)), (i, l, L - 1)),
    Transpose(OrderedProduct(H(L - 1 + l - i), (i, l, L - 1))),
)

second = number("sigmasecond")


stochastic_rest = Le(
    Norm(g(L) * product() * C), OrderedProduct(second(i), (i, l, L - 1)) * Norm(g(L) * C), evaluate=False
)


@lru_cache
def stochastic_mean_derivation() -> Derivation:
    """The sum of a gradient's entries passes every doubly stochastic shortcut."""
    return Derivation(
        stochastic_mean[0],
        (Step(stochastic_mean[1], r"$H_i \mathbf{1} = \mathbf{1}$, again and again", (keeps,)),),
        name="operators-stochastic-mean",
    )
