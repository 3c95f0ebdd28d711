"""What is special about "before or after": measured arrays, the law, the reader's own network."""

import gzip
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from resnotes import Affine, BatchNormTraining, Network, Unit, blocks, identity, relu, tanh
from resnotes.explorers import BeforeOrAfter, activation
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Absent, Scale

from .cases.activation import CASE, STORED, law, line
from .modules import computed, figures, numbers, said, words


@pytest.mark.parametrize("unit", activation.UNITS)
@pytest.mark.parametrize(("width", "seed"), [(8, 5), (32, 2)])
def test_what_is_stored_is_what_is_measured(unit, width, seed):
    """To one step of the rounding. Not the last 100 units of "norm": there rounding errors of another processor grow
    as the gradient does, past the sign of a ReLU's input."""
    measured = activation.measure(unit, width, seed)
    stored = STORED[:, activation.WIDTHS.index(width), seed].astype(int)
    trusted = activation.ROW - (101 if unit == "norm" else 0)
    for part, (name, way) in enumerate(activation.PARTS):
        if name == unit:
            want = activation.rounded(measured[way]).astype(int)
            assert np.abs(stored[part] - want)[:trusted].max() <= 1
    if unit == "pre":
        np.testing.assert_array_equal(measured["shortcut"], 0)
    other = activation.rounded(activation.measure(unit, width, seed + 1)["whole"]).astype(int)
    place = activation.PARTS.index((unit, "whole"))
    assert np.abs(stored[place] - other).max() > 10  # the comparison would see another network


def test_one_network_by_itself():
    """The first depths of one network, its units multiplied out by hand."""
    width, seed, depth = 8, 1, 3
    rng = np.random.default_rng([width, seed])
    net = blocks.network("original", max(activation.DEPTHS), width, rng)
    x, g = blocks.stem(64, width, rng), rng.normal(size=(64, width))
    states = [x]
    for unit in net.units[:depth]:
        states.append(unit.forward(states[-1]).output)
    part = np.where(states[3] > 0, g, 0)
    part = np.where(states[2] > 0, part, 0)
    part = np.where(states[1] > 0, part, 0)
    want = np.log10(np.sum(part**2) / np.sum(g**2))
    found = line("relu", "shortcut", depth, width, seed)
    assert found[0] == pytest.approx(want, abs=0.6 / activation.STEPS)
    assert found[-1] == 0 and len(found) == depth + 1


def test_the_networks_follow_the_law():
    """The mean of eight wide networks, at every state of 54 units: four standard errors, and 0.01 for their width."""
    lines = [line("relu", "shortcut", 54, 64, seed) for seed in range(8)]
    shares = 10 ** np.array(lines)
    error = shares.std(axis=0, ddof=1) / np.sqrt(8)
    assert np.all(np.abs(shares.mean(axis=0) - np.array(law(54))) < 4 * error + 0.01)


def test_the_page_carries_less_than_90_kilobytes():
    """Over the wire, of the 250 kB that a page may weigh."""
    assert len(gzip.compress(BeforeOrAfter().static().encode())) < 90_000


def test_any_integers_are_read():
    """The ends of the range, the sign of nothing: more than the stored networks hold."""
    ends = np.resize(np.array([0, 32767, -32768, -32768, 32767, -1, 1, 0, 5, -5], "<i2"), STORED.shape)
    state = {"unit": "norm", "depth": 13, "width": 16, "seed": 2, "layer": 3, "log": False}
    found = computed("activation", [state], {"arrays": activation.packed(ends), "own": []})[0]["numbers"]
    start = sum(depth + 1 for depth in activation.DEPTHS if depth < 13)
    for way in ("shortcut", "whole"):
        held = ends[activation.PARTS.index(("norm", way)), 1, 2, start : start + 14]
        wanted = [-np.inf if value == activation.NOTHING else value / activation.STEPS for value in held.tolist()]
        assert found[way] == wanted
    assert -np.inf in found["whole"] and 32767 / activation.STEPS in found["whole"]


def test_rounding_refuses_what_does_not_fit():
    np.testing.assert_array_equal(activation.rounded([0.0, -np.inf, 0.5]), [0, -32768, 400])
    with pytest.raises(ValueError, match="log10: got a size of 41"):
        activation.rounded([0.0, -41.0])


def test_your_own_network_is_measured():
    rng = np.random.default_rng(1)
    units = [Unit([Affine(rng.normal(size=(3, 3))), tanh], Scale(0.9), after) for after in (relu, identity, tanh)]
    net, x, g = Network(units), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    explorer = BeforeOrAfter(network=net, x=x, g=g)
    trace = net.forward(x)
    skip = [np.einsum("ai,aij->aj", g, jacobian_by_length(net, trace, start)[:, 0]) for start in range(4)]
    whole = [np.einsum("ai,aij->aj", g, net.jacobian(trace, start)) for start in range(4)]
    for found, states in zip(explorer.own, (skip, whole), strict=True):
        assert found == pytest.approx([np.log10(np.sum(s**2) / np.sum(g**2)) for s in states], abs=2e-9)
    assert "Your network: at its input the shortcuts alone bring back" in said(explorer)


