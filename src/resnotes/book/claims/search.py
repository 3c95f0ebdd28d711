"""Candidates for an example, smallest first, always in the same order.

The order: integers before fractions, and fractions by their common denominator; then the smaller network;
then the smaller largest entry; then the smaller sum of sizes; then the first entry in which two candidates
differ, by 0, 1, -1, 2, -2 and so on.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from sympy import Expr

from resnotes.book.oracles import NotSmooth


class SearchError(ValueError):
    """No candidate within the limits does what was asked."""


def vectors(length: int, top: int) -> Iterator[tuple[int, ...]]:
    """Integer vectors whose largest absolute entry is ``top``, by the sum of sizes, then in order."""
    if top == 0:
        yield (0,) * length
        return
    for total in range(top, top * length + 1):
        yield from _of_total(length, top, total, False)


def _of_total(length, top, total, reached) -> Iterator[tuple[int, ...]]:
    """Vectors of a given sum of sizes; ``reached`` says whether ``top`` stands before them already."""
    if length == 0:
        if total == 0 and reached:
            yield ()
        return
    rest = length - 1
    for size in range(min(top, total) + 1):
        left = total - size
        if left > top * rest or (not reached and size != top and left < top):
            continue
        for entry in (0,) if size == 0 else (size, -size):
            for others in _of_total(rest, top, left, reached or size == top):
                yield (entry, *others)


@dataclass(frozen=True)
class Layout:
    """A network of one size: its free numbers, and how to build it from them.

    Attributes
    ----------
    free : tuple of (Expr, shape)
        What is searched over, in the order of the search.
    build : callable
        dict of Expr to ndarray -> network. It may raise :class:`NotSmooth`.
    """

    free: tuple[tuple[Expr, tuple[int, ...]], ...]
    build: Callable[[dict], object]

    @property
    def length(self) -> int:
        return sum(math.prod(shape) for _, shape in self.free)

    def network(self, entries):
        """The network whose free numbers are these, in order."""
        data, place = {}, 0
        for name, shape in self.free:
            size = math.prod(shape)
            data[name] = np.array(entries[place : place + size], dtype=object).reshape(shape)
            place += size
        return self.build(data)


@dataclass(frozen=True)
class Space:
    """Where to look.

    Attributes
    ----------
    layouts : tuple of Layout
        The smallest network first.
    top : int
        The largest absolute value of an entry, or of a numerator over the common denominator.
    denominators : tuple of int
        1 first: integers.
    nonzero : bool
        Whether candidates with a 0 among their free numbers are left out.
    """

    layouts: tuple[Layout, ...]
    top: int = 3
    denominators: tuple[int, ...] = (1,)
    nonzero: bool = False

    def candidates(self) -> Iterator[object]:
        """Networks, smallest first; those at a kink of a ReLU are None."""
        for denominator in self.denominators:
            for layout in self.layouts:
                for top in range(self.top + 1):
                    for numerators in vectors(layout.length, top):
                        if math.gcd(denominator, *numerators) != 1:
                            continue  # seen already, with a smaller denominator
                        if self.nonzero and 0 in numerators:
                            continue
                        yield _network(layout, _over(numerators, denominator))

    def sample(self, count: int, seed: int = 0, top: int = 3) -> list:
        """Networks with random integer entries from -top to top, always the same; each layout in turn."""
        generator, found = random.Random(seed), []
        while len(found) < count:
            layout = self.layouts[len(found) % len(self.layouts)]
            network = _network(layout, [generator.randint(-top, top) for _ in range(layout.length)])
            if network is not None:
                found.append(network)
        return found


def _over(numerators, denominator):
    return numerators if denominator == 1 else [_plain(Fraction(number, denominator)) for number in numerators]


def _plain(number: Fraction):
    return number.numerator if number.denominator == 1 else number


def _network(layout, entries):
    try:
        return layout.network(entries)
    except NotSmooth:
        return None


def first(space: Space, wanted: Callable[[object], bool], what: str = "example"):
    """The first network that is wanted, and how many candidates were looked at, itself included.

    Raises
    ------
    SearchError
        If there is none within the space's limits.
    """
    looked_at = 0
    for looked_at, network in enumerate(space.candidates(), start=1):
        if network is not None and wanted(network):
            return network, looked_at
    raise SearchError(
        f"{what}: got none among {looked_at} candidates, want one (entries up to {space.top}, "
        f"denominators {space.denominators})"
    )
