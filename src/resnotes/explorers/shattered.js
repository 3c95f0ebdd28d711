// Shattered gradients: a random network of one input, its output and its gradient over the input, by depth.
// The upper half are pure functions of the state {lam, beta, depth, normalised, seed}; the lower half draws them.
import { about, ground, label, linear, make, marks, number, path, picture, probe, shape, svg, swatch, units } from "./draw.js";
import { frame } from "./frame.js";
import { generator } from "./random.js";

const MAX_DEPTH = 50;
const LARGEST = 1.5;
const SEEDS = 100;
export const POINTS = 80,
  WIDTH = 40;
const ACROSS = 2;
export const INPUTS = Array.from({ length: POINTS }, (_, k) => -2 + (4 * k) / (POINTS - 1));

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ lam, beta, depth, normalised, seed }) {
  if (!(lam >= 0 && lam <= LARGEST)) return `lam: got ${lam}, wanted a number from 0 to ${LARGEST}`;
  if (!(beta >= 0 && beta <= LARGEST)) return `beta: got ${beta}, wanted a number from 0 to ${LARGEST}`;
  if (lam === 0 && beta === 0) return "beta: got 0, wanted more than 0 where lam is 0, since nothing would pass";
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH))
    return `depth: got ${depth}, wanted a whole number from 1 to ${MAX_DEPTH}`;
  if (typeof normalised !== "boolean") return `normalised: got ${normalised}, wanted true or false`;
  if (!(Number.isInteger(seed) && seed >= 1 && seed <= SEEDS))
    return `seed: got ${seed}, wanted a whole number from 1 to ${SEEDS}`;
  return "";
}

let networks = { seed: null };
/**
 * What is drawn: x_0 = u t + b, a row that reads the output, two directions across u, and for each unit W in rows, with
 * entries of variance 2 / n.
 */
export function drawn(seed) {
  if (networks.seed === seed) return networks;
  const normals = generator(seed, 0);
  const vector = () => normals(new Float64Array(WIDTH), 1);
  const [u, b, read] = [vector(), vector(), vector()];
  const square = u.reduce((sum, value) => sum + value * value, 0);
  const across = Array.from({ length: ACROSS }, () => {
    const v = vector(),
      along = v.reduce((sum, value, i) => sum + value * u[i], 0) / square;
    return v.map((value, i) => value - along * u[i]);
  });
  const rows = Array.from({ length: MAX_DEPTH }, () => {
    const columns = normals(new Float64Array(WIDTH * WIDTH), Math.sqrt(2 / WIDTH));
    return columns.map((_, k) => columns[(k % WIDTH) * WIDTH + Math.floor(k / WIDTH)]);
  });
  const each = (entry) => Float64Array.from({ length: POINTS * WIDTH }, (_, k) => entry(k % WIDTH, INPUTS[Math.floor(k / WIDTH)]));
  const start = [each((i, t) => u[i] * t + b[i]), ...[u, ...across].map((v) => each((i) => v[i]))];
  networks = { seed, u, b, read, across, rows, start };
  return networks;
}

/** Mean and spread over the inputs of component i of the states; 0 and 1 where nothing is normalised. */
function statistics(states, i, normalised) {
  if (!normalised) return [0, 1];
  let mean = 0,
    square = 0;
  for (let s = 0; s < POINTS; s++) mean += states[s * WIDTH + i];
  mean /= POINTS;
  for (let s = 0; s < POINTS; s++) square += (states[s * WIDTH + i] - mean) ** 2;
  return [mean, Math.sqrt(square / POINTS)];
}

/** The sum of products of what stands at each input and at the next, over the mean sum of squares of the two. */
function alike(lists) {
  let product = 0,
    square = 0,
    ends = 0;
  for (const list of lists) {
    const last = list.length - WIDTH;
    for (let k = 0; k < list.length; k++) square += list[k] * list[k];
    for (let k = 0; k < last; k++) product += list[k] * list[k + WIDTH];
    for (let k = 0; k < WIDTH; k++) ends += list[k] * list[k];
    for (let k = last; k < list.length; k++) ends += list[k] * list[k];
  }
  return product / (square - ends / 2);
}

/**
 * How alike the masks of neighbouring inputs are: sums over both of a pair of 1 / spread² where one is open (their mean),
 * and where both are; and the share of what is open at an input that is open at its neighbour too.
 */
