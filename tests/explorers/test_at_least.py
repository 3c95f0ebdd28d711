"""The explorer of "at least" against NumPy, against the propositions it names, and by hand on the page."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from resnotes import Affine, Network, Unit, relu, tanh
from resnotes.explorers import AtLeast
from resnotes.shortcuts import Projection, Scale

from .cases import CASES
from .cases.at_least import ENTRIES
from .modules import figures, numbers, run, said

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(6)
MATRICES = [np.array(entries).reshape(2, 2) for entries in [*ENTRIES[:243:9], *ENTRIES[243:]]]
MATRICES += [
    *RNG.normal(size=(20, 2, 2)),
    *0.1 * RNG.normal(size=(20, 2, 2)),
    *30 * RNG.uniform(-1, 1, size=(20, 2, 2)),
]
PHONE = {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True}
PAGE = CASES["at_least"].page
#: The middle of the plane in its own units, and 1.
MIDDLE, UNIT = 190, 172 / 3


def circle(count):
    angles = (np.arange(count) + 0.5) * 2 * np.pi / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.fixture(scope="module")
def every():
    """What the module computes for every matrix."""
    states = [{**dict(zip("abcd", J.ravel().tolist(), strict=True)), "angle": 30} for J in MATRICES]
    code = """(module, states) => states.map((state) => {
      const found = module.summary(state), arcs = module.arcs(found).map(({ from, to, shrinks }) => [from, to, shrinks]);
      return { ...module.numbers(state), arcs };
    })"""
    return run("at_least", code, states)


@pytest.mark.parametrize("k", range(len(MATRICES)))
def test_what_shrinks_against_many_gradients(every, k):
    J, found = MATRICES[k], every[k]["summary"]
    many = circle(20_000)
    lengths = np.linalg.norm(many + many @ J, axis=1)
    # Lengths that are 1 but for rounding may fall on either side.
    noise = 1e-12 * (1 + np.abs(J).max() ** 2)
    assert np.mean(lengths < 1 - noise) - 1e-3 <= found["shrinking"] <= np.mean(lengths < 1 + noise) + 1e-3
    mirrored = np.linalg.norm(many - many @ J, axis=1)
    assert np.mean(mirrored < 1 - noise) - 1e-3 <= found["other"] <= np.mean(mirrored < 1 + noise) + 1e-3
    assert found["shortest"] <= lengths.min() + noise
    assert found["longest"] >= lengths.max() - noise
    if found["worst"] is None:
        assert lengths.max() - lengths.min() <= np.sqrt(noise)
    else:
        assert 0 <= found["worst"] <= 180
        angle = np.deg2rad(found["worst"])
        sent = np.array([np.cos(angle), np.sin(angle)]) @ (np.eye(2) + J)
        assert np.hypot(*sent) == pytest.approx(found["shortest"], abs=np.sqrt(noise))


@pytest.mark.parametrize("k", range(len(MATRICES)))
def test_the_arcs_are_the_parts_that_shrink_and_grow(every, k):
    J, arcs = MATRICES[k], every[k]["arcs"]
    assert arcs[-1][1] - arcs[0][0] == pytest.approx(360)
    for start, end, shrinks in arcs:
        for degrees in np.linspace(start, end, 9)[1:-1]:
            angle = np.deg2rad(degrees)
            length = np.linalg.norm(np.array([np.cos(angle), np.sin(angle)]) @ (np.eye(2) + J))
            noise = 1e-9 * (1 + np.abs(J).max())
            assert length < 1 + noise if shrinks else length > 1 - noise


@pytest.mark.parametrize("k", range(len(MATRICES)))
def test_what_the_propositions_say_is_so(every, k):
    """Each one's statement here, on a thousand gradients."""
    J, found, many = MATRICES[k], every[k]["summary"], circle(1000)
    applies = {title: yes == "yes" for title, yes, _ in every[k]["propositions"]}
    sent, size = many + many @ J, 1e-9 * (1 + np.abs(J).max() ** 2)
    lengths = np.linalg.norm(sent, axis=1)
    assert np.all(lengths >= found["lower"] - size)
    assert np.all(lengths <= found["upper"] + size)
    assert (applies["No gradient shrinks"]) == (found["lowest"] >= 0)
    if applies["No gradient shrinks"]:
        assert np.all(lengths >= 1 - size)
    else:
        assert found["shortest"] < 1
    both = (lengths < 1 - size) & (np.linalg.norm(many - many @ J, axis=1) < 1 - size)
    assert not both.any()
    assert np.mean(lengths**2) == pytest.approx(found["mean"], abs=1e-9 * (1 + np.abs(J).max() ** 2))
    if applies["Nothing negative"]:
        positive = np.abs(many)
        assert np.all(positive + positive @ J >= positive)
    if applies["Chain"]:
        chain = np.linalg.matrix_power(np.eye(2) + J, 10)
        lengths = np.linalg.norm(many @ chain, axis=1)
        assert np.all(lengths >= found["lower"] ** 10 * (1 - 1e-12) - 1e-12)
        assert np.all(lengths <= found["upper"] ** 10 * (1 + 1e-12))


