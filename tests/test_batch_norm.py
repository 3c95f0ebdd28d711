"""Batch normalisation: fixed statistics, batch statistics (on the flattened batch), layers in a row."""

import numpy as np
import pytest
from random_networks import assert_near, flattened

from resnotes import Affine, Network, Unit, identity, relu, tanh
from resnotes.normalisation import BatchNorm, BatchNormTraining, Sequence
from resnotes.paths import gradient_by_shortcut, jacobian_by_length
from resnotes.shortcuts import Absent, Gate, Projection, layer_jacobian

MEAN, VARIANCE = np.array([1.0, -2.0, 0.5]), np.array([4.0, 0.25, 1.0])
WEIGHT, BIAS = np.array([2.0, -1.0, 0.0]), np.array([0.5, 0.0, 3.0])


def batch(m=5, n=3, seed=0):
    return np.random.default_rng(seed).normal(size=(m, n)) * [1.0, 3.0, 0.1][:n] + 2


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 3)])
def test_fixed_statistics_are_an_affine_map_of_each_entry(shape):
    rng = np.random.default_rng(1)
    layer = BatchNorm(MEAN, VARIANCE, WEIGHT, BIAS, epsilon=0)
    x, g = rng.normal(size=shape), rng.normal(size=shape)
    assert_near(layer.forward(x), WEIGHT * (x - MEAN) / [2.0, 0.5, 1.0] + BIAS, 1e-14)
    assert_near(layer.backward(x, g)[0], g * [1.0, -2.0, 0.0], 1e-14)
    np.testing.assert_allclose(layer.jacobian(x), np.broadcast_to(np.diag([1.0, -2.0, 0.0]), shape[:-1] + (3, 3)))


def test_epsilon_is_inside_the_root():
    layer = BatchNorm([0.0], [0.0], epsilon=0.25)
    np.testing.assert_array_equal(layer.forward(np.array([3.0])), [6.0])
    np.testing.assert_array_equal(layer.slope, [2.0])


@pytest.mark.parametrize("m", [2, 3, 7])
@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 0.5])
def test_batch_statistics_couple_the_samples(m, epsilon):
    x, g = batch(m), np.random.default_rng(3).normal(size=(m, 3))
    layer = BatchNormTraining(3, [2.0, -1.0, 0.7], BIAS, epsilon)
    truth = flattened(layer.forward, x)
    # Two samples leave nothing but rounding where epsilon is 0: compare with the size of the terms.
    size = np.max(np.abs(layer.fixed(x).slope))
    assert np.max(np.abs(layer.batch_jacobian(x) - truth)) < 1e-12 * size
    assert np.max(np.abs(layer.backward(x, g)[0].ravel() - g.ravel() @ truth)) < 1e-11 * size
    if m > 2:  # sample 0 does move sample 1
        assert np.max(np.abs(truth[3:6, 0:3])) > 0.01 * size


def test_the_output_has_mean_bias_and_spread_weight():
    out = BatchNormTraining(3, [2.0, 1.0, 0.5], BIAS, epsilon=0).forward(batch(50))
    assert_near(out.mean(axis=0), BIAS, 1e-12)
    assert_near(out.std(axis=0), [2.0, 1.0, 0.5], 1e-12)


def test_with_two_samples_and_no_epsilon_nothing_comes_back():
    layer = BatchNormTraining(3, epsilon=0)
    x = batch(2)
    sent = layer.backward(x, np.random.default_rng(4).normal(size=(2, 3)))[0]
    assert np.max(np.abs(sent)) < 1e-13 * np.max(layer.fixed(x).slope)


def test_fixed_takes_the_statistics_of_the_batch_and_shares_the_parameters():
    layer, x = BatchNormTraining(3, WEIGHT, BIAS), batch()
    fixed = layer.fixed(x)
    assert_near(fixed.forward(x), layer.forward(x), 1e-13)
    assert fixed.weight is layer.weight and fixed.bias is layer.bias
    # What the fixed one lacks is the coupling.
    assert np.max(np.abs(flattened(fixed.forward, x) - layer.batch_jacobian(x))) > 0.1


def test_float32_stays_float32():
    single = np.float32
    fixed = BatchNorm(MEAN.astype(single), VARIANCE.astype(single))
    assert fixed.forward(batch().astype(single)).dtype == single
    training = BatchNormTraining(3, np.ones(3, single), np.zeros(3, single))
    x = batch().astype(single)
    assert training.forward(x).dtype == training.backward(x, x)[0].dtype == single


