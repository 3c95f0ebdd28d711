"""What shows the sentences of chapter 15."""

from functools import cache

import numpy as np

from resnotes import Affine, LayerNorm, Network, Unit, identity, relu
from resnotes.attention import Attention, Positionwise
from resnotes.book.statements.places import close, settings
from resnotes.book.statements.statement import Grounds
from resnotes.book.statements.unrolled_sum import CHAINS, by_length, identity_shortcut, nothing_after
from resnotes.normalisation import RMSNorm
from resnotes.paths import jacobian_by_length
from resnotes.transformer import draw, lens_by_length, mean_by_length, stored

# One unit at its own state: two positions of three numbers.

NORMS = {
    "none": None,
    "RMSNorm": RMSNorm,
    "layer normalisation": LayerNorm,
    "RMSNorm at each position": lambda epsilon: Positionwise(RMSNorm(epsilon=epsilon), 2),
    "layer normalisation at each position": lambda epsilon: Positionwise(LayerNorm(epsilon=epsilon), 2),
}
OWN = settings(norm=tuple(NORMS), place=("front", "end"), of=("all", "the first three"), epsilon=(0.0, 1.0), shortcut=(1.0, 0.5))  # fmt: skip
CONDITIONS = {
    "norm": lambda s: s.norm != "none" and s.place == "front",
    "epsilon": lambda s: s.epsilon == 0,
    "identity": lambda s: s.shortcut == 1,
}


@cache
def unit(norm, place, of, epsilon, shortcut, after="nothing"):
    """A state, and the unit's Jacobian there, by differences of its forward pass."""
    x, W, V = (rng := np.random.default_rng(4)).normal(size=6), rng.normal(size=(6, 6)), rng.normal(size=(6, 6))
    layer = NORMS[norm](epsilon=epsilon) if NORMS[norm] else identity

    def normed(z):
        kept = layer.forward(z)
        return kept if of == "all" else np.concatenate([kept[:3], z[3:]])

    def output(z):
        y = shortcut * z + (V @ np.tanh(W @ normed(z)) if place == "front" else normed(V @ np.tanh(W @ z)))
        return y if after == "nothing" else relu.forward(y)

    moves = 1e-5 * np.eye(6)
    return x, np.transpose([(output(x + move) - output(x - move)) / 2e-5 for move in moves])


def left(s, at=None):
    """Whether the Jacobian leaves the unit's own state as it is, or another one."""
    x, J = unit(**vars(s))
    at = x if at is None else at
    return close(J @ at, at, 1e-6)


def of_all(s):
    return s.of == "all"


WHOLE = settings(
    *({**vars(s), "after": after} for after in ("nothing", "a ReLU") for s in OWN.candidates() if of_all(s))
)
ANOTHER = np.arange(6.0)

# A block of a transformer with three positions of two numbers.

BLOCKS = settings(order=("one after the other", "side by side"), norms=("inside", "after the additions"))


@cache
def block(norms):
    rng = np.random.default_rng(3)
    norm = Positionwise(RMSNorm(epsilon=0), 3)
    front, after = ([norm], identity) if norms == "inside" else ([], norm)
    small = [Positionwise(Affine(rng.normal(size=(2, 2))), 3), relu, Positionwise(Affine(rng.normal(size=(2, 2))), 3)]
    branches = ([*front, Attention(*rng.normal(size=(4, 2, 2)), 3)], [*front, *small])
    net = Network([Unit(branch, after=after) for branch in branches])
    return net, net.forward(rng.normal(size=6))