def test_the_titles_are_those_of_the_chapter():
    chapter = json.loads((ROOT / "chapters" / "06_at_least.ipynb").read_text("utf-8"))
    titles = re.findall(r":::\{prf:proposition\} (.+)", "\n".join("".join(c["source"]) for c in chapter["cells"]))
    assert [title for title, _, _ in numbers(AtLeast())["propositions"]] == titles


@pytest.mark.parametrize(("cos", "sin"), [(0.6, 0.8), (-0.28, 0.96), (0.0, -1.0), (np.cos(1), np.sin(1)), (-1.0, 0.0)])
def test_a_turn_shrinks_nothing_and_prefers_nothing(cos, sin):
    """J + Jᵀ + JJᵀ is 0, with equal eigenvalues; in floats its entries need not be 0."""
    found = numbers(AtLeast(J=[[cos - 1, -sin], [sin, cos - 1]]))["summary"]
    assert (found["lowest"], found["highest"], found["worst"], found["shrinking"]) == (0, 0, None, 0)
    assert found["shortest"] == pytest.approx(1)


def test_readings():
    assert "Every direction but one" in said(AtLeast(J=[[-0.36, -0.48], [-0.48, -0.64]]))
    assert "promises 0.8, which is reached" in said(AtLeast(J=[[-0.2, 0], [0, -0.2]]))
    assert "which is reached" not in said(AtLeast(J=[[0.2, 0], [0, 0.2]]))
    # the surprise it opens with: no negative entry, and yet it shrinks
    opening = AtLeast().state()
    assert min(opening.values()) > 0
    assert numbers(AtLeast())["summary"]["shortest"] == 0.5
    assert np.hypot(*numbers(AtLeast())["sent"]) == pytest.approx(0.5)
    assert "This g arrives 0.5 times as long: it shrinks." in said(AtLeast())
    # a lower bound is promised where ‖J‖ is below 1, and nowhere else
    for J, wanted in (([[0.9, 0], [0, 0]], "at least 0.1"), ([[1, 0], [0, 0]], "there is no lower bound")):
        assert wanted in numbers(AtLeast(J=J))["propositions"][0][2].replace("≈\u00a0", "")


