"""Attention, and layers that act at every position alike. They keep the protocol of `resnotes.shortcuts`.

A state here is a whole sequence: T positions of d numbers each, one position after the other, so that the width is
T d and a transformer's sublayers are branches like any others. Jacobians, sums over paths and reports follow.
"""

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.shortcuts import Layer, apply, is_ours, send_back


class Positionwise(Layer):
    """One layer at each of T positions: its Jacobian is block diagonal, a block a position.

    Parameters
    ----------
    layer : layer
        What is applied to each position's numbers. It may change the width.
    positions : int
        T.

    Raises
    ------
    ValueError
        If `layer` is none, or couples the samples of a batch, or `positions` is no whole number of at least 1.
    """

    def __init__(self, layer, positions):
        self.layer = _validate.layer(layer, "layer")
        _validate.samples_apart(layer)
        self.positions = _validate.whole_number(positions, "positions", 1)

    def __repr__(self):
        return f"Positionwise({self.layer!r}, positions={self.positions})"

    n_in = property(lambda self: self._all("n_in"))
    n_out = property(lambda self: self._all("n_out"))
    weight = property(lambda self: self.layer.weight, lambda self, value: setattr(self.layer, "weight", value))
    bias = property(lambda self: self.layer.bias, lambda self, value: setattr(self.layer, "bias", value))

    def _all(self, name):
        """A width of the layer, times the positions."""
        width = getattr(self.layer, name) if is_ours(self.layer) else None
        return None if width is None else width * self.positions

    def _apart(self, x):
        """(..., T d) as (..., T, d)."""
        if x.shape[-1] % self.positions:
            _validate.refuse("x", f"a width of {x.shape[-1]}", f"a multiple of the {self.positions} positions")
        return x.reshape(*x.shape[:-1], self.positions, -1)

    def output(self, x):
        return apply(self.layer, self._apart(x)).reshape(*x.shape[:-1], -1)

    def input_gradient(self, x, g):
        parts, rows = self._apart(x), self._apart(g)
        parts = np.broadcast_to(parts, rows.shape[:-1] + parts.shape[-1:])
        return send_back(self.layer, parts, rows)[0].reshape(*g.shape[:-1], -1)

    def parameter_gradient(self, x, g):
        return send_back(self.layer, self._apart(x), self._apart(g))[1]


