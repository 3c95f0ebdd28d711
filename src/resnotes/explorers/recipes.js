// Recipes: what arrives through 1 to 10,000 units that have just been drawn, and how much of it the shortcuts bring.
// The factors come from the package with the page: {key: {name, norm, shortcut, branch}}, λ and β at each of DEPTHS, or a
// number that holds at all; with varies, β is the root mean square of the units'. norm joins its places by "+"; with streams the
// recipe is SiameseNorm. The upper half are pure functions of the state {recipe, depth, table}; the lower half draws.
import { about, aboutWords, ground, is, keeping, label, linear, make, path, picture, power, shape, share, svg, units, words } from "./draw.js";
import { frame } from "./frame.js";

export const DEPTHS = [1, 10, 100, 1000].flatMap((ten) => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => digit * ten));
DEPTHS.push(10000);

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ recipe, depth, table }) {
  if (!Object.hasOwn(table, recipe)) return `recipe: got ${recipe}, wanted one of ${Object.keys(table).join(", ")}`;
  if (!DEPTHS.includes(depth)) return `depth: got ${depth}, wanted 1 to 9 times 1, 10, 100 or 1000, or 10000`;
  return "";
}

const at = (factor, place) => (Array.isArray(factor) ? factor[place] : factor);

/**
 * The laws of chapters 9 and 13 with κ = 1, as log10: gain, the mean of ‖g₀‖² / ‖g_L‖²; share, the part of it that comes through no
 * branch; shortcuts, what that path brings, their product.
 */
export function law({ norm, shortcut, branch, streams }, depth) {
  const place = DEPTHS.indexOf(depth);
  const [lam, beta] = [at(shortcut, place), at(branch, place)];
  const log10OnePlus = (x) => Math.log1p(x) / Math.LN10;
  if (streams) return { lam, beta, ...twoStreams(depth) };
  if (norm && !norm.includes("post")) {
    // How the variance of the state grows: V' = λ² V + β², from 1.
    const power = 2 * depth * Math.log(lam);
    const whole = Math.max(power, 0);
    const added = lam === 1 ? depth : -Math.expm1(-Math.abs(power)) / Math.abs(1 - lam ** 2);
    const gain = whole / Math.LN10 + (power >= 0 ? log10OnePlus(beta ** 2 * added) : Math.log10(Math.exp(power) + beta ** 2 * added));
    const shortcuts = power / Math.LN10;
    return { lam, beta, gain, share: 0 + shortcuts - gain, shortcuts };
  }
  const gain = norm ? 0 : depth * Math.log10(lam ** 2 + beta ** 2);
  const rest = lam === 0 ? -Infinity : 0 - depth * log10OnePlus((beta / lam) ** 2);
  return { lam, beta, gain, share: rest, shortcuts: gain + rest };
}

/**
 * SiameseNorm: z = F(norm(norm(x) + norm(y))), x' = norm(x) + z / √(2j) in block j of two units, y' = y + z, from equal
 * streams of variance 1. The mean of both is read: the gain is the variance of that.
 */
function twoStreams(depth) {
  let [x, product, kept] = [1, 1, 1];
  for (let unit = 0; unit < depth; unit += 1) {
    const square = 1 / (2 * (Math.floor(unit / 2) + 1));
    kept /= Math.sqrt(x);
    product = product / Math.sqrt(x) + Math.sqrt(square);
    x = 1 + square;
  }
  const [gain, shortcuts] = [Math.log10((x + 2 * product + 1 + depth) / 4), 2 * Math.log10((kept + 1) / 2)];
  return { gain, share: shortcuts - gain, shortcuts };
}

/** Everything computed: λ, β, and gain, share and their product as log10, of every recipe at this depth. */
export function numbers({ depth, table }) {
  const rows = Object.entries(table).map(([key, recipe]) => {
    const { lam, beta, gain, share: part, shortcuts } = law(recipe, depth);
    return [key, [lam, beta, gain, part, shortcuts]];
  });
  return Object.fromEntries(rows);
}

