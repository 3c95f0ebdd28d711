"""Forward, backward and Jacobian against derivatives that use no chain rule of ours."""

import doctest
import re
import subprocess
import sys

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd.tracer import getval
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import (
    ACTIVATIONS,
    MARGIN,
    SHORTCUTS,
    Gate,
    assert_near,
    build,
    draw,
    parameter_gradients,
    reference,
    relu_distance,
)

import resnotes
import resnotes.network
from resnotes import Affine, Network, Unit, identity, relu, tanh
from resnotes.shortcuts import Absent, Layer, Projection, Scale, StopGradient

H_COMPLEX = 1e-30
H_CENTRAL = 1e-5


def cases():
    """Every shortcut with every f and every activation; depths 1 to 7, single samples and batches."""
    seed = 0
    for shortcut in SHORTCUTS:
        for after in ACTIVATIONS:
            for activation in ACTIVATIONS:
                seed += 1
                depth = 1 + seed % 7
                batch = (None, 1, 3)[seed % 3]
                name = f"{shortcut}-{after}-{activation}"
                yield pytest.param(seed, depth, shortcut, activation, after, batch, id=name)


def drawn(seed, depth, shortcut, activation, after, batch):
    """A case's network: every other unit has the case's shortcut and f, the others any."""
    rng = np.random.default_rng(seed)
    shortcuts = [shortcut if i % 2 == 0 else str(rng.choice(SHORTCUTS)) for i in range(depth)]
    fs = [after if i % 2 == 0 else str(rng.choice(list(ACTIVATIONS))) for i in range(depth)]
    parameters, units, x = draw(rng, depth, shortcuts, activation, fs, batch)
    net = build(parameters, units)
    trace = net.forward(x)
    assert relu_distance(net, trace) > MARGIN
    return rng, parameters, units, x, net, trace


def full_value(x):
    """Autograd's stop-gradient."""
    while getval(x) is not x:
        x = getval(x)
    return x


def complex_step_jacobian(parameters, units, x):
    """∂x_L/∂x by the complex step on the reference; a stop-gradient drops the imaginary part."""
    columns = []
    for j in range(x.shape[-1]):
        moved = x.astype(complex)
        moved[..., j] += 1j * H_COMPLEX
        columns.append(reference(parameters, units, moved, stop=np.real)[-1].imag / H_COMPLEX)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("seed, depth, shortcut, activation, after, batch", list(cases()))
def test_against_autograd_and_complex_step(seed, depth, shortcut, activation, after, batch):
    rng, parameters, units, x, net, trace = drawn(seed, depth, shortcut, activation, after, batch)
    for got, wanted in zip(trace.states, reference(parameters, units, x, stop=lambda z: z), strict=True):
        assert_near(got, wanted, 1e-13)
    g = rng.normal(size=trace.states[-1].shape)
    grads = net.backward(trace, g)
    alone = net.backward(trace, g, parameters=False)
    for got, wanted in zip(alone.states, grads.states, strict=True):
        assert np.array_equal(got, wanted)
    assert all(layer.parameter is None for unit in alone.units for layer in (*unit.branch, unit.shortcut, unit.after))

    def loss(parameters, x, first=0):
        return anp.sum(g * reference(parameters, units[first:], x, xp=anp, stop=full_value)[-1])

    # All parameters, and every state: g_l is the gradient of what stands above x_l.
    wanted = autograd.grad(loss)(parameters, x)
    for got, want in zip(parameter_gradients(units, grads, len(parameters)), wanted, strict=True):
        assert_near(got, want, 1e-9)
    for start in range(depth):
        assert_near(grads.states[start], autograd.grad(loss, 1)(parameters, trace.states[start], start), 1e-9)
        jacobian = net.jacobian(trace, start)
        assert_near(jacobian, complex_step_jacobian(parameters, units[start:], trace.states[start]), 1e-9)
        assert_near(grads.states[start], np.einsum("...i,...ij->...j", g, jacobian), 1e-12)
    middle = depth // 2
    assert_near(net.jacobian(trace, 0, middle), complex_step_jacobian(parameters, units[:middle], x), 1e-9)
    assert_near(net.jacobian(trace, middle) @ net.jacobian(trace, 0, middle), net.jacobian(trace), 1e-12)


