"""What an exercise asks for, and how an answer is judged."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from sympy import Basic, Expr, MatrixBase, MatrixSymbol, Pow, Symbol, Transpose
from sympy import Number as SymPyNumber
from sympy.matrices.expressions.matexpr import MatrixExpr

from resnotes import _validate
from resnotes.exercises import notation
from resnotes.exercises.notation import NotationError

SEED = 4


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer.

    Attributes
    ----------
    right : bool
    said : str
        One or two sentences for the reader.
    """

    right: bool
    said: str

    def __bool__(self):
        return self.right

    def __str__(self):
        return self.said

    __repr__ = __str__


RIGHT = Verdict(True, "Right.")


@dataclass(frozen=True)
class Number:
    """A number is asked for.

    Attributes
    ----------
    prompt : str
        What stands before the field, in plain text: "n =".
    value : number or callable
        The truth, or a function without arguments that computes it.
    tolerance : float
        Relative; the default takes three significant digits.
    also : tuple of numbers
        Other right answers.
    mistakes : tuple of (number, str)
        Wrong numbers, and what is said to who gives one.
    """

    prompt: str
    value: float | Fraction | Callable
    tolerance: float = 1e-3
    also: tuple = ()
    mistakes: tuple = ()

    kind = "number"

    @property
    def truth(self) -> float:
        """The right number."""
        return float(self.value() if callable(self.value) else self.value)

    def near(self, got, want) -> bool:
        """Whether `got` is `want` within the tolerance."""
        return abs(got - want) <= self.tolerance * abs(want) + 1e-12

    def judge(self, answer) -> Verdict:
        """Judge a number, or a formula in plain notation that has one as its value."""
        if isinstance(answer, str):
            answer = notation.evaluate(notation.parse(answer), {})
        if isinstance(answer, Basic) and answer.is_number:
            answer = float(answer)
        if isinstance(answer, np.ndarray) and answer.size == 1:
            answer = answer.item()
        if isinstance(answer, Fraction):
            answer = float(answer)
        got = _validate.finite_number(answer, "answer")
        if any(self.near(got, float(want)) for want in (self.truth, *self.also)):
            return RIGHT
        for wrong, said in self.mistakes:
            if self.near(got, float(wrong)):
                return Verdict(False, said)
        return Verdict(False, "Not this number.")

    def page(self) -> dict:
        """What the page needs to judge."""
        return {
            "right": [self.truth, *map(float, self.also)],
            "tolerance": self.tolerance,
            "mistakes": [[float(wrong), said] for wrong, said in self.mistakes],
        }


@dataclass(frozen=True)
class Choice:
    """One of several sentences is asked for.

    Attributes
    ----------
    prompt : str
    options : tuple of (str, str)
        What may be chosen, and what is said of it; the first is the right one, and the page mixes them.
    """

    prompt: str
    options: tuple

    kind = "choice"

    def judge(self, answer) -> Verdict:
        """Judge the text of an option."""
        said = dict(self.options)
        if answer not in said:
            _validate.refuse("answer", _validate.describe(answer), f"one of {'; '.join(said)}")
        right = answer == self.options[0][0]
        return Verdict(right, f"Right. {said[answer]}" if right else said[answer])

    def page(self) -> dict:
        """What the page needs to judge; options in alphabetical order, which gives nothing away."""
        options = sorted(self.options, key=lambda option: option[0])
        return {"options": [list(option) for option in options], "right": self.options[0][0]}


