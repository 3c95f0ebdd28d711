"""What shows the sentences of chapter 9."""

from functools import cache
from itertools import product
from math import log, pi, sqrt

import numpy as np

from resnotes import Affine, BatchNormTraining, LayerNorm, Network, Unit, identity, relu
from resnotes.attention import Attention
from resnotes.book.statements.places import Place, close, seen, settings, source_of
from resnotes.book.statements.statement import Grounds
from resnotes.initialisation import (
    attention_strength,
    batch_strength,
    branch_strength,
    draw_weights,
    expected_gain,
    growing_gain,
    residual_network,
)
from resnotes.paths import gradient_by_shortcut
from resnotes.shortcuts import Absent, Identity, Scale

# One branch, all of its weights written out.

#: Values an entry takes, equally likely.
ENTRIES = {
    "1, -1": (1, -1),
    "3, 1, -1, -3": (3, 1, -1, -3),
    "3, 1, -2, -2": (3, 1, -2, -2),  # as often negative as positive, mean 0, and not symmetric
    "2, 1": (2, 1),
}


@cache
def branch_means(first, last, x, shared=False, front=False, bias=0.0):
    """The means of J and of J^T A J over all weights, for A = diag(1, 3, ...), and what the law makes of the latter."""
    n = h = len(x)
    A = np.diag(2.0 * np.arange(n) + 1)
    state, J_mean, square, count = np.array(x, float), 0, 0, 0
    for entries in product(ENTRIES[first], repeat=n * h):
        W1 = np.reshape(entries, (h, n)).astype(float)
        for others in (entries,) if shared else product(ENTRIES[last], repeat=n * h):
            W2 = np.reshape(others, (n, h)).astype(float)
            J = W1 @ np.diag(state > 0) if front else W2 @ np.diag(W1 @ state + bias > 0) @ W1
            J_mean, square, count = J_mean + J, square + J.T @ A @ J, count + 1
    squares = [np.mean(np.square(ENTRIES[name])) for name in (first, last)]
    return J_mean / count, square / count, h * squares[0] * squares[1] * np.trace(A) / 2 * np.eye(n)


BRANCHES = settings(
    *(
        {"first": first, "last": last, "x": x, "shared": shared}
        for x in ((1,), (-2,), (1, 2), (1, 1), (0,))
        for first in ENTRIES
        for last in ("1, -1", "2, 1")
        for shared in (False, True)
        if len(x) < 2 or (first == "1, -1" and last == first)
    )
)


def means(s):
    return branch_means(s.first, s.last, s.x, s.shared)


def mean_zero(s):
    return close(means(s)[0], 0)


def branch_law(s):
    return close(means(s)[1], means(s)[2])


def no_tie(s):
    return all(np.dot(row, s.x) != 0 for row in product(ENTRIES[s.first], repeat=len(s.x)))


def usual(s, often=False):
    """Means 0, independent; rows as likely as their negatives, or only as often negative as positive."""
    values = ENTRIES[s.first]
    symmetric = sorted(values) == sorted(-v for v in values)
    half = sum(v > 0 for v in values) == len(values) / 2 and sum(values) == 0
    return not s.shared and sum(ENTRIES[s.last]) == 0 and (half if often else symmetric)


# Two units of one number, all of their weights written out: F = w_2 ReLU(w_1 x + b).


@cache
def two_units(lam, beta, x, kind, shared, looking, last):
    """Means of g_0^2, x_2^2 and of the squared gradients of all weights; in place of them their laws."""
    signs = (1.0, -1.0)
    ends = {"zero": signs, "one and a half": (1.5, 1.5)}[last]
    rows = []
    for w in product(signs, signs, signs, signs):
        first, second = (w[0], w[1]), (w[0], w[1]) if shared else (w[2], w[3])
        states, slopes, weights = [x], [], []
        for u in (first, second):
            here, w1, w2 = states[-1], u[0], ends[0 if u[1] > 0 else 1]
            b = 1.0 if kind == "with a bias" else 0.0
            open_ = float(here > 0) if kind == "ReLU first" else float(w1 * here + b > 0)
            hidden = w1 * max(here, 0) if kind == "ReLU first" else max(w1 * here + b, 0)
            total = lam * here + beta * w2 * hidden
            after = float(total > 0) if kind == "ReLU after" else 1.0
            states.append(after * total)
            slopes.append(after * (lam + beta * w2 * open_ * w1))
            weights.append((after * beta * w2 * open_ * here, after * beta * hidden))
        top = float(states[2] > x) * sqrt(2) if looking else 1.0
        g = [top * slopes[1] * slopes[0], top * slopes[1], top]
        rows.append(
            [g[0] ** 2, states[2] ** 2, top**2, *(((g[k + 1] * weights[k][j]) ** 2) for k in (0, 1) for j in (0, 1))]
        )
    return np.mean(rows, axis=0)


LAWS = settings(
    lam=(1.0, 0.0, 0.5), beta=(1.0, 0.5), x=(1.0, -2.0, 0.0), kind=("usual", "ReLU first", "with a bias", "ReLU after"),
    shared=(False, True), looking=(False, True), last=("zero", "one and a half"),
)  # fmt: skip


def no_ties(s):
    """No state is 0."""
    return s.x != 0 and s.lam not in (0, s.beta)


#: With a density: the signs of w_1 x, and |w_1|, are independent; at x = 0 all hidden components are 0.
CONDITIONS = {
    "mean": lambda s: s.last == "zero",
    "strength": lambda s: s.kind == "usual",
    "independent": lambda s: not s.shared,
    "given": lambda s: not s.looking,
    "tie": lambda s: no_ties(s),
}


