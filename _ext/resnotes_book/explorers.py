"""Brings the explorers to life on the pages that hold one; all other pages get nothing.

A page with explorers loads one classic script, made here from the package's own modules that it needs and from
hydrate.js, and one style sheet. Both work from file://.
"""

import json
import re
from pathlib import Path

from resnotes.explorers._base import IMPORT, own_style, shared_style, source

MARK = re.compile(r'data-resnotes-explorer="(\w+)"')
HYDRATE = Path(__file__).with_name("hydrate.js")


def with_imports(names):
    """These modules and all that they import, sorted."""
    found = set(names)
    for name in names:
        found |= set(with_imports(IMPORT.findall(source(f"{name}.js"))))
    return sorted(found)


def script(names):
    """The text of the script for a page with these explorers: hydrate.js, called with the modules' texts."""
    # "</" would end an inline script; this one is a file, but the escape costs nothing.
    sources = json.dumps({name: source(f"{name}.js") for name in with_imports(names)}, ensure_ascii=False).replace(
        "</", "<\\/"
    )
    return f"(() => {{\n{HYDRATE.read_text(encoding='utf-8')}\nhydrate({sources});\n}})();\n"


def styles(names):
    """The text of the style sheet for a page with these explorers."""
    return shared_style() + "".join(map(own_style, names))


def add(app, pagename, templatename, context, doctree):
    """Put script and style on a page that holds an explorer."""
    names = sorted(set(MARK.findall(context.get("body", ""))))
    if not names:
        return
    stem = "-".join(["resnotes-explorers", *names])
    folder = Path(app.outdir, "_static")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.js").write_text(script(names), encoding="utf-8")
    (folder / f"{stem}.css").write_text(styles(names), encoding="utf-8")
    app.add_js_file(f"{stem}.js", loading_method="defer")
    app.add_css_file(f"{stem}.css")


def setup(app):
    """Connect to Sphinx. Before others' handlers, since some replace the list of scripts."""
    app.connect("html-page-context", add, priority=400)
