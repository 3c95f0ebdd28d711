"""What a chapter's page is made of: code that is seen, outputs that say only True or a count, sentences, heights.

Usage: python tools/prose.py [--pages _build/html] [chapters/NN_name.ipynb …]     (all numbered chapters by default)

With `--pages` each page is opened at 1280 px, without its folds, and the share of its height that is prose, formula,
figure and code is measured.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.book import ROOT

HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
#: A line that says only that something holds, whatever stands before the word.
BOOLEAN = re.compile(r"(?:^|[\s:=(\[,])(?:True|False)[)\],.]?\s*$")
#: A whole output that is a count, or a list of counts.
COUNT = re.compile(r"[\[(]?\d+(?:, ?\d+)*,?[\])]?")
#: What is no sentence: formulas, roles, links, marks.
NOT_PROSE = [
    (re.compile(r"^\$\$.*?^\$\$.*?$", re.DOTALL | re.MULTILINE), "\n\n"),
    (re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE), "\n\n"),
    (re.compile(r"^(?:#|:::|:\w+:|\|).*$", re.MULTILINE), "\n\n"),
    (re.compile(r"\$[^$]+\$|`[^`]+`"), "x"),
    (re.compile(r"\{[\w:]+\}|\]\([^)]*\)|[*_\[\]]"), ""),
    (re.compile(r"^\s*(?:[-*]|\d+\.)\s+", re.MULTILINE), "\n\n"),
]
SENTENCE = re.compile(r"(?<=[.!?:])[\"”)]?\s+|\n\s*\n")

MEASURE = """() => {
  const kinds = { formula: "div.math, .derivation", figure: "figure, .rx-live, .cell_output .drawing, .cell_output img",
    code: ".cell_input, .cell_output, pre", prose: "p, li, h1, h2, h3, h4, table, summary" };
  const rows = [];
  for (const [kind, selector] of Object.entries(kinds)) {
    for (const element of document.querySelectorAll(".bd-article " + selector.split(", ").join(", .bd-article "))) {
      const { top, bottom } = element.getBoundingClientRect();
      if (bottom > top && element.checkVisibility()) rows.push([top + scrollY, bottom + scrollY, kind]);
    }
  }
  return rows;
}"""
ORDER = ("figure", "formula", "code", "prose")


def text_of(output):
    """What an output shows as text, without pictures and widgets' names."""
    if output.output_type == "stream":
        return output.text
    data = output.get("data", {})
    if set(data) - {"text/plain"}:
        return ""
    return data.get("text/plain", "")


def sentences(markdown):
    """The sentences of a text, as lists of words."""
    for pattern, put in NOT_PROSE:
        markdown = pattern.sub(put, markdown)
    found = (re.findall(r"[^\W_](?:[\w’'-]*[^\W_])?", part) for part in SENTENCE.split(markdown))
    return [words for words in found if len(words) > 1]


def counted(path):
    """Visible code cells, all code cells, booleans, counts and mean sentence length of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    texts = [text_of(output).strip() for cell in code for output in cell.outputs]
    lengths = [len(words) for cell in cells if cell.cell_type == "markdown" for words in sentences(cell.source)]
    return {
        "visible": sum(not HIDDEN & set(cell.metadata.get("tags", ())) for cell in code),
        "cells": len(code),
        "booleans": sum(bool(BOOLEAN.search(line)) for text in texts for line in text.splitlines()),
        "counts": sum(bool(COUNT.fullmatch(text)) for text in texts),
        "words": sum(lengths) / max(1, len(lengths)),
    }


def shares(rows):
    """Kind -> share of the height, where a pixel counts for the first kind of `ORDER` that covers it."""
    kind_of = {}
    for kind in reversed(ORDER):
        for top, bottom, _ in (row for row in rows if row[2] == kind):
            kind_of.update(dict.fromkeys(range(round(top), round(bottom)), kind))
    return {kind: list(kind_of.values()).count(kind) / max(1, len(kind_of)) for kind in ORDER}


def measured(pages, stems):
    """Stem -> `shares` of its page."""
    from playwright.sync_api import sync_playwright

    from tools import chromium

    found, program = {}, chromium.find_or_fetch()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium.arguments())
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for stem in stems:
            page.goto((pages / "chapters" / f"{stem}.html").resolve().as_uri())
            page.add_style_tag(content="* { content-visibility: visible !important; }")
            page.wait_for_timeout(1000)
            found[stem] = shares(page.evaluate(MEASURE))
        browser.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--pages", type=Path, help="folder of the built book")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    paths = given.notebooks or sorted(
        path for path in (ROOT / "chapters").glob("[0-9]*.ipynb") if path.stem[:2] != "00"
    )
    rows = {path.stem: counted(path) for path in paths}
    if given.pages:
        for stem, found in measured(given.pages, rows).items():
            rows[stem] |= found
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    heads = ["visible", "cells", "booleans", "counts", "words", *(ORDER if given.pages else ())]
    print("chapter".ljust(28), *(head.rjust(8) for head in heads))
    total = {head: sum(row[head] for row in rows.values()) for head in heads[:4]}
    for name, row in [*rows.items(), ("together", total)]:
        cells = [
            f"{row[head]:8.1f}" if head == "words" else f"{row[head]:8.0%}" if head in ORDER else f"{row[head]:8d}"
            for head in heads
            if head in row
        ]
        print(name.ljust(28), *cells)


if __name__ == "__main__":
    main()
