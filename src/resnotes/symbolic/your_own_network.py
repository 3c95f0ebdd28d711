"""Chapter 14: gains by unit, and the gradient by path length, as rows from the loss down."""

from __future__ import annotations

from sympy import Add, Expr, Integer, S, Symbol, expand, expand_log, log

from resnotes.symbolic.algebra import Factor, L, Norm, OrderedSum, Transpose, i, l, map_tree, unroll
from resnotes.symbolic.symbols import D, H, J, g, matrix
from resnotes.symbolic.unrolled_sum import k, w

#: The logarithm of the change of length, unit by unit.
gain = (
    log(Norm(g(0)) / Norm(g(L))),
    OrderedSum(log(Norm(g(i)) / Norm(g(i + 1))), (i, 0, L - 1)),
)

q = matrix("q")


#: One unit further down, and what all lengths add up to.
lengths = (
    (q(l, k), q(l + 1, k) * D(l) * H(l) + q(l + 1, k - 1) * D(l) * J(l)),
    (g(l), OrderedSum(q(l, k), (k, 0, L - l))),
)

#: The share of g_0 that passes through exactly k branches.
share = (
    (w(k), q(0, k) * Transpose(g(0)) / Norm(g(0)) ** 2),
    (OrderedSum(w(k), (k, 0, L)), S.One),
)


def check_gain(pairs=(gain,), largest: int = 6) -> int:
    """Logarithms taken apart, for every depth up to ``largest``.

    Raises
    ------
    ValueError
        With L and both sides.
    """
    sizes = {Norm(g(k)): Symbol(f"a_{k}", positive=True) for k in range(-1, largest + 3)}
    comparisons = 0
    for depth in range(1, largest + 1):
        for left, right in pairs:
            want, got = (
                expand_log(map_tree(unroll(side, {L: Integer(depth)}), sizes.get), force=True) for side in (left, right)
            )
            comparisons += 1
            if expand(want - got) != 0:
                raise ValueError(f"L = {depth}: got {got}, want {want}")
    return comparisons


def by_counting(low: int, high: int) -> list[Expr]:
    """[q_low(0), q_low(1), ...]: all paths from x_high down to x_low, sorted by how many branches they take."""
    paths = {0: [g(high)]}
    for unit in range(high - 1, low - 1, -1):
        longer: dict[int, list[Expr]] = {}
        for count, terms in paths.items():
            longer.setdefault(count, []).extend(term * D(unit) * H(unit) for term in terms)
            longer.setdefault(count + 1, []).extend(term * D(unit) * J(unit) for term in terms)
        paths = longer
    return [Add(*paths[count]) for count in sorted(paths)]


def check_lengths(pairs=lengths, largest: int = 4) -> int:
    """Both statements with every path written out, for all 0 <= l < L <= ``largest`` and every length.

    Raises
    ------
    ValueError
        With l, L, the length and both sides.
    """
    comparisons = 0
    for high in range(1, largest + 1):
        for low in range(high):
            for count in range(high - low + 1):
                values = {l: Integer(low), L: Integer(high), k: Integer(count)}
                for left, right in pairs:
                    want, got = (expand(map_tree(unroll(side, values), _written(high))) for side in (left, right))
                    comparisons += 1
                    if expand(want - got) != 0:
                        raise ValueError(
                            f"l = {low}, L = {high}, {count} branches: got {right}, want {left}; "
                            f"they differ by {expand(want - got)}"
                        )
    return comparisons


def _written(high: int):
    """Puts the paths in for q, and the sum of all of them for g, in a network of ``high`` units."""

    def change(node):
        if not isinstance(node, Factor) or node.name not in ("q", "g"):
            return None
        unit = int(node.indices[0])
        if not 0 <= unit <= high:
            raise ValueError(f"{node}: got unit {unit}, want one from 0 to {high}")
        parts = by_counting(unit, high)
        if node.name == "g":
            return Add(*parts)
        count = int(node.indices[1])
        return parts[count] if 0 <= count < len(parts) else S.Zero

    return change