@pytest.mark.parametrize(
    "seed, depth, shortcut, activation, after, batch",
    [case for case in cases() if not case.values[2].startswith("stop")],
)
def test_against_differences_of_the_packages_own_forward(seed, depth, shortcut, activation, after, batch):
    """Central differences (every parameter) and complex step (every state) through `Network.forward`."""
    rng, parameters, units, x, _, _ = drawn(seed, depth, shortcut, activation, after, batch)
    for unit in units:
        unit["shortcut"] = unit["shortcut"].removeprefix("stop ")  # differences see through a stop-gradient
    net = build(parameters, units)
    trace = net.forward(x)
    assert relu_distance(net, trace) > MARGIN  # the states are the same: see the test of StopGradient
    g = rng.normal(size=trace.states[-1].shape)
    grads = net.backward(trace, g)

    def loss(parameters, x):
        return np.sum(g * build(parameters, units).forward(x).states[-1])

    flat = parameter_gradients(units, grads, len(parameters))
    for k, (value, got) in enumerate(zip(parameters, flat, strict=True)):
        wanted = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            sides = []
            for h in (H_CENTRAL, -H_CENTRAL):
                moved = [np.array(p) for p in parameters]
                moved[k][index] += h
                sides.append(loss(moved, x))
            wanted[index] = (sides[0] - sides[1]) / (2 * H_CENTRAL)
        # Where a gradient is small beside the loss, the difference of two losses has lost its digits.
        noise = 1e-10 * max(1.0, abs(loss(parameters, x)))
        assert np.max(np.abs(got - wanted)) <= 1e-6 * np.max(np.abs(wanted)) + noise
    columns = []
    for j in range(x.shape[-1]):
        moved = x.astype(complex)
        moved[..., j] += 1j * H_COMPLEX
        states = net.forward(moved).states
        assert all(s.dtype == np.complex128 for s in states)
        columns.append(states[-1].imag / H_COMPLEX)
        moved = np.array(x)
        moved[..., j] += H_CENTRAL
        above = net.forward(moved).states[-1]
        moved[..., j] -= 2 * H_CENTRAL
        central = (above - net.forward(moved).states[-1]) / (2 * H_CENTRAL)
        assert np.max(np.abs(central - columns[-1])) <= 1e-6 * max(1.0, np.max(np.abs(columns[-1])))
    assert_near(net.jacobian(trace), np.stack(columns, axis=-1), 1e-9)


class ForgetsItsMask(Layer):
    def forward(self, x):
        return relu.forward(x)

    def backward(self, x, g):
        return g, None


class Untransposed(Affine):
    def backward(self, x, g):
        return g @ self.weight.T, super().backward(x, g)[1]


class ForgetsTheBatch(Projection):
    def backward(self, x, g):
        sent, parameter = super().backward(x, g)
        return sent, parameter / len(np.atleast_2d(x))


class SlopeFromOutput(Layer):
    def forward(self, x):
        return np.tanh(x)

    def backward(self, x, g):
        return g * (1 - x**2), None


