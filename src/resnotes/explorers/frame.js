// What every explorer has around its figures: a caption, presets, controls, the state in words, tables,
// a link to the state, reset. A module NAME.js gives
//
//   check(state)    what is wrong with a state, in words; "" where nothing is (links bring any state)
//   numbers(state)  everything it computes, as plain data, which the tests hold against the package
//   readout(state)  the state in words
//   render({ model, el, share })   default export { render }: builds `frame(…)`, its controls, and calls `start`
//
// The model is anywidget's in JupyterLab, and hydrate.js's stand-in on a page of the book; `share` exists on a page only.
// The static picture is what static.mjs finds in the figures after one `render` in Node. What has the class
// rx-only-live stays out of it: what tells a reader to press something, and what needs a canvas.
//
// On the page the picture comes first; on a narrow screen the first figure stays in view while the controls below it
// are moved. At most four controls go into `controls`, the others into `more`, which is folded. `play` makes a button
// that walks through states, `run` one that computes in a worker (worker.js), with its progress and a stop. A chart
// answers the pointer where `picture` is given a probe (draw.js: `probe`).
import { make, set, tabulate, write } from "./draw.js";
import { work } from "./worker.js";

const same = (a, b) => a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
const still = () => Boolean(globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches);

/**
 * keys: the traits that are the state. carried: traits that hold data and are in no link. presets: [label, patch]
 * pairs. settle: next state -> next state, with what does not go together mended.
 */
