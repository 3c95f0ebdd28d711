"""Every equation's check, run while the book is built: a mark beside its number, and the ledger page.

The page's source holds a comment where the ledger belongs; what stands there is written from the registry, so the
numbers on it are those of this build and of this machine.
"""

import json
import re
from collections import Counter
from dataclasses import astuple
from html import escape
from pathlib import Path

import nbformat

from resnotes.book import EQUATIONS, STATEMENTS, mutations
from resnotes.book.claims import JUDGED
from resnotes.book.claims.mutants import survey as survey_claim

from . import launch, stated
from .generated import fill

LEDGER = "chapters/ledger"
MARKER = "<!-- the ledger: written by _ext/resnotes_book/checked.py when the book is built -->"
METHODS = {
    "definition": "a definition, compared with what the package computes",
    "symbolic": "both sides brought to the same ordered expression",
    "exhaustive": "written out and compared for all small depths",
    "induction": "base case and step proved, so for every depth",
    "numeric": "compared on random cases",
    "citation": "quoted, and enclosed by numbers",
}


def run_check(label):
    """Check one equation and its damaged forms. Runs in a process of its own, so it returns plain values."""
    entry = EQUATIONS[label]
    result = entry.check()
    if entry.method in mutations.NOT_MUTATED:
        return result, None
    return result, mutations.survey(label, entry.expression, entry.check)


def run_damage(name):
    """Damage a claim's corrected form, where it has a formula."""
    return survey_claim(JUDGED[name])


def refuse_survivors(app):
    """A damaged form that no check catches ends the build."""
    for label, survey in surveys_of(app).items():
        if survey.survivors:
            raise ValueError(f"{label}: damaged forms that the check does not catch: {'; '.join(survey.survivors)}")


def surveys_of(app):
    """Label of an equation or id of a claim -> what became of its damaged forms."""
    equations = {label: survey for label, (_, survey) in app.resnotes_checked.items() if survey is not None}
    return equations | app.resnotes_surveys


def record(app):
    """Leave beside the pages what the checks and the surveys found; the tests read it there."""
    results = {name: result for name, (result, _) in (app.resnotes_checked | app.resnotes_examined).items()}
    for file, found in (("checked", results), ("surveys", surveys_of(app))):
        text = json.dumps({name: astuple(one) for name, one in found.items()}, indent=1)
        Path(app.outdir).with_name(f"{file}.json").write_text(text, "utf-8")


def error_text(error):
    return "no rounding error" if error == 0 else f"worst relative error {error:.0e}"


def summary(entry, result):
    """One line about how an equation was checked."""
    return f"{entry.method}, {result.cases} cases, {error_text(result.worst_error)}"


def used_by():
    """Label -> labels of the equations that rest on it."""
    users = {label: [] for label in EQUATIONS}
    for entry in EQUATIONS.values():
        for label in entry.references:
            users[label].append(entry.label)
    return users


def links(labels):
    return ", ".join(f"[{label}](#ledger-{label})" for label in labels)


def row(entry, title, result, survey, users):
    """An equation's row: a heading with the label, how it was checked, and in a fold the formula with a list of facts."""
    shown = (
        f"Shown as {{eq}}`{entry.label}`. Method: {entry.method}. Cases: {result.cases}; "
        f"{error_text(result.worst_error)}."
    )
    facts = []
    if entry.assumptions:
        facts.append(f"Assumes: {'; '.join(entry.assumptions)}.")
    if entry.in_fractions:
        facts.append(f"Also without rounding: {entry.in_fractions} cases in fractions.")
    if entry.without:
        facts.append(f"Seen to fail without: {'; '.join(hypothesis for hypothesis, _ in entry.without)}.")
    names = [proof.name for proof in entry.proofs if getattr(proof, "name", "")]
    if names:
        facts.append(f"Derivation: {', '.join(f'`{name}`' for name in names)}.")
    if entry.reference:
        facts.append(f"Quoted from {{cite}}`{entry.reference}`.")
    if entry.references:
        facts.append(f"Rests on: {links(entry.references)}.")
    if users:
        facts.append(f"Used by: {links(users)}.")
    if survey is not None:
        facts.append(f"Damaged forms: {survey.made} made, {survey.caught} caught, {len(survey.equivalent)} equivalent.")
        facts += [
            f"Equivalent: {damage.replace('_', chr(92) + '_')}. {reason}." for damage, reason in survey.equivalent
        ]
    if source := launch.repository():
        # As HTML: MyST writes an ampersand of an address twice over.
        facts.append(
            f'<a class="reference external" href="{escape(launch.report(source, entry.label))}">'
            "Report an error in this equation</a>."
        )
    return stated.folded(entry.label, title, shown, "The equation", f"$$\n{entry.latex}\n$$", facts)


