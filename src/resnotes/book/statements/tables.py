"""Tables of published numbers as statements: each row has the numbers of one place, ``published.toml``."""

from __future__ import annotations

from resnotes.book.published import PUBLISHED
from resnotes.book.statements.places import settings
from resnotes.book.statements.statement import Grounds


def line(label: str, numbers: tuple[str, ...]) -> str:
    """A row as it stands in a chapter, without the bars at its ends."""
    return " | ".join((label, *numbers))


def printed(table: str, rows: list[tuple[str, str]], **fields) -> dict:
    """A statement's fields and grounds, from the fields of a table of published numbers.

    What would make a row false is the numbers of the next row that has others.

    Parameters
    ----------
    table : str
        Name in ``PUBLISHED``.
    rows : list of (str, str)
        What a row of the chapter is called there, and which row of the publication it is.
    **fields
        The others, as they are.
    """
    seen = PUBLISHED[table]

    def states(label, numbers):
        return lambda s: s.label != label or s.numbers == numbers

    says, false, tests, others = {}, {}, {}, {}
    for k, (label, row) in enumerate(rows):
        numbers = seen.rows[row]
        following = (seen.rows[other] for _, other in (*rows[k:], *rows[:k]))
        wrong = next(these for these in following if these != numbers)
        says[row], tests[row] = line(label, numbers), states(label, numbers)
        false[row], others[row] = line(label, wrong), states(label, wrong)
    places = settings(*({"row": row, "numbers": seen.rows[row], "label": label} for label, row in rows))
    return {
        **fields,
        "kind": "published",
        "sentence": "\n".join(says.values()),
        "says": says,
        "false": false,
        "source": f"{seen.paper}, {seen.what}; {seen.seen}",
        "grounds": (Grounds(places, tests, false=others),),
    }
