"""Answers that are SymPy expressions. SymPy is not loaded here: whoever hands one over has loaded it."""

from __future__ import annotations

import sys

import numpy as np

from resnotes.book.exercises import notation
from resnotes.book.exercises.notation import NotationError

SIGNS = {"Add": "+", "MatAdd": "+", "Mul": "*", "MatMul": "*"}
TRANSPOSES = ("Transpose", "transpose", "T")
POWERS = ("Pow", "MatPow", "Inverse")


def is_expression(answer) -> bool:
    """Whether it comes from SymPy."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(answer, (sympy.Basic, sympy.MatrixBase))


def is_number(answer) -> bool:
    """Whether it is a SymPy expression with a number as its value."""
    return is_expression(answer) and bool(getattr(answer, "is_number", False))


def refuse_commuting(expression, symbols):
    """Refuse symbols that commute and stand for what does not: SymPy has sorted the factors already.

    Raises
    ------
    NotationError
    """
    names = [
        symbol.name
        for symbol in sorted(expression.free_symbols, key=str)
        if symbol.is_commutative and symbols.get(symbol.name, "number") != "number"
    ]
    if names:
        listed = " ".join(names)
        raise NotationError(
            f"In SymPy, symbols commute, and {', '.join(names)} must not: what order you wrote is lost. "
            f'Use symbols("{listed}", commutative=False), or give the formula as a text.'
        )


def value(expression, values: dict):
    """The value of a SymPy expression where its symbols have these values.

    Raises
    ------
    NotationError
        For a symbol without a value, or a node that is not understood.
    """
    kind = type(expression).__name__
    if is_number(expression):
        return float(expression)
    if kind in ("Symbol", "Dummy", "MatrixSymbol"):
        return notation.value_of_name(expression.name, values)
    if getattr(expression, "is_Identity", False):
        return np.eye(notation.SIZE)
    parts = [value(part, values) for part in expression.args]
    if kind in TRANSPOSES:
        kind = "T"
    if (kind.lower() in notation.FUNCTIONS or kind in notation.CALLED) and len(parts) == 1:
        return notation.call(kind if kind in notation.CALLED else kind.lower(), parts[0])
    if kind in POWERS:
        return notation.power(parts[0], -1.0 if kind == "Inverse" else parts[1])
    if kind not in SIGNS:
        raise NotationError(f"{expression} cannot be given a value here.")
    total = parts[0]
    for part in parts[1:]:
        # In SymPy 1 + J stands for I + J where J does not commute.
        if SIGNS[kind] == "+" and np.ndim(total) != np.ndim(part):
            total, part = (one if np.ndim(one) else one * np.eye(notation.SIZE) for one in (total, part))
        total = notation.binary(SIGNS[kind], total, part)
    return total
