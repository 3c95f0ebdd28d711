"""What an equation of the book is: its expression, its LaTeX, and how it is checked.

An entry takes its expression from a derivation; nothing is typed twice. Its check proves the equality
symbolically where there is a proof, and compares both sides in random cases with numbers that use no chain
rule of ours (:mod:`resnotes.book.cases`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain as chain_of

from sympy import Eq, Expr, Ge, Integer, Le, Tuple

from resnotes.book.cases import Case, exactly, random_cases
from resnotes.book.oracles import TOLERANCE, CheckError, CheckResult
from resnotes.symbolic import printing
from resnotes.symbolic.algebra import L, Rule, l
from resnotes.symbolic.derivation import DEEPEST, Derivation, compare

#: Index values for the symbolic checks: every 0 <= l < L up to the deepest that is written out.
DEPTHS = tuple({l: Integer(low), L: Integer(high)} for high in range(1, DEEPEST + 1) for low in range(high))

#: How many random cases in fractions, where the case can be in fractions.
EXACT_CASES = 6

METHODS = ("definition", "symbolic", "exhaustive", "induction", "numeric", "citation")


@dataclass(frozen=True)
class Equation:
    """One labelled display equation.

    Attributes
    ----------
    label : str
        Its label in the book.
    chapter : str
        Stem of the notebook that displays it.
    expression : sympy.Eq or sympy.Tuple of sympy.Eq
        What is stated. Several with one left side are a chain, else a system.
    method : str
        How it is known: definition, symbolic, exhaustive (for all small depths), induction, numeric, citation.
    assumptions : tuple of str
    case : callable
        Generator -> random case in which both sides have values; None where nothing numeric can be said.
    cases : int
        How many random cases.
    tolerance : float
        Largest relative error allowed.
    rules : tuple of Rule
        Definitions with which both sides become the same expression; empty where there is no symbolic check.
    index_values : tuple of dict
        Index values for the symbolic check.
    proofs : tuple
        Derivations, inductions or functions whose own check must pass too.
    exact : callable, optional
        Symbolic check of its own: list of (left, right) -> number of comparisons; raises on failure.
    rests_on : tuple of str
        Labels of the equations it uses.
    reference : str
        Citation key, for what is only quoted.
    tight : callable, optional
        For a bound: generator -> random case in which both sides are equal.
    tight_tolerance : float
        How close to equal; larger than ``tolerance`` only where equality is a limit.
    without : tuple of (str, callable)
        A hypothesis, and generator -> random case in which it alone is dropped. The equation must fail in one of
        them: else the hypothesis is not needed, or the check does not see it.
    """

    label: str
    chapter: str
    expression: Expr
    method: str
    assumptions: tuple[str, ...] = ()
    case: Callable | None = None
    cases: int = 40
    tolerance: float = TOLERANCE
    rules: tuple[Rule, ...] | None = None
    index_values: tuple[dict, ...] = ({},)
    proofs: tuple = field(default=(), repr=False)
    exact: Callable | None = None
    rests_on: tuple[str, ...] = ()
    reference: str = ""
    tight: Callable | None = None
    tight_tolerance: float = TOLERANCE
    without: tuple[tuple[str, Callable], ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """Labels of the equations it rests on: those its derivations name, then those given with the entry."""
        from resnotes.book import EQUATIONS

        named = (label for proof in self.proofs for label in getattr(proof, "rests_on", ()))
        return tuple(
            dict.fromkeys(label for label in (*named, *self.rests_on) if label in EQUATIONS and label != self.label)
        )

    @property
    def in_fractions(self) -> int:
        """In how many random cases it is checked without rounding, besides those in floats."""
        return EXACT_CASES if self.case and exactly(self.case) else 0

    @property
    def latex(self) -> str:
        """LaTeX without delimiters; the chapters hold this text."""
        if isinstance(self.expression, (Ge, Le)):
            sign = printing.SIGNS[type(self.expression)]
            return printing.relation(self.expression.lhs, sign, self.expression.rhs)
        pairs = equalities(self.expression)
        if len(pairs) > 1 and len({left for left, _ in pairs}) > 1:
            return printing.system(pairs)
        orders = {}
        for proof in self.proofs:  # a chain that a derivation leads to stands as that does
            if isinstance(proof, Derivation) and len(pairs) > 1:
                orders |= proof.orders()
        return printing.equation(pairs[0][0], *(right for _, right in pairs), orders=orders)

    def check(self, expression: Expr | None = None) -> CheckResult:
        """Check the equation, or another expression in its place.

        Parameters
        ----------
        expression : sympy.Eq or Tuple of Eq, optional
            Checked instead of the equation's own.

        Returns
        -------
        CheckResult
            Worst relative error and number of cases.

        Raises
        ------
        CheckError
            Naming the label, both values and the case; a DerivationError where a step of the proof fails.
        """
        expression = self.expression if expression is None else expression
        comparisons = 0
        if expression is self.expression:
            comparisons += sum(proof.check() if hasattr(proof, "check") else proof() for proof in self.proofs)
        if isinstance(expression, (Ge, Le)):
            try:
                worst, cases = self._check_bound(expression)
            except KeyError as cause:
                raise CheckError(f"{self.label}: {expression} cannot be evaluated: {cause}") from cause
            return CheckResult(worst, comparisons + cases)
        pairs = equalities(expression)
        comparisons += self._check_symbolically(pairs)
        worst, cases = self._check_numerically(pairs, self.case)
        if expression is self.expression:
            comparisons += self._check_hypotheses(pairs)
        return CheckResult(worst, comparisons + cases)

    def _check_bound(self, bound) -> tuple[float, int]:
        """The bound in random cases, and with equality where it is tight, so that a weaker one fails too."""
        larger, smaller = (bound.lhs, bound.rhs) if isinstance(bound, Ge) else (bound.rhs, bound.lhs)
        worst = 0.0
        for number, case in self._random(self.case):
            shortfall = case.shortfall(larger, smaller)
            if not shortfall <= self.tolerance:
                raise CheckError(
                    f"{self.label}, random case {number}: {bound} is violated: got "
                    f"{case.evaluate(bound.lhs)} on the left and {case.evaluate(bound.rhs)} on the right"
                )
            worst = max(worst, shortfall)
        for tight, case in self._random(self.tight):
            error, want, got = case.compare(bound.lhs, bound.rhs)
            if not error <= self.tight_tolerance:
                raise CheckError(
                    f"{self.label}, case {tight} in which it must be tight: got {got} for {bound.rhs}, "
                    f"want {want} for {bound.lhs}"
                )
            worst = max(worst, error) if self.tight_tolerance <= self.tolerance else worst
        return worst, number + tight + 2

    def _check_symbolically(self, pairs) -> int:
        comparisons = 0
        if self.exact is not None:
            try:
                comparisons += self.exact(pairs)
            except ValueError as error:
                raise CheckError(f"{self.label}: {error}") from error
        if self.rules is not None:
            for values in self.index_values:
                for left, right in pairs:
                    difference = compare(left, right, self.rules, values)
                    comparisons += 1
                    if difference != 0:
                        at = ", ".join(f"{k} = {v}" for k, v in values.items())
                        raise CheckError(
                            f"{self.label}{' at ' + at if at else ''}: got {right}, want {left}; "
                            f"they differ by {difference}"
                        )
        return comparisons

    def _check_hypotheses(self, pairs) -> int:
        """That the equation fails where one of its hypotheses is dropped."""
        for hypothesis, case in self.without:
            try:
                self._check_numerically(pairs, case)
            except CheckError:
                continue
            raise CheckError(f"{self.label}: got no case in which it fails without {hypothesis!r}, want one")
        return len(self.without)

    def _check_numerically(self, pairs, kind) -> tuple[float, int]:
        if kind is None:
            return 0.0, 0
        worst = 0.0
        for number, case in self._random(kind):
            for left, right in pairs:
                try:
                    error, want, got = case.compare(left, right)
                except CheckError:
                    raise
                except (KeyError, IndexError, ValueError) as cause:
                    raise CheckError(
                        f"{self.label}, random case {number}: {right} cannot be evaluated: {cause}"
                    ) from cause
                if not error <= self.tolerance:
                    raise CheckError(
                        f"{self.label}, random case {number} ({case.values}): got {got} for {right}, "
                        f"want {want} for {left}, relative error {error:.1e}"
                    )
                worst = max(worst, error)
        return worst, number + 1

    def _random(self, kind) -> Iterator[tuple[int, Case]]:
        """The random cases, numbered: in floats, then in fractions where the kind can do both."""
        exact = exactly(kind)
        in_fractions = random_cases(exact, EXACT_CASES) if exact else ()
        return enumerate(chain_of(random_cases(kind, self.cases), in_fractions))


def equalities(expression: Expr) -> list[tuple[Expr, Expr]]:
    """(left, right) pairs of an equation, a chain or a system."""
    members = expression.args if isinstance(expression, Tuple) else (expression,)
    pairs = []
    for member in members:
        if not isinstance(member, Eq):
            raise ValueError(f"expression: got {type(member).__name__} {member}, want sympy.Eq or a Tuple of them")
        pairs.append((member.lhs, member.rhs))
    return pairs


def eq(left, right) -> Eq:
    return Eq(left, right, evaluate=False)


def derived(derivation) -> Eq:
    """What a derivation arrives at: its quantity = its last line."""
    return eq(derivation.quantity, derivation.result)


def chain(left, *rights) -> Expr:
    """left = right = right ..."""
    return eq(left, rights[0]) if len(rights) == 1 else Tuple(*(eq(left, right) for right in rights))


def together(pairs) -> Expr:
    """Several equations under one label."""
    return Tuple(*(eq(left, right) for left, right in pairs))
