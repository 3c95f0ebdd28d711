"""What an exercise asks for, and how an answer is judged."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from resnotes import _validate
from resnotes.book.exercises import notation, of_sympy
from resnotes.book.exercises.notation import ShapeError


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


def number_of(text: str) -> float:
    """The value of a formula without symbols."""
    return float(notation.evaluate(notation.parse(text), {}))


@dataclass(frozen=True)
class Number:
    """A number is asked for.

    Attributes
    ----------
    prompt : str
        What stands before the field, in plain text: "n =".
    value : number or callable
        The truth, or a function without arguments that computes it.
    digits : int
        Right is what is off by at most half a unit of so many significant digits, and what rounds to the same.
    exact : bool
        Whether nothing but the number itself is right.
    unit : str
        May follow the number.
    also : tuple of float
        Other right answers.
    mistakes : tuple of (float, str)
        Wrong numbers, and what is said to who gives one.
    """

    prompt: str
    value: float | Fraction | Callable
    digits: int = 3
    exact: bool = False
    unit: str = ""
    also: tuple = ()
    mistakes: tuple = ()

    kind = "number"

    @classmethod
    def of(cls, prompt, truths, right=None, also=(), mistakes=(), **rest):
        """Read one from TOML; without `right` its truth is the next of `truths`."""
        value = next(truths) if right is None else number_of(right)
        mistakes = tuple((number_of(wrong), said) for wrong, said in mistakes)
        return cls(prompt, value, also=tuple(map(number_of, also)), mistakes=mistakes, **rest)

    @cached_property
    def truth(self) -> float:
        """The right number."""
        return float(self.value() if callable(self.value) else self.value)

    def interval(self, number) -> tuple[float, float]:
        """Lowest and highest number that count as this one."""
        if self.exact or number == 0:
            slack = 1e-9 * max(1.0, abs(number))
            return number - slack, number + slack
        last = 10.0 ** (math.floor(math.log10(abs(number))) - self.digits + 1)
        rounded, half = round(number / last) * last, last * (0.5 + 1e-6)
        return min(number, rounded) - half, max(number, rounded) + half

    def judge(self, answer) -> Verdict:
        """Judge a number, or a formula in plain notation that has one as its value."""
        if isinstance(answer, str):
            answer = notation.evaluate(notation.parse(answer.rstrip().removesuffix(self.unit)), {})
            if not math.isfinite(answer):
                return Verdict(False, "This is no finite number.")
        if of_sympy.is_number(answer) or isinstance(answer, Fraction):
            answer = float(answer)
        if isinstance(answer, np.ndarray) and answer.size == 1:
            answer = answer.item()
        got = _validate.finite_number(answer, "answer")
        for number, verdict in [
            *((right, RIGHT) for right in (self.truth, *self.also)),
            *((wrong, Verdict(False, said)) for wrong, said in self.mistakes),
        ]:
            low, high = self.interval(number)
            if low <= got <= high:
                return verdict
        return Verdict(False, "Not this number.")

    def page(self) -> dict:
        """What the page needs to judge."""
        return {
            "right": [self.interval(number) for number in (self.truth, *self.also)],
            "unit": self.unit,
            "mistakes": [[self.interval(wrong), said] for wrong, said in self.mistakes],
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

    @classmethod
    def of(cls, prompt, truths, options):
        """Read one from TOML."""
        return cls(prompt, tuple(map(tuple, options)))

    def judge(self, answer) -> Verdict:
        """Judge the text of an option, or the beginning of one alone."""
        meant = [
            option for option, _ in self.options if answer and isinstance(answer, str) and option.startswith(answer)
        ]
        if answer not in meant and len(meant) != 1:
            wanted = f"one of {'; '.join(option for option, _ in self.page()['options'])}"
            _validate.refuse("answer", _validate.describe(answer), wanted)
        chosen = answer if answer in meant else meant[0]
        said, right = dict(self.options)[chosen], chosen == self.options[0][0]
        return Verdict(right, f"Right. {said}" if right else said)

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
    right : str
        A right formula. Every formula that is equal to it passes.
    symbols : dict
        Name -> what it stands for, one of `notation.KINDS`. Only numbers commute.
    mistakes : tuple of (str, str)
        Wrong formulas, and what is said to who gives an equal one. Their shapes need not fit.
    """

    prompt: str
    right: str
    symbols: dict = field(default_factory=dict)
    mistakes: tuple = ()

    kind = "formula"

    @classmethod
    def of(cls, prompt, truths, right, symbols, mistakes=()):
        """Read one from TOML."""
        return cls(prompt, right, symbols, tuple(map(tuple, mistakes)))

    def __post_init__(self):
        for name, kind in self.symbols.items():
            if kind not in notation.KINDS:
                _validate.refuse(f"symbols[{name!r}]", repr(kind), f"one of {', '.join(notation.KINDS)}")

    def judge(self, answer) -> Verdict:
        """Judge a text, a number, a SymPy expression, or a function of the symbols by name."""
        given, does_not_fit = self._evaluator(answer), None
        try:
            if self._agree(given, self.right):
                return RIGHT
        except ShapeError as error:
            does_not_fit = error
        # What does not fit is still a mistake that may have a name: of square matrices all products can be taken.
        for wrong, said in self.mistakes:
            if self._agree_or_misfit(given, wrong, square=does_not_fit is not None):
                return Verdict(False, said)
        if does_not_fit:
            raise does_not_fit
        return Verdict(False, "Not equal to the answer: at a random point the two differ.")

    def _agree(self, given, formula, square=False) -> bool:
        tree = notation.parse(formula)
        return all(
            notation.close(given(values), notation.evaluate(tree, values))
            for values in notation.points(self.symbols, square)
        )

    def _agree_or_misfit(self, given, formula, square):
        """Whether a wrong formula is this mistake; one that does not fit is none of those that do."""
        try:
            return self._agree(given, formula, square)
        except ShapeError:
            return False

    def _evaluator(self, answer) -> Callable:
        if isinstance(answer, str):
            tree = notation.parse(answer)
            return lambda values: notation.evaluate(tree, values)
        if of_sympy.is_expression(answer):
            of_sympy.refuse_commuting(answer, self.symbols)
            return lambda values: of_sympy.value(answer, values)
        if callable(answer):
            self._check_arguments(answer)
            return lambda values: notation.as_number(np.asarray(answer(**values), dtype=float))
        if isinstance(answer, numbers.Real) and not isinstance(answer, bool):
            return lambda values: float(answer)
        wanted = "a text in plain notation, a SymPy expression, or a function"
        return _validate.refuse("answer", _validate.describe(answer), wanted)

    def _check_arguments(self, function):
        names = tuple(inspect.signature(function).parameters)
        if sorted(names) != sorted(self.symbols):
            _validate.refuse("answer", f"a function of {', '.join(names)}", f"one of {', '.join(self.symbols)}")

    def page(self) -> dict:
        """What the page needs to judge."""
        return {"right": self.right, "symbols": self.symbols, "mistakes": [list(mistake) for mistake in self.mistakes]}


