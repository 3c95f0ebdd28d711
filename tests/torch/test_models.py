"""Models of many kinds as they are: every unit found, the gradient that of autograd, the shares those of its branches."""

import copy
import math

import numpy as np
import pytest
import torch
from models import MODELS, Block, Checkpointed, Dense, Nested, Normed, blocks, gpt2, make, plain, square, tokens
from torch import nn

from resnotes.torch import report

#: Those of them each branch of which is some module's result.
BRANCHED = ("preresnet20, training", "preresnet20", "resnet20, training", "resnet20", "GPT-2", "BLOOM")


def gradient(known, scale=None):
    """The loss's gradient at state 0 by autograd alone, the gradients of the branches multiplied by `scale`."""
    there, module = [], copy.deepcopy(known.module)
    names = {part: name for name, part in known.module.named_modules()}
    modules = dict(module.named_modules())

    def state(_, arguments, options):
        x = arguments[0] if arguments else options["hidden_states"]
        there.append(x if x.requires_grad else x.requires_grad_())

    def scaled(_, __, output):
        first = output[0] if isinstance(output, tuple) else output
        first = first * scale + (first * (1 - scale)).detach()  # the value is the same
        return (first, *output[1:]) if isinstance(output, tuple) else first

    modules[known.first].register_forward_pre_hook(state, with_kwargs=True)
    if scale is not None:
        for part in known.branches:
            modules[names[part]].register_forward_hook(scaled)
    torch.manual_seed(0)
    if isinstance(known.inputs, dict):
        output = module(**known.inputs)
    else:
        inputs = known.inputs if isinstance(known.inputs, tuple) else (known.inputs,)
        output = module(*inputs)
    return torch.autograd.grad(known.loss(output), there[0])[0]


@pytest.mark.parametrize("name", MODELS)
def test_every_unit_is_found_and_the_gradient_is_that_of_autograd(name):
    known = make(name)
    found = report(known.module, known.inputs, known.loss, lengths="all" if known.units < 50 else 3)
    assert found.depth == known.units and len(found.others) == known.others
    for unit, want in enumerate(known.names):
        assert found.names[unit] == want
    want = float(gradient(known).norm())
    assert 10 ** found.log10_gradient[0] == pytest.approx(want, rel=1e-12)
    digits = 1e-12 if known.is_exact else 1e-6  # their RMSNorm works in float32 whatever comes
    assert found.share.sum() == pytest.approx(1, abs=digits * 10**found.log10_cancellation)
    assert not np.isnan(found.lost_by_unit["bfloat16"]).any() and not np.isnan(found.log10_parameters).any()
    together = math.isclose(found.log10_gain.sum(), found.log10_total, abs_tol=1e-10)
    assert together and str(found) and found._repr_markdown_()


@pytest.mark.parametrize("name", BRANCHED)
def test_shares_are_those_of_a_model_whose_branches_send_back_less_or_more(name):
    """Multiplied by z in the model itself, the branches' gradients must give the sum of z**k shares."""
    known = make(name)
    found = report(known.module, known.inputs, known.loss, lengths="all")
    whole = gradient(known)
    k = np.arange(len(found.share))
    for z in (0.0, 0.5, 2.0):
        sent = gradient(known, z)
        want = float((sent * whole).sum() / (whole * whole).sum())
        assert found.share @ z**k == pytest.approx(want, rel=1e-12), z
    alone = float(gradient(known, 0.0).norm())
    assert 10 ** found.log10_part[0] == pytest.approx(alone, rel=1e-12)
    capped = report(known.module, known.inputs, known.loss, lengths=2)
    np.testing.assert_allclose(capped.share, [*found.share[:3], found.share[3:].sum()], rtol=1e-11)
    assert capped.has_rest and math.isnan(capped.length_moment)
    assert "1 and more" in str(report(known.module, known.inputs, known.loss, lengths=0))
    none = report(known.module, known.inputs, known.loss, lengths=None)
    assert none.share.size == 0 and math.isnan(none.log10_cancellation) and "Share of" not in str(none)
    np.testing.assert_allclose(none.log10_gain, found.log10_gain, atol=1e-12)


