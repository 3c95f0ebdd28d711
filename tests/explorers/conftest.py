"""What the tests of explorers on pages share: the chapter over http and from file://, open pages."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

CHAPTER = "chapters/04_lambda_scaling.html"


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site(book):
    """The book's address on a server of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=book)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def http(site):
    """The λ chapter's address, over http."""
    return f"{site}/{CHAPTER}"


@pytest.fixture(params=["http", "file"])
def either(request, book):
    """The chapter's address, over http and from file://."""
    return request.getfixturevalue("http") if request.param == "http" else (book / CHAPTER).as_uri()


class Live:
    """An open page and the explorer on it."""

    def __init__(self, page):
        self.page = page
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None,
        )

    def open(self, url, name):
        self.page.goto(url)
        self.root = self.page.locator(f"[data-ready='{name}-1']")
        self.root.wait_for()
        return self

    def slider(self, name):
        return self.root.get_by_role("slider", name=name)

    @property
    def readout(self):
        return self.root.locator(".rx-readout").text_content()


@pytest.fixture
def opened(browser):
    """Open an address in a context of its own; at the end no error may have been seen."""
    contexts, pages = [], []

    def start(url, name="lambda_depth", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        pages.append(Live(context.new_page()))
        return pages[-1].open(url, name)

    yield start
    for context in contexts:
        context.close()
    assert [error for live in pages for error in live.errors] == []
