// Filters the claims of the audit page. Without this script all of them are shown and the form stays hidden.
/* global layOut, nameIn -- assets/resnotes.js */
(() => {
  const form = document.getElementById("audit-filter");
  const count = document.getElementById("audit-count");
  const claims = [...document.querySelectorAll("section.claim")].map((element) => ({ element }));
  const notes = [...new Set(claims.map(({ element }) => element.parentElement))];

  // What a reader sees, and each formula once: its drawn form and its TeX are left out, its MathML stays. Read when words
  // are looked for: all claims take half a second on a slow phone.
  function textOf(claim) {
    return (claim.text ??= read(claim.element));
  }

  function read(element) {
    element.querySelectorAll("details").forEach(layOut);
    const copy = element.cloneNode(true);
    copy.querySelectorAll(".katex-html, annotation").forEach((part) => part.remove());
    return copy.textContent.toLowerCase();
  }

  function apply() {
    const { verdict, note, words } = Object.fromEntries(new FormData(form));
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const claim of claims) {
      const { element } = claim;
      const fits = [verdict, note].every((name) => !name || element.classList.contains(name));
      element.hidden = !(fits && wanted.every((word) => textOf(claim).includes(word)));
      shown += !element.hidden;
    }
    for (const section of notes) section.hidden = !section.querySelector("section.claim:not([hidden])");
    count.textContent = `${shown} of ${claims.length} claims shown`;
  }

  // A link to a claim that is filtered out shows everything again.
  function reveal(address) {
    const target = document.getElementById(nameIn(address));
    if (target?.closest("section.claim[hidden], section[hidden]")) {
      form.reset();
      apply();
      target.scrollIntoView();
    }
  }

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  addEventListener("hashchange", () => reveal(location.hash));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (link) reveal(link.getAttribute("href"));
  });
  form.hidden = false;
  apply();
})();