def two(s):
    return two_units(s.lam, s.beta, s.x, s.kind, s.shared, s.looking, s.last)


def kappa(s):
    return 0.5 * (1.0 if s.last == "zero" else 2.25)


def factor(s):
    return s.lam**2 + kappa(s) * s.beta**2


def law(s, strength=None):
    step = factor(s) if strength is None else s.lam**2 + strength * s.beta**2
    return close(two(s)[0], step**2 * two(s)[2])


def weight_laws(s):
    """The states' law and those of the four weights, with v_1 = v_2 = 1."""
    r, v2 = two(s), 2 * kappa(s)
    states, rows = [s.x**2 * factor(s) ** k for k in (0, 1, 2)], [r[2] * factor(s) ** k for k in (1, 0)]
    want = [c * s.beta**2 * rows[k] * states[k] / 2 for k in (0, 1) for c in (v2, 1.0)]
    return close(r[1], states[2]) and close(r[3:], want)


def with_all_factors(s):
    r = two(s)
    return close(r[3], s.beta**2 * s.x**2 * factor(s) ** 2 / 2)


# A column of a batch.


def batch_column(s):
    """E |g Phi N|^2 over E |g|^2 for one component of a batch, and the law."""
    t = np.array(s.batch, float)
    B, spread = t.size, t.std()
    hat = (t - t.mean()) / spread
    N = (np.eye(B) - 1 / B - np.outer(hat, hat) / B) / spread
    A = np.diag(hat > 0) @ N
    rng_cov = {
        "uncorrelated": np.eye(B),
        "all the same": np.ones((B, B)),
        "one larger": np.diag([4.0] + [1.0] * (B - 1)),
    }
    cov = rng_cov[s.gradient]
    return np.trace(A.T @ cov @ A) / np.trace(cov), (1 - 2 / B) / (2 * spread**2)


COLUMNS = settings(
    batch=((-1, 1), (-2, -1, 1, 2), (0, 1, 3, 4), (-1, 0, 1), (-3, 1, 1, 1), (-5, -1, 2, 4), (-3, -1, 1, 2, 3, 9)),
    gradient=("uncorrelated", "all the same", "one larger"),
)


def centred(s):
    return np.array(s.batch) - np.mean(s.batch)


# Sums of squared factors.

FACTORS = {
    "1/l": lambda L: 1 / np.arange(1, L + 1), "1/sqrt(l)": lambda L: np.arange(1, L + 1) ** -0.5, "1": lambda L: np.ones(L),
    "2^-l": lambda L: 0.5 ** np.arange(L), "1/sqrt(L)": lambda L: np.full(L, L**-0.5), "1/L^(1/3)": lambda L: np.full(L, L ** (-1 / 3)),
    "1/L": lambda L: np.full(L, 1 / L),
}  # fmt: skip
DEPTHS = (500, 2000, 8000)
SUMS = settings(
    kappa=(1.0, 0.0),
    lam=(1.0, 0.25),
    norm=("none", "in front"),
    after=("nothing", "a normalisation"),
    beta=tuple(FACTORS),
)


def stays(values):
    """Bounded: from one depth to four times it, it gains nothing to speak of."""
    return bool(values[-1] < values[-2] + 0.05)


def log_gains(s):
    """At three depths; a normalisation after each addition keeps 1, one in front divides by the state's variance."""
    squares = [s.kappa * FACTORS[s.beta](L) ** 2 for L in DEPTHS]
    if s.after != "nothing":
        return [0.0] * 3
    if s.norm == "in front":
        squares = [b / (1 + np.cumsum(b) - b) for b in squares]
    return [float(np.sum(np.log(s.lam**2 + b))) for b in squares]


def bounded_gain(s):
    return stays(log_gains(s))


def sums(s, power):
    return stays([float((FACTORS[s.beta](L) ** power).sum()) for L in DEPTHS])


# Networks that are drawn.


@cache
def gains(n, L, lam, count=200):
    """Gains of networks x + W ReLU(..) or plain ones, in the chapter's fast way: from normal numbers."""
    rng, found = np.random.default_rng(n + L), []
    for _ in range(count):
        g, length2 = rng.normal(size=n), 1.0
        g /= np.linalg.norm(g)
        for _ in range(L):
            W1, W2 = rng.normal(size=(2, n, n)) * np.sqrt([[[2 / n]], [[1 / n]]])
            g = lam * g + ((g @ W2) * (rng.random(n) < 0.5)) @ W1
            length2 *= g @ g
            g /= np.linalg.norm(g)
        found.append(log(length2))
    return np.array(found)


def apart(s):
    """How far the typical network lies below the mean, whose law is known, in logarithms, per depth over width."""
    mean = s.L * log(s.lam**2 + 1)
    return mean - gains(s.n, s.L, s.lam).mean()


TYPICAL = settings(*({"n": n, "L": L, "lam": lam} for lam in (0.0, 1.0) for n, L in ((16, 16), (32, 32), (16, 32))))


