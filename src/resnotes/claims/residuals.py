"""Notes 000 and 002, without their part on lambda: the four layers, forward and backward, and what is made of them."""

from __future__ import annotations

from functools import partial

import numpy as np
from sympy import Eq, Ge, Ne, Symbol, Tuple, real_roots

from ..equations import chain, eq
from ..symbolic import backward, bounds, forward
from ..symbolic.algebra import Factor, Norm, Partial, Transpose, l
from ..symbolic.quantities import D, E, F, H, J, g, loss_gradient, relu, x, y
from . import spaces
from .claim import Claim, Example, Judged, Quoted, Shown, Truth
from .exact import Logits, RandomBranch, RandomDirection, eye, plain
from .expressions import AsPrinted, Diag, Total, direct, total

FORWARD, BACKWARD, AT_LEAST = "01_forward_pass", "02_backward_pass", "06_at_least"
SCALING = "04_lambda_scaling"
BOTH = "000 and 002"

_shared = partial(Claim, note=BOTH)
_definition = partial(_shared, kind="definition", chapter=FORWARD, verdict="holds")
_mathematics = partial(_shared, kind="mathematics", chapter=BACKWARD)


# Conditions on examples.


def nonzero(world) -> bool:
    """Every number that was free to choose is different from 0."""
    return all(entry != 0 for entry in world.entries())


def open_at(k):
    """ReLU lets every component of x_k through."""
    return lambda world: bool((world.value_D(k) == eye(world.n)).all())


def shut_at(k):
    """ReLU blocks some component of x_k."""
    return lambda world: not open_at(k)(world)


def both(*conditions):
    """All of them."""
    return lambda world: all(condition(world) for condition in conditions)


def not_zero(expression):
    """The value is not 0 in every entry."""
    return lambda world: any(entry != 0 for entry in np.ravel(world.evaluate(expression)))


def satisfies(relation):
    """Another relation holds."""
    return lambda world: world.holds(relation)


def fails(relation):
    """Another relation does not hold."""
    return lambda world: not world.holds(relation)


# The printed formulas, in the book's names.


def d(of, by):
    """A derivative as the notes print it."""
    return AsPrinted(of, by)


F2, F4 = F(2)(x(2)), F(4)(x(4))
THROUGH = g(5) * d(x(5), x(4)) * d(x(4), x(3))
FIRST_3 = THROUGH + g(5) * d(x(5), x(3))
SECOND_3 = THROUGH + g(5) * (d(F4, x(3)) + 1)
FIRST_1 = THROUGH * d(x(3), x(2)) * d(x(2), x(1)) + THROUGH * d(x(3), x(1))
SECOND_1 = THROUGH * d(x(3), x(2)) * d(x(2), x(1)) + g(3) * (d(F2, x(1)) + 1)
#: The notes' own g_3, with the total derivative: the branch counted twice.
NOTES_3 = Factor("gprinted", 3)

FIXED, MOVING = "∂ with the other states held fixed", "∂ as the total derivative"


def _four(name, says, outcome=False, where=None, text="", biases=(), top=2):
    return Example(name, says, spaces.four_layers(biases=biases, top=top), outcome, where or (lambda world: True), text)


def _readings(left, right, name="", note_3=False):
    """A printed right side in both readings, each refuted."""
    examples = []
    for reading, how in ((FIXED, direct), (MOVING, total)):
        examples.append(_four(f"{name}{reading}", eq(left, how(right))))
        if note_3:
            own = how(right).xreplace({g(3): NOTES_3})
            examples.append(_four(f"{name}{reading}, g_3 as the notes have it", eq(left, own)))
    return tuple(examples)


def _layers(equation="", expression=None, where=None):
    return Truth(spaces.layers_bank, expression, equation, where or (lambda world: True))


def _block(expression=None, equation="", where=None):
    return Truth(spaces.block_bank, expression, equation, where or (lambda world: True))


# "At least".

