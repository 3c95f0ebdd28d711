"""`report`: where the gradient of a PyTorch model shrinks or grows, by which way it comes, and what formats do to it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch.autograd.graph import GradientEdge as Edge
from torch.autograd.graph import get_gradient_edge

from resnotes import _validate
from resnotes.magnitudes import FORMATS
from resnotes.reports import Report, _limits, _power, _Sizes
from resnotes.torch.forward import Seen, Watched, arguments
from resnotes.torch.graph import CONCATENATIONS, Graph
from resnotes.torch.rows import Rows, Sender, length_of, log10, top_of, wide

#: A part of a unit stands out where it is this many powers of ten off the median unit's.
STANDS_OUT = 1.0
#: Branches are weak where the median one's factor is below this power of ten.
WEAK = -2.0
#: Of larger states, so many entries, evenly spaced, stand for all where losses in an addition are counted.
MOST_ENTRIES = 2**15
#: PyTorch's dtypes for the formats of `resnotes.magnitudes.FORMATS`.
DTYPES = {
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64,
    "float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2,
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class TorchReport(Report):
    """What `report` found about a model: all that a `resnotes.reports.Report` has, and where each unit is.

    As there, unit l leads from state l to state l + 1, and logarithms are to base 10. States are the tensors
    between the units, of which the first is what the first unit reads and the last what the last one gives: the
    layers before and after do not count. ``log10_shortcut_product`` is not formed; ``log10_part[0]`` has the
    length of what comes by the shortcuts alone.

    Attributes
    ----------
    model : str
        The model's class.
    loss : float
    dtype : str
        Of the gradient at the last state.
    start : str
        Where the ways end: an input, or a module whose result it is.
    shapes : tuple of tuple of int, length L + 1
        Of the states. `widths` are their numbers of entries for each of `samples`, the first axis that all share.
    modules : tuple of str, length L
        The module in which unit l's addition is.
    branches : tuple of str, length L
        The submodule of it that gives what is added, or "" where none does; " + " between several.
    shortcuts : tuple of str, length L
        How the shortcut was told from the branches: "identity" (nothing lies on it), "fewest operations", "named".
    operations : tuple of int, length L
        Operations on the shortcut.
    lengths : int or None
        Shares are by path length up to this number of branches; where it is below L, the last share is that of
        all longer paths together. None where no shares were asked for: `share` and `log10_part` are empty then.
        `log10_cancellation` is that of the parts shown, so it depends on where they are cut off.
    cosine : ndarray, shape (L,)
        Of the angle between the two parts that meet at state l, by the shortcut and by the branches; NaN where one
        is 0.
    log10_parameters : ndarray, shape (L,)
        log10 of the length of the loss's gradient by the parameters of unit l, those of the layer after its
        addition included, for their use in this unit alone; NaN where it has none.
    lost_by_unit : dict of str to ndarray, shape (L,)
        By the name of the format, the share of entries in which the branch is lost in unit l's addition, counted in
        at most `MOST_ENTRIES` entries that are evenly spaced, as is `limits[...].lost`; NaN where
        the operands were not seen (overwritten in place, or added by compiled code).
    others : tuple of str
        The modules of additions and concatenations that join several ways through parameters and are not split,
        because not every way passes them: those within a branch. One entry for each.
    """

    model: str
    loss: float
    dtype: str
    start: str
    shapes: tuple
    modules: tuple
    branches: tuple
    shortcuts: tuple
    operations: tuple
    lengths: int | None
    cosine: np.ndarray
    log10_parameters: np.ndarray
    lost_by_unit: dict
    others: tuple

    _derived = (*Report._derived, "names", "unit_shares", "outliers")

    @property
    def names(self):
        """Unit l's module, and in brackets what is added there."""
        return tuple(
            f"{module or '(model)'}{f' ({branch})' if branch else ''}"
            for module, branch in zip(self.modules, self.branches, strict=True)
        )

    @property
    def has_rest(self):
        """Whether the last share is that of all longer paths together."""
        return self.lengths is not None and self.lengths < self.depth

    @property
    def length_moment(self):
        """As of `resnotes.reports.Report`; NaN too where longer paths are counted together."""
        return math.nan if self.lengths is None or self.has_rest else super().length_moment

    @property
    def unit_shares(self):
        """The gain of each unit as a share of the whole change on a log scale; they add up to 1.

        None where the length changes by less than 10**2, or where nothing arrives.
        """
        if self.worst_unit is None or not math.isfinite(self.log10_total):
            return None
        return self.log10_gain / self.log10_total

    @property
    def outliers(self):
        """Parts of units that are ten times as large or a tenth of the median unit's, the farthest off first.

        (unit, "layer after" | "shortcut" | "branch", log10 of it, log10 of the median) each.
        """
        found = []
        for part, values in (
            ("layer after", self.log10_after),
            ("shortcut", self.log10_shortcut),
            ("branch", self.log10_branch),
        ):
            known = values[~np.isnan(values)]
            if len(known) < 3:
                continue
            middle = float(np.median(known))
            off = np.abs(np.nan_to_num(values - middle, nan=0.0, posinf=np.inf, neginf=-np.inf))
            found += [(int(l), part, float(values[l]), middle) for l in np.flatnonzero(off > STANDS_OUT)]
        return sorted(found, key=lambda one: -abs(one[2] - one[3]))

    def _facts(self):
        low, high = min(self.widths), max(self.widths)
        width = f"{low}" if low == high else f"{low} to {high}"
        count = f"{self.depth} residual unit{'' if self.depth == 1 else 's'}"
        yield f"{self.model}: {count}, {width} entries a sample, {self.samples} samples, {self.dtype}"
        yield f"loss {self.loss:.4g}, {self.inputs}"
        facts = list(super()._facts())[1:-1]  # not its first line, and no shortcut product
        yield facts[0]
        yield facts[1]
        if self.shares_hold:
            yield f"by the shortcuts alone comes {_percent(self.share[0])} of the gradient; {self._peak()}"
        yield from facts[2:]
        branch = float(np.nanmedian(self.log10_branch))
        if branch < WEAK:
            yield f"the branches are weak: in the median unit the branch sends back {_power(branch)} of what it is sent"
        for unit, part, value, middle in self.outliers[:3]:
            where = f"unit {unit}, {self.names[unit]}"
            yield f"stands out: {where}: {part} {_power(value)}, in the median unit {_power(middle)}"
        if len(self.outliers) > 3:
            yield f"and {len(self.outliers) - 3} more that stand out"
        guessed = [l for l, how in enumerate(self.shortcuts) if how == "fewest operations"]
        if guessed:
            where = ", ".join(self.names[l] for l in guessed[:3]) + (", ..." if len(guessed) > 3 else "")
            yield (
                f"in {len(guessed)} of the units no addend is the identity; the one with the fewest operations "
                f"is called the shortcut ({where}); shortcut= names it"
            )
        if self.others:
            where = ", ".join(list(dict.fromkeys(self.others))[:3])
            yield (
                f"not split, because not every way passes them: {len(self.others)} additions or concatenations "
                f"within branches ({where})"
            )

    def _peak(self):
        """Which length has the largest share, in words."""
        known = self.share[:-1] if self.has_rest else self.share
        k = int(np.argmax(known))
        rest = f", {_percent(self.share[-1])} by more than {self.lengths}" if self.has_rest else ""
        return f"most by paths through {k} of {self.depth} branches ({_percent(self.share[k])}){rest}"

    def _blame_in_words(self):
        said, unit = super()._blame_in_words(), self.worst_unit
        if unit is None:
            unit = int(np.argmax(np.abs(np.nan_to_num(self.log10_gain))))
        return said.replace(f"unit {unit}", f"unit {unit}, {self.names[unit]},", 1)

    def _lengths_in_words(self):
        return self._cancellation_in_words() if self.has_rest else super()._lengths_in_words()

    def _tables(self):
        for title, head, rows in super()._tables():
            if head[0] == "unit":
                yield title, *self._units([int(row[0]) for row in rows])
            elif head[0] == "branches" and self.has_rest:
                longer = str(self.lengths + 1)
                yield title, head, [[f"{k} and more" if k == longer else k, share] for k, share in rows]
            else:
                yield title, head, rows

    def _units(self, units):
        head = [
            "unit", "where", "factor", "layer after", "shortcut", "branch", "cosine", "parameters", "lost in bfloat16"
        ]  # fmt: skip
        lost = self.lost_by_unit["bfloat16"]
        rows = [
            [
                str(l),
                self.names[l],
                *(
                    _power(part[l])
                    for part in (self.log10_gain, self.log10_after, self.log10_shortcut, self.log10_branch)
                ),
                "-" if math.isnan(self.cosine[l]) else f"{self.cosine[l]:.2f}",
                _power(self.log10_parameters[l]),
                "-" if math.isnan(lost[l]) else f"{100 * lost[l]:.1f} %",
            ]
            for l in units
        ]
        return head, rows


