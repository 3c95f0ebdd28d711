"""Chapter 1: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial

import numpy as np
from sympy import Integer

from resnotes import losses
from resnotes.book.cases import Case, FourLayers, Units
from resnotes.book.oracles import complex_step_jacobian, same
from resnotes.book.registry import Equation, eq, together
from resnotes.symbolic import (
    backward_pass,
    components,
    forward_pass,
)
from resnotes.symbolic.algebra import (
    Partial,
    Rule,
    Scalar,
)
from resnotes.symbolic.symbols import E, g

CHAPTER = "01_forward_pass"


class Components(Case):
    """Outputs and targets by components, for the readings of the loss."""

    def __init__(self, rng):
        n = int(rng.integers(1, 6))
        self.values = {forward_pass.n: Integer(n)}
        self.values |= {index: Integer(int(rng.integers(1, n + 1))) for index in (forward_pass.k, forward_pass.m)}
        self.x, self.p = rng.uniform(0.2, 3, size=n), rng.uniform(0.1, 2, size=n)
        for loss, function in (
            (losses.softmax_cross_entropy, self.cross_entropy),
            (losses.cross_entropy, self.literal),
            (losses.half_squared_error, self.squared),
        ):
            value, gradient = loss(self.x, self.p)
            same([value], [float(np.real(function(self.x)))], loss.__name__)
            same(gradient, complex_step_jacobian(lambda x, f=function: [f(x)], self.x)[0], f"{loss.__name__}, gradient")

    @staticmethod
    def softmax(x):
        e = np.exp(x)
        return e / e.sum()

    def cross_entropy(self, x):
        return -np.sum(self.p * np.log(self.softmax(x)))

    def literal(self, x):
        return -np.sum(self.p * np.log(x))

    def squared(self, x):
        return np.sum((x - self.p) ** 2) / 2

    def value_x(self, _, k):
        return float(self.x[int(k) - 1])

    def value_p(self, k):
        return float(self.p[int(k) - 1])

    def value_s(self, k):
        return float(self.softmax(self.x)[int(k) - 1])

    def value_E(self):
        return float(self.cross_entropy(self.x))

    def value_Eliteral(self):
        return float(self.literal(self.x))

    def value_Esquared(self):
        return float(self.squared(self.x))

    def value_partial(self, node):
        by = int(node.by.indices[1]) - 1
        if node.of.name == "s":
            return float(complex_step_jacobian(self.softmax, self.x)[int(node.of.indices[0]) - 1, by])
        function = {"E": self.cross_entropy, "Eliteral": self.literal, "Esquared": self.squared}[node.of.name]
        return float(complex_step_jacobian(lambda x: [function(x)], self.x)[0, by])


class Logits(Case):
    """The fourth reading of the loss: x_5 is softmax(z), and derivatives are taken with respect to z."""

    def __init__(self, rng):
        n = int(rng.integers(1, 6))
        self.values = {forward_pass.n: Integer(n), forward_pass.k: Integer(int(rng.integers(1, n + 1)))}
        self.z, self.p = rng.normal(size=n), rng.uniform(0.1, 2, size=n)
        value, gradient = losses.softmax_cross_entropy(self.z, self.p)
        same([value], [float(self.loss(self.z))], "softmax_cross_entropy of z")
        same(
            gradient, complex_step_jacobian(lambda z: [self.loss(z)], self.z)[0], "softmax_cross_entropy of z, gradient"
        )

    def loss(self, z):
        return -np.sum(self.p * np.log(Components.softmax(z)))

    def value_z(self, k):
        return float(self.z[int(k) - 1])

    def value_x(self, _, k):
        return float(Components.softmax(self.z)[int(k) - 1])

    def value_p(self, k):
        return float(self.p[int(k) - 1])

    def value_partial(self, node):
        return float(complex_step_jacobian(lambda z: [self.loss(z)], self.z)[0, int(node.by.indices[0]) - 1])


_any_units = Units


def _four_layer_rules() -> tuple[Rule, ...]:
    """Ground truth of the four layers: each gradient by elimination of differentials."""
    graph = forward_pass.four_layer_graph()
    return (*(Rule(g(k), backward_pass.eliminated(k)) for k in (1, 2, 3, 4)), *graph.rules())


def _by_components(pairs) -> int:
    return components.check(pairs)


def _component_check(loss, by_logits=False):
    return lambda pairs: sum(forward_pass.check_component_gradient(loss, right, by_logits) for _, right in pairs)


def _softmax_jacobian_check(pairs) -> int:
    return sum(forward_pass.check_softmax_jacobian(right) for _, right in pairs)


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    k = forward_pass.k
    definition = partial(Equation, method="definition")
    component = partial(Equation, chapter=CHAPTER, case=Components, method="symbolic")
    return [
        definition("forward-unit", CHAPTER, together(forward_pass.unit), case=_any_units),
        definition("forward-affine", CHAPTER, eq(*forward_pass.affine), case=FourLayers),
        definition("forward-four-layers", CHAPTER, together(forward_pass.four_layers), case=FourLayers),
        Equation(
            "forward-as-units",
            CHAPTER,
            together((d.quantity, d.result) for d in forward_pass.as_units()),
            "symbolic",
            case=FourLayers,
            proofs=forward_pass.as_units(),
            rests_on=("forward-four-layers",),
        ),
        definition("forward-softmax", CHAPTER, eq(*forward_pass.softmax_definition), case=Components),
        definition(
            "forward-loss",
            CHAPTER,
            eq(*forward_pass.cross_entropy),
            case=Components,
            rests_on=("forward-softmax",),
        ),
        component(
            "forward-softmax-jacobian",
            expression=eq(*forward_pass.softmax_by_output),
            exact=_softmax_jacobian_check,
            proofs=(forward_pass.softmax_derivation(),),
            rests_on=("forward-softmax",),
        ),
        component(
            "forward-loss-gradient",
            expression=eq(Partial(E, forward_pass.output(k)), forward_pass.cross_entropy_gradient),
            exact=_component_check(forward_pass.cross_entropy[1]),
            rests_on=("forward-loss", "forward-softmax-jacobian"),
            proofs=(forward_pass.loss_gradient(),),
            assumptions=("p need not sum to 1",),
        ),
        definition("forward-literal", CHAPTER, eq(*forward_pass.literal), case=Components),
        component(
            "forward-literal-gradient",
            expression=eq(Partial(Scalar("Eliteral"), forward_pass.output(k)), forward_pass.literal_gradient),
            exact=_component_check(forward_pass.literal[1]),
            rests_on=("forward-literal",),
            proofs=(forward_pass.literal_derivation(),),
            assumptions=("every component of x_5 positive",),
        ),
        definition("forward-squared", CHAPTER, eq(*forward_pass.squared), case=Components),
        component(
            "forward-squared-gradient",
            expression=eq(Partial(Scalar("Esquared"), forward_pass.output(k)), forward_pass.squared_gradient),
            exact=_component_check(forward_pass.squared[1]),
            rests_on=("forward-squared",),
            proofs=(forward_pass.squared_derivation(),),
        ),
        definition("forward-logits", CHAPTER, eq(*forward_pass.output_of_logits), case=Logits),
        component(
            "forward-logits-gradient",
            expression=eq(Partial(Scalar("Eliteral"), forward_pass.logit(k)), forward_pass.logits_gradient),
            case=Logits,
            exact=_component_check(forward_pass.literal[1], by_logits=True),
            proofs=(forward_pass.logits_derivation(),),
            rests_on=("forward-literal", "forward-logits"),
            assumptions=("x_5 = softmax(z)", "p need not sum to 1"),
        ),
    ]
