"""What shows the sentences of chapter 11."""

from fractions import Fraction

import numpy as np

from resnotes.book.statements.places import settings
from resnotes.book.statements.statement import Grounds
from resnotes.precision import round_to

#: Format -> its unit roundoff u, its smallest number eta, its smallest normal and its largest number.
FORMATS = {
    "float16": (2.0**-11, 2.0**-24, 2.0**-14, 65504.0),
    "bfloat16": (2.0**-8, 2.0**-133, 2.0**-126, (2 - 2.0**-7) * 2.0**127),
}


def fl(t, dtype):
    return float(round_to(t, dtype))


def unit(s):
    return FORMATS[s.format][0]


def eta(s):
    return FORMATS[s.format][1]


def numbers(dtype):
    u, least, normal, most = FORMATS[dtype]
    steps = np.arange(0, 64) / 61
    return [
        *(1 + steps),
        1 + u,
        1 + 2 * u,
        1 + 3 * u,
        1 - u / 2,
        *(normal * (1 + steps)),
        *(least * (1 + 7 * steps)),
        most,
        8 * most,
    ]


ROUNDED = settings(*({"format": dtype, "t": float(t)} for dtype in FORMATS for t in numbers(dtype)))


def error(s):
    return abs(Fraction(fl(s.t, s.format)) - Fraction(s.t)) if np.isfinite(fl(s.t, s.format)) else np.inf


def relative(s, share):
    return error(s) <= share * Fraction(s.t)


def normal(s):
    return FORMATS[s.format][2] <= abs(s.t) <= FORMATS[s.format][3]


def equality(s, multiple):
    u = unit(s)
    return s.t != 1 + multiple * u or error(s) == Fraction(s.t) * Fraction(u) / (1 + Fraction(u))


#: Factors, those of the format and some that are not; from 1, or from a start below where powers rest.
POWERS = settings(
    *(
        {"factor": factor, "start": start, "way": way, "subnormal": kept}
        for factor in (0.0, 0.25, 0.5, 0.625, 0.75, 0.875, 0.9375, 5 / 6, 0.9, 1 - 2.0**-9, 0.50048828125)
        for start, way, kept in (
            (1.0, "step by step", "kept"), (2.0**-24, "step by step", "kept"), (1.0, "at the end", "kept"), (1.0, "step by step", "replaced by zero")
        )
    )
)  # fmt: skip


def rests(s, most=12_000):
    """Where float16 powers rest, in units of the smallest number."""
    value = s.start
    if s.way == "at the end":
        return fl(s.factor**4000, "float16") / 2.0**-24
    for _ in range(most):
        new = fl(value * s.factor, "float16")
        if s.subnormal != "kept" and new < 2.0**-14:
            new = 0.0
        if new == value:
            break
        value = new
    return value / 2.0**-24


def floor(s):
    return Fraction(1) / (2 - 2 * Fraction(s.factor)) // 1 if s.factor < 1 else None


def of_format(s):
    return fl(s.factor, "float16") == s.factor


def half_to_one(s):
    return 0.5 < s.factor < 1


NORMAL_START = {
    "format": of_format,
    "start": lambda s: s.start == 1 and s.way == "step by step" and s.subnormal == "kept",
}
IN_ORDER = settings(*(vars(s) for s in POWERS.candidates() if s.way == "step by step" and s.subnormal == "kept"))
FROM_ONE = settings(*(vars(s) for s in POWERS.candidates() if s.start == 1))

#: A state and a branch of a fraction of it, with either sign.
SUMS = settings(
    *(
        {"format": dtype, "x": float(x), "part": part * sign}
        for dtype, (u, least, small, _) in FORMATS.items()
        for x in (1.0, 1 + 2 * u, 1.5, 2 - 2 * u, 1 + u / 4, small, 3 * least)
        for part in (0.0, u / 4, u / 2, 0.75 * u, u, 1.01 * u, 2 * u)
        for sign in (1, -1)
    )
)


def lost(s):
    return fl(s.x + s.part * s.x, s.format) == s.x


def normal_state(s):
    return fl(s.x, s.format) == s.x and s.x >= FORMATS[s.format][2]


FACTORS = settings(
    *(
        {"format": dtype, "factor": factor}
        for dtype in ("bfloat16", "float16")
        for factor in (1 - 2.0**-9, 1 - 2.0**-10, 1 + 2.0**-8, 1 + 2.0**-9, 1.0, 0.999, 1.001, 0.99, 1.01, 1 - 0.75 * 2.0**-8)
    )
)  # fmt: skip
#: Branches of 1/L of the state, with its sign or against it; by length alone, one entry has all of it.
DEPTHS = settings(
    *(
        {"format": dtype, "sign": sign, "L": L, "how": how, "rounded": rounded}
        for dtype in ("bfloat16", "float16")
        for sign in (1, -1)
        for L in (128, 256, 510, 511, 512, 513, 700, 1024)
        for how in ("entry by entry", "in length")
        for rounded in (False, True)
    )
)


