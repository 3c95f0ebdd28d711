// The merge point: y = F(x) + H o with x = W o and F = ReLU, numbers forward and backward through the addition.
// The upper half are pure functions of the state {n_in, n_out, shortcut, stop, o1, g1, s11, w} and of the arrays
// {own_o, own_g, own_W, own_Ws}; the lower half draws them.
import { about, label, make, number, path, rounded, set, shape, show, svg, tabulate, write } from "./draw.js";
import { frame } from "./frame.js";

const WIDEST = 5;
const LARGEST = 100;
const SHORTCUTS = { identity: "identity", zeros: "zero-padding", projection: "projection Wₛ" };
// How far o is nudged to both sides.
const STEP = 2 ** -10;
// What stands where the reader gives nothing; the first entries come from sliders.
const PATTERN_O = [3, -2, 1, 2, -1];
const PATTERN_G = [1, -1, 2, 5, -3];
const PATTERN_W = [
  [1, -1, 0, 2, 1],
  [2, 1, -1, 0, 1],
  [0, 1, 1, -1, 2],
  [-1, 0, 2, 1, 0],
  [1, 2, 0, -1, 1],
];
const PATTERN_WS = [
  [1, 0, 2, -1, 1],
  [2, -1, 0, 1, 0],
  [0, 3, -1, 0, 2],
  [1, 0, 1, 2, -1],
  [-1, 2, 0, 1, 1],
];
const NUMBERS = ["o1", "g1", "s11", "w"];
const KEYS = ["n_in", "n_out", "shortcut", "stop", ...NUMBERS];
const CARRIED = ["own_o", "own_g", "own_W", "own_Ws"];

/** What is wrong with a state, in words; "" where nothing is. */
export function check(state) {
  for (const key of ["n_in", "n_out"]) {
    if (!(Number.isInteger(state[key]) && state[key] >= 1 && state[key] <= WIDEST)) {
      return `${key}: got ${state[key]}, wanted a whole number from 1 to ${WIDEST}`;
    }
  }
  if (!Object.hasOwn(SHORTCUTS, state.shortcut)) {
    return `shortcut: got ${state.shortcut}, wanted one of ${Object.keys(SHORTCUTS).join(", ")}`;
  }
  if (typeof state.stop !== "boolean") return `stop: got ${state.stop}, wanted true or false`;
  for (const key of NUMBERS) {
    if (!(typeof state[key] === "number" && Math.abs(state[key]) <= LARGEST)) {
      return `${key}: got ${state[key]}, wanted a number from -${LARGEST} to ${LARGEST}`;
    }
  }
  const { n_in: columns, n_out: rows, shortcut } = state;
  if (shortcut === "identity" && rows !== columns) {
    return `n_out: got ${rows}, wanted ${columns}, the width of o, for the identity`;
  }
  if (shortcut === "zeros" && rows < columns) {
    return `n_out: got ${rows}, wanted at least ${columns}, the width of o, for zero-padding`;
  }
  return "";
}

const upTo = (n, entry) => Array.from({ length: n }, (_, k) => entry(k));
const vectorOf = (own, pattern, n, first) => upTo(n, (k) => (k ? (own?.[k] ?? pattern[k]) : first));
const matrixOf = (own, pattern, rows, columns) =>
  upTo(rows, (r) => upTo(columns, (c) => own?.[r]?.[c] ?? pattern[r][c]));
const sum = (terms) => terms.reduce((total, term) => total + term, 0);
const times = (matrix, column) => matrix.map((row) => sum(row.map((entry, c) => entry * column[c])));
const rowTimes = (row, matrix) => matrix[0].map((_, c) => sum(row.map((entry, r) => entry * matrix[r][c])));
const outer = (row, column) => row.map((r) => column.map((c) => r * c));

/** o, g, the branch's W, and the shortcut's matrix H. */
function arrays(state) {
  const { n_in: columns, n_out: rows } = state;
  const o = vectorOf(state.own_o, PATTERN_O, columns, state.o1);
  const g = vectorOf(state.own_g, PATTERN_G, rows, state.g1);
  const W = matrixOf(state.own_W, PATTERN_W, rows, columns).map((row) => row.map((entry) => state.w * entry));
  let H;
  if (state.shortcut === "projection") {
    H = matrixOf(state.own_Ws, PATTERN_WS, rows, columns);
    H[0][0] = state.s11;
  } else H = upTo(rows, (r) => upTo(columns, (c) => (r === c ? 1 : 0)));
  return { o, g, W, H };
}

