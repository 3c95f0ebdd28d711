"""The numbers that exercises ask for, computed: label -> a function for each number that has no `right` in the TOML file."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

import numpy as np

from resnotes import (
    Affine,
    BatchNormTraining,
    Network,
    Unit,
    blocks,
    four_layer,
    jacobian_by_length,
    relu,
    softmax_cross_entropy,
)
from resnotes.initialisation import branch_strength, expected_gain
from resnotes.magnitudes import FORMATS
from resnotes.paths import gradient_by_shortcut
from resnotes.precision import round_to, stall
from resnotes.reports import report
from resnotes.shattered import coactive_correlation
from resnotes.shortcuts import Gate, Scale
from resnotes.spectrum import product_singular_values, qr_growth


def first(condition, start=1):
    """The first whole number that meets a condition."""
    number = start
    while not condition(number):
        number += 1
    return number


# ---------------------------------------------------------------- four layers


def by_hand(b4):
    """x_5 of the four layers by hand."""
    weights = [np.array([[w]], dtype=float) for w in (1, 2, 1, -2)]
    return four_layer.forward(weights, [np.array([b]) for b in (0.0, 0.0, 0.0, b4)], np.array([1.0]))["x5"][0]


def needed_bias():
    """The b_4 that makes x_5 one: the last unit is open from 10 on, so x_5 grows with b_4 one to one."""
    return 10 + 1 - by_hand(10.0)


def backward_by_hand(name):
    """A gradient of the same four layers, with b_4 = 4."""
    weights = [np.array([[w]], dtype=float) for w in (1, 2, 1, -2)]
    biases = [np.array([b]) for b in (0.0, 0.0, 0.0, 4.0)]
    return four_layer.gradients(weights, biases, np.array([1.0]), np.array([1.0]))[name].item()


def weight_by_hand(number, row, column):
    """An entry of a weight's gradient in chapter 1's network of two numbers a state."""
    weights = np.array([[[1, 0], [1, 1]], [[1, -1], [-1, 1]], [[1, 2], [-1, 1]], [[-2, 1], [1, 1]]])
    found = four_layer.gradients(weights, np.zeros((4, 2)), np.array([2, -1]), np.ones(2))
    return found[f"W{number}"][row - 1, column - 1]


def whole_pass(name, place):
    """An entry of a gradient of four layers with two numbers a state, in which three ReLUs are closed."""
    weights = np.array([[[1, 0], [1, -1]], [[1, 1], [2, 0]], [[1, -1], [1, 1]], [[1, -1], [1, 1]]])
    return four_layer.gradients(weights, np.zeros((4, 2)), np.array([1, 2]), np.array([1, 2]))[name][place]


def first_gradient(w3, w4):
    """g_1 of the four layers with every ReLU open and one number per state."""
    weights = [np.array([[w]], dtype=float) for w in (1.0, 1.0, w3, w4)]
    return four_layer.gradients(weights, [np.array([100.0])] * 4, np.array([1.0]), np.array([1.0]))["x1"][0]


def softmax_by_hand(entry):
    """The softmax of (0, log 3) in its first entry, and the gradient of the loss for the second class in its second."""
    target = np.array([0.0, 1.0])
    gradient = softmax_cross_entropy(np.log([1.0, 3.0]), target)[1]
    return (gradient + (target if entry == 0 else 0))[entry]


def merge_by_hand(what):
    """A gradient of y = ReLU(W u) + u for W = [[1, 1], [0, 2]], u = (2, -1) and g = (2, 1)."""
    network = Network([Unit([Affine([[1.0, 1.0], [0.0, 2.0]]), relu])])
    grads = network.backward(network.forward([2.0, -1.0]), np.array([2.0, 1.0]))
    return grads.units[0].branch[0].weight[0, 1] if what == "W" else grads.states[0][what]


def softmax_slope():
    """How many times its length a vector has at most after softmax's Jacobian at equal entries."""
    s = np.full(2, 0.5)
    return np.linalg.norm(np.diag(s) - np.outer(s, s), 2)


def paths(branches):
    """How many paths of three blocks pass through so many branches: the terms of the derived sum."""
    from sympy import Add

    from resnotes.symbolic import unrolled_sum

    return len(Add.make_args(unrolled_sum.paths_of_length(0, 3, branches)))


