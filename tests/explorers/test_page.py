"""The λ explorer on a page of the book, in Chromium: mouse, touch, keyboard, words, links, print, speed."""

import re
from base64 import b64encode

import pytest
from axe_playwright_python.sync_playwright import Axe

from resnotes.explorers import LambdaDepth, _draw, lambda_depth
from resnotes.explorers._base import bundle

from .test_numbers import SAMPLE, assert_series_equal, plain

PHONE = {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True}
SETTINGS = SAMPLE[:: len(SAMPLE) // 24]


def link(state):
    """The link to a state, as the page writes it."""
    own = ",".join(map(str, state["factors"]))
    pairs = [f"{key}={state[key]}" for key in ("depth", "lam", "r", "schedule")]
    return "/".join(["#lambda_depth-1", *pairs, f"factors={own}"])


def test_numbers_equal_pythons(opened, http):
    assert len(SETTINGS) >= 20
    live = opened(http)
    live.root.get_by_text("Table of the values").click()
    for state in SETTINGS:
        live.page.evaluate("hash => { location.hash = hash }", link(state))
        said = lambda_depth.readout(**state)
        live.page.wait_for_function(
            "said => document.querySelector('[data-ready] .rx-readout').textContent === said",
            arg=said,
            timeout=5000,
        )
        rows = [
            [cell.strip() for cell in row.split("\t")]
            for row in live.root.locator("details table tbody").inner_text().split("\n")
        ]
        lines = lambda_depth.series(**state)
        for row in rows:
            at = int(row[0])
            expected = [
                _draw.words(int(lines[n].sign[at]), float(lines[n].log10[at]))
                for n in ("whole", "shortcut", "rest")
            ]
            assert row[1:] == expected, (state, at)
        ends = lambda_depth.formats(**state)
        limits = live.root.locator(".rx-table").first.locator("tbody tr").all_inner_texts()
        for row, end in zip(limits, ends.values(), strict=True):
            depths = ["–" if n is None else f"at {n}" for n in (end.subnormal, end.zero, end.overflow)]
            assert [cell.strip() for cell in row.split("\t")][2:] == depths, state


def test_chromium_computes_what_python_computes(opened, http):
    """The module as a notebook's front end gets it, to the last bits."""
    live = opened(http)
    url = f"data:text/javascript;base64,{b64encode(bundle('lambda_depth').encode()).decode()}"
    code = """async ([url, states]) => {
      const { series } = await import(url);
      return states.map((state) => {
        const step = Math.ceil(state.depth / 25);
        return Object.fromEntries(Object.entries(series(state)).map(([name, line]) => [name, line
          .filter((_, l) => l % step === 0 || l === state.depth)
          .map(({ sign, log10 }) => sign === 0 ? [0, null] : [sign, log10])]));
      });
    }"""
    for state, found in zip(SETTINGS, live.page.evaluate(code, [url, SETTINGS]), strict=True):
        assert_series_equal(state, found)


def test_mouse(opened, either):
    live = opened(either)
    before = live.readout
    slider = live.slider("λ")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    live.page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    assert 0.45 <= float(slider.input_value()) <= 0.55
    assert live.readout != before
    live.root.get_by_role("button", name="it fades").click()
    assert live.readout == LambdaDepth(lam=0.9, depth=200, r=0).readout()
    live.root.get_by_role("button", name="Reset").click()
    assert live.readout == before


def test_heat_map_by_mouse(opened, http):
    live = opened(http)
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
    heat = live.root.get_by_role("application")
    heat.scroll_into_view_if_needed()
    box = heat.bounding_box()
    live.page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    assert 0.7 < float(live.slider("λ").input_value()) < 1.0
    live.root.get_by_role("button", name="it arrives").tap()
    assert live.readout == LambdaDepth(lam=0.9, depth=200, r=0.1).readout()


def test_targets_are_large_enough_on_a_phone(opened, http):
    live = opened(http, **PHONE)
    assert live.page.evaluate("document.documentElement.scrollWidth") <= 375
    live.root.get_by_role("combobox").select_option("own")
    for target in live.root.locator("button, input, select, summary").all():
        box = target.bounding_box()
        assert box["height"] >= 44, target.inner_text()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375


def test_keyboard_alone(opened, either):
    """Tab reaches every control in order, each shows its focus, and keys move each."""
    live = opened(either)
    live.root.get_by_role("combobox").select_option("own")
    page = live.page
    page.evaluate("document.querySelector('[data-ready]').setAttribute('tabindex', '-1')")
    page.evaluate("document.querySelector('[data-ready]').focus()")
    reached = []
    inside = "[data-ready] :is(button, input, select, summary, [tabindex='0'])"
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => {
              const e = document.activeElement, style = getComputedStyle(e);
              if (!e.closest('[data-ready]')) return null;
              return [e.labels?.[0]?.textContent ?? e.ariaLabel ?? e.textContent,
                style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
            }"""
        )
        if name is None:
            break
        reached.append(name)
        keys = {
            "λ, the": "ArrowRight",
            "depth L": "PageUp",
            "r, the": "ArrowLeft",
            "Size of": "ArrowDown",
            "Table": "Enter",
        }
        for start, key in keys.items():
            if name[0].startswith(start):
                before = page.locator("[data-ready]").inner_html() + str(live.slider(start[:5]).count())
                values = page.eval_on_selector_all(
                    "[data-ready] input[type=range]", "all => all.map((e) => e.value)"
                )
                page.keyboard.press(key)
                after = page.locator("[data-ready]").inner_html()
                moved = page.eval_on_selector_all(
                    "[data-ready] input[type=range]", "all => all.map((e) => e.value)"
                )
                assert before != after
                assert start == "Table" or moved != values, start
    visible = [e for e in page.locator(inside).all() if e.is_visible()]
    assert len(reached) >= len(visible)
    assert all(focus_shows for _, focus_shows in reached), reached


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
    live.root.get_by_role("combobox").select_option("own")
    field = live.root.get_by_role("textbox")
    field.fill("0.5, 1/4; 8")
    assert live.readout == LambdaDepth(factors=[0.5, 0.25, 8], r=0.1).readout()
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


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"lam": 0, "depth": 1000, "r": 0}, "nothing is left of the gradient: it is exactly 0"),
        ({"lam": 2, "depth": 1000, "r": 0}, "the gradient is 1.07 × 10³⁰¹ times what entered"),
        ({"lam": 0.9, "depth": 1000, "r": -0.9}, "nothing is left of the gradient"),
        ({"lam": 2, "depth": 1000, "r": 2}, "the gradient is 1.15 × 10⁶⁰² times what entered"),
        ({"lam": 0.01, "depth": 1000, "r": 0}, "rounded to 0 by float16, bfloat16, float32 and float64"),
    ],
)
def test_extremes_read_sensibly(opened, http, state, expected):
    live = opened(http + link({"schedule": "constant", "factors": [], **state}))
    assert expected in plain(live.readout)
    assert not re.search("NaN|Infinity|undefined", live.root.inner_html())


def test_alternating_never_divides_by_zero(opened, http):
    live = opened(http)
    live.slider("λ").press("Home")
    assert live.slider("λ").input_value() == "0"
    live.root.get_by_role("combobox").select_option("alternating")
    assert live.slider("λ").get_attribute("aria-valuetext") == "λ is 0.01"
    live.slider("λ").press("Home")
    live.root.get_by_role("application").press("Shift+ArrowLeft")
    assert live.slider("λ").get_attribute("aria-valuetext") == "λ is 0.01"
    assert "NaN" not in live.root.inner_html()


def test_link_restores_the_state(opened, either):
    live = opened(either)
    state = {"lam": 1.25, "depth": 12, "r": -0.5, "schedule": "own", "factors": [0.5, -2.0]}
    live.page.evaluate("hash => { location.hash = hash }", link(state))
    live.page.wait_for_function("document.querySelector('[data-ready] select').value === 'own'")
    live.root.get_by_role("button", name="Copy link").click()
    live.page.wait_for_function("document.querySelector('.rx-message').textContent !== ''")
    said = live.root.locator(".rx-message").inner_text()
    assert said in ("The link is copied.", "The link stands in the address bar: copy it from there.")
    other = opened(live.page.url)
    assert other.readout == LambdaDepth(**state).readout()
    assert other.root.get_by_role("textbox").input_value() == "0.5, -2"


@pytest.mark.parametrize(
    ("tail", "said"),
    [("/lam=7", "lam: got 7"), ("/depth=2.5", "depth: got 2.5"), ("/lam=", "lam: got NaN"),
     ("/colour=red", "unknown"), ("/schedule=own", "got an empty list"), ("/r=%E0%A4%A", "cannot be read")],
)  # fmt: skip
def test_a_broken_link_says_so(opened, http, tail, said):
    live = opened(f"{http}#lambda_depth-1{tail}")
    assert said in live.root.locator(".rx-message").inner_text()
    assert live.readout == opened(http).readout


MOVES = """([seed, count]) => {
  const root = document.querySelector('[data-ready]');
  const random = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return seed / 2 ** 32; };
  const pick = (list) => list[Math.floor(random() * list.length)];
  const fire = (element, type) => element.dispatchEvent(new Event(type, { bubbles: true }));
  const bad = [], said = new Set();
  for (let k = 0; k < count; k++) {
    const element = pick([...root.querySelectorAll('button, input, select, [role=application], summary')]
      .filter((e) => !e.textContent.startsWith('Copy')));
    if (element.type === 'range') {
      element.value = Number(element.min) + random() * (element.max - element.min);
      fire(element, 'input');
    } else if (element.tagName === 'SELECT') {
      element.value = pick([...element.options]).value;
      fire(element, 'change');
    } else if (element.type === 'text') {
      element.value = pick(['0.5, 2', '1e100 1e-100', '-1', '0', 'x', '', '1/3;3', '1e-320', '1e400',
        '0.9 '.repeat(400)]);
      fire(element, 'input');
    } else if (element.getAttribute('role') === 'application') {
      const key = pick(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'a']);
      const options = { key, shiftKey: random() < 0.5, bubbles: true, cancelable: true };
      element.dispatchEvent(new KeyboardEvent('keydown', options));
    } else element.click();
    said.add(root.querySelector('.rx-readout').textContent);
    const html = root.outerHTML;
    const found = html.match(/NaN|Infinity|undefined|null(?!px)/);
    if (found) bad.push([k, found[0], html.slice(found.index - 80, found.index + 20)]);
  }
  return [bad, said.size];
}"""


def test_a_thousand_random_moves(opened, http):
    live = opened(http)
    bad, different = live.page.evaluate(MOVES, [20261121, 1000])
    assert bad == []
    assert different > 300


def test_random_moves_would_see_nan(opened, http):
    live = opened(http)
    live.page.evaluate("document.querySelector('[data-ready]').dataset.broken = String(0 / 0)")
    bad, _ = live.page.evaluate(MOVES, [1, 3])
    assert len(bad) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_axe_finds_nothing(opened, http, scheme, width):
    live = opened(http, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert live.page.locator("html").get_attribute("data-theme") == scheme
    live.root.get_by_role("combobox").select_option("own")
    live.root.get_by_text("Table of the values").click()
    live.root.get_by_role("textbox").fill("0.5, abc")
    found = Axe().run(live.page, context="[data-ready]").response
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]] == []
    assert len(found["passes"]) > 10


def test_axe_sees_what_is_broken(opened, http):
    live = opened(http)
    live.page.evaluate("document.querySelector('[data-ready] label').remove()")
    violations = Axe().run(live.page, context="[data-ready]").response["violations"]
    assert "label" in [v["id"] for v in violations]


def luminance(colour):
    channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out(opened, http, scheme):
    """Every line at 3:1 against the ground; the three series differ in dashes, not in colour alone."""
    live = opened(http, color_scheme=scheme)
    ground = luminance(
        live.root.locator(".resnotes-explorer").evaluate("e => getComputedStyle(e).backgroundColor")
    )
    dashes = set()
    for name in ("rx-whole", "rx-shortcut", "rx-rest", "rx-limit", "rx-axis"):
        line = live.root.locator(f".rx-panel > svg .{name}").first
        stroke, dash = line.evaluate("e => [getComputedStyle(e).stroke, getComputedStyle(e).strokeDasharray]")
        high, low = sorted([ground, luminance(stroke)], reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3, (name, stroke)
        dashes.add(dash) if name in ("rx-whole", "rx-shortcut", "rx-rest") else None
    assert len(dashes) == 3


def test_print_shows_the_static_picture(opened, http):
    live = opened(http)
    static = live.page.locator("figure[data-resnotes-explorer]")
    assert live.root.is_visible()
    assert not static.is_visible()
    live.page.emulate_media(media="print")
    assert not live.root.is_visible()
    assert static.locator("svg").is_visible()
    assert "After" in static.locator("figcaption").inner_text()


def test_without_javascript_the_static_picture_stands(browser, either):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(either)
    assert page.locator("figure[data-resnotes-explorer] svg").is_visible()
    assert "After" in page.locator("figure[data-resnotes-explorer] figcaption").inner_text()
    assert page.locator("[data-ready], input[type=range]").count() == 0
    context.close()


def test_other_pages_load_nothing_of_it(book):
    for path in book.glob("chapters/*.html"):
        text = path.read_text("utf-8")
        assert ("resnotes-explorers." in text) == ("data-resnotes-explorer=" in text), path.name


MOVE = """(k) => {
  const root = document.querySelector('[data-ready]');
  const [lam, depth, r] = root.querySelectorAll('input[type=range]');
  const slider = [lam, depth, r][k % 3];
  slider.value = slider === depth ? 3 - (k % 2) * 0.001 : 0.7 + 0.002 * k;
  const start = performance.now();
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  root.getBoundingClientRect();
  return performance.now() - start;
}"""


def test_updates_are_fast(opened, http, record_property):
    """At depth 1000, the table open, layout included: the aim is 8 ms at the 95th percentile.

    Processor time of the page's main thread is what is judged, since other work on the machine would count
    into the clock's time; twice the aim is allowed for slow machines.
    """
    live = opened(http)
    live.slider("depth").press("End")
    live.root.get_by_text("Table of the values").click()
    session = live.page.context.new_cdp_session(live.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used():
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        return 1000 * sum(
            metrics[name] for name in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
        )

    clock, processor = [], []
    for k in range(230):
        before = used()
        passed = live.page.evaluate(MOVE, k)
        if k >= 30:  # the first are compiled meanwhile
            clock.append(passed)
            processor.append(used() - before)
    p95 = [sorted(times)[int(0.95 * len(times))] for times in (processor, clock)]
    record_property("update_p95_ms", p95)
    print(f"update, 95th percentile: {p95[0]:.1f} ms of processor time, {p95[1]:.1f} ms by the clock")
    assert min(processor) > 0.2, "nothing was measured"
    assert p95[0] < 16
