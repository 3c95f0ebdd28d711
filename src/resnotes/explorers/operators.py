"""Operators on the shortcut: the singular values of their product over many units.

The spectra are computed here, once, and carried by the page. What is said and drawn of them stands in operators.js.
"""

import math
from functools import lru_cache

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, one_of, refusing, style, whole_between
from resnotes.network import Network
from resnotes.shortcuts import Dropout, Gate, Subsample, sinkhorn
from resnotes.spectrum import singular_values_by_depth

#: Components of a state, and the number of units that are computed.
WIDTH, DEPTH = 8, 64
#: Limits of the reader's own matrices: units, and components of a gradient.
MOST_UNITS, MOST_COMPONENTS = 1000, 64
#: Decimals of the carried logarithms, so that the page is the same whatever processor made it.
DECIMALS = 4
SEED = 20161016
#: Units at which option A halves the image, and doubles the channels.
HALVING = 18


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


#: Their names; operators.js says what each is.
OPERATORS = tuple(DRAWN)


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
        If `network` is not a Network, or x does not fit it or is a batch.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    x = _validate.finite_array(x, "x", "one input, shape (n,)", (1,))
    trace = network.forward(x)
    return [unit.jacobians(seen)[1] for unit, seen in zip(network.units, trace.units, strict=True)]


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


def _agree(operator, depth, spectra):
    """Refuse values that are good one by one but not together."""
    if operator not in spectra:
        wanted = "an operator whose spectrum is there"
        if operator == "own":
            wanted += "; give matrices, or a network and x, for your own"
        _validate.refuse("operator", repr(operator), wanted)
    if depth > len(spectra[operator]):
        _validate.refuse("depth", depth, f"a whole number from 1 to {len(spectra[operator])}")


class Operators(Explorer):
    """Explorer: the singular values of the product of many shortcuts, on a log axis.

    Every trait can be set, observed and linked with other widgets.

    Parameters
    ----------
    operator : str
        One of `OPERATORS`, or "own" for your own matrices. "convolution" by default.
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
    >>> half = Operators(operator="half", depth=2)
    >>> half.spectra["half"][1][0]  # log10 of 1/4
    -0.6021
    """

    name = "operators"
    state_names = ("operator", "depth")
    carried = ("spectra",)
    _esm = bundle("operators")
    _css = style("operators")

    operator = Checked(one_of((*OPERATORS, "own")), "convolution")
    depth = Checked(whole_between(1, MOST_UNITS), 54)
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
