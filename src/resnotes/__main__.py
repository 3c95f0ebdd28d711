"""Check every equation and sentence of the book and every claim that it judges, or report on a network of your own."""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import sys
import sysconfig
import time
import traceback
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from resnotes import __version__
from resnotes._terminal import Bar, missing, run


def _named(text: str) -> str:
    """An argument that may not be empty."""
    if not text:
        raise argparse.ArgumentTypeError("got an empty text")
    return text


def _figure(text: str) -> str:
    if not Path(text).suffix:
        raise argparse.ArgumentTypeError(f"got {text!r}, wanted a path that ends in .png, .svg or .pdf")
    return text


def _lengths(text: str) -> int | str | None:
    """What --lengths says, as `resnotes.torch.report` takes it."""
    if text in ("all", "none"):
        return {"all": "all", "none": None}[text]
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"got {text!r}, wanted a whole number of at least 0, all, or none")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status: 0, or 1 where a check fails, 2 for wrong usage."""
    name = "resnotes" if Path(sys.argv[0]).stem == "resnotes" else "python -m resnotes"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--version", action="version", version=f"resnotes {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check every equation, statement and claim, or those named")
    verify.add_argument(
        "names", nargs="*", metavar="LABEL", help="labels of equations, ids of statements or claims; all by default"
    )
    verify.add_argument("--json", action="store_true", help="print one JSON object a check, as a list")
    report = commands.add_parser("report", help="report on weights in an .npz file, or on a PyTorch model")
    report.add_argument(
        "file", metavar="FILE.npz", nargs="?", type=_named, help="arrays as resnotes.npz.from_arrays names them"
    )
    report.add_argument(
        "--torch",
        metavar="MODULE:FACTORY",
        type=_named,
        help="a function that returns (model, inputs, loss), as resnotes.torch.report takes them",
    )
    report.add_argument(
        "--lengths",
        type=_lengths,
        default=argparse.SUPPRESS,
        help="with --torch: path lengths up to a number, all, or none (10)",
    )
    report.add_argument("--json", action="store_true", help="print everything as one JSON object")
    report.add_argument("--figure", metavar="PATH", type=_figure, help="also write a figure (.png, .svg, .pdf)")
    commands.add_parser("training", help="train many networks (resnotes training --help)")
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["training"]:  # has its own options
        from resnotes.training.__main__ import main as train

        return train(arguments[1:], f"{name} training")
    options = parser.parse_args(arguments)
    if options.command == "report":
        if (options.file is None) == (options.torch is None):
            report.error("one of FILE.npz and --torch MODULE:FACTORY is wanted")
        if options.file and hasattr(options, "lengths"):
            report.error("--lengths goes with --torch: the report on an .npz file has every length")
        return run_report(options)
    return run_verify(options.names, as_json=options.json)


def run_report(options: argparse.Namespace) -> int:
    """Print the report on the network in an .npz file, or on a PyTorch model.

    Parameters
    ----------
    options : Namespace
        `file`, or `torch`: "package.module:factory", a function without arguments that returns what
        `resnotes.torch.report` takes: model, inputs, loss; perhaps `lengths`, as that takes them. `json`; and
        `figure`, where to write one, or None.

    Returns
    -------
    int
        0, or 2 where the file, what is in it, the factory, or the figure's path is bad; the reason goes to stderr.
    """
    from resnotes.reports import report

    try:
        found = report(options.file) if options.file else _report_of_model(options)
    except (OSError, ValueError, ImportError) as error:
        said = getattr(error, "strerror", None) or error
        print(f"{options.file or options.torch}: {said}", file=sys.stderr)
        return 2
    if options.figure is not None:
        try:
            from resnotes import figures  # matplotlib is an extra

            figures.report(found).savefig(options.figure)
        except (ImportError, OSError, ValueError) as error:
            print(f"--figure {options.figure}: {error}", file=sys.stderr)
            return 2
    print(json.dumps(found.as_dict(), indent=1) if options.json else found)
    return 0


def _report_of_model(options: argparse.Namespace):
    """The report on what a factory makes. Its module is looked for in the working directory as well."""
    from resnotes.torch import report  # first: where PyTorch is missing, that is what there is to say

    sys.path.insert(0, "")
    try:
        return report(*_made(options.torch), lengths=getattr(options, "lengths", 10))
    except ValueError:
        raise
    except Exception as error:  # whatever their model raises
        raise ValueError(_raised(error)) from error
    finally:
        sys.path.remove("")


def _made(name: str) -> tuple:
    """What the factory of that name returns: model, inputs, loss."""
    module, _, factory = name.partition(":")
    try:
        make = getattr(importlib.import_module(module), factory or "factory", None)
        made = make() if callable(make) else None
    except Exception as error:  # whatever their code raises
        raise ValueError(_raised(error)) from error
    if not callable(make):
        raise ValueError(f"--torch: got {name}, wanted package.module:factory, a function that the module has")
    if not isinstance(made, tuple) or len(made) != 3:
        raise ValueError(f"--torch: got {type(made).__name__} from {name}(), wanted (model, inputs, loss)")
    return made


def _raised(error: Exception) -> str:
    """An error in a line, with the last place of its traceback that is in the user's own code."""
    others = (str(Path(__file__).parent), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_file() and not os.path.abspath(frame.filename).startswith(others):
            return f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})"
    return f"{type(error).__name__}: {error}"


def run_verify(names: list[str], as_json: bool = False) -> int:
    """Check all that is named and print a table, or JSON.

    Parameters
    ----------
    names : list of str
        Which; all where empty.
    as_json : bool

    Returns
    -------
    int
        0 if all pass, 1 if any fails, 2 if a name is unknown or SymPy is missing.
    """
    try:
        from resnotes.book import verify  # building the registries takes a moment; --help should not wait for it

        known = verify.names()
    except ImportError as error:
        print(missing(error, "symbolic", "verify"), file=sys.stderr)
        return 2
    unknown = [name for name in names if name not in known]
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=4, cutoff=0.4)
        wanted = f"perhaps {' or '.join(close)}" if close else "an equation's label, or a statement's or claim's id"
        print(f"LABEL: got {name!r}, wanted {wanted}", file=sys.stderr)
    if unknown:
        return 2
    chosen = names or known
    width = max(map(len, chosen))
    outcomes, started = [], time.perf_counter()
    bar = Bar(len(chosen), patience=0)
    bar.at(0, chosen[0])
    for number, outcome in enumerate(verify.outcomes(chosen), 1):
        outcomes.append(outcome)
        bar.clear()
        if not as_json:
            print(outcome.line(width), flush=True)
        bar.at(number, outcome.name)
    bar.clear()
    failed = [outcome.name for outcome in outcomes if not outcome.ok]
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    else:
        counts = Counter(outcome.kind for outcome in outcomes)
        verdict = f"failed: {', '.join(failed)}" if failed else "all hold"
        print(
            f"equations: {counts['equation']}, statements: {counts['statement']}, claims: {counts['claim']}, "
            f"{time.perf_counter() - started:.0f} s, {verdict}"
        )
    return 1 if failed else 0


def command() -> int:
    """The command line as the script ``resnotes`` runs it."""
    return run(main)


if __name__ == "__main__":
    sys.exit(command())
