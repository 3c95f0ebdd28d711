// Two chains: how large is the gradient in units x' = r x, and how large in units x' = x + r x?
// The upper half are pure functions of the state {r, depth}; the lower half draws them.
import { about, aboutWords, ground, label, linear, make, marks, path, picture, power, shape, svg, swatch, units, words } from "./draw.js";
import { frame } from "./frame.js";

const LOWEST = -2;
const HIGHEST = 1;
const MAX_DEPTH = 100;
// What the words mean: below a thousandth of what entered a gradient has died, above a thousand times it has exploded.
const DECADES = 3;

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ r, depth }) {
  if (!(r >= LOWEST && r <= HIGHEST)) return `r: got ${r}, wanted a number from ${LOWEST} to ${HIGHEST}`;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH)) {
    return `depth: got ${depth}, wanted a whole number from 1 to ${MAX_DEPTH}`;
  }
  return "";
}

/** What one unit of each chain multiplies the gradient by. */
const factors = ({ r }) => ({ plain: r, residual: 1 + r });

/** factor ** n as {sign, log10}, which neither overflows nor underflows; the power 0 of anything is 1. */
function raised(factor, n) {
  if (n === 0) return { sign: 1, log10: 0 };
  if (factor === 0) return { sign: 0, log10: -Infinity };
  return { sign: factor < 0 && n % 2 ? -1 : 1, log10: n * Math.log10(Math.abs(factor)) };
}

/** g_l / g_L of each chain at every state l = 0 … depth. */
export function chains(state) {
  const states = Array.from({ length: state.depth + 1 }, (_, l) => l);
  const { plain, residual } = factors(state);
  const along = (factor) => states.map((l) => raised(factor, state.depth - l));
  return { plain: along(plain), residual: along(residual) };
}

/** Everything computed. */
export function numbers(state) {
  const found = chains(state);
  const pairs = (list) => list.map(({ sign, log10 }) => [sign, log10]);
  return { plain: pairs(found.plain), residual: pairs(found.residual) };
}

/** What became of a gradient. */
function fate({ sign, log10 }) {
  if (sign === 0 || log10 < -DECADES) return "dies";
  return log10 > DECADES ? "explodes" : "lives";
}

/** The outcome for both chains: a sentence. */
function outcome(plain, residual) {
  const [without, withIt] = [fate(plain), fate(residual)];
  if (without === "dies" && withIt === "dies") return "Both gradients die.";
  if (without === "explodes" && withIt === "explodes") return "Both gradients explode.";
  if (without === "lives" && withIt === "lives") return "Both gradients live.";
  return `Without the +x the gradient ${without}, with it the gradient ${withIt}.`;
}


