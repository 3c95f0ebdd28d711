"""The PDF of the book: how the one page is put together, and what is asked of it, on a small book of two pages.

`make pdf` asks the same of the real one.
"""

import pytest
from pypdf import PdfReader

from tools import pdf

NAV = """
<nav class="bd-docs-nav"><ul><li><a href="{first}">Why?</a></li></ul>
<p class="caption"><span>A part &amp; more</span></p><ul><li><a href="{second}"> 1. One
step</a></li></ul></nav>
<a class="logo"><span class="logo__title">A book</span></a>
<footer class="bd-footer-content"><div class="footer-item">By nobody</div><div class="footer-item"> </div></footer>
"""
FIRST = """
<section id="why"><h1>Why?</h1><p>See <a href="01_one.html#equation-two">(1.1)</a>, <a href="01_one.html">the chapter</a>,
<a href="#here">here</a> and <a href="https://example.org/">there</a>.</p>
<section id="here"><h2>Here<a class="headerlink" href="#here">#</a></h2><script>1</script></section></section>
"""
SECOND = """
<section id="one"><h1><span class="section-number">1. </span>One step</h1>
<div class="math" id="equation-two"><span class="eqno"><a class="checked" href="00_introduction.html#here">✓<span
class="checked-summary">numeric (9.9)</span></a>(1.1)<a class="headerlink" href="#equation-two">#</a></span>
<div class="katex-display"><span class="katex">{formula}</span></div></div>
<details id="here" class="fold"><summary class="admonition-title">Solution</summary><p>folded</p></details>
<form><input></form><div><table><tr>{cells}</tr></table></div>
<pre>code</pre></section>
"""
PAGE = """<!DOCTYPE html><html lang="en"><head><link rel="stylesheet" href="../_static/book.css?v=1"></head>
<body><main><article class="bd-article">{article}</article></main>{nav}</body></html>"""
STYLE = ".katex { white-space: nowrap; font-size: 16px } .katex-display { overflow: auto } td { white-space: nowrap }"


@pytest.fixture
def site(tmp_path):
    """A built book of two pages; the second is wider than the paper."""
    html = tmp_path / "html"
    (html / "chapters").mkdir(parents=True)
    (html / "_static").mkdir()
    (html / "_static/book.css").write_text(STYLE, "utf-8")
    wide = SECOND.format(formula="x + " * 60, cells="<td>ten numbers</td>" * 15)
    for name, article, first, second in (
        ("00_introduction", FIRST, "#", "01_one.html"),
        ("01_one", wide, "00_introduction.html", "#"),
    ):
        page = PAGE.format(article=article, nav=NAV.format(first=first, second=second))
        (html / "chapters" / f"{name}.html").write_text(page, "utf-8")
    return html


@pytest.fixture
def change(site):
    """Puts one text in another's place on a page, where it must stand."""

    def replace(name, before, after):
        path = site / "chapters" / f"{name}.html"
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")

    return replace


@pytest.fixture
def made(browser, site, tmp_path):
    """A function that makes the PDF and returns what is wrong with it."""

    def make():
        return pdf.make(browser, site, tmp_path / "pdf/book.pdf")

    return make


def test_a_book_becomes_a_pdf(made, tmp_path):
    pages, found = made()
    assert found == []
    assert pages == 4
    reader = PdfReader(tmp_path / "pdf/book.pdf")
    words = [" ".join(page.extract_text().split()) for page in reader.pages]
    assert "A book" in words[0]
    assert "By nobody" in words[0]
    assert words[0].startswith("A book Why?")
    assert "A part & more" in words[3] and "A part & more" not in words[2]
    assert words[3].count("1. One step") == 2, "the title and the running head"
    assert "Why? 3" in words[1]
    assert "1. One step 4" in words[1]
    assert "folded" in words[3]
    assert pdf.outline(reader) == {"A book", "Contents", "Why?", "Here", "1. One step"}
    places = pdf.destinations(reader)
    assert places["01_one:equation-two"] == 4
    assert places["00_introduction:here"] == 3
    size = reader.pages[0].mediabox
    assert [round(float(side) / 72 * 25.4) for side in (size.width, size.height)] == [210, 297]