function overlap(open, spreads) {
  const weights = spreads.map((spread) => 1 / spread ** 2);
  let [single, shared, count, both] = [0, 0, 0, 0];
  for (let s = 0, k = 0; s < POINTS; s++) {
    const part = s > 0 && s < POINTS - 1 ? 1 : 0.5; // each input but the first and the last stands in two pairs
    for (let j = 0; j < WIDTH; j++, k++) {
      if (!open[k]) continue;
      single += part * weights[j];
      count += part;
      if (s > 0 && open[k - WIDTH]) {
        shared += weights[j];
        both++;
      }
    }
  }
  return [single, shared, both / count];
}

// What is open of one input: its places, and of the state and its derivatives what is sent from there.
const places = new Uint8Array(WIDTH);
const sent = Array.from({ length: 2 + ACROSS }, () => new Float64Array(WIDTH));
/** Collects that of the input whose entries start at place `first`, and tells how many are open. */
function collect(open, means, spreads, beta, lists, first) {
  const [x0, x1, x2, x3] = lists,
    [a0, a1, a2, a3] = sent;
  let count = 0;
  for (let j = 0, k = first; j < WIDTH; j++, k++) {
    const z = (x0[k] - means[j]) / spreads[j];
    open[k] = z > 0 ? 1 : 0;
    if (!open[k]) continue;
    const factor = beta / spreads[j];
    places[count] = j;
    a0[count] = beta * z;
    a1[count] = factor * x1[k];
    a2[count] = factor * x2[k];
    a3[count] = factor * x3[k];
    count++;
  }
  return count;
}

/**
 * λ x + W a for each list x and the `count` entries of a that were collected, at the input whose entries start at place
 * `first`. Most time goes into this: two rows of W at once, with all sums in registers.
 */
function send(W, count, lam, lists, others, first) {
  const [x0, x1, x2, x3] = lists,
    [n0, n1, n2, n3] = others,
    [a0, a1, a2, a3] = sent;
  for (let i = 0, to = first; i < WIDTH; i += 2, to += 2) {
    const row = i * WIDTH,
      below = row + WIDTH;
    let s0 = lam * x0[to],
      s1 = lam * x1[to],
      s2 = lam * x2[to],
      s3 = lam * x3[to],
      t0 = lam * x0[to + 1],
      t1 = lam * x1[to + 1],
      t2 = lam * x2[to + 1],
      t3 = lam * x3[to + 1];
    for (let q = 0; q < count; q++) {
      const j = places[q],
        w = W[row + j],
        v = W[below + j],
        b0 = a0[q],
        b1 = a1[q],
        b2 = a2[q],
        b3 = a3[q];
      s0 += w * b0;
      s1 += w * b1;
      s2 += w * b2;
      s3 += w * b3;
      t0 += v * b0;
      t1 += v * b1;
      t2 += v * b2;
      t3 += v * b3;
    }
    n0[to] = s0;
    n1[to] = s1;
    n2[to] = s2;
    n3[to] = s3;
    n0[to + 1] = t0;
    n1[to + 1] = t1;
    n2[to + 1] = t2;
    n3[to + 1] = t3;
  }
}

let swept = { of: null };
/**
 * Units λ x + β W ReLU(z) one after the other, z = BN(x) with statistics over the inputs, or x. At every depth, for all
 * inputs: the output, its slope over the input, how alike neighbouring gradients are, along the input and across it
 * (mean over the row that reads the output), and what shattered-law says, given how often the masks of neighbours agree.
 */
