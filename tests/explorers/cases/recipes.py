"""Recipes for deep networks."""

import math
from functools import lru_cache

import numpy as np

from resnotes.explorers import Recipes
from resnotes.explorers.recipes import DEPTHS, key_of
from resnotes.recipes import RECIPES, Recipe

from .case import Case


@lru_cache(maxsize=None)
def by_package(name, depth):
    """λ, β, gain, share and their product by `Recipe`."""
    recipe = RECIPES[name]
    gain, share = recipe.log10_gain(depth), recipe.log10_share(depth)
    beta = float(np.sqrt(np.mean(np.square(recipe.branch(depth)))))
    return [recipe.shortcut(depth), beta, gain, share, gain + share]


def faults(state, found):
    """The package's numbers, for every recipe."""
    lines, depth = [], state["depth"]
    for name in RECIPES:
        wanted, got = by_package(name, depth), found[key_of(name)]
        # The package adds 1 before it takes the logarithm: a relative error of 1e-16 in it, `depth` times.
        if not all(
            a == b or math.isclose(a, b, rel_tol=1e-11, abs_tol=1e-15 * depth) for a, b in zip(got, wanted, strict=True)
        ):
            lines.append(f"{name} in {state}: got {got}, wanted {wanted}")
    return lines


CASE = Case(
    explorer=Recipes,
    chapter="13_thousands_of_layers",
    grid=[{"recipe": key_of(name), "depth": depth} for name in RECIPES for depth in DEPTHS[::2]],
    faults=faults,
    extremes=[
        ({}, "multiplied by 1 on average, and ≈ 7.89 × 10⁻³¹ of it comes by the shortcuts alone."),
        ({"recipe": "no_shortcuts"}, "multiplied by 1 on average, and none of it comes by the shortcuts alone."),
        (
            {"recipe": "rezero", "depth": 10_000},
            "multiplied by 1 on average, and all of it comes by the shortcuts alone.",
        ),
        ({"recipe": "identity_shortcuts", "depth": 10}, "multiplied by ≈ 1020 on average"),
        ({"recipe": "identity_shortcuts", "depth": 10_000}, "multiplied by ≈ 2 × 10³⁰¹⁰ on average"),
        ({"recipe": "pre_ln", "depth": 1000}, "multiplied by ≈ 1000 on average, and ≈ 9.99 × 10⁻⁴ of it"),
        ({"recipe": "stable_resnet", "depth": 100}, "Here λ = 1, β = 0.1, with no normalisation."),
        ({"recipe": "deepnorm", "depth": 1}, "Here λ = 1, β = 0.5, with a normalisation after each addition."),
        ({"recipe": "layernorm_scaling", "depth": 1}, "β = 1 in the root mean square of the units, with a"),
        ({"recipe": "laurel"}, "multiplied by 1 on average, and ≈ 7.89 × 10⁻³¹ of it comes by the shortcuts alone."),
        ({"recipe": "siamesenorm"}, "with two streams, of which one is normalised after each addition."),
        ({"recipe": "keel"}, "with a normalisation in front of each branch and one after each addition."),
    ],
    refused=[
        ({"recipe": "postln"}, "recipe"),
        ({"recipe": "own"}, "recipe"),
        ({"depth": 11}, "depth"),
        ({"depth": 0}, "depth"),
        ({"depth": 2.5}, "depth"),
    ],
    largest={"recipe": "stable_resnet", "depth": 1000},
    wrong=("Math.log1p(x) / Math.LN10", "Math.log1p(x) / 2.3025851"),
    own=lambda: Recipes(own=Recipe("quarter", lambda depth: 1.0, lambda depth: depth**-0.25), depth=100),
)
