"""Execute the chapters in place and store them in normal form, the same bytes each time.

python tools/notebooks.py              execute every chapter and store it
python tools/notebooks.py --check      say which stored chapter is not in normal form; execute nothing
python tools/notebooks.py FILE ...     only these
"""

import json
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools import run

ROOT = run.ROOT
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# What a kernel reports, without the version of the Python that happened to run it.
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
# Differ from run to run: timings, the marks of front ends, and the model ids of widgets.
VOLATILE_CELL_METADATA = {"ExecuteTime", "collapsed", "execution", "scrolled", "trusted"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")


def merged_streams(outputs):
    """`outputs`, each run of printed pieces made one: how a kernel cuts its stream is a matter of timing."""
    result = []
    for output in outputs:
        before = result[-1] if result else None
        if before and output["output_type"] == "stream" == before["output_type"] and output["name"] == before["name"]:
            before["text"] += output["text"]
        else:
            result.append(output)
    return result


def normal_form(notebook):
    """A copy of `notebook` (nbformat 4) without anything that differs from one execution to the next.

    Outputs stay, as do cell ids; cells without an id get one from their position.
    """
    notebook = nbformat.v4.reads(json.dumps(notebook))  # a copy, with lists of lines joined; nothing is validated yet
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    notebook["metadata"].pop("widgets", None)
    notebook["metadata"].update(kernelspec=KERNEL, language_info=LANGUAGE)
    for position, cell in enumerate(notebook["cells"]):
        cell.setdefault("id", f"cell-{position}")
        for name in VOLATILE_CELL_METADATA.intersection(cell["metadata"]):
            del cell["metadata"][name]
        if cell["cell_type"] == "code":
            cell["outputs"] = merged_streams(cell["outputs"])
            for output in cell["outputs"]:
                output.pop("transient", None)
                output.get("data", {}).pop(WIDGET_VIEW, None)
    return notebook


def as_text(notebook):
    """How a notebook is stored: sorted keys, one space of indentation, a newline at the end."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def problems(text):
    """What keeps the stored notebook `text` from being in normal form and fully executed, as sentences."""
    notebook = json.loads(text)
    found = []
    if text != as_text(normal_form(notebook)):
        found.append("is not in normal form (make notebooks)")
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    if [cell["execution_count"] for cell in code] != list(range(1, len(code) + 1)):
        found.append("was not executed from top to bottom in one go (make notebooks)")
    for cell in code:
        if ADDRESS.search(json.dumps(cell["outputs"])):
            found.append(f"cell {cell.get('id')} shows a memory address, which no second run repeats")
    return found


def execute(path):
    """Run the notebook at `path` in its folder and store it in normal form; whether the file changed."""
    before = path.read_text("utf-8")
    notebook = normal_form(json.loads(before))
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": path.parent}},
    )
    after = as_text(normal_form(client.execute()))
    path.write_text(after, "utf-8")
    return after != before


def main(arguments=None):
    options = run.parser("notebooks").parse_args(arguments)
    files = options.files or sorted((ROOT / "chapters").glob("*.ipynb"))
    failed = []
    for path in files:
        try:
            if not options.check:
                print(f"{path.name}: {'stored anew' if execute(path) else 'unchanged'}", flush=True)
        except CellExecutionError as error:
            failed.append(f"{path.name}: {error}")
            continue
        failed += [f"{path.name} {problem}" for problem in problems(path.read_text("utf-8"))]
    sys.exit("\n".join(failed) if failed else 0)


if __name__ == "__main__":
    main()