@cache
def gradients(L, n, beta, norm=None, lam=1.0, count=150, x="drawn", shares=False, top="drawn"):
    """Means over networks: the gain of states, squared gradients of all units' weights (L,), the sums of their sizes; the
    part of the gain over shortcuts where it is asked for, as it takes a pass of its own.
    """
    rng, rows, layers, sizes, whole, share = np.random.default_rng(5), [], [], [], [], []
    for _ in range(count):
        weights = draw_weights(rng, L, n, (2.0, 1.0))
        betas = beta if np.ndim(beta) else [beta] * L
        net = residual_network(weights, lam, betas, norm=norm)
        state = rng.normal(size=n) if x == "drawn" else 3 * rng.normal(size=n)
        state = state / np.std(state) if x == "drawn" else state
        g = rng.normal(size=n) / sqrt(n) if top == "drawn" else np.ones(n)
        trace = net.forward(state)
        back = net.backward(trace, g)
        whole.append(np.sum(back.states[0] ** 2) / np.sum(g**2))
        if shares:
            share.append(np.sum(gradient_by_shortcut(net, trace, g)[0] ** 2) / np.sum(g**2))
        parts = [
            [layer.weight for layer in unit.branch if layer.weight is not None and layer.weight.ndim == 2]
            for unit in back.units
        ]
        layers.append([[np.sum(w**2) for w in unit] for unit in parts])
        rows.append(np.sum(layers[-1], axis=1))
        sizes.append(sum(np.abs(w).sum() for unit in parts for w in unit))
    rows = np.array(rows)
    return Place(
        whole=np.mean(whole),
        share=np.mean(share) if shares else None,
        rows=rows.mean(0),
        layers=np.mean(layers, axis=0),
        error=rows.std(0) / sqrt(count),
        size=np.mean(sizes),
    )


def plain_mean(s):
    """The mean gain of W ReLU(x), L times, over all networks of width 2 with entries 1 and -1, so v = 2."""
    found = []
    for entries in product((1.0, -1.0), repeat=4 * s.L):
        state, J = np.array(s.x, float), np.eye(2)
        for W in np.reshape(entries, (s.L, 2, 2)):
            J, state = W @ np.diag(state > 0) @ J, W @ np.maximum(state, 0)
        found.append(np.sum((np.array([1.0, 3.0]) @ J) ** 2) / 10)
    return np.mean(found)


def rises(rows):
    return np.polyfit(np.arange(len(rows)), np.log(rows), 1)[0]


LAYERS = settings(L=(5,), beta=("equal", "growing"), norm=("none", "pre"))


def layer_rows(s):
    beta = 0.5 if s.beta == "equal" else tuple(0.3 + 0.2 * np.arange(s.L))
    return gradients(s.L, 48, beta, None if s.norm == "none" else s.norm).rows


def layer_kinds(s):
    """Of the first and the second weight of each unit, without normalisation."""
    return gradients(s.L, 48, 0.5).layers


PRE = settings(skip=(1.0, 0.5), x=("drawn", "three times as large"))


def pre_rows(s, first):
    """With kappa = 1, whether the squared gradients stand to each other as 1/(first + l)."""
    rows = gradients(5, 48, 1.0, "pre", lam=s.skip, x=s.x).rows * (first + np.arange(5))
    return rows.max() < 1.15 * rows.min()


STEP = settings(
    *(
        {"L": L, "beta": beta, "lam": lam, "norm": norm}
        for lam, norm in ((1.0, None), (0.5, None), (1.0, "pre"))
        for L in (2, 4, 8)
        for beta in ("1/sqrt(L)", "1/L", "0.3", "1")
    )
)


def beta_of(s):
    return {"1/sqrt(L)": s.L**-0.5, "1/L": 1 / s.L, "0.3": 0.3, "1": 1.0}[s.beta]


def step(s, kind):
    """What one step changes, beside a network of two units at beta = 1/2."""
    here, there = gradients(s.L, 24, beta_of(s), s.norm, s.lam), gradients(2, 24, 0.5)
    return here.rows.sum() / there.rows.sum() if kind == "descent" else here.size / there.size


def descends(s, power=2):
    law = [L * b**power * (1 + b**2) ** (L - 1) for L, b in ((s.L, beta_of(s)), (2, 0.5))]
    return 0.75 < step(s, "descent") / (law[0] / law[1]) < 1.33


def adapts(s, power=1):
    law = [L * b**power for L, b in ((s.L, beta_of(s)), (2, 0.5))]
    return 0.5 < step(s, "adam") / (law[0] / law[1]) < 2


def kept(kind, beta):
    """From two units to eight, what a step changes stays within a factor of 2."""
    changes = [step(Place(L=L, beta=beta, lam=1.0, norm=None), kind) for L in (2, 8)]
    return 0.5 < changes[1] / changes[0] < 2


#: How the units start -> what is not as in x + W_2 ReLU(W_1 x) with variances 2/n and 1/n, at depth L and width n.
STARTS = {
    "factor 1/sqrt(L)": lambda L, n: {"beta": L**-0.5},
    "factor 1/L": lambda L, n: {"beta": 1 / L},
    "last weight times 1/sqrt(L)": lambda L, n: {"last": L**-0.5},
    "last weight 0": lambda L, n: {"last": 0.0},
    "learned number 0": lambda L, n: {"end": Scale(0.0)},
    "last gamma 0": lambda L, n: {"end": BatchNormTraining(n, np.zeros(n), np.zeros(n))},
    "last weight 0, first times 1/sqrt(L)": lambda L, n: {"last": 0.0, "first": L**-0.5},
    "pre-LN": lambda L, n: {"norm": "pre"},
    "pre-LN, last weight times 1/sqrt(L)": lambda L, n: {"norm": "pre", "last": L**-0.5},
    "pre-LN, factor 1/sqrt(L)": lambda L, n: {"norm": "pre", "beta": L**-0.5},
    "pre-LN, factor 1/L": lambda L, n: {"norm": "pre", "beta": 1 / L},
    "post-LN": lambda L, n: {"norm": "post"},
    "DeepNorm": lambda L, n: {"norm": "post", "lam": L**0.25, "first": (4 * L) ** -0.25, "last": (4 * L) ** -0.25},
}
STARTED = settings(start=tuple(STARTS))


