"""The page of laws: each is registered, said once, and displayed in a chapter that is about random networks."""

import numpy as np
import pytest

from resnotes import Affine, BatchNormTraining, Network, RMSNorm, Unit, gradient_by_shortcut, relu
from resnotes.attention import Attention
from resnotes.book import EQUATIONS
from resnotes.book.laws import EXACT, LAWS, STEP, WIDE, WIDE_ERROR
from resnotes.initialisation import (
    attention_strength,
    batch_strength,
    draw_weights,
    expected_gain,
    expected_weight_gradients,
    gains,
    growing_gain,
    mean_and_error,
    residual_network,
)
from resnotes.recipes import (
    RECIPES,
    Recipe,
    bounded_gain,
    bounded_network,
    streams_network,
    value_residual_gain,
    value_residual_network,
)
from resnotes.shortcuts import Projection, sinkhorn

WIDE_LABELS = {law.label for law in LAWS if law.sense == WIDE} | {"init-rms-unit", "depths-streams-sum"}


def test_every_law_is_an_equation_of_the_book():
    labels = [law.label for law in LAWS]
    assert len(set(labels)) == len(labels) and len({law.name for law in LAWS}) == len(labels)
    for law in LAWS:
        assert law.equation is EQUATIONS[law.label] and law.equation.method != "definition"
        assert law.sense in (EXACT, WIDE, STEP)
        assert not law.measured or law.equation.chapter.split("_")[0].lstrip("0") in law.measured


# Measured. Each law is held against networks that are drawn here: at three depths and two widths, what is measured lies
# within the stated error.

DEPTHS, WIDTHS, NETWORKS = (4, 8, 16), (32, 64), 10


def squared(row):
    return np.sum(row**2, axis=-1)


def recipe_ratio(name):
    def ratio(weights, x, g, rng):
        recipe = RECIPES[name]
        return gains(recipe.network(weights), x, g) / 10 ** recipe.log10_gain(len(weights))

    return ratio


def by_shortcuts_ratio(name):
    def ratio(weights, x, g, rng):
        recipe = RECIPES[name]
        net, L = recipe.network(weights), len(weights)
        alone = gradient_by_shortcut(net, net.forward(x), g)[0]
        return squared(alone) / squared(g) / 10 ** (recipe.log10_gain(L) + recipe.log10_share(L))

    return ratio


def state_ratio(weights, x, g, rng):
    top = residual_network(weights).forward(x).states[-1]
    return squared(top) / squared(x) / expected_gain(len(weights))


def weight_ratio(weights, x, g, rng):
    net, middle = residual_network(weights, beta=0.5), len(weights) // 2
    law = expected_weight_gradients(len(weights), beta=0.5)[middle]
    found = []
    for one, upstream in zip(x, g, strict=True):
        layers = net.backward(net.forward(one), upstream).units[middle].branch
        found.append([np.sum(layers[k].weight ** 2) for k in (0, 2)])
    return np.mean(found / (squared(x) * squared(g))[:, np.newaxis] / law, axis=1)


def stochastic_ratio(weights, x, g, rng):
    net = residual_network(weights, beta=(rng.random(len(weights)) < 0.5).astype(float))
    return gains(net, x, g) / 1.5 ** len(weights)


