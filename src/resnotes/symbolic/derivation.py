"""A derivation is a list of lines, each with the rule that allows it, each proved equal to the one before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Mul, S, Symbol, expand, fraction, simplify, together

from resnotes.symbolic.algebra import L, Rule, expanded, l, normal, peel, rewrite, unroll
from resnotes.symbolic.printing import BookPrinter, aligned, in_order, latex, side

#: Statements with a symbolic depth are expanded for all 0 <= l < L <= this.
DEEPEST = 6


class DerivationError(ValueError):
    """A line that does not follow from the one before."""


def _beside_rules(lines) -> str:
    """Lines of a derivation as one aligned block."""
    return aligned(f"{left} &= {right} && \\text{{{rule}}}" for left, right, rule in lines)


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    Parameters
    ----------
    expression : Expr
        What the line says the quantity equals.
    rule : str
        Why, in words.
    using : tuple of Rule
        Definitions and earlier results the step may use; without any, it is algebra alone.
    """

    expression: Expr
    rule: str
    using: tuple[Rule, ...] = ()


@dataclass(frozen=True, repr=False)
class Derivation:
    """A chain of equal expressions.

    Parameters
    ----------
    quantity : Expr
        What is derived; the chain starts with it.
    steps : tuple of Step
    name : str
        How other derivations and the ledger refer to this one.
    assumptions : tuple of str
    rests_on : tuple of str
        Names of the derivations, or labels of definitions, whose results are used.
    cases : tuple of dict
        Index values to check at; by default all 0 <= l < L <= 6 where l or L occur, else the one case.
    """

    quantity: Expr
    steps: tuple[Step, ...]
    name: str = ""
    assumptions: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()
    cases: tuple[dict, ...] | None = field(default=None)

    @property
    def result(self) -> Expr:
        """The last line."""
        return self.steps[-1].expression

    def index_values(self) -> tuple[dict, ...]:
        """The index values at which every line is checked."""
        if self.cases is not None:
            return self.cases
        symbols = set().union(*(e.free_symbols for e in [self.quantity, *(s.expression for s in self.steps)]))
        if L in symbols or l in symbols:
            return tuple({l: S(low), L: S(high)} for high in range(1, DEEPEST + 1) for low in range(high))
        return ({},)

    def check(self) -> int:
        """Prove each line equal to the one before, for all index values.

        Returns
        -------
        int
            The number of comparisons made.

        Raises
        ------
        DerivationError
            With the line's number, its rule, both expressions and the index values.
        """
        comparisons = 0
        before = self.quantity
        for number, step in enumerate(self.steps, start=1):
            for values in self.index_values():
                difference = compare(before, step.expression, step.using, values)
                comparisons += 1
                if difference != 0:
                    where = ", ".join(f"{k} = {v}" for k, v in values.items())
                    raise DerivationError(
                        f"{self.name or latex(self.quantity)}, line {number} ({step.rule})"
                        f"{' at ' + where if where else ''}: got {step.expression}, "
                        f"want something equal to {before}; they differ by {difference}"
                    )
            before = step.expression
        return comparisons

    def rule(self) -> Rule:
        """The result as a rule for later derivations: quantity -> last line."""
        return Rule(self.quantity, self.result)

    def __repr__(self) -> str:
        return f"Derivation {self.name}: {self.quantity} = {self.result}, {len(self.steps)} lines"

    def lines(self, printer: type[BookPrinter] = BookPrinter) -> list[tuple[str, str, str]]:
        """What stands on the left, what on the right, and the rule, of each line: LaTeX; the rule is words with $formulas$."""
        orders = self.orders()
        return [
            (latex(self.quantity, None, printer) if k == 0 else "", latex(step.expression, orders, printer), step.rule)
            for k, step in enumerate(self.steps)
        ]

    def orders(self) -> dict[Expr, tuple[Expr, ...]]:
        """Sums of the lines -> their terms in the order in which they are printed: no term changes its place from line to line.

        The last line stands in the usual order. In each line before it a term stands where the term stands that it
        becomes, or the first of those it is multiplied out to; where one becomes nothing, the usual order stays.
        """
        values = self.index_values()[-1]
        orders = {}
        for step, after in reversed(list(zip(self.steps, self.steps[1:], strict=False))):
            terms, later = step.expression, _multiplied_out(after.expression, orders)
            if not terms.is_Add or len(terms.args) > len(later):
                continue
            places = {}
            for term in in_order(terms):
                candidates = (term, *Add.make_args(expanded(term)))
                found = [
                    k
                    for k, new in enumerate(later)
                    if any(compare(one, new, after.using, values) == 0 for one in candidates)
                ]
                places[term] = next((k for k in found if k not in places.values()), None)
            if None not in places.values():
                orders[terms] = tuple(sorted(places, key=places.get))
        return orders

    def latex(self, printer: type[BookPrinter] = BookPrinter) -> str:
        """Aligned lines, the rule beside each, without delimiters."""
        return _beside_rules(self.lines(printer))

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"