@cache
def first_step(start, L, n=48, batch=4):
    """Sums over all parameters that a branch learns, of squares and of sizes of the gradient: means over networks."""
    rng, found, of = np.random.default_rng(6), [], STARTS[start](L, n)
    count = 40 if start == "learned number 0" else 8  # of one number a unit, more
    scales = np.reshape([of.get("first", 1.0), of.get("last", 1.0)], (2, 1, 1))
    top = [Unit([LayerNorm()], Absent())] if of.get("norm") == "pre" else []
    for _ in range(count):
        weights, (x, g) = draw_weights(rng, L, n) * scales, rng.standard_normal((2, batch, n))
        units = residual_network(weights, of.get("lam", 1.0), of.get("beta", 1.0), norm=of.get("norm")).units
        if "end" in of:
            units = [Unit([*unit.branch, of["end"]]) for unit in units]
        net = Network([*units, *top])
        back = net.backward(net.forward(x), g)
        parts = [layer.weight for unit in back.units for layer in unit.branch if layer.weight is not None]
        parts = [part for part in parts if part.ndim == 2 or "end" in of]  # a factor in the forward pass stays
        found.append([sum(np.sum(part**2) for part in parts), sum(np.abs(part).sum() for part in parts)])
    return np.mean(found, axis=0)


def rates(descent, adam):
    """Whether rates that go so with the depth keep what the first step changes, from 8 units to 32."""

    def kept(s):
        ratios = first_step(s.start, 32) / first_step(s.start, 8)
        return all(ratio(of(32) / of(8) * r, 1, 0.35) for of, r in zip((descent, adam), ratios, strict=True))

    return kept


def rate_row(starts, descent, adam, *wrong):
    """A start's row: how both rates go with the depth, and how they do not."""
    return Grounds(
        STARTED,
        {"rates": rates(descent, adam)},
        {"start": lambda s: s.start in starts},
        {"rates": tuple(rates(*other) for other in wrong)},
    )


def constant(L):
    return 1.0


def root(L):
    return L**-0.5


def over(L):
    return 1 / L


def deep(L):
    return float(L)


RATES = {
    "init-rate-root": rate_row(("factor 1/sqrt(L)",), constant, root, (constant, constant), (over, over)),
    "init-rate-over": rate_row(("factor 1/L",), deep, constant, (constant, constant)),
    "init-rate-last": rate_row(("last weight times 1/sqrt(L)", "last weight 0"), over, over, (constant, root)),
    "init-rate-learned": rate_row(("learned number 0", "last gamma 0"), over, over, (constant, constant)),
    "init-rate-fixup": rate_row(("last weight 0, first times 1/sqrt(L)",), constant, root, (over, over)),
    "init-rate-pre": rate_row(("pre-LN",), lambda L: 1 / log(L), root, (constant, constant), (over, over)),
    "init-rate-pre-last": rate_row(("pre-LN, last weight times 1/sqrt(L)",), over, over, (constant, root)),
    "init-rate-pre-root": rate_row(("pre-LN, factor 1/sqrt(L)",), constant, root, (over, over)),
    "init-rate-pre-over": rate_row(("pre-LN, factor 1/L",), deep, constant, (constant, root)),
    "init-rate-post": rate_row(("post-LN",), over, over, (constant, constant)),
    "init-rate-deepnorm": rate_row(("DeepNorm",), constant, root, (over, over)),
}

ZERO = settings(
    last=("zero", "drawn"),
    shortcut=("identity", "half"),
    n=(1, 3),
    after=("nothing", "ReLU"),
    hidden=("open", "closed"),
)


def zero_last(s):
    rng = np.random.default_rng(2)
    units = [Unit([Affine(rng.normal(size=(s.n, s.n)), np.full(s.n, 4.0 if s.hidden == "open" else -9.0)), relu, Affine(np.zeros((s.n, s.n)) if s.last == "zero" else np.eye(s.n))],
                  Identity() if s.shortcut == "identity" else Scale(0.5), relu if s.after == "ReLU" else identity) for _ in range(3)]  # fmt: skip
    net, g = Network(units), np.arange(1.0, s.n + 1)
    back = net.backward(net.forward(np.full(s.n, -0.1) if s.after == "ReLU" else np.ones(s.n)), g)
    weights = [[bool(np.any(unit.branch[k].weight)) for unit in back.units] for k in (0, 2)]
    return close(back.states[0], g), weights


NORMED = settings(
    *(
        {"n": n, "L": 6, "x": x, "g": g}
        for n, x, g in (
            (64, "drawn", "drawn"), (64, "three times as large", "drawn"), (64, "drawn", "all ones"), (4, "drawn", "drawn"),
        )
    )
)  # fmt: skip


def normed(s, norm):
    return gradients(s.L, s.n, 1.0, norm, count=60, x=s.x, shares=True, top=s.g)


def ratio(got, want, error=0.25):
    return 1 / (1 + error) < got / want < 1 + error


@cache
def batch_gain(L, layers, width, batch, gradient="uncorrelated", beta=1.0, v=2.0, lam=1.0, norms="each layer"):
    def front(k):
        """What stands in front of a branch's layer k."""
        return [BatchNormTraining(width), relu] if norms == "each layer" else [relu if k else BatchNormTraining(width)]

    ends, logs = [] if beta == 1.0 else [Scale(beta)], []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        net = Network([Unit([*(layer for k, W in enumerate(weights) for layer in (*front(k), Affine(W))), *ends], Scale(lam))
                       for weights in draw_weights(rng, L, width, (v,) * layers)])  # fmt: skip
        x, g = rng.standard_normal((2, batch, width))
        g = g if gradient == "uncorrelated" else np.repeat(g[:1], batch, 0)
        logs.append(np.log(np.sum(net.backward(net.forward(x), g).states[0] ** 2) / np.sum(g**2)))
    return float(np.exp(np.mean(logs)))


