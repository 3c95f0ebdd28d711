"""The exercises of chapters 7 to 10."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from resnotes import BatchNormTraining, blocks
from resnotes.exercises.kinds import Choice, Exercise, Formula, Number
from resnotes.initialisation import branch_strength, expected_gain
from resnotes.paths import gradient_by_shortcut
from resnotes.shattered import coactive_correlation
from resnotes.shortcuts import Gate
from resnotes.spectrum import product_singular_values
from resnotes.symbolic import before_or_after


def _gates(bias, units):
    """What so many gates with weights zero leave of a gradient."""
    return Gate([[0.0]], [bias]).jacobian([1.0])[0, 0] ** units


def _closed_for_gradients():
    """The state at which the gate of weight one passes no gradient, by bisection."""
    gate, low, high = Gate([[1.0]], [0.0]), 0.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if gate.jacobian([middle])[0, 0] > 0 else (low, middle)
    return middle


def _units_until_equal(share, kept, n=4):
    """How many mixing shortcuts leave less than `share` of the second singular value."""
    mixing = kept * np.eye(n) + (1 - kept) / n * np.ones((n, n))
    units = 1
    while product_singular_values([mixing] * units).log10[1] >= np.log10(share):
        units += 1
    return units


def _uncut(steps):
    return before_or_after.closed_form(steps)


def _share_below(state, depth):
    """The sum of ``after-arcsine``."""
    return sum(_uncut(k) * _uncut(depth + 1 - k) for k in range(state + 2))


def _halfway(depth):
    return next(state for state in range(depth + 1) if _share_below(state, depth) == Fraction(1, 2))


def _through_batch_of_two():
    """The share of a gradient's squared length that a batch normalisation of two samples sends back."""
    layer, x, g = BatchNormTraining(1, epsilon=0.0), np.array([[0.5], [2.0]]), np.array([[1.0], [-3.0]])
    back = layer.backward(x, g)[0]
    return float(np.round(np.sum(back**2) / np.sum(g**2), 12))


def _per_cent_by_shortcuts(kind, depth=54):
    rng = np.random.default_rng(0)
    net = blocks.network(kind, depth, 8, rng)
    x = blocks.stem(8, 8, rng)
    g = rng.normal(size=x.shape)
    return 100 * np.sum(gradient_by_shortcut(net, net.forward(x), g)[0] ** 2) / np.sum(g**2)


