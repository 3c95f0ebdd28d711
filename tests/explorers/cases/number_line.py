"""A number line."""

import itertools
import math
from fractions import Fraction

import numpy as np

from resnotes.explorers import NumberLine, number_line
from resnotes.magnitudes import FORMATS, range_limits, shortcut_product
from resnotes.precision import round_to, step_by_step

from .case import Case


def nearest(exact, name):
    """The nearest number of the format to an exact fraction, ties to even; infinite beyond the largest."""
    form = FORMATS[name]
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    exponent -= exact < Fraction(2) ** exponent
    step = Fraction(2) ** (max(exponent, form.lowest) - form.precision + 1)
    found = float(round(exact / step) * step)
    return found if found <= form.max else math.inf


def faults(state, found):
    """Step by step and stored by `resnotes.precision`, once by exact fractions and `range_limits`, logs by `shortcut_product`."""
    name, factor, depth, scale = state["format"], state["factor"], state["depth"], state["scale"]
    lines = []
    found = {
        key: np.array(values, dtype=float) for key, values in found.items()
    }  # JSON has large ones as whole numbers
    steps = step_by_step([factor] * depth, name, start=2.0**scale)
    steps = np.where(np.isnan(steps), np.inf, steps)  # in the format without infinity
    if found["held"] != float(round_to(factor, name)) or not np.array_equal(found["steps"], steps):
        lines.append(f"{state}: step by step {found['steps'][-3:]}, wanted {steps[-3:]}")
    for n in sorted({0, 1, depth // 3, depth // 2, depth - 1, depth}):
        once = nearest(Fraction(factor) ** n * 2**scale, name)
        log2 = shortcut_product([factor] * n + [2.0] * scale).log10 / math.log10(2)
        if found["once"][n] != once or not math.isclose(found["exact"][n], log2, rel_tol=1e-12, abs_tol=1e-12):
            lines.append(f"{state}: after {n}: {found['once'][n]}, {found['exact'][n]}, wanted {once}, {log2}")
    if scale == 0:
        limits, once = range_limits(factor, name), found["once"]
        for gone, where in ((limits.zero, once == 0), (limits.overflow, np.isinf(once))):
            first = int(np.argmax(where)) if where.any() else None
            if first != (gone if gone is not None and gone <= depth else None):
                lines.append(f"{state}: gone at {first}, wanted {gone}")
    return lines


STATES = [
    {"format": name, "factor": factor, "depth": depth, "scale": scale}
    for factor, name, depth, scale in itertools.product(
        (0.3, 0.5, 0.501, 0.6, 0.75, 0.9, 0.97, 0.999, 1.0, 1.001, 1.02, 1.2),
        number_line.FORMATS,
        (1, 40, 300),
        (0, 10, 24),
    )
]

CASE = Case(
    explorer=NumberLine,
    chapter="11_finite_precision",
    grid=[
        STATES[k] for k in np.random.default_rng(0).permutation(len(STATES))
    ],  # so that a few of them are of every kind
    faults=faults,
    extremes=[
        ({}, "300 factors of 0.9 make ≈ 1.87 × 10⁻¹⁴ exactly."),
        ({}, "Rounded once, to float16, that is 0."),
        ({}, "it stays 4 η"),
        ({"format": "bfloat16", "factor": 0.999}, "bfloat16 holds the factor as 1"),
        ({"scale": 24}, "A loss scale of 2²⁴ and 300 factors"),
        ({"factor": 1.2, "depth": 1000}, "that is infinity"),
        ({"factor": 1.2, "depth": 1000, "format": "float8_e4m3fn"}, "not a number, since the format has no infinity"),
        ({"factor": 0.5, "depth": 30}, "Rounded at every step it is 0."),
        ({"factor": 1.0, "depth": 1}, "1 factor of 1 make"),
    ],
    refused=[
        ({"format": "float64"}, "format"),
        ({"factor": 0.2}, "factor"),
        ({"factor": 1.3}, "factor"),
        ({"depth": 0}, "depth"),
        ({"depth": 1001}, "depth"),
        ({"depth": 2.5}, "depth"),
        ({"scale": 25}, "scale"),
        ({"scale": -1}, "scale"),
    ],
    largest={"format": "float32", "factor": 0.95, "depth": 999, "scale": 12},
    wrong=("value = rounded(form, value * held);", "value *= held;"),
    own=lambda: NumberLine(format="float8_e5m2", factor=1.05),
)
