"""Notes 000 and 002 without their part on lambda: the four layers, and what is made of them."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache, partial
from itertools import islice

import numpy as np
from sympy import Ge, Ne, S, Symbol, discriminant, log, solveset

from resnotes.book.at_least import RandomBranch, RandomDirection
from resnotes.book.claims import spaces
from resnotes.book.claims.claim import Grounds
from resnotes.book.claims.evidence import (
    Condition,
    Example,
    Judged,
    Quoted,
    Shown,
    Truth,
    anywhere,
    condition,
    words_as_latex,
)
from resnotes.book.claims.expressions import ONE, AsPrinted, Diag, Total, direct, total
from resnotes.book.exact import array, eye
from resnotes.book.forward_pass import Logits, Loss
from resnotes.book.registry import chain, eq, together
from resnotes.symbolic import at_least, backward_pass, forward_pass
from resnotes.symbolic.algebra import Factor, L, Norm, Partial, Transpose, l
from resnotes.symbolic.symbols import D, E, F, H, J, W, g, loss_gradient, x, y

# Conditions on examples.


@condition("no number is 0")
def nonzero(network) -> bool:
    """Every number is different from 0."""
    return all(entry != 0 for entry in network.entries())


def open_at(k):
    """ReLU lets every component of x_k through."""
    return Condition((f"the ReLU before x_{k} is open",), lambda network: (network.value_D(k) == eye(network.n)).all())


def shut_at(k):
    """ReLU blocks some component of x_k."""
    return Condition((f"the ReLU before x_{k} is shut",), lambda network: not open_at(k)(network))


def not_zero(expression, words):
    """The value is not 0 in every entry."""
    return Condition(
        (f"{words} is not 0",), lambda network: any(entry != 0 for entry in np.ravel(network.evaluate(expression)))
    )


def satisfies(relation, words):
    """Another relation holds."""
    return Condition((words,), lambda network: network.holds(relation))


def fails(relation, words):
    """Another relation does not hold."""
    return Condition((words,), lambda network: not network.holds(relation))


# The printed formulas, in the book's names.


def d(of, by):
    """A derivative as the notes print it."""
    return AsPrinted(of, by)


F2, F4 = F(2)(x(2)), F(4)(x(4))
THROUGH = g(5) * d(x(5), x(4)) * d(x(4), x(3))
FIRST_3 = THROUGH + g(5) * d(x(5), x(3))
SECOND_3 = THROUGH + g(5) * (d(F4, x(3)) + ONE)
FIRST_1 = THROUGH * d(x(3), x(2)) * d(x(2), x(1)) + THROUGH * d(x(3), x(1))
SECOND_1 = THROUGH * d(x(3), x(2)) * d(x(2), x(1)) + g(3) * (d(F2, x(1)) + ONE)
#: The notes' own g_3, with the total derivative: the branch counted twice.
NOTES_3 = Factor("gprinted", 3)

FIXED, MOVING = "∂ with the other states held fixed", "∂ as the total derivative"


#: For what is about derivatives and not about gradients: whatever g is, it is 1.
UPSTREAM = {g(5): [1]}


def _four(name, says, outcome=False, where=anywhere, text="", biases=(), nonzero=False, fixed=None):
    return Example(name, says, spaces.four_layers(biases=biases, nonzero=nonzero, fixed=fixed), outcome, where, text)


#: With other states held fixed the notes' own g_3 is the true one; with total derivatives it is not.
OWN_3 = f"{MOVING}, g_3 as the notes have it"


def _readings(left, right):
    """A printed right side in both readings, each refuted."""
    return tuple(_four(reading, eq(left, how(right))) for reading, how in ((FIXED, direct), (MOVING, total)))


def _layers(equation="", expression=None, where=anywhere):
    return Truth(spaces.layers_samples, expression, equation, where)


def _block(expression=None, equation="", where=anywhere):
    return Truth(spaces.block_samples, expression, equation, where)


# "At least".

PRINTED = Ge(g(l), g(l + 2), evaluate=False)
BY_NORM = Ge(Norm(g(l)), Norm(g(l + 2)), evaluate=False)
BLOCK_GRADIENT = eq(g(l), g(l + 2) * D(l + 2) * (1 + Total(F(l + 1)(x(l + 1)), x(l))))
#: Two components, every ReLU open: W_1 = I, and a bias that keeps x_3 positive.
OPEN_PAIR = {Factor("W", 1): [[1, 0], [0, 1]], Factor("x", 1): [1, 1], Factor("b", 2): [2, 2]}


def at_least_reading(name, says, where, space=None, text="", outcome=False):
    """One meaning of the sign, on the notes' own block."""
    return Example(name, says, space or spaces.one_block(biases=(2,)), outcome, where, text)


