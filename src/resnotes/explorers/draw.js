// Shared by the explorers: numbers in words, elements, scales and ticks, tables.
// Numbers come as floats, or as {sign, log10}, so that nothing overflows.

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
// Lifts decimal ties, so that the last digit shown is the same on every machine.
const LIFT = 4e-12;

export function superscript(n) {
  const digits = [...String(Math.abs(n))].map((d) => RAISED[d]).join("");
  return (n < 0 ? "⁻" : "") + digits;
}

const trimmed = (digits) => (digits.includes(".") ? digits.replace(/\.?0*$/, "") : digits);

/** A number at three significant digits: "0", "0.00515", "−3.67", "7.06 × 10⁻¹⁰". */
export function words({ sign, log10 }) {
  if (sign === 0) return "0";
  const lifted = log10 + LIFT;
  let exponent = Math.floor(lifted);
  let digits = Math.floor(10 ** (lifted - exponent) * 100 + 0.5);
  if (digits === 1000) [digits, exponent] = [100, exponent + 1];
  const text = String(digits);
  const minus = sign < 0 ? "−" : "";
  if (exponent < -3 || exponent > 3) {
    return `${minus}${trimmed(`${text[0]}.${text.slice(1)}`)}\u00a0×\u00a010${superscript(exponent)}`;
  }
  if (exponent < 0) return minus + trimmed("0." + "0".repeat(-exponent - 1) + text);
  const padded = text.padEnd(exponent + 1, "0");
  return minus + trimmed(`${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1)}`);
}

/** Whether two floats are one decimal number: 0.1 + 0.2 is 0.3. */
const same = (a, b) => Math.abs(a - b) <= 1e-14 * Math.abs(b);

/** A float as it is where seven digits hold it, else at three significant digits. */
export function number(x) {
  const size = Math.abs(x),
    short = Number(size.toPrecision(7));
  if (same(short, size) && (size === 0 || (size >= 1e-4 && size < 1e7))) return (x < 0 ? "−" : "") + String(short);
  return words({ sign: Math.sign(x), log10: Math.log10(size) });
}

