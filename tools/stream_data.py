"""Write what the explorer of the residual stream carries, from the transformer stored in the package.

python tools/stream_data.py

`python -m resnotes.training.induction` trains that transformer and stores it.
"""

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "src" / "resnotes" / "explorers" / "residual_stream.json"
COUNT = 4


def computed() -> dict:
    """Sequences at random; the first is one on which the logit lens after the second attention is wrong."""
    from resnotes.explorers import residual_stream as explorer
    from resnotes.transformer import LETTERS, draw

    model, means = explorer._means()
    tokens, answers = draw(np.random.default_rng(7), 200)
    trace = model.forward(tokens)
    parts = np.cumsum(explorer.lens_by_length(model, trace, 3, means[3]), axis=0)
    logit, jacobian = (model.read(part).argmax(axis=-1) for part in parts)
    wrong = np.flatnonzero((logit != answers) & (jacobian == answers))[:1]
    plain = np.flatnonzero(logit == answers)[: COUNT - 1]
    sequences = ["".join(LETTERS[k] for k in tokens[row]) for row in (*wrong, *plain)]
    return {**explorer.terms(sequences), "right": explorer.right()}


if __name__ == "__main__":
    DATA.write_text(json.dumps(computed(), separators=(",", ":")) + "\n", "utf-8")
    print(f"{DATA.relative_to(ROOT)}: written")
