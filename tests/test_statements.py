"""The sentences against their checks and against the chapters."""

import dataclasses
import sys

import pytest

from resnotes.book import EQUATIONS, STATEMENTS
from resnotes.book.oracles import CheckError
from resnotes.book.statements import CHAPTERS, joined
from resnotes.book.statements.places import settings
from resnotes.book.statements.statement import Grounds
from tools.book import ROOT

sys.path.insert(0, str(ROOT / "tools"))  # the tools are scripts
import statements as book

#: Id -> the sentence as it stood in the first edition, wrong by a condition that was lost or a limit that was moved.
FIRST_EDITION = {
    "prop-init-branch": r"All entries have mean 0, are independent, and are as often negative as positive. "
    r"For every state $x \ne 0$ and every matrix $A$, $\mathbb E\,J = 0$ and {eq}`init-branch` holds.",
    "after-remember-coins": r"ReLUs after the addition are no coins. At initialisation about $1.5/\sqrt{\pi L}$ of the "
    r"squared length gets all the way, and half gets halfway.",
    "scaling-remember-average": r"Even for the shortcut term, $\lambda_i < 1$ is not enough to vanish exponentially. "
    r"The average of $\log|\lambda_i|$ has to stay below zero.",
    "backward-remember-own-block": "A skip helps what lies upstream of its block. It cannot change the gradients of the "
    "parameters inside.",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_sentence_holds_needs_its_conditions_and_is_told_from_its_neighbours(name):
    entry = STATEMENTS[name]
    assert entry.uncovered() == [], "what a sentence cannot change without saying something else belongs to a part"
    assert not any(which for read in entry.read(entry.sentence) for which in read.values())
    found = entry.findings()
    assert found.cases > 0 and found.rejected
    assert all(example or why for _, example, why in found.without)


@pytest.mark.parametrize("name", FIRST_EDITION)
def test_the_faulty_sentences_of_the_first_edition_are_caught(name):
    with pytest.raises(CheckError, match=f"^{name}, .*: fails at "):
        STATEMENTS[name].check(FIRST_EDITION[name])
    assert STATEMENTS[name].check(STATEMENTS[name].sentence).cases > 0


def test_what_a_sentence_rests_on_is_registered():
    for name, entry in STATEMENTS.items():
        assert name not in EQUATIONS, name
        assert set(entry.rests_on) <= EQUATIONS.keys() | STATEMENTS.keys(), name


def test_the_chapters_hold_the_registered_sentences():
    seen = set()
    for path in book.chapters():
        for cell in book.nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                assert book.rewritten(cell.source, path.stem, seen) == cell.source, f"{path.name}: make statements"
    assert seen == STATEMENTS.keys()
    assert sorted(CHAPTERS.values()) == [path.stem for path in book.chapters()], (
        "a chapter without registered sentences"
    )


def test_a_sentence_that_differs_or_has_no_entry_is_seen():
    def differs(cell):
        return book.rewritten(cell, "01_forward_pass", set()) != cell

    path = ROOT / "chapters" / "01_forward_pass.ipynb"
    cell = next(c.source for c in book.nbformat.read(path, as_version=4).cells if "## Remember" in c.source)
    assert not differs(cell)
    assert differs(cell.replace("only where the sum", "where the sum"))
    assert differs(cell.replace("\n\n## Exercises", "\n- One line more.\n\n## Exercises"))
    assert differs(cell.replace("one fixed point, ", "fixed point, "))
    rows = next(c.source for c in book.nbformat.read(path, as_version=4).cells if "| Quantity |" in c.source)
    assert not differs(rows)
    assert differs(rows.replace("`weights[1]`", "`weights[2]`"))
    assert differs(rows.replace("\n\nTwo things", "\n| gradient | `grads` | `(n,)` |\n\nTwo things"))
    for other, said in (
        (cell.replace(":label: softmax-fixed-point", ":label: another"), "got the box another"),
        (":::{prf:corollary} New\n\nAll is well.\n:::", "got a box without a label"),
    ):
        with pytest.raises(ValueError, match=said):
            differs(other)
    with pytest.raises(ValueError, match="got lines to remember"):
        book.rewritten("## Remember\n\n- All is well.\n", "16_a_new_chapter", set())


# The machinery sees its own faults.


def entry(**changes):
    """A made-up sentence: n is below 3 if it is below 2."""
    ground = Grounds(
        settings(n=(0, 1, 2, 3)),
        {"bound": lambda s: s.n < 3},
        {"small": lambda s: s.n < 2},
        {"bound": lambda s: s.n < 1},
    )
    fields = {
        "place": "remember",
        "kind": "every size",
        "sentence": "If n is small, it is below it.",
        "hypotheses": {"small": "If n is small"},
        "says": {"bound": "is below it"},
        "false": {"bound": "is far below it"},
        "rests_on": ["forward-unit"],
    }
    grounds = changes.pop("grounds", ground)
    return joined("01_forward_pass", {"made-up": {**fields, **changes}}, {"made-up": grounds})["made-up"]


def test_a_made_up_sentence_is_checked():
    found = entry().findings()
    assert found.cases == 2
    assert found.without == (("If n is small", "n = 3", ""),)
    assert found.rejected == (("is far below it", "n = 1"),)
    for sentence, said in (
        ("It is below it.", "made-up, bound: fails at n = 3"),
        ("If n is small, it is far below it.", "fails at n = 1"),
        ("If n is small, it is above it.", "no check reads"),
    ):
        with pytest.raises(CheckError, match=said):
            entry().check(sentence)


def test_an_entry_that_does_not_fit_is_refused():
    ground = entry().grounds[0]
    for changes, said in (
        ({"sentence": "It is below it."}, "without the words of small"),
        ({"hypotheses": {}}, "given: got text or grounds alone"),
        ({"false": {}}, "false: got 1 in code and 0 in words"),
        ({"kind": "true"}, "kind: got 'true'"),
        ({"kind": "published"}, "source: got none"),
        ({"rests_on": []}, "rests_on: got nothing"),
        ({"plain": ["nowhere"]}, "plain: got 'nowhere'"),
    ):
        with pytest.raises(ValueError, match=said):
            entry(**changes)
    with pytest.raises(ValueError, match="got text or grounds alone for"):
        joined("01_forward_pass", {"made-up": {}}, {})
    with pytest.raises(ValueError, match="no false neighbour"):
        dataclasses.replace(ground, false={})


def test_a_check_that_is_blind_is_refused():
    ground = entry().grounds[0]
    for changed, said in (
        ({"says": {"bound": lambda s: s.n < 1}}, "bound: fails at n = 1"),
        ({"says": {"bound": lambda s: s.n < 9}}, "got nothing where it is not assumed"),
        ({"false": {"bound": lambda s: s.n < 9}}, "the check is blind for it"),
        ({"given": {"small": lambda s: s.n < 0}}, "no place that meets its hypotheses"),
    ):
        with pytest.raises(CheckError, match=said):
            entry(grounds=dataclasses.replace(ground, **changed)).findings()
    with pytest.raises(CheckError, match="and not both"):
        entry(stays={"small": "no reason"}).findings()
