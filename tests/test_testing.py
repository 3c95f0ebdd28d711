"""The check for layers of one's own sees what is wrong, tells kinks apart, and passes the package's layers."""

import doctest

import numpy as np
import pytest

import resnotes.testing
from resnotes import Affine, BatchNorm, BatchNormTraining, LayerNorm, RMSNorm, gelu, identity, relu, silu, tanh
from resnotes.normalisation import Sequence
from resnotes.shortcuts import (
    Convolution1x1,
    Diagonal,
    DoublyStochastic,
    Dropout,
    Gate,
    Projection,
    Rotation,
    Scale,
    StopGradient,
    Subsample,
    ZeroPad,
)
from resnotes.testing import GradientError, KinkError, check_gradient

W = np.array([[1.0, -2.0, 0.5], [3.0, 0.1, 4.0], [0.2, -0.7, 0.3]])
V = np.array([2.0, -1.0, 0.7])
LAYERS = [
    Affine(W[:2], V[:2]), Affine(W), relu, tanh, silu, gelu, identity, Scale(0.5), Diagonal(V), Projection(W[:2]),
    ZeroPad(5), Gate(W, V), Convolution1x1(W[:2, :1], 3), Subsample(3, 1, 1, 1, 4), Dropout([1.0, 0.0, 1.0], 0.5),
    Rotation([[0.0, 1.0, 0.0], [0.6, 0.0, -0.8], [0.8, 0.0, 0.6]]), DoublyStochastic(np.ones((3, 3)) / 3),
    LayerNorm(), LayerNorm(V, V), LayerNorm(bias=V, epsilon=0), RMSNorm(), RMSNorm(V, 0),
    BatchNorm(V, [4.0, 0.25, 1.0], V, V, 0.0), Sequence(tanh, relu),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("batch", [(), (5,), (2, 2)])
def test_every_layer_of_the_package(layer, batch):
    x = np.random.default_rng(1).normal(size=(*batch, 3)) + 0.3
    check_gradient(layer, x)


@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 0.5])
def test_statistics_of_the_batch(epsilon):
    check_gradient(BatchNormTraining(3, V, V, epsilon), np.random.default_rng(2).normal(size=(6, 3)))


def test_float32():
    check_gradient(Affine(W.astype(np.float32), V.astype(np.float32)), np.ones((4, 3), np.float32))


class Custom:
    """A layer with one thing wrong."""

    def __init__(self, slope=lambda x: 2 * x, at_weight=1.0, at_bias=1.0):
        self.slope, self.at_weight, self.at_bias = slope, at_weight, at_bias
        self.weight, self.bias = V.copy(), np.array(0.3)

    def forward(self, x):
        return self.weight * x**2 + self.bias

    def backward(self, x, g):
        weight = self.at_weight * (g * x**2).reshape(-1, 3).sum(axis=0)
        return g * self.weight * self.slope(x), (weight, self.at_bias * g.sum())


@pytest.mark.parametrize("name, wrong", [
    ("x", {"slope": lambda x: x}),
    ("x", {"slope": lambda x: 2 * x * (np.arange(3) != 1)}),
    ("x", {"slope": lambda x: 2.0001 * x}),
    ("weight", {"at_weight": 0.25}),
    ("weight", {"at_weight": np.array([1, -1, 1])}),
    ("bias", {"at_bias": -1.0}),
])  # fmt: skip
def test_mistakes_are_seen_and_both_numbers_said(name, wrong):
    x = np.random.default_rng(3).normal(size=(4, 3))
    layer = Custom(**wrong)
    check_gradient(Custom(), x)
    with pytest.raises(
        GradientError, match=rf"^{name}: backward gives -?[\d.]+, differences of forward -?[\d.]+ along"
    ) as caught:
        check_gradient(layer, x)
    assert not isinstance(caught.value, KinkError)
    np.testing.assert_array_equal(layer.weight, V)  # put back


def test_a_kink_is_no_mistake_and_one_beside_x_does_no_harm():
    with pytest.raises(KinkError, match="a kink, move x"):
        check_gradient(relu, [0.0, 1.0])
    check_gradient(relu, [3e-6, 1.0, -2e-6])
    with pytest.raises(GradientError, match="x: ") as caught:
        check_gradient(StopGradient(tanh), [1.0, 2.0])
    assert not isinstance(caught.value, KinkError)


def test_parameters_by_name():
    class Named:
        angle = np.array(0.4)

        def forward(self, x):
            return np.cos(self.angle) * x

        def backward(self, x, g):
            return np.cos(self.angle) * g, np.sum(-np.sin(self.angle) * g * x)

    check_gradient(Named(), [1.0, 2.0], parameters=["angle"])
    with pytest.raises(ValueError, match="parameters: got .*wanted the names"):
        check_gradient(Named(), [1.0, 2.0])


@pytest.mark.parametrize("call", [
    lambda: check_gradient(np.tanh, [1.0]), lambda: check_gradient(tanh, 1.0), lambda: check_gradient(tanh, [np.nan]),
    lambda: check_gradient(tanh, [1.0], directions=0),
])  # fmt: skip
def test_bad_input(call):
    with pytest.raises(ValueError, match="got .*wanted"):
        call()


def test_the_example():
    result = doctest.testmod(resnotes.testing, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0 and result.failed == 0
