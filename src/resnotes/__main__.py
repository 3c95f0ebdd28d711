"""``python -m resnotes verify``: check every equation of the book."""

from __future__ import annotations

import argparse
import sys
import time


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status: 0, or 1 where a check fails, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m resnotes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check every equation, or those named")
    verify.add_argument("labels", nargs="*", metavar="LABEL", help="equation labels; all of them by default")
    options = parser.parse_args(arguments)
    return run_verify(options.labels)


def run_verify(labels: list[str], out=None) -> int:
    """Check equations one after another and print a table.

    Parameters
    ----------
    labels : list of str
        Which; all where empty.
    out : file, optional
        Where the table goes; standard output by default.

    Returns
    -------
    int
        0 if all pass, 1 if any fails, 2 if a label is unknown.
    """
    from .equations import EQUATIONS  # noqa: PLC0415  (building the registry takes a moment; --help should not)

    out = sys.stdout if out is None else out
    unknown = [label for label in labels if label not in EQUATIONS]
    if unknown:
        print(f"labels: got {', '.join(unknown)}, want some of {', '.join(EQUATIONS)}", file=sys.stderr)
        return 2
    chosen = labels or list(EQUATIONS)
    width = max(map(len, chosen))
    failures, started = [], time.perf_counter()
    for number, label in enumerate(chosen):
        _progress(number, len(chosen), label)
        equation = EQUATIONS[label]
        try:
            result = equation.check()
        except ValueError as error:
            failures.append(label)
            _clear_progress()
            print(f"{label:{width}}  FAILED  {error}", file=out, flush=True)
            continue
        _clear_progress()
        print(f"{label:{width}}  {equation.method:10}  {result.cases:4d} cases  worst error {result.worst_error:.1e}",
              file=out, flush=True)
    seconds = time.perf_counter() - started
    verdict = f"failed: {', '.join(failures)}" if failures else "all hold"
    print(f"{len(chosen)} equations in {seconds:.0f} s, {verdict}", file=out)
    return 1 if failures else 0


def _progress(done: int, total: int, label: str) -> None:
    """A bar on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        filled = 30 * done // total
        print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} {label:30.30}", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