@pytest.mark.parametrize("name", ["GPT-2", "preresnet20, training", "checkpointed", "TransformerEncoder, normed after"])
def test_parameters_have_the_gradients_of_autograd(name):
    """Each parameter of these models belongs to one unit or to none."""
    known = make(name)
    found = report(known.module, known.inputs, known.loss, lengths=None)
    module = copy.deepcopy(known.module)
    torch.manual_seed(0)
    known.loss(module(**known.inputs) if isinstance(known.inputs, dict) else module(known.inputs)).backward()
    squares = {}
    for unit, where in enumerate(found.modules):
        squares.setdefault(where, []).append(100 ** found.log10_parameters[unit])
    if name == "preresnet20, training":  # the projections read what a layer of the unit below the addition gives
        where = "features.stage2.unit2"
        body = module.get_submodule(where)
        assert sum(squares[where]) > 0 and body.body.conv2.conv.weight.grad.norm() ** 2 < sum(squares[where])
        return
    for where, parts in squares.items():
        want = sum(float(p.grad.norm()) ** 2 for p in module.get_submodule(where).parameters())
        assert sum(parts) == pytest.approx(want, rel=1e-10), where


def test_what_is_trained_in_half_the_bits():
    known = make("GPT-2")
    exact = report(known.module.float(), known.inputs, known.loss)
    half = report(
        copy.deepcopy(known.module).bfloat16(), known.inputs, lambda o: known.loss(type(o)(logits=o.logits.float()))
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = report(known.module, known.inputs, known.loss)
    for found, dtype in ((half, "bfloat16"), (mixed, "float32")):
        assert found.dtype == dtype and found.depth == 6
        np.testing.assert_allclose(found.share, exact.share, atol=0.02)
        np.testing.assert_allclose(found.log10_gradient, exact.log10_gradient, atol=0.02)


def test_depth_takes_no_gradient_out_of_its_range():
    layers = [layer for _ in range(150) for layer in (Block(6), nn.Linear(6, 6, bias=False))]
    for layer in layers[1::2]:
        nn.init.eye_(layer.weight).data.mul_(0.25)  # after each addition
    found = report(nn.Sequential(*layers[:-1]), torch.randn(7, 6), lambda output: output.sum(), lengths=3)
    assert found.log10_total < -60 and np.isfinite(found.log10_gradient).all() and np.isfinite(found.share).all()
    assert found.share.sum() == pytest.approx(1, abs=1e-4)


# What cannot be split is said.


def compiled_in_place(module):
    module.compile(backend="eager")
    return module


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused():
    for script in (torch.jit.script(Normed(6)), torch.jit.trace(Normed(6), torch.zeros(2, 6))):
        for module, said in ((script, "a TorchScript model"), (nn.Sequential(script), "the TorchScript module '0'")):
            with pytest.raises(ValueError, match=f"{said}, wanted the model before torch.jit"):
                report(module, torch.randn(2, 6), square)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.Sequential(*[Dense(6 + 4 * k) for k in range(3)]), "concatenations where the ways join, the first in '0'"),
        (Nested(6, "cat"), r"concatenations where the ways join, the first in ''"),
        (nn.Sequential(nn.Linear(6, 6), nn.Tanh()), "no residual addition on every way"),
        (Checkpointed(*[Block(6)] * 2, reentrant=True), "reentrant checkpointing, which hides"),
        (
            torch.compile(nn.Sequential(Block(6)), backend="eager"),
            "a compiled model, wanted the model before torch.compile",
        ),
        (nn.Sequential(torch.compile(Block(6), backend="eager")), "the compiled module '0'"),
        (compiled_in_place(Block(6)), "a compiled model"),
        (nn.Sequential(Block(6), Block(6).to("meta")), "several devices, cpu, meta"),
        ("a model", "wanted a torch.nn.Module"),
    ],
)
def test_what_cannot_be_examined_is_refused_with_what_to_do(module, said):
    with pytest.raises(ValueError, match=said):
        report(module, torch.randn(2, 6), square)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"loss": lambda output: output}, r"loss\(output\): got a tensor of shape \(7, 3\), wanted a scalar"),
        ({"loss": lambda output: 3.0}, r"loss\(output\): got 3.0"),
        ({"loss": lambda output: output.detach().sum()}, "a number that no gradient reaches"),
        ({"loss": lambda output: output.sum() * math.nan}, "wanted a finite number"),
        ({"loss": lambda output: output.sum() * 0}, "whose gradient at the last state is 0"),
        ({"inputs": 3}, "inputs: got 3"),
        ({"lengths": -1}, "lengths"),
        ({"lengths": "some"}, "lengths"),
        ({"start": "nowhere"}, "start: got 'nowhere', wanted the path of a module that ran"),
    ],
)
def test_bad_arguments_are_refused(change, said):
    known = plain("add")
    options = {"inputs": known.inputs, "loss": square, **change}
    inputs, loss = options.pop("inputs"), options.pop("loss")
    with pytest.raises(ValueError, match=said):
        report(known.module, inputs, loss, **options)


