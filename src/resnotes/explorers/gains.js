// Gradients at initialisation: how much of a gradient arrives at the input, in a few hundred networks drawn at random?
// The upper half are pure functions of the state {unit, lam, beta, depth, width, seed}; the lower half draws them.
import { aboutWords, ground, label, linear, make, marks, path, picture, power, probe, set, shape, share, svg, ticks, units, words, write } from "./draw.js";
import { frame } from "./frame.js";
import { generator } from "./random.js";

export const UNITS = {
  none: "none: W₂ ReLU(W₁ x)",
  pre: "layer normalisation in front of the branch (pre-LN)",
  post: "layer normalisation after the addition (post-LN)",
  batch: "batch normalisation in front of the ReLU: W ReLU(BN(x))",
};
export const WIDTHS = [4, 8, 16, 32, 64, 128];
const MAX_DEPTH = 64;
const LARGEST = 1.5;
// Of λ and β together: the squares of 64 units with less would leave the range of floats.
const LEAST = 0.1;
const SEEDS = 100;
// A batch-normalised network is drawn with all its weights for a batch of 64, and takes longer.
const NETWORKS = 300,
  BATCHES = 24;
const networks = ({ unit }) => (unit === "batch" ? BATCHES : NETWORKS);
// κ of these branches, and of the batch-normalised one τ too: equations init-branch, init-batch-one.
const STRENGTH = 1,
  GROWTH = 1 - 1 / Math.PI;

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ unit, lam, beta, depth, width, seed }) {
  if (!Object.hasOwn(UNITS, unit)) return `unit: got ${unit}, wanted one of ${Object.keys(UNITS).join(", ")}`;
  if (!(lam >= 0 && lam <= LARGEST)) return `lam: got ${lam}, wanted a number from 0 to ${LARGEST}`;
  if (!(beta >= 0 && beta <= LARGEST)) return `beta: got ${beta}, wanted a number from 0 to ${LARGEST}`;
  if (lam < LEAST && beta < LEAST) return `beta: got ${beta}, wanted at least ${LEAST} where lam is less`;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH))
    return `depth: got ${depth}, wanted a whole number from 1 to ${MAX_DEPTH}`;
  if (!WIDTHS.includes(width)) return `width: got ${width}, wanted one of ${WIDTHS.join(", ")}`;
  if (!(Number.isInteger(seed) && seed >= 1 && seed <= SEEDS))
    return `seed: got ${seed}, wanted a whole number from 1 to ${SEEDS}`;
  return "";
}

/**
 * log10 of the mean of |g_l|² / |g_L|² at every state l = 0 … depth: init-law, init-pre-law, init-batch-law with λ and β.
 * With a normalisation it is the law of wide networks.
 */
export function law({ unit, lam, beta, depth }) {
  const growth = { none: 0, pre: STRENGTH, post: 0, batch: GROWTH }[unit];
  const factors = [];
  for (let l = 0, spread = 1; l < depth; l++) {
    const passed = lam * lam + (STRENGTH * beta * beta) / (growth ? spread : 1);
    factors.push(unit === "post" ? 1 : passed);
    spread = lam * lam * spread + growth * beta * beta;
  }
  const found = Array(depth + 1).fill(0);
  for (let l = depth - 1; l >= 0; l--) found[l] = found[l + 1] + Math.log10(factors[l]);
  return found;
}

/**
 * Draws networks: a function (from, until) -> for each of them log10 |g_l|² / |g_L|² at l = 0 … depth.
 *
 * Of a Gaussian weight W a pass for one input x needs W x and, on the way back, g W. Both are drawn in place of W: W x is
 * normal, and given W x = y the row g W is (g y) xᵀ / |x|² and normal numbers at a right angle to x. Their law is that of
 * drawing W itself, with n numbers instead of n². `note(layer)` is told them. A network's numbers depend on the
 * seed and on its own number k alone. It uses nothing from outside but `generator`, so that a worker can be given both texts.
 */
