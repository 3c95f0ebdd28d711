// When is it at least? What a unit with the identity as shortcut and a 2 × 2 Jacobian J = [[a, b], [c, d]] does to a
// gradient's length. The upper half are pure functions of the state {a, b, c, d}; the lower half draws them.
import { about, label, make, number, path, point, shape, share, show, svg, tabulate, text } from "./draw.js";
import { frame } from "./frame.js";

const KEYS = ["a", "b", "c", "d"];
const LARGEST = 100;
// A difference this much smaller than what entered it is rounding noise, and counts as 0.
const NOISE = 1e-13;
// Units in the chain that is spoken of.
const CHAIN = 10;

/** What is wrong with a state, in words; "" where nothing is. */
export function check(state) {
  const wrong = KEYS.find((key) => !(state[key] >= -LARGEST && state[key] <= LARGEST));
  return wrong ? `${wrong}: got ${state[wrong]}, wanted a number from ${-LARGEST} to ${LARGEST}` : "";
}

const quiet = (x, scale) => (Math.abs(x) < NOISE * scale ? 0 : x);
const minus = ({ a, b, c, d }) => ({ a: -a, b: -b, c: -c, d: -d });

/** The larger and the smaller singular value: a turn with stretch plus or minus a mirror with stretch. */
export function singularValues({ a, b, c, d }) {
  const e = (a + d) / 2,
    f = (a - d) / 2,
    g = (c + b) / 2,
    h = (c - b) / 2;
  const turn = Math.sqrt(e * e + h * h),
    mirror = Math.sqrt(f * f + g * g);
  return [turn + mirror, quiet(Math.abs(turn - mirror), turn + mirror)];
}

/** J + Jᵀ + JJᵀ: ‖g(I + J)‖² − ‖g‖² is middle + radius cos 2(θ − direction) for g of length 1 at the angle θ. */
export function growth({ a, b, c, d }) {
  const first = 2 * a + (a * a + b * b),
    second = 2 * d + (c * c + d * d),
    mixed = b + c + (a * c + b * d);
  const scale =
    2 * Math.max(Math.abs(a), Math.abs(b), Math.abs(c), Math.abs(d)) + (a * a + b * b + (c * c + d * d));
  const middle = (first + second) / 2,
    half = (first - second) / 2;
  const radius = quiet(Math.sqrt(half * half + mixed * mixed), scale);
  return {
    middle,
    radius,
    direction: radius ? Math.atan2(mixed, half) / 2 : null,
    lowest: quiet(middle - radius, scale),
    highest: quiet(middle + radius, scale),
  };
}

/** The part of the circle of all directions that J shrinks: 0 to 1. */
export function shrinking(state) {
  const { middle, radius, lowest, highest } = growth(state);
  if (lowest >= 0) return 0;
  return highest <= 0 ? 1 : Math.acos(middle / radius) / Math.PI;
}

/**
 * Everything that is said of J: shortest and longest, the singular values of I + J; norm, the larger one of J; lower and
 * upper, which are 1 ∓ the norm; lowest and highest, the eigenvalues of J + Jᵀ + JJᵀ; shrinking, the part of all
 * directions that shrinks, and other, that which −J shrinks; worst, the angle in degrees, from 0 to 180, of the gradient
 * that arrives shortest, or null; mean, the mean of the squared length over all directions.
 */
export function summary(state) {
  const { a, b, c, d } = state;
  const [longest, shortest] = singularValues({ a: 1 + a, b, c, d: 1 + d });
  const [norm] = singularValues(state);
  const { direction, lowest, highest } = growth(state);
  const squares = a * a + b * b + (c * c + d * d);
  return {
    shortest,
    longest,
    norm,
    lower: quiet(1 - norm, 1 + norm),
    upper: 1 + norm,
    lowest,
    highest,
    shrinking: shrinking(state),
    other: shrinking(minus(state)),
    worst: direction === null ? null : 90 + (direction * 180) / Math.PI,
    mean: quiet(1 + (a + d) + squares / 2, 1 + Math.abs(a) + Math.abs(d) + squares / 2),
  };
}

/** Which of all directions J shrinks, in words. */
function part(state) {
  const { lowest, highest } = growth(state);
  if (lowest >= 0) return "none";
  if (highest > 0) return share({ sign: 1, log10: Math.log10(shrinking(state)) });
  return highest < 0 ? "all" : "all but one";
}

