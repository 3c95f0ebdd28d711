"""Notes 000 and 002, the part on lambda."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import product as every

import numpy as np
from sympy import Abs, Ge, Gt, Lt, S, Symbol, linsolve

from resnotes.book.cases import Chain
from resnotes.book.claims import spaces
from resnotes.book.claims.claim import Grounds
from resnotes.book.claims.evidence import Example, Published, Quoted, Shown, Truth, anywhere, condition
from resnotes.book.claims.expressions import AsPrinted, Total, total
from resnotes.book.claims.four_layers import OTHER_LENGTH, nonzero, not_a_sign, orthogonal, rotations
from resnotes.book.claims.networks import HalfOpen
from resnotes.book.exact import array, eye
from resnotes.book.published import PUBLISHED
from resnotes.book.registry import eq
from resnotes.symbolic import at_least, lambda_scaling, unrolled_sum
from resnotes.symbolic.algebra import L, Mean, Norm, OrderedProduct, OrderedSum, Scalar, i, l
from resnotes.symbolic.symbols import F, W, g, lam, x

#: The printed products and sums.
TO_L = OrderedProduct(lam(i), (i, l, L))
TO_BEFORE_L = OrderedProduct(lam(i), (i, l, L - 1))
FROM_ONE = OrderedProduct(lam(i), (i, 1, L - 1))
BRANCHES = OrderedSum(F(i)(x(i)), (i, l, L - 1))
HATS = lambda_scaling.branch_sum
Lambda = lambda_scaling.Lambda

SMALLER = Lt(Norm(g(l)), Norm(g(L)), evaluate=False)
TERM_SMALLER = Lt(Norm(Lambda * g(L)), Norm(g(L)), evaluate=False)
LARGER = Gt(Norm(g(l)), Norm(g(L)), evaluate=False)
AT_LEAST = Ge(Norm(g(l)), Norm(g(L)), evaluate=False)

UNITS = 54  # the units of ResNet-110
LAMBDA_TEXT = ("Lambda_0_L", r"\Lambda_{0:L}")
GRADIENT_TEXT = ("g_0", "g_{0}")


def _scaled(**options):
    return spaces.chain(shortcut="scalar", **options)


def _scalar(expression=None, equation="", where=anywhere, **options):
    return Truth(partial(spaces.chain_samples, "scalar", **options), expression, equation, where)


def _plain(expression=None, equation="", where=anywhere, **options):
    return Truth(partial(spaces.chain_samples, **options), expression, equation, where)


@condition("every lambda_i is 1")
def identity_shortcuts(network) -> bool:
    """Every lambda_i is 1."""
    return all(
        not isinstance(network.shortcuts[k], np.ndarray) and network.shortcuts[k] == 1 for k in range(network.depth)
    )


def first_factor(network):
    """lambda_0."""
    return network.value_lambda(0)


@condition("lambda_0 is between 0 and 1")
def _below_one(network) -> bool:
    return 0 < first_factor(network) < 1


@condition("lambda_0 is above 1")
def _above_one(network) -> bool:
    return first_factor(network) > 1


@condition("the branch is 0")
def _no_branch(network) -> bool:
    return not network.value_W(0).any()


@condition("the branch is not 0")
def _with_branch(network) -> bool:
    return bool(network.value_W(0).any())


@condition("lambda_L is 1, and lambda_0 is neither 0 nor 1")
def _last_is_one(network) -> bool:
    return network.value_lambda(network.depth) == 1 and first_factor(network) not in (0, 1)


@condition("all factors are the same number, neither -1 nor 0 nor 1")
def _all_equal(network) -> bool:
    factors = {network.value_lambda(k) for k in range(network.depth + 1)}
    return len(factors) == 1 and not factors & {-1, 0, 1}


@condition("lambda_0 is neither 0 nor 1")
def _neither_0_nor_1(network) -> bool:
    return first_factor(network) not in (0, 1)


@condition("lambda_0 is negative")
def _negative(network) -> bool:
    return first_factor(network) < 0


@condition("lambda_0 is 0")
def _zero(network) -> bool:
    return first_factor(network) == 0


@condition("l = 0")
def _from_the_start(network) -> bool:
    return network.start == 0


def long_chain(factor, branch, depth=UNITS) -> Chain:
    """Many units of one number, all alike, with g_L = 1."""
    data = {x(0): array([1]), g(depth): array([1])}
    for k in range(depth):
        data.update({lam(k): array([factor]), W(k): array([[branch]])})
    return Chain(data, depth)


def _cancelled_chains():
    return tuple(long_chain(2, -1, depth) for depth in (1, 2, 5, UNITS))


@condition("lambda_i = 2 and F = -x")
def _two_and_minus_one(network) -> bool:
    return all(network.shortcuts[k] == 2 and (network.weights[k] == -1).all() for k in range(network.depth))


def _through(factor, branch, claimed):
    """The gradient after many units, beside what is claimed of it."""
    return lambda: (claimed, long_chain(factor, branch).evaluate(g(0)))


def _alike(factor, branch):
    return (("L", "L", UNITS), ("lambda_i", r"\lambda_i", factor), ("W_i", "W_i", branch))


def _product_of(term, count):
    """The product of lambda_1 .. lambda_count."""
    result = Fraction(1)
    for k in range(1, count + 1):
        result *= term(k)
    return result


# What a random branch does on average, by adding up all cases.


def _mean_growth(branch) -> Fraction:
    """The mean of |g (I + J)|^2 for g = (1, 0), over all sign matrices: He's second moments for n = 2."""
    total, count = 0, 0
    for J in branch():
        below = array([1, 0]) @ (eye(2) + J)
        total, count = total + below @ below, count + 1
    return Fraction(int(total), count)


