"""What a report on a PyTorch model costs beside one pass, and `Watch` in training, into benchmarks/torch.json.

Usage: python benchmarks/torch_report.py [report | watch] [parts of models' names], in the environment of tests/torch.
The ways take turns in one process on one thread; times are seconds of the processor.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
import transformers
from pytorchcv.models.preresnet_cifar import preresnet20_cifar10, preresnet110_cifar10
from torch import nn

from resnotes.torch import Watch, report

PLACE = Path(__file__).with_name("torch.json")
WAYS = {"without lengths": None, "lengths up to 10": 10, "all lengths": "all"}
ROUNDS = 2
#: Steps of a block of training: one report in each that is watched.
STEPS = 10
#: How often `Watch` is said to report.
EVERY = 100


class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.a, self.b = nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        return x + self.b(torch.relu(self.a(x)))


def gpt2():
    ids = torch.randint(0, 50257, (2, 64))
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config()).train()
    return model, ids, lambda output: F.cross_entropy(output.logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def image(make, batch):
    y = torch.randint(0, 10, (batch,))
    return make().train(), torch.randn(batch, 3, 32, 32), lambda output: F.cross_entropy(output, y)


def mlp():
    model = nn.Sequential(nn.Linear(10, 32), *[Block(32) for _ in range(200)], nn.Linear(32, 1))
    return model, torch.randn(64, 10), lambda output: output.square().mean()


MODELS = {
    "GPT-2 small, 2 sequences of 64 tokens": (gpt2, ROUNDS),
    "preresnet20, a batch of 32 images": (lambda: image(preresnet20_cifar10, 32), 5),
    "preresnet110, a batch of 8 images": (lambda: image(preresnet110_cifar10, 8), 1),
    "MLP of 200 units of width 32, a batch of 64": (mlp, 1),
}
#: In whose training `Watch` is measured, and in how many blocks of each kind.
WATCHED = {"GPT-2 small, 2 sequences of 64 tokens": 5, "preresnet20, a batch of 32 images": 9}


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def measured(make, rounds):
    """Medians of the seconds of one pass and of the ratios to it, in turns."""
    torch.manual_seed(0)
    model, inputs, loss = make()

    def one_pass():
        model.zero_grad(set_to_none=True)
        loss(model(inputs)).backward()

    def one_report(lengths):
        model.zero_grad(set_to_none=True)
        return report(model, inputs, loss, lengths=lengths)

    one_pass()
    depth = one_report(None).depth
    one_report(1)  # what is loaded at first use
    times = {"one pass": [], **{way: [] for way in WAYS}}
    for _ in range(rounds):
        times["one pass"].append(seconds(one_pass))
        for way, lengths in WAYS.items():
            times[way].append(seconds(lambda lengths=lengths: one_report(lengths)))
    ratios = {
        way: statistics.median(one / own for one, own in zip(times[way], times["one pass"])) for way in WAYS
    }  # fmt: skip
    return {"units": depth, "seconds": statistics.median(times["one pass"]), "ratios": ratios, "rounds": rounds}


def watched(make, rounds):
    """What `Watch` adds to a training, as a share of it: the median of blocks with one report against blocks without.

    Blocks of `STEPS` steps of one training take turns; a report in so many steps is `EVERY` / `STEPS` times as much
    as one in `EVERY`.
    """
    torch.manual_seed(0)
    model, inputs, loss = make()
    optimiser = torch.optim.AdamW(model.parameters(), 1e-4)
    with TemporaryDirectory() as folder:
        watch = Watch(every=STEPS, path=Path(folder, "gradients.jsonl"))

        def block(is_watched):
            for _ in range(STEPS):
                if is_watched:
                    watch(model, inputs, loss)
                optimiser.zero_grad(set_to_none=True)
                loss(model(inputs)).backward()
                optimiser.step()

        watch(model, inputs, loss)  # what is loaded at first use
        watch.calls = 0
        block(False)
        pairs = []
        for k in range(rounds):
            order = (False, True) if k % 2 else (True, False)
            times = {is_watched: seconds(lambda is_watched=is_watched: block(is_watched)) for is_watched in order}
            pairs.append((times[True] - times[False]) / times[False] * STEPS / EVERY)
    return {"added": statistics.median(pairs), "blocks": sorted(pairs), "every": EVERY}


def main(names):
    torch.set_num_threads(1)
    found = json.loads(PLACE.read_text("utf-8")) if PLACE.exists() else {"models": {}}
    found["packages"] = {"torch": torch.__version__, "transformers": transformers.__version__}
    kinds = {"report", "watch"}
    wanted = kinds.intersection(names) or kinds
    names = [name for name in names if name not in kinds]
    for name, (make, rounds) in MODELS.items():
        if not names or any(part in name for part in names):
            known = found["models"].setdefault(name, {})
            if "report" in wanted:
                known |= measured(make, rounds)
            if "watch" in wanted and name in WATCHED:
                known["watch"] = watched(make, WATCHED[name])
            print(name, known, flush=True)
            PLACE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
