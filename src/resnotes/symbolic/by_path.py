"""Derivations printed in two colours: what stands for a shortcut, and what stands for a branch."""

from __future__ import annotations

from resnotes.symbolic.printing import BookPrinter

#: The shortcut's colour is the palette's; the branch's is darker than there, so that letters of a formula can be read.
SHORTCUT, BRANCH = "#0072b2", "#b85000"


class PathPrinter(BookPrinter):
    """The book's printer, with factors of shortcuts and Jacobians of branches in their colours."""

    def _print_Factor(self, expr, exp=None):
        text = super()._print_Factor(expr, exp)
        colour = {"lambda": SHORTCUT, "H": SHORTCUT, "J": BRANCH}.get(expr.name)
        return rf"\textcolor{{{colour}}}{{{text}}}" if colour else text

    _print_Scalar = _print_Factor


class ByPath:
    """A `Derivation` whose terms show by their colours which path they are.

    Parameters
    ----------
    derivation : Derivation
    """

    def __init__(self, derivation):
        self.derivation = derivation

    def __repr__(self):
        return f"ByPath({self.derivation!r})"

    def lines(self):
        """As of a `Derivation`."""
        return self.derivation.lines(PathPrinter)

    def latex(self):
        """As of a `Derivation`."""
        return self.derivation.latex(PathPrinter)

    def _repr_latex_(self):
        return f"$$\n{self.latex()}\n$$"
