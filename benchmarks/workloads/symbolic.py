"""Gradients of a chain of units: each chapter's derived form, and SymPy's `diff` of the composed expression."""

import numpy as np
import sympy
from measure import Case

from resnotes.symbolic import backward_pass, lambda_scaling, merge_point, unrolled_sum
from resnotes.symbolic.algebra import LARGEST_EXPANSION, L, evaluate, expanded, l, unroll

COMPOSED, IN_A_NOTEBOOK = 9, 12
NAMES = {"J": "F", "H": "H", "D": "f", "lambda": "lambda"}
MEMORY = ({"chapter": "backward pass", "depth": COMPOSED},)

# Chapter -> what it derives, from unit l to unit L, and the step x -> x_{i+1} that SymPy composes instead.
FORMS = {
    "backward pass": (backward_pass.jacobian_product(), lambda x, H, F, f, scale: f(H(x) + F(x))),
    "unrolled": (1 + unrolled_sum.term, lambda x, H, F, f, scale: x + F(x)),
    "unrolled, any shortcut": (unrolled_sum.direct + unrolled_sum.others, lambda x, H, F, f, scale: f(H(x) + F(x))),
    "scaled": (lambda_scaling.two_terms(), lambda x, H, F, f, scale: scale * x + F(x)),
    "merge": (merge_point.chain_jacobian(L - 1), lambda x, H, F, f, scale: F(x)),
}
X = sympy.Symbol("x")


def composed(step, depth):
    """d x_L / d x_0, by SymPy."""
    state = X
    for index in range(depth):
        functions = (sympy.Function(f"{name}_{index}") for name in "HFf")
        state = step(state, *functions, sympy.Symbol(f"lambda_{index}"))
    return sympy.diff(state, X)


def value_of_ours(expression):
    """With a number for every factor."""
    return float(
        evaluate(expression, lambda node: number(node.name, int(node.indices[0])) if node.args else float(node), np.eye)
    )


def value_of_composed(step, depth):
    """The same, by maps that multiply by those numbers."""
    state = X
    for index in range(depth):
        maps = (lambda y, name=name, index=index: number(name, index) * y for name in "HJD")
        state = step(state, *maps, number("lambda", index))
    return float(sympy.diff(state, X))


def number(name, index):
    return 1 + ("HJD".find(name) + 2) / (10 + index)


def refusal():
    """What is said where an expansion would grow beyond all use."""
    try:
        expanded(unroll(unrolled_sum.product(), {l: 0, L: LARGEST_EXPANSION + 1}))
    except ValueError as error:
        return str(error)
    raise ValueError(f"depth: {LARGEST_EXPANSION + 1} units were multiplied out, wanted a refusal")


def case(chapter, depth):
    form, step = FORMS[chapter]

    def ours():
        sympy.core.cache.clear_cache()
        return unroll(form, {l: 0, L: depth})

    def theirs():
        sympy.core.cache.clear_cache()
        return composed(step, depth)

    def multiplied_out():
        sympy.core.cache.clear_cache()
        return expanded(unroll(unrolled_sum.product(), {l: 0, L: depth}))

    got, want = value_of_ours(ours()), value_of_composed(step, depth)
    if not abs(got - want) <= 1e-9 * abs(want):
        raise ValueError(f"{chapter}: got {got} at depth {depth}, SymPy's composed chain has {want}")
    ways = {"ours, not multiplied out": ours}
    if depth <= COMPOSED:
        ways["sympy.diff"] = theirs
    if chapter == "unrolled" and depth <= IN_A_NOTEBOOK:
        ways["ours, multiplied out"] = multiplied_out
    counted = {name: int(way().count_ops()) for name, way in ways.items()}
    return Case(
        {"chapter": chapter, "depth": depth},
        ways,
        unchecked=tuple(ways),
        values=lambda name, r: [],
        rounds=5,
        seconds=0.4,
        notes={"operations": counted, "refusal": refusal()},
    )


def cases(threads):
    for chapter in FORMS:
        for depth in (*range(1, COMPOSED + 1), IN_A_NOTEBOOK, 16, 32, 64):
            yield case(chapter, depth)
