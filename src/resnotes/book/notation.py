"""The notation: the rows of the table of symbols, as the registered equations show them.

The code of a row is Python that runs after ``SAMPLE``; the tests run it and compare the shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Symbol, preorder_traversal, sympify

from resnotes.book import EQUATIONS
from resnotes.symbolic import finite_precision, printing
from resnotes.symbolic.algebra import Application, Factor, Map, Mean, Norm, Partial, Scalar, Transpose
from resnotes.symbolic.symbols import DECLARED, Declared, E, J, x

#: What the expressions in code refer to: small networks and their passes.
SAMPLE = """\
from math import comb
import numpy as np
from resnotes import Affine, Network, Unit, four_layer, relu, softmax_cross_entropy, tanh
from resnotes.losses import cross_entropy, half_squared_error
from resnotes.initialisation import batch_strength, branch_strength
from resnotes.magnitudes import FORMATS, shortcut_product
from resnotes.normalisation import BatchNormTraining, LayerNorm
from resnotes.paths import gradient_by_shortcut, jacobian_by_length
from resnotes.precision import round_to, stall
from resnotes.recipes import streams_network
from resnotes.reports import report
from resnotes.shattered import angles, coactive_correlation, next_angle
from resnotes.shortcuts import Gate, Projection, Scale, StopGradient, Subsample, ZeroPad

rng = np.random.default_rng(0)
n, m, L, l, k = 3, 5, 4, 1, 2        # two widths, the depth, a unit, a layer
def draw(*shape):
    return rng.uniform(0.1, 1, shape)

# Residual units. The shortcut is a factor here; Identity() is another.
net = Network([Unit([Affine(draw(m, n), draw(m)), relu, Affine(draw(n, m), draw(n))], Scale(0.9), after=relu)
               for _ in range(L)])
trace = net.forward(draw(n))
grads = net.backward(trace, draw(n))
kept = net.units[l]
closed = Unit(kept.branch, StopGradient(kept.shortcut), kept.after)
stopped = Network([*net.units[:l], closed, *net.units[l + 1:]])

# The notes' four layers, and a target.
weights, biases = [draw(n, n) for _ in range(4)], [draw(n) for _ in range(4)]
states = four_layer.forward(weights, biases, draw(n))
p, logits, g5 = draw(n), draw(n), draw(n)

# One merge point, y = F(W u) + W_s o.
point = Network([Unit([Affine(draw(m, n)), tanh], Projection(draw(m, n)), after=relu)])
passed = point.forward(draw(n))
sent = point.backward(passed, draw(m))

# Identity shortcuts and nothing after the addition; and the same with one number a state.
plain = Network([Unit([Affine(draw(n, n)), tanh]) for _ in range(L)])
unrolled = plain.forward(draw(n))
chain = Network([Unit([Affine([[0.5]])], Scale(1.0)) for _ in range(L)])
numbers = chain.forward(draw(1))

# The units' Jacobians, the first to be applied in front, and a loss that is scaled.
factors = [D @ (H + J) for D, H, J in (unit.jacobians(at) for unit, at in zip(net.units, trace.units))]
S = 1024.0

# Batch normalisation: a batch of states, and a layer that holds its statistics.
batch = draw(6, n)
held = BatchNormTraining(n).fixed(batch)

# Shortcuts as operators: a gate, option A, masks of dropout.
gate, at_gate = Gate(draw(n, n), draw(n)), draw(n)
opening = gate.opening(at_gate)
pick = Subsample(1, 2, 5)            # five numbers for every three that are kept
pad = ZeroPad(pick.n_out, m)
masks = rng.random(L) < 0.5

# One branch with m hidden components, its factor, and a normalisation.
up, down = rng.standard_normal((m, n)), rng.standard_normal((n, m))
scaled = Network([Unit([Affine(up), relu, Affine(down), Scale(0.5)]) for _ in range(L)])
seen = scaled.forward(draw(n))
felt = scaled.backward(seen, draw(n))
norm = LayerNorm(epsilon=0)

# Two streams of n numbers, mixed by the same matrix in every unit.
mixing, reads, writes = np.array([[0.7, 0.3], [0.3, 0.7]]), np.full(2, 0.5), np.ones(2)
parallel = streams_network(rng.standard_normal((L, 2, n, n)), mixing, reads, writes)
flow = parallel.forward(draw(2 * n))
back = parallel.backward(flow, draw(2 * n))

