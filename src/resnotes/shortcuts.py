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
batch depend on one another says so with an attribute ``couples_batch = True``: it has no Jacobian by
sample. Deriving from `Layer` adds the call syntax and ``jacobian``. `resnotes.testing.check_gradient`
compares the two methods with each other.

A custom layer is handed read-only arrays, must return floating-point ones (float64 or float32; complex128
where x is complex), and keeps its own: what it returns is copied. So it can neither change the states of
the other layers nor the gradient that goes to another layer too.

The package's layers state their formulas apart from the checks, and the two gradients apart from each
other: a network checks what comes in once and then calls the formulas (see `Layer`).

Parameters are kept as they come, not copied, so that they can be updated in place. The gradient of
``layer.weight`` is what ``backward`` returns second.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate

# Numbers far below the others round to 0, without harm and without a word even under np.seterr(all="raise").
UNDERFLOWS = np.errstate(under="ignore")


@UNDERFLOWS
def layer_jacobian(layer, x: ArrayLike, n_out: int | None = None) -> np.ndarray:
    """Jacobian of a layer at its input, by sending the rows of the identity back through it.

    Parameters
    ----------
    layer : object
        Anything with ``forward(x)`` and ``backward(x, g)``.
    x : array_like, shape (..., n_in)
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
        If `layer` is not a layer or couples the samples of a batch, `x` is complex, not finite or does not
        fit it, or the layer's methods return something else than the protocol says.
    """
    _validate.layer(layer, "layer")
    x = _validate.finite(_validate.state(x, kinds="iuf"), "x")
    if n_out is None:
        output = apply(layer, x, zero=True)
        n_out = output.shape[-1] if np.ndim(output) else x.shape[-1]
    rows = np.broadcast_to(np.eye(n_out, dtype=x.dtype), x.shape[:-1] + (n_out, n_out))
    if is_formula(layer):
        layer.checked(x, rows[..., 0, :])
    return send_rows(layer, x, rows)[0]


