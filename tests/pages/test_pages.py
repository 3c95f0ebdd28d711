"""Every page of the built book, in a browser that cannot reach any other host."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urljoin

import nbformat
import pytest

from _ext.resnotes_book import pages_cost
from _ext.resnotes_book.launch import repository
from _ext.resnotes_book.plain import Plain
from _ext.resnotes_book.sitemap import base_address
from tools.book import ROOT

from . import checks
from .conftest import Quiet, parsed, serve
from .test_fonts import ASKED, missing

HTML = ROOT / "_build" / "html"
# Found from the build, so that a page cannot be forgotten; a missing build fails in the `book` fixture.
PAGES = [path.relative_to(HTML).as_posix() for path in sorted(HTML.rglob("*.html"))] or ["the book was not built"]
# index.html only leads to the first page.
CONTENT = [page for page in PAGES if page != "index.html"]
COLOUR = re.compile("|".join(json.loads((ROOT / "src/resnotes/palette.json").read_text("utf-8"))["light"].values()))
NOTEBOOKS = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "chapters").glob("*.ipynb"))]


def no(findings):
    """Fail with every finding on a line of its own."""
    assert not findings, "\n".join(findings)


def expected_formulas(book, page):
    counts = json.loads((book.parent / "formulas.json").read_text("utf-8"))
    return counts.get(page.removesuffix(".html"), 0)


@pytest.mark.parametrize("page", CONTENT)
def test_page_on_http(book, book_url, watched, page):
    watched.open(book_url + page)
    limit = pages_cost.WITH_DIGITS if page == pages_cost.TRAINING else pages_cost.LIMIT
    findings = checks.heavy(watched, book_url, book, limit)
    watched.unfold()
    findings += checks.formulas(watched, expected_formulas(book, page)) + checks.images(watched)
    for width in (1280, 375):
        watched.look(width, "light")
        found = checks.overflow(watched) + (checks.wide_tables(watched) if width == 1280 else [])
        findings += [f"{width} px: {finding}" for finding in found]
    checks.thin_formulas(watched)
    # What a button is called depends neither on its colour nor on the width.
    findings += checks.accessibility(watched, without=checks.RULES_OF_A_LOOK)
    checks.thin_repeated(watched)
    for look in (*checks.LOOKS, *checks.OTHER_LOOKS):
        watched.look(*look)
        found = checks.accessibility(watched, checks.RULES_OF_A_LOOK, around=look in checks.OTHER_LOOKS)
        findings += [f"{look[0]} px, {look[1]}: {finding}" for finding in found]
    no(findings + checks.outside_requests(watched, book_url) + checks.complaints(watched))


@pytest.mark.parametrize("page", CONTENT)
def test_page_on_file(book, watched, page):
    watched.open((book / page).as_uri(), width=320, scheme="dark")
    watched.unfold()
    findings = checks.formulas(watched, expected_formulas(book, page))
    findings += missing(watched.page.evaluate(ASKED), book / "_static" / "katex")
    findings += [f"320 px: {finding}" for finding in checks.overflow(watched)]
    assert watched.page.evaluate("document.documentElement.dataset.theme") == "dark"
    findings += checks.paper(watched)
    no(findings + checks.outside_requests(watched, book.as_uri()) + checks.complaints(watched))


def test_formulas_were_counted(book):
    """The counts come from the build; without formulas in the book the tests above would be empty."""
    assert sum(json.loads((book.parent / "formulas.json").read_text("utf-8")).values()) > 50


def test_links_and_anchors(book):
    no(checks.links(book))


def test_index_leads_to_the_first_page(book, watched):
    watched.page.goto((book / "index.html").as_uri())
    watched.page.wait_for_url("**/chapters/00_introduction.html")


def chapters_in_order(book):
    """Addresses of the pages in the table of contents, as the front page lists them."""
    hrefs = [link["href"] for link in parsed(book / "chapters/00_introduction.html").select("nav.bd-docs-nav a")]
    return ["chapters/00_introduction.html" if href == "#" else urljoin("chapters/", href) for href in hrefs]


def test_previous_and_next_walk_the_whole_book(book, watched):
    order = chapters_in_order(book)
    assert len(order) == len(set(order)) == len([page for page in PAGES if page.startswith("chapters/")])
    for before, page, after in zip([None, *order], order, [*order[1:], None], strict=False):
        leads = {link["rel"][0]: urljoin(page, link["href"]) for link in parsed(book / page, "a").select("[rel]")}
        assert (leads.get("prev"), leads.get("next")) == (before, after), page
    watched.page.goto((book / order[0]).as_uri())
    for step, page in (("next", order[1]), ("next", order[2]), ("prev", order[1])):
        watched.page.click(f"a[rel={step}]")
        watched.page.wait_for_url((book / page).as_uri())


@pytest.mark.parametrize("origin", ["http", "file"])
def test_search_finds_the_words_of_a_title(book, book_url, watched, origin):
    home = book_url if origin == "http" else book.as_uri() + "/"
    page = next(page for page in CONTENT if page.startswith("chapters/02"))
    title = parsed(book / page, "h1").h1
    word = max(title.find(string=True, recursive=False).split(), key=len)
    watched.open(f"{home}search.html?q={word}")
    hit = watched.page.locator(f"#search-results a[href^='{page}']").first
    hit.wait_for(timeout=10_000)
    watched.page.locator(".search-summary:text-matches('sections? in')").wait_for()
    excerpts = watched.page.inner_text("#search-results")
    assert watched.page.locator(f"#search-results .context mark:text-is('{word.lower()}')").count()
    no(checks.outside_requests(watched, home) + checks.complaints(watched) + checks.RAW_TEX.findall(excerpts))
    hit.click()
    watched.page.wait_for_url(f"{home}{page}*")


FOUND = """query => {
  const field = document.querySelector(".bd-search-container input");
  field.value = query;
  field.dispatchEvent(new Event("input"));
  return [...document.querySelectorAll("#search-results li")].map((item) => ({
    address: item.querySelector("a").getAttribute("href"),
    context: item.querySelector(".context")?.textContent ?? "",
    marked: [...item.querySelectorAll("mark")].map((mark) => mark.textContent.toLowerCase()),
  }));
}"""


@pytest.fixture
def found(book, watched):
    """A function that tells what the search finds for a query, on a page opened from a file."""
    watched.open((book / "search.html").as_uri())
    return lambda query: watched.page.evaluate(FOUND, query)


def test_the_search_finds_sections_and_the_words_that_others_use(found):
    assert all("#" in hit["address"] for hit in found("vanish"))
    by_words = [
        {hit["address"] for hit in found(words)} for words in ("skip connection", "residual connection", "shortcut")
    ]
    # Each in its own order, of which the first twenty are shown.
    assert len(set.intersection(*by_words)) > 5
    assert any("glossary.html#term-s" in hit["address"] for hit in found("skip connection")[:3])
    for one, other in (("lambda", "λ"), ("normalization", "normalisation")):
        assert len({hit["address"] for hit in found(one)} & {hit["address"] for hit in found(other)}) > 10
    for words in ("lambda", "λ"):
        assert "04_lambda_scaling" in found(words)[0]["address"]
    assert "highway" in found("highway")[0]["marked"]
    assert "11_finite_precision" in found("loss scaling")[0]["address"]
    assert found("xyzzy") == []


def test_the_search_finds_numbers_and_names(found):
    """An equation by its number or its label, and what the package's reference explains."""
    for query in ("(4.8)", "4.8", "equation 4.8", "scaling-two-terms"):
        assert found(query)[0]["address"] == "chapters/04_lambda_scaling.html#equation-scaling-two-terms"
    assert found("jacobian_by_length")[0]["address"].endswith("#resnotes.paths.jacobian_by_length")


