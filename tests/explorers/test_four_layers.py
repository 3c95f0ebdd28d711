"""The four layers' explorer: its numbers against the package, the claims and nudges; its diagram."""

import re
from fractions import Fraction
from html import unescape

import numpy as np
import pytest

from resnotes import Affine, Network, Unit, four_layer, identity, relu, tanh
from resnotes.book.cases import FourLayers as ExactLayers
from resnotes.book.claims import four_layers as residuals
from resnotes.book.claims.expressions import direct, total
from resnotes.book.exact import array
from resnotes.explorers import FourLayers
from resnotes.shortcuts import Identity, Scale, StopGradient
from resnotes.symbolic.algebra import Partial
from resnotes.symbolic.symbols import W, b, g, x

from .cases.four_layers import CASE, FOUR_PATHS, NUMBERS, SHORTCUTS, network, settings
from .modules import computed, figures, numbers, said, shown, words

PHONE = {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True}


def slope(state, at):
    """The derivative of E = g_5 x_5 with respect to x_at, by fractions; None where a ReLU turns within the step of the nudges."""
    exact = {key: Fraction(state[key]) for key in NUMBERS}

    def forward(by):
        x, open_ = {1: exact["x1"]}, []
        for k in range(1, 6):
            if k > 1:
                y = exact[f"w{k - 1}"] * x[k - 1] + exact[f"b{k - 1}"]
                if k in (3, 5) and state["skip_13" if k == 3 else "skip_35"] != "off":
                    y += x[k - 2]
                free = k in (3, 5) and not state["after"]
                x[k] = y if free else max(y, 0)
                open_.append(free or y > 0)
            x[k] += by if k == at else 0
        return x[5], open_

    step = Fraction(1, 2**10)
    (above, one), (_, two), (below, three) = forward(step), forward(Fraction(0)), forward(-step)
    return exact["g5"] * (above - below) / (2 * step) if one == two == three else None


def test_central_differences_are_exact_where_no_relu_turns():
    """On the sliders' quarters nothing is rounded: the central difference is the gradient, or a ReLU turns."""
    smooth = turned = 0
    states = list(settings(12, 0.25, seed=8))
    for state, one in zip(states, computed("four_layers", states), strict=True):
        for k in range(1, 6):
            wanted = slope(state, k)
            if wanted is None:
                turned += 1
                continue
            assert one["numbers"]["central"][k - 1] == one["numbers"]["truth"][k - 1] == wanted, (state, k)
            smooth += 1
    assert smooth > 2000
    assert turned > 10


def test_the_kink_is_named():
    one = shown(FourLayers(w2=-1, at=3))
    assert one["numbers"]["central"][2] != one["numbers"]["truth"][2]
    assert "straddles the kink" in one["said"]


# The notes' formulas: the claims have them as expressions, and a case of fractions to evaluate them in.
THROUGH = residuals.THROUGH
OWN_3 = {g(3): residuals.NOTES_3}
FIXED, MOVING = "other states held fixed", "total derivative"
WITH_NOTES_3 = "with the notes’ own g₃"
CONSTANT = "o is a constant"
PRINTED = {
    4: [("S0-B2", "", direct(g(5) * residuals.d(x(5), x(4))))],
    3: [
        ("S0-B3", FIXED, direct(residuals.FIRST_3)),
        ("S0-B3", MOVING, total(residuals.FIRST_3)),
        ("S0-B3", FIXED, direct(residuals.SECOND_3)),
        ("S0-B3", MOVING, total(residuals.SECOND_3)),
        ("S0-N1", MOVING, total(residuals.N1.rhs)),
        ("S0-S3", MOVING, g(5) * residuals.Total(residuals.y(5), x(3))),
        ("S3-Q10", CONSTANT, direct(THROUGH)),
        ("S0-A1", "", g(5)),
    ],
    2: [("S0-B4", "", direct(THROUGH * residuals.d(x(3), x(2))))],
    1: [
        ("S0-B5", FIXED, direct(residuals.FIRST_1)),
        ("S0-B5", MOVING, total(residuals.FIRST_1)),
        ("S0-B6", FIXED, direct(residuals.SECOND_1)),
        ("S0-B6", MOVING, total(residuals.SECOND_1)),
        (
            "S0-B6",
            f"{FIXED}, {WITH_NOTES_3}",
            direct(residuals.SECOND_1).xreplace(OWN_3),
        ),
        (
            "S0-B6",
            f"{MOVING}, {WITH_NOTES_3}",
            total(residuals.SECOND_1).xreplace(OWN_3),
        ),
        ("S0-N2", MOVING, total(residuals.N2.rhs)),
        ("S0-S2", MOVING, g(3) * residuals.Total(residuals.y(3), x(1))),
        ("S3-Q10", CONSTANT, direct(THROUGH * residuals.d(x(3), x(2)) * residuals.d(x(2), x(1)))),
        ("S0-A1", "", g(3)),
    ],
}


