"""When is it at least? What a unit with the identity as shortcut and a 2 × 2 Jacobian J does to a gradient's length.

The functions here compute what at_least.js computes, on the same numbers in the same order.
"""

import itertools
import math

import numpy as np

from resnotes import _validate
from resnotes.explorers import _draw
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, style
from resnotes.network import Network

LARGEST = 100
#: A difference this much smaller than what entered it is rounding noise, and counts as 0.
NOISE = 1e-13
#: Units in the chain that is spoken of.
CHAIN = 10


def _quiet(x, scale):
    return 0.0 if abs(x) < NOISE * scale else x


def singular_values(a, b, c, d):
    """The larger and the smaller singular value of [[a, b], [c, d]].

    A matrix is a turn with stretch plus a mirror with stretch; the singular values are the sum and the difference
    of the two stretches. Nothing is divided and no square is cancelled, so equal singular values need no care.
    """
    e, f, g, h = (a + d) / 2, (a - d) / 2, (c + b) / 2, (c - b) / 2
    turn, mirror = math.sqrt(e * e + h * h), math.sqrt(f * f + g * g)
    return turn + mirror, _quiet(abs(turn - mirror), turn + mirror)


def growth(a, b, c, d):
    """The symmetric matrix J + Jᵀ + JJᵀ of the equation ``at-least-growth``: its middle, its radius, its direction.

    ‖g(I + J)‖² - ‖g‖² for a row g of length 1 at the angle θ is middle + radius cos 2(θ - direction).

    Returns
    -------
    middle, radius : float
        The eigenvalues are middle ± radius; the radius is 0 where they are equal but for rounding.
    direction : float or None
        In radians, from -π/2 to π/2; None where no direction is preferred.
    lowest, highest : float
        The eigenvalues, 0 where they are so but for rounding.
    """
    first = 2 * a + (a * a + b * b)
    second = 2 * d + (c * c + d * d)
    mixed = (b + c) + (a * c + b * d)
    scale = 2 * max(abs(a), abs(b), abs(c), abs(d)) + ((a * a + b * b) + (c * c + d * d))
    middle, half = (first + second) / 2, (first - second) / 2
    radius = _quiet(math.sqrt(half * half + mixed * mixed), scale)
    direction = math.atan2(mixed, half) / 2 if radius else None
    return middle, radius, direction, _quiet(middle - radius, scale), _quiet(middle + radius, scale)


def shrinking(a, b, c, d):
    """The part of the circle of all directions that J shrinks: 0 to 1."""
    middle, radius, _, lowest, highest = growth(a, b, c, d)
    if lowest >= 0:
        return 0.0
    return 1.0 if highest <= 0 else math.acos(middle / radius) / math.pi


def summary(a, b, c, d):
    """Everything that is said of J = [[a, b], [c, d]].

    Returns
    -------
    dict
        "shortest" and "longest", the singular values of I + J; "norm", the larger one of J; "lower" and "upper", which
        are 1 ∓ the norm; "lowest" and "highest", the eigenvalues of J + Jᵀ + JJᵀ; "shrinking", the part of all
        directions that shrinks, and "other", that which -J shrinks; "worst", the angle in degrees, from 0 to 180, of
        the gradient that arrives shortest, or None; "mean", the mean of the squared length over all directions.
    """
    longest, shortest = singular_values(1 + a, b, c, 1 + d)
    norm, _ = singular_values(a, b, c, d)
    *_, direction, lowest, highest = growth(a, b, c, d)
    squares = (a * a + b * b) + (c * c + d * d)
    return {
        "shortest": shortest,
        "longest": longest,
        "norm": norm,
        "lower": _quiet(1 - norm, 1 + norm),
        "upper": 1 + norm,
        "lowest": lowest,
        "highest": highest,
        "shrinking": shrinking(a, b, c, d),
        "other": shrinking(-a, -b, -c, -d),
        "worst": None if direction is None else 90 + direction * 180 / math.pi,
        "mean": _quiet(1 + (a + d) + squares / 2, 1 + abs(a) + abs(d) + squares / 2),
    }


