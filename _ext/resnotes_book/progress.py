"""A line for each step of the build, in the place of all that Sphinx and its extensions tell.

The book is built with `--quiet`: what is printed besides are warnings, and they end the build.
"""

import sys
import time

from sphinx.util.console import nocolor


def say(text):
    print(text, flush=True)


class Progress:
    """Says which page is read, that the pages are written, and how long it took."""

    def __init__(self, app):
        self.started, self.writing, self.read = time.monotonic(), False, 0
        app.connect("source-read", self.reading)
        app.connect("html-page-context", self.write)
        app.connect("build-finished", self.finish, priority=999)

    def reading(self, app, docname, source):
        self.read += 1
        say(f"Executing {docname} ({self.read} of {len(app.env.found_docs)})")

    def write(self, app, *page):
        if not self.writing:
            say("Writing the pages")
        self.writing = True

    def finish(self, app, exception):
        if exception is None:
            say(f"Built in {time.monotonic() - self.started:.0f} seconds")


def setup(app):
    if not sys.stderr.isatty():
        nocolor()
    Progress(app)
