"""The frame around the book: its build stamp, its environment, its stored notebooks, what it is made from."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from tools import book, environment, notebooks

ROOT = book.ROOT
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))


# The stamp ------------------------------------------------------------------------------------------------

SOURCES = [
    "src/resnotes/a.py",
    "src/resnotes/explorers/a.js",
    "chapters/01.ipynb",
    "assets/a.css",
    "_ext/resnotes_book/__init__.py",
    "_config.yml",
    "_toc.yml",
    "pyproject.toml",
    "requirements.txt",
    "tools/book.py",
]


@pytest.fixture
def tree(tmp_path):
    """A small copy of everything the book is made from, with a built page and a fresh stamp."""
    for name in (*SOURCES, "tests/test_a.py", "_build/html/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", "utf-8")
    book.stamp(tmp_path).write_text(book.fingerprint(tmp_path), "utf-8")
    return tmp_path


def test_nothing_changed_is_fresh(tree):
    assert book.is_fresh(tree)


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_makes_the_book_stale(tree, name):
    (tree / name).write_text("changed", "utf-8")
    assert not book.is_fresh(tree)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "chapters/02.ipynb").write_text("{}", "utf-8"),
        lambda tree: (tree / "chapters/01.ipynb").unlink(),
        lambda tree: (tree / "chapters/01.ipynb").rename(tree / "chapters/03.ipynb"),
        lambda tree: (tree / "_build/html/index.html").unlink(),
        lambda tree: book.stamp(tree).unlink(),
    ],
    ids=["file added", "file removed", "file renamed", "page gone", "stamp gone"],
)
def test_other_changes_make_the_book_stale(tree, change):
    change(tree)
    assert not book.is_fresh(tree)


@pytest.mark.parametrize(
    "name",
    [
        "tests/test_a.py",
        "src/resnotes/__pycache__/a.pyc",
        "chapters/.ipynb_checkpoints/x",
        "src/resnotes/.ruff_cache/a",
    ],
)
def test_what_no_page_depends_on_leaves_it_fresh(tree, name):
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text("changed", "utf-8")
    assert book.is_fresh(tree)


def test_moved_content_is_not_the_same_content(tree):
    """Names and contents are told apart: `ab` + `` is not `a` + `b`."""
    before = book.fingerprint(tree)
    (tree / "_config.yml").write_text("x", "utf-8")
    one = book.fingerprint(tree)
    (tree / "_config.yml").write_text("", "utf-8")
    (tree / "_toc.yml").write_text("x", "utf-8")
    assert len({before, one, book.fingerprint(tree)}) == 3


def builder(tree, during=lambda: None, status=0):
    """A stand-in for `book.run` that builds one page; records what was left of the build before."""

    def run(command, root, environment):
        run.left = [path.name for path in (tree / "_build").rglob("*")] if (tree / "_build").exists() else []
        during()
        if status:
            raise subprocess.CalledProcessError(status, command)
        (tree / "_build/html").mkdir(parents=True)
        (tree / "_build/html/index.html").write_text("built", "utf-8")

    return run


def test_a_rebuild_is_whole(tree, monkeypatch):
    (tree / "_build/html/gone.html").write_text("of a chapter that was removed", "utf-8")
    run = builder(tree)
    monkeypatch.setattr(book, "run", run)
    book.build(tree)
    assert run.left == [] and book.is_fresh(tree)


def test_a_failed_build_leaves_no_stamp(tree, monkeypatch):
    monkeypatch.setattr(book, "run", builder(tree, status=1))
    with pytest.raises(subprocess.CalledProcessError):
        book.build(tree)
    assert not book.is_fresh(tree)


def test_an_edit_during_the_build_leaves_it_stale(tree, monkeypatch):
    edit = lambda: (tree / "chapters/01.ipynb").write_text("edited", "utf-8")  # noqa: E731
    monkeypatch.setattr(book, "run", builder(tree, during=edit))
    book.build(tree)
    assert not book.is_fresh(tree)


NOISY = """import sys
print("\\x1b[01mExecuting a\\x1b[39;49;00m")
print("\\x1b[31mWARNING: b\\x1b[0m", file=sys.stderr, flush=True)
print()
print("\\x1b[92m======\\x1b[0m\\nFinished generating HTML for book.\\nYour pages are here")
sys.exit({status})
"""


@pytest.mark.parametrize("status", [0, 2])
def test_a_build_says_its_steps_and_warnings_without_codes(tmp_path, capsys, status):
    (tmp_path / "build.py").write_text(NOISY.format(status=status), "utf-8")
    command = [sys.executable, "-u", tmp_path / "build.py"]
    if status:
        with pytest.raises(subprocess.CalledProcessError):
            book.run(command, tmp_path, os.environ)
    else:
        book.run(command, tmp_path, os.environ)
    assert capsys.readouterr().out == "Executing a\nWARNING: b\n"
    assert list(book.shown(["\x1b[01ma\n"], colours=True)) == ["\x1b[01ma\n"]


# The environment ------------------------------------------------------------------------------------------


def script(path, text):
    if os.name == "nt":
        pytest.skip("the programs of this test are shell scripts")
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)


@pytest.fixture
def made(tmp_path):
    """A folder with requirements and an environment whose Python is this one."""
    for name in environment.INPUTS:
        (tmp_path / name).write_text("", "utf-8")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    script(tmp_path / ".venv/bin/python", f'exec {sys.executable} "$@"')
    (tmp_path / ".venv/stamp.json").write_text(json.dumps(environment.wanted(tmp_path)), "utf-8")
    return tmp_path


def test_an_environment_is_used_again(made):
    assert environment.usable(made) and environment.read_stamp(made) == environment.wanted(made)


@pytest.mark.parametrize("name", environment.INPUTS)
def test_changed_requirements_are_installed(made, name):
    (made / name).write_text("numpy==2.4.0", "utf-8")
    assert environment.read_stamp(made) != environment.wanted(made)


def test_an_environment_without_its_python_is_made_anew(made):
    (made / ".venv/bin/python").unlink()
    assert not environment.usable(made)
    script(made / ".venv/bin/python", "exit 127")
    assert not environment.usable(made)


def test_a_moved_environment_is_made_anew(made, tmp_path_factory):
    moved = tmp_path_factory.mktemp("moved") / "tree"
    shutil.move(made, moved)
    assert not environment.usable(moved)


def test_a_stamp_that_cannot_be_read_counts_as_none(made):
    (made / ".venv/stamp.json").write_text("{", "utf-8")
    assert environment.read_stamp(made) == {}


@pytest.fixture
def installers(made, monkeypatch):
    """`environment.install` with stand-ins: a function that says which commands run where some installer fails."""
    (made / "requirements.txt").write_text("numpy==2.4.0\nuv==0.9.0\n    # via resnotes\n", "utf-8")

    def run(failing):
        commands = []

        def record(command, cwd):
            words = [str(word).replace(f"{made}/", "") for word in command]
            commands.append(" ".join(words))
            return subprocess.CompletedProcess(command, any(word in commands[-1] for word in failing))

        monkeypatch.setattr(environment.subprocess, "run", record)
        environment.install(made)
        return commands

    return run


def test_uv_installs_what_is_pinned(installers):
    pip, *uv = installers(failing=())
    assert pip.startswith(".venv/bin/python -m pip") and pip.endswith("--no-deps uv==0.9.0")
    assert len(uv) == 2 and all(command.startswith(".venv/bin/uv pip install") for command in uv)
    assert uv[0].endswith("--requirement requirements.txt") and uv[1].endswith(
        "--no-deps --no-build-isolation --editable ."
    )


@pytest.mark.parametrize("failing", ["uv==0.9.0", "bin/uv"])
def test_pip_installs_where_uv_does_not(installers, failing, capsys):
    *_, one, two = installers(failing=(failing,))
    assert one.startswith(".venv/bin/python -m pip") and one.endswith("--requirement requirements.txt")
    assert two.startswith(".venv/bin/python -m pip") and two.endswith("--editable .")
    assert "trying pip" in capsys.readouterr().out


def test_an_installation_that_fails_ends_the_program(installers):
    with pytest.raises(SystemExit, match="could not be installed"):
        installers(failing=("install",))


def with_browser(program, call):
    """Call a function of tools/chromium.py in a process of its own, with `program` named as the browser."""
    return subprocess.run(
        [sys.executable, "-c", f"from tools import chromium; print(chromium.{call}())"],
        cwd=ROOT, env={**os.environ, "CHROMIUM": program}, capture_output=True, text=True,
    )  # fmt: skip


def test_a_program_that_is_no_browser_is_not_taken_for_one():
    assert with_browser(sys.executable, "find").stdout.strip() == "None"


def test_a_named_browser_that_does_not_start_ends_the_tests(tmp_path):
    """No other browser is taken in its place, none is fetched, and nothing is skipped."""
    result = with_browser(str(tmp_path / "gone"), "find_or_fetch")
    assert result.returncode == 1 and "is not a browser that starts" in result.stderr


# Stored notebooks -----------------------------------------------------------------------------------------

CODE = [
    "import sys\nprint('one')\nprint('two')\nprint('apart', file=sys.stderr)",
    "import ipywidgets\nipywidgets.IntSlider(description='depth')",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "from IPython.display import HTML\nHTML('<p>static</p>')",
    "6 * 7",
]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook with each kind of output, executed and stored."""
    path = tmp_path_factory.mktemp("notebook") / "sample.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CODE]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    notebooks.execute(path)
    return path


