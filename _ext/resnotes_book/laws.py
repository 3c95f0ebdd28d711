"""The page of laws: written from `resnotes.book.laws` and `resnotes.recipes` when the book is built."""

from pathlib import Path

from resnotes.book.laws import LAWS, STEP, WIDE_ERROR
from resnotes.recipes import RECIPES

from .checked import chapter_titles
from .generated import fill

PAGE = "chapters/laws"
MARKER = "<!-- the laws: written by _ext/resnotes_book/laws.py when the book is built -->"
DEPTHS = 10, 100, 1000


def overview():
    """One line for each law."""
    lines = ["| law | equation | holds as | measured in |", "|---|---|---|---|"]
    return lines + [
        f"| [{law.name}](#law-{law.label}) | {{eq}}`{law.label}` | {law.sense} | {law.measured or ('needs none' if law.sense == STEP else 'the tests alone')} |"
        for law in LAWS
    ]


def entry(law, titles):
    """Formula, hypotheses and place of a law."""
    stem = law.equation.chapter
    assumed = "; ".join(f"`{each}`" for each in law.equation.assumptions) or "nothing further"
    return [
        f"(law-{law.label})=",
        f"### {law.name}",
        "",
        f"$$\n{law.equation.latex}\n$$",
        "",
        f"Assumes: {assumed}. Derived in [{titles[stem]}]({stem}.ipynb), {{eq}}`{law.label}`.",
        "",
    ]


def settings():
    """What every recipe sets at three depths; recipes with the same line share it."""
    names = {}
    for name, recipe in RECIPES.items():
        cells = [recipe.norm or "none", *(recipe.setting(depth) for depth in DEPTHS)]
        names.setdefault(" | ".join(cells), []).append(name)
    lines = ["| recipe | norm | at 10 units | 100 | 1000 |", "|---|---|---|---|---|"]
    return lines + [f"| {', '.join(same)} | {cells} |" for cells, same in names.items()]


def laws(folder):
    """The page's generated part as MyST text."""
    titles = chapter_titles(folder)
    error = (
        "How far networks are from the laws of wide ones is measured, at depths of 4, 8 and 16 and widths of 32 and 64: "
        f"the mean lies above the law by at most the factor $e^{{{WIDE_ERROR:g}L/n}}$, besides the error of the sample. "
        "Exact means lie within the error of the sample alone."
    )
    parts = [*overview(), "", error, "", "## What to set", "", *settings(), "", "## Law by law", ""]
    for law in LAWS:
        parts += entry(law, titles)
    return "\n".join(parts)


def setup(app):
    fill(app, PAGE, MARKER, lambda app: laws(Path(app.srcdir) / "chapters"))
