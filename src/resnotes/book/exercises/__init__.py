"""Exercises that answer: what is asked in each chapter, the truth, and what common mistakes are told.

In a notebook::

    from resnotes.book import check
    check("ex-scaling-share", (44, 0.1))

The built page asks the same and judges by the same data (exercises.js), without a kernel.

What is asked and what is said stands in the TOML files beside this one, a file a chapter and a table an exercise:

    [ex-label]                      as in the chapter
    level = 1                       to check; 2, to use; 3, to go beyond
    solution = ["44"]               what the worked solution must say, in its own notation
    required = 1                    so many asks are answered at least in a notebook (default: all)

    [[ex-label.asks]]               in order; one of
    number = "n ="                  the prompt of a number; `right` in plain notation, or a function in truths.py;
                                    `digits` (default 3) or `exact = true`; `also`, other right ones; `unit`
    choice = "It is"                the prompt of a choice; `options`, the right one first, each with what is said of it
    formula = "g ="                 the prompt of a formula; `right`; `symbols`, name -> kind (notation.KINDS)
    mistakes = [["43", "Off …"]]    of numbers and formulas: wrong answers in plain notation, and what is said to them
"""

import tomllib
from pathlib import Path

from resnotes.book.exercises.kinds import Choice, Exercise, Formula, Number, Verdict
from resnotes.book.exercises.notation import NotationError
from resnotes.book.exercises.truths import TRUTHS

__all__ = ["DUMMY", "EXERCISES", "Choice", "Exercise", "Formula", "NotationError", "Number", "Verdict", "check"]

#: In the order of the book; the first holds the exercise on which the book shows what `check` does.
FILES = (
    "dummy",
    "forward_pass",
    "backward_pass",
    "merge_point",
    "lambda_scaling",
    "unrolled_sum",
    "at_least",
    "shortcuts_as_operators",
    "before_or_after",
    "at_initialisation",
    "shattered_gradients",
    "finite_precision",
    "training",
    "thousands_of_layers",
    "your_own_network",
    "residual_stream",
)


def read(text, truths):
    """The exercises of one TOML file, label -> exercise; `truths` has the numbers that are computed."""
    return {label: Exercise.of(label, table, truths.get(label, ())) for label, table in tomllib.loads(text).items()}


_ALL = {
    label: exercise
    for name in FILES
    for label, exercise in read(Path(__file__).with_name(f"{name}.toml").read_text("utf-8"), TRUTHS).items()
}
DUMMY = _ALL.pop("ex-dummy")

#: label -> exercise.
EXERCISES: dict[str, Exercise] = _ALL


def check(label, answer) -> Verdict:
    """Judge an answer to an exercise of the book.

    Parameters
    ----------
    label : str
        The exercise, e.g. "ex-scaling-share"; the page shows it beside the exercise.
    answer : number, str, SymPy expression, array or function
        Numbers as numbers; a formula as a text in plain notation (``"g*(I + J)"``), a SymPy expression with
        symbols of these names (``commutative=False`` for what stands for a matrix), or a function of them that
        takes rows (1, 3), columns (3, 1) and matrices (3, 3); a choice as its text, or as the beginning of it.
        A tuple where several are asked for.

    Returns
    -------
    Verdict
        True or false, and what there is to say; a common mistake is named.

    Raises
    ------
    ValueError
        For an unknown label, an answer of the wrong kind, or a formula that cannot be read.
    """
    exercise = DUMMY if label == DUMMY.label else EXERCISES.get(label)
    if exercise is None:
        raise ValueError(f"label: got {label!r}, wanted one of {', '.join(EXERCISES)}")
    return exercise.judge(answer)
