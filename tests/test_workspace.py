"""Repeated passes against single ones: the same numbers, in the same arrays each time."""

import doctest
import re
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from random_networks import ACTIVATIONS, SHORTCUTS, assert_near, build, draw

import resnotes.workspace
from resnotes import Affine, Network, Unit, identity, relu, tanh
from resnotes.network import Elementwise
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Absent, Diagonal, Identity, Layer, Projection, Scale, StopGradient
from resnotes.workspace import NARROW, STATES_ROWS, STRETCH, Workspace


def parts(value, path=""):
    """Every array in a trace or in gradients, by where it stands."""
    if isinstance(value, (np.ndarray, np.generic)):
        yield path, value
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield from parts(part, f"{path}[{index}]")
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from parts(getattr(value, name), f"{path}.{name}")


def layer_reading(path, net):
    """The layer of which a trace's array is the input, or None for what is no branch's input."""
    place = re.fullmatch(r"\.units\[(\d+)\]\.branch\[(\d+)\]", path)
    return place and net.units[int(place[1])].branch[int(place[2])]


def assert_same(got, wanted, tolerance, net):
    """All that is kept agrees, and what is not kept is of the kind the documentation names."""
    kept = dict(parts(got))
    for path, array in parts(wanted):
        if path in kept:
            assert kept[path].dtype == array.dtype, path
            if layer_reading(path, net) is relu and (kept[path] >= 0).all():
                array = relu.output(array)  # it may stand for the input
            assert_near(kept[path], array, tolerance)
        else:
            assert path.endswith(".branch_output") or re.search(r"units.*\.(input|sum)$", path), path
    return kept


def assert_repeats(net, x, rng, change=lambda: None):
    """Three passes through a workspace, each with another input, against `Network`'s own."""
    work = Workspace(net, x)
    tolerance = 1e-12 if x.dtype == np.float64 else 1e-3
    arrays = None
    for _ in range(3):
        x = (x + rng.normal(size=x.shape) / 8).astype(x.dtype)
        trace = net.forward(x)
        g = rng.normal(size=trace.states[-1].shape)
        gradients = net.backward(trace, g)
        again, back = work.forward(x), work.backward(g)
        kept = assert_same(again, trace, tolerance, net) | assert_same(back, gradients, tolerance, net)
        if x.ndim == 1:
            kept |= {"jacobian": work.jacobian()}
            assert_near(kept["jacobian"], net.jacobian(trace), tolerance)
            assert kept["jacobian"].dtype == net.jacobian(trace).dtype
            kept["jacobian"].fill(np.nan)
            work.forward(-x)
            assert work.jacobian(x) is kept["jacobian"]
            assert_near(kept["jacobian"], net.jacobian(trace), tolerance)
            assert_same(work.trace, trace, tolerance, net)
        assert arrays is None or all(kept[path] is arrays[path] for path in kept)
        arrays = kept
        change()
    return work


@pytest.fixture(params=["narrow", "wide"])
def layout(request, monkeypatch):
    """As arrays lie where layers are narrow, and as they do where they are not."""
    if request.param == "wide":
        monkeypatch.setattr(resnotes.workspace, "NARROW", 0)
    return request.param


def units_with(branch, **others):
    """Three units of width 3 with this branch, where `Affine` stands for a layer with parameters of its own."""
    rng = np.random.default_rng(11)

    def made(entry):
        return Affine(rng.normal(size=(3, 3)), rng.normal(size=3)) if entry is Affine else entry

    return Network([Unit([made(entry) for entry in branch], **others) for _ in range(3)])


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("batch", [None, 1, 9])  # none, fewer and more inputs than a matrix has columns
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_against_single_passes(shortcut, batch, dtype):
    rng = np.random.default_rng(sum(map(ord, shortcut)))
    for activation in ACTIVATIONS:
        for after in ACTIVATIONS:
            parameters, units, x = draw(rng, 3, [shortcut] * 3, activation, [after] * 3, batch)
            parameters = [p.astype(dtype) for p in parameters]

            def change(parameters=parameters):
                for parameter in parameters:
                    parameter *= dtype(0.9)

            net = build(parameters, units)
            work = assert_repeats(net, x.astype(dtype), rng, change)
            trace = work.forward(x.astype(dtype))
            assert_near(net.jacobian(trace), net.jacobian(net.forward(x.astype(dtype))), 1e-5)


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("depth", [1, STRETCH, STRETCH + 1, 2 * STRETCH + 7])
@pytest.mark.parametrize("batch", [None, 5])
def test_stretches_of_units(depth, batch):
    rng = np.random.default_rng(depth)
    units = []
    for _ in range(depth):
        W1, W2 = rng.normal(size=(2, 4, 4)) / 8
        units.append(Unit([Affine(W1, rng.normal(size=4)), relu, Affine(W2)], shortcut=Scale(0.9)))
    units.append(Unit([Affine(rng.normal(size=(3, 4)))], shortcut=Projection(W1[:3])))
    work = assert_repeats(Network(units), rng.normal(size=(4,) if batch is None else (batch, 4)), rng)
    first = work.gradients.units[0]
    assert first.branch[2].bias is None and first.shortcut.bias is None
    assert all(state is not None for state in work.trace.states + work.gradients.states)


@pytest.mark.usefixtures("layout")
def test_one_unit_in_several_places():
    rng = np.random.default_rng(0)
    unit = Unit([Affine(rng.normal(size=(3, 3)) / 4, np.ones(3)), tanh], after=tanh)
    assert_repeats(Network([unit] * 5), rng.normal(size=(4, 3)), rng)


@pytest.mark.parametrize("batch", [5, 45])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("gathered", [False, True])
def test_matrices_that_are_gathered_and_larger_ones(gathered, dtype, batch, monkeypatch):
    monkeypatch.setattr(resnotes.workspace, "GATHERED", 40 * 40 - (not gathered))
    rng = np.random.default_rng(4)
    W1, W2 = (rng.normal(size=(2, 40, 40)) / 40).astype(dtype)
    b = rng.normal(size=(2, 40)).astype(dtype)
    units = [Unit([Affine(W1, b[0]), relu, Affine(W2, b[1])]), Unit([Affine(W2), tanh, Affine(W1, b[1])])] * 3
    work = assert_repeats(Network(units), rng.normal(size=(batch, 40)).astype(dtype), rng)
    added = [step for step in work._way_out if step.func is np.add and step.args[1].ndim == 1]
    assert len(added) == (0 if gathered else 9)
    assert copies(work) == ({np.concatenate: 1, np.copyto: 3} if gathered else {})  # one weight in turns with another
    weight = work.gradients.units[0].branch[0].weight
    assert weight.shape == (40, 40) and weight.dtype == dtype
    # What the class promises, and what the products are quick with.
    assert all(state.flags.f_contiguous for state in work.trace.states)
    assert all(gradient.flags.c_contiguous for gradient in work.gradients.states)


