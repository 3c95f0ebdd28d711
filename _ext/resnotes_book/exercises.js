// Exercises that answer: reads a typed formula, compares it with the truth at several points, names known mistakes.
// The same notation and the same judgements as resnotes/book/exercises/, which the tests hold this to.
const POINTS = 10;
const SIZE = 3;
const CLOSE = 1e-8;
const SEED = 4;
const LONGEST = 2000;
const DEEPEST = 50;
const FUNCTIONS = { exp: Math.exp, log: Math.log, sqrt: Math.sqrt, abs: Math.abs };
const CALLED = [...Object.keys(FUNCTIONS), "T", "inv"];
const CONSTANTS = { e: Math.E, pi: Math.PI };
const ALIASES = { λ: "lam", lambda: "lam", μ: "mu", "\u00b5": "mu", κ: "k", kappa: "k", π: "pi" };
const UNREADABLE = "This cannot be read as a formula. Write * for every product, and ^ for powers.";
const SHAPES = "The shapes do not fit: in a product, a factor has as many rows as the one before it has columns.";
const SAID = {
  "=": "Type only what stands after the equals sign.",
  "[": "Write round brackets.",
  "{": "Write round brackets.",
  "|": "Write abs(…) for the size of a number.",
  "!": "A factorial is read of whole numbers up to 20 only: write the numbers out.",
  "%": "Per cent can be read after a number only.",
};
const STORE = "resnotes-progress";

class ShapeError extends Error {}

// ---------------------------------------------------------------- reading

const TOKEN = new RegExp(
  [
    "\\s*(?:(?<number>(?:[0-9]+(?:,[0-9]+)*(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?)",
    "(?<fraction>[¼-¾⅐-⅞])",
    "(?<name>[A-Za-z][A-Za-z0-9_]*[₀-₉]*|[α-ω\u00b5][0-9_]*[₀-₉]*)",
    "(?<raised>[⁺⁻]?[⁰¹²³⁴-⁹]+)",
    "(?<sign>\\*\\*|\\S))",
  ].join("|"),
  "gu",
);
const SIGNS = { "**": "^", "−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*", "÷": "/", "⁄": "/", "∕": "/", "⊤": "ᵀ" };

/** The value of a decimal number, with a point or a comma. */
function decimal(token) {
  const [whole, ...parts] = token.split(",");
  if (parts.length === 0) return Number(token);
  const digits = parts[0].match(/^[0-9]*/)[0];
  if (parts.length > 1 || token.includes(".") || (digits.length === 3 && /[1-9]/.test(whole))) {
    throw new Error(`“${token}” has a comma: write a decimal point, and nothing between thousands.`);
  }
  return Number(`${whole}.${parts[0]}`);
}

/** Reads a formula from left to right, a method for each binding strength. */
class Reader {
  constructor(text) {
    this.tokens = [...text.trim().matchAll(TOKEN)].map(({ groups }) => {
      const [kind, token] = Object.entries(groups).find(([, found]) => found !== undefined);
      return [kind, SIGNS[token] ?? token];
    });
    this.tokens.push(["end", ""]);
    this.at = 0;
    this.depth = 0;
    this.raised = false; // whether the last factor ends in ^ and an exponent
  }

  get kind() {
    return this.tokens[this.at][0];
  }

  get token() {
    return this.tokens[this.at][1];
  }

  take(...signs) {
    if (this.kind !== "sign" || !signs.includes(this.token)) return null;
    return this.tokens[this.at++][1];
  }

  refuse() {
    throw new Error((this.kind === "sign" && SAID[this.token]) || UNREADABLE);
  }

  sum() {
    let tree = this.product();
    for (let sign; (sign = this.take("+", "-")); ) tree = [sign, tree, this.product()];
    return tree;
  }

  product() {
    let [tree, sign] = [this.signed(), "*"];
    for (;;) {
      const follows = this.take("*", "/");
      if (follows) {
        sign = follows;
        tree = [sign, tree, this.signed()];
      } else if (this.kind === "name" || (this.kind === "sign" && "(√".includes(this.token))) {
        if (sign === "/" || this.raised) {
          throw new Error(`What stands before “${this.token}” can be read in two ways: write *, and brackets.`);
        }
        tree = ["*", tree, this.power()];
      } else if (this.kind === "number" || this.kind === "fraction") {
        throw new Error(`Write a sign before “${this.token}”, and no space within a number.`);
      } else return tree;
    }
  }

  signed() {
    this.depth += 1;
    if (this.depth > DEEPEST) throw new Error(`Brackets, signs and powers are read up to ${DEEPEST} deep.`);
    const sign = this.take("+", "-");
    const tree = sign ? this.signed() : this.power();
    this.depth -= 1;
    return sign === "-" ? ["negative", tree] : tree;
  }

