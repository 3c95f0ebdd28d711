"""What shows the sentences of chapter 7."""

from functools import cache
from itertools import permutations

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu
from resnotes.book.oracles import complex_step_jacobian
from resnotes.book.published import PUBLISHED
from resnotes.book.statements.places import Place, Places, close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.paths import gradient_by_shortcut
from resnotes.shortcuts import Gate, Identity, Projection, Subsample, ZeroPad
from resnotes.testing import GradientError, check_gradient

PAIRS = small(
    {"A": (1, 1), "B": (1, 1), "g": (1,)},
    {"A": (2, 2), "B": (2, 2), "g": (2,)},
    limit=2500,
    also=[
        {"A": [[1], [1]], "B": [[1, 0], [0, 1]], "g": [1, -1]},
        {"A": [[0, -2], [2, 0]], "B": [[0, 1], [-1, 0]], "g": [1, 2]},
        {"A": [[1, 1], [0, 0]], "B": [[1, 0], [0, 0]], "g": [1, 2]},
    ],
)


def values(M):
    return np.linalg.svd(M, compute_uv=False)


def length(row):
    return float(np.linalg.norm(row))


def bounded(s):
    got = length(s.g @ s.B @ s.A)
    low, high = (np.prod([pick(values(H)) for H in (s.A, s.B)]) for pick in (min, max))
    return low * length(s.g) - 1e-9 <= got <= high * length(s.g) + 1e-9


def rotations(s):
    return all(H.shape[0] == H.shape[1] and close(H @ H.T, (H @ H.T)[0, 0] * np.eye(len(H))) for H in (s.A, s.B))


def reached(s):
    got = length(s.g @ s.B @ s.A)
    return all(close(got, np.prod([pick(values(H)) for H in (s.A, s.B)]) * length(s.g)) for pick in (min, max))


def mixtures():
    """Doubly stochastic matrices, some row-stochastic ones, and one that is neither; n = 1, 2, 3."""
    found = []
    for n in (1, 2, 3):
        P = [np.eye(n)[list(order)] for order in permutations(range(n))]
        found += [("permutation", M) for M in P]
        found += [("mixing", (M + N) / 2) for M in P for N in P if (M != N).any()]
        found += [("flat", (1 - c) * np.eye(n) + c / n) for c in (0.25, 1.0)]
        if n > 1:
            found += [("rows alone", np.eye(n)[[0] * n]), ("neither", 2 * np.eye(n) - np.eye(n)[::-1] / 2)]
    return found


def mixed_pairs():
    matrices = mixtures()
    return [
        Place(A=A, B=B, g=np.arange(1.0, len(A) + 1) ** 2, kinds=f"{first}, {second}")
        for first, A in matrices
        for second, B in matrices
        if A.shape == B.shape
    ]


MIXED = Places(given=tuple(mixed_pairs()))


def stochastic(H):
    return (H >= 0).all() and close(H.sum(0), 1) and close(H.sum(1), 1)


def both(s):
    return stochastic(s.A) and stochastic(s.B)


def second(H):
    """The largest singular value on rows that add up to 0."""
    n = len(H)
    return float(values(H @ (np.eye(n) - 1 / n))[0])


def differences(s):
    C = np.eye(len(s.A)) - 1 / len(s.A)
    return length(s.g @ s.B @ s.A @ C), second(s.A) * second(s.B) * length(s.g @ C)


def rest(s):
    got, bound = differences(s)
    return got <= bound + 1e-9 and (s.kinds != "flat, flat" or close(got, bound))


TURNED = {
    "transpose": lambda s: stochastic(s.A.T),
    "values": lambda s: close(values(s.A), values(s.A.T)),
    "order": lambda s: close(s.B.T @ s.A.T, (s.A @ s.B).T),
}
MIXING = [M for _, M in mixtures() if stochastic(M)]
ANY = settings(matrices=("of three streams",))


def products_differ(s):
    return any(
        not close(values(A @ B), values(A.T @ B.T)) for A in MIXING for B in MIXING if A.shape == B.shape == (3, 3)
    )


GATED = small({"W": (1, 1), "b": (1,), "x": (1,), "g": (1,)}, {"W": (2, 2), "b": (2,), "x": (2,), "g": (2,)}, limit=500)


