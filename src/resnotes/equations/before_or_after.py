"""The equations of chapter 8."""

from __future__ import annotations

from functools import partial

from resnotes.book.registry import DEPTHS, Equation, derived, eq, together
from resnotes.symbolic import before_or_after as chapter
from resnotes.symbolic.algebra import Rule
from resnotes.symbolic.symbols import D
from resnotes.verify import before_or_after as worlds

AFTER = "08_before_or_after"
WALK = (
    "what the branches add to a component is symmetric, continuous, independent and equally distributed",
    "x_0 = ReLU of such an amount",
)


def build() -> list[Equation]:
    pre_gradient, batch_jacobian = chapter.pre_gradient(), chapter.batch_jacobian()
    no_epsilon = partial(worlds.BatchColumn, epsilon=0.0)
    return [
        Equation(
            "after-direct",
            AFTER,
            eq(chapter.gskip(chapter.l), chapter.direct().right),
            "induction",
            assumptions=(chapter.IDENTITY_SHORTCUT,),
            world=worlds.SkipOnly,
            rules=chapter.direct_rules(),
            index_values=DEPTHS,
            proofs=(chapter.direct(),),
        ),
        Equation("after-pre-unit", AFTER, eq(*chapter.pre_unit), "definition", world=worlds.PreActivated),
        Equation(
            "after-pre-gradient",
            AFTER,
            derived(pre_gradient),
            "symbolic",
            assumptions=(chapter.IDENTITY_SHORTCUT,),
            world=worlds.PreActivated,
            rules=(Rule(pre_gradient.quantity, pre_gradient.result),),
            proofs=(pre_gradient,),
        ),
        Equation(
            "after-pre-skip",
            AFTER,
            eq(*chapter.pre_skip),
            "symbolic",
            assumptions=(chapter.IDENTITY_SHORTCUT, "f = id"),
            world=partial(worlds.SkipOnly, after=False),
            rules=(*chapter.direct_rules(), Rule(D(chapter.i), chapter.S.One, index=chapter.i)),
            index_values=DEPTHS,
            rests_on=("after-direct",),
        ),
        Equation(
            "after-first-minimum",
            AFTER,
            eq(*chapter.first_minimum),
            "numeric",
            assumptions=WALK[:1],
            world=worlds.Walks,
        ),
        Equation(
            "after-survival",
            AFTER,
            eq(*chapter.survival),
            "symbolic",
            assumptions=WALK[:1],
            world=worlds.Walks,
            exact=chapter.check_survival,
            proofs=(chapter.prove_survival,),
            rests_on=("after-first-minimum",),
        ),
        Equation(
            "after-survival-bound",
            AFTER,
            chapter.survival_bound,
            "numeric",
            assumptions=("n >= 1",),
            world=worlds.Walks,
            tight=worlds.LongWalk,
            tight_tolerance=1e-6,
            rests_on=("after-survival",),
        ),
        Equation(
            "after-arcsine",
            AFTER,
            eq(*chapter.arcsine),
            "numeric",
            world=worlds.ReluWalk,
            assumptions=(chapter.IDENTITY_SHORTCUT, "f = ReLU", *WALK, "g_L independent of the states"),
            rests_on=("after-direct", "after-first-minimum"),
        ),
        Equation("after-norm", AFTER, eq(*chapter.norm), "definition", world=worlds.NormComponent),
        Equation(
            "after-norm-jacobian",
            AFTER,
            eq(*chapter.norm_jacobian),
            "symbolic",
            world=worlds.NormComponent,
            exact=chapter.check_norm_jacobian,
            rests_on=("after-norm",),
        ),
        Equation(
            "after-norm-share",
            AFTER,
            eq(*chapter.norm_share),
            "numeric",
            world=worlds.NormAfter,
            assumptions=(
                chapter.IDENTITY_SHORTCUT,
                "gamma = 1, epsilon = 0, statistics held fixed",
                "every component of a state is uncorrelated with that of its branch",
            ),
            rests_on=("after-direct", "after-norm-jacobian"),
        ),
        Equation("after-batch", AFTER, together(chapter.batch), "definition", world=worlds.BatchColumn),
        Equation(
            "after-batch-jacobian",
            AFTER,
            eq(*batch_jacobian),
            "symbolic",
            world=worlds.BatchColumn,
            exact=chapter.check_batch,
            proofs=(chapter.batch_derivation(),),
            rests_on=("after-batch",),
        ),
        Equation(
            "after-batch-lost",
            AFTER,
            eq(*chapter.batch_lost),
            "symbolic",
            assumptions=("epsilon = 0",),
            world=no_epsilon,
            exact=partial(chapter.check_batch, with_epsilon=False),
            rests_on=("after-batch-jacobian",),
        ),
    ]
