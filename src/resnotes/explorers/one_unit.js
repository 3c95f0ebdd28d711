// One residual unit with two numbers a state: what the shortcut brings to the addition, and what the ReLU leaves of it.
// The upper half are pure functions of the state {x1, x2, r, placement}; the lower half draws them.
import { about, evaluated, label, linear, make, number, shape, sumOf, svg, picture } from "./draw.js";
import { frame } from "./frame.js";

const LARGEST = 10;
const PLACEMENTS = { after: "after the addition", before: "before each layer, in the branch" };
// The second unit of chapter 1's network.
const FIRST = [
  [1, 2],
  [-1, 1],
];
const SECOND = [
  [-2, 1],
  [1, 1],
];
const NUMBERS = ["x1", "x2", "r"];

/** What is wrong with a state, in words; "" where nothing is. */
export function check(state) {
  for (const key of NUMBERS) {
    if (!(typeof state[key] === "number" && Math.abs(state[key]) <= LARGEST)) {
      return `${key}: got ${state[key]}, wanted a number from -${LARGEST} to ${LARGEST}`;
    }
  }
  if (!Object.hasOwn(PLACEMENTS, state.placement)) {
    return `placement: got ${state.placement}, wanted one of ${Object.keys(PLACEMENTS).join(", ")}`;
  }
  return "";
}

const relu = (column) => column.map((entry) => Math.max(entry, 0));
const times = (matrix, column) => matrix.map((row) => row[0] * column[0] + row[1] * column[1]);

/**
 * Everything computed, entry by entry: x, what the shortcut brings; F, what the branch brings; y, their sum; out, the new
 * state; open, whether what the shortcut brought is passed on.
 */
export function numbers({ x1, x2, r, placement }) {
  const x = [x1, x2];
  const into = placement === "before" ? relu(x) : x;
  const F = times(SECOND, relu(times(FIRST, into))).map((entry) => r * entry + 0);
  const y = x.map((entry, k) => entry + F[k]);
  const open = y.map((entry) => (placement === "before" || entry > 0 ? 1 : 0));
  return { x, F, y, out: y.map((entry, k) => (open[k] ? entry : 0)), open };
}

/** One entry in words. */
function fate({ x, F, y, open }, k, placement) {
  const sum = `${evaluated(sumOf([x[k], F[k]]), [[x[k]], [F[k]]], y[k]).slice(2)}`;
  const named = `Entry ${k + 1}: ${sum}`;
  if (placement === "before") return `${named}, and nothing comes after the addition.`;
  if (open[k]) return `${named}, and the ReLU lets it through.`;
  if (y[k] === 0) return `${named}, which the ReLU leaves at 0.`;
  const lost = x[k] === 0 ? "" : `: nothing arrives of the ${number(x[k])} that the shortcut brought`;
  return `${named}, and the ReLU makes it 0${lost}.`;
}

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { x, F, out } = found;
  const parts = [0, 1].map((k) => fate(found, k, state.placement));
  const still = out[0] === x[0] && out[1] === x[1];
  if (F.every((entry) => entry === 0)) {
    parts.push(
      still ? "The branch adds nothing, and the unit is the identity." : "The branch adds nothing, and still the unit changes its input.",
    );
  }
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "The shortcut brings 3 to the addition and nothing of it comes out. Follow the first entry: the branch adds −6, the sum " +
  "is negative, and the ReLU after the addition makes it 0. Then move the ReLU into the branch.";
const USUAL = { x1: 3, x2: 0, r: 1, placement: "after" };
const PRESETS = [
  ["the shortcut's 3 is lost", USUAL],
  ["a branch that adds nothing", { x1: 2, x2: -1, r: 0, placement: "after" }],
  ["the same, ReLU in the branch", { x1: 2, x2: -1, r: 0, placement: "before" }],
];
const ROW = 22;
const FLOW = 168;
const LINE = 104;

/** A column of two numbers with its name above. */
function column(left, top, wide, name, values, kind = "") {
  const parts = [label(left + wide / 2, top - 7, name, { class: `rx-middle rx-ou-name ${kind}` })];
  values.forEach((value, k) => {
    const said = about(value);
    const squeezed = said.length * 6.4 > wide - 4 ? { textLength: wide - 6, lengthAdjust: "spacingAndGlyphs" } : {};
    parts.push(
      shape("rect", { class: `rx-ou-cell ${kind}`, x: left, y: top + k * ROW, width: wide, height: ROW }),
      label(left + wide / 2, top + k * ROW + 15, said, { class: "rx-middle", ...squeezed }),
    );
  });
  return parts;
}