def test_the_search_reads_no_code(found):
    """Words that stand in the code of many chapters and in no sentence."""
    for word in ("default_rng", "enumerate"):
        assert sum(word in cell.source for path in NOTEBOOKS for cell in nbformat.read(ROOT / path, 4).cells) > 3
        assert found(word) == []


def test_the_search_is_light(book):
    """All the book's text at once; and no page but the search's asks for it."""
    assert checks.weight(book / "search-book.js") < 170_000
    assert [page for page in PAGES if "search-book.js" in (book / page).read_text("utf-8")] == ["search.html"]


@pytest.fixture(scope="session")
def plain():
    """The chapters in plain Markdown, for the addresses that the book was built for."""
    return Plain(ROOT, address=base_address(os.environ.get("BOOK_URL", "")), repository=repository())


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_page_offers_its_notebook(book, plain, notebook):
    """In plain Markdown, beside the pages and within the script that a page opened as a file asks for."""
    address = (book / notebook).with_suffix(".html")
    link = parsed(address, "a").select_one("[download][href$='.ipynb']")
    offered, wanted = (address.parent / link["href"]).resolve(), nbformat.writes(plain.chapter(Path(notebook).stem))
    call = offered.with_name(f"{offered.name}.js").read_text("utf-8").removeprefix("resnotesDownload(")
    assert offered.read_text("utf-8") == wanted
    assert json.loads(f"[{call.rstrip().removesuffix(');')}]") == [Path(notebook).name, wanted]


