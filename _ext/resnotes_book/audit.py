"""The audit page: every claim of the notes, checked and with its witness computed while the book is built.

The page's source holds a comment where the audit belongs. Each claim is a section; its classes
name its verdict and its note, which is what the style sheet and the filter (audit.js) go by. Without the
script everything is shown.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from resnotes.book.claims import CLAIMS, JUDGED, VERDICTS
from resnotes.book.claims.evidence import as_latex, as_text
from resnotes.book.claims.expressions import LATEX_OF

from .checked import chapter_titles
from .generated import fill

PAGE = "chapters/audit"
MARKER = "<!-- the audit: written by _ext/resnotes_book/audit.py when the book is built -->"
SCRIPT = Path(__file__).with_name("audit.js")
#: Verdict -> sign and word; the colour is the style sheet's.
SHOWN = {
    "holds": ("✓", "holds"),
    "conditions": ("◐", "holds under conditions"),
    "ambiguous": ("?", "ambiguous"),
    "wrong": ("✗", "wrong"),
    "question": ("→", "question"),
}
NOTES = {
    "000 and 002": "Notes 000 and 002",
    "002": "Note 002 alone",
    "003": "Note 003, a question and its answer",
    "004": "Note 004, deep residual networks",
}
KIND = {
    "computed": "Computed when this page was built.",
    "published numbers": "Published numbers: cited, not computed here.",
    "quotation": "Quotations: the place is named, and there is nothing to compute.",
}
GREEK = {"lambda": "λ", "theta": "θ", "delta": "δ"}


# Checks.


def examine(name):
    """Check one claim and compute its witness. Runs in a process of its own."""
    claim = JUDGED[name]
    return claim.check(), claim.witness()


# Text. What the claims hold is plain text with names such as x_5, and exact values.


INDEXED = re.compile(rf"\b({'|'.join(GREEK)}|[A-Za-z])_(\{{[^}}]+\}}|[A-Za-z0-9]+)")


def typeset(match):
    base, index = match.groups()
    return f"${f'{chr(92)}{base}' if base in GREEK else base}_{{{index.strip('{}')}}}$"


def escaped(text):
    """Plain text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~^])", r"\\\1", text)


def plain(text):
    """Text between indexed names: Greek letters and transposes by their own characters."""
    for name, letter in GREEK.items():
        text = re.sub(rf"\b{name}\b", letter, text)
    return escaped(text.replace("^T", "ᵀ"))


def prose(text):
    """Plain text as Markdown: names with an index set as formulas, everything else as it is."""
    parts, end = [], 0
    for match in INDEXED.finditer(text):
        parts += [plain(text[end : match.start()]), typeset(match)]
        end = match.end()
    return "".join([*parts, plain(text[end:])])


def is_text(value):
    """Whether a value (or an entry of it) is words."""
    return isinstance(value, (str, bool)) or (isinstance(value, tuple) and any(map(is_text, value)))


def is_words(latex):
    return not latex or latex.startswith(r"\text{")


def datum(name, latex, value):
    """One number of an example, as Markdown and whether that is a formula."""
    if is_words(latex) or is_text(value):
        words = as_text(value) if name == "words" else f"{name}: {as_text(value)}"
        return prose(words), False
    return f"{{{latex} = {as_latex(value)}}}", True


def data_line(data):
    """The example's numbers, in formulas that break between two of them only."""
    items = [datum(name, latex, value) for name, (latex, value) in data.items()]
    formulas = [text for text, formula in items if formula]
    words = [text for text, formula in items if not formula]
    sized = r",\ \allowbreak ".join(formulas)
    return "; ".join(([f"${sized}$"] if formulas else []) + words)


def statement(case, relation, value):
    """The quantity, how it stands to the value, and the value, as Markdown."""
    quantity, latex = case.quantity
    if relation == ":":
        return prose(as_text(value))
    if is_words(latex) or is_text(value):
        return f"{prose(quantity)} {escaped(relation)} {prose(as_text(value))}"
    return f"$$\n{latex} {LATEX_OF[relation]} {as_latex(value)}\n$$"


