"""A claim of the notes, its verdict, and the witness that shows it.

A witness is made of cases. Each case is one small network (or a published number, or a place in the notes),
with what is claimed about it beside what is true. What is claimed comes from the claim's own formula; what
is true is computed without it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
from sympy import Eq, Expr, Ge, Gt, Le, Lt, Ne, Tuple
from sympy import latex as sympy_latex
from sympy.printing.str import StrPrinter

from resnotes.book import equations
from resnotes.book.oracles import CheckError, CheckResult
from resnotes.claims.exact import World, array, matched, plain, satisfied
from resnotes.claims.expressions import LATEX_OF, SIGNS, formula, relations
from resnotes.claims.search import Space, first
from resnotes.symbolic import printing

VERDICTS = ("holds", "conditions", "ambiguous", "wrong", "question")
KINDS = ("definition", "mathematics", "wording", "metaphor", "published results", "question")
#: Kinds whose witness may be a quotation or published numbers.
ABOUT_TEXT = ("wording", "metaphor", "published results")


# Exact values as text, LaTeX and JSON.


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


def as_json(value):
    """Integers, booleans and text as they are, lists for tuples, everything else exact as text."""
    if isinstance(value, tuple):
        return [as_json(entry) for entry in value]
    return value if isinstance(value, (bool, int, str)) else str(value)


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

    def as_dict(self) -> dict:
        """For pages: every value as text and as LaTeX."""

        def both(value):
            return {"value": as_json(value), "text": as_text(value), "latex": as_latex(value)}

        return {
            "name": self.name,
            "data": [{"name": name, "name_latex": latex, **both(value)} for name, (latex, value) in self.data.items()],
            "kind": self.kind,
            "quantity": {"text": self.quantity[0], "latex": self.quantity[1]},
            "relation": {"text": self.relation, "latex": LATEX_OF.get(self.relation, self.relation)},
            "claimed": both(self.claimed),
            "true": both(self.true),
            "agrees": self.agrees,
            "text": self.text,
            "candidates": self.candidates,
            "asked": list(self.asked),
            "side": self.side,
            "reference": self.reference,
        }


@dataclass(frozen=True)
class Witness:
    """What shows a claim's verdict.

    Attributes
    ----------
    id : str
        The claim's.
    verdict : str
    cases : tuple of Case
    """

    id: str
    verdict: str
    cases: tuple[Case, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Where its cases come from: "computed", "published numbers", "quotation"."""
        return tuple(dict.fromkeys(case.kind for case in self.cases))

    @property
    def refutes(self) -> bool:
        """Whether some case contradicts the claim."""
        return any(not case.agrees for case in self.cases)

    @property
    def holds(self) -> bool:
        """Whether every case agrees with the claim."""
        return all(case.agrees for case in self.cases)

    @property
    def text(self) -> str:
        """One line: the first case that decides."""
        decisive = next((case for case in self.cases if not case.agrees), self.cases[0])
        return str(decisive)

    def __str__(self):
        return "\n".join([f"{self.id} ({self.verdict})", *(f"  {case}" for case in self.cases)])

    def as_dict(self) -> dict:
        """For pages and files."""
        return {
            "id": self.id,
            "verdict": self.verdict,
            "kinds": list(self.kinds),
            "refutes": self.refutes,
            "holds": self.holds,
            "text": self.text,
            "cases": [case.as_dict() for case in self.cases],
        }

    def as_json(self) -> str:
        """The same as JSON, deterministic."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=1)

    def _repr_html_(self):
        lines = "".join(f"<li>{html.escape(str(case))}</li>" for case in self.cases)
        return f"<p>{html.escape(self.id)}: {html.escape(self.verdict)}</p><ul>{lines}</ul>"


# Where cases come from.


def shown(world) -> dict:
    """A world's index values and numbers, for a case."""
    names = {**{symbol: int(value) for symbol, value in world.values}, **world.data}
    return {str(name): (printing.latex(name), _number_or_array(value)) for name, value in names.items()}


def _number_or_array(value):
    """A matrix keeps its rows, so that its shape can be seen; a single entry is its number."""
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.size > 1:
        return tuple(tuple(map(plain, line)) for line in value)
    return plain(value)


@dataclass(frozen=True)
class Condition:
    """What is asked of an example, in words and as a test.

    Attributes
    ----------
    words : tuple of str
    test : callable
        World -> bool.
    """

    words: tuple[str, ...]
    test: Callable[[World], bool]

    def __call__(self, world) -> bool:
        return bool(self.test(world))

    def __and__(self, other):
        return Condition((*self.words, *other.words), lambda world: self(world) and other(world))


def condition(words: str):
    """Name a test: ``@condition("the ReLU is open")``."""
    return lambda test: Condition((words,), test)