def all_lost(s):
    """For every significand of the state; a branch of that length alone may put all of it on one of 64 equal entries."""
    u = FORMATS[s.format][0]
    x = 1 + 2 * u * np.arange(0, int(0.5 / u))
    part = s.sign * x / s.L * (8.0 if s.how == "in length" else 1.0)
    if s.rounded:
        part = round_to(part, s.format)
    return bool(np.all(round_to(x + part, s.format) == x))


def from_on(s, first, sign):
    """Whether all are lost from this number on and not before."""
    return s.sign != sign or all_lost(s) == (s.L >= first)


RATIO = settings(scale=(1.0, 2.0**10, 2.0**15))


def fit(scale, ratio):
    """Whether two gradients of this ratio are both normal float16 numbers at some power of two as scale."""
    return any(2.0**-14 <= scale * g and scale * g * ratio <= 65504 for g in 2.0 ** np.arange(-60.0, 20.0))


#: What torch.autocast does with each: its lists, and what is on none.
AUTOCAST = {
    "weights": "float32", "losses": "float32",
    "the sums of units": "as they come", "a product entry by entry": "as they come", "the state": "as it comes", "the loss scale": "an object of its own", "the depth": "nothing",
}  # fmt: skip


def on_lists(*names):
    return all(AUTOCAST[name] == "float32" for name in names)


TABLE = settings(autocast=("its lists",))

# Rows of the table of what autocast does.

UPDATES = settings(
    format=("float32", "bfloat16"), weight=(1.0, 1.5, 2 - 2.0**-7), part=(2.0**-27, 2.0**-25, 2.0**-24 * 1.01, 2.0**-10, 0.1)
)  # fmt: skip
TINY = settings(g=(1e-6, 1e-9, 1e-30))
GATES = settings(factor=(1 - 2.0**-12, 1 + 2.0**-11), gate=("bfloat16", "float32"), state=("bfloat16", "float32"))
ADDED = settings(state=("float32", "bfloat16"), branch=("float32", "bfloat16"))


def written(s):
    """Whether an update changes its weight."""
    return fl(s.weight + s.part * s.weight, s.format) != s.weight


def passes(s):
    """Whether a gate changes what it multiplies, where gate, state and product have one number of digits each."""
    made = "float32" if (s.gate, s.state) == ("float32", "float32") else "bfloat16"
    return fl(fl(s.factor, s.gate) * 1.5, made) != 1.5


def wider(s):
    """The format of a sum: that of its inputs, the wider one where they differ."""
    return "float32" if "float32" in (s.state, s.branch) else "bfloat16"


ROWS = {
    "precision-row-update": Grounds(
        UPDATES,
        {"nothing": written},
        {"weight": lambda s: s.format == "float32", "more": lambda s: s.part > 2.0**-24},
        {"weight": lambda s: s.format == "bfloat16", "more": lambda s: s.part > 2.0**-26},
    ),
    "precision-row-scale": Grounds(
        TINY,
        {
            "loses": lambda s: s.g > 1e-8 or fl(s.g, "float16") == 0,
            "scales": lambda s: fl(s.g * 2.0**10, "float16") > 0 or s.g < 2.0**-34,
            "range": lambda s: FORMATS["bfloat16"][2] == 2.0**-126 and fl(s.g, "bfloat16") > 0,
        },
        false={
            "loses": lambda s: fl(s.g, "float16") > 0,
            "scales": lambda s: np.isfinite(fl(s.g * 2.0**100, "float16")),
            "range": lambda s: FORMATS["bfloat16"][2] == FORMATS["float16"][2],
        },
    ),
    "precision-row-factor": Grounds(
        GATES,
        {
            "stored": lambda s: fl(s.factor, "bfloat16") == 1,
            "list": lambda s: AUTOCAST["a product entry by entry"] == "as they come",
            "keep": lambda s: "bfloat16" in (s.gate, s.state) or passes(s),
        },
        false={
            "stored": lambda s: fl(s.factor, "bfloat16") != 1,
            "list": lambda s: AUTOCAST["a product entry by entry"] == "float32",
            "keep": lambda s: s.gate == "bfloat16" or passes(s),
        },
    ),
    "precision-row-branch": (
        Grounds(
            ADDED,
            {"sum": lambda s: wider(s) == "float32"},
            {"state": lambda s: s.state == "float32"},
            {"state": lambda s: True, "sum": lambda s: wider(s) == "bfloat16"},
        ),
        Grounds(
            ADDED,
            {
                "list": lambda s: AUTOCAST["the sums of units"] == "as they come",
                "sixteen": lambda s: "float32" in (s.state, s.branch) or wider(s) == "bfloat16",
            },
            false={
                "list": lambda s: AUTOCAST["the sums of units"] == "float32",
                "sixteen": lambda s: "float32" in (s.state, s.branch) or wider(s) == "float32",
            },
        ),
    ),
    "precision-row-depth": Grounds(
        settings(scale=(1.0, 2.0**10, 2.0**15), ratio=(1e-4, 1.0, 1e4)),
        {"alike": lambda s: s.scale * s.ratio / s.scale == s.ratio},
        false={"alike": lambda s: abs(np.log(s.scale * s.ratio / s.scale)) < abs(np.log(s.ratio))},
    ),
}

