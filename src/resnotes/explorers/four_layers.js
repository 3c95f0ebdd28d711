// The four layers: every local derivative on its edge, every path with its product, and what the notes' formulas give.
// The upper half are pure functions of the state {w1 … w4, b1 … b4, x1, g5, skip_13, skip_35, after, at}; the lower half
// draws them.
import { about, evaluated, is, label, make, number, set, shape, show, sumOf, svg, tabulate, text, write } from "./draw.js";
import { frame } from "./frame.js";

const LARGEST = 10;
const SKIPS = { on: "on", constant: "held constant", off: "off" };
// How far a state is moved to both sides for the central difference.
const STEP = 2 ** -10;
const EDGES = [
  [1, 2],
  [2, 3],
  [3, 4],
  [4, 5],
  [1, 3],
  [3, 5],
];
const ROUTES = {
  5: [[5]],
  4: [[5, 4]],
  3: [
    [5, 4, 3],
    [5, 3],
  ],
  2: [
    [5, 4, 3, 2],
    [5, 3, 2],
  ],
  1: [
    [5, 4, 3, 2, 1],
    [5, 4, 3, 1],
    [5, 3, 2, 1],
    [5, 3, 1],
  ],
};
const SUB = "₀₁₂₃₄₅";
const STATES = [1, 2, 3, 4, 5];
const FIXED = "other states held fixed",
  MOVING = "total derivative",
  WITH_NOTES_3 = "with the notes’ own g₃",
  CONSTANT = "o is a constant";
const NUMBERS = ["w1", "w2", "w3", "w4", "b1", "b2", "b3", "b4", "x1", "g5"];
const KEYS = [...NUMBERS, "skip_13", "skip_35", "after", "at"];

/** What is wrong with a state, in words; "" where nothing is. */
export function check(state) {
  for (const key of NUMBERS) {
    if (!(typeof state[key] === "number" && Math.abs(state[key]) <= LARGEST)) {
      return `${key}: got ${state[key]}, wanted a number from -${LARGEST} to ${LARGEST}`;
    }
  }
  for (const key of ["skip_13", "skip_35"]) {
    if (!Object.hasOwn(SKIPS, state[key])) {
      return `${key}: got ${state[key]}, wanted one of ${Object.keys(SKIPS).join(", ")}`;
    }
  }
  if (typeof state.after !== "boolean") return `after: got ${state.after}, wanted true or false`;
  if (!STATES.includes(state.at)) return `at: got ${state.at}, wanted a whole number from 1 to 5`;
  return "";
}

/** Where a skip comes in, 3 or 5 -> "on", "constant" or "off"; undefined for the other states. */
const skipInto = (state, k) => ({ 3: state.skip_13, 5: state.skip_35 })[k];
const noRelu = (state, k) => k % 2 === 1 && !state.after;

/** The states x[1] … x[5] and the sums y[2] … y[5]; x[moved] is changed by `by`, and what comes after it follows. */
function forward(state, moved, by = 0) {
  const x = [undefined, state.x1],
    y = [];
  for (const k of STATES) {
    if (k > 1) {
      y[k] = state[`w${k - 1}`] * x[k - 1] + state[`b${k - 1}`];
      if (k % 2 === 1 && skipInto(state, k) !== "off") y[k] = y[k] + x[k - 2];
      x[k] = noRelu(state, k) ? y[k] : Math.max(y[k], 0);
    }
    if (k === moved) x[k] = x[k] + by;
  }
  return { x, y };
}

/** D[2] … D[5]: 1 where ReLU lets the sum through or there is none, else 0. */
const masks = (state, y) => y.map((sum, k) => (noRelu(state, k) || sum > 0 ? 1 : 0));

/** local[a][b], the derivative of x_b with respect to x_a; where `stopped`, a skip held constant sends nothing back. */
function locals(state, mask, stopped) {
  const local = [0, 1, 2, 3, 4, 5].map(() => []);
  for (const [a, b] of EDGES) {
    const how = skipInto(state, b);
    if (b - a === 1) local[a][b] = mask[b] * state[`w${a}`];
    else local[a][b] = how === "off" || (stopped && how === "constant") ? 0 : mask[b];
  }
  return local;
}

