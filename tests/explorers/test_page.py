"""The λ explorer on a page of the book, in Chromium: what it has beside what test_every.py asks of all."""

from axe_playwright_python.sync_playwright import Axe

from resnotes.explorers import LambdaDepth

from .cases import CASES
from .modules import computed, run, said, words
from .test_every import DRAWN
from .test_numbers import FORMATS_OF, SAMPLE, SERIES

PHONE = {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True}
SETTINGS = SAMPLE[:: len(SAMPLE) // 24]


def test_the_table_and_the_formats_are_the_modules(opened, http):
    assert len(SETTINGS) >= 20
    live = opened(http)
    live.root.get_by_text("Table of the values").click()
    live.root.get_by_text("Number formats").click()
    lines, ends = (run("lambda_depth", code, SETTINGS) for code in (SERIES, FORMATS_OF))
    found = computed("lambda_depth", SETTINGS)
    for state, one, series, formats in zip(SETTINGS, found, lines, ends, strict=True):
        live.page.evaluate("hash => { location.hash = hash }", CASES["lambda_depth"].link(state))
        live.page.wait_for_function(
            "said => document.querySelector('[data-ready] .rx-readout').textContent === said",
            arg=one["said"],
            timeout=5000,
        )
        rows = [
            [cell.strip() for cell in row.split("\t")]
            for row in live.root.locator(".rx-scroll tbody").inner_text().split("\n")
        ]
        names = ("whole", "shortcut", "rest")
        expected = words("words", [series[name][int(row[0])] for row in rows for name in names])
        assert [cell for row in rows for cell in row[1:]] == expected, state
        limits = live.root.locator(".rx-formats tbody tr").all_inner_texts()
        for row, end in zip(limits, formats, strict=True):
            depths = ["–" if end[kind] is None else f"at {end[kind]}" for kind in ("subnormal", "zero", "overflow")]
            assert [cell.strip() for cell in row.split("\t")][2:] == depths, state


def test_mouse(opened, either):
    live = opened(either)
    before = live.readout
    slider = live.slider("λ")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    live.page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    assert 0.45 <= float(slider.input_value()) <= 0.55
    assert live.readout != before
    live.root.get_by_role("button", name="r = 0: it fades").click()
    assert live.readout == said(LambdaDepth(lam=0.9, depth=50, r=0))
    live.root.get_by_role("button", name="Reset").click()
    assert live.readout == before


def test_heat_map_by_mouse(opened, http):
    live = opened(http)
    live.root.get_by_text("as a map").click()
    heat = live.root.get_by_role("application")
    heat.scroll_into_view_if_needed()
    box = heat.bounding_box()
    scale = box["width"] / 300

    def at(lam, decade):
        return box["x"] + (44 + lam * 123) * scale, box["y"] + (270 - decade * 86) * scale

    live.page.mouse.click(*at(1.5, 2))
    assert (live.slider("λ").input_value(), live.slider("depth").get_attribute("aria-valuetext")) == (
        "1.5",
        "100 units",
    )
    live.page.mouse.move(*at(1.5, 2))
    live.page.mouse.down()
    live.page.mouse.move(*at(0.5, 1), steps=4)
    live.page.mouse.move(box["x"] - 50, box["y"] - 50)  # beyond the edge: held at the corner
    live.page.mouse.up()
    assert (live.slider("λ").input_value(), live.slider("depth").get_attribute("aria-valuetext")) == (
        "0",
        "1000 units",
    )


def test_touch(opened, either):
    live = opened(either, **PHONE)
    slider = live.slider("depth")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box["height"] >= 44
    live.page.touchscreen.tap(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    assert int(slider.get_attribute("aria-valuetext").split()[0]) > 300
    live.root.get_by_text("as a map").tap()
    heat = live.root.get_by_role("application")
    heat.scroll_into_view_if_needed()
    box = heat.bounding_box()
    live.page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    assert 0.7 < float(live.slider("λ").input_value()) < 1.0
    live.root.get_by_role("button", name="it arrives").tap()
    assert live.readout == said(LambdaDepth(lam=0.9, depth=50, r=0.1))


def test_targets_are_large_enough_on_a_phone(opened, http):
    live = opened(http, **PHONE)
    assert live.page.evaluate("document.documentElement.scrollWidth") <= 375
    live.root.get_by_text("More controls").tap()
    live.root.get_by_role("combobox").select_option("own")
    for target in live.root.locator("button, input, select, summary").all():
        box = target.bounding_box()
        assert box["height"] >= 44, target.inner_text()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375


def test_depth_moves_by_whole_units(opened, http):
    live = opened(http)
    depth = live.slider("depth")
    depth.press("Home")
    assert depth.get_attribute("aria-valuetext") == "1 unit"
    moves = [
        ("ArrowRight", 2),
        ("ArrowUp", 3),
        ("ArrowLeft", 2),
        ("PageUp", 3),
        ("End", 1000),
        ("ArrowLeft", 980),
    ]
    for key, expected in moves:
        depth.press(key)
        assert depth.get_attribute("aria-valuetext") == f"{expected} units"


def test_own_list(opened, http):
    live = opened(http)
    live.root.get_by_text("More controls").click()
    live.root.get_by_role("combobox").select_option("own")
    field = live.root.get_by_role("textbox")
    field.fill("0.5, 1/4; 8")
    assert live.readout == said(LambdaDepth(factors=[0.5, 0.25, 8], r=0.1))
    kept = live.readout
    for typed, problem in [
        ("0.5, abc", "Entry 2, “abc”"),
        ("1, 1/0", "Entry 2, “1/0”"),
        ("", "empty"),
        ("9 " * 1001, "1001"),
    ]:
        field.fill(typed)
        assert problem in live.root.locator(".rx-problem").inner_text()
        assert field.get_attribute("aria-invalid") == "true"
        assert live.readout == kept
    field.fill("2")
    assert live.root.locator(".rx-problem").inner_text() == ""
    assert "After 1 unit the gradient is 210" in live.readout


def test_alternating_never_divides_by_zero(opened, http):
    live = opened(http)
    live.slider("λ").press("Home")
    assert live.slider("λ").input_value() == "0"
    live.root.get_by_text("More controls").click()
    live.root.get_by_text("as a map").click()
    live.root.get_by_role("combobox").select_option("alternating")
    assert live.slider("λ").get_attribute("aria-valuetext") == "λ is 0.01"
    live.slider("λ").press("Home")
    live.root.get_by_role("application").press("Shift+ArrowLeft")
    assert live.slider("λ").get_attribute("aria-valuetext") == "λ is 0.01"
    assert "NaN" not in live.root.inner_html()


def test_axe_sees_what_is_broken(opened, http):
    live = opened(http)
    live.page.evaluate("document.querySelector('[data-ready] label').remove()")
    violations = Axe().run(live.page, context="[data-ready]").response["violations"]
    assert "label" in [v["id"] for v in violations]


def test_lines_differ_in_dashes_and_not_in_colour_alone(opened, http):
    live = opened(http)
    names = ("whole", "shortcut", "rest", "plain")
    lines = [live.root.locator(f".rx-panel > svg .rx-{name}").first for name in names]
    assert (
        len(
            {
                line.evaluate("e => getComputedStyle(e).strokeDasharray + getComputedStyle(e).strokeWidth")
                for line in lines
            }
        )
        == 4
    )


def test_what_is_far_from_the_window_is_measured_when_it_comes_near(opened, site):
    """Its section is not laid out for its sake while the page loads; when it is seen it fits its panel."""
    live = opened(f"{site}/{CASES['walk'].page}", "walk", whole=True)
    fits = """e => {
      const panel = e.querySelector('.rx-panel');
      return panel.querySelector('svg').viewBox.baseVal.width === panel.clientWidth;
    }"""
    assert not live.root.evaluate(fits)
    live.root.scroll_into_view_if_needed()
    live.page.evaluate(DRAWN)
    assert live.root.evaluate(fits)


def test_other_pages_load_nothing_of_it(book):
    for path in book.glob("chapters/*.html"):
        text = path.read_text("utf-8")
        assert ("_static/resnotes-explorers-" in text) == ("data-resnotes-explorer=" in text), path.name
