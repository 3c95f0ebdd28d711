"""Shattered gradients: a random network of one input, its output and its gradient over the input.

What is computed, said and drawn of it stands in shattered.js; here are the traits and their checks.
"""

import traitlets

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, refusing, style, switch, whole_between

MAX_DEPTH = 50
SEEDS = 100
LARGEST = 1.5


def _agree(lam, beta):
    """Refuse units that let nothing through."""
    if lam == 0 and beta == 0:
        _validate.refuse("beta", beta, "more than 0 where lam is 0, since nothing would pass")


class Shattered(Explorer):
    """Explorer: gradients of a random network over its one input, and how alike neighbours are, by depth.

    The input t is spread over 40 components, x_0 = u t + b, and a unit is λ x + β W ReLU(BN(x)), as in
    `shattered.batch_normalised_network` with the 80 inputs from -2 to 2 as the batch. Every trait can be set, observed
    and linked.

    Parameters
    ----------
    lam, beta : float, from 0 to 1.5
        λ and β, not both 0.
    depth : int, from 1 to 50
        L, the number of units.
    normalised : bool
        Whether there is the normalisation BN.
    seed : int, from 1 to 100
        Which network is drawn.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Shattered
    >>> Shattered(lam=1, depth=10)
    Shattered(lam=1.0, beta=1.0, depth=10, normalised=True, seed=1)
    """

    name = "shattered"
    state_names = ("lam", "beta", "depth", "normalised", "seed")
    _esm = bundle("shattered")
    _css = style("shattered")

    lam = Checked(number_between(0, LARGEST), 0.0)
    beta = Checked(number_between(0, LARGEST), 1.0)
    depth = Checked(whole_between(1, MAX_DEPTH), 50)
    normalised = Checked(switch, True)
    seed = Checked(whole_between(1, SEEDS), 1)

    @traitlets.validate("lam", "beta")
    def _together(self, proposal):
        state = {**self.state(), proposal.trait.name: proposal.value}
        with refusing():
            _agree(state["lam"], state["beta"])
        return proposal.value
