// One dot a run: what arrives of a fresh network's gradient against what the network has learned, and the curves of one run.
// The runs come from the package's training with the page: {steps, measured, groups}, a group for each setting, with the
// states that were kept, and a run for each seed: {seed, loss, right, first, last, lost}. `right` is what is recognised
// at the measured steps; `first` and `last` log10 of the gradient at the states over the one at the last, empty where
// nothing is sent back at all. The upper half are pure functions of the state {shortcut, depth, scale, place, seed, runs};
// the lower half draws them.
import { drawCurves, drawSizes, percent } from "./curves.js";
import { ground, keeping, label, linear, make, number, picture, placeOf, power, shape, share, svg, swatch, units, words, write } from "./draw.js";
import { frame } from "./frame.js";

const KEYS = ["shortcut", "depth", "scale", "place", "seed"];
const SCALES = { one: "1", root: "1/√L", skipinit: "SkipInit" };
const PLACES = { before: "in the branch alone (pre)", after: "after the addition (post)" };
// Losses are carried up to this one.
const HIGHEST_LOSS = 9.99;
// A gradient that keeps its size, roughly: between these powers of ten.
const [LEAST, MOST] = [-1, 1];
// Who recognises less than this has learned little.
const LITTLE = 0.3;

const listed = new WeakMap();
const paired = (places, values) => values.map((value, k) => [places[k], value ?? -Infinity]);
/** All runs with their settings; of what was measured [step, share] and [l, log10] pairs. */
function all(runs) {
  if (!listed.has(runs)) {
    const spread = ({ runs: own, states, ...setting }) =>
      own.map(({ right, first, last, ...run }) => ({
        ...setting,
        ...run,
        right: paired(runs.measured, right),
        first: paired(states, first),
        last: paired(states, last),
      }));
    listed.set(runs, runs.groups.flatMap(spread));
  }
  return listed.get(runs);
}

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ runs, ...state }) {
  let left = all(runs);
  for (const key of ["place", "scale", "depth", "shortcut", "seed"]) {
    const there = [...new Set(left.map((run) => run[key]))];
    if (!there.includes(state[key])) return `${key}: got ${state[key]}, wanted one of ${there.join(", ")}`;
    left = left.filter((run) => run[key] === state[key]);
  }
  return "";
}

const same = (a, b, keys) => keys.every((key) => a[key] === b[key]);

/** log10 of the gradient at x_0 over the one at x_L, before the first step; -Infinity where nothing arrives. */
export const ratio = ({ first }) => first.at(-1)?.[1] ?? -Infinity;
/** The share of the test digits that is recognised at the end; null where the run diverged. */
const learned = ({ right, lost }) => (lost === null ? right.at(-1)[1] : null);

const brief = (run) => ({ ratio: ratio(run), right: learned(run), loss: run.lost === null ? run.loss.at(-1) : null, lost: run.lost });

/** The chosen run, all of its setting, and what has become of those whose gradient keeps its size. */
export function numbers({ runs, ...state }) {
  const setting = KEYS.filter((key) => key !== "seed");
  const group = all(runs).filter((run) => same(run, state, setting));
  const kept = all(runs).filter((run) => run.place === state.place && ratio(run) >= LEAST && ratio(run) <= MOST);
  return {
    ...brief(group.find(({ seed }) => seed === state.seed)),
    group: group.map((run) => ({ seed: run.seed, ...brief(run) })),
    kept: kept.length,
    failed: kept.filter((run) => !(learned(run) >= LITTLE)).length,
  };
}

/** A ratio in a sentence: two digits, as runs differ. */
function arrives(log10) {
  if (log10 === -Infinity) return "nothing";
  const exponent = Math.floor(log10);
  const short = Math.round(10 ** (log10 - exponent) * 10) / 10;
  return share({ sign: 1, log10: Math.log10(short) + exponent }).replace(/^(?:≈\u00a0)?/, "≈\u00a0");
}

const part = (log10) => {
  const said = arrives(log10);
  return `${said} ${said === "nothing" || said.endsWith("%") ? "of" : "times"}`;
};

const from = (list, said) => {
  const [low, high] = [Math.min(...list), Math.max(...list)].map(said);
  return low === high ? low : `${low} to ${high}`;
};

function became({ right, loss, lost }, steps) {
  if (lost !== null) return `It diverged at step ${lost}.`;
  const size = loss >= HIGHEST_LOSS ? `more than ${HIGHEST_LOSS}` : `≈\u00a0${words({ sign: 1, log10: Math.log10(loss) })}`;
  return `After ${steps} steps the loss is ${size}, and ${percent(right)} of the test digits are recognised.`;
}

