"""The four layers: every local derivative on its edge, every path with its product, and the notes' formulas.

    x_2 = ReLU(w_1 x_1 + b_1)
    x_3 = f(w_2 x_2 + b_2 + x_1)
    x_4 = ReLU(w_3 x_3 + b_3)
    x_5 = f(w_4 x_4 + b_4 + x_3)

with one number per layer, f = ReLU or the identity, and each skip on, off, or on and held constant on the way
back. The functions here compute what four_layers.js computes, on the same numbers in the same order.
"""

from dataclasses import dataclass
from itertools import pairwise

from resnotes import _validate
from resnotes.explorers import _draw
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, style, switch
from resnotes.network import Affine, Network, identity, relu
from resnotes.shortcuts import Absent, Identity, StopGradient

LARGEST = 10
SKIPS = ("on", "constant", "off")
#: How far a state is moved to both sides for the central difference.
STEP = 2.0**-10
EDGES = ((1, 2), (2, 3), (3, 4), (4, 5), (1, 3), (3, 5))
#: State -> the ways back to it from x_5.
ROUTES = {
    5: ((5,),),
    4: ((5, 4),),
    3: ((5, 4, 3), (5, 3)),
    2: ((5, 4, 3, 2), (5, 3, 2)),
    1: ((5, 4, 3, 2, 1), (5, 4, 3, 1), (5, 3, 2, 1), (5, 3, 1)),
}
SUB = "₀₁₂₃₄₅"
FIXED, MOVING = "other states held fixed", "total derivative"
WITH_NOTES_3 = "with the notes’ own g₃"
CONSTANT = "o is a constant"


@dataclass(frozen=True)
class Setting:
    """A state of the explorer, in the names of the formulas.

    Attributes
    ----------
    w, b : tuple of four floats
    x1, g5 : float
    skips : dict
        3 and 5, where a skip comes in -> "on", "constant" or "off".
    after : bool
        Whether a ReLU follows the additions.
    """

    w: tuple
    b: tuple
    x1: float
    g5: float
    skips: dict
    after: bool

    @classmethod
    def of(cls, state):
        """From the explorer's traits."""
        return cls(
            tuple(state[f"w{k}"] for k in range(1, 5)),
            tuple(state[f"b{k}"] for k in range(1, 5)),
            state["x1"],
            state["g5"],
            {3: state["skip_13"], 5: state["skip_35"]},
            state["after"],
        )


def forward(setting, moved=None, by=0.0):
    """The states x_1 … x_5 and the sums y_2 … y_5.

    Parameters
    ----------
    setting : Setting
    moved : int, optional
        A state to which `by` is added once it is known; all that comes after it follows.
    by : float

    Returns
    -------
    dict, dict
        Index -> number.
    """
    x, y = {1: setting.x1}, {}
    for k in range(1, 6):
        if k > 1:
            y[k] = setting.w[k - 2] * x[k - 1] + setting.b[k - 2]
            if k in setting.skips and setting.skips[k] != "off":
                y[k] = y[k] + x[k - 2]
            x[k] = y[k] if _no_relu(setting, k) else max(y[k], 0.0)
        if k == moved:
            x[k] = x[k] + by
    return x, y


def _no_relu(setting, k):
    return k in setting.skips and not setting.after


def masks(setting, y):
    """D_2 … D_5: 1 where ReLU lets the sum through or there is none, else 0."""
    return {k: 1 if _no_relu(setting, k) or y[k] > 0 else 0 for k in range(2, 6)}


def edges(setting, mask, stopped=True):
    """(from, to) -> local derivative, D_k w_{k-1} or, on a skip, D_k.

    Where `stopped`, a skip that is held constant sends nothing back.
    """
    found = {}
    for a, b in EDGES:
        if b - a == 1:
            found[a, b] = mask[b] * setting.w[a - 1]
        else:
            closed = setting.skips[b] == "off" or (stopped and setting.skips[b] == "constant")
            found[a, b] = 0 if closed else mask[b]
    return found


def routes(setting, at):
    """The ways back from x_5 to x_at that exist: a skip that is off belongs to none."""
    return [route for route in ROUTES[at] if all(a - b == 1 or setting.skips[a] != "off" for a, b in pairwise(route))]