EXERCISES = (
    Exercise(
        "ex-operators-bias",
        1,
        (
            Number(
                "54 shortcuts multiply the gradient by",
                lambda: _gates(-4.0, 54),
                2e-3,
                mistakes=(
                    (1 / (1 + np.exp(-4)), "That is one gate; there are 54."),
                    (1 - 54 * np.exp(-4), "The gates multiply; what they close does not add up."),
                    (1 - _gates(-4.0, 54), "That is what is lost."),
                    (_gates(4.0, 54), "The sign of b: the shortcut gets 1 − σ(b), so a negative bias opens it."),
                ),
            ),
        ),
        ("$(1 + e^{-4})^{-54} = 0.375$",),
    ),
    Exercise(
        "ex-operators-choice",
        2,
        (
            Choice(
                "The length of every gradient is kept by",
                (
                    ("b) a permutation of the channels", "It is orthogonal: the same numbers in another order."),
                    (
                        "a) a doubly stochastic matrix",
                        "It keeps the sum of the entries. Differences between them shrink.",
                    ),
                    ("c) dropout divided by q", "The mean is kept, and single gradients lose components."),
                    (
                        "d) a Gaussian matrix with variance 1/n",
                        "It keeps the mean of the squared length, over draws. One draw stretches some gradients and shrinks others.",
                    ),
                ),
            ),
        ),
        ("b. A permutation is orthogonal",),
    ),
    Exercise(
        "ex-operators-zero",
        2,
        (
            Number(
                "x =",
                _closed_for_gradients,
                3e-3,
                mistakes=(
                    (0, "At 0 the gate is half open, and its derivative is 0.5."),
                    (-1.2785, "The sign: for negative x the derivative is positive."),
                    (0.2785, "That is x − 1: from x σ(x) = 1 follows x = 1 + exp(−x)."),
                ),
            ),
        ),
        ("$x = 1.28$",),
    ),
    Exercise(
        "ex-operators-mixing",
        3,
        (
            Formula(
                "the other n − 1 singular values of the product =",
                "c^L",
                ("c", "L"),
                (),
                (
                    ("c", "That is one shortcut; there are L."),
                    ("L*c", "One after the other they multiply."),
                    ("1", "That is the singular value of the mean of the entries."),
                    ("c^(L - 1)", "Off by one: every one of the L shortcuts counts."),
                ),
            ),
            Number(
                "less than 1 % from so many units on:",
                lambda: _units_until_equal(0.01, 0.95),
                1e-9,
                mistakes=(
                    (89, "Off by one: 0.95⁸⁹ is still above one per cent."),
                    (91, "Off by one: 90 units are enough."),
                    (45, "That is the first number of units below ten per cent."),
                    (20, "The losses do not add up: each unit takes five per cent of what is left."),
                ),
            ),
        ),
        ("$c^L$ for the other $n - 1$", "$L = 90$"),
    ),
    Exercise(
        "ex-after-three",
        1,
        (
            Number(
                "chance =",
                lambda: _uncut(3),
                mistakes=(
                    (
                        Fraction(1, 8),
                        "Three coins would give this. But a component that has survived one ReLU stands higher, and is safer.",
                    ),
                    (_uncut(2), "That is the chance for two."),
                    (_uncut(4), "That is the chance for four."),
                    (1 - _uncut(3), "That is the chance of being cut."),
                ),
            ),
        ),
        ("$q_3 = \\binom63/4^3 = \\frac{20}{64} = \\frac5{16}$",),
    ),
    Exercise(
        "ex-after-half",
        2,
        (
            Number(
                "l =",
                lambda: _halfway(54),
                1e-9,
                mistakes=(
                    (27, "Off by one: the sum runs up to l + 1, and 27 is its last index."),
                    (28, "Off by two: of the 56 places the first half ends with 27, and that is l + 1."),
                    (25, "Off by one: l + 1 is 27, the last place of the first half."),
                ),
            ),
        ),
        ("gives $l = 26$",),
    ),
    Exercise(
        "ex-after-pre-depth",
        1,
        (
            Number(
                "per cent at x₀:",
                lambda: _per_cent_by_shortcuts("full pre-activation"),
                mistakes=(
                    (0, "Nothing stands on the shortcut: no ReLU takes anything away."),
                    (50, "A ReLU would take one half. On this shortcut there is none."),
                    (1, "In per cent, please: a share of 1 is 100 %."),
                ),
            ),
        ),
        ("$100\\,\\%$ at every depth",),
    ),
    Exercise(
        "ex-after-gain",
        2,
        (
            Formula(
                "gamma =",
                "sqrt(1 + v)",
                ("v",),
                (),
                (
                    ("1 + v", "The normalisation divides by the standard deviation, not by the variance."),
                    ("1/sqrt(1 + v)", "Turned over: that is what passes with γ = 1."),
                    ("sqrt(v)", "The sum has the variance of the state too."),
                ),
            ),
        ),
        ("$\\gamma = \\sqrt{1 + v}$",),
    ),
    Exercise(
        "ex-after-batch-of-two",
        3,
        (
            Number(
                "share =",
                _through_batch_of_two,
                mistakes=(
                    (0.5, "The mean over the batch takes one of two directions. The variance takes another."),
                    (1, "That holds for γ = σ with fixed statistics. Those of the batch have gradients too."),
                ),
            ),
        ),
        ("$0$. A row of two numbers has two directions.",),
    ),
    Exercise(
        "ex-init-number",
        1,
        (
            Number(
                "mean gain =",
                lambda: expected_gain(4, beta=0.5, strength=branch_strength((2.0, 2.0))),
                mistakes=(
                    (
                        16,
                        "That is (1 + 1)⁴. Two roads lead there: the factor ½ was not squared, or the ReLU’s own ½ is missing.",
                    ),
                    (81, "The factor ½ in front of the branch is missing."),
                    (1.5, "That is one unit; there are four."),
                    (0.5**4, "The shortcut is missing: λ² = 1 is added in every unit."),
                    (3, "The squares of the units multiply, they do not add."),
                ),
            ),
        ),
        ("$1.5^4 = 5.0625$",),
    ),
    Exercise(
        "ex-init-choice",
        2,
        (
            Choice(
                "The gradient is 0 before the first step for",
                (
                    (
                        "(b) the weights of the first layer of a branch",
                        "Their gradient comes through the last layer, and that is 0.",
                    ),
                    ("(a) the state x₀", "The shortcuts bring it the whole of the gradient above."),
                    (
                        "(c) the weights of the last layer of a branch",
                        "Their gradient is made of what comes in and of the gradient above. Neither is 0.",
                    ),
                    ("(d) the bias of the last layer of a branch", "It gets the gradient above as it is."),
                ),
            ),
        ),
        ("(b). The state gets",),
    ),
    Exercise(
        "ex-init-top",
        3,
        (
            Formula(
                "E‖g_L‖² / ‖ḡ‖² =",
                "1/(1 + L)",
                ("L",),
                (),
                (
                    ("1 + L", "Turned over: the normalisation divides by s."),
                    ("1/sqrt(1 + L)", "That is the length. Its square is asked for."),
                    ("1/L", "Off by one: the state starts with 1, before the first unit."),
                    ("1/2^L", "In a pre-LN network the state’s square grows by 1 in every unit, and does not double."),
                ),
            ),
            Number(
                "E‖g_0‖² / ‖ḡ‖² =",
                # At a depth at which the sum of the law can be taken: it is the same at every one.
                lambda: expected_gain(30, beta=(1.0 + np.arange(30)) ** -0.5) / (1 + 30),
                mistakes=(
                    (0, "The units below the top multiply by 1 + L, which makes up for the normalisation."),
                    (2, "The units multiply by 1 + L in all, by (2 + l)/(1 + l) each."),
                ),
            ),
        ),
        (
            "\\frac{\\lVert\\bar g\\rVert^2}{1 + L}",
            "$\\mathbb E\\,\\lVert g_0\\rVert^2 \\approx \\lVert\\bar g\\rVert^2$",
        ),
    ),
    Exercise(
        "ex-shattered-number",
        1,
        (
            Number(
                "correlation =",
                lambda: coactive_correlation(3, lam=0.0, coactive=0.4),
                5e-3,
                mistakes=(
                    (0.4**3, "One unit multiplies by 2p, since p = ½ means equal masks."),
                    (0.8, "That is one unit; there are three."),
                    (0.125, "That is for p = ¼, for inputs that have nothing in common."),
                    (coactive_correlation(3, coactive=0.4), "That is for identity skips. A plain network has λ = 0."),
                ),
            ),
        ),
        ("$(2p)^3 = 0.8^3 = 0.512$",),
    ),
    Exercise(
        "ex-shattered-choice",
        2,
        (
            Choice(
                "It follows:",
                (
                    (
                        "(c) A step computed at one input tells next to nothing about another.",
                        "This is what shattered means.",
                    ),
                    ("(a) The gradients have vanished.", "Their mean square is what it should be."),
                    (
                        "(b) The network cannot express smooth functions.",
                        "The correlation is about random weights. It says nothing about what other weights can do.",
                    ),
                    ("(d) The backward pass has a mistake.", "Exact gradients at two inputs may well be uncorrelated."),
                ),
            ),
        ),
        ("(c). The size is as it should be",),
    ),
    Exercise(
        "ex-shattered-formula",
        3,
        (
            Formula(
                "λ² =",
                "(c - 1/2)/(1 - c)",
                ("c",),
                (),
                (
                    ("(1 - c)/(c - 1/2)", "Turned over."),
                    ("(c - 1/2)/(c - 1)", "The sign: λ² is positive for c between ½ and 1."),
                    ("c/(1 - c)", "The branch’s ½ in the numerator is lost."),
                    ("(1/2)/(1 - c)", "That is λ² + 1."),
                    ("(c - 1/4)/(1 - c)", "Independent masks have p = ¼, and the law has 2p."),
                ),
            ),
        ),
        ("\\frac{c - \\frac12}{1 - c}",),
    ),
)
