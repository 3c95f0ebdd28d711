// Mixing of streams: four streams, and in each unit a matrix that mixes them. What does the product of many keep?
// The upper half are pure functions of the state {kind, rounds, near, depth}; the lower half draws them.
import { aboutWords, ground, label, linear, make, marks, path, picture, power, shape, svg, swatch, units, words } from "./draw.js";
import { frame } from "./frame.js";
import { generator } from "./random.js";

export const STREAMS = 4;
const MAX_ROUNDS = 20;
const MAX_DEPTH = 200;
const KINDS = { positive: "random positive matrices", permutation: "random permutations" };

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ kind, rounds, near, depth }) {
  if (!Object.hasOwn(KINDS, kind)) return `kind: got ${kind}, wanted one of ${Object.keys(KINDS).join(", ")}`;
  if (!(Number.isInteger(rounds) && rounds >= 0 && rounds <= MAX_ROUNDS)) {
    return `rounds: got ${rounds}, wanted a whole number from 0 to ${MAX_ROUNDS}`;
  }
  if (!(near >= 0 && near <= 1)) return `near: got ${near}, wanted a number from 0 to 1`;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH)) {
    return `depth: got ${depth}, wanted a whole number from 1 to ${MAX_DEPTH}`;
  }
  return "";
}

const INDICES = Array.from({ length: STREAMS }, (_, k) => k);
const matrix = (entry) => INDICES.map((i) => INDICES.map((j) => entry(i, j)));
const identity = matrix((i, j) => Number(i === j));
const times = (A, B) => matrix((i, j) => INDICES.reduce((sum, k) => sum + A[i][k] * B[k][j], 0));
export const rowSums = (A) => A.map((row) => row.reduce((a, b) => a + b));
export const columnSums = (A) => INDICES.map((j) => A.reduce((sum, row) => sum + row[j], 0));

/** R of unit `l`, what the identity is mixed with there: exponentials of normal numbers, or a permutation. */
export function drawn(kind, l) {
  const normal = generator(2016, l)(new Float64Array(STREAMS * STREAMS), 1);
  if (kind === "positive") return matrix((i, j) => Math.exp(normal[STREAMS * i + j]));
  const order = [...INDICES].sort((i, j) => normal[i] - normal[j]);
  return matrix((i, j) => Number(order[i] === j));
}

/** H of unit `l`: near · I + (1 − near) · R after rounds of scaling, each of the rows first and then of the columns. */
export function mixing({ kind, rounds, near }, l) {
  const R = drawn(kind, l);
  const H = matrix((i, j) => near * identity[i][j] + (1 - near) * R[i][j]);
  // Written over in place: a matrix anew for each half of a round takes most of the time.
  for (let k = 0; k < rounds; k++) {
    const rows = rowSums(H);
    for (const i of INDICES) for (const j of INDICES) H[i][j] /= rows[i];
    const columns = columnSums(H);
    for (const i of INDICES) for (const j of INDICES) H[i][j] /= columns[j];
  }
  return H;
}

/** The largest singular value: by Jacobi's rotations of AᵀA, which end at machine precision. */
function norm(A) {
  const S = matrix((i, j) => INDICES.reduce((sum, k) => sum + A[k][i] * A[k][j], 0));
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < STREAMS; p++) {
      for (let q = p + 1; q < STREAMS; q++) {
        off += Math.abs(S[p][q]);
        if (S[p][q] === 0) continue;
        const theta = (S[q][q] - S[p][p]) / (2 * S[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (const k of INDICES) [S[k][p], S[k][q]] = [c * S[k][p] - s * S[k][q], s * S[k][p] + c * S[k][q]];
        for (const k of INDICES) [S[p][k], S[q][k]] = [c * S[p][k] - s * S[q][k], s * S[p][k] + c * S[q][k]];
      }
    }
    if (off <= 1e-16 * (S[0][0] + S[1][1] + S[2][2] + S[3][3])) break;
  }
  return Math.sqrt(Math.max(...INDICES.map((k) => S[k][k]), 0));
}

/** Without the mean over the streams. */
const centred = (A) => {
  const means = columnSums(A).map((sum) => sum / STREAMS);
  return matrix((i, j) => A[i][j] - means[j]);
};

/** A matrix scaled to entries of at most 1, with log10 of the scale that was taken out: nothing overflows. */
function scaled(A, log) {
  const most = Math.max(...A.flat().map(Math.abs));
  return most > 0 ? [matrix((i, j) => A[i][j] / most), log + Math.log10(most)] : [A, log];
}

/**
 * After 0 … depth units, as log10: states, the largest row sum of the product of the mixings; gradients, its largest column
 * sum; differences, the largest factor by which it multiplies a difference between streams (−Infinity for 0). And the last
 * product itself, as it is seen: its entries divided by 10 ** exponent, where they are very large.
 */
