"""Brings the explorers to life on the pages that hold one; all other pages get nothing.

Each page with an explorer loads one classic script, made here from the package's own modules and from
hydrate.js, and one style sheet. Both work from file://.
"""

import json
from pathlib import Path

from resnotes.explorers._base import FILES, source

MARK = "data-resnotes-explorer="
SCRIPT = "resnotes-explorers.js"
STYLE = "resnotes-explorers.css"
HYDRATE = Path(__file__).with_name("hydrate.js")


def script():
    """The text of the script: hydrate.js, called with the text of every module."""
    names = sorted(path.name.removesuffix(".js") for path in FILES.iterdir() if path.name.endswith(".js"))
    # "</" would end an inline script; this one is a file, but the escape costs nothing.
    sources = json.dumps({name: source(f"{name}.js") for name in names}, ensure_ascii=False).replace(
        "</", "<\\/"
    )
    return f"(() => {{\n{HYDRATE.read_text(encoding='utf-8')}\nhydrate({sources});\n}})();\n"


def write(app):
    """Write both files where the pages will look for them."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SCRIPT).write_text(script(), encoding="utf-8")
    (folder / STYLE).write_text(source("explorer.css"), encoding="utf-8")


def add(app, pagename, templatename, context, doctree):
    """Put script and style on a page that holds an explorer."""
    if MARK in context.get("body", ""):
        app.add_js_file(SCRIPT, loading_method="defer")
        app.add_css_file(STYLE)


def setup(app):
    """Connect to Sphinx. Before others' handlers, since some replace the list of scripts."""
    app.connect("builder-inited", write)
    app.connect("html-page-context", add, priority=400)
