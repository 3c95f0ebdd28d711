"""The same passes again, in arrays allocated once.

A training loop sends batch after batch of one shape through a network. Its arrays can stay where they are,
and then a pass is always the same list of calls on the same arrays. `Workspace` runs both passes once,
writes that list down, and afterwards only walks it. Nothing is said twice: the calls are the layers' own
formulas, in the order in which `Unit.forward` and `Unit.backward` asked for them.

The way back is walked in stretches of a few units. Layers in the same place of their units keep their inputs
side by side, so that what does not depend on the chain is done for the whole stretch at once: the slopes of
activations before it, the gradients of parameters after it. Gradients within units lie in scratch, which every stretch
uses anew, and slopes where their products with gradients will lie.

Calls hold the arrays of the parameters themselves, whose numbers may change. A look at each layer tells whether other
arrays have come in their place; then the list is written down anew.

Biases ride in the matrix products: W x + b = [W b] (x; 1). Every array of a batch has a row of ones behind it,
the matrices [W b] of a stretch are gathered before it, unless they are large, and the product of the gradients with
(x; 1) holds those of weight and bias in one.

In narrow layers a call costs more than its arithmetic, so the shortcut rides too: x + W r + b = [I 0 W b] (x; 1; r; 1),
and on the way back g + s W = (g s) [I; W].

A Jacobian sends the rows of the identity back by the same rules. Nothing of it is kept but the result, so a few
arrays pass the rows on. Where it takes no more to compute, rows pass x + W₂ f(W₁ x) in one product with I + W₂ f' W₁.
These matrices do not depend on the chain, so those of a stretch are computed before it. With nothing but such units the
columns of the Jacobian can go along with a forward pass, and each weight is fetched once.
"""

from collections import Counter, defaultdict
from dataclasses import fields, is_dataclass
from functools import cached_property, partial
from itertools import islice, pairwise

import numpy as np

from resnotes import _validate
from resnotes.network import PLAIN, ROWS, Affine, Elementwise, LayerGradient, Plain, ReLU, Tanh, identity_rows
from resnotes.shortcuts import (
    Identity,
    Projection,
    has_gradients,
    has_output,
    input_gradients,
    matrix_gradient,
    product_step,
)

# Up to this width (x; 1; r; 1) is one array, and so is (g s), with the batch innermost.
NARROW = 24

# The largest matrix that is gathered beside its bias, in numbers.
GATHERED = 2**13

# Units in a stretch, at most and at least: enough to share the cost of a call, few enough to find its arrays in the
# cache. In between, what one state of each takes together, in bytes; where rows are sent back, one state's rows.
STRETCH, SHORTEST, STATES, STATES_ROWS = 32, 8, 2**18, 2**20


