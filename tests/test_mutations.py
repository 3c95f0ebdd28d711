"""The check is checked: damaged formulas are caught, or are equivalent and say why."""

from types import SimpleNamespace

import pytest
from sympy import Eq

from _ext.resnotes_book import checked
from resnotes.book import EQUATIONS, mutations
from resnotes.symbolic.algebra import L, OrderedProduct, OrderedSum, Scalar, Transpose, i, l
from resnotes.symbolic.symbols import D, J, g, lam

DAMAGED = [label for label, entry in EQUATIONS.items() if entry.method not in mutations.NOT_MUTATED]


def surveyed(label):
    return mutations.survey(label, EQUATIONS[label].expression, EQUATIONS[label].check)


@pytest.mark.parametrize("label", DAMAGED)
def test_every_mutant_is_caught_or_equivalent(label, surveys):
    outcome = surveys[label] if surveys else surveyed(label)  # the build has made the same survey
    assert outcome.survivors == ()
    assert outcome.made == outcome.caught + len(outcome.equivalent)
    assert outcome.caught >= 2


# The first chapters' are quick.
@pytest.mark.parametrize("label", DAMAGED[: len(DAMAGED) // 2 : len(DAMAGED) // 9])
def test_the_survey_of_the_build_is_the_one_made_here(label, surveys):
    assert surveyed(label) == (surveys or {label: surveyed(label)})[label]


def test_a_survivor_ends_the_build():
    """Of an equation and of a claim."""
    whole, lost = mutations.Survey(3, 3, (), ()), mutations.Survey(3, 2, (), ("sign flipped",))
    checked.refuse_survivors(SimpleNamespace(resnotes_checked={"a": (None, whole)}, resnotes_surveys={"b": whole}))
    for one, other in ((whole, lost), (lost, whole)):
        with pytest.raises(ValueError, match="[ab]: damaged forms .* sign flipped"):
            checked.refuse_survivors(
                SimpleNamespace(resnotes_checked={"a": (None, one)}, resnotes_surveys={"b": other})
            )


def damages(expression):
    return {mutant.change for mutant in mutations.mutants(expression)}


def test_damage_is_done_in_the_ways_people_do_it():
    found = damages(Eq(g(3), g(5) * D(5) * (1 + J(4) * D(4) * J(3)), evaluate=False))
    for damage in (
        "sign flipped",
        "factor D_5 dropped",
        "J_4 and D_4 swapped",
        "J_3 transposed",
        "term 1 lost",
        "index of g_5 down by one",
    ):
        assert damage in found
    product = Eq(g(l), g(L) * OrderedProduct(lam(i) + J(i), (i, l, L - 1)), evaluate=False)
    assert {"upper limit up by one", "lower limit down by one", "lambda_i outside the product"} <= damages(product)
    total = Eq(Scalar("a"), OrderedSum(lam(i), (i, 0, L)), evaluate=False)
    assert "upper limit down by one" in damages(total)
    assert "transpose of J_1 lost" in damages(Eq(g(1), g(2) * Transpose(J(1)), evaluate=False))


def test_mutants_differ_from_the_original_and_from_each_other():
    for label in ("backward-g1", "scaling-two-terms", "backward-weights"):
        expressions = [mutant.expression for mutant in mutations.mutants(EQUATIONS[label].expression)]
        assert len(set(expressions)) == len(expressions)
        assert EQUATIONS[label].expression not in expressions


def test_a_check_that_accepts_everything_leaves_survivors():
    outcome = mutations.survey("careless", EQUATIONS["backward-g4"].expression, lambda expression: None, reasons=())
    assert len(outcome.survivors) == outcome.made > 0


def test_every_reason_on_record_is_needed():
    used = set()
    for label in DAMAGED:
        for mutant in mutations.mutants(EQUATIONS[label].expression):
            for number, (place, pattern, _) in enumerate(mutations.EQUIVALENT):
                if mutations.fnmatch(label, place) and mutations.re.match(pattern, mutant.change):
                    used.add(number)
    assert used == set(range(len(mutations.EQUIVALENT)))
