"""One workload in this process, one line of JSON for each case. Started by run.py, which sets the environment."""

import ctypes
import gc
import importlib
import json
import os
import sys
from pathlib import Path


def pin_to_cores(threads):
    """As many cores as threads, where the system allows it: XLA has no setting that is kept to."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def main():
    name, threads = sys.argv[1], int(os.environ["BENCH_THREADS"])
    pin_to_cores(threads)
    if name == "verify":
        print(json.dumps(importlib.import_module("workloads.verify").table()))
        return
    import torch

    torch.set_num_threads(threads)
    module = importlib.import_module(f"workloads.{name}")
    if "--memory" in sys.argv:
        print(json.dumps({"memory": memory_table(name, module)}))
    elif "--memory-of" in sys.argv:
        print(json.dumps(peak(module, *sys.argv[sys.argv.index("--memory-of") + 1 :])))
    else:
        from measure import Pulse, measured

        pulse = Pulse()
        for case in module.cases(threads):
            found = measured(case, pulse)
            best = {way: f"{entry['ratio']['median']:.2f}" for way, entry in found["ways"].items()}
            print(found["size"], best, file=sys.stderr, flush=True)
            print(json.dumps({"kernel": kernel(), "case": found}), flush=True)


def kernel():
    """The kernel OpenBLAS runs, as threadpoolctl names it."""
    import numpy  # noqa: F401
    from threadpoolctl import threadpool_info

    libraries = [info for info in threadpool_info() if info["internal_api"] == "openblas"]
    return sorted({f"{info['architecture']} (OpenBLAS {info['version']})" for info in libraries})


def memory_table(name, module):
    """Peak memory of each way, each in a fresh process."""
    import subprocess

    tables = []
    for size in module.MEMORY:
        found = {}
        for way in chosen(module, size).ways:
            command = [sys.executable, __file__, name, "--memory-of", way, json.dumps(size)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[way] = json.loads(done.stdout.splitlines()[-1])
        tables.append({"size": size, "bytes": found})
    return tables


def chosen(module, size):
    """The case of this size."""
    return next(case for case in module.cases(1) if size.items() <= case.size.items())


def peak(module, way, size):
    """Most memory in use during three calls, compilation included, minus that before.

    Where a module has `alone`, which sets up one way, what is set up counts too; elsewhere it is there before.
    """
    size = json.loads(size)
    alone = getattr(module, "alone", None)
    run = None if alone else chosen(module, size).ways[way]
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
    trim(0)  # what is free but not given back would hide what is taken next
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    run = alone(way, **size) if alone else run
    for _ in range(3):
        run()
    return max(0, resident("VmHWM") - before)


def resident(field):
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


if __name__ == "__main__":
    main()
