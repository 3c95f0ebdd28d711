"""Mutations of formulas, such as slips make, to see whether the checks notice.

:func:`mutants` alters one expression in every way and place it can; :func:`survey` feeds the results to a
check. A mutant that passes must be equivalent, and then :data:`EQUIVALENT` says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch

from sympy import Add, Eq, Expr, Ge, Integer, Le, Mul, S, Tuple

from resnotes.symbolic.algebra import Factor, Map, Norm, OrderedProduct, Partial, Scalar, Transpose, _OverIndex

#: Methods whose equations have nothing to prove.
NOT_MUTATED = ("definition", "citation")


@dataclass(frozen=True)
class Mutant:
    """An altered expression and what was done to it."""

    change: str
    expression: Expr


def mutants(expression: Expr) -> list[Mutant]:
    """Every altered form of an equation, system or bound, without repetition.

    Only right sides are altered; the left side names what is stated.
    """
    members = list(expression.args) if isinstance(expression, Tuple) else [expression]
    found, seen = [], {expression}
    for place, member in enumerate(members):
        for change, right in _altered(member.rhs):
            new = member.func(member.lhs, right, evaluate=False)
            whole = Tuple(*members[:place], new, *members[place + 1 :]) if isinstance(expression, Tuple) else new
            if isinstance(new, (Eq, Ge, Le)) and whole not in seen:
                seen.add(whole)
                where = f" in line {place + 1}" if len(members) > 1 else ""
                found.append(Mutant(change + where, whole))
    return found


def _altered(side: Expr) -> Iterator[tuple[str, Expr]]:
    yield "sign flipped", -side
    yield "doubled", 2 * side if side != 0 else S.One
    yield from _everywhere(side)


def _everywhere(node: Expr) -> Iterator[tuple[str, Expr]]:
    """Changes at the node itself, then at each of its arguments."""
    yield from _here(node)
    if isinstance(node, (Factor, Map, Partial)) or not node.args:
        return
    for place, argument in enumerate(node.args):
        if not isinstance(argument, Expr) or isinstance(argument, Map):
            continue
        if isinstance(node, _OverIndex) and place > 0:
            continue  # limits are altered by _here
        for change, new in _everywhere(argument):
            yield change, node.func(*node.args[:place], new, *node.args[place + 1 :])


def _here(node: Expr) -> Iterator[tuple[str, Expr]]:
    if isinstance(node, _OverIndex):
        yield from _limits(node)
    if isinstance(node, OrderedProduct) and isinstance(node.term, Add):
        yield from _outside(node)
    if isinstance(node, Add):
        for place, term in enumerate(node.args):
            rest = Add(*node.args[:place], *node.args[place + 1 :])
            yield f"term {term} lost", rest
            yield f"term {term} counted twice", node + term
            yield f"sign of {term} flipped", rest - term
    if isinstance(node, Mul):
        yield from _factors(node)
    if isinstance(node, Factor) and not isinstance(node, Scalar):
        if node.name == "D":
            yield f"mask {node} lost", S.One
        if node.name in ("J", "H", "W", "Ws", "M", "D"):
            yield f"{node} transposed", Transpose(node)
    if isinstance(node, Factor):
        for place, index in enumerate(node.indices):
            if not (isinstance(node, Scalar) and index.is_Integer):
                yield f"index of {node} up by one", _with_index(node, place, index + 1)
                yield f"index of {node} down by one", _with_index(node, place, index - 1)
    if isinstance(node, Transpose):
        yield f"transpose of {node.args[0]} lost", node.args[0]
    if isinstance(node, Norm) and node.kind == "2":
        yield "Frobenius norm in place of the spectral norm", Norm(node.args[0], "F")
    if node.is_Pow and node.exp.is_Symbol:
        yield "exponent up by one", node.base ** (node.exp + 1)


def _with_index(node, place, index):
    return node.func(node.name, *node.indices[:place], index, *node.indices[place + 1 :])


def _limits(node) -> Iterator[tuple[str, Expr]]:
    for name, low, high in (
        ("lower limit up", 1, 0),
        ("lower limit down", -1, 0),
        ("upper limit up", 0, 1),
        ("upper limit down", 0, -1),
    ):
        yield f"{name} by one", node.with_limits(node.low + low, node.high + high)


def _outside(node) -> Iterator[tuple[str, Expr]]:
    """Each term of every factor gathered outside the product: lambda outside instead of inside."""
    for place, term in enumerate(node.term.args):
        if term == 1:  # a product of ones is 1: no change
            continue
        rest = Add(*node.term.args[:place], *node.term.args[place + 1 :])
        limits = node.args[1:]
        yield f"{term} outside the product", OrderedProduct(term, *limits) * OrderedProduct(1 + rest, *limits)


def _factors(node) -> Iterator[tuple[str, Expr]]:
    scalars, factors = node.args_cnc()
    for place, factor in enumerate(scalars):
        if factor != Integer(-1):
            yield f"factor {factor} dropped", Mul(*scalars[:place], *scalars[place + 1 :], *factors)
    for place, factor in enumerate(factors):
        yield f"factor {factor} dropped", Mul(*scalars, *factors[:place], *factors[place + 1 :])
    for place in range(len(factors) - 1):
        swapped = [*factors[:place], factors[place + 1], factors[place], *factors[place + 2 :]]
        yield f"{factors[place]} and {factors[place + 1]} swapped", Mul(*scalars, *swapped)


#: (label or "*", pattern that the change matches from its start, why the mutant says the same as the original).
EQUIVALENT = (
    (
        "*",
        r"(D(_\w+)? transposed|transpose of D(_\w+)? lost)",
        "D is diagonal: what comes after the addition acts entrywise",
    ),
    ("merge-fan-out", r"factor dy/du dropped", "with x held fixed, dy/du is the identity"),
    (
        "unrolled-all-lengths",
        r"(lower limit down|upper limit up)",
        "no path passes through fewer than 0 or more than L - l branches: the added term is 0",
    ),
    (
        "report-lengths",
        r"(lower limit down|upper limit up)",
        "no path passes through fewer than 0 or more than L - l branches: the added term is 0",
    ),
    (
        "stream-lens",
        r"upper limit up",
        "no path passes through more than L - l branches: the added term is 0",
    ),
    ("unrolled-binomial", r"(lower limit down|upper limit up)", "the binomial coefficient outside 0..n is 0"),
    (
        "operators-*",
        r"(X_l|S_l|Phi_l - X_l) and (S_l|1 - S_l) swapped",
        "both are diagonal, and diagonal matrices commute",
    ),
    (
        "init-batch-kept",
        r"Phi and N swapped",
        "both are symmetric, and a matrix and its transpose have the same Frobenius norm",
    ),
    (
        "init-attention",
        r"transpose of P lost in line 1",
        "the rows of G are uncorrelated, with equal mean squares: P G and its transpose's product have the same mean square",
    ),
    ("shattered-branch", r"Phi and Phiprime swapped", "both are diagonal, and diagonal matrices commute"),
    ("*", r"factor I dropped", "a number beside a matrix stands for that multiple of the identity"),
    (
        "init-branch",
        r"factor Phi dropped in line 1",
        "Phi is a diagonal of zeros and ones and stands on both sides: "
        "Phi W_2^T A W_2 Phi has the mean Phi^2 = Phi times a number, and so has it with one Phi",
    ),
    ("at-least-*", r"J transposed", "a matrix and its transpose have the same spectral and Frobenius norm"),
)


def why_equivalent(label: str, mutant: Mutant, reasons=EQUIVALENT) -> str | None:
    """The reason on record for a mutant that no check can tell from the original."""
    for place, pattern, reason in reasons:
        if fnmatch(label, place) and re.match(pattern, mutant.change):
            return reason
    return None


@dataclass(frozen=True)
class Survey:
    """What became of the mutants of an expression."""

    made: int
    caught: int
    equivalent: tuple[tuple[str, str], ...]
    survivors: tuple[str, ...]


def survey(label: str, expression: Expr, check, reasons=EQUIVALENT) -> Survey:
    """Feed every mutant of an expression to a check.

    Parameters
    ----------
    label : str
        Of the equation or claim.
    expression : Expr
        What is altered.
    check : callable
        Takes an expression; raises ``ValueError`` where it does not hold.
    reasons : tuple of (label pattern, change pattern, reason)
        Which mutants are known to be equivalent, and why.
    """
    made, caught, equivalent, survivors = 0, 0, [], []
    for mutant in mutants(expression):
        made += 1
        try:
            check(mutant.expression)
        except ValueError:
            caught += 1
            continue
        reason = why_equivalent(label, mutant, reasons)
        if reason is None:
            survivors.append(f"{mutant.change}: {mutant.expression}")
        else:
            equivalent.append((mutant.change, reason))
    return Survey(made, caught, tuple(equivalent), tuple(survivors))