def chapter_titles(folder):
    """Stem of each notebook -> its first heading."""
    titles = {}
    for path in sorted(folder.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        titles[path.stem] = next(
            line[2:] for cell in cells for line in cell.source.splitlines() if line.startswith("# ")
        )
    return titles


PLACE = re.compile(
    r"^(?P<level>##+) (?P<heading>.+)$|^:{3,}\{prf:\w+\} (?P<box>.+)$|^(?P<end>:{3,})$"
    r"|^:label: (?P<named>\S+)$|^\$\$ \((?P<label>[\w-]+)\)$",
    re.MULTILINE,
)


def place_titles(folder):
    """Label of each equation and of each box with a title -> title of the innermost box or section that it stands in.

    Where several equations stand, the words of a label tell them apart.
    """
    boxes, equations = {}, {}
    for path in sorted(folder.glob("*.ipynb")):
        heading = box = ""
        for cell in nbformat.read(path, as_version=4).cells:
            for found in PLACE.finditer(cell.source) if cell.cell_type == "markdown" else ():
                heading = found["heading"] or heading
                if found["heading"] or found["end"] or found["box"]:
                    box = found["box"] or ""
                elif box and found["named"]:
                    boxes[found["named"]] = box
                elif found["label"]:
                    equations[found["label"]] = path.stem, box or heading
    together = Counter(equations.values())
    words = {label: label.removeprefix("at-").partition("-")[2].replace("-", " ") for label in equations}
    return boxes | {
        label: f"{place[1]}: {words[label]}" if together[place] > 1 else place[1] for label, place in equations.items()
    }


def tally(surveys):
    """How many mutants were made, caught and equivalent."""
    return (sum(s.made for s in surveys), sum(s.caught for s in surveys), sum(len(s.equivalent) for s in surveys))


def ledger(checked, damaged, titles, places, sentences):
    """The ledger as MyST text."""
    users = used_by()
    surveys = [survey for _, survey in checked.values() if survey is not None]
    made, caught, equivalent = tally(surveys)
    claimed = tally(damaged)
    worst = max(result.worst_error for result, _ in checked.values())
    lines = [
        f"When this page was built, **{len(checked)} equations** were checked in "
        f"{sum(result.cases for result, _ in checked.values())} cases. The worst relative error was {worst:.0e}. "
        f"{sum(bool(EQUATIONS[label].in_fractions) for label in checked)} of them were checked in fractions too, "
        "where nothing is rounded.",
        "",
        f"Then each was altered on purpose, as a human slip would alter it: **{made} altered forms** of "
        f"{len(surveys)} equations. {caught} were caught, {equivalent} say the same as the original, and none went unnoticed.",
        "",
        f"The same was done to the corrected forms of {len(damaged)} claims of the [audit](audit.md) and of what is "
        "[said elsewhere](elsewhere.md): "
        f"**{claimed[0]} altered forms**, {claimed[1]} caught, {claimed[2]} the same as the original.",
        "",
        stated.summary(sentences),
        "",
        "| Method | What it means | Equations |",
        "| --- | --- | --- |",
        *(
            f"| {method} | {meaning} | {sum(entry.method == method for entry in EQUATIONS.values())} |"
            for method, meaning in METHODS.items()
        ),
        "",
    ]
    for chapter, title in titles.items():
        rows = [
            row(EQUATIONS[k], places[k], *found, users[k])
            for k, found in checked.items()
            if EQUATIONS[k].chapter == chapter
        ]
        rows += [
            stated.row(STATEMENTS[k], found, links, places)
            for k, found in sentences.items()
            if STATEMENTS[k].chapter == chapter
        ]
        if rows:
            lines += [f"## {title}", "", f"[Read the chapter]({chapter}.ipynb).", "", *rows]
    return "\n".join(lines)


def written(app):
    folder = Path(app.srcdir) / "chapters"
    surveys = list(app.resnotes_surveys.values())
    return ledger(app.resnotes_checked, surveys, chapter_titles(folder), place_titles(folder), app.resnotes_stated)


def mark(entry, result, href):
    """The sign beside an equation's number."""
    said = escape(summary(entry, result), quote=True)
    return (
        f'<a class="checked" href="{href}" aria-label="Checked: {said}. To the ledger"><span aria-hidden="true">✓</span>'
        f'<span class="checked-summary" aria-hidden="true">{said}</span></a>'
    )


def add_marks(app):
    """Let the writer of display formulas put the mark behind the number of a registered equation."""
    visit, depart = app.registry.html_block_math_renderers["katex"]

    def visit_with_mark(writer, node):
        start = len(writer.body)
        try:
            visit(writer, node)
        finally:
            label = node.get("label")
            if label in app.resnotes_checked:
                result, _ = app.resnotes_checked[label]
                here = writer.builder.current_docname
                href = f"{writer.builder.get_relative_uri(here, LEDGER)}#ledger-{label}"
                html = "".join(writer.body[start:])
                sign = mark(EQUATIONS[label], result, href)
                writer.body[start:] = [html.replace('<span class="eqno">', f'<span class="eqno">{sign}', 1)]

    app.registry.html_block_math_renderers["katex"] = (visit_with_mark, depart)


def setup(app):
    app.connect("builder-inited", add_marks)
    fill(app, LEDGER, MARKER, written)
