"""The site map: written where the book's address is known, and only there."""

import os
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from _ext.resnotes_book import sitemap

WHOLE = 'rel="canonical"|property="og:(?:url|image)"'
BASE = "https://example.org/a%20book/"
NAMES = ("chapters/01_forward_pass", "chapters/a&b")


def application(folder, address):
    builder = SimpleNamespace(name="html", get_target_uri=lambda name: f"{name}.html")
    return SimpleNamespace(
        builder=builder,
        outdir=folder,
        env=SimpleNamespace(found_docs=NAMES),
        config=SimpleNamespace(html_baseurl=address),
    )


def addresses(path):
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.sitemaps.org/schemas/sitemap/0.9}urlset"
    return [place.text for place in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]


def test_every_page_is_listed(tmp_path):
    sitemap.write(application(tmp_path, BASE), None)
    assert addresses(tmp_path / "sitemap.xml") == [f"{BASE}chapters/01_forward_pass.html", f"{BASE}chapters/a%26b.html"]


def test_without_an_address_there_is_none(tmp_path):
    sitemap.write(application(tmp_path, ""), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["https://example.org/book", "https://example.org/book/"])
def test_the_address_comes_from_the_environment(monkeypatch, given):
    monkeypatch.setenv(sitemap.VARIABLE, given)
    config = SimpleNamespace(html_baseurl="")
    sitemap.read_address(None, config)
    assert config.html_baseurl == "https://example.org/book/"


def test_without_the_variable_the_setting_stays(monkeypatch):
    monkeypatch.delenv(sitemap.VARIABLE, raising=False)
    config = SimpleNamespace(html_baseurl="https://example.org/")
    sitemap.read_address(None, config)
    assert config.html_baseurl == "https://example.org/"


@pytest.mark.parametrize("wrong", ["example.org/book", "file:///book", "https://", "https://example.org/?a=b"])
def test_anything_else_is_refused(wrong):
    with pytest.raises(ValueError, match="BOOK_URL: got .*, wanted an address such as"):
        sitemap.base_address(wrong)


def test_the_built_book(book):
    """Whichever way it was built."""
    base = sitemap.base_address(os.environ.get(sitemap.VARIABLE, ""))
    pages = sorted(path.relative_to(book).as_posix() for path in (book / "chapters").glob("*.html"))
    if not base:
        assert not (book / "sitemap.xml").exists()
        named = [page.name for page in book.rglob("*.html") if re.search(WHOLE, page.read_text("utf-8"))]
        assert not named, "an address that nobody knows"
        return
    assert addresses(book / "sitemap.xml") == [base + page for page in pages]
    for page in pages:
        text = (book / page).read_text("utf-8")
        assert f'<link rel="canonical" href="{base}{page}"' in text, page
        assert f'<meta property="og:url" content="{base}{page}">' in text, page
        assert f'<meta property="og:image" content="{base}_static/card.png">' in text, page
    assert (book / "_static/card.png").is_file()
    assert f'<link rel="canonical" href="{base}chapters/00_introduction.html">' in (book / "index.html").read_text(
        "utf-8"
    )
    assert 'rel="canonical"' not in (book / "404.html").read_text("utf-8")


def test_every_page_says_what_it_is_to_who_links_to_it(book):
    """Title, book and a description, by which others show a link; each page its own."""
    said = {}
    for page in (book / "chapters").glob("*.html"):
        tags = dict(re.findall(r'<meta property="(og:[a-z_]+)" content="([^"]*)">', page.read_text("utf-8")))
        assert tags["og:site_name"] and tags["og:type"] == "article" and "<" not in tags["og:title"], page.name
        said[page.name] = tags["og:title"]
    assert len(set(said.values())) == len(said) > 20
