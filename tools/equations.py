"""Write the LaTeX of every registered equation into the chapters, or say where they differ.

Usage: python tools/equations.py [--check]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat

from resnotes.book import EQUATIONS

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
#: A display equation, with its label if it has one.
DISPLAY = re.compile(r"\$\$\n?(?P<body>.*?)\n?\$\$(?: \((?P<label>[\w-]+)\))?", re.DOTALL)
#: Directives whose formulas are exempt.
EXEMPT = re.compile(r"^(`{3,}|:{3,})\{(?:exercise|solution)[^\n]*\n.*?^\1\s*$", re.DOTALL | re.MULTILINE)


def formatted(label: str) -> str:
    """The block as it stands in the markdown."""
    return f"$$\n{EQUATIONS[label].latex}\n$$ ({label})"


def rewritten(source: str) -> str:
    """The markdown with every labelled equation replaced by its registered LaTeX.

    Raises
    ------
    ValueError
        For a label that is not registered.
    """

    def replace(match):
        label = match["label"]
        if label is None:
            return match[0]
        if label not in EQUATIONS:
            raise ValueError(f"label: got {label}, want one of those in resnotes.book.EQUATIONS")
        return formatted(label)

    return DISPLAY.sub(replace, source)


def labels_in(source: str) -> list[str]:
    """Labels of the display equations in a markdown source, in order."""
    return [match["label"] for match in DISPLAY.finditer(source) if match["label"]]


def unlabelled_in(source: str) -> list[str]:
    """Display equations without a label, outside exercises and solutions."""
    return [match["body"] for match in DISPLAY.finditer(EXEMPT.sub("", source)) if not match["label"]]


def markdown_cells(path: Path) -> list[str]:
    """Sources of a notebook's markdown cells."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]


def chapters(folder: Path = CHAPTERS) -> list[Path]:
    return sorted(folder.glob("*.ipynb"))


def main(check: bool) -> int:
    """Write or compare. Returns 1 if a chapter differs in check mode."""
    different = []
    for path in chapters():
        notebook = nbformat.read(path, as_version=4)
        changed = False
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and (new := rewritten(cell.source)) != cell.source:
                cell.source, changed = new, True
        if changed:
            different.append(path.name)
            if not check:
                nbformat.write(notebook, path)
                print(f"{path.name}: equations written")
    if check and different:
        print(f"differ from the registry: {', '.join(different)}; run `make equations`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