def run(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def two_units(s, count=2):
    """Whether as many units, each with an input of its own, compute what the block does."""
    net, trace = block(s.norms)
    attend, small = (unit.branch for unit in net.units)
    x, after = trace.states[0], net.units[0].after
    middle = after.forward(x + run(attend, x))
    want = middle if s.order == "one after the other" else x
    out = after.forward(middle + run(small, want))
    whole = trace.states[-1] if count == 2 else after.forward(x + run(attend, x) + run(small, x))
    return close(out, whole)


def unrolls(s):
    """The end is the start and the branches, and the path through no branch carries the gradient as it is."""
    net, trace = block(s.norms)
    parts = sum(part.branch_output for part in trace.units)
    first = jacobian_by_length(net, trace)[0]
    return close(trace.states[-1], trace.states[0] + parts) and close(first, np.eye(6))


def apart(s):
    """Whether each position goes its own way, as a state of its own would."""
    net, trace = block(s.norms)
    J = net.jacobian(trace).reshape(3, 2, 3, 2)
    return all(close(J[t, :, u], 0) for t in range(3) for u in range(3) if t != u)


# One head over three positions of two numbers.

HEADS = settings(look=("spread", "at the first"), t=(0, 1, 2), s=(0, 1, 2))


@cache
def head(look):
    """W_Q, W_K, W_V, the positions, the weights and the layer's Jacobian, (t, i, s, j)."""
    rng = np.random.default_rng(7)
    W = rng.normal(size=(3, 2, 2))
    h = rng.normal(size=(3, 2))
    if look == "at the first":  # every query is long, and fits the first key best by far
        W[0], h = np.array([[80.0, 0.0], [0.0, 0.0]]), np.array([[2.0, 0.3], [1.0, -0.4], [1.0, 0.7]])
        W[1] = np.eye(2)
    layer = Attention(*W, np.eye(2), 3, causal=False)
    x = h.ravel()
    return *W, h, layer.weights(x)[0], layer.jacobian(x).reshape(3, 2, 3, 2)


def sent(s, weights_move=True):
    """What the two ways to a position carry, the factor in front taken out."""
    Q, K, V, h, a, _ = head(s.look)
    o = a[s.t] @ (h @ V.T)
    return V + weights_move * np.outer(V @ h[s.s] - o, Q @ h[s.t] @ K) / np.sqrt(2)


def ways(s, weights_move=True, front=None):
    *_, a, J = head(s.look)
    front = a[s.t, s.s] if front is None else front
    return close(J[s.t, :, s.s], front * sent(s, weights_move))


def listens(s, front=None):
    """With the weight in front; and a head that looks at the first position alone hears no other."""
    *_, a, J = head(s.look)
    deaf = a[s.t, s.s] < 1e-12
    return s.t == s.s or (ways(s, front=front) and (np.abs(J[s.t, :, s.s]).max() < 1e-9) == deaf)


def query(s):
    """What comes besides from the position itself, the sum over all that it looks at."""
    Q, K, V, h, a, J = head(s.look)
    o = a[s.t] @ (h @ V.T)
    besides = sum(a[s.t, u] * np.outer(V @ h[u] - o, K @ h[u] @ Q) for u in range(3)) / np.sqrt(2)
    return s.t != s.s or close(J[s.t, :, s.t], a[s.t, s.t] * sent(s) + besides)


def jacobian(s):
    """The product of all units' derivatives."""
    states = [s.x]
    slopes = 1.0
    for w in (s.w0, s.w1, s.w2):
        total = (s.shortcut + w) * states[-1]
        open_ = s.after == "identity" or total > 0
        states.append(total if open_ else 0.0)
        slopes *= (s.shortcut + w) * open_
    return slopes


# The stored transformer.


@cache
def readings():
    """Of 60 sequences, the shares that are read rightly: (state, kind) -> with the lengths 0, 0 to 1, and so on."""
    model = stored()
    tokens, answers = draw(np.random.default_rng(21), 60)
    others, _ = draw(np.random.default_rng(22), 60)
    trace, found = model.forward(tokens), {}
    for l in range(len(model.network) + 1):
        for kind, parts in (("mean", mean_by_length(model, others, l)), ("own", None)):
            states = np.cumsum(lens_by_length(model, trace, l, parts), axis=0)
            found[l, kind] = (model.read(states).argmax(axis=-1) == answers).mean(axis=-1)
    return found


def whole(state, kind):
    return readings()[state, kind][-1]


SMALL = settings(model=("stored",))

GROUNDS = {
    "prop-stream-own": Grounds(
        OWN,
        {"own": lambda s: not of_all(s) or left(s), "positions": lambda s: not of_all(s) or left(s)},
        CONDITIONS,
        {
            "norm": lambda s: s.norm != "none" and s.place == "end",
            "own": lambda s: left(s, ANOTHER),
            "positions": left,
        },
    ),
    "stream-remember-block": (
        Grounds(
            BLOCKS,
            {"two": two_units},
            {"order": lambda s: s.order == "one after the other"},
            {"two": lambda s: two_units(s, 1)},
        ),
        Grounds(
            BLOCKS,
            {"holds": unrolls},
            {"inside": lambda s: s.norms == "inside"},
            {"holds": apart},
        ),
    ),
    "stream-remember-attention": (
        Grounds(
            HEADS,
            {"ways": ways},
            {"another": lambda s: s.t != s.s},
            {"ways": lambda s: ways(s, weights_move=False)},
        ),
        Grounds(
            HEADS,
            {"front": listens, "query": query},
            false={"front": lambda s: listens(s, front=1.0), "query": lambda s: s.t != s.s or ways(s)},
        ),
    ),
    "stream-remember-own": Grounds(
        WHOLE,
        {"own": left},
        {**CONDITIONS, "nothing": lambda s: s.after == "nothing"},
        {"own": lambda s: left(s, ANOTHER)},
    ),
    "stream-remember-lenses": Grounds(
        CHAINS,
        {
            "logit": lambda s: close(by_length(s)[0], 1),
            "jacobian": lambda s: close(by_length(s).sum(), jacobian(s)),
        },
        {"identity": identity_shortcut, "nothing": nothing_after},
        {
            "logit": lambda s: close(by_length(s).sum(), 1),
            "jacobian": lambda s: close(by_length(s)[:2].sum(), jacobian(s)),
        },
    ),
    "stream-remember-small": Grounds(
        SMALL,
        {
            "mean": lambda s: whole(3, "mean") > readings()[3, "mean"][0],
            "own": lambda s: whole(3, "own") == readings()[3, "own"][0],
            "neither": lambda s: max(whole(l, kind) for l in range(3) for kind in ("mean", "own")) < 0.5,
        },
        false={
            "mean": lambda s: whole(2, "mean") > whole(3, "mean"),
            "own": lambda s: whole(3, "own") > readings()[3, "own"][0],
            "neither": lambda s: max(whole(l, kind) for l in range(3) for kind in ("mean", "own")) < 1 / 6,
        },
    ),
}
