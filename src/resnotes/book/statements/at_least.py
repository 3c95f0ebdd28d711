"""What shows the sentences of chapter 6."""

import numpy as np

from resnotes.book.statements.places import Place, close, settings, small
from resnotes.book.statements.statement import Grounds

#: One gradient and one Jacobian; the turn by a right angle, and a branch whose norm no gradient loses.
UNIT = small(
    {"J": (1, 1), "g": (1,)},
    {"J": (2, 2), "g": (2,)},
    denominators=(1, 2),
    limit=3000,
    also=[
        {"J": [[0, -1], [1, 0]], "g": [1, 0]},
        {"J": [[-1, 1], [-1, -1]], "g": [1, 1]},
        {"J": [[0, 3], [-3, 0]], "g": [1, 2]},
        {"J": [[0, 4], [0, 0]], "g": [1, 0]},
    ],
)


def length(row):
    return float(np.linalg.norm(row))


def norm(J):
    return float(np.linalg.norm(J, 2)) if J.size else 0.0


def sent(s, J=None):
    return s.g + s.g @ (s.J if J is None else J)


def eigenvalues(J):
    return np.linalg.eigvalsh(J + J.T + J @ J.T)


def directions(n):
    """Rows all around, for what is said of every row."""
    return [np.array(row, float) for row in np.ndindex(*(13,) * n) if any(r != 6 for r in row) for row in [np.array(row) - 6]]  # fmt: skip


ROWS = {n: np.array(directions(n)) for n in (1, 2)}


def shrinks_none(J, strictly=False):
    """Whether no row on a grid of directions, and no eigenvector, gets shorter."""
    rows = np.vstack([ROWS[len(J)], np.linalg.eigh(J + J.T + J @ J.T)[1].T])
    before, after = np.linalg.norm(rows, axis=1), np.linalg.norm(rows + rows @ J, axis=1)
    return bool((after > before + 1e-9).all() if strictly else (after >= before - 1e-9).all())


def multiple(s, sign):
    return close(s.J, sign * s.rho * np.eye(len(s.g)))


#: J = rho I and -rho I beside what they make of a row.
MULTIPLES = settings(rho=(0, 0.5, 1, 2, 3, -1, -3), n=(1, 2))


def reaches(s, sign, bound):
    J, g = sign * s.rho * np.eye(s.n), np.arange(1.0, s.n + 1)
    return close(length(g + g @ J), (1 + bound * norm(J)) * length(g))


#: J is A or B, g is a or b; alike or each with each.
ENSEMBLES = small(
    {"A": (1, 1), "B": (1, 1), "a": (1,), "b": (1,), "coupled": ()},
    limit=2500,
    also=[
        {"A": [[0, 1], [1, 0]], "B": [[0, -1], [-1, 0]], "a": [1, 2], "b": [1, 2], "coupled": 0},
        {"A": [[-1]], "B": [[1]], "a": [2], "b": [1], "coupled": 1},
        {"A": [[-1]], "B": [[1]], "a": [2], "b": [1], "coupled": 0},
        {"A": [[-1]], "B": [[1]], "a": [2], "b": [2], "coupled": 1},
    ],
)


def pairs(s):
    return [(s.a, s.A), (s.b, s.B)] if s.coupled else [(g, J) for g in (s.a, s.b) for J in (s.A, s.B)]


def mean_square(s):
    return np.mean([length(g + g @ J) ** 2 for g, J in pairs(s)]), np.mean([length(g) ** 2 for g, _ in pairs(s)])


def mean_grows(s):
    """The equation and what follows from it."""
    after, before = mean_square(s)
    return close(after, before + np.mean([length(g @ J) ** 2 for g, J in pairs(s)])) and after >= before - 1e-9


def always_grows(s):
    return all(length(g + g @ J) >= length(g) - 1e-9 for g, J in pairs(s))


def mean_zero(s):
    return close(s.A + s.B, 0)


def apart(s):
    return s.coupled in (0, 1) and (s.coupled == 0 or close(s.a, s.b))


#: g is one of two rows with both signs; for each a Jacobian.
ISOTROPIC = small(
    {"J": (1, 1), "K": (1, 1), "a": (1,), "b": (1,)},
    limit=600,
    also=[
        {"J": J, "K": K, "a": a, "b": b}
        for J in ([[1, 2], [0, -1]], [[0, 1], [-1, 0]], [[1, 1], [1, 1]])
        for K in (J, [[0, 0], [0, 1]])
        for a, b in (([1, 0], [0, 1]), ([1, 1], [1, -1]), ([2, 1], [-1, 2]), ([1, 0], [0, 2]), ([0, 0], [0, 0]))
    ],
)


def ratio(s):
    before = (s.a @ s.a + s.b @ s.b) / 2
    return (length(s.a + s.a @ s.J) ** 2 + length(s.b + s.b @ s.K) ** 2) / 2 / before if before else np.nan


def law(s, width=None, trace=None, square=None):
    n = width or len(s.a)
    trace, square = (np.trace(s.J) if trace is None else trace), ((s.J**2).sum() if square is None else square)
    return close(ratio(s), 1 + 2 * trace / n + square / n)


