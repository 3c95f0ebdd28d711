"""The paths explorer against exact arithmetic and the package, and what is its own on the page."""

import itertools
import math
import re
from base64 import b64encode
from fractions import Fraction

import numpy as np
import pytest

from resnotes import Affine, Network, Unit, tanh
from resnotes.explorers import Paths, paths
from resnotes.explorers._base import bundle
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Absent, Scale

from .cases import CASES
from .cases.case import MODULES
from .test_numbers import exact

SETTINGS = list(
    itertools.product([1, 2, 9, 54, 55, 1000], [0.0, 1e-9, 0.5, 1.0, 2.0], [-2.0, -0.5, 0.0, 0.01, paths.CENTRED, 1.0])
)

# Fractions of a thousand factors are slow: few of those.
EXACT = [s for s in SETTINGS if s[0] < 1000 and (s[1] or s[2])]
EXACT += [(1000, 1.0, paths.CENTRED), (1000, 1.0, 0.01), (1000, 2.0, -2.0), (1000, 0.0, -0.5)]


def exact_weights(n, lam, r):
    """C(n, k) λ^(n-k) |r|^k/(λ + |r|)^n with its sign, as fractions."""
    lam, r = Fraction(lam), Fraction(r)
    size = lam + abs(r)
    shares = [math.comb(n, k) * lam ** (n - k) * abs(r) ** k / size**n for k in range(n + 1)]
    return [(-1) ** k * share for k, share in enumerate(shares)] if lam * r < 0 else shares


@pytest.mark.parametrize("n", [1, 2, 3, 54, 55, 999, 1000])
def test_counts_are_binomial_coefficients(n):
    for k, count in enumerate(paths.counts(n)):
        assert abs(Fraction(count) / math.comb(n, k) - 1) < 1e-12
        assert n * math.comb(n, k) >= 2**53 or count == math.comb(n, k)


@pytest.mark.parametrize(("n", "lam", "r"), EXACT)
def test_weights_against_exact_arithmetic(n, lam, r):
    found, wanted = paths.weights(n, lam, r), exact_weights(n, lam, r)
    assert max(abs(Fraction(f) - w) for f, w in zip(found, wanted, strict=True)) < 1e-13
    # where the weights are shares, they are those of the equation: of the whole, which has a sign
    total = Fraction(lam) + Fraction(r)
    if paths.kind(lam, r) == "shares":
        assert total != 0
        assert min(found) >= 0
        assert wanted[1] == n * Fraction(lam) ** (n - 1) * Fraction(r) / total**n


@pytest.mark.parametrize(
    ("n", "lam", "r"),
    [(54, 1.0, paths.CENTRED), (54, 1.0, -0.25), (7, 0.0, -0.5), (30, 2.0, 2.0), (9, 0.5, 0.0)],
)
def test_carried_and_summary_against_exact_arithmetic(n, lam, r):
    wanted = [math.comb(n, k) * Fraction(lam) ** (n - k) * Fraction(r) ** k for k in range(n + 1)]
    entered = sum(map(abs, wanted))

    class Line:
        sign, log10 = (np.array(column) for column in zip(*paths.carried(n, lam, r), strict=True))

    assert all(abs(exact(Line, k) - value) <= abs(value) / 10**12 for k, value in enumerate(wanted))
    found = paths.summary(n, lam, r)
    for name, value in {"even": sum(wanted[::2]), "odd": sum(wanted[1::2]), "whole": sum(wanted)}.items():
        Line.sign, Line.log10 = np.array(found[name][:1]), np.array(found[name][1:])
        assert abs(exact(Line, 0) - value) <= entered / 10**12, name
    mean = sum(k * abs(value) for k, value in enumerate(wanted)) / entered
    square = sum(k * k * abs(value) for k, value in enumerate(wanted)) / entered
    assert found["mean"] == pytest.approx(float(mean), rel=1e-12)
    assert found["deviation"] ** 2 == pytest.approx(float(square - mean**2), abs=1e-11)
    many = sum(math.comb(n, k) for k in range(found["low"], found["high"] + 1))
    assert found["count"] == found["high"] - found["low"] + 1
    assert found["paths"] == pytest.approx(math.log10(many), abs=1e-12)
    assert found["ofPaths"] == pytest.approx(math.log10(many / 2**n), abs=1e-12)