class Attention(Layer):
    """Self-attention with several heads over T positions (Vaswani et al. 2017, arXiv:1706.03762).

    At position t, head h looks at position s with the weight a_ts, softmax over s of q_t · k_s / √k, and reads the
    value v_s there. What it reads is

        o_t = Σ_s a_ts v_s,    q_t = W_Q x_t,  k_s = W_K x_s,  v_s = W_V x_s,

    and the output at t is the sum over heads of W_O o_t. Its Jacobian has two parts: with the weights a held, values
    move (a_ts W_O W_V); with the values held, weights move (equation ``stream-attention-jacobian``).

    Parameters
    ----------
    query, key, value : array_like, shape (heads · k, d)
        W_Q, W_K and W_V of all heads, one head below the other.
    output_weight : array_like, shape (d, heads · k)
        W_O of all heads, side by side.
    positions : int
        T.
    heads : int
    causal : bool
        Whether position t sees positions s <= t alone.

    Raises
    ------
    ValueError
        If an array is not real and finite or does not fit the others, or heads do not divide their rows.

    Notes
    -----
    ``backward`` returns the gradients of the four matrices in the order above.
    """

    #: Attributes in the order of the gradients that ``backward`` returns.
    parameters = ("query", "key", "value", "output_weight")

    def __init__(self, query, key, value, output_weight, positions, heads=1, causal=True):
        self.positions = _validate.whole_number(positions, "positions", 1)
        self.heads = _validate.whole_number(heads, "heads", 1)
        self.causal = bool(causal)
        self.query = _validate.finite_array(query, "query", "a real matrix of shape (heads · k, d)", (2,))
        rows, self.d = self.query.shape
        if rows % self.heads:
            _validate.refuse("heads", self.heads, f"a number that divides the {rows} rows of query")
        for name, given, shape in (("key", key, (rows, self.d)), ("value", value, (rows, self.d))):
            setattr(self, name, _matrix(given, name, shape))
        self.output_weight = _matrix(output_weight, "output_weight", (self.d, rows))

    def __repr__(self):
        masked = "causal" if self.causal else "all positions"
        return f"Attention({self.positions} x {self.d}, heads={self.heads}, {masked})"

    n_in = property(lambda self: self.positions * self.d)
    n_out = property(lambda self: self.positions * self.d)

    def _headed(self, rows):
        """(..., T, heads · k) as (..., heads, T, k)."""
        return np.moveaxis(rows.reshape(*rows.shape[:-1], self.heads, -1), -2, -3)

    def _joined(self, heads):
        """(..., heads, T, k) as (..., T, heads · k)."""
        rows = np.moveaxis(heads, -3, -2)
        return rows.reshape(*rows.shape[:-2], -1)

    def _parts(self, x):
        """The positions (..., T, d), then queries (divided by √k), keys, values and weights of every head."""
        x = x.reshape(*x.shape[:-1], self.positions, self.d)
        q, k, v = (self._headed(x @ matrix.T) for matrix in (self.query, self.key, self.value))
        q = q / np.sqrt(q.shape[-1]).astype(q.real.dtype)
        return x, q, k, v, self._softmax(q @ k.swapaxes(-1, -2))

    def _softmax(self, scores):
        seen = np.tril(np.ones(scores.shape[-2:], bool)) if self.causal else np.ones(scores.shape[-2:], bool)
        top = np.where(seen, scores.real, -np.inf).max(axis=-1, keepdims=True)
        weights = np.where(seen, np.exp(np.where(seen, scores - top, 0)), scores.dtype.type(0))
        return weights / weights.sum(axis=-1, keepdims=True)

    def weights(self, x: ArrayLike) -> np.ndarray:
        """How much each position looks at each other: a, shape (..., heads, T, T), rows that sum to 1."""
        return self._parts(_validate.state(x, self.n_in))[-1]

    def output(self, x):
        *_, v, a = self._parts(x)
        return (self._joined(a @ v) @ self.output_weight.T).reshape(x.shape)

    def _sent(self, x, g):
        """The positions, what arrives at queries, keys and values (..., T, heads · k), and what the heads read."""
        x, q, k, v, a = self._parts(x)
        g = g.reshape(*g.shape[:-1], self.positions, self.d)
        at_read = self._headed(g @ self.output_weight)
        at_weight = at_read @ v.swapaxes(-1, -2)
        at_score = a * (at_weight - (at_weight * a).sum(axis=-1, keepdims=True))
        at_query = at_score @ k / np.sqrt(q.shape[-1]).astype(q.dtype)
        at_key, at_value = at_score.swapaxes(-1, -2) @ q, a.swapaxes(-1, -2) @ at_read
        return x, g, self._joined(at_query), self._joined(at_key), self._joined(at_value), self._joined(a @ v)

    def input_gradient(self, x, g):
        _, _, at_query, at_key, at_value, _ = self._sent(x, g)
        return (at_query @ self.query + at_key @ self.key + at_value @ self.value).reshape(g.shape)

    def parameter_gradient(self, x, g):
        x, g, *arrived, read = self._sent(x, g)
        pairs = [(at, x) for at in arrived] + [(g, read)]
        return tuple(np.einsum("bti,btj->ij", left, right) for left, right in pairs)


def _matrix(value, name, shape):
    """A finite real matrix of this shape."""
    wanted = f"a real matrix of shape {shape}"
    array = _validate.finite_array(value, name, wanted, (2,))
    if array.shape != shape:
        _validate.refuse(name, _validate.describe(array), wanted)
    return array