def test_biases_of_another_float_format_do_not_ride():
    rng = np.random.default_rng(5)
    W, b = rng.normal(size=(3, 3)).astype(np.float32), rng.normal(size=3)
    units = [Unit([Affine(W, b)], shortcut=Absent()), Unit([Affine(b * W, b)])]
    assert_repeats(Network(units), rng.normal(size=(4, 3)).astype(np.float32), rng)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_parameter_put_in_place_in_another_format_is_refused(name):
    layer = Affine(np.eye(2, dtype=np.float32), np.ones(2, np.float32))
    work = Workspace(Network([Unit([layer])]), np.ones((3, 2), np.float32))
    setattr(layer, name, getattr(layer, name) * np.float32(2))
    assert np.isfinite(work.forward(np.ones((3, 2), np.float32)).states[-1]).all()
    setattr(layer, name, getattr(layer, name).astype(np.float64))
    with pytest.raises(ValueError, match="weight or bias.*float32"):
        work.forward(np.ones((3, 2), np.float32))


class Doubled(Affine):
    """2 (W x + b): what the workspace knows of W x + b does not hold for it."""

    def output(self, x, out=None):
        return np.multiply(2, super().output(x), out=out)

    def input_gradient(self, x, g, out=None):
        return np.multiply(2, super().input_gradient(x, g), out=out)

    def parameter_gradient(self, x, g, out=(None, None)):
        parts = super().parameter_gradient(x, g)
        return tuple(np.multiply(2, part, out=place) for part, place in zip(parts, out, strict=True))


class Ceiling(type(relu)):
    """min(x, 0): a relu whose formula is another one."""

    def output(self, x, out=None):
        return np.minimum(x, 0, out=out)

    def slope(self, x, out=None):
        return np.less(x, 0, out=np.empty_like(x) if out is None else out)


def test_layers_that_say_otherwise_than_the_ones_they_derive_from():
    rng = np.random.default_rng(6)
    W, b = rng.normal(size=(3, 3)) / 4, rng.normal(size=3)
    units = [Unit([Doubled(W, b), Ceiling(), Affine(W, b)]), Unit([Doubled(W, b)]), Unit([Affine(W, b), relu])]
    assert_repeats(Network(units), rng.normal(size=(4, 3)), rng)


def test_several_affine_layers_in_a_row():
    rng = np.random.default_rng(1)
    A, B, C = rng.normal(size=(3, 4, 4)) / 4
    pre = Unit([relu, Affine(A), Affine(B, C[0]), relu, Affine(C)], shortcut=Diagonal(A[0]))
    assert_repeats(Network([pre, Unit([identity]), Unit([tanh], after=relu), pre]), rng.normal(size=(6, 4)), rng)


class Turned(Layer):
    """Deriving from `Layer` and defining both methods; its state is handed on where there is nothing to do."""

    def __init__(self, matrix):
        self.matrix = matrix

    def forward(self, x):
        return x if self.matrix is None else x @ self.matrix

    def backward(self, x, g):
        return (g, None) if self.matrix is None else (g @ self.matrix.T, np.sum(x))


class Cached(Layer):
    """Returns one array of its own again and again, and a constant for its parameter."""

    zeros = np.zeros((2, 3))

    def forward(self, x):
        return self.zeros

    def backward(self, x, g):
        return self.zeros, (0.0, 1.0)


class Leaky(Elementwise):
    """An activation with a number of its own, so that two of them have different slopes."""

    def __init__(self, slope):
        self.negative = slope

    def output(self, x, out=None):
        return np.multiply(x, np.where(x > 0, 1, self.negative), out=out)

    def slope(self, x, out=None):
        return np.add(np.where(x > 0, 1, self.negative), 0, out=out)


class OwnWay(Affine):
    """An Affine whose way back alone is another one: it must be the one that counts."""

    def backward(self, x, g):
        return 2 * g, (np.ones_like(self.weight), None)


class OwnSlope(Leaky):
    def input_gradient(self, x, g, out=None):
        return np.multiply(g, 3.0, out=out)


class OwnBackward(Leaky):
    """An activation whose way back is not its slope's."""

    def backward(self, x, g):
        return 5 * g, None


class Grown(Layer):
    """exp(w) x: the gradient of w takes w itself, so layers of this kind cannot share one product."""

    def __init__(self, exponent):
        self.weight = np.array(exponent)

    def output(self, x, out=None):
        return np.multiply(x, np.exp(self.weight), out=out)

    def input_gradient(self, x, g, out=None):
        return np.multiply(g, np.exp(self.weight), out=out)

    def parameter_gradient(self, x, g, out=None):
        return np.multiply(np.sum(g * x, axis=(-2, -1)), np.exp(self.weight), out=out)


def unit_with(layer, place, rng):
    """A unit of width 3 with this layer in its branch, as its shortcut or after it."""
    W = rng.normal(size=(3, 3))
    chosen = {"branch": [Affine(W), layer, Affine(W.T)]} if place == "branch" else {place: layer}
    return Unit(**({"branch": [Affine(W), tanh]} | chosen))


@pytest.mark.parametrize("layers", [
    [Turned(None)], [Turned(np.eye(3)[::-1])], [Cached()], [OwnBackward(0.3)], [Grown(0.5), Grown(-1.0)], [Leaky(0.1), Leaky(0.7)], [OwnWay(np.eye(3))],
    [OwnSlope(0.2)], [StopGradient(Turned(None))],
], ids=lambda layers: type(layers[0]).__name__)  # fmt: skip
@pytest.mark.parametrize("place", ["branch", "shortcut", "after"])
def test_layers_of_ones_own(layers, place):
    rng = np.random.default_rng(2)
    units = [unit_with(layer, place, rng) for layer in layers * 2]
    assert_repeats(Network(units), rng.normal(size=(2, 3)), rng)


@pytest.mark.parametrize("layers", [
    [Turned(None)], [Turned(np.eye(3)[::-1])], [OwnBackward(0.3)], [Grown(0.5)], [Leaky(0.1), Leaky(0.7)], [OwnWay(np.eye(3))], [OwnSlope(0.2)],
    [StopGradient(Turned(None))], [Doubled(np.eye(3), np.ones(3)), Ceiling()], [Projection(np.eye(3)[::-1])], [relu],
], ids=lambda layers: type(layers[0]).__name__)  # fmt: skip
@pytest.mark.parametrize("place", ["branch", "shortcut", "after"])
def test_the_jacobian_through_layers_of_ones_own(layers, place):
    rng = np.random.default_rng(7)
    units = [Unit([identity], shortcut=Scale(0.5)), *(unit_with(layer, place, rng) for layer in layers * 2)]
    assert_repeats(Network(units), rng.normal(size=3), rng)


