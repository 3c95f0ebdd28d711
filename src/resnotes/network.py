"""Residual networks in NumPy: forward pass, backward pass and Jacobians.

A unit computes y_l = H_l(x_l) + F_l(x_l) and x_{l+1} = f_l(y_l), where F_l is its branch, H_l its
shortcut and f_l the layer after the addition (He et al. 2016, arXiv:1603.05027, equations 1 and 2).
Going back, with row gradients g_l = ∂E/∂x_l,

    g_l = g_{l+1} D_l (H_l + J_l),

D_l, H_l and J_l being the Jacobians of f_l, of the shortcut and of the branch.

Branch entries, shortcuts and the layer after the addition keep one protocol, described in
`resnotes.shortcuts`: ``forward(x)`` beside ``backward(x, g)``.

**What is not finite stays in sight.** Bad input is refused, but a pass in which finite numbers overflow goes on
as NumPy does, and a warning names the unit and the entry where it happened (`np.seterr` decides whether it is a
warning, nothing or a FloatingPointError). Some layers would hide what happened: tanh(∞) is 1. So where a number
inside a unit is not finite and the state that comes out of it would be, that sample's state is NaN; and so is
a gradient. A trace that is not finite is refused by every backward pass.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import exp, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.shortcuts import (
    Identity,
    Layer,
    is_ours,
    layer_jacobian,
    matrix_product,
    rule,
    send_back,
    send_rows,
    send_states,
    sigmoid,
    width_after,
)


class Affine(Layer):
    """F(x) = W x + b.

    The arrays are kept, not copied (what is neither float32 nor float64 is converted), so that a
    training step can update ``weight`` and ``bias`` in place.

    Parameters
    ----------
    weight : array_like, shape (m, n)
        W.
    bias : array_like, shape (m,), optional
        b. Without it the layer has no bias: ``bias`` is None and so is its gradient.

    Raises
    ------
    ValueError
        If an array is not real and finite, or the shapes do not match.
    """

    def __init__(self, weight, bias=None):
        self.weight = _validate.finite_array(weight, "weight", "a real matrix of shape (m, n)", (2,))
        self.bias = None
        if bias is not None:
            wanted = f"a real vector of shape ({len(self.weight)},), one entry a row of weight"
            self.bias = _validate.finite_array(bias, "bias", wanted, (1,))
            if self.bias.shape != self.weight.shape[:1]:
                _validate.refuse("bias", _validate.describe(self.bias), wanted)

    def __repr__(self):
        m, n = self.weight.shape
        return f"Affine({n} -> {m}{'' if self.bias is not None else ', no bias'})"

    n_in = property(lambda self: self.weight.shape[1])
    n_out = property(lambda self: self.weight.shape[0])

    def output(self, x):
        y = x.dot(self.weight.T) if x.ndim < 3 else x @ self.weight.T  # dot starts sooner, see `matrix_product`
        if self.bias is None:
            return y
        return np.add(y, self.bias, out=y) if y.dtype == self.bias.dtype else y + self.bias

    def input_gradient(self, x, g):
        return matrix_product(g, self.weight)

    def parameter_gradient(self, x, g):
        # The sum over the batch as a product, which BLAS does in half the time.
        return g.T.dot(x), None if self.bias is None else np.ones(len(g), g.dtype).dot(g)


class Elementwise(Layer):
    """Base of layers that act entry by entry: their Jacobian is diag(slope(x))."""

    def slope(self, x: np.ndarray) -> np.ndarray:
        """f'(x), entry by entry, in the dtype of x."""
        raise NotImplementedError(f"{self!r} needs slope")

    def input_gradient(self, x, g):
        return g * self.slope(x)


class ReLU(Elementwise):
    """f(x) = max(x, 0) entry by entry, with f'(0) = 0. For a complex x the real part's sign decides."""

    def __repr__(self):
        return "relu"

    def output(self, x):
        if x.dtype.kind == "c":
            return np.where(x.real <= 0, 0, x)  # NaN stays
        return np.maximum(x, x.dtype.type(0))

    def slope(self, x):
        return (x > 0).astype(x.dtype)


