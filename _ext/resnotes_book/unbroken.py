"""Where a line must not end: within a short formula, before the full stop after one or a per cent sign, in a table's row.

KaTeX makes a box of each side of a relation, and a browser breaks a line on either side of any box. What a cell
prints is wrapped on a narrow screen, but not where it has columns.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

#: Signs up to which a formula is short: it fits on any line.
SHORT = 14
#: What in a formula's source is one sign, and what is none.
COMMAND, UNSEEN = re.compile(r"\\[A-Za-z]+|\\."), re.compile(r"[\s{}^_&]|\\[,;:! ]")
BEFORE, AFTER = re.compile(r"[(“\[]+$"), re.compile(r"^[.,;:!?)”\]]+")
PER_CENT = re.compile(r"\d[\d.,]* %")
COLUMNS = re.compile(r"\S {2,}\S")


def signs(latex):
    """About how many signs a formula shows."""
    return len(COMMAND.sub("x", UNSEEN.sub("", latex)))


def has_columns(printed):
    return sum(bool(COLUMNS.search(line)) for line in printed.splitlines()) > 1


def together(*children):
    return nodes.inline("", "", *children, classes=["unbroken"])


def cut(text, pattern):
    """A text before, in, and after what `pattern` finds in it; all before it where it finds nothing."""
    said = text.astext()
    match = pattern.search(said)
    return (said[: match.start()], match[0], said[match.end() :]) if match else (said, "", "")


class KeepTogether(SphinxPostTransform):
    default_priority = 960  # after words have become links, and derivations lists
    formats = ("html",)

    def run(self, **kwargs):
        for node in list(self.document.findall(nodes.math)):
            if signs(node.astext()) <= SHORT:
                node["classes"].append("short")
            self.with_neighbours(node)
        for node in self.document.findall(nodes.literal_block):
            if "stream" in node["classes"] and has_columns(node.astext()):
                node["classes"].append("columns")
        for node in list(self.document.findall(nodes.Text)):
            if isinstance(node.parent, nodes.paragraph):
                self.per_cent(node)

    @staticmethod
    def with_neighbours(node):
        """Put a formula together with the punctuation at its sides."""
        parent, at = node.parent, node.parent.index(node)
        last = at + 1 < len(parent) and isinstance(parent[at + 1], nodes.Text)
        first = at > 0 and isinstance(parent[at - 1], nodes.Text)
        _, after, rest = cut(parent[at + 1], AFTER) if last else ("", "", "")
        ahead, before, _ = cut(parent[at - 1], BEFORE) if first else ("", "", "")
        if not before and not after:
            return
        if after:
            parent[at + 1] = nodes.Text(rest)
        if before:
            parent[at - 1] = nodes.Text(ahead)
        parent[at] = together(*([nodes.Text(before)] if before else []), node, *([nodes.Text(after)] if after else []))

    @staticmethod
    def per_cent(node):
        said, parts, at = node.astext(), [], 0
        for match in PER_CENT.finditer(said):
            parts += [nodes.Text(said[at : match.start()]), together(nodes.Text(match[0]))]
            at = match.end()
        if parts:
            node.parent.replace(node, [*parts, nodes.Text(said[at:])])


def setup(app):
    app.add_post_transform(KeepTogether)