def _multiplied_out(expression: Expr, orders: dict) -> list[Expr]:
    """The terms of a sum as they are printed, also of one in brackets between factors."""
    factors = Mul.make_args(expression)
    brackets = [factor for factor in factors if factor.is_Add]
    if len(brackets) != 1:
        return [expression]
    return [
        Mul(*(term if factor is brackets[0] else factor for factor in factors))
        for term in in_order(brackets[0], orders)
    ]


def compare(left: Expr, right: Expr, using=(), values: dict | None = None) -> Expr:
    """The difference of two expressions after rewriting, in normal form: 0 where they are equal."""
    values = values or {}
    using = tuple(
        replace(rule, left=rule.left.subs(values), right=rule.right.subs(values)) if rule.index is None else rule
        for rule in using
    )
    sides = [rewrite(unroll(side, values), using, values) for side in (left, right)]
    sides = [rewrite(unroll(side), using, values) for side in sides]
    difference = expanded(sides[0]) - expanded(sides[1])
    difference = expanded(difference)
    if difference == 0 or not difference.is_commutative:
        return difference
    numerator, _ = fraction(together(difference))  # most are rational, and this takes a fraction of `simplify`'s time
    return S.Zero if expand(numerator) == 0 else simplify(difference)


@dataclass(frozen=True, repr=False)
class Induction:
    """A proof for every depth: the claim at its base, and the step from one index to the next.

    Parameters
    ----------
    left, right : Expr
        The claim ``left = right``; both hold the variable.
    recurrence : Expr
        What the definition says ``left`` at the new index is, in terms of ``left`` at the old one.
    variable : Symbol
        The index that runs.
    base : Expr
        Its value where the claim is trivial.
    downwards : bool
        True: from variable + 1 to variable (gradients). False: from variable to variable + 1 (states).
    at_base : Expr, optional
        What ``left`` is at the base by definition; by default itself (``g_L`` is ``g_L``).
    closing : str
        The rule of the last line.
    """

    left: Expr
    right: Expr
    recurrence: Expr
    variable: Symbol
    base: Expr
    downwards: bool
    at_base: Expr | None = None
    name: str = ""
    rests_on: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    closing: str = "the new factor joins the product"

    def base_case(self) -> tuple[Expr, Expr]:
        """Both sides at the base, ranges that are empty there replaced by 1 or 0."""
        at_base = self.right.subs(self.variable, self.base)
        left = self.left.subs(self.variable, self.base) if self.at_base is None else self.at_base
        return left, normal(peel(at_base, S.NaN, "low"))

    def induction_step(self) -> tuple[Expr, Expr]:
        """The recurrence with the claim put in for the old index, and the claim at the new one, split open."""
        k = self.variable
        old, new = (k + 1, k) if self.downwards else (k, k + 1)
        assumed = Rule(self.left.subs(k, old), self.right.subs(k, old))
        by_recurrence = rewrite(self.recurrence, [assumed])
        claimed = self.right.subs(k, new)
        claimed = peel(claimed, k, "low" if self.downwards else "high")
        return normal(by_recurrence), normal(claimed)

    def check(self) -> int:
        """Prove base case and step.

        Raises
        ------
        DerivationError
            Naming the part that fails and both sides.
        """
        for part, (left, right) in (("base case", self.base_case()), ("induction step", self.induction_step())):
            if normal(left - right) != 0:
                raise DerivationError(f"{self.name or self.left}, {part}: got {right}, want {left}")
        return 2

    def __repr__(self) -> str:
        return f"Induction {self.name}: {self.left} = {self.right} for every {self.variable}"

    def lines(self) -> list[tuple[str, str, str]]:
        """Claim, base case and step: left side, right side and rule of each line, as of a derivation."""
        k = self.variable
        old = k + 1 if self.downwards else k
        new = k if self.downwards else k + 1
        rows = [
            (self.left, self.right, "claim"),
            (
                self.base_case()[0],
                self.right.subs(k, self.base),
                rf"base case, ${latex(k)} = {latex(self.base)}$: empty",
            ),
            (self.left.subs(k, new), self.recurrence, "recurrence"),
            (
                None,
                rewrite(self.recurrence, [Rule(self.left.subs(k, old), self.right.subs(k, old))]),
                rf"claim for ${latex(old)}$",
            ),
            (None, self.right.subs(k, new), self.closing),
        ]
        return [
            ("" if left is None else side(left, self.left), side(right, self.left), rule) for left, right, rule in rows
        ]

    def latex(self) -> str:
        """The lines, aligned, the rule beside each, without delimiters."""
        return _beside_rules(self.lines())

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"