@pytest.mark.parametrize("damage", ["mask", "transpose", "batch", "slope", "skip", "sum of paths"])
def test_the_comparison_sees_common_mistakes(damage):
    """A wrong backward rule must not pass the comparison with the complex step."""
    rng = np.random.default_rng(7)
    W, V, P = (rng.normal(size=(3, 3)) for _ in range(3))
    branch, shortcut = [Affine(W), relu, Affine(V), tanh], Projection(P)
    x = rng.normal(size=(4, 3))
    if damage == "mask":
        branch[1] = ForgetsItsMask()
    elif damage == "transpose":
        branch[0] = Untransposed(W)
    elif damage == "batch":
        shortcut = ForgetsTheBatch(P)
    elif damage == "slope":
        branch[3] = SlopeFromOutput()
    elif damage == "skip":
        shortcut = StopGradient(shortcut)
    net = Network([Unit(branch, shortcut)])
    good = Network([Unit([Affine(W), relu, Affine(V), tanh], Projection(P))])
    g = rng.normal(size=(4, 3))
    grads, trace = net.backward(net.forward(x), g), good.forward(x)
    wanted = good.backward(trace, g)
    moved = x.astype(complex)
    moved[:, 0] += 1j * H_COMPLEX
    column = np.sum(g * good.forward(moved).states[-1].imag / H_COMPLEX, axis=1)
    assert_near(wanted.states[0][:, 0], column, 1e-9)
    if damage == "batch":
        with pytest.raises(AssertionError):
            assert_near(grads.units[0].shortcut.weight, wanted.units[0].shortcut.weight, 1e-9)
    elif damage == "sum of paths":
        with pytest.raises(AssertionError):  # the branch alone, the skip's part lost
            assert_near(grads.units[0].branch[0].input[:, 0], column, 1e-9)
    else:
        with pytest.raises(AssertionError):
            assert_near(grads.states[0][:, 0], column, 1e-9)


def small_net():
    return Network(
        [
            Unit([Affine([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]], [0.5, 0.0, -1.0]), relu,
                  Affine([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]], [0.0, 1.0])], after=relu),
            Unit([Affine([[2.0, 1.0]])], shortcut=Projection([[1.0, -1.0]])),
        ]
    )  # fmt: skip


def test_a_network_by_hand():
    net = small_net()
    trace = net.forward([1.0, -2.0])
    first, second = trace.units
    # W x + b = (1 - 4 + 0.5, 2, 3 - 2 - 1) = (-2.5, 2, 0)
    np.testing.assert_array_equal(first.branch[0], [1, -2])
    np.testing.assert_array_equal(first.branch[1], [-2.5, 2, 0])
    np.testing.assert_array_equal(first.branch[2], [0, 2, 0])
    np.testing.assert_array_equal(first.branch_output, [0, 3])
    np.testing.assert_array_equal(first.sum, [1, 1])
    np.testing.assert_array_equal(first.output, [1, 1])
    np.testing.assert_array_equal(second.sum, [3])
    assert [s.tolist() for s in trace.states] == [[1, -2], [1, 1], [3]]
    grads = net.backward(trace, [2.0])
    np.testing.assert_array_equal(grads.states[2], [2])
    np.testing.assert_array_equal(grads.units[1].sum, [2])
    np.testing.assert_array_equal(grads.units[1].branch[0].weight, [[2, 2]])
    assert grads.units[1].branch[0].bias is None
    np.testing.assert_array_equal(grads.units[1].shortcut.weight, [[2, 2]])
    np.testing.assert_array_equal(grads.units[1].shortcut.input, [2, -2])
    np.testing.assert_array_equal(grads.states[1], [6, 0])  # (2, 1) by 2 and (1, -1) by 2
    np.testing.assert_array_equal(grads.units[0].sum, [6, 0])
    np.testing.assert_array_equal(grads.units[0].after.input, [6, 0])
    np.testing.assert_array_equal(grads.units[0].branch[2].weight, [[0, 12, 0], [0, 0, 0]])
    np.testing.assert_array_equal(grads.units[0].branch[2].bias, [6, 0])
    np.testing.assert_array_equal(grads.units[0].branch[2].input, [6, 0, 12])
    # The third entry's pre-activation is exactly 0: ReLU'(0) = 0.
    np.testing.assert_array_equal(grads.units[0].branch[1].input, [0, 0, 0])
    assert grads.units[0].branch[1].weight is None and grads.units[0].shortcut.weight is None
    np.testing.assert_array_equal(grads.states[0], [6, 0])
    np.testing.assert_array_equal(net.jacobian(trace, 1, 2), [[3, 0]])
    np.testing.assert_array_equal(net.jacobian(trace), [[3, 0]])


