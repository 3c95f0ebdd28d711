"""One report on a residual network: where its gradient shrinks or grows, along which paths, in which formats.

`report` takes a `Network`, a list of units, named arrays, or an .npz file with them; `from_arrays` says how
the arrays are named. Depth makes nothing overflow: gradients are carried with a power of two beside them.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from resnotes import _validate
from resnotes.magnitudes import FORMATS
from resnotes.network import Affine, Network, ReLU, Tanh
from resnotes.npz import from_arrays, load
from resnotes.precision import round_to
from resnotes.shortcuts import Diagonal, Identity, Projection, Scale
from resnotes.spectrum import product_singular_values

#: A gradient that gets this many powers of ten shorter from loss to input vanishes; longer, it explodes.
DECADES = 2.0
#: Samples of the input that is drawn where none is given.
SAMPLES = 4
LOG2 = math.log10(2.0)


@dataclass(frozen=True, eq=False)
class FormatLimits:
    """What a float format does to a network's gradients and sums.

    Attributes
    ----------
    subnormal, zero : int or None
        From the loss down, the first state at which the gradient's typical entry (its root mean square) is
        below the smallest normal number, or rounds to 0; None where none does. Gradients that are exactly
        0 do not count.
    overflow : int or None
        From the loss down, the first state at which the gradient's largest entry rounds to infinity.
    states : int or None
        From the input up, the first state of which an entry rounds to infinity.
    scales : (int, int) or None
        The lowest and the highest power of two by which the loss may be multiplied so that every typical
        entry is normal and no entry overflows; None where no power does.
    lost : float
        The share of entries in which the branch is lost in the addition: H(x) + F(x), both rounded,
        rounds to H(x). Entries in which F(x) is 0 do not count; NaN where none is left.
    lost_units : int
        Units in which it is lost in every entry.
    """

    subnormal: int | None
    zero: int | None
    overflow: int | None
    states: int | None
    scales: tuple | None
    lost: float
    lost_units: int


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What `report` found. Shows itself as text, and as tables in a notebook.

    All logarithms are to base 10. Lengths are Euclidean, over all samples together.

    Attributes
    ----------
    inputs : str
        Where x and g came from.
    widths : tuple of int, length L + 1
    samples : int
    log10_gradient : ndarray, shape (L + 1,)
        log10 of the length of g_l; -inf where g_l is 0.
    log10_gain : ndarray, shape (L,)
        log10 of the factor by which unit l changes the length, |g_l| / |g_{l+1}|: -inf where the unit sends
        nothing back, NaN where nothing arrives. The finite ones add up to log10_gradient[0] - log10_gradient[L],
        equation
        ``report-gain``.
    log10_after, log10_shortcut, log10_branch : ndarray, shape (L,)
        log10 of |g D_l| / |g|, of |g D_l H_l| / |g D_l| and of |g D_l J_l| / |g D_l| with g = g_{l+1}: what
        the layer after the addition, the shortcut and the branch do on their own.
    share : ndarray, shape (L + 1,)
        The share of g_0 that comes by paths through exactly k branches, for k = 0..L: the part q_k along g_0,
        q_k g_0ᵀ / |g_0|², equation ``report-share``. The shares add up to 1; single ones may be negative
        or above 1 where paths cancel. All NaN where g_0 is 0.
    log10_cancellation : float
        log10 of (sum over k of |q_k|) / |g_0|: 0 where all lengths pull the same way. The shares have lost
        about as many of their 16 digits.
    log10_shortcut_product : ndarray, shape (1 or samples, r)
        log10 of the singular values of the product of D_l H_l over all units, the path through no branch;
        one row where it is the same for all samples.
    limits : dict of str to FormatLimits
        By the name of the format.
    """

    inputs: str
    widths: tuple
    samples: int
    log10_gradient: np.ndarray
    log10_gain: np.ndarray
    log10_after: np.ndarray
    log10_shortcut: np.ndarray
    log10_branch: np.ndarray
    share: np.ndarray
    log10_cancellation: float
    log10_shortcut_product: np.ndarray
    limits: dict

    @property
    def depth(self):
        """L, the number of units."""
        return len(self.log10_gain)

    @property
    def log10_total(self):
        """log10 of |g_0| / |g_L|; -inf where nothing arrives."""
        return float(self.log10_gradient[0] - self.log10_gradient[-1])

    @property
    def verdict(self):
        """ "vanishes" or "explodes", where the length changes by more than 10**2, else "keeps its size"."""
        if self.log10_total < -DECADES:
            return "vanishes"
        return "explodes" if self.log10_total > DECADES else "keeps its size"

    @property
    def worst_unit(self):
        """The unit most to blame: the one with the lowest gain where the gradient vanishes, with the highest
        where it explodes; the lowest index where several are equal. None where it keeps its size."""
        if self.verdict == "keeps its size":
            return None
        pick = np.nanargmin if self.verdict == "vanishes" else np.nanargmax
        return int(pick(self.log10_gain))

    @property
    def worst_share(self):
        """The blamed unit's gain as a share of the total on the log scale: 1 where no other unit matters, 1/L
        where all do the same, above 1 where others make up for it. None without a unit to blame."""
        if self.worst_unit is None:
            return None
        return 1.0 if self.log10_total == -math.inf else float(self.log10_gain[self.worst_unit] / self.log10_total)

    @property
    def mean_length(self):
        """The mean number of branches on a path, weighted by share; NaN where g_0 is 0."""
        return float(self.share @ np.arange(len(self.share)))

    def as_dict(self):
        """Everything as numbers, lists and text for JSON; what is not finite as "inf", "-inf" or "nan"."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        found["limits"] = {name: vars(limits) for name, limits in self.limits.items()}
        names = ("depth", "log10_total", "verdict", "worst_unit", "worst_share", "mean_length")
        return _plain({**found, **{name: getattr(self, name) for name in names}})

    def __str__(self):
        lines = ["Residual network report", *(f"  {line}" for line in self._facts()), ""]
        for title, head, rows in self._tables():
            table = [head, *rows]
            sizes = [max(len(row[k]) for row in table) for k in range(len(head))]
            lines += [
                title,
                *(
                    "  " + "  ".join(f"{cell:{size}}" for cell, size in zip(row, sizes, strict=True)).rstrip()
                    for row in table
                ),
                "",
            ]
        return "\n".join(lines).rstrip()

    __repr__ = __str__

    def _repr_markdown_(self):
        parts = ["**Residual network report**", "\n".join(f"- {line}" for line in self._facts())]
        for title, head, rows in self._tables():
            lines = (" | ".join(row) for row in [head, ["---"] * len(head), *rows])
            parts += [f"**{title}**", "\n".join(f"| {line} |" for line in lines)]
        text = re.sub(r"(\d\.\d)e([+-])0*(\d+)", _as_latex, "\n\n".join(parts))
        return re.sub(r"2\^(-?\d+)", r"$2^{\1}$", text)

    def _facts(self):
        """The findings in words, one a line."""
        low, high = min(self.widths), max(self.widths)
        width = f"width {low}" if low == high else f"widths {low} to {high}"
        yield f"{_count(self.depth, 'unit')}, {width}, {_count(self.samples, 'sample')}; {self.inputs}"
        if self.log10_total == -math.inf:
            yield "the gradient vanishes: nothing arrives at the input"
        else:
            change = f"from the loss to the input its length changes by a factor of {_power(self.log10_total)}"
            yield f"the gradient {self.verdict}: {change}"
        yield self._blame_in_words()
        if math.isfinite(self.mean_length):
            mean = f"{self.mean_length:.1f} of {self.depth} branches in the mean"
            yield f"paths: {mean}; {self._cancellation_in_words()}"
        values = self.log10_shortcut_product
        finite = values[np.isfinite(values)]
        gone = f", {np.count_nonzero(~np.isfinite(values))} of {values.size} are 0" if finite.size < values.size else ""
        span = f"from {_power(finite.min())} to {_power(finite.max())}" if finite.size else "none but 0"
        yield f"shortcut product: singular values {span}{gone}"

    def _blame_in_words(self):
        unit = self.worst_unit
        if unit is None:
            large = int(np.argmax(np.abs(np.nan_to_num(self.log10_gain))))
            factor = _power(self.log10_gain[large])
            return f"no unit to blame; unit {large} changes the length most, by a factor of {factor}"
        if self.log10_gain[unit] == -math.inf:
            return f"unit {unit} is to blame: it sends nothing back"
        after, shortcut, branch = (
            _power(part[unit]) for part in (self.log10_after, self.log10_shortcut, self.log10_branch)
        )
        median = _power(float(np.nanmedian(self.log10_gain)))
        return (
            f"unit {unit} is most to blame: a factor of {_power(self.log10_gain[unit])} "
            f"(layer after {after}, shortcut {shortcut}, branch {branch}), "
            f"{100 * self.worst_share:.0f} % of the change on a log scale; the median unit has {median}"
        )

    def _cancellation_in_words(self):
        if self.log10_cancellation < 0.05:
            return "lengths pull the same way"
        lost = " (the shares mean little)" if self.log10_cancellation > 10 else ""
        times = _power(self.log10_cancellation)
        return f"parts by length add up to {times} times what arrives, the rest cancels{lost}"

    def _tables(self):
        """(title, head, rows), all text."""
        spots = np.unique(np.linspace(0, self.depth, 11).round().astype(int))
        yield (
            "Gradient by state, from the input to the loss",
            ["state", "length"],
            [[str(spot), _power(self.log10_gradient[spot])] for spot in spots],
        )
        order = np.argsort(np.nan_to_num(self.log10_gain), kind="stable")
        count = min(3, self.depth)
        ends = list(dict.fromkeys([*order[:count], *order[::-1][:count]]))
        yield (
            "Units that shrink and grow the gradient most",
            ["unit", "factor", "layer after", "shortcut", "branch"],
            [
                [
                    str(unit),
                    *(
                        _power(part[unit])
                        for part in (self.log10_gain, self.log10_after, self.log10_shortcut, self.log10_branch)
                    ),
                ]
                for unit in ends
            ],
        )
        if math.isfinite(self.mean_length):
            largest = np.argsort(-np.abs(self.share), kind="stable")[:8]
            largest = np.sort(largest[np.abs(self.share[largest]) >= 5e-4])
            yield (
                "Share of the gradient by path length, the largest",
                ["branches", "share"],
                [[str(k), f"{100 * self.share[k]:.1f} %"] for k in largest],
            )
        limits = self.limits.values()
        yield (
            "Formats",
            ["what", *self.limits],
            [
                ["gradient subnormal", *(_state(limit.subnormal) for limit in limits)],
                ["gradient rounds to 0", *(_state(limit.zero) for limit in limits)],
                ["gradient overflows", *(_state(limit.overflow) for limit in limits)],
                ["states overflow", *(_state(limit.states) for limit in limits)],
                ["loss may be scaled by", *(_scales(limit.scales) for limit in limits)],
                ["branch entries lost", *(_percent(limit.lost) for limit in limits)],
                ["units lost altogether", *(str(limit.lost_units) for limit in limits)],
            ],
        )


def report(source, x=None, g=None):
    """Examine a residual network.

    Parameters
    ----------
    source : Network, sequence of Unit, mapping of str to array_like, or path
        A mapping, and an .npz file at a path, hold arrays by the names of `from_arrays`.
    x : array_like, shape (n_0,) or (batch, n_0), optional
        Where the Jacobians are taken. By default the source's own ``x``, and without one, 4 samples of a
        standard normal with a fixed seed.
    g : array_like, the shape of x_L, optional
        The gradient of the loss at the last state. By default the source's own ``g``, and without one, a
        standard normal with a fixed seed.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If the source is none of these or something in it does not fit (the message names the key, the unit or
        the argument), if x or g does not fit the network or is not finite, if g is 0, if no width can be read
        off the first unit and x is not given, if the states of the forward pass leave the range of their
        format, or if a layer couples the samples of a batch.

    Notes
    -----
    One backward pass with the units' Jacobians, (batch, n, n) each, and with L + 1 rows a sample for the path
    lengths: of the order of L² n² operations a sample.
    """
    net, given = _network(source)
    x = given.get("x") if x is None else x
    g = given.get("g") if g is None else g
    trace, one, drawn = _forward(net, x)
    g, drawn_g = _upstream(g, trace, one)
    if drawn or drawn_g:
        names = " and ".join(name for name, is_drawn in (("x", drawn), ("g", drawn_g)) if is_drawn)
        inputs = f"{names} drawn from a standard normal, fixed seed"
    else:
        inputs = "x and g as given"
    sent = _backward(net, trace, g)
    sums, tops = _sums(net, trace), [float(np.max(np.abs(state))) for state in trace.states]
    limits = {name: _limits(name, sent, sums, tops) for name in FORMATS}
    return Report(
        inputs,
        tuple(state.shape[-1] for state in trace.states),
        len(trace.states[0]),
        **sent.reported,
        limits=limits,
    )


def _network(source):
    """The network of whatever `report` takes, and the arrays x and g that came with it."""
    if isinstance(source, Network):
        return source, {}
    if isinstance(source, (list, tuple)):
        return Network(source), {}
    if isinstance(source, (str, os.PathLike)):
        source = load(source)
    if isinstance(source, Mapping):
        return from_arrays(source)
    return _validate.refuse(
        "source",
        _validate.describe(source),
        "a Network, a list of units, a mapping of names to arrays, or the path of an .npz file",
    )


def _input_width(unit):
    """n_0, read off the first layer that knows it."""
    for layer in unit.branch:
        if isinstance(layer, Affine):
            return layer.weight.shape[1]
        if not isinstance(layer, (ReLU, Tanh, Identity, Scale)):  # these keep the width
            break
    if isinstance(unit.shortcut, (Diagonal, Projection)):
        return unit.shortcut.weight.shape[-1]
    return _validate.refuse(
        "x", "none", f"an array of shape (n,) or (batch, n): the first unit, {unit!r}, does not tell n"
    )


def _forward(net, x):
    """A trace of a batch; whether x was one state without a batch; whether x was drawn."""
    drawn = x is None
    if drawn:
        x = np.random.default_rng(0).normal(size=(SAMPLES, _input_width(net.units[0])))
    x = _validate.finite_array(x, "x", "a real array of shape (n,) or (batch, n)", (1, 2))
    with np.errstate(over="ignore", invalid="ignore"):  # looked for in the states
        trace = net.forward(np.atleast_2d(x))
    for index, state in enumerate(trace.states):
        if not np.isfinite(state).all():
            _validate.refuse(
                "x",
                f"one whose state leaves the range of {state.dtype} in unit {index - 1}",
                "finite states: a smaller x, smaller weights, or the units before that one alone",
            )
    return trace, x.ndim == 1, drawn


def _upstream(g, trace, one):
    """g as a batch of float64, and whether it was drawn."""
    last = trace.states[-1]
    shape = last.shape[1:] if one else last.shape
    wanted = f"a real array of shape {shape}, like the last state"
    if g is None:
        return np.random.default_rng(1).normal(size=last.shape), True
    g = _validate.finite_array(g, "g", wanted, (1, 2)).astype(np.float64)
    if g.shape != shape:
        _validate.refuse("g", _validate.describe(g), wanted)
    if not g.any():
        _validate.refuse("g", "zeros alone", "a gradient that is not 0")
    return g.reshape(last.shape), False


@dataclass(frozen=True, eq=False)
class _Sent:
    """What the backward pass found: log10 of entries by state, and what `Report` shows, by its attributes' names."""

    typical: np.ndarray
    largest: np.ndarray
    reported: dict


