"""The line over a chapter's title: its number, the minutes it takes, the chapters it builds on.

The minutes stand in the table of the front page, and there alone.
"""

import re
from functools import cache
from pathlib import Path

import nbformat

#: What each chapter cannot be read without.
NEEDS = {
    1: (), 2: (1,), 3: (2,), 4: (2,), 5: (4,), 6: (2,), 7: (4,), 8: (4,), 9: (6,), 10: (9,), 11: (4,), 12: (9,), 13: (9,),
    14: (5,), 15: (5,),
}  # fmt: skip
ROW = re.compile(
    r"\| (?P<number>\d+)\. \[[^\]]*\]\((?P<stem>\w+)\.ipynb\) \| (?P<question>[^|]*) \| (?P<minutes>\d+) \|"
)


@cache
def chapters(folder):
    """Number -> (stem, minutes, question), from the front page's table."""
    cells = nbformat.read(Path(folder, "00_introduction.ipynb"), as_version=4).cells
    rows = ROW.finditer("\n".join(cell.source for cell in cells))
    return {int(row["number"]): (row["stem"], int(row["minutes"]), row["question"]) for row in rows}


def line(number, folder):
    """The line as HTML."""
    known = chapters(folder)
    links = [f'<a href="{known[k][0]}.html">chapter {k}</a>' for k in NEEDS[number]]
    needs = f"after {' and '.join(links)}" if links else "the place to start"
    return f'<p class="kicker"><b>Chapter {number}</b> · {known[number][1]} minutes · {needs}</p>\n'


def add(app, pagename, templatename, context, doctree):
    stem = pagename.rpartition("/")[2]
    if not re.match(r"(?:0[1-9]|[1-9]\d)_", stem):
        return
    number = int(stem[:2])
    before, title, after = context["body"].partition("<h1>")
    if not title or number not in chapters(Path(app.srcdir, "chapters")):
        raise ValueError(f"{pagename}: want a title, and a row with its minutes in the front page's table")
    context["body"] = before + line(number, Path(app.srcdir, "chapters")) + title + after


def setup(app):
    app.connect("html-page-context", add)