ASKS = {"number": Number, "choice": Choice, "formula": Formula}


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
    required : int
        So many of the asks are answered at least; the rest may be left for later.
    """

    label: str
    level: int
    asks: tuple
    solution: tuple = ()
    required: int = 1

    @classmethod
    def of(cls, label, table, truths):
        """Read one from TOML.

        Parameters
        ----------
        label : str
        table : dict
            As tomllib reads it.
        truths : tuple of callable
            The numbers that are computed, in the order of the asks that give none.

        Raises
        ------
        ValueError
            Where an ask has no kind, or the truths are too few or too many.
        """
        asks, computed = [], [ask for ask in table["asks"] if "number" in ask and "right" not in ask]
        if len(computed) != len(truths):
            _validate.refuse(
                f"truths of {label}", f"{len(truths)}", f"{len(computed)}, one for each number without `right`"
            )
        truths = iter(truths)
        for ask in table["asks"]:
            kind = ASKS.keys() & ask.keys()
            if len(kind) != 1:
                _validate.refuse(f"an ask of {label}", f"the keys {', '.join(ask)}", f"one of {', '.join(ASKS)}")
            (kind,) = kind
            rest = {key: value for key, value in ask.items() if key != kind}
            asks.append(ASKS[kind].of(ask[kind], truths, **rest))
        return cls(label, table["level"], tuple(asks), tuple(table["solution"]), table.get("required", len(asks)))

    def judge(self, answer) -> Verdict:
        """Judge an answer, or a tuple of answers where several are asked for."""
        answers = answer if isinstance(answer, (tuple, list)) and len(self.asks) > 1 else (answer,)
        if not self.required <= len(answers) <= len(self.asks):
            least = "" if self.required == len(self.asks) else f"{self.required} to "
            wanted = f"a tuple of {least}{len(self.asks)} answers: {', '.join(ask.prompt for ask in self.asks)}"
            _validate.refuse("answer", _validate.describe(answer), wanted)
        if len(self.asks) == 1:
            return self.asks[0].judge(answer)
        verdicts = [(ask.prompt, ask.judge(one)) for ask, one in zip(self.asks, answers)]
        wrong = [f"{prompt} {verdict.said}" for prompt, verdict in verdicts if not verdict]
        if wrong:
            return Verdict(False, " ".join(wrong))
        left = [ask.prompt for ask in self.asks[len(answers) :]]
        return Verdict(True, f"Right. Asked as well: {'; '.join(left)}") if left else RIGHT