def test_what_is_too_wide_is_made_smaller(browser, site, tmp_path, monkeypatch):
    text, _ = pdf.assemble(site)
    page = tmp_path / "pdf/book.html"
    page.parent.mkdir()
    page.write_text(text, "utf-8")
    assert pdf.look_and_print(browser, page, tmp_path / "a.pdf")["problems"] == []
    monkeypatch.setattr(pdf, "FIT", "() => null")
    found = pdf.look_and_print(browser, page, tmp_path / "a.pdf")["problems"]
    assert [one[:36] for one in found] == [
        "wider than the paper: x + x + x + x ",
        "wider than the paper: ten numbersten",
    ]


def test_a_fold_that_stays_closed_is_found(made, monkeypatch):
    monkeypatch.setattr(pdf, "FIT", "() => document.querySelector('details').removeAttribute('open')")
    assert "folded: Solutionfolded" in made()[1]


def test_an_image_that_is_missing_is_found(made, change):
    change("01_one", "<pre>", '<img src="../_images/none.png" alt="Nothing"><pre>')
    assert any(one.startswith("no image: ") for one in made()[1])


def test_a_title_that_is_not_shown_is_found(made, site):
    (site / "_static/book.css").write_text("@media print { h1 { display: none } }", "utf-8")
    found = made()[1]
    assert "not shown: Why?" in found
    assert "the outline has no 'Why?'" in found


def test_a_link_to_no_anchor_is_found(made, change):
    change("00_introduction", "#equation-two", "#equation-three")
    found = made()[1]
    assert "a link to #01_one:equation-three leads nowhere" in found
    assert "in the file, no link leads to #01_one:equation-three" in found


def test_a_link_that_is_not_printed_is_not_missed(made, change):
    change("01_one", "<pre>", '<a hidden href="00_introduction.html#why">✓</a><pre>')
    assert made()[1] == []


def test_a_link_to_no_page_of_the_book_is_refused(site, change):
    change("00_introduction", "01_one.html#equation-two", "../search.html")
    with pytest.raises(
        ValueError, match="link: got '../search.html' on the page 00_introduction, wanted one to a page"
    ):
        pdf.assemble(site)


def test_a_page_that_the_contents_leave_out_is_refused(site):
    (site / "chapters/02_two.html").write_text((site / "chapters/01_one.html").read_text("utf-8"), "utf-8")
    with pytest.raises(ValueError, match="contents: got the pages .*, wanted the built ones, .*02_two"):
        pdf.assemble(site)


def test_ids_and_equations_that_repeat_are_found(made, change):
    change("01_one", "<pre>", '<div class="math" id="here"><span class="eqno">(1.1)</span></div><pre>')
    found = made()[1]
    assert "the id 01_one:here stands there 2 times" in found
    assert "the equation (1.1) stands there 2 times" in found


def test_what_is_lost_is_found(made, monkeypatch):
    remove = "() => { document.querySelector('div.math').remove(); document.querySelector('h2').remove(); }"
    monkeypatch.setattr(pdf, "FIT", remove)
    found = made()[1]
    assert "01_one: 0 of .katex, wanted 1" in found
    assert "00_introduction: 0 of h2, wanted 1" in found
    assert "01_one: the equations [], wanted ['(1.1)']" in found
    assert "a link to #01_one:equation-two leads nowhere" in found


def test_page_numbers_that_are_wrong_are_found(browser, site, tmp_path, made):
    made()
    reader = PdfReader(tmp_path / "pdf/book.pdf")
    seen = {"links": [], "titles": []}
    assert pdf.file_problems(reader, seen, {"00_introduction": 3, "01_one": 4}) == []
    assert pdf.file_problems(reader, seen, {"01_one": 5}) == ["01_one is said to begin on page 5, and begins on 4"]
