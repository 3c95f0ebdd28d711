"""The explorers that the shared tests run on: one module each, which holds a `CASE`."""

from . import lambda_depth, paths

CASES = {case.name: case for case in (lambda_depth.CASE, paths.CASE)}
