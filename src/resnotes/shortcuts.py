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
sample. Deriving from `Layer` adds the call syntax and ``jacobian``.

The package's own layers state their formulas apart from the checks, and the two gradients apart from each
other: a Jacobian needs the first alone, and the second can wait for the end of the chain (see `Layer`).

Parameters are kept as they come, not copied, so that they can be updated in place. The gradient of
``layer.weight`` is what ``backward`` returns second.
"""

from functools import partial

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
        If `layer` is no layer or couples the samples of a batch, or `x` is complex or does not fit it,
        or the layer's ``backward`` returns something else than the protocol says.
    """
    _validate.samples_apart(_validate.layer(layer, "layer"))
    x = _validate.state(x, kinds="iuf")
    n_in = x.shape[-1]
    if n_out is None:
        output = layer.forward(x)
        n_out = output.shape[-1] if np.ndim(output) else n_in
    rows = np.broadcast_to(np.eye(n_out, dtype=x.dtype), x.shape[:-1] + (n_out, n_out))
    if has_gradients(layer):
        x, _ = layer.checked(x, rows[..., 0, :])
    return input_gradients(layer, x, rows)


class Layer:
    """Base of the package's layers: ``layer(x)`` is ``layer.forward(x)``.

    A layer may define ``forward`` and ``backward`` itself, or state the formulas alone, without checks:

    ``output(x, out=None)``
        the output;
    ``input_gradient(x, g, out=None)``
        the gradient at the input. x may be one input for several rows of g, shape (..., 1, n_in)
        beside (..., rows, n_out);
    ``parameter_gradient(x, g, out=None)``
        the gradient of the parameter for x (..., batch, n_in) and g (..., batch, n_out), summed over
        the batch alone: what stands before it counts layers of equal shape, done in one product.
        ``stackable`` says that it uses x and g alone, no parameter of the layer.

    ``out`` takes the arrays to write into, of the shapes returned: outputs have the batch innermost in memory,
    gradients at inputs lie row by row (see `resnotes.workspace`). ``n_in`` and ``n_out`` are the widths
    that the layer asks for: None for any, and an n_out of None for the width of the input.
    """

    n_in = n_out = None
    stackable = False

    def __call__(self, x):
        return self.forward(x)

    def __repr__(self):
        return f"{type(self).__name__}()"

    def forward(self, x):
        """The output, with the checks of the argument."""
        return self.output(_validate.state(x, self.n_in))

    def backward(self, x, g):
        """The gradients at the input and of the parameter, with the checks of both arguments."""
        x, g = self.checked(x, g)
        return self.input_gradient(x, g), self.parameter_gradient(_rows(x), _rows(g))

    def checked(self, x, g):
        """Return x and g as arrays of the widths that the layer asks for."""
        return _validate.state_and_gradient(x, g, self.n_in, self.n_out)

    def output(self, x, out=None):
        raise NotImplementedError(f"{self!r} needs forward, or output")

    def input_gradient(self, x, g, out=None):
        raise NotImplementedError(f"{self!r} needs backward, or input_gradient")

    def parameter_gradient(self, x, g, out=None):
        """None: no parameter."""

    def jacobian(self, x, n_out=None):
        """Jacobian at x, shape (..., n_out, n_in); see `layer_jacobian`."""
        return layer_jacobian(self, x, n_out)


def _rows(x):
    """All leading axes as one batch: (..., n) as (batch, n)."""
    return x.reshape(-1, x.shape[-1])


def matrix_product(x, matrix, out=None):
    """x @ matrix for rows x, shape (..., n).

    With `out` it is a ``dot``, which for small matrices starts in half the time that ``np.matmul`` takes.
    """
    if out is None:
        return x @ matrix
    product_step(x, matrix, out)()
    return out


def product_step(x, matrix, out):
    """The call that writes x @ matrix into `out`.

    Where the batch lies innermost in `out`, it is matrixᵀ xᵀ, since ``dot`` only writes along the memory.
    """
    if out.flags.f_contiguous:
        return partial(matrix.T.dot, x.T, out.T)
    return partial(x.dot, matrix, out)


def matrix_gradient(x, g, out=None):
    """The gradient gᵀ x of the matrix of ``x @ matrix.T``, summed over the batch, (..., batch, n) -> (..., m, n)."""
    return np.matmul(g.swapaxes(-1, -2), x, out=out)


def has_output(layer):
    """Whether a layer's ``forward`` is its checked ``output``, so that this may be called in its place."""
    return getattr(type(layer), "forward", None) is Layer.forward


def has_gradients(layer):
    """Whether a layer's ``backward`` is made of its two gradients, so that these may be called instead."""
    return getattr(type(layer), "backward", None) is Layer.backward


def input_gradients(layer, x, rows):
    """Send several rows of gradients back through a layer at each of its inputs.

    Parameters
    ----------
    layer : object
        Anything with ``forward(x)`` and ``backward(x, g)``.
    x : ndarray, shape (..., n_in)
    rows : ndarray, shape (..., k, n_out)

    Returns
    -------
    ndarray, shape (..., k, n_in)

    Raises
    ------
    ValueError
        If the layer's ``backward`` returns something else than the protocol says.
    """
    if has_gradients(layer):
        return layer.input_gradient(x[..., None, :], rows)
    inputs = np.repeat(_rows(x), rows.shape[-2], axis=0)
    sent, _ = _validate.sent_back(layer.backward(inputs, _rows(rows)), inputs)
    return sent.reshape(rows.shape[:-1] + x.shape[-1:])


