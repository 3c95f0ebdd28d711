"""λ and depth: how large the gradient is after many units x' = λ x + F(x), and what carries it.

The functions here compute what lambda_depth.js computes, on the same numbers in the same order.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers import _draw
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, refusing, style
from resnotes.magnitudes import FORMATS, log10_norm
from resnotes.network import Network
from resnotes.shortcuts import Identity, Scale

MAX_DEPTH = 1000
ALTERNATING_FROM = 0.01
LARGEST_FACTOR = 1e100
# A sum this much smaller than its terms is rounding noise, and counts as 0.
NOISE = 1e-13
SCHEDULES = ("constant", "alternating", "from_above", "from_below", "own")
LOG10_2 = math.log10(2)


def shortcuts(lam, depth, schedule="constant", factors=()):
    """The scalars λ_0 … λ_{L-1} of a schedule, the unit next to the input first.

    Parameters
    ----------
    lam : float
        λ, which scales every schedule.
    depth : int
        L, the number of units.
    schedule : str
        With i = 1 at the input: "constant" is λ, "alternating" λ for odd i and 1/λ for even i,
        "from_above" λ(1 + 1/i²), "from_below" λ(1 - 1/(i + 1)²), "own" λ times `factors`, repeated.
    factors : sequence of float

    Returns
    -------
    numpy.ndarray, shape (depth,)

    Raises
    ------
    ValueError
        If the schedule is unknown, is alternating and λ below 0.01, or is one's own and has no factors.
    """
    _agree(lam, schedule, factors)
    i = np.arange(1, depth + 1, dtype=np.float64)
    if schedule == "constant":
        return np.full(depth, float(lam))
    if schedule == "alternating":
        return np.where(i % 2 == 1, lam, 1 / lam)
    if schedule == "from_above":
        return lam * (1 + 1 / (i * i))
    if schedule == "from_below":
        return lam * (1 - 1 / ((i + 1) * (i + 1)))
    return lam * np.resize(np.asarray(factors, dtype=np.float64), depth)


def _agree(lam, schedule, factors):
    """Refuse values that are good one by one but not together."""
    one_of(SCHEDULES)(schedule, "schedule")
    if schedule == "alternating" and lam < ALTERNATING_FROM:
        wanted = f"at least {ALTERNATING_FROM} in the alternating schedule, which divides by it"
        _validate.refuse("lam", lam, wanted)
    if schedule == "own" and not len(factors):
        _validate.refuse("factors", "an empty list", "at least one number for the schedule 'own'")


# A number as (m, e) for m · 2**e with 0.5 <= |m| < 1, so that nothing overflows; 0 is (0, 0).


def _times(a, factor):
    mantissa, exponent = math.frexp(factor)
    product, shift = math.frexp(a[0] * mantissa)
    return (product, a[1] + exponent + shift) if product else (0.0, 0)


def _plus(a, b):
    if a[0] == 0 or b[0] == 0:
        return b if a[0] == 0 else a
    (large, exponent), (small, lower) = (a, b) if a[1] >= b[1] else (b, a)
    small = math.ldexp(small, lower - exponent)
    total = large + small
    if abs(total) < NOISE * max(abs(large), abs(small)):
        return (0.0, 0)
    mantissa, shift = math.frexp(total)
    return (mantissa, exponent + shift)


@dataclass(frozen=True)
class Line:
    """Signed magnitudes, one for each layer 0 … L.

    Attributes
    ----------
    sign : numpy.ndarray of int
        -1, 0 or 1.
    log10 : numpy.ndarray of float
        log10 of the absolute value; -inf for 0.
    """

    sign: np.ndarray
    log10: np.ndarray

    @classmethod
    def of(cls, scaled):
        """From numbers m · 2**e."""
        log10 = [math.log10(abs(m)) + e * LOG10_2 if m else -math.inf for m, e in scaled]
        return cls(np.array([(m > 0) - (m < 0) for m, _ in scaled]), np.array(log10))


def _chain(factors, r):
    shortcut, rest, whole = [(0.5, 1)], [(0.0, 0)], [(0.5, 1)]
    for lam in reversed(factors):
        # (λ + r)(shortcut + rest) - λ shortcut, without the difference of two large numbers
        rest.append(_plus(_times(rest[-1], lam), _times(whole[-1], r)))
        shortcut.append(_times(shortcut[-1], lam))
        whole.append(_times(whole[-1], lam + r))
    return {"shortcut": shortcut[::-1], "rest": rest[::-1], "whole": whole[::-1]}


def series(lam, depth, r, schedule="constant", factors=()):
    """g_l / g_L at every layer of the scalar chain x_{l+1} = λ_l x_l + F(x_l) with F' = r.

    The whole is ∏_{i=l}^{L-1} (λ_i + r), the shortcut term Λ_{l:L} = ∏_{i=l}^{L-1} λ_i, and the rest their
    difference: all paths through at least one branch.

    Parameters
    ----------
    lam, depth, schedule, factors
        As in `shortcuts`.
    r : float
        The branches' derivative.

    Returns
    -------
    dict of str to Line
        "shortcut", "rest" and "whole", each with L + 1 entries, layer 0 first.
    """
    chain = _chain(shortcuts(lam, depth, schedule, factors).tolist(), r)
    return {name: Line.of(scaled) for name, scaled in chain.items()}


def _verdict(number, form):
    """What a format makes of a number m · 2**e that is rounded once."""
    mantissa, exponent = number

    def size(k):
        return math.inf if exponent - k > 1000 else math.ldexp(abs(mantissa), exponent - k)

    if mantissa == 0 or size(form.lowest - form.precision) <= 1:
        return "zero"
    if size(form.lowest) < 1 - 2.0**-form.precision:
        return "subnormal"
    return "overflow" if size(form.highest + 1) >= 1 - 2.0 ** -(form.precision + 1) else "held"


@dataclass(frozen=True)
class FormatEnd:
    """Where a float format gives out.

    Attributes
    ----------
    here : str
        What the format makes of g_0: "held", "subnormal", "zero" or "overflow".
    lost : int or None
        The first layer, going back, at which the gradient is 0 or infinite although g_0 could be held.
    subnormal, zero, overflow : int or None
        The first depths, up to 1000, at which g_0 is that; None where it never is.
    """

    here: str
    lost: int | None
    subnormal: int | None
    zero: int | None
    overflow: int | None


def formats(lam, depth, r, schedule="constant", factors=()):
    """Where each float format gives out, every value being rounded once.

    Parameters
    ----------
    lam, depth, r, schedule, factors
        As in `series`.

    Returns
    -------
    dict of str to FormatEnd
        For "float16", "bfloat16", "float32" and "float64".
    """
    whole = _chain(shortcuts(lam, depth, schedule, factors).tolist(), r)["whole"]
    products = [(0.5, 1)]
    for factor in shortcuts(lam, MAX_DEPTH, schedule, factors).tolist():
        products.append(_times(products[-1], factor + r))
    ends = {}
    for name, form in ((name, FORMATS[name]) for name in SHORT):
        first = {}
        for n, product in enumerate(products[1:], start=1):
            first.setdefault(_verdict(product, form), n)
        here = _verdict(whole[0], form)
        gone = [l for l, g in enumerate(whole) if g[0] and _verdict(g, form) in ("zero", "overflow")]
        lost = gone[-1] if gone and here in ("held", "subnormal") else None
        ends[name] = FormatEnd(here, lost, first.get("subnormal"), first.get("zero"), first.get("overflow"))
    return ends


def numbers(lam, depth, r, schedule="constant", factors=()):
    """What lambda_depth.js computes: every line by about 25 of its layers as [sign, log10], and the formats' ends."""
    step = math.ceil(depth / 25)
    kept = [l for l in range(depth + 1) if l % step == 0 or l == depth]
    lines = series(lam, depth, r, schedule, factors)
    ends = formats(lam, depth, r, schedule, factors)
    return {
        **{name: [[int(line.sign[l]), float(line.log10[l])] for l in kept] for name, line in lines.items()},
        "formats": [{"name": name, **asdict(end)} for name, end in ends.items()],
    }


