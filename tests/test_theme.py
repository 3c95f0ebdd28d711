"""Each template of ours stands in for files of the theme, or leans on them: where they change, it must be read again."""

import hashlib
from pathlib import Path

import pydata_sphinx_theme
import pytest
import sphinx_book_theme

from tools.book import ROOT

OURS = ROOT / "_ext" / "resnotes_book"
THEMES = {
    "pydata": Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme",
    "book": Path(sphinx_book_theme.__file__).parent / "theme" / "sphinx_book_theme",
}
#: What is ours -> the theme's files that it depends on.
DEPENDS = {
    "templates/layout.html": ("book/layout.html", "pydata/layout.html"),
    "templates/search.html": ("pydata/search.html",),
    "templates/article-header-buttons.html": ("book/components/article-header-buttons.html",),
    "templates/toggle-primary-sidebar.html": ("book/components/toggle-primary-sidebar.html",),
    "templates/page-toc.html": ("book/components/page-toc.html",),
    "templates/components/prev-next.html": ("pydata/components/prev-next.html",),
    "templates/sections/sidebar-primary.html": ("pydata/sections/sidebar-primary.html",),
    "templates/static/webpack-macros.html": (
        "pydata/static/webpack-macros.html",
        "book/static/sbt-webpack-macros.html",
    ),
    "templates/404.html": ("pydata/layout.html",),
    "components/search-field.html": ("pydata/components/search-field.html",),
    # The function that is taken out, and what reads localStorage.
    "bundle.py": ("pydata/static/scripts/pydata-sphinx-theme.js", "book/static/scripts/sphinx-book-theme.js"),
}
#: The beginnings of the SHA-256 of these files, as they were when what depends on them was last read beside them.
READ = {
    "book/layout.html": "2cd2fbbe2caedf3a",
    "pydata/layout.html": "cb487347aa971207",
    "pydata/search.html": "098d19aa34f7874c",
    "book/components/article-header-buttons.html": "01d586c72ac25475",
    "book/components/toggle-primary-sidebar.html": "316c98ec6677c656",
    "book/components/page-toc.html": "37daefbe29ef72ce",
    "pydata/components/prev-next.html": "ff77edddb02243f1",
    "pydata/sections/sidebar-primary.html": "18cf539ebe884850",
    "pydata/static/webpack-macros.html": "0db474a78911dddc",
    "book/static/sbt-webpack-macros.html": "cc694f5d1ecc7ddb",
    "pydata/components/search-field.html": "b013152c7e0c40a1",
    "pydata/static/scripts/pydata-sphinx-theme.js": "71f7d522310819f3",
    "book/static/scripts/sphinx-book-theme.js": "2a8659f18c2652c1",
}


def digest(name):
    theme, _, path = name.partition("/")
    return hashlib.sha256((THEMES[theme] / path).read_bytes()).hexdigest()[:16]


@pytest.mark.parametrize("ours", DEPENDS)
def test_what_ours_stands_in_for_is_what_was_read(ours):
    changed = {name: digest(name) for name in DEPENDS[ours] if READ[name] != digest(name)}
    assert not changed, f"{ours} depends on what has changed; read both, then put these into READ: {changed}"


def test_every_template_says_what_it_depends_on():
    templates = {path.relative_to(OURS).as_posix() for path in OURS.rglob("*.html")}
    assert templates - {"templates/redirect.html"} == {name for name in DEPENDS if name.endswith(".html")}
    assert set(READ) == {name for names in DEPENDS.values() for name in names}
