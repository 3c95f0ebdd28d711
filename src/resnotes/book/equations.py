"""Every labelled equation of the book, from the modules of its chapters."""

from resnotes.book import (
    at_initialisation,
    at_least,
    backward_pass,
    before_or_after,
    finite_precision,
    forward_pass,
    lambda_scaling,
    merge_point,
    residual_stream,
    shattered_gradients,
    shortcuts_as_operators,
    thousands_of_layers,
    training,
    unrolled_sum,
    your_own_network,
)
from resnotes.book.registry import Equation

#: In the order of the book; each has a function ``build`` that returns its entries.
CHAPTERS = (
    forward_pass,
    backward_pass,
    merge_point,
    lambda_scaling,
    unrolled_sum,
    at_least,
    shortcuts_as_operators,
    before_or_after,
    at_initialisation,
    shattered_gradients,
    finite_precision,
    training,
    thousands_of_layers,
    your_own_network,
    residual_stream,
)

#: label -> equation, in the order in which the book shows them.
EQUATIONS: dict[str, Equation] = {entry.label: entry for chapter in CHAPTERS for entry in chapter.build()}
