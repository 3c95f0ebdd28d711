"""Correlation of gradients across inputs: laws, the networks they are measured on, bad input."""

import math

import numpy as np
import pytest

from resnotes.initialisation import draw_weights, residual_network
from resnotes.shattered import (
    angles,
    batch_normalised_network,
    coactive_correlation,
    gradient_products,
    next_angle,
    next_centred_angle,
    ratio_and_error,
    wide_correlation,
)
from resnotes.symbolic import shattered_gradients as symbolic


def test_coin_laws():
    assert coactive_correlation(5, lam=0.0) == 0.5**5
    assert coactive_correlation(5) == 0.75**5
    assert coactive_correlation(7, coactive=0.5) == 1
    np.testing.assert_allclose(coactive_correlation(2, [1, 0], [2, 1], 0.5, [0.25, 0.4]), 2 / 3 * 0.8)


def test_angles():
    assert next_angle(0.0) == 0
    np.testing.assert_allclose(math.cos(next_angle(math.pi / 2, 0.0)), 1 / math.pi)
    np.testing.assert_allclose(math.cos(next_angle(math.pi / 2)), 1 / (2 * math.pi))
    np.testing.assert_allclose(next_angle(math.pi, 0.0), math.pi / 2)
    assert 0.999e-9 < next_angle(1e-9) <= 1e-9  # small angles keep their digits
    found = angles(3, 0.0, start=1.0)
    assert len(found) == 4 and found[0] == 1 and np.all(np.diff(found) < 0)


@pytest.mark.parametrize("lam", [0.0, 1.0, 3.0])
def test_without_normalisation_the_power_is_minus_three(lam):
    deep = wide_correlation(20_000, lam)
    assert abs(math.log(deep[-1] / deep[10_000]) / math.log(2) + 3) < 0.03
    share = 1 / (1 + lam**2)
    assert abs(angles(20_000, lam)[-1] * 20_000 * share / (3 * math.pi) - 1) < 0.01


def test_the_network_is_the_formula():
    rng = np.random.default_rng(0)
    weights, batch = draw_weights(rng, 2, 4, (2.0,))[:, 0], rng.normal(size=(9, 4))
    net = batch_normalised_network(weights, batch, 0.5, 2.0)
    x = batch
    for W in weights:
        x = 0.5 * x + 2 * np.maximum((x - x.mean(axis=0)) / x.std(axis=0), 0) @ W.T
    np.testing.assert_allclose(net.forward(batch).states[-1], x)
    centred = batch_normalised_network(weights[:1], batch, variance=4.0).forward(batch).states[-1]
    np.testing.assert_allclose(centred, batch + np.maximum((batch - batch.mean(axis=0)) / 2, 0) @ weights[0].T)


def measured(build, width=48, networks=80):
    rng, pairs = np.random.default_rng(1), []
    for _ in range(networks):
        batch, g = rng.standard_normal((96, width)), rng.standard_normal((24, width))
        pairs.append(gradient_products(build(rng, batch), batch[:24], batch[24:48], g))
    return ratio_and_error(pairs)


def weights(rng, L, batch):
    return draw_weights(rng, L, batch.shape[1], (2.0,))


