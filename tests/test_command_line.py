"""``python -m resnotes``: one plain line for what is wrong, and no traceback."""

import contextlib
import os
import pickle
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from resnotes import __version__, npz, report
from resnotes.__main__ import main
from resnotes._terminal import Bar


def without(module, *arguments):
    """Run a command in a fresh interpreter that does not have a module."""
    code = (
        "import sys, runpy\n"
        f"class Gone:\n def find_spec(self, name, *_):\n  if name.partition('.')[0] == {module!r}:\n"
        f"   raise ModuleNotFoundError('No module named {module}', name={module!r})\n"
        f"sys.meta_path.insert(0, Gone()); sys.argv = {['command', *arguments[1:]]!r}\n"
        f"runpy.run_module({arguments[0]!r}, run_name='__main__', alter_sys=True)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, **{"unit0.weight0": np.eye(2), "x": np.ones(2), "g": np.ones(2)})
    return path


def test_the_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0 and capsys.readouterr().out.strip() == f"resnotes {__version__}"


def test_the_script_is_the_command_line(tmp_path):
    """Under its own name, interrupted without a traceback."""
    project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, function = project["scripts"]["resnotes"].partition(":")
    for extra, status, said in (("", 0, "usage: resnotes "), ("m.main = stop", 130, "")):
        code = (
            f"import sys, {module} as m\ndef stop(): raise KeyboardInterrupt\n{extra}\n"
            f"sys.argv = ['bin/resnotes', '--help']; sys.exit(m.{function}())"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (status, "") and done.stdout.startswith(said)


def test_an_unknown_label_is_answered_with_close_ones(capsys):
    assert main(["verify", "report-gian", "zzzzqqqq"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(len(line) < 200 for line in lines)
    assert "'report-gian'" in lines[0] and "report-gain" in lines[0] and "perhaps" not in lines[1]


def test_a_missing_file_is_a_missing_file(tmp_path, capsys):
    path = tmp_path / "none.npz"
    for call in (report, npz.load):
        with pytest.raises(FileNotFoundError, match="none.npz"):
            call(path)
    assert main(["report", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: No such file or directory\n"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (pickle.dumps({"weight": 1}), "a pickle"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x93NUMPY", "a damaged .npy file"),
        (b"PK\x03\x04 and no more", "a damaged archive"),
        (b"weights", "something else"),
        (b"", "empty"),
    ],
)
def test_a_file_of_another_kind_is_named_without_advice_to_load_pickles(content, what, tmp_path):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"which is no .npz file but {what}") as refused:
        npz.load(path)
    assert "pickle" not in str(refused.value).replace("a pickle", "") and refused.value.__cause__ is None


def test_what_torch_saves_is_named(tmp_path):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("model/data/0", b"0000")
    with pytest.raises(ValueError, match="torch.save wrote, wanted .*numpy.savez"):
        npz.load(path)


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [
        ("matplotlib", ("resnotes", "report", "{file}", "--figure", "{folder}/out.png"), "figures"),
        ("sklearn", ("resnotes.training", "{folder}/out.jsonl"), "training"),
        ("sklearn", ("resnotes", "training", "{folder}/out.jsonl"), "training"),
        ("threadpoolctl", ("resnotes.training", "{folder}/out.jsonl"), "training"),
        ("sympy", ("resnotes", "verify", "report-gain"), "symbolic"),
        ("torch", ("resnotes", "report", "--torch", "package.module:factory"), "torch"),
    ],
)
def test_a_missing_extra_comes_with_the_command_that_installs_it(module, command, extra, file, tmp_path):
    before = sorted(tmp_path.iterdir())
    done = without(module, *(part.format(file=file, folder=tmp_path) for part in command))
    assert done.returncode == 2 and done.stdout == ""
    assert f'pip install "resnotes[{extra}]"' in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1 and module in done.stderr
    assert sorted(tmp_path.iterdir()) == before, "nothing is left behind"


def test_figures_without_matplotlib_say_what_to_install():
    code = "import sys; sys.modules['matplotlib'] = None; import resnotes.figures"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("ImportError") and 'pip install "resnotes[figures]"' in done.stderr


def test_training_is_a_command_too(capsys):
    with pytest.raises(SystemExit) as end:
        main(["training", "--help"])
    assert end.value.code == 0 and "--depth" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["training"])
    assert end.value.code == 2 and "RESULTS" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["report", "{file}"], ["report", "{file}", "--json"]])
def test_nobody_reading_to_the_end_is_no_error(command, file):
    read, write = os.pipe()
    os.close(read)  # whoever read has gone
    done = subprocess.run(
        [sys.executable, "-m", "resnotes", *(part.format(file=file) for part in command)],
        stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert done.stderr == "" and done.returncode == 141


def test_a_bar_on_a_terminal_alone(monkeypatch):
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        bar = Bar(4, "unit", patience=0)
        bar.at(2)
        bar.clear()
        Bar(4, "unit", patience=60).at(2)
    drawn = b""
    with contextlib.suppress(OSError):  # a terminal hands over what it has, and at its end this error
        while part := os.read(master, 1000):
            drawn += part
    os.close(master)
    drawn = drawn.decode()
    assert drawn.count("2/4") == 1 and "#" * 15 + "." * 15 in drawn and drawn.endswith("\r\033[K")