export function along(state) {
  let [P, log] = [identity, 0];
  let [D, small] = [centred(identity), 0];
  const found = { states: [0], gradients: [0], differences: [0] };
  for (let l = 0; l < state.depth; l++) {
    const H = mixing(state, l);
    [P, log] = scaled(times(H, P), log);
    // With columns that add up to 1 a difference stays one, and what rounding leaves of a mean is taken out.
    const moved = times(H, D);
    [D, small] = scaled(state.rounds > 0 || state.kind === "permutation" ? centred(moved) : moved, small);
    found.states.push(Math.log10(Math.max(...rowSums(P))) + log);
    found.gradients.push(Math.log10(Math.max(...columnSums(P))) + log);
    found.differences.push(Math.log10(norm(centred(D))) + small);
  }
  const exponent = Math.abs(log) < 3 ? 0 : Math.round(log);
  return { ...found, product: matrix((i, j) => P[i][j] * 10 ** (log - exponent)), exponent };
}

/** Everything computed. */
export const numbers = (state) => along(state);

const near1 = (log) => Math.abs(log) < 1e-9;
const size = (log10) => ({ sign: log10 === -Infinity ? 0 : 1, log10: near1(log10) ? 0 : log10 });
const sums = (log, exactly) => {
  if (exactly) return "exactly 1";
  return near1(log) ? "1 to nine digits" : aboutWords(size(log));
};
/** What becomes of a difference. */
function leftOver(log10, unharmed) {
  if (log10 === -Infinity) return "Nothing is left of differences between the streams";
  if (unharmed && near1(log10)) return "Of differences between the streams all is kept";
  return `Of a difference between the streams at most ${aboutWords(size(log10))} times its size is left`;
}

