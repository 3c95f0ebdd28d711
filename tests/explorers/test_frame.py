"""What frame.js, draw.js and worker.js offer to explorers, in one made for this: play, run, probe, fold, presets."""

import pytest

from resnotes.explorers._base import bundle, shared_style

MADE = """
import { frame } from "FRAME";
import { svg, make, picture, probe, shape } from "DRAW";
function* job(given) {
  if (given.fail) throw new Error("a job that fails");
  let sum = 0;
  for (let k = 1; k <= given.n; k++) {
    sum += twice(k) * FACTOR;
    yield { part: k / given.n };
    if (given.slow) for (const end = Date.now() + 20; Date.now() < end; );
  }
  return sum;
}
window.log = [];
window.given = { n: 4 };
export function build(el) {
  const values = { n: 0 };
  const model = { get: (key) => values[key], set: (key, value) => { values[key] = value; }, save_changes() {}, on() {}, off() {} };
  const ui = frame({ model, el, keys: ["n"], label: "test", caption: "", presets: [["two", { n: 2 }], ["three", { n: 3 }]] });
  const n = ui.slider("n", "n", { min: 0, max: 5, step: 1 });
  const play = ui.play("Play", { first: { n: 0 }, next: ({ n }) => (n < 5 ? { n: n + 1 } : null), every: 20 });
  const run = ui.run("Run", {
    job, tools: { twice: (x) => 2 * x, FACTOR: 10 }, given: () => window.given,
    told: ({ part }) => window.log.push(part), done: (sum) => window.log.push(`done ${sum}`),
  });
  const chart = svg("svg", { role: "img", "aria-label": "chart" });
  const first = make("div", { class: "rx-panel" }, chart), second = make("div", { class: "rx-panel" }, "second");
  const area = { left: 10, right: 210, top: 10, bottom: 90 };
  const places = [10, 60, 110, 160, 210];
  window.end = ui.start({
    controls: [n.element, play.element, run.element],
    more: [make("button", { type: "button" }, "further")],
    figures: [first, second],
    paint({ n }) {
      ui.say(`n is ${n}`);
      picture(chart, 220, 300, [shape("path", { d: "M0 0H9" })], probe(area, places, (k) => ({ said: [`place ${k}`, `n ${n}`], dots: [50] })));
    },
  });
}
"""


