"""Build the book when anything it is made from has changed; a rebuild is always whole."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Everything a page can depend on. `tests/` and the rest of `tools/` are not among them.
INPUTS = (
    "src", "chapters", "assets", "_ext", "_config.yml", "_toc.yml",
    "pyproject.toml", "requirements.txt", "tools/book.py",
    "benchmarks/results.json", "benchmarks/pages.json",
)  # fmt: skip

#: Environment variables that name where the book, and the repository it is built from, will be found.
ADDRESSES = ("BOOK_URL", "BOOK_REPOSITORY")

ANSI = re.compile(r"\x1b\[[0-9;]*m")
RULER = re.compile(r"=+")


def is_left_over(name):
    """Whether a file or folder of this name is what tools leave behind: caches, checkpoints, hidden files."""
    return name.startswith(".") or name == "__pycache__" or name.endswith((".pyc", ".egg-info"))


def sources(root=ROOT):
    """The files the book is made from, sorted, as paths relative to `root`."""
    found = []
    for name in INPUTS:
        path = root / name
        found += [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    relative = (file.relative_to(root) for file in found)
    return sorted(file for file in relative if not any(map(is_left_over, file.parts)))


def copy_sources(folder, root=ROOT):
    """Copy the files of `sources(root)` into `folder`, each to its place."""
    for name in sources(root):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)


def fingerprint(root=ROOT):
    """SHA-256 over the names and contents of `sources(root)`, and the addresses the book is built for, if any."""
    digest = hashlib.sha256("\0".join(os.environ.get(name, "") for name in ADDRESSES).encode())
    for file in sources(root):
        content = (root / file).read_bytes()
        digest.update(f"{file.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def stamp(root=ROOT):
    return root / "_build" / "stamp"


def is_fresh(root=ROOT):
    """Whether the built book is the one these sources give."""
    built = (root / "_build/html/index.html").is_file() and stamp(root).is_file()
    return built and stamp(root).read_text("utf-8") == fingerprint(root)


def shown(lines, colours):
    """The lines of a build that say something: without jupyter-book's closing box, and without colours where asked."""
    for line in lines:
        line = line if colours else ANSI.sub("", line)
        if "Finished generating HTML" in line:
            return
        if line.strip() and not RULER.fullmatch(ANSI.sub("", line).strip()):
            yield line


def run(command, root, environment):
    """Run the build and pass on what it says, warnings among it; raise if it fails."""
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
    with subprocess.Popen(command, cwd=root, env=environment, **told) as process:
        for line in shown(process.stdout, colours=sys.stdout.isatty()):
            print(line, end="", flush=True)
        process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def build(root=ROOT):
    """Delete what was built, execute every notebook and write every page; raise if anything warns."""
    # Taken before the build: a file edited meanwhile leaves the stamp stale, as it must.
    before = fingerprint(root)
    shutil.rmtree(root / "_build", ignore_errors=True)
    programs = str(Path(sys.executable).parent)
    command = [shutil.which("jupyter-book", path=programs), "build", ".", "-q", "-W", "-n", "--keep-going"]
    path = os.pathsep.join([programs, os.environ.get("PATH", "")])
    run(command, root, {**os.environ, "PATH": path})
    stamp(root).write_text(before, "utf-8")


def main():
    if is_fresh():
        print("The book is up to date.")
    else:
        try:
            build()
        except subprocess.CalledProcessError as error:
            sys.exit(f"The book was not built: jupyter-book ended with status {error.returncode}; see above.")
    page = ROOT / "_build/html/index.html"
    print(f"Open _build/html/index.html in a browser:\n  {page.as_uri()}")


if __name__ == "__main__":
    main()