#: No condition.
anywhere = Condition((), lambda world: True)
NO_ZERO = "no number is 0"


def _asked(item) -> tuple[str, ...]:
    return (*((NO_ZERO,) if item.space.nonzero else ()), *item.where.words)


@dataclass(frozen=True)
class Example:
    """A search for a network on which the claim, in one reading, comes out as it should.

    Attributes
    ----------
    name : str
    says : sympy relation
        The claim in this reading. Its left side is what is true, its right side what is claimed.
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

    def wanted(self, world) -> bool:
        """Whether a candidate is such an example."""
        return self.where(world) and world.holds(self.says) == self.outcome

    def find(self):
        """The smallest such network, and how many candidates were looked at."""
        return first(self.space, self.wanted, self.name)

    def case(self) -> Case:
        return self.found()[1]

    def found(self) -> tuple[World | None, Case]:
        """The network and the case made of it."""
        world, candidates = self.find()
        true, claimed = (plain(side) for side in shaped(*world.sides(self.says)))
        left = self.says.lhs.subs(dict(world.values))
        return world, Case(
            self.name,
            shown(world),
            (str(left), printing.latex(left)),
            SIGNS[self.says.func],
            claimed,
            true,
            world.holds(self.says),
            self.text,
            candidates,
            asked=_asked(self),
        )


@dataclass(frozen=True)
class Judged:
    """A search for a network about which more is to be said than a relation can.

    Attributes
    ----------
    name : str
    quantity : (str, str)
        What is compared, as text and LaTeX.
    judge : callable
        World -> (claimed, true), exact values.
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
    judge: Callable[[World], tuple]
    space: Space
    outcome: bool = False
    where: Condition = anywhere
    text: str = ""
    relation: type = Eq

    def wanted(self, world) -> bool:
        return self.where(world) and self._agrees(*map(plain, self.judge(world))) == self.outcome

    def _agrees(self, claimed, true) -> bool:
        return compared(self.relation, true, claimed)

    def find(self):
        return first(self.space, self.wanted, self.name)

    def case(self) -> Case:
        return self.found()[1]

    def found(self):
        world, candidates = self.find()
        claimed, true = (plain(value) for value in self.judge(world))
        return world, Case(
            self.name,
            shown(world),
            self.quantity,
            SIGNS[self.relation],
            claimed,
            true,
            self._agrees(claimed, true),
            self.text,
            candidates,
            asked=_asked(self),
        )


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


@dataclass(frozen=True)
class Shown:
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

    def case(self) -> Case:
        return self.found()[1]

    def found(self):
        claimed, true = (plain(value) for value in self.compute())
        data = {name: (latex, plain(value)) for name, latex, value in self.data}
        return None, Case(
            self.name,
            data,
            self.quantity,
            SIGNS[self.relation],
            claimed,
            true,
            compared(self.relation, true, claimed),
            self.text,
        )


@dataclass(frozen=True)
class Published:
    """Published numbers, cited: marked as such, and checked for consistency with the verdict alone.

    Attributes
    ----------
    name : str
    quantity : str
        What was measured.
    numbers : tuple of (str, str)
        What for, and the number as printed.
    relation : type
        Between ``true`` and ``claimed``, the last and the first of the numbers unless named otherwise.
    reference : str
        Citation key.
    """

    name: str
    quantity: str
    numbers: tuple[tuple[str, str], ...]
    claimed: str
    true: str
    relation: type
    outcome: bool
    reference: str
    text: str = ""

    def case(self) -> Case:
        return self.found()[1]

    def found(self):
        values = {name: Decimal(number) for name, number in self.numbers}
        claimed, true = values[self.claimed], values[self.true]
        data = {name: (words_as_latex(name), value) for name, value in values.items()}
        what = f"{self.quantity}, {self.true}"
        return None, Case(
            self.name,
            data,
            (what, words_as_latex(what)),
            SIGNS[self.relation],
            claimed,
            true,
            compared(self.relation, true, claimed),
            self.text,
            reference=self.reference,
            kind="published numbers",
        )


@dataclass(frozen=True)
class Quoted:
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

    def case(self) -> Case:
        return self.found()[1]

    def found(self):
        return None, Case(
            self.name,
            {"words": (words_as_latex("words"), f"“{self.words}”")},
            (self.words, words_as_latex(self.words)),
            ":",
            self.claimed,
            self.found_there,
            self.outcome,
            self.text,
            reference=self.reference,
            kind="quotation",
        )


