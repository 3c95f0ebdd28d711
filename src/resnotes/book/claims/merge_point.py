"""Note 003: the question about the merge point, and its answer."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import numpy as np
from sympy import Ne

from resnotes.book.claims import spaces
from resnotes.book.claims.claim import Grounds
from resnotes.book.claims.evidence import Condition, Example, Judged, Quoted, Shown, Truth, anywhere, condition
from resnotes.book.claims.expressions import AsPrinted
from resnotes.book.claims.four_layers import nonzero
from resnotes.book.claims.lambda_scaling import _from_the_start
from resnotes.book.exact import inverse
from resnotes.book.registry import chain, eq, together
from resnotes.symbolic import merge_point
from resnotes.symbolic.algebra import Factor, Partial, l
from resnotes.symbolic.symbols import D, F, W, g, loss_gradient, x

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
        partial(spaces.asked_samples, source),
        expression,
        equation,
        of_source & where,
    )


@condition("o is u")
def _same(network) -> bool:
    return network.same


@condition("o is not u")
def _apart(network) -> bool:
    return not network.same and Ws not in network.data


@condition("the shortcut is projected")
def _projected(network) -> bool:
    return Ws in network.data


@condition("the ReLU is open")
def _open(network) -> bool:
    return bool(network.known["J"]().any())


@condition("W has an inverse")
def _invertible(network) -> bool:
    try:
        inverse(network.q["W"])
    except KeyError:
        return False
    return network.same


@condition("W has no inverse")
def _singular(network) -> bool:
    return network.same and not _invertible(network)


@condition("W is not its own inverse")
def _not_its_own_inverse(network) -> bool:
    return _invertible(network) and (inverse(network.q["W"]) != network.q["W"]).any()


@condition("W_s is zero-padding")
def _pads(network) -> bool:
    return _projected(network) and (network.q["Ws"] == network.padding()).all()


@condition("W_s is zero-padding, and no entry of o and g is 0")
def _padding_alone(network) -> bool:
    """Zero-padding, and nothing else is 0."""
    return _pads(network) and all(network.q["o"]) and all(network.q["g"])


@condition("no weight's gradient is 0")
def _both_move(network) -> bool:
    return all(v.any() for v in network.parameter_gradients())


def _input_gradient(claimed):
    return lambda network: (claimed, network.value_partial(None))


@condition("every ReLU is open")
def _all_open(network) -> bool:
    return all(network.slope(k).any() for k in range(len(network.weights)))


def _along(network):
    """The derivative of o along x, the last layer's weighted input: with o one layer back, and two."""
    upper, lower = network.weights[1][0, 0], network.slope(0)[0, 0]
    return Fraction(1) / upper, Fraction(1) / (upper * lower)


@condition("the two derivatives differ")
def _along_differs(network) -> bool:
    claimed, true = _along(network)
    return claimed != true


def _without_inverse(network):
    return "no value", network.evaluate(loss_gradient(u))


def _widths(network):
    """Whether F(x) and o can be added as they are."""
    of_branch, of_skip = network.n, len(network.q["o"])
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
def _shut(network) -> bool:
    return not network.value_D(0).all()


