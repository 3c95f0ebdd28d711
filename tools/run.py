"""Do one of the project's tasks, on every system alike; `make TASK` calls this.

Usage: python tools/run.py TASK [arguments of the task]

Any Python starts it: what a task needs is looked for, made, and then used (`.venv`). Standard library only, and nothing
that an old Python could not read.
"""

import inspect
import os
import shutil
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.environment import program  # noqa: E402

OLDEST, NEWEST = (3, 11), (3, 14)
NAMES = "3.11, 3.12, 3.13 or 3.14"
#: Prints the Python's own path if it is one that can make an environment.
CHECK = "import sys, ensurepip, venv\nif {} <= sys.version_info[:2] <= {}: print(sys.executable)"
#: For which systems and Pythons every pinned requirement must have a wheel: those of the workflow's matrix.
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-apple-darwin", "x86_64-pc-windows-msvc")
TASKS = OrderedDict()


def task(about):
    """Register the function as the task of its name (an underscore is a hyphen, at its end nothing)."""

    def register(function):
        TASKS[function.__name__.strip("_").replace("_", "-")] = (about, function)
        return function

    return register


# Which Python ---------------------------------------------------------------------------------------------


def candidates():
    """Commands to try, in this order. PYTHON=/path/to/python names the only one."""
    if os.environ.get("PYTHON"):
        return [[os.environ["PYTHON"]]]
    versions = ["3.{}".format(minor) for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    named = [["python" + version] for version in [*versions, "3", ""]]
    # Windows has no python3.12 on its path, but a launcher that knows what is installed.
    launched = [["py", "-" + version] for version in versions] if shutil.which("py") else []
    return [[str(program(ROOT / ".venv"))], [sys.executable], *named, *launched]


def path_of(command):
    """The path of the Python that `command` starts; empty where it does not run, or is not one that is wanted."""
    check = CHECK.format(OLDEST, NEWEST)
    try:
        done = subprocess.run([*command, "-c", check], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout.decode().strip() if done.returncode == 0 else ""


def find_python():
    """Path of the first Python that really runs and can make an environment; ends the program where there is none."""
    tried = candidates()
    found = next(filter(None, map(path_of, tried)), None)
    if found is None:
        sys.exit(
            "No Python {} that can make an environment was found. Tried: {}\n"
            "Install one (on Debian and Ubuntu together with its python3-venv package), or name one by the environment\n"
            "variable PYTHON.".format(NAMES, ", ".join(map(" ".join, tried)))
        )
    return found


# Running --------------------------------------------------------------------------------------------------


def settings():
    """The environment variables under which everything runs."""
    folder = ROOT / ".venv"
    return {
        **os.environ,
        # The environment's own node, jupyter and kernels before any the machine may have.
        "PATH": os.pathsep.join([str(program(folder).parent), os.environ.get("PATH", "")]),
        "JUPYTER_PREFER_ENV_PATH": "1",
        # Not the user's own IPython settings and start-up files.
        "IPYTHONDIR": str(folder / "ipython"),
        # One thread and no debugger: the same numbers and the same output everywhere.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # Windows would write files and pipes in the code page of the country.
        "PYTHONUTF8": "1",
    }


def call(*command):
    """Run a command in the project's folder; end with its status where it fails."""
    status = subprocess.run([str(word) for word in command], cwd=str(ROOT), env=settings()).returncode
    if status:
        sys.exit(status)


def python(*arguments):
    """Run the environment's Python."""
    call(program(ROOT / ".venv"), *arguments)


# The tasks ------------------------------------------------------------------------------------------------


@task("make or update .venv (the variable PYTHON names the Python to use)")
def environment():
    call(find_python(), "tools/environment.py")


@task("build the book into _build/html")
def book():
    environment()
    python("tools/book.py")


@task("write the whole book as one PDF, _build/pdf/resnotes.pdf")
def pdf():
    book()
    python("tools/pdf.py")


@task("run every test: package, equations, notebooks, pages (arguments go to pytest)")
def test(*arguments):
    book()
    python("tools/run_tests.py", *arguments)


@task("run the tests that need neither the book nor a browser")
def check(*arguments):
    environment()
    python("tools/run_tests.py", "--check", *arguments)


@task("test the report for PyTorch models, in an environment of its own (--if-possible: no failure without PyTorch)")
def test_torch(*arguments):
    call(find_python(), "tools/torch_tests.py", *arguments)


@task("make the reports on PyTorch models that the book shows")
def torch_reports(*names):
    call(find_python(), "tools/torch_tests.py", "--reports", *names)


@task("look for faults and layers crossed, see that all is formatted; the tests do the same")
def lint():
    environment()
    python("-m", "ruff", "check", ".")
    python("-m", "ruff", "format", "--check", ".")
    call(program(ROOT / ".venv", "lint-imports"))
    call(program(ROOT / ".venv", "oxlint"), "--config", ".oxlintrc.json")


@task("open the chapters in JupyterLab")
def lab(*arguments):
    environment()
    # Jupyter refuses to run as root, which is what a container usually is.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    python("-m", "jupyter", "lab", "--notebook-dir=.", *root, *arguments, "chapters")


@task("execute every chapter, or those named, and store the outputs in normal form")
def notebooks(*files):
    environment()
    python("tools/notebooks.py", *files)


@task("write the chapters in plain Markdown, ready to run, to _build/downloads (--push BRANCH: to that branch too)")
def downloads(*arguments):
    environment()
    python("-m", "tools.downloads", *arguments)


@task("what a class gets, without solutions, _build/class, and the key, _build/class-key (--notebooks: no pages)")
def class_(*arguments):
    if "--notebooks" in arguments:
        environment()
    else:
        book()
    python("-m", "tools.classroom", *arguments)


@task("write the derived equations into the chapters")
def equations():
    environment()
    python("tools/equations.py")


@task("write the registered sentences into the chapters")
def statements():
    environment()
    python("tools/statements.py")


@task("check every equation, statement and claim, or those named")
def verify(*names):
    environment()
    python("-m", "resnotes", "verify", *names)


@task("see that every pinned requirement has a wheel for the oldest and the newest Python, on three systems")
def wheels():
    environment()
    for version in (OLDEST, NEWEST):
        for platform in PLATFORMS:
            name = "{}.{}".format(*version)
            print("Python {} on {}".format(name, platform), flush=True)
            ways = ["--no-deps", "--only-binary", ":all:", "--python-version", name, "--python-platform", platform]
            call(
                program(ROOT / ".venv", "uv"), "pip", "compile", "--quiet", *ways, "-o", os.devnull, "requirements.txt"
            )


@task("build the book with the newest Sphinx, MyST-NB and theme, in .venv-newest, to see whether that still works")
def newest():
    environment()
    python("-m", "tools.newest")


@task("build the package into dist/ and check it: twine, an empty environment, README's code")
def package(*arguments):
    environment()
    python("-m", "tools.release", *arguments)


@task("what a release has, in dist/: the package, checked, the book as archive and PDF, sums (--tag TAG)")
def release(*arguments):
    pdf()
    python("-m", "tools.release", "--book", *arguments)


@task("measure what things cost, beside the alternatives (names of workloads: those alone)")
def bench(*workloads):
    folder = ROOT / "benchmarks"
    call(find_python(), "-m", "venv", folder / ".venv")
    own = program(folder / ".venv")
    pip = [own, "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    call(*pip, "-r", folder / "requirements.txt")
    call(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
    call(own, "benchmarks/run.py", *workloads)


@task("measure what the pages and the build cost, beside stock settings (names of parts: those alone)")
def pages_cost(*parts):
    book()
    python("-m", "benchmarks.pages", *parts)


@task("delete what was built (not .venv)")
def clean():
    for name in ("_build", ".pytest_cache", ".hypothesis", "dist"):
        shutil.rmtree(str(ROOT / name), ignore_errors=True)


@task("list the tasks")
def help():
    print("python tools/run.py TASK, or where there is make: make TASK (ARGS=... for its arguments)\n")
    for name, (about, _) in TASKS.items():
        print("  {:14} {}".format(name, about))


def main(arguments):
    name, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if name not in TASKS:
        sys.exit("{}: no such task; one of {}".format(name, ", ".join(TASKS)))
    function = TASKS[name][1]
    if rest and not function.__code__.co_flags & inspect.CO_VARARGS:
        sys.exit("{} takes no arguments".format(name))
    try:
        function(*rest)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1:])