def product(setting, local, route):
    """g_5 times the local derivatives along a way back."""
    value = setting.g5
    for b, a in pairwise(route):
        value = value * local[a, b]
    return value


def gradient(setting, local, at):
    """g_at as the sum of its paths' products."""
    total = 0.0
    for route in routes(setting, at):
        total = total + product(setting, local, route)
    return total


def central(setting, at):
    """(E(x_at + h) - E(x_at - h)) / 2h with E = g_5 x_5 and h = 2**-10, by two forward passes."""
    above, below = forward(setting, at, STEP)[0][5], forward(setting, at, -STEP)[0][5]
    return (setting.g5 * above - setting.g5 * below) / (2 * STEP)


def formulas(setting, at):
    """What the notes' formulas of the backward pass give for g_at.

    Their derivatives are those of the network at hand, no skip held constant; a 1 that they print stays a 1.

    Returns
    -------
    list of dict
        "id" as in the audit, "formula", "reading", "gives", "wanted" (what it ought to be) and "holds".
    """
    x, y = forward(setting)
    d = masks(setting, y)
    local = edges(setting, d, stopped=False)
    g5 = setting.g5
    g3, g1 = gradient(setting, local, 3), gradient(setting, local, 1)
    skip3, skip5 = (0 if setting.skips[k] == "off" else 1 for k in (3, 5))
    through = g5 * local[4, 5] * local[3, 4]
    f4 = setting.w[3] * local[3, 4]  # the total derivative of F_4(x_4) along x_3
    f2 = setting.w[1] * local[1, 2]
    all_layers = through * local[2, 3] * local[1, 2]
    total5, total3 = d[5] * (f4 + skip5), d[3] * (f2 + skip3)
    printed3 = through + g5 * total5
    size = tolerance(setting, at, x)
    rows = []

    def row(name, formula, reading, gives, wanted, bound=False):
        holds = wanted >= gives - size if bound else abs(gives - wanted) <= size
        rows.append(
            {
                "id": name,
                "formula": formula,
                "reading": reading,
                "gives": gives,
                "wanted": wanted,
                "holds": holds,
            }
        )

    first3 = "g₅·∂x₅/∂x₄·∂x₄/∂x₃ + g₅·∂x₅/∂x₃"
    second3 = "g₅·∂x₅/∂x₄·∂x₄/∂x₃ + g₅·(∂F₄/∂x₃ + 1)"
    chain1 = "g₅·∂x₅/∂x₄·∂x₄/∂x₃·∂x₃/∂x₂·∂x₂/∂x₁"
    first1 = f"{chain1} + g₅·∂x₅/∂x₄·∂x₄/∂x₃·∂x₃/∂x₁"
    second1 = f"{chain1} + g₃·(∂F₂/∂x₁ + 1)"
    if at == 4:
        row("S0-B2", "g₅·∂x₅/∂x₄", "", g5 * local[4, 5], gradient(setting, local, 4))
    if at == 3:
        row("S0-B3", first3, FIXED, through + g5 * local[3, 5], g3)
        row("S0-B3", first3, MOVING, printed3, g3)
        row("S0-B3", second3, FIXED, through + g5 * (0 + 1), g3)
        row("S0-B3", second3, MOVING, through + g5 * (f4 + 1), g3)
        row("S0-N1", "g₅·(∂F₄/∂x₃ + 1)", MOVING, g5 * (f4 + 1), g3)
        row("S0-S3", "g₅·∂y₅/∂x₃", MOVING, g5 * (f4 + skip5), g3)
        row("S3-Q10", "g₅·∂x₅/∂x₄·∂x₄/∂x₃", CONSTANT, through, g3)
        row("S0-A1", "|g₃| ≥ |g₅|", "", abs(g5), abs(g3), bound=True)
    if at == 2:
        g2 = gradient(setting, local, 2)
        row("S0-B4", "g₅·∂x₅/∂x₄·∂x₄/∂x₃·∂x₃/∂x₂", "", through * local[2, 3], g2)
    if at == 1:
        row("S0-B5", first1, FIXED, all_layers + through * local[1, 3], g1)
        row("S0-B5", first1, MOVING, all_layers + through * total3, g1)
        row("S0-B6", second1, FIXED, all_layers + g3 * (0 + 1), g1)
        row("S0-B6", second1, MOVING, all_layers + g3 * (f2 + 1), g1)
        row("S0-B6", second1, f"{FIXED}, {WITH_NOTES_3}", all_layers + printed3 * (0 + 1), g1)
        row("S0-B6", second1, f"{MOVING}, {WITH_NOTES_3}", all_layers + printed3 * (f2 + 1), g1)
        row("S0-N2", "g₃·(∂F₂/∂x₁ + 1)", MOVING, g3 * (f2 + 1), g1)
        row("S0-S2", "g₃·∂y₃/∂x₁", MOVING, g3 * (f2 + skip3), g1)
        row("S3-Q10", chain1, CONSTANT, all_layers, g1)
        row("S0-A1", "|g₁| ≥ |g₃|", "", abs(g3), abs(g1), bound=True)
    return rows