def _signs():
    return [array(entries).reshape(2, 2) for entries in every((1, -1), repeat=4)]


def _one_layer():
    """W ReLU(x) at x = (1, -1): half of ReLU is open."""
    return [weight @ array([[1, 0], [0, 0]]) for weight in _signs()]


def _two_layers():
    """W_2 ReLU(W_1 ReLU(x)) at x = (1, -1)."""
    inner = [(weight, weight @ array([[1, 0], [0, 0]])) for weight in _signs()]
    for weight in _signs():
        for first, jacobian in inner:
            opened = np.diag([int(entry > 0) for entry in first @ array([1, 0])]).astype(object)
            yield weight @ opened @ jacobian


def _affine_first():
    """W_2 ReLU(W_1 x) at x = (2, 1)."""
    for weight in _signs():
        for first in _signs():
            opened = np.diag([int(entry > 0) for entry in first @ array([2, 1])]).astype(object)
            yield weight @ opened @ first


def _growths():
    return (1, 1, 1), tuple(_mean_growth(branch) for branch in (_one_layer, _two_layers, _affine_first))


# Expressiveness and shattering.


def _gained():
    """Whether x -> 2 x is x + w_2 ReLU(w_1 x) for some w_1, w_2, by what it would take at x = 1 and x = -1.

    For w_1 >= 0 only p = w_2 w_1 matters: 1 + p = 2 and -1 = -2. For w_1 < 0, with p = -w_2 w_1, it is 1 =
    2 and -1 + p = -2.
    """
    p = Symbol("p")
    open_right = linsolve([S(1) + p - 2, S(-1) + 2], [p])
    open_left = linsolve([S(1) - 2, S(-1) + p + 2], [p])
    return "none", "none" if open_right or open_left else "x -> 2x"


def _correlations(depth=3):
    """Correlation of two inputs' gradients after some layers, plain and residual; masks independent."""
    masks = [np.diag(entries).astype(object) for entries in every((0, 1), repeat=2)]

    def covariances(shortcut):
        same = other = Fraction(0)
        rows = array([1, 0])
        for weight in _signs():
            for mask in masks:
                below = rows @ (shortcut + weight @ mask)
                same += Fraction(int(below @ below), len(masks) * 16)
                for second in masks:
                    there = rows @ (shortcut + weight @ second)
                    other += Fraction(int(below @ there), len(masks) ** 2 * 16)
        return other / same

    return tuple(covariances(shortcut) ** depth for shortcut in (0 * eye(2), eye(2)))


