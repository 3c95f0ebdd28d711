"""Where the claims look for their examples, and the samples of networks on which corrected forms must hold."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache, partial
from itertools import islice

from resnotes.book.at_least import OneUnit, RandomBranch, RandomDirection
from resnotes.book.cases import Block, Chain, FourLayers, H, OneBlock, W, b, g, lam, x
from resnotes.book.claims.networks import HalfOpen, Highway, InputSkip, OneRound
from resnotes.book.claims.search import Layout, Space
from resnotes.book.exact import array, eye
from resnotes.book.forward_pass import Loss
from resnotes.book.merge_point import Distance, Merge
from resnotes.symbolic import at_least, backward_pass, merge_point
from resnotes.symbolic.algebra import Factor

#: How many random networks a corrected form must hold on.
SAMPLES = 8


def _with(fixed, kind):
    """Build a network from free numbers and fixed ones; the fixed ones are shown too."""
    return lambda free: kind({**fixed, **free})


def _exact(fixed: dict) -> dict:
    return {name: array(value) for name, value in (fixed or {}).items()}


def layout(kind, free: dict, fixed: dict | None = None) -> Layout:
    """A layout from shapes of free numbers and values of fixed ones."""
    return Layout(tuple(free.items()), _with(_exact(fixed), kind))


def _layers(kind, count, widths, biases, fixed, top, nonzero) -> Space:
    layouts = []
    for n in widths:
        free = {
            **{W(k): (n, n) for k in range(1, count + 1)},
            **{b(k): (n,) for k in biases},
            x(1): (n,),
            g(count + 1): (n,),
        }
        layouts.append(layout(kind, {name: shape for name, shape in free.items() if name not in (fixed or {})}, fixed))
    return Space(tuple(layouts), top, nonzero=nonzero)


def four_layers(widths=(1,), biases=(), fixed=None, top=2, nonzero=False) -> Space:
    """The notes' network."""
    return _layers(FourLayers, 4, widths, biases, fixed, top, nonzero)


def one_block(widths=(1,), biases=(), fixed=None, top=2, nonzero=False) -> Space:
    """Its first block, for what the notes say about l and l + 2."""
    return _layers(OneBlock, 2, widths, biases, fixed, top, nonzero)


def chain(
    depths=(1,),
    widths=(1,),
    start=0,
    shortcut="none",
    relu_after=False,
    beyond=False,
    branch=True,
    ones=False,
    top=2,
    denominators=(1,),
    nonzero=False,
) -> Space:
    """Residual units; ``beyond`` gives unit L too.

    ``shortcut`` is "none" (identity), "scalar" or "matrix"; without ``branch`` every F_i is 0; with
    ``ones`` the state x_0 and the gradient g_L are all ones and only the units are free.
    """
    layouts = []
    for depth in depths:
        for n in widths:
            units = range(depth + (1 if beyond else 0))
            free = {}
            if shortcut == "scalar":
                free.update({lam(k): (1,) for k in units})
            if shortcut == "matrix":
                free.update({H(k): (n, n) for k in units})
            if branch:
                free.update({W(k): (n, n) for k in units})
            free.update({x(0): (n,), g(depth): (n,)})
            kept = {name: [1] * n for name in (x(0), g(depth))} if ones else {}
            free = {name: shape for name, shape in free.items() if name not in kept}
            layouts.append(layout(partial(Chain, depth=depth, start=start, relu_after=relu_after), free, kept))
    return Space(tuple(layouts), top, denominators, nonzero)


def asked(widths=(1,), source="u", fixed=None, top=2, nonzero=False) -> Space:
    """The merge point of note 003. ``source``: "u", "apart" or "projected"; widths are (n of u, n of y)."""
    layouts = []
    for width in widths:
        inner, outer = width if isinstance(width, tuple) else (width, width)
        free = {merge_point.W: (outer, inner), merge_point.u: (inner,), merge_point.g: (outer,)}
        if source == "apart":
            free[merge_point.o] = (outer,)
        if source == "projected":
            free = {
                merge_point.W: (outer, 1),
                merge_point.u: (1,),
                merge_point.Ws: (outer, inner),
                merge_point.o: (inner,),
                merge_point.g: (outer,),
            }
        layouts.append(layout(Merge, {name: shape for name, shape in free.items() if name not in (fixed or {})}, fixed))
    return Space(tuple(layouts), top, nonzero=nonzero)