  power() {
    let [tree, raised] = [this.postfixed(), false];
    while (this.take("^")) {
      const after = this.tokens[this.at + 1];
      if (this.token === "T" && !(after[0] === "sign" && after[1] === "(")) {
        this.at += 1;
        tree = ["call", "T", tree];
      } else {
        tree = ["^", tree, this.signed()];
        raised = true;
      }
    }
    this.raised = raised;
    return tree;
  }

  postfixed() {
    let whole = this.kind === "number" && /^[0-9]+$/.test(this.token) && Number(this.token) <= 20 ? this.token : null;
    let tree = this.primary();
    for (;;) {
      if (whole !== null && this.take("!")) {
        tree = ["number", Array.from({ length: Number(whole) }, (_, k) => k + 1).reduce((a, b) => a * b, 1)];
      } else if (tree[0] === "number" && this.take("%")) tree = ["number", tree[1] / 100];
      else if (this.take("ᵀ")) tree = ["call", "T", tree];
      else if (this.kind === "raised") {
        tree = ["^", tree, ["number", Number(this.token.normalize("NFKC").replace("−", "-"))]];
        this.at += 1;
      } else return tree;
      whole = null;
    }
  }

  primary() {
    const [kind, token] = this.tokens[this.at];
    if (kind === "number") {
      this.at += 1;
      return ["number", decimal(token)];
    }
    if (kind === "fraction") {
      this.at += 1;
      const [over, under] = token.normalize("NFKC").split("⁄");
      return ["number", over / under];
    }
    if (kind === "name" || token === "√") {
      this.at += 1;
      const name = token === "√" ? "sqrt" : token;
      if (!CALLED.includes(name)) return ["name", name.normalize("NFKC").replaceAll("_", "")];
      if (this.token !== "(") throw new Error(`Write ${name}(…), with brackets.`);
      return ["call", name, this.primary()];
    }
    if (this.take("(")) {
      const tree = this.sum();
      if (!this.take(")")) this.refuse();
      return tree;
    }
    return this.refuse();
  }
}

function parse(text) {
  if (!text.trim()) throw new Error("There is nothing to check yet: type an answer.");
  if (text.length > LONGEST) throw new Error(`This is too long to be read: at most ${LONGEST} characters are wanted.`);
  const reader = new Reader(text);
  const tree = reader.sum();
  if (reader.kind !== "end") reader.refuse();
  return tree;
}

// ---------------------------------------------------------------- values: numbers, and matrices as lists of rows

const isMatrix = Array.isArray;
const entries = (a) => (isMatrix(a) ? a.flat() : [a]);
const shape = (a) => (isMatrix(a) ? `${a.length}, ${a[0].length}` : "");
const isSquare = (a) => a.length === SIZE && a[0].length === SIZE;
const make = (rows, columns, entry) =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => entry(i, j)));
const EYE = make(SIZE, SIZE, (i, j) => Number(i === j));
const scale = (c, a) => (isMatrix(a) ? a.map((row) => row.map((x) => c * x)) : c * a);
const transpose = (a) => make(a[0].length, a.length, (i, j) => a[j][i]);

function times(a, b) {
  if (!isMatrix(a)) return scale(a, b);
  if (!isMatrix(b)) return scale(b, a);
  if (a[0].length !== b.length) throw new ShapeError(SHAPES);
  const product = make(a.length, b[0].length, (i, j) => a[i].reduce((sum, x, k) => sum + x * b[k][j], 0));
  return product.length === 1 && product[0].length === 1 ? product[0][0] : product;
}

/** The inverse, by elimination; NaN where there is none. */
function inverse(matrix) {
  if (!isSquare(matrix)) throw new ShapeError("Only a square matrix has an inverse.");
  const rows = matrix.map((row, i) => [...row, ...EYE[i]]);
  for (let k = 0; k < SIZE; k++) {
    const largest = rows.slice(k).reduce((best, row) => (Math.abs(row[k]) > Math.abs(best[k]) ? row : best));
    if (largest[k] === 0) return make(SIZE, SIZE, () => NaN);
    const at = rows.indexOf(largest);
    [rows[k], rows[at]] = [rows[at], rows[k].slice()];
    rows[k] = rows[k].map((x) => x / largest[k]);
    for (let i = 0; i < SIZE; i++) if (i !== k) rows[i] = rows[i].map((x, j) => x - rows[i][k] * rows[k][j]);
  }
  return rows.map((row) => row.slice(SIZE));
}

