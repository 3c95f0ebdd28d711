"""A walk with a floor: one component of the state after a ReLU after every addition.

What is computed, said and drawn of it stands in walk.js; here are the traits and their checks.
"""

import traitlets

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, one_of, refusing, style, whole_between

MAX_DEPTH = 100
WALKS = 1000
STEPS = ("equal", "growing", "down", "up")


def _inside(depth, layer):
    """Refuse a state beyond the last one."""
    if layer > depth:
        _validate.refuse("layer", layer, f"a whole number from 0 to the depth, {depth}")


class Walk(Explorer):
    """Explorer: max(x + step, 0) unit after unit, where it is cut, and how far back a gradient comes.

    It shows a free walk with its running minimum, the same walk with a floor at 0, and how many of a thousand walks let a
    gradient come back to each state, beside the equation ``after-arcsine``. Every trait can be set, observed and linked.

    Parameters
    ----------
    depth : int, from 1 to 100
        L, the number of units.
    layer : int, from 0 to depth
        The state to which a gradient is to come back.
    walk : int, from 1 to 1000
        Which of the walks drawn is shown.
    steps : str
        "equal": standard normal; "growing": each √2 times as large as the one before; "down", "up": with 0.25 subtracted
        or added.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Walk
    >>> Walk(depth=10)
    Walk(depth=10, layer=0, walk=11, steps='equal')
    """

    name = "walk"
    state_names = ("depth", "layer", "walk", "steps")
    _esm = bundle("walk")
    _css = style("walk")

    depth = Checked(whole_between(1, MAX_DEPTH), 54)
    layer = Checked(whole_between(0, MAX_DEPTH), 0)
    walk = Checked(whole_between(1, WALKS), 11)
    steps = Checked(one_of(STEPS), "equal")

    @traitlets.validate("depth", "layer")
    def _together(self, proposal):
        state = {**self.state(), proposal.trait.name: proposal.value}
        with refusing():
            _inside(state["depth"], state["layer"])
        return proposal.value
