// What the built page needs a script for. Without it the page is whole: boxes scroll, folds unfold.

// A box that scrolls sideways can be reached by keyboard, and says what it is; one that fits is plain.
const BOXES = {
  ".bd-article .katex-display": "Wide formula",
  ".bd-article .pst-scrollable-table-container": "Wide table",
  ".bd-article .cell_output .output": "Wide output",
  ".bd-article pre": "Wide code",
  ".derivation-right": "Wide line",
};

// All boxes are measured before any is written to: the browser would otherwise lay the page out anew for each of them.
function mark(boxes, names) {
  const wide = boxes.map((box) => box.scrollWidth > box.clientWidth + 1);
  boxes.forEach((box, k) => {
    if (wide[k] === (box.tabIndex === 0)) return;
    if (wide[k]) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `${names.get(box)}, scrolls sideways`);
    } else {
      for (const attribute of ["tabindex", "role", "aria-label"]) box.removeAttribute(attribute);
    }
  });
}

function watchBoxes() {
  const names = new Map();
  // Sections far from the window are not laid out (content-visibility): they are measured when they come near it, and
  // when Tab is pressed, which may lead anywhere.
  let counts = (box) => box.checkVisibility?.({ contentVisibilityAuto: true }) ?? true;
  const measureNow = () => mark([...names.keys()].filter((box) => counts(box)), names);
  // A box that has not been laid out for a while may tell its last width when it is asked for the first time.
  const measure = () => {
    measureNow();
    requestAnimationFrame(measureNow);
  };
  const observer = new ResizeObserver(measure);
  const watch = (root) => {
    for (const [selector, name] of Object.entries(BOXES)) {
      for (const box of root.querySelectorAll(selector)) {
        names.set(box, name);
        observer.observe(box);
      }
    }
  };
  watch(document);
  document.addEventListener("laidout", ({ target }) => watch(target));
  // A font that comes late widens the content and not the box.
  document.fonts.addEventListener("loadingdone", measure);
  const pressed = ({ key }) => {
    if (key !== "Tab") return;
    counts = () => true;
    measure();
  };
  addEventListener("keydown", pressed, { capture: true });
}

// Elements made of the HTML that an element keeps as its text.
function elementsOf(kept) {
  const made = document.createElement("template");
  made.innerHTML = kept.textContent;
  return made.content;
}

// What a fold keeps for later stands in a noscript element, which is one text where there is a script: elements are made
// of it when it is asked for. (A page of hundreds of formulas would else take a second of a phone before it answers.)
function layOut(fold) {
  const kept = fold.querySelector(":scope > noscript");
  if (!kept) return;
  kept.replaceWith(elementsOf(kept));
  fold.dispatchEvent(new Event("laidout", { bubbles: true }));
}

// The name that an address leads to; none where it cannot be read.
function nameIn(hash) {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

function layOutWhenAsked() {
  const waiting = () => [...document.querySelectorAll("details > noscript")];
  const all = () => waiting().forEach(({ parentElement }) => layOut(parentElement));
  document.addEventListener("toggle", ({ target }) => layOut(target), { capture: true });
  addEventListener("beforeprint", all);
  matchMedia("print").addEventListener("change", ({ matches }) => matches && all());
  // A link may lead into one, or to the row that is one.
  const follow = () => {
    const id = nameIn(location.hash);
    const target = document.getElementById(id);
    const row = target?.closest("section")?.querySelector(":scope > details.ledger-row");
    const holding = id && !target && waiting().find(({ textContent }) => textContent.includes(`id="${id}"`));
    const fold = row ?? (holding ? holding.parentElement : null);
    if (!fold) return;
    layOut(fold);
    fold.open = true;
    if (holding) document.getElementById(id).scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();
  // The browser's own search finds what is there: once somebody reads, all is made ready, in pauses.
  const pause = globalThis.requestIdleCallback ?? setTimeout;
  const next = () => {
    const fold = document.querySelector("details:has(> noscript)");
    if (!fold) return;
    layOut(fold);
    pause(next);
  };
  const signs = ["pointerdown", "keydown", "scroll"];
  const begin = () => {
    for (const sign of signs) removeEventListener(sign, begin);
    pause(next);
  };
  for (const sign of signs) addEventListener(sign, begin, { passive: true });
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

// Paper is white. What makes a page dark is a script, so a script can make it light while it is printed.
function lightenForPrint() {
  const root = document.documentElement.dataset;
  let onScreen;
  const lighten = () => {
    onScreen ??= root.theme;
    root.theme = "light";
  };
  const restore = () => {
    root.theme = onScreen ?? root.theme;
    onScreen = undefined;
  };
  addEventListener("beforeprint", lighten);
  addEventListener("afterprint", restore);
  // A preview of the printed page may come without these two.
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? lighten() : restore()));
}

// A page opened from a file or in a sandboxed frame has no origin and may fetch nothing, and a link there shows a
// notebook instead of saving it. So a notebook comes as a script that calls this function.
// oxlint-disable-next-line no-unused-vars -- the notebooks' scripts call it
function resnotesDownload(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
}

function workWithoutFetching() {
  for (const link of document.querySelectorAll("a[download]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const script = document.createElement("script");
      script.src = `${link.href}.js`;
      document.head.append(script);
    });
  }
}

