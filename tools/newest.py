"""Build the book with the newest Sphinx, MyST-NB and theme, to see in time when Jupyter Book 1 has to be left.

Usage: python -m tools.newest

In an environment of its own, .venv-newest, and in a copy of the sources. Jupyter Book 1 asks for older versions of what
PACKAGES names; here they are what is newest, with everything else.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _ext.resnotes_book.plain import EXTRAS
from tools import book
from tools.environment import program

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-newest"
PACKAGES = ("docutils", "myst-nb", "myst-parser", "pydata-sphinx-theme", "sphinx", "sphinx-book-theme")


def install(environment):
    """Make the environment, and say what is in it of PACKAGES."""
    uv = program(Path(sys.prefix), "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment], check=True)
    pip = [uv, "pip", "install", "--quiet", "--python", program(environment)]
    with tempfile.TemporaryDirectory() as folder:
        newest = Path(folder, "newest.txt")
        newest.write_text("\n".join(PACKAGES) + "\n", "utf-8")
        wanted = ["--override", newest, "--group", "book", "--editable", f".[{EXTRAS}]"]
        subprocess.run([*pip, *wanted], cwd=ROOT, check=True)
    listed = [uv, "pip", "freeze", "--python", program(environment)]
    for line in subprocess.check_output(listed, text=True).splitlines():
        if line.partition("==")[0] in (*PACKAGES, "jupyter-book"):
            print(line, flush=True)


def build(environment):
    """Build the book in a copy of its sources, by the environment's programs."""
    with tempfile.TemporaryDirectory() as folder:
        book.copy_sources(Path(folder))
        path = os.pathsep.join([str(program(environment).parent), os.environ.get("PATH", "")])
        python = [program(environment), "tools/book.py"]
        subprocess.run(python, cwd=folder, env={**os.environ, "PATH": path}, check=True)


def main():
    install(ENVIRONMENT)
    build(ENVIRONMENT)
    print("The book can be built with these.")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"Not with these: {Path(error.cmd[0]).name} ended with status {error.returncode}; see above.")
