"""Sliders over the book's mathematics: live in JupyterLab, and in the book's pages without a kernel.

Each explorer is an anywidget. Its traits are synced, so they link with other ipywidgets and can be set
and observed from Python; its static picture stands wherever no JavaScript runs.
"""

from resnotes._terminal import missing

try:
    import anywidget
    import traitlets
except ModuleNotFoundError as error:
    raise missing(error, "widgets", "resnotes.explorers") from None

from resnotes.explorers.activation import BeforeOrAfter
from resnotes.explorers.at_least import AtLeast
from resnotes.explorers.chains import Chains
from resnotes.explorers.four_layers import FourLayers
from resnotes.explorers.gains import Gains
from resnotes.explorers.lambda_depth import LambdaDepth
from resnotes.explorers.merge_point import MergePoint
from resnotes.explorers.mixing import Mixing
from resnotes.explorers.network_report import NetworkReport
from resnotes.explorers.number_line import NumberLine
from resnotes.explorers.one_unit import OneUnit
from resnotes.explorers.operators import Operators
from resnotes.explorers.paths import Paths
from resnotes.explorers.recipes import Recipes
from resnotes.explorers.residual_stream import ResidualStream
from resnotes.explorers.shattered import Shattered
from resnotes.explorers.trained_runs import TrainedRuns
from resnotes.explorers.training import Training
from resnotes.explorers.walk import Walk

__all__ = [
    "AtLeast",
    "BeforeOrAfter",
    "Chains",
    "FourLayers",
    "Gains",
    "LambdaDepth",
    "MergePoint",
    "Mixing",
    "NetworkReport",
    "NumberLine",
    "OneUnit",
    "Operators",
    "Paths",
    "Recipes",
    "ResidualStream",
    "Shattered",
    "TrainedRuns",
    "Training",
    "Walk",
]
