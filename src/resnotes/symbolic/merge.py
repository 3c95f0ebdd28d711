"""Chapter 3: the merge point y = F(x) + o, with x = W u and o taken from anywhere earlier."""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr, Symbol

from .algebra import Factor, Map, OrderedProduct, Partial, Rule, Scalar, Transpose, expanded, i, map_tree
from .calculus import Differential, Graph, differential, weight_gradient
from .derivation import Derivation, Induction, Step
from .quantities import loss_gradient

u, x, o, y = Factor("u"), Factor("x"), Factor("o"), Factor("y")
W, J, Ws = Factor("W"), Factor("J"), Factor("Ws")
F = Map("F", J)
#: Gradient of the loss with respect to y: what arrives from above.
g = Factor("g")

#: The question as it was asked.
definition = ((x, W * u), (y, F(x) + o))


def asked_graph(source: Expr = o) -> Graph:
    """The merge point; ``source`` is where the skip starts (``u``: the same output that feeds x)."""
    return Graph({x: W * u, y: F(x) + source})


@lru_cache
def local_derivatives() -> tuple[tuple[Expr, Expr], ...]:
    """Both inputs of the addition, each with the other held fixed, and x along u."""
    graph = asked_graph()
    return tuple((Partial(a, c), graph.local(a, c)) for a, c in ((y, x), (y, o), (x, u)))


@lru_cache
def copies() -> tuple[tuple[Expr, Expr], ...]:
    """What arrives at the two inputs of the addition."""
    graph = asked_graph()
    return tuple((loss_gradient(state), graph.gradient(state, y, g)) for state in (o, x))


@lru_cache
def fan_out() -> Derivation:
    """o is u itself: two ways lead back, and they add up."""
    graph = asked_graph(u)
    by_chain_rule = graph.pullback(u, lambda state: g if state == y else loss_gradient(state))
    return Derivation(
        loss_gradient(u),
        (
            Step(by_chain_rule, "$u$ is used twice", (
                Rule(loss_gradient(u), graph.eliminate(u, y, g)), Rule(loss_gradient(x), graph.eliminate(x, y, g)),
                *graph.rules())),
            Step(g + g * J * W, "local derivatives", (Rule(loss_gradient(x), g * J), *graph.rules())),
            Step(g * (1 + J * W), "$g$ in front"),
        ),
        name="merge-fan-out", rests_on=("merge-question", "merge-copies"),
    )


@lru_cache
def as_asked() -> Derivation:
    """The formula from the original question, F' + W^{-1}: right for a square W that can be inverted."""
    inverse = Factor("Winv")
    return Derivation(
        (J + inverse) * W,
        (Step(J * W + inverse * W, "multiply out"),
         Step(J * W + 1, "$W^{-1} W = I$", (Rule(inverse, W**-1),))),
        name="merge-inverse", rests_on=("merge-fan-out",), assumptions=("W square and invertible",),
    )


@lru_cache
def constant() -> Derivation:
    """Treat o as a constant: what is lost is g, the whole of it."""
    graph = asked_graph(u)
    return Derivation(
        loss_gradient(u) - Factor("gstop", u),
        (
            Step(g * (1 + J * W) - g * J * W, "with and without the way back over $o$",
                 (Rule(loss_gradient(u), graph.eliminate(u, y, g)), Rule(Factor("gstop", u), g * J * W))),
            Step(g, "the branch cancels"),
        ),
        name="merge-constant", rests_on=("merge-fan-out",),
    )


# Distance: o comes from m layers back, o = z_0, z_{k+1} = F_k(z_k), y = z_m + z_0.

m = Symbol("m", integer=True, nonnegative=True)


def z(index) -> Factor:
    return Factor("z", index)


def chain_jacobian(high) -> Expr:
    """J_{high} ... J_0."""
    return OrderedProduct(Factor("J", i), (i, 0, high))


def distance_graph(steps: int) -> Graph:
    """A skip over ``steps`` layers."""
    equations = {z(k + 1): Map("F", Factor("J", k), k)(z(k)) for k in range(steps)}
    equations[y] = z(steps) + z(0)
    return Graph(equations)


distance = (loss_gradient(z(0)), g * (1 + chain_jacobian(m - 1)))


@lru_cache
def distance_induction() -> Induction:
    """The product of the layers between, for every distance."""
    whole = Factor("P", m)
    return Induction(whole, chain_jacobian(m - 1), Factor("J", m) * whole, variable=m, base=0,
                     downwards=False, at_base=1, name="merge-distance")


# A projected shortcut: y = F(x) + W_s o.

projected = (y, F(x) + Ws * o)


@lru_cache
def projected_gradient() -> tuple[tuple[Expr, Expr], ...]:
    """Row gradient at o, the same as a column, and the gradient of W_s itself."""
    row = Graph({y: projected[1]}).gradient(o, y, g)
    moved = map_tree(
        g * differential(projected[1].xreplace({Ws * o: Factor("z")}), [Factor("z")]),
        lambda node: Differential(Ws) * o if node == Differential(Factor("z")) else None,
    )
    return (
        (loss_gradient(o), row),
        (Transpose(loss_gradient(o)), Transpose(row)),
        (loss_gradient(Ws), weight_gradient(moved, Ws)),
    )


def check_graphs(largest: int = 6) -> int:
    """The distance statement by two algorithms on the graph, for every distance up to ``largest``."""
    for steps in range(1, largest + 1):
        graph = distance_graph(steps)
        product = chain_jacobian(steps - 1).unrolled()
        for gradient in (graph.gradient(z(0), y, g), graph.eliminate(z(0), y, g)):
            if expanded(gradient - g * (1 + product)) != 0:
                raise ValueError(f"distance {steps}: got {gradient}, want {g * (1 + product)}")
    return 2 * largest


# A zero-padded shortcut: the state keeps its components, the new ones are 0.

component = Symbol("k", integer=True, positive=True)
padded = (loss_gradient(Scalar("o", component)), Scalar("g", component))