class Moved(Layer):
    """Every entry moves on by one place; what is written must not stand where something is still to be read."""

    def output(self, x, out=None):
        return self._moved(x, 1, out)

    def input_gradient(self, x, g, out=None):
        return self._moved(g, -1, out)

    def _moved(self, x, places, out):
        out = np.empty_like(x) if out is None else out
        for k in range(x.shape[-1]):
            out[..., (k + places) % x.shape[-1]] = x[..., k]
        return out


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("shape", [(3,), (4, 3)])
@pytest.mark.parametrize("branch", [[Moved()] * 4, [Affine, Moved(), Moved()], [Moved(), relu, Moved(), relu, Moved()],
                                    [tanh, Moved(), tanh, tanh, Moved(), Moved()]])  # fmt: skip
def test_layers_in_a_row_that_nobody_else_reads(branch, shape):
    """What one writes for the next alone, the next may write over if it works entry by entry, and only then."""
    rng = np.random.default_rng(14)
    assert_repeats(units_with(branch), rng.normal(size=shape), rng)


@pytest.mark.parametrize("shape", [(3,), (4, 3)])
def test_sums_and_activations_are_written_over_what_they_read(layout, shape):
    work = Workspace(units_with([Affine, relu, Affine]), np.ones(shape))
    steps = [step for step in work._way_out + work._way_back if step.func in (np.add, np.fmax, np.multiply)]
    ride = layout == "narrow" and len(shape) == 2
    assert {step.func for step in steps} == {np.fmax, np.multiply} | (set() if ride else {np.add})
    for step in steps:
        *read, written = step.args
        assert any(array is written for array in read), step


def test_what_nobody_reads_later_is_not_kept():
    work = Workspace(units_with([Moved()] * 4), np.ones((4, 3)))
    assert all(layer.input is None for unit in work.gradients.units for layer in unit.branch)


@pytest.mark.parametrize("branch", [[Affine, tanh, Affine], [tanh, Affine]])
@pytest.mark.parametrize("shape", [(3,), (4, 3)])
def test_gradients_within_units_lie_in_one_array_for_all_stretches(layout, shape, branch, monkeypatch):
    """They are of use in their unit alone, and few arrays are found in the cache. Narrow ones lie beside states."""
    monkeypatch.setattr(resnotes.workspace, "STRETCH", 1)
    work = Workspace(units_with(branch), np.ones(shape))
    written = {step.args[-1].ctypes.data for step in work._way_back if step.func is np.multiply}
    beside_states = layout == "narrow" and len(shape) == 2
    assert len(written) == (3 if beside_states else 1)
    for unit in work.gradients.units:
        assert unit.sum is not None and unit.branch[-1].input is None
        assert (unit.branch[-2].input is None) == (not beside_states or len(branch) == 2)


@pytest.mark.parametrize("shortcut", [Identity(), Projection(np.eye(3))])
def test_several_gradients_within_a_unit(layout, shortcut):
    """Each lies by itself while its stretch lasts; that at the sum is a state's only where a shortcut hands it on."""
    rng = np.random.default_rng(15)
    net = units_with([Affine, tanh, Affine, tanh, relu, Affine], shortcut=shortcut, after=tanh)
    work = assert_repeats(net, rng.normal(size=(4, 3)), rng)
    kept = layout == "narrow" or isinstance(shortcut, Identity)
    assert [unit.sum is not None for unit in work.gradients.units] == [kept] * 3


def drawn(rng, n, dtype):
    """A layer of width n: one of ours, or one of those above."""
    matrix = (rng.normal(size=(n, n)) / np.sqrt(n)).astype(dtype)
    layers = [
        Affine(matrix), Affine(matrix, matrix[0]), Projection(matrix), Doubled(matrix, matrix[0]), OwnWay(matrix), Turned(matrix),
        relu, relu, tanh, identity, Moved(), Moved(), Leaky(0.3), Ceiling(), OwnSlope(0.2), OwnBackward(0.3), Turned(None),
    ]  # fmt: skip
    return layers[rng.integers(len(layers))]


@pytest.mark.parametrize("seed", range(60))
def test_networks_drawn_at_random(seed, monkeypatch):
    """Any order of layers, some units and layers twice, short stretches, parameters that change in place or are exchanged."""
    rng = np.random.default_rng(seed)
    n, dtypes = rng.choice([1, 3, 26]), [[np.float64], [np.float32], [np.float64, np.float32]][rng.integers(3)]
    monkeypatch.setattr(resnotes.workspace, "NARROW", rng.choice([0, NARROW]))
    monkeypatch.setattr(resnotes.workspace, "STRETCH", rng.choice([1, 2, STRETCH]))
    layers = [drawn(rng, n, dtypes[rng.integers(len(dtypes))]) for _ in range(5)]
    one = lambda: layers[rng.integers(len(layers))]  # noqa: E731
    shortcuts = [Identity(), Identity(), Scale(0.5), Absent(), Diagonal(rng.normal(size=n)), tanh, one()]
    units = [
        Unit(
            [one() for _ in range(rng.integers(1, 6))],
            shortcuts[rng.integers(len(shortcuts))],
            after=[identity, one()][rng.integers(2)],
        )
        for _ in range(4)
    ]

    def change():
        for layer in layers:
            if hasattr(layer, "weight"):
                layer.weight *= 0.9
                layer.weight = layer.weight.copy() if rng.integers(2) else layer.weight

    x = rng.normal(size=[(n,), (1, n), (7, n)][rng.integers(3)]).astype(dtypes[0])
    assert_repeats(Network([*units, units[0]]), x, rng, change)


class Nothing(Layer):
    """A shortcut of one's own that carries nothing: the number 0, as `Absent` has it."""

    def forward(self, x):
        return 0

    def backward(self, x, g):
        return np.zeros_like(x), None


@pytest.mark.parametrize("batch", [None, 6])
def test_a_shortcut_of_ones_own_that_carries_nothing(batch):
    rng = np.random.default_rng(12)
    units = [Unit([Affine(W), tanh], shortcut=Nothing()) for W in rng.normal(size=(3, 4, 4))]
    assert_repeats(Network(units), rng.normal(size=(4,) if batch is None else (batch, 4)), rng)


@pytest.mark.parametrize("batch", [None, 6])
def test_one_kind_of_shortcut_at_two_widths(batch):
    """Their parameters have one shape, their inputs have two."""
    rng = np.random.default_rng(11)
    narrow = Unit([Affine(rng.normal(size=(2, 4)))], shortcut=Projection(rng.normal(size=(2, 4))))
    units = [
        Unit([tanh], Scale(0.5)),
        Unit([tanh], Scale(0.7)),
        narrow,
        Unit([tanh], Scale(0.9)),
        Unit([tanh], Scale(0.8)),
    ]
    assert_repeats(Network(units), rng.normal(size=(4,) if batch is None else (batch, 4)), rng)