GROUNDS = {
    "prop-one-rounding": Grounds(
        ROUNDED,
        {"bound": lambda s: relative(s, (u := Fraction(unit(s))) / (1 + u)), "equality": lambda s: equality(s, 1)},
        {"normal": normal},
        {"bound": lambda s: relative(s, (u := Fraction(unit(s))) / (1 + u) / 2), "equality": lambda s: equality(s, 2)},
    ),
    "prop-stall": Grounds(
        IN_ORDER,
        {
            "zero": lambda s: s.factor > 0.5 or rests(s) == 0,
            "rest": lambda s: not half_to_one(s) or rests(s) == floor(s),
        },
        NORMAL_START,
        {"zero": lambda s: rests(s) == 0, "rest": lambda s: not half_to_one(s) or rests(s) == 1},
    ),
    "prop-lost": Grounds(
        SUMS,
        {
            "lost": lambda s: abs(s.part) > unit(s) / 2 or lost(s),
            "never": lambda s: abs(s.part) <= unit(s) or not lost(s),
        },
        {"normal": normal_state},
        {
            "lost": lambda s: abs(s.part) > unit(s) or lost(s),
            "never": lambda s: abs(s.part) <= unit(s) / 2 or not lost(s),
        },
    ),
    "precision-remember-error": (
        Grounds(
            ROUNDED,
            {"relative": lambda s: relative(s, Fraction(unit(s)))},
            {"normal": normal},
            {"relative": lambda s: relative(s, Fraction(unit(s)) / 2)},
        ),
        Grounds(
            ROUNDED,
            {"below": lambda s: s.t >= FORMATS[s.format][2] or error(s) <= Fraction(eta(s)) / 2},
            false={"below": lambda s: s.t >= FORMATS[s.format][2] or error(s) <= Fraction(eta(s)) / 4},
        ),
    ),
    "precision-remember-one": Grounds(
        FACTORS,
        {
            "one": lambda s: not 1 - 2.0**-9 <= s.factor <= 1 + 2.0**-8 or fl(s.factor, s.format) == 1,
            "nothing": lambda s: s.factor not in (0.999, 1.001) or fl(s.factor, s.format) == 1,
        },
        {"format": lambda s: s.format == "bfloat16"},
        {
            "one": lambda s: not 1 - 2.0**-8 <= s.factor <= 1 + 2.0**-8 or fl(s.factor, s.format) == 1,
            "nothing": lambda s: s.factor not in (0.99, 1.01) or fl(s.factor, s.format) == 1,
        },
    ),
    "precision-remember-rest": Grounds(
        FROM_ONE,
        {"never": lambda s: rests(s) > 0, "rest": lambda s: rests(s) == floor(s)},
        {
            "stepwise": lambda s: s.way == "step by step",
            "format": lambda s: of_format(s) and half_to_one(s),
            "kept": lambda s: s.subnormal == "kept",
        },
        {"rest": lambda s: rests(s) == 1, "format": lambda s: 0 < s.factor < 1},
    ),
    "precision-remember-lost": (
        Grounds(
            settings(*(vars(s) for s in SUMS.candidates() if normal_state(s))),
            {"lost": lost},
            {"half": lambda s: abs(s.part) <= unit(s) / 2},
            {"half": lambda s: abs(s.part) <= unit(s)},
        ),
        Grounds(
            DEPTHS,
            {"from": lambda s: from_on(s, 512, -1), "sign": lambda s: from_on(s, 511, 1)},
            {
                "format": lambda s: s.format == "bfloat16",
                "entry": lambda s: s.how == "entry by entry",
                "exact": lambda s: not s.rounded,
            },
            {"from": lambda s: from_on(s, 511, -1), "sign": lambda s: from_on(s, 512, 1)},
        ),
    ),
    "precision-remember-scaling": Grounds(
        RATIO,
        {
            "one": lambda s: fit(s.scale, 2.0**29) and not fit(s.scale, 2.0**30),
            "room": lambda s: fit(1.0, 65504 * 2.0**14) and 0.99 * 2.0**30 < 65504 * 2.0**14 < 2.0**30,
        },
        false={"one": lambda s: fit(s.scale, 2.0**31) == (s.scale > 1), "room": lambda s: fit(1.0, 2.0**40)},
    ),
    "precision-remember-autocast": Grounds(
        TABLE,
        {
            "keeps": lambda s: on_lists("weights", "losses"),
            "leaves": lambda s: not any(on_lists(name) for name in ("the state", "the loss scale", "the depth")),
        },
        false={
            "keeps": lambda s: on_lists("the sums of units"),
            "leaves": lambda s: all(on_lists(name) for name in AUTOCAST),
        },
    ),
    **ROWS,
}
