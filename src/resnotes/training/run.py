"""Runs: networks, trained with plain stochastic gradient descent, and what is measured on the way."""

import math
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from resnotes import _validate
from resnotes.network import Network
from resnotes.training.data import TRAINING_IMAGES, load_digits
from resnotes.training.networks import build_network
from resnotes.training.records import Record
from resnotes.training.stack import Stack, mean_losses, products

ACTIVATIONS = ("pre", "post")
SCALES = ("1", "1/sqrt(L)", "skipinit")


def _one_of(value, name, choices):
    if not isinstance(value, str) or value not in choices:
        _validate.refuse(name, _validate.describe(value), f"one of {', '.join(map(repr, choices))}")
    return value


@dataclass(frozen=True)
class Settings:
    """All that one run depends on, besides the data.

    Attributes
    ----------
    depth : int
        L, the number of residual units.
    shortcut : float
        λ, the same on every shortcut, not trained.
    activation : str
        "pre": the ReLUs stand in the branch alone. "post": one comes after the addition.
    scale : str
        β, the number at the end of each branch: "1", "1/sqrt(L)", or "skipinit" (starts at 0 and is learned).
    seed : int
        Of the weights and of the order of the images. One seed shows every network the same images.
    width : int
        Of the states.
    steps : int
        Steps of gradient descent.
    batch : int
        Images a step.
    rate : float
        η, the size of a step, the same for every parameter and at every step.
    every : int
        Steps from one measurement to the next; the last step is always followed by one.

    Raises
    ------
    ValueError
        Naming the setting that is out of range.
    """

    depth: int
    shortcut: float = 1.0
    activation: str = "pre"
    scale: str = "1/sqrt(L)"
    seed: int = 0
    width: int = 32
    steps: int = 100
    batch: int = 128
    rate: float = 0.05
    every: int = 10

    def __post_init__(self):
        whole = {"depth": 1, "seed": 0, "width": 1, "steps": 1, "batch": 1, "every": 1}
        for name, low in whole.items():
            high = TRAINING_IMAGES if name == "batch" else math.inf
            object.__setattr__(self, name, _validate.whole_number(getattr(self, name), name, low, high))
        for name in ("shortcut", "rate"):
            object.__setattr__(self, name, _validate.finite_number(getattr(self, name), name))
        if self.rate <= 0:
            _validate.refuse("rate", self.rate, "a number above 0")
        _one_of(self.activation, "activation", ACTIVATIONS)
        _one_of(self.scale, "scale", SCALES)


def _generators(settings):
    """Of the weights, and of the order of the images: one seed shows every network the same images."""
    return np.random.default_rng(settings.seed).spawn(2)


def initial_network(settings: Settings) -> Network:
    """The network as `train` starts with it."""
    return build_network(settings, _generators(settings)[0])


def train(settings: Settings) -> Record:
    """Make one run.

    A run in which a logit, the loss or a gradient becomes infinite or NaN ends there: the record says at
    which step and what it was, and holds what was measured before.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Record
        The same for the same settings on the same machine.
    """
    return train_seeds([settings])[0]


def train_seeds(runs: list[Settings]) -> list[Record]:
    """Make runs that differ in their seeds alone, side by side: the records that `train` makes, in much less time.

    Raises
    ------
    ValueError
        If they differ in anything else.
    """
    first = runs[0]
    if any(replace(run, seed=first.seed) != first for run in runs):
        _validate.refuse("runs", "some that differ in more than their seed", "runs that are alike but for it")
    generators = [_generators(run) for run in runs]
    going = [_Run(Record(run), order) for run, (_, order) in zip(runs, generators, strict=True)]
    found = [run.record for run in going]
    # Overflow is expected here, is looked for after every pass, and is recorded.
    with np.errstate(over="ignore", invalid="ignore"):
        stack = Stack(first, [build_network(first, weights) for weights, _ in generators])
        for step in range(first.steps + 1):
            _step(stack, going, step)
            finite = np.array([not run.record.diverged for run in going])
            if not finite.all():
                going = list(compress(going, finite))
                stack.keep(finite)
            if not going:
                break
    return found


@dataclass
class _Run:
    """What is one network's own in a stack: its record, and the order of its images."""

    record: Record
    order: np.random.Generator


def _step(stack, going, step):
    """Measure where it is time, then update; the round after the last step only measures."""
    data, settings = load_digits(), going[0].record.settings
    measure = step % settings.every == 0 or step == settings.steps

    def look(finite, what):
        for run in compress(going, ~finite):
            if not run.record.diverged:
                run.record.diverged_at, run.record.diverged_by = step, what

    if measure:
        accuracy, finite = _accuracy(stack, data)
        look(finite, "forward pass")
    chosen = np.array([run.order.choice(TRAINING_IMAGES, settings.batch, replace=False) for run in going])
    logits, finite, trace = stack.forward(data.train_images[chosen])
    look(finite, "forward pass")
    logits[~finite] = 0  # of runs that end here
    loss, g = mean_losses(logits, data.train_targets[chosen])
    look(np.isfinite(loss), "loss")
    squares, finite, gradients = stack.backward(trace, g)
    look(finite, "gradient")  # what overflows on its way down is seen at x_0, or else in the next forward pass
    if measure:
        # Of the batch's mean loss: at the states that of one image, root mean square over the batch.
        states = np.sqrt(squares * settings.batch)
        weights = np.sqrt([products(first, first) + products(second, second) for first, second in gradients[0]])
        look(np.isfinite(np.concatenate([states, weights])).all(axis=0), "gradient")
    for k, run in enumerate(going):
        if run.record.diverged:
            continue
        run.record.loss.append(float(loss[k]))
        if measure:
            run.record.measured.append(step)
            run.record.accuracy.append(float(accuracy[k]))
            run.record.state_gradients.append(states[:, k].tolist())
            run.record.weight_gradients.append(weights[:, k].tolist())
            run.record.scales.append(stack.scales[:, k, 0, 0].tolist() if stack.learns_scales else [])
    if step < settings.steps:
        stack.step(gradients)


def _accuracy(stack, data):
    """For each network the share of the test images whose largest logit is that of their digit, and whether all is finite."""
    logits, finite, _ = stack.forward(data.test_images[None], keep=False)
    return np.mean(logits.argmax(axis=-1) == data.test_targets.argmax(axis=1), axis=1), finite