def _part(a, b, c, d):
    """Which of all directions J shrinks, in words."""
    *_, lowest, highest = growth(a, b, c, d)
    if lowest >= 0:
        return "none"
    if highest > 0:
        return _draw.share(1, math.log10(shrinking(a, b, c, d)))
    return "all" if highest < 0 else "all but one"


def propositions(a, b, c, d):
    """The propositions of the chapter, in its order: (title, whether it applies to J, what it says here)."""
    found, number = summary(a, b, c, d), _draw.number
    lower = found["lower"]
    entries = (a, b, c, d)
    one = f"at most {number(found['upper'])} times as long"
    if lower > 0:
        one = f"at least {number(lower)}, {one}"
    else:
        one += "; below it promises nothing"
    low, high = (number(factor**CHAIN) for factor in (lower, found["upper"]))
    return [
        ("One unit", "yes", one),
        (
            "No gradient shrinks",
            "yes" if found["lowest"] >= 0 else "no",
            f"the smallest eigenvalue is {number(found['lowest'])}",
        ),
        (
            "Both signs",
            "yes",
            f"of all directions J shrinks {_part(a, b, c, d)}, −J {_part(-a, -b, -c, -d)}; both shrink none",
        ),
        (
            "Zero mean",
            "no" if any(entries) else "yes",
            "it speaks of random J, and this one stands still" if any(entries) else "J is 0, and so is its mean",
        ),
        (
            "Isotropic gradient",
            "yes",
            f"over all directions the squared length is {number(found['mean'])} in the mean",
        ),
        (
            "Nothing negative",
            "no" if min(entries) < 0 else "yes",
            "J has a negative entry" if min(entries) < 0 else "where no entry of g is negative, none gets smaller",
        ),
        (
            "Chain",
            "yes" if lower > 0 else "no",
            f"{CHAIN} such units leave {low} to {high} times the length" if lower > 0 else "‖J‖ is not below 1",
        ),
    ]


def readout(a, b, c, d):
    """The state in words: which directions shrink, how far, what was promised, which condition decides."""
    found, number = summary(a, b, c, d), _draw.number
    shrunk = _part(a, b, c, d)
    which = {
        "none": "No direction shrinks",
        "all": "Every direction shrinks",
        "all but one": "Every direction but one shrinks",
    }.get(shrunk, f"{shrunk} of all directions shrink")
    lengths = f"from {number(found['shortest'])} to {number(found['longest'])}"
    if found["worst"] is None:
        lengths = f"of {number(found['longest'])}, whichever way it points"
    parts = [f"{which}: a gradient of length 1 gets a length {lengths}."]
    if found["lower"] > 0:
        reached = found["shortest"] - found["lower"] < 1e-9
        parts.append(
            f"‖J‖ is {number(found['norm'])}, so 1 − ‖J‖ promises {number(found['lower'])}"
            f"{', which is reached' if reached else ''}."
        )
    else:
        parts.append(f"‖J‖ is {number(found['norm'])}, so 1 − ‖J‖ promises nothing.")
    negative = "negative" if found["lowest"] < 0 else "not negative"
    parts.append(f"The smallest eigenvalue of J + Jᵀ + JJᵀ is {number(found['lowest'])}, {negative}.")
    return " ".join(parts)


def numbers(a, b, c, d):
    """What at_least.js computes: the summary, the propositions, and lengths by direction."""
    return {
        "summary": summary(a, b, c, d),
        "propositions": [list(row) for row in propositions(a, b, c, d)],
        "lengths": [_length(a, b, c, d, degrees) for degrees in range(0, 180, 15)],
    }


