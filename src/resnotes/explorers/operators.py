"""Operators on the shortcut: the singular values of their product over many units.

The spectra are computed here, once, and carried by the page; the functions here compute from them what
operators.js computes, on the same numbers in the same order.
"""

import math
from functools import lru_cache

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers import _draw
from resnotes.explorers._base import Checked, Explorer, bundle, one_of, refusing, style
from resnotes.network import Network
from resnotes.shortcuts import Dropout, Gate, Subsample, sinkhorn
from resnotes.spectrum import singular_values_by_depth

#: Components of a state, and the number of units that are computed.
WIDTH, DEPTH = 8, 64
#: Limits of the reader's own matrices: units, and components of a gradient.
MOST_UNITS, MOST_COMPONENTS = 1000, 64
#: A direction counts as kept if its singular value is within this power of ten of the largest.
KEPT = 2.0
#: Decimals of the carried logarithms, so that the page is the same whatever processor made it.
DECIMALS = 4
SEED = 20161016
#: Units at which option A halves the image, and doubles the channels.
HALVING = 18

#: name -> what is said of it.
OPERATORS = {
    "identity": "the identity",
    "half": "the factor 0.5",
    "dropout": "dropout, half of the components, times 2",
    "option_a": f"the identity, with stride and padding at unit {HALVING}",
    "gate_open": "a gate with bias −6",
    "gate_half": "a gate with bias 0",
    "convolution": "a random 1×1 convolution",
    "near_identity": "the identity plus a small random matrix",
    "diagonal": "factors from 0.5 to 1, one a component",
    "rotation": "a random rotation",
    "averaging": "averaging: random, doubly stochastic",
    "lazy": "nine tenths identity, one tenth averaging",
}


def _gate(rng, bias):
    layer = Gate(rng.normal(size=(WIDTH, WIDTH)) / math.sqrt(WIDTH), np.full(WIDTH, bias))
    return layer.jacobian(rng.normal(size=WIDTH))


def _halved(unit):
    """Option A: two channels of 2 x 2 become four of 1 x 1, two of them zero."""
    if unit < HALVING - 1:
        return np.eye(WIDTH)
    return Subsample(2, 2, 2, channels_out=4).jacobian(np.ones(WIDTH)) if unit == HALVING - 1 else np.eye(4)


def _random_matrix(rng):
    return rng.normal(size=(WIDTH, WIDTH)) / math.sqrt(WIDTH)


def _averaging(rng):
    return sinkhorn(rng.uniform(size=(WIDTH, WIDTH)))


#: name -> (generator, unit) -> the Jacobian of that unit's shortcut.
DRAWN = {
    "identity": lambda rng, unit: np.eye(WIDTH),
    "half": lambda rng, unit: np.eye(WIDTH) / 2,
    "dropout": lambda rng, unit: Dropout(rng.random(WIDTH) < 0.5, 0.5).jacobian(np.ones(WIDTH)),
    "option_a": lambda rng, unit: _halved(unit),
    "gate_open": lambda rng, unit: _gate(rng, -6.0),
    "gate_half": lambda rng, unit: _gate(rng, 0.0),
    "convolution": lambda rng, unit: _random_matrix(rng),
    "near_identity": lambda rng, unit: np.eye(WIDTH) + _random_matrix(rng) / 10,
    "diagonal": lambda rng, unit: np.diag(rng.uniform(0.5, 1, size=WIDTH)),
    "rotation": lambda rng, unit: np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0],
    "averaging": lambda rng, unit: _averaging(rng),
    "lazy": lambda rng, unit: 0.9 * np.eye(WIDTH) + 0.1 * _averaging(rng),
}