class _Scaled:
    """An array that never leaves its range: entries of at most 1, and a power of two beside them."""

    def __init__(self, array):
        self.array, self.exponent = array, 0
        self.rescale()

    def rescale(self):
        largest = float(np.max(np.abs(self.array)))
        if not math.isfinite(largest):
            _validate.refuse("Jacobian", "entries whose products leave float64", "smaller ones")
        if largest > 0:
            shift = math.frexp(largest)[1]
            self.array = np.ldexp(self.array, -shift)
            self.exponent += shift

    def log10(self, value):
        """log10 of a value that was computed from the array as it stands."""
        return math.log10(value) + self.exponent * LOG2 if value > 0 else -math.inf


def _backward(net, trace, g):
    """From the loss to the input: rows g_l, and rows q_l[k] for the paths through exactly k branches.

    g_l = g_{l+1} D_l (H_l + J_l), and q_l[k] = q_{l+1}[k] D_l H_l + q_{l+1}[k-1] D_l J_l, ``report-lengths``.
    """
    depth = len(net.units)
    rows, parts = _Scaled(g[:, None, :]), _Scaled(g[:, None, :])
    gradient, typical, largest = (np.empty(depth + 1) for _ in range(3))
    after, shortcut, branch = (np.empty(depth) for _ in range(3))
    paths = [None] * depth

    def measure(index):
        size = np.linalg.norm(rows.array)
        gradient[index] = rows.log10(float(size))
        typical[index] = gradient[index] - math.log10(rows.array.size) / 2
        largest[index] = rows.log10(float(np.max(np.abs(rows.array))))

    measure(depth)
    for index in reversed(range(depth)):
        with _validate.located("unit", index):
            D, H, J = (np.asarray(part, dtype=np.float64) for part in net.units[index].jacobians(trace.units[index]))
            with np.errstate(over="ignore", invalid="ignore"):  # _Scaled refuses what is not finite
                through = rows.array @ D
                by_shortcut, by_branch = through @ H, through @ J
                after[index] = _ratio(through, rows.array)
                shortcut[index], branch[index] = _ratio(by_shortcut, through), _ratio(by_branch, through)
                rows.array = by_shortcut + by_branch
                over_shortcut = D @ H
                both = parts.array @ np.concatenate([over_shortcut, D @ J], axis=-1)
            n = H.shape[-1]
            lengths = np.zeros((len(both), both.shape[1] + 1, n))
            lengths[:, :-1] = both[..., :n]
            lengths[:, 1:] += both[..., n:]
            parts.array = lengths
            rows.rescale()
            parts.rescale()
        paths[index] = over_shortcut[:1] if (over_shortcut == over_shortcut[:1]).all() else over_shortcut
        measure(index)
    share, cancellation = _shares(rows, parts)
    with np.errstate(invalid="ignore"):  # -inf - -inf: nothing arrived there
        gain = gradient[:-1] - gradient[1:]
    reported = {
        "log10_gradient": gradient, "log10_gain": gain, "log10_after": after, "log10_shortcut": shortcut,
        "log10_branch": branch, "share": share, "log10_cancellation": cancellation,
        "log10_shortcut_product": _path_spectrum(paths),
    }  # fmt: skip
    return _Sent(typical, largest, reported)