def _pair(fixed=None):
    return spaces.one_block((2,), fixed={**OPEN_PAIR, **(fixed or {})})


FOUR_MEANINGS = (
    at_least_reading(
        "a signed number, ReLU open",
        PRINTED,
        open_at(3) & satisfies(BY_NORM, "the norm does not shrink"),
        text="The gradient grows in size, downwards.",
    ),
    at_least_reading(
        "an absolute value, ReLU open",
        BY_NORM,
        open_at(3),
        text="The branch cancels the skip: nothing comes back.",
    ),
    at_least_reading(
        "every entry of a vector, ReLU open",
        PRINTED,
        open_at(3) & satisfies(BY_NORM, "the norm does not shrink"),
        _pair(),
        "The norm does not shrink, an entry does.",
    ),
    at_least_reading(
        "the norm of a vector, ReLU open",
        BY_NORM,
        open_at(3) & satisfies(PRINTED, "no entry shrinks"),
        _pair(),
        "Every entry is at least the one above, and the norm shrinks.",
    ),
)
BLOCKED = at_least_reading(
    "an absolute value, ReLU shut",
    BY_NORM,
    shut_at(3),
    text="y_3 is negative: ReLU blocks branch and skip alike.",
)

_unit = partial(Truth, spaces.unit_samples)
LOWER = _unit(equation="at-least-lower", tight=spaces.shrinking_samples)
_GROWTH = _unit(equation="at-least-growth")


# The loss.


@condition("p is a distribution, and x_5 has no negative entry")
def _target(network) -> bool:
    """p is a probability vector, x_5 the output of a ReLU."""
    p = network.data[Factor("p")]
    return all(entry >= 0 for entry in p) and sum(p) == 1 and all(entry >= 0 for entry in network.data[network.given])


@condition("p is a distribution, and every entry of x_5 is positive")
def _positive(network) -> bool:
    return _target(network) and all(entry > 0 for entry in network.data[x(5)])


def _loss_value(left):
    return lambda network: (network.evaluate(left), network.evaluate(forward_pass.cross_entropy[0]))


_PRINTED_LOSS = -forward_pass.literal[1]  # the sum of p log x_5, without the minus sign


@condition("p is a distribution, every entry of x_5 is positive, and the three readings differ")
def _all_differ(network) -> bool:
    if not _positive(network):
        return False
    values = {
        network.evaluate(side) for side in (forward_pass.cross_entropy[0], forward_pass.literal[0], _PRINTED_LOSS)
    }
    return len(values) == 3


@condition("p is a distribution and meets a 0 of x_5")
def _with_log_of_zero(network) -> bool:
    pairs = zip(network.data[x(5)], network.data[Factor("p")], strict=True)
    return _target(network) and any(v == 0 and p > 0 for v, p in pairs)


LOSS = ("loss", r"\mathcal{E}")
k = forward_pass.k
LOGIT = forward_pass.logit(k)


def _gradient_reading(name, of, by, right, space=None, outcome=False, where=_target, text=""):
    return Example(name, eq(Partial(of, by), right), space or spaces.loss(), outcome, where, text)


def _without_meeting_point():
    """The p for which -p/x = x - p, that is x^2 - p x + p = 0, has no real solution x."""
    unknown, p = Symbol("x", real=True), Symbol("p", real=True)
    missing = solveset(discriminant(unknown**2 - p * unknown + p, unknown) < 0, p, S.Reals)
    return "no p", f"{missing.start} < p < {missing.end}"


def _fixed_points(sizes=(1, 2, 3, 4)):
    """softmax of the vector whose entries are all 1/n."""
    return tuple(Fraction(1, n) for n in sizes), tuple(forward_pass.softmax_at_uniform(n) for n in sizes)


#: x_5 and p with softmax(x_5) times the sum of p equal to x_5.
OTHER_SUM = ((2 * log(2), log(2)), (log(2), 2 * log(2)))


def _at_another_sum():
    """x_5 - p beside the cross-entropy's gradient, at OTHER_SUM."""
    x5, p = map(array, OTHER_SUM)
    network = Loss({x(5): x5, Factor("p"): p})
    return tuple(x5 - p), network.evaluate(Partial(E, forward_pass.output(k)))


