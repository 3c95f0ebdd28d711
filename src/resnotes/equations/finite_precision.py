"""The equations of chapter 11."""

from __future__ import annotations

from functools import partial

from resnotes import verify
from resnotes.equations.entry import Equation, chain, eq, together
from resnotes.equations.notes import DEPTHS
from resnotes.symbolic import finite_precision as chapter

STEM = "11_finite_precision"
NORMAL = "|t| from the smallest normal number to the largest number"


def _rounding(kind: str):
    return partial(verify.Rounding, kind=kind)


def build() -> list[Equation]:
    """In the order in which the chapter shows them."""
    return [
        Equation("precision-roundoff", STEM, eq(*chapter.roundoff), "definition", world=verify.Rounding),
        Equation(
            "precision-relative",
            STEM,
            chapter.relative,
            "numeric",
            (NORMAL,),
            world=verify.Rounding,
            tight=_rounding("worst"),
            rests_on=("precision-roundoff",),
        ),
        Equation(
            "precision-subnormal",
            STEM,
            chapter.subnormal,
            "numeric",
            ("|t| at most the smallest normal number",),
            world=_rounding("subnormal"),
            tight=_rounding("halfway"),
        ),
        Equation(
            "precision-stall",
            STEM,
            eq(*chapter.rest),
            "exhaustive",
            ("lambda a number of the format, 1/2 < lambda < 1", "1 / (2 (1 - lambda)) is not an odd number"),
            world=verify.Resting,
            exact=chapter.check_rest,
        ),
        Equation(
            "precision-lost",
            STEM,
            eq(*chapter.lost),
            "numeric",
            ("x a normal number of the format", "|F| <= u |x| / 2"),
            world=_rounding("lost"),
            rests_on=("precision-roundoff",),
        ),
        Equation(
            "precision-scale",
            STEM,
            chain(*chapter.scaled),
            "induction",
            ("no rounding",),
            world=verify.ScaledLoss,
            rules=chapter.scaled_rules(),
            index_values=DEPTHS,
            proofs=(chapter.scaled_induction(),),
            rests_on=("backward-unit", "backward-product"),
        ),
        Equation("precision-qr-step", STEM, together(chapter.qr_step), "definition", world=verify.LongProduct),
        Equation(
            "precision-qr",
            STEM,
            eq(*chapter.qr),
            "induction",
            world=verify.LongProduct,
            exact=chapter.check_qr,
            rests_on=("precision-qr-step",),
        ),
        Equation(
            "precision-qr-sum",
            STEM,
            eq(*chapter.volume),
            "numeric",
            ("square factors, none singular",),
            world=verify.LongProduct,
            rests_on=("precision-qr",),
        ),
    ]