def coupled_network(rng, where):
    """Two units of width 3 with batch statistics somewhere in the second."""
    coupled = BatchNormTraining(3)
    plain = Unit([Affine(rng.normal(size=(3, 3))), tanh])
    units = {
        "branch": Unit([Affine(rng.normal(size=(3, 3))), coupled, tanh]),
        "after": Unit([Affine(rng.normal(size=(3, 3)))], after=coupled),
        "shortcut": Unit([Affine(rng.normal(size=(3, 3)))], shortcut=coupled),
        "sequence": Unit([Affine(rng.normal(size=(3, 3)))], after=Sequence(coupled, tanh)),
    }
    return Network([plain, units[where]])


WHERE = ["branch", "after", "shortcut", "sequence"]


@pytest.mark.parametrize("where", WHERE)
def test_backward_sends_the_whole_batch_back_through_batch_statistics(where):
    rng = np.random.default_rng(5)
    net, x, g = coupled_network(rng, where), batch(4), rng.normal(size=(4, 3))
    grads = net.backward(net.forward(x), g)
    truth = flattened(lambda x: net.forward(x).states[-1], x)
    assert_near(grads.states[0].ravel(), g.ravel() @ truth, 1e-12)


@pytest.mark.parametrize("where", WHERE)
def test_a_jacobian_by_sample_is_refused_where_samples_depend_on_one_another(where):
    net = coupled_network(np.random.default_rng(6), where)
    trace = net.forward(batch())
    for call in (
        lambda: net.jacobian(trace),
        lambda: jacobian_by_length(net, trace),
        lambda: net.units[1].jacobians(trace.units[1]),
    ):
        with pytest.raises(ValueError, match=r"layer: got .*depend on one another, wanted layers that treat"):
            call()
    assert net.jacobian(trace, 0, 1).shape == (5, 3, 3)  # the first unit alone is fine
    with pytest.raises(ValueError, match="^unit 1: "):
        net.jacobian(trace)


def test_why_it_is_refused():
    """Repeating a sample by itself gives a batch without spread: the result would be no derivative of anything."""
    layer, x = BatchNormTraining(3), batch()

    class Unmarked:
        forward, backward = layer.forward, layer.backward

    wrong = layer_jacobian(Unmarked(), x)
    right = layer.batch_jacobian(x).reshape(5, 3, 5, 3)
    assert np.max(np.abs(wrong[0] - right[0, :, 0])) > 0.1


def test_a_sequence_is_its_layers_in_order():
    rng = np.random.default_rng(7)
    norm, affine = BatchNorm(MEAN, VARIANCE, WEIGHT, BIAS), Affine(rng.normal(size=(2, 3)), rng.normal(size=2))
    both, x, g = Sequence(norm, tanh, affine), batch(), rng.normal(size=(5, 2))
    np.testing.assert_array_equal(both.forward(x), affine.forward(tanh.forward(norm.forward(x))))
    sent, parameters = both.backward(x, g)
    assert_near(sent.ravel(), g.ravel() @ flattened(both.forward, x), 1e-12)
    assert [type(p) for p in parameters] == [tuple, type(None), tuple]
    np.testing.assert_array_equal(parameters[2][0], affine.backward(tanh.forward(norm.forward(x)), g)[1][0])
    assert not both.couples_batch and Sequence(relu, BatchNormTraining(3)).couples_batch
    assert "tanh" in repr(both)
    net = Network([Unit([Affine(np.eye(3))], after=both)])
    assert_near(
        net.jacobian(net.forward(x[0])),
        2 * affine.weight @ np.diag(tanh.jacobian(norm.forward(2 * x[0])).diagonal() * norm.slope),
        1e-12,
    )


# The part of the gradient that the shortcuts alone bring.


def test_the_gradient_by_shortcut_is_the_path_without_branches():
    rng = np.random.default_rng(8)
    net = Network(
        [
            Unit([Affine(rng.normal(size=(3, 3))), tanh], Projection(rng.normal(size=(3, 3))), after)
            for after in (relu, tanh, identity, BatchNorm(MEAN, VARIANCE))
        ]
    )
    trace, g = net.forward(batch()), rng.normal(size=(5, 3))
    for start, part in enumerate(gradient_by_shortcut(net, trace, g)):
        wanted = np.einsum("ai,aij->aj", g, jacobian_by_length(net, trace, start)[:, 0])
        assert_near(part, wanted, 1e-12)


def test_the_part_by_shortcuts_where_widths_change_and_a_gate_depends_on_its_input():
    rng = np.random.default_rng(11)
    wide, narrow = Affine(rng.normal(size=(4, 3))), Affine(rng.normal(size=(2, 3)))
    gate = Gate(rng.normal(size=(3, 3)), rng.normal(size=3))
    net = Network(
        [Unit([wide, tanh, Affine(rng.normal(size=(3, 4)))], gate), Unit([narrow, tanh], Projection(narrow.weight))]
    )
    trace, g = net.forward(batch()), rng.normal(size=(5, 2))
    by_shortcut = gradient_by_shortcut(net, trace, g)
    for start, part in enumerate(by_shortcut):
        assert_near(part, np.einsum("ai,aij->aj", g, jacobian_by_length(net, trace, start)[:, 0]), 1e-12)
    single = Network([Unit([Affine(np.eye(3, dtype=np.float32))])])
    assert gradient_by_shortcut(single, single.forward(batch().astype(np.float32)), batch())[0].dtype == np.float32