def test_relu_at_zero_and_after_the_addition():
    net = Network([Unit([identity], shortcut=Scale(-1.0), after=relu)])
    trace = net.forward([2.0, -3.0])
    np.testing.assert_array_equal(trace.units[0].sum, [0, 0])
    np.testing.assert_array_equal(net.jacobian(trace), np.zeros((2, 2)))


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_a_batch_is_its_samples(shortcut):
    rng = np.random.default_rng(3)
    parameters, units, x = draw(rng, 3, [shortcut] * 3, "tanh", ["relu", "identity", "tanh"], 4)
    net = build(parameters, units)
    trace = net.forward(x)
    g = rng.normal(size=trace.states[-1].shape)
    grads = net.backward(trace, g)
    summed = [np.zeros_like(p) for p in parameters]
    for sample in range(4):
        one = net.forward(x[sample])
        for many, single in zip(trace.states, one.states, strict=True):
            assert_near(single, many[sample], 1e-13)
        back = net.backward(one, g[sample])
        for many, single in zip(grads.states, back.states, strict=True):
            assert_near(single, many[sample], 1e-12)
        for stop in range(4):
            for start in range(stop + 1):
                assert_near(net.jacobian(one, start, stop), net.jacobian(trace, start, stop)[sample], 1e-12)
        for total, part in zip(summed, parameter_gradients(units, back, len(parameters))):
            total += part
    for got, wanted in zip(parameter_gradients(units, grads, len(parameters)), summed):
        assert_near(got, wanted, 1e-12)


@pytest.mark.parametrize("batch", [None, 2])
def test_jacobian_from_a_state_to_itself_is_the_identity(batch):
    net = small_net()
    trace = net.forward([1.0, 2.0] if batch is None else [[1.0, 2.0], [3.0, 4.0]])
    for l, n in enumerate([2, 2, 1]):
        wanted = np.eye(n) if batch is None else np.stack([np.eye(n)] * 2)
        np.testing.assert_array_equal(net.jacobian(trace, l, l), wanted)
    assert net.jacobian(trace, 1).shape == ((1, 2) if batch is None else (2, 1, 2))
    assert net.jacobian(trace, start=1, stop=None).tolist() == net.jacobian(trace, start=1, stop=2).tolist()


class Rotation(Layer):
    """A user's layer with a parameter of its own: rotates pairs by an angle."""

    def __init__(self, angle):
        self.angle = angle

    def _matrix(self, shift=0.0):
        c, s = np.cos(self.angle + shift), np.sin(self.angle + shift)
        return np.array([[c, -s], [s, c]])

    def forward(self, x):
        return x @ self._matrix().T

    def backward(self, x, g):
        return g @ self._matrix(), np.sum(g * (x @ self._matrix(np.pi / 2).T))


def test_any_layer_may_stand_after_the_addition():
    rng = np.random.default_rng(0)
    W, V = rng.normal(size=(3, 2)), rng.normal(size=(2, 2))
    x, g = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    last = Unit([Affine(V)], after=Affine(W, [1.0, 2.0, 3.0]))
    net = Network([Unit([Affine(V)], after=Rotation(0.3)), last])
    trace = net.forward(x)
    grads = net.backward(trace, g)
    np.testing.assert_allclose(grads.units[1].after.weight, g.T @ trace.units[1].sum)
    np.testing.assert_allclose(grads.units[1].after.bias, g.sum(axis=0))
    np.testing.assert_allclose(grads.units[1].sum, g @ W)
    np.testing.assert_allclose(grads.units[1].after.input, grads.units[1].sum)
    sides = []
    for angle in (0.3 + 1e-6, 0.3 - 1e-6):
        moved = Network([Unit([Affine(V)], after=Rotation(angle)), net.units[1]])
        sides.append(np.sum(g * moved.forward(x).states[-1]))
    np.testing.assert_allclose(grads.units[0].after.weight, (sides[0] - sides[1]) / 2e-6, rtol=1e-8)
    assert grads.units[0].after.bias is None
    one = net.forward(x[0])
    R = Rotation(0.3)._matrix()
    np.testing.assert_allclose(net.jacobian(one), W @ (np.eye(2) + V) @ R @ (np.eye(2) + V), rtol=1e-12)


