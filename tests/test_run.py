"""tools/run.py, which does every task on every system; the Makefile and the workflows call it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from _ext.resnotes_book import launch
from tools import book, browsers, run

ROOT = book.ROOT
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
#: Stands for any program: writes down how it was called, and answers as a Python that may be used.
RECORDER = """#!{python} -IS
import json, os, sys
if sys.argv[1:2] == ["-c"]:
    print(sys.argv[0])
else:
    with open({log!r}, "a") as log:
        log.write(json.dumps([sys.argv[0], *sys.argv[1:], os.environ["OMP_NUM_THREADS"]]) + "\\n")
"""
#: Runs tasks as if on Windows, as far as the folders of an environment go.
DRIVER = """
import sys
from tools import environment
environment.WINDOWS = sys.argv[1] == "windows"
from tools import run
for task in sys.argv[2:]:
    run.main(task.split())
"""


@pytest.fixture
def tried(tmp_path):
    """A function that runs tasks in a tree with made-up environments and nothing on PATH, and returns what was called."""
    if os.name == "nt":
        pytest.skip("the programs of this test are scripts with a first line that names their interpreter")
    (tmp_path / "tools").mkdir()
    for name in ("__init__.py", "run.py", "environment.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    log = tmp_path / "log"

    def programs(folder, suffix):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in ("python", "uv", "lint-imports", "oxlint"):
            path = tmp_path / folder / f"{name}{suffix}"
            path.write_text(RECORDER.format(python=sys.executable, log=str(log)), "utf-8")
            path.chmod(0o755)

    def call(system, *tasks):
        folder, suffix = ("Scripts", ".exe") if system == "windows" else ("bin", "")
        for environment in (".venv", "benchmarks/.venv"):
            programs(f"{environment}/{folder}", suffix)
        log.write_text("", "utf-8")
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, system, *tasks],
            cwd=tmp_path, env={"PATH": str(tmp_path / "nothing")}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in log.read_text("utf-8").splitlines()]

    return call


def test_every_task_runs_without_sh_and_make(tried):
    """Each calls the programs of an environment, where Windows has them, and no other."""
    called = tried("windows", *(tasks := sorted(set(run.TASKS) - {"help", "clean"})))
    assert len(called) >= len(tasks)
    for program, *_, threads in called:
        assert ".venv/Scripts/" in program and program.endswith(".exe") and threads == "1", program


def test_what_the_tasks_call(tried):
    """In order, with their arguments."""
    called = [" ".join(call[1:-1]) for call in tried("other", "test -k x", "verify report-gain", "lab")]
    root = "--allow-root " if os.geteuid() == 0 else ""
    assert called == [
        *("tools/environment.py", "tools/run_tests.py --judge -k x", "tools/environment.py", "-m tools.browsers"),
        *("tools/environment.py", "tools/chromium.py", "tools/environment.py", "tools/book.py"),
        "tools/run_tests.py -k x",
        *("tools/environment.py", "-m resnotes verify report-gain"),
        *("tools/environment.py", f"-m jupyter lab --notebook-dir=. {root}chapters"),
    ]


WRONG = {
    "bok": "bok: no such task; one of",
    "clean all": "unrecognized arguments: all",
    "book --quick": "unrecognized arguments: --quick",
    "class --typo": "unrecognized arguments: --typo",
    "package --tag v1": "unrecognized arguments: --tag v1",
    "release --tag v0.0": f"argument --tag: got v0.0, wanted v{run.version()}, the version in pyproject.toml",
    "downloads --push": "argument --push: expected one argument",
    "notebooks chapters/none.ipynb": "argument NOTEBOOK: got chapters/none.ipynb, wanted a notebook",
    "pages-cost pages all": "argument PART: got all, wanted some of build, pages,",
    "pages-cost --runs 0": "argument --runs: got 0, wanted a whole number of at least 1",
    "bench chian": "argument WORKLOAD: got chian, wanted some of chain,",
    "torch-reports gpt3": "argument REPORT: got gpt3, wanted some of preresnet20,",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(arguments, monkeypatch, capsys):
    monkeypatch.setattr(run, "call", lambda *command: pytest.fail(f"{command} was called"))
    with pytest.raises(SystemExit) as end:
        run.main(arguments.split())
    shown = capsys.readouterr().err or str(end.value)
    assert end.value.code and WRONG[arguments] in shown, shown


@pytest.mark.parametrize("name", run.TASKS)
def test_every_task_says_what_it_takes(name, monkeypatch, capsys):
    """Without doing it. Of what only another program can judge, no option that the task has is left."""
    monkeypatch.setattr(run, "call", lambda *command: pytest.fail(f"{command} was called"))
    with pytest.raises(SystemExit) as end:
        run.main([name, "--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0 and shown.startswith(f"usage: python tools/run.py {name} ["), shown
    assert not (run.TASKS[name][2] and run.TASKS[name][3])


@pytest.mark.parametrize(("options", "status"), [(["-k", "x", "-x"], 0), (["--typo"], 4)])
def test_pytest_judges_its_options_before_the_book_is_built(options, status):
    command = [sys.executable, "tools/run_tests.py", "--judge", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status and done.stdout == "" and ("--typo" in done.stderr) == bool(status)


def test_a_python_that_does_not_run_is_passed_over(monkeypatch):
    """Nor one that ends with an error; a named one is the only candidate."""
    good, broken = [sys.executable], [sys.executable, "-c", "raise SystemExit(1)"]
    monkeypatch.setattr(run, "candidates", lambda: [["no-such-python"], broken, good])
    assert Path(run.find_python()).samefile(sys.executable)
    monkeypatch.undo()
    monkeypatch.setenv("PYTHON", "no-such-python")
    with pytest.raises(SystemExit, match="No Python 3.11, 3.12, 3.13 or 3.14 .* Tried: no-such-python"):
        run.find_python()


@pytest.mark.parametrize("oldest", [(2, 0), (4, 0)])
def test_only_a_python_of_the_versions_asked_for(monkeypatch, oldest):
    monkeypatch.setattr(run, "OLDEST", oldest)
    assert bool(run.path_of([sys.executable])) == (oldest == (2, 0))


@pytest.mark.parametrize(
    ("user", "ci", "start"), [(0, "", ["env"]), (1000, "", None), (1000, "true", ["sudo", "-n", "env"])]
)
def test_browsers_are_installed_where_that_is_allowed_and_never_without_a_word(user, ci, start, monkeypatch, capsys):
    said = []
    monkeypatch.setattr(browsers, "missing", lambda: ["WebKit"])
    monkeypatch.setattr(browsers.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(browsers.os, "geteuid", lambda: user, raising=False)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(
        browsers.subprocess, "run", lambda command, **_: said.append((command, capsys.readouterr().out))
    )
    browsers.fetch()
    assert len(said) == (2 if start else 0)
    for command, before in said:
        assert command[: len(start)] == start and " ".join(command) in before
    assert "No WebKit here" in capsys.readouterr().out


def test_an_old_python_can_read_what_runs_before_the_right_one_is_found():
    for name in ("run.py", "environment.py"):
        ast.parse((ROOT / "tools" / name).read_text("utf-8"), feature_version=(3, 6))


def test_no_tool_assumes_a_shell_or_where_an_environment_has_its_programs():
    for path in (ROOT / "tools").glob("*.py"):
        if path.name != "environment.py":
            assert not re.search(r"""[/"']bin\b|shell=True|["'](?:ba)?sh["']""", path.read_text("utf-8")), path.name


def test_the_makefile_has_every_task():
    (line,) = re.findall(r"^TASKS := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert sorted(line.split()) == sorted(run.TASKS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_step_of_a_workflow_is_a_command_of_the_project(path):
    """So that each can be run by hand."""
    jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"]
    lines = [line for job in jobs.values() for step in job["steps"] for line in step.get("run", "").splitlines()]
    for line in filter(None, lines):
        word = re.fullmatch(r"python tools/run\.py (\S+)( .*)?|gh release create .*", line)
        assert word and (word[1] is None or word[1] in run.TASKS), line
        if word[2] and not run.TASKS[word[1]][3]:
            run.parser(word[1]).parse_args(word[2].replace("${{ github.ref_name }}", f"v{run.version()}").split())


def test_what_the_workflow_runs_on_and_what_of_it_may_fail():
    jobs = yaml.safe_load((ROOT / ".github/workflows/book.yml").read_text("utf-8"))["jobs"]
    ends = [f"{major}.{minor}" for major, minor in (run.OLDEST, run.NEWEST)]
    assert jobs["book"]["strategy"]["matrix"] == {"python": ends}
    assert jobs["systems"]["strategy"]["matrix"] == {"system": ["macos-latest", "windows-latest"], "python": ends}
    assert [name for name, job in jobs.items() if job.get("continue-on-error")] == ["newest"]
    (step,) = [step for step in jobs["notebooks"]["steps"] if "run" in step]
    assert step["run"] == f"python tools/run.py downloads --push {launch.BRANCH}"
    for job in jobs.values():
        assert "secrets." not in json.dumps(job) and job["permissions"]
