"""The merge point: y = F(x) + H o, x = W o, F = ReLU; numbers forward and backward through the addition.

H is the identity, zero-padding or a learned projection W_s, and o may be held constant. The numbers come from
small whole patterns, from a reader's own arrays, and from sliders, so that (nearly) everything is exact. The
functions here compute what merge_point.js computes, on the same numbers in the same order.
"""

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers import _draw
from resnotes.explorers._base import (
    Checked,
    Explorer,
    bundle,
    number_between,
    one_of,
    refusing,
    style,
    switch,
)
from resnotes.shortcuts import Identity, Projection, StopGradient, ZeroPad

WIDEST = 5
LARGEST = 100
SHORTCUTS = ("identity", "zeros", "projection")
#: How far o is nudged to both sides.
STEP = 2.0**-10
#: What stands where the reader gives nothing; the first entries come from sliders.
PATTERN_O = (3, -2, 1, 2, -1)
PATTERN_G = (1, -1, 2, 5, -3)
PATTERN_W = ((1, -1, 0, 2, 1), (2, 1, -1, 0, 1), (0, 1, 1, -1, 2), (-1, 0, 2, 1, 0), (1, 2, 0, -1, 1))
PATTERN_WS = ((1, 0, 2, -1, 1), (2, -1, 0, 1, 0), (0, 3, -1, 0, 2), (1, 0, 1, 2, -1), (-1, 2, 0, 1, 1))


def _vector(own, pattern, n, first):
    entries = [float(own[k] if k < len(own) else pattern[k]) for k in range(n)]
    return [float(first), *entries[1:]]


def _matrix(own, pattern, rows, columns):
    def entry(r, c):
        return float(own[r][c] if r < len(own) and c < len(own[r]) else pattern[r][c])

    return [[entry(r, c) for c in range(columns)] for r in range(rows)]


def _times(matrix, column):
    """A matrix times a column."""
    return [_sum(entry * value for entry, value in zip(row, column, strict=True)) for row in matrix]


def _row_times(row, matrix):
    """A row times a matrix."""
    return [_sum(row[r] * matrix[r][c] for r in range(len(matrix))) for c in range(len(matrix[0]))]


def _outer(row, column):
    """(column row)ᵀ: entry i, k is row_i column_k."""
    return [[r * c for c in column] for r in row]


def _sum(terms):
    # Not `sum`, which rounds in another way from Python 3.12 on.
    total = 0.0
    for term in terms:
        total = total + term
    return total


def arrays(state):
    """o, g, the branch's W, the shortcut's matrix H (out by in).

    Parameters
    ----------
    state : dict
        The explorer's traits, and its own arrays.
    """
    rows, columns = state["n_out"], state["n_in"]
    o = _vector(state["own_o"], PATTERN_O, columns, state["o1"])
    g = _vector(state["own_g"], PATTERN_G, rows, state["g1"])
    W = [[state["w"] * entry for entry in row] for row in _matrix(state["own_W"], PATTERN_W, rows, columns)]
    if state["shortcut"] == "projection":
        H = _matrix(state["own_Ws"], PATTERN_WS, rows, columns)
        H[0][0] = float(state["s11"])
    else:
        H = [[1.0 if r == c else 0.0 for c in range(columns)] for r in range(rows)]
    return o, g, W, H


def _loss(o, g, W, H):
    """E = g y, with y by the forward pass."""
    x, carried = _times(W, o), _times(H, o)
    return _sum(g[k] * (max(x[k], 0.0) + carried[k]) for k in range(len(g)))


def _nudged(o, g, W, H):
    """(E(o + h) - E(o - h)) / 2h for each entry of o, by forward passes."""
    found = []
    for k in range(len(o)):
        above, below = ([*o[:k], o[k] + by, *o[k + 1 :]] for by in (STEP, -STEP))
        found.append((_loss(above, g, W, H) - _loss(below, g, W, H)) / (2 * STEP))
    return found


