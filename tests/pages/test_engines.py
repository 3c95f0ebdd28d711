"""Every page once in Firefox and in WebKit, and some from a file. Where one of them is missing, the summary says so."""

import json
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools import browsers

from . import checks, engines
from .conftest import serve
from .test_pages import CONTENT, expected_formulas

CHECKS = Path(__file__).with_name("anywhere.js").read_text("utf-8")
#: At the beginning of each page: whatever is complained about from then on.
EAR = """
window.complaints = [];
// Where sizes change while they are observed, the browser says so and looks again with the next frame.
addEventListener("error", (e) => /ResizeObserver loop/.test(e.message) || complaints.push(`error: ${e.message ?? e.target.src ?? e.target.href ?? e.target}`), true);
addEventListener("unhandledrejection", ({ reason }) => complaints.push(`unhandled: ${reason}`));
for (const kind of ["error", "warn"]) {
  const said = console[kind];
  console[kind] = (...words) => (complaints.push(`${kind}: ${words.join(" ")}`), said.apply(console, words));
}
"""
SEARCH = {"skip connection": "glossary.html", "λ": "04_lambda_scaling", "loss scaling": "11_finite_precision"}
WIDTHS = {"http": 1280, "file": 447}
#: What differs where nothing can be fetched, and on a narrow window: one page with each.
FROM_FILE = ("chapters/02_backward_pass.html", "chapters/ledger.html", "search.html")
#: So many pages at fault are enough to know.
ENOUGH = 5
#: An engine that was lost more often than this does not run here: waiting for it takes minutes each time.
LIVES = 2
#: Seconds after which a download will not come.
LONG = 60


def asked(book, page, **settings):
    """What asks a page of the book for what is wrong with it, as an expression."""
    search = SEARCH if page == "search.html" else None
    expected = {"formulas": expected_formulas(book, page), "file": False, "search": search, **settings}
    return f"({CHECKS})({json.dumps(expected)})"


def last_anchor(page):
    """A place far down the page: its last equation, or its last section."""
    places = checks.places(page)[1]
    last = next((name for name in reversed(places) if name.startswith("equation-")), places[-1] if places else None)
    return f"#{last}" if last else ""


# That the checks see what is broken, in Chromium ---------------------------------------------------------------

#: What is done to a page that is whole, and what has to be said of it then.
DAMAGE = {
    "chapters/01_forward_pass.html": {
        "console.error('bad')": "error: bad",
        "dispatchEvent(new Event('wheel')); scrollTo(0, 0)": "px below the top",
        "document.querySelector('article').insertAdjacentHTML('beforeend', '<figure data-resnotes-explorer></figure>')": "1 of 2 explorers live",
        "addEventListener('input', (e) => e.stopPropagation(), true)": "answers its slider",
        "addEventListener('hashchange', (e) => e.stopImmediatePropagation(), true)": "to a state of",
        "[...document.querySelectorAll('article .katex')].at(-1).remove()": "formulas, the source has",
        "document.querySelector('article .katex math').remove()": "a formula without MathML",
        "document.querySelector('article .katex-html').className = 'katex-html katex-error'": "a formula that is not set",
        "addEventListener('click', (e) => e.target.closest('details:not(.rx-live *) > summary') && e.preventDefault(), true)": "a fold stays closed",
        "addEventListener('click', (e) => e.target.closest('.derivation-bar') && e.stopPropagation(), true)": "a derivation does not begin",
        "addEventListener('mouseover', (e) => e.stopPropagation(), true)": "a preview beside",
        "addEventListener('click', (e) => e.target.closest('.theme-switch-button') && e.stopPropagation(), true)": "the button for the colours",
        "document.querySelector('a[download]').href = 'gone.ipynb'": "the download",
        "document.querySelector('article').insertAdjacentHTML('beforeend', '<hr style=width:3000px>')": "scrolls sideways by",
    },
    "search.html": {"addEventListener('input', (e) => e.stopPropagation(), true)": "loss scaling finds first: nothing"},
}


