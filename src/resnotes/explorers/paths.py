"""Paths: how many there are by length in a chain x' = λ x + r x, and how much of the gradient they carry.

The functions here compute what paths.js computes, on the same numbers in the same order. Whatever decides which
lengths are the heaviest is made of sums, products and quotients alone, so it is the same to the last bit.
"""

import math

import numpy as np

from resnotes import _validate
from resnotes.explorers import _draw
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, style
from resnotes.network import Network
from resnotes.paths import jacobian_by_length

MAX_UNITS = 1000
#: What the heaviest lengths carry together, at least.
MOST = 0.95
#: Veit et al. (2016): units, and the fewest and most modules on the paths that carry most of the gradient.
PUBLISHED = (54, 5, 17)
#: n r/(1 + r) = (5 + 17)/2 for n = 54.
CENTRED = 11 / 43


def counts(n):
    """C(n, k) for k = 0 … n, as floats: n = 1000 still fits.

    By C(n, k) = C(n, k - 1)(n - k + 1)/k to the middle, then mirrored: exact while the product is below 2**53,
    and good to at most n roundings after that.
    """
    half = [1.0]
    for k in range(1, n // 2 + 1):
        half.append(half[-1] * (n - k + 1) / k)
    return half + half[: (n + 1) // 2][::-1]


def _sum(values):
    """Plainly, from the first on: Python's own `sum` compensates, JavaScript's does not."""
    total = 0.0
    for value in values:
        total += value
    return total


def kind(lam, r):
    """What the weights are: "shares" of the gradient, "signed" where lengths push against one another, or "none"."""
    if lam == 0 and r == 0:
        return "none"
    return "signed" if lam > 0 and r < 0 else "shares"


def weights(n, lam, r):
    """What the paths of each length carry, as a part of what all paths carry, signs left out.

    With p = \\|r\\|/(λ + \\|r\\|) it is Binomial(n, p), each entry with the sign that it has beside the whole. For λr >= 0
    and λ + r != 0 these are the shares C(n, k) λ^(n-k) r^k/(λ + r)^n of the equation ``unrolled-share``, none of them
    negative. For λr < 0 they are signed weights: plus for even k, minus for odd k.

    Parameters
    ----------
    n : int
        Units, from 1 to 1000.
    lam : float
        λ >= 0, by which every shortcut multiplies.
    r : float
        The branches' derivative.

    Returns
    -------
    list of float
        For k = 0 … n; all 0 if λ and r are both 0.
    """
    size = lam + abs(r)
    if size == 0:
        return [0.0] * (n + 1)
    p, q = abs(r) / size, lam / size
    # From the largest one outwards: nothing overflows, and what underflows is nothing beside it.
    mode = min(n, math.floor((n + 1) * p))
    found = [0.0] * (n + 1)
    found[mode] = 1.0
    for k in range(mode, n):
        found[k + 1] = found[k] * ((n - k) * p) / ((k + 1) * q)
    for k in range(mode, 0, -1):
        found[k - 1] = found[k] * (k * q) / ((n - k + 1) * p)
    total = _sum(found)
    turned = -1 if kind(lam, r) == "signed" else 1
    return [turned ** (k % 2) * entry / total for k, entry in enumerate(found)]


def carried(n, lam, r):
    """(sign, log10) of C(n, k) λ^(n-k) r^k for k = 0 … n: the gradient by length, where 1 enters."""
    log_lam = math.log10(lam) if lam else -math.inf
    log_r = math.log10(abs(r)) if r else -math.inf
    found = []
    for k, count in enumerate(counts(n)):
        if (k < n and lam == 0) or (k > 0 and r == 0):
            found.append((0, -math.inf))
            continue
        by_shortcuts = (n - k) * log_lam if k < n else 0.0
        by_branches = k * log_r if k > 0 else 0.0
        found.append((-1 if r < 0 and k % 2 else 1, math.log10(count) + by_shortcuts + by_branches))
    return found


def heaviest(entries):
    """The fewest lengths that carry at least 95 % of a list of weights, signs left out.

    The largest first, of equal ones the shorter; so no other set of so few lengths carries more.

    Returns
    -------
    lengths : list of int
        Sorted; empty if all weights are 0.
    part : float
        What they carry of the whole.
    """
    sizes = [abs(entry) for entry in entries]
    total = _sum(sizes)
    if total == 0:
        return [], 0.0
    lengths, part = [], 0.0
    for k in sorted(range(len(sizes)), key=lambda k: (-sizes[k], k)):
        if part >= MOST:
            break
        lengths.append(k)
        part += sizes[k] / total
    return sorted(lengths), part


def _log10(x):
    return math.log10(x) if x else -math.inf


def _signed(sign, log10):
    return [0, -math.inf] if sign == 0 or log10 == -math.inf else [sign, log10]


def summary(n, lam, r):
    """What is said of a state beside the lists by length.

    Returns
    -------
    dict
        "kind"; "mean" and "deviation" of the length by weight, signs left out; "low", "high", "count" and "part" of
        the heaviest lengths (None where there are none), log10 of the number of their "paths" and of their share
        "ofPaths"; [sign, log10] of the gradient by "even" lengths, by "odd" ones and of the "whole", where 1 enters.
    """
    entries, number = weights(n, lam, r), counts(n)
    size, total = lam + abs(r), lam + r
    lengths, part = heaviest(entries)
    paths = _sum(number[k] for k in lengths)
    p = abs(r) / size if size else 0.0
    each = n * math.log10(size) if size else -math.inf
    turned = -1 if r < 0 else 1
    turned_whole = -1 if total < 0 and n % 2 else 1
    even, odd = (_sum(abs(entry) for entry in entries[start::2]) for start in (0, 1))
    return {
        "kind": kind(lam, r),
        "mean": n * p,
        "deviation": math.sqrt(n * p * (1 - p)),
        "low": lengths[0] if lengths else None,
        "high": lengths[-1] if lengths else None,
        "count": len(lengths),
        "part": part,
        "paths": _log10(paths),
        "ofPaths": _log10(paths / 2.0**n),
        "even": _signed(1 if even else 0, _log10(even) + each),
        "odd": _signed(turned if odd else 0, _log10(odd) + each),
        "whole": _signed(0 if total == 0 else turned_whole, n * _log10(abs(total))),
    }


def numbers(n, lam, r):
    """What paths.js computes: by about 50 of the lengths, and the summary."""
    step = math.ceil(n / 50)
    kept = [k for k in range(n + 1) if k % step == 0 or k == n]
    number, entries, sizes = counts(n), weights(n, lam, r), carried(n, lam, r)
    return {
        "counts": [math.log10(number[k]) for k in kept],
        "weights": [entries[k] for k in kept],
        "carried": [list(sizes[k]) for k in kept],
        "summary": summary(n, lam, r),
    }


def of_network(network, x, g=None):
    """A network of the reader's own as this explorer shows it.

    With P_k the part of ∂x_L/∂x_0 carried by the paths through k branches (`resnotes.paths.jacobian_by_length`), the
    paths of length k bring back g P_k. Their share is the part of it along the whole gradient,
    ⟨g P_k, g_0⟩/⟨g_0, g_0⟩: signed, and one in sum. With one number per state it is ``unrolled-share``.

    Parameters
    ----------
    network : Network
        1 to 1000 units.
    x : array_like, shape (n,) or (batch, n)
        Its input.
    g : array_like, the shape of its last state, optional
        The gradient that enters; ones where nothing is said.

    Returns
    -------
    dict
        "n"; "measured", the shares for k = 0 … n; and "r" where some r from 0 to 2 gives the chain with λ = 1 the
        same mean length.

    Raises
    ------
    ValueError
        If `network` is no Network or too deep, the gradient that arrives is 0, or x or g do not fit.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    n = len(network)
    if n > MAX_UNITS:
        _validate.refuse("network", f"{n} units", f"at most {MAX_UNITS}")
    trace = network.forward(x)
    last = trace.states[-1]
    wanted = f"finite numbers in the shape {last.shape} of the last state"
    g = np.ones_like(last) if g is None else _validate.finite_array(g, "g", wanted, (1, 2))
    if g.shape != last.shape:
        _validate.refuse("g", _validate.describe(g), wanted)
    rows = np.einsum("...i,...kij->k...j", g, jacobian_by_length(network, trace)).reshape(n + 1, -1)
    largest = np.abs(rows).max()
    rows = rows / (largest or 1.0)
    whole = rows.sum(axis=0)
    squared = float(whole @ whole)
    if squared == 0:
        _validate.refuse("g", "one of which nothing arrives at the input", "one with shares to speak of")
    shares = (rows @ whole / squared).tolist()
    mean = _sum(k * share for k, share in enumerate(shares))
    found = {"n": n, "measured": shares}
    if 0 <= mean <= 2 * n / 3:
        found["r"] = mean / (n - mean)
    return found


def _lengths(low, high, count):
    """The heaviest lengths in words."""
    if count == 1:
        return f"length {low} alone carries"
    return f"the {count} lengths from {low} to {high} carry"


def readout(n, lam, r, measured=()):
    """The state in words: how many paths, how long they are, which lengths carry the gradient."""
    found = summary(n, lam, r)
    many = _draw.words(1, n * math.log10(2))
    parts = [
        f"{'1 unit makes' if n == 1 else f'{n} units make'} {many} paths, {_draw.number(n / 2)} branches long in the mean."
    ]
    if found["kind"] == "none":
        parts.append("Shortcuts and branches multiply by 0: no path carries anything.")
        return " ".join([*parts, *_of_yours(n, measured)])
    lengths = _lengths(found["low"], found["high"], found["count"])
    part, paths, of_all = (
        _draw.share(1, _log10(found["part"])),
        _draw.words(1, found["paths"]),
        _draw.share(1, found["ofPaths"]),
    )
    by = f"with {paths} {'path' if paths == '1' else 'paths'}, {of_all} of all"
    if found["kind"] == "signed":
        even, odd, whole = (_draw.words(*found[name]) for name in ("even", "odd", "whole"))
        parts.append(
            "λ and r differ in sign, so lengths push against one another, and their weights are signed, no shares: "
            f"even lengths carry {even} times what entered, odd ones {odd}, together {whole}."
        )
        parts.append(f"Signs left out, {lengths} {part}, {by}.")
    else:
        mean = _draw.number(found["mean"])
        parts.append(f"Weighed by the gradient they carry, the mean is {mean}: {lengths} {part} of it, {by}.")
    return " ".join([*parts, *_of_yours(n, measured)])


def _of_yours(n, measured):
    if len(measured) != n + 1:
        return []
    lengths, part = heaviest(measured)
    said = _lengths(lengths[0], lengths[-1], len(lengths))
    signed = ", signs left out" if min(measured) < 0 else ""
    return [f"In your network {said} {_draw.share(1, _log10(part))}{signed}."]


def _units(value, name):
    return _validate.whole_number(value, name, 1, MAX_UNITS)


def _measured(value, name):
    wanted = f"a list of at most {MAX_UNITS + 1} finite numbers, not all 0"
    shares = _validate.finite_array(value, name, wanted, (1,), allow_empty=True).astype(np.float64)
    if shares.size > MAX_UNITS + 1:
        _validate.refuse(name, f"{shares.size} numbers", wanted)
    if shares.size and not shares.any():
        _validate.refuse(name, "a list of zeros", wanted)
    return shares.tolist()


class Paths(Explorer):
    """Explorer: the paths through n units x' = λ x + r x by length, and the gradient they carry.

    Every trait can be set, observed and linked.

    Parameters
    ----------
    n : int, from 1 to 1000
        Units. 54 where nothing is said, as in a network with 110 layers.
    lam : float, from 0 to 2
        λ, by which every shortcut multiplies; 1 where nothing is said.
    r : float, from -2 to 2
        The branches' derivative. Where nothing is said, 11/43, which puts the mean length of the gradient's paths
        through 54 units at 11.
    measured : list of float
        The shares of a network of your own for path lengths 0 … n, drawn beside the rest where its n is shown. It is
        part of no link.
    network : Network, optional
        Your own network: gives `n`, `measured`, and the `r` with the same mean length. Needs x, and may take g; see
        `of_network`.
    x, g : array_like, optional

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Paths
    >>> Paths(n=10, r=0).readout().split(": ")[1]
    'length 0 alone carries 100\\xa0% of it, with 1 path, 9.77\\xa0×\\xa010⁻⁴ of all.'
    """

    name = "paths"
    state_names = ("n", "lam", "r")
    carried = ("measured",)
    _esm = bundle("paths")
    _css = style("paths")

    n = Checked(_units, PUBLISHED[0])
    lam = Checked(number_between(0, 2), 1.0)
    r = Checked(number_between(-2, 2), CENTRED)
    measured = Checked(_measured, [])

    def __init__(self, *, network=None, x=None, g=None, **state):
        if network is not None:
            state = {**of_network(network, x, g), **state}
        elif x is not None or g is not None:
            _validate.refuse("network", "None", "a resnotes.Network, to which x and g belong")
        super().__init__(**state)

    def numbers(self):
        """What the page computes in this state; see `numbers`."""
        return numbers(**self.state())

    def readout(self):
        """The state in words."""
        return readout(**self.state(), measured=self.measured)

    def picture(self):
        """The shares by length as SVG: of the paths, and of the gradient."""
        return _picture(self.n, self.lam, self.r, self.measured)


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 350, 54, 606, 66, 306


def _picture(n, lam, r, measured):
    entries, found = weights(n, lam, r), summary(n, lam, r)
    number = [count / 2.0**n for count in counts(n)]
    yours = measured if len(measured) == n + 1 else []
    high = 108 * max(*number, *map(abs, entries), *yours)
    low = min(0.0, *(108 * entry for entry in (*entries, *yours)))

    def x(k):
        return LEFT + 8 + (RIGHT - LEFT - 16) * k / n

    def y(share):
        return BOTTOM - (BOTTOM - TOP) * (100 * share - low) / (high - low)

    parts = []
    for percent in _draw.ticks(low, high, 6):
        at = y(percent / 100)
        parts.append(_draw.stroke(f"M{LEFT} {_draw.fixed(at)}H{RIGHT}", "grid", stroke="#e4e7ea"))
        label = f"{'−' if percent < 0 else ''}{abs(percent)}{_draw.SPACE}%"
        parts.append(_draw.text(LEFT - 6, at + 4, label, text_anchor="end"))
    for k in [*(mark for mark in _draw.ticks(0, n, 8) if mark <= 0.93 * n), n]:
        parts.append(_draw.stroke(f"M{_draw.fixed(x(k))} {BOTTOM}v5", "axis", stroke="#8c959f"))
        parts.append(_draw.text(x(k), BOTTOM + 18, str(k), text_anchor="middle"))
    parts.append(
        _draw.text((LEFT + RIGHT) / 2, BOTTOM + 36, "length of a path: the branches on it", text_anchor="middle")
    )
    width = max(1.2, min(10, 0.6 * (RIGHT - LEFT - 16) / n))
    seen = [k for k, entry in enumerate(entries) if abs(entry) * 100 > (high - low) / 500]
    stems = "".join(f"M{_draw.fixed(x(k))} {_draw.fixed(y(0))}V{_draw.fixed(y(entries[k]))}" for k in seen)
    gradient = {"stroke": "#b54a00", "stroke_width": _draw.fixed(width)}
    count = {"stroke": "#0072b2", "stroke_width": "2.5", "stroke_dasharray": "7 4"}
    own = {"stroke": "#8a4a83", "stroke_width": "2.5"}
    if stems:
        parts.append(_draw.stroke(stems, "stems", **gradient))
    shown = [k for k, share in enumerate(number) if share * 100 > (high - low) / 1000]
    parts.append(_draw.stroke(_line(shown, number, x, y), "count", **count))
    if yours:
        parts.append(_draw.stroke(_line(_thinned(n), yours, x, y), "measured", **own))
    axis = f"M{LEFT} {TOP}V{BOTTOM}M{LEFT} {_draw.fixed(y(0))}H{RIGHT}"
    parts.append(_draw.stroke(axis, "axis", stroke="#8c959f"))
    signed = found["kind"] == "signed"
    titles = [
        ("count", count, "paths"),
        ("stems", {**gradient, "stroke_width": "8"}, "signed weights" if signed else "gradient"),
    ]
    for k, (name, look, title) in enumerate(titles + [("measured", own, "your network")] * bool(yours)):
        start = LEFT + 170 * k
        parts.append(_draw.stroke(f"M{start} 12h26", name, **look))
        parts.append(_draw.text(start + 32, 16, title))
    for at, span, said in _spans(n, found):
        parts.append(_bracket(at, *map(x, span), said))
    return _draw.svg(parts, WIDTH, HEIGHT, "Share of the paths, and of the gradient they carry, by length")


def _spans(n, found):
    """(height, (first, last), words) of what is marked above the chart."""
    spans = []
    if found["count"]:
        part = _draw.share(1, _log10(found["part"]))
        span = f"{found['low']} to {found['high']}" if found["count"] > 1 else f"length {found['low']}"
        spans.append((36, (found["low"], found["high"]), f"{part}: {span}"))
    if n == PUBLISHED[0]:
        spans.append((54, PUBLISHED[1:], f"{PUBLISHED[1]} to {PUBLISHED[2]}: Veit et al. 2016"))
    return spans


def _bracket(at, first, last, said):
    # A bracket of a single length is still seen.
    first, last = first - 3, last + 3
    # Beside the bracket where there is room, or else in a gap of it.
    long, middle, gap = 8 + 6.3 * len(said), (first + last) / 2, ""
    if last + long <= WIDTH:
        place, anchor = last + 6, "start"
    elif first >= long:
        place, anchor = first - 6, "end"
    else:
        place, anchor = middle, "middle"
        gap = f"H{_draw.fixed(middle - long / 2)}M{_draw.fixed(middle + long / 2)} {at}"
    d = f"M{_draw.fixed(first)} {at - 4}v8m0 -4{gap}H{_draw.fixed(last)}m0 -4v8"
    label = _draw.text(place, at + 4, said, text_anchor=anchor)
    return _draw.element("path", d=d, class_="rx-span", fill="none", stroke="#57606a", stroke_width="1.5") + label


def _thinned(n):
    """At most about 250 lengths, the last one always; the step is odd, so that alternating signs both show."""
    step = 1 if n <= 250 else 2 * (n // 500) + 1
    return [*range(0, n, step), n]


def _line(lengths, entries, x, y):
    points = [f"{_draw.fixed(x(k))} {_draw.fixed(y(entries[k]))}" for k in lengths]
    return "M" + "L".join(points)
