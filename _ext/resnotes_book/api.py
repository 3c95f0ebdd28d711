"""The package's reference, written from its docstrings by autodoc, and links to it from what the chapters import.

In a chapter's code each name that is imported from ``resnotes`` leads to its entry. Docstrings write |x| for a length,
which reStructuredText would take for a substitution.
"""

import re
from importlib import import_module

import resnotes

PAGES = re.compile(r"chapters/api(_\w+)?")
#: An import of the package as Pygments writes it, in parentheses perhaps.
SPACE = r'(?:\s|<span class="w">\s*</span>)+'
IMPORT = re.compile(
    rf'<span class="kn">from</span>{SPACE}<span class="nn">(?P<module>resnotes[\w.]*)</span>{SPACE}'
    rf'<span class="kn">import</span>(?P<names>{SPACE}<span class="p">\(</span>.*?<span class="p">\)</span>|[^\n]*)',
    re.S,
)
NAME = re.compile(rf'<span class="n">(\w+)</span>(?!{SPACE}<span class="k">as)')


def escape(app, what, name, obj, options, lines):
    """Write a docstring's bars, outside of code, so that they stay bars."""
    for number, line in enumerate(lines):
        parts = line.split("``")
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[number] = "``".join(parts)


def full_name(module, name):
    """Where the name is described: it may be imported from the package's root."""
    if module != "resnotes":
        return f"{module}.{name}"
    value = getattr(resnotes, name, None)
    if getattr(value, "__module__", None) is None or isinstance(value, type(resnotes)):
        return f"resnotes.{name}"
    home = value.__module__
    # An instance knows the module of its class: relu is one of ReLU's.
    return f"{home}.{name}" if hasattr(import_module(home), name) else f"resnotes.{name}"


def linked(body, where):
    """A page's body with links at what its code imports; `where` gives an entry's address by its full name, or None."""

    def link(module, found):
        address = where(full_name(module, found[1]))
        return f'<a class="n" href="{address}">{found[1]}</a>' if address else found[0]

    def imports(found):
        start = found.start("names") - found.start()
        names = NAME.sub(lambda name: link(found["module"], name), found["names"])
        return found[0][:start] + names

    return IMPORT.sub(imports, body)


def add(app, pagename, templatename, context, doctree):
    if doctree is None or PAGES.fullmatch(pagename):
        return
    objects = app.env.get_domain("py").objects

    def where(name):
        entry = objects.get(name)
        return entry and f"{app.builder.get_relative_uri(pagename, entry.docname)}#{entry.node_id}"

    context["body"] = linked(context["body"], where)


def setup(app):
    app.connect("autodoc-process-docstring", escape)
    app.connect("html-page-context", add)
