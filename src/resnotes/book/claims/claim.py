"""A claim of the notes or of a public page: its texts, its verdict, and the witness that shows it."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace

from sympy import Expr, Tuple

from resnotes.book import equations
from resnotes.book.claims.evidence import Case, Evidence, Truth, as_text
from resnotes.book.claims.expressions import formula, relations
from resnotes.book.oracles import CheckError, CheckResult

VERDICTS = ("holds", "conditions", "ambiguous", "wrong", "question")
KINDS = ("definition", "mathematics", "wording", "metaphor", "published results", "question")
#: Kinds whose witness may be a quotation or published numbers.
ABOUT_TEXT = ("wording", "metaphor", "published results")
#: What an id starts with -> the note.
NOTES = {"S0": "000 and 002", "S2": "002", "S3": "003", "S4": "004"}


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

    def _repr_html_(self):
        lines = "".join(f"<li>{html.escape(str(case))}</li>" for case in self.cases)
        return f"<p>{html.escape(self.id)}: {html.escape(self.verdict)}</p><ul>{lines}</ul>"


@dataclass(frozen=True)
class Grounds:
    """The part of a claim that is code.

    Attributes
    ----------
    claimed : Expr, optional
        The note's formula in the book's notation, or a formula of ours for its words.
    truths : tuple of Truth
        The corrected form.
    evidence : tuple of Evidence
        What shows the verdict.
    """

    claimed: Expr | None = None
    truths: tuple[Truth, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Claim(Grounds):
    """One statement of the notes. Its texts are in the TOML files beside this module.

    Attributes
    ----------
    id : str
        S0-A1 and so on. S0 stands in notes 000 and 002, S2 in 002 alone, S3 in 003, S4 in 004.
    place : str
        Where in the note.
    kind : str
        One of ``KINDS``.
    chapter : str
        Stem of the chapter that discusses it.
    verdict : str
        One of ``VERDICTS``.
    statement : str
        What is claimed, in our words.
    corrected : str
        What is true, in our words.
    typed, typed_corrected : str
        LaTeX of what is claimed and of what is true, only where no expression of the ordered algebra can say it.
    ours : bool
        Whether the formula is ours and the note has words alone.
    rests_on : list of str
        Labels of registered equations that the corrected form uses besides its own.
    reference : str
        Citation key.
    title : str
        What it is about, in a few words; the heading of its card on the audit page.
    """

    id: str
    place: str
    kind: str
    chapter: str
    verdict: str
    statement: str
    corrected: str
    typed: str = ""
    typed_corrected: str = ""
    ours: bool = False
    rests_on: tuple[str, ...] = ()
    reference: str = ""
    title: str = ""

    @property
    def note(self) -> str:
        """Which note it stands in; empty where it is in none of them."""
        return NOTES.get(self.id[:2], "")

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
        return Witness(self.id, self.verdict, tuple(replace(item.found()[1], side=side) for item in self.evidence))

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
        networks = _networks_of(found)
        comparisons = self._check_verdict([case for _, case in found]) + sum(network.confirm() for network in networks)
        worst = 0.0
        for truth in self.truths:
            comparisons += truth.check(relations(truth.stated), networks)
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
        networks, worst, comparisons = _networks_of(_found_once(self)), 0.0, 0
        for truth in self.truths:
            stated = relations(truth.stated)
            mine, members = members[: len(stated)], members[len(stated) :]
            changed = [new for new, old in zip(mine, stated, strict=True) if new != old]
            if not changed:
                continue
            comparisons += truth.check(changed, networks)
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


@dataclass(frozen=True, kw_only=True)
class Said(Claim):
    """A statement that public explanations print, paraphrased.

    Attributes
    ----------
    sources : list of dict
        ``name``, ``address``, and ``seen``: the day or month on which it was seen to say so.
    fair : str
        What its sources have right.
    """

    sources: tuple[dict, ...]
    fair: str

    def __post_init__(self):
        for source in self.sources:
            if source.keys() != {"name", "address", "seen"} or not all(source.values()):
                raise ValueError(f"sources of {self.id}: got {source}, want a name, an address and when it was seen")
        if not self.sources:
            raise ValueError(f"sources of {self.id}: got none, want one, or the statement taken out")


def _networks_of(found) -> list:
    return [network for network, _ in found if network is not None]


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


def remember_passed(results: dict[str, CheckResult]) -> None:
    """Take these for what `registered` would find: another process has run the checks."""
    _PASSED.update({label: (equations.EQUATIONS[label], result) for label, result in results.items()})


def _gathered(parts) -> list[str]:
    return ["\\begin{gathered}", " \\\\\n".join(parts), "\\end{gathered}"]
