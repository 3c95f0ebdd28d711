"""Note 003: the question about the merge point, and its answer."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import numpy as np
from sympy import Ne

from resnotes.book.registry import chain, eq, together
from resnotes.claims import spaces
from resnotes.claims.claim import Claim, Condition, Example, Judged, Quoted, Shown, Truth, anywhere, condition
from resnotes.claims.expressions import AsPrinted
from resnotes.claims.lambdas import _from_the_start
from resnotes.claims.residuals import nonzero
from resnotes.claims.worlds import inverse
from resnotes.symbolic import merge_point
from resnotes.symbolic.algebra import Factor, Partial, l
from resnotes.symbolic.symbols import D, F, W, g, loss_gradient, x

CHAPTER = "03_merge_point"

_claim = partial(Claim, note="003", chapter=CHAPTER)
_asked = partial(_claim, kind="question", verdict="question")
_mathematics = partial(_claim, kind="mathematics")

u, o, y, J, Ws, P = merge_point.u, merge_point.o, merge_point.y, merge_point.J, merge_point.Ws, merge_point.P
W_q, x_q, g_q = merge_point.W, merge_point.x, merge_point.g
F_x = merge_point.F(x_q)
Winv = Factor("Winv")
STOPPED = Factor("gstop", u)
#: What a connection sends back: the gradient with its way back, less the one without.
UNIT_SHARE = g(l) - Factor("gstop", l)
DISTANT_SHARE = loss_gradient(merge_point.z(0)) - Factor("gstop", merge_point.z(0))
INPUT_GRADIENT = eq(loss_gradient(u), g_q + g_q * W(2) * Factor("D") * W(1))


def _merged(source, expression=None, equation="", where=anywhere):
    of_source = {"u": _same, "apart": _apart, "projected": _projected}[source]
    return Truth(
        partial(spaces.asked_bank, source),
        expression,
        equation,
        of_source & where,
    )


@condition("o is u")
def _same(world) -> bool:
    return world.same


@condition("o is not u")
def _apart(world) -> bool:
    return not world.same and Ws not in world.data


@condition("the shortcut is projected")
def _projected(world) -> bool:
    return Ws in world.data


@condition("the ReLU is open")
def _open(world) -> bool:
    return bool(world.value_J().any())


@condition("W has an inverse")
def _invertible(world) -> bool:
    try:
        inverse(world.q["W"])
    except KeyError:
        return False
    return world.same


@condition("W has no inverse")
def _singular(world) -> bool:
    return world.same and not _invertible(world)


@condition("W is not its own inverse")
def _not_its_own_inverse(world) -> bool:
    return _invertible(world) and (inverse(world.q["W"]) != world.q["W"]).any()


@condition("W_s is zero-padding")
def _pads(world) -> bool:
    return _projected(world) and (world.q["Ws"] == world.value_P()).all()


@condition("W_s is zero-padding, and no entry of o and g is 0")
def _padding_alone(world) -> bool:
    """Zero-padding, and nothing else is 0."""
    return _pads(world) and all(world.q["o"]) and all(world.q["g"])


@condition("no weight's gradient is 0")
def _both_move(world) -> bool:
    return all(v.any() for v in world.parameter_gradients())


def _input_gradient(claimed):
    return lambda world: (claimed, world.value_partial(None))


@condition("every ReLU is open")
def _all_open(world) -> bool:
    return all(world.value_J(k).any() for k in range(len(world.weights)))


def _along(world):
    """The derivative of o along x, the last layer's weighted input: with o one layer back, and two."""
    upper, lower = world.weights[1][0, 0], world.value_J(0)[0, 0]
    return Fraction(1) / upper, Fraction(1) / (upper * lower)


@condition("the two derivatives differ")
def _along_differs(world) -> bool:
    claimed, true = _along(world)
    return claimed != true


def _without_inverse(world):
    return "no value", world.evaluate(loss_gradient(u))


def _widths(world):
    """Whether F(x) and o can be added as they are."""
    of_branch, of_skip = world.n, len(world.q["o"])
    return "a vector", "a vector" if of_branch == of_skip else f"widths {of_branch} and {of_skip}: no sum"


