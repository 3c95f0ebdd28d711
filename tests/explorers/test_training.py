"""What is trained on the page: the same digits, the same steps, the same numbers as by the package."""

import numpy as np
import pytest

from resnotes.explorers import training
from resnotes.network import Affine
from resnotes.training import Settings, build_network, load_digits
from resnotes.training.stack import Stack, mean_losses

from .modules import decoded, run

SCALES = {"one": "1", "root": "1/sqrt(L)", "skipinit": "skipinit"}
PLACES = {"before": "pre", "after": "post"}

UNPACKED = """async (module, text) => {
  const { images, labels } = await module.trainer().unpacked(text);
  return [images, [...labels]];
}"""

#: Start and end of every weight, every batch, and what each step tells.
RUN = """async (module, [text, settings]) => {
  const { unpacked, drawn, batches, race } = module.trainer();
  const steps = [];
  const before = process.cpuUsage();
  const going = race(await unpacked(text), [settings]);
  let next = going.next();
  for (; !next.done; next = going.next()) steps.push(next.value);
  const [{ layers, betas }] = next.value;
  const { user, system } = process.cpuUsage(before);
  const plain = (all) => all.map(({ weight, bias }) => [weight, bias]);
  return { start: plain(drawn(settings.depth, settings.seed)), end: plain(layers), betas, order: batches(settings.seed), steps,
    seconds: (user + system) / 1e6 };
}"""


def trained(**settings):
    return run("trainer", RUN, [training.DIGITS, {"rate": 0.05, "seed": 0, **settings}])


def test_the_digits_are_those_of_the_package():
    images, labels = run("trainer", UNPACKED, training.DIGITS)
    data = load_digits()
    wanted = np.concatenate([data.train_images, data.test_images])
    assert np.allclose(np.reshape(images, wanted.shape), wanted, rtol=0, atol=1e-12)
    assert labels == np.concatenate([data.train_targets, data.test_targets]).argmax(axis=1).tolist()


def of_package(found, *, shortcut, depth, scale, place, rate=0.05, seed=0):
    """The same run by the package, from the page's weights and with its batches: losses, accuracies, sizes, its stack."""
    data = load_digits()
    settings = Settings(depth, shortcut, PLACES[place], SCALES[scale], width=32, batch=64, rate=rate)
    network = build_network(settings, np.random.default_rng(0))
    layers = [layer for unit in network.units for layer in unit.branch if isinstance(layer, Affine)]
    for layer, (weight, bias) in zip(layers, found["start"], strict=True):
        layer.weight[:], layer.bias[:] = np.reshape(weight, layer.weight.shape), bias
    stack = Stack(settings, [network])
    losses, accuracies, sizes = [], [], []
    for number, chosen in enumerate(found["order"]):
        if number % 10 == 0:
            logits, _, _ = stack.forward(data.test_images, keep=False)
            accuracies.append((logits[0].argmax(axis=1) == data.test_targets.argmax(axis=1)).mean())
        logits, _, trace = stack.forward(data.train_images[None, chosen])
        loss, g = mean_losses(logits, data.train_targets[None, chosen])
        squares, _, gradients = stack.backward(trace, g)
        losses.append(loss[0])
        sizes.append(np.sqrt(len(chosen) * squares[:, 0]))
        if number < len(found["order"]) - 1:
            stack.step(gradients)
    return losses, accuracies, sizes, stack


def weights_of(stack):
    """Weight and bias of every layer, in order."""
    (first, first_bias, last, last_bias) = (array[0] for array in stack.ends)
    inner = zip(stack.inner[:, :, 0].reshape(-1, 32, 32), stack.biases[:, :, 0].reshape(-1, 32), strict=True)
    return [(first, first_bias), *inner, (last, last_bias)]


