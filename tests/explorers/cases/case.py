"""What the shared tests need to know of one explorer."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resnotes.explorers._base import Explorer


@dataclass(frozen=True)
class Case:
    """One explorer, and the states its tests are run in.

    Attributes
    ----------
    explorer : type of Explorer
    chapter : str
        Stem of the chapter that shows it first.
    grid : list of dict
        Whole states: the module's numbers are held against `faults` in all of them, on the page in some.
    faults : callable
        (state, numbers of the module) -> list of str: where they differ from the package's core or from exact
        arithmetic.
    extremes : list of (dict, str)
        States (those left out are the defaults) and a piece of what is then said.
    refused : list of (dict, str)
        States that are refused, by Python and by the page, and the name with which the message begins.
    largest : dict
        The state whose update costs most.
    wrong : (str, str)
        A text in the module and what would make it wrong by little: `faults` must notice.
    own : callable, optional
        The reader's own data -> an explorer made from it.
    """

    explorer: type[Explorer]
    chapter: str
    grid: list
    faults: Callable
    extremes: list
    refused: list
    largest: dict
    wrong: tuple[str, str]
    own: Callable | None = None

    @property
    def name(self):
        return self.explorer.name

    @property
    def page(self):
        return f"chapters/{self.chapter}.html"

    @property
    def sample(self):
        """About twenty states of the grid."""
        return self.grid[:: max(1, len(self.grid) // 20)]

    @property
    def carried(self):
        """The data that the explorer carries beside its state, as the page has it by default."""
        explorer = self.explorer()
        return {name: getattr(explorer, name) for name in explorer.carried}

    def state(self, **values):
        """A whole state: the defaults, and these values."""
        return {**self.explorer().state(), **values}

    def link(self, state):
        """The end of a link to a state, as the page writes it."""
        return "/".join([f"#{self.name}-1", *(f"{key}={in_link(state[key])}" for key in sorted(state))])


def in_link(value):
    if isinstance(value, list):
        return ",".join(map(in_link, value))
    return json.dumps(value) if isinstance(value, bool) else str(value)


def plain(text):
    """With ordinary spaces instead of those that hold a number together."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def unequal(state, **pairs):
    """Where pairs (got, wanted) of numbers or arrays differ by more than 1e-11 of the largest wanted, which is at least 1."""
    found = []
    for name, (got, wanted) in pairs.items():
        got, wanted = np.asarray(got, dtype=float), np.asarray(wanted, dtype=float)
        scale = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
        if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=0, atol=1e-11 * scale):
            found.append(f"{name} in {state}: got {got}, wanted {wanted}")
    return found
