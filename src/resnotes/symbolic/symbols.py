"""The symbols of the book: the table `symbols.toml`, and by name those that every chapter's derivation is written in.

A symbol is declared in the table and nowhere else; the printer, the calculus, the notation page and its tests
take from there how it is set, what it is, what shape it has and how it is computed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from resnotes.symbolic.algebra import Factor, Map, OrderedProduct, Partial, Scalar, j


@dataclass(frozen=True)
class Declared:
    """One row of the table; a name with several meanings has several.

    Attributes
    ----------
    name, kind : str
        How the algebra writes it: a matrix, number, map or index, or a way of writing such as a norm.
    indices : tuple of str
        Of the form that the notation page shows.
    of : str
        A state that a map is applied to there.
    latex : str
        How the name is set, where that is not the name itself.
    trace_of : str
        The name of what it is the trace of.
    branch : bool
        Whether a term that holds it passes through a branch.
    state : bool
        Whether derivatives are taken with respect to it.
    words, code, introduced, because : str
        Its row of the notation page: what it is (Markdown), a Python expression that gives it after ``SAMPLE`` of
        `resnotes.book.notation`, the label of the equation that introduces it, and why that is not the first one
        in which it occurs.
    shape : tuple of str and int, or None
        Of what ``code`` gives: () for a number, None for a map.
    """

    name: str
    kind: str
    indices: tuple = ()
    of: str = ""
    latex: str = ""
    trace_of: str = ""
    branch: bool = False
    state: bool = False
    words: str = ""
    code: str = ""
    shape: tuple | None = None
    introduced: str = ""
    because: str = ""


def _row(given: dict) -> Declared:
    return Declared(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


#: The table, in the order of the book.
DECLARED: tuple[Declared, ...] = tuple(
    map(_row, tomllib.loads(Path(__file__).with_name("symbols.toml").read_text("utf-8"))["symbol"])
)


@cache
def heads() -> dict[str, str]:
    """Name -> LaTeX of the name."""
    return {row.name: row.latex for row in DECLARED if row.latex}


@cache
def traces() -> dict[str, str]:
    """Name of a trace -> name of the matrix."""
    return {row.name: row.trace_of for row in DECLARED if row.trace_of}


@cache
def branch_names() -> frozenset[str]:
    """Names that mark a term as passing through a branch, or as coming last by habit (a bias)."""
    return frozenset(row.name for row in DECLARED if row.branch)


@cache
def state_names() -> frozenset[str]:
    """Names of what derivatives are taken with respect to."""
    return frozenset(row.name for row in DECLARED if row.state)


def _named(kind: type, name: str, says: str) -> Callable:
    words = [row.words for row in DECLARED if row.name == name and row.kind == says]
    if not words:
        raise ValueError(f"name: got {name}, want a {says} that symbols.toml declares")

    def of(*indices):
        return kind(name, *indices)

    of.__name__, of.__doc__ = name, "; or: ".join(filter(None, words))
    return of


def matrix(name: str) -> Callable:
    """indices -> the matrix, row or column of this name; a ValueError where the table has none."""
    return _named(Factor, name, "matrix")


def number(name: str) -> Callable:
    """indices -> the number of this name; a ValueError where the table has none."""
    return _named(Scalar, name, "number")


#: The loss.
E = Scalar("E")

x = matrix("x")
y = matrix("y")
g = matrix("g")
J = matrix("J")
D = matrix("D")
H = matrix("H")
W = matrix("W")
b = matrix("b")


def F(k):
    """Branch of unit k (in the notes' network: layer k)."""
    return Map("F", J(k), k)


def shortcut(k):
    """Shortcut of unit k as a map."""
    return Map("H", H(k), k)


def after(k):
    """The layer after the addition; its Jacobian is D_k."""
    return Map("f", D(k))


def relu(k):
    """ReLU that produces x_k; its Jacobian is D_k."""
    return Map("ReLU", D(k))


lam = number("lambda")


def lambdas(low, high):
    """The product of the shortcut factors from ``low`` to ``high``."""
    return OrderedProduct(lam(j), (j, low, high))


def loss_gradient(state):
    """The derivative of the loss with respect to a state."""
    return Partial(E, state)
