// A report on a network, unit by unit. The reports come from the package with the page, {name: fields of Report.as_dict}, or
// from a file of `python -m resnotes report … --json` that a reader drops. The upper half are pure functions of the state
// {report, unit, reports}; the lower half draws them.
import { aboutWords, ground, label, linear, make, marks, path, picture, power, probe, shape, superscript, svg, tabulate, ticks, units, words } from "./draw.js";
import { frame } from "./frame.js";

const MAX_DEPTH = 2000;
const MAX_BYTES = 20e6;
// A share counts as seen from a tenth of a per cent on.
const SEEN = 1e-3;
// Where cancellation takes more digits than this, shares are not shown (resnotes.reports.DIGITS).
const DIGITS = 10;

/** A number as JSON holds it: "inf", "-inf" and "nan" are text. */
const numeric = (value) => (typeof value === "number" ? value : { inf: Infinity, "-inf": -Infinity, nan: NaN }[value]);

/** What is wrong with a state, in words; "" where nothing is. */
export function check({ report, unit, reports }) {
  if (!Object.hasOwn(reports, report)) {
    return `report: got ${report}, wanted one of ${Object.keys(reports).join(", ")}`;
  }
  const last = reports[report].depth - 1;
  return Number.isInteger(unit) && unit >= 0 && unit <= last ? "" : `unit: got ${unit}, wanted a whole number from 0 to ${last}`;
}

const LISTS = { log10_gradient: 1, log10_gain: 0, log10_after: 0, log10_shortcut: 0, log10_branch: 0 };

/** The report in the text of a file: {report} or {problem}, a sentence. */
export function parse(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    return { problem: "The file is not JSON. Wanted is what `python -m resnotes report mine.npz --json` prints." };
  }
  const wanted = (name, what) => ({ problem: `${name}: the file has ${describe(found?.[name])}, wanted ${what}.` });
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    return { problem: "The file holds no report: wanted is one JSON object, with log10_gradient and the like." };
  }
  const { depth } = found;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= MAX_DEPTH)) {
    return wanted("depth", `a whole number from 1 to ${MAX_DEPTH}`);
  }
  for (const [name, more] of Object.entries(LISTS)) {
    const good = Array.isArray(found[name]) && found[name].length === depth + more && found[name].every((x) => numeric(x) !== undefined);
    if (!good) return wanted(name, `a list of ${depth + more} numbers`);
  }
  // A report may go without shares by path length: null, or an empty list.
  if (found.share !== null && found.share !== undefined) {
    const good = Array.isArray(found.share) && found.share.every((x) => numeric(x) !== undefined);
    if (!good) return wanted("share", "a list of numbers, or null");
  }
  if (typeof found.limits !== "object" || found.limits === null) return wanted("limits", "an object with the formats");
  if (!["vanishes", "explodes", "keeps its size"].includes(found.verdict)) {
    return wanted("verdict", "vanishes, explodes or keeps its size");
  }
  const { worst_unit: worst } = found;
  if (worst !== null && !(Number.isInteger(worst) && worst >= 0 && worst < depth)) {
    return wanted("worst_unit", `a unit from 0 to ${depth - 1}, or null`);
  }
  return { report: found };
}

function describe(value) {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === null || typeof value !== "object" ? JSON.stringify(value) : "an object";
}

/** Everything shown of one unit and of the whole, as it stands in the report. */
export function numbers({ report, unit, reports }) {
  const found = reports[report];
  const of = (name) => numeric(found[name][unit]);
  const lengths = found.log10_gradient.map(numeric);
  return {
    verdict: found.verdict,
    total: numeric(found.log10_total ?? lengths[0] - lengths.at(-1)),
    worst: found.worst_unit,
    blame: found.worst_share === null ? null : numeric(found.worst_share),
    gain: of("log10_gain"),
    after: of("log10_after"),
    shortcut: of("log10_shortcut"),
    branch: of("log10_branch"),
    above: lengths[unit + 1] - lengths.at(-1),
    below: lengths[unit] - lengths.at(-1),
  };
}

const size = (log10) => ({ sign: log10 === -Infinity ? 0 : 1, log10 });
const factor = (log10) => {
  if (Number.isNaN(log10)) return "nothing to measure";
  // Carried with four decimals: ≈ stands where that is seen.
  return aboutWords(size(log10));
};
/** A unit's name: its number, and where it is in a model that names its modules. */
const named = (found, unit) => {
  const place = found.names?.[unit];
  return typeof place === "string" && place ? `unit ${unit} (${place})` : `unit ${unit}`;
};

