"""The merge point: y = F(x) + H o, x = W o, F = ReLU; numbers forward and backward through the addition.

H is the identity, zero-padding or a learned projection W_s, and o may be held constant. The numbers come from
small whole patterns, from a reader's own arrays, and from sliders, so that (nearly) everything is exact.
What is computed, said and drawn of it stands in merge_point.js; here are the traits, their checks, and the reader's
own arrays.
"""

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers._base import (
    Checked,
    Explorer,
    bundle,
    number_between,
    one_of,
    refusing,
    style,
    switch,
    whole_between,
)
from resnotes.shortcuts import Identity, Projection, StopGradient, ZeroPad

WIDEST = 5
LARGEST = 100
SHORTCUTS = ("identity", "zeros", "projection")


def _own(axes):
    """A check for a vector or a matrix of at most 5 entries each way, or an empty list."""

    def check(value, name):
        kind = "a vector of 1 to 5 numbers" if axes == 1 else "a matrix of 1 to 5 rows and columns"
        wanted = f"{kind}, each of at most {LARGEST} in size"
        if isinstance(value, (list, tuple)) and len(value) == 0:
            return []
        array = _validate.finite_array(value, name, wanted, (axes,)).astype(np.float64)
        if max(array.shape) > WIDEST:
            _validate.refuse(name, _validate.describe(array), wanted)
        if np.abs(array).max() > LARGEST:
            _validate.refuse(name, f"{array.flat[np.abs(array).argmax()]:g}", wanted)
        return array.tolist()

    return check


def _agree(n_in, n_out, shortcut):
    """Refuse widths that the shortcut cannot join."""
    if shortcut == "identity" and n_in != n_out:
        _validate.refuse("n_out", n_out, f"{n_in}, the width of o, for the identity")
    if shortcut == "zeros" and n_out < n_in:
        _validate.refuse("n_out", n_out, f"at least {n_in}, the width of o, for zero-padding")


def of_layer(layer, o=None):
    """A shortcut of the package as this explorer's traits.

    Parameters
    ----------
    layer : Identity, ZeroPad, Projection, or StopGradient of one of them
    o : array_like, optional
        Its input, which tells the width of o where the layer does not.

    Raises
    ------
    ValueError
        If it is another layer.
    """
    if isinstance(layer, StopGradient):
        return {**of_layer(layer.shortcut, o), "stop": True}
    width = {} if o is None else {"n_in": len(_own(1)(o, "o"))}
    if isinstance(layer, Identity):
        return {**width, "shortcut": "identity"}
    if isinstance(layer, ZeroPad):
        n_in = {} if layer.n_in is None else {"n_in": layer.n_in}
        return {**width, **n_in, "n_out": layer.n_out, "shortcut": "zeros"}
    if isinstance(layer, Projection):
        return {"Ws": layer.weight, "shortcut": "projection"}
    wanted = f"one of {', '.join(SHORTCUTS)}, or Identity(), ZeroPad(n), Projection(W) or StopGradient of one"
    return _validate.refuse("shortcut", _validate.describe(layer), wanted)


def _with_own(state):
    """A state in which a reader's arrays o, g, W, Ws have become traits; their shapes tell the widths."""
    state = dict(state)
    widths = {}
    for key, shape in (
        ("o", ("n_in",)),
        ("g", ("n_out",)),
        ("W", ("n_out", "n_in")),
        ("Ws", ("n_out", "n_in")),
    ):
        given = state.pop(key, None)
        if given is None:
            continue
        array = _own(len(shape))(given, key)
        if not array:
            _validate.refuse(key, "an empty list", "at least one number")
        state[f"own_{key}"] = array
        for name, size in zip(shape, np.shape(array), strict=True):
            if widths.setdefault(name, size) != size:
                got = f"a shape of {' by '.join(map(str, np.shape(array)))}"
                _validate.refuse(key, got, f"{name} = {widths[name]}, as the arrays before it have it")
    state = {**widths, **state}
    for name, size in widths.items():
        if state[name] != size:
            _validate.refuse(name, state[name], f"{size}, as the arrays given have it")
    if "own_Ws" in state:
        state = {"shortcut": "projection", **state}
    first = {"o1": "own_o", "g1": "own_g"}
    known = {key: state[own][0] for key, own in first.items() if own in state}
    if "own_Ws" in state:
        known["s11"] = state["own_Ws"][0][0]
    state = {**known, **state}
    return {**_fitting(state), **state}


