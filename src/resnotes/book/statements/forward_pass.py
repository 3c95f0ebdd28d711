"""What shows the sentences of chapter 1."""

import numpy as np

from resnotes import Affine, Network, Unit, four_layer, identity, relu, softmax_cross_entropy
from resnotes.book.oracles import complex_step_jacobian
from resnotes.book.statements.places import close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.shortcuts import Projection, Scale


def softmax(x):
    shares = np.exp(x - x.max())
    return shares / shares.sum()


def gradient(s):
    """By the complex step, from the definition of the loss alone."""
    return complex_step_jacobian(lambda x: np.array([-(s.p @ (x - np.log(np.exp(x).sum())))]), s.x)[0]


def uniform(x):
    return close(x, 1 / x.size)


LOGITS = small(
    *({"x": (n,), "p": (n,)} for n in (1, 2, 3)),
    denominators=(1, 2, 3),
    limit=700,
    also=[{"x": [1 / n] * n, "p": p} for n, p in ((2, [0, 1]), (3, [1, 0, 0]), (3, [1, 1, 1]), (4, [0.25] * 4))],
)


def one_unit(s):
    """The package's unit, beside its shortcut's and its branch's output."""
    unit = Unit([Affine([[s.w]])], Scale(s.h), after=relu if getattr(s, "after", "ReLU") == "ReLU" else identity)
    return float(Network([unit]).forward([s.x]).states[1][0]), s.h * s.x, s.w * s.x


def runs(s):
    unit = Unit(
        [Affine(np.ones((s.inside, s.x))), Affine(np.ones((s.branch, s.inside)))],
        Projection(np.ones((s.shortcut, s.x))),
    )
    try:
        Network([unit]).forward(np.ones(s.x))
    except ValueError:
        return False
    return True


UNITS = small({"x": (), "h": (), "w": ()})
AFTER = settings(after=("ReLU", "identity"), x=(1, -1), h=(1, 0, -1, 2), w=(0, 1, -1, -2))

WIDTHS = settings(n=(1, 2, 3))


def four(s, weight=1, bias=1):
    """The states of four layers, and whether y_3 is what this weight and this bias make of x_2, and the skip."""
    rng = np.random.default_rng(s.n)
    weights, biases, x1 = rng.normal(size=(4, s.n, s.n)), rng.normal(size=(4, s.n)), rng.normal(size=s.n)
    states = four_layer.forward(weights, biases, x1)
    made = weights[weight] @ relu(weights[0] @ x1 + biases[0]) + biases[bias] + x1
    return states, close(states["y3"], made), relu(weights[0] @ x1 + biases[0])


def quantity(right, wrong):
    return Grounds(WIDTHS, {"shape": right}, false={"shape": wrong})


TABLE = {
    "forward-row-state": quantity(
        lambda s: (f := four(s))[0]["x2"].shape == (s.n,) and close(f[0]["x2"], f[2]),
        lambda s: (f := four(s))[0]["x3"].shape == (s.n,) and close(f[0]["x3"], f[2]),
    ),
    "forward-row-sum": quantity(
        lambda s: (x := four(s)[0])["y2"].shape == (s.n,) and close(relu(x["y2"]), x["x2"]),
        lambda s: (x := four(s)[0])["y2"].shape == (s.n,) and close(x["y2"], relu(x["x2"])),
    ),
    "forward-row-weight": quantity(lambda s: four(s)[1], lambda s: four(s, weight=2)[1]),
    "forward-row-bias": quantity(lambda s: four(s)[1], lambda s: four(s, bias=2)[1]),
}

GROUNDS = {
    "softmax-fixed-point": (
        Grounds(
            LOGITS,
            {"one": lambda s: close(softmax(s.x), s.x) == uniform(s.x)},
            false={"one": lambda s: close(softmax(s.x), s.x) == close(s.x, 0)},
        ),
        Grounds(
            LOGITS,
            {"gradient": lambda s: close(gradient(s), s.x - s.p) == uniform(s.x)},
            {"target": lambda s: close(s.p.sum(), 1)},
            {"gradient": lambda s: close(gradient(s), s.x - s.p) == close(s.x, s.x[0])},
        ),
    ),
    "forward-remember-unit": Grounds(
        UNITS,
        {"unit": lambda s: (u := one_unit(s))[0] == max(u[1] + u[2], 0)},
        false={"unit": lambda s: (u := one_unit(s))[0] == u[1] + max(u[2], 0)},
    ),
    "forward-remember-widths": Grounds(
        settings(x=(1, 2, 3), shortcut=(1, 2, 3), branch=(1, 2, 3), inside=(1, 2, 3)),
        {
            "same": lambda s: not runs(s) or s.shortcut == s.branch,
            "inside": lambda s: s.shortcut != s.branch or runs(s),
        },
        false={
            "same": lambda s: not runs(s) or s.shortcut == s.branch == s.x,
            "inside": lambda s: s.shortcut != s.branch or runs(s) == (s.inside == s.x),
        },
    ),
    "forward-remember-relu": Grounds(
        AFTER,
        {"only": lambda s: (u := one_unit(s))[0] == 0 or u[1] + u[2] > 0},
        {"relu": lambda s: s.after == "ReLU"},
        {"only": lambda s: (u := one_unit(s))[0] == 0 or u[1] > 0},
    ),
    "forward-remember-loss": (
        Grounds(
            LOGITS,
            {"general": lambda s: close(gradient(s), s.p.sum() * softmax(s.x) - s.p)},
            false={"general": lambda s: close(gradient(s), softmax(s.x) - s.p.sum() * s.p)},
        ),
        Grounds(
            LOGITS,
            {"one": lambda s: close(softmax_cross_entropy(s.x, s.p)[1], softmax(s.x) - s.p)},
            {"target": lambda s: close(s.p.sum(), 1)},
            {"one": lambda s: close(softmax_cross_entropy(s.x, s.p)[1], softmax(s.x) * (1 - s.p))},
        ),
    ),
    **TABLE,
}
