"""The same numbers as `resnotes.report` has on the same weights, for layers that the NumPy half has too."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import resnotes
import resnotes.torch
from resnotes import Affine, BatchNormTraining, Identity, LayerNorm, Network, Projection, Unit, identity, relu, tanh
from resnotes.magnitudes import FORMATS
from resnotes.torch import TorchLayer


class Residual(nn.Module):
    """after(shortcut(x) + branch(x))."""

    def __init__(self, branch, shortcut=None, after=None):
        super().__init__()
        self.branch, self.shortcut, self.after = nn.Sequential(*branch), shortcut or nn.Identity(), after

    def forward(self, x):
        y = self.shortcut(x) + self.branch(x)
        return y if self.after is None else self.after(y)


def array(tensor):
    return tensor.detach().numpy()


def affine(rng, m, n, bias=True):
    """A Linear layer and the Affine of the same numbers."""
    layer = nn.Linear(n, m, bias=bias).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(rng.normal(size=(m, n)) / np.sqrt(n)))
    return layer, Affine(array(layer.weight), array(layer.bias) if bias else None)


def unit(rng, kind, m, n):
    """One of each kind, in PyTorch and in NumPy."""
    (a, b), (c, d) = affine(rng, n, n), affine(rng, m, n)
    shortcut, there = None, Identity()
    if m != n:
        (shortcut, _), there = affine(rng, m, n, bias=False), None
        there = Projection(array(shortcut.weight))
    if kind == "pre":
        return Residual([nn.ReLU(), a, nn.ReLU(), c], shortcut), Unit([relu, b, relu, d], there, identity)
    if kind == "post":
        return Residual([a, nn.ReLU(), c], shortcut, nn.ReLU()), Unit([b, relu, d], there, relu)
    if kind == "tanh":
        return Residual([a, nn.Tanh(), c], shortcut, nn.Tanh()), Unit([b, tanh, d], there, tanh)
    if kind == "layer norm":
        return Residual([nn.LayerNorm(n).double(), a, nn.ReLU(), c], shortcut), Unit([LayerNorm(), b, relu, d], there)
    assert kind == "batch norm"
    norm = nn.BatchNorm1d(n).double().train()
    return Residual([norm, a, nn.ReLU(), c], shortcut), Unit([BatchNormTraining(n), b, relu, d], there)


KINDS = ("pre", "post", "tanh", "layer norm", "batch norm")


def draw(seed):
    """A model, the network of the same numbers, a batch, and a gradient at its output."""
    rng = np.random.default_rng(seed)
    widths = [5, 5, 7, 7, 4, 4][: 3 + seed % 4]
    kinds = rng.choice(KINDS, len(widths) - 1)
    pairs = [unit(rng, kind, m, n) for kind, n, m in zip(kinds, widths, widths[1:], strict=False)]
    modules, units = zip(*pairs, strict=True)
    x, g = rng.normal(size=(6, 5)), 10.0 ** rng.integers(-6, 3) * rng.normal(size=(6, widths[len(modules)]))
    return nn.Sequential(*modules), Network(units), x, g


@pytest.mark.parametrize("seed", range(12))
def test_the_report_is_that_of_the_same_weights_in_numpy(seed):
    module, net, x, g = draw(seed)
    want = resnotes.report(net, x, g)
    found = resnotes.torch.report(
        module, torch.from_numpy(x), lambda output: (output * torch.from_numpy(g)).sum(), lengths="all"
    )
    assert found.widths == want.widths and found.samples == want.samples
    for name in ("gradient", "gain", "after", "shortcut", "branch", "part"):
        one, other = getattr(found, f"log10_{name}"), getattr(want, f"log10_{name}")
        np.testing.assert_allclose(one, other, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(found.share, want.share, atol=1e-12 * 10**want.log10_cancellation)
    assert found.log10_cancellation == pytest.approx(want.log10_cancellation, abs=1e-12)
    assert (found.verdict, found.worst_unit) == (want.verdict, want.worst_unit)
    for name in FORMATS:
        one, other = dataclasses.asdict(found.limits[name]), dataclasses.asdict(want.limits[name])
        assert one.pop("lost") == pytest.approx(other.pop("lost"), abs=1e-12, nan_ok=True)
        assert one == other, name


def test_a_module_is_a_layer_of_a_network():
    """The same network with PyTorch's modules as its layers: state, gradient, and the report on it."""
    torch.manual_seed(0)
    modules = [nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 6)).double() for _ in range(3)]
    net = Network([Unit([TorchLayer(module)]) for module in modules])
    x = torch.randn(4, 6).double().requires_grad_()
    state = x
    for module in modules:
        state = state + module(state)
    g = torch.randn(4, 6).double()
    trace = net.forward(array(x))
    np.testing.assert_allclose(trace.states[-1], array(state), rtol=1e-13)
    sent = net.backward(trace, g.numpy()).states[0]
    np.testing.assert_allclose(sent, array(torch.autograd.grad(state, x, g)[0]), rtol=1e-12)
    found = resnotes.report(net, array(x), g.numpy())
    own = nn.Sequential(*[Residual([module]) for module in modules])
    other = resnotes.torch.report(own, x.detach(), lambda output: (output * g).sum(), lengths="all")
    np.testing.assert_allclose(found.share, other.share, atol=1e-12)
    assert "TorchLayer(Sequential)" in repr(net.units[0].branch[0])
    coupled = Network([Unit([TorchLayer(nn.BatchNorm1d(6).double().train(), couples_batch=True)])])
    assert np.isfinite(resnotes.report(coupled, array(x), g.numpy()).share).all()