def test_a_start_can_be_named():
    known = make("written as add")
    whole = report(known.module, known.inputs, square)
    later = report(known.module, known.inputs, square, start="2")
    assert later.depth == 2 and later.start == "2"
    np.testing.assert_allclose(later.log10_gain, whole.log10_gain[2:], atol=1e-12)
    two = make("two inputs")
    with pytest.raises(ValueError, match="no residual addition on every way from the loss to the start"):
        report(two.module, two.inputs, square, start=0)
    assert report(two.module, two.inputs, square, start=1).depth == 3


def test_the_shortcut_can_be_named():
    known = make("highway")
    found = report(known.module, known.inputs, square)
    assert set(found.shortcuts) == {"fewest operations"} and "called the shortcut (0 (" in str(found)
    other = report(known.module, known.inputs, square, shortcut=".a")
    assert set(other.shortcuts) == {"named"}
    np.testing.assert_allclose(other.log10_shortcut, found.log10_branch, atol=1e-12)
    resnet = make("resnet20")
    named = report(resnet.module, resnet.inputs, resnet.loss, shortcut="identity_conv", lengths=None)
    assert named.shortcuts.count("named") == 2 and named.shortcuts.count("identity") == 7
    for wrong in ("nowhere", "features"):  # on no addend, and on both of each unit
        with pytest.raises(ValueError, match=f"shortcut: got '{wrong}', wanted a part of the path"):
            report(resnet.module, resnet.inputs, resnet.loss, shortcut=wrong, lengths=None)


def test_a_branch_that_is_frozen_counts():
    known = tokens(gpt2(), 6, "transformer.h.0", ())
    before = report(known.module, known.inputs, known.loss)
    known.module.requires_grad_(False)
    after = report(known.module, known.inputs, known.loss)
    np.testing.assert_array_equal(before.share, after.share)
    assert not any(p.requires_grad for p in known.module.parameters())


# Nothing is left behind.


@pytest.mark.parametrize(
    "name", ["preresnet20, training", "TransformerEncoder, normed after", "GPT-2", "ResNet of transformers, training"]
)
def test_the_model_is_as_it_was(name):
    known = make(name)
    known.loss(
        known.module(**known.inputs) if isinstance(known.inputs, dict) else known.module(known.inputs)
    ).backward()
    was = {key: value.clone() for key, value in known.module.state_dict().items()}
    grads = [p.grad.clone() for p in known.module.parameters() if p.grad is not None]
    modes = [module.training for module in known.module.modules()]
    generator = torch.get_rng_state()
    first = report(known.module, known.inputs, known.loss)
    again = report(known.module, known.inputs, known.loss)
    np.testing.assert_array_equal(first.share, again.share)
    assert torch.equal(torch.get_rng_state(), generator)
    for key, value in known.module.state_dict().items():
        assert torch.equal(value, was[key]), key
    assert all(map(torch.equal, grads, [p.grad for p in known.module.parameters() if p.grad is not None]))
    assert modes == [module.training for module in known.module.modules()]
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in known.module.modules())


def test_buffers_are_restored_where_checkpointing_goes_round_the_copies():
    block = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6))

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = block

        def forward(self, x):
            return x + self.inner(x)

    known = blocks(Checkpointed(Residual()), units=1)
    was = block[1].running_mean.clone()
    report(known.module, known.inputs, square)
    assert torch.equal(block[1].running_mean, was) and int(block[1].num_batches_tracked) == 0


def test_no_graph_is_kept():
    import gc
    import weakref

    known, kept = make("written as add"), []

    def loss(output):
        kept.append(weakref.ref(output))
        return square(output)

    found = report(known.module, known.inputs, loss)
    gc.collect()
    assert kept[0]() is None and found.depth == 4
    hooks = [h for m in known.module.modules() for h in m._forward_hooks]
    with pytest.raises(ZeroDivisionError):
        report(known.module, known.inputs, lambda output: 1 / 0)
    assert hooks == [h for m in known.module.modules() for h in m._forward_hooks] == []
