"""Every labelled equation of the book: its expression, its LaTeX, and how it is checked.

One module holds the entries of the chapters that belong together, and :mod:`.entry` says what an entry is.
"""

from . import activation, depths, initialisation, notes, operators, precision, report, shattered, training
from .entry import METHODS, Equation, chain, eq, equalities, together

__all__ = ["EQUATIONS", "METHODS", "Equation", "chain", "eq", "equalities", "together"]

#: In the order of the chapters; each has a function ``build`` that returns its entries.
CHAPTERS = (notes, operators, activation, initialisation, shattered, precision, training, depths, report)

#: label -> equation, in the order in which the book shows them.
EQUATIONS: dict[str, Equation] = {entry.label: entry for chapters in CHAPTERS for entry in chapters.build()}