@dataclass(frozen=True)
class Truth:
    """What is true instead.

    Attributes
    ----------
    on : callable
        -> list of worlds on which every relation must hold.
    expression : sympy relation or Tuple, optional
        By default that of the registered equation.
    equation : str
        Label of the registered equation, if it is one.
    where : Condition
        The stated condition. It applies to ``on`` and to the claim's own examples.
    tight : callable, optional
        -> list of worlds on which a bound must be met with equality, so that a weaker one fails.
    """

    on: Callable[[], list]
    expression: Expr | None = None
    equation: str = ""
    where: Condition = anywhere
    tight: Callable[[], list] | None = None

    @property
    def stated(self) -> Expr:
        return equations.EQUATIONS[self.equation].expression if self.expression is None else self.expression

    def check(self, members, worlds) -> int:
        """Every relation on every world of its kind. Returns the number of comparisons."""
        bank = list(self.on())
        kind = type(bank[0])
        places = [world for world in (*worlds, *bank) if type(world) is kind and self.where(world)]
        if not places:
            raise CheckError(f"{members[0]}: got no world to check it on, want one")
        exact = list(self.tight()) if self.tight else []
        for member in members:
            for world in places:
                self._compare(member, member.func, world)
            for world in exact:
                self._compare(member, Eq, world)
        return len(members) * (len(places) + len(exact))

    @staticmethod
    def _compare(member, relation, world):
        try:
            true, stated = world.sides(member)
            fits = satisfied(relation, true, stated)
        except (KeyError, IndexError, ValueError) as cause:
            raise CheckError(f"{member} cannot be evaluated: {cause}") from cause
        if not fits:
            numbers = {str(name): plain(value) for name, value in world.data.items()}
            raise CheckError(
                f"got {as_text(plain(stated))} for {member.rhs}, want {SIGNS[relation]} "
                f"{as_text(plain(true))} for {member.lhs}, at {numbers}"
            )


