"""Measure the workloads and merge the results into results.json.

    python run.py                  every workload, one after the other
    python run.py chain jacobian   these alone
    python run.py chain --free --threads 1   one configuration of them

Each workload runs in a process of its own for each configuration: one and two threads, and OpenBLAS with
the kernel it chooses for this processor or, for the workloads that live on it, pinned to an old one.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from machine import Company, described, processor
from workloads import NAMES

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
OLD_KERNEL = "Haswell"
ON_BLAS = ("chain", "jacobian")
WITHOUT_MEMORY = ("verify",)


def environment(threads, kernel):
    """The process's environment: threads for every library, and OpenBLAS's kernel."""
    env = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "PYTHONPATH")}
    env |= {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    if threads == 1:
        env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if kernel:
        env["OPENBLAS_CORETYPE"] = kernel
    return env | {"BENCH_THREADS": str(threads), "JAX_PLATFORMS": "cpu"}


def child(arguments, threads, kernel):
    """Run one.py with these arguments in a process of its own; yield the lines it prints, from JSON."""
    command = [sys.executable, str(HERE / "one.py"), *arguments]
    with subprocess.Popen(
        command, env=environment(threads, kernel), stdout=subprocess.PIPE, text=True, cwd=HERE
    ) as run:
        yield from map(json.loads, run.stdout)
    if run.returncode:
        raise ChildFailed(f"{' '.join(arguments)}, {threads} thread(s), {kernel or 'free'}: status {run.returncode}")


class ChildFailed(RuntimeError):
    """A workload that came to no end."""


def configurations(name):
    if name in ("symbolic", "verify"):
        return [(1, None)]
    free = [(1, None), (2, None)]
    return [*free, (1, OLD_KERNEL)] if name in ON_BLAS else free


def merge(name, **found):
    """Put a run, which replaces the one of the same configuration, or peak memory beside what is known."""
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"workloads": {}}
    results["machine"] = described()
    entry = results["workloads"].setdefault(name, {"runs": []})
    if "run" in found:
        run = found.pop("run")
        others = [old for old in entry["runs"] if (old["threads"], old["pinned"]) != (run["threads"], run["pinned"])]
        entry["runs"] = sorted([*others, run], key=lambda one: (one["pinned"] or "", one["threads"]))
    entry |= found
    write(results)


def write(results):
    results["workloads"] = {key: results["workloads"][key] for key in NAMES if key in results["workloads"]}
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")


def measure(name, threads, kernel):
    """One configuration of a workload; it is stored when it is complete."""
    print(f"{name}: {threads} thread(s), kernel {kernel or 'free'}", flush=True)
    began, company = datetime.now(UTC), Company()
    run = {"threads": threads, "pinned": kernel, "processor": processor()}
    run["when"] = began.strftime("%Y-%m-%d %H:%M")
    for found in child([name], threads, kernel):
        case = found.pop("case", None)
        run |= found
        if case:
            run.setdefault("cases", []).append(case)
    run["took"], run["others"] = round((datetime.now(UTC) - began).total_seconds()), company.share()
    merge(name, run=run)


def measure_memory(name):
    print(f"{name}: peak memory", flush=True)
    merge(name, memory=next(child([name, "--memory"], 1, None))["memory"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--threads", type=int, choices=(1, 2), help="this number of threads alone")
    parser.add_argument("--free", action="store_true", help="only OpenBLAS's own choice of kernel")
    parser.add_argument("--pinned", action="store_true", help="only the pinned kernel")
    parser.add_argument("--memory", action="store_true", help="peak memory alone")
    options = parser.parse_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f"{name}: want one of {', '.join(NAMES)}")
    failed, began = [], time.monotonic()
    for name in options.names or NAMES:
        tasks = (
            []
            if options.memory
            else [
                partial(measure, name, threads, kernel)
                for threads, kernel in configurations(name)
                if not (options.free and kernel)
                and not (options.pinned and not kernel)
                and options.threads in (None, threads)
            ]
        )
        if name not in WITHOUT_MEMORY and not (options.free or options.pinned or options.threads):
            tasks.append(partial(measure_memory, name))
        for task in tasks:
            try:
                task()
            except ChildFailed as error:
                print(error, file=sys.stderr)
                failed.append(str(error))
    print(f"took {(time.monotonic() - began) / 60:.1f} minutes")
    if failed:
        raise SystemExit("\n".join(["these failed, and their old figures stay:", *failed]))


if __name__ == "__main__":
    main()
