"""Write what a class gets, and its instructor's key: _build/class and _build/class-key.

Usage: python -m tools.classroom [--notebooks]

The class gets the book's pages and its chapters in plain Markdown, both without solutions, answers, and what is said to a
mistake. The key has the chapters with solutions, and all exercises with their levels, answers and solutions in one file.
The pages are made from the built book, with the outputs it has; --notebooks leaves them out.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import yaml

from _ext.resnotes_book.plain import FENCE, Plain, options, unsolved
from resnotes.book import EXERCISES
from tools import book, downloads, run

ROOT = Path(__file__).resolve().parent.parent
FOLDER, KEY = ROOT / "_build" / "class", ROOT / "_build" / "class-key"
EXECUTED = Path("_build/jupyter_execute/chapters")


def answers(exercise):
    """What is asked, and the answer: of a number, the middle of what is taken for right."""
    lines = []
    for ask in exercise.asks:
        right = ask.page()["right"]
        if not isinstance(right, str):
            right = " or ".join(f"{(low + high) / 2:.6g}" for low, high in right)
        lines.append(f"- {ask.prompt} `{right}`")
    return [*lines, ""]


def key(plain):
    """All exercises as Markdown, a section a chapter: level, answers as the book's own judge knows them, and solution."""
    lines = ["# Exercises and answers", ""]
    for stem, text in plain.sources.items():
        solved = [match for match in FENCE.finditer(text) if match["name"] == "solution"]
        lines += [f"## {stem}", ""] * bool(solved)
        for match in solved:
            label = match["title"].strip()
            exercise = EXERCISES.get(label)
            level = f", level {exercise.level}" if exercise else ", not judged by the page"
            lines += [f"**{plain.places[label].name}**{level} (`{label}`)", ""]
            lines += answers(exercise) if exercise else []
            lines += [plain.text(options(match["body"])[1], stem), ""]
    return "\n".join(lines)


def prepare(copy, root=ROOT):
    """Make `copy` a book without solutions: the sources, of which the chapters have the outputs that the built book has."""
    book.copy_sources(copy, root)
    for path in (root / EXECUTED).glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = unsolved(notebook.cells)
        nbformat.write(notebook, copy / "chapters" / path.name)
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    config["execute"]["execute_notebooks"] = "off"
    config["sphinx"]["config"]["resnotes_answers"] = False
    (copy / "_config.yml").write_text(yaml.safe_dump(config), "utf-8")


def write_pages(folder):
    """Build the pages for a class from the built book."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name).resolve()
        prepare(copy)
        book.build(copy)
        shutil.copytree(copy / "_build/html", folder)


def main():
    chosen = run.parser("class").parse_args()
    for folder in (FOLDER, KEY):
        shutil.rmtree(folder, ignore_errors=True)
    downloads.write(FOLDER / "notebooks", solutions=False)
    downloads.write(KEY, solutions=True)
    (KEY / "answers.md").write_text(key(Plain(ROOT)), "utf-8")
    if not chosen.notebooks:
        write_pages(FOLDER / "pages")
    for folder in (FOLDER, KEY):
        print(folder.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"The pages for the class were not built: jupyter-book ended with status {error.returncode}; see above."
        )
