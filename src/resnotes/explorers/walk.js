// One component after a ReLU after every addition: a walk with a floor, and how far back a gradient comes.
// The upper half are pure functions of the state {depth, layer, walk, steps}; the lower half draws them.
import { about, ground, linear, make, marks, path, picture, probe, shape, svg, swatch, units } from "./draw.js";
import { frame } from "./frame.js";
import { generator } from "./random.js";

const MAX_DEPTH = 100;
export const WALKS = 1000;
export const STEPS = {
  equal: "of equal spread",
  growing: "growing by √2 in every unit",
  down: "of equal spread, pushed down",
  up: "of equal spread, pushed up",
};

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ depth, layer, walk, steps }) {
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH))
    return `depth: got ${depth}, wanted a whole number from 1 to ${MAX_DEPTH}`;
  if (!(Number.isInteger(layer) && layer >= 0 && layer <= depth))
    return `layer: got ${layer}, wanted a whole number from 0 to the depth, ${depth}`;
  if (!(Number.isInteger(walk) && walk >= 1 && walk <= WALKS))
    return `walk: got ${walk}, wanted a whole number from 1 to ${WALKS}`;
  if (!Object.hasOwn(STEPS, steps)) return `steps: got ${steps}, wanted one of ${Object.keys(STEPS).join(", ")}`;
  return "";
}

const LENGTH = MAX_DEPTH + 1;
let normal = null;
let held = { kind: null };
/** The steps of all walks, one walk after the other: normal numbers, made larger or pushed as `kind` says. */
export function drawn(kind) {
  if (held.kind === kind) return held.steps;
  normal ??= generator(1, 0)(new Float64Array(WALKS * LENGTH), 1);
  const push = { down: -0.25, up: 0.25 }[kind] ?? 0;
  const steps = normal.map((value, k) => (kind === "growing" ? value * 2 ** ((k % LENGTH) / 2) : value + push));
  // At which step each walk is lowest so far, after each step; 0 is the start.
  const lowest = new Uint8Array(WALKS * LENGTH);
  for (let w = 0; w < WALKS; w++) {
    let [sum, low, at] = [0, 0, 0];
    for (let k = 0; k < LENGTH; k++) {
      sum += steps[w * LENGTH + k];
      if (sum < low) [low, at] = [sum, k + 1];
      lowest[w * LENGTH + k] = at;
    }
  }
  held = { kind, steps, lowest };
  return steps;
}

/** after-arcsine: the share at x_0 … x_depth. */
function law(depth) {
  const q = [1];
  for (let n = 1; n <= depth + 1; n++) q.push(q[n - 1] * ((2 * n - 1) / (2 * n)));
  let total = q[depth + 1];
  return Array.from({ length: depth + 1 }, (_, l) => (total += q[l + 1] * q[depth - l]));
}

/**
 * The free walk and its running minimum after 0 … depth + 1 steps, the clipped walk x_0 … x_depth, the steps at which it
 * is cut, and at each state how many of all walks let a gradient come back to it from x_depth, beside the law.
 */
export function numbers({ depth, walk, steps: kind }) {
  const steps = drawn(kind),
    from = (walk - 1) * LENGTH;
  const free = [0],
    minimum = [0],
    clipped = [],
    cuts = [];
  for (let k = 0; k <= depth; k++) {
    free.push(free[k] + steps[from + k]);
    if (free[k + 1] < minimum[k]) cuts.push(k + 1);
    minimum.push(Math.min(minimum[k], free[k + 1]));
    clipped.push(free[k + 1] - minimum[k + 1]);
  }
  const ends = Array(depth + 2).fill(0);
  for (let w = 0; w < WALKS; w++) ends[held.lowest[w * LENGTH + depth]]++;
  let total = ends[0];
  const survivors = Array.from({ length: depth + 1 }, (_, l) => (total += ends[l + 1]));
  return { free, minimum, clipped, cuts, survivors, law: law(depth) };
}