@pytest.mark.parametrize(("lam", "r"), [(1.0, 0.25), (0.5, -0.7), (0.9, 1.3), (0.0, 1.0)])
def test_weights_against_the_package(lam, r):
    """The Jacobian of a network by path length, which knows nothing of binomials."""
    net = Network([Unit([Affine([[r]])], shortcut=Scale(lam)) for _ in range(40)])
    parts = jacobian_by_length(net, net.forward([1.0]))[:, 0, 0]
    wanted = parts / np.abs(parts).sum()
    assert np.allclose(paths.weights(40, lam, r), wanted, rtol=0, atol=1e-13)
    sizes = np.array([sign * 10.0**log10 for sign, log10 in paths.carried(40, lam, r)])
    assert np.allclose(sizes, parts, rtol=1e-11, atol=0)


def test_the_heaviest_lengths_are_the_fewest_that_carry_the_most():
    """Against every subset of the lengths."""
    for n, r in itertools.product(range(1, 9), (-1.5, -0.3, 0.05, 0.4, 1.0, 2.0)):
        sizes = [abs(entry) for entry in paths.weights(n, 1.0, r)]
        lengths, part = paths.heaviest(paths.weights(n, 1.0, r))
        assert part == pytest.approx(sum(sizes[k] for k in lengths))
        assert part >= 0.95
        for count in range(1, len(lengths) + 1):
            best = max(sum(sizes[k] for k in chosen) for chosen in itertools.combinations(range(n + 1), count))
            assert best < 0.95 if count < len(lengths) else best <= part + 1e-15
    assert paths.heaviest([0.3, 0.2, 0.3, 0.2])[0] == [0, 1, 2, 3]
    assert paths.heaviest([1.0, -1.0, 0.0, 36.0])[0] == [0, 3]  # of equal ones the shorter
    assert paths.heaviest([0.0, 0.0]) == ([], 0.0)


def test_centred_on_the_published_range():
    n, low, high = paths.PUBLISHED
    found = paths.summary(n, 1.0, paths.CENTRED)
    assert found["mean"] == pytest.approx((low + high) / 2, rel=1e-15)
    # within two standard deviations of the middle, as the chapter says
    assert found["mean"] - 2 * found["deviation"] == pytest.approx(low, abs=0.2)
    assert (found["low"], found["high"]) == (6, 17)
    wanted = sum(math.comb(n, k) for k in range(low, high + 1)) / 2**n
    assert 0.0045 < wanted < 0.0046  # the 0.45 % of Veit et al.
    assert Paths().state() == {"n": 54, "lam": 1.0, "r": 11 / 43}


def test_the_two_languages_agree_in_every_length(node):
    """All lengths and not some, log10 values to 1e-12 absolutely, and the choice of lengths exactly."""
    states = [{"n": n, "lam": lam, "r": r} for n, lam, r in SETTINGS]
    code = f"""
    const text = await new Response(process.stdin).text();
    const {{ counts, weights, carried, summary }} = await import("{(MODULES / "paths.js").as_uri()}");
    const plain = (x) => Number.isFinite(x) ? x : null;
    console.log(JSON.stringify(JSON.parse(text).map((state) => ({{ counts: counts(state.n), weights: weights(state),
      carried: carried(state).map(({{ sign, log10 }}) => [sign, plain(log10)]), lengths: [summary(state).low, summary(state).high, summary(state).part] }}))));
    """
    for (n, lam, r), found in zip(SETTINGS, node(code, states), strict=True):
        assert [float(count) for count in found["counts"]] == paths.counts(n)
        assert found["weights"] == paths.weights(n, lam, r)
        wanted = paths.summary(n, lam, r)
        assert found["lengths"] == [wanted["low"], wanted["high"], wanted["part"]]
        for (sign, log10), (right, size) in zip(found["carried"], paths.carried(n, lam, r), strict=True):
            assert sign == right
            # Below 10**-4096 one step of float64 is about as large.
            assert (log10 is None) == (not right)
            assert not right or abs(log10 - size) <= max(1e-12, 2 * math.ulp(size)), (n, lam, r)


def test_a_network_of_equal_units_is_the_chain():
    net = Network([Unit([Affine([[0.25]])]) for _ in range(30)])
    explorer = Paths(network=net, x=[3.0])
    assert (explorer.n, explorer.lam) == (30, 1.0)
    assert explorer.r == pytest.approx(0.25, rel=1e-13)
    assert explorer.measured == pytest.approx(paths.weights(30, 1.0, 0.25), abs=1e-14)
    assert "In your network the" in explorer.readout()
    assert Paths(network=net, x=[3.0], n=7, r=0.5).state() == {"n": 7, "lam": 1.0, "r": 0.5}
    assert "In your network" not in Paths(network=net, x=[3.0], n=7).readout()


