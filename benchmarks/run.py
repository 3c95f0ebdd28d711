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
from datetime import UTC, datetime
from pathlib import Path

from machine import described
from workloads import NAMES

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
OLD_KERNEL = "Haswell"
ON_BLAS = ("chain", "jacobian")


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
    with subprocess.Popen(command, env=environment(threads, kernel), stdout=subprocess.PIPE, text=True, cwd=HERE) as run:
        yield from map(json.loads, run.stdout)
    if run.returncode:
        raise SystemExit(f"{' '.join(arguments)}: ended with status {run.returncode}")


def configurations(name):
    if name in ("symbolic", "verify"):
        return [(1, None)]
    free = [(1, None), (2, None)]
    return [*free, (1, OLD_KERNEL)] if name in ON_BLAS else free


def merge(name, run, case):
    """Put one case beside what is known; the same size in the same configuration is replaced."""
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"workloads": {}}
    results["machine"] = described()
    runs = results["workloads"].setdefault(name, {"runs": []})["runs"]
    same = [old for old in runs if (old["threads"], old["pinned"]) == (run["threads"], run["pinned"])]
    cases = [old for one in same for old in one.get("cases", ()) if case and old["size"] != case["size"]]
    runs[:] = [old for old in runs if old not in same] + [run | ({"cases": [*cases, case]} if case else {})]
    runs.sort(key=lambda one: (one["pinned"] or "", one["threads"]))
    write(results)


def write(results):
    results["workloads"] = {key: results["workloads"][key] for key in NAMES if key in results["workloads"]}
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--threads", type=int, choices=(1, 2), help="this number of threads alone")
    parser.add_argument("--free", action="store_true", help="only OpenBLAS's own choice of kernel")
    parser.add_argument("--pinned", action="store_true", help="only the pinned kernel")
    parser.add_argument("--memory", action="store_true", help="peak memory alone")
    options = parser.parse_args()
    for name in options.names or NAMES:
        if name not in NAMES:
            parser.error(f"{name}: want one of {', '.join(NAMES)}")
        for threads, kernel in configurations(name):
            skip = (options.free and kernel) or (options.pinned and not kernel)
            if skip or (options.threads and threads != options.threads):
                continue
            load = os.getloadavg()[0]
            print(f"{name}: {threads} thread(s), kernel {kernel or 'free'}", flush=True)
            run = {"threads": threads, "pinned": kernel, "load_before": round(load, 2)}
            for found in child([name] + ["--memory"] * options.memory, threads, kernel):
                if options.memory:
                    results = json.loads(RESULTS.read_text("utf-8"))
                    results["workloads"][name]["memory"] = found["memory"]
                    write(results)
                else:
                    run["when"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
                    case = found.pop("case", None)
                    merge(name, run | found, case)
            if options.memory:
                break


if __name__ == "__main__":
    main()
