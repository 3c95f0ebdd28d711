"""Every sentence's check, run while the book is built: its row of the ledger, and a mark beside it that leads there."""

import re
from html import escape

from docutils import nodes

from resnotes.book import STATEMENTS
from resnotes.book.statements import KINDS

from .search import in_line

LABELLED = re.compile(r"^\$\$ \((?P<label>[\w-]+)\)$", re.MULTILINE)


def run_statement(name):
    """What the check of a sentence finds. Runs in a process of its own."""
    return STATEMENTS[name].findings()


def code(example):
    return f"`{example}`"


def summary(sentences):
    """What was found of all, in a line or two."""
    found = list(sentences.values())
    needed = sum(bool(example) for one in found for _, example, _ in one.without)
    return (
        f"**{len(found)} sentences**, propositions and lines to remember among them, were tried at "
        f"{sum(one.cases for one in found)} places that meet their hypotheses. {needed} hypotheses have an example without "
        f"them in which the sentence fails, and {sum(len(one.rejected) for one in found)} false neighbours one each."
    )


def folded(name, title, shown, summary, content, facts):
    """A row of the ledger, most of which waits to be asked for: a link to the row opens it (assets/resnotes.js)."""
    items = "\n".join(f"- {fact}" for fact in facts)
    fold = f"::::::{{admonition}} {summary}\n:class: dropdown later ledger-row\n\n{content}\n\n{items}\n::::::"
    return f"(ledger-{name})=\n### {title}\n\n`{name}`. {shown}\n\n{fold}\n"


FORMULA, REFERENCE = re.compile(r"\$([^$]+)\$"), re.compile(r"\{\w+\}`[^`]*`|\*\*|^[-|] ")


def opening(sentence, most=60):
    """How a sentence begins, as a title: whole words, formulas in letters, without emphasis and references."""
    text = FORMULA.sub(lambda found: re.sub(r"[_*]", r"\\\g<0>", in_line(found[1])), REFERENCE.sub("", sentence))
    text = re.split(r"(?<=\S)[.;](?=\s|$)|\n\n", text)[0].strip()
    return text if len(text) <= most else f"{text[:most].rpartition(' ')[0].rstrip(' ,:')} …"


def title(entry, places):
    """A row's heading in words: a box's own title, what is to be remembered, a table or the first cell of its row."""
    if entry.place.startswith("table: "):
        table = entry.place.removeprefix("table: ").replace(" | ", ", ")
        table = table[:1].upper() + table[1:]
        rows = entry.sentence.strip().splitlines()
        return table if len(rows) > 1 else f"{table}: {opening(rows[0].split(' | ')[0])}"
    return places.get(entry.id) or opening(entry.sentence)


def places(found):
    return f"{found.cases} place{'s' * (found.cases != 1)}"


def row(entry, found, links, titles):
    """A sentence's row: a heading with its id, how it was checked, and in a fold the sentence with a list of facts."""
    sentence = LABELLED.sub(r"{eq}`\g<label>`", entry.sentence.strip())
    if entry.place.startswith("table: "):
        rows = sentence.replace(" | ", " · ").splitlines()
        said = "A row of" if len(rows) == 1 else "All of"
        sentence = f"{said} the table *{entry.place.removeprefix('table: ').replace(' | ', ', ')}*: {'; '.join(rows)}"
    shown = (
        f"Kind: {entry.kind}, {KINDS[entry.kind]}. Seen to hold at {places(found)}, wherever its hypotheses are met."
    )
    facts = []
    for words, example, why in found.without:
        facts.append(f"Without “{words}” it fails at {code(example)}." if example else f"“{words}” stays: {why}.")
    facts += [f"False would be “{words}”: at {code(example)}." for words, example in found.rejected]
    if entry.rests_on:
        facts.append(f"Rests on: {links(entry.rests_on)}.")
    if entry.source:
        facts.append(f"Seen in: {entry.source}.")
    return folded(entry.id, title(entry, titles), shown, "The sentence", sentence, facts)


def mark(entry, found, href):
    said = escape(f"{entry.kind}, holds at {places(found)}", quote=True)
    html = f' <a class="stated" href="{href}" aria-label="Checked: {said}. To the ledger"><span aria-hidden="true">✓</span></a>'
    return nodes.raw("", html, format="html")


def boxes(doctree, stem):
    """(entry, title of its box) of a chapter."""
    for box in doctree.findall(nodes.Element):
        entry = STATEMENTS.get(box.get("label"))
        title = next(iter(box.findall(nodes.title)), None)
        if entry is not None and entry.chapter == stem and title is not None:
            yield entry, title


def add_marks(app, doctree, docname):
    stated = getattr(app, "resnotes_stated", {})
    if not stated or app.builder.format != "html":
        return
    stem = docname.rsplit("/", 1)[-1]
    places = list(boxes(doctree, stem))
    lines = [entry for entry in STATEMENTS.values() if (entry.chapter, entry.place) == (stem, "remember")]
    for section in doctree.findall(nodes.section):
        if section[0].astext() == "Remember" and lines:
            points = next(iter(section.findall(nodes.bullet_list))).children
            places += [(entry, point[-1]) for entry, point in zip(lines, points, strict=True)]
    href = app.builder.get_relative_uri(docname, "chapters/ledger")
    for entry, element in places:
        element += mark(entry, stated[entry.id], f"{href}#ledger-{entry.id}")


def setup(app):
    app.connect("doctree-resolved", add_marks)