def test_a_second_execution_gives_the_same_bytes(executed):
    before = executed.read_bytes()
    assert not notebooks.execute(executed)
    assert executed.read_bytes() == before
    assert notebooks.problems(executed.read_text("utf-8")) == []


def test_outputs_are_kept_and_widget_state_is_not(executed):
    stored = json.loads(executed.read_text("utf-8"))
    outputs = [cell["outputs"] for cell in stored["cells"]]
    kinds = [sorted(output.get("data", {})) for cell in outputs for output in cell]
    assert ["image/png", "text/plain"] in kinds and ["text/html", "text/plain"] in kinds
    assert {output["text"][0] for output in outputs[0]} == {"one\n", "apart\n"}
    assert "widgets" not in stored["metadata"] and "version" not in stored["metadata"]["language_info"]
    assert notebooks.WIDGET_VIEW not in executed.read_text("utf-8")


def test_ids_and_tags_are_kept(executed):
    notebook = json.loads(executed.read_text("utf-8"))
    notebook["cells"][0]["metadata"] = {"tags": ["hide-input"], "execution": {"iopub.status.busy": "now"}}
    normal = notebooks.normal_form(notebook)
    assert normal["cells"][0]["metadata"] == {"tags": ["hide-input"]}
    assert [cell["id"] for cell in normal["cells"]] == [cell["id"] for cell in notebook["cells"]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda stored: stored["metadata"].update(widgets={}), "normal form"),
        (lambda stored: stored["metadata"]["language_info"].update(version="3.11.7"), "normal form"),
        (lambda stored: stored["metadata"]["kernelspec"].update(name="mine"), "normal form"),
        (lambda stored: stored["cells"][0]["metadata"].update(execution={}), "normal form"),
        (
            lambda stored: stored["cells"][1]["outputs"][0]["data"].update({notebooks.WIDGET_VIEW: {}}),
            "normal form",
        ),
        (lambda stored: stored["cells"][0].update(execution_count=7), "top to bottom"),
        (lambda stored: stored["cells"][0].update(execution_count=None), "top to bottom"),
        (
            lambda stored: stored["cells"][4]["outputs"][0]["data"].update({"text/plain": "<A at 0x7f00deadbeef>"}),
            "address",
        ),
    ],
)
def test_what_is_not_normal_is_named(executed, change, said):
    stored = json.loads(executed.read_text("utf-8"))
    change(stored)
    found = notebooks.problems(notebooks.as_text(nbformat.from_dict(stored)))
    assert any(said in problem for problem in found)


