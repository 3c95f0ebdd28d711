"""The equations of chapter 10."""

from __future__ import annotations

from functools import partial

from resnotes import verify
from resnotes.book.registry import Equation, chain, eq
from resnotes.symbolic import shattered_gradients as chapter

CHAPTER = "10_shattered_gradients"
COINS = (chapter.COINS,)
SAME_TOP = (*COINS, "the same g_L for both inputs")
QUARTER = (*SAME_TOP, "beta = kappa = 1", "p = 1/4")
WIDE = ("wide layers with Gaussian weights", "both states of the same length")


def build() -> list[Equation]:
    branch, law = chapter.branch(), chapter.law()
    here = partial(Equation, chapter=CHAPTER)
    coins = partial(here, method="exhaustive", world=verify.CoinNetworks, cases=10)
    return [
        here(
            "shattered-definition",
            expression=eq(*chapter.definition),
            method="definition",
            world=verify.CoinNetworks,
            cases=10,
        ),
        here(
            "shattered-branch",
            expression=chain(branch.quantity, *(step.expression for step in branch.steps)),
            method="exhaustive",
            world=verify.CoinBranch,
            cases=12,
            proofs=(branch,),
            assumptions=branch.assumptions,
            rests_on=("init-branch",),
        ),
        coins(
            "shattered-unit",
            expression=eq(*chapter.one_unit),
            assumptions=COINS,
            rests_on=("shattered-branch", "init-unit"),
        ),
        coins(
            "shattered-product",
            expression=eq(law.left, law.right),
            method="induction",
            proofs=(law,),
            assumptions=SAME_TOP,
            rests_on=("shattered-unit",),
        ),
        coins(
            "shattered-law",
            expression=eq(*chapter.correlation_law),
            assumptions=SAME_TOP,
            rests_on=("shattered-product", "init-law", "shattered-definition"),
        ),
        coins(
            "shattered-plain",
            expression=eq(*chapter.plain),
            world=partial(verify.CoinNetworks, kind="plain"),
            assumptions=(*QUARTER, "lambda = 0"),
            rests_on=("shattered-law",),
        ),
        coins(
            "shattered-residual",
            expression=eq(*chapter.residual),
            rests_on=("shattered-law",),
            world=partial(verify.CoinNetworks, kind="identity"),
            assumptions=(*QUARTER, "lambda = 1"),
        ),
        here(
            "shattered-coactive",
            expression=eq(*chapter.coactive),
            method="numeric",
            world=verify.TwoStates,
            assumptions=("a Gaussian row of weights",),
        ),
        here(
            "shattered-angle",
            expression=eq(*chapter.next_angle),
            method="numeric",
            world=verify.TwoStates,
            assumptions=WIDE,
            rests_on=("shattered-coactive", "init-unit"),
        ),
        here(
            "shattered-centred",
            expression=eq(*chapter.centred_angle),
            method="numeric",
            world=verify.CentredStates,
            assumptions=("wide plain layers with Gaussian weights", "the mean over all inputs subtracted"),
            rests_on=("shattered-angle",),
        ),
        here(
            "shattered-apart",
            expression=eq(*chapter.apart_limit),
            method="symbolic",
            exact=chapter.check_apart,
            rests_on=("shattered-centred",),
        ),
        here(
            "shattered-step",
            expression=eq(*chapter.step_limit),
            method="symbolic",
            exact=chapter.check_step,
            assumptions=WIDE,
            rests_on=("shattered-angle",),
        ),
        here(
            "shattered-normalised",
            expression=eq(chapter.normalised_product, chapter.normalised_closed),
            method="induction",
            world=verify.Spreads,
            proofs=(chapter.check_normalised,),
            exact=chapter.check_normalised_values,
            rests_on=("shattered-law",),
        ),
        here(
            "shattered-normalised-limit",
            expression=eq(*chapter.normalised_limit),
            method="numeric",
            exact=chapter.check_normalised_limit,
            rests_on=("shattered-normalised",),
        ),
        here(
            "shattered-small-beta",
            expression=eq(*chapter.small_beta),
            method="numeric",
            exact=chapter.check_small_beta,
            rests_on=("shattered-normalised-limit",),
        ),
    ]