def gate(s):
    layer = Gate(s.W, s.b)
    return np.asarray(layer.backward(s.x, s.g)[0]), layer


def whole_gate(s):
    return close(gate(s)[0], s.g @ complex_step_jacobian(lambda v: v / (1 + np.exp(s.W @ v + s.b)), s.x)) or close(
        gate(s)[0], s.g @ complex_step_jacobian(lambda v: v / (1 + np.exp(-(s.W @ v + s.b))), s.x)
    )


def gate_alone(s):
    layer = gate(s)[1]
    opening = layer.opening(s.x)
    return close(gate(s)[0], s.g * opening) or close(gate(s)[0], s.g * (1 - opening))


#: Two shortcuts, and a ReLU after the additions or not.
TERMS = small(
    {"A": (1, 1), "B": (1, 1), "g": (1,), "relu": ()}, {"A": (2, 2), "B": (2, 2), "g": (2,), "relu": ()}, limit=1500
)


def shortcut_term(s):
    after = relu if s.relu else identity
    net = Network([Unit([Affine(np.zeros_like(H))], Projection(H), after=after) for H in (s.A, s.B)])
    return gradient_by_shortcut(net, net.forward(np.ones(s.A.shape[1])), s.g)[0]


@cache
def random_products(entries, mean, variance, shared, n=6, units=8, draws=3000):
    """g = e_1 through products: mean square of its length, its standard error, and log10 of the singular values' spread."""
    rng = np.random.default_rng(1)
    squares, spreads = [], {units // 2: [], units: []}
    for draw in range(draws):
        row, product = np.eye(n)[0], np.eye(n)
        for unit in range(units):
            if unit == 0 or not shared:
                W = rng.normal(size=(n, n)) if entries == "normal" else rng.choice([-1.0, 1.0], size=(n, n))
                W = mean + W * np.sqrt(variance / n)
            row = row @ W
            if draw < 60:
                product = product @ W
                if unit + 1 in spreads:
                    logs = np.log10(np.maximum(values(product), 1e-300))
                    spreads[unit + 1].append(logs[0] - logs[-1])
        squares.append(row @ row)
    squares = np.array(squares)
    return squares.mean(), squares.std() / np.sqrt(draws), squares.std(), *(np.mean(v) for v in spreads.values())


RANDOM = settings(
    *(
        {"entries": entries, "mean": mean, "variance": variance, "shared": shared}
        for entries in ("normal", "signs")
        for mean, variance, shared in ((0.0, 1.0, False), (0.2, 1.0, False), (0.0, 2.0, False), (0.0, 1.0, True))
    )
)


def drawn(s):
    return random_products(s.entries, s.mean, s.variance, s.shared)


STRIDES = settings(channels=(1, 2), size=(4, 6), stride=(2,))


def strided(s):
    layer = Subsample(s.channels, s.size, s.size, s.stride)
    out = layer.forward(np.ones(s.channels * s.size**2))
    g = np.arange(1.0, out.size + 1)
    return length(layer.backward(np.ones(s.channels * s.size**2), g)[0]), length(g)


def padded():
    return np.asarray(ZeroPad(1, 3).backward(np.ones(1), np.array([2.0, 3.0, 5.0]))[0])


#: Many units of one mixing.
REPEATED = settings(
    *({"H": M, "kind": kind, "g": np.arange(1.0, len(M) + 1)} for kind, M in mixtures() if len(M) > 1),
)


def after_many(s, units=400):
    return s.g @ np.linalg.matrix_power(s.H, units)


class Turned:
    """y = H x for the rows of a batch, with H or its transpose in either pass."""

    def __init__(self, forward, back):
        self.H, self.back = forward, back

    def forward(self, x):
        return x @ self.H.T

    def backward(self, x, g):
        return g @ self.back, None


def seen(forward, back):
    try:
        check_gradient(Turned(forward, back), [1.0, 2.0, 4.0])
    except GradientError:
        return True
    return False


MATRICES = {"shift": np.eye(3)[[1, 2, 0]], "symmetric": np.eye(3)[[1, 0, 2]]}


def gates(b):
    return (1 + np.exp(b)) ** -54


#: What the shortcuts of 54 units of He et al. 2016, table 1, multiply to at the start.
PRODUCTS = {"1": 1.0, "0": 0.0, "0.5": 0.5**54, "dropout 0.5": 0.5**54, **{f"1 - g, b = {b}": gates(b) for b in (0, -5, -6, -7)}}  # fmt: skip
#: The rows of that table whose product is one number: shortcut, factor on the branch, product, error; 100 where it fails.
TABLE_1 = tuple(
    (shortcut, branch, PRODUCTS[shortcut], 100 if error == "fails" else float(error))
    for (shortcut, branch), (error,) in (
        (row.rsplit(", ", 1), errors) for row, errors in PUBLISHED["he2016-1"].rows.items()
    )
    if shortcut in PRODUCTS
)
ROWS = settings(
    *(
        {"first": f"{a[0]} and {a[1]}", "second": f"{b[0]} and {b[1]}", "a": a, "b": b}
        for a in TABLE_1
        for b in TABLE_1
        if a[2] < b[2]
    )
)


def rewritten(s):
    """x + F(x) beside a branch alone that computes the same: with H = I, or with H = ReLU, which is not linear."""
    x = s.x
    whole = (x if s.shortcut == "linear" else max(x, 0)) + s.w * x
    inside = (1 + s.w) * x  # the branch's weight takes the shortcut in
    return close(whole, inside)


def start_and_decay(s):
    """A fresh weight of 0 and what decay draws to: w = 0 beside 1 + w = 0."""
    unit = Network([Unit([Affine([[0.0]])], Identity())])
    return float(unit.forward([s.x]).states[1][0]) != 0.0 * s.x


def mixing(mean, lost, permutations):
    """Grounds for what products of doubly stochastic matrices keep and lose; the arguments name the sentence's parts."""
    return (
        Grounds(
            REPEATED,
            {mean: lambda s: close(after_many(s).mean(), s.g.mean())},
            {"doubly": lambda s: stochastic(s.H)},
            {mean: lambda s: close(length(after_many(s)), length(s.g))},
        ),
        Grounds(
            REPEATED,
            {lost: lambda s: np.ptp(after_many(s)) < 1e-6},
            {"doubly": lambda s: stochastic(s.H), "second": lambda s: second(s.H) < 0.9},
            {lost: lambda s: length(after_many(s)) < 1e-6},
        ),
        Grounds(
            REPEATED,
            {permutations: lambda s: s.kind != "permutation" or close(np.sort(after_many(s)), np.sort(s.g))},
            false={permutations: lambda s: s.kind != "permutation" or np.ptp(after_many(s)) < 1e-6},
        ),
    )


SHORTCUTS = settings(shortcut=("linear", "ReLU"), x=(1, -1, 2), w=(0.5, -1))

GROUNDS = {
    "prop-operators-bounds": Grounds(
        PAIRS,
        {"bounds": bounded, "reached": lambda s: not rotations(s) or reached(s)},
        {"square": lambda s: s.A.shape[0] == s.A.shape[1]},
        {"reached": lambda s: rotations(s) == reached(s)},
    ),
    "prop-operators-differences": Grounds(
        MIXED, {"reached": rest}, {"doubly": both}, {"reached": lambda s: close(*differences(s))}
    ),
    "prop-operators-transpose": (
        Grounds(
            MIXED,
            TURNED,
            {"doubly": lambda s: stochastic(s.A)},
            {"transpose": lambda s: close(s.A @ s.A.T, np.eye(len(s.A))), "order": lambda s: close(s.B.T @ s.A.T, (s.B @ s.A).T)},
        ),
        Grounds(
            MIXED,
            {"same": lambda s: close(s.A, s.A.T)},
            {"doubly": lambda s: stochastic(s.A), "streams": lambda s: len(s.A) == 2},
            {"same": lambda s: close(s.A @ s.A, np.eye(2))},
        ),
        Grounds(
            ANY,
            {"need": lambda s: any(not close(A, A.T) for A in MIXING if len(A) == 3), "differ": products_differ},
            false={"differ": lambda s: not products_differ(s)},
        ),
    ),
    "operators-remember-term": (
        Grounds(
            TERMS,
            {"product": lambda s: close(shortcut_term(s), s.g @ s.B @ s.A)},
            {"nothing": lambda s: not s.relu},
            {"product": lambda s: close(shortcut_term(s), s.g @ (s.A + s.B))},
        ),
        Grounds(GATED, {"gate": whole_gate}, false={"gate": gate_alone}),
    ),
    "operators-remember-singular": (
        Grounds(
            ANY,
            {"product": lambda s: not close(values(np.diag([2, 1]) @ np.diag([2, 1])), values(np.diag([2, 1]) @ np.diag([1, 2])))},
            false={"product": lambda s: close(values(np.diag([2, 1]) @ np.diag([2, 1])), values(np.diag([2, 1]) @ np.diag([1, 2])))},
        ),
        Grounds(
            MIXED,
            {"rotations": lambda s: s.kinds != "permutation, permutation" or close(values(s.A @ s.B), 1)},
            false={"rotations": lambda s: not both(s) or close(values(s.A @ s.B), 1)},
        ),
    ),
    "operators-remember-convolutions": (
        Grounds(
            RANDOM,
            {"keep": lambda s: abs((d := drawn(s))[0] - 1) <= 4 * d[1]},
            {
                "independent": lambda s: not s.shared,
                "mean": lambda s: s.mean == 0,
                "variance": lambda s: s.variance == 1,
            },
            {"keep": lambda s: drawn(s)[2] < 0.1, "independent": lambda s: True},
        ),
        Grounds(
            RANDOM,
            {"drift": lambda s: (d := drawn(s))[4] < 20 and 1.6 < d[4] / d[3] < 2.6},
            {"mean": lambda s: s.mean == 0, "normal": lambda s: s.entries == "normal"},
            {"drift": lambda s: drawn(s)[4] < 0.5},
        ),
    ),
    "operators-remember-stride": (
        Grounds(
            STRIDES,
            {"stride": lambda s: close(*strided(s))},
            false={"stride": lambda s: close(strided(s)[0], strided(s)[1] / s.stride)},
        ),
        Grounds(
            settings(g=("(2, 3, 5)",)),
            {"pads": lambda s: close(padded(), [2.0])},
            false={"pads": lambda s: close(padded(), [10.0])},
        ),
    ),
    "operators-remember-mixing": mixing("mean", "lost", "permutations"),
    "operators-remember-transpose": (
        Grounds(
            MIXED,
            {"values": TURNED["values"], "doubly": lambda s: stochastic(s.A) == stochastic(s.A.T)},
            false={"values": lambda s: close(s.A @ s.A.T, s.A.T @ s.A)},
        ),
        Grounds(
            settings(matrix=("shift", "symmetric")),
            {
                "products": products_differ,
                "check": lambda s: seen(H := MATRICES[s.matrix], H.T) and not seen(H, H),
                "both": lambda s: not seen(MATRICES[s.matrix].T, MATRICES[s.matrix].T),
            },
            {"symmetric": lambda s: s.matrix == "shift"},
            {"check": lambda s: seen(H := MATRICES[s.matrix], H.T) and seen(H.T, H.T)},
        ),
    ),
    "operators-remember-table": (
        Grounds(
            ROWS,
            {"never": lambda s: s.a[3] >= s.b[3]},
            {"unscaled": lambda s: s.a[1] == s.b[1] == "1"},
            {"never": lambda s: s.a[3] > s.b[3]},
        ),
        Grounds(
            settings(table=("1",)),
            {"sees": lambda s: any(a[2] == b[2] and a[1] != b[1] and a[3] != b[3] for a in TABLE_1 for b in TABLE_1) and any(row[0].startswith("1 - g") and row[2] < 1e-15 and row[3] < 100 for row in TABLE_1)},
            false={"sees": lambda s: all(a[3] == b[3] for a in TABLE_1 for b in TABLE_1 if a[2] == b[2])},
        ),
    ),
    "operators-remember-rewrite": (
        Grounds(
            SHORTCUTS,
            {"same": rewritten},
            {"linear": lambda s: s.shortcut == "linear"},
            {"same": lambda s: not rewritten(s)},
        ),
        Grounds(SHORTCUTS, {"decay": start_and_decay}, false={"decay": lambda s: not start_and_decay(s)}),
    ),
}  # fmt: skip