def test_with_batch_statistics_it_is_the_gradient_with_the_branches_held_constant():
    rng = np.random.default_rng(9)
    net = Network([Unit([Affine(rng.normal(size=(3, 3))), tanh], after=BatchNormTraining(3)) for _ in range(3)])
    trace, g = net.forward(batch()), rng.normal(size=(5, 3))

    def run(x):
        for unit, at in zip(net.units, trace.units, strict=True):
            x = unit.after.forward(x + at.branch_output)
        return x

    assert_near(gradient_by_shortcut(net, trace, g)[0].ravel(), g.ravel() @ flattened(run, trace.states[0]), 1e-12)


def test_without_a_shortcut_nothing_comes_back():
    net = Network([Unit([Affine(np.eye(2))], Absent())])
    np.testing.assert_array_equal(gradient_by_shortcut(net, net.forward([1.0, 2.0]), [1.0, 1.0])[0], [0.0, 0.0])


# Bad input.

VECTORS = [
    np.ones(2),
    np.ones((3, 1)),
    [np.nan, 1.0, 1.0],
    [1.0, np.inf, 1.0],
    "abc",
    [1j, 1.0, 1.0],
    1.0,
    [],
    object(),
]


@pytest.mark.parametrize("value", VECTORS)
@pytest.mark.parametrize("name", ["variance", "weight", "bias"])
def test_vectors_that_do_not_fit(name, value):
    arguments = {"mean": MEAN, "variance": VARIANCE, name: value}
    with pytest.raises(ValueError, match=rf"^{name}: got .*, wanted "):
        BatchNorm(**arguments)
    if name != "variance":
        with pytest.raises(ValueError, match=rf"^{name}: got .*, wanted "):
            BatchNormTraining(3, **{name: value})


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"mean": [np.nan], "variance": [1.0]}, "mean"),
        ({"mean": 1.0, "variance": [1.0]}, "mean"),
        ({"mean": [0.0], "variance": [-1.0]}, "variance"),
        ({"mean": [0.0], "variance": [0.0], "epsilon": 0}, "variance"),
        ({"mean": [0.0], "variance": [1.0], "epsilon": -1e-5}, "epsilon"),
        ({"mean": [0.0], "variance": [1.0], "epsilon": "small"}, "epsilon"),
        ({"mean": [0.0], "variance": [1.0], "epsilon": np.nan}, "epsilon"),
    ],
)
def test_statistics_that_are_none(arguments, name):
    with pytest.raises(ValueError, match=rf"^{name}: got .*, wanted "):
        BatchNorm(**arguments)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "3", None])
def test_widths_that_are_none(n):
    with pytest.raises(ValueError, match=r"^n: got .*, wanted "):
        BatchNormTraining(n)


@pytest.mark.parametrize("x", [np.ones(3), np.ones((1, 3)), np.ones((2, 2)), np.ones((2, 2, 3)), "x", np.float64(1)])
@pytest.mark.parametrize("use", ["forward", "backward", "batch_jacobian", "fixed"])
def test_what_is_no_batch(use, x):
    layer = BatchNormTraining(3)
    with pytest.raises(ValueError, match=r"^x: got .*, wanted "):
        layer.backward(x, x) if use == "backward" else getattr(layer, use)(x)


def test_a_component_without_spread_is_refused_only_without_epsilon():
    x = batch()
    x[:, 1] = 7.0
    with pytest.raises(ValueError, match="component 1 the same in all samples"):
        BatchNormTraining(3, epsilon=0).forward(x)
    assert np.isfinite(BatchNormTraining(3).forward(x)).all()


@pytest.mark.parametrize("layers", [(), (relu, 3), (BatchNorm,)])
def test_sequences_of_what_is_no_layer(layers):
    with pytest.raises(ValueError, match=r"^layers(\[\d\])?: got .*, wanted "):
        Sequence(*layers)


@pytest.mark.parametrize("g", [np.ones(2), np.ones((1, 3)), [np.nan, 1.0, 1.0], "g", None])
def test_gradients_that_do_not_fit(g):
    net = Network([Unit([Affine(np.eye(3))])])
    with pytest.raises(ValueError, match=r"^g: got .*, wanted "):
        gradient_by_shortcut(net, net.forward([1.0, 2.0, 3.0]), g)
    other = Network([Unit([Affine(np.eye(3))])])
    with pytest.raises(ValueError, match="trace: got the trace of another network"):
        gradient_by_shortcut(net, other.forward([1.0, 2.0, 3.0]), np.ones(3))
