"""Recipes for deep residual networks, each as shortcut factor, branch factor and normalisation.

What a recipe predicts comes from the laws of chapters 9 and 13: ``init-law``, ``depths-pre-law``,
``depths-pre-factors`` and ``depths-post-sum``. `first_checks` looks at a network of your own.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.attention import Positionwise
from resnotes.initialisation import norm_places, residual_network
from resnotes.magnitudes import FORMATS
from resnotes.network import Affine, Elementwise, Network, Unit, relu, tanh
from resnotes.normalisation import LayerNorm, Sequence
from resnotes.reports import DECADES, Report, report
from resnotes.shortcuts import Identity, Layer, Projection, Scale, apply, send_back

#: One unit or more to blame for this share of the change, on a log scale, counts as one unit alone.
ALONE = 0.5


@dataclass(frozen=True)
class Recipe:
    """One way to build a deep network from units x' = λ x + β F(x), as it starts training.

    Attributes
    ----------
    name : str
    shortcut, branch : callable
        Depth -> λ, and depth -> β: a number, or one for each unit from the input on.
    norm : str, optional
        Where layer normalisations stand, as in `initialisation.residual_network`: "pre", "out", "post", joined by "+".
    reference : str
        Citation key.
    """

    name: str
    shortcut: Callable
    branch: Callable
    norm: str | None = None
    reference: str = ""

    def log10_gain(self, depth, strength=1.0):
        """log10 of the mean of ‖g_0‖² / ‖g_L‖².

        Parameters
        ----------
        depth : int
            L, the number of units. A transformer layer is two.
        strength : float
            κ of a branch; see `initialisation.branch_strength`.

        Returns
        -------
        float
            Exact where nothing is normalised; for wide networks with layer normalisation.

        Raises
        ------
        ValueError
            If depth or strength is bad.
        """
        depth, lam, squares, places = self._numbers(depth, strength)
        if "post" in places:
            return 0.0
        if places:
            return _log10_growth(lam, np.broadcast_to(squares, depth))
        if np.ndim(squares) == 0:
            return depth * math.log10(lam**2 + squares)
        return float(np.sum(np.log10(lam**2 + squares)))

    def log10_share(self, depth, strength=1.0):
        """log10 of the share of that mean which comes by the path through no branch; -inf without shortcuts."""
        depth, lam, squares, places = self._numbers(depth, strength)
        if lam == 0:
            return -math.inf
        if places and "post" not in places:
            return 2 * depth * math.log10(lam) - self.log10_gain(depth, strength)
        if np.ndim(squares) == 0:
            return 0.0 - depth * math.log10(1 + squares / lam**2)
        return 0.0 - float(np.sum(np.log10(1 + squares / lam**2)))

    def setting(self, depth):
        """λ and β at a depth as text; the first and the last β where units differ."""
        depth = _validate.whole_number(depth, "depth", 1)
        beta = np.atleast_1d(self.branch(depth))
        ends = f"{beta[0]:.2g}" if len(beta) == 1 else f"{beta[0]:.2g} to {beta[-1]:.2g}"
        lam = self.shortcut(depth)
        return f"λ = {lam:{'.3g' if lam < 1000 else '.0f'}}, β = {ends}"

    def network(self, weights):
        """A network of this recipe; see `initialisation.residual_network`."""
        depth = len(weights)
        return residual_network(weights, self.shortcut(depth), self.branch(depth), norm=self.norm)

    def _numbers(self, depth, strength):
        depth = _validate.whole_number(depth, "depth", 1)
        strength = _validate.finite_number(strength, "strength")
        if strength < 0:
            _validate.refuse("strength", strength, "a number of at least 0")
        places = norm_places(self.norm)
        lam, beta = float(self.shortcut(depth)), np.asarray(self.branch(depth), dtype=float)
        # What is normalised at the end of a branch has strength 1, whatever its weights are.
        return depth, lam, (1.0 if "out" in places else strength) * beta**2, places


def _log10_growth(lam, added):
    """log10 of the last variance over the first, where unit l makes V into λ² V + added_l (``depths-pre-factors``)."""
    outermost = max(lam, 1.0) ** 2  # taken out unit by unit, so that no power leaves the range of floats
    passed = (lam**2 / outermost) ** np.arange(len(added), -1, -1)
    shrunk = outermost ** -np.arange(1.0, len(added) + 1)
    total = float(passed[0] + np.sum(added * passed[1:] * shrunk))
    return len(added) * math.log10(outermost) + (math.log10(total) if total else -math.inf)


@dataclass(frozen=True)
class TwoStreams(Recipe):
    """Two streams that start equal and share their branches: x normalised after each addition, y never.

    Unit l makes z = F(norm(norm(x) + norm(y))), x' = norm(x) + β_l z and y' = y + z, as in the code of SiameseNorm for
    vision transformers. What is read at the end is the mean of both.
    """

    def log10_gain(self, depth, strength=1.0):
        """As `Recipe.log10_gain`: by how much the variance of what is read exceeds that of the input."""
        x, y, product, _ = self._read(depth, strength)
        return math.log10((x + 2 * product + y) / 4)

    def log10_share(self, depth, strength=1.0):
        """As `Recipe.log10_share`: x keeps the product of its divisions, y everything."""
        *_, kept = self._read(depth, strength)
        return 2 * math.log10((kept + 1) / 2) - self.log10_gain(depth, strength)

    def network(self, weights):
        """A network of this recipe; see `initialisation.residual_network`. It takes and gives one state."""
        inner, outer = (
            residual_network(weights, norm="pre").units,
            np.broadcast_to(self.branch(len(weights)), len(weights)),
        )
        one = np.eye(np.shape(weights)[-1])
        split, first, both = (
            Projection(np.vstack([one, one])),
            _OnFirst(LayerNorm(), len(one)),
            Affine(np.hstack([one, one])),
        )
        units = []
        for l, (unit, beta) in enumerate(zip(inner, outer, strict=True)):
            shortcut = Sequence(split, first) if l == 0 else first
            front = [] if l == 0 else [Positionwise(LayerNorm(), 2), both]
            after = {"after": Affine(np.hstack([one, one]) / 2)} if l == len(inner) - 1 else {}
            units.append(Unit([*front, *unit.branch, Affine(np.vstack([beta * one, one]))], shortcut, **after))
        return Network(units)

    def _read(self, depth, strength):
        """At the end: the variances of x and y, the mean of their product, and what x has kept through no branch."""
        depth, _, _, _ = self._numbers(depth, strength)
        x = y = product = kept = 1.0
        for beta in np.broadcast_to(self.branch(depth), depth).tolist():
            kept, product = kept / math.sqrt(x), product / math.sqrt(x) + strength * beta
            x, y = 1 + strength * beta**2, y + strength
        return x, y, product, kept


class _OnFirst(Layer):
    """A layer on the first n numbers of a state of 2 n; the others pass as they are."""

    def __init__(self, layer, n):
        self.layer, self.n = layer, n

    n_in = property(lambda self: 2 * self.n)
    n_out = n_in

    def output(self, x):
        return np.concatenate([apply(self.layer, x[..., : self.n]), x[..., self.n :]], axis=-1)

    def input_gradient(self, x, g):
        first, rows = x[..., : self.n], g[..., : self.n]
        first = np.broadcast_to(first, rows.shape)
        return np.concatenate([send_back(self.layer, first, rows)[0], g[..., self.n :]], axis=-1)


def _one(depth):
    return 1.0


def _zero(depth):
    return 0.0


def highway(bias, name=None):
    """A highway network whose gates have weight 0 and this bias: λ = 1 - σ(b), β = σ(b).

    Parameters
    ----------
    bias : float or callable
        b, or depth -> b.
    name : str, optional

    Returns
    -------
    Recipe

    Raises
    ------
    ValueError
        If the bias is no finite number and no function, or a function comes without a name.
    """
    if not callable(bias):
        bias = _validate.finite_number(bias, "bias")
        name = name or f"Highway, b = {bias:g}"
    elif not name:
        _validate.refuse("name", _validate.describe(name), "a name, where the bias depends on the depth")

    def at(depth):
        return bias(depth) if callable(bias) else bias

    return Recipe(
        name,
        lambda depth: 1 / (1 + math.exp(at(depth))),
        lambda depth: 1 / (1 + math.exp(-at(depth))),
        None,
        "srivastava2015",
    )


_ALL = (
    Recipe("no shortcuts", _zero, _one),
    Recipe("identity shortcuts", _one, _one, None, "he2016"),
    highway(-1.0),
    highway(-3.0),
    highway(lambda depth: -math.log(depth), "Highway, b = -log L"),
    Recipe("Fixup", _one, _zero, None, "zhang2019"),
    Recipe("SkipInit", _one, _zero, None, "de2020"),
    Recipe("ReZero", _one, _zero, None, "bachlechner2020"),
    Recipe("Stable ResNet", _one, lambda depth: depth**-0.5, None, "hayou2021"),
    Recipe("pre-LN", _one, _one, "pre", "xiong2020"),
    Recipe("post-LN", _one, _one, "post", "xiong2020"),
    # Of a transformer with N layers, L = 2N sublayers: alpha = (2N)^(1/4); two weights a branch, each times (8N)^(-1/4).
    Recipe("DeepNorm", lambda depth: depth**0.25, lambda depth: (4 * depth) ** -0.5, "post", "wang2022"),
    Recipe("LayerNorm Scaling", _one, lambda depth: np.arange(1, depth + 1) ** -0.5, "pre", "sun2025"),
    Recipe("depth-μP", _one, lambda depth: depth**-0.5, "pre", "dey2025"),
    Recipe("CompleteP", _one, lambda depth: 1 / depth, "pre", "dey2025"),
    Recipe("Peri-LN", _one, _one, "pre+out", "kim2025"),
    Recipe("Keel", float, _one, "pre+post", "chen2026"),
    # Factors are learned; here the squares of both add up to 1.
    Recipe("LAuReL", lambda depth: 0.5**0.5, lambda depth: 0.5**0.5, "pre", "laurel2024"),
    # Block j = 1, 2, ... is two units.
    TwoStreams("SiameseNorm", _one, lambda depth: (2 * (np.arange(depth) // 2 + 1)) ** -0.5, "pre+post", "siamese2026"),
    # x' = norm((1 - a) x + a norm(F(x))), with a = 0.05.
    Recipe("nGPT", lambda depth: 0.95, lambda depth: 0.05, "out+post", "loshchilov2025"),
    # All streams are equal at the start, and the sum over them is a pre-LN network.
    Recipe("Hyper-Connections", _one, _one, "pre", "zhu2024"),
    Recipe("mHC", _one, _one, "pre", "xie2025"),
    Recipe("mHC-lite", _one, _one, "pre", "mhclite2026"),
)
#: name -> recipe.
RECIPES = {recipe.name: recipe for recipe in _ALL}


class _Erf(Elementwise):
    """f(x) = erf(x) entry by entry."""

    def __repr__(self):
        return "erf"

    def output(self, x):
        return np.vectorize(math.erf, otypes=[float])(x).astype(x.dtype)

    def slope(self, x):
        return 2 / math.sqrt(math.pi) * np.exp(-(x**2))


#: What may replace a normalisation: a function that is applied to a x, entry by entry.
BOUNDED = {"tanh": tanh, "erf": _Erf()}


def bounded_network(weights, slope=0.5, function="tanh"):
    """Units x' = x + F(f(a x)): a bounded function f in front of each branch, instead of a normalisation.

    Parameters
    ----------
    weights : array_like, shape (L, k, n, n)
        As from `initialisation.draw_weights`.
    slope : float
        a, the same for all components.
    function : str
        One of `BOUNDED`: "tanh" (DyT) or "erf" (Derf, without a shift).

    Returns
    -------
    Network
    """
    front = [Scale(_validate.finite_number(slope, "slope")), _bounded(function)]
    units = residual_network(weights).units
    return Network([Unit([*front, *unit.branch], unit.shortcut) for unit in units])


def bounded_gain(depth, slope=0.5, function="tanh", strength=1.0):
    """log10 of the mean of ‖g_0‖² / ‖g_L‖² of `bounded_network`, and the variance of its last state.

    For wide networks and an input of variance 1, whose components are then normal numbers in every state. Units are
    followed one by one: equations ``depths-derf`` for "erf", the same means by quadrature for "tanh".

    Parameters
    ----------
    depth : int
        L.
    slope, function
        As in `bounded_network`.
    strength : float
        κ of the branch behind the function.

    Returns
    -------
    log10_gain, variance : float
    """
    depth = _validate.whole_number(depth, "depth", 1)
    slope, strength = (_validate.finite_number(v, name) for v, name in ((slope, "slope"), (strength, "strength")))
    layer, variance, log10_gain = _bounded(function), 1.0, 0.0
    for _ in range(depth):
        if function == "erf":
            both, root = 2 * slope**2 * variance, math.sqrt(1 + 4 * slope**2 * variance)
            square = 2 / math.pi * math.atan(both / root)
            passed = 4 * slope**2 / (math.pi * root)
        else:
            x = slope * math.sqrt(variance) * _NODES
            square = float(_DENSITY @ layer.output(x) ** 2)
            passed = slope**2 * float(_DENSITY @ layer.slope(x) ** 2)
        log10_gain += math.log10(1 + strength * passed)
        variance += strength * square
    return log10_gain, variance


# A standard normal number, for means of smooth even functions.
_NODES = np.linspace(0, 9, 1801)
_DENSITY = np.exp(-(_NODES**2) / 2)
_DENSITY[0] /= 2
_DENSITY /= _DENSITY.sum()


def _bounded(function):
    if function not in BOUNDED:
        _validate.refuse("function", _validate.describe(function), f"one of {tuple(BOUNDED)}")
    return BOUNDED[function]


def value_residual_network(weights, first=0.5, own=0.5):
    """Attention units that read λ_1 v_first + λ_2 v instead of their values v, each position looking at itself alone.

    With such weights of attention every position is a network of its own: x' = x + W_2(λ_1 v_first + λ_2 W_1 norm(x)), and
    v_first = W_1 norm(x_0) in the first unit, which reads it alone. Between units a state is x and v_first, 2 n numbers.

    Parameters
    ----------
    weights : array_like, shape (L, 2, n, n)
        As from `initialisation.draw_weights`: W_1, the values' matrix, and W_2, the output's.
    first, own : float
        λ_1 and λ_2.

    Returns
    -------
    Network
        From states of width n to states of width n.
    """
    weights = _validate.finite_array(weights, "weights", "a real array of shape (L, 2, n, n)", (4,))
    if weights.shape[1] != 2:
        _validate.refuse("weights", _validate.describe(weights), "a real array of shape (L, 2, n, n)")
    first, own = (_validate.finite_number(v, name) for v, name in ((first, "first"), (own, "own")))
    one = np.eye(weights.shape[-1])
    none, units = 0 * one, []
    for l, (value, output) in enumerate(weights):
        if l == 0:
            branch, shortcut = (
                [LayerNorm(), Affine(np.vstack([output @ value, value]))],
                Projection(np.vstack([one, none])),
            )
        else:
            both = np.hstack([own * output @ value, first * output])
            branch, shortcut = [_OnFirst(LayerNorm(), len(one)), Affine(np.vstack([both, 0 * both]))], Identity()
        after = {"after": Affine(np.hstack([one, none]))} if l == len(weights) - 1 else {}
        units.append(Unit(branch, shortcut, **after))
    return Network(units)


def value_residual_gain(depth, first=0.5, own=0.5, strength=1.0):
    """log10 of the mean of ‖g_0‖² / ‖g_L‖² of `value_residual_network`, for wide networks: the growth of the variance.

    Parameters
    ----------
    depth : int
        L.
    first, own : float
        λ_1 and λ_2.
    strength : float
        κ = v_1 v_2, as in `initialisation.attention_strength` for one position.

    Returns
    -------
    float
    """
    depth = _validate.whole_number(depth, "depth", 1)
    return math.log10(1 + strength * (1 + (first**2 + own**2) * (depth - 1)))


def streams_network(weights, mixing, read=None, write=None, norm="pre"):
    """Units with several streams: X' = H X + c F(r X), equation ``depths-streams``.

    A state is the streams one after the other, s times n numbers.

    Parameters
    ----------
    weights : array_like, shape (L, k, n, n)
        As from `initialisation.draw_weights`.
    mixing : array_like, shape (s, s) or (L, s, s)
        H, the same for all units or one for each.
    read, write : array_like, shape (s,), optional
        r and c. By default r reads the mean of the streams and c writes the same into each.
    norm : str, optional
        "pre": layer normalisation in front of every branch. None: none.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If the shapes do not fit or something is not finite.
    """
    weights = _validate.finite_array(weights, "weights", "a real array of shape (L, k, n, n)", (4,))
    wanted = f"a real array of shape (s, s) or ({len(weights)}, s, s)"
    mixing = _validate.finite_array(mixing, "mixing", wanted, (2, 3))
    s = mixing.shape[-1]
    if mixing.shape[-2] != s or (mixing.ndim == 3 and len(mixing) != len(weights)):
        _validate.refuse("mixing", _validate.describe(mixing), wanted)
    if norm not in (None, "pre"):
        _validate.refuse("norm", _validate.describe(norm), "one of (None, 'pre')")
    read, write = (
        _vector(value, name, s, default) for value, name, default in ((read, "read", 1 / s), (write, "write", 1.0))
    )
    one = np.eye(weights.shape[-1])
    front = [Affine(np.kron(read, one)), *([LayerNorm()] if norm == "pre" else [])]
    units = []
    for matrices, H in zip(weights, np.broadcast_to(mixing, (len(weights), s, s)), strict=True):
        layers = [layer for W in matrices for layer in (Affine(W), relu)][:-1]
        units.append(Unit([*front, *layers, Affine(np.kron(write[:, None], one))], Projection(np.kron(H, one))))
    return Network(units)


def _vector(value, name, size, default):
    wanted = f"a real vector of shape ({size},)"
    value = np.full(size, default) if value is None else _validate.finite_array(value, name, wanted, (1,))
    if len(value) != size:
        _validate.refuse(name, _validate.describe(value), wanted)
    return value[np.newaxis] if name == "read" else value


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes
    ----------
    question : str
    found : str
        The answer, in words and numbers.
    passed : bool
    where : str
        What of `report` says more.
    """

    question: str
    found: str
    passed: bool
    where: str