@pytest.mark.parametrize(
    "settings",
    [
        {"shortcut": 0.9, "depth": 5, "scale": "one", "place": "before"},
        {"shortcut": 1, "depth": 4, "scale": "skipinit", "place": "before"},
        {"shortcut": 0, "depth": 4, "scale": "root", "place": "before"},
        {"shortcut": 0.9, "depth": 5, "scale": "root", "place": "after"},
        {"shortcut": 1, "depth": 4, "scale": "skipinit", "place": "after", "seed": 3},
        {"shortcut": 1.1, "depth": 20, "scale": "root", "place": "before", "rate": 0.01},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_training_is_the_packages(settings):
    """Every loss, every gradient's size, and all weights after 60 steps, to 1e-9."""
    found = trained(**settings)
    losses, accuracies, sizes, stack = of_package(found, **settings)
    steps = found["steps"]
    assert len(steps) == 61
    assert np.allclose([step["loss"] for step in steps], losses, rtol=1e-9, atol=0)
    assert np.allclose([step["sizes"] for step in steps], sizes, rtol=1e-9, atol=0)
    assert [step["accuracy"] for step in steps if step["accuracy"] is not None] == pytest.approx(accuracies)
    for wanted, got in zip(weights_of(stack), found["end"], strict=True):
        for array, own in zip(wanted, got, strict=True):
            assert np.allclose(np.ravel(array), own, rtol=1e-9, atol=1e-9 * np.abs(own).max())
    assert np.allclose(found["betas"], stack.scales.ravel(), rtol=1e-9, atol=0)
    assert np.abs(found["betas"]).min() > 0
    assert losses[-1] < losses[0]


def test_what_diverges_is_named():
    steps = trained(shortcut=1.2, depth=60, scale="one", place="before")["steps"]
    assert steps[-1]["diverged"] in ("a logit", "the loss", "a gradient")
    assert steps[-1]["number"] < 5
    assert all(np.isfinite(step["loss"]) for step in steps[:-1])


def test_weights_and_images_are_drawn_as_stated():
    """Variance 2/n behind a ReLU, and 1/64 in the first layer; every batch of different images."""
    found = trained(shortcut=1, depth=20, scale="root", place="before")
    first, *middle, last = (np.array(weight) for weight, _ in found["start"])
    assert np.var(first) == pytest.approx(1 / 64, rel=0.1)
    assert np.var(middle) == pytest.approx(2 / 32, rel=0.03)
    assert abs(np.mean(middle)) < 3 * np.sqrt(2 / 32 / np.size(middle))
    assert np.var(last) == pytest.approx(2 / 32, rel=0.2)
    assert all(len(set(batch)) == 64 and max(batch) < 1437 for batch in found["order"])
    assert len(set(np.ravel(found["order"]))) > 1200
    # 60 steps at depth 20, by the processor's clock.
    assert found["seconds"] < 2


def test_the_stored_opening_is_what_the_page_computes():
    opening = decoded(training.OPENING)
    assert opening["state"] == training.Training().state()
    own = {key: value for key, value in opening["state"].items() if key != "beside"}
    steps = trained(**own)["steps"]
    assert np.allclose([step["loss"] for step in steps], opening["runs"][0]["loss"], rtol=1e-3)
    assert np.allclose(steps[0]["sizes"], opening["runs"][0]["first"], rtol=1e-3)


LEARNED = """id => document.querySelector(`[data-ready=${id}] .rx-outcomes`).textContent.split("after 60 steps").length === 3"""


def test_it_trains_on_the_page(opened, site):
    """By the button, in a worker; a change of the settings ends it."""
    live = opened(f"{site}/chapters/12_training.html#training-1/shortcut=1/depth=4/beside=absent", "training")
    outcomes = live.root.locator(".rx-outcomes")
    assert outcomes.inner_text().count("not trained yet") == 2
    live.root.get_by_role("button", name="Train here").click()
    live.page.wait_for_function(LEARNED, arg="training-1", timeout=60_000)
    live.root.get_by_role("button", name="Train here").click()
    live.slider("depth L").press("ArrowRight")
    assert live.root.get_by_role("button", name="Train here").is_visible()
    assert outcomes.inner_text().count("not trained yet") == 2
