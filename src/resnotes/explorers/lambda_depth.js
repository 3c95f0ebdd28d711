// λ and depth: how large is the gradient after many units x' = λ x + F(x) with F' = r?
// The upper half are pure functions of the state {lam, depth, r, schedule, factors}; the lower half draws them.
import { about, evaluated, ground, label, linear, make, marks, path, picture, power, probe, set, shape, share, show, spread, sumOf, svg, tabulate, ticks, units, words, write } from "./draw.js";
import { frame } from "./frame.js";

export const MAX_DEPTH = 1000;
const ALTERNATING_FROM = 0.01;
const LARGEST_FACTOR = 1e100;
const LOG10_2 = Math.log10(2);
// A sum this much smaller than its terms is rounding noise, and counts as 0.
const NOISE = 1e-13;

const SCHEDULES = {
  constant: "constant: λ",
  alternating: "alternating: λ, 1/λ, λ, …",
  from_above: "from above: λ(1 + 1/i²)",
  from_below: "from below: λ(1 − 1/(i + 1)²)",
  own: "your own list, times λ",
};
// name, short name, bits of the significand, exponents of the smallest normal and of the largest number
const FORMATS = [
  ["float16", "f16", 11, -14, 15],
  ["bfloat16", "bf16", 8, -126, 127],
  ["float32", "f32", 24, -126, 127],
  ["float64", "f64", 53, -1022, 1023],
];

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ lam, depth, r, schedule, factors }) {
  if (!(lam >= 0 && lam <= 2)) return `lam: got ${lam}, wanted a number from 0 to 2`;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH)) {
    return `depth: got ${depth}, wanted a whole number from 1 to ${MAX_DEPTH}`;
  }
  if (!(r >= -2 && r <= 2)) return `r: got ${r}, wanted a number from -2 to 2`;
  if (!Object.hasOwn(SCHEDULES, schedule)) {
    return `schedule: got ${schedule}, wanted one of ${Object.keys(SCHEDULES).join(", ")}`;
  }
  if (schedule === "alternating" && lam < ALTERNATING_FROM) {
    return `lam: got ${lam}, wanted at least ${ALTERNATING_FROM} in the alternating schedule, which divides by it`;
  }
  if (!Array.isArray(factors) || factors.length > MAX_DEPTH)
    return `factors: wanted a list of at most ${MAX_DEPTH}`;
  const wrong = factors.findIndex((f) => !(typeof f === "number" && Math.abs(f) <= LARGEST_FACTOR));
  if (wrong >= 0)
    return `factors: got ${factors[wrong]} as entry ${wrong + 1}, wanted a number of at most 1e100 in size`;
  if (schedule === "own" && factors.length === 0)
    return "factors: got an empty list, wanted at least one number";
  return "";
}

/** λ_0 … λ_{n-1}; the schedules count i from 1 at the input. */
export function shortcuts({ lam, schedule, factors }, n) {
  const list = new Float64Array(n);
  if (schedule === "constant") return list.fill(lam);
  for (let l = 0; l < n; l++) {
    const i = l + 1;
    if (schedule === "alternating") list[l] = i % 2 ? lam : 1 / lam;
    else if (schedule === "from_above") list[l] = lam * (1 + 1 / (i * i));
    else if (schedule === "from_below") list[l] = lam * (1 - 1 / ((i + 1) * (i + 1)));
    else list[l] = lam * factors[l % factors.length];
  }
  return list;
}

// A number as [m, e] for m · 2**e, so that nothing overflows: e is a multiple of 512, and m stays near 1.
const LARGE = 2 ** 256,
  SMALL = 2 ** -256;
function scaled(m, e = 0) {
  if (m === 0) return [0, 0];
  while (Math.abs(m) >= LARGE) [m, e] = [m * 2 ** -512, e + 512];
  while (Math.abs(m) < SMALL) [m, e] = [m * 2 ** 512, e - 512];
  return [m, e];
}

function times([m, e], factor) {
  const product = m * factor,
    size = Math.abs(product);
  if (size >= SMALL && size < LARGE) return [product, e];
  const [n, d] = scaled(factor);
  return scaled(m * n, e + d);
}

function plus(a, b) {
  if (a[0] === 0) return b;
  if (b[0] === 0) return a;
  const [[m, e], [n, d]] = a[1] < b[1] ? [b, a] : [a, b];
  const smaller = n * 2 ** (d - e);
  const sum = m + smaller;
  return Math.abs(sum) < NOISE * Math.max(Math.abs(m), Math.abs(smaller)) ? [0, 0] : scaled(sum, e);
}

