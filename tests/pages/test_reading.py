"""Derivations that unfold, and equations shown beside the links to them."""

import re

import nbformat
import pytest

from _ext.resnotes_book import derivations
from resnotes.book import EQUATIONS
from resnotes.symbolic import at_least, backward_pass, lambda_scaling, merge_point
from tools.book import ROOT

from .test_pages import NOTEBOOKS

PAGE = "chapters/06_at_least.html"


@pytest.fixture
def page(browser, book_url):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(book_url + PAGE)
    yield page
    context.close()


@pytest.mark.parametrize(
    "made",
    [
        at_least.growth_derivation(),
        merge_point.distance_induction(),
        backward_pass.all_units(),
        lambda_scaling.two_units(),
    ],
)
def test_a_derivation_is_known_by_its_formula_and_shown_by_its_lines(made):
    lines = derivations.known()[made.latex()]
    assert lines[0][0] and len(lines) == made.latex().count("&& ")
    shown = derivations.as_list(lines)
    assert [len(line) for line in shown] == [3] * len(lines)
    for (left, right, rule), line in zip(lines, shown, strict=True):
        assert left in line[0].astext() and right in line[1].astext()
        assert "".join(part.astext() for part in line[2]) == rule.replace("$", "")


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_derivation_of_a_chapter_is_known(notebook):
    outputs = [output for cell in nbformat.read(ROOT / notebook, 4).cells for output in cell.get("outputs", ())]
    formulas = [output["data"]["text/latex"] for output in outputs if "text/latex" in output.get("data", {})]
    aligned = [formula.strip("$\n") for formula in formulas if r"&& \text{" in formula]
    assert set(aligned) <= set(derivations.known())


def test_every_derivation_of_the_book_unfolds(book):
    pages = {path.name: path.read_text("utf-8") for path in (book / "chapters").glob("*.html")}
    assert sum(text.count('<ol class="derivation') for text in pages.values()) >= 15
    for name, text in pages.items():
        assert not re.search(r"text_latex[^>]*>\s*<[^>]*>.{0,200}&amp;&amp; \\text", text, re.DOTALL), name


def test_line_by_line_by_keyboard(page):
    bar, lines = page.locator(".derivation-bar").first, page.locator("ol.derivation").first.locator("li")
    count = lines.count()
    assert count >= 3
    assert [line.is_visible() for line in lines.all()] == [True] * count
    assert bar.get_by_role("button").count() == 1
    bar.get_by_role("button", name="Line by line").press("Enter")
    assert [line.is_visible() for line in lines.all()] == [True] + [False] * (count - 1)
    following = bar.get_by_role("button", name="Next line")
    following.press("Space")
    assert [line.is_visible() for line in lines.all()][:3] == [True, True, False]
    assert bar.get_by_role("status").inner_text() == f"2 of {count} lines"
    for _ in range(count - 2):
        following.press("Enter")
    assert bar.get_by_role("status").inner_text() == f"All {count} lines"
    bar.get_by_role("button", name="Line by line").click()
    page.emulate_media(media="print")
    assert all(line.is_visible() for line in lines.all())
    page.emulate_media(media="screen")
    bar.get_by_role("button", name="All lines").press("Enter")
    assert all(line.is_visible() for line in lines.all()) and bar.locator("button:focus").inner_text() == "Line by line"


def test_an_equation_is_shown_beside_its_link(page):
    box = page.locator("#equation-preview")
    link = page.locator(".bd-article a:not(.headerlink)[href='#equation-at-least-growth']").first
    assert not box.is_visible()
    link.focus()
    box.wait_for()
    annotation = "x => x.querySelector('annotation').textContent.replace(/\\s/g, '')"
    assert box.evaluate(annotation) == re.sub(r"\s", "", EQUATIONS["at-least-growth"].latex)
    assert link.get_attribute("aria-describedby") == "equation-preview"
    page.keyboard.press("Escape")
    assert not box.is_visible()
    link.hover()
    box.wait_for()
    where, at = box.bounding_box(), link.bounding_box()
    assert 0 <= where["x"] and where["x"] + where["width"] <= 1280
    assert where["y"] >= at["y"] + at["height"] or where["y"] + where["height"] <= at["y"]
    page.mouse.move(0, 0)
    assert not box.is_visible()


def test_equations_of_other_pages_are_there_too(browser, book):
    """From a file, where nothing can be fetched."""
    context = browser.new_context()
    page = context.new_page()
    shown = 0
    for path in sorted((book / "chapters").glob("0*.html")):
        page.goto(path.as_uri())
        for link in page.locator(".bd-article a[href*='.html#equation-']").all()[:2]:
            label = link.get_attribute("href").partition("#equation-")[2]
            link.focus()
            box = page.locator("#equation-preview")
            box.wait_for()
            assert box.evaluate("x => x.querySelector('annotation').textContent.replace(/\\s/g, '')") == re.sub(
                r"\s", "", EQUATIONS[label].latex
            )
            shown += 1
            page.keyboard.press("Escape")
    assert shown >= 3
    context.close()
