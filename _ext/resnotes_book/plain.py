"""A chapter in plain Markdown, for what knows no MyST: Colab, VS Code, GitHub, nbviewer, JupyterLab without an extension.

Roles become text and links, equation numbers are written out, statements become quotes with bold heads, what is folded
in the book becomes ``<details>``, and the first cell installs the package where it is missing.
Numbers are found as Sphinx gives them: by chapter, in the order of the labels.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
import yaml
from pybtex.database import parse_file

from resnotes.book import EXERCISES

from . import citations

#: What the chapters import besides NumPy.
EXTRAS = "symbolic,widgets,figures,training"
INSTALL = """# The book's package, where it is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("resnotes") is None:
    {}"""
FENCE = re.compile(
    r"^(?P<colons>:{3,})\{(?P<name>[\w:]+)\} *(?P<title>[^\n]*)\n(?P<body>.*?)^(?P=colons) *$", re.M | re.S
)
HEAD = re.compile(r"^:{3,}\{(?P<name>[\w:]+)\}[^\n]*\n(?P<body>(?::[^\n]*\n)*)", re.M)
OPTION = re.compile(r"^:(?P<key>[\w-]+): *(?P<value>[^\n]*)\n", re.M)
LABELLED = re.compile(r"^\$\$\n(?P<formula>.*?)\n\$\$ *\((?P<label>[\w-]+)\)$", re.M | re.S)
DISPLAYED = re.compile(r"^\$\$\n(?P<formula>.*?)\n\$\$", re.M | re.S)
TARGET = re.compile(r"^\([\w-]+\)=\n", re.M)
ROLE = re.compile(r"\{(?P<name>[\w:]+)\}`(?P<text>[^`]*)`")
WITH_TARGET = re.compile(r"(?P<text>.*?) *<(?P<target>[^<>]+)>")
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<to>[\w-]+\.(?:ipynb|md)|#[\w-]+)(?P<anchor>#[\w-]*)?\)")
#: What stands below it in a chapter: an introduction, then exercises with their solutions and nothing else.
EXERCISES_HEAD = "## Exercises"
#: Statements that have a number, each kind its own, and their names.
NUMBERED = {"prf:theorem": "Theorem", "prf:proposition": "Proposition", "prf:lemma": "Lemma",
            "prf:corollary": "Corollary", "prf:definition": "Definition", "exercise": "Exercise"}  # fmt: skip


def quoted(text):
    """`text` as a Markdown quote. A formula goes on one line, where no mark of the quote can get into it."""
    text = DISPLAYED.sub(lambda found: f"$${' '.join(found['formula'].split())}$$", text.strip())
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def folded(title, text):
    return f"<details>\n<summary>{title}</summary>\n\n{text.strip()}\n\n</details>"


def options(body):
    """The options at the start of a directive's body, and the rest."""
    found = {}
    while match := OPTION.match(body):
        found[match["key"]] = match["value"].strip()
        body = body[match.end() :]
    return found, body.strip("\n")


def unsolved(cells):
    """A chapter's cells without solutions, and without what the exercises open with, which is about the judge of answers.
    Each exercise gets a cell of its own."""
    kept, rest = [], iter(cells)
    for cell in rest:
        before, head, _ = cell.source.partition(EXERCISES_HEAD)
        if cell.cell_type == "markdown" and head:
            kept.append(nbformat.v4.new_markdown_cell(before + head, id=cell.id))
            break
        kept.append(cell)
    for cell in rest:
        for match in FENCE.finditer(cell.source):
            if match["name"] == "exercise":
                label = options(match["body"])[0]["label"]
                kept.append(nbformat.v4.new_markdown_cell(match[0], id=label))
    return kept


def with_places(cells):
    """`cells` with a place for an answer after every exercise."""
    for cell in cells:
        yield cell
        if cell.source.startswith(":::{exercise}"):
            yield nbformat.v4.new_markdown_cell("*Your answer:*", id=f"{cell.id}-answer")


@dataclass
class Place:
    """Where something with a label stands, and what it is called."""

    stem: str
    name: str