// In the page's contents the section that is being read is marked, with those that it belongs to; none while the page
// loads, since what opens below an entry moves those that follow.
function followReading() {
  const entries = [...document.querySelectorAll(".bd-toc-nav a[href^='#']")]
    .map((link) => ({ link, section: document.getElementById(nameIn(link.hash)) }))
    .filter(({ section }) => section);
  const visible = new Set();
  const show = () => {
    const current = scrollY > 0 ? entries.findLast(({ section }) => visible.has(section)) : undefined;
    for (const entry of entries) {
      const read = Boolean(current && entry.section.contains(current.section));
      for (const element of [entry.link, entry.link.parentElement]) element.classList.toggle("active", read);
      if (entry === current) entry.link.setAttribute("aria-current", "true");
      else entry.link.removeAttribute("aria-current");
    }
  };
  const observer = new IntersectionObserver(
    (changes) => {
      for (const { target, isIntersecting } of changes) visible[isIntersecting ? "add" : "delete"](target);
      show();
    },
    // The last one that has come into the upper part of the window.
    { rootMargin: "0px 0px -60%" },
  );
  for (const { section } of entries) observer.observe(section);
  addEventListener("scroll", show, { once: true });
}

// A derivation opens whole, so that a search finds everything; from its first line it unfolds line by line.
function unfoldDerivations() {
  for (const bar of document.querySelectorAll(".derivation-bar")) {
    const lines = [...bar.nextElementSibling.children];
    const [next, all] = bar.querySelectorAll("button");
    let shown = lines.length;
    const show = (count) => {
      shown = Math.min(count, lines.length);
      lines.forEach((line, k) => (line.hidden = k >= shown));
      const whole = shown === lines.length;
      next.textContent = whole ? "Line by line" : "Next line";
      if (whole && document.activeElement === all) next.focus();
      all.hidden = whole;
      bar.querySelector("span").textContent = `${whole ? "All" : `${shown} of`} ${lines.length} lines`;
    };
    bar.addEventListener("click", ({ target }) => {
      const asked = { next: shown === lines.length ? 1 : shown + 1, all: lines.length }[target.dataset.lines];
      if (asked) show(asked);
    });
  }
}