def tolerance(setting, at, x):
    """Two numbers closer than this count as the same: rounding, the central difference's too, stays below."""
    local = edges(setting, masks(setting, forward(setting)[1]), stopped=False)
    total = 1 + abs(setting.g5 * x[5])
    for route in routes(setting, at):
        total = total + abs(product(setting, local, route))
    return 1e-9 * total


def numbers(state):
    """What four_layers.js computes.

    Parameters
    ----------
    state : dict
        The explorer's traits.

    Returns
    -------
    dict
        "x" (x_1 … x_5), "y" (y_2 … y_5), "edges" in the order of `EDGES`, "g" as the switches have it,
        "truth" with no skip held constant, "central", "paths" to the state chosen with their products, "formulas".
    """
    setting, at = Setting.of(state), state["at"]
    x, y = forward(setting)
    mask = masks(setting, y)
    local, true = edges(setting, mask), edges(setting, mask, stopped=False)
    return {
        "x": [x[k] for k in range(1, 6)],
        "y": [y[k] for k in range(2, 6)],
        "masks": [mask[k] for k in range(2, 6)],
        "edges": [local[edge] for edge in EDGES],
        "g": [gradient(setting, local, k) for k in range(1, 6)],
        "truth": [gradient(setting, true, k) for k in range(1, 6)],
        "central": [central(setting, k) for k in range(1, 6)],
        "paths": [{"route": list(route), "product": product(setting, local, route)} for route in routes(setting, at)],
        "formulas": formulas(setting, at),
    }


def _sum(terms):
    """Numbers as a sum in words: "1 + 2 − 3"."""
    said = _draw.number(terms[0])
    for term in terms[1:]:
        said += f" {'−' if term < 0 else '+'} {_draw.number(abs(term))}"
    return said


def readout(state):
    """The state in words: what arrives, by how many paths, what blocks them, which formulas are right."""
    found, at = numbers(state), state["at"]
    name, g = f"g{SUB[at]}", found["g"][at - 1]
    if at == 5:
        return (
            f"g₅ = {_draw.number(g)} comes from the loss. It is given, and multiplies every path. "
            "Choose another state to see what arrives there."
        )
    terms = [path["product"] for path in found["paths"]]
    total = _draw.number(g) if len(terms) == 1 else f"{_sum(terms)} = {_draw.number(g)}"
    count = ("One path leads", "Two paths lead", "Three paths lead", "Four paths lead")[len(terms) - 1]
    parts = [f"{count} back to x{SUB[at]}, and {name} = {total}.", _blocked(state, found)]
    setting = Setting.of(state)
    truth, measured = found["truth"][at - 1], found["central"][at - 1]
    close = tolerance(setting, at, dict(enumerate(found["x"], 1)))
    agrees = abs(measured - truth) <= close
    if abs(g - truth) > close:
        parts.append(
            f"That is not the derivative, which is {_draw.number(truth)}: "
            "a skip held constant sends nothing back, yet it carries x forward."
        )
    if agrees:
        verb = "agrees" if abs(g - truth) <= close else "finds it too"
        parts.append(f"The central difference {verb}.")
    else:
        parts.append(
            f"The central difference is {_draw.number(measured)}: it straddles the kink of a ReLU, "
            "where there is no derivative."
        )
    right = sum(row["holds"] for row in found["formulas"])
    count = len(found["formulas"])
    if count == 1:
        parts.append(f"The notes’ formula {'gives the same' if right else 'does not give it'}.")
    else:
        verb = "is" if right == 1 else "are"
        parts.append(f"Of {count} statements of the notes about {name}, {right or 'none'} {verb} true here.")
    return " ".join(part for part in parts if part)