const steps = (route) => route.slice(1).map((a, k) => [a, route[k]]);
const routes = (state, at) =>
  ROUTES[at].filter((route) => steps(route).every(([a, b]) => b - a === 1 || skipInto(state, b) !== "off"));
const product = (state, local, route) => steps(route).reduce((value, [a, b]) => value * local[a][b], state.g5);
const gradient = (state, local, at) =>
  routes(state, at).reduce((total, route) => total + product(state, local, route), 0);

function central(state, at) {
  const above = forward(state, at, STEP).x[5],
    below = forward(state, at, -STEP).x[5];
  return (state.g5 * above - state.g5 * below) / (2 * STEP);
}

/** Two numbers closer than this count as the same: rounding stays below. */
function tolerance(state, true_, x) {
  return (
    1e-9 *
    routes(state, state.at).reduce(
      (total, route) => total + Math.abs(product(state, true_, route)),
      1 + Math.abs(state.g5 * x[5]),
    )
  );
}

/** What the notes' formulas give for g_at, no skip held constant; a 1 that they print stays a 1. */
function formulas(state, x, d, local) {
  const { g5, at } = state;
  const g3 = gradient(state, local, 3),
    g1 = gradient(state, local, 1);
  const [skip3, skip5] = [3, 5].map((k) => (skipInto(state, k) === "off" ? 0 : 1));
  const through = g5 * local[4][5] * local[3][4];
  const f4 = state.w4 * local[3][4],
    f2 = state.w2 * local[1][2];
  const allLayers = through * local[2][3] * local[1][2];
  const total5 = d[5] * (f4 + skip5),
    total3 = d[3] * (f2 + skip3);
  const printed3 = through + g5 * total5;
  const size = tolerance(state, local, x);
  const row = (id, formula, reading, gives, wanted, bound = false) => {
    const holds = bound ? wanted >= gives - size : Math.abs(gives - wanted) <= size;
    return { id, formula, reading, gives, wanted, holds };
  };
  const first3 = "g₅·∂x₅/∂x₄·∂x₄/∂x₃ + g₅·∂x₅/∂x₃";
  const second3 = "g₅·∂x₅/∂x₄·∂x₄/∂x₃ + g₅·(∂F₄/∂x₃ + 1)";
  const chain1 = "g₅·∂x₅/∂x₄·∂x₄/∂x₃·∂x₃/∂x₂·∂x₂/∂x₁";
  const first1 = `${chain1} + g₅·∂x₅/∂x₄·∂x₄/∂x₃·∂x₃/∂x₁`;
  const second1 = `${chain1} + g₃·(∂F₂/∂x₁ + 1)`;
  if (at === 4) return [row("S0-B2", "g₅·∂x₅/∂x₄", "", g5 * local[4][5], gradient(state, local, 4))];
  if (at === 3) {
    return [
      row("S0-B3", first3, FIXED, through + g5 * local[3][5], g3),
      row("S0-B3", first3, MOVING, printed3, g3),
      row("S0-B3", second3, FIXED, through + g5 * (0 + 1), g3),
      row("S0-B3", second3, MOVING, through + g5 * (f4 + 1), g3),
      row("S0-N1", "g₅·(∂F₄/∂x₃ + 1)", MOVING, g5 * (f4 + 1), g3),
      row("S0-S3", "g₅·∂y₅/∂x₃", MOVING, g5 * (f4 + skip5), g3),
      row("S3-Q10", "g₅·∂x₅/∂x₄·∂x₄/∂x₃", CONSTANT, through, g3),
      row("S0-A1", "|g₃| ≥ |g₅|", "", Math.abs(g5), Math.abs(g3), true),
    ];
  }
  if (at === 2) {
    const g2 = gradient(state, local, 2);
    return [row("S0-B4", "g₅·∂x₅/∂x₄·∂x₄/∂x₃·∂x₃/∂x₂", "", through * local[2][3], g2)];
  }
  if (at === 1) {
    return [
      row("S0-B5", first1, FIXED, allLayers + through * local[1][3], g1),
      row("S0-B5", first1, MOVING, allLayers + through * total3, g1),
      row("S0-B6", second1, FIXED, allLayers + g3 * (0 + 1), g1),
      row("S0-B6", second1, MOVING, allLayers + g3 * (f2 + 1), g1),
      row("S0-B6", second1, `${FIXED}, ${WITH_NOTES_3}`, allLayers + printed3 * (0 + 1), g1),
      row("S0-B6", second1, `${MOVING}, ${WITH_NOTES_3}`, allLayers + printed3 * (f2 + 1), g1),
      row("S0-N2", "g₃·(∂F₂/∂x₁ + 1)", MOVING, g3 * (f2 + 1), g1),
      row("S0-S2", "g₃·∂y₃/∂x₁", MOVING, g3 * (f2 + skip3), g1),
      row("S3-Q10", chain1, CONSTANT, allLayers, g1),
      row("S0-A1", "|g₁| ≥ |g₃|", "", Math.abs(g3), Math.abs(g1), true),
    ];
  }
  return [];
}

