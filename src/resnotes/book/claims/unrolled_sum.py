"""Note 004: the analysis of deep residual networks."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache, partial

from sympy import Gt, Ne

from resnotes.book.claims import spaces
from resnotes.book.claims.claim import Grounds
from resnotes.book.claims.evidence import Example, Judged, Quoted, Shown, Truth, anywhere, condition
from resnotes.book.claims.expressions import ONE, AsPrinted, Total, total
from resnotes.book.claims.four_layers import cancelling_samples, cancels, not_minus_identity
from resnotes.book.claims.lambda_scaling import GRADIENT_TEXT, UNITS, _from_the_start, identity_shortcuts, long_chain
from resnotes.book.exact import eye
from resnotes.book.registry import eq, together
from resnotes.symbolic import at_least, forward_pass, unrolled_sum
from resnotes.symbolic.algebra import L, OrderedSum, Transpose, i, l
from resnotes.symbolic.symbols import F, g, relu, x

#: Sums of branches, and the two-term form.
FROM_L = OrderedSum(F(i)(x(i)), (i, l, L - 1))
FROM_ONE = OrderedSum(F(i)(x(i)), (i, 1, L - 1))
FROM_ZERO = OrderedSum(F(i)(x(i)), (i, 0, L - 1))
TERM = Total(FROM_L, x(l))
DIRECT = eq(g(l) - g(L) * TERM, g(L))
FORWARD_DIRECT = eq(x(L) - FROM_L, x(l))
MIXED = eq(TERM, unrolled_sum.term)


def _unit(name, says, outcome=True, where=anywhere, text="", **options):
    return Example(name, says, spaces.chain(**{"nonzero": True, **options}), outcome, where, text)


def _plain(expression=None, equation="", where=anywhere, **options):
    return Truth(partial(spaces.chain_samples, **options), expression, equation, where & _identity)


def _general(equation, **options):
    return Truth(partial(spaces.chain_samples, "matrix", True, **options), equation=equation)


@condition("h and f are the identity")
def _identity(network) -> bool:
    """h and f are the identity."""
    return not network.relu_after and identity_shortcuts(network)


@condition("h is the identity, and f is a ReLU")
def _relu_identity(network) -> bool:
    return network.relu_after and identity_shortcuts(network)


@condition("f is the identity")
def _nothing_after(network) -> bool:
    return not network.relu_after


@condition("every sum is positive")
def _open(network) -> bool:
    """Every sum is positive, so that a ReLU after it does nothing."""
    return all((network.value_D(k) == eye(network.n)).all() for k in range(network.depth))


@condition("some sum is negative")
def _shut(network) -> bool:
    return not _open(network)


@condition("W_0 is not symmetric")
def _not_symmetric(network) -> bool:
    """Transposing makes a difference."""
    return (network.weights[0] != network.weights[0].T).any()


@condition("g is not 0")
def _nonzero_g(network) -> bool:
    return bool(network.g.any())


def _halves(claimed):
    """The gradient after many units with F = -x/2."""
    return lambda: (claimed, long_chain(1, Fraction(-1, 2)).evaluate(g(0)))


@condition("W_2 = 0, and nothing else")
def _silent_branch(network) -> bool:
    return not network.W2.any() and all(network.W1.ravel()) and all(network.u) and bool(network.upstream.any())


def _first_weight(network):
    """The gradient of W_1, beside the gradient at u."""
    return network.value_partial(None), network.parameter_gradients()[0]


@lru_cache
def _open_samples() -> tuple:
    """ReLU after every addition, and every sum positive."""
    return tuple(
        network
        for network in spaces.chain((1, 2, 3), (1, 2), relu_after=True).sample(200, seed=13, top=3)
        if _open(network)
    )


EVIDENCE = {
    "S4-E1": Grounds(
        claimed=together(forward_pass.unit),
        truths=(_general("forward-unit"),),
        evidence=(
            _unit(
                "a scaled shortcut, a ReLU after the addition",
                eq(*forward_pass.unit[1]),
                shortcut="scalar",
                relu_after=True,
            ),
            _unit("the same before the ReLU", eq(*forward_pass.unit[0]), shortcut="scalar", relu_after=True),
        ),
    ),
    "S4-E2": Grounds(
        truths=(
            Truth(
                partial(spaces.chain_samples, relu_after=True),
                eq(x(l + 1), relu(l + 1)(x(l) + F(l)(x(l)))),
                where=_relu_identity & _from_the_start,
            ),
        ),
        evidence=(
            _unit("one unit", eq(x(l + 1), relu(l + 1)(x(l) + F(l)(x(l)))), relu_after=True),
            Quoted(
                "where the citations were",
                "convolutional layers in",
                "a definition",
                "a definition",
                True,
                "he2016",
            ),
        ),
    ),
    "S4-E3": Grounds(
        claimed=eq(x(l + 1), x(l) + F(l)(x(l))),
        truths=(_plain(eq(x(l + 1), x(l) + F(l)(x(l)))),),
        evidence=(
            _unit("one unit", eq(x(l + 1), x(l) + F(l)(x(l)))),
            _unit("two components", eq(x(l + 1), x(l) + F(l)(x(l))), widths=(2,), top=1),
        ),
    ),
    "S4-E4": Grounds(
        claimed=eq(*unrolled_sum.state),
        truths=(_plain(equation="unrolled-forward"),),
        evidence=tuple(_unit(f"{depth} units", eq(*unrolled_sum.state), depths=(depth,)) for depth in (1, 2, 3)),
    ),
    "S4-P1": Grounds(
        claimed=eq(x(L), x(l) + FROM_ONE),
        truths=(_plain(equation="unrolled-forward"),),
        evidence=(
            _unit("l = 0", eq(x(L), x(l) + FROM_ONE), False, text="The branch of unit 0 is missing."),
            _unit(
                "l = 2",
                eq(x(L), x(l) + FROM_ONE),
                False,
                depths=(3,),
                start=2,
                text="The branch of unit 1 is in x_2 already.",
            ),
            _unit(
                "l = 1",
                eq(x(L), x(l) + FROM_ONE),
                True,
                depths=(2,),
                start=1,
                text="Right here: the limit is l.",
            ),
        ),
    ),
    "S4-P2": Grounds(
        claimed=eq(x(L), x(0) + FROM_ZERO),
        truths=(_plain(eq(x(L), x(0) + FROM_ZERO)),),
        evidence=tuple(_unit(f"{depth} units", eq(x(L), x(0) + FROM_ZERO), depths=(depth,)) for depth in (1, 2)),
    ),
    "S4-E5": Grounds(
        claimed=eq(g(l), g(L) * AsPrinted(x(L), x(l))),
        truths=(
            Truth(partial(spaces.chain_samples, "matrix", True), eq(g(l), g(L) * Total(x(L), x(l)))),
            Truth(
                partial(spaces.chain_samples, "matrix", True),
                eq(Transpose(g(l)), Transpose(Total(x(L), x(l))) * Transpose(g(L))),
            ),
        ),
        evidence=(
            _unit("rows", eq(g(l), g(L) * Total(x(L), x(l))), True, _not_symmetric, widths=(2,)),
            _unit(
                "columns",
                eq(Transpose(g(l)), Transpose(Total(x(L), x(l))) * Transpose(g(L))),
                True,
                _not_symmetric,
                widths=(2,),
            ),
        ),
    ),
    "S4-E6": Grounds(
        claimed=eq(g(l), g(L) * (ONE + AsPrinted(FROM_ZERO, x(l)))),
        truths=(
            _plain(equation="unrolled-two-terms"),
            _plain(equation="unrolled-term"),
            _plain(equation="unrolled-lower-limit", start=1),
        ),
        evidence=(
            _unit(
                "earlier branches are constants",
                total(eq(g(l), g(L) * (ONE + AsPrinted(FROM_ZERO, x(l))))),
                True,
                depths=(2,),
                start=1,
            ),
            _unit(
                "earlier branches are x_l - x_0",
                eq(g(l), g(L) * (1 + Total(x(l) - x(0) + FROM_L, x(l)))),
                False,
                depths=(2,),
                start=1,
                text="The identity twice.",
            ),
        ),
    ),
    "S4-T1": Grounds(
        claimed=eq(g(l), g(L) + g(L) * AsPrinted(FROM_L, x(l))),
        truths=(_plain(equation="unrolled-two-terms"), _general("unrolled-general-terms")),
        evidence=(
            _unit("h and f the identity", DIRECT),
            _unit("a ReLU after the addition", DIRECT, False, relu_after=True),
            _unit("a scaled shortcut", DIRECT, False, shortcut="scalar"),
            _unit(
                "h and f the identity, the whole gradient",
                Ne(g(l), 0, evaluate=False),
                False,
                text="The direct part is there, and nothing comes back.",
            ),
        ),
    ),
    "S4-T2": Grounds(
        claimed=eq(AsPrinted(FROM_L, x(l)), MIXED.rhs),
        truths=(_plain(equation="unrolled-term"), _plain(MIXED, start=1)),
        evidence=(
            _unit("one unit", MIXED, True),
            _unit("two units", MIXED, True, depths=(2,), text="Three paths, of which two take a skip as well."),
            Example(
                "no weights, no other part",
                eq(TERM, 0),
                spaces.chain((2,), branch=False, ones=True),
                True,
                text="No path is left but the skips.",
            ),
        ),
    ),
    "S4-T3": Grounds(
        claimed=Ne(at_least.g * (1 + unrolled_sum.M), 0, evaluate=False),
        truths=(
            Truth(cancelling_samples, equation="unrolled-cancel", where=cancels),
            Truth(spaces.equal_samples, equation="unrolled-scalar-term"),
        ),
        evidence=(
            Shown(
                "the term is not -1: more should come back than in a plain chain with the factor 1/2",
                GRADIENT_TEXT,
                _halves(Fraction(1, 2**UNITS)),
                False,
                (("L", "L", UNITS), ("F", "F", "-x/2"), ("term", r"\text{term}", Fraction(1, 2**UNITS) - 1)),
                "Exactly as much comes back.",
                relation=Gt,
            ),
            Example(
                "vectors: the term is not -I",
                Ne(at_least.g * (1 + unrolled_sum.M), 0, evaluate=False),
                spaces.one_unit((2,)),
                False,
                not_minus_identity & _nonzero_g,
                "g is a left eigenvector.",
            ),
            Quoted(
                "what the paper says",
                "for all samples in a mini-batch",
                "every sample",
                "not all samples at once",
                False,
                "he2016",
            ),
            Judged(
                "a weight whose branch ends in 0",
                ("dE/dW_1", r"\frac{\partial \mathcal{E}}{\partial W_1}"),
                _first_weight,
                spaces.input_skip(),
                False,
                _silent_branch,
                "All of g reaches u, nothing reaches W_1.",
            ),
        ),
    ),
    "S4-T4": Grounds(
        claimed=together(((x(L), x(l) + FROM_L), (g(l), g(L) * (ONE + AsPrinted(FROM_L, x(l)))))),
        truths=(
            _plain(equation="unrolled-forward"),
            _plain(equation="unrolled-two-terms"),
            _general("unrolled-general-terms"),
        ),
        evidence=(
            _unit("forward, h and f the identity", FORWARD_DIRECT, depths=(2,)),
            _unit("backward, h and f the identity", DIRECT, depths=(2,)),
            _unit("forward, a ReLU after the addition", FORWARD_DIRECT, False, relu_after=True),
            _unit("backward, a scaled shortcut", DIRECT, False, shortcut="scalar"),
        ),
    ),
    "S4-T5": Grounds(
        claimed=eq(g(l), g(L) + g(L) * AsPrinted(FROM_L, x(l))),
        truths=(
            _plain(equation="unrolled-two-terms"),
            Truth(
                partial(spaces.chain_samples, "scalar"),
                equation="scaling-two-terms",
                where=_nothing_after,
            ),
            _general("backward-product"),
            Truth(_open_samples, DIRECT, where=_open & identity_shortcuts),
        ),
        evidence=(
            _unit("f is the identity", DIRECT, depths=(2,)),
            _unit("f is a ReLU, every sum positive", DIRECT, True, _open, depths=(2,), relu_after=True),
            _unit("f is a ReLU", DIRECT, False, _shut, relu_after=True),
        ),
    ),
}