/** The state in words. */
export function readout(state, found = numbers(state)) {
  const report = state.reports[state.report];
  const { verdict, total, worst, blame, gain, after, shortcut, branch } = found;
  const parts = [];
  if (total === -Infinity) parts.push(`${units(report.depth)}: the gradient vanishes, nothing arrives at the input.`);
  else parts.push(`${units(report.depth)}: the gradient ${verdict}, from the loss to the input its length changes by a factor of ${factor(total)}.`);
  if (worst === null) parts.push("No unit is to blame.");
  else {
    const share = Number.isFinite(blame) ? `: ${(100 * blame).toFixed(0)} % of the change, on a log scale` : "";
    parts.push(`Most to blame is ${named(report, worst)}${share}.`);
  }
  const title = named(report, state.unit);
  if (Number.isNaN(gain)) parts.push(`Nothing arrives at ${title}.`);
  else {
    parts.push(
      `${title[0].toUpperCase()}${title.slice(1)} multiplies it by ${factor(gain)}: the layer after the addition by ${factor(after)}, ` +
        `then the shortcut alone by ${factor(shortcut)}, the branch alone by ${factor(branch)}.`,
    );
  }
  return parts.join(" ");
}

// ------------------------------------------------------------------------------------- the view

const CAPTION =
  "Thirty units, two of them bad. Notice that the verdict sees nothing, because the two make up for each other; the curve " +
  "and the bars see both. Choose another network, or drop a report of your own.";
const PRESETS = [
  ["one of each", { report: "one of each", unit: 17 }],
  ["a weak shortcut", { report: "a weak shortcut", unit: 17 }],
  ["a strong branch", { report: "a strong branch", unit: 5 }],
  ["all well", { report: "all well", unit: 17 }],
];
const HEIGHT = 190;
const TOP = 30;
const BOTTOM = HEIGHT - 42;
const OWN = "from your file";

/** Finite entries between sensible limits, so that a curve can be drawn: 0 lies at the lower edge. */
function span(values, least) {
  const finite = values.filter(Number.isFinite);
  let [low, high] = [Math.min(0, ...finite), Math.max(0, ...finite)];
  if (high - low < least) [low, high] = [low - (least - (high - low)) / 2, high + (least - (high - low)) / 2];
  const room = 0.06 * (high - low);
  return [low - room, high + room];
}

const drawnAt = (value, low) => (Number.isFinite(value) ? value : value === Infinity ? NaN : low);

function drawGradient(root, width, report, unit) {
  const lengths = report.log10_gradient.map(numeric);
  const values = lengths.map((value) => value - lengths.at(-1));
  const [left, right] = [48, width - 14];
  const [low, high] = span(values, 2);
  const x = linear([0, report.depth], [left, right]);
  const y = linear([low, high], [BOTTOM, TOP]);
  const levels = ticks(low, high, 5).filter(Number.isInteger).map((k) => [y(k), power(k)]);
  const { lines, labels } = ground(
    { left, right, top: TOP, bottom: BOTTOM },
    levels,
    marks(report.depth, width < 420 ? 3 : 5).map((k) => [x(k), String(k)]),
    "state l: 0 is the input",
  );
  const at = (l) => [x(l), y(drawnAt(values[l], low))];
  const all = values.map((_, l) => at(l));
  const area = { left, right, top: TOP, bottom: BOTTOM };
  const ask = probe(area, all.map(([place]) => place), (k) => ({ said: [`state ${k}`, `× ${words(size(values[k]))}`], dots: [all[k][1]] }));
  picture(
    root,
    width,
    HEIGHT,
    [
      ...lines,
      shape("path", { class: "rx-line rx-whole", d: path(all) }),
      shape("path", { class: "rx-line rx-chosen", d: path([at(unit), at(unit + 1)]) }),
      ...labels,
      label(4, 14, "Length of the gradient (1 at the loss)", { class: "rx-heading" }),
    ],
    ask,
  );
}

