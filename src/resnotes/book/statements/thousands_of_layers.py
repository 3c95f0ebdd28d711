"""What shows the sentences of chapter 13."""

from itertools import product
from math import log10

import numpy as np

from resnotes import Unit, report
from resnotes.book.statements.at_initialisation import DEPTHS, FACTORS, stays
from resnotes.book.statements.places import close, seen, settings, source_of
from resnotes.book.statements.shortcuts_as_operators import mixing
from resnotes.book.statements.statement import Grounds
from resnotes.initialisation import draw_weights, residual_network
from resnotes.precision import round_to
from resnotes.recipes import RECIPES, Recipe, first_checks, highway
from resnotes.shortcuts import Scale

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


BETAS = settings(
    lam=(1.0, 2.0), norm=("none", "in front"), after=("nothing", "twice"), beta=tuple(FACTORS), branches=("fresh", "all of one sign")
)  # fmt: skip


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
    """Logarithms of the mean gain; branches of one sign add their factors and not their squares."""
    found = []
    for L in DEPTHS:
        beta = FACTORS[s.beta](L)
        square = beta**2 / (1 + np.cumsum(beta**2) - beta**2) if s.norm == "in front" else beta**2
        mixed = 2 * s.lam * np.sqrt(square) if s.branches != "fresh" else 0.0
        found.append(float(np.sum(np.log(s.lam**2 + square + mixed) + (s.after == "twice") * np.log(2))))
    return found


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

# Rows of the tables: what a recipe sets, and what was reported of it.


def brings(recipe, depth):
    """log10 of what the path through no branch brings."""
    return recipe.log10_gain(depth) + recipe.log10_share(depth)


def like(**changes):
    """The recipe of a place with something else set."""
    return lambda s: Recipe(**{**vars(RECIPES[s.recipe]), **changes})


def no_bias_lost(recipe):
    return brings(recipe, 1000) > -1


def exactly_one(recipe):
    return recipe.log10_gain(1000) == 0 == recipe.log10_share(1000)


def below(limit):
    return lambda recipe: 10 ** recipe.log10_gain(1000) < limit


def keeps_shortcuts(depth):
    return lambda recipe: recipe.log10_share(depth) > log10(0.9)


def set_row(name, holds, **other):
    """That the setting has its effect, and that another setting has not."""
    return Grounds(
        settings(recipe=(name,)),
        {"set": lambda s: holds(RECIPES[s.recipe])},
        false={"set": lambda s: holds(like(**other)(s))},
    )


def reported(row, words, *wrong):
    return Grounds(source_of("thousands_of_layers", row), {"reported": seen(*words)}, false={"reported": seen(*wrong)})


def deepnorm(s, larger=True):
    """The recipe's factors for L = 2N with two weights in a branch, (2N)^(1/4) and (8N)^(-1/4) each."""
    recipe, N = RECIPES["DeepNorm"], s.N
    kept, branch = recipe.shortcut(2 * N), recipe.branch(2 * N)
    stands = close(kept, (2 * N) ** 0.25) and close(branch, (8 * N) ** -0.5) and recipe.norm == "post"
    return stands and (kept > 1 and branch < 1) == larger


def fixup_factor(s, power):
    """Whether the m - 1 factors multiply to 1/sqrt(L)."""
    return close((s.L ** power(s.m)) ** (s.m - 1), s.L**-0.5)


def nothing_below(s, classification):
    """Whether the loss sends nothing down at the first step: that weight decides, (p - y) W."""
    W = np.zeros((3, 2)) if classification == 0 else np.ones((3, 2))
    return not (np.array([0.5, -0.25, -0.75]) @ W).any()


def sums_kept(s, *ways):
    """Where a mixing's sums are 1 along these axes: whether the sum over the streams comes back as it was."""
    H = np.reshape(s.mixing, (2, 2))
    return not all(close(H.sum(way), 1) for way in ways) or close(np.sum(H.T @ np.array(s.G)), np.sum(s.G))


MIXINGS = settings(
    mixing=((1.0, 0.0, 0.0, 1.0), (0.5, 0.5, 0.5, 0.5), (0.75, 0.25, 0.25, 0.75), (0.9, 0.7, 0.1, 0.3)),
    G=((1.0, 2.0), (1.0, -1.0)),
)
DEPTH = settings(depth=(10, 100, 1000), factor=(1.0, 0.1))
FAULTS = settings(fault=("variance", "dead", "gate"))


def of_ten(s):
    """A report on ten units, of which the fifth has a wrong variance, or sends nothing, or has its gate shut."""
    weights = draw_weights(np.random.default_rng(6), 10, 8, (2.0, 1.0))
    net = residual_network(weights, 1.0, 0.3)
    scale = {"variance": 4000.0, "dead": 0.0, "gate": 0.01}[s.fault]
    net.units[4].branch[0].weight[:] *= scale
    units = list(net.units)
    if s.fault != "variance":
        units[4] = Unit(units[4].branch, Scale(1e-3))
    return report(units)


