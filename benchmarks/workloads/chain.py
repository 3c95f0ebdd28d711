"""Forward and backward through a residual chain, with the gradients of all states and parameters."""

from functools import partial

import jax
import numpy as np
import torch
from measure import Case
from torch.nn.functional import linear

from resnotes.workspace import Workspace

from .common import DTYPES, TOLERANCE, network, parameters, side_by_side, stacked, tensors

BATCH = 64
SIZES = ((16, 100), (16, 1000), (64, 100), (64, 1000), (256, 100), (256, 1000))
KEEPING = ("workspace", "parameters apart", "limit")  # these keep their arrays
HEAVY = (256, 1000)  # in float32 alone: in float64 the ways together ask for more memory than many a machine has
MEMORY = tuple({"width": width, "depth": 1000, "dtype": "float64"} for width in (16, 64))


def with_jax(units, x, g):
    """Compiled; the gradients at the states are those of zeros added to them."""
    parts, zeros = stacked(units), jax.numpy.zeros((len(units), *x.shape), x.dtype)

    def unit(state, part):
        W1, b1, W2, b2, zero = part
        state = state + zero
        state = state + jax.nn.relu(state @ W1.T + b1) @ W2.T + b2
        return state, state

    @jax.jit
    def both(parts, x, g):
        def run(parts, zeros):
            return jax.lax.scan(unit, x, (*parts, zeros))

        last, back, states = jax.vjp(run, parts, zeros, has_aux=True)
        return states, *back(g)

    x, g = jax.numpy.asarray(x), jax.numpy.asarray(g)
    return lambda: jax.block_until_ready(both(parts, x, g))


def with_torch(units, x, g):
    """Eager, as one writes it."""
    units, x, g = tensors(units), torch.tensor(x), torch.tensor(g)
    leaves = [a for unit in units for a in unit]

    def run():
        states = [x.detach().requires_grad_(True)]
        for W1, b1, W2, b2 in units:
            states.append(states[-1] + linear(torch.relu(linear(states[-1], W1, b1)), W2, b2))
        return states, torch.autograd.grad(states[-1], states[:-1] + leaves, g)

    return run


def limit(units, x, g):
    """The same matrix products with their results kept, in the fastest way NumPy has; nothing else.

    States lie with the batch innermost and gradients with it outermost, so that no product has to turn a matrix; the
    weights' gradients come out turned.
    """
    depth, (batch, n) = len(units), x.shape
    r, F = np.zeros((2, depth, n, batch), x.dtype)
    sent_r, sent_x = np.zeros((2, depth, batch, n), x.dtype)
    weights = np.empty((2, depth, n, n), x.dtype)
    x = np.ascontiguousarray(x.T)
    places = list(zip(units, r, F, sent_r, sent_x, strict=True))

    def run():
        for (W1, _, W2, _), a, b, _, _ in places:
            W1.dot(x, out=a)
            W2.dot(a, out=b)
        for (W1, _, W2, _), _, _, a, b in reversed(places):
            g.dot(W2, out=a)
            a.dot(W1, out=b)
        np.matmul(r, sent_r, out=weights[0])
        np.matmul(F, sent_x, out=weights[1])

    return run


def values(name, result):
    """The last state, the gradients at the first and a middle state, and all parameters' gradients."""
    if name in OURS:
        trace, back = result
        parts = [np.stack([getattr(u.branch[k], p) for u in back.units]) for k in (0, 2) for p in ("weight", "bias")]
        depth = len(back.units)
        return [trace.states[-1], back.states[0], back.states[depth // 2], *parts]
    if name == "jax":
        states, parts, back = result
        return [states[-1], back[0], back[len(back) // 2], *parts]
    states, back = result
    depth = len(states) - 1
    parts = [np.stack([a.numpy() for a in back[depth + k :: 4]]) for k in range(4)]
    return [states[-1].detach().numpy(), back[0].numpy(), back[depth // 2].numpy(), *parts]


def ours(units, x, g):
    net = network(units)
    work = Workspace(net, x)
    return lambda: (work.forward(x), work.backward(g))


def ours_apart(units, x, g):
    """Each parameter in an array of its own."""
    return ours([tuple(a.copy() for a in unit) for unit in units], x, g)


def ours_once(units, x, g):
    """In new arrays each time."""
    net = network(units)

    def run():
        trace = net.forward(x)
        return trace, net.backward(trace, g)

    return run


OURS = {"workspace": ours, "parameters apart": ours_apart, "network": ours_once}
WAYS = {**OURS, "jax": with_jax, "torch": with_torch, "limit": limit}


def case(width, depth, dtype, only=None):
    units = parameters(width, depth, dtype)
    rng = np.random.default_rng(1)
    x, g = (rng.normal(size=(BATCH, width)).astype(dtype) for _ in range(2))
    ways = {name: make(units, x, g) for name, make in WAYS.items() if only in (None, name)}
    size = {"width": width, "depth": depth, "batch": BATCH, "dtype": dtype}
    small = width <= 64 and depth <= 100  # larger ones take long to set up
    elsewhere = partial(moved, units, x, g) if small else dict
    return Case(size, ways, values, TOLERANCE[dtype], ("limit",), elsewhere=elsewhere)


def moved(units, x, g):
    """The ways that keep their arrays, with others."""
    units = side_by_side(units)
    return {name: WAYS[name](units, x, g) for name in KEEPING}


def alone(way, **size):
    """One way, set up by itself, for its memory."""
    return case(**size, only=way).ways[way]


def cases(threads):
    for size in SIZES:
        for dtype in DTYPES if size != HEAVY else ("float32",):
            yield case(*size, dtype)
