"""What shows a verdict: searches, computations, published numbers and quotations, and the cases they make.

A case is one small network (or a published number, or a place in the notes), with what is claimed about it
beside what is true. What is claimed comes from the claim's own formula; what is true is computed without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from sympy import Eq, Expr, Ge, Gt, Le, Lt, Ne
from sympy import latex as sympy_latex
from sympy.printing.str import StrPrinter

from resnotes.book import cases, equations
from resnotes.book.claims.expressions import SIGNS
from resnotes.book.claims.search import Space, first
from resnotes.book.exact import array, matched, plain, satisfied
from resnotes.book.oracles import CheckError
from resnotes.symbolic import printing

# Exact values as text and LaTeX.


def as_text(value) -> str:
    """(1, -1/2) and the like."""
    if isinstance(value, tuple):
        return f"({', '.join(as_text(entry) for entry in value)}{',' if len(value) == 1 else ''})"
    return _Plain().doprint(value) if isinstance(value, Expr) else str(value)


class _Plain(StrPrinter):
    """Euler's number is e: E is the loss."""

    def _print_Exp1(self, expr):
        return "e"


def as_latex(value) -> str:
    """The value as LaTeX: tuples are rows, tuples of tuples matrices, text stays text."""
    if isinstance(value, tuple):
        if value and all(isinstance(entry, tuple) for entry in value):
            lines = r" \\ ".join(" & ".join(map(as_latex, line)) for line in value)
            return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"
        return rf"\left({', '.join(map(as_latex, value))}\right)"
    if isinstance(value, Fraction):
        minus = "-" if value < 0 else ""
        return rf"{minus}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    if isinstance(value, str):
        return words_as_latex(value)
    return sympy_latex(value) if isinstance(value, Expr) else str(value)


def words_as_latex(words: str) -> str:
    """Words inside a formula, with TeX's own characters escaped."""
    for character in "%_&#$":
        words = words.replace(character, f"\\{character}")
    return rf"\text{{{words.replace('^', chr(92) + '^{}')}}}"


@dataclass(frozen=True)
class Case:
    """One example: what is claimed beside what is true.

    Attributes
    ----------
    name : str
        Which reading or condition this is.
    data : dict of str to (LaTeX, exact value)
        The example's numbers.
    quantity : (str, str)
        What the claim is about, as text and LaTeX.
    relation : str
        How the quantity is said to stand to what is claimed: "=", "≥" and so on.
    claimed, true : exact value
    agrees : bool
        Whether what is true stands in that relation to what is claimed.
    text : str
        One line.
    candidates : int
        How many candidates the search looked at, this one included; 0 where there was no search.
    reference : str
        Citation key of published numbers and of quotations.
    kind : str
        "computed", "published numbers" or "quotation".
    asked : tuple of str
        What the search asked of its candidates besides the outcome.
    side : str
        What the left value is: "claimed", or "answer" where the note only asks.
    """

    name: str
    data: dict
    quantity: tuple[str, str]
    relation: str
    claimed: object
    true: object
    agrees: bool
    text: str = ""
    candidates: int = 0
    reference: str = ""
    kind: str = "computed"
    asked: tuple[str, ...] = ()
    side: str = "claimed"

    def __str__(self):
        numbers = ", ".join(f"{name} = {as_text(value)}" for name, (_, value) in self.data.items())
        verdict = "agrees" if self.agrees else "does not agree"
        if isinstance(self.claimed, str) and self.relation == ":":
            middle = f"{self.side}: {self.claimed}; found: {as_text(self.true)}"
        else:
            middle = (
                f"{self.side}: {self.quantity[0]} {self.relation} {as_text(self.claimed)}; "
                f"true: {self.quantity[0]} = {as_text(self.true)}"
            )
        return f"{self.name}: {numbers + '; ' if numbers else ''}{middle}: {verdict}. {self.text}".rstrip()


# What is asked of an example.


@dataclass(frozen=True)
class Condition:
    """What is asked of an example, in words and as a test.

    Attributes
    ----------
    words : tuple of str
    test : callable
        cases.Case -> bool.
    """

    words: tuple[str, ...]
    test: Callable[[cases.Case], bool]

    def __call__(self, network) -> bool:
        return bool(self.test(network))

    def __and__(self, other):
        return Condition((*self.words, *other.words), lambda network: self(network) and other(network))


def condition(words: str):
    """Name a test: ``@condition("the ReLU is open")``."""
    return lambda test: Condition((words,), test)


#: No condition.
anywhere = Condition((), lambda network: True)
NO_ZERO = "no number is 0"


def shown(network) -> dict:
    """A network's index values and numbers, for a case."""
    names = {**{symbol: int(value) for symbol, value in network.values.items()}, **network.data}
    return {str(name): (printing.latex(name), _number_or_array(value)) for name, value in names.items()}


