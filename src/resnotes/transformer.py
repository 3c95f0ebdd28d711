"""A small transformer whose states are whole sequences, and what its states say before the end: lenses.

Its branches begin with an RMSNorm, its shortcuts are the identity, and one more RMSNorm comes before the logits are
read off the last position. Since a state holds every position, it is a `Network` like any other: `Network.jacobian`
is the Jacobian from one layer to the end, and `resnotes.paths.jacobian_by_length` splits it.
"""

from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.attention import Attention, Positionwise
from resnotes.network import Affine, Network, Trace, Unit, relu
from resnotes.normalisation import RMSNorm
from resnotes.paths import jacobian_by_length

#: The names of the tokens of `stored`.
LETTERS = "abcdefgh"


class Transformer:
    """Tokens to logits at the last position.

    Parameters
    ----------
    embedding : array_like, shape (tokens, d)
        What each token puts into the stream.
    places : array_like, shape (T, d)
        What each position adds to it.
    network : Network
        From states of width T d to states of width T d.
    unembedding : array_like, shape (tokens, d)
        U: the logits are U N(x) for the last position's x.

    Attributes
    ----------
    norm : RMSNorm
        N, the last one; it has no weights, and ε is 0.

    Raises
    ------
    ValueError
        If an array is not finite or does not fit the others.
    """

    def __init__(self, embedding, places, network, unembedding):
        wanted = "a real matrix of shape (rows, d)"
        self.embedding = _validate.finite_array(embedding, "embedding", wanted, (2,))
        self.places = _validate.finite_array(places, "places", wanted, (2,))
        self.unembedding = _validate.finite_array(unembedding, "unembedding", wanted, (2,))
        self.network, self.norm = network, RMSNorm(epsilon=0)
        self.positions, self.d = self.places.shape
        for name in ("embedding", "unembedding"):
            if getattr(self, name).shape[-1] != self.d:
                _validate.refuse(name, _validate.describe(getattr(self, name)), f"rows of width {self.d}, like places")

    def start(self, tokens: ArrayLike) -> np.ndarray:
        """x_0 for tokens (..., T): embedding and place of every position, shape (..., T d)."""
        tokens = np.asarray(tokens)
        inside = tokens.dtype.kind in "iu" and tokens.size and 0 <= tokens.min() <= tokens.max() < len(self.embedding)
        if not inside or tokens.shape[-1:] != (self.positions,):
            wanted = f"whole numbers from 0 to {len(self.embedding) - 1}, {self.positions} to a sequence"
            _validate.refuse("tokens", _validate.describe(tokens), wanted)
        return (self.embedding[tokens] + self.places).reshape(*tokens.shape[:-1], -1)

    def forward(self, tokens: ArrayLike) -> Trace:
        """The network's trace for tokens, shape (..., T)."""
        return self.network.forward(self.start(tokens))

    def last(self, state: np.ndarray) -> np.ndarray:
        """The last position of a state, shape (..., d)."""
        return state[..., -self.d :]

    def read(self, at_last: np.ndarray) -> np.ndarray:
        """The logits U N(x) of what stands at the last position, shape (..., tokens)."""
        return self.norm.forward(at_last) @ self.unembedding.T

    def logits(self, tokens: ArrayLike) -> np.ndarray:
        """The logits at the last position, shape (..., tokens)."""
        return self.read(self.last(self.forward(tokens).states[-1]))


def lens_by_length(model: Transformer, trace: Trace, start: int, jacobians: np.ndarray | None = None) -> np.ndarray:
    """The last position of P_k x_l for k = 0, 1, ..., P_k the part of ∂x_L/∂x_l through exactly k branches.

    The row k = 0 is the last position of x_l itself, which the logit lens reads. All rows added up are what the
    Jacobian lens reads.

    Parameters
    ----------
    model : Transformer
    trace : Trace
        Of ``model.forward``, with or without a batch.
    start : int
        l.
    jacobians : ndarray, shape (L - l + 1, T d, T d), optional
        The P_k to be used for every sample, such as their means; by default each sample's own.

    Returns
    -------
    ndarray, shape (L - l + 1, ..., d)
    """
    if jacobians is None:
        jacobians = np.moveaxis(jacobian_by_length(model.network, trace, start), -3, 0)
    return np.einsum("k...ij,...j->k...i", jacobians[..., -model.d :, :], trace.states[start])


def mean_by_length(model: Transformer, tokens: ArrayLike, start: int) -> np.ndarray:
    """The mean of the P_k from state `start` on over a batch of tokens, shape (L - l + 1, T d, T d)."""
    parts = jacobian_by_length(model.network, model.forward(tokens), start)
    return parts.reshape(-1, *parts.shape[-3:]).mean(axis=0)


def draw(rng: "np.random.Generator", count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of the task that `stored` has learned, and their answers, shapes (count, 8) and (count,).

    Seven of eight letters in random order, then one of the first six once more. The answer is the letter that came
    after it the first time.
    """
    first = rng.permuted(np.tile(np.arange(len(LETTERS)), (count, 1)), axis=1)[:, :-1]
    rows, asked = np.arange(count), rng.integers(0, first.shape[1] - 1, size=count)
    return np.column_stack([first, first[rows, asked]]), first[rows, asked + 1]


def assemble(arrays: dict, heads: int = 2) -> Transformer:
    """The transformer of named arrays: embedding, places, unembedding, and for each block 0, 1, ... those of `block`."""
    positions = len(arrays["places"])
    units, number = [], 0
    while f"query{number}" in arrays:
        units += block({name: arrays[f"{name}{number}"] for name in BLOCK}, positions, heads)
        number += 1
    return Transformer(arrays["embedding"], arrays["places"], Network(units), arrays["unembedding"])


#: The arrays of one block: attention, then two layers at every position with a ReLU between.
BLOCK = (*Attention.parameters, "up", "up_bias", "down", "down_bias")


def block(arrays: dict, positions: int, heads: int) -> list[Unit]:
    """A transformer block as two units, each branch after an RMSNorm: attention, then layers at every position."""
    attend = Attention(*(arrays[name] for name in Attention.parameters), positions, heads)
    up = Affine(arrays["up"], arrays["up_bias"])
    down = Affine(arrays["down"], arrays["down_bias"])
    norm = Positionwise(RMSNorm(epsilon=0), positions)
    return [
        Unit([norm, attend]),
        Unit([norm, Positionwise(up, positions), relu, Positionwise(down, positions)]),
    ]


def stored() -> Transformer:
    """The transformer that the book trained: two blocks, d = 16, two heads (``python -m resnotes.training.induction``)."""
    with files("resnotes").joinpath("induction.npz").open("rb") as file, np.load(file) as arrays:
        return assemble({name: arrays[name].astype(np.float64) for name in arrays.files})
