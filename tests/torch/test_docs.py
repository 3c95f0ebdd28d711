"""The code of docs/torch.md and chapter 14 runs as printed: Lightning's and the Trainer's where these are installed."""

import json
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import transformers
from models import gpt2
from torch import nn

import resnotes.torch

ROOT = Path(__file__).parents[2]
CHAPTER = json.loads((ROOT / "chapters" / "14_your_own_network.ipynb").read_text("utf-8"))
TEXT = "\n".join(
    [(ROOT / "docs" / "torch.md").read_text("utf-8"), *("".join(cell["source"]) for cell in CHAPTER["cells"])]
)
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def run(part, **names):
    """Run the one block that has `part` in it; what it defines."""
    (block,) = [block for block in BLOCKS if part in block]
    exec(block, names)
    return names


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def steps(folder):
    """The steps that are in the file that `Watch` writes by default, and the keys of the last line."""
    lines = [json.loads(line) for line in (folder / "gradients.jsonl").read_text("utf-8").splitlines()]
    return [line["step"] for line in lines], lines[-1].keys()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU())

    def forward(self, x):
        return x + self.body(x)


def classifier():
    torch.manual_seed(0)
    return nn.Sequential(*[Block() for _ in range(3)], nn.Linear(8, 4))


def batches(count):
    return [(torch.randn(5, 8), torch.randint(0, 4, (5,))) for _ in range(count)]


def test_the_first_lines(here):
    images, labels = batches(1)[0]
    names = run("savefig", model=classifier(), images=images, labels=labels)
    assert names["found"].depth == 3 and (here / "report.png").stat().st_size > 10_000
    short = run(
        "found = resnotes.torch.report(model, inputs",
        model=classifier(),
        inputs=images,
        labels=labels,
        loss=F.cross_entropy,
    )
    assert str(short["found"]) == str(names["found"])


def test_a_model_that_takes_its_labels():
    (call,) = re.findall(r"`(resnotes\.torch\.report\(model, batch, .*?)`", TEXT)
    rows = torch.randint(0, 50, (2, 9))
    found = eval(call, {"resnotes": resnotes, "model": gpt2(), "batch": {"input_ids": rows, "labels": rows}})
    assert found.depth == 6


def test_the_layer_of_the_chapter_is_that_of_the_package():
    block, x, g = Block().double().body, torch.randn(3, 8).double().numpy(), torch.randn(3, 8).double().numpy()
    layers = run("class TorchLayer")["TorchLayer"](block), resnotes.torch.TorchLayer(block)
    one, other = (resnotes.report([resnotes.Unit([layer])], x, g) for layer in layers)
    assert str(one) == str(other) and one.log10_branch[0] < 0
    (sent, nothing), (want, _) = (layer.backward(x, g) for layer in layers)
    assert nothing is None and (sent == want).all()


@pytest.mark.parametrize("data", ["images", "inputs"])
def test_a_plain_loop(here, data):
    run(
        f"for {data}, labels in loader",
        model=classifier(),
        loader=batches(101),
        F=F,
        loss=F.cross_entropy,
        resnotes=resnotes,
    )
    assert steps(here)[0] == [0, 100]


def test_lightning(here):
    lightning = pytest.importorskip("lightning")
    from lightning.pytorch.loggers import CSVLogger

    class Classifier(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layers = classifier()

        def forward(self, x):
            return self.layers(x)

        def training_step(self, batch, index):
            return F.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    def trained(*callbacks):
        torch.manual_seed(1)
        loader, module = torch.utils.data.DataLoader(batches(101), batch_size=None), Classifier()
        lightning.Trainer(
            max_epochs=1, accelerator="cpu", logger=CSVLogger("."), callbacks=[*callbacks], log_every_n_steps=1000,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        ).fit(module, loader)  # fmt: skip
        return module.state_dict()

    names = run("lightning.Callback", lightning=lightning, Watch=resnotes.torch.Watch, F=F)
    alone, watched = trained(), trained(names["Gradients"]())
    assert steps(here)[0] == [0, 100] and "gradients/000 layers.0 (body)/log10_gain" in steps(here)[1]
    assert all(torch.equal(value, watched[name]) for name, value in alone.items())
    logged = "".join(path.read_text("utf-8") for path in here.rglob("metrics.csv"))
    assert "gradients/000 layers.0 (body)/log10_gain" in logged


def test_the_trainer_of_transformers(here):
    pytest.importorskip("accelerate")

    def trained(*callbacks):
        torch.manual_seed(1)
        rows = [{"input_ids": row, "labels": row} for row in torch.randint(0, 50, (202, 9))]
        arguments = transformers.TrainingArguments(
            "out", max_steps=101, per_device_train_batch_size=2, report_to=[], save_strategy="no", use_cpu=True,
            disable_tqdm=True, logging_strategy="no",
        )  # fmt: skip
        model = gpt2()
        batch = {key: torch.stack([row[key] for row in rows[:4]]) for key in rows[0]}
        made = [callback(batch) for callback in callbacks]
        transformers.Trainer(model, arguments, train_dataset=rows, callbacks=made).train()
        return model.state_dict()

    names = run("TrainerCallback", transformers=transformers, Watch=resnotes.torch.Watch)
    alone, watched = trained(), trained(names["Gradients"])
    assert steps(here)[0] == [0, 100] and "gradients/005 transformer.h.2 (mlp)/log10_branch" in steps(here)[1]
    assert all(torch.equal(value, watched[name]) for name, value in alone.items())
