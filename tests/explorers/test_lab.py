"""The λ explorer in a real JupyterLab: the slider moves the trait, and the trait the slider."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import nbformat
import pytest

from .cases import CASES
from .modules import said

CHAPTER = Path(__file__).resolve().parents[2] / "chapters" / "04_lambda_scaling.ipynb"
CELLS = [
    "from resnotes.explorers import LambdaDepth\nexplorer = LambdaDepth(lam=0.9, depth=50)\nexplorer",
    "print('kernel has', explorer.state())",
    "explorer.lam, explorer.depth = 0.25, 3\nprint('set')",
    "import ipywidgets\nlinked = ipywidgets.FloatText()\n"
    "ipywidgets.link((explorer, 'r'), (linked, 'value'))\nlinked.value = -0.5\nprint('linked', explorer.r)",
    "explorer.factors, explorer.schedule, explorer.depth = [0.5, 4], 'own', 2\nprint('own list')",
]


def every_cells(case):
    """An explorer, its state as the kernel has it, and a new state from the kernel."""
    name, state = case.explorer.__name__, case.sample[-1]
    return [
        f"from resnotes.explorers import {name}\nexplorer = {name}()\nexplorer",
        "print('changed', explorer.state() != type(explorer)().state())",
        f"with explorer.hold_trait_notifications():\n    for key, value in {state!r}.items():\n"
        "        setattr(explorer, key, value)\nprint('set')",
    ]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A function that opens a notebook in a JupyterLab that runs only for these tests."""
    home = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (home / "work").mkdir()
    nbformat.write(notebook, home / "work" / "explorer.ipynb")
    texts = [text for case in CASES.values() for text in every_cells(case)]
    every = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts])
    every.metadata.kernelspec = notebook.metadata.kernelspec
    nbformat.write(every, home / "work" / "every.ipynb")
    chapter = nbformat.read(CHAPTER, as_version=4)
    chapter.cells.append(nbformat.v4.new_code_cell("print('kernel has', Out[1].lam)"))
    nbformat.write(chapter, home / "work" / "chapter.ipynb")
    port, token = free_port(), secrets.token_hex(16)
    # Settings of the person who runs the tests stay out of it.
    places = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **places, "IPYTHONDIR": str(home / "ipython"), "HOME": str(home)}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "workspaces")
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *(f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0", "--LabApp.news_url="),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with (home / "log").open("w+") as log:
        server = subprocess.Popen(command, cwd=home / "work", env=environment, stdout=log, stderr=log)
        try:
            wait_for_server(f"http://127.0.0.1:{port}/api?token={token}", server, home / "log")
            yield partial(open_notebook, f"http://127.0.0.1:{port}", token)
        finally:
            server.terminate()
            server.wait(30)


def wait_for_server(address, server, log):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text("utf-8")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not answer within a minute:\n{log.read_text('utf-8')}")


def open_notebook(address, token, page, name):
    """Open a notebook and wait for its kernel: before it is there, JupyterLab neither runs a cell nor remembers to."""
    page.goto(f"{address}/lab/tree/{name}?token={token}&reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    until = time.monotonic() + 60
    while not connected(page.request.get(f"{address}/api/sessions?token={token}").json(), name):
        assert time.monotonic() < until, f"{name}: no kernel after a minute"
        page.wait_for_timeout(200)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for()


def connected(sessions, name):
    """Whether the notebook's kernel waits for work and the page has a line to it."""
    kernels = [session["kernel"] for session in sessions if session["path"] == name]
    return any(kernel["connections"] > 0 and kernel["execution_state"] == "idle" for kernel in kernels)


def run_next(page, k):
    """Select cell k, run it, and wait until it is done."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(k)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "k => /\\[\\d+\\]/.test(document.querySelectorAll('.jp-Notebook .jp-InputPrompt')[k].textContent)",
        arg=k,
        timeout=60_000,
    )
    return cell


def test_slider_and_trait_follow_each_other(lab, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.set_default_timeout(60_000)
    page = context.new_page()
    try:
        lab(page, "explorer.ipynb")
        page.locator(".jp-Notebook .jp-Cell").nth(len(CELLS) - 1).wait_for()
        run_next(page, 0)
        root = page.locator(".resnotes-explorer.rx-live").first
        root.wait_for()
        assert root.get_by_role("button", name="Copy link").count() == 0
        slider = root.get_by_role("slider", name="λ")
        slider.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('.resnotes-explorer.rx-live input').value === '0.93'")
        root.get_by_role("slider", name="depth").focus()
        page.keyboard.press("ArrowDown")
        root.get_by_text("More controls").click()
        root.get_by_role("combobox").select_option("alternating")
        told = run_next(page, 1).locator(".jp-OutputArea-output").inner_text()
        assert told.strip() == (
            "kernel has {'lam': 0.93, 'depth': 49, 'r': 0.1, 'schedule': 'alternating', 'factors': []}"
        )
        run_next(page, 2)
        page.wait_for_function("document.querySelector('.resnotes-explorer.rx-live input').value === '0.25'")
        assert root.get_by_role("slider", name="depth").get_attribute("aria-valuetext") == "3 units"
        assert run_next(page, 3).locator(".jp-OutputArea-output").inner_text().strip() == "linked -0.5"
        page.wait_for_function("document.querySelectorAll('.resnotes-explorer.rx-live input')[2].value === '-0.5'")
        run_next(page, 4)
        page.wait_for_function(
            "document.querySelector('.resnotes-explorer.rx-live input[type=text]').value === '0.5, 4'"
        )
        assert "After 2 units" in root.locator(".rx-readout").inner_text()
    finally:
        context.close()


def test_every_explorer_and_its_kernel_follow_each_other(lab, browser):
    """All in one notebook: a session for each would take most of the time."""
    context = browser.new_context(viewport={"width": 1280, "height": 2400})
    context.set_default_timeout(60_000)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        lab(page, "every.ipynb")
        for k, case in enumerate(CASES.values()):
            shown = run_next(page, 3 * k)
            root = shown.locator(".resnotes-explorer.rx-live")
            root.wait_for()
            root.locator("input[type=range]").first.focus()
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowRight")
            told = run_next(page, 3 * k + 1).locator(".jp-OutputArea-output").inner_text().strip()
            assert told == "changed True", case.name
            run_next(page, 3 * k + 2)
            wanted = said(case.explorer(**case.sample[-1]))
            page.wait_for_function(
                "said => [...document.querySelectorAll('.rx-live .rx-readout')].some((e) => e.textContent === said)",
                arg=wanted,
            )
            assert root.locator(".rx-readout").text_content() == wanted
        assert errors == []
    finally:
        context.close()


def test_chapter_four_runs_from_top_to_bottom_and_its_slider_moves_the_kernel(lab, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.set_default_timeout(120_000)
    page = context.new_page()
    try:
        lab(page, "chapter.ipynb")
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        # The appended cell is the last to run; when it has said its part, everything above has run without an error.
        told = page.locator(".jp-OutputArea-output", has_text="kernel has").last
        told.wait_for()
        assert told.inner_text().strip() == "kernel has 0.9"
        assert (
            page.locator(
                "[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText[data-mime-type*='error']"
            ).count()
            == 0
        )
        page.locator(".jp-Notebook .jp-Cell").first.evaluate("cell => cell.scrollIntoView()")
        slider = page.locator(".resnotes-explorer.rx-live").first.get_by_role("slider", name="λ")
        slider.scroll_into_view_if_needed()
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        last = page.locator(".jp-Notebook .jp-Cell").last
        last.scroll_into_view_if_needed()
        last.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_function(
            "[...document.querySelectorAll('.jp-OutputArea-output')].some(o => o.textContent.includes('kernel has 0.85'))"
        )
    finally:
        context.close()
