"""Every page once in Firefox and in WebKit, and some from a file. Where one of them is missing, the summary says so."""

import json
import os
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools import browsers

from . import engines
from .conftest import serve
from .test_pages import CONTENT, expected_formulas

pytestmark = pytest.mark.skipif(
    not os.environ.get("RESNOTES_ENGINES"), reason="every page in Firefox and in WebKit: make engines"
)

CHECKS = Path(__file__).with_name("anywhere.js").read_text("utf-8")
#: At the beginning of each page: whatever is complained about from then on.
EAR = """<script>
window.complaints = [];
// Where sizes change while they are observed, the browser says so and looks again with the next frame.
addEventListener("error", (e) => /ResizeObserver loop/.test(e.message) || complaints.push(`error: ${e.message ?? e.target.src ?? e.target.href ?? e.target}`), true);
addEventListener("unhandledrejection", ({ reason }) => complaints.push(`unhandled: ${reason}`));
for (const kind of ["error", "warn"]) {
  const said = console[kind];
  console[kind] = (...words) => (complaints.push(`${kind}: ${words.join(" ")}`), said.apply(console, words));
}
</script>"""
SEARCH = {"skip connection": "glossary.html", "λ": "04_lambda_scaling", "loss scaling": "11_finite_precision"}
WIDTHS = {"http": 1280, "file": 447}
#: What differs where nothing can be fetched, and on a narrow window: one page with each.
FROM_FILE = ("chapters/02_backward_pass.html", "chapters/ledger.html", "search.html")
#: So many pages at fault are enough to know.
ENOUGH = 5


@pytest.fixture(scope="module")
def listened(book, tmp_path_factory):
    """A copy of the book whose pages keep what is complained about."""
    folder = tmp_path_factory.mktemp("listened") / "book"
    shutil.copytree(book, folder)
    for page in folder.rglob("*.html"):
        text = page.read_text("utf-8")
        page.write_text(text.replace("<head>", f"<head>{EAR}", 1), "utf-8")
    return folder


class Restarted:
    """The engine of a name; one that was lost on the way is started anew, once for a page."""

    def __init__(self, name):
        self.name = name
        self.begin()

    def begin(self):
        self.driver, self.width = engines.start(self.name), None

    def look(self, width, url, expression):
        """What `expression` is on the page; an EngineError where neither this engine nor a new one can tell."""
        try:
            return self.opened(width, url, expression)
        except engines.EngineError:
            self.driver.close()
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


def last_anchor(page):
    """A place far down the page: its last equation, or its last section."""
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    places = soup.select(".bd-article [id^=equation-]") or soup.select(".bd-article section[id]")
    return f"#{places[-1]['id']}" if places else ""


def test_every_page_works(book, engine, home):
    """A fault is seen twice: what other work on the machine brought about is not there when the page is opened again."""
    address, width = home
    wrong, lost = {}, None
    for page in CONTENT if address.startswith("http") else FROM_FILE:
        expected = {
            "formulas": expected_formulas(book, page),
            "file": address.startswith("file"),
            "search": SEARCH if page == "search.html" else None,
        }
        look = (width, address + page + last_anchor(book / page), f"({CHECKS})({json.dumps(expected)})")
        try:
            if engine.look(*look) and (found := engine.look(*look)):
                wrong[page] = found
        except engines.EngineError as error:
            lost = f"{engine.name} does not keep running here: {page}: {error}"
        if lost or len(wrong) == ENOUGH:
            break
    assert not wrong, "\n".join(f"{page}: {what}" for page, findings in wrong.items() for what in findings)
    if lost:
        pytest.skip(lost)


@pytest.mark.parametrize("engine", ["Firefox"], indirect=True)
def test_downloads_arrive(engine, home):
    """In Firefox alone: WebKit's small browser asks where to, and what it is given is seen above, on every page."""
    engine.look(1280, f"{home[0]}chapters/02_backward_pass.html", "document.fonts.ready.then(() => true)")
    for kind in (".ipynb", ".py"):
        engine.driver.evaluate(f"document.querySelector('a[download][href$=\"{kind}\"]').click()")
        file = engine.driver.downloads / f"02_backward_pass{kind}"
        engines.until(
            lambda file=file: (file.is_file() and file.stat().st_size > 1000) or None, f"the download of {file.name}"
        )
        file.unlink()
