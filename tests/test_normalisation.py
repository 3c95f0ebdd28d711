"""Normalisation layers against the complex step, their definition, and bad input."""

import numpy as np
import pytest
from random_networks import assert_near

from resnotes import Affine, LayerNorm, Network, Unit, relu
from resnotes.verify import complex_step_jacobian

GAIN, SHIFT = np.array([1.5, -0.5, 2.0, 0.25]), np.array([0.5, 1.0, -1.0, 0.0])
LAYERS = {
    "bare": LayerNorm(epsilon=0),
    "epsilon": LayerNorm(epsilon=0.3),
    "gain": LayerNorm(GAIN),
    "shift": LayerNorm(bias=SHIFT),
    "both": LayerNorm(GAIN, SHIFT),
}


def test_states_come_out_with_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(3, 5, size=(7, 9))
    z = LayerNorm(epsilon=0)(x)
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(z.var(axis=1), 1, rtol=1e-13)
    np.testing.assert_allclose(LayerNorm(epsilon=0)(2 * x + 1), z, rtol=1e-12)


def test_by_hand():
    # Mean 2, variance 3, with epsilon 1 the standard deviation is 2.
    x = np.array([2 + np.sqrt(3), 2 - np.sqrt(3)])
    np.testing.assert_allclose(
        LayerNorm([2.0, 4.0], [1.0, 0.0], epsilon=1.0)(x), [1 + np.sqrt(3), -2 * np.sqrt(3)], rtol=1e-14
    )


@pytest.mark.parametrize("batch", [(), (1,), (5,)])
@pytest.mark.parametrize("name", LAYERS)
def test_backward_against_the_complex_step(name, batch):
    layer, rng = LAYERS[name], np.random.default_rng(1)
    x, g = rng.normal(size=batch + (4,)), rng.normal(size=batch + (4,))
    sent, parameter = layer.backward(x, g)
    flat = x.reshape(-1, 4)
    for got, state, row in zip(sent.reshape(-1, 4), flat, g.reshape(-1, 4), strict=True):
        assert_near(got, row @ complex_step_jacobian(layer.forward, state), 1e-9)
    if name in ("bare", "epsilon"):
        assert parameter is None
        return
    weight, bias = parameter
    for got, value, make in (
        (weight, layer.weight, lambda v: LayerNorm(v, layer.bias)),
        (bias, layer.bias, lambda v: LayerNorm(layer.weight, v)),
    ):
        if value is None:
            assert got is None
        else:
            step = np.eye(4) * 1e-6
            want = [np.sum(g * (make(value + e)(x) - make(value - e)(x))) / 2e-6 for e in step]
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)


def test_in_a_network_before_the_branch_and_after_the_addition():
    rng = np.random.default_rng(2)
    first, second = Affine(rng.normal(size=(4, 4))), Affine(rng.normal(size=(4, 4)))
    net = Network([Unit([LayerNorm(GAIN, SHIFT), first, relu, second]), Unit([first, relu, second], after=LayerNorm())])
    trace = net.forward(rng.normal(size=4))
    want = complex_step_jacobian(lambda x: net.forward(x).states[-1], trace.states[0])
    assert_near(net.jacobian(trace), want, 1e-9)
    grads = net.backward(trace, rng.normal(size=4))
    assert grads.units[0].branch[0].weight.shape == grads.units[0].branch[0].bias.shape == (4,)
    assert grads.units[1].after.weight is None


def test_float32_stays():
    x = np.float32([1, 2, 4])
    layer = LayerNorm(np.ones(3, np.float32), np.ones(3, np.float32))
    assert layer(x).dtype == np.float32
    assert layer.backward(x, x)[0].dtype == np.float32


def test_equal_components():
    flat = np.full(3, 2.0)
    np.testing.assert_array_equal(LayerNorm()(flat), 0)
    for call in (lambda: LayerNorm(epsilon=0)(flat), lambda: LayerNorm(epsilon=0).backward(flat, flat)):
        with pytest.raises(ValueError, match="x: got a state whose components are all equal, wanted"):
            call()


@pytest.mark.parametrize(
    "name, call",
    [
        ("weight", lambda: LayerNorm([[1.0]])),
        ("weight", lambda: LayerNorm("text")),
        ("weight", lambda: LayerNorm([np.nan])),
        ("bias", lambda: LayerNorm(bias=[np.inf])),
        ("bias", lambda: LayerNorm([1.0, 2.0], [1.0])),
        ("epsilon", lambda: LayerNorm(epsilon=-1)),
        ("epsilon", lambda: LayerNorm(epsilon=np.nan)),
        ("epsilon", lambda: LayerNorm(epsilon=None)),
        ("x", lambda: LayerNorm([1.0, 2.0])([1.0, 2.0, 3.0])),
        ("x", lambda: LayerNorm()(1.0)),
        ("x", lambda: LayerNorm()(["a", "b"])),
        ("x", lambda: LayerNorm(bias=[1.0, 2.0]).backward([1.0], [1.0])),
        ("g", lambda: LayerNorm().backward([1.0, 2.0], [1.0])),
        ("x", lambda: LayerNorm().backward([1j, 2.0], [1.0, 1.0])),
    ],
)
def test_bad_input(name, call):
    with pytest.raises(ValueError, match=rf"^{name}: got .+, wanted .+"):
        call()


def test_repr_names_width_and_epsilon():
    assert repr(LayerNorm()) == "LayerNorm(epsilon=1e-05)"
    assert repr(LayerNorm(bias=SHIFT, epsilon=0)) == "LayerNorm(n=4, epsilon=0)"