@pytest.mark.parametrize("origin", ["http", "file"])
@pytest.mark.parametrize("notebook", NOTEBOOKS[:2])
def test_notebook_download(book, book_url, watched, plain, notebook, origin):
    home = book_url if origin == "http" else book.as_uri() + "/"
    watched.page.goto(home + notebook.replace(".ipynb", ".html"))
    with watched.page.expect_download() as download:
        watched.page.click("a[download][href$='.ipynb']")
    assert download.value.suggested_filename == Path(notebook).name
    assert Path(download.value.path()).read_text("utf-8") == nbformat.writes(plain.chapter(Path(notebook).stem))


@pytest.mark.parametrize("origin", ["http", "file"])
def test_script_download(book, book_url, watched, origin, tmp_path):
    """The code of a chapter as a script that runs."""
    notebook = NOTEBOOKS[1]
    home = book_url if origin == "http" else book.as_uri() + "/"
    watched.page.goto(home + notebook.replace(".ipynb", ".html"))
    with watched.page.expect_download() as download:
        watched.page.click("a[download][href$='.py']")
    assert download.value.suggested_filename == Path(notebook).name.replace(".ipynb", ".py")
    script = Path(download.value.path()).read_text("utf-8")
    cells = nbformat.read(ROOT / notebook, as_version=4).cells
    for cell in cells:
        assert cell.cell_type != "code" or cell.source in script
    if origin == "http":
        headless = {**os.environ, "MPLBACKEND": "agg"}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env=headless, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_colours_follow_the_button(book, watched):
    watched.page.emulate_media(color_scheme="light")
    watched.page.goto((book / CONTENT[0]).as_uri())
    shown = []
    for _ in range(3):
        watched.page.click(".theme-switch-button")
        shown.append(watched.page.evaluate("document.documentElement.dataset.theme"))
    assert shown == ["dark", "light", "light"]  # dark, light, and the system's own again


def test_search_opens_by_keyboard_and_button(book, watched):
    watched.page.set_viewport_size({"width": 1280, "height": 800})
    watched.page.goto((book / "chapters/00_introduction.html").as_uri())
    field = watched.page.locator(".search-button__wrapper input")
    watched.page.keyboard.press("Control+k")
    field.wait_for(state="visible")
    watched.page.keyboard.press("Escape")
    field.wait_for(state="hidden")
    watched.page.click(".search-button-field")
    field.wait_for(state="visible")


def test_contents_open_on_a_phone(book, watched):
    watched.page.set_viewport_size({"width": 375, "height": 800})
    watched.page.goto((book / "chapters/02_backward_pass.html").as_uri())
    link = watched.page.locator(".bd-sidebar-primary nav a").first
    link.wait_for(state="hidden")
    watched.page.click(".primary-toggle")
    link.wait_for(state="visible")
    watched.page.wait_for_function("document.activeElement.closest('.bd-sidebar-primary')")
    watched.page.keyboard.press("Escape")
    link.wait_for(state="hidden")


