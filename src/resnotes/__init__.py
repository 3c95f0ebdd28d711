"""How gradients travel through residual networks: computed with NumPy, derived and checked with SymPy.

Importing the package brings the NumPy half alone; `resnotes.symbolic`, `resnotes.explorers` and the rest
are imported by their own names.
"""

from importlib.metadata import version

from resnotes import four_layer
from resnotes.attention import Attention, Positionwise
from resnotes.losses import softmax_cross_entropy
from resnotes.network import Affine, Network, Unit, gelu, identity, relu, silu, tanh
from resnotes.normalisation import BatchNorm, BatchNormTraining, LayerNorm, RMSNorm
from resnotes.paths import gradient_by_shortcut, jacobian_by_length
from resnotes.recipes import first_checks
from resnotes.reports import report
from resnotes.shortcuts import Absent, Diagonal, Gate, Identity, Projection, Scale, StopGradient, ZeroPad

__all__ = [
    "Absent",
    "Affine",
    "Attention",
    "BatchNorm",
    "BatchNormTraining",
    "Diagonal",
    "Gate",
    "Identity",
    "LayerNorm",
    "Network",
    "Positionwise",
    "Projection",
    "RMSNorm",
    "Scale",
    "StopGradient",
    "Unit",
    "ZeroPad",
    "first_checks",
    "four_layer",
    "gelu",
    "gradient_by_shortcut",
    "identity",
    "jacobian_by_length",
    "relu",
    "report",
    "silu",
    "softmax_cross_entropy",
    "tanh",
]
__version__ = version("resnotes")
