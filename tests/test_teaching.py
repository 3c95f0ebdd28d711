"""What a teacher gets: the page with its plans, the chapters without solutions, and the key."""

import re

import nbformat
import pytest
import yaml

from _ext.resnotes_book import exercises, teaching
from _ext.resnotes_book.plain import FENCE, Plain, unsolved
from resnotes.book import EXERCISES
from tools import book, classroom, downloads

ROOT = book.ROOT
PLAIN = Plain(ROOT)
PAGE = (ROOT / f"{teaching.PAGE}.md").read_text("utf-8")
KNOWN = teaching.chapters(ROOT / "chapters")
#: What tells an answer: a solution, the judge, and a form, which holds what it judges by.
TELLING = re.compile(r"\{solution\}|Solution to|\bcheck\b.*judges|check\(|data-exercise")


def solutions():
    """Label -> the first line of its solution."""
    found = {}
    for text in PLAIN.sources.values():
        for match in FENCE.finditer(text):
            if match["name"] == "solution":
                body = match["body"].partition("\n\n")[2]
                found[match["title"]] = body.strip().split("\n")[0]
    return found


def test_the_plans_ask_for_what_there_is():
    text = teaching.planned(PAGE, KNOWN, PLAIN.places)
    assert "<!--" not in text.replace(teaching.MARKER, "") and "[Backward pass](02_backward_pass.ipynb), 25 min" in text
    assert "{ref}`4.1 <ex-scaling-drill>`" in text
    for asked in ("<!-- solve: 00_introduction 1 -->", "<!-- read: 16_next -->"):
        with pytest.raises(KeyError):
            teaching.planned(asked, KNOWN, PLAIN.places)
    with pytest.raises(ValueError, match="no exercise of such a level"):
        teaching.planned("<!-- solve: 13_thousands_of_layers 1 -->", KNOWN, {"ex-x": PLAIN.places["ex-forward-sum"]} | {
            label: place for label, place in PLAIN.places.items() if place.stem == "13_thousands_of_layers"
            and (label not in EXERCISES or EXERCISES[label].level > 1)
        })  # fmt: skip


def test_every_exercise_stands_in_the_table_once_with_its_level():
    head, _, *rows = teaching.by_level(KNOWN, PLAIN.places).split("\n")
    assert len(rows) == len(KNOWN)
    columns = [re.findall(r"<([\w-]+)>", " ".join(row.split("|")[at] for row in rows)) for at in range(2, 6)]
    labels = [label for column in columns for label in column]
    assert len(labels) == len(set(labels)) and set(labels) == set(solutions())
    for level, column in zip((1, 2, 3), columns, strict=False):
        assert column and all(EXERCISES[label].level == level for label in column)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A tree as the pages for a class are built from."""
    copy = tmp_path_factory.mktemp("class")
    root = tmp_path_factory.mktemp("root")
    book.copy_sources(root)
    executed = root / classroom.EXECUTED
    executed.mkdir(parents=True)
    for path in (ROOT / "chapters").glob("*.ipynb"):
        (executed / path.name).write_bytes(path.read_bytes())
    classroom.prepare(copy, root)
    return copy


def test_a_class_finds_no_solution(bare, tmp_path):
    """In what its pages are made from, nor in its notebooks; and there the same is asked and computed."""
    paths = [*downloads.write(tmp_path, solutions=False), *(bare / "chapters").glob("*.ipynb")]
    assert len(paths) == 2 * len(PLAIN.sources)
    told = solutions()
    for path in paths:
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells)
        assert not TELLING.search(text), (path, TELLING.search(text))
        assert not [label for label, line in told.items() if len(line) > 40 and line in text]
        stored = nbformat.read(ROOT / "chapters" / path.name, as_version=4).cells
        code = [[cell.source for cell in some if cell.cell_type == "code"] for some in (stored, cells)]
        assert set(code[0]) - set(code[1]) <= {'from resnotes.book import check\n\ncheck("ex-dummy", 5)'}
    posed = "\n".join(path.read_text("utf-8") for path in (bare / "chapters").glob("*.ipynb"))
    assert all(f":label: {label}\\n" in posed for label in told)
    config = yaml.safe_load((bare / "_config.yml").read_text("utf-8"))
    assert config["execute"]["execute_notebooks"] == "off" and config["sphinx"]["config"]["resnotes_answers"] is False


def test_a_notebook_for_a_class_has_a_place_for_each_answer():
    cells = Plain(ROOT, solutions=False).chapter("04_lambda_scaling").cells
    places = [number for number, cell in enumerate(cells) if cell.source == "*Your answer:*"]
    heads = [cells[number - 1].source.split("\n")[0] for number in places]
    levels = (1, 1, 2, 2, 2, 3)
    assert heads == [f"> **Exercise 4.{number}** (level {level})" for number, level in enumerate(levels, 1)]


def test_below_the_exercises_stands_nothing_else():
    """For what stands there is left out for a class."""
    for stem in KNOWN:
        cells = PLAIN.notebook(ROOT / "chapters" / f"{stem}.ipynb")
        (head,) = [number for number, cell in enumerate(cells) if "## Exercises" in cell.source]
        for cell in cells[head + 1 :]:
            if cell.cell_type == "markdown":
                assert not FENCE.sub("", cell.source).strip(), stem
            else:
                assert 'check("ex-dummy"' in cell.source, stem
        again = unsolved(unsolved(cells))
        assert [cell.source for cell in again] == [cell.source for cell in unsolved(cells)]


def test_a_page_for_a_class_says_the_level_alone():
    exercise = EXERCISES["ex-scaling-drill"]
    assert TELLING.search(exercises.form(exercise))
    assert re.sub("<[^>]*>", "", exercises.level(exercise)) == "Level 1: to check"


def test_the_key_has_every_exercise_with_answer_and_solution():
    key = classroom.key(PLAIN)
    for label, line in solutions().items():
        level = f"level {EXERCISES[label].level}" if label in EXERCISES else "not judged by the page"
        assert f"**{PLAIN.places[label].name}**, {level} (`{label}`)" in key
        assert "{" in line or "[" in line or line in key, line
    assert "- the shortcut term = `3`\n- the three paths through one branch, together = `6.5`\n" in key