/**
 * Everything computed: states, sums and gradients by state, the gradient of each weight, the paths to the state chosen,
 * the notes' formulas.
 */
export function numbers(state) {
  const { x, y } = forward(state);
  const mask = masks(state, y);
  const local = locals(state, mask, true),
    true_ = locals(state, mask, false);
  const g = STATES.map((k) => gradient(state, local, k));
  return {
    x: x.slice(1),
    y: y.slice(2),
    masks: mask.slice(2),
    edges: EDGES.map(([a, b]) => local[a][b]),
    g,
    weights: [1, 2, 3, 4].map((k) => g[k] * mask[k + 1] * x[k]),
    truth: STATES.map((k) => gradient(state, true_, k)),
    central: STATES.map((k) => central(state, k)),
    paths: routes(state, state.at).map((route) => ({ route, product: product(state, local, route) })),
    formulas: formulas(state, x, mask, true_),
  };
}

/** Whether the central difference and what the switches give are the derivative. */
function compared(state, found) {
  const { x, y } = forward(state);
  const close = tolerance(state, locals(state, masks(state, y), false), x);
  const truth = found.truth[state.at - 1];
  return {
    agrees: Math.abs(found.central[state.at - 1] - truth) <= close,
    stopped: Math.abs(found.g[state.at - 1] - truth) > close,
  };
}

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { at } = state;
  const name = `g${SUB[at]}`,
    g = found.g[at - 1];
  if (at === 5) {
    return `g₅ ${is(g)} comes from the loss. It is given, and multiplies every path. Send it back, and see what arrives at the other states.`;
  }
  const terms = found.paths.map((path) => path.product);
  const parts = [
    terms.length === 1
      ? `One path leads back to x${SUB[at]}, and ${name} ${is(g)}.`
      : `${["Two", "Three", "Four"][terms.length - 2]} paths lead back to x${SUB[at]}, and ${name} ${evaluated(sumOf(terms), terms.map((t) => [t]), g)}.`,
    blocked(state, found),
  ];
  const { agrees, stopped } = compared(state, found);
  if (stopped) {
    parts.push(
      `That is not the derivative, which is ${about(found.truth[at - 1])}: a skip held constant sends nothing back, yet it carries x forward.`,
    );
  }
  const nudged = `Nudging x${SUB[at]} finds`;
  if (!agrees) {
    parts.push(
      `${nudged} ${about(found.central[at - 1])}: it straddles the kink of a ReLU, where there is no derivative.`,
    );
  } else parts.push(`${nudged} ${stopped ? "it too" : "the same"}.`);
  return parts.filter(Boolean).join(" ");
}

