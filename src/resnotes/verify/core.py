"""Derivatives without a chain rule, and the comparison of two expressions in random cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from sympy import Expr

from resnotes.symbolic.algebra import Factor, Mean, Norm, Partial, evaluate, unroll

#: Complex step and formula agree to this, relative to the largest entry.
TOLERANCE = 1e-9
#: Central differences agree to this.
CENTRAL_TOLERANCE = 1e-6
#: Inputs of ReLU stay this far from 0, so that no difference quotient crosses the kink.
KINK_MARGIN = 0.02
#: Step of the complex step. There is no subtraction, so it may be this small.
STEP = 1e-40

SEED = 20161016


class CheckError(ValueError):
    """An equation whose two sides differ."""


@dataclass(frozen=True)
class CheckResult:
    """Outcome of a check that passed: the worst relative error seen and the number of cases."""

    worst_error: float
    cases: int


# Derivatives without a chain rule.


def complex_step_jacobian(function: Callable, x) -> np.ndarray:
    """d function / d x by the complex step (Squire and Trapp 1998): Im f(x + i h e_k) / h.

    Parameters
    ----------
    function : callable
        (n,) complex -> (m,) complex, made of analytic pieces.
    x : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (m, n)
    """
    x = np.asarray(x, dtype=float)
    columns = []
    for k in range(x.size):
        moved = x.astype(complex)
        moved[k] += 1j * STEP
        columns.append(np.imag(np.asarray(function(moved))) / STEP)
    return np.stack(columns, axis=-1)


def central_difference_jacobian(function: Callable, x, step: float = 1e-5) -> np.ndarray:
    """d function / d x by central differences, shape (m, n)."""
    x = np.asarray(x, dtype=float)
    columns = []
    for k in range(x.size):
        e = np.zeros_like(x)
        e[k] = step
        columns.append((np.asarray(function(x + e)) - np.asarray(function(x - e))) / (2 * step))
    return np.stack(columns, axis=-1)


def relative_error(got, want, size: float = 0.0) -> float:
    """Largest difference relative to the largest entry of either; infinite where something is not a number.

    ``size`` is the largest value that entered a sum, where that is larger than the sum itself. A number beside a
    square matrix stands for that multiple of the identity, 0 for zeros of any shape.
    """
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    if got.shape != want.shape:
        got, want = _as_matrix(got, want), _as_matrix(want, got)
    if got.shape != want.shape:
        return math.inf
    if got.size == 0:
        return 0.0
    difference = float(np.max(np.abs(got - want)))
    size = max(float(np.max(np.abs(got))), float(np.max(np.abs(want))), size)
    if not math.isfinite(difference):
        return math.inf
    return difference / size if size > 0 else 0.0


def _as_matrix(value: np.ndarray, other: np.ndarray) -> np.ndarray:
    if value.ndim or other.ndim != 2:
        return value
    if value == 0:
        return np.zeros_like(other)
    return value * np.eye(len(other)) if other.shape[0] == other.shape[1] else value


# Worlds: each knows the value of the symbols of some chapters in one random case.


def column(x) -> np.ndarray:
    return np.asarray(x).reshape(-1, 1)


def row(x) -> np.ndarray:
    return np.asarray(x).reshape(1, -1)


class World:
    """Values of symbols in one random case.

    Attributes
    ----------
    values : dict
        What the indices of the expression are set to.
    """

    values: dict

    def value_of(self, node: Expr):
        """Number or array of a factor, partial derivative, number or function of numbers."""
        if isinstance(node, Norm):
            return self.value_norm(node)
        if isinstance(node, Mean):
            return self.value_mean(node)
        if isinstance(node, (Factor, Partial)):
            name = "partial" if isinstance(node, Partial) else node.name
            method = getattr(self, f"value_{name}", None)
            if method is None:
                raise KeyError(f"{type(self).__name__} has no value for {node}")
            return method(node) if name == "partial" else method(*node.indices)
        return float(node)

    def apply(self, function, argument):
        """The map's value at a column."""
        method = getattr(self, f"apply_{function.name}", None)
        if method is None:
            raise KeyError(f"{type(self).__name__} cannot apply {function.name}")
        return column(method(function, np.asarray(argument).ravel()))

    def evaluate(self, expression: Expr):
        """Value of an expression in this case."""
        return self._evaluate(unroll(expression, self.values))

    def _evaluate(self, expression):
        return evaluate(expression, self.value_of, np.eye, self.apply)

    def compare(self, left: Expr, right: Expr) -> tuple[float, object, object]:
        """Relative error between two expressions, and both values.

        Relative to the largest entry of either side or of a term of either side: where terms cancel, rounding is
        of the size of the terms.
        """
        sides = [unroll(side, self.values) for side in (left, right)]
        terms = [self._evaluate(term) for side in sides if side.is_Add for term in side.args]
        size = max((float(np.max(np.abs(term))) for term in terms), default=0.0)
        want, got = (self._evaluate(side) for side in sides)
        return relative_error(got, want, size), want, got

    def shortfall(self, larger: Expr, smaller: Expr) -> float:
        """By how much ``larger`` falls short of ``smaller``, entry by entry, relative to the largest entry."""
        above, beneath = (np.asarray(self.evaluate(side), dtype=float) for side in (larger, smaller))
        size = max(float(np.max(np.abs(above))), float(np.max(np.abs(beneath))), 1e-300)
        gap = float(np.max(beneath - above)) / size
        return gap if math.isfinite(gap) else math.inf

    def value_norm(self, norm):
        value = self.evaluate(norm.args[0])
        return float(np.linalg.norm(value, {"": None, "2": 2, "F": "fro"}[norm.kind]))


def worlds(kind: Callable[[np.random.Generator], World], cases: int, seed: int = SEED) -> Iterator[World]:
    """``cases`` random worlds of a kind, always the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(cases):
        yield kind(rng)


def same(got, want, what):
    error = relative_error(got, want)
    if error > TOLERANCE:
        raise CheckError(f"{what}: got {got}, want {want} (complex step), relative error {error:.1e}")
