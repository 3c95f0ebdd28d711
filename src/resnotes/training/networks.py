"""The networks that are trained."""

import numpy as np

from resnotes.network import Affine, Network, Unit, identity, relu
from resnotes.shortcuts import Absent, Identity, Scale


class LearnedScale(Scale):
    """SkipInit's learned number at the end of a branch (De and Smith 2020, arXiv:2002.10444)."""


def _affine(rng, n_out, n_in, variance):
    return Affine(rng.normal(size=(n_out, n_in)) * np.sqrt(variance), np.zeros(n_out))


def _shortcut(factor):
    """The shortcut λ x; Identity and Absent compute the same as Scale(1) and Scale(0), only faster."""
    return {0.0: Absent(), 1.0: Identity()}.get(float(factor)) or Scale(factor)


def _multiplier(scale, depth):
    """The branch's last entry, as a list; a branch of scale 1 needs none."""
    return {"1": [], "1/sqrt(L)": [Scale(depth**-0.5)], "skipinit": [LearnedScale(0.0)]}[scale]


def build_network(settings, rng, n_in=64, n_out=10) -> Network:
    """A network at initialisation: a first layer, L residual units with two weight layers each, a last layer.

    With "pre" a unit is x ↦ λx + β W₂ relu(W₁ relu(x)), with "post" it is x ↦ relu(λx + β W₂ relu(W₁ x));
    each weight layer has a bias too. Weights are normal with variance 2/n where a ReLU comes before them
    (He et al. 2015, arXiv:1502.01852), 1/n in the first layer, where none does. Biases are 0.

    Parameters
    ----------
    settings : Settings
        Takes its depth, width, shortcut (λ), activation and scale (β).
    rng : numpy.random.Generator
    n_in, n_out : int
        Widths of the input and of the logits.

    Returns
    -------
    Network
        L + 2 units: its state 0 is the input, states 1 to L + 1 are x_0 to x_L, and the last are the logits.
    """
    n, pre = settings.width, settings.activation == "pre"
    units = [Unit([_affine(rng, n, n_in, 1 / n_in)], Absent(), after=identity if pre else relu)]
    for _ in range(settings.depth):
        branch = [_affine(rng, n, n, 2 / n), relu, _affine(rng, n, n, 2 / n)]
        branch = [relu, *branch] if pre else branch
        branch += _multiplier(settings.scale, settings.depth)
        units.append(Unit(branch, _shortcut(settings.shortcut), after=identity if pre else relu))
    last = _affine(rng, n_out, n, 2 / n)
    units.append(Unit([relu, last] if pre else [last], Absent()))
    return Network(units)
