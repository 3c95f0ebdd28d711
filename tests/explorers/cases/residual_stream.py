"""The residual stream: lenses on a small transformer."""

from functools import cache

import numpy as np

from resnotes.explorers import ResidualStream, residual_stream
from resnotes.paths import jacobian_by_length
from resnotes.transformer import draw, mean_by_length, stored

from .case import Case

MODEL = stored()
SEQUENCES = tuple(residual_stream.STORED["of"])


@cache
def means(layer):
    """The mean of the transformer's Jacobian by length over the sequences that the page names."""
    tokens, _ = draw(np.random.default_rng(5), residual_stream.AVERAGED)
    return mean_by_length(MODEL, tokens, layer)


def parts(kind, sequence, layer, longest):
    """The Jacobian of the paths through at most `longest` branches, and the trace."""
    trace = MODEL.forward(residual_stream.tokens_of(sequence))
    by_length = means(layer) if kind == "mean" else jacobian_by_length(MODEL.network, trace, layer)
    return by_length[: longest + 1].sum(axis=0), trace


def probabilities(logits):
    sizes = np.exp(logits - logits.max())
    return sizes / sizes.sum()


def faults(state, found):
    """Lens, model and gradients from the transformer itself, to the five digits that the page carries."""
    jacobian, trace = parts(state["kind"], state["sequence"], state["layer"], state["longest"])
    seen = MODEL.read(MODEL.last(jacobian @ trace.states[state["layer"]]))
    logits = MODEL.read(MODEL.last(trace.states[-1]))
    answer = int(logits.argmax())
    towards = MODEL.unembedding[answer] - MODEL.unembedding.mean(axis=0)
    row = np.zeros(len(jacobian))
    row[-MODEL.d :] = MODEL.norm.backward(MODEL.last(trace.states[-1]), towards)[0]
    wanted = {
        "seen": probabilities(seen),
        "model": probabilities(logits),
        "heard": np.linalg.norm((row @ jacobian).reshape(MODEL.positions, -1), axis=1),
        "answer": answer,
        "named": int(seen.argmax()),
    }
    return [
        f"{name} in {state}: got {found[name]}, wanted {value}"
        for name, value in wanted.items()
        if not np.allclose(found[name], value, rtol=2e-3, atol=2e-4)
    ]


CASE = Case(
    explorer=ResidualStream,
    chapter="15_residual_stream",
    grid=[
        {"layer": layer, "longest": longest, "kind": kind, "sequence": sequence}
        for sequence in SEQUENCES
        for kind in residual_stream.KINDS
        for layer in range(5)
        for longest in range(5 - layer)
    ],
    faults=faults,
    extremes=[
        ({}, "State 3 (after the second attention), read through no branch: the logit lens, names"),
        ({"longest": 1}, "of the mean over many sequences, which are all there are, names"),
        ({"longest": 1, "kind": "own"}, "of this input’s own Jacobian, which are all there are, names"),
        ({"layer": 4}, "State 4 (the last state), read through no branch"),
        ({"layer": 0, "longest": 4}, "at most 4 branches of the mean over many sequences, which are all there are"),
    ],
    refused=[
        ({"layer": 5}, "layer"),
        ({"layer": 2, "longest": 3}, "longest"),
        ({"longest": -1}, "longest"),
        ({"kind": "median"}, "kind"),
        ({"sequence": "abcdefgh"}, "sequence"),
    ],
    largest={"layer": 0, "longest": 4, "kind": "own", "sequence": SEQUENCES[0]},
    wrong=("entry * entry, 0) / x.length", "entry * entry, 0) / (1.02 * x.length)"),
    own=lambda: ResidualStream(of=["hgfedcbf"], longest=1),
)
