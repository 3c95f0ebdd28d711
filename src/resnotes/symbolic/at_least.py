"""Chapter 6: what is true instead of "at least". One unit with an identity shortcut sends g to g (I + J)."""

from __future__ import annotations

from sympy import E as NAPIER
from sympy import Expr, Ge, Le, Symbol

from resnotes.symbolic.algebra import Factor, Mean, Norm, OrderedProduct, Scalar, Transpose, i
from resnotes.symbolic.derivation import Derivation, Step
from resnotes.symbolic.symbols import J as J_at

g, J = Factor("g"), Factor("J")
gT = Transpose(g)

#: The gradient below the unit.
below = g * (1 + J)


def squared(row: Expr) -> Expr:
    """The squared Euclidean norm of a row, as a product."""
    return row * Transpose(row)


#: J + J^T + J J^T, whose smallest eigenvalue decides whether any gradient shrinks.
defect = J + Transpose(J) + J * Transpose(J)

#: |g (I + J)| >= (1 - |J|_2) |g|, with equality at J = -c I.
lower = Ge(Norm(below), (1 - Norm(J, "2")) * Norm(g), evaluate=False)
#: |g (I + J)| <= (1 + |J|_2) |g|, with equality at J = c I.
upper = Le(Norm(below), (1 + Norm(J, "2")) * Norm(g), evaluate=False)

#: |g (I + J)|^2 - |g|^2 = g (J + J^T + J J^T) g^T
growth = (Norm(below) ** 2 - Norm(g) ** 2, g * defect * gT)

#: The mean of the squared norms for the branch and for its negative.
both_signs = ((Norm(g * (1 + J)) ** 2 + Norm(g * (1 - J)) ** 2) / 2, Norm(g) ** 2 + Norm(g * J) ** 2)


class NormSquared:
    """The rule |a|^2 -> a a^T for a row a."""

    index, inside = "any row", False

    def __call__(self, node, values=None):
        is_square = node.is_Pow and node.exp == 2 and isinstance(node.base, Norm) and node.base.kind == ""
        return squared(node.base.args[0]) if is_square else None


norm_squared = NormSquared()

#: Zero-mean J, independent of g.
zero_mean = (Mean(Norm(below) ** 2), Norm(g) ** 2 + Mean(Norm(g * J) ** 2))

n = Symbol("n", integer=True, positive=True)
trace = Scalar("trJ")
#: Isotropic g: every direction equally likely.
isotropic = (Mean(Norm(below) ** 2) / Mean(Norm(g) ** 2), 1 + 2 * trace / n + Norm(J, "F") ** 2 / n)

#: Entrywise: J >= 0 and g >= 0.
entrywise = Ge(below, g, evaluate=False)

L = Symbol("L", integer=True, positive=True)
c = Scalar("c")
chain_product = OrderedProduct(1 + J_at(i), (i, 0, L - 1))
g_L = Factor("g", L)
#: |J_i|_2 <= c / L with c < L.
chain_lower = Ge(Norm(g_L * chain_product), (1 - c / L) ** L * Norm(g_L), evaluate=False)
chain_upper = Le(Norm(g_L * chain_product), NAPIER**c * Norm(g_L), evaluate=False)


def growth_derivation() -> Derivation:
    """How much the squared norm grows over one unit."""
    return Derivation(
        growth[0],
        (
            Step(g * (1 + J) * (1 + Transpose(J)) * gT - g * gT, "a row times its transpose", (norm_squared,)),
            Step(g * J * gT + g * Transpose(J) * gT + g * J * Transpose(J) * gT, "multiply out, $g g^{\\top}$ cancels"),
            Step(growth[1], "multiplied by $g$ from the left and $g^{\\top}$ from the right"),
        ),
        name="at-least-growth",
        cases=({},),
    )


def both_signs_derivation() -> Derivation:
    """The parallelogram identity."""
    return Derivation(
        both_signs[0],
        (
            Step(squared(g * (1 + J)) / 2 + squared(g * (1 - J)) / 2, "a row times its transpose", (norm_squared,)),
            Step(squared(g) + squared(g * J), "multiply out: the terms with one $J$ cancel"),
            Step(both_signs[1], "squares again", (norm_squared,)),
        ),
        name="at-least-both-signs",
        cases=({},),
    )
