"""What shows the sentences of chapter 4."""

from functools import cache

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu
from resnotes.book.statements.places import close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Scale

#: Units lambda_i I + J_i, the last one next to the loss, with bounds rho_i.
SCALED = small(
    {"lam": (1,), "J": (1, 1, 1), "rho": (1,), "g": (1,)},
    {"lam": (2,), "J": (2, 1, 1), "rho": (2,), "g": (1,)},
    limit=2500,
    also=[
        {"lam": [1, 2], "J": [[[0, 1], [0, 0]], [[-1, 0], [0, 1]]], "rho": [1, 1], "g": [1, 2]},
        {"lam": [0.5, 0.5], "J": [[[-1]], [[-1]]], "rho": [1, 1], "g": [1]},
        {"lam": [1, 2, 3], "J": [[[1]], [[1]], [[2]]], "rho": [1, 1, 2], "g": [1]},
        {"lam": [-1, -2], "J": [[[-1]], [[-1]]], "rho": [1, 1], "g": [1]},
    ],
)
#: The same without bounds, so that no network comes twice.
CHAINS = small(
    {"lam": (1,), "J": (1, 1, 1), "g": (1,)},
    {"lam": (2,), "J": (2, 1, 1), "g": (1,)},
    limit=700,
    also=[{name: value for name, value in vars(s).items() if name != "rho"} for s in SCALED.given],
)
LENGTH = 4000


def norms(s):
    return np.linalg.norm(s.J, 2, axis=(-2, -1))


def gradient(s):
    """The package's, through units with linear branches."""
    net = Network([Unit([Affine(J)], Scale(lam)) for lam, J in zip(s.lam, s.J, strict=True)])
    return net.backward(net.forward(np.ones(len(s.g))), s.g).states[0]


def down(s, unit):
    """The row g sent through the units one after the other, the last one first."""
    row = s.g
    for lam, J in zip(s.lam[::-1], s.J[::-1], strict=True):
        row = unit(row, lam, J)
    return row


def between(low, high):
    """Whether the gradient's length lies between two multiples of the first."""

    def test(s):
        first, last = np.linalg.norm(s.g), np.linalg.norm(gradient(s))
        return np.prod(low(s)) * first - 1e-9 <= last <= np.prod(high(s)) * first + 1e-9

    return test


#: Sequences of factors: name -> |lambda_i|, as far as is needed to tell how the product behaves.
SEQUENCES = {
    "one": np.ones,
    "half": lambda n: np.full(n, 0.5),
    "two": lambda n: np.full(n, 2.0),
    "half and two in turn": lambda n: np.where(np.arange(n) % 2, 2.0, 0.5),
    "three, nine times, then half": lambda n: np.where(np.arange(n) < 9, 3.0, 0.5),
    "half, nine times, then two": lambda n: np.where(np.arange(n) < 9, 0.5, 2.0),
    "1 - 1/(i + 2)^2": lambda n: 1 - 1 / (np.arange(n) + 2.0) ** 2,
    "1 - 1/(i + 2)": lambda n: 1 - 1 / (np.arange(n) + 2.0),
    "1 + 1/(i + 1)": lambda n: 1 + 1 / (np.arange(n) + 1.0),
    "half on squares, else one": lambda n: np.where(np.sqrt(np.arange(n)) % 1, 1.0, 0.5),
    "zero, then two": lambda n: np.where(np.arange(n) < 1, 0.0, 2.0),
    "six and a third in turn": lambda n: np.where(np.arange(n) % 2, 1 / 3, 6.0),
}
FACTORS = settings(factors=tuple(SEQUENCES))


@cache
def logs(name):
    """log |Lambda_{0:n}| for n = 1, 2, ..."""
    with np.errstate(divide="ignore"):
        return np.cumsum(np.log(SEQUENCES[name](LENGTH)))


def averages(s):
    return logs(s.factors) / np.arange(1, LENGTH + 1)


