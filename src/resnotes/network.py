"""Residual networks in NumPy: forward pass, backward pass and Jacobians.

A unit computes y_l = H_l(x_l) + F_l(x_l) and x_{l+1} = f_l(y_l), where F_l is its branch, H_l its
shortcut and f_l the layer after the addition (He et al. 2016, arXiv:1603.05027, equations 1 and 2).
Going back, with row gradients g_l = ∂E/∂x_l,

    g_l = g_{l+1} D_l (H_l + J_l),

D_l, H_l and J_l being the Jacobians of f_l, of the shortcut and of the branch.

Branch entries, shortcuts and the layer after the addition keep one protocol, described in
`resnotes.shortcuts`: ``forward(x)`` beside ``backward(x, g)``.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resnotes import _validate
from resnotes.shortcuts import Identity, Layer, input_gradients, layer_jacobian, matrix_gradient, matrix_product


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

    stackable = True

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

    def output(self, x, out=None):
        y = matrix_product(x, self.weight.T, out)
        return y if self.bias is None else np.add(y, self.bias, out=out)

    def input_gradient(self, x, g, out=None):
        return matrix_product(g, self.weight, out)

    def parameter_gradient(self, x, g, out=(None, None)):
        weight = matrix_gradient(x, g, out[0])
        return weight, None if self.bias is None else np.sum(g, axis=-2, out=out[1])


class Elementwise(Layer):
    """Base of layers that act entry by entry: their Jacobian is diag(slope(x))."""

    def slope(self, x, out=None):
        """f'(x), entry by entry."""
        raise NotImplementedError(f"{self!r} needs slope")

    def input_gradient(self, x, g, out=None):
        return np.multiply(g, self.slope(x), out=out)


class ReLU(Elementwise):
    """f(x) = max(x, 0) entry by entry, with f'(0) = 0. For a complex x the real part's sign decides."""

    def __repr__(self):
        return "relu"

    def output(self, x, out=None):
        if x.dtype.kind == "c":
            return np.where(x.real > 0, x, 0)
        return np.fmax(x, x.dtype.type(0), out=out)  # NaN is not above 0 and gives 0

    def slope(self, x, out=None):
        return np.greater(x, 0, out=np.empty_like(x) if out is None else out)


class Tanh(Elementwise):
    """f(x) = tanh(x) entry by entry."""

    def __repr__(self):
        return "tanh"

    def output(self, x, out=None):
        return np.tanh(x, out=out)

    def slope(self, x, out=None):
        # 1 - tanh(x)**2, written so that it does not cancel where tanh saturates.
        e = np.exp(-2 * np.abs(x))
        return np.divide(4 * e, (1 + e) ** 2, out=out)


class _IdentityActivation(Identity):
    """f(x) = x."""

    def __repr__(self):
        return "identity"


relu = ReLU()
tanh = Tanh()
identity = _IdentityActivation()


@dataclass(frozen=True, eq=False)
class UnitTrace:
    """What one unit's forward pass leaves for its backward pass.

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
    """

    branch: list
    branch_output: np.ndarray
    sum: np.ndarray
    output: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """A forward pass through a network.

    Attributes
    ----------
    network : Network
        The network that made the trace; only its ``backward`` and ``jacobian`` take it.
    states : list of ndarray
        x_0, ..., x_L, each (n_l,) or (batch, n_l).
    units : list of UnitTrace
    """

    network: "Network" = field(repr=False)
    states: list
    units: list


@dataclass(frozen=True, eq=False)
class LayerGradient:
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
    parameter: Any

    @property
    def weight(self):
        """The gradient of the weight, or None where the layer has none."""
        return self.parameter[0] if _is_pair(self.parameter) else self.parameter

    @property
    def bias(self):
        """The gradient of the bias, or None where the layer has none."""
        return self.parameter[1] if _is_pair(self.parameter) else None


def _is_pair(parameter):
    return isinstance(parameter, tuple) and len(parameter) == 2


