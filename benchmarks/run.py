"""Measure the workloads and merge the results into results.json.

python run.py                  every workload, one after the other
python run.py chain jacobian   these alone
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results.json"
# One thread for every library; read when they are loaded.
ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
ONE_THREAD |= {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu"}


def kernels():
    """The kernels OpenBLAS runs, as threadpoolctl names them."""
    from threadpoolctl import threadpool_info

    libraries = [info for info in threadpool_info() if info["internal_api"] == "openblas"]
    return sorted({f"{info['architecture']} (OpenBLAS {info['version']})" for info in libraries})


def measure(name):
    """One workload, as it goes into the file."""
    from measure import measured
    from workloads import CASES, verify

    entry = {"when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), "load": round(os.getloadavg()[0], 1)}
    if name == "verify":
        return entry | verify()
    cases = []
    for case in CASES[name]():
        cases.append(measured(case))
        ratios = {way: f"{found['ratio']['median']:.2f}" for way, found in cases[-1]["ways"].items()}
        print(name, case.size, ratios, flush=True)
    return entry | {"kernel": kernels(), "cases": cases}


def main():
    if not ONE_THREAD.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    if hasattr(os, "sched_setaffinity"):  # XLA has no setting that is kept to
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from machine import described

    sys.path.append(str(RESULTS.parents[1]))
    from tools.run import WORKLOADS, parser

    names = parser("bench").parse_args().names or WORKLOADS
    began = time.monotonic()
    for name in names:
        entry = measure(name)
        results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"workloads": {}}
        found = results["workloads"] | {name: entry}
        results = {"machine": described(), "workloads": {key: found[key] for key in WORKLOADS if key in found}}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(f"took {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
