"""The reference of the package: what a user meets is in it, and chapters lead to it."""

import inspect
import re
from pathlib import Path

import pytest

import resnotes
from _ext.resnotes_book import api
from tools import book as built

LISTED = re.compile(r"^\.\. automodule:: (?P<module>[\w.]+)\n +:members: ?(?P<names>.*)$", re.MULTILINE)
PAGES = [path.read_text("utf-8") for path in sorted((built.ROOT / "chapters").glob("api_*.md"))]
NAMES = {match["module"]: match["names"].split(", ") for page in PAGES for match in LISTED.finditer(page)}


def test_all_that_the_root_has_is_listed():
    for name in set(resnotes.__all__) - {"four_layer"}:
        module, _, last = api.full_name("resnotes", name).rpartition(".")
        assert last in NAMES[module], name
    assert "resnotes.four_layer" in NAMES


@pytest.mark.parametrize("module", sorted(set(NAMES) - {"resnotes.torch"}))
def test_help_shows_no_internals(module):
    """Every name has a text of its own or its base's, and no signature shows an object's address."""
    home = __import__(module, fromlist=["x"])
    for name in filter(None, NAMES[module]):
        value = getattr(home, name)
        assert inspect.getdoc(value), name
        public = [part for part in dir(value) if not part.startswith("_")] if inspect.isclass(value) else []
        for part in [value, *(getattr(value, part) for part in public)]:
            # What SymPy and Jupyter bring is theirs; the signature of an exception is Python's.
            own = (getattr(part, "__module__", None) or "").startswith("resnotes")
            if own and (inspect.isfunction(part) or (inspect.isclass(part) and not issubclass(part, Exception))):
                assert " at 0x" not in str(inspect.signature(part)) and inspect.getdoc(part), (name, part)


def test_inherited_texts_are_right():
    for layer in (resnotes.Affine, resnotes.Scale, resnotes.LayerNorm):
        assert "gradient of the parameter" in inspect.getdoc(layer.parameter_gradient)


def test_a_bar_stays_a_bar():
    lines = ["the length |g|, as ``a|b`` or |x|"]
    api.escape(None, "", "", None, None, lines)
    assert lines == [r"the length \|g\|, as ``a|b`` or \|x\|"]


def test_names_that_code_imports_lead_to_their_entries():
    body = (
        '<span class="kn">from</span><span class="w"> </span><span class="nn">resnotes</span><span class="w"> </span>'
        '<span class="kn">import</span> <span class="n">Affine</span><span class="p">,</span> <span class="n">relu</span>\n'
        '<span class="n">Affine</span>'
    )
    known = {"resnotes.network.Affine": "a.html#x"}
    assert api.linked(body, known.get) == body.replace(
        '<span class="n">Affine</span><span class="p">', '<a class="n" href="a.html#x">Affine</a><span class="p">'
    )


def test_the_inventory_and_the_chapters_have_them(book):
    from sphinx.util.inventory import InventoryFile

    with (book / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, path: path)
    known = {name for kind in inventory if kind.startswith("py:") for name in inventory[kind]}
    assert {f"{module}.{name}" for module, names in NAMES.items() for name in names if name} <= known
    text = Path(book, "chapters/02_backward_pass.html").read_text("utf-8")
    assert re.search(r'<a class="n" href="api_\w+\.html#resnotes\.', text)