def _blocked(state, found):
    """Which addition's ReLU lets nothing through, the one nearer the loss first; or that the paths cancel."""
    at = state["at"]
    if state["after"]:
        for k, place in ((5, "second"), (3, "first")):
            if at < k and not found["masks"][k - 2]:
                skip = state["skip_35" if k == 5 else "skip_13"] != "off"
                return (
                    f"y{SUB[k]} = {_draw.number(found['y'][k - 2])} is not positive: the ReLU behind the {place} "
                    f"addition blocks {'branch and skip alike' if skip else 'the branch'}."
                )
    if found["g"][at - 1] == 0 and any(path["product"] for path in found["paths"]):
        return "The paths cancel."
    return ""


def _index(value, name):
    return _validate.whole_number(value, name, 1, 5)


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
        Your own, in the place of w1 … w4 and b1 … b4. Biases that are not given with the weights are 0.
    network : Network, optional
        Your own, in the place of weights, biases, skips and `after`; see `of_network`.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was
        wanted.

    Examples
    --------
    >>> from resnotes.explorers import FourLayers
    >>> mine = FourLayers(weights=[2, 1, 3, -0.5], biases=[0, 0, 0, 1], x1=0.25)
    >>> mine.numbers()["g"]
    [-1.5, -0.5, -0.5, -0.5, 1.0]
    """

    name = "four_layers"
    state_names = (
        *("w1", "w2", "w3", "w4", "b1", "b2", "b3", "b4", "x1", "g5"),
        *("skip_13", "skip_35", "after", "at"),
    )
    _esm = bundle("four_layers")
    _css = style("four_layers")

    w1 = Checked(_number, 2.0)
    w2 = Checked(_number, -1.0)
    w3 = Checked(_number, 3.0)
    w4 = Checked(_number, -0.25)
    b1 = Checked(_number, 0.0)
    b2 = Checked(_number, 0.0)
    b3 = Checked(_number, 0.5)
    b4 = Checked(_number, 1.0)
    x1 = Checked(_number, 1.0)
    g5 = Checked(_number, 1.0)
    skip_13 = Checked(one_of(SKIPS), "on")
    skip_35 = Checked(one_of(SKIPS), "on")
    after = Checked(switch, True)
    at = Checked(_index, 1)

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

    def numbers(self):
        """What the page computes in this state; see `numbers`."""
        return numbers(self.state())

    def readout(self):
        """The state in words."""
        return readout(self.state())

    def picture(self):
        """The network as SVG: values, local derivatives, gradients, and the paths to the state chosen."""
        return _picture(self.state())


WIDTH, BOX, MIDDLE = 660, 80, 122
ACCENT, PLAIN, SOFT = "#0060a0", "#1b1f24", "#57606a"
BOLD = {"font_weight": "bold", "class_": "rx-fl-bold"}


def symbol(state, a, b):
    """The local derivative of an edge in symbols."""
    mask = f"D{SUB[b]}" if b in (2, 4) or state["after"] else ""
    if b - a == 1:
        return f"{mask}J{SUB[a]}"
    how = state["skip_13" if b == 3 else "skip_35"]
    if how == "off":
        return "no skip"
    return f"stop({mask or '1'})" if how == "constant" else mask or "1"


def _factor(x):
    return f"({_draw.number(x)})" if x < 0 else _draw.number(x)


def path_in_words(state, found, route):
    """A path's product in symbols and in numbers: "g₅ · D₅J₄ = 1 · (−0.25)"."""
    local = dict(zip(EDGES, found["edges"], strict=True))
    steps = list(zip(route[1:], route, strict=False))
    symbols = ["g₅", *(symbol(state, a, b) for a, b in steps)]
    values = [state["g5"], *(local[edge] for edge in steps)]
    return f"{' · '.join(symbols)} = {_draw.number(values[0])}" + "".join(f" · {_factor(v)}" for v in values[1:])


