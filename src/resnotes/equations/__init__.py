"""Every labelled equation of the book: its expression, its LaTeX, and how it is checked.

One module holds the entries of the chapters that belong together, and :mod:`.entry` says what an entry is.
"""

from resnotes.equations import (
    at_initialisation,
    before_or_after,
    finite_precision,
    notes,
    shattered_gradients,
    shortcuts_as_operators,
    thousands_of_layers,
    training,
    your_own_network,
)
from resnotes.equations.entry import METHODS, Equation, chain, eq, equalities, together

__all__ = ["EQUATIONS", "METHODS", "Equation", "chain", "eq", "equalities", "together"]

#: In the order of the chapters; each has a function ``build`` that returns its entries.
CHAPTERS = (
    notes,
    shortcuts_as_operators,
    before_or_after,
    at_initialisation,
    shattered_gradients,
    finite_precision,
    training,
    thousands_of_layers,
    your_own_network,
)

#: label -> equation, in the order in which the book shows them.
EQUATIONS: dict[str, Equation] = {entry.label: entry for chapters in CHAPTERS for entry in chapters.build()}
