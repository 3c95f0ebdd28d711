"""Formulas in plain notation, as readers type them, and their values.

    g*(I + J)^2, 2g, g J   products keep their order, ^ is a power, I the identity
    T(A), Aᵀ, inv(A)       transpose and inverse; A / B is A * inv(B)
    exp, log, sqrt, abs    of numbers; log is the natural one
    0.75, 0,75, 75 %, ¾    one and the same number
    λ, µ                   lam and mu

What could be read in two ways is refused, with words that say what to write instead.
exercises.js reads the same notation in the page, and the tests hold the two together.
"""

from __future__ import annotations

import math
import re
import unicodedata

import numpy as np

#: Formulas are compared at so many points, by matrices of this size.
POINTS, SIZE = 10, 3
TOLERANCE = 1e-8
SEED = 4
LONGEST, DEEPEST = 2000, 50
FUNCTIONS = {"exp": math.exp, "log": math.log, "sqrt": math.sqrt, "abs": abs}
CALLED = (*FUNCTIONS, "T", "inv")
CONSTANTS = {"e": math.e, "pi": math.pi}
ALIASES = {"λ": "lam", "lambda": "lam", "μ": "mu", "µ": "mu", "κ": "k", "kappa": "k", "π": "pi"}
#: What a symbol may stand for.
KINDS = ("number", "row", "column", "matrix", "mask", "unit column")

UNREADABLE = "This cannot be read as a formula. Write * for every product, and ^ for powers."
SHAPES = "The shapes do not fit: in a product, a factor has as many rows as the one before it has columns."
SAID = {
    "=": "Type only what stands after the equals sign.",
    "[": "Write round brackets.",
    "{": "Write round brackets.",
    "|": "Write abs(…) for the size of a number.",
    "!": "A factorial is read of whole numbers up to 20 only: write the numbers out.",
    "%": "Per cent can be read after a number only.",
}

TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:[0-9]+(?:,[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?) |
    (?P<fraction>[¼-¾⅐-⅞]) |
    (?P<name>[A-Za-z][A-Za-z0-9_]*[₀-₉]*|[α-ωµ][0-9_]*[₀-₉]*) |
    (?P<raised>[⁺⁻]?[⁰¹²³⁴-⁹]+) |
    (?P<sign>\*\*|\S)
    )""",
    re.VERBOSE,
)
SIGNS = {"**": "^", "−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*", "÷": "/", "⁄": "/", "∕": "/", "⊤": "ᵀ"}


class NotationError(ValueError):
    """A formula that cannot be read; the message is for the reader who typed it."""


class ShapeError(NotationError):
    """Factors or summands whose shapes do not fit."""


def parse(text: str) -> tuple:
    """Read a formula.

    Returns
    -------
    tuple
        A tree: ("number", value), ("name", text), ("call", function, tree), ("negative", tree), or a sign and two trees.

    Raises
    ------
    NotationError
        If it is empty, too long, no formula, or one that can be read in two ways.
    """
    if not isinstance(text, str) or not text.strip():
        raise NotationError("There is nothing to check yet: type an answer.")
    if len(text) > LONGEST:
        raise NotationError(f"This is too long to be read: at most {LONGEST} characters are wanted.")
    reader = Reader(text)
    tree = reader.sum()
    if reader.kind != "end":
        reader.refuse()
    return tree


class Reader:
    """Reads a formula from left to right, a method for each binding strength."""

    def __init__(self, text):
        self.tokens = [(match.lastgroup, match[match.lastgroup]) for match in TOKEN.finditer(text.strip())]
        self.tokens = [(kind, SIGNS.get(token, token)) for kind, token in self.tokens] + [("end", "")]
        self.at = self.depth = 0
        self.raised = False  # whether the last factor ends in ^ and an exponent

    @property
    def kind(self):
        return self.tokens[self.at][0]

    @property
    def token(self):
        return self.tokens[self.at][1]

    def take(self, *signs):
        """The next token if it is one of these signs, and None else."""
        if self.kind != "sign" or self.token not in signs:
            return None
        self.at += 1
        return self.tokens[self.at - 1][1]

    def refuse(self):
        """Say what to write instead of the next token."""
        raise NotationError(SAID.get(self.token, UNREADABLE) if self.kind == "sign" else UNREADABLE)

    def sum(self):
        tree = self.product()
        while sign := self.take("+", "-"):
            tree = (sign, tree, self.product())
        return tree

    def product(self):
        tree, sign = self.signed(), "*"
        while True:
            if follows := self.take("*", "/"):
                sign = follows
                tree = (sign, tree, self.signed())
            elif self.kind == "name" or (self.kind == "sign" and self.token in ("(", "√")):
                if sign == "/" or self.raised:
                    said = f"What stands before “{self.token}” can be read in two ways: write *, and brackets."
                    raise NotationError(said)
                tree = ("*", tree, self.power())
            elif self.kind in ("number", "fraction"):
                raise NotationError(f"Write a sign before “{self.token}”, and no space within a number.")
            else:
                return tree

    def signed(self):
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotationError(f"Brackets, signs and powers are read up to {DEEPEST} deep.")
        sign = self.take("+", "-")
        tree = self.signed() if sign else self.power()
        self.depth -= 1
        return ("negative", tree) if sign == "-" else tree

    def power(self):
        tree, raised = self.postfixed(), False
        while self.take("^"):
            if self.token == "T" and self.tokens[self.at + 1] != ("sign", "("):
                self.at += 1
                tree = ("call", "T", tree)
            else:
                tree, raised = ("^", tree, self.signed()), True
        self.raised = raised
        return tree

    def postfixed(self):
        whole = self.token if self.kind == "number" and self.token.isdigit() and int(self.token) <= 20 else None
        tree = self.primary()
        while True:
            if whole and self.take("!"):
                tree = ("number", float(math.factorial(int(whole))))
            elif tree[0] == "number" and self.take("%"):
                tree = ("number", tree[1] / 100)
            elif self.take("ᵀ"):
                tree = ("call", "T", tree)
            elif self.kind == "raised":
                tree = ("^", tree, ("number", float(unicodedata.normalize("NFKC", self.token).replace("−", "-"))))
                self.at += 1
            else:
                return tree
            whole = None

    def primary(self):
        kind, token = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            return ("number", decimal(token))
        if kind == "fraction":
            self.at += 1
            over, under = unicodedata.normalize("NFKC", token).split("⁄")
            return ("number", int(over) / int(under))
        if kind == "name" or token == "√":
            self.at += 1
            name = "sqrt" if token == "√" else token
            if name not in CALLED:
                return ("name", unicodedata.normalize("NFKC", name).replace("_", ""))
            if self.token != "(":
                raise NotationError(f"Write {name}(…), with brackets.")
            return ("call", name, self.primary())
        if self.take("("):
            tree = self.sum()
            if not self.take(")"):
                self.refuse()
            return tree
        return self.refuse()


def decimal(token) -> float:
    """The value of a decimal number, with a point or a comma.

    Raises
    ------
    NotationError
        For commas that may stand between thousands.
    """
    whole, *parts = re.split(",", token)
    if not parts:
        return float(token)
    digits = re.match(r"[0-9]*", parts[0])[0]
    if len(parts) > 1 or "." in token or (len(digits) == 3 and whole.strip("0")):
        raise NotationError(f"“{token}” has a comma: write a decimal point, and nothing between thousands.")
    return float(f"{whole}.{parts[0]}")


def evaluate(tree: tuple, values: dict):
    """The value of a formula, a number or an array with two axes, where its symbols have these values.

    Raises
    ------
    NotationError
        For a symbol that has no value, or an operation that is not defined.
    """
    head, *parts = tree
    if head == "number":
        return parts[0]
    if head == "name":
        return value_of_name(parts[0], values)
    if head == "negative":
        return -evaluate(parts[0], values)
    if head == "call":
        return call(parts[0], evaluate(parts[1], values))
    return binary(head, *(evaluate(part, values) for part in parts))


def value_of_name(name, values):
    """The value of a symbol, by its name or another way to write it."""
    for known in (name, ALIASES.get(name)):
        if known in values:
            return values[known]
    if name == "I" and any(np.ndim(value) for value in values.values()):
        return np.eye(SIZE)
    if ALIASES.get(name, name) in CONSTANTS:
        return CONSTANTS[ALIASES.get(name, name)]
    if not values:
        raise NotationError(f"“{name}” is not known here: a number is wanted.")
    said = f"“{name}” is not one of the symbols here: {', '.join(values)}."
    if any(len(known) < len(name) and name.startswith(known) for known in values):
        said += " Write * between two symbols."
    raise NotationError(said)


def call(name, value):
    """A function's value."""
    if name in ("T", "inv"):
        if np.ndim(value) == 0:
            return value if name == "T" else binary("/", 1.0, value)
        return value.T if name == "T" else inverse(value)
    if np.ndim(value):
        raise NotationError(f"{name} is taken of numbers only.")
    try:
        return float(FUNCTIONS[name](value))
    except (ValueError, OverflowError):
        return math.nan


