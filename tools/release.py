"""Build the package, check what was built as its user would meet it, and put together what a release has.

Usage: python -m tools.release [--book]

`dist/package` gets the wheel and the source archive, which twine checks; the wheel is installed into an empty environment,
where README's code runs and nothing may warn. With --book also `dist/book`: the built book as an archive and as a PDF, and
SHA-256 sums of all files; `dist/notes.md` has the version's section of the changelog.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.environment import program
from tools.run import parser, version

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
TWINE = "twine==7.0.0"
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def notes(changelog, wanted):
    """A version's section of the changelog, without its heading.

    Raises
    ------
    ValueError
        Where it has none.
    """
    found = re.search(
        rf"^## {re.escape(wanted)}(?: [^\n]*)?\n+(.*?)\s*(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md: got no section {wanted}, wanted one that says what is new in it")
    return found[1].strip() + "\n"


def numpy_code(readme):
    """README's Python code that needs NumPy alone."""
    return "\n".join(block for block in PYTHON_BLOCK.findall(readme) if "torch" not in block)


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, **options)


def build(folder):
    """Build wheel and source archive; twine judges both."""
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    uv = program(Path(sys.prefix), "uv")
    run(uv, "tool", "run", "--quiet", "--from", TWINE, "twine", "check", "--strict", *folder.iterdir())


def try_out(wheel):
    """Install the wheel into an empty environment, and use it there."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        uv = program(Path(sys.prefix), "uv")
        run(uv, "venv", "--quiet", "--python", sys.executable, home / "venv")
        run(uv, "pip", "install", "--quiet", "--python", program(home / "venv"), wheel)
        alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        code = numpy_code((ROOT / "README.md").read_text("utf-8"))
        run(program(home / "venv"), "-W", "error", "-c", code, cwd=home, env=alone, stdout=subprocess.DEVNULL)
        said = subprocess.check_output([program(home / "venv", "resnotes"), "--version"], env=alone, text=True)
        if said.split() != ["resnotes", version()]:
            sys.exit(f"resnotes --version: got {said.strip()}, wanted resnotes {version()}")


def add_book(folder):
    """The book as an archive that opens anywhere, and as a PDF."""
    name = f"resnotes-{version()}-book"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "_build/html", DIST / name)
    shutil.make_archive(str(folder / name), "zip", DIST, name)
    shutil.rmtree(DIST / name)
    shutil.copy(ROOT / "_build/pdf/resnotes.pdf", folder / f"{name}.pdf")


def sums(paths):
    """Lines as `sha256sum --check` reads them."""
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(paths))


def main():
    reader = parser("release")
    reader.add_argument("--book", action="store_true", help="with the built book, as an archive and a PDF")
    options = reader.parse_args()
    news = notes((ROOT / "CHANGELOG.md").read_text("utf-8"), version())
    shutil.rmtree(DIST, ignore_errors=True)
    package = DIST / "package"
    build(package)
    try_out(*package.glob("*.whl"))
    (DIST / "notes.md").write_text(news, "utf-8")
    if options.book:
        add_book(DIST / "book")
        every = [*package.iterdir(), *(DIST / "book").iterdir()]
        (DIST / "book/SHA256SUMS").write_text(sums(every), "utf-8")
    for path in sorted(file for file in DIST.rglob("*") if file.is_file()):
        print(path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    try:
        main()
    except (subprocess.CalledProcessError, ValueError) as error:
        sys.exit(str(error))