export function sweep({ lam, beta, normalised, seed }) {
  const key = [lam, beta, normalised, seed].join();
  if (swept.of === key) return swept;
  const { start, read, rows } = drawn(seed);
  const size = POINTS * WIDTH;
  // The states, and their derivatives along u, which is that along the input, and across it.
  let lists = start.map((list) => list.slice());
  let others = lists.map(() => new Float64Array(size));
  const seen = (list) =>
    INPUTS.map((_, s) => {
      let sum = 0;
      for (let i = 0; i < WIDTH; i++) sum += read[i] * list[s * WIDTH + i];
      return sum;
    });
  const found = { of: key, output: [seen(lists[0])], slope: [seen(lists[1])], along: [1], across: [1], law: [1], agree: [] };
  const [means, spreads] = [new Float64Array(WIDTH), new Float64Array(WIDTH)];
  const open = new Uint8Array(size);
  for (const W of rows) {
    for (let i = 0; i < WIDTH; i++) [means[i], spreads[i]] = statistics(lists[0], i, normalised);
    for (let first = 0; first < size; first += WIDTH) {
      send(W, collect(open, means, spreads, beta, lists, first), lam, lists, others, first);
    }
    const [single, shared, agree] = overlap(open, spreads);
    // κ/n times a sum over components is the strength; 2pκ that of what is open for both.
    const pairs = (POINTS - 1) * WIDTH,
      strength = (part) => lam * lam + (2 * beta * beta * part) / pairs;
    found.law.push((found.law.at(-1) * strength(shared)) / strength(single));
    found.agree.push(agree);
    [lists, others] = [others, lists];
    found.output.push(seen(lists[0]));
    found.slope.push(seen(lists[1]));
    found.along.push(alike(lists.slice(1, 2)));
    found.across.push(alike(lists.slice(2)));
  }
  swept = found;
  return found;
}

/** Everything computed: over the inputs at the depth of the state, and over all depths. */
export function numbers(state) {
  const { output, slope, along, across, law, agree } = sweep(state);
  return { output: output[state.depth], slope: slope[state.depth], along, across, law, agree };
}

/** A correlation, to two decimals. */
const two = (x) => {
  const digits = Math.round(x * 100) / 100 + 0;
  return about(digits) === about(x) ? number(digits) : `≈\u00a0${number(digits)}`;
};

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { depth } = state;
  const agree = Math.round(100 * found.agree[depth - 1]);
  return (
    `After ${units(depth)}, the gradients at neighbouring inputs have the correlation ${two(found.along[depth])} along the input, ` +
    `and ${two(found.across[depth])} across it; the law for masks that agree as these do says ${two(found.law[depth])}. ` +
    `Of the ReLUs in the last unit that are open at an input, ≈\u00a0${agree}\u00a0% are open at its neighbour too. ` +
    "For equal masks it would be 100 %, for those of strangers 50 %."
  );
}

// ------------------------------------------------------------------------------------- the view

const KEYS = ["lam", "beta", "depth", "normalised", "seed"];
const CAPTION =
  "A random network of one input, 40 components wide, and its gradient at 80 inputs. Notice that 50 plain units make noise " +
  "of it, of the right size and different at every input. With skips neighbours keep much in common, and without the " +
  "normalisations they keep it even in a plain network.";
const OPENING = { lam: 0, beta: 1, depth: 50, normalised: true };
const PRESETS = [
  ["plain", OPENING],
  ["with skips", { ...OPENING, lam: 1 }],
  ["skips, weak branches", { ...OPENING, lam: 1, beta: 0.2 }],
  ["plain, not normalised", { ...OPENING, normalised: false }],
];
const LINES = [
  ["along", "along the input"],
  ["across", "across it"],
  ["law", "the law, for masks that agree as these do"],
];
const LOWEST = -0.25;

/** A list divided by the root of the mean of its squares. */
function scaled(list) {
  const root = Math.sqrt(list.reduce((sum, value) => sum + value * value, 0) / list.length);
  return list.map((value) => (root ? value / root : 0));
}

function drawOver(root, width, found) {
  const x = linear([-2, 2], [44, width - 12]);
  const parts = [];
  const panels = [
    ["output", found.output, 24, 112, "rx-shattered-output"],
    ["gradient", found.slope, 142, 276, "rx-shattered-slope"],
  ];
  panels.forEach(([title, list, top, bottom, cls], k) => {
    const values = scaled(list),
      most = Math.max(2, ...values.map(Math.abs));
    const y = linear([-most, most], [bottom, top]);
    const { lines, labels } = ground(
      { left: 44, right: width - 12, top, bottom },
      [[y(0), "0"]],
      [-2, -1, 0, 1, 2].map((t) => [x(t), k ? `${t}`.replace("-", "−") : ""]),
      k ? "input t" : "",
    );
    parts.push(
      ...lines,
      shape("path", { class: `rx-line ${cls}`, d: path(values.map((value, s) => [x(INPUTS[s]), y(value)])) }),
      ...labels.filter(({ said }) => said !== ""),
      label(48, top - 6, title, {}),
    );
  });
  picture(root, width, 316, parts);
}