function loss(o, g, W, H) {
  const x = times(W, o),
    carried = times(H, o);
  return sum(g.map((entry, k) => entry * (Math.max(x[k], 0) + carried[k])));
}

/** (E(o + h) − E(o − h)) / 2h for each entry of o, by forward passes. */
function nudged(o, g, W, H) {
  return o.map((_, k) => {
    const moved = (by) =>
      loss(
        o.map((entry, j) => (j === k ? entry + by : entry)),
        g,
        W,
        H,
      );
    return (moved(STEP) - moved(-STEP)) / (2 * STEP);
  });
}

/**
 * Everything computed. Forward: o, W, x, F, H, carried (H o), y. Backward: g, at_x (the gradient at x), branch and skip
 * (what each sends back to o), at_o (their sum), W_gradient, H_gradient (empty without parameters), true (at o with
 * nothing held constant), nudged (by forward passes).
 */
export function numbers(state) {
  const { o, g, W, H } = arrays(state);
  const x = times(W, o),
    carried = times(H, o);
  const F = x.map((entry) => Math.max(entry, 0));
  const at_x = g.map((entry, k) => (x[k] > 0 ? entry : 0));
  const branch = rowTimes(at_x, W),
    whole = rowTimes(g, H);
  const skip = state.stop ? o.map(() => 0) : whole;
  return {
    o,
    W,
    x,
    F,
    H,
    carried,
    y: F.map((entry, k) => entry + carried[k]),
    g,
    at_x,
    branch,
    skip,
    at_o: branch.map((entry, k) => entry + skip[k]),
    W_gradient: outer(at_x, o),
    H_gradient: state.shortcut === "projection" ? outer(g, o) : [],
    true: branch.map((entry, k) => entry + whole[k]),
    nudged: nudged(o, g, W, H),
  };
}

/** Whether two rows differ by more than the rounding of the nudges. */
function differ(a, b, found) {
  const scale = 1 + sum([...found.g, ...found.y, ...found.true].map(Math.abs));
  return a.some((entry, k) => Math.abs(entry - b[k]) > 1e-9 * scale * scale);
}

const listed = (entries) => `(${entries.map(number).join(", ")})`;
/** "(1, −2)", "≈ (0.333, 1)"; after a name "= (1, −2)". */
const vector = (entries) => (entries.some(rounded) ? "≈ " : "") + listed(entries);
const isVector = (entries) => `${entries.some(rounded) ? "≈" : "="} ${listed(entries)}`;

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const { n_in, n_out, shortcut, stop } = state;
  const sent = vector(found.skip);
  const parts = [`The addition copies g ${isVector(found.g)} to both its inputs.`];
  if (stop) parts.push("With o held constant, the skip sends nothing back.");
  else if (shortcut === "identity") parts.push(`Over the identity o gets ${sent}: g itself.`);
  else if (shortcut === "projection")
    parts.push(`Over Wₛ, ${n_out} by ${n_in}, o gets g Wₛ ${isVector(found.skip)}.`);
  else if (n_out === n_in)
    parts.push(`Over the zero-padding o gets ${sent}: nothing is clipped, since the widths agree.`);
  else {
    const clipped = n_out - n_in;
    parts.push(
      `Over the zero-padding o gets ${sent}: of ${n_out} entries ${clipped} ${clipped === 1 ? "is" : "are"} clipped.`,
    );
  }
  parts.push(`The branch sends ${vector(found.branch)}, so o gets ${vector(found.at_o)}.`);
  if (shortcut === "projection") {
    parts.push(
      `Wₛ${stop ? " still" : ""} has a gradient of its own, ${n_out} by ${n_in}: every g times every o.`,
    );
  }
  const finds = `Nudging o finds ${vector(found.nudged)}`;
  if (differ(found.nudged, found.true, found)) parts.push(`${finds}: a ReLU stands at its kink.`);
  else if (differ(found.at_o, found.true, found)) parts.push(`${finds}: what was held back is missing.`);
  else parts.push("Nudging o finds the same.");
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Here the branch starts from o too: y = F(W o) + o. The addition copies: the same g stands at both its inputs. At o " +
  "the two ways back meet, and add up. Notice the first entry: 1 comes over the skip, −1 through the branch, and nothing " +
  "is left.";
