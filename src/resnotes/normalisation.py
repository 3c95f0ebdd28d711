"""Normalisation layers, each with its backward rule. They keep the protocol of `resnotes.shortcuts`."""

import numpy as np

from resnotes import _validate
from resnotes.shortcuts import Layer


class LayerNorm(Layer):
    """Layer normalisation (Ba et al. 2016, arXiv:1607.06450): every state to mean 0 and variance 1.

    LN(x) = weight ∘ z + bias with z = (x − m) / s, where m is the mean of the n components of x and
    s² = mean((x − m)²) + epsilon. Its Jacobian is diag(weight) (I − 𝟏𝟏ᵀ/n − z zᵀ/n) / s: it divides by s,
    takes out the gradient's mean, and takes out its part along the state (equation ``init-norm-jacobian``).

    Parameters
    ----------
    weight, bias : array_like, shape (n,), optional
        Gain and shift of each component. Without them they are 1 and 0, and their gradients are None.
    epsilon : float
        Added to the variance; at least 0.

    Raises
    ------
    ValueError
        If an array is no finite real vector, the two differ in shape, or epsilon is negative or not finite.
        In ``forward`` and ``backward``, where epsilon is 0 and all components of a state are equal.
    """

    def __init__(self, weight=None, bias=None, epsilon=1e-5):
        wanted = "a real vector of shape (n,)"
        self.weight = None if weight is None else _validate.finite_array(weight, "weight", wanted, (1,))
        self.bias = None if bias is None else _validate.finite_array(bias, "bias", wanted, (1,))
        if weight is not None and bias is not None and self.weight.shape != self.bias.shape:
            wanted = f"a real vector of shape {self.weight.shape}, like weight"
            _validate.refuse("bias", _validate.describe(self.bias), wanted)
        self.epsilon = _validate.finite_number(epsilon, "epsilon")
        if self.epsilon < 0:
            _validate.refuse("epsilon", self.epsilon, "a number of at least 0")

    def __repr__(self):
        parts = [f"n={len(self._width()[0])}"] if self._width() else []
        return f"LayerNorm({', '.join([*parts, f'epsilon={self.epsilon:g}'])})"

    def _width(self):
        """The parameters that there are; they tell the width."""
        return [array for array in (self.weight, self.bias) if array is not None]

    def _standard(self, x):
        """z and s, shapes (..., n) and (..., 1). No absolute values: the complex step passes through."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True) + self.epsilon
        if np.any(variance == 0):
            _validate.refuse("x", "a state whose components are all equal",
                             "components that differ, or epsilon above 0")
        s = np.sqrt(variance)
        return centred / s, s

    def forward(self, x):
        x = _validate.state(x, *(len(array) for array in self._width()[:1]))
        z, _ = self._standard(x)
        z = z if self.weight is None else z * self.weight
        return z if self.bias is None else z + self.bias

    def backward(self, x, g):
        n = next((len(array) for array in self._width()), None)
        x, g = _validate.state_and_gradient(x, g, n, n)
        z, s = self._standard(x)
        h = g if self.weight is None else g * self.weight
        sent = (h - h.mean(axis=-1, keepdims=True) - z * (h * z).mean(axis=-1, keepdims=True)) / s
        if not self._width():
            return sent, None
        rows = (-1, x.shape[-1])
        weight = None if self.weight is None else (g * z).reshape(rows).sum(axis=0)
        return sent, (weight, None if self.bias is None else g.reshape(rows).sum(axis=0))
