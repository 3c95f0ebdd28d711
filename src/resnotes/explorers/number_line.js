// A number line: powers of a factor in a floating-point format, rounded once and rounded at every step, from a loss scale on.
// The upper half are pure functions of the state {format, factor, depth, scale}; the lower half draws them.
import { about, aboutWords, ground, is, label, linear, make, marks, number, path, picture, shape, superscript, svg, swatch, words } from "./draw.js";
import { frame } from "./frame.js";

/** [bits of the significand, exponents of the smallest normal number and of the largest, whether there is an infinity]. */
const FORMATS = {
  float16: [11, -14, 15, true],
  bfloat16: [8, -126, 127, true],
  float32: [24, -126, 127, true],
  float8_e4m3fn: [4, -6, 8, false],
  float8_e5m2: [3, -14, 15, true],
};
const FACTORS = [0.3, 1.2];
const DEPTH = 1000;
const SCALE = 24;
const KEPT = 128;

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ format, factor, depth, scale }) {
  if (!Object.hasOwn(FORMATS, format)) return `format: got ${format}, wanted one of ${Object.keys(FORMATS).join(", ")}`;
  if (!(factor >= FACTORS[0] && factor <= FACTORS[1])) {
    return `factor: got ${factor}, wanted a number from ${FACTORS[0]} to ${FACTORS[1]}`;
  }
  const whole = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;
  if (!whole(depth, 1, DEPTH)) return `depth: got ${depth}, wanted a whole number from 1 to ${DEPTH}`;
  if (!whole(scale, 0, SCALE)) return `scale: got ${scale}, wanted a whole number from 0 to ${SCALE}`;
  return "";
}

/** Smallest subnormal and normal number, and the largest. */
function limits([precision, lowest, highest, infinite]) {
  return {
    tiny: 2 ** (lowest - precision + 1),
    normal: 2 ** lowest,
    largest: (2 - (infinite ? 1 : 2) * 2 ** (1 - precision)) * 2 ** highest,
  };
}

/** The exponent e of a positive float, 2 ** e ≤ x < 2 ** (e + 1). */
function exponent(x) {
  const near = Math.floor(Math.log2(x));
  if (2 ** near > x) return near - 1;
  return 2 ** (near + 1) <= x ? near + 1 : near;
}

/** The distance of neighbouring numbers of the format at x > 0. */
const spacing = ([precision, lowest], x) => 2 ** (Math.max(exponent(x), lowest) - precision + 1);

/** Ties go to the even one. */
function nearest(x) {
  const low = Math.floor(x),
    part = x - low;
  return part > 0.5 || (part === 0.5 && low % 2) ? low + 1 : low;
}

/** The nearest number of the format to a float that is not negative; Infinity where that lies beyond the largest. */
export function rounded(form, x) {
  if (x === 0 || x === Infinity) return x;
  const step = spacing(form, x),
    found = nearest(x / step) * step;
  return found > limits(form).largest ? Infinity : found;
}

/** A float as mantissa · 2 ** power, both whole, the mantissa a BigInt. */
function exactly(x) {
  const power = exponent(x) - 52;
  return [BigInt(x / 2 ** power), power];
}
const bits = (whole) => whole.toString(16).length * 4 - Math.clz32(Number.parseInt(whole.toString(16)[0], 16)) + 28;

/** The same for mantissa · 2 ** power. */
function roundedExactly(form, [mantissa, power]) {
  const top = bits(mantissa) - 1 + power,
    step = Math.max(top, form[1]) - form[0] + 1,
    cut = step - power;
  if (cut <= 0) return rounded(form, Number(mantissa) * 2 ** power);
  const whole = mantissa >> BigInt(cut),
    rest = mantissa - (whole << BigInt(cut)),
    half = 1n << BigInt(cut - 1);
  const up = rest > half || (rest === half && whole % 2n === 1n);
  const found = Number(whole + (up ? 1n : 0n)) * 2 ** step;
  return found > limits(form).largest ? Infinity : found;
}

function log2([mantissa, power]) {
  const surplus = Math.max(bits(mantissa) - 53, 0);
  return Math.log2(Number(mantissa >> BigInt(surplus))) + surplus + power;
}

/**
 * After 0 … depth factors, from 2 ** scale on: log2 of the exact product, the exact product rounded once, and the product
 * rounded at every step, whose factor is the one that the format holds.
 */