def _ratio(new, old):
    """log10 of the quotient of two lengths; NaN for 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log10(np.linalg.norm(new)) - np.log10(np.linalg.norm(old)))


def _shares(rows, parts):
    """The parts along the whole, as shares of it, and log10 of how much larger their lengths are together."""
    g, size = rows.array[:, 0], float(np.linalg.norm(rows.array))
    if size == 0:
        return np.full(parts.array.shape[1], np.nan), math.nan
    along = np.einsum("bkn,bn->k", parts.array, g) / size**2
    together = float(np.sum(np.linalg.norm(parts.array, axis=(0, 2))))
    apart = parts.exponent - rows.exponent
    return np.ldexp(along, apart), parts.log10(together) - rows.log10(size)


def _path_spectrum(paths):
    """log10 of the singular values of the product of D_l H_l, one row for each sample that has its own."""
    samples = max(len(factor) for factor in paths)
    return np.array(
        [
            product_singular_values([factor[min(sample, len(factor) - 1)] for factor in paths]).log10
            for sample in range(samples)
        ]
    )


def _sums(net, trace):
    """(H(x), F(x)) of every unit, each as one flat array."""
    pairs = []
    for unit, at in zip(net.units, trace.units, strict=True):
        carried = np.broadcast_to(unit.shortcut.forward(at.branch[0]), at.sum.shape)
        pairs.append((carried.astype(np.float64).ravel(), at.branch_output.astype(np.float64).ravel()))
    return pairs


def _limits(name, sent, sums, tops):
    """What format `name` does to gradients, to sums, and to states whose largest entries are `tops`."""
    form = FORMATS[name]
    tiny = math.log10(form.smallest_subnormal) - LOG2
    normal, top = math.log10(form.smallest_normal), math.log10(form.max)
    down = range(len(sent.typical) - 1, -1, -1)
    there = np.isfinite(sent.typical)
    subnormal = next((k for k in down if there[k] and sent.typical[k] < normal), None)
    zero = next((k for k in down if there[k] and sent.typical[k] <= tiny), None)
    overflow = next((k for k in down if sent.largest[k] > top), None)
    states = next((k for k, gone in enumerate(np.isinf(round_to(tops, name))) if gone), None)
    # A power of two that just fits is not to fail by the rounding of a logarithm.
    low = math.ceil((normal - sent.typical[there].min()) / LOG2 - 1e-9)
    high = math.floor((top - sent.largest.max()) / LOG2 + 1e-9)
    sizes = np.cumsum([len(branch) for _, branch in sums])[:-1]
    carried, branch = (round_to(np.concatenate(part), name) for part in zip(*sums, strict=True))
    counted = np.concatenate([part for _, part in sums]) != 0
    with np.errstate(over="ignore", invalid="ignore"):  # infinities of both signs
        lost = round_to(carried + branch, name) == carried
    units = sum(
        there.any() and bool(gone[there].all())
        for gone, there in zip(np.split(lost, sizes), np.split(counted, sizes), strict=True)
    )
    return FormatLimits(
        subnormal,
        zero,
        overflow,
        states,
        (low, high) if low <= high else None,
        float(lost[counted].mean()) if counted.any() else math.nan,
        int(units),
    )


# Words ------------------------------------------------------------------------------------------------------


def _count(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"


def _power(log10):
    """10**log10 with two or three digits, however large: "1.2e-431"."""
    if math.isnan(log10):
        return "-"
    if math.isinf(log10):
        return "0" if log10 < 0 else "inf"
    if -3 < log10 < 2.99:
        return f"{10.0**log10:.3g}"
    exponent = math.floor(log10)
    mantissa = f"{10.0 ** (log10 - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}e{exponent:+03d}"


def _as_latex(found):
    """A match of digits, sign and exponent as a formula, which no line breaks."""
    digits, sign, exponent = found.groups()
    return rf"${digits}\cdot10^{{{sign.replace('+', '')}{exponent}}}$"


def _percent(share):
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _state(index):
    return "-" if index is None else f"from state {index}"


def _scales(scales):
    return "no power of 2" if scales is None else f"2^{scales[0]} to 2^{scales[1]}"


def _plain(value):
    """Arrays as lists, and numbers that JSON does not know as text."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