// The mantissa is first brought between 0.5 and 1, so that its logarithm is exact to the last digits. That is done
// in the float's own bits, since a logarithm and a power for each of 3000 numbers took most of the time.
const float = new DataView(new ArrayBuffer(8));
function measured([m, e]) {
  if (m === 0) return { sign: 0, log10: -Infinity };
  float.setFloat64(0, Math.abs(m));
  const high = float.getUint32(0),
    shift = (high >> 20) - 1022;
  float.setUint32(0, (high & 0xfffff) | (1022 << 20));
  return { sign: Math.sign(m), log10: Math.log10(float.getFloat64(0)) + (e + shift) * LOG10_2 };
}

/** g_l / g_L at every state l = 0 … depth, going back from the loss: the shortcut term, the rest, the whole, and the whole without skips. */
function chain(state) {
  const depth = state.depth;
  const lam = shortcuts(state, depth);
  const shortcut = Array(depth + 1),
    rest = Array(depth + 1),
    whole = Array(depth + 1),
    plain = Array(depth + 1);
  [shortcut[depth], rest[depth], whole[depth], plain[depth]] = [[1, 0], [0, 0], [1, 0], [1, 0]];
  for (let l = depth - 1; l >= 0; l--) {
    shortcut[l] = times(shortcut[l + 1], lam[l]);
    // (λ + r)(shortcut + rest) − λ shortcut, without the difference of two large numbers
    rest[l] = plus(times(rest[l + 1], lam[l]), times(whole[l + 1], state.r));
    whole[l] = times(whole[l + 1], lam[l] + state.r);
    plain[l] = times(plain[l + 1], state.r);
  }
  return { shortcut, rest, whole, plain };
}

/** The series as lists of {sign, log10}, from state 0 to state depth. */
export function series(state, links = chain(state)) {
  return Object.fromEntries(Object.entries(links).map(([name, line]) => [name, line.map(measured)]));
}

// Bounds of a format as [t, k] for t · 2**k: rounded once, |x| ≤ zero gives 0, |x| < subnormal is
// subnormal, |x| ≥ overflow gives infinity.
const BOUNDS = FORMATS.map(([, , precision, lowest, highest]) => ({
  zero: [1, lowest - precision],
  subnormal: [1 - 2 ** -precision, lowest],
  overflow: [1 - 2 ** -(precision + 1), highest + 1],
}));

const scaledBounds = new Map();
/** The bounds of each format for the m of m · 2**e; there are few different e, so they are kept. */
function boundsAt(e) {
  let found = scaledBounds.get(e);
  if (!found) {
    const at = ([t, k]) => t * 2 ** (k - e);
    found = BOUNDS.map(({ zero, subnormal, overflow }) => ({
      zero: at(zero),
      subnormal: at(subnormal),
      overflow: at(overflow),
    }));
    scaledBounds.set(e, found);
  }
  return found;
}

/** What format number k makes of m · 2**e, rounded once. */
export function verdict([m, e], k) {
  const { zero, subnormal, overflow } = boundsAt(e)[k],
    size = Math.abs(m);
  if (size <= zero) return "zero";
  if (size < subnormal) return "subnormal";
  return size >= overflow ? "overflow" : "held";
}

/** Note in `first` what a product of n factors is to each format; returned is the open range in which nothing is new. */
function meet(first, n, size, bounds) {
  let low = SMALL,
    high = LARGE;
  for (let k = 0; k < FORMATS.length; k++) {
    const { zero, subnormal, overflow } = bounds[k],
      met = first[k];
    if (size <= zero) met.zero ??= n;
    else if (size < subnormal) met.subnormal ??= n;
    else if (size >= overflow) met.overflow ??= n;
    if (met.zero === null) low = Math.max(low, zero);
    if (met.subnormal === null) low = Math.max(low, subnormal);
    if (met.overflow === null) high = Math.min(high, overflow);
  }
  return [low, high];
}

/**
 * Walk the products of the first n factors: `visit(k, m, e)` sees that of n = stops[k] as m · 2**e.
 * Returned are, for each format, the first n at which the product is subnormal, zero, overflowing, or null.
 */
function walk(factors, stops, visit) {
  const first = FORMATS.map(() => ({ subnormal: null, zero: null, overflow: null }));
  let m = 1,
    e = 0,
    n = 0,
    low = Infinity,
    high = 0;
  for (let stop = 0; ; stop++) {
    const until = stop < stops.length ? stops[stop] : factors.length;
    while (n < until && m !== 0) {
      const factor = factors[n++],
        next = m * factor,
        size = Math.abs(next);
      // Most steps meet no bound and need no new exponent: this is what the heat map's time goes into.
      if (size > low && size < high) m = next;
      else {
        [m, e] = times([m, e], factor);
        [low, high] = meet(first, n, Math.abs(m), boundsAt(e));
      }
    }
    if (stop === stops.length) return first;
    visit(stop, m, e);
  }
}