def carried_by_three(branches):
    """What the paths of three scaled units through so many branches carry; all of them for None."""
    scaled = ((2.0, 1.0), (0.5, 1.0), (3.0, -1.0))
    net = Network([Unit([Affine([[r]])], Scale(factor)) for factor, r in scaled])
    trace = net.forward([1.0])
    if branches is None:
        return net.backward(trace, [1.0]).states[0][0]
    return jacobian_by_length(net, trace)[branches, 0, 0]


def unrolled():
    """The last state of three units from 2, what they make of a gradient, and the part of two branches in it."""
    net = Network([Unit([Affine([[factor]])]) for factor in (1.0, 2.0, -0.5)])
    trace = net.forward([2.0])
    return trace.states[-1][0], net.jacobian(trace)[0, 0], jacobian_by_length(net, trace)[2, 0, 0]


def below(sign):
    """The squared length of (3, 4) after a unit whose branch has the Jacobian [[-1, 1], [0, 0]], times a sign."""
    net = Network([Unit([Affine(sign * np.array([[-1.0, 1.0], [0.0, 0.0]]))])])
    return np.sum(net.backward(net.forward([0.0, 0.0]), [3.0, 4.0]).states[0] ** 2)


# ---------------------------------------------------------------- shortcuts and what comes after the addition


def gates(bias, units):
    """What so many gates with weights zero leave of a gradient."""
    return Gate([[0.0]], [bias]).jacobian([1.0])[0, 0] ** units


def closed_for_gradients():
    """The state at which the gate of weight one passes no gradient, by bisection."""
    gate, low, high = Gate([[1.0]], [0.0]), 0.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if gate.jacobian([middle])[0, 0] > 0 else (low, middle)
    return middle


def second_left(units, kept=0.95, n=4):
    """What so many mixing shortcuts leave of the second singular value."""
    mixing = kept * np.eye(n) + (1 - kept) / n * np.ones((n, n))
    return 10 ** product_singular_values([mixing] * units).log10[1]


def looked(fits):
    """The weights of a head that sees positions whose keys fit its query so well, by the layer itself."""
    from resnotes.attention import Attention

    # Position 0 looks, with a query of 1; the numbers of the others are their keys. Its own is a key of -inf, nearly.
    one = np.eye(2)[:1]
    layer = Attention(one, np.eye(2)[1:], one, one.T, len(fits) + 1, causal=False)
    return layer.weights(np.array([[1.0, -1e4], *([0.0, fit] for fit in fits)]).ravel())[0, 0, 1:]


def read_derivative(values, weights, query):
    """How what a head reads follows the last position's number, W_V = W_K = 1, by central differences."""

    def read(last):
        moved = np.log(weights) + query * np.array([0.0, last - values[-1]])
        sizes = np.exp(moved)
        return sizes @ np.array([*values[:-1], last]) / sizes.sum()

    step = 1e-6
    return round(float(read(values[-1] + step) - read(values[-1] - step)) / (2 * step), 6)


def uncut(steps):
    """The chance that a walk stays above its start for so many steps."""
    from resnotes.symbolic import before_or_after

    return before_or_after.closed_form(steps)


def share_below(state, depth):
    """The sum of ``after-arcsine``."""
    return sum(uncut(k) * uncut(depth + 1 - k) for k in range(state + 2))


def through_batch_of_two():
    """The share of a gradient's squared length that a batch normalisation of two samples sends back."""
    layer, x, g = BatchNormTraining(1, epsilon=0.0), np.array([[0.5], [2.0]]), np.array([[1.0], [-3.0]])
    back = layer.backward(x, g)[0]
    return float(np.round(np.sum(back**2) / np.sum(g**2), 12))


def per_cent_by_shortcuts(kind, depth=54):
    """How much of a gradient's squared length comes by the shortcuts alone."""
    rng = np.random.default_rng(0)
    net = blocks.network(kind, depth, 8, rng)
    x = blocks.stem(8, 8, rng)
    g = rng.normal(size=x.shape)
    return 100 * np.sum(gradient_by_shortcut(net, net.forward(x), g)[0] ** 2) / np.sum(g**2)


# ---------------------------------------------------------------- formats, and reports on networks


def promised_from(dtype):
    """The first depth at which 1/L is at most half a unit roundoff."""
    return math.ceil(2 / Fraction(2) ** -FORMATS[dtype].precision)


