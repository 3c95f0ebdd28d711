"""One report on a residual network: where its gradient shrinks or grows, along which paths, in which formats.

`report` takes a `Network`, a list of units, named arrays, or an .npz file with them; `resnotes.npz.from_arrays`
says how the arrays are named. Depth makes nothing overflow: gradients are carried with powers of two beside them.
"""

import math
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate, normalisation
from resnotes.magnitudes import FORMATS, Format
from resnotes.network import Affine, Elementwise, Network, ReLU, Tanh, Trace, Unit
from resnotes.npz import from_arrays, load
from resnotes.precision import round_to
from resnotes.shortcuts import (
    Absent,
    Diagonal,
    Dropout,
    Identity,
    Projection,
    Scale,
    StopGradient,
    layer_jacobian,
    send_back,
    send_rows,
)
from resnotes.spectrum import product_singular_values

#: A gradient that gets this many powers of ten shorter from loss to input vanishes; longer, it explodes.
DECADES = 2.0
#: Where cancellation takes more digits than this, shares by path length are not shown.
DIGITS = 10
#: Multiplications that the singular values of the shortcut product may take; see `report`.
MOST_WORK = 1e12
#: Samples of the input that is drawn where none is given.
SAMPLES = 4
LOG2 = math.log10(2.0)
#: Logarithms closer than this to a threshold's do not decide on which side of it a number is.
CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class FormatLimits:
    """What a floating-point format does to a network's gradients and sums.

    Attributes
    ----------
    subnormal, zero : int or None
        From the loss down, the first state at which the gradient's typical entry (its root mean square) rounds
        to a subnormal number, and the first at which it rounds to 0; None where none does. Gradients that are
        exactly 0 do not count.
    overflow : int or None
        From the loss down, the first state at which the gradient's largest entry rounds to infinity, or to NaN
        in a format without infinity.
    states : int or None
        From the input up, the first state of which an entry does.
    scales : (int, int) or None
        The lowest and the highest k such that, with the gradients times 2**k, every typical entry rounds to a
        normal number and no entry overflows; None where no k does.
    loss_scales : (int, int) or None
        Those of them for which 2**k is itself a number of the format: by so much the loss may be scaled where
        the scale is kept in this format. None where there is none.
    lost : float
        The share of entries in which the branch is lost in the addition: H(x) + F(x), both rounded,
        rounds to H(x). Entries in which F(x) is 0 or H(x) overflows do not count; NaN where none is left.
    lost_units : int
        Units in which it is lost in every entry.
    """

    subnormal: int | None
    zero: int | None
    overflow: int | None
    states: int | None
    scales: tuple | None
    loss_scales: tuple | None
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
    log10_part : ndarray, shape (L + 1,)
        log10 of |q_k|, the length of what comes by paths through exactly k branches.
    log10_cancellation : float
        log10 of (sum over k of |q_k|) / |g_0|: 0 where the parts all point the same way. The shares have lost
        about as many of their 16 digits.
    log10_shortcut_product : ndarray, shape (1 or samples, r)
        log10 of the singular values of the product of D_l H_l over all units, the path through no branch;
        one row where it is the same for all samples. One row of NaN where it is not formed: a shortcut or a
        layer after an addition couples the samples, or its matrices are too large (see `report`).
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
    log10_part: np.ndarray
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
    def shares_hold(self) -> bool:
        """Whether something arrives and cancellation leaves the shares digits to be shown."""
        return self.log10_cancellation <= DIGITS

    @property
    def length_moment(self) -> float:
        """Σ k · share[k], the first moment of the path length; NaN where `shares_hold` is false.

        Where no share is negative it is the mean number of branches on a path. Shares of both signs make it a
        moment and no mean: it may lie outside of 0..L.
        """
        return float(self.share @ np.arange(len(self.share))) if self.shares_hold else math.nan

    def __getattr__(self, name):
        """The names from before logarithms said so and blame became `worst_unit` and `worst_share`."""
        new = {"to_blame": "worst_unit", "blame": "worst_share"}.get(name, f"log10_{name}")
        if new not in vars(self) and not hasattr(type(self), new):
            raise AttributeError(f"a Report has no attribute {name!r}")
        warnings.warn(f"Report.{name} is called {new}", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    def as_dict(self):
        """Everything as numbers, lists and text for JSON; what is not finite as "inf", "-inf" or "nan"."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        found["limits"] = {name: vars(limits) for name, limits in self.limits.items()}
        return _plain({**found, **{name: getattr(self, name) for name in self._derived}})

    _derived = ("depth", "log10_total", "verdict", "worst_unit", "worst_share", "length_moment")

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
        if math.isfinite(self.log10_cancellation):
            yield f"paths: {self._lengths_in_words()}"
        values = self.log10_shortcut_product
        if np.isnan(values).any():
            yield "shortcut product: not formed, because layers couple the samples or the matrices are too large"
            return
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
            return "the parts by length point nearly the same way"
        times = _power(self.log10_cancellation)
        return f"the parts by length partly cancel: together they are {times} times as long as their sum"

    def _lengths_in_words(self):
        cancels = self._cancellation_in_words()
        if not self.shares_hold:
            return f"{cancels} (the shares have no digits left)"
        if self.share.min() < -5e-4:  # would be shown as a negative share
            return f"shares of both signs, whose first moment is {self.length_moment:.1f} branches; {cancels}"
        return f"{self.length_moment:.1f} of {self.depth} branches on average; {cancels}"

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
        if self.shares_hold:
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
                ["loss may be scaled by", *(_powers(limit.loss_scales) for limit in limits)],
                ["branch entries lost", *(_percent(limit.lost) for limit in limits)],
                ["units lost altogether", *(str(limit.lost_units) for limit in limits)],
            ],
        )


def report(
    source: Network | Sequence[Unit] | Mapping[str, ArrayLike] | str | os.PathLike,
    x: ArrayLike | None = None,
    g: ArrayLike | None = None,
) -> Report:
    """Examine a residual network.

    Parameters
    ----------
    source : Network, sequence of Unit, mapping of str to array_like, or path
        A mapping, and an .npz file at a path, hold arrays by the names of `resnotes.npz.from_arrays`.
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
    FileNotFoundError
        If there is no file at the path.
    ValueError
        If the source is none of these or something in it does not fit (the message names the key, the unit or
        the argument), if x or g does not fit the network or is not finite, if g is 0, if no width can be read
        off the first unit and x is not given, or if the forward pass leaves the range of its format.

    Notes
    -----
    One backward pass with L + 1 rows a sample, for the path lengths, by the layers' own backward rules: no
    Jacobian is formed, and layers may couple the samples of a batch. Of two weight matrices a branch, n by n, it
    takes of the order of L² n² operations a sample.

    The shortcut product needs matrices only where a shortcut or a layer after an addition is neither the
    identity nor a scale nor diagonal, and where no shortcut is 0 altogether. They are formed for one sample at a
    time, at of the order of n³ operations for each such unit, and not at all where that would be more than
    `MOST_WORK` in total.
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
    with np.errstate(all="ignore"):  # `_Rows` refuses what is not finite; what underflows is meant to
        gradients, found = _backward(net, trace, g)
        found["log10_shortcut_product"] = _shortcut_spectrum(net, trace)
        sums, tops = _sums(net, trace), [float(np.max(np.abs(state))) for state in trace.states]
        sizes = _Sizes(gradients)
        limits = {name: _limits(name, sizes, tops, _lost(name, sums)) for name in FORMATS}
    return Report(
        inputs,
        tuple(state.shape[-1] for state in trace.states),
        len(trace.states[0]),
        **found,
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
    with np.errstate(all="ignore"):  # looked for in the states
        trace = net.forward(np.atleast_2d(x))
    for index, at in enumerate(trace.units):
        # Within the unit too: what is not finite there need not show in its output.
        if not all(np.isfinite(array).all() for array in (*at.branch, at.branch_output, at.sum, at.output)):
            _validate.refuse(
                "x",
                f"one whose state leaves the range of {at.output.dtype} in unit {index}",
                "finite numbers all the way: a smaller x, smaller weights, or the units before that one alone",
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


class _Rows:
    """Rows of gradients (..., k, n), each carried with a power of two, so that none leaves the range of floats.

    Row i is ``array[..., i, :] * 2.0**exponent[i]``, over all samples. The largest entries of a row that is not 0
    stay within 2**-BAND and 2**BAND; a row of zeros has the exponent NOTHING.
    """

    BAND, NOTHING = 64, -(2**40)

    def __init__(self, array, exponent):
        self.array, self.exponent = array, exponent
        largest = np.maximum(array.max(axis=-1), -array.min(axis=-1)).reshape(-1, array.shape[-2]).max(axis=0)
        if not (largest.min() >= 2.0**-self.BAND and largest.max() <= 2.0**self.BAND):
            if not np.isfinite(largest).all():
                _validate.refuse("gradient", "entries that leave float64 within one layer", "smaller weights")
            shift = np.frexp(largest)[1]
            shift[np.abs(shift) <= self.BAND] = 0
            self.array = np.ldexp(array, -shift[:, None])
            self.exponent = np.where(largest > 0, exponent + shift, self.NOTHING)
        self.array.flags.writeable = False  # shortcut and branch read the same rows

    def through(self, layer, x):
        """The rows sent back through a layer at its input."""
        sent = _sent_back(layer, x, self.array)
        return self if sent is self.array else _Rows(sent, self.exponent)

    def shifted(self, exponent):
        """The array that goes with other exponents, none of them smaller."""
        shift = np.maximum(self.exponent - exponent, -4000)
        return np.ldexp(self.array, shift.astype(np.int32)[:, None]) if shift.any() else self.array

    def longer(self, by_branch):
        """What comes by the shortcut, self, and by the branch: the rows of the whole and of one more length.

        Row 0 is the sum over all paths. Row k + 1 is the part through k branches.
        """
        common = np.append(self.exponent, self.NOTHING)
        common[0], common[2:] = (
            max(common[0], by_branch.exponent[0]), np.maximum(common[2:], by_branch.exponent[1:])
        )  # fmt: skip
        one, other = self.shifted(common[:-1]), by_branch.shifted(np.delete(common, 1))
        both = np.zeros((*one.shape[:-2], len(common), one.shape[-1]))
        both[..., :-1, :] = one
        both[..., 0, :] += other[..., 0, :]
        both[..., 2:, :] += other[..., 1:, :]
        return _Rows(both, common)

    def length(self, row):
        """The Euclidean length of a row over all samples, as a number and a power of two."""
        return float(np.linalg.norm(self.array[..., row, :])), int(self.exponent[row])

    @cached_property
    def whole(self):
        """`length` of row 0, the sum over all paths."""
        return self.length(0)

    def log10_length(self, row):
        """log10 of the length; -inf for a row of zeros."""
        length, exponent = self.length(row)
        return math.log10(length) + exponent * LOG2 if length > 0 else -math.inf


def _sent_back(layer, x, rows):
    """Several rows of gradients sent back through a layer, shape (..., k, n_in), as float64."""
    if getattr(layer, "couples_batch", False):  # its samples go back together, one row at a time
        sent = np.stack([send_back(layer, x, rows[..., k, :])[0] for k in range(rows.shape[-2])], axis=-2)
    else:
        sent, _ = send_rows(layer, x, rows)
    return sent.astype(np.float64, copy=False)


def _ratio(new, old):
    """log10 of the quotient of two gradients' lengths, their rows 0; NaN for 0 / 0."""
    (top, high), (bottom, low) = new.whole, old.whole
    if bottom == 0:
        return math.nan
    return math.log10(top / bottom) + (high - low) * LOG2 if top > 0 else -math.inf


class _Gradient:
    """The gradient at one state, array · 2**exponent, and the exact sizes of its entries."""

    def __init__(self, rows):
        self.array, self.exponent = rows.array[..., 0, :].copy(), int(rows.exponent[0])
        self.log10_length = rows.log10_length(0)

    @cached_property
    def log10_typical(self):
        """log10 of the root mean square of the entries."""
        return self.log10_length - math.log10(self.array.size) / 2

    @cached_property
    def log10_largest(self):
        """log10 of the largest entry's size."""
        return np.log10(np.max(np.abs(self.array))) + LOG2 * float(self.exponent)

    @cached_property
    def largest(self) -> Fraction:
        """The largest entry's size."""
        return Fraction(float(np.max(np.abs(self.array)))) * Fraction(2) ** self.exponent

    @cached_property
    def mean_square(self) -> Fraction:
        """The mean of the entries' squares, of which the typical size is the root."""
        mantissas, exponents = np.frexp(self.array.ravel())
        whole = np.ldexp(mantissas, 53).astype(np.int64)
        squares = sum(
            sum(m * m for m in whole[exponents == e].tolist()) * Fraction(4) ** (int(e) - 53) for e in set(exponents)
        )
        return squares / self.array.size * Fraction(4) ** self.exponent


class _Sizes:
    """The gradients that are not 0, from the loss down, and logarithms that tell most of them from a boundary."""

    def __init__(self, gradients):
        there = [(state, one) for state, one in reversed(list(enumerate(gradients))) if one.log10_length > -math.inf]
        self.states, self.gradients = zip(*there, strict=True)
        self.typical = np.array([one.log10_typical for one in self.gradients])
        self.largest = np.array([one.log10_largest for one in self.gradients])

    def typical_beside(self, boundary):
        """For every gradient -1, 0 or 1: its typical size below a positive fraction, at it, or above it."""
        return self._beside(self.typical, _log10(boundary), lambda one: one.mean_square - boundary**2)

    def largest_beside(self, boundary):
        """The same for its largest entry."""
        return self._beside(self.largest, _log10(boundary), lambda one: one.largest - boundary)

    def _beside(self, logs, log, difference):
        signs = np.sign(logs - log).astype(int)
        for k in np.flatnonzero(np.abs(logs - log) <= CLOSE):  # here a logarithm does not settle it
            exact = difference(self.gradients[k])
            signs[k] = (exact > 0) - (exact < 0)
        return signs

    def first(self, happens):
        """The first state for which `happens` is true; None where it is for none."""
        return next((state for state, true in zip(self.states, happens, strict=True) if true), None)


def _log10(fraction):
    """log10 of a positive fraction of any size."""
    return math.log10(fraction.numerator) - math.log10(fraction.denominator)


def _backward(net, trace, g):
    """From the loss to the input: the gradient at every state, and what `Report` shows of the way, by its names.

    g_l = g_{l+1} D_l (H_l + J_l), and q_l[k] = q_{l+1}[k] D_l H_l + q_{l+1}[k-1] D_l J_l, ``report-lengths``:
    rows sent back by the layers' own rules, without any of these matrices.
    """
    depth = len(net.units)
    gain, after, shortcut, branch = (np.empty(depth) for _ in range(4))
    rows = _Rows(np.stack([g, g], axis=-2), np.zeros(2, dtype=np.int64))
    gradients = [_Gradient(rows)]
    for index in reversed(range(depth)):
        unit, at = net.units[index], trace.units[index]
        with _validate.located("unit", index):
            through = rows.through(unit.after, at.sum)
            by_shortcut = through.through(unit.shortcut, at.branch[0])
            by_branch = through
            for layer, x in zip(reversed(unit.branch), reversed(at.branch), strict=True):
                by_branch = by_branch.through(layer, x)
            below = by_shortcut.longer(by_branch)
        after[index] = _ratio(through, rows)
        shortcut[index], branch[index] = _ratio(by_shortcut, through), _ratio(by_branch, through)
        gain[index] = _ratio(below, rows)
        rows = below
        gradients.append(_Gradient(rows))
    gradients.reverse()
    share, part, cancellation = _shares(rows)
    return gradients, {
        "log10_gradient": np.array([gradient.log10_length for gradient in gradients]), "log10_gain": gain,
        "log10_after": after, "log10_shortcut": shortcut, "log10_branch": branch,
        "share": share, "log10_part": part, "log10_cancellation": cancellation,
    }  # fmt: skip


def _shares(rows):
    """The parts along the whole as shares of it, log10 of the parts' lengths, and of their sum over the whole's."""
    whole, parts = rows.array[..., 0, :], rows.array[..., 1:, :]
    logs = np.array([rows.log10_length(row) for row in range(1, len(rows.exponent))])
    if not whole.any():
        return np.full(len(logs), np.nan), logs, math.nan
    along = np.einsum("bkn,bn->k", parts.reshape(-1, *parts.shape[-2:]), whole.reshape(-1, whole.shape[-1]))
    apart = np.clip(rows.exponent[1:] - rows.exponent[0], -4000, 4000).astype(np.int32)
    longest = float(np.max(logs))
    together = longest + math.log10(float(np.sum(10.0 ** (logs - longest))))
    return np.ldexp(along / np.sum(whole**2), apart), logs, together - rows.log10_length(0)


# The path through no branch -----------------------------------------------------------------------------------


def _shortcut_spectrum(net: Network, trace: Trace) -> np.ndarray:
    """log10 of the singular values of the product of D_l H_l, one row for each sample that has its own."""
    count = min(trace.states[0].shape[-1], trace.states[-1].shape[-1])
    if any(isinstance(unit.shortcut, (Absent, StopGradient)) for unit in net.units):
        return np.full((1, count), -np.inf)
    chain = [list(_layers(unit, at)) for unit, at in zip(net.units, trace.units, strict=True)]
    if any(getattr(layer, "couples_batch", False) for layers in chain for layer, _ in layers):
        return np.full((1, count), np.nan)
    dense = [layers for layers in chain if not all(_acts_entrywise(layer) for layer, _ in layers)]
    if not dense:
        logs = sum(np.log10(np.abs(_diagonal(layer, x))) for layers in chain for layer, x in layers)
        logs = np.sort(logs.reshape(-1, count))[:, ::-1]
        return logs[:1] if (logs == logs[:1]).all() else logs
    samples = trace.states[0].size // trace.states[0].shape[-1]
    width = max(state.shape[-1] for state in trace.states)
    if samples * len(dense) * float(width) ** 3 > MOST_WORK:
        return np.full((1, count), np.nan)
    first, rows = None, []
    for sample in range(samples):
        factors = _factors(chain, sample)
        if first is None:
            first = factors
        elif len(factors) == len(first) and all(map(np.array_equal, factors, first)):
            rows.append(rows[0])
            continue
        rows.append(product_singular_values(factors).log10)
    return np.array(rows[:1] if all(row is rows[0] for row in rows) else rows)


def _layers(unit, at):
    """(layer, its input) along the shortcut of a unit, those in a `Sequence` one by one."""
    for layer, x in ((unit.shortcut, at.branch[0]), (unit.after, at.sum)):
        for part in layer.layers if isinstance(layer, normalisation.Sequence) else (layer,):
            yield part, x
            x = part.forward(x) if part is not layer else x


def _acts_entrywise(layer):
    """Whether a layer's Jacobian is a diagonal matrix by its kind."""
    return isinstance(layer, (Identity, Scale, Diagonal, Elementwise, normalisation.BatchNorm, Dropout))


def _diagonal(layer, x):
    """The diagonal of the Jacobian of a layer that acts entry by entry, shape (..., n)."""
    return _sent_back(layer, x, np.ones((*x.shape[:-1], 1, x.shape[-1])))[..., 0, :]


def _factors(chain, sample):
    """Matrices whose product is that of all D_l H_l at one sample: runs of diagonal ones ride on the next one.

    A run whose entries leave 10**-100 to 10**100 becomes a matrix of its own.
    """
    factors, run = [], None
    for layers in chain:
        for layer, x in layers:
            x = x.reshape(-1, x.shape[-1])[sample]
            if _acts_entrywise(layer):
                entries = _diagonal(layer, x)
                product = entries if run is None else run * entries
                sizes = np.abs(product[product != 0])
                if sizes.size and (sizes.min() < 1e-100 or sizes.max() > 1e100):
                    factors += [] if run is None else [np.diag(run)]
                    product = entries
                run = product
            else:
                matrix = layer.weight if isinstance(layer, Projection) else layer_jacobian(layer, x)
                factors.append(np.asarray(matrix, np.float64) * (1.0 if run is None else run))
                run = None
    return factors if run is None else [*factors, np.diag(run)]


# Formats ------------------------------------------------------------------------------------------------------


def _sums(net, trace):
    """(H(x), F(x)) of every unit, each as one flat array."""
    pairs = []
    for unit, at in zip(net.units, trace.units, strict=True):
        carried = np.broadcast_to(unit.shortcut.forward(at.branch[0]), at.sum.shape)
        pairs.append((carried.astype(np.float64).ravel(), at.branch_output.astype(np.float64).ravel()))
    return pairs


def _limits(name, sizes, tops, lost):
    """What format `name` does to gradients, and to states whose largest entries are `tops`; `lost` as of `_lost`."""
    form = FORMATS[name]
    beside_zero, beside_normal = sizes.typical_beside(form.zero_up_to), sizes.typical_beside(form.normal_from)
    beside_top = sizes.largest_beside(form.overflow_from)
    states = next((k for k, top in enumerate(round_to(tops, name)) if not np.isfinite(top)), None)
    scales = _scales(form, sizes)
    held = (form.lowest - form.precision + 1, form.highest)  # the powers of two that are numbers of the format
    return FormatLimits(
        subnormal=sizes.first((beside_zero > 0) & (beside_normal < 0)),
        zero=sizes.first(beside_zero <= 0),
        overflow=sizes.first((beside_top > 0) | ((beside_top == 0) & form.overflows(form.overflow_from))),
        states=states,
        scales=scales,
        loss_scales=scales and _overlap(scales, held),
        lost=lost[0],
        lost_units=lost[1],
    )


def _scales(form: Format, sizes):
    """The lowest and the highest power of two that keeps all typical entries normal and no entry overflowing."""
    smallest = sizes.typical.min()
    square = min(
        one.mean_square for one, log in zip(sizes.gradients, sizes.typical, strict=True) if log <= smallest + CLOSE
    )
    low = _least(
        lambda k: square * Fraction(4) ** k >= form.normal_from**2, (_log10(form.normal_from) - smallest) / LOG2
    )
    top = max(
        one.largest
        for one, log in zip(sizes.gradients, sizes.largest, strict=True)
        if log > sizes.largest.max() - CLOSE
    )
    above = _least(
        lambda k: form.overflows(top * Fraction(2) ** k), (_log10(form.overflow_from) - sizes.largest.max()) / LOG2
    )
    return _overlap((low, math.inf), (-math.inf, above - 1))


def _least(holds, near):
    """The least whole number for which something holds, which is close to `near` and holds for all above it."""
    k = math.floor(near) - 1
    while not holds(k):
        k += 1
    return k


def _overlap(one, other):
    """The whole numbers that lie in two ranges, as a range; None where there is none."""
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None


def _lost(name, sums):
    """The share of entries and the number of units in which a format loses the branch in the addition."""
    sizes = np.cumsum([len(branch) for _, branch in sums])[:-1]
    carried, branch = (round_to(np.concatenate(part), name) for part in zip(*sums, strict=True))
    counted = (np.concatenate([part for _, part in sums]) != 0) & np.isfinite(carried)
    lost = round_to(carried + branch, name) == carried
    units = sum(
        there.any() and bool(gone[there].all())
        for gone, there in zip(np.split(lost, sizes), np.split(counted, sizes), strict=True)
    )
    return float(lost[counted].mean()) if counted.any() else math.nan, int(units)


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


def _powers(scales):
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