def report(
    model: torch.nn.Module,
    inputs: torch.Tensor | tuple | Mapping,
    loss: Callable,
    *,
    start: str | int | None = None,
    lengths: int | str | None = 10,
    shortcut: str | None = None,
    seed: int | None = 0,
) -> TorchReport:
    """Examine a model at one batch, in the mode it is in.

    Parameters
    ----------
    model : torch.nn.Module
        On one device, and not compiled.
    inputs : Tensor, tuple or mapping
        What the model takes: its argument, its arguments, or its arguments by name.
    loss : callable
        ``loss(output)`` returns a scalar tensor.
    start : str or int, optional
        Where the ways from the loss end: the path of a module, at its result, or the name or place of one of the
        inputs. By default that floating-point input (those called a mask apart) or the result of the first
        embedding, which has most residual units on its way.
    lengths : int, "all" or None
        Shares by path length up to this number of branches, and the rest together; "all" for every length; None
        for none, which costs about as much as one forward and backward pass.
    shortcut : str, optional
        A part of the path of modules that lie on the shortcut, such as "downsample", where none is the identity.
    seed : int, optional
        What dropout draws from; None for the generator as it is. Afterwards the generator is as before.

    Returns
    -------
    TorchReport

    Raises
    ------
    ValueError
        If an argument is none of these, if the model is compiled, lies on several devices, or hides its graph
        (reentrant checkpointing), if the loss is no finite scalar or does not depend on the start, if there is no
        residual addition on the way (a concatenation that stands in its place is named), or if a gradient leaves
        its dtype within one layer.

    Notes
    -----
    Forward pass and loss run once, with parameters and buffers replaced by copies of the same numbers: running
    statistics stay, ``.grad`` is not touched, and parameters that are frozen count too. Then one row goes back from unit
    to unit, and for the lengths up to ``lengths + 2`` more, several at a time. Equation ``report-lengths``.

    Additions are found in `torch.add` and ``+``, subtractions, and the sums in `addmm`, `baddbmm`, `addcmul`,
    `addcdiv` and `lerp`, whose first argument then is one addend, and all else in them the other.
    """
    _refuse_model(model)
    if lengths == "all":
        most = None
    elif lengths is not None:
        most = _validate.whole_number(lengths, 'lengths (or "all", or None)', 0)
    model_device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    devices = [model_device] if model_device.type == "cuda" else []
    kept = [(buffer, buffer._version, buffer.clone()) for buffer in model.buffers()]
    copies = {
        f"model.{name}": tensor.detach().requires_grad_()
        for name, tensor in model.named_parameters()
        if tensor.is_floating_point()
    }
    copies |= {f"model.{name}": buffer.clone() for name, buffer in model.named_buffers()}

    def work(model):
        passed = _forward(model, inputs, loss, start)
        units = _found(passed, shortcut)
        with torch.no_grad(), _no_autocast(model_device):
            return _examined(passed, units, lengths is not None, None if lengths in ("all", None) else most)

    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices))
        if seed is not None:
            torch.manual_seed(seed)
        stack.enter_context(torch.enable_grad())
        found = torch.func.functional_call(_Within(model), copies, (work,))
    for buffer, version, before in kept:
        if buffer._version != version:  # code that went round the copies
            with torch.no_grad():
                buffer.copy_(before)
    return found


