"""What a page weighs over the wire, everything included, and that no rule of style was lost on the way."""

import gzip
import io
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image, ImageChops

from _ext.resnotes_book import bundle, images

from .test_pages import CONTENT

LIMIT, HEAVIEST = 250_000, 400_000
COMPRESSED = {".woff2", ".png", ".ico"}


def weight(path):
    """Bytes of a file as a server that compresses sends it."""
    content = Path(path).read_bytes()
    return len(content) if Path(path).suffix in COMPRESSED else len(gzip.compress(content, 6))


def most_formulas(book):
    counts = json.loads((book.parent / "formulas.json").read_text("utf-8"))
    return max(counts, key=counts.get) + ".html"


@pytest.mark.parametrize("page", CONTENT)
def test_a_page_is_light(book, book_url, watched, page):
    watched.open(book_url + page)
    files = {unquote(urlsplit(url).path) for url in watched.requests if url.startswith(book_url)}
    weights = {file: weight(book / file.lstrip("/")) for file in files}
    limit = HEAVIEST if page == most_formulas(book) else LIMIT
    assert sum(weights.values()) < limit, sorted(weights.items(), key=lambda item: -item[1])
    kinds = [Path(file).name for file in files]
    assert kinds.count(bundle.STYLE) == kinds.count(bundle.SCRIPT) == 1


def test_no_script_blocks_the_first_paint(book):
    for page in CONTENT:
        head = (book / page).read_text("utf-8").partition("</head>")[0]
        for tag in re.findall(r"<script[^>]*\bsrc=[^>]*>", head):
            assert "defer" in tag, (page, tag)


SHEET = """
@font-face { font-family: a; src: url(a.woff2) }
.used, .unused { color: red }
.unused .used { color: green }
.used:not(.unused) > #here { color: blue }
@media print { .unused { color: red } }
@media print { .used { color: red } }
@keyframes turn { to { rotate: 1turn } }
a[href^=".unused"]::after { content: ".x" }
"""


def test_only_rules_that_can_match_are_kept():
    kept = bundle.used_rules(bundle.rules(SHEET), {"used", "here"})
    assert ".used{color: red}" in kept
    assert ".unused .used" not in kept
    assert ".used:not(.unused) > #here{color: blue}" in kept
    assert kept.count("@media print") == 1
    assert "@keyframes turn{to { rotate: 1turn }}" in kept
    assert "@font-face" in kept
    assert "::after" in kept


def test_a_broken_sheet_is_not_passed_over():
    with pytest.raises(ValueError, match="style sheet, line 1"):
        bundle.used_rules(bundle.rules(".a { color: red } .b"), {"a"})


def test_paths_in_a_moved_sheet_still_lead_there(tmp_path):
    moved = bundle.relative_urls("a{b:url('fonts/x.woff2')} c{d:url(data:x)}", tmp_path / "katex/k.css", tmp_path)
    assert moved == "a{b:url(katex/fonts/x.woff2)} c{d:url(data:x)}"


def picture(colours):
    """A PNG of 64 × 64 pixels with so many greys."""
    image = Image.new("RGB", (64, 64))
    image.putdata([(k % colours,) * 3 for k in range(64 * 64)])
    text = io.BytesIO()
    image.save(text, "PNG", compress_level=0)
    return text.getvalue()


def test_pictures_are_packed_and_look_the_same():
    before = picture(100)
    after = images.smaller(before)
    assert len(after) < len(before) / 3
    one, other = (Image.open(io.BytesIO(text)).convert("RGB") for text in (before, after))
    assert ImageChops.difference(one, other).getbbox() is None
    assert images.smaller(after) == after


def test_the_theme_measures_no_boxes(book):
    """Its pass over what scrolls is taken out; were it written otherwise one day, the build would say so."""
    assert "nboutput" not in (book / "_static" / bundle.SCRIPT).read_text("utf-8")
    with pytest.raises(ValueError, match="scripts: the theme's function that makes boxes reachable: got 0"):
        bundle.without_tab_stops('function T(){const e=()=>{document.querySelectorAll("pre")}}')