export function numbers({ format, factor, depth, scale }) {
  const form = FORMATS[format];
  const held = rounded(form, factor);
  const [mantissa, power] = exactly(factor);
  const [exact, once, steps] = [[], [], []];
  let product = [1n, scale],
    value = rounded(form, 2 ** scale);
  for (let n = 0; n <= depth; n++) {
    exact.push(log2(product));
    once.push(roundedExactly(form, product));
    steps.push(value);
    // 128 bits are kept: no power of a float64 that needs more of them lies on a tie.
    const raised = product[0] * mantissa,
      surplus = BigInt(Math.max(bits(raised) - KEPT, 0));
    product = [raised >> surplus, product[1] + power + Number(surplus)];
    value = rounded(form, value * held);
  }
  return { held, exact, once, steps };
}

/** From which step on the step-by-step product stays what it is, or -1; a stored factor of 1 never moves it. */
export function rests(steps) {
  const last = steps.at(-1);
  if (last === 0 || last === Infinity || steps.length < 2 || steps.at(-2) !== last) return -1;
  return steps.indexOf(last);
}

const factorsOf = (n) => (n === 1 ? "1 factor" : `${n} factors`);
const two = (k) => (k === 0 ? "1" : `2${superscript(k)}`);
const beyond = (format) => (FORMATS[format][3] ? "infinity" : "not a number, since the format has no infinity");
const size = (exact) => ({ sign: 1, log10: exact * Math.log10(2) });

/** A number of the format in words: small ones as multiples of the smallest. */
function said(form, format, value) {
  const { tiny, normal } = limits(form);
  if (value === Infinity) return beyond(format);
  if (value === 0) return "0";
  return value < normal ? `${value / tiny} η ${is(value)}` : about(value);
}

/** A number of the format as it is where nine digits hold it, which tell a stored factor from the one that was given. */
function inNine(value) {
  const short = Number(value.toPrecision(9));
  return `${short === value ? "" : "≈\u00a0"}${short}`;
}

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { format, factor, depth, scale } = state;
  const form = FORMATS[format];
  const { held, exact, once, steps } = found;
  const begin = scale ? `a loss scale of ${two(scale)} and ` : "";
  const parts = [`${begin}${factorsOf(depth)} of ${about(factor)} make ${aboutWords(size(exact.at(-1)))} exactly.`];
  parts[0] = parts[0][0].toUpperCase() + parts[0].slice(1);
  parts.push(`Rounded once, to ${format}, that is ${said(form, format, once.at(-1))}.`);
  const last = steps.at(-1);
  const stop = rests(steps);
  if (held === 1 && factor !== 1) parts.push(`But ${format} holds the factor as 1: step by step it stays ${said(form, format, last)}, at every depth.`);
  else if (stop >= 0 && held < 1) parts.push(`Rounded at every step it stops at step ${stop}: it stays ${said(form, format, last)}, however many factors follow.`);
  else parts.push(`Rounded at every step it is ${said(form, format, last)}.`);
  if (held !== factor && held !== 1) parts.push(`The factor itself is held as ${inNine(held)}.`);
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "A gradient that is multiplied by the same factor in every unit, in the numbers that a format has. Notice that rounding at " +
  "every step is not rounding once: in float16 the product stops falling just above 0, and never gets there.";
const PRESETS = [
  ["it stops falling", { format: "float16", factor: 0.9, depth: 300, scale: 0 }],
  ["a loss scale lifts it", { format: "float16", factor: 0.9, depth: 150, scale: 15 }],
  ["a factor that is not there", { format: "bfloat16", factor: 0.999, depth: 1000, scale: 0 }],
  ["eight bits", { format: "float8_e4m3fn", factor: 0.9, depth: 40, scale: 0 }],
];
const KINDS = { exact: "exact", once: "rounded once", steps: "rounded at every step" };
const HEIGHT = 340;

