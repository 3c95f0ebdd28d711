"""What is not finite stays in sight, custom layers reach no other array, and batches of any shape pass."""

import copy
import pickle
import traceback

import numpy as np
import pytest

from resnotes import (
    Affine,
    BatchNorm,
    LayerNorm,
    Network,
    RMSNorm,
    Unit,
    four_layer,
    gelu,
    gradient_by_shortcut,
    identity,
    jacobian_by_length,
    relu,
    silu,
    softmax_cross_entropy,
    tanh,
)
from resnotes.normalisation import Sequence
from resnotes.shortcuts import Absent, Diagonal, Gate, Identity, Projection, Scale, StopGradient, ZeroPad

EYE = np.eye(2)
HUGE = Affine(-1e200 * EYE)


def chains():
    """Networks in which minus or plus infinity comes up, and is hidden from the last state by a layer."""
    yield "relu", [Unit([HUGE, HUGE, Affine(-EYE), relu])]
    yield "tanh", [Unit([HUGE, HUGE, tanh])]
    yield "after relu", [Unit([HUGE, HUGE, Affine(-EYE)], Absent(), after=relu)]
    yield "in the unit before", [Unit([HUGE, HUGE], Absent()), Unit([tanh], Absent())]
    yield "relu of NaN", [Unit([HUGE, HUGE, Affine([[1.0, -1.0], [0.0, 0.0]]), relu])]


@pytest.mark.parametrize("units", [units for _, units in chains()], ids=[name for name, _ in chains()])
def test_what_is_not_finite_shows_in_the_state_and_is_refused_on_the_way_back(units):
    net = Network(units)
    with pytest.warns(RuntimeWarning, match=r"^unit 0: branch entry 1 .*inf at index \(1, 0\) in its output"):
        trace = net.forward([[1e-200, 1e-200], [1.0, 1.0]])
    good, bad = trace.states[-1]
    assert np.isfinite(good).all() and not np.isfinite(bad).any()
    for call in (
        lambda: net.backward(trace, np.ones((2, 2))),
        lambda: net.jacobian(trace),
        lambda: jacobian_by_length(net, trace),
        lambda: gradient_by_shortcut(net, trace, np.ones((2, 2))),
        lambda: net.units[0].backward(trace.units[0], np.ones((2, 2))),
        lambda: softmax_cross_entropy(trace.states[-1], [0, 1]),
    ):
        with pytest.raises(ValueError, match="(trace|logits): got .*wanted"):
            call()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="unit 0: branch entry 1"):
        net.forward([1.0, 1.0])
    with np.errstate(over="ignore"):
        assert not np.isfinite(net([1.0, 1.0])).any()


def test_jacobians_below_the_overflow_are_given():
    net = Network([Unit([Affine(EYE)]), Unit([HUGE, HUGE])])
    with np.errstate(over="ignore"):
        trace = net.forward([1.0, 2.0])
    np.testing.assert_array_equal(net.jacobian(trace, 0, 1), 2 * EYE)


def test_a_gradient_that_overflows_shows_however_it_is_hidden():
    hides = StopGradient(Identity())
    steep = Affine(1e200 * EYE)
    net = Network([Unit([Scale(1e-200), Scale(1e-200), steep, steep], hides), Unit([hides], Absent())])
    trace = net.forward([1e-100, 1e-100])
    assert not net.backward(trace, [1.0, 1.0]).states[0].any()  # the stop is all there is
    net = Network([Unit([hides, Scale(1e-300), steep, steep], Absent())])
    trace = net.forward([1e-120, 1e-120])
    with pytest.warns(
        RuntimeWarning, match=r"unit 0: branch entry 2 .*inf at index \(0,\) in the gradient it sends back"
    ):
        sent = net.backward(trace, [1.0, 1.0])
    assert np.isnan(sent.states[0]).all()
    with np.errstate(over="ignore"):
        assert np.isnan(net.jacobian(trace)).all()


def test_the_notes_four_layers_agree_about_overflow():
    zero, biases = np.zeros((2, 2)), [np.zeros(2)] * 4
    for first, second in ((-1e200 * EYE, 1e200 * EYE), (1e200 * EYE, [[1.0, -1.0], [0.0, 0.0]])):
        weights, x1 = [first, second, zero, zero], np.array([[2e200, 1e200], [1.0, 2.0]])
        with np.errstate(over="ignore", invalid="ignore"):
            by_hand, net = four_layer.forward(weights, biases, x1), four_layer.network(weights, biases)
            np.testing.assert_array_equal(by_hand["x5"], net.forward(x1).states[-1])
            assert np.isnan(by_hand["x5"][0]).all() and np.isfinite(by_hand["x5"][1]).all()
            with pytest.raises(ValueError, match="x1: got"):
                four_layer.gradients(weights, biases, x1, np.ones((2, 2)))