export function drawing({ unit, lam, beta, depth, width: n, seed }, note) {
  const BATCH = 64,
    EPSILON = 1e-5;
  let normals;
  function dot(u, v) {
    let sum = 0;
    for (let i = 0; i < u.length; i++) sum += u[i] * v[i];
    return sum;
  }
  function sum(out, p, u, q, v) {
    for (let i = 0; i < out.length; i++) out[i] = p * u[i] + q * v[i];
    return out;
  }
  /** Where z is positive, g, else 0. */
  function masked(out, g, z) {
    for (let i = 0; i < out.length; i++) out[i] = z[i] > 0 ? g[i] : 0;
    return out;
  }

  /** W x, with entries of variance v / n. */
  const sent = (out, x, v) => normals(out, Math.sqrt((v * dot(x, x)) / n));
  /** g W, given that W x = y. */
  function returned(out, g, x, y, v) {
    normals(out, Math.sqrt((v * dot(g, g)) / n));
    const square = dot(x, x);
    return square === 0 ? out : sum(out, 1, out, (dot(g, y) - dot(out, x)) / square, x);
  }

  /** Entries first, first + step, … of a list (`count` of them) to mean 0 and variance 1, in place; returned is what they were divided by. */
  function standardise(list, first, step, count) {
    let mean = 0,
      square = 0;
    for (let i = 0, at = first; i < count; i++, at += step) mean += list[at];
    mean /= count;
    for (let i = 0, at = first; i < count; i++, at += step) square += (list[at] - mean) ** 2;
    const root = Math.sqrt(square / count + EPSILON);
    for (let i = 0, at = first; i < count; i++, at += step) list[at] = (list[at] - mean) / root;
    return root;
  }
  /** The same entries of a gradient sent back through it, in place: init-norm-jacobian, after-batch-jacobian. */
  function unstandardise(g, z, root, first, step, count) {
    let mean = 0,
      along = 0;
    for (let i = 0, at = first; i < count; i++, at += step) {
      mean += g[at];
      along += g[at] * z[at];
    }
    for (let i = 0, at = first; i < count; i++, at += step) g[at] = (g[at] - mean / count - (z[at] * along) / count) / root;
  }

  // Lists are made once: making them anew for each network took most of the time.
  const list = (length) => new Float64Array(length);
  const [first, top] = [list(unit === "batch" ? 0 : n), list(unit === "batch" ? 0 : n)];
  const names = ["z", "hidden", "h", "y", "out", "above", "middle", "entered", "below", "g"];
  const layers = Array.from({ length: unit === "batch" ? 0 : depth }, () =>
    Object.fromEntries(names.map((name) => [name, list(n)])),
  );
  /** One network for one input. */
  function single() {
    let x = normals(first, 1);
    if (unit !== "none") standardise(x, 0, 1, n);
    for (const layer of layers) {
      const { z, hidden, h, y, out } = layer;
      layer.x = x;
      z.set(x);
      layer.front = unit === "pre" ? standardise(z, 0, 1, n) : 1;
      sent(hidden, z, 2);
      masked(h, hidden, hidden);
      sent(y, h, 1);
      sum(out, lam, x, beta, y);
      layer.end = unit === "post" ? standardise(out, 0, 1, n) : 1;
      x = out;
    }
    let g = normals(top, 1);
    const squares = [dot(g, g)];
    for (let l = depth - 1; l >= 0; l--) {
      const { z, front, hidden, h, y, out, end, above, middle, entered, below } = layers[l];
      above.set(g);
      if (unit === "post") unstandardise(above, out, end, 0, 1, n);
      returned(middle, above, h, y, 1);
      masked(entered, middle, hidden);
      returned(below, entered, z, hidden, 2);
      if (note) note({ ...layers[l], upstream: g });
      if (unit === "pre") unstandardise(below, z, front, 0, 1, n);
      g = sum(layers[l].g, lam, above, beta, below);
      squares.push(dot(g, g));
    }
    return squares;
  }

  /** out += x Wᵀ for rows of x, or x W with `back`. */
  function multiplied(x, W, back) {
    const out = new Float64Array(BATCH * n);
    for (let s = 0; s < BATCH; s++)
      for (let i = 0; i < n; i++) {
        if (back) {
          const value = x[s * n + i];
          for (let j = 0; j < n; j++) out[s * n + j] += value * W[i * n + j];
        } else {
          let sum = 0;
          for (let j = 0; j < n; j++) sum += W[i * n + j] * x[s * n + j];
          out[s * n + i] = sum;
        }
      }
    return out;
  }
  /** One batch-normalised network for a batch: here the weights themselves are drawn. */
  function batch() {
    const many = BATCH * n;
    let x = normals(list(many), 1);
    const held = [];
    for (let l = 0; l < depth; l++) {
      const z = Float64Array.from(x),
        W = normals(list(n * n), Math.sqrt(2 / n));
      const roots = Array.from({ length: n }, (_, i) => standardise(z, i, n, BATCH));
      held.push({ x, z, W, roots });
      x = sum(list(many), lam, x, beta, multiplied(masked(list(many), z, z), W, false));
    }
    let g = normals(list(many), 1);
    const squares = [dot(g, g)];
    for (const layer of held.reverse()) {
      const { z, W, roots } = layer;
      if (note) note({ ...layer, upstream: g });
      const below = masked(list(many), multiplied(g, W, true), z);
      roots.forEach((root, i) => unstandardise(below, z, root, i, n, BATCH));
      g = sum(list(many), lam, g, beta, below);
      squares.push(dot(g, g));
    }
    return squares;
  }

  return (from, until) => {
    const rows = [];
    for (let k = from; k < until; k++) {
      normals = generator(seed, k);
      const squares = unit === "batch" ? batch() : single();
      rows.push(squares.map((square) => Math.log10(square / squares[0])).reverse());
    }
    return rows;
  };
}

