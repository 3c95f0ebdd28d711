"""What shows the sentences of chapter 13."""

from itertools import product
from math import log10

import numpy as np

from resnotes.book.statements.at_initialisation import DEPTHS, FACTORS, stays
from resnotes.book.statements.places import close, settings
from resnotes.book.statements.shortcuts_as_operators import mixing
from resnotes.book.statements.statement import Grounds
from resnotes.initialisation import draw_weights, residual_network
from resnotes.recipes import RECIPES, first_checks

# Two streams of one number, with all signs of the branch's two weights written out.

STREAMS = settings(
    mixing=((1.0, 0.0, 0.0, 1.0), (0.5, 0.5, 0.5, 0.5), (1.0, 2.0, 0.0, 1.0)),
    read=((0.5, 0.5), (1.0, 0.0)), write=((1.0, 1.0), (1.0, 2.0)), x=(1.0, 0.0), mean=(0.0, 1.0), looking=(False, True),
)  # fmt: skip


def moments(s):
    """E[G_0 G_0^T], what the law makes of G_1, and the same sent back by each network."""
    H, r, c = np.reshape(s.mixing, (2, 2)), np.array(s.read), np.array(s.write)
    every, tops = [], []
    for w1, w2 in product((1.0, -1.0), repeat=2):
        J = (w2 + s.mean) * (w1 * s.x > 0) * w1
        G = np.array([1.0, 2.0]) * (1.0 + s.looking * (J > 0))
        row = H.T @ G + r * (c @ G) * J
        every.append(np.outer(row, row))
        tops.append(np.outer(G, G))
    top, kappa = np.mean(tops, axis=0), 0.5 * (1 + s.mean**2)
    return np.mean(every, axis=0), H.T @ top @ H + kappa * np.outer(r, r) * (c @ top @ c), every


BETAS = settings(lam=(1.0, 2.0), beta=tuple(FACTORS))


def drawn(recipe, depth, n=24, count=100):
    """Gains of fresh networks, and what the path through no branch brings of the squared length."""
    rng, found = np.random.default_rng(8), []
    for _ in range(count):
        net = recipe.network(draw_weights(rng, depth, n, (2.0, 1.0)))
        g = rng.normal(size=n)
        found.append(np.sum(net.backward(net.forward(rng.normal(size=n)), g).states[0] ** 2) / np.sum(g**2))
    return np.array(found)


RECIPE = settings(recipe=tuple(key for key in RECIPES if RECIPES[key].norm is None and "ighway" not in key), depth=(6,))


def gain(s):
    return 10 ** RECIPES[s.recipe].log10_gain(s.depth)


def mean_fits(s):
    found = drawn(RECIPES[s.recipe], s.depth)
    return abs(found.mean() - gain(s)) <= 4 * found.std() / 10 + 1e-9


def path(s, with_gain=True):
    """lambda^(2L) is what the path of the shortcuts brings."""
    recipe = RECIPES[s.recipe]
    brings = recipe.shortcut(s.depth) ** (2 * s.depth)
    return close(brings, 10 ** (recipe.log10_share(s.depth) + with_gain * recipe.log10_gain(s.depth)))


def logs(s):
    return [float(np.sum(np.log(s.lam**2 + FACTORS[s.beta](L) ** 2))) for L in DEPTHS]


NORMS = settings(kappa=(1.0, 4.0), L=(10, 100, 1000))


def of(name, s):
    recipe = RECIPES[next(key for key in RECIPES if key.lower().startswith(name))]
    return recipe.log10_gain(s.L, s.kappa), recipe.log10_share(s.L, s.kappa)


def near(a, b):
    return abs(a - b) < 0.1


def checked(scale):
    rng = np.random.default_rng(3)
    return first_checks(residual_network(draw_weights(rng, 40, 8, (2.0, 1.0)), 1.0, scale))


ONE = settings(network=("40 units",))

GROUNDS = {
    "prop-depths-streams": Grounds(
        STREAMS,
        {"moment": lambda s: close(*moments(s)[:2])},
        {"branches": lambda s: s.mean == 0, "state": lambda s: s.x != 0, "given": lambda s: not s.looking},
        {"moment": lambda s: all(close(each, moments(s)[1]) for each in moments(s)[2])},
    ),
    "depths-remember-recipe": Grounds(
        RECIPE,
        {"gain": mean_fits, "share": path},
        false={
            "gain": lambda s: np.ptp(drawn(RECIPES[s.recipe], s.depth)) < 1e-6,
            "share": lambda s: path(s, with_gain=False),
        },
    ),
    "depths-remember-bounded": (
        Grounds(
            BETAS,
            {"bounded": lambda s: stays(logs(s))},
            {
                "identity": lambda s: s.lam == 1,
                "sum": lambda s: stays([float((FACTORS[s.beta](L) ** 2).sum()) for L in DEPTHS]),
            },
            {"sum": lambda s: max(FACTORS[s.beta](max(DEPTHS))) < np.inf},
        ),
        Grounds(
            ONE,
            {"zero": lambda s: sum(np.log1p(np.zeros(1000))) == 0},
            false={"zero": lambda s: sum(np.log1p(np.zeros(1000))) > 0},
        ),
    ),
    "depths-remember-norms": Grounds(
        NORMS,
        {
            "pre": lambda s: near(of("pre", s)[0], log10(1 + s.L)),
            "post": lambda s: of("post", s)[0] == 0 and near(of("post", s)[1], -s.L * log10(2)),
            "deep": lambda s: of("deepnorm", s)[0] == 0 and of("deepnorm", s)[1] > log10(0.5) * 3 / s.L**0.5,
        },
        {"strength": lambda s: s.kappa == 1, "wide": lambda s: True, "input": lambda s: True},
        {
            "pre": lambda s: near(of("pre", s)[0], s.L * log10(2)),
            "post": lambda s: near(of("post", s)[1], log10(0.5)),
            "deep": lambda s: of("deepnorm", s)[1] < -2,
        },
    ),
    "depths-remember-mixing": mixing("mean", "forgets", "permutation"),
    "depths-remember-checks": Grounds(
        ONE,
        {
            "first": lambda s: checked(1.0).first is not None and checked(0.0).first is None,
            "moment": lambda s: str(checked(1.0)) == str(checked(1.0)),
        },
        false={"first": lambda s: checked(1.0).first is None, "moment": lambda s: hasattr(checked(1.0), "loss")},
    ),
}  # fmt: skip