def inverse(matrix):
    """The inverse, NaN where there is none."""
    if matrix.shape != (SIZE, SIZE):
        raise ShapeError("Only a square matrix has an inverse.")
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return np.full(matrix.shape, math.nan)


def binary(sign, left, right):
    """Sum, difference, product, quotient or power; a product of one row and one column is a number."""
    if sign in ("+", "-"):
        if np.ndim(left) != np.ndim(right):
            raise NotationError("A number and a matrix cannot be added: write I for the identity matrix.")
        if np.shape(left) != np.shape(right):
            raise ShapeError("The shapes do not fit: rows, columns and matrices are added to their own kind only.")
        return left + right if sign == "+" else left - right
    if sign == "*":
        if not (np.ndim(left) and np.ndim(right)):
            return left * right
        if left.shape[1] != right.shape[0]:
            raise ShapeError(SHAPES)
        return as_number(left @ right)
    if sign == "/":
        if np.ndim(right):
            return binary("*", left, inverse(right))
        return left / right if right else left * math.nan
    return power(left, right)


def as_number(value):
    """A matrix of one entry as that entry, everything else as it is."""
    return float(value[0, 0]) if np.shape(value) == (1, 1) else value


def power(base, exponent):
    """A power of a number, or a whole power of a square matrix."""
    if np.ndim(exponent):
        raise NotationError("A power has a number as its exponent.")
    if np.ndim(base) == 0:
        try:
            value = base**exponent
        except (OverflowError, ZeroDivisionError):
            return math.nan
        return value if isinstance(value, float) and math.isfinite(value) else math.nan
    if exponent != round(exponent) or abs(exponent) > 1000:
        raise NotationError("A matrix has whole powers only.")
    if base.shape != (SIZE, SIZE):
        raise ShapeError("Only a square matrix has powers.")
    base = inverse(base) if exponent < 0 else base
    with np.errstate(all="ignore"):
        return np.linalg.matrix_power(base, abs(int(exponent)))


def uniforms(seed=SEED):
    """Numbers between 0 and 1, the same in every language (the minimal standard generator of Park and Miller)."""
    state = seed
    while True:
        state = state * 16807 % 2147483647
        yield state / 2147483647


def stand_in(kind, random):
    """A value for a symbol of this kind: numbers from 0.5 to 1.5, entries from -1.5 to 1.5, masks neither 0 nor I."""
    if kind == "number":
        return 0.5 + next(random)
    if kind == "mask":
        number = 1 + int(next(random) * (2**SIZE - 2))
        return np.diag([float(number >> k & 1) for k in range(SIZE)])
    rows, columns = {"row": (1, SIZE), "matrix": (SIZE, SIZE)}.get(kind, (SIZE, 1))
    entries = np.array([[3 * next(random) - 1.5 for _ in range(columns)] for _ in range(rows)])
    return entries / np.linalg.norm(entries) if kind == "unit column" else entries


def points(symbols: dict, square=False):
    """Values for the symbols (name -> kind) at all points; `square` gives every row and column a square matrix."""
    random = uniforms()
    for _ in range(POINTS):
        yield {
            name: stand_in("matrix" if square and kind != "number" else kind, random) for name, kind in symbols.items()
        }


def close(got, want) -> bool:
    """Whether two values are the same but for rounding."""
    if np.shape(got) != np.shape(want):
        return False
    size = max(1.0, float(np.max(np.abs(want))))
    return bool(np.all(np.abs(np.subtract(got, want)) <= TOLERANCE * size))
