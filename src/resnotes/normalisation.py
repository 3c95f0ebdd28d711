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
            _validate.refuse(
                "x", "a state whose components are all equal", "components that differ, or epsilon above 0"
            )
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


class BatchNorm(Layer):
    """Batch normalisation with fixed statistics: f(x) = γ ∘ (x − μ) / √(v + ε) + β, entry by entry.

    So it acts at test time, and so one looks at it during training while the statistics are held constant.
    Its Jacobian is the diagonal matrix with γ / √(v + ε). `BatchNormTraining` takes the statistics from the
    batch itself.

    Parameters
    ----------
    mean : array_like, shape (n,)
        μ.
    variance : array_like, shape (n,)
        v, not negative.
    weight : array_like, shape (n,), optional
        γ; without it, ones. A parameter.
    bias : array_like, shape (n,), optional
        β; without it, zeros. A parameter.
    epsilon : float
        ε, not negative.

    Raises
    ------
    ValueError
        If an array is not real and finite or has another length, if `variance` or `epsilon` is negative, or
        if v + ε is 0 somewhere.

    References
    ----------
    Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2.
    """

    def __init__(self, mean, variance, weight=None, bias=None, epsilon=1e-5):
        self.mean = _validate.finite_array(mean, "mean", "a real vector of shape (n,)", (1,))
        n = len(self.mean)
        self.variance = _vector(variance, "variance", n)
        self.weight, self.bias = _parameters(weight, bias, n, self.mean.dtype)
        self.epsilon = _epsilon(epsilon)
        if not (self.variance >= 0).all():
            _validate.refuse("variance", f"a smallest entry of {self.variance.min()}", "no negative entry")
        if not (self.variance + self.epsilon > 0).all():
            _validate.refuse("variance", "an entry of 0 with epsilon 0", "variance + epsilon above 0 everywhere")

    def __repr__(self):
        return f"BatchNorm(n={len(self.mean)})"

    @property
    def slope(self):
        """The diagonal of the Jacobian, γ / √(v + ε), shape (n,)."""
        return self.weight / np.sqrt(self.variance + self.epsilon)

    def forward(self, x):
        return self.slope * (_validate.state(x, len(self.mean)) - self.mean) + self.bias

    def backward(self, x, g):
        n = len(self.mean)
        x, g = _validate.state_and_gradient(x, g, n, n)
        normalised = (x - self.mean) / np.sqrt(self.variance + self.epsilon)
        return g * self.slope, ((g * normalised).reshape(-1, n).sum(axis=0), g.reshape(-1, n).sum(axis=0))


