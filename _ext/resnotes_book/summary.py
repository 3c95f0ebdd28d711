"""The book on one page: what each chapter asks to be remembered, taken from the chapters when the book is built."""

import re
from pathlib import Path

import nbformat

from resnotes.book import EQUATIONS

PAGE = "chapters/summary"
MARKER = "<!-- the summary: written by _ext/resnotes_book/summary.py when the book is built -->"
REMEMBER = re.compile(r"^## Remember\n+(?P<points>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def remembered(path):
    """A chapter's title and its points to remember; an empty text where it has none."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    title = next(line[2:] for line in text.splitlines() if line.startswith("# "))
    found = REMEMBER.search(text)
    return title, found["points"].strip() if found else ""


def results(stem):
    """References to a chapter's equations that are proved or measured, not defined."""
    shown = [label for label, entry in EQUATIONS.items() if entry.chapter == stem and entry.method != "definition"]
    return ", ".join(f"{{eq}}`{label}`" for label in shown)


def summary(folder):
    """The page as MyST text."""
    parts = []
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        title, points = remembered(path)
        if points:
            equations = results(path.stem)
            parts += [f"## [{title}]({path.name})", "", points, ""]
            parts += [f"Equations: {equations}.", ""] if equations else []
    return "\n".join(parts)


def write(app, docname, source):
    if docname == PAGE:
        if MARKER not in source[0]:
            raise ValueError(f"{docname}: want the line {MARKER!r} where the summary belongs")
        source[0] = source[0].replace(MARKER, summary(Path(app.srcdir) / "chapters"))


def setup(app):
    app.connect("source-read", write)
