// Before or after the activation: what the shortcuts alone bring back of the gradient, at random initialisation.
// The upper half are pure functions of the state {unit, depth, width, seed, layer, log} and of the carried {arrays, own},
// the lower half draws them. Nothing is simulated here: `arrays` holds what Python measured, 800 times log10.
import { aboutWords, ground, linear, make, marks, path, picture, power, shape, share, svg, ticks, units, words, write } from "./draw.js";
import { frame } from "./frame.js";

export const UNITS = {
  relu: "ReLU after the addition (original)",
  norm: "normalisation and ReLU after it",
  pre: "before the branch (full pre-activation)",
};
export const DEPTHS = [1, 2, 3, 5, 8, 13, 20, 30, 42, 54, 75, 100];
export const WIDTHS = [8, 16, 32, 64];
const SEEDS = 8;
const PARTS = ["relu shortcut", "relu whole", "norm shortcut", "norm whole", "pre whole"];
const ROW = DEPTHS.reduce((total, depth) => total + depth + 1, 0);
const STEPS = 800,
  NOTHING = -32768;
const LOG10_2 = Math.log10(2);

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ unit, depth, width, seed, layer, log }) {
  if (!Object.hasOwn(UNITS, unit)) return `unit: got ${unit}, wanted one of ${Object.keys(UNITS).join(", ")}`;
  if (!DEPTHS.includes(depth)) return `depth: got ${depth}, wanted one of ${DEPTHS.join(", ")}`;
  if (!WIDTHS.includes(width)) return `width: got ${width}, wanted one of ${WIDTHS.join(", ")}`;
  if (!(Number.isInteger(seed) && seed >= 0 && seed < SEEDS))
    return `seed: got ${seed}, wanted a whole number from 0 to ${SEEDS - 1}`;
  if (!(Number.isInteger(layer) && layer >= 0 && layer <= depth))
    return `layer: got ${layer}, wanted a whole number from 0 to the depth, ${depth}`;
  if (typeof log !== "boolean") return `log: got ${log}, wanted true or false`;
  return "";
}

let held = { text: null, values: null };
/** The 16-bit integers, read once from base 64: all low bytes first, then the high ones. */
function decoded(text) {
  if (held.text !== text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)),
      size = bytes.length / 2;
    held = { text, values: Int16Array.from({ length: size }, (_, k) => bytes[k] | (bytes[size + k] << 8)) };
  }
  return held.values;
}

/** log10 of the squared length at x_0 … x_depth, -Infinity for 0. */
function line(arrays, unit, way, depth, width, seed) {
  if (unit === "pre" && way === "shortcut") return Array(depth + 1).fill(0);
  const values = decoded(arrays);
  const network =
    (PARTS.indexOf(`${unit} ${way}`) * WIDTHS.length + WIDTHS.indexOf(width)) * SEEDS + seed;
  let start = network * ROW;
  for (const other of DEPTHS) {
    if (other === depth) break;
    start += other + 1;
  }
  return Array.from(values.subarray(start, start + depth + 1), (value) =>
    value === NOTHING ? -Infinity : value / STEPS,
  );
}

/** log10 of what ReLUs after the additions leave on average, where the branches of all units have equal spread. */
function law(depth) {
  const q = [1];
  for (let n = 1; n <= depth + 1; n++) q.push(q[n - 1] * ((2 * n - 1) / (2 * n)));
  let total = q[0] * q[depth + 1];
  return Array.from({ length: depth + 1 }, (_, l) => {
    total += q[l + 1] * q[depth - l];
    return Math.log10(total);
  });
}

/** log10 of what would be left if every ReLU took half of the components. */
const coins = (depth) => Array.from({ length: depth + 1 }, (_, l) => -(depth - l) * LOG10_2);

