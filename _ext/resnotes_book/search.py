"""The search: what the pages say, section by section, in one script that the search page alone loads.

It replaces Sphinx's, which finds whole pages, by words of code too, and shows what it found only where
pages can be fetched. Here the text comes with the index (about 100 kB over the wire), so pages opened from a file
show excerpts as well. `search.js` looks into it.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

SCRIPT = Path(__file__).with_name("search.js")
# Not among the static files: the style sheet keeps the rules whose names are words of those.
INDEX = "search-book.js"
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
#: What is not read out of a page: code and what it prints, pictures, formulas as drawn, controls and marks.
UNREAD = {
    "cell", "highlight", "katex-html", "headerlink", "checked", "stated", "derivation-bar", "answer", "case",
    "kicker", "audit-filter", "resnotes-explorer",
}  # fmt: skip
UNREAD_TAGS = {"script", "style", "template", "svg", "pre", "button", "form"}
#: How much a hit on a page counts beside one in a chapter.
RANK = {
    "glossary": 1.2,
    "summary": 0.9,
    "laws": 0.8,
    "notation": 0.6,
    "audit": 0.6,
    "benchmarks": 0.5,
    "bibliography": 0.5,
    "ledger": 0.4,
}
#: Pages of which the headings are enough: the rest repeats the chapters.
HEADINGS_ALONE = {"ledger"}
HEADING = re.compile(r"<section[^>]*>|</section>|<h([1-4])>.*?</h\1>", re.DOTALL)
DRAWN, SPAN = re.compile('<span class="katex-html"'), re.compile(r"<span\b|</span>")
NUMBER = re.compile(r"\d+(?:\.\d+)*")

LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Delta": "Δ", "Lambda": "Λ",
    "Sigma": "Σ", "Phi": "Φ", "Omega": "Ω", "partial": "∂", "sum": "∑", "prod": "∏", "sqrt": "√", "infty": "∞",
    "cdot": "·", "times": "×", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈",
    "to": "→", "mapsto": "↦", "in": "∈", "dots": "…", "ldots": "…", "cdots": "…", "odot": "⊙", "top": "ᵀ", "pm": "±",
    "lVert": "‖", "rVert": "‖", "lvert": "|", "rvert": "|", "ell": "ℓ", "mid": "|", "max": "max", "min": "min",
}  # fmt: skip
LOWERED = str.maketrans("0123456789+-aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
FRACTION = re.compile(r"\\[dt]?frac(?:\{([^{}]*)\}|(\d))(?:\{([^{}]*)\}|(\d))")
INDEX_OF = re.compile(r"_(?:\{([^{}]*)\}|(\w))")


def lowered(match):
    text = (match[1] or match[2]).replace(" ", "")
    below = text.translate(LOWERED)
    return below if not set(below) & set(text) else f"_{text}"


def in_line(tex):
    """A formula as one would type it into a search: letters for their names, indices below the line where they exist."""
    text = FRACTION.sub(lambda found: "/".join(filter(None, found.groups())), tex)
    text = re.sub(r"\\([A-Za-z]+)(?: (?=[A-Za-z]))?", lambda found: LETTERS.get(found[1], ""), text)
    text = INDEX_OF.sub(lowered, text)
    return re.sub(r"\\[,;:!| ]|[{}\\]|\^(?=ᵀ)", "", text)


class Texts(HTMLParser):
    """The sections of a page's body: (anchor, title, text); and what has a number there: (number, name, anchor)."""

    def __init__(self, body):
        super().__init__()
        self.open, self.parts, self.numbered = [], [], []
        self.sections = [["", [], []]]
        self.inside = [0]
        self.feed(body)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag in VOID:
            return
        found = dict(attributes)
        classes = set((found.get("class") or "").split())
        name = found.get("id", "")
        if (tag == "section" or (tag == "dt" and name.startswith("term-"))) and not self.unread():
            self.enter(tag, name)
        self.open.append((tag, classes, name))

    def enter(self, tag, name):
        anchor, title, text = self.sections[self.inside[-1]]
        if tag == "dt" and anchor.startswith("term-") and not clean(text):
            # Two words with one meaning.
            title.append(", ")
            return
        self.leave_term()
        self.sections.append([name, [], []])
        self.inside.append(len(self.sections) - 1)

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass
        if tag == "section" and len(self.inside) > 1:
            self.leave_term()
            self.inside.pop()
        elif tag == "dl":
            self.leave_term()
        elif tag in ("p", "div", "li", "dd", "td", "th", "h1", "h2", "h3", "h4", "tr", "figcaption"):
            self.sections[self.inside[-1]][2].append(" ")

    def leave_term(self):
        if self.sections[self.inside[-1]][0].startswith("term-"):
            self.inside.pop()

    def unread(self):
        """Whether what stands here is left out; a caption within a cell is read."""
        for tag, classes, _ in reversed(self.open):
            if tag in ("figcaption", "caption"):
                return False
            if tag in UNREAD_TAGS or classes & UNREAD:
                return True
        return False

    def handle_data(self, data):
        tags = [tag for tag, _, _ in self.open]
        classes = set().union(*(names for _, names, _ in self.open)) if self.open else set()
        if "eqno" in classes and (number := NUMBER.search(data)) and not classes & {"checked", "headerlink"}:
            self.number("Equation", number[0], "equation-")
        elif "katex-mathml" in classes:
            if "annotation" in tags and not self.unread() and not self.displayed():
                self.say(in_line(data))
        elif not self.unread() and not self.displayed():
            if "caption-number" in classes and (number := NUMBER.search(data)):
                self.number(data.split()[0], number[0], "")
            self.say(data)

    def displayed(self):
        return any(tag == "div" and "math" in classes for tag, classes, _ in self.open)

    def number(self, kind, number, prefix):
        anchor = next((name for _, _, name in reversed(self.open) if name.startswith(prefix) and name), "")
        name = f"{kind} ({number})" if kind == "Equation" else f"{kind} {number}"
        self.numbered.append((number, name, anchor or self.sections[self.inside[-1]][0]))

    def say(self, text):
        heading = any(tag in ("h1", "h2", "h3", "h4", "dt") for tag, _, _ in self.open)
        self.sections[self.inside[-1]][1 if heading else 2].append(text)