def of_network(network, x, g=None):
    """A network of the reader's own as this explorer shows it.

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
        "measured", log10 of |g_l| / |g_L| at every layer, None for a gradient of 0; "depth"; and where every
        shortcut is an `Identity` or a `Scale`, "factors", the λ of its units.

    Raises
    ------
    ValueError
        If `network` is no Network or too deep, g is 0, or x or g do not fit.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    if len(network) > MAX_DEPTH:
        _validate.refuse("network", f"{len(network)} units", f"at most {MAX_DEPTH}")
    trace = network.forward(x)
    states = network.backward(trace, np.ones_like(trace.states[-1]) if g is None else g).states
    sizes = [log10_norm(state) for state in states]
    if sizes[-1] == -math.inf:
        _validate.refuse("g", "a gradient of 0", "one that is not 0, to measure the others by")
    # To nine decimals, so that the book's page is the same whatever processor made it.
    measured = [None if size == -math.inf else round(size - sizes[-1], 9) for size in sizes]
    found = {"measured": measured, "depth": len(network)}
    shortcuts_ = [unit.shortcut for unit in network.units]
    if all(isinstance(shortcut, (Identity, Scale)) for shortcut in shortcuts_):
        found["factors"] = [float(getattr(shortcut, "weight", 1.0)) for shortcut in shortcuts_]
    return found


def _listed(names):
    return names[0] if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"


def _held(ends):
    if all(end.here == "held" and end.lost is None for end in ends.values()):
        return "float16 would still hold it, and so would the wider formats."
    clauses = {
        "held": "held by",
        "subnormal": "held with fewer digits, as a subnormal, by",
        "zero": "rounded to 0 by",
        "overflow": "too large for",
    }
    said = {}
    for name, end in ends.items():
        lost = f"lost on the way, at layer {end.lost}, in"
        said.setdefault(clauses[end.here] if end.lost is None else lost, []).append(name)
    return f"It is {'; '.join(f'{clause} {_listed(names)}' for clause, names in said.items())}."


def readout(lam, depth, r, schedule="constant", factors=()):
    """The state in words: what is left of the gradient, what carries it, which formats hold it."""
    lines = series(lam, depth, r, schedule, factors)
    at_input = {name: (int(line.sign[0]), float(line.log10[0])) for name, line in lines.items()}
    sign, log10 = at_input["whole"]
    after = f"After {'1 unit' if depth == 1 else f'{depth} units'}"
    parts = []
    if sign == 0:
        parts.append(f"{after} nothing is left of the gradient: it is exactly 0.")
    else:
        size = _draw.share(1, log10)
        of = "of" if size.endswith("%") or log10 < 0 else "times"
        turned = ", with its sign turned" if sign < 0 else ""
        parts.append(f"{after} the gradient is {size} {of} what entered{turned}.")
    if r == 0:
        parts.append("There is no branch, so the shortcuts carry all of it.")
    else:
        shortcut, rest = _draw.share(*at_input["shortcut"]), _draw.share(*at_input["rest"])
        parts.append(f"The shortcuts alone carry {shortcut}, the paths through branches {rest}.")
    if sign != 0:
        parts.append(_held(formats(lam, depth, r, schedule, factors)))
    return " ".join(parts)


def _whole_depth(value, name):
    return _validate.whole_number(value, name, 1, MAX_DEPTH)


def _factors(value, name):
    wanted = f"a list of at most {MAX_DEPTH} finite numbers"
    array = _validate.finite_array(value, name, wanted, (1,), allow_empty=True).astype(np.float64)
    if array.size > MAX_DEPTH:
        _validate.refuse(name, f"{array.size} numbers", wanted)
    if np.abs(array).max(initial=0) > LARGEST_FACTOR:
        _validate.refuse(name, f"{array[np.abs(array).argmax()]:g}", "numbers of at most 1e100 in size")
    return array.tolist()


def _measured(value, name):
    wanted = f"a list of at most {MAX_DEPTH + 1} finite numbers or None"
    if not isinstance(value, (list, tuple)) or len(value) > MAX_DEPTH + 1:
        _validate.refuse(name, _validate.describe(value), wanted)
    return [None if entry is None else _validate.finite_number(entry, name) for entry in value]


class LambdaDepth(Explorer):
    """Explorer: the gradient at every layer of x_{l+1} = λ_l x_l + F(x_l), with F' = r.

    It shows the shortcut term, the paths through branches and the whole on a log axis, the limits of four
    float formats, and a heat map of |g_0| by λ and depth. Every trait can be set, observed and linked.

    Parameters
    ----------
    lam : float, from 0 to 2
        λ, which scales the whole schedule. 0.9 where nothing is said; with the schedules "from_above",
        "from_below" and "own" it is 1, which leaves them as they are. At least 0.01 in the alternating
        schedule.
    depth : int, from 1 to 1000
        L, the number of units. 50, or the length of `factors`, where nothing is said.
    r : float, from -2 to 2
        The branches' derivative; 0.1 where nothing is said.
    schedule : str
        "constant", "alternating", "from_above", "from_below" or "own"; see `shortcuts`.
    factors : list of float
        Your own λ, from the input on; repeated where the depth is larger. Giving it chooses "own".
    measured : list of float or None
        log10 |g_l| / |g_L| at the layers of a network of your own, drawn beside the rest where its depth is
        shown. It is part of no link.
    network : Network, optional
        Your own network: gives `measured` and `depth`, and where all its shortcuts are scalars, `factors`.
        Needs x, and may take g; see `of_network`.
    x, g : array_like, optional

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was
        wanted.

    Examples
    --------
    >>> from resnotes.explorers import LambdaDepth
    >>> LambdaDepth(lam=0.9, depth=50, r=0).readout().split(".")[:2]
    ['After 50 units the gradient is 0', '515\\xa0% of what entered']
    """

    name = "lambda_depth"
    state_names = ("lam", "depth", "r", "schedule", "factors")
    carried = ("measured",)
    _esm = bundle("lambda_depth")
    _css = style("lambda_depth")

    lam = Checked(number_between(0, 2), 0.9)
    depth = Checked(_whole_depth, 50)
    r = Checked(number_between(-2, 2), 0.1)
    schedule = Checked(one_of(SCHEDULES), "constant")
    factors = Checked(_factors, [])
    measured = Checked(_measured, [])

    def __init__(self, *, network=None, x=None, g=None, **state):
        if network is not None:
            state = {**of_network(network, x, g), **state}
        elif x is not None or g is not None:
            _validate.refuse("network", "None", "a resnotes.Network, to which x and g belong")
        if "factors" in state:
            state = {"schedule": "own", **state}
            if state["schedule"] == "own":
                state = {"depth": max(1, len(_factors(state["factors"], "factors"))), **state}
        if state.get("schedule", "constant") not in ("constant", "alternating"):
            state = {"lam": 1.0, **state}
        super().__init__(**state)

    @traitlets.validate("lam", "schedule", "factors")
    def _together(self, proposal):
        state = {**self.state(), proposal.trait.name: proposal.value}
        with refusing():
            _agree(state["lam"], state["schedule"], state["factors"])
        return proposal.value

    def numbers(self):
        """What the page computes in this state; see `numbers`."""
        return numbers(**self.state())

    def readout(self):
        """The state in words."""
        return readout(**self.state())

    def picture(self):
        """The chart as SVG: the three series over the layers, and the formats' limits."""
        return _picture(self.depth, series(**self.state()))


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 350, 46, 500, 38, 310
STYLES = {
    "whole": ("whole gradient", {"stroke": "#1b1f24", "stroke_width": "4"}),
    "shortcut": ("shortcut alone", {"stroke": "#0072b2", "stroke_width": "2.5", "stroke_dasharray": "9 5"}),
    "rest": (
        "paths through branches",
        {"stroke": "#b54a00", "stroke_width": "2.5", "stroke_dasharray": "2 4"},
    ),
}
SHORT = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64"}
KINDS = {"largest": "max", "normal": "min", "subnormal": "sub"}
DASHES = {"largest": "none", "normal": "7 4", "subnormal": "2 3"}


