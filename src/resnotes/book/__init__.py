"""What the book says and how it is checked: the one door to its equations, statements, claims and exercises.

The symbolic and the numeric half meet in here alone. What is asked for is imported when it is asked for.
"""

import os
from importlib import import_module

# Before SymPy is imported: the checks make more expressions than the thousand that it keeps, and use them again.
os.environ.setdefault("SYMPY_CACHE_SIZE", "20000")

#: Public name -> the module that holds it.
_PLACES = {
    "EQUATIONS": "resnotes.book.equations",
    "CLAIMS": "resnotes.book.claims",
    "STATEMENTS": "resnotes.book.statements",
    "EXERCISES": "resnotes.book.exercises",
    "check": "resnotes.book.exercises",
}

__all__ = list(_PLACES)


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