/** What is done to a state: a box with its name. */
const box = (middle, y, wide, name, kind) => [
  shape("rect", { class: `rx-ou-box ${kind}`, x: middle - wide / 2, y: y - 15, width: wide, height: 30, rx: 6 }),
  label(middle, y + 4, name, { class: `rx-middle rx-ou-name ${kind}` }),
];

const arrow = (kind, d, [x, y]) => [
  shape("path", { class: `rx-ou-wire ${kind}`, d: `${d}H${x - 6}` }),
  shape("path", { class: `rx-ou-tip ${kind}`, d: `M${x} ${y}l-8 -4v8z` }),
];

/** The unit: H above, F below, the addition, the sum where there is room, f, and the new state. */
function drawUnit(width, { placement }, { x, F, y, out }) {
  const roomy = width >= 500;
  const [wide, op, end] = roomy ? [58, 80, 74] : [43, 34, 40];
  const [up, down, middle] = [46, 132, 89];
  const after = placement === "after";
  const stops = roomy ? 7 : 6; // gaps between the parts
  const used = wide * (roomy ? 4 : 3) + op + 24 + end;
  const gap = (width - 4 - used) / stops;
  const first = 2 + wide,
    split = first + gap * 0.5,
    ops = first + gap + op / 2,
    brought = ops + op / 2 + gap,
    plus = brought + wide + gap + 12,
    sum = plus + 12 + gap,
    f = roomy ? sum + wide + gap + end / 2 : sum + end / 2,
    last = width - 2 - wide;
  const lane = (kind, y) => [
    ...arrow(kind, `M${split} ${middle}V${y}`, [ops - op / 2, y]),
    ...arrow(kind, `M${ops + op / 2} ${y}`, [brought, y]),
    shape("path", { class: `rx-ou-wire ${kind}`, d: `M${brought + wide} ${y}H${plus}V${y < middle ? middle - 12 : middle + 12}` }),
  ];
  const inside = after ? (roomy ? "layers F" : "F") : roomy ? "ReLU, F" : "F";
  return [
    shape("path", { class: "rx-ou-wire", d: `M${first} ${middle}H${split}` }),
    ...lane("rx-ou-shortcut", up),
    ...lane("rx-ou-branch", down),
    ...(roomy ? [...arrow("", `M${plus + 12} ${middle}`, [sum, middle])] : []),
    ...arrow("", `M${roomy ? sum + wide : plus + 12} ${middle}`, [f - end / 2, middle]),
    ...arrow("", `M${f + end / 2} ${middle}`, [last, middle]),
    ...box(ops, up, op, roomy ? "shortcut H" : "H", "rx-ou-shortcut"),
    ...box(ops, down, op, inside, "rx-ou-branch"),
    ...box(f, middle, end, after ? (roomy ? "f: ReLU" : "ReLU") : roomy ? "f: nothing" : "f", after ? "rx-ou-relu" : ""),
    shape("circle", { class: "rx-ou-box", cx: plus, cy: middle, r: 12 }),
    label(plus, middle + 5, "+", { class: "rx-middle rx-ou-name" }),
    ...column(2, middle - ROW, wide, "x", x),
    ...column(brought, up - ROW, wide, "H(x)", x, "rx-ou-shortcut"),
    ...column(brought, down - ROW, wide, "F(x)", F, "rx-ou-branch"),
    ...(roomy ? column(sum, middle - ROW, wide, "y", y) : []),
    ...column(last, middle - ROW, wide, "x′", out),
  ];
}

/** A segment with a tip on its end, or nothing where it has no length. */
function segment(kind, y, from, to) {
  if (Math.abs(to - from) < 0.5) return [];
  const back = to > from ? -8 : 8;
  return [
    shape("path", { class: `rx-ou-reach ${kind}`, d: `M${from.toFixed(1)} ${y}H${(Math.abs(to - from) > 8 ? to + back : to).toFixed(1)}` }),
    shape("path", { class: `rx-ou-tip ${kind}`, d: `M${to.toFixed(1)} ${y}l${back} -4v8z` }),
  ];
}

