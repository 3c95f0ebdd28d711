"""The page of laws: each is registered, said once, and displayed in a chapter that is about random networks."""

from resnotes.book import EQUATIONS
from resnotes.book.laws import EXACT, LAWS, STEP, WIDE


def test_every_law_is_an_equation_of_the_book():
    labels = [law.label for law in LAWS]
    assert len(set(labels)) == len(labels) and len({law.name for law in LAWS}) == len(labels)
    for law in LAWS:
        assert law.equation is EQUATIONS[law.label] and law.equation.method != "definition"
        assert law.sense in (EXACT, WIDE, STEP)
        assert not law.measured or law.equation.chapter.split("_")[0].lstrip("0") in law.measured
