"""Chapter 3: the merge point y = F(x) + o, with x = W u and o taken from anywhere earlier."""

from __future__ import annotations

import random
from functools import lru_cache
from itertools import product

from sympy import Expr, Matrix, Symbol, eye

from resnotes.symbolic.algebra import (
    Factor,
    Map,
    OrderedProduct,
    Partial,
    Rule,
    Scalar,
    Transpose,
    evaluate,
    expanded,
    i,
    map_tree,
    rewrite,
)
from resnotes.symbolic.calculus import Differential, Graph, differential, weight_gradient
from resnotes.symbolic.derivation import Derivation, Induction, Step
from resnotes.symbolic.symbols import E, loss_gradient, matrix

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


def _weight_gradient(expression: Expr, weight: Expr, state: Expr, output: Expr, upstream: Expr) -> Expr:
    """The gradient of a matrix that is used once, in front of ``state``, from the differential of the loss."""
    product_of_both = Factor("z")
    written = expression.xreplace({weight * state: product_of_both})
    d_loss = map_tree(
        upstream * differential(written, [product_of_both]),
        lambda node: Differential(weight) * state if node == Differential(product_of_both) else None,
    )
    return weight_gradient(d_loss, weight)


@lru_cache
def own_weight() -> tuple[Expr, Expr]:
    """The gradient of W, where o is anything that does not contain W."""
    return loss_gradient(W), _weight_gradient(F(W * u) + o, W, u, y, g)


@lru_cache
def fan_out() -> Derivation:
    """o is u itself: two ways lead back, and they add up."""
    graph = asked_graph(u)
    by_chain_rule = graph.pullback(u, lambda state: g if state == y else loss_gradient(state))
    return Derivation(
        loss_gradient(u),
        (
            Step(
                by_chain_rule,
                "$u$ is used twice",
                (
                    Rule(loss_gradient(u), graph.eliminate(u, y, g)),
                    Rule(loss_gradient(x), graph.eliminate(x, y, g)),
                    *graph.rules(),
                ),
            ),
            Step(g + g * J * W, "local derivatives", (Rule(loss_gradient(x), g * J), *graph.rules())),
            Step(g * (1 + J * W), "$g$ in front"),
        ),
        name="merge-fan-out",
        rests_on=("merge-question", "merge-copies"),
    )


@lru_cache
def as_asked() -> Derivation:
    """The formula from the original question, F' + W^{-1}: right for a square W that can be inverted."""
    inverse = Factor("Winv")
    return Derivation(
        (J + inverse) * W,
        (Step(J * W + inverse * W, "multiply out"), Step(J * W + 1, "$W^{-1} W = I$", (Rule(inverse, W**-1),))),
        name="merge-inverse",
        rests_on=("merge-fan-out",),
        assumptions=("W square and invertible",),
    )


@lru_cache
def constant() -> Derivation:
    """Treat o as a constant: what is lost is g, the whole of it."""
    graph = asked_graph(u)
    return Derivation(
        loss_gradient(u) - Factor("gstop", u),
        (
            Step(
                g * (1 + J * W) - g * J * W,
                "with and without the way back over $o$",
                (Rule(loss_gradient(u), graph.eliminate(u, y, g)), Rule(Factor("gstop", u), g * J * W)),
            ),
            Step(g, "the branch cancels"),
        ),
        name="merge-constant",
        rests_on=("merge-fan-out",),
    )


# Distance: o comes from m layers back, o = z_0, z_{k+1} = F_k(z_k), y = z_m + z_0.

m = Symbol("m", integer=True, nonnegative=True)

z = matrix("z")


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
    """Q_m, the Jacobian from z_0 to z_m, for every distance."""
    whole = Factor("Q", m)
    return Induction(
        whole,
        chain_jacobian(m - 1),
        Factor("J", m) * whole,
        variable=m,
        base=0,
        downwards=False,
        at_base=1,
        name="merge-distance",
    )


# A projected shortcut: y = F(x) + W_s o.

projected = (y, F(x) + Ws * o)


@lru_cache
def projected_gradient() -> tuple[tuple[Expr, Expr], ...]:
    """Row gradient at o, and the gradient of W_s itself."""
    return (
        (loss_gradient(o), Graph({y: projected[1]}).gradient(o, y, g)),
        (loss_gradient(Ws), _weight_gradient(projected[1], Ws, o, y, g)),
    )


#: The upstream gradient as a column, which is how most code and most papers keep it.
delta = Factor("delta")


@lru_cache
def as_columns() -> tuple[tuple[Expr, Expr], ...]:
    """The same with columns: everything transposed, the order of the factors reversed."""
    turned = Rule(g, Transpose(delta))
    row, own = (rewrite(right, (turned,)) for _, right in projected_gradient())
    return (
        (delta, Transpose(g)),
        (Transpose(loss_gradient(o)), Transpose(row)),
        (loss_gradient(Ws), own),
    )


#: The matrix of zero-padding: an identity with rows of zeros below.
P = Factor("P")