# What a skip changes.


def _changed_by(skip):
    """Weights whose gradient changes when the way back over one skip is closed."""

    def names(network):
        return tuple(
            f"W_{k}"
            for k in network.layers
            if (network.parameter_gradient("W", k) != network.parameter_gradient("W", k, (skip,))).any()
        )

    return names


def _said_to_change(skip):
    inside = ("W_1", "W_2") if skip == 3 else ("W_3", "W_4")
    return lambda network: (inside, _changed_by(skip)(network))


@condition("no weight's gradient is 0")
def _all_gradients(network) -> bool:
    """No weight gradient is 0 by accident."""
    return all((network.parameter_gradient("W", k) != 0).all() for k in network.layers)


@condition("the upper skip changes the gradients of W_1 and W_2")
def _reaches_both(network) -> bool:
    return _changed_by(5)(network) == ("W_1", "W_2")


# Shortcuts other than the identity.

HALF = Fraction(1, 2)
#: Lengths are not kept.
OTHER_LENGTH = Ne(H(0) * Transpose(H(0)), 1, evaluate=False)


@condition("the shortcut is not the identity")
def _not_identity(network) -> bool:
    return not (network.value_H(0) == eye(network.n)).all()


@condition("the shortcuts are numbers")
def _numbers(network) -> bool:
    return not any(isinstance(shortcut, np.ndarray) for shortcut in network.shortcuts.values())


@condition("the shortcut is neither I nor -I")
def not_a_sign(network) -> bool:
    """The first shortcut is neither I nor -I."""
    return not any((network.value_H(0) == sign * eye(network.n)).all() for sign in (1, -1))


@condition("the shortcuts are orthogonal")
def orthogonal(network) -> bool:
    """Every shortcut keeps lengths, and there is no branch."""
    return all((network.value_H(m) @ network.value_H(m).T == eye(network.n)).all() for m in range(network.depth))


@lru_cache
def rotations() -> tuple:
    """Chains of shortcuts that only swap and negate components, branches switched off."""
    space = spaces.chain((1, 2), (2,), shortcut="matrix", branch=False)
    return tuple(network for network in space.sample(2000, seed=12, top=1) if orthogonal(network))


def _averaging():
    """g = (1, -1) over the doubly stochastic shortcut with all entries 1/2, against its mean and its norm."""
    below = np.array([1, -1], dtype=object) @ np.array([[HALF, HALF], [HALF, HALF]], dtype=object)
    return (1, -1), tuple(below)


# More of the printed formulas.

N1 = eq(g(5) * Total(x(5), x(3)), g(5) * (Total(F4, x(3)) + 1))
N2 = eq(THROUGH * d(x(3), x(1)), g(3) * (d(F2, x(1)) + ONE))
#: The path through all four layers.
THROUGH_TRUE = g(5) * D(5) * J(4) * D(4) * J(3) * D(3) * J(2) * D(2) * J(1)
BLOCK_TOTAL = Total(F(l + 1)(x(l + 1)), x(l)) + 1
#: The sums before the ReLU, one step from the states they are made of.
SUM_3, SUM_5 = F2 + x(1), F4 + x(3)


def _after_relu(name, k, outcome, where, **options):
    """The derivative of the state after the ReLU, beside that of the sum before it."""
    says = eq(Total(x(k), x(k - 2)), Total(y(k), x(k - 2)))
    return _four(name, says, outcome, where, fixed=UPSTREAM, **options)


def _both_forms(network):
    """The second printed form of g_1 beside the first."""
    return network.evaluate(direct(SECOND_1)), network.evaluate(direct(FIRST_1))


CHANGED = ("weights whose gradient the skip changes", r"\text{weights whose gradient the skip changes}")


def _one(name, says, outcome, where=anywhere, space=None, text="", nonzero=False):
    space = space or spaces.one_block(nonzero=nonzero, fixed={g(3): [1]})
    return Example(name, says, space, outcome, where, text)


@condition("no entry is negative")
def _nonnegative(network) -> bool:
    return all(entry >= 0 for entry in network.entries())


@condition("g J = -g")
def cancels(network) -> bool:
    return network.holds(eq(at_least.g * at_least.J, -at_least.g))


@condition("J = 0")
def _no_branch(network) -> bool:
    return not network.J.any()


@condition("J is not -I")
def not_minus_identity(network) -> bool:
    return not (network.J == -eye(network.n)).all()


