"""Networks at initialisation: the package's own, the law measured, and the lemmas it rests on."""

import numpy as np
import pytest

from resnotes import Affine, BatchNormTraining, LayerNorm, Network, Unit, initialisation, relu
from resnotes.book.at_initialisation import Normalised, signs
from resnotes.book.oracles import CheckError
from resnotes.initialisation import (
    branch_strength,
    draw_weights,
    expected_gain,
    gains,
    mean_and_error,
    residual_network,
)
from resnotes.shortcuts import Absent, Identity, Scale
from resnotes.symbolic import at_initialisation as symbolic
from resnotes.symbolic.algebra import L


def test_weights_have_the_variance_asked_for():
    weights = draw_weights(np.random.default_rng(0), 4, 50, (2.0, 0.5))
    assert weights.shape == (4, 2, 50, 50)
    np.testing.assert_allclose(weights.var(axis=(0, 2, 3)) * 50, [2.0, 0.5], rtol=0.05)
    np.testing.assert_allclose(weights.mean(), 0, atol=0.01)


def test_the_network_is_the_formula():
    rng = np.random.default_rng(1)
    weights, x = draw_weights(rng, 1, 3), rng.normal(size=3)
    W1, W2 = weights[0]
    first = residual_network(weights, 0.5, 2.0).forward(x).states[-1]
    np.testing.assert_allclose(first, 0.5 * x + 2 * W2 @ np.maximum(W1 @ x, 0))
    last = residual_network(weights, start="relu").forward(x).states[-1]
    np.testing.assert_allclose(last, x + W2 @ np.maximum(W1 @ np.maximum(x, 0), 0))
    normal = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    pre = residual_network(weights, norm="pre").forward(x).states[-1]
    np.testing.assert_allclose(pre, x + W2 @ np.maximum(W1 @ normal, 0))


def test_layers_are_those_that_are_needed():
    weights = draw_weights(np.random.default_rng(2), 3, 4)
    net = residual_network(weights, lam=[1, 0, 0.5], beta=[1, 0, 1], norm="post")
    assert [type(unit.shortcut) for unit in net.units] == [Identity, Absent, Scale]
    assert [len(unit.branch) for unit in net.units] == [3, 4, 3]
    assert isinstance(net.units[1].branch[-1], Scale) and isinstance(net.units[0].after, LayerNorm)
    start = residual_network(weights[:1], start="relu").units[0].branch
    assert start[0] is relu and [type(layer) for layer in start[1::2]] == [Affine, Affine]


def test_expected_gains():
    assert expected_gain(5, 0.0) == 1
    assert expected_gain(3) == 8 and expected_gain(3, strength=2) == 27
    assert expected_gain(2, [1, 0.5], [2, 1]) == 5 * 1.25
    assert expected_gain(100, beta=0.0) == 1
    assert expected_gain(5000) == np.inf
    np.testing.assert_allclose(expected_gain(10**6, beta=1e-3), np.e, rtol=1e-5)


def test_strengths():
    assert branch_strength((2.0, 1.0)) == 1 and branch_strength((2.0, 2.0)) == 2
    assert branch_strength((2.0,), "relu") == 1 and branch_strength((2.0,)) == 2
    assert branch_strength((2.0, 2.0), "relu") == 1 and branch_strength((2.0,), "relu", 0.25) == 0.5


MODELS = {
    "plain": ({"lam": 0.0}, 1.0),
    "identity": ({}, 1.0),
    "scaled": ({"lam": 0.9, "beta": 0.6}, 1.0),
    "1/sqrt 2": ({"lam": 0.5**0.5, "beta": 0.5**0.5}, 1.0),
    "1/sqrt L": ({"beta": 6**-0.5}, 1.0),
    "1/L": ({"beta": 1 / 6}, 1.0),
    "varying": ({"lam": np.linspace(0.5, 1, 6), "beta": np.linspace(1, 0, 6)}, 1.0),
    "relu first": ({"start": "relu"}, 0.5),
    "relu first, plain": ({"lam": 0.0, "start": "relu"}, 0.5),
}


