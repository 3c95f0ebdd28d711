"""The λ explorer in Python: its traits, its refusals, its static form, its size."""

import gzip
import re
from html import unescape
from xml.etree import ElementTree

import numpy as np
import pytest
import traitlets
from hypothesis import given
from hypothesis import strategies as st

from _ext.resnotes_book import explorers as book_side
from resnotes import Affine, Network, Unit, identity, tanh
from resnotes.explorers import LambdaDepth
from resnotes.shortcuts import Absent, Scale

from .cases import CASES
from .modules import figures, said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"lam": "0.9"}, "lam: got '0.9' of type str, wanted one finite real number"),
        ({"lam": float("nan")}, "lam: got nan"),
        ({"lam": 2.5}, "lam: got 2.5, wanted a number from 0 to 2"),
        ({"r": float("inf")}, "r: got inf"),
        ({"r": None}, "r: got None"),
        ({"depth": -1}, "depth: got -1 of type int, wanted a whole number from 1 to 1000"),
        ({"depth": 0}, "depth: got 0"),
        ({"depth": 2.5}, "depth: got 2.5"),
        ({"depth": True}, "depth: got True"),
        ({"schedule": "linear"}, "schedule: got 'linear' of type str, wanted one of constant, alternating"),
        ({"schedule": "own"}, "factors: got an empty list, wanted at least one number"),
        ({"factors": []}, "factors: got an empty list, wanted at least one number"),
        ({"factors": [1, float("inf")]}, "factors: got inf at index (1,)"),
        ({"factors": "0.9"}, "factors: got '0.9' of type str"),
        ({"factors": [1e200]}, "factors: got 1e+200"),
        ({"factors": [1.0] * 1001}, "factors: got 1001 numbers"),
        (
            {"lam": 0, "schedule": "alternating"},
            "lam: got 0.0, wanted at least 0.01 in the alternating schedule",
        ),
        ({"lambda_": 1}, "lambda_: got a value, wanted one of lam, depth, r, schedule, factors"),
    ],
)
def test_refusals_name_argument_got_and_wanted(state, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        LambdaDepth(**state)


def test_a_refused_value_leaves_the_old_one():
    explorer = LambdaDepth(lam=0.5)
    with pytest.raises(traitlets.TraitError, match="lam: got 3"):
        explorer.lam = 3
    with pytest.raises(ValueError, match="lam: got 0"), explorer.hold_trait_notifications():
        explorer.schedule, explorer.lam = "alternating", 0
    assert (explorer.lam, explorer.schedule) == (0.5, "constant")


def test_defaults():
    assert LambdaDepth().state() == {"lam": 0.9, "depth": 50, "r": 0.1, "schedule": "constant", "factors": []}
    assert LambdaDepth(factors=[1, 2]).state() == {
        "lam": 1,
        "depth": 2,
        "r": 0.1,
        "schedule": "own",
        "factors": [1, 2],
    }
    assert LambdaDepth(schedule="from_above").lam == 1
    assert LambdaDepth(schedule="alternating").lam == 0.9


@given(
    st.one_of(
        st.text(),
        st.none(),
        st.lists(st.text(), min_size=1),
        st.floats(allow_nan=True),
        st.binary(),
        st.booleans(),
    )
)
def test_anything_is_taken_or_refused(value):
    for name in ("lam", "depth", "r", "schedule", "factors"):
        try:
            explorer = LambdaDepth(**{name: value})
        except ValueError as error:
            assert str(error).startswith(f"{name}: got ")
        else:
            assert getattr(explorer, name) == value


def test_output_has_both_forms_and_nothing_random():
    one, two = LambdaDepth()._repr_mimebundle_()[0], LambdaDepth()._repr_mimebundle_()[0]
    widget = "application/vnd.jupyter.widget-view+json"
    assert set(one) == {"text/plain", "text/html", widget}
    assert one["text/html"] == two["text/html"]
    assert one["text/plain"] == two["text/plain"]
    assert one[widget]["model_id"] not in one["text/html"] + one["text/plain"]
    assert said(LambdaDepth()) in unescape(one["text/html"])


def test_static_picture_draws_the_series():
    """The first and last point of the shortcut's line, read back from the picture."""
    picture = ElementTree.fromstring(figures(LambdaDepth(lam=0.5, depth=20, r=0.1))).find(".//{*}svg[@role='img']")
    (line,) = [p for p in picture if p.get("class") == "rx-line rx-shortcut" and "L" in p.get("d")]
    x, y = zip(*(map(float, point.split()) for point in line.get("d")[1:].split("L")), strict=True)
    grid = {t.text: float(t.get("y")) - 4 for t in picture if t.get("class") == "rx-end"}
    decade = (grid["10⁻⁴"] - grid["1"]) / 4
    assert len(x) == 21
    assert y[-1] == pytest.approx(grid["1"], abs=0.11)
    assert (y[0] - y[-1]) / decade == pytest.approx(20 * 0.30103, abs=0.01)


@pytest.mark.parametrize("name", CASES)
def test_all_script_and_style_is_small(name):
    script, style = book_side.script([name]).encode(), book_side.styles([name]).encode()
    assert len(gzip.compress(script)) + len(gzip.compress(style)) < 30_000


def test_your_own_network_is_measured():
    rng = np.random.default_rng(1)
    units = [Unit([Affine(rng.normal(size=(3, 3)) / 3), tanh], shortcut=Scale(0.9)) for _ in range(5)]
    net, x = Network(units), rng.normal(size=3)
    explorer = LambdaDepth(network=net, x=x, g=[1.0, 2.0, 2.0])
    states = net.backward(net.forward(x), [1.0, 2.0, 2.0]).states
    assert explorer.measured == pytest.approx([np.log10(np.linalg.norm(state) / 3) for state in states])
    assert (explorer.depth, explorer.factors, explorer.schedule) == (5, [0.9] * 5, "own")
    assert LambdaDepth(network=net, x=x, depth=7, factors=[1.0]).state()["depth"] == 7


def test_a_gradient_that_dies_is_measured_as_none():
    dead = Network([Unit([Affine(np.zeros((2, 2)))], shortcut=Absent()) for _ in range(2)])
    explorer = LambdaDepth(network=dead, x=[1.0, 1.0])
    assert explorer.measured == [None, None, 0.0]
    assert '"measured":[null,null,0.0]' in unescape(explorer.static())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"network": [1]}, "network: got "),
        ({"x": [1.0]}, "network: got None, wanted a resnotes.Network"),
        ({"network": Network([Unit([identity])]), "x": [1.0], "g": [0.0]}, "g: got a gradient of 0"),
        ({"network": Network([Unit([identity])] * 1001), "x": [1.0]}, "network: got 1001 units"),
        ({"measured": "1"}, "measured: got '1'"),
        ({"measured": [float("nan")]}, "measured: got nan"),
    ],
)
def test_own_networks_that_are_refused(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        LambdaDepth(**arguments)
