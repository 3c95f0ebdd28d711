"""Chapter 1: the forward pass, the residual unit, and what gradient each reading of the loss starts with."""

from __future__ import annotations

from functools import lru_cache

from sympy import Add, Expr, Integer, Symbol, diff, exp, log, simplify

from .algebra import OrderedSum, Rule, Scalar, l, unroll
from .calculus import Graph
from .derivation import Derivation, Step
from .quantities import E, F, W, after, b, relu, shortcut, x, y

k = Symbol("k", integer=True)
n = Symbol("n", integer=True, positive=True)
m = Symbol("m", integer=True)

#: F_k(x_k) = W_k x_k + b_k
affine = (F(k)(x(k)), W(k) * x(k) + b(k))

#: The notes' network.
four_layers = (
    (x(2), relu(2)(F(1)(x(1)))),
    (x(3), relu(3)(F(2)(x(2)) + x(1))),
    (x(4), relu(4)(F(3)(x(3)))),
    (x(5), relu(5)(F(4)(x(4)) + x(3))),
)

#: The residual unit of He et al. (2016), equations 1 and 2.
unit = ((y(l), shortcut(l)(x(l)) + F(l)(x(l))), (x(l + 1), after(l)(y(l))))


def four_layer_graph() -> Graph:
    """The notes' network as a graph."""
    return Graph(dict(four_layers))


@lru_cache
def as_units() -> tuple[Derivation, Derivation]:
    """Two layers and a skip are one unit: x_3 from x_1 alone, x_5 from x_3 alone."""
    rules = {state: Rule(state, expression) for state, expression in four_layers}

    def put_in(quantity, inner):
        definition = rules[quantity].right
        argument = definition.argument
        substituted = argument.xreplace({inner: rules[inner].right})
        return Derivation(
            quantity,
            (
                Step(definition, "definition", (rules[quantity],)),
                Step(definition.function(substituted), f"put in $x_{inner.indices[0]}$",
                     (Rule(inner, rules[inner].right, inside=True),)),
            ),
            name=f"forward-unit-{quantity.indices[0]}",
            rests_on=("forward-four-layers",),
        )

    return put_in(x(3), x(2)), put_in(x(5), x(4))


# The loss, by components. The output x_5 has components x_{5,1} .. x_{5,n}.


def output(component) -> Scalar:
    """Component of x_5."""
    return Scalar("x", 5, component)


def target(component) -> Scalar:
    """Component of the target p."""
    return Scalar("p", component)


def softmax(component) -> Scalar:
    """Component of softmax(x_5), as a quantity of its own."""
    return Scalar("s", component)


#: softmax(x_5)_i
softmax_definition = (softmax(k), exp(output(k)) / OrderedSum(exp(output(m)), (m, 1, n)))
#: The three readings of the loss.
cross_entropy = (E, -OrderedSum(target(m) * log(softmax(m)), (m, 1, n)))
literal = (Scalar("Eliteral"), -OrderedSum(target(m) * log(output(m)), (m, 1, n)))
squared = (Scalar("Esquared"), OrderedSum((output(m) - target(m)) ** 2, (m, 1, n)) / 2)

#: Their gradients, as the book states them; :func:`check_component_gradient` derives them anew for each n.
cross_entropy_gradient = OrderedSum(target(m), (m, 1, n)) * softmax(k) - target(k)
literal_gradient = -target(k) / output(k)
squared_gradient = output(k) - target(k)

#: Sizes for which the component derivations are carried out.
SIZES = (1, 2, 3, 4, 5)


def explicit(expression: Expr, size: int) -> Expr:
    """The expression with n = size, its sums written out and softmax put in."""
    written = unroll(expression, {n: Integer(size)})
    definitions = {
        softmax(c): unroll(softmax_definition[1].subs({k: Integer(c)}), {n: Integer(size)}) for c in range(1, size + 1)
    }
    return written.xreplace(definitions)


def differentiate(expression: Expr, component: int, size: int) -> Expr:
    """SymPy's own derivative of a written-out loss with respect to one component of x_5."""
    names = {output(c): Symbol(f"x_{c}", positive=True) for c in range(1, size + 1)}
    back = {symbol: quantity for quantity, symbol in names.items()}
    return diff(explicit(expression, size).xreplace(names), names[output(component)]).xreplace(back)


def check_component_gradient(loss: Expr, gradient: Expr) -> int:
    """Compare a stated gradient with SymPy's derivative, for every n up to 5 and every component.

    Raises
    ------
    ValueError
        With n, the component and both expressions.
    """
    comparisons = 0
    for size in SIZES:
        for component in range(1, size + 1):
            stated = explicit(gradient.subs(k, Integer(component)), size)
            derived = differentiate(loss, component, size)
            if simplify(stated - derived) != 0:
                raise ValueError(f"gradient: got {stated} for component {component} of {size}, want {derived}")
            comparisons += 1
    return comparisons


def softmax_at_uniform(size: int) -> Expr:
    """softmax of the vector whose entries are all 1/size."""
    return simplify(exp(Integer(1) / size) / Add(*[exp(Integer(1) / size)] * size))