const finite = (x) => (Number.isFinite(x) ? x : NaN);

function power(base, exponent) {
  if (isMatrix(exponent)) throw new Error("A power has a number as its exponent.");
  if (!isMatrix(base)) return finite(base ** exponent);
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 1000) throw new Error("A matrix has whole powers only.");
  if (!isSquare(base)) throw new ShapeError("Only a square matrix has powers.");
  let result = EYE;
  const factor = exponent < 0 ? inverse(base) : base;
  for (let k = 0; k < Math.abs(exponent); k++) result = times(result, factor);
  return result;
}

function evaluate([head, ...parts], values) {
  if (head === "number") return parts[0];
  if (head === "name") return valueOfName(parts[0], values);
  if (head === "negative") return scale(-1, evaluate(parts[0], values));
  if (head === "call") return call(parts[0], evaluate(parts[1], values));
  return binary(head, ...parts.map((part) => evaluate(part, values)));
}

function valueOfName(name, values) {
  for (const known of [name, ALIASES[name]]) if (Object.hasOwn(values, known)) return values[known];
  if (name === "I" && Object.values(values).some(isMatrix)) return EYE;
  const constant = ALIASES[name] ?? name;
  if (Object.hasOwn(CONSTANTS, constant)) return CONSTANTS[constant];
  const symbols = Object.keys(values);
  if (symbols.length === 0) throw new Error(`“${name}” is not known here: a number is wanted.`);
  const several = symbols.some((known) => known.length < name.length && name.startsWith(known));
  const more = several ? " Write * between two symbols." : "";
  throw new Error(`“${name}” is not one of the symbols here: ${symbols.join(", ")}.${more}`);
}

function call(name, value) {
  if (name === "T") return isMatrix(value) ? transpose(value) : value;
  if (name === "inv") return isMatrix(value) ? inverse(value) : finite(1 / value);
  if (isMatrix(value)) throw new Error(`${name} is taken of numbers only.`);
  return finite(FUNCTIONS[name](value));
}

function binary(sign, left, right) {
  if (sign === "+" || sign === "-") {
    if (isMatrix(left) !== isMatrix(right)) {
      throw new Error("A number and a matrix cannot be added: write I for the identity matrix.");
    }
    if (shape(left) !== shape(right)) {
      throw new ShapeError("The shapes do not fit: rows, columns and matrices are added to their own kind only.");
    }
    const signed = sign === "-" ? scale(-1, right) : right;
    return isMatrix(left) ? left.map((row, i) => row.map((x, j) => x + signed[i][j])) : left + signed;
  }
  if (sign === "*") return times(left, right);
  if (sign === "/") return times(left, isMatrix(right) ? inverse(right) : finite(1 / right));
  return power(left, right);
}

/** Numbers between 0 and 1, the same as in Python (the minimal standard generator of Park and Miller). */
function* uniforms(state = SEED) {
  for (;;) {
    state = (state * 16807) % 2147483647;
    yield state / 2147483647;
  }
}

/** A value for a symbol: numbers from 0.5 to 1.5, entries from -1.5 to 1.5, masks neither 0 nor I. */
function standIn(kind, random) {
  const next = () => random.next().value;
  if (kind === "number") return 0.5 + next();
  if (kind === "mask") {
    const bits = 1 + Math.floor(next() * (2 ** SIZE - 2));
    return make(SIZE, SIZE, (i, j) => (i === j ? (bits >> i) & 1 : 0));
  }
  const [rows, columns] = { row: [1, SIZE], matrix: [SIZE, SIZE] }[kind] ?? [SIZE, 1];
  const value = make(rows, columns, () => 3 * next() - 1.5);
  return kind === "unit column" ? scale(1 / Math.hypot(...value.flat()), value) : value;
}

function points(symbols, square) {
  const random = uniforms();
  return Array.from({ length: POINTS }, () =>
    Object.fromEntries(
      Object.entries(symbols).map(([name, kind]) => [
        name,
        standIn(square && kind !== "number" ? "matrix" : kind, random),
      ]),
    ),
  );
}

function close(got, want) {
  if (shape(got) !== shape(want)) return false;
  const wanted = entries(want);
  const size = Math.max(1, ...wanted.map(Math.abs));
  return entries(got).every((x, k) => Math.abs(x - wanted[k]) <= CLOSE * size);
}

// ---------------------------------------------------------------- judgements

/** What is said of an answer: { right, said }. An answer that cannot be read is an Error with the words for it. */
function judge(ask, answer) {
  if (ask.kind === "choice") return judgeChoice(ask, answer);
  return ask.kind === "formula" ? judgeFormula(ask, answer) : judgeNumber(ask, answer);
}

