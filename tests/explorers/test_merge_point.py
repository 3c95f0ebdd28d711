"""The merge point's explorer: its numbers in fractions and against the package; own arrays; its diagram."""

import re
from fractions import Fraction

import numpy as np
import pytest

from resnotes.explorers import MergePoint
from resnotes.shortcuts import Absent, Identity, Projection, Scale, StopGradient, ZeroPad

from .cases.merge_point import CASE, PROJECTION, settings
from .modules import computed, figures, numbers, said, words

WS = [[1, 0], [2, -1], [0, 3]]


def grid(states):
    """The module's numbers in each state."""
    states = list(states)
    return [one["numbers"] for one in computed("merge_point", states)]


def exactly(found):
    """The same quantities in fractions, from the definitions: by nudging, and not by any chain rule."""
    o, g, W, H = (
        [[Fraction(v) for v in row] if isinstance(row, list) else Fraction(row) for row in found[name]]
        for name in ("o", "g", "W", "H")
    )

    def loss(o, H):
        x = [sum(a * b for a, b in zip(row, o, strict=True)) for row in W]
        carried = [sum(a * b for a, b in zip(row, o, strict=True)) for row in H]
        return sum(gk * (max(xk, 0) + ck) for gk, xk, ck in zip(g, x, carried, strict=True))

    h = Fraction(1, 2**30)
    at_o = [
        (loss([*o[:k], o[k] + h, *o[k + 1 :]], H) - loss([*o[:k], o[k] - h, *o[k + 1 :]], H)) / (2 * h)
        for k in range(len(o))
    ]
    own = [[(loss(o, _moved(H, r, c, h)) - loss(o, H)) / h for c in range(len(o))] for r in range(len(g))]
    return at_o, own


def _moved(H, r, c, h):
    return [[v + h * ((i, j) == (r, c)) for j, v in enumerate(row)] for i, row in enumerate(H)]


def test_whole_numbers_are_exact():
    """With whole numbers nothing is rounded: equal to the last bit, where no ReLU is at its kink."""
    whole = [state for state in settings(1) if all(float(state[k]).is_integer() for k in ("o1", "g1", "s11", "w"))]
    assert len(whole) > 60
    compared = 0
    for state, found in zip(whole, grid(whole), strict=True):
        at_o, own = exactly(found)
        if state["shortcut"] == "projection":
            assert found["H_gradient"] == own
        if 0 not in found["x"]:
            assert found["true"] == found["nudged"] == at_o
            compared += 1
    assert compared > 30


def test_a_stop_takes_exactly_the_skips_part_and_leaves_the_matrix_its_gradient():
    both = [grid({**state, "stop": stop} for state in CASE.grid) for stop in (True, False)]
    for state, stopped, free in zip(CASE.grid, *both, strict=True):
        assert stopped["skip"] == [0.0] * state["n_in"]
        assert stopped["at_o"] == stopped["branch"] == free["branch"]
        for name in ("y", "H_gradient", "W_gradient", "true", "nudged"):
            assert stopped[name] == free[name]


def test_zero_padding_clips_and_the_identity_copies():
    for state, found in zip(CASE.grid, grid({**state, "stop": False} for state in CASE.grid), strict=True):
        if state["shortcut"] != "projection":
            assert found["skip"] == found["g"][: state["n_in"]]
            assert found["carried"] == found["o"] + [0.0] * (state["n_out"] - state["n_in"])


OWN = [
    {"o": [3, -2], "g": [1, -1, 2], "Ws": WS},
    {"o": [0.5], "g": [1, 2, 3, 4, 5], "W": [[1], [2], [3], [4], [5]]},
    {
        "o": [1e-3, -70.25, 3],
        "g": [-1 / 3, 2],
        "W": [[1, 2, 3], [4, 5, 6]],
        "Ws": [[0.1, 0.2, 0.3], [7, 8, 9]],
        "stop": True,
    },
    {"g": [2, 3, 4], "shortcut": "identity"},
    {"Ws": np.arange(25).reshape(5, 5) - 12.5},
]


