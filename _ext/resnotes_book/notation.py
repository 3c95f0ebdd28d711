"""The notation page: a table a chapter, written from `resnotes.book.notation` when the page is read."""

import re
from html import escape
from pathlib import Path

from docutils import nodes

from resnotes.book import EQUATIONS
from resnotes.book.notation import NOTATION, SAMPLE

from .checked import chapter_titles
from .generated import fill

PAGE = "chapters/notation"
MARKER = "<!-- the notation: written by _ext/resnotes_book/notation.py when the book is built -->"


def shape(entry):
    """The shape as a reader writes it."""
    if entry.row.shape is None:
        return "a map"
    if entry.row.shape == ():
        return "a number"
    sizes = ", ".join(map(str, entry.row.shape))
    end = r"\text{,}" if len(entry.row.shape) == 1 else ""  # a closing comma, without the space after one
    return f"$({sizes}{end})$"


def code(text):
    """Code that in a narrow column breaks after a sign of punctuation, and not within a name."""
    breaking = re.sub(r"([.,(_]|\[)(?=.)", r"\1<wbr>", escape(text))
    return f'<code class="docutils literal notranslate">{breaking}</code>'


def row(entry):
    words = f"{entry.row.words}. {entry.row.because}" if entry.row.because else entry.row.words
    return f"| ${entry.latex}$ | {words} | `{entry.row.code}` | {shape(entry)} | {{eq}}`{entry.row.introduced}` |"


def tables(titles):
    """The notation as MyST text."""
    lines, chapter = [], None
    for entry in NOTATION:
        if EQUATIONS[entry.row.introduced].chapter != chapter:
            chapter = EQUATIONS[entry.row.introduced].chapter
            lines += [
                "",
                f"## {titles[chapter]}",
                "",
                ":::{container} notation",
                "",
                "| Symbol | In words | In code | Shape | From |",
                "| --- | --- | --- | --- | --- |",
            ]
        lines.append(row(entry))
        following = NOTATION[NOTATION.index(entry) + 1 :]
        if not following or EQUATIONS[following[0].row.introduced].chapter != chapter:
            lines += ["", ":::"]
    return "\n".join(lines)


def sample():
    """What the code of the tables refers to, folded away."""
    title = "The networks that the code refers to"
    return f"::::{{admonition}} {title}\n:class: dropdown\n\n```python\n{SAMPLE}```\n::::\n"


def written(app):
    return f"{sample()}\n{tables(chapter_titles(Path(app.srcdir) / 'chapters'))}"


def break_code(app, doctree, docname):
    if docname != PAGE or app.builder.format != "html":
        return
    for box in doctree.findall(nodes.container):
        if "notation" in box["classes"]:
            for literal in list(box.findall(nodes.literal)):
                literal.replace_self(nodes.raw("", code(literal.astext()), format="html"))


def setup(app):
    fill(app, PAGE, MARKER, written)
    app.connect("doctree-resolved", break_code)