@dataclass(frozen=True, repr=False)
class Checks:
    """What `first_checks` found, in the order in which to look. Shows itself as a table."""

    checks: tuple

    def __iter__(self):
        return iter(self.checks)

    def __len__(self):
        return len(self.checks)

    @property
    def first(self):
        """The first check that did not pass; None where all did."""
        return next((check for check in self.checks if not check.passed), None)

    def __str__(self):
        return "\n".join(f"{'ok  ' if c.passed else 'LOOK'}  {c.question} {c.found} ({c.where})" for c in self.checks)

    __repr__ = __str__

    def _repr_markdown_(self):
        rows = ["| answer | question | found | look at |", "|---|---|---|---|"]
        rows += [
            f"| {'ok' if c.passed else '**look**'} | {c.question} | {c.found} | `{c.where}` |" for c in self.checks
        ]
        return re.sub(r"10\^(-?[\d.]+)", r"$10^{\1}$", "\n".join(rows))


def first_checks(source, x: ArrayLike | None = None, g: ArrayLike | None = None, precision: str = "bfloat16") -> Checks:
    """What to check first in a network of your own, in order. The numbers are those of `report`.

    Parameters
    ----------
    source, x, g
        As in `report`; or a `Report` that is there already, such as `resnotes.torch.report` makes, alone.
    precision : str
        The format that the network is to train in.

    Returns
    -------
    Checks
        Whether the path through shortcuts alone survives; whether the branches are small enough for their
        number (``init-bounded``); whether the gradient arrives; whether one unit spoils it; whether the
        format can hold it.

    Raises
    ------
    ValueError
        As `report`, for a format it does not know, for a report that comes with an x or a g, and for one without path
        lengths that has no shortcut product.
    """
    if precision not in FORMATS:
        _validate.refuse("precision", _validate.describe(precision), f"one of {tuple(FORMATS)}")
    found = _reported(source, x, g)
    limits = found.limits[precision]
    largest = float(np.max(found.log10_shortcut_product))
    said, where = f"largest singular value {_power(largest)}", "log10_shortcut_product"
    if math.isnan(largest):  # not formed: what came along that path is known all the same
        largest = float(found.log10_part[0] - found.log10_gradient[-1])
        said, where = f"what comes along it changes by {_power(largest)}", "log10_part"
    load = _load(found.log10_branch - found.log10_shortcut)
    top = 2 * DECADES * math.log(10)
    root, survives = found.depth**-0.5, abs(largest) <= DECADES
    span = f", {10.0**-DECADES:g} to {10.0**DECADES:g} wanted"
    said += span
    if not survives and found.depth > 1:
        said += f"; at {found.depth} units {_instead(found.depth)}"
    weaker = (
        f": each branch times {math.sqrt(top / load):.2g} or less; 1/√L is {root:.2g}{_in_front(found.depth)}"
        if top < load < math.inf
        else ""
    )
    alone = found.worst_unit is not None and found.depth > 1 and found.worst_share >= ALONE
    fits = limits.zero is None and limits.overflow is None and limits.states is None and limits.lost_units == 0
    return Checks((
        Check("Does the path through shortcuts alone survive?", said, survives, where),
        Check("Are the branches small enough for their number?",
              f"squared branch factors add up to {load:.1f}, at most {top:.1f} wanted" + weaker, load <= top, "log10_branch"),
        Check("Does the gradient arrive?",
              f"its length changes by {_power(found.log10_total)}{span}", found.verdict == "keeps its size", "log10_total"),
        Check("Does one unit spoil it?",
              f"unit {found.worst_unit} does {100 * found.worst_share:.0f} % of the change, less than {100 * ALONE:.0f} wanted"
              if alone else f"no, none does {100 * ALONE:.0f} % of the change", not alone,
              "worst_unit"),
        Check(f"Does {precision} hold it?",
              _limits_in_words(limits), fits, f"limits['{precision}']"),
    ))  # fmt: skip


