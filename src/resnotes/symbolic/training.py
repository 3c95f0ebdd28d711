"""Chapter 12: the units that are trained. One factor on all shortcuts, a number of its own on each branch."""

from __future__ import annotations

from functools import lru_cache

from sympy import S

from resnotes.symbolic.algebra import L, Partial, Rule, i, l, map_tree
from resnotes.symbolic.at_initialisation import beta
from resnotes.symbolic.calculus import Differential, Graph, differential
from resnotes.symbolic.derivation import Derivation, Step
from resnotes.symbolic.lambda_scaling import lam0
from resnotes.symbolic.symbols import D, E, F, J, after, g, x, y

#: y_l = lambda x_l + beta_l F_l(x_l), and x_{l+1} = f(y_l)
unit = ((y(l), lam0 * x(l) + beta(l) * F(l)(x(l))), (x(l + 1), after(l)(y(l))))


@lru_cache
def unit_gradient() -> Derivation:
    """g_l = g_{l+1} D_l (lambda I + beta_l J_l)."""
    graph = Graph({y(l): unit[0][1], x(l + 1): unit[1][1]})
    by_chain_rule = g(l + 1) * Partial(x(l + 1), y(l)) * Partial(y(l), x(l))
    return Derivation(
        g(l),
        (
            Step(
                by_chain_rule,
                "chain rule through $y_l$",
                (Rule(g(l), graph.eliminate(x(l), x(l + 1), g(l + 1))), *graph.rules()),
            ),
            Step(
                map_tree(by_chain_rule, lambda n: graph.local(n.of, n.by) if isinstance(n, Partial) else None),
                "local derivatives",
                tuple(graph.rules()),
            ),
        ),
        name="training-gradient",
        rests_on=("training-unit", "backward-unit"),
        cases=({},),
    )


def _by_scale():
    """d y_l / d beta_l, x_l held fixed: the coefficient of d beta_l, a number, which may stand anywhere."""
    moved = differential(unit[0][1], [beta(l)])
    return map_tree(moved, lambda node: S.One if node == Differential(beta(l)) else None)


@lru_cache
def scale_gradient() -> Derivation:
    """dE/dbeta_l = g_{l+1} D_l F_l(x_l)."""
    by_chain_rule = g(l + 1) * D(l) * Partial(y(l), beta(l))
    return Derivation(
        Partial(E, beta(l)),
        (
            Step(by_chain_rule, "chain rule through $y_l$", (Rule(Partial(E, beta(l)), by_chain_rule),)),
            Step(
                g(l + 1) * D(l) * _by_scale(),
                r"only $\beta_l$ moves",
                (Rule(Partial(y(l), beta(l)), _by_scale()),),
            ),
        ),
        name="training-scale",
        rests_on=("training-unit", "backward-unit"),
        cases=({},),
    )


#: All beta_i = 0 and nothing after the addition: the shortcuts are all there is.
start = (g(l), lam0 ** (L - l) * g(L))


@lru_cache
def start_derivation() -> Derivation:
    """g_l = lambda^{L-l} g_L, for all 0 <= l < L <= 6."""
    unit_after_unit = Rule(g(i), g(i + 1) * (lam0 + beta(i) * J(i)), index=i, low=l, high=L - 1)
    zero = Rule(beta(i), S.Zero, index=i)
    return Derivation(
        g(l),
        (Step(start[1], "unit after unit, every scale 0", (unit_after_unit, zero)),),
        name="training-start",
        rests_on=("training-gradient",),
        assumptions=("every beta_i = 0", "f = id"),
    )
