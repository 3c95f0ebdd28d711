"""The explorers that the shared tests run on: one module each, which holds a `CASE`."""

from . import activation, lambda_depth, paths

CASES = {case.name: case for case in (activation.CASE, lambda_depth.CASE, paths.CASE)}
