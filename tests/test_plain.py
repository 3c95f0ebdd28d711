"""The chapters in plain Markdown: what a download and Colab get."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup, SoupStrainer

from _ext.resnotes_book import launch
from _ext.resnotes_book.plain import Plain
from tools import book, downloads

ROOT = book.ROOT
BARE = Plain(ROOT)
STEMS = sorted(BARE.sources)
ADDRESS, REPOSITORY = "https://example.org/a/", "https://github.com/someone/book"
#: What plain Markdown does not know: roles, directives, targets, labels behind formulas.
MYST = re.compile(r"\{[\w:]+\}`|:::|^\([\w-]+\)=|\$\$ *\([\w-]+\)", re.MULTILINE)


def markdown(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("stem", STEMS)
def test_no_markup_is_left_that_plain_markdown_does_not_know(stem):
    """And what computes is what it was, behind one cell that installs."""
    notebook, stored = BARE.chapter(stem), nbformat.read(ROOT / "chapters" / f"{stem}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert MYST.search(markdown(stored)) and not MYST.search(markdown(notebook))
    install, *code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code == [cell for cell in stored.cells if cell.cell_type == "code"] and not install.outputs
    assert markdown(notebook).count("\\tag{") == len(re.findall(r"^\$\$ *\([\w-]+\)$", markdown(stored), re.MULTILINE))
    for name in re.findall(r"\]\(([^)]*)\)", markdown(notebook)):
        assert name.startswith("http") or (ROOT / "chapters" / name).suffix == ".ipynb"


TEXT = """\
:::{prf:proposition} One unit
:label: prop-one-unit

See {eq}`at-least-lower` and {eq}`scaling-scalar`, {cite}`he2016` of {cite:t}`he2015`, on [scaling](04_lambda_scaling.ipynb).

$$
a
b
$$ (at-least-upper)
:::

:::{solution} ex-at-least-drill
:class: dropdown

By {prf:ref}`prop-chain`, {ref}`so there <nowhere>`; the [audit](audit.md).
:::"""


def test_how_things_look():
    chapter = f"[{{}}]({ADDRESS}chapters/{{}}.html)".format
    plain = Plain(ROOT, address=ADDRESS)
    four = plain.places["scaling-scalar"].name
    head, tail = plain.text(TEXT, "06_at_least").split("\n\n<details>\n")
    assert head.split("\n") == [
        "> **Proposition 6.1** (One unit)",
        ">",
        f"> See (6.1) and {chapter(four, '04_lambda_scaling')}, [He et al., 2016] of He et al. [2015a], "
        f"on {chapter('scaling', '04_lambda_scaling')}.",
        ">",
        "> $$a b \\tag{6.2}$$",
    ]
    assert tail == (
        "<summary>Solution to Exercise 6.1</summary>\n\n"
        f"By {plain.places['prop-chain'].name}, so there; the {chapter('audit', 'audit')}.\n\n</details>"
    )
    assert "details" not in Plain(ROOT, solutions=False).text(TEXT, "06_at_least")


def installing(notebook, missing):
    """Run its first cell where the package is there, or not, with a stand-in for pip; what it printed, and its error."""
    code = (
        "import importlib.util, subprocess\n"
        f"importlib.util.find_spec = lambda name: {None if missing else 1}\n"
        "subprocess.run = lambda command, check: print(*command[1:])\n" + notebook.cells[0].source
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr.strip().rpartition("\n")[2]


def test_the_first_cell_installs_what_is_missing_or_says_how():
    known = Plain(ROOT, repository=REPOSITORY).chapter("06_at_least")
    wanted = f"resnotes[symbolic,widgets,figures,training] @ git+{REPOSITORY}"
    assert installing(known, missing=True) == (f"-m pip install -q {wanted}", "")
    unknown = BARE.chapter("06_at_least")
    assert "pip install '.[symbolic,widgets,figures,training]'" in installing(unknown, missing=True)[1]
    assert installing(known, missing=False) == installing(unknown, missing=False) == ("", "")


@pytest.mark.parametrize("stem", STEMS)
def test_what_a_chapter_reads_comes_with_the_package(stem):
    """A notebook that was downloaded has no files of the repository beside it."""
    code = [cell.source for cell in BARE.notebook(ROOT / "chapters" / f"{stem}.ipynb") if cell.cell_type == "code"]
    texts = [node.value for node in ast.walk(ast.parse("\n".join(code))) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and text and (ROOT / "chapters" / text).is_file()]


def test_a_plain_notebook_passes_nbval(tmp_path):
    """Alone in a folder, as somebody has it who downloaded it."""
    path = tmp_path / "chapter.ipynb"
    nbformat.write(BARE.chapter("14_your_own_network"), path)
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_they_become_a_branch(tmp_path, monkeypatch):
    """Of origin, with these files and no others; the work tree and the index stay as they are. Nobody is named, as on a
    machine that runs a workflow."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{who}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{who}_EMAIL", raising=False)

    def git(*arguments, cwd=tmp_path / "work"):
        return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout

    git("init", "-q", "--bare", "origin", cwd=tmp_path)
    git("clone", "-q", "origin", "work", cwd=tmp_path)
    folder = tmp_path / "work/_build/downloads"
    folder.mkdir(parents=True)
    (folder / "01.ipynb").write_text("{}", "utf-8")
    downloads.write_requirements(folder, REPOSITORY)
    (tmp_path / "work/other").write_text("", "utf-8")
    for _ in range(2):
        downloads.push(folder, "notebooks", tmp_path / "work")
    assert git("ls-tree", "-r", "--name-only", "notebooks", cwd=tmp_path / "origin").split() == [
        "01.ipynb",
        "requirements.txt",
        "runtime.txt",
    ]
    wanted = f"resnotes[symbolic,widgets,figures,training] @ git+{REPOSITORY}\n"
    assert git("show", "notebooks:requirements.txt", cwd=tmp_path / "origin") == wanted
    assert git("status", "--porcelain").split("\n")[:2] == ["?? _build/", "?? other"]


