// It trains, or it does not: a residual network learns the digits on the page, and beside it one that differs in one thing.
// The upper half are pure functions of the state {shortcut, depth, scale, beside, place, rate, seed}; the runs themselves
// are made by trainer.js, in a worker; the lower half draws both. `opening` holds the runs of the state that the page opens on.
import { drawCurves, drawSizes, percent } from "./curves.js";
import { make, number, share, svg, swatch, units, words, write } from "./draw.js";
import { frame } from "./frame.js";
import { trainer } from "./trainer.js";

const { STEPS, EVERY, BATCH, WIDTH } = trainer();
const KEYS = ["shortcut", "depth", "scale", "beside", "place", "rate", "seed"];
const DEPTHS = [4, 100];
const HIGHEST = 1.2;
const SEEDS = 10;
const SCALES = { one: "1", root: "1/√L", skipinit: "0 at first, and learned (SkipInit)" };
const BRIEF = { ...SCALES, skipinit: "SkipInit" };
const PLACES = { before: "in the branch alone (pre)", after: "after the addition (post)" };
const RATES = [1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 1];
/** What stands beside the network: [what it is called, what it changes]. */
const OTHERS = {
  none: ["nothing", {}],
  identity: ["the same with λ = 1", { shortcut: 1 }],
  absent: ["the same with λ = 0", { shortcut: 0 }],
  root: ["the same with branches of scale 1/√L", { scale: "root" }],
  one: ["the same with branches of scale 1", { scale: "one" }],
  place: ["the same with its ReLU in the other place", null],
};

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ shortcut, depth, scale, beside, place, rate, seed }) {
  const one = (name, got, all) => (all.includes(got) ? "" : `${name}: got ${got}, wanted one of ${all.join(", ")}`);
  if (!(shortcut >= 0 && shortcut <= HIGHEST)) return `shortcut: got ${shortcut}, wanted a number from 0 to ${HIGHEST}`;
  if (!(Number.isInteger(depth) && depth >= DEPTHS[0] && depth <= DEPTHS[1])) {
    return `depth: got ${depth}, wanted a whole number from ${DEPTHS[0]} to ${DEPTHS[1]}`;
  }
  if (!(Number.isInteger(seed) && seed >= 0 && seed < SEEDS)) {
    return `seed: got ${seed}, wanted a whole number from 0 to ${SEEDS - 1}`;
  }
  return (
    one("scale", scale, Object.keys(SCALES)) ||
    one("beside", beside, Object.keys(OTHERS)) ||
    one("place", place, Object.keys(PLACES)) ||
    one("rate", rate, RATES)
  );
}

/** The settings of the network, and of the one beside it where that differs. */
export function networks({ shortcut, depth, scale, beside, place, rate, seed }) {
  const own = { shortcut, depth, scale, place, rate, seed };
  const change = OTHERS[beside][1] ?? { place: place === "before" ? "after" : "before" };
  const differs = Object.keys(change).some((key) => change[key] !== own[key]);
  return differs ? [own, { ...own, ...change }] : [own];
}

/** Before the first step, on the way from x_L down to x_l: what the shortcuts alone bring, and the law for all paths. */
function before({ shortcut, depth, scale, place }) {
  const down = Array.from({ length: depth + 1 }, (_, l) => depth - l);
  const beta2 = { one: 1, root: 1 / depth, skipinit: 0 }[scale];
  const factor = shortcut ** 2 + beta2;
  const raised = (base, n) => (n === 0 ? 0 : n * Math.log10(base));
  return {
    shortcuts: down.map((n) => (shortcut === 0 && n ? [0, -Infinity] : [1, raised(shortcut, n)])),
    // The law is one of units with nothing after the addition.
    law: place === "before" ? down.map((n) => raised(factor, n) / 2) : [],
  };
}

/** Everything computed from the state alone. */
export const numbers = (state) => networks(state).map(before);