class Workspace:
    """Forward and backward passes, and Jacobians, of a network at inputs of one shape, in arrays of their own.

    The methods return the same `Trace`, the same `Gradients` and the same Jacobian each time, with new
    numbers in the same arrays: copy what you want to keep. Parameters may be changed in between, best in place;
    other arrays of the same shapes and formats may be put in their places, and count from the next forward pass.
    The parameters of equal layers, one unit's after the other's in one array, are read soonest.

    Kept are all states, what the way back needs, and the gradients of states and parameters. What one
    operation writes for the next alone is not kept and stands as None: F_l(x_l), which only the addition
    reads (``trace.units[l].branch_output``). Gradients within a unit that are no state's, ``input`` and ``sum`` in
    ``gradients.units[l]``, are not kept either, but for some of narrow layers. Nor is what a ReLU within a branch
    reads: its place in ``trace.units[l].branch`` holds what the ReLU wrote, with which everything on the way back
    comes out the same.

    States of a batch lie in memory with the batch innermost (they are Fortran-contiguous), gradients at states
    row by row (they are C-contiguous) unless they are narrow: as the matrix products of both ways are quickest. For
    the same reason gradients of weights may lie column by column.

    Parameters
    ----------
    net : Network
    x : array_like, shape (n,) or (batch, n)
        An example of the inputs to come: its shape and float format are theirs. The first forward pass is its own.

    Raises
    ------
    ValueError
        As from ``net.forward(x)``, and for a complex x.

    Examples
    --------
    >>> import numpy as np
    >>> from resnotes import Affine, Network, Unit, relu
    >>> from resnotes.workspace import Workspace
    >>> net = Network([Unit(branch=[Affine(np.eye(2)), relu])])
    >>> work = Workspace(net, [1.0, -3.0])
    >>> work.forward([2.0, -1.0]).states[-1]
    array([ 4., -1.])
    >>> work.backward([1.0, 1.0]).states[0]
    array([2., 1.])
    >>> work.jacobian()
    array([[2., 0.],
           [0., 1.]])
    """

    def __init__(self, net, x):
        self.net = net
        out, back = _Record(), _Record()
        trace = net.forward(x)
        net.span(trace)  # refuses a complex one
        trace = net._forward(trace.states[0], out)
        _forget_inputs(trace, out)
        gradients = net._backward(trace, np.zeros_like(trace.states[-1]), back)
        kept = trace.states + gradients.states + out.handed_on + back.handed_on
        buffers = _Buffers(gradients.states[-1:] + [call.output for call in back.calls], kept)
        stretches = list(back.stretches())
        for run in (out, back):
            _let_additions_ride(buffers, run.calls, kept)
        # Arrays that belong side by side are laid down first, then what is not kept, then the rest.
        after = [_grouped(calls, _parameter_kind, partial(_parameter_steps, buffers)) for calls in stretches]
        before = [_grouped(calls, _slope_kind, partial(_slope_steps, buffers)) for calls in stretches]
        _pass_through_scratch(buffers, out.calls + back.calls, kept)
        self._out, self._back = [], []
        for calls in out.stretches():
            self._out += _grouped(calls, _matrix_kind, partial(_matrix_steps, buffers)) + _steps(calls, buffers)
        for first, calls, last in zip(before, stretches, after, strict=True):
            first += _grouped(calls, _rider_kind, partial(_rider_steps, buffers))
            self._back += first + _steps(calls, buffers) + last
        self._held = _Held(call.layer for call in out.calls + back.calls)
        self._write_down()
        self.trace, self.gradients = buffers.moved(trace), buffers.moved(gradients)
        single = trace.states[0].ndim == 1
        self._jacobian = _Jacobian(self.net, trace, out, buffers) if single else None
        self.forward(x)

    def _write_down(self):
        """The steps of both passes, with the arrays that are the parameters now."""
        self._held.take()
        self._way_out, self._way_back = _written(self._out), _written(self._back)
        self._rows_back = self._columns_along = None

    def forward(self, x):
        """Run the network; see `Network.forward`.

        Parameters
        ----------
        x : array_like
            Of the shape and float format of the example.

        Returns
        -------
        Trace
            The workspace's own.

        Raises
        ------
        ValueError
            If x is not finite or has another shape or format, a parameter has, or a layer refuses its input.
        """
        self._take(x)
        _carry_out(self._way_out, self.net.forward, x)
        return self.trace

    def _take(self, x):
        """Let x be the first state, and the steps those of the parameters' arrays of now."""
        first = self.trace.states[0]
        wanted = f"a real array of shape {first.shape} and dtype {first.dtype}, as the workspace was made for"
        x = _validate.finite_array(x, "x", wanted, (1, 2))
        if x.shape != first.shape or x.dtype != first.dtype:
            _validate.refuse("x", _validate.describe(x), wanted)
        np.copyto(first, x)
        if self._held.exchanged():
            self._write_down()

    def backward(self, g):
        """Send a gradient back through the last forward pass; see `Network.backward`.

        Parameters
        ----------
        g : array_like, the shape of x_L

        Returns
        -------
        Gradients
            The workspace's own.

        Raises
        ------
        ValueError
            If g has another shape or is not finite, or a layer refuses what comes back.
        """
        g = self.net._checked_gradient(self.trace, g)
        np.copyto(self.gradients.states[-1], g)
        _carry_out(self._way_back, self.net.backward, self.trace, g)
        return self.gradients

    def jacobian(self, x=None):
        """The Jacobian ∂x_L/∂x_0 at x or, without x, at the last forward pass; see `Network.jacobian`.

        It is for one input, shape (n,). Its calls are written down when it is first asked for.

        Parameters
        ----------
        x : array_like, optional
            As `forward` takes it. Its forward pass is then run too, and the workspace's trace is that one. Where all
            units are x + W₂ f(W₁ x + b₁) + b₂, no narrower within, both are done unit by unit, which is quicker than
            one after the other.

        Returns
        -------
        ndarray, shape (n_L, n_0)
            The workspace's own.

        Raises
        ------
        ValueError
            If the workspace was made for a batch, x is not as `forward` takes it, or a layer refuses what comes back.
        """
        if self._jacobian is None:
            wanted = "one input of shape (n,); for a batch, Network.jacobian takes the workspace's trace"
            _validate.refuse("x", _validate.describe(self.trace.states[0]), wanted)
        if x is not None and self._jacobian.columns is not None:
            self._take(x)
            if self._columns_along is None:
                self._columns_along = _written(self._jacobian.columns)
            _carry_out(self._columns_along, self.net.forward, x)
            return self._jacobian.result
        if x is not None:
            self.forward(x)
        if self._rows_back is None:
            self._rows_back = _written(self._jacobian.rows)
        _carry_out(self._rows_back, self.net.jacobian, self.trace)
        return self._jacobian.result


def _walk(steps):
    for step in steps:
        step()


def _carry_out(steps, again, *args):
    """Walk the steps. Where a layer refuses, `again` is the same in the network, which says in which unit."""
    try:
        _walk(steps)
    except ValueError:
        again(*args)
        raise


def _steps(calls, buffers):
    return [step for call in calls for step in call.steps(buffers)]


