"""An equation that a page links to and that stands on another page is put, out of sight, at the page's end.

The script (assets/resnotes.js) shows it when the link has the pointer or the focus; nothing is fetched, so that this
works on a page opened from a file too.
"""

import re
from functools import cache
from html import unescape

from sphinxcontrib import katex

from resnotes.book import EQUATIONS

LINK = re.compile(r'href="(?P<page>[^"#]*)#equation-(?P<label>[\w-]+)"')


@cache
def rendered(label):
    return katex.render_latex(EQUATIONS[label].latex, {"displayMode": True})


def add(app, pagename, templatename, context, doctree):
    body = context.get("body", "")
    elsewhere = {match["label"] for match in LINK.finditer(body) if unescape(match["page"])}
    kept = sorted(label for label in elsewhere if label in EQUATIONS)
    if kept:
        context["body"] = body + "".join(
            f'<template data-preview="equation-{label}">{rendered(label)}</template>' for label in kept
        )


def setup(app):
    app.connect("html-page-context", add, priority=450)