def _image(a, b, c, d, degrees):
    """g and g(I + J) for the g of length 1 at an angle."""
    x, y = math.cos(degrees * math.pi / 180), math.sin(degrees * math.pi / 180)
    return (x, y), (x * (1 + a) + y * c, x * b + y * (1 + d))


def _length(a, b, c, d, degrees):
    _, (x, y) = _image(a, b, c, d, degrees)
    return math.sqrt(x * x + y * y)


def of_matrix(J):
    """The four traits of a 2 × 2 matrix J.

    Raises
    ------
    ValueError
        If J is no finite 2 × 2 matrix.
    """
    wanted = "a finite 2 × 2 matrix"
    J = _validate.finite_array(J, "J", wanted, (2,))
    if J.shape != (2, 2):
        _validate.refuse("J", _validate.describe(J), wanted)
    return dict(zip("abcd", J.ravel().astype(np.float64).tolist(), strict=True))


def of_network(network, x, unit=0):
    """A unit of width 2 of the reader's own, as I + J.

    J is D(H + ∂F/∂x) - I at the unit's input: the branch's Jacobian, where the shortcut is the identity and nothing
    comes after the addition.

    Parameters
    ----------
    network : Network
    x : array_like, shape (2,)
        The network's input, one sample.
    unit : int
        Which unit, from 0 at the input.

    Returns
    -------
    dict
        The traits "a", "b", "c", "d".

    Raises
    ------
    ValueError
        If `network` is no Network, has no such unit, x is no single sample, or the unit's width is not 2.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    unit = _validate.whole_number(unit, "unit", 0, len(network) - 1)
    trace = network.forward(x)
    if trace.states[0].ndim != 1:
        _validate.refuse("x", _validate.describe(trace.states[0]), "one sample, not a batch")
    jacobian = network.jacobian(trace, unit, unit + 1)
    if jacobian.shape != (2, 2):
        _validate.refuse("network", f"unit {unit} with a Jacobian of shape {jacobian.shape}", "a unit of width 2")
    return of_matrix(jacobian - np.eye(2))


_entry = number_between(-LARGEST, LARGEST)


class AtLeast(Explorer):
    """Explorer: which gradients get shorter in a unit x + F(x) of width 2, and which proposition says so.

    It shows the columns of J = ∂F/∂x, the circle of all gradients g of length 1, and its image under g ↦ g(I + J).
    Every trait can be set, observed and linked.

    Parameters
    ----------
    a, b, c, d : float, from -100 to 100
        J = [[a, b], [c, d]]; where nothing is said, [[0.5, 1], [1, 0.5]].
    J : array_like, shape (2, 2), optional
        The same as one matrix.
    network : Network, optional
        A network of your own whose unit number `unit` has width 2: gives J. Needs x; see `of_network`.
    x : array_like, shape (n,), optional
    unit : int, optional
        0 where nothing is said.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import AtLeast
    >>> AtLeast(J=[[0, -3], [3, 0]]).readout().split(":")[0]
    'No direction shrinks'
    """

    name = "at_least"
    state_names = ("a", "b", "c", "d")
    _esm = bundle("at_least")
    _css = style("at_least")

    a = Checked(_entry, 0.5)
    b = Checked(_entry, 1.0)
    c = Checked(_entry, 1.0)
    d = Checked(_entry, 0.5)

    def __init__(self, *, J=None, network=None, x=None, unit=None, **state):
        if network is not None:
            state = {**of_network(network, x, 0 if unit is None else unit), **state}
        elif x is not None or unit is not None:
            _validate.refuse("network", "None", "a resnotes.Network, to which x and unit belong")
        if J is not None:
            state = {**state, **of_matrix(J)}
        super().__init__(**state)

    def numbers(self):
        """What the page computes in this state; see `numbers`."""
        return numbers(**self.state())

    def readout(self):
        """The state in words."""
        return readout(**self.state())

    def picture(self):
        """The columns of J, and the circle of gradients with its image, as SVG."""
        return _picture(**self.state())


SIDE, MIDDLE = 132, 150


def _scale(size):
    """The half width of a plane that shows this size: 1.5, 2, 3, 5, 7, 10, 15, …"""
    power = 1.0
    while True:
        for step in (1.5, 2, 3, 5, 7):
            if step * power >= size:
                return step * power
        power *= 10


def arcs(a, b, c, d):
    """(start, end, whether it shrinks) in degrees: the parts of the circle of all directions."""
    part = shrinking(a, b, c, d)
    worst = summary(a, b, c, d)["worst"]
    if worst is None or part in (0.0, 1.0):
        return [(0.0, 360.0, part == 1)]
    half = 90 * part
    edges = [worst - half, worst + half, worst + 180 - half, worst + 180 + half, worst + 360 - half]
    return [(start, end, k % 2 == 0) for k, (start, end) in enumerate(itertools.pairwise(edges))]


def _picture(a, b, c, d):
    reach, wide = (
        _scale(max(abs(a), abs(b), abs(c), abs(d), 3)),
        _scale(1.05 * max(1, summary(a, b, c, d)["longest"])),
    )
    styles = {
        True: {"stroke": "#b54a00", "stroke_width": "6"},
        False: {"stroke": "#0072b2", "stroke_width": "2"},
    }

    def plane(left, half, said):
        x, y = left + MIDDLE, MIDDLE + 18
        d = f"M{x - SIDE} {y}H{x + SIDE}M{x} {y - SIDE}V{y + SIDE}"
        ends = _draw.text(x + SIDE, y + 14, _draw.number(half), text_anchor="end")
        title = _draw.text(left + 4, 12, said)
        return title + _draw.element("path", d=d, class_="rx-axis", fill="none", stroke="#8c959f") + ends

    def at(left, half, point):
        x, y = left + MIDDLE + SIDE * point[0] / half, MIDDLE + 18 - SIDE * point[1] / half
        return f"{_draw.fixed(x)} {_draw.fixed(y)}"

    parts = [plane(0, reach, "the columns of J"), plane(310, wide, "every g of length 1, and g(I + J)")]
    for k, column in enumerate([(a, c), (b, d)], start=1):
        tip = at(0, reach, column)
        dashes = {"stroke_dasharray": "none" if k == 1 else "6 4"}
        parts.append(
            _draw.stroke(
                f"M{at(0, reach, (0, 0))}L{tip}",
                f"column rx-column-{k}",
                stroke="#57606a",
                stroke_width="2.5",
                **dashes,
            )
        )
        x, y = map(float, tip.split())
        parts.append(_draw.element("circle", cx=x, cy=y, r="10", class_="rx-knob", fill="#0060a0"))
        parts.append(_draw.text(x, y + 4, str(k), text_anchor="middle", fill="#ffffff", class_="rx-knob-name"))
    for start, end, shrinks in arcs(a, b, c, d):
        steps = [start + (end - start) * k / 60 for k in range(61)]
        both = zip(*(_image(a, b, c, d, degrees) for degrees in steps), strict=True)
        for name, points in zip(("circle", "image"), both, strict=True):
            line = "M" + "L".join(at(310, wide, point) for point in points)
            dashes = {"stroke_dasharray": "4 3"} if name == "circle" else {}
            kind = "shrinks" if shrinks else "grows"
            parts.append(_draw.stroke(line, f"{name} rx-{kind}", **styles[shrinks], **dashes))
    parts.append(_draw.text(310, 318, "dashed: g; solid: g(I + J); thick: the part that shrinks"))
    matrix = f"J = [{_draw.number(a)}, {_draw.number(b)}; {_draw.number(c)}, {_draw.number(d)}]"
    parts.append(_draw.text(4, 318, matrix))
    return _draw.svg(
        parts,
        620,
        328,
        "The columns of J; the circle of all gradients of length 1, and its image, which parts of it shrink",
    )