const subscript = (n) => [...String(n)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
/** The state as far back as which a gradient comes: right after the last cut. */
const reached = ({ cuts }) => Math.max(0, (cuts.at(-1) ?? 1) - 1);

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { depth, layer, steps } = state;
  const inside = found.cuts.filter((k) => k > 1).length,
    back = reached(found);
  const own =
    inside === 0
      ? `No ReLU cuts this walk in its ${units(depth)}, and a gradient comes back all the way to x₀.`
      : `The ReLUs cut this walk ${inside === 1 ? "once" : `${inside} times`} in its ${units(depth)}. After the last cut a ` +
        `gradient from the loss comes back to x${subscript(back)}, and no farther.`;
  const named = steps === "equal" ? "the law says" : "the law, which is for steps of equal spread without a preferred sign, says";
  const expected = Math.round(10 * WALKS * found.law[layer]) / 10;
  const exact = about(expected) === about(WALKS * found.law[layer]) ? about(expected) : `≈\u00a0${expected}`;
  return `${own} Of ${WALKS} such walks, ${found.survivors[layer]} let it come back to x${subscript(layer)}; ${named} ${exact}.`;
}

// ------------------------------------------------------------------------------------- the view

const KEYS = ["depth", "layer", "walk", "steps"];
const CAPTION =
  "One component of the state, from the stem to the loss. Notice that a ReLU cuts exactly where the free walk reaches a new " +
  "lowest point, and that these get rare: a walk that has come far above its lowest point is seldom cut again. So far more " +
  "walks survive than coins would let through.";
const PRESETS = [
  ["54 ReLUs", { depth: 54, layer: 0, walk: 11, steps: "equal" }],
  ["halfway", { depth: 54, layer: 27, walk: 11, steps: "equal" }],
  ["steps that grow", { depth: 54, layer: 0, walk: 11, steps: "growing" }],
  ["pushed down", { depth: 54, layer: 0, walk: 11, steps: "down" }],
];
const HEIGHT = 330;

function drawWalk(root, width, { depth }, found) {
  const [left, right] = [44, width - 14];
  const x = linear([0, depth + 1], [left, right]);
  const panels = [
    { top: 24, bottom: 158, low: Math.min(...found.free), high: Math.max(...found.free) },
    { top: 196, bottom: 280, low: 0, high: Math.max(...found.clipped) },
  ];
  const [above, below] = panels.map(({ top, bottom, low, high }) => linear([low, high > low ? high : low + 1], [bottom, top]));
  const { lines, labels } = ground(
    { left, right, top: panels[1].top, bottom: panels[1].bottom },
    [[below(0), "0"]],
    marks(depth, width < 480 ? 4 : 6).map((l) => [x(l + 1), String(l)]),
    "state l, from the input (0) to the loss",
  );
  // The running minimum is a stair: it falls where the walk reaches a new lowest point.
  const stair = found.minimum.flatMap((value, k) => (k ? [[x(k), above(found.minimum[k - 1])], [x(k), above(value)]] : [[x(0), above(0)]]));
  const clipped = found.clipped.map((value, l) => [x(l + 1), below(value)]);
  const parts = [
    shape("path", { class: "rx-grid", d: `M${left} ${above(0)}H${right}` }),
    shape("path", { class: "rx-axis", d: `M${left} ${panels[0].top}V${panels[0].bottom}` }),
    shape("path", { class: "rx-line rx-floor", d: path(stair) }),
    shape("path", { class: "rx-line rx-free", d: path(found.free.map((value, k) => [x(k), above(value)])) }),
    shape("path", { class: "rx-line rx-clipped", d: path(clipped) }),
    shape("path", { class: "rx-line rx-passes", d: path(clipped.slice(reached(found))) }),
    ...found.cuts.flatMap((k) => [
      shape("circle", { class: "rx-cut", cx: x(k), cy: above(found.free[k]), r: 3.5 }),
      shape("circle", { class: "rx-cut", cx: x(k), cy: below(0), r: 3.5 }),
    ]),
  ];
  const says = [
    [16, "without the ReLUs: free walk and its lowest point so far"],
    [188, "with them: cut at each new lowest point; thick: a gradient passes"],
  ];
  const written = says.map(([y, words]) => shape("text", { x: left + 4, y }, width < 420 ? words.split(":")[0] : words));
  picture(root, width, HEIGHT, [...lines, ...parts, ...labels.filter(({ said }) => said !== ""), ...written]);
}