@dataclass(frozen=True, eq=False)
class UnitGradients:
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
    """

    branch: list
    shortcut: LayerGradient
    after: LayerGradient
    sum: np.ndarray
    input: np.ndarray


@dataclass(frozen=True, eq=False)
class Gradients:
    """A backward pass through a network.

    Attributes
    ----------
    states : list of ndarray
        g_0, ..., g_L, each with the shape of the state.
    units : list of UnitGradients
    """

    states: list
    units: list


class Plain:
    """How a pass carries out its operations: each as it stands, in new arrays.

    `resnotes.workspace` writes down what is done here, to do it again in the same arrays.
    """

    def forward(self, layer, x, *place):
        """The layer's output, which must be an array with the batch axes of x."""
        try:
            out = layer.forward(x)
            if not isinstance(out, np.ndarray) or out.ndim != x.ndim or out.shape[:-1] != x.shape[:-1]:
                wanted = f"an array with {x.ndim} axes, the leading ones of an input of shape {x.shape}"
                _validate.refuse("forward(x)", _validate.describe(out), wanted)
        except ValueError as error:
            raise _validate.placed(error, *place, layer) from error
        return out

    def shortcut(self, layer, x, residual, last):
        """The shortcut's output, of the shape of the branch's (its entry `last`), or Absent's number 0."""
        try:
            carried = layer.forward(x)
            # The number 0 fits every branch; all else must match it and is not broadcast.
            if np.shape(carried) != residual.shape and not (np.ndim(carried) == 0 and carried == 0):
                wanted = f"shape {residual.shape}, like the output of branch entry {last}"
                _validate.refuse("output", _validate.describe(carried), wanted)
        except ValueError as error:
            raise _validate.placed(error, "shortcut", None, layer) from error
        return carried

    def backward(self, layer, x, g, *place):
        """What the layer sends back, as a `LayerGradient`."""
        try:
            return LayerGradient(*_validate.sent_back(layer.backward(x, g), x))
        except ValueError as error:
            raise _validate.placed(error, *place, layer) from error

    def add(self, a, b):
        """The sum of two arrays; a may be the number 0."""
        return a + b


PLAIN = Plain()


class Rows(Plain):
    """Sends several rows of gradients back through one input, shape (..., k, n), and no parameter's."""

    def backward(self, layer, x, g, *place):
        try:
            return LayerGradient(input_gradients(layer, x, g), None)
        except ValueError as error:
            raise _validate.placed(error, *place, layer) from error


ROWS = Rows()


def identity_rows(state):
    """The rows of the identity at a state (..., n), shape (..., n, n); not to be written to."""
    n = state.shape[-1]
    return np.broadcast_to(np.eye(n, dtype=state.dtype), state.shape + (n,))


def _jacobian(layer, x, n_out, *place):
    """The layer's Jacobian, shape (..., n_out, n_in)."""
    with _validate.located(*place, layer):
        return layer_jacobian(layer, x, n_out)


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
        If `branch` is not a list or tuple with at least one entry, or something is no layer.
    """

    def __init__(self, branch, shortcut=Identity(), after=identity):
        if not isinstance(branch, (list, tuple)) or len(branch) == 0:
            _validate.refuse("branch", _validate.describe(branch), "a list of at least one layer")
        self.branch = tuple(_validate.layer(entry, f"branch[{k}]") for k, entry in enumerate(branch))
        self.shortcut = _validate.layer(shortcut, "shortcut")
        self.after = _validate.layer(after, "after")

    def __repr__(self):
        return f"Unit(branch={list(self.branch)}, shortcut={self.shortcut}, after={self.after})"

    def forward(self, x, run=PLAIN):
        """Apply the unit to an array x of shape (n,) or (batch, n) and return a `UnitTrace`."""
        inputs, residual = [], x
        for k, layer in enumerate(self.branch):
            inputs.append(residual)
            residual = run.forward(layer, residual, "branch entry", k)
        y = run.add(run.shortcut(self.shortcut, x, residual, k), residual)
        return UnitTrace(inputs, residual, y, run.forward(self.after, y, "after", None))

    def backward(self, trace, g, run=PLAIN):
        """Send g, the gradient at the unit's output, back through a `UnitTrace`; return `UnitGradients`."""
        after = run.backward(self.after, trace.sum, g, "after", None)
        branch, sent = [], after.input
        for k in reversed(range(len(self.branch))):
            branch.insert(0, run.backward(self.branch[k], trace.branch[k], sent, "branch entry", k))
            sent = branch[0].input
        # The addition copies the gradient to both its inputs; at x_l, where they start, the two sum.
        shortcut = run.backward(self.shortcut, trace.branch[0], after.input, "shortcut", None)
        return UnitGradients(branch, shortcut, after, after.input, run.add(shortcut.input, sent))

    def samples_apart(self):
        """Refuse, with a `ValueError`, if one of the layers couples the samples of a batch."""
        for layer in (*self.branch, self.shortcut, self.after):
            _validate.samples_apart(layer)

    def jacobians(self, trace):
        """The unit's three Jacobians at a real `UnitTrace`.

        Returns
        -------
        after, shortcut, branch : ndarray
            D_l (..., n_{l+1}, m), H_l (..., m, n_l) and J_l (..., m, n_l), where m is the width of the
            sum and a batch stands in front. The unit's own Jacobian is D_l (H_l + J_l).
        """
        m = trace.sum.shape[-1]
        after = _jacobian(self.after, trace.sum, trace.output.shape[-1], "after", None)
        shortcut = _jacobian(self.shortcut, trace.branch[0], m, "shortcut", None)
        last = len(self.branch) - 1
        branch = _jacobian(self.branch[last], trace.branch[last], m, "branch entry", last)
        for k in reversed(range(last)):
            width = trace.branch[k + 1].shape[-1]
            branch = branch @ _jacobian(self.branch[k], trace.branch[k], width, "branch entry", k)
        return after, shortcut, branch