def test_unit_jacobians():
    rng = np.random.default_rng(1)
    for shortcut in SHORTCUTS:
        for batch in (None, 2):
            parameters, units, x = draw(rng, 2, [shortcut] * 2, "tanh", ["tanh", "relu"], batch)
            net = build(parameters, units)
            trace = net.forward(x)
            for l, unit in enumerate(net.units):
                D, H, J = unit.jacobians(trace.units[l])
                assert_near(D @ (H + J), net.jacobian(trace, l, l + 1), 1e-12)
                if shortcut.startswith("stop") or shortcut == "absent":
                    assert not H.any()
                elif shortcut == "identity":
                    np.testing.assert_array_equal(H, np.broadcast_to(np.eye(H.shape[-1]), H.shape))


def test_a_stop_gradient_leaves_the_forward_pass_alone():
    rng = np.random.default_rng(2)
    W, x, g = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    free = Network([Unit([Affine(W), tanh])])
    stopped = Network([Unit([Affine(W), tanh], shortcut=StopGradient(resnotes.shortcuts.Identity()))])
    a, b = free.forward(x), stopped.forward(x)
    np.testing.assert_array_equal(a.states[-1], b.states[-1])
    da, db = free.backward(a, g), stopped.backward(b, g)
    np.testing.assert_array_equal(da.units[0].branch[0].weight, db.units[0].branch[0].weight)
    np.testing.assert_allclose(da.states[0] - db.states[0], g, rtol=1e-14)  # what is lost is g itself


def all_arrays(trace, grads, net):
    yield from trace.states
    yield from grads.states
    yield net.jacobian(trace)
    for record, g in zip(trace.units, grads.units):
        yield from (*record.branch, record.branch_output, record.sum, record.output, g.sum, g.input)
        for layer in (*g.branch, g.shortcut, g.after):
            yield layer.input
            yield from (a for a in (layer.weight, layer.bias) if a is not None)


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("batch", [None, 3])
def test_float32_is_honoured_throughout(shortcut, batch):
    rng = np.random.default_rng(5)
    for after in ACTIVATIONS:
        parameters, units, x = draw(rng, 2, [shortcut] * 2, "tanh", [after] * 2, batch)
        single = build([p.astype(np.float32) for p in parameters], units)
        trace = single.forward(x.astype(np.float32))
        ones = np.ones(trace.states[-1].shape)  # float64, taken in the state's format
        for array in all_arrays(trace, single.backward(trace, ones), single):
            assert array.dtype == np.float32
        double = build(parameters, units)
        trace = double.forward(x)
        for array in all_arrays(trace, double.backward(trace, ones), double):
            assert array.dtype == np.float64


@pytest.mark.parametrize("x", [[1, 2], np.array([1, 2], np.int8), np.array([1, 2], np.float16), (1, 2.0)])
def test_other_real_input_is_float64(x):
    net = Network([Unit([Affine([[1, 2], [3, 4]], [0, 1]), tanh], shortcut=Scale(2), after=relu)])
    trace = net.forward(x)
    for array in all_arrays(trace, net.backward(trace, [1, 1]), net):
        assert array.dtype == np.float64


def test_parameters_are_kept_and_may_be_updated_in_place():
    W = np.eye(2)
    net = Network([Unit([Affine(W)])])
    assert net.units[0].branch[0].weight is W
    net.units[0].branch[0].weight -= 2 * np.eye(2)
    np.testing.assert_array_equal(net.forward([1.0, 2.0]).states[-1], [0, 0])


