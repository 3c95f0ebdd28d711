"""Every sentence of the book that claims: its conditions as data, and what shows that it needs them.

The texts are data, a TOML file for each chapter, in the order in which the chapter has them; ``tools/statements.py``
writes them into the chapters. The grounds are code, a module for each chapter, found by the sentence's id.
:meth:`~Statement.check` sees that the sentence holds, that it fails without each of its hypotheses, and that its false
neighbours fail; with another sentence it checks that one.
"""

from importlib import import_module

from resnotes.book.statements.places import read
from resnotes.book.statements.statement import KINDS, Findings, Grounds, Statement
from resnotes.book.statements.tables import printed

__all__ = ["KINDS", "STATEMENTS", "Findings", "Grounds", "Statement"]

#: Files of texts -> the chapter they belong to; each has a module of the same name with its ``GROUNDS``.
CHAPTERS = {
    "introduction": "00_introduction",
    "forward_pass": "01_forward_pass",
    "backward_pass": "02_backward_pass",
    "merge_point": "03_merge_point",
    "lambda_scaling": "04_lambda_scaling",
    "unrolled_sum": "05_unrolled_sum",
    "at_least": "06_at_least",
    "shortcuts_as_operators": "07_shortcuts_as_operators",
    "before_or_after": "08_before_or_after",
    "at_initialisation": "09_at_initialisation",
    "shattered_gradients": "10_shattered_gradients",
    "finite_precision": "11_finite_precision",
    "training": "12_training",
    "thousands_of_layers": "13_thousands_of_layers",
    "your_own_network": "14_your_own_network",
    "residual_stream": "15_residual_stream",
}


def joined(chapter: str, texts: dict[str, dict], grounds: dict[str, tuple]) -> dict[str, Statement]:
    """Statements from their texts and their grounds, in the order of the texts; a table of published numbers is both.

    Raises
    ------
    ValueError
        If one has no text, or none has grounds, or its words and its sentence do not agree.
    """
    tables = {name: printed(**fields) for name, fields in texts.items() if "table" in fields}
    if unmatched := texts.keys() ^ {*tables, *grounds}:
        raise ValueError(f"statements: got text or grounds alone for {sorted(unmatched)}, want both for every id")
    return {
        name: Statement(
            id=name,
            chapter=chapter,
            **{
                "grounds": grounds.get(name),
                **{key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()},
            },
        )
        for name, fields in {**texts, **tables}.items()
    }


#: id -> statement, in the order of the book.
STATEMENTS: dict[str, Statement] = {
    name: statement
    for module, chapter in CHAPTERS.items()
    for name, statement in joined(
        chapter, read(module), import_module(f"resnotes.book.statements.{module}").GROUNDS
    ).items()
}