/** The propositions of the chapter, in its order: [title, whether it applies to J, what it says here]. */
export function propositions(state, found = summary(state)) {
  const { lower, upper } = found;
  const entries = KEYS.map((key) => state[key]);
  const moves = entries.some((entry) => entry !== 0),
    negative = Math.min(...entries) < 0;
  const most = `at most ${about(upper)} times as long`;
  const [low, high] = [lower, upper].map((factor) => about(factor ** CHAIN));
  return [
    [
      "One unit",
      "yes",
      lower > 0 ? `at least ${about(lower)}, ${most}` : `${most}; ‖J‖ is not below 1, so there is no lower bound`,
    ],
    [
      "No gradient shrinks",
      found.lowest >= 0 ? "yes" : "no",
      `the smallest eigenvalue is ${about(found.lowest)}`,
    ],
    [
      "Both signs",
      "yes",
      `of all directions J shrinks ${part(state)}, −J ${part(minus(state))}; both shrink none`,
    ],
    [
      "Zero mean",
      moves ? "no" : "yes",
      moves ? "it speaks of a J drawn at random with mean 0; this one is fixed" : "J is 0, and so is its mean",
    ],
    [
      "Isotropic gradient",
      "yes",
      `over all directions the squared length is ${about(found.mean)} on average`,
    ],
    [
      "Nothing negative",
      negative ? "no" : "yes",
      negative ? "J has a negative entry" : "where no entry of g is negative, none gets smaller",
    ],
    [
      "Chain",
      lower > 0 ? "yes" : "no",
      lower > 0 ? `${CHAIN} such units leave ${low} to ${high} times the length` : "‖J‖ is not below 1, so there is no lower bound",
    ],
  ];
}

/** The state in words. */
export function readout(state, found = summary(state)) {
  const { lowest, shortest, longest, lower, norm } = found;
  const shrunk = part(state);
  const which =
    {
      none: "No direction shrinks",
      all: "Every direction shrinks",
      "all but one": "Every direction but one shrinks",
    }[shrunk] ?? `${shrunk} of all directions shrink`;
  const lengths =
    found.worst === null
      ? `of ${about(longest)}, whichever way it points`
      : `from ${about(shortest)} to ${about(longest)}`;
  const promise =
    lower > 0
      ? `promises ${about(lower)}${shortest - lower < 1e-9 ? ", which is reached" : ""}.`
      : "promises nothing.";
  return [
    `${which}: a gradient of length 1 gets a length ${lengths}.`,
    `‖J‖ is ${about(norm)}, so 1 − ‖J‖ ${promise}`,
    `The smallest eigenvalue of J + Jᵀ + JJᵀ is ${about(lowest)}, ${lowest < 0 ? "negative" : "not negative"}.`,
  ].join(" ");
}

/** g and g(I + J) for the g of length 1 at an angle in degrees. */
function image({ a, b, c, d }, degrees) {
  const x = Math.cos((degrees * Math.PI) / 180),
    y = Math.sin((degrees * Math.PI) / 180);
  return [
    [x, y],
    [x * (1 + a) + y * c, x * b + y * (1 + d)],
  ];
}

function lengthAt(state, degrees) {
  const [, [x, y]] = image(state, degrees);
  return Math.sqrt(x * x + y * y);
}

const ANGLES = Array.from({ length: 12 }, (_, k) => 15 * k);

