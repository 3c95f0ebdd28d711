"""Before or after the activation: the part of the gradient that the shortcuts alone bring back, at initialisation.

Networks of three kinds of units (`resnotes.blocks`) were drawn and measured by `measure`; activation.bin holds the
results (tools/activation_arrays.py writes it), which the explorer carries onto the page. What is said and
drawn of them stands in activation.js.
"""

import math
from base64 import b64encode

import numpy as np
import traitlets

from resnotes import _validate, blocks
from resnotes.explorers._base import FILES, Checked, Explorer, bundle, one_of, refusing, style, switch, whole_between
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
    """16-bit integers as the page carries them: in base 64, all low bytes first, then the high ones, which compress."""
    return b64encode(np.ravel(held).astype("<i2").view(np.uint8).reshape(-1, 2).T.tobytes()).decode("ascii")


STORED = packed(np.frombuffer(FILES.joinpath("activation.bin").read_bytes(), "<i2"))


def of_network(network, x, g=None):
    """A network of the reader's own, measured like those of the explorer.

    Parameters
    ----------
    network : Network
    x : array_like, shape (n,) or (batch, n)
        Its input; a batch where it holds batch statistics.
    g : array_like, the shape of its last state, optional
        The gradient that enters; ones by default.

    Returns
    -------
    list of two lists
        log10 of the squared length of the shortcut's part, and of the whole gradient, at every state, relative to
        what enters; None for 0.

    Raises
    ------
    ValueError
        If `network` is not a Network or has more than 1000 units, g is 0, or x or g do not fit.
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
    """Refuse a state beyond the last one."""
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
        Which of the networks drawn. By default 5, which lies in the middle of them at 54 units of width 64.
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
    >>> BeforeOrAfter(unit="pre", depth=100)
    BeforeOrAfter(unit='pre', depth=100, width=64, seed=5, layer=0, log=False)
    """

    name = "activation"
    state_names = ("unit", "depth", "width", "seed", "layer", "log")
    carried = ("arrays", "own")
    _esm = bundle("activation")
    _css = style("activation")

    unit = Checked(one_of(tuple(UNITS)), "relu")
    depth = Checked(one_of(DEPTHS), 54)
    width = Checked(one_of(WIDTHS), 64)
    seed = Checked(whole_between(0, SEEDS - 1), 5)
    layer = Checked(whole_between(0, max(DEPTHS)), 0)
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
