"""Normalisation layers against the complex step, their definition, and bad input."""

import numpy as np
import pytest
from random_networks import assert_near

from resnotes import Affine, BatchNormTraining, LayerNorm, Network, RMSNorm, Unit, relu
from resnotes.book.oracles import complex_step_jacobian
from resnotes.shattered import batch_normalised_network
from resnotes.testing import check_gradient

GAIN, SHIFT = np.array([1.5, -0.5, 2.0, 0.25]), np.array([0.5, 1.0, -1.0, 0.0])
LAYERS = {
    "bare": LayerNorm(epsilon=0),
    "epsilon": LayerNorm(epsilon=0.3),
    "gain": LayerNorm(GAIN),
    "shift": LayerNorm(bias=SHIFT),
    "both": LayerNorm(GAIN, SHIFT),
    "rms bare": RMSNorm(epsilon=0),
    "rms epsilon": RMSNorm(epsilon=0.3),
    "rms gain": RMSNorm(GAIN),
}
BARE = {
    "LayerNorm": LayerNorm(epsilon=0),
    "RMSNorm": RMSNorm(epsilon=0),
    "BatchNormTraining": BatchNormTraining(1, epsilon=0),
}


def normalised(name, x):
    """What a normalisation without epsilon makes of a vector; for the batch's it is one component of n samples."""
    return np.ravel(BARE[name](x[:, None] if name == "BatchNormTraining" else x))


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
    if layer.n_in is None:
        assert parameter is None
    check_gradient(layer, x)


def test_rms_by_hand():
    # Mean square (1 + 49) / 2 = 25, and with epsilon 11 the root is 6.
    np.testing.assert_allclose(RMSNorm([1.0, 2.0], 0)([1.0, 7.0]), [0.2, 2.8], rtol=1e-15)
    np.testing.assert_allclose(RMSNorm(epsilon=11.0)([1.0, 7.0]), [1 / 6, 7 / 6], rtol=1e-15)
    # (I - z zᵀ/n) / r with z = (1/5, 7/5), r = 5 and n = 2.
    want = np.array([[1 - 1 / 50, -7 / 50], [-7 / 50, 1 - 49 / 50]]) / 5
    np.testing.assert_allclose(RMSNorm(epsilon=0).jacobian([1.0, 7.0]), want, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "value, n", [(0.1, 3), (0.7, 6), (14.62, 1000), (np.log(1e-5), 8), (1.1, 3), (1e-170, 5), (1e30, 7)]
)
def test_constants_are_refused_however_their_mean_rounds(value, n, dtype):
    x = np.full(n, value, dtype)
    g = np.arange(n, dtype=dtype)
    batch = BARE["BatchNormTraining"]
    calls = [lambda: BARE["LayerNorm"](x), lambda: BARE["LayerNorm"].backward(x, g), lambda: batch(x[:, None])]
    calls += [lambda: batch.backward(x[:, None], g[:, None]), lambda: batch.batch_jacobian(x[:, None])]
    calls += [lambda: batch.fixed(x[:, None]), lambda: batch_normalised_network(np.eye(1)[None], x[:, None])]
    for call in calls:
        with pytest.raises(ValueError, match="^(x|variance|batch): got .* wanted"):
            call()
    np.testing.assert_array_equal(LayerNorm(epsilon=1e-30)(x), 0)


@pytest.mark.parametrize("name", ["LayerNorm", "BatchNormTraining"])
@pytest.mark.parametrize("offset, step", [(1, 2.0**-40), (1, 2.0**-52), (1e8, 1.0), (0, 5e-324), (-1e300, 1e290)])
def test_what_differs_little_passes(name, offset, step):
    x = offset + step * np.array([0.0, 1.0, -1.0])
    x[2] = x[0] - (x[1] - x[0])
    np.testing.assert_allclose(normalised(name, x), [0, 1.5**0.5, -(1.5**0.5)], atol=1e-6)


@pytest.mark.parametrize("name", BARE)
@pytest.mark.parametrize("exponent", [-1060, -600, 0, 600, 1020])
def test_squares_may_leave_the_range(name, exponent):
    x = np.array([1.0, 2.0, 5.0, 7.0])
    with np.errstate(all="raise"):
        np.testing.assert_allclose(normalised(name, np.ldexp(x, exponent)), normalised(name, x), rtol=1e-14)
        if exponent > -1000:  # 1 / s is in range
            column = name == "BatchNormTraining"
            at, g = (a[:, None] if column else a for a in (np.ldexp(x, exponent), np.array([1.0, 0.0, 2.0, 0.0])))
            plain = BARE[name].backward(np.ldexp(at, -exponent), g)[0]
            np.testing.assert_allclose(BARE[name].backward(at, np.ldexp(g, exponent))[0], plain, rtol=1e-12)


def test_epsilon_counts_where_the_state_is_small_and_not_where_it_is_large():
    with np.errstate(all="raise"):
        np.testing.assert_allclose(RMSNorm(epsilon=4.0)(np.array([1e-200, -2e-200])), [5e-201, -1e-200], rtol=1e-14)
        np.testing.assert_allclose(RMSNorm(epsilon=4.0)(np.array([1e200, -1e200])), [1, -1], rtol=1e-14)
        np.testing.assert_allclose(LayerNorm(epsilon=1e-300)(np.float32([1e20, 3e20])), [-1, 1], rtol=1e-6)


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
        ("weight", lambda: RMSNorm([[1.0]])),
        ("epsilon", lambda: RMSNorm(epsilon=-1)),
        ("x", lambda: RMSNorm([1.0, 2.0])([1.0])),
        ("x", lambda: RMSNorm(epsilon=0)([[1.0, 2.0], [0.0, 0.0]])),
        ("g", lambda: RMSNorm().backward([1.0, 2.0], [1.0])),
    ],
)
def test_bad_input(name, call):
    with pytest.raises(ValueError, match=rf"^{name}: got .+, wanted .+"):
        call()


def test_repr_names_width_and_epsilon():
    assert repr(LayerNorm()) == "LayerNorm(epsilon=1e-05)"
    assert repr(LayerNorm(bias=SHIFT, epsilon=0)) == "LayerNorm(n=4, epsilon=0)"
    assert repr(RMSNorm()) == "RMSNorm(epsilon=1e-05)"
    assert repr(RMSNorm(GAIN, 0)) == "RMSNorm(n=4, epsilon=0)"