def undrawn(body):
    """A page's body without the drawn forms of its formulas, which are most of it."""
    kept, end = [], 0
    for drawn in DRAWN.finditer(body):
        if drawn.start() < end:
            continue
        kept.append(body[end : drawn.start()])
        depth = 0
        for tag in SPAN.finditer(body, drawn.start()):
            depth += -1 if tag[0] == "</span>" else 1
            if depth == 0:
                end = tag.end()
                break
    return "".join([*kept, body[end:]])


def clean(parts):
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def page(address, body):
    """What the search knows of one page."""
    stem = Path(address).stem
    if stem in HEADINGS_ALONE:
        body = "".join(match[0] for match in HEADING.finditer(body))
    read = Texts(undrawn(body))
    sections = [(anchor, clean(title), clean(text)) for anchor, title, text in read.sections]
    sections = [section for section in sections if section[1] or section[2]]
    return {
        "page": address,
        "title": sections[0][1] if sections else stem,
        "rank": RANK.get(stem, 1),
        "sections": sections,
        "numbered": read.numbered,
    }


def collect(app, pagename, templatename, context, doctree):
    """Read the page, unless it says that it is not to be searched."""
    if doctree is not None and "nosearch" not in app.env.metadata.get(pagename, {}):
        app.resnotes_texts[pagename] = page(app.builder.get_target_uri(pagename), context["body"])


def names(app):
    """(name, address) of everything in the package's reference."""
    objects = app.env.get_domain("py").get_objects()
    return sorted((name, f"{app.builder.get_target_uri(doc)}#{anchor}") for name, _, _, doc, anchor, _ in objects)


def write(app, exception):
    if exception is None and app.builder.name == "html":
        front = app.config.root_doc
        order = [front, *app.env.toctree_includes[front]]
        pages = [app.resnotes_texts[name] for name in order if name in app.resnotes_texts]
        text = json.dumps({"pages": pages, "names": names(app)}, ensure_ascii=False, separators=(",", ":"))
        Path(app.outdir, INDEX).write_text(f"const BOOK = {text};\n", "utf-8")


def without_sphinx(app):
    """Sphinx's own search is neither written nor linked; the page is one of the additional pages."""
    app.builder.search = False
    if app.builder.format == "html":
        folder = Path(app.outdir, "_static")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCRIPT.name).write_text(SCRIPT.read_text("utf-8"), "utf-8")


def setup(app):
    app.resnotes_texts = {}
    app.connect("builder-inited", without_sphinx)
    app.connect("html-page-context", collect, priority=400)
    app.connect("build-finished", write)
