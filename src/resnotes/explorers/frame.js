// What every explorer has around its figures: a caption, telling states, controls, the state in words, tables,
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
import { make, tabulate, write } from "./draw.js";

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
    pending = false;

  function update(patch) {
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
      input.setAttribute("aria-valuetext", spoken(now[key]));
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
  const details = make(
    "details",
    { ontoggle: () => redraw() },
    make("summary", {}, "Table of the values"),
    holder,
  );
  /** Fill the folded table, if it is open; `table()` gives what `tabulate` takes. */
  const list = (table) => {
    if (!details.open) return;
    const [caption, ...cells] = table();
    tabulate(holder, `${caption} Long numbers are rounded to three digits.`, ...cells);
  };

  /**
   * Put everything on the page. controls: elements; figures: elements side by side; below: elements under them;
   * paint: state -> nothing, writes figures, tables and words; watch: an element whose width paint depends on, which is
   * `still` in the static picture, and `resized(width)`. Returns what ends it.
   */
  function start({ controls, figures, below = [], paint, watch, still = 600, resized = () => {} }) {
    el.replaceChildren(
      make(
        "div",
        { class: "resnotes-explorer rx-live", role: "group", "aria-label": `Explorer: ${label}` },
        make("p", { class: "rx-caption" }, caption),
        make(
          "div",
          { class: "rx-buttons", role: "group", "aria-label": "Telling states" },
          ...presets.map(([name, patch]) => button(name, () => update(patch))),
        ),
        make("div", { class: "rx-controls" }, ...controls),
        said,
        make("div", { class: "rx-figures" }, ...figures),
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
    // Measured here and when it changes, not at every update: reading it makes the browser lay the page out.
    const measure = () => resized(watch.clientWidth || still);
    const observer = watch && new ResizeObserver(() => (measure(), later()));
    if (watch) measure();
    redraw();
    observer?.observe(watch);
    for (const key of [...keys, ...carried]) model.on(`change:${key}`, later);
    return () => {
      observer?.disconnect();
      for (const key of [...keys, ...carried]) model.off(`change:${key}`, later);
    };
  }

  return { id, state, update, slider, choice, toggle, say, list, start };
}