def container(name, content, depth):
    """A block with a class; ``depth`` is how many blocks it holds within each other."""
    fence = ":" * (3 + depth)
    return f"{fence}{{container}} {name}\n{content}\n{fence}"


def show_case(case):
    """One case: its numbers, what was claimed beside what is true, and how they agree."""
    sign, word = ("✓", "agrees") if case.agrees else ("✗", "does not agree")
    sides = "\n\n".join(
        container(name, f"{title}\n\n{text}", 0)
        for name, title, text in (
            ("claimed", f"*{case.side.capitalize()}*", statement(case, case.relation, case.claimed)),
            ("true", "*True*", statement(case, "=" if case.relation != ":" else ":", case.true)),
        )
    )
    after = [
        f'<span class="outcome {"agrees" if case.agrees else "differs"}">'
        f'<span aria-hidden="true">{sign}</span> {word}.</span>'
    ]
    if case.text:
        after.append(prose(case.text))
    if case.reference:
        after.append(f"{{cite}}`{case.reference}`")
    if case.candidates:
        after.append(f"Found as candidate {case.candidates} of a search, small numbers first.")
    if case.asked:
        after.append(f"Asked of it: {prose('; '.join(case.asked))}.")
    mark = "" if case.kind == "computed" else f" *({case.kind})*"
    lines = [
        f"**{prose(case.name)}.**{mark} {data_line(case.data)}",
        container("beside", sides, 1),
        " ".join(after),
    ]
    return container("case", "\n\n".join(lines), 2)


def show_witness(witness):
    """All cases, folded away: the browser makes elements of them when they are asked for (see folds.py)."""
    kinds = " ".join(KIND[kind] for kind in witness.kinds)
    inside = "\n\n".join([kinds, *map(show_case, witness.cases)])
    title = "Witness" if len(witness.cases) == 1 else f"Witness, {len(witness.cases)} cases"
    return f"::::::{{admonition}} {title}\n:class: dropdown later\n\n{inside}\n::::::"


def badge(verdict):
    sign, word = SHOWN[verdict]
    return f'<span class="verdict"><span aria-hidden="true">{sign}</span> {word}</span>'


def formula(text):
    return f"$$\n{text}\n$$" if text else ""


def corrected(claim):
    """What is true, with the registered equations that say so."""
    lines = [
        f"**What is true.** {prose(claim.corrected)}" if claim.corrected else "",
        formula(claim.corrected_formula),
    ]
    own = [truth.equation for truth in claim.truths if truth.equation]
    rest = [label for label in claim.equations if label not in own]
    if own:
        links = ", ".join(f"{{eq}}`{label}` ([its row in the ledger](#ledger-{label}))" for label in own)
        lines.append(f"Registered as {links}.")
    if rest:
        lines.append(f"Rests on {', '.join(f'{{eq}}`{label}`' for label in rest)}.")
    return "\n\n".join(line for line in lines if line)


def head(claim):
    """A card's anchor with its title, and the line of what there is to know of it."""
    facts = (
        f'<p class="claim-facts">{badge(claim.verdict)} <span>{escape(claim.kind)}</span> '
        f"<span>{escape(claim.place)}</span> <span>{claim.id}</span></p>"
    )
    return f"(claim-{claim.id})=\n### {prose(claim.title)}", facts


def cited(claim):
    return f" {{cite}}`{claim.reference}`" if claim.reference else ""


def section(claim, result, witness, titles):
    """One claim as MyST text."""
    parts = [
        *head(claim),
        f"**What is {'asked' if claim.verdict == 'question' else 'said'}.** {prose(claim.statement)}{cited(claim)}",
        "In a formula of ours:" if claim.ours else "",
        formula(claim.formula),
        corrected(claim),
        show_witness(witness),
        f"Discussed in [{titles[claim.chapter]}]({claim.chapter}.ipynb). Checked in {result.cases} comparisons.",
    ]
    return "\n\n".join(part for part in parts if part)


# The page.