/** Everything that is shown: the lines over the states, the draws at one state, and x_0 over all depths. */
export function numbers({ unit, depth, width, seed, layer, arrays, own = [] }) {
  const at = (name, way, each, k) => line(arrays, name, way, each, width, k);
  return {
    shortcut: at(unit, "shortcut", depth, seed),
    whole: at(unit, "whole", depth, seed),
    law: unit === "relu" ? law(depth) : [],
    coins: coins(depth),
    draws: Array.from({ length: SEEDS }, (_, k) => at(unit, "shortcut", depth, k)[layer]),
    by_depth: Object.fromEntries(
      Object.keys(UNITS).map((name) => [name, DEPTHS.map((each) => at(name, "shortcut", each, seed)[0])]),
    ),
    own,
  };
}

const size = (log10) => ({ sign: log10 === -Infinity || log10 === null ? 0 : 1, log10 });
const said = (log10) => share(size(log10));
function measuredBy(log10) {
  if (log10 < 0) return `${said(log10)} of what entered`;
  const much = aboutWords(size(log10));
  return much === "1" ? "as long as what entered" : `${much} times what entered`;
}
const subscript = (n) => [...String(n)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { unit, depth, width, layer } = state;
  const passed = depth - layer;
  const parts = [
    `The shortcuts alone bring ${said(found.shortcut[layer])} of the squared length back to x${subscript(layer)}, ` +
      `through ${passed === 1 ? "1 unit" : `${passed} units`}.`,
  ];
  if (unit === "relu")
    parts.push(
      `The law for branches of equal spread, which the normalisation at their ends gives, says ${said(found.law[layer])}; ` +
        `coins would leave ${said(found.coins[layer])}.`,
    );
  if (unit === "norm") parts.push("The law of the ReLUs leaves out what a normalisation after the addition does.");
  if (unit === "pre") parts.push("Nothing comes after the addition, so it is all of it in every network.");
  else {
    const low = said(Math.min(...found.draws)),
      high = said(Math.max(...found.draws));
    const spread = low === high ? `it is ${low}` : `it lies between ${low} and ${high}`;
    parts.push(`In the ${SEEDS} networks of width ${width}, ${spread}.`);
  }
  parts.push(`The whole gradient there is ${measuredBy(found.whole[layer])}.`);
  if (found.own.length) {
    const [shortcut, whole] = found.own.map(([first]) => first ?? -Infinity);
    parts.push(
      `Your network: at its input the shortcuts alone bring back ${said(shortcut)}, ` +
        `and the whole gradient is ${measuredBy(whole)}.`,
    );
  }
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const KEYS = ["unit", "depth", "width", "seed", "layer", "log"];
const CAPTION =
  "Notice that ReLUs after the additions are no coins: where every branch ends with a fresh normalisation, about half " +
  "of the gradient’s squared length gets halfway back in a deep network. A normalisation after the additions leaves next to nothing.";
const PRESETS = [
  ["ReLU after: about half gets halfway", { unit: "relu", depth: 100, layer: 50, log: false }],
  ["normalisation after: next to nothing", { unit: "norm", depth: 54, layer: 0, log: true }],
  ["pre-activation: all of it", { unit: "pre", depth: 100, layer: 0, log: false }],
];
const LINES = [
  ["whole", "whole gradient"],
  ["shortcut", "shortcuts alone"],
  ["law", "law for ReLUs after"],
  ["coins", "coins"],
  ["own", "your network, shortcuts alone"],
];
const style = (name) => `rx-${name === "own" ? "measured" : name}`;
// On the linear axis: a network of one's own may bring back more than what entered, and lies on the upper edge then.
const HIGHEST = 1.04,
  SHARES = [0, 0.25, 0.5, 0.75, 1];

/** The lowest and highest decade shown: only coins may leave below. */
function decades(found) {
  const logs = [...found.shortcut, ...found.whole, ...found.law, ...found.own.flat()].filter(Number.isFinite);
  return [
    Math.min(-3, ...logs.map((value) => value - 0.3)),
    Math.max(0.5, ...logs.map((value) => value + 0.3)),
  ];
}

const powers = (low, high) => ticks(low, high, 7).map((k) => [k, power(k)]);
const placed = (pairs, scale) => pairs.map(([at, said]) => [scale(at), said]);
const numbered = (list) => list.map((at) => [at, String(at)]);

const box = (width) => ({ left: 44, right: width - 12, top: 12, bottom: 270 });

function drawStates(root, width, state, found, others) {
  const area = box(width);
  const [low, high] = state.log ? decades(found) : [0, HIGHEST];
  const x = linear([0, state.depth], [area.left, area.right]);
  const y = linear([low, high], [area.bottom, area.top]);
  const place = (log10) => (state.log ? log10 : 10 ** log10);
  const down = (log10) => y(Math.min(Math.max(place(log10 ?? -Infinity), low), high));
  const places = numbered(marks(state.depth, width < 480 ? 4 : 6));
  const levels = state.log ? powers(low, high) : SHARES.map((part) => [part, `${100 * part} %`]);
  const below = "state l, from the input (0) to the loss";
  const { lines, labels } = ground(area, placed(levels, y), placed(places, x), below);
  // One path for all the other networks: fewer elements are faster.
  const rest = others.map((other) => path(other.map((value, l) => [x(l), down(value)]))).join("");
  const parts = [shape("path", { class: "rx-line rx-other", d: rest })];
  for (const [name] of LINES) {
    const values = name === "own" ? (found.own[0] ?? []) : found[name];
    if (values.length === 0 || (name === "whole" && !state.log)) continue;
    // A network of another depth is stretched over the same axis.
    const stretch = state.depth / (values.length - 1);
    const points = values.map((value, l) => [x(l * stretch), down(value), value]);
    const kept = name === "coins" && state.log ? points.filter(([, , value]) => value >= low) : points;
    parts.push(shape("path", { class: `rx-line ${style(name)}`, d: path(kept) }));
  }
  parts.push(
    shape("path", { class: "rx-axis", d: `M${x(state.layer)} ${area.top}V${area.bottom}` }),
    shape("circle", {
      class: "rx-dot rx-dot-shortcut",
      cx: x(state.layer),
      cy: down(found.shortcut[state.layer]),
      r: 5,
    }),
  );
  picture(root, width, 310, [...lines, ...parts, ...labels]);
}

function drawDepths(root, width, state, found) {
  const area = { ...box(width), right: width - 16 };
  const x = linear([0, DEPTHS.at(-1)], [area.left, area.right]);
  const low = Math.min(-3, ...Object.values(found.by_depth).flat().filter(Number.isFinite)) - 0.3;
  const y = linear([low, 0.5], [area.bottom, area.top]);
  const down = (log10) => y(Math.max(log10, low));
  const places = placed(numbered([0, 25, 50, 75, 100]), x);
  const { lines: parts, labels } = ground(area, placed(powers(low, 0.5), y), places, "depth L, in units");
  for (const [name, values] of Object.entries(found.by_depth)) {
    const points = DEPTHS.map((depth, k) => [x(depth), down(values[k])]);
    const [px, py] = points[DEPTHS.indexOf(state.depth)];
    parts.push(
      shape("path", { class: `rx-line rx-unit-${name}`, d: path(points) }),
      shape("circle", { class: `rx-dot rx-dot-${name}`, cx: px, cy: py, r: name === state.unit ? 5.5 : 3.5 }),
    );
  }
  picture(root, width, 310, [...parts, ...labels]);
}

function key(cls, said) {
  const value = make("span", { class: "rx-value" });
  const sample = svg(
    "svg",
    { width: 30, height: 10, "aria-hidden": "true" },
    svg("path", { class: `rx-line ${cls}`, d: "M1 5H29" }),
  );
  return { item: make("li", {}, sample, said, " ", value), value };
}

const stepped = (list) => ({
  place: (value) => list.indexOf(value),
  value: (k) => list[k],
});

function render({ model, el, share: sharing }) {
  const ui = frame({
    model,
    el,
    share: sharing,
    keys: KEYS,
    carried: ["arrays", "own"],
    label: "before or after the activation",
    caption: CAPTION,
    presets: PRESETS,
    settle: (next) => ({ ...next, layer: Math.min(next.layer, next.depth) }),
  });
  const unit = ui.choice("unit", "where the activation stands", UNITS);
  const depth = ui.slider(
    "depth",
    "depth L",
    { min: 0, max: DEPTHS.length - 1, step: 1 },
    {
      words: units,
      ...stepped(DEPTHS),
    },
  );
  const width = ui.slider(
    "width",
    "width",
    { min: 0, max: WIDTHS.length - 1, step: 1 },
    {
      words: (value) => `${value} components`,
      ...stepped(WIDTHS),
    },
  );
  const seed = ui.slider(
    "seed",
    "network drawn",
    { min: 0, max: SEEDS - 1, step: 1 },
    {
      words: (value) => `${value + 1} of ${SEEDS}`,
    },
  );
  const layer = ui.slider(
    "layer",
    "state that is read",
    { min: 0, max: DEPTHS.at(-1), step: 1 },
    {
      words: (value) => `x${subscript(value)}`,
      spoken: (value) => `state ${value}`,
    },
  );

  const log = ui.toggle("log", "logarithmic axis, with the whole gradient");

  let inside = 560,
    beside = 360;
  const states = svg("svg", {
    role: "img",
    "aria-label": "Squared length of the gradient at every state",
  });
  const depths = svg("svg", {
    role: "img",
    "aria-label": "What arrives at the input by depth, for the three units, on a log scale",
  });
  const entries = LINES.map(([name, title]) => key(style(name), title));
  const others = key("rx-other", "the other networks, shortcuts alone");
  const kinds = [
    ["relu", "ReLU after"],
    ["norm", "normalisation after"],
    ["pre", "pre-activation"],
  ].map(([name, title]) => [name, key(`rx-unit-${name}`, title)]);

  function paint(now) {
    const state = { ...now, arrays: model.get("arrays"), own: model.get("own") ?? [] };
    const found = numbers(state);
    layer.input.max = now.depth;
    layer.input.value = now.layer;
    ui.say(readout(state, found));
    LINES.forEach(([name], k) => {
      const values = name === "own" ? found.own[0] : found[name];
      entries[k].item.hidden = (!values?.length && name !== "law") || (name === "whole" && !now.log);
      const at = name === "own" ? 0 : now.layer;
      write(entries[k].value, values?.length ? said(values[at]) : "none for this unit");
    });
    others.item.hidden = now.unit === "pre";
    const rest = [];
    for (let k = 0; now.unit !== "pre" && k < SEEDS; k++)
      if (k !== now.seed) rest.push(line(state.arrays, now.unit, "shortcut", now.depth, now.width, k));
    drawStates(states, inside, now, found, rest);
    drawDepths(depths, beside, now, found);
    for (const [name, { value }] of kinds)
      write(value, said(found.by_depth[name][DEPTHS.indexOf(now.depth)]));
    ui.list(() => table(now, found));
  }

  const first = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, "squared length at state l, where 1 enters at the loss"),
    make("ul", { class: "rx-legend" }, ...entries.map(({ item }) => item), others.item),
    states,
  );
  const second = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, "what the shortcuts bring back to x₀"),
    make("ul", { class: "rx-legend" }, ...kinds.map(([, { item }]) => item)),
    depths,
  );
  return ui.start({
    controls: [unit.element, depth.element, layer.element, log.element],
    more: [width.element, seed.element],
    figures: [first, second],
    paint,
    watch: first,
    still: 320,
    resized: (measured) => {
      inside = Math.max(260, measured);
      beside = Math.max(220, second.clientWidth || 300);
    },
  });
}

function table({ depth }, found) {
  const step = Math.ceil(depth / 20);
  const layers = Array.from({ length: Math.ceil(depth / step) }, (_, k) => k * step);
  const columns = ["shortcut", "whole", ...(found.law.length ? ["law"] : []), "coins"];
  return [
    `squared length at xₗ${step > 1 ? `, every ${step} states` : ""}.`,
    ["state l", ...columns.map((name) => LINES.find(([other]) => other === name)[1])],
    [...layers, depth].map((l) => [String(l), ...columns.map((name) => words(size(found[name][l])))]),
  ];
}

export default { render };
