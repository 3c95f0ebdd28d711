"""The registry against its checks and against the chapters."""

import importlib.util
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sympy import Eq, Rational, Symbol, Tuple

from resnotes.__main__ import main
from resnotes.book import EQUATIONS, verify
from resnotes.book.cases import Case
from resnotes.book.claims import CLAIMS
from resnotes.book.oracles import CheckError
from resnotes.book.registry import METHODS, Equation, equalities
from resnotes.symbolic.algebra import map_tree
from resnotes.symbolic.symbols import D, J, W, g

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("book_equations", ROOT / "tools" / "equations.py")
book = importlib.util.module_from_spec(spec)
spec.loader.exec_module(book)


@pytest.mark.parametrize("label", EQUATIONS)
def test_equation_holds_and_a_right_side_off_by_a_factor_of_two_does_not(label, checked):
    result = checked[label] if checked else EQUATIONS[label].check()  # the build has made the same check
    assert result.cases > 0
    assert result.worst_error <= EQUATIONS[label].tolerance
    with pytest.raises(ValueError, match=label):
        EQUATIONS[label].check(damaged(EQUATIONS[label].expression))


@pytest.mark.parametrize("label", list(EQUATIONS)[:: len(EQUATIONS) // 5])
def test_what_the_build_found_is_what_is_found_here(label, checked):
    assert EQUATIONS[label].check() == (checked or {label: EQUATIONS[label].check()})[label]


def members(expression):
    return list(expression.args) if isinstance(expression, Tuple) else [expression]


def damaged(expression):
    """The same statement with its last right side doubled; sums that are 0 get a 1."""
    *others, last = members(expression)
    new = last.func(last.lhs, 2 * last.rhs if last.rhs != 0 else 1, evaluate=False)
    return Tuple(*others, new) if isinstance(expression, Tuple) else new


@pytest.mark.parametrize("label", ["forward-literal-gradient", "scaling-scalar"])
def test_what_floats_cannot_see_is_seen_in_fractions(label):
    """A right side that is off by less than the tolerance."""
    entry = replace(EQUATIONS[label], rules=None, exact=None)
    *others, last = members(entry.expression)
    off = Tuple(*others, last.func(last.lhs, last.rhs * (1 + Rational(1, 10**12)), evaluate=False))
    with pytest.raises(CheckError, match=f"{label}, random case {entry.cases}"):
        entry.check(off)
    replace(entry, case=lambda rng: entry.case(rng)).check(off)  # in floats alone


def test_rounding_where_terms_cancel_is_no_difference():
    """How large it is depends on the processor: one that multiplies and adds at once rounds otherwise."""
    case = Case({W(1): np.array([[Fraction(1, 3), 2]])})
    assert case.agree([6e-17, 0], [0, 0], "sum") == 1
    for got, want in (([1e-9, 0], [0, 0]), ([1e-9 + 1e-18], [1e-9])):
        with pytest.raises(CheckError, match="sum: got"):
            case.agree(got, want, "sum")


@pytest.mark.parametrize(
    "label",
    [
        label
        for label, entry in EQUATIONS.items()
        if entry.method != "definition"
        and label != "forward-as-units"  # there D_5 only names a map's Jacobian
        and any(member.rhs.has(D(5)) for member in members(entry.expression))
    ],
)
def test_a_lost_mask_is_caught(label):
    def without_mask(side):
        return map_tree(side, lambda node: 1 if node == D(5) else None)

    pairs = [Eq(left, without_mask(right), evaluate=False) for left, right in equalities(EQUATIONS[label].expression)]
    with pytest.raises(ValueError, match=label):
        EQUATIONS[label].check(Tuple(*pairs))


def test_the_notes_wrong_formulas_are_caught():
    twice = g(5) * D(5) * J(4) * D(4) * J(3) + g(5) * D(5) * (1 + J(4) * D(4) * J(3))
    with pytest.raises(CheckError, match="backward-g3"):
        EQUATIONS["backward-g3"].check(Eq(g(3), twice))
    with pytest.raises(CheckError, match="backward-g2"):
        EQUATIONS["backward-g2"].check(Eq(g(2), g(5) * D(5) * J(4) * D(4) * J(3) * D(3) * J(2)))


def test_a_hypothesis_without_which_the_equation_holds_is_reported():
    entry = replace(EQUATIONS["init-branch"], without=(("nothing that is needed", EQUATIONS["init-branch"].case),))
    with pytest.raises(CheckError, match="init-branch: got no case in which it fails without 'nothing that is needed'"):
        entry.check()


def test_only_equations_may_be_checked():
    with pytest.raises(ValueError, match="want sympy.Eq"):
        EQUATIONS["backward-g3"].check(Symbol("a"))


def test_entries_are_complete():
    stems = {path.stem for path in book.chapters()}
    for label, entry in EQUATIONS.items():
        assert entry.label == label
        assert entry.method in METHODS, label
        assert entry.chapter in stems, label
        assert set(entry.rests_on) <= set(EQUATIONS), label
        assert entry.method != "citation" or entry.reference, label


def test_what_an_equation_rests_on_comes_from_its_derivations_too_and_never_goes_round():
    assert "backward-local" in EQUATIONS["backward-g4"].references
    order = list(EQUATIONS)
    for label, entry in EQUATIONS.items():
        for other in entry.references:
            assert order.index(other) < order.index(label) or label not in rests_on_all(other), (label, other)


def rests_on_all(label):
    """Everything a label rests on, directly or not."""
    found, left = set(), [label]
    while left:
        new = set(EQUATIONS[left.pop()].references) - found
        found |= new
        left += new
    return found


# The chapters show the registry, all of it, and nothing else.


def shown():
    return {
        path.stem: [label for cell in book.markdown_cells(path) for label in book.labels_in(cell)]
        for path in book.chapters()
    }


def test_chapters_hold_the_registered_latex():
    for path in book.chapters():
        for cell in book.markdown_cells(path):
            assert book.rewritten(cell) == cell, f"{path.name} differs from the registry: run make equations"


def test_every_entry_is_shown_once_in_its_own_chapter():
    places = shown()
    for label, entry in EQUATIONS.items():
        found = [stem for stem, labels in places.items() for other in labels if other == label]
        assert found == [entry.chapter], f"{label}: shown in {found}, want {entry.chapter} once"


def test_every_label_is_registered():
    for stem, labels in shown().items():
        assert set(labels) <= set(EQUATIONS), stem


def test_every_display_equation_of_a_numbered_chapter_has_a_label():
    for path in book.chapters():
        if path.stem[:2].isdigit() and path.stem[:2] != "00":
            for cell in book.markdown_cells(path):
                assert not book.unlabelled_in(cell), f"{path.name}: {book.unlabelled_in(cell)}"


def test_the_tool_sees_what_it_should():
    source = "$$\na = b\n$$ (backward-g3)\n\n:::{exercise}\n$$\nc\n$$\n:::\n\n$$\nloose\n$$\n"
    assert book.labels_in(source) == ["backward-g3"]
    assert book.unlabelled_in(source) == ["loose"]
    assert EQUATIONS["backward-g3"].latex in book.rewritten(source)
    with pytest.raises(ValueError, match="no-such-label"):
        book.rewritten("$$\na\n$$ (no-such-label)")


# The command line.


def as_broken(label):
    entry = EQUATIONS[label]
    return type(entry)(**{**entry.__dict__, "expression": damaged(entry.expression), "proofs": ()})


def broken(monkeypatch, label):
    monkeypatch.setitem(EQUATIONS, label, as_broken(label))


def begin_broken(label):
    """What a process of its own begins with."""
    EQUATIONS[label] = as_broken(label)


def test_verify_names_what_fails_with_both_values(monkeypatch, capsys):
    broken(monkeypatch, "backward-g3")
    assert main(["verify", "backward-g3", "backward-g4"]) == 1
    printed = capsys.readouterr().out
    assert "backward-g3  FAILED" in printed and "got" in printed and "want" in printed
    assert "failed: backward-g3" in printed
    assert "backward-g4  symbolic" in printed


def test_verify_checks_an_equation_once_however_many_claims_rest_on_it(monkeypatch, capsys):
    counted = []
    check = Equation.check

    def counting(self, expression=None):
        counted.append(self.label)
        return check(self, expression)

    monkeypatch.setattr(Equation, "check", counting)
    claim = next(name for name, claim in CLAIMS.items() if any(t.equation == "backward-g3" for t in claim.truths))
    for _ in range(2):  # a second run checks anew
        counted.clear()
        assert main(["verify", "backward-g3", claim]) == 0
        assert counted.count("backward-g3") == 1


def test_verify_on_several_processors_says_the_same_and_claims_take_what_has_passed(monkeypatch, capsys):
    claim = next(name for name, claim in CLAIMS.items() if any(t.equation == "backward-g3" for t in claim.truths))
    broken(monkeypatch, "backward-g4")
    names = ["backward-g4", "softmax-fixed-point", "backward-g3", claim]
    assert main(["verify", *names]) == 1
    alone = capsys.readouterr().out.splitlines()
    monkeypatch.setattr(verify, "MANY", 2)
    pool = partial(ProcessPoolExecutor, 2, initializer=begin_broken, initargs=("backward-g4",))
    monkeypatch.setattr(verify, "ProcessPoolExecutor", pool)
    assert main(["verify", *names]) == 1
    together = capsys.readouterr().out.splitlines()
    assert together[:-1] == alone[:-1]
    monkeypatch.setattr(Equation, "check", None)
    verify.remember_passed({"backward-g3": "passed"})
    assert verify.registered("backward-g3") == "passed"
    verify.forget_passed()


def test_verify_as_json(monkeypatch, capsys):
    broken(monkeypatch, "backward-g3")
    assert main(["verify", "--json", "backward-g3", "scaling-scalar", "S0-F1"]) == 1
    first, second, third = json.loads(capsys.readouterr().out)
    assert (first["name"], first["ok"], first["cases"]) == ("backward-g3", False, None)
    assert "want" in first["error"]
    assert second["ok"] and second["cases"] > 0 and second["worst_error"] < 1e-9 and second["kind"] == "equation"
    assert third["ok"] and third["kind"] == "claim" and third["how"] == "holds"


def test_verify_passes_and_refuses_unknown_labels(capsys):
    assert main(["verify", "scaling-scalar"]) == 0
    printed = capsys.readouterr()
    assert "equations: 1, statements: 0, claims: 0" in printed.out
    assert "\r" not in printed.out + printed.err  # no bar where nobody watches
    assert main(["verify", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
