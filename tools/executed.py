"""nbval's comparison of the chapters' stored outputs with those that the build of the book has just computed.

A plugin of pytest: `python -m pytest -p tools.executed chapters` collects the notebooks as `--nbval` does and compares
as it does. In the place of a kernel stands a record of the build, which executes every notebook from nothing; so they
are not executed twice. (`pytest --nbval chapters` executes them.)
"""

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from tools import book


def without_drawings(outputs):
    """`outputs` without the drawings that only the build asks for (``RESNOTES_FIGURES``, see resnotes.figures)."""
    for output in outputs:
        output.get("data", {}).pop("image/svg+xml", None)
    return outputs


class Record:
    """What nbval asks of a kernel, answered from an executed notebook. `number` is that of the code cell asked about."""

    def __init__(self, notebook):
        self.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell in self.cells:
            cell.outputs = without_drawings(cell.outputs)
        self.number, self.messages = 0, []

    def execute_cell_input(self, source, allow_stdin=None):
        """Lay out the messages that the cell led to; raise where the record is of another cell."""
        recorded = self.cells[self.number] if self.number < len(self.cells) else None
        if recorded is None or recorded.source != source:
            raise ValueError(f"code cell {self.number}: the build executed another one, or none")
        idle = {"msg_type": "status", "content": {"execution_state": "idle"}}
        self.messages = [*({"msg_type": output.output_type, "content": output} for output in recorded.outputs), idle]
        return self.number

    def get_message(self, stream, timeout=None):
        return {**self.messages.pop(0), "parent_header": {"msg_id": self.number}}

    def await_reply(self, message_id, timeout=None):
        """Everything has been said already."""

    await_idle = await_reply

    def is_alive(self):
        return True

    def stop(self):
        """Nothing runs."""


class ExecutedCell(IPyNbCell):
    """A code cell; in a run on several processes each may see only some of a notebook's."""

    def setup(self):
        super().setup()
        self.parent.kernel.number = self.cell_num


class ExecutedNotebook(IPyNbFile):
    """A notebook and the record of its execution."""

    def setup(self):
        if not book.is_fresh():
            pytest.fail("The built book is missing or older than its sources: run `make book` (or `make test`).")
        executed = book.ROOT / "_build/jupyter_execute" / self.path.relative_to(book.ROOT)
        self.kernel = Record(nbformat.read(executed, as_version=4))

    def collect(self):
        for cell in super().collect():
            yield ExecutedCell.from_parent(
                self, name=cell.name, cell_num=cell.cell_num, cell=cell.cell, options=cell.options
            )


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".ipynb" and not parent.config.option.nbval:
        return ExecutedNotebook.from_parent(parent, path=file_path)
    return None
