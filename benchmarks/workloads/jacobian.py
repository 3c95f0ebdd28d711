"""The Jacobian over 100 units, at one input."""

import autograd
import autograd.numpy as anp
import jax
import numpy as np
import torch
from measure import Case
from torch.nn.functional import linear

from resnotes import tanh
from resnotes.workspace import Workspace

from .common import DTYPES, TOLERANCE, network, parameters, stacked, tensors

DEPTH = 100
MEMORY = ({"width": 64, "dtype": "float64"},)


def with_jax(units, x):
    parts = stacked(units)

    def unit(state, part):
        W1, b1, W2, b2 = part
        return state + W2 @ jax.numpy.tanh(W1 @ state + b1) + b2, None

    jacobian = jax.jit(jax.jacrev(lambda x, parts: jax.lax.scan(unit, x, parts)[0]))
    x = jax.numpy.asarray(x)
    return lambda: jax.block_until_ready(jacobian(x, parts))


def with_torch(units, x):
    units, x = tensors(units, gradients=False), torch.tensor(x)

    def run(x):
        for W1, b1, W2, b2 in units:
            x = x + linear(torch.tanh(linear(x, W1, b1)), W2, b2)
        return x

    return lambda: torch.func.jacrev(run)(x).numpy()


def with_autograd(units, x):
    def run(x):
        for W1, b1, W2, b2 in units:
            x = x + anp.dot(W2, anp.tanh(anp.dot(W1, x) + b1)) + b2
        return x

    return lambda: autograd.jacobian(run)(x)


def products(units, x):
    """The two matrix products of each unit and nothing else."""
    weights = [(W2, W1) for W1, _, W2, _ in reversed(units)]

    def run():
        rows = np.eye(len(x), dtype=x.dtype)
        for W2, W1 in weights:
            rows.dot(W2).dot(W1)
        return rows

    return run


def cases(threads):
    for width in (16, 64):
        for dtype in DTYPES:
            units = parameters(width, DEPTH, dtype)
            x = np.random.default_rng(1).normal(size=width).astype(dtype)
            net = network(units, tanh)
            work = Workspace(net, x)
            ways = {
                "workspace": lambda work=work, x=x: work.jacobian(x),
                "jacobian alone": work.jacobian,
                "network": lambda net=net, x=x: net.jacobian(net.forward(x)),
                "jax": with_jax(units, x),
                "torch": with_torch(units, x),
                "autograd": with_autograd(units, x),
                "limit": products(units, x),
            }
            size = {"width": width, "depth": DEPTH, "dtype": dtype}
            yield Case(size, ways, tolerance=TOLERANCE[dtype], unchecked=("limit",), rounds=31, seconds=6)
