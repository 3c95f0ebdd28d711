// Finds sections of the book by their words. What the book says comes as `BOOK` (search.py); nothing is fetched.

// Groups that say the same thing, as readers and the book call it. In a query any of a group stands for all of it.
const SAME = [
  ["shortcut", "skip connection", "residual connection", "identity connection", "shortcut connection", "skip", "gradient highway"],
  ["highway", "gradient highway"],
  ["residual network", "resnet"],
  ["residual block", "residual unit"],
  ["batch normalisation", "batchnorm", "batch norm"],
  ["layer normalisation", "layernorm", "layer norm"],
  ["float16", "fp16", "half precision"],
  ["bfloat16", "bf16"],
  ["float32", "fp32", "single precision"],
  ["float64", "fp64", "double precision"],
  ["initialisation", "init"],
  ["pre-norm", "prenorm", "pre-ln", "preln"],
  ["post-norm", "postnorm", "post-ln", "postln"],
  ["self-attention", "attention"],
  ["learning rate", "step size"],
  ["backpropagation", "backprop", "backward pass"],
  ["explode", "blow up"],
  ["alpha", "α"], ["beta", "β"], ["gamma", "γ"], ["delta", "δ"], ["epsilon", "ε", "eps"], ["theta", "θ"], ["kappa", "κ"],
  ["lambda", "λ"], ["mu", "μ"], ["rho", "ρ"], ["sigma", "σ"], ["tau", "τ"], ["phi", "φ"], ["omega", "ω"],
];
const UNSAID = new Set("a an and are as at be by can do does for from how in is it its of on or that the this to what when where which why with".split(" "));
const PER_VIEW = 20;

// As long as the text itself, so that a place in one is a place in the other.
const BELOW = { "₊": "+", "₋": "-" };
const plain = (text) =>
  text.toLowerCase().replace(/[₀-ₜᵢᵣᵤᵥⱼ₊₋’]/g, (c) => (c === "’" ? "'" : (BELOW[c] ?? c.normalize("NFKC"))));
const isLetter = (c) => c !== undefined && /[\p{L}\p{N}]/u.test(c);

// A word without its ending, unless that leaves next to nothing; words are looked for by how they begin.
const stem = (word) =>
  word.length > 4 ? word.replace(/(?:ies|es|s|ing|ed|e|y)$/, "").replace(/(.{4,})is(?:ation|e)?$/, "$1i") : word;
// The same word in the other spelling: normalisation, normalization; behaviour, behavior.
const spellings = (word) => [word, word.replace(/iz(?=[aei])/g, "is"), word.replace(/ise\b/g, "ize"), word.replace(/or\b/, "our")];

