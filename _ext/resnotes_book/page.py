"""What stands in a page's head: nothing that the page does not use, and no script before the first paint."""

import json
import re
import shutil
from pathlib import Path

import jupytext
import nbformat
from docutils import nodes

from .launch import repository
from .plain import Plain

# A setting of the theme's version switcher, which this book has not. It would run before the script, deferred
# like all others, that declares DOCUMENTATION_OPTIONS.
UNUSED_SCRIPT = "DOCUMENTATION_OPTIONS.pagename"
# What a front end with a kernel would read; the explorers on a page carry their own state.
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
VIEWPORT = re.compile(r'<meta[^>]*name="viewport"[^>]*>')
# Rules for formulas that clip wide ones or make an element scroll that the keyboard cannot reach; ours are in
# assets/resnotes.css.
UNUSED_STYLES = {"katex-math.css"}
# What the theme copies beside the pages and no page asks for: templates, icon fonts, source maps, logos.
UNUSED_FILES = (
    "*-macros.html",
    "scripts/bootstrap.js*",
    "vendor",
    "locales",
    "images",
    "**/*.map",
    "file.png",
    "minus.png",
    "plus.png",
    "searchtools.js",
    "language_data.js",
)


def description(doctree):
    """The first paragraph of plain text, for search engines and link previews."""
    for paragraph in doctree.findall(nodes.paragraph):
        if not any(paragraph.findall(nodes.math)):
            return " ".join(paragraph.astext().split())[:300]
    return ""


def deferred(script):
    attributes = {**script.attributes, "defer": "defer"} if script.filename else script.attributes
    return type(script)(script.filename, priority=script.priority, **attributes)


def prepare(app, pagename, templatename, context, doctree):
    """Defer every script and leave out what the page does not use; runs after everybody has added theirs."""
    context["script_files"] = [
        deferred(script)
        for script in context["script_files"]
        if not script.attributes.get("body", "").startswith(UNUSED_SCRIPT)
        and script.attributes.get("type") != WIDGET_STATE
    ]
    context["css_files"] = [
        style for style in context["css_files"] if Path(str(style.filename)).name.split("?")[0] not in UNUSED_STYLES
    ]
    # The search page has no text of its own.
    context["page_description"] = (
        f"Search the book: {context['docstitle']}." if doctree is None else description(doctree)
    )
    if doctree is not None:
        formulas = sum(1 for node in doctree.findall() if isinstance(node, (nodes.math, nodes.math_block)))
        app.resnotes_formulas[pagename] = formulas
    # The notebook with its outputs, in plain Markdown, ready to run. And its code as a script.
    source = context.get("sourcename") or ""
    context["notebook"] = f"_sources/{source}" if source.endswith(".ipynb") else None
    context["program"] = f"_sources/{source[:-6]}.py" if source.endswith(".ipynb") else None
    # docutils and Sphinx both write it.
    context["metatags"] = VIEWPORT.sub("", context.get("metatags", ""))


def write_formula_counts(app, exception):
    """Leave beside the pages how many formulas each must show; the tests count them in a browser."""
    if exception is None and app.builder.name == "html":
        counts = json.dumps(app.resnotes_formulas, indent=1, sort_keys=True)
        (Path(app.outdir).parent / "formulas.json").write_text(counts, "utf-8")


def write_times(app, exception):
    """Leave beside the pages the seconds that each notebook took; benchmarks/pages stores them."""
    if exception is None and app.builder.name == "html":
        done = {name: data["exec_data"]["runtime"] for name, data in app.env.nb_metadata.items() if "exec_data" in data}
        times = json.dumps({name: round(runtime, 2) for name, runtime in done.items()}, indent=1, sort_keys=True)
        (Path(app.outdir).parent / "times.json").write_text(times, "utf-8")


def write_downloads(app, exception):
    """Each notebook in plain Markdown, and as a script; and both once more for pages opened from a file, which can read
    nothing else."""
    if exception is None and app.builder.name == "html":
        plain = Plain(
            Path(app.srcdir),
            address=app.config.html_baseurl,
            repository=repository(),
            solutions=app.config.resnotes_answers,
        )
        for notebook in sorted((Path(app.outdir) / "_sources").rglob("*.ipynb")):
            content = plain.chapter(notebook.stem)
            notebook.write_text(nbformat.writes(content), "utf-8")
            content.metadata = {"kernelspec": content.metadata.get("kernelspec", {})}
            script = notebook.with_suffix(".py")
            script.write_text(jupytext.writes(content, fmt="py:percent"), "utf-8")
            for path in (notebook, script):
                call = f"resnotesDownload({json.dumps(path.name)}, {json.dumps(path.read_text('utf-8'))});\n"
                path.with_suffix(f"{path.suffix}.js").write_text(call, "utf-8")


def remove_unused_files(app, exception):
    """Take away what no page asks for; a page that does after all fails the tests of links and requests."""
    if exception is None and app.builder.name == "html":
        for pattern in UNUSED_FILES:
            for path in list((Path(app.outdir) / "_static").glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app):
    app.resnotes_formulas = {}
    app.connect("html-page-context", prepare, priority=900)
    app.connect("build-finished", write_formula_counts)
    app.connect("build-finished", write_times)
    app.connect("build-finished", write_downloads)
    app.connect("build-finished", remove_unused_files, priority=900)