/** λ_0 + r, λ_1 + r, … up to the largest depth, written to `list`; `base` holds the λ_i of a schedule at λ = 1. */
function steps({ lam, r, schedule }, base, list = new Float64Array(MAX_DEPTH)) {
  for (let l = 0; l < MAX_DEPTH; l++) list[l] = lam * base[l] + r;
  if (schedule === "alternating") for (let l = 1; l < MAX_DEPTH; l += 2) list[l] = 1 / lam + r;
  return list;
}

const atOne = (state) => shortcuts({ ...state, lam: 1 }, MAX_DEPTH);

/** The last state at which format number k makes 0 or infinity of what is not 0; -1 where there is none. */
function lastGone(line, k) {
  let at = null,
    bounds;
  for (let l = line.length - 1; l >= 0; l--) {
    const [m, e] = line[l],
      size = Math.abs(m);
    if (e !== at) bounds = boundsAt((at = e))[k];
    if (size !== 0 && (size <= bounds.zero || size >= bounds.overflow)) return l;
  }
  return -1;
}

/**
 * For each format: what it makes of g_0 (`here`), the state at which it loses the gradient on the way
 * although it could hold g_0 (`lost`, or null), and the first depths, up to 1000, at which g_0 becomes
 * subnormal, zero, infinite (or null).
 */
export function formats(state, { whole } = chain(state)) {
  const first = walk(steps(state, atOne(state)), []);
  return FORMATS.map(([name], k) => {
    const here = verdict(whole[0], k);
    let lost = null;
    if (here === "held" || here === "subnormal") {
      const gone = lastGone(whole, k);
      if (gone > 0) lost = gone;
    }
    return { name, here, lost, ...first[k] };
  });
}

export const HEAT_LAM = Array.from({ length: 101 }, (_, k) => k / 50);
export const HEAT_DEPTH = Array.from({ length: 61 }, (_, k) => Math.round(10 ** (k / 20)));

/**
 * log10 |g_0 / g_L| for every λ of HEAT_LAM (outer) and depth of HEAT_DEPTH (inner), NaN where the
 * schedule does not exist, and for each format the depths at which it underflows or overflows, by λ.
 */
export function heat(state) {
  const log10 = HEAT_LAM.map(() => new Float64Array(HEAT_DEPTH.length).fill(NaN));
  const gone = FORMATS.map(() => ({ zero: HEAT_LAM.map(() => null), overflow: HEAT_LAM.map(() => null) }));
  const base = atOne(state),
    factors = new Float64Array(MAX_DEPTH);
  HEAT_LAM.forEach((lam, column) => {
    if (state.schedule === "alternating" && lam < ALTERNATING_FROM) return;
    const first = walk(steps({ ...state, lam }, base, factors), HEAT_DEPTH, (row, m, e) => {
      log10[column][row] = Math.log10(Math.abs(m)) + e * LOG10_2;
    });
    first.forEach(({ zero, overflow }, k) => {
      gone[k].zero[column] = zero;
      gone[k].overflow[column] = overflow;
    });
  });
  return { log10, gone };
}

/** Everything computed; long lines by about 25 of their states, as [sign, log10]. */
export function numbers(state) {
  const links = chain(state);
  const step = Math.ceil(state.depth / 25);
  const line = (all) =>
    all.filter((_, l) => l % step === 0 || l === state.depth).map(({ sign, log10 }) => [sign, log10]);
  const lines = Object.fromEntries(Object.entries(series(state, links)).map(([name, all]) => [name, line(all)]));
  return { ...lines, formats: formats(state, links) };
}

const listed = (names) =>
  names.length < 2 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** The state in words. */
export function readout(state, lines = series(state)) {
  const after = `After ${units(state.depth)}`;
  const [g, shortcut, rest, plain] = ["whole", "shortcut", "rest", "plain"].map((name) => lines[name].at(0));
  const size = { ...g, sign: Math.abs(g.sign) };
  const parts = [];
  if (state.schedule === "constant" && state.r !== 0) {
    const terms = [state.lam, state.r];
    parts.push(`A unit passes on λ + r ${evaluated(sumOf(terms), terms.map((t) => [t]), state.lam + state.r)}.`);
  }
  if (g.sign === 0) parts.push(`${after} nothing is left of the gradient: it is exactly 0.`);
  else {
    const of = share(size).endsWith("%") || g.log10 < 0 ? "of" : "times";
    parts.push(
      `${after} the gradient is ${share(size)} ${of} what entered${g.sign < 0 ? ", with its sign turned" : ""}.`,
    );
  }
  if (state.r === 0) parts.push("There is no branch, so the shortcuts carry all of it.");
  else
    parts.push(
      `The shortcuts alone carry ${share(shortcut)}, the paths through branches ${share(rest)}.`,
      `Without skips ${share({ ...plain, sign: Math.abs(plain.sign) })} would arrive.`,
    );
  return parts.join(" ");
}

