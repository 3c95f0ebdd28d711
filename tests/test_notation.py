"""The notation: every entry against the code it names and against the registered equations."""

import dataclasses

import numpy as np
import pytest

from resnotes.book import EQUATIONS
from resnotes.book.notation import IDENTITY, NOTATION, SAMPLE, key, shown, used
from resnotes.symbolic.algebra import Factor, Map, l
from resnotes.symbolic.symbols import F, H, J, W, g, x

ORDER = list(EQUATIONS)


@pytest.fixture(scope="module")
def sample():
    names = {}
    exec(SAMPLE, names)
    return names


def wrong_shape(entry, names):
    """What is wrong with the value that the code gives, or nothing."""
    value = eval(entry.row.code, dict(names))
    if entry.row.shape is None:
        layers = value if isinstance(value, tuple) else (value,)
        if not layers or not all(callable(layer) and hasattr(layer, "backward") for layer in layers):
            return f"got {value!r}, want a layer or layers"
        return ""
    want = tuple(size if isinstance(size, int) else names[size] for size in entry.row.shape)
    if not np.issubdtype(np.asarray(value).dtype, np.number) or np.shape(value) != want:
        return f"got shape {np.shape(value)} of {value!r}, want {want}"
    return ""


def wrong_place(entry):
    """What is wrong with the equation named as the introducing one, or nothing."""
    if entry.row.introduced not in EQUATIONS:
        return f"got the label {entry.row.introduced}, want one of the registry"
    labels = used().get(entry.key, [])
    if entry.row.introduced not in labels:
        return f"{entry.row.introduced} does not show {entry.latex}"
    if (labels[0] == entry.row.introduced) == bool(entry.row.because):
        return f"first shown in {labels[0]}, introduced in {entry.row.introduced}, reason: {entry.row.because!r}"
    return ""


def identity(entry):
    return f"{entry.latex} in {entry.row.introduced}"


def test_the_widths_of_the_sample_differ(sample):
    """Else a shape could be right by accident."""
    assert len({1, sample["n"], sample["m"], sample["L"]}) == 4


@pytest.mark.parametrize("entry", NOTATION, ids=identity)
def test_the_code_runs_and_gives_the_shape(entry, sample):
    assert wrong_shape(entry, sample) == ""


@pytest.mark.parametrize("entry", NOTATION, ids=identity)
def test_the_equation_named_introduces_the_symbol(entry):
    assert wrong_place(entry) == ""


def test_every_symbol_of_every_equation_has_an_entry():
    entries = {entry.key for entry in NOTATION}
    missing = {symbol: labels for symbol, labels in used().items() if symbol not in entries}
    assert missing == {}


def test_every_quantity_name_is_among_the_symbols_looked_for():
    """Another walk over the expressions: names as text, whatever kind of node holds them."""
    names = {node.name for entry in EQUATIONS.values() for node in entry.expression.atoms(Factor, Map)}
    unprinted = {"Jhat", "Jscaled"}  # the Jacobians of the maps F-hat and F-tilde; no equation prints them
    assert names - unprinted == {entry.key[1] for entry in NOTATION if entry.key[0] in ("map", "matrix", "number")}
    assert all("Jhat" not in entry.latex for entry in EQUATIONS.values())


def test_no_two_entries_say_the_same():
    places = [(entry.key, entry.row.introduced) for entry in NOTATION]
    assert len(set(places)) == len(places)
    assert [ORDER.index(entry.row.introduced) for entry in NOTATION] == sorted(
        ORDER.index(e.row.introduced) for e in NOTATION
    )


def test_a_symbol_that_stands_for_two_things_says_so_once():
    twice = {entry.key for entry in NOTATION if entry.row.because}
    for symbol in {entry.key for entry in NOTATION}:
        first, *others = (entry for entry in NOTATION if entry.key == symbol)
        assert not first.row.because and all(entry.row.because for entry in others)
        assert bool(others) == (symbol in twice)


def test_what_a_map_carries_unprinted_does_not_count():
    expression = F(2)(x(2))
    assert expression.has(J(2)) and key(J(1)) not in shown(expression)
    assert shown(F(l)(x(3))) == {key(F(1)), key(x(1)), key(l)}


def test_the_identity_is_seen_among_matrices_only():
    assert key(IDENTITY) in shown(1 + J(1)) and key(IDENTITY) in shown(g(1) * (J(1) - 1))
    assert key(IDENTITY) not in shown(1 + l) and key(IDENTITY) not in shown(J(1) + H(1))


def changed(entry, **change):
    """The entry with its symbol or parts of its row replaced."""
    symbol = change.pop("symbol", entry.symbol)
    return dataclasses.replace(entry, symbol=symbol, row=dataclasses.replace(entry.row, **change))


ENTRY = next(entry for entry in NOTATION if entry.key == key(J(1)))


@pytest.mark.parametrize(
    "change",
    [{"shape": ("n",)}, {"shape": ("n", "m")}, {"shape": ()}, {"shape": None}, {"code": "np"}],
    ids=str,
)
def test_a_wrong_shape_is_noticed(change, sample):
    assert wrong_shape(ENTRY, sample) == "" != wrong_shape(changed(ENTRY, **change), sample)


def test_a_name_that_does_not_exist_is_noticed(sample):
    with pytest.raises(AttributeError):
        wrong_shape(changed(ENTRY, code="trace.unit[l].sum"), sample)


@pytest.mark.parametrize(
    "change",
    [
        {"introduced": "backward-unknown"},
        {"introduced": "forward-affine"},
        {"introduced": "backward-g4"},
        {"because": "no reason needed"},
        {"symbol": Factor("J", 1, 2)},
        {"symbol": W(1)},
    ],
    ids=str,
)
def test_a_wrong_place_is_noticed(change):
    assert wrong_place(ENTRY) == "" != wrong_place(changed(ENTRY, **change))
