"""A form under every exercise that can be answered; exercises.js judges what is typed into it.

Without JavaScript the forms stay hidden, and the worked solutions are there all the same. The setting ``resnotes_answers``
is false in the pages for a class, which say the level alone: a form holds its answers.
"""

import json
import re
from html import escape
from pathlib import Path
from unicodedata import normalize

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node

from resnotes.book import EXERCISES

SCRIPT = "resnotes-exercises.js"
SOURCE = Path(__file__).with_name("exercises.js")
LEVELS = {1: "Level 1: to check", 2: "Level 2: to use", 3: "Level 3: to go beyond"}


#: Symbols that may be written in Greek as well, and what is said of a symbol's kind.
GREEK = {"lam": "λ or lam", "mu": "μ or mu"}
#: A letter alone ("a" is a word, E a mean), with its index and power.
SYMBOL = re.compile(
    r"(?<![\w’])(?P<letter>[B-DF-Zb-zα-ω])(?:_(?P<typed>\w)|(?P<index>[₀-₉ₖ]*))(?P<power>[²ᵀ]?)(?![\w’])"
)
KINDS = {"row": " (row)", "column": " (column)", "unit column": " (column of length 1)", "mask": " (diagonal, 0 or 1)"}


def hint(ask):
    """How a formula is written, for one ask."""
    if ask.kind != "formula":
        return ""
    names = ", ".join(GREEK.get(name, name) + KINDS.get(kind, "") for name, kind in ask.symbols.items())
    matrices = "; T(A) is the transpose, I the identity" if set(ask.symbols.values()) != {"number"} else ""
    return f"Symbols: {names}. Write * or a space for a product, ^ for powers{matrices}."


def set_symbols(prompt):
    """A prompt as HTML, its symbols set as formulas set them."""

    def symbol(match):
        lower = re.sub("[A-Za-z]", r"<i>\g<0></i>", match["typed"] or normalize("NFKC", match["index"]))
        raised = normalize("NFKC", match["power"])
        return (
            f"<i>{match['letter']}</i>"
            + (f"<sub>{lower}</sub>" if lower else "")
            + (f"<sup>{raised}</sup>" if raised else "")
        )

    return SYMBOL.sub(symbol, escape(prompt, quote=False)).replace(" =", "\N{NO-BREAK SPACE}=")


def row(label, number, ask):
    """One field, or one list of choices, with the place for what is said of it."""
    name = f"{label}-{number}"
    said = f'<output class="answer-said" id="{name}-said" for="{name}"></output>'
    prompt = set_symbols(ask.prompt)
    if ask.kind == "choice":
        options = "".join(
            f'<label><input type="radio" name="{name}" value="{escape(option)}"> {escape(option)}</label>'
            for option, _ in ask.page()["options"]
        )
        said = said.replace(f' for="{name}"', "")
        return f'<fieldset class="answer-row"><legend>{prompt}</legend>{options}{said}</fieldset>'
    help_text = hint(ask)
    described = f' aria-describedby="{name}-hint"' if help_text else ""
    help_text = f'<small id="{name}-hint">{escape(help_text)}</small>' if help_text else ""
    return (
        f'<div class="answer-row"><label for="{name}">{prompt}</label>'
        f'<input type="text" id="{name}" autocomplete="off" autocapitalize="off" spellcheck="false"{described}>'
        f"{said}{help_text}</div>"
    )


def form(exercise):
    """The form of one exercise; without a script it is not shown."""
    data = {"asks": [{"kind": ask.kind, **ask.page()} for ask in exercise.asks]}
    rows = "".join(row(exercise.label, number, ask) for number, ask in enumerate(exercise.asks))
    return (
        f'<form class="answer needs-script" data-label="{exercise.label}" data-exercise="{escape(json.dumps(data, ensure_ascii=False))}">'
        f'{rows}<p class="answer-foot"><button type="submit">Check</button> '
        f'<span class="answer-done" hidden>✓ answered</span> <span class="answer-level">{LEVELS[exercise.level]}</span> '
        f'<span class="answer-label">In a notebook: <code>check("{exercise.label}", …)</code></span></p></form>'
    )


def level(exercise):
    return f'<p class="answer-level">{LEVELS[exercise.level]}</p>'


class AddForms(SphinxPostTransform):
    """Put each form at the end of its exercise."""

    default_priority = 960
    formats = ("html",)

    def run(self, **kwargs):
        for kind in (exercise_node, exercise_enumerable_node):
            for node in list(self.document.findall(kind)):
                exercise = EXERCISES.get(node.get("label"))
                if exercise:
                    below = form if self.config.resnotes_answers else level
                    node += nodes.raw("", below(exercise), format="html")


def write(app):
    if app.builder.format == "html":
        folder = Path(app.outdir, "_static")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCRIPT).write_text(SOURCE.read_text("utf-8"), "utf-8")


def add(app, pagename, templatename, context, doctree):
    """Put the script on a page that holds a form."""
    if '<form class="answer ' in context.get("body", ""):
        app.add_js_file(SCRIPT, loading_method="defer", **{"data-total": str(len(EXERCISES))})


def setup(app):
    app.add_config_value("resnotes_answers", True, "env", bool)
    app.add_post_transform(AddForms)
    app.connect("builder-inited", write)
    app.connect("html-page-context", add, priority=400)
