"""One chapter of the book, built with the settings that Jupyter Book brings.

What such a page takes from other hosts (MathJax, require.js, the manager of the widgets, anywidget's script) comes
from npm packages of the same versions here, and the addresses in the page lead to this machine.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from tools.book import ROOT

# Of the settings only what the chapter cannot be read without: its exercises, its statements and its bibliography.
CONFIG = {
    "title": "Stock",
    "author": "Stock",
    "bibtex_bibfiles": ["chapters/references.bib"],
    "execute": {"execute_notebooks": "force", "timeout": 600},
    "sphinx": {"extra_extensions": ["sphinx_proof", "sphinx_exercise"]},
}
ADDRESSES = (
    ("https://cdn.jsdelivr.net/npm/", "/npm/"),
    ("https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.4/require.min.js", "/npm/requirejs/require.min.js"),
)
INTEGRITY = re.compile(r'\s(?:integrity|crossorigin)="[^"]*"')
OUTSIDE = re.compile(r'<(?:script|link|img)\b[^>]*\b(?:src|href)="(https?://[^"]*)"')


def build(chapter, folder):
    """Build `chapter` (its file's stem) below `folder`; returns the folder of the pages and the seconds it took."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "chapters").mkdir(parents=True)
    for name in (f"{chapter}.ipynb", "references.bib"):
        shutil.copy(ROOT / "chapters" / name, folder / "chapters")
    (folder / "_config.yml").write_text(yaml.safe_dump(CONFIG), "utf-8")
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: chapters/{chapter}\n", "utf-8")
    began = time.perf_counter()
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # Its warnings are about links to chapters that are not built here.
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the stock build of {chapter} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    took = time.perf_counter() - began
    html = folder / "_build" / "html"
    page = html / "chapters" / f"{chapter}.html"
    page.write_text(local(page.read_text("utf-8")), "utf-8")
    return html, took


def local(text):
    """A page's text with other hosts' addresses led to this machine; raises where one is not known."""
    # A small form of require.js made here differs in some bytes from the one that the page has the digest of.
    text = INTEGRITY.sub("", text)
    for there, here in ADDRESSES:
        text = text.replace(there, here)
    # The manager of the widgets asks the same host for the packages of the widgets, unless told otherwise.
    text = text.replace('/dist/embed-amd.js"', '/dist/embed-amd.js" data-jupyter-widgets-cdn="/npm/"')
    left = [address for address in OUTSIDE.findall(text) if 'rel="canonical"' not in address]
    if left:
        raise ValueError(
            f"stock page: got the addresses {left}, wanted those of {[there for there, _ in ADDRESSES]} alone"
        )
    return text