def test_shares_of_a_network_are_parts_of_its_gradient():
    rng = np.random.default_rng(3)
    net = Network([Unit([Affine(rng.normal(size=(3, 3)) / 3), tanh], shortcut=Scale(0.9)) for _ in range(6)])
    x, g = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    shares = Paths(network=net, x=x, g=g).measured
    parts = np.einsum("bi,bkij->kbj", g, jacobian_by_length(net, net.forward(x)))
    whole = net.backward(net.forward(x), g).states[0]
    assert shares == pytest.approx([(part * whole).sum() / (whole**2).sum() for part in parts], abs=1e-13)
    assert sum(shares) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("measured", [[0.2, 0.7, 0.1], [2.0, -1.5, 0.5], [0.0, 1.0, 0.0]])
def test_your_network_is_said_alike_in_both_languages(node, measured):
    explorer = Paths(n=2, measured=measured)
    code = f"""
    const state = JSON.parse(await new Response(process.stdin).text());
    const {{ readout }} = await import("{(MODULES / "paths.js").as_uri()}");
    console.log(JSON.stringify(readout(state, {measured})));
    """
    assert node(code, explorer.state()) == explorer.readout()
    assert ("signs left out" in explorer.readout()) == (min(measured) < 0)
    assert "your network" in explorer.picture()
    assert "data-carried" in explorer.static()


def test_your_network_is_drawn_on_the_page(opened, site):
    live = opened(f"{site}/{CASES['paths'].page}", "paths")
    module = b64encode(bundle("paths").encode()).decode()
    found = live.page.evaluate(
        """async ([url, values]) => {
          const model = { get: (key) => values[key], set() {}, save_changes() {}, on() {}, off() {} };
          const el = document.createElement('div');
          document.body.append(el);
          (await import(url)).default.render({ model, el });
          return [el.querySelectorAll('svg[role=img] .rx-measured').length, el.querySelector('.rx-readout').textContent,
            [...el.querySelectorAll('.rx-legend li')].map((e) => e.checkVisibility())];
        }""",
        [f"data:text/javascript;base64,{module}", {"n": 2, "lam": 1, "r": 0.5, "measured": [0.2, 0.7, 0.1]}],
    )
    assert found == [1, Paths(n=2, r=0.5, measured=[0.2, 0.7, 0.1]).readout(), [True, True, True]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n": True}, "n: got True"),
        ({"n": 1.0}, "n: got 1.0"),
        ({"r": float("nan")}, "r: got nan"),
        ({"lam": -0.5}, "lam: got -0.5, wanted a number from 0 to 2"),
        ({"measured": "1"}, "measured: got '1'"),
        ({"measured": [0.0, 0.0]}, "measured: got a list of zeros"),
        ({"measured": [1.0] * 1002}, "measured: got 1002 numbers"),
        ({"network": [1]}, "network: got "),
        ({"x": [1.0]}, "network: got None, wanted a resnotes.Network"),
        ({"network": Network([Unit([tanh])] * 1001), "x": [1.0]}, "network: got 1001 units"),
        ({"network": Network([Unit([tanh])]), "x": [1.0], "g": [1.0, 2.0]}, "g: got "),
        (
            {"network": Network([Unit([Affine(np.zeros((2, 2)))], shortcut=Absent())]), "x": [1.0, 1.0]},
            "g: got one of which nothing arrives",
        ),
    ],
)
def test_refusals(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Paths(**arguments)


def test_units_move_by_whole_ones(opened, site):
    live = opened(f"{site}/{CASES['paths'].page}", "paths")
    slider = live.slider("units n")
    slider.press("Home")
    for key, wanted in [
        ("ArrowRight", "2 units"),
        ("PageUp", "3 units"),
        ("End", "1000 units"),
        ("ArrowDown", "980 units"),
    ]:
        slider.press(key)
        assert slider.get_attribute("aria-valuetext") == wanted


def test_the_table_lists_the_weights(opened, site):
    live = opened(f"{site}/{CASES['paths'].page}{CASES['paths'].link({'n': 4, 'lam': 1.0, 'r': 1.0})}", "paths")
    live.root.get_by_text("Table of the values").click()
    rows = [row.split("\t") for row in live.root.locator("details tbody").inner_text().split("\n")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        [str(k), str(math.comb(4, k)), words, str(math.comb(4, k)), words]
        for k, words in enumerate(["0.0625", "0.25", "0.375", "0.25", "0.0625"])
    ]