def _range(drawn):
    """The lowest and the highest decade shown, and whether anything is 0: float16's range always fits."""
    logs = [log10 for points in drawn.values() for sign, log10 in points if sign]
    low, high = min([-8.0, *logs]), max([6.0, *logs])
    zero = any(not sign for points in drawn.values() for sign, _ in points)
    room = 0.04 * (high - low)
    low -= room * ((low < -8) + 1.5 * zero)
    return low, high + room * (high > 6), zero


def _drawn(lines):
    """(sign, log10) by layer; the paths through branches begin one unit before the loss, if there are any."""
    drawn = {name: list(zip(line.sign.tolist(), line.log10.tolist(), strict=True)) for name, line in lines.items()}
    drawn["rest"] = drawn["rest"][:-1] if lines["rest"].sign.any() else []
    return drawn


def _format_lines(low, high):
    """(log10, kind, names) of the formats' limits between two decades, downwards, equal ones merged."""
    lines = {}
    for name, form in ((name, FORMATS[name]) for name in SHORT):
        subnormal = form.lowest - form.precision + 1
        for kind, exponent in (
            ("largest", form.highest + 1),
            ("normal", form.lowest),
            ("subnormal", subnormal),
        ):
            lines.setdefault((exponent * LOG10_2, kind), []).append(SHORT[name])
    return [(at, kind, names) for (at, kind), names in sorted(lines.items(), reverse=True) if low < at < high]


