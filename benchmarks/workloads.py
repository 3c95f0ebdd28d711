"""What is measured, each by the package and by the libraries one would otherwise reach for; a generator of cases each."""

import itertools
import json
import os
import subprocess
import sys

import autograd
import autograd.numpy as anp
import jax
import numpy as np
import torch
from measure import Case
from torch.nn.functional import linear

from resnotes import Affine, Network, Unit, jacobian_by_length, relu, softmax_cross_entropy, tanh

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)
BATCH = 64


def parameters(width, depth, dtype="float64", seed=0):
    """For each unit W1, b1, W2, b2 of x + W2 f(W1 x + b1) + b2; branches of size 1/√depth, so nothing overflows."""
    rng = np.random.default_rng(seed)
    scale = 1 / np.sqrt(width * np.sqrt(depth))
    shapes = ((width, width), width) * 2
    return [tuple((rng.normal(size=shape) * scale).astype(dtype) for shape in shapes) for _ in range(depth)]


def network(units, activation=relu):
    return Network([Unit([Affine(W1, b1), activation, Affine(W2, b2)]) for W1, b1, W2, b2 in units])


def stacked(units):
    """The same parameters with the units as the first axis, as JAX's scan takes them."""
    return tuple(jax.numpy.asarray(np.stack(part)) for part in zip(*units, strict=True))


def tensors(units, gradients=True):
    return [tuple(torch.tensor(a, requires_grad=gradients) for a in unit) for unit in units]


def chain():
    """Forward and backward, with the gradients of all states and parameters."""
    for width, depth in ((16, 100), (32, 54), (64, 100), (256, 50)):
        for dtype in ("float64", "float32"):
            units = parameters(width, depth, dtype)
            x, g = np.random.default_rng(1).normal(size=(2, BATCH, width)).astype(dtype)
            makers = {"network": chain_ours, "plain NumPy": chain_plain, "jax": chain_jax, "torch": chain_torch}
            ways = {name: make(units, x, g) for name, make in makers.items()}
            size = {"width": width, "depth": depth, "batch": BATCH, "dtype": dtype}
            yield Case(size, ways, 1e-9 if dtype == "float64" else 1e-2)


def chain_ours(units, x, g):
    net = network(units)

    def run():
        trace = net.forward(x)
        back = net.backward(trace, g)
        return [trace.states[-1], *back.states, *(back.units[0].branch[2].parameter)]

    return run


def chain_plain(units, x, g):
    """The formulas in a loop: no checks, nothing kept but what is asked for."""

    def run():
        state, seen, states, gradients = x, [], [g], []
        for W1, b1, W2, b2 in units:
            z = state @ W1.T + b1
            r = np.maximum(z, 0)
            seen.append((state, z, r))
            state = state + r @ W2.T + b2
        for (W1, _, W2, _), (below, z, r) in zip(reversed(units), reversed(seen), strict=True):
            above = states[-1]
            inner = (above @ W2) * (z > 0)
            gradients.append((inner.T @ below, inner.sum(axis=0), above.T @ r, above.sum(axis=0)))
            states.append(above + inner @ W1)
        return [state, *states[::-1], *gradients[-1][2:]]

    return run


def chain_jax(units, x, g):
    """Compiled; the gradients at the states are those of zeros added to them."""
    parts, zeros = stacked(units), jax.numpy.zeros((len(units), *x.shape), x.dtype)

    def unit(state, part):
        W1, b1, W2, b2, zero = part
        state = state + zero
        return state + jax.nn.relu(state @ W1.T + b1) @ W2.T + b2, None

    @jax.jit
    def both(parts, x, g):
        last, back = jax.vjp(lambda parts, zeros: jax.lax.scan(unit, x, (*parts, zeros))[0], parts, zeros)
        return last, *back(g)

    def run():
        last, (_, _, W2, b2), at_states = jax.block_until_ready(both(parts, x, g))
        return [last, *np.asarray(at_states), g, W2[0], b2[0]]

    return run


def chain_torch(units, x, g):
    """Eager, as one writes it."""
    units, x, g = tensors(units), torch.tensor(x), torch.tensor(g)
    leaves = [a for unit in units for a in unit]

    def run():
        states = [x.detach().requires_grad_(True)]
        for W1, b1, W2, b2 in units:
            states.append(states[-1] + linear(torch.relu(linear(states[-1], W1, b1)), W2, b2))
        back = torch.autograd.grad(states[-1], states[:-1] + leaves, g)
        depth = len(units)
        return [states[-1].detach(), *back[:depth], g, *back[depth + 2 : depth + 4]]

    return run


def jacobian():
    """The Jacobian over 100 units at one input, the forward pass included."""
    for width in (16, 64):
        units = parameters(width, 100)
        x = np.random.default_rng(1).normal(size=width)
        net, frozen, at = network(units, tanh), tensors(units, gradients=False), torch.tensor(x)
        compiled, parts = jax.jit(jax.jacrev(jacobian_scan)), stacked(units)
        ways = {
            "network": lambda net=net, x=x: [net.jacobian(net.forward(x))],
            "jax": lambda f=compiled, x=x, parts=parts: [jax.block_until_ready(f(x, parts))],
            "torch": lambda x=at, units=frozen: [torch.func.jacrev(lambda x: jacobian_torch(x, units))(x)],
            "autograd": lambda x=x, units=units: [autograd.jacobian(lambda x: jacobian_autograd(x, units))(x)],
        }
        yield Case({"width": width, "depth": 100, "dtype": "float64"}, ways)


