"""Do one of the project's tasks, on every system alike; `make TASK` calls this.

Usage: python tools/run.py TASK [arguments of the task]

Any Python starts it: what a task needs is looked for, made, and then used (`.venv`). Standard library only, and nothing
that an old Python could not read. What cannot be meant is refused before anything is installed or built.
"""

import argparse
import os
import re
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
#: What is measured of the pages, the package's workloads, and the stored reports on PyTorch models.
PARTS = ("build", "pages", "performance", "qualities")
WORKLOADS = ("chain", "jacobian", "paths", "training", "verify")
REPORTS = ("preresnet20", "gpt2", "healthy", "weak_output", "exploding_branch", "dead_branch")
TASKS = OrderedDict()


# What a task takes ----------------------------------------------------------------------------------------


def task(about, *options, **names):
    """Register the function as the task of its name (an underscore is a hyphen, at its end nothing).

    `options`: what ``add_argument`` of argparse takes, a pair each; the task's tool reads them by the same `parser`.
    `goes_to`: the program to which all arguments go instead, and which judges them.
    """

    def register(function):
        name = function.__name__.strip("_").replace("_", "-")
        TASKS[name] = (about, function, options, names.get("goes_to"))
        return function

    return register


def parser(name):
    """What reads the arguments of a task."""
    about, _, options, goes_to = TASKS[name]
    start = "python tools/run.py " + name
    usage = "{} [arguments of {}]".format(start, goes_to) if goes_to else None
    about = about[0].upper() + about[1:] + "."
    result = argparse.ArgumentParser(prog=start, usage=usage, description=about, allow_abbrev=False)
    for argument, how in options:
        result.add_argument(argument, **how)
    return result


def one_of(names):
    """What takes one of these names and nothing else."""

    def judge(text):
        if text not in names:
            raise argparse.ArgumentTypeError("got {}, wanted some of {}".format(text, ", ".join(names)))
        return text

    return judge


def version(root=ROOT):
    """The package's."""
    return re.search('^version = "(.*)"$', (root / "pyproject.toml").read_text("utf-8"), re.MULTILINE).group(1)


def tag(text):
    """The tag of a release, which has to be the version's."""
    if text != "v" + version():
        raise argparse.ArgumentTypeError("got {}, wanted v{}, the version in pyproject.toml".format(text, version()))
    return text


def notebook(text):
    """The path of a notebook that is there; a relative one starts at the project's folder."""
    path = ROOT / text
    if path.suffix != ".ipynb" or not path.is_file():
        raise argparse.ArgumentTypeError("got {}, wanted a notebook".format(text))
    return path