TAU = 1 - 1 / pi
BATCHES = settings(
    *(
        {"layers": layers, "v": v, "width": width, "gradient": gradient, "skip": skip}
        for layers, v, width, gradient, skip in (
            (1, 2.0, 64, "uncorrelated", 1.0), (2, 2.0, 64, "uncorrelated", 1.0), (1, 1.0, 64, "uncorrelated", 1.0),
            (2, 2.0, 4, "uncorrelated", 1.0), (1, 2.0, 64, "all the same", 1.0), (2, 2.0, 64, "all the same", 1.0),
            (1, 2.0, 64, "uncorrelated", 0.5),
        )
    )
)  # fmt: skip


FRONTS = settings(
    *({**vars(s), "norms": "each layer"} for s in BATCHES.candidates()),
    {"layers": 2, "v": 2.0, "width": 64, "gradient": "uncorrelated", "skip": 1.0, "norms": "the branch alone"},
)


def number(s, exponents=(1.47, 2.15), norms="each layer"):
    """The power is kappa/tau, and networks of 8 and of 24 units have the gain that belongs to it."""
    kappa, tau = batch_strength((s.v,) * s.layers)
    power = exponents[s.layers - 1]
    laws = [log(growing_gain(L, power * tau, tau)) for L in (8, 24)]
    got = [log(batch_gain(L, s.layers, s.width, s.width, s.gradient, v=s.v, lam=s.skip, norms=norms)) for L in (8, 24)]
    return abs(kappa / tau - power) < 0.01 and np.allclose(laws, got, atol=0.5, rtol=0)


def density(x, draws=4000):
    """One unit with normal weights: whether the law holds at x, within four standard errors."""
    rng = np.random.default_rng(6)
    w1, w2 = rng.normal(size=(2, draws))
    J = 1 + w2 * (w1 * x > 0) * w1
    return abs(np.mean(J**2) - 1.5) < 4 * np.std(J**2) / sqrt(draws)


def share(x):
    return float(np.mean(np.array(x) > 0))


def strength(s, relu_share):
    """tr E[J^T A J] / tr A of [Affine, ReLU, Affine] or [ReLU, Affine] is the layers' v times what the ReLU keeps."""
    mean = branch_means(s.first, "1, -1", s.x, front=s.front, bias=s.bias)[1]
    n = len(s.x)
    v = n * np.mean(np.square(ENTRIES[s.first])) * (1 if s.front else n)
    return close(np.trace(mean) / n**2, relu_share * v)


FORMS = settings(
    *(
        {"first": first, "x": x, "front": front, "bias": bias}
        for first, x in (("1, -1", (1, 2)), ("1, -1", (1, -2)), ("1, -1", (-1, -2)), ("1, -1", (2,)), ("3, 1, -2, -2", (1,)))
        for front in (False, True)
        for bias in (0.0, 5.0)
    )
)  # fmt: skip


def grown(s, front, factor):
    """With v = 2 (entries 1 and -1, two of them): the mean of g (skip I + J) squared over that of g, for g = (1, 1)."""
    J_mean, square, _ = branch_means("1, -1", "1, -1", s.x, front=front)
    return close((s.skip**2 * 4 + np.trace(square)) / 4, factor)


@cache
def rms_gain(n, L, x):
    """Pre-RMS: the same networks with the root of the mean square in place of the normalisation."""
    rng, found = np.random.default_rng(5), []
    for _ in range(60):
        weights = draw_weights(rng, L, n, (2.0, 1.0))
        state = rng.normal(size=n) if x == "drawn" else 3 * rng.normal(size=n)
        state = state / np.std(state) if x == "drawn" else state
        g = start = rng.normal(size=n) / sqrt(n)
        states = [state]
        for W1, W2 in weights:
            z = states[-1] / np.sqrt(np.mean(states[-1] ** 2))
            states.append(states[-1] + W2 @ np.maximum(W1 @ z, 0))
        for (W1, W2), below in zip(weights[::-1], states[-2::-1], strict=True):
            r = np.sqrt(np.mean(below**2))
            row = ((g @ W2) * (W1 @ below > 0)) @ W1
            g = g + (row - (row @ below) * below / (n * r**2)) / r
        found.append(g @ g / (start @ start))
    return np.mean(found)


def rms(s):
    return rms_gain(s.n, s.L, s.x)


def doubled(L):
    return batch_gain(2 * L, 1, 64, 64) / batch_gain(L, 1, 64, 64)


def growth(L):
    """By which the gain grows in one unit at the depth L, less 1: beta_L squared times the strength."""
    return (batch_gain(L + 4, 1, 64, 64) / batch_gain(L - 4, 1, 64, 64)) ** (1 / 8) - 1


ONE_BATCH = settings(L=(32,))

# Rows of the tables.

ROWS = settings(lam=(0.0, 1.0, sqrt(0.5), 0.9), beta=("1", "sqrt(1/2)", "1/sqrt(L)", "1/L", "1/l", "0", "0.6"), L=(1, 2, 5, 20))  # fmt: skip


