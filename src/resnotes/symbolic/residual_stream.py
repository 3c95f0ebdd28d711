"""Chapter 15: attention's Jacobian, a branch after a norm at its own state, and what a lens adds up."""

from __future__ import annotations

from sympy import Expr, Integer, Matrix, S, Symbol, exp, simplify

from resnotes.symbolic.algebra import L, OrderedSum, Partial, Rule, Transpose, evaluate, i, l, unroll
from resnotes.symbolic.at_initialisation import rms
from resnotes.symbolic.symbols import F, J, matrix, number, x
from resnotes.symbolic.unrolled_sum import P, k

IDENTITY = "identity shortcuts, f = id"
NORMED = "every branch begins with a normalisation of the whole state or of each position, without epsilon"

#: Positions: the one that looks, one that it looks at, a running one; and how many it sees.
t, s, u = (Symbol(name, integer=True) for name in "tsu")
T = Symbol("T", integer=True)

a, ell = number("a"), number("ell")
h, q, kept, v, o = (matrix(name) for name in ("h", "q", "kept", "v", "o"))
WQ, WK, WV, WU = (matrix(name)() for name in ("WQ", "WK", "WV", "WU"))


attention = (
    (q(t), WQ * h(t)),
    (kept(s), WK * h(s)),
    (v(s), WV * h(s)),
    (ell(t, s), Transpose(q(t)) * kept(s)),
    (a(t, s), exp(ell(t, s)) / OrderedSum(exp(ell(t, u)), (u, 1, T))),
    (o(t), OrderedSum(a(t, s) * v(s), (s, 1, T))),
)


def through(at) -> Expr:
    """What moves at o_t where value and key of a position move."""
    return a(t, at) * (WV + (v(at) - o(t)) * Transpose(q(t)) * WK)


other = (Partial(o(t), h(s)), through(s))
own = (Partial(o(t), h(t)), through(t) + OrderedSum(a(t, u) * (v(u) - o(t)) * Transpose(kept(u)) * WQ, (u, 1, T)))

#: A branch after a norm does not see how long its state is.
own_state = ((1 + J(l)) * x(l), x(l))

lens = (Partial(x(L), x(l)), 1 + OrderedSum(P(l, k), (k, 1, L - l)))

logits = (WU * x(L) / rms, WU * x(l) / rms + OrderedSum(WU * F(i)(x(i)) / rms, (i, l, L - 1)))


def state_rule() -> Rule:
    """x_{i+1} = x_i + F_i(x_i)."""
    return Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=l, high=L - 1)


def check_attention(pairs=(other,), at=1, positions=(2, 3)) -> int:
    """By components: every position one number, SymPy differentiates o_1 by the state of position ``at``.

    Raises
    ------
    ValueError
        With the number of positions and both sides.
    """
    comparisons = 0
    for count in positions:
        states = [Symbol(f"h_{n}", real=True) for n in range(1, count + 1)]
        weights = {name: Symbol(name.name, real=True) for name in (WQ, WK, WV)}
        query = weights[WQ] * states[0]
        keys, values = ([weights[name] * state for state in states] for name in (WK, WV))
        sizes = [exp(query * key) for key in keys]
        looks = [size / sum(sizes) for size in sizes]
        read = sum(look * value for look, value in zip(looks, values, strict=True))
        known = {q(1): query, o(1): read, **weights}
        for n in range(count):
            known |= {kept(n + 1): keys[n], v(n + 1): values[n], a(1, n + 1): looks[n]}

        def value_of(node, known=known):
            value = known.get(node, node)
            return value if node.is_commutative else Matrix([[value]])

        want = Matrix([[read.diff(states[at - 1])]])
        for _, right in pairs:
            written = unroll(right, {t: S.One, s: Integer(at), T: Integer(count)})
            got = evaluate(written, value_of, lambda size: Matrix.eye(size))
            comparisons += 1
            if not hasattr(got, "shape") or not (want - got).applyfunc(simplify).is_zero_matrix:
                raise ValueError(f"{count} positions, by position {at}: got {right}, which is not the derivative")
    return comparisons
