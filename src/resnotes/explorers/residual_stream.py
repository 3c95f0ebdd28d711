"""The residual stream: what a lens reads off a layer of a small transformer, by how many branches its paths go through.

What is computed, said and drawn of it stands in residual_stream.js; here are the traits, their checks, and the numbers
that travel with the page, which `tools/stream_data.py` computes from the stored transformer.
"""

import json
from functools import cache

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers._base import FILES, Checked, Explorer, bundle, one_of, refusing, style, whole_between
from resnotes.paths import jacobian_by_length
from resnotes.transformer import LETTERS, draw, lens_by_length, mean_by_length, stored

KINDS = ("mean", "own")
#: So many sequences the means are taken over, and so many others the lenses are tried on.
AVERAGED, TRIED = 100, 400
#: Parts of the transformer: state l stands after l of them.
DEPTH = 4


@cache
def _means():
    """The transformer, and for every state the mean of the parts of its Jacobian by length."""
    model = stored()
    tokens, _ = draw(np.random.default_rng(5), AVERAGED)
    return model, [mean_by_length(model, tokens, start) for start in range(DEPTH + 1)]


def _short(values):
    """Numbers as they travel: five significant digits."""
    return json.loads(json.dumps(np.asarray(values).tolist()), parse_float=lambda text: float(f"{float(text):.5g}"))


def tokens_of(sequence: str) -> np.ndarray:
    """The tokens of eight letters."""
    wanted = f"eight letters from {LETTERS[0]} to {LETTERS[-1]}: seven different ones, then one of the first six again"
    good = isinstance(sequence, str) and len(sequence) == 8 and set(sequence) <= set(LETTERS)
    if not good or len(set(sequence[:7])) < 7 or sequence[7] not in sequence[:6]:
        _validate.refuse("sequence", _validate.describe(sequence), wanted)
    return np.array([LETTERS.index(letter) for letter in sequence])


def _of_one(sequence):
    """By kind: what the lens of every state and length adds at the last position, and how far the answer's logit listens."""
    model, means = _means()
    tokens = tokens_of(sequence)
    answer = int(tokens[list(tokens[:6]).index(tokens[7]) + 1])
    trace = model.forward(tokens)
    towards = model.unembedding[answer] - model.unembedding.mean(axis=0)
    row = model.norm.backward(model.last(trace.states[-1]), towards)[0]
    found = {"answer": answer}
    for kind in KINDS:
        lens, heard = [], []
        for start in range(DEPTH + 1):
            parts = means[start] if kind == "mean" else jacobian_by_length(model.network, trace, start)
            lens.append(_short(lens_by_length(model, trace, start, parts)))
            rows = np.cumsum(row @ parts[:, -model.d :], axis=0).reshape(len(parts), model.positions, model.d)
            heard.append(_short(np.linalg.norm(rows, axis=-1)))
        found[kind] = {"lens": lens, "heard": heard}
    return found


def right() -> dict:
    """The share of other sequences on which each lens names the answer: by kind, state and largest length."""
    model, means = _means()
    tokens, answers = draw(np.random.default_rng(6), TRIED)
    trace = model.forward(tokens)
    shares = {}
    for kind in KINDS:
        shares[kind] = []
        for start in range(DEPTH + 1):
            states = np.cumsum(lens_by_length(model, trace, start, means[start] if kind == "mean" else None), axis=0)
            shares[kind].append((model.read(states).argmax(axis=-1) == answers).mean(axis=-1).tolist())
    return shares


def terms(sequences) -> dict:
    """All that the page needs of some sequences."""
    model, _ = _means()
    return {
        "unembedding": _short(model.unembedding),
        "right": STORED["right"] if STORED else right(),
        "of": {sequence: _of_one(sequence) for sequence in sequences},
    }


_FILE = FILES.joinpath("residual_stream.json")
#: What `tools/stream_data.py` wrote.
STORED = json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.is_file() else {}


def _text(value, name):
    if not isinstance(value, str):
        _validate.refuse(name, _validate.describe(value), "a sequence")
    return value


def _terms(value, name):
    if not isinstance(value, dict) or set(value) != {"unembedding", "right", "of"} or not value["of"]:
        _validate.refuse(name, _validate.describe(value), "what terms(sequences) returns")
    return value


class ResidualStream(Explorer):
    """Explorer: a transformer of two blocks that has learned which letter came after this one, and lenses on its states.

    State l is read as if it were the last one, after the paths through at most some number of branches have acted on
    it: none for the logit lens, any for the Jacobian lens. Every trait can be set, observed and linked.

    Parameters
    ----------
    layer : int, from 0 to 4
        l; 3 by default, after the second attention.
    longest : int, from 0 to 4 - l
        How many branches a path may go through; 0 by default.
    kind : str
        Whose Jacobian: "mean" over many sequences (the default), or this input's "own".
    sequence : str
        Which of the carried sequences.
    of : list of str, optional
        Your own sequences instead of the carried ones, each of eight letters from a to h: seven different ones, then
        one of the first six again.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import ResidualStream
    >>> ResidualStream(longest=1)
    ResidualStream(layer=3, longest=1, kind='mean', sequence='bdfcaheh')
    """

    name = "residual_stream"
    state_names = ("layer", "longest", "kind", "sequence")
    carried = ("terms",)
    _esm = bundle("residual_stream")
    _css = style("residual_stream")

    layer = Checked(whole_between(0, DEPTH), 3)
    longest = Checked(whole_between(0, DEPTH), 0)
    kind = Checked(one_of(KINDS), "mean")
    sequence = Checked(_text, next(iter(STORED["of"]), "") if STORED else "")
    terms = Checked(_terms, STORED)

    def __init__(self, of=None, **state):
        if of is not None:
            if not isinstance(of, (list, tuple)) or not of:
                _validate.refuse("of", _validate.describe(of), "a list of sequences")
            state = {"sequence": of[0], "terms": terms(of), **state}
        super().__init__(**state)

    @traitlets.validate("layer", "longest", "sequence", "terms")
    def _together(self, proposal):
        state = {name: getattr(self, name) for name in (*self.state_names, *self.carried)}
        state[proposal.trait.name] = proposal.value
        with refusing():
            known = state["terms"]["of"]
            if state["sequence"] not in known:
                _validate.refuse("sequence", repr(state["sequence"]), f"one of {', '.join(known)}")
            above = DEPTH - state["layer"]
            if state["longest"] > above:
                wanted = f"a whole number from 0 to {above}, the branches above state {state['layer']}"
                _validate.refuse("longest", state["longest"], wanted)
        return proposal.value
