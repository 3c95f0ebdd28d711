"""Exact arithmetic: integers and fractions, derivatives by dual numbers, no rounding anywhere.

Every derivative is found by pushing ``x + epsilon`` through forward passes (epsilon squared is 0), so that no
backward rule is used.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from sympy import (
    Eq,
    Expr,
    Float,
    Ge,
    Gt,
    Le,
    Lt,
    Ne,
    Rational,
    exp,
    expand,
    expand_log,
    fraction,
    log,
    simplify,
    sqrt,
    sympify,
    together,
)

from resnotes.book.oracles import Numbers


class Dual:
    """a + b epsilon, with epsilon squared 0: a value and its derivative."""

    __slots__ = ("value", "slope")

    def __init__(self, value, slope=0):
        self.value, self.slope = value, slope

    def __add__(self, other):
        if isinstance(other, np.ndarray):
            return NotImplemented
        value, slope = _parts(other)
        return Dual(self.value + value, self.slope + slope)

    __radd__ = __add__

    def __mul__(self, other):
        if isinstance(other, np.ndarray):
            return NotImplemented
        value, slope = _parts(other)
        return Dual(self.value * value, self.value * slope + self.slope * value)

    __rmul__ = __mul__

    def __truediv__(self, other):
        value, slope = _parts(other)
        inverse = Fraction(1) / value
        return self * Dual(inverse, -slope * inverse * inverse)

    def __rtruediv__(self, other):
        return Dual(other) / self

    def __pow__(self, power):
        return Dual(self.value**power, power * self.value ** (power - 1) * self.slope)

    def __neg__(self):
        return Dual(-self.value, -self.slope)

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    def __gt__(self, other):
        return self.value > _parts(other)[0]

    def __repr__(self):
        return f"Dual({self.value}, {self.slope})"


def _parts(number):
    return (number.value, number.slope) if isinstance(number, Dual) else (number, 0)


def array(entries) -> np.ndarray:
    """An array of exact numbers."""
    return np.array(entries, dtype=object)


def eye(n: int) -> np.ndarray:
    """The identity matrix, in integers."""
    return array([[int(r == c) for c in range(n)] for r in range(n)])


def rectify(v: np.ndarray) -> np.ndarray:
    """ReLU, entry by entry."""
    return array([entry if entry > 0 else 0 for entry in v])


def jacobian(function, v: np.ndarray) -> np.ndarray:
    """d function / d v, shape (m, n), by one dual number a column."""
    columns = []
    for k in range(len(v)):
        moved = v.copy()
        moved[k] = Dual(v[k], 1)
        columns.append([_parts(entry)[1] for entry in np.ravel(function(moved))])
    return array(columns).reshape(len(v), -1).T


def plain(value):
    """An exact number, a tuple (a vector) or a tuple of tuples (a matrix). A single entry is its number.

    Raises
    ------
    ValueError
        If a float is among the entries.
    """
    if isinstance(value, np.ndarray):
        if value.size == 1:
            return plain(value.item())
        if value.ndim == 2 and 1 not in value.shape:
            return tuple(tuple(plain(entry) for entry in line) for line in value)
        return tuple(plain(entry) for entry in value.ravel())
    if isinstance(value, (tuple, list)):
        return tuple(plain(entry) for entry in value)
    if isinstance(value, (float, Float, np.floating)) or (isinstance(value, Expr) and value.has(Float)):
        raise ValueError(f"value: got the float {value}, want an exact number")
    if isinstance(value, Rational):
        value = Fraction(int(value.p), int(value.q))
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    return simplify(value) if isinstance(value, Expr) else value


# Relations between exact values.


def sign(number) -> int:
    """-1, 0 or 1, decided exactly: by simplification where digits do not settle it."""
    if isinstance(number, (int, Fraction)):
        return (number > 0) - (number < 0)
    number = sympify(number)
    if number.is_Rational:
        return int(bool(number > 0)) - int(bool(number < 0))
    if not number.is_finite:
        raise ValueError(f"number: got {number}, want a finite one")
    digits = number.evalf(40)
    if abs(digits) > Rational(1, 10**20):
        return 1 if digits > 0 else -1
    if expand(fraction(together(number))[0]) == 0:
        return 0
    if simplify(expand_log(number, force=True)) != 0:
        raise ValueError(f"number: got {number}, which is neither shown to be 0 nor far enough from it")
    return 0


def matched(left, right):
    """Both values as arrays of one shape: a number beside a square matrix is a multiple of I."""
    left, right = (value if isinstance(value, np.ndarray) else array([[value]]) for value in (left, right))
    if left.shape != right.shape:
        left, right = _like(left, right), _like(right, left)
    if left.shape != right.shape:
        raise ValueError(f"sides: got shapes {left.shape} and {right.shape}, want one shape")
    return left.ravel(), right.ravel()


def _like(value, other):
    if value.size != 1:
        return value
    number = value.item()
    if not isinstance(number, Expr) and number == 0:
        return array(np.zeros(other.shape, dtype=int).tolist())
    return eye(len(other)) * number if other.shape[0] == other.shape[1] else value


def satisfied(kind: type, left, right) -> bool:
    """Whether ``left kind right`` holds, for every entry."""
    differences = [_difference(a, c) for a, c in zip(*matched(left, right), strict=True)]
    if kind is Ne:
        return any(difference != 0 for difference in differences)
    test = {
        Eq: lambda s: s == 0,
        Ge: lambda s: s >= 0,
        Gt: lambda s: s > 0,
        Le: lambda s: s <= 0,
        Lt: lambda s: s < 0,
    }
    return all(test[kind](difference) for difference in differences)


def _difference(a, c) -> int:
    if isinstance(a, Expr) and isinstance(c, Expr) and a == c:
        return 0
    return sign(a - c)


def number(node: Expr):
    """A number of a formula, exactly."""
    return int(node) if node.is_Integer else Fraction(int(node.p), int(node.q)) if node.is_Rational else node


def _entrywise(function, slope):
    """A function of SymPy's, entry by entry, through dual numbers too."""

    def value(entry):
        if not isinstance(entry, Dual):
            return function(sympify(entry))
        return Dual(value(entry.value), slope(sympify(entry.value)) * entry.slope)

    return lambda v: array([value(entry) for entry in np.ravel(v)])


