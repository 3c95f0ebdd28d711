"""The residual units of He et al. 2016 (arXiv:1603.05027), figure 4, with matrices instead of convolutions.

They differ in where normalisation and ReLU stand: in the branch, or after the addition. All are drawn at random
initialisation (He et al. 2015, arXiv:1502.01852): weights of variance 2/n, no biases, γ = 1 and β = 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.network import Affine, Network, Unit, identity, relu
from resnotes.normalisation import BatchNormTraining, Sequence

#: Kind -> (layers of the branch, layers after the addition); "weight" is a random matrix, "norm" normalises.
ORDERS = {
    "original": (("weight", "norm", "relu", "weight", "norm"), ("relu",)),
    "norm after addition": (("weight", "norm", "relu", "weight"), ("norm", "relu")),
    "ReLU before addition": (("weight", "norm", "relu", "weight", "norm", "relu"), ()),
    "ReLU-only pre-activation": (("relu", "weight", "norm", "relu", "weight", "norm"), ()),
    "full pre-activation": (("norm", "relu", "weight", "norm", "relu", "weight"), ()),
}


def _layer(name, width, rng):
    if name == "weight":
        return Affine(rng.normal(size=(width, width)) * np.sqrt(2 / width))
    return BatchNormTraining(width) if name == "norm" else relu


def unit(kind: str, width: int, rng: np.random.Generator) -> Unit:
    """One unit at random initialisation, with an identity shortcut and batch statistics.

    Parameters
    ----------
    kind : str
        One of `ORDERS`.
    width : int
    rng : numpy.random.Generator

    Returns
    -------
    Unit

    Raises
    ------
    ValueError
        If `kind` is none of `ORDERS`, or `width` is not a whole number of at least 1.
    """
    if not isinstance(kind, str) or kind not in ORDERS:
        _validate.refuse("kind", _validate.describe(kind), f"one of {', '.join(ORDERS)}")
    width = _validate.whole_number(width, "width", 1)
    branch, after = ([_layer(name, width, rng) for name in names] for names in ORDERS[kind])
    last = identity if not after else after[0] if len(after) == 1 else Sequence(*after)
    return Unit(branch, after=last)


def network(kind: str, depth: int, width: int, rng: np.random.Generator) -> Network:
    """A chain of `depth` units of one kind; see `unit`."""
    depth = _validate.whole_number(depth, "depth", 1)
    return Network([unit(kind, width, rng) for _ in range(depth)])


def stem(batch: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A state as a stem leaves it: max(z, 0) with z standard normal, shape (batch, width)."""
    return np.maximum(rng.normal(size=(batch, width)), 0)


def with_fixed_statistics(net: Network, x: ArrayLike) -> Network:
    """The same network with every `BatchNormTraining` replaced by the `BatchNorm` with the statistics it has at x.

    Parameters
    ----------
    net : Network
        Kept as it is; the layers of the new network share its parameters.
    x : array_like, shape (batch, n)
        At least two samples.

    Returns
    -------
    Network
        Its states at x are those of `net`; its samples no longer depend on one another.

    Raises
    ------
    ValueError
        As ``net.forward`` does.
    """
    trace = net.forward(x)
    units = []
    for old, at in zip(net.units, trace.units, strict=True):
        branch = [_fixed(layer, value) for layer, value in zip(old.branch, at.branch, strict=True)]
        units.append(Unit(branch, _fixed(old.shortcut, at.branch[0]), _fixed(old.after, at.sum)))
    return Network(units)


def _fixed(layer, x):
    if isinstance(layer, BatchNormTraining):
        return layer.fixed(x)
    if isinstance(layer, Sequence):
        inside = []
        for inner in layer.layers:
            inside.append(_fixed(inner, x))
            x = inner.forward(x)
        return Sequence(*inside)
    return layer