@dataclass(frozen=True)
class Formula:
    """A formula is asked for, in plain notation.

    Attributes
    ----------
    prompt : str
    answer : str
        A right formula. Every formula that is equal to it passes.
    numbers, matrices : tuple of str
        Its symbols. Matrices do not commute; rows and columns count as matrices.
    mistakes : tuple of (str, str)
        Wrong formulas, and what is said to who gives an equal one.
    """

    prompt: str
    answer: str
    numbers: tuple = ()
    matrices: tuple = ()
    mistakes: tuple = ()

    kind = "formula"

    def judge(self, answer) -> Verdict:
        """Judge a text, a SymPy expression, or a function of the symbols by name."""
        value_of = self._evaluator(answer)
        if self._agree(value_of, self._evaluator(self.answer)):
            return RIGHT
        for wrong, said in self.mistakes:
            if self._agree(value_of, self._evaluator(wrong)):
                return Verdict(False, said)
        return Verdict(False, "Not equal to the answer: at a random point the two differ.")

    def _agree(self, one, other) -> bool:
        rng = np.random.default_rng(SEED)
        for _ in range(notation.POINTS):
            values = notation.random_values(self.numbers, self.matrices, rng)
            if not notation.close(one(values), other(values)):
                return False
        return True

    def _evaluator(self, answer) -> Callable:
        if isinstance(answer, str):
            tree = notation.parse(answer)
            return lambda values: notation.evaluate(tree, values)
        if isinstance(answer, (Basic, MatrixBase)):
            return lambda values: value_of_expression(answer, values)
        if callable(answer):
            self._check_arguments(answer)
            return lambda values: answer(**values)
        wanted = "a text in plain notation, a SymPy expression, or a function"
        return _validate.refuse("answer", _validate.describe(answer), wanted)

    def _check_arguments(self, function):
        names, wanted = tuple(inspect.signature(function).parameters), (*self.numbers, *self.matrices)
        if sorted(names) != sorted(wanted):
            _validate.refuse("answer", f"a function of {', '.join(names)}", f"one of {', '.join(wanted)}")

    def page(self) -> dict:
        """What the page needs to judge."""
        return {
            "right": self.answer,
            "numbers": list(self.numbers),
            "matrices": list(self.matrices),
            "mistakes": [list(mistake) for mistake in self.mistakes],
        }


def value_of_expression(expression, values: dict):
    """The value of a SymPy expression whose symbols, commutative or not, have these names.

    Raises
    ------
    NotationError
        For a symbol without a value, or a node that is not understood.
    """
    if isinstance(expression, (Symbol, MatrixSymbol)):
        if expression.name == "I" and expression.name not in values:
            return np.eye(2)
        if expression.name not in values:
            raise NotationError(f"“{expression.name}” is not one of the symbols here: {', '.join(values)}.")
        return values[expression.name]
    if isinstance(expression, SymPyNumber) or (isinstance(expression, Expr) and expression.is_number):
        return float(expression)
    if getattr(expression, "is_Identity", False):
        return np.eye(2)
    parts = [value_of_expression(part, values) for part in expression.args]
    if isinstance(expression, Transpose):
        return notation._call("T", parts[0])
    if isinstance(expression, Pow) or (
        isinstance(expression, MatrixExpr) and type(expression).__name__ in ("MatPow", "Inverse")
    ):
        base, exponent = parts if len(parts) == 2 else (parts[0], -1.0)
        return notation._power(base, exponent)
    fold = {"Add": notation.ast.Add, "MatAdd": notation.ast.Add, "Mul": notation.ast.Mult, "MatMul": notation.ast.Mult}
    operation = fold.get(type(expression).__name__)
    if operation is None and len(parts) == 1 and type(expression).__name__.lower() in notation.FUNCTIONS:
        return notation._call(type(expression).__name__.lower(), parts[0])
    if operation is None:
        raise NotationError(f"{expression} cannot be given a value here.")
    total = parts[0]
    for part in parts[1:]:
        # In SymPy 1 + J stands for I + J where J does not commute.
        if operation is notation.ast.Add and np.ndim(total) != np.ndim(part):
            total, part = (x if np.ndim(x) else x * np.eye(2) for x in (total, part))
        total = notation._binary(operation, total, part)
    return total


@dataclass(frozen=True)
class Exercise:
    """An exercise of the book that can be answered.

    Attributes
    ----------
    label : str
        Its label in the chapter.
    level : int
        1, to see whether the chapter was understood; 2, to use it; 3, to go beyond it.
    asks : tuple of Number, Choice or Formula
        What is asked for, in order.
    solution : tuple of str
        What the worked solution must say, as it stands in the chapter: the answers in its notation.
    """

    label: str
    level: int
    asks: tuple
    solution: tuple = ()

    def judge(self, answer) -> Verdict:
        """Judge an answer, or a tuple of answers where several are asked for."""
        if len(self.asks) == 1:
            return self.asks[0].judge(answer)
        if not isinstance(answer, (tuple, list)) or len(answer) != len(self.asks):
            wanted = f"a tuple of {len(self.asks)} answers: {', '.join(ask.prompt for ask in self.asks)}"
            _validate.refuse("answer", _validate.describe(answer), wanted)
        verdicts = [ask.judge(one) for ask, one in zip(self.asks, answer, strict=True)]
        wrong = [
            f"{ask.prompt} {verdict.said}" for ask, verdict in zip(self.asks, verdicts, strict=True) if not verdict
        ]
        return Verdict(False, " ".join(wrong)) if wrong else RIGHT
