// Replaces each static picture on a page of the book by the live explorer.
//
// A classic script, since a page opened from file:// may not load modules: the modules' texts come in
// `sources` (name -> text), and are imported from Blob URLs. Without JavaScript, and in print, the static
// picture stays.
// oxlint-disable-next-line no-unused-vars -- explorers.py writes the call
async function hydrate(sources) {
  const urls = {};
  const url = (name) =>
    (urls[name] ??= URL.createObjectURL(
      new Blob([sources[name].replace(/from "\.\/(\w+)\.js"/g, (_, other) => `from "${url(other)}"`)], {
        type: "text/javascript",
      }),
    ));
  const counts = {};
  const states = keepStates();
  for (const figure of document.querySelectorAll("[data-resnotes-explorer]")) {
    const name = figure.dataset.resnotesExplorer;
    counts[name] = (counts[name] ?? 0) + 1;
    revive(figure, `${name}-${counts[name]}`, await import(url(name)), states);
  }
}

/** What each explorer showed when the page was left, where it has been loaded again; `now` is filled with what asks for it. */
function keepStates() {
  const key = `states:${location.pathname}`;
  const now = {};
  addEventListener("pagehide", () => {
    const shown = Object.entries(now).map(([id, state]) => [id, state()]);
    try {
      sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(shown)));
    } catch {
      // a browser that keeps nothing
    }
  });
  const { type } = performance.getEntriesByType("navigation")[0] ?? {};
  if (!["reload", "back_forward"].includes(type)) return { now, before: {} };
  try {
    return { now, before: JSON.parse(sessionStorage.getItem(key)) ?? {} };
  } catch {
    return { now, before: {} };
  }
}

function revive(figure, id, module, states) {
  const stored = JSON.parse(figure.dataset.state);
  const carried = JSON.parse(figure.dataset.carried ?? "{}");
  const model = standIn({ ...carried, ...stored });
  const live = document.createElement("div");
  live.className = "rx-live";
  const share = {
    async copy() {
      const link = new URL(location.href);
      link.hash = toHash(id, stored, model);
      // The address itself becomes the link, so that it can be copied where the clipboard is closed.
      history.replaceState(null, "", link.hash);
      try {
        await navigator.clipboard.writeText(link.href);
        return "The link is copied.";
      } catch {
        return "The link stands in the address bar: copy it from there.";
      }
    },
  };
  share.forget = () => {
    if (location.hash.slice(1).split("/")[0] === id) history.replaceState(null, "", location.href.split("#")[0]);
  };
  const restore = () => {
    const asked = fromHash(id, stored);
    if (!asked) return false;
    share.tell?.("");
    const wrong = asked.problem || module.check({ ...carried, ...asked.state });
    if (wrong) share.tell?.(`The link’s state cannot be shown. ${wrong}`);
    else for (const [key, value] of Object.entries(asked.state)) model.set(key, value);
    return true;
  };
  figure.before(live);
  module.default.render({ model, el: live, share });
  figure.classList.add("rx-static-kept");
  live.dataset.ready = id;
  const follow = () => {
    if (restore()) live.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", follow);
  follow();
  const before = states.before[id];
  if (before && !module.check({ ...carried, ...before })) for (const key in before) model.set(key, before[key]);
  states.now[id] = () => Object.fromEntries(Object.keys(stored).map((key) => [key, model.get(key)]));
}

/** What anywidget's model offers to an explorer, without a kernel behind it. */
function standIn(state) {
  const values = { ...state };
  const listeners = new Map();
  return {
    get: (key) => values[key],
    set(key, value) {
      if (JSON.stringify(values[key]) === JSON.stringify(value)) return;
      values[key] = value;
      for (const listener of listeners.get(`change:${key}`) ?? []) listener();
    },
    save_changes() {},
    on(event, listener) {
      listeners.set(event, [...(listeners.get(event) ?? []), listener]);
    },
    off(event, listener) {
      listeners.set(
        event,
        (listeners.get(event) ?? []).filter((other) => other !== listener),
      );
    },
  };
}

// #lambda_depth-1/depth=50/lam=0.9/…: letters, digits and signs that need no escaping; lists by commas.
function toHash(id, stored, model) {
  const text = (value) => (Array.isArray(value) ? value.join(",") : String(value));
  return [id, ...Object.keys(stored).map((key) => `${key}=${encodeURIComponent(text(model.get(key)))}`)].join(
    "/",
  );
}

function fromHash(id, stored) {
  const [first, ...pairs] = location.hash.slice(1).split("/");
  if (first !== id) return null;
  const state = { ...stored };
  for (const pair of pairs) {
    const [key, value = ""] = pair.split("=");
    if (!Object.hasOwn(stored, key)) return { problem: `It names “${key}”, which is unknown here.` };
    let text;
    try {
      text = decodeURIComponent(value);
    } catch {
      return { problem: `“${value}” cannot be read.` };
    }
    const number = (part) => (part.trim() === "" ? NaN : Number(part));
    if (Array.isArray(stored[key])) state[key] = text === "" ? [] : text.split(",").map(number);
    else if (typeof stored[key] === "number") state[key] = number(text);
    // Anything else than the two words stays a text, for the explorer's own check to refuse.
    else state[key] = typeof stored[key] === "boolean" ? ({ true: true, false: false }[text] ?? text) : text;
  }
  return { state };
}
