// Shared by the explorers: numbers in words, elements, scales and ticks, tables.
// Numbers come as {sign, log10}, so that nothing overflows; _draw.py holds the same words in Python.

const DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
// Lifts decimal ties, so that the last digit shown is the same on every machine and in Python.
const LIFT = 4e-12;

export function superscript(n) {
  const digits = [...String(Math.abs(n))].map((d) => DIGITS[d]).join("");
  return (n < 0 ? "⁻" : "") + digits;
}

/** A number at three significant digits: "0", "0.00515", "−3.67", "7.06 × 10⁻¹⁰". */
export function words({ sign, log10 }) {
  if (sign === 0) return "0";
  const lifted = log10 + LIFT;
  let exponent = Math.floor(lifted);
  let digits = Math.floor(10 ** (lifted - exponent) * 100 + 0.5);
  if (digits === 1000) [digits, exponent] = [100, exponent + 1];
  const text = String(digits);
  const minus = sign < 0 ? "−" : "";
  const trim = (s) => (s.includes(".") ? s.replace(/0+$/, "").replace(/\.$/, "") : s);
  if (exponent < -3 || exponent > 3) {
    return `${minus}${trim(`${text[0]}.${text.slice(1)}`)}\u00a0×\u00a010${superscript(exponent)}`;
  }
  if (exponent < 0) return minus + trim("0." + "0".repeat(-exponent - 1) + text);
  const padded = text.padEnd(exponent + 1, "0");
  return minus + trim(`${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1)}`);
}

export const number = (x) => words({ sign: Math.sign(x), log10: Math.log10(Math.abs(x)) });

/** A share of what entered: in per cent where that reads well. */
export function share({ sign, log10 }) {
  if (sign === 0) return "nothing";
  if (log10 + LIFT < -3 || log10 + LIFT >= 1) return words({ sign, log10 });
  return `${words({ sign, log10: log10 + 2 })}\u00a0%`;
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
export const point = (x, y) => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
export const path = (points) => `M${points.map(([x, y]) => point(x, y)).join("L")}`;

export function text(x, y, content, attributes = {}) {
  return svg("text", { x, y, ...attributes }, content);
}

/** Fill `holder` with a table: a caption, headings, and rows whose first cell is a heading too. */
export function tabulate(holder, caption, headings, rows) {
  const wanted = [caption, ...headings, ...rows.flat()];
  const cells = holder.querySelectorAll("caption, th, td");
  if (cells.length !== wanted.length) {
    const cell = (tag, scope) => (content) => make(tag, scope ? { scope } : {}, content);
    holder.replaceChildren(
      make(
        "table",
        {},
        make("caption", {}, caption),
        make("thead", {}, make("tr", {}, ...headings.map(cell("th", "col")))),
        make(
          "tbody",
          {},
          ...rows.map(([first, ...rest]) =>
            make("tr", {}, cell("th", "row")(first), ...rest.map(cell("td"))),
          ),
        ),
      ),
    );
  } else {
    // The same shape: only what differs is written, which is much faster.
    cells.forEach((cell, k) => {
      if (cell.textContent !== wanted[k]) cell.textContent = wanted[k];
    });
  }
}