/** Everything computed: the summary, the propositions, and lengths by direction. */
export function numbers(state) {
  return {
    summary: summary(state),
    propositions: propositions(state),
    lengths: ANGLES.map((degrees) => lengthAt(state, degrees)),
  };
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "The dashed circle is every gradient of length 1, the solid curve is where the unit sends each; the thick part gets " +
  "shorter. Two surprises: at first every entry of J is positive, and some gradients shrink. The first button sets a " +
  "much larger J, and none does.";
const PRESETS = [
  ["a strong turn: nothing shrinks", { a: 0, b: -3, c: 3, d: 0 }],
  ["J = −uuᵀ: one direction is lost", { a: -0.36, b: -0.48, c: -0.48, d: -0.64 }],
  ["J = −0.2 I: all shrink, as far as promised", { a: -0.2, b: 0, c: 0, d: -0.2 }],
];
const COLUMNS = [
  ["a", "c"],
  ["b", "d"],
];
const REACH = 3;
const HANDLE = 25;
const SIZE = 300,
  MIDDLE = 150,
  SIDE = 134;

/** The half width of a plane that shows this size: 1.5, 2, 3, 5, 7, 10, 15, … */
function planeFor(size) {
  for (let power = 1; ; power *= 10) {
    const step = [1.5, 2, 3, 5, 7].find((s) => s * power >= size);
    if (step) return step * power;
  }
}

const place = (half, [x, y]) => [MIDDLE + (SIDE * x) / half, MIDDLE - (SIDE * y) / half];
const to = (half, at) => point(...place(half, at));

/** The cross of axes, with a mark at every whole number as long as these are not too dense. */
function cross(half) {
  const step = half / 10 <= 1 ? (half > 3 ? 2 : 1) : half / 5;
  let marks = "";
  for (let k = step; k <= half; k += step) {
    for (const [x, y] of [
      [k, 0],
      [-k, 0],
    ]) {
      marks += `M${to(half, [x, y])}m0 -3v6M${to(half, [y, x])}m-3 0h6`;
    }
  }
  const last = Math.floor(half / step) * step;
  return [
    shape("path", {
      class: "rx-axis",
      d: `M${MIDDLE - SIDE} ${MIDDLE}h${2 * SIDE}M${MIDDLE} ${MIDDLE - SIDE}v${2 * SIDE}${marks}`,
    }),
    label(place(half, [last, 0])[0] + 9, MIDDLE + 17, number(last), { class: "rx-middle rx-halo" }),
  ];
}

/** Two places as they are, or moved apart until both handles can be seen and grasped. */
function apart([[x, y], [u, v]]) {
  const distance = Math.sqrt((u - x) ** 2 + (v - y) ** 2);
  const missing = Math.max(0, HANDLE - distance) / 2;
  const [right, down] = distance ? [(u - x) / distance, (v - y) / distance] : [1, 0];
  return [
    [x - missing * right, y - missing * down],
    [u + missing * right, v + missing * down],
  ];
}

/** {from, to, shrinks} in degrees: the parts of the circle of all directions. */
export function arcs({ shrinking: part, worst }) {
  if (worst === null || part === 0 || part === 1) return [{ from: 0, to: 360, shrinks: part === 1 }];
  const half = 90 * part;
  const edges = [worst - half, worst + half, worst + 180 - half, worst + 180 + half, worst + 360 - half];
  return edges.slice(0, -1).map((from, k) => ({ from, to: edges[k + 1], shrinks: k % 2 === 0 }));
}

function drawImage(root, state, found) {
  const half = planeFor(1.05 * Math.max(1, found.longest));
  const parts = cross(half);
  for (const { from, to: end, shrinks } of arcs(found)) {
    const points = Array.from({ length: 61 }, (_, k) => image(state, from + ((end - from) * k) / 60));
    const kind = shrinks ? "rx-shrinks" : "rx-grows";
    parts.push(
      shape("path", { class: `rx-circle ${kind}`, d: path(points.map(([g]) => place(half, g))) }),
      shape("path", { class: `rx-image ${kind}`, d: path(points.map(([, sent]) => place(half, sent))) }),
    );
  }
  if (found.shrinking > 0) {
    const [g, sent] = image(state, found.worst ?? 0);
    const [x, y] = place(half, g);
    parts.push(
      shape("path", { class: "rx-fall", d: `M${to(half, g)}L${to(half, sent)}` }),
      shape("circle", { class: "rx-dot", cx: x, cy: y, r: 4 }),
      shape("circle", { class: "rx-dot", cx: place(half, sent)[0], cy: place(half, sent)[1], r: 4 }),
      label(x, y + (g[1] >= 0 ? -9 : 17), `1 → ${about(found.shortest)}`, { class: "rx-middle rx-halo" }),
    );
  }
  show(root, parts);
}

function valuesTable(state) {
  return [
    "g of length 1 by its direction; the opposite one has the same length.",
    ["angle", "g", "g(I + J)", "length", "it"],
    ANGLES.map((degrees) => {
      const [g, sent] = image(state, degrees).map(([x, y]) => `(${[x, y].map(quieted).join(", ")})`);
      const length = lengthAt(state, degrees);
      // To what the rounding leaves: a length of 1 neither grows nor shrinks.
      const moved = Math.abs(length - 1) < 1e-9 ? "keeps" : length < 1 ? "shrinks" : "grows";
      return [`${degrees}°`, g, sent, number(length), moved];
    }),
  ];
}

// cos 90° is not quite 0 in floats.
const quieted = (x) => number(Math.abs(x) < 1e-12 ? 0 : x);

function render({ model, el, share: sharing }) {
  const ui = frame({
    model,
    el,
    share: sharing,
    keys: KEYS,
    label: "when is it at least",
    caption: CAPTION,
    presets: PRESETS,
  });
  const { update } = ui;
  let reach = REACH,
    from = null;

  const titles = { a: "J, row 1, column 1", b: "J, row 1, column 2", c: "J, row 2, column 1", d: "J, row 2, column 2" };
  const sliders = KEYS.map((key) =>
    ui.slider(key, titles[key], { min: -REACH, max: REACH, step: 0.01 }, { words: about }),
  );

  const plane = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-label": "The columns of J as arrows" });
  const ground = svg("g", { "aria-hidden": "true" });
  const arrows = svg("g", { "aria-hidden": "true" });
  const handles = COLUMNS.map((keys, k) => {
    const handle = svg(
      "g",
      {
        class: "rx-handle",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "handle",
        "aria-describedby": `${ui.id}-said`,
        onkeydown: (event) => moveByKey(event, keys),
        // A finger on a handle drags it; "touch-action" does not reach into an SVG, and the page would scroll away.
        ontouchstart: (event) => event.preventDefault(),
        onpointerdown: (event) => grasp(event, handle, keys),
        onpointermove: (event) => handle.hasPointerCapture(event.pointerId) && drag(event, keys),
      },
      // As large as a finger, around what is seen.
      svg("circle", { class: "rx-reach", r: 24 }),
      svg("circle", { class: "rx-knob", r: 11 }),
      text(0, 4, String(k + 1), { class: "rx-middle rx-knob-name" }),
    );
    return handle;
  });
  plane.append(ground, arrows, ...handles);

  const within = (x) => Math.round(Math.min(reach, Math.max(-reach, x)) * 100) / 100;

  function moveByKey(event, [x, y]) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = (reach / 60) * (event.shiftKey ? 10 : 1);
    const [across, up] =
      { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key] ?? [];
    if (across === undefined) return;
    event.preventDefault();
    update({ [x]: within(model.get(x) + across), [y]: within(model.get(y) + up) });
  }

  // A handle moves by as much as the pointer, wherever in it the pointer is.
  function grasp(event, handle, [x, y]) {
    if (event.button !== 0) return;
    handle.setPointerCapture(event.pointerId);
    from = { left: event.clientX, top: event.clientY, x: model.get(x), y: model.get(y) };
  }

  function drag(event, [x, y]) {
    const pixel = (SIZE / plane.getBoundingClientRect().width) * (reach / SIDE);
    update({
      [x]: within(from.x + (event.clientX - from.left) * pixel),
      [y]: within(from.y - (event.clientY - from.top) * pixel),
    });
  }

  const picture = svg("svg", {
    viewBox: `0 0 ${SIZE} ${SIZE}`,
    role: "img",
    "aria-label": "The circle of all gradients of length 1, and its image, which parts of it shrink",
  });
  const held = make("div", { class: "rx-table rx-props" });

  function paint(now) {
    // Grows with the matrix and never shrinks, so that it stands still under the hand.
    const needed = planeFor(Math.max(reach, ...KEYS.map((key) => Math.abs(now[key]))));
    if (needed !== reach || !ground.firstChild) {
      reach = needed;
      show(ground, cross(reach));
      sliders.forEach(({ input }, k) => {
        [input.min, input.max, input.value] = [-reach, reach, now[KEYS[k]]];
      });
    }
    const tips = COLUMNS.map(([x, y]) => [now[x], now[y]]);
    show(
      arrows,
      tips.map((tip, k) =>
        shape("path", { class: `rx-column rx-column-${k + 1}`, d: `M${MIDDLE} ${MIDDLE}L${to(reach, tip)}` }),
      ),
    );
    apart(tips.map((tip) => place(reach, tip))).forEach(([x, y], k) => {
      const handle = handles[k];
      handle.setAttribute("transform", `translate(${x} ${y})`);
      handle.setAttribute(
        "aria-label",
        `Column ${k + 1} of J is (${tips[k].map(about).join(", ")}). Arrow keys move it.`,
      );
    });
    const found = summary(now);
    ui.say(readout(now, found));
    drawImage(picture, now, found);
    tabulate(held, "What the chapter’s propositions say of this J", ["proposition", "applies", "here"], propositions(now, found));
    ui.list(() => valuesTable(now));
  }

  const legend = (kind, said) =>
    make(
      "li",
      {},
      svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, svg("path", { class: kind, d: "M1 5H29" })),
      said,
    );
  const first = make(
    "div",
    { class: "rx-panel rx-plane" },
    make("p", { class: "rx-title" }, "The columns of J"),
    make(
      "p",
      { class: "rx-note rx-only-live" },
      "Drag 1 and 2, or move them by arrow keys; with Shift in larger steps.",
    ),
    plane,
  );
  const second = make(
    "div",
    { class: "rx-panel rx-plane" },
    make("p", { class: "rx-title" }, "Every g of length 1, and g(I + J)"),
    make(
      "ul",
      { class: "rx-legend" },
      legend("rx-circle rx-grows", "g"),
      legend("rx-image rx-grows", "g(I + J)"),
      legend("rx-image rx-shrinks", "this part shrinks"),
    ),
    picture,
  );
  return ui.start({
    controls: sliders.map(({ element }) => element),
    figures: [first, second],
    below: [held],
    paint,
  });
}

export default { render };
