"""Derivatives without a chain rule, and how two values are compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Complex step and formula agree to this, relative to the largest entry.
TOLERANCE = 1e-9


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


def rectified(z) -> np.ndarray:
    """ReLU, entry by entry; it may be complex."""
    return np.where(np.real(z) > 0, z, 0)


@dataclass(frozen=True)
class Numbers:
    """What a case computes in.

    Attributes
    ----------
    jacobian : callable
        (function, x (n,)) -> (m, n), without a chain rule of ours.
    relu, exp, log, eye, array : callable
    norm : callable
        (value, kind of a norm) -> the norm.
    inverse : callable
        Of a square matrix; KeyError where there is none.
    number : callable
        A number of a formula -> one of these.
    draw : callable
        (rng, *shape) -> random numbers.
    margin : number
        An input of ReLU must be further than this from 0.
    widest : int
        The largest width of a random case.
    compare : callable
        (got, want, size) -> relative error.
    tolerance : float
        How closely the NumPy half has to agree.
    """

    jacobian: Callable
    relu: Callable
    exp: Callable
    log: Callable
    eye: Callable
    array: Callable
    norm: Callable
    inverse: Callable
    number: Callable
    draw: Callable
    margin: float
    widest: int
    compare: Callable
    tolerance: float


def _norm(value, kind: str) -> float:
    if kind == "1":
        return float(np.sum(np.abs(value)))
    return float(np.linalg.norm(value, {"": None, "2": 2, "F": "fro"}[kind]))


def _normal(rng, *shape) -> np.ndarray:
    """Normal numbers; a matrix keeps the size of what it is applied to."""
    return rng.normal(size=shape) / (math.sqrt(shape[-1]) if len(shape) > 1 else 1)


#: Floats, derivatives by the complex step.
FLOATS = Numbers(
    jacobian=complex_step_jacobian,
    relu=rectified,
    exp=np.exp,
    log=np.log,
    eye=np.eye,
    array=np.asarray,
    norm=_norm,
    inverse=np.linalg.inv,
    number=float,
    draw=_normal,
    margin=KINK_MARGIN,
    widest=5,
    compare=relative_error,
    tolerance=TOLERANCE,
)


def column(x) -> np.ndarray:
    return np.asarray(x).reshape(-1, 1)


def row(x) -> np.ndarray:
    return np.asarray(x).reshape(1, -1)


class NotSmooth(ValueError):
    """A ReLU sits at its kink, where there is no derivative. Such candidates are passed over."""


def same(got, want, what, tolerance: float = TOLERANCE, size: float = 0.0) -> int:
    """Compare a result of the NumPy half with a value found without its backward pass; 1, the comparisons made.

    ``size`` as in `relative_error`.
    """
    error = relative_error(got, want, size)
    if not error <= tolerance:
        raise CheckError(f"{what}: got {got} from the NumPy half, want {want}, relative error {error:.1e}")
    return 1