/** One entry on a number line: to what the shortcut brought, on by what the branch adds, and back to 0 by the ReLU. */
function drawLine(k, top, width, most, { x, F, y, out, open }, placement) {
  const at = linear([-most, most], [16, width - 16]);
  const base = top + 74;
  const marks = [-most, -most / 2, 0, most / 2, most];
  const cut = !open[k] && y[k] < 0;
  const sum = evaluated(sumOf([x[k], F[k]]), [[x[k]], [F[k]]], y[k]).slice(2);
  const become = placement === "before" ? "" : `, becomes ${about(out[k])}`;
  return [
    ...(placement === "after"
      ? [shape("rect", { class: "rx-ou-lost", x: 16, y: top + 22, width: at(0) - 16, height: base - top - 22 })]
      : []),
    shape("path", {
      class: "rx-axis",
      d: `M16 ${base}H${width - 16}M${at(0)} ${top + 22}V${base + 5}${marks.map((m) => `M${at(m)} ${base}v5`).join("")}`,
    }),
    ...marks.map((m) => label(at(m), base + 18, number(m), { class: "rx-middle rx-ou-soft" })),
    label(16, top + 12, `entry ${k + 1}: ${sum}${become}`, { class: "rx-ou-name" }),
    ...segment("rx-ou-shortcut", top + 34, at(0), at(x[k])),
    ...segment("rx-ou-branch", top + 50, at(x[k]), at(y[k])),
    ...(cut ? segment("rx-ou-cut", top + 66, at(y[k]), at(0)) : []),
    shape("circle", { class: `rx-ou-sum${cut ? " rx-ou-gone" : ""}`, cx: at(y[k]).toFixed(1), cy: base, r: 4.5 }),
    ...(cut ? [shape("circle", { class: "rx-ou-sum", cx: at(0), cy: base, r: 4.5 })] : []),
  ];
}

const power2 = (size) => 2 ** Math.max(2, Math.ceil(Math.log2(size) - 1e-12));

function valuesTable({ x, F, y, out, open }) {
  return [
    "The unit, entry by entry.",
    ["entry", "shortcut brings", "branch adds", "sum y", "new state x′", "of the shortcut's part arrives"],
    [0, 1].map((k) => [String(k + 1), number(x[k]), number(F[k]), number(y[k]), number(out[k]), open[k] ? "all" : "nothing"]),
  ];
}

function legendEntry(kind, said) {
  const stroke = svg("path", { class: `rx-ou-reach ${kind}`, d: "M1 5H29" });
  return make("li", {}, svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, stroke), said);
}

function render({ model, el, share }) {
  const ui = frame({
    model,
    el,
    share,
    keys: [...NUMBERS, "placement"],
    label: "one unit",
    caption: CAPTION,
    presets: PRESETS,
  });
  let width = 600;
  const spoken = (value) => about(value).replace("−", "minus ");
  const slider = (key, title, range) => ({ ...ui.slider(key, title, range, { words: about, spoken }), key, most: range.max });
  const sliders = [
    slider("x1", "state x, first entry", { min: -4, max: 4, step: 0.5 }),
    slider("x2", "state x, second entry", { min: -4, max: 4, step: 0.5 }),
    slider("r", "multiply the branch by", { min: -2, max: 2, step: 0.25 }),
  ];
  const chart = svg("svg", {
    role: "img",
    "aria-label": "The unit with its shortcut above and its branch below, and under it a number line for each entry",
  });
  const cut = legendEntry("rx-ou-cut", "what the ReLU takes back");

  function paint(now) {
    const found = numbers(now);
    for (const { input, key, most } of sliders) {
      // A number of the reader's own may lie beyond the usual range.
      const end = Math.abs(now[key]) > most ? LARGEST : most;
      if (Number(input.max) !== end) [input.min, input.max] = [-end, end];
      input.value = now[key];
    }
    ui.say(readout(now, found));
    cut.hidden = now.placement === "before";
    const most = power2(Math.max(...[...found.x, ...found.y].map(Math.abs)));
    const lines = [0, 1].flatMap((k) => drawLine(k, FLOW + k * LINE, width, most, found, now.placement));
    picture(chart, width, FLOW + 2 * LINE, [...drawUnit(width, now, found), ...lines]);
    ui.list(() => valuesTable(found));
  }

  const legend = make(
    "ul",
    { class: "rx-legend" },
    legendEntry("rx-ou-shortcut", "what the shortcut brings"),
    legendEntry("rx-ou-branch", "what the branch adds"),
    cut,
  );
  const panel = make("div", { class: "rx-panel rx-ou-wide" }, chart, legend);
  return ui.start({
    controls: [...sliders.map(({ element }) => element), ui.choice("placement", "ReLU", PLACEMENTS).element],
    figures: [panel],
    paint,
    watch: panel,
    resized: (inside) => {
      width = Math.max(250, inside);
    },
  });
}

export default { render };