class _Jacobian:
    """What a Jacobian at one input is made of, written down when it is first asked for.

    Parameters
    ----------
    trace, out : Trace, _Record
        The recorded forward pass and its calls.
    buffers : _Buffers
        Where the arrays of that pass lie.
    """

    def __init__(self, net, trace, out, buffers):
        self.net, self.trace, self.out, self.buffers = net, trace, out, buffers

    @cached_property
    def identity(self):
        buffer = identity_rows(self.trace.states[-1])
        self.buffers.assign(buffer, buffer)
        return buffer

    @cached_property
    def units(self):
        """The calls that send the rows of the identity through each unit, the last unit first.

        What leaves a unit is the output of its last call.
        """
        units, rows = [], self.identity
        for index in reversed(range(len(self.net))):
            own = _RowsRecord()
            sent = self.net._rows_back(self.trace, rows, [index], own)
            matrix = _UnitJacobian.of(own.calls, rows)
            units.append(own.calls if matrix is None else [matrix, _Times(None, (rows, matrix.output), sent)])
            rows = sent
        return units

    @cached_property
    def result(self):
        """Where a Jacobian stands."""
        return np.empty(*_shapes(self.units[-1][-1].output))

    @cached_property
    def stretches(self):
        record = _RowsRecord()
        record.calls = [call for calls in self.units for call in calls]
        return list(record.stretches())

    @cached_property
    def rows(self):
        """The steps of a Jacobian at the last forward pass."""
        buffers = self.buffers
        buffers.assign(self.units[-1][-1].output, self.result)
        before = [
            _grouped(calls, _unit_kind, partial(_unit_steps, buffers))
            + _grouped(calls, _slope_kind, partial(_slope_steps, buffers))
            for calls in self.stretches
        ]
        _reuse(buffers, [call for calls in self.stretches for call in calls])
        steps = []
        for first, calls in zip(before, self.stretches, strict=True):
            steps += first + _steps(calls, buffers)
        return steps

    @cached_property
    def columns(self):
        """The steps of a forward pass that takes the Jacobian along; None where a unit's is not one matrix."""
        if not all(isinstance(calls[0], _UnitJacobian) for calls in self.units):
            return None
        buffers, columns, times = self.buffers, self.identity, []
        for matrix, _ in reversed(self.units):
            before, columns = columns, _zeros(*_shapes(columns))
            times.append(_Times(None, (matrix.output, before), columns))
        buffers.assign(columns, self.result)
        matrices = [[call for call in reversed(calls) if isinstance(call, _UnitJacobian)] for calls in self.stretches]
        computed = [_grouped(calls, _unit_kind, partial(_unit_steps, buffers)) for calls in matrices]
        _reuse(buffers, times)
        steps, forward, times = [], self.out.stretches(1), iter(times)
        for calls, unit_steps in zip(reversed(matrices), reversed(computed), strict=True):
            for own in islice(forward, len(calls)):
                steps += _steps(own, buffers)
            steps += unit_steps + _steps(islice(times, len(calls)), buffers)
        return steps


class _Reading:
    """A step that holds parameters: `make` gives the one with the arrays of now."""

    def __init__(self, make):
        self.make = make


def _written(steps):
    """The steps as they are walked."""
    return [step.make() if isinstance(step, _Reading) else step for step in steps]


class _Held:
    """The arrays that are the parameters of W x + b and W x just now: calls hold them."""

    def __init__(self, layers):
        self._with_weight = list({id(layer): layer for layer in layers if _is_matrix(layer)}.values())
        self._with_bias = [layer for layer in self._with_weight if hasattr(layer, "bias")]
        self._weights, self._biases = self._now()
        self._shapes = list(map(_shapes, self._weights + self._biases))

    def _now(self):
        return [layer.weight for layer in self._with_weight], [layer.bias for layer in self._with_bias]

    def exchanged(self):
        """Whether a layer has another array now. Plain loops, since this comes before every pass."""
        for layer, weight in zip(self._with_weight, self._weights):
            if layer.weight is not weight:
                return True
        for layer, bias in zip(self._with_bias, self._biases):
            if layer.bias is not bias:
                return True
        return False

    def take(self):
        """Hold the arrays of now; a `ValueError` if one is of another shape or format than at first."""
        weights, biases = self._now()
        for array, shapes in zip(weights + biases, self._shapes, strict=True):
            if not isinstance(array, (np.ndarray, type(None))) or _shapes(array) != shapes:
                wanted = "an array of shape {} and dtype {}".format(*shapes) if shapes else "None"
                _validate.refuse("weight or bias", _validate.describe(array), f"{wanted}, as at first")
        self._weights, self._biases = weights, biases


class _Call:
    """One operation of a pass: what it read and what it wrote. Its `steps` do it again, in the buffers."""

    entrywise = False  # whether it works entry by entry, and so may write over what it reads
    rides = False  # whether an addition is part of its product
    matrix = None  # what multiplies rows where something rides: [W b]ᵀ, or with the addition [I 0 W b]ᵀ or [I; W]

    def __init__(self, layer, inputs, output, place=None):
        self.layer, self.inputs, self.output, self.place = layer, inputs, output, place

    def direct(self, has_formula):
        """Whether the layer's formulas may write into the arrays kept: it has them, and all is of one float format."""
        return has_formula(self.layer) and len({array.dtype for array in (*self.inputs, self.output)}) == 1