class Tanh(Elementwise):
    """f(x) = tanh(x) entry by entry."""

    def __repr__(self):
        return "tanh"

    def output(self, x):
        return np.tanh(x)

    def slope(self, x):
        # 1 - tanh(x)**2, written so that it does not cancel where tanh saturates.
        e = np.exp(-2 * np.abs(x))
        return 4 * e / (1 + e) ** 2


class SiLU(Elementwise):
    """f(x) = x σ(x) entry by entry, σ the logistic function: SiLU or swish (Elfwing et al. 2018, arXiv:1702.03118)."""

    def __repr__(self):
        return "silu"

    def output(self, x):
        return x * sigmoid(x)

    def slope(self, x):
        s = sigmoid(x)
        return s + x * s * sigmoid(-x)


class GELU(Elementwise):
    """f(x) = x Φ(x) entry by entry, Φ the distribution function of a normal number (arXiv:1606.08415).

    This is the exact form, not the one with tanh.
    """

    def __repr__(self):
        return "gelu"

    def output(self, x):
        return x * _normal_distribution(x)

    def slope(self, x):
        return _normal_distribution(x) + x * np.exp(-(np.minimum(np.abs(x), 60) ** 2) / 2) * (2 * pi) ** -0.5


def _normal_distribution(x):
    """Φ(x) = erfc(-x/√2) / 2, for real numbers and for complex ones near the real axis, to within rounding.

    For z > 0, erfc(z) = (2z/π) exp(-z²) ∫ exp(-t²) / (t² + z²) dt over t > 0. The midpoint rule of step h makes an
    error of size exp(-π²/h²), below rounding for h = 1/2, once the residue at the pole t = iz is taken off, which
    matters where z < π/h.
    """
    z = np.where(x.real > 0, x, -x) * x.dtype.type(0.5**0.5)
    z = np.where(z.real > 40, 40, z)  # where nothing of the tail is left
    step = 0.5
    points = [(k + 0.5) * step for k in range(13)]
    terms = sum(exp(-t * t) / (t * t + z * z) for t in points)
    pole = np.exp(-2 * pi / step * z)
    tail = z * (2 * step / pi) * np.exp(-z * z) * terms + np.where(z.real < pi / step, 2 * pole / (1 + pole), 0)
    return np.where(x.real > 0, 2 - tail, tail) / 2


class _IdentityActivation(Identity):
    """f(x) = x."""

    def __repr__(self):
        return "identity"


#: ReLU: max(x, 0) entry by entry, with slope 0 at 0.
relu = ReLU()
#: tanh entry by entry.
tanh = Tanh()
#: SiLU, x sigmoid(x), entry by entry.
silu = SiLU()
#: GELU, x times the normal distribution function at x, entry by entry.
gelu = GELU()
#: The identity, which leaves everything as it is.
identity = _IdentityActivation()

#: By name, as a file of weights names them.
ACTIVATIONS = {"relu": relu, "tanh": tanh, "gelu": gelu, "silu": silu, "identity": identity}


class _Record:
    """Base of what the passes return: arrays in named places, shown by their shapes."""

    __slots__ = ()

    def __repr__(self):
        parts = ((name, getattr(self, name)) for name in self.__slots__ if not name.startswith("_"))
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in parts if name not in ("network", "finite"))
        return f"{type(self).__name__}({shown})"


def _shown(value):
    """A few words on an array, or on a list of records or arrays, however long it is."""
    if isinstance(value, np.ndarray):
        return str(value.shape)
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    if not isinstance(value, list):
        return repr(value)
    if value and isinstance(value[0], UnitTrace | UnitGradients):
        return f"[{len(value)} units]"
    runs = [(shown, len(list(equal))) for shown, equal in groupby(map(_shown, value))]
    texts = [shown if count == 1 else f"{count} times {shown}" for shown, count in runs]
    return f"[{', '.join(texts if len(texts) < 8 else [*texts[:3], '...', *texts[-3:]])}]"


