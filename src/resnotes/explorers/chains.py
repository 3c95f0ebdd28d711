"""Two chains: the gradient in units x' = r x beside the gradient in units x' = x + r x.

What is computed, said and drawn of it stands in chains.js; here are the traits and their checks.
"""

from resnotes.explorers._base import Checked, Explorer, bundle, number_between, style, whole_between

MAX_DEPTH = 100


class Chains(Explorer):
    """Explorer: the gradient at every state of a plain chain, x' = r x, and of a residual one, x' = x + r x.

    With 1 at the loss, the gradients at state l are r ** (L - l) and (1 + r) ** (L - l): the equation
    ``scaling-scalar`` with λ = 0 and with λ = 1. Every trait can be set, observed and linked.

    Parameters
    ----------
    r : float, from -2 to 1
        What a branch multiplies its input by; -0.5 by default.
    depth : int, from 1 to 100
        L, the number of units; 50 by default.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Chains
    >>> Chains(r=0.1)
    Chains(r=0.1, depth=50)
    """

    name = "chains"
    state_names = ("r", "depth")
    _esm = bundle("chains")
    _css = style("chains")

    r = Checked(number_between(-2, 1), -0.5)
    depth = Checked(whole_between(1, MAX_DEPTH), 50)
