"""KaTeX's fonts with the characters that the book displays in each, and no others.

The fonts come with 20 to 28 kB each; a book needs a few dozen of their characters. Which font a character stands in
is read from KaTeX's own style sheet and from the pages as they are written. A test asks a browser for the same.
"""

import logging
import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import NamedTuple

import tinycss2
from fontTools import subset, ttLib

SHEET = "_static/katex/katex.min.css"
FORMULA = '<span class="katex-html"'
TOKEN = re.compile(r"<(?P<end>/?)(?P<tag>[a-zA-Z]+)(?P<rest>[^>]*)>|(?P<text>[^<]+)")
CLASS = re.compile(r'\bclass="([^"]*)"')
COMPOUND = re.compile(r"(?P<tag>[a-z]*)(?P<classes>(?:\.[\w-]+)*)$")
# FreeType measures a font's heights at these and shapes all others by them: without them what is left looks different.
MEASURED = set("THEZOCQSLUfijkdbhuvxzroescpqgjy0123456789ΓΒΕΖΘΟΩΔΗβθδζλξαειοπστωηρμχψφγ")
# It tells of every table of every font, in the middle of the build's own lines.
logging.getLogger("fontTools.subset").setLevel(logging.WARNING)
VOID = {"img", "br", "path", "line"}
BOLD = {"bold": "700", "normal": "400"}


class Font(NamedTuple):
    """What a style sheet says of a font; a face is such a font with a file."""

    family: str = "KaTeX_Main"
    style: str = "normal"
    weight: str = "400"


class Rule(NamedTuple):
    """What a rule says of the font of elements that match; `parent` is for selectors with ">"."""

    parent: frozenset
    tag: str
    classes: frozenset
    changes: dict


EARLY = (Font(), Font("KaTeX_Math", "italic"))


def declarations(content):
    """Names and values as text."""
    found = tinycss2.parse_declaration_list(content, skip_comments=True, skip_whitespace=True)
    return {item.lower_name: tinycss2.serialize(item.value).strip() for item in found if item.type == "declaration"}


def changes(said):
    """Those of Font's fields that the declarations set."""
    names = {"family": "font-family", "style": "font-style", "weight": "font-weight"}
    found = {field: said[name].strip("\"'") for field, name in names.items() if name in said}
    if "weight" in found:
        found["weight"] = BOLD.get(found["weight"], found["weight"])
    return found


@cache
def read_sheet(text):
    """Faces (Font -> path of the file, as written) and rules of a style sheet, the rules in order of their weight."""
    faces, rules = {}, []
    for node in tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True):
        if node.type == "at-rule" and node.lower_at_keyword == "font-face":
            said = declarations(node.content)
            faces[Font(**changes(said))] = re.search(r"url\(([^)]*)\)", said["src"])[1]
        elif node.type == "qualified-rule" and (set_here := changes(declarations(node.content))):
            for selector in tinycss2.serialize(node.prelude).split(","):
                # Ancestors further up (".katex", ".delimsizing.mult") are always there in what KaTeX writes.
                *_, last = selector.split()
                parent, _, own = last.rpartition(">")
                match = COMPOUND.match(own)
                if match is None:
                    raise ValueError(f"{SHEET}: got the selector {selector!r}, wanted classes and tags alone")
                classes = frozenset(match["classes"].split(".")) - {""}
                above = frozenset(parent.split(".")) - {""}
                rules.append((selector.count("."), Rule(above, match["tag"], classes, set_here)))
    return faces, [rule for _, rule in sorted(rules, key=lambda pair: pair[0])]


def displayed(page, rules):
    """Characters that a page's formulas display in each font: Font -> set; `page` is its HTML."""
    found, known = {}, {}
    start = page.find(FORMULA)
    while start >= 0:
        open_elements = []
        for token in TOKEN.finditer(page, start):
            if token["text"] is not None:
                found.setdefault(open_elements[-1][0], set()).update(unescape(token["text"]))
            elif token["end"]:
                open_elements.pop()
                if not open_elements:
                    break
            elif not (token["rest"].endswith("/") or token["tag"] in VOID):
                written = CLASS.search(token["rest"])
                classes = frozenset(written[1].split()) if written else frozenset()
                font, above = open_elements[-1] if open_elements else (Font(), frozenset())
                key = (font, above, token["tag"], classes)
                if key not in known:
                    for rule in rules:
                        if rule.classes <= classes and rule.parent <= above and rule.tag in ("", token["tag"]):
                            font = font._replace(**rule.changes)
                    known[key] = font
                open_elements.append((known[key], classes))
        start = page.find(FORMULA, token.end())
    return found


def cut(path, characters):
    """Write a font anew with these characters alone, everything else as it was."""
    options = subset.Options(layout_features=["*"], legacy_kern=True, hinting=True, notdef_outline=True)
    font = ttLib.TTFont(path, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, characters))
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(path)


def ask_early(app, pagename, templatename, context, doctree):
    """Name the fonts that hold a page's lines together, so that it asks for them before its style sheet is there.

    A formula in another font first has another width, and the lines around it would break anew.
    """
    sheet = Path(app.srcdir) / "assets" / "katex" / "katex.min.css"
    faces, rules = read_sheet(sheet.read_text("utf-8"))
    found = displayed(context.get("body", ""), rules)
    context["early_fonts"] = [f"_static/katex/{faces[font]}" for font in EARLY if font in found]


def without_faces(text, paths):
    """A style sheet without the @font-face rules that name these paths."""
    faces = re.compile(r"@font-face\{[^}]*url\((?P<path>[^)]*)\)[^}]*\}")
    return faces.sub(lambda match: "" if match["path"] in paths else match[0], text)


def cut_fonts(app, exception):
    """Cut every font to what the pages display in it; one that displays nothing goes."""
    if exception is not None or app.builder.name != "html":
        return
    root = Path(app.outdir)
    sheet = root / SHEET
    faces, rules = read_sheet(sheet.read_text("utf-8"))
    characters = {font: set() for font in faces}
    for page in sorted(root.rglob("*.html")):
        for font, found in displayed(page.read_text("utf-8"), rules).items():
            if font not in faces:
                raise ValueError(f"{page.name}: a formula asks for {font}, which KaTeX does not bring")
            characters[font] |= found
    for font, path in faces.items():
        file = sheet.parent / path
        if characters[font]:
            cut(file, characters[font] | MEASURED)
        else:
            file.unlink()
    unused = {path for font, path in faces.items() if not characters[font]}
    sheet.write_text(without_faces(sheet.read_text("utf-8"), unused), "utf-8")


def setup(app):
    app.connect("html-page-context", ask_early)
    # After all that writes pages, before the style sheets become one.
    app.connect("build-finished", cut_fonts, priority=950)
