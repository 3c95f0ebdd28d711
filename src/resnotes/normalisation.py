"""Normalisation layers, each with its backward rule. They keep the protocol of `resnotes.shortcuts`."""

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.shortcuts import UNDERFLOWS, Layer, apply, is_ours, send_back, width_after


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
        self.epsilon = _epsilon(epsilon)

    def __repr__(self):
        parts = [f"n={len(self._given()[0])}"] if self._given() else []
        return f"LayerNorm({', '.join([*parts, f'epsilon={self.epsilon:g}'])})"

    def _given(self):
        """The parameters that there are; they tell the width."""
        return [array for array in (self.weight, self.bias) if array is not None]

    def _standard(self, x):
        """z and s, shapes (..., n) and (..., 1)."""
        zero = "a state whose components are all equal", "components that differ, or epsilon above 0"
        return _divided_by_root(*_centred(x, -1, self.epsilon), -1, self.epsilon, zero)

    @property
    def n_in(self) -> int | None:
        """The width that the parameters ask for, or None."""
        return next((len(array) for array in self._given()), None)

    @UNDERFLOWS
    def forward(self, x: ArrayLike) -> np.ndarray:
        z, _ = self._standard(_validate.state(x, self.n_in))
        z = z if self.weight is None else z * self.weight
        return z if self.bias is None else z + self.bias

    @UNDERFLOWS
    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        x, g = self.checked(x, g)
        z, s = self._standard(x)
        h = g if self.weight is None else g * self.weight
        sent = (h - h.mean(axis=-1, keepdims=True) - z * (h * z).mean(axis=-1, keepdims=True)) / s
        if not self._given():
            return sent, None
        rows = (-1, x.shape[-1])
        weight = None if self.weight is None else (g * z).reshape(rows).sum(axis=0)
        return sent, (weight, None if self.bias is None else g.reshape(rows).sum(axis=0))


