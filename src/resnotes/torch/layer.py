"""A PyTorch module as a layer of a `resnotes.Network`."""

from __future__ import annotations

import numpy as np
import torch


class TorchLayer:
    """Any module that maps states (..., n) to states (..., m), with autograd for its backward rule.

    Parameters
    ----------
    module : torch.nn.Module
        Called as it is, in its present mode; in training mode, batch normalisation moves its running statistics.
    couples_batch : bool
        Whether the samples of a batch depend on one another in it, as in batch normalisation that is being trained.

    Examples
    --------
    ``Unit(branch=[TorchLayer(block)])``; of a block that adds its input itself, ``Unit([TorchLayer(block)], Absent())``.
    """

    def __init__(self, module: torch.nn.Module, couples_batch: bool = False):
        self.module, self.couples_batch = module, couples_batch

    def forward(self, x: np.ndarray) -> np.ndarray:
        """module(x)."""
        with torch.no_grad():
            return self.module(torch.tensor(x)).numpy()

    def backward(self, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, None]:
        """g times the Jacobian at x, and None for the parameters, which stay PyTorch's."""
        x = torch.tensor(x, requires_grad=True)
        return torch.autograd.grad(self.module(x), x, torch.tensor(g))[0].numpy(), None

    def __repr__(self):
        return f"TorchLayer({type(self.module).__name__})"
