"""The merge point: each formula that one might write instead is caught by the equation it would replace."""

import pytest
from sympy import Expr, eye

from resnotes.book import EQUATIONS
from resnotes.book.registry import eq
from resnotes.symbolic import merge_point
from resnotes.symbolic.algebra import Factor, OrderedProduct, Transpose, evaluate, i
from resnotes.symbolic.merge_point import D, J, W, Ws, a, delta, g, o, u, x, y
from resnotes.symbolic.symbols import loss_gradient

inverse = Factor("Winv")
layer = Factor("J", i)

WRONG: list[tuple[str, Expr, Expr]] = [
    ("merge-fan-out", loss_gradient(u), g * J * W),  # o a constant
    ("merge-fan-out", loss_gradient(u), g * (J + inverse)),  # the inverse, without the factor W
    ("merge-fan-out", loss_gradient(u), g * (1 + W * J)),  # factors swapped
    ("merge-weight", loss_gradient(W), Transpose(u * g)),  # past F
    ("merge-weight", loss_gradient(W), Transpose(u * g * (1 + J))),  # the skip counted in
    ("merge-weight", loss_gradient(W), u * g * J),  # the wrong shape
    ("merge-inverse", (J + inverse) * W, J * W),
    ("merge-constant", loss_gradient(u) - Factor("gstop", u), g * J * W),
    ("merge-distance", merge_point.distance[0], g * (1 + OrderedProduct(layer, (i, 0, merge_point.m)))),
    ("merge-distance", merge_point.distance[0], g * (1 + OrderedProduct(layer, (i, 1, merge_point.m - 1)))),
    ("merge-projected-gradient", loss_gradient(o), g),  # the projection forgotten
    ("merge-projected-gradient", loss_gradient(o), g * Transpose(Ws)),  # transposed on a row
    ("merge-projected-gradient", loss_gradient(Ws), o * g),
    ("merge-columns", Transpose(loss_gradient(o)), Ws * delta),
    ("merge-columns", loss_gradient(Ws), o * Transpose(delta)),
    ("merge-columns", delta, g),
    ("merge-after-gradient", loss_gradient(o), loss_gradient(a)),  # the skip past the ReLU
    ("merge-after-gradient", loss_gradient(x), loss_gradient(a) * J * D),
    ("merge-after-gradient", loss_gradient(y), -loss_gradient(a) * D),
    ("merge-padded", merge_point.padded[0], -merge_point.padded[1]),
]


@pytest.mark.parametrize(("label", "left", "right"), WRONG, ids=lambda value: str(value))
def test_a_wrong_formula_is_caught(label, left, right):
    with pytest.raises(ValueError, match=label):
        EQUATIONS[label].check(eq(left, right))


@pytest.mark.parametrize("projected", [False, True])
def test_components_agree_with_the_ordered_algebra(projected):
    pairs = [
        (loss_gradient(y), loss_gradient(a) * D),
        merge_point.own_weight(),
        *(merge_point.projected_gradient() if projected else merge_point.after_gradient()),
    ]
    assert merge_point.check_by_components(pairs, projected=projected) == 8 * len(pairs)


def test_components_know_what_they_do_not_know():
    case = merge_point.ExactMerge(0)
    with pytest.raises(KeyError, match="no value by components for Winv"):
        evaluate(inverse, case.value_of, eye)


def test_what_each_shortcut_sends_back():
    kinds = merge_point.shortcut_kinds()
    assert kinds["identity"] == (g, None)
    assert kinds["zero-padding"] == (g * merge_point.P, None)
    assert kinds["projection"] == (g * Ws, Transpose(o * g))
    assert kinds["identity, held constant"] == (0, None)