def _number_or_array(value):
    """A matrix keeps its rows, so that its shape can be seen; a single entry is its number."""
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.size > 1:
        return tuple(tuple(map(plain, line)) for line in value)
    return plain(value)


def shaped(true, claimed) -> tuple:
    """The sides, with the number that stands for a multiple of I written out beside a matrix."""
    if isinstance(true, np.ndarray) and true.size > 1 and not isinstance(claimed, np.ndarray):
        return true, array(matched(true, claimed)[1]).reshape(true.shape)
    return true, claimed


def compared(relation, true, claimed) -> bool:
    """Whether ``true relation claimed``, for numbers and tuples exactly, for text by equality."""
    if isinstance(true, (str, bool)) or isinstance(claimed, (str, bool)) or _has_text(true) or _has_text(claimed):
        return (true == claimed) != (relation is Ne)
    if isinstance(true, tuple) or isinstance(claimed, tuple):
        if np.shape(true) != np.shape(claimed):
            return relation is Ne
        return satisfied(relation, *(np.array(value, dtype=object) for value in (true, claimed)))
    if isinstance(true, Decimal) or isinstance(claimed, Decimal):
        return {
            Gt: true > claimed,
            Ge: true >= claimed,
            Lt: true < claimed,
            Le: true <= claimed,
            Ne: true != claimed,
        }.get(relation, true == claimed)
    return satisfied(relation, true, claimed)


def _has_text(value) -> bool:
    return isinstance(value, tuple) and any(isinstance(entry, str) or _has_text(entry) for entry in value)


# Where cases come from.


class Evidence:
    """One thing that a verdict rests on.

    A subclass has a ``name``, a ``quantity``, a ``relation`` (a sympy relation between what is true and what is
    claimed), an ``outcome`` (whether it holds) and a ``text``, and says with :meth:`values` what is claimed and true.
    """

    reference = ""
    kind = "computed"
    asked = ()

    def find(self) -> tuple[cases.Case | None, int]:
        """The network it is about, and how many candidates were looked at; None and 0 where there is no search."""
        return None, 0

    def values(self, network) -> tuple:
        """What is claimed and what is true."""
        raise NotImplementedError

    def numbers(self, network) -> dict:
        """Name -> (LaTeX, value) of the numbers that make the example."""
        return shown(network)

    def subject(self, network) -> tuple[str, str]:
        """What the claim is about, as text and LaTeX."""
        return self.quantity

    @property
    def sign(self) -> str:
        """How the quantity is said to stand to what is claimed."""
        return SIGNS[self.relation]

    def agrees(self, network, claimed, true) -> bool:
        """Whether what is true stands in that relation to what is claimed."""
        return compared(self.relation, true, claimed)

    def found(self) -> tuple[cases.Case | None, Case]:
        """The network and the case made of it."""
        network, candidates = self.find()
        claimed, true = (plain(value) for value in self.values(network))
        agrees = self.agrees(network, claimed, true)
        return network, Case(
            self.name,
            self.numbers(network),
            self.subject(network),
            self.sign,
            claimed,
            true,
            agrees,
            self.text,
            candidates,
            self.reference,
            self.kind,
            self.asked,
        )


class Search(Evidence):
    """Evidence that is searched for: the first network in its space on which the claim comes out as it should."""

    @property
    def asked(self) -> tuple[str, ...]:
        return (*((NO_ZERO,) if self.space.nonzero else ()), *self.where.words)

    def comes_out(self, network) -> bool:
        """Whether what is claimed is true of a candidate."""
        return self.agrees(network, *map(plain, self.values(network)))

    def wanted(self, network) -> bool:
        """Whether a candidate is such an example."""
        return self.where(network) and self.comes_out(network) == self.outcome

    def find(self):
        return first(self.space, self.wanted, self.name)


@dataclass(frozen=True)
class Example(Search):
    """A claim in one reading, as a relation.

    Attributes
    ----------
    name : str
    says : sympy relation
        Its left side is what is true, its right side what is claimed.
    space : Space
    outcome : bool
        Whether the claim is to be true there.
    where : Condition
        What else is asked of the example.
    text : str
    """

    name: str
    says: Expr
    space: Space
    outcome: bool = False
    where: Condition = anywhere
    text: str = ""

    @property
    def relation(self):
        return self.says.func

    def agrees(self, network, claimed, true):
        return network.holds(self.says)

    def comes_out(self, network):
        return network.holds(self.says)

    def values(self, network):
        true, claimed = shaped(*network.sides(self.says))
        return claimed, true

    def subject(self, network):
        left = self.says.lhs.subs(network.values)
        return str(left), printing.latex(left)


