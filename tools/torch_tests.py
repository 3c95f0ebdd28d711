"""Run tests/torch in an environment of its own, tests/torch/.venv, made where it is missing or out of date.

Usage: python tools/torch_tests.py [--if-possible | --reports] [arguments of pytest, or names of reports]

With --if-possible it is no failure where PyTorch cannot be installed: a line says so. With --reports it makes the stored
reports (`torch_reports.py`) instead. Standard library only.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from environment import WINDOWS, program

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "torch"
ENVIRONMENT = FOLDER / ".venv"
PYTHON = program(ENVIRONMENT)
#: What an environment is made from; its stamp says of which state of them.
INPUTS = (FOLDER / "requirements.txt", ROOT / "pyproject.toml")
#: Models as code. Its requirements ask for more of PyTorch than the models do.
ALONE = "pytorchcv==0.0.74"


def wanted():
    digest = hashlib.sha256(f"{ROOT} {sys.version} {ALONE}".encode())
    for path in INPUTS:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_made():
    stamp = ENVIRONMENT / "stamp"
    return stamp.is_file() and stamp.read_text("utf-8") == wanted()


def install():
    """Make the environment; whether that went well."""
    print("Installing PyTorch and the models, once", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    venv.create(ENVIRONMENT, with_pip=True, symlinks=not WINDOWS)
    # Not compiled: of thousands of modules, the tests import a few.
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-compile"]
    ways = (
        ["--requirement", FOLDER / "requirements.txt"],
        ["--no-deps", ALONE],
        ["--no-deps", "--no-build-isolation", "--editable", "."],
    )
    if not all(subprocess.run([*pip, *way], cwd=ROOT).returncode == 0 for way in ways):
        return False
    (ENVIRONMENT / "stamp").write_text(wanted(), "utf-8")
    return True


def main(arguments):
    if_possible = arguments[:1] == ["--if-possible"]
    if not is_made() and not install():
        print(
            "PyTorch could not be installed here (see above), so the tests of resnotes.torch did not run.", flush=True
        )
        return 0 if if_possible else 1
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    if arguments[:1] == ["--reports"]:
        command = [PYTHON, "-m", "tools.torch_reports", *arguments[1:]]
    else:
        command = [PYTHON, "-m", "pytest", FOLDER, *arguments[if_possible:]]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
