"""One line on a terminal that says how far something is; nothing elsewhere."""

import sys
import time


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
