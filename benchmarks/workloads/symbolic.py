"""The gradient of a chain of units: derived line by line, and by SymPy's `diff` of the composed expression."""

import sympy
from measure import Case

from resnotes.symbolic.algebra import L, l, unroll
from resnotes.symbolic.backward import jacobian_product

COMPOSED = 9


def composed(depth):
    """d x_L / d x_0 for x_{l+1} = x_l + F_l(x_l), composed and differentiated."""
    x = sympy.Symbol("x")
    state = x
    for index in range(depth):
        state = state + sympy.Function(f"F_{index}")(state)
    return sympy.diff(state, x)


def cases(threads):
    for depth in (*range(1, COMPOSED + 1), 16, 32, 64):
        def ours(depth=depth):
            sympy.core.cache.clear_cache()
            return unroll(jacobian_product(), {l: 0, L: depth})

        def theirs(depth=depth):
            sympy.core.cache.clear_cache()
            return composed(depth)

        ways = {"ours, not multiplied out": ours}
        if depth <= COMPOSED:
            ways["sympy.diff"] = theirs
        counted = {name: int(way().count_ops()) for name, way in ways.items()}
        # At depth 3 and below both are multiplied out and have as many terms as there are paths.
        if depth <= 3:
            terms = [len(sympy.Add.make_args(sympy.expand(way()))) for way in ways.values()]
            if len(set(terms)) != 1 or terms[0] != 2**depth:
                raise ValueError(f"terms: got {terms} at depth {depth}, wanted {2**depth} from both")
        yield Case({"depth": depth}, ways, unchecked=tuple(ways), values=lambda name, r: [], rounds=5,
                   seconds=20, notes={"operations": counted})
