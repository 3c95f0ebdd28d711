"""Formulas in plain notation, as readers type them, given values: numbers, and 2 × 2 matrices for what does not commute.

    g * (I + J) ^ 2      products keep their order, ^ is a power, I the identity
    T(A), inv(A)         transpose and inverse; A / B is A * inv(B)
    exp, log, sqrt, abs  of numbers; log is the natural one

exercises.js reads the same notation in the page, and the tests hold the two together.
"""

from __future__ import annotations

import ast
import math

import numpy as np

#: Random values are tried at so many points.
POINTS = 5
TOLERANCE = 1e-8
FUNCTIONS = {"exp": math.exp, "log": math.log, "sqrt": math.sqrt, "abs": abs}
LONGEST = 2000
UNREADABLE = "This cannot be read as a formula. Write * for every product, and ^ for powers."


class NotationError(ValueError):
    """A formula that cannot be read; the message is for the reader who typed it."""


def parse(text: str) -> ast.expr:
    """Read a formula.

    Raises
    ------
    NotationError
        If it is empty, too long, or no formula.
    """
    if not isinstance(text, str) or not text.strip():
        raise NotationError("There is nothing to check yet: type an answer.")
    if len(text) > LONGEST:
        raise NotationError(f"This is too long to be read: at most {LONGEST} characters are wanted.")
    try:
        return ast.parse(text.strip().replace("^", "**").replace("−", "-"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotationError(UNREADABLE) from None


def evaluate(tree: ast.expr, values: dict):
    """The value of a formula, a number or a 2 × 2 array, where its symbols have these values.

    Raises
    ------
    NotationError
        For a symbol that has no value, or an operation that is not defined.
    """
    if isinstance(tree, ast.Constant):
        if isinstance(tree.value, bool) or not isinstance(tree.value, (int, float)):
            raise NotationError(UNREADABLE)
        return float(tree.value)
    if isinstance(tree, ast.Name):
        if tree.id == "I" and any(np.ndim(value) for value in values.values()):
            return np.eye(2)
        if tree.id not in values:
            raise NotationError(f"“{tree.id}” is not one of the symbols here: {', '.join(values) or 'none'}.")
        return values[tree.id]
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
        value = evaluate(tree.operand, values)
        return -value if isinstance(tree.op, ast.USub) else value
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and len(tree.args) == 1 and not tree.keywords:
        return _call(tree.func.id, evaluate(tree.args[0], values))
    if isinstance(tree, ast.BinOp):
        return _binary(type(tree.op), evaluate(tree.left, values), evaluate(tree.right, values))
    raise NotationError(UNREADABLE)


def _call(name, value):
    if name in ("T", "inv"):
        if np.ndim(value) == 0:
            return value if name == "T" else _binary(ast.Div, 1.0, value)
        return value.T if name == "T" else _inverse(value)
    if name not in FUNCTIONS:
        raise NotationError(f"“{name}” is not known here: {', '.join(FUNCTIONS)}, T and inv are.")
    if np.ndim(value):
        raise NotationError(f"{name} is taken of numbers only.")
    try:
        return float(FUNCTIONS[name](value))
    except (ValueError, OverflowError):
        return math.nan


def _inverse(matrix):
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    if determinant == 0:
        return np.full((2, 2), math.nan)
    return np.array([[d, -b], [-c, a]]) / determinant


def _binary(operation, left, right):
    if operation in (ast.Add, ast.Sub):
        if np.ndim(left) != np.ndim(right):
            raise NotationError("A number and a matrix cannot be added: write I for the identity matrix.")
        return left + right if operation is ast.Add else left - right
    if operation is ast.Mult:
        return left @ right if np.ndim(left) and np.ndim(right) else left * right
    if operation is ast.Div:
        if np.ndim(right):
            return _binary(ast.Mult, left, _inverse(right))
        return left / right if right else left * math.nan
    if operation is ast.Pow:
        return _power(left, right)
    raise NotationError(UNREADABLE)


def _power(base, exponent):
    if np.ndim(exponent):
        raise NotationError("A power has a number as its exponent.")
    if np.ndim(base) == 0:
        try:
            value = base**exponent
        except (OverflowError, ZeroDivisionError):
            return math.nan
        return value if isinstance(value, float) else math.nan
    if exponent != round(exponent) or abs(exponent) > 1000:
        raise NotationError("A matrix has whole powers only.")
    base = _inverse(base) if exponent < 0 else base
    with np.errstate(all="ignore"):
        return np.linalg.matrix_power(base, abs(int(exponent)))


def random_values(numbers, matrices, rng) -> dict:
    """One random value for each symbol: numbers from 0.5 to 1.5, matrices with entries from -1.5 to 1.5."""
    values = {name: float(rng.uniform(0.5, 1.5)) for name in numbers}
    return {**values, **{name: rng.uniform(-1.5, 1.5, size=(2, 2)) for name in matrices}}


def close(got, want) -> bool:
    """Whether two values are the same but for rounding."""
    if np.ndim(got) != np.ndim(want):
        return False
    size = max(1.0, float(np.max(np.abs(want))))
    return bool(np.all(np.abs(np.subtract(got, want)) <= TOLERANCE * size))
