"""The networks of the benchmarks, by the same numbers in every library."""

import jax
import numpy as np
import torch

from resnotes import Affine, Network, Unit, relu

jax.config.update("jax_enable_x64", True)
DTYPES = ("float64", "float32")
TOLERANCE = {"float64": 1e-9, "float32": 1e-2}


def parameters(width, depth, dtype, seed=0):
    """For each unit W1, b1, W2, b2 of x + W2 f(W1 x + b1) + b2; branches of size 1/√depth, so nothing overflows.

    Those of all units lie side by side, as most libraries keep them and JAX's scan needs them.
    """
    rng = np.random.default_rng(seed)
    scale = 1 / np.sqrt(width * np.sqrt(depth))
    units = [
        tuple((rng.normal(size=shape) * scale).astype(dtype) for shape in ((width, width), width) * 2)
        for _ in range(depth)
    ]
    return side_by_side(units)


def side_by_side(units):
    """The same numbers in four new arrays, one for each kind of parameter, with the units as the first axis."""
    return list(zip(*(np.stack(part) for part in zip(*units, strict=True)), strict=True))


def network(units, activation=relu):
    return Network([Unit([Affine(W1, b1), activation, Affine(W2, b2)]) for W1, b1, W2, b2 in units])


def stacked(units):
    """The same parameters with the units as the first axis, as JAX's scan takes them."""
    return tuple(jax.numpy.asarray(np.stack(part)) for part in zip(*units, strict=True))


def tensors(units, gradients=True):
    return [tuple(torch.tensor(a, requires_grad=gradients) for a in unit) for unit in units]