@dataclass(frozen=True)
class Judged(Search):
    """A claim about which more is to be said than a relation can.

    Attributes
    ----------
    name : str
    quantity : (str, str)
        What is compared, as text and LaTeX.
    judge : callable
        cases.Case -> (claimed, true), exact values.
    space : Space
    outcome : bool
        Whether the two are to agree.
    where : Condition
    text : str
    relation : type
        The sympy relation between true and claimed.
    """

    name: str
    quantity: tuple[str, str]
    judge: Callable[[cases.Case], tuple]
    space: Space
    outcome: bool = False
    where: Condition = anywhere
    text: str = ""
    relation: type = Eq

    def values(self, network):
        return self.judge(network)


@dataclass(frozen=True)
class Shown(Evidence):
    """A case that needs no search: an exact computation with numbers given.

    Attributes
    ----------
    name : str
    quantity : (str, str)
    compute : callable
        -> (claimed, true), exact values.
    outcome : bool
    data : tuple of (text, LaTeX, value)
    """

    name: str
    quantity: tuple[str, str]
    compute: Callable[[], tuple]
    outcome: bool
    data: tuple = ()
    text: str = ""
    relation: type = Eq

    def values(self, network):
        return self.compute()

    def numbers(self, network):
        return {name: (latex, plain(value)) for name, latex, value in self.data}


@dataclass(frozen=True)
class Published(Evidence):
    """Published numbers, cited: marked as such, and checked for consistency with the verdict alone.

    Attributes
    ----------
    name : str
    measured : str
        What was measured.
    printed : tuple of (str, str)
        What for, and the number as printed.
    claimed, true : str
        Which of the numbers are compared.
    relation : type
        Between ``true`` and ``claimed``.
    reference : str
        Citation key.
    """

    name: str
    measured: str
    printed: tuple[tuple[str, str], ...]
    claimed: str
    true: str
    relation: type
    outcome: bool
    reference: str
    text: str = ""
    kind = "published numbers"

    @property
    def quantity(self):
        what = f"{self.measured}, {self.true}"
        return what, words_as_latex(what)

    def values(self, network):
        numbers = dict(self.printed)
        return Decimal(numbers[self.claimed]), Decimal(numbers[self.true])

    def numbers(self, network):
        return {name: (words_as_latex(name), Decimal(number)) for name, number in self.printed}


@dataclass(frozen=True)
class Quoted(Evidence):
    """A place in a text: a few words of it, what the claim makes of them, and what stands there.

    Attributes
    ----------
    name : str
    words : str
        A few words quoted.
    claimed, found_there : str
    outcome : bool
    reference : str
        Citation key.
    """

    name: str
    words: str
    claimed: str
    found_there: str
    outcome: bool
    reference: str
    text: str = ""
    kind = "quotation"
    sign = ":"

    @property
    def quantity(self):
        return self.words, words_as_latex(self.words)

    def values(self, network):
        return self.claimed, self.found_there

    def numbers(self, network):
        return {"words": (words_as_latex("words"), f"“{self.words}”")}

    def agrees(self, network, claimed, true):
        return self.outcome  # what the words mean is read, not computed


# What is true instead.


@dataclass(frozen=True)
class Truth:
    """What is true instead.

    Attributes
    ----------
    on : callable
        -> list of networks on which every relation must hold.
    expression : sympy relation or Tuple, optional
        By default that of the registered equation.
    equation : str
        Label of the registered equation, if it is one.
    where : Condition
        The stated condition. It applies to ``on`` and to the claim's own examples.
    tight : callable, optional
        -> list of networks on which a bound must be met with equality, so that a weaker one fails.
    """

    on: Callable[[], list]
    expression: Expr | None = None
    equation: str = ""
    where: Condition = anywhere
    tight: Callable[[], list] | None = None

    @property
    def stated(self) -> Expr:
        return equations.EQUATIONS[self.equation].expression if self.expression is None else self.expression

    def check(self, members, networks) -> int:
        """Every relation on every network of its kind. Returns the number of comparisons."""
        samples = list(self.on())
        kind = type(samples[0])
        places = [network for network in (*networks, *samples) if type(network) is kind and self.where(network)]
        if not places:
            raise CheckError(f"{members[0]}: got no network to check it on, want one")
        exact = list(self.tight()) if self.tight else []
        for member in members:
            for network in places:
                self._compare(member, member.func, network)
            for network in exact:
                self._compare(member, Eq, network)
        return len(members) * (len(places) + len(exact))

    @staticmethod
    def _compare(member, relation, network):
        try:
            true, stated = network.sides(member)
            fits = satisfied(relation, true, stated)
        except (KeyError, IndexError, ValueError) as cause:
            raise CheckError(f"{member} cannot be evaluated: {cause}") from cause
        if not fits:
            numbers = {str(name): plain(value) for name, value in network.data.items()}
            raise CheckError(
                f"got {as_text(plain(stated))} for {member.rhs}, want {SIGNS[relation]} "
                f"{as_text(plain(true))} for {member.lhs}, at {numbers}"
            )
