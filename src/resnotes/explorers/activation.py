"""Before or after the activation: the part of the gradient that the shortcuts alone bring back, at initialisation.

Networks of three kinds of units (`resnotes.blocks`) were drawn and measured by `measure`; activation.bin holds the
results (tools/activation_arrays.py writes it), which the explorer carries onto the page. The functions here read
them as activation.js does.
"""

import math
from functools import lru_cache

import numpy as np
import traitlets

from resnotes import _validate, blocks
from resnotes.explorers import _draw
from resnotes.explorers._base import FILES, Checked, Explorer, bundle, one_of, refusing, style, switch
from resnotes.magnitudes import log10_norm
from resnotes.network import Network
from resnotes.paths import gradient_by_shortcut

#: Name in the state -> kind of `resnotes.blocks`.
UNITS = {"relu": "original", "norm": "norm after addition", "pre": "full pre-activation"}
DEPTHS = (1, 2, 3, 5, 8, 13, 20, 30, 42, 54, 75, 100)
WIDTHS = (8, 16, 32, 64)
SEEDS = 8
SAMPLES = 64
#: What is held: for each unit the shortcut's part and the whole; pre-activation's shortcut brings back everything.
PARTS = (("relu", "shortcut"), ("relu", "whole"), ("norm", "shortcut"), ("norm", "whole"), ("pre", "whole"))
#: Entries of one network: a state for each layer of each depth.
ROW = sum(depth + 1 for depth in DEPTHS)
#: Held are 800 times log10, as 16-bit integers: sizes to 0.15 %, up to 10^40. The last stands for a part that is 0.
STEPS, NOTHING = 800, -32768
DIGITS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
LOG10_2 = math.log10(2)


def measure(unit, width, seed):
    """One network's gradients, cut off at every depth of `DEPTHS`: squared lengths relative to what enters.

    The network has random weights, batch statistics from 64 samples, and a random gradient enters at its end.

    Parameters
    ----------
    unit : str
        One of `UNITS`.
    width, seed : int

    Returns
    -------
    dict of str to ndarray, shape (ROW,)
        "shortcut" and "whole": log10 of the squared length at every state of every depth, -inf for 0.
    """
    rng = np.random.default_rng([width, seed])
    network = blocks.network(UNITS[unit], max(DEPTHS), width, rng)
    x, g = blocks.stem(SAMPLES, width, rng), rng.normal(size=(SAMPLES, width))
    found = {"shortcut": [], "whole": []}
    for depth in DEPTHS:
        cut = Network(network.units[:depth])
        trace = cut.forward(x)
        ways = {"shortcut": gradient_by_shortcut(cut, trace, g), "whole": cut.backward(trace, g).states}
        for name, states in ways.items():
            found[name] += [2 * (log10_norm(state) - log10_norm(g)) for state in states]
    return {name: np.array(values) for name, values in found.items()}


def rounded(log10):
    """The 16-bit integers that stand for log10 values.

    Raises
    ------
    ValueError
        If one does not fit.
    """
    log10 = np.asarray(log10, dtype=float)
    steps = np.where(np.isneginf(log10), NOTHING, np.round(np.where(np.isneginf(log10), 0, log10) * STEPS))
    if np.abs(steps[steps != NOTHING]).max(initial=0) > 32767:
        _validate.refuse("log10", f"a size of {np.abs(log10[np.isfinite(log10)]).max()}", f"at most {32767 / STEPS}")
    return steps.astype("<i2")


def arrays():
    """Everything measured anew, shape (part, width, seed, ROW): what activation.bin holds. Takes a minute."""
    held = np.empty((len(PARTS), len(WIDTHS), SEEDS, ROW), "<i2")
    for at, width in enumerate(WIDTHS):
        for seed in range(SEEDS):
            measured = {unit: measure(unit, width, seed) for unit in UNITS}
            for part, (unit, way) in enumerate(PARTS):
                held[part, at, seed] = rounded(measured[unit][way])
    return held


def packed(held):
    """The integers as the text that a page carries, which compresses to two thirds of what they would in base64.

    Held are the differences of neighbours, 0, -1, 1, -2, ... counted as 0, 1, 2, 3, ..., with three digits to base 64:
    the first digits of all of them, which are mostly 0, then the second ones, then the last. Nothing is lost.
    """
    steps = np.diff(np.ravel(held).astype(int), prepend=0)
    counted = np.where(steps < 0, -2 * steps - 1, 2 * steps)
    return DIGITS[np.concatenate([counted >> 12, counted >> 6 & 63, counted & 63])].tobytes().decode("ascii")


