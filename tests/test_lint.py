"""What `make lint` asks for holds, and each of its tools sees the fault it is there for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.book import ROOT

TOOLS = Path(sys.executable).parent
COMMANDS = [
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("lint-imports",),
    ("oxlint", "--config", ".oxlintrc.json"),
]


def run(*command, cwd=ROOT):
    return subprocess.run([TOOLS / command[0], *command[1:]], cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_code_is_clean(command):
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        (("ruff", "check"), "import os\n", "F401"),
        (("ruff", "format", "--check"), "a = {'b' : 1}\n", "would be reformatted"),
    ],
)
def test_a_fault_is_seen(tmp_path, command, text, said):
    (tmp_path / "a.py").write_text(text, "utf-8")
    done = run(*command, "--no-cache", "--config", str(ROOT / "pyproject.toml"), str(tmp_path))
    assert done.returncode == 1 and said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "imported", "said"),
    [
        ("network", "symbolic", "What a user imports knows nothing of the book BROKEN"),
        ("symbolic", "network", "The symbolic half computes nothing with the NumPy half BROKEN"),
    ],
)
def test_an_import_of_what_stands_above_is_seen(tmp_path, module, imported, said):
    """In a copy of the package one file of which imports what it must not."""
    package = tmp_path / "resnotes"
    for path in (ROOT / "src" / "resnotes").rglob("*.py"):
        copy = package / path.relative_to(ROOT / "src" / "resnotes")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    file = package / module / "__init__.py" if (package / module).is_dir() else package / f"{module}.py"
    file.write_text(f"{file.read_text('utf-8')}\nimport resnotes.{imported}\n", "utf-8")
    done = subprocess.run(
        [TOOLS / "lint-imports", "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=tmp_path, env={"PATH": str(TOOLS), "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and said in done.stdout, done.stdout + done.stderr


def test_a_fault_in_javascript_is_seen(tmp_path):
    (tmp_path / "a.js").write_text("export const same = (a, b) => a == b;\n", "utf-8")
    done = run("oxlint", "--config", str(ROOT / ".oxlintrc.json"), ".", cwd=tmp_path)
    assert done.returncode == 1 and "eqeqeq" in done.stdout
