"""What shows the sentences of chapter 2."""

import numpy as np

from resnotes import Affine, Network, Unit, identity, relu
from resnotes.book.statements.places import Place, close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Absent, Identity, StopGradient

#: The five states with x_3 = w_3 x_2 + s x_1 and x_5 = w_5 x_4 + s x_3; d is what the loss takes from x_4 as well.
GRAPH = small({"w": (4,), "s": (), "d": ()}, also=[{"w": [2, 3, 5, 7], "s": 1, "d": 0}], limit=1200)


def direct(s):
    """The direct derivatives of each state by each earlier one."""
    edges = {(1, 2): s.w[0], (2, 3): s.w[1], (3, 4): s.w[2], (4, 5): s.w[3], (1, 3): s.s, (3, 5): s.s}
    return lambda j, k: edges.get((k, j), 0.0)


def total(s, j, k):
    """By the difference of two runs: everything here is linear."""
    states = {k: 1.0}
    for m in range(k + 1, 6):
        states[m] = sum(direct(s)(m, i) * states[i] for i in range(k, m))
    return states[j]


def row_of_graph(s, k):
    return total(s, 5, k) + (s.d * total(s, 4, k) if k <= 4 else 0)


def chain_rule(s, derivative):
    return all(
        close(row_of_graph(s, k), sum(total(s, 5, j) * derivative(j, k) for j in range(k + 1, 6))) for k in range(1, 5)
    )


def two_units(s, shortcut):
    """A unit, one with the weight w and a ReLU after it, and one with the weight v; shared: the first has w, too."""
    net = Network(
        [
            Unit([Affine([[s.w if s.shared else s.u]])], Identity(), after=identity),
            Unit([Affine([[s.w]])], shortcut, after=relu),
            Unit([Affine([[s.v]])], Identity(), after=identity),
        ]
    )
    trace = net.forward([s.x])
    grads = net.backward(trace, [1.0])
    own = grads.units[1].branch[0].weight[0, 0]
    if s.shared:
        own += grads.units[0].branch[0].weight[0, 0]
    return Place(
        own=own, before=grads.units[0].branch[0].weight[0, 0], later=grads.units[2].branch[0].weight[0, 0],
        rows=[float(row[0]) for row in grads.states], d=float(trace.units[1].sum[0] > 0),
    )  # fmt: skip


def cut(s):
    """The skip of unit 1 taken away: in the backward pass alone, or altogether."""
    return StopGradient(Identity()) if s.forward == "fixed" else Absent()


def both(s):
    return two_units(s, Identity()), two_units(s, cut(s))


def own_kept(s):
    whole, stopped = both(s)
    return close(whole.own, stopped.own)


def lost(s):
    whole, stopped = both(s)
    return close(whole.rows[1] - stopped.rows[1], whole.rows[2] * whole.d)


def later_kept(s):
    whole, stopped = both(s)
    return close(whole.rows[2:], stopped.rows[2:]) and close(whole.later, stopped.later)


#: "where": the parameter that is asked about stands in the branch alone, or in a later unit as well, or before the unit.
BLOCKS = settings(
    forward=("fixed", "recomputed"), shared=(False, True), x=(1, 2), u=(0, 1), w=(1, 0, -0.5, -2), v=(1, -1)
)


def asked(s):
    """The gradient of the parameter asked about, with the skip's and without."""
    whole, stopped = both(s)
    return (whole.own, stopped.own) if s.where == "branch" else (whole.before, stopped.before)


OWN = settings(
    where=("branch", "before"),
    forward=("fixed", "recomputed"),
    shared=(False,),
    x=(1, 2),
    u=(0, 1),
    w=(1, 0, -0.5),
    v=(1, -1),
)
MATRICES = small({"A": (1, 1), "B": (1, 1), "g": (1,)}, {"A": (2, 2), "B": (2, 2), "g": (2,)}, limit=900,
                 also=[{"A": [[0, 1], [0, 0]], "B": [[0, 0], [1, 0]], "g": [1, 2]}])  # fmt: skip


def sent_back(s, after=identity):
    net = Network([Unit([Affine(s.A)], Identity(), after=after)])
    trace = net.forward(np.ones(len(s.g)))
    return net.backward(trace, s.g), trace


def weighed(s):
    """The gradient of a weight, by differences, which are exact here; what arrives at its first use for the first input
    and what came in there; and the reverse.
    """
    W, x, g = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 2.0], [2.0, -1.0]])[: s.inputs], np.eye(2)[: s.inputs]

    def loss(W):
        states = x
        for _ in range(s.uses):
            states = states + states @ W.T
        return np.sum(g * states)

    steps = np.eye(4).reshape(2, 2, 2, 2)
    total = np.array([[(loss(W + step) - loss(W - step)) / 2 for step in row] for row in steps])
    net = Network([Unit([Affine(W)])] * s.uses)
    arrives = net.backward(net.forward(x[0]), g[0]).states[1]
    return total, (arrives, x[0]), (arrives @ W, W @ x[0])