def test_forward_and_backward_change_nothing_they_were_given():
    net, x, g = small_net(), np.array([[1.0, -2.0]]), np.array([[2.0]])
    trace = net.forward(x)
    before = [s.copy() for s in trace.states]
    x[:] = 99.0
    np.testing.assert_array_equal(trace.states[0], [[1, -2]])
    grads = net.backward(trace, g)
    g[:] = 99.0
    np.testing.assert_array_equal(grads.states[-1], [[2]])
    net.jacobian(trace)
    for a, b in zip(before, trace.states):
        np.testing.assert_array_equal(a, b)


def test_tanh_keeps_its_slope_where_it_saturates():
    x = np.array([-400.0, -20.0, 0.0, 20.0, 300.0])
    got, _ = tanh.backward(x, np.ones(5))
    # tanh' = 4 e^{-2|x|} to the last bits out there, where 1 - tanh**2 is 0
    far = 4 * np.exp([-800.0, -40.0, -600.0])
    np.testing.assert_allclose(got, [far[0], far[1], 1.0, far[1], far[2]], rtol=1e-14)


def test_activations_can_be_called():
    np.testing.assert_array_equal(relu([-1, -5e-324, 0, 5e-324, 2]), [0, 0, 0, 5e-324, 2])
    np.testing.assert_array_equal(tanh(np.array([0.5])), np.tanh([0.5]))
    np.testing.assert_array_equal(identity(np.array([[3.0]])), [[3.0]])
    np.testing.assert_array_equal(Affine([[1.0, 1.0]], [1.0])([1.0, 2.0]), [4.0])
    z = np.array([1 + 2j, -1 + 2j])
    np.testing.assert_array_equal(relu(z), [1 + 2j, 0])
    np.testing.assert_array_equal(relu(np.array([2j, -2j])), [0, 0])  # at the kink the slope is 0


def test_only_the_number_zero_fits_every_branch():
    class OneZero(Absent):
        def forward(self, x):
            return np.zeros(1)

    with pytest.raises(ValueError, match=r"shortcut .*output: got .*\(1,\).*wanted shape \(2,\)"):
        Network([Unit([identity], shortcut=OneZero())]).forward([1.0, 2.0])


@pytest.mark.parametrize("keep", [lambda x: x[:1], lambda x: x.sum(axis=0), lambda x: x[None]])
def test_an_entry_must_keep_the_batch_axes(keep):
    class Reshaping(Layer):
        def forward(self, x):
            return keep(x)

        def backward(self, x, g):
            return np.broadcast_to(g, x.shape), None

    with pytest.raises(ValueError, match=r"branch entry 0 .*forward\(x\): got .*wanted .*\(3, 2\)"):
        Network([Unit([Reshaping()])]).forward(np.ones((3, 2)))


def test_a_number_is_no_state():
    class Sum(Layer):
        def forward(self, x):
            return np.array(x.sum())

        def backward(self, x, g):
            return g * np.ones_like(x), None

    with pytest.raises(ValueError, match=r"branch entry 0 .*forward\(x\): got .*shape \(\).*wanted"):
        Network([Unit([Sum()])]).forward([1.0, 2.0])


@pytest.mark.parametrize("layer", [Affine, Projection])
def test_an_affine_layer_names_an_input_of_the_wrong_width(layer):
    weight = np.ones((3, 2))
    with pytest.raises(ValueError, match="x: got .*wanted .*width 2"):
        layer(weight).forward(np.ones((2, 1)))
    with pytest.raises(ValueError, match="x: got .*wanted .*width 2"):
        layer(weight).backward(np.ones((2, 1)), np.ones((2, 3)))


def test_a_plain_network_may_change_its_width_freely():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(5, 3)), rng.normal(size=(2, 5))
    net = Network([Unit([Affine(A)], shortcut=Absent(), after=tanh), Unit([Affine(B)], shortcut=Absent())])
    x = rng.normal(size=3)
    trace = net.forward(x)
    np.testing.assert_allclose(trace.states[-1], B @ np.tanh(A @ x), rtol=1e-13)
    np.testing.assert_allclose(net.jacobian(trace), B @ np.diag(1 - np.tanh(A @ x) ** 2) @ A, rtol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 7), st.sampled_from([None, 1, 2, 5]))