def betas(s):
    constant = {"1": 1.0, "sqrt(1/2)": sqrt(0.5), "1/sqrt(L)": s.L**-0.5, "1/L": 1 / s.L, "0": 0.0, "0.6": 0.6}
    return 1 / np.arange(1.0, s.L + 1) if s.beta == "1/l" else np.full(s.L, constant[s.beta])


#: What the law of batch normalisation asks of width and gradients.
LAWFUL = {"wide": lambda s: s.width > 32, "uncorrelated": lambda s: s.gradient == "uncorrelated"}


def of_the_order(s):
    """Whether a unit's squared branch factor is of the order of one over its number."""
    return all(ratio(growth(L) * (1 + TAU * L), 1, 0.5) for L in (8, 24))


def row(lam, beta, law, wrong):
    """A network's row: its mean gain with strength 1, and another formula for it."""
    return Grounds(
        ROWS,
        {"gain": lambda s: close(expected_gain(s.L, s.lam, betas(s)), law(s))},
        {"setting": lambda s: lam in (s.lam, None) and (s.beta == beta if beta else s.beta != "1/l")},
        {"gain": lambda s: close(expected_gain(s.L, s.lam, betas(s)), wrong(s))},
    )


#: Branches of 1/sqrt(L); with a normalisation in front of them the input's spread counts.
STABLE = settings(
    beta=("1/sqrt(L)", "1"), lam=(1.0, 2.0), norm=("none", "in front"), spread=(1.0, 0.1), L=(1, 10, 100, 1000)
)


def log_gain(s):
    squares = np.full(s.L, 1 / s.L if s.beta == "1/sqrt(L)" else 1.0)
    if s.norm == "in front":
        squares = squares / (s.spread**2 + np.cumsum(squares) - squares)
    return float(np.sum(np.log(s.lam**2 + squares)))


def rezero(s):
    """Gains of networks with one number in front of every branch."""
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        units = [Unit([Affine(W), relu, Scale(s.alpha)], Scale(s.lam)) for W in rng.normal(size=(s.L, 3, 3))]
        net, (x, g) = Network(units), rng.normal(size=(2, 3))
        found.append(np.sum(net.backward(net.forward(x), g).states[0] ** 2) / np.sum(g**2))
    return np.array(found)


ATTENDING = settings(looks=(((1.0, 0.0), (0.25, 0.75)), ((0.2, 0.3, 0.5), (0.6, 0.3, 0.1), (0.0, 0.0, 1.0))))


def held(s):
    """The strength of attention with these weights, one number a position, over all signs of its matrices and gradients."""
    found = []
    for value, output, *g in product((1, -1), repeat=2 + len(s.looks)):
        layer = Attention([[0.0]], [[0.0]], [[value]], [[output]], len(g), causal=False)
        layer._softmax = lambda scores: np.asarray(s.looks)
        back, _ = layer.backward(np.arange(1.0, len(g) + 1), np.array(g, float))
        found.append(back @ back / len(g))
    return np.mean(found)


TABLES = {
    "init-row-plain": row(0.0, "1", lambda s: 1, lambda s: 2.0**s.L),
    "init-row-identity": row(1.0, "1", lambda s: 2.0**s.L, lambda s: 1),
    "init-row-scaled": row(
        None,
        None,
        lambda s: (s.lam**2 + betas(s)[0] ** 2) ** s.L,
        lambda s: (s.lam + betas(s)[0]) ** (2 * s.L),
    ),
    "init-row-both": row(sqrt(0.5), "sqrt(1/2)", lambda s: 1, lambda s: 0.5**s.L),
    "init-row-root": row(1.0, "1/sqrt(L)", lambda s: (1 + 1 / s.L) ** s.L, lambda s: np.e),
    "init-row-over": row(1.0, "1/L", lambda s: (1 + s.L**-2.0) ** s.L, lambda s: (1 + 1 / s.L) ** s.L),
    "init-row-growing": row(
        1.0,
        "1/l",
        lambda s: np.prod(1 + np.arange(1.0, s.L + 1) ** -2),
        lambda s: np.prod(1 + 1 / np.arange(1.0, s.L + 1)),
    ),
    "init-row-zero": row(1.0, "0", lambda s: 1, lambda s: 0),
    "init-row-batch": (
        Grounds(
            BATCHES,
            {"power": number},
            {
                **LAWFUL,
                "skip": lambda s: s.skip == 1,
            },
            {"power": lambda s: batch_gain(24, s.layers, s.width, s.width, s.gradient, v=s.v) < np.exp(1)},
        ),
        Grounds(
            ONE_BATCH,
            {
                "order": of_the_order,
                "neither": lambda s: 2 < doubled(12) < 4,
            },
            false={
                "order": lambda s: ratio(growth(8), growth(24), 0.5),
                "neither": lambda s: doubled(12) > 0.5 * batch_gain(12, 1, 64, 64),
            },
        ),
        Grounds(
            source_of("at_initialisation", "init-row-batch"),
            {
                "reported": seen(
                    "downscales the residual branch relative to the skip",
                    "order of the square root of the network depth",
                )
            },
            false={"reported": seen("order of the network depth")},
        ),
    ),
    "init-row-stable": Grounds(
        STABLE,
        {"bounded": lambda s: log_gain(s) <= 1},
        {
            "root": lambda s: s.beta == "1/sqrt(L)",
            "identity": lambda s: s.lam == 1,
            "norm": lambda s: s.norm == "none",
        },
        {"bounded": lambda s: log_gain(s) <= log(2) + 1e-12},
    ),
    "init-row-zero-scale": Grounds(
        settings(alpha=(0.0, 1.0), lam=(1.0, 0.5), L=(1, 3, 20)),
        {"one": lambda s: close(rezero(s), 1)},
        {"zero": lambda s: s.alpha == 0, "identity": lambda s: s.lam == 1},
        {"one": lambda s: np.ptp(rezero(s)) > 1e-9},
    ),
    "init-row-norms": (
        Grounds(
            NORMED,
            {"gains": lambda s: ratio(normed(s, "post").whole, 1) and ratio(normed(s, "pre").whole, 1 + s.L)},
            {"input": lambda s: s.x == "drawn", "wide": lambda s: s.n > 8 * s.L, "gradient": lambda s: s.g == "drawn"},
            {"gains": lambda s: ratio(normed(s, "pre").whole, 1) and ratio(normed(s, "post").whole, 1 + s.L)},
        ),
        Grounds(
            ATTENDING,
            {"attention": lambda s: close(held(s), attention_strength(s.looks))},
            false={"attention": lambda s: close(held(s), branch_strength((1.0, 1.0)))},
        ),
        Grounds(
            source_of("at_initialisation", "init-row-norms"),
            {
                "reported": seen(
                    "Post-LN", "near the output layer are large", "Pre-LN", "well-behaved at initialization"
                )
            },
            false={"reported": seen("near the input layer are large")},
        ),
    ),
}

