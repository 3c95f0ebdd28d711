"""The numbers of the λ explorer: JavaScript's against Python's, Python's against exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest

from resnotes.explorers import LambdaDepth, _draw, lambda_depth
from resnotes.magnitudes import FORMATS, range_limits, shortcut_product

from .cases.case import MODULES, plain
from .cases.lambda_depth import settings

GRID = list(settings([0.0, 0.01, 0.5, 0.9, 1.0, 1.03, 2.0], [1, 2, 7, 60, 1000], [-2.0, -0.9, -0.1, 0.0, 0.1, 1.0]))
SAMPLE = list(settings([0.0, 0.3, 0.9, 1.1, 2.0], [1, 50, 1000], [-0.9, 0.0, 0.1]))

SERIES = """
const text = await new Response(process.stdin).text();
const { series } = await import(%s);
console.log(JSON.stringify(JSON.parse(text).map((state) => {
  const lines = series(state), step = Math.ceil(state.depth / 25);
  const kept = (line) => line.filter((_, l) => l %% step === 0 || l === state.depth);
  return Object.fromEntries(Object.entries(lines).map(([name, line]) => [name,
    kept(line).map(({ sign, log10 }) => sign === 0 ? [0, null] : [sign, log10])]));
})));
"""


def assert_series_equal(state, found):
    lines = lambda_depth.series(**state)
    step = math.ceil(state["depth"] / 25)
    kept = [l for l in range(state["depth"] + 1) if l % step == 0 or l == state["depth"]]
    for name, line in lines.items():
        sign = np.array([s for s, _ in found[name]])
        log10 = np.array([-np.inf if size is None else size for _, size in found[name]])
        assert np.array_equal(sign, line.sign[kept]), (name, state)
        alive = line.sign[kept] != 0
        # Beyond 10**4096 and 10**-4096 one step of float64 is about as large.
        bound = np.maximum(1e-12, np.spacing(np.abs(line.log10[kept][alive])))
        assert np.all(np.abs(log10[alive] - line.log10[kept][alive]) <= bound), (name, state)
        assert np.all(log10[~alive] == -np.inf)


def test_series_equal_over_a_grid(node):
    assert len(GRID) > 2000
    module = f'"{(MODULES / "lambda_depth.js").as_uri()}"'
    for state, found in zip(GRID, node(SERIES % module, GRID), strict=True):
        assert_series_equal(state, found)


def test_heat_map_is_the_product(node):
    states = [s for s in SAMPLE if s["lam"] == 0.3 and s["depth"] == 1]
    code = f"""
    const text = await new Response(process.stdin).text();
    const {{ heat, HEAT_LAM, HEAT_DEPTH }} = await import("{(MODULES / "lambda_depth.js").as_uri()}");
    const safe = (x) => Number.isNaN(x) ? "none" : x === -Infinity ? null : x;
    console.log(JSON.stringify({{ lams: HEAT_LAM, depths: HEAT_DEPTH, maps: JSON.parse(text).map((state) => {{
      const {{ log10, gone }} = heat(state);
      return {{ log10: log10.map((column) => [...column].map(safe)), gone }};
    }}) }}));
    """
    found = node(code, states)
    lams, depths = found["lams"], found["depths"]
    assert (lams[0], lams[-1], depths[0], depths[-1]) == (0, 2, 1, 1000)
    for state, chart in zip(states, found["maps"], strict=True):
        for column in range(0, len(lams), 5):
            here = {**state, "lam": lams[column]}
            if state["schedule"] == "alternating" and lams[column] < lambda_depth.ALTERNATING_FROM:
                assert set(chart["log10"][column]) == {"none"}
                continue
            for row in range(0, len(depths), 12):
                n = depths[row]
                factors = lambda_depth.shortcuts(here["lam"], n, state["schedule"], state["factors"])
                product = shortcut_product(factors + state["r"])
                size = chart["log10"][column][row]
                assert (size is None) == (product.sign == 0), (here, n)
                assert size is None or abs(size - product.log10) <= max(1e-11, 2 * np.spacing(abs(size))), (
                    here,
                    n,
                )
            ends = lambda_depth.formats(**here)
            for k, end in enumerate(ends.values()):
                gone = chart["gone"][k]
                assert (gone["zero"][column], gone["overflow"][column]) == (end.zero, end.overflow), here


@pytest.mark.parametrize("state", list(settings([0.0, 0.3, 0.9, 1.3], [1, 2, 40], [-1.3, -0.9, 0.0, 0.1])))
def test_series_against_exact_arithmetic(state):
    """To 1e-12 of the largest value that entered each sum over paths."""
    if state["factors"] == [1e-310]:
        state = {**state, "depth": min(state["depth"], 10)}  # a log10 below -4096 has no twelve decimals
    lines = lambda_depth.series(**state)
    factors = lambda_depth.shortcuts(state["lam"], state["depth"], state["schedule"], state["factors"])
    shortcut, whole, entered = Fraction(1), Fraction(1), Fraction(1)
    for l in reversed(range(state["depth"])):
        lam, r = Fraction(factors[l]), Fraction(state["r"])
        shortcut, whole, entered = shortcut * lam, whole * (lam + r), entered * (abs(lam) + abs(r))
        for name, value in {"shortcut": shortcut, "whole": whole, "rest": whole - shortcut}.items():
            assert abs(exact(lines[name], l) - value) <= entered / 10**12, (name, l)


def exact(line, l):
    """sign · 10**log10 as a fraction, which neither overflows nor underflows."""
    if not line.sign[l]:
        return Fraction(0)
    whole = math.floor(line.log10[l])
    return int(line.sign[l]) * Fraction(10 ** (line.log10[l] - whole)) * Fraction(10) ** whole


@pytest.mark.parametrize("factor", [0.0, 0.3, 0.5, 0.9, 0.98, 1.0, 1.02, 1.1, 1.5, 2.0])
def test_formats_give_out_where_range_limits_say(factor):
    ends = lambda_depth.formats(factor, 50, 0.0)
    for name, end in ends.items():
        limits = range_limits(factor, name)
        for kind in ("subnormal", "zero", "overflow"):
            n = getattr(limits, kind)
            assert getattr(end, kind) == (n if n is not None and n <= lambda_depth.MAX_DEPTH else None), (
                name,
                kind,
            )


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_verdicts_are_numpys_rounding(name):
    """Around every bound, rounding once to the format itself."""
    form, dtype = FORMATS[name], np.dtype(name)
    tiny, normal = form.smallest_subnormal, form.smallest_normal
    values = [tiny / 2, tiny / 2 * (1 + 2**-40), tiny, normal, normal * (1 - 2**-30), normal * 0.75, form.max]
    if name != "float64":  # half a step beyond float64's own bounds is no float64
        values += [normal - tiny / 2, normal - tiny * 0.51, form.max * (1 + 2.0 ** -(form.precision + 2))]
        values += [2.0 ** (form.highest + 1), 2.0 ** (form.highest + 1) * (1 - 2.0 ** -(form.precision + 1))]
    for value in values:
        with np.errstate(all="ignore"):
            rounded = float(np.float64(value).astype(dtype))
        expected = (
            "zero" if rounded == 0 else "overflow" if math.isinf(rounded)
            else "subnormal" if rounded < normal else "held"
        )  # fmt: skip
        if value:
            assert lambda_depth._verdict(math.frexp(value), form) == expected, value


def test_lost_on_the_way():
    ends = lambda_depth.formats(1.0, 4, 0.0, "own", [1e-5, 1e-5, 1e5, 1e5])
    assert (ends["float16"].here, ends["float16"].lost, ends["float32"].lost) == ("held", 3, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (1, "1"), (0.125, "0.125"), (-3.666, "−3.67"), (999.6, "1000"), (12345, "1.23 × 10⁴"),
     (100, "100"), (1234, "1230"), (0.0012349, "0.00123"), (1e-7, "1 × 10⁻⁷"), (0.9995, "1")],
)  # fmt: skip
def test_words(node, value, expected):
    assert plain(_draw.number(value)) == expected
    code = f"""import {{ number }} from "{(MODULES / "draw.js").as_uri()}";
    const [x] = JSON.parse(await new Response(process.stdin).text());
    console.log(JSON.stringify(number(x)));"""
    assert plain(node(code, [value])) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"lam": 0.9, "depth": 50, "r": 0}, "After 50 units the gradient is 0.515 % of what entered."),
        ({"lam": 0.0, "depth": 1000, "r": 0}, "After 1000 units nothing is left of the gradient"),
        ({"lam": 2.0, "depth": 1000, "r": 0}, "the gradient is 1.07 × 10³⁰¹ times what entered."),
        ({"lam": 0.5, "depth": 3, "r": -0.5}, "it is exactly 0. The shortcuts alone carry 12.5 %"),
        ({"lam": 0.5, "depth": 1, "r": -1}, "After 1 unit the gradient is 50 % of what entered, with"),
    ],
)  # fmt: skip
def test_extremes_read_sensibly(state, expected):
    assert expected in plain(LambdaDepth(**state).readout())
