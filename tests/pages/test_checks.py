"""Each check of `checks.py` sees the fault it is there for: broken pages, and whole ones that must pass."""

from contextlib import suppress

import pytest

from . import checks
from .conftest import Quiet, serve

GOOD_FORMULA = """<div class="math"><span class="katex-display"><span class="katex">
<span class="katex-mathml"><math><mi>x</mi></math></span>
<span class="katex-html" aria-hidden="true">x</span></span></span></div>"""
WIDE = '<div style="width: 3000px">wide</div>'


def show(watched, site, body, head="", width=1280):
    folder, home = site
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>'
        f'<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">{head}</head>'
        f'<body><main><article class="bd-article"><h1>A page</h1>{body}</article></main></body></html>'
    )
    (folder / "page.html").write_text(page, "utf-8")
    watched.open(home + "page.html", width=width)
    return home


def test_a_whole_page_passes_every_check(watched, site):
    home = show(watched, site, f"<p>Text and <code>\\alpha</code>, 5 $ a piece.</p>{GOOD_FORMULA}", width=375)
    assert checks.outside_requests(watched, home) == []
    assert checks.complaints(watched) == []
    assert checks.formulas(watched, 1) == []
    assert checks.overflow(watched) == []
    assert checks.images(watched) == []
    assert checks.accessibility(watched) == []


@pytest.mark.parametrize(
    "body",
    [
        '<img src="https://example.org/a.png" alt="a">',
        '<script src="https://example.org/a.js"></script>',
        '<style>@import "https://example.org/a.css";</style>',
        "<script>fetch('https://example.org/data.json').catch(() => 0)</script>",
    ],
)
def test_an_outside_request_is_seen(watched, site, body):
    home = show(watched, site, body)
    assert any("example.org" in finding for finding in checks.outside_requests(watched, home))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<script>console.error('bad')</script>", "bad"),
        ("<script>console.warn('careful')</script>", "careful"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        ("<script>Promise.reject(new Error('rejected'))</script>", "rejected"),
        ('<script src="gone.js"></script>', "404"),
        ('<script src="file:///gone.js"></script>', "file:///gone.js"),
    ],
)
def test_a_complaint_is_seen(watched, site, body, said):
    show(watched, site, body)
    assert any(said in finding for finding in checks.complaints(watched))


class Late(Quiet):
    """Answers nothing until whoever asked has gone, but for the page itself."""

    def do_GET(self):
        if self.path == "/page.html":
            return super().do_GET()
        self.connection.settimeout(10)
        with suppress(OSError):
            self.connection.recv(1)


def test_what_is_asked_for_when_the_page_is_left_is_no_complaint(watched, tmp_path):
    server = serve(tmp_path, Late)
    try:
        show(watched, (tmp_path, f"http://127.0.0.1:{server.server_port}/"), "")
        watched.page.evaluate("void fetch('late')")
        with watched.page.expect_event("requestfailed"):
            watched.page.reload()
    finally:
        server.shutdown()
        server.server_close()
    assert checks.complaints(watched) == []


@pytest.mark.parametrize(
    ("body", "expected", "said"),
    [
        (GOOD_FORMULA, 2, "its source has 2"),
        (GOOD_FORMULA.replace("<math><mi>x</mi></math>", ""), 1, "without MathML"),
        (
            GOOD_FORMULA.replace('class="katex-mathml"', 'class="katex-mathml" aria-hidden="true"'),
            1,
            "hidden from screen",
        ),
        (GOOD_FORMULA.replace("<math>", '<math style="display: none">'), 1, "hidden from screen"),
        (GOOD_FORMULA.replace('aria-hidden="true">x', 'aria-hidden="true">'), 1, "without a drawn form"),
        ('<span class="katex-error">\\fraq</span>', 0, "formula not set"),
        ("<p>let $x_1 + y$ be</p>", 0, "raw TeX"),
        ("<p>let \\(x\\) be</p>", 0, "raw TeX"),
        ("<p>see \\frac{1}{2}</p>", 0, "raw TeX"),
        ("<p>see {eq}`eq-chain`</p>", 0, "raw role"),
    ],
)
def test_a_formula_that_is_not_set_is_seen(watched, site, body, expected, said):
    show(watched, site, body)
    assert any(said in finding for finding in checks.formulas(watched, expected))


def test_a_font_that_does_not_load_is_seen(watched, site):
    head = "<style>@font-face { font-family: F; src: url(gone.woff2) } p { font-family: F }</style>"
    show(watched, site, "<p>Text</p>", head)
    watched.page.evaluate("document.fonts.ready")
    assert "font did not load: F" in checks.formulas(watched, 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (WIDE, "scrolls sideways by"),
        (f'<div style="overflow-x: auto">{WIDE}</div>', "sideways, out of the keyboard's reach"),
        (f'<div style="overflow-y: auto; height: 2em">{"<p>line</p>" * 9}</div>', "down, out of the keyboard's reach"),
        (
            GOOD_FORMULA.replace('"katex-display"', '"katex-display" tabindex="0"'),
            "takes the focus without scrolling",
        ),
    ],
)
def test_an_overflow_is_seen(watched, site, body, said):
    show(watched, site, body, width=375)
    assert any(said in finding for finding in checks.overflow(watched))


