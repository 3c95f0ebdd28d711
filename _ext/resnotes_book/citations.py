"""The bibliography: each entry named as the text names it, what can be looked up linked, and the places that cite it."""

import re
from collections import defaultdict

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

#: What an entry says of where it can be had -> its address.
ADDRESSES = {
    re.compile(r"arXiv:(\d{4}\.\d{4,5})"): "https://arxiv.org/abs/{}",
    re.compile(r"doi:(10\.\d+/[^\s,;]*[^\s,;.])"): "https://doi.org/{}",
    re.compile(r"(https?://[^\s,;]*[^\s,;.])"): "{}",
}
#: What tells papers of one year apart.
LETTER = re.compile(r"(?<=\d)[a-z]$")
PLACE = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in ADDRESSES))


def name(entry):
    """Authors and year, as the text cites them."""
    return f"{authors(entry)}, {entry.fields['year']}"


def authors(entry):
    last = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons.get("author", ())]
    last = [re.sub(r"[{}]", "", one) for one in last]
    return last[0] if len(last) == 1 else " and ".join(last) if len(last) == 2 else f"{last[0]} et al."


def tell_apart(entries):
    """Give those that would have one name a letter after the year, a, b, …, in the order of their titles."""
    alike = defaultdict(list)
    for entry in entries.values():
        entry.fields["year"] = LETTER.sub("", entry.fields["year"])  # a cached one has it already
        alike[name(entry)].append(entry)
    for same in alike.values():
        if len(same) > 1:
            for letter, entry in zip("abcdefgh", sorted(same, key=lambda entry: entry.fields["title"]), strict=False):
                entry.fields["year"] += letter


def linked(text):
    """Text as nodes, with a link where it says where something can be had."""
    parts, end = [], 0
    for match in PLACE.finditer(text):
        address = next(
            form.format(*found.groups()) for p, form in ADDRESSES.items() if (found := p.fullmatch(match[0]))
        )
        parts += [nodes.Text(text[end : match.start()]), nodes.reference("", match[0], refuri=address)]
        end = match.end()
    return [*parts, nodes.Text(text[end:])]


class Bibliography(SphinxPostTransform):
    """After sphinxcontrib-bibtex has written the entries."""

    default_priority = 6
    formats = ("html",)

    def run(self, **kwargs):
        domain = self.env.get_domain("cite")
        entries = {citation.citation_id: citation for citation in domain.citations}
        for node in self.document.findall(nodes.citation):
            citation = entries[node["ids"][0]]
            node[0].replace_self(nodes.label("", name(citation.entry), support_smartquotes=False))
            for text in list(node.findall(nodes.Text)):
                if not isinstance(text.parent, (nodes.label, nodes.reference)):
                    text.parent.replace(text, linked(str(text)))
            node += self.cited_in(citation.key)

    def cited_in(self, key):
        """A line with a link to the first place of each page that cites the entry."""
        places = {}
        for place in self.env.get_domain("cite").citation_refs:
            if key in {target.key for target in place.targets}:
                places.setdefault(place.docname, place.citation_ref_id)
        here = self.env.docname
        order = [name for name in self.env.toctree_includes[self.config.root_doc] if name in places]
        order = [name for name in [self.config.root_doc, *order] if name in places]
        line = nodes.paragraph("", "Cited in: " if order else "", classes=["cited-in"])
        for number, page in enumerate(order):
            address = f"{self.app.builder.get_relative_uri(here, page)}#{places[page]}"
            line += nodes.Text(", " if number else "")
            line += nodes.reference("", self.env.titles[page].astext(), refuri=address, internal=True)
        return [line] if order else []


def visit_citation(self, node):
    """The list as it is: docutils gives its entries a role that ARIA has withdrawn."""
    type(self).visit_citation(self, node)
    self.body[-1] = self.body[-1].replace('role="doc-biblioentry"', 'role="listitem"')


def depart_citation(self, node):
    type(self).depart_citation(self, node)


def setup(app):
    app.connect(
        "env-before-read-docs", lambda app, env, docnames: tell_apart(env.get_domain("cite").bibdata.data.entries)
    )
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    app.add_post_transform(Bibliography)