def _fitting(state):
    """Widths that are not given: the usual ones, made to fit the shortcut and the width that is given.

    Where no shortcut is given, widths that differ ask for zero-padding.
    """
    n_in, n_out = (whole_between(1, WIDEST)(state[name], name) if name in state else None for name in ("n_in", "n_out"))
    given = {"shortcut": "zeros"} if "shortcut" not in state and None not in (n_in, n_out) and n_in != n_out else {}
    shortcut = {"shortcut": "identity", **given, **state}["shortcut"]
    if shortcut == "identity":
        width = next((n for n in (n_in, n_out) if n is not None), 2)
        return {"n_in": width, "n_out": width}
    if shortcut == "zeros" and n_in is not None:
        return {"n_out": max(4, n_in), **given}
    if shortcut == "zeros":
        return {"n_in": 2 if n_out is None else min(2, n_out), "n_out": 4}
    return {"n_out": 3} if n_out is None else {}


_number = number_between(-LARGEST, LARGEST)


class MergePoint(Explorer):
    """Explorer: y = F(x) + H o with x = W o and F = ReLU; values forward, gradients backward.

    Every trait can be set, observed and linked.

    Parameters
    ----------
    n_in, n_out : int, from 1 to 5
        The widths of o and of y. The identity needs equal ones, zero-padding an n_out of at least n_in.
    shortcut : str or layer
        "identity", "zeros" or "projection"; or one of the package's shortcuts, see `of_layer`.
    stop : bool
        Whether o is held constant: the forward pass stays, and nothing is sent back over the skip.
    o1, g1, s11 : float, from -100 to 100
        The first entries of o, of the gradient g at y, and of W_s.
    w : float, from -100 to 100
        A factor on the branch's W; 0 takes the branch away.
    o, g : array_like, optional
        Your own vectors of 1 to 5 entries.
    W, Ws : array_like, optional
        Your own matrices, n_out by n_in, of the branch and of the projection. Giving Ws chooses "projection".
        Where the widths grow beyond your own arrays, the pattern's entries follow.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range, or the widths do not fit; the message names it,
        what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import MergePoint
    >>> mine = MergePoint(Ws=[[1, 0], [2, -1], [0, 3]], o=[3, -2], g=[1, -1, 2], w=0)
    >>> mine.shortcut, mine.n_in, mine.n_out
    ('projection', 2, 3)
    """

    name = "merge_point"
    state_names = ("n_in", "n_out", "shortcut", "stop", "o1", "g1", "s11", "w")
    carried = ("own_o", "own_g", "own_W", "own_Ws")
    _esm = bundle("merge_point")
    _css = style("merge_point")

    n_in = Checked(whole_between(1, WIDEST), 2)
    n_out = Checked(whole_between(1, WIDEST), 2)
    shortcut = Checked(one_of(SHORTCUTS), "identity")
    stop = Checked(switch, False)
    o1 = Checked(_number, 3.0)
    g1 = Checked(_number, 1.0)
    s11 = Checked(_number, 1.0)
    w = Checked(_number, 1.0)
    own_o = Checked(_own(1), [])
    own_g = Checked(_own(1), [])
    own_W = Checked(_own(2), [])
    own_Ws = Checked(_own(2), [])

    def __init__(self, **state):
        if "shortcut" in state and not isinstance(state["shortcut"], str):
            state = {**state, **of_layer(state["shortcut"], state.get("o"))}
        super().__init__(**_with_own(state))

    @traitlets.validate("n_in", "n_out", "shortcut")
    def _together(self, proposal):
        state = {**self.state(), proposal.trait.name: proposal.value}
        with refusing():
            _agree(state["n_in"], state["n_out"], state["shortcut"])
        return proposal.value