/** What the formats make of the gradient at the input, in words. */
function held(results, { sign }) {
  if (sign === 0) return "The gradient is exactly 0, which every format holds.";
  if (results.every(({ here, lost }) => here === "held" && lost === null)) {
    return "float16 would still hold it, and so would the wider formats.";
  }
  const said = new Map();
  for (const { name, here, lost } of results) {
    const clause =
      lost !== null
        ? `lost on the way, at state ${lost}, in`
        : {
            held: "held by",
            subnormal: "held with fewer digits, as a subnormal, by",
            zero: "rounded to 0 by",
            overflow: "too large for",
          }[here];
    said.set(clause, [...(said.get(clause) ?? []), name]);
  }
  return `It is ${[...said].map(([clause, names]) => `${clause} ${listed(names)}`).join("; ")}.`;
}

/** Read a list as a reader types it: numbers, fractions such as 1/3, parted by commas, semicolons or space. */
export function parse(typed) {
  const entries = typed.split(/[\s,;]+/).filter(Boolean);
  const list = entries.map((entry) =>
    entry
      .split("/")
      .map(Number)
      .reduce((a, b) => a / b),
  );
  const wrong = list.findIndex((x) => !Number.isFinite(x) || Math.abs(x) > LARGEST_FACTOR);
  if (wrong >= 0)
    return { problem: `Entry ${wrong + 1}, “${entries[wrong]}”, is no number that can be used here.` };
  if (list.length === 0) return { problem: "The list is empty: at least one number is wanted." };
  if (list.length > MAX_DEPTH)
    return { problem: `${list.length} numbers came; ${MAX_DEPTH} at most are wanted.` };
  return { list };
}

// ------------------------------------------------------------------------------------- the view

const KEYS = ["lam", "depth", "r", "schedule", "factors"];
const CAPTION =
  "A unit passes on λ + r, not λ. So the shortcut’s part may fade to nothing while the whole gradient arrives, and " +
  "λ = 1 is no protection. The thin line has the same branches and no skips.";
// Each but the first changes one thing of what the explorer opens with.
const OPENING = { lam: 0.9, depth: 50, r: 0.1, schedule: "constant" };
const PRESETS = [
  ["r = 0.1: it arrives", OPENING],
  ["r = 0: it fades", { ...OPENING, r: 0 }],
  ["r = −0.1: it fades faster", { ...OPENING, r: -0.1 }],
  ["λ = 1: it explodes", { ...OPENING, lam: 1 }],
];
const SERIES = [
  ["whole", "whole gradient"],
  ["shortcut", "shortcut alone"],
  ["rest", "paths through branches"],
  ["plain", "without skips"],
  ["measured", "your network"],
];

/** The reader's own network, log10 |g_l| / |g_L| at every state: shown at the depth that it has. */
const measuredLine = (log10s, depth) =>
  log10s.length === depth + 1
    ? log10s.map((log10) => (log10 === null ? measured([0, 0]) : { sign: 1, log10 }))
    : [];

/** At most about 250 states of a line, the last one always; the step is odd, so that alternating levels both show. */
function thinned(count) {
  const last = count - 1;
  const step = last <= 250 ? 1 : 2 * Math.floor(last / 500) + 1;
  const kept = [];
  for (let l = 0; l < last; l += step) kept.push(l);
  return [...kept, last];
}

/** The series for the view: a line has a length and tells what it is `at` a state, as lists do; most are never asked. */
const viewed = (links, depth) =>
  Object.fromEntries(
    Object.entries(links).map(([name, line]) => [name, { length: depth + 1, at: (l) => measured(line[l]) }]),
  );

/** The points of a line, [state, {sign, log10}]; the paths through branches begin one unit before the loss, if any. */
function pointsOf(name, line, { r, depth }) {
  if (line.length === 0 || (name === "rest" && r === 0)) return [];
  return thinned(name === "rest" ? depth : depth + 1).map((l) => [l, line.at(l)]);
}

