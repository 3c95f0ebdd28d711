"""The Jacobian by path length, against all paths one by one and a compiled dynamic programme."""

import itertools

import jax
import numpy as np
from measure import Case

from resnotes import tanh
from resnotes.paths import jacobian_by_length

from .common import network, parameters

WIDTH = 4
ENUMERATED = 12
MEMORY = ({"depth": 1000},)


def factors(net, trace):
    """D_l H_l and D_l J_l of each unit."""
    for unit, at in zip(net.units, trace.units, strict=True):
        after, shortcut, branch = unit.jacobians(at)
        yield after @ shortcut, after @ branch


def one_by_one(net, trace):
    pairs = list(factors(net, trace))
    total = np.zeros((len(pairs) + 1, WIDTH, WIDTH))
    for choice in itertools.product((0, 1), repeat=len(pairs)):
        path = np.eye(WIDTH)
        for taken, pair in zip(choice, pairs, strict=True):
            path = pair[taken] @ path
        total[sum(choice)] += path
    return total


def with_jax(units, x):
    """From the parameters and the state on: the forward pass is part of it, as the scan needs the slopes."""
    parts = tuple(jax.numpy.asarray(np.stack(part)) for part in zip(*units, strict=True))
    empty = jax.numpy.zeros((len(units) + 1, WIDTH, WIDTH)).at[0].set(jax.numpy.eye(WIDTH))

    def unit(carried, part):
        state, lengths = carried
        W1, b1, W2, b2 = part
        inner = jax.numpy.tanh(W1 @ state + b1)
        branch = (W2 * (1 - inner**2)) @ W1
        longer = jax.numpy.einsum("ij,kjm->kim", branch, lengths)
        return (state + W2 @ inner + b2, lengths.at[1:].add(longer[:-1])), None

    run = jax.jit(lambda x, parts: jax.lax.scan(unit, (x, empty), parts)[0][1])
    x = jax.numpy.asarray(x)
    return lambda: jax.block_until_ready(run(x, parts))


def cases(threads):
    for depth in (8, ENUMERATED, 16, 200, 1000):
        units = parameters(WIDTH, depth, "float64")
        x = np.random.default_rng(1).normal(size=WIDTH)
        net = network(units, tanh)
        trace = net.forward(x)
        ways = {
            "by length": lambda net=net, trace=trace: jacobian_by_length(net, trace),
            "forward and by length": lambda net=net, x=x: jacobian_by_length(net, net.forward(x)),
            "jax": with_jax(units, x),
        }
        if depth <= ENUMERATED:
            ways["one by one"] = lambda net=net, trace=trace: one_by_one(net, trace)
        yield Case({"width": WIDTH, "depth": depth, "dtype": "float64"}, ways, rounds=31, seconds=6)
