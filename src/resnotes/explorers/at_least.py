"""When is it at least? What a unit with the identity as shortcut and a 2 × 2 Jacobian J does to a gradient's length.

What is computed, said and drawn of it stands in at_least.js; here are the traits, their checks, and the reader's own
matrix or network.
"""

import numpy as np

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, style
from resnotes.network import Network

LARGEST = 100


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
        If `network` is not a Network, has no such unit, x is not a single sample, or the unit's width is not 2.
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

    It shows the circle of all gradients g of length 1, its image under g ↦ g(I + J) with J = ∂F/∂x, and how one g combines
    the rows of I + J.
    Every trait can be set, observed and linked.

    Parameters
    ----------
    a, b, c, d : float, from -100 to 100
        J = [[a, b], [c, d]]; by default [[0.5, 1], [1, 0.5]].
    angle : float, from 0 to 360
        The direction of the g that is followed, in degrees; 135 by default, where that J shrinks it most.
    J : array_like, shape (2, 2), optional
        The same as one matrix.
    network : Network, optional
        A network of your own whose unit number `unit` has width 2: gives J. Needs x; see `of_network`.
    x : array_like, shape (n,), optional
    unit : int, optional
        0 by default.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import AtLeast
    >>> AtLeast(J=[[0, -3], [3, 0]])
    AtLeast(a=0.0, b=-3.0, c=3.0, d=0.0, angle=135.0)
    """

    name = "at_least"
    state_names = ("a", "b", "c", "d", "angle")
    _esm = bundle("at_least")
    _css = style("at_least")

    a = Checked(_entry, 0.5)
    b = Checked(_entry, 1.0)
    c = Checked(_entry, 1.0)
    d = Checked(_entry, 0.5)
    angle = Checked(number_between(0, 360), 135.0)

    def __init__(self, *, J=None, network=None, x=None, unit=None, **state):
        if network is not None:
            state = {**of_network(network, x, 0 if unit is None else unit), **state}
        elif x is not None or unit is not None:
            _validate.refuse("network", "None", "a resnotes.Network, to which x and unit belong")
        if J is not None:
            state = {**state, **of_matrix(J)}
        super().__init__(**state)
