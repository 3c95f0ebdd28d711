"""The equations of chapter 7, shortcuts as operators."""

from __future__ import annotations

from functools import partial

from sympy import Integer

from resnotes.book.registry import Equation, eq, together
from resnotes.symbolic import shortcuts_as_operators
from resnotes.symbolic.algebra import L, l
from resnotes.symbolic.derivation import DEEPEST
from resnotes.symbolic.shortcuts_as_operators import check_lengths
from resnotes.verify import shortcuts_as_operators as worlds

CHAPTER = "07_shortcuts_as_operators"
DEPTHS = tuple({l: Integer(low), L: Integer(high)} for high in range(1, DEEPEST + 1) for low in range(high))
STOCHASTIC = "no entry of H_i is negative; its rows and columns add up to 1"
GAUSSIAN = "entries of W_i independent, normal, mean 0, variance 1/n"


def _with(kind: str):
    return partial(worlds.Operators, kind=kind)


def build() -> list[Equation]:
    entry = partial(Equation, chapter=CHAPTER)
    forward, gradient = shortcuts_as_operators.forward(), shortcuts_as_operators.gradient()
    return [
        entry(
            "operators-forward",
            expression=eq(forward.left, forward.right),
            method="induction",
            assumptions=(shortcuts_as_operators.LINEAR,),
            world=_with("linear"),
            proofs=(forward,),
            rests_on=("forward-unit",),
        ),
        entry(
            "operators-gradient",
            expression=eq(gradient.left, gradient.right),
            method="induction",
            assumptions=(shortcuts_as_operators.NOTHING_AFTER,),
            world=_with("any"),
            proofs=(gradient,),
            rules=(shortcuts_as_operators.gradient_rule(),),
            index_values=DEPTHS,
            rests_on=("backward-unit",),
        ),
        entry(
            "operators-lower",
            expression=shortcuts_as_operators.lower,
            method="numeric",
            assumptions=("every H_i square",),
            world=_with("linear"),
            tight=_with("stretching"),
            rests_on=("operators-gradient",),
        ),
        entry(
            "operators-upper",
            expression=shortcuts_as_operators.upper,
            method="numeric",
            world=_with("linear"),
            tight=_with("stretching"),
            rests_on=("operators-gradient",),
        ),
        entry(
            "operators-rotation",
            expression=eq(*shortcuts_as_operators.rotation),
            method="exhaustive",
            assumptions=("U_i U_i^T = I",),
            world=_with("rotation"),
            exact=check_lengths(shortcuts_as_operators.orthogonal),
            proofs=(shortcuts_as_operators.rotation_derivation(),),
        ),
        entry(
            "operators-convolution",
            expression=eq(*shortcuts_as_operators.convolution),
            method="exhaustive",
            assumptions=("two channels, two positions, up to three units for the symbolic part",),
            world=worlds.Channels,
            exact=shortcuts_as_operators.check_convolution,
        ),
        entry(
            "operators-mixing-square",
            expression=eq(*shortcuts_as_operators.mixing_square),
            method="numeric",
            assumptions=("entries of W_i independent, mean 0, variance 1/n",),
            world=worlds.RandomSigns,
        ),
        entry(
            "operators-gaussian-log",
            expression=eq(*shortcuts_as_operators.gaussian_log),
            method="numeric",
            assumptions=(GAUSSIAN,),
            world=worlds.Gaussian,
            cases=20,
        ),
        entry(
            "operators-gate",
            expression=eq(*shortcuts_as_operators.gate),
            method="symbolic",
            world=worlds.Gated,
            exact=shortcuts_as_operators.check_gate,
            assumptions=("n up to 3 for the symbolic part",),
        ),
        entry(
            "operators-sigmoid",
            expression=together((shortcuts_as_operators.sigmoid_slope, shortcuts_as_operators.sigmoid)),
            method="symbolic",
            world=worlds.Gated,
            exact=shortcuts_as_operators.check_gate,
            proofs=(shortcuts_as_operators.sigmoid_derivation(),),
            rests_on=("operators-gate",),
            assumptions=("s = 1 - sigma(V x + b)", "n up to 3 for the symbolic part"),
        ),
        entry(
            "operators-gate-start",
            expression=eq(*shortcuts_as_operators.gate_start),
            method="exhaustive",
            assumptions=("the gate's weight is 0", "n from 0 to 8 for the symbolic part"),
            world=worlds.Bias,
            exact=shortcuts_as_operators.check_gate_start,
            rests_on=("operators-sigmoid",),
        ),
        entry(
            "operators-exclusive",
            expression=eq(*shortcuts_as_operators.exclusive),
            method="symbolic",
            world=worlds.Gated,
            exact=shortcuts_as_operators.check_gate,
            rests_on=("operators-sigmoid",),
            assumptions=("s = 1 - sigma(V x + b)", "n up to 3 for the symbolic part"),
        ),
        entry(
            "operators-dropout",
            expression=together(shortcuts_as_operators.dropout),
            method="exhaustive",
            assumptions=("masks independent, each 1 with probability q", "n from 0 to 6 for the symbolic part"),
            world=worlds.Masks,
            exact=shortcuts_as_operators.check_dropout,
        ),
        entry(
            "operators-stride",
            expression=eq(*shortcuts_as_operators.stride),
            method="symbolic",
            world=worlds.Strided,
            assumptions=("Q Q^T = I",),
            exact=check_lengths(shortcuts_as_operators.picks),
            proofs=(shortcuts_as_operators.stride_derivation(),),
        ),
        entry(
            "operators-stochastic-mean",
            expression=eq(*shortcuts_as_operators.stochastic_mean),
            method="exhaustive",
            assumptions=(STOCHASTIC,),
            world=_with("stochastic"),
            rules=(shortcuts_as_operators.keeps,),
            index_values=DEPTHS,
            proofs=(shortcuts_as_operators.stochastic_mean_derivation(),),
        ),
        entry(
            "operators-centre", expression=eq(*shortcuts_as_operators.centre), method="definition", world=worlds.Centred
        ),
        entry(
            "operators-stochastic-rest",
            expression=shortcuts_as_operators.stochastic_rest,
            method="numeric",
            assumptions=(STOCHASTIC,),
            world=_with("stochastic"),
            tight=_with("mixing"),
            rests_on=("operators-stochastic-mean", "operators-centre"),
        ),
        entry(
            "operators-rewrite",
            expression=eq(*shortcuts_as_operators.rewrite),
            method="symbolic",
            world=_with("linear"),
            assumptions=("the shortcut is linear",),
            rules=(),
        ),
    ]
