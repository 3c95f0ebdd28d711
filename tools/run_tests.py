"""Every test in one pytest run: `tests/`, and the chapters' stored outputs against those of the build.

Usage: python tools/run_tests.py [--check | --judge] [arguments of pytest]

With --check only what needs neither the built book nor a browser. With --judge none: pytest says whether it takes the
arguments.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Halves of the list go to a process each; whoever has done his takes from the others what is left.
PARALLEL = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")


def main(arguments):
    command = [sys.executable, "-m", "pytest", *PARALLEL, "--durations=20", "-rs"]
    environment = dict(os.environ)
    if arguments[:1] == ["--check"]:
        command += ["tests", "-m", "not page", *arguments[1:]]
    elif arguments[:1] == ["--judge"]:
        command += ["--noconftest", "--markers", *arguments[1:]]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode
    else:
        import chromium

        environment["CHROMIUM"] = chromium.find_or_fetch()
        command += ["-p", "tools.executed", "tests", "chapters", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