function drawShares(root, width, { depth, layer }, found) {
  const box = { left: 44, right: width - 14, top: 14, bottom: 280 };
  const x = linear([0, depth], [box.left, box.right]),
    y = linear([0, WALKS], [box.bottom, box.top]);
  const { lines, labels } = ground(
    box,
    [0, 250, 500, 750, 1000].map((count) => [y(count), String(count)]),
    marks(depth, 4).map((l) => [x(l), String(l)]),
    "state l, from the input (0) to the loss",
  );
  const line = (name, values) => shape("path", { class: `rx-line rx-${name}`, d: path(values.map((value, l) => [x(l), y(value)])) });
  const laws = found.law.map((share) => WALKS * share),
    coins = found.law.map((_, l) => WALKS * 2 ** (l - depth));
  const parts = [
    line("coins", coins),
    line("survivors", found.survivors),
    line("law", laws),
    shape("path", { class: "rx-axis", d: `M${x(layer)} ${box.top}V${box.bottom}` }),
    shape("circle", { class: "rx-dot rx-dot-shortcut", cx: x(layer), cy: y(found.survivors[layer]), r: 5 }),
  ];
  const tell = (l) => ({
    said: [`x${subscript(l)}`, `counted ${found.survivors[l]}`, `law ${about(laws[l])}`, `coins ${about(coins[l])}`],
    dots: [y(found.survivors[l]), y(laws[l])],
  });
  picture(root, width, HEIGHT, [...lines, ...parts, ...labels], probe(box, laws.map((_, l) => x(l)), tell));
}

function render({ model, el, share }) {
  const ui = frame({
    model,
    el,
    share,
    keys: KEYS,
    label: "a walk with a floor",
    caption: CAPTION,
    presets: PRESETS,
    settle: (next) => ({ ...next, layer: Math.min(next.layer, next.depth) }),
  });
  const depth = ui.slider("depth", "depth L", { min: 1, max: MAX_DEPTH, step: 1 }, { words: units });
  const layer = ui.slider(
    "layer",
    "state that is counted",
    { min: 0, max: MAX_DEPTH, step: 1 },
    { words: (value) => `x${subscript(value)}`, spoken: (value) => `state ${value}` },
  );
  const walk = ui.slider("walk", "walk drawn", { min: 1, max: WALKS, step: 1 }, { words: (value) => `${value} of ${WALKS}` });
  const steps = ui.choice("steps", "steps, what the branches say", STEPS);
  const one = svg("svg", { role: "img", "aria-label": "A free walk with its running minimum, and the walk with a floor" });
  const shares = svg("svg", { role: "img", "aria-label": "How many walks let a gradient come back to each state" });
  const entries = [
    ["survivors", "counted"],
    ["law", "law"],
    ["coins", "coins"],
  ].map(([name, title]) =>
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
    layer.input.max = now.depth;
    layer.input.value = now.layer;
    ui.say(readout(now, found));
    drawWalk(one, inside, now, found);
    drawShares(shares, beside, now, found);
    ui.list(() => table(now, found));
  }

  const first = make("div", { class: "rx-panel" }, make("p", { class: "rx-title" }, "one component of the state"), one);
  const second = make(
    "div",
    { class: "rx-panel" },
    make("p", { class: "rx-title" }, `of ${WALKS} walks, a gradient comes back to xₗ in`),
    make("ul", { class: "rx-legend" }, ...entries),
    shares,
  );
  return ui.start({
    controls: [depth.element, layer.element, walk.element, steps.element],
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

function table({ depth }, { survivors, law: laws, clipped }) {
  const step = Math.ceil(depth / 20);
  const states = Array.from({ length: Math.ceil(depth / step) }, (_, k) => k * step);
  const rounded = (value) => String(Math.round(value * 10) / 10).replace("-", "−");
  return [
    `this walk's state, and of ${WALKS} walks those in which a gradient comes back to it${step > 1 ? `, every ${step} states` : ""}.`,
    ["state l", "this walk", "counted", "law"],
    [...states, depth].map((l) => [String(l), rounded(clipped[l]), String(survivors[l]), rounded(WALKS * laws[l])]),
  ];
}

export default { render };