@lru_cache
def shortcut_kinds() -> dict[str, tuple[Expr, Expr | None]]:
    """Kind of shortcut -> what it sends back to o, and its own parameter's gradient (None: it has none)."""

    def sent(shortcut):
        return Graph({y: F(x) + shortcut}).gradient(o, y, g)

    return {
        "identity": (sent(o), None),
        "zero-padding": (sent(P * o), None),
        "projection": (sent(Ws * o), projected_gradient()[1][1]),
        "identity, held constant": (sent(Factor("c")), None),
    }


# A layer after the addition: a = f(y).

a, D = Factor("a"), Factor("D")
after = (a, Map("f", D)(y))


@lru_cache
def after_gradient() -> tuple[tuple[Expr, Expr], ...]:
    """What arrives at the sum and at its two inputs, from the gradient at the output of f."""
    graph = Graph({**asked_graph().equations, a: after[1]})
    return tuple((loss_gradient(state), graph.gradient(state, a, loss_gradient(a))) for state in (y, o, x))


class ExactMerge:
    """The merge point by components: small integers, SymPy's own ``diff``, no ordered algebra.

    x = W u has three components and y two, so W is not square. F and f square their input entry by entry, F with
    V in front; the skip is W_s o with three components to start from, or o as it is.

    Parameters
    ----------
    seed : int
        Chooses the integers.
    projected : bool
        Whether the shortcut is W_s o.
    """

    def __init__(self, seed: int, projected: bool = False):
        generator = random.Random(seed)

        def draw(rows, columns):
            return Matrix(rows, columns, lambda r, c: generator.choice((-3, -2, -1, 1, 2, 3)))

        self.numbers = {
            "W": draw(3, 2),
            "V": draw(2, 3),
            "Ws": draw(2, 3) if projected else eye(2),
            "u": draw(2, 1),
            "o": draw(3 if projected else 2, 1),
            "ga": draw(1, 2),
        }
        for name in ("x", "y", "a"):
            self.numbers[name] = self._forward({})[name]

    def _forward(self, replaced: dict) -> dict:
        """Every state, with some quantities replaced by symbols."""
        q = {**self.numbers, **replaced}
        square = lambda column: column.multiply_elementwise(column)  # noqa: E731
        x = replaced.get("x", q["W"] * q["u"])
        y = replaced.get("y", q["V"] * square(x) + q["Ws"] * q["o"])
        return {"x": x, "y": y, "a": replaced.get("a", square(y))}

    def _derivative(self, of: str, by: str) -> Matrix:
        """d of / d by, entry by entry; the loss is g_a a. Of a loss by a matrix: in the matrix's shape."""
        value = self.numbers[by]
        symbols = Matrix(value.rows, value.cols, lambda r, c: Symbol(f"v_{r}_{c}"))
        states = self._forward({by: symbols})
        point = dict(zip(symbols, value, strict=True))
        if of != "E":
            return states[of].jacobian(symbols).subs(point)
        loss = (self.numbers["ga"] * states["a"])[0]
        gradient = symbols.applyfunc(lambda symbol: loss.diff(symbol).subs(point))
        return gradient if by in ("W", "Ws") else gradient.T

    def value_of(self, node):
        """Value of a symbol of this chapter."""
        if isinstance(node, Partial):
            return self._derivative("E" if node.of == E else node.of.name, node.by.name)
        if node in (g, delta):
            upstream = self._derivative("E", "y")
            return upstream if node == g else upstream.T
        if node in (J, D):
            return self._derivative("y", "x") if node == J else self._derivative("a", "y")
        if node in (W, Ws, u, o, x, y):
            return self.numbers[node.name]
        if node.is_Number:
            return node
        raise KeyError(f"no value by components for {node}")


def check_by_components(pairs, projected: bool = False, seeds=range(8)) -> int:
    """Both sides exactly, at a few integer points.

    Raises
    ------
    ValueError
        With the point's seed and both values.
    """
    comparisons = 0
    for seed, (left, right) in product(seeds, pairs):
        case = ExactMerge(seed, projected)
        want, got = (evaluate(side, case.value_of, eye) for side in (left, right))
        comparisons += 1
        if want != got:
            raise ValueError(f"by components, seed {seed}: got {got} for {right}, want {want} for {left}")
    return comparisons


def check_graphs(largest: int = 6) -> int:
    """The distance statement by two algorithms on the graph, for every distance up to ``largest``."""
    for steps in range(1, largest + 1):
        graph = distance_graph(steps)
        between = chain_jacobian(steps - 1).unrolled()
        for gradient in (graph.gradient(z(0), y, g), graph.eliminate(z(0), y, g)):
            if expanded(gradient - g * (1 + between)) != 0:
                raise ValueError(f"distance {steps}: got {gradient}, want {g * (1 + between)}")
    return 2 * largest


# A zero-padded shortcut: the state keeps its components, the new ones are 0.

component = Symbol("k", integer=True, positive=True)
padded = (loss_gradient(Scalar("o", component)), Scalar("g", component))