def case(state):
    exact = {key: Fraction(state[key]) for key in NUMBERS}
    data = {x(1): array([exact["x1"]]), g(5): array([exact["g5"]])}
    for k in range(1, 5):
        data[W(k)], data[b(k)] = array([[exact[f"w{k}"]]]), array([exact[f"b{k}"]])
    return ExactLayers(data)


def misprints(state, rows):
    """Where rows differ from the claims' own expressions, computed in fractions."""
    here, at = case(state), state["at"]
    true = here.value_g(at).item()
    found = []
    for row, (name, reading, expression) in zip(rows, PRINTED[at], strict=True):
        value = np.asarray(here.evaluate(expression)).item()
        bound = name == "S0-A1"
        wanted, value = (abs(true), abs(value)) if bound else (true, value)
        holds = wanted >= value if bound else wanted == value
        if (row["id"], row["reading"], row["gives"], row["wanted"], row["holds"]) != (
            name,
            reading,
            value,
            wanted,
            holds,
        ):
            found.append((state, row, value, wanted))
    return found


def quarters():
    """States whose numbers are all exact in floats, in the notes' own network, no sum at a kink."""
    both = [{**state, "skip_13": "on", "skip_35": "on", "after": True} for state in settings(2, 0.25, 3.0, seed=5)]
    found = computed("four_layers", both)
    return [s for s, one in zip(both, found, strict=True) if s["at"] < 5 and 0 not in one["numbers"]["y"]]


def test_the_notes_formulas_are_those_of_the_claims():
    states = [{**FOUR_PATHS, "at": at} for at in (1, 2, 3, 4)] + quarters()
    assert len(states) > 100
    found = computed("four_layers", states)
    rows = [(state, one["numbers"]["formulas"]) for state, one in zip(states, found, strict=True)]
    assert [fault for state, formulas in rows for fault in misprints(state, formulas)] == []
    # The printed derivative is 0 where x_4 is held fixed: what stays of the second form of g_3 is g_5 alone.
    assert case(FOUR_PATHS).evaluate(Partial(residuals.F4, x(3))).item() == 0


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_wrong_formula_would_be_noticed(at):
    state = {**FOUR_PATHS, "at": at}
    rows = numbers(FourLayers(**state))["formulas"]
    for k, row in enumerate(rows):
        damaged = [*rows[:k], {**row, "gives": row["gives"] + 0.25}, *rows[k + 1 :]]
        assert len(misprints(state, damaged)) == 1
    assert not all(row["holds"] for row in rows) or at == 4


def test_what_is_wrong_in_the_notes_is_not_true_with_four_open_paths():
    for at in (1, 2, 3):
        verdicts = {
            (row["id"], row["reading"]): row["holds"]
            for row in numbers(FourLayers(**{**FOUR_PATHS, "at": at}))["formulas"]
        }
        right = {name for (name, _), holds in verdicts.items() if holds}
        # With every ReLU open only the lost mask does no harm; and at x_1 the gradient happens to be larger.
        assert right <= {"S0-N1", "S0-S3", "S0-N2", "S0-S2", "S0-A1", "S0-B3"}


