"""``python -m resnotes verify``: check every equation of the book and every claim of the notes."""

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
    options = parser.parse_args(arguments)
    return run_verify(options.names, as_json=options.json)


def checks() -> dict[str, tuple[str, str, object]]:
    """Name -> (kind, method or verdict, what has a ``check()``)."""
    # Building the registries takes a moment; --help should not wait for it.
    from .claims import CLAIMS  # noqa: PLC0415
    from .equations import EQUATIONS  # noqa: PLC0415

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
    known = checks()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"LABEL: got {', '.join(unknown)}, want some of {', '.join(known)}", file=sys.stderr)
        return 2
    chosen = names or list(known)
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
        print(f"equations: {equations}, claims: {len(outcomes) - equations}, "
              f"{time.perf_counter() - started:.0f} s, {verdict}")
    return 1 if failed else 0


def _outcome(name: str, kind: str, how: str, entry) -> Outcome:
    start = time.perf_counter()
    try:
        result = entry.check()
    except ValueError as error:
        return Outcome(name, kind, how, False, None, None, str(error), time.perf_counter() - start)
    return Outcome(name, kind, how, True, result.cases, float(result.worst_error), None, time.perf_counter() - start)


def _progress(done: int, total: int, name: str) -> None:
    """A bar on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        filled = 30 * done // total
        print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} {name:30.30}", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
