"""Note 004: the analysis of deep residual networks."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache, partial

from sympy import Gt, Ne

from resnotes.book.registry import eq, together
from resnotes.claims import spaces
from resnotes.claims.claim import Claim, Example, Judged, Quoted, Shown, Truth, anywhere, condition
from resnotes.claims.exact import eye
from resnotes.claims.expressions import ONE, AsPrinted, Total, total
from resnotes.claims.lambdas import GRADIENT_TEXT, UNITS, _from_the_start, identity_shortcuts, long_chain
from resnotes.claims.residuals import cancelling_bank, cancels, not_minus_identity
from resnotes.symbolic import at_least, forward_pass, unrolled_sum
from resnotes.symbolic.algebra import L, OrderedSum, Transpose, i, l
from resnotes.symbolic.symbols import F, g, relu, x

FORWARD, CHAPTER = "01_forward_pass", "05_unrolled_sum"

_claim = partial(Claim, note="004", chapter=CHAPTER)
_definition = partial(_claim, kind="definition", chapter=FORWARD, verdict="holds", reference="he2016")
_mathematics = partial(_claim, kind="mathematics")

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
    return Truth(partial(spaces.chain_bank, **options), expression, equation, where & _identity)


def _general(equation, **options):
    return Truth(partial(spaces.chain_bank, "matrix", "relu", **options), equation=equation)


@condition("h and f are the identity")
def _identity(world) -> bool:
    """h and f are the identity."""
    return world.after == "identity" and identity_shortcuts(world)


@condition("h is the identity, and f is a ReLU")
def _relu_identity(world) -> bool:
    return world.after == "relu" and identity_shortcuts(world)


@condition("f is the identity")
def _nothing_after(world) -> bool:
    return world.after == "identity"


@condition("every sum is positive")
def _open(world) -> bool:
    """Every sum is positive, so that a ReLU after it does nothing."""
    return all((world.value_D(k) == eye(world.n)).all() for k in range(world.depth))


@condition("some sum is negative")
def _shut(world) -> bool:
    return not _open(world)


@condition("W_0 is not symmetric")
def _not_symmetric(world) -> bool:
    """Transposing makes a difference."""
    return (world.weights[0] != world.weights[0].T).any()


@condition("g is not 0")
def _nonzero_g(world) -> bool:
    return bool(world.g.any())


def _halves(claimed):
    """The gradient after many units with F = -x/2."""
    return lambda: (claimed, long_chain(1, Fraction(-1, 2)).evaluate(g(0)))


@condition("W_2 = 0, and nothing else")
def _silent_branch(world) -> bool:
    return not world.W2.any() and all(world.W1.ravel()) and all(world.u) and bool(world.value_g().any())


def _first_weight(world):
    """The gradient of W_1, beside the gradient at u."""
    return world.value_partial(None), world.parameter_gradients()[0]


@lru_cache
def _open_bank() -> tuple:
    """ReLU after every addition, and every sum positive."""
    return tuple(
        world for world in spaces.chain((1, 2, 3), (1, 2), after="relu").sample(200, seed=13, top=3) if _open(world)
    )


CLAIMS = (
    _definition(
        id="S4-E1",
        place="first formula",
        statement="A unit adds a shortcut h and a branch F, and applies f.",
        claimed=together(forward_pass.unit),
        corrected="A definition: He et al. (2016), equations (1) and (2).",
        truths=(_general("forward-unit"),),
        evidence=(
            _unit(
                "a scaled shortcut, a ReLU after the addition",
                eq(*forward_pass.unit[1]),
                shortcut="scalar",
                after="relu",
            ),
            _unit("the same before the ReLU", eq(*forward_pass.unit[0]), shortcut="scalar", after="relu"),
        ),
    ),
    _definition(
        id="S4-E2",
        place="paragraph after the first formula",
        statement="A unit has K layers of weights; f is a ReLU and h the identity.",
        typed=r"W_l = \{W_{l,k} \mid 1 \le k \le K\},\quad h(x_l) = x_l,\quad f = \operatorname{ReLU}",
        corrected="A definition. K is 2 or 3 in He et al. (2015). The note has lost the numbers of its citations here.",
        truths=(
            Truth(
                partial(spaces.chain_bank, after="relu"),
                eq(x(l + 1), relu(l + 1)(x(l) + F(l)(x(l)))),
                where=_relu_identity & _from_the_start,
            ),
        ),
        evidence=(
            _unit("one unit", eq(x(l + 1), relu(l + 1)(x(l) + F(l)(x(l)))), after="relu"),
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
    _definition(
        id="S4-E3",
        place="second formula",
        statement="With nothing after the addition, a unit adds its branch to its input.",
        claimed=eq(x(l + 1), x(l) + F(l)(x(l))),
        corrected="With h the identity as well, which the note says just before.",
        truths=(_plain(eq(x(l + 1), x(l) + F(l)(x(l)))),),
        evidence=(
            _unit("one unit", eq(x(l + 1), x(l) + F(l)(x(l)))),
            _unit("two components", eq(x(l + 1), x(l) + F(l)(x(l))), widths=(2,), top=1),
        ),
        rests_on=("forward-unit",),
    ),
    _mathematics(
        id="S4-E4",
        place="third formula",
        verdict="holds",
        statement="A deep state is a shallower one plus all branches between them.",
        claimed=eq(*unrolled_sum.state),
        corrected="For L > l, with h and f the identity.",
        truths=(_plain(equation="unrolled-forward"),),
        evidence=tuple(_unit(f"{depth} units", eq(*unrolled_sum.state), depths=(depth,)) for depth in (1, 2, 3)),
        reference="he2016",
    ),
    _mathematics(
        id="S4-P1",
        place="first property in the list",
        verdict="wrong",
        statement="The residual part of that sum starts at unit 1.",
        claimed=eq(x(L), x(l) + FROM_ONE),
        corrected="It starts at l.",
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
        reference="he2016",
    ),
    _mathematics(
        id="S4-P2",
        place="second property in the list",
        verdict="holds",
        statement="A deep state is the first one plus all branches.",
        claimed=eq(x(L), x(0) + FROM_ZERO),
        corrected="Right. The words beside it leave x_0 out of the sum.",
        truths=(_plain(eq(x(L), x(0) + FROM_ZERO)),),
        evidence=tuple(_unit(f"{depth} units", eq(x(L), x(0) + FROM_ZERO), depths=(depth,)) for depth in (1, 2)),
        reference="he2016",
        rests_on=("unrolled-forward",),
    ),
    _mathematics(
        id="S4-E5",
        place="last formula, first equals sign",
        verdict="holds",
        statement="The gradient at x_l is the gradient at x_L times the derivative of x_L with respect to x_l.",
        claimed=eq(g(l), g(L) * AsPrinted(x(L), x(l))),
        corrected="With gradients as rows. With columns the derivative is transposed and stands in front.",
        truths=(
            Truth(partial(spaces.chain_bank, "matrix", "relu"), eq(g(l), g(L) * Total(x(L), x(l)))),
            Truth(
                partial(spaces.chain_bank, "matrix", "relu"),
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
        rests_on=("backward-row", "backward-product"),
    ),
    _mathematics(
        id="S4-E6",
        place="last formula, second equals sign",
        verdict="ambiguous",
        statement="That is the gradient at x_L times 1 plus the derivative of the sum of all branches from unit 0.",
        claimed=eq(g(l), g(L) * (ONE + AsPrinted(FROM_ZERO, x(l)))),
        corrected="The sum starts at l, and 1 is I. Starting at 0 does no harm if the branches before unit"
        " l count as constants; if x_l is written out as x_0 plus those branches, the identity "
        "is counted twice.",
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
        reference="he2016",
    ),
    _mathematics(
        id="S4-T1",
        place="first part in the list after the last formula",
        verdict="conditions",
        statement="One part is the upstream gradient itself; it meets no weights and guarantees that "
        "something arrives.",
        claimed=eq(g(l), g(L) + g(L) * AsPrinted(FROM_L, x(l))),
        ours=True,
        corrected="True of this part where h and f are the identity, as the note says further down. It is one summand, "
        "and no lower bound on the sum: the other part can cancel it.",
        truths=(_plain(equation="unrolled-two-terms"), _general("unrolled-general-terms")),
        evidence=(
            _unit("h and f the identity", DIRECT),
            _unit("a ReLU after the addition", DIRECT, False, after="relu"),
            _unit("a scaled shortcut", DIRECT, False, shortcut="scalar"),
            _unit(
                "h and f the identity, the whole gradient",
                Ne(g(l), 0, evaluate=False),
                False,
                text="The direct part is there, and nothing comes back.",
            ),
        ),
        reference="he2016",
        rests_on=("unrolled-cancel",),
    ),
    _mathematics(
        id="S4-T2",
        place="second part in the list after the last formula",
        verdict="holds",
        statement="The other part goes through the layers with weights.",
        claimed=eq(AsPrinted(FROM_L, x(l)), MIXED.rhs),
        ours=True,
        corrected="It is the sum of all 2^(L - l) - 1 other paths, and each of them meets a branch. Most take shortcuts "
        "too, and only one takes every branch.",
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
        reference="he2016",
        rests_on=("unrolled-count",),
    ),
    _mathematics(
        id="S4-T3",
        place="paragraph that starts with “Note that”",
        verdict="wrong",
        statement="The gradient is not likely to vanish, because the derivative of the sum is not likely to be -1 all "
        "the time.",
        claimed=Ne(at_least.g * (1 + unrolled_sum.M), 0, evaluate=False),
        ours=True,
        corrected="It does not follow. A term near -1 is enough: with F = -x/2 it is 2^(-n) - 1 and the gradient 2^(-n). "
        "For vectors, one left eigenvector with g M = -g is enough. The paper speaks of all samples "
        "of a mini-batch. And nothing is said about the gradients of weights.",
        truths=(
            Truth(cancelling_bank, equation="unrolled-cancel", where=cancels),
            Truth(spaces.equal_bank, equation="unrolled-scalar-term"),
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
        reference="he2016",
        rests_on=("backward-own-block",),
    ),
    _mathematics(
        id="S4-T4",
        place="last paragraph, first sentence",
        verdict="conditions",
        statement="Between any two units there is a direct way, for states and for gradients.",
        claimed=together(((x(L), x(l) + FROM_L), (g(l), g(L) * (ONE + AsPrinted(FROM_L, x(l)))))),
        ours=True,
        corrected="True where h and f are the identity, as the next sentence of the note says.",
        truths=(
            _plain(equation="unrolled-forward"),
            _plain(equation="unrolled-two-terms"),
            _general("unrolled-general-terms"),
        ),
        evidence=(
            _unit("forward, h and f the identity", FORWARD_DIRECT, depths=(2,)),
            _unit("backward, h and f the identity", DIRECT, depths=(2,)),
            _unit("forward, a ReLU after the addition", FORWARD_DIRECT, False, after="relu"),
            _unit("backward, a scaled shortcut", DIRECT, False, shortcut="scalar"),
        ),
        reference="he2016",
    ),
    _mathematics(
        id="S4-T5",
        place="last paragraph, list",
        verdict="ambiguous",
        statement="Two conditions are needed: h is the identity, and f, here a ReLU, is the identity.",
        claimed=eq(g(l), g(L) + g(L) * AsPrinted(FROM_L, x(l))),
        ours=True,
        corrected="ReLU is not the identity; it acts as one where every sum is at least 0. The unrolled "
        "sum and a direct term of exactly g need both conditions, the form with the product of "
        "lambdas needs f alone, and the product of D_i (H_i + J_i) needs neither.",
        truths=(
            _plain(equation="unrolled-two-terms"),
            Truth(
                partial(spaces.chain_bank, "scalar"),
                equation="scaling-two-terms",
                where=_nothing_after,
            ),
            _general("backward-product"),
            Truth(_open_bank, DIRECT, where=_open & identity_shortcuts),
        ),
        evidence=(
            _unit("f is the identity", DIRECT, depths=(2,)),
            _unit("f is a ReLU, every sum positive", DIRECT, True, _open, depths=(2,), after="relu"),
            _unit("f is a ReLU", DIRECT, False, _shut, after="relu"),
        ),
        reference="he2016",
    ),
)
