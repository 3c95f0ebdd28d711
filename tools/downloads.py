"""Write the chapters in plain Markdown, ready to run, to _build/downloads.

Usage: python -m tools.downloads [--push BRANCH]

With --push they become a branch of the repository's origin, from which Colab and Binder open them. The environment
variables BOOK_URL and BOOK_REPOSITORY say where links lead, and where the first cell, or Binder, installs the package from.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat

from _ext.resnotes_book.launch import repository
from _ext.resnotes_book.plain import EXTRAS, Plain
from _ext.resnotes_book.sitemap import base_address
from tools import run

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "_build" / "downloads"


def write(folder, **settings):
    """Write every chapter to `folder`; the paths."""
    plain = Plain(ROOT, address=base_address(os.environ.get("BOOK_URL", "")), repository=repository(), **settings)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for stem in plain.sources:
        paths.append(folder / f"{stem}.ipynb")
        paths[-1].write_text(nbformat.writes(plain.chapter(stem)) + "\n", "utf-8")
    return paths


def write_requirements(folder, source):
    """What Binder installs: the package from the repository `source`."""
    (folder / "requirements.txt").write_text(f"resnotes[{EXTRAS}] @ git+{source}\n", "utf-8")
    (folder / "runtime.txt").write_text("python-3.11\n", "utf-8")


def identity(root):
    """Options for git: who commits, where nobody is named, as on a machine that runs a workflow."""
    named = subprocess.run(["git", "var", "GIT_COMMITTER_IDENT"], cwd=root, capture_output=True, check=False)
    return [] if named.returncode == 0 else ["-c", "user.name=resnotes", "-c", "user.email=resnotes@localhost"]


def push(folder, branch, root=ROOT):
    """Make the files of `folder`, and no others, a branch of origin, with one commit. Nothing else in `root` changes."""
    environment = {**os.environ, "GIT_INDEX_FILE": str(folder.parent / "downloads.index")}
    who = identity(root)

    def git(*arguments):
        command = ["git", f"--work-tree={folder}", *who, *arguments]
        done = subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    git("read-tree", "--empty")
    git("add", "--all", "--force", str(folder))
    commit = git("commit-tree", git("write-tree"), "-m", "The chapters in plain Markdown")
    git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/{branch}")


def main():
    options = run.parser("downloads").parse_args()
    for path in write(FOLDER):
        print(path.relative_to(ROOT).as_posix())
    if options.push:
        if repository():
            write_requirements(FOLDER, repository())
        push(FOLDER, options.push)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"git ended with status {error.returncode}; see above.")