@pytest.mark.parametrize(
    "unit",
    [
        Unit([Affine([[0.5, -1.0], [1.0, 0.25]]), tanh]),
        Unit([Affine([[0.5, -1.0], [1.0, 0.25]]), tanh], shortcut=Scale(0.5)),
        Unit(
            [Affine([[0.5, -1.0], [1.0, 0.25]]), tanh],
            shortcut=Projection([[1.0, 2.0], [0.0, 1.0]]),
            after=tanh,
        ),
    ],
)
def test_a_unit_of_your_own_by_central_differences(unit):
    first = Unit([Affine([[0.3, 0.1], [-0.2, 0.4]]), relu])
    net, x = Network([first, unit]), np.array([0.4, 0.3])
    state = AtLeast(network=net, x=x, unit=1).state()
    at = net.forward(x).states[1]
    alone, step = Network([unit]), 1e-6
    slopes = [
        (alone.forward(at + move).states[-1] - alone.forward(at - move).states[-1]) / (2 * step)
        for move in step * np.eye(2)
    ]
    J = np.array([state[key] for key in "abcd"]).reshape(2, 2)
    assert np.allclose(np.array(slopes).T, np.eye(2) + J, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"a": "1"}, "a: got '1'"),
        ({"d": float("inf")}, "d: got inf"),
        ({"b": 101}, "b: got 101.0, wanted a number from -100 to 100"),
        ({"J": [1, 2]}, "J: got "),
        ({"J": np.eye(3)}, "J: got an array of shape (3, 3)"),
        ({"J": [[np.nan, 0], [0, 0]]}, "J: got nan"),
        ({"J": [[101, 0], [0, 0]]}, "a: got 101.0"),
        ({"network": 3}, "network: got 3"),
        ({"x": [1.0]}, "network: got None"),
        ({"network": Network([Unit([tanh])]), "x": [1.0, 2.0, 3.0]}, "network: got unit 0 with a Jacobian of shape (3, 3)"),
        ({"network": Network([Unit([tanh])]), "x": [[1.0, 2.0]]}, "x: got an array of shape (1, 2)"),
        ({"network": Network([Unit([tanh])]), "x": [1.0, 2.0], "unit": 1}, "unit: got 1"),
        ({"angle": 361}, "angle: got 361.0, wanted a number from 0 to 360"),
        ({"turn": 1}, "turn: got a value, wanted one of a, b, c, d, angle"),
    ],
)  # fmt: skip
def test_refusals(arguments, what):
    with pytest.raises(ValueError, match=re.escape(what)):
        AtLeast(**arguments)


def points(d):
    return np.array([[float(x) for x in pair.split()] for pair in d[1:].split("L")])


def test_the_static_picture_draws_what_shrinks():
    """The thick lines read back: as long as the thin circle before, and shorter after."""
    picture = ElementTree.fromstring(figures(AtLeast(a=0.5, b=1.0, c=1.0, d=0.5)))
    centre, unit = MIDDLE, UNIT
    lines = {}
    for element in picture.findall(".//{*}svg[@role='img']/{*}g/{*}path"):
        name = element.get("class") or ""
        if "rx-circle" in name or "rx-image" in name:
            lengths = np.linalg.norm(points(element.get("d")) - centre, axis=1) / unit
            lines.setdefault(name, []).append(lengths)
    assert np.allclose(np.concatenate(lines["rx-circle rx-shrinks"] + lines["rx-circle rx-grows"]), 1, atol=0.01)
    assert np.concatenate(lines["rx-image rx-shrinks"]).max() < 1.01
    assert np.concatenate(lines["rx-image rx-shrinks"]).min() == pytest.approx(0.5, abs=0.01)
    assert np.concatenate(lines["rx-image rx-grows"]).min() > 0.99


def test_the_page_draws_what_shrinks(opened, site):
    """By line width and not by colour alone; and the image of each part as the numbers say."""
    live = opened(f"{site}/{PAGE}", "at_least")
    widths = {
        kind: live.root.locator(f".rx-plane > svg .rx-image.rx-{kind}").first.evaluate(
            "e => parseFloat(getComputedStyle(e).strokeWidth)"
        )
        for kind in ("shrinks", "grows")
    }
    assert widths["shrinks"] >= 2 * widths["grows"]
    for kind, shrinks in (("shrinks", True), ("grows", False)):
        for line in live.root.locator(f".rx-plane > svg .rx-image.rx-{kind}").all():
            lengths = np.linalg.norm(points(line.get_attribute("d")) - MIDDLE, axis=1) / UNIT
            assert np.all(lengths < 1.01 if shrinks else lengths > 0.99)


def handle(live, name):
    return live.root.locator(".rx-handle").filter(has_text=name)


def centre(element):
    box = element.locator(".rx-knob").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def values(live):
    """The angle, and the four entries."""
    return [float(slider.input_value()) for slider in live.root.locator("input[type=range]").all()]


def per_unit(live):
    """Pixels of the page for 1 in the plane."""
    return live.root.locator(".rx-plane > svg").bounding_box()["width"] / (2 * MIDDLE) * UNIT


def dragged(live, name, right, up, grip=(0, 0)):
    x, y = centre(handle(live, name))
    live.page.mouse.move(x + grip[0], y + grip[1])
    live.page.mouse.down()
    live.page.mouse.move(x + grip[0] + right, y + grip[1] - up, steps=5)
    live.page.mouse.up()