def summary_table():
    """Notes and verdicts, counted."""
    claims = CLAIMS.values()
    head = " | ".join(f"{SHOWN[verdict][0]} {SHOWN[verdict][1]}" for verdict in VERDICTS)
    lines = [f"| Where | {head} | all |", "| --- |" + " ---: |" * (len(VERDICTS) + 1)]
    for note, title in [*NOTES.items(), (None, "**All notes**")]:
        counts = [
            sum(claim.verdict == verdict and note in (claim.note, None) for claim in claims) for verdict in VERDICTS
        ]
        lines.append(f"| {title} | {' | '.join(map(str, counts))} | {sum(counts)} |")
    return "\n".join(lines)


def by_verdict():
    """Links to the claims, a list a verdict."""
    lines = ["## By verdict"]
    for verdict in VERDICTS:
        own = [claim for claim in CLAIMS.values() if claim.verdict == verdict]
        links = "\n".join(f"- [{prose(claim.title)}](#claim-{claim.id.lower()})" for claim in own)
        lines.append(
            f'<p class="verdict-head verdict-{verdict}">{badge(verdict)} {len(own)}</p>\n\n'
            + container("claim-links", links, 0)
        )
    return "\n\n".join(lines)


def options(values):
    return "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in values)


def note_class(note):
    return f"note-{note.replace(' ', '-')}"


def field(name, title, control):
    return f'<div><label for="audit-{name}">{title}</label>{control}</div>'


def select(name, title, everything, values):
    control = (
        f'<select id="audit-{name}" name="{name}" autocomplete="off"><option value="">{everything}</option>'
        f"{options(values)}</select>"
    )
    return field(name, title, control)


def filter_form():
    """Hidden until the script takes it up: nothing on the page looks live and is not."""
    notes = [(note_class(note), title) for note, title in NOTES.items()]
    verdicts = [(f"verdict-{verdict}", " ".join(SHOWN[verdict])) for verdict in VERDICTS]
    words = '<input id="audit-words" name="words" type="search" autocomplete="off" placeholder="such as: vanish">'
    return (
        '<form id="audit-filter" class="audit-filter" role="search" aria-label="Filter the claims" hidden>'
        f"{select('verdict', 'Verdict', 'every verdict', verdicts)}"
        f"{select('note', 'Note', 'every note', notes)}"
        f"{field('words', 'Words', words)}"
        '<button type="reset">Show all</button>'
        '<p id="audit-count" role="status" aria-live="polite"></p></form>'
    )


def audit(examined, titles):
    """The audit as MyST text."""
    parts = [summary_table(), by_verdict(), "## Claim by claim", filter_form()]
    for note, title in NOTES.items():
        parts.append(f"## {title}")
        parts += [section(claim, *examined[claim.id], titles) for claim in CLAIMS.values() if claim.note == note]
    return "\n\n".join(parts)


def written(app):
    unknown = {claim.note for claim in CLAIMS.values()} - set(NOTES)
    if unknown:
        raise ValueError(f"claims: got the notes {sorted(unknown)}, want some of {list(NOTES)}")
    return audit(app.resnotes_examined, chapter_titles(Path(app.srcdir) / "chapters")) if app.resnotes_examined else ""


class NameClaims(SphinxPostTransform):
    """Give each claim's section its anchor as it is spelt, and the classes for style and filter, on every page."""

    default_priority = 960
    formats = ("html",)

    def run(self, **kwargs):
        by_anchor = {f"claim-{name.lower()}": claim for name, claim in JUDGED.items()}
        for node in self.document.findall(nodes.section):
            claim = next((by_anchor[name] for name in node["ids"] if name in by_anchor), None)
            if claim is not None:
                node["ids"] = [f"claim-{claim.id}", *node["ids"]]
                node["classes"] += [
                    "claim",
                    f"verdict-{claim.verdict}",
                    *([note_class(claim.note)] if claim.note else []),
                ]


def write_script(app):
    if app.builder.format == "html":
        folder = Path(app.outdir, "_static")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audit.js").write_text(SCRIPT.read_text("utf-8"), "utf-8")


def add_script(app, pagename, templatename, context, doctree):
    if pagename == PAGE:
        app.add_js_file("audit.js", loading_method="defer")


def setup(app):
    app.connect("builder-inited", write_script)
    fill(app, PAGE, MARKER, written)
    app.connect("html-page-context", add_script, priority=400)
    app.add_post_transform(NameClaims)
