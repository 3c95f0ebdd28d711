"""The shortcuts of chapter 7 against matrices written down by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import assert_near

from resnotes import Affine, Network, Unit, tanh
from resnotes.shortcuts import (
    Convolution1x1,
    DoublyStochastic,
    Dropout,
    Gate,
    Rotation,
    Subsample,
    sinkhorn,
)

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
MIX = np.array([[0.75, 0.25], [0.25, 0.75]])
CHANNELS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
#: The places that stride 2 keeps of two maps of 3 x 2: corners of the first column.
PICKED = np.zeros((4, 12))
PICKED[range(4), [0, 4, 6, 10]] = 1
LINEAR = [
    (Rotation(TURN), TURN),
    (Rotation(np.eye(3)[[2, 0, 1]]), np.eye(3)[[2, 0, 1]]),
    (DoublyStochastic(MIX), MIX),
    (Dropout([1, 0, 1]), np.diag([1.0, 0.0, 1.0])),
    (Dropout(np.array([True, False]), 0.25), np.diag([4.0, 0.0])),
    (Convolution1x1(CHANNELS, 2), np.kron(CHANNELS, np.eye(2))),
    (Convolution1x1(CHANNELS, 1), CHANNELS),
    (Subsample(2, 3, 2), PICKED),
    (Subsample(2, 3, 2, channels_out=3), np.vstack([PICKED, np.zeros((2, 12))])),
    (Subsample(2, 2, 2, stride=1), np.eye(8)),
]


@pytest.mark.parametrize("batch", [(), (1,), (4,)])
@pytest.mark.parametrize("shortcut, H", LINEAR, ids=repr)
def test_a_linear_shortcut_is_its_matrix(shortcut, H, batch):
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=batch + (H.shape[1],)), rng.normal(size=batch + (H.shape[0],))
    np.testing.assert_allclose(shortcut.forward(x), x @ H.T, rtol=1e-13)
    np.testing.assert_allclose(shortcut.backward(x, g)[0], g @ H, rtol=1e-13)
    np.testing.assert_array_equal(shortcut.jacobian(x), np.broadcast_to(H, batch + H.shape))
    if not isinstance(shortcut, Convolution1x1):
        assert shortcut.backward(x, g)[1] is None
    single = shortcut.forward(x.astype(np.float32))
    if not hasattr(shortcut, "weight"):
        assert single.dtype == np.float32 == shortcut.backward(x.astype(np.float32), single)[0].dtype


def test_a_1x1_convolution_position_by_position():
    """Against the sum over channels written as loops over the unflattened map."""
    rng = np.random.default_rng(1)
    layer, maps = Convolution1x1(CHANNELS, 6), rng.normal(size=(2, 2, 3))
    out = layer.forward(maps.ravel()).reshape(3, 2, 3)
    for m, h, w in itertools.product(range(3), range(2), range(3)):
        assert out[m, h, w] == pytest.approx(sum(CHANNELS[m, c] * maps[c, h, w] for c in range(2)))


def test_a_stride_keeps_rows_and_columns():
    maps = np.arange(2 * 5 * 4.0).reshape(2, 5, 4)
    layer = Subsample(2, 5, 4, stride=3, channels_out=5)
    out = layer.forward(maps.ravel()).reshape(5, 2, 2)
    np.testing.assert_array_equal(out[:2], maps[:, [0, 3]][:, :, [0, 3]])
    assert not out[2:].any()


# Gates.


def gate(seed, n):
    rng = np.random.default_rng(seed)
    return Gate(rng.normal(size=(n, n)), rng.normal(size=n)), rng


@given(st.integers(0, 10**6), st.integers(1, 5))
@settings(max_examples=60)
def test_a_gates_jacobian_by_the_complex_step(seed, n):
    layer, rng = gate(seed, n)
    x = rng.normal(size=(2, n))
    columns = [layer.forward(x + 1e-30j * np.eye(n)[j]).imag / 1e-30 for j in range(n)]
    assert_near(layer.jacobian(x), np.stack(columns, axis=-1), 1e-13)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_parameter_gradients_by_central_differences(batch):
    layer, rng = gate(2, 3)
    mixing = Convolution1x1(CHANNELS, 2)
    for made, remake in (
        (layer, lambda p: Gate(*p)),
        (mixing, lambda p: Convolution1x1(p[0], 2)),
    ):
        parameters = [made.weight, made.bias] if made is layer else [made.weight]
        x = rng.normal(size=batch + ((3 if made is layer else 4),))
        g = rng.normal(size=made.forward(x).shape)
        got = made.backward(x, g)[1]
        got = got if isinstance(got, tuple) else (got,)
        for number, parameter in enumerate(parameters):
            wanted = np.empty(parameter.shape)
            for index in np.ndindex(parameter.shape):
                values = []
                for step in (1e-6, -1e-6):
                    moved = [p.copy() for p in parameters]
                    moved[number][index] += step
                    values.append(np.sum(g * remake(moved).forward(x)))
                wanted[index] = (values[0] - values[1]) / 2e-6
            assert_near(got[number], wanted, 1e-7)


def test_a_gate_never_overflows():
    layer = Gate([[1.0]], [0.0])
    assert layer.opening([1000.0])[0] == 0.0 and layer.opening([-1000.0])[0] == 1.0
    np.testing.assert_allclose(layer.opening([50.0]), np.exp(-50.0), rtol=1e-12)


def test_gates_in_a_network():
    layer, rng = gate(3, 4)
    net = Network([Unit([Affine(rng.normal(size=(4, 4))), tanh], layer) for _ in range(3)])
    trace = net.forward(rng.normal(size=(5, 4)))
    grads = net.backward(trace, rng.normal(size=(5, 4)))
    assert grads.units[0].shortcut.weight.shape == (4, 4) and grads.units[0].shortcut.bias.shape == (4,)


# Bad input that the general tests do not know.


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: Rotation([[1.0, 1e-6], [0.0, 1.0]]), "weight"),
        (lambda: Rotation([[1.0, 0.0]]), "weight"),
        (lambda: DoublyStochastic([[1.5, -0.5], [-0.5, 1.5]]), "weight"),
        (lambda: DoublyStochastic([[0.5, 0.5], [0.4, 0.6]]), "weight"),
        (lambda: DoublyStochastic([[0.5, 0.5]]), "weight"),
        (lambda: Dropout([0.5, 1.0]), "mask"),
        (lambda: Dropout([1.0], 0.0), "keep"),
        (lambda: Dropout([1.0], 1.5), "keep"),
        (lambda: Dropout([1.0], "half"), "keep"),
        (lambda: Gate([[1.0, 2.0]], [0.0]), "weight"),
        (lambda: Gate([[1.0]], [0.0, 1.0]), "bias"),
        (lambda: Gate([[1.0]], [0.0]).forward(np.ones(2)), "x"),
        (lambda: Gate(MIX, [0.0, 1.0]).backward(np.ones(1), np.ones(2)), "x"),
        (lambda: Gate(MIX, [0.0, 1.0]).backward(np.ones(2), np.ones(1)), "g"),
        (lambda: Convolution1x1(CHANNELS, 0), "positions"),
        (lambda: Convolution1x1(CHANNELS, 2).forward(np.ones(3)), "x"),
        (lambda: Convolution1x1(CHANNELS, 2).backward(np.ones(4), np.ones(4)), "g"),
        (lambda: Subsample(0, 2, 2), "channels"),
        (lambda: Subsample(1, 2.0, 2), "height"),
        (lambda: Subsample(1, 2, True), "width"),
        (lambda: Subsample(1, 2, 2, stride=0), "stride"),
        (lambda: Subsample(2, 2, 2, channels_out=1), "channels_out"),
        (lambda: Subsample(2, 2, 2).forward(np.ones(7)), "x"),
        (lambda: sinkhorn([[1.0, 0.0], [1.0, 1.0]]), "positive"),
        (lambda: sinkhorn([[1.0, 1.0]]), "positive"),
        (lambda: sinkhorn([[1.0, 1e-9], [1.0, 1.0]], rounds=3), "rounds"),
        (lambda: sinkhorn([[1.0]], rounds=0), "rounds"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match="got .+wanted") as caught:
        call()
    assert str(caught.value).startswith(f"{name}: got")


def test_the_smallest_that_is_allowed():
    assert Convolution1x1([[2.0]], 1).forward([3.0]) == 6.0
    assert Subsample(1, 1, 1, 1).forward([3.0]) == 3.0
    assert sinkhorn([[2.0]], rounds=1) == 1.0


def test_a_mask_of_booleans_stays_one():
    mask = Dropout(np.array([True, False])).mask
    assert mask.dtype == bool and mask.tolist() == [True, False]


def test_a_stride_is_2_where_none_is_given():
    np.testing.assert_array_equal(Subsample(1, 4, 6).kept, [0, 2, 4, 12, 14, 16])


def test_sinkhorn_gives_sums_of_one():
    rng = np.random.default_rng(4)
    for n in (1, 2, 7, 20):
        matrix = sinkhorn(rng.uniform(0.01, 1, size=(n, n)))
        np.testing.assert_allclose([matrix.sum(axis=0), matrix.sum(axis=1)], 1, rtol=0, atol=1e-13)
        assert DoublyStochastic(matrix).weight is matrix


def test_representations():
    assert [repr(layer) for layer, _ in LINEAR[:1] + LINEAR[2:6] + LINEAR[7:8]] + [repr(gate(0, 2)[0])] == [
        "Rotation(n=2)", "DoublyStochastic(n=2)", "Dropout(2 of 3 kept, q=1)", "Dropout(1 of 2 kept, q=0.25)",
        "Convolution1x1(2 -> 3 channels, 2 positions)", "Subsample(12 -> 4, stride 2)", "Gate(n=2)",
    ]  # fmt: skip