def test_rows_and_g_are_dragged_by_mouse(opened, site):
    live = opened(f"{site}/{PAGE}", "at_least")
    handle(live, "g").scroll_into_view_if_needed()
    unit = per_unit(live)
    # gripped beside its middle: it moves by as much as the pointer does, and does not jump
    dragged(live, "1", -unit, -2 * unit, grip=(5, 3))
    assert values(live) == pytest.approx([135, -0.5, -1, 1, 0.5], abs=0.02)
    assert live.readout == said(AtLeast(**dict(zip("abcd", values(live)[1:], strict=True))))
    dragged(live, "2", 9 * unit, 0)  # beyond the edge: held there
    assert values(live) == pytest.approx([135, -0.5, -1, 3, 0.5], abs=0.02)
    # from 135° straight down to −45°, which is 315°
    dragged(live, "g", 2**0.5 * unit, -(2**0.5) * unit)
    assert values(live)[0] == pytest.approx(315, abs=2)
    live.page.mouse.move(0, 0)  # let go: it stays
    assert values(live)[0] == pytest.approx(315, abs=2)


def test_handles_in_one_place_can_both_be_dragged(opened, site):
    state = {"a": -1.0, "b": 0.0, "c": 0.0, "d": -1.0, "angle": 90.0}
    live = opened(f"{site}/{PAGE}{CASES['at_least'].link(state)}", "at_least")
    handle(live, "1").scroll_into_view_if_needed()
    for k, moved in (("1", [1, 2]), ("2", [3, 4])):
        before = values(live)
        dragged(live, k, 20, -20 - 30 * int(k))
        assert all(values(live)[entry] != before[entry] for entry in moved)
        assert k == "2" or values(live)[3:] == [0, -1]


def test_g_is_dragged_by_finger(opened, site):
    live = opened(f"{site}/{PAGE}", "at_least", **PHONE)
    element = handle(live, "g")
    element.scroll_into_view_if_needed()
    box = element.locator(".rx-reach").bounding_box()
    assert min(box["width"], box["height"]) >= 44
    unit = per_unit(live)
    x, y = centre(element)
    session = live.page.context.new_cdp_session(live.page)
    scrolled = live.page.evaluate("scrollY")
    for kind, by in (("touchStart", 0), ("touchMove", 0.5), ("touchMove", 1), ("touchEnd", None)):
        touches = [] if by is None else [{"x": x + by * unit / 2**0.5, "y": y - by * unit * (1 - 1 / 2**0.5)}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    # The browser hands moves on frame by frame.
    live.page.wait_for_function(
        "() => Math.abs(document.querySelector('[data-ready=at_least-1] input[type=range]').value - 90) < 3"
    )
    assert values(live)[1:] == [0.5, 1, 1, 0.5]
    assert live.page.evaluate("scrollY") == scrolled


def test_handles_are_moved_by_keys(opened, site):
    live = opened(f"{site}/{PAGE}", "at_least")
    first = handle(live, "1")
    for key, wanted in [
        ("ArrowRight", [135, 0.55, 1, 1, 0.5]),
        ("ArrowUp", [135, 0.55, 1.05, 1, 0.5]),
        ("Shift+ArrowLeft", [135, 0.05, 1.05, 1, 0.5]),
        ("Shift+ArrowDown", [135, 0.05, 0.55, 1, 0.5]),
    ]:
        first.press(key)
        assert values(live) == pytest.approx(wanted)
    assert first.get_attribute("aria-label") == "Row 1 of I + J is (1.05, 0.55). Arrow keys move it."
    for _ in range(12):
        first.press("Shift+ArrowRight")
    assert values(live)[1] == 2  # the edge: 3 in I + J
    handle(live, "g").press("ArrowRight")
    handle(live, "g").press("Shift+ArrowUp")
    assert values(live)[0] == 144


def test_a_large_matrix_widens_the_plane_and_the_sliders(opened, site):
    state = {"a": 40.0, "b": -1.0, "c": 0.0, "d": 0.0, "angle": 0.0}
    live = opened(f"{site}/{PAGE}{CASES['at_least'].link(state)}", "at_least")
    assert values(live) == [0, 40, -1, 0, 0]
    assert live.root.locator("input[type=range]").nth(1).get_attribute("max") == "50"
    box = live.root.locator(".rx-plane > svg").bounding_box()
    assert box["x"] <= centre(handle(live, "1"))[0] <= box["x"] + box["width"]
