"""Write the registered sentences into the chapters, or say where they differ.

Usage: python tools/statements.py [--check]

Boxes (propositions, theorems, lemmas), the lines under "Remember", the rows of the tables that judge or that have
published numbers, and the answer on the front page are those of `resnotes.book.STATEMENTS`. To change one, change its sentence, and the words of it that are
named beside it, in the chapter's file in src/resnotes/book/statements/, and run this.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby

import nbformat
from equations import chapters, formatted
from notebooks import as_text

from resnotes.book import STATEMENTS

#: How a box begins: whatever is no proof claims something.
BEGINS = r"(?P<fence>:{3,}|`{3,})\{prf:(?!proof\b)\w+\}[^\n]*\n"
BOX = re.compile(
    rf"^(?P<head>{BEGINS}:label: (?P<id>[\w-]+)\n\n)"
    r"(?P<body>.*?)(?P<end>\n+(?P=fence)\s*$)",
    re.DOTALL | re.MULTILINE,
)
REMEMBER = re.compile(r"(?P<head>^## Remember\n\n)(?P<body>.*?)(?P<end>\n*(?:^## |\Z))", re.DOTALL | re.MULTILINE)
ANSWER = re.compile(r"(?P<head>^## The answer\n\n)(?P<body>.*?)(?P<end>\n*(?:^## |\Z))", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"^\| *(?P<head>[^\n]*?) *\|\n\|[-| :]+\|$", re.MULTILINE)
#: Heads of the tables that judge nothing: contents, what corresponds to what, what was chosen.
LISTS = ("Chapter | ", "what | here |", "setting | here", "key | ")
EQUATION = re.compile(r"^\$\$ \((?P<label>[\w-]+)\)$", re.MULTILINE)


def table(head: str) -> re.Pattern:
    """The table whose first columns have this head."""
    return re.compile(
        rf"(?P<head>^\| *{re.escape(head)} *\|[^\n]*\n\|[-| :]+\|\n)(?P<body>(?:\|[^\n]*(?:\n|\Z))*?)(?P<end>(?=\n|\Z|[^|]))",
        re.MULTILINE,
    )


def filled(sentence: str) -> str:
    """A sentence with its equations written out."""
    return EQUATION.sub(lambda match: formatted(match["label"]), sentence.strip())


def text_of(place: str, entries: list) -> str:
    """What stands at a place of a chapter."""
    sentences = [filled(entry.sentence) for entry in entries]
    if place == "remember":
        standing = [filled(e.sentence) for e in entries if e.place == "standing"]
        lines = [f"- {filled(e.sentence)}" for e in entries if e.place == "remember"]
        return "\n\n".join([*standing, "\n".join(lines)])
    if place.startswith("table"):
        return "".join(f"| {line} |\n" for sentence in sentences for line in sentence.splitlines())
    return "\n\n".join(sentences)


def rewritten(source: str, stem: str, seen: set[str]) -> str:
    """A cell with every place that the registry fills as the registry has it; ``seen`` gets the ids.

    Raises
    ------
    ValueError
        For a box, a table or lines to remember that are not registered.
    """
    mine = [entry for entry in STATEMENTS.values() if entry.chapter == stem]

    def put(pattern, source, entries, place):
        def replace(match):
            seen.update(entry.id for entry in entries)
            return match["head"] + text_of(place, entries) + match["end"]

        return pattern.sub(replace, source)

    def box(match):
        if match["id"] not in STATEMENTS:
            raise ValueError(f"{stem}: got the box {match['id']}, want an entry of it in resnotes.book.STATEMENTS")
        seen.add(match["id"])
        return match["head"] + filled(STATEMENTS[match["id"]].sentence) + match["end"]

    lines = [entry for entry in mine if entry.place in ("standing", "remember")]
    others = [entry for entry in mine if entry.place not in ("standing", "remember", "box")]
    if len(re.findall(f"^{BEGINS}", source, re.MULTILINE)) != len(BOX.findall(source)):
        raise ValueError(f"{stem}: got a box without a label in its second line, want one with an entry of that id")
    heads = [entry.place.removeprefix("table: ") + " |" for entry in others if entry.place.startswith("table: ")]
    for match in TABLE.finditer(source):
        if not f"{match['head']} |".startswith((*heads, *LISTS)):
            raise ValueError(f"{stem}: got the table {match['head']}, want an entry for each of its rows")
    if REMEMBER.search(source) and not lines:
        raise ValueError(f"{stem}: got lines to remember, want an entry of each in resnotes.book.STATEMENTS")
    source = put(REMEMBER, BOX.sub(box, source), lines, "remember")
    for place, entries in groupby(others, lambda entry: entry.place):
        pattern = ANSWER if place == "answer" else table(place.removeprefix("table: "))
        source = put(pattern, source, list(entries), place)
    return source


def main(check: bool) -> int:
    """Write or compare. Returns 1 if a chapter differs in check mode, or an entry stands nowhere."""
    different, seen = [], set()
    for path in chapters():
        notebook, changed = nbformat.read(path, as_version=4), []
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and (new := rewritten(cell.source, path.stem, seen)) != cell.source:
                changed += [
                    f"  {path.name}: {line}" for line in cell.source.splitlines() if line not in new.splitlines()
                ]
                changed += [
                    f"  registered:  {line}" for line in new.splitlines() if line not in cell.source.splitlines()
                ]
                cell.source = new
        if changed:
            different += changed
            if not check:
                path.write_text(as_text(notebook), "utf-8")
                print(f"{path.name}: sentences written")
    if nowhere := STATEMENTS.keys() - seen:
        print(f"stand in no chapter: {', '.join(sorted(nowhere))}", file=sys.stderr)
    if check and different:
        print(
            "Sentences that differ from the registry:",
            *different,
            "These lines are generated. Change the sentence (and its words in hypotheses, says, false) in the chapter's "
            "file in src/resnotes/book/statements/, then run `python tools/statements.py`.",
            sep="\n",
            file=sys.stderr,
        )
    return int(bool(nowhere or (check and different)))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
