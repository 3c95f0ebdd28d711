"""Many runs: spread over processes, kept in a file, taken up again where they were left."""

import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from itertools import product
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

from resnotes import _validate
from resnotes.training import records
from resnotes.training.data import keep_digits, load_digits
from resnotes.training.run import Settings, train_seeds

#: A results file that comes with the package, some runs of the sizes that the command line has by default; of what was
#: measured it has the accuracies alone.
LONGER_SWEEP = Path(__file__).with_name("longer.jsonl")
#: More networks side by side save little more, and a sweep that is killed loses the groups under way.
LARGEST_GROUP = 5


def grid(seeds=5, **choices) -> list[Settings]:
    """All combinations of settings, the quick ones and the first seeds of each first.

    Parameters
    ----------
    seeds : int
        How many; they are 0, 1, ...
    **choices : a value or a list of values for each setting
        Those not named keep the default of `Settings`.

    Raises
    ------
    ValueError
        If a setting is unknown, a list is empty, or a value is out of range.
    """
    known = set(Settings.__dataclass_fields__) - {"seed"}
    lists = {}
    for name, values in choices.items():
        if name not in known:
            _validate.refuse("choices", repr(name), f"some of {', '.join(sorted(known))}")
        lists[name] = list(values) if isinstance(values, list | tuple | range) else [values]
        if not lists[name]:
            _validate.refuse(name, "an empty list", "at least one value")
    numbers = range(_validate.whole_number(seeds, "seeds", 1))
    runs = [
        Settings(seed=seed, **dict(zip(lists, chosen, strict=True)))
        for seed in numbers
        for chosen in product(*lists.values())
    ]
    return sorted(runs, key=lambda run: (run.depth * run.steps, run.seed))


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sweep(runs, path=None, processes=None, report=None) -> list[records.Record]:
    """Make runs that are not made yet.

    Runs that are alike but for the seed are made side by side, at most five (see `train_seeds`). What is finished is
    written to the file at once, one line a run, with a checksum. Kill the sweep at any time and start it again: whole
    lines count as done, a line that was cut short is reported and its run is made anew. One sweep at a time may write
    to a file.

    Parameters
    ----------
    runs : sequence of Settings
    path : path, optional
        The results file. Its records of other runs stay. Without it nothing is kept.
    processes : int, optional
        Each works on one group of runs at a time with one BLAS thread. By default one a processor. With 1 it is
        this process. With more, a script that calls this must be importable (``if __name__ == "__main__":``).
    report : callable, optional
        Takes what there is to say as a text, such as a damaged line. By default it goes to standard error.

    Returns
    -------
    list of Record
        One for each of `runs`, in their order.

    Raises
    ------
    ValueError
        If an argument is out of range.
    concurrent.futures.process.BrokenProcessPool
        If a process is killed. What was finished is in the file.
    """
    for number, settings in enumerate(runs):
        if not isinstance(settings, Settings):
            _validate.refuse(f"runs[{number}]", _validate.describe(settings), "Settings")
    processes = _validate.whole_number(processors() if processes is None else processes, "processes", 1)
    report = report or _to_stderr
    done = {} if path is None else _take_up(path, report)
    missing = [settings for settings in dict.fromkeys(runs) if settings not in done]
    with _Bar(len(missing)) as bar:
        for record in _make(missing, processes):
            if path is not None:
                records.append(path, record)
            # As the file has it, rounded: a sweep gives the same whether it was interrupted or not.
            done[record.settings] = records.decode(records.encode(record))
            bar.advance()
    return [done[settings] for settings in runs]


def _take_up(path, report):
    """Settings -> record of what the file holds; damaged lines are reported and leave the file."""
    found, damages = records.read_records(path)
    for damage in damages:
        report(f"{path}: {damage}; its run will be made anew")
    if damages:
        records.rewrite(path, found)
    with open(path, "ab"):  # a file that cannot be written should be known before the first run, not after it
        pass
    return {record.settings: record for record in found}


def _make(missing, processes):
    """Yield the records as they come."""
    if not missing:
        return
    digits = load_digits()  # here first: where scikit-learn is missing, the message should be a plain one
    from threadpoolctl import threadpool_limits

    if processes == 1:
        with threadpool_limits(1):
            for group in _groups(missing, 1):
                yield from train_seeds(group)
        return
    # New processes rather than forks: the caller may have threads, and a fork would inherit their locks.
    pool = ProcessPoolExecutor(min(processes, len(missing)), get_context("spawn"), _prepare_process, [digits])
    try:
        for future in as_completed([pool.submit(train_seeds, group) for group in _groups(missing, processes)]):
            yield from future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _groups(runs, processes):
    """The runs in groups to be made side by side: alike but for the seed, and enough groups for the processes."""
    alike = {}
    for run in runs:
        alike.setdefault(replace(run, seed=0), []).append(run)
    size = min(LARGEST_GROUP, -(-len(runs) // processes))
    return [group[start : start + size] for group in alike.values() for start in range(0, len(group), size)]


def _prepare_process(digits):
    """In a process of the pool: the data, one BLAS thread, no answer to Ctrl-C, and an end when the parent ends."""
    from threadpoolctl import threadpool_limits

    keep_digits(digits)
    threadpool_limits(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A parent that is killed closes nothing, and the pool's processes would wait for work for ever.
    threading.Thread(target=_end_with, args=[parent_process().sentinel], daemon=True).start()


def _end_with(sentinel):
    connection.wait([sentinel])
    os._exit(1)


def _to_stderr(text):
    print(text, file=sys.stderr)


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, total):
        self.total, self.done = total, 0

    def __enter__(self):
        self._draw()
        return self

    def advance(self):
        self.done += 1
        self._draw()

    def _draw(self):
        if self.total and sys.stderr.isatty():
            filled = 30 * self.done // self.total
            bar = f"[{'#' * filled}{'.' * (30 - filled)}] {self.done}/{self.total} runs"
            print(f"\r{bar}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_):
        if self.total and sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
