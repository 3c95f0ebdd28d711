"""What the shared tests need to know of one explorer."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resnotes import explorers
from resnotes.explorers._base import Explorer

MODULES = Path(explorers.__file__).parent


@dataclass(frozen=True)
class Case:
    """One explorer, and the states its tests are run in.

    Attributes
    ----------
    explorer : type of Explorer
    chapter : str
        Stem of the chapter that shows it first.
    grid : list of dict
        Whole states: Python's and the module's numbers and words are compared in all of them, on the page in some.
    extremes : list of (dict, str)
        States (those left out are the defaults) and a piece of what is then said.
    refused : list of (dict, str)
        States that are refused, by Python and by the page, and the name with which the message begins.
    largest : dict
        The state whose update costs most.
    wrong : (str, str)
        A text in the module and what would make it wrong by little: the comparison must notice.
    own : callable, optional
        The reader's own data -> an explorer made from it.
    """

    explorer: type[Explorer]
    chapter: str
    grid: list
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
    """With ordinary spaces in the place of those that hold a number together."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def sizes(value):
    """The sizes of all finite numbers in nested data."""
    if isinstance(value, dict):
        return [size for entry in value.values() for size in sizes(entry)]
    if isinstance(value, (list, tuple)):
        return [size for entry in value for size in sizes(entry)]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return [abs(value)] if is_number and math.isfinite(value) else []


def differences(got, want, where="", scale=1.0):
    """Where nested data differ: numbers by more than 1e-12 of `scale`, everything else at all.

    `scale` is at least 1, and the largest number under the same outermost name: sums are as exact as their largest term.
    """
    if isinstance(want, dict):
        if not isinstance(got, dict) or set(got) != set(want):
            return [f"{where}: got {got!r}, want the keys {sorted(want)}"]
        return [
            line
            for key in want
            for line in differences(
                got[key], want[key], f"{where}/{key}", scale if where else max([1.0, *sizes(want[key])])
            )
        ]
    if isinstance(want, (list, tuple)):
        if not isinstance(got, list) or len(got) != len(want):
            return [f"{where}: got {got!r}, want {len(want)} entries"]
        pairs = zip(got, want, strict=True)
        return [line for k, (g, w) in enumerate(pairs) for line in differences(g, w, f"{where}[{k}]", scale)]
    number = isinstance(want, float) and isinstance(got, (int, float)) and not isinstance(got, bool)
    if number and math.isfinite(want) and math.isfinite(got):
        return [] if abs(got - want) <= 1e-12 * scale else [f"{where}: got {got!r}, want {want!r}"]
    if number and (math.isnan(want) and math.isnan(got)):
        return []
    return (
        []
        if got == want and isinstance(got, bool) == isinstance(want, bool)
        else [f"{where}: got {got!r}, want {want!r}"]
    )


#: Code for Node or the page: numbers and words in many states, which share the data that is carried beside them; what
#: is not finite comes as a text.
COMPUTE = """(module, [states, carried]) => states.map((state) => {
  const all = { ...carried, ...state };
  const found = { numbers: module.numbers(all), said: module.readout(all), problem: module.check(all) };
  return JSON.parse(JSON.stringify(found, (key, value) => typeof value === 'number' && !Number.isFinite(value)
    ? { '#': String(value) } : value instanceof Float64Array ? [...value] : value));
})"""


def decoded(value):
    """Back from `COMPUTE`: numbers that are not finite."""
    if isinstance(value, dict):
        return float(value["#"]) if "#" in value else {key: decoded(entry) for key, entry in value.items()}
    return [decoded(entry) for entry in value] if isinstance(value, list) else value
