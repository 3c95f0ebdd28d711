"""Small models of many kinds, each with a batch, a loss, and what its report has to find."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
import transformers as hf
from pytorchcv.models.preresnet_cifar import preresnet20_cifar10
from pytorchcv.models.resnet_cifar import resnet20_cifar10
from torch import nn
from torch.utils.checkpoint import checkpoint


@dataclass
class Model:
    """A model and what is known of it.

    Attributes
    ----------
    first : str
        The path of the module whose first argument is state 0.
    branches : list of modules
        Whose results are the branches; empty where no module's result is.
    """

    module: nn.Module
    inputs: object
    loss: object
    units: int
    first: str
    names: tuple = ()
    branches: list = field(default_factory=list)
    others: int = 0
    is_exact: bool = True


class Block(nn.Module):
    """x + b(relu(a(x))), written in one of many ways."""

    def __init__(self, n, how="add"):
        super().__init__()
        self.a, self.b, self.how = nn.Linear(n, n), nn.Linear(n, n), how

    def forward(self, x):
        f = self.b(torch.relu(self.a(x)))
        if self.how == "add":
            return x + f
        if self.how == "in place":
            f += x
            return f
        if self.how == "alpha":
            return torch.add(x, f, alpha=0.5)
        if self.how == "minus":
            return x - f
        if self.how == "three":
            return f + torch.tanh(self.a(x)) + x
        if self.how == "lerp":
            return torch.lerp(x, f, 0.3)
        if self.how == "addcmul":
            return torch.addcmul(x, f, torch.full_like(f, 0.3))
        if self.how == "addmm":
            return torch.addmm(x, torch.relu(self.a(x)), self.b.weight)
        if self.how == "wide":
            return x + f.mean(-1, keepdim=True)
        assert self.how == "relu"
        return torch.relu(x + f)


class Checkpointed(nn.Module):
    def __init__(self, *blocks, reentrant=False):
        super().__init__()
        self.blocks, self.reentrant = nn.ModuleList(blocks), reentrant

    def forward(self, x):
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x


class Highway(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.a, self.gate = nn.Linear(n, n), nn.Linear(n, n)

    def forward(self, x):
        gate = torch.sigmoid(self.gate(x))
        return (1 - gate) * x + gate * torch.tanh(self.a(x))


class Net(nn.Module):
    """Reads two inputs, of which the second counts."""

    def __init__(self, n):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(n) for _ in range(3)])

    def forward(self, mask, x):
        return self.blocks(x) * mask


class Nested(nn.Module):
    """A U-Net: every step up adds what the step down on its level kept."""

    def __init__(self, n, join):
        super().__init__()
        self.down = nn.ModuleList(nn.Linear(n, n) for _ in range(3))
        self.up = nn.ModuleList(nn.Linear(n if join == "add" else 2 * n, n) for _ in range(3))
        self.join = join

    def forward(self, x):
        kept = []
        for layer in self.down:
            kept.append(x)
            x = torch.tanh(layer(x))
        for layer in self.up:
            if self.join == "add":
                x = torch.tanh(layer(x)) + kept.pop()
            else:
                x = torch.tanh(layer(torch.cat([x, kept.pop()], -1)))
        return x


class Dense(nn.Module):
    """A unit of a DenseNet."""

    def __init__(self, n):
        super().__init__()
        self.a = nn.Linear(n, 4)

    def forward(self, x):
        return torch.cat([x, torch.tanh(self.a(x))], -1)


class Normed(nn.Module):
    """Pre-normalised by hand: the mean that is taken off is no branch."""

    def __init__(self, n):
        super().__init__()
        self.a = nn.Linear(n, n)

    def forward(self, x):
        y = x - x.mean(-1, keepdim=True)
        return x + self.a(y / (y.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt())


def square(output):
    return getattr(output, "logits", output).pow(2).mean()


def plain(how, count=4, n=6):
    module = nn.Sequential(nn.Linear(5, n), *[Block(n, how) for _ in range(count)], nn.Linear(n, 3)).double()
    return Model(module, torch.randn(7, 5).double(), square, count, "1")


def blocks(*modules, n=6, **known):
    module = nn.Sequential(*modules).double()
    return Model(module, torch.randn(7, n).double(), square, **{"units": len(modules), "first": "0", **known})


def image(make, train):
    module = make().double().train(train)
    y = torch.tensor([3, 1])
    units = [unit for stage in (1, 2, 3) for unit in getattr(module.features, f"stage{stage}")]
    branches = [unit.body.conv2 if make is preresnet20_cifar10 else unit.body for unit in units]
    return Model(
        module, torch.randn(2, 3, 32, 32).double(), lambda output: F.cross_entropy(output, y), 9,
        "features.stage1.unit1", ("features.stage1.unit1 (body)",), branches,
    )  # fmt: skip


SIZES = dict(vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4)
QUIET = dict(bos_token_id=0, eos_token_id=0, pad_token_id=0)


def tokens(module, units, first, names, branches=(), as_dict=False):
    ids = torch.randint(0, 50, (2, 9))
    module = module.double()

    def loss(output):
        return F.cross_entropy(output.logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())

    return Model(
        module, {"input_ids": ids, "attention_mask": torch.ones(2, 9)} if as_dict else ids, loss, units, first, names,
        list(branches),
    )  # fmt: skip


def gpt2(**options):
    options = {"n_layer": 3, "n_embd": 32, "n_head": 2, "vocab_size": 50, "n_positions": 16, **QUIET, **options}
    return hf.GPT2LMHeadModel(hf.GPT2Config(**options)).eval()


def of_gpt2():
    module = gpt2()
    parts = [part for block in module.transformer.h for part in (block.attn, block.mlp)]
    return tokens(module, 6, "transformer.h.0", ("transformer.h.0 (attn)", "transformer.h.0 (mlp)"), parts, True)


def of_llama(name, config, units, names, **options):
    config = config(**SIZES, **QUIET, num_key_value_heads=2, **options)
    module = getattr(hf, f"{name}ForCausalLM")(config).eval()
    known = tokens(module, units, "model.layers.0", names)
    known.is_exact = False
    return known


def of_bloom():
    module = hf.BloomForCausalLM(hf.BloomConfig(vocab_size=50, hidden_size=32, n_layer=3, n_head=4, **QUIET)).eval()
    parts = [part for block in module.transformer.h for part in (block.self_attention.dense, block.mlp.dense_4h_to_h)]
    name = "transformer.h.0.self_attention (dense)"
    return tokens(module, 6, "transformer.h.0", (name,), parts)


def of_neox():
    module = hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(**SIZES, **QUIET)).eval()
    return tokens(module, 3, "gpt_neox.layers.0", ("gpt_neox.layers.0 (mlp + attention)",))


def of_bert():
    module = hf.BertForSequenceClassification(hf.BertConfig(**SIZES)).eval().double()
    y = torch.tensor([0, 1])
    return Model(
        module, torch.randint(0, 50, (2, 9)), lambda output: F.cross_entropy(output.logits, y), 6,
        "bert.encoder.layer.0", ("bert.encoder.layer.0.attention.output (dense)",),
    )  # fmt: skip


def of_vit():
    sizes = {key: value for key, value in SIZES.items() if key != "vocab_size"}
    module = hf.ViTForImageClassification(hf.ViTConfig(**sizes, image_size=16, patch_size=8)).eval().double()
    return Model(module, torch.randn(2, 3, 16, 16).double(), square, 6, "vit.layers.0")


def of_hf_resnet():
    config = hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[2, 2], layer_type="basic")
    module = hf.ResNetForImageClassification(config).train().double()
    return Model(module, torch.randn(2, 3, 32, 32).double(), square, 4, "resnet.encoder.stages.0.layers.0")


def of_encoder(first):
    layer = nn.TransformerEncoderLayer(32, 4, 48, batch_first=True, norm_first=first, dropout=0.1)
    module = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False).train().double()
    return Model(module, torch.randn(2, 9, 32).double(), square, 6, "layers.0")


#: Every one of them: name -> a function that makes it.
MODELS = {
    **{f"written as {how}": (lambda how=how: plain(how)) for how in (
        "add", "in place", "alpha", "minus", "three", "lerp", "addcmul", "addmm", "wide", "relu")},
    "two hundred units": lambda: plain("add", 200, 4),
    "highway": lambda: blocks(*[Highway(6) for _ in range(4)]),
    "normed by hand": lambda: blocks(*[Normed(6) for _ in range(4)]),
    "checkpointed": lambda: blocks(Checkpointed(*[Block(6) for _ in range(4)]), units=4, first="0.blocks.0"),
    "a unit of three Highway units": lambda: blocks(nn.Sequential(*[Highway(6) for _ in range(3)]), units=3),
    "two inputs": lambda: Model(
        Net(6).double(), (torch.ones(6).double(), torch.randn(7, 6).double()), square, 3, "blocks.0"),
    "U-Net of sums": lambda: blocks(Nested(6, "add"), others=2),
    "preresnet20, training": lambda: image(preresnet20_cifar10, True),
    "preresnet20": lambda: image(preresnet20_cifar10, False),
    "resnet20, training": lambda: image(resnet20_cifar10, True),
    "resnet20": lambda: image(resnet20_cifar10, False),
    "GPT-2": of_gpt2,
    "Llama": lambda: of_llama("Llama", hf.LlamaConfig, 6, ("model.layers.0 (self_attn)", "model.layers.0 (mlp)")),
    "Gemma-2": lambda: of_llama("Gemma2", hf.Gemma2Config, 6, ("model.layers.0 (post_attention_layernorm)",),
                                head_dim=8),
    "OLMo-2": lambda: of_llama("Olmo2", hf.Olmo2Config, 6, ("model.layers.0 (post_attention_layernorm)",)),
    "BLOOM": of_bloom,
    "GPT-NeoX": of_neox,
    "BERT": of_bert,
    "ViT": of_vit,
    "ResNet of transformers, training": of_hf_resnet,
    "TransformerEncoder, normed before": lambda: of_encoder(True),
    "TransformerEncoder, normed after": lambda: of_encoder(False),
}  # fmt: skip


def make(name):
    """The model of that name, always the same."""
    torch.manual_seed(0)
    return MODELS[name]()
