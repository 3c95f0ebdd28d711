"""The merge point."""

import itertools
import random

from resnotes.explorers import MergePoint

from .case import Case

PROJECTION = {"shortcut": "projection", "n_in": 2, "n_out": 3}


def settings(draws=3, seed=4):
    """Every shortcut in every pair of widths that it joins, with and without the stop, with some numbers."""
    draw = random.Random(seed)
    for n_in, n_out, shortcut in itertools.product(range(1, 6), range(1, 6), ("identity", "zeros", "projection")):
        if (shortcut == "identity" and n_in != n_out) or (shortcut == "zeros" and n_out < n_in):
            continue
        for stop, k in itertools.product([False, True], range(draws)):
            # whole numbers, then tenths, then anything
            first = {key: draw.uniform(-9, 9) for key in ("o1", "g1", "s11", "w")}
            first = {key: round(value, k) if k < 2 else value for key, value in first.items()}
            yield {"n_in": n_in, "n_out": n_out, "shortcut": shortcut, "stop": stop, **first}


CASE = Case(
    explorer=MergePoint,
    chapter="03_merge_point",
    grid=list(settings()),
    extremes=[
        ({}, "Over the zero-padding o gets (1, −1): of 4 entries 2 are clipped. The branch sends (−1, −2)"),
        (PROJECTION, "Over Wₛ, 3 by 2, o gets g Wₛ = (−1, 7)"),
        ({**PROJECTION, "stop": True}, "Wₛ still has a gradient of its own, 3 by 2"),
        ({"w": 0.0}, "The branch sends (0, 0), so o gets (1, −1). Nudging o finds the same"),
        ({"o1": -2.0}, "a ReLU stands at its kink"),
        ({"shortcut": "zeros", "n_in": 3, "n_out": 3}, "nothing is clipped, since the widths agree"),
        (
            {
                "shortcut": "projection",
                "n_in": 5,
                "n_out": 5,
                **dict.fromkeys(("o1", "g1", "s11", "w"), 100.0),
            },
            "Wₛ has a gradient of its own, 5 by 5",
        ),
    ],
    refused=[
        ({"n_in": 6, "n_out": 4}, "n_in"),
        ({"n_out": 2.5, "n_in": 2}, "n_out"),
        ({"shortcut": "conv", "n_in": 2, "n_out": 4}, "shortcut"),
        ({"shortcut": "identity", "n_in": 2, "n_out": 4}, "n_out"),
        ({"shortcut": "zeros", "n_in": 4, "n_out": 3}, "n_out"),
        ({"o1": 101.0}, "o1"),
        ({"stop": 3}, "stop"),
    ],
    largest={"shortcut": "projection", "n_in": 5, "n_out": 5},
    wrong=("H[0][0] = state.s11", "H[0][0] = state.s11 + 1e-9"),
    own=lambda: MergePoint(Ws=[[1, 0.5], [2, -1], [0, 3]], o=[3, -2], g=[1, -1, 0.25]),
)
