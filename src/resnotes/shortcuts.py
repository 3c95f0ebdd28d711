"""Shortcuts: the operator H of a residual unit, y = H(x) + F(x).

A shortcut is a layer, and a layer is any object with two methods:

``forward(x)``
    takes an input of shape (..., n_in) and returns an output of shape (..., n_out);
``backward(x, g)``
    takes the same input and the gradient at the output, shape (..., n_out), and returns a pair: the
    gradient at the input, shape (..., n_in), and the gradient of the layer's parameter, summed over
    the leading axes. A layer without a parameter returns None there; one with a weight and a bias
    returns a pair of arrays.

Gradients are row vectors, so ``backward`` multiplies the rows of ``g`` by the Jacobian from the right.
A shortcut of your own needs nothing else; it may depend on x (a gate). A layer in which the samples of a
batch depend on one another says so with an attribute ``couples_batch = True``: it has no Jacobian by sample. Deriving from `Layer` adds the
call syntax and ``jacobian``.

Parameters are kept as they come, not copied, so that they can be updated in place. The gradient of
``layer.weight`` is what ``backward`` returns second.
"""

import numpy as np

from resnotes import _validate


def layer_jacobian(layer, x, n_out=None):
    """Jacobian of a layer at its input, by sending the rows of the identity back through it.

    Parameters
    ----------
    layer : object
        Anything with ``forward(x)`` and ``backward(x, g)``.
    x : ndarray, shape (..., n_in)
    n_out : int, optional
        The width of the output. By default ``layer.forward(x)`` tells it; `Absent`, which fits every
        width, then counts as keeping n_in.

    Returns
    -------
    ndarray, shape (..., n_out, n_in)
        What the backward pass uses: zero for a `StopGradient`.

    Raises
    ------
    ValueError
        If `layer` is no layer or couples the samples of a batch, or `x` is complex or does not fit it, or the layer's ``backward``
        returns something else than the protocol says.
    """
    _validate.samples_apart(_validate.layer(layer, "layer"))
    x = _validate.state(x, kinds="iuf")
    n_in = x.shape[-1]
    if n_out is None:
        output = layer.forward(x)
        n_out = output.shape[-1] if np.ndim(output) else n_in
    inputs = np.repeat(x.reshape(-1, n_in), n_out, axis=0)
    rows = np.tile(np.eye(n_out, dtype=x.dtype), (len(inputs) // n_out, 1))
    sent, _ = _validate.sent_back(layer.backward(inputs, rows), inputs)
    return sent.reshape(x.shape[:-1] + (n_out, n_in))


class Layer:
    """Base of the package's layers: ``layer(x)`` is ``layer.forward(x)``."""

    def __call__(self, x):
        return self.forward(x)

    def __repr__(self):
        return f"{type(self).__name__}()"

    def jacobian(self, x, n_out=None):
        """Jacobian at x, shape (..., n_out, n_in); see `layer_jacobian`."""
        return layer_jacobian(self, x, n_out)


class Identity(Layer):
    """H(x) = x."""

    def forward(self, x):
        return _validate.state(x)

    def backward(self, x, g):
        x, g = _validate.state_and_gradient(x, g)
        return g, None


class Scale(Layer):
    """H(x) = λ x with one number λ.

    Parameters
    ----------
    factor : float
        λ, kept as ``weight``. A Python number does not widen float32 states.

    Raises
    ------
    ValueError
        If `factor` is not one finite real number.
    """

    def __init__(self, factor):
        self.weight = _validate.finite_number(factor, "factor")

    def __repr__(self):
        return f"Scale({self.weight!r})"

    def forward(self, x):
        return self.weight * _validate.state(x)

    def backward(self, x, g):
        x, g = _validate.state_and_gradient(x, g)
        return g * self.weight, np.sum(g * x)


class Diagonal(Layer):
    """H(x) = v ∘ x, entry by entry; its Jacobian is diag(v).

    Parameters
    ----------
    vector : array_like, shape (n,)
        v, kept as ``weight``.

    Raises
    ------
    ValueError
        If `vector` is not a finite real vector.
    """

    def __init__(self, vector):
        self.weight = _validate.finite_array(vector, "vector", "a real vector of shape (n,)", (1,))

    def __repr__(self):
        return f"Diagonal(n={len(self.weight)})"

    def forward(self, x):
        return self.weight * _validate.state(x, len(self.weight))

    def backward(self, x, g):
        n = len(self.weight)
        x, g = _validate.state_and_gradient(x, g, n, n)
        return g * self.weight, (g * x).reshape(-1, n).sum(axis=0)


class Projection(Layer):
    """H(x) = W x, the learned projection of He et al. 2015 (arXiv:1512.03385), equation 2.

    Backward multiplies by the transpose: for column gradients Wᵀ g, for our rows g W. No inverse occurs.

    Parameters
    ----------
    weight : array_like, shape (m, n)

    Raises
    ------
    ValueError
        If `weight` is not a finite real matrix.
    """

    def __init__(self, weight):
        self.weight = _validate.finite_array(weight, "weight", "a real matrix of shape (m, n)", (2,))

    def __repr__(self):
        m, n = self.weight.shape
        return f"Projection({n} -> {m})"

    def forward(self, x):
        return _validate.state(x, self.weight.shape[1]) @ self.weight.T

    def backward(self, x, g):
        m, n = self.weight.shape
        x, g = _validate.state_and_gradient(x, g, n, m)
        return g @ self.weight, g.reshape(-1, m).T @ x.reshape(-1, n)


class ZeroPad(Layer):
    """H(x) = (x, 0, ..., 0): option A of He et al. 2015 (arXiv:1512.03385). Backward clips.

    Called as ``ZeroPad(n_out)``, where the input tells n_in, or as ``ZeroPad(n_in, n_out)``,
    the way ``range`` takes its limits.

    Raises
    ------
    ValueError
        If a width is not a whole number of at least 1, or n_out is smaller than n_in.
    """

    def __init__(self, n_in=None, n_out=None):
        if n_out is None:
            n_in, n_out = None, n_in
        self.n_out = _validate.whole_number(n_out, "n_out", 1)
        self.n_in = None if n_in is None else _validate.whole_number(n_in, "n_in", 1, self.n_out)

    def __repr__(self):
        return f"ZeroPad({self.n_out})" if self.n_in is None else f"ZeroPad({self.n_in}, {self.n_out})"

    def _fits(self, x):
        if x.shape[-1] > self.n_out:
            _validate.refuse("x", _validate.describe(x), f"a width of at most {self.n_out}")

    def forward(self, x):
        x = _validate.state(x, self.n_in)
        self._fits(x)
        zeros = np.zeros(x.shape[:-1] + (self.n_out - x.shape[-1],), x.dtype)
        return np.concatenate([x, zeros], axis=-1)

    def backward(self, x, g):
        x, g = _validate.state_and_gradient(x, g, self.n_in, self.n_out)
        self._fits(x)
        return g[..., : x.shape[-1]], None


class Absent(Layer):
    """No shortcut: it contributes 0, and the unit is a plain layer.

    ``forward`` returns the number 0 rather than an array of zeros, so that the branch may have any
    output width.
    """

    def forward(self, x):
        return _validate.state(x).dtype.type(0)

    def backward(self, x, g):
        x, g = _validate.state(x, kinds="iuf"), _validate.state(g, name="g", kinds="iuf")
        return np.zeros(x.shape, g.dtype), None


class StopGradient(Layer):
    """The same forward pass as `shortcut`, but nothing is sent back through it to its source.

    This is "o is a constant": H(stop(x)). The source gets no gradient by this connection, and the
    Jacobian that the backward pass uses is zero. A parameter of the shortcut itself is not upstream
    of the connection and keeps its gradient.

    Parameters
    ----------
    shortcut : layer

    Raises
    ------
    ValueError
        If `shortcut` is no layer.
    """

    def __init__(self, shortcut):
        self.shortcut = _validate.layer(shortcut, "shortcut")

    def __repr__(self):
        return f"StopGradient({self.shortcut!r})"

    def forward(self, x):
        return self.shortcut.forward(x)

    def backward(self, x, g):
        x = _validate.state(x, kinds="iuf")
        sent, parameter = _validate.sent_back(self.shortcut.backward(x, g), x)
        return np.zeros_like(sent), parameter
