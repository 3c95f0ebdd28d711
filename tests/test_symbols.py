"""The table of symbols: what declares none is refused, and a row of an unknown kind too."""

import dataclasses

import pytest

from resnotes.book.notation import symbol
from resnotes.symbolic import printing
from resnotes.symbolic.symbols import DECLARED, matrix, number

ROW = next(row for row in DECLARED if row.name == "U")


def test_a_symbol_takes_its_words_from_the_table():
    assert matrix("U").__doc__ == ROW.words == "an orthogonal matrix"
    assert printing.latex(number("lambda")(2)) == r"\lambda_{2}"


@pytest.mark.parametrize(("make", "name"), [(matrix, "nothing"), (number, "U"), (matrix, "lambda")])
def test_an_undeclared_symbol_is_refused(make, name):
    with pytest.raises(ValueError, match=f"got {name}, want a .* that symbols.toml declares"):
        make(name)


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"symbols\.toml, U: got the kind tensor"):
        symbol(dataclasses.replace(ROW, kind="tensor"))


def test_a_name_is_set_in_one_way():
    for name in {row.name for row in DECLARED}:
        assert len({row.latex for row in DECLARED if row.name == name and row.latex}) <= 1
