"""``python -m resnotes.training``: train many residual networks on handwritten digits."""

import argparse
import sys
from pathlib import Path

from resnotes._terminal import missing, run
from resnotes.training.data import load_digits
from resnotes.training.run import ACTIVATIONS, SCALES
from resnotes.training.sweeps import grid, processors, sweep

DESCRIPTION = """Train residual networks on scikit-learn's digits: all combinations of the settings below.
Each finished run is written to RESULTS at once. Stop the sweep or kill it, and the same command goes on from
there. The table at the end has the accuracy on 360 test images, lowest and highest over the seeds, and how
many runs diverged."""


def _parser(name):
    parser = argparse.ArgumentParser(prog=name, description=DESCRIPTION,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)  # fmt: skip
    parser.add_argument("results", metavar="RESULTS", type=Path, help="results file, one line a run")
    many = {"nargs": "+"}
    parser.add_argument(
        "--depth",
        type=int,
        default=[4, 10, 20, 50, 100],
        **many,
        help="residual units, of two weight layers each",
    )
    parser.add_argument("--shortcut", type=float, default=[0, 0.5, 0.9, 1, 1.1], **many, help="factor of the shortcuts")
    parser.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        default=list(ACTIVATIONS),
        **many,
        help="ReLUs in the branch alone, or one after the addition",
    )
    parser.add_argument("--scale", choices=SCALES, default=list(SCALES), **many, help="scale of the branches")
    parser.add_argument("--rate", type=float, default=[0.05], **many, help="learning rates")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds")
    parser.add_argument("--width", type=int, default=32, help="width of the states")
    parser.add_argument("--steps", type=int, default=500, help="steps of gradient descent")
    parser.add_argument("--batch", type=int, default=128, help="images a step")
    parser.add_argument("--every", type=int, default=25, help="steps from one measurement to the next")
    parser.add_argument("--processes", type=int, default=processors(), help="runs at a time")
    return parser


def table(found) -> str:
    """Accuracies and divergences of records, one line for each combination of settings."""
    groups = {}
    for record in found:
        run = record.settings
        groups.setdefault((run.depth, run.activation, run.scale, run.shortcut, run.rate), []).append(record)
    lines = [f"{'depth':>5}  {'ReLUs':5}  {'scale':9}  {'shortcut':>8}  {'rate':>6}  {'accuracy':>11}  diverged"]
    for key, group in sorted(groups.items()):
        depth, activation, scale, shortcut, rate = key
        finished = [record.accuracy[-1] for record in group if not record.diverged]
        span = f"{min(finished):.2f}..{max(finished):.2f}" if finished else "-"
        lines.append(
            f"{depth:5d}  {activation:5}  {scale:9}  {shortcut:8g}  {rate:6g}  {span:>11}  "
            f"{len(group) - len(finished)} of {len(group)}"
        )
    return "\n".join(lines)


def main(arguments=None, name="python -m resnotes.training") -> int:
    """Run the command line. Returns the exit status: 0, 130 where it was interrupted, 2 for wrong usage."""
    parser = _parser(name)
    options = vars(parser.parse_args(arguments))
    path, processes = options.pop("results"), options.pop("processes")
    try:
        load_digits()  # without them nothing is begun
        import threadpoolctl  # noqa: F401
    except ModuleNotFoundError as error:
        print(missing(error, "training", "training"), file=sys.stderr)
        return 2
    except ImportError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        runs = grid(**options)
        found = sweep(runs, path, processes)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"RESULTS: {error}")
    except KeyboardInterrupt:
        print(f"stopped; the same command goes on from {path}", file=sys.stderr)
        return 130
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