def numbers(state):
    """What merge_point.js computes.

    Parameters
    ----------
    state : dict
        The explorer's traits, and its own arrays.

    Returns
    -------
    dict
        Forward "o", "W", "x", "F", "H", "carried" (H o) and "y"; backward "g", "at_x" (gradient at x), "branch"
        and "skip" (what each sends back to o), "at_o" (their sum), "W_gradient", "H_gradient" (empty without
        parameters); "true" (at o with nothing held constant) and "nudged" (by forward passes).
    """
    o, g, W, H = arrays(state)
    x, carried = _times(W, o), _times(H, o)
    F = [max(entry, 0.0) for entry in x]
    at_x = [g[k] if x[k] > 0 else 0.0 for k in range(len(g))]
    branch, whole = _row_times(at_x, W), _row_times(g, H)
    skip = [0.0] * len(o) if state["stop"] else whole
    return {
        "o": o,
        "W": W,
        "x": x,
        "F": F,
        "H": H,
        "carried": carried,
        "y": [F[k] + carried[k] for k in range(len(g))],
        "g": g,
        "at_x": at_x,
        "branch": branch,
        "skip": skip,
        "at_o": [branch[k] + skip[k] for k in range(len(o))],
        "W_gradient": _outer(at_x, o),
        "H_gradient": _outer(g, o) if state["shortcut"] == "projection" else [],
        "true": [branch[k] + whole[k] for k in range(len(o))],
        "nudged": _nudged(o, g, W, H),
    }


def _differ(a, b, found):
    """Whether two rows differ by more than the rounding of the nudges."""
    scale = 1 + _sum(abs(entry) for entry in (*found["g"], *found["y"], *found["true"]))
    return any(abs(a[k] - b[k]) > 1e-9 * scale * scale for k in range(len(a)))


def vector(entries):
    """A vector in words: "(1, −2)"."""
    return f"({', '.join(_draw.number(entry) for entry in entries)})"


def readout(state):
    """The state in words: what the addition copies, what each way sends back to o, what nudging o finds."""
    found = numbers(state)
    n_in, n_out = state["n_in"], state["n_out"]
    sent = vector(found["skip"])
    parts = [f"The addition copies g = {vector(found['g'])} to both its inputs."]
    if state["stop"]:
        parts.append("With o held constant, the skip sends nothing back.")
    elif state["shortcut"] == "identity":
        parts.append(f"Over the identity o gets {sent}: g itself.")
    elif state["shortcut"] == "projection":
        parts.append(f"Over Wₛ, {n_out} by {n_in}, o gets g Wₛ = {sent}.")
    elif n_out == n_in:
        parts.append(f"Over the zero-padding o gets {sent}: nothing is clipped, since the widths agree.")
    else:
        clipped = n_out - n_in
        verb = "is" if clipped == 1 else "are"
        parts.append(f"Over the zero-padding o gets {sent}: of {n_out} entries {clipped} {verb} clipped.")
    parts.append(f"The branch sends {vector(found['branch'])}, so o gets {vector(found['at_o'])}.")
    if state["shortcut"] == "projection":
        still = " still" if state["stop"] else ""
        parts.append(f"Wₛ{still} has a gradient of its own, {n_out} by {n_in}: every g times every o.")
    if _differ(found["nudged"], found["true"], found):
        parts.append(f"Nudging o finds {vector(found['nudged'])}: a ReLU stands at its kink.")
    elif _differ(found["at_o"], found["true"], found):
        parts.append(f"Nudging o finds {vector(found['nudged'])}: what was held back is missing.")
    else:
        parts.append("Nudging o finds the same.")
    return " ".join(parts)


