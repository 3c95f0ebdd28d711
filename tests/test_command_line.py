"""``python -m resnotes``: one plain line for what is wrong, and no traceback."""

import contextlib
import os
import pickle
import shlex
import subprocess
import sys
import tomllib
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from resnotes import __version__, npz, report
from resnotes.__main__ import main
from resnotes._terminal import Bar, missing


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
    ("module", "command", "extra", "package"),
    [
        ("matplotlib", ("resnotes", "report", "{file}", "--figure", "{folder}/out.png"), "figures", "matplotlib"),
        ("sklearn", ("resnotes.training", "{folder}/out.jsonl"), "training", "scikit-learn"),
        ("sklearn", ("resnotes", "training", "{folder}/out.jsonl"), "training", "scikit-learn"),
        ("threadpoolctl", ("resnotes.training", "{folder}/out.jsonl"), "training", "threadpoolctl"),
        ("sympy", ("resnotes", "verify", "report-gain"), "symbolic", "sympy"),
        ("torch", ("resnotes", "report", "--torch", "package.module:factory"), "torch", "torch"),
    ],
)
def test_a_missing_extra_comes_with_the_command_that_installs_it(module, command, extra, package, file, tmp_path):
    before = sorted(tmp_path.iterdir())
    done = without(module, *(part.format(file=file, folder=tmp_path) for part in command))
    assert done.returncode == 2 and done.stdout == ""
    assert f"needs {module}, of the extra {extra}: pip install " in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1 and package in done.stderr.partition("pip install")[2]
    assert sorted(tmp_path.iterdir()) == before, "nothing is left behind"


@pytest.mark.parametrize(
    ("module", "extra", "part"),
    [
        *(("anywidget", "widgets", "explorers"), ("traitlets", "widgets", "explorers")),
        *(("matplotlib", "figures", "figures"), ("sympy", "symbolic", "symbolic")),
    ],
)
def test_a_part_without_its_extra_says_what_to_install(module, extra, part):
    code = f"import sys; sys.modules[{module!r}] = None; import resnotes.{part}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: resnotes.{part} needs {module}, of the extra {extra}: pip install "), last


def test_the_command_is_what_the_extra_asks_for(monkeypatch):
    """Quoted, since < and > are the shell's; where the package's own description is too old to know, the module."""
    known = ["numpy>=2", "a<3,>=1.2; extra == 'one'", 'b; python_version > "3" and extra == "one"', "c; extra == 'two'"]
    monkeypatch.setattr("resnotes._terminal.requires", lambda name: known)
    error = ModuleNotFoundError("No module named 'a'", name="a")
    assert str(missing(error, "one", "this")) == 'this needs a, of the extra one: pip install "a<3,>=1.2" "b"'
    assert str(missing(error, "three", "this")).endswith("pip install a")


def test_training_is_a_command_too(capsys):
    with pytest.raises(SystemExit) as end:
        main(["training", "--help"])
    assert end.value.code == 0 and "--depth" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["training"])
    shown = capsys.readouterr().err
    assert end.value.code == 2 and "RESULTS" in shown and "resnotes training: error" in shown


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


def test_help_that_nobody_reads_and_output_that_cannot_be_written(file):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "resnotes"]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(
        [*command, "--help"], stdout=write, stderr=subprocess.PIPE, text=True, check=False, env=buffered
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
    if not os.path.exists("/dev/full"):
        pytest.skip("no file to which nothing can be written")
    with open("/dev/full", "w") as full:
        done = subprocess.run([*command, "report", file], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "output: No space left on device\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{file} --lengths 3", "--lengths goes with --torch"),
        ("{file} --lengths abc", "argument --lengths: got 'abc', wanted a whole number of at least 0, all, or none"),
        ("--torch m:f --lengths=-1", "argument --lengths: got '-1', wanted"),
        ("--torch m:f --lengths 2²", "argument --lengths: got '2²', wanted"),
        ("{file} --torch m:f", "one of FILE.npz and --torch MODULE:FACTORY is wanted"),
        ("", "one of FILE.npz and --torch MODULE:FACTORY is wanted"),
        ("''", "argument FILE.npz: got an empty text"),
        ("--torch ''", "argument --torch: got an empty text"),
        ("{file} --figure ''", "argument --figure: got '', wanted a path that ends in .png, .svg or .pdf"),
        ("{file} --figure {folder}/out", "wanted a path that ends in .png, .svg or .pdf"),
        ("{file} --figure {folder}/out.xyz", "Format 'xyz' is not supported"),
        ("{file} --figure {folder}/none/out.png", "No such file or directory"),
        ("{file} --json another", "unrecognized arguments: another"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, said, file, tmp_path, capsys):
    """An option that would be passed over, a value that is none: nothing is computed or written."""
    before = sorted(tmp_path.iterdir())
    try:
        status = main(["report", *shlex.split(options.format(file=file, folder=tmp_path))])
    except SystemExit as end:
        status = end.code
    shown = capsys.readouterr()
    assert (status, shown.out) == (2, "") and said in shown.err and "Traceback" not in shown.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "wanted package.module:factory"),
        ("def f(): return 1, 2", "got tuple from {name}:f(), wanted (model, inputs, loss)"),
        ("def f(): raise KeyError('mine')", "KeyError: 'mine' ({path}, line 1)"),
        ("import other_module", "ModuleNotFoundError: No module named 'other_module' ({path}, line 1)"),
        ("1 +", "SyntaxError: invalid syntax ({name}.py, line 1)"),
        ("def f():\n  return 1, 2, lambda: 1 / 0", "ZeroDivisionError: division by zero ({path}, line 2)"),
    ],
    ids=["nothing", "two", "its own error", "import", "syntax", "the loss's error"],
)
def test_what_a_factory_does_wrong_is_said_in_a_line(code, said, tmp_path, monkeypatch, capsys):
    stand_in = types.SimpleNamespace(report=lambda model, inputs, loss, lengths: loss())
    monkeypatch.setitem(sys.modules, "resnotes.torch", stand_in)
    monkeypatch.chdir(tmp_path)
    name = f"factory_{tmp_path.name}"
    Path(f"{name}.py").write_text(code, "utf-8")
    path, before = tmp_path / f"{name}.py", list(sys.path)
    assert main(["report", "--torch", f"{name}:f"]) == 2
    said = said.format(name=name, path=path)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{name}:f: ") and line.endswith(said) or said.startswith("wanted") and said in line
    assert sys.path == before


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