const IDENTITY = { stop: false, o1: 3, g1: 1, s11: 1, w: 1, shortcut: "identity", n_in: 2, n_out: 2 };
const PRESETS = [
  ["identity: copied", IDENTITY],
  ["o held constant", { ...IDENTITY, stop: true }],
  ["zeros: clipped", { ...IDENTITY, shortcut: "zeros", n_out: 4 }],
  ["projection: mixed", { ...IDENTITY, shortcut: "projection", n_out: 3 }],
];
const CELL = 50,
  ROW = 20,
  HEAD = 32,
  STACK = 2 * CELL;
const SENT = { identity: "I o", zeros: "P o", projection: "Wₛ o" };

/** Widths that the shortcut cannot join are mended: the one not moved follows. */
function settle(next, patch) {
  const misfit =
    next.shortcut === "identity"
      ? next.n_in !== next.n_out
      : next.shortcut === "zeros" && next.n_out < next.n_in;
  if (!misfit) return next;
  return "n_out" in patch && !("n_in" in patch)
    ? { ...next, n_in: next.n_out }
    : { ...next, n_out: next.n_in };
}

/** What is written beside the skip, the branch's matrix and the ReLU. */
function edgeLabels({ shortcut, stop, n_in, n_out }) {
  const shape = `${n_out}×${n_in}`;
  const skip = {
    identity: [`identity I, ${shape}`, "→ o", "← g"],
    zeros: [`zeros P, ${shape}`, "→ (o, 0)", "← g, clipped"],
    projection: [`Wₛ, ${shape}`, "→ Wₛ o", "← g Wₛ"],
  }[shortcut];
  if (stop) skip[2] = "← stopped: 0";
  return { skip, W: [`W, ${shape}`, "→ W o", "← gₓ W"], relu: ["ReLU", "← gₓ"] };
}

/** Left to right where there is room, the skip above the branch; else from the top down, the skip on the left. */
function arrangement(width, { n_in, n_out }) {
  const side = HEAD + ROW * n_in,
    lane = HEAD + ROW * n_out;
  if (width >= 560) {
    // As high for narrow vectors as for the widest, so that what stands below keeps its place while widths are moved.
    const height = 2 * (HEAD + ROW * WIDEST) + 52;
    const away = Math.max(side / 2 + 24, lane / 2 + 12),
      middle = height / 2 - 2,
      top = middle - away,
      bottom = middle + away;
    const pitch = (width - 4 - STACK) / 3;
    const left = [0, 1, 2, 3].map((k) => 2 + k * pitch);
    const start = left[0] + CELL,
      plus = left[2] + STACK + (pitch - STACK) / 2;
    return {
      height,
      plus: [plus, middle],
      wires: [
        [[start, middle - side / 2 - 4], [start, top], [left[2], top]],
        [[start, middle + side / 2], [start, bottom], [left[1], bottom]],
        [[left[1] + STACK, bottom], [left[2], bottom]],
        [[left[2] + STACK, top], [plus, top], [plus, middle - 12]],
        [[left[2] + STACK, bottom], [plus, bottom], [plus, middle + 12]],
        [[plus + 12, middle], [left[3], middle]],
      ],
      labels: {
        skip: [(start + left[2]) / 2, top - 40, "rx-middle"],
        W: [(start + left[1]) / 2, bottom + 20, "rx-middle"],
        relu: [left[1] + STACK + (pitch - STACK) / 2, bottom + 20, "rx-middle"],
        first: [plus - 14, top - 12, "rx-middle"],
        second: [plus - 14, bottom + 20, "rx-middle"],
      },
      // the upper left corners of o, x, F, H o, y
      stacks: [
        [left[0], middle - side / 2],
        [left[1], bottom - lane / 2],
        [left[2], bottom - lane / 2],
        [left[2], top - lane / 2],
        [left[3], middle - lane / 2],
      ],
    };
  }
  const centre = width / 2,
    [one, other] = [STACK / 2 + 2, width - STACK / 2 - 2];
  const x = side + 62,
    F = x + lane + 50,
    plus = F + lane + 36,
    y = plus + 36;
  return {
    height: y + lane + 6,
    plus: [centre, plus],
    wires: [
      [[centre - CELL, side / 2], [one, side / 2], [one, F]],
      [[centre + CELL, side / 2], [other, side / 2], [other, x]],
      [[other, x + lane], [other, F]],
      [[one, F + lane], [one, plus], [centre - 12, plus]],
      [[other, F + lane], [other, plus], [centre + 12, plus]],
      [[centre, plus + 12], [centre, y]],
    ],
    labels: {
      skip: [one + 12, side + 16, "rx-start"],
      W: [other - 12, side + 16, "rx-end"],
      relu: [other - 12, x + lane + 20, "rx-end"],
      first: [(one + centre) / 2, plus - 12, "rx-middle"],
      second: [(other + centre) / 2, plus - 12, "rx-middle"],
    },
    stacks: [
      [centre - CELL, 0],
      [other - CELL, x],
      [other - CELL, F],
      [one - CELL, F],
      [centre - CELL, y],
    ],
  };
}

