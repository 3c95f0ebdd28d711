"""What shows the sentences of chapter 5."""

from math import comb

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu
from resnotes.book.statements.places import close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Identity, Scale

AFTER = {"identity": identity, "ReLU": relu}
#: Three units from x_0, of which x_1 is x_l.
CHAINS = settings(
    shortcut=(1, 2, 0.5), after=("identity", "ReLU"), w0=(1, -2, 0), w1=(1, -3), w2=(2, -0.5), x=(1, -1), g=(1, -2)
)


def network(s):
    weights = (s.w0, s.w1, s.w2)
    return Network([Unit([Affine([[w]])], Identity() if s.shortcut == 1 else Scale(s.shortcut), after=AFTER[s.after]) for w in weights])  # fmt: skip


def summed(s, first=1, start=1):
    """x_L beside x_l plus the branches from ``first`` on."""
    states = np.ravel(network(s).forward([s.x]).states)
    branches = np.array([s.w0, s.w1, s.w2]) * states[:3]
    return close(states[3], states[start] + branches[first:].sum())


def by_length(s):
    net = network(s)
    return np.ravel(jacobian_by_length(net, net.forward([s.x])))


def identity_shortcut(s):
    return s.shortcut == 1


def nothing_after(s):
    return s.after == "identity"


def first_term_is_g(s):
    """For all networks and gradients with this shortcut and this layer after the addition."""
    return all(
        close(p.g * by_length(p)[0], p.g) for p in CHAINS.candidates() if (p.shortcut, p.after) == (s.shortcut, s.after)
    )


def kinds(n):
    """How many of the paths are mixed, and how many there are beside the first, by writing them all out."""
    paths = [[path >> k & 1 for k in range(n)] for path in range(1, 2**n)]
    return sum(not all(path) for path in paths), len(paths)


def shares(s):
    """What the paths through k of n branches bring along the whole sum, as a part of it; a branch may turn two numbers."""
    r = s.r if s.state == "one number" else 1j * s.r
    return np.array([(comb(s.n, k) * s.lam ** (s.n - k) * r**k / (s.lam + r) ** s.n).real for k in range(s.n + 1)])


def at_most(s, part):
    return shares(s)[: int(part * s.n) + 1].sum()


def near_half(s, centre=0.5):
    counts = np.array([comb(s.n, k) for k in range(s.n + 1)]) / 2.0**s.n
    return counts[abs(np.arange(s.n + 1) / s.n - centre) <= 0.1].sum() > 0.9


def matrices(n):
    """How many sums a recursion over units and lengths fills, lengths from 1 on."""
    return sum(1 for units in range(1, n + 1) for length in range(1, units + 1))


def exact(s):
    """Whether the paths of each length, written out one by one, add up to what the package has for that length."""
    found = by_length(s)
    want = np.zeros(4)
    net = network(s)
    trace = net.forward([s.x])
    slopes = [float(s.after == "identity" or unit.sum[0] > 0) for unit in trace.units]
    for path in range(8):
        taken = [path >> k & 1 for k in range(3)]
        want[sum(taken)] += np.prod([d * (w if t else s.shortcut) for d, w, t in zip(slopes, (s.w0, s.w1, s.w2), taken, strict=True)])  # fmt: skip
    return close(found, want), bool((abs(found - want) > 1e-6).any())


ONE = small({"J": (1, 1), "g": (1,)}, {"J": (2, 2), "g": (2,)}, denominators=(1, 2), top=2)
ALL = settings(network=("any",))


def exists(test, places=ONE):
    return lambda s: any(test(p) for p in places.candidates())


def is_minus_one(p):
    return close(p.J, -np.eye(len(p.g)))


def lost(p):
    return p.g.any() and not (p.g + p.g @ p.J).any()