function drawGains(root, width, report, unit) {
  const gains = report.log10_gain.map(numeric);
  const [left, right] = [48, width - 14];
  const [low, high] = span(gains, 0.5);
  const wide = (right - left) / report.depth;
  const y = linear([low, high], [BOTTOM, TOP]);
  const x = (l) => left + l * wide;
  const levels = ticks(low, high, 5).map((k) => [y(k), Number.isInteger(k) ? power(k) : words(size(k))]);
  const { lines, labels } = ground(
    { left, right, top: TOP, bottom: BOTTOM },
    levels,
    marks(report.depth - 1 || 1, width < 420 ? 3 : 5).filter((k) => k < report.depth).map((k) => [x(k + 0.5), String(k)]),
    "unit",
  );
  const bar = (l) => {
    const value = drawnAt(gains[l], low);
    return Number.isNaN(value) ? "" : `M${x(l + 0.5).toFixed(1)} ${y(0).toFixed(1)}V${y(value).toFixed(1)}`;
  };
  const thick = Math.max(1, Math.min(14, 0.72 * wide)).toFixed(1);
  const others = gains.map((_, l) => l).filter((l) => l !== unit && l !== report.worst_unit);
  const places = gains.map((_, l) => x(l + 0.5));
  const area = { left, right, top: TOP, bottom: BOTTOM };
  const ask = probe(area, places, (l) => ({ said: [named(report, l), `× ${Number.isNaN(gains[l]) ? "?" : words(size(gains[l]))}`] }));
  const parts = [...lines, shape("path", { class: "rx-one", d: `M${left} ${y(0)}H${right}` })];
  parts.push(shape("path", { class: "rx-bars", "stroke-width": thick, d: others.map(bar).join("") }));
  if (report.worst_unit !== null && report.worst_unit !== unit) {
    parts.push(shape("path", { class: "rx-bars rx-blamed", "stroke-width": thick, d: bar(report.worst_unit) }));
  }
  parts.push(shape("path", { class: "rx-bars rx-chosen", "stroke-width": thick, d: bar(unit) }), ...labels);
  parts.push(label(4, 14, "What each unit multiplies it by", { class: "rx-heading" }));
  picture(root, width, HEIGHT, parts, ask);
}

/** What there is to be shown of shares by path length, or why there is nothing. */
function shares(report) {
  if (!report.share?.length) return { said: "This report was made without path lengths." };
  const found = report.share.map(numeric);
  if (!(numeric(report.log10_cancellation ?? 0) <= DIGITS) || found.some(Number.isNaN)) {
    return { said: "Paths cancel so far that the shares have no digits left." };
  }
  // Where lengths are told apart up to some number only, the last share is that of all longer paths together.
  const most = report.lengths ?? report.depth;
  const beyond = most < report.depth && found.length === most + 2 ? "more" : "";
  let last = found.length - 1;
  while (!beyond && last > 4 && Math.abs(found[last]) < SEEN) last--;
  return { found: found.slice(0, last + 1), beyond };
}

function drawShares(root, width, report) {
  const { said, found, beyond } = shares(report);
  const title = label(4, 14, "Shares by branches on the path", { class: "rx-heading" });
  if (said) return picture(root, width, 50, [title, label(4, 38, said, {})]);
  const [left, right] = [48, width - 14];
  const [low, high] = [Math.min(0, ...found), Math.max(0.1, ...found)];
  const wide = (right - left) / found.length;
  const y = linear([low, high], [BOTTOM, TOP]);
  const x = (k) => left + (k + 0.5) * wide;
  const levels = ticks(100 * low, 100 * high, 4).map((k) => [y(k / 100), `${k} %`]);
  const { lines, labels } = ground(
    { left, right, top: TOP, bottom: BOTTOM },
    levels,
    marks(found.length - 1, 5).map((k) => [x(k), beyond && k === found.length - 1 ? beyond : String(k)]),
    "branches on the path",
  );
  const bar = (k) => `M${x(k).toFixed(1)} ${y(0).toFixed(1)}V${y(found[k]).toFixed(1)}`;
  const thick = Math.max(1, Math.min(18, 0.72 * wide)).toFixed(1);
  const area = { left, right, top: TOP, bottom: BOTTOM };
  const ask = probe(area, found.map((_, k) => x(k)), (k) => ({ said: [`${k} branches`, `${(100 * found[k]).toFixed(1)} %`] }));
  picture(
    root,
    width,
    HEIGHT,
    [
      ...lines,
      shape("path", { class: "rx-one", d: `M${left} ${y(0)}H${right}` }),
      shape("path", { class: "rx-bars rx-by-shortcuts", "stroke-width": thick, d: bar(0) }),
      shape("path", { class: "rx-bars rx-by-branches", "stroke-width": thick, d: found.map((_, k) => (k ? bar(k) : "")).join("") }),
      ...labels,
      title,
    ],
    ask,
  );
}

const stateOf = (value) => (value === null || value === undefined ? "never" : `state ${value}`);
const scaleOf = (value) => (Array.isArray(value) ? `2${superscript(value[0])} to 2${superscript(value[1])}` : "no power of 2");