class Identity(Layer):
    """H(x) = x."""

    def output(self, x, out=None):
        return x

    def input_gradient(self, x, g, out=None):
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

    stackable = True

    def __init__(self, factor):
        self.weight = _validate.finite_number(factor, "factor")

    def __repr__(self):
        return f"Scale({self.weight!r})"

    def output(self, x, out=None):
        return np.multiply(x, self.weight, out=out)

    def input_gradient(self, x, g, out=None):
        return np.multiply(g, self.weight, out=out)

    def parameter_gradient(self, x, g, out=None):
        return np.sum(g * x, axis=(-2, -1), out=out)


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

    stackable = True

    def __init__(self, vector):
        self.weight = _validate.finite_array(vector, "vector", "a real vector of shape (n,)", (1,))

    def __repr__(self):
        return f"Diagonal(n={len(self.weight)})"

    n_in = property(lambda self: len(self.weight))

    def output(self, x, out=None):
        return np.multiply(x, self.weight, out=out)

    def input_gradient(self, x, g, out=None):
        return np.multiply(g, self.weight, out=out)

    def parameter_gradient(self, x, g, out=None):
        return np.sum(g * x, axis=-2, out=out)


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

    stackable = True

    def __init__(self, weight):
        self.weight = _validate.finite_array(weight, "weight", "a real matrix of shape (m, n)", (2,))

    def __repr__(self):
        m, n = self.weight.shape
        return f"Projection({n} -> {m})"

    n_in = property(lambda self: self.weight.shape[1])
    n_out = property(lambda self: self.weight.shape[0])

    def output(self, x, out=None):
        return matrix_product(x, self.weight.T, out)

    def input_gradient(self, x, g, out=None):
        return matrix_product(g, self.weight, out)

    def parameter_gradient(self, x, g, out=None):
        return matrix_gradient(x, g, out)


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
        return self.output(x)

    def output(self, x, out=None):
        out = np.empty(x.shape[:-1] + (self.n_out,), x.dtype) if out is None else out
        out[..., : x.shape[-1]], out[..., x.shape[-1] :] = x, 0
        return out

    def checked(self, x, g):
        x, g = super().checked(x, g)
        self._fits(x)
        return x, g

    def input_gradient(self, x, g, out=None):
        return np.positive(g[..., : x.shape[-1]], out=out)


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

    def opening(self, x):
        """s(x), entry by entry between 0 and 1, shape (..., n)."""
        z = _validate.state(x, len(self.bias)) @ self.weight.T + self.bias
        shut = z.real > 0
        e = np.exp(np.where(shut, -z, z))  # never overflows
        return np.where(shut, e, 1) / (1 + e)

    def forward(self, x):
        return self.opening(x) * x

    def backward(self, x, g):
        n = len(self.bias)
        x, g = _validate.state_and_gradient(x, g, n, n)
        s = self.opening(x)
        at_gate = -g * x * s * (1 - s)
        rows = at_gate.reshape(-1, n)
        return g * s + at_gate @ self.weight, (rows.T @ x.reshape(-1, n), rows.sum(axis=0))


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

    def forward(self, x):
        m, c = self.weight.shape
        x = _validate.state(x, c * self.positions)
        return (self.weight @ self._maps(x, c)).reshape(*x.shape[:-1], m * self.positions)

    def backward(self, x, g):
        m, c = self.weight.shape
        x, g = _validate.state_and_gradient(x, g, c * self.positions, m * self.positions)
        at_x, at_y = self._maps(x, c), self._maps(g, m)
        parameter = (at_y @ np.swapaxes(at_x, -1, -2)).reshape(-1, m, c).sum(axis=0)
        return (self.weight.T @ at_y).reshape(x.shape), parameter


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

    def forward(self, x):
        x = _validate.state(x, self.n_in)
        y = np.zeros((*x.shape[:-1], self.n_out), x.dtype)
        y[..., : len(self.kept)] = x[..., self.kept]
        return y

    def backward(self, x, g):
        x, g = _validate.state_and_gradient(x, g, self.n_in, self.n_out)
        sent = np.zeros(x.shape, g.dtype)
        sent[..., self.kept] = g[..., : len(self.kept)]
        return sent, None


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

    def forward(self, x):
        return np.where(self.mask, _validate.state(x, len(self.mask)) / self.keep, 0)

    def backward(self, x, g):
        x, g = _validate.state_and_gradient(x, g, len(self.mask), len(self.mask))
        return np.where(self.mask, g / self.keep, 0), None


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

    def forward(self, x):
        return _validate.state(x, len(self.weight)) @ self.weight.T

    def backward(self, x, g):
        n = len(self.weight)
        x, g = _validate.state_and_gradient(x, g, n, n)
        return g @ self.weight, None


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


def sinkhorn(positive, rounds=10_000):
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

    def output(self, x, out=None):
        return x.dtype.type(0)

    def checked(self, x, g):
        return _validate.state(x, kinds="iuf"), _validate.state(g, name="g", kinds="iuf")

    def input_gradient(self, x, g, out=None):
        out = np.empty(g.shape[:-1] + x.shape[-1:], g.dtype) if out is None else out
        out[...] = 0
        return out


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
