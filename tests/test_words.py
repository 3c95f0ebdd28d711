"""One meaning a word: those that had several, or meant what no reader takes them for, are not used any more."""

import re
import tomllib

import nbformat
import pytest

from tools.book import ROOT

#: What is not written, why, and what is written in its place.
RETIRED = {
    r"\bupstream\b(?! gradient)": "it points both ways; earlier or later, before or after. The upstream gradient stays.",
    r"\bdownstream\b": "it points both ways; earlier or later.",
    r"\bbehind\b": "it points both ways; before or after.",
    r"\b(?:first|last) branch on (?:a|the|its) path\b": "paths have two ends; the branch nearest the loss, or the input.",
    r"\bon the highway\b": "a private word for the shortcut's way; after the addition, on the shortcut.",
    r"\b(?:derivatives?|differentiated|gradient) along \$": "a directional derivative; with respect to.",
    r"\bin the place of\b": "a foreign turn; instead of, or: substituted for.",
    r"\b(?:give|gives|gave|given|giving) out\b": "a format underflows or overflows.",
    r"\|J\|": "another norm has no name here; ‖J‖₂, in formulas \\lVert J\\rVert_2.",
    r"\\lVert J(?:_\w+)?\\rVert(?!_[2F])": "which norm; \\lVert J\\rVert_2 or \\lVert J\\rVert_F.",
}


#: What a page cannot do. It may be asked for where the same paragraph says that it takes a notebook.
ASKED = r"\b(?:re-?run|run|execute|edit)\b[^.!?\n]{0,60}\b(?:cells?|again|code)\b|\bchange (?:the|this|these)\b[^.!?]{0,40}\b(?:and|then) run\b"


def written(text):
    """Every string of what a TOML file holds."""
    if isinstance(text, str):
        yield text
    elif isinstance(text, dict):
        # What the notes say is a citation.
        for key, value in text.items():
            if key not in ("statement", "typed"):
                yield from written(value)
    elif isinstance(text, list):
        for value in text:
            yield from written(value)


def texts():
    """Place -> text, of all that a reader of the pages reads as prose."""
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        yield path.name, re.sub(r"`[^`\n]*`", "`…`", prose)  # what code is called is not said
    for path in sorted((ROOT / "chapters").glob("*.md")):
        yield path.name, path.read_text("utf-8")
    for path in sorted((ROOT / "src/resnotes").rglob("*.toml")):
        yield path.name, "\n".join(written(tomllib.loads(path.read_text("utf-8"))))
    for path in sorted((ROOT / "src/resnotes/explorers").glob("*.js")):
        strings = re.findall(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`', path.read_text("utf-8"))
        yield path.name, "\n".join(one or other for one, other in strings)


def found(pattern, places):
    """Where a pattern occurs, with the words around it."""
    return [
        f"{name}: …{text[max(0, match.start() - 40) : match.end() + 30]}…".replace("\n", " ")
        for name, text in places
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def asked_in_vain(places):
    """Paragraphs that ask for what a page cannot do; what a list, a heading or a fence separates is a paragraph too."""
    parts = ((name, part) for name, text in places for part in re.split(r"\n\s*\n|\n(?=[#:-])", text))
    return found(ASKED, [(name, part) for name, part in parts if "notebook" not in part.lower()])


def test_no_sentence_asks_for_what_the_page_cannot_do():
    assert asked_in_vain(texts()) == []


def test_such_a_sentence_would_be_found():
    said = "Change the two numbers\nand run it again."
    assert (
        len(
            asked_in_vain(
                [("a page", said), ("a page", "# A title\nRun this cell with 3."), ("a page", "Edit the code.")]
            )
        )
        == 3
    )
    assert (
        asked_in_vain([("a page", "In a notebook, run the cell again."), ("a page", "We run it. Again it fails.")])
        == []
    )


@pytest.mark.parametrize("pattern", RETIRED)
def test_a_retired_word_is_not_written(pattern):
    assert found(pattern, texts()) == [], RETIRED[pattern]


def test_a_retired_word_would_be_found():
    text = (
        "What lies upstream of it, and downstream, behind a ReLU. The last branch on a path stands on the highway. "
        "The derivative along $x$ is at most |J|, that is \\lVert J_i\\rVert. In the place of 1, float16 gives out."
    )
    assert all(len(found(pattern, [("a page", text)])) == 1 for pattern in RETIRED)
    assert found(r"\bupstream\b(?! gradient)", [("a page", "the upstream gradient")]) == []