/** The part of a line between two decades, from the loss on, with the point where it leaves them. */
function within(points, low, high) {
  const kept = [];
  for (const [l, size] of points.toReversed()) {
    if (size.sign !== 0 && size.log10 >= low && size.log10 <= high) {
      kept.unshift([l, size]);
      continue;
    }
    const edge = size.log10 > high ? high : low,
      [from, { log10 }] = kept[0] ?? [l, { log10: edge }];
    const part = size.sign === 0 ? 1 : (edge - log10) / (size.log10 - log10);
    return kept.length ? [[from + part * (l - from), { sign: 1, log10: edge }], ...kept] : [];
  }
  return kept;
}

/** The lowest and highest decade shown: float16's range always, everything finite, room below for zeros. */
function range(lines) {
  let low = -8,
    high = 6,
    zero = false;
  for (const line of lines) {
    for (const [, { sign, log10 }] of line) {
      if (sign === 0) zero = true;
      else if (log10 < low) low = log10;
      else if (log10 > high) high = log10;
    }
  }
  const room = (high - low) * 0.04;
  return {
    low: low - (low < -8 ? room : 0) - (zero ? 1.5 * room : 0),
    high: high + (high > 6 ? room : 0),
    zero,
  };
}

const SAID = { largest: "max", normal: "min", subnormal: "sub" };

/** The lines of the formats between two decades, from the top down; equal ones are merged. */
function formatLines(low, high) {
  const lines = new Map();
  FORMATS.forEach(([, short, precision, lowest, highest]) => {
    const kinds = [
      ["largest", highest + 1],
      ["normal", lowest],
      ["subnormal", lowest - precision + 1],
    ];
    for (const [kind, exponent] of kinds) {
      const key = `${kind} ${exponent}`;
      lines.set(key, { kind, log10: exponent * LOG10_2, names: [...(lines.get(key)?.names ?? []), short] });
    }
  });
  return [...lines.values()]
    .filter(({ log10 }) => log10 > low && log10 < high)
    .sort((a, b) => b.log10 - a.log10);
}

function drawChart(root, width, state, lines, withFormats) {
  const height = 310,
    area = { left: 44, right: width - (withFormats ? 92 : 14), top: 12, bottom: height - 40 };
  const { left, right, top, bottom } = area;
  const drawn = SERIES.map(([name]) => [name, pointsOf(name, lines[name], state)]);
  // Without skips the line may fall a hundred decades; it does not get to set the axis, and leaves it below.
  const { low, high, zero } = range(drawn.filter(([name]) => name !== "plain").map(([, points]) => points));
  const x = linear([0, state.depth], [left, right]);
  const y = linear([low, high], [bottom, top]);
  const decades = ticks(zero ? low + 0.06 * (high - low) : low, high, 7);
  const limits = withFormats ? formatLines(low, high) : [];
  const places = spread(
    limits.map(({ log10 }) => y(log10)),
    12.5,
    top,
    bottom,
  );
  // One path for each kind of line: fewer elements are faster.
  const limitsOf = (kind) =>
    limits.map((limit, k) =>
      limit.kind === kind ? `M${left} ${y(limit.log10)}H${right}L${right + 8} ${places[k]}` : "",
    );
  const parts = ["largest", "normal", "subnormal"].map((kind) =>
    shape("path", { class: `rx-limit rx-${kind}`, d: limitsOf(kind).join("") }),
  );
  for (const [name, all] of drawn) {
    const values = name === "plain" ? within(all, low, high) : all;
    if (values.length === 0) continue;
    const points = values.map(([l, { sign, log10 }]) => [x(l), sign ? y(log10) : bottom]);
    parts.push(
      shape("path", { class: `rx-line rx-${name}`, d: path(points) }),
      ...(values[0][0] === 0 ? [shape("circle", { class: `rx-dot rx-dot-${name}`, cx: x(0), cy: points[0][1], r: 4.5 })] : []),
    );
  }
  const { lines: under, labels } = ground(
    area,
    decades.map((k) => [y(k), power(k)]),
    marks(state.depth, width < 480 ? 4 : 6).map((l) => [x(l), String(l)]),
    "state l, from the input (0) to the loss",
  );
  const states = thinned(state.depth + 1);
  const shownLines = SERIES.filter(([name]) => lines[name].length > 0);
  const tell = (k) => {
    const sizes = shownLines.map(([name, title]) => [title, lines[name].at(states[k])]);
    const heights = sizes.filter(([, { sign, log10 }]) => sign && log10 >= low && log10 <= high);
    return {
      said: [`state ${states[k]}`, ...sizes.map(([title, size]) => `${title}: ${words(size)}`)],
      dots: heights.map(([, { log10 }]) => y(log10)),
    };
  };
  picture(root, width, height, [
    ...under,
    ...parts,
    ...labels,
    ...(zero ? [label(left - 6, bottom + 4, "0", { class: "rx-end" })] : []),
    ...limits.map(({ kind, names }, k) =>
      label(right + 10, places[k] + 4, `${names.join(", ")} ${SAID[kind]}`),
    ),
  ], probe(area, states.map(x), tell));
}

