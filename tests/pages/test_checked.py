"""The sign beside an equation's number, and the ledger row it leads to."""

import re

import pytest

from resnotes.book import EQUATIONS, STATEMENTS

from .conftest import parsed


@pytest.fixture(scope="module")
def ledger(book):
    """Every place of the ledger by its id."""
    return {place["id"]: place for place in parsed(book / "chapters/ledger.html").find_all(id=True)}


def row(ledger, name):
    """The section of a row: the id stands on it where another row has the same title, else on a mark within it."""
    place = ledger[f"ledger-{name}"]
    return place if place.name == "section" else place.find_parent("section")


@pytest.mark.parametrize("chapter", sorted({entry.chapter for entry in EQUATIONS.values()}))
def test_every_numbered_equation_leads_to_its_row(book, ledger, chapter):
    page = parsed(book / f"chapters/{chapter}.html")
    labels = [label for label, entry in EQUATIONS.items() if entry.chapter == chapter]
    for label in labels:
        mark = page.select_one(f"[id='equation-{label}'] a.checked")
        assert mark is not None, label
        assert mark["href"] == f"ledger.html#ledger-{label}"
        assert EQUATIONS[label].method in mark["aria-label"]
        assert f"ledger-{label}" in ledger, label
    assert len(page.select("a.checked")) == len(labels)


@pytest.mark.parametrize("chapter", sorted({entry.chapter for entry in STATEMENTS.values()}))
def test_every_proposition_and_line_to_remember_leads_to_its_row(book, ledger, chapter):
    mine = [entry for entry in STATEMENTS.values() if entry.chapter == chapter]
    marks = [mark["href"] for mark in parsed(book / f"chapters/{chapter}.html", "a").select(".stated")]
    marked = [entry for entry in mine if entry.place in ("box", "remember")]
    assert sorted(marks) == sorted(f"ledger.html#ledger-{entry.id}" for entry in marked)
    for entry in mine:
        said = row(ledger, entry.id).get_text()
        assert entry.kind in said and said.count("False would be") == sum(map(len, entry.false.values())), entry.id


def test_the_ledger_says_what_was_checked(ledger):
    text = ledger["ledger-of-equations"].get_text()
    assert f"{len(EQUATIONS)} equations" in text
    assert "none went unnoticed" in text
    for label, entry in EQUATIONS.items():
        said = row(ledger, label).get_text()
        assert f"Method: {entry.method}" in said, label
        assert ("cases in fractions" in said) == bool(entry.in_fractions), label
        assert all(hypothesis in said for hypothesis, _ in entry.without), label
        for other in entry.references:
            assert other in said, (label, other)


def test_the_rows_of_the_ledger_are_titled_in_words(ledger):
    titles = {}
    for name in (*EQUATIONS, *STATEMENTS):
        section = row(ledger, name)
        titles[name] = section.h3.get_text().removesuffix("#").strip()
        assert name in section.p.get_text(), name
        assert name not in titles[name] and re.match(r"\S", titles[name]) and not re.search(r"[$\\{`]", titles[name]), (
            titles[name]
        )
    equations = [titles[name] for name in EQUATIONS]
    assert len({*equations}) > 0.9 * len(equations)


def test_hover_and_focus_show_the_summary(book_url, watched):
    watched.open(book_url + "chapters/02_backward_pass.html")
    page = watched.page
    mark = page.locator("a.checked").first
    summary = mark.locator(".checked-summary")
    assert not summary.is_visible()
    mark.hover()
    assert summary.is_visible() and "cases" in summary.inner_text()
    page.mouse.move(0, 0)
    assert not summary.is_visible()
    page.locator(".eqno .headerlink").first.focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.className") == "checked"
    assert summary.is_visible()
