"""λ and depth: how large the gradient is after many units x' = λ x + F(x), and what carries it.

What is computed, said and drawn of it stands in lambda_depth.js; here are the traits, their checks, and the reader's
own network.
"""

import math

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, refusing, style, whole_between
from resnotes.magnitudes import log10_norm
from resnotes.network import Network
from resnotes.shortcuts import Identity, Scale

MAX_DEPTH = 1000
ALTERNATING_FROM = 0.01
LARGEST_FACTOR = 1e100
SCHEDULES = ("constant", "alternating", "from_above", "from_below", "own")


def _agree(lam, schedule, factors):
    """Refuse values that are good one by one but not together."""
    one_of(SCHEDULES)(schedule, "schedule")
    if schedule == "alternating" and lam < ALTERNATING_FROM:
        wanted = f"at least {ALTERNATING_FROM} in the alternating schedule, which divides by it"
        _validate.refuse("lam", lam, wanted)
    if schedule == "own" and not len(factors):
        _validate.refuse("factors", "an empty list", "at least one number for the schedule 'own'")


def of_network(network, x, g=None):
    """A network of the reader's own as this explorer shows it.

    Parameters
    ----------
    network : Network
        1 to 1000 units.
    x : array_like, shape (n,) or (batch, n)
        Its input.
    g : array_like, the shape of its last state, optional
        The gradient that enters; ones by default.

    Returns
    -------
    dict
        "measured", log10 of |g_l| / |g_L| at every state, None for a gradient of 0; "depth"; and where every
        shortcut is an `Identity` or a `Scale`, "factors", the λ of its units.

    Raises
    ------
    ValueError
        If `network` is not a Network or too deep, g is 0, or x or g do not fit.
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
    """Explorer: the gradient at every state of x_{l+1} = λ_l x_l + F(x_l), with F' = r.

    It shows the shortcut term, the paths through branches and the whole on a log axis, the limits of four
    floating-point formats, and a heat map of |g_0| by λ and depth. Every trait can be set, observed and linked.

    Parameters
    ----------
    lam : float, from 0 to 2
        λ, which scales the whole schedule. 0.9 by default; with the schedules "from_above",
        "from_below" and "own" it is 1, which leaves them as they are. At least 0.01 in the alternating
        schedule.
    depth : int, from 1 to 1000
        L, the number of units. 50, or the length of `factors`, by default.
    r : float, from -2 to 2
        The branches' derivative; 0.1 by default.
    schedule : str
        With i = 1 at the input: "constant" is λ, "alternating" λ for odd i and 1/λ for even i, "from_above"
        λ(1 + 1/i²), "from_below" λ(1 - 1/(i + 1)²), "own" λ times `factors`, repeated.
    factors : list of float
        Your own λ, from the input on; repeated where the depth is larger. Giving it chooses "own".
    measured : list of float or None
        log10 |g_l| / |g_L| at the states of a network of your own, drawn beside the rest where its depth is
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
    >>> LambdaDepth(factors=[0.5, 1.5, 1.2], r=0)
    LambdaDepth(lam=1.0, depth=3, r=0.0, schedule='own', factors=[0.5, 1.5, 1.2])
    """

    name = "lambda_depth"
    state_names = ("lam", "depth", "r", "schedule", "factors")
    carried = ("measured",)
    _esm = bundle("lambda_depth")
    _css = style("lambda_depth")

    lam = Checked(number_between(0, 2), 0.9)
    depth = Checked(whole_between(1, MAX_DEPTH), 50)
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


SHORT = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64"}
KINDS = {"largest": "max", "normal": "min", "subnormal": "sub"}
