"""The symbolic half: derivations made and checked by SymPy, ordered factors throughout.

Nothing in here imports the NumPy half. The two meet in :mod:`resnotes.book` alone, so that
agreement between them means something.
"""

from resnotes._terminal import missing

try:
    import sympy
except ModuleNotFoundError as error:
    raise missing(error, "symbolic", "resnotes.symbolic") from None

from resnotes.symbolic.derivation import Derivation, DerivationError, Induction, Step

__all__ = ["Derivation", "DerivationError", "Induction", "Step"]