function others(group, seed) {
  const rest = group.filter((run) => run.seed !== seed);
  if (!rest.length) return "";
  const rights = rest.map(({ right }) => right).filter((right) => right !== null);
  const lost = rest.length - rights.length;
  const said = rights.length ? from(rights, percent) : "";
  if (!lost) return ` The other seeds: ${said}.`;
  return rights.length ? ` Of the other seeds ${lost} diverged; the rest: ${said}.` : " The other seeds diverged too.";
}

/** The chosen run in words. */
export function readout(state, found = numbers(state)) {
  const setting = `λ = ${number(state.shortcut)}, ${units(state.depth)}, branches of scale ${SCALES[state.scale]}`;
  return (
    `${setting}: before the first step ${part(found.ratio)} the gradient at the last state arrives at x₀. ` +
    became(found, state.runs.steps) +
    others(found.group, state.seed)
  );
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "One dot is one run: to the right, how much of the gradient arrived at the input of the fresh network; upwards, how many test digits it recognises at the end. " +
  "Notice who stands below: far to the left and far to the right, as foreseen, and in the middle too, where the gradient had a good size.";
const BASE = { shortcut: 1, depth: 100, scale: "root", place: "before" };
const PRESETS = [
  ["it arrives, and little is learned", { ...BASE, shortcut: 0.5, depth: 20, scale: "one" }],
  ["100 units that learn", BASE],
  ["shortcut 0.9 instead of 1", { ...BASE, shortcut: 0.9 }],
  ["branches of full size", { ...BASE, scale: "one" }],
];
// What is less than this power of ten stands in a strip at the left.
const LOWEST = -12;
const HEIGHT = 330;
const NEAR = 28;

/** Where everything stands in the picture of dots, and what stands there whichever run is chosen. */
function field(width, list) {
  const [left, right, top, bottom] = [52, width - 14, 34, HEIGHT - 46];
  const sizes = list.map(ratio).filter((value) => value >= LOWEST);
  const highest = Math.max(1, Math.ceil(Math.max(...sizes) + 0.1));
  const lowest = Math.max(LOWEST, Math.min(-1, Math.floor(Math.min(...sizes) - 0.1)));
  const strip = left + 26;
  const across = linear([lowest, highest], [strip + 10, right]);
  const up = linear([0, 1], [bottom - 30, top]);
  const place = (run) => {
    const [size, value] = [ratio(run), learned(run)];
    return [size < LOWEST ? left + 12 : across(size), value === null ? bottom - 10 : up(value)];
  };
  const area = { left, right, top, bottom };
  const less = list.some((run) => ratio(run) < LOWEST);
  const step = Math.ceil((highest - lowest) / (width < 420 ? 5 : 8));
  const powers = [];
  for (let k = Math.ceil(lowest / step) * step; k <= highest; k += step) if (across(k) > strip + 24 || !less) powers.push([across(k), power(k)]);
  const levels = [[bottom - 10, width < 420 ? "lost" : "diverged"], ...[0, 0.25, 0.5, 0.75, 1].map((v) => [up(v), percent(v)])];
  const { lines, labels } = ground(area, levels, powers, width < 420 ? "gradient at x₀ (1: as at the last state)" : "gradient at x₀ over the one at the last state, before the first step");
  const depths = [...new Set(list.map(({ depth }) => depth))].sort((a, b) => a - b);
  const dots = Object.keys(SCALES).flatMap((scale) =>
    depths.map((depth, k) => {
      const own = list.filter((run) => run.scale === scale && run.depth === depth);
      const d = own.map((run) => `M${place(run).map((at) => at.toFixed(1)).join(" ")}h0`).join("");
      return shape("path", { class: `rx-runs rx-runs-${scale} rx-runs-${Math.min(k, 2)}`, d });
    }),
  );
  const below = [
    ...lines,
    shape("path", { class: "rx-guess", d: `M${left} ${up(0.1).toFixed(1)}H${right}M${strip} ${top}V${bottom}M${left} ${bottom - 22}H${right}` }),
    ...dots,
  ];
  const above = [
    ...labels,
    ...(less ? [label(left + 12, bottom + 18, "less", { class: "rx-middle" })] : []),
    label(right, up(0.1) - 4, "guessing", { class: "rx-end rx-soft rx-halo" }),
    label(left - 44, 16, "test digits recognised at the end", { class: "rx-heading" }),
  ];
  return { width, list, right, place, below, above };
}

function drawDots(root, { width, below, above, place }, group, seed, ask) {
  const rings = group.map((run) => {
    const [cx, cy] = place(run).map((at) => at.toFixed(1));
    const chosen = run.seed === seed;
    return shape("circle", { class: chosen ? "rx-chosen" : "rx-sibling", cx, cy, r: chosen ? 9 : 6 });
  });
  picture(root, width, HEIGHT, [...below, ...rings, ...above], ask);
}

/** The run whose dot is nearest to a place in the picture, or undefined. */
function nearest(area, x, y) {
  const apart = (run) => Math.hypot(area.place(run)[0] - x, area.place(run)[1] - y);
  const best = area.list.reduce((a, b) => (apart(b) < apart(a) ? b : a));
  return apart(best) <= NEAR ? best : undefined;
}

/** What a dot says under the pointer: a box beside it. */
function tip(area, run) {
  const [x, y] = area.place(run);
  const value = learned(run);
  const said = [
    `λ = ${number(run.shortcut)}, ${units(run.depth)}`,
    `scale ${SCALES[run.scale]}, seed ${run.seed}`,
    `${arrives(ratio(run))} arrives; ${value === null ? "diverged" : `${percent(value)} recognised`}`,
  ];
  const wide = 12 + 6.2 * Math.max(...said.map((line) => line.length));
  const at = Math.max(0, Math.min(x - wide / 2, area.right + 8 - wide));
  const above = y - 67 > 0 ? y - 67 : y + 14;
  return [
    shape("rect", { class: "rx-probe-box", x: at.toFixed(1), y: above.toFixed(1), width: wide.toFixed(1), height: 53, rx: 4 }),
    ...said.map((line, k) => label((at + 6).toFixed(1), (above + 16 + 15 * k).toFixed(1), line, { class: "rx-probe-said" })),
  ];
}

function valuesTable({ place, runs }) {
  const groups = runs.groups.filter((group) => group.place === place);
  const rows = groups.map((group) => {
    const found = all(runs).filter((run) => same(run, group, KEYS.slice(0, -1))).map(brief);
    const sizes = found.map((run) => run.ratio);
    const rights = found.map(({ right }) => right).filter((right) => right !== null);
    const lost = found.length - rights.length;
    return [
      `λ = ${number(group.shortcut)}, ${units(group.depth)}, ${SCALES[group.scale]}`,
      from(sizes, (log10) => (log10 === -Infinity ? "nothing" : arrives(log10))),
      rights.length ? from(rights, percent) : "–",
      `${lost} of ${found.length}`,
    ];
  });
  return [
    "All settings, lowest to highest of the seeds: the gradient at x₀ over the one at the last state before the first step, test digits recognised at the end, runs that diverged.",
    ["setting", "arrives", "recognised", "diverged"],
    rows,
  ];
}

function render({ model, el, share: link }) {
  const runs = () => model.get("runs");
  const allValues = keeping((list) => Object.fromEntries(KEYS.map((key) => [key, [...new Set(list.map((run) => run[key]))].sort((a, b) => a - b)])));
  const values = (key) => allValues(all(runs()))[key];
  /** Where no run has all that is asked for, the run with what was changed that is otherwise most alike. */
  const settle = (next, patch) => {
    const asked = KEYS.filter((key) => key in patch);
    const likeness = (run) =>
      KEYS.filter((key) => run[key] === next[key]).length - Math.abs(run.shortcut - next.shortcut) / 1e3 - Math.abs(run.depth - next.depth) / 1e6;
    const found = all(runs()).filter((run) => same(run, next, asked));
    const best = found.length ? found.reduce((a, b) => (likeness(b) > likeness(a) ? b : a)) : ui.state();
    return Object.fromEntries(KEYS.map((key) => [key, best[key]]));
  };
  const ui = frame({ model, el, share: link, keys: KEYS, carried: ["runs"], label: "one dot a run", caption: CAPTION, presets: PRESETS, settle });
  const widths = { dots: 640, curves: 300, sizes: 290 };

  const along = (key, title, said) => {
    const made = ui.slider(key, title, { min: 0, max: values(key).length - 1, step: 1 }, {
      words: said,
      place: (value) => values(key).indexOf(value),
      value: (place) => values(key)[place],
    });
    return { ...made, key };
  };
  const sliders = [
    along("shortcut", "λ, the factor of every shortcut", number),
    along("depth", "depth L", units),
    along("seed", "seed", String),
  ];
  const scale = ui.choice("scale", "scale of the branches", SCALES);
  const place = ui.choice("place", "ReLU", PLACES);

  const chart = (said) => svg("svg", { role: "img", "aria-label": said });
  const dots = chart("Every run as a dot: what arrived of the gradient, and how many digits are recognised");
  const curves = chart("Loss and accuracy of the chosen run over the steps of training");
  const sizes = chart("Size of the gradient at every state of the chosen run, on a log scale");
  const of = keeping((list, where) => list.filter((run) => run.place === where));
  const here = () => of(all(runs()), model.get("place"));
  const drawnField = keeping(field);
  dots.addEventListener("click", (event) => {
    const run = nearest(drawnField(widths.dots, here()), ...placeOf(dots, event));
    if (run) ui.update(Object.fromEntries(KEYS.map((key) => [key, run[key]])));
  });

  function paint(now) {
    const state = { ...now, runs: runs() };
    const list = here();
    for (const { input, key } of sliders) {
      input.max = values(key).length - 1;
      input.value = values(key).indexOf(now[key]);
    }
    const found = numbers(state);
    ui.say(readout(state, found));
    const group = list.filter((run) => same(run, now, ["shortcut", "depth", "scale"]));
    const area = drawnField(widths.dots, list);
    drawDots(dots, area, group, now.seed, (x, y) => {
      const run = nearest(area, x, y);
      return run ? tip(area, run) : [];
    });
    const curve = ({ loss, right, lost }, rest) => ({ loss, accuracy: right, lost: lost === null ? null : [lost], ...rest });
    const chosen = group.find(({ seed }) => seed === now.seed);
    const siblings = group.filter((run) => run !== chosen).map((run) => curve(run, { kind: "kin", faint: true }));
    drawCurves(curves, widths.curves, [...siblings, curve(chosen, { kind: "own" })], runs().steps);
    const alone = chosen.first.map(([l]) => [l, l === now.depth ? 0 : (now.depth - l) * Math.log10(now.shortcut)]);
    const lines = [["rx-alone", alone], ["rx-own rx-first", chosen.first], ["rx-own", chosen.last]];
    drawSizes(sizes, widths.sizes, lines.filter(([, line]) => line.length).map(([kind, line]) => ({ kind, sizes: line })), now.depth);
    write(between, `Of the ${found.kept} runs shown whose gradient keeps its size within a factor of ten, ${found.failed} diverge or recognise less than ${percent(LITTLE)} of the digits.`);
    write(nothing, chosen.first.length ? "" : "No gradient is sent back here: the last state is 0, and so is the derivative of the ReLU there.");
    ui.list(() => valuesTable(state));
  }

  const dot = (name) => svg("svg", { width: 16, height: 12, "aria-hidden": "true" }, svg("path", { class: `rx-runs rx-runs-${name} rx-runs-2`, d: "M8 6h0" }));
  const [between, nothing] = [make("p", { class: "rx-note" }), make("p", { class: "rx-note" })];
  const first = make("div", { class: "rx-panel rx-runs-wide" }, dots,
    make("ul", { class: "rx-legend rx-by-line" },
      ...Object.entries(SCALES).map(([name, said]) => make("li", {}, dot(name), `branches of scale ${said}`)),
      make("li", {}, "larger: deeper"),
      make("li", {}, svg("svg", { width: 22, height: 20, "aria-hidden": "true" }, svg("circle", { class: "rx-chosen", cx: 11, cy: 10, r: 8 })), "the chosen run, and its setting with other seeds")),
    between);
  const second = make("div", { class: "rx-panel" }, curves,
    make("ul", { class: "rx-legend rx-by-line" }, make("li", {}, swatch("rx-line rx-own"), "the chosen run"), make("li", {}, swatch("rx-line rx-kin"), "other seeds")));
  const third = make("div", { class: "rx-panel" }, sizes,
    make("ul", { class: "rx-legend rx-by-line" },
      make("li", {}, swatch("rx-line rx-alone"), "what the shortcuts alone bring"),
      make("li", {}, swatch("rx-line rx-own rx-first"), "before the first step"),
      make("li", {}, swatch("rx-line rx-own"), "at the last measured step")),
    nothing);
  const [shortcut, depth, seed] = sliders.map(({ element }) => element);
  return ui.start({
    controls: [shortcut, depth, scale.element, seed],
    more: [place.element],
    figures: [first, second, third],
    below: [make("p", { class: "rx-note rx-only-live" }, "A click or a tap on a dot chooses its run.")],
    paint,
    watch: first,
    still: 640,
    resized: (inside) => {
      widths.dots = Math.max(250, inside);
      widths.curves = Math.max(230, second.clientWidth || 300);
      widths.sizes = Math.max(230, third.clientWidth || 290);
    },
  });
}

export default { render };