def spread_ratio(weights, x, g, rng):
    n, L = x.shape[-1], len(weights)
    half = np.abs(x) * np.tile([1.0, -1.0], n // 2)
    nets = [residual_network(draw_weights(rng, L, n, (2.0,)), lam=0.0, start="relu") for _ in range(40)]  # long tails
    squares = np.mean([gains(net, half, g) ** 2 for net in nets], axis=0)
    return squares / (2 * (1 + 5 / n) ** (L - 1) * (0.5 + 2 / n))


def above_ratio(weights, x, g, rng):
    net, L = residual_network(weights, norm="pre"), len(weights)
    middle = net.backward(net.forward(x), g).states[L // 2]
    return squared(middle) / squared(g) * (1 + L // 2) / (1 + L)


def root_mean_square_ratio(weights, x, g, rng):
    net = Network([Unit([RMSNorm(), *unit.branch]) for unit in residual_network(weights)])
    return gains(net, x, g) / (1 + len(weights))


def batch_ratio(weights, x, g, rng):
    n, L = x.shape[-1], len(weights)
    drawn = draw_weights(rng, L, n, (2.0,))
    net = Network([Unit([BatchNormTraining(n), relu, Affine(W)]) for (W,) in drawn])
    x, g = rng.standard_normal((2, 128, n))
    below = net.backward(net.forward(x), g).states[0]
    return np.array([np.sum(below**2) / np.sum(g**2) / growing_gain(L, *batch_strength((2.0,)))])


def bounded_ratio(weights, x, g, rng):
    return gains(bounded_network(weights, 0.5, "erf"), x, g) / 10 ** bounded_gain(len(weights), 0.5, "erf")[0]


def streams_ratio(weights, x, g, rng):
    """Four equal streams under random doubly stochastic mixings: the sum over streams is a pre-LN network."""
    s = 4
    net = streams_network(weights, [sinkhorn(rng.uniform(0.05, 1, (s, s))) for _ in weights])
    trace = net.forward(np.tile(x, s))
    below = net.backward(trace, np.tile(g / s, s)).states[0].reshape(len(x), s, -1).sum(axis=1)
    return squared(below) / squared(g) / (1 + len(weights))


def attention_ratio(weights, x, g, rng):
    """One unit of attention without queries, over as many positions as the networks have units."""
    (T, _, n, _), law = (
        weights.shape,
        attention_strength(np.tri(len(weights)) / np.arange(1, len(weights) + 1)[:, None]),
    )
    found = []
    for _ in range(8):
        key, value, output = rng.standard_normal((3, n, n)) / n**0.5
        layer = Attention(np.zeros((n, n)), key, value, output, T, heads=2)
        x, g = rng.standard_normal((2, 4, T * n))
        found.append(np.mean(squared(layer.backward(x, g)[0])) / (T * n) / law)
    return np.array(found)


def factors_ratio(lam, beta):
    def ratio(weights, x, g, rng):
        law = Recipe("own", lambda depth: lam, lambda depth: beta, "pre").log10_gain(len(weights))
        return gains(residual_network(weights, lam, beta, norm="pre"), x, g) / 10**law

    return ratio


def value_residual_ratio(weights, x, g, rng):
    linear = weights * np.array([0.5**0.5, 1.0])[:, None, None]  # no ReLU stands between the two
    return gains(value_residual_network(linear), x, g) / 10 ** value_residual_gain(len(weights))


def delta_ratio(weights, x, g, rng):
    """Random directions of length 1, each erased by half beside a branch: n and L make the law."""
    n, units = x.shape[-1], []
    for unit in residual_network(weights, beta=0.5):
        u = rng.standard_normal(n)
        units.append(Unit(unit.branch, Projection(np.eye(n) - 0.5 * np.outer(u, u) / (u @ u))))
    return gains(Network(units), x, g) / (1.25 - 0.75 / n) ** len(weights)


MEASURED = [
    *(("init-law", recipe_ratio(name)) for name in ("no shortcuts", "identity shortcuts", "Highway, b = -1")),
    ("init-bounded", recipe_ratio("Stable ResNet")),
    ("init-state-law", state_ratio),
    ("init-weights", weight_ratio),
    ("init-stochastic", stochastic_ratio),
    ("init-spread", spread_ratio),
    ("init-pre-law", recipe_ratio("pre-LN")),
    *(("depths-pre-law", recipe_ratio(name)) for name in ("LayerNorm Scaling", "depth-μP", "CompleteP", "Peri-LN")),
    ("depths-pre-factors", recipe_ratio("LAuReL")),
    ("depths-pre-factors", factors_ratio(0.9, 0.6)),
    ("depths-pre-factors", value_residual_ratio),
    ("depths-pre-factors", recipe_ratio("SiameseNorm")),
    ("depths-pre-factors", by_shortcuts_ratio("SiameseNorm")),
    ("depths-delta", delta_ratio),
    ("init-attention", attention_ratio),
    ("init-pre-above", above_ratio),
    *(("depths-post-limits", recipe_ratio(name)) for name in ("post-LN", "DeepNorm", "Keel", "nGPT")),
    *(("depths-post-limits", by_shortcuts_ratio(name)) for name in ("post-LN", "DeepNorm", "Keel")),
    ("init-rms-unit", root_mean_square_ratio),
    ("init-batch-law", batch_ratio),
    ("depths-derf", bounded_ratio),
    ("depths-streams-sum", streams_ratio),
]


def outside(ratio, wide, beyond=1.0):
    """Where the mean of measured over law, times `beyond`, lies outside the error that the page of laws states."""
    found = []
    for n in WIDTHS:
        for L in DEPTHS:
            rng, sample = np.random.default_rng(1000 * n + L), []
            for _ in range(NETWORKS):
                x, g = rng.standard_normal((2, 4, n))
                sample.append(np.mean(ratio(draw_weights(rng, L, n), x, g, rng)))
            mean, error = mean_and_error(sample)
            low, high = (1.0, np.exp(WIDE_ERROR * L / n)) if wide else (1.0, 1.0)
            if not low - 4 * error <= beyond * mean <= high + 4 * error:
                found.append((n, L, beyond * mean, error))
    return found


@pytest.mark.parametrize("number", range(len(MEASURED)))
def test_what_is_measured_lies_within_the_stated_error(number):
    label, ratio = MEASURED[number]
    assert outside(ratio, label in WIDE_LABELS) == []


@pytest.mark.parametrize("name", ["Stable ResNet", "depth-μP"])
def test_a_law_that_is_off_by_a_third_is_noticed(name):
    wide = RECIPES[name].norm is not None
    assert outside(recipe_ratio(name), wide, 0.75) and outside(recipe_ratio(name), wide, 2.0)


def test_every_law_about_means_is_measured():
    labels = {label for label, _ in MEASURED}
    assert labels - {"depths-delta"} == {law.label for law in LAWS if law.sense != STEP}