TABLES = {
    "depths-row-highway": (
        set_row("Highway, b = -log L", no_bias_lost, shortcut=highway(-3.0).shortcut, branch=highway(-3.0).branch),
        reported(
            "depths-row-highway",
            ("a negative bias", "In pilot experiments, SGD did not stall for networks with more than 1000 layers"),
            "did not stall for networks with more than 1000 layers, with",
        ),
    ),
    "depths-row-fixup": (
        Grounds(
            settings(weights=("at the start",)),
            {"set": lambda s: exactly_one(RECIPES["Fixup"]) and nothing_below(s, 0)},
            false={"set": lambda s: nothing_below(s, 1)},
        ),
        Grounds(
            settings(L=(4, 100), m=(2, 3)),
            {"others": lambda s: fixup_factor(s, lambda m: -1 / (2 * m - 2))},
            false={"others": lambda s: fixup_factor(s, lambda m: 0)},
        ),
        reported(
            "depths-row-fixup",
            ("Initialize the classification layer and the last layer of each residual branch to 0", "10,000 layers"),
            "1000 layers",
        ),
    ),
    "depths-row-skipinit": set_row("SkipInit", exactly_one, branch=lambda L: 1.0),
    "depths-row-rezero": set_row("ReZero", exactly_one, branch=lambda L: L**-0.5),
    "depths-row-stable": set_row("Stable ResNet", below(np.e), branch=lambda L: 1.0),
    "depths-row-deepnorm": (
        Grounds(
            settings(N=(6, 100, 500)),
            {"set": deepnorm},
            false={"set": lambda s: deepnorm(s, larger=False)},
        ),
        reported(
            "depths-row-deepnorm",
            ("1,000 layers", "2,500 attention and feed-forward network sublayers"),
            "2,500 layers",
        ),
    ),
    "depths-row-scaling": (
        set_row("LayerNorm Scaling", below(10), branch=lambda L: np.arange(1, L + 1) ** 0.5),
        reported("depths-row-scaling", ("130M to 7B", "contribute more"), "contribute less"),
    ),
    "depths-row-completep": (
        set_row("CompleteP", below(1.01), branch=lambda L: 1.0),
        reported("depths-row-completep", ("12-34% compute efficiency improvements",), "less compute"),
    ),
    "depths-row-peri": (
        set_row("Peri-LN", lambda recipe: near(recipe.log10_gain(100, 4.0), log10(101)), norm="post"),
        reported("depths-row-peri", ("3.2B parameters", "balanced variance growth"), "exponential variance growth"),
    ),
    "depths-row-keel": (
        set_row("Keel", keeps_shortcuts(1000), shortcut=lambda L: 1.0),
        reported("depths-row-keel", ("exceeding 1000 layers",), "10,000 layers"),
    ),
    "depths-row-ngpt": (
        set_row("nGPT", keeps_shortcuts(10), shortcut=lambda L: 1.0, branch=lambda L: 1.0),
        reported("depths-row-ngpt", ("steps required to achieve the same accuracy", "4 to 20"), "4 to 40"),
    ),
    "depths-row-laurel": (
        set_row("LAuReL", lambda recipe: near(recipe.log10_gain(1000), 0), shortcut=lambda L: 1.0),
        reported("depths-row-laurel", ("as naively adding an extra layer", "2.6x fewer parameters"), "26x"),
    ),
    "depths-row-siamese": set_row("SiameseNorm", lambda recipe: brings(recipe, 1000) > log10(0.25), norm="post"),
    "depths-row-mhc": Grounds(
        MIXINGS,
        {"set": lambda s: sums_kept(s, 0, 1)},
        false={"set": lambda s: sums_kept(s, 0)},
    ),
    "depths-row-ten": Grounds(
        FAULTS,
        {
            "unit": lambda s: of_ten(s).worst_unit == 4,
            "gain": lambda s: np.argmax(np.abs(of_ten(s).log10_gain)) == 4,
        },
        false={"unit": lambda s: of_ten(s).worst_unit is None, "gain": lambda s: hasattr(of_ten(s), "log10_share")},
    ),
    "depths-row-hundred": Grounds(
        DEPTH,
        {"multiply": lambda s: s.depth * log10(1 + s.factor**2) > 4},
        {"depth": lambda s: s.depth >= 100, "strong": lambda s: s.factor == 1},
        {"multiply": lambda s: 1 + s.depth * s.factor**2 > 1e4},
    ),
    "depths-row-thousand": Grounds(
        DEPTH,
        {
            "factor": lambda s: 0.99**s.depth < 1e-3,
            "format": lambda s: float(round_to(1 + 1 / s.depth, "bfloat16")) == 1,
        },
        {"depth": lambda s: s.depth == 1000},
        {"factor": lambda s: 0.9999**s.depth < 1e-3, "format": lambda s: float(round_to(2.0, "bfloat16")) == 1},
    ),
}

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
                "fresh": lambda s: s.branches == "fresh",
                "identity": lambda s: s.lam == 1,
                "norm": lambda s: s.norm == "none",
                "nothing": lambda s: s.after == "nothing",
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
        {"strength": lambda s: s.kappa == 1, "wide": lambda s: True, "input": lambda s: True, "gradient": lambda s: True},
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
    **TABLES,
}  # fmt: skip
