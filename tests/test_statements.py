"""The sentences against their checks and against the chapters."""

import dataclasses
import re
import sys

import pytest

from resnotes.book import EQUATIONS, STATEMENTS
from resnotes.book.oracles import CheckError
from resnotes.book.published import PUBLISHED
from resnotes.book.statements import CHAPTERS, joined
from resnotes.book.statements.places import settings
from resnotes.book.statements.statement import Grounds
from tools.book import ROOT

sys.path.insert(0, str(ROOT / "tools"))  # the tools are scripts
import statements as book

#: Id -> the sentence as it stood in the first edition, wrong by a condition that was lost, a limit that was moved, or
#: words that the source has not. Where it stood in prose, it stands here with the words around it that are registered.
FIRST_EDITION = {
    "init-row-batch": r"Batch normalisation shrinks the branch by a factor of the order of the square root of the depth "
    r"{cite}`de2020`. | $\beta \approx 1/\sqrt L$: the gain is bounded, by about $e^\kappa$.",
    "after-remember-coins": r"ReLUs after the addition are no coins. At initialisation about $1.5/\sqrt{\pi L}$ of the "
    r"squared length gets all the way, and half gets halfway.",
    "prop-init-branch": r"All entries have mean 0, are independent, and are as often negative as positive. "
    r"For every state $x \ne 0$ and every matrix $A$, $\mathbb E\,J = 0$ and {eq}`init-branch` holds.",
    "prop-init-law": r"Let every branch have mean 0 and the strength $\kappa$, *whatever its state is*. Let the branches be "
    r"independent of one another, and let $g_L$ be chosen without looking at them. Then, for every width and every state, "
    r"{eq}`init-law`. With weights that have a density, it holds for every $x_l$.",
    "init-remember-typical": "A mean is not a typical network. The mean gain is 1 at every depth. In plain networks, depth "
    "over width says how far they are apart.",
    "scaling-remember-average": r"Even for the shortcut term, $\lambda_i < 1$ is not enough to vanish exponentially. "
    r"The average of $\log|\lambda_i|$ has to stay below zero.",
    "depths-row-fixup": "Fixup | last weight of each branch 0, and no other; the others in a branch smaller with the depth "
    "| 10,000 layers {cite}`zhang2019`",
    "backward-remember-own-block": "A skip helps what lies upstream of its block. It cannot change the gradients of the "
    "parameters inside.",
    "depths-row-highway": r"Highway | gate's weights 0, $b = -\log L$ | no stall beyond 1000 layers, with $b$ from $-1$ to "
    r"$-3$ {cite}`srivastava2015training`",
    "precision-remember-lost": "Where an entry of a branch is at most $u/2$ times that of the state, it is lost in the "
    "addition. In bfloat16 all branches of $1/L$ of the state, entry by entry, are lost from $512$ units on, and those of "
    "the state's own sign from $512$; from no smaller number in either case.",
}

#: Damage of other kinds than the entries name themselves: id, words, what stands in their place.
DAMAGES = {
    "a condition left out": ("unrolled-remember-sum", "With identity shortcuts and nothing", "With nothing"),
    "both conditions left out": ("unrolled-remember-share", r", where $\lambda$ and $r$ have one sign and $r$ is small beside $\lambda$", ""),
    "a condition made weaker": ("stream-remember-own", r"without $\varepsilon$", r"with a small $\varepsilon$"),
    "a condition turned round": ("forward-remember-loss", "that sums to $1$", "that does not sum to $1$"),
    "a bound on the wrong side": ("precision-remember-one", "$1 - u/2$ to $1 + u$", "$1 - u$ to $1 + u/2$"),
    "a power moved by one": ("unrolled-remember-first", "$2^n - 1$ paths", "$2^n$ paths"),
    "a negation lost": ("unrolled-remember-first", "not a lower bound", "a lower bound"),
    "a quantifier swapped": ("prop-both-signs", "each gradient $g$", "no gradient $g$"),
    "two results exchanged": ("shattered-remember-quarter", "$2^{-L}$ for a plain network, $(3/4)^L$", "$(3/4)^L$ for a plain network, $2^{-L}$"),
    "a limit taken for a value": ("init-row-over", "$(1 + 1/L^2)^L$", "$1$"),
    "a part left out": ("shattered-remember-word", " It does not mean small, and not wrong.", ""),
    "a name exchanged": ("depths-remember-norms", "pre-LN's gain grows", "post-LN's gain grows"),
}  # fmt: skip


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


