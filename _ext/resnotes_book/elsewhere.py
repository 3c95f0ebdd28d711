"""The page of what is said elsewhere: entries like those of the audit, each with its sources and when they were seen."""

from html import escape
from pathlib import Path

from resnotes.book.claims import ELSEWHERE

from . import audit
from .checked import chapter_titles
from .generated import fill

PAGE = "chapters/elsewhere"
MARKER = "<!-- said elsewhere: written by _ext/resnotes_book/elsewhere.py when the book is built -->"


def overview():
    """One line for each statement."""
    lines = ["| what is said | worth |", "|---|---|"]
    return lines + [
        f"| [{audit.prose(said.statement)}](#claim-{name.lower()}) | {' '.join(audit.SHOWN[said.verdict])} |"
        for name, said in ELSEWHERE.items()
    ]


def seen(said):
    """Where and when it was seen, a line for each source."""
    return "\n".join(
        f'- <a class="reference external" href="{escape(source["address"])}">{escape(source["name"])}</a>, '
        f"seen {source['seen']}"
        for source in said.sources
    )


def entry(said, witness, titles):
    """One statement as MyST text."""
    parts = [
        *audit.head(said),
        f"**What is said.** {audit.prose(said.statement)}{audit.cited(said)}",
        seen(said),
        f"**What it has right.** {audit.prose(said.fair)}",
        f"In our notation:\n\n{audit.formula(said.formula)}" if said.formula else "",
        audit.corrected(said),
        audit.show_witness(witness),
        f"Discussed in [{titles[said.chapter]}]({said.chapter}.ipynb).",
    ]
    return "\n\n".join(part for part in parts if part)


def page(examined, titles):
    """The page's generated part as MyST text."""
    entries = [entry(said, examined[name][1], titles) for name, said in ELSEWHERE.items()]
    return "\n\n".join(["\n".join(overview()), "## One by one", *entries])


def written(app):
    titles = chapter_titles(Path(app.srcdir) / "chapters")
    return page(app.resnotes_examined, titles) if app.resnotes_examined else ""


def setup(app):
    fill(app, PAGE, MARKER, written)
