"""Write what a class gets, and its instructor's key: _build/class and _build/class-key.

Usage: python -m tools.classroom

The chapters in plain Markdown without solutions; the key has the same with solutions, and a list of all exercises with
their levels and answers as the book's own judge knows them.
"""

import shutil
from pathlib import Path

from _ext.resnotes_book.plain import Plain
from resnotes.book import EXERCISES
from tools import downloads

ROOT = Path(__file__).resolve().parent.parent
FOLDER, KEY = ROOT / "_build" / "class", ROOT / "_build" / "class-key"


def answers(exercise):
    """What is asked, and the answer: of a number, the middle of what is taken for right."""
    lines = []
    for ask in exercise.asks:
        right = ask.page()["right"]
        if not isinstance(right, str):
            right = " or ".join(f"{(low + high) / 2:.6g}" for low, high in right)
        lines.append(f"  - {ask.prompt} `{right}`")
    return lines


def key(plain):
    """The list of exercises as Markdown, a section a chapter."""
    lines, chapter = ["# Exercises and answers", ""], None
    for label, exercise in EXERCISES.items():
        place = plain.places[label]
        if place.stem != chapter:
            chapter = place.stem
            lines += ["", f"## {chapter}", ""]
        lines += [f"- **{place.name}**, level {exercise.level} (`{label}`)", *answers(exercise)]
    return "\n".join(lines) + "\n"


def main():
    for folder, solutions in ((FOLDER, False), (KEY, True)):
        shutil.rmtree(folder, ignore_errors=True)
        downloads.write(folder, solutions=solutions)
    (KEY / "answers.md").write_text(key(Plain(ROOT)), "utf-8")
    for folder in (FOLDER, KEY):
        print(folder.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    main()