/** Which addition's ReLU lets nothing through, the one nearer the loss first; or that the paths cancel. */
function blocked(state, found) {
  if (state.after) {
    for (const [k, place] of [
      [5, "second"],
      [3, "first"],
    ]) {
      if (state.at < k && !found.masks[k - 2]) {
        const what = skipInto(state, k) === "off" ? "the branch" : "branch and skip alike";
        return `y${SUB[k]} ${is(found.y[k - 2])} is not positive: the ReLU after the ${place} addition blocks ${what}.`;
      }
    }
  }
  const passes = found.paths.some((path) => path.product !== 0);
  return found.g[state.at - 1] === 0 && passes ? "The paths cancel." : "";
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Four ways lead back from x₅ to x₁. On each arrow: how far its head moves if its tail is nudged. J is the layer’s " +
  "weight, and D is 1 where the ReLU is open and 0 where it is closed. Notice the sum: the way over both skips brings 1, " +
  "and still a negative number arrives.";
const OPEN = { b1: 0, b2: 0, b3: 0, b4: 1, x1: 0.25, g5: 1, skip_13: "on", skip_35: "on", after: true, at: 1 };
const FOUR = { ...OPEN, w1: 2, w2: 1, w3: 3, w4: -0.5 };
// Each changes one thing.
const PRESETS = [
  ["four paths, all open", FOUR],
  ["a skip that carries nothing", { ...FOUR, w2: -1 }],
  ["block and skip cancel", { ...FOUR, w3: 2 }],
  ["a skip held constant", { ...FOUR, skip_35: "constant" }],
];
/** One state nearer to the input; null at the input. */
const back = ({ at }) => (at > 1 ? { at: at - 1 } : null);

/** The local derivative of an edge in symbols. */
function symbol(state, a, b) {
  const mask = b % 2 === 0 || state.after ? `D${SUB[b]}` : "";
  if (b - a === 1) return `${mask}J${SUB[a]}`;
  const how = skipInto(state, b);
  if (how === "off") return "no skip";
  return how === "constant" ? `stop(${mask || "1"})` : mask || "1";
}

const BOX = { width: 80, height: 46 };
/** Left to right where there is room, else from the top down, the skips on the left. */
function arrangement(width) {
  if (width >= 540) {
    const pitch = (width - BOX.width - 4) / 4,
      middle = 106;
    return {
      height: 162,
      at: (k) => [2 + BOX.width / 2 + (k - 1) * pitch, middle],
      gradient: { x: 0, y: 42, class: "rx-middle" },
      straight([x, y], [z]) {
        const [from, to] = [x + BOX.width / 2, z - BOX.width / 2];
        return {
          d: `M${from} ${y}H${to - 8}`,
          tip: `M${to} ${y}l-9 -4v8Z`,
          symbol: [(from + to) / 2, y - 9, "rx-middle"],
          value: [(from + to) / 2, y + 18, "rx-middle"],
        };
      },
      skip([x, y], [z]) {
        const [from, to, top] = [x + 14, z - 14, y - BOX.height / 2];
        return {
          d: `M${from} ${top}C${from} 22 ${to} 22 ${to} ${top - 8}`,
          tip: `M${to} ${top}l-4 -9h8Z`,
          symbol: [(from + to) / 2, 28, "rx-middle"],
        };
      },
    };
  }
  const pitch = 100,
    middle = Math.min(170, width * 0.52);
  return {
    height: 4 * pitch + BOX.height + 8,
    at: (k) => [middle, 4 + BOX.height / 2 + (k - 1) * pitch],
    gradient: { x: BOX.width / 2 + 10, y: 4, class: "rx-start" },
    straight([x, y], [, z]) {
      const [from, to] = [y + BOX.height / 2, z - BOX.height / 2];
      return {
        d: `M${x} ${from}V${to - 8}`,
        tip: `M${x} ${to}l-4 -9h8Z`,
        symbol: [x + 10, (from + to) / 2 + 4, "rx-start"],
      };
    },
    skip([x, y], [, z]) {
      const side = x - BOX.width / 2,
        far = side - 118;
      return {
        d: `M${side} ${y + 10}C${far} ${y + 10} ${far} ${z - 10} ${side - 8} ${z - 10}`,
        tip: `M${side} ${z - 10}l-9 -4v8Z`,
        symbol: [side - 4, (y + z) / 2 + 4, "rx-end"],
      };
    },
  };
}

function drawEdges(state, found, place, lit) {
  const parts = [];
  // Those on a path to the chosen state last, on top.
  const order = EDGES.map((edge, k) => ({ edge, value: found.edges[k], on: lit.has(String(edge)) }));
  for (const {
    edge: [a, b],
    value,
    on,
  } of order.sort((one, other) => one.on - other.on)) {
    const drawn = (b - a === 1 ? place.straight : place.skip)(place.at(a), place.at(b));
    const gone = b - a === 2 && skipInto(state, b) === "off";
    const kind = `rx-fl-edge${on ? " rx-fl-lit" : ""}${gone ? " rx-fl-gone" : value ? "" : " rx-fl-zero"}`;
    parts.push(shape("path", { class: kind, d: drawn.d }));
    if (!gone) parts.push(shape("path", { class: `rx-fl-tip${on ? " rx-fl-lit" : ""}`, d: drawn.tip }));
    const written = ([x, y, anchor], said) =>
      parts.push(label(x, y, said, { class: `${anchor} rx-halo${on ? " rx-fl-bold" : ""}` }));
    const named = symbol(state, a, b);
    // Two lines above and below a short arrow, one line elsewhere.
    written(drawn.symbol, gone || drawn.value || named === "1" ? named : `${named} ${is(value)}`);
    if (drawn.value) written(drawn.value, about(value));
  }
  return parts;
}

/** The network in little with one path on it. */
function little(route) {
  const on = new Set(steps(route).map(String));
  const x = (k) => 6 + (k - 1) * 20;
  const order = EDGES.filter((e) => !on.has(String(e))).concat(EDGES.filter((e) => on.has(String(e))));
  return [
    ...order.map(([a, b]) =>
      shape("path", {
        class: `rx-fl-edge${on.has(String([a, b])) ? " rx-fl-lit" : ""}`,
        d: b - a === 1 ? `M${x(a)} 18H${x(b)}` : `M${x(a)} 18Q${(x(a) + x(b)) / 2} -8 ${x(b)} 18`,
      }),
    ),
    ...STATES.map((k) => shape("circle", { class: "rx-fl-spot", cx: x(k), cy: 18, r: 3 })),
  ];
}

const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));