const subscript = (n) => [...String(n)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
const size = ([sign, log10]) => ({ sign, log10 });

/** What tells a network from the one beside it. */
function nameOf(own, other) {
  if (!other) return "this network";
  if (own.shortcut !== other.shortcut) return `λ = ${number(own.shortcut)}`;
  if (own.scale !== other.scale) return `branches of scale ${BRIEF[own.scale]}`;
  return `ReLU ${own.place === "before" ? "in the branch" : "after the addition"}`;
}
const namesOf = (list) => list.map((own, k) => nameOf(own, list[1 - k]));

/** What arrives at x_0 of a fresh network, in words. */
function arrives({ place }, { shortcuts, law }) {
  const alone = `the shortcuts alone bring ${share(size(shortcuts[0]))} of it`;
  if (place === "after") return `${alone}, less what the ReLUs after the additions take away`;
  if (law[0] === -Infinity) return `${alone}, and nothing else comes`;
  return `${alone}, and all paths together ${share(size([1, law[0]]))} in the root mean square`;
}

/** The state in words: what is known before the first step. */
export function readout(state) {
  const list = networks(state);
  const names = list.length > 1 ? namesOf(list) : [`λ = ${number(state.shortcut)}`];
  const said = list.map((own, k) => `With ${names[k].replace(/^ReLU/, "a ReLU")} ${arrives(own, before(own))}.`);
  return `Before the first step a gradient enters at x${subscript(state.depth)}. To x₀ comes this: ${said.join(" ")}`;
}

// -------------------------------------------------------------------------------------------- what a run has shown

/** A run of which nothing is known yet: losses, [step, accuracy] pairs, sizes of the gradient at first and at last. */
const blank = () => ({ loss: [], accuracy: [], first: null, last: null, lost: null });

/** Take in what a worker tells of one step. */
export function told(record, { number: step, loss, accuracy, sizes, diverged }) {
  if (diverged) record.lost = [step, diverged];
  else {
    record.loss.push(loss);
    if (accuracy !== null) record.accuracy.push([step, accuracy]);
    record.first ??= sizes;
    record.last = sizes;
  }
  return record;
}

/** What has become of a run, in words. */
export function outcome({ loss, accuracy, lost }) {
  if (lost) return `diverged at step ${lost[0]}: ${lost[1]} is no longer a finite number`;
  if (!loss.length) return "not trained yet";
  const step = loss.length - 1;
  const [, right] = accuracy.at(-1);
  const at = step === STEPS ? `after ${STEPS} steps` : `at step ${step}`;
  // Three digits of what was measured.
  return `${at} the loss is ≈\u00a0${words({ sign: 1, log10: Math.log10(loss.at(-1)) })}, and ${percent(right)} of the test digits are recognised`;
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Two networks from the same random numbers see the same images in the same order, and differ in one thing. " +
  "Guess which of them learns, then train both: it happens on this page. Notice what arrived at the input before the first step.";
const BASE = { shortcut: 1, depth: 50, scale: "root", beside: "identity", place: "before", rate: 0.05 };
const PRESETS = [
  ["shortcut 0.9 instead of 1", { ...BASE, shortcut: 0.9 }],
  ["branches of full size", { ...BASE, scale: "one", beside: "root" }],
  ["shortcut 1.1 instead of 1", { ...BASE, shortcut: 1.1, depth: 20 }],
  ["a gradient arrives, and yet", { ...BASE, shortcut: 0, depth: 20, scale: "one", beside: "none" }],
];
const CLASSES = ["own", "beside"];

/** The lines of all that is known of the gradient: by the shortcuts alone, at the first step, at the last one made. */
function linesOf(records, found) {
  const down = (list) => list.map((value, l) => [l, value]).reverse();
  const relative = (sizes) => down(sizes.map((each) => Math.log10(each / sizes.at(-1))));
  const alone = found.map(({ shortcuts }, k) => ({
    kind: `rx-alone rx-alone-${CLASSES[k]}`,
    sizes: down(shortcuts.map(([, log10]) => log10)),
  }));
  const measured = records.flatMap(({ first, last }, k) =>
    first ? [{ kind: `rx-${CLASSES[k]} rx-first`, sizes: relative(first) }, { kind: `rx-${CLASSES[k]}`, sizes: relative(last) }] : [],
  );
  return [...alone, ...measured];
}

function valuesTable(settings, records) {
  const names = namesOf(settings);
  const steps = Array.from({ length: STEPS / EVERY + 1 }, (_, k) => k * EVERY);
  const cells = (record, step) => {
    const right = record.accuracy.find(([at]) => at === step)?.[1];
    return step < record.loss.length ? [number(record.loss[step]), right === undefined ? "–" : percent(right)] : ["–", "–"];
  };
  const brought = settings.map((own) => words(size(before(own).shortcuts[0])));
  const alone = names.map((name, k) => `${name}: ${brought[k]}`).join("; ");
  return [
    `Loss and test digits recognised, every ${EVERY} steps. Of the gradient the shortcuts alone bring to x₀, ${alone}.`,
    ["step", ...names.flatMap((name) => [`loss, ${name}`, `right, ${name}`])],
    steps.map((step) => [String(step), ...records.flatMap((record) => cells(record, step))]),
  ];
}

function render({ model, el, share: link }) {
  const ui = frame({ model, el, share: link, keys: KEYS, carried: ["digits", "opening"], label: "train one here", caption: CAPTION, presets: PRESETS });
  const widths = { curves: 340, sizes: 240 };
  const key = (now) => JSON.stringify(KEYS.map((name) => now[name]));
  const opening = model.get("opening");
  let runs = null, // {key, records} of what was trained here
    data = null,
    painting = false;

  const shortcut = ui.slider("shortcut", "λ, the factor of every shortcut", { min: 0, max: HIGHEST, step: 0.05 }, {
    words: number,
    value: (place) => Math.round(100 * place) / 100,
    spoken: (value) => `λ is ${number(value)}`,
  });
  const depth = ui.slider("depth", "depth L", { min: DEPTHS[0], max: DEPTHS[1], step: 1 }, { words: units });
  const scale = ui.choice("scale", "scale of the branches", SCALES);
  const beside = ui.choice("beside", "beside it", Object.fromEntries(Object.entries(OTHERS).map(([name, [said]]) => [name, said])));
  const place = ui.choice("place", "ReLU", PLACES);
  const rate = ui.choice("rate", "learning rate", Object.fromEntries(RATES.map((each) => [each, String(each)])), (said) => ({ rate: Number(said) }));
  const seed = ui.slider("seed", "seed", { min: 0, max: SEEDS - 1, step: 1 });
  const running = ui.run("Train here", {
    job: function* job({ data, settings }) {
      // What the trainer returns holds functions, which no message carries.
      for (const step of trainer().race(data, settings)) yield step;
    },
    tools: { trainer },
    given() {
      const now = ui.state();
      const settings = networks(now);
      runs = { key: key(now), records: settings.map(blank), going: true };
      paint(now);
      return { data, settings };
    },
    told(step) {
      told(runs.records[step.which], step);
      later();
    },
    done() {
      runs.going = false;
    },
  });
  // The button comes with the data, which take some milliseconds to unpack.
  const status = make("span", { class: "rx-note", role: "status" });
  running.element.hidden = true;
  if (globalThis.Worker) {
    trainer()
      .unpacked(model.get("digits"))
      .then((unpacked) => {
        data = unpacked;
        running.element.hidden = false;
      })
      .catch((error) => write(status, `The digits cannot be unpacked here: ${error.message}`));
  }
  const row = make("div", { class: "rx-training-run rx-only-live" }, running.element, status);

  const recordsOf = (now) => {
    if (runs?.key === key(now)) return runs.records;
    if (key(opening.state) === key(now)) return opening.runs;
    return networks(now).map(blank);
  };

  const later = () => {
    if (painting) return;
    painting = true;
    requestAnimationFrame(() => {
      painting = false;
      paint(ui.state());
    });
  };

  const chart = (said) => svg("svg", { role: "img", "aria-label": said });
  const curves = chart("Loss and accuracy over the steps of training");
  const sizes = chart("Size of the gradient at every state, relative to the one at the last, on a log scale");
  const lines = CLASSES.map((name) => {
    const said = make("span");
    return { said, element: make("li", {}, swatch(`rx-line rx-${name}`), said) };
  });

  function paint(now) {
    const other = runs !== null && runs.key !== key(now);
    if (other && runs.going) running.stop();
    if (other) runs = null;
    const settings = networks(now);
    const records = recordsOf(now);
    const names = namesOf(settings);
    const found = settings.map(before);
    ui.say(readout(now));
    lines.forEach(({ said, element }, k) => {
      element.hidden = k >= settings.length;
      if (k < settings.length) write(said, `${names[k]}: ${outcome(records[k])}.`);
    });
    drawCurves(curves, widths.curves, records.map((record, k) => ({ ...record, kind: CLASSES[k], name: names[k] })), STEPS);
    drawSizes(sizes, widths.sizes, linesOf(records, found), now.depth);
    ui.list(() => valuesTable(settings, records));
  }

  const head = make("div", { class: "rx-panel rx-training-wide" },
    make("ul", { class: "rx-legend rx-outcomes", "aria-label": "What has become of each network" }, ...lines.map(({ element }) => element)), row);
  const legend = make("ul", { class: "rx-legend rx-by-line" },
    make("li", {}, swatch("rx-line rx-alone"), "what the shortcuts alone bring, before the first step"),
    make("li", {}, swatch("rx-line rx-own rx-first"), "before the first step"),
    make("li", {}, swatch("rx-line rx-own"), "at the last step made"));
  const left = make("div", { class: "rx-panel" }, curves);
  const right = make("div", { class: "rx-panel" }, sizes, legend);
  const note = make("p", { class: "rx-note" },
    `Width ${WIDTH}, ${BATCH} images a step, ${STEPS} steps of plain gradient descent, no normalisation; 1,437 digits to learn from, 360 to test on. ` +
      "Losses above 4 are marked by arrows.");
  const end = ui.start({
    controls: [shortcut.element, depth.element, scale.element, beside.element],
    more: [place.element, rate.element, seed.element],
    figures: [head, left, right],
    below: [note],
    paint,
    watch: left,
    still: 340,
    resized: (inside) => {
      widths.curves = Math.max(230, inside);
      widths.sizes = Math.max(230, right.clientWidth || 290);
    },
  });
  return () => {
    running.stop();
    end();
  };
}

export default { render };