def test_the_jacobian_of_a_network_that_narrows():
    rng = np.random.default_rng(8)
    units = [
        Unit([Affine(rng.normal(size=(m, n))), tanh], Projection(rng.normal(size=(m, n))))
        for n, m in ((5, 4), (4, 4), (4, 2), (2, 2))
    ]
    work = assert_repeats(Network(units), rng.normal(size=5), rng)
    assert work.jacobian().shape == (2, 5)


@pytest.mark.parametrize("wide", ["branch", "shortcut"])
def test_the_jacobian_of_two_float_formats(wide):
    """Float32 beside float64: the sum is the wider one's."""
    rng = np.random.default_rng(9)
    W = rng.normal(size=(2, 3, 3))
    kinds = (np.float64, np.float32) if wide == "branch" else (np.float32, np.float64)
    units = [Unit([Affine(W[0].astype(kinds[0]))], Projection(W[1].astype(kinds[1])))] * 2
    assert_repeats(Network(units), rng.normal(size=3).astype(np.float32), rng)


@pytest.mark.parametrize("along", [False, True])
def test_a_jacobian_keeps_a_few_arrays_however_deep(along):
    """Recording it takes no more, either: the rows at every layer would be four arrays a unit."""
    W, x = np.eye(100) / 2, np.ones(100)

    def memory(depth):
        work = Workspace(Network([Unit([Affine(W), tanh, Affine(W)]) for _ in range(depth)]), x)
        tracemalloc.start()
        work.jacobian(*[x] * along)
        kept_and_most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return np.array(kept_and_most) / W.nbytes

    at_once = 2 * (STATES_ROWS // W.nbytes)  # W₂ f' and the Jacobians of a stretch's units
    assert np.all(memory(100) < [at_once + 13, at_once + 14])
    assert np.all(memory(200) - memory(100) < 0.1 * 100)  # a unit's slopes and its calls


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("depth", [1, 7, STRETCH + 3])
def test_columns_go_along_with_a_forward_pass(depth, dtype, monkeypatch):
    """Each unit's weights are read in its stretch, for its state and for its Jacobian."""
    monkeypatch.setattr(resnotes.workspace, "STATES_ROWS", 5 * 9 * np.dtype(dtype).itemsize)  # stretches of five
    W, b, net = side_by_side(depth, dtype=dtype)

    def change():
        np.multiply(W, dtype(0.9), out=W)
        net.units[0].branch[0].weight = net.units[0].branch[0].weight * dtype(1.1)

    work = assert_repeats(net, np.ones(3, dtype), np.random.default_rng(25), change)
    at_once = [step.func is resnotes.workspace._walk for step in work._columns_along]
    assert at_once.count(True) == -(-depth // 5)
    outputs = [step.args[-1] for step in work._columns_along if isinstance(step.args[-1], np.ndarray)]
    columns = [id(array) for array in outputs if array.shape == (3, 3)]
    assert len(columns) == depth and len(set(columns)) == min(depth, 3)


def test_columns_do_not_go_along_with_other_units():
    rng = np.random.default_rng(26)
    one, other = Unit(narrow(rng, 3, 3, tanh)), Unit([Affine(rng.normal(size=(3, 3))), tanh])
    for units in ([one, one, other], [other, one, one], [one, other, one]):
        work = assert_repeats(Network(units), np.ones(3), rng)
        assert work._jacobian.columns is None and units_by_jacobian(work) == 2


def narrow(rng, n, h, activation):
    return [Affine(rng.normal(size=(h, n)), rng.normal(size=h)), activation, Affine(rng.normal(size=(n, h)))]


def test_only_what_works_entry_by_entry_writes_over_what_it_reads():
    """A product that did would be right, too, but NumPy would compute it elsewhere and copy it."""
    rng = np.random.default_rng(21)
    work = Workspace(Network([Unit(narrow(rng, 3, 2, tanh)) for _ in range(3)]), np.ones(3))
    result, written = work.jacobian(), []
    for step in work._rows_back[1:]:  # after the slopes
        *read, out = step.args
        over = any(array is out for array in read)
        assert over == (step.func in (np.multiply, np.add) and out is not result)
        written.append(id(out))
    assert len(written) == 4 * 3 and len(set(written)) == 4  # one of them for the result


@pytest.mark.parametrize("together", [False, True])
def test_the_jacobians_of_units_are_computed_before_the_chain(together):
    """All at once where the weights lie side by side; then each takes one product with the rows."""
    W = np.random.default_rng(22).normal(size=(2, 4, 3, 3))
    pairs = zip(*W) if together else zip(*(list(map(np.copy, part)) for part in W))
    work = Workspace(Network([Unit([Affine(W1), tanh, Affine(W2)]) for W1, W2 in pairs]), np.ones(3))
    assert_near(work.jacobian(), work.net.jacobian(work.trace), 1e-13)
    before, *chain = work._rows_back
    *steps, added = before.args[0]
    assert added.func is np.add and added.args[0].shape == (4, 3)
    funcs = [step.func for step in steps[1:]]
    if together:
        assert funcs == [np.multiply, np.matmul]
    else:
        assert funcs[::2] == [np.multiply] * 4 and all(product.__name__ == "dot" for product in funcs[1::2])
    assert len(chain) == 4 and len({id(step.args[-1]) for step in chain}) == 3
    for layer in (layer for unit in work.net.units for layer in unit.branch if isinstance(layer, Affine)):
        layer.weight *= 0.9
        assert_near(work.jacobian(), work.net.jacobian(work.trace), 1e-13)
        layer.weight = layer.weight * 0.9
        work.forward(np.ones(3))
        assert_near(work.jacobian(), work.net.jacobian(work.trace), 1e-13)


@pytest.mark.parametrize("kinds", [(np.float64, np.float32), (np.float32, np.float64)])
def test_weights_of_two_float_formats_are_no_one_matrix(kinds):
    rng = np.random.default_rng(23)
    W = [rng.normal(size=(3, 3)).astype(kind) for kind in kinds]
    net = Network([Unit([Affine(W[0]), tanh, Affine(W[1])])] * 3)
    work = assert_repeats(net, rng.normal(size=3), rng)
    assert units_by_jacobian(work) == 0


def test_units_of_several_kinds_in_a_stretch():
    """Two activations and two widths in turns: none may take another's place."""
    rng = np.random.default_rng(24)
    branches = [narrow(rng, 3, h, f) for h in (3, 4) for f in (relu, tanh)]
    work = assert_repeats(Network([Unit(branches[k % 4]) for k in range(2 * STRETCH)]), rng.normal(size=3) / 9, rng)
    assert units_by_jacobian(work) == 2 * STRETCH


def test_units_of_two_widths_in_a_stretch():
    """Of one width within, so that only the weights' shapes tell them apart."""
    rng = np.random.default_rng(31)
    widen = Unit([Affine(rng.normal(size=(4, 3)))], Projection(rng.normal(size=(4, 3))))
    work = assert_repeats(Network([*[Unit(narrow(rng, 3, 5, tanh))] * 2, widen, *[Unit(narrow(rng, 4, 5, tanh))] * 2]),
                          np.ones(3) / 9, rng)  # fmt: skip
    assert units_by_jacobian(work) == 4


def units_by_jacobian(work):
    """How many units' Jacobians are computed: the diagonals to which 1 is added."""
    return sum(len(step.args[0][-1].args[0]) for step in work._rows_back
               if getattr(step, "func", None) is resnotes.workspace._walk)  # fmt: skip


@pytest.mark.parametrize("unit, by_jacobian", [
    (lambda rng: Unit(narrow(rng, 3, 3, tanh)), True),
    (lambda rng: Unit(narrow(rng, 3, 5, relu)), True),
    (lambda rng: Unit(narrow(rng, 3, 2, tanh)), False),  # more multiplications
    (lambda rng: Unit([Affine(rng.normal(size=(3, 3))), tanh]), False),
    (lambda rng: Unit([identity, *narrow(rng, 3, 3, tanh), identity], after=identity), True),
    (lambda rng: Unit(narrow(rng, 3, 3, OwnSlope(0.3))), False),
    (lambda rng: Unit([tanh, Affine(rng.normal(size=(3, 3)))]), False),
    (lambda rng: Unit([*narrow(rng, 3, 3, tanh), tanh]), False),
    (lambda rng: Unit([tanh, *narrow(rng, 3, 3, tanh)]), False),
    (lambda rng: Unit([Affine(rng.normal(size=(3, 3)))]), False),
    (lambda rng: Unit([Affine(rng.normal(size=(3, 3)))] * 2), False),
    (lambda rng: Unit([Affine(rng.normal(size=(3, 3))), tanh, tanh]), False),
    (lambda rng: Unit([identity]), False),
    (lambda rng: Unit([Leaky(0.1), Turned(rng.normal(size=(3, 3)))]), False),
    (lambda rng: Unit(narrow(rng, 3, 3, Turned(rng.normal(size=(3, 3))))), False),
    (lambda rng: Unit(narrow(rng, 3, 3, tanh), Scale(0.5)), False),
    (lambda rng: Unit(narrow(rng, 3, 3, tanh), Absent()), False),
    (lambda rng: Unit(narrow(rng, 3, 3, tanh), Projection(rng.normal(size=(3, 3)))), False),
    (lambda rng: Unit(narrow(rng, 3, 3, tanh), after=relu), False),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_units_whose_jacobian_is_one_matrix(unit, by_jacobian, dtype):
    rng = np.random.default_rng(14)
    units = [unit(rng) for _ in range(3)]
    for layer in {layer for unit in units for layer in (*unit.branch, unit.shortcut)}:
        for name, value in vars(layer).items():
            if isinstance(value, np.ndarray):
                setattr(layer, name, value.astype(dtype))
    work = assert_repeats(Network(units), rng.normal(size=3).astype(dtype), rng)
    assert units_by_jacobian(work) == (3 if by_jacobian else 0)


def test_few_rows_are_sent_through_the_layers():
    """Of 2 outputs, the Jacobian of a unit of width 5 would take more than sending 2 rows through it."""
    rng = np.random.default_rng(15)
    last = Unit([Affine(rng.normal(size=(2, 5)))], Absent())
    work = assert_repeats(Network([Unit(narrow(rng, 5, 5, tanh)), last]), rng.normal(size=5), rng)
    assert units_by_jacobian(work) == 0


def test_a_layer_that_turns_from_nothing_to_something():
    """What a layer handed on in the first pass is no promise for the next."""
    rng = np.random.default_rng(3)
    layer = Turned(None)
    net = Network([Unit([layer], shortcut=Scale(0.5)), Unit([Affine(np.eye(3))])])
    work = Workspace(net, np.ones((2, 3)))
    layer.matrix = rng.normal(size=(3, 3))
    x = rng.normal(size=(2, 3))
    assert_near(work.forward(x).states[-1], net.forward(x).states[-1], 1e-13)
    with pytest.raises(ValueError, match="result: got .*wanted None, as in the first pass"):
        work.backward(x)


class Fickle(Turned):
    """Its parameter's gradient is a pair at first, and then what one says."""

    sent = (1.0, 2.0)

    def backward(self, x, g):
        return g * 1, self.sent


@pytest.mark.parametrize("sent", [1.0, (1.0,), None, np.ones(2)])
def test_a_gradient_of_another_kind_than_at_first_is_refused(sent):
    layer = Fickle(np.eye(2))
    work = Workspace(Network([Unit([layer])]), [1.0, 2.0])
    work.backward([1.0, 1.0])
    layer.sent = sent
    with pytest.raises(ValueError, match="result: got .*as in the first pass"):
        work.backward([1.0, 1.0])


def test_a_parameter_may_be_exchanged():
    net = Network([Unit([Affine(np.eye(2), np.zeros(2))])])
    work = Workspace(net, [1.0, 2.0])
    net.units[0].branch[0].weight = np.array([[0.0, 3.0], [1.0, 0.0]])
    net.units[0].branch[0].bias = np.array([1.0, 0.0])
    np.testing.assert_array_equal(work.forward([1.0, 2.0]).states[-1], [8, 3])
    np.testing.assert_array_equal(work.backward([1.0, 1.0]).states[0], [2, 4])


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("branch", [[Affine, tanh, Affine], [Affine, tanh], [Affine]])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (5, 3)])
def test_parameters_may_be_exchanged_between_passes(branch, shape):
    """All, or one alone, the arrays staying those of the trace, of the gradients and of the Jacobian."""
    rng = np.random.default_rng(16)
    net = units_with(branch, shortcut=Projection(rng.normal(size=(3, 3))))
    layers = [layer for unit in net.units for layer in (*unit.branch, unit.shortcut) if layer is not tanh]

    def change():
        for layer in layers:
            layer.weight = layer.weight * 0.9
        layers[0].bias = layers[0].bias + 1

    assert_repeats(net, rng.normal(size=shape), rng, change)


class Twice(Affine):
    def input_gradient(self, x, g, out=None):
        return np.multiply(2, super().input_gradient(x, g), out=out)


@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0, 2.0]] * 3])
def test_every_exchange_is_seen(x):
    """Each layer's alone, and of layers that go only one way as Affine does."""
    W, b = np.eye(2), np.ones(2)
    layers = [Affine(W), Twice(W), Doubled(W, b), Affine(W, b), Projection(W)]
    work = Workspace(Network([Unit(layers[:-1], layers[-1]), Unit([Affine(W)])]), x)
    for layer in layers:
        layer.weight = layer.weight * 3
        plain = work.net.forward(x)
        assert_near(work.forward(x).states[-1], plain.states[-1], 1e-13)
        assert_near(work.backward(x).states[0], work.net.backward(plain, x).states[0], 1e-13)
    layers[3].bias = 2 * b
    assert_near(work.forward(x).states[-1], work.net.forward(x).states[-1], 1e-13)


