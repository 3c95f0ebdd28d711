"""What the explorers share: their files, their two forms of output, traits that refuse bad input."""

import json
import re
from base64 import b64encode
from contextlib import contextmanager
from html import escape
from importlib.resources import files

import anywidget
import traitlets

from resnotes import _validate

FILES = files("resnotes.explorers")
#: An import of one of our own modules, as they are all written.
IMPORT = re.compile(r'from "\./(\w+)\.js"')


def source(name):
    """The text of one of the explorers' JavaScript or CSS files."""
    return FILES.joinpath(name).read_text(encoding="utf-8")


def bundle(name):
    """One self-contained ES module: `name`.js with what it imports from here put in as data: URLs.

    A notebook's front end gets the module as one text, where "./draw.js" leads nowhere.
    """

    def inlined(match):
        encoded = b64encode(bundle(match[1]).encode()).decode()
        return f'from "data:text/javascript;charset=utf-8;base64,{encoded}"'

    return IMPORT.sub(inlined, source(f"{name}.js"))


def style(name):
    """The style sheet all explorers share, and the one of its own that an explorer may have."""
    own = FILES.joinpath(f"{name}.css")
    return source("explorer.css") + (own.read_text(encoding="utf-8") if own.is_file() else "")


class StateError(traitlets.TraitError, ValueError):
    """A value that a trait refuses; traitlets takes back what was set together with it."""


@contextmanager
def refusing():
    """Turn a `ValueError` raised inside into a `StateError`."""
    try:
        yield
    except ValueError as error:
        raise StateError(str(error)) from error


class Checked(traitlets.TraitType):
    """A trait whose values pass through a check of ours, whose `ValueError` names the trait.

    Parameters
    ----------
    check : callable
        Takes the value and the trait's name; returns the value to be kept.
    default : object
    """

    def __init__(self, check, default):
        self.check = check
        super().__init__(default_value=default)
        self.tag(sync=True)

    def validate(self, obj, value):
        """Return what the check makes of `value`."""
        with refusing():
            return self.check(value, self.name)


def number_between(low, high):
    """A check for one finite number from `low` to `high`."""

    def check(value, name):
        number = _validate.finite_number(value, name)
        if not low <= number <= high:
            _validate.refuse(name, number, f"a number from {low:g} to {high:g}")
        return number

    return check


def one_of(choices):
    """A check for one of a few values of one type."""

    def check(value, name):
        if isinstance(value, bool) or not isinstance(value, type(choices[0])) or value not in choices:
            _validate.refuse(name, _validate.describe(value), f"one of {', '.join(map(str, choices))}")
        return value

    return check


def switch(value, name):
    """A check for True or False."""
    if not isinstance(value, bool):
        _validate.refuse(name, _validate.describe(value), "True or False")
    return value


def _compact(data):
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Explorer(anywidget.AnyWidget):
    """Base of the explorers.

    A subclass `Some` with ``name = "some"`` stands beside ``some.js`` (see frame.js for what that holds), sets
    ``_esm = bundle("some")`` and ``_css = style("some")``, names its traits in `state_names` and `carried`, and
    defines `numbers`, `readout` and `picture`.

    Attributes
    ----------
    name : str
        Of the module and, with a number, of links to a state.
    state_names : tuple of str
        The traits that make up the state: what sliders move, what a link restores.
    carried : tuple of str
        Traits that hold data, computed here and shown there: in no link.
    """

    name = ""
    state_names = ()
    carried = ()
    _css = source("explorer.css")

    def state(self):
        """The traits that make up the state, as JSON holds them."""
        return {key: getattr(self, key) for key in self.state_names}

    def numbers(self):
        """Everything the page computes in this state, as plain data: the same as `numbers` of the module."""
        raise NotImplementedError

    def picture(self):
        """The static picture, as SVG."""
        raise NotImplementedError

    def readout(self):
        """The state in words."""
        raise NotImplementedError

    def static(self):
        """The explorer without JavaScript: a picture, the state in words, and the state as data.

        A page of the book puts the live explorer in its place. The text holds no random ids, and the
        numbers in it do not depend on the machine.
        """
        data = {name: getattr(self, name) for name in self.carried}
        carried = f' data-carried="{escape(_compact(data))}"' if any(data.values()) else ""
        return (
            f'<figure class="resnotes-explorer" data-resnotes-explorer="{self.name}"{carried} '
            f'data-state="{escape(_compact(self.state()))}">\n{self.picture()}\n'
            f"<figcaption>{escape(self.readout())}</figcaption>\n</figure>"
        )

    def __init__(self, **state):
        unknown = sorted(set(state) - set(self.trait_names()))
        if unknown:
            _validate.refuse(unknown[0], "a value", f"one of {', '.join((*self.state_names, *self.carried))}")
        super().__init__(**state)

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.state().items())})"

    def _repr_mimebundle_(self, **kwargs):
        """The live widget for JupyterLab, and the static form for everything else."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.static()}, metadata
