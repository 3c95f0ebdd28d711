// What the built page needs a script for. Without it the page is whole: boxes scroll, folds unfold.

// A box that scrolls sideways can be reached by keyboard, and says what it is; one that fits is plain.
const BOXES = {
  ".bd-article .katex-display": "Wide formula",
  ".bd-article .pst-scrollable-table-container": "Wide table",
  ".bd-article .cell_output .output": "Wide output",
  ".bd-article pre": "Wide code",
};

function mark(box, name) {
  if (box.scrollWidth > box.clientWidth + 1) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `${name}, scrolls sideways`);
  } else {
    for (const attribute of ["tabindex", "role", "aria-label"]) box.removeAttribute(attribute);
  }
}

function watchBoxes() {
  const names = new Map();
  for (const [selector, name] of Object.entries(BOXES)) {
    for (const box of document.querySelectorAll(selector)) names.set(box, name);
  }
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) mark(target, names.get(target));
  });
  for (const box of names.keys()) observer.observe(box);
  // A font that comes late widens the content and not the box.
  document.fonts.addEventListener("loadingdone", () => names.forEach((name, box) => mark(box, name)));
}

// Paper cannot be unfolded: what is folded prints open, and is folded again afterwards.
function unfoldForPrint() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => opened.forEach((fold) => (fold.open = false)));
}

// The excerpts of search hits are made of a page's text, where a formula stands as MathML, as TeX and drawn.
function showFormulasOnceInExcerpts() {
  if (typeof Search === "undefined") return;
  const textOf = Search.htmlToText;
  const mathml = /<span class="katex-mathml">.*?<\/math><\/span>/gs;
  Search.htmlToText = (html, anchor) => textOf(html.replace(mathml, ""), anchor);
}

// A page opened from a file may fetch nothing, and a link there shows a notebook instead of saving it. So the
// search shows its hits without excerpts, and a notebook comes as a script that calls this function.
function resnotesDownload(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
  link.download = name;
  link.click();
}

function workFromFile() {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  for (const link of document.querySelectorAll("a[download][href$='.ipynb']")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const script = document.createElement("script");
      script.src = `${link.href}.js`;
      document.head.append(script);
    });
  }
}

addEventListener("DOMContentLoaded", showFormulasOnceInExcerpts);
if (location.protocol === "file:") workFromFile();

// After the theme's own pass over code and outputs, which runs on load.
addEventListener("load", watchBoxes);
unfoldForPrint();
