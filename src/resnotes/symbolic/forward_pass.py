"""Chapter 1: the forward pass, the residual unit, and the gradient that the loss hands to the backward pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sympy import (
    Expr,
    Integer,
    KroneckerDelta,
    S,
    Symbol,
    diff,
    exp,
    expand,
    fraction,
    log,
    simplify,
    together,
)

from resnotes.symbolic.algebra import OrderedSum, Partial, Rule, Scalar, j, l, unroll
from resnotes.symbolic.calculus import Graph
from resnotes.symbolic.derivation import Derivation, Step
from resnotes.symbolic.symbols import E, F, W, after, b, relu, shortcut, x, y

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
                Step(
                    definition.function(substituted),
                    f"substitute $x_{inner.indices[0]}$",
                    (Rule(inner, rules[inner].right, inside=True),),
                ),
            ),
            name=f"forward-unit-{quantity.indices[0]}",
            rests_on=("forward-four-layers",),
        )

    return put_in(x(3), x(2)), put_in(x(5), x(4))


# The loss, by components. The output x_5 has components x_{5,1} .. x_{5,n}.


class Component(Scalar):
    """A component of a real vector; SymPy may differentiate by it and take logarithms of its exponential."""

    is_real = True
    _diff_wrt = True


def output(component) -> Scalar:
    """Component of x_5."""
    return Component("x", 5, component)


def target(component) -> Scalar:
    """Component of the target p."""
    return Component("p", component)


def logit(component) -> Scalar:
    """Component of z, where x_5 is read as softmax(z)."""
    return Component("z", component)


def softmax(component) -> Scalar:
    """Component of softmax(x_5), as a quantity of its own."""
    return Component("s", component)


#: softmax(x_5)_i
softmax_definition = (softmax(k), exp(output(k)) / OrderedSum(exp(output(m)), (m, 1, n)))
#: Three readings of the loss. The fourth is the literal one with x_5 = softmax(z).
cross_entropy = (E, -OrderedSum(target(m) * log(softmax(m)), (m, 1, n)))
literal = (Scalar("Eliteral"), -OrderedSum(target(m) * log(output(m)), (m, 1, n)))
squared = (Scalar("Esquared"), OrderedSum((output(m) - target(m)) ** 2 / 2, (m, 1, n)))
#: What x_5 is in the fourth reading.
output_of_logits = (output(k), exp(logit(k)) / OrderedSum(exp(logit(m)), (m, 1, n)))
#: The derivative of softmax(x_5), as the book states it.
softmax_by_output = (Partial(softmax(m), output(k)), softmax(m) * (KroneckerDelta(m, k) - softmax(k)))

#: The gradients, as the book states them; the derivations below lead to them, and
#: :func:`check_component_gradient` finds them anew for each n.
cross_entropy_gradient = OrderedSum(target(m), (m, 1, n)) * softmax(k) - target(k)
literal_gradient = -target(k) / output(k)
squared_gradient = output(k) - target(k)
logits_gradient = OrderedSum(target(m), (m, 1, n)) * output(k) - target(k)

#: Sizes for which the component derivations are carried out.
SIZES = (1, 2, 3, 4, 5)
#: The lines of the derivations are compared for every size up to 3 and every component.
CASES = tuple({n: Integer(size), k: Integer(c)} for size in SIZES[:3] for c in range(1, size + 1))


def _components(definition: tuple[Expr, Expr], size: int) -> dict[Expr, Expr]:
    """A definition that holds for every k, written out for k = 1 .. size and n = size."""
    left, right = (unroll(side, {n: Integer(size)}) for side in definition)
    return {left.subs(k, Integer(c)): right.subs(k, Integer(c)) for c in range(1, size + 1)}


def explicit(expression: Expr, size: int) -> Expr:
    """The expression with n = size, its sums written out and softmax put in."""
    written = unroll(expression, {n: Integer(size)})
    return written.xreplace(_components(softmax_definition, size))


def in_logits(expression: Expr, size: int) -> Expr:
    """The expression with n = size, its sums written out and x_5 = softmax(z) put in."""
    return explicit(expression, size).xreplace(_components(output_of_logits, size))


def differentiate(expression: Expr, component: int, size: int) -> Expr:
    """SymPy's own derivative of a written-out loss with respect to one component of x_5."""
    return diff(explicit(expression, size), output(component))


