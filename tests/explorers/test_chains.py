"""Two chains: the whole range of both sliders, what the words call dying, the arrows of the picture."""

import math

import pytest

from resnotes.explorers import Chains
from resnotes.magnitudes import shortcut_product

from .cases.case import plain
from .modules import figures, run, said

SWEEP = """(module) => {
  const found = [];
  for (let k = -200; k <= 100; k++) for (let depth = 1; depth <= 100; depth++) {
    const state = { r: k / 100, depth };
    const { plain, residual } = module.numbers(state);
    const numbers = [...plain, ...residual].flat();
    const words = module.readout(state);
    const wrong = numbers.some((x) => Number.isNaN(x) || x === Infinity) || /NaN|Infinity|undefined|null/.test(words);
    found.push([k, depth, module.check(state) || (wrong ? words : ""), words.split(". ")[0]]);
  }
  return found;
}"""


def fate(factor, depth):
    product = shortcut_product([factor] * depth)
    if product.sign == 0 or product.log10 < -3:
        return "dies"
    return "explodes" if product.log10 > 3 else "lives"


def test_all_of_both_sliders():
    """Nothing but finite numbers and exact zeros, and of every state the words that its products deserve."""
    swept = run("chains", SWEEP, None)
    assert len(swept) == 301 * 100
    assert [row for row in swept if row[2]] == []
    for k, depth, _, outcome in swept[::7]:
        r = k / 100
        if any(abs(abs(shortcut_product([f] * depth).log10) - 3) < 1e-9 for f in (r, 1 + r) if f):
            continue  # on the border, where the last bit decides
        without, within = fate(r, depth), fate(1 + r, depth)
        wanted = f"Without the +x the gradient {without}, with it the gradient {within}"
        if without == within:
            wanted = f"Both gradients {without[:-1] if without != 'dies' else 'die'}"
        assert outcome.removesuffix(".") == wanted, (r, depth)


@pytest.mark.parametrize(
    ("state", "leaves"),
    [
        ({"r": -0.5, "depth": 50}, []),
        ({"r": 0.02, "depth": 50}, ["plain"]),
        ({"r": 0.0, "depth": 1}, ["plain"]),
        ({"r": -1.0, "depth": 1}, ["whole"]),
        ({"r": 1.0, "depth": 50}, []),
        ({"r": 1.0, "depth": 60}, ["whole"]),
        ({"r": -2.0, "depth": 100}, ["plain"]),
        ({"r": 1.0, "depth": math.floor(18 / math.log10(2))}, []),
    ],
)
def test_a_line_that_leaves_the_picture_ends_in_an_arrow(state, leaves):
    drawn = figures(Chains(**state))
    assert [name for name in ("plain", "whole") if f"rx-tip-{name}" in drawn] == leaves
    assert "NaN" not in drawn


def test_the_opening_state_surprises():
    """What the page opens on: the same gradient with and without the skip, to the last digit."""
    opening = plain(said(Chains()))
    assert opening.startswith("Both gradients die.")
    assert opening.count("≈ 8.88 × 10⁻¹⁶") == 2