def _width(value, name):
    return _validate.whole_number(value, name, 1, WIDEST)


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
    """Widths that are not given: the usual ones, made to fit the shortcut and the width that is given."""
    n_in, n_out = (_width(state[name], name) if name in state else None for name in ("n_in", "n_out"))
    shortcut = state.get("shortcut", "zeros")
    if shortcut == "identity":
        width = next((n for n in (n_in, n_out) if n is not None), 2)
        return {"n_in": width, "n_out": width}
    if shortcut == "zeros" and n_in is not None:
        return {"n_out": max(4, n_in)}
    if shortcut == "zeros" and n_out is not None:
        return {"n_in": min(2, n_out)}
    return {}


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
    >>> mine.numbers()["skip"], mine.numbers()["H_gradient"]
    ([-1.0, 7.0], [[3.0, -2.0], [-3.0, 2.0], [6.0, -4.0]])
    """

    name = "merge_point"
    state_names = ("n_in", "n_out", "shortcut", "stop", "o1", "g1", "s11", "w")
    carried = ("own_o", "own_g", "own_W", "own_Ws")
    _esm = bundle("merge_point")
    _css = style("merge_point")

    n_in = Checked(_width, 2)
    n_out = Checked(_width, 4)
    shortcut = Checked(one_of(SHORTCUTS), "zeros")
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

    def _all(self):
        return {**self.state(), **{name: getattr(self, name) for name in self.carried}}

    def numbers(self):
        """What the page computes in this state; see `numbers`."""
        return numbers(self._all())

    def readout(self):
        """The state in words."""
        return readout(self._all())

    def picture(self):
        """The merge point as SVG: at every place its value and its gradient."""
        return _picture(self._all())


CELL, ROW, HEAD = 50, 20, 32
STACK = 2 * CELL
WIDTH = 660
ACCENT, PLAIN, SOFT = "#0060a0", "#1b1f24", "#57606a"
BOLD = {"font_weight": "bold", "class_": "rx-mp-bold"}
CARRIED = {"identity": "I o", "zeros": "P o", "projection": "Wₛ o"}


def edge_labels(state):
    """What is written beside the skip, the branch's matrix and the ReLU."""
    shape = f"{state['n_out']}×{state['n_in']}"
    skip = {
        "identity": [f"identity I, {shape}", "→ o", "← g"],
        "zeros": [f"zeros P, {shape}", "→ (o, 0)", "← g, clipped"],
        "projection": [f"Wₛ, {shape}", "→ Wₛ o", "← g Wₛ"],
    }[state["shortcut"]]
    if state["stop"]:
        skip[2] = "← stopped: 0"
    return {"skip": skip, "W": [f"W, {shape}", "→ W o", "← gₓ W"], "ReLU": ["ReLU", "← g D"]}


def shifted(points, by):
    """A polyline of horizontal and vertical pieces, moved sideways."""
    moved = []
    for k, (x, y) in enumerate(points):
        pieces = [points[j : j + 2] for j in (k - 1, k) if 0 <= j < len(points) - 1]
        # (-dy, dx), the normal of each of the one or two pieces that end here
        normals = {(-_sign(b[1] - a[1]), _sign(b[0] - a[0])) for a, b in pieces}
        moved.append((x + by * sum(n[0] for n in normals), y + by * sum(n[1] for n in normals)))
    return moved


def _sign(x):
    return (x > 0) - (x < 0)


def _picture(state):
    found = numbers(state)
    labels = edge_labels(state)
    n_in, n_out = state["n_in"], state["n_out"]
    side, lane = HEAD + ROW * n_in, HEAD + ROW * n_out
    away = max(side / 2 + 24, lane / 2 + 12)
    middle = away + max(lane / 2, 62)
    pitch = (WIDTH - 4 - STACK) / 3
    left = [2 + k * pitch for k in range(4)]
    plus = left[2] + STACK + (pitch - STACK) / 2
    top, bottom, start = middle - away, middle + away, left[0] + CELL
    parts = []
    wires = [
        ([(start, middle - side / 2 - 4), (start, top), (left[2], top)], state["stop"]),
        ([(start, middle + side / 2), (start, bottom), (left[1], bottom)], False),
        ([(left[1] + STACK, bottom), (left[2], bottom)], False),
        ([(left[2] + STACK, top), (plus, top), (plus, middle - 12)], False),
        ([(left[2] + STACK, bottom), (plus, bottom), (plus, middle + 12)], False),
        ([(plus + 12, middle), (left[3], middle)], False),
    ]
    for points, stopped in wires:
        parts += _wire(points, stopped)
    parts.append(_draw.element("circle", cx=plus, cy=middle, r="12", class_="rx-mp-plus", fill="#ffffff", stroke=PLAIN))
    parts.append(_draw.text(plus, middle + 5, "+", text_anchor="middle", **BOLD))
    notes = [
        ((start + left[2]) / 2, top - 40, labels["skip"]),
        (start + (left[1] - start) / 2, bottom + 20, labels["W"]),
        (left[1] + STACK + (pitch - STACK) / 2, bottom + 20, labels["ReLU"]),
        (plus - 14, top - 12, ["← g"]),
        (plus - 14, bottom + 20, ["← g"]),
    ]
    for x, y, lines in notes:
        parts += [_draw.text(x, y + 14 * k, line, text_anchor="middle") for k, line in enumerate(lines)]
    padded = range(n_in, n_out) if state["shortcut"] == "zeros" else ()
    stacks = [
        (left[0], middle, "o", found["o"], found["at_o"], ()),
        (left[1], bottom, "x = W o", found["x"], found["at_x"], ()),
        (left[2], bottom, "F(x)", found["F"], found["g"], ()),
        (left[2], top, CARRIED[state["shortcut"]], found["carried"], found["g"], padded),
        (left[3], middle, f"y = F(x) + {CARRIED[state['shortcut']]}", found["y"], found["g"], ()),
    ]
    for x, y, title, values, gradients, pad in stacks:
        parts += _stack(x, y - (HEAD + ROW * len(values)) / 2, title, values, gradients, pad)
    height = middle + away + max(lane / 2, 62) + 4
    return _draw.svg(
        parts,
        WIDTH,
        height,
        "The merge point: at every place the value on its way forward and the gradient on its way back",
        fill=PLAIN,
    )