def differentiate_by_logit(expression: Expr, component: int, size: int) -> Expr:
    """SymPy's own derivative with respect to one component of z, with x_5 = softmax(z)."""
    return diff(in_logits(expression, size), logit(component))


def is_zero(expression: Expr) -> bool:
    """Whether an expression in components and their exponentials vanishes.

    With each component written as the logarithm of a positive symbol, the gradients here are rational
    functions of symbols and logarithms: zero where the numerator multiplies out to zero.
    """
    components = sorted(expression.atoms(Component), key=str)
    logarithms = {c: log(Symbol(f"t_{number}", positive=True)) for number, c in enumerate(components)}
    numerator, _ = fraction(together(expression.xreplace(logarithms)))
    return expand(numerator) == 0


def check_component_gradient(loss: Expr, gradient: Expr, by_logits: bool = False) -> int:
    """Compare a stated gradient with SymPy's derivative, for every n up to 5 and every component.

    Parameters
    ----------
    loss, gradient : Expr
    by_logits : bool
        Differentiate with respect to z, with x_5 = softmax(z), instead of x_5.

    Raises
    ------
    ValueError
        With n, the component and both expressions.
    """
    write, derive = (in_logits, differentiate_by_logit) if by_logits else (explicit, differentiate)
    comparisons = 0
    for size in SIZES:
        for component in range(1, size + 1):
            stated = write(gradient.subs(k, Integer(component)), size)
            derived = derive(loss, component, size)
            if not is_zero(stated - derived):
                where = f"component {component} of {size}"
                raise ValueError(f"gradient: got {stated} for {where}, want {derived}")
            comparisons += 1
    return comparisons


@dataclass(frozen=True)
class ForEvery(Rule):
    """A rule for every value of its index; its right side may hold n as well."""

    def __call__(self, node: Expr, values: dict | None = None) -> Expr | None:
        new = super().__call__(node, values)
        return None if new is None else unroll(new, values)


class Differentiation(Rule):
    """Evaluate derivatives with SymPy's ``diff``, sums written out. ``right`` defines the loss ``left``."""

    def __call__(self, node: Expr, values: dict | None = None) -> Expr | None:
        if not isinstance(node, Partial):
            return None
        of = self.right if node.of == self.left else node.of
        size = int(values[n])
        if node.by.name == "s":  # the loss as it holds the softmax, before that is written out
            return explicit(diff(unroll(of, {n: Integer(size)}), node.by), size)
        if node.by.name == "z":
            of = in_logits(of, size)
        return diff(explicit(of, size), node.by)


_EXPONENTIALS = OrderedSum(exp(output(j)), (j, 1, n))
_put_in_softmax = ForEvery(softmax(m), exp(output(m)) / _EXPONENTIALS, index=m)
_put_in_logits = ForEvery(output(m), exp(logit(m)) / OrderedSum(exp(logit(j)), (j, 1, n)), index=m)


#: The same lines for every two components, m of the softmax and k of x_5.
PAIRS = tuple({**case, m: Integer(c)} for case in CASES for c in range(1, int(case[n]) + 1))


@lru_cache
def softmax_derivation() -> Derivation:
    """The derivative of one entry of softmax(x_5) with respect to one component of x_5."""
    differentiated = (KroneckerDelta(m, k) * exp(output(m)) * _EXPONENTIALS - exp(output(m)) * exp(output(k))) / (
        _EXPONENTIALS**2
    )
    return Derivation(
        Partial(softmax(m), output(k)),
        (
            Step(differentiated, "quotient rule", (Differentiation(E, cross_entropy[1]),)),
            Step(
                KroneckerDelta(m, k) * exp(output(m)) / _EXPONENTIALS
                - exp(output(m)) * exp(output(k)) / _EXPONENTIALS**2,
                "each term divided",
            ),
            Step(
                KroneckerDelta(m, k) * softmax(m) - softmax(m) * softmax(k),
                "definition of softmax",
                (_put_in_softmax,),
            ),
            Step(softmax_by_output[1], "the common factor in front"),
        ),
        name="forward-softmax-jacobian",
        rests_on=("forward-softmax",),
        cases=PAIRS,
    )


