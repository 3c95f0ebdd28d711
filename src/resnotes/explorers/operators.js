// Operators on the shortcut: the singular values of their product over many units.
// The spectra come from the package with the page: {operator: [for each depth, log10 of the singular values, falling,
// null for 0]}. The upper half are pure functions of the state {operator, depth, spectra}; the lower half draws them.
import { aboutWords, ground, label, linear, make, marks, path, power, set, shape, share, show, svg, ticks, words, write } from "./draw.js";
import { frame } from "./frame.js";

// A direction counts as kept if its singular value is within this power of ten of the largest.
const KEPT = 2;
export const OPERATORS = {
  identity: "the identity",
  half: "the factor 0.5",
  dropout: "dropout, half of the components, times 2",
  option_a: "the identity; at unit 18 stride and padding, 8 components in, 4 out, 2 of them new zeros",
  gate_open: "a gate with bias −6 and random weights",
  gate_half: "a gate with bias 0 and random weights",
  convolution: "a random 1×1 convolution",
  near_identity: "the identity plus a small random matrix",
  diagonal: "factors from 0.5 to 1, one a component",
  rotation: "a random rotation",
  averaging: "averaging: random, doubly stochastic",
  lazy: "nine tenths identity, one tenth averaging",
};
const OWN = "your own matrices";

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ operator, depth, spectra }) {
  if (!Object.hasOwn(OPERATORS, operator) && operator !== "own") {
    return `operator: got ${operator}, wanted one of ${Object.keys(OPERATORS).join(", ")} or own`;
  }
  if (!Object.hasOwn(spectra, operator)) {
    return `operator: got ${operator}, wanted an operator whose spectrum is there`;
  }
  const most = spectra[operator].length;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= most)) {
    return `depth: got ${depth}, wanted a whole number from 1 to ${most}`;
  }
  return "";
}

/**
 * Everything computed from the spectrum at this depth: logs, log10 of the singular values, -Infinity for 0; rms, log10
 * of the length that a gradient of random direction keeps in root mean square; kept, how many directions are within a
 * factor of 100 of the best; zeros, how many singular values are 0.
 */
export function numbers({ operator, depth, spectra }) {
  const logs = spectra[operator][depth - 1].map((log) => log ?? -Infinity);
  const top = logs[0];
  if (top === -Infinity) return { logs, rms: -Infinity, kept: 0, zeros: logs.length };
  let total = 0;
  for (const log of logs) total += 10 ** (2 * (log - top));
  return {
    logs,
    rms: top + Math.log10(total / logs.length) / 2,
    kept: logs.filter((log) => log >= top - KEPT).length,
    zeros: logs.filter((log) => log === -Infinity).length,
  };
}

const size = (log10) => ({ sign: log10 === -Infinity ? 0 : 1, log10 });
const said = (log10) => aboutWords(size(log10));
const length = (log10) =>
  log10 <= 0 ? `keeps ${share({ sign: 1, log10 })} of its length` : `gets ${said(log10)} times as long`;

