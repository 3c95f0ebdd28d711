"""Exercises of chapters 1 to 6."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from sympy import Add

from resnotes import four_layer
from resnotes.exercises.kinds import Choice, Exercise, Formula, Number
from resnotes.precision import round_to
from resnotes.symbolic import unrolled_sum


def _by_hand(b4):
    weights = [np.array([[w]], dtype=float) for w in (1, 2, 1, -2)]
    return four_layer.forward(weights, [np.array([b]) for b in (0.0, 0.0, 0.0, b4)], np.array([1.0]))["x5"][0]


def _needed_bias():
    """b_4 that makes x_5 one: the last unit is open there, so x_5 grows with b_4 one to one."""
    return 10 + 1 - _by_hand(10.0)


def _units_until(share, lam):
    return math.ceil(math.log(share) / math.log(lam))


def _paths(branches):
    """How many paths of three blocks pass through so many branches: the terms of the derived sum."""
    return len(Add.make_args(unrolled_sum.paths_of_length(0, 3, branches)))


def _first_gradient(w3, w4):
    """g_1 of the four layers with every ReLU open and one number per state."""
    weights = [np.array([[w]], dtype=float) for w in (1.0, 1.0, w3, w4)]
    return four_layer.gradients(weights, [np.array([100.0])] * 4, np.array([1.0]), np.array([1.0]))["x1"][0]


EXERCISES = (
    Exercise(
        "ex-forward-hand",
        1,
        (
            Number("x₅ =", lambda: _by_hand(0.0), mistakes=((-3, "That is y₅. The last ReLU is still to come."),)),
            Number(
                "b₄ =",
                _needed_bias,
                mistakes=(
                    (1, "The bias is added to −3, not to 0."),
                    (7, "The skip has been lost: x₃ = 3 is added as well."),
                    (3, "With 3 the sum is 0."),
                ),
            ),
        ),
        ("$b_4 = 4$", "\\operatorname{ReLU}(-6 + 3) = 0"),
    ),
    Exercise(
        "ex-forward-shapes",
        1,
        (
            Choice(
                "The shape of W₃ is",
                (
                    ("(7, 3)", "Seven rows for the wide inside, three columns for x₃."),
                    ("(3, 7)", "That is W₄, which leads back to three entries."),
                    ("(7, 5)", "x₃ is as wide as x₁, since the skip adds them. So W₃ takes three entries."),
                    ("(5, 3)", "That is W₁."),
                ),
            ),
        ),
        ("$W_3$ is $(7, 3)$",),
    ),
    Exercise(
        "ex-forward-minus",
        2,
        (
            Formula(
                "with p for pₖ and x for x₅ₖ, entry k of the gradient =",
                "p / x",
                ("p", "x"),
                (),
                (
                    ("-p/x", "That is the gradient of the line with its minus sign."),
                    ("p*log(x)", "That is the summand itself. Take its derivative."),
                    ("1/x", "The target pₖ stays as a factor."),
                ),
            ),
        ),
        ("$p_k/x_{5,k}$",),
    ),
    Exercise(
        "ex-forward-contraction",
        3,
        (
            Number(
                "Softmax makes no vector longer than this many times its length:",
                Fraction(1, 2),
                mistakes=(
                    (1, "True, and not enough to conclude: a smaller number holds."),
                    (
                        0.25,
                        "A quarter of the squared range bounds the variance. The range itself may be √2 times the length of v.",
                    ),
                ),
            ),
        ),
        ("no vector longer than half",),
    ),
    Exercise(
        "ex-backward-three",
        1,
        (
            Number(
                "paths in all:",
                lambda: sum(map(_paths, range(4))),
                1e-9,
                mistakes=(
                    (6, "Each block is chosen by itself, so the numbers multiply."),
                    (9, "Two ways through each of three blocks, not three through two."),
                    (3, "Those are the paths through one branch only, or through two."),
                    (7, "One path is missing: the one over all skips."),
                ),
            ),
            Number(
                "through exactly two branches:",
                lambda: _paths(2),
                1e-9,
                mistakes=(
                    (4, "Which branch is left out? There are three to choose from."),
                    (6, "The order of the two branches is fixed: each pair counts once."),
                ),
            ),
        ),
        ("$2^3 = 8$", "$\\binom32 = 3$"),
    ),
    Exercise(
        "ex-backward-mask",
        2,
        (
            Formula(
                "g₃ in terms of w3 and w4 =",
                "1 + w4*w3",
                ("w3", "w4"),
                (),
                (
                    ("w4*w3", "A path is lost: the one over the skip."),
                    ("1 + w4 + w3", "Along a path the factors multiply."),
                ),
            ),
            Number(
                "g₁ where g₃ = 0:",
                lambda: _first_gradient(1.0, -1.0),
                mistakes=((1, "The skip of the first block carries g₃, and that is 0."),),
            ),
        ),
        ("$g_3 = 1 + w_4w_3$", "$g_1 = 0$"),
    ),
    Exercise(
        "ex-backward-weights",
        3,
        (
            Formula(
                "With W₂ = 0, g₁ =",
                "g3*D3",
                (),
                ("g3", "D3", "J1", "J2", "D2"),
                (
                    ("g3", "The mask D₃ stands after the addition, so the skip passes it too."),
                    ("g3*D3*(I + J2*D2*J1)", "That is g₁ before W₂ = 0 is used: J₂ is W₂."),
                    ("D3*g3", "A gradient is a row: the factors stand to its right."),
                ),
            ),
        ),
        ("g_3D_3(I + J_2D_2J_1) = g_3D_3",),
    ),
    Exercise(
        "ex-merge-three",
        1,
        (
            Formula(
                "the gradient at o =",
                "g1 + g2 + g3",
                (),
                ("g1", "g2", "g3"),
                (
                    ("(g1 + g2 + g3)/3", "Gradients of several uses are added, not averaged."),
                    ("g1*g2*g3", "Uses side by side add. Only one after the other multiplies."),
                ),
            ),
            Formula(
                "and for y = F(x) + o + o:",
                "2*g",
                (),
                ("g",),
                (("g", "o is used twice."), ("g*g", "Uses side by side add. Only one after the other multiplies.")),
            ),
        ),
        ("$g_1 + g_2 + g_3$", "$2g$"),
    ),
    Exercise(
        "ex-merge-lambda",
        2,
        (
            Formula(
                "sent back to o:",
                "lam*g",
                ("lam",),
                ("g", "o"),
                (("g", "The factor λ is lost."), ("g/lam", "A factor on the way forward is a factor on the way back.")),
            ),
            Formula(
                "the gradient of λ =",
                "g*o",
                ("lam",),
                ("g", "o"),
                (
                    ("o*g", "A column times a row is a matrix, and λ is one number."),
                    ("lam*g*o", "λ o is linear in λ: its derivative has no λ left."),
                ),
            ),
        ),
        ("\\lambda g", "g\\,o"),
    ),
    Exercise(
        "ex-merge-shared",
        3,
        (
            Formula(
                "the gradient of u =",
                "g*(J + I)*W",
                (),
                ("g", "J", "W", "u"),
                (
                    ("g*J*W", "A path is lost: the shortcut."),
                    ("g*J*W + g", "The shortcut goes through W too."),
                    ("W*(J + I)*g", "In the wrong order: a row stands on the left, and W comes last."),
                    ("T(W)*(J + I)*T(g)", "Half transposed: rows need no transposes."),
                ),
            ),
            Formula(
                "the gradient of W =",
                "T(u*g*(I + J))",
                (),
                ("g", "J", "W", "u"),
                (
                    ("u*g*(I + J)", "Transposed: the gradient has the shape of W."),
                    ("T(u*g*J)", "A path is lost: the shortcut uses W too."),
                    ("T(u*g)", "A path is lost: the branch uses W too."),
                ),
            ),
        ),
        ("g\\left(I + J\\right)W", "\\left(u\\,g\\left(I + J\\right)\\right)^\\top"),
    ),
    Exercise(
        "ex-scaling-share",
        1,
        (
            Number(
                "first n with less than one per cent:",
                lambda: _units_until(0.01, 0.9),
                1e-9,
                mistakes=(
                    (43, "Off by one: 0.9⁴³ is still above one per cent."),
                    (45, "Off by one: 44 units are enough."),
                    (22, "That is the first n below ten per cent."),
                ),
            ),
            Number(
                "an r that keeps the size:",
                Fraction(1, 10),
                1e-9,
                also=(Fraction(-19, 10),),
                mistakes=(
                    (Fraction(10, 9), "The sum λ + r counts, not the product."),
                    (0, "Without a branch only 0.9 is left in every unit."),
                    (Fraction(-1, 10), "The sign: 0.9 − 0.1 is 0.8."),
                ),
            ),
        ),
        ("$n = 44$", "$r = 0.1$", "$r = -1.9$"),
    ),
    Exercise(
        "ex-scaling-slow",
        2,
        (
            Formula(
                "product of the first n =",
                "1/(n + 1)",
                ("n",),
                (),
                (
                    ("1/n", "Off by one: the last denominator is n + 1."),
                    ("n/(n + 1)", "That is the last factor alone."),
                    ("1/2^n", "The factors grow towards 1; only the first is one half."),
                ),
            ),
        ),
        ("\\frac1{n+1}",),
    ),
    Exercise(
        "ex-scaling-half",
        2,
        (
            Formula(
                "the number, for n units =",
                "2^(-n)",
                ("n",),
                (),
                (
                    ("1/2", "That is one unit; there are n."),
                    ("2^n", "Turned over: each unit halves."),
                    ("1/2^(n - 1)", "Off by one: every one of the n units halves."),
                ),
            ),
        ),
        ("2^{-(L-l)}",),
    ),
    Exercise(
        "ex-scaling-bfloat",
        2,
        (
            Number(
                "0.999 becomes",
                lambda: round_to(0.999, "bfloat16"),
                1e-9,
                mistakes=(
                    (0.999, "It is none of bfloat16’s numbers."),
                    (Fraction(255, 256), "The nearer neighbour is above: 255.744 rounds to 256."),
                ),
            ),
            Number(
                "0.99 becomes",
                lambda: round_to(0.99, "bfloat16"),
                1e-9,
                mistakes=(
                    (0.99, "It is none of bfloat16’s numbers."),
                    (Fraction(254, 256), "The nearer neighbour is below: 253.44 rounds to 253."),
                ),
            ),
        ),
        ("becomes exactly $1$", "0.98828125"),
    ),
    Exercise(
        "ex-scaling-rotation",
        3,
        (
            Formula(
                "For the second matrix, the length of (1, 0) after n units =",
                "sqrt(1 + n^2)",
                ("n",),
                (),
                (
                    ("1", "The eigenvalues are 1, and yet the length grows."),
                    ("n", "The first entry, 1, is still there."),
                    ("1 + n", "A length is the root of a sum of squares."),
                ),
            ),
        ),
        ("becomes $(1, n)$",),
    ),
    Exercise(
        "ex-unrolled-range",
        1,
        (
            Number(
                "It vanishes for r above",
                -2,
                1e-9,
                mistakes=(
                    (
                        -1,
                        "At −1 the gradient is 0 already; below it the factor 1 + r turns negative and is still small.",
                    ),
                    (0, "That is the upper end."),
                ),
            ),
            Number(
                "and below",
                0,
                1e-9,
                mistakes=(
                    (-1, "Between −1 and 0 the factor is between 0 and 1."),
                    (1, "At r = 1 the gradient doubles in every unit."),
                    (-2, "That is the lower end."),
                ),
            ),
        ),
        ("$-2 < r < 0$",),
    ),
    Exercise(
        "ex-unrolled-lambda",
        2,
        (
            Number(
                "mean length =",
                lambda: 54 * Fraction(11, 43) / (Fraction(1, 2) + Fraction(11, 43)),
                mistakes=(
                    (11, "That is the mean with λ = 1."),
                    (Fraction(54 * 11, 43), "The share of a branch is r/(λ + r), not r."),
                    (
                        54 * Fraction(1, 2) / (Fraction(1, 2) + Fraction(11, 43)),
                        "That is the mean number of shortcuts.",
                    ),
                ),
            ),
        ),
        ("\\frac{1188}{65}",),
    ),
    Exercise(
        "ex-unrolled-singular",
        3,
        (
            Choice(
                "In the first cell, with r = −1/2, the gradient is exactly zero",
                (
                    ("at no depth", "No unit is singular there: 1 + r = 1/2."),
                    (
                        "from some depth on",
                        "A product of numbers that are not zero is not zero. It only becomes small.",
                    ),
                    ("at one depth alone", "Once zero, it would stay zero at every larger depth."),
                ),
            ),
        ),
        ("no unit is singular",),
    ),
    Exercise(
        "ex-unrolled-short",
        3,
        (
            Formula(
                "For two units with Jacobians J1 and J2, to first order, the gradient =",
                "g*(I + J1 + J2)",
                (),
                ("g", "J1", "J2"),
                (
                    ("g*(I + J2)*(I + J1)", "That is exact. The path through both branches is of second order."),
                    (
                        "g*(I + J1)*(I + J2)",
                        "The path through both branches is of second order, and its factors are in the wrong order.",
                    ),
                    ("g*(J1 + J2)", "A path is lost: the one over both shortcuts."),
                ),
            ),
        ),
        ("g_L + g_L\\sum_{i=l}^{L-1} J_i",),
    ),
    Exercise(
        "ex-at-least-zero",
        1,
        (
            Number(
                "It shrinks for J above",
                -2,
                1e-9,
                mistakes=((-1, "Below −1 the factor 1 + J is negative, and its size still below 1."),),
            ),
            Number(
                "and below",
                0,
                1e-9,
                mistakes=(
                    (-1, "Between −1 and 0 the factor is between 0 and 1."),
                    (1, "For J between 0 and 1 the gradient grows."),
                ),
            ),
        ),
        ("$J \\le -2$", "$J \\ge 0$"),
    ),
    Exercise(
        "ex-at-least-rank",
        2,
        (
            Formula(
                "g(I + J) in terms of g and u =",
                "g - g*u*T(u)",
                (),
                ("g", "u"),
                (
                    ("g + g*u*T(u)", "The sign: J is −u uᵀ."),
                    ("g - g*T(u)*u", "In the wrong order: u is a column, so u uᵀ is the matrix."),
                    ("-g*u*T(u)", "A path is lost: the skip."),
                ),
            ),
        ),
        ("$g(I - uu^\\top)$",),
    ),
    Exercise(
        "ex-at-least-symmetric",
        3,
        (
            Formula(
                "eigenvalue of J + Jᵀ + J Jᵀ that belongs to mu =",
                "mu*(mu + 2)",
                ("mu",),
                (),
                (
                    ("mu^2", "J and Jᵀ each add mu."),
                    ("2*mu", "J Jᵀ adds mu²."),
                    ("(1 + mu)^2", "That belongs to (I + J)(I + J)ᵀ. Take away the 1 of the identity."),
                ),
            ),
        ),
        ("\\mu(\\mu + 2)",),
    ),
)
