"""Every symbol of the book: its meaning, its name in code, its shape, the equation that introduces it.

The symbols are expressions of the ordered algebra, so the book's one printer sets them. The code is Python
that runs after ``SAMPLE``; the tests run it and compare the shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Symbol, preorder_traversal

from resnotes.book import EQUATIONS
from resnotes.symbolic import (
    at_initialisation,
    at_least,
    before_or_after,
    finite_precision,
    forward_pass,
    lambda_scaling,
    merge_point,
    printing,
    shattered_gradients,
    shortcuts_as_operators,
    thousands_of_layers,
    unrolled_sum,
    your_own_network,
)
from resnotes.symbolic.algebra import Application, Factor, L, Map, Mean, Norm, Partial, Scalar, Transpose, i, j, l
from resnotes.symbolic.backward_pass import K, a, theta, upstream
from resnotes.symbolic.quantities import D, E, F, H, J, W, after, b, g, lam, relu, shortcut, x, y

#: What the expressions in code refer to: small networks and their passes.
SAMPLE = """\
from math import comb
import numpy as np
from resnotes import Affine, Network, Unit, four_layer, relu, softmax_cross_entropy, tanh
from resnotes.losses import cross_entropy, half_squared_error
from resnotes.initialisation import branch_strength
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
"""


@dataclass(frozen=True)
class Entry:
    """One symbol.

    Attributes
    ----------
    symbol : Expr
        As the book writes it, with an index where it takes one.
    words : str
        Its name; Markdown.
    code : str
        A Python expression that gives it, after ``SAMPLE``.
    shape : tuple of str and int, or None
        Of the array that ``code`` gives: () for a number, None for a map.
    introduced : str
        Label of the registered equation that introduces it.
    because : str
        Why that is not the first equation in which it occurs; empty where it is.
    """

    symbol: Expr
    words: str
    code: str
    shape: tuple | None
    introduced: str
    because: str = ""

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


_JACOBIANS = "net.units[l].jacobians(trace.units[l])"
_SHARE = "(jacobian_by_length(chain, numbers)[k] / chain.jacobian(numbers))[0, 0]"
_row = Factor("g")

_ENTRIES = (
    # 1. Forward pass
    Entry(
        F(forward_pass.k),
        "branch of unit $k$; in the notes' network, layer $k$",
        "net.units[l].branch",
        None,
        "forward-affine",
    ),
    Entry(forward_pass.k, "number of a layer, of a component, or of branches on a path", "k", (), "forward-affine"),
    Entry(
        x(forward_pass.k),
        "state that enters unit $k$, a column; $x_0$ is the input, $x_L$ the output; "
        "the notes' network has $x_1$ to $x_5$",
        "trace.states[l]",
        ("n",),
        "forward-affine",
    ),
    Entry(W(forward_pass.k), "weight matrix of layer $k$", "weights[k - 1]", ("n", "n"), "forward-affine"),
    Entry(b(forward_pass.k), "bias of layer $k$, a column", "biases[k - 1]", ("n",), "forward-affine"),
    Entry(
        relu(0),
        r"$\max(t, 0)$, component by component; its derivative at $0$ is $0$",
        "relu",
        None,
        "forward-four-layers",
    ),
    Entry(
        y(l),
        "sum at the end of unit $l$, before what comes after the addition",
        "trace.units[l].sum",
        ("n",),
        "forward-unit",
    ),
    Entry(l, r"index of a unit, $0 \le l < L$", "l", (), "forward-unit"),
    Entry(shortcut(l), "shortcut of unit $l$", "net.units[l].shortcut", None, "forward-unit"),
    Entry(after(0), "what comes after the addition", "net.units[l].after", None, "forward-unit"),
    Entry(
        forward_pass.softmax(forward_pass.k),
        "component $k$ of softmax, which is positive and sums to $1$",
        "(np.exp(states['x5']) / np.exp(states['x5']).sum())[k - 1]",
        (),
        "forward-softmax",
    ),
    Entry(forward_pass.output(forward_pass.k), "component $k$ of $x_5$", "states['x5'][k - 1]", (), "forward-softmax"),
    Entry(forward_pass.n, "number of components", "len(states['x5'])", (), "forward-softmax"),
    Entry(forward_pass.m, "index of a sum over components", "m", (), "forward-softmax"),
    Entry(
        E,
        "loss; the letter $L$ is the depth",
        "softmax_cross_entropy(states['x5'], p)[0]",
        (),
        "forward-loss",
    ),
    Entry(forward_pass.target(forward_pass.k), "component $k$ of the target", "p[k - 1]", (), "forward-loss"),
    Entry(
        Partial(E, x(forward_pass.k)),
        "derivative in numerator layout: a row for each component on top, a column for "
        "each component below; in the shape of the parameter where that is a weight",
        "grads.states[l]",
        ("n",),
        "forward-loss-gradient",
    ),
    Entry(
        Scalar("Eliteral"),
        "loss, read as the notes print it",
        "cross_entropy(states['x5'], p)[0]",
        (),
        "forward-literal",
    ),
    Entry(
        Scalar("Esquared"),
        "loss, read as half the squared distance",
        "half_squared_error(states['x5'], p)[0]",
        (),
        "forward-squared",
    ),
    Entry(
        forward_pass.logit(forward_pass.k),
        "component $k$ of the logits, if $x_5$ is already a softmax",
        "logits[k - 1]",
        (),
        "forward-logits",
    ),
    # 2. Backward pass
    Entry(g(forward_pass.k), r"gradient of the loss at $x_k$, a row", "grads.states[l]", ("n",), "backward-row"),
    Entry(
        D(l),
        "Jacobian of what comes after the addition, at $y_l$; diagonal where that acts component by "
        "component; in the notes' network, $D_k$ belongs to the ReLU that produces $x_k$",
        f"{_JACOBIANS}[0]",
        ("n", "n"),
        "backward-local",
    ),
    Entry(
        J(l),
        "Jacobian of the branch (or layer) $F_l$ at its own input",
        f"{_JACOBIANS}[2]",
        ("n", "n"),
        "backward-local",
    ),
    Entry(IDENTITY, "identity matrix", "np.eye(n)", ("n", "n"), "backward-g3"),
    Entry(
        Factor("gprinted", forward_pass.k),
        "what the notes print for $g_k$; here for $k = 3$",
        "four_layer.gradients(weights, biases, states['x1'], g5)['x3']"
        " + g5 * (states['y5'] > 0) @ weights[3] * (states['y4'] > 0) @ weights[2]",
        ("n",),
        "backward-double-count",
    ),
    Entry(Transpose(J(l)), "transpose", f"{_JACOBIANS}[2].T", ("n", "n"), "backward-weights"),
    Entry(H(l), "Jacobian of the shortcut at $x_l$", f"{_JACOBIANS}[1]", ("n", "n"), "backward-unit"),
    Entry(L, "depth, the number of units", "len(net.units)", (), "backward-product"),
    Entry(i, "running index of a product or sum over units", "l", (), "backward-product"),
    Entry(
        a(forward_pass.k),
        "state behind layer $k$ inside a block; $a_0$ is the block's input",
        "trace.units[l].branch[2]",
        ("m",),
        "backward-block-inside",
    ),
    Entry(upstream, "gradient at the sum behind a block", "grads.units[l].sum", ("n",), "backward-block-inside"),
    Entry(
        K,
        "number of layers in a block",
        "len([layer for layer in net.units[l].branch if isinstance(layer, Affine)])",
        (),
        "backward-block-inside",
    ),
    Entry(j, "a second running index", "l", (), "backward-block-inside"),
    Entry(
        theta,
        "a parameter of the branch of unit $l$",
        "net.units[l].branch[0].weight",
        ("m", "n"),
        "backward-own-block",
    ),
    Entry(
        Factor("gstop", l),
        "gradient at $x_l$ when unit $l$'s shortcut sends nothing back",
        "stopped.backward(stopped.forward(trace.states[0]), grads.states[-1]).states[l]",
        ("n",),
        "backward-stop",
    ),
    # 3. Merge point
    Entry(
        merge_point.x,
        r"what the activation is applied to, $W u$",
        "passed.units[0].branch[1]",
        ("m",),
        "merge-question",
    ),
    Entry(
        merge_point.W,
        "weight in front of the activation",
        "point.units[0].branch[0].weight",
        ("m", "n"),
        "merge-question",
    ),
    Entry(merge_point.u, "output of the layer before", "passed.units[0].branch[0]", ("n",), "merge-question"),
    Entry(merge_point.y, "sum at the merge point", "passed.units[0].sum", ("m",), "merge-question"),
    Entry(merge_point.F, "activation on the branch", "point.units[0].branch[1]", None, "merge-question"),
    Entry(
        merge_point.o,
        "where the skip starts: some earlier output; it has the shape of $y$ unless a projection stands between",
        "passed.units[0].branch[0]",
        ("n",),
        "merge-question",
    ),
    Entry(
        merge_point.J,
        "Jacobian of the branch $F$",
        "tanh.jacobian(passed.units[0].branch[1])",
        ("m", "m"),
        "merge-local",
    ),
    Entry(_row, "gradient that arrives from above, a row", "sent.units[0].sum", ("m",), "merge-copies"),
    Entry(
        Factor("Winv"),
        "inverse of $W$, for a square $W$ that has one",
        "np.linalg.inv(weights[0])",
        ("n", "n"),
        "merge-inverse",
    ),
    Entry(
        merge_point.z(l),
        "state $l$ layers behind the start of a skip",
        "unrolled.states[l]",
        ("n",),
        "merge-distance",
    ),
    Entry(
        merge_point.m,
        "number of layers under a skip",
        "len(plain.units)",
        (),
        "merge-distance",
        "In chapter 1 the same letter runs over components.",
    ),
    Entry(
        merge_point.Ws,
        "projection on the shortcut",
        "point.units[0].shortcut.weight",
        ("m", "n"),
        "merge-projected",
    ),
    Entry(
        merge_point.delta,
        "gradient that arrives from above, as a column",
        "sent.units[0].sum[:, np.newaxis]",
        ("m", 1),
        "merge-columns",
    ),
    Entry(Scalar("o", forward_pass.k), "component $k$ of $o$", "passed.units[0].branch[0][k - 1]", (), "merge-padded"),
    Entry(Scalar("g", forward_pass.k), "component $k$ of $g$", "sent.units[0].sum[k - 1]", (), "merge-padded"),
    Entry(merge_point.a, "output behind the merge point", "passed.units[0].output", ("m",), "merge-after"),
    Entry(
        merge_point.D,
        "Jacobian of what comes after the addition",
        "relu.jacobian(passed.units[0].sum)",
        ("m", "m"),
        "merge-after-gradient",
    ),
    # 4. Lambda scaling
    Entry(lam(l), "factor on the shortcut of unit $l$", "net.units[l].shortcut.weight", (), "scaling-unit"),
    Entry(
        lambda_scaling.Lambda,
        r"product of the factors from unit $l$ to unit $L - 1$",
        "float(shortcut_product([unit.shortcut.weight for unit in net.units[l:]]))",
        (),
        "scaling-shortcut-product",
    ),
    Entry(
        lambda_scaling.Fhat.subs(i, l)(x(l)),
        "branch of unit $l$ times the factors that come after it",
        "float(shortcut_product([unit.shortcut.weight for unit in net.units[l + 1:]])) * trace.units[l].branch_output",
        ("n",),
        "scaling-branch-hat",
    ),
    Entry(
        lambda_scaling.lam0,
        "factor on every shortcut, where all are equal",
        "chain.units[l].shortcut.weight",
        (),
        "scaling-scalar",
    ),
    Entry(
        lambda_scaling.r,
        "derivative of every branch, where all are equal and states are numbers",
        "chain.units[l].branch[0].weight[0, 0]",
        (),
        "scaling-scalar",
    ),
    Entry(
        lambda_scaling.n,
        "number of factors or units",
        "len(chain.units)",
        (),
        "scaling-below",
        "In chapters 1 and 6 the same letter is the number of components.",
    ),
    # 5. Unrolled sum
    Entry(
        unrolled_sum.T(l),
        "the term beside the identity: all paths but the one through shortcuts alone",
        "plain.jacobian(unrolled, l) - np.eye(n)",
        ("n", "n"),
        "unrolled-term",
    ),
    Entry(
        Scalar("T", 0),
        "the same where states are numbers",
        "chain.jacobian(numbers)[0, 0] - 1",
        (),
        "unrolled-scalar-term",
    ),
    Entry(
        unrolled_sum.M,
        "any matrix in the place of $T_l$",
        "plain.jacobian(unrolled, l) - np.eye(n)",
        ("n", "n"),
        "unrolled-cancel",
    ),
    Entry(
        unrolled_sum.P(l, unrolled_sum.k),
        "all paths from $x_l$ to $x_L$ through exactly $k$ branches, added up",
        "jacobian_by_length(net, trace, l)[k]",
        ("n", "n"),
        "unrolled-by-length",
    ),
    Entry(
        unrolled_sum.w(unrolled_sum.k),
        "share of the gradient that passes through exactly $k$ branches",
        _SHARE,
        (),
        "unrolled-share",
    ),
    # 6. What is true instead of "at least"
    Entry(
        Norm(at_least.g),
        "Euclidean length of a row or column",
        "np.linalg.norm(grads.states[l])",
        (),
        "at-least-lower",
    ),
    Entry(
        Norm(at_least.J, "2"),
        "spectral norm, the largest singular value",
        f"np.linalg.norm({_JACOBIANS}[2], 2)",
        (),
        "at-least-lower",
    ),
    Entry(
        Mean(Norm(at_least.g)),
        "mean over what is random",
        "np.mean([np.linalg.norm(draw(n)) for _ in range(100)])",
        (),
        "at-least-zero-mean",
    ),
    Entry(at_least.trace, "trace, the sum of the diagonal", f"np.trace({_JACOBIANS}[2])", (), "at-least-isotropic"),
    Entry(
        Norm(at_least.J, "F"),
        "Frobenius norm, the root of the sum of squares",
        f"np.linalg.norm({_JACOBIANS}[2])",
        (),
        "at-least-isotropic",
    ),
    Entry(
        at_least.c,
        r"a number such that every branch's spectral norm is at most $c/L$",
        "L * max(np.linalg.norm(unit.jacobians(at)[2], 2) for unit, at in zip(net.units, trace.units))",
        (),
        "at-least-chain-lower",
    ),
    # 7. Shortcuts as operators
    Entry(
        shortcuts_as_operators.smallest(i),
        "smallest singular value of $H_i$",
        f"np.linalg.svd({_JACOBIANS}[1], compute_uv=False)[-1]",
        (),
        "operators-lower",
    ),
    Entry(
        shortcuts_as_operators.largest(i),
        "largest singular value of $H_i$",
        f"np.linalg.svd({_JACOBIANS}[1], compute_uv=False)[0]",
        (),
        "operators-upper",
    ),
    Entry(
        shortcuts_as_operators.U(i),
        "an orthogonal matrix",
        "np.linalg.qr(draw(n, n))[0]",
        ("n", "n"),
        "operators-rotation",
    ),
    Entry(
        shortcuts_as_operators.opening(l),
        "diagonal matrix of the opening of unit $l$'s gate at $x_l$",
        "np.diag(opening)",
        ("n", "n"),
        "operators-gate",
    ),
    Entry(
        shortcuts_as_operators.state_diagonal(l),
        "diagonal matrix of the state $x_l$",
        "np.diag(at_gate)",
        ("n", "n"),
        "operators-gate",
    ),
    Entry(
        shortcuts_as_operators.opening_jacobian(l),
        "Jacobian of the gate's opening at $x_l$",
        "-(opening * (1 - opening))[:, np.newaxis] * gate.weight",
        ("n", "n"),
        "operators-gate",
    ),
    Entry(shortcuts_as_operators.V(l), "weight of unit $l$'s gate", "gate.weight", ("n", "n"), "operators-sigmoid"),
    Entry(
        shortcuts_as_operators.bias,
        "bias of every gate, where all are equal",
        "gate.bias[0]",
        (),
        "operators-gate-start",
    ),
    Entry(
        shortcuts_as_operators.branch_diagonal(l),
        "diagonal matrix of the branch's output $F_l(x_l)$",
        "np.diag(trace.units[l].branch_output)",
        ("n", "n"),
        "operators-exclusive",
    ),
    Entry(
        shortcuts_as_operators.m(i),
        "mask of one component in unit $i$, $0$ or $1$",
        "int(masks[l])",
        (),
        "operators-dropout",
    ),
    Entry(shortcuts_as_operators.q, "probability that a mask is $1$", "0.5", (), "operators-dropout"),
    Entry(shortcuts_as_operators.Z, "zero-padding", "pad.jacobian(draw(n))", ("m", "n"), "operators-stride"),
    Entry(
        shortcuts_as_operators.Q,
        "stride: picks some of the positions",
        "pick.jacobian(draw(10))",
        ("n", 10),
        "operators-stride",
    ),
    Entry(shortcuts_as_operators.ones, "column of ones", "np.ones((n, 1))", ("n", 1), "operators-stochastic-mean"),
    Entry(
        shortcuts_as_operators.C,
        "matrix that subtracts the mean of a row's entries; in chapter 8, the mean over the batch",
        "np.eye(n) - 1 / n",
        ("n", "n"),
        "operators-centre",
    ),
    Entry(
        shortcuts_as_operators.second(i),
        "second largest singular value of $H_i$",
        f"np.linalg.svd({_JACOBIANS}[1], compute_uv=False)[1]",
        (),
        "operators-stochastic-rest",
    ),
    # 10. Shattered gradients
    Entry(
        shattered_gradients.correlation(l),
        "correlation of the gradients at two inputs",
        "coactive_correlation(L - l)",
        (),
        "shattered-definition",
    ),
    Entry(
        shattered_gradients.gprime(l),
        r"gradient at the second input's state",
        "felt.states[l]",
        ("n",),
        "shattered-definition",
    ),
    Entry(
        shattered_gradients.Jprime,
        "Jacobian of the branch at the second input",
        "scaled.units[l].jacobians(seen.units[l])[2]",
        ("n", "n"),
        "shattered-branch",
    ),
    Entry(
        shattered_gradients.Phiprime,
        "Jacobian of the branch's ReLU at the second input",
        "relu.jacobian(seen.units[l].branch[1])",
        ("m", "m"),
        "shattered-branch",
    ),
    Entry(
        shattered_gradients.p, "probability that a component is active for both inputs", "0.25", (), "shattered-branch"
    ),
    Entry(
        shattered_gradients.theta,
        "angle between the states of two inputs",
        "next_angle(np.pi / 2)",
        (),
        "shattered-coactive",
    ),
    Entry(shattered_gradients.angle(l), "the same in front of unit $l$", "angles(L)[l]", (), "shattered-angle"),
    Entry(
        shattered_gradients.beta,
        "factor on every branch, where all are equal",
        "scaled.units[l].branch[3].weight",
        (),
        "shattered-angle",
    ),
    Entry(
        shattered_gradients.w,
        r"share of the branch, $\kappa\beta^2/(\lambda^2 + \kappa\beta^2)$",
        "branch_strength([2.0, 1.0]) / (1 + branch_strength([2.0, 1.0]))",
        (),
        "shattered-step",
    ),
    Entry(
        shattered_gradients.tau,
        "how fast the square of the spread grows, a unit",
        "1 - 1 / np.pi",
        (),
        "shattered-normalised",
    ),
    # 11. Finite precision
    Entry(
        finite_precision.u,
        r"unit roundoff: half the gap between $1$ and the next number of a format",
        "2.0 ** -FORMATS['bfloat16'].precision",
        (),
        "precision-roundoff",
    ),
    Entry(
        finite_precision.p,
        "bits of precision of a format, the hidden one included",
        "FORMATS['bfloat16'].precision",
        (),
        "precision-roundoff",
        "In chapter 10 the same letter is a probability.",
    ),
    Entry(
        finite_precision.fl(finite_precision.t),
        "nearest number of a format, of two equally near ones the even one",
        "round_to(0.999, 'bfloat16')",
        (),
        "precision-relative",
    ),
    Entry(finite_precision.t, "a real number", "draw()", (), "precision-relative"),
    Entry(
        finite_precision.eta,
        "smallest positive number of a format",
        "FORMATS['bfloat16'].smallest_subnormal",
        (),
        "precision-subnormal",
    ),
    Entry(
        finite_precision.kstar,
        r"where the rounded powers of $\lambda$ rest, in multiples of $\eta$",
        "stall(0.9, 'float16')",
        (),
        "precision-stall",
    ),
    Entry(finite_precision.entry, "one entry of a state", "trace.states[l][0]", (), "precision-lost"),
    Entry(
        finite_precision.branch, "the same entry of a branch", "trace.units[l].branch_output[0]", (), "precision-lost"
    ),
    Entry(finite_precision.scale, "factor on the loss", "S", (), "precision-scale"),
    Entry(
        finite_precision.gscaled(l),
        "gradient of $S$ times the loss",
        "net.backward(trace, S * grads.states[-1]).states[l]",
        ("n",),
        "precision-scale",
    ),
    Entry(
        finite_precision.Q(l),
        r"orthogonal matrix in front of unit $l$",
        "np.linalg.qr(factors[l - 1])[0]",
        ("n", "n"),
        "precision-qr-step",
    ),
    Entry(
        finite_precision.A(l),
        "factor of a long product, such as the Jacobian of unit $l$",
        "factors[l]",
        ("n", "n"),
        "precision-qr-step",
    ),
    Entry(
        finite_precision.R(l),
        "triangular matrix of unit $l$",
        "np.linalg.qr(factors[l] @ np.linalg.qr(factors[l - 1])[0])[1]",
        ("n", "n"),
        "precision-qr-step",
    ),
    Entry(
        finite_precision.sigma(forward_pass.k),
        "singular value of a product, the largest first",
        "np.linalg.svd(net.jacobian(trace), compute_uv=False)[k - 1]",
        (),
        "precision-qr-sum",
        "In chapter 8 the same letter is what a normalisation divides by.",
    ),
    Entry(
        finite_precision.rho(l, forward_pass.k),
        "diagonal entry $k$ of $R_l$",
        "np.linalg.qr(factors[l] @ np.linalg.qr(factors[l - 1])[0])[1][k - 1, k - 1]",
        (),
        "precision-qr-sum",
    ),
    # 13. From here to thousands of layers
    Entry(
        thousands_of_layers.fixup_branch,
        "a branch with all its weights but the last divided by a root of $L$",
        "scaled.units[l].branch",
        None,
        "depths-fixup",
    ),
    Entry(
        thousands_of_layers.streams(l),
        "streams that enter unit $l$, one a row",
        "flow.states[l].reshape(2, n)",
        (2, "n"),
        "depths-streams",
        "In chapter 7 the same letter is the state on a diagonal.",
    ),
    Entry(
        thousands_of_layers.write(l),
        "how much the branch of unit $l$ writes into each stream, a column",
        "writes",
        (2,),
        "depths-streams",
    ),
    Entry(thousands_of_layers.read(l), "how much it reads of each stream, a row", "reads", (2,), "depths-streams"),
    Entry(
        thousands_of_layers.gradients(l),
        "gradient of the loss at $X_l$, in its shape",
        "back.states[l].reshape(2, n)",
        (2, "n"),
        "depths-streams-moment",
        "In chapter 7 the same letter is the Jacobian of a gate's opening.",
    ),
    Entry(
        thousands_of_layers.inner(l),
        "mean inner products of the streams' gradients over the weights of the units from $l$ on",
        "back.states[l].reshape(2, n) @ back.states[l].reshape(2, n).T",
        (2, 2),
        "depths-streams-moment",
    ),
    # 14. Your own network
    Entry(
        your_own_network.q(l, forward_pass.k),
        "part of the gradient at $x_l$ that comes through exactly $k$ branches, a row",
        "grads.states[-1] @ jacobian_by_length(net, trace, l)[k]",
        ("n",),
        "report-lengths",
    ),
    Entry(
        unrolled_sum.w(unrolled_sum.k),
        "share of the gradient at the input that passes through exactly $k$ branches, measured along it",
        "report(net, trace.states[0], grads.states[-1]).share[k]",
        (),
        "report-share",
        "In chapter 5 states are numbers, and the share is a quotient.",
    ),
    # 8. Before or after the activation
    Entry(
        before_or_after.gskip(l),
        "part of $g_l$ that the path through shortcuts alone carries",
        "gradient_by_shortcut(net, trace, grads.states[-1])[l]",
        ("n",),
        "after-direct",
    ),
    Entry(
        before_or_after.q(lambda_scaling.n),
        "share of random walks whose first $n$ partial sums are all positive",
        "comb(2 * L, L) / 4**L",
        (),
        "after-first-minimum",
    ),
    Entry(
        before_or_after.normalised_in,
        "component $k$ of the sum $y_l$",
        "trace.units[l].sum[k - 1]",
        (),
        "after-norm",
    ),
    Entry(before_or_after.mu_k, "mean that a normalisation subtracts", "held.mean[k - 1]", (), "after-norm"),
    Entry(
        before_or_after.sigma_k,
        r"what a normalisation divides by: the root of a variance plus $\varepsilon$",
        "np.sqrt(held.variance + held.epsilon)[k - 1]",
        (),
        "after-norm",
    ),
    Entry(
        before_or_after.gamma(before_or_after.component),
        "gain of a normalisation, a parameter",
        "held.weight[k - 1]",
        (),
        "after-norm",
    ),
    Entry(before_or_after.beta_k, "shift of a normalisation, a parameter", "held.bias[k - 1]", (), "after-norm"),
    Entry(
        before_or_after.v(l),
        "variance of what branch $l$ adds to a component, with normalised states",
        "trace.units[l].branch_output.var()",
        (),
        "after-norm-share",
    ),
    Entry(before_or_after.t, "one component's values over a batch, a column", "batch[:, :1]", (6, 1), "after-batch"),
    Entry(before_or_after.B, "number of samples in a batch", "len(batch)", (), "after-batch"),
    Entry(
        before_or_after.sigma,
        "the same root, for one component and the statistics of its batch",
        "np.sqrt(held.variance[0] + held.epsilon)",
        (),
        "after-batch",
    ),
    Entry(before_or_after.epsilon, "small number under that root", "held.epsilon", (), "after-batch"),
    Entry(
        before_or_after.t_hat,
        "the column $t$, normalised",
        "BatchNormTraining(1).forward(batch[:, :1])",
        (6, 1),
        "after-batch",
    ),
    Entry(
        before_or_after.N,
        r"Jacobian of $\gamma\hat t + \beta$ with respect to $t$",
        "BatchNormTraining(1).batch_jacobian(batch[:, :1])",
        (6, 6),
        "after-batch-jacobian",
    ),
    Entry(before_or_after.gain, "the same gain, for one component", "held.weight[0]", (), "after-batch-jacobian"),
    # 9. Gradients at initialisation
    Entry(
        at_initialisation.beta(l),
        "factor on the branch of unit $l$",
        "scaled.units[l].branch[3].weight",
        (),
        "init-unit",
        "In chapter 8 the same letter is the shift of a normalisation.",
    ),
    Entry(
        at_initialisation.A,
        "any matrix with as many rows and columns as the state",
        "np.eye(n)",
        ("n", "n"),
        "init-branch",
    ),
    Entry(
        at_initialisation.Phi,
        "Jacobian of a ReLU inside a branch: a diagonal of zeros and ones",
        "relu.jacobian(seen.units[l].branch[1])",
        ("m", "m"),
        "init-branch",
    ),
    Entry(at_initialisation.trA, "trace of $A$", "np.trace(np.eye(n))", (), "init-branch"),
    Entry(
        at_initialisation.variance(forward_pass.k),
        "variance of the entries of $W_k$ at initialisation, times the number of columns of $W_k$",
        "np.var(up) * n",
        (),
        "init-branch",
        "In chapter 8 the same letter is the variance of what a branch adds.",
    ),
    Entry(at_initialisation.h, "width of a branch's hidden layer", "len(up)", (), "init-branch"),
    Entry(
        at_initialisation.q,
        "share of positive components of the state",
        "np.mean(seen.states[l] > 0)",
        (),
        "init-relu-first",
        "In chapter 7 the same letter is the probability that a mask is $1$.",
    ),
    Entry(
        at_initialisation.second(l),
        r"mean of $g_l^{\top} g_l$ over the weights of the units from $l$ on",
        "np.mean([felt.states[l][:, np.newaxis] * felt.states[l]], axis=0)",
        ("n", "n"),
        "init-second-moment",
        "In chapter 7 the same letter is the opening of a gate.",
    ),
    Entry(
        at_initialisation.trace(l),
        "its trace",
        "np.trace(felt.states[l][:, np.newaxis] * felt.states[l])",
        (),
        "init-second-moment",
    ),
    Entry(
        at_initialisation.kappa,
        "strength of a branch: the mean factor on the squared length of a gradient",
        "branch_strength([2.0, 1.0])",
        (),
        "init-second-moment",
    ),
    Entry(
        at_initialisation.alpha,
        "one factor on a branch that is learned",
        "scaled.units[l].branch[3].weight",
        (),
        "init-zero-scale",
    ),
    Entry(
        at_initialisation.state,
        "state at one unit",
        "seen.states[l]",
        ("n",),
        "init-zero-last",
        "In chapter 3 the same letter is what the activation is applied to.",
    ),
    Entry(
        at_initialisation.whole_branch,
        "branch of one unit",
        "scaled.units[l].branch",
        None,
        "init-zero-scale",
        "In chapter 3 the same letter is the activation on the branch.",
    ),
    Entry(at_initialisation.z, "state after layer normalisation", "norm(seen.states[l])", ("n",), "init-norm"),
    Entry(
        at_initialisation.std, "standard deviation of the components of $x$", "np.std(seen.states[l])", (), "init-norm"
    ),
    Entry(
        at_initialisation.N,
        "Jacobian of the normalisation",
        "norm.jacobian(seen.states[l])",
        ("n", "n"),
        "init-pre-unit",
        "In chapter 8 the same letter is the Jacobian of a batch normalisation.",
    ),
)
#: In the order in which the book introduces them.
NOTATION: tuple[Entry, ...] = tuple(sorted(_ENTRIES, key=lambda entry: list(EQUATIONS).index(entry.introduced)))
