"""The exercises of chapters 11, 12 and 14."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from resnotes import Affine, Unit
from resnotes.exercises.kinds import Choice, Exercise, Formula, Number
from resnotes.magnitudes import FORMATS
from resnotes.precision import round_to, stall
from resnotes.reports import report
from resnotes.shortcuts import Scale
from resnotes.spectrum import qr_growth


def _lost_from(dtype):
    """The first depth at which 1/L is at most half a unit roundoff."""
    return math.ceil(2 / Fraction(2) ** -FORMATS[dtype].precision)


def _qr_diagonal(units=10):
    """Both diagonals of plain QR for a shear, which are equal."""
    one, other = 10 ** qr_growth([np.array([[1.0, 1.0], [0.0, 1.0]])] * units)
    return one if math.isclose(one, other) else math.nan


def _arriving_units(share, shortcut):
    """The first number of units with a shortcut alone through which less than `share` arrives."""
    units = 1
    while 10 ** _with_gains([math.log10(shortcut)] * units).log10_total >= share:
        units += 1
    return units


def _with_gains(gains):
    """The report on units with such gains."""
    nothing = Affine([[0.0]])
    return report([Unit([nothing], Scale(10.0**gain)) for gain in gains], x=[1.0], g=[1.0])


def _halved(paths):
    """The share of the paths through so many branches, of two units x - x/2."""
    return report([Unit([Affine([[-0.5]])])] * 2, x=[1.0], g=[1.0]).share[paths]


#: Rate -> how the page names it, and what is said of it; tests/test_exercises.py trains with each. The first one works.
RATES = {
    1e-5: ("0.00001", "It recognises more than half of the digits, with each of the five seeds."),
    1e-2: ("0.01", "It diverges: five times smaller is not enough against a factor of more than ten thousand."),
    1e-4: ("0.0001", "It still diverges."),
    1e-7: ("0.0000001", "It does not diverge, and in 60 steps it hardly moves."),
}

GAINS = (-3, 0.5, -1, -0.5)

EXERCISES = (
    Exercise(
        "ex-precision-stored",
        1,
        (
            Number(
                "0.9999 becomes",
                lambda: round_to(0.9999, "float16"),
                1e-9,
                mistakes=(
                    (0.9999, "It is none of float16’s numbers."),
                    (Fraction(2047, 2048), "The nearer neighbour is above: 2047.7952 rounds to 2048."),
                ),
            ),
        ),
        ("So it is $1$",),
    ),
    Exercise(
        "ex-precision-rest",
        2,
        (
            Number(
                "they rest at η times",
                lambda: stall(0.75, "float16"),
                1e-9,
                mistakes=(
                    (0, "That would need a factor up to ½."),
                    (1, "2 · 0.75 = 1.5 is a tie, and goes to the even neighbour, which is 2."),
                    (4, "The step is lost from half a gap on: it is 1/(2 − 2λ)."),
                    (3, "3 · 0.75 = 2.25 rounds to 2, so 3 does not stay."),
                ),
            ),
        ),
        ("they rest at $2\\eta$",),
    ),
    Exercise(
        "ex-precision-depth",
        2,
        (
            Number(
                "lost from L =",
                lambda: _lost_from("float32"),
                1e-9,
                mistakes=(
                    (2**24, "From 1/u on it depends on the state. Only a branch of at most u/2 is lost for sure."),
                    (2**26, "Half a unit roundoff is enough: L ≥ 2/u."),
                    (512, "That is for bfloat16."),
                    (4096, "That is for float16."),
                ),
            ),
        ),
        ("$L \\ge 2/u = 2^{25}",),
    ),
    Exercise(
        "ex-precision-window",
        3,
        (
            Formula(
                "S is at least (λ is lam)",
                "m/(a*lam^L)",
                ("a", "lam", "L", "m", "M"),
                (),
                (
                    ("m/a", "The smallest gradient is the one at the input: L units have shrunk it."),
                    ("m/(a*lam)", "That is one unit; there are L."),
                    ("m*lam^L/a", "Turned over: a smaller gradient needs a larger S."),
                    ("M/a", "That is the upper end."),
                ),
            ),
            Formula(
                "and at most",
                "M/a",
                ("a", "lam", "L", "m", "M"),
                (),
                (
                    ("M/(a*lam^L)", "The largest gradient is the one at the loss, before any unit has shrunk it."),
                    ("M", "The gradient at the loss has the size a, not 1."),
                    ("m/(a*lam^L)", "That is the lower end."),
                ),
            ),
        ),
        ("\\frac{m}{a\\lambda^L} \\le S \\le \\frac Ma",),
    ),
    Exercise(
        "ex-precision-qr",
        3,
        (
            Number(
                "both diagonals are",
                _qr_diagonal,
                mistakes=((0, "That is the logarithm."), (2, "That is their sum.")),
            ),
            Formula(
                "the larger singular value =",
                "(sqrt(L^2 + 4) + L)/2",
                ("L",),
                (),
                (
                    ("1", "That is the diagonal, and both eigenvalues. The singular values are others."),
                    ("(sqrt(L^2 + 4) - L)/2", "That is the smaller one."),
                    ("L", "Close to it for large L."),
                    ("sqrt(L^2 + 2)", "That is the root of the sum of both squares."),
                    ("((sqrt(5) + 1)/2)^L", "Singular values of a product are not products of singular values."),
                ),
            ),
        ),
        ("both diagonals are $1$", "\\frac{\\sqrt{L^2 + 4} \\pm L}2"),
    ),
    Exercise(
        "ex-training-depth",
        1,
        (
            Number(
                "units:",
                lambda: _arriving_units(0.01, 0.8),
                1e-9,
                mistakes=(
                    (20, "Off by one: 0.8²⁰ is still above one per cent."),
                    (22, "Off by one: 21 units are enough."),
                    (5, "The losses do not add up: each unit takes a fifth of what is left."),
                    (11, "That is the first number of units below ten per cent."),
                    (44, "That is the number for λ = 0.9."),
                ),
            ),
        ),
        ("so the answer is 21",),
    ),
    Exercise(
        "ex-training-zero",
        2,
        (
            Choice(
                "A gradient that is not zero have",
                (
                    ("(c) the bias of the last layer alone", "It gets softmax minus target, whatever the state is."),
                    ("(a) all", "A weight behind a state of zeros has no gradient."),
                    (
                        "(b) the scales alone",
                        "In the first unit nothing arrives from above, and in every other the branch gives 0.",
                    ),
                    ("(d) none", "One parameter needs no state: it is added at the very top."),
                ),
            ),
        ),
        ("(c). Every state after the first unit is 0",),
    ),
    Exercise(
        "ex-training-scale",
        3,
        (
            Formula(
                "beta =",
                "sqrt((2^(1/L) - 1)/s)",
                ("L", "s"),
                (),
                (
                    ("(2^(1/L) - 1)/s", "That is β². The root is still to come."),
                    ("sqrt(log(2)/(s*L))", "That is the limit for large L."),
                    ("sqrt(1/(s*L))", "That makes the factor exceed 2 from two units on: (1 + 1/L)^L tends to e."),
                    ("sqrt(2^(1/L) - 1)/s", "s stands under the root too."),
                ),
            ),
        ),
        ("\\sqrt{\\frac{2^{1/L} - 1}{s}}",),
    ),
    Exercise(
        "ex-training-rate",
        3,
        (
            Number(
                "first gradient at the input, over the one at the last state:",
                lambda: 1.1**100,
                1e-2,
                mistakes=(
                    (11, "The factors multiply: 1.1¹⁰⁰, not 1 + 100/10."),
                    (110, "The factors multiply: 1.1¹⁰⁰, not 1.1 times 100."),
                    (1.1**20, "That is for depth 20."),
                    (1.1**200, "Each unit has one shortcut, though two layers."),
                ),
            ),
            Choice(
                "A rate with which it learns is",
                tuple(RATES.values()),
            ),
        ),
        ("$1.1^{100} \\approx 13{,}800$", "`rate=1e-5` will do"),
    ),
    Exercise(
        "ex-report-blame",
        1,
        (
            Number(
                "factor of the length =",
                lambda: 10 ** _with_gains(GAINS).log10_total,
                mistakes=(
                    (-4, "That is its logarithm."),
                    (1e4, "Turned over: the length shrinks."),
                    (1e-5, "The gain of 0.5 has the other sign."),
                ),
            ),
            Number(
                "share of the blame =",
                lambda: _with_gains(GAINS).worst_share,
                mistakes=(
                    (0.6, "Gains add up with their signs, and 0.5 counts the other way."),
                    (Fraction(3, 4) / Fraction(9, 8), "The unit with the gain 0.5 counts as well."),
                    (0.25, "That would be its share if all four did the same."),
                ),
            ),
        ),
        ("a factor of $10^{-4}$", "\\frac{-3}{-4} = 0.75"),
    ),
    Exercise(
        "ex-report-cause",
        1,
        (
            Choice(
                "What has happened is",
                (
                    (
                        "(b) The branch sends back nearly the negative of what the shortcut does.",
                        "Each keeps the length, and their sum does not.",
                    ),
                    ("(a) The shortcut is too weak.", "Its own factor is 1."),
                    (
                        "(c) The activation after the addition is closed.",
                        "Then the factor of the layer after would be small.",
                    ),
                ),
            ),
        ),
        ("(b). Shortcut and branch each keep the length",),
    ),
    Exercise(
        "ex-report-shares",
        2,
        (
            Number(
                "through no branch:",
                lambda: _halved(0),
                mistakes=(
                    (1, "Divide by what arrives, ¼."),
                    (0.25, "That is what arrives. The share is over it."),
                    (0, "The path over both shortcuts counts."),
                ),
            ),
            Number(
                "through one branch:",
                lambda: _halved(1),
                mistakes=(
                    (4, "The sign: r is negative."),
                    (-1, "Divide by what arrives, ¼."),
                    (-2, "There are two such paths."),
                    (-0.5, "There are two such paths, and the share is over what arrives, ¼."),
                ),
            ),
            Number(
                "through both:",
                lambda: _halved(2),
                mistakes=(
                    (0.25, "Divide by what arrives, ¼."),
                    (-1, "The sign: the product of two negative numbers is positive."),
                ),
            ),
        ),
        ("$4$, $-4$ and $1$",),
    ),
    Exercise(
        "ex-report-two",
        3,
        (
            Choice(
                "The verdict is that the gradient",
                (
                    ("keeps its size", "The two make up for each other, and the verdict looks at the whole way."),
                    ("vanishes", "It does between the two units. From the loss to the input it comes back."),
                    ("explodes", "The unit that grows it meets what the other has shrunk."),
                ),
            ),
            Choice(
                "Both can still be seen",
                (
                    ("in the gains of the single units", "One is near −4 and the other near 4."),
                    ("in the unit to blame", "Where the gradient keeps its size, no unit is blamed."),
                    ("in the shortcut product", "All its singular values are close to 1: the two factors cancel."),
                ),
            ),
        ),
        ("*keeps its size*", "the units that shrink and grow the gradient most"),
    ),
)