// The equation or the meaning of a word that a link leads to, shown beside the link while it has the pointer or the focus.
function previewEquations() {
  const box = document.createElement("div");
  box.id = "equation-preview";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.body.append(box);
  const hide = () => {
    box.hidden = true;
    document.querySelector("[aria-describedby='equation-preview']")?.removeAttribute("aria-describedby");
  };
  const show = (link) => {
    const id = link.hash.slice(1);
    const kept = document.querySelector(`script[data-preview="${id}"]`);
    const row = document.getElementById(id.replace("equation-", "ledger-"))?.parentElement;
    row?.querySelectorAll("details").forEach(layOut);
    const found = kept ? elementsOf(kept) : (document.getElementById(id) ?? row)?.cloneNode(true);
    const said = link.matches(".term") ? kept && found : found?.querySelector(".katex-display") ?? found?.querySelector(".katex");
    if (!said) return;
    hide();
    box.replaceChildren(said);
    box.hidden = false;
    link.setAttribute("aria-describedby", box.id);
    const at = link.getBoundingClientRect();
    const own = box.getBoundingClientRect();
    const below = at.bottom + 8 + own.height < innerHeight;
    const width = document.documentElement.clientWidth;
    box.style.left = `${Math.max(8, Math.min(at.left, width - own.width - 8)) + scrollX}px`;
    box.style.top = `${(below ? at.bottom + 8 : Math.max(8, at.top - own.height - 8)) + scrollY}px`;
  };
  const LINK = ".bd-article a:is([href*='#equation-'], .term):not(.headerlink)";
  const at = (event, then) => {
    document.addEventListener(event, ({ target }) => {
      const link = target.closest?.(LINK);
      if (link) then(link);
    });
  };
  for (const event of ["mouseover", "focusin"]) at(event, show);
  for (const event of ["mouseout", "focusout"]) at(event, hide);
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

// What is being read stays where it is: while the page loads, where a link or a reload has led to; later, where the
// browser does not see to it itself (Safari), what stands at the top of the window. What stands above may grow: an explorer
// is higher than its picture, and a section far from the window has a guessed height until it comes near.
function holdPlace() {
  const article = document.querySelector(".bd-article");
  if (!article) return;
  const READ = ":is(h1, h2, h3, h4, p, li, dt, dd, tr, pre, figure, div.math, div.cell, details.later)";
  // Not what scripts put there, so that a number means the same when the page is loaded again.
  const made = (element) => element.closest(".rx-live") ?? element.parentElement.closest("details.later");
  const readable = () => [...article.querySelectorAll(READ)].filter((element) => !made(element));
  const atTop = () => {
    const { left } = article.getBoundingClientRect();
    for (let y = 72; y < innerHeight; y += 12) {
      const hit = document.elementFromPoint(left + 48, y);
      const found = hit && (made(hit) ?? hit).closest(`.bd-article ${READ}`);
      if (found) return found;
    }
    return null;
  };
  const placeOf = (element) => element.getBoundingClientRect().top;

  const key = `place:${location.pathname}`;
  const keep = (place) => {
    try {
      sessionStorage.setItem(key, JSON.stringify(place));
    } catch {
      // a browser that keeps nothing
    }
  };
  const kept = () => {
    try {
      return JSON.parse(sessionStorage.getItem(key)) ?? [];
    } catch {
      return [];
    }
  };
  const remember = () => {
    const element = atTop();
    if (!element) return;
    // A fold is closed when the page is loaded again.
    const place = element.matches("details") ? Math.max(72, placeOf(element)) : placeOf(element);
    keep([readable().indexOf(element), place, scrollY]);
  };
  addEventListener("pagehide", remember);
  document.addEventListener("visibilitychange", () => document.hidden && remember());

  // What is held, and its distance from the top of the window; without one, where a link to it would bring it.
  let held, top;
  const { type } = performance.getEntriesByType("navigation")[0] ?? {};
  if (["reload", "back_forward"].includes(type)) {
    const [number, place, scrolled] = kept();
    if (scrolled > 0) [held, top] = [readable()[number], place];
    const fold = held?.closest("details:not([open])");
    if (fold) fold.open = true;
  } else held = document.getElementById(nameIn(location.hash));
  const bring = () => {
    if (!held?.checkVisibility()) return;
    if (top === undefined) held.scrollIntoView();
    else if (Math.abs(placeOf(held) - top) > 1) scrollBy(0, placeOf(held) - top);
  };
  const observer = new ResizeObserver(bring);
  const choose = () => {
    held = atTop();
    top = held ? placeOf(held) : undefined;
  };
  const hands = ["wheel", "touchstart", "keydown", "pointerdown", "hashchange"];
  const release = () => {
    for (const hand of hands) removeEventListener(hand, release);
    removeEventListener("scroll", bring);
    if (CSS.supports("overflow-anchor", "auto")) observer.disconnect();
    else {
      addEventListener("scroll", choose, { passive: true });
      choose();
    }
  };
  for (const hand of hands) addEventListener(hand, release, { passive: true });
  // Against the browser's own restoring, which goes by pixels. Until the explorers are there, and not for long: somebody may
  // scroll without any of the hands.
  addEventListener("scroll", bring, { passive: true });
  const wait = (tries) => {
    const { length } = document.querySelectorAll("[data-resnotes-explorer]:not(.rx-static-kept)");
    setTimeout(length && tries ? () => wait(tries - 1) : release, length && tries ? 100 : 800);
  };
  addEventListener("load", () => wait(100));
  observer.observe(article);
  bring();
}

addEventListener("DOMContentLoaded", layOutWhenAsked);
addEventListener("DOMContentLoaded", holdPlace);
addEventListener("DOMContentLoaded", followReading);
addEventListener("DOMContentLoaded", unfoldDerivations);
addEventListener("DOMContentLoaded", previewEquations);
if (origin === "null") workWithoutFetching();

// Before the page is laid out there is nothing to measure.
addEventListener("load", watchBoxes);
unfoldForPrint();
lightenForPrint();