def test_unsorted_keys_and_a_missing_newline_are_not_normal(executed):
    text = executed.read_text("utf-8")
    assert notebooks.problems(text.rstrip("\n"))
    assert notebooks.problems(json.dumps(dict(reversed(json.loads(text).items())), indent=1) + "\n")


def test_there_are_chapters():
    assert len(CHAPTERS) >= 6


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name)
def test_chapters_are_stored_in_normal_form(path):
    assert notebooks.problems(path.read_text("utf-8")) == []


# What the project is made from ----------------------------------------------------------------------------

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, GROUPS = SETTINGS["project"], SETTINGS["dependency-groups"]


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned():
    """Name and version of every line of requirements.txt that holds for this Python and this system."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]
    assert all(re.fullmatch(r"==[\w.]+", str(requirement.specifier)) for requirement in requirements)
    here = [requirement for requirement in requirements if not requirement.marker or requirement.marker.evaluate()]
    return {normalised(requirement.name): str(requirement.specifier)[2:] for requirement in here}


def asked_for():
    """Every requirement of pyproject.toml: the package's, its extras', the groups'; PyTorch has an environment of its own."""
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name != "torch"}
    lines = [line for lines in (*extras.values(), *GROUPS.values()) for line in lines]
    return [Requirement(line) for line in (*PROJECT["dependencies"], *lines) if isinstance(line, str)]


def test_requirements_are_in_step_with_pyproject():
    pins = pinned()
    for requirement in asked_for():
        version = pins.get(normalised(requirement.name))
        assert version, f"{requirement.name} is not in requirements.txt: run the command in its first lines"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} but {version} is pinned"