def distance(steps=(1,), widths=(1,), top=2, nonzero=False) -> Space:
    """A skip over some layers."""
    return Space(
        tuple(
            layout(Distance, {**{W(k): (n, n) for k in range(m)}, merge_point.z(0): (n,), merge_point.g: (n,)})
            for m in steps
            for n in widths
        ),
        top,
        nonzero=nonzero,
    )


def input_skip(shapes=((1, 1),), top=2, nonzero=False) -> Space:
    """A skip from the input; shapes are (width of the hidden layer, width of u)."""
    return Space(
        tuple(
            layout(InputSkip, {W(1): (m, n), W(2): (n, m), merge_point.u: (n,), merge_point.g: (n,)}) for m, n in shapes
        ),
        top,
        nonzero=nonzero,
    )


def block(depths=(2,), widths=(1,), inside=1, top=2) -> Space:
    """A block of K layers."""
    return Space(
        tuple(
            layout(
                partial(Block, inside=inside),
                {**{W(k): (n, n) for k in range(1, depth + 1)}, backward_pass.a(0): (n,), backward_pass.upstream: (n,)},
            )
            for depth in depths
            for n in widths
        ),
        top,
    )


def one_unit(widths=(1, 2), top=2, kind=OneUnit) -> Space:
    """A gradient and a branch's Jacobian, and nothing else; for means, what is not random."""
    free = {
        OneUnit: lambda n: {at_least.J: (n, n), at_least.g: (n,)},
        RandomBranch: lambda n: {at_least.g: (n,)},
        HalfOpen: lambda n: {at_least.g: (n,)},
        RandomDirection: lambda n: {at_least.J: (n, n)},
    }[kind]
    return Space(tuple(layout(kind, free(n)) for n in widths), top)


def highway(widths=(1,), top=2) -> Space:
    """A highway layer with an affine gate."""
    names = ((Factor("A"), 2), (Factor("B"), 2), (Factor("c"), 1), (Factor("x"), 1))
    return Space(tuple(layout(Highway, {name: (n,) * axes for name, axes in names}) for n in widths), top)


def mixings(streams=(2,), top=2) -> Space:
    """A mixing of streams before one round of Sinkhorn's scaling."""
    return Space(tuple(layout(OneRound, {Factor("M"): (s, s)}) for s in streams), top, nonzero=True)


def loss(widths=(2,), kind=Loss, top=2) -> Space:
    """Last state (or logits) and target."""
    given = kind.given
    return Space(tuple(layout(kind, {given: (n,), Factor("p"): (n,)}) for n in widths), top)


# Samples: random small networks, always the same.


def _half_open(network) -> bool:
    """Every ReLU lets some components through and blocks others; for a single number either will do."""
    opened = [int(network.value_D(k).sum()) for k in range(2, network.last + 1)]
    return network.n == 1 or all(0 < count < network.n for count in opened)


def _chosen(space, seed, where, count=SAMPLES, draws=4000) -> tuple:
    return tuple(islice((network for network in space.sample(draws, seed) if where(network)), count))


@lru_cache
def layers_samples() -> tuple:
    """The notes' network, all masks mixed."""
    biases = (1, 2, 3, 4)
    return (
        *four_layers(biases=biases).sample(2, seed=1),
        *_chosen(four_layers((3,), biases), 1, _half_open, draws=600),
    )


@lru_cache
def block_samples() -> tuple:
    """Its first block, all masks mixed."""
    return (
        *one_block(biases=(1, 2)).sample(2, seed=2),
        *_chosen(one_block((2, 3), (1, 2)), 2, _half_open, draws=200),
    )


