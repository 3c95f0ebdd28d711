"""Bad input gets a ValueError that names the argument, what came and what was wanted."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from resnotes import Affine, Network, Unit, four_layer, identity, relu, softmax_cross_entropy, tanh
from resnotes.losses import cross_entropy, half_squared_error
from resnotes.magnitudes import range_limits, shortcut_product
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import (
    Absent,
    Convolution1x1,
    Diagonal,
    DoublyStochastic,
    Dropout,
    Gate,
    Identity,
    Projection,
    Rotation,
    Scale,
    StopGradient,
    ZeroPad,
    layer_jacobian,
)

W = np.array([[1.0, 2.0], [3.0, 4.0]])
NET = Network([Unit([Affine(W, [1.0, -1.0]), tanh]), Unit([Affine(W)], after=relu)])
TWIN = Network([Unit([Affine(W, [1.0, -1.0]), tanh]), Unit([Affine(W)], after=relu)])
TRACE = NET.forward([1.0, 2.0])
BATCH = NET.forward(np.ones((3, 2)))
COMPLEX = NET.forward([1.0 + 1j, 2.0])
FOUR = ([W] * 4, [np.ones(2)] * 4)


def refused(call, name):
    """The call must raise ValueError (no other error) with the argument's name, got and wanted."""
    with pytest.raises(ValueError) as caught:
        call()
    message = str(caught.value)
    pattern = rf"(^|[^\w]){re.escape(name)}( as \w+)?: got .+, wanted .+"
    assert re.search(pattern, message, re.DOTALL), message


# What can stand for an array: a call for each argument, by the name it has in the message.
ARRAYS = {
    "Affine weight": ("weight", lambda v: Affine(v)),
    "Affine bias": ("bias", lambda v: Affine(W, v)),
    "Diagonal vector": ("vector", Diagonal),
    "Projection weight": ("weight", Projection),
    "forward x": ("x", NET.forward),
    "backward g": ("g", lambda v: NET.backward(TRACE, v)),
    "backward g of a batch": ("g", lambda v: NET.backward(BATCH, v)),
    "softmax logits": ("logits", lambda v: softmax_cross_entropy(v, [1.0, 0.0])),
    "softmax p": ("p", lambda v: softmax_cross_entropy([1.0, 0.0], v)),
    "half_squared_error x": ("x", lambda v: half_squared_error(v, [1.0, 0.0])),
    "half_squared_error p": ("p", lambda v: half_squared_error([1.0, 0.0], v)),
    "cross_entropy x": ("x", lambda v: cross_entropy(v, [1.0, 0.0])),
    "cross_entropy p": ("p", lambda v: cross_entropy([1.0, 0.5], v)),
    "four_layer x1": ("x1", lambda v: four_layer.forward(*FOUR, v)),
    "four_layer g5": ("g5", lambda v: four_layer.gradients(*FOUR, [1.0, 2.0], v)),
    "four_layer weights[2]": ("weights[2]", lambda v: four_layer.forward([W, W, v, W], FOUR[1], [1.0, 2.0])),
    "four_layer biases[3]": ("biases[3]", lambda v: four_layer.network(FOUR[0], [*FOUR[1][:3], v])),
    "shortcut_product factors": ("factors", shortcut_product),
    "Gate weight": ("weight", lambda v: Gate(v, [0.0, 0.0])),
    "Gate bias": ("bias", lambda v: Gate(W, v)),
    "Convolution1x1 weight": ("weight", lambda v: Convolution1x1(v, 3)),
    "Dropout mask": ("mask", Dropout),
    "Rotation weight": ("weight", Rotation),
    "DoublyStochastic weight": ("weight", DoublyStochastic),
}
ANY_BATCH = ("forward x",)
LOGITS = ("softmax logits", "half_squared_error x", "cross_entropy x")
LABELS = {"softmax p": 2, "half_squared_error p": 2, "cross_entropy p": 2}
NEVER_ARRAYS = {
    "text": "abc",
    "text of a number": "1.0",
    "a list of text": ["1.0", "2.0"],
    "None in a list": [None, 1.0],
    "ragged": [[1.0, 2.0], [3.0]],
    "ragged deeper": [[1.0, 2.0], [3.0, [4.0]]],
    "NaN": [[1.0, np.nan], [0.0, 1.0]],
    "NaN vector": [np.nan, 1.0],
    "infinity": [1.0, -np.inf],
    "a dict": {"a": 1},
    "a set": {1.0, 2.0},
    "booleans": [True, False],
    "an object": object(),
    "a huge int": [10**400, 1],
    "a huge int and a float": [1.0, 10**400],
    "three axes": np.zeros((2, 2, 2)),
    "a number": 1.0,
    "a bool": True,
    "bytes": b"12",
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
    "a function": np.tanh,
    "a class": Affine,
    "a generator": (x for x in [1.0]),
}