/** The state in words. */
export function readout(state, { plain, residual } = chains(state)) {
  const { r, depth } = state;
  return (
    `${outcome(plain[0], residual[0])} Where 1 enters at the loss, ${aboutWords(plain[0])} arrives at the input of ` +
    `${units(depth)} without the +x, and ${aboutWords(residual[0])} with it. ` +
    `A unit multiplies by ${about(r)} without it, by ${about(1 + r)} with it.`
  );
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "On the left a unit passes on what its branch makes of x, which is r times x. On the right it adds x to that, so that " +
  "the gradient has a +1 in every unit. At r = −½ that saves nothing.";
const PRESETS = [
  ["+x helps", { r: 0.02, depth: 50 }],
  ["+x saves nothing", { r: -0.5, depth: 50 }],
  ["+x explodes", { r: 1, depth: 50 }],
];
const HEIGHT = 338;
const TOP = 112;
// The axis stands still while the sliders move, so that what moves is seen to; what leaves it leaves by an arrow.
const EDGE = 18;
const FEW = 25;

/** Units of a chain, from the input to the loss, about `middle`, as many as are seen well; arcs are the shortcuts. */
function drawUnits(middle, wide, arcs) {
  const count = wide < 160 ? 2 : 3;
  const [step, y, half] = [wide / count, 52, 8];
  const boxes = Array.from({ length: count }, (_, k) => middle + (k - (count - 1) / 2) * step);
  const ends = [middle - wide / 2, middle + wide / 2];
  const along = boxes.flatMap((x) => [x - half, x + half]);
  const stops = [ends[0], ...along, ends[1]];
  const wire = stops.map((x, k) => `${k % 2 ? "L" : "M"}${x.toFixed(1)} ${y}`).join("");
  const parts = [shape("path", { class: "rx-axis", d: wire })];
  if (arcs) {
    const [out, up] = [step / 2 - 4, 19];
    const arc = (x) => `M${(x - out).toFixed(1)} ${y}q2 ${-up} ${out} ${-up}t${out - 4} ${up - 4}`;
    parts.push(shape("path", { class: "rx-arc", d: boxes.map(arc).join("") }));
    for (const x of boxes) {
      parts.push(
        shape("circle", { class: "rx-plus", cx: (x + out - 2).toFixed(1), cy: y, r: 5.5 }),
        label((x + out - 2).toFixed(1), y + 4, "+", { class: "rx-middle" }),
      );
    }
  }
  for (const x of boxes) {
    parts.push(
      shape("rect", { class: "rx-box", x: (x - half).toFixed(1), y: y - half, width: 2 * half, height: 2 * half, rx: 3 }),
      label(x.toFixed(1), y + 4, "r", { class: "rx-middle rx-variable" }),
    );
  }
  return parts;
}

/** The line of one gradient, from the loss on the right to the input, or to the edge where it leaves by an arrow. */
function drawLine(name, sizes, x, y) {
  const depth = sizes.length - 1;
  const { sign, log10 } = sizes[depth - 1];
  // Equal factors make a straight line; an exact 0 falls straight out of the picture.
  const each = sign === 0 ? -20 * EDGE : log10;
  const last = Math.abs(each) * depth > EDGE ? EDGE / Math.abs(each) : depth;
  const end = [x(depth - last), y(each * last)];
  const within = sizes.map((_, l) => l).filter((l) => depth - l <= last);
  const parts = [shape("path", { class: `rx-line rx-${name}`, d: path([[x(depth), y(0)], end]) })];
  if (depth <= FEW) {
    for (const l of within) {
      parts.push(shape("circle", { class: `rx-dot rx-dot-${name}`, cx: x(l), cy: y(each * (depth - l)), r: 3.2 }));
    }
  }
  if (last < depth) {
    const down = each < 0 ? 1 : -1;
    const tip = `M${end[0].toFixed(1)} ${(end[1] + 9 * down).toFixed(1)}l-6 ${-9 * down}h12z`;
    parts.push(shape("path", { class: `rx-tip rx-tip-${name}`, d: tip }));
  } else parts.push(shape("circle", { class: `rx-dot rx-dot-${name}`, cx: end[0], cy: end[1], r: 5 }));
  return parts;
}

function drawBoth(root, width, { r, depth }, found) {
  const [first, gap, bottom] = [44, 18, HEIGHT - 44];
  const wide = (width - first - gap - 10) / 2;
  const y = linear([-EDGE, EDGE], [bottom, TOP]);
  const levels = [-3, -2, -1, 0, 1, 2, 3].map((k) => (k * EDGE) / 3);
  const parts = [];
  const panels = [
    ["Without +x", "x′ = r x", "plain", found.plain, r],
    ["With +x", "x′ = x + r x", "whole", found.residual, 1 + r],
  ];
  const narrow = wide < 180;
  panels.forEach(([title, unit, name, sizes, factor], k) => {
    const left = first + k * (wide + gap);
    const right = left + wide;
    const x = linear([0, depth], [left + 8, right - 8]);
    const { lines, labels } = ground(
      { left, right, top: TOP, bottom },
      levels.map((level) => [y(level), k ? "" : power(level)]),
      marks(depth, narrow ? 2 : 5).map((l) => [x(l), String(l)]),
      narrow ? "0: input" : "state l: 0 is the input, the last one the loss",
    );
    const middle = (left + right) / 2;
    parts.push(
      ...lines,
      shape("path", { class: "rx-entered", d: `M${left} ${y(0)}H${right}` }),
      ...(k ? [shape("path", { class: "rx-line rx-shortcut", d: path([[x(depth), y(0)], [x(0), y(0)]]) })] : []),
      ...drawLine(name, sizes, x, y),
      ...labels.filter(({ said }) => said !== ""),
      label(middle, 20, narrow ? title : `${title}: ${unit}`, { class: "rx-middle rx-heading" }),
      ...drawUnits(middle, Math.min(wide, 210), k === 1),
      label(middle, 80, `× ${about(factor)} per unit${narrow ? "" : "; arriving at the input:"}`, { class: "rx-middle rx-soft" }),
      label(middle, 100, aboutWords(sizes[0]), { class: `rx-middle rx-arrives${narrow ? " rx-narrow" : ""}` }),
    );
  });
  picture(root, width, HEIGHT, parts);
}

function valuesTable({ depth }, { plain, residual }) {
  const step = Math.ceil(depth / 20);
  const states = Array.from({ length: Math.ceil(depth / step) }, (_, k) => k * step);
  return [
    `The gradient at state l, where 1 enters at the loss${step > 1 ? `, every ${step} states` : ""}.`,
    ["state l", "without +x", "with +x"],
    [...states, depth].map((l) => [String(l), words(plain[l]), words(residual[l])]),
  ];
}

function render({ model, el, share }) {
  const ui = frame({ model, el, share, keys: ["r", "depth"], label: "two chains", caption: CAPTION, presets: PRESETS });
  let width = 600;
  const r = ui.slider(
    "r",
    "r, what a branch does to its input",
    { min: LOWEST, max: HIGHEST, step: 0.01 },
    { words: about, spoken: (value) => `r is ${about(value)}` },
  );
  const depth = ui.slider("depth", "depth L", { min: 1, max: MAX_DEPTH, step: 1 }, { words: units });
  const chart = svg("svg", {
    role: "img",
    "aria-label": "Size of the gradient at every state of a plain and of a residual chain, on a log scale",
  });
  const entry = make(
    "li",
    {},
    swatch("rx-line rx-shortcut"),
    "what the shortcuts alone bring",
  );

  function paint(now) {
    const found = chains(now);
    ui.say(readout(now, found));
    drawBoth(chart, width, now, found);
    ui.list(() => valuesTable(now, found));
  }

  const panel = make(
    "div",
    { class: "rx-panel rx-chains-wide" },
    chart,
    make("ul", { class: "rx-legend" }, entry),
  );
  const note = make(
    "p",
    { class: "rx-note" },
    "Sizes are drawn on a log axis; an arrow says that the line goes on. Here a gradient dies if less than a thousandth " +
      "of it is left at the input, and explodes if it has become more than a thousand times as large.",
  );
  return ui.start({
    controls: [r.element, depth.element],
    figures: [panel],
    below: [note],
    paint,
    watch: panel,
    resized: (inside) => {
      width = Math.max(250, inside);
    },
  });
}

export default { render };