/** A polyline of horizontal and vertical pieces, moved sideways. */
function shifted(points, by) {
  const normal = ([a, b], [c, d]) => [-Math.sign(d - b), Math.sign(c - a)];
  return points.map(([x, y], k) => {
    const normals = [];
    if (k > 0) normals.push(normal(points[k - 1], points[k]));
    if (k < points.length - 1) normals.push(normal(points[k], points[k + 1]));
    return [x + by * sum(normals.map((n) => n[0])), y + by * sum(normals.map((n) => n[1]))];
  });
}

/** A triangle at the end of a polyline. */
function tip(points) {
  const [[a, b], [x, y]] = points.slice(-2);
  const dx = Math.sign(x - a),
    dy = Math.sign(y - b);
  const base = [x - 8 * dx, y - 8 * dy];
  return `${path([[x, y], [base[0] - 4 * dy, base[1] + 4 * dx], [base[0] + 4 * dy, base[1] - 4 * dx]])}Z`;
}

/** All wires, the values' way and the gradients' way beside one another; a stopped one ends half-way at a bar. */
function wiring(wires, stopped) {
  const bars = [],
    tips = [];
  const back = wires.map((points, k) => {
    const way = shifted(points, 4).reverse();
    if (k > 0 || !stopped) {
      tips.push(tip(way));
      return way;
    }
    const [[a, b], [c, d]] = way.slice(-2);
    const [x, y] = [(a + c) / 2, (b + d) / 2],
      [across, down] = a === c ? [8, 0] : [0, 8];
    bars.push(path([[x - across, y - down], [x + across, y + down]]));
    return [...way.slice(0, -1), [x, y]];
  });
  const forward = wires.map((points) => shifted(points, -4));
  const drawn = (name, pieces) => shape("path", { class: `rx-mp-${name}`, d: pieces.join("") });
  return [
    drawn("forward", forward.map(path)),
    drawn("tip", forward.map(tip)),
    drawn("back-tip", tips),
    drawn("backward", back.map(path)),
    ...(stopped ? [drawn("bar", bars)] : []),
  ];
}

/** A vector's frame: values in the left column; its gradient, a row, written downwards in the right one. */
function stack(title, values, gradients, padded = () => false) {
  const n = values.length;
  const parts = [
    label(CELL, 11, title, { class: "rx-middle rx-mp-bold" }),
    label(CELL / 2, 26, `→ ${n}×1`, { class: "rx-middle" }),
    label(1.5 * CELL, 26, `← 1×${n}`, { class: "rx-middle" }),
  ];
  for (let r = 0; r < n; r++) {
    const pad = padded(r) ? " rx-mp-pad" : "",
      y = HEAD + ROW * r;
    parts.push(
      shape("rect", { class: `rx-mp-value${pad}`, x: 0, y, width: CELL, height: ROW }),
      entry(CELL / 2, y + 14, values[r], ""),
      shape("rect", { class: `rx-mp-gradient${pad}`, x: CELL, y, width: CELL, height: ROW }),
      entry(1.5 * CELL, y + 14, gradients[r], pad && " rx-mp-struck"),
    );
  }
  return parts;
}

