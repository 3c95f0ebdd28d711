"""The notes' four layers against `Network`, autograd and numbers worked by hand."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from random_networks import MARGIN, assert_near

from resnotes import four_layer

STATES = ["x1", "x2", "x3", "x4", "x5"]


def draw(seed, n, batch):
    """Weights, biases, input and upstream gradient, drawn until every ReLU is clear of its kink."""
    rng = np.random.default_rng(seed)
    while True:
        weights, biases = rng.normal(size=(4, n, n)), rng.normal(size=(4, n))
        x1 = rng.normal(size=batch + (n,))
        s = four_layer.forward(list(weights), list(biases), x1)
        if min(np.abs(s[f"y{k}"]).min() for k in range(2, 6)) > MARGIN:
            return list(weights), list(biases), x1, rng.normal(size=batch + (n,))


@pytest.mark.parametrize("batch", [(), (1,), (3,)])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_against_network(n, batch):
    for seed in range(5):
        weights, biases, x1, g5 = draw(seed, n, batch)
        s, got = four_layer.forward(weights, biases, x1), four_layer.gradients(weights, biases, x1, g5)
        net = four_layer.network(weights, biases)
        trace = net.forward(x1)
        grads = net.backward(trace, g5)
        first, second = trace.units
        for name, wanted in {"x1": trace.states[0], "x3": trace.states[1], "x5": trace.states[2],
                             "x2": first.branch[2], "x4": second.branch[2], "y2": first.branch[1],
                             "y3": first.sum, "y4": second.branch[1], "y5": second.sum}.items():  # fmt: skip
            assert_near(s[name], wanted, 1e-14)
        first, second = grads.units
        pairs = {"x1": grads.states[0], "x3": grads.states[1], "x5": grads.states[2],
                 "x2": first.branch[2].input, "x4": second.branch[2].input}  # fmt: skip
        layers = [first.branch[0], first.branch[2], second.branch[0], second.branch[2]]
        for k, layer in enumerate(layers, start=1):
            pairs |= {f"W{k}": layer.weight, f"b{k}": layer.bias}
        assert got.keys() == pairs.keys()
        for name, wanted in pairs.items():
            assert_near(got[name], wanted, 1e-13)


@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_against_autograd(n, batch):
    for seed in range(3):
        weights, biases, x1, g5 = draw(seed, n, batch)

        def loss(x1, x2, x3, x4, weights, biases):
            """Each state enters as itself plus a shift of 0, whose gradient is the state's."""
            layer = lambda k, x: anp.dot(x, weights[k - 1].T) + biases[k - 1]  # noqa: E731
            relu = lambda y: anp.where(y > 0, y, 0.0)  # noqa: E731
            a = relu(layer(1, x1)) + x2
            b = relu(layer(2, a) + x1) + x3
            c = relu(layer(3, b)) + x4
            return anp.sum(g5 * relu(layer(4, c) + b))

        zero = np.zeros_like(x1)
        arguments = (x1, zero, zero, zero, weights, biases)
        got = four_layer.gradients(weights, biases, x1, g5)
        for index, name in enumerate(STATES[:4]):
            assert_near(got[name], autograd.grad(loss, index)(*arguments), 1e-9)
        for index, name in ((4, "W"), (5, "b")):
            for k, wanted in enumerate(autograd.grad(loss, index)(*arguments), start=1):
                assert_near(got[f"{name}{k}"], wanted, 1e-9)
        np.testing.assert_array_equal(got["x5"], g5)


def test_four_scalars_by_hand():
    weights, biases = [[[2.0]], [[3.0]], [[-1.0]], [[5.0]]], [[0.0], [1.0], [20.0], [-2.0]]
    s = four_layer.forward(weights, biases, [2.0])
    assert {k: v.item() for k, v in s.items()} == {
        "x1": 2, "y2": 4, "x2": 4, "y3": 15, "x3": 15, "y4": 5, "x4": 5, "y5": 38, "x5": 38
    }  # fmt: skip
    got = four_layer.gradients(weights, biases, [2.0], [1.0])
    # g4 = W4, g3 = W4 W3 + 1 = -4, g2 = g3 W2 = -12, g1 = g3 (W2 W1 + 1) = -28
    assert {k: v.item() for k, v in got.items()} == {
        "x5": 1, "x4": 5, "x3": -4, "x2": -12, "x1": -28,
        "W4": 5, "W3": 75, "W2": -16, "W1": -24, "b4": 1, "b3": 5, "b2": -4, "b1": -12,
    }  # fmt: skip


