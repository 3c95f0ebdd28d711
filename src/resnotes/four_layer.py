"""The notes' own network, by the notes' own names, written out by hand.

    x_2 = ReLU(F_1(x_1))
    x_3 = ReLU(F_2(x_2) + x_1)
    x_4 = ReLU(F_3(x_3))
    x_5 = ReLU(F_4(x_4) + x_3),      F_k(x) = W_k x + b_k

Nothing here uses `resnotes.network`, except `network`, which builds the same four layers as two units;
the two are checked against each other. y_k is the pre-activation of x_k, D_k = diag(ReLU'(y_k)), and
gradients are rows. Where numbers overflow, a state is NaN from there on, as in `resnotes.network`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.network import Affine, Network, Unit, relu


def _parameters(weights, biases):
    """The four weights and the four biases as arrays; the first weight tells n."""
    for name, value in (("weights", weights), ("biases", biases)):
        listed = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)
        if not listed or len(value) != 4:
            _validate.refuse(name, _validate.describe(value), "a list of four arrays")
    n = _validate.finite_array(weights[0], "weights[0]", "a real matrix of shape (n, n)", (2,)).shape[0]
    return (
        [_of_shape(weights[k], f"weights[{k}]", (n, n)) for k in range(4)],
        [_of_shape(biases[k], f"biases[{k}]", (n,)) for k in range(4)],
    )


def _of_shape(value, name, shape):
    wanted = f"a real array of shape {shape}"
    array = _validate.finite_array(value, name, wanted, (len(shape),))
    if array.shape != shape:
        _validate.refuse(name, _validate.describe(array), wanted)
    return array


def _checked(weights, biases, x1):
    weights, biases = _parameters(weights, biases)
    n = len(biases[0])
    wanted = f"a real array of shape ({n},) or (batch, {n})"
    x1 = _validate.finite_array(x1, "x1", wanted, (1, 2))
    if x1.shape[-1] != n:
        _validate.refuse("x1", _validate.describe(x1), wanted)
    return weights, biases, x1


def _relu(y):
    """max(y, 0), and NaN for a sample in which y is not finite: the ReLU would hide minus infinity."""
    return np.where(np.isfinite(y).all(axis=-1, keepdims=True), np.maximum(y, 0), y.dtype.type(np.nan))


def forward(weights: Sequence, biases: Sequence, x1: ArrayLike) -> dict[str, np.ndarray]:
    """The four layers' forward pass.

    Parameters
    ----------
    weights : sequence of four array_like, shape (n, n)
        W_1, ..., W_4.
    biases : sequence of four array_like, shape (n,)
        b_1, ..., b_4.
    x1 : array_like, shape (n,) or (batch, n)

    Returns
    -------
    dict
        The states "x1", ..., "x5" and the pre-activations "y2", ..., "y5", each of x1's shape.

    Raises
    ------
    ValueError
        If a shape is wrong or an entry is not finite.
    """
    (W1, W2, W3, W4), (b1, b2, b3, b4), x1 = _checked(weights, biases, x1)
    y2 = x1 @ W1.T + b1
    x2 = _relu(y2)
    y3 = x2 @ W2.T + b2 + x1
    x3 = _relu(y3)
    y4 = x3 @ W3.T + b3
    x4 = _relu(y4)
    y5 = x4 @ W4.T + b4 + x3
    x5 = _relu(y5)
    return {"x1": x1, "x2": x2, "x3": x3, "x4": x4, "x5": x5, "y2": y2, "y3": y3, "y4": y4, "y5": y5}


def gradients(weights: Sequence, biases: Sequence, x1: ArrayLike, g5: ArrayLike) -> dict[str, np.ndarray]:
    """All gradients of the four layers, given g_5 = ∂E/∂x_5.

    Parameters
    ----------
    weights, biases, x1
        As for `forward`.
    g5 : array_like, the shape of x1

    Returns
    -------
    dict
        "x1", ..., "x5": the gradients at the states, of x1's shape; "W1", ..., "W4" (n, n) and
        "b1", ..., "b4" (n,): those of the parameters, summed over the batch. ReLU'(0) = 0.

    Raises
    ------
    ValueError
        If a shape is wrong, an entry is not finite, or the forward pass overflows.
    """
    (W1, W2, W3, W4), _, x1 = _checked(weights, biases, x1)
    s = forward(weights, biases, x1)
    if not np.isfinite(s["x5"]).all():
        _validate.refuse("x1", "a state from which the forward pass overflows", "one from which all states are finite")
    g5 = _of_shape(g5, "g5", x1.shape).astype(s["x5"].dtype)
    e5 = g5 * (s["y5"] > 0)  # g_5 D_5, the gradient at y_5
    g4 = e5 @ W4
    e4 = g4 * (s["y4"] > 0)
    g3 = e4 @ W3 + e5  # by F_3 and F_4, and by the skip: g_5 D_5 (J_4 D_4 J_3 + I)
    e3 = g3 * (s["y3"] > 0)
    g2 = e3 @ W2
    e2 = g2 * (s["y2"] > 0)
    g1 = e2 @ W1 + e3  # g_3 D_3 (J_2 D_2 J_1 + I)
    result = {"x1": g1, "x2": g2, "x3": g3, "x4": g4, "x5": g5}
    for k, e in enumerate((e2, e3, e4, e5), start=1):  # e_{k+1} is the gradient at F_k's output
        e, x = np.atleast_2d(e), np.atleast_2d(s[f"x{k}"])
        result[f"W{k}"] = e.T @ x
        result[f"b{k}"] = e.sum(axis=0)
    return result


def network(weights: Sequence, biases: Sequence) -> Network:
    """The same four layers as a `resnotes.Network` of two units, each [Affine, relu, Affine] with after=relu.

    State l of that network is the notes' x_{2l+1}: x_1, x_3, x_5.

    Parameters
    ----------
    weights, biases
        As for `forward`.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If there are not four of each, or a shape is wrong or an entry not finite.
    """
    F1, F2, F3, F4 = (Affine(W, b) for W, b in zip(*_parameters(weights, biases)))
    return Network([Unit([F1, relu, F2], after=relu), Unit([F3, relu, F4], after=relu)])