def measured(network, width=48, depth=6, networks=200, seed=3):
    """Mean and standard error over networks; four inputs and gradients in each."""
    rng, sample = np.random.default_rng(seed), []
    for _ in range(networks):
        weights = draw_weights(rng, depth, width)
        sample.append(gains(residual_network(weights, **network), *rng.standard_normal((2, 4, width))).mean())
    return mean_and_error(sample)


@pytest.mark.parametrize("name", MODELS)
def test_the_law_is_what_is_measured(name):
    network, strength = MODELS[name]
    scales = {key: value for key, value in network.items() if key != "start"}
    mean, error = measured(network)
    law = expected_gain(6, strength=strength, **scales)
    assert abs(mean - law) < 4 * error
    assert abs(mean - expected_gain(6, strength=1.3 * strength, **scales)) > 4 * error  # and not another law


@pytest.mark.parametrize("norm, law, other", [("pre", 7.0, 2.0**6), ("post", 1.0, 0.5**6)])
def test_normalised_networks_come_close_to_their_law(norm, law, other):
    mean, error = measured({"norm": norm}, width=200, networks=60)
    assert abs(mean / law - 1) < 0.12 and error < 0.05 * law
    assert abs(mean / other - 1) > 1 / 2


def test_a_plain_network_obeys_the_law_although_its_states_may_be_zero():
    # n = h = 1, Gaussian in sign: one weight pair in two is dead, and the law counts that.
    total = 0.0
    patterns = signs(3, 2)
    for pattern in patterns:
        net = residual_network(
            pattern[:, :, np.newaxis, np.newaxis] * np.sqrt([2.0, 1.5])[:, np.newaxis, np.newaxis], lam=0.0
        )
        total += gains(net, [0.7], [1.3])
    np.testing.assert_allclose(total / len(patterns), branch_strength((2.0, 1.5)) ** 3, rtol=1e-12)


def test_a_zero_last_layer_and_a_zero_factor():
    rng = np.random.default_rng(4)
    weights = draw_weights(rng, 3, 5)
    x, g = rng.standard_normal((2, 5))
    silent = residual_network(weights, beta=0.0)
    weights = weights.copy()
    weights[:, 1] = 0
    for net, moving in ((residual_network(weights), [False, True]), (silent, [False, False, True])):
        grads = net.backward(net.forward(x), g)
        for unit in grads.units:
            assert [bool(np.any(layer.weight)) for layer in unit.branch if layer.weight is not None] == moving
        for state in grads.states:
            np.testing.assert_array_equal(state, g)


def test_a_post_ln_unit_sends_nothing_back_along_its_input():
    rng = np.random.default_rng(5)
    unit = residual_network(draw_weights(rng, 1, 6), norm="post").units[0]
    exact = type(unit)(unit.branch, unit.shortcut, LayerNorm(epsilon=0))
    x, g = rng.standard_normal((2, 6))
    sent = exact.backward(exact.forward(x), g).input
    assert abs(sent @ x) < 1e-12 * np.linalg.norm(sent) * np.linalg.norm(x)


def test_samples():
    assert mean_and_error([1.0, 3.0]) == (2.0, 1.0)


# The symbolic half's own checks notice damage.


def test_a_wrong_limit_is_noticed():
    (left, right), *_ = symbolic.limits
    with pytest.raises(ValueError, match="limit of"):
        symbolic.check_limits(((left, right + 1),))


def test_a_wrong_product_is_noticed():
    with pytest.raises(ValueError, match="L = 0"):
        symbolic.check_pre_values(((symbolic.pre_product, symbolic.pre_law + 1),))
    with pytest.raises(ValueError, match="L = 1"):
        symbolic.check_pre_values(((symbolic.pre_product, 1 + 2 * symbolic.kappa * L),))


