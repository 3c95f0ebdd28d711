"""The equations of chapter 9."""

from __future__ import annotations

from functools import partial

from resnotes import verify
from resnotes.book.registry import Equation, chain, eq, together
from resnotes.symbolic import at_initialisation as chapter
from resnotes.symbolic.algebra import l

CHAPTER = "09_at_initialisation"
#: What holds of the branch W_2 ReLU(W_1 x) exactly, by ``init-branch``.
BRANCH = (chapter.MEAN_FREE, chapter.GIVEN)
NO_EPSILON = ("epsilon = 0 in the normalisation",)
UNCORRELATED = "the numbers of a row are uncorrelated, with mean 0 and equal mean squares"
SYMMETRIC_BATCH = "the batch lies symmetrically about its mean, no sample at the mean"
BATCH = (
    "wide layers and a large batch: over the batch every normalised component is a standard normal number",
    "gradients of different samples uncorrelated",
)


def build() -> list[Equation]:
    branch, law, pre, rms = chapter.branch(), chapter.law(), chapter.pre_unit(), chapter.pre_unit(chapter.rms, 1)
    here = partial(Equation, chapter=CHAPTER)
    ensemble = partial(here, method="exhaustive", world=verify.AllNetworks, cases=8)
    one_branch = partial(here, method="exhaustive", world=verify.OneBranch, cases=12)
    normalised = partial(here, method="exhaustive", world=verify.Normalised, cases=12, assumptions=NO_EPSILON)
    return [
        here(
            "init-unit",
            expression=eq(*chapter.unit),
            method="definition",
            world=verify.AllNetworks,
            cases=8,
            rests_on=("forward-unit",),
        ),
        one_branch(
            "init-branch",
            expression=chain(branch.quantity, *(step.expression for step in branch.steps)),
            proofs=(branch,),
            assumptions=branch.assumptions,
            without=(
                (chapter.SYMMETRIC, partial(verify.OneBranch, broken="lopsided")),
                (chapter.NO_TIES, partial(verify.OneBranch, broken="ties")),
            ),
            rests_on=("backward-block-inside",),
        ),
        one_branch(
            "init-relu-first",
            expression=eq(*chapter.relu_first),
            world=verify.ReluFirst,
            assumptions=("W_1 of mean 0, its entries uncorrelated with variance v_1/n", "x fixed"),
        ),
        ensemble(
            "init-second-moment",
            expression=chain(chapter.second(l), chapter.second_definition, chapter.second_step),
            assumptions=BRANCH,
            rests_on=("init-unit", "backward-unit", "init-branch"),
        ),
        ensemble("init-factor", expression=eq(*chapter.one_unit), assumptions=BRANCH, rests_on=("init-second-moment",)),
        ensemble(
            "init-law",
            expression=eq(law.left, law.right),
            method="induction",
            proofs=(law,),
            assumptions=BRANCH,
            without=((chapter.NO_TIES, partial(verify.AllNetworks, ties=True)),),
            rests_on=("init-factor",),
        ),
        here(
            "init-spread",
            expression=eq(*chapter.spread),
            method="exhaustive",
            world=verify.PlainNetworks,
            cases=12,
            proofs=(chapter.check_spread,),
            assumptions=(
                "plain: x_{l+1} = W_l ReLU(x_l), the entries of W_l independent N(0, 2/n)",
                "x_0 given, its share q of positive components not 0",
                "g_L chosen without looking at the weights",
            ),
        ),
        here(
            "init-unbounded",
            expression=chapter.unbounded,
            method="numeric",
            world=verify.Squares,
            tight=partial(verify.Squares, kind="one"),
            assumptions=("kappa >= 0",),
            rests_on=("init-law",),
        ),
        here(
            "init-bounded",
            expression=chapter.bounded,
            method="numeric",
            world=verify.Squares,
            tight=partial(verify.Squares, kind="many"),
            tight_tolerance=1e-3,
            assumptions=("kappa >= 0",),
            cases=20,
            rests_on=("init-law",),
        ),
        here(
            "init-limits",
            expression=together(chapter.limits),
            method="symbolic",
            exact=chapter.check_limits,
            assumptions=("kappa > 0",),
            rests_on=("init-law",),
        ),
        here(
            "init-zero-last",
            expression=together(chapter.weight_gradients),
            method="numeric",
            world=verify.ZeroLast,
            rests_on=("backward-own-block",),
            assumptions=("y = x + W_2 ReLU(W_1 x)",),
        ),
        here(
            "init-zero-scale",
            expression=eq(*chapter.scale_gradient),
            method="numeric",
            world=verify.ZeroLast,
            rests_on=("backward-own-block",),
            assumptions=("y = x + alpha F(x)",),
        ),
        here(
            "init-norm",
            expression=eq(*chapter.norm),
            method="definition",
            world=verify.Normalised,
            assumptions=NO_EPSILON,
        ),
        here(
            "init-norm-jacobian",
            expression=eq(*chapter.norm_jacobian),
            method="symbolic",
            world=verify.Normalised,
            exact=chapter.check_norm_jacobian,
            assumptions=NO_EPSILON,
            rests_on=("init-norm",),
        ),
        normalised("init-pre-state", expression=eq(*chapter.pre_state), rests_on=("init-norm", "init-branch")),
        normalised(
            "init-pre-unit",
            expression=chain(pre.quantity, *(step.expression for step in pre.steps)),
            proofs=(pre,),
            rests_on=("init-norm-jacobian", "init-branch"),
        ),
        here(
            "init-pre-law",
            expression=eq(chapter.pre_product, chapter.pre_law),
            method="induction",
            proofs=(chapter.check_pre_law,),
            exact=chapter.check_pre_values,
            rests_on=("init-pre-unit", "init-pre-state"),
            assumptions=("kappa > 0",),
        ),
        one_branch("init-post-state", expression=eq(*chapter.post_state), rests_on=("init-branch",)),
        here(
            "init-rms",
            expression=eq(*chapter.rms_norm),
            method="definition",
            world=verify.RmsNormalised,
            assumptions=NO_EPSILON,
        ),
        here(
            "init-rms-jacobian",
            expression=eq(*chapter.rms_jacobian),
            method="symbolic",
            world=verify.RmsNormalised,
            exact=partial(chapter.check_norm_jacobian, centred=False),
            assumptions=NO_EPSILON,
            rests_on=("init-rms",),
        ),
        normalised(
            "init-rms-unit",
            expression=chain(rms.quantity, *(step.expression for step in rms.steps)),
            world=verify.RmsNormalised,
            proofs=(rms,),
            rests_on=("init-rms-jacobian", "init-branch"),
        ),
        here(
            "init-batch-kept",
            expression=chain(*chapter.batch_kept),
            method="exhaustive",
            world=verify.SymmetricBatch,
            cases=12,
            assumptions=(*NO_EPSILON, "gamma = 1", UNCORRELATED, SYMMETRIC_BATCH),
            without=(
                (UNCORRELATED, partial(verify.SymmetricBatch, broken="equal")),
                (SYMMETRIC_BATCH, partial(verify.SymmetricBatch, broken="skewed")),
            ),
            rests_on=("after-batch-jacobian",),
        ),
        here(
            "init-batch-spread",
            expression=eq(*chapter.rectified),
            method="numeric",
            world=verify.StandardNormal,
            cases=1,
            assumptions=("xi a standard normal number",),
        ),
        here(
            "init-batch-one",
            expression=together(chapter.batch_one),
            method="numeric",
            world=verify.BatchStrength,
            cases=6,
            assumptions=BATCH,
            rests_on=("init-batch-kept", "init-batch-spread"),
        ),
        here(
            "init-batch-two",
            expression=together(chapter.batch_two),
            method="numeric",
            world=partial(verify.BatchStrength, layers=2),
            cases=6,
            assumptions=BATCH,
            rests_on=("init-batch-kept", "init-batch-spread"),
        ),
        here(
            "init-batch-law",
            expression=eq(chapter.batch_product, chapter.batch_closed),
            method="induction",
            proofs=(chapter.check_batch_law,),
            world=verify.GrowingSpread,
            cases=12,
            rests_on=("init-batch-one", "init-batch-two"),
            assumptions=("kappa > 0, tau > 0",),
        ),
        here(
            "init-batch-power",
            expression=eq(*chapter.batch_power),
            method="numeric",
            exact=chapter.check_batch_power,
            rests_on=("init-batch-law",),
            assumptions=("kappa > 0, tau > 0",),
        ),
    ]
