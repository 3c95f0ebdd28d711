"""The explorers that the shared tests run on: one module each, which holds a `CASE`."""

from . import (
    activation,
    at_least,
    chains,
    four_layers,
    gains,
    lambda_depth,
    merge_point,
    mixing,
    network_report,
    number_line,
    one_unit,
    operators,
    paths,
    recipes,
    shattered,
    training,
    walk,
)

ALL = (
    activation,
    at_least,
    chains,
    four_layers,
    gains,
    lambda_depth,
    merge_point,
    mixing,
    network_report,
    number_line,
    one_unit,
    operators,
    paths,
    recipes,
    shattered,
    training,
    walk,
)
CASES = {module.CASE.name: module.CASE for module in ALL}
