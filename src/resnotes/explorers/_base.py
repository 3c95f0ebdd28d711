"""What the explorers share: their files, their two forms of output, traits that refuse bad input."""

import json
from base64 import b64encode
from contextlib import contextmanager
from html import escape
from importlib.resources import files

import anywidget
import traitlets

from resnotes import _validate

FILES = files("resnotes.explorers")


def source(name):
    """The text of one of the explorers' JavaScript or CSS files."""
    return FILES.joinpath(name).read_text(encoding="utf-8")


def bundle(name):
    """One self-contained ES module: `name`.js with draw.js put in as a data: URL.

    A notebook's front end gets the module as one text, where "./draw.js" leads nowhere.
    """
    text = source(f"{name}.js")
    specifier = '"./draw.js"'
    if text.count(specifier) != 1:
        raise ValueError(f"{name}.js: got {text.count(specifier)} imports of {specifier}, wanted 1")
    encoded = b64encode(source("draw.js").encode()).decode()
    return text.replace(specifier, f'"data:text/javascript;charset=utf-8;base64,{encoded}"')


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


class Explorer(anywidget.AnyWidget):
    """Base of the explorers.

    A subclass `Some` with ``name = "some"`` stands beside ``some.js``, sets ``_esm = bundle("some")`` and
    defines `state` and `picture`.
    """

    name = ""
    _css = source("explorer.css")

    def state(self):
        """The traits that make up the state, as JSON holds them."""
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
        state = json.dumps(self.state(), sort_keys=True, separators=(",", ":"))
        return (
            f'<figure class="resnotes-explorer" data-resnotes-explorer="{self.name}" '
            f'data-state="{escape(state)}">\n{self.picture()}\n'
            f"<figcaption>{escape(self.readout())}</figcaption>\n</figure>"
        )

    def __init__(self, **state):
        unknown = sorted(set(state) - set(self.trait_names()))
        if unknown:
            _validate.refuse(unknown[0], "a value", f"one of {', '.join(self.state())}")
        super().__init__(**state)

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.state().items())})"

    def _repr_mimebundle_(self, **kwargs):
        """The live widget for JupyterLab, and the static form for everything else."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.static()}, metadata
