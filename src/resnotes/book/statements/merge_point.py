"""What shows the sentences of chapter 3."""

import numpy as np

from resnotes import Affine, Network, Unit
from resnotes.book.oracles import complex_step_jacobian
from resnotes.book.statements.places import close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.shortcuts import Absent, Identity, Projection, ZeroPad

#: y = W u + o, with o = u, and the gradient g that arrives.
MERGE = small({"W": (1, 1), "u": (1,), "g": (1,)}, {"W": (2, 2), "u": (2,), "g": (2,)}, limit=900)

#: The same with o = h u, so that h = 1 is an identity skip.
SKIPS = small({"W": (1, 1), "u": (1,), "g": (1,), "h": ()}, {"W": (2, 2), "u": (2,), "g": (2,), "h": ()}, limit=900)


def back(function, x, g):
    """What comes back to x, without a chain rule."""
    return np.asarray(g) @ complex_step_jacobian(function, x)


def lost(s):
    """What comes back to u, less what comes back with the skip held constant."""
    return back(lambda v: s.W @ v + s.h * v, s.u, s.g) - back(lambda v: s.W @ v + s.h * s.u, s.u, s.g)


def package(s):
    net = Network([Unit([Affine(s.W)], Identity())])
    return net.backward(net.forward(s.u), s.g)


def inverse_row(s):
    return s.g @ np.linalg.inv(s.W) if np.linalg.det(s.W) else np.full(len(s.g), np.nan)


def branch_alone(s):
    net = Network([Unit([Affine(s.W)], Absent())])
    return net.backward(net.forward(s.u), s.g).states[0]


def over_distance(s):
    """The gradient at x_0 of a skip over m layers that starts at the input or one layer later, less what the layers bring."""
    inside = [Affine([[s.w]]) for _ in range(s.m)]
    units = [Unit(inside, Identity())]
    if s.start == "later":
        units = [Unit([Affine([[2.0]])], Absent()), *units]
    net = Network(units)
    row = net.backward(net.forward([1.0]), [s.g]).states[-2][0]
    return row - s.g * s.w**s.m


WIDER = small({"V": (2, 1), "W": (2, 1), "u": (1,), "g": (2,)}, limit=700)


def sent(s, shortcut):
    net = Network([Unit([Affine(s.V)], shortcut)])
    return net.backward(net.forward(s.u), s.g)


def projected(s):
    grads = sent(s, Projection(s.W))
    return close(grads.states[0], s.g @ s.V + s.g @ s.W) and close(grads.units[0].shortcut.weight, np.outer(s.g, s.u))


GROUNDS = {
    "merge-remember-copies": Grounds(
        MERGE,
        {"copies": lambda s: close(back(lambda v: v + s.u, s.u, s.g), s.g) and close(package(s).states[0] - s.g @ s.W, s.g)},
        false={"copies": lambda s: close(back(lambda v: v + s.u, s.u, s.g), s.g / 2)},
    ),
    "merge-remember-fan-out": Grounds(
        MERGE,
        {"sum": lambda s: close(back(lambda v: s.W @ v + v, s.u, s.g), s.g @ s.W + s.g)},
        false={"sum": lambda s: close(back(lambda v: s.W @ v + v, s.u, s.g), (s.g @ s.W + s.g) / 2)},
    ),
    "merge-remember-constant": (
        Grounds(
            MERGE,
            {"constant": lambda s: close(back(lambda x: x + s.u, s.W @ s.u, s.g), s.g)},
            false={"constant": lambda s: close(back(lambda v: s.W @ v + v, s.u, s.g), s.g @ s.W)},
        ),
        Grounds(
            SKIPS,
            {"loses": lambda s: close(lost(s), s.g)},
            {"identity": lambda s: s.h == 1},
            {"loses": lambda s: close(lost(s), 0)},
        ),
    ),
    "merge-remember-transposes": Grounds(
        MERGE,
        {"transposes": lambda s: close(branch_alone(s), s.W.T @ s.g)},
        false={"transposes": lambda s: close(branch_alone(s), inverse_row(s))},
    ),
    "merge-remember-distance": Grounds(
        settings(start=("input", "later"), m=(1, 2, 3, 4), w=(0, 1, -1, 0.5), g=(1, -2)),
        {"rule": lambda s: close(over_distance(s), s.g)},
        false={"rule": lambda s: close(over_distance(s), s.g / s.m)},
    ),
    "merge-remember-projection": Grounds(
        WIDER,
        {
            "pads": lambda s: close(sent(s, ZeroPad(1, 2)).states[0] - s.g @ s.V, s.g[:1])
            and sent(s, ZeroPad(1, 2)).units[0].shortcut.weight is None,
            "projects": projected,
        },
        false={
            "pads": lambda s: close(sent(s, ZeroPad(1, 2)).states[0] - s.g @ s.V, s.g.sum()),
            "projects": lambda s: close(sent(s, Projection(s.W)).states[0] - s.g @ s.V, s.g @ np.linalg.pinv(s.W).T),
        },
    ),
}  # fmt: skip