def jacobian_scan(x, parts):
    def unit(state, part):
        W1, b1, W2, b2 = part
        return state + W2 @ jax.numpy.tanh(W1 @ state + b1) + b2, None

    return jax.lax.scan(unit, x, parts)[0]


def jacobian_torch(x, units):
    for W1, b1, W2, b2 in units:
        x = x + linear(torch.tanh(linear(x, W1, b1)), W2, b2)
    return x


def jacobian_autograd(x, units):
    for W1, b1, W2, b2 in units:
        x = x + anp.dot(W2, anp.tanh(anp.dot(W1, x) + b1)) + b2
    return x


def paths():
    """The Jacobian by path length, width 4, against all paths one by one."""
    for depth in (4, 8, 12, 100, 1000):
        units = parameters(4, depth)
        net = network(units, tanh)
        trace = net.forward(np.random.default_rng(1).normal(size=4))
        ways = {"by length": lambda net=net, trace=trace: [jacobian_by_length(net, trace)]}
        if depth <= 12:
            ways["one by one"] = lambda net=net, trace=trace: [one_by_one(net, trace)]
        yield Case({"width": 4, "depth": depth, "dtype": "float64"}, ways, rounds=5)


def one_by_one(net, trace):
    factors = [unit.jacobians(at) for unit, at in zip(net, trace.units, strict=True)]
    pairs = [(after @ shortcut, after @ branch) for after, shortcut, branch in factors]
    total = np.zeros((len(pairs) + 1, 4, 4))
    for choice in itertools.product((0, 1), repeat=len(pairs)):
        path = np.eye(4)
        for taken, pair in zip(choice, pairs, strict=True):
            path = pair[taken] @ path
        total[sum(choice)] += path
    return total


def training():
    """An epoch of plain gradient descent, 22 batches of 64 as of scikit-learn's digits."""
    rng = np.random.default_rng(2)
    xs, ps = rng.normal(size=(22, BATCH, 32)), np.eye(32)[rng.integers(0, 32, size=(22, BATCH))]
    for depth in (16, 54, 100):
        units = parameters(32, depth)
        makers = {"network": training_ours, "jax": training_jax, "torch": training_torch}
        ways = {name: make(units, xs, ps, 1e-3) for name, make in makers.items()}
        yield Case({"width": 32, "depth": depth, "batch": BATCH, "dtype": "float64"}, ways, 1e-7, rounds=7)


def training_ours(start, xs, ps, rate):
    def epoch():
        net = network([tuple(a.copy() for a in unit) for unit in start])
        for x, p in zip(xs, ps, strict=True):
            trace = net.forward(x)
            back = net.backward(trace, softmax_cross_entropy(trace.states[-1], p)[1])
            for unit, sent in zip(net, back.units, strict=True):
                for k in (0, 2):
                    unit.branch[k].weight -= rate * sent.branch[k].weight
                    unit.branch[k].bias -= rate * sent.branch[k].bias
        return [net(xs[0])]

    return epoch


def training_torch(start, xs, ps, rate):
    xs, ps = torch.tensor(xs), torch.tensor(ps)

    def run(state, units):
        for W1, b1, W2, b2 in units:
            state = state + linear(torch.relu(linear(state, W1, b1)), W2, b2)
        return state

    def epoch():
        units = tensors(start)
        leaves = [a for unit in units for a in unit]
        for x, p in zip(xs, ps, strict=True):
            loss = -(p * torch.log_softmax(run(x, units), dim=1)).sum()
            gradients = torch.autograd.grad(loss, leaves)
            with torch.no_grad():
                for a, g in zip(leaves, gradients, strict=True):
                    a -= rate * g
        with torch.no_grad():
            return [run(xs[0], units).numpy()]

    return epoch


def training_jax(start, xs, ps, rate):
    def run(parts, x):
        def unit(state, part):
            W1, b1, W2, b2 = part
            return state + jax.nn.relu(state @ W1.T + b1) @ W2.T + b2, None

        return jax.lax.scan(unit, x, parts)[0]

    @jax.jit
    def step(parts, x, p):
        gradients = jax.grad(lambda parts: -(p * jax.nn.log_softmax(run(parts, x))).sum())(parts)
        return tuple(a - rate * g for a, g in zip(parts, gradients, strict=True))

    first, run = stacked(start), jax.jit(run)

    def epoch():
        parts = first
        for x, p in zip(xs, ps, strict=True):
            parts = step(parts, x, p)
        return [jax.block_until_ready(run(parts, xs[0]))]

    return epoch


def verify():
    """Seconds of the processor for `python -m resnotes verify`, as a whole and for each check, slowest first."""
    began = os.times()
    command = [sys.executable, "-m", "resnotes", "verify", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    ended = os.times()
    whole = ended.children_user + ended.children_system - began.children_user - began.children_system
    rows = sorted(json.loads(run.stdout), key=lambda row: -row["seconds"])
    return {"whole": whole, "checks": [{key: row[key] for key in ("name", "kind", "seconds")} for row in rows]}


CASES = {"chain": chain, "jacobian": jacobian, "paths": paths, "training": training}
