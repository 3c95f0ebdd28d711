"""What shows the sentences of chapter 8."""

from functools import cache
from math import comb, pi, sqrt

import numpy as np

from resnotes import Affine, BatchNormTraining, Network, Unit, blocks, identity, relu
from resnotes.book.published import PUBLISHED
from resnotes.book.statements.places import close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.initialisation import draw_weights
from resnotes.paths import gradient_by_shortcut
from resnotes.shortcuts import Scale

WALKS, STEPS = 40_000, 6


def law(l, L):
    return sum(comb(2 * k, k) / 4**k * comb(2 * (m := L + 1 - k), m) / 4**m for k in range(l + 2))


#: How L + 1 steps are drawn: (walks, steps).
DRAWS = {
    "normal": lambda rng: rng.normal(size=(WALKS, STEPS + 1)),
    "Cauchy": lambda rng: rng.standard_cauchy((WALKS, STEPS + 1)),
    "the first one again and again": lambda rng: np.repeat(rng.normal(size=(WALKS, 1)), STEPS + 1, 1),
    "normal, each three times the one before": lambda rng: rng.normal(size=(WALKS, STEPS + 1)) * 3.0 ** np.arange(STEPS + 1),
    "exponential of mean 0": lambda rng: rng.exponential(size=(WALKS, STEPS + 1)) - 1,
    "signs, with ties": lambda rng: rng.choice([-1.0, 1.0], (WALKS, STEPS + 1)),
}  # fmt: skip
#: Draw -> what it has of "independent", "equal", "symmetric", "ties" (that there are none).
HAS = {
    "normal": "independent equal symmetric ties", "Cauchy": "independent equal symmetric ties",
    "the first one again and again": "equal symmetric ties", "normal, each three times the one before": "independent symmetric ties",
    "exponential of mean 0": "independent equal ties mean", "signs, with ties": "independent equal symmetric mean",
}  # fmt: skip


@cache
def survivors(steps, gradient):
    """Shares of walks with ReLUs that are never cut from state l to the last, weighted by the squared gradient."""
    rng = np.random.default_rng(3)
    state, open_ = np.zeros(WALKS), []
    for step in DRAWS[steps](rng).T:
        state = np.maximum(state + step, 0)
        open_.append(state > 0)
    weight = np.ones(WALKS) if gradient == "independent" else open_[-1] + 0.0
    return [np.average(np.all(open_[l + 1 :], axis=0), weights=weight) for l in range(STEPS)]


def arcsine(s):
    """Within four standard errors at every state; in every network means in each of the walks."""
    return all(abs(share - law(l, STEPS)) < 4 * sqrt(0.25 / WALKS) for l, share in enumerate(survivors(s.steps, s.gradient)))  # fmt: skip


def has(word):
    return lambda s: word in HAS[s.steps].split()


DRAWN = settings(steps=tuple(DRAWS), gradient=("independent", "where the last is open"))
UNITS = small({"h": (), "u": (2,), "x": (), "g": (), "relu": ()}, limit=2500, also=[{"h": 1, "u": [1, 2], "x": 1, "g": 1, "relu": 1}])  # fmt: skip


def parts(s, inside=False):
    """The shortcut's part of the gradient, and what D_i and J_i were."""
    net = Network([Unit([Affine([[w]])], Scale(s.h), after=relu if s.relu else identity) for w in s.u])
    trace = net.forward([s.x])
    opened = [float(unit.sum[0] > 0 or not s.relu) for unit in trace.units]
    return float(gradient_by_shortcut(net, trace, [s.g])[0][0]), opened


def product(s):
    return close(parts(s)[0], s.g * np.prod(parts(s)[1]))


