"""Losses against mpmath, complex step and autograd."""

import autograd
import autograd.numpy as anp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import assert_near

from resnotes import softmax_cross_entropy
from resnotes.losses import cross_entropy, half_squared_error


def exact(x, p):
    """Loss and gradient of the softmax cross-entropy in 700 digits, as floats."""
    with mpmath.workdps(700):
        x, p = [mpmath.mpf(float(v)) for v in x], [mpmath.mpf(float(v)) for v in p]
        top = max(x)
        e = [mpmath.exp(v - top) for v in x]
        total = mpmath.fsum(e)
        loss = mpmath.fsum(q * (top - v + mpmath.log(total)) for q, v in zip(p, x) if q != 0)
        gradient = [mpmath.fsum(p) * v / total - q for v, q in zip(e, p)]
        return float(loss), np.array([float(v) for v in gradient])


CASES = [
    ([0.0, 0.0], [0.5, 0.5]),
    ([1.0, 2.0, 3.0], [0.2, 0.3, 0.5]),
    ([1.0, 2.0, 3.0], [2.0, 0.0, 5.0]),  # p need not sum to 1
    ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
    ([50.0, 0.0], [1.0, 0.0]),  # loss and gradient of 2e-22, not 0
    ([1e4, 0.0, -1e4], [0.1, 0.2, 0.7]),
    ([0.0, 1e4], [1.0, 0.0]),
    ([1e300, -1e300, 0.0], [0.0, 0.5, 0.0]),
    ([1.7e308, -1.7e308], [0.0, 0.5]),
    ([1e300, 1e300], [0.5, 0.5]),
    ([-1e300, -1e300 * (1 + 2**-50)], [1.0, 0.0]),
    ([5.0], [1.0]),
    ([5e-324, 0.0], [1.0, 0.0]),
]


@pytest.mark.parametrize("x, p", CASES)
def test_softmax_cross_entropy_is_exact_at_any_size(x, p):
    loss, gradient = softmax_cross_entropy(x, p)
    wanted, wanted_gradient = exact(x, p)
    assert isinstance(loss, float)
    np.testing.assert_allclose(loss, wanted, rtol=1e-14)
    assert_near(gradient, wanted_gradient, 1e-14)


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(0, 5)), min_size=1, max_size=6))
@settings(max_examples=300)
def test_softmax_cross_entropy_anywhere(pairs):
    x, p = np.array(pairs).T
    loss, gradient = softmax_cross_entropy(x, p)
    wanted, wanted_gradient = exact(x, p)
    np.testing.assert_allclose(loss, wanted, rtol=1e-13, atol=1e-300)
    # Where p nearly is the softmax, the gradient is a difference that p's own digits limit.
    assert np.max(np.abs(gradient - wanted_gradient)) <= 1e-14 * max(p.max(), 1e-300)


def test_softmax_cross_entropy_in_batches():
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(7, 4)) * 5, rng.random((7, 4))
    loss, gradient = softmax_cross_entropy(x, p)
    assert loss.shape == (7,) and gradient.shape == (7, 4)
    for row in range(7):
        one, one_gradient = softmax_cross_entropy(x[row], p[row])
        np.testing.assert_allclose(loss[row], one, rtol=1e-14)
        np.testing.assert_allclose(gradient[row], one_gradient, rtol=1e-12, atol=1e-15)
    softmax = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gradient, p.sum(axis=1, keepdims=True) * softmax - p, rtol=1e-10, atol=1e-13)