def test_own_networks_with_batch_statistics_and_without_shortcuts():
    net = Network([Unit([identity], Absent(), BatchNormTraining(2)) for _ in range(2)])
    explorer = BeforeOrAfter(network=net, x=[[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]], g=[[1.0, 0], [0, 0], [0, 0]])
    assert explorer.own[0] == [None, None, 0.0]
    assert "at its input the shortcuts alone bring back nothing" in said(explorer)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"unit": None}, "unit: got None of type NoneType, wanted one of relu, norm, pre"),
        ({"unit": ["relu"]}, "unit: got ['relu']"),
        ({"depth": 7}, "depth: got 7 of type int, wanted one of 1, 2, 3, 5"),
        ({"depth": True}, "depth: got True"),
        ({"depth": 54.0}, "depth: got 54.0"),
        ({"width": "64"}, "width: got '64'"),
        ({"seed": 8}, "seed: got 8"),
        ({"layer": 101}, "layer: got 101"),
        ({"depth": 5, "layer": 6}, "layer: got 6, wanted a whole number from 0 to the depth, 5"),
        ({"log": "yes"}, "log: got 'yes'"),
        ({"arrays": ""}, "arrays: got ''"),
        ({"own": [[0.0, 0.0]]}, "own: got [[0.0, 0.0]]"),
        ({"own": [[0.0, 0.0], [0.0]]}, "own: got [0.0]"),
        ({"own": [[0.0, float("nan")], [0.0, 0.0]]}, "own: got nan"),
        ({"network": [1], "x": [1.0]}, "network: got [1]"),
        ({"x": [1.0]}, "network: got None, wanted a resnotes.Network"),
        ({"network": Network([Unit([identity])]), "x": [1.0], "g": [0.0]}, "g: got a gradient of 0"),
        ({"network": Network([Unit([identity])] * 1001), "x": [1.0]}, "network: got 1001 units"),
        ({"colour": 1}, "colour: got a value, wanted one of unit, depth, width, seed, layer, log, arrays, own"),
    ],
)
def test_refusals_name_argument_got_and_wanted(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        BeforeOrAfter(**arguments)


def test_the_picture_draws_the_shares():
    """The dot, and the ends of the shortcut's line, read back from the picture."""
    explorer = BeforeOrAfter(depth=54, layer=27)
    picture = ElementTree.fromstring(figures(explorer)).find(".//{*}svg[@role='img']")
    (drawn,) = [p for p in picture if p.get("class") == "rx-line rx-shortcut" and "L" in p.get("d")]
    points = [tuple(map(float, point.split())) for point in drawn.get("d")[1:].split("L")]
    (dot,) = [c for c in picture if c.tag.endswith("circle")]
    levels = {t.text: float(t.get("y")) - 4 for t in picture if t.get("class") == "rx-end"}
    unit = levels["0 %"] - levels["100 %"]
    shares = [(levels["0 %"] - y) / unit for _, y in points]
    assert shares == pytest.approx([10**value for value in numbers(explorer)["shortcut"]], abs=0.001)
    assert (float(dot.get("cx")), float(dot.get("cy"))) == pytest.approx(points[27], abs=0.06)


def test_the_slider_of_states_ends_at_the_depth(opened, site):
    live = opened(f"{site}/{CASE.page}", "activation")
    live.slider("depth").press("End")
    live.slider("state that is read").press("End")
    assert "back to x₁₀₀" in live.readout
    live.slider("depth").press("ArrowLeft")
    assert "back to x₇₅" in live.readout
    live.slider("depth").press("Home")
    live.slider("state that is read").press("End")
    live.slider("state that is read").press("ArrowRight")
    assert "back to x₁, through 0 units" in live.readout


def test_the_values_stand_in_the_table(opened, site):
    explorer = BeforeOrAfter(unit="norm", depth=54, width=8, seed=3)
    live = opened(f"{site}/{CASE.page}{CASE.link(explorer.state())}", "activation")
    live.root.get_by_text("Table of the values").click()
    found = numbers(explorer)
    rows = live.root.locator("details table tbody tr")
    assert rows.count() == 19
    for row in rows.all():
        at, shortcut, whole, coin = (cell.strip() for cell in row.inner_text().split("\t"))
        values = [found[name][int(at)] for name in ("shortcut", "whole", "coins")]
        assert [shortcut, whole, coin] == words("words", [(0 if v == -np.inf else 1, v) for v in values])
