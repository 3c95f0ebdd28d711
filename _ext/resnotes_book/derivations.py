"""A derivation as a list of lines, each with its rule: narrow pages put the rule under the line, a script unfolds them.

In a notebook a derivation is one aligned formula. Here it is known again among the proofs of the registered equations,
and its lines are theirs.
"""

import re
from functools import cache

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from resnotes.book import EQUATIONS
from resnotes.symbolic.by_path import ByPath
from resnotes.symbolic.derivation import Derivation

INLINE = re.compile(r"\$([^$]+)\$")


class derivation(nodes.General, nodes.Element):
    """An ordered list of lines."""


class derivation_line(nodes.General, nodes.Element):
    """One line: what stands on the left, if anything, what it equals, and the rule."""


class derivation_cell(nodes.General, nodes.Element):
    """One of the three parts, named by its class."""


@cache
def known():
    """LaTeX -> the lines it is made of, for every derivation that proves a registered equation, plain and coloured by path."""
    proofs = [proof for entry in EQUATIONS.values() for proof in entry.proofs if hasattr(proof, "lines")]
    coloured = [ByPath(proof) for proof in proofs if isinstance(proof, Derivation)]
    return {proof.latex(): proof.lines() for proof in (*proofs, *coloured)}


def formula(latex):
    return nodes.math(latex, "", nodes.Text(rf"\displaystyle {latex}"))


def words(rule):
    """The rule's text, with its formulas."""
    parts = []
    for position, part in enumerate(INLINE.split(rule)):
        if part:
            parts.append(nodes.math(part, "", nodes.Text(part)) if position % 2 else nodes.Text(part))
    return parts


def as_list(found):
    items = []
    for left, right, rule in found:
        cells = [
            derivation_cell("", *([formula(left)] if left else []), classes=["derivation-left"]),
            derivation_cell("", formula(rf"{{=}}\;{right}"), classes=["derivation-right"]),  # no line ends after this =
            derivation_cell("", *words(rule), classes=["derivation-rule"]),
        ]
        items.append(derivation_line("", *cells))
    return derivation("", *items)


class SplitDerivations(SphinxPostTransform):
    """Outputs of cells that are derivations, and only those."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        for node in list(self.document.findall(nodes.math_block)):
            if "text_latex" in node["classes"]:
                found = known().get(node.astext().strip())
                if found:
                    node.parent.replace(node, as_list(found))


# Written with the page and not by the script, so that nothing moves when the script comes.
BAR = (
    '<div class="derivation-bar needs-script" role="group" aria-label="Lines of this derivation">'
    '<button type="button" data-lines="next">Line by line</button>'
    '<button type="button" data-lines="all" hidden>All lines</button>'
    '<span role="status"></span></div>\n'
)


def visit_derivation(self, node):
    self.body.append(BAR + self.starttag(node, "ol", CLASS="derivation"))


def visit_line(self, node):
    self.body.append(self.starttag(node, "li"))


def visit_cell(self, node):
    self.body.append(self.starttag(node, "span", ""))


def setup(app):
    app.add_node(derivation, html=(visit_derivation, lambda self, node: self.body.append("</ol>\n")))
    app.add_node(derivation_line, html=(visit_line, lambda self, node: self.body.append("</li>\n")))
    app.add_node(derivation_cell, html=(visit_cell, lambda self, node: self.body.append("</span>\n")))
    app.add_post_transform(SplitDerivations)
