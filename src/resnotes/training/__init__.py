"""Training residual networks on a small data set.

`Settings` says what one run is, `train` makes it and returns a `Record`, and `sweep` makes many, spread over
processes, and keeps them in a file. `stack` has forward and backward pass of several small networks at once; the tests
compare them with those of `Network`. From a terminal: ``python -m resnotes.training --help``.

Needs the extra ``training``: scikit-learn for its digits, threadpoolctl to hold BLAS to one thread.
"""

from resnotes.training.data import Digits, load_digits
from resnotes.training.networks import LearnedScale, build_network
from resnotes.training.records import Damage, Record, read_records, select
from resnotes.training.run import Settings, initial_network, train, train_seeds
from resnotes.training.sweeps import LONGER_SWEEP, grid, sweep

__all__ = [
    "LONGER_SWEEP", "Damage", "Digits", "LearnedScale", "Record", "Settings", "build_network", "grid",
    "initial_network", "load_digits", "read_records", "select", "sweep", "train", "train_seeds",
]  # fmt: skip
