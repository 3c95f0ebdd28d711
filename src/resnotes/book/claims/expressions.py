"""What the notes' formulas need beyond the ordered algebra: derivatives whose reading is open.

The notes write every derivative with the same sign. Whether other states are held fixed is left to the
reader, and several of their equations are right in one reading and wrong in another.
"""

from __future__ import annotations

from sympy import Eq, Expr, Ge, Gt, Le, Lt, Ne, S, Tuple

from resnotes.symbolic import printing
from resnotes.symbolic.algebra import OrderedSum, Partial

#: How each kind of relation is written in text, and how each sign is written in LaTeX.
SIGNS = {Eq: "=", Ne: "≠", Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
LATEX_OF = {"=": "=", "≠": r"\ne", "≥": r"\ge", ">": ">", "≤": r"\le", "<": "<"}


class _Derivative(Expr):
    """The derivative of a state, a map's value or a sum of them with respect to a state."""

    is_commutative = False
    sign = ""

    def __new__(cls, of, by):
        return Expr.__new__(cls, of, by)

    of = property(lambda self: self.args[0])
    by = property(lambda self: self.args[1])

    def _latex(self, printer):
        of, by = printer._print(self.of), printer._print(self.by)
        if self.of.is_Add:
            of = rf"\left({of}\right)"
        if isinstance(self.of, OrderedSum):  # too tall for a numerator
            return rf"\frac{{{self.sign}}}{{{self.sign} {by}}} {of}"
        return rf"\frac{{{self.sign} {of}}}{{{self.sign} {by}}}"

    def _sympystr(self, printer):
        of = printer._print(self.of)
        return f"d{f'({of})' if self.of.is_Add else of}/d{printer._print(self.by)}"


class AsPrinted(_Derivative):
    """A derivative as the notes print it: a reading says whether other states are held fixed."""

    sign = r"\partial"


class Total(_Derivative):
    """The total derivative: everything computed from ``by`` moves with it."""

    sign = "d"


class One(Expr):
    """The 1 that the notes print where the identity matrix is meant; every reading makes it that."""

    is_commutative = False

    def _latex(self, printer):
        return "1"

    def _sympystr(self, printer):
        return "1"


ONE = One()


class Diag(Expr):
    """The diagonal matrix of a column."""

    is_commutative = False

    def __new__(cls, column):
        return Expr.__new__(cls, column)

    def _latex(self, printer):
        return rf"\operatorname{{diag}}\left({printer._print(self.args[0])}\right)"

    def _sympystr(self, printer):
        return f"diag({printer._print(self.args[0])})"


def read_as(expression: Expr, reading: type) -> Expr:
    """Give every derivative whose reading is open the one named: ``Partial`` (direct) or ``Total``."""
    if isinstance(expression, Tuple):
        return Tuple(*(read_as(member, reading) for member in expression.args))
    if isinstance(expression, tuple(SIGNS)):
        return expression.func(*(_read(side, reading) for side in expression.args), evaluate=False)
    return _read(expression, reading)


def _read(side: Expr, reading: type) -> Expr:
    return side.replace(AsPrinted, lambda of, by: reading(of, by)).xreplace({ONE: S.One})


def direct(expression: Expr) -> Expr:
    """Other states held fixed."""
    return read_as(expression, Partial)


def total(expression: Expr) -> Expr:
    """Everything moves."""
    return read_as(expression, Total)


def relations(expression: Expr) -> list[Expr]:
    """The members of a system or chain, or the one relation.

    Raises
    ------
    ValueError
        If something else than a relation is among them.
    """
    members = list(expression.args) if isinstance(expression, Tuple) else [expression]
    for member in members:
        if not isinstance(member, tuple(SIGNS)):
            raise ValueError(f"expression: got {type(member).__name__} {member}, want a relation or a Tuple of them")
    return members


def formula(expression: Expr) -> str:
    """LaTeX of a relation or of several, without delimiters, by the book's printer."""
    members = relations(expression)
    if all(isinstance(member, Eq) for member in members):
        pairs = [(member.lhs, member.rhs) for member in members]
        if len(pairs) > 1 and len({left for left, _ in pairs}) > 1:
            return printing.system(pairs)
        return printing.equation(pairs[0][0], *(right for _, right in pairs))
    lines = [printing.relation(member.lhs, f"&{LATEX_OF[SIGNS[type(member)]]}", member.rhs) for member in members]
    return printing.aligned(lines) if len(lines) > 1 else lines[0].replace("&", "")
