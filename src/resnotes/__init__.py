"""How gradients travel through residual networks: computed with NumPy, derived and checked with SymPy.

Importing the package brings the NumPy half alone; `resnotes.symbolic`, `resnotes.explorers` and the rest
are imported by their own names.
"""

from importlib.metadata import version

from resnotes import four_layer
from resnotes.losses import softmax_cross_entropy
from resnotes.network import Affine, Network, Unit, identity, relu, tanh
from resnotes.normalisation import BatchNorm, BatchNormTraining, LayerNorm, RMSNorm

__all__ = [
    "Affine",
    "BatchNorm",
    "BatchNormTraining",
    "LayerNorm",
    "Network",
    "RMSNorm",
    "Unit",
    "four_layer",
    "identity",
    "relu",
    "softmax_cross_entropy",
    "tanh",
]
__version__ = version("resnotes")