/** A number in a cell; a long one is set smaller, and squeezed if need be. */
function entry(x, y, value, struck) {
  const said = about(value);
  const small = said.length > 7 ? " rx-mp-small" : "";
  const squeezed = said.length > 9 ? { textLength: CELL - 4, lengthAdjust: "spacingAndGlyphs" } : {};
  return label(x, y, said, { class: `rx-middle${struck}${small}`, ...squeezed });
}

/** What `draw` writes into: the wires with their labels, and each vector in a group that moves as a whole. */
const groups = () => Array.from({ length: 6 }, () => svg("g"));

function draw(figure, [ground, ...stacks], state, found, width) {
  const place = arrangement(width, state),
    notes = { ...edgeLabels(state), first: ["← g"], second: ["← g"] };
  const [plusX, plusY] = place.plus;
  const { n_in, shortcut, stop } = state;
  const sent = SENT[shortcut];
  const padded = (r) => shortcut === "zeros" && r >= n_in;
  set(figure, { viewBox: `0 0 ${width} ${place.height}`, height: place.height });
  const [forward, tips, backTips, backward, ...bar] = wiring(place.wires, stop);
  show(ground, [
    forward,
    tips,
    backTips,
    backward,
    shape("circle", { class: "rx-mp-plus", cx: plusX, cy: plusY, r: 12 }),
    label(plusX, plusY + 5, "+", { class: "rx-middle rx-mp-bold" }),
    ...Object.entries(place.labels).flatMap(([key, [x, y, anchor]]) =>
      notes[key].map((line, k) => label(x, y + 14 * k, line, { class: anchor })),
    ),
    ...bar,
  ]);
  const { o, at_o, x, at_x, F, g, carried, y } = found;
  const vectors = [
    ["o", o, at_o],
    ["x = W o", x, at_x],
    ["F(x)", F, g],
    [sent, carried, g, padded],
    [`y = F(x) + ${sent}`, y, g],
  ];
  vectors.forEach((vector, k) => {
    set(stacks[k], { transform: `translate(${place.stacks[k].join(" ")})` });
    show(stacks[k], stack(...vector));
  });
}

