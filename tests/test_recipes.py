"""Recipes: their laws against random networks, streams against one stream, and what the checks notice."""

import dataclasses
import math
import re

import numpy as np
import pytest

from resnotes import Affine, Network, Unit
from resnotes.initialisation import (
    attention_strength,
    draw_weights,
    expected_gain,
    gains,
    mean_and_error,
    residual_network,
)
from resnotes.paths import gradient_by_shortcut
from resnotes.recipes import (
    BOUNDED,
    RECIPES,
    Recipe,
    bounded_gain,
    bounded_network,
    first_checks,
    highway,
    streams_network,
    value_residual_network,
)
from resnotes.reports import report
from resnotes.shortcuts import Scale, sinkhorn

FREE = [recipe for recipe in RECIPES.values() if recipe.norm is None]


def name(recipe):
    return recipe.name


@pytest.mark.parametrize("recipe", FREE, ids=name)
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_the_logarithm_is_that_of_the_law(recipe, strength):
    for depth in (1, 10, 100):
        law = expected_gain(depth, recipe.shortcut(depth), recipe.branch(depth), strength)
        np.testing.assert_allclose(recipe.log10_gain(depth, strength), math.log10(law), atol=1e-12)
        if recipe.shortcut(depth):
            alone = 2 * depth * math.log10(recipe.shortcut(depth)) - math.log10(law)
            np.testing.assert_allclose(recipe.log10_share(depth, strength), alone, atol=1e-12)
    assert RECIPES["no shortcuts"].log10_share(3) == -math.inf


@pytest.mark.parametrize("width", [48, 96])
@pytest.mark.parametrize("depth", [2, 6, 12])
def test_random_networks_have_the_gain_predicted(depth, width):
    rng, samples = np.random.default_rng(depth), {label: [] for label in RECIPES}
    for _ in range(30):
        weights, (x, g) = draw_weights(rng, depth, width), rng.standard_normal((2, 4, width))
        for label, recipe in RECIPES.items():
            samples[label].append(gains(recipe.network(weights), x, g).mean())
    for label, recipe in RECIPES.items():
        mean, error = mean_and_error(samples[label])
        law = 10 ** recipe.log10_gain(depth)
        room = 4.5 * error + ((0.05 + depth / width) * law if recipe.norm else 1e-9 * law)
        assert abs(mean - law) < room, f"{label}: {mean} ± {error}, law {law}"
        assert error > 0.08 * law or 8 * depth > width or abs(mean - 2 * law) > room, (
            f"{label}: twice the law would be seen"
        )


@pytest.mark.parametrize("width", [48, 96])
@pytest.mark.parametrize("depth", [2, 6, 12])
@pytest.mark.parametrize("function", BOUNDED)
def test_bounded_functions_have_the_gain_predicted(function, depth, width):
    rng, sample, spread = np.random.default_rng(7), [], []
    for _ in range(30):
        net = bounded_network(draw_weights(rng, depth, width), 0.5, function)
        x, g = rng.standard_normal((2, 4, width))
        sample.append(gains(net, x, g).mean())
        spread.append(np.mean(net.forward(x).states[-1] ** 2))
    log10_gain, variance = bounded_gain(depth, 0.5, function)
    for values, law in ((sample, 10**log10_gain), (spread, variance)):
        mean, error = mean_and_error(values)
        assert abs(mean - law) < 4.5 * error + (0.02 + depth / width / 4) * law


def test_a_normalisation_at_the_end_makes_the_strength_one():
    recipe = RECIPES["Peri-LN"]
    assert recipe.log10_gain(9, 5.0) == recipe.log10_gain(9) == 1.0
    rng, sample = np.random.default_rng(8), []
    for _ in range(30):
        net = recipe.network(draw_weights(rng, 9, 96, (2.0, 5.0)))
        sample.append(gains(net, *rng.standard_normal((2, 96))))
    mean, error = mean_and_error(sample)
    assert abs(mean - 10) < 4 * error + 1 and abs(mean - 46) > 4 * error