class Network:
    """A chain of residual units x_0 → x_1 → ... → x_L.

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
        If `units` is not a list or tuple with at least one unit, or holds anything else.

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

    def __init__(self, units):
        if not isinstance(units, (list, tuple)) or len(units) == 0:
            _validate.refuse("units", _validate.describe(units), "a list of at least one Unit")
        for index, unit in enumerate(units):
            if not isinstance(unit, Unit):
                _validate.refuse(f"units[{index}]", _validate.describe(unit), "a Unit")
        self.units = tuple(units)

    def __len__(self):
        """The depth L, the number of units."""
        return len(self.units)

    def __repr__(self):
        lines = "".join(f"  {unit!r},\n" for unit in self.units)
        return f"Network([\n{lines}])"

    def forward(self, x):
        """Run the network.

        Parameters
        ----------
        x : array_like, shape (n,) or (batch, n)
            x_0. Float32 stays float32 where the parameters are float32 too; every other real type is
            computed in float64. Complex numbers are admitted here alone, as complex128, for
            complex-step checks of derivatives: no backward pass takes such a trace.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If x is not finite, has another number of axes, or a width does not fit; the message
            says which unit and which entry.
        """
        wanted = "an array of shape (n,) or (batch, n)"
        x = _validate.finite_array(x, "x", wanted, (1, 2), allow_complex=True)
        return self._forward(x.copy(), PLAIN)

    def _forward(self, x, run):
        states, traces = [x], []
        try:
            for index, unit in enumerate(self.units):
                traces.append(unit.forward(states[-1], run))
                states.append(traces[-1].output)
        except ValueError as error:
            raise _validate.placed(error, "unit", index) from error
        return Trace(self, states, traces)

    def backward(self, trace, g):
        """Send the gradient at the last state back: g_l = g_{l+1} D_l (H_l + J_l).

        Parameters
        ----------
        trace : Trace
            From this network's ``forward``, with no weight changed since (see the class).
        g : array_like, the shape of x_L
            g_L = ∂E/∂x_L; taken in x_L's float format.

        Returns
        -------
        Gradients
            Of all states and all parameters; parameter gradients are summed over the batch.

        Raises
        ------
        ValueError
            If the trace is another network's or complex, or g has another shape or is not finite.
        """
        self._check_trace(trace)
        return self._backward(trace, np.array(self._checked_gradient(trace, g)), PLAIN)

    def _checked_gradient(self, trace, g):
        """g as a finite array in the shape and the float format of the last state."""
        last = trace.states[-1]
        wanted = f"a real array of shape {last.shape}, like the last state"
        g = _validate.finite_array(g, "g", wanted, (1, 2))
        if g.shape != last.shape:
            _validate.refuse("g", _validate.describe(g), wanted)
        if g.dtype == last.dtype:
            return g
        with np.errstate(over="ignore"):  # what does not fit the format turns infinite and is refused
            return _validate.finite_array(g.astype(last.dtype), f"g as {last.dtype}", wanted, (1, 2))

    def _backward(self, trace, g, run):
        states, units = [g], []
        try:
            for index in reversed(range(len(self.units))):
                units.append(self.units[index].backward(trace.units[index], states[-1], run))
                states.append(units[-1].input)
        except ValueError as error:
            raise _validate.placed(error, "unit", index) from error
        return Gradients(states[::-1], units[::-1])

    def jacobian(self, trace, start=0, stop=None):
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
        ndarray, shape (n_stop, n_start)
            A batched trace adds a leading axis. For start == stop it is the identity.

        Raises
        ------
        ValueError
            If the trace is another network's or complex, start or stop is out of range, or a layer
            in between couples the samples of a batch (batch statistics): there is then no Jacobian by
            sample.
        """
        start, stop = self.span(trace, start, stop)
        rows = self._rows_back(trace, identity_rows(trace.states[stop]), range(start, stop), ROWS)
        return rows.copy() if start == stop else rows

    def _rows_back(self, trace, rows, units, run):
        try:
            for index in reversed(units):
                self.units[index].samples_apart()
                rows = self.units[index].backward(trace.units[index], rows, run).input
        except ValueError as error:
            raise _validate.placed(error, "unit", index) from error
        return rows

    def span(self, trace, start=0, stop=None):
        """Check a trace and a range of states; return (start, stop) with None made L.

        Raises
        ------
        ValueError
            Unless the trace is this network's and real, and 0 <= start <= stop <= L.
        """
        self._check_trace(trace)
        stop = len(self.units) if stop is None else _validate.whole_number(stop, "stop", 0, len(self.units))
        return _validate.whole_number(start, "start", 0, stop), stop

    def _check_trace(self, trace):
        if not isinstance(trace, Trace):
            _validate.refuse("trace", _validate.describe(trace), "a Trace from this network's forward")
        if trace.network is not self:
            _validate.refuse("trace", "the trace of another network", "one from this network's own forward")
        if any(x.dtype.kind == "c" for x in trace.states):
            _validate.refuse("trace", "a complex one", "a real one (complex states serve complex steps only)")