STORED = packed(np.frombuffer(FILES.joinpath("activation.bin").read_bytes(), "<i2"))


@lru_cache(maxsize=4)
def _decoded(text):
    place = np.zeros(128, int)
    place[DIGITS] = np.arange(64)
    first, second, last = np.split(place[np.frombuffer(text.encode("ascii"), np.uint8)], 3)
    counted = first << 12 | second << 6 | last
    steps = np.where(counted % 2, -(counted + 1) // 2, counted // 2)
    return np.cumsum(steps).astype("<i2").reshape(len(PARTS), len(WIDTHS), SEEDS, ROW)


def line(arrays, unit, way, depth, width, seed):
    """log10 of the squared length at x_0 ... x_depth, -inf for 0.

    Parameters
    ----------
    arrays : str
        As the trait holds them.
    unit : str
    way : str
        "shortcut" or "whole".
    depth, width, seed : int
        Out of `DEPTHS`, `WIDTHS` and range(`SEEDS`).

    Returns
    -------
    list of float
    """
    if (unit, way) == ("pre", "shortcut"):
        return [0.0] * (depth + 1)
    start = sum(other + 1 for other in DEPTHS[: DEPTHS.index(depth)])
    held = _decoded(arrays)[PARTS.index((unit, way)), WIDTHS.index(width), seed, start : start + depth + 1]
    return [-math.inf if value == NOTHING else value / STEPS for value in held.tolist()]


def law(depth):
    """log10 of what ReLUs after the additions leave at x_0 ... x_depth in the mean (``after-arcsine`` of the book)."""
    q = [1.0]
    for n in range(1, depth + 2):
        q.append(q[-1] * ((2 * n - 1) / (2 * n)))
    total, found = q[0] * q[depth + 1], []
    for layer in range(depth + 1):
        total += q[layer + 1] * q[depth - layer]
        found.append(math.log10(total))
    return found


def coins(depth):
    """log10 of what would be left if every ReLU took half of the components, whatever the others did."""
    return [-(depth - layer) * LOG10_2 for layer in range(depth + 1)]


def numbers(unit, depth, width, seed, layer, log=False, arrays=STORED, own=()):
    """What activation.js computes: the lines over the states, the draws at one state, and x_0 over all depths.

    `log`, the axis, changes none of it.
    """
    return {
        "shortcut": line(arrays, unit, "shortcut", depth, width, seed),
        "whole": line(arrays, unit, "whole", depth, width, seed),
        "law": law(depth) if unit == "relu" else [],
        "coins": coins(depth),
        "draws": [line(arrays, unit, "shortcut", depth, width, k)[layer] for k in range(SEEDS)],
        "by_depth": {name: [line(arrays, name, "shortcut", each, width, seed)[0] for each in DEPTHS] for name in UNITS},
        "own": [list(way) for way in own],
    }


def _said(log10):
    return _draw.share(0 if log10 == -math.inf else 1, log10)


def _measured_by(log10):
    """ "8.4 % of what entered", "12 times what entered"."""
    if log10 < 0:
        return f"{_said(log10)} of what entered"
    size = _draw.words(1, log10)
    return "as long as what entered" if size == "1" else f"{size} times what entered"


SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def readout(unit, depth, width, seed, layer, log=False, arrays=STORED, own=()):
    """The state in words: what the shortcuts bring back, what was expected, the other draws, the whole."""
    found = numbers(unit, depth, width, seed, layer, log, arrays, own)
    at = str(layer).translate(SUBSCRIPTS)
    back = _said(found["shortcut"][layer])
    parts = [
        f"The shortcuts alone bring {back} of the squared length back to x{at}, through "
        f"{'1 unit' if depth - layer == 1 else f'{depth - layer} units'}."
    ]
    if unit == "relu":
        parts.append(f"The law says {_said(found['law'][layer])}, coins would leave {_said(found['coins'][layer])}.")
    if unit == "pre":
        parts.append("Nothing stands on the highway, so it is all of it in every network.")
    else:
        low, high = _said(min(found["draws"])), _said(max(found["draws"]))
        spread = f"it is {low}" if low == high else f"it lies between {low} and {high}"
        parts.append(f"In the {SEEDS} networks of width {width}, {spread}.")
    parts.append(f"The whole gradient there is {_measured_by(found['whole'][layer])}.")
    if own:
        shortcut, whole = (-math.inf if way[0] is None else way[0] for way in own)
        parts.append(
            f"Your network: at its input the shortcuts alone bring back {_said(shortcut)}, "
            f"and the whole gradient is {_measured_by(whole)}."
        )
    return " ".join(parts)


def of_network(network, x, g=None):
    """A network of the reader's own, measured like those of the explorer.

    Parameters
    ----------
    network : Network
    x : array_like, shape (n,) or (batch, n)
        Its input; a batch where it holds batch statistics.
    g : array_like, the shape of its last state, optional
        The gradient that enters; ones where nothing is said.

    Returns
    -------
    list of two lists
        log10 of the squared length of the shortcut's part, and of the whole gradient, at every state, relative to
        what enters; None for 0.

    Raises
    ------
    ValueError
        If `network` is no Network or has more than 1000 units, g is 0, or x or g do not fit.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    if len(network) > MOST:
        _validate.refuse("network", f"{len(network)} units", f"at most {MOST}")
    trace = network.forward(x)
    g = np.ones_like(trace.states[-1]) if g is None else g
    ways = (gradient_by_shortcut(network, trace, g), network.backward(trace, g).states)
    entered = log10_norm(ways[0][-1])
    if entered == -math.inf:
        _validate.refuse("g", "a gradient of 0", "one that is not 0, to measure the others by")
    # To nine decimals, so that the book's page is the same whatever processor made it.
    return [
        [None if size == -math.inf else round(2 * (size - entered), 9) for size in map(log10_norm, way)] for way in ways
    ]


#: Units of a network of the reader's own.
MOST = 1000


def _seed(value, name):
    return _validate.whole_number(value, name, 0, SEEDS - 1)


def _layer(value, name):
    return _validate.whole_number(value, name, 0, max(DEPTHS))


def _arrays(value, name):
    if value != STORED:
        _validate.refuse(name, _validate.describe(value), "what activation.bin holds")
    return value


def _own(value, name):
    wanted = "an empty list, or two equally long lists of finite numbers or None"
    if not isinstance(value, (list, tuple)) or len(value) not in (0, 2):
        _validate.refuse(name, _validate.describe(value), wanted)
    ways = []
    for way in value:
        if not isinstance(way, (list, tuple)) or not 2 <= len(way) <= MOST + 1 or len(way) != len(value[0]):
            _validate.refuse(name, _validate.describe(way), wanted)
        ways.append([None if entry is None else _validate.finite_number(entry, name) for entry in way])
    return ways


def _inside(depth, layer):
    """Refuse a state behind the last one."""
    if layer > depth:
        _validate.refuse("layer", layer, f"a whole number from 0 to the depth, {depth}")


class BeforeOrAfter(Explorer):
    """Explorer: what the shortcuts alone bring back of the gradient, with ReLU or normalisation after the addition.

    It shows networks at random initialisation over depth, width and seed: the squared length of the shortcut's part
    of the gradient at every state and of the whole, the law for ReLUs, and x_0 over all depths. Every trait can be
    set, observed and linked.

    Parameters
    ----------
    unit : str
        "relu" (ReLU after the addition), "norm" (normalisation and ReLU after it) or "pre" (full pre-activation).
    depth : int
        One of 1, 2, 3, 5, 8, 13, 20, 30, 42, 54, 75, 100 units.
    width : int
        One of 8, 16, 32, 64.
    seed : int, from 0 to 7
        Which of the networks drawn.
    layer : int, from 0 to depth
        The state that the words are about.
    log : bool
        Whether the axis is logarithmic, and shows the whole gradient too.
    network : Network, optional
        Your own network, drawn beside the others and measured in words. Needs x, and may take g; see `of_network`.
    x, g : array_like, optional

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import BeforeOrAfter
    >>> BeforeOrAfter(unit="pre", depth=100).readout().split(".")[0]
    'The shortcuts alone bring 100\\xa0% of the squared length back to x₀, through 100 units'
    """

    name = "activation"
    state_names = ("unit", "depth", "width", "seed", "layer", "log")
    carried = ("arrays", "own")
    _esm = bundle("activation")
    _css = style("activation")

    unit = Checked(one_of(tuple(UNITS)), "relu")
    depth = Checked(one_of(DEPTHS), 54)
    width = Checked(one_of(WIDTHS), 64)
    seed = Checked(_seed, 0)
    layer = Checked(_layer, 0)
    log = Checked(switch, False)
    arrays = Checked(_arrays, STORED)
    own = Checked(_own, [])

    def __init__(self, *, network=None, x=None, g=None, **state):
        if network is not None:
            state = {"own": of_network(network, x, g), **state}
        elif x is not None or g is not None:
            _validate.refuse("network", "None", "a resnotes.Network, to which x and g belong")
        super().__init__(**state)

    @traitlets.validate("depth", "layer")
    def _together(self, proposal):
        state = {**self.state(), proposal.trait.name: proposal.value}
        with refusing():
            _inside(state["depth"], state["layer"])
        return proposal.value

    def numbers(self):
        """What the page computes in this state; see `numbers`."""
        return numbers(**self.state(), arrays=self.arrays, own=self.own)

    def readout(self):
        """The state in words."""
        return readout(**self.state(), arrays=self.arrays, own=self.own)

    def picture(self):
        """The chart as SVG: the shortcut's part and the whole over the states, with the law and the coins."""
        return _picture(self.depth, self.layer, self.log, self.numbers())


WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 620, 330, 46, 600, 38, 290
STYLES = {
    "whole": ("whole gradient", {"stroke": "#1b1f24", "stroke_width": "4"}),
    "shortcut": ("shortcuts alone", {"stroke": "#0072b2", "stroke_width": "2.5", "stroke_dasharray": "9 5"}),
    "law": ("law", {"stroke": "#b54a00", "stroke_width": "2.5", "stroke_dasharray": "2 4"}),
    "coins": ("coins", {"stroke": "#57606a", "stroke_width": "1.5", "stroke_dasharray": "7 4 2 4"}),
}
LOWEST = -12


HIGHEST = 1.04


def _decades(found):
    """The lowest and highest decade shown: coins may leave below, and so may what is smaller than 10^-12."""
    logs = [value for name in ("shortcut", "whole", "law") for value in found[name] if value > -math.inf]
    logs += [value for way in found["own"] for value in way if value is not None]
    return max(LOWEST, min([-3.0, *(value - 0.3 for value in logs)])), max([0.5, *(value + 0.3 for value in logs)])


def _picture(depth, layer, log, found):
    low, high = _decades(found) if log else (0.0, HIGHEST)

    def x(at):
        return LEFT + (RIGHT - LEFT) * at / depth

    def y(log10):
        place = log10 if log else 10**log10
        return BOTTOM - (BOTTOM - TOP) * (min(max(place, low), high) - low) / (high - low)

    parts = []
    shares = [(-math.inf, "0 %"), *((math.log10(part / 100), f"{part} %") for part in (25, 50, 75, 100))]
    powers = [(k, _draw.power(k)) for k in _draw.ticks(low, high, 7)]
    for at, label in powers if log else shares:
        parts.append(_draw.stroke(f"M{LEFT} {_draw.fixed(y(at))}H{RIGHT}", "grid", stroke="#e4e7ea"))
        parts.append(_draw.text(LEFT - 6, y(at) + 4, label, text_anchor="end"))
    for at in _draw.marks(depth, 6):
        parts.append(_draw.stroke(f"M{_draw.fixed(x(at))} {BOTTOM}v5", "axis", stroke="#8c959f"))
        parts.append(_draw.text(x(at), BOTTOM + 18, str(at), text_anchor="middle"))
    parts.append(_draw.stroke(f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}", "axis", stroke="#8c959f"))
    below = "state l, from the input (0) to the loss; up: squared length, where 1 enters at the loss"
    parts.append(_draw.text((LEFT + RIGHT) / 2, BOTTOM + 36, below, text_anchor="middle"))
    start = LEFT
    for name, (title, style) in STYLES.items():
        if not found[name] or (name == "whole" and not log):
            continue
        parts.append(_draw.stroke(f"M{start} 16h28", f"line rx-{name}", **style))
        parts.append(_draw.text(start + 34, 20, title))
        start += 34 + 7 * len(title) + 20
        points = [(at, value) for at, value in enumerate(found[name])]
        if name == "coins" and log:
            points = [(at, value) for at, value in points if value >= low]
        d = "M" + "L".join(f"{_draw.fixed(x(at))} {_draw.fixed(y(value))}" for at, value in points)
        parts.append(_draw.stroke(d, f"line rx-{name}", **style))
    parts.append(_draw.element("circle", cx=x(layer), cy=y(found["shortcut"][layer]), r="4.5", fill="#0072b2"))
    return _draw.svg(parts, WIDE, HIGH, "Squared length of the gradient at every state")
