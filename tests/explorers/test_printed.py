"""The equations that the explorers print are true: read as a reader reads them, and evaluated in exact fractions."""

import random
import re
from fractions import Fraction

import pytest

from .cases import CASES
from .cases.four_layers import settings
from .modules import MODULES, computed, run

RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBER = r"−?\d+(?:\.\d+)?(?: × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?"
TERM = rf"\(?{NUMBER}\)?(?: · \(?{NUMBER}\)?)*"
SIDE = rf"{TERM}(?: [+−] {TERM})*"
#: A name and its number.
NAMED = re.compile(rf"(?<![\w·/] )\b([xygw][₁₂₃₄₅]) ([=≈]) ({NUMBER})(?! [·+−×%])")


def value(said):
    """A printed number."""
    digits, _, power = said.strip("() ").replace("−", "-").partition(" × 10")
    return Fraction(digits) * Fraction(10) ** int(power.translate(RAISED) or 0)


def evaluated(side):
    """A printed sum of products, and the sum of its terms' sizes."""
    total = size = Fraction(0)
    sign = 1
    for piece in re.split(r" ([+−]) ", side):
        if piece in "+−":
            sign = 1 if piece == "+" else -1
            continue
        product = Fraction(1)
        for factor in piece.split(" · "):
            product *= value(factor)
        total, size = total + sign * product, size + abs(product)
    return total, size


def equations(text):
    """(left, sign, right) of all that stands between numbers, sums and products; shapes and symbols are none."""
    found = []
    for piece in text.split(" ¦ "):
        parts = re.split(r" ([=≈]) ", piece)
        for k in range(1, len(parts) - 1, 2):
            left, right = (
                re.search(rf"(?:^|\s)({SIDE})$", parts[k - 1]),
                re.match(rf"({SIDE})(?![×\d]| ×)", parts[k + 1]),
            )
            if left and right and parts[k - 1][: left.start()].rstrip()[-1:] not in tuple("·+−×("):
                found.append((left[1], parts[k], right[1]))
    return found


def false_equations(text):
    """The equations in a text that are not so: "=" to the last digit, "≈" to a hundredth of the largest term."""
    found = []
    for left, sign, right in equations(text):
        (a, size), (b, other) = evaluated(left), evaluated(right)
        if (a != b) if sign == "=" else abs(a - b) > max(size, other) / 100:
            found.append(f"{left} {sign} {right}")
    return found


def texts(name, states, carried, folder=MODULES):
    """All that a module shows in each state: words, pictures, lists and tables, also the folded one."""
    return run(folder / "static.mjs", SHOWN, [name, states, carried])


SHOWN = """async (module, [name, states, carried]) => {
  const found = [];
  for (const state of states) {
    const text = await module.texts(name, { ...carried, ...state });
    found.push(text.replaceAll("\\u00a0", " ").replaceAll("\\n", " ¦ "));
  }
  return found;
}"""


def random_states(case, count=150):
    """States as sliders give them, as links may give them, and from the case's grid."""
    draw = random.Random(20)
    grid = draw.sample(case.grid, min(count, len(case.grid)))
    if case.name == "four_layers":
        grid += [*settings(1, 1.0, 4.0, seed=5), *settings(1, 0.25, 10.0, seed=6), *settings(1, 0.001, 10.0, seed=7)]
    return grid


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_printed_equations_are_true(case):
    states = random_states(case)
    shown = texts(case.name, states, case.carried)
    assert [line for text in shown for line in false_equations(text)] == []
    if case.name == "four_layers":
        assert sum(len(equations(text)) for text in shown) > 700
    if case.name in ("four_layers", "merge_point"):
        assert any("≈" in text for text in shown)


def test_names_have_the_values_printed():
    """x_k, y_k, g_k of the four layers: "=" where the number printed is the number computed, to the last digit."""
    case = CASES["four_layers"]
    states = random_states(case)
    compared = 0
    for state, text, one in zip(states, texts(case.name, states, {}), computed(case.name, states), strict=True):
        found = one["numbers"]
        for name, sign, said in NAMED.findall(text):
            k = "₁₂₃₄₅".index(name[1]) + 1
            wanted = {
                "x": lambda k: found["x"][k - 1],
                "y": lambda k: found["y"][k - 2],
                "g": lambda k: found["g"][k - 1],
            }
            wanted = Fraction(state[f"w{k}"] if name[0] == "w" else wanted[name[0]](k))
            if sign == "=":
                assert abs(value(said) - wanted) <= abs(wanted) / 10**14, (state, name, said)
            else:
                assert abs(value(said) - wanted) <= abs(wanted) / 100, (state, name, said)
            compared += 1
    assert compared > 1000


def test_all_sliders_at_four():
    """What was printed falsely: 4 · 4 · 4 · 4 · 4 = 1020, 1020 + 64 + 64 + 4 = 1160, and x₅ as 1520."""
    case = CASES["four_layers"]
    state = case.state(**dict.fromkeys(("w1", "w2", "w3", "w4", "b1", "b2", "b3", "b4", "x1", "g5"), 4.0))
    text = texts(case.name, [state], {})[0]
    for printed in ("4 · 4 · 4 · 4 · 4 = 1024", "1024 + 64 + 64 + 4 = 1156", "x₅ ¦ 1516"):
        assert printed in text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4 · 4 · 4 · 4 · 4 = 1020", 1),
        ("and g₁ = 1020 + 64 + 64 + 4 = 1160.", 1),
        ("0.333 · 3 = 1", 1),
        ("0.333 · 3 ≈ 1", 0),
        ("1 · (−0.25) · 3 = −0.75", 0),
        ("1 − 1.5 ≈ 0.6", 1),
        ("1 × 10⁵ + 1 = 100001", 0),
    ],
)
def test_false_equations_are_seen(text, count):
    assert len(false_equations(text)) == count


def test_three_digits_behind_an_equals_sign_are_noticed(tmp_path):
    """The module as it was: numbers rounded to three digits, and "=" whatever was rounded."""
    for path in [*MODULES.glob("*.js"), MODULES / "static.mjs"]:
        (tmp_path / path.name).write_text(path.read_text("utf-8"), "utf-8")
    module = tmp_path / "draw.js"
    text = module.read_text("utf-8")
    right = "${relation(products.map((factors) => factors.map(number)), number(total))} ${number(total)}"
    assert text.count(right) == 1
    module.write_text(text.replace(right, "= ${number(Number(total.toPrecision(3)))}"), "utf-8")
    case = CASES["four_layers"]
    shown = texts(case.name, case.sample, {}, tmp_path)
    assert [line for text in shown for line in false_equations(text)] != []