/** What share `part` of a sorted list lies below; between two entries it is the lower one. */
const quantile = (sorted, part) => sorted[Math.floor(part * (sorted.length - 1))];

/** Of the rows of some networks: at every state the mean, the median and where the middle eight of ten networks lie. */
export function summary(rows) {
  const found = { mean: [], median: [], low: [], high: [] };
  for (let l = 0; l < rows[0].length; l++) {
    const sorted = Float64Array.from(rows, (row) => row[l]).sort();
    found.mean.push(Math.log10(sorted.reduce((sum, value) => sum + 10 ** value, 0) / rows.length));
    found.median.push(quantile(sorted, 0.5));
    found.low.push(quantile(sorted, 0.1));
    found.high.push(quantile(sorted, 0.9));
  }
  return found;
}

/** Everything computed: the law, the gain of each network drawn, and their summary. */
export function numbers(state, rows = drawing(state)(0, networks(state))) {
  return { law: law(state), gains: rows.map((row) => row[0]), ...summary(rows) };
}

const size = (log10) => ({ sign: log10 === -Infinity ? 0 : 1, log10 });
const said = (log10) => aboutWords(size(log10));

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { depth, width, unit } = state;
  const { gains } = found;
  const [law, mean, median, low, high] = ["law", "mean", "median", "low", "high"].map((name) => said(found[name][0]));
  const wide = unit === "none" ? "" : "for wide networks ";
  const parts = [
    `After ${units(depth)} the law ${wide}has a mean gain of ${law}.`,
    `Of the ${gains.length} networks drawn the mean is ${mean}, and half have at most ${median}; ` +
      (low === high ? "eight of ten have this gain." : `eight of ten lie between ${low} and ${high}.`),
  ];
  const dead = gains.filter((gain) => gain === -Infinity).length;
  if (dead) parts.push(`In ${dead} of them nothing arrives.`);
  const below = gains.filter((gain) => gain < found.law[0]).length;
  parts.push(`${share(size(Math.log10(below / gains.length)))} lie below the law. Depth over width is ${said(Math.log10(depth / width))}.`);
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const KEYS = ["unit", "lam", "beta", "depth", "width", "seed"];
const CAPTION =
  "Each bar counts networks drawn at random by the gain of the gradient, the squared length at the input over that at the " +
  "output. Notice that the mean is not a typical network: a few networks hold it up, and most lie below. How far they are " +
  "apart goes by depth over width.";
const OPENING = { unit: "none", lam: 0, beta: 1, depth: 32, width: 16 };
const PRESETS = [
  ["plain, narrow and deep", OPENING],
  ["the same, eight times as wide", { ...OPENING, width: 128 }],
  ["with skips", { ...OPENING, lam: 1 }],
  ["with skips, branches of 1/√L", { ...OPENING, lam: 1, beta: 0.18 }],
];
const LINES = [
  ["law", "mean of the law"],
  ["mean", "mean of those drawn"],
  ["median", "median of those drawn"],
];
const HEIGHT = 300;
const BARS = 36;
const area = (width) => ({ left: 44, right: width - 14, top: 16, bottom: 256 });

// Up to so many normal numbers are drawn at once, in some 20 ms; more by a worker, which tells of its networks as often.
const AT_ONCE = 650_000;
/** About how long it takes to draw, in normal numbers. */
function effort(state) {
  const { unit, depth, width } = state;
  return networks(state) * depth * width * (unit === "batch" ? 12 * width : 4);
}

/** The decades that are shown: the law, the mean, nearly all networks, and at least one decade to each side. */
function decades({ law, mean, gains }) {
  const finite = gains.filter(Number.isFinite).sort((a, b) => a - b);
  const shown = [law[0], mean[0], quantile(finite, 0.02), finite.at(-1)].filter(Number.isFinite);
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  return [Math.floor(Math.min(low, high - 1)), Math.ceil(Math.max(high, low + 1))];
}