@lru_cache
def open_samples() -> tuple:
    """The notes' network where the last ReLU blocks nothing."""
    return _chosen(
        four_layers((2,), biases=(1, 2, 3, 4)),
        14,
        lambda network: (network.value_D(5) == eye(2)).all() and _half_open_before(network),
        draws=600,
    )


def _half_open_before(network) -> bool:
    return all(0 < int(network.value_D(k).sum()) for k in (2, 3, 4))


@lru_cache
def chain_samples(shortcut="none", relu_after=False, start=0, beyond=False, branch=True) -> tuple:
    depths = (start + 1, start + 2, start + 3)
    space = chain(depths, (1, 2), start, shortcut, relu_after, beyond, branch)
    return tuple(space.sample(2 * SAMPLES if shortcut == "scalar" else SAMPLES, seed=3))


@lru_cache
def equal_samples() -> tuple:
    """Units of one number, all with the same branch."""
    return tuple(
        Chain({**{W(k): array([[r]]) for k in range(depth)}, x(0): array([1]), g(depth): array([1])}, depth)
        for depth in (1, 2, 3, 5)
        for r in (-2, -1, 1, 3)
    )


@lru_cache
def asked_samples(source="u") -> tuple:
    widths = ((1, 2), (3, 2), (2, 3)) if source == "projected" else (1, 2)
    return tuple(asked(widths, source).sample(SAMPLES, seed=4))


@lru_cache
def padded_samples() -> tuple:
    """Projections that are zero-padding."""
    return tuple(
        Merge({**network.data, merge_point.Ws: network.padding()})
        for network in asked_samples("projected")
        if len(network.q["o"]) < network.n
    )


@lru_cache
def distance_samples() -> tuple:
    return tuple(distance((1, 2, 3, 4), (1, 2)).sample(SAMPLES, seed=5))


@lru_cache
def input_skip_samples() -> tuple:
    return tuple(input_skip(((1, 2), (3, 2), (2, 2))).sample(SAMPLES, seed=6))


@lru_cache
def inner_samples() -> tuple:
    return tuple(
        block((2, 3, 4), (1, 2)).sample(SAMPLES, seed=7) + block((3, 4), (1, 2), inside=2).sample(SAMPLES, seed=8)
    )


@lru_cache
def unit_samples() -> tuple:
    return tuple(one_unit((1, 2)).sample(2 * SAMPLES, seed=9))


def _unit(J, gradient) -> OneUnit:
    return OneUnit({at_least.J: array(J), at_least.g: array(gradient)})


@lru_cache
def shrinking_samples() -> tuple:
    """J = -c I with c at most 1: where the lower bound is met."""
    half = Fraction(1, 2)
    return (
        _unit([[-1]], [2]),
        _unit([[-half]], [3]),
        _unit([[-half, 0], [0, -half]], [4, -3]),
        _unit([[-1, 0], [0, -1]], [1, 2]),
    )


@lru_cache
def nonnegative_samples() -> tuple:
    """No entry of g and J is negative."""
    return tuple(_unit(abs(network.J), abs(network.g)) for network in unit_samples())


@lru_cache
def zero_samples() -> tuple:
    """J = 0, where no entry changes."""
    return _unit([[0]], [2]), _unit([[0, 0], [0, 0]], [3, 1])


@lru_cache
def mean_samples(kind) -> tuple:
    widths = (2,) if kind is HalfOpen else (1, 2)
    return tuple(one_unit(widths, kind=kind).sample(SAMPLES, seed=10))


@lru_cache
def highway_samples() -> tuple:
    return tuple(highway((1, 2, 3)).sample(SAMPLES, seed=11))


@lru_cache
def loss_samples(kind=Loss) -> tuple:
    """Positive components, so that the logarithm of each exists."""
    networks = []
    for numbers in (((1,), (2,)), ((1, 2), (1, 0)), ((3, 1), (0, 2)), ((2, 1, 3), (1, 0, 2))):
        networks.append(kind({kind.given: array(numbers[0]), Factor("p"): array(numbers[1])}))
    return tuple(networks)
