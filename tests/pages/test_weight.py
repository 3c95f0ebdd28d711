"""How pages are made light, and that no rule of style is lost on the way. What they weigh: test_pages.py."""

import io
import re

import pytest
from PIL import Image, ImageChops

from _ext.resnotes_book import bundle, images

from .test_pages import CONTENT


def test_all_pages_share_one_style_sheet_and_one_script_and_none_blocks_the_first_paint(book):
    for page in CONTENT:
        head = (book / page).read_text("utf-8").partition("</head>")[0]
        assert (
            head.count(f'/{bundle.STYLE}"') == 1 and (book / page).read_text("utf-8").count(f'/{bundle.SCRIPT}"') == 1
        )
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