def test_an_exchange_counts_from_the_next_forward_pass():
    layer = Affine(np.eye(2))
    work = Workspace(Network([Unit([layer, layer])]), [1.0, 2.0])
    assert work.jacobian().tolist() == [[2, 0], [0, 2]]
    layer.weight = 2 * np.eye(2)
    assert work.backward([1.0, 1.0]).states[0].tolist() == [2, 2]
    assert work.jacobian().tolist() == [[2, 0], [0, 2]]
    work.forward([1.0, 2.0])
    assert work.backward([1.0, 1.0]).states[0].tolist() == [5, 5]
    assert work.jacobian().tolist() == [[5, 0], [0, 5]]


@pytest.mark.parametrize("name, value, wanted", [
    ("weight", np.eye(3), r"array of shape \(3, 3\).*an array of shape \(2, 2\) and dtype float64, as at first"),
    ("weight", [[1.0, 0.0], [0.0, 1.0]], "list.*an array"),
    ("weight", None, "None.*an array"),
    ("bias", None, r"None.*an array of shape \(2,\)"),
    ("bias", np.ones(3), r"\(3,\).*an array of shape \(2,\)"),
])  # fmt: skip
@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0, 2.0]] * 3])
def test_what_may_not_be_exchanged(name, value, wanted, x):
    """It is refused each time, until what fits is there again."""
    layer = Affine(np.eye(2), np.ones(2))
    work = Workspace(Network([Unit([layer])]), x)
    before = getattr(layer, name)
    setattr(layer, name, value)
    for _ in range(2):
        with pytest.raises(ValueError, match="^weight or bias: got .*" + wanted):
            work.forward(x)
    setattr(layer, name, before.copy())
    assert (work.forward(x).states[-1] == np.add(x, x) + 1).all()


