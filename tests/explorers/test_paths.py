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
from .cases.case import plain
from .cases.paths import exact_weights
from .modules import figures, run, said
from .test_numbers import exact

SETTINGS = list(
    itertools.product([1, 2, 9, 54, 55], [0.0, 1e-9, 0.5, 1.0, 2.0], [-2.0, -0.5, 0.0, 0.01, paths.CENTRED, 1.0])
)
# Fractions of a thousand factors are slow: few of those.
EXACT = [s for s in SETTINGS if s[1] or s[2]]
EXACT += [(1000, 1.0, paths.CENTRED), (1000, 1.0, 0.01), (1000, 2.0, -2.0), (1000, 0.0, -0.5)]

ALL = """(module, states) => states.map((state) => ({ counts: module.counts(state.n), weights: module.weights(state),
  carried: module.carried(state).map(({ sign, log10 }) => [sign, log10]), ...module.summary(state),
  ...module.heaviest(module.weights(state)) }))"""


def every(settings):
    """All lengths, and the summary, of chains (n, λ, r)."""
    return run("paths", ALL, [{"n": n, "lam": lam, "r": r} for n, lam, r in settings])


def test_counts_are_binomial_coefficients():
    sizes = [1, 2, 3, 54, 55, 999, 1000]
    for n, found in zip(sizes, every([(n, 1.0, 0.5) for n in sizes]), strict=True):
        for k, count in enumerate(found["counts"]):
            assert abs(Fraction(count) / math.comb(n, k) - 1) < 1e-12
            assert n * math.comb(n, k) >= 2**53 or count == math.comb(n, k)


def test_weights_against_exact_arithmetic():
    for (n, lam, r), found in zip(EXACT, every(EXACT), strict=True):
        wanted = exact_weights(n, lam, r)
        assert max(abs(Fraction(f) - w) for f, w in zip(found["weights"], wanted, strict=True)) < 1e-13
        # where the weights are shares, they are those of the equation: of the whole, which has a sign
        total = Fraction(lam) + Fraction(r)
        if found["kind"] == "shares":
            assert total != 0
            assert min(found["weights"]) >= 0
            assert wanted[1] == n * Fraction(lam) ** (n - 1) * Fraction(r) / total**n


def test_carried_and_summary_against_exact_arithmetic():
    chains = [(54, 1.0, paths.CENTRED), (54, 1.0, -0.25), (7, 0.0, -0.5), (30, 2.0, 2.0), (9, 0.5, 0.0)]
    for (n, lam, r), found in zip(chains, every(chains), strict=True):
        wanted = [math.comb(n, k) * Fraction(lam) ** (n - k) * Fraction(r) ** k for k in range(n + 1)]
        entered = sum(map(abs, wanted))
        pairs = zip(found["carried"], wanted, strict=True)
        assert all(abs(exact(*line) - value) <= abs(value) / 10**12 for line, value in pairs)
        for name, value in {"even": sum(wanted[::2]), "odd": sum(wanted[1::2]), "whole": sum(wanted)}.items():
            assert abs(exact(*found[name]) - value) <= entered / 10**12, name
        mean = sum(k * abs(value) for k, value in enumerate(wanted)) / entered
        square = sum(k * k * abs(value) for k, value in enumerate(wanted)) / entered
        assert found["mean"] == pytest.approx(float(mean), rel=1e-12)
        assert found["deviation"] ** 2 == pytest.approx(float(square - mean**2), abs=1e-11)
        many = sum(math.comb(n, k) for k in range(found["low"], found["high"] + 1))
        assert found["count"] == found["high"] - found["low"] + 1
        assert found["many"] == pytest.approx(many, rel=1e-12)
        assert found["ofPaths"] == pytest.approx(math.log10(many / 2**n), abs=1e-12)


@pytest.mark.parametrize(("lam", "r"), [(1.0, 0.25), (0.5, -0.7), (0.9, 1.3), (0.0, 1.0)])
def test_weights_against_the_package(lam, r):
    """The Jacobian of a network by path length, which knows nothing of binomials."""
    net = Network([Unit([Affine([[r]])], shortcut=Scale(lam)) for _ in range(40)])
    parts = jacobian_by_length(net, net.forward([1.0]))[:, 0, 0]
    wanted = parts / np.abs(parts).sum()
    (found,) = every([(40, lam, r)])
    assert np.allclose(found["weights"], wanted, rtol=0, atol=1e-13)
    sizes = np.array([sign * 10.0**log10 for sign, log10 in found["carried"]])
    assert np.allclose(sizes, parts, rtol=1e-11, atol=0)


