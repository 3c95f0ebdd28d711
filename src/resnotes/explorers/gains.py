"""Gradients at initialisation: the gains of a few hundred networks drawn at random, beside the law of their mean.

What is computed, said and drawn of it stands in gains.js; here are the traits and their checks.
"""

import traitlets

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, refusing, style, whole_between

UNITS = ("none", "pre", "post", "batch")
WIDTHS = (4, 8, 16, 32, 64, 128)
MAX_DEPTH = 64
SEEDS = 100
LARGEST = 1.5
LEAST = 0.1


def _agree(lam, beta):
    """Refuse units that let so little through that 64 of them leave the range of floats."""
    if lam < LEAST and beta < LEAST:
        _validate.refuse("beta", beta, f"at least {LEAST} where lam is less")


class Gains(Explorer):
    """Explorer: |g_0|² / |g_L|² of networks with units λ x + β F(x), drawn at random in the page.

    It shows the histogram of the gains of single networks with the mean of the law, their own mean and their median,
    and how these part on the way from the loss to the input. Every trait can be set, observed and linked.

    Parameters
    ----------
    unit : str
        "none": F(x) = W₂ ReLU(W₁ x), drawn as `initialisation.draw_weights` does. "pre", "post": the same with a layer
        normalisation in front of the branch or after the addition. "batch": F(x) = W ReLU(BN(x)) with entries of
        variance 2/n, for batches of 64.
    lam, beta : float, from 0 to 1.5
        λ and β, not both below 0.1.
    depth : int, from 1 to 64
        L, the number of units.
    width : int
        n, one of 4, 8, 16, 32, 64, 128.
    seed : int, from 1 to 100
        Which networks are drawn: 300 of them, or 24 batch-normalised ones.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Gains
    >>> Gains(lam=1, depth=8)
    Gains(unit='none', lam=1.0, beta=1.0, depth=8, width=16, seed=1)
    """

    name = "gains"
    state_names = ("unit", "lam", "beta", "depth", "width", "seed")
    _esm = bundle("gains")
    _css = style("gains")

    unit = Checked(one_of(UNITS), "none")
    lam = Checked(number_between(0, LARGEST), 0.0)
    beta = Checked(number_between(0, LARGEST), 1.0)
    depth = Checked(whole_between(1, MAX_DEPTH), 32)
    width = Checked(one_of(WIDTHS), 16)
    seed = Checked(whole_between(1, SEEDS), 1)

    @traitlets.validate("lam", "beta")
    def _together(self, proposal):
        state = {**self.state(), proposal.trait.name: proposal.value}
        with refusing():
            _agree(state["lam"], state["beta"])
        return proposal.value
