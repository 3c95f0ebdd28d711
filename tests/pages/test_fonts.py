"""KaTeX's fonts hold what the book displays in them, character by character as the whole font has it."""

import re
import shutil

import pytest
from fontTools import ttLib
from fontTools.pens.recordingPen import DecomposingRecordingPen

from _ext.resnotes_book import fonts
from tools.book import ROOT

WHOLE = ROOT / "assets" / "katex"
FACE = re.compile(r"@font-face\{font-family:\"?(\w+)\"?;font-style:(\w+);font-weight:(\w+);src:url\(([^)]*)\)[^}]*\}")
#: Family, style and weight, as a browser says them -> the font's file.
FACES = {
    f"{family}|{style}|{ {'normal': '400', 'bold': '700'}.get(weight, weight) }": path
    for family, style, weight, path in FACE.findall((WHOLE / "katex.min.css").read_text("utf-8"))
}

# Every text that stands in one of KaTeX's fonts, wherever on the page: the browser's own word for it.
ASKED = """() => {
  const found = {};
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { fontFamily, fontStyle, fontWeight } = getComputedStyle(walker.currentNode.parentElement);
    if (!fontFamily.includes("KaTeX_") || walker.currentNode.parentElement.closest(".katex-mathml")) continue;
    const key = [fontFamily.split(",")[0].replaceAll('"', ""), fontStyle, fontWeight].join("|");
    found[key] = (found[key] ?? "") + walker.currentNode.data;
  }
  return Object.fromEntries(Object.entries(found).map(([key, text]) => [key, [...new Set(text)].join("")]));
}"""


def glyph(font, character):
    """A character's drawing with its width, or None where the font has it not."""
    name = font.getBestCmap().get(ord(character))
    if name is None:
        return None
    pen = DecomposingRecordingPen(font.getGlyphSet())
    font.getGlyphSet()[name].draw(pen)
    return pen.value, font["hmtx"][name]


def missing(asked, folder):
    """Characters that a page displays, that KaTeX's font has, and that the font in `folder` has not or has otherwise."""
    findings = []
    for key, text in asked.items():
        path = FACES[key]
        whole = ttLib.TTFont(WHOLE / path)
        cut = ttLib.TTFont(folder / path) if (folder / path).is_file() else None
        for character in text:
            wanted = glyph(whole, character)
            if wanted is not None and (cut is None or glyph(cut, character) != wanted):
                findings.append(f"{path}: {character!r}")
    return findings


def asked_by(watched, url):
    """What the page displays in each font, what is folded away and laid out when it is asked for among it."""
    watched.page.goto(url)
    watched.page.evaluate("document.querySelectorAll('details').forEach((fold) => layOut(fold))")
    return watched.page.evaluate(ASKED)


def test_fonts_are_asked_for_where_a_page_displays_formulas(book, watched):
    """So that what `test_page_on_file` finds for every page is not the answer to an empty question."""
    assert "KaTeX_Main|normal|400" in asked_by(watched, (book / "chapters/02_backward_pass.html").as_uri())


@pytest.mark.parametrize("damage", ["a font that is not there", "a font without a letter", "a letter drawn otherwise"])
def test_a_missing_character_is_noticed(book, watched, tmp_path, damage):
    shutil.copytree(book / "_static" / "katex", tmp_path / "katex")
    path = tmp_path / "katex" / "fonts" / "KaTeX_Math-Italic.woff2"
    characters = set(map(chr, ttLib.TTFont(path).getBestCmap()))
    if damage == "a font that is not there":
        path.unlink()
    elif damage == "a font without a letter":
        fonts.cut(path, characters - {"x"})
    else:
        font = ttLib.TTFont(path)
        font["hmtx"][font.getBestCmap()[ord("x")]] = (1000, 0)
        font.save(path)
    asked = asked_by(watched, (book / "chapters/02_backward_pass.html").as_uri())
    assert "fonts/KaTeX_Math-Italic.woff2: 'x'" in missing(asked, tmp_path / "katex")


def test_every_font_that_is_kept_is_cut(book):
    kept = sorted((book / "_static" / "katex" / "fonts").iterdir())
    assert {f"fonts/{path.name}" for path in kept} == set(FACES.values()) and len(kept) == 20
    for path in kept:
        whole = ttLib.TTFont(WHOLE / "fonts" / path.name)
        assert set(ttLib.TTFont(path).getBestCmap()) <= set(whole.getBestCmap()), path.name
        # What is drawn for a character depends on these as well.
        for table in ("head", "hhea", "OS/2"):
            same = ("unitsPerEm", "ascent", "descent", "lineGap", "sTypoAscender", "usWinAscent", "usWinDescent")
            cut = ttLib.TTFont(path)[table]
            assert all(getattr(cut, name, None) == getattr(whole[table], name, None) for name in same), path.name
    before, after = (
        sum(path.stat().st_size for path in folder.iterdir()) for folder in (WHOLE / "fonts", kept[0].parent)
    )
    assert after < 0.8 * before


def test_a_page_asks_early_for_fonts_that_it_displays(book):
    """One that is asked for and not displayed would be complained about in the browser."""
    for page in book.rglob("*.html"):
        head, _, body = page.read_text("utf-8").partition("</head>")
        asked = {font for font in fonts.EARLY if f"katex/fonts/{font}" in head}
        assert asked == {font for font, sign in fonts.EARLY.items() if sign in body}, page.name