def _strided():
    """Zero-padding with stride 2: four pixels, of which the first and third are kept."""
    H = np.array([[1, 0, 0, 0], [0, 0, 1, 0]], dtype=object)
    return (1, 2), tuple(np.array([1, 2], dtype=object) @ H)


def _wide():
    return spaces.asked(((1, 2),), "projected")


AT_INPUT = ("dE/du", r"\frac{\partial \mathcal{E}}{\partial u}")


def _unit(name, says, outcome, text="", where=anywhere, **options):
    return Example(name, says, spaces.chain(nonzero=True, **options), outcome, where, text)


@condition("the ReLU is shut")
def _shut(world) -> bool:
    return not world.value_D(0).all()


CLAIMS = (
    _claim(
        id="S3-Q1",
        kind="definition",
        place="question, second paragraph",
        verdict="holds",
        statement="A merge point computes F(x) + o, with an activation F, a weighted output x, and a "
        "second output o from further back.",
        claimed=together(merge_point.definition),
        corrected="A definition, with x = W u. The skip joins after the activation here, before it in He "
        "et al. (2015).",
        truths=(_merged("apart", equation="merge-question"),),
        evidence=(
            Example(
                "o from elsewhere", eq(*merge_point.definition[1]), spaces.asked(source="apart", nonzero=True), True
            ),
            Example("o is u", eq(y, F_x + u), spaces.asked(nonzero=True), True),
        ),
    ),
    _mathematics(
        id="S3-Q2",
        place="question, second paragraph",
        verdict="holds",
        statement="For an ordinary layer, the backward step multiplies by the slope of F.",
        claimed=eq(loss_gradient(x_q), g_q * AsPrinted(F_x, x_q)),
        ours=True,
        corrected="The error at x is g times that derivative, entry by entry where F acts entrywise.",
        truths=(
            _merged("apart", equation="merge-copies"),
            _merged("apart", eq(loss_gradient(x_q), g_q * Partial(F_x, x_q))),
        ),
        evidence=tuple(
            Example(
                name,
                eq(loss_gradient(x_q), g_q * Partial(F_x, x_q)),
                spaces.asked(source="apart", nonzero=True),
                True,
                where,
            )
            for name, where in (
                ("ReLU open", _open),
                ("ReLU shut", Condition(("the ReLU is shut",), lambda world: not _open(world))),
            )
        ),
    ),
    _mathematics(
        id="S3-Q3",
        place="question, equation (1)",
        verdict="ambiguous",
        statement="At a merge point it multiplies by the slope of the whole sum along x, which splits into"
        " that of F and that of o.",
        claimed=chain(AsPrinted(F_x + o, x_q), AsPrinted(F_x, x_q) + AsPrinted(o, x_q)),
        corrected="Derivatives do add; what the derivative of o along x is, is left open. With o held fixed it is 0: "
        "the sum has two inputs, and each gets its own derivative, F' at x and I at o. With o moving along with x = W o "
        "it is the inverse of W. Then F' plus it, times W, is the right F' W + I, but W has to be square and "
        "invertible, and the gradient exists without that.",
        truths=(
            _merged("apart", equation="merge-local"),
            _merged("u", equation="merge-inverse", where=_invertible),
        ),
        evidence=(
            Example(
                "o held fixed",
                eq(Partial(y, x_q), Partial(F_x, x_q) + Partial(o, x_q)),
                spaces.asked(source="apart", nonzero=True),
                True,
                text="Derivatives add, and that of o is 0.",
            ),
            Example(
                "o moving along with x, times W, at u",
                eq(loss_gradient(u), g_q * (J + Winv) * W_q),
                spaces.asked(nonzero=True),
                True,
                _not_its_own_inverse,
                "Right where W has an inverse.",
            ),
            Judged(
                "o moving along with x, W without inverse",
                AT_INPUT,
                _without_inverse,
                spaces.asked((2,), nonzero=True, top=1),
                False,
                _singular,
                "The gradient exists all the same.",
            ),
        ),
    ),
    _mathematics(
        id="S3-Q4",
        place="question, third paragraph",
        verdict="ambiguous",
        statement="What to do with the derivative of o along x depends on how far back o comes from.",
        corrected="If o moves along with x, its derivative depends on the layers between. With o held fixed it is 0 at "
        "any distance. And what the backward pass needs does not depend on the distance: the connection adds g to the "
        "gradient at o.",
        truths=(
            Truth(spaces.distance_bank, equation="merge-distance"),
            Truth(spaces.distance_bank, eq(DISTANT_SHARE, g_q)),
        ),
        evidence=(
            Judged(
                "o moving along with x, o one layer further back",
                ("do/dx", r"\frac{do}{dx}"),
                _along,
                spaces.distance((2,), nonzero=True),
                True,
                _all_open & _along_differs,
                "Another distance, another derivative.",
                relation=Ne,
            ),
            *(
                Example(
                    f"what the connection adds, {steps} layer{'s' if steps > 1 else ''} back",
                    Ne(DISTANT_SHARE, g_q, evaluate=False),
                    spaces.distance((steps,), nonzero=True),
                    text="It is g.",
                )
                for steps in (1, 2, 3)
            ),
        ),
    ),
    _mathematics(
        id="S3-Q5",
        place="question, fourth paragraph",
        verdict="wrong",
        statement="With a skip from the network's input, the derivation has nothing to work with.",
        corrected="Nothing breaks down, because nothing has to be written as o w = x. The gradient at the "
        "input is g plus what comes through the layers.",
        truths=(Truth(spaces.input_skip_bank, INPUT_GRADIENT),),
        evidence=(
            Judged(
                "a skip from the input, W_1 not square",
                AT_INPUT,
                _input_gradient("no value"),
                spaces.input_skip(((1, 2),), nonzero=True),
                text="No inverse is needed, and there is none.",
            ),
        ),
    ),
    _mathematics(
        id="S3-Q6",
        place="question, fourth paragraph",
        verdict="wrong",
        statement="So a skip may perhaps not begin at the input.",
        corrected="It may. The gradient at the input is simply not needed, because no parameter lies "
        "before it; the parameters' gradients exist and do not use it.",
        truths=(Truth(spaces.input_skip_bank, INPUT_GRADIENT),),
        evidence=(
            Judged(
                "gradients of W_1 and W_2 in a network with a skip from the input",
                (
                    "dE/dW_1, dE/dW_2",
                    r"\frac{\partial \mathcal{E}}{\partial W_1}, \frac{\partial \mathcal{E}}{\partial W_2}",
                ),
                lambda world: ("no such network", tuple(np.ravel(v)[0] for v in world.parameter_gradients())),
                spaces.input_skip(nonzero=True),
                False,
                _both_move,
                "It trains like any other.",
            ),
        ),
    ),
    _asked(
        id="S3-Q7",
        place="question, edit, first paragraph",
        statement="Does backpropagation need a rule of its own at a merge point?",
        corrected="No rule beyond the usual ones: an addition copies the error to both inputs, and where "
        "an output is used twice, the two errors are added.",
        truths=(_merged("u", equation="merge-fan-out"), _merged("apart", equation="merge-copies")),
        evidence=(
            Example(
                "copies at the addition",
                eq(loss_gradient(o), g_q),
                spaces.asked(source="apart", nonzero=True),
                True,
            ),
            Example(
                "sum at the source",
                eq(loss_gradient(u), g_q * (1 + J * W_q)),
                spaces.asked(nonzero=True),
                True,
                _open,
            ),
        ),
    ),
    _asked(
        id="S3-Q8",
        place="question, edit, first paragraph",
        statement="Has the skip to carry error back as well?",
        corrected="Yes, unchanged; through the mask where a ReLU follows the addition, and times W_s where"
        " the connection is projected.",
        truths=(
            _merged("apart", equation="merge-copies"),
            _merged("projected", equation="merge-projected-gradient"),
            Truth(partial(spaces.chain_bank, "matrix", "relu"), equation="backward-stop"),
        ),
        evidence=(
            Example("plain", eq(loss_gradient(o), g_q), spaces.asked(source="apart", nonzero=True), True),
            _unit("a ReLU after the addition", eq(UNIT_SHARE, g(l + 1) * D(l)), True, where=_shut, after="relu"),
            Example("projected", eq(loss_gradient(o), g_q * Ws), _wide(), True, nonzero),
        ),
    ),
    _mathematics(
        id="S3-Q9",
        place="question, edit, first paragraph",
        verdict="conditions",
        statement="A skip that brings raw values forward should bring raw error back.",
        claimed=eq(UNIT_SHARE, g(l + 1)),
        ours=True,
        corrected="True where the shortcut is the identity and nothing follows the addition. Otherwise "
        "the error arrives times D H.",
        truths=(Truth(partial(spaces.chain_bank, "matrix", "relu"), equation="backward-stop"),),
        evidence=(
            _unit("identity shortcut, nothing after the addition", eq(UNIT_SHARE, g(l + 1)), True),
            _unit("a scaled shortcut", eq(UNIT_SHARE, g(l + 1)), False, shortcut="scalar"),
            _unit("a ReLU after the addition", eq(UNIT_SHARE, g(l + 1)), False, after="relu"),
        ),
    ),
    _mathematics(
        id="S3-Q10",
        place="question, edit, second paragraph",
        verdict="wrong",
        statement="For the backward pass, o may be held constant.",
        claimed=eq(AsPrinted(o, x_q), 0),
        corrected="The question here is whether error goes back over the skip, and it does. The formula alone is right as "
        "the local derivative at x, with o held fixed; as a rule for the whole backward pass it stops the gradient, and "
        "o loses g.",
        truths=(_merged("u", equation="merge-constant"),),
        evidence=(
            Example(
                "the local derivative",
                eq(Partial(o, x_q), 0),
                spaces.asked(source="apart", nonzero=True),
                True,
            ),
            Example(
                "the whole backward pass",
                eq(loss_gradient(u), STOPPED),
                spaces.asked(nonzero=True),
                False,
                text="The copy that o should get is lost.",
            ),
        ),
    ),
    _asked(
        id="S3-Q11",
        place="question, edit, last sentence",
        statement="Does a skip take part going forward, and not going back?",
        corrected="No. Nothing but an explicit stop of the gradient closes the way back.",
        truths=(Truth(partial(spaces.chain_bank, "matrix", "relu"), equation="backward-stop"),),
        evidence=(
            _unit(
                "one unit, with and without the way back over the skip",
                Ne(g(l), Factor("gstop", l), evaluate=False),
                True,
                "Without the way back, g_1 is missing.",
            ),
        ),
    ),
    _claim(
        id="S3-A1",
        kind="wording",
        place="answer, second paragraph",
        verdict="holds",
        statement="The paper defines its identity shortcut by y = F(x, W) + x, and does so in section 3.2.",
        claimed=eq(x(l + 1), x(l) + F(l)(x(l))),
        corrected="So it does: He et al. (2015), section 3.2, equation (1).",
        truths=(Truth(spaces.chain_bank, eq(x(l + 1), x(l) + F(l)(x(l))), where=_from_the_start),),
        evidence=(
            Quoted("the paper", "Eqn. (1)", "section 3.2", "section 3.2", True, "he2015"),
            _unit("one unit", eq(x(l + 1), x(l) + F(l)(x(l))), True),
        ),
        reference="he2015",
    ),
    _claim(
        id="S3-A2",
        kind="wording",
        place="answer, second paragraph, last sentence",
        verdict="ambiguous",
        statement="Adding the value unchanged has two consequences.",
        corrected="The list that should follow is missing in the note, as are two points of the question. "
        "One of those is the idea of an inverse matrix, to which the answer replies. What the "
        "two consequences were is open.",
        evidence=(
            Quoted(
                "the list after the colon",
                "This makes two things:",
                "two list items",
                "none",
                False,
                "note003",
            ),
            Quoted(
                "the next paragraph, read as one of them",
                "The backward flow",
                "a consequence",
                "a consequence",
                True,
                "note003",
            ),
        ),
        reference="note003",
    ),
    _mathematics(
        id="S3-A3",
        place="answer, third paragraph",
        verdict="conditions",
        statement="Going back over an identity leaves the error as it is; inverses of matrices do not come"
        " in, here or elsewhere.",
        claimed=eq(UNIT_SHARE, g(l + 1)),
        ours=True,
        corrected="True where nothing follows the addition; a ReLU there masks the error. No inverse, indeed: back "
        "through W x goes g W, which for columns is the transpose.",
        truths=(
            Truth(partial(spaces.chain_bank, "matrix", "relu"), equation="backward-stop"),
            _merged("apart", equation="merge-local"),
        ),
        evidence=(
            _unit("nothing after the addition", eq(UNIT_SHARE, g(l + 1)), True),
            _unit("a ReLU after the addition", eq(UNIT_SHARE, g(l + 1)), False, where=_shut, after="relu"),
            Example(
                "W in a linear layer",
                eq(Partial(x_q, u), W_q),
                spaces.asked(nonzero=True),
                True,
                _not_its_own_inverse,
            ),
        ),
    ),
    _claim(
        id="S3-A4",
        kind="wording",
        place="answer, last paragraph, first sentence",
        verdict="ambiguous",
        statement="To change the width, the paper is said to use a more complicated version of F, in y = F(x, W) + W_s x.",
        claimed=eq(y, F_x + Ws * o),
        corrected="The formula is right. If F stands for the whole unit there, so are the words. If it is the branch, "
        "it only sets the width: what is new is the shortcut.",
        truths=(_merged("projected", equation="merge-projected"),),
        evidence=(
            Example("the whole unit: a projected shortcut", eq(y, F_x + Ws * o), _wide(), True, nonzero),
            Judged(
                "the branch: another F and the old shortcut",
                ("F(x) + o", "F(x) + o"),
                _widths,
                _wide(),
                False,
                nonzero,
                "F may have any width: o does not fit it.",
            ),
        ),
        reference="he2015",
    ),
    _mathematics(
        id="S3-A5",
        place="answer, last paragraph, third sentence",
        verdict="wrong",
        statement="W_s pads x with zeros and does nothing else.",
        claimed=eq(Ws * o, P * o),
        ours=True,
        corrected="That is option A of the paper, the matrix P with an identity above zeros, and not its "
        "equation (2): there W_s is a learned projection, done by 1x1 convolutions (option B).",
        truths=(
            _merged("projected", equation="merge-projected"),
            _merged("projected", equation="merge-projected-gradient"),
        ),
        evidence=(
            Example(
                "a projection",
                eq(Ws * o, P * o),
                _wide(),
                False,
                nonzero,
                "Zero-padding gives (1, 0).",
            ),
            Example("option A", eq(Ws * o, P * o), _wide(), True, _padding_alone),
        ),
        reference="he2015",
    ),
    _mathematics(
        id="S3-A6",
        place="answer, last sentence",
        verdict="conditions",
        statement="Backwards, the surplus components of the error are dropped.",
        claimed=eq(loss_gradient(o), g_q * P),
        ours=True,
        corrected="True of zero-padding with stride 1. With stride 2, zeros are also filled in for the pixels that "
        "were skipped. A learned projection sends back g W_s, and has a gradient of its own.",
        truths=(
            _merged("projected", equation="merge-projected-gradient"),
            Truth(spaces.padded_bank, eq(loss_gradient(o), g_q * P), where=_pads),
        ),
        evidence=(
            Example("zero-padding", eq(loss_gradient(o), g_q * P), _wide(), True, _padding_alone),
            Example(
                "a learned projection",
                eq(loss_gradient(o), g_q * P),
                _wide(),
                False,
                nonzero,
            ),
            Shown(
                "four pixels, stride 2",
                ("g H", "g H"),
                _strided,
                False,
                (("g", "g", (1, 2)), ("H", "H", ((1, 0, 0, 0), (0, 0, 1, 0)))),
                "Zeros where pixels were skipped.",
            ),
        ),
        reference="he2015",
        rests_on=("merge-padded",),
    ),
)