/** The window of the format upwards, the number of factors to the right. */
function drawWindow(root, width, { format, depth }, { exact, once, steps }) {
  const form = FORMATS[format];
  const { tiny, normal, largest } = limits(form);
  const [left, right, top, bottom] = [48, width - 10, 36, HEIGHT - 44];
  const reach = [Math.log2(tiny), Math.log2(largest)];
  const room = 24;
  const y = linear(reach, [bottom - room, top + room]);
  const x = linear([0, depth], [left + 4, right - 4]);
  // What is said of the smallest normal number goes up where the smallest of all is near.
  const low = Math.min(y(Math.log2(normal)), y(reach[0]) - 16);
  const near = low < y(Math.log2(normal));
  const levels = [
    [bottom - room / 3, "0"],
    [y(reach[0]), two(reach[0])],
    [y(Math.log2(normal)), near ? "" : two(Math.log2(normal))],
    [y(0), "1"],
    [top + room, two(Math.ceil(reach[1]))],
  ];
  const { lines, labels } = ground({ left, right, top, bottom }, levels, marks(depth, width < 300 ? 3 : 5).map((n) => [x(n), String(n)]), "factors, from the loss down");
  const band = (above, below, name) => shape("rect", { class: name, x: left, y: above.toFixed(1), width: right - left, height: (below - above).toFixed(1) });
  const place = (value) => (value === 0 ? bottom - room / 3 : value === Infinity ? top + room / 3 : y(Math.log2(value)));
  const stride = Math.max(1, Math.floor(depth / 300));
  const shown = exact.map((_, n) => n).filter((n) => n % stride === 0 || n === depth);
  const within = [];
  for (const n of shown) {
    if (exact[n] < reach[0] - 3 || exact[n] > reach[1] + 1) break;
    within.push([x(n), y(exact[n])]);
  }
  // The last piece runs to the edge of the picture: equal factors make a straight line.
  if (within.length < shown.length) {
    const slope = exact[1] - exact[0],
      end = slope < 0 ? reach[0] - 3 : reach[1] + 1,
      at = Math.max(0, Math.min(depth, (end - exact[0]) / slope));
    within.push([x(at), y(end)]);
  }
  if (within.length === 1) within.push(within[0]);
  const curve = (values) => path(shown.map((n) => [x(n), place(values[n])]));
  const parts = [
    band(top, top + room, "rx-outside"),
    band(y(Math.log2(normal)), y(reach[0]), "rx-subnormal"),
    band(y(reach[0]), bottom, "rx-outside"),
    ...lines,
    shape("path", { class: "rx-line rx-steps", d: curve(steps) }),
    shape("path", { class: "rx-line rx-once", d: curve(once) }),
    shape("path", { class: "rx-line rx-exact", d: path(within) }),
    ...labels.filter(({ said }) => said !== ""),
    label(left, 16, "the window of the format", { class: "rx-heading" }),
    label(right - 6, top + 15, form[3] ? "overflow: infinity" : "overflow: not a number", { class: "rx-end rx-halo rx-soft" }),
    ...(near ? [label(left - 6, low + 4, two(Math.log2(normal)), { class: "rx-end" })] : []),
    label(left + 6, low - 5, "smallest normal number", { class: "rx-halo rx-soft" }),
    label(left + 6, y(reach[0]) - 4, "η, the smallest", { class: "rx-halo rx-soft" }),
  ];
  picture(root, width, HEIGHT, parts);
}

/** The numbers of the format from `low` to `high`, as many as are seen: [those, whether some are left out]. */
export function between(form, low, high) {
  const { tiny, largest } = limits(form);
  const fine = low > 0 ? spacing(form, low) : tiny;
  const step = Math.max(fine, 2 ** Math.ceil(Math.log2((high - low) / 90)));
  const found = [];
  for (let k = Math.max(0, Math.ceil(low / step)); k * step <= Math.min(high, largest); k++) {
    if (rounded(form, k * step) === k * step) found.push(k * step);
  }
  return [found, step > fine];
}

