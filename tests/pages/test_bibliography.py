"""The bibliography: named as the text names it, linked to where it can be had, and back to where it is cited."""

import re

import pytest

from _ext.resnotes_book.citations import linked

from .conftest import parsed


@pytest.fixture(scope="module")
def entries(book):
    page = parsed(book / "chapters/bibliography.html")
    return {entry["id"]: entry for entry in page.select("div.citation")}


@pytest.fixture(scope="module")
def cited(book):
    """(page, id of the entry) -> what the page calls it."""
    found = {}
    for path in (book / "chapters").glob("*.html"):
        for link in parsed(path, "a").select("[href*='bibliography.html#']"):
            found[path.name, link["href"].partition("#")[2]] = link.get_text()
    return found


def test_an_entry_has_the_name_that_the_text_gives_it(entries, cited):
    assert len(entries) > 30 and len(cited) > 60
    for (page, name), said in cited.items():
        label = entries[name].select_one(".label").get_text().strip("[]")
        # In a sentence the year alone is the link.
        assert label == said or label.endswith(f", {said}"), (page, label, said)
    labels = [entry.select_one(".label").get_text() for entry in entries.values()]
    assert len(set(labels)) == len(labels) and "He et al., 2015b" in " ".join(labels)


def test_an_entry_leads_back_to_every_page_that_cites_it(entries, cited):
    for name, entry in entries.items():
        links = [link["href"].partition("#")[0] for link in entry.select(".cited-in a")]
        assert sorted(links) == sorted(page for page, other in cited if other == name), name


def test_what_can_be_looked_up_is_a_link(entries):
    for entry in entries.values():
        words = re.findall(r"arXiv:\d+\.\d+|doi:\S+?(?=[.;]?(?:\s|$))", entry.p.get_text())
        shown = [link.get_text() for link in entry.p.select("a")]
        assert all(word in shown for word in words), (words, shown)
    assert sum(bool(entry.p.select("a[href^='https://arxiv.org/abs/']")) for entry in entries.values()) > 25


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("arXiv:1512.03385; CVPR 2016", "https://arxiv.org/abs/1512.03385"),
        ("Repository, doi:10.24432/C50P49.", "https://doi.org/10.24432/C50P49"),
        ("seen at https://example.org/a, in May", "https://example.org/a"),
    ],
)
def test_text_keeps_its_words_around_a_link(text, address):
    nodes = linked(text)
    assert "".join(node.astext() for node in nodes) == text
    assert [node["refuri"] for node in nodes if node.tagname == "reference"] == [address]
