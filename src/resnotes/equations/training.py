"""The equations of chapter 12."""

from __future__ import annotations

from functools import partial

from resnotes import verify
from resnotes.equations.entry import Equation, derived, eq, together
from resnotes.symbolic import training

TRAINING = "12_training"


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    gradient, scale, start = training.unit_gradient(), training.scale_gradient(), training.start_derivation()
    world = verify.ScaledBranches
    return [
        Equation("training-unit", TRAINING, together(training.unit), "definition", world=world),
        Equation(
            "training-gradient",
            TRAINING,
            derived(gradient),
            "symbolic",
            world=world,
            proofs=(gradient,),
        ),
        Equation(
            "training-scale",
            TRAINING,
            derived(scale),
            "symbolic",
            world=world,
            proofs=(scale,),
        ),
        Equation(
            "training-start",
            TRAINING,
            eq(*training.start),
            "exhaustive",
            start.assumptions,
            world=partial(world, fresh=True),
            proofs=(start,),
        ),
    ]