class _Within(torch.nn.Module):
    """A model around work on it, for which `functional_call` replaces the tensors until the work is done."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, work):
        return work(self.model)


def _refuse_model(model):
    wanted = "a torch.nn.Module as it was before torch.compile, on one device"
    if not isinstance(model, torch.nn.Module):
        _validate.refuse("model", _validate.describe(model), wanted)
    for name, module in model.named_modules():
        if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            what = f"the compiled module {name!r}" if name else "a compiled model"
            _validate.refuse("model", what, "the model before torch.compile: its _orig_mod, or one made anew")
        if isinstance(module, torch.jit.ScriptModule):
            what = f"the TorchScript module {name!r}" if name else "a TorchScript model"
            _validate.refuse("model", what, "the model before torch.jit.script or torch.jit.trace")
    places = sorted({str(tensor.device) for tensor in (*model.parameters(), *model.buffers())})
    if len(places) > 1:
        wanted = 'all on one: model.to("cpu"), or a smaller configuration of the model'
        _validate.refuse("model", f"one on several devices, {', '.join(places)}", wanted)


def _no_autocast(device):
    """The backward pass runs in the dtypes that the forward pass chose."""
    return torch.autocast(device.type, enabled=False)


@dataclass(eq=False)
class _Passed:
    """A forward pass: the loss, what was seen, and the edges at which the ways may end, by their names."""

    model: torch.nn.Module
    value: torch.Tensor
    watched: Watched
    starts: dict


def _forward(model, inputs, loss, start):
    args, kwargs, starts = arguments(inputs, start)
    watched = Watched(model)
    try:
        with watched:
            output = model(*args, **kwargs)
    finally:
        for hook in watched.hooks:
            hook.remove()
    value = loss(output)
    if not torch.is_tensor(value) or value.dim() != 0:
        got = f"a tensor of shape {tuple(value.shape)}" if torch.is_tensor(value) else _validate.describe(value)
        _validate.refuse("loss(output)", got, "a scalar tensor, such as the mean of a loss over the batch")
    if value.grad_fn is None:
        _validate.refuse("loss(output)", "a number that no gradient reaches", "one computed from the output by PyTorch")
    if not math.isfinite(value.item()):
        _validate.refuse("loss(output)", value.item(), "a finite number")
    if isinstance(start, str) and start in watched.by_name:
        starts = {start: watched.by_name[start]}
    elif start is not None and start not in starts:
        close = f"the path of a module that ran, or a floating-point input: {list(starts) or 'none'}"
        _validate.refuse("start", repr(start), close)
    elif start is None and watched.first is not None:
        starts["the first embedding"] = watched.first
    if not starts:
        _validate.refuse("start", "none", "a floating-point input, an embedding, or the path of a module as start=")
    return _Passed(model, value, watched, starts)


def _found(passed, shortcut):
    """(graph, units from the loss down, name of the start)."""
    best = None
    for name, tensor in passed.starts.items():
        graph = Graph(passed.value.grad_fn, get_gradient_edge(tensor).node)
        units = graph.units(None if shortcut is None else lambda part: _lies_on(part, shortcut, passed.watched))
        if best is None or len(units) > len(best[1]):
            best = graph, units, "the input" if name == 0 else f"input {name}" if isinstance(name, int) else str(name)
    graph, units, name = best
    if units:
        if shortcut is not None and not any(unit.how == "named" for unit in units):
            wanted = "a part of the path of modules that lie on one addend alone, in a unit where none is the identity"
            _validate.refuse("shortcut", repr(shortcut), wanted)
        return best
    names = {node.name() for node in graph.order}
    if graph.loss not in graph.live:
        _validate.refuse("loss(output)", f"one that does not depend on the start ({name})", "another start=")
    if any("CheckpointFunction" in one for one in names):
        got = "reentrant checkpointing, which hides what it recomputes"
        _validate.refuse("model", got, "checkpoint(..., use_reentrant=False), or none")
    if any("CompiledFunction" in one for one in names):
        _validate.refuse("model", "compiled code, which hides its additions", "the model before torch.compile")
    where = [_module(node, passed.watched) for node in graph.chain() if node.name() in CONCATENATIONS]
    if where:
        _validate.refuse(
            "model", f"concatenations where the ways join, the first in {where[-1]!r}, and no residual addition",
            "units that add shortcut and branch: a concatenation keeps them side by side, and nothing is split there",
        )  # fmt: skip
    others = [_module(node, passed.watched) for node in graph.others([])]
    said = f": those in {', '.join(map(repr, others[:3]))} are not on every way" if others else ""
    _validate.refuse(
        "model", f"no residual addition on every way from the loss to the start ({name}){said}",
        "one with residual units, or another start=",
    )  # fmt: skip


def _percent(share):
    """A share of a gradient in percent, with two digits or more."""
    return f"{100 * share:.0f} %" if abs(share) >= 0.0995 else f"{100 * share:.2g} %"


def _lies_on(part, shortcut, watched):
    """Whether the result of a module whose path has `shortcut` in it lies on an addend's way."""
    return any(shortcut in name for node in part.nodes for name, _, _ in watched.results.get(node, ()))