def spectra_of(matrices):
    """What the explorer carries of a chain of matrices.

    Parameters
    ----------
    matrices : sequence of array_like, shapes (n_1, n_0), (n_2, n_1), ...
        The shortcuts' Jacobians, that of the unit next to the input first.

    Returns
    -------
    list of list of float or None
        For each depth, log10 of the singular values of the product, falling, None for 0. There are as many
        as the gradient that enters has components: beyond the width of the input they are 0.

    Raises
    ------
    ValueError
        If there are none or more than 1000 of them, one is no finite real matrix or has more than 64 rows,
        or two neighbours do not fit.
    """
    with _validate.located("matrices"):
        found = singular_values_by_depth(matrices)
    heights = [len(matrix) for matrix in matrices]
    if len(found) > MOST_UNITS:
        _validate.refuse("matrices", f"{len(found)} of them", f"at most {MOST_UNITS}")
    if max(heights) > MOST_COMPONENTS:
        _validate.refuse("matrices", f"one with {max(heights)} rows", f"at most {MOST_COMPONENTS} rows")
    carried = []
    for logs, height in zip(found, heights, strict=True):
        rounded = [None if log == -math.inf else round(float(log), DECIMALS) + 0.0 for log in logs]
        carried.append(rounded + [None] * (height - len(rounded)))
    return carried


@lru_cache(maxsize=1)
def standard():
    """The spectra of all operators of the list, 64 units deep; always the same ones."""
    found = {}
    for number, (name, draw) in enumerate(DRAWN.items()):
        rng = np.random.default_rng([SEED, number])
        found[name] = spectra_of([draw(rng, unit) for unit in range(DEPTH)])
    return found