def visits(text):
    """How often something is done: once at least."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("got {}, wanted a whole number of at least 1".format(text))
    return int(text)


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


def book_for_browser():
    """The book, and a browser; which may have to be installed, or not be one, so first that."""
    environment()
    python("tools/chromium.py")
    book()


@task("write the whole book as one PDF, _build/pdf/resnotes.pdf")
def pdf():
    book_for_browser()
    python("tools/pdf.py")


def judge(arguments):
    """See that pytest takes them, before what it needs is built."""
    if arguments:
        environment()
        python("tools/run_tests.py", "--judge", *arguments)


@task("run every test: package, equations, notebooks, pages", goes_to="pytest")
def test(*arguments):
    judge(arguments)
    environment()
    python("-m", "tools.browsers")
    book_for_browser()
    python("tools/run_tests.py", *arguments)


@task("run the tests that need neither the book nor a browser", goes_to="pytest")
def check(*arguments):
    environment()
    python("tools/run_tests.py", "--check", *arguments)


@task(
    "test the report for PyTorch models, in an environment of its own; --if-possible: no failure without PyTorch",
    goes_to="pytest",
)
def test_torch(*arguments):
    call(find_python(), "tools/torch_tests.py", *arguments)


@task(
    "make the reports on PyTorch models that the book shows",
    ("names", {"nargs": "*", "metavar": "REPORT", "type": one_of(REPORTS), "help": "these alone"}),
)
def torch_reports(*names):
    call(find_python(), "tools/torch_tests.py", "--reports", *names)


@task("look for faults and layers crossed, see that all is formatted; the tests do the same")
def lint():
    environment()
    python("-m", "ruff", "check", ".")
    python("-m", "ruff", "format", "--check", ".")
    call(program(ROOT / ".venv", "lint-imports"))
    call(program(ROOT / ".venv", "oxlint"), "--config", ".oxlintrc.json")


@task("open the chapters in JupyterLab", goes_to="jupyter lab")
def lab(*arguments):
    environment()
    # Jupyter refuses to run as root, which is what a container usually is.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    python("-m", "jupyter", "lab", "--notebook-dir=.", *root, *arguments, "chapters")


@task(
    "execute every chapter, or those named, and store the outputs in normal form",
    ("--check", {"action": "store_true", "help": "execute nothing; fail if a notebook is not in normal form"}),
    ("files", {"nargs": "*", "metavar": "NOTEBOOK", "type": notebook, "help": "these alone"}),
)
def notebooks(*files):
    environment()
    python("tools/notebooks.py", *files)


@task(
    "write the chapters in plain Markdown, ready to run, to _build/downloads",
    ("--push", {"metavar": "BRANCH", "help": "also make them this branch of origin"}),
)
def downloads(*arguments):
    environment()
    python("-m", "tools.downloads", *arguments)


@task(
    "write what a class gets, without solutions, to _build/class, and the key to _build/class-key",
    ("--notebooks", {"action": "store_true", "help": "no pages, which need the built book"}),
)
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


@task("check every equation, statement and claim, or those named", goes_to="resnotes verify")
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
def package():
    environment()
    python("-m", "tools.release")


@task(
    "put what a release has into dist/: the package, checked, the book as archive and PDF, sums",
    ("--tag", {"type": tag, "help": "the release's tag, which has to be that of the version"}),
)
def release(*arguments):
    pdf()
    python("-m", "tools.release", "--book", *arguments)


@task(
    "measure what things cost, beside the alternatives",
    ("names", {"nargs": "*", "metavar": "WORKLOAD", "type": one_of(WORKLOADS), "help": "these alone"}),
)
def bench(*workloads):
    folder = ROOT / "benchmarks"
    call(find_python(), "-m", "venv", folder / ".venv")
    own = program(folder / ".venv")
    pip = [own, "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    call(*pip, "-r", folder / "requirements.txt")
    call(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
    call(own, "benchmarks/run.py", *workloads)


@task(
    "measure what the pages and the build cost, beside stock settings",
    ("parts", {"nargs": "*", "metavar": "PART", "type": one_of(PARTS), "help": "of {}".format(", ".join(PARTS))}),
    ("--runs", {"type": visits, "default": 5, "help": "visits, of which the median counts"}),
    (
        "--only",
        {
            "nargs": "+",
            "default": (),
            "metavar": "PART",
            "help": "of pages with one of these in the name; others keep their figures",
        },
    ),
)
def pages_cost(*arguments):
    book_for_browser()
    python("-m", "benchmarks.pages", *arguments)


@task("delete what was built (not .venv)")
def clean():
    for name in ("_build", ".pytest_cache", ".hypothesis", "dist"):
        shutil.rmtree(str(ROOT / name), ignore_errors=True)


@task("list the tasks")
def help():
    print("python tools/run.py TASK, or where there is make: make TASK (ARGS=... for its arguments)")
    print("python tools/run.py TASK --help says what the task takes\n")
    for name, (about, _, _, goes_to) in TASKS.items():
        print("  {:14} {}{}".format(name, about, " (arguments go to {})".format(goes_to) if goes_to else ""))


def main(arguments):
    name, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    name = "help" if name in ("-h", "--help") else name
    if name not in TASKS:
        sys.exit("{}: no such task; one of {}".format(name, ", ".join(TASKS)))
    _, function, _, goes_to = TASKS[name]
    if not goes_to or rest[:1] in (["-h"], ["--help"]):
        parser(name).parse_args(rest)
    try:
        function(*rest)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1:])