class _Forward(_Call):
    @property
    def entrywise(self):
        return type(self.layer).output is ReLU.output

    def is_product(self):
        """Whether it is W x + b for a batch, with nothing to convert."""
        layer, x = self.layer, self.inputs[0]
        if not self.direct(has_output) or type(layer).output is not Affine.output:
            return False
        return layer.bias is not None and x.ndim == 2 and x.dtype == layer.weight.dtype == layer.bias.dtype

    def steps(self, buffers):
        if self.rides:
            return []
        layer, x, out = self.layer, buffers.of(self.inputs[0]), buffers.of(self.output)
        if self.matrix is not None:
            return [product_step(buffers.with_ones(self.inputs[0]), self.matrix, out)]
        if not self.direct(has_output):
            return [lambda: _put(out, PLAIN.forward(layer, x, "layer"))]
        if type(layer).output is ReLU.output:
            return [partial(np.fmax, x, buffers.zeros(self.output), out)]  # quicker than with the number 0
        if type(layer).output is Tanh.output:
            return [partial(np.tanh, x, out)]
        if type(layer).output is Affine.output:
            bias = [] if layer.bias is None else [_Reading(lambda: partial(np.add, out, layer.bias, out))]
            return [_Reading(lambda: product_step(x, layer.weight.T, out)), *bias]
        return [partial(layer.output, x, out)]


class _Shortcut(_Call):
    """A shortcut with a ``forward`` of its own; its second input is the branch's output, for the shape."""

    def steps(self, buffers):
        x, residual = map(buffers.of, self.inputs)
        out = buffers.of(self.output)
        return [lambda: _put(out, PLAIN.shortcut(self.layer, x, residual, "the last"))]


class _Add(_Call):
    entrywise = True
    product = None  # the call in whose product it rides

    def steps(self, buffers):
        if self.product is not None:
            both = buffers.behind_each_other(self.inputs[0])
            return [product_step(both, self.product.matrix, buffers.of(self.output))]
        a, b = map(buffers.of, self.inputs)
        return [partial(np.add, a, b, buffers.of(self.output))]


class _Times(_Call):
    def steps(self, buffers):
        a, b = map(buffers.of, self.inputs)
        return [partial(a.dot, b, buffers.of(self.output))]


class _Backward(_Call):
    slope = None  # where a slope step writes f'(x)

    def __init__(self, layer, inputs, output, parameter, place):
        super().__init__(layer, inputs, output, place)
        self.parameter = parameter

    def is_product(self):
        """Whether it is ``rows @ layer.weight`` and nothing else."""
        return self.direct(has_gradients) and type(self.layer).input_gradient in MATRIX_PRODUCTS

    def steps(self, buffers):
        if self.rides:
            return []
        x, g = map(buffers.of, self.inputs)
        out, layer = buffers.of(self.output), self.layer
        if self.slope is not None:
            return [partial(np.multiply, g, self.slope, out)]
        if self.is_product():
            return [_Reading(lambda: product_step(g, layer.weight, out))]
        if self.direct(has_gradients):
            return [partial(layer.input_gradient, x, g, out)]
        kept = out, buffers.moved(self.parameter)
        return [lambda: _put(kept, _validate.sent_back(layer.backward(x, g), x))]


class _RowsBackward(_Backward):
    """Rows (k, n) sent back through one input (n,)."""

    def steps(self, buffers):
        if self.slope is not None or self.is_product():
            return super().steps(buffers)
        x, rows, out = map(buffers.of, (*self.inputs, self.output))
        return [lambda: _put(out, input_gradients(self.layer, x, rows))]


class _UnitJacobian(_Call):
    """I + W₂ diag(f'(x)) W₁, the Jacobian of a unit with that branch and the identity as its shortcut."""

    def __init__(self, second, slope, first):
        n, dtype = len(second.layer.weight), second.layer.weight.dtype
        super().__init__(slope.layer, slope.inputs[:1], _zeros((n, n), dtype))
        self.kind, self.layers = _slope_kind(slope), (second.layer, first.layer)

    @classmethod
    def of(cls, calls, rows):
        """The one for the calls that send rows through a unit, or None where they are others or take less."""
        if len(calls) != 4 or not isinstance(calls[-1], _Add) or calls[-1].inputs[0] is not rows:
            return None
        second, slope, first = calls[:-1]
        if not (second.is_product() and _slope_kind(slope) and first.is_product()):
            return None
        if {second.layer.weight.dtype, first.layer.weight.dtype} != {rows.dtype}:
            return None
        n, h = second.layer.weight.shape
        if n * n * h + len(rows) * n * n > 2 * len(rows) * n * h:  # multiplications
            return None
        return cls(second, slope, first)

    def steps(self, buffers):
        return []  # `_unit_steps` does it for several


# Gradients at the input that are `matrix_product(g, self.weight, out)`.
MATRIX_PRODUCTS = (Affine.input_gradient, Projection.input_gradient)


def _is_matrix(layer):
    """Whether a pass takes the layer's weight as it stands, one way or the other."""
    kind = type(layer)
    return getattr(kind, "output", None) is Affine.output or getattr(kind, "input_gradient", None) in MATRIX_PRODUCTS