class RMSNorm(Layer):
    """Root mean square normalisation (Zhang and Sennrich 2019, arXiv:1910.07467): every state to mean square 1.

    f(x) = weight ∘ z with z = x / r and r² = mean(x²) + epsilon. Nothing is subtracted. Its Jacobian is
    diag(weight) (I − z zᵀ/n) / r: it divides by r and takes out the gradient's part along the state.

    Parameters
    ----------
    weight : array_like, shape (n,), optional
        Gain of each component. Without it the gain is 1, and its gradient None.
    epsilon : float
        Added to the mean square; at least 0.

    Raises
    ------
    ValueError
        If `weight` is not a finite real vector, or epsilon is negative or not finite.
        In ``forward`` and ``backward``, where epsilon is 0 and a state is 0.
    """

    def __init__(self, weight=None, epsilon=1e-5):
        wanted = "a real vector of shape (n,)"
        self.weight = None if weight is None else _validate.finite_array(weight, "weight", wanted, (1,))
        self.epsilon = _epsilon(epsilon)

    def __repr__(self):
        width = "" if self.weight is None else f"n={len(self.weight)}, "
        return f"RMSNorm({width}epsilon={self.epsilon:g})"

    n_in = property(lambda self: None if self.weight is None else len(self.weight))

    def _standard(self, x):
        """z and r, shapes (..., n) and (..., 1)."""
        exponent = _exponent(x, -1, self.epsilon)
        zero = "a state of zeros", "a component that is not 0, or epsilon above 0"
        return _divided_by_root(x / _power_of_two(exponent, x), exponent, -1, self.epsilon, zero)

    @UNDERFLOWS
    def forward(self, x: ArrayLike) -> np.ndarray:
        z, _ = self._standard(_validate.state(x, self.n_in))
        return z if self.weight is None else z * self.weight

    @UNDERFLOWS
    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        x, g = self.checked(x, g)
        z, r = self._standard(x)
        h = g if self.weight is None else g * self.weight
        sent = (h - z * (h * z).mean(axis=-1, keepdims=True)) / r
        return sent, None if self.weight is None else (g * z).reshape(-1, x.shape[-1]).sum(axis=0)


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
    def slope(self) -> np.ndarray:
        """The diagonal of the Jacobian, γ / √(v + ε), shape (n,)."""
        return self.weight / np.sqrt(self.variance + self.epsilon)

    n_in = property(lambda self: len(self.mean))

    def output(self, x: np.ndarray) -> np.ndarray:
        return self.slope * (x - self.mean) + self.bias

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return g * self.slope

    def parameter_gradient(self, x: np.ndarray, g: np.ndarray):
        normalised = (x - self.mean) / np.sqrt(self.variance + self.epsilon)
        return (g * normalised).sum(axis=0), g.sum(axis=0)


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

    n_in = property(lambda self: self.n)

    def _normalised(self, x):
        """x̂ and √(v + ε) of a batch that has been checked, shapes (m, n) and (1, n)."""
        zero = "component {} the same in all samples with epsilon 0", "variance + epsilon above 0 everywhere"
        return _divided_by_root(*_centred(x, 0, self.epsilon), 0, self.epsilon, zero)

    def _batch(self, x):
        wanted = f"a batch of shape (m, {self.n}) with at least two samples"
        if x.ndim != 2 or len(x) < 2:
            _validate.refuse("x", _validate.describe(x), wanted)
        return x

    @UNDERFLOWS
    def forward(self, x: ArrayLike) -> np.ndarray:
        x = self._batch(_validate.state(x, self.n))
        return self.weight * self._normalised(x)[0] + self.bias

    @UNDERFLOWS
    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        x, g = _validate.state_and_gradient(x, g, self.n, self.n)
        normalised, root = self._normalised(self._batch(x))
        weight, bias = (g * normalised).sum(axis=0), g.sum(axis=0)
        return self.weight / root * (g - bias / len(x) - normalised * (weight / len(x))), (weight, bias)

    @UNDERFLOWS
    def batch_jacobian(self, x: ArrayLike) -> np.ndarray:
        """The Jacobian of the flattened batch, shape (m n, m n).

        Row a n + j and column b n + k hold ∂f_{a,j}/∂x_{b,k}, which is 0 for j ≠ k.
        """
        x = self._batch(_validate.state(x, self.n, kinds="iuf"))
        m = len(x)
        normalised, root = self._normalised(x)
        coupled = (np.eye(m) - 1 / m)[:, :, None] - normalised[:, None, :] * normalised[None, :, :] / m
        by_component = coupled * (self.weight / root)  # (m, m, n)
        return np.einsum("abj,jk->ajbk", by_component, np.eye(self.n)).reshape(m * self.n, m * self.n)

    def fixed(self, x: ArrayLike) -> BatchNorm:
        """The `BatchNorm` that has the statistics of the batch x and shares this layer's parameters."""
        x = self._batch(_validate.state(x, self.n, kinds="iuf"))
        with np.errstate(over="ignore", under="ignore"):  # BatchNorm refuses what is then infinite, or 0 without ε
            return BatchNorm(x.mean(axis=0), batch_variance(x), self.weight, self.bias, self.epsilon)


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
        If there is none, or something is not a layer.
    """

    def __init__(self, *layers):
        if not layers:
            _validate.refuse("layers", "none", "at least one layer")
        self.layers = tuple(_validate.layer(entry, f"layers[{k}]") for k, entry in enumerate(layers))

    def __repr__(self):
        return f"Sequence({', '.join(map(repr, self.layers))})"

    @property
    def couples_batch(self) -> bool:
        """Whether one of the layers makes the samples of a batch depend on one another."""
        return any(getattr(layer, "couples_batch", False) for layer in self.layers)

    @property
    def n_in(self) -> int | None:
        """The width that the layers ask for at the input, or None."""
        for layer in self.layers:
            if not is_ours(layer):
                return None
            if layer.n_in is not None:
                return layer.n_in
            if width_after(layer, 1) != 1:
                return None
        return None

    def _width(self, n):
        for layer in self.layers:
            n = width_after(layer, n)
        return n

    def _inputs(self, x):
        """The input of every layer, and the output of the last."""
        states = [_validate.state(x)]
        for layer in self.layers:
            states.append(apply(layer, states[-1]))
        return states

    @UNDERFLOWS
    def forward(self, x: ArrayLike) -> np.ndarray:
        return self._inputs(x)[-1]

    @UNDERFLOWS
    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        *inputs, output = self._inputs(_validate.state(x, kinds="iuf"))
        _, g = _validate.state_and_gradient(x, g, None, output.shape[-1])
        parameters = []
        for layer, at in zip(reversed(self.layers), reversed(inputs), strict=True):
            g, parameter = send_back(layer, at, g)
            parameters.append(parameter)
        return g, parameters[::-1]


def batch_variance(x: np.ndarray) -> np.ndarray:
    """The variance of each component over a batch (m, n): exactly 0 where all samples are equal, and only there.

    The sum of equal numbers rounds, and so does their mean; differences to the first sample do not.
    """
    return (x - x[0]).var(axis=0)


def _exponent(x, axis, epsilon=0.0):
    """The exponent of 2 at the largest |entry| along an axis, or at √epsilon where that is larger.

    Divided by that power of two, which is exact, the squares of the entries stay in the range of the dtype and
    epsilon with them. For complex numbers, which serve complex steps, the real part decides.
    """
    largest = np.maximum(np.max(np.abs(x.real), axis=axis, keepdims=True), np.sqrt(epsilon).astype(x.real.dtype))
    return np.frexp(largest)[1] - 1


def _power_of_two(exponent, like):
    return np.ldexp(like.real.dtype.type(1), exponent)


def _centred(x, axis, epsilon):
    """x − mean along an axis, as an array and the exponent of the 2 it is to be multiplied by.

    The first entry is taken off before the mean, so that equal entries give exactly 0 and close ones keep
    their digits.
    """
    exponent = _exponent(x, axis, epsilon)
    shifted = x / _power_of_two(exponent, x)
    shifted = shifted - np.take(shifted, [0], axis=axis)
    centred = shifted - shifted.mean(axis=axis, keepdims=True)
    finer = _exponent(centred, axis, np.ldexp(epsilon, -2 * exponent))
    return centred / _power_of_two(finer, x), exponent + finer


def _divided_by_root(scaled, exponent, axis, epsilon, zero):
    """x / s and s = √(mean(x²) + epsilon) for x = scaled · 2^exponent.

    Written without absolute values, so that complex steps pass through. Where s is 0, `zero` says what came and
    what was wanted.
    """
    # Of epsilon and x², the one that is far below the other underflows without harm.
    total = (scaled * scaled).mean(axis=axis, keepdims=True) + np.ldexp(scaled.real.dtype.type(epsilon), -2 * exponent)
    if np.any(total == 0):
        got, wanted = zero
        _validate.refuse("x", got.format(int(np.argmax(total.ravel() == 0))), wanted)
    root = np.sqrt(total)
    return scaled / root, root * _power_of_two(exponent, scaled)


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
