"""What a page costs in a browser: bytes by kind, requests, paint, formulas, shift, blocking, an explorer's update."""

import statistics

KINDS = {"Document": "html", "Stylesheet": "style", "Script": "script", "Font": "fonts", "Image": "pictures"}
DESKTOP = {"width": 1280, "height": 800}

# Runs before the page's own scripts. A formula counts as shown when it is set and its fonts are there.
WATCH = """
const seen = (window.resnotesSeen = { paint: null, shift: 0, tasks: [], typeset: null, fonts: 0 });
const watch = (type, use) =>
  new PerformanceObserver((list) => list.getEntries().forEach(use)).observe({ type, buffered: true });
watch("paint", (entry) => entry.name === "first-contentful-paint" && (seen.paint = entry.startTime));
watch("layout-shift", (entry) => entry.hadRecentInput || (seen.shift += entry.value));
watch("longtask", (entry) => seen.tasks.push([entry.startTime, entry.duration]));
document.fonts.addEventListener("loadingdone", () => (seen.fonts = performance.now()));
const asked = setInterval(() => {
  const promise = window.MathJax?.startup?.promise;
  if (!promise) return;
  clearInterval(asked);
  promise.then(() => (seen.typeset = performance.now()));
}, 1);
"""
# Nothing left to do: fonts are there, MathJax where there is one is through, explorers answer.
DONE = """() => document.readyState === "complete" && document.fonts.status === "loaded" && resnotesSeen.paint !== null
  && (!document.querySelector("script[src*=mathjax]") || resnotesSeen.typeset !== null)
  && document.querySelectorAll("[data-resnotes-explorer]").length <= document.querySelectorAll("[data-ready]").length"""
FORMULAS = "document.querySelectorAll('.katex, mjx-container').length"
UNSET = "[...document.querySelectorAll('.bd-article .math')].filter((e) => !e.querySelector('.katex, mjx-container')).length"

MOVE = """([which, k]) => {
  const root = document.querySelectorAll(".resnotes-explorer.rx-live")[which];
  const shown = (selector) => [...root.querySelectorAll(selector)].filter((e) => e.checkVisibility());
  // What slides, or where nothing does, what is chosen; handles in a picture answer the arrow keys.
  const sliding = shown("input[type=range], [role=slider]");
  const controls = sliding.length ? sliding : shown("select, [aria-label=Examples] button");
  const control = controls[k % controls.length];
  let event = new Event("input", { bubbles: true });
  if (control.type === "range") {
    const [low, high, step] = [Number(control.min), Number(control.max), Number(control.step) || 1];
    const now = Number(control.value), next = now + step <= high ? now + step : now - step;
    control.value = control.value === String(next) ? low : next;
  } else if (control.tagName === "SELECT") {
    control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
    event = new Event("change", { bubbles: true });
  } else if (control.tagName === "BUTTON") event = new MouseEvent("click", { bubbles: true });
  else event = new KeyboardEvent("keydown", { key: Math.floor(k / controls.length) % 2 ? "ArrowDown" : "ArrowUp", bubbles: true, cancelable: true });
  const before = root.textContent, start = performance.now();
  control.dispatchEvent(event);
  root.getBoundingClientRect();
  return [performance.now() - start, root.textContent !== before];
}"""
NAMES = """() => [...document.querySelectorAll(".resnotes-explorer.rx-live")]
  .map((explorer, k) => explorer.closest("[data-ready]")?.dataset.ready ?? `explorer-${k + 1}`)"""
NEAR = "which => document.querySelectorAll('.resnotes-explorer.rx-live')[which].scrollIntoView()"


def opened(browser, slowdown):
    """A page in a context of its own, with nothing cached, its watcher, and the list of what goes over the wire."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    session = context.new_cdp_session(page)
    wire, kinds = {}, {}
    session.on("Network.responseReceived", lambda said: kinds.update({said["requestId"]: said}))
    session.on("Network.loadingFinished", lambda said: wire.update({said["requestId"]: said["encodedDataLength"]}))
    session.send("Network.enable")
    session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    failures = []
    page.on("requestfailed", lambda request: failures.append(request.url))
    page.on("response", lambda answer: answer.status >= 400 and failures.append(f"{answer.status} {answer.url}"))
    page.add_init_script(WATCH)
    return context, page, (wire, kinds), failures


def by_kind(wire, kinds):
    """Bytes of each kind and the number of requests; what a page makes for itself is none."""
    found = dict.fromkeys((*KINDS.values(), "other"), 0)
    count = 0
    for key, said in kinds.items():
        if said["response"]["url"].startswith("http"):
            found[KINDS.get(said["type"], "other")] += round(wire.get(key, 0))
            count += 1
    return found, count


def once(browser, url, slowdown, whole):
    """One visit: times in seconds. Where a page is not `whole`, it may ask for what is not there."""
    context, page, (wire, kinds), failures = opened(browser, slowdown)
    page.goto(url, wait_until="load", timeout=120_000)
    page.wait_for_function(DONE, timeout=120_000)
    page.wait_for_timeout(1000)
    seen, formulas, unset = page.evaluate(f"[resnotesSeen, {FORMULAS}, {UNSET}]")
    context.close()
    if (failures and whole) or unset:
        raise SystemExit(f"{url}: {unset} formulas are not set; failed: {failures}")
    weights, requests = by_kind(wire, kinds)
    shown = max(seen["paint"], seen["typeset"] or 0, seen["fonts"])
    blocking = sum(max(0, took - 50) for began, took in seen["tasks"] if began + took > seen["paint"])
    times = {"paint": seen["paint"] / 1000, "blocking": blocking / 1000, "shift": seen["shift"]}
    if formulas:
        times["formulas"] = shown / 1000
    return {"bytes": weights, "requests": requests, "formulas": formulas, "times": times}


def updates(browser, url, slowdown, moves=130):
    """Explorer -> milliseconds from a control's event to the new layout, median and 95th percentile; every one of a page."""
    context, page, _, _ = opened(browser, slowdown)
    page.goto(url, wait_until="load", timeout=120_000)
    page.wait_for_function(DONE, timeout=120_000)
    page.wait_for_timeout(1000)
    found = {}
    for which, name in enumerate(page.evaluate(NAMES)):
        page.evaluate(NEAR, which)
        times, changes = [], 0
        for k in range(moves):
            passed, changed = page.evaluate(MOVE, [which, k])
            changes += changed
            if k >= 30:  # the first are compiled meanwhile
                times.append(passed)
        if changes < moves / 2:
            raise SystemExit(f"{url}: the words of {name} changed in {changes} of {moves} moves")
        times.sort()
        found[name] = {"median": round(statistics.median(times), 2), "p95": round(times[int(0.95 * len(times))], 2)}
    context.close()
    return found


def visited(browser, url, runs, slowdown, whole):
    """Medians over several visits, each with an empty cache."""
    visits = [once(browser, url, slowdown, whole) for _ in range(runs)]
    times = {name: round(statistics.median(visit["times"][name] for visit in visits), 4) for name in visits[0]["times"]}
    return {**visits[0], "times": times}


def page(browser, url, runs, whole=True):
    """Everything about one page, on this processor and on one four times slower."""
    plain, slow = (visited(browser, url, runs, slowdown, whole) for slowdown in (1, 4))
    found = {**plain, "slow": slow["times"]}
    if moved := updates(browser, url, 1):
        found["updates"], found["slow_updates"] = moved, updates(browser, url, 4)
    return found