GROUNDS = {
    "prop-init-branch": Grounds(
        BRANCHES,
        {"mean": mean_zero, "every": branch_law},
        {"above": usual, "tie": no_tie},
        {
            "above": lambda s: usual(s, often=True),
            "tie": lambda s: any(s.x),
            "every": lambda s: close(means(s)[1], means(s)[0].T @ means(s)[0]),
        },
    ),
    "prop-init-law": (
        Grounds(LAWS, {"law": law}, CONDITIONS, {"law": lambda s: close(two(s)[0], 1.0)}),
        Grounds(
            settings(x=(1.0, -1.0, 0.0)),
            {"density": lambda s: s.x == 0 or density(s.x)},
            false={"density": lambda s: density(s.x)},
        ),
    ),
    "prop-init-batch": Grounds(
        COLUMNS,
        {"law": lambda s: close(*batch_column(s))},
        {
            "uncorrelated": lambda s: s.gradient != "all the same",
            "mean": lambda s: True,
            "equal": lambda s: s.gradient != "one larger",
            "symmetric": lambda s: close(np.sort(centred(s)), np.sort(-centred(s))),
            "none": lambda s: (centred(s) != 0).all(),
        },
        {"symmetric": lambda s: (centred(s) > 0).mean() == 0.5},
    ),
    "prop-init-weights": Grounds(
        LAWS,
        {"laws": weight_laws},
        {
            "branch": lambda s: not s.kind.startswith("ReLU") and s.last == "zero",
            "independent": CONDITIONS["independent"],
            "ties": no_ties,
            "given": CONDITIONS["given"],
            "biases": lambda s: s.kind != "with a bias",
        },
        {"branch": lambda s: s.last == "zero"},
    ),
    "init-remember-law": (
        Grounds(
            settings(*(vars(s) for s in LAWS.candidates() if s.x)),
            {"law": law},
            {
                **{key: CONDITIONS[key] for key in ("mean", "independent", "given")},
                "strength": lambda s: s.kind in ("usual", "ReLU after"),
                "units": lambda s: s.kind != "ReLU after",
            },
            {"law": lambda s: law(s, 1.0)},
        ),
        Grounds(
            settings(*(vars(s) for s in BRANCHES.candidates() if not s.shared and sum(ENTRIES[s.first]) == sum(ENTRIES[s.last]) == 0)),
            {"kind": lambda s: mean_zero(s) and branch_law(s)},
            {"rows": usual, "ties": no_tie},
            {"rows": lambda s: usual(s, often=True), "kind": lambda s: close(means(s)[1], means(s)[2] / 2)},
        ),
    ),
    "init-remember-strength": (
        Grounds(
            FORMS,
            {"form": lambda s: strength(s, share(s.x) if s.front else 0.5)},
            {"such": lambda s: s.first == "1, -1", "biases": lambda s: s.bias == 0},
            {"form": lambda s: strength(s, 0.5)},
        ),
        Grounds(
            settings(x=((1, 3), (1, -3)), skip=(1, 0)),
            {"triples": lambda s: grown(s, False, 3)},
            {"identity": lambda s: s.skip == 1},
            {"triples": lambda s: grown(s, False, 2)},
        ),
        Grounds(
            settings(x=((1, 3), (1, -3)), skip=(1, 0)),
            {"doubles": lambda s: grown(s, True, 2)},
            {"identity": lambda s: s.skip == 1, "half": lambda s: share(s.x) == 0.5},
            {"doubles": lambda s: grown(s, True, 3)},
        ),
    ),
    "init-remember-bounded": (
        Grounds(
            SUMS,
            {"exactly": lambda s: bounded_gain(s) == sums(s, 2)},
            {
                "identity": lambda s: s.lam == 1,
                "norm": lambda s: s.norm == "none",
                "after": lambda s: s.after == "nothing",
                "kappa": lambda s: s.kappa > 0,
            },
            {"exactly": lambda s: bounded_gain(s) == sums(s, 1)},
        ),
        Grounds(
            settings(factors=("equal",)),
            {"root": lambda s: max(expected_gain(L, 1.0, L**-0.5) for L in DEPTHS) <= np.e},
            false={"root": lambda s: max(expected_gain(L, 1.0, L ** (-1 / 3)) for L in DEPTHS) <= np.e},
        ),
    ),
    "init-remember-typical": (
        Grounds(TYPICAL, {"mean": lambda s: apart(s) > 0.3}, false={"mean": lambda s: apart(s) < 0.3}),
        Grounds(
            TYPICAL,
            {"ratio": lambda s: abs(apart(s) / (s.L / s.n) - 3.9) < 0.6},
            {"plain": lambda s: s.lam == 0},
            {"ratio": lambda s: abs(apart(s) / (s.L / 16) - 3.9) < 0.6},
        ),
        Grounds(
            settings(x=((1, -2), (1, 2), (-1, -2)), L=(1, 2)),
            {"one": lambda s: close(plain_mean(s), 1)},
            {"half": lambda s: share(s.x) == 0.5},
            {"one": lambda s: close(plain_mean(s), 0.5**s.L)},
        ),
    ),
    "init-remember-weights": (
        Grounds(
            settings(*(vars(s) for s in LAWS.candidates() if no_ties(s) and s.kind == "usual" and s.last == "zero" and not (s.shared or s.looking))),
            {"own": lambda s: close(two(s)[3], s.beta**2 * s.x**2 * factor(s) / 2)},
            false={"own": with_all_factors},
        ),
        Grounds(
            LAYERS,
            {"same": lambda s: abs(rises(layer_rows(s))) < 0.08},
            {"equal": lambda s: s.beta == "equal", "none": lambda s: s.norm == "none"},
            {"same": lambda s: np.ptp(np.log(layer_kinds(s))) < 0.3},
        ),
        Grounds(
            PRE,
            {"falls": lambda s: pre_rows(s, 2)},
            {"wide": lambda s: True, "identity": lambda s: s.skip == 1, "input": lambda s: s.x == "drawn"},
            {"falls": lambda s: pre_rows(s, 1)},
        ),
    ),
    "init-remember-step": (
        Grounds(
            STEP,
            {"descent": descends},
            {"equal": lambda s: True, "identity": lambda s: s.lam == 1, "none": lambda s: s.norm is None},
            {"descent": lambda s: descends(s, 1)},
        ),
        Grounds(
            STEP,
            {"adam": adapts},
            {
                "identity": lambda s: s.lam == 1,
                "none": lambda s: s.norm is None,
                "bounded": lambda s: s.L * beta_of(s) ** 2 <= 1,
            },
            {"adam": lambda s: adapts(s, 2)},
        ),
        Grounds(
            ONE_BATCH,
            {"rates": lambda s: kept("descent", "1/sqrt(L)") and kept("adam", "1/L")},
            false={"rates": lambda s: kept("descent", "1/L") and kept("adam", "1/sqrt(L)")},
        ),
        Grounds(
            settings(start=("last weight times 1/sqrt(L)",)),
            {"weights": rates(over, over)},
            false={"weights": rates(constant, root)},
        ),
    ),
    "init-remember-zero": (
        Grounds(
            ZERO,
            {"passes": lambda s: zero_last(s)[0]},
            {
                "zero": lambda s: s.last == "zero",
                "identity": lambda s: s.shortcut == "identity",
                "nothing": lambda s: s.after == "nothing",
            },
            {"passes": lambda s: not zero_last(s)[0]},
        ),
        Grounds(
            ZERO,
            {"last": lambda s: all(zero_last(s)[1][1]), "before": lambda s: not any(zero_last(s)[1][0])},
            {"zero": lambda s: s.last == "zero", "nothing": lambda s: s.after == "nothing", "open": lambda s: s.hidden == "open"},
            {"last": lambda s: not any(zero_last(s)[1][1]), "before": lambda s: all(zero_last(s)[1][0])},
        ),
    ),
    "init-remember-norms": Grounds(
        NORMED,
        {
            "pre": lambda s: ratio(normed(s, "pre").whole, 1 + s.L),
            "post": lambda s: ratio(normed(s, "post").whole, 1),
            "share": lambda s: ratio(normed(s, "post").share, 2.0**-s.L),
            "rms": lambda s: ratio(normed(s, "pre").whole, rms(s), 0.1),
        },
        {"input": lambda s: s.x == "drawn", "wide": lambda s: s.n > 8 * s.L, "gradient": lambda s: s.g == "drawn"},
        {
            "pre": lambda s: ratio(normed(s, "pre").whole, 2**s.L),
            "post": lambda s: ratio(normed(s, "post").whole, 1 + s.L),
            "share": lambda s: ratio(normed(s, "post").share, 1 / (1 + s.L)),
            "rms": lambda s: ratio(rms(s), 1),
        },
    ),
    "init-remember-batch": (
        Grounds(
            FRONTS,
            {"number": lambda s: number(s, norms=s.norms)},
            {
                **LAWFUL,
                "each": lambda s: s.norms == "each layer",
                "identity": lambda s: s.skip == 1,
            },
            {"number": lambda s: number(s, (1, 2))},
        ),
        Grounds(
            ONE_BATCH,
            {
                "order": of_the_order,
                "power": lambda s: ratio(doubled(12), doubled(6), 0.6),
                "neither": lambda s: 2 < doubled(12) < 4,
                "bounded": lambda s: max(batch_gain(L, 1, 64, 64, beta=L**-0.5) for L in (8, 24)) < 4,
            },
            false={
                "order": lambda s: ratio(growth(8), growth(24), 0.5),
                "power": lambda s: doubled(12) < 1.2,
                "neither": lambda s: doubled(12) > 0.5 * batch_gain(12, 1, 64, 64),
            },
        ),
    ),
    **TABLES,
    **RATES,
}  # fmt: skip