function formats(report) {
  const rows = Object.entries(report.limits).map(([name, limit]) => [
    name,
    stateOf(limit.subnormal),
    stateOf(limit.zero),
    stateOf(limit.overflow),
    scaleOf(limit.loss_scales),
  ]);
  return ["Formats: from the loss down, where the gradient’s typical entry is lost.", ["format", "subnormal", "0", "overflow", "scale the loss by"], rows];
}

function valuesTable({ report, reports }) {
  const found = reports[report];
  const rows = found.log10_gain.map((_, l) => [
    named(found, l).replace("unit ", ""),
    ...["log10_gain", "log10_after", "log10_shortcut", "log10_branch"].map((name) => {
      const value = numeric(found[name][l]);
      return Number.isNaN(value) ? "–" : words(size(value));
    }),
  ]);
  return ["The factors of each unit.", ["unit", "whole unit", "layer after", "shortcut", "branch"], rows];
}

function render({ model, el, share }) {
  const depthOf = (name) => model.get("reports")[name]?.depth ?? 1;
  const titles = () => Object.fromEntries(Object.keys(model.get("reports")).map((name) => [name, name]));
  const ui = frame({
    model,
    el,
    share,
    keys: ["report", "unit"],
    carried: ["reports"],
    label: "a report on a network",
    caption: "one of each" in model.get("reports") ? CAPTION : "Choose a unit, and see what each part of it does to the gradient.",
    presets: PRESETS.filter(([, patch]) => Object.hasOwn(model.get("reports"), patch.report)),
    settle: (next) => ({ ...next, unit: Math.min(next.unit, depthOf(next.report) - 1) }),
  });
  let width = 600;
  const report = ui.choice("report", "network", titles());
  const unit = ui.slider("unit", "unit", { min: 0, max: depthOf(model.get("report")) - 1, step: 1 }, { words: (n) => `unit ${n}` });

  const problem = make("p", { class: "rx-problem", role: "status" });
  const input = make("input", { type: "file", id: `${ui.id}-file`, accept: ".json,application/json" });
  async function take(file) {
    if (!file) return;
    const read = file.size > MAX_BYTES ? { problem: "The file is larger than 20 MB, which no report is." } : parse(await file.text());
    problem.textContent = read.problem ?? "";
    if (read.problem) return;
    model.set("reports", { ...model.get("reports"), [OWN]: read.report });
    ui.update({ report: OWN, unit: read.report.worst_unit ?? 0 });
  }
  input.addEventListener("change", () => take(input.files[0]));
  const chooser = make(
    "div",
    { class: "rx-control rx-own rx-only-live" },
    make("label", { for: input.id }, "a report of your own, from a file; nothing is sent anywhere"),
    input,
    problem,
  );

  const drawing = (said) => svg("svg", { role: "img", "aria-label": said });
  const [gradient, gains, parts] = [
    drawing("Length of the gradient at every state, on a log scale"),
    drawing("What each unit multiplies the length by, on a log scale"),
    drawing("Share of the gradient by the number of branches on the way"),
  ];
  const table = make("div", { class: "rx-table rx-formats", tabindex: 0, role: "group", "aria-label": "Formats" });
  const panels = [gradient, gains, parts].map((chart) => make("div", { class: "rx-panel rx-report-wide" }, chart));

  let shown = null;
  function paint(now) {
    const reports = model.get("reports");
    const found = reports[now.report];
    if (shown !== found) {
      shown = found;
      for (const name of Object.keys(reports)) {
        if (![...report.select.children].some((option) => option.value === name)) {
          report.select.append(make("option", { value: name }, name));
        }
      }
      report.select.value = now.report;
      unit.input.max = found.depth - 1;
      unit.input.value = now.unit;
    }
    const whole = { ...now, reports };
    ui.say(readout(whole));
    drawGradient(gradient, width, found, now.unit);
    drawGains(gains, width, found, now.unit);
    drawShares(parts, width, found);
    tabulate(table, ...formats(found));
    ui.list(() => valuesTable(whole));
  }

  const stop = ui.start({
    controls: [report.element, unit.element],
    figures: panels,
    below: [ui.fold("In which formats", table), chooser],
    paint,
    watch: panels[0],
    resized: (inside) => {
      width = Math.max(250, inside);
    },
  });
  el.addEventListener("dragover", (event) => event.preventDefault());
  el.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  });
  return stop;
}

export default { render };