/** How many networks lie in each of the equal parts of [low, high]; those below are counted apart. */
export function histogram(gains, [low, high]) {
  const counts = Array(BARS).fill(0);
  let below = 0;
  for (const gain of gains) {
    if (gain < low) below++;
    else counts[Math.min(BARS - 1, Math.floor(((gain - low) / (high - low)) * BARS))]++;
  }
  return { counts, below };
}

const powers = (range, most) => ticks(...range, most).map((k) => [k, power(k)]);
const upright = (name, x, { top, bottom }) => shape("path", { class: `rx-line rx-${name}`, d: `M${x} ${top}V${bottom}` });

function drawBars(root, width, found) {
  const box = area(width);
  const range = decades(found);
  const { counts, below } = histogram(found.gains, range);
  const most = Math.max(4, ...counts);
  const x = linear(range, [box.left, box.right]),
    y = linear([0, 1.08 * most], [box.bottom, box.top]);
  const wide = (box.right - box.left) / BARS;
  const { lines, labels } = ground(
    box,
    ticks(0, most, 5).map((count) => [y(count), String(count)]),
    powers(range, width < 420 ? 5 : 8).map(([k, said]) => [x(k), said]),
    "gain |g₀|² / |g_L|² of a network",
  );
  const bars = counts.map((count, k) => [box.left + k * wide, y(count)]);
  const parts = [
    shape("path", {
      class: "rx-bars",
      d: bars.map(([left, top]) => `M${(left + 0.5).toFixed(1)} ${box.bottom}V${top.toFixed(1)}h${(wide - 1).toFixed(1)}V${box.bottom}z`).join(""),
    }),
  ];
  for (const [name] of LINES) if (found[name][0] >= range[0]) parts.push(upright(name, x(found[name][0]).toFixed(1), box));
  if (below) parts.push(label(box.left + 4, box.top + 8, `← ${below} further left`, { class: "rx-halo" }));
  const tell = (k) => {
    const [from, to] = [k, k + 1].map((at) => said(range[0] + (at * (range[1] - range[0])) / BARS));
    return { said: [counts[k] === 1 ? "1 network" : `${counts[k]} networks`, `from ${from}`, `to ${to}`], dots: [y(counts[k])] };
  };
  const places = counts.map((_, k) => box.left + (k + 0.5) * wide);
  picture(root, width, HEIGHT, [...lines, ...parts, ...labels], probe(box, places, tell));
}

function drawStates(root, width, { depth }, found) {
  const box = area(width);
  const shown = [...found.law, ...found.mean, ...found.median, ...found.high, ...found.low].filter(Number.isFinite);
  const range = [Math.floor(Math.min(-0.5, ...shown)), Math.ceil(Math.max(0.5, ...shown))];
  const x = linear([0, depth], [box.left, box.right]),
    scale = linear(range, [box.bottom, box.top]);
  const y = (value) => scale(Math.max(value, range[0]));
  const points = (name) => found[name].map((value, l) => [x(l), y(value)]);
  const { lines, labels } = ground(
    box,
    powers(range, 7).map(([k, said]) => [y(k), said]),
    marks(depth, 4).map((l) => [x(l), String(l)]),
    "state l, from the input (0) to the loss",
  );
  const parts = [
    shape("path", { class: "rx-band", d: `${path([...points("low"), ...points("high").reverse()])}Z` }),
    ...LINES.map(([name]) => shape("path", { class: `rx-line rx-${name}`, d: path(points(name)) })),
  ];
  const tell = (l) => ({
    said: [`state ${l}`, ...LINES.map(([name]) => `${name} ${said(found[name][l])}`)],
    dots: LINES.map(([name]) => y(found[name][l])),
  });
  const places = found.law.map((_, l) => x(l));
  picture(root, width, HEIGHT, [...lines, ...parts, ...labels], probe(box, places, tell));
}

const sample = (...children) => svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, ...children);

/** For a worker: draws networks, a few at a time. */
function* drawAll([state, count, each]) {
  const draw = drawing(state);
  for (let k = 0; k < count; k += each) {
    const until = Math.min(count, k + each);
    yield { first: k, rows: draw(k, until), part: until / count };
  }
}