@pytest.mark.parametrize("argument", ARRAYS)
def test_what_is_no_array_of_numbers(argument):
    name, call = ARRAYS[argument]
    batches = argument in (*ANY_BATCH, *LOGITS)
    empty = (
        {}
        if argument == "shortcut_product factors"
        else {"empty": [], "an empty row": [[]], "no rows": np.zeros((0, 2))}
    )
    for kind, value in (NEVER_ARRAYS | empty | {"complex numbers": np.array([1j, 1.0])}).items():
        if not (batches and kind in ("three axes", "no rows") or argument == "forward x" and kind == "complex numbers"):
            refused(lambda value=value: call(value), name)


def test_complex_numbers_are_admitted_in_forward():
    assert NET.forward([1j, 1.0]).states[0].dtype == np.complex128


@pytest.mark.parametrize(
    "argument, shape",
    [("Affine weight", (2,)), ("Affine bias", (3,)), ("Affine bias", (2, 1)), ("Diagonal vector", (1, 2)),
     ("Projection weight", (2,)), ("forward x", (3,)), ("forward x", (2, 3)), ("backward g", (1,)),
     ("backward g", (3,)), ("backward g", (1, 2)), ("backward g of a batch", (2,)),
     ("backward g of a batch", (2, 3)), ("backward g of a batch", (1, 2)), ("softmax p", (1, 2)),
     ("softmax p", (3,)), ("cross_entropy p", (1,)), ("half_squared_error p", (2, 2)),
     ("four_layer x1", (3,)), ("four_layer g5", (1, 2)), ("four_layer weights[2]", (3, 2)),
     ("four_layer biases[3]", (2, 2)), ("shortcut_product factors", (2, 2))],
)  # fmt: skip
def test_wrong_shapes(argument, shape):
    name, call = ARRAYS[argument]
    with pytest.raises(ValueError) as caught:
        call(np.ones(shape))
    assert f"{name}: got" in str(caught.value) and str(shape) in str(caught.value), caught.value


def accepts(name, value):
    """Whether an array is good input for `ARRAYS[name]`, said anew."""
    if value.dtype.kind == "c" and name != "forward x" or not np.isfinite(value).all():
        return False
    shapes = {
        "Affine weight": value.ndim == 2,
        "Projection weight": value.ndim == 2,
        "Diagonal vector": value.ndim == 1,
        "four_layer x1": value.ndim in (1, 2) and value.shape[-1] == 2,
        "backward g of a batch": value.shape == (3, 2),
        "four_layer weights[2]": value.shape == (2, 2),
        "Gate weight": value.shape == (2, 2),
        "Convolution1x1 weight": value.ndim == 2,
    }
    if name in ("Rotation weight", "DoublyStochastic weight"):
        if value.ndim != 2 or value.shape[0] != value.shape[1] or value.size == 0:
            return False
        value = value.astype(float)
        if name == "Rotation weight":
            return np.allclose(value @ value.T, np.eye(len(value)), rtol=0, atol=1e-12)
        return (value >= 0).all() and np.allclose([value.sum(0), value.sum(1)], 1, rtol=0, atol=1e-12)
    if name == "Dropout mask":
        return value.ndim == 1 and value.size > 0 and np.isin(value, (0, 1)).all()
    if name == "shortcut_product factors":
        return value.ndim == 1  # the product of none is 1
    if name in LABELS and value.shape == () and value.dtype.kind == "i":
        return 0 <= value < LABELS[name]
    if name in ANY_BATCH:
        return value.ndim > 0 and value.shape[-1] == 2
    good = value.size > 0 and shapes.get(name, value.shape == (2,))
    if name == "cross_entropy x":
        return good and value[0] > 0  # p is (1, 0)
    return good


