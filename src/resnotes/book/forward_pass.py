"""Chapter 1: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial

from sympy import Integer, Rational, S, sympify

from resnotes import losses
from resnotes.book.cases import Case, FourLayers, floats, units
from resnotes.book.exact import FRACTIONS
from resnotes.book.oracles import FLOATS, Numbers, row
from resnotes.book.registry import Equation, eq, together
from resnotes.symbolic import forward_pass
from resnotes.symbolic.algebra import Factor, Partial, Scalar
from resnotes.symbolic.symbols import E

CHAPTER = "01_forward_pass"


class Loss(Case):
    """The last state x_5 and the target p, by components: the readings of the loss.

    Parameters
    ----------
    data : dict
        x_5 and p.
    at : dict
        Components that formulas are about. Without them a value is one for every component k.
    numbers : Numbers
    """

    given = Factor("x", 5)

    def __init__(self, data, at=None, numbers=FRACTIONS):
        self.start, self.p = (
            numbers.array([entry if numbers is FLOATS else sympify(entry) for entry in data[name]])
            for name in (self.given, Factor("p"))
        )
        self.n = len(self.start)
        super().__init__(data, {forward_pass.n: Integer(self.n), **(at or {})}, numbers)
        components = range(1, self.n + 1)
        last = self.last(self.start)
        self.known = {
            "x": {5: dict(zip(components, last, strict=True))},
            "z": dict(zip(components, self.start, strict=True)),
            "p": dict(zip(components, self.p, strict=True)),
            "s": lambda k: self.softmax(last)[k - 1],
            **{name: lambda loss=loss: loss(last)[0] for name, (loss, _) in self.readings.items()},
        }

    @classmethod
    def drawn(cls, rng, numbers: Numbers = FLOATS):
        """A random one. Components are positive, so that the logarithm of each exists."""
        n = int(rng.integers(1, numbers.widest + 1))
        above, below = (Integer(int(k)) for k in rng.integers(1, n + 1, size=2))
        start, p = (abs(numbers.draw(rng, n)) + numbers.number(Rational(1, 5)) for _ in range(2))
        return cls({cls.given: start, Factor("p"): p}, {forward_pass.k: below, forward_pass.m: above}, numbers)

    @property
    def readings(self) -> dict:
        """Name of a loss -> its value at x_5, in an array of one, and the package's function."""
        log = self.numbers.log
        return {
            "E": (lambda v: [-sum(self.p * log(self.softmax(v)))], losses.softmax_cross_entropy),
            "Eliteral": (lambda v: [-sum(self.p * log(v))], losses.cross_entropy),
            "Esquared": (
                lambda v: [sum((v - self.p) ** 2) / self.numbers.number(Integer(2))],
                losses.half_squared_error,
            ),
        }

    def last(self, v):
        """x_5 of what is given."""
        return v

    def softmax(self, v):
        exponentials = self.numbers.exp(v)
        return exponentials / sum(exponentials)

    def evaluate(self, expression):
        """For every component k at once, as a row, where k occurs and none is set."""
        expression = sympify(expression)
        if forward_pass.k in self.values or forward_pass.k not in expression.free_symbols:
            return super().evaluate(expression)
        return row([super(Loss, self).evaluate(expression.subs(forward_pass.k, S(k))) for k in range(1, self.n + 1)])

    def value_partial(self, node):
        if node.of.name == "s":
            reading = lambda v: self.softmax(v)[[int(node.of.indices[0]) - 1]]  # noqa: E731
        else:
            reading = self.readings[node.of.name][0]
        slopes = self.numbers.jacobian(lambda v: reading(self.last(v)), self.start)
        return slopes[0, int(node.by.indices[-1]) - 1]

    def confirm(self):
        done, p = 0, floats(self.p)
        for name, (loss, function) in self.readings.items():
            if name != "E" and min(self.start) <= 0:
                continue  # log of 0
            value, gradient = function(floats(self.start), p)
            done += self.agree([value], loss(self.start), function.__name__)
            done += self.agree(gradient, self.numbers.jacobian(loss, self.start), f"{function.__name__}, gradient")
        return done


class Logits(Loss):
    """The reading in which x_5 is softmax(z) already, and derivatives are taken with respect to z.

    Parameters
    ----------
    data : dict
        z and p.
    """

    given = Factor("z")

    def last(self, v):
        return self.softmax(v)

    def confirm(self):
        value, gradient = losses.softmax_cross_entropy(floats(self.start), floats(self.p))
        loss, _ = self.readings["Eliteral"]
        slopes = self.numbers.jacobian(lambda v: loss(self.last(v)), self.start)
        return self.agree([value], loss(self.last(self.start)), "softmax_cross_entropy of z") + self.agree(
            gradient, slopes, "softmax_cross_entropy of z, gradient"
        )


def _component_check(loss, by_logits=False):
    return lambda pairs: sum(forward_pass.check_component_gradient(loss, right, by_logits) for _, right in pairs)


def _softmax_jacobian_check(pairs) -> int:
    return sum(forward_pass.check_softmax_jacobian(right) for _, right in pairs)


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    k = forward_pass.k
    definition = partial(Equation, method="definition")
    component = partial(Equation, chapter=CHAPTER, case=Loss.drawn, method="symbolic")
    return [
        definition("forward-unit", CHAPTER, together(forward_pass.unit), case=units),
        definition("forward-affine", CHAPTER, eq(*forward_pass.affine), case=FourLayers.drawn),
        definition("forward-four-layers", CHAPTER, together(forward_pass.four_layers), case=FourLayers.drawn),
        Equation(
            "forward-as-units",
            CHAPTER,
            together((d.quantity, d.result) for d in forward_pass.as_units()),
            "symbolic",
            case=FourLayers.drawn,
            proofs=forward_pass.as_units(),
            rests_on=("forward-four-layers",),
        ),
        definition("forward-softmax", CHAPTER, eq(*forward_pass.softmax_definition), case=Loss.drawn),
        definition(
            "forward-loss",
            CHAPTER,
            eq(*forward_pass.cross_entropy),
            case=Loss.drawn,
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
        definition("forward-literal", CHAPTER, eq(*forward_pass.literal), case=Loss.drawn),
        component(
            "forward-literal-gradient",
            expression=eq(Partial(Scalar("Eliteral"), forward_pass.output(k)), forward_pass.literal_gradient),
            exact=_component_check(forward_pass.literal[1]),
            rests_on=("forward-literal",),
            proofs=(forward_pass.literal_derivation(),),
            assumptions=("every component of x_5 positive",),
        ),
        definition("forward-squared", CHAPTER, eq(*forward_pass.squared), case=Loss.drawn),
        component(
            "forward-squared-gradient",
            expression=eq(Partial(Scalar("Esquared"), forward_pass.output(k)), forward_pass.squared_gradient),
            exact=_component_check(forward_pass.squared[1]),
            rests_on=("forward-squared",),
            proofs=(forward_pass.squared_derivation(),),
        ),
        definition("forward-logits", CHAPTER, eq(*forward_pass.output_of_logits), case=Logits.drawn),
        component(
            "forward-logits-gradient",
            expression=eq(Partial(Scalar("Eliteral"), forward_pass.logit(k)), forward_pass.logits_gradient),
            case=Logits.drawn,
            exact=_component_check(forward_pass.literal[1], by_logits=True),
            proofs=(forward_pass.logits_derivation(),),
            rests_on=("forward-literal", "forward-logits"),
            assumptions=("x_5 = softmax(z)", "p need not sum to 1"),
        ),
    ]
