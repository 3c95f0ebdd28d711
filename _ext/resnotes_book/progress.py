"""A line for each step of the build, instead of all that Sphinx and its extensions tell.

The book is built with `--quiet`: what is printed besides are warnings, and they end the build.
"""

import sys
import time

from sphinx.util.console import nocolor


def say(text):
    print(text, flush=True)


class Progress:
    """Says when a step is over and how many seconds it took; the last line has all of it."""

    def __init__(self, app):
        self.started = self.last = time.monotonic()
        app.connect("env-before-read-docs", self.step("Executed and checked everything"), priority=999)
        app.connect("env-updated", self.step("Read {found} pages"), priority=999)
        app.connect("build-finished", self.step("Wrote the pages"), priority=0)
        app.connect("build-finished", self.finish, priority=999)

    def step(self, text):
        def over(app, *rest):
            now = time.monotonic()
            say(f"{text.format(found=len(app.env.found_docs))} in {now - self.last:.0f} s")
            self.last = now

        return over

    def finish(self, app, exception):
        if exception is None:
            self.step("Cut fonts, style sheets and pictures to what is used")(app)
            say(f"Built in {self.last - self.started:.0f} seconds")


def setup(app):
    if not sys.stderr.isatty():
        nocolor()
    Progress(app)