@pytest.mark.parametrize("layer", [relu, tanh, silu, gelu], ids=repr)
def test_activations_do_not_swallow_nan(layer):
    with np.errstate(invalid="ignore"):
        assert np.isnan(layer(np.array([np.nan]))).all() and np.isnan(layer(np.array([np.nan + 0j]))).all()
    for call in (lambda: layer.backward([np.nan], [1.0]), lambda: layer.jacobian([np.nan])):
        with pytest.raises(ValueError, match="x: got nan"):
            call()


class Custom:
    """A custom layer made of two functions."""

    def __init__(self, forward=lambda x: x, backward=lambda x, g: (g, None)):
        self.forward, self.backward = forward, backward

    def __repr__(self):
        return "Custom()"


def zero_in_place(x, g):
    g[x <= 0] = 0
    return g, None


PLACES = [
    ("branch entry 1", lambda layer: Unit([identity, layer])),
    ("shortcut", lambda layer: Unit([identity], layer)),
    ("after", lambda layer: Unit([identity], after=layer)),
    ("shortcut", lambda layer: Unit([identity], StopGradient(layer))),
    ("after", lambda layer: Unit([identity], after=Sequence(relu, layer))),
]


@pytest.mark.parametrize("place, unit", PLACES, ids=["branch", "shortcut", "after", "stop", "sequence"])
@pytest.mark.parametrize("layer", [
    Custom(forward=lambda x: np.maximum(x, 0, out=x)),
    Custom(backward=zero_in_place),
    Custom(backward=lambda x, g: (np.multiply(x, g, out=x), None)),
    Custom(forward=lambda x: x.astype(int)),
    Custom(forward=lambda x: x.astype(np.float16)),
    Custom(forward=lambda x: x + 0j),
    Custom(forward=lambda x: np.ma.masked_less(x, 0)),
    Custom(backward=lambda x, g: (g.astype(int), None)),
    Custom(backward=lambda x, g: (np.ma.masked_array(g), None)),
], ids=["writes x", "writes g", "writes x back", "int", "float16", "complex", "masked", "int back", "masked back"])  # fmt: skip
def test_a_layer_that_reaches_too_far_is_named(place, unit, layer):
    net = Network([Unit([Affine(EYE)]), unit(layer)])
    x, g = np.array([1.0, 2.0]), np.array([1.0, 10.0])
    with pytest.raises(ValueError, match=f"^unit 1: {place} "):
        net.backward(net.forward(x), g)
    np.testing.assert_array_equal([x, g], [[1, 2], [1, 10]])


def test_a_layer_that_keeps_its_arrays_changes_no_other():
    kept = [np.empty(2), np.empty(2)]
    layer = Custom(
        lambda x: np.tanh(x, out=kept[0]), lambda x, g: (np.multiply(g, 1 - np.tanh(x) ** 2, out=kept[1]), kept[1])
    )
    one, other = (Network([Unit([f, Affine(EYE), f], f, after=f)] * 2) for f in (layer, tanh))
    traces = [net.forward([0.3, -0.7]) for net in (one, other)]
    sent = [net.backward(trace, [1.0, 10.0]) for net, trace in zip((one, other), traces)]
    np.testing.assert_allclose(traces[0].states, traces[1].states, rtol=1e-14)
    np.testing.assert_allclose(sent[0].states, sent[1].states, rtol=1e-12)
    entry = sent[0].units[0].branch[0]
    kept[0][:] = kept[1][:] = 99
    assert not np.shares_memory(entry.parameter, entry.input) and entry.parameter.max() < 99


def test_an_error_is_one_exception_with_its_place():
    def fails(x):
        return {}[0]

    with pytest.raises(ValueError) as caught:
        Network([Unit([Affine(np.ones((2, 3)))], Absent())]).forward([1.0, 2.0])
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1
    with pytest.raises(KeyError) as caught:
        Network([Unit([Custom(forward=fails)])]).forward([1.0, 2.0])
    assert caught.value.__notes__ == ["in branch entry 0 (Custom())", "in unit 0"]


@pytest.mark.parametrize("value, said", [
    (0.5, r"Scale\(0.5\)"), (None, "Absent"), (np.eye(2), "Projection"), ([[1.0, 2.0]], "Projection"),
    (np.ones(3), "Diagonal"), (Identity, "an instance"),
])  # fmt: skip
def test_what_was_meant_for_a_shortcut(value, said):
    with pytest.raises(ValueError, match=rf"shortcut: got .*wanted a layer.*did you mean .*{said}"):
        Unit([relu], value)