PRINTED = Ge(g(l), g(l + 2), evaluate=False)
BY_NORM = Ge(Norm(g(l)), Norm(g(l + 2)), evaluate=False)
BLOCK_GRADIENT = eq(g(l), g(l + 2) * D(l + 2) * (1 + Total(F(l + 1)(x(l + 1)), x(l))))
#: Two components, every ReLU open: W_1 = I, and a bias that keeps x_3 positive.
OPEN_PAIR = {Factor("W", 1): [[1, 0], [0, 1]], Factor("x", 1): [1, 1], Factor("b", 2): [2, 2]}


def at_least(name, says, where, space=None, text="", outcome=False):
    """One meaning of the sign, on the notes' own block."""
    return Example(name, says, space or spaces.one_block(biases=(2,)), outcome, where, text)


def _pair():
    return spaces.one_block((2,), fixed=OPEN_PAIR)


FOUR_MEANINGS = (
    at_least("a signed number, ReLU open", PRINTED, both(open_at(3), satisfies(BY_NORM)),
             text="The gradient grows in size, downwards."),
    at_least("an absolute value, ReLU open", BY_NORM, both(open_at(3), satisfies(PRINTED)),
             text="The branch cancels the skip: nothing comes back."),
    at_least("every entry of a vector, ReLU open", PRINTED, both(open_at(3), satisfies(BY_NORM)), _pair(),
             "The norm does not shrink, an entry does."),
    at_least("the norm of a vector, ReLU open", BY_NORM, both(open_at(3), satisfies(PRINTED)), _pair(),
             "No entry shrinks, the norm does."),
)
BLOCKED = at_least("an absolute value, ReLU shut", BY_NORM, shut_at(3),
                   text="y_3 is negative: ReLU blocks branch and skip alike.")

_unit = partial(Truth, spaces.unit_bank)
_LOWER = _unit(equation="at-least-lower", tight=True)
_GROWTH = _unit(equation="at-least-growth")


# The loss.


def _target(world) -> bool:
    """p is a probability vector, x_5 the output of a ReLU."""
    p = world.data[Factor("p")]
    return all(entry >= 0 for entry in p) and sum(p) == 1 and all(entry >= 0 for entry in world.data[world.given])


def _positive(world) -> bool:
    return _target(world) and all(entry > 0 for entry in world.data[x(5)])


def _loss_value(left):
    return lambda world: (world.evaluate(left), world.evaluate(forward.cross_entropy[0]))


_PRINTED_LOSS = -forward.literal[1]  # the sum of p log x_5, without the minus sign


def _all_differ(world) -> bool:
    if not _positive(world):
        return False
    values = {world.evaluate(side) for side in (forward.cross_entropy[0], forward.literal[0], _PRINTED_LOSS)}
    return len(values) == 3


def _with_log_of_zero(world) -> bool:
    return _target(world) and any(v == 0 and p > 0 for v, p in zip(world.data[x(5)], world.data[Factor("p")]))


LOSS = ("E", r"\mathcal{E}")
k = forward.k
LOGIT = forward.logit(k)


def _gradient_reading(name, of, by, right, space=None, outcome=False, where=_target, text=""):
    return Example(name, eq(Partial(of, by), right), space or spaces.loss(), outcome, where, text)


def _meeting_points():
    """Where -p/x and x - p meet for p = 1: the real roots of x^2 - x + 1."""
    symbol = Symbol("x")
    found = len(real_roots(symbol**2 - symbol + 1))
    return "every x_5", "no real x_5" if found == 0 else f"{found} values of x_5"


# What a skip changes.


def _changed_by(skip):
    """Weights whose gradient changes when the way back over one skip is closed."""
    def names(world):
        return tuple(f"W_{k}" for k in world.layers
                     if (world.parameter_gradient("W", k) != world.parameter_gradient("W", k, (skip,))).any())

    return names


def _said_to_change(skip):
    inside = ("W_1", "W_2") if skip == 3 else ("W_3", "W_4")
    return lambda world: (inside, _changed_by(skip)(world))