export function frame({ model, el, share, keys, carried = [], label, caption, presets, settle = (next) => next }) {
  const id = `rx-${Math.random().toString(36).slice(2)}`;
  const state = () => Object.fromEntries(keys.map((key) => [key, model.get(key)]));
  const first = state();
  const shown = [];
  let draw = () => {},
    quiet = false,
    pending = false,
    halt = () => {};

  /** The state after a change. What plays stops, unless the change is its own. */
  function update(patch, playing = false) {
    if (!playing) halt();
    const next = settle({ ...state(), ...patch }, patch);
    quiet = true;
    for (const key of keys) if (next[key] !== model.get(key)) model.set(key, next[key]);
    quiet = false;
    redraw();
    model.save_changes();
  }

  function redraw() {
    const now = state();
    for (const show of shown) show(now);
    draw(now);
  }

  const later = () => {
    if (quiet || pending) return;
    pending = true;
    queueMicrotask(() => {
      pending = false;
      redraw();
    });
  };

  /**
   * A labelled native slider for one trait. `words(value)` is what stands beside it, `spoken(value)` what a screen
   * reader says; `place` and `value` turn the trait into the slider's number and back; `next(value, key)` moves by
   * keys where the slider's own steps do not fit, null leaving it to the browser.
   */
  function slider(key, title, range, options = {}) {
    const { words = String, spoken = words, place = Number, value = Number, next } = options;
    const input = make("input", { type: "range", id: `${id}-${key}`, ...range });
    const output = make("output", { for: input.id });
    input.addEventListener("input", () => update({ [key]: value(Number(input.value)) }));
    input.addEventListener("keydown", (event) => {
      if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
      const moved = next(model.get(key), event.key);
      if (moved === null) return;
      event.preventDefault();
      update({ [key]: moved });
    });
    shown.push((now) => {
      input.value = place(now[key]);
      write(output, words(now[key]));
      set(input, { "aria-valuetext": spoken(now[key]) });
    });
    const head = make("label", { for: input.id }, title);
    return { element: make("div", { class: "rx-control" }, head, output, input), input };
  }

  /** A list of named choices for one trait; `patch(value)` says what choosing one sets besides. */
  function choice(key, title, options, patch = (value) => ({ [key]: value })) {
    const select = make(
      "select",
      { id: `${id}-${key}`, onchange: () => update(patch(select.value)) },
      ...Object.entries(options).map(([value, said]) => make("option", { value }, said)),
    );
    shown.push((now) => {
      select.value = now[key];
    });
    const element = make("div", { class: "rx-control" }, make("label", { for: select.id }, title), select);
    return { element, select };
  }

  /** A switch for one trait that is true or false. */
  function toggle(key, title) {
    const input = make("input", {
      type: "checkbox",
      id: `${id}-${key}`,
      onchange: () => update({ [key]: input.checked }),
    });
    shown.push((now) => {
      input.checked = now[key];
    });
    const element = make("div", { class: "rx-toggle" }, input, make("label", { for: input.id }, title));
    return { element, input };
  }

  const button = (said, onclick) => make("button", { type: "button", onclick }, said);

  /** A button for a preset, which shows when that state is the one on the page. */
  function preset([name, patch]) {
    const pressed = button(name, () => update(patch));
    shown.push((now) => {
      const then = settle({ ...now, ...patch }, patch);
      set(pressed, { "aria-pressed": keys.every((key) => same(then[key], now[key])) });
    });
    return pressed;
  }

  /**
   * A button that walks on its own until it is pressed again, or anything else is. `next(state)` is the change of one
   * step, or null at the end, where the walk starts anew from `first`, a change too; `every` is in milliseconds. Where
   * motion is unwelcome, a press is one step.
   */
  function play(title, { first: origin, next, every = 100 }) {
    let timer = null;
    const walked = button("", () => (timer === null ? begin() : end()));
    const name = () => write(walked, timer !== null ? "Stop" : still() ? `${title}: one step` : title);
    const end = () => {
      clearTimeout(timer);
      timer = null;
      name();
    };
    const step = () => {
      const patch = next(state());
      if (patch !== null) update(patch, true);
      return patch !== null;
    };
    const walk = () => {
      if (walked.isConnected && step()) timer = setTimeout(walk, every);
      else end();
    };
    function begin() {
      halt();
      halt = end;
      if (still()) {
        if (!step()) update(origin, true);
        return;
      }
      if (next(state()) === null) update(origin, true);
      timer = setTimeout(walk, every);
      name();
    }
    name();
    return { element: walked };
  }

  /**
   * A button that computes in a worker: `job`, a generator, and `tools` are what `work` takes, `given()` is what the job
   * gets. What it yields goes to `told`, and its `part` from 0 to 1 to the bar; what it returns goes to `done`. A second
   * press, or `stop`, ends it.
   */
  function run(title, { job, tools, given, told = () => {}, done = () => {} }) {
    let task = null;
    const bar = make("progress", { max: 1, value: 0, "aria-label": `Progress: ${title}` });
    bar.hidden = true;
    const failed = make("span", { class: "rx-problem", role: "alert" });
    const pressed = button(title, () => (task ? stop() : begin()));
    const settled = () => {
      task = null;
      bar.hidden = true;
      write(pressed, title);
    };
    function stop() {
      task?.stop();
      settled();
    }
    async function begin() {
      bar.value = 0;
      bar.hidden = false;
      failed.textContent = "";
      write(pressed, "Stop");
      const mine = (task = work(job, given(), {
        tools,
        told: (partial) => {
          if (task !== mine) return;
          if (partial?.part !== undefined) bar.value = partial.part;
          told(partial);
        },
      }));
      try {
        const result = await mine.result;
        if (task !== mine) return;
        settled();
        done(result);
      } catch (error) {
        if (task === mine) settled();
        failed.textContent = error.message;
      }
    }
    return { element: make("div", { class: "rx-run" }, pressed, bar, failed), begin, stop };
  }

  /** A fold; what stands in it is drawn when it is opened. */
  const fold = (title, ...children) =>
    make("details", { ontoggle: () => redraw() }, make("summary", {}, title), ...children);

  const message = make("span", { class: "rx-message", role: "status" });
  const tools = make(
    "div",
    { class: "rx-buttons" },
    button("Reset", () => {
      update(first);
      share?.forget();
    }),
  );
  if (share) {
    tools.append(
      button("Copy link to this state", async () => {
        message.textContent = await share.copy();
      }),
    );
    share.tell = (said) => {
      message.textContent = said;
    };
  }
  tools.append(message);

  const said = make("p", { class: "rx-readout", id: `${id}-said`, "aria-live": "polite" });
  const say = (sentence) => write(said, sentence);

  const holder = make("div", {
    class: "rx-table rx-scroll",
    tabindex: 0,
    role: "group",
    "aria-label": "Table of the values",
  });
  const details = fold("Table of the values", holder);
  /** Fill the folded table, if it is open; `table()` gives what `tabulate` takes. */
  const list = (table) => {
    if (!details.open) return;
    const [caption, ...cells] = table();
    tabulate(holder, `${caption} Long numbers are rounded to three digits.`, ...cells);
  };

  /**
   * Put everything on the page. figures: elements side by side, the first of them the one to watch; controls: at most
   * four elements; more: those that are folded; below: elements under them;
   * paint: state -> nothing, writes figures, tables and words; watch: an element whose width paint depends on, which is
   * `still` in the static picture, and `resized(width)`. Returns what ends it.
   */
  function start({ controls, more = [], figures, below = [], paint, watch, still = 600, resized = () => {} }) {
    const furtherControls = more.length
      ? [make("details", { class: "rx-more" }, make("summary", {}, "More controls"), make("div", { class: "rx-controls" }, ...more))]
      : [];
    el.replaceChildren(
      make(
        "div",
        { class: "resnotes-explorer rx-live", role: "group", "aria-label": `Explorer: ${label}` },
        make("p", { class: "rx-caption" }, caption),
        make("div", { class: "rx-figures" }, ...figures),
        make("div", { class: "rx-buttons", role: "group", "aria-label": "Examples" }, ...presets.map(preset)),
        make("div", { class: "rx-controls" }, ...controls),
        ...furtherControls,
        said,
        ...below,
        details,
        tools,
      ),
    );
    // JupyterLab would otherwise take the arrow keys for its own shortcuts before a slider sees them.
    for (const control of el.querySelectorAll("input, select, button, summary, [tabindex]")) {
      control.setAttribute("data-lm-suppress-shortcuts", "true");
    }
    draw = paint;
    // Measured here and when it changes, not at every update: reading it makes the browser lay the page out. In a section
    // that is not laid out yet (content-visibility) the observer does it, when it comes near and before it is seen.
    const near = el.checkVisibility?.({ contentVisibilityAuto: true }) ?? true;
    const measure = () => resized(watch.clientWidth || still);
    const observer = watch && new ResizeObserver(() => (measure(), later()));
    if (watch && near) measure();
    redraw();
    observer?.observe(watch);
    // Of a high figure the lower part stays in view: the css has to know how high it is.
    const high = new ResizeObserver(([{ target }]) => target.style.setProperty("--stays-high", `${target.offsetHeight}px`));
    high.observe(figures[0]);
    for (const key of [...keys, ...carried]) model.on(`change:${key}`, later);
    return () => {
      halt();
      high.disconnect();
      observer?.disconnect();
      for (const key of [...keys, ...carried]) model.off(`change:${key}`, later);
    };
  }

  return { id, state, update, slider, choice, toggle, play, run, fold, say, list, start };
}