/** A product in symbols and in numbers: what it is but for its value, and the value. */
function multiplied(symbols, factors, value) {
  const printed = factors.map((x, k) => (k ? factor(x) : number(x))).join(" · ");
  const said = factors.length > 1 ? evaluated(printed, [factors], value) : is(value);
  const end = said.lastIndexOf(" ") + 1;
  return [`${symbols.join(" · ")} ${said.slice(0, end)}`, said.slice(end)];
}

/** A path's product. */
function pathProduct(state, found, { route, product: value }) {
  const along = steps(route);
  const local = new Map(EDGES.map((edge, k) => [String(edge), found.edges[k]]));
  const symbols = ["g₅", ...along.map(([a, b]) => symbol(state, a, b))];
  return multiplied(symbols, [state.g5, ...along.map((edge) => local.get(String(edge)))], value);
}

/** The gradient of a weight: what arrives at its layer's output, times what came in. */
function weightProduct(state, found, k) {
  const open = (k + 1) % 2 === 0 || state.after;
  const symbols = [`∂E/∂w${SUB[k]} = g${SUB[k + 1]}`, ...(open ? [`D${SUB[k + 1]}`] : []), `x${SUB[k]}`];
  const factors = [found.g[k], ...(open ? [found.masks[k - 1]] : []), found.x[k - 1]];
  return multiplied(symbols, factors, found.weights[k - 1]);
}