@settings(max_examples=60)
def test_any_network_agrees_with_the_complex_step(seed, depth, batch):
    rng = np.random.default_rng(seed)
    names = [str(s) for s in rng.choice(SHORTCUTS, size=depth)]
    fs = [str(f) for f in rng.choice(list(ACTIVATIONS), size=depth)]
    parameters, units, x = draw(rng, depth, names, str(rng.choice(list(ACTIVATIONS))), fs, batch)
    net = build(parameters, units)
    trace = net.forward(x)
    assert_near(net.jacobian(trace), complex_step_jacobian(parameters, units, x), 1e-9)


def test_a_gate_depends_on_its_input():
    x = np.array([0.5, -1.0])
    W = np.array([[0.3, 0.1], [-0.2, 0.4]])
    assert np.abs(Gate(W).jacobian(x) - np.diag(Gate(W).forward(x) / x)).max() > 0.01


@pytest.mark.parametrize("activation", [relu, tanh], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_have_the_format_of_the_input(activation, dtype):
    assert activation.slope(np.array([-1.0, 2.0], dtype)).dtype == dtype


def test_the_jacobian_of_no_units_can_be_written_to():
    net = small_net()
    jacobian = net.jacobian(net.forward([1.0, 2.0]), 1, 1)
    jacobian[0, 0] = 7.0
    assert jacobian[0, 0] == 7.0


class Unwilling(Layer):
    """Goes forward, and refuses to go back."""

    def forward(self, x):
        return x * 1

    def backward(self, x, g):
        raise ValueError("no way back")


@pytest.mark.parametrize("place, unit", [
    ("after", Unit([identity], after=Unwilling())),
    ("shortcut", Unit([identity], shortcut=Unwilling())),
    ("branch entry 1", Unit([identity, Unwilling()])),
    ("branch entry 0", Unit([Unwilling(), identity])),
])  # fmt: skip
def test_an_error_on_the_way_back_says_where(place, unit):
    net = Network([unit])
    trace = net.forward([1.0, 2.0])
    wanted = f"{place} (Unwilling()): no way back"
    with pytest.raises(ValueError, match=f"^{re.escape(wanted)}$"):
        unit.jacobians(trace.units[0])
    for way_back in (lambda: net.backward(trace, [1.0, 1.0]), lambda: net.jacobian(trace)):
        with pytest.raises(ValueError, match=f"^unit 0: {re.escape(wanted)}$"):
            way_back()


def test_representations():
    text = repr(small_net())
    assert "Affine(2 -> 3)" in text and "Affine(2 -> 1, no bias)" in text and "Projection(2 -> 1)" in text
    assert "after=relu" in text and "shortcut=Identity()" in text and len(small_net()) == 2
    units = [Unit([tanh], after=identity), Unit([relu])]
    assert repr(Network(units)) == f"Network([\n  {units[0]!r},\n  {units[1]!r},\n])"
    assert repr(units[0]) == "Unit(branch=[tanh], shortcut=Identity(), after=identity)"


def test_examples_in_the_docstrings():
    result = doctest.testmod(resnotes.network)
    assert result.attempted > 0 and result.failed == 0


def test_importing_the_package_stays_light():
    heavy = ["sympy", "mpmath", "ipywidgets", "anywidget", "matplotlib", "resnotes.symbolic"]
    code = f"import resnotes, sys; print(resnotes.__version__, [m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, found = run.stdout.split(maxsplit=1)
    assert found.strip() == "[]" and version == resnotes.__version__
    names = "Affine BatchNorm BatchNormTraining LayerNorm RMSNorm Unit Network relu gelu silu tanh identity".split()
    assert set(names) < set(resnotes.__all__) and len(set(resnotes.__all__)) == len(resnotes.__all__)
    assert all(hasattr(resnotes, name) for name in resnotes.__all__)
