"""The equations of chapter 13."""

from __future__ import annotations

from functools import partial

from resnotes.equations.at_initialisation import BRANCH
from resnotes.equations.entry import Equation, chain, eq, together
from resnotes.symbolic import thousands_of_layers as chapter
from resnotes.symbolic.algebra import l
from resnotes.verify import thousands_of_layers as worlds

CHAPTER = "13_thousands_of_layers"
ROWS = "the rows of H_l add up to 1"


def build() -> list[Equation]:
    """In the order in which the chapter shows them."""
    here = partial(Equation, chapter=CHAPTER)
    every_network = partial(here, method="exhaustive", cases=12)
    total = chapter.stream_sum_derivation()
    return [
        here(
            "depths-gate-bias",
            expression=eq(*chapter.gate_bias),
            method="symbolic",
            exact=chapter.check_gate_bias,
            assumptions=("the gate's weight is 0 and its bias -log L",),
            rests_on=("operators-gate-start",),
        ),
        here(
            "depths-fixup",
            expression=eq(*chapter.fixup),
            method="numeric",
            world=worlds.FixupBranch,
            assumptions=(
                "m >= 2 weights with ReLUs between them, no biases",
                "all weights but the last times L^(-1/(2m-2))",
            ),
        ),
        every_network(
            "depths-post-sum", expression=eq(*chapter.post_sum), world=worlds.ScaledSum, rests_on=("init-branch",)
        ),
        here(
            "depths-post-limits",
            expression=together(chapter.post_limits),
            method="symbolic",
            exact=chapter.check_post_limits,
            assumptions=("kappa > 0",),
            rests_on=("depths-post-sum",),
        ),
        every_network("depths-streams", expression=eq(*chapter.stream_unit), method="definition", world=worlds.Streams),
        every_network(
            "depths-streams-moment",
            expression=chain(chapter.inner(l), chapter.inner_definition, chapter.inner_step),
            world=worlds.Streams,
            assumptions=BRANCH,
            rests_on=("depths-streams", "init-branch"),
        ),
        every_network(
            "depths-streams-sum",
            expression=eq(*chapter.stream_sum),
            proofs=(total,),
            world=partial(worlds.Streams, stochastic=True),
            assumptions=(*BRANCH, ROWS),
        ),
    ]
