"""It trains, or it does not: a small residual network that learns the digits on the page, and another beside it.

What is computed, said and drawn of it stands in training.js, the training itself in trainer.js; here are the traits and
their checks, and the data that travel with the page (tools/training_data.py writes both files).
"""

import json
from base64 import b64encode

from resnotes import _validate
from resnotes.explorers._base import FILES, Checked, Explorer, bundle, number_between, one_of, style, whole_between

SCALES = ("one", "root", "skipinit")
OTHERS = ("none", "identity", "absent", "root", "one", "place")
PLACES = ("before", "after")
RATES = (1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 1.0)
SEEDS = 10

#: The digits, deflated, in base 64: 1437 images to learn from and 360 to test on, a byte a pixel, then all labels.
DIGITS = b64encode(FILES.joinpath("digits.bin").read_bytes()).decode("ascii")
#: The runs of the state that the page opens on, as trainer.js makes them: {"state", "runs"}.
OPENING = json.loads(FILES.joinpath("training.json").read_text(encoding="utf-8"))


def _stored(held, file):
    def check(value, name):
        if value != held:
            _validate.refuse(name, _validate.describe(value), f"what {file} holds")
        return value

    return check


class Training(Explorer):
    """Explorer: train a residual network on handwritten digits, and beside it one that differs in one thing.

    Both start from the same random numbers and see the same images: width 32, 64 images a step, 60 steps of plain
    gradient descent, in float64, as `resnotes.training.train` makes them. Every trait can be set, observed and linked.

    Parameters
    ----------
    shortcut : float, from 0 to 1.2
        λ, the factor of every shortcut; 0.9 by default.
    depth : int, from 4 to 100
        L, the number of units; 50 by default.
    scale : str
        Of the branches: "one", "root" (1/√L, the default) or "skipinit" (0 at first, and learned).
    beside : str
        What stands beside it: "none", or the same network with λ = 1 ("identity", the default), with λ = 0
        ("absent"), with branches of another scale ("root", "one"), or with its ReLU in the other "place".
    place : str
        Of the ReLU: "before" (in the branch alone, the default) or "after" the addition.
    rate : float
        The learning rate: 0.00001, 0.0001, 0.001, 0.01, 0.05 (the default), 0.2 or 1.
    seed : int, from 0 to 9
        Of the weights and of the order of the images.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Training
    >>> Training(depth=100, beside="none")
    Training(shortcut=0.9, depth=100, scale='root', beside='none', place='before', rate=0.05, seed=0)
    """

    name = "training"
    state_names = ("shortcut", "depth", "scale", "beside", "place", "rate", "seed")
    carried = ("digits", "opening")
    _esm = bundle("training")
    _css = style("training")

    shortcut = Checked(number_between(0, 1.2), 0.9)
    depth = Checked(whole_between(4, 100), 50)
    scale = Checked(one_of(SCALES), "root")
    beside = Checked(one_of(OTHERS), "identity")
    place = Checked(one_of(PLACES), "before")
    rate = Checked(one_of(RATES), 0.05)
    seed = Checked(whole_between(0, SEEDS - 1), 0)
    digits = Checked(_stored(DIGITS, "digits.bin"), DIGITS)
    opening = Checked(_stored(OPENING, "training.json"), OPENING)