EVIDENCE = {
    "S3-Q1": Grounds(
        claimed=together(merge_point.definition),
        truths=(_merged("apart", equation="merge-question"),),
        evidence=(
            Example(
                "o from elsewhere", eq(*merge_point.definition[1]), spaces.asked(source="apart", nonzero=True), True
            ),
            Example("o is u", eq(y, F_x + u), spaces.asked(nonzero=True), True),
        ),
    ),
    "S3-Q2": Grounds(
        claimed=eq(loss_gradient(x_q), g_q * AsPrinted(F_x, x_q)),
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
                ("ReLU shut", Condition(("the ReLU is shut",), lambda network: not _open(network))),
            )
        ),
    ),
    "S3-Q3": Grounds(
        claimed=chain(AsPrinted(F_x + o, x_q), AsPrinted(F_x, x_q) + AsPrinted(o, x_q)),
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
    "S3-Q4": Grounds(
        truths=(
            Truth(spaces.distance_samples, equation="merge-distance"),
            Truth(spaces.distance_samples, eq(DISTANT_SHARE, g_q)),
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
    "S3-Q5": Grounds(
        truths=(Truth(spaces.input_skip_samples, INPUT_GRADIENT),),
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
    "S3-Q6": Grounds(
        truths=(Truth(spaces.input_skip_samples, INPUT_GRADIENT),),
        evidence=(
            Judged(
                "gradients of W_1 and W_2 in a network with a skip from the input",
                (
                    "dE/dW_1, dE/dW_2",
                    r"\frac{\partial \mathcal{E}}{\partial W_1}, \frac{\partial \mathcal{E}}{\partial W_2}",
                ),
                lambda network: ("no such network", tuple(np.ravel(v)[0] for v in network.parameter_gradients())),
                spaces.input_skip(nonzero=True),
                False,
                _both_move,
                "It trains like any other.",
            ),
        ),
    ),
    "S3-Q7": Grounds(
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
    "S3-Q8": Grounds(
        truths=(
            _merged("apart", equation="merge-copies"),
            _merged("projected", equation="merge-projected-gradient"),
            Truth(partial(spaces.chain_samples, "matrix", True), equation="backward-stop"),
        ),
        evidence=(
            Example("plain", eq(loss_gradient(o), g_q), spaces.asked(source="apart", nonzero=True), True),
            _unit("a ReLU after the addition", eq(UNIT_SHARE, g(l + 1) * D(l)), True, where=_shut, relu_after=True),
            Example("projected", eq(loss_gradient(o), g_q * Ws), _wide(), True, nonzero),
        ),
    ),
    "S3-Q9": Grounds(
        claimed=eq(UNIT_SHARE, g(l + 1)),
        truths=(Truth(partial(spaces.chain_samples, "matrix", True), equation="backward-stop"),),
        evidence=(
            _unit("identity shortcut, nothing after the addition", eq(UNIT_SHARE, g(l + 1)), True),
            _unit("a scaled shortcut", eq(UNIT_SHARE, g(l + 1)), False, shortcut="scalar"),
            _unit("a ReLU after the addition", eq(UNIT_SHARE, g(l + 1)), False, relu_after=True),
        ),
    ),
    "S3-Q10": Grounds(
        claimed=eq(AsPrinted(o, x_q), 0),
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
    "S3-Q11": Grounds(
        truths=(Truth(partial(spaces.chain_samples, "matrix", True), equation="backward-stop"),),
        evidence=(
            _unit(
                "one unit, with and without the way back over the skip",
                Ne(g(l), Factor("gstop", l), evaluate=False),
                True,
                "Without the way back, g_1 is missing.",
            ),
        ),
    ),
    "S3-A1": Grounds(
        claimed=eq(x(l + 1), x(l) + F(l)(x(l))),
        truths=(Truth(spaces.chain_samples, eq(x(l + 1), x(l) + F(l)(x(l))), where=_from_the_start),),
        evidence=(
            Quoted("the paper", "Eqn. (1)", "section 3.2", "section 3.2", True, "he2015"),
            _unit("one unit", eq(x(l + 1), x(l) + F(l)(x(l))), True),
        ),
    ),
    "S3-A2": Grounds(
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
        )
    ),
    "S3-A3": Grounds(
        claimed=eq(UNIT_SHARE, g(l + 1)),
        truths=(
            Truth(partial(spaces.chain_samples, "matrix", True), equation="backward-stop"),
            _merged("apart", equation="merge-local"),
        ),
        evidence=(
            _unit("nothing after the addition", eq(UNIT_SHARE, g(l + 1)), True),
            _unit("a ReLU after the addition", eq(UNIT_SHARE, g(l + 1)), False, where=_shut, relu_after=True),
            Example(
                "W in a linear layer",
                eq(Partial(x_q, u), W_q),
                spaces.asked(nonzero=True),
                True,
                _not_its_own_inverse,
            ),
        ),
    ),
    "S3-A4": Grounds(
        claimed=eq(y, F_x + Ws * o),
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
    ),
    "S3-A5": Grounds(
        claimed=eq(Ws * o, P * o),
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
    ),
    "S3-A6": Grounds(
        claimed=eq(loss_gradient(o), g_q * P),
        truths=(
            _merged("projected", equation="merge-projected-gradient"),
            Truth(spaces.padded_samples, eq(loss_gradient(o), g_q * P), where=_pads),
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
    ),
}