const HEAT = { width: 300, height: 310, left: 44, right: 290, top: 12, bottom: 270 };
const heatX = linear([0, 2], [HEAT.left, HEAT.right]);
const heatY = linear([0, 3], [HEAT.bottom, HEAT.top]);

/** "#0072b2" as three numbers. */
const channels = (colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));

/** Hue for the direction, opacity for the size: in `colours`, that of what is smaller and that of what is larger. */
function paintHeat(canvas, { log10 }, colours) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(HEAT_LAM.length, HEAT_DEPTH.length);
  const whole = Math.log1p(300);
  const [smaller, larger] = colours.map(channels);
  for (let k = 0; k < HEAT_LAM.length; k++) {
    for (let row = 0; row < HEAT_DEPTH.length; row++) {
      const value = log10[k][row];
      const at = 4 * ((HEAT_DEPTH.length - 1 - row) * HEAT_LAM.length + k);
      const hue = value < 0 ? smaller : larger;
      for (let channel = 0; channel < 3; channel++) image.data[at + channel] = hue[channel];
      image.data[at + 3] = Number.isNaN(value) ? 0 : (255 * Math.log1p(Math.abs(value))) / whole;
    }
  }
  context.putImageData(image, 0, 0);
}

/** What stands around the heat map, whatever it shows. */
function heatAxes() {
  const lams = [0, 0.5, 1, 1.5, 2].map((lam) => [heatX(lam), String(lam)]);
  const { lines, labels } = ground(HEAT, [], lams, "λ");
  const turned = `translate(11 ${(HEAT.top + HEAT.bottom) / 2}) rotate(-90)`;
  return [
    ...lines,
    ...labels,
    ...[1, 10, 100, 1000].map((d) =>
      label(HEAT.left - 6, heatY(Math.log10(d)) + 4, String(d), { class: "rx-end" }),
    ),
    label(0, 0, "depth", { class: "rx-middle", transform: turned }),
  ];
}

const COLUMN_AT = HEAT_LAM.map((lam) => Math.round(10 * heatX(lam)) / 10);
const DEPTH_AT = Array.from({ length: MAX_DEPTH + 1 }, (_, n) => Math.round(10 * heatY(Math.log10(n))) / 10);

function heatLines({ gone }) {
  const lines = [],
    labels = [];
  for (const [side, column] of [
    ["zero", 15],
    ["overflow", 88],
  ]) {
    const named = [];
    gone.forEach((ends, k) => {
      let d = "",
        broken = true;
      ends[side].forEach((depth, at) => {
        if (depth !== null) d += `${broken ? "M" : "L"}${COLUMN_AT[at]} ${DEPTH_AT[depth]}`;
        broken = depth === null;
      });
      lines.push(shape("path", { class: `rx-limit rx-edge-${k}`, d }));
      const depth = ends[side][column];
      if (depth === null) return;
      const at = DEPTH_AT[depth];
      if (named.length && named.at(-1).at - at < 12) named.at(-1).names.push(FORMATS[k][1]);
      else named.push({ at, names: [FORMATS[k][1]] });
    });
    for (const { at, names } of named) {
      labels.push(
        label(COLUMN_AT[column], Math.max(at - 5, HEAT.top + 10), names.join(", "), {
          class: "rx-middle rx-halo",
        }),
      );
    }
  }
  return [...lines, ...labels];
}

function nextDepth(depth, key) {
  const step = Math.max(1, Math.round(depth * 0.02)),
    leap = Math.max(1, Math.round(depth * 0.25));
  const by = {
    ArrowRight: step,
    ArrowUp: step,
    ArrowLeft: -step,
    ArrowDown: -step,
    PageUp: leap,
    PageDown: -leap,
  }[key];
  return by === undefined ? null : Math.min(MAX_DEPTH, Math.max(1, depth + by));
}

