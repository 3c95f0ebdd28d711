"""One run: a network, trained with plain stochastic gradient descent, and what is measured on the way."""

import math
from dataclasses import dataclass

import numpy as np

from resnotes import _validate
from resnotes.losses import softmax_cross_entropy
from resnotes.network import Network
from resnotes.training.data import TRAINING_IMAGES, load_digits
from resnotes.training.networks import LearnedScale, build_network, update
from resnotes.training.records import Record

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


class _Diverged(Exception):
    """Something is no longer a finite number; says what."""


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
    data = load_digits()
    weights, order = _generators(settings)
    record = Record(settings)
    # Overflow is expected here, is looked for after every pass, and is recorded.
    with np.errstate(over="ignore", invalid="ignore"):
        network = build_network(settings, weights)
        try:
            for step in range(settings.steps + 1):
                chosen = order.choice(len(data.train_images), settings.batch, replace=False)
                _step(network, data, chosen, step, record)
        except _Diverged as reason:
            record.diverged_at, record.diverged_by = step, str(reason)
    return record


def _step(network, data, chosen, step, record):
    """Measure where it is time, then update; the round after the last step only measures."""
    settings = record.settings
    measure = step % settings.every == 0 or step == settings.steps
    accuracy = _accuracy(network, data) if measure else None
    trace = network.forward(data.train_images[chosen])
    _finite(trace.states[-1], "forward pass")
    losses, g = softmax_cross_entropy(trace.states[-1], data.train_targets[chosen])
    loss = float(_finite(losses.mean(), "loss"))
    gradients = network.backward(trace, g / settings.batch)
    # What overflows on its way down is seen at the input, or else in the next forward pass.
    _finite(gradients.states[0], "gradient")
    if measure:
        states, weights = _norms(gradients, settings.batch)
        record.state_gradients.append(_finite(states, "gradient").tolist())
        record.weight_gradients.append(_finite(weights, "gradient").tolist())
        layers = [layer for unit in network.units for layer in unit.branch]
        record.scales.append([float(layer.weight) for layer in layers if isinstance(layer, LearnedScale)])
        record.measured.append(step)
        record.accuracy.append(accuracy)
    record.loss.append(loss)
    if step < settings.steps:
        update(network, gradients, settings.rate)


def _accuracy(network, data):
    """The share of the test images whose largest logit is that of their digit."""
    logits = _finite(network(data.test_images), "forward pass")
    return float(np.mean(logits.argmax(axis=1) == data.test_targets.argmax(axis=1)))


def _finite(values, what):
    if not np.isfinite(values).all():
        raise _Diverged(what)
    return values


def _norms(gradients, batch):
    """The gradients' sizes, from the input to the loss.

    Returns
    -------
    states : ndarray, shape (L + 1,)
        ‖∂E/∂x_l‖ of one image's loss, root mean square over the batch.
    weights : ndarray, shape (L,)
        ‖∂E/∂(W₁, W₂)‖ of unit l, of the batch's mean loss.
    """
    states = [np.linalg.norm(g) * np.sqrt(batch) for g in gradients.states[1:-1]]
    weights = [
        np.sqrt(sum(np.sum(entry.weight**2) for entry in unit.branch if np.ndim(entry.weight) == 2))
        for unit in gradients.units[1:-1]
    ]
    return np.array(states), np.array(weights)