@pytest.mark.parametrize("own", OWN)
def test_own_arrays_are_used(own):
    explorer = MergePoint(**own)
    found = numbers(explorer)
    for name, key in (("o", "o"), ("g", "g"), ("W", "W"), ("Ws", "H")):
        if name in own:
            assert np.array_equal(found[key], np.array(own[name], dtype=float))
    carried = {name: getattr(explorer, name) for name in explorer.carried}
    # Beyond the reader's own arrays the pattern goes on.
    wide = {**explorer.state(), "shortcut": "projection", "n_in": 5, "n_out": 5}
    for state, one in zip(
        [explorer.state(), wide], computed("merge_point", [explorer.state(), wide], carried), strict=True
    ):
        assert CASE.faults(state, one["numbers"]) == []
    skip = np.array(one["numbers"]["H"])[: len(found["g"]), : len(found["o"])]
    assert explorer.shortcut != "projection" or np.array_equal(skip, found["H"])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Identity(), {"shortcut": "identity", "stop": False}),
        (ZeroPad(4), {"shortcut": "zeros", "n_in": 2, "n_out": 4}),
        (ZeroPad(3, 5), {"shortcut": "zeros", "n_in": 3, "n_out": 5}),
        (Projection(WS), {"shortcut": "projection", "n_in": 2, "n_out": 3, "s11": 1.0}),
        (StopGradient(Projection(WS)), {"shortcut": "projection", "stop": True}),
    ],
)
def test_the_packages_shortcuts_are_taken(given, wanted):
    state = MergePoint(shortcut=given).state()
    assert {key: state[key] for key in wanted} == wanted
    assert MergePoint(shortcut=Identity(), o=[1, 2, 3]).state()["n_out"] == 3
    assert MergePoint(shortcut=ZeroPad(3), o=[7]).state()["n_in"] == 1