def test_relu_masks_the_highway_and_is_flat_at_zero():
    zero = [np.zeros((2, 2))] * 4
    got = four_layer.gradients(zero, [np.zeros(2)] * 4, [1.0, -1.0], [1.0, 1.0])
    np.testing.assert_array_equal(got["x3"], [1, 0])  # y5 = x3 = (1, 0), and ReLU'(0) = 0
    np.testing.assert_array_equal(got["x1"], [1, 0])


@pytest.mark.parametrize("closed", [2, 3, 4, 5])
def test_each_relu_is_flat_at_zero(closed):
    """Scalars with every weight 1 and every pre-activation 1 but the one that is exactly 0."""
    y = {k: float(k != closed) for k in range(2, 6)}
    biases = [[y[2] - 1], [y[3] - y[2] - 1], [y[4] - y[3]], [y[5] - y[4] - y[3]]]
    arguments = ([[[1.0]]] * 4, biases, [1.0])
    s, got = four_layer.forward(*arguments), four_layer.gradients(*arguments, [1.0])
    assert {k: s[f"y{k}"].item() for k in y} == y
    assert got[f"x{closed}"] != 0  # something arrives at the state ...
    assert got[f"b{closed - 1}"] == 0  # ... and nothing passes its ReLU


def test_the_comparison_sees_a_lost_path():
    weights, biases, x1, g5 = draw(0, 3, ())
    weights, biases, x1 = [np.abs(w) for w in weights], [np.abs(b) for b in biases], np.abs(x1)
    got = four_layer.gradients(weights, biases, x1, g5)
    W1, W2, W3, W4 = weights
    block, skip = W2 @ W1 + np.eye(3), np.eye(3)
    states = four_layer.forward(weights, biases, x1)
    assert min(states[f"y{k}"].min() for k in range(2, 6)) > 0  # every ReLU open
    assert_near(got["x1"], g5 @ (W4 @ W3 + skip) @ block, 1e-12)
    for wrong in (g5 @ (W4 @ W3) @ block, g5 @ (W4 @ W3 + skip) @ W2 @ W1, g5 @ (W4 @ W3 + 2 * skip) @ block):
        with pytest.raises(AssertionError):
            assert_near(got["x1"], wrong, 1e-9)


@pytest.mark.parametrize("batch", [(), (2,)])
def test_float32_is_honoured(batch):
    weights, biases, x1, g5 = draw(4, 3, batch)
    single = [[a.astype(np.float32) for a in arrays] for arrays in (weights, biases)]
    for values in (four_layer.forward(*single, x1.astype(np.float32)),
                   four_layer.gradients(*single, x1.astype(np.float32), g5)):  # fmt: skip
        assert {v.dtype for v in values.values()} == {np.dtype(np.float32)}


def test_arrays_of_four_will_do():
    weights, biases, x1, g5 = draw(5, 2, ())
    a = four_layer.gradients(weights, biases, x1, g5)
    b = four_layer.gradients(np.array(weights), np.array(biases), x1, g5)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    listed = np.empty(4, object)  # a list of four in an array's clothes: one axis, entries of any shape
    listed[:] = biases
    for name, value in four_layer.gradients(weights, listed, x1, g5).items():
        np.testing.assert_array_equal(a[name], value)


def test_an_array_without_axes_is_no_list_of_four():
    with pytest.raises(ValueError, match="weights: got .*shape \\(\\).*wanted a list of four"):
        four_layer.network(np.array(1.0), [np.zeros(1)] * 4)
