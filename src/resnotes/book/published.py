"""Numbers of papers that the book sets beside its own: each stands once, in ``published.toml``, as it was seen."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Table:
    """A table of a paper.

    Attributes
    ----------
    paper : str
        Citation key.
    what : str
        Which table it is, and what its numbers are.
    seen : str
        In what it was read.
    rows : dict of str to tuple of str
        Row -> its numbers, as they are printed.
    """

    paper: str
    what: str
    seen: str
    rows: dict[str, tuple[str, ...]]


#: Name -> table.
PUBLISHED: dict[str, Table] = {
    name: Table(**{**fields, "rows": {row: tuple(numbers) for row, numbers in fields["rows"].items()}})
    for name, fields in tomllib.loads((files("resnotes.book") / "published.toml").read_text("utf-8")).items()
}
