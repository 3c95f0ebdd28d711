"""What the command lines and long computations share."""

import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import requires


def missing(error: ImportError, extra: str, what: str) -> ImportError:
    """The error to raise instead of one about a module that belongs to an extra of the package.

    Its command installs what the extra asks for, which works wherever the package itself came from; or at least the
    module, where what is known of the package is older than its code.
    """
    asked = (line.partition(";") for line in requires("resnotes") or ())
    wanted = [f'"{package.strip()}"' for package, _, condition in asked if repr(extra) in condition.replace('"', "'")]
    module = error.name.partition(".")[0]
    command = " ".join(["pip install", *(wanted or [module])])
    return ImportError(f"{what} needs {module}, of the extra {extra}: {command}", name=module)


def run(main: Callable[[], int]) -> int:
    """Run a command line. Where nobody reads its output to the end, as with ``| head``, it ends without a word; and
    where it is interrupted from the keyboard. Output that cannot be written, as to a full disk, is said in a line."""
    try:
        try:
            status = main()
        except SystemExit as end:  # argparse has shown help or a version, or refused an option
            status = end.code or 0
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        # Python flushes once more at its end; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141  # as a program that the signal ended
        print(f"output: {error.strerror or error}", file=sys.stderr)
        return 1
    return status


class Bar:
    """A bar on standard error, drawn once something has taken longer than `patience` seconds.

    Parameters
    ----------
    total : int
        How many steps there are.
    name : str
        What is counted; `at` may say it anew.
    patience : float
        Seconds.
    """

    def __init__(self, total: int, name: str = "", patience: float = 3.0):
        self.total, self.name = total, name
        self.start, self.drawn = time.perf_counter() + patience, False

    def at(self, done: int, name: str | None = None) -> None:
        """Show that so many steps are done."""
        if not sys.stderr.isatty() or time.perf_counter() < self.start:
            return
        filled = 30 * done // self.total
        line = f"[{'#' * filled}{'.' * (30 - filled)}] {self.name if name is None else name:30.30} {done}/{self.total}"
        print(f"\r{line}", end="", file=sys.stderr, flush=True)
        self.drawn = True

    def clear(self) -> None:
        """Take the line away."""
        if self.drawn:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self.drawn = False
