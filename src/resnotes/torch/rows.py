"""Rows of gradients between edges of an autograd graph, each with a power of two, so that no depth under- or overflows."""

from __future__ import annotations

import math
import warnings

import torch
from torch.autograd.graph import GradientEdge as Edge

from resnotes import _validate

LOG2 = math.log10(2.0)
#: The exponent of a row of zeros.
NOTHING = -(2**40)
#: So many numbers are sent at a time, where several rows go together.
AT_ONCE = 2**26


class Rows:
    """Rows (k, ...) of gradients: row i is ``array[i] * 2.0**exponent[i]``.

    The largest entry of a row that is not 0 stays between 2**-band and 2**band, a band well within the dtype's range.
    """

    def __init__(self, array, exponent, place="the loss"):
        band = _band(array.dtype)
        largest = [top_of(row) for row in array]
        shift = []
        for k, top in enumerate(largest):
            if not math.isfinite(top):
                _validate.refuse(
                    "gradient", f"an entry that leaves {array.dtype} within one layer, in {place}",
                    "finite numbers: smaller weights, a smaller loss, or a wider dtype",
                )  # fmt: skip
            power = math.frexp(top)[1]
            shift.append(power if top > 0 and abs(power) > band else 0)
            exponent = exponent if top > 0 else [*exponent[:k], NOTHING, *exponent[k + 1 :]]
        if any(shift):
            array = _times(array, [-one for one in shift])
            exponent = [e + one if e != NOTHING else e for e, one in zip(exponent, shift, strict=True)]
        self.array, self.exponent, self.largest = array, list(exponent), largest

    def length(self, k=0):
        """The Euclidean length of a row, as a number and a power of two."""
        return length_of(self.array[k]), self.exponent[k]

    def log10_length(self, k=0):
        """log10 of the length; -inf for a row of zeros."""
        return log10(*self.length(k))

    def longer(self, by_branch, most):
        """What comes by the shortcut, self, and by the branch, as parts by length: row k came through k branches.

        Where `most` is given, the last of more than most + 1 rows is all longer parts together.
        """
        exponent = [
            max(self.exponent[k] if k < len(self.exponent) else NOTHING, by_branch.exponent[k - 1] if k else NOTHING)
            for k in range(len(self.exponent) + 1)
        ]
        one, other = self.shifted(exponent[:-1]), by_branch.shifted(exponent[1:])
        array = torch.cat([one, torch.zeros_like(one[:1])])
        array[1:] += other
        if most is not None and len(array) > most + 2:
            top = max(exponent[-2:])
            ends = _times(array[-2:], [max(e - top, -1000) for e in exponent[-2:]])
            array = torch.cat([array[:-2], ends.sum(0, keepdim=True)])
            exponent = [*exponent[:-2], top]
        return Rows(array, exponent)

    def shifted(self, exponent):
        """The array that goes with other exponents, none of them smaller."""
        shift = [max(own - other, -1000) for own, other in zip(self.exponent, exponent, strict=True)]
        return _times(self.array, shift) if any(shift) else self.array


def log10(number, exponent):
    """log10 of number · 2**exponent, -inf for 0."""
    return math.log10(number) + exponent * LOG2 if number > 0 else -math.inf


def _band(dtype):
    """How far from 1 a row may be, as a power of two: a sixteenth of the dtype's range."""
    return max(2, int(-math.log2(torch.finfo(dtype).tiny)) // 16)


def _times(array, powers):
    """Rows times powers of two, each in two halves, so that no factor leaves the dtype's range before the product does."""
    halves = [power // 2 for power in powers], [power - power // 2 for power in powers]
    for half in halves:
        factors = torch.tensor([2.0**power for power in half], dtype=array.dtype, device=array.device)
        array = array * factors.view(-1, *[1] * (array.dim() - 1))
    return array


def wide(tensor):
    """A tensor in float32 at least: for sums."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def length_of(tensor):
    """The Euclidean length."""
    return float(torch.linalg.vector_norm(wide(tensor)))


def top_of(tensor):
    """The largest entry's size; NaN where one is NaN. Several times as fast as the norm of that name."""
    if not tensor.numel():
        return 0.0
    low, high = torch.aminmax(tensor)
    return max(-float(low), float(high)) if float(low) == float(low) else math.nan


class Sender:
    """Sends rows back through the graph, several at a time where every operation on the way allows it."""

    def __init__(self):
        self.together = True

    def whole(self, starts, goal, leaves=()):
        """One row (1, ...) from edges to an edge, and what arrives at leaves, as a list with None where nothing does.

        Parameters
        ----------
        starts : list of (Edge, rows)
        goal : Edge
        leaves : list of leaf nodes
        """
        already, starts = _arrived(starts, goal)
        if not starts:
            return already, []
        targets = [goal, *(Edge(leaf, 0) for leaf in leaves)]
        edges, rows = zip(*starts, strict=True)
        sent = torch.autograd.grad(edges, targets, [one[0] for one in rows], retain_graph=True, allow_unused=True)
        there = already if sent[0] is None else sent[0][None] if already is None else already + sent[0]
        return there, sent[1:]

    def several(self, starts, goal):
        """Rows (k, ...) from edges to an edge."""
        already, starts = _arrived(starts, goal)
        if not starts:
            return already
        edges, rows = zip(*starts, strict=True)
        sent = self._sent(edges, goal, rows)
        return sent if already is None else already + sent

    def _sent(self, edges, goal, rows):
        count = len(rows[0])
        size = max(1, AT_ONCE // max(1, math.prod(goal.node._input_metadata[goal.output_nr].shape)))
        if count > 1 and self.together:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of operations that vmap takes one by one
                    parts = [
                        torch.autograd.grad(edges, [goal], [one[k : k + size] for one in rows], retain_graph=True,
                                            is_grads_batched=True)[0]
                        for k in range(0, count, size)
                    ]  # fmt: skip
                return torch.cat(parts)
            except RuntimeError:  # an operation on the way cannot: from here on one row at a time
                self.together = False
        return torch.stack(
            [torch.autograd.grad(edges, [goal], [one[k] for one in rows], retain_graph=True)[0] for k in range(count)]
        )


def _arrived(starts, goal):
    """The sum of the rows that are at the goal already, or None, and the starts that are not."""
    there = [rows for edge, rows in starts if edge.node is goal.node and edge.output_nr == goal.output_nr]
    rest = [(edge, rows) for edge, rows in starts if not (edge.node is goal.node and edge.output_nr == goal.output_nr)]
    return (sum(there[1:], there[0]) if there else None), rest