def _all_gradients(world) -> bool:
    """No weight gradient is 0 by accident."""
    return all((world.parameter_gradient("W", k) != 0).all() for k in world.layers)


# Shortcuts other than the identity.

SAME_LENGTH = Ne(H(0) * Transpose(H(0)), 1, evaluate=False)


def _not_identity(world) -> bool:
    return not (world.value_H(0) == eye(world.n)).all()


def _not_a_sign(world) -> bool:
    return not any((world.value_H(0) == sign * eye(world.n)).all() for sign in (1, -1))


def _orthogonal(world) -> bool:
    return all((world.value_H(m) @ world.value_H(m).T == eye(world.n)).all() for m in range(world.depth))


def _rotations():
    """Chains of shortcuts that only swap and negate components, branches switched off."""
    return [world for world in spaces.chain((1, 2), (2,), shortcut="matrix", branch=False, top=1).sample(4000, seed=12, top=1)
            if _orthogonal(world)]


def _averaging():
    """g = (1, -1) over the doubly stochastic shortcut with all entries 1/2, against its mean and its norm."""
    from fractions import Fraction  # noqa: PLC0415

    half = Fraction(1, 2)
    below = np.array([1, -1], dtype=object) @ np.array([[half, half], [half, half]], dtype=object)
    return (1, -1), tuple(below)


CLAIMS = (
    _mathematics(
        id="S0-A1", place="abstract, first sentence", chapter=AT_LEAST, verdict="wrong",
        statement="With a skip around every second layer, the gradient at layer l is always at least the gradient two "
                  "layers further up.",
        claimed=PRINTED,
        corrected="The gradient is the one above, masked by ReLU, times I + J, where J is the total Jacobian of the "
                  "branch. Its norm is at least 1 - |J| times the norm above, with the spectral norm of J, and no "
                  "better bound holds for all J: J = -cI meets it. No gradient shrinks exactly if J + J^T + J J^T has no "
                  "negative eigenvalue. With a ReLU after the addition there is no lower bound at all.",
        truths=(_block(BLOCK_GRADIENT), _LOWER, _GROWTH),
        evidence=(*FOUR_MEANINGS, BLOCKED), rests_on=("backward-unit",),
    ),
    _mathematics(
        id="S0-A2", place="abstract, second half of the first sentence", chapter=SCALING, verdict="conditions",
        statement="Deep networks keep this feature only if the shortcut is the identity.",
        claimed=Eq(H(l), 1, evaluate=False),
        corrected="The identity is enough to keep the shortcut term unscaled. What is necessary is less: the singular "
                  "values of every product of shortcuts stay between two positive constants. Orthogonal shortcuts do "
                  "that, and so do scalars whose sums of log|lambda| stay bounded. Mixing with a doubly stochastic "
                  "matrix keeps the mean of the gradient and may lose the rest.",
        truths=(Truth(_rotations, eq(Norm(g(l)), Norm(backward.L and Factor("g", backward.L)))),),
        evidence=(
            Example("a shortcut other than the identity that keeps every length", SAME_LENGTH,
                    spaces.chain(shortcut="matrix", branch=False), False, _not_identity, "A sign."),
            Example("the same with two components", SAME_LENGTH,
                    spaces.chain(widths=(2,), shortcut="matrix", branch=False, top=1), False, _not_a_sign,
                    "A permutation of the components."),
            Example("a shortcut that does not keep lengths", SAME_LENGTH,
                    spaces.chain(shortcut="matrix", branch=False), True, both(_not_identity, nonzero), "A scaling."),
            Shown("a doubly stochastic shortcut", ("g H", "g H"), _averaging, False,
                  (("g", "g", (1, -1)), ("H", "H", (("1/2", "1/2"), ("1/2", "1/2")))),
                  "The mean of g is kept, which is 0. Everything else is gone."),
        ),
        reference="he2016", rests_on=("scaling-log-size",),
    ),
)