@dataclass
class Plain:
    """The book's chapters in plain Markdown.

    Parameters
    ----------
    root : Path
        Of the project.
    address : str
        Of the published book, with a slash at its end; empty where there is none. Links lead there, else to the
        notebooks beside this one.
    repository : str
        Where the package can be installed from; empty where that is not known.
    solutions : bool
        Whether solutions are folded away, or left out with all that speaks of answers, and a place is left for one's own.
    """

    root: Path
    address: str = ""
    repository: str = ""
    solutions: bool = True

    @cached_property
    def numbers(self):
        """Stem -> number of the chapter, as the table of contents counts them."""
        parts = yaml.safe_load((self.root / "_toc.yml").read_text("utf-8"))["parts"]
        files = [entry["file"] for part in parts if part.get("numbered") for entry in part["chapters"]]
        return {Path(file).name: number for number, file in enumerate(files, 1)}

    @cached_property
    def sources(self):
        """Stem -> the chapter's Markdown, all of it."""
        files = sorted((self.root / "chapters").glob("*.ipynb"))
        return {file.stem: "\n\n".join(cell.source for cell in self.notebook(file) if cell.cell_type == "markdown")
                for file in files}  # fmt: skip

    @staticmethod
    def notebook(file):
        return nbformat.read(file, as_version=4).cells

    @cached_property
    def places(self):
        """Label -> where it stands and what it is called."""
        found = {}
        for stem, text in self.sources.items():
            prefix = f"{self.numbers[stem]}." if stem in self.numbers else ""
            for number, match in enumerate(LABELLED.finditer(text), 1):
                found[match["label"]] = Place(stem, f"({prefix}{number})")
            found |= self._statements(stem, text, prefix)
        return found

    def _statements(self, stem, text, prefix):
        counts, found = dict.fromkeys(NUMBERED, 0), {}
        for match in HEAD.finditer(text):
            if (kind := match["name"]) in NUMBERED:
                counts[kind] += 1
                label = options(match["body"])[0].get("label")
                found[label] = Place(stem, f"{NUMBERED[kind]} {prefix}{counts[kind]}")
        return found

    @cached_property
    def works(self):
        """Key -> (authors, year) of the works cited, as the book cites them."""
        entries = parse_file(str(self.root / "chapters/references.bib")).entries
        citations.tell_apart(entries)
        return {key: (citations.authors(entry), entry.fields["year"]) for key, entry in entries.items()}

    def link(self, text, stem, here):
        """`text`, leading to another chapter or page."""
        if stem == here:
            return text
        if self.address:
            return f"[{text}]({self.address}chapters/{stem}.html)"
        return f"[{text}]({stem}.ipynb)" if stem in self.sources else text

    def _role(self, match, here):
        name, text = match["name"], match["text"]
        if name.startswith("cite"):
            works = [self.works[key.strip()] for key in text.split(",")]
            if name == "cite:t":
                return ", ".join(f"{authors} [{year}]" for authors, year in works)
            return "[" + ", ".join(f"{authors}, {year}" for authors, year in works) + "]"
        said = WITH_TARGET.fullmatch(text)
        place = self.places.get(said["target"] if said else text)
        if place is None:
            return said["text"] if said else text
        return self.link(said["text"] if said else place.name, place.stem, here)

    def _link(self, match, here):
        if match["to"].startswith("#"):
            return match["text"]
        return self.link(match["text"], Path(match["to"]).stem, here)

    def _directive(self, match, here):
        name, title = match["name"], match["title"]
        chosen, body = options(match["body"])
        text = self.text(body, here)
        if name == "solution":
            return folded(f"Solution to {self.places[title.strip()].name}", text) if self.solutions else ""
        if name in NUMBERED:
            head = self.places[chosen["label"]].name if "label" in chosen else NUMBERED[name]
            asked = EXERCISES.get(chosen.get("label"))
            title = title or (f"level {asked.level}" if asked else "")
            return quoted(f"**{head}**" + (f" ({title})" if title else "") + f"\n\n{text}")
        if "dropdown" in chosen.get("class", ""):
            return folded(self.text(title, here) or name.capitalize(), text)
        head = self.text(title, here) if name == "admonition" else name.rpartition(":")[2].capitalize()
        return quoted(f"**{head}**\n\n{text}")

    def text(self, markdown, here=""):
        """A cell's Markdown, made plain. `here` is the chapter that it stands in."""
        text = FENCE.sub(lambda match: self._directive(match, here), markdown)
        text = LABELLED.sub(
            lambda match: f"$$\n{match['formula']}\n\\tag{{{self.places[match['label']].name[1:-1]}}}\n$$", text
        )
        text = TARGET.sub("", text)
        text = LINK.sub(lambda match: self._link(match, here), text)
        text = ROLE.sub(lambda match: self._role(match, here), text)
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n")

    def install(self):
        """The code that installs the package, or where it is not known from where, says how."""
        if self.repository:
            what = f"resnotes[{EXTRAS}] @ git+{self.repository}"
            return INSTALL.format(
                f'subprocess.run([sys.executable, "-m", "pip", "install", "-q", "{what}"], check=True)'
            )
        how = f"resnotes is missing. In a copy of the book's repository: pip install '.[{EXTRAS}]'"
        return INSTALL.replace("import subprocess\nimport sys\n", "").format(f'raise ModuleNotFoundError("{how}")')

    def chapter(self, stem):
        """A chapter's notebook in plain Markdown, with its stored outputs."""
        notebook = nbformat.read(self.root / "chapters" / f"{stem}.ipynb", as_version=4)
        if not self.solutions:
            notebook.cells = list(with_places(unsolved(notebook.cells)))
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self.text(cell.source, stem)
        first = nbformat.v4.new_code_cell(self.install(), id="install", execution_count=None)
        notebook.cells = [first, *(cell for cell in notebook.cells if cell.source)]
        return notebook
