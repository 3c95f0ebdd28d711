"""A local server for built pages, and one browser page that all tests of pages share."""

import functools
import http.server
import threading

import pytest
from bs4 import BeautifulSoup, SoupStrainer

from .checks import Watched


def parsed(path, only=None):
    """The elements of a built page; with `only` those of this name alone, which takes half the time."""
    return BeautifulSoup(path.read_text("utf-8"), "html.parser", parse_only=only and SoupStrainer(only))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and keeps no log."""

    def log_message(self, *arguments):
        pass


def serve(folder, handler=Quiet):
    """A running server for `folder` on a free port; close it with `.shutdown()` and `.server_close()`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="session")
def book_url(book):
    """Address of the built book on a local server, ending with a slash."""
    server = serve(book)
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(tmp_path):
    """A scratch folder and its address on a local server."""
    server = serve(tmp_path)
    yield tmp_path, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def watched(browser):
    context = browser.new_context(accept_downloads=True, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    yield Watched(context)
    context.close()