def test_requirements_say_how_they_were_made():
    assert "uv pip compile" in (ROOT / "requirements.txt").read_text("utf-8").split("\n")[1]


def test_what_is_installed_is_what_is_pinned():
    installed = {normalised(dist.name): dist.version for dist in metadata.distributions()}
    wrong = {name: (installed.get(name), version) for name, version in pinned().items()
             if installed.get(name) != version}  # fmt: skip
    assert not wrong, f"(installed, pinned): {wrong}; make book"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package built as `pip install .` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_package_alone_needs_numpy_alone(wheel):
    """Its requirements without extras, and no extra that only the book needs; its files, data among them."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = [name for name in names if name.endswith("/METADATA")]
        lines = archive.read(about).decode("utf-8").splitlines()
    needs = [Requirement(line.split(":", 1)[1]) for line in lines if line.startswith("Requires-Dist:")]
    assert {need.name for need in needs if need.marker is None} == {"numpy"}
    extras = {line.split(": ")[1] for line in lines if line.startswith("Provides-Extra:")}
    assert extras <= {"symbolic", "widgets", "figures", "training", "torch"}
    assert "Author: The resnotes authors" in lines
    package = {path.relative_to("src").as_posix() for path in book.sources() if path.parts[0] == "src"}
    assert package <= set(names) and "resnotes/py.typed" in package
    assert all(name.startswith(("resnotes/", "resnotes-")) for name in names)


IMPORTED = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import resnotes
for name in sys.argv[2:]:
    __import__(f"resnotes.{name}")
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)
"""
#: Modules of the package that need an extra.
NOT_NUMPY_ALONE = {"figures", "torch"}


def test_what_a_user_imports_loads_numpy_alone(wheel, tmp_path):
    """From the wheel, so that what is missing there is missing here."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    flat = {path.stem for path in (tmp_path / "resnotes").glob("[a-z]*.py")} - NOT_NUMPY_ALONE
    command = [sys.executable, "-c", IMPORTED, tmp_path, *sorted(flat)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"resnotes", "numpy"} and "network" in flat


# Names that must not stand in any file, put together here so that this one is clean.
FORBIDDEN = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "/" + "root/",
    "/" + "work/",
    "/" + "home/",
]
HIDDEN_BUT_OURS = {".ci", ".github", ".binder"}
MADE = {"_build", "node_modules"}  # by the book and by Lighthouse, of other people's files too


def project_files():
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name for name in folders if name in HIDDEN_BUT_OURS or not (name in MADE or book.is_left_over(name))
        ]
        yield from (Path(folder) / name for name in files if name != ".git")  # of a work tree beside another


def forbidden_in(text):
    return [word for word in FORBIDDEN if word in text]


def test_no_file_names_a_registry_host_or_a_path_of_a_machine():
    found = {}
    for path in project_files():
        if words := forbidden_in(path.read_bytes().decode("utf-8", "ignore")):
            found[path.relative_to(ROOT).as_posix()] = words
    assert not found


@pytest.mark.parametrize("word", FORBIDDEN)
def test_the_search_for_hosts_and_paths_sees_them(word):
    assert forbidden_in(f"index = {word}simple") == [word]


def test_katex_files_are_of_the_version_that_renders():
    from sphinxcontrib import katex

    css = (ROOT / "assets/katex/katex.min.css").read_text("utf-8")
    assert katex.katex_version in css
    fonts = set(re.findall(r"url\(([^)]+)\)", css))
    assert fonts and all(font.endswith(".woff2") for font in fonts)
    assert {path.name for path in (ROOT / "assets/katex/fonts").iterdir()} == {Path(font).name for font in fonts}


FORMULAS = {"right": r"\frac{a}{b}", "unknown command": r"\fraq{a}{b}", "unfinished": "a_", "letter": "é"}

RENDER = """
import json, sys
sys.path.insert(0, "_ext")
import resnotes_book as book
book.use_own_node()
found = {"node": book.katex.NODEJS_BINARY}
for name, tex in json.loads(sys.argv[1]).items():
    try:
        found[name] = book.katex.render_latex(tex)
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


def test_formulas_are_set_without_a_node_of_the_machine_or_end_the_build():
    command = [sys.executable, "-c", RENDER, json.dumps(FORMULAS)]
    environment = {**os.environ, "PATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rendered = json.loads(done.stdout)
    assert Path(rendered["node"]).is_relative_to(sys.prefix)
    assert "<math" in rendered["right"] and 'class="katex-html"' in rendered["right"]
    for name in ("unknown command", "unfinished", "letter"):  # ends the build
        assert "KaTeXError" in rendered[name], name
