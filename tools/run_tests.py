"""Every test in one pytest run: `tests/`, and the chapters' stored outputs against fresh ones (nbval)."""

import os
import subprocess
import sys
from pathlib import Path

import chromium

ROOT = Path(__file__).resolve().parent.parent


def main():
    environment = {**os.environ, "CHROMIUM": chromium.find_or_fetch()}
    command = [sys.executable, "-m", "pytest", "tests", "chapters", "--nbval", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, env=environment).returncode)


if __name__ == "__main__":
    main()
