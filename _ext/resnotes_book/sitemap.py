"""A site map and the pages' canonical addresses, for a book that is built to be published; and the page for all other
addresses (`templates/404.html`).

The environment variable BOOK_URL names the address that the book will have; the workflow that publishes it sets it.
Without one nothing is written: a book opened from a file has no address.
"""

import os
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

VARIABLE, NOT_FOUND = "BOOK_URL", "404"


def base_address(text, name=VARIABLE):
    """The address with one slash at its end; an empty text stays empty. `name` is the variable that has it.

    Raises
    ------
    ValueError
        For anything but an address on the web.
    """
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"{name}: got {text!r}, wanted an address such as https://example.org/book/")
    return text.rstrip("/") + "/"


def sitemap(base, pages):
    """The site map of these pages, paths below `base`, as XML."""
    lines = [f"  <url><loc>{escape(base + quote(page))}</loc></url>" for page in sorted(pages)]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *lines,
            "</urlset>\n",
        ]
    )


def read_address(app, config):
    """Sphinx's own setting makes every page name its canonical address."""
    config.html_baseurl = base_address(os.environ.get(VARIABLE, "")) or config.html_baseurl


def write(app, exception):
    if exception is None and app.builder.name == "html" and app.config.html_baseurl:
        pages = [app.builder.get_target_uri(name) for name in app.env.found_docs]
        Path(app.outdir, "sitemap.xml").write_text(sitemap(app.config.html_baseurl, pages), "utf-8")


def add(app, pagename, templatename, context, doctree):
    """What the page for unknown addresses needs to lead on, and no address of its own."""
    if pagename == NOT_FOUND:
        context["pageurl"] = None
        front = app.config.root_doc
        order = [front, *app.env.toctree_includes[front]]
        context["all_pages"] = [(app.builder.get_target_uri(name), app.env.titles[name].astext()) for name in order]


def setup(app):
    app.connect("html-page-context", add)
    app.connect("config-inited", read_address)
    app.connect("build-finished", write)
