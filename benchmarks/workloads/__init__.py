"""One module for each workload; each has `cases(threads)`, which yields `measure.Case`."""

NAMES = ("chain", "jacobian", "paths", "sweeps", "symbolic", "training", "verify")