const size = (log10) => ({ sign: log10 === -Infinity ? 0 : 1, log10 });
const PLACES = { pre: "in front of each branch", out: "at the end of each branch", post: "after each addition" };

/** Where the normalisations stand. */
function norms({ norm, streams }) {
  if (streams) return "two streams, of which one is normalised after each addition";
  if (!norm) return "no normalisation";
  return `a normalisation ${norm.split("+").map((place) => PLACES[place]).join(" and one ")}`;
}

/** What the shortcuts bring of the whole. */
function brought(part) {
  if (part === -Infinity) return "none of it comes by the shortcuts alone";
  if (part > -1e-12) return "all of it comes by the shortcuts alone";
  return `${share(size(part))} of it comes by the shortcuts alone`;
}

/** The state in words. */
export function readout({ recipe, depth, table }) {
  const { name, varies } = table[recipe];
  const { lam, beta, gain, share: part } = law(table[recipe], depth);
  return (
    `${name}, ${units(depth)}: the squared length of the gradient is multiplied by ${aboutWords(size(gain))} on average, and ` +
    `${brought(part)}. Here λ ${is(lam)}, β ${is(beta)}${varies ? " in the root mean square of the units" : ""}, with ${norms(table[recipe])}.`
  );
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Choose a recipe, then drag the depth to 10,000. Notice that what arrives, on the left, and what the shortcuts bring of " +
  "it, on the right, are two questions: a gradient can arrive in full and have come by the branches.";
const PRESETS = [
  ["post-LN: arrives by the branches", { recipe: "post_ln" }],
  ["DeepNorm: by the shortcuts", { recipe: "deepnorm" }],
  ["identity shortcuts: explodes", { recipe: "identity_shortcuts" }],
  ["Highway, b = −1: dies", { recipe: "highway_b_1" }],
];
const HEIGHT = 300;
const TOP = 40;
const BOTTOM = HEIGHT - 44;
const PANELS = [
  { what: "gain", title: "What arrives", narrow: "Arrives", low: -9, high: 9, step: 3 },
  { what: "share", title: "The shortcuts’ share of it", narrow: "By shortcuts", low: -9, high: 0, step: 3 },
];

/** A curve over all depths, cut where it leaves the picture. */
function curve(recipe, what, { low, high }, x, y) {
  const points = [];
  let before = [0, 0];
  for (const depth of DEPTHS) {
    const now = [Math.log10(depth), Math.max(law(recipe, depth)[what], -1e6)];
    const edge = now[1] < low ? low : now[1] > high ? high : null;
    if (edge === null) points.push(now);
    else {
      // Where the line to this point crosses the edge.
      const part = points.length ? (edge - before[1]) / (now[1] - before[1]) : 1;
      points.push([before[0] + part * (now[0] - before[0]), edge]);
      return { d: path(points.map(([a, b]) => [x(a), y(b)])), leaves: points.at(-1) };
    }
    before = now;
  }
  return { d: path(points.map(([a, b]) => [x(a), y(b)])), leaves: null };
}

const scales = ({ low, high }, left, right) => ({
  x: linear([0, 4], [left + 8, right - 8]),
  y: linear([low, high], [BOTTOM, TOP]),
});

/** The curves of all recipes, by name. */
function curves(panel, table, left, right) {
  const { x, y } = scales(panel, left, right);
  return Object.entries(table).map(([key, recipe]) => [key, curve(recipe, panel.what, panel, x, y)]);
}

function drawPanel(panel, all, left, right, state, found, few) {
  const { what, low, high, step } = panel;
  const { x, y } = scales(panel, left, right);
  const levels = Array.from({ length: (high - low) / step + 1 }, (_, k) => low + k * step);
  const decades = [0, 1, 2, 3, 4].map((k) => [x(k), few && k % 2 ? "" : String(10 ** k)]);
  const { lines, labels } = ground({ left, right, top: TOP, bottom: BOTTOM }, levels.map((k) => [y(k), power(k)]), decades, "units L");
  const parts = [...lines, shape("path", { class: "rx-one", d: `M${left} ${y(0)}H${right}` })];
  const others = all.filter(([key]) => key !== state.recipe);
  parts.push(shape("path", { class: "rx-faint", d: others.map(([, { d }]) => d).join("") }));
  const { d, leaves } = all.find(([key]) => key === state.recipe)[1];
  const colour = what === "gain" ? "whole" : "shortcut";
  parts.push(shape("path", { class: `rx-strong rx-strong-${colour}`, d }));
  if (leaves) {
    const down = leaves[1] < 0 ? 1 : -1;
    const tip = `M${x(leaves[0]).toFixed(1)} ${(y(leaves[1]) + 8 * down).toFixed(1)}l-5 ${-8 * down}h10z`;
    parts.push(shape("path", { class: `rx-tip rx-tip-${colour}`, d: tip }));
  }
  const place = x(Math.log10(state.depth));
  parts.push(shape("path", { class: "rx-now", d: `M${place.toFixed(1)} ${TOP}V${BOTTOM}` }));
  const value = found[what];
  if (value >= low && value <= high) {
    parts.push(shape("circle", { class: `rx-dot${what === "gain" ? "" : " rx-dot-shortcut"}`, cx: place, cy: y(value), r: 5 }));
  }
  const middle = (left + right) / 2;
  parts.push(
    ...labels.filter(({ said }) => said !== ""),
    label(middle, 14, few ? panel.narrow : panel.title, { class: "rx-middle rx-heading" }),
    label(middle, 31, aboutWords(size(value)), { class: "rx-middle rx-figure" }),
  );
  return parts;
}

function valuesTable({ depth, table }) {
  const rows = Object.values(table).map((recipe) => {
    const { lam, beta, gain, share: part, shortcuts } = law(recipe, depth);
    return [recipe.name, about(lam), about(beta), ...[gain, part, shortcuts].map((log10) => words(size(log10)))];
  });
  return [
    `All recipes at ${units(depth)}, κ = 1: λ, β, the mean of ‖g₀‖² / ‖g_L‖², the shortcuts’ share of it, gain times share.`,
    ["recipe", "λ", "β", "gain", "share", "gain × share"],
    rows,
  ];
}

function render({ model, el, share: link }) {
  const table = model.get("table");
  const ui = frame({
    model,
    el,
    share: link,
    keys: ["recipe", "depth"],
    carried: ["table"],
    label: "recipes for deep networks",
    caption: CAPTION,
    presets: PRESETS,
  });
  let width = 600;
  const drawn = PANELS.map(() => keeping(curves));
  const recipe = ui.choice("recipe", "recipe", Object.fromEntries(Object.entries(table).map(([key, { name }]) => [key, name])));
  const depth = ui.slider(
    "depth",
    "depth L",
    { min: 0, max: DEPTHS.length - 1, step: 1 },
    { words: units, place: (value) => DEPTHS.indexOf(value), value: (place) => DEPTHS[place] },
  );
  const chart = svg("svg", {
    role: "img",
    "aria-label": "The mean gain and the shortcuts’ share of it over the depth, on log scales; the chosen recipe strong, all others faint",
  });
  const panel = make("div", { class: "rx-panel rx-recipes-wide" }, chart);

  function paint(now) {
    const state = { ...now, table: model.get("table") };
    const found = law(state.table[state.recipe], state.depth);
    ui.say(readout(state));
    const few = width < 480;
    const [first, gap] = [46, few ? 42 : 54];
    const wide = (width - first - gap - 8) / 2;
    const parts = PANELS.flatMap((each, k) => {
      const left = first + k * (wide + gap);
      const all = drawn[k](each, state.table, left, left + wide);
      return drawPanel(each, all, left, left + wide, state, found, few);
    });
    picture(chart, width, HEIGHT, parts);
    ui.list(() => valuesTable(state));
  }

  const note = make(
    "p",
    { class: "rx-note" },
    "Means over networks that have just been drawn, with branches of strength κ = 1; with a normalisation, for a random " +
      "gradient at the top and an input of mean 0 and variance 1, in networks that are wide compared with their depth. " +
      "A triangle says that the line goes on.",
  );
  return ui.start({
    controls: [recipe.element, depth.element],
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
