"""The numbers of the λ explorer against exact arithmetic and the package; numbers in words."""

import math
from fractions import Fraction

import numpy as np
import pytest

from resnotes.explorers import lambda_depth
from resnotes.magnitudes import FORMATS, shortcut_product

from .cases.case import plain
from .cases.lambda_depth import settings, shortcuts
from .modules import run, words

SAMPLE = list(settings([0.0, 0.3, 0.9, 1.1, 2.0], [1, 50, 1000], [-0.9, 0.0, 0.1]))
#: The formats that the explorer speaks of.
NAMES = ("float16", "bfloat16", "float32", "float64")

HEAT = """(module, states) => ({ lams: module.HEAT_LAM, depths: module.HEAT_DEPTH, maps: states.map((state) => {
  const { log10, gone } = module.heat(state);
  return { log10: log10.map((column) => [...column]), gone, ends: module.HEAT_LAM.map((lam) =>
    state.schedule === "alternating" && lam < 0.01 ? null : module.formats({ ...state, lam })) };
}) })"""


def test_heat_map_is_the_product():
    states = [s for s in SAMPLE if s["lam"] == 0.3 and s["depth"] == 1]
    found = run("lambda_depth", HEAT, states)
    lams, depths = found["lams"], found["depths"]
    assert (lams[0], lams[-1], depths[0], depths[-1]) == (0, 2, 1, 1000)
    for state, chart in zip(states, found["maps"], strict=True):
        for column in range(0, len(lams), 5):
            here = {**state, "lam": lams[column]}
            if state["schedule"] == "alternating" and lams[column] < lambda_depth.ALTERNATING_FROM:
                assert all(math.isnan(size) for size in chart["log10"][column])
                continue
            for row in range(0, len(depths), 12):
                product = shortcut_product(shortcuts(**{**here, "depth": depths[row]}) + state["r"])
                size = chart["log10"][column][row]
                assert (size == -math.inf) == (product.sign == 0), (here, row)
                assert product.sign == 0 or abs(size - product.log10) <= max(1e-11, 2 * np.spacing(abs(size)))
            for gone, end in zip(chart["gone"], chart["ends"][column], strict=True):
                assert (gone["zero"][column], gone["overflow"][column]) == (end["zero"], end["overflow"]), here


def exact(sign, log10):
    """sign · 10**log10 as a fraction, which neither overflows nor underflows."""
    if not sign:
        return Fraction(0)
    whole = math.floor(log10)
    return int(sign) * Fraction(10 ** (log10 - whole)) * Fraction(10) ** whole


SERIES = """(module, states) => states.map((state) => Object.fromEntries(Object.entries(module.series(state))
  .map(([name, line]) => [name, line.map(({ sign, log10 }) => [sign, log10])])))"""


def test_series_against_exact_arithmetic():
    """To 1e-12 of the largest value that entered each sum over paths."""
    states = list(settings([0.0, 0.3, 0.9, 1.3], [1, 2, 40], [-1.3, -0.9, 0.0, 0.1]))
    # A log10 below -4096 has no twelve decimals.
    states = [{**s, "depth": min(s["depth"], 10)} if s["factors"] == [1e-310] else s for s in states]
    for state, lines in zip(states, run("lambda_depth", SERIES, states), strict=True):
        factors = shortcuts(**state)
        shortcut, whole, entered = Fraction(1), Fraction(1), Fraction(1)
        for l in reversed(range(state["depth"])):
            lam, r = Fraction(float(factors[l])), Fraction(state["r"])
            shortcut, whole, entered = shortcut * lam, whole * (lam + r), entered * (abs(lam) + abs(r))
            for name, value in {"shortcut": shortcut, "whole": whole, "rest": whole - shortcut}.items():
                assert abs(exact(*lines[name][l]) - value) <= entered / 10**12, (state, name, l)


FORMATS_OF = "(module, states) => states.map((state) => module.formats(state))"


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_verdicts_are_numpys_rounding(name):
    """Around every bound, rounding once to the format itself."""
    form, dtype = FORMATS[name], np.dtype(name)
    tiny, normal = form.smallest_subnormal, form.smallest_normal
    values = [tiny / 2, tiny / 2 * (1 + 2**-40), tiny, normal, normal * (1 - 2**-30), normal * 0.75, form.max]
    if name != "float64":  # half a step beyond float64's own bounds is no float64
        values += [normal - tiny / 2, normal - tiny * 0.51, form.max * (1 + 2.0 ** -(form.precision + 2))]
        values += [2.0 ** (form.highest + 1), 2.0 ** (form.highest + 1) * (1 - 2.0 ** -(form.precision + 1))]
    values = [value for value in values if value]
    found = run("lambda_depth", "(m, [values, k]) => values.map((x) => m.verdict(x, k))", [
        [list(math.frexp(value)) for value in values], NAMES.index(name)
    ])  # fmt: skip
    for value, verdict in zip(values, found, strict=True):
        with np.errstate(all="ignore"):
            rounded = float(np.float64(value).astype(dtype))
        expected = "held" if rounded >= normal else "subnormal"
        expected = "zero" if rounded == 0 else "overflow" if math.isinf(rounded) else expected
        assert verdict == expected, value


def test_lost_on_the_way():
    state = {"lam": 1.0, "depth": 4, "r": 0.0, "schedule": "own", "factors": [1e-5, 1e-5, 1e5, 1e5]}
    ends = {end["name"]: end for end in run("lambda_depth", FORMATS_OF, [state])[0]}
    assert (ends["float16"]["here"], ends["float16"]["lost"], ends["float32"]["lost"]) == ("held", 3, None)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("number", 0, "0"),
        ("number", 0.125, "0.125"),
        ("number", -1020, "−1020"),
        ("number", 1234567, "1234567"),
        ("number", 12345678, "1.23 × 10⁷"),
        ("number", 0.0009765625, "0.0009765625"),
        ("number", -3.666666666, "−3.67"),
        ("number", 1e-7, "1 × 10⁻⁷"),
        ("about", 2 / 3, "≈ 0.667"),
        ("about", 0.1 + 0.2, "0.3"),
        ("about", 0.3 + 1e-9, "≈ 0.3"),
        ("about", 1e-7, "1 × 10⁻⁷"),
        ("about", -1016.25, "−1016.25"),
        ("words", (1, math.log10(999.6)), "1000"),
        ("words", (1, math.log10(100)), "100"),
        ("words", (1, math.log10(0.9995)), "1"),
        ("words", (-1, 300.5), "−3.16 × 10³⁰⁰"),
        ("aboutWords", (1, math.log10(0.125)), "0.125"),
        ("aboutWords", (1, math.log10(0.12345)), "≈ 0.123"),
        ("share", (1, math.log10(0.25)), "25 %"),
        ("share", (1, math.log10(0.9999)), "≈ 100 %"),
        ("share", (0, -math.inf), "nothing"),
    ],
)
def test_numbers_in_words(name, value, expected):
    assert plain(words(name, [value])[0]) == expected
