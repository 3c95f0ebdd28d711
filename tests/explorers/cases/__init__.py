"""The explorers that the shared tests run on: one module each, which holds a `CASE`."""

from . import activation, at_least, chains, four_layers, gains, lambda_depth, merge_point

ALL = (activation, at_least, chains, four_layers, gains, lambda_depth, merge_point)
CASES = {module.CASE.name: module.CASE for module in ALL}
