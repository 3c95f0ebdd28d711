"""Recipes: what arrives through 1 to 10,000 units, and how much of it the shortcuts bring.

The factors of each recipe come from `resnotes.recipes` with the page. What is computed of them, said and drawn stands in
recipes.js.
"""

import re

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, one_of, refusing, style
from resnotes.initialisation import norm_places
from resnotes.recipes import RECIPES, Recipe, TwoStreams

#: The numbers of units that can be chosen.
DEPTHS = (*(digit * 10**power for power in range(4) for digit in range(1, 10)), 10_000)


def key_of(name):
    """The name of a recipe as a link holds it: "Highway, b = -log L" is "highway_b_log_l"."""
    return re.sub(r"\W+", "_", name).lower()


def factors_of(recipe):
    """What the explorer carries of a recipe: its name, its normalisation, and λ and β at each of `DEPTHS`.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    dict
        "name", "norm", "shortcut", "branch". A factor that does not depend on the depth stands once, as a number. Of
        factors that differ from unit to unit it is the root of their mean square, and "varies" is there and true.
        "streams" is there and true for SiameseNorm, whose law recipes.js knows.

    Raises
    ------
    ValueError
        If it is no recipe, a factor is not finite or below 0, or no law of such factors is computed here: β may differ
        from unit to unit where normalisations stand in the branch alone and λ is 1. Of recipes with two streams the one of
        the book is known.
    """
    if not isinstance(recipe, Recipe):
        _validate.refuse("own", _validate.describe(recipe), "a resnotes.recipes.Recipe")
    found = {"name": recipe.name, "norm": recipe.norm}
    streams = isinstance(recipe, TwoStreams)
    if streams:
        if recipe != RECIPES["SiameseNorm"]:
            _validate.refuse("own", repr(recipe.name), "one stream, or RECIPES['SiameseNorm']")
        found["streams"] = True
    growing = recipe.norm is not None and "post" not in norm_places(recipe.norm)
    for part in ("shortcut", "branch"):
        values = []
        for depth in DEPTHS:
            value = getattr(recipe, part)(depth)
            if part == "branch" and (growing or streams) and np.ndim(value):
                value = _validate.finite_array(value, "own.branch", f"{depth} numbers", (1,))
                found["varies"] = True
                value = float(np.sqrt(np.mean(value**2)))
            values.append(_validate.finite_number(value, f"own.{part}"))
        if min(values) < 0:
            _validate.refuse(f"own.{part}", min(values), "a number of at least 0")
        found[part] = values[0] if len(set(values)) == 1 else values
    if growing and found["shortcut"] != 1 and "varies" in found:
        _validate.refuse("own.shortcut", found["shortcut"], "1 where branches differ")
    return found


def standard():
    """`factors_of` all recipes of the book, by key."""
    return {key_of(name): factors_of(recipe) for name, recipe in RECIPES.items()}


def _table(value, name):
    if not isinstance(value, dict) or not set(value) <= {*map(key_of, RECIPES), "own"}:
        _validate.refuse(
            name, _validate.describe(value), "a dict of what factors_of returns, by key_of the recipes' names"
        )
    return value


class Recipes(Explorer):
    """Explorer: the mean gain of a recipe at each depth, and the share of it that comes by the shortcuts alone.

    The laws are ``init-law``, ``init-pre-law`` and ``depths-post-sum``, with κ = 1. Every trait can be set, observed and
    linked.

    Parameters
    ----------
    recipe : str
        A key of `table`, "post_ln" by default: `key_of` a name in `resnotes.recipes.RECIPES`, or "own".
    depth : int
        One of `DEPTHS`: 1 to 9 times 1, 10, 100 or 1000, and 10,000; 100 by default.
    table : dict
        Key -> name, normalisation and factors of a recipe. It is part of no link.
    own : Recipe, optional
        A recipe of your own, beside those of the book; chooses "own".

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Recipes
    >>> Recipes(recipe="deepnorm", depth=1000)
    Recipes(recipe='deepnorm', depth=1000)
    """

    name = "recipes"
    state_names = ("recipe", "depth")
    carried = ("table",)
    _esm = bundle("recipes")
    _css = style("recipes")

    recipe = Checked(one_of((*map(key_of, RECIPES), "own")), "post_ln")
    depth = Checked(one_of(DEPTHS), 100)
    table = Checked(_table, {})

    def __init__(self, *, own=None, **state):
        if own is not None:
            state = {"recipe": "own", "table": {**standard(), "own": factors_of(own)}, **state}
        super().__init__(**{"table": standard(), **state})

    @traitlets.validate("recipe", "table")
    def _together(self, proposal):
        state = {"recipe": self.recipe, "table": self.table, proposal.trait.name: proposal.value}
        if state["recipe"] not in state["table"]:
            with refusing():
                _validate.refuse(
                    "recipe", repr(state["recipe"]), "one whose factors are there; give own=Recipe(…) for your own"
                )
        return proposal.value
