// What a run of training looks like: its loss and accuracy over the steps, the gradient at every state.
import { ground, label, linear, marks, path, picture, power, shape } from "./draw.js";

/** What is said of a share of the test digits. */
export const percent = (part) => `${Math.round(100 * part)} %`;
const LOSS = 4;
const GUESSING = Math.log(10);
// The axis of sizes holds what is drawn, within these powers of ten.
const LOWEST = -12,
  HIGHEST_POWER = 20;

/**
 * Loss above, accuracy below, over `steps` steps. A run is {kind, loss, accuracy, lost}: its class, a loss for each step,
 * [step, share] pairs, and where it diverged [step, …]; one that is `faint` has no dot at its end.
 */
export function drawCurves(root, width, runs, steps) {
  const { left, right } = { left: 40, right: width - 12 };
  const x = linear([0, steps], [left, right]);
  const parts = [];
  const charts = [
    [linear([0, LOSS], [176, 30]), [0, 1, 2, 3, 4], String, "loss of each batch", GUESSING],
    [linear([0, 1], [324, 228]), [0, 0.5, 1], percent, "test digits recognised", 0.1],
  ];
  charts.forEach(([y, levels, said, title, guess], which) => {
    const [top, bottom] = [y(levels.at(-1)), y(0)];
    const places = which ? marks(steps, 6).map((step) => [x(step), String(step)]) : [];
    const { lines, labels } = ground({ left, right, top, bottom }, levels.map((v) => [y(v), said(v)]), places, which ? "step" : "");
    parts.push(...lines, ...labels.filter(({ said: words }) => words !== ""));
    parts.push(
      shape("path", { class: "rx-guess", d: `M${left} ${y(guess).toFixed(1)}H${right}` }),
      label(left, top - 10, title, { class: "rx-heading" }),
    );
    runs.forEach(({ kind, name, faint, loss: losses, accuracy, lost }, k) => {
      const curve = which ? accuracy : losses.map((loss, step) => [step, loss]);
      if (!curve.length) return;
      const points = curve.map(([step, value]) => [x(step), y(Math.min(value, levels.at(-1)))]);
      if (points.length > 1) parts.push(shape("path", { class: `rx-line rx-${kind}`, d: path(points) }));
      if (faint) return;
      const [ex, ey] = points.at(-1);
      parts.push(shape("circle", { class: `rx-dot rx-dot-${kind}`, cx: ex.toFixed(1), cy: ey.toFixed(1), r: 4.5 }));
      const beyond = which ? [] : curve.filter(([, value]) => value > LOSS);
      for (const [step] of beyond) {
        parts.push(shape("path", { class: `rx-tip rx-tip-${kind}`, d: `M${x(step).toFixed(1)} ${top - 8}l-4 7h8z` }));
      }
      if (!which && lost) {
        const said = name ? `${name}: diverged` : "diverged";
        parts.push(label(ex + 8, 92 + 16 * k, said, { class: "rx-halo" }));
      }
    });
    parts.push(label((left + right) / 2, y(guess) - 6, "guessing", { class: "rx-middle rx-soft rx-halo" }));
  });
  picture(root, width, 366, parts);
}

/** A line over the states from the last one down, [l, log10] pairs, cut where it leaves the axis. */
function cut(sizes, x, y, [low, high]) {
  const points = [];
  for (const [k, [l, value]] of sizes.entries()) {
    if (value >= low && value <= high) {
      points.push([x(l), y(value)]);
      continue;
    }
    const edge = value < low ? low : high;
    const [from, before] = k ? sizes[k - 1] : [l, edge];
    const part = Number.isFinite(value) && value !== before ? (edge - before) / (value - before) : 0;
    points.push([x(from + (l - from) * part), y(edge)]);
    break;
  }
  return points;
}

/**
 * The gradient at every state, relative to the one at the last, on a log axis. A line is {kind, sizes}: its classes, and
 * [l, log10] pairs from the last state down; those that come first lie below.
 */
export function drawSizes(root, width, all, depth) {
  const [left, right, top, bottom] = [44, width - 12, 30, 324];
  const shown = all.flatMap(({ sizes }) => sizes.map(([, log10]) => log10));
  const held = shown.filter((value) => Number.isFinite(value) && value >= LOWEST && value <= HIGHEST_POWER);
  const reach = [Math.min(-1, Math.floor(Math.min(...held) - 0.05)), Math.max(1, Math.ceil(Math.max(...held) + 0.05))];
  const x = linear([0, depth], [left + 6, right - 6]);
  const y = linear(reach, [bottom, top]);
  const step = Math.ceil((reach[1] - reach[0]) / 8);
  const levels = [];
  for (let k = Math.ceil(reach[0] / step) * step; k <= reach[1]; k += step) levels.push([y(k), power(k)]);
  const places = marks(depth, width < 280 ? 3 : 5).map((l) => [x(l), String(l)]);
  const { lines, labels } = ground({ left, right, top, bottom }, levels, places, "state l: 0 is the input, the last the loss");
  const parts = [...lines];
  for (const { kind, sizes } of all) {
    const points = cut(sizes, x, y, reach);
    parts.push(shape("path", { class: `rx-line ${kind}`, d: path([points[0], ...points]) }));
  }
  parts.push(...labels, label(left, top - 10, "gradient (1 at the last state)", { class: "rx-heading" }));
  picture(root, width, 366, parts);
}
