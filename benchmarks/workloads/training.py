"""An epoch of plain gradient descent of several networks: the public API in a loop, against PyTorch and JAX."""

import jax
import numpy as np
import torch
from measure import Case
from torch.nn.functional import linear

from resnotes import softmax_cross_entropy
from resnotes.workspace import Workspace

from .common import network, parameters, side_by_side, stacked, tensors

WIDTH, BATCH, STEPS, RATE = 32, 64, 22, 1e-3  # 22 batches of 64: as many images as scikit-learn's digits
NETWORKS = {1: 25, 2: 5}  # by number of threads
MEMORY = ({"depth": 100},)


def batches():
    rng = np.random.default_rng(2)
    return rng.normal(size=(STEPS, BATCH, WIDTH)), np.eye(WIDTH)[rng.integers(0, WIDTH, size=(STEPS, BATCH))]


def ours(units, xs, ps):
    net = network(side_by_side(units))
    work = Workspace(net, xs[0])

    def epoch():
        for unit, start in zip(net.units, units, strict=True):
            for k in (0, 2):
                unit.branch[k].weight[...], unit.branch[k].bias[...] = start[k : k + 2]
        for x, p in zip(xs, ps, strict=True):
            trace = work.forward(x)
            _, g = softmax_cross_entropy(trace.states[-1], p)
            back = work.backward(g)
            for unit, sent in zip(net.units, back.units, strict=True):
                for k in (0, 2):
                    unit.branch[k].weight -= RATE * sent.branch[k].weight
                    unit.branch[k].bias -= RATE * sent.branch[k].bias
        return np.array(work.forward(xs[0]).states[-1])

    return epoch


def with_torch(units, xs, ps):
    xs, ps = torch.tensor(xs), torch.tensor(ps)

    def run(state, parts):
        for W1, b1, W2, b2 in parts:
            state = state + linear(torch.relu(linear(state, W1, b1)), W2, b2)
        return state

    def epoch():
        parts = tensors(units)
        leaves = [a for unit in parts for a in unit]
        for x, p in zip(xs, ps, strict=True):
            loss = -(p * torch.log_softmax(run(x, parts), dim=1)).sum()
            gradients = torch.autograd.grad(loss, leaves)
            with torch.no_grad():
                for a, g in zip(leaves, gradients, strict=True):
                    a -= RATE * g
        with torch.no_grad():
            return run(xs[0], parts).numpy()

    return epoch


def jax_functions():
    """One step of the parameters, and the network's output."""

    def run(parts, x):
        def unit(state, part):
            W1, b1, W2, b2 = part
            return state + jax.nn.relu(state @ W1.T + b1) @ W2.T + b2, None

        return jax.lax.scan(unit, x, parts)[0]

    def step(parts, x, p):
        gradients = jax.grad(lambda parts: -(p * jax.nn.log_softmax(run(parts, x))).sum())(parts)
        return tuple(a - RATE * g for a, g in zip(parts, gradients, strict=True))

    return step, run


def jax_epoch(step, run, start, xs, ps):
    def epoch():
        parts = start
        for x, p in zip(xs, ps, strict=True):
            parts = step(parts, x, p)
        return jax.block_until_ready(run(parts, xs[0]))

    return epoch


def with_jax(networks, xs, ps):
    """One network after the other, compiled once."""
    step, run = map(jax.jit, jax_functions())
    return one_by_one([jax_epoch(step, run, stacked(units), xs, ps) for units in networks])


def with_vmap(networks, xs, ps):
    """All networks in one compiled step."""
    step, run = (jax.jit(jax.vmap(f, in_axes=(0, *rest))) for f, rest in zip(jax_functions(), ((None, None), (None,))))
    start = tuple(jax.numpy.stack(parts) for parts in zip(*map(stacked, networks), strict=True))
    return jax_epoch(step, run, start, xs, ps)


def one_by_one(epochs):
    return lambda: np.stack([epoch() for epoch in epochs])


def cases(threads):
    xs, ps = batches()
    for depth in (16, 54, 100):
        networks = [parameters(WIDTH, depth, "float64", seed) for seed in range(NETWORKS[threads])]
        ways = {
            "workspace": one_by_one([ours(units, xs, ps) for units in networks]),
            "torch": one_by_one([with_torch(units, xs, ps) for units in networks]),
            "jax": with_jax(networks, xs, ps),
            "jax, vmap": with_vmap(networks, xs, ps),
        }
        size = {
            "width": WIDTH,
            "depth": depth,
            "networks": len(networks),
            "batch": BATCH,
            "steps": STEPS,
            "dtype": "float64",
        }
        yield Case(size, ways, tolerance=1e-7, seconds=8, rounds=5)