/** The state in words. */
export function readout(state, { logs, rms, kept, zeros } = numbers(state)) {
  const { operator, depth } = state;
  const units = depth === 1 ? "1 unit" : `${depth} units`;
  const parts = [operator === "own" ? `${units} of ${OWN}.` : `${units}, each with ${OPERATORS[operator]}.`];
  const count = logs.length;
  if (zeros === count) {
    return `${parts[0]} Nothing of any gradient comes through: all singular values are 0.`;
  }
  parts.push(`A gradient of random direction ${length(rms)}, in root mean square.`);
  if (logs[0] === logs[count - 1]) {
    const one = count > 1 ? `All ${count} singular values are` : "The singular value is";
    parts.push(`${one} ${said(logs[0])}: no direction is treated differently from another.`);
    return parts.join(" ");
  }
  parts.push(`The singular values reach from ${said(logs[0])} down to ${said(logs[count - 1])}.`);
  parts.push(
    `${kept} of ${count} directions ${kept === 1 ? "is" : "are"} within a factor of 100 of the best.`,
  );
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Notice that random rotations turn every direction and lose none, while random convolutions lose nearly all, although " +
  "both mix all components: what counts is how far the lines spread.";
const PRESETS = [
  ["16 random convolutions", { operator: "convolution", depth: 16 }],
  ["54 random rotations", { operator: "rotation", depth: 54 }],
  ["5 averaging matrices", { operator: "averaging", depth: 5 }],
];
const HEIGHT = 310;
const TOP = 12,
  BOTTOM = HEIGHT - 40;
const SIDE = { width: 240, left: 44, right: 232 };

/** The lowest and the highest decade shown, and whether anything is 0. */
function span(curves) {
  let low = -2,
    high = 1,
    zero = false;
  for (const values of curves) {
    for (const log of values) {
      if (log === null) zero = true;
      else if (log < low) low = log;
      else if (log > high) high = log;
    }
  }
  return { low: low - (high - low) * (zero ? 0.1 : 0.03), high, zero };
}

/** The ground of one of the two charts: the same decades in both, a darker line at 1. */
function levels({ low, high, zero }, y, [left, right], places, below) {
  const decades = ticks(low + (high - low) * (zero ? 0.07 : 0), high, 7).map((k) => [y(k), power(k)]);
  const { lines, labels } = ground({ left, right, top: TOP, bottom: BOTTOM }, decades, places, below);
  if (zero) labels.push(label(left - 6, BOTTOM + 4, "0", { class: "rx-end" }));
  return { lines: [...lines, shape("path", { class: "rx-axis", d: `M${left} ${y(0)}H${right}` })], labels };
}

function fan(curves, width) {
  const left = 44,
    right = width - 12;
  const shown = span(curves);
  const x = linear([0, curves.length], [left, right]);
  const scale = linear([shown.low, shown.high], [BOTTOM, TOP]);
  const y = (log) => (log === null ? BOTTOM : scale(log));
  const places = marks(curves.length, width < 480 ? 4 : 6).map((k) => [x(k), String(k)]);
  const { lines: parts, labels } = levels(shown, scale, [left, right], places, "units");
  const most = Math.max(...curves.map((values) => values.length));
  for (let k = 0; k < most; k++) {
    const points = curves.flatMap((values, unit) => (k < values.length ? [[x(unit + 1), y(values[k])]] : []));
    parts.push(shape("path", { class: "rx-fan", d: path(points) }));
  }
  return { parts: [...parts, ...labels], shown, x, y };
}

function render({ model, el, share: sharing }) {
  const depthOf = (operator) => model.get("spectra")[operator]?.length ?? 1;
  const names = () => ({ ...OPERATORS, ...(model.get("spectra").own ? { own: OWN } : {}) });
  const ui = frame({
    model,
    el,
    share: sharing,
    keys: ["operator", "depth"],
    carried: ["spectra"],
    label: "operators on the shortcut",
    caption: CAPTION,
    presets: PRESETS,
    settle: (next) => ({ ...next, depth: Math.min(next.depth, depthOf(next.operator)) }),
  });
  const operator = ui.choice("operator", "on every shortcut", names());
  const depth = ui.slider(
    "depth",
    "depth, in units",
    { min: 1, max: depthOf(model.get("operator")), step: 1 },
    { words: (value) => (value === 1 ? "1 unit" : `${value} units`) },
  );

  const chart = svg("svg", {
    role: "img",
    "aria-label": "Singular values of the product over the number of units, on a log scale",
  });
  const drawn = svg("g"),
    now = svg("path", { class: "rx-now" });
  const here = svg("g");
  chart.append(drawn, now, here);
  const side = svg("svg", {
    role: "img",
    viewBox: `0 0 ${SIDE.width} ${HEIGHT}`,
    "aria-label": "Singular values at this depth, largest first",
  });
  const title = make("p", { class: "rx-title" });
  let width = 600,
    seen = {};

  function paint(state) {
    const spectra = model.get("spectra");
    const curves = spectra[state.operator];
    if (seen.spectra !== spectra || seen.operator !== state.operator || seen.width !== width) {
      seen = { spectra, operator: state.operator, width, ...fan(curves, width) };
      if ("own" in spectra && !operator.select.querySelector("[value=own]")) {
        operator.select.append(make("option", { value: "own" }, OWN));
        operator.select.value = state.operator;
      }
      depth.input.max = curves.length;
      depth.input.value = state.depth;
      set(chart, { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT });
      show(drawn, seen.parts);
    }
    const whole = { ...state, spectra };
    const found = numbers(whole);
    ui.say(readout(whole, found));
    const { shown, x, y } = seen;
    set(now, { d: `M${x(state.depth)} ${TOP}V${BOTTOM}` });
    const values = curves[state.depth - 1];
    show(
      here,
      values.map((log) => shape("circle", { class: "rx-dot-now", cx: x(state.depth), cy: y(log), r: 3.5 })),
    );
    const place = linear([0, values.length], [SIDE.left, SIDE.right]);
    const radius = values.length > 24 ? 2 : 5;
    const scale = linear([shown.low, shown.high], [BOTTOM, TOP]);
    // One path for all stems: fewer elements are faster.
    const stems = values.map((log, k) => `M${place(k + 0.5)} ${scale(0)}V${y(log)}`);
    const { lines, labels } = levels(shown, scale, [SIDE.left, SIDE.right], [], "largest first");
    show(side, [
      ...lines,
      shape("path", { class: "rx-stem", d: stems.join("") }),
      ...values.map((log, k) => shape("circle", { class: "rx-dot-now", cx: place(k + 0.5), cy: y(log), r: radius })),
      ...labels,
    ]);
    write(title, `after ${state.depth === 1 ? "1 unit" : `${state.depth} units`}`);
    ui.list(() => table(state, found));
  }

  const first = make("div", { class: "rx-panel" }, make("p", { class: "rx-title" }, "singular values of the product"), chart);
  const second = make("div", { class: "rx-panel rx-side" }, title, side);
  return ui.start({
    controls: [operator.element, depth.element],
    figures: [first, second],
    paint,
    watch: first,
    still: 320,
    resized: (inside) => {
      width = Math.max(260, inside);
    },
  });
}

function table({ depth }, { logs }) {
  return [
    `Singular values of the product of ${depth}, and what each is for one unit on average, in logarithms.`,
    ["number", "singular value", "for each unit"],
    logs.map((log, k) => [String(k + 1), words(size(log)), words(size(log / depth))]),
  ];
}

export default { render };