def test_contents_follow_the_reading(book, watched):
    """The section read, with the one it belongs to, is marked, whichever way the page was scrolled."""
    watched.page.set_viewport_size({"width": 1280, "height": 800})
    watched.page.goto((book / "chapters/02_backward_pass.html").as_uri())
    parent = watched.page.locator(".bd-toc-nav li:has(li)").first
    inside = [link.get_attribute("href") for link in parent.locator("a").all()]
    outside = watched.page.locator(".bd-toc-nav > ul > li > a").last.get_attribute("href")

    def marked(href):
        watched.page.evaluate("id => document.getElementById(id).scrollIntoView({ behavior: 'instant' })", href[1:])
        watched.page.wait_for_selector(f".bd-toc-nav a.active[aria-current='true'][href='{href}']")
        return [link.get_attribute("href") for link in watched.page.locator(".bd-toc-nav li.active > a.active").all()]

    for _ in range(2):
        assert marked(inside[1]) == inside[:2]
        assert watched.page.locator(f".bd-toc-nav a[href='{inside[-1]}']").is_visible()
        assert marked(outside) == [outside]


def test_wide_formula_scrolls_by_keyboard(book, watched):
    """Somewhere in the book a formula is wider than a phone; the arrow keys move it."""
    for page in CONTENT:
        watched.open((book / page).as_uri(), width=375)
        box = watched.page.locator(".katex-display[tabindex='0']:visible").first
        if box.count():
            box.focus()
            watched.page.keyboard.press("ArrowRight")
            watched.page.wait_for_function("document.activeElement.scrollLeft > 0")
            return
    pytest.fail("no formula of the book is wider than 375 px: this test has nothing to test")


SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries())).observe({ type: "layout-shift", buffered: true });"""


@pytest.fixture
def shifted(browser):
    """A function that opens a page in a window so wide and tells by how much its layout shifted, and what did."""
    contexts = []

    def shift(url, width):
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}))
        page = contexts[-1].new_page()
        page.add_init_script(SHIFTS)
        page.goto(url, wait_until="load")
        page.wait_for_function(
            "document.querySelectorAll('[data-resnotes-explorer]').length === document.querySelectorAll('[data-ready]').length"
        )
        page.wait_for_timeout(300)
        return page.evaluate("""[shifts.reduce((sum, { value }) => sum + value, 0),
          shifts.flatMap(({ sources }) => sources.map(({ node }) => node?.textContent.slice(0, 60)))]""")

    yield shift
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize(
    "page", [*(f"{name.removesuffix('.ipynb')}.html" for name in NOTEBOOKS), "chapters/api_book.html"]
)
def test_nothing_jumps_while_a_page_loads(book, book_url, shifted, page, width):
    moved, what = shifted(f"{book_url}{page}", width)
    assert moved < 0.01, what


class Slow(Quiet):
    """The book's files; of a chapter the end comes late, from the end of its explorer's first picture on."""

    def do_GET(self):
        if not self.path.endswith(".html"):
            return super().do_GET()
        text = Path(self.directory, self.path.lstrip("/")).read_bytes()
        # Where a panel ends: what is around it is still open, and a second one may follow.
        begun = text.index(b'class="rx-figures"')
        at = text.index(b"</svg></div>", begun) + len(b"</svg></div>")
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text[:at])
        self.wfile.flush()
        time.sleep(1)
        self.wfile.write(text[at:])


def test_a_picture_that_arrives_in_parts_does_not_jump(book, shifted):
    server = serve(book, Slow)
    try:
        moved, what = shifted(f"http://127.0.0.1:{server.server_port}/chapters/06_at_least.html", 1280)
    finally:
        server.shutdown()
        server.server_close()
    assert moved < 0.01, what


def test_a_jump_is_seen(site, shifted):
    folder, url = site
    (folder / "a.html").write_text(
        "<div id=a></div><p>Text</p><script>setTimeout(() => { a.style.height = '300px' }, 200)</script>", "utf-8"
    )
    moved, what = shifted(url + "a.html", 1280)
    assert moved > 0.01 and what == ["Text"]


def test_tab_reaches_a_wide_formula_far_below(book, watched):
    """Sections far from the window are not laid out until Tab is pressed, which may lead there."""
    boxes = """() => [...document.querySelectorAll(".katex-display")]
      .filter((box) => !box.checkVisibility({ contentVisibilityAuto: true }) && box.scrollWidth > box.clientWidth + 1)
      .map((box) => box.tabIndex)"""
    watched.open((book / "chapters/05_unrolled_sum.html").as_uri(), width=375)
    before = watched.page.evaluate(boxes)
    assert before and set(before) == {-1}
    watched.page.keyboard.press("Tab")
    watched.settle()
    assert set(watched.page.evaluate(boxes)) == {0}


STILL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  for (let still = 0, before = scrollY, k = 0; still < 12 && k < 240; k++) {
    await frame();
    still = scrollY === before ? still + 1 : 0;
    before = scrollY;
  }
}"""
PLACE = """name => {
  const target = document.getElementById(name);
  return [target.getBoundingClientRect().top, document.documentElement.scrollHeight - scrollY - innerHeight];
}"""


