"""What is said elsewhere: evidence for the statements of ``elsewhere.toml``."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import product as every
from math import prod

from sympy import Ge, Ne, Rational

from resnotes.book.claims import spaces
from resnotes.book.claims.claim import Grounds
from resnotes.book.claims.evidence import Example, Judged, Shown, Truth, condition
from resnotes.book.claims.four_layers import LOWER
from resnotes.book.claims.lambda_scaling import GRADIENT_TEXT, UNITS, long_chain
from resnotes.book.exact import array
from resnotes.book.registry import eq
from resnotes.symbolic.algebra import L, Norm, OrderedSum, i, l
from resnotes.symbolic.symbols import J, g
from resnotes.symbolic.unrolled_sum import product

#: Identity shortcuts, nothing after the addition: in one number first, all numbers other than 0.
_example = partial(spaces.chain, nonzero=True)
_unit = Truth(spaces.chain_samples, eq(g(l), g(l + 1) + g(l + 1) * J(l)))

#: The five layers of one page, each with the derivative 1/2, now with skips.
FIVE = long_chain(1, Fraction(1, 2), 5)

SUM = eq(g(l), g(L) * (1 + OrderedSum(J(i), (i, l, L - 1))))
TWICE = eq(g(l), 2 * g(l + 1))
AVERAGE = eq(g(l), Rational(1, 2) * (g(l + 1) + g(l + 1) * J(l)))
NOT_ZERO = Ne(g(l), 0, evaluate=False)
AT_LEAST = Ge(Norm(g(l)), Norm(g(l + 1)), evaluate=False)


@condition("no entry is 0 or negative")
def _positive(mixing) -> bool:
    return all(entry > 0 for entry in mixing.entries())


@condition("a row does not add up to 1 after the round")
def _rows_differ(mixing) -> bool:
    return any(total != 1 for total in mixing.sums(1))


@condition("something comes back")
def _something_left(network) -> bool:
    return bool(network.value_g(0).any())


def _sums(axis):
    return lambda mixing: ((1,) * mixing.n, mixing.sums(axis))


def _sent(row):
    """A gradient with one entry for each of two streams, sent back through their average."""
    return lambda: (row, tuple(array(row) @ array([[Fraction(1, 2)] * 2] * 2)))


def _after_norms(units, factors):
    """The mean over all signs of the branches F = x and F = -x of the squared gradient, each sum divided by √2."""
    draws = list(every((1, -1), repeat=units))
    return sum(prod(Fraction(factors(sign) ** 2, 2) for sign in signs) for signs in draws) / len(draws)


def _half(factors, units=4):
    return lambda: (Fraction(1, 2) ** units, _after_norms(units, factors))


_FIVE = (("L", "L", 5), ("F", "F", "x/2"), ("g_5", "g_{5}", 1))
_SIGNS = (
    ("L", "L", 4),
    ("F", "F", "x or -x, equally likely"),
    ("after", r"\text{after}", "divided by the root of 2, the root mean square of the sum"),
)
_SQUARE = ("mean of g_0² where g_4 = 1", r"\mathbb{E}\left[g_{0}^{2}\right]")
_ROWS = ("sums of the rows", r"\text{sums of the rows}")
_COLUMNS = ("sums of the columns", r"\text{sums of the columns}")
_AVERAGE = (("H", "H", ((Fraction(1, 2),) * 2,) * 2),)

EVIDENCE = {
    "SE-SUM": Grounds(
        claimed=SUM,
        truths=(
            Truth(spaces.chain_samples, eq(g(l), g(L) * product())),
            Truth(spaces.chain_samples, equation="unrolled-two-terms"),
        ),
        evidence=(
            Example("one unit", SUM, _example(), True),
            Example("two units", SUM, _example((2,)), text="The path through both branches is missing."),
        ),
    ),
    "SE-ONE": Grounds(
        truths=(Truth(spaces.chain_samples, equation="unrolled-two-terms"),),
        evidence=(
            Shown(
                "the path through no branch",
                ("what it brings", r"\text{what it brings}"),
                lambda: (1, FIVE.value_gskip(0)),
                True,
                _FIVE,
            ),
            Shown(
                "all that arrives",
                GRADIENT_TEXT,
                lambda: (1, FIVE.evaluate(g(0))),
                False,
                _FIVE,
                "More than seven times what came in.",
            ),
        ),
    ),
    "SE-ZERO": Grounds(
        claimed=NOT_ZERO,
        truths=(LOWER, _unit),
        evidence=(
            Example("one unit", NOT_ZERO, _example(), text="The branch takes away what the shortcut brings."),
            Shown(
                "many units, no factor 0: more than 1/2 comes back",
                GRADIENT_TEXT,
                lambda: (Fraction(1, 2), long_chain(1, Fraction(-1, 2)).evaluate(g(0))),
                False,
                (("L", "L", UNITS), ("F", "F", "-x/2")),
                "The 1 is there in every factor, and a half is left of each.",
                relation=Ge,
            ),
        ),
    ),
    "SE-LEAST": Grounds(
        claimed=AT_LEAST,
        truths=(LOWER, _unit),
        evidence=(
            Example("one number", AT_LEAST, _example()),
            Example("two components", AT_LEAST, spaces.chain(widths=(2,), ones=True), False, _something_left),
        ),
    ),
    "SE-BRANCH": Grounds(
        claimed=TWICE,
        truths=(_unit,),
        evidence=(
            Example("one number", TWICE, _example(), text="The gradient at F(x) is g_1, the one at y."),
            Example("two components", TWICE, spaces.chain(widths=(2,), nonzero=True)),
        ),
    ),
    "SE-MEAN": Grounds(
        claimed=AVERAGE,
        truths=(_unit,),
        evidence=(Example("one number", AVERAGE, _example()),),
    ),
    "SE-ROUND": Grounds(
        evidence=(
            Judged("the side scaled last", _COLUMNS, _sums(0), spaces.mixings(), True, _positive & _rows_differ),
            Judged(
                "the other side",
                _ROWS,
                _sums(1),
                spaces.mixings(),
                False,
                _positive,
                "Nearly: the more the entries differ, the less.",
            ),
        ),
    ),
    "SE-IDENTITY": Grounds(
        evidence=(
            Shown("equal gradients", ("g H", "g H"), _sent((1, 1)), True, _AVERAGE),
            Shown("a difference", ("g H", "g H"), _sent((1, -1)), False, _AVERAGE, "Gone after one unit."),
        ),
    ),
    "SE-HALF": Grounds(
        evidence=(
            Shown("by the shortcuts alone", _SQUARE, _half(lambda sign: 1), True, _SIGNS),
            Shown(
                "all that arrives", _SQUARE, _half(lambda sign: 1 + sign), False, _SIGNS, "The branches bring the rest."
            ),
        ),
    ),
}
