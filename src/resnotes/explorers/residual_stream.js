// The residual stream: a lens on a state of a small transformer, by how many branches its paths go through.
// What the lens adds at the last position, length by length, comes with the page (`terms`); sums over lengths, the last
// norm and the logits are computed here. The upper half are pure functions of {layer, longest, kind, sequence, terms}.
import { label, make, number, picture, shape, svg, swatch } from "./draw.js";
import { frame } from "./frame.js";

const DEPTH = 4;
const LETTERS = [..."abcdefgh"];
const KINDS = { mean: "the mean over many sequences", own: "this input’s own Jacobian" };
const STATES = [
  "the embedding",
  "after the first attention",
  "after the first block",
  "after the second attention",
  "the last state",
];

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ layer, longest, kind, sequence, terms }) {
  if (!(Number.isInteger(layer) && layer >= 0 && layer <= DEPTH)) return `layer: got ${layer}, wanted a whole number from 0 to ${DEPTH}`;
  if (!(Number.isInteger(longest) && longest >= 0 && longest <= DEPTH - layer)) {
    return `longest: got ${longest}, wanted a whole number from 0 to ${DEPTH - layer}, the branches above state ${layer}`;
  }
  if (!Object.hasOwn(KINDS, kind)) return `kind: got ${kind}, wanted one of ${Object.keys(KINDS).join(", ")}`;
  if (!Object.hasOwn(terms.of, sequence)) return `sequence: got ${sequence}, wanted one of ${Object.keys(terms.of).join(", ")}`;
  return "";
}

/** U N(x): the state divided by its root mean square, and read off. */
export function logits(x, unembedding) {
  const root = Math.sqrt(x.reduce((sum, entry) => sum + entry * entry, 0) / x.length);
  return unembedding.map((row) => row.reduce((sum, entry, k) => sum + entry * x[k], 0) / root);
}

export function softmax(values) {
  const top = Math.max(...values);
  const sizes = values.map((value) => Math.exp(value - top));
  const total = sizes.reduce((a, b) => a + b);
  return sizes.map((size) => size / total);
}

const largest = (values) => values.indexOf(Math.max(...values));

/** Everything computed. */
export function numbers({ layer, longest, kind, sequence, terms }) {
  const one = terms.of[sequence];
  const parts = one[kind].lens[layer].slice(0, longest + 1);
  const state = parts[0].map((_, k) => parts.reduce((sum, part) => sum + part[k], 0));
  const seen = softmax(logits(state, terms.unembedding));
  const model = softmax(logits(one.own.lens[DEPTH][0], terms.unembedding));
  return {
    seen,
    model,
    heard: one[kind].heard[layer][longest],
    answer: one.answer,
    named: largest(seen),
    right: terms.right[kind][layer][longest],
  };
}

const percent = (part) => {
  const said = Math.round(part * 1000) / 10;
  return `${Math.abs(said - 100 * part) < 1e-9 ? "" : "≈\u00a0"}${number(said)}\u00a0%`;
};
const branches = (n) => (n === 1 ? "1 branch" : `${n} branches`);
const paths = (longest) => (longest === 0 ? "no branch: the logit lens" : `at most ${branches(longest)}`);

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { layer, longest, kind, sequence } = state;
  const asked = sequence[sequence.length - 1];
  const named = LETTERS[found.named];
  const whole = longest === DEPTH - layer && longest > 0 ? ", which are all there are" : "";
  const whose = longest === 0 ? "" : ` of ${KINDS[kind]}`;
  return (
    `After ${asked} came ${LETTERS[found.answer]}. State ${layer} (${STATES[layer]}), read through ${paths(longest)}${whose}${whole}, names ` +
    `${named}${found.named === found.answer ? "" : ", which is wrong"}, and gives ${LETTERS[found.answer]} a probability of ` +
    `${percent(found.seen[found.answer])}; the model gives it ${percent(found.model[found.answer])}. On 400 other sequences this ` +
    `lens names the answer in ${percent(found.right)}.`
  );
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "A small transformer has learned to say which letter followed this one before. A lens reads one of its states as if it were " +
  "the last. Notice that after the second attention one more branch makes a wrong reading right, but only by the mean " +
  "Jacobian, and that before it no lens finds the answer.";
const PRESETS = [
  ["the logit lens", { layer: 3, longest: 0, kind: "mean" }],
  ["the Jacobian lens", { layer: 3, longest: 1, kind: "mean" }],
  ["the input’s own Jacobian", { layer: 3, longest: 1, kind: "own" }],
  ["one layer earlier", { layer: 2, longest: 2, kind: "mean" }],
];
const HEIGHT = 234;
const BOTTOM = HEIGHT - 56;
const TOP = 26;

const bar = (kind, x, width, height) => shape("rect", { class: kind, x, y: BOTTOM - height, width, height });

