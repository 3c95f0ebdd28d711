"""Every page where something around it is missing: a store, an origin, the screen."""

import os
import re
from urllib.request import urlopen

import pytest

from _ext.resnotes_book.sitemap import base_address
from tools.book import ROOT

from . import checks
from .checks import Watched
from .conftest import Quiet, parsed, serve
from .test_pages import CONTENT, no

BLOCKED = """for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { configurable: true, get() { throw new DOMException("denied", "SecurityError"); } });
}"""


@pytest.fixture(scope="module")
def forgetful(browser):
    """A browser that stores nothing for any page, which is what blocked cookies and site data amount to."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(10_000)
    context.add_init_script(BLOCKED)
    yield Watched(context)
    context.close()


def works(frame, page):
    """What a reader can do on a page, done: the names of what did not work. `frame` holds the page's elements."""
    found = {}
    theme = "document.documentElement.dataset.theme"
    found["the system's dark colours"] = frame.evaluate(theme) == "dark"
    modes = []
    for _ in range(2):
        frame.locator(".theme-switch-button").click()
        modes.append(frame.evaluate("document.documentElement.dataset.mode"))
    found["the button for the colours"] = modes == ["light", "dark"]
    page.keyboard.press("Control+k")
    found["the search, by keyboard"] = frame.evaluate("document.activeElement.matches('input[type=search]')")
    page.keyboard.press("Escape")
    explorers = frame.locator("[data-resnotes-explorer]")
    found["the explorers"] = explorers.count() == frame.locator("[data-ready]").count()
    page.set_viewport_size({"width": 375, "height": 800})
    link = frame.locator(".bd-sidebar-primary nav a").first
    link.wait_for(state="hidden")
    frame.locator(".primary-toggle").click()
    link.wait_for(state="visible")
    return [f"does not work: {name}" for name, works in found.items() if not works]


def scripts(page):
    """What the page runs, by file; the explorers', of whatever kind, under one name."""
    named = (script["src"].partition("?")[0].rpartition("/")[2] for script in parsed(page, "script").select("[src]"))
    return frozenset("explorers" if name.startswith("resnotes-explorers") else name for name in named)


def test_a_page_works_where_nothing_can_be_stored(book, book_url, forgetful):
    """One page for each set of scripts."""
    kinds = {scripts(book / page): page for page in CONTENT}
    assert len(kinds) > 4
    findings = []
    for page in kinds.values():
        forgetful.open(book_url + page, scheme="dark")
        forgetful.page.wait_for_function(
            "document.querySelectorAll('[data-resnotes-explorer]').length === document.querySelectorAll('[data-ready]').length"
        )
        found = works(forgetful.page, forgetful.page) + checks.complaints(forgetful)
        findings += [f"{page}: {finding}" for finding in found]
    no(findings)


def test_an_explorer_stores_nothing_itself():
    """Its state is kept by the script that all of them share, so that one page with an explorer stands for all above."""
    modules = sorted((ROOT / "src/resnotes/explorers").glob("*.js"))
    assert len(modules) > 15
    for path in modules:
        assert not re.search(r"(local|session)Storage|indexedDB|\.cookie", path.read_text("utf-8")), path.name


def test_the_search_finds_where_nothing_can_be_stored(book_url, forgetful):
    forgetful.open(f"{book_url}search.html?q=lambda")
    for _ in range(2):
        forgetful.page.locator("#search-results a[href*='04_lambda_scaling']").first.wait_for()
        forgetful.page.reload()
    no(checks.complaints(forgetful))


@pytest.mark.parametrize("page", ["chapters/audit.html", "chapters/ledger.html"])
def test_an_address_that_cannot_be_read_is_passed_over(book_url, watched, page):
    watched.open(f"{book_url}{page}#%E0%A4%A")
    no(checks.complaints(watched))


