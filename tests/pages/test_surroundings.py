"""Every page where something around it is missing: a store, an origin, the screen."""

import pytest

from . import checks
from .checks import Watched
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


@pytest.mark.parametrize("page", CONTENT)
def test_a_page_works_where_nothing_can_be_stored(book_url, forgetful, page):
    forgetful.open(book_url + page, scheme="dark")
    forgetful.page.wait_for_function(
        "document.querySelectorAll('[data-resnotes-explorer]').length === document.querySelectorAll('[data-ready]').length"
    )
    no(works(forgetful.page, forgetful.page) + checks.complaints(forgetful))


def test_the_search_finds_where_nothing_can_be_stored(book_url, forgetful):
    forgetful.open(f"{book_url}search.html?q=lambda")
    forgetful.page.locator("#search-results a[href*='04_lambda_scaling']").first.wait_for()
    forgetful.page.locator("#search-results :text('page(s) matching')").wait_for()
    no(checks.complaints(forgetful))


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
