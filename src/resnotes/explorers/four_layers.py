"""The four layers: every local derivative on its edge, every path with its product, and the notes' formulas.

    x_2 = ReLU(w_1 x_1 + b_1)
    x_3 = f(w_2 x_2 + b_2 + x_1)
    x_4 = ReLU(w_3 x_3 + b_3)
    x_5 = f(w_4 x_4 + b_4 + x_3)

with one number per layer, f = ReLU or the identity, and each skip on, off, or on and held constant on the way
back. What is computed, said and drawn of it stands in four_layers.js; here are the traits, their checks, and the
reader's own network.
"""

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, style, switch, whole_between
from resnotes.network import Affine, Network, identity, relu
from resnotes.shortcuts import Absent, Identity, StopGradient

LARGEST = 10
SKIPS = ("on", "constant", "off")


def _four(value, name):
    """Four numbers, also as four arrays of one number each."""
    wanted = "a list of four numbers"
    array = _validate.finite_array(value, name, wanted, (1, 2, 3))
    if array.size != 4 or len(array) != 4:
        _validate.refuse(name, _validate.describe(array), wanted)
    return array.ravel().tolist()


def of_network(network):
    """A network of the reader's own as this explorer's traits.

    Parameters
    ----------
    network : Network
        Two units of width 1, each ``Unit([Affine, relu, Affine], shortcut, after)`` with the shortcut
        ``Identity()``, ``Absent()`` or ``StopGradient(Identity())``, and after relu in both or identity in both;
        `resnotes.four_layer.network` makes one.

    Raises
    ------
    ValueError
        If it is another one.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    fitting = len(network) == 2 and all(
        len(unit.branch) == 3
        and all(isinstance(layer, Affine) and layer.weight.shape == (1, 1) for layer in unit.branch[::2])
        and unit.branch[1] is relu
        and _shortcut(unit.shortcut)
        and unit.after is network.units[0].after
        and unit.after in (relu, identity)
        for unit in network.units
    )
    if not fitting:
        _validate.refuse(
            "network",
            repr(list(network.units)),
            "two units [Affine, relu, Affine] of width 1, each with the shortcut Identity(), Absent() or "
            "StopGradient(Identity()), and relu or identity after both additions",
        )
    layers = [layer for unit in network.units for layer in unit.branch[::2]]
    found = {f"w{k}": float(layer.weight[0, 0]) for k, layer in enumerate(layers, 1)}
    for k, layer in enumerate(layers, 1):
        found[f"b{k}"] = 0.0 if layer.bias is None else float(layer.bias[0])
    found["skip_13"], found["skip_35"] = (_shortcut(unit.shortcut) for unit in network.units)
    return {**found, "after": network.units[0].after is relu}


def _shortcut(layer):
    if isinstance(layer, Identity):
        return "on"
    if isinstance(layer, StopGradient) and isinstance(layer.shortcut, Identity):
        return "constant"
    return "off" if isinstance(layer, Absent) else None


_number = number_between(-LARGEST, LARGEST)


class FourLayers(Explorer):
    """Explorer: the gradients of the notes' four layers, path by path, beside what the notes' formulas give.

    x_2 = ReLU(w_1 x_1 + b_1), x_3 = f(w_2 x_2 + b_2 + x_1), x_4 = ReLU(w_3 x_3 + b_3),
    x_5 = f(w_4 x_4 + b_4 + x_3), with one number per layer. Every trait can be set, observed and linked.

    Parameters
    ----------
    w1, w2, w3, w4, b1, b2, b3, b4, x1, g5 : float, from -10 to 10
        Weights, biases, the input, and the gradient that enters at x_5.
    skip_13, skip_35 : str
        The skips from x_1 into x_3 and from x_3 into x_5: "on", "off", or "constant", which leaves the forward
        pass alone and sends nothing back.
    after : bool
        Whether f, after both additions, is ReLU; else it is the identity.
    at : int, from 1 to 5
        The state whose gradient is looked at.
    weights, biases : sequence of four numbers, optional
        Your own, instead of w1 … w4 and b1 … b4. Biases that are not given with the weights are 0.
    network : Network, optional
        Your own, instead of weights, biases, skips and `after`; see `of_network`.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was
        wanted.

    Examples
    --------
    >>> from resnotes.explorers import FourLayers
    >>> mine = FourLayers(weights=[2, 1, 3, -0.5], biases=[0, 0, 0, 1], x1=0.25)
    >>> mine.w4, mine.b1, mine.at
    (-0.5, 0.0, 1)
    """

    name = "four_layers"
    state_names = (
        *("w1", "w2", "w3", "w4", "b1", "b2", "b3", "b4", "x1", "g5"),
        *("skip_13", "skip_35", "after", "at"),
    )
    _esm = bundle("four_layers")
    _css = style("four_layers")

    w1 = Checked(_number, 2.0)
    w2 = Checked(_number, 1.0)
    w3 = Checked(_number, 3.0)
    w4 = Checked(_number, -0.5)
    b1 = Checked(_number, 0.0)
    b2 = Checked(_number, 0.0)
    b3 = Checked(_number, 0.0)
    b4 = Checked(_number, 1.0)
    x1 = Checked(_number, 0.25)
    g5 = Checked(_number, 1.0)
    skip_13 = Checked(one_of(SKIPS), "on")
    skip_35 = Checked(one_of(SKIPS), "on")
    after = Checked(switch, True)
    at = Checked(whole_between(1, 5), 1)

    def __init__(self, *, weights=None, biases=None, network=None, **state):
        if network is not None:
            state = {**of_network(network), **state}
        if weights is not None:
            named = dict(zip(("w1", "w2", "w3", "w4"), _four(weights, "weights"), strict=True))
            state = {**named, **state}
            biases = [0.0] * 4 if biases is None else biases
        if biases is not None:
            state = {**dict(zip(("b1", "b2", "b3", "b4"), _four(biases, "biases"), strict=True)), **state}
        super().__init__(**state)