function render({ model, el, share: sharing }) {
  const ui = frame({
    model,
    el,
    share: sharing,
    keys: KEYS,
    carried: ["measured"],
    label: "λ and depth",
    caption: CAPTION,
    presets: PRESETS,
    settle: (next) =>
      next.schedule === "alternating" ? { ...next, lam: Math.max(next.lam, ALTERNATING_FROM) } : next,
  });
  const { update } = ui;
  let heated = {},
    agreed = {},
    width = 600;

  const lam = ui.slider(
    "lam",
    "λ, the shortcut’s scale",
    { min: 0, max: 2, step: 0.01 },
    { words: about, spoken: (value) => `λ is ${about(value)}` },
  );
  const depth = ui.slider(
    "depth",
    "depth L, in units",
    { min: 0, max: 3, step: 0.001 },
    // On a log scale one step of the slider is no whole unit; the keys always move by whole units.
    { words: units, place: Math.log10, value: (v) => Math.round(10 ** v), next: nextDepth },
  );
  const r = ui.slider(
    "r",
    "r, the branch’s derivative",
    { min: -2, max: 2, step: 0.01 },
    { words: about, spoken: (value) => (value === 0 ? "0, no branch" : about(value)) },
  );
  const schedule = ui.choice("schedule", "schedule of the λ", SCHEDULES, (name) => ({
    schedule: name,
    // the schedule itself, unscaled
    ...(["constant", "alternating"].includes(name) ? {} : { lam: 1 }),
    ...(name === "own" && model.get("factors").length === 0 ? { factors: [0.5, 1.5, 1.2] } : {}),
  }));
  const own = make("input", {
    id: `${ui.id}-own`,
    type: "text",
    inputmode: "text",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": `${ui.id}-problem`,
    oninput: readOwn,
  });
  const problem = make("p", { class: "rx-problem", id: `${ui.id}-problem`, role: "status" });
  const ownRow = make(
    "div",
    { class: "rx-control rx-own" },
    make("label", { for: own.id }, "your λ from the input on, repeated if the depth is larger"),
    own,
    problem,
  );

  /** As palette.json has them for this page; empty where the map is on no page yet, or in no browser. */
  const heatColours = () =>
    typeof getComputedStyle === "undefined"
      ? []
      : ["smaller", "larger"].map((name) => getComputedStyle(map).getPropertyValue(`--rx-${name}`).trim());

  function readOwn() {
    const { list, problem: wrong } = parse(own.value);
    problem.textContent = wrong ?? "";
    set(own, { "aria-invalid": Boolean(wrong) });
    if (list) update({ factors: list, depth: list.length });
  }

  const chart = svg("svg", {
    role: "img",
    "aria-label": "Size of the gradient at every state, on a log scale",
  });
  const values = SERIES.map(() => make("span", { class: "rx-value" }));
  const entries = SERIES.map(([name, label], k) =>
    make(
      "li",
      {},
      svg(
        "svg",
        { width: 30, height: 10, "aria-hidden": "true" },
        svg("path", { class: `rx-line rx-${name}`, d: "M1 5H29" }),
      ),
      `${label}: `,
      values[k],
    ),
  );
  const legend = make("ul", { class: "rx-legend" }, ...entries);
  const canvas = make("canvas", { width: HEAT_LAM.length, height: HEAT_DEPTH.length, "aria-hidden": "true" });
  const around = svg("g"),
    edges = svg("g");
  show(around, heatAxes());
  const marker = svg("g", { class: "rx-marker" }, svg("circle", { r: 7 }), svg("circle", { r: 7 }));
  const map = make(
    "div",
    {
      class: "rx-map",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "heat map",
      "aria-label": "Size of the gradient by λ and depth. Arrow keys move the point.",
      "aria-describedby": `${ui.id}-said`,
      onkeydown: moveByKey,
      onpointerdown: pressed,
      onpointermove: (event) => event.buttons === 1 && moveTo(event),
    },
    canvas,
    svg("svg", { viewBox: `0 0 ${HEAT.width} ${HEAT.height}`, "aria-hidden": "true" }, around, edges, marker),
  );
  const limits = make("div", {
    class: "rx-table rx-formats",
    tabindex: 0,
    role: "group",
    "aria-label": "Table of the formats",
  });

  function moveByKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      const step = event.shiftKey ? 0.1 : 0.01;
      update({ lam: Math.min(2, Math.max(0, Math.round((model.get("lam") + by * step) * 100) / 100)) });
    } else {
      const next = nextDepth(
        model.get("depth"),
        event.shiftKey ? event.key.replace("Arrow", "Page") : event.key,
      );
      if (next === null) return;
      update({ depth: next });
    }
    event.preventDefault();
  }

  function pressed(event) {
    // A finger only points, so that it can still scroll the page; a mouse may drag.
    if (event.pointerType === "mouse" && event.button === 0) map.setPointerCapture(event.pointerId);
    if (event.button === 0) moveTo(event);
  }

  function moveTo(event) {
    if (event.type === "pointermove" && event.pointerType !== "mouse") return;
    const box = map.getBoundingClientRect();
    const px = ((event.clientX - box.left) / box.width) * HEAT.width;
    const py = ((event.clientY - box.top) / box.height) * HEAT.height;
    const within = (v, a, b) => Math.min(b, Math.max(a, v));
    const atLam = linear([HEAT.left, HEAT.right], [0, 2])(within(px, HEAT.left, HEAT.right));
    const atDepth = linear([HEAT.bottom, HEAT.top], [0, 3])(within(py, HEAT.top, HEAT.bottom));
    update({ lam: Math.round(atLam * 50) / 50, depth: Math.round(10 ** atDepth) });
  }

  function paint(now) {
    const links = chain(now);
    const lines = { ...viewed(links, now.depth), measured: measuredLine(model.get("measured") ?? [], now.depth) };
    lam.input.min = now.schedule === "alternating" ? ALTERNATING_FROM : 0;
    ownRow.hidden = now.schedule !== "own";
    // Rewrite the text only where it does not already say the same, so that typing is not disturbed.
    if (own.value !== agreed.typed || now.factors !== agreed.factors) {
      const same = JSON.stringify(parse(own.value).list) === JSON.stringify(now.factors);
      if (!same && document.activeElement !== own) {
        own.value = now.factors.join(", ");
        problem.textContent = "";
        own.removeAttribute("aria-invalid");
      }
      if (same || document.activeElement !== own) agreed = { typed: own.value, factors: now.factors };
    }
    ui.say(readout(now, lines));
    SERIES.forEach(([name], k) => {
      entries[k].hidden = lines[name].length === 0;
      write(values[k], entries[k].hidden ? "" : share(lines[name].at(0)));
    });
    drawChart(chart, width, now, lines, formatFold.open);
    if (mapFold.open) paintMap(now);
    if (formatFold.open) {
      const ends = formats(now, links);
      write(verdicts, held(ends, lines.whole.at(0)));
      tabulate(limits, ...limitsTable(now, ends));
    }
    ui.list(() => valuesTable(now, lines));
  }

  function paintMap(now) {
    // The heat map shows every λ and depth, so these two do not change it.
    const keys = ["r", "schedule", ...(now.schedule === "own" ? ["factors"] : [])];
    const colours = keys.some((key) => now[key] !== heated[key]) ? heatColours() : [];
    if (colours[0]) {
      const found = heat(now);
      paintHeat(canvas, found, colours);
      show(edges, heatLines(found));
      heated = now;
    }
    set(marker, { transform: `translate(${heatX(now.lam)} ${heatY(Math.log10(now.depth))})` });
  }

  const first = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, "|gₗ| at state l, where 1 enters at the loss"),
    legend,
    chart,
  );
  const mapFold = ui.fold(
    "|g₀| by λ and depth, as a map",
    map,
    make(
      "p",
      { class: "rx-note" },
      "Blue: smaller than what entered. Orange: larger. " +
        "Lines: from here on a format gives 0 or overflows. Click, or use the arrow keys.",
    ),
  );
  const verdicts = make("p");
  const formatFold = ui.fold("Number formats: which of them would hold it", verdicts, limits);
  return ui.start({
    controls: [lam.element, depth.element, r.element],
    more: [schedule.element, ownRow],
    figures: [first],
    below: [mapFold, formatFold],
    paint,
    watch: first,
    resized: (inside) => {
      width = Math.max(260, inside);
    },
  });
}