def test_a_wrong_jacobian_is_noticed():
    left, right = symbolic.norm_jacobian
    with pytest.raises(ValueError, match="differs from the Jacobian"):
        symbolic.check_norm_jacobian(((left, right * symbolic.std),))


RNG, WEIGHTS = np.random.default_rng(6), np.zeros((2, 2, 3, 3))


@pytest.mark.parametrize(
    "name, call",
    [
        ("rng", lambda: draw_weights(0, 2, 3)),
        ("depth", lambda: draw_weights(RNG, 0, 3)),
        ("width", lambda: draw_weights(RNG, 2, 1.5)),
        ("variances", lambda: draw_weights(RNG, 2, 3, (-1.0,))),
        ("variances", lambda: draw_weights(RNG, 2, 3, 2.0)),
        ("variances", lambda: draw_weights(RNG, 2, 3, (np.nan,))),
        ("weights", lambda: residual_network(np.zeros((2, 3, 3)))),
        ("lam", lambda: residual_network(WEIGHTS, [1, 2, 3])),
        ("beta", lambda: residual_network(WEIGHTS, beta=np.inf)),
        ("start", lambda: residual_network(WEIGHTS, start="tanh")),
        ("norm", lambda: residual_network(WEIGHTS, norm="batch")),
        ("start", lambda: branch_strength((1.0,), "both")),
        ("variances", lambda: branch_strength("text")),
        ("positive", lambda: branch_strength((1.0,), "relu", None)),
        ("depth", lambda: expected_gain(0)),
        ("lam", lambda: expected_gain(2, [1.0])),
        ("strength", lambda: expected_gain(2, strength="x")),
        ("g", lambda: gains(residual_network(WEIGHTS), np.ones(3), np.zeros(3))),
        ("x", lambda: gains(residual_network(WEIGHTS), 1.0, np.ones(3))),
        ("samples", lambda: mean_and_error([1.0])),
        ("samples", lambda: mean_and_error([[1.0, 2.0]])),
    ],
)
def test_bad_input(name, call):
    with pytest.raises(ValueError, match=rf"{name}: got .+, wanted .+"):
        call()


def test_no_check_leaves_a_slope_to_rounding():
    """A normal form sums to 0, so weights of one sign have an input of 0 for the ReLU, or whatever rounding left."""
    random_cases = [Normalised(np.random.default_rng(seed)) for seed in range(20)]
    for case in random_cases:
        np.testing.assert_allclose(np.mean(np.swapaxes(case.W1, 1, 2) @ case.W1, axis=0),
                                   np.eye(case.n) * case.variances[0] / case.n, atol=1e-12)  # fmt: skip
        case.value_J()
        case.W1 = np.ones_like(case.W1)
        with pytest.raises(CheckError, match="Normalised: an input of a ReLU is 0 up to rounding"):
            case.value_J()


def test_every_public_function_is_tested():
    public = {
        name
        for name, value in vars(initialisation).items()
        if callable(value) and value.__module__ == initialisation.__name__ and not name.startswith("_")
    }
    assert public == {
        "attention_strength",
        "batch_strength",
        "branch_strength",
        "draw_weights",
        "expected_gain",
        "expected_weight_gradients",
        "gains",
        "growing_gain",
        "mean_and_error",
        "norm_places",
        "residual_network",
    }