numbers = st.one_of(
    st.floats(-1e3, 1e3, width=32),
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e30]),
    st.floats(-2, 2, width=32),
)
arrays = st.one_of(
    [
        hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), elements=elements)
        for dtype, elements in (
            (np.float64, numbers),
            (np.float64, st.floats(-2, 2)),
            (np.float32, numbers),
            (np.int32, st.integers(-3, 3)),
            (np.complex128, st.builds(complex, st.floats(-2, 2), st.floats(-2, 2))),
        )
    ]
)


@pytest.mark.parametrize("argument", ARRAYS)
@given(arrays)
@settings(max_examples=150)
def test_any_array_is_either_good_or_refused(argument, value):
    name, call = ARRAYS[argument]
    if accepts(argument, value):
        call(value)
    else:
        with pytest.raises(ValueError, match="got .*wanted"):
            call(value)


junk = st.recursive(
    st.one_of(st.none(), st.text(max_size=5), st.binary(max_size=3), st.booleans(),
              st.sampled_from([object(), Affine, relu, np.nan, {}, {"weight": W}, NET, TRACE])),
    lambda inner: st.one_of(st.lists(inner, min_size=1, max_size=3),
                            st.tuples(inner), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=6,
)  # fmt: skip
LAYERS = {
    "branch": lambda v: Unit(v),
    "branch[1]": lambda v: Unit([relu, v]),
    "shortcut": lambda v: Unit([relu], shortcut=v),
    "after": lambda v: Unit([relu], after=v),
    "units": Network,
    "units[1]": lambda v: Network([NET.units[0], v]),
    "trace": lambda v: NET.jacobian(v),
}


def is_good(argument, value):
    layer = value is relu or value is NET  # NET has forward and backward; a nested network is no mistake yet
    if argument == "branch":
        return isinstance(value, (list, tuple)) and bool(value) and all(v is relu or v is NET for v in value)
    return layer if argument in ("branch[1]", "shortcut", "after") else argument == "trace" and value is TRACE


@pytest.mark.parametrize("argument", [*ARRAYS, *LAYERS])
@given(junk)
@settings(max_examples=100)
def test_thousands_of_wrong_things(argument, value):
    if argument in LAYERS:
        if not is_good(argument, value):
            with pytest.raises(ValueError, match="got .*wanted"):
                LAYERS[argument](value)
        return
    if argument == "Affine bias" and value is None:
        return  # no bias
    with pytest.raises(ValueError, match="got .*wanted"):
        ARRAYS[argument][1](value)


NUMBERS = {
    "Scale": ("factor", Scale),
    "range_limits": ("factor", lambda v: range_limits(v, "float16")),
}


@pytest.mark.parametrize("argument", NUMBERS)
@pytest.mark.parametrize(
    "value",
    [
        np.nan,
        np.inf,
        -np.inf,
        "0.5",
        "abc",
        None,
        [0.5],
        [],
        1j,
        True,
        10**400,
        {},
        np.ones(2),
        object(),
        np.array([1.0]),
        b"1",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_finite_number(argument, value):
    name, call = NUMBERS[argument]
    refused(lambda: call(value), name)


@pytest.mark.parametrize("argument", NUMBERS)
@given(st.one_of(junk, st.sampled_from([np.nan, np.inf, -np.inf]), st.complex_numbers()))
@settings(max_examples=100)
def test_any_wrong_number(argument, value):
    name, call = NUMBERS[argument]
    refused(lambda: call(value), name)


@pytest.mark.parametrize("dtype", ["float8", "Float16", "", None, 16, ["float16"], np.float16, float])
def test_unknown_formats(dtype):
    refused(lambda: range_limits(0.5, dtype), "dtype")


@pytest.mark.parametrize("call", [NET.jacobian, lambda *a: jacobian_by_length(NET, *a)])
@pytest.mark.parametrize("start, stop, name", [
    (-1, None, "start"), (3, None, "start"), (2, 1, "start"), (0, 3, "stop"), (0, -1, "stop"),
    (0.0, 2, "start"), ("0", 2, "start"), (0, "2", "stop"), (True, 2, "start"), (0, 1.5, "stop"),
    (None, 2, "start"), (0, [2], "stop"), (0, np.nan, "stop"),
])  # fmt: skip
def test_ranges_of_states(call, start, stop, name):
    refused(lambda: call(TRACE, start, stop), name)


@given(st.integers(-5, 5), st.one_of(st.none(), st.integers(-5, 5)))
def test_any_range_of_states(start, stop):
    end = 2 if stop is None else stop
    if 0 <= start <= end <= 2:
        assert NET.jacobian(TRACE, start, stop).shape == (2, 2)
        assert jacobian_by_length(NET, BATCH, start, stop).shape == (3, end - start + 1, 2, 2)
    else:
        with pytest.raises(ValueError, match="(start|stop): got"):
            NET.jacobian(TRACE, start, stop)


def test_numpy_integers_are_whole_numbers():
    assert NET.jacobian(TRACE, np.int64(0), np.int32(1)).shape == (2, 2)
    assert ZeroPad(np.int8(3)).n_out == 3


@pytest.mark.parametrize("use", [lambda t: NET.backward(t, [1.0, 1.0]), NET.jacobian,
                                 lambda t: jacobian_by_length(NET, t)])  # fmt: skip
def test_traces(use):
    use(TRACE)
    for wrong in (TWIN.forward([1.0, 2.0]), COMPLEX, None, "trace", [TRACE], TRACE.states, NET):
        refused(lambda wrong=wrong: use(wrong), "trace")
    with pytest.raises(ValueError, match="another network"):
        use(TWIN.forward([1.0, 2.0]))
    with pytest.raises(ValueError, match="complex"):
        use(COMPLEX)


def test_empty_and_wrong_networks():
    for units in ([], (), None, NET.units[0], "units", {}, iter(NET.units)):
        refused(lambda units=units: Network(units), "units")
    refused(lambda: Network([NET.units[0], [relu]]), "units[1]")
    for branch in ([], (), None, relu, "relu", Affine(W)):
        refused(lambda branch=branch: Unit(branch), "branch")
    refused(lambda: Unit(["relu", "relu"]), "branch[0]")
    refused(lambda: Unit([relu, np.tanh]), "branch[1]")
    refused(lambda: Unit([relu], shortcut=Identity), "shortcut")  # the class, not an instance
    refused(lambda: Unit([relu], shortcut=None), "shortcut")
    refused(lambda: Unit([relu], after="relu"), "after")
    refused(lambda: StopGradient(Scale), "shortcut")
    refused(lambda: layer_jacobian(np.tanh, [1.0]), "layer")


def test_messages_say_where():
    def message(units, x=(1.0, 2.0)):
        with pytest.raises(ValueError) as caught:
            Network(units).forward(x)
        return str(caught.value)

    V = np.ones((3, 4))
    text = message([NET.units[0], Unit([Affine(W), relu, Affine(V)])])
    assert text == "unit 1: branch entry 2 (Affine(4 -> 3, no bias)): x: got a width of 2, wanted a width of 4"
    text = message([Unit([Affine(np.ones((3, 2)))])])
    assert text.startswith("unit 0: shortcut (Identity()): output: got")
    assert "a width of 2" in text and "a width of 3" in text
    text = message([Unit([Affine(np.ones((3, 2)))], shortcut=Projection(np.ones((1, 2))))])  # would broadcast
    assert "unit 0: shortcut" in text and "a width of 1" in text
    text = message([NET.units[0], Unit([relu], shortcut=Diagonal([1.0]))])
    assert text.startswith("unit 1: shortcut (Diagonal(n=1)): x: got") and "width of 1" in text
    # Where no layer asks for a width, the state tells it.
    text = message([Unit([relu], after=Affine(V))])
    assert text.startswith("unit 0: after (Affine(4 -> 3, no bias)): x: got") and "(2,)" in text
    text = message([Unit([relu], shortcut=ZeroPad(1))])
    assert "width of at most 1" in text
    text = message([Unit([relu], shortcut=ZeroPad(3))])
    assert "unit 0: shortcut (ZeroPad(3)): output: got" in text


class Wrong:
    """A user's layer that breaks the protocol in one way."""

    def __init__(self, out=None, back=None):
        self.out, self.back = out, back

    def forward(self, x):
        return x if self.out is None else self.out

    def backward(self, x, g):
        return (g, None) if self.back is None else self.back


@pytest.mark.parametrize("out", [3.0, [1.0, 2.0], np.ones((2, 2)), np.float64(1.0), "x"])
def test_users_layers_that_return_the_wrong_thing_forward(out):
    for unit in (Unit([relu, Wrong(out)]), Unit([relu], after=Wrong(out))):
        with pytest.raises(ValueError, match=r"unit 0: (branch entry 1|after) .*forward\(x\): got .*wanted"):
            Network([unit]).forward([1.0, 2.0])


@pytest.mark.parametrize("out", [3.0, np.ones((2, 2)), np.ones(1), "x", [1.0]])
def test_users_shortcuts_that_return_the_wrong_thing_forward(out):
    with pytest.raises(ValueError, match=r"unit 0: shortcut .*(output|forward\(x\)): got .*wanted"):
        Network([Unit([relu], shortcut=Wrong(out))]).forward([1.0, 2.0])


@pytest.mark.parametrize("back", [
    1.0, np.ones(2), (np.ones(3), None), (np.ones((1, 2)), None), ([1.0, 1.0], None),
    (np.ones(2),), (np.ones(2), None, None), "ab",
])  # fmt: skip
def test_users_layers_that_return_the_wrong_thing_backward(back):
    wrong = Wrong(back=back)
    units = [Unit([wrong]), Unit([relu], shortcut=wrong), Unit([relu], after=wrong),
             Unit([relu], shortcut=StopGradient(wrong))]  # fmt: skip
    for unit in units:
        net = Network([unit])
        trace = net.forward([1.0, 2.0])
        for call in (lambda: net.backward(trace, [1.0, 1.0]), lambda: net.jacobian(trace),
                     lambda: jacobian_by_length(net, trace)):  # fmt: skip
            with pytest.raises(ValueError, match=r"unit 0: .*backward\(x, g\).*: got .*wanted"):
                call()


@pytest.mark.parametrize("layer", [
    Identity(), Scale(2.0), Diagonal([1.0, 2.0]), Projection(W), ZeroPad(2), Absent(),
    StopGradient(Identity()), Affine(W), relu, tanh, identity,
], ids=repr)  # fmt: skip
def test_layers_called_directly(layer):
    x = np.ones((3, 2))
    for wrong in ("ab", ["a"], None, 1.0, [[1.0], [1.0, 2.0]], object()):
        refused(lambda wrong=wrong: layer.forward(wrong), "x")
        refused(lambda wrong=wrong: layer.backward(wrong, x), "x")
    if not isinstance(layer, Absent):
        for wrong in (np.ones(2), np.ones((3, 5)), np.ones((2, 2)), np.ones((1, 3, 2))):
            refused(lambda wrong=wrong: layer.backward(x, wrong), "g")
    refused(lambda: layer.backward(x, "g"), "g")
    refused(lambda: layer.backward(x + 1j, x), "x")
    refused(lambda: layer_jacobian(layer, x + 1j), "x")


@pytest.mark.parametrize("widths", [(0,), (-1,), (2.0,), ("2",), (None,), (3, 2), (0, 2), (2, "3"), (True,), ()])
def test_zero_pad_widths(widths):
    with pytest.raises(ValueError, match="n_(in|out): got .*wanted"):
        ZeroPad(*widths)


def test_a_gradient_that_does_not_fit_float32():
    net = Network([Unit([Affine(W.astype(np.float32))])])
    trace = net.forward(np.ones(2, np.float32))
    refused(lambda: net.backward(trace, [1e300, 0.0]), "g")


def test_four_layer_lists():
    for wrong in (None, 3.0, "abcd", [W] * 3, [W] * 5, {}, W[0, 0], np.float64(1), iter([W] * 4)):
        refused(lambda wrong=wrong: four_layer.gradients(wrong, FOUR[1], [1.0, 1.0], [1.0, 1.0]), "weights")
        refused(lambda wrong=wrong: four_layer.network(FOUR[0], wrong), "biases")
    refused(lambda: four_layer.network([np.ones((2, 3)), W, W, W], FOUR[1]), "weights[0]")


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4), st.integers(1, 3))
@settings(max_examples=200)
def test_chains_of_any_widths_run_or_say_where(widths, n):
    units = [Unit([Affine(np.ones((m, k)))], shortcut=Absent()) for k, m in widths]
    expected = widths[0][0]
    for index, (k, m) in enumerate(widths):
        if k != expected:
            with pytest.raises(ValueError, match=rf"^unit {index}: branch entry 0 .*wanted a width of {k}"):
                Network(units)
            return
        expected = m
    net = Network(units)
    if n != widths[0][0]:
        with pytest.raises(ValueError, match=rf"^unit 0: branch entry 0 .*wanted .*width {widths[0][0]}"):
            net.forward(np.ones(n))
        return
    assert net.forward(np.ones(n)).states[-1].shape == (expected,)