class _Record(Plain):
    """Carries out a pass and writes down its calls, and the arrays that layers only hand on."""

    def __init__(self):
        self.calls, self.handed_on = [], []

    def _noted(self, call):
        self.calls.append(call)
        return call.output

    def forward(self, layer, x, *place):
        out = super().forward(layer, x, *place)
        if _passes(layer):
            self.handed_on.append(x)
            return x
        return self._noted(_Forward(layer, (x,), _own(out), place))

    def shortcut(self, layer, x, residual, last):
        carried = super().shortcut(layer, x, residual, last)
        if _passes(layer):
            return x
        if not has_output(layer):
            return self._noted(_Shortcut(layer, (x, residual), _own(carried)))
        return self._noted(_Forward(layer, (x,), carried, "shortcut")) if np.ndim(carried) else carried

    def backward(self, layer, x, g, *place):
        result = super().backward(layer, x, g, *place)
        if _passes(layer):
            self.handed_on.append(g)
            return result
        result = LayerGradient(_own(result.input), _own(result.parameter))
        self.calls.append(_Backward(layer, (x, g), result.input, result.parameter, place))
        return result

    def add(self, a, b):
        return self._noted(_Add(None, (a, b), super().add(a, b)))

    def units_in_the_cache(self):
        """How many of what each unit keeps or passes on should be found there."""
        return max(SHORTEST, STATES // max(1, self.calls[0].inputs[0].nbytes))

    def stretches(self, units=None):
        """The calls of a few units at a time; a unit ends with its addition on the way back."""
        ends = [index + 1 for index, call in enumerate(self.calls) if isinstance(call, (_Add, _Times))]
        units = units or min(STRETCH, self.units_in_the_cache())
        ends = [0, *ends[units - 1 : -1 : units], len(self.calls)]
        return (self.calls[start:end] for start, end in pairwise(ends))


class _RowsRecord(_Record):
    """Sends rows of gradients back through one input and writes down the calls.

    What comes out of a call is of no use, only its shape: zeros that take no memory stand for it, as the rows
    at every layer would together take much.
    """

    def backward(self, layer, x, g, *place):
        sent = ROWS.backward(layer, x, g, *place)
        if _passes(layer):
            return sent
        return LayerGradient(self._noted(_RowsBackward(layer, (x, g), _zeros(*_shapes(sent.input)), None, place)), None)

    def add(self, a, b):
        return self._noted(_Add(None, (a, b), _zeros(*_shapes(a + b))))

    def units_in_the_cache(self):
        return max(1, STATES_ROWS // max(1, *(call.output.nbytes for call in self.calls)))


def _zeros(shape, dtype):
    """One zero, seen as an array of that shape."""
    return np.broadcast_to(dtype.type(0), shape)


def _passes(layer):
    """Whether a layer hands on, both ways, the very array that it is given."""
    parts = [getattr(type(layer), name, None) for name in ("output", "input_gradient")]
    return has_output(layer) and has_gradients(layer) and parts == [Identity.output, Identity.input_gradient]


def _own(value):
    """A copy that nothing else refers to; of a tuple, of its parts."""
    if isinstance(value, tuple):
        return tuple(_own(part) for part in value)
    return None if value is None else np.array(value)


def _put(out, value):
    """Write what a layer returned into the arrays that are kept for it."""
    if isinstance(out, tuple) and isinstance(value, tuple) and len(value) == len(out):
        for place, part in zip(out, value):
            _put(place, part)
    elif isinstance(out, np.ndarray) and np.shape(value) == out.shape:
        np.copyto(out, value)
    elif out is not None or value is not None:
        _validate.refuse("result", _validate.describe(value), f"{_shapes(out)}, as in the first pass")


def _shapes(value):
    """Shapes and formats of an array, of a tuple of arrays, or None."""
    if isinstance(value, tuple):
        return tuple(_shapes(part) for part in value)
    return None if value is None else (value.shape, value.dtype)


class _Buffers:
    """Where each array of the recorded passes lies from now on.

    Parameters
    ----------
    gradients : list of ndarray
        The arrays that hold gradients at states or within units. Batches of them lie row by row unless they are
        narrow, all other batches with the batch innermost and a row of ones behind.
    kept : list of ndarray
        What is kept. Gradients that are not among it are of use within their unit alone.
    """

    def __init__(self, gradients, kept):
        self._places, self._with_ones, self._pairs, self._scratch = {}, {}, {}, {}
        self._lent = set()
        self._gradients = set(map(id, gradients))
        self._within = self._gradients - set(map(id, kept))
        self._alive = list(gradients)  # an id is good while its object lives

    def __contains__(self, array):
        return id(array) in self._places

    def assign(self, array, place):
        self._places[id(array)] = place
        self._alive.append(array)

    def _assign_batch(self, array, place):
        """Give a batch with the batch innermost a place, where it has ones with a 1 behind each row."""
        if self._has_ones(array):
            self._with_ones[id(array)] = place
            place = place[:, :-1]
        self.assign(array, place)

    def lend(self, array, place):
        """Give an array a place that others use after it."""
        self.assign(array, place)
        self._lent.add(id(array))

    def of(self, array):
        """An array's buffer; a new one where it has none yet. A number is its own."""
        if not isinstance(array, np.ndarray):
            return array
        if array not in self:
            self.blocks([array])
        return self._places[id(array)]

    def with_ones(self, array):
        """The buffer of a batch (batch, n) with the ones behind it, (batch, n + 1)."""
        self.of(array)
        return self._with_ones[id(array)]

    def blocks(self, arrays, ones=False):
        """Arrays of one shape side by side in a block, (count, ...), each batch with its ones or without.

        Returns a list with that block alone. Where an array lies elsewhere already, each stays by
        itself, and the list holds as many blocks of one.
        """
        if len(set(map(id, arrays)) - self._places.keys()) == len(arrays):
            self._lay(arrays)
        places = [self.with_ones(array) if ones else self.of(array) for array in arrays]
        together = _side_by_side(places)
        return [place[None] for place in places] if together is None else [together]

    def lay_within(self, gradients, kind):
        """Lay gradients within units of a stretch, all of one kind, in scratch; others stay where they are."""
        new = set(map(id, gradients)) & self._within - self._places.keys()
        if len(new) < len(gradients) or not self.in_rows(gradients[0]):
            return
        places = self.scratch(len(gradients), *_shapes(gradients[0]), ("within", kind))
        for array, place in zip(gradients, places, strict=True):
            self.lend(array, place)

    def in_rows(self, array):
        """Whether an array lies row by row: a vector does anyway."""
        return array.ndim != 2 or (id(array) in self._gradients and array.shape[1] > NARROW)

    def _has_ones(self, array):
        return array.ndim == 2 and id(array) not in self._gradients

    def _lay(self, arrays):
        shape, dtype = _shapes(arrays[0])
        if self.in_rows(arrays[0]):
            self._assign_rows(arrays, np.empty((len(arrays), *shape), dtype))
            return
        batch, n = shape
        block = np.ones((len(arrays), n + self._has_ones(arrays[0]), batch), dtype).swapaxes(1, 2)
        for array, place in zip(arrays, block, strict=True):
            self._assign_batch(array, place)

    def lay_behind_each_other(self, pairs):
        """Lay pairs of narrow batches in one array each, with the ones of both where they have any."""
        first, second = pairs[0]
        (batch, m), n = first.shape, second.shape[1]
        ends = m + self._has_ones(first)
        block = np.ones((len(pairs), ends + n + self._has_ones(second), batch), first.dtype).swapaxes(1, 2)
        for (a, b), both in zip(pairs, block, strict=True):
            self._assign_batch(a, both[:, :ends])
            self._assign_batch(b, both[:, ends:])
            self._pairs[id(a)] = both

    def behind_each_other(self, first):
        """The array that holds `first` and what lies behind it."""
        return self._pairs[id(first)]

    def one(self, dtype):
        """The number 1 as an array, which is read sooner than a number."""
        return self._scratch.setdefault(("one", dtype), np.ones((), dtype))

    def scratch(self, count, shape, dtype, use):
        """Scratch for `count` arrays; every stretch uses it anew."""
        name = shape, dtype, use
        if len(self._scratch.get(name, ())) < count:
            self._scratch[name] = np.empty((count, *shape), dtype)
        return self._scratch[name][:count]

    def zeros(self, array):
        """Zeros, laid out like the array's buffer."""
        name = "zeros", *_shapes(array)
        if name not in self._scratch:
            self._scratch[name] = np.zeros_like(self.of(array))
        return self._scratch[name]

    def parameters(self, gradients, count, ride):
        """Rows for gradients of parameters of one shape, in `count` blocks; of pairs, pairs of blocks.

        Where biases ride, the pair (weight, bias) lies in one block, the bias as its last column. It is laid out as
        the product (x; 1) g is, whose matrices lie as they should, and not as its transpose gᵀ (x; 1).
        """
        if ride:
            m, n = gradients[0][0].shape
            block = np.empty((len(gradients), n + 1, m), gradients[0][0].dtype).swapaxes(1, 2)
            for (weight, bias), place in zip(gradients, block, strict=True):
                self.assign(weight, place[:, :-1])
                self.assign(bias, place[:, -1])
            return np.split(block, count)
        if isinstance(gradients[0], tuple):
            return list(zip(*(self.parameters(part, count, False) for part in zip(*gradients, strict=True))))
        if gradients[0] is None:
            return [None] * count
        block = np.empty((len(gradients),) + gradients[0].shape, gradients[0].dtype)
        self._assign_rows(gradients, block)
        return np.split(block, count)

    def _assign_rows(self, arrays, block):
        for row, array in enumerate(arrays):
            self.assign(array, block[row, ...])

    def moved(self, value):
        """A trace, gradients or part of them with each array in its place."""
        if id(value) in self._lent:
            return None
        if isinstance(value, np.ndarray):
            return self.of(value)
        if isinstance(value, (list, tuple)):
            return type(value)(self.moved(part) for part in value)
        if is_dataclass(value):
            return type(value)(*(self.moved(getattr(value, field.name)) for field in fields(value)))
        return value


def _grouped(calls, kind, make):
    """The steps that `make` gives for the calls of each kind; None is no kind."""
    groups = {}
    for call in calls:
        if kind(call) is not None:
            groups.setdefault(kind(call), []).append(call)
    return [step for group in groups.values() for step in make(group)]


def _let_additions_ride(buffers, calls, kept):
    """Lay what an addition and the product that it adds to read behind each other, where both are narrow."""
    reads, pairs = _reads(calls, kept), defaultdict(list)
    products = [call for call in calls if isinstance(call, (_Forward, _Backward)) and call.is_product()]
    products = {id(call.output): call for call in products}
    for add in calls:
        product = products.get(id(add.inputs[1])) if isinstance(add, _Add) else None
        if product is None or reads[id(product.output)] > 1:
            continue
        pair = add.inputs[0], product.inputs[-1]
        if pair[0] is not pair[1] and _narrow(*pair):
            product.rides, add.product = True, product
            buffers.lend(product.output, None)  # nothing writes it
            pairs[_shapes(pair)].append(pair)
    for alike in pairs.values():
        buffers.lay_behind_each_other(alike)


def _narrow(a, b):
    """Whether both are batches no wider than `NARROW`, of one float format."""
    return all(np.ndim(array) == 2 and array.shape[1] <= NARROW for array in (a, b)) and a.dtype == b.dtype


def _matrix_kind(call):
    """What calls W x + b on a batch must share for their [W b] to be gathered together."""
    if not (isinstance(call, _Forward) and call.is_product()):
        return None
    if call.layer.weight.size > GATHERED:
        return None  # to add the biases is less than to gather so large a matrix
    return call.layer.weight.shape, call.layer.weight.dtype, call.place, call.rides


def _matrix_steps(buffers, calls):
    """Gather [W b] of the layers of a stretch, or [I 0 W b]."""
    layers = [call.layer for call in calls]
    m, n = layers[0].weight.shape
    width = m + 1 if calls[0].rides else 0
    block = _identities(buffers, calls, (m, width + n + 1), _matrix_kind(calls[0]))
    for call, matrix in zip(calls, block, strict=True):
        call.matrix = matrix.T
    return [
        _Reading(lambda: _copied([layer.weight for layer in layers], block[..., width:-1])),
        _Reading(lambda: _copied([layer.bias for layer in layers], block[..., -1])),
    ]


def _identities(buffers, calls, shape, kind):
    """Scratch for a matrix for each call, with the identity at its left or upper end."""
    block = buffers.scratch(len(calls), shape, calls[0].output.dtype, kind)
    block[:] = np.eye(*shape)
    return block


def _rider_kind(call):
    """What products on the way back must share for their [I; W] to be gathered together."""
    if not (isinstance(call, _Backward) and call.rides):
        return None
    return call.layer.weight.shape, call.output.dtype, call.place


def _rider_steps(buffers, calls):
    """Gather [I; W] of the layers of a stretch."""
    layers = [call.layer for call in calls]
    m, n = layers[0].weight.shape
    block = _identities(buffers, calls, (n + m, n), _rider_kind(calls[0]))
    for call, matrix in zip(calls, block, strict=True):
        call.matrix = matrix
    return [_Reading(lambda: _copied([layer.weight for layer in layers], block[:, n:]))]


def _copied(arrays, block):
    """The step that copies arrays into a block, one behind the other."""
    together = _side_by_side(arrays)
    if together is not None:
        return partial(np.copyto, block, together)
    return partial(np.concatenate, [array[None] for array in arrays], out=block)


def _side_by_side(arrays):
    """One array (count, ...) of what lies at equal distances in one array, or None."""
    first = arrays[0]
    if first.base is None or any(array.base is not first.base or array.strides != first.strides for array in arrays):
        return None
    places = [array.__array_interface__["data"][0] for array in arrays]
    distances = {after - before for before, after in pairwise(places)}
    if len(distances) > 1:
        return None
    step = distances.pop() if distances else 0
    return np.lib.stride_tricks.as_strided(first, (len(arrays), *first.shape), (step, *first.strides))


def _parameter_kind(call):
    """What calls must share for their parameters' gradients to be computed together."""
    if not isinstance(call, _Backward) or not call.direct(has_gradients) or call.parameter is None:
        return None
    kind = type(call.layer) if call.layer.stackable else id(call)
    return kind, call.place, _shapes(call.inputs), _shapes(call.parameter)


def _parameter_steps(buffers, calls):
    """Compute the gradients of the parameters of layers of one kind: one product for all where it can be."""
    x, g = zip(*(call.inputs for call in calls))
    ride = _rides_back(calls[0])
    buffers.lay_within(g, _parameter_kind(calls[0]))
    blocks = _alike(buffers.blocks(x, ones=ride), buffers.blocks(g))
    if x[0].ndim == 1:  # a single sample is a batch of one
        blocks = [[block[:, None, :] for block in one] for one in blocks]
    outs = buffers.parameters([call.parameter for call in calls], len(blocks[0]), ride)
    gradients = [matrix_gradient if ride else call.layer.parameter_gradient for call in calls]
    return [partial(*step) for step in zip(gradients, *blocks, outs)]


def _alike(*blocks):
    """Lists of blocks with the same number of blocks each; the arrays one by one where they were not."""
    if len(set(map(len, blocks))) == 1:
        return blocks
    return [[row[None] for block in one for row in block] for one in blocks]


def _rides_back(call):
    """Whether the gradients of weight and bias come from one product."""
    if type(call.layer).parameter_gradient is not Affine.parameter_gradient:
        return False
    return call.inputs[0].ndim == 2 and call.parameter[1] is not None


def _slope_kind(call):
    """What calls must share for their slopes to be computed together: the activation and the shape."""
    layer = call.layer
    if not (isinstance(call, _Backward) and isinstance(layer, Elementwise) and call.direct(has_gradients)):
        return None
    if type(layer).input_gradient is not Elementwise.input_gradient:
        return None
    return id(layer), call.place, _shapes((*call.inputs, call.output))


def _slope_steps(buffers, calls):
    """Compute the slopes of one activation for a stretch; each call finds its own as `slope`.

    In rows they lie where each product with the gradient will, so that the gradient must not; else in scratch.
    """
    outputs, kind = [call.output for call in calls], _slope_kind(calls[0])
    if not buffers.in_rows(outputs[0]):
        slopes, steps = _slopes(buffers, calls, kind)
        for call, slope in zip(calls, slopes, strict=True):
            call.slope, call.entrywise = slope, True
        return steps
    buffers.lay_within(outputs, kind)
    steps = _slopes_into(buffers.blocks(outputs), buffers, calls)
    for call in calls:
        call.slope = buffers.of(call.output)
    return steps


def _slopes(buffers, calls, kind):
    """Scratch (count, ...) for slopes of one activation at the calls' inputs, and the steps that compute them.

    Where there is a batch it lies innermost. No stretch needs the slopes of another.
    """
    shape, dtype = _shapes(calls[0].inputs[0])
    slopes = buffers.scratch(len(calls), shape[::-1], dtype, ("slopes", kind)).swapaxes(1, -1)
    return slopes, _slopes_into([slopes], buffers, calls)


def _slopes_into(blocks, buffers, calls):
    """The steps that compute the slopes of one activation at the calls' inputs."""
    pairs = zip(*_alike(buffers.blocks([call.inputs[0] for call in calls]), blocks), strict=True)
    return [partial(calls[0].layer.slope, *pair) for pair in pairs]


def _unit_kind(call):
    """What units must share for their Jacobians to be computed together: the activation and all shapes."""
    if not isinstance(call, _UnitJacobian):
        return None
    return call.kind, _shapes(tuple(layer.weight for layer in call.layers))


def _unit_steps(buffers, calls):
    """Compute the Jacobians of a stretch's units: with one product for all where their weights lie side by side."""
    seconds, firsts = zip(*(call.layers for call in calls), strict=True)
    slopes, before = _slopes(buffers, calls, _unit_kind(calls[0]))
    scaled = buffers.scratch(len(calls), *_shapes(seconds[0].weight), "scaled")
    matrices = buffers.scratch(len(calls), *_shapes(calls[0].output), _unit_kind(calls[0]))
    for call, matrix in zip(calls, matrices, strict=True):
        buffers.assign(call.output, matrix)
    diagonals = np.einsum("kii->ki", matrices)
    after = [partial(np.add, diagonals, buffers.one(diagonals.dtype), diagonals)]

    def products():
        weights = [[layer.weight for layer in layers] for layers in (seconds, firsts)]
        second, first = map(_side_by_side, weights)
        if second is not None and first is not None:
            return [partial(np.multiply, second, slopes[:, None], scaled), partial(np.matmul, scaled, first, matrices)]
        steps = []
        for W2, W1, row, matrix in zip(*weights, slopes, matrices, strict=True):
            steps += [partial(np.multiply, W2, row, scaled[0]), partial(scaled[0].dot, W1, matrix)]
        return steps

    return [_Reading(lambda: partial(_walk, before + products() + after))]


def _reuse(buffers, calls):
    """Let each output lie in an array of its shape that no later call reads, so that few fill the cache.

    What works entry by entry may write over what it reads.
    """
    last_read = {id(array): call for call in calls for array in call.inputs}
    written, free = {}, defaultdict(list)

    def release(call):
        for array in call.inputs:
            if id(array) in written and last_read[id(array)] is call:
                free[_shapes(array)].append(written.pop(id(array)))

    for call in calls:
        if call.entrywise:
            release(call)
        if call.output not in buffers:
            places = free[_shapes(call.output)]
            written[id(call.output)] = places.pop() if places else np.empty(*_shapes(call.output))
            buffers.assign(call.output, written[id(call.output)])
        release(call)


def _forget_inputs(trace, out):
    """Put the output f(x) of a ReLU within a branch in the place of its input x, where no other call reads that.

    The way back finds the same numbers, as f(f(x)) = f(x) and f'(f(x)) = f'(x), and there is an array less to keep.
    Not so for a class derived from ReLU, which may have another slope.
    """
    reads = _reads(out.calls, trace.states + out.handed_on)
    outputs = {id(call.inputs[0]): call.output for call in out.calls if type(call.layer) is ReLU}
    for unit in trace.units:
        for k, x in enumerate(unit.branch):
            if reads[id(x)] == 1:
                unit.branch[k] = outputs.get(id(x), x)


def _reads(calls, kept):
    """How often each array is read, by its id; to be kept is to be read once more."""
    reads = Counter(id(array) for call in calls for array in call.inputs)
    reads.update(map(id, kept))
    return reads


def _pass_through_scratch(buffers, calls, kept):
    """Let what one call writes for the next alone lie where the next one writes, if that works entry by entry.

    Otherwise it lies in one of two scratch arrays of its shape, as the next call must not write over what it reads.
    """
    reads, scratch = _reads(calls, kept), defaultdict(list)
    for call, following in reversed(list(pairwise(calls))):
        array = call.output
        read_next = any(array is other for other in following.inputs)
        if not read_next or reads[id(array)] > 1 or array in buffers:
            continue
        written = buffers.of(following.output)
        if following.entrywise and _shapes(following.output) == _shapes(array):
            buffers.lend(array, written)
            continue
        places = scratch[_shapes(array)]
        if all(place is written for place in places):
            places.append(np.empty(*_shapes(array)))
        buffers.lend(array, next(place for place in places if place is not written))