@lru_cache
def loss_gradient() -> Derivation:
    """Cross-entropy of a softmax of x_5: the chain rule through the entries of the softmax."""
    derivative = Differentiation(*cross_entropy)
    return Derivation(
        Partial(E, output(k)),
        (
            Step(
                OrderedSum(Partial(E, softmax(m)) * Partial(softmax(m), output(k)), (m, 1, n)),
                "chain rule: one term for each entry of the softmax",
                (derivative, _put_in_softmax),
            ),
            Step(
                -OrderedSum(target(m) * (KroneckerDelta(m, k) - softmax(k)), (m, 1, n)),
                "both derivatives substituted; the $m$-th entry of the softmax cancels",
                (derivative, _put_in_softmax),
            ),
            Step(
                OrderedSum(target(m) * softmax(k), (m, 1, n)) - OrderedSum(target(m) * KroneckerDelta(m, k), (m, 1, n)),
                "two sums",
            ),
            Step(
                cross_entropy_gradient,
                r"$\operatorname{softmax}(x_5)_k$ does not depend on $m$; only the term $m = k$ has $\delta_{km} = 1$",
            ),
        ),
        name="forward-loss-gradient",
        rests_on=("forward-loss", "forward-softmax", "forward-softmax-jacobian"),
        assumptions=("p need not sum to 1",),
        cases=CASES,
    )


def _one_term(loss, term, gradient, name, assumptions=()) -> Derivation:
    """The gradient of a sum in which only the term m = k holds x_{5,k}."""
    derivative = Differentiation(*loss)
    return Derivation(
        Partial(loss[0], output(k)),
        (
            Step(term, "only the term $m = k$ holds $x_{5,k}$", (derivative,)),
            Step(gradient, "differentiate", (derivative,)),
        ),
        name=name,
        assumptions=assumptions,
        cases=CASES,
    )


@lru_cache
def literal_derivation() -> Derivation:
    """Second reading: the line as it stands, with a minus sign."""
    return _one_term(
        literal,
        -target(k) * Partial(log(output(k)), output(k)),
        literal_gradient,
        "forward-literal-gradient",
        ("every component of x_5 positive",),
    )


@lru_cache
def squared_derivation() -> Derivation:
    """Third reading: half the squared distance."""
    return _one_term(
        squared, Partial((output(k) - target(k)) ** 2, output(k)) / 2, squared_gradient, "forward-squared-gradient"
    )


@lru_cache
def logits_derivation() -> Derivation:
    """Fourth reading: x_5 is softmax(z) already, and the gradient is taken with respect to z."""
    derivative = Differentiation(*literal)
    return Derivation(
        Partial(literal[0], logit(k)),
        (
            Step(
                OrderedSum(Partial(literal[0], output(m)) * Partial(output(m), logit(k)), (m, 1, n)),
                "chain rule",
                (derivative, _put_in_logits),
            ),
            Step(
                -OrderedSum(target(m) * (KroneckerDelta(m, k) - output(k)), (m, 1, n)),
                "both derivatives substituted; $x_{5,m}$ cancels",
                (derivative, _put_in_logits),
            ),
            Step(logits_gradient, "only the term $m = k$ has $\\delta_{km} = 1$"),
        ),
        name="forward-logits-gradient",
        assumptions=("x_5 = softmax(z)",),
        rests_on=("forward-literal", "forward-literal-gradient", "forward-logits"),
        cases=CASES,
    )


def check_softmax_jacobian(stated: Expr) -> int:
    """Compare a stated derivative of softmax(x_5)_m by x_{5,k} with SymPy's, for every n up to 5 and all m and k.

    Raises
    ------
    ValueError
        With n, both components and both expressions.
    """
    comparisons = 0
    for size in SIZES:
        for above in range(1, size + 1):
            for below in range(1, size + 1):
                got = explicit(stated.subs({m: Integer(above), k: Integer(below)}), size)
                want = differentiate(softmax(above), below, size)
                if not is_zero(got - want):
                    where = f"component {above} by {below} of {size}"
                    raise ValueError(f"derivative of {where}: got {got}, want {want}")
                comparisons += 1
    return comparisons


def softmax_at_uniform(size: int) -> Expr:
    """softmax of the vector whose entries are all 1/size."""
    uniform = {output(c): S.One / size for c in range(1, size + 1)}
    return simplify(explicit(softmax(1), size).xreplace(uniform))