def _module(node, watched):
    """The module in which an operation was."""
    if node in watched.seen:
        return watched.seen[node].module
    results = watched.results.get(node, ())
    return results[0][0] if results else "?"


def _branch_name(unit, module, watched):
    """The outermost submodules nearest to the addition that give what is added."""
    inside = f"{module}." if module else ""
    names = []
    for part in unit.branches:
        for node in part.nodes:
            those = [name for name, _, _ in watched.results.get(node, ()) if name.startswith(inside) and name != module]
            if those:
                names.append(min(those, key=len)[len(inside) :])
                break
    return " + ".join(dict.fromkeys(names))


def _end(graph, unit, modules, watched):
    """Where the last state is: what the module around the last addition returns, or else that addition.

    Not where that module holds more than two of the units: its result then is that of the whole model.
    """
    module = modules[0]
    chain = graph.chain()
    if module and modules.count(module) <= 2:
        for node in reversed(chain[: chain.index(unit.add)]):
            for name, tensor, _ in watched.results.get(node, ()):
                if name == module:
                    return Edge(node, 0), tensor
    return Edge(unit.add, 0), None


class _Gradient:
    """The gradient at one state: the sizes of its entries, of which `resnotes.reports._Sizes` makes limits."""

    def __init__(self, rows):
        length, self.exponent = rows.length()
        self.log10_length = log10(length, self.exponent)
        self.count = rows.array.numel()
        self.top = top_of(rows.array)
        self.length = length
        self.log10_typical = self.log10_length - math.log10(self.count) / 2
        self.log10_largest = log10(self.top, self.exponent)

    @property
    def largest(self):
        return Fraction(self.top) * Fraction(2) ** self.exponent

    @property
    def mean_square(self):
        return Fraction(self.length) ** 2 / self.count * Fraction(4) ** self.exponent


