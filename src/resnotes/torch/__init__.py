"""The report for PyTorch models as they are: no module is named, none is changed, no Jacobian is formed.

`report` runs a model once and reads its residual additions off the autograd graph; `Watch` does so during training;
`TorchLayer` makes any module a layer of a `resnotes.Network`. Needs the extra ``torch``.
"""

from resnotes._terminal import missing

try:
    import torch
except ModuleNotFoundError as error:
    raise missing(error, "torch", "resnotes.torch") from None

from resnotes.torch.layer import TorchLayer
from resnotes.torch.reports import TorchReport, report
from resnotes.torch.watch import Watch

__all__ = ["TorchLayer", "TorchReport", "Watch", "report"]
