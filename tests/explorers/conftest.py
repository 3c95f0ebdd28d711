"""What the tests of explorers on pages share: a chapter with one explorer alone, whole pages, open pages."""

import re
import threading
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CHAPTER = "chapters/04_lambda_scaling.html"


@cache
def alone(path, name):
    """A built page, its head and frame as they are, with nothing in the article but the first explorer of that name.

    What takes time on a chapter are its hundreds of formulas.
    """
    page = path.read_text("utf-8")
    top, bottom = page.index("<article"), page.index("</article>")
    start = re.compile(rf'<figure[^>]*\sdata-resnotes-explorer="{name}"').search(page, top).start()
    end = page.index("</figure>", start) + len("</figure>")
    around = []
    for tag in re.finditer(r"<(/?)(article|section|div|details)\b[^>]*>", page[top:start]):
        if tag[1]:
            assert around.pop()[2] == tag[2]
        else:
            around.append(tag)
    opening, closing = "".join(tag[0] for tag in around), "".join(f"</{tag[2]}>" for tag in reversed(around[1:]))
    return page[:top] + opening + page[start:end] + closing + page[bottom:]


class _Handler(SimpleHTTPRequestHandler):
    """The book's files; below /alone/NAME/ the same with pages that have that explorer alone."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path.startswith("/alone/"):
            _, _, name, rest = self.path.split("/", 3)
            self.path = f"/{rest}"
            if rest.endswith(".html"):
                body = alone(Path(self.directory, rest), name).encode()
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

    def open(self, url, name, viewport=None, color_scheme="light"):
        """Anew, whatever was open: in another address first, since a link into the same page would not load it."""
        self.page.goto("about:blank")
        self.page.mouse.move(0, 0)
        self.page.set_viewport_size(viewport or {"width": 1280, "height": 900})
        self.page.emulate_media(media="screen", color_scheme=color_scheme)
        self.page.goto(url)
        self.root = self.page.locator(f"[data-ready='{name}-1']")
        self.root.wait_for()
        return self

    def slider(self, name):
        return self.root.get_by_role("slider", name=name)

    @property
    def readout(self):
        return self.root.locator(".rx-readout").text_content()


@pytest.fixture(scope="session")
def kept(browser):
    """Pages that tests use one after another, by what a context alone decides: a new one costs more than most tests."""
    return {}


@pytest.fixture(scope="session")
def copies(book, tmp_path_factory):
    """Address of a chapter opened from a file -> that of a file with one explorer alone."""
    folder = tmp_path_factory.mktemp("alone")

    def copied(url, name):
        path = folder / f"{name}.html"
        if not path.exists():
            text = alone(book / url.removeprefix(f"{book.as_uri()}/"), name)
            path.write_text(text.replace('"../_static/', f'"{book.as_uri()}/_static/'), "utf-8")
        return path.as_uri()

    return copied


@pytest.fixture
def opened(browser, kept, copies):
    """Open an address; at the end no error may have been seen, and nothing is left of what a page has stored.

    The page has that explorer alone, unless the `whole` one is asked for.
    """
    used = []

    def start(url, name="lambda_depth", whole=False, viewport=None, color_scheme="light", **options):
        if not whole and "/alone/" not in url:
            over_http = url.startswith("http")
            url = url.replace("/chapters/", f"/alone/{name}/chapters/", 1) if over_http else copies(url, name)
        shelf = kept.setdefault(repr(options), [])
        live = shelf.pop() if shelf else Live(browser.new_context(**options).new_page())
        used.append((shelf, live))
        live.errors.clear()
        return live.open(url, name, viewport, color_scheme)

    yield start
    for shelf, live in used:
        live.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        shelf.append(live)
    assert [error for _, live in used for error in live.errors] == []
