"""Every statement of the four notes, and some that public pages print: what it is worth, and a witness to recompute.

The texts are data, a TOML file for each note: place, statement, verdict and what is true. The evidence is code, a
module for each part of the notes, and is found by the claim's id. ``CLAIMS`` joins the two for the notes,
``ELSEWHERE`` for what is said elsewhere; ``JUDGED`` has both. A claim's
:meth:`~Claim.witness` searches for exact examples that show its verdict; its :meth:`~Claim.check` recomputes them and
confirms the corrected form.
"""

import tomllib
from importlib.resources import files

from resnotes.book.claims import elsewhere, four_layers, lambda_scaling, merge_point, unrolled_sum
from resnotes.book.claims.claim import ABOUT_TEXT, KINDS, VERDICTS, Claim, Grounds, Said, Witness
from resnotes.book.claims.evidence import Case

__all__ = ["ABOUT_TEXT", "CLAIMS", "ELSEWHERE", "JUDGED", "KINDS", "VERDICTS", "Case", "Claim", "Said", "Witness"]

TEXTS = ("notes_000_002.toml", "note_003.toml", "note_004.toml")
EVIDENCE = {
    **four_layers.EVIDENCE,
    **lambda_scaling.EVIDENCE,
    **merge_point.EVIDENCE,
    **unrolled_sum.EVIDENCE,
}


def joined(texts: dict[str, dict], evidence: dict[str, Grounds], kind: type[Claim] = Claim) -> dict[str, Claim]:
    """Claims of a kind from their texts and their evidence, in the order of the texts.

    Raises
    ------
    ValueError
        If one has no text, or none has evidence for it; TypeError names a field that is missing or unknown.
    """
    if unmatched := texts.keys() ^ evidence.keys():
        raise ValueError(f"claims: got text or evidence alone for {sorted(unmatched)}, want both for every id")
    return {
        name: kind(
            id=name,
            claimed=evidence[name].claimed,
            truths=evidence[name].truths,
            evidence=evidence[name].evidence,
            **{**fields, "corrected": " ".join(fields["corrected"].split())},
        )
        for name, fields in texts.items()
    }


def read(name: str) -> dict[str, dict]:
    """Id -> fields, from one of the files."""
    return tomllib.loads((files(__name__) / name).read_text("utf-8"))


#: id -> claim, in the order of the notes.
CLAIMS: dict[str, Claim] = joined({k: v for name in TEXTS for k, v in read(name).items()}, EVIDENCE)

#: id -> statement of a public page.
ELSEWHERE: dict[str, Said] = joined(read("elsewhere.toml"), elsewhere.EVIDENCE, Said)

#: All that is judged.
JUDGED: dict[str, Claim] = {**CLAIMS, **ELSEWHERE}
