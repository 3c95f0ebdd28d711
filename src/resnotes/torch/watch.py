"""The report's numbers during training, every so many steps."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping

import torch

from resnotes import _validate
from resnotes.torch.reports import TorchReport, report


class Watch:
    """Reports on a model every so many calls, as dicts, and writes them as lines of JSON.

    Parameters
    ----------
    every : int
        Calls from one report to the next; the first call reports.
    path : path-like or None
        A file to which a line of JSON is added for every report; None for none.
    log : callable, optional
        Called with each dict as well, such as ``wandb.log`` or a logger's method.
    lengths : int, "all" or None
        As of `report`: None leaves out the shares by path length, which cost most.
    **options
        Further arguments of `report`.

    Attributes
    ----------
    calls : int
    last : TorchReport or None
        The latest report.

    Notes
    -----
    Every report runs the model once more, forward and backward, on the batch it is given; the training step itself
    is left as it is. A hundredth of that is added to each step where `every` is 100.
    """

    def __init__(
        self,
        every: int = 100,
        path: str | os.PathLike | None = "gradients.jsonl",
        log: Callable | None = None,
        lengths: int | str | None = None,
        **options,
    ):
        self.every = _validate.whole_number(every, "every", 1)
        self.path, self.log, self.lengths, self.options = path, log, lengths, options
        self.calls = 0
        self.last: TorchReport | None = None

    def __call__(
        self, model: torch.nn.Module, inputs: torch.Tensor | tuple | Mapping, loss: Callable, step: int | None = None
    ) -> dict | None:
        """The dict of a report, in every `every`-th call; None in between.

        Parameters
        ----------
        model, inputs, loss
            As of `report`.
        step : int, optional
            What the dict calls the step: by default the number of this call, from 0.
        """
        step = self.calls if step is None else step
        self.calls += 1
        if (self.calls - 1) % self.every:
            return None
        begun = time.perf_counter()
        self.last = report(model, inputs, loss, lengths=self.lengths, **self.options)
        numbers = {"step": step, **scalars(self.last), "gradients/seconds": time.perf_counter() - begun}
        if self.path is not None:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(numbers) + "\n")
        if self.log is not None:
            self.log(numbers)
        return numbers


def scalars(found: TorchReport) -> dict:
    """The numbers of a report under flat names, for a logger; those that are not finite are left out.

    ``gradients/loss``, ``gradients/log10_total``, ``gradients/lost in bfloat16``; for every unit
    ``gradients/<unit>/log10_gain``, ``.../log10_after``, ``.../log10_shortcut``, ``.../log10_branch``,
    ``.../cosine``, ``.../log10_parameters``; and ``gradients/share/<k>`` where shares were asked for.
    """
    numbers = {"loss": found.loss, "log10_total": found.log10_total}
    numbers |= {f"lost in {name}": limits.lost for name, limits in found.limits.items()}
    for l, name in enumerate(found.names):
        for part in ("log10_gain", "log10_after", "log10_shortcut", "log10_branch", "cosine", "log10_parameters"):
            numbers[f"{l:03d} {name}/{part}"] = float(getattr(found, part)[l])
    for k, share in enumerate(found.share):
        longer = found.has_rest and k == len(found.share) - 1
        numbers[f"share/{k}{' and more' if longer else ''}"] = float(share)
    return {f"gradients/{name}": value for name, value in numbers.items() if abs(value) < float("inf")}