@cache
def share(branch, L, start="one step", gradient="random", width=64, networks=4):
    """Share of the squared length that the shortcuts bring to x_0 and to the middle, with ReLUs after the additions."""
    found = []
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        if branch.startswith("normalised"):
            net = blocks.network("original", L, width, rng)
            units = net.units[:1] * L if branch.endswith("again and again") else net.units
            for unit in units:
                unit.branch[-1].bias[:] = -0.5 * branch.endswith("down")
            net = Network(units)
        else:
            beta = L**-0.5 if branch == "divided by the root" else 1.0
            net = Network([Unit([Affine(W1), relu, Affine(W2), Scale(beta)], after=relu) for W1, W2 in draw_weights(rng, L, width, (2.0, 2.0))])  # fmt: skip
        x, g = blocks.stem(width, width, rng), rng.normal(size=(width, width))
        trace = net.forward(x if start == "one step" else 10 * x)
        g = g if gradient == "random" else trace.states[-1]
        rows = gradient_by_shortcut(net, trace, g)
        found.append([np.sum(rows[l] ** 2) / np.sum(g**2) for l in (0, L // 2)])
    return np.mean(found, axis=0)


def coins(s):
    whole, half = share(s.branch, s.L, s.start, s.gradient)
    return 0.85 < whole / (1.5 / sqrt(pi * s.L)) < 1.15 and 0.4 < half < 0.6


BRANCHES = settings(
    *(
        {"L": L, "branch": branch, "start": "one step", "gradient": "random"}
        for branch in ("normalised", "normalised, pushed down", "as they are", "divided by the root")
        for L in (16, 32, 2)
    ),
    {"L": 32, "branch": "normalised, the same again and again", "start": "one step", "gradient": "random"},
    {"L": 32, "branch": "normalised", "start": "ten steps long", "gradient": "random"},
    {"L": 32, "branch": "normalised", "start": "one step", "gradient": "the last state"},
)


def falls(s):
    """Exponentially: twice the depth squares it, about; a power of the depth only halves it at most."""
    short, long_ = share(s.branch, 16)[0], share(s.branch, 32)[0]
    return long_ < short**1.5


@cache
def left(v, state, scale, statistics, after, samples=512):
    """What a normalisation by the batch's spread leaves of the squared length of a row."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(np.column_stack([np.ones(samples), rng.normal(size=(samples, 2))]))[0][:, 1:] * sqrt(samples)
    sums = sqrt(state) * Q[:, 0] + sqrt(v) * Q[:, 1]
    layer = BatchNormTraining(1, [scale], epsilon=0)
    opened = layer.forward(sums[:, None]) > (0 if after == "a ReLU" else -np.inf)
    g = rng.normal(size=(samples, 1))
    layer = layer if statistics == "moving" else layer.fixed(sums[:, None])
    return np.sum(np.asarray(layer.backward(sums[:, None], g * opened)[0]) ** 2) / np.sum(g**2)


def jacobian(s):
    """Of the flattened batch, (samples n, samples n)."""
    x = np.random.default_rng(1).normal(size=(s.samples, s.n))
    return BatchNormTraining(s.n, epsilon=s.epsilon).batch_jacobian(x)


def lost(s):
    return s.n * s.samples - np.linalg.matrix_rank(jacobian(s), tol=1e-9)


def tied_together(s):
    """Whether a sample's output moves with the other samples."""
    J = jacobian(s).reshape(s.samples, s.n, s.samples, s.n)
    return any(J[a, :, b].any() for a in range(s.samples) for b in range(s.samples) if a != b)


@cache
def whole(kind, depth):
    """The whole gradient's typical gain."""
    logs = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        net, x = blocks.network(kind, depth, 48, rng), blocks.stem(48, 48, rng)
        g = rng.normal(size=x.shape)
        logs.append(np.log(np.sum(net.backward(net.forward(x), g).states[0] ** 2) / np.sum(g**2)))
    return np.mean(logs)


def grows(s, normalised):
    """From 16 units to 32: a power of the depth multiplies by a few, an exponential by the gain of 16 units again."""
    first, again = whole(s.kind, 16), whole(s.kind, 32) - whole(s.kind, 16)
    return first > 0.5 and (again > 0.75 * first if normalised else 0 < again < 0.5 * first)


ERRORS = {kind: tuple(map(float, errors)) for kind, errors in PUBLISHED["he2016-2"].rows.items()}


@cache
def shortcut_part(kind):
    rng = np.random.default_rng(0)
    net, x = blocks.network(kind, 24, 48, rng), blocks.stem(48, 48, rng)
    g = rng.normal(size=x.shape)
    return np.sum(gradient_by_shortcut(net, net.forward(x), g)[0] ** 2) / np.sum(g**2)


def alone(pick, of):
    """Whether the row with the least part is alone with it, and is the one that is picked by its error in both columns."""
    least = min(ERRORS, key=shortcut_part)
    return all(pick(ERRORS, key=lambda kind: ERRORS[kind][column]) == least for column in of)


def tied(worse):
    tie = [kind for kind in ERRORS if close(shortcut_part(kind), 1)]
    both = [kind for kind in tie if all(a > b for a, b in zip(ERRORS[kind], ERRORS["original"], strict=True))]
    return (len(tie), len(both)) == (3, worse)


TABLE = settings(table=("2",))

GROUNDS = {
    "prop-after-arcsine": Grounds(
        DRAWN,
        {"average": arcsine},
        {
            **{word: has(word) for word in ("independent", "equal", "symmetric", "ties")},
            "gradient": lambda s: s.gradient == "independent",
        },
        {"average": lambda s: survivors(s.steps, s.gradient)[0] in (0, 1), "symmetric": has("mean")},
    ),
    "after-remember-acts": Grounds(
        UNITS,
        {"part": product},
        {"identity": lambda s: s.h == 1},
        {"part": lambda s: close(parts(s)[0], s.g * np.prod(np.array(parts(s)[1]) + s.u))},
    ),
    "after-remember-inside": Grounds(
        UNITS,
        {"all": lambda s: close(parts(s)[0], s.g)},
        {"identity": lambda s: s.h == 1, "inside": lambda s: not s.relu},
        {"all": lambda s: s.g == 0 or abs(parts(s)[0]) < abs(s.g)},
    ),
    "after-remember-coins": (
        Grounds(
            BRANCHES,
            {"share": coins},
            {
                "independent": lambda s: not s.branch.endswith("again and again"),
                "spread": lambda s: s.branch.startswith("normalised"),
                "sign": lambda s: not s.branch.endswith("down"),
                "depth": lambda s: s.L > 8,
                "input": lambda s: s.start == "one step",
                "gradient": lambda s: s.gradient == "random",
            },
            {"share": lambda s: share(s.branch, s.L)[0] < 2 * 2.0**-s.L},
        ),
        Grounds(
            BRANCHES,
            {
                "without": lambda s: s.branch != "as they are" or falls(s),
                "small": lambda s: s.branch != "divided by the root" or not falls(s),
            },
            false={
                "without": lambda s: s.branch != "as they are" or share(s.branch, 32)[0] > share(s.branch, 16)[0] / 2,
                "small": lambda s: s.branch != "divided by the root" or falls(s),
            },
        ),
    ),
    "after-remember-normalisation": (
        Grounds(
            settings(v=(1.0, 0.1, 2.0), state=(1.0, 4.0), scale=(1.0, 2.0), statistics=("held", "moving"), after=("nothing", "a ReLU")),
            {"divides": lambda s: close(left(**vars(s)), 1 / (1 + s.v))},
            {
                "alone": lambda s: s.after == "nothing",
                "scale": lambda s: s.scale == 1,
                "held": lambda s: s.statistics == "held",
                "state": lambda s: s.state == 1,
            },
            {"divides": lambda s: close(left(**vars(s)), 1 / (1 + s.v) ** 2)},
        ),
        Grounds(
            settings(n=(1, 3), samples=(3, 10, 32), epsilon=(0.0, 1e-5)),
            {"ties": tied_together, "batch": lambda s: lost(s) == 2 * s.n},
            {"epsilon": lambda s: s.epsilon == 0},
            {"batch": lambda s: lost(s) == s.n},
        ),
    ),
    "after-remember-whole": Grounds(
        settings(kind=tuple(ERRORS)),
        {"grows": lambda s: grows(s, s.kind == "norm after addition")},
        {"initial": lambda s: True},
        {"grows": lambda s: grows(s, True)},
    ),
    "after-remember-table": Grounds(
        TABLE,
        {"worst": lambda s: alone(max, (0, 1)), "tie": lambda s: tied(1)},
        false={"worst": lambda s: alone(min, (0, 1)), "tie": lambda s: tied(0)},
    ),
}  # fmt: skip
