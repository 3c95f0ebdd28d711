// Exercises that answer: reads a typed formula, compares it with the truth at random points, names known mistakes.
// The same notation and the same judgements as resnotes/exercises/, which the tests hold this to.
const POINTS = 5;
const CLOSE = 1e-8;
const UNREADABLE = "This cannot be read as a formula. Write * for every product, and ^ for powers.";
const FUNCTIONS = { exp: Math.exp, log: Math.log, sqrt: Math.sqrt, abs: Math.abs };
const STORE = "resnotes-progress";

// ---------------------------------------------------------------- formulas: numbers and 2 × 2 matrices, by rows

const isMatrix = Array.isArray;
const EYE = [1, 0, 0, 1];
const plus = (a, b) => (isMatrix(a) ? a.map((x, k) => x + b[k]) : a + b);
const scale = (c, a) => (isMatrix(a) ? a.map((x) => c * x) : c * a);
const times = (a, b) =>
  isMatrix(a) && isMatrix(b)
    ? [a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3]]
    : isMatrix(a)
      ? scale(b, a)
      : scale(a, b);

function inverse([a, b, c, d]) {
  const determinant = a * d - b * c;
  return determinant === 0 ? [NaN, NaN, NaN, NaN] : [d, -b, -c, a].map((x) => x / determinant);
}

function power(base, exponent) {
  if (isMatrix(exponent)) throw new Error("A power has a number as its exponent.");
  if (!isMatrix(base)) return base ** exponent;
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 1000) throw new Error("A matrix has whole powers only.");
  let result = EYE;
  const factor = exponent < 0 ? inverse(base) : base;
  for (let k = 0; k < Math.abs(exponent); k++) result = times(result, factor);
  return result;
}

/** Leave the parser the operators of the notation, and none of JavaScript's. */
function setUp(parser) {
  parser.removeAllUnaryOps();
  parser.removeAllBinaryOps();
  for (const sign of "+-") parser.addUnaryOp(sign);
  for (const [sign, order] of Object.entries({ "+": 9, "-": 9, "*": 10, "/": 10 })) parser.addBinaryOp(sign, order);
  parser.addBinaryOp("^", 11, true);
}

function parse(text) {
  if (!text.trim()) throw new Error("There is nothing to check yet: type an answer.");
  if (text.length > 2000) throw new Error("This is too long to be read: at most 2000 characters are wanted.");
  // jsep binds a sign more tightly than a power; −a² means −(a²).
  const signed = text
    .replaceAll("−", "-")
    .replaceAll("**", "^")
    .replace(/(^|[(,+*-])\s*-/g, "$1-1*");
  try {
    return jsep(signed);
  } catch {
    throw new Error(UNREADABLE);
  }
}

function evaluate(node, values) {
  if (node.type === "Literal" && typeof node.value === "number") return node.value;
  if (node.type === "Identifier") {
    if (Object.hasOwn(values, node.name)) return values[node.name];
    if (node.name === "I" && Object.values(values).some(isMatrix)) return EYE;
    throw new Error(`“${node.name}” is not one of the symbols here: ${Object.keys(values).join(", ") || "none"}.`);
  }
  if (node.type === "UnaryExpression" && "+-".includes(node.operator)) {
    return scale(node.operator === "-" ? -1 : 1, evaluate(node.argument, values));
  }
  if (node.type === "CallExpression" && node.callee.type === "Identifier" && node.arguments.length === 1) {
    return call(node.callee.name, evaluate(node.arguments[0], values));
  }
  if (node.type === "BinaryExpression") {
    return binary(node.operator, evaluate(node.left, values), evaluate(node.right, values));
  }
  throw new Error(UNREADABLE);
}

function call(name, value) {
  if (name === "T") return isMatrix(value) ? [value[0], value[2], value[1], value[3]] : value;
  if (name === "inv") return isMatrix(value) ? inverse(value) : 1 / value;
  if (!Object.hasOwn(FUNCTIONS, name)) throw new Error(`“${name}” is not known here: exp, log, sqrt, abs, T and inv are.`);
  if (isMatrix(value)) throw new Error(`${name} is taken of numbers only.`);
  return FUNCTIONS[name](value);
}

function binary(operator, left, right) {
  if (operator === "+" || operator === "-") {
    if (isMatrix(left) !== isMatrix(right)) {
      throw new Error("A number and a matrix cannot be added: write I for the identity matrix.");
    }
    return plus(left, operator === "-" ? scale(-1, right) : right);
  }
  if (operator === "*") return times(left, right);
  if (operator === "/") return times(left, isMatrix(right) ? inverse(right) : 1 / right);
  if (operator === "^") return power(left, right);
  throw new Error(UNREADABLE);
}

function randomValues({ numbers, matrices }) {
  const between = (low, high) => low + (high - low) * Math.random();
  return Object.fromEntries([
    ...numbers.map((name) => [name, between(0.5, 1.5)]),
    ...matrices.map((name) => [name, EYE.map(() => between(-1.5, 1.5))]),
  ]);
}

function close(got, want) {
  if (isMatrix(got) !== isMatrix(want)) return false;
  const size = Math.max(1, ...[want].flat().map(Math.abs));
  return [got].flat().every((x, k) => Math.abs(x - [want].flat()[k]) <= CLOSE * size);
}

function agree(one, other, ask) {
  return Array.from({ length: POINTS }, () => randomValues(ask)).every((values) =>
    close(evaluate(one, values), evaluate(other, values)),
  );
}

// ---------------------------------------------------------------- judgements

/** What is said of an answer: { right, said }. An answer that cannot be read is an Error with the words for it. */
function judge(ask, answer) {
  if (ask.kind === "choice") {
    const chosen = ask.options.find(([option]) => option === answer);
    if (!chosen) throw new Error("Choose one of the answers first.");
    const right = answer === ask.right;
    return { right, said: right ? `Right. ${chosen[1]}` : chosen[1] };
  }
  const tree = parse(answer);
  const same =
    ask.kind === "formula"
      ? (wanted) => agree(tree, parse(wanted), ask)
      : (wanted) => Math.abs(evaluate(tree, {}) - wanted) <= ask.tolerance * Math.abs(wanted) + 1e-12;
  if ([ask.right].flat().some(same)) return { right: true, said: "Right." };
  const mistake = ask.mistakes.find(([wrong]) => same(wrong));
  const said = ask.kind === "formula" ? "Not equal to the answer: at a random point the two differ." : "Not this number.";
  return { right: false, said: mistake ? mistake[1] : said };
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

function loadParser(address) {
  if (typeof jsep !== "undefined") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => {
      setUp(jsep);
      resolve();
    };
    script.onerror = () => reject(new Error("The part that reads formulas could not be loaded."));
    document.head.append(script);
  });
}

function answerOf(row) {
  const field = row.querySelector("input[type=text]");
  return field ? field.value : (row.querySelector("input:checked")?.value ?? "");
}

async function checkForm(form, parser) {
  const { asks } = JSON.parse(form.dataset.exercise);
  const rows = [...form.querySelectorAll(".answer-row")];
  if (asks.some(({ kind }) => kind !== "choice")) await loadParser(parser);
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
  if (all) {
    progress.add(form.dataset.label);
    showProgress();
  }
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
  const { parser, total } = document.currentScript.dataset;
  addEventListener("DOMContentLoaded", () => {
    addProgress(total);
    for (const form of document.querySelectorAll("form.answer")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        checkForm(form, parser).catch((error) => {
          form.querySelector(".answer-said").textContent = error.message;
        });
      });
    }
    showProgress();
  });
}