function terms(query) {
  const letters = plain(query).replace(/([a-z]+)_/g, (_, word) => SAME.find((same) => same[0] === word && same[1]?.length === 1)?.[1] ?? word);
  let text = ` ${letters.replace(/_/g, "").replace(/[“”]/g, '"').replace(/\s+/g, " ").trim()} `;
  const found = [];
  const add = (words, exact) => {
    const group = exact ? [] : SAME.filter((same) => same.includes(words)).flat();
    const all = exact ? [words] : [...new Set([...spellings(words), ...group])];
    found.push(all.map((one, k) => ({ words: exact ? one : one.split(" ").map(stem).join(" "), weight: k && group.includes(one) && one.length > 1 && words.length > 1 ? 0.6 : 1 })));
  };
  text = text.replace(/"([^"]+)"/g, (_, words) => (add(words.trim(), true), " "));
  const phrases = SAME.flat().filter((words) => words.includes(" ")).sort((a, b) => b.length - a.length);
  for (const words of phrases) {
    for (const form of [words, `${words}s`]) {
      if (text.includes(` ${form} `)) {
        text = text.replace(` ${form} `, " ");
        add(words);
      }
    }
  }
  const words = text.match(/\d+(?:\.\d+)+|[\p{L}\p{N}][\p{L}\p{N}+'-]*|[∂∑∏√∞≤≥≈→]/gu) ?? [];
  const said = words.filter((word) => !UNSAID.has(word));
  for (const word of said.length || found.length ? said : words) add(word);
  return found;
}

/** Where a word or phrase begins in a text; a phrase's words may have endings. */
function places(text, words) {
  const found = [];
  const [first, ...rest] = words.split(" ");
  for (let at = text.indexOf(first); at >= 0; at = text.indexOf(first, at + first.length)) {
    if (isLetter(text[at - 1]) && isLetter(first[0])) continue;
    let end = at + first.length;
    // One or two letters are a name, and a number is whole.
    if ((first.length < 3 || /\d$/.test(first)) && isLetter(text[end])) continue;
    while (isLetter(text[end])) end++;
    let whole = true;
    for (const next of rest) {
      if (!text.startsWith(next, end + 1)) {
        whole = false;
        break;
      }
      end += 1 + next.length;
      while (isLetter(text[end])) end++;
    }
    if (whole) found.push([at, end]);
  }
  return found;
}

const SECTIONS = BOOK.pages.flatMap((page) =>
  page.sections.map(([anchor, title, text]) => ({ page, anchor, title, text, plainTitle: plain(title), plainText: plain(text) })),
);

function score(section, asked, whole) {
  let sum = 0;
  let missing = 0;
  for (const alternatives of asked) {
    let best = 0;
    for (const { words, weight } of alternatives) {
      const [inTitle, inText] = [places(section.plainTitle, words).length, places(section.plainText, words).length];
      const above = section.page.sections[0][1] !== section.title && places(plain(section.page.title), words).length ? 2 : 0;
      const own = (inTitle ? 12 : 0) + Math.min(inText, 6) * 1.5;
      if (own) best = Math.max(best, weight * (own + above));
    }
    if (!best) missing++;
    sum += best;
  }
  if (whole.length > 3 && section.plainTitle.includes(whole)) sum += 15;
  if (whole.includes(" ") && section.plainText.includes(whole)) sum += 8;
  if (asked.length === 1 && asked[0].some(({ words }) => section.plainTitle.split(", ").map(stem).includes(words))) sum += 15;
  return { sum: sum * section.page.rank, missing };
}

function search(query) {
  const asked = terms(query);
  const whole = plain(query).trim();
  const scored = SECTIONS.map((section) => ({ section, asked, ...score(section, asked, whole) })).filter(({ sum }) => sum > 0);
  const all = scored.filter(({ missing }) => !missing);
  const hits = (all.length ? all : scored).sort((a, b) => a.missing - b.missing || b.sum - a.sum);
  return { hits, partly: !all.length && hits.length > 0 };
}

/** What bears the number that is asked for, such as (4.8), or the label: an equation, a section, a theorem. */
function numbered(query) {
  for (const page of BOOK.pages)
    for (const [, title, anchor] of page.numbered) if (anchor === `equation-${query.trim()}`) return [{ page, anchor, title }];
  const [, kind = "", asked] = /^\s*([a-z]*)\.?\s*\(?(\d+(?:\.\d+)*)\.?\)?\s*$/i.exec(query) ?? [];
  if (!asked) return [];
  const found = [];
  for (const page of BOOK.pages) {
    for (const [number, name, anchor] of page.numbered) if (number === asked) found.push({ page, anchor, title: name });
    for (const [anchor, title, text] of page.sections) if (title.startsWith(`${asked}. `)) found.push({ page, anchor, title, text });
  }
  const named = found.filter(({ title }) => kind && title.toLowerCase().startsWith(kind.toLowerCase()));
  return named.length ? named : found;
}

/** Names of the package's reference that are, or end in, what is asked for. */
function named(query) {
  const asked = query.trim().replace(/\(\)$/, "");
  if (!/^[\w.]{3,}$/.test(asked)) return [];
  return BOOK.names.filter(([name]) => name === asked || name.endsWith(`.${asked}`)).slice(0, 3);
}

/** The part of a text with most of the hits, and what was found marked. */
function excerpt({ plainText, text }, asked) {
  const hits = asked.flatMap((alternatives) => alternatives.flatMap(({ words }) => places(plainText, words))).sort((a, b) => a[0] - b[0]);
  const room = 240;
  const within = (start) => hits.filter(([a, b]) => a >= start && b <= start + room).length;
  const begin = hits.length ? hits.map(([a]) => Math.max(0, a - 50)).reduce((best, start) => (within(start) > within(best) ? start : best)) : 0;
  const from = begin && text.indexOf(" ", begin) + 1;
  const to = from + room < text.length ? text.lastIndexOf(" ", from + room) : text.length;
  const context = document.createElement("p");
  context.className = "context";
  let end = from;
  context.append(from ? "… " : "");
  for (const [a, b] of hits) {
    if (a < end || b > to) continue;
    context.append(text.slice(end, a), Object.assign(document.createElement("mark"), { textContent: text.slice(a, b) }));
    end = b;
  }
  context.append(text.slice(end, to), to < text.length ? " …" : "");
  return context;
}

function entry(address, title, where, context) {
  const item = document.createElement("li");
  item.append(Object.assign(document.createElement("a"), { href: address, textContent: title }));
  if (where) item.append(Object.assign(document.createElement("span"), { className: "where", textContent: where }));
  if (context) item.append(context);
  return item;
}

/** What is found for `query`, below the field; `said` is the line that is read out. */
function show(query, said, out) {
  if (!query.trim()) {
    said.textContent = "";
    return out.replaceChildren();
  }
  const address = ({ page }, anchor) => `${page.page}${anchor ? `#${anchor}` : ""}`;
  const where = ({ page, title }) => (page.title === title ? "" : page.title);
  const bearers = numbered(query);
  const exact = bearers.map((hit) => entry(address(hit, hit.anchor), hit.title, where(hit)));
  // A word of the language may be a name too, and is then first of all a word.
  const names = named(query).map(([name, at]) => entry(at, name, "Reference of the package"));
  if (/[_.]|[a-z][A-Z]/.test(query)) exact.push(...names.splice(0));
  const { hits: all, partly } = search(query);
  const hits = all.filter(({ section }) => !bearers.some(({ page, anchor }) => page === section.page && anchor === section.anchor));
  const list = document.createElement("ul");
  list.className = "search";
  const more = document.createElement("button");
  const add = () => {
    const from = list.querySelectorAll(".context").length;
    for (const { section, asked } of hits.slice(from, from + PER_VIEW))
      list.append(entry(address(section, section.anchor), section.title, where(section), excerpt(section, asked)));
    const left = hits.length - from - PER_VIEW;
    more.hidden = left <= 0;
    more.textContent = `Show ${Math.min(left, PER_VIEW)} more`;
  };
  list.append(...exact);
  more.addEventListener("click", () => {
    const { length } = list.children;
    add();
    list.children[length].querySelector("a").focus();
  });
  more.className = "btn search-more";
  add();
  list.append(...names);
  const pages = new Set(hits.map(({ section }) => section.page)).size;
  const count = `${hits.length} ${hits.length === 1 ? "section" : "sections"} in ${pages} ${pages === 1 ? "page" : "pages"}`;
  said.textContent = partly ? `No section has all of these words. ${count} with some of them.` : hits.length ? `${count}.` : "";
  if (!list.children.length) said.textContent = "Nothing in the book has these words.";
  out.replaceChildren(list, more);
}

function start() {
  const field = document.querySelector(".bd-search-container input[name=q]");
  const asked = new URLSearchParams(location.search).get("q") ?? "";
  const out = document.querySelector("#search-results");
  const said = document.createElement("p");
  said.className = "search-summary";
  said.setAttribute("role", "status");
  out.before(said);
  for (const input of document.querySelectorAll("input[name=q]")) input.value = asked;
  show(asked, said, out);
  field.focus();
  field.select();
  // What is typed is looked for at once.
  field.addEventListener("input", () => show(field.value, said, out));
}

if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
else start();