def test_a_bias_where_there_was_none_is_refused():
    layer = Affine(np.eye(2))
    work = Workspace(Network([Unit([layer])]), [1.0, 2.0])
    layer.bias = np.ones(2)
    with pytest.raises(ValueError, match="^weight or bias: got .*wanted None, as at first"):
        work.forward([1.0, 2.0])


def side_by_side(depth, order=slice(None), dtype=np.float64):
    """Units of width 3 whose parameters of a kind lie in one array; both arrays."""
    rng = np.random.default_rng(17)
    W, b = rng.normal(size=(depth, 2, 3, 3)).astype(dtype) / 2, rng.normal(size=(depth, 2, 3)).astype(dtype)
    pairs = list(zip(W, b, strict=True))[order]
    return W, b, Network([Unit([Affine(U[0], c[0]), relu, Affine(U[-1], c[1])]) for U, c in pairs])


def copies(work, way="_way_out"):
    return Counter(step.func for step in getattr(work, way) if step.func in (np.copyto, np.concatenate))


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), slice(None, None, 3)])
@pytest.mark.parametrize("depth", [1, 5, STRETCH + 2])
def test_parameters_side_by_side_are_copied_at_once(layout, depth, order):
    W, b, net = side_by_side(depth, order)

    def change():
        np.multiply(W, 0.9, out=W)
        np.add(b, 0.1, out=b)

    rng = np.random.default_rng(18)
    work = assert_repeats(net, rng.normal(size=(5, 3)), rng, change)
    assert copies(work) == {np.copyto: 4 * -(-len(net) // STRETCH)}
    assert copies(work, "_way_back") == ({np.copyto: -(-len(net) // STRETCH)} if layout == "narrow" else {})


def test_parameters_turned_or_in_one_array_for_all_units_are_copied_at_once_too():
    rng = np.random.default_rng(19)
    W, b, _ = side_by_side(4)
    for weights, biases in ((W.swapaxes(-1, -2), b), (W[[0] * 4], b[[0] * 4])):
        net = Network([Unit([Affine(U[0], c[0])]) for U, c in zip(weights, biases, strict=True)])
        assert copies(assert_repeats(net, rng.normal(size=(5, 3)), rng)) == {np.copyto: 2}
    unit = Unit([Affine(W[0, 0], b[0, 0])])
    assert copies(assert_repeats(Network([unit] * 3), rng.normal(size=(5, 3)), rng)) == {np.copyto: 2}


@pytest.mark.parametrize("apart", ["one turned", "distances", "arrays", "none shared"])
def test_parameters_that_only_seem_side_by_side(apart):
    rng = np.random.default_rng(20)
    W, _, _ = side_by_side(6)
    weights = {
        "one turned": [W[0, 0], W[1, 0].T, W[2, 0]],
        "distances": [W[0, 0], W[1, 0], W[3, 0]],
        "arrays": [W[0, 0], W.copy()[1, 0], W[2, 0]],
        "none shared": [W[0, 0].copy(), W[1, 0].copy(), W[2, 0]],
    }[apart]
    net = Network([Unit([Affine(weight, np.ones(3))]) for weight in weights])
    assert copies(assert_repeats(net, rng.normal(size=(5, 3)), rng))[np.concatenate] == 2


def test_the_pass_that_was_recorded_is_forgotten():
    """Two passes' arrays would be twice the memory."""
    units = [Unit([Affine(W[0], W[0, 0]), relu, Affine(W[1], W[1, 0])]) for W in np.ones((40, 2, 16, 16)) / 16]
    net, x = Network(units), np.ones((256, 16))
    tracemalloc.start()
    work = Workspace(net, x)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    arrays = {id(array): array.nbytes for _, array in parts([work.trace, work.gradients])}
    assert most > 2 * sum(arrays.values()) > 2 * kept / 1.25


def test_the_first_pass_is_that_of_the_example():
    rng = np.random.default_rng(10)
    net = Network([Unit([Affine(W), tanh]) for W in rng.normal(size=(5, 3, 3))])
    x, g = rng.normal(size=(2, 3))
    work, trace = Workspace(net, x), net.forward(x)
    assert_near(work.backward(g).states[0], net.backward(trace, g).states[0], 1e-13)
    assert_near(Workspace(net, x).jacobian(), net.jacobian(trace), 1e-13)


def test_a_trace_of_a_workspace_is_a_trace():
    rng = np.random.default_rng(4)
    net = Network([Unit([Affine(W), tanh]) for W in rng.normal(size=(5, 3, 3))])
    x = rng.normal(size=(2, 3))
    trace, plain = Workspace(net, x).forward(x), net.forward(x)
    assert_near(net.backward(trace, x).states[0], net.backward(plain, x).states[0], 1e-13)
    assert_near(jacobian_by_length(net, trace), jacobian_by_length(net, plain), 1e-13)


class Together(Turned):
    couples_batch = True

    def __init__(self):
        super().__init__(None)


NET = Network([Unit([Affine(np.eye(2)), relu]), Unit([Affine(np.eye(2))])])
WHOLE = Network([Unit([Affine(np.eye(2)), relu, Affine(np.eye(2))])])


@pytest.mark.parametrize("call, name", [
    (lambda: Workspace(NET, [1.0, np.nan]), "x"),
    (lambda: Workspace(NET, [1j, 1.0]), "trace"),
    (lambda: Workspace(NET, [1.0, 2.0, 3.0]), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).forward([1.0, np.inf]), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).forward([[1.0, 2.0]]), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).forward([1.0]), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).forward([1j, 2.0]), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).forward(np.ones(2, np.float32)), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).forward("x"), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).backward([1.0]), "g"),
    (lambda: Workspace(NET, [1.0, 2.0]).backward([np.nan, 1.0]), "g"),
    (lambda: Workspace(NET, [[1.0, 2.0]]).jacobian(), "x"),
    (lambda: Workspace(NET, [[1.0, 2.0]]).jacobian([[1.0, 2.0]]), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).jacobian([1.0, np.inf]), "x"),
    (lambda: Workspace(NET, [1.0, 2.0]).jacobian([1.0]), "x"),
    (lambda: Workspace(WHOLE, [1.0, 2.0]).jacobian([1.0, np.inf]), "x"),
    (lambda: Workspace(WHOLE, [1.0, 2.0]).jacobian([1.0]), "x"),
    (lambda: Workspace(Network([Unit([Together()])]), [1.0, 2.0]).jacobian(), "layer"),
])  # fmt: skip
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=rf"(^|\W){name}: got .*wanted "):
        call()