class Layer:
    """Base of the package's layers: ``layer(x)`` is ``layer.forward(x)``.

    A layer may define ``forward`` and ``backward`` itself, or state the formulas alone, without checks:

    ``output(x)``
        the output;
    ``input_gradient(x, g)``
        the gradient at the input. x may be one input for several rows of g, shape (..., 1, n_in)
        beside (..., rows, n_out);
    ``parameter_gradient(x, g)``
        the gradient of the parameter for a batch, x (batch, n_in) and g (batch, n_out), summed over it;
        None where there is no parameter.

    ``n_in`` and ``n_out`` are the widths that the layer asks for: None for any, and an n_out of None for
    the width of the input.
    """

    n_in = n_out = None
    # Whether this is a class of the package, and whether its methods are the checked formulas and nothing else.
    _ours = _formula = False

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls._ours = cls.__module__.split(".")[0] == __name__.split(".")[0]
        cls._formula = cls._ours and cls.forward is Layer.forward and cls.backward is Layer.backward

    def __call__(self, x: ArrayLike) -> np.ndarray:
        return self.forward(x)

    def __repr__(self):
        return f"{type(self).__name__}()"

    @UNDERFLOWS
    def forward(self, x: ArrayLike) -> np.ndarray:
        """The output at x, shape (..., n_in), with the checks of the argument."""
        return self.output(_validate.state(x, self.n_in))

    @UNDERFLOWS
    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        """The gradients at the input x and of the parameter, for the gradient g at the output.

        Both arguments are checked; x must be finite, since a slope may hide that it is not.
        """
        x, g = self.checked(x, g)
        return _formulas_back(self, _validate.finite(x, "x"), g)

    def checked(self, x: ArrayLike, g: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """x and g as arrays of the widths that the layer asks for."""
        return _validate.state_and_gradient(x, g, self.n_in, self.n_out)

    def output(self, x: np.ndarray) -> np.ndarray:
        """The formula of the output, without checks."""
        raise NotImplementedError(f"{self!r} needs forward, or output")

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The formula of the gradient at the input, without checks."""
        raise NotImplementedError(f"{self!r} needs backward, or input_gradient")

    def parameter_gradient(self, x: np.ndarray, g: np.ndarray):
        """The formula of the gradient of the parameter, without checks; None where there is no parameter."""

    def jacobian(self, x: ArrayLike, n_out: int | None = None) -> np.ndarray:
        """Jacobian at x, shape (..., n_out, n_in); see `layer_jacobian`."""
        return layer_jacobian(self, x, n_out)

    def _width(self, n):
        """The width of the output for an input of width n, each None where it is not known; refuses one that does not fit."""
        if None not in (n, self.n_in) and n != self.n_in:
            _validate.refuse("x", f"a width of {n}", f"a width of {self.n_in}")
        return self.n_out or n or self.n_in


def is_formula(layer) -> bool:
    """Whether a layer is one of the package's whose methods are its formulas and the checks."""
    return getattr(type(layer), "_formula", False)


def is_ours(layer) -> bool:
    """Whether a layer is one of the package's, whose class is not somebody else's subclass."""
    return getattr(type(layer), "_ours", False)


def width_after(layer, n: int | None) -> int | None:
    """The width of a layer's output for inputs of width n; None where it is not known, as of custom layers."""
    return layer._width(n) if is_ours(layer) else None


def rule(layer, x: np.ndarray, zero: bool = False) -> Callable:
    """What to call for the output of a layer at x: its bare formula where that is known to fit, else `apply`."""
    if getattr(type(layer), "_formula", False) and layer.n_in in (None, x.shape[-1]):
        return layer.output
    return partial(apply, layer, zero=zero)


def apply(layer, x: np.ndarray, zero: bool = False) -> np.ndarray:
    """The output of any layer at x, an array with the leading axes of x that nobody else writes to.

    Parameters
    ----------
    layer : object
    x : ndarray, shape (..., n_in)
    zero : bool
        Whether the number 0, which fits every branch, may come instead of an array.

    Raises
    ------
    ValueError
        If the layer refuses x, tries to write to it, or returns something else.
    """
    ours = is_ours(layer)
    out = layer.forward(x if ours else read_only(x))
    if zero and np.ndim(out) == 0 and out == 0:
        return x.dtype.type(0)
    if not isinstance(out, np.ndarray) or out.ndim != x.ndim or out.shape[:-1] != x.shape[:-1]:
        wanted = f"an array with {x.ndim} axes, the leading ones of an input of shape {x.shape}"
        _validate.refuse("forward(x)", _validate.describe(out), wanted)
    return out if ours else _validate.copied(out, "forward(x)", x.dtype)


def send_back(layer, x: np.ndarray, g: np.ndarray) -> tuple:
    """What a layer sends back for g, the gradient at its output: the pair of its ``backward``, checked and its own.

    Raises
    ------
    ValueError
        If the layer refuses its arguments, tries to write to them, or returns something else than the protocol says.
    """
    if is_formula(layer):
        return _formulas_back(layer, x, g)
    if is_ours(layer):
        return _validate.sent_back(layer.backward(x, g), x)
    sent, parameter = _validate.sent_back(layer.backward(read_only(x), read_only(g)), x)
    return _validate.copied(sent, "backward(x, g)[0]", x.dtype), _copy(parameter)


def send_states(layer, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, None]:
    """As `send_back`, with None for the parameter's gradient, which is not formed where the layer states formulas."""
    return layer.input_gradient(x, g) if is_formula(layer) else send_back(layer, x, g)[0], None


def _formulas_back(layer, x, g):
    if x.ndim == 2:
        return layer.input_gradient(x, g), layer.parameter_gradient(x, g)
    # All leading axes as one batch.
    rows = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return layer.input_gradient(x, g), layer.parameter_gradient(*rows)


def send_rows(layer, x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, None]:
    """Send several rows of gradients back through a layer at each of its inputs, and nothing to its parameter.

    Parameters
    ----------
    layer : object
        Anything with ``forward(x)`` and ``backward(x, g)``.
    x : ndarray, shape (..., n_in)
    rows : ndarray, shape (..., k, n_out)

    Returns
    -------
    tuple
        The gradients at the input, shape (..., k, n_in), and None.

    Raises
    ------
    ValueError
        If the layer couples the samples of a batch, or as `send_back` does.
    """
    _validate.samples_apart(layer)
    if is_formula(layer):
        return layer.input_gradient(x[..., None, :], rows), None
    inputs = np.repeat(x.reshape(-1, x.shape[-1]), rows.shape[-2], axis=0)
    sent, _ = send_back(layer, inputs, rows.reshape(-1, rows.shape[-1]))
    return sent.reshape(rows.shape[:-1] + x.shape[-1:]), None


def matrix_product(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """x @ matrix for rows x, shape (..., n).

    On small matrices ``dot`` takes three quarters of the time of ``np.matmul``; on more than two axes it is slow.
    """
    return x.dot(matrix) if x.ndim < 3 else x @ matrix


def read_only(array: np.ndarray) -> np.ndarray:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _copy(parameter):
    """What a custom layer returned for its parameter, with arrays of our own where they stand in tuples and lists."""
    if isinstance(parameter, np.ndarray):
        return parameter.copy()
    return type(parameter)(map(_copy, parameter)) if type(parameter) in (tuple, list) else parameter


class Identity(Layer):
    """H(x) = x."""

    def output(self, x: np.ndarray) -> np.ndarray:
        return x

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return g


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

    def output(self, x: np.ndarray) -> np.ndarray:
        return x * self.weight

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return g * self.weight

    def parameter_gradient(self, x: np.ndarray, g: np.ndarray):
        return np.sum(g * x)


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

    n_in = property(lambda self: len(self.weight))

    def output(self, x: np.ndarray) -> np.ndarray:
        return x * self.weight

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return g * self.weight

    def parameter_gradient(self, x: np.ndarray, g: np.ndarray):
        return np.sum(g * x, axis=0)


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

    n_in = property(lambda self: self.weight.shape[1])
    n_out = property(lambda self: self.weight.shape[0])

    def output(self, x: np.ndarray) -> np.ndarray:
        return matrix_product(x, self.weight.T)

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return matrix_product(g, self.weight)

    def parameter_gradient(self, x: np.ndarray, g: np.ndarray):
        return g.T.dot(x)


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

    def _width(self, n):
        if n is not None and n > self.n_out:
            _validate.refuse("x", f"a width of {n}", f"a width of at most {self.n_out}")
        return super()._width(n)

    def forward(self, x: ArrayLike) -> np.ndarray:
        x = _validate.state(x, self.n_in)
        self._fits(x)
        return self.output(x)

    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        return self.input_gradient(*self.checked(x, g)), None

    def output(self, x: np.ndarray) -> np.ndarray:
        out = np.zeros(x.shape[:-1] + (self.n_out,), x.dtype)
        out[..., : x.shape[-1]] = x
        return out

    def checked(self, x: ArrayLike, g: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x, g = super().checked(x, g)
        self._fits(x)
        return x, g

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return g[..., : x.shape[-1]].copy()


class Gate(Layer):
    """H(x) = s(x) ∘ x with s(x) = 1 - σ(W x + b): a shortcut that opens and closes with its input.

    This is the shortcut-only gating of He et al. 2016 (arXiv:1603.05027), section 3.1, where g = σ(W x + b).
    Its Jacobian is diag(s) - diag(x ∘ s ∘ (1 - s)) W. The second part is the gate's own derivative.

    Parameters
    ----------
    weight : array_like, shape (n, n)
        W.
    bias : array_like, shape (n,)
        b. A very negative one opens the gate.

    Raises
    ------
    ValueError
        If an array is not real and finite, or the shapes do not match.
    """

    def __init__(self, weight, bias):
        wanted = "a real square matrix of shape (n, n)"
        self.weight = _validate.finite_array(weight, "weight", wanted, (2,))
        if self.weight.shape[0] != self.weight.shape[1]:
            _validate.refuse("weight", _validate.describe(self.weight), wanted)
        wanted = f"a real vector of shape ({len(self.weight)},), one entry a row of weight"
        self.bias = _validate.finite_array(bias, "bias", wanted, (1,))
        if len(self.bias) != len(self.weight):
            _validate.refuse("bias", _validate.describe(self.bias), wanted)

    def __repr__(self):
        return f"Gate(n={len(self.bias)})"

    n_in = property(lambda self: len(self.bias))

    @UNDERFLOWS
    def opening(self, x: ArrayLike) -> np.ndarray:
        """s(x), entry by entry between 0 and 1, shape (..., n)."""
        return sigmoid(-(_validate.state(x, self.n_in) @ self.weight.T + self.bias))

    def output(self, x: np.ndarray) -> np.ndarray:
        return self.opening(x) * x

    def _at_gate(self, x, g, s):
        return -g * x * s * (1 - s)

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        s = self.opening(x)
        return g * s + self._at_gate(x, g, s) @ self.weight

    def parameter_gradient(self, x: np.ndarray, g: np.ndarray):
        at_gate = self._at_gate(x, g, self.opening(x))
        return at_gate.T @ x, at_gate.sum(axis=0)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)) of real or complex numbers, written so that nothing overflows."""
    low = z.real < 0
    e = np.exp(np.where(low, z, -z))
    return np.where(low, e, 1) / (1 + e)


class Convolution1x1(Layer):
    """A 1x1 convolution: the same matrix mixes the channels at every position.

    States are feature maps (channels, height, width), flattened in this order. The Jacobian is the
    Kronecker product W ⊗ I with the identity over height · width positions. This is the projection
    shortcut of He et al. 2015 (arXiv:1512.03385), options B and C, with stride 1.

    Parameters
    ----------
    weight : array_like, shape (m, c)
        W, from c channels to m.
    positions : int
        height · width.

    Raises
    ------
    ValueError
        If `weight` is not a finite real matrix, or `positions` is not a whole number of at least 1.
    """

    def __init__(self, weight, positions):
        self.weight = _validate.finite_array(weight, "weight", "a real matrix of shape (m, c)", (2,))
        self.positions = _validate.whole_number(positions, "positions", 1)

    def __repr__(self):
        m, c = self.weight.shape
        return f"Convolution1x1({c} -> {m} channels, {self.positions} positions)"

    def _maps(self, flat, channels):
        return flat.reshape(*flat.shape[:-1], channels, self.positions)

    n_in = property(lambda self: self.weight.shape[1] * self.positions)
    n_out = property(lambda self: self.weight.shape[0] * self.positions)

    def output(self, x: np.ndarray) -> np.ndarray:
        return (self.weight @ self._maps(x, self.weight.shape[1])).reshape(*x.shape[:-1], self.n_out)

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return (self.weight.T @ self._maps(g, self.weight.shape[0])).reshape(*g.shape[:-1], self.n_in)

    def parameter_gradient(self, x: np.ndarray, g: np.ndarray):
        m, c = self.weight.shape
        return (self._maps(g, m) @ np.swapaxes(self._maps(x, c), -1, -2)).sum(axis=0)


class Subsample(Layer):
    """Every stride-th row and column of feature maps; new channels, if any, are zero.

    With more channels than before this is option A of He et al. 2015 (arXiv:1512.03385): the identity
    with a stride, padded with zeros. States are feature maps (channels, height, width), flattened in
    this order. Backward puts each number where it was taken from, zeros elsewhere, and clips the
    new channels.

    Parameters
    ----------
    channels, height, width : int
        Of the input.
    stride : int
    channels_out : int, optional
        At least `channels`, which is the default.

    Raises
    ------
    ValueError
        If an argument is not a whole number in its range.
    """

    def __init__(self, channels, height, width, stride=2, channels_out=None):
        self.channels = _validate.whole_number(channels, "channels", 1)
        self.height = _validate.whole_number(height, "height", 1)
        self.width = _validate.whole_number(width, "width", 1)
        self.stride = _validate.whole_number(stride, "stride", 1)
        channels_out = self.channels if channels_out is None else channels_out
        self.channels_out = _validate.whole_number(channels_out, "channels_out", self.channels)
        places = np.arange(self.channels * self.height * self.width)
        kept = places.reshape(self.channels, self.height, self.width)[:, :: self.stride, :: self.stride]
        #: Where in x the kept numbers stand.
        self.kept = kept.ravel()
        self.n_in = places.size
        self.n_out = self.channels_out * kept[0].size

    def __repr__(self):
        return f"Subsample({self.n_in} -> {self.n_out}, stride {self.stride})"

    def output(self, x: np.ndarray) -> np.ndarray:
        y = np.zeros((*x.shape[:-1], self.n_out), x.dtype)
        y[..., : len(self.kept)] = x[..., self.kept]
        return y

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        sent = np.zeros((*g.shape[:-1], self.n_in), g.dtype)
        sent[..., self.kept] = g[..., : len(self.kept)]
        return sent


class Dropout(Layer):
    """H(x) = m ∘ x / q with one mask m of zeros and ones, held fixed.

    Draw a new one for each step of training. With `keep`, the probability q of a one, the mean over
    masks is the identity ("inverted" dropout). With the default q = 1 it is q times the identity.

    Parameters
    ----------
    mask : array_like, shape (n,)
        Zeros and ones, or an array of booleans.
    keep : float
        0 < q <= 1.

    Raises
    ------
    ValueError
        If `mask` holds anything else, or `keep` is out of range.
    """

    def __init__(self, mask, keep=1.0):
        wanted = "a vector of zeros and ones, shape (n,)"
        if isinstance(mask, np.ndarray) and mask.dtype == bool:
            mask = mask.astype(float)
        array = _validate.finite_array(mask, "mask", wanted, (1,))
        if not np.isin(array, (0, 1)).all():
            _validate.refuse("mask", _validate.describe(mask), wanted)
        self.mask = array == 1
        self.keep = _validate.finite_number(keep, "keep")
        if not 0 < self.keep <= 1:
            _validate.refuse("keep", _validate.describe(keep), "a probability q with 0 < q <= 1")

    def __repr__(self):
        return f"Dropout({self.mask.sum()} of {len(self.mask)} kept, q={self.keep:g})"

    n_in = property(lambda self: len(self.mask))

    def output(self, x: np.ndarray) -> np.ndarray:
        return np.where(self.mask, x / self.keep, 0)

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return np.where(self.mask, g / self.keep, 0)


class _FixedMatrix(Layer):
    """H(x) = W x with a square matrix of a certain kind, which is not trained."""

    wanted = "a real square matrix of shape (n, n)"

    def __init__(self, weight):
        self.weight = _validate.finite_array(weight, "weight", self.wanted, (2,))
        n, m = self.weight.shape
        allowed = 64 * n * np.finfo(self.weight.dtype).eps
        if n != m or not self._defect() <= allowed:
            _validate.refuse("weight", _validate.describe(self.weight), self.wanted)

    def __repr__(self):
        return f"{type(self).__name__}(n={len(self.weight)})"

    n_in = property(lambda self: len(self.weight))

    def output(self, x: np.ndarray) -> np.ndarray:
        return x @ self.weight.T

    def input_gradient(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        return g @ self.weight


class Rotation(_FixedMatrix):
    """H(x) = R x with Rᵀ R = I: a rotation, a reflection, a permutation. No length changes.

    Parameters
    ----------
    weight : array_like, shape (n, n)
        R, orthogonal up to rounding. It is kept, and has no gradient: a step along one would leave
        the orthogonal matrices.

    Raises
    ------
    ValueError
        If `weight` is not a finite real orthogonal matrix.
    """

    wanted = "a real orthogonal matrix of shape (n, n)"

    def _defect(self):
        return np.max(np.abs(self.weight.T @ self.weight - np.eye(len(self.weight))))


class DoublyStochastic(_FixedMatrix):
    """H(x) = S x with no negative entry, and every row and every column of S adding up to 1.

    Parameters
    ----------
    weight : array_like, shape (n, n)
        S, up to rounding; see `sinkhorn`. It is kept, and has no gradient.

    Raises
    ------
    ValueError
        If `weight` is not a finite real doubly stochastic matrix.
    """

    wanted = "a real doubly stochastic matrix of shape (n, n)"

    def _defect(self):
        sums = np.concatenate([self.weight.sum(axis=0), self.weight.sum(axis=1)])
        return max(np.max(np.abs(sums - 1)), -np.min(self.weight))


def sinkhorn(positive: ArrayLike, rounds: int = 10_000) -> np.ndarray:
    """The doubly stochastic matrix that scaling rows and columns in turn leads to (Sinkhorn 1964).

    Parameters
    ----------
    positive : array_like, shape (n, n)
        All entries positive.
    rounds : int
        The most rounds to take. It stops earlier where all sums are 1 to within rounding.

    Returns
    -------
    ndarray, shape (n, n)

    Raises
    ------
    ValueError
        If `positive` is not a finite square matrix of positive numbers, or the sums are not 1 after
        `rounds` rounds.
    """
    wanted = "a square matrix of positive numbers"
    matrix = _validate.finite_array(positive, "positive", wanted, (2,))
    if matrix.shape[0] != matrix.shape[1] or not (matrix > 0).all():
        _validate.refuse("positive", _validate.describe(matrix), wanted)
    rounds = _validate.whole_number(rounds, "rounds", 1)
    close = 8 * len(matrix) * np.finfo(matrix.dtype).eps
    for _ in range(rounds):
        matrix = matrix / matrix.sum(axis=1, keepdims=True)
        matrix = matrix / matrix.sum(axis=0)
        if np.max(np.abs(matrix.sum(axis=1) - 1)) <= close:
            return matrix
    _validate.refuse("rounds", rounds, "enough for the sums of rows and columns to come to 1")


class Absent(Layer):
    """No shortcut: it contributes 0, and the unit is a plain layer.

    ``forward`` returns the number 0 rather than an array of zeros, so that the branch may have any
    output width.
    """

    def forward(self, x: ArrayLike) -> np.ndarray:
        return _validate.state(x).dtype.type(0)

    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        x, g = _validate.state(x, kinds="iuf"), _validate.state(g, name="g", kinds="iuf")
        return np.zeros(g.shape[:-1] + x.shape[-1:], g.dtype), None

    def _width(self, n):
        return None


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
        If `shortcut` is not a layer.
    """

    def __init__(self, shortcut):
        self.shortcut = _validate.layer(shortcut, "shortcut")

    def __repr__(self):
        return f"StopGradient({self.shortcut!r})"

    n_in = property(lambda self: getattr(self.shortcut, "n_in", None) if is_ours(self.shortcut) else None)

    def forward(self, x: ArrayLike) -> np.ndarray:
        return apply(self.shortcut, _validate.state(x), zero=True)

    def backward(self, x: ArrayLike, g: ArrayLike) -> tuple:
        x = _validate.state(x, kinds="iuf")
        if is_formula(self.shortcut):
            x, g = self.shortcut.checked(x, g)
        sent, parameter = send_back(self.shortcut, x, g)
        return np.zeros_like(sent), parameter

    def _width(self, n):
        return width_after(self.shortcut, n)
