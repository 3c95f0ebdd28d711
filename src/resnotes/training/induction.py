"""``python -m resnotes.training.induction``: train the transformer of chapter 15 and store its weights.

It uses the backward passes of `resnotes.network` and `resnotes.attention`, and Adam (Kingma and Ba 2015,
arXiv:1412.6980). It needs NumPy alone and takes well under a minute.
"""

import sys
from pathlib import Path

import numpy as np

from resnotes.attention import Attention
from resnotes.losses import softmax_cross_entropy
from resnotes.transformer import LETTERS, Transformer, assemble, draw

WIDTH, HIDDEN, BLOCKS, POSITIONS = 16, 32, 2, 8
STEPS, BATCH, RATE, SEED = 1000, 128, 3e-3, 0


def initial(rng: np.random.Generator) -> dict:
    """Random arrays for `resnotes.transformer.assemble`."""

    def matrix(rows, columns):
        return rng.normal(size=(rows, columns)) / np.sqrt(columns)

    arrays = {
        "embedding": rng.normal(size=(len(LETTERS), WIDTH)),
        "places": rng.normal(size=(POSITIONS, WIDTH)),
        "unembedding": matrix(len(LETTERS), WIDTH),
    }
    for number in range(BLOCKS):
        arrays |= {f"{name}{number}": matrix(WIDTH, WIDTH) for name in Attention.parameters}
        arrays |= {f"up{number}": matrix(HIDDEN, WIDTH), f"up_bias{number}": np.zeros(HIDDEN)}
        arrays |= {f"down{number}": matrix(WIDTH, HIDDEN), f"down_bias{number}": np.zeros(WIDTH)}
    return arrays


def gradients(model: Transformer, tokens: np.ndarray, answers: np.ndarray) -> tuple[float, dict]:
    """The mean loss over a batch, and the gradients of all arrays by name."""
    trace = model.forward(tokens)
    at_last = model.last(trace.states[-1])
    z = model.norm.forward(at_last)
    losses, g = softmax_cross_entropy(z @ model.unembedding.T, answers)
    g /= len(tokens)
    above = np.zeros_like(trace.states[-1])
    above[:, -model.d :] = model.norm.backward(at_last, g @ model.unembedding)[0]
    sent = model.network.backward(trace, above)
    at_start = sent.states[0].reshape(*tokens.shape, model.d)
    found = {"unembedding": g.T @ z, "places": at_start.sum(axis=0), "embedding": np.zeros_like(model.embedding)}
    np.add.at(found["embedding"], tokens, at_start)
    for number in range(len(model.network) // 2):
        attend, layers = sent.units[2 * number].branch, sent.units[2 * number + 1].branch
        named = dict(zip(Attention.parameters, attend[1].parameter, strict=True))
        named |= dict(zip(("up", "up_bias"), layers[1].parameter, strict=True))
        named |= dict(zip(("down", "down_bias"), layers[3].parameter, strict=True))
        found |= {f"{name}{number}": array for name, array in named.items()}
    return float(losses.mean()), found


def train(steps: int = STEPS, seed: int = SEED, told=None) -> dict:
    """Arrays after so many steps of Adam; the rate rises over 50 steps and falls to 0 as a cosine does.

    ``told(step, loss)`` is called after each step.
    """
    rng = np.random.default_rng(seed)
    arrays = initial(rng)
    model = assemble(arrays)  # shares the arrays, which are updated in place
    first, second = ({name: np.zeros_like(array) for name, array in arrays.items()} for _ in range(2))
    for step in range(1, steps + 1):
        loss, found = gradients(model, *draw(rng, BATCH))
        rate = RATE * min(1, step / 50) * (1 + np.cos(np.pi * step / steps)) / 2
        for name, g in found.items():
            first[name] += 0.1 * (g - first[name])
            second[name] += 0.01 * (g * g - second[name])
            root = np.sqrt(second[name] / (1 - 0.99**step)) + 1e-8
            arrays[name] -= rate * first[name] / (1 - 0.9**step) / root
        if told is not None:
            told(step, loss)
    return arrays


def accuracy(model: Transformer, count: int = 2000, seed: int = 1) -> float:
    """The share of right answers on sequences that training has not drawn from."""
    tokens, answers = draw(np.random.default_rng(seed), count)
    return float(np.mean(model.logits(tokens).argmax(axis=-1) == answers))


def main() -> None:
    def told(step, loss):
        if step % 100 == 0:
            print(f"step {step}: loss {loss:.4f}", flush=True)

    arrays = train(told=told)
    print(f"right answers on new sequences: {accuracy(assemble(arrays)):.4f}")
    path = Path(__file__).resolve().parent.parent / "induction.npz"
    np.savez(path, **{name: array.astype(np.float32) for name, array in arrays.items()})
    print(f"written to {path.name}")


if __name__ == "__main__":
    sys.exit(main())
