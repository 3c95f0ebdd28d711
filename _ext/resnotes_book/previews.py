"""An equation that a page links to and that stands on another page is put, out of sight, at the page's end.

The script (assets/resnotes.js) shows it when the link has the pointer or the focus; nothing is fetched, so that this
works on a page opened from a file too. Until then it is a text and no elements: on the notation page they would be
two thirds of all. The ledger has every equation in a row of its own.
"""

import re
from functools import cache
from html import unescape

from sphinxcontrib import katex

from resnotes.book import EQUATIONS

from .checked import LEDGER

LINK = re.compile(r'href="(?P<page>[^"#]*)#equation-(?P<label>[\w-]+)"')


@cache
def rendered(label):
    return katex.render_latex(EQUATIONS[label].latex, {"displayMode": True})


def add(app, pagename, templatename, context, doctree):
    body = context.get("body", "")
    elsewhere = {match["label"] for match in LINK.finditer(body) if unescape(match["page"])}
    kept = sorted(label for label in elsewhere if label in EQUATIONS)
    if kept and pagename != LEDGER:
        context["body"] = body + "".join(
            f'<script type="text/html" data-preview="equation-{label}">{rendered(label)}</script>' for label in kept
        )


def setup(app):
    app.connect("html-page-context", add, priority=450)