def test_the_spread_of_plain_networks_as_it_stood_is_caught():
    """It had the factor of a coin for the input's mask too, whose signs are given."""
    entry = EQUATIONS["init-spread"]
    left, right = entry.expression.args
    n, L = (next(s for s in right.free_symbols if str(s) == name) for name in "nL")
    length = next(power for power in right.args if power.as_base_exp()[1] == 4)
    with pytest.raises(CheckError):
        entry.check(entry.expression.func(left, (1 + 5 / n) ** L * length))
    assert entry.check().cases > 0


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_every_kind_is_caught(kind):
    name, words, others = DAMAGES[kind]
    sentence = STATEMENTS[name].sentence
    assert sentence.count(words) == 1
    with pytest.raises(CheckError, match=f"^{name}"):
        STATEMENTS[name].check(sentence.replace(words, others))


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


# Published numbers: each is stored once.

TABLES = [entry for entry in STATEMENTS.values() if entry.place.startswith("table: ") and "\n" in entry.sentence]


@pytest.mark.parametrize("entry", TABLES, ids=lambda entry: entry.id)
def test_one_digit_changed_in_a_published_table_is_caught(entry):
    """In a chapter by the comparison, in the registered sentence by its check; so are two rows exchanged."""
    path = ROOT / "chapters" / f"{entry.chapter}.ipynb"
    rows = entry.sentence.splitlines()
    cell = next(c.source for c in book.nbformat.read(path, as_version=4).cells if f"| {rows[0]} |" in c.source)
    digits = [(row, m.start()) for row in rows for m in re.finditer(r"\d(?=[\d.]*( \||$))", row)]
    damaged = [
        entry.sentence.replace(row, f"{row[:k]}{(int(row[k]) + 1) % 10}{row[k + 1 :]}")
        for row, k in digits
        if "." in row
    ]
    damaged += [entry.sentence.replace(entry.says[key], wrong) for key, (wrong,) in entry.false.items()]
    assert len(damaged) > 2 * len(rows)
    for sentence in damaged:
        with pytest.raises(CheckError, match=f"^{entry.id}"):
            entry.check(sentence)
        text = cell
        for row, other in zip(rows, sentence.splitlines(), strict=True):
            text = text.replace(f"| {row} |", f"| {other} |")
        assert text != cell == book.rewritten(text, entry.chapter, set())


def test_published_numbers_in_prose_and_in_outputs_are_those_that_are_stored():
    """What a sentence gives in hundredths of a per cent, and the column of the table that chapter 7 computes."""
    stored = {number for table in PUBLISHED.values() for numbers in table.rows.values() for number in numbers}
    printed = {}
    for path in book.chapters():
        for cell in book.nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                assert set(re.findall(r"\d+\.\d\d(?= %)", cell.source)) <= stored, path.stem
            for output in cell.get("outputs", ()):
                rows = output.get("data", {}).get("text/markdown", "")
                if "published error" in rows:
                    cells = [line.strip("| ").replace("−", "-").split(" | ") for line in rows.splitlines()[2:]]
                    printed = {f"{row[0].removesuffix(' (original)')}, {row[1]}": (row[4],) for row in cells}
    assert printed == {k: v for k, v in PUBLISHED["he2016-1"].rows.items() if not k.startswith("1x1")}


def test_a_table_without_an_entry_is_seen():
    with pytest.raises(ValueError, match="got the table network . error, want an entry"):
        book.rewritten("| network | error |\n| --- | --- |\n| ours | 1.00 |\n", "12_training", set())


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
