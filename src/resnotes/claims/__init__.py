"""Every statement of the four notes: what it says, what it is worth, and a witness one can recompute.

``CLAIMS`` has one entry for each row of the audit. A claim's :meth:`~Claim.witness` searches for the
smallest exact example that shows its verdict; its :meth:`~Claim.check` recomputes that and confirms the
corrected form.
"""

from __future__ import annotations

from resnotes.claims import analysis, lambdas, question, residuals
from resnotes.claims.claim import KINDS, VERDICTS, Case, Claim, Witness

_SHARED = [claim for claim in (*residuals.CLAIMS, *lambdas.CLAIMS) if claim.note != "002"]
_OWN = [claim for claim in residuals.CLAIMS if claim.note == "002"]

#: id -> claim, in the order of the notes.
CLAIMS: dict[str, Claim] = {claim.id: claim for claim in (*_SHARED, *_OWN, *question.CLAIMS, *analysis.CLAIMS)}

__all__ = ["CLAIMS", "KINDS", "VERDICTS", "Case", "Claim", "Witness"]