def _instead(depth):
    """What keeps the path through the shortcuts at a depth."""
    deep = RECIPES["DeepNorm"].setting(depth)
    return (
        f"a gate's bias of {-math.log(depth):.2g} keeps a third of it, and after a post-LN {deep} nearly all; "
        "a normalisation moved from there to the front of the branch, all"
    )


def _in_front(depth):
    """What is set today where a normalisation stands in front of each branch."""
    said = (f"β = {RECIPES[name].branch(depth):.2g} ({name})" for name in ("depth-μP", "CompleteP"))
    return f"; or a normalisation in front of each, alone or with {' or '.join(said)}"


def _reported(source, x, g):
    if not isinstance(source, Report):
        return report(source, x, g)
    for name, value in (("x", x), ("g", g)):
        if value is not None:
            _validate.refuse(name, _validate.describe(value), "None, where a report comes: it was made with its own")
    if not len(source.log10_part) and np.isnan(source.log10_shortcut_product).any():
        _validate.refuse("source", "a report without path lengths", "one with them (lengths=0 will do)")
    return source


def _load(logs):
    """Sum of squares of the branches' factors beside their shortcuts'; infinite where a unit has no shortcut."""
    logs = logs[~np.isnan(logs)]
    with np.errstate(over="ignore", under="ignore"):
        return float(np.sum(10.0 ** (2 * logs)))


def _power(log):
    if log == -math.inf:
        return "0"
    return f"{10.0**log:.3g}" if abs(log) < 3 else f"10^{log:.1f}"


def _limits_in_words(limits):
    said = [
        f"{what} at state {state}"
        for what, state in (("gradient is 0", limits.zero), ("gradient overflows", limits.overflow),
                            ("states overflow", limits.states))
        if state is not None
    ]  # fmt: skip
    if limits.lost_units:
        said.append(f"{limits.lost_units} branches lost in the addition")
    return "; ".join(said) or "yes"
