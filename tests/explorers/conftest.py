"""What the tests of explorers on pages share: a chapter with one explorer alone, whole pages, open pages."""

import threading
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

CHAPTER = "chapters/04_lambda_scaling.html"


@cache
def alone(path, name):
    """A built page, its head and frame as they are, with nothing in the article but the first explorer of that name.

    What takes time on a chapter are its hundreds of formulas.
    """
    page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    kept = page.select_one(f"article [data-resnotes-explorer={name}]")
    while kept.name != "article":
        for other in [*kept.find_previous_siblings(), *kept.find_next_siblings()]:
            if other.name not in ("script", "style", "link"):
                other.decompose()
        kept = kept.parent
    return str(page).encode()


class _Handler(SimpleHTTPRequestHandler):
    """The book's files; below /alone/NAME/ the same with pages that have that explorer alone."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path.startswith("/alone/"):
            _, _, name, rest = self.path.split("/", 3)
            self.path = f"/{rest}"
            if rest.endswith(".html"):
                body = alone(Path(self.directory, rest), name)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
        super().do_GET()


@pytest.fixture(scope="session")
def site(book):
    """The book's address on a server of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=book)) as server:
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
    """Open an address in a context of its own; at the end no error may have been seen.

    Over http the page has that explorer alone, unless the `whole` one is asked for.
    """
    contexts, pages = [], []

    def start(url, name="lambda_depth", whole=False, **options):
        if not whole and "/alone/" not in url:
            url = url.replace("/chapters/", f"/alone/{name}/chapters/", 1) if url.startswith("http") else url
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        pages.append(Live(context.new_page()))
        return pages[-1].open(url, name)

    yield start
    for context in contexts:
        context.close()
    assert [error for live in pages for error in live.errors] == []
