// What a page of the book must do in any browser: run in the page, returns what is wrong with it. What is expected comes from
// the build: how many formulas the page has, whether it was opened from a file, what a search must find. `patience` is in
// seconds, generous, since the machine may do other things; what is there is not waited for.
// oxlint-disable-next-line no-unused-vars -- test_engines.py calls it
async function wrongWith({ formulas, file, search, patience = 20 }) {
  const found = [];
  const wrong = (what) => found.push(what);
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
  const until = async (ask, what) => {
    const end = Date.now() + 1000 * patience;
    let value = ask();
    while (!value && Date.now() < end) {
      await pause(20);
      value = ask();
    }
    if (!value) wrong(typeof what === "function" ? what() : `never: ${what}`);
    return value;
  };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const shown = (element) => element.checkVisibility() && element.getBoundingClientRect().height > 0;

  const pictures = all("[data-resnotes-explorer]");
  const live = () => all("[data-ready]");
  await until(() => live().length === pictures.length, () => `${live().length} of ${pictures.length} explorers live`);

  // Where the link led, as long as nobody has touched the page.
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (location.hash && !target) wrong(`the link to ${location.hash} leads nowhere`);
  if (target) {
    const landed = () => {
      const { top } = target.getBoundingClientRect();
      const below = document.documentElement.scrollHeight - scrollY - innerHeight;
      return top >= -1 && (top <= 200 || (below < 2 && top < innerHeight));
    };
    await until(landed, () => `the link to ${location.hash} landed ${Math.round(target.getBoundingClientRect().top)} px below the top`);
  }

  // Each explorer follows its first slider, and a link to a state brings that state back.
  for (const explorer of live()) {
    const name = explorer.dataset.ready;
    if (!explorer.querySelector("svg :is(path, circle, rect, line, polyline)")) wrong(`${name}: no picture`);
    const slider = explorer.querySelector("input[type=range]");
    if (!slider) continue;
    const said = () => `${slider.value} ${slider.getAttribute("aria-valuetext")} ${explorer.querySelector(".rx-readout")?.textContent}`;
    const before = said();
    slider.value = slider.value === slider.max ? slider.min : slider.max;
    const moved = said();
    for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, { bubbles: true }));
    await until(() => said() !== moved, `${name} answers its slider`);
    const state = Object.entries(JSON.parse(explorer.nextElementSibling.dataset.state));
    location.hash = [name, ...state.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)].join("/");
    await until(() => said() === before, `the link to a state of ${name} shows it`);
  }

  // Of each kind of fold the first one opens.
  const kinds = new Map();
  for (const fold of all(".bd-article details:not([open])")) {
    const kind = `${fold.className} ${fold.querySelector(":scope > noscript") ? "kept" : ""}`;
    if (!kinds.has(kind) && fold.querySelector("summary")?.checkVisibility()) kinds.set(kind, fold);
  }
  for (const [kind, fold] of kinds) {
    fold.querySelector("summary").click();
    const inside = () => fold.open && [...fold.children].slice(1).some(shown);
    await until(inside, () => `a fold stays closed: ${kind}, ${fold.textContent.trim().slice(0, 40)}`);
  }
  // Formulas: as many as the source has, also in folds that keep them for later, each drawn and readable, in its own fonts.
  all("details:has(> noscript)").forEach((fold) => layOut(fold));
  const drawn = all("article .katex");
  if (drawn.length !== formulas) wrong(`${drawn.length} formulas, the source has ${formulas}`);
  if (all(".katex-error").length) wrong("a formula that is not set");
  if (drawn.some((one) => !one.querySelector("math") || !one.querySelector(".katex-html")?.textContent)) wrong("a formula without MathML or drawing");
  const first = drawn.find(shown);
  if (first) {
    first.scrollIntoView();
    const own = () => [...document.fonts].some(({ family, status }) => /KaTeX/.test(family) && status === "loaded");
    await until(own, "fonts for formulas");
    if (first.getBoundingClientRect().width < 2) wrong("a formula without width");
  }
  for (const font of document.fonts) if (font.status === "error") wrong(`font did not load: ${font.family}`);
  const room = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (room > 0) wrong(`scrolls sideways by ${room} px`);

  // Derivations unfold.
  const bar = all(".derivation-bar").find(shown);
  if (bar) {
    const lines = [...bar.nextElementSibling.children];
    const press = (what) => bar.querySelector(`[data-lines=${what}]`).click();
    press("next");
    if (lines.filter(shown).length !== 1) wrong("a derivation does not begin with its first line");
    press("next");
    if (lines.filter(shown).length !== Math.min(2, lines.length)) wrong("a derivation does not go on");
    press("all");
    if (!lines.every(shown)) wrong("a derivation does not unfold");
  }
  // Equations and words are shown beside their links.
  for (const kind of ["[href*='#equation-']:not(.headerlink)", ".term"]) {
    const link = all(`.bd-article a${kind}`).find(shown);
    if (!link) continue;
    const box = document.querySelector("#equation-preview");
    link.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
    await until(() => shown(box) && box.textContent.trim(), `a preview beside ${link.href}`);
    link.dispatchEvent(new MouseEvent("mouseout", { bubbles: true }));
    await until(() => !shown(box), "a preview goes away");
  }
  // Colours: a press goes on to the next of three, which the next page begins with; what is written is seen in each.
  const colours = () => ({ ...document.documentElement.dataset });
  const { mode, theme } = colours();
  if (!["auto", theme].includes(mode)) wrong(`the colours are ${theme} where ${mode} was chosen`);
  document.querySelector(".theme-switch-button").click();
  await until(() => colours().mode !== mode, "the button for the colours");
  if (!["auto", colours().theme].includes(colours().mode)) wrong(`the colours are ${colours().theme} where ${colours().mode} was chosen`);
  const { color, backgroundColor } = getComputedStyle(document.body);
  if (color === backgroundColor) wrong(`nothing is to be seen in ${colours().theme}`);

  // Downloads, whole: from a server as they lie there, from a file as the page makes them (and nothing is saved).
  const saved = [];
  const { createObjectURL } = URL;
  const { click } = HTMLAnchorElement.prototype;
  URL.createObjectURL = (blob) => (saved.push(blob.size), createObjectURL.call(URL, blob));
  HTMLAnchorElement.prototype.click = function () {
    if (!this.href.startsWith("blob:")) click.call(this);
  };
  for (const offer of all("a[download]")) {
    if (!file) {
      const answer = await fetch(offer.href);
      if (!answer.ok || (await answer.text()).length < 500) wrong(`the download ${offer.href}`);
    } else {
      saved.length = 0;
      offer.click();
      await until(() => saved[0] > 500, `the download ${offer.href}`);
    }
  }
  URL.createObjectURL = createObjectURL;
  HTMLAnchorElement.prototype.click = click;

  // The search, on its page.
  const field = document.querySelector(".bd-search-container input");
  for (const [asked, address] of Object.entries(search ?? {})) {
    field.value = asked;
    const hits = () => {
      field.dispatchEvent(new Event("input"));
      return all("#search-results li");
    };
    await until(() => hits()[0]?.querySelector("a").getAttribute("href").includes(address), () => `the search for ${asked} finds first: ${hits()[0]?.textContent ?? "nothing"}`);
    if (!all("#search-results .context").some(({ textContent }) => textContent)) wrong(`the search for ${asked} shows no excerpt`);
  }
  return [...new Set([...window.complaints, ...found])];
}