@pytest.mark.parametrize(("width", "motion"), [(1280, "reduce"), (375, "no-preference")])
@pytest.mark.parametrize("page", [page for page in CONTENT if page.startswith("chapters/")])  # others have no section
def test_a_link_into_a_page_lands_where_it_leads(book, browser, page, width, motion):
    """The last section, and on a phone the last place of all, where nothing above them has been laid out yet.

    Where motion is welcome the theme scrolls smoothly.
    """
    sections, all_places = checks.places(book / page)
    name = sections[-1] if width > 375 else all_places[-1]
    context = browser.new_context(reduced_motion=motion, viewport={"width": width, "height": 900})
    try:
        tab = context.new_page()
        tab.goto(f"{(book / page).as_uri()}#{name}")
        tab.evaluate(STILL)
        top, end = tab.evaluate(PLACE, name)
        assert 0 <= top <= 200 or (top > 0 and end < 2), name
    finally:
        context.close()


def test_folds_print_open(book, watched):
    """Every fold is open while the page is printed; those that were closed are closed afterwards."""
    page = next(page for page in CONTENT if "<details" in (book / page).read_text("utf-8"))
    watched.open((book / page).as_uri())
    # An explorer that comes meanwhile brings folds of its own.
    closed = watched.page.evaluate(
        "window.folded = [...document.querySelectorAll('details:not([open])')], window.folded.length"
    )
    still = "window.folded.filter((fold) => !fold.open).length"
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert closed > 0 and watched.page.evaluate(still) == 0
    watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert watched.page.evaluate(still) == closed


def test_outputs_have_no_light_box_in_dark_mode(book, watched):
    page = next(page for page in CONTENT if "output text_html" in (book / page).read_text("utf-8"))
    watched.open((book / page).as_uri(), scheme="dark")
    ground = "getComputedStyle(document.querySelector('.cell_output .text_html')).backgroundColor"
    assert watched.page.evaluate(ground) == "rgba(0, 0, 0, 0)"


def drawings(page):
    """The figures of a page: text from the notebook's pictures, and what the page shows for them."""
    found = parsed(page, "div")
    assert not found.select(".cell_output img"), page.name
    return found.select(".drawing")


def test_figures_are_drawings_with_text_in_the_colours_of_the_page(book):
    """Each has a description; none keeps a colour that the style sheet has a name for."""
    found = {path.stem: drawings(path) for path in book.glob("chapters/*.html")}
    for path in NOTEBOOKS:
        stored = nbformat.read(ROOT / path, as_version=4).cells
        pictures = [o for cell in stored for o in cell.get("outputs", ()) if "image/png" in o.get("data", ())]
        assert len(found[Path(path).stem]) == len(pictures), path
    for stem, shown in found.items():
        for drawing in shown:
            assert drawing["role"] == "img" and len(drawing["aria-label"]) > 40, stem
            assert drawing.select("svg text"), stem
            assert not COLOUR.search(str(drawing)), stem


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawing_is_light_on_dark_on_a_dark_page(watched, book_url, scheme):
    watched.open(book_url + "chapters/04_lambda_scaling.html", scheme=scheme)
    text = watched.page.locator(".drawing text").first
    channels = re.findall(r"[\d.]+", text.evaluate("e => getComputedStyle(e).fill"))
    assert (float(channels[0]) > 200) is (scheme == "dark")


def test_without_script_the_page_is_whole(book, browser, book_url):
    page = browser.new_page(java_script_enabled=False)
    page.goto(book_url + "chapters/01_forward_pass.html")
    assert page.locator("article .katex").count() == expected_formulas(book, "chapters/01_forward_pass.html")
    assert not page.locator("button:visible").count()
    page.close()
