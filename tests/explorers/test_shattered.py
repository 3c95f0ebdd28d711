"""Shattered gradients: what chapter 10 says of the curves in its figure."""

import numpy as np

from .modules import run

CURVES = """(module, states) => states.map((state) => {
  const { along, across, law, agree } = module.numbers(state);
  return { along, across, law, agree };
})"""


def test_across_the_input_the_law_holds_and_along_it_the_correlation_falls_faster():
    """Means over twelve networks with branches of strength 1: within 0.13 of the law at depth 5, 10 and 50."""
    for lam in (0.0, 1.0):
        states = [{"lam": lam, "beta": 1.0, "depth": 50, "normalised": True, "seed": seed} for seed in range(1, 13)]
        found = run("shattered", CURVES, states)
        along, across, law = (
            np.mean([one[name] for one in found], axis=0)[[5, 10, 50]] for name in ("along", "across", "law")
        )
        assert np.abs(across - law).max() < 0.13, lam
        assert np.all(along[:2] < across[:2] - 0.04), lam
        agree = np.mean([one["agree"] for one in found], axis=0)
        assert agree[0] > 0.95
        assert abs(agree[-1] - 0.5) < 0.05 if lam == 0 else agree[-1] > 0.85