def test_what_stands_at_the_foot_of_a_page(monkeypatch):
    """Nothing that needs a repository where none is known."""
    assert launch.links("chapters/04_x", "", ADDRESS, ".ipynb") == {}
    found = launch.links("chapters/04_x", REPOSITORY, ADDRESS, ".ipynb")
    assert found["Run it on Colab"] == "https://colab.research.google.com/github/someone/book/blob/notebooks/04_x.ipynb"
    assert found["on Binder"] == "https://mybinder.org/v2/gh/someone/book/notebooks?labpath=04_x.ipynb"
    assert found["see it on nbviewer"] == "https://nbviewer.org/urls/example.org/a/_sources/chapters/04_x.ipynb"
    assert found["Edit this page"] == f"{REPOSITORY}/edit/main/chapters/04_x.ipynb"
    assert list(launch.links("search", REPOSITORY, "", "")) == ["Report an error", "The repository"]
    assert launch.report(REPOSITORY, "init-law").endswith(
        "equation.yml&title=Equation%20init-law%3A%20&equation=init-law"
    )
    monkeypatch.setenv(launch.VARIABLE, "example.org")
    with pytest.raises(ValueError, match="BOOK_REPOSITORY: got 'example.org', wanted an address"):
        launch.repository()


def test_the_numbers_are_those_of_the_pages(book):
    """Every link to an equation, a statement or an exercise, on every page."""
    numbered = re.compile(r"\([\d.]+\)|(?:Theorem|Proposition|Lemma|Corollary|Definition|Exercise) [\d.]+")
    seen = set()
    for page in sorted(Path(book, "chapters").glob("*.html")):
        for link in BeautifulSoup(page.read_text("utf-8"), "html.parser", parse_only=SoupStrainer("a")).select(
            ".reference.internal[href*='#']"
        ):
            label = link["href"].rpartition("#")[2].removeprefix("equation-")
            if numbered.fullmatch(text := link.get_text().strip()) and label in BARE.places:
                assert BARE.places[label].name == text, (page.name, label)
                seen.add(label)
    assert len(seen) > 0.8 * len([label for label, place in BARE.places.items() if place.name.startswith("(")])