@pytest.mark.parametrize(
    ("style", "found"), [("", 0), ("outline: none", 1), ("outline: none; box-shadow: 0 0 2px red", 0)]
)
def test_a_focus_that_does_not_show_is_seen(watched, site, style, found):
    show(watched, site, f'<a href="#x" style="{style}">a</a>')
    assert len(checks.rings(watched)) == found


@pytest.mark.parametrize(("columns", "found"), [(5, []), (99, ["a table that scrolls sideways: " + "number" * 10])])
def test_a_table_that_scrolls_is_seen(watched, site, columns, found):
    cells = "<td>number</td>" * columns
    show(watched, site, f'<div style="overflow-x: auto" tabindex="0"><table><tr>{cells}</tr></table></div>')
    assert checks.wide_tables(watched) == found


def test_a_box_that_scrolls_by_keyboard_passes(watched, site):
    show(watched, site, f'<div style="overflow-x: auto" tabindex="0">{WIDE}</div>', width=375)
    assert checks.overflow(watched) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<p style="background: #121212">white on black</p>', "dark: <p"),
        ('<p style="color: #ced6dd">pale on white</p>', "pale: <p"),
        ('<svg><text y="20" fill="#ced6dd">pale</text></svg>', "pale: <text"),
        ('<img src="data:," style="filter: invert(1)">', "turned: <img"),
    ],
)
def test_what_prints_badly_is_seen(watched, site, body, said):
    show(watched, site, body)
    assert any(said in finding for finding in checks.paper(watched))


def test_what_is_dark_on_a_screen_alone_passes(watched, site):
    show(watched, site, "<p>Text</p>", "<style>@media screen { body { background: #121212; color: #ced6dd } }</style>")
    assert checks.paper(watched) == []


@pytest.mark.parametrize(
    ("alt", "said"),
    [("", "without a description"), ('alt="a/b.png"', "without a description"), ('alt="a"', "not load")],
)
def test_a_bad_image_is_seen(watched, site, alt, said):
    show(watched, site, f'<img src="gone.png" {alt}>')
    assert any(said in finding for finding in checks.images(watched))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<p style="color: #ccc; background: #fff">faint</p>', "color-contrast"),
        ("<button></button>", "button-name"),
        ('<img src="data:,">', "image-alt"),
    ],
)
def test_a_fault_of_access_is_seen(watched, site, body, said):
    show(watched, site, body)
    assert any(said in finding for finding in checks.accessibility(watched))


FAINT = "color: #ccc; background: #fff"


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (f'<p style="{FAINT}">words</p>' * 9, True),
        (f'{"<p>words</p>" * 9}<p style="{FAINT}">faint</p>', True),
        (f'{"<p>words <b>faint</b></p>" * 9}<p>words <b style="{FAINT}">faint</b></p>', True),
        (f'{"<p>words</p>" * 9}<div style="{FAINT}"><p>faint</p></div>', True),
        ("<p>words</p>" * 9, False),
    ],
)
def test_what_is_hidden_as_repeated_has_no_fault_of_its_own(watched, site, body, seen):
    show(watched, site, body)
    checks.thin_repeated(watched)
    assert watched.page.locator("article p:visible").count() < 9
    assert bool(checks.accessibility(watched, checks.RULES_OF_A_LOOK)) is seen


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<p style="color: #ccc; background: #fff">faint</p>', "color-contrast"),
        (
            '<p><button style="height: 9px; width: 9px">a</button><button style="height: 9px">b</button></p>',
            "target-size",
        ),
    ],
)
def test_a_fault_of_a_look_is_seen_by_the_rules_for_looks(watched, site, body, said):
    show(watched, site, body)
    assert any(said in finding for finding in checks.accessibility(watched, checks.RULES_OF_A_LOOK))


@pytest.mark.parametrize(("body", "seen"), [("{}", False), ("</article>{}<article>", True)])
def test_around_the_article_is_what_is_looked_at(watched, site, body, seen):
    show(watched, site, body.format(f'<p style="{FAINT}">faint</p>'))
    assert bool(checks.accessibility(watched, checks.RULES_OF_A_LOOK, around=True)) is seen


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="gone.html">a</a>', "leads to no file"),
        ('<a href="#gone">a</a>', "leads to no anchor"),
        ('<a href="b.html#gone">a</a>', "leads to no anchor"),
        ('<img src="gone.png">', "leads to no file"),
        ('<p id="one"></p><p id="one"></p>', "more than once"),
    ],
)
def test_a_dead_link_is_seen(tmp_path, body, said):
    (tmp_path / "a.html").write_text(body, "utf-8")
    (tmp_path / "b.html").write_text('<p id="there"></p>', "utf-8")
    assert any(said in finding for finding in checks.links(tmp_path))


def test_good_links_pass(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#there">b</a><a href="https://example.org">c</a>', "utf-8")
    (tmp_path / "b.html").write_text('<p id="there"></p><a href="#there">d</a><a href="a.html">a</a>', "utf-8")
    assert checks.links(tmp_path) == []
