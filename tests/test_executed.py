"""The comparison of stored outputs with the build's is nbval's own, and sees what nbval sees."""

import nbformat
import pytest
from nbformat import v4
from nbval.plugin import NbCellError

from _ext.resnotes_book.execution import execute
from tools.executed import ExecutedNotebook, Record


def notebook():
    """Two code cells with a stream, a result in two forms, and a picture."""
    outputs = [
        v4.new_output("stream", name="stdout", text="one\n"),
        v4.new_output("execute_result", {"text/plain": "x", "text/latex": "$x$"}, execution_count=1),
        v4.new_output("display_data", {"image/png": "AAAA", "text/plain": "<Figure>"}),
    ]
    cells = [
        v4.new_markdown_cell("Text"),
        v4.new_code_cell("one()", outputs=outputs, execution_count=1),
        v4.new_code_cell("2", outputs=[v4.new_output("execute_result", {"text/plain": "2"})], execution_count=2),
    ]
    return v4.new_notebook(cells=cells)


@pytest.fixture
def compare(request, tmp_path):
    """A function that runs nbval's tests of a stored notebook on the record of an executed one."""

    def run(stored, executed):
        nbformat.write(stored, tmp_path / "a.ipynb")
        file = ExecutedNotebook.from_parent(request.session, path=tmp_path / "a.ipynb")
        file.kernel = Record(executed)
        for item in reversed(list(file.collect())):
            item.setup()
            item.runtest()

    return run


def test_what_agrees_passes(compare):
    executed = notebook()
    executed.cells[1].outputs[2].data["image/png"] = "BBBB"  # nbval compares no pictures
    compare(notebook(), executed)


def test_how_a_stream_was_cut_does_not_matter(tmp_path):
    """The build puts the pieces together as they were printed, without a line's end between them."""
    slowly = "import time\nfor text in 'o', 'n', 'e':\n    print(text, end='', flush=True)\n    time.sleep(0.2)"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(slowly)]), tmp_path / "a.ipynb")
    executed, _, error = execute(tmp_path / "a.ipynb", timeout=600)
    assert error is None
    assert [output.text for output in executed.cells[0].outputs] == ["one"]


@pytest.mark.parametrize(
    "change",
    [
        lambda cell: cell.outputs[0].update(text="two\n"),
        lambda cell: cell.outputs[1].data.update({"text/latex": "$y$"}),
        lambda cell: cell.outputs[1].data.update({"text/html": "<p>x</p>"}),
        lambda cell: cell.outputs.pop(),
        lambda cell: cell.outputs.append(v4.new_output("stream", name="stderr", text="careful")),
        lambda cell: cell.outputs.append(v4.new_output("error", ename="ValueError", evalue="", traceback=["no"])),
    ],
    ids=["text", "formula", "another form", "an output less", "a warning", "an error"],
)
def test_what_differs_fails(compare, change):
    executed = notebook()
    change(executed.cells[1])
    with pytest.raises(NbCellError):
        compare(notebook(), executed)


def test_outputs_of_other_code_are_no_record(compare):
    executed = notebook()
    executed.cells[2].source = "1 + 1"
    with pytest.raises(ValueError, match="code cell 1: the build executed another one"):
        compare(notebook(), executed)
    with pytest.raises(ValueError, match="or none"):
        compare(notebook(), v4.new_notebook(cells=notebook().cells[:2]))