def test_a_name_of_norms_is_its_places():
    places = {None: (), "pre": ("pre",), "pre+out": ("pre", "out")}
    assert {name: initialisation.norm_places(name) for name in places} == places
    for wrong in ("before", "pre+pre", 1):
        with pytest.raises(ValueError, match="norm: got .+, wanted None, or some of"):
            initialisation.norm_places(wrong)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_batch_normalised_network_has_the_gain_of_its_law(layers):
    """Statistics of the batch differentiated; the law is for wide networks and large batches."""
    depth, width = 12, 192
    gain = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        weights = initialisation.draw_weights(rng, depth, width, (2.0,) * layers)
        units = [Unit([each for W in ws for each in (BatchNormTraining(width), relu, Affine(W))]) for ws in weights]
        net, (x, g) = Network(units), rng.standard_normal((2, width, width))
        gain.append(np.sum(net.backward(net.forward(x), g).states[0] ** 2) / np.sum(g**2))
    law = initialisation.growing_gain(depth, *initialisation.batch_strength((2.0,) * layers))
    assert abs(np.mean(gain) / law - 1) < 0.12
    assert np.mean(gain) > 4 * np.e, "1/sqrt(L) on every branch would bound it by e"


def test_bad_input_to_the_law_of_batch_normalisation():
    with pytest.raises(ValueError, match="^variances: got"):
        initialisation.batch_strength(2.0)
    with pytest.raises(ValueError, match="^depth: got"):
        initialisation.growing_gain(0, 1.0, 1.0)
    with pytest.raises(ValueError, match="^growth: got"):
        initialisation.growing_gain(3, 1.0, np.nan)


@pytest.mark.parametrize("size", [1.0, 1e-100, 1e-170, 1e-300, 1e160, 1e300])
def test_gains_do_not_depend_on_the_length_of_g(size):
    """Squares of 1e-170 are 0 and those of 1e160 infinite; the rows of one batch are of very unlike lengths."""
    net = Network([Unit([Affine(np.eye(2))])])
    assert gains(net, [1.0, 1.0], [size, -size]) == 4
    np.testing.assert_array_equal(gains(net, np.ones((2, 2)), [[size, 0], [1e-5, 1e-5]]), [4, 4])
    with np.errstate(all="raise"):
        assert gains(Network([Unit([Affine(np.eye(2) * 1e-170)], Scale(0.0))]), np.ones(2), np.ones(2)) == 0
    with pytest.raises(ValueError, match="g: got a row of zeros"):
        gains(net, np.ones((2, 2)), [[size, 0], [0, 0]])


def test_gains_of_a_network_that_couples_its_samples():
    """Rows of unlike lengths stay as they are beside one another: each comes back in all of them."""
    rng = np.random.default_rng(20)
    net = Network([Unit([BatchNormTraining(3), Affine(rng.normal(size=(3, 3)))]) for _ in range(2)])
    x, g = rng.normal(size=(2, 4, 3))
    g *= np.array([[1.0], [1e3], [1e-3], [7.0]])
    sent = net.backward(net.forward(x), g).states[0]
    np.testing.assert_allclose(gains(net, x, g), np.sum(sent**2, -1) / np.sum(g**2, -1), rtol=1e-12)
    np.testing.assert_allclose(gains(net, x, 1e-200 * g), gains(net, x, g), rtol=1e-9)


@pytest.mark.parametrize("width", [24, 48])
@pytest.mark.parametrize("depth", [2, 5, 9])
def test_weights_have_the_gradients_predicted(width, depth):
    rng, sample = np.random.default_rng(depth), []
    lam, beta = rng.uniform(0.5, 1, depth), rng.uniform(0.2, 0.8, depth)
    for _ in range(200):
        net = residual_network(draw_weights(rng, depth, width), lam, beta)
        x, g = rng.standard_normal((2, width))
        units = net.backward(net.forward(x), g).units
        sample.append([[np.sum(unit.branch[k].weight ** 2) for k in (0, 2)] for unit in units])
        sample[-1] = np.array(sample[-1]) / ((x @ x) * (g @ g))
    law = initialisation.expected_weight_gradients(depth, lam, beta)
    error = np.std(sample, axis=0, ddof=1) / len(sample) ** 0.5
    assert np.all(np.abs(np.mean(sample, axis=0) - law) < 4.5 * error)
    assert np.any(np.abs(np.mean(sample, axis=0) - law[:, ::-1]) > 4.5 * error), "and not the other weight's"