@pytest.mark.parametrize("label", ["pre-LN", "post-LN", "DeepNorm"])
def test_the_shortcuts_bring_the_share_predicted(label):
    rng, depth, recipe = np.random.default_rng(2), 6, RECIPES[label]
    shares = []
    for _ in range(50):
        net = recipe.network(draw_weights(rng, depth, 160))
        x, g = rng.standard_normal((2, 160))
        sent = gradient_by_shortcut(net, net.forward(x), g)[0]
        shares.append(sent @ sent / (g @ g))
    found = np.mean(shares) / 10 ** recipe.log10_gain(depth)
    assert abs(np.log10(found) - recipe.log10_share(depth)) < 0.12, "a strength of 0.8 would be 0.27 off"


def test_deepnorm_has_the_published_numbers():
    recipe = RECIPES["DeepNorm"]
    for layers, alpha, beta in ((6, 1.861, 0.380), (100, 3.761, 0.188), (500, 5.623, 0.126)):
        assert round(recipe.shortcut(2 * layers), 3) == alpha
        assert round(math.sqrt(recipe.branch(2 * layers)), 3) == beta
    assert round(10 ** recipe.log10_share(200), 3) == 0.982 and round(10 ** recipe.log10_share(1000), 3) == 0.992


def test_a_highway_gate_is_a_partition():
    recipe = highway(-2.0)
    assert recipe.shortcut(7) + recipe.branch(7) == pytest.approx(1)
    assert recipe.branch(7) == pytest.approx(1 / (1 + math.exp(2)))
    assert RECIPES["Highway, b = -log L"].shortcut(9) == pytest.approx(0.9)


def test_factors_on_shortcuts_leave_the_range_of_no_float():
    def own(lam, beta):
        return Recipe("own", lambda depth: lam, lambda depth: beta, "pre")

    for lam, beta in ((0.9, 0.6), (1.2, 0.5), (0.0, 0.5), (0.5, 0.0)):
        variance = 1.0
        for _ in range(7):
            variance = lam**2 * variance + 2 * beta**2
        assert own(lam, beta).log10_gain(7, 2.0) == pytest.approx(math.log10(variance), abs=1e-12)
    assert own(1.2, 0.5).log10_gain(10_000) == pytest.approx(20_000 * math.log10(1.2) + math.log10(1 + 0.25 / 0.44))
    assert own(0.0, 0.0).log10_gain(3) == own(0.0, 1.0).log10_share(3) == -math.inf


def test_mixed_streams_are_one_stream_in_the_mean():
    rng = np.random.default_rng(3)
    weights, (x, g) = draw_weights(rng, 5, 6), rng.standard_normal((2, 6))
    mixing = np.stack([sinkhorn(rng.uniform(0.1, 1, (3, 3))) for _ in range(5)])

    def gain(mixing):
        net = streams_network(weights, mixing)
        sent = net.backward(net.forward(np.tile(x, 3)), np.tile(g / 3, 3)).states[0].reshape(3, 6).sum(axis=0)
        return sent @ sent / (g @ g)

    wanted = gains(residual_network(weights, norm="pre"), x, g)
    assert gain(mixing) == pytest.approx(wanted, rel=1e-9)
    assert abs(gain(1.05 * mixing) / wanted - 1) > 0.01
    mixing[2] = rng.uniform(0.1, 1, (3, 3))
    assert abs(gain(mixing) / wanted - 1) > 0.01


def test_the_first_check_names_what_is_wrong():
    weights, x = draw_weights(np.random.default_rng(4), 100, 16), np.random.default_rng(5).normal(size=(4, 16))
    said = {label: first_checks(recipe.network(weights), x).first for label, recipe in RECIPES.items()}
    for label in ("no shortcuts", "Highway, b = -1", "post-LN"):
        assert said[label].where == "log10_shortcut_product"
    assert said["identity shortcuts"].where == "log10_branch"
    for label in ("Highway, b = -log L", "Fixup", "SkipInit", "ReZero", "Stable ResNet", "pre-LN", "DeepNorm"):
        assert said[label] is None


