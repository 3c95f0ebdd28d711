"""Corrected forms, altered in the ways of :mod:`resnotes.book.mutations`: do the claims' checks notice?"""

from __future__ import annotations

from resnotes.book import mutations
from resnotes.book.claims.claim import Claim

#: (id, pattern that the change matches from its start, why the mutant says the same as the original).
EQUIVALENT = (
    ("*", r"(D(_\w+( \+ \d)?)? transposed|transpose of D_\w+ lost)", "D is diagonal: ReLU acts entrywise"),
    ("S0-B5", r"D_\w+ and D_\w+ swapped", "diagonal matrices commute"),
    ("S0-*", r"J transposed", "a matrix and its transpose have the same spectral and Frobenius norm"),
    ("SE-*", r"J transposed", "a matrix and its transpose have the same spectral norm"),
    ("S0-A2", r"index of g_L down by one", "these shortcuts keep the norm in every unit"),
    ("S0-L10", r"index of g_L down by one", "here every unit gives back the gradient as it came"),
    ("S0-L13", r"index of g_L down by one", "these shortcuts keep the norm in every unit"),
    ("S3-Q7", r"factor dy/du dropped", "with x held fixed, dy/du is the identity"),
)


def survey(claim: Claim) -> mutations.Survey:
    """Feed every mutant of a claim's corrected form to the claim's check.

    Raises
    ------
    ValueError
        If the corrected form is words alone.
    """
    expression = claim.corrected_expression
    if expression is None:
        raise ValueError(f"claim: got {claim.id}, whose corrected form is words alone, want one with a formula")
    return mutations.survey(claim.id, expression, claim.check, EQUIVALENT)
