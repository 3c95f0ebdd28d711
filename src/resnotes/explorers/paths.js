// Paths: how many there are by length in a chain x' = λ x + r x, and how much of the gradient they carry.
// The upper half are pure functions of the state {n, lam, r}; the lower half draws them. What decides which lengths are
// the heaviest is made of sums, products and quotients alone, so it is the same to the last bit on every machine.
import { about, aboutWords, ground, label, linear, make, marks, number, path, picture, point, power, probe, shape, share, svg, swatch, ticks, units, words, write } from "./draw.js";
import { frame } from "./frame.js";

const MAX_UNITS = 1000;
const MOST = 0.95;
// Veit et al. (2016): units, and the fewest and most modules on the paths that carry most of the gradient.
const PUBLISHED = [54, 5, 17];
const CENTRED = 11 / 43;
// Up to so many units, each path is drawn.
const DRAWN = 5;

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ n, lam, r }) {
  if (!(Number.isInteger(n) && n >= 1 && n <= MAX_UNITS)) {
    return `n: got ${n}, wanted a whole number from 1 to ${MAX_UNITS}`;
  }
  if (!(lam >= 0 && lam <= 2)) return `lam: got ${lam}, wanted a number from 0 to 2`;
  if (!(r >= -2 && r <= 2)) return `r: got ${r}, wanted a number from -2 to 2`;
  return "";
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const lengthsOf = (n) => Array.from({ length: n + 1 }, (_, k) => k);

/** C(n, k) for k = 0 … n, as floats: n = 1000 still fits. */
export function counts(n) {
  const found = [1];
  for (let k = 1; k <= n; k++) found.push(k <= n / 2 ? (found[k - 1] * (n - k + 1)) / k : found[n - k]);
  return found;
}

/** "shares" of the gradient, "signed" weights where lengths push against one another, or "none". */
function kindOf({ lam, r }) {
  if (lam === 0 && r === 0) return "none";
  return lam > 0 && r < 0 ? "signed" : "shares";
}

/**
 * What the paths of each length carry, as a part of what all paths carry, signs left out. With p = |r|/(λ + |r|) it is
 * Binomial(n, p), each entry with the sign that it has beside the whole. For λr ≥ 0 and λ + r ≠ 0 these are the shares
 * C(n, k) λ^(n-k) r^k/(λ + r)^n of the equation unrolled-share, none of them negative; for λr < 0 signed weights: plus
 * for even k, minus for odd k. All 0 if λ and r are both 0.
 */
export function weights(state) {
  const { n, lam, r } = state;
  const found = Array(n + 1).fill(0);
  const size = lam + Math.abs(r);
  if (size === 0) return found;
  const p = Math.abs(r) / size,
    q = lam / size;
  // From the largest one outwards: nothing overflows, and what underflows is nothing beside it.
  const mode = Math.min(n, Math.floor((n + 1) * p));
  found[mode] = 1;
  for (let k = mode; k < n; k++) found[k + 1] = (found[k] * ((n - k) * p)) / ((k + 1) * q);
  for (let k = mode; k > 0; k--) found[k - 1] = (found[k] * (k * q)) / ((n - k + 1) * p);
  const total = sum(found);
  const turned = kindOf(state) === "signed" ? -1 : 1;
  return found.map((entry, k) => ((k % 2 ? turned : 1) * entry) / total);
}

/** C(n, k) λ^(n-k) r^k for k = 0 … n: the gradient by length, where 1 enters. */
export function carried({ n, lam, r }, number = counts(n)) {
  const logLam = Math.log10(lam),
    logR = Math.log10(Math.abs(r));
  return number.map((count, k) => {
    if ((k < n && lam === 0) || (k > 0 && r === 0)) return { sign: 0, log10: -Infinity };
    const byShortcuts = k < n ? (n - k) * logLam : 0;
    const byBranches = k > 0 ? k * logR : 0;
    return { sign: r < 0 && k % 2 ? -1 : 1, log10: Math.log10(count) + byShortcuts + byBranches };
  });
}

/** The fewest lengths that carry at least 95 %, signs left out: the largest first, of equal ones the shorter. */
export function heaviest(entries) {
  const sizes = entries.map(Math.abs);
  const total = sum(sizes);
  if (total === 0) return { lengths: [], part: 0 };
  const lengths = [];
  let part = 0;
  for (const k of lengthsOf(sizes.length - 1).sort((i, j) => sizes[j] - sizes[i] || i - j)) {
    if (part >= MOST) break;
    lengths.push(k);
    part += sizes[k] / total;
  }
  return { lengths: lengths.sort((i, j) => i - j), part };
}

const signed = (sign, log10) => (sign === 0 || log10 === -Infinity ? [0, -Infinity] : [sign, log10]);

/**
 * What is said of a state beside the lists by length: the kind; mean and deviation of the length by weight, signs left
 * out; low, high, count and part of the heaviest lengths (null where there are none), how many paths they are, and log10 of
 * their share ofPaths of all paths; [sign, log10] of the gradient by even lengths, by odd ones and of the whole, where 1
 * enters; published, the share of the
 * lengths that Veit et al. name, where there are shares and as many units.
 */
export function summary(state, entries = weights(state), number = counts(state.n)) {
  const { n, lam, r } = state;
  const size = lam + Math.abs(r),
    total = lam + r;
  const { lengths, part } = heaviest(entries);
  const paths = sum(lengths.map((k) => number[k]));
  const p = size ? Math.abs(r) / size : 0;
  const each = n * Math.log10(size);
  const [even, odd] = [0, 1].map((rest) => sum(entries.filter((_, k) => k % 2 === rest).map(Math.abs)));
  return {
    kind: kindOf(state),
    mean: n * p,
    deviation: Math.sqrt(n * p * (1 - p)),
    low: lengths[0] ?? null,
    high: lengths.at(-1) ?? null,
    count: lengths.length,
    part,
    many: paths,
    ofPaths: Math.log10(paths / 2 ** n),
    even: signed(even ? 1 : 0, Math.log10(even) + each),
    odd: signed(odd ? (r < 0 ? -1 : 1) : 0, Math.log10(odd) + each),
    published: n === PUBLISHED[0] && kindOf(state) === "shares" ? sum(entries.slice(PUBLISHED[1], PUBLISHED[2] + 1).map(Math.abs)) : null,
    whole: signed(total === 0 ? 0 : total < 0 && n % 2 ? -1 : 1, n * Math.log10(Math.abs(total))),
  };
}

/**
 * Every path through at most DRAWN units, [ways, what it carries]: a letter a unit from the loss down, s for the shortcut
 * and b for the branch, in the order in which the tree has them. None where there are more units.
 */
export function everyPath({ n, lam, r }) {
  if (n > DRAWN) return [];
  return Array.from({ length: 2 ** n }, (_, k) => {
    const ways = Array.from({ length: n }, (_, unit) => ((k >> (n - 1 - unit)) & 1 ? "b" : "s"));
    return [ways.join(""), ways.reduce((carries, way) => carries * (way === "b" ? r : lam), 1)];
  });
}

/** Everything computed, by about 50 of the lengths. */
export function numbers(state) {
  const step = Math.ceil(state.n / 50);
  const thin = (list) => list.filter((_, k) => k % step === 0 || k === state.n);
  return {
    counts: thin(counts(state.n)).map(Math.log10),
    weights: thin(weights(state)),
    carried: thin(carried(state)).map(({ sign, log10 }) => [sign, log10]),
    paths: everyPath(state),
    summary: summary(state),
  };
}

const shareOf = (log10) => share({ sign: 1, log10 });

/** Which lengths carry how much, by how many paths: a clause. */
function carrying({ low, high, count, part, many, ofPaths }) {
  const by = `by ${about(many)} ${many === 1 ? "path" : "paths"}, ${shareOf(ofPaths)} of all`;
  const carried = shareOf(Math.log10(part));
  if (count === 1) return `length ${low} alone carries ${carried} of it, ${by}`;
  return `the ${count} lengths from ${low} to ${high} carry ${carried} of it, the largest shares that make 95\u00a0%, ${by}`;
}

/** The state in words. */
export function readout(state, found = summary(state)) {
  const { n, measured = [] } = state;
  const parts = [
    `${units(n)} ${n === 1 ? "makes" : "make"} ${about(2 ** n)} paths, ${about(n / 2)} branches long on average.`,
  ];
  if (found.kind === "none") parts.push("Shortcuts and branches multiply by 0: no path carries anything.");
  else if (found.kind === "signed") {
    const [even, odd, whole] = [found.even, found.odd, found.whole].map(([sign, log10]) => aboutWords({ sign, log10 }));
    parts.push(
      "λ and r differ in sign, so lengths push against one another, and their weights are signed, no shares: " +
        `even lengths carry ${even} times what entered, odd ones ${odd}, together ${whole}.`,
      `Of the weights with their signs left out, ${carrying(found)}.`,
    );
  } else {
    parts.push(`Weighed by the gradient they carry, the mean length is ${about(found.mean)}: ${carrying(found)}.`);
  }
  if (found.published) {
    const [, low, high] = PUBLISHED;
    parts.push(
      `The ${high - low + 1} lengths from ${low} to ${high} that Veit et al. (2016) name carry ` +
        `${shareOf(Math.log10(found.published))}.`,
    );
  }
  if (measured.length === n + 1) {
    const { lengths, part } = heaviest(measured);
    const span = lengths.length === 1 ? `length ${lengths[0]} alone carries` : `${lengths.length} lengths from ${lengths[0]} to ${lengths.at(-1)} carry`;
    const signs = measured.some((entry) => entry < 0) ? ", signs left out" : "";
    parts.push(`In your network ${span} ${shareOf(Math.log10(part))}${signs}.`);
  }
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Notice how far the two hills stand apart: most paths are long, most of the gradient comes by short ones, and " +
  "moving r moves the gradient’s hill alone. Up to five units, every path is drawn.";
const PRESETS = [
  ["centred on 5 to 17, as measured", { n: 54, lam: 1, r: CENTRED }],
  ["the same r at λ = ½", { n: 54, lam: 0.5, r: CENTRED }],
  ["r = −¼: lengths cancel", { n: 54, lam: 1, r: -0.25 }],
  ["three units: every path", { n: 3, lam: 1, r: CENTRED }],
];
const SERIES = [
  ["count", "paths"],
  ["stems", "gradient"],
  ["measured", "your network"],
];
const HEIGHT = 320;
const LOGS = "Dashed: the number of paths. Solid: the size of the gradient they carry together, where 1 enters.";
const TREE =
  "1 enters at the loss, on the right, and parts at every unit. Solid: by the shortcut, times λ. Dashed: through the " +
  "branch, times r. The numbers above are the units.";
const FEW = 30;

/** At most about 250 lengths, the last one always; the step is odd, so that alternating signs both show. */
function thinned(n) {
  const step = n <= 250 ? 1 : 2 * Math.floor(n / 500) + 1;
  return lengthsOf(n).filter((k) => k % step === 0 || k === n);
}

const lengthMarks = (n, x, most) => marks(n, most).map((k) => [x(k), String(k)]);

function bracket(at, first, last, said, width) {
  // A bracket of a single length is still seen.
  [first, last] = [first - 3, last + 3];
  // Beside the bracket where there is room, or else in a gap of it.
  const long = 8 + 6.3 * said.length,
    middle = (first + last) / 2;
  const beside = last + long <= width || first >= long;
  const gap = beside ? "" : `H${middle - long / 2}M${middle + long / 2} ${at}`;
  const [place, anchor] = !beside
    ? [middle, "rx-middle"]
    : last + long <= width
      ? [last + 6, ""]
      : [first - 6, "rx-end"];
  return [
    shape("path", { class: "rx-span", d: `M${point(first, at - 4)}v8m0 -4${gap}H${last}m0 -4v8` }),
    label(place, at + 4, said, { class: anchor }),
  ];
}

const dots = (name, places) =>
  places.map(([cx, cy]) => shape("circle", { class: `rx-dot-${name}`, cx, cy, r: 3 }));

function drawShares(root, width, { n }, entries, number, measured, found) {
  const [left, right, top, bottom] = [50, width - 8, 46, HEIGHT - 40];
  const many = number.map((count) => count / 2 ** n);
  const high = 108 * Math.max(...many, ...entries.map(Math.abs), ...measured);
  const low = 108 * Math.min(0, ...entries, ...measured);
  const x = linear([0, n], [left + 8, right - 8]);
  const y = linear([low / 100, high / 100], [bottom, top]);
  const said = (percent) => `${percent < 0 ? "−" : ""}${Math.abs(percent)}\u00a0%`;
  const area = { left, right, top, bottom, floor: y(0) };
  const {
    lines: [grid, axis],
    labels,
  } = ground(
    area,
    ticks(low, high, 6).map((percent) => [y(percent / 100), said(percent)]),
    lengthMarks(n, x, width < 480 ? 5 : 8),
    "length of a path: the branches on it",
  );
  const stems = entries
    .map((entry, k) => (Math.abs(entry) * 100 > (high - low) / 500 ? `M${point(x(k), y(0))}L${point(x(k), y(entry))}` : ""))
    .join("");
  const shown = lengthsOf(n).filter((k) => many[k] * 100 > (high - low) / 1000);
  const line = (lengths, list) => path(lengths.map((k) => [x(k), y(list[k])]));
  const stem = Math.max(1.2, Math.min(10, (0.6 * (right - left - 16)) / n));
  const parts = [
    grid,
    shape("path", { class: "rx-stems", d: stems, style: `stroke-width: ${stem}px` }),
    shape("path", { class: "rx-count", d: line(shown, many) }),
    // Few lengths are marked one by one: a line alone would hide that there is nothing between them.
    ...dots("count", n <= FEW ? shown.map((k) => [x(k), y(many[k])]) : []),
  ];
  if (measured.length) parts.push(shape("path", { class: "rx-line rx-measured", d: line(thinned(n), measured) }));
  parts.push(axis);
  if (found.count) {
    const span = found.count > 1 ? `${found.low} to ${found.high}` : `length ${found.low}`;
    parts.push(...bracket(12, x(found.low), x(found.high), `${shareOf(Math.log10(found.part))}: ${span}`, width));
  }
  if (n === PUBLISHED[0]) {
    const [, low, high] = PUBLISHED;
    const part = found.published && width > 480 ? `: ${shareOf(Math.log10(found.published))}` : "";
    const said = `${low} to ${high}${part}, Veit et al.${width > 480 ? " 2016" : ""}`;
    parts.push(...bracket(32, x(low), x(high), said, width));
  }
  const tell = (k) => ({
    said: [
      `${k} ${k === 1 ? "branch" : "branches"}`,
      `paths: ${shareOf(Math.log10(many[k]))}`,
      `gradient: ${(entries[k] < 0 ? "−" : "") + (entries[k] ? shareOf(Math.log10(Math.abs(entries[k]))) : "nothing")}`,
    ],
    dots: [y(many[k]), y(entries[k])],
  });
  picture(root, width, HEIGHT, [...parts, ...labels], probe(area, lengthsOf(n).map(x), tell));
}

/** Every path as a branch of a tree that begins at the loss, on the right, and parts at every unit. */
function drawTree(root, { n }, every) {
  const height = Math.max(200, 13 * every.length + 48),
    [left, right, top, bottom] = [86, 286, 26, height - 20];
  const x = linear([0, n], [right, left]),
    y = linear([0, every.length], [top, bottom]);
  // A stem lies in the middle of the paths that begin with it.
  const at = (stem) => {
    const under = every.map(([ways], k) => (ways.startsWith(stem) ? k : -1)).filter((k) => k >= 0);
    return y((under[0] + under.at(-1) + 1) / 2);
  };
  const lines = { s: "", b: "" };
  const stems = new Set(every.flatMap(([ways]) => Array.from({ length: n }, (_, k) => ways.slice(0, k + 1))));
  for (const stem of stems) {
    const before = stem.slice(0, -1);
    lines[stem.at(-1)] += `M${point(x(before.length), at(before))}L${point(x(stem.length), at(stem))}`;
  }
  picture(root, 300, height, [
    shape("path", { class: "rx-by-shortcut", d: lines.s }),
    shape("path", { class: "rx-by-branch", d: lines.b }),
    shape("circle", { class: "rx-dot-carried", cx: right, cy: at(""), r: 3.5 }),
    label(right + 6, at("") + 4, "1"),
    ...Array.from({ length: n }, (_, k) => label((x(k) + x(k + 1)) / 2, 14, String(n - 1 - k), { class: "rx-middle" })),
    ...every.map(([ways, carries]) => label(left - 6, at(ways) + 4, number(carries), { class: "rx-end" })),
  ]);
}

/** On a log axis: how many paths, and what they carry together. */
function drawLogs(root, { n }, number, sizes) {
  const [left, right, top, bottom] = [44, 292, 12, HEIGHT - 40];
  const lists = { count: number.map(Math.log10), carried: sizes.map(({ log10 }) => log10) };
  const finite = Object.values(lists).flat().filter(Number.isFinite);
  const high = Math.max(1, ...finite) * 1.04;
  // Room for what is small, but not so much that the hills become flat.
  const low = Math.max(Math.min(-1, ...finite), -2 * Math.max(6, high)) * 1.04;
  const x = linear([0, n], [left + 6, right - 8]);
  const y = linear([low, high], [bottom, top]);
  const powers = ticks(low, high, 7).map((k) => [y(k), power(k)]);
  const area = { left, right, top, bottom };
  const { lines: parts, labels } = ground(area, powers, lengthMarks(n, x, 5), "length of a path");
  const lengths = thinned(n);
  // The dashed line last: where the two are one, both are still seen.
  ["carried", "count"].forEach((name) => {
    const list = lists[name];
    const points = lengths.filter((k) => list[k] >= low).map((k) => [x(k), y(list[k])]);
    if (points.length === 0) return;
    parts.push(shape("path", { class: `rx-${name}`, d: path(points) }), ...dots(name, n <= FEW ? points : []));
  });
  picture(root, 300, HEIGHT, [...parts, ...labels]);
}

function valuesTable({ n }, { entries, paths, sizes, measured, found }) {
  const step = n <= 60 ? 1 : Math.ceil(n / 25);
  const kept = lengthsOf(n).filter((k) => k % step === 0 || k === n);
  const weight = found.kind === "signed" ? "signed weight" : "of the gradient";
  const own = measured.length > 0;
  return [
    `By path length${step > 1 ? `, every ${step}` : ""}. At the loss 1 enters.`,
    ["length", "paths", "of all paths", "gradient", weight, ...(own ? ["your network"] : [])],
    kept.map((k) => [
      String(k),
      number(paths[k]),
      number(paths[k] / 2 ** n),
      words(sizes[k]),
      number(entries[k]),
      ...(own ? [number(measured[k])] : []),
    ]),
  ];
}

function nextUnits(n, key) {
  const step = Math.max(1, Math.round(n * 0.02)),
    leap = Math.max(1, Math.round(n * 0.25));
  const by = { ArrowRight: step, ArrowUp: step, ArrowLeft: -step, ArrowDown: -step, PageUp: leap, PageDown: -leap }[key];
  return by === undefined ? null : Math.min(MAX_UNITS, Math.max(1, n + by));
}

function render({ model, el, share: sharing }) {
  const ui = frame({
    model,
    el,
    share: sharing,
    keys: ["n", "lam", "r"],
    carried: ["measured"],
    label: "paths",
    caption: CAPTION,
    presets: PRESETS,
  });
  let width = 600;
  const n = ui.slider(
    "n",
    "units n",
    { min: 0, max: 3, step: 0.001 },
    // On a log scale one step of the slider is no whole unit; the keys always move by whole units.
    { words: units, place: Math.log10, value: (v) => Math.round(10 ** v), next: nextUnits },
  );
  const lam = ui.slider(
    "lam",
    "λ, the shortcuts’ factor",
    { min: 0, max: 2, step: 0.01 },
    { words: about, spoken: (value) => `λ is ${about(value)}` },
  );
  const r = ui.slider("r", "r, the branches’ derivative", { min: -2, max: 2, step: 0.01 }, { words: about });

  const shares = svg("svg", { role: "img", "aria-label": "Share of the paths, and of the gradient they carry, by length" });
  const logs = svg("svg", { role: "img", "aria-label": "Number of paths, and gradient they carry: by length on a log scale, or path by path as a tree" });
  const title = make("p", { class: "rx-title" }),
    note = make("p", { class: "rx-note" });
  const names = SERIES.map(([, said]) => make("span", {}, said));
  const entriesOf = SERIES.map(([name], k) =>
    make(
      "li",
      {},
      swatch(`rx-line rx-${name}`),
      names[k],
    ),
  );

  function paint(now) {
    const paths = counts(now.n),
      entries = weights(now),
      sizes = carried(now, paths);
    const found = summary(now, entries, paths);
    const given = model.get("measured") ?? [];
    const measured = given.length === now.n + 1 ? given : [];
    write(names[1], found.kind === "signed" ? "signed weights" : "gradient");
    entriesOf[2].hidden = measured.length === 0;
    ui.say(readout({ ...now, measured }, found));
    drawShares(shares, width, now, entries, paths, measured, found);
    const every = everyPath(now);
    write(title, every.length ? "Every path, and what it carries" : "How many, and how much, on a log axis");
    write(note, every.length ? TREE : LOGS);
    if (every.length) drawTree(logs, now, every);
    else drawLogs(logs, now, paths, sizes);
    ui.list(() => valuesTable(now, { entries, paths, sizes, measured, found }));
  }

  const first = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, "Which part of all, by length"),
    make("ul", { class: "rx-legend" }, ...entriesOf),
    shares,
  );
  const second = make("div", { class: "rx-panel" }, title, note, logs);
  const fewest = make(
    "p",
    { class: "rx-note" },
    "The fewest lengths that carry 95 %: the largest weights are taken first, of equal ones the shorter.",
  );
  return ui.start({
    controls: [n.element, lam.element, r.element],
    figures: [first, second],
    below: [fewest],
    paint,
    watch: first,
    still: 320,
    resized: (inside) => {
      width = Math.max(260, inside);
    },
  });
}

export default { render };