def _picture(state):
    found, at = numbers(state), state["at"]
    local = dict(zip(EDGES, found["edges"], strict=True))
    lit = {edge for path in found["paths"] for edge in zip(path["route"][1:], path["route"], strict=False)}
    pitch = (WIDTH - BOX - 8) / 4

    def x(k):
        return 4 + BOX / 2 + (k - 1) * pitch

    parts = []
    for a, b in EDGES:
        skip, here = b - a == 2, (a, b) in lit
        gone = skip and state["skip_13" if b == 3 else "skip_35"] == "off"
        style = {"stroke": ACCENT if here else SOFT, "stroke_width": "3.5" if here and local[a, b] else "1.5"}
        if gone or not local[a, b]:
            style["stroke_dasharray"] = "1 5" if gone else "5 4"
        if skip:
            start, end, top = x(a) + 14, x(b) - 14, MIDDLE - 23
            d = f"M{_draw.fixed(start)} {top}C{_draw.fixed(start)} 34 {_draw.fixed(end)} 34 {_draw.fixed(end)} {top - 8}"
            tip = f"M{_draw.fixed(end)} {top}l-4 -9h8Z"
            said = symbol(state, a, b)
            if not gone and said != "1":
                said += f" = {_draw.number(local[a, b])}"
            label = [((start + end) / 2, 38, said)]
        else:
            start, end = x(a) + BOX / 2, x(b) - BOX / 2
            d = f"M{_draw.fixed(start)} {MIDDLE}H{_draw.fixed(end - 8)}"
            tip = f"M{_draw.fixed(end)} {MIDDLE}l-9 -4v8Z"
            middle = (start + end) / 2
            label = [
                (middle, MIDDLE - 9, symbol(state, a, b)),
                (middle, MIDDLE + 17, _draw.number(local[a, b])),
            ]
        # The style sheet's colours where there is one: they follow a dark page.
        kind = " rx-fl-lit" if here else ""
        broken = " rx-fl-gone" if gone else "" if local[a, b] else " rx-fl-zero"
        parts.append(_draw.element("path", d=d, class_=f"rx-fl-edge{kind}{broken}", fill="none", **style))
        if not gone:
            parts.append(_draw.element("path", d=tip, class_=f"rx-fl-tip{kind}", fill=style["stroke"]))
        weight = BOLD if here else {}
        parts += [_draw.text(px, py, said, text_anchor="middle", **weight) for px, py, said in label]
    for k in range(1, 6):
        chosen = {"stroke": ACCENT, "stroke_width": "3"} if k == at else {"stroke": SOFT}
        box = {
            "x": x(k) - BOX / 2,
            "y": MIDDLE - 23,
            "width": str(BOX),
            "height": "46",
            "rx": "8",
            "fill": "#ffffff",
        }
        parts.append(_draw.element("rect", class_=f"rx-fl-box{' rx-fl-chosen' if k == at else ''}", **box, **chosen))
        parts.append(_draw.text(x(k), MIDDLE - 4, f"x{SUB[k]}", text_anchor="middle", **BOLD))
        parts.append(_draw.text(x(k), MIDDLE + 14, _draw.number(found["x"][k - 1]), text_anchor="middle"))
        said = f"g{SUB[k]} = {_draw.number(found['g'][k - 1])}"
        parts.append(_draw.text(x(k), MIDDLE + 42, said, text_anchor="middle", **BOLD))
    below = MIDDLE + 72
    for path in found["paths"]:
        way = " ← ".join(f"x{SUB[k]}" for k in reversed(path["route"]))
        equals = f" = {_draw.number(path['product'])}" if len(path["route"]) > 1 else ""
        parts.append(_draw.text(8, below, way))
        parts.append(_draw.text(190, below, f"{path_in_words(state, found, path['route'])}{equals}"))
        below += 20
    parts.append(_draw.text(8, below, "sum", **BOLD))
    parts.append(_draw.text(190, below, f"g{SUB[at]} = {_draw.number(found['g'][at - 1])}", **BOLD))
    return _draw.svg(
        parts,
        WIDTH,
        below + 10,
        "The four layers with the local derivative on every edge and the gradient below every state",
        fill=PLAIN,
    )