@dataclass(eq=False, repr=False, slots=True)
class UnitTrace(_Record):
    """What one unit's forward pass leaves for its backward pass.

    Its arrays may be one array where a layer passes its input on; they are to be read, not written to.

    Attributes
    ----------
    branch : list of ndarray
        ``branch[k]`` is the input of entry k; ``branch[0]`` is the unit's input x_l.
    branch_output : ndarray
        F_l(x_l).
    sum : ndarray
        y_l = H_l(x_l) + F_l(x_l), before the layer after the addition.
    output : ndarray
        x_{l+1}.
    finite : bool
        Whether all numbers in it are, and those of the units below.
    """

    branch: list
    branch_output: np.ndarray
    sum: np.ndarray
    output: np.ndarray
    finite: bool = True


@dataclass(eq=False, repr=False, slots=True)
class Trace(_Record):
    """A forward pass through a network.

    Attributes
    ----------
    network : Network
        The network that made the trace; only its ``backward`` and ``jacobian`` take it.
    states : list of ndarray
        x_0, ..., x_L, each (..., n_l).
    units : list of UnitTrace
    """

    network: "Network"
    states: list
    units: list


@dataclass(eq=False, repr=False, slots=True)
class LayerGradient(_Record):
    """What a layer's backward rule returned.

    Attributes
    ----------
    input : ndarray
        The gradient at the layer's input, with the batch.
    parameter : object
        The gradient of its parameter as ``backward`` returned it, summed over the batch: None, an
        array, or a pair (weight, bias).
    """

    input: np.ndarray
    parameter: Any = None

    @property
    def weight(self) -> np.ndarray | None:
        """The gradient of the weight, or None where the layer has none."""
        return self.parameter[0] if _is_pair(self.parameter) else self.parameter

    @property
    def bias(self) -> np.ndarray | None:
        """The gradient of the bias, or None where the layer has none."""
        return self.parameter[1] if _is_pair(self.parameter) else None


def _is_pair(parameter):
    return isinstance(parameter, tuple) and len(parameter) == 2


@dataclass(eq=False, repr=False, slots=True)
class UnitGradients(_Record):
    """The gradients of one unit.

    Attributes
    ----------
    branch : list of LayerGradient
        One for each entry.
    shortcut, after : LayerGradient
    sum : ndarray
        The gradient at y_l, g_{l+1} D_l.
    input : ndarray
        The gradient at x_l: what branch and shortcut send back, added.
    finite : bool
        Whether all gradients at states in it are, and those of the units above.
    """

    branch: list
    shortcut: LayerGradient
    after: LayerGradient
    sum: np.ndarray
    input: np.ndarray
    finite: bool = True


@dataclass(eq=False, repr=False, slots=True)
class Gradients(_Record):
    """A backward pass through a network.

    Where a layer passes a gradient on unchanged, as an identity shortcut does, both places hold one array: copy
    before you write to one. The gradients of parameters are arrays of their own.

    Attributes
    ----------
    states : list of ndarray
        g_0, ..., g_L, each with the shape of the state.
    units : list of UnitGradients
    """

    states: list
    units: list


def identity_rows(state):
    """The rows of the identity at a state (..., n), shape (..., n, n); not to be written to."""
    n = state.shape[-1]
    return np.broadcast_to(np.eye(n, dtype=state.dtype), state.shape + (n,))


def _hidden_as_nan(output, parts):
    """`output` with NaN for every sample that is finite in it but not in one of `parts`, all (..., n) of one batch."""
    bad = np.zeros(output.shape[:-1], bool)
    for part in parts:
        bad |= ~np.isfinite(part).all(axis=-1)
    hidden = bad & np.isfinite(output).all(axis=-1)
    if not hidden.any():
        return output
    output = output.copy()
    output[hidden] = np.nan
    return output


def _report_overflow(place):
    """Say where a pass stopped being finite, in the way that `np.seterr` asks for."""
    mode = np.geterr()["over"]
    if mode == "raise":
        raise FloatingPointError(place)
    if mode != "ignore":
        warnings.warn(place, RuntimeWarning, stacklevel=3)