def test_widths_that_are_not_given_fit():
    widths = [
        MergePoint(**given).state() for given in ({"n_in": 5}, {"n_out": 1}, {"shortcut": "identity", "n_out": 4})
    ]
    assert [(state["n_in"], state["n_out"]) for state in widths] == [(5, 5), (1, 1), (4, 4)]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"n_in": 0}, "n_in: got 0 of type int, wanted a whole number from 1 to 5"),
        ({"n_out": True}, "n_out: got True of type bool"),
        (
            {"shortcut": "identity", "n_in": 2, "n_out": 3},
            "n_out: got 3, wanted 2, the width of o, for the identity",
        ),
        ({"n_in": 3, "n_out": 2}, "n_out: got 2, wanted at least 3, the width of o, for zero-padding"),
        ({"shortcut": "conv"}, "shortcut: got 'conv' of type str, wanted one of identity, zeros, projection"),
        ({"shortcut": Scale(0.5)}, "shortcut: got Scale(0.5) of type Scale, wanted one of identity"),
        ({"shortcut": StopGradient(Absent())}, "shortcut: got Absent() of type Absent"),
        ({"stop": 1}, "stop: got 1 of type int, wanted True or False"),
        ({"w": float("nan")}, "w: got nan"),
        ({"o": [1, 2, 3, 4, 5, 6]}, "o: got an array of shape (6,)"),
        ({"o": []}, "o: got an empty list, wanted at least one number"),
        ({"o": "12"}, "o: got '12' of type str"),
        ({"g": [1, 200]}, "g: got 200, wanted a vector of 1 to 5 numbers, each of at most 100 in size"),
        ({"Ws": [1, 2]}, "Ws: got an array of shape (2,)"),
        ({"Ws": WS, "o": [1, 2, 3]}, "Ws: got a shape of 3 by 2, wanted n_in = 3"),
        ({"Ws": WS, "n_out": 4}, "n_out: got 4, wanted 3, as the arrays given have it"),
        ({"m": 2}, "m: got a value, wanted one of n_in, n_out"),
    ],
)
def test_refusals_name_argument_got_and_wanted(state, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        MergePoint(**state)


def test_a_refused_width_leaves_the_old_one():
    explorer = MergePoint(n_in=2, n_out=3)
    with pytest.raises(ValueError, match="n_out: got 3, wanted 2"):
        explorer.shortcut = "identity"
    assert explorer.shortcut == "zeros"
    with explorer.hold_trait_notifications():
        explorer.shortcut, explorer.n_out = "identity", 2
    assert explorer.shortcut == "identity"


def test_the_picture_holds_values_gradients_and_shapes():
    for state in CASE.sample[::4]:
        picture, found = figures(MergePoint(**state)), grid([state])[0]
        for entry in words("about", [*found["y"], *found["at_o"], *found["carried"], *found["at_x"]]):
            assert f">{entry}<" in picture
        assert f", {state['n_out']}×{state['n_in']}<" in picture
        assert (picture.count("rx-mp-bar") == 1) == state["stop"]


# On the page.


def test_a_width_that_does_not_fit_takes_the_other_with_it(opened, site):
    live = opened(f"{site}/{CASE.page}", CASE.name)
    wide, high = live.slider("width of o"), live.slider("width of y")
    live.root.get_by_role("combobox", name="shortcut").select_option("identity")
    assert (wide.input_value(), high.input_value()) == ("2", "2")
    high.press("ArrowRight")
    assert (wide.input_value(), high.input_value()) == ("3", "3")
    live.root.get_by_role("combobox", name="shortcut").select_option("zeros")
    high.press("End")
    assert (wide.input_value(), high.input_value()) == ("3", "5")
    high.press("Home")
    assert (wide.input_value(), high.input_value()) == ("1", "1")


TABLE = """root => [...root.querySelectorAll('.rx-live > details:not(.rx-more) table')].filter((t) => t.checkVisibility()).map((t) =>
  [...t.rows].map((row) => [...row.cells].map((cell) => cell.textContent)))"""


def test_the_matrix_and_its_gradient_in_every_shape(opened, site):
    """Shapes with as many cells as the one before, such as 2 by 3 after 3 by 2, too."""
    live = opened(f"{site}/{CASE.page}", CASE.name)
    live.root.get_by_text("What comes back to o, and").click()
    for n_in, n_out in [(2, 3), (3, 2), (5, 1), (1, 5), (5, 5)]:
        state = CASE.state(shortcut="projection", n_in=n_in, n_out=n_out)
        live.page.evaluate("hash => { location.hash = hash }", CASE.link(state))
        live.page.wait_for_function(
            "said => document.querySelector('[data-ready] .rx-readout').textContent === said",
            arg=said(MergePoint(**state)),
        )
        _, own, matrix = live.root.evaluate(TABLE)
        found = numbers(MergePoint(**state))
        assert own[0] == ["g \\ o", *words("about", found["o"])]
        gradient = zip(words("about", found["g"]), found["H_gradient"], strict=True)
        assert own[1:] == [[g, *words("about", row)] for g, row in gradient]
        assert [row[1:] for row in matrix[1:]] == [words("about", row) for row in found["H"]]


OVERLAPS = """root => {
  const figure = root.querySelector('.rx-figures svg[role=img]');
  const boxes = [...figure.querySelectorAll('text')].map((e) => [e.textContent, e.getBoundingClientRect()]);
  const cells = [...figure.querySelectorAll('rect')].map((e) => ['cell', e.getBoundingClientRect()]);
  const meet = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  const inside = ([, a], [, b]) => a.left >= b.left && a.right <= b.right && a.top >= b.top - 2 && a.bottom <= b.bottom + 2;
  const panel = root.getBoundingClientRect();
  const bad = [];
  boxes.forEach((one, k) => {
    for (const other of boxes.slice(k + 1)) if (meet(one, other)) bad.push([one[0], other[0]]);
    for (const cell of cells) if (meet(one, cell) && !inside(one, cell)) bad.push([one[0], 'cell']);
    if (one[1].left < panel.left || one[1].right > panel.right) bad.push([one[0], 'outside']);
  });
  return bad;
}"""


@pytest.mark.parametrize("width", [1280, 375])
def test_no_label_meets_another(opened, site, width):
    live = opened(f"{site}/{CASE.page}", CASE.name, viewport={"width": width, "height": 900})
    large = {
        "shortcut": "projection",
        "n_in": 5,
        "n_out": 5,
        "o1": 100.0,
        "g1": 100.0,
        "s11": 100.0,
        "w": 100.0,
    }
    for state in [CASE.state(**PROJECTION, stop=True), CASE.state(**large), *settings(1)][::4]:
        live.page.evaluate("hash => { location.hash = hash }", CASE.link(state))
        live.page.wait_for_function(
            "said => document.querySelector('[data-ready] .rx-readout').textContent === said",
            arg=said(MergePoint(**state)),
        )
        assert live.root.evaluate(OVERLAPS) == [], state


def test_the_stop_is_a_bar_and_not_a_colour(opened, site):
    live = opened(f"{site}/{CASE.page}", CASE.name)
    assert live.root.locator(".rx-mp-bar").count() == 0
    live.root.get_by_role("checkbox", name="hold o constant").check()
    assert live.root.locator(".rx-mp-bar").count() == 1
    assert live.root.get_by_text("← stopped: 0").count() == 1
    live.root.get_by_role("button", name="zeros").click()
    assert live.root.locator(".rx-mp-struck").all_text_contents() == ["2", "5"]
