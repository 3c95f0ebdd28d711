// An explorer without a browser: Node renders the module itself into a stand-in for `document`, and what stands there
// goes to standard output, as {"figures": HTML, "said": the state in words}. On standard input comes
// {"name": of the module, "values": of all traits}.
import { fileURLToPath } from "node:url";

class Element {
  constructor(tag) {
    Object.assign(this, { localName: tag, attributes: {}, childNodes: [], value: "" });
  }
  getAttribute(key) {
    return this.attributes[key] ?? null;
  }
  setAttribute(key, value) {
    this.attributes[key] = String(value);
  }
  removeAttribute(key) {
    delete this.attributes[key];
  }
  append(...nodes) {
    this.childNodes.push(...nodes.map((node) => (node instanceof Element ? node : { data: String(node) })));
  }
  replaceChildren(...nodes) {
    this.childNodes = [];
    this.append(...nodes);
  }
  set textContent(said) {
    this.replaceChildren(said);
  }
  // What the modules ask of a document besides; nothing is pressed, measured or painted here.
  addEventListener() {}
  querySelectorAll = () => [];
  querySelector = () => null;
  getContext = () => null;
  get firstChild() {
    return this.childNodes[0];
  }
  get children() {
    return this.childNodes;
  }
  get childElementCount() {
    return this.childNodes.length;
  }
  get caption() {
    return this.childNodes[0];
  }
  get tHead() {
    return this.childNodes[1];
  }
  get tBodies() {
    return [this.childNodes[2]];
  }
  get rows() {
    return this.childNodes;
  }
}

globalThis.document = { createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag) };
globalThis.ResizeObserver = class {
  observe() {}
};

const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
// Coordinates to a hundredth, so that the last bit, which differs between machines, is never seen.
const rounded = (value) => value.replace(/-?\d+\.\d{3,}(e-?\d+)?/g, (number) => String(Math.round(number * 100) / 100 + 0));
const classes = ({ attributes }) => (attributes.class ?? "").split(" ");

/** What controls have, but pictures have not. */
const LIVE = /^(tabindex|role|id|aria-(checked|label|describedby|roledescription|live))$/;

function html(node) {
  if (!(node instanceof Element)) return escaped(node.data);
  const { localName: tag, attributes } = node;
  if (node.hidden || classes(node).includes("rx-only-live")) return "";
  const kept = Object.fromEntries(Object.entries(attributes).filter(([key]) => !LIVE.test(key)));
  if (tag === "svg") {
    const [, , width, height] = kept.viewBox?.split(" ") ?? [];
    Object.assign(kept, { xmlns: "http://www.w3.org/2000/svg", ...(width && { width, height }) });
    if (attributes["aria-label"]) Object.assign(kept, { role: "img", "aria-label": attributes["aria-label"] });
  }
  const written = Object.entries(kept).map(([key, value]) => ` ${key}="${escaped(rounded(value))}"`);
  return `<${tag}${written.join("")}>${node.childNodes.map(html).join("")}</${tag}>`;
}

const found = (node, name) => {
  if (!(node instanceof Element)) return [];
  return classes(node).includes(name) ? [node] : node.childNodes.flatMap((child) => found(child, name));
};

/** A module's render in a state, as the element that it fills; the folded table open or not. */
export async function drawn(name, values, open = false) {
  Element.prototype.open = open;
  const module = await import(`./${name}.js`);
  const el = new Element("div");
  const model = { get: (key) => values[key], set() {}, save_changes() {}, on() {}, off() {} };
  module.default.render({ model, el });
  return el;
}

const BLOCKS = ["p", "li", "th", "td", "caption", "text", "button", "label", "output", "option", "summary"];
function textOf(node) {
  if (!(node instanceof Element)) return node.data;
  if (node.hidden) return "";
  return node.childNodes.map(textOf).join("") + (BLOCKS.includes(node.localName) ? "\n" : "");
}

/** Every text that a reader can see in a state, the table's too: for the tests. */
export const texts = async (name, values) => textOf(await drawn(name, values, true));

async function main() {
  let text = "";
  for await (const part of process.stdin) text += part;
  const { name, values } = JSON.parse(text);
  const el = await drawn(name, values);
  const [figures] = found(el, "rx-figures"),
    [said] = found(el, "rx-readout");
  console.log(JSON.stringify({ figures: html(figures), said: said.firstChild.data }));
}
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
