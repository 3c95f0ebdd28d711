"""Where sentences are tried: small networks in the order of the claims' search, and settings that are measured."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from itertools import chain, islice, product
from types import SimpleNamespace

import numpy as np

from resnotes.book.claims.search import Layout, Space


class Place(SimpleNamespace):
    """Named numbers, matrices and words."""

    def __str__(self):
        return ", ".join(f"{name} = {said(value)}" for name, value in vars(self).items())


def said(value) -> str:
    """A value as it stands in the ledger."""
    if isinstance(value, np.ndarray):
        return f"({', '.join(map(said, value))})"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(said, value))})"
    if isinstance(value, str) or callable(value):
        return getattr(value, "__name__", value)
    if isinstance(value, (bool, np.bool_, Fraction)) or value is None:
        return str(value)
    return format(value, ".6g")


def built(data: dict) -> Place:
    """Floats, and numbers for shapes without axes. Small integers and their halves are exact."""
    return Place(**{name: float(v) if v.ndim == 0 else v.astype(float) for name, v in data.items()})


@dataclass(frozen=True)
class Places:
    """Candidates: the first ones of a search, then those that are given because they are tight."""

    space: Space | None = None
    limit: int = 0
    given: tuple = ()

    def candidates(self) -> Iterator:
        found = islice(self.space.candidates(), self.limit) if self.space else ()
        return chain(found, self.given)

    @property
    def top(self):
        return self.space.top if self.space else 0

    @property
    def denominators(self):
        return self.space.denominators if self.space else (1,)


def small(
    *shapes: dict,
    top: int = 2,
    denominators=(1,),
    limit: int = 2000,
    also: Iterable[dict] = (),
    build: Callable = built,
) -> Places:
    """The smallest integers in arrays of these names and shapes, one layout after another."""
    layouts = tuple(Layout(tuple(free.items()), build) for free in shapes)
    arrays = ({k: np.array(v, dtype=float) for k, v in data.items()} for data in also)
    return Places(Space(layouts, top, denominators), limit, tuple(map(build, arrays)))


def settings(*rows: dict, **grid) -> Places:
    """Places that are given one by one, or every combination of the values of a grid, in order."""
    rows = rows or tuple(dict(zip(grid, values, strict=True)) for values in product(*grid.values()))
    return Places(given=tuple(Place(**row) for row in rows))


def close(a, b, tolerance: float = 1e-9) -> bool:
    """Whether two numbers or arrays are equal up to rounding, as ``allclose`` has it, in a fraction of its time."""
    a, b = np.asarray(a), np.asarray(b)
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= tolerance * (1 + np.abs(b))
    return bool(near.all()) or bool(not np.isfinite(b).all() and np.allclose(a, b, rtol=tolerance, atol=tolerance))


@cache
def read(name: str) -> dict[str, dict]:
    """Id -> fields, from the TOML file of a chapter's statements."""
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text("utf-8"))


def source_of(module: str, name: str) -> Places:
    """One place: what was seen of a publication, as the entry of this id quotes it."""
    return Places(given=(Quoted(source_of=name, text=read(module)[name]["source"]),))


class Quoted(Place):
    """The text is in the ledger already, beside the entry."""

    def __str__(self):
        return f"the source of {self.source_of}"


def seen(*words: str) -> Callable:
    """Whether all these words stand in what was seen."""
    return lambda s: all(word in s.text for word in words)