def paths(s):
    """The number of paths of a chain, counted: each with its own power of the branches."""
    net = Network([Unit([Affine([[1.0]])], Identity())] * s.units)
    return float(jacobian_by_length(net, net.forward([1.0])).sum())


def plain_chain(s, transposed):
    """Two plain layers A then B. As rows: g B A. As columns, the same reads A' B' g'."""
    net = Network([Unit([Affine(s.A)], Absent()), Unit([Affine(s.B)], Absent())])
    row = net.backward(net.forward(np.ones(len(s.g))), s.g).states[0]
    return row, s.A.T @ (s.B.T @ s.g)


GROUNDS = {
    "graph-chain-rule": Grounds(
        GRAPH,
        {"sum": lambda s: chain_rule(s, direct(s))},
        {"alone": lambda s: s.d == 0, "order": lambda s: True},
        {"sum": lambda s: chain_rule(s, lambda j, k: total(s, j, k))},
    ),
    "own-block": (
        Grounds(
            BLOCKS,
            {"own": own_kept},
            {"fixed": lambda s: s.forward == "fixed", "alone": lambda s: not s.shared},
            {"own": lambda s: not own_kept(s)},
        ),
        Grounds(
            BLOCKS,
            {
                "later": later_kept,
                "only": lambda s: all(close(a, b) for a, b in zip(*(p.rows[2:] for p in both(s)), strict=True)),
                "lost": lost,
            },
            {"fixed": lambda s: s.forward == "fixed"},
            {"only": lambda s: close(both(s)[0].rows[0], both(s)[1].rows[0])},
        ),
    ),
    "backward-remember-rows": Grounds(
        settings(*({"written": how, "A": s.A, "B": s.B, "g": s.g} for how in ("rows", "columns") for s in MATRICES.candidates() if len(s.g) == 2)),
        {"order": lambda s: close(plain_chain(s, False)[0], s.g @ s.B @ s.A if s.written == "rows" else s.B.T @ s.A.T @ s.g)},
        {"rows": lambda s: s.written == "rows"},
        {"order": lambda s: close(plain_chain(s, False)[0], s.g @ s.A @ s.B)},
    ),
    "backward-remember-twice": Grounds(
        MATRICES,
        {"twice": lambda s: close(sent_back(s)[0].states[0], s.g + s.g @ s.A)},
        false={"twice": lambda s: close(sent_back(s)[0].states[0], s.g @ s.A)},
    ),
    "backward-remember-weight": (
        Grounds(
            settings(inputs=(1, 2), uses=(1, 2)),
            {"outer": lambda s: close(weighed(s)[0], np.outer(*weighed(s)[1]))},
            {"input": lambda s: s.inputs == 1, "once": lambda s: s.uses == 1},
            {"outer": lambda s: close(weighed(s)[0], np.outer(*weighed(s)[2]))},
        ),
        Grounds(
            MATRICES,
            {"outer": lambda s: close(sent_back(s)[0].units[0].branch[0].weight, np.outer(s.g, np.ones(len(s.g))))},
            false={
                "outer": lambda s: close(
                    sent_back(s)[0].units[0].branch[0].weight, np.outer(s.g @ s.A, s.A @ np.ones(len(s.g)))
                )
            },
        ),
    ),
    "backward-remember-paths": Grounds(
        settings(units=(1, 2, 3, 4, 5, 6)),
        {"doubles": lambda s: paths(s) == 2**s.units},
        false={"doubles": lambda s: paths(s) == 2 * s.units},
    ),
    "backward-remember-after": Grounds(
        MATRICES,
        {"every": lambda s: close((b := sent_back(s, relu))[0].states[0], (d := s.g * (b[1].units[0].sum > 0)) + d @ s.A)},
        false={"every": lambda s: close((b := sent_back(s, relu))[0].states[0], s.g + (s.g * (b[1].units[0].sum > 0)) @ s.A)},
    ),
    "backward-remember-own-block": (
        Grounds(
            OWN,
            {"own": lambda s: close(*asked(s))},
            {"fixed": lambda s: s.forward == "fixed", "alone": lambda s: s.where == "branch"},
            {"own": lambda s: not close(*asked(s))},
        ),
        Grounds(
            settings(network=("all weights 1",)),
            {"earlier": lambda s: any(not close(*asked(p)) for p in OWN.candidates() if p.where == "before" and p.forward == "fixed")},
            false={"earlier": lambda s: all(close(*asked(p)) for p in OWN.candidates() if p.where == "before" and p.forward == "fixed")},
        ),
    ),
}  # fmt: skip
