"""Words that the glossary explains show their meaning where a chapter first uses them.

The page `chapters/glossary` is the only source. In each numbered chapter the first use of each of its words becomes a
link to it, and the meaning is put, out of sight, at the page's end, for the script to show (assets/resnotes.js).
Nothing has to be written into a chapter for that; ``{term}`` works as well.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

PAGE = "chapters/glossary"
NUMBERED = re.compile(r"chapters/\d\d_")
LINK = re.compile(r'href="glossary\.html#(term-[\w-]+)"')
#: Words that are used in a wider sense, too; a chapter may link one of them with ``{term}``.
NOT_ALONE = {"strength", "gain", "path", "batch", "independent", "branch"}
#: What holds no prose.
CLOSED = (nodes.reference, nodes.title, nodes.literal, nodes.math, nodes.caption, nodes.table, nodes.raw)


def entries(document):
    """Word -> (id, definition) of the glossary's doctree."""
    found = {}
    for item in document.findall(nodes.definition_list_item):
        terms = [child for child in item if isinstance(child, nodes.term)]
        for term in terms:
            found[term.astext()] = (term["ids"][0], item[-1])
    return found


def pattern(words):
    """Finds any of the words, the longest first, in the plural too."""
    longest = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])({longest})(s?)(?![\w-])", re.IGNORECASE)


class LinkTerms(SphinxPostTransform):
    """Make a link of the first use of each word."""

    default_priority = 900  # after references are resolved
    formats = ("html",)

    def run(self, **kwargs):
        if not NUMBERED.match(self.env.docname) or PAGE not in self.env.found_docs:
            return
        known = entries(self.env.get_doctree(PAGE))
        wanted = {word.lower(): ids for word, (ids, _) in known.items() if word not in NOT_ALONE}
        for paragraph in list(self.document.findall(nodes.paragraph)):
            for text in list(paragraph.findall(nodes.Text)):
                if wanted and not self.inside(text, paragraph):
                    self.link(text, wanted)

    @staticmethod
    def inside(node, paragraph):
        """Whether a text, or its paragraph, stands in what holds no prose."""
        while node is not None:
            if isinstance(node, CLOSED):
                return True
            node = node.parent
        return False

    def link(self, text, wanted):
        """Replace a text by itself with links; what is linked is taken out of `wanted`."""
        said, at, parts = text.astext(), 0, []
        page = self.app.builder.get_relative_uri(self.env.docname, PAGE)
        for match in pattern(wanted).finditer(said):
            ids = wanted.get(match[1].lower())
            if ids is None:  # a word for the same, earlier in this text
                continue
            for word in [word for word, other in wanted.items() if other == ids]:
                del wanted[word]
            parts += [nodes.Text(said[at : match.start()])]
            parts += [nodes.reference("", match[0], internal=True, refuri=f"{page}#{ids}", classes=["term"])]
            at = match.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(said[at:])])


def add(app, pagename, templatename, context, doctree):
    """Put the meanings of the words that a page links to at its end."""
    asked = sorted(set(LINK.findall(context.get("body", ""))))
    if not asked:
        return
    meanings = {ids: definition for ids, definition in entries(app.env.get_doctree(PAGE)).values()}
    for ids in asked:
        said = app.builder.render_partial(meanings[ids])["fragment"]
        context["body"] += f'<script type="text/html" data-preview="{ids}">{said}</script>'


def setup(app):
    app.add_post_transform(LinkTerms)
    app.connect("html-page-context", add, priority=450)