def _examined(passed, found, with_lengths, most):
    """The report, from a graph whose units are known."""
    graph, units, start = found
    watched = passed.watched
    modules = [_module(unit.add, watched) for unit in units]
    end, last = _end(graph, units[0], modules, watched)
    here = {node for unit in units for node in (unit.add, *unit.inner)}
    others = tuple(_module(node, watched) for node in graph.others(units) if node not in here)
    numbers, gradients, shares = _backward(graph, units, end, modules, passed.value, with_lengths, most)
    lost, tops = _sums(units, last, watched)
    sizes = _Sizes(gradients)
    depth = len(units)
    total_lost = {name: _lost_together(lost[name]) for name in FORMATS}
    shapes = tuple(tuple(edge.node._input_metadata[edge.output_nr].shape) for edge in [
        *(unit.fork for unit in reversed(units)), end])  # fmt: skip
    firsts = {shape[0] for shape in shapes if shape}
    samples = firsts.pop() if len(firsts) == 1 else 1
    return TorchReport(
        inputs=f"from the loss to {start}",
        widths=tuple(math.prod(shape) // samples for shape in shapes),
        samples=samples,
        **numbers,
        **shares,
        log10_shortcut_product=np.full((1, 1), np.nan),
        limits={name: _limits(name, sizes, tops, total_lost[name]) for name in FORMATS},
        model=type(passed.model).__name__,
        loss=passed.value.item(),
        dtype=str(end.node._input_metadata[end.output_nr].dtype).removeprefix("torch."),
        start=start,
        shapes=shapes,
        modules=tuple(modules[::-1]),
        branches=tuple(_branch_name(unit, module, watched) for unit, module in zip(units, modules))[::-1],
        shortcuts=tuple(unit.how for unit in reversed(units)),
        operations=tuple(unit.shortcut.operations for unit in reversed(units)),
        lengths=None if not with_lengths else depth if most is None else min(most, depth),
        lost_by_unit={
            name: np.array([gone / counted if counted else math.nan for gone, counted in reversed(lost[name])])
            for name in FORMATS
        },
        others=others,
    )


def _backward(graph, units, end, modules, value, with_lengths, most):
    """From the loss to the start: what the report has of every unit, the gradients at the states, and the shares."""
    sender, depth = Sender(), len(units)
    names = ("log10_gain", "log10_after", "log10_shortcut", "log10_branch", "cosine", "log10_parameters")
    numbers = {name: np.full(depth, np.nan) for name in names}
    first = torch.autograd.grad(value, [end], retain_graph=True)[0][None]
    if not bool(first.any()):
        _validate.refuse("loss(output)", "one whose gradient at the last state is 0", "a loss that depends on it")
    rows = parts = Rows(first, [0])
    gradients, at = [_Gradient(rows)], end
    for k, unit in enumerate(units):
        l = depth - 1 - k
        place = f"unit {l} ({modules[k] or 'the model'})"
        top, leaves, sizes = Edge(unit.add, 0), unit.leaves, []
        above = graph.after(at, unit.add)
        through, here = sender.whole([(at, rows.array)], top, above)
        sizes += [one for one in here if one is not None]
        by_shortcut, here = sender.whole(unit.shortcut.start(through), unit.fork, unit.shortcut.leaves)
        sizes += [one for one in here if one is not None]
        starts = [pair for part in unit.branches for pair in part.start(through)]
        own = list(dict.fromkeys(leaf for part in unit.branches for leaf in part.leaves))
        by_branch, here = sender.whole(starts, unit.fork, own)
        sizes += [one for one in here if one is not None]
        whole = Rows(by_shortcut + by_branch, rows.exponent, place)
        tensors = (rows.array, through, by_shortcut, by_branch)
        known = {id(one): length_of(one) for one in {id(one): one for one in tensors}.values()}  # often the same one
        lengths = [known[id(one)] for one in tensors]
        for name, (new, old) in zip(names[1:4], ((1, 0), (2, 1), (3, 1))):
            numbers[name][l] = _log10_ratio(lengths[new], lengths[old])
        (new, high), (old, low) = whole.length(), (lengths[0], rows.exponent[0])
        numbers["log10_gain"][l] = log10(new, high) - log10(old, low) if old else math.nan
        if lengths[2] and lengths[3]:
            inner = torch.dot(wide(by_shortcut).flatten(), wide(by_branch).flatten())
            numbers["cosine"][l] = float(inner) / lengths[2] / lengths[3]
        if sizes:
            length = math.hypot(*map(length_of, sizes))
            numbers["log10_parameters"][l] = log10(length, rows.exponent[0])
        elif leaves or above:
            numbers["log10_parameters"][l] = -math.inf
        if with_lengths:
            sent = sender.several([(at, parts.array)], top)
            one = sender.several(unit.shortcut.start(sent), unit.fork)
            other = sender.several([pair for part in unit.branches for pair in part.start(sent)], unit.fork)
            parts = Rows(one, parts.exponent, place).longer(Rows(other, parts.exponent, place), most)
        rows, at = whole, unit.fork
        gradients.append(_Gradient(rows))
    gradients.reverse()
    numbers["log10_gradient"] = np.array([one.log10_length for one in gradients])
    return numbers, gradients, _shares(rows, parts) if with_lengths else {
        "share": np.empty(0), "log10_part": np.empty(0), "log10_cancellation": math.nan}  # fmt: skip


def _log10_ratio(new, old):
    if old == 0:
        return math.nan
    return math.log10(new / old) if new > 0 else -math.inf


def _shares(rows, parts):
    """The parts along the whole as shares of it, log10 of their lengths, and of the sum of these over the whole's."""
    whole = wide(rows.array[0]).flatten()
    square = length_of(whole) ** 2
    logs = np.array([parts.log10_length(k) for k in range(len(parts.exponent))])
    if square == 0:
        return {"share": np.full(len(logs), np.nan), "log10_part": logs, "log10_cancellation": math.nan}
    along = (wide(parts.array).flatten(1) @ whole).double().numpy(force=True) / square
    apart = np.clip(np.array(parts.exponent) - rows.exponent[0], -4000, 4000).astype(np.int32)
    longest = float(np.max(logs))
    together = longest + math.log10(float(np.sum(10.0 ** (logs - longest))))
    return {
        "share": np.ldexp(along, apart), "log10_part": logs,
        "log10_cancellation": together - rows.log10_length(),
    }  # fmt: skip


# Formats --------------------------------------------------------------------------------------------------------


def _sums(units, last, watched):
    """By format, (entries lost, entries that count) of every unit; and the largest entry of every state that was seen.

    States, from the input up, of which none was seen count as 0.
    """
    lost, tops = {name: [] for name in FORMATS}, []
    for unit in units:
        pair = _operands(unit, watched)
        tops.append(_top(unit, pair, watched))
        for name in FORMATS:
            lost[name].append((0, 0) if pair is None else _lost_in(*pair, name))
    if last is not None:
        top = top_of(last)
    else:
        pair = _operands(units[0], watched)
        top = 0.0 if pair is None else top_of(pair[0] + pair[1])
    return lost, [*tops[::-1], top]


def _operands(unit, watched):
    """(carried by the shortcut, added) of a unit's addition, or None where they were not seen."""
    seen: Seen | None = watched.seen.get(unit.add)
    pair = None if seen is None else seen.operands()
    if pair is None or not all(torch.is_tensor(one) for one in pair):
        return None
    pair = tuple(torch.broadcast_tensors(*pair))
    # The shortcut is in the first operand, unless it is the second's edge, or below an inner sum there.
    second = unit.add.next_functions[1]
    edge = unit.shortcut.edges[0]
    is_second = unit.shortcut.node is None and (
        (edge.node is second[0] and edge.output_nr == second[1])
        or (second[0] in unit.inner and any((edge.node, edge.output_nr) == e for e in _edges(second[0], unit.inner)))
    )
    if unit.shortcut.node is not None:
        is_second = 0 not in unit.shortcut.indices
    same = unit.add.next_functions[0] == second
    return pair[::-1] if is_second and not same else pair


def _edges(node, inner):
    """Edges below an inner sum, those below inner sums in it included."""
    for edge in node.next_functions:
        if edge[0] in inner:
            yield from _edges(edge[0], inner)
        else:
            yield edge


def _top(unit, pair, watched):
    """The largest entry of the state that a unit reads; 0 where it was not seen."""
    if pair is not None and unit.shortcut.operations == 0 and not unit.inner and unit.shortcut.factor == 1:
        return top_of(pair[0])
    for _, tensor, version in watched.results.get(unit.fork.node, ()):
        if tensor._version == version and unit.fork.output_nr == 0:
            return top_of(tensor)
    return 0.0


def _some(tensor):
    """At most `MOST_ENTRIES` of the entries, evenly spaced."""
    flat = tensor.flatten()
    return flat[:: -(-len(flat) // MOST_ENTRIES)] if len(flat) else flat


def _lost_in(carried, branch, name):
    """Entries in which a format loses the branch in the addition, and entries that count."""
    carried, branch = _some(carried), _some(branch)
    much = torch.float64 if name in ("float32", "float64") or carried.dtype == torch.float64 else torch.float32
    dtype = DTYPES[name]
    there, one, other = branch != 0, carried.to(dtype).to(much), branch.to(dtype).to(much)
    counts = there & torch.isfinite(one)
    gone = ((one + other).to(dtype).to(much) == one) & counts
    return int(gone.sum()), int(counts.sum())


def _lost_together(pairs):
    """The share of all entries that are lost, and the number of units in which all are."""
    gone, counted = (sum(part) for part in zip(*pairs, strict=True))
    return gone / counted if counted else math.nan, sum(counts > 0 and lost == counts for lost, counts in pairs)