def test_the_heaviest_lengths_are_the_fewest_that_carry_the_most():
    """Against every subset of the lengths."""
    chains = [(n, 1.0, r) for n in range(1, 9) for r in (-1.5, -0.3, 0.05, 0.4, 1.0, 2.0)]
    for (n, _, _), found in zip(chains, every(chains), strict=True):
        sizes, lengths, part = [abs(entry) for entry in found["weights"]], found["lengths"], found["part"]
        assert part == pytest.approx(sum(sizes[k] for k in lengths))
        assert part >= 0.95
        for count in range(1, len(lengths) + 1):
            best = max(sum(sizes[k] for k in chosen) for chosen in itertools.combinations(range(n + 1), count))
            assert best < 0.95 if count < len(lengths) else best <= part + 1e-15
    lists = [[0.3, 0.2, 0.3, 0.2], [1.0, -1.0, 0.0, 36.0], [0.0, 0.0]]
    found = run("paths", "(module, lists) => lists.map((list) => module.heaviest(list).lengths)", lists)
    assert found == [[0, 1, 2, 3], [0, 3], []]  # of equal ones the shorter


def test_centred_on_the_published_range():
    n, low, high = 54, 5, 17
    (found,) = every([(n, 1.0, paths.CENTRED)])
    assert found["mean"] == pytest.approx((low + high) / 2, rel=1e-15)
    # within two standard deviations of the middle, as the chapter says
    assert found["mean"] - 2 * found["deviation"] == pytest.approx(low, abs=0.2)
    assert (found["low"], found["high"]) == (6, 17)
    shares = exact_weights(n, 1, Fraction(11, 43))
    assert found["part"] == pytest.approx(float(sum(shares[6:18])), abs=1e-12)
    assert found["published"] == pytest.approx(float(sum(shares[5:18])), abs=1e-12)
    wanted = sum(math.comb(n, k) for k in range(low, high + 1)) / 2**n
    assert 0.0045 < wanted < 0.0046  # the 0.45 % of Veit et al.
    assert Paths().state() == {"n": 54, "lam": 1.0, "r": 11 / 43}
    words = plain(said(Paths()))
    assert "the 12 lengths from 6 to 17 carry ≈ 95.8 % of it" in words
    assert "The 13 lengths from 5 to 17 that Veit et al. (2016) name carry ≈ 97.4 %." in words


def test_a_network_of_equal_units_is_the_chain():
    net = Network([Unit([Affine([[0.25]])]) for _ in range(30)])
    explorer = Paths(network=net, x=[3.0])
    assert (explorer.n, explorer.lam) == (30, 1.0)
    assert explorer.r == pytest.approx(0.25, rel=1e-11)
    (chain,) = every([(30, 1.0, 0.25)])
    assert explorer.measured == pytest.approx(chain["weights"], abs=1e-12)
    assert "In your network " in said(explorer)
    assert Paths(network=net, x=[3.0], n=7, r=0.5).state() == {"n": 7, "lam": 1.0, "r": 0.5}
    assert "In your network" not in said(Paths(network=net, x=[3.0], n=7))


def test_shares_of_a_network_are_parts_of_its_gradient():
    rng = np.random.default_rng(3)
    net = Network([Unit([Affine(rng.normal(size=(3, 3)) / 3), tanh], shortcut=Scale(0.9)) for _ in range(6)])
    x, g = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    shares = Paths(network=net, x=x, g=g).measured
    parts = np.einsum("bi,bkij->kbj", g, jacobian_by_length(net, net.forward(x)))
    whole = net.backward(net.forward(x), g).states[0]
    assert shares == pytest.approx([(part * whole).sum() / (whole**2).sum() for part in parts], abs=1e-12)
    assert sum(shares) == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("measured", [[0.2, 0.7, 0.1], [2.0, -1.5, 0.5], [0.0, 1.0, 0.0]])
def test_your_network_is_said_and_drawn(measured):
    explorer = Paths(n=2, measured=measured)
    assert ("signs left out" in said(explorer).partition("In your network")[2]) == (min(measured) < 0)
    assert "your network" in figures(explorer)
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
    assert found == [1, said(Paths(n=2, r=0.5, measured=[0.2, 0.7, 0.1])), [True, True, True]]


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
