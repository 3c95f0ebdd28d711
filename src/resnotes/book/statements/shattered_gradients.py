"""What shows the sentences of chapter 10."""

from functools import cache
from math import cos, log, pi

import numpy as np

from resnotes.book.statements.places import close, settings
from resnotes.book.statements.statement import Grounds
from resnotes.initialisation import expected_gain
from resnotes.shattered import coactive_correlation, next_angle, next_centred_angle

TAU = 1 - 1 / pi


@cache
def correlations(lam, beta, start, masks, depth):
    """Angles and correlations after each unit of a wide network; beta is a number, or "1/(l + 1)", or "1/sqrt(L)"."""
    angle, correlation, found = start, 1.0, [(start, 1.0)]
    for l in range(depth):
        b = {"1/(l + 1)": 1 / (l + 1), "1/sqrt(L)": depth**-0.5}.get(beta, beta)
        p = (pi - angle) / (2 * pi) if masks == "by the angle" else 0.25
        correlation *= (lam**2 + 2 * p * b**2) / (lam**2 + b**2)
        angle = next_angle(angle, lam, b)
        found.append((angle, correlation))
    return found


def power(s, short=1000, deep=4000):
    found = correlations(s.lam, s.beta, s.start, s.masks, deep)
    return log(max(found[deep][1], 1e-300) / max(found[short][1], 1e-300)) / log(deep / short)


CUBIC = settings(
    *(
        {"lam": lam, "beta": beta, "start": start, "masks": masks}
        for masks in ("by the angle", "independent")
        for lam, beta, start in ((0.0, 1.0, 1.5), (1.0, 1.0, 1.5), (2.0, 1.0, 3.0), (1.0, 1.0, 0.0), (0.0, 1.0, pi), (1.0, "1/(l + 1)", 1.5))
    )
)  # fmt: skip


def by_masks(s):
    """Correlation of two units lam + beta w m, with masks m and m' for two inputs and w of 1 or -1, all written out."""
    joint = {(1, 1): s.p, (1, 0): s.each - s.p, (0, 1): s.each - s.p, (0, 0): 1 - 2 * s.each + s.p}

    def over_weights(masks):
        """Mean product and mean square of what one unit multiplies by."""
        pairs = [(masks if not s.dependent else ((w > 0) * masks[0] * 2, masks[1])) for w in (1.0, -1.0)]
        units = [[s.lam + s.beta * w * m for m in pair] for w, pair in zip((1.0, -1.0), pairs, strict=True)]
        return np.mean([[one * other, one**2] for one, other in units], axis=0)

    each = {masks: over_weights(masks) for masks in joint}
    if s.repeated:  # both units have the same masks
        products, squares = sum(joint[masks] * each[masks] ** 2 for masks in joint)
    else:
        products, squares = sum(joint[masks] * each[masks] for masks in joint) ** 2
    return products / squares


MASKS = settings(
    p=(0.25, 0.5, 0.1),
    each=(0.5, 0.6),
    dependent=(False, True),
    repeated=(False, True),
    lam=(1.0, 0.0),
    beta=(1.0, 0.5),
)


def mask_law(s, factor=2):
    one = (s.lam**2 + factor * s.p * 0.5 * s.beta**2) / (s.lam**2 + 0.5 * s.beta**2)
    return close(by_masks(s), one**2)


QUARTER = settings(L=(1, 2, 10), p=(0.25, 0.4), beta=(1.0, 0.5))


def quarter(s, lam, base):
    return close(coactive_correlation(s.L, lam, s.beta, 1.0, s.p), base**s.L)


SPREAD = settings(lam=(1.0, 0.0), p=(0.25, 0.4))


def spread_power(s, growth):
    deep, short = (coactive_correlation(L, s.lam, (1 + growth * np.arange(L)) ** -0.5, 1.0, s.p) for L in (8000, 2000))
    return log(deep / short) / log(4) if deep > 0 else -np.inf


NEAR = settings(start=(0.001, 0.01, 1.0), kind=("centred", "not centred"), skip=(0, 1))


def grown(s, layers=1):
    """By which 1 - cos grows; with identity skips the branch's share of the state is that behind a normalisation."""
    cosine = cos(s.start)
    for l in range(layers):
        angle = float(np.arccos(np.clip(cosine, -1, 1)))
        inside = next_centred_angle(angle) if s.kind == "centred" else next_angle(angle, 0.0)
        share = TAU / (1 + TAU * (l + 1)) if s.skip else 1.0
        cosine = (1 - share) * cosine + share * cos(inside)
    return (1 - cosine) / (1 - cos(s.start))


