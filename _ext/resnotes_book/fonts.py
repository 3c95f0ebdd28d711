"""KaTeX's fonts with the characters that the book has, and no others: the fonts come with up to 28 kB each."""

import logging
from html import unescape
from pathlib import Path

from fontTools import subset, ttLib

FONTS = "_static/katex/fonts"
# FreeType measures a font's heights at these and shapes all others by them: without them what is left looks different.
MEASURED = set("THEZOCQSLUfijkdbhuvxzroescpqgjy0123456789ΓΒΕΖΘΟΩΔΗβθδζλξαειοπστωηρμχψφγ")
#: What a formula's lines are set in, and what in a page tells that they are: KaTeX's class.
EARLY = {"KaTeX_Main-Regular.woff2": 'class="katex-html"', "KaTeX_Math-Italic.woff2": "mathnormal"}
# It tells of every table of every font, in the middle of the build's own lines.
logging.getLogger("fontTools.subset").setLevel(logging.WARNING)


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
    body = context.get("body", "")
    context["early_fonts"] = [f"{FONTS}/{font}" for font, sign in EARLY.items() if sign in body]


def cut_fonts(app, exception):
    """Cut every font to the characters of all pages; KaTeX writes what it displays as text."""
    if exception is None and app.builder.name == "html":
        root = Path(app.outdir)
        characters = MEASURED.union(*(unescape(page.read_text("utf-8")) for page in root.rglob("*.html")))
        for font in sorted((root / FONTS).iterdir()):
            cut(font, characters)


def setup(app):
    app.connect("html-page-context", ask_early)
    # After all that writes pages.
    app.connect("build-finished", cut_fonts, priority=950)