#: What the claims call rows of the published tables -> the row.
HE_TABLE = tuple(
    (name, *PUBLISHED["he2016-1"].rows[row])
    for name, row in (
        ("identity", "1, 1"),
        ("0.5 x + 0.5 F", "0.5, 0.5"),
        ("exclusive gating, bias -6", "1 - g, b = -6, g"),
        ("shortcut-only gating, bias -6", "1 - g, b = -6, 1"),
        ("1x1 convolution", "1x1 convolution, 1"),
    )
)
RESNET_34 = tuple(
    (name, *PUBLISHED["he2015-34"].rows[name[0]])
    for name in ("A: zero-padding", "B: projection where the width changes", "C: projections everywhere")
)
ERROR_110 = "test error in %, CIFAR-10, 110 layers"
ERROR_34 = "top-1 error in %, ImageNet, 34 layers"
PROJECTIONS_34 = Published(
    "34 layers",
    ERROR_34,
    RESNET_34,
    "A: zero-padding",
    "C: projections everywhere",
    Gt,
    False,
    "he2015",
    "The identity was the worst of the three.",
)


EVIDENCE = {
    "S0-L1": Grounds(
        claimed=eq(x(l + 1), lam(l) * x(l) + F(l)(x(l))),
        truths=(_scalar(equation="scaling-unit"),),
        evidence=(
            Example("one unit", eq(x(l + 1), lam(l) * x(l) + F(l)(x(l))), _scaled(nonzero=True), True),
            Example(
                "two components",
                eq(x(l + 1), lam(l) * x(l) + F(l)(x(l))),
                _scaled(widths=(2,), nonzero=True, top=1),
                True,
            ),
        ),
    ),
    "S0-L2": Grounds(
        claimed=eq(Norm(lam(l) * x(l)), Abs(lam(l)) * Norm(x(l))),
        truths=(
            _scalar(equation="scaling-unit"),
            _scalar(eq(Norm(lam(l) * x(l)), Abs(lam(l)) * Norm(x(l))), where=_from_the_start),
        ),
        evidence=tuple(
            Example(
                name,
                eq(Norm(lam(l) * x(l)), Abs(lam(l)) * Norm(x(l))),
                _scaled(ones=True, branch=False),
                True,
                where,
            )
            for name, where in (
                ("larger", _above_one),
                ("the other sign", _negative),
                ("no shortcut", _zero),
            )
        ),
    ),
    "S0-L3": Grounds(
        claimed=eq(x(L), x(l) + OrderedSum(F(i)(x(i)), (i, l, L))),
        truths=(_plain(equation="unrolled-forward"),),
        evidence=(
            Example(
                "as printed",
                eq(x(L), x(l) + OrderedSum(F(i)(x(i)), (i, l, L))),
                spaces.chain(beyond=True, nonzero=True),
                text="The sum gives the next state, x_2.",
            ),
        ),
    ),
    "S0-L4": Grounds(
        claimed=eq(x(L), FROM_ONE * x(l) + lambda_scaling.Fhat(x(i))),
        truths=(
            _scalar(equation="scaling-forward-hat"),
            _scalar(equation="scaling-forward"),
            _scalar(equation="scaling-branch-hat"),
        ),
        evidence=(
            Example(
                "the branch stands for the whole sum: the product's lower limit",
                eq(x(L), FROM_ONE * x(l) + HATS),
                _scaled(nonzero=True),
                text="lambda_0 is missing.",
            ),
            Example(
                "the same for l = 1",
                eq(x(L), FROM_ONE * x(l) + HATS),
                _scaled(depths=(2,), start=1, nonzero=True),
                True,
                text="Right here: the limit is l.",
            ),
            Example(
                "one branch, the first, with the right product",
                eq(x(L), TO_BEFORE_L * x(l) + lambda_scaling.Fhat(x(i)).subs(i, l)),
                _scaled(depths=(2,), nonzero=True),
                text="The branch of unit 1 is missing.",
            ),
            Example(
                "one branch, the last, with the right product",
                eq(x(L), TO_BEFORE_L * x(l) + lambda_scaling.Fhat(x(i)).subs(i, L - 1)),
                _scaled(depths=(2,), nonzero=True),
                text="The branch of unit 0 is missing.",
            ),
        ),
    ),
    "S0-L5": Grounds(
        claimed=eq(g(l), g(L) * (TO_L + AsPrinted(BRANCHES, x(l)))),
        truths=(
            _scalar(equation="scaling-two-terms-hat"),
            _scalar(equation="scaling-two-terms"),
            _scalar(equation="scaling-jacobian"),
        ),
        evidence=(
            Example(
                "as printed",
                total(eq(g(l), g(L) * (TO_L + AsPrinted(BRANCHES, x(l))))),
                _scaled(beyond=True, ones=True, nonzero=True),
            ),
            Example(
                "the limit alone",
                eq(g(l), g(L) * (TO_L + Total(HATS, x(l)))),
                _scaled(beyond=True, ones=True, nonzero=True),
                text="lambda_L belongs to the next unit.",
            ),
            Example(
                "the missing hat alone",
                eq(g(l), g(L) * (TO_BEFORE_L + Total(BRANCHES, x(l)))),
                _scaled(depths=(2,), ones=True, nonzero=True),
                text="The branch of unit 0 has to pass the shortcut of unit 1.",
            ),
        ),
    ),
    "S0-L6": Grounds(
        claimed=eq(Lambda, TO_L),
        truths=(_scalar(equation="scaling-shortcut-product"),),
        evidence=(
            Example(
                "lambda_L is 1",
                eq(Lambda, TO_L),
                _scaled(beyond=True, branch=False, ones=True),
                True,
                _last_is_one,
            ),
            Example(
                "lambda_L is not 1",
                eq(Lambda, TO_L),
                _scaled(beyond=True, branch=False, ones=True),
                False,
                nonzero,
                "The limit is one too high.",
            ),
            Shown(
                "as large as one likes",
                LAMBDA_TEXT,
                lambda: (2**UNITS, long_chain(2, 0).evaluate(Lambda)),
                True,
                _alike(2, 0),
            ),
            Shown(
                "as small as one likes",
                LAMBDA_TEXT,
                lambda: (Fraction(1, 2**UNITS), long_chain(Fraction(1, 2), 0).evaluate(Lambda)),
                True,
                _alike(Fraction(1, 2), 0),
            ),
            Shown(
                "negative",
                LAMBDA_TEXT,
                lambda: (0, long_chain(-1, 0, 3).evaluate(Lambda)),
                True,
                (("L", "L", 3), ("lambda_i", r"\lambda_i", -1)),
                relation=Lt,
            ),
        ),
    ),
    "S0-L7": Grounds(
        claimed=eq(TO_L, Scalar("lambda")),
        truths=(_scalar(equation="scaling-shortcut-product"),),
        evidence=(
            Example(
                "lambda is what every factor is",
                eq(TO_L, lam(l)),
                _scaled(beyond=True, branch=False, ones=True),
                False,
                _all_equal,
                "With equal factors, the product is not the factor.",
            ),
            Example(
                "lambda names the printed product, and is what multiplies g",
                eq(Lambda, TO_L),
                _scaled(beyond=True, branch=False, ones=True),
                False,
                _all_equal,
                "One factor too many.",
            ),
            Example(
                "lambda names the product that ends at L - 1",
                eq(Lambda, TO_BEFORE_L),
                _scaled(beyond=True, branch=False, ones=True),
                True,
                _all_equal,
            ),
        ),
    ),
    "S0-L8": Grounds(
        truths=(
            _scalar(equation="scaling-jacobian"),
            _scalar(equation="scaling-two-terms"),
            _scalar(equation="scaling-log-size", where=nonzero),
        ),
        evidence=(
            Example(
                "the shortcut term",
                TERM_SMALLER,
                _scaled(ones=True, denominators=(1, 2)),
                True,
                _below_one & _with_branch,
            ),
            Example(
                "the whole gradient",
                SMALLER,
                _scaled(ones=True, denominators=(1, 2)),
                False,
                _below_one,
                "The branch makes up for the shortcut.",
            ),
            Shown(
                "the same, 54 units",
                GRADIENT_TEXT,
                _through(Fraction(1, 2), Fraction(1, 2), 1),
                False,
                _alike(Fraction(1, 2), Fraction(1, 2)),
                "The shortcut term is 1/2^54, the gradient is 1.",
                relation=Lt,
            ),
            Shown(
                "factors below 1 whose product stays above 1/2",
                LAMBDA_TEXT,
                lambda: (Fraction(1, 2), _product_of(lambda k: 1 - Fraction(1, (k + 1) ** 2), UNITS)),
                False,
                (("L", "L", UNITS), ("lambda_i", r"\lambda_i", "1 - 1/(i + 1)^2, i = 1 .. 54")),
                "It tends to 1/2 and never gets there.",
                relation=Lt,
            ),
        ),
    ),
    "S0-L9": Grounds(
        claimed=AT_LEAST,
        truths=(
            _plain(eq(g(l), g(L) * unrolled_sum.product()), where=identity_shortcuts),
            Truth(spaces.unit_samples, equation="at-least-lower", tight=spaces.shrinking_samples),
        ),
        evidence=(
            Example("lambda = 1", AT_LEAST, spaces.chain(ones=True), text="Not there to begin with."),
            Example(
                "lambda other than 1",
                AT_LEAST,
                _scaled(ones=True, nonzero=True),
                True,
                _neither_0_nor_1,
                "Not lost.",
            ),
        ),
    ),
    "S0-L10": Grounds(
        truths=(
            _scalar(equation="scaling-jacobian"),
            _scalar(equation="scaling-two-terms"),
            Truth(_cancelled_chains, eq(g(l), g(L)), where=_two_and_minus_one),
        ),
        evidence=(
            Example("one unit", LARGER, _scaled(ones=True), True, _above_one & _with_branch),
            Shown("the shortcut alone, 54 units", GRADIENT_TEXT, _through(2, 0, 2**UNITS), True, _alike(2, 0), "2^54"),
        ),
    ),
    "S0-L11": Grounds(
        truths=(
            _plain(eq(g(l), g(L) * unrolled_sum.product())),
            Truth(
                partial(spaces.mean_samples, HalfOpen),
                eq(Mean(Norm(at_least.below) ** 2), 2 * Norm(at_least.g) ** 2),
            ),
        ),
        evidence=(
            Example("the shortcut term", eq(g(L) * Lambda, g(L)), spaces.chain(nonzero=True), True),
            Example("the whole gradient", eq(g(l), g(L)), spaces.chain(ones=True)),
            Shown("F = x, 54 units", GRADIENT_TEXT, _through(1, 1, 1), False, _alike(1, 1), "2^54"),
            Shown(
                "mean square over one block, two components, all sign matrices",
                ("mean of |g_l|^2 / |g_{l+1}|^2", r"\mathbb{E}\lVert g_l \rVert^2 / \lVert g_{l+1} \rVert^2"),
                _growths,
                False,
                (("branches", r"\text{branches}", ("W ReLU", "W ReLU W ReLU", "W ReLU W")),),
                "Signs have the second moments of He initialisation for n = 2; half of each ReLU is open.",
            ),
        ),
    ),
    "S0-L12": Grounds(
        evidence=(
            Published(
                "110 layers, against scaling",
                ERROR_110,
                HE_TABLE,
                "identity",
                "0.5 x + 0.5 F",
                Gt,
                True,
                "he2016",
            ),
            Published(
                "110 layers, against a gate that starts almost open",
                ERROR_110,
                HE_TABLE,
                "identity",
                "shortcut-only gating, bias -6",
                Gt,
                True,
                "he2016",
                "The difference is 0.30.",
            ),
            PROJECTIONS_34,
        )
    ),
    "S0-L13": Grounds(
        truths=(Truth(rotations, eq(Norm(g(l)), Norm(g(L))), where=orthogonal),),
        evidence=(
            Published("110 layers", ERROR_110, HE_TABLE, "identity", "1x1 convolution", Gt, True, "he2016"),
            PROJECTIONS_34,
            Example(
                "a transformation that keeps every length",
                OTHER_LENGTH,
                spaces.chain(widths=(2,), shortcut="matrix", branch=False, ones=True),
                False,
                not_a_sign,
                "Nothing is damaged.",
            ),
        ),
    ),
    "S0-L14": Grounds(
        evidence=(
            Shown(
                "one number, one hidden unit",
                (
                    "what W_s x + w_2 ReLU(w_1 x) can be and x + w_2 ReLU(w_1 x) cannot",
                    r"W_s x + w_2 \operatorname{ReLU}(w_1 x)",
                ),
                _gained,
                False,
                text="More, not less. W_s = 1 is allowed.",
            ),
            Quoted(
                "what the word means",
                "Shattered Gradients",
                "less expressive",
                "gradients of different inputs lose their correlation",
                False,
                "balduzzi2017",
            ),
            Quoted(
                "what the paper blames",
                "representational abilities",
                "less expressive",
                "optimisation issues",
                False,
                "he2016",
            ),
            Shown(
                "correlation after 3 layers, plain and residual, by adding up all signs and masks",
                ("correlation", r"\text{correlation}"),
                lambda: ((Fraction(1, 8), Fraction(27, 64)), _correlations()),
                True,
                (("L", "L", 3),),
                "(1/2)^L and (3/4)^L, for masks that are independent between the two inputs.",
            ),
        )
    ),
}