class Unit:
    """A residual unit, x ↦ after(shortcut(x) + branch(x)).

    Parameters
    ----------
    branch : sequence of layers
        At least one; applied in order. ``[identity]`` is the branch F(x) = x.
    shortcut : layer
        H; one of `resnotes.shortcuts` or your own. `Absent` makes the unit plain.
    after : layer
        f; an activation, but any layer will do.

    Raises
    ------
    ValueError
        If `branch` is not a list or tuple with at least one entry, or something is not a layer.
    """

    def __init__(self, branch: Sequence, shortcut=Identity(), after=identity):
        if not isinstance(branch, (list, tuple)) or len(branch) == 0:
            _validate.refuse("branch", _validate.describe(branch), "a list of at least one layer")
        self.branch = tuple(_validate.layer(entry, f"branch[{k}]") for k, entry in enumerate(branch))
        self.shortcut = _validate.layer(shortcut, "shortcut")
        self.after = _validate.layer(after, "after")

    def __repr__(self):
        return f"Unit(branch={list(self.branch)}, shortcut={self.shortcut}, after={self.after})"

    def forward(self, x: ArrayLike) -> UnitTrace:
        """Apply the unit to states x, shape (..., n).

        Raises
        ------
        ValueError
            If x is not an array of numbers or a width does not fit; the message says which entry.
        """
        x = _validate.state(x)
        finite = bool(np.isfinite(x).all())
        with np.errstate(all="ignore"):
            trace = self._forward(x, finite)
        if finite and not trace.finite:
            _report_overflow(self._overflow(trace))
        return trace

    def _forward(self, x, finite):
        """The pass, without checks of x, of which `finite` says whether it is finite."""
        inputs, z, place = [], x, None
        try:
            for place, layer in enumerate(self.branch):
                inputs.append(z)
                z = rule(layer, z)(z)
            place = "shortcut"
            carried = rule(self.shortcut, x, zero=True)(x)
            # The number 0 fits every branch; all else must match it and is not broadcast.
            if carried.shape != z.shape and carried.ndim > 0:
                wanted = f"shape {z.shape}, like the output of branch entry {len(inputs) - 1}"
                _validate.refuse("output", _validate.describe(carried), wanted)
            y = carried + z
            place = "after"
            output = rule(self.after, y)(y)
        except Exception as error:
            raise self._placed(error, place) from None
        if finite and not (
            _validate.is_finite(y)
            and all(inner is x or _validate.is_finite(inner) for inner in inputs)
            and (output is y or _validate.is_finite(output))
        ):
            finite = False
        if not finite:
            output = _hidden_as_nan(output, [*inputs, y])
        return UnitTrace(inputs, z, y, output, finite)

    def _placed(self, error, place):
        """The error with the place in front: the number of a branch entry, "shortcut" or "after"."""
        if isinstance(place, int):
            return _validate.placed(error, "branch entry", place, self.branch[place])
        return _validate.placed(error, place, None, getattr(self, place))

    def _overflow(self, trace):
        """Where the first number of a forward pass that is not finite came out."""
        outputs = [*trace.branch[1:], trace.branch_output]
        for k, (layer, array) in enumerate(zip(self.branch, outputs, strict=True)):
            if not np.isfinite(array).all():
                return f"branch entry {k} ({layer!r}): {_validate.not_finite(array)} in its output"
        if not np.isfinite(trace.sum).all():
            return f"shortcut ({self.shortcut!r}): {_validate.not_finite(trace.sum)} in its sum with the branch"
        return f"after ({self.after!r}): {_validate.not_finite(trace.output)} in its output"

    def backward(self, trace: UnitTrace, g: ArrayLike) -> UnitGradients:
        """Send g, the gradient at the unit's output, back through a `UnitTrace`.

        Raises
        ------
        ValueError
            If the trace is not finite, or g does not have the shape of its output or is not finite.
        """
        if not isinstance(trace, UnitTrace):
            _validate.refuse("trace", _validate.describe(trace), "a UnitTrace from this unit's forward")
        if not trace.finite:
            _validate.refuse("trace", "one that is not finite", "a forward pass without overflow")
        g = _validate.gradient(g, trace.output)
        with np.errstate(all="ignore"):
            sent = self._backward(trace, g)
        if not sent.finite:
            _report_overflow(self._gradient_overflow(sent))
        return sent

    def _backward(self, trace, g, send=send_back, finite=True):
        """The pass, without checks of g; `send` is `send_back`, or `send_rows` for several rows of gradients."""
        branch, place = [], "after"
        try:
            after = LayerGradient(*send(self.after, trace.sum, g))
            sent = after.input
            for place in range(len(self.branch) - 1, -1, -1):
                branch.append(LayerGradient(*send(self.branch[place], trace.branch[place], sent)))
                sent = branch[-1].input
            # The addition copies the gradient to both its inputs; at x_l, where they start, the two sum.
            place = "shortcut"
            shortcut = LayerGradient(*send(self.shortcut, trace.branch[0], after.input))
        except Exception as error:
            raise self._placed(error, place) from None
        branch.reverse()
        at_input = shortcut.input + sent
        if finite and not (
            _validate.is_finite(at_input)
            and (after.input is g or _validate.is_finite(after.input))
            and all(_validate.is_finite(entry.input) for entry in branch[1:])
        ):
            finite = False
        if not finite:
            at_input = _hidden_as_nan(at_input, [g, after.input, *(entry.input for entry in branch[1:])])
        return UnitGradients(branch, shortcut, after, after.input, at_input, finite)

    def _gradient_overflow(self, sent):
        """Where the first number of a backward pass that is not finite came out."""
        last = len(self.branch) - 1
        places = [("after", self.after, sent.after.input)]
        places += [(f"branch entry {k}", self.branch[k], sent.branch[k].input) for k in range(last, -1, -1)]
        places += [("shortcut", self.shortcut, sent.shortcut.input)]
        for place, layer, array in places:
            if not np.isfinite(array).all():
                return f"{place} ({layer!r}): {_validate.not_finite(array)} in the gradient it sends back"
        return f"{_validate.not_finite(sent.input)} in the sum of what branch and shortcut send back"

    def rows_back(self, trace: UnitTrace, rows: np.ndarray) -> UnitGradients:
        """Send several rows of gradients back at every sample, and none to the parameters.

        Parameters
        ----------
        trace : UnitTrace
            Of states (..., n).
        rows : ndarray, shape (..., k, m)
            Gradients at the unit's output.

        Returns
        -------
        UnitGradients
            ``.sum`` holds the rows times D_l, ``.shortcut.input`` times D_l H_l, ``.branch[0].input`` times
            D_l J_l, and ``.input`` the sum of the two, each (..., k, width there).

        Raises
        ------
        ValueError
            If a layer couples the samples of a batch.
        """
        with np.errstate(all="ignore"):
            return self._backward(trace, rows, send_rows)

    def jacobians(self, trace: UnitTrace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The unit's three Jacobians at a real `UnitTrace`.

        Returns
        -------
        after, shortcut, branch : ndarray
            D_l (..., n_{l+1}, m), H_l (..., m, n_l) and J_l (..., m, n_l), where m is the width of the
            sum and a batch stands in front. The unit's own Jacobian is D_l (H_l + J_l).
        """
        m = trace.sum.shape[-1]
        after = self._jacobian("after", trace.sum, trace.output.shape[-1])
        shortcut = self._jacobian("shortcut", trace.branch[0], m)
        widths = [inner.shape[-1] for inner in trace.branch[1:]] + [m]
        branch = None
        for k in reversed(range(len(self.branch))):
            factor = self._jacobian(k, trace.branch[k], widths[k])
            branch = factor if branch is None else branch @ factor
        return after, shortcut, branch

    def _jacobian(self, place, x, n_out):
        try:
            return layer_jacobian(self.branch[place] if isinstance(place, int) else getattr(self, place), x, n_out)
        except Exception as error:
            raise self._placed(error, place) from None

    def _width(self, n):
        """The width of the output for states of width n, None where it is not known; refuses what cannot fit."""
        place = 0
        try:
            carried = m = self._width_in() if n is None else n
            for place, layer in enumerate(self.branch):
                m = width_after(layer, m)
            place = "shortcut"
            carried = width_after(self.shortcut, carried)
            if None not in (carried, m) and carried != m:
                wanted = f"a width of {m}, like the output of branch entry {len(self.branch) - 1}"
                _validate.refuse("output", f"a width of {carried}", wanted)
            place = "after"
            return width_after(self.after, carried if m is None else m)
        except ValueError as error:
            raise self._placed(error, place) from None

    def _width_in(self):
        """The width that a layer asks for at the unit's input, or None."""
        for layers in (self.branch, (self.shortcut,)):
            for layer in layers:
                if not is_ours(layer):
                    break
                if layer.n_in is not None:
                    return layer.n_in
                if width_after(layer, 1) != 1:
                    break
        return None


class Network:
    """A chain of residual units x_0 → x_1 → ... → x_L.

    ``net(x)`` is the last state alone, ``len(net)`` the depth L, ``net[l]`` unit l, ``net[a:b]`` the network of
    the units from a to b - 1, and a loop goes over the units.

    A trace holds the inputs of all layers, not their parameters: where weights change after
    ``forward``, in place or not, ``backward`` and ``jacobian`` combine the new weights with the old
    states, and the result is no derivative of anything. Run ``forward`` again after each change.

    Parameters
    ----------
    units : sequence of Unit
        At least one. Kept as the tuple ``units``.

    Raises
    ------
    ValueError
        If `units` is not a list or tuple with at least one unit, or holds anything else, or the widths of two
        layers cannot fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from resnotes import Affine, Network, Unit, relu
    >>> W = np.array([[0.0, 2.0], [1.0, 0.0]])
    >>> net = Network([Unit(branch=[Affine(W), relu])])
    >>> trace = net.forward([1.0, -3.0])
    >>> trace.states[-1]
    array([ 1., -2.])
    >>> net.backward(trace, [1.0, 1.0]).states[0]
    array([2., 1.])
    >>> net.jacobian(trace)
    array([[1., 0.],
           [1., 1.]])
    """

    def __init__(self, units: Sequence[Unit]):
        if not isinstance(units, (list, tuple)) or len(units) == 0:
            _validate.refuse("units", _validate.describe(units), "a list of at least one Unit")
        width = None
        for index, unit in enumerate(units):
            if not isinstance(unit, Unit):
                _validate.refuse(f"units[{index}]", _validate.describe(unit), "a Unit")
            with _validate.located("unit", index):
                width = unit._width(width)
        self.units = tuple(units)

    def __len__(self) -> int:
        """The depth L, the number of units."""
        return len(self.units)

    def __getitem__(self, index: int | slice) -> "Unit | Network":
        """Unit `index`, or the network of a slice of the units."""
        return Network(self.units[index]) if isinstance(index, slice) else self.units[index]

    def __iter__(self) -> Iterator[Unit]:
        return iter(self.units)

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """The last state x_L; see `forward`."""
        return self.forward(x).states[-1]

    def __repr__(self):
        lines = [f"  {unit!r},\n" for unit in self.units]
        if len(lines) > 12:
            lines[4:-4] = [f"  ... and {len(lines) - 8} more units,\n"]
        return f"Network([\n{''.join(lines)}])"

    def forward(self, x: ArrayLike) -> Trace:
        """Run the network.

        Parameters
        ----------
        x : array_like, shape (..., n)
            x_0, one state or a batch of any shape. Float32 stays float32 where the parameters are float32 too;
            every other real type is computed in float64. Complex numbers are admitted here alone, as complex128,
            for complex-step checks of derivatives: no backward pass takes such a trace.

        Returns
        -------
        Trace
            Where the pass overflows, see the module: states are then infinite or NaN from there on.

        Raises
        ------
        ValueError
            If x is not finite or is a number, or a width does not fit; the message says which unit and which entry.
        """
        x = _validate.states(x, "x", allow_complex=True)
        states, traces, finite = [x.copy()], [], True
        with np.errstate(all="ignore"):
            try:
                for unit in self.units:
                    trace = unit._forward(states[-1], finite)
                    traces.append(trace)
                    states.append(trace.output)
                    finite = trace.finite
            except Exception as error:
                raise _validate.placed(error, "unit", len(traces)) from None
        if not finite:
            index = [trace.finite for trace in traces].index(False)
            _report_overflow(f"unit {index}: {self.units[index]._overflow(traces[index])}")
        return Trace(self, states, traces)

    def backward(self, trace: Trace, g: ArrayLike, parameters: bool = True) -> Gradients:
        """Send the gradient at the last state back: g_l = g_{l+1} D_l (H_l + J_l).

        Parameters
        ----------
        trace : Trace
            From this network's ``forward``, with no weight changed since (see the class).
        g : array_like, the shape of x_L
            g_L = ∂E/∂x_L; taken in x_L's dtype.
        parameters : bool
            False leaves the gradients of parameters out, which takes about half of the time; None stands for them.

        Returns
        -------
        Gradients
            Of all states and all parameters; parameter gradients are summed over the batch.

        Raises
        ------
        ValueError
            If the trace is another network's, complex or not finite, or g has another shape or is not finite.
        """
        self._span(trace)
        g = _validate.gradient(g, trace.states[-1])
        states, units, finite = [g.copy()], [], True
        send = send_back if parameters else send_states
        with np.errstate(all="ignore"):
            try:
                for index in range(len(self.units) - 1, -1, -1):
                    sent = self.units[index]._backward(trace.units[index], states[-1], send, finite)
                    units.append(sent)
                    states.append(sent.input)
                    finite = sent.finite
            except Exception as error:
                raise _validate.placed(error, "unit", index) from None
        units.reverse()
        if not finite:
            index = max(l for l, sent in enumerate(units) if not sent.finite)
            _report_overflow(f"unit {index}: {self.units[index]._gradient_overflow(units[index])}")
        return Gradients(states[::-1], units)

    def jacobian(self, trace: Trace, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The Jacobian ∂x_stop/∂x_start = ∏_{i=stop-1..start} D_i (H_i + J_i).

        The n_stop rows of the identity are sent back together by the rules of ``backward``.

        Parameters
        ----------
        trace : Trace
            From this network's ``forward``, with no weight changed since (see the class).
        start, stop : int
            State indices, 0 <= start <= stop <= L. Without `stop`, L.

        Returns
        -------
        ndarray, shape (..., n_stop, n_start)
            The leading axes are those of the trace. For start == stop it is the identity.

        Raises
        ------
        ValueError
            If the trace is another network's, complex or not finite, start or stop is out of range, or a layer
            in between couples the samples of a batch (batch statistics): there is then no Jacobian by
            sample.
        """
        start, stop = self._span(trace, start, stop)
        rows, finite, worst = identity_rows(trace.states[stop]), True, None
        with np.errstate(all="ignore"):
            try:
                for index in range(stop - 1, start - 1, -1):
                    sent = self.units[index]._backward(trace.units[index], rows, send_rows, finite)
                    if finite and not sent.finite:
                        worst = f"unit {index}: {self.units[index]._gradient_overflow(sent)}"
                    rows, finite = sent.input, sent.finite
            except Exception as error:
                raise _validate.placed(error, "unit", index) from None
        if not finite:
            _report_overflow(worst)
        return rows.copy() if start == stop else rows

    def _span(self, trace, start=0, stop=None):
        """Check a trace and a range of states; return (start, stop) with None made L.

        Raises
        ------
        ValueError
            Unless the trace is this network's and real, and finite up to stop, and 0 <= start <= stop <= L.
        """
        if not isinstance(trace, Trace):
            _validate.refuse("trace", _validate.describe(trace), "a Trace from this network's forward")
        if trace.network is not self:
            _validate.refuse("trace", "the trace of another network", "one from this network's own forward")
        if any(x.dtype.kind == "c" for x in trace.states):
            _validate.refuse("trace", "a complex one", "a real one (complex states serve complex steps only)")
        stop = len(self.units) if stop is None else _validate.whole_number(stop, "stop", 0, len(self.units))
        start = _validate.whole_number(start, "start", 0, stop)
        if stop > 0 and not trace.units[stop - 1].finite:
            index = [at.finite for at in trace.units].index(False)
            got = f"one that is not finite: unit {index}: {self.units[index]._overflow(trace.units[index])}"
            _validate.refuse("trace", got, "a forward pass without overflow")
        return start, stop
