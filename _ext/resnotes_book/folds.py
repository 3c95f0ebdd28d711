"""Folded material as `<details>`: it needs no script, works by keyboard, and prints open.

`:class: dropdown` on an admonition or a solution, and the cell tags `hide-input`, `hide-output` and
`hide-cell`, all end here. Beside it, the ids are taken away that sphinx-proof and sphinx-exercise give to
every statement's body alike (`proof-content`, `solution-content`), and which would repeat on a page.

What a fold of the class `later` holds stands in a `<noscript>`: a browser without a script shows it like any other
fold's, and for one with a script it is one text, of which assets/resnotes.js makes elements when somebody asks for them.
"""

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.locale import admonitionlabels
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import is_extension_node as is_exercise
from sphinx_proof.nodes import proof_node

LATER = "later"


class fold(nodes.General, nodes.Element):
    """Something unfolded by a click on its title, its first child."""


class fold_title(nodes.TextElement):
    """What a fold shows when it is closed."""


def visit_fold(self, node):
    self.body.append(self.starttag(node, "details"))


def depart_fold(self, node):
    self.body.append("</noscript></details>\n" if LATER in node["classes"] else "</details>\n")


def visit_fold_title(self, node):
    self.body.append(self.starttag(node, "summary", "", CLASS="admonition-title"))


def depart_fold_title(self, node):
    self.body.append("</summary><noscript>\n" if LATER in node.parent["classes"] else "</summary>\n")


def without_links(node):
    """The children of `node`, each reference replaced by its text: in a summary, a click unfolds."""
    copies = []
    for child in node.children:
        if isinstance(child, nodes.reference):
            copies += without_links(child)
        else:
            copies.append(child.deepcopy())
    return copies


def as_fold(node):
    """The fold that stands for an admonition-like `node`."""
    if node.children and isinstance(node[0], nodes.title):
        title, content = fold_title("", "", *without_links(node[0])), node.children[1:]
    else:
        title, content = fold_title("", admonitionlabels[node.tagname]), node.children
    kind = [] if isinstance(node, nodes.admonition) or is_exercise(node) else [node.tagname]
    classes = ["admonition", *kind, *(name for name in node["classes"] if name != "dropdown"), "fold"]
    return fold("", title, *content, ids=node["ids"], classes=classes)


def visit_hidden_cell(self, node):
    self.body.append(self.starttag(node, "details", CLASS="admonition cell-fold fold"))
    self.body.append(f'<summary class="admonition-title">{self.encode(node["prompt_show"])}</summary>\n')


#: What a hidden cell is called that has no name of its own, by what it shows; the first that is found.
SHOWN = (
    (lambda node: isinstance(node, nodes.raw) and "data-resnotes-explorer" in node.astext(), "makes this figure"),
    (lambda node: isinstance(node, nodes.image), "draws this figure"),
    (lambda node: isinstance(node, nodes.table), "makes this table"),
    (lambda node: isinstance(node, (nodes.math_block, nodes.paragraph)), "writes these lines"),
    (lambda node: isinstance(node, nodes.literal_block), "prints these lines"),
)


def cell_name(cell):
    """What the fold of a code cell's source says, so that nobody opens it to see what is in it."""
    outputs = [node for output in cell.children[1:] for node in output.findall()]
    said = [words for kind, words in SHOWN if any(map(kind, outputs))]
    return f"The cell that {said[0]}" if said else "A cell that the next ones need"


class NameCells(SphinxPostTransform):
    """Before MyST-NB hides what is to be hidden: what each hidden source is."""

    default_priority = 198
    formats = ("html",)

    def run(self, **kwargs):
        for cell in self.document.findall(nodes.container):
            if cell.get("hide_mode") == "input" and cell["prompt_show"] == self.env.mystnb_config.code_prompt_show:
                cell["prompt_show"] = cell_name(cell)


class MakeFolds(SphinxPostTransform):
    default_priority = 950  # after titles and references are resolved
    formats = ("html",)

    def run(self, **kwargs):
        for node in list(self.document.findall(nodes.Admonition)):
            if "dropdown" in node["classes"]:
                node.parent.replace(node, as_fold(node))


class DropRepeatedIds(SphinxPostTransform):
    default_priority = 940
    formats = ("html",)

    def run(self, **kwargs):
        for node in list(self.document.findall(nodes.section)):
            if isinstance(node.parent, nodes.Admonition):
                node.parent.replace(node, nodes.container("", *node.children, classes=node["classes"]))
        for node in self.document.findall(proof_node):
            node[0]["ids"] = []
            node[0]["classes"].append("proof-text")


def setup(app):
    app.add_node(fold, html=(visit_fold, depart_fold))
    app.add_node(fold_title, html=(visit_fold_title, depart_fold_title))
    app.add_node(HideCodeCellNode, override=True, html=(visit_hidden_cell, depart_fold))
    app.add_post_transform(NameCells)
    app.add_post_transform(DropRepeatedIds)
    app.add_post_transform(MakeFolds)
