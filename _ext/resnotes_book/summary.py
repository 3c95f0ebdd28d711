"""The book on one page, by question: the answer to its title, then what each chapter asks to be remembered.

Questions and answer stand on the front page, the points in the chapters; they are taken from there at the build.
"""

import re
from pathlib import Path

import nbformat

from .generated import fill
from .kicker import chapters

PAGE = "chapters/summary"
MARKER = "<!-- the summary: written by _ext/resnotes_book/summary.py when the book is built -->"
REMEMBER = re.compile(r"^## Remember\n+(?P<points>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
ANSWER = re.compile(r"^## The answer\n+(?P<answer>[^\n]+)", re.MULTILINE)
TITLE = re.compile(r"^# (?P<title>.+)", re.MULTILINE)


def prose(path):
    """The text of a notebook's markdown cells."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def remembered(path):
    """A chapter's title and its points to remember; an empty text where it has none."""
    text = prose(path)
    found = REMEMBER.search(text)
    return TITLE.search(text)["title"], found["points"].strip() if found else ""


def summary(folder):
    """The page as MyST text."""
    front = prose(folder / "00_introduction.ipynb")
    answer = ANSWER.search(front)
    if answer is None:
        raise ValueError("00_introduction: want a section '## The answer' that begins with the answer")
    parts = [f"## {TITLE.search(front)['title']}", "", answer["answer"], ""]
    for number, (stem, _, question) in chapters(folder).items():
        title, points = remembered(folder / f"{stem}.ipynb")
        if points:
            parts += [f"## {question}", "", f"Chapter {number}, [{title}]({stem}.ipynb).", "", points, ""]
    return "\n".join(parts)


def setup(app):
    fill(app, PAGE, MARKER, lambda app: summary(Path(app.srcdir) / "chapters"))