class Picky(Layer):
    """Refuses what is negative, on both ways."""

    def forward(self, x):
        if np.any(x < 0):
            raise ValueError("x: got a negative number, wanted none")
        return x * 1

    def backward(self, x, g):
        if np.any(g < 0):
            raise ValueError("g: got a negative number, wanted none")
        return g * 1, None


def test_an_error_says_where():
    work = Workspace(Network([Unit([relu]), Unit([relu, Picky()], after=Picky())]), [1.0])
    with pytest.raises(ValueError, match="^unit 1: after .*Picky.*: x: got a negative"):
        work.forward([-1.0])
    work.forward([1.0])
    with pytest.raises(ValueError, match="^unit 1: after .*Picky.*: g: got a negative"):
        work.backward([-1.0])
    units = [Unit([relu]), Unit([Picky()]), Unit([Affine([[1.0]])])]
    work = Workspace(Network(units), [1.0])
    work.forward([1.0])
    assert work.jacobian() == [[8.0]]
    units[2].branch[0].weight *= -3
    with pytest.raises(ValueError, match="^unit 1: .*Picky.*: g: got a negative"):
        work.jacobian()


def test_a_parameter_of_another_shape_is_refused():
    net = Network([Unit([Affine(np.eye(2))])])
    work = Workspace(net, [1.0, 2.0])
    net.units[0].branch[0].weight = np.eye(3)
    with pytest.raises(ValueError):
        work.forward([1.0, 2.0])


@pytest.mark.parametrize("damage", ["row slopes", "rows"])
def test_the_comparison_sees_damage_to_a_jacobian(monkeypatch, damage):
    if damage == "rows":
        shared = np.empty((3, 3))
        everywhere = lambda buffers, calls: [buffers.assign(call.output, shared) for call in calls]  # noqa: E731
        monkeypatch.setattr(resnotes.workspace, "_reuse", everywhere)
    else:
        real, row = resnotes.workspace._slope_steps, resnotes.workspace._RowsBackward
        without = lambda buffers, calls: real(buffers, calls)[isinstance(calls[0], row) :]  # noqa: E731
        monkeypatch.setattr(resnotes.workspace, "_slope_steps", without)
    rng = np.random.default_rng(5)
    units = [Unit([Affine(W), tanh, Affine(W)], after=tanh) for W in rng.normal(size=(3, 3, 3))]
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        assert_repeats(Network(units), rng.normal(size=3), rng)


@pytest.mark.parametrize("damage", ["slopes", "parameters", "scratch", "within"])
def test_the_comparison_sees_damage(monkeypatch, damage):
    """Steps left out, or a scratch array for what is read later on, must not go unnoticed."""
    if damage == "within":
        monkeypatch.setattr(resnotes.workspace, "NARROW", 0)
        real = resnotes.workspace._Buffers.lay_within
        one_for_all = lambda buffers, gradients, kind: real(buffers, gradients, "any")  # noqa: E731
        monkeypatch.setattr(resnotes.workspace._Buffers, "lay_within", one_for_all)
    elif damage == "scratch":

        def lend_everything(buffers, calls, kept):
            for call in calls:
                if call.output not in buffers:
                    buffers.assign(call.output, shared[buffers.in_rows(call.output)])

        shared = np.empty((3, 2)).T, np.empty((2, 3))
        monkeypatch.setattr(resnotes.workspace, "_pass_through_scratch", lend_everything)
    else:
        name = {"slopes": "_slope_steps", "parameters": "_parameter_steps"}[damage]
        real = getattr(resnotes.workspace, name)
        monkeypatch.setattr(resnotes.workspace, name, lambda *a: real(*a)[1:])
    rng = np.random.default_rng(5)
    units = [Unit([Affine(W), tanh, Affine(W), tanh, Affine(W)], after=tanh) for W in rng.normal(size=(3, 3, 3))]
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        assert_repeats(Network(units), rng.normal(size=(2, 3)), rng)


def test_examples_in_the_docstrings():
    result = doctest.testmod(resnotes.workspace)
    assert result.attempted > 0 and result.failed == 0


def test_what_needs_no_step_has_none(layout):
    """Identities hand their array on, and the slopes of a stretch are one step."""
    W = np.eye(3)
    work = Workspace(Network([Unit([Affine(W), tanh], Identity()) for _ in range(STRETCH)]), np.ones((2, 3)))
    assert work.trace.units[0].branch_output is None  # not kept, so not shown as something else
    assert len(work._way_out) == 3 * STRETCH
    # Slopes and gradients are computed at once; narrow weights are gathered, and then the addition takes no step.
    assert len(work._way_back) == (2 * STRETCH + 3 if layout == "narrow" else 3 * STRETCH + 2)


def additions(work):
    """How many steps of each way add the shortcut."""
    return [sum(getattr(step, "func", None) is np.add and step.args[0].ndim == step.args[1].ndim for step in way)
            for way in (work._way_out, work._way_back)]  # fmt: skip


def affine(rng, m, n, dtype=np.float64, bias=True):
    return Affine(rng.normal(size=(m, n)).astype(dtype), rng.normal(size=m).astype(dtype) if bias else None)