@lru_cache
def cancelling_samples() -> tuple:
    """Branches with g J = -g, g not 0, in two dimensions."""
    found = (network for network in spaces.one_unit((2,), top=2).candidates() if network.g.any() and cancels(network))
    return tuple(islice(found, spaces.SAMPLES))


@condition("p is a distribution")
def _logit_target(network) -> bool:
    p = network.data[Factor("p")]
    return all(entry >= 0 for entry in p) and sum(p) == 1


@condition("the logits are not all equal")
def _not_level(network) -> bool:
    return len(set(network.data[network.given])) > 1


# Blocks of K layers, and highway layers.

INSIDE = loss_gradient(backward_pass.a(1))
AT_INPUT = loss_gradient(backward_pass.a(0))
T, Hx, Tprime, Hprime = Factor("T"), Factor("H"), Factor("Tprime"), Factor("Hprime")


@condition("inside the block the gradient is 0")
def _dead_inside(network) -> bool:
    return network.holds(eq(INSIDE, 0))


@condition("there is a layer inside")
def _has_inside(network) -> bool:
    return network.depth > int(network.values[backward_pass.k])


@condition("T = 0")
def _shut_gate(network) -> bool:
    return not network.known["T"].any()


@condition("the gate's derivative is 0")
def _still_gate(network) -> bool:
    return not network.B.any()


@condition("H is not x")
def _other_than_x(network) -> bool:
    return bool((network.known["H"] != network.known["x"]).all())


def _layer(index):
    """The definition of x_index."""
    says = eq(*forward_pass.four_layers[index - 2])
    return Grounds(
        claimed=says,
        truths=(_layers("forward-four-layers"),),
        evidence=tuple(
            _four(name, says, True, where, biases=(3,), nonzero=True, fixed=UPSTREAM)
            for name, where in (("ReLU open", open_at(index)), ("ReLU shut", shut_at(index)))
        ),
    )