function render({ model, el, share }) {
  const ui = frame({
    model,
    el,
    share,
    keys: KEYS,
    carried: CARRIED,
    label: "the merge point",
    caption: CAPTION,
    presets: PRESETS,
    settle,
  });
  let width = 600;
  const widths = { min: 1, max: WIDEST, step: 1 };
  const spoken = (value) => about(value).replace("−", "minus ");
  const mover = (key, title, range) => ({ ...ui.slider(key, title, range, { words: about, spoken }), key, range });
  const wide = { min: -9, max: 9, step: 1 };
  const first = mover("s11", "Wₛ, first entry", wide);
  const movers = [
    mover("o1", "o, first entry", wide),
    mover("g1", "g, first entry", wide),
    mover("w", "branch, times", { min: -2, max: 2, step: 0.5 }),
    first,
  ];
  const controls = [
    ui.choice("shortcut", "shortcut", SHORTCUTS).element,
    ui.toggle("stop", "hold o constant on the way back").element,
    ui.slider("n_in", "width of o", widths).element,
    ui.slider("n_out", "width of y", widths).element,
  ];
  const figure = svg("svg", {
    role: "img",
    "aria-label": "The merge point: at every place the value on its way forward and the gradient on its way back",
  });
  const parts = groups();
  figure.append(...parts);
  const matrix = make("div", { class: "rx-table" }),
    own = make("div", { class: "rx-table" }),
    flow = make("div", { class: "rx-table rx-mp-flow" });
  const without = make("p", { class: "rx-note" });
  const tables = ui.fold("What comes back to o, and the shortcut’s matrix", flow, own, without, matrix);

  function paintTables(now, found) {
    const by = `${now.n_out}×${now.n_in}`;
    const name = { identity: "I", zeros: "P", projection: "Wₛ" }[now.shortcut];
    tabulate(
      matrix,
      `${name}, ${by}`,
      ["row \\ column", ...found.o.map((_, c) => String(c + 1))],
      found.H.map((row, r) => [String(r + 1), ...row.map(about)]),
    );
    const learned = now.shortcut === "projection";
    own.hidden = !learned;
    without.hidden = learned;
    write(without, `${name} has no parameters, so it has no gradient of its own. Choose the projection to see one.`);
    if (learned) {
      tabulate(
        own,
        `∂E/∂Wₛ = (o g)ᵀ, an outer product, ${by}: the g before a row times the o above a column`,
        ["g \\ o", ...found.o.map(about)],
        found.H_gradient.map((row, r) => [about(found.g[r]), ...row.map(about)]),
      );
    }
    tabulate(flow, ...flowTable(now, found));
  }

  function paint(now) {
    const all = { ...now, ...Object.fromEntries(CARRIED.map((key) => [key, model.get(key) ?? []])) };
    const found = numbers(all);
    first.element.hidden = now.shortcut !== "projection";
    for (const { input, key, range } of movers) {
      // A number of the reader's own may lie beyond the usual range.
      const most = Math.abs(now[key]) > range.max ? LARGEST : range.max;
      if (Number(input.max) !== most) [input.min, input.max] = [-most, most];
      input.value = now[key];
    }
    ui.say(readout(all, found));
    draw(figure, parts, now, found, width);
    if (tables.open) paintTables(now, found);
    ui.list(() => valuesTable(now, found));
  }

  const panel = make(
    "div",
    { class: "rx-panel rx-mp-wide" },
    make("p", { class: "rx-title" }, "Forward along the solid arrows, gradients along the dashed ones"),
    make(
      "p",
      { class: "rx-note" },
      "At every place two columns: → the value, ← its gradient, a row written downwards. gₓ is g where x > 0, and 0 elsewhere.",
    ),
    figure,
  );
  return ui.start({
    controls,
    more: movers.map(({ element }) => element),
    figures: [panel],
    below: [tables],
    paint,
    watch: panel,
    resized: (inside) => {
      width = Math.max(260, inside);
    },
  });
}

/** What comes back to o, and the shapes that make it. */
function flowTable({ n_in, n_out, shortcut, stop }, found) {
  const product = `1×${n_out} · ${n_out}×${n_in} = 1×${n_in}`;
  const name = { identity: "g I", zeros: "g P", projection: "g Wₛ" }[shortcut];
  return [
    "What comes back to o",
    ["way", "shapes", "row"],
    [
      [stop ? `over the skip: ${name}, stopped` : `over the skip: ${name}`, product, vector(found.skip)],
      ["through the branch: gₓ W", product, vector(found.branch)],
      ["at o, together", `1×${n_in}`, vector(found.at_o)],
      ["by nudging o, entry by entry", `1×${n_in}`, vector(found.nudged)],
    ],
  ];
}

const matrixSaid = (rows) =>
  rows.length ? (rows.flat().some(rounded) ? "≈ " : "") + rows.map(listed).join(" ") : "none";

function valuesTable({ n_in, n_out }, found) {
  const [column, row, by] = [`${n_out}×1`, `1×${n_out}`, `${n_out}×${n_in}`];
  return [
    "Every array; matrices row by row.",
    ["array", "shape", "entries"],
    [
      ["o", `${n_in}×1`, vector(found.o)],
      ["W", by, matrixSaid(found.W)],
      ["x", column, vector(found.x)],
      ["F(x)", column, vector(found.F)],
      ["shortcut’s matrix", by, matrixSaid(found.H)],
      ["carried by the skip", column, vector(found.carried)],
      ["y", column, vector(found.y)],
      ["g", row, vector(found.g)],
      ["gₓ", row, vector(found.at_x)],
      ["gradient at o", `1×${n_in}`, vector(found.at_o)],
      ["gradient of W", by, matrixSaid(found.W_gradient)],
      ["gradient of Wₛ", found.H_gradient.length ? by : "–", matrixSaid(found.H_gradient)],
    ],
  ];
}

export default { render };
