"""What a page must satisfy, as functions that return what is wrong with it; `test_checks.py` breaks each."""

import gzip
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from axe_playwright_python.sync_playwright import Axe

# TeX that was meant to be a formula and reached the reader as it was typed.
RAW_TEX = re.compile(r"\$[^$\n]+\$|\\[()\[\]]|\\[a-zA-Z]{2,}|\{(?:eq|ref|cite|numref|prf:ref)[:a-z]*\}")


class Watched:
    """A browser page and what happened in it: every request, and everything that was complained about."""

    def __init__(self, context):
        self.context = context
        self.renew()

    def renew(self):
        """A fresh page, so that nothing late from the page before is heard."""
        for page in self.context.pages:
            page.close()
        self.requests, self.complaints = [], []
        self.page = page = self.context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", self.miss)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("console", self.hear)

    def hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def miss(self, request):
        # What the page still asked for when it was left or loaded again is no fault of the page.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"request failed: {request.url} ({request.failure})")

    def open(self, url, width=1280, scheme="light"):
        self.renew()
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme=scheme)
        self.page.goto(url, wait_until="load")
        self.settle()

    def look(self, width, scheme):
        """The same page at another width and in another colour scheme, without loading it again."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme=scheme)
        self.settle()

    def unfold(self):
        """Open everything that is folded away, so that it is looked at too."""
        self.page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        self.settle()

    def settle(self):
        """Wait until fonts are there, transitions are over, and observers of sizes have had their turn."""
        self.page.evaluate(
            """async () => {
              const frame = () => new Promise(requestAnimationFrame);
              // What has just been laid out asks for its fonts a frame later.
              do { await frame(); await document.fonts.ready; } while (document.fonts.status === "loading");
              await frame();
              // Far from the window nothing is laid out, and a transition stands still.
              const still = ({ effect }) => !effect.target.checkVisibility({ contentVisibilityAuto: true });
              document.getAnimations().filter(still).forEach((animation) => animation.finish());
              await Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
              await frame();
              await frame();
            }"""
        )


def outside_requests(watched, home):
    """Requests to anything but `home`, the start of every address of the book."""
    return [f"asks for {url}" for url in watched.requests if not url.startswith((home, "data:", "blob:"))]


PLACE = re.compile(r'<section\b[^>]*? id="([^"]+)"|\bid="(equation-[^"]+)"')


def places(path):
    """Names of a page's sections, and of its sections and equations, in the page's order."""
    found = PLACE.findall(path.read_text("utf-8"))
    return [section for section, _ in found if section], [section or equation for section, equation in found]


COMPRESSED = {".woff2", ".png", ".ico"}


def weight(path):
    """Bytes of a file as a server that compresses sends it."""
    content = Path(path).read_bytes()
    return len(content) if Path(path).suffix in COMPRESSED else len(gzip.compress(content, 6))


def heavy(watched, home, folder, limit):
    """Where what the page has asked for of `home`, the files of `folder`, is more than `limit` bytes over the wire."""
    files = {unquote(urlsplit(url).path) for url in watched.requests if url.startswith(home)}
    weights = {file: weight(folder / file.lstrip("/")) for file in files}
    found = sorted(weights.items(), key=lambda item: -item[1])
    return [f"weighs {sum(weights.values())} bytes, {limit} at most: {found}"] if sum(weights.values()) >= limit else []


def complaints(watched):
    """Console errors and warnings, uncaught exceptions, failed requests."""
    return list(watched.complaints)


def formulas(watched, expected):
    """Formulas that are missing, failed, without MathML, or shown as TeX; the source has `expected`."""
    seen = watched.page.evaluate(
        """() => {
          const article = document.querySelector("article.bd-article") || document.body;
          const shown = article.querySelectorAll(".katex");
          const text = article.cloneNode(true);
          text.querySelectorAll("pre, code, .katex, script, style").forEach((element) => element.remove());
          return {
            count: shown.length,
            errors: [...article.querySelectorAll(".katex-error")].map((element) => element.textContent),
            silent: [...shown].filter((formula) => !formula.querySelector(".katex-mathml math")).length,
            hidden: [...shown].filter((formula) => {
              const math = formula.querySelector("math");
              const style = math && getComputedStyle(math);
              return math && (math.closest("[aria-hidden='true'], [hidden]") ||
                style.display === "none" || style.visibility === "hidden");
            }).length,
            unset: [...shown].filter((formula) => !formula.querySelector(".katex-html")?.textContent).length,
            fonts: [...document.fonts].filter((font) => font.status === "error").map((font) => font.family),
            text: text.textContent,
          };
        }"""
    )
    found = []
    if seen["count"] != expected:
        found.append(f"shows {seen['count']} formulas, its source has {expected}")
    found += [f"formula not set: {error}" for error in seen["errors"]]
    found += [f"font did not load: {family}" for family in seen["fonts"]]
    if seen["silent"] or seen["unset"]:
        found.append(f"{seen['silent']} formulas without MathML, {seen['unset']} without a drawn form")
    if seen["hidden"]:
        found.append(f"{seen['hidden']} formulas whose MathML is hidden from screen readers")
    found += [f"shows raw TeX or a raw role: {match}" for match in RAW_TEX.findall(seen["text"])]
    return found


def overflow(watched):
    """A page that scrolls sideways; boxes that scroll out of the keyboard's reach, or take focus in vain.

    The keyboard is being used: before its first Tab the page leaves alone what is far from the window.
    """
    watched.page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Tab' }))")
    watched.settle()
    seen = watched.page.evaluate(
        """() => {
          const name = (element) =>
            `<${element.tagName.toLowerCase()} id="${element.id}" class="${element.getAttribute("class")}">`;
          const scrolls = (element) =>
            ["auto", "scroll"].includes(getComputedStyle(element).overflowX) &&
            element.scrollWidth > element.clientWidth + 1 && element.checkVisibility();
          const scrollsDown = (element) =>
            ["auto", "scroll"].includes(getComputedStyle(element).overflowY) &&
            element.scrollHeight > element.clientHeight + 1 && element.checkVisibility();
          const boxes = [...document.body.querySelectorAll("*")].filter(scrolls);
          const columns = [...document.body.querySelectorAll("*")].filter(scrollsDown);
          const outOfReach = (box) => box.tabIndex < 0 && !box.querySelector("a, button, input, [tabindex='0']");
          const width = document.documentElement.clientWidth;
          return {
            page: document.documentElement.scrollWidth - width,
            wide: [...document.body.querySelectorAll("article *")]
              .filter((element) => element.getBoundingClientRect().right > width + 1)
              .filter((element) => !boxes.some((box) => box.contains(element)))
              .slice(0, 3).map(name),
            unreachable: boxes.filter(outOfReach).map(name),
            low: columns.filter(outOfReach).map(name),
            needless: [...document.querySelectorAll(".katex-display[tabindex='0']")]
              .filter((box) => box.checkVisibility() && !scrolls(box)).map(name),
          };
        }"""
    )
    found = []
    if seen["page"] > 0:
        found.append(f"scrolls sideways by {seen['page']} px; wide: {', '.join(seen['wide'])}")
    found += [f"scrolls sideways, out of the keyboard's reach: {box}" for box in seen["unreachable"]]
    found += [f"scrolls down, out of the keyboard's reach: {box}" for box in seen["low"]]
    found += [f"takes the focus without scrolling: {box}" for box in seen["needless"]]
    return found


def rings(watched):
    """What the keyboard reaches and does not show that it has."""
    watched.page.keyboard.press("Tab")
    seen = watched.page.evaluate(
        """async () => {
          const name = (element) => `<${element.tagName.toLowerCase()} class="${element.getAttribute("class")}">`;
          const drawn = (element) => {
            const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
            // The browser's own ring, auto, is drawn as it likes, and says a width of 1px.
            return outlineStyle === "auto" || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none";
          };
          const found = [];
          for (const element of document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")) {
            if (!element.checkVisibility({ visibilityProperty: true }) || element.disabled) continue;
            element.focus({ preventScroll: true });
            if (document.activeElement !== element) continue;
            await new Promise(requestAnimationFrame);
            if (!drawn(element) && ![...element.children].some(drawn)) found.push(name(element));
          }
          return [...new Set(found)];
        }"""
    )
    return [f"has the focus without showing it: {element}" for element in seen]


def wide_tables(watched):
    """Tables that scroll sideways: on a wide screen none need to."""
    seen = watched.page.evaluate(
        """() => [...document.querySelectorAll("article table")]
          .filter((table) => table.parentElement.scrollWidth > table.parentElement.clientWidth + 1)
          .map((table) => table.textContent.replace(/\\s+/g, " ").trim().slice(0, 60))"""
    )
    return [f"a table that scrolls sideways: {table}" for table in seen]


def paper(watched):
    """What would come out of a printer dark, or too pale to read: the page as it is printed, whatever the screen shows."""
    watched.page.emulate_media(media="print")
    watched.settle()
    seen = watched.page.evaluate(
        """() => {
          const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
          const linear = (part) => (part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
          const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
          const opaque = (colour) => (parts(colour)[3] ?? 1) > 0.5;
          const ground = (element) => {
            for (let box = element; box; box = box.parentElement) {
              const { backgroundColor } = getComputedStyle(box);
              if (opaque(backgroundColor)) return luminance(parts(backgroundColor));
            }
            return 1;
          };
          const written = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
          const ink = (element) => {
            const { color, fill } = getComputedStyle(element);
            return element instanceof SVGElement ? fill : color;
          };
          const name = (element) =>
            `<${element.tagName.toLowerCase()} class="${element.getAttribute("class")}"> ${element.textContent.trim().slice(0, 40)}`;
          // Formulas take the colour of the text around them; an icon's ground is its ink; a knob's number stands on it.
          const shown = [document.body, ...document.querySelectorAll("article *:not(.katex *, .icon, .rx-knob-name)")]
            .filter((element) => element.checkVisibility({ visibilityProperty: true }));
          return {
            dark: shown.filter((element) => ground(element) < 0.5).map(name),
            pale: shown.filter((element) => written(element) && (ground(element) + 0.05) / (luminance(parts(ink(element))) + 0.05) < 3)
              .map(name),
            turned: shown.filter((element) => element.matches("img") && getComputedStyle(element).filter !== "none").map(name),
          };
        }"""
    )
    watched.page.emulate_media(media="screen")
    return [f"on paper, {fault}: {element}" for fault, found in seen.items() for element in found[:3]]


def images(watched):
    """Images that did not load, and images whose description is missing or a file name."""
    seen = watched.page.evaluate(
        """() => [...document.querySelectorAll("article img")].map((image) => ({
             source: image.getAttribute("src"),
             alt: image.getAttribute("alt"),
             width: image.naturalWidth,
           }))"""
    )
    found = [f"image did not load: {image['source']}" for image in seen if not image["width"]]
    named = re.compile(r"\.(png|svg|jpe?g|gif)$")
    found += [
        f"image without a description: {image['source']} (alt={image['alt']!r})"
        for image in seen
        if not (image["alt"] or "").strip() or named.search(image["alt"])
    ]
    return found


def thin_formulas(watched):
    """Replace each formula's inside by a short text, as wide as it was; nothing else may change.

    KaTeX draws a formula with hundreds of elements that are hidden from screen readers and have the text's
    own colour. To learn that, axe-core takes half a minute a page. `formulas` looks at their MathML.
    """
    watched.page.evaluate(
        """() => {
          const formulas = [...document.querySelectorAll(".katex")];
          const widths = formulas.map((formula) =>
            formula.closest(".katex-display") ? formula.scrollWidth : 0);
          formulas.forEach((formula, position) => {
            const text = document.createElement("span");
            text.textContent = "x";
            if (widths[position]) text.style.cssText = `display: inline-block; width: ${widths[position]}px`;
            formula.replaceChildren(text);
          });
        }"""
    )


def thin_repeated(watched):
    """Hide in the article what has been there three times alike, in a place alike: other words, and nothing else.

    Its colours, sizes and neighbours are those of the ones that stay. On the audit page, a claim of 71, axe-core
    takes minutes to learn that.
    """
    watched.page.evaluate(
        """() => {
          const LOOK = ["class", "style", "role", "type", "fill", "stroke", "opacity", "open", "disabled", "color", "bgcolor"];
          const look = (element) =>
            element.localName + LOOK.map((name) => element.hasAttribute(name) ? `[${name}=${element.getAttribute(name)}]` : "").join("");
          const inside = (element) => look(element) + "(" + [...element.children].map(inside).join() + ")";
          const seen = new Map();
          const visit = (element, place) => {
            const kind = `${place}>${inside(element)}`;
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
            if (seen.get(kind) > 3) element.style.setProperty("display", "none", "important");
            else for (const child of element.children) visit(child, `${place}>${look(element)}`);
          };
          visit(document.querySelector("article") ?? document.body, "");
        }"""
    )


#: A style under which every section is laid out, also one far from the window.
LAID_OUT = ".bd-article section { content-visibility: visible !important; }"
#: Widths and colours in which a page is looked at: each width and each colour once, since an article's colours do not
#: depend on the width; what stands around it is of another kind on a phone, and is looked at in the other two as well.
LOOKS = [(1280, "light"), (375, "dark")]
OTHER_LOOKS = [(1280, "dark"), (375, "light")]
#: Of axe-core's rules those whose answer depends on the window's width or on the colours.
RULES_OF_A_LOOK = ("color-contrast", "target-size")


def accessibility(watched, rules=None, without=(), around=False):
    """Everything axe-core finds, with the first element of each finding; `rules` names the ones asked for, else all.

    With `around` the article is left out.

    Every section is laid out for it: one far from the window keeps a room of guessed height, over which what stands in it
    reaches as soon as axe asks where it is, so that a target there seems covered.
    """
    watched.page.add_style_tag(content=LAID_OUT)
    options = {"resultTypes": ["violations"], "rules": {rule: {"enabled": False} for rule in without}}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    results = Axe().run(watched.page, context={"exclude": [["article"]]} if around else None, options=options).response
    return [
        f"axe {finding['impact']} {finding['id']} ({len(finding['nodes'])}×): {finding['help']}; "
        f"first: {finding['nodes'][0]['html'][:200]}"
        for finding in results["violations"]
    ]


class Addresses(HTMLParser):
    """The ids of a page, and the addresses that its links, images and scripts name."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.addresses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if "id" in found:
            self.ids.append(found["id"])
        if tag in ("a", "link", "img", "script"):
            self.addresses.append(found.get("href") or found.get("src"))


def links(root):
    """Links of the pages below `root` that lead nowhere: missing files, missing anchors, repeated ids."""
    pages = {path: Addresses(path.read_text("utf-8")) for path in sorted(root.rglob("*.html"))}
    anchors = {path: set(page.ids) for path, page in pages.items()}
    found = []
    for path, page in pages.items():
        place = path.relative_to(root).as_posix()
        repeated = {name for name, count in Counter(page.ids).items() if count > 1}
        found += [f"{place}: id {name!r} stands there more than once" for name in sorted(repeated)]
        for address in page.addresses:
            if not address or urlsplit(address).scheme:
                continue
            file, anchor = urldefrag(address)
            target = (path.parent / unquote(urlsplit(file).path)).resolve() if file else path
            if not target.is_file():
                found.append(f"{place}: {address} leads to no file")
            elif anchor and target in anchors and unquote(anchor) not in anchors[target]:
                found.append(f"{place}: {address} leads to no anchor")
    return found
