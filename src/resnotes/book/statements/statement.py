"""A sentence of the book that claims: its conditions, what it says, and how it is shown to need them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from resnotes.book.claims.search import SearchError, first
from resnotes.book.oracles import CheckError, CheckResult

#: Kind -> what it means, as the ledger has it.
KINDS = {
    "every size": "for every depth and width, by proof; a search over small networks finds no counterexample",
    "statistical": "in the mean or in a limit; measured at stated sizes, inside a stated error",
    "published": "what others have measured or written, as it was seen",
    "seen": "what the book's own runs or its program show",
}
#: Formulas, numbers and quantifiers: what a sentence cannot change without saying something else.
CARRIES = re.compile(
    r"(?<![\w`])\$[^$]+\$|`[^`]+`|\b\d[\d.,]*\b|\b(?:every|all|each|no|none|never|only|exactly|always|any|some|most|at least|nothing"
    r"|bounded|independent|symmetric|equal|same|mean|half|twice|doubles?|triples?|not)\b",
    re.IGNORECASE,
)
DISPLAYED = re.compile(r"\$\$ \([\w-]+\)|\{\w+(?::\w+)?\}`[^`]*`|\{cite(?::\w)?\}`[^`]*`|\]\([^)]*\)")


@dataclass(frozen=True)
class Grounds:
    """What shows a sentence, or a part of it.

    Attributes
    ----------
    places : object with ``candidates()``
        Where it is tried: small networks in the order of a search, or settings in which something is measured.
    says : dict of str to callable
        Part -> whether it is true at a place.
    given : dict of str to callable
        Hypothesis -> whether a place meets it.
    false : dict of str to callable, or to a tuple of them
        Part or hypothesis -> the same of its false neighbours.
    """

    places: object
    says: Mapping[str, Callable]
    given: Mapping[str, Callable] = ()
    false: Mapping[str, Callable | tuple] = ()

    def __post_init__(self):
        for name in ("given", "false"):
            object.__setattr__(self, name, dict(getattr(self, name)))
        if not self.says or not self.false:
            raise ValueError("grounds: got no part or no false neighbour, want one of each at least")

    def neighbours(self, key: str) -> tuple:
        found = self.false.get(key, ())
        return found if isinstance(found, tuple) else (found,)

    def against(self, given: dict, says: dict, what: str) -> tuple[object, int]:
        """The first place that meets what is given and where something that is said is false."""

        def wanted(place):
            return all(test(place) for test in given.values()) and not all(test(place) for test in says.values())

        return first(self.places, wanted, what)

    def confirm(self, given: dict, says: dict, what: str) -> int:
        """See that all that is said is true wherever what is given is met. Returns the number of such places."""
        met = 0
        for place in self.places.candidates():
            if place is None or not all(test(place) for test in given.values()):
                continue
            met += 1
            for key, test in says.items():
                if not test(place):
                    raise CheckError(f"{what}, {key}: fails at {place}")
        if not met:
            raise CheckError(f"{what}: got no place that meets its hypotheses, want one")
        return met


@dataclass(frozen=True)
class Findings:
    """What a check has found.

    Attributes
    ----------
    cases : int
        Places at which the sentence was seen to hold.
    without : tuple of (str, str, str)
        A hypothesis, as it stands in the sentence; the smallest place where the sentence fails without it, or ""; why
        it stays where nothing fails.
    rejected : tuple of (str, str)
        A false neighbour's words, and the smallest place where they are false.
    """

    cases: int
    without: tuple[tuple[str, str, str], ...]
    rejected: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A sentence that claims. Its texts are in the TOML files beside this module, its grounds in the Python files.

    Attributes
    ----------
    id : str
        A box has its label in the chapter.
    chapter : str
        Stem of the notebook.
    place : str
        "remember", "standing" (before the lines to remember), "box", "answer", or "table: " and its first column's head.
    kind : str
        One of ``KINDS``.
    sentence : str
        As it stands in the chapter, with ``$$ (label)`` where an equation is displayed.
    hypotheses : dict of str to str
        Name -> the words of the sentence that state it.
    says : dict of str to str
        Part -> its words in the sentence.
    false : dict of str to tuple of str
        Part or hypothesis -> words that would make the sentence false in its place.
    also : dict of str to tuple of str
        Part or hypothesis -> other words for it, in which a sentence was put before.
    stays : dict of str to str
        Hypothesis without which nothing fails -> why it stays.
    rests_on : tuple of str
        Labels of equations, ids of other statements.
    source : str
        Citation key, with the words or numbers seen, where it is published.
    plain : tuple of str
        Words with a number, formula or quantifier in them that claim nothing.
    grounds : tuple of Grounds
    """

    id: str
    chapter: str
    place: str
    kind: str
    sentence: str
    says: Mapping[str, str]
    grounds: tuple[Grounds, ...]
    hypotheses: Mapping[str, str] = None
    false: Mapping[str, tuple[str, ...]] = None
    also: Mapping[str, tuple[str, ...]] = None
    stays: Mapping[str, str] = None
    rests_on: tuple[str, ...] = ()
    source: str = ""
    plain: tuple[str, ...] = ()

    def __post_init__(self):
        if isinstance(self.grounds, Grounds):
            object.__setattr__(self, "grounds", (self.grounds,))
        for name in ("hypotheses", "stays"):
            object.__setattr__(self, name, dict(getattr(self, name) or {}))
        for name in ("false", "also"):
            several = {key: (v,) if isinstance(v, str) else tuple(v) for key, v in (getattr(self, name) or {}).items()}
            object.__setattr__(self, name, several)
        if problem := self._problem():
            raise ValueError(f"{self.id}: {problem}")

    def _problem(self) -> str:
        """What is wrong with the entry, if anything."""
        text = flat(self.sentence)
        for key, words in {**self.hypotheses, **self.says}.items():
            if flat(words) not in text:
                return f"got a sentence without the words of {key}, {words!r}; want sentence and words to agree"
        for words in self.plain:
            if flat(words) not in text:
                return f"plain: got {words!r}, which the sentence has not"
        if self.kind not in KINDS:
            return f"kind: got {self.kind!r}, want one of {', '.join(KINDS)}"
        if self.kind == "published" and not self.source:
            return "source: got none, want what was seen"
        if self.kind == "every size" and not self.rests_on:
            return "rests_on: got nothing, want the equations or statements that prove it"
        for name, mine in (("says", set(self.says)), ("given", set(self.hypotheses))):
            theirs = {key for part in self.grounds for key in getattr(part, name)}
            if mine != theirs:
                return f"{name}: got text or grounds alone for {sorted(mine ^ theirs)}, want both"
        for key in {key for part in self.grounds for key in part.false} | set(self.false):
            counts = max(len(part.neighbours(key)) for part in self.grounds)
            if counts != len(self.false.get(key, ())):
                return f"false: got {counts} in code and {len(self.false.get(key, ()))} in words for {key}"
        return ""

    def uncovered(self) -> list[str]:
        """Formulas, numbers and quantifiers of the sentence that belong to no hypothesis, part or plain words."""
        text = flat(self.sentence)
        for words in sorted(
            (*self.hypotheses.values(), *self.says.values(), *self.plain), key=lambda words: -len(words)
        ):
            text = text.replace(flat(words), " ; ")
        return CARRIES.findall(DISPLAYED.sub(" ", text))

    def read(self, sentence: str) -> tuple[dict[str, int], dict[str, int]]:
        """What a sentence assumes and says: key -> 0 for the entry's own words, k for those of its k-th neighbour."""
        text = flat(sentence)

        def reading(key, own):
            readings = [(own, 0), *((words, 0) for words in self.also.get(key, ()))]
            readings += [(words, k) for k, words in enumerate(self.false.get(key, ()), 1)]
            found = [(len(flat(words)), k) for words, k in readings if contains(text, words)]
            return max(found)[1] if found else None  # the longest, for one may contain another

        given = {key: reading(key, words) for key, words in self.hypotheses.items()}
        says = {key: reading(key, words) for key, words in self.says.items()}
        return tuple({k: v for k, v in found.items() if v is not None} for found in (given, says))

    def _tests(self, part: Grounds, given, says) -> tuple[dict, dict]:
        def test(own, key, which):
            return own[key] if which == 0 else part.neighbours(key)[which - 1]

        def usable(own, read):
            return {
                key: test(own, key, which)
                for key, which in read.items()
                if key in own and (which == 0 or which <= len(part.neighbours(key)))
            }

        return usable(part.given, given), usable(part.says, says)

    def check(self, sentence: str | None = None) -> CheckResult:
        """Check the statement, or another sentence in its place.

        Parameters
        ----------
        sentence : str, optional
            What it assumes and says is read by the entry's words. It must have all of its parts.

        Returns
        -------
        CheckResult
            Error 0 (a measurement inside its error counts as no error) and the number of places.

        Raises
        ------
        CheckError
            With the smallest place where it fails, or with what no check reads.
        """
        if sentence is None:
            return CheckResult(0.0, self.findings().cases)
        given, says = self.read(sentence)
        cases = 0
        for part in self.grounds:
            assumed, said = self._tests(part, given, says)
            if said:
                cases += part.confirm(assumed, said, self.id)
        if missing := self.says.keys() - says.keys():
            raise CheckError(f"{self.id}: got a sentence that no check reads for {sorted(missing)}: {sentence!r}")
        return CheckResult(0.0, cases)

    def findings(self) -> Findings:
        """Run everything: it holds; without any of its hypotheses it fails; its false neighbours fail.

        Raises
        ------
        CheckError
            If one of these is not so.
        """
        cases = sum(part.confirm(part.given, part.says, self.id) for part in self.grounds)
        without, rejected = [], []
        for key, words in self.hypotheses.items():
            found = self._first(
                (part, {k: v for k, v in part.given.items() if k != key}, part.says)
                for part in self.grounds
                if key in part.given
            )
            if (not found) == (key not in self.stays):
                raise CheckError(
                    f"{self.id}: got {found or 'nothing'} where it is not assumed that {words!r}, want a counterexample, or "
                    "a reason why the hypothesis stays, and not both"
                )
            without.append((words, found, self.stays.get(key, "")))
        for key, neighbours in self.false.items():
            for k, words in enumerate(neighbours):
                found = self._first(self._with_neighbour(key, k))
                if not found:
                    raise CheckError(
                        f"{self.id}: got no counterexample to {words!r}, want one: the check is blind for it"
                    )
                rejected.append((words, found))
        return Findings(cases, tuple(without), tuple(rejected))

    def _with_neighbour(self, key, k) -> Iterator[tuple]:
        for part in self.grounds:
            if key in part.false and k < len(part.neighbours(key)):
                other = {key: part.neighbours(key)[k]}
                if key in part.says:
                    yield part, part.given, other
                else:
                    yield part, {**part.given, **other}, part.says

    def _first(self, tries) -> str:
        """The first counterexample in words; empty where there is none."""
        for part, given, says in tries:
            try:
                return str(part.against(given, says, self.id)[0])
            except SearchError:
                continue
        return ""


def flat(text: str) -> str:
    """The text with one space between words."""
    return " ".join(text.split())


def contains(text: str, words: str) -> bool:
    """Whether the words stand in a text; they may begin a sentence or not."""
    words = flat(words)
    return any(first + words[1:] in text for first in {words[0], words[0].upper(), words[0].lower()})