@pytest.fixture
def framed(site, watched):
    """A function that opens a page in a frame that may run scripts and nothing else, and returns the frame."""
    folder, home = site

    def open_frame(url):
        text = f'<!DOCTYPE html><link rel="icon" href="data:,"><style>body {{ margin: 0 }}</style><iframe sandbox="allow-scripts" src="{url}" style="border: 0; width: 100%; height: 700px"></iframe>'
        (folder / "frame.html").write_text(text, "utf-8")
        watched.open(home + "frame.html", scheme="dark")
        return watched.page.frames[1]

    return open_frame


def test_a_page_works_in_a_sandboxed_frame(book_url, framed, watched):
    frame = framed(book_url + "chapters/04_lambda_scaling.html")
    assert frame.evaluate("origin") == "null"
    frame.wait_for_selector("[data-ready]")
    readout = frame.locator(".rx-readout").first
    before = readout.inner_text()
    frame.locator("[data-ready] input[type=range]").first.press("ArrowRight")
    assert readout.inner_text() != before
    no(works(frame, watched.page))
    no([said for said in checks.complaints(watched) if said.startswith("page error")])


def test_the_search_finds_in_a_sandboxed_frame(book_url, framed, watched):
    frame = framed(f"{book_url}search.html?q=lambda")
    frame.locator("#search-results a[href*='04_lambda_scaling']").first.wait_for()
    no([said for said in checks.complaints(watched) if said.startswith("page error")])


@pytest.mark.parametrize("page", ["chapters/02_backward_pass.html", "search.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_keyboard_sees_where_it_is(book, watched, page, scheme):
    watched.open((book / page).as_uri(), scheme=scheme)
    no(checks.rings(watched))


@pytest.mark.parametrize("width", [320, 800])
def test_without_script_the_contents_are_there(book, browser, width):
    """Those of the book below the page, and what stands on the page above it; nothing slides in from the side."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto((book / "chapters/02_backward_pass.html").as_uri())
    page.get_by_role("link", name="Contents").click()
    chapter = page.locator(".bd-sidebar-primary nav a[href='03_merge_point.html']")
    assert chapter.is_visible() and page.locator(".bd-toc-nav a").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    chapter.click()
    page.wait_for_url("**/03_merge_point.html")
    context.close()


@pytest.fixture
def published(book):
    """Address of a server that has the book below a folder, and its page for what it has not."""

    class Server(Quiet):
        def send_error(self, code, *arguments):
            self.send_response(code)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((book / "404.html").read_bytes())

    server = serve(book.parent, Server)
    yield f"http://127.0.0.1:{server.server_port}/html/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", ["gone.html", "chapters/gone.html", "chapters/deep/down/gone", "_static/gone.js"])
def test_an_address_that_is_not_there_leads_on(published, watched, address):
    """From any depth; the book's own address, where it is built for one, is the start of every link."""
    watched.open(published + address)
    links = set(watched.page.evaluate("[...document.links].map(({ href }) => href.split('#')[0])"))
    assert len(links) > 20
    home = base_address(os.environ.get("BOOK_URL", "")) or published
    for link in links - {published + address}:
        if link.startswith("http") and "creativecommons" not in link and "opensource" not in link:
            assert link.startswith(home), link
            assert home != published or urlopen(link).status == 200
    assert watched.page.get_by_role("heading", name="This page is not there").is_visible()
    if home == published:
        assert watched.page.evaluate("getComputedStyle(document.querySelector('.bd-main')).display") == "flex"


def test_a_printed_page_is_dark_again_afterwards(book, watched):
    """Both by the events of printing and where a page is shown as printed without them."""
    theme = "document.documentElement.dataset.theme"
    watched.open((book / CONTENT[0]).as_uri(), scheme="dark")
    for begin, end in (("beforeprint", "afterprint"), ("print", "screen")):
        shown = []
        for moment in (begin, end):
            if moment in ("print", "screen"):
                watched.page.emulate_media(media=moment)
            else:
                watched.page.evaluate(f"dispatchEvent(new Event('{moment}'))")
            watched.settle()
            shown.append(watched.page.evaluate(theme))
        assert shown == ["light", "dark"]