function drawBars(root, width, found) {
  const step = (width - 12) / LETTERS.length;
  const high = (part) => part * (BOTTOM - TOP);
  const shapes = [label(6, 14, "Probability of each letter", { class: "rx-title" })];
  LETTERS.forEach((letter, k) => {
    const left = 6 + k * step;
    shapes.push(
      bar("rx-stream-lens", left + step * 0.14, step * 0.36, high(found.seen[k])),
      bar("rx-stream-model", left + step * 0.5, step * 0.36, high(found.model[k])),
      label(left + step / 2, BOTTOM + 17, letter, { class: k === found.answer ? "rx-middle rx-stream-answer" : "rx-middle" }),
    );
  });
  shapes.push(shape("path", { class: "rx-axis", d: `M6 ${BOTTOM}H${width - 6}` }));
  shapes.push(label(6 + (found.answer + 0.5) * step, BOTTOM + 34, "answer", { class: "rx-middle" }));
  picture(root, width, HEIGHT, shapes);
}

function drawHeard(root, width, found, sequence) {
  const step = (width - 12) / sequence.length;
  const most = Math.max(...found.heard, 1e-9);
  const shapes = [label(6, 14, "How strongly its logit hears each position", { class: "rx-title" })];
  const asked = sequence.indexOf(sequence[sequence.length - 1]);
  const below = { [asked]: "asked", [asked + 1]: "answer", [sequence.length - 1]: "last" };
  [...sequence].forEach((letter, k) => {
    const left = 6 + k * step;
    shapes.push(
      bar("rx-stream-heard", left + step * 0.2, step * 0.6, (found.heard[k] / most) * (BOTTOM - TOP - 16)),
      label(left + step / 2, BOTTOM - (found.heard[k] / most) * (BOTTOM - TOP - 16) - 5, number(Number(found.heard[k].toPrecision(2))), {
        class: "rx-middle",
      }),
      label(left + step / 2, BOTTOM + 17, letter, { class: "rx-middle rx-title" }),
    );
    // The answer stands right after the letter that is asked for: a line lower, so that the words keep apart.
    if (below[k]) shapes.push(label(left + step / 2, BOTTOM + (k === asked + 1 ? 49 : 34), below[k], { class: "rx-middle" }));
  });
  shapes.push(shape("path", { class: "rx-axis", d: `M6 ${BOTTOM}H${width - 6}` }));
  picture(root, width, HEIGHT, shapes);
}

function valuesTable({ sequence }, found) {
  return [
    "Letters by probability, and positions by the length of the gradient of the answer’s logit there.",
    ["letter", "lens", "model", "position", "gradient"],
    LETTERS.map((letter, k) => [
      letter,
      number(Number(found.seen[k].toPrecision(3))),
      number(Number(found.model[k].toPrecision(3))),
      `${k + 1}: ${sequence[k]}`,
      number(Number(found.heard[k].toPrecision(3))),
    ]),
  ];
}

function render({ model, el, share }) {
  const keys = ["layer", "longest", "kind", "sequence"];
  const settle = (next) => ({ ...next, longest: Math.min(next.longest, DEPTH - next.layer) });
  const ui = frame({
    model, el, share, keys, carried: ["terms"], label: "lenses on the residual stream", caption: CAPTION, presets: PRESETS, settle,
  });
  let [width, beside] = [380, 380];
  const terms = () => model.get("terms");
  const layer = ui.slider("layer", "state l that is read", { min: 0, max: DEPTH, step: 1 }, { words: (l) => `${l}, ${STATES[l]}` });
  const longest = ui.slider(
    "longest",
    "branches on a path, at most",
    { min: 0, max: DEPTH, step: 1 },
    { words: (k) => (k === 0 ? "0, the logit lens" : String(k)) },
  );
  const kind = ui.choice("kind", "Jacobian", KINDS);
  const sequences = Object.fromEntries(Object.keys(terms().of).map((sequence) => [sequence, [...sequence].join(" ")]));
  const sequence = ui.choice("sequence", "sequence", sequences);
  const bars = svg("svg", { role: "img", "aria-label": "Probability of each letter by the lens, beside the model’s" });
  const heard = svg("svg", { role: "img", "aria-label": "Length of the gradient of the answer’s logit at each position of the state" });
  const legend = make(
    "ul",
    { class: "rx-legend" },
    make("li", {}, swatch("rx-stream-swatch-lens"), "the lens"),
    make("li", {}, swatch("rx-stream-swatch-model"), "the model"),
  );
  const panel = make("div", { class: "rx-panel" }, bars, legend);
  const side = make("div", { class: "rx-panel" }, heard);

  function paint(now) {
    const whole = { ...now, terms: terms() };
    const found = numbers(whole);
    ui.say(readout(whole, found));
    drawBars(bars, width, found);
    drawHeard(heard, beside, found, now.sequence);
    ui.list(() => valuesTable(now, found));
  }

  const note = make(
    "p",
    { class: "rx-note" },
    "Seven different letters, then one of the first six once more. The right picture has the length of the gradient at every position " +
      "of the state, sent back through the same paths from the answer’s logit less the mean logit.",
  );
  return ui.start({
    controls: [layer.element, longest.element, kind.element, sequence.element],
    figures: [panel, side],
    below: [note],
    paint,
    watch: panel,
    still: 380,
    resized: (inside) => {
      width = Math.max(250, inside);
      beside = Math.max(250, side.clientWidth || inside);
    },
  });
}

export default { render };
