"""What one can do with a page besides reading it, at its foot: run it, edit it, report an error.

The environment variable BOOK_REPOSITORY names the address of the repository that the book is built from; the workflow that
publishes it sets it. Without one a page says how to run the book, and offers nothing that leads to a repository.
"""

import os
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from .sitemap import base_address

VARIABLE = "BOOK_REPOSITORY"
FRONT, RUN = "chapters/00_introduction", "run-it"
#: Where the workflow puts the notebooks in plain Markdown, and what Binder installs for them; tools/downloads.py writes both.
BRANCH = "notebooks"


def repository():
    """The address of the repository, without a slash at its end; empty where it is not known."""
    return base_address(os.environ.get(VARIABLE, ""), VARIABLE).rstrip("/")


def report(source, label=""):
    """The address at which to report an error in a page, or with its label in an equation."""
    asked = {"template": "equation.yml", "title": f"Equation {label}: ", "equation": label} if label else {}
    return f"{source}/issues/new" + (f"?{urlencode(asked, quote_via=quote)}" if label else "/choose")


def launchers(source, stem, book):
    """Name -> address, for the services that run or show a notebook of a public repository."""
    host, path = urlsplit(source).netloc, urlsplit(source).path.strip("/")
    found = {}
    if host == "github.com":
        found["Run it on Colab"] = f"https://colab.research.google.com/github/{path}/blob/{BRANCH}/{stem}.ipynb"
        found["on Binder"] = f"https://mybinder.org/v2/gh/{path}/{BRANCH}?labpath={quote(f'{stem}.ipynb')}"
    if book:
        # It shows what stands at any address.
        where = urlsplit(book)
        kind = "urls" if where.scheme == "https" else "url"
        found["see it on nbviewer"] = (
            f"https://nbviewer.org/{kind}/{where.netloc}{where.path}_sources/chapters/{stem}.ipynb"
        )
    return found


def links(page, source, book, suffix):
    """Text -> address of what stands at the foot of a page. `suffix` is that of its file, empty where it has none."""
    found = {}
    if source and suffix == ".ipynb":
        found |= launchers(source, Path(page).name, book)
    if source and suffix:
        found["Edit this page"] = f"{source}/edit/main/{page}{suffix}"
    if source:
        found["Report an error"] = report(source)
        found["The repository"] = source
    return found


def add(app, pagename, templatename, context, doctree):
    suffix = Path(app.env.doc2path(pagename)).suffix if doctree is not None else ""
    run = "" if pagename == FRONT else app.builder.get_relative_uri(pagename, FRONT)
    context["foot_links"] = {
        "How to run the book": f"{run}#{RUN}",
        **links(pagename, repository(), app.config.html_baseurl, suffix),
    }


def setup(app):
    app.connect("html-page-context", add)