@pytest.mark.parametrize("depth, bias, deep", [(10, -2.3, "λ = 1.78, β = 0.16"), (100, -4.6, "λ = 3.16, β = 0.05"),
                                               (1000, -6.9, "λ = 5.62, β = 0.016")])  # fmt: skip
def test_what_is_set_at_a_depth_is_said_where_the_shortcuts_are_lost(depth, bias, deep):
    found = first_checks([Unit([Affine(np.zeros((2, 2)))], Scale(0.1))] * depth).checks[0]
    assert not found.passed and f"at {depth} units a gate's bias of {bias:g} keeps" in found.found
    assert deep in found.found and deep == RECIPES["DeepNorm"].setting(depth)
    branches = first_checks([Unit([Affine(np.eye(2))])] * depth).checks[1].found
    assert f"1/√L is {depth**-0.5:.2g}; or a normalisation in front" in branches
    assert f"β = {depth**-0.5:.2g} (depth-μP) or β = {1 / depth:.2g} (CompleteP)" in branches
    assert RECIPES["Keel"].setting(depth) == f"λ = {depth}, β = 1"


def test_one_unit_and_the_format_are_noticed():
    small = [Unit([Affine(np.eye(4) * 1e-2)]) for _ in range(9)]
    bad = Unit([Affine(-0.9999 * np.eye(4))])
    checks = first_checks(Network([*small, bad]))
    assert [check.passed for check in checks] == [True, True, False, False, True]
    assert "unit 9" in str(checks) and "**look**" in checks._repr_markdown_() and len(checks) == 5
    lost = first_checks([Unit([Affine(np.eye(4) * 1e-6)]) for _ in range(3)])
    assert lost.first.where == "limits['bfloat16']" and "3 branches lost" in lost.first.found
    assert first_checks([Unit([Affine(np.eye(4) * 1e-6)])], precision="float64").first is None
    gone = first_checks([Unit([Affine(np.eye(4))], Scale(0.0))] * 2)
    assert gone.first.where == "log10_shortcut_product" and gone.first.found.startswith(
        "largest singular value 0, 0.01 to 100 wanted; at 2 units"
    )
    units = [*small, bad]
    assert str(first_checks(report(units))) == str(checks) != str(first_checks(report(small)))
    unformed = dataclasses.replace(report(units), log10_shortcut_product=np.full((1, 1), np.nan))
    assert first_checks(unformed).checks[0].where == "log10_part" and first_checks(unformed).checks[0].passed
    with pytest.raises(ValueError, match="without path lengths"):
        first_checks(dataclasses.replace(unformed, log10_part=np.empty(0)))
    with pytest.raises(ValueError, match="x: got .* made with its own"):
        first_checks(report(units), x=np.ones(4))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda w: streams_network(w, np.ones((2, 3))), "mixing: got"),
        (lambda w: streams_network(w, np.ones((3, 2, 2))), "mixing: got"),
        (lambda w: streams_network(w, np.eye(2), read=[1.0]), "read: got"),
        (lambda w: streams_network(w, np.eye(2), norm="post"), "norm: got"),
        (lambda w: first_checks(residual_network(w), precision="float8"), "precision: got"),
        (lambda w: RECIPES["pre-LN"].log10_gain(0), "depth: got"),
        (lambda w: RECIPES["pre-LN"].log10_share(1, -1.0), "strength: got"),
        (lambda w: value_residual_network(np.ones((2, 3, 4, 4))), "weights: got"),
        (lambda w: value_residual_network(w, first=math.nan), "first: got"),
        (lambda w: attention_strength(np.ones((2, 3))), "weights: got"),
        (lambda w: attention_strength(np.ones((2, 2)), (1.0,)), "variances: got"),
        (lambda w: Recipe("own", lambda depth: 1.0, lambda depth: 1.0, "front").log10_gain(2), "norm: got"),
        (lambda w: bounded_gain(3, function="sin"), "function: got"),
        (lambda w: highway(math.nan), "bias: got"),
        (lambda w: highway(lambda depth: -1.0), "name: got"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call(np.ones((2, 2, 3, 3)))