/** The numbers of the format about the result, and where the three fall. */
function drawLine(root, width, { format }, { exact, once, steps }) {
  const form = FORMATS[format];
  const { tiny } = limits(form);
  const values = { exact: 2 ** exact.at(-1), once: once.at(-1), steps: steps.at(-1) };
  const finite = Object.values(values).filter(Number.isFinite);
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  const gap = most > 0 ? spacing(form, most) : tiny;
  const [low, high] = [Math.max(0, least - 2.5 * gap), most + 2.5 * gap];
  const [left, right, base] = [16, width - 16, 210];
  const x = linear([low, high], [left, right]);
  const [ticks, some] = between(form, low, high);
  const parts = [
    label(left - 4, 16, "the number line at the result", { class: "rx-heading" }),
    shape("path", { class: "rx-axis", d: `M${left} ${base}H${right}` }),
    shape("path", { class: "rx-number", d: ticks.map((t) => `M${x(t).toFixed(1)} ${base - 9}V${base + 9}`).join("") }),
  ];
  Object.entries(KINDS).forEach(([name, called], k) => {
    const value = values[name];
    const row = 52 + 48 * k;
    const text = Number.isFinite(value) ? (value === 0 ? "0" : name === "exact" ? aboutWords(size(exact.at(-1))) : about(value)) : beyond(format).split(",")[0];
    const at = Number.isFinite(value) ? x(value) : right;
    const side = at > (left + right) / 2;
    parts.push(
      shape("path", { class: `rx-line rx-drop rx-${name}`, d: `M${at.toFixed(1)} ${row}V${base}` }),
      shape("circle", { class: `rx-dot rx-dot-${name}`, cx: at.toFixed(1), cy: row, r: 6 }),
      label((at + (side ? -10 : 10)).toFixed(1), row - 2, called, { class: `rx-halo${side ? " rx-end" : ""}` }),
      label((at + (side ? -10 : 10)).toFixed(1), row + 14, text, { class: `rx-halo rx-value${side ? " rx-end" : ""}` }),
    );
  });
  const ends = ticks.length > 1 ? [ticks[0], ticks.at(-1)] : [];
  ends.forEach((t, k) => parts.push(label(k ? right : left, base + 28, words({ sign: Math.sign(t), log10: Math.log10(t) }), { class: k ? "rx-end" : "" })));
  const drawn = some ? "bars: some of the numbers that the format has" : "bars: all numbers that the format has here";
  parts.push(label((left + right) / 2, base + 48, drawn, { class: "rx-middle rx-soft" }));
  picture(root, width, 270, parts);
}

function valuesTable({ format, depth }, { exact, once, steps }) {
  const form = FORMATS[format];
  const stride = Math.ceil(depth / 20);
  const shown = exact.map((_, n) => n).filter((n) => n % stride === 0 || n === depth);
  return [
    `What is left after n factors, in ${format}.`,
    ["n", "exact", "rounded once", "rounded at every step"],
    shown.map((n) => [String(n), words(size(exact[n])), said(form, format, once[n]), said(form, format, steps[n])]),
  ];
}

function render({ model, el, share }) {
  const ui = frame({ model, el, share, keys: ["format", "factor", "depth", "scale"], label: "number line", caption: CAPTION, presets: PRESETS });
  const widths = { window: 340, line: 240 };
  const format = ui.choice("format", "format", Object.fromEntries(Object.keys(FORMATS).map((name) => [name, name])));
  const factor = ui.slider("factor", "factor of each unit", { min: FACTORS[0], max: FACTORS[1], step: 0.001 }, {
    words: number,
    value: (place) => Math.round(1000 * place) / 1000,
    spoken: (value) => `the factor is ${number(value)}`,
  });
  const depth = ui.slider("depth", "depth", { min: 1, max: DEPTH, step: 1 }, { words: factorsOf });
  const scale = ui.slider("scale", "loss scale S", { min: 0, max: SCALE, step: 1 }, { words: two, spoken: (k) => `S is 2 to the power ${k}` });
  const chart = (said) => svg("svg", { role: "img", "aria-label": said });
  const window = chart("The product after each factor, exact, rounded once and rounded at every step, in the window of the format, on a log axis");
  const line = chart("The numbers of the format about the result, and where the exact product, the product rounded once and the product rounded at every step fall");
  const legend = make("ul", { class: "rx-legend" },
    ...Object.entries(KINDS).map(([name, called]) =>
      make("li", {}, swatch(`rx-line rx-${name}`), called)));

  function paint(now) {
    const found = numbers(now);
    ui.say(readout(now, found));
    drawWindow(window, widths.window, now, found);
    drawLine(line, widths.line, now, found);
    ui.list(() => valuesTable(now, found));
  }

  const left = make("div", { class: "rx-panel" }, window, legend);
  const right = make("div", { class: "rx-panel" }, line);
  const note = make("p", { class: "rx-note" },
    "The loss is multiplied by S before the backward pass, and the product starts from there. Rounded to nearest, ties to even; subnormal numbers are kept.");
  return ui.start({
    controls: [format.element, factor.element, depth.element, scale.element],
    figures: [left, right],
    below: [note],
    paint,
    watch: left,
    still: 340,
    resized: (inside) => {
      widths.window = Math.max(230, inside);
      widths.line = Math.max(230, right.clientWidth || 290);
    },
  });
}

export default { render };