def tail(values):
    return values[LENGTH // 2 :]


def decays(s, sign=1.0):
    """Whether |Lambda| <= C e^{-cn}, here with c = 0.05: how far it lies above the exponential no longer grows."""
    if sign < 0 and not np.isfinite(logs(s.factors)[-1]):
        return False
    above = sign * logs(s.factors) + 0.05 * np.arange(1, LENGTH + 1)
    return bool(np.max(tail(above)) <= np.max(above[: LENGTH // 2]))


def bounded(s):
    """Neither end of the range moves any more, but for what a convergent product still adds."""
    first, last = logs(s.factors)[: LENGTH // 2], tail(logs(s.factors))
    return bool(np.isfinite(last).all() and last.max() - first.max() < 0.01 and first.min() - last.min() < 0.01)


def criterion(s):
    return bool(np.max(tail(averages(s))) < -0.05)


def two_constants(s):
    product = np.exp(np.clip(logs(s.factors), -700, 700))
    return bool(product.min() > 1e-2 and product.max() < 1e2)


#: A unit of the forward pass each, x_{i+1} = lambda_i x_i + w_i x_i; the third is unit L.
FORWARD = small({"lam": (3,), "w": (3,), "x": ()}, limit=2500, also=[{"lam": [2, 3, 5], "w": [1, 2, 1], "x": 1}])


def forward(s, units=2):
    return [float(state[0]) for state in Network([Unit([Affine([[w]])], Scale(lam)) for lam, w in zip(s.lam, s.w, strict=True)]).forward([s.x]).states]  # fmt: skip


def summed(s, last=2, after=True):
    """Product and sum with units 0 to last - 1."""
    states, total = forward(s), np.prod(s.lam[:last]) * s.x
    for i in range(last):
        factors = s.lam[i + 1 : last] if after else s.lam[:i]
        total += np.prod(factors) * s.w[i] * states[i]
    return close(total, states[2])


@cache
def paths(units):
    """How many there are, as the package counts them: with lambda = J = 1 each brings 1."""
    ones = Network([Unit([Affine(np.ones((1, 1)))], Scale(1.0))] * units)
    return float(jacobian_by_length(ones, ones.forward([1.0])).sum())


def counted(s, count):
    """So many paths, of which the shortcuts' own brings Lambda g."""
    net = Network([Unit([Affine(J)], Scale(lam)) for lam, J in zip(s.lam, s.J, strict=True)])
    by_length = jacobian_by_length(net, net.forward(np.ones(len(s.g))))
    return paths(len(s.lam)) == count and close(s.g @ by_length[0], np.prod(s.lam) * s.g)


#: Two units in turn, many times.
PERIODIC = small({"lam": (2,), "r": (2,)}, denominators=(1, 2, 4), top=6, limit=6000, also=[{"lam": [0.5, 0.5], "r": [0.25, -0.25]}, {"lam": [3, 3], "r": [1, -1]}])  # fmt: skip
SCALARS = small({"lam": (), "r": ()}, denominators=(1, 2), top=4)


def growth(s):
    with np.errstate(divide="ignore"):
        return float(np.log(np.abs(s.lam + s.r)).sum())


UNITS = settings(lam=(1.0, 0.5, 2.0), w=(1.0, -3.0), x=(1.0, -1.0), after=("nothing", "ReLU"))


def parts(s):
    """By the shortcut, by the branch, and the slope of what comes after the addition."""
    after = relu if s.after == "ReLU" else identity
    net = Network([Unit([Affine([[s.w]])], Scale(s.lam), after=after)])
    slope = float(s.after == "nothing" or (s.lam + s.w) * s.x > 0)
    return np.ravel(jacobian_by_length(net, net.forward([s.x]))), slope


GROUNDS = {
    "scaling-remember-about": (
        Grounds(
            UNITS,
            {"about": lambda s: close(parts(s)[0].sum(), s.lam + s.w)},
            {"nothing": lambda s: s.after == "nothing"},
            {"about": lambda s: close(parts(s)[0].sum(), s.lam * (1 + s.w))},
        ),
        Grounds(
            UNITS,
            {"takes": lambda s: close((p := parts(s))[0], p[1] * np.array([s.lam, s.w]))},
            false={"takes": lambda s: close((p := parts(s))[0], [s.lam, p[1] * s.w])},
        ),
    ),
    "weak-branches": Grounds(
        SCALED,
        {"bounds": between(lambda s: np.maximum(abs(s.lam) - s.rho, 0), lambda s: abs(s.lam) + s.rho)},
        {"norms": lambda s: (norms(s) <= s.rho + 1e-12).all()},
        {"bounds": (between(lambda s: abs(s.lam) - s.rho, lambda s: abs(s.lam) + s.rho),
                    between(lambda s: 0, lambda s: s.lam + s.rho))},
    ),
    "mean-log": Grounds(
        FACTORS,
        {
            "decay": lambda s: decays(s) == criterion(s),
            "growth": lambda s: decays(s, -1.0) == bool(np.min(tail(averages(s))) > 0.05 and np.isfinite(logs(s.factors)[-1])),
            "between": lambda s: two_constants(s) == bounded(s),
        },
        false={
            "decay": lambda s: decays(s) == bool((averages(s) < 0).all()),
            "growth": lambda s: decays(s, -1.0) == bool((SEQUENCES[s.factors](LENGTH) > 1).all()),
            "between": lambda s: two_constants(s) == bool(abs(averages(s)[-1]) < 0.01),
        },
    ),
    "scaling-remember-range": Grounds(
        FORWARD,
        {"range": summed, "after": summed},
        false={"range": lambda s: summed(s, 3), "after": lambda s: summed(s, after=False)},
    ),
    "scaling-remember-gradient": Grounds(
        CHAINS,
        {
            "product": lambda s: close(gradient(s), down(s, lambda row, lam, J: lam * row + row @ J)),
            "paths": lambda s: counted(s, 2 ** len(s.lam)),
        },
        false={
            "product": lambda s: close(gradient(s), down(s, lambda row, lam, J: lam * (row + row @ J))),
            "paths": lambda s: counted(s, 2 * len(s.lam)),
        },
    ),
    "scaling-remember-weak": (
        Grounds(
            CHAINS,
            {"scales": lambda s: counted(s, 2 ** len(s.lam))},
            false={"scales": lambda s: close(gradient(s), np.prod(s.lam) * s.g)},
        ),
        Grounds(
            PERIODIC,
            {"vanish": lambda s: growth(s) < -0.2},
            {"below": lambda s: (abs(s.lam) + abs(s.r) <= 0.75).all()},
            {"below": lambda s: (abs(s.lam) <= 0.75).all()},
        ),
        Grounds(
            PERIODIC,
            {"explode": lambda s: growth(s) > 0.2},
            {"above": lambda s: (abs(s.lam) - abs(s.r) >= 1.25).all()},
            {"above": lambda s: (abs(s.lam) >= 1.25).all()},
        ),
    ),
    "scaling-remember-one": (
        Grounds(
            SCALARS,
            {"alone": lambda s: s.lam**3 == 1},
            {"one": lambda s: s.lam == 1},
            {"alone": lambda s: (s.lam + s.r) ** 3 == 1},
        ),
        Grounds(
            settings(gradient=("of three units",)),
            {"whole": lambda s: {2.0, 0.5} <= {abs(p.lam + p.r) for p in SCALARS.candidates() if p.lam == 1}},
            false={"whole": lambda s: not {2.0, 0.5} & {abs(p.lam + p.r) for p in SCALARS.candidates() if p.lam == 1}},
        ),
    ),
    "scaling-remember-average": (
        Grounds(
            settings(sequences=("all",)),
            {"enough": lambda s: any(not decays(p) and (0 < (f := SEQUENCES[p.factors](LENGTH))).all() and (f < 1).all() for p in FACTORS.candidates())},
            false={"enough": lambda s: all(decays(p) or not (0 < (f := SEQUENCES[p.factors](LENGTH))).all() or not (f < 1).all() for p in FACTORS.candidates())},
        ),
        Grounds(
            FACTORS,
            {"average": lambda s: decays(s) == criterion(s)},
            false={"average": lambda s: decays(s) == bool((averages(s) < 0).all())},
        ),
    ),
}  # fmt: skip