def of_network(network, x):
    """The Jacobians of a network's shortcuts at the states that one input leads to.

    Parameters
    ----------
    network : Network
    x : array_like, shape (n,)

    Returns
    -------
    list of ndarray
        H_0 first.

    Raises
    ------
    ValueError
        If `network` is no Network, or x does not fit it or is a batch.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    x = _validate.finite_array(x, "x", "one input, shape (n,)", (1,))
    trace = network.forward(x)
    return [unit.jacobians(seen)[1] for unit, seen in zip(network.units, trace.units, strict=True)]


def numbers(operator, depth, spectra):
    """What operators.js computes.

    Returns
    -------
    dict
        "logs", log10 of the singular values, -inf for 0; "rms", log10 of the length that a gradient of
        random direction keeps in root mean square; "kept", how many directions are within a factor of 100
        of the best; "zeros", how many singular values are 0.
    """
    logs = [-math.inf if log is None else log for log in spectra[operator][depth - 1]]
    top = logs[0]
    if top == -math.inf:
        return {"logs": logs, "rms": -math.inf, "kept": 0, "zeros": len(logs)}
    total = 0.0
    for log in logs:
        total += 10 ** (2 * (log - top))
    return {
        "logs": logs,
        "rms": top + math.log10(total / len(logs)) / 2,
        "kept": sum(log >= top - KEPT for log in logs),
        "zeros": sum(log == -math.inf for log in logs),
    }


def _named(operator):
    return OPERATORS.get(operator, "your own matrices")


def _length(log10):
    """A factor on a length: in per cent where it shrinks."""
    size = _draw.share(1, log10)
    return f"keeps {size} of its length" if log10 <= 0 else f"gets {_draw.words(1, log10)} times as long"


def readout(operator, depth, spectra):
    """The state in words: what is left of a gradient, and of how many directions."""
    found = numbers(operator, depth, spectra)
    logs, count = found["logs"], len(found["logs"])
    units = "1 unit" if depth == 1 else f"{depth} units"
    parts = [f"{units}, each with {_named(operator)}." if operator != "own" else f"{units} of your own matrices."]
    if found["zeros"] == count:
        return f"{parts[0]} Nothing of any gradient comes through: all singular values are 0."
    parts.append(f"A gradient of random direction {_length(found['rms'])}, in root mean square.")
    if logs[0] == logs[-1]:
        one = f"All {count} singular values are" if count > 1 else "The singular value is"
        parts.append(f"{one} {_draw.words(1, logs[0])}: no direction is treated differently from another.")
        return " ".join(parts)
    low = _draw.words(0 if logs[-1] == -math.inf else 1, logs[-1])
    parts.append(f"The singular values reach from {_draw.words(1, logs[0])} down to {low}.")
    are = "is" if found["kept"] == 1 else "are"
    parts.append(f"{found['kept']} of {count} directions {are} within a factor of 100 of the best.")
    return " ".join(parts)


def _depth(value, name):
    return _validate.whole_number(value, name, 1, MOST_UNITS)


def _spectra(value, name):
    wanted = "a dict of lists, one for each depth, of numbers or None"
    if not isinstance(value, dict):
        _validate.refuse(name, _validate.describe(value), wanted)
    checked = {}
    for key, depths in value.items():
        if key not in (*OPERATORS, "own") or not isinstance(depths, (list, tuple)) or not len(depths):
            _validate.refuse(name, _validate.describe({key: depths}), wanted)
        checked[key] = [_falling(logs, f"{name}[{key!r}]", wanted) for logs in depths]
    return checked


def _falling(logs, name, wanted):
    if not isinstance(logs, (list, tuple)) or not len(logs):
        _validate.refuse(name, _validate.describe(logs), wanted)
    kept = [None if log is None else _validate.finite_number(log, name) for log in logs]
    sizes = [-math.inf if log is None else log for log in kept]
    if sizes != sorted(sizes, reverse=True):
        _validate.refuse(name, _validate.describe(logs), f"{wanted}, falling")
    return kept


class Operators(Explorer):
    """Explorer: the singular values of the product of many shortcuts, on a log axis.

    Every trait can be set, observed and linked with other widgets.

    Parameters
    ----------
    operator : str
        One of `OPERATORS`, or "own" for your own matrices. "convolution" where nothing is said.
    depth : int
        Number of units, 1 to 64, or to the number of your own matrices. 54, or that number, where nothing
        is said.
    spectra : dict
        Operator -> for each depth log10 of the singular values, None for 0. It is part of no link.
    matrices : sequence of array_like, optional
        Your own shortcuts' Jacobians, that of the unit next to the input first; chooses "own".
    network : Network, optional
        Your own network: its shortcuts' Jacobians at the states that `x` leads to. Needs x.
    x : array_like, shape (n,), optional

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was
        wanted.

    Examples
    --------
    >>> from resnotes.explorers import Operators
    >>> Operators(operator="half", depth=2).readout().split(". ")[1]
    'A gradient of random direction keeps 25\\xa0% of its length, in root mean square'
    """

    name = "operators"
    state_names = ("operator", "depth")
    carried = ("spectra",)
    _esm = bundle("operators")
    _css = style("operators")

    operator = Checked(one_of((*OPERATORS, "own")), "convolution")
    depth = Checked(_depth, 54)
    spectra = Checked(_spectra, {})

    def __init__(self, *, matrices=None, network=None, x=None, **state):
        if network is not None:
            if matrices is not None:
                _validate.refuse("matrices", "a list beside a network", "one of the two")
            matrices = of_network(network, x)
        elif x is not None:
            _validate.refuse("network", "None", "a resnotes.Network, to which x belongs")
        if matrices is not None:
            own = spectra_of(matrices)
            state = {"operator": "own", "depth": len(own), "spectra": {**standard(), "own": own}, **state}
        super().__init__(**{"spectra": standard(), **state})

    @traitlets.validate("operator", "depth", "spectra")
    def _together(self, proposal):
        names = (*self.state_names, *self.carried)
        state = {**{key: getattr(self, key) for key in names}, proposal.trait.name: proposal.value}
        with refusing():
            _agree(**state)
        return proposal.value

    def numbers(self):
        """What the page computes in this state; see `numbers`."""
        return numbers(self.operator, self.depth, self.spectra)

    def readout(self):
        """The state in words."""
        return readout(self.operator, self.depth, self.spectra)

    def picture(self):
        """The singular values over the depth as SVG, and those at this depth."""
        return _picture(self.operator, self.depth, self.spectra)


def _agree(operator, depth, spectra):
    """Refuse values that are good one by one but not together."""
    if operator not in spectra:
        wanted = "an operator whose spectrum is there"
        if operator == "own":
            wanted += "; give matrices, or a network and x, for your own"
        _validate.refuse("operator", repr(operator), wanted)
    if depth > len(spectra[operator]):
        _validate.refuse("depth", depth, f"a whole number from 1 to {len(spectra[operator])}")


WIDE, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 330, 52, 400, 14, 290
SIDE = (440, 606)


def span(curves):
    """The lowest and the highest decade shown, and whether anything is 0."""
    logs = [log for values in curves for log in values if log is not None]
    low, high = min([-2.0, *logs]), max([1.0, *logs])
    zero = any(log is None for values in curves for log in values)
    return low - (high - low) * (0.1 if zero else 0.03), high, zero


def _picture(operator, depth, spectra):
    curves = spectra[operator]
    low, high, zero = span(curves)

    def x(unit):
        return LEFT + (RIGHT - LEFT) * unit / len(curves)

    def y(log):
        return BOTTOM if log is None else BOTTOM - (BOTTOM - TOP) * (log - low) / (high - low)

    parts = []
    for k in _draw.ticks(low + (high - low) * (0.07 if zero else 0), high, 7):
        across = f"M{LEFT} {_draw.fixed(y(k))}H{RIGHT}M{SIDE[0]} {_draw.fixed(y(k))}H{SIDE[1]}"
        parts.append(_draw.stroke(across, "grid", stroke="#8c959f" if k == 0 else "#e4e7ea"))
        label = _draw.power(k)
        parts.append(_draw.text(LEFT - 6, y(k) + 4, label, text_anchor="end"))
    if zero:
        parts.append(_draw.text(LEFT - 6, BOTTOM + 4, "0", text_anchor="end"))
    for unit in _draw.marks(len(curves), 6):
        parts.append(_draw.stroke(f"M{_draw.fixed(x(unit))} {BOTTOM}v5", "axis", stroke="#8c959f"))
        parts.append(_draw.text(x(unit), BOTTOM + 18, str(unit), text_anchor="middle"))
    axes = f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}M{SIDE[0]} {TOP}V{BOTTOM}H{SIDE[1]}"
    parts.append(_draw.stroke(axes, "axis", stroke="#8c959f"))
    parts.append(_draw.text((LEFT + RIGHT) / 2, BOTTOM + 36, "units", text_anchor="middle"))
    parts.append(_draw.text(sum(SIDE) / 2, BOTTOM + 36, f"after {depth}, largest first", text_anchor="middle"))
    for k in range(max(map(len, curves))):
        points = [(unit, values[k]) for unit, values in enumerate(curves, start=1) if k < len(values)]
        path = "L".join(f"{_draw.fixed(x(unit))} {_draw.fixed(y(log))}" for unit, log in points)
        parts.append(_draw.stroke(f"M{path}", "fan", stroke="#0072b2", stroke_width="1.5"))
    at = _draw.fixed(x(depth))
    parts.append(
        _draw.stroke(f"M{at} {TOP}V{BOTTOM}", "now", stroke="#b54a00", stroke_width="2", stroke_dasharray="5 4")
    )
    values = curves[depth - 1]
    for k, log in enumerate(values):
        place = SIDE[0] + (SIDE[1] - SIDE[0]) * (k + 0.5) / len(values)
        parts.append(_draw.element("circle", cx=place, cy=y(log), r=4, fill="#b54a00"))
    return _draw.svg(
        parts,
        WIDE,
        HEIGHT,
        "Singular values of the product over the number of units, on a log scale",
    )