@pytest.mark.parametrize("unit, said", [
    (Unit([Affine(np.ones((3, 2)))]), r"shortcut \(Identity\(\)\): output: got a width of 2, wanted a width of 3"),
    (Unit([relu, Gate(EYE, [0, 0]), Affine(np.ones((2, 3)))]), r"branch entry 2 .*got a width of 2, wanted a width of 3"),
    (Unit([LayerNorm([1, 1, 1]), Affine(EYE)]), r"branch entry 1 .*got a width of 3"),
    (Unit([Affine(EYE)], ZeroPad(1)), "got a width of 2, wanted a width of at most 1"),
    (Unit([Affine(EYE)], after=Sequence(relu, Diagonal([1.0]))), "after .*got a width of 2, wanted a width of 1"),
    (Unit([Affine(EYE)], StopGradient(Projection(np.ones((2, 4))))), "shortcut .*got a width of 2, wanted a width of 4"),
    (Unit([identity], BatchNorm([0.0], [1.0])), None),
    (Unit([Custom(), Affine(np.ones((3, 7)))], Absent()), None),
])  # fmt: skip
def test_widths_that_cannot_fit_are_refused_when_the_network_is_built(unit, said):
    if said is None:
        Network([unit])
        return
    with pytest.raises(ValueError, match=f"^unit 0: .*{said}"):
        Network([unit])


@pytest.mark.parametrize("batch", [(), (0,), (3,), (2, 3), (2, 0), (2, 1, 3)])
def test_batches_of_any_shape(batch):
    rng = np.random.default_rng(0)
    W, V, P = (rng.normal(size=(3, 3)) for _ in range(3))
    net = Network([
        Unit([Affine(W, W[0]), gelu, Affine(V)], Projection(P)),
        Unit([RMSNorm(V[0]), Affine(W)], Gate(V, W[0]), after=Custom()),
        Unit([LayerNorm(V[0], V[1])], Diagonal(W[1]), after=Sequence(Scale(0.5), tanh)),
    ])  # fmt: skip
    x, g = rng.normal(size=(2, *batch, 3))
    trace = net.forward(x)
    sent, jacobian = net.backward(trace, g), net.jacobian(trace)
    assert jacobian.shape == (*batch, 3, 3) and all(s.shape == x.shape for s in trace.states + sent.states)
    flat = net.forward(x.reshape(-1, 3))
    back = net.backward(flat, g.reshape(-1, 3))
    np.testing.assert_allclose(trace.states[-1].reshape(-1, 3), flat.states[-1], rtol=1e-13)
    np.testing.assert_allclose(np.einsum("...i,...ij->...j", g, jacobian), sent.states[0], rtol=1e-11, atol=1e-13)
    for one, other in zip(sent.units, back.units, strict=True):
        for got, want in zip([*one.branch, one.shortcut, one.after], [*other.branch, other.shortcut, other.after]):
            for part in ("weight", "bias"):
                if part == "weight" and isinstance(want.weight, list):
                    continue
                value, wanted = getattr(got, part), getattr(want, part)
                assert (value is None) == (wanted is None)
                if value is not None:
                    np.testing.assert_allclose(value, wanted, rtol=1e-11, atol=1e-13)
    loss, gradient = softmax_cross_entropy(trace.states[-1], np.full(batch, 1))
    whole = softmax_cross_entropy(trace.states[-1], np.broadcast_to([0.0, 1.0, 0.0], x.shape))
    np.testing.assert_array_equal(loss, whole[0])
    np.testing.assert_array_equal(gradient, whole[1])
    assert np.shape(loss) == batch


@pytest.mark.parametrize("labels", [3, -1, [0, 3]])
def test_labels_out_of_range(labels):
    with pytest.raises(ValueError, match="p: got class numbers .*wanted integers from 0 to 2"):
        softmax_cross_entropy(np.ones((*np.shape(labels), 3)), labels)


def test_a_network_is_called_indexed_and_looped_over():
    net = Network([Unit([Affine(k * EYE)]) for k in range(4)])
    np.testing.assert_array_equal(net([1.0, 2.0]), [24, 48])
    assert net[1] is net.units[1] and list(net) == list(net.units) and net[-1] is net.units[-1]
    assert isinstance(net[1:3], Network) and net[1:3].units == net.units[1:3]
    np.testing.assert_array_equal(net[2:](net[:2]([1.0, 2.0])), [24, 48])