EVIDENCE = {
    "S0-A1": Grounds(
        claimed=PRINTED, truths=(_block(BLOCK_GRADIENT), LOWER, _GROWTH), evidence=(*FOUR_MEANINGS, BLOCKED)
    ),
    "S0-A2": Grounds(
        claimed=eq(H(l), 1),
        truths=(
            Truth(rotations, eq(Norm(g(l)), Norm(g(L))), where=orthogonal),
            Truth(
                partial(spaces.chain_samples, "scalar", branch=False),
                equation="scaling-log-size",
                where=_numbers & nonzero,
            ),
        ),
        evidence=(
            Example(
                "a shortcut other than the identity that keeps every length",
                OTHER_LENGTH,
                spaces.chain(shortcut="matrix", branch=False, ones=True),
                False,
                _not_identity,
                "A sign.",
            ),
            Example(
                "the same with two components",
                OTHER_LENGTH,
                spaces.chain(widths=(2,), shortcut="matrix", branch=False, ones=True),
                False,
                not_a_sign,
                "A swap of the components.",
            ),
            Example(
                "a shortcut that does not keep lengths",
                OTHER_LENGTH,
                spaces.chain(shortcut="matrix", branch=False, ones=True),
                True,
                _not_identity & nonzero,
                "A number other than 1 and -1 changes every length.",
            ),
            Shown(
                "a doubly stochastic shortcut",
                ("g H", "g H"),
                _averaging,
                False,
                (("g", "g", (1, -1)), ("H", "H", ((HALF, HALF), (HALF, HALF)))),
                "The mean of g is kept, and it is 0. Everything else is gone.",
            ),
        ),
    ),
    "S0-F1": _layer(2),
    "S0-F2": _layer(3),
    "S0-F3": _layer(4),
    "S0-F4": _layer(5),
    "S0-F5": Grounds(
        truths=(Truth(spaces.loss_samples, equation="forward-loss"),),
        evidence=(
            Judged(
                "cross-entropy of softmax(x_5)",
                LOSS,
                _loss_value(forward_pass.cross_entropy[0]),
                spaces.loss(),
                True,
                _all_differ,
                "The usual meaning.",
            ),
            Judged(
                "minus the sum of p log x_5",
                LOSS,
                _loss_value(forward_pass.literal[0]),
                spaces.loss(),
                False,
                _all_differ,
                "The line with a minus sign.",
            ),
            Judged(
                "the sum of p log x_5",
                LOSS,
                _loss_value(_PRINTED_LOSS),
                spaces.loss(),
                False,
                _all_differ,
                "The line as it stands.",
            ),
            Judged(
                "minus the sum of p log x_5, where ReLU gave a 0",
                LOSS,
                lambda network: ("infinite", network.evaluate(forward_pass.cross_entropy[0])),
                spaces.loss(),
                False,
                _with_log_of_zero,
                "The logarithm of 0 does not exist; the loss with softmax does.",
            ),
        ),
    ),
    "S0-B1": Grounds(
        claimed=eq(loss_gradient(x(5)), x(5) - Factor("p")),
        truths=(
            Truth(spaces.loss_samples, equation="forward-loss-gradient"),
            Truth(spaces.loss_samples, equation="forward-literal-gradient", where=_positive),
            Truth(spaces.loss_samples, equation="forward-squared-gradient"),
            Truth(partial(spaces.loss_samples, Logits), equation="forward-logits-gradient"),
        ),
        evidence=(
            _gradient_reading(
                "cross-entropy of softmax(x_5)", E, forward_pass.output(k), forward_pass.squared_gradient
            ),
            _gradient_reading(
                "minus the sum of p log x_5",
                forward_pass.literal[0],
                forward_pass.output(k),
                forward_pass.squared_gradient,
                where=_positive,
            ),
            Shown(
                "the same, one component",
                (
                    "p for which no real x_5 has -p/x_5 = x_5 - p",
                    r"p \text{ for which no real } x_5 \text{ has } -p/x_5 = x_5 - p",
                ),
                _without_meeting_point,
                False,
                text="x^2 - p x + p has a negative discriminant.",
            ),
            Shown(
                "p sums to 1: where softmax(x_5) is x_5",
                (
                    "softmax of (1/n, ..., 1/n), n = 1 .. 4",
                    r"\operatorname{softmax}(\tfrac1n, \ldots, \tfrac1n),\ n = 1, \ldots, 4",
                ),
                _fixed_points,
                True,
                text="The uniform vector, and no other: t - log t takes no value twice for t up to 1.",
            ),
            Shown(
                "p does not sum to 1",
                ("dE/dx_5", r"\frac{\partial \mathcal{E}}{\partial x_5}"),
                _at_another_sum,
                True,
                (("x_5", "x_5", OTHER_SUM[0]), ("p", "p", OTHER_SUM[1])),
                "Other vectors than the uniform one will do as well.",
            ),
            _gradient_reading(
                "half the squared distance",
                forward_pass.squared[0],
                forward_pass.output(k),
                forward_pass.squared_gradient,
                outcome=True,
                where=_positive,
                text="True, but this loss is not a cross-entropy.",
            ),
            _gradient_reading(
                "x_5 is softmax(z), derivative with respect to z",
                forward_pass.literal[0],
                LOGIT,
                forward_pass.squared_gradient,
                spaces.loss(kind=Logits),
                True,
                _logit_target & _not_level,
                "True, but then x_5 is not what equation (2) says.",
            ),
        ),
    ),
    "S0-B2": Grounds(
        claimed=eq(g(4), g(5) * d(x(5), x(4))),
        truths=(_layers("backward-g4"), _layers(expression=eq(g(4), g(5) * Partial(x(5), x(4))))),
        evidence=tuple(
            _four(f"{name}, {reading}", eq(g(4), how(g(5) * d(x(5), x(4)))), True, where, nonzero=True)
            for reading, how in ((FIXED, direct), (MOVING, total))
            for name, where in (("ReLU open", open_at(5)), ("ReLU shut", shut_at(5)))
        ),
    ),
    "S0-B3": Grounds(
        claimed=chain(g(3), FIRST_3, SECOND_3),
        truths=(_layers("backward-g3"), _layers("backward-double-count")),
        evidence=(
            _four(
                f"first form, {FIXED}",
                eq(g(3), direct(FIRST_3)),
                True,
                open_at(5),
                "Right so far.",
                nonzero=True,
            ),
            _four(
                f"second form, {FIXED}",
                eq(g(3), direct(SECOND_3)),
                False,
                text="The ReLU is closed, and the printed 1 passes it.",
            ),
            _four(f"first form, {MOVING}", eq(g(3), total(FIRST_3)), text="The path through F_4 twice."),
            _four(
                f"second form, {MOVING}",
                eq(g(3), total(SECOND_3)),
                False,
                open_at(5),
                "The path through F_4 twice.",
            ),
        ),
    ),
    "S0-B4": Grounds(
        claimed=eq(g(2), THROUGH * d(x(3), x(2))),
        truths=(_layers("backward-g2"), _layers("backward-lost-skip")),
        evidence=_readings(g(2), THROUGH * d(x(3), x(2))),
    ),
    "S0-B5": Grounds(
        claimed=eq(g(1), FIRST_1),
        truths=(
            _layers("backward-g1"),
            _layers("backward-four-paths"),
            _layers(expression=eq(direct(FIRST_1) - g(1), -g(5) * D(5) * D(3) * (1 + J(2) * D(2) * J(1)))),
            _layers(
                expression=eq(
                    total(FIRST_1) - g(1),
                    g(5) * D(5) * (J(4) * D(4) * J(3) * D(3) * J(2) * D(2) * J(1) - D(3) * J(2) * D(2) * J(1) - D(3)),
                )
            ),
        ),
        evidence=_readings(g(1), FIRST_1),
    ),
    "S0-B6": Grounds(
        claimed=chain(g(1), FIRST_1, SECOND_1),
        truths=(
            _layers("backward-g1"),
            _layers(expression=eq(total(SECOND_1) - g(1), THROUGH_TRUE + g(3) * (1 - D(3)) * (1 + J(2) * D(2) * J(1)))),
            _layers(
                expression=eq(
                    total(SECOND_1).xreplace({g(3): NOTES_3}) - g(1),
                    THROUGH_TRUE
                    + NOTES_3 * (1 - D(3)) * (1 + J(2) * D(2) * J(1))
                    + g(5) * D(5) * J(4) * D(4) * J(3) * D(3) * (1 + J(2) * D(2) * J(1)),
                )
            ),
            _layers(expression=eq(direct(SECOND_1) - direct(FIRST_1), g(3) - g(5) * D(5) * J(4) * D(4) * J(3) * D(3))),
        ),
        evidence=(
            *_readings(g(1), SECOND_1),
            _four(OWN_3, eq(g(1), total(SECOND_1).xreplace({g(3): NOTES_3}))),
            Judged(
                f"the two forms against each other, {FIXED}",
                ("first form", words_as_latex("first form")),
                _both_forms,
                spaces.four_layers(),
                False,
                open_at(3),
                "The second form has the path over both skips, the first has not.",
            ),
        ),
    ),
    "S0-N1": Grounds(
        claimed=eq(g(5) * d(x(5), x(3)), g(5) * (d(F4, x(3)) + ONE)),
        truths=(
            _layers(
                expression=eq(Total(x(5), x(3)), D(5) * (1 + Total(F4, x(3)))),
            ),
            Truth(spaces.open_samples, eq(g(5) * Total(x(5), x(3)), g(5) * (1 + Total(F4, x(3)))), where=open_at(5)),
        ),
        evidence=(
            _four("ReLU open", N1, True, open_at(5), nonzero=True),
            _four("ReLU shut", N1, False, shut_at(5), "What is blocked is the skip itself."),
            _four(
                "ReLU shut, and the two sides agree by cancellation",
                N1,
                True,
                shut_at(5) & not_zero(g(5), "g_5"),
                "y_5 is negative, and the branch cancels the skip: 0 on both sides.",
                biases=(4,),
            ),
        ),
    ),
    "S0-N2": Grounds(
        claimed=N2,
        truths=(
            _layers("backward-g3"),
            _layers(expression=eq(g(3) - g(5) * Partial(x(5), x(4)) * Partial(x(4), x(3)), g(5) * D(5))),
        ),
        evidence=(
            _four(FIXED, direct(N2)),
            _four(MOVING, total(N2)),
            _four(OWN_3, total(N2).xreplace({g(3): NOTES_3})),
        ),
    ),
    "S0-N3": Grounds(
        claimed=eq(d(x(l + 2), x(l)), d(F(l + 1)(x(l + 1)), x(l)) + ONE),
        truths=(
            _block(eq(Total(y(l + 2), x(l)), 1 + Total(F(l + 1)(x(l + 1)), x(l)))),
            _block(eq(Total(x(l + 2), x(l)), D(l + 2) * (1 + Total(F(l + 1)(x(l + 1)), x(l))))),
        ),
        evidence=(
            _one(
                "the sum y before the ReLU",
                eq(Total(y(l + 2), x(l)), BLOCK_TOTAL),
                True,
                shut_at(3),
                nonzero=True,
            ),
            _one(
                "the state after the ReLU, open", eq(Total(x(l + 2), x(l)), BLOCK_TOTAL), True, open_at(3), nonzero=True
            ),
            _one("the state after the ReLU", eq(Total(x(l + 2), x(l)), BLOCK_TOTAL), False, nonzero=True),
        ),
    ),
    "S0-N4": Grounds(
        claimed=PRINTED,
        truths=(
            _block(BLOCK_GRADIENT),
            _unit(equation="at-least-both-signs"),
            Truth(partial(spaces.mean_samples, RandomBranch), equation="at-least-zero-mean"),
            Truth(partial(spaces.mean_samples, RandomDirection), equation="at-least-isotropic"),
            Truth(
                spaces.nonnegative_samples,
                equation="at-least-entrywise",
                where=_nonnegative,
                tight=spaces.zero_samples,
            ),
        ),
        evidence=(*FOUR_MEANINGS, BLOCKED),
    ),
    "S0-S1": Grounds(
        claimed=eq(d(y(l + 2), x(l)), d(F(l + 1)(x(l + 1)), x(l)) + ONE),
        truths=(
            _block(eq(Total(y(l + 2), x(l)), 1 + Total(F(l + 1)(x(l + 1)), x(l)))),
            _block(eq(Total(y(l + 2), x(l)), 1 + J(l + 1) * D(l + 1) * J(l))),
        ),
        evidence=(
            _one(
                MOVING,
                eq(Total(y(l + 2), x(l)), BLOCK_TOTAL),
                True,
                not_zero(BLOCK_TOTAL - 1, "the derivative of F"),
                nonzero=True,
            ),
            _one(
                "x_{l+1} held fixed on both sides",
                eq(Partial(F(l + 1)(x(l + 1)) + x(l), x(l)), Partial(F(l + 1)(x(l + 1)), x(l)) + 1),
                True,
                nonzero=True,
            ),
            _one(
                "two components",
                eq(Total(y(l + 2), x(l)), BLOCK_TOTAL),
                True,
                not_zero(BLOCK_TOTAL - 1, "the derivative of F"),
                space=_pair({g(3): [1, 1]}),
                text="The printed 1 is I.",
            ),
        ),
    ),
    "S0-S2": Grounds(
        claimed=eq(d(x(3), x(1)), d(y(3), x(1))),
        truths=(_layers(expression=eq(Total(x(3), x(1)), D(3) * Total(y(3), x(1)))),),
        evidence=(
            _after_relu("ReLU open", 3, True, open_at(3), biases=(3,)),
            _after_relu("ReLU shut", 3, False, shut_at(3), biases=(3,)),
            _four(
                f"ReLU shut, {FIXED}",
                eq(Partial(x(3), x(1)), Partial(SUM_3, x(1))),
                False,
                shut_at(3),
                biases=(3,),
                fixed=UPSTREAM,
            ),
        ),
    ),
    "S0-S3": Grounds(
        claimed=eq(d(x(5), x(3)), d(y(5), x(3))),
        truths=(_layers(expression=eq(Total(x(5), x(3)), D(5) * Total(y(5), x(3)))),),
        evidence=(
            _after_relu("ReLU open", 5, True, open_at(5)),
            _after_relu("ReLU shut", 5, False, shut_at(5)),
            _four(
                f"ReLU shut, {FIXED}",
                eq(Partial(x(5), x(3)), Partial(SUM_5, x(3))),
                False,
                shut_at(5),
                fixed=UPSTREAM,
            ),
        ),
    ),
    "S0-S4": Grounds(
        claimed=eq(d(F(l)(x(l)) + x(Symbol("i") - 1), x(l)), d(F(l + 1)(x(l + 1)), x(l)) + ONE),
        truths=(
            _block(eq(Total(F(l + 1)(x(l + 1)) + x(l), x(l)), 1 + Total(F(l + 1)(x(l + 1)), x(l)))),
            _layers(expression=eq(Partial(F2 + x(1), x(2)), J(2))),
        ),
        evidence=(
            _four(
                "y = F_2(x_2) + x_1 with respect to x_1",
                eq(Total(F2 + x(1), x(1)), Total(F2, x(1)) + 1),
                True,
                text="The skip starts at the state in question.",
                nonzero=True,
                fixed=UPSTREAM,
            ),
            _four(
                "y = F_2(x_2) + x_1 with respect to x_2",
                eq(Total(F2 + x(1), x(2)), Total(F(3)(x(3)), x(2)) + 1),
                False,
                text="Taken literally, i = l = 2: no skip starts at x_2.",
                nonzero=True,
                fixed=UPSTREAM,
            ),
        ),
    ),
    "S0-S5": Grounds(
        claimed=PRINTED, truths=(_block(BLOCK_GRADIENT), _GROWTH, LOWER), evidence=(*FOUR_MEANINGS, BLOCKED)
    ),
    "S0-S6": Grounds(
        claimed=Ge(Norm(at_least.below), Norm(at_least.g), evaluate=False),
        truths=(
            Truth(cancelling_samples, equation="unrolled-cancel", where=cancels),
            _unit(expression=eq(Factor("gbelow"), at_least.below)),
        ),
        evidence=(
            Example(
                "J = 0",
                eq(at_least.below, at_least.g),
                spaces.one_unit((1,)),
                True,
                _no_branch & not_zero(at_least.g, "g"),
                "The value is right.",
            ),
            Example(
                "a worse case",
                Ge(Norm(at_least.below), Norm(at_least.g), evaluate=False),
                spaces.one_unit((1,)),
                False,
                text="Nothing comes back.",
            ),
            Example(
                "a worse case that is not J = -I",
                Ge(Norm(at_least.below), Norm(at_least.g), evaluate=False),
                spaces.one_unit((2,)),
                False,
                cancels & not_minus_identity,
                "One left eigenvector is enough.",
            ),
        ),
    ),
    "S0-S7": Grounds(
        claimed=PRINTED,
        truths=(
            _layers(
                expression=together(
                    (
                        (loss_gradient(W(4)), Transpose(g(5) * D(5)) * Transpose(x(4))),
                        (loss_gradient(W(3)), Transpose(g(5) * D(5) * J(4) * D(4)) * Transpose(x(3))),
                    )
                )
            ),
            Truth(partial(spaces.chain_samples, "matrix", True), equation="backward-stop"),
        ),
        evidence=(
            Judged(
                "skip from x_3 to x_5",
                CHANGED,
                _said_to_change(5),
                spaces.four_layers(nonzero=True),
                False,
                _all_gradients & _reaches_both,
                "It changes what lies upstream of its block.",
            ),
            Judged(
                "skip from x_1 to x_3",
                CHANGED,
                _said_to_change(3),
                spaces.four_layers(nonzero=True),
                False,
                _all_gradients,
                "Upstream of x_1 there is no weight.",
            ),
        ),
    ),
    "S0-S8": Grounds(evidence=(Quoted("the picture", "highway", "a picture", "a picture", True, "srivastava2015"),)),
    "S0-S9": Grounds(
        truths=(
            Truth(spaces.inner_samples, equation="backward-block-inside", where=_has_inside),
            Truth(spaces.inner_samples, equation="backward-block-input"),
        ),
        evidence=(
            Example(
                "inside the block",
                eq(INSIDE, 0),
                spaces.block(),
                True,
                not_zero(backward_pass.upstream, "the gradient at the block's end")
                & not_zero(AT_INPUT, "that at its input"),
                "It dies out.",
            ),
            Example(
                "at the block's input",
                eq(AT_INPUT, backward_pass.upstream),
                spaces.block(),
                True,
                _dead_inside & not_zero(backward_pass.upstream, "the gradient at the block's end"),
                "Here the skip brings its copy.",
            ),
        ),
    ),
    "S2-S8": Grounds(
        truths=(
            Truth(
                spaces.highway_samples,
                eq(
                    Total(Factor("y"), Factor("x")),
                    Diag(T) * Hprime + 1 - Diag(T) + Diag(Hx - Factor("x")) * Tprime,
                ),
            ),
        ),
        evidence=(
            Quoted(
                "the picture",
                "reminiscent of highway networks",
                "a picture",
                "a picture",
                True,
                "srivastava2015",
            ),
            Example(
                "a gate that is 0 and does not move",
                eq(Total(Factor("y"), Factor("x")), 1),
                spaces.highway(),
                True,
                _shut_gate & _still_gate & _other_than_x,
                "The carry alone: I.",
            ),
            Example(
                "a gate that is 0 and moves",
                Ne(Total(Factor("y"), Factor("x")), 1, evaluate=False),
                spaces.highway(),
                True,
                _shut_gate & fails(eq(Tprime, 0), "the gate's derivative is not 0") & _other_than_x,
                "T = 0, and the Jacobian is not I.",
            ),
        ),
    ),
}
