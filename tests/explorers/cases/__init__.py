"""The explorers that the shared tests run on: one module each, which holds a `CASE`."""

from . import activation, at_least, four_layers, lambda_depth, merge_point, paths

CASES = {
    case.name: case
    for case in (
        activation.CASE,
        at_least.CASE,
        four_layers.CASE,
        lambda_depth.CASE,
        merge_point.CASE,
        paths.CASE,
    )
}
