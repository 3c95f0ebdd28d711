"""The page for who teaches: its plans name chapters and levels, and the exercises are filled in when the book is built."""

import re
from functools import cache
from pathlib import Path

import nbformat

from resnotes.book import EXERCISES

from .generated import fill
from .plain import Plain

PAGE = "chapters/teaching"
MARKER = "<!-- the exercises by level: written by _ext/resnotes_book/teaching.py when the book is built -->"
#: In the plans: a chapter to read, and exercises of a chapter with one of these levels.
READ = re.compile(r"<!-- read: (\w+) -->")
SOLVE = re.compile(r"<!-- solve: (\w+) ([1-3 ]+) -->")
#: A row of the front page's table: number, title, stem, question, minutes.
ROW = re.compile(r"^\| (\d+)\. \[([^\]]+)\]\((\w+)\.ipynb\) \| .+ \| (\d+) \|$", re.MULTILINE)


def chapters(folder):
    """Stem -> title and minutes, as the front page has them."""
    cells = nbformat.read(folder / "00_introduction.ipynb", as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return {stem: (title, minutes) for _, title, stem, minutes in ROW.findall(text)}


def posed(places):
    """Stem -> level -> labels of the chapter's exercises, in its order; level None where the page judges no answer."""
    found = {}
    for label, place in places.items():
        if place.name.startswith("Exercise "):
            exercise = EXERCISES.get(label)
            of_chapter = found.setdefault(place.stem, {1: [], 2: [], 3: [], None: []})
            of_chapter[exercise and exercise.level].append(label)
    return found


def links(labels, places):
    return ", ".join(f"{{ref}}`{places[label].name.removeprefix('Exercise ')} <{label}>`" for label in labels)


def by_level(known, places):
    """A table of all exercises, a row a chapter."""
    lines = ["| Chapter | Level 1 | Level 2 | Level 3 | Without a field |", "|---|---|---|---|---|"]
    for stem, levels in posed(places).items():
        cells = " | ".join(links(labels, places) or "–" for labels in levels.values())
        lines.append(f"| [{known[stem][0]}]({stem}.ipynb) | {cells} |")
    return "\n".join(lines)


def planned(text, known, places):
    """`text` with chapters, their minutes and their exercises in the places that ask for them.

    Raises
    ------
    KeyError
        For a chapter that is not there.
    ValueError
        For a level of which a chapter has no exercise.
    """

    levels_of = posed(places)

    def read(match):
        title, minutes = known[match[1]]
        return f"[{title}]({match[1]}.ipynb), {minutes} min"

    def solve(match):
        levels = levels_of[match[1]]
        wanted = [levels[int(level)] for level in match[2].split()]
        if not all(wanted):
            raise ValueError(f"{PAGE}: {match[0]}: no exercise of such a level")
        return links(sum(wanted, []), places)

    return SOLVE.sub(solve, READ.sub(read, text))


def setup(app):
    @cache
    def given():
        return chapters(Path(app.srcdir) / "chapters"), Plain(Path(app.srcdir)).places

    def plan(_, docname, source):
        if docname == PAGE:
            source[0] = planned(source[0], *given())

    fill(app, PAGE, MARKER, lambda app: by_level(*given()))
    app.connect("source-read", plan)