def isotropic(s):
    moment = np.outer(s.a, s.a) + np.outer(s.b, s.b)
    return close(moment, moment[0, 0] * np.eye(len(moment)))


#: L units, the shortcut times "skip" each, and a 0 or 1 after each addition.
CHAIN = small(
    {"J": (1, 1, 1), "c": (), "skip": (), "after": ()},
    {"J": (2, 1, 1), "c": (), "skip": (), "after": ()},
    limit=4000,
    denominators=(1, 2),
    also=[{"J": [-k * np.eye(2)] * L, "c": k * L, "skip": 1, "after": 1} for L in (2, 3) for k in (0, 0.25, 0.5, 1, 2)]
    + [{"J": [[[-1]], [[-1]]], "c": 4, "skip": 1, "after": 1}],
)


def chain(s, skip=None):
    row = np.ones(s.J.shape[-1])
    start = length(row)
    for J in s.J[::-1]:
        row = s.after * row
        row = (s.skip if skip is None else skip) * row + row @ J
    return length(row) / start


def between(low, high=lambda s: np.exp(s.c)):
    return lambda s: low(s) - 1e-9 <= chain(s) <= high(s) + 1e-9


def depth(s):
    return len(s.J)


NORMS = {"norms": lambda s: max(map(norm, s.J)) <= s.c / depth(s) + 1e-12}
DEPTH = {"depth": lambda s: 0 <= s.c < depth(s)}
SKIPS = {"skips": lambda s: s.skip == 1, "nothing": lambda s: s.after == 1}
LOWER = between(lambda s: (1 - s.c / depth(s)) ** depth(s))


def some(test):
    """Whether it is true somewhere among the units."""
    return lambda s: any(test(p) for p in UNIT.candidates() if p.g.any())


FOUR = (
    lambda p: length(sent(p)) < length(p.g),
    lambda p: not shrinks_none(p.J),
    lambda p: close(p.J, -np.eye(len(p.g))),  # a random J that is always this one has a mean square of 0
    lambda p: (sent(p) < p.g).any(),
)


def reach(s, every=False):
    """Among Jacobians of width n and norm rho, multiples of I and turns: does one leave a gradient just the least?"""
    J = [np.eye(s.n) * sign for sign in (1, -1)]
    if s.n > 1:
        J += [np.diag([1.0] + [-1.0] * (s.n - 1))]
        J += [np.eye(s.n) + (s.rho and -1 / s.rho - 1) * np.outer(v := np.eye(s.n)[0], v)] if s.rho >= 1 else []
    left = [np.linalg.norm(np.linalg.eigvals(np.eye(s.n) + s.rho * K), -np.inf) for K in J]
    found = [close(x, max(0, 1 - s.rho)) for x in left]
    return all(found) if every else any(found)


