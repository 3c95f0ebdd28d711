"""Where a line must not end: within a short formula, also one in plain text, before a full stop or a per cent sign, in a row.

KaTeX makes a box of each side of a relation, and a browser breaks a line on either side of any box. What a cell
prints is wrapped on a narrow screen, but not where it has columns.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

#: Signs up to which a formula is short: it fits on any line.
SHORT = 14
#: And these stay whole in a narrow column of a table, too.
TINY = 6
#: What in a formula's source is one sign, and what is none.
COMMAND, UNSEEN = re.compile(r"\\[A-Za-z]+|\\."), re.compile(r"[\s{}^_&]|\\[,;:! ]")
BEFORE, AFTER = re.compile(r"[(“\[]+$"), re.compile(r"^[.,;:!?)”\]]+")
#: In plain text: a percentage, a power of ten, a relation of short sides, a number and what is taken from it, a sign and what it stands before.
WHOLE = re.compile(
    r"\d[\d.,]*\s%|\d[\d.]*e-\d+|\S{1,9}(?:\s[=≈≠<>≤≥]\s[-−]?\S{1,9})+(?!\S)|(?<!\S)\d[\d.]*\s[-−+]\s\S{1,6}(?!\S)|(?<!\S)[-−]\w{1,6}"
)
COLUMNS, POWER = re.compile(r"\S {2,}\S"), re.compile(r"\de-\d")


def signs(latex):
    """About how many signs a formula shows."""
    return len(COMMAND.sub("x", UNSEEN.sub("", latex)))


def has_columns(printed):
    """Whether a print has columns, or powers of ten, which a browser would break after their minus."""
    return bool(POWER.search(printed)) or sum(bool(COLUMNS.search(line)) for line in printed.splitlines()) > 1


def together(*children):
    return nodes.inline("", "", *children, classes=["unbroken"])


def pieces(said):
    """A text in pieces, with whether each is to stay on one line."""
    found, at = [], 0
    for match in WHOLE.finditer(said):
        found += [(said[at : match.start()], False), (match[0], True)]
        at = match.end()
    return [(text, kept) for text, kept in [*found, (said[at:], False)] if text]


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
                node["classes"] += ["short", "tiny"] if signs(node.astext()) <= TINY else ["short"]
            self.with_neighbours(node)
        for node in self.document.findall(nodes.literal_block):
            if "stream" in node["classes"] and has_columns(node.astext()):
                node["classes"].append("columns")
        for node in list(self.document.findall(nodes.Text)):
            if isinstance(node.parent, nodes.paragraph):
                self.whole(node)

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
    def whole(node):
        parts = [together(nodes.Text(text)) if kept else nodes.Text(text) for text, kept in pieces(node.astext())]
        if len(parts) > 1 or parts and isinstance(parts[0], nodes.inline):
            node.parent.replace(node, parts)


def setup(app):
    app.add_post_transform(KeepTogether)