def test_what_passes_return_is_shown_on_a_line():
    net = Network([Unit([Affine(np.ones((4, 4)), np.ones(4)), relu])] * 300)
    with np.errstate(over="ignore"):
        trace = net[:50].forward(np.zeros((2, 4)))
    assert repr(trace) == "Trace(states=[51 times (2, 4)], units=[50 units])"
    small = Network([Unit([Affine(np.ones((4, 4)), np.ones(4)), relu])])
    trace = small.forward(np.zeros(4))
    sent = small.backward(trace, np.ones(4))
    assert repr(trace.units[0]) == "UnitTrace(branch=[2 times (4,)], branch_output=(4,), sum=(4,), output=(4,))"
    assert repr(sent.units[0].branch[0]) == "LayerGradient(input=(4,), parameter=((4, 4), (4,)))"
    assert len(repr(sent.units[0])) < 400 and len(repr(net).splitlines()) < 13


def test_copies_keep_trace_and_network_together():
    net = Network([Unit([Affine(EYE), relu])])
    trace = net.forward([1.0, -2.0])
    for twin, seen in (copy.deepcopy((net, trace)), pickle.loads(pickle.dumps((net, trace)))):
        np.testing.assert_array_equal(twin.backward(seen, [1.0, 1.0]).states[0], [2, 1])
        with pytest.raises(ValueError, match="another network"):
            twin.backward(trace, [1.0, 1.0])


class Tensor:
    """Another library's tensor with a gradient attached: it gives no array."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


@pytest.mark.parametrize("value", [
    Tensor(), [Tensor(), Tensor()], np.ma.masked_array([1.0, 2.0]), [np.ma.masked_array([1.0], [True]), [2.0]],
], ids=["tensor", "tensors", "masked", "masked in a list"])  # fmt: skip
@pytest.mark.parametrize("call", [
    lambda v: Network([Unit([Affine(EYE)])]).forward(v), Diagonal, lambda v: Affine(v), lambda v: relu(v),
    lambda v: LayerNorm(bias=v), lambda v: softmax_cross_entropy(v, [0.0, 1.0]),
    lambda v: softmax_cross_entropy([0.0, 1.0], v), lambda v: gelu.backward([1.0, 2.0], v),
    lambda v: four_layer.forward([EYE] * 4, [v] * 4, [1.0, 2.0]),
])  # fmt: skip
def test_arrays_of_another_kind_are_refused(call, value):
    with pytest.raises(ValueError, match="got .*wanted") as caught:
        call(value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_harmless_underflow_raises_nothing():
    net = Network([
        Unit([LayerNorm(), Affine(1e-200 * EYE), Affine(1e-200 * EYE), tanh], Gate(EYE, [0.0, 0.0])),
        Unit([silu, gelu, RMSNorm()], Scale(1e-200), after=tanh),
    ])  # fmt: skip
    with np.errstate(all="raise"):
        trace = net.forward([-800.0, 700.0])
        net.backward(trace, [1e-300, 1e-200])
        net.jacobian(trace)
        for layer in (tanh, silu, gelu, Gate(EYE, [0.0, 0.0]), LayerNorm(), RMSNorm()):
            layer.backward(layer(np.array([-900.0, 1e-200])), np.array([1e-300, 1.0]))
            layer.jacobian(np.array([-900.0, 1e-200]))


def test_gelu_and_silu_against_exact_values():
    import mpmath

    x = np.concatenate([np.linspace(-38, 38, 381), [-1e-8, 1e-300, -0.0, 6.28, -6.29]])
    with mpmath.workdps(40):
        for layer, f in (
            (gelu, lambda t: t * mpmath.ncdf(t)),
            (silu, lambda t: t / (1 + mpmath.exp(-t))),
        ):
            exact = [mpmath.mpf(float(t)) for t in x]
            want = np.array([float(f(t)) for t in exact])
            slope = np.array([float(mpmath.diff(f, t)) for t in exact])
            np.testing.assert_allclose(layer(x), want, rtol=5e-13, atol=1e-300)
            assert np.max(np.abs(layer(x) - want) / (1 + np.abs(x))) < 1e-15
            assert np.max(np.abs(layer.slope(x) - slope)) < 1e-14
            assert layer(x.astype(np.float32)).dtype == layer.slope(x.astype(np.float32)).dtype == np.float32
            np.testing.assert_allclose(layer(x + 1e-30j).imag / 1e-30, slope, rtol=0, atol=1e-13)
    assert np.isfinite(gelu(np.array([-1e300, 1e300]))).all() and gelu(np.array([1e300]))[0] == 1e300


def test_an_affine_in_a_pass_is_three_frames_deep():
    depths = []

    class Watched(np.ndarray):
        @property
        def T(self):
            depths.append([frame.name for frame in traceback.extract_stack()])
            return np.asarray(self).T

    layer = Affine(EYE)
    layer.weight = EYE.view(Watched)
    Network([Unit([layer])]).forward([1.0, 2.0])
    assert depths[0][-5:-1] == ["test_an_affine_in_a_pass_is_three_frames_deep", "forward", "_forward", "output"]
