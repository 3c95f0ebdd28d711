"""`Watch` in a training loop, and the command line."""

import json
import math
import subprocess
import sys

import pytest
import torch
from models import make, plain, square

from resnotes.__main__ import main
from resnotes.torch import Watch, report


def trained(watch=None, steps=7):
    """The parameters after some steps, watched or not."""
    torch.manual_seed(0)
    known = plain("relu")
    known.module[1].a = torch.nn.Sequential(torch.nn.Dropout(0.5), known.module[1].a, torch.nn.BatchNorm1d(6).double())
    optimiser = torch.optim.SGD(known.module.parameters(), 0.1, momentum=0.9)
    for step in range(steps):
        if watch is not None:
            watch(known.module, known.inputs, square, step=10 * step)
        optimiser.zero_grad()
        square(known.module(known.inputs)).backward()
        optimiser.step()
    return known.module.state_dict()


def test_training_is_the_same_whether_watched_or_not(tmp_path):
    logged = []
    watch = Watch(every=3, path=tmp_path / "seen.jsonl", log=logged.append)
    alone, watched = trained(), trained(watch)
    assert all(torch.equal(value, watched[key]) for key, value in alone.items())
    lines = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines] == [0, 30, 60] and lines == logged and watch.calls == 7
    assert lines[-1]["gradients/loss"] == watch.last.loss and not any("share" in key for key in lines[0])
    assert lines[0]["gradients/003 4 (b)/log10_after"] < 0 < lines[0]["gradients/seconds"]
    assert all(math.isfinite(value) for line in lines for value in line.values())


def test_watch_takes_the_options_of_report(tmp_path):
    known = make("GPT-2")
    watch = Watch(every=1, path=None, lengths=2)
    seen = watch(known.module, known.inputs, known.loss)
    assert seen["step"] == 0 and sum(seen[f"gradients/share/{k}"] for k in (0, 1, 2, "3 and more")) == pytest.approx(1)
    assert watch(known.module, known.inputs, known.loss)["step"] == 1 and not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="every"):
        Watch(every=0)


FACTORY = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
    def forward(self, x):
        return x + torch.tanh(self.a(x))

def factory():
    torch.manual_seed(0)
    return nn.Sequential(*[Block() for _ in range(5)]), torch.ones(2, 4), lambda output: output.square().mean()

number = 3
def pair():
    return 1, 2
"""


def test_the_command_line_writes_text_figure_and_json(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(FACTORY, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--torch", "mine:factory", "--figure", "out.svg", "--lengths", "2"]) == 0
    text = capsys.readouterr().out
    assert "Sequential: 5 residual units" in text and "3 and more" in text
    drawn = (tmp_path / "out.svg").read_text("utf-8")
    assert "shortcut and branch of each unit" in drawn
    assert main(["report", "--torch", "mine:factory", "--lengths", "none", "--figure", "out.svg", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["names"][0] == "0 (a)" and found["share"] == [] and found["lengths"] is None
    for name, said in (
        ("mine:number", "wanted package.module:factory"),
        ("mine:pair", "wanted (model, inputs, loss)"),
        ("nowhere:factory", "No module named 'nowhere'"),
    ):
        assert main(["report", "--torch", name]) == 2 and said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", "--torch", "mine:factory", "--lengths", "some"])
    assert "wanted a whole number of at least 0, all, or none" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report"])
    assert "one of FILE.npz and --torch" in capsys.readouterr().err


def test_a_figure_of_a_report_with_and_without_lengths():
    from resnotes import figures

    known = make("written as relu")
    for lengths in (None, 2, "all"):
        found = report(known.module, known.inputs, known.loss, lengths=lengths)
        axes = figures.report(found).axes
        assert len(axes) == 4 and len(axes[3].get_lines()) == 2


def test_the_package_is_imported_without_pytorch():
    code = "import sys, resnotes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