def alike(s):
    """Whether two states at a right angle end up closer than at the start."""
    angle, depth = s.start, 200
    beta = 1.0 if s.beta == 1 else depth**-0.5
    for _ in range(depth):
        angle = next_angle(angle, s.lam, beta) if s.norm == "none" else next_centred_angle(angle)
    return angle < 0.2


STATES = settings(
    norm=("none", "centred"), lam=(0.0, 1.0), masks=("by the angle", "independent"), beta=(1.0, "1/sqrt(L)"),
    start=(pi / 2, 0.0),
)  # fmt: skip


def plain_power(s):
    if s.norm != "none":
        return -np.inf
    deep, short = (correlations(s.lam, s.beta, s.start, s.masks, depth)[-1][1] for depth in (4000, 1000))
    return log(max(deep, 1e-300) / max(short, 1e-300)) / log(4)


ROOT = settings(
    depth=(200, 1000), lam=(1.0, 0.0), beta=("1/sqrt(L)", 1.0), masks=("by the angle", "independent"), kappa=(1.0, 2.0)
)


def kept(s, least=0.63):
    beta = s.depth**-0.5 if s.beta == "1/sqrt(L)" else s.beta
    got = correlations(s.lam, beta * s.kappa**0.5, pi / 2, s.masks, s.depth)[-1][1]  # the law has kappa beta^2
    return abs(got - least) < 0.01


EQUAL = {
    "equal": lambda s: not isinstance(s.beta, str),
    "angle": lambda s: 0 < s.start < pi,
    "laws": lambda s: s.masks == "by the angle",
}

# Rows of the table. The powers are those of wide networks, by the laws of the chapter.

PLAIN = settings(lam=(0.0, 1.0), p=(0.25, 0.4), L=(1, 3, 10))
FACTOR = settings(lam=(1.0, 0.0), beta=(0.1, 0.2, 1.0), tau=(1.0, TAU))


def halves(s, base):
    return close(coactive_correlation(s.L, s.lam, 1.0, 1.0, s.p), base**s.L)


def free_power(lam):
    found = correlations(lam, 1.0, pi / 2, "by the angle", 4000)
    return log(found[4000][1] / found[1000][1]) / log(4)


def divided(s, L):
    """Correlation behind a normalisation that divides by 1 + tau beta^2 l, with independent masks."""
    return coactive_correlation(L, s.lam, (s.beta**-2.0 + s.tau * np.arange(L)) ** -0.5)


def theirs(s, beta=None):
    """Whether it is 1/(beta sqrt(L)) to a per cent where the depth is large beside 1/beta^2."""
    L = 40_000
    return abs(divided(s, L) * (beta or s.beta) * L**0.5 - 1) < 0.02


def own_power(s, want):
    if s.tau == 1 or s.lam != 1:
        return True
    return abs(log(divided(s, 80_000) / divided(s, 20_000)) / log(4) - want) < 0.02


def without_normalisation(lam, false):
    """The correlation's power of the depth in wide networks is -3, and not another one."""
    return Grounds(
        settings(lam=(lam,), wide=(True,)),
        {"without": lambda s: abs(free_power(s.lam) + 3) < 0.15},
        {"wide": lambda s: s.wide},
        {"without": lambda s: abs(free_power(s.lam) - false) < 0.15},
    )


TABLE = {
    "shattered-row-plain": (
        Grounds(
            PLAIN,
            {"theirs": lambda s: halves(s, 1 / 2)},
            {"plain": lambda s: s.lam == 0, "quarter": lambda s: s.p == 0.25},
            {"theirs": lambda s: halves(s, 1 / 3)},
        ),
        without_normalisation(0.0, false=-2),
    ),
    "shattered-row-identity": (
        Grounds(
            PLAIN,
            {"quarters": lambda s: halves(s, 3 / 4)},
            {"identity": lambda s: s.lam == 1, "centred": lambda s: s.p == 0.25},
            {"quarters": lambda s: halves(s, 1 / 2)},
        ),
        without_normalisation(1.0, false=-0.5),
    ),
    "shattered-row-batch": (
        Grounds(
            FACTOR,
            {"theirs": theirs},
            {"identity": lambda s: s.lam == 1, "small": lambda s: s.beta < 0.5, "spread": lambda s: s.tau == 1},
            {"theirs": lambda s: theirs(s, 1.0)},
        ),
        Grounds(FACTOR, {"batch": lambda s: own_power(s, -0.73)}, false={"batch": lambda s: own_power(s, -0.5)}),
    ),
}