@pytest.mark.parametrize("unit, out, back", [
    (lambda rng: Unit([affine(rng, 3, 3), tanh, affine(rng, 3, 3)]), 0, 0),
    (lambda rng: Unit([affine(rng, 5, 3), tanh, affine(rng, 3, 5)], after=tanh), 0, 0),
    (lambda rng: Unit([affine(rng, 5, 3), tanh, affine(rng, 3, 5)], Scale(0.5)), 0, 0),
    (lambda rng: Unit([tanh, affine(rng, 3, 3), tanh, affine(rng, 3, 3)]), 0, 2),  # an activation before the addition
    (lambda rng: Unit([affine(rng, 3, 3), tanh]), 2, 0),
    (lambda rng: Unit([affine(rng, 3, 3), affine(rng, 3, 3)]), 0, 0),
    (lambda rng: Unit([affine(rng, 3, 3)]), 2, 2),  # both parts of the sum read one array
    (lambda rng: Unit([affine(rng, 3, 3, bias=False), tanh, affine(rng, 3, 3, bias=False)]), 2, 0),
    (lambda rng: Unit([affine(rng, NARROW, 3), tanh, affine(rng, 3, NARROW)]), 0, 0),
    (lambda rng: Unit([affine(rng, NARROW + 1, 3), tanh, affine(rng, 3, NARROW + 1)]), 2, 2),
    (lambda rng: Unit([affine(rng, 3, 3, np.float32), tanh, affine(rng, 3, 3, np.float32)]), 2, 0),
    (lambda rng: Unit([affine(rng, 3, 3), tanh, Doubled(np.eye(3), np.ones(3))]), 2, 0),
    (lambda rng: Unit([Turned(rng.normal(size=(3, 3))), tanh, affine(rng, 3, 3)]), 0, 2),
    (lambda rng: Unit([affine(rng, 3, 3), tanh, affine(rng, 3, 3)], Absent()), 0, 0),  # nothing is added
    (lambda rng: Unit([affine(rng, 3, 3), tanh, affine(rng, 3, 3)], Projection(rng.normal(size=(3, 3)))), 0, 0),
])  # fmt: skip
@pytest.mark.parametrize("size", [1, 4])
def test_where_the_addition_rides_in_a_product(unit, out, back, size):
    """By two units: how many additions are left each way."""
    rng = np.random.default_rng(27)
    work = assert_repeats(Network([unit(rng), unit(rng)]), rng.normal(size=(size, 3)), rng)
    assert additions(work) == [out, back]


def test_a_wide_state_does_not_ride():
    rng = np.random.default_rng(28)
    n = NARROW + 1
    work = assert_repeats(Network([Unit([affine(rng, 2, n), tanh, affine(rng, n, 2)])]), np.ones((30, n)), rng)
    assert additions(work) == [1, 1]
    assert work.gradients.states[0].flags.c_contiguous and work.trace.states[0].flags.f_contiguous


def test_two_float_formats_do_not_lie_behind_each_other():
    """A float32 input beside a branch in float64: the first unit adds by itself, both ways."""
    rng = np.random.default_rng(32)
    units = [Unit([affine(rng, 3, 3), tanh, affine(rng, 3, 3)]) for _ in range(2)]
    work = assert_repeats(Network(units), rng.normal(size=(4, 3)).astype(np.float32), rng)
    assert additions(work) == [1, 1]


def test_what_slopes_multiply_lies_as_they_do(layout):
    """Another order would be right, too, and slow."""
    rng = np.random.default_rng(33)
    work = Workspace(Network([Unit([affine(rng, 4, 3), tanh, affine(rng, 3, 4)])] * 2), rng.normal(size=(5, 3)))
    products = [step.args for step in work._way_back if step.func is np.multiply]
    assert len(products) == 2
    for array in (array for args in products for array in args):
        assert array.flags.f_contiguous if layout == "narrow" else array.flags.c_contiguous


def test_narrow_gradients_lie_as_the_states_do():
    rng = np.random.default_rng(29)
    units = [Unit([affine(rng, 3, 3), tanh, affine(rng, 3, 3)]) for _ in range(3)]
    work = Workspace(Network(units), rng.normal(size=(5, 3)))
    for array in work.trace.states + work.gradients.states:
        assert array.flags.f_contiguous
    for gradient, state, place in zip(work.gradients.states[1:], work.trace.states, work.trace.units, strict=False):
        assert state.base is place.branch[2].base  # (x; 1; r; 1)
        assert gradient.base is not state.base


def test_matrices_of_one_shape_with_and_without_a_shortcut():
    """[I 0 W b] of one unit and [W b] of another in the same stretch."""
    rng = np.random.default_rng(30)
    units = [
        Unit([affine(rng, 3, 3), tanh, affine(rng, 3, 3)]),
        Unit([identity, affine(rng, 3, 3), tanh, affine(rng, 3, 3)]),  # the same at other places
        Unit([affine(rng, 7, 3), tanh, affine(rng, 3, 7)], after=tanh),
        Unit([affine(rng, 7, 3), affine(rng, 7, 7), affine(rng, 3, 7), tanh]),
    ]
    assert_repeats(Network(units * 2), rng.normal(size=(9, 3)), rng)


class OwnReLU(type(relu)):
    """A ReLU to its base class, and to us a layer of which nothing is known."""


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("shape", [(3,), (4, 3)])
def test_a_relus_output_stands_for_its_input(shape):
    net, x = units_with([Affine, relu, Affine]), np.random.default_rng(12).normal(size=shape)
    trace, plain = Workspace(net, x).trace, net.forward(x)
    for unit, wanted in zip(trace.units, plain.units, strict=True):
        assert unit.branch[1] is unit.branch[2]
        assert_near(unit.branch[1], np.maximum(wanted.branch[1], 0), 1e-13)
    assert any((unit.branch[1] < 0).any() for unit in plain.units)
    assert_near(net.jacobian(trace), net.jacobian(plain), 1e-13)
    assert_near(jacobian_by_length(net, trace), jacobian_by_length(net, plain), 1e-13)


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    "branch, others",
    [
        ([relu, Affine], {}),  # the state, which is kept
        ([Affine, identity, relu, Affine], {}),  # handed on
        ([Affine, OwnReLU(), Affine], {}),
        ([Affine, tanh, Affine], {}),
        ([Affine], {"after": relu}),
        ([Affine, relu], {"after": relu}),
    ],
)
def test_where_it_does_not(branch, others):
    net, x = units_with(branch, **others), np.random.default_rng(13).normal(size=(4, 3))
    trace, plain = Workspace(net, x).trace, net.forward(x)
    for unit, wanted in zip(trace.units, plain.units, strict=True):
        for k, array in enumerate(wanted.branch):
            if branch[k] is not relu or k == 0 or branch[k - 1] is identity:
                assert_near(unit.branch[k], array, 1e-13)
        assert_near(unit.sum, wanted.sum, 1e-13)
    assert any((wanted < 0).any() for unit in plain.units for wanted in [*unit.branch, unit.sum])