def _line(points):
    return "M" + "L".join(f"{_draw.fixed(x)} {_draw.fixed(y)}" for x, y in points)


def _tip(points):
    """A triangle at the end of a polyline."""
    (a, b), (x, y) = points[-2:]
    dx, dy = _sign(x - a), _sign(y - b)
    base = (x - 8 * dx, y - 8 * dy)
    return _line([(x, y), (base[0] - 4 * dy, base[1] + 4 * dx), (base[0] + 4 * dy, base[1] - 4 * dx)]) + "Z"


def _wire(points, stopped):
    forward, backward = shifted(points, -4), shifted(points, 4)[::-1]
    dashed = {"stroke": ACCENT, "stroke_width": "2", "stroke_dasharray": "5 3"}
    parts = [
        _draw.element("path", d=_line(forward), class_="rx-mp-forward", fill="none", stroke=SOFT, stroke_width="1.5"),
        _draw.element("path", d=_tip(forward), class_="rx-mp-tip", fill=SOFT),
    ]
    if stopped:
        # It ends at a bar half-way down its last piece.
        (a, b), (x, y) = backward[-2:]
        x, y = (a + x) / 2, (b + y) / 2
        backward = [*backward[:-1], (x, y)]
        across = (8, 0) if a == x else (0, 8)
        bar = _line([(x - across[0], y - across[1]), (x + across[0], y + across[1])])
        parts.append(_draw.element("path", d=bar, class_="rx-mp-bar", fill="none", stroke=ACCENT, stroke_width="4"))
    else:
        parts.append(_draw.element("path", d=_tip(backward), class_="rx-mp-back-tip", fill=ACCENT))
    return [*parts, _draw.element("path", d=_line(backward), class_="rx-mp-backward", fill="none", **dashed)]


def _stack(x, y, title, values, gradients, padded):
    """A vector: its values in the left column, its gradient, a row, written downwards in the right one."""
    n = len(values)
    parts = [_draw.text(x + CELL, y + 11, title, text_anchor="middle", **BOLD)]
    for k, said in enumerate((f"→ {n}×1", f"← 1×{n}")):
        parts.append(_draw.text(x + CELL * (k + 0.5), y + 26, said, text_anchor="middle"))
    for r in range(n):
        dashed = {"stroke_dasharray": "2 2"} if r in padded else {}
        for k, (value, kind) in enumerate(((values[r], "value"), (gradients[r], "gradient"))):
            at = {"x": x + CELL * k, "y": y + HEAD + ROW * r, "width": str(CELL), "height": str(ROW)}
            pad = " rx-mp-pad" if dashed else ""
            parts.append(
                _draw.element("rect", class_=f"rx-mp-{kind}{pad}", fill="#ffffff", stroke=SOFT, **at, **dashed)
            )
            look = {"text_decoration": "line-through"} if dashed and k else {}
            said = _draw.number(value)
            if len(said) > 7:
                look |= {"class_": "rx-mp-small", "font_size": "8.5"}
            if len(said) > 9:
                look |= {"textLength": str(CELL - 4), "lengthAdjust": "spacingAndGlyphs"}
            middle = at["x"] + CELL / 2
            parts.append(_draw.text(middle, at["y"] + 14, said, text_anchor="middle", **look))
    return parts
