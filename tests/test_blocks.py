"""The five kinds of residual units at random initialisation."""

import numpy as np
import pytest
from random_networks import assert_near, flattened

from resnotes import BatchNorm, BatchNormTraining, blocks, identity, relu
from resnotes.normalisation import Sequence
from resnotes.paths import gradient_by_shortcut


@pytest.mark.parametrize("kind", blocks.ORDERS)
def test_backward_on_the_whole_batch(kind):
    rng = np.random.default_rng(1)
    net = blocks.network(kind, 3, 4, rng)
    x, g = blocks.stem(5, 4, rng), rng.normal(size=(5, 4))
    truth = flattened(lambda x: net.forward(x).states[-1], x)
    assert_near(net.backward(net.forward(x), g).states[0].ravel(), g.ravel() @ truth, 1e-9)


@pytest.mark.parametrize("kind", blocks.ORDERS)
def test_fixed_statistics_keep_the_states_and_part_the_samples(kind):
    rng = np.random.default_rng(2)
    net, x = blocks.network(kind, 4, 6, rng), blocks.stem(10, 6, rng)
    fixed = blocks.with_fixed_statistics(net, x)
    trace = fixed.forward(x)
    for got, want in zip(trace.states, net.forward(x).states, strict=True):
        assert_near(got, want, 1e-9)
    assert fixed.jacobian(trace).shape == (10, 6, 6)
    assert_near(fixed.forward(x[3]).states[-1], trace.states[-1][3], 1e-9)  # alone as in the batch
    with pytest.raises(ValueError, match="depend on one another"):
        net.jacobian(net.forward(x))
    if "norm" not in blocks.ORDERS[kind][1]:
        return
    after = fixed.units[0].after
    assert isinstance(after, Sequence) and isinstance(after.layers[0], BatchNorm) and after.layers[1] is relu


def test_the_orders_are_those_of_the_paper():
    def names(kind):
        unit = blocks.unit(kind, 3, np.random.default_rng(0))
        return [type(layer).__name__ for layer in unit.branch], unit.after

    norm = "BatchNormTraining"
    assert names("original") == (["Affine", norm, "ReLU", "Affine", norm], relu)
    branch, after = names("norm after addition")
    assert branch == ["Affine", norm, "ReLU", "Affine"]
    assert [type(layer) for layer in after.layers] == [BatchNormTraining, type(relu)]
    assert names("ReLU before addition") == (["Affine", norm, "ReLU", "Affine", norm, "ReLU"], identity)
    assert names("ReLU-only pre-activation") == (["ReLU", "Affine", norm, "ReLU", "Affine", norm], identity)
    assert names("full pre-activation") == ([norm, "ReLU", "Affine", norm, "ReLU", "Affine"], identity)


def test_weights_have_variance_two_over_n():
    unit = blocks.unit("original", 200, np.random.default_rng(3))
    for layer in (unit.branch[0], unit.branch[3]):
        # 40,000 entries: the standard error of the variance is 0.7 % of it.
        assert abs(layer.weight.var() * 200 / 2 - 1) < 0.04 and layer.bias is None


def test_what_the_relus_leave_follows_the_law():
    """Sixteen networks of 20 units: the law within 4 standard errors and 0.01 for what the law leaves out."""

    def q(n):
        return np.prod(1 - 0.5 / np.arange(1, n + 1))

    shares = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        net, x = blocks.network("original", 20, 48, rng), blocks.stem(48, 48, rng)
        g = rng.normal(size=x.shape)
        shares.append([np.sum(part**2) / np.sum(g**2) for part in gradient_by_shortcut(net, net.forward(x), g)])
    mean, error = np.mean(shares, axis=0), np.std(shares, axis=0, ddof=1) / 4
    law = np.array([sum(q(k) * q(21 - k) for k in range(start + 2)) for start in range(21)])
    assert np.all(np.abs(mean - law) < 4 * error + 0.01)
    assert np.all(np.abs(mean - 0.5 ** (20 - np.arange(21)))[:-2] > 0.3 * law[:-2])  # coins are far off


@pytest.mark.parametrize("kind", ["ReLU before addition", "ReLU-only pre-activation", "full pre-activation"])
def test_with_nothing_after_the_addition_all_of_it_arrives(kind):
    rng = np.random.default_rng(4)
    net, x = blocks.network(kind, 30, 8, rng), blocks.stem(6, 8, rng)
    g = rng.normal(size=x.shape)
    np.testing.assert_array_equal(gradient_by_shortcut(net, net.forward(x), g)[0], g)


@pytest.mark.parametrize("kind", ["Original", "", None, 3, ["original"]])
def test_kinds_that_are_none(kind):
    with pytest.raises(ValueError, match=r"^kind: got .*, wanted one of original, "):
        blocks.unit(kind, 4, np.random.default_rng(0))


@pytest.mark.parametrize(
    "arguments, name", [((0, 4), "depth"), ((2.0, 4), "depth"), ((2, 0), "width"), ((2, "4"), "width")]
)
def test_sizes_that_are_none(arguments, name):
    with pytest.raises(ValueError, match=rf"^{name}: got .*, wanted "):
        blocks.network("original", *arguments, np.random.default_rng(0))


def test_one_sample_has_no_statistics():
    net = blocks.network("original", 2, 4, np.random.default_rng(0))
    for x in (np.ones(4), np.ones((1, 4))):
        with pytest.raises(ValueError, match="at least two samples"):
            blocks.with_fixed_statistics(net, x)