# One head over three positions, and what reads logits off.
T, t, s = 3, 2, 0
sequence, query, key, value, reader = draw(T, n), draw(m, n), draw(m, n), draw(m, n), draw(m, n)
looks = np.exp(sequence @ query.T @ (sequence @ key.T).T)
looks /= looks.sum(axis=1, keepdims=True)
"""


@dataclass(frozen=True)
class Entry:
    """One symbol: its row of the table, and the symbol as the book writes it."""

    row: Declared
    symbol: Expr

    @property
    def latex(self) -> str:
        """LaTeX of the symbol, without delimiters."""
        return printing.latex(self.symbol)

    @property
    def key(self) -> tuple:
        """What it shares with the same symbol at other indices; see :func:`key`."""
        return key(self.symbol)


#: The identity matrix, which the algebra writes as the number 1.
IDENTITY = Factor("I")
_SIGNS = (Norm, Mean, Partial, Transpose)


def key(node: Expr) -> tuple | None:
    """What identifies a symbol whatever its indices: kind, name, number of indices. None for no symbol."""
    if isinstance(node, Application):
        return key(node.function)
    if isinstance(node, (Map, Factor)):
        kind = "map" if isinstance(node, Map) else "number" if isinstance(node, Scalar) else "matrix"
        return kind, node.name, len(node.indices)
    if isinstance(node, Symbol):  # a limit holds its direction as a symbol
        return None if node.name in ("+", "-") else ("index", node.name)
    if isinstance(node, finite_precision.fl):
        return "function", "fl"
    if isinstance(node, _SIGNS):
        return type(node).__name__, getattr(node, "kind", "") if isinstance(node, Norm) else ""
    return None


def shown(expression: Expr) -> set[tuple]:
    """The keys of all symbols that a reader sees in an expression.

    A map holds the symbol of its Jacobian, which is not printed and does not count.
    """
    keys, walk = set(), preorder_traversal(expression)
    for node in walk:
        keys.add(key(node))
        if isinstance(node, Map):
            walk.skip()
            keys.update(key(symbol) for index in node.indices for symbol in index.free_symbols)
        if node.is_Add and not node.is_commutative and 1 in {abs(term) for term in node.args if term.is_Number}:
            keys.add(key(IDENTITY))
    return keys - {None}


def used() -> dict[tuple, list[str]]:
    """Key of each symbol of the registered equations -> labels of the equations that show it, in order."""
    labels: dict[tuple, list[str]] = {}
    for label, entry in EQUATIONS.items():
        for symbol in shown(entry.expression):
            labels.setdefault(symbol, []).append(label)
    return labels


#: How what is no quantity is shown: a way of writing, on an example.
_WAYS = {
    ("partial", ""): Partial(E, x(Symbol("k", integer=True))),
    ("transpose", ""): Transpose(J(Symbol("l", integer=True))),
    ("norm", ""): Norm(Factor("g")),
    ("norm", "2"): Norm(Factor("J"), "2"),
    ("norm", "F"): Norm(Factor("J"), "F"),
    ("norm", "1"): Norm(Factor("g"), "1"),
    ("mean", ""): Mean(Norm(Factor("g"))),
    ("rounding", "fl"): finite_precision.fl(Scalar("t")),
}


def symbol(row: Declared) -> Expr:
    """The expression that a row of the table is about.

    Raises
    ------
    ValueError
        If the row is of a kind that there is not.
    """
    indices = [Symbol(k, integer=True) if k.isalpha() else sympify(k) for k in row.indices]
    if row.kind in ("matrix", "number"):
        return (Factor if row.kind == "matrix" else Scalar)(row.name, *indices)
    if row.kind == "map":
        found = Map(row.name, Factor("I"), *indices)
        return found(Factor(row.of, *indices)) if row.of else found
    if row.kind == "index":
        return Symbol(row.name, integer=True)
    if (row.kind, row.name) in _WAYS:
        return _WAYS[row.kind, row.name]
    raise ValueError(
        f"symbols.toml, {row.name}: got the kind {row.kind}, want matrix, number, map, index or a way of writing"
    )


_ORDER = list(EQUATIONS)
#: In the order in which the book introduces them.
NOTATION: tuple[Entry, ...] = tuple(
    sorted(
        (Entry(row, symbol(row)) for row in DECLARED if row.introduced),
        key=lambda entry: _ORDER.index(entry.row.introduced),
    )
)
