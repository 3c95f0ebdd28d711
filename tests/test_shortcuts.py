"""Every shortcut against its matrix, written down by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import Gate, assert_near

from resnotes.shortcuts import (
    Absent,
    Diagonal,
    Identity,
    Layer,
    Projection,
    Scale,
    StopGradient,
    ZeroPad,
    layer_jacobian,
)
from resnotes.testing import check_gradient

W = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 4.0]])
LINEAR = [
    (Identity(), np.eye(3)),
    (Scale(-0.5), -0.5 * np.eye(3)),
    (Scale(0), np.zeros((3, 3))),
    (Diagonal([1.0, 0.0, -2.0]), np.diag([1.0, 0.0, -2.0])),
    (Projection(W), W),
    (ZeroPad(5), np.eye(5, 3)),
    (ZeroPad(3, 5), np.eye(5, 3)),
    (ZeroPad(n_in=3, n_out=4), np.eye(4, 3)),
    (ZeroPad(3), np.eye(3)),
]


@pytest.mark.parametrize("batch", [(), (1,), (4,)])
@pytest.mark.parametrize("shortcut, H", LINEAR, ids=lambda v: repr(v) if isinstance(v, Layer) else "")
def test_a_linear_shortcut_is_its_matrix(shortcut, H, batch):
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=batch + (3,)), rng.normal(size=batch + (len(H),))
    np.testing.assert_allclose(shortcut.forward(x), x @ H.T, rtol=1e-14)
    np.testing.assert_allclose(shortcut(x), x @ H.T, rtol=1e-14)
    np.testing.assert_allclose(shortcut.backward(x, g)[0], g @ H, rtol=1e-14)
    np.testing.assert_array_equal(shortcut.jacobian(x), np.broadcast_to(H, batch + H.shape))
    # A stop-gradient changes the way back alone.
    stopped = StopGradient(shortcut)
    np.testing.assert_array_equal(stopped.forward(x), shortcut.forward(x))
    np.testing.assert_array_equal(stopped.backward(x, g)[0], np.zeros_like(x))
    np.testing.assert_array_equal(stopped.jacobian(x), np.zeros(batch + H.shape))


@pytest.mark.parametrize("layer", [Scale(0.7), Diagonal(W[0]), Projection(W), Gate(W[:, :2])])
def test_a_stopped_shortcut_keeps_its_parameters_gradient(layer):
    x = np.random.default_rng(1).normal(size=(4, 2 if isinstance(layer, Gate) else 3))
    check_gradient(layer, x)
    g = np.ones_like(layer.forward(x))
    np.testing.assert_array_equal(StopGradient(layer).backward(x, g)[1], layer.backward(x, g)[1])


@pytest.mark.parametrize("layer", [Identity(), ZeroPad(4), Absent(), StopGradient(Identity())])
def test_no_parameter_no_gradient(layer):
    x = np.ones(3)
    g = np.ones(4) if isinstance(layer, ZeroPad) else np.ones(3)
    assert layer.backward(x, g)[1] is None


def test_absent_contributes_nothing_at_any_width():
    x = np.ones((2, 3))
    np.testing.assert_array_equal(Absent().forward(x) + np.ones((2, 5)), np.ones((2, 5)))
    np.testing.assert_array_equal(Absent().backward(x, np.ones((2, 5)))[0], np.zeros((2, 3)))
    np.testing.assert_array_equal(Absent().jacobian(x, 5), np.zeros((2, 5, 3)))
    np.testing.assert_array_equal(Absent().jacobian(x[0]), np.zeros((3, 3)))
    assert Absent().forward(np.ones(2, np.float32)).dtype == np.float32


def test_a_gates_jacobian_by_the_complex_step():
    rng = np.random.default_rng(2)
    gate, x = Gate(rng.normal(size=(3, 3))), rng.normal(size=(2, 3))
    columns = [gate.forward(x + 1e-30j * np.eye(3)[j]).imag / 1e-30 for j in range(3)]
    assert_near(gate.jacobian(x), np.stack(columns, axis=-1), 1e-14)


class Bare:
    """The protocol alone, without `Layer`."""

    def forward(self, x):
        return x * x

    def backward(self, x, g):
        return 2 * x * g, None


def test_the_protocol_needs_no_base_class():
    np.testing.assert_array_equal(layer_jacobian(Bare(), np.array([1.0, -3.0])), np.diag([2.0, -6.0]))
    np.testing.assert_array_equal(StopGradient(Bare()).forward(np.array([2.0])), [4.0])


@pytest.mark.parametrize("call", [
    lambda z, x: layer_jacobian(Bare(), z),
    lambda z, x: StopGradient(Bare()).backward(z, x),
    lambda z, x: Absent().backward(z, x),
    lambda z, x: Absent().backward(x, z),
], ids=["jacobian", "stop", "absent x", "absent g"])  # fmt: skip
def test_no_complex_number_goes_back_even_where_the_layer_would_take_it(call):
    x = np.ones(3)
    call(x, x)
    with pytest.raises(ValueError, match="[xg]: got .*complex.*wanted"):
        call(x + 1j, x)


@pytest.mark.parametrize("layer", [Diagonal([1.0, 2.0, 3.0]), Projection(np.ones((3, 3))), ZeroPad(3, 3)])
def test_a_wrong_width_is_refused_by_name(layer):
    """A width of 1 would be broadcast by a Diagonal."""
    with pytest.raises(ValueError, match="x: got .*wanted .*width 3"):
        layer.forward(np.ones((2, 1)))
    with pytest.raises(ValueError, match="x: got .*wanted .*width 3"):
        layer.backward(np.ones((2, 1)), np.ones((2, 3)))


@pytest.mark.parametrize("make", [lambda: Scale(0.1), lambda: Diagonal(np.ones(3, np.float32)),
                                  lambda: Projection(W.astype(np.float32)), Identity, lambda: ZeroPad(4),
                                  lambda: Scale(np.float64(0.1))])  # fmt: skip
def test_float32_stays(make):
    layer, x = make(), np.ones((2, 3), np.float32)
    y = layer.forward(x)
    assert y.dtype == np.float32
    sent, parameter = layer.backward(x, y)
    assert sent.dtype == np.float32 and layer.jacobian(x).dtype == np.float32
    assert parameter is None or parameter.dtype == np.float32


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5), st.sampled_from([(), (1,), (3,)]))
@settings(max_examples=200)
def test_backward_is_the_transpose_of_forward(seed, n, m, batch):
    """<g, H(x)> = <gH, x>: no inverse anywhere."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=batch + (n,))
    for layer in (Identity(), Scale(rng.normal()), Diagonal(rng.normal(size=n)),
                  Projection(rng.normal(size=(m, n))), ZeroPad(n + m)):  # fmt: skip
        y = layer.forward(x)
        g = rng.normal(size=y.shape)
        np.testing.assert_allclose(np.sum(g * y), np.sum(layer.backward(x, g)[0] * x), rtol=1e-9, atol=1e-12)


def test_zero_pad_takes_widths_of_one():
    assert (ZeroPad(1, 1).n_in, ZeroPad(1, 1).n_out) == (1, 1)
    np.testing.assert_array_equal(ZeroPad(1, 2).forward([3.0]), [3.0, 0.0])


def test_parameters_are_kept_not_copied():
    value = W.copy()
    assert Projection(value).weight is value and Diagonal(value[0]).weight.base is value


def test_representations():
    shown = [repr(layer) for layer, _ in LINEAR] + [repr(StopGradient(Absent()))]
    assert shown == ["Identity()", "Scale(-0.5)", "Scale(0.0)", "Diagonal(n=3)", "Projection(3 -> 2)",
                     "ZeroPad(5)", "ZeroPad(3, 5)", "ZeroPad(3, 4)", "ZeroPad(3)",
                     "StopGradient(Absent())"]  # fmt: skip
