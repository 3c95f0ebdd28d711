"""Networks in exact arithmetic: integers and fractions, derivatives by dual numbers, no rounding anywhere.

A network is one small network with its numbers. It knows the value of every symbol that a formula about it may
hold: states from a forward pass, every derivative by pushing ``x + epsilon`` through forward passes (epsilon
squared is 0), so that no backward rule is used. :meth:`ExactNetwork.confirm` compares with the NumPy half, whose own
backward pass is exact on small integers too.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

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
    expand,
    expand_log,
    fraction,
    simplify,
    sqrt,
    sympify,
    together,
)

from resnotes.book import cases
from resnotes.book.claims.search import NotSmooth
from resnotes.book.oracles import CheckError, Numbers
from resnotes.symbolic.algebra import unroll


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


def column(v) -> np.ndarray:
    return array(v).reshape(-1, 1)


def row(v) -> np.ndarray:
    return array(v).reshape(1, -1)


def rectify(v: np.ndarray) -> np.ndarray:
    """ReLU, entry by entry."""
    return array([entry if entry > 0 else 0 for entry in v])


def mask(v: np.ndarray) -> np.ndarray:
    """The Jacobian of ReLU at v."""
    return eye(len(v)) * array([int(entry > 0) for entry in v])


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


# Networks.


@lru_cache(maxsize=None)
def unrolled(expression, values) -> Expr:
    """The expression with its indices set and its ranges written out, kept for the next network."""
    return unroll(expression, dict(values))


def number(node: Expr):
    """A number of a formula, exactly."""
    return int(node) if node.is_Integer else Fraction(int(node.p), int(node.q)) if node.is_Rational else node


#: Integers and fractions, derivatives by dual numbers.
FRACTIONS = Numbers(jacobian, rectify, eye, array, number)


class ExactNetwork(cases.Case):
    """One small network.

    Parameters
    ----------
    data : dict of Expr to ndarray
        The numbers that make it, in the order in which they are shown.
    values : dict
        What the indices of formulas are set to. ``written`` holds more of them that are not shown.
    """

    numbers = FRACTIONS

    def __init__(self, data: dict, values: dict | None = None):
        self.data = dict(data)
        self.values = tuple((values or {}).items())
        self.written = {}

    def evaluate(self, expression: Expr):
        """Value of an expression: an array, or a number."""
        values = self.values + tuple(self.written.items())
        return self._evaluate(unrolled(sympify(expression), values))

    def sides(self, relation) -> tuple:
        """Values of both sides."""
        return self.evaluate(relation.lhs), self.evaluate(relation.rhs)

    def holds(self, relation) -> bool:
        """Whether the relation holds here."""
        return satisfied(relation.func, *self.sides(relation))

    def value_diag(self, node):
        entries = np.ravel(self.evaluate(node.args[0]))
        return eye(len(entries)) * array(list(entries))

    def apply_ReLU(self, function, v):
        return rectify(v)

    def value_norm(self, node):
        value = self.evaluate(node.args[0])
        value = value if isinstance(value, np.ndarray) else array([[value]])
        if node.kind == "2" and min(value.shape) > 1:
            return sqrt(_largest_eigenvalue(value @ value.T))
        return sqrt(sympify(sum(entry * entry for entry in value.ravel())))

    def state(self, symbol) -> np.ndarray:
        """The value of a state, as a vector."""
        return np.ravel(self.evaluate(symbol)).astype(object)

    def value_total(self, node):
        """By dual numbers: move ``by`` and compute everything after it anew."""
        return jacobian(lambda v: self.moved(node.by, v).evaluate(node.of), self.state(node.by))

    def moved(self, state, v):
        """A copy in which a state has another value and what is computed from it has followed."""
        raise KeyError(f"{type(self).__name__} cannot move {state}")

    def entries(self) -> list:
        """All free numbers."""
        return [entry for value in self.data.values() for entry in np.ravel(value)]

    def confirm(self) -> int:
        """Compare with the NumPy half. Returns the number of comparisons.

        Raises
        ------
        CheckError
            With both values.
        """
        return 0


def _largest_eigenvalue(symmetric):
    if len(symmetric) != 2:
        raise KeyError("a spectral norm is computed exactly for two rows alone")
    trace = symmetric[0, 0] + symmetric[1, 1]
    determinant = symmetric[0, 0] * symmetric[1, 1] - symmetric[0, 1] * symmetric[1, 0]
    return (sympify(trace) + sqrt(sympify(trace**2 - 4 * determinant))) / 2


def agree(got, want, what: str) -> int:
    """Compare a result of the NumPy half with exact values."""
    got, want = np.ravel(got), [float(entry) for entry in np.ravel(want)]
    scale = max(1.0, *map(abs, want))
    if len(got) != len(want) or any(abs(a - c) > 1e-12 * scale for a, c in zip(got, want, strict=True)):
        raise CheckError(f"{what}: got {got.tolist()} from the NumPy half, want {want}")
    return 1


ExactNetwork.agree = staticmethod(agree)


def floats(v) -> np.ndarray:
    """For the NumPy half."""
    return np.asarray(v, dtype=float)


def smooth(v) -> np.ndarray:
    """The input of a ReLU, which must not be at the kink."""
    if any(entry == 0 for entry in v):
        raise NotSmooth("an input of a ReLU is 0")
    return v