def qr_diagonal(units=10):
    """Both diagonals of plain QR for a shear, which are equal."""
    one, other = 10 ** qr_growth([np.array([[1.0, 1.0], [0.0, 1.0]])] * units)
    return one if math.isclose(one, other) else math.nan


def with_gains(gains):
    """The report on units with such gains."""
    nothing = Affine([[0.0]])
    return report([Unit([nothing], Scale(10.0**gain)) for gain in gains], x=[1.0], g=[1.0])


def halved(branches):
    """The share of the paths through so many branches, of two units x - x/2."""
    return report([Unit([Affine([[-0.5]])])] * 2, x=[1.0], g=[1.0]).share[branches]


GAINS = (-3, 0.5, -1, -0.5)

TRUTHS = {
    "ex-forward-hand": (lambda: by_hand(0.0), needed_bias),
    "ex-forward-softmax": (lambda: softmax_by_hand(0), lambda: softmax_by_hand(1)),
    "ex-forward-contraction": (softmax_slope,),
    "ex-backward-hand": (lambda: backward_by_hand("x1"), lambda: backward_by_hand("W3")),
    "ex-backward-matrix": (lambda: weight_by_hand(4, 2, 1), lambda: weight_by_hand(2, 1, 2)),
    "ex-merge-hand": (lambda: merge_by_hand(0), lambda: merge_by_hand(1), lambda: merge_by_hand("W")),
    "ex-backward-whole": (
        lambda: whole_pass("x1", 0),
        lambda: whole_pass("x1", 1),
        lambda: whole_pass("W1", (0, 1)),
        lambda: whole_pass("b1", 0),
    ),
    "ex-backward-three": (lambda: sum(map(paths, range(4))), lambda: paths(2)),
    "ex-backward-mask": (lambda: first_gradient(1.0, -1.0),),
    "ex-scaling-share": (lambda: first(lambda n: 0.9**n < 0.01),),
    "ex-scaling-drill": tuple(partial(carried_by_three, count) for count in (0, 1, None)),
    "ex-scaling-bfloat": (lambda: round_to(0.999, "bfloat16"), lambda: round_to(0.99, "bfloat16")),
    "ex-unrolled-drill": (lambda: unrolled()[0], lambda: unrolled()[1] - 1, lambda: unrolled()[2]),
    "ex-unrolled-lambda": (lambda: 54 * Fraction(11, 43) / (Fraction(1, 2) + Fraction(11, 43)),),
    "ex-at-least-drill": (lambda: math.sqrt(below(1)), lambda: below(-1), lambda: (below(1) + below(-1)) / 2),
    "ex-operators-bias": (lambda: gates(-4.0, 54),),
    "ex-operators-zero": (closed_for_gradients,),
    "ex-operators-mixing": (lambda: first(lambda n: second_left(n) < 0.01),),
    "ex-after-three": (lambda: uncut(3),),
    "ex-after-pre-depth": (lambda: per_cent_by_shortcuts("full pre-activation"),),
    "ex-after-half": (lambda: first(lambda state: share_below(state, 100) >= Fraction(1, 2), start=0),),
    "ex-after-batch-of-two": (through_batch_of_two,),
    "ex-init-number": (lambda: expected_gain(4, beta=0.5, strength=branch_strength((2.0, 2.0))),),
    "ex-shattered-number": (lambda: coactive_correlation(3, lam=0.0, coactive=0.4),),
    "ex-precision-stored": (lambda: round_to(0.9999, "float16"),),
    "ex-precision-rest": (lambda: stall(0.75, "float16"),),
    "ex-precision-depth": (lambda: promised_from("float32"),),
    "ex-precision-qr": (qr_diagonal,),
    "ex-training-depth": (lambda: first(lambda n: 10 ** with_gains([math.log10(0.8)] * n).log10_total < 0.01),),
    "ex-training-rate": (lambda: 1.1**100,),
    "ex-depths-growth": (lambda: 3000 ** (1 / 60), lambda: 1000 * math.log10(3000) / 60),
    "ex-stream-weight": (lambda: looked(np.log([1.0, 1.0, 5.0]))[2],),
    "ex-stream-moves": (lambda: read_derivative([1.0, 3.0], [0.25, 0.75], 3.0),),
    "ex-report-blame": (lambda: 10 ** with_gains(GAINS).log10_total, lambda: with_gains(GAINS).worst_share),
    "ex-report-shares": (lambda: halved(0), lambda: halved(1), lambda: halved(2)),
}