SPREAD = 1.0 + np.arange(6)
BATCH_SPREAD = 1.0 + (1 - 1 / np.pi) * np.arange(6)
NETWORKS = {
    "plain, centred": (
        lambda rng, batch: batch_normalised_network(weights(rng, 3, batch)[:, 0], batch, 0.0, variance=1.0),
        0.5**3,
        0.75**3,
    ),
    "identity, centred": (
        lambda rng, batch: batch_normalised_network(weights(rng, 6, batch)[:, 0], batch, variance=1.0),
        0.75**6,
        0.5**6,
    ),
    "by 1 + l": (
        lambda rng, batch: batch_normalised_network(weights(rng, 6, batch)[:, 0], batch, variance=SPREAD),
        coactive_correlation(6, beta=SPREAD**-0.5),
        0.75**6,
    ),
    "by the batch": (
        lambda rng, batch: batch_normalised_network(weights(rng, 6, batch)[:, 0], batch),
        coactive_correlation(6, beta=BATCH_SPREAD**-0.5),
        coactive_correlation(6, beta=SPREAD**-0.5),
    ),
    "free, plain": (
        lambda rng, batch: residual_network(weights(rng, 3, batch), 0.0, start="relu"),
        wide_correlation(3, 0.0)[-1],
        0.5**3,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_law_is_what_is_measured(name):
    build, law, other = NETWORKS[name]
    value, error = measured(build)
    assert abs(value - law) < max(0.08 * law, 4 * error)
    assert abs(value - other) > max(0.08 * other, 4 * error)


def test_a_pair_of_equal_inputs_is_fully_correlated():
    rng = np.random.default_rng(2)
    net = residual_network(draw_weights(rng, 3, 6))
    x, g = rng.standard_normal((2, 5, 6))
    product, square = gradient_products(net, x, x, g)
    np.testing.assert_allclose(product, square)


def test_the_ratio_is_that_of_the_means():
    ratio, error = ratio_and_error([[1.0, 1.0], [0.0, 3.0]])
    assert ratio == 0.25
    np.testing.assert_allclose(error, np.std([0.75, -0.75], ddof=1) / math.sqrt(2) / 2)
    assert ratio_and_error([[1.0, 2.0], [2.0, 4.0]]) == (0.5, 0.0)


@pytest.mark.parametrize(
    "check, pair, change",
    [
        (symbolic.check_normalised_limit, symbolic.normalised_limit, 1.001),
        (symbolic.check_small_beta, symbolic.small_beta, 1.001),
        (symbolic.check_step, symbolic.step_limit, 2),
        (symbolic.check_normalised_values, (symbolic.normalised_product, symbolic.normalised_closed), 2),
    ],
)
def test_a_wrong_right_side_is_noticed(check, pair, change):
    left, right = pair
    with pytest.raises(ValueError, match=r"got .+, want .+"):
        check(((left, change * right),))


W3, BATCH = np.zeros((2, 3, 3)), np.eye(3)


@pytest.mark.parametrize(
    "name, call",
    [
        ("depth", lambda: coactive_correlation(0)),
        ("coactive", lambda: coactive_correlation(2, coactive=0.6)),
        ("lam", lambda: coactive_correlation(2, lam=0.0, beta=0.0)),
        ("beta", lambda: coactive_correlation(2, beta=[1.0])),
        ("strength", lambda: coactive_correlation(2, strength=None)),
        ("angle", lambda: next_angle(4.0)),
        ("angle", lambda: next_angle(np.nan)),
        ("lam", lambda: next_angle(1.0, 0.0, 0.0)),
        ("depth", lambda: angles(-1)),
        ("start", lambda: wide_correlation(2, start="right")),
        ("weights", lambda: batch_normalised_network(W3[0], BATCH)),
        ("batch", lambda: batch_normalised_network(W3, BATCH[:1])),
        ("batch", lambda: batch_normalised_network(W3, np.ones((4, 2)))),
        ("batch", lambda: batch_normalised_network(W3, np.ones((4, 3)))),
        ("variance", lambda: batch_normalised_network(W3, BATCH, variance=0.0)),
        ("lam", lambda: batch_normalised_network(W3, BATCH, lam=[1.0])),
        ("x", lambda: gradient_products(residual_network(W3[:, np.newaxis]), *np.ones((3, 3)))),
        ("pairs", lambda: ratio_and_error([[1.0, 2.0]])),
        ("pairs", lambda: ratio_and_error([[1.0], [2.0]])),
        ("pairs", lambda: ratio_and_error([[1.0, 1.0], [1.0, -1.0]])),
    ],
)
def test_bad_input(name, call):
    with pytest.raises(ValueError, match=rf"{name}: got .+, wanted .+"):
        call()


def test_close_inputs_part_where_the_common_part_is_subtracted_and_meet_where_it_is_not():
    near = 1e-3
    assert abs((1 - np.cos(next_centred_angle(near))) / (1 - np.cos(near)) - np.pi / (np.pi - 1)) < 1e-3
    assert next_angle(near, lam=0.0) < near
    assert abs(next_centred_angle(np.pi / 2) - np.pi / 2) < 1e-12
    with pytest.raises(ValueError, match="^angle: got"):
        next_centred_angle(4.0)