function render({ model, el, share }) {
  const ui = frame({ model, el, share, keys: KEYS, label: "the four layers", caption: CAPTION, presets: PRESETS });
  const { update } = ui;
  let width = 600;

  const sliders = NUMBERS.map((key) => {
    const kind = { w: "weight", b: "bias", x: "input", g: "gradient" }[key[0]];
    const made = ui.slider(
      key,
      `${kind} ${key[0]}${SUB[key[1]]}`,
      { min: -4, max: 4, step: 0.25 },
      { words: about, spoken: (value) => about(value).replace("−", "minus ") },
    );
    return { ...made, key };
  });
  const [weights, others] = [sliders.slice(0, 4), sliders.slice(4)].map((some) => some.map(({ element }) => element));
  const more = [
    ...others,
    ui.choice("skip_13", "skip x₁ → x₃", SKIPS).element,
    ui.choice("skip_35", "skip x₃ → x₅", SKIPS).element,
    ui.toggle("after", "ReLU after the additions").element,
  ];
  const walk = ui.play("Send the gradient back", { first: { at: 5 }, next: back, every: 1400 });

  const edges = svg("g", { "aria-hidden": "true" });
  const nodes = STATES.map((k) => {
    const value = text(0, 14, "", { class: "rx-middle" });
    const gradientText = text(0, 0, "", {});
    const element = svg(
      "g",
      {
        class: "rx-fl-node",
        role: "radio",
        onclick: () => {
          update({ at: k });
          element.focus({ preventScroll: true });
        },
        onkeydown: moveByKey,
      },
      svg("rect", { x: -BOX.width / 2, y: -BOX.height / 2, width: BOX.width, height: BOX.height, rx: 8 }),
      text(0, -4, `x${SUB[k]}`, { class: "rx-middle rx-fl-bold" }),
      value,
      gradientText,
    );
    return { k, element, value, gradientText };
  });
  const diagram = svg(
    "svg",
    { role: "radiogroup", "aria-label": "The network, one state chosen, with every path to it", class: "rx-fl-diagram" },
    edges,
    ...nodes.map(({ element }) => element),
  );
  // A row lights its path alone: while the pointer is on it, and until the next press once it is pressed.
  let pinned = null,
    pointed = null;
  const lighting = (route) => {
    pointed = route;
    paint(ui.state());
  };
  const rows = STATES.slice(1).map((_, k) => {
    const picture = svg("svg", { class: "rx-fl-little", viewBox: "0 0 92 24", width: 92, height: 24, "aria-hidden": "true" });
    const [symbols, value] = [make("span", {}), make("strong", {})];
    const route = () => rows[k].route;
    const press = () => {
      pinned = String(pinned) === String(route()) ? null : route();
      lighting(null);
    };
    const held = make(
      "span",
      {
        class: "rx-fl-row",
        role: "switch",
        tabindex: 0,
        onclick: press,
        onkeydown: (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          press();
        },
        onpointerenter: (event) => event.pointerType === "mouse" && lighting(route()),
        onpointerleave: () => pointed && lighting(null),
      },
      picture,
      make("span", {}, symbols, value),
    );
    return { element: make("li", {}, held), held, picture, symbols, value, route: null };
  });
  const list = make("ul", { class: "rx-fl-paths" }, ...rows.map(({ element }) => element));
  const listTitle = make("p", { class: "rx-title" });
  const learned = [1, 2, 3, 4].map(() => ({ symbols: make("span", {}), value: make("strong", {}) }));
  const notes = make("div", { class: "rx-table rx-fl-notes" });
  const printed = ui.fold("What the notes’ formulas give here", notes);

  function paintRows(now, found) {
    rows.forEach((row, k) => {
      const path = found.paths[k];
      row.element.hidden = !path;
      row.route = path?.route ?? null;
      if (!path) return;
      const [symbols, value] = pathProduct(now, found, path);
      write(row.symbols, symbols);
      write(row.value, value);
      show(row.picture, little(path.route));
      // What the pointer passes over is not switched on.
      set(row.held, { "aria-checked": String(pinned) === String(path.route) });
    });
  }

  function moveByKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = model.get("at");
    const next = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 1,
      End: 5,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    // As radio buttons do: beyond the last comes the first.
    const k = ((next + 4) % 5) + 1;
    update({ at: k });
    nodes[k - 1].element.focus({ preventScroll: true });
  }

  function paint(now) {
    const found = numbers(now);
    const place = arrangement(width);
    const routed = found.paths.map(({ route }) => route);
    const chosen = [pointed, pinned].find((route) => route && routed.some((other) => String(other) === String(route)));
    const lit = new Set((chosen ? [chosen] : routed).flatMap((route) => steps(route).map(String)));
    for (const { input, key } of sliders) {
      // A number of the reader's own may lie beyond the usual range, or between its steps.
      const most = Math.abs(now[key]) > 4 ? LARGEST : 4;
      if (Number(input.max) !== most) [input.min, input.max] = [-most, most];
      input.value = now[key];
    }
    ui.say(readout(now, found));
    set(diagram, { viewBox: `0 0 ${width} ${place.height}`, height: place.height });
    show(edges, drawEdges(now, found, place, lit));
    for (const { k, element, value, gradientText } of nodes) {
      const [x, y] = place.at(k);
      const [state, g] = [found.x[k - 1], found.g[k - 1]];
      set(element, {
        transform: `translate(${x} ${y})`,
        "aria-checked": k === now.at,
        tabindex: k === now.at ? 0 : -1,
        "aria-label": `x${SUB[k]} ${is(state)}, gradient g${SUB[k]} ${is(g)}`,
      });
      write(value, about(state));
      // The gradient stands where it has come to on its way back.
      write(gradientText, k < now.at ? "" : `g${SUB[k]} ${is(g)}`);
      set(gradientText, { ...place.gradient, class: `${place.gradient.class} rx-halo rx-fl-bold` });
    }
    const name = `g${SUB[now.at]}`;
    write(
      listTitle,
      now.at === 5 ? "g₅ is given" : `Every path back to x${SUB[now.at]}; together ${name} ${is(found.g[now.at - 1])}`,
    );
    paintRows(now, found);
    learned.forEach(({ symbols, value }, k) => {
      const said = weightProduct(now, found, k + 1);
      write(symbols, said[0]);
      write(value, said[1]);
    });
    if (printed.open) tabulate(notes, ...notesTable(now, found));
    ui.list(() => valuesTable(found));
  }

  const panel = make(
    "div",
    { class: "rx-panel rx-fl-wide" },
    make("p", { class: "rx-title" }, "Forward along the arrows, gradients against them"),
    diagram,
    make("div", { class: "rx-buttons rx-only-live" }, walk.element),
    make(
      "p",
      { class: "rx-note" },
      "An arrow is dashed where its derivative is 0. ",
      make("span", { class: "rx-only-live" }, "Click a state, or use the arrow keys, to see what arrives there."),
    ),
  );
  const gradients = make(
    "div",
    { class: "rx-panel rx-fl-wide rx-fl-weights" },
    make("p", { class: "rx-title" }, "A weight’s gradient: what arrives at its layer’s output, times what came in"),
    ...learned.map(({ symbols, value }) => make("p", {}, symbols, value)),
  );
  return ui.start({
    controls: weights,
    more,
    figures: [panel, make("div", { class: "rx-panel rx-fl-wide" }, listTitle, list), gradients],
    below: [printed],
    paint,
    watch: panel,
    resized: (inside) => {
      width = Math.max(260, inside);
    },
  });
}