GROUNDS = {
    "unrolled-remember-sum": Grounds(
        CHAINS,
        {"sum": summed, "inside": summed},
        {"identity": identity_shortcut, "nothing": nothing_after},
        {"sum": lambda s: summed(s, 0), "inside": lambda s: summed(s, 0)},
    ),
    "unrolled-remember-first": (
        Grounds(
            CHAINS,
            {"first": lambda s: close(s.g * by_length(s)[0], s.g)},
            {"same": lambda s: identity_shortcut(s) and nothing_after(s)},
            {"first": lambda s: abs(by_length(s)[0]) < 1},
        ),
        Grounds(
            ALL,
            {"bound": exists(lambda p: abs(by_length(p).sum()) < 1, CHAINS)},
            false={"bound": lambda s: all(abs(by_length(p).sum()) >= 1 for p in CHAINS.candidates())},
        ),
        Grounds(
            settings(n=(1, 2, 3, 4, 5, 6)),
            {"rest": lambda s: (k := kinds(s.n))[1] == 2**s.n - 1 and (s.n < 2 or k[0] > k[1] / 2)},
            false={"rest": lambda s: (k := kinds(s.n))[1] == 2**s.n - 1 and k[0] > k[1] / 2},
        ),
    ),
    "unrolled-remember-minus-one": Grounds(
        ALL,
        {
            "near": exists(lambda p: not is_minus_one(p) and 0 < (n := np.linalg.norm(p.g)) and np.linalg.norm(p.g + p.g @ p.J) <= n / 2),
            "eigenvector": exists(lambda p: not is_minus_one(p) and lost(p)),
            "weights": exists(lambda p: not is_minus_one(p) and not p.J.any()),
        },
        false={
            "near": lambda s: all(is_minus_one(p) or np.linalg.norm(p.g + p.g @ p.J) > np.linalg.norm(p.g) / 2 for p in ONE.candidates() if p.g.any()),
            "eigenvector": lambda s: all(is_minus_one(p) or not lost(p) for p in ONE.candidates()),
            "weights": lambda s: all(is_minus_one(p) or p.J.any() for p in ONE.candidates()),
        },
    ),
    "unrolled-remember-length": (
        Grounds(CHAINS, {"all": lambda s: exact(s)[0]}, false={"all": lambda s: exact(s)[1]}),
        Grounds(
            settings(n=(10, 30, 100)),
            {"cost": lambda s: abs(matrices(s.n) / (s.n**2 / 2) - 1) <= 1 / s.n + 1e-12},
            false={"cost": lambda s: abs(matrices(s.n) / (s.n**2 / 4) - 1) <= 1 / s.n},
        ),
    ),
    "unrolled-remember-share": (
        Grounds(settings(n=(100, 200)), {"half": near_half}, false={"half": lambda s: near_half(s, 1.0)}),
        Grounds(
            settings(n=(100, 200), state=("one number", "two, turned by the branch"), lam=(1.0, 0.5, -1.0), r=(0.05, 0.02, -0.02, -0.05, 1.0)),
            {"shorter": lambda s: (shares(s) > -1e-12).all() and at_most(s, 0.25) > 0.5},
            {"number": lambda s: s.state == "one number", "sign": lambda s: s.lam * s.r > 0, "small": lambda s: abs(s.r) <= 0.1 * abs(s.lam)},
            {"shorter": lambda s: shares(s)[0] > 0.5},
        ),
    ),
    "unrolled-remember-both": (
        Grounds(
            CHAINS,
            {"count": lambda s: len(by_length(s)) == 4 and exact(s)[0]},
            false={"count": lambda s: exact(s)[0] == identity_shortcut(s)},
        ),
        Grounds(
            settings(shortcut=(1, 2, 0.5), after=("identity", "ReLU")),
            {"both": lambda s: first_term_is_g(s) == (identity_shortcut(s) and nothing_after(s))},
            false={"both": lambda s: first_term_is_g(s) == identity_shortcut(s)},
        ),
    ),
}  # fmt: skip