function drawDepths(root, width, { depth }, found) {
  const box = { left: 44, right: width - 14, top: 12, bottom: 272 };
  const x = linear([0, MAX_DEPTH], [box.left, box.right]),
    y = linear([LOWEST, 1], [box.bottom, box.top]);
  const low = (value) => y(Math.max(LOWEST, value));
  const { lines, labels } = ground(
    { ...box, floor: y(0) },
    [0, 0.25, 0.5, 0.75, 1].map((value) => [y(value), String(value)]),
    marks(MAX_DEPTH, 5).map((l) => [x(l), String(l)]),
    "depth, in units",
  );
  const parts = LINES.map(([name]) =>
    shape("path", { class: `rx-line rx-${name}`, d: path(found[name].map((value, l) => [x(l), low(value)])) }),
  );
  parts.push(
    shape("path", { class: "rx-axis", d: `M${x(depth)} ${box.top}V${box.bottom}` }),
    shape("circle", { class: "rx-dot", cx: x(depth), cy: low(found.along[depth]), r: 5 }),
  );
  const names = { along: "along", across: "across", law: "law" };
  const tell = (l) => ({
    said: [units(l), ...Object.entries(names).map(([name, title]) => `${title} ${two(found[name][l])}`)],
    dots: Object.keys(names).map((name) => low(found[name][l])),
  });
  const places = found.law.map((_, l) => x(l));
  picture(root, width, 316, [...lines, ...parts, ...labels], probe(box, places, tell));
}

function render({ model, el, share }) {
  const ui = frame({
    model,
    el,
    share,
    keys: KEYS,
    label: "shattered gradients",
    caption: CAPTION,
    presets: PRESETS,
    settle: (next, patch) => {
      if (next.lam || next.beta) return next;
      return "lam" in patch ? { ...next, beta: 0.05 } : { ...next, lam: 0.05 };
    },
  });
  const factor = { min: 0, max: LARGEST, step: 0.01 };
  const lam = ui.slider("lam", "λ, the factor of the shortcut", factor);
  const beta = ui.slider("beta", "β, the factor of the branch", factor);
  const depth = ui.slider("depth", "depth L", { min: 1, max: MAX_DEPTH, step: 1 }, { words: units });
  const normalised = ui.toggle("normalised", "normalise in front of every ReLU");
  const seed = ui.slider(
    "seed",
    "network drawn",
    { min: 1, max: SEEDS, step: 1 },
    { words: (value) => `draw ${value}`, spoken: (value) => `draw number ${value}` },
  );
  const walk = ui.play("Play the depths", {
    first: { depth: 1 },
    next: (now) => (now.depth < MAX_DEPTH ? { depth: now.depth + 1 } : null),
  });
  const over = svg("svg", { role: "img", "aria-label": "Output of the network and its gradient, over the input" });
  const depths = svg("svg", { role: "img", "aria-label": "Correlation of the gradients at neighbouring inputs, over the depth" });
  const entries = LINES.map(([name, title]) =>
    make(
      "li",
      {},
      swatch(`rx-line rx-${name}`),
      title,
    ),
  );
  let [inside, beside] = [560, 360];

  function paint(now) {
    const found = numbers(now);
    ui.say(readout(now, found));
    drawOver(over, inside, found);
    drawDepths(depths, beside, now, found);
    ui.list(() => table(found));
  }

  const first = make("div", { class: "rx-panel" }, make("p", { class: "rx-title" }, "over the input, each by its own root mean square"), over);
  const second = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, "correlation of neighbouring gradients"),
    make("ul", { class: "rx-legend" }, ...entries),
    depths,
  );
  return ui.start({
    controls: [lam.element, beta.element, depth.element, normalised.element],
    more: [seed.element],
    below: [make("div", { class: "rx-buttons" }, walk.element)],
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

function table(found) {
  const layers = [1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 35, 40, 45, 50];
  const rounded = (value) => number(Math.round(value * 1000) / 1000 + 0);
  return [
    "correlation by depth, and of the ReLUs of the last unit that are open at an input, the share that is open at its neighbour.",
    ["depth", "along", "across", "law", "share"],
    layers.map((l) => [String(l), ...["along", "across", "law"].map((name) => rounded(found[name][l])), rounded(found.agree[l - 1])]),
  ];
}

export default { render };