function notesTable(state, found) {
  const k = state.at - 1,
    name = `g${SUB[state.at]}`;
  const { agrees, stopped } = compared(state, found);
  const verdict = (right) => (right ? "✓ true" : "✗ not true");
  const constant = state.skip_13 === "constant" || state.skip_35 === "constant";
  return [
    `${name} by the chain rule, by nudging x${SUB[state.at]}, and as the notes have it`,
    ["how", "gives", "at this setting"],
    [
      ["every path, summed: the derivative", about(found.truth[k]), "✓ true"],
      [`central difference, x${SUB[state.at]} ± 2⁻¹⁰`, about(found.central[k]), agrees ? "✓ agrees" : "✗ at a kink"],
      ...(constant ? [["as switched, a skip held constant", about(found.g[k]), verdict(!stopped)]] : []),
      ...found.formulas.map(({ formula, reading, gives, holds }) => [
        reading ? `${formula} (${reading})` : formula,
        formula.includes("≥") ? `≥ ${about(gives)}` : about(gives),
        verdict(holds),
      ]),
    ],
  ];
}

function valuesTable({ x, y, masks: mask, g, truth, central: measured }) {
  return [
    "At every state: the sum y before the ReLU, the state x, the ReLU’s derivative D, the gradient as switched, the true one, and the central difference.",
    ["state", "y", "x", "D", "g", "true g", "central"],
    STATES.map((k) => [
      `x${SUB[k]}`,
      k > 1 ? number(y[k - 2]) : "–",
      number(x[k - 1]),
      k > 1 ? String(mask[k - 2]) : "–",
      ...[g, truth, measured].map((line) => number(line[k - 1])),
    ]),
  ];
}

export default { render };