GROUNDS = {
    "prop-shattered-cubic": Grounds(
        CUBIC,
        {"falls": lambda s: abs(power(s) + 3) < 0.15, "every": lambda s: abs(power(s) + 3) < 0.15},
        EQUAL,
        {"falls": lambda s: abs(power(s) + 2) < 0.15, "every": lambda s: (abs(power(s) + 3) < 0.15) == (s.lam == 0)},
    ),
    "shattered-remember-word": Grounds(
        settings(L=(5, 20)),
        {
            "lose": lambda s: coactive_correlation(s.L, 0.0) < 0.05,
            "small": lambda s: coactive_correlation(s.L, 0.0) < 0.05 and expected_gain(s.L, 0.0, 1.0, 1.0) == 1,
        },
        false={
            "lose": lambda s: coactive_correlation(s.L, 0.0) > 0.95,
            "small": lambda s: expected_gain(s.L, 0.0, 1.0, 1.0) < 0.05,
        },
    ),
    "shattered-remember-law": Grounds(
        MASKS,
        {"law": mask_law},
        {
            "each": lambda s: s.each == 0.5,
            "both": lambda s: True,
            "independent": lambda s: not s.dependent,
            "units": lambda s: not s.repeated,
        },
        {"law": lambda s: mask_law(s, 1)},
    ),
    "shattered-remember-quarter": Grounds(
        QUARTER,
        {"plain": lambda s: quarter(s, 0.0, 1 / 2), "identity": lambda s: quarter(s, 1.0, 3 / 4)},
        {"masks": lambda s: s.p == 0.25, "strength": lambda s: s.beta == 1},
        {"plain": lambda s: quarter(s, 0.0, 3 / 4), "identity": lambda s: quarter(s, 1.0, 2 / 3)},
    ),
    "shattered-remember-spread": Grounds(
        SPREAD,
        {
            "inputs": lambda s: abs(spread_power(s, 1.0) + 0.5) < 0.02,
            "batch": lambda s: abs(spread_power(s, TAU) + 0.73) < 0.02,
        },
        {"identity": lambda s: s.lam == 1, "masks": lambda s: s.p == 0.25},
        {
            "inputs": lambda s: abs(spread_power(s, 1.0) + 1) < 0.02,
            "batch": lambda s: abs(spread_power(s, TAU) + 0.5) < 0.02,
        },
    ),
    "shattered-remember-neighbours": (
        Grounds(
            NEAR,
            {"factor": lambda s: abs(grown(s) / (pi / (pi - 1)) - 1) < 0.02},
            {"centred": lambda s: s.kind == "centred", "plain": lambda s: not s.skip, "small": lambda s: s.start < 0.1},
            {"factor": lambda s: abs(grown(s) / pi - 1) < 0.02},
        ),
        Grounds(
            NEAR,
            {"strangers": lambda s: s.skip or s.start > 0.1 or grown(s, 60) * (1 - cos(s.start)) > 0.5},
            {"centred": lambda s: s.kind == "centred"},
            {"strangers": lambda s: grown(s, 60) * (1 - cos(s.start)) < 0.5},
        ),
        Grounds(
            NEAR,
            {"power": lambda s: not s.skip or s.start > 0.1 or 1.2 < grown(s, 400) / grown(s, 100) < 8},
            {"centred": lambda s: s.kind == "centred"},
            {"power": lambda s: not s.skip or grown(s, 400) / grown(s, 100) < 1.2},
        ),
    ),
    "shattered-remember-alike": (
        Grounds(
            STATES,
            {"alike": alike},
            {"none": lambda s: s.norm == "none", "equal": lambda s: s.beta == 1},
            {"alike": lambda s: not alike(s)},
        ),
        Grounds(
            STATES,
            {"cubic": lambda s: abs(plain_power(s) + 3) < 0.15},
            {
                "none": lambda s: s.norm == "none",
                "equal": lambda s: s.beta == 1,
                "wide": lambda s: s.masks == "by the angle",
                "multiple": lambda s: 0 < s.start < pi,
            },
            {"cubic": lambda s: abs(plain_power(s) + 1) < 0.15},
        ),
    ),
    "shattered-remember-root": Grounds(
        ROOT,
        {"keep": kept},
        {
            "wide": lambda s: s.masks == "by the angle",
            "identity": lambda s: s.lam == 1,
            "root": lambda s: s.beta == "1/sqrt(L)",
            "strength": lambda s: s.kappa == 1,
        },
        {"keep": lambda s: kept(s, 0.73)},
    ),
    **TABLE,
}