/** A printed number as digits · 10 ** exponent, both whole. */
export function read(said) {
  const [, minus, whole, part = "", raised = ""] = said.match(/^(−?)(\d+)(?:\.(\d+))?(?:\u00a0×\u00a010([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?$/);
  const power = Number([...raised].map((d) => (d === "⁻" ? "-" : RAISED.indexOf(d))).join("") || 0);
  return { digits: BigInt((minus && "-") + whole + part), exponent: power - part.length };
}

const valueOf = (said) => {
  const { digits, exponent } = read(said);
  return Number(`${digits}e${exponent}`);
};
/** Whether `number` has rounded. */
export const rounded = (x) => !same(valueOf(number(x)), x);

/** "= 1024" or, where it was rounded, "≈ 0.333". */
export const is = (x) => `${rounded(x) ? "≈" : "="} ${number(x)}`;
const near = (changed, said) => (changed ? `≈\u00a0${said}` : said);
/** A number in a sentence: with ≈ in front where it was rounded. */
export const about = (x) => near(rounded(x), number(x));
/** The same for {sign, log10}, which know twelve digits of a logarithm. */
export function aboutWords(size) {
  const said = words(size);
  const { digits, exponent } = read(said);
  const off = size.sign === 0 ? 0 : Math.log10(Math.abs(Number(digits))) + exponent - size.log10;
  return near(Math.abs(off) > 1e-11, said);
}

/**
 * The sign between a sum of products and a number, all as they are printed: "=" where what is printed is equal to the
 * last digit, else "≈".
 */
export function relation(products, total) {
  const terms = products.map((factors) =>
    factors.map(read).reduce((a, b) => ({ digits: a.digits * b.digits, exponent: a.exponent + b.exponent })),
  );
  const all = [...terms, read(total)];
  const least = Math.min(...all.map(({ exponent }) => exponent));
  const [right, ...left] = all.map(({ digits, exponent }) => digits * 10n ** BigInt(exponent - least)).reverse();
  return left.reduce((sum, term) => sum + term, 0n) === right ? "=" : "≈";
}

/** "= 1 · 3 = 3", "= 1 + 3 = 4": a sum of products as it is `printed`, and its total; ≈ where these are not equal. */
export const evaluated = (printed, products, total) =>
  `${products.flat().some(rounded) ? "≈" : "="} ${printed} ` +
  `${relation(products.map((factors) => factors.map(number)), number(total))} ${number(total)}`;

/** Numbers as a sum: "1 + 2 − 3". */
export const sumOf = (terms) =>
  terms.map((t, k) => (k ? `${t < 0 ? "−" : "+"} ${number(Math.abs(t))}` : number(t))).join(" ");

/** A function that keeps its last answer: what is as it was at the update before is not made anew. */
export function keeping(compute) {
  let asked = null,
    answer;
  return (...given) => {
    if (!asked || given.some((value, k) => value !== asked[k])) [answer, asked] = [compute(...given), given];
    return answer;
  };
}

export const units = (n) => (n === 1 ? "1 unit" : `${n} units`);

/** A share of what entered: in per cent where that reads well, with ≈ where it was rounded. */
export function share({ sign, log10 }) {
  if (sign === 0) return "nothing";
  if (log10 + LIFT < -3 || log10 + LIFT >= 1) return aboutWords({ sign, log10 });
  return `${aboutWords({ sign, log10: log10 + 2 })}\u00a0%`;
}

/** An element; keys that start with "on" are listeners, all others attributes; children are nodes or text. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export const linear =
  ([a, b], [from, to]) =>
  (x) =>
    from + ((x - a) / (b - a)) * (to - from);

/** Round steps (1, 2, 5 times a power of ten, whole numbers only) that cut [low, high] into at most `most` parts. */
export function ticks(low, high, most) {
  let step = 1;
  for (let k = 0; (high - low) / step > most; k++) step *= [2, 2.5, 2][k % 3];
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
}

/** Move sorted positions apart until each is `gap` from the next, inside [low, high]. */
export function spread(positions, gap, low, high) {
  const moved = [];
  for (const p of positions) moved.push(Math.max(p, moved.length ? moved.at(-1) + gap : low));
  for (let k = moved.length - 1, room = high; k >= 0; k--, room -= gap) moved[k] = Math.min(moved[k], room);
  return moved;
}

/** An SVG path through points, to a tenth of a pixel. */
const tenth = (x) => Math.round(x * 10 + 1e-6) / 10;
export const point = (x, y) => `${tenth(x)} ${tenth(y)}`;
export const path = (points) => `M${points.map(([x, y]) => point(x, y)).join("L")}`;

export function text(x, y, content, attributes = {}) {
  return svg("text", { x, y, ...attributes }, content);
}

/** Let an element hold one text and nothing else; written only where it differs, since layout follows every writing. */
export function write(element, said) {
  const held = element.firstChild;
  if (!held) element.append(said);
  else if (held.data !== said) held.data = said;
}

/** Give an element these attributes, written only where they differ: a picture whose size is written is laid out anew. */
export function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (element.getAttribute(key) !== String(value)) element.setAttribute(key, value);
  }
}

/** What `show` draws: an element of a picture, as plain data. */
export const shape = (tag, attributes, said = "") => ({ tag, attributes, said });
export const label = (x, y, said, attributes = {}) => shape("text", { x, y, ...attributes }, said);

/**
 * The ground of a chart, which its `lines` go under and its `labels` may follow: a grid line with what is said beside it
 * at each of `levels`, axes with a mark and what is said below it at each of `places` ([where, said] pairs), and what is
 * said of all places. The line across lies at `floor`, where that is not the bottom.
 */
export function ground({ left, right, top, bottom, floor = bottom }, levels, places, below) {
  const corner = floor === bottom ? "" : `M${left} ${floor}`,
    ticked = places.map(([x]) => `M${x} ${bottom}v5`).join("");
  return {
    lines: [
      shape("path", { class: "rx-grid", d: levels.map(([y]) => `M${left} ${y}H${right}`).join("") }),
      shape("path", { class: "rx-axis", d: `M${left} ${top}V${bottom}${corner}H${right}${ticked}` }),
    ],
    labels: [
      ...levels.map(([y, said]) => label(left - 6, y + 4, said, { class: "rx-end" })),
      ...[...places.map(([x, said]) => [x, 18, said]), [(left + right) / 2, 34, below]].map(([x, down, said]) =>
        label(x, bottom + down, said, { class: "rx-middle" }),
      ),
    ],
  };
}

/** Marks for 0 … last: round steps, at most about `most` of them, and the last one, with room beside it. */
export const marks = (last, most) => [...ticks(0, last, most).filter((k) => k <= 0.88 * last), last];

/** A power of ten as an axis names it. */
export const power = (k) => (k === 0 ? "1" : `10${superscript(k)}`);

const drawn = new WeakMap();
/** Shapes of one kind are drawn by the same elements: of one tag and one first class. */
const kind = ({ tag, attributes }) => `${tag} ${attributes.class ?? ""}`.split(" ", 2).join(" ");
/**
 * Let an SVG element show these shapes and nothing else. Elements that stand there are written over, those of a kind in
 * their order, and only in what differs: making a picture anew costs several times as much.
 */
export function show(root, shapes) {
  const standing = new Map();
  for (const element of root.children) {
    const of = kind(drawn.get(element) ?? shape(element.localName, {}));
    if (standing.has(of)) standing.get(of).push(element);
    else standing.set(of, [element]);
  }
  const elements = shapes.map((next) => standing.get(kind(next))?.shift() ?? svg(next.tag));
  for (const rest of standing.values()) for (const element of rest) element.remove();
  let at = root.firstChild;
  shapes.forEach((next, k) => {
    const element = elements[k];
    if (element === at) at = at.nextSibling;
    else if (at) root.insertBefore(element, at);
    else root.append(element);
    const before = drawn.get(element) ?? shape(next.tag, {});
    for (const [key, value] of Object.entries(next.attributes)) {
      if (before.attributes[key] !== value) element.setAttribute(key, value);
    }
    for (const key in before.attributes) if (!(key in next.attributes)) element.removeAttribute(key);
    if (before.said !== next.said) write(element, next.said);
    drawn.set(element, next);
  });
}

/** Where a pointer is, in a picture's own units. */
export function placeOf(root, { clientX, clientY }) {
  const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(root.getScreenCTM().inverse());
  return [x, y];
}

const probed = new WeakMap();
/**
 * The same for a picture of its own, `width` by `height` in its own units. Where it has an `ask`, it answers the pointer:
 * `ask(x, y)` gives the shapes that are drawn on top, or nothing (see `probe`).
 */
export function picture(root, width, height, shapes, ask) {
  set(root, { viewBox: `0 0 ${width} ${height}`, height });
  let held = probed.get(root);
  if (ask && !held) {
    probed.set(root, (held = { at: null }));
    const moved = (event) => {
      held.at = event.type === "pointerleave" ? null : placeOf(root, event);
      held.draw();
    };
    for (const type of ["pointermove", "pointerdown", "pointerleave"]) root.addEventListener(type, moved);
  }
  if (!held) return show(root, shapes);
  held.draw = () => show(root, held.at && ask ? [...shapes, ...ask(...held.at)] : shapes);
  held.draw();
}

/**
 * What a chart answers: at the one of `places` (rising, in the picture's units) that is nearest to the pointer, a line
 * from top to bottom, and what `tell(k)` of place number k gives: `said`, lines of text, and `dots`, heights of curves.
 */
export function probe({ left, right, top, bottom }, places, tell) {
  return (x, y) => {
    if (places.length === 0 || x < left - 8 || x > right + 8 || y < top - 8 || y > bottom + 8) return [];
    const k = places.reduce((best, at, j) => (Math.abs(at - x) < Math.abs(places[best] - x) ? j : best), 0);
    const { said, dots = [] } = tell(k);
    const wide = 12 + 6.4 * Math.max(...said.map((line) => line.length)),
      tall = 8 + 15 * said.length;
    const beside = places[k] + 10 + wide <= right + 8 ? places[k] + 10 : Math.max(0, places[k] - 10 - wide);
    const above = Math.min(Math.max(y - tall / 2, top), Math.max(top, bottom - tall));
    return [
      shape("path", { class: "rx-probe", d: `M${point(places[k], top)}V${bottom}` }),
      ...dots.map((cy) => shape("circle", { class: "rx-probe-dot", cx: places[k], cy, r: 4 })),
      shape("rect", { class: "rx-probe-box", x: beside, y: above, width: wide, height: tall, rx: 4 }),
      ...said.map((line, j) => label(beside + 6, above + 16 + 15 * j, line, { class: "rx-probe-said" })),
    ];
  };
}

/** A short line, drawn as a curve of this class is: for its legend. */
export const swatch = (kind) =>
  svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, svg("path", { class: kind, d: "M1 5H29" }));

/** As many children as wanted: those that are missing are made, those beyond removed. */
function provide(parent, count, make) {
  while (parent.childElementCount > count) parent.lastElementChild.remove();
  while (parent.childElementCount < count) parent.append(make(parent.childElementCount));
}

/** Fill `holder` with a table: a caption, headings, and rows whose first cell is a heading too. */
export function tabulate(holder, caption, headings, rows) {
  if (!holder.firstChild) {
    const head = make("thead", {}, make("tr"));
    holder.append(make("table", {}, make("caption"), head, make("tbody")));
  }
  // What stands there is written over, cell by cell and only where it differs, which is much faster than anew.
  const { caption: above, tHead, tBodies } = holder.firstChild;
  write(above, caption);
  const lay = (row, said, cell) => {
    provide(row, said.length, cell);
    said.forEach((content, k) => write(row.children[k], content));
  };
  lay(tHead.rows[0], headings, () => make("th", { scope: "col" }));
  provide(tBodies[0], rows.length, () => make("tr"));
  rows.forEach((said, k) =>
    lay(tBodies[0].children[k], said, (at) => (at ? make("td") : make("th", { scope: "row" }))),
  );
}
