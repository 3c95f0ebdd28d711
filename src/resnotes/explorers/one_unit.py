"""One residual unit with two numbers a state: what the ReLU after the addition leaves of what the shortcut brought.

What is computed, said and drawn of it stands in one_unit.js; here are the traits and their checks.
"""

from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, style

LARGEST = 10
PLACEMENTS = ("after", "before")

_number = number_between(-LARGEST, LARGEST)


class OneUnit(Explorer):
    """Explorer: the second unit of chapter 1's network, y = x + r F(x), with its ReLU after or before.

    F has the weights ``[[1, 2], [-1, 1]]`` and ``[[-2, 1], [1, 1]]``, and no biases. With the ReLU after the
    addition, as in He et al. (2015), the branch is [Affine, relu, Affine] and the new state is ReLU(y). With it
    before each layer, as in He et al. (2016), the branch is [relu, Affine, relu, Affine] and the new state is y.
    Every trait can be set, observed and linked.

    Parameters
    ----------
    x1, x2 : float, from -10 to 10
        The entries of the state that enters; 3 and 0 by default.
    r : float, from -10 to 10
        What the branch is multiplied by; 1 by default.
    placement : str
        Where the ReLU stands: "after" (the default) or "before".

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import OneUnit
    >>> OneUnit(r=0.5)
    OneUnit(x1=3.0, x2=0.0, r=0.5, placement='after')
    """

    name = "one_unit"
    state_names = ("x1", "x2", "r", "placement")
    _esm = bundle("one_unit")
    _css = style("one_unit")

    x1 = Checked(_number, 3.0)
    x2 = Checked(_number, 0.0)
    r = Checked(_number, 1.0)
    placement = Checked(one_of(PLACEMENTS), "after")