def _picture(depth, lines):
    drawn = _drawn(lines)
    low, high, zero = _range(drawn)

    def x(layer):
        return LEFT + (RIGHT - LEFT) * layer / depth

    def y(log10):
        return BOTTOM - (BOTTOM - TOP) * (log10 - low) / (high - low)

    parts = []
    for k in _draw.ticks(low + zero * 0.06 * (high - low), high, 7):
        parts.append(_draw.stroke(f"M{LEFT} {_draw.fixed(y(k))}H{RIGHT}", "grid", stroke="#e4e7ea"))
        label = _draw.power(k)
        parts.append(_draw.text(LEFT - 6, y(k) + 4, label, text_anchor="end"))
    if zero:
        parts.append(_draw.text(LEFT - 6, BOTTOM + 4, "0", text_anchor="end"))
    for layer in _draw.marks(depth, 6):
        parts.append(_draw.stroke(f"M{_draw.fixed(x(layer))} {BOTTOM}v5", "axis", stroke="#8c959f"))
        parts.append(_draw.text(x(layer), BOTTOM + 18, str(layer), text_anchor="middle"))
    parts.append(_draw.stroke(f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}", "axis", stroke="#8c959f"))
    below = "layer l, from the input (0) to the loss; up: |gₗ|, where 1 enters at the loss"
    parts.append(_draw.text((LEFT + RIGHT) / 2, BOTTOM + 36, below, text_anchor="middle"))
    limits = _format_lines(low, high)
    labels = _draw.spread([y(at) for at, _, _ in limits], 13, TOP, BOTTOM)
    for (at, kind, names), label in zip(limits, labels, strict=True):
        d = f"M{LEFT} {_draw.fixed(y(at))}H{RIGHT}L{RIGHT + 8} {_draw.fixed(label)}"
        parts.append(_draw.stroke(d, "limit", stroke="#57606a", stroke_dasharray=DASHES[kind]))
        parts.append(_draw.text(RIGHT + 11, label + 4, f"{', '.join(names)} {KINDS[kind]}"))
    for k, (name, (title, style)) in enumerate(STYLES.items()):
        start = LEFT + (0, 160, 320)[k]
        parts.append(_draw.stroke(f"M{start} 16h28", f"line rx-{name}", **style))
        parts.append(_draw.text(start + 34, 20, title))
        if drawn[name]:
            parts.append(_draw.stroke(_points(drawn[name], x, y), f"line rx-{name}", **style))
    return _draw.svg(parts, WIDTH, HEIGHT, "Size of the gradient at every layer, on a log scale")


def _points(points, x, y):
    """A polyline through at most about 250 layers, the last one always; 0 lies on the axis."""
    last = len(points) - 1
    # An odd step, so that an alternating schedule shows both of its levels.
    step = 1 if last <= 250 else 2 * (last // 500) + 1
    heights = [y(log10) if sign else BOTTOM for sign, log10 in points]
    layers = [*range(0, last, step), last]
    return "M" + "L".join(f"{_draw.fixed(x(layer))} {_draw.fixed(heights[layer])}" for layer in layers)
