"""The front page: the table of chapters is whole, and the minutes in it are about what the chapters take."""

import re
from pathlib import Path

import nbformat
import pytest

from _ext.resnotes_book.teaching import ROW

ROOT = Path(__file__).resolve().parent.parent
FRONT = ROOT / "chapters/00_introduction.ipynb"
FORMULA = re.compile(r"\$\$.*?\$\$(?: \([\w-]+\))?", re.DOTALL)


def cells(path):
    return nbformat.read(path, as_version=4).cells


def markdown(path):
    return "\n\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")


def minutes(path):
    """Reading without the exercises: 150 words a minute, half a minute a formula, a quarter a cell of code."""
    text = markdown(path).split("## Exercises")[0]
    code = sum(cell.cell_type == "code" for cell in cells(path))
    return len(FORMULA.sub("", text).split()) / 150 + len(FORMULA.findall(text)) / 2 + code / 4


CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb") if path != FRONT)
ROWS = {stem: (int(number), title, int(said)) for number, title, stem, said in ROW.findall(markdown(FRONT))}


def test_every_chapter_has_its_row_in_order():
    assert list(ROWS) == CHAPTERS
    for stem, (number, title, _) in ROWS.items():
        path = ROOT / f"chapters/{stem}.ipynb"
        assert number == int(stem[:2])
        assert markdown(path).startswith(f"# {title}\n"), stem


def far(said, measured):
    """Whether a time is not about the one measured: off by more than a third of it, and by more than five minutes."""
    return abs(said - measured) > max(5, measured / 3)


@pytest.mark.parametrize("stem", CHAPTERS)
def test_minutes_are_about_what_a_chapter_takes(stem):
    measured = minutes(ROOT / f"chapters/{stem}.ipynb")
    assert not far(ROWS[stem][2], measured), f"write {5 * round(measured / 5)} minutes for {stem}"


def test_minutes_that_are_off_are_seen():
    assert far(10, 20)
    assert far(60, 40)
    assert not far(25, 21)


def test_the_page_opens_with_its_figure_and_shows_no_code():
    shown = cells(FRONT)
    assert [cell.cell_type for cell in shown[:2]] == ["markdown", "code"]
    assert len(shown[0].source.split()) < 60
    for cell in shown:
        if cell.cell_type == "code":
            assert "remove-input" in cell.metadata.get("tags", [])
            assert [list(output.data) for output in cell.outputs] == [["text/html", "text/plain"]]
