"""The notation page: a table a chapter, written from `resnotes.notation` when the page is read."""

from pathlib import Path

from resnotes.book import EQUATIONS
from resnotes.notation import NOTATION, SAMPLE

from .checked import chapter_titles

PAGE = "chapters/notation"
MARKER = "<!-- the notation: written by _ext/resnotes_book/notation.py when the book is built -->"


def shape(entry):
    """The shape as a reader writes it."""
    if entry.shape is None:
        return "a map"
    if entry.shape == ():
        return "a number"
    sizes = ", ".join(map(str, entry.shape))
    end = r"\text{,}" if len(entry.shape) == 1 else ""  # a closing comma, without the space after one
    return f"$({sizes}{end})$"


def row(entry):
    words = f"{entry.words}. {entry.because}" if entry.because else entry.words
    return f"| ${entry.latex}$ | {words} | `{entry.code}` | {shape(entry)} | {{eq}}`{entry.introduced}` |"


def tables(titles):
    """The notation as MyST text."""
    lines, chapter = [], None
    for entry in NOTATION:
        if EQUATIONS[entry.introduced].chapter != chapter:
            chapter = EQUATIONS[entry.introduced].chapter
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
        if not following or EQUATIONS[following[0].introduced].chapter != chapter:
            lines += ["", ":::"]
    return "\n".join(lines)


def sample():
    """What the code of the tables refers to, folded away."""
    title = "The networks that the code refers to"
    return f"::::{{admonition}} {title}\n:class: dropdown\n\n```python\n{SAMPLE}```\n::::\n"


def write(app, docname, source):
    if docname == PAGE:
        if MARKER not in source[0]:
            raise ValueError(f"{docname}: want the line {MARKER!r} where the notation belongs")
        written = f"{sample()}\n{tables(chapter_titles(Path(app.srcdir) / 'chapters'))}"
        source[0] = source[0].replace(MARKER, written)


def setup(app):
    app.connect("source-read", write)
