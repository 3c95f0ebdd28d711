"""Make the reports on PyTorch models that the book shows, `src/resnotes/book/reports/*.json`, in the environment of tests/torch.

Usage: make torch-reports, or python -m tools.torch_reports [names] where PyTorch, transformers and pytorchcv are

Each function of `FACTORIES` returns what `resnotes.torch.report` takes, so that
``python -m resnotes report --torch tools.torch_reports:gpt2 --lengths all`` shows the same report. Models are those of
published packages, with random weights or trained for some steps on the digits of scikit-learn, in float64.
"""

import contextlib
import copy
import importlib.metadata
import json
import sys
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F

from resnotes.torch import report
from tools.run import REPORTS, parser

FOLDER = Path(__file__).resolve().parent.parent / "src/resnotes/book/reports"
#: Digits that are kept of every number.
DIGITS = 10
#: The unit at whose addition or in whose branch a fault is planted: in the third of six blocks.
BLOCK = 2
STEPS, BATCH = 60, 64


@contextlib.contextmanager
def seeded(seed=0):
    """Everything that is drawn, from a seed and in float64."""
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def preresnet20():
    """Pre-activation ResNet-20 for CIFAR-10 at its start, in training mode, on noise."""
    from pytorchcv.models.preresnet_cifar import preresnet20_cifar10

    with seeded():
        model = preresnet20_cifar10().train()
        x, y = torch.randn(8, 3, 32, 32), torch.randint(0, 10, (8,))
    return model, x, lambda output: F.cross_entropy(output, y)


def gpt2():
    """GPT-2 small at its start, in evaluation mode, on 64 random tokens."""
    import transformers

    with seeded():
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval()
        ids = torch.randint(0, 50257, (1, 64))
    return model, ids, lambda output: F.cross_entropy(output.logits[0, :-1], ids[0, 1:])


@cache
def digits():
    """The digits as images (1797, 1, 8, 8) with mean 0, and their labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = torch.from_numpy(found.images).double()[:, None]
    return (images - images.mean()) / images.std(), torch.from_numpy(found.target)


def vision_transformer():
    """A vision transformer of six blocks for the digits, trained for some steps; a batch it was not trained on."""
    images, labels = digits()
    x, y = images[1500 : 1500 + BATCH], labels[1500 : 1500 + BATCH]
    return copy.deepcopy(trained()), x, lambda output: F.cross_entropy(output.logits, y)


@cache
def trained():
    """The vision transformer after its training."""
    import transformers

    images, labels = digits()
    with seeded():
        config = transformers.ViTConfig(
            image_size=8, patch_size=2, num_channels=1, hidden_size=48, num_hidden_layers=6, num_attention_heads=4,
            intermediate_size=96, num_labels=10, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        model = transformers.ViTForImageClassification(config)
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
        for _ in range(STEPS):
            batch = torch.randint(0, 1500, (BATCH,))
            optimiser.zero_grad()
            F.cross_entropy(model(images[batch]).logits, labels[batch]).backward()
            optimiser.step()
    return model.eval()


def healthy():
    """The trained vision transformer as it is."""
    return vision_transformer()


def weak_output():
    """The same, the output of its third block multiplied by a thousandth."""
    model, x, loss = vision_transformer()
    model.vit.layers[BLOCK].register_forward_hook(lambda _, __, output: output * 1e-3)
    return model, x, loss


def exploding_branch():
    """The same, the last weights of its third block's MLP multiplied by 300."""
    model, x, loss = vision_transformer()
    with torch.no_grad():
        last_weights(model).mul_(300)
    return model, x, loss


def dead_branch():
    """The same, those weights multiplied by a hundred-thousandth."""
    model, x, loss = vision_transformer()
    with torch.no_grad():
        last_weights(model).mul_(1e-5)
    return model, x, loss


def last_weights(model):
    """The weights from which the third block's MLP gives its result."""
    linear = [m for m in model.vit.layers[BLOCK].mlp.modules() if isinstance(m, torch.nn.Linear)]
    return linear[-1].weight


FACTORIES = {name: globals()[name] for name in REPORTS}
#: The packages whose version the numbers may depend on.
PACKAGES = ("resnotes", "torch", "transformers", "pytorchcv", "numpy", "scikit-learn")


def rounded(value):
    """Floats with `DIGITS` digits, in lists and dicts too."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def made(name):
    """What is stored under a name: the report as a dict, and where it comes from under ``about``."""
    factory = FACTORIES[name]
    about = {
        "title": factory.__doc__.removesuffix("."),
        "command": f"python -m resnotes report --torch tools.torch_reports:{name} --lengths all --json",
        "seed": 0,
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
    }
    return {"about": about, **rounded(report(*factory(), lengths="all").as_dict())}


def main(names):
    FOLDER.mkdir(exist_ok=True)
    for name in parser("torch-reports").parse_args(names).names or REPORTS:
        text = json.dumps(made(name), separators=(",", ":"), ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")
        print(f"{name}: {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