def harmless(s):
    """J = rho times a quarter turn (rho I for one entry) shrinks nothing."""
    J = s.rho * (np.eye(s.n) if s.n == 1 else np.kron(np.eye(s.n // 2), [[0, -1], [1, 0]]))
    return bool((eigenvalues(J) >= -1e-9).all()) and close(norm(J), s.rho)


REACH = settings(n=(1, 2, 4), rho=(0, 0.5, 1, 2, 3))

GROUNDS = {
    "prop-one-unit": (
        Grounds(
            small({"J": (1, 1), "g": (1,), "m": ()}, {"J": (2, 2), "g": (2,), "m": ()}, limit=3000, also=[{"J": [[1, 1], [1, 1]], "g": [1, 1], "m": m} for m in (1, 2)]),
            {"every": lambda s: (1 - s.m) * length(s.g) - 1e-9 <= length(sent(s)) <= (1 + s.m) * length(s.g) + 1e-9},
            {"norm": lambda s: close(s.m, norm(s.J))},
            {"norm": lambda s: close(s.m, np.abs(s.J).max())},
        ),
        Grounds(
            MULTIPLES,
            {"first": lambda s: not 0 <= s.rho <= 1 or reaches(s, -1, -1), "second": lambda s: s.rho < 0 or reaches(s, 1, 1)},
            false={"first": lambda s: s.rho < 0 or reaches(s, -1, -1), "second": lambda s: reaches(s, 1, 1)},
        ),
    ),
    "prop-never": Grounds(
        UNIT,
        {
            "equation": lambda s: close(length(sent(s)) ** 2 - length(s.g) ** 2, s.g @ (s.J + s.J.T + s.J @ s.J.T) @ s.g),
            "never": lambda s: shrinks_none(s.J) == bool((eigenvalues(s.J) >= -1e-9).all()),
        },
        false={
            "never": (
                lambda s: shrinks_none(s.J) == bool((np.linalg.eigvals(s.J).real >= -1e-9).all()),
                lambda s: shrinks_none(s.J, strictly=True) == bool((eigenvalues(s.J) >= -1e-9).all()),
            )
        },
    ),
    "prop-both-signs": (
        Grounds(
            UNIT,
            {
                "equation": lambda s: close((length(sent(s)) ** 2 + length(sent(s, -s.J)) ** 2) / 2, length(s.g) ** 2 + length(s.g @ s.J) ** 2),
                "either": lambda s: max(length(sent(s)), length(sent(s, -s.J))) >= length(s.g) - 1e-9,
            },
            false={"either": lambda s: max(length(sent(s)), length(sent(s, -s.J))) > length(s.g) + 1e-9},
        ),
        Grounds(
            settings(J=("diagonal 1/2, -1/2",)),
            {"depend": lambda s: len({tuple(row) for row in np.sign(np.eye(2) * [0.5, -0.5]).tolist()}) == 2 and not any(shrinks_none(sign * np.diag([0.5, -0.5])) for sign in (1, -1))},
            false={"depend": lambda s: any(shrinks_none(sign * np.diag([0.5, -0.5])) for sign in (1, -1))},
        ),
    ),
    "prop-zero-mean": (
        Grounds(
            ENSEMBLES,
            {"shrink": mean_grows},
            {"fixed": lambda s: close(s.a, s.b), "mean": mean_zero, "finite": lambda s: True},
            {"shrink": always_grows},
        ),
        Grounds(
            ENSEMBLES, {"average": mean_grows}, {"mean": mean_zero, "independent": apart}, {"average": always_grows}
        ),
    ),
    "prop-isotropic": Grounds(
        ISOTROPIC,
        {"mean": law, "trace": law, "square": law},
        {"fixed": lambda s: close(s.J, s.K), "multiple": isotropic, "zero": lambda s: bool(s.a.any() or s.b.any())},
        {
            "mean": lambda s: law(s, width=1),
            "trace": lambda s: law(s, trace=s.J.sum()),
            "square": lambda s: law(s, square=norm(s.J) ** 2),
        },
    ),
    "prop-entrywise": Grounds(
        UNIT,
        {"entries": lambda s: (sent(s) >= s.g - 1e-12).all(), "equality": lambda s: s.J.any() or close(sent(s), s.g)},
        {"branch": lambda s: (s.J >= 0).all(), "gradient": lambda s: (s.g >= 0).all()},
        {"entries": lambda s: (sent(s) > s.g).all(), "equality": lambda s: close(sent(s), s.g) == (not s.J.any())},
    ),
    "prop-chain": Grounds(
        CHAIN, {"bounds": LOWER}, SKIPS | NORMS | DEPTH, {"depth": lambda s: 0 <= s.c <= 2 * depth(s)}
    ),
    "at-least-remember-about": Grounds(
        settings(units=("of one or two numbers",)),
        {"leaves": lambda s: all(some(meaning)(s) for meaning in FOUR)},
        {"skips": lambda s: True},
        {"leaves": lambda s: not all(some(meaning)(s) for meaning in FOUR)},
    ),
    "at-least-remember-one-unit": (
        Grounds(
            UNIT,
            {"least": lambda s: length(sent(s)) >= max(0, 1 - norm(s.J)) * length(s.g) - 1e-9},
            false={"least": lambda s: length(sent(s)) >= abs(1 - norm(s.J)) * length(s.g) - 1e-9},
        ),
        Grounds(
            REACH,
            {"reach": reach, "others": harmless},
            {"entries": lambda s: s.n >= 2},
            {"reach": lambda s: reach(s, every=True), "others": lambda s: not harmless(s)},
        ),
    ),
    "at-least-remember-never": Grounds(
        UNIT,
        {"exactly": lambda s: shrinks_none(s.J) == bool((eigenvalues(s.J) >= -1e-9).all())},
        false={"exactly": lambda s: shrinks_none(s.J) == bool((np.linalg.eigvalsh(s.J + s.J.T) >= -1e-9).all())},
    ),
    "at-least-remember-signs": (
        Grounds(
            UNIT,
            {"either": lambda s: max(length(sent(s)), length(sent(s, -s.J))) >= length(s.g) - 1e-9},
            false={"either": lambda s: shrinks_none(s.J) or shrinks_none(-s.J)},
        ),
        Grounds(
            ENSEMBLES,
            {"square": lambda s: mean_square(s)[0] >= mean_square(s)[1] - 1e-9},
            {"mean": mean_zero, "independent": apart},
            {"square": always_grows},
        ),
    ),
    "at-least-remember-chain": (
        Grounds(
            Place(candidates=lambda: (s for s in CHAIN.candidates() if s.skip == 1 and s.after == 1), top=2, denominators=(1, 2)),
            {"between": LOWER},
            NORMS | DEPTH,
            {"between": between(lambda s: np.exp(-s.c))},
        ),
        Grounds(
            CHAIN,
            {"without": lambda s: chain(s, skip=0) <= abs(s.after) ** depth(s) * (s.c / depth(s)) ** depth(s) + 1e-9},
            NORMS,
            {"without": lambda s: chain(s, skip=0) <= abs(s.after) ** depth(s) * abs(1 - s.c / depth(s)) ** depth(s) + 1e-9},
        ),
    ),
}  # fmt: skip