/** The state in words. */
export function readout(state, found = along(state)) {
  const last = (list) => list[list.length - 1];
  const { kind, rounds, near, depth } = state;
  const doubly = kind === "permutation" || near === 1;
  const [states, gradients, differences] = [found.states, found.gradients, found.differences].map(last);
  const kept = leftOver(differences, doubly);
  const mean =
    rounds > 0 || doubly ? "the mean over the streams is kept exactly" : "the mean over the streams is not kept";
  return (
    `${units(depth)}, ${rounds === 1 ? "1 round" : `${rounds} rounds`} of scaling: the largest column sum of the product, for ` +
    `gradients, is ${sums(gradients, rounds > 0 || doubly)}, and the largest row sum, for states, ${sums(states, doubly)}. ` +
    `${kept}, and ${mean}.`
  );
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Four streams are mixed in every unit. Notice that from one round of scaling on the sums stay near 1, and that the " +
  "differences between the streams are forgotten all the same; only near the identity, or by permutations, they last.";
const PRESETS = [
  ["no scaling: explodes", { kind: "positive", rounds: 0, near: 0 }],
  ["20 rounds: the mean alone", { kind: "positive", rounds: 20, near: 0 }],
  ["near the identity", { kind: "positive", rounds: 20, near: 0.99 }],
  ["permutations", { kind: "permutation", rounds: 1, near: 0 }],
];
const HEIGHT = 290;
const TOP = 14;
const BOTTOM = HEIGHT - 44;
const [LOW, HIGH] = [-16, 8];
const LINES = [
  ["differences", "measured", "differences between streams"],
  ["states", "whole", "states: largest row sum"],
  ["gradients", "shortcut", "gradients: largest column sum"],
];

function drawCurves(root, width, found, depth) {
  const [left, right] = [46, width - 12];
  const x = linear([0, depth], [left, right]);
  const y = linear([LOW, HIGH], [BOTTOM, TOP]);
  const levels = [-16, -12, -8, -4, 0, 4, 8].map((k) => [y(k), power(k)]);
  const places = marks(depth, width < 420 ? 3 : 5).map((k) => [x(k), String(k)]);
  const { lines, labels } = ground({ left, right, top: TOP, bottom: BOTTOM }, levels, places, "units");
  const parts = [...lines];
  for (const [name, colour] of LINES) {
    const beyond = found[name].findIndex((log) => log > HIGH || log < LOW);
    const shown = beyond < 0 ? found[name] : found[name].slice(0, Math.max(beyond, 1));
    parts.push(shape("path", { class: `rx-line rx-${colour}`, d: path(shown.map((log, l) => [x(l), y(log)])) }));
    if (beyond >= 0) {
      const down = found[name][beyond] < LOW ? 1 : -1;
      const edge = down > 0 ? BOTTOM : TOP;
      const tip = `M${x(beyond).toFixed(1)} ${edge + 6 * down}l-5 ${-9 * down}h10z`;
      parts.push(shape("path", { class: `rx-mixing-tip rx-fill-${colour}`, d: tip }));
    }
  }
  picture(root, width, HEIGHT, [...parts, ...labels]);
}

/** The product itself: four by four squares, the darker the larger, with the sums of its rows and columns. */
function drawProduct(root, { product, exponent }) {
  const [cell, left, top] = [42, 8, 30];
  const at = (k) => k * cell;
  const most = Math.max(...product.flat());
  const short = (value) => (Math.abs(value - 1) < 5e-4 ? "1" : value.toPrecision(3).replace(/\.?0+$/, "").replace("-", "−"));
  const parts = [
    label(left + 2 * cell, 16, exponent ? `The product, times ${power(exponent)}` : "The product", { class: "rx-middle rx-title" }),
  ];
  for (const i of INDICES) {
    for (const j of INDICES) {
      const share = product[i][j] / most;
      parts.push(
        shape("rect", {
          class: "rx-cell",
          x: left + at(j),
          y: top + at(i),
          width: cell - 2,
          height: cell - 2,
          "fill-opacity": (0.04 + 0.5 * share).toFixed(2),
        }),
        label(left + at(j) + cell / 2 - 1, top + at(i) + cell / 2 + 3, short(product[i][j]), { class: "rx-middle" }),
      );
    }
  }
  rowSums(product).forEach((sum, i) => parts.push(label(left + at(4) + 4, top + at(i) + cell / 2 + 3, short(sum), { class: "rx-sum" })));
  columnSums(product).forEach((sum, j) => {
    parts.push(label(left + at(j) + cell / 2 - 1, top + at(4) + 14, short(sum), { class: "rx-middle rx-sum" }));
  });
  parts.push(label(left + at(4) + 4, top + at(4) + 14, "sums", { class: "rx-soft" }));
  picture(root, 224, top + at(4) + 22, parts);
}

function valuesTable({ depth }, found) {
  const step = Math.ceil(depth / 20);
  const shown = [...Array.from({ length: Math.ceil(depth / step) }, (_, k) => k * step), depth];
  return [
    `After each number of units${step > 1 ? `, every ${step}` : ""}.`,
    ["units", "largest row sum", "largest column sum", "differences"],
    shown.map((l) => [String(l), ...[found.states, found.gradients, found.differences].map((list) => words(size(list[l])))]),
  ];
}

const entry = ([, colour, said]) =>
  make("li", {}, swatch(`rx-line rx-${colour}`), said);

function render({ model, el, share }) {
  const keys = ["kind", "rounds", "near", "depth"];
  const ui = frame({ model, el, share, keys, label: "mixing of streams", caption: CAPTION, presets: PRESETS });
  let width = 380;
  const kind = ui.choice("kind", "the identity is mixed with", KINDS);
  const rounds = ui.slider(
    "rounds",
    "rounds of Sinkhorn’s scaling",
    { min: 0, max: MAX_ROUNDS, step: 1 },
    { words: String, spoken: (n) => (n === 1 ? "1 round" : `${n} rounds`) },
  );
  const near = ui.slider(
    "near",
    "c, how near to the identity",
    { min: 0, max: 1, step: 0.01 },
    { words: (value) => value.toFixed(2), spoken: (value) => `c is ${value.toFixed(2)}` },
  );
  const depth = ui.slider("depth", "depth L", { min: 1, max: MAX_DEPTH, step: 1 }, { words: units });
  const chart = svg("svg", {
    role: "img",
    "aria-label": "Largest row sum, largest column sum and what is left of differences, over the units, on a log scale",
  });
  const heat = svg("svg", { role: "img", "aria-label": "The product of all mixings, entry by entry, with the sums of rows and columns" });
  const panel = make("div", { class: "rx-panel" }, chart, make("ul", { class: "rx-legend" }, ...[...LINES].reverse().map(entry)));
  const side = make("div", { class: "rx-panel rx-side" }, heat);

  function paint(now) {
    const found = along(now);
    ui.say(readout(now, found));
    drawCurves(chart, width, found, now.depth);
    drawProduct(heat, found);
    ui.list(() => valuesTable(now, found));
  }

  const note = make(
    "p",
    { class: "rx-note" },
    "One round scales the rows and then the columns. A triangle says that a line goes on. The mixings are the same at every visit.",
  );
  return ui.start({
    controls: [kind.element, rounds.element, near.element, depth.element],
    figures: [panel, side],
    below: [note],
    paint,
    watch: panel,
    still: 380,
    resized: (inside) => {
      width = Math.max(250, inside);
    },
  });
}

export default { render };
