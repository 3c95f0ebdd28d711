// When is it at least? What a unit with the identity as shortcut and a 2 × 2 Jacobian J = [[a, b], [c, d]] does to a
// gradient's length, and to the one at `angle` degrees. The upper half are pure functions of the state {a, b, c, d, angle};
// the lower half draws them.
import { about, label, make, number, path, point, set, shape, share, show, svg, swatch, tabulate, text } from "./draw.js";
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
  if (wrong) return `${wrong}: got ${state[wrong]}, wanted a number from ${-LARGEST} to ${LARGEST}`;
  const { angle } = state;
  return angle >= 0 && angle <= 360 ? "" : `angle: got ${angle}, wanted a number from 0 to 360`;
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
      lower > 0 ? `at least ${about(lower)}, ${most}` : `${most}; ‖J‖₂ is not below 1, so there is no lower bound`,
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
      lower > 0 ? `${CHAIN} such units leave ${low} to ${high} times the length` : "‖J‖₂ is not below 1, so there is no lower bound",
    ],
  ];
}

/** The state in words. */
export function readout(state, found = summary(state)) {
  const { lowest, shortest, longest, lower, norm } = found;
  const shrunk = part(state);
  const length = lengthAt(state, state.angle);
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
    `This g arrives ${about(length)} times as long: it ${moved(length)}.`,
    `${which}: a gradient of length 1 gets a length ${lengths}.`,
    `‖J‖₂ is ${about(norm)}, so 1 − ‖J‖₂ ${promise}`,
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

/** What becomes of a length of 1; a length of 1 neither grows nor shrinks, to what the rounding leaves. */
const moved = (length) => (Math.abs(length - 1) < 1e-9 ? "keeps its length" : length < 1 ? "shrinks" : "grows");

const ANGLES = Array.from({ length: 12 }, (_, k) => 15 * k);

/** Everything computed: the summary, the propositions, and lengths by direction. */
export function numbers(state) {
  return {
    summary: summary(state),
    propositions: propositions(state),
    lengths: ANGLES.map((degrees) => lengthAt(state, degrees)),
    sent: image(state, state.angle)[1],
  };
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "The dashed circle is every gradient g of length 1, the solid curve is where the unit sends each; the thick part gets " +
  "shorter. Take hold of g, and of the two rows of I + J that it combines. Two surprises: at first every entry of J is " +
  "positive, and some gradients shrink. The strong turn is much larger, and none does.";
const PRESETS = [
  ["a strong turn: nothing shrinks", { a: 0, b: -3, c: 3, d: 0 }],
  ["J = −uuᵀ: one direction is lost", { a: -0.36, b: -0.48, c: -0.48, d: -0.64 }],
  ["J = −0.2 I: all shrink, as far as promised", { a: -0.2, b: 0, c: 0, d: -0.2 }],
];
const ROWS = [
  ["a", "b"],
  ["c", "d"],
];
const REACH = 3;
const HANDLE = 25;
const SIZE = 380,
  MIDDLE = 190,
  SIDE = 172;

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

/** The circle, its image, the rows of I + J, and how g combines them. */
function planeShapes(half, state, found) {
  const parts = cross(half);
  for (const { from, to: end, shrinks } of arcs(found)) {
    const points = Array.from({ length: 61 }, (_, k) => image(state, from + ((end - from) * k) / 60));
    const kind = shrinks ? "rx-shrinks" : "rx-grows";
    parts.push(
      shape("path", { class: `rx-circle ${kind}`, d: path(points.map(([g]) => place(half, g))) }),
      shape("path", { class: `rx-image ${kind}`, d: path(points.map(([, sent]) => place(half, sent))) }),
    );
  }
  const [g, sent] = image(state, state.angle);
  const [first, second] = rowsOf(state);
  const corner = first.map((x) => g[0] * x);
  const [x, y] = place(half, sent);
  // What is said of the length stands on the side away from g.
  const [u, v] = place(half, g),
    distance = Math.hypot(x - u, y - v);
  const [right, down] = distance > 1 ? [(x - u) / distance, (y - v) / distance] : [0, 1];
  parts.push(
    ...[first, second].map((tip, k) =>
      shape("path", { class: `rx-row rx-row-${k + 1}`, d: `M${MIDDLE} ${MIDDLE}L${to(half, tip)}` }),
    ),
    shape("path", { class: "rx-ray", d: `M${MIDDLE} ${MIDDLE}L${to(half, g)}` }),
    shape("path", { class: "rx-steps", d: `M${MIDDLE} ${MIDDLE}L${to(half, corner)}L${to(half, sent)}` }),
    shape("circle", { class: "rx-dot", cx: x, cy: y, r: 6 }),
    label(x + 30 * right, y + 24 * down + 5, about(Math.hypot(...sent)), { class: "rx-middle rx-halo rx-arrives" }),
  );
  return parts;
}

/** The rows of I + J: where (1, 0) and (0, 1) are sent. */
const rowsOf = ({ a, b, c, d }) => [
  [1 + a, b],
  [c, 1 + d],
];

function valuesTable(state) {
  return [
    "g of length 1 by its direction; the opposite one has the same length.",
    ["angle", "g", "g(I + J)", "length", "it"],
    ANGLES.map((degrees) => {
      const [g, sent] = image(state, degrees).map(([x, y]) => `(${[x, y].map(quieted).join(", ")})`);
      const length = lengthAt(state, degrees);
      return [`${degrees}°`, g, sent, number(length), moved(length)];
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
    keys: [...KEYS, "angle"],
    label: "when is it at least",
    caption: CAPTION,
    presets: PRESETS,
  });
  const { update } = ui;
  // The half width of the plane, and how far a handle goes: what is drawn may be longer than the rows that it comes from.
  let reach = REACH,
    most = REACH,
    from = null;

  const angle = ui.slider(
    "angle",
    "direction of g",
    { min: 0, max: 360, step: 1 },
    { words: (degrees) => `${about(degrees)}°`, spoken: (degrees) => `g points at ${about(degrees)} degrees` },
  );
  const titles = { a: "J, row 1, column 1", b: "J, row 1, column 2", c: "J, row 2, column 1", d: "J, row 2, column 2" };
  const sliders = KEYS.map((key) =>
    ui.slider(key, titles[key], { min: -REACH, max: REACH, step: 0.01 }, { words: about }),
  );

  const plane = svg("svg", {
    viewBox: `0 0 ${SIZE} ${SIZE}`,
    "aria-label": "The circle of all gradients of length 1, its image under I + J, and the rows of I + J as arrows",
  });
  const drawing = svg("g", { "aria-hidden": "true" });

  /** A knob to take hold of: `at(x, y)` is told where it is dragged to, `step(across, up, event)` what the keys move. */
  function knob(name, kind, at, step) {
    const handle = svg(
      "g",
      {
        class: `rx-handle ${kind}`,
        tabindex: 0,
        role: "application",
        "aria-roledescription": "handle",
        "aria-describedby": `${ui.id}-said`,
        onkeydown: (event) => byKey(event, step),
        // A finger on a handle drags it; "touch-action" does not reach into an SVG, and the page would scroll away.
        ontouchstart: (event) => event.preventDefault(),
        onpointerdown: (event) => grasp(event, handle),
        onpointermove: (event) => handle.hasPointerCapture(event.pointerId) && at(...dragged(event)),
        onlostpointercapture: () => {
          from = null;
          update({});
        },
      },
      // As large as a finger, around what is seen.
      svg("circle", { class: "rx-reach", r: 24 }),
      svg("circle", { class: "rx-knob", r: 11 }),
      text(0, 4, name, { class: "rx-middle rx-knob-name" }),
    );
    return handle;
  }

  const within = (x) => Math.round(Math.min(most, Math.max(-most, x)) * 100) / 100;
  const rows = ROWS.map((keys, k) => {
    const set = (x, y) => update({ [keys[0]]: round(within(x) - (1 - k)), [keys[1]]: round(within(y) - k) });
    return knob(String(k + 1), "", set, (across, up) => {
      const [x, y] = rowsOf(ui.state())[k];
      set(x + (across * most) / 60, y + (up * most) / 60);
    });
  });
  const turn = (degrees) => update({ angle: ((Math.round(degrees) % 360) + 360) % 360 });
  const held = knob(
    "g",
    "rx-held",
    (x, y) => turn((Math.atan2(y, x) * 180) / Math.PI),
    (across, up) => turn(model.get("angle") - across + up),
  );
  const handles = [...rows, held];
  plane.append(drawing, ...handles);

  function byKey(event, step) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const many = event.shiftKey ? 10 : 1;
    const [across, up] =
      { ArrowLeft: [-many, 0], ArrowRight: [many, 0], ArrowUp: [0, many], ArrowDown: [0, -many] }[event.key] ?? [];
    if (across === undefined) return;
    event.preventDefault();
    step(across, up);
  }

  // A handle moves by as much as the pointer, wherever in it the pointer is.
  function grasp(event, handle) {
    if (event.button !== 0) return;
    handle.setPointerCapture(event.pointerId);
    const k = handles.indexOf(handle);
    const [x, y] = k < 2 ? rowsOf(ui.state())[k] : image(ui.state(), model.get("angle"))[0];
    from = { left: event.clientX, top: event.clientY, x, y };
  }

  function dragged(event) {
    const pixel = (SIZE / plane.getBoundingClientRect().width) * (reach / SIDE);
    return [from.x + (event.clientX - from.left) * pixel, from.y - (event.clientY - from.top) * pixel];
  }

  const table = make("div", { class: "rx-table rx-props" });
  const fold = ui.fold("What the chapter’s propositions say of this J", table);

  function paint(now) {
    const found = summary(now),
      tips = rowsOf(now);
    // Grows with the matrix and never shrinks, and stands still under the hand.
    if (!from) reach = planeFor(Math.max(reach, found.longest));
    most = planeFor(Math.max(most, ...tips.flat().map(Math.abs)));
    sliders.forEach(({ input }, k) => {
      [input.min, input.max, input.value] = [-most - 1, most, now[KEYS[k]]];
    });
    show(drawing, planeShapes(reach, now, found));
    const [g] = image(now, now.angle);
    const places = [...apart(tips.map((tip) => place(reach, tip))), place(reach, g)];
    const names = [
      ...tips.map((tip, k) => `Row ${k + 1} of I + J is (${tip.map(about).join(", ")}). Arrow keys move it.`),
      `g points at ${about(now.angle)} degrees. Arrow keys turn it.`,
    ];
    handles.forEach((handle, k) => {
      set(handle, { transform: `translate(${places[k][0]} ${places[k][1]})`, "aria-label": names[k] });
    });
    ui.say(readout(now, found));
    if (fold.open) tabulate(table, "Propositions", ["proposition", "applies", "here"], propositions(now, found));
    ui.list(() => valuesTable(now));
  }

  const legend = (kind, said) =>
    make(
      "li",
      {},
      swatch(kind),
      said,
    );
  const first = make(
    "div",
    { class: "rx-panel rx-plane" },
    make("p", { class: "rx-title" }, "Every g of length 1, and g(I + J)"),
    make(
      "ul",
      { class: "rx-legend" },
      legend("rx-circle rx-grows", "g"),
      legend("rx-image rx-grows", "g(I + J)"),
      legend("rx-image rx-shrinks", "this part shrinks"),
      legend("rx-row", "rows of I + J"),
      legend("rx-steps", "g₁ times row 1, then g₂ times row 2"),
    ),
    make(
      "p",
      { class: "rx-note rx-only-live" },
      "Drag g, 1 and 2, or move them by arrow keys; with Shift in larger steps.",
    ),
    plane,
  );
  return ui.start({
    controls: [angle.element],
    more: sliders.map(({ element }) => element),
    figures: [first],
    below: [fold],
    paint,
  });
}

/** To a millionth: what the steps of a handle leave of rounding. */
const round = (x) => Math.round(x * 1e6) / 1e6;

export default { render };