function judgeChoice({ options, right: wanted }, answer) {
  const chosen = options.find(([option]) => option === answer);
  if (!chosen) throw new Error("Choose one of the answers first.");
  const right = answer === wanted;
  return { right, said: right ? `Right. ${chosen[1]}` : chosen[1] };
}

function judgeNumber({ right, unit, mistakes }, answer) {
  const typed = answer.trimEnd();
  const got = evaluate(parse(unit && typed.endsWith(unit) ? typed.slice(0, -unit.length) : typed), {});
  if (!Number.isFinite(got)) return { right: false, said: "This is no finite number." };
  const counts = ([low, high]) => low <= got && got <= high;
  if (right.some(counts)) return { right: true, said: "Right." };
  return { right: false, said: mistakes.find(([wrong]) => counts(wrong))?.[1] ?? "Not this number." };
}

function judgeFormula({ right, symbols, mistakes }, answer) {
  const tree = parse(answer);
  const agrees = (formula, square = false) => {
    const wanted = parse(formula);
    return points(symbols, square).every((values) => close(evaluate(tree, values), evaluate(wanted, values)));
  };
  let misfit = null;
  try {
    if (agrees(right)) return { right: true, said: "Right." };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    misfit = error;
  }
  // What does not fit is still a mistake that may have a name: of square matrices all products can be taken.
  const isMistake = ([wrong]) => {
    try {
      return agrees(wrong, misfit !== null);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      return false; // what does not fit is none of the answers that do
    }
  };
  const mistake = mistakes.find(isMistake);
  if (!mistake && misfit) throw misfit;
  return { right: false, said: mistake?.[1] ?? "Not equal to the answer: at a random point the two differ." };
}

// ---------------------------------------------------------------- progress, in this browser only

const progress = {
  read() {
    try {
      return JSON.parse(localStorage.getItem(STORE)) ?? {};
    } catch {
      return {}; // a browser that keeps nothing, or somebody else's entry
    }
  },
  add(label) {
    try {
      localStorage.setItem(STORE, JSON.stringify({ ...this.read(), [label]: true }));
      return true;
    } catch {
      return false;
    }
  },
  clear() {
    try {
      localStorage.removeItem(STORE);
    } catch {
      // nothing was kept
    }
  },
};

// ---------------------------------------------------------------- the page

function answerOf(row) {
  const field = row.querySelector("input[type=text]");
  return field ? field.value : (row.querySelector("input:checked")?.value ?? "");
}

function checkForm(form) {
  const { asks } = JSON.parse(form.dataset.exercise);
  const rows = [...form.querySelectorAll(".answer-row")];
  let all = true;
  asks.forEach((ask, k) => {
    const said = rows[k].querySelector(".answer-said");
    let verdict;
    try {
      verdict = judge(ask, answerOf(rows[k]));
    } catch (error) {
      verdict = { right: false, said: error.message };
    }
    said.textContent = verdict.said;
    said.dataset.right = verdict.right;
    all &&= verdict.right;
  });
  if (all) progress.add(form.dataset.label);
  showProgress();
  if (!all) form.querySelector(".answer-done").hidden = true; // it was answered once, and what stands there now is wrong
}

function showProgress() {
  const done = progress.read();
  const forms = [...document.querySelectorAll("form.answer")];
  for (const form of forms) form.querySelector(".answer-done").hidden = !done[form.dataset.label];
  const bar = document.querySelector(".answer-progress");
  if (!bar) return;
  const here = forms.filter((form) => done[form.dataset.label]).length;
  bar.querySelector("span").textContent =
    `Answered: ${here} of ${forms.length} in this chapter, ${Object.keys(done).length} of ${bar.dataset.total} in the book. ` +
    "This is kept in your browser only. ";
  bar.querySelector("button").hidden = Object.keys(done).length === 0;
}

function addProgress(total) {
  const heading = document.querySelector("form.answer")?.closest("section")?.querySelector("h2");
  if (!heading) return;
  const bar = document.createElement("p");
  bar.className = "answer-progress";
  bar.dataset.total = total;
  const clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Clear my progress";
  clear.addEventListener("click", () => {
    progress.clear();
    showProgress();
  });
  bar.append(document.createElement("span"), clear);
  heading.after(bar);
}

if (typeof document !== "undefined") {
  const { total } = document.currentScript.dataset;
  addEventListener("DOMContentLoaded", () => {
    addProgress(total);
    for (const form of document.querySelectorAll("form.answer")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        checkForm(form);
      });
    }
    showProgress();
  });
}