class BatchNormTraining(Layer):
    """Batch normalisation with the statistics of the batch it is given, as during training.

    f(x)_a = γ ∘ (x_a − μ) / √(v + ε) + β for each sample a, where μ and v are the mean and the variance over
    the batch (divided by the number m of samples, not by m − 1), entry by entry. Every sample's output depends
    on every sample's input, and for each component

        ∂f_a/∂x_b = γ / √(v + ε) · (δ_ab − 1/m − x̂_a x̂_b / m),    x̂_a = (x_a − μ) / √(v + ε),

    the equation ``after-batch-jacobian`` of the book. ``backward`` sends gradients back through all of it. There
    is no Jacobian for one sample alone, so ``jacobian`` refuses and `batch_jacobian` gives the whole.

    Parameters
    ----------
    n : int
        The width.
    weight, bias : array_like, shape (n,), optional
        γ and β; without them, ones and zeros. Parameters.
    epsilon : float
        ε, not negative. With ε = 0 a component that is the same in all samples divides by zero, and is refused.

    Raises
    ------
    ValueError
        If `n` is not a whole number of at least 1, a vector does not fit it or is not finite, or `epsilon` is
        negative. Its methods refuse anything but a batch (m, n) of at least two samples.

    References
    ----------
    Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """

    couples_batch = True

    def __init__(self, n, weight=None, bias=None, epsilon=1e-5):
        self.n = _validate.whole_number(n, "n", 1)
        self.weight, self.bias = _parameters(weight, bias, self.n, np.float64)
        self.epsilon = _epsilon(epsilon)

    def __repr__(self):
        return f"BatchNormTraining(n={self.n})"

    def _normalised(self, x):
        """x̂ and √(v + ε) of a batch that has been checked."""
        centred = x - x.mean(axis=0)
        # Written without an absolute value, so that complex steps go through.
        total = (centred * centred).mean(axis=0) + self.epsilon
        if not (total.real > 0).all():
            _validate.refuse(
                "x",
                f"component {int(np.argmin(total.real))} the same in all samples with epsilon 0",
                "variance + epsilon above 0 everywhere",
            )
        root = np.sqrt(total)
        return centred / root, root

    def _batch(self, x):
        wanted = f"a batch of shape (m, {self.n}) with at least two samples"
        if x.ndim != 2 or len(x) < 2:
            _validate.refuse("x", _validate.describe(x), wanted)
        return x

    def forward(self, x):
        x = self._batch(_validate.state(x, self.n))
        return self.weight * self._normalised(x)[0] + self.bias

    def backward(self, x, g):
        x, g = _validate.state_and_gradient(x, g, self.n, self.n)
        normalised, root = self._normalised(self._batch(x))
        weight, bias = (g * normalised).sum(axis=0), g.sum(axis=0)
        return self.weight / root * (g - bias / len(x) - normalised * (weight / len(x))), (weight, bias)

    def batch_jacobian(self, x):
        """The Jacobian of the flattened batch, shape (m n, m n).

        Row a n + j and column b n + k hold ∂f_{a,j}/∂x_{b,k}, which is 0 for j ≠ k.
        """
        x = self._batch(_validate.state(x, self.n, kinds="iuf"))
        m = len(x)
        normalised, root = self._normalised(x)
        coupled = (np.eye(m) - 1 / m)[:, :, None] - normalised[:, None, :] * normalised[None, :, :] / m
        by_component = coupled * (self.weight / root)  # (m, m, n)
        return np.einsum("abj,jk->ajbk", by_component, np.eye(self.n)).reshape(m * self.n, m * self.n)

    def fixed(self, x):
        """The `BatchNorm` that has the statistics of the batch x and shares this layer's parameters."""
        x = self._batch(_validate.state(x, self.n, kinds="iuf"))
        return BatchNorm(x.mean(axis=0), x.var(axis=0), self.weight, self.bias, self.epsilon)


class Sequence(Layer):
    """Several layers as one, applied in order; for what comes after an addition, say.

    ``backward`` returns, as the gradient of the parameter, a list with what each layer returned.

    Parameters
    ----------
    *layers : layer
        At least one.

    Raises
    ------
    ValueError
        If there is none, or something is no layer.
    """

    def __init__(self, *layers):
        if not layers:
            _validate.refuse("layers", "none", "at least one layer")
        self.layers = tuple(_validate.layer(entry, f"layers[{k}]") for k, entry in enumerate(layers))

    def __repr__(self):
        return f"Sequence({', '.join(map(repr, self.layers))})"

    @property
    def couples_batch(self):
        """Whether one of the layers makes the samples of a batch depend on one another."""
        return any(getattr(layer, "couples_batch", False) for layer in self.layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, x, g):
        inputs = [x]
        for layer in self.layers[:-1]:
            inputs.append(layer.forward(inputs[-1]))
        parameters = []
        for layer, at in zip(reversed(self.layers), reversed(inputs), strict=True):
            g, parameter = _validate.sent_back(layer.backward(at, g), at)
            parameters.insert(0, parameter)
        return g, parameters


def _vector(value, name, n):
    wanted = f"a real vector of shape ({n},)"
    vector = _validate.finite_array(value, name, wanted, (1,))
    if len(vector) != n:
        _validate.refuse(name, _validate.describe(vector), wanted)
    return vector


def _parameters(weight, bias, n, dtype):
    weight = np.ones(n, dtype) if weight is None else _vector(weight, "weight", n)
    return weight, np.zeros(n, dtype) if bias is None else _vector(bias, "bias", n)


def _epsilon(value):
    epsilon = _validate.finite_number(value, "epsilon")
    if epsilon < 0:
        _validate.refuse("epsilon", epsilon, "a number that is not negative")
    return epsilon