LOSSES = {
    softmax_cross_entropy: lambda x, p: -anp.sum(p * (x - anp.log(anp.sum(anp.exp(x))))),
    half_squared_error: lambda x, p: anp.sum((x - p) ** 2) / 2,
    cross_entropy: lambda x, p: -anp.sum(p * anp.log(x)),
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_gradients_against_autograd_and_complex_step(loss):
    rng = np.random.default_rng(1)
    for _ in range(20):
        n = int(rng.integers(1, 6))
        x, p = rng.random(n) + 0.1, rng.random(n)
        value, gradient = loss(x, p)
        np.testing.assert_allclose(value, LOSSES[loss](x, p), rtol=1e-12, atol=1e-15)
        assert np.max(np.abs(gradient - autograd.grad(LOSSES[loss])(x, p))) <= 1e-12
        step = [LOSSES[loss](x + 1e-30j * np.eye(n)[j], p).imag / 1e-30 for j in range(n)]
        assert np.max(np.abs(gradient - step)) <= 1e-12


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_shapes_and_formats(loss):
    x, p = np.array([[0.5, 0.25], [1.0, 2.0]]), np.array([[0.5, 0.5], [1.0, 0.0]])
    value, gradient = loss(x, p)
    assert value.shape == (2,) and value.dtype == gradient.dtype == np.float64
    value, gradient = loss(x.astype(np.float32), p)
    assert value.dtype == gradient.dtype == np.float32
    value, gradient = loss([1, 2], [1, 0])
    assert isinstance(value, float) and gradient.dtype == np.float64
    value, gradient = loss(x[0].astype(np.float32), p[0])
    assert type(value) is float and gradient.dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_a_target_that_does_not_fit_the_states_format_is_refused(loss):
    with pytest.raises(ValueError, match="p as float32: got inf .*wanted"):
        loss(np.array([0.5, 0.5], np.float32), [1e300, 0.0])


def test_a_term_without_weight_is_nothing_whatever_x():
    loss, gradient = cross_entropy([0.0, -1.0, 0.5], [0.0, 0.0, 2.0])
    np.testing.assert_allclose(loss, 2 * np.log(2))
    np.testing.assert_array_equal(gradient, [0.0, 0.0, -4.0])


@pytest.mark.parametrize("x", [[0.0, 1.0], [-0.5, 1.0]])
def test_logarithms_need_positive_numbers(x):
    with pytest.raises(ValueError, match="x: got .* where p is not 0, wanted positive"):
        cross_entropy(x, [0.5, 0.5])


def test_which_reading_has_the_gradient_x_minus_p():
    x, p = np.array([0.5, 1.5, 0.25]), np.array([0.2, 0.3, 0.5])
    np.testing.assert_array_equal(half_squared_error(x, p)[1], x - p)
    assert np.abs(softmax_cross_entropy(x, p)[1] - (x - p)).max() > 0.1
    assert np.abs(cross_entropy(x, p)[1] - (x - p)).max() > 0.1


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("x", [[1e30, 1.0], [3e38, 1.0], [1e-30, 1.0], [3e38, 3e38]])
@pytest.mark.parametrize("p", [[1.0, 1e30], [3e38, 3e38], [3e38, 1.0]])
def test_what_is_too_large_becomes_infinite_without_a_warning(loss, x, p):
    x, p = np.array(x, np.float32), np.array(p, np.float32)
    wide = loss(x.astype(np.float64), p.astype(np.float64))
    with np.errstate(over="ignore"):
        wanted = [np.float32(part) for part in wide]
    try:
        found = loss(x, p)
    except ValueError as error:
        assert "p: got entries too large" in str(error) and p.sum(dtype=np.float64) > np.finfo(np.float32).max
        return
    for got, want in zip(found, wanted, strict=True):
        # A sum on its way may leave the format, whose terms cancel again: then infinite for a number.
        close = np.isclose(got, want, rtol=1e-5) | np.isinf(got)
        assert np.all(close) and not np.any(np.isnan(got))


def test_the_squared_error_overflows_where_it_says():
    x = np.array([1.8e19, 1.9e19], np.float32)
    assert np.isfinite(half_squared_error(x[:1], [0.0])[0]) and half_squared_error(x[1:], [0.0])[0] == np.inf
    assert half_squared_error(np.array([3e38], np.float32), [-3e38])[1][0] == np.inf


def test_infinite_terms_of_both_signs_are_refused():
    with pytest.raises(ValueError, match="p: got entries too large"):
        cross_entropy(np.array([1e-30, 1e-30], np.float32), [3e38, -3e38])