@pytest.mark.parametrize("page", DAMAGE)
def test_what_is_broken_is_seen(book, book_url, browser, page):
    """All of it at once; and of the same page, whole, nothing is said."""
    context = browser.new_context(viewport={"width": WIDTHS["http"], "height": 862})
    context.add_init_script(EAR)
    found = []
    for damage, patience in ((), 20), (DAMAGE[page], 0.5):
        tab = context.new_page()
        tab.goto(book_url + page + last_anchor(book / page))
        tab.wait_for_function(
            "document.querySelectorAll('[data-resnotes-explorer]').length === document.querySelectorAll('[data-ready]').length"
        )
        tab.evaluate(f"() => {{ {'; '.join(damage)} }}")
        found.append(tab.evaluate(asked(book, page, patience=patience)))
    context.close()
    assert found[0] == []
    assert [said for said in DAMAGE[page].values() if not any(said in one for one in found[1])] == [], found[1]


# The pages in the other engines --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listened(book, tmp_path_factory):
    """The book with pages that keep what is complained about."""
    folder = tmp_path_factory.mktemp("listened") / "book"
    shutil.copytree(book, folder, copy_function=os.symlink)
    for page in folder.rglob("*.html"):
        text = page.read_text("utf-8")
        page.unlink()
        page.write_text(text.replace("<head>", f"<head><script>{EAR}</script>", 1), "utf-8")
    return folder


class Restarted:
    """The engine of a name; one that was lost on the way is started anew, once for a page and `LIVES` times in all."""

    def __init__(self, name):
        self.name, self.lost = name, 0
        self.begin()

    def begin(self):
        self.driver, self.width = engines.start(self.name), None

    def look(self, width, url, expression):
        """What `expression` is on the page; an EngineError where neither this engine nor a new one can tell."""
        try:
            return self.opened(width, url, expression)
        except engines.EngineError:
            self.driver.close()
            self.lost += 1
            if self.lost > LIVES:
                raise
        self.begin()
        return self.opened(width, url, expression)

    def opened(self, width, url, expression):
        if width != self.width:
            self.driver.size(width, 862)
            self.width = width
        self.driver.open(url)
        try:
            return self.driver.evaluate(expression)
        except engines.PageError as error:
            return [str(error)]


@contextmanager
def running(engine):
    """An engine that does not keep running says nothing of the pages."""
    try:
        yield
    except engines.EngineError as error:
        pytest.skip(f"{engine.name} does not keep running here: {error}")


@pytest.fixture(scope="module", params=browsers.FIND)
def engine(request):
    try:
        engine = Restarted(request.param)
    except engines.EngineError as error:
        pytest.skip(str(error))
    yield engine
    engine.driver.close()


@pytest.fixture(params=["http", "file"])
def home(request, listened):
    """Where the copy begins, and the width at which it is looked at."""
    if request.param == "file":
        yield listened.as_uri() + "/", WIDTHS["file"]
        return
    server = serve(listened)
    yield f"http://127.0.0.1:{server.server_port}/", WIDTHS["http"]
    server.shutdown()
    server.server_close()


def test_every_page_works(book, engine, home):
    """A fault is seen twice: what other work on the machine brought about is not there when the page is opened again."""
    address, width = home
    file = address.startswith("file")
    wrong = {}
    try:
        with running(engine):
            for page in FROM_FILE if file else CONTENT:
                look = (width, address + page + last_anchor(book / page), asked(book, page, file=file))
                if engine.look(*look) and (found := engine.look(*look)):
                    wrong[page] = found
                if len(wrong) == ENOUGH:
                    break
    finally:
        assert not wrong, "\n".join(f"{page}: {what}" for page, findings in wrong.items() for what in findings)


@pytest.mark.parametrize("engine", ["Firefox"], indirect=True)
def test_downloads_arrive(engine, home):
    """In Firefox alone: WebKit's small browser asks where to, and what it is given is seen above, on every page."""
    for kind in (".ipynb", ".py"):
        with running(engine):
            url = f"{home[0]}chapters/02_backward_pass.html"
            engine.look(1280, url, f"document.querySelector('a[download][href$=\"{kind}\"]').click()")
        file = engine.driver.downloads / f"02_backward_pass{kind}"
        end = time.monotonic() + LONG
        while not (arrived := file.is_file() and file.stat().st_size > 1000) and time.monotonic() < end:
            time.sleep(0.05)
        with running(engine):
            engine.driver.evaluate("true")
        assert arrived, file.name
        file.unlink()