def test_own_weights_biases_and_network():
    mine = FourLayers(weights=[1, 2, 3, 4], x1=2)
    assert [mine.state()[key] for key in NUMBERS] == [1, 2, 3, 4, 0, 0, 0, 0, 2, 1]
    arrays = [np.full((1, 1), v) for v in (0.5, -1, 1, 2)]
    biases = [np.array([v]) for v in (1.0, 0, 0, 0.5)]
    same = FourLayers(weights=arrays, biases=biases)
    assert same.state() == FourLayers(network=four_layer.network(arrays, biases)).state()
    for state in CASE.sample:
        net = network(state)
        assert FourLayers(network=net, x1=state["x1"], g5=state["g5"], at=state["at"]).state() == state
    assert FourLayers(network=network(FOUR_PATHS), w1=3).w1 == 3


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"w1": "2"}, "w1: got '2' of type str, wanted one finite real number"),
        ({"b4": 10.5}, "b4: got 10.5, wanted a number from -10 to 10"),
        ({"x1": float("nan")}, "x1: got nan"),
        ({"skip_13": True}, "skip_13: got True of type bool, wanted one of on, constant, off"),
        ({"after": 1}, "after: got 1 of type int, wanted True or False"),
        ({"at": 0}, "at: got 0 of type int, wanted a whole number from 1 to 5"),
        ({"weights": [1, 2, 3]}, "weights: got an array of shape (3,)"),
        (
            {"weights": 3},
            "weights: got an array of shape () and dtype float64, wanted a list of four numbers",
        ),
        ({"weights": [1, 2, 3, 11]}, "w4: got 11"),
        ({"weights": np.ones((2, 2))}, "weights: got an array of shape (2, 2)"),
        ({"biases": [1, 2, 3, float("inf")]}, "biases: got inf"),
        ({"network": 3}, "network: got 3 of type int, wanted a resnotes.Network"),
        ({"w5": 1}, "w5: got a value, wanted one of w1, w2"),
    ],
)
def test_refusals_name_argument_got_and_wanted(state, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        FourLayers(**state)


def _unit(width=1, act=relu, shortcut=SHORTCUTS["on"], after=relu):
    return Unit([Affine(np.eye(width)), act, Affine(np.eye(width))], shortcut, after)


@pytest.mark.parametrize(
    "units",
    [
        [_unit()],
        [_unit(), _unit(), _unit()],
        [_unit(2), _unit(2)],
        [_unit(), _unit(act=tanh)],
        [_unit(), _unit(shortcut=Scale(0.5))],
        [_unit(), _unit(shortcut=StopGradient(Scale(0.5)))],
        [_unit(), _unit(after=identity)],
        [_unit(after=tanh), _unit(after=tanh)],
        [_unit(), Unit([Affine([[1.0]])], Identity(), relu)],
    ],
)
def test_other_networks_are_refused(units):
    with pytest.raises(ValueError, match=r"^network: got .*wanted two units \[Affine, relu, Affine\] of width 1"):
        FourLayers(network=Network(units))


def test_the_picture_holds_every_gradient_and_every_path():
    for state in CASE.sample[::4]:
        explorer = FourLayers(**state)
        picture, found = unescape(figures(explorer)), numbers(explorer)
        for k, printed in enumerate(words("about", found["g"])):
            if k + 1 < state["at"]:  # the gradient has not come there yet
                continue
            sign = " = " if "≈" not in printed else " "
            assert f"g{'₁₂₃₄₅'[k]}{sign}{printed}<".replace("\u00a0", " ") in picture.replace("\u00a0", " ")
        assert picture.count("<li>") == len(found["paths"])


# On the page.


def checked(live):
    return live.root.get_by_role("radio", checked=True).get_attribute("aria-label")


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_a_state_is_chosen_by_pointer(opened, site, options):
    live = opened(f"{site}/{CASE.page}", CASE.name, **options)
    before = live.readout
    assert checked(live).startswith("x₁ = 0.25")
    target = live.root.get_by_role("radio", name="x₃")
    box = target.bounding_box()
    assert box["height"] >= 44
    assert box["width"] >= 44
    target.tap() if options else target.click()
    assert checked(live) == "x₃ = 0.75, gradient g₃ = −0.5"
    assert live.readout == said(FourLayers(at=3)) != before
    assert live.root.locator(".rx-fl-paths li:visible").count() == 2


def test_a_state_is_chosen_by_keys_like_radio_buttons(opened, site):
    live = opened(f"{site}/{CASE.page}", CASE.name)
    page = live.page
    live.root.get_by_role("radio", checked=True).focus()
    for key, name in [
        ("ArrowRight", "x₂"),
        ("ArrowDown", "x₃"),
        ("End", "x₅"),
        ("ArrowRight", "x₁"),
        ("ArrowLeft", "x₅"),
        ("Home", "x₁"),
    ]:
        page.keyboard.press(key)
        assert checked(live).startswith(name)
        assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"
    # One stop for Tab, and it stays where it was while the diagram is drawn anew.
    assert live.root.locator("[role=radio][tabindex='0']").count() == 1


def test_paths_light_up_and_blocked_ones_are_dashed(opened, site):
    live = opened(f"{site}/{CASE.page}", CASE.name)
    live.root.get_by_role("button", name="four paths").click()
    diagram = live.root.locator(".rx-fl-diagram")
    assert diagram.locator("path.rx-fl-edge.rx-fl-lit").count() == 6
    live.root.get_by_role("radio", name="x₄").click()
    assert diagram.locator("path.rx-fl-edge.rx-fl-lit").count() == 1
    live.root.get_by_role("button", name="a skip that carries nothing").click()
    # x₃ is 0: its block and its skip bring nothing back, and neither does the ReLU of layer 3, whose sum is 0.
    assert diagram.locator("path.rx-fl-edge.rx-fl-zero").count() == 3
    live.root.get_by_text("More controls").click()
    live.root.get_by_role("combobox", name="skip x₁").select_option("off")
    assert diagram.locator("path.rx-fl-edge.rx-fl-gone").count() == 1
    assert live.root.locator(".rx-fl-paths li:visible").count() == 2


def test_a_row_lights_its_path_alone_by_pointer_and_by_keys(opened, site):
    live = opened(f"{site}/{CASE.page}", CASE.name)
    lit = live.root.locator(".rx-fl-diagram path.rx-fl-edge.rx-fl-lit")
    rows = live.root.get_by_role("switch")
    assert lit.count() == 6
    rows.last.hover()  # over both skips
    assert (lit.count(), rows.last.get_attribute("aria-checked")) == (2, "false")
    live.page.mouse.move(0, 0)  # where no row is, either, once the page has scrolled to what has the focus
    assert lit.count() == 6
    rows.first.focus()  # through all four layers
    live.page.keyboard.press("Enter")
    assert (lit.count(), rows.first.get_attribute("aria-checked")) == (4, "true")
    live.page.keyboard.press("Space")
    assert lit.count() == 6


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_the_gradient_is_sent_back(opened, site, motion):
    live = opened(f"{site}/{CASE.page}", CASE.name, reduced_motion=motion)
    shown_gradients = live.root.locator(".rx-fl-node text:nth-of-type(3)")
    live.root.get_by_role("button", name="Send the gradient back").click()
    for at in (5, 4, 3, 2, 1):
        live.page.wait_for_function(
            "said => document.querySelector('[data-ready] .rx-readout').textContent === said",
            arg=said(FourLayers(at=at)),
        )
        assert [bool(text) for text in shown_gradients.all_text_contents()] == [k >= at for k in range(1, 6)]
        if motion == "reduce" and at > 1:
            live.root.get_by_role("button", name="Send the gradient back").click()


OVERLAPS = """root => {
  const placed = (e, name) => [name, e.getBoundingClientRect()];
  const boxes = [...root.querySelectorAll('.rx-fl-diagram text')].map((e) => placed(e, e.textContent));
  const nodes = [...root.querySelectorAll('.rx-fl-node rect')].map((e) => ['box', e.getBoundingClientRect()]);
  const meet = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const inside = ([, a], [, b]) => a.left >= b.left && a.right <= b.right && a.top >= b.top
    && a.bottom <= b.bottom;
  const bad = [];
  boxes.forEach((one, k) => {
    for (const other of [...boxes.slice(k + 1), ...nodes]) {
      const held = other[0] === 'box' && inside(one, other);
      if (one[0] && other[0] && meet(one, other) && !held) bad.push([one[0], other[0]]);
    }
    const panel = root.getBoundingClientRect();
    if (one[1].left < panel.left || one[1].right > panel.right) bad.push([one[0], 'outside']);
  });
  return bad;
}"""


@pytest.mark.parametrize("width", [1280, 375])
def test_no_label_meets_another(opened, site, width):
    live = opened(f"{site}/{CASE.page}", CASE.name, viewport={"width": width, "height": 900})
    for state in [
        FOUR_PATHS,
        {**FOUR_PATHS, "skip_13": "constant", "skip_35": "constant"},
        *settings(1, 0.25, seed=1),
    ][::3]:
        live.page.evaluate("hash => { location.hash = hash }", CASE.link(state))
        live.page.wait_for_function(
            "said => document.querySelector('[data-ready] .rx-readout').textContent === said",
            arg=said(FourLayers(**state)),
        )
        assert live.root.evaluate(OVERLAPS) == [], state


def test_numbers_beyond_the_sliders_range_and_between_its_steps(opened, site):
    live = opened(f"{site}/{CASE.page}{CASE.link({**FOUR_PATHS, 'w1': -9.99, 'b2': 0.123})}", CASE.name)
    slider = live.slider("weight w₁")
    assert (slider.get_attribute("min"), slider.get_attribute("aria-valuetext")) == ("-10", "minus 9.99")
    live.root.get_by_text("More controls").click()
    assert live.slider("bias b₂").get_attribute("aria-valuetext") == "0.123"
    live.root.get_by_role("button", name="four paths").click()
    assert (slider.get_attribute("min"), slider.input_value()) == ("-4", "2")
