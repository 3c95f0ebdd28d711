"""Check every equation of the book and every claim of the notes, or report on a network of your own."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Outcome:
    """What became of one check.

    Attributes
    ----------
    name : str
        Equation label or claim id.
    kind : str
        "equation" or "claim".
    how : str
        The equation's method, or the claim's verdict.
    ok : bool
    cases : int or None
    worst_error : float or None
    error : str or None
        Why it failed, with both values.
    seconds : float
    """

    name: str
    kind: str
    how: str
    ok: bool
    cases: int | None
    worst_error: float | None
    error: str | None
    seconds: float

    def line(self, width: int) -> str:
        """One line of the table."""
        if not self.ok:
            return f"{self.name:{width}}  FAILED  {self.error}"
        return f"{self.name:{width}}  {self.how:10}  {self.cases:4d} cases  worst error {self.worst_error:.1e}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status: 0, or 1 where a check fails, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m resnotes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check every equation and claim, or those named")
    verify.add_argument("names", nargs="*", metavar="LABEL", help="equation labels or claim ids; all by default")
    verify.add_argument("--json", action="store_true", help="print one JSON object a check, as a list")
    report = commands.add_parser("report", help="report on a network whose weights are in an .npz file")
    report.add_argument("file", metavar="FILE.npz", help="arrays as resnotes.npz.from_arrays names them")
    report.add_argument("--json", action="store_true", help="print everything as one JSON object")
    report.add_argument("--figure", metavar="PATH", help="also write a figure (.png, .svg, .pdf)")
    options = parser.parse_args(arguments)
    if options.command == "report":
        return run_report(options.file, as_json=options.json, figure=options.figure)
    return run_verify(options.names, as_json=options.json)


def run_report(path: str, as_json: bool = False, figure: str | None = None) -> int:
    """Print the report on the network in an .npz file.

    Parameters
    ----------
    path : str
    as_json : bool
    figure : str, optional
        Where to write the figure, if anywhere.

    Returns
    -------
    int
        0, or 2 where the file, what is in it, or the figure's path is bad; the reason goes to stderr.
    """
    from resnotes.reports import report

    try:
        found = report(path)
    except ValueError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    if figure is not None:
        try:
            from resnotes import figures  # matplotlib is an extra

            figures.report(found).savefig(figure)
        except (ImportError, OSError, ValueError) as error:
            print(f"--figure {figure}: {error}", file=sys.stderr)
            return 2
    print(json.dumps(found.as_dict(), indent=1) if as_json else found)
    return 0


def checks() -> dict[str, tuple[str, str, object]]:
    """Name -> (kind, method or verdict, what has a ``check()``)."""
    # Building the registries takes a moment; --help should not wait for it.
    from resnotes.book import EQUATIONS
    from resnotes.book.claims import CLAIMS

    return {
        **{label: ("equation", entry.method, entry) for label, entry in EQUATIONS.items()},
        **{name: ("claim", claim.verdict, claim) for name, claim in CLAIMS.items()},
    }


def run_verify(names: list[str], as_json: bool = False) -> int:
    """Check one after another and print a table, or JSON.

    Parameters
    ----------
    names : list of str
        Which; all where empty.
    as_json : bool

    Returns
    -------
    int
        0 if all pass, 1 if any fails, 2 if a name is unknown.
    """
    from resnotes.book.claims.claim import forget_passed

    known = checks()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"LABEL: got {', '.join(unknown)}, want some of {', '.join(known)}", file=sys.stderr)
        return 2
    chosen = names or list(known)
    forget_passed()  # within one run an equation is checked once, however many claims rest on it
    width = max(map(len, chosen))
    outcomes, started = [], time.perf_counter()
    for number, name in enumerate(chosen):
        _progress(number, len(chosen), name)
        outcomes.append(_outcome(name, *known[name]))
        _clear_progress()
        if not as_json:
            print(outcomes[-1].line(width), flush=True)
    failed = [outcome.name for outcome in outcomes if not outcome.ok]
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    else:
        equations = sum(outcome.kind == "equation" for outcome in outcomes)
        verdict = f"failed: {', '.join(failed)}" if failed else "all hold"
        print(
            f"equations: {equations}, claims: {len(outcomes) - equations}, "
            f"{time.perf_counter() - started:.0f} s, {verdict}"
        )
    return 1 if failed else 0


def _outcome(name: str, kind: str, how: str, entry) -> Outcome:
    from resnotes.book.claims.claim import registered

    start = time.perf_counter()
    try:
        result = registered(name) if kind == "equation" else entry.check()
    except ValueError as error:
        return Outcome(name, kind, how, False, None, None, str(error), time.perf_counter() - start)
    return Outcome(name, kind, how, True, result.cases, float(result.worst_error), None, time.perf_counter() - start)


def _progress(done: int, total: int, name: str) -> None:
    """A bar on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        filled = 30 * done // total
        print(
            f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} {name:30.30}", end="", file=sys.stderr, flush=True
        )


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