function limitsTable(state, ends) {
  const from = (depth) => (depth === null ? "–" : `at ${depth}`);
  const HERE = { held: "held", subnormal: "subnormal", zero: "0", overflow: "overflows" };
  return [
    "Where each format underflows or overflows: the first depth, up to 1000, at which g₀ becomes …",
    ["format", `at depth ${state.depth}`, "subnormal", "0", "too large"],
    ends.map(({ name, here, lost, subnormal, zero, overflow }, k) => [
      `${name} (${FORMATS[k][1]})`,
      lost === null ? HERE[here] : `lost at state ${lost}`,
      from(subnormal),
      from(zero),
      from(overflow),
    ]),
  ];
}

function valuesTable({ depth }, lines) {
  const step = Math.ceil(depth / 20);
  const states = Array.from({ length: Math.ceil(depth / step) }, (_, k) => k * step);
  const own = lines.measured.length > 0;
  return [
    `gₗ / g_L${step > 1 ? `, every ${step} states` : ""}.`,
    ["state l", "whole", "shortcut", "branches", ...(own ? ["your network"] : [])],
    [...states, depth].map((l) => [
      String(l),
      ...["whole", "shortcut", "rest", ...(own ? ["measured"] : [])].map((name) => words(lines[name].at(l))),
    ]),
  ];
}

export default { render };