function render({ model, el, share: sharing }) {
  const ui = frame({
    model,
    el,
    share: sharing,
    keys: KEYS,
    label: "gradients at initialisation",
    caption: CAPTION,
    presets: PRESETS,
    settle: (next, patch) => {
      if (next.lam >= LEAST || next.beta >= LEAST) return next;
      return "lam" in patch ? { ...next, beta: LEAST } : { ...next, lam: LEAST };
    },
  });
  const factor = { min: 0, max: LARGEST, step: 0.01 };
  const lam = ui.slider("lam", "λ, the factor of the shortcut", factor);
  const beta = ui.slider("beta", "β, the factor of the branch", factor);
  const depth = ui.slider("depth", "depth L", { min: 1, max: MAX_DEPTH, step: 1 }, { words: units });
  const width = ui.slider(
    "width",
    "width n",
    { min: 0, max: WIDTHS.length - 1, step: 1 },
    { words: (value) => `${value} components`, place: (value) => WIDTHS.indexOf(value), value: (k) => WIDTHS[k] },
  );
  const unit = ui.choice("unit", "normalisation", UNITS);
  const seed = ui.slider(
    "seed",
    "networks drawn",
    { min: 1, max: SEEDS, step: 1 },
    { words: (value) => `draw ${value}`, spoken: (value) => `draw number ${value}` },
  );
  const bars = svg("svg", { role: "img", "aria-label": "Histogram of the gains of single networks, on a log axis" });
  const states = svg("svg", { role: "img", "aria-label": "Gain at every state: the law, the mean and the median, on a log axis" });
  const entries = LINES.map(([name, title]) => {
    const value = make("span", { class: "rx-value" });
    return { item: make("li", {}, sample(svg("path", { class: `rx-line rx-${name}`, d: "M1 5H29" })), title, " ", value), value };
  });
  const drawn = ui.run("Draw them", {
    job: drawAll,
    tools: { generator, drawing },
    given() {
      const now = ui.state(),
        count = networks(now);
      return [now, count, Math.ceil((count * Math.min(AT_ONCE / effort(now), 1)) / 2)];
    },
    told: ({ first, rows }) => {
      held.rows.length = first; // a press may have begun anew
      held.rows.push(...rows);
      redraw();
    },
    done: () => finish(),
  });
  // The button ends what runs and begins what was ended.
  const pressed = () => {
    held.busy = !held.busy;
    redraw();
  };
  const underway = make("div", { onclick: ({ target }) => target.localName === "button" && pressed() }, drawn.element);
  let [inside, beside] = [560, 360];
  // The networks of the state `of`; a worker may still be drawing them.
  let held = { of: null, rows: [], busy: false };
  const redraw = () => paint(ui.state());

  function finish() {
    held.busy = false;
    redraw();
  }
  function begin(state) {
    drawn.stop();
    const busy = effort(state) > AT_ONCE && typeof Worker !== "undefined";
    held = { of: JSON.stringify(state), rows: busy ? [] : drawing(state)(0, networks(state)), busy };
    if (busy) drawn.begin();
  }

  function paint(now) {
    if (JSON.stringify(now) !== held.of) begin(now);
    underway.hidden = held.rows.length === networks(now);
    set(el, { "aria-busy": held.busy });
    const found = held.rows.length ? numbers(now, held.rows) : null;
    const waiting = held.busy ? "Networks are being drawn." : "No network has been drawn.";
    ui.say(
      found && !held.busy
        ? readout(now, found)
        : `After ${units(now.depth)} the law has a mean gain of ${said(law(now)[0])}. ${waiting}`,
    );
    if (!found) return;
    LINES.forEach(([name], k) => write(entries[k].value, said(found[name][0])));
    drawBars(bars, inside, found);
    drawStates(states, beside, now, found);
    ui.list(() => table(now, found));
  }

  const first = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, "gains of single networks"),
    make("ul", { class: "rx-legend" }, ...entries.map(({ item }) => item)),
    bars,
  );
  const second = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, "on the way from the loss to the input"),
    make("ul", { class: "rx-legend" }, make("li", {}, sample(svg("path", { class: "rx-band", d: "M1 1H29V9H1Z" })), "eight of ten networks")),
    states,
  );
  const end = ui.start({
    controls: [lam.element, beta.element, depth.element, width.element],
    more: [unit.element, seed.element],
    figures: [first, second],
    below: [underway],
    paint,
    watch: first,
    still: 320,
    resized: (measured) => {
      inside = Math.max(260, measured);
      beside = Math.max(220, second.clientWidth || 300);
    },
  });
  return () => {
    drawn.stop();
    end();
  };
}

function table({ depth }, found) {
  const step = Math.ceil(depth / 16);
  const layers = Array.from({ length: Math.ceil(depth / step) }, (_, k) => k * step);
  return [
    `gain at state l${step > 1 ? `, every ${step} states` : ""}.`,
    ["state l", "law", "mean", "one in ten below", "median", "one in ten above"],
    [...layers, depth].map((l) => [String(l), ...["law", "mean", "low", "median", "high"].map((name) => words(size(found[name][l])))]),
  ];
}

export default { render };