def norm(value, kind: str):
    """The Euclidean or Frobenius norm, and of two rows the spectral norm."""
    value = np.atleast_2d(np.asarray(value, dtype=object))
    if kind == "1":
        return sum(abs(entry) for entry in value.ravel())
    if kind == "2" and min(value.shape) > 1:
        return sqrt(_largest_eigenvalue(value @ value.T))
    return sqrt(sympify(sum(entry * entry for entry in value.ravel())))


def _largest_eigenvalue(symmetric):
    if len(symmetric) != 2:
        raise KeyError("a spectral norm is computed exactly for two rows alone")
    trace = symmetric[0, 0] + symmetric[1, 1]
    determinant = symmetric[0, 0] * symmetric[1, 1] - symmetric[0, 1] * symmetric[1, 0]
    return (sympify(trace) + sqrt(sympify(trace**2 - 4 * determinant))) / 2


def inverse(matrix):
    """The inverse of a matrix of one or two rows, in fractions; KeyError where there is none."""
    if matrix.shape == (1, 1):
        determinant, adjugate = matrix[0, 0], array([[1]])
    elif matrix.shape == (2, 2):
        (p, q), (r, s) = matrix
        determinant, adjugate = p * s - q * r, array([[s, -q], [-r, p]])
    else:
        raise KeyError(f"no inverse of a matrix of shape {matrix.shape} is computed")
    if determinant == 0:
        raise KeyError("the matrix has no inverse")
    return adjugate * (Fraction(1) / determinant)


def draw(rng, *shape) -> np.ndarray:
    """Small fractions, all over the same denominator."""
    denominator = int(rng.integers(1, 4))
    return array([Fraction(int(k), denominator) for k in rng.integers(-3, 4, size=shape).ravel()]).reshape(shape)


def compare(got, want, size: float = 0.0) -> float:
    """0 where two values are the same, else infinite."""
    try:
        return 0.0 if satisfied(Eq, got, want) else math.inf
    except ValueError:  # of other shapes
        return math.inf


#: Integers and fractions, derivatives by dual numbers.
FRACTIONS = Numbers(
    jacobian=jacobian,
    relu=rectify,
    exp=_entrywise(exp, exp),
    log=_entrywise(log, lambda v: 1 / v),
    eye=eye,
    array=array,
    norm=norm,
    inverse=inverse,
    number=number,
    draw=draw,
    margin=0,
    widest=2,
    compare=compare,
    tolerance=1e-12,
)