@pytest.fixture
def made(browser, tmp_path):
    """Opens a page with that explorer, from a file as a reader may; at the end no error may have been seen."""
    errors, contexts = [], []

    def start(**options):
        contexts.append(browser.new_context(viewport={"width": 1000, "height": 700}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        path = tmp_path / "page.html"
        path.write_text(
            f"<html data-theme=light><style>{shared_style()}</style><div id=el></div><div style='height: 2000px'>",
            "utf-8",
        )
        page.goto(path.as_uri())
        page.evaluate(
            """async ([made, frame, draw]) => {
              const url = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
              const text = made.replace("FRAME", url(frame)).replace("DRAW", url(draw));
              (await import(url(text))).build(document.getElementById("el"));
            }""",
            [MADE, bundle("frame"), bundle("draw")],
        )
        return page

    yield start
    for context in contexts:
        context.close()
    assert errors == []


def pressed(page):
    """The names of the presets that are shown to be on."""
    return page.locator("button[aria-pressed=true]").all_inner_texts()


def says(page, said):
    page.wait_for_function("said => document.querySelector('.rx-readout').textContent === said", arg=said, timeout=5000)


def test_the_preset_that_is_on_shows_it(made):
    page = made()
    assert pressed(page) == []
    page.get_by_role("button", name="two").click()
    assert pressed(page) == ["two"]
    page.get_by_role("slider").press("ArrowRight")
    assert pressed(page) == ["three"]
    page.get_by_role("slider").press("ArrowRight")
    assert pressed(page) == []


def test_play_walks_to_the_end_and_starts_anew(made):
    page = made()
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Stop").wait_for()
    says(page, "n is 5")
    page.get_by_role("button", name="Play").wait_for()
    at_once = page.evaluate("""() => {
      [...document.querySelectorAll("button")].find((b) => b.textContent === "Play").click();
      return document.querySelector(".rx-readout").textContent;
    }""")
    assert at_once == "n is 0"
    says(page, "n is 5")


def test_play_stops_when_anything_else_is_moved(made):
    page = made()
    page.evaluate("""async () => {
      [...document.querySelectorAll("button")].find((b) => b.textContent === "Play").click();
      await new Promise((resolve) => setTimeout(resolve, 50));
      [...document.querySelectorAll("button")].find((b) => b.textContent === "two").click();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }""")
    says(page, "n is 2")
    assert page.get_by_role("button", name="Play").is_visible()


def test_where_motion_is_unwelcome_a_press_is_a_step(made):
    page = made(reduced_motion="reduce")
    step = page.get_by_role("button", name="Play: one step")
    for n in (1, 2, 3, 4, 5, 0, 1):
        step.click()
        says(page, f"n is {n}")
    page.wait_for_timeout(100)
    says(page, "n is 1")


def test_a_job_runs_in_a_worker_with_its_tools(made):
    page = made()
    page.get_by_role("button", name="Run").click()
    page.wait_for_function("window.log.length === 5", timeout=5000)
    assert page.evaluate("window.log") == [0.25, 0.5, 0.75, 1, "done 200"]
    assert page.get_by_role("button", name="Run").is_visible() and not page.locator("progress").is_visible()


def test_a_job_can_be_stopped(made):
    page = made()
    page.evaluate("window.given = { n: 1e4, slow: true }")
    page.get_by_role("button", name="Run").click()
    page.wait_for_function("window.log.length > 2", timeout=5000)
    assert page.locator("progress").is_visible() and page.locator("progress").get_attribute("value") != "0"
    page.get_by_role("button", name="Stop").click()
    told = page.evaluate("window.log.length")
    page.wait_for_timeout(100)
    assert page.evaluate("window.log.length") == told
    assert page.get_by_role("button", name="Run").is_visible() and not page.locator("progress").is_visible()


def test_a_job_that_fails_says_so(made):
    page = made()
    page.evaluate("window.given = { fail: true }")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("a job that fails").wait_for()
    assert page.get_by_role("button", name="Run").is_visible()


def test_a_chart_answers_the_pointer(made):
    page = made()
    box = page.get_by_role("img").bounding_box()
    scale = min(box["width"] / 220, box["height"] / 300)
    left = box["x"] + (box["width"] - 220 * scale) / 2
    said = page.locator(".rx-probe-said")
    page.mouse.move(left + 120 * scale, box["y"] + 50 * scale)
    assert said.all_text_contents() == ["place 2", "n 0"]
    page.get_by_role("slider").press("ArrowRight")
    assert said.all_text_contents() == ["place 2", "n 1"]
    page.mouse.move(left + 120 * scale, box["y"] + 200 * scale)
    assert said.count() == 0


def test_on_a_phone_the_first_figure_stays_in_view(made):
    page = made()
    page.set_viewport_size({"width": 375, "height": 700})
    first, control = page.locator(".rx-panel").first, page.get_by_role("button", name="Reset")
    page.evaluate("e => scrollTo(0, e.getBoundingClientRect().top + scrollY - 500)", control.element_handle())
    assert page.evaluate("scrollY") > 100
    box = first.bounding_box()
    assert 0 < box["y"] + box["height"] <= 350
    assert page.locator(".rx-panel").last.bounding_box()["y"] > page.locator(".rx-readout").bounding_box()["y"]


def test_what_has_ended_moves_nothing(made):
    page = made()
    page.get_by_role("button", name="Play").click()
    page.evaluate("window.end()")
    said = page.locator(".rx-readout").inner_text()
    page.wait_for_timeout(100)
    assert page.locator(".rx-readout").inner_text() == said