@dataclass(frozen=True)
class Claim:
    """One statement of the notes.

    Attributes
    ----------
    id : str
        As in the audit: S0-A1 and so on. S0 stands in notes 000 and 002, S2 in 002 alone, S3 in 003, S4 in
        004.
    note : str
    place : str
        Where in the note.
    kind : str
        One of ``KINDS``.
    statement : str
        What is claimed, in our words.
    verdict : str
        One of ``VERDICTS``.
    corrected : str
        What is true, in our words.
    chapter : str
        Stem of the chapter that discusses it.
    claimed : Expr, optional
        The note's formula in the book's notation, or a formula of ours for its words.
    ours : bool
        Whether the note prints no such formula.
    typed : str
        LaTeX, only where no expression of the ordered algebra can say it.
    truths : tuple of Truth
        The corrected form.
    typed_corrected : str
        LaTeX, only where no expression can say it.
    evidence : tuple
        Examples, computations, published numbers, quotations.
    reference : str
        Citation key.
    """

    id: str
    note: str
    place: str
    kind: str
    statement: str
    verdict: str
    corrected: str
    chapter: str
    evidence: tuple
    claimed: Expr | None = None
    typed: str = ""
    truths: tuple[Truth, ...] = ()
    typed_corrected: str = ""
    ours: bool = False
    reference: str = ""
    rests_on: tuple[str, ...] = field(default=())

    @property
    def formula(self) -> str:
        """LaTeX of what is claimed, without delimiters; empty where it is words alone."""
        return self.typed if self.claimed is None else formula(self.claimed)

    @property
    def equation(self) -> str:
        """Label of the registered equation that is the corrected form; empty where it is none."""
        return next((truth.equation for truth in self.truths if truth.equation), "")

    @property
    def equations(self) -> tuple[str, ...]:
        """Labels of all registered equations the corrected form uses."""
        own = tuple(truth.equation for truth in self.truths if truth.equation)
        return own + tuple(label for label in self.rests_on if label not in own)

    @property
    def corrected_expression(self) -> Expr | None:
        """The corrected form, a relation or a Tuple of all of them in order; None where it is words."""
        members = [member for truth in self.truths for member in relations(truth.stated)]
        if not members:
            return None
        return members[0] if len(members) == 1 else Tuple(*members)

    @property
    def corrected_formulas(self) -> tuple[tuple[str, str], ...]:
        """Label (empty where it is not registered) and LaTeX of every formula of the corrected form."""
        typed = (("", self.typed_corrected),) if self.typed_corrected else ()
        return tuple((truth.equation, formula(truth.stated)) for truth in self.truths) + typed

    @property
    def corrected_formula(self) -> str:
        """LaTeX of the corrected form, without delimiters, one formula a line."""
        parts = [text for _, text in self.corrected_formulas]
        return parts[0] if len(parts) == 1 else "\n".join(_gathered(parts)) if parts else ""

    def witness(self) -> Witness:
        """Compute the witness: what was claimed beside what is true.

        Raises
        ------
        SearchError
            If a search finds nothing.
        """
        side = "answer" if self.verdict == "question" else "claimed"
        return Witness(self.id, self.verdict, tuple(replace(item.case(), side=side) for item in self.evidence))

    def as_dict(self) -> dict:
        """For pages: everything but the witness."""
        return {
            "id": self.id,
            "note": self.note,
            "place": self.place,
            "kind": self.kind,
            "statement": self.statement,
            "formula": self.formula,
            "formula_ours": self.ours,
            "verdict": self.verdict,
            "corrected": self.corrected,
            "corrected_formulas": [{"equation": label, "latex": text} for label, text in self.corrected_formulas],
            "equations": list(self.equations),
            "chapter": self.chapter,
            "reference": self.reference,
        }

    def check(self, expression: Expr | None = None) -> CheckResult:
        """Recompute the witness, confirm the verdict, and check the corrected form (or another in its place).

        Parameters
        ----------
        expression : sympy relation or Tuple, optional
            Checked instead of the claim's own corrected form, relation by relation.

        Returns
        -------
        CheckResult
            Error 0 (everything here is exact, but for the registered equations' own checks) and the number of
            comparisons.

        Raises
        ------
        CheckError
            Naming the id and both values.
        """
        try:
            return self._check() if expression is None else self._check_other(expression)
        except ValueError as error:
            if isinstance(error, CheckError) and str(error).startswith(f"{self.id}"):
                raise
            raise CheckError(f"{self.id}: {error}") from error

    def _check(self) -> CheckResult:
        found = [item.found() for item in self.evidence]
        worlds = _worlds_of(found)
        comparisons = self._check_verdict([case for _, case in found]) + sum(world.confirm() for world in worlds)
        worst = 0.0
        for truth in self.truths:
            comparisons += truth.check(relations(truth.stated), worlds)
            if truth.equation:
                result = registered(truth.equation)
                worst, comparisons = max(worst, result.worst_error), comparisons + result.cases
        return CheckResult(worst, comparisons)

    def _check_other(self, expression) -> CheckResult:
        """Check what differs from the claim's own corrected form."""
        own = self.corrected_expression
        if own is None:
            raise CheckError(f"got {expression}, but the corrected form is words alone")
        members = relations(expression)
        if len(members) != len(relations(own)):
            raise CheckError(f"got {len(members)} relations, want {len(relations(own))}")
        worlds, worst, comparisons = _worlds_of(_found_once(self)), 0.0, 0
        for truth in self.truths:
            stated = relations(truth.stated)
            mine, members = members[: len(stated)], members[len(stated) :]
            changed = [new for new, old in zip(mine, stated, strict=True) if new != old]
            if not changed:
                continue
            comparisons += truth.check(changed, worlds)
            if truth.equation:
                whole = mine[0] if len(mine) == 1 else Tuple(*mine)
                result = equations.EQUATIONS[truth.equation].check(whole)
                worst, comparisons = max(worst, result.worst_error), comparisons + result.cases
        return CheckResult(worst, comparisons) if comparisons else self._check()

    def _check_verdict(self, cases) -> int:
        for item, case in zip(self.evidence, cases, strict=True):
            if case.agrees != item.outcome:
                raise CheckError(
                    f"{self.id}, {case.name}: got claimed {as_text(case.claimed)} and true "
                    f"{as_text(case.true)}, want them to {'agree' if item.outcome else 'differ'}"
                )
        outcomes = [case.agrees for case in cases]
        problem = {
            "holds": not all(outcomes),
            "question": not all(outcomes),
            "wrong": all(outcomes),
            "conditions": len(set(outcomes)) < 2,
            "ambiguous": len(set(outcomes)) < 2,
        }[self.verdict]
        if problem:
            raise CheckError(
                f"{self.id}: got {[(as_text(case.claimed), as_text(case.true)) for case in cases]} "
                f"(claimed, true), which do not show the verdict {self.verdict}"
            )
        return len(cases)


def _worlds_of(found) -> list:
    return [world for world, _ in found if world is not None]


_FOUND: dict = {}


def _found_once(claim) -> list:
    """A claim's examples, searched for once while many forms of its correction are tried on them."""
    if claim.id not in _FOUND or _FOUND[claim.id][0] is not claim:
        _FOUND[claim.id] = (claim, [item.found() for item in claim.evidence])
    return _FOUND[claim.id][1]


_PASSED: dict = {}


def registered(label) -> CheckResult:
    """The registered equation's own check; several claims may rest on one, and it is run once."""
    entry = equations.EQUATIONS[label]
    if label not in _PASSED or _PASSED[label][0] is not entry:
        _PASSED[label] = (entry, entry.check())
    return _PASSED[label][1]


def forget_passed() -> None:
    """Let `registered` run each check anew."""
    _PASSED.clear()


def _gathered(parts) -> list[str]:
    return ["\\begin{gathered}", " \\\\\n".join(parts), "\\end{gathered}"]
