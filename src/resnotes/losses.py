"""Losses E and their gradients at the last state.

The notes write the loss as "CrsEnt(p · log(x_5))" and its gradient as x_5 - p. These are three ways to
read the loss; each function returns the loss beside its own gradient.

All of them take a state of shape (n,) with a target of the same shape and return (float, (n,)), or a
batch of any shape (..., n) and return ((...), (..., n)). The target may also be the number of the right class,
an integer from 0 to n - 1 for each state, which stands for 1 there and 0 elsewhere. The gradient has the state's
dtype: float32 for float32, else float64. What is too large for it becomes infinite, without a warning;
where that leaves no number at all (∞ - ∞, 0 · ∞), it is a `ValueError`.
"""

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate

# Infinite results are results here, see above, and what rounds to 0 does no harm.
OVERFLOWS = np.errstate(over="ignore", invalid="ignore", under="ignore")


def _pair(x, p, name):
    x = _validate.states(x, name)
    labels = _validate.labels(p, x.shape)
    if labels is not None:
        p = np.zeros_like(x)
        np.put_along_axis(p, labels[..., None], 1, axis=-1)
        return x, p
    p = _validate.states(p, "p")
    if p.shape != x.shape:
        wanted = f"shape {x.shape}, like {name}, or integers of shape {x.shape[:-1]}"
        _validate.refuse("p", _validate.describe(p), wanted)
    # What does not fit the dtype turns infinite (OVERFLOWS keeps that quiet) and is refused.
    return x, _validate.finite(p.astype(x.dtype, copy=False), f"p as {x.dtype}")


def _result(loss, gradient):
    if np.isnan(loss).any() or np.isnan(gradient).any():
        wanted = f"targets whose sum and whose products with the terms of the loss fit {gradient.dtype}"
        _validate.refuse("p", "entries too large for that", wanted)
    return (float(loss) if gradient.ndim == 1 else loss), gradient


@OVERFLOWS
def softmax_cross_entropy(logits: ArrayLike, p: ArrayLike) -> tuple[float | np.ndarray, np.ndarray]:
    """Cross-entropy of softmax(logits) against p, E = -Σ_i p_i log softmax(x)_i.

    Its gradient is (Σp) · softmax(x) - p. Stable for logits of any finite size.

    Parameters
    ----------
    logits : array_like, shape (..., n)
        x.
    p : array_like, the same shape, or integers of shape (...)
        The target. It need not sum to 1; a term with p_i = 0 is 0.

    Returns
    -------
    loss : float or ndarray, shape (...)
    gradient : ndarray, the shape of logits
        ∂E/∂x.

    Raises
    ------
    ValueError
        If the shapes differ or an entry is not finite.
    """
    x, p = _pair(logits, p, "logits")
    top = np.argmax(x, axis=-1, keepdims=True)
    # Half of max(x) - x: the whole may overflow, the half cannot.
    half_gap = np.take_along_axis(x, top, axis=-1) / 2 - x / 2
    e = np.exp(-2 * half_gap)
    # With the largest entry's 1 kept apart, neither log nor 1 - softmax cancels.
    others = e.copy()
    np.put_along_axis(others, top, 0, axis=-1)
    rest = others.sum(axis=-1, keepdims=True)
    softmax = e / (1 + rest)
    complement = 1 - softmax
    np.put_along_axis(complement, top, rest / (1 + rest), axis=-1)
    loss = np.sum(2 * (p * half_gap) + p * np.log1p(rest), axis=-1)
    # (Σp) softmax - p, the two parts of p's own entry taken together.
    return _result(loss, (p.sum(axis=-1, keepdims=True) - p) * softmax - p * complement)


@OVERFLOWS
def half_squared_error(x: ArrayLike, p: ArrayLike) -> tuple[float | np.ndarray, np.ndarray]:
    """E = ½ ‖x - p‖², the reading whose gradient is x - p word for word.

    Parameters
    ----------
    x : array_like, shape (..., n)
    p : array_like, the same shape, or integers of shape (...)

    Returns
    -------
    loss : float or ndarray, shape (...)
        In float32 infinite from differences of about 1.8e19 on.
    gradient : ndarray, the shape of x

    Raises
    ------
    ValueError
        If the shapes differ or an entry is not finite.
    """
    x, p = _pair(x, p, "x")
    gradient = x - p
    return _result(np.sum(gradient**2, axis=-1) / 2, gradient)


@OVERFLOWS
def cross_entropy(x: ArrayLike, p: ArrayLike) -> tuple[float | np.ndarray, np.ndarray]:
    """E = -Σ_i p_i log x_i, the notes' line taken literally; its gradient is -p / x.

    Parameters
    ----------
    x : array_like, shape (..., n)
        Positive wherever p is not 0.
    p : array_like, the same shape, or integers of shape (...)
        A term with p_i = 0 is 0, and so is its gradient, whatever x_i is.

    Returns
    -------
    loss : float or ndarray, shape (...)
    gradient : ndarray, the shape of x

    Raises
    ------
    ValueError
        If the shapes differ, an entry is not finite, or x_i <= 0 where p_i is not 0.
    """
    x, p = _pair(x, p, "x")
    used = p != 0
    if np.any(x[used] <= 0):
        _validate.refuse("x", f"{x[used].min()} where p is not 0", "positive numbers there")
    safe = np.where(used, x, 1)
    return _result(-np.sum(p * np.log(safe), axis=-1), -p / safe)
