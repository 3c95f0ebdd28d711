"""Exercises that answer: what is asked in each chapter, the truth, and what common mistakes are told.

In a notebook::

    from resnotes.exercises import check
    check("ex-scaling-share", (44, 0.1))

The built page asks the same and judges by the same data (exercises.js), without a kernel.
"""

from resnotes.exercises import applied, beyond, depths, notes
from resnotes.exercises.kinds import Choice, Exercise, Formula, Number, Verdict
from resnotes.exercises.notation import NotationError

__all__ = ["EXERCISES", "Choice", "Exercise", "Formula", "NotationError", "Number", "Verdict", "check"]

#: In the order of the chapters; each has a tuple ``EXERCISES``.
CHAPTERS = (notes, beyond, applied, depths)

#: label -> exercise.
EXERCISES: dict[str, Exercise] = {one.label: one for chapter in CHAPTERS for one in chapter.EXERCISES}


def check(label, answer) -> Verdict:
    """Judge an answer to an exercise of the book.

    Parameters
    ----------
    label : str
        The exercise, e.g. "ex-scaling-share"; the page shows it beside the exercise.
    answer : number, str, SymPy expression, array or function
        Numbers as numbers; a formula as a text in plain notation (``"g * (I + J)"``), a SymPy expression with
        symbols of these names, or a function of them; a choice as its text. A tuple where several are asked for.

    Returns
    -------
    Verdict
        True or false, and what there is to say; a common mistake is named.

    Raises
    ------
    ValueError
        For an unknown label, an answer of the wrong kind, or a formula that cannot be read.
    """
    if label not in EXERCISES:
        raise ValueError(f"label: got {label!r}, wanted one of {', '.join(EXERCISES)}")
    return EXERCISES[label].judge(answer)
