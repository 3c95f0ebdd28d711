"""Mixing of streams: what the product of many mixing matrices keeps of their mean and of their differences.

What is computed, said and drawn of it stands in mixing.js; here are the traits and their checks.
"""

from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, style, whole_between

MAX_ROUNDS, MAX_DEPTH = 20, 200
#: What the identity is mixed with: matrices of random positive numbers, or random permutations.
KINDS = ("positive", "permutation")


class Mixing(Explorer):
    """Explorer: four streams that units mix, equation ``depths-streams`` without the branches.

    H_l is c I + (1 - c) R_l after some rounds of Sinkhorn's scaling, each of the rows first and then of the columns.
    Shown are the largest row sum of H_{l-1} ... H_0 (what a state can become), its largest column sum (what a gradient can
    become), and what is left of differences between the streams. Every trait can be set, observed and linked.

    Parameters
    ----------
    kind : str
        What R_l is: "positive", exponentials of normal numbers, by default; or "permutation".
    rounds : int, from 0 to 20
        Rounds of Sinkhorn's scaling; 1 by default.
    near : float, from 0 to 1
        c, how near each mixing is to the identity; 0 by default.
    depth : int, from 1 to 200
        The number of units; 50 by default.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Mixing
    >>> Mixing(rounds=20)
    Mixing(kind='positive', rounds=20, near=0.0, depth=50)
    """

    name = "mixing"
    state_names = ("kind", "rounds", "near", "depth")
    _esm = bundle("mixing")
    _css = style("mixing")

    kind = Checked(one_of(KINDS), "positive")
    rounds = Checked(whole_between(0, MAX_ROUNDS), 1)
    near = Checked(number_between(0, 1), 0.0)
    depth = Checked(whole_between(1, MAX_DEPTH), 50)
