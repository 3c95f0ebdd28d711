"""Training: the step, what a run records, what is kept of a sweep that is killed, and the command line."""

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import autograd.numpy as anp
import numpy as np
import pytest
import threadpoolctl
from autograd import grad

from resnotes import softmax_cross_entropy
from resnotes.network import Affine
from resnotes.shortcuts import Scale
from resnotes.training import (
    LearnedScale,
    Record,
    Settings,
    build_network,
    data,
    grid,
    initial_network,
    load_digits,
    read_records,
    select,
    sweep,
    train,
    train_seeds,
)
from resnotes.training import records as files
from resnotes.training import run as running
from resnotes.training.__main__ import main
from resnotes.training.stack import Stack, mean_losses
from resnotes.training.sweeps import _prepare_process

QUICK = Settings(depth=2, width=4, steps=3, batch=8, every=2)


# Data and networks ----------------------------------------------------------------------------------------


def test_digits_are_centred_scaled_and_split():
    digits = load_digits()
    assert digits.train_images.shape == (1437, 64) and digits.test_images.shape == (360, 64)
    assert np.allclose(digits.train_images.mean(axis=0), 0) and np.isclose(np.mean(digits.train_images**2), 1)
    assert np.array_equal(np.unique(digits.train_targets), [0, 1]) and (digits.train_targets.sum(axis=1) == 1).all()
    assert (abs(digits.test_targets.mean(axis=0) - digits.train_targets.mean(axis=0)) < 0.003).all()
    everything = np.concatenate([digits.train_images, digits.test_images])
    assert len(np.unique(everything, axis=0)) == 1797


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr(data, "_loaded", [])
    with pytest.raises(ImportError, match="of the extra training: pip install .*scikit-learn"):
        load_digits()


def stated_output(settings, parameters, x):
    """The logits as the docstring of `build_network` states them, with nothing of ours."""
    rectified = lambda y: anp.maximum(y, 0)  # noqa: E731
    (V, c, _), *blocks, (U, d, _) = parameters
    pre = settings.activation == "pre"
    x = anp.dot(x, V.T) + c
    x = x if pre else rectified(x)
    for (W1, b1, _), (W2, b2, scale) in zip(blocks[::2], blocks[1::2], strict=True):
        hidden = rectified(anp.dot(rectified(x) if pre else x, W1.T) + b1)
        y = settings.shortcut * x + scale * (anp.dot(hidden, W2.T) + b2)
        x = y if pre else rectified(y)
    return anp.dot(rectified(x) if pre else x, U.T) + d


def parameters_of(network):
    """[W, b, scale] of each weight layer, in order; the scale is the branch's, 1 where there is none."""
    found = []
    for unit in network.units:
        scale = next((float(layer.weight) for layer in unit.branch if isinstance(layer, Scale)), 1.0)
        found += [[layer.weight.copy(), layer.bias.copy(), scale] for layer in unit.branch if isinstance(layer, Affine)]
    return found


def parameters_in(stack):
    """[W, b] of each weight layer of a stack's first network, in order."""
    inner = [[W[0], b[0, 0]] for weights, biases in zip(stack.inner, stack.biases) for W, b in zip(weights, biases)]
    first, last = ([stack.ends[k][0], stack.ends[k + 1][0, 0]] for k in (0, 2))
    return [first, *inner, last]


@pytest.mark.parametrize("shortcut", [0, 0.9, 1])
@pytest.mark.parametrize("scale", running.SCALES)
@pytest.mark.parametrize("activation", running.ACTIVATIONS)
def test_a_step_goes_down_the_gradient_of_autograd(activation, scale, shortcut):
    settings = replace(QUICK, activation=activation, scale=scale, shortcut=shortcut, depth=3)
    rng = np.random.default_rng(1)
    network = build_network(settings, rng)
    for unit in network.units:
        for layer in unit.branch:
            if isinstance(layer, Affine):
                layer.bias += rng.normal(size=layer.bias.shape)
            if isinstance(layer, LearnedScale):
                layer.weight = float(rng.normal())
    x, targets = load_digits().train_images[:8], load_digits().train_targets[:8]
    before = parameters_of(network)

    def loss(parameters):
        logits = stated_output(settings, parameters, x)
        shifted = logits - anp.max(logits, axis=1, keepdims=True)
        return -anp.mean(
            anp.sum(targets * (shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True))), axis=1)
        )

    wanted = grad(loss)(before)
    stack = Stack(replace(settings, rate=0.25), [network, build_network(settings, rng)])
    logits, finite, trace = stack.forward(np.stack([x, x]))
    losses, g = mean_losses(logits, np.stack([targets, targets]))
    assert finite.all() and losses[0] == pytest.approx(loss(before), rel=1e-12)
    squares, finite, gradients = stack.backward(trace, g)
    # The package's own passes say the same.
    theirs = network.forward(x)
    sent = network.backward(theirs, softmax_cross_entropy(theirs.states[-1], targets)[1] / 8)
    assert np.allclose(logits[0], theirs.states[-1], rtol=0, atol=1e-12)
    assert finite.all() and np.allclose(squares[:, 0], [np.sum(one**2) for one in sent.states[1:-1]], rtol=1e-10)
    stack.step(gradients)
    for old, new, slope in zip(before, parameters_in(stack), wanted, strict=True):
        assert np.allclose(new[0], old[0] - 0.25 * slope[0], rtol=0, atol=1e-12)
        assert np.allclose(new[1], old[1] - 0.25 * slope[1], rtol=0, atol=1e-12)
    moved = [old[2] - 0.25 * slope[2] for old, slope in zip(before[2:-1:2], wanted[2:-1:2], strict=True)]
    expected = moved if scale == "skipinit" else [{"1": 1, "1/sqrt(L)": 3**-0.5}[scale]] * 3
    assert stack.scales[:, 0].ravel() == pytest.approx(expected, rel=1e-12)


def test_weights_have_the_stated_variance_and_biases_are_zero():
    network = build_network(Settings(depth=6, width=64), np.random.default_rng(0))
    layers = [layer for unit in network.units for layer in unit.branch if isinstance(layer, Affine)]
    assert len(layers) == 14 and not any(layer.bias.any() for layer in layers)
    assert np.var(layers[0].weight) == pytest.approx(1 / 64, rel=0.1)
    assert np.var([layer.weight for layer in layers[1:-1]]) == pytest.approx(2 / 64, rel=0.03)


def test_skipinit_starts_as_the_shortcuts_alone():
    for activation in running.ACTIVATIONS:
        network = build_network(replace(QUICK, scale="skipinit", activation=activation), np.random.default_rng(0))
        states = network.forward(load_digits().test_images[:5]).states
        assert np.array_equal(states[1], states[-2])


# One run --------------------------------------------------------------------------------------------------


def test_the_same_settings_give_the_same_record_and_another_seed_another():
    assert train(QUICK) == train(QUICK)
    assert train(QUICK).loss != train(replace(QUICK, seed=1)).loss


@pytest.mark.parametrize("activation", running.ACTIVATIONS)
def test_runs_side_by_side_are_those_made_one_by_one(activation):
    """To the last bit, also where some of them diverge and leave the stack."""
    runs = [
        replace(QUICK, seed=seed, depth=14, scale="skipinit", rate=2.0, steps=40, activation=activation)
        for seed in range(6)
    ]
    together = train_seeds(runs)
    assert together == [train(run) for run in runs]
    assert 0 < sum(record.diverged for record in together) < 6
    with pytest.raises(ValueError, match="^runs: got .*wanted"):
        train_seeds([runs[0], replace(runs[1], depth=3)])


def test_a_record_has_what_it_says():
    record = train(replace(QUICK, scale="skipinit"))
    assert len(record.loss) == 4 and record.measured == [0, 2, 3] and not record.diverged
    assert np.shape(record.state_gradients) == (3, 3) and np.shape(record.weight_gradients) == (3, 2)
    assert record.scales[0] == [0, 0] and all(record.scales[-1]) and len(record.accuracy) == 3
    assert train(QUICK).scales == [[], [], []]


def test_gradient_sizes_are_those_of_single_images():
    """The root mean square of ‖∂E/∂x_l‖ over single images; and the batch's mean weight gradient."""
    record = train(replace(QUICK, steps=1))
    order = np.random.default_rng(QUICK.seed).spawn(2)[1]
    network = initial_network(QUICK)
    chosen = order.choice(1437, QUICK.batch, replace=False)
    squares, sums = [], 0
    for image, target in zip(load_digits().train_images[chosen], load_digits().train_targets[chosen], strict=True):
        trace = network.forward(image)
        gradients = network.backward(trace, softmax_cross_entropy(trace.states[-1], target)[1])
        squares.append([np.sum(g**2) for g in gradients.states[1:-1]])
        sums = sums + np.array([[unit.branch[k].weight for k in (1, 3)] for unit in gradients.units[1:-1]])
    assert record.state_gradients[0] == pytest.approx(np.sqrt(np.mean(squares, axis=0)))
    assert record.weight_gradients[0] == pytest.approx(np.sqrt(np.sum((sums / QUICK.batch) ** 2, axis=(1, 2, 3))))


def test_it_learns():
    record = train(Settings(depth=4, width=16, batch=64, steps=60))
    assert record.accuracy[0] < 0.3 and record.accuracy[-1] > 0.7 and record.loss[-1] < record.loss[0] / 2


def test_divergence_is_recorded():
    record = train(Settings(depth=30, shortcut=1.5, scale="1", width=8, steps=50, batch=32, every=2))
    assert record.diverged and record.diverged_by == "forward pass" and 0 < record.diverged_at <= 50
    assert len(record.loss) == record.diverged_at and np.isfinite(record.loss).all()
    assert record.measured == [step for step in range(0, 51, 2) if step < record.diverged_at]


def test_divergence_is_seen_behind_layers_that_hide_it(monkeypatch):
    """relu(-inf) is 0, so the logits of such a network would be finite."""

    def spoiled(settings, rng):
        network = build_network(settings, rng)
        network.units[1].branch[0].weight *= -1e200
        network.units[1].branch[2].weight[:] = -1e200
        return network

    monkeypatch.setattr(running, "build_network", spoiled)
    record = train(replace(QUICK, activation="post"))
    assert (record.diverged_at, record.diverged_by) == (0, "forward pass") and record.loss == []


def make_steep(stack):
    """Scale the weights so that the states stay finite and the gradient on its way down does not."""
    stack.ends[2] *= 1e250
    stack.ends[0] *= 1e-300
    stack.inner[0] *= 1e155


def test_a_gradient_that_overflows_is_recorded(monkeypatch):
    class Steep(Stack):
        def __init__(self, *given):
            super().__init__(*given)
            make_steep(self)

    monkeypatch.setattr(running, "Stack", Steep)
    record = train(QUICK)
    assert (record.diverged_at, record.diverged_by) == (0, "gradient")


def test_a_gradient_that_overflows_between_measurements_is_recorded(monkeypatch):
    monkeypatch.setattr(Stack, "step", lambda stack, gradients: make_steep(stack))
    record = train(replace(QUICK, every=3))
    assert (record.diverged_at, record.diverged_by) == (1, "gradient") and record.measured == [0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("depth", 0), ("depth", 2.5), ("depth", "4"), ("seed", -1), ("width", 0), ("steps", 0), ("batch", 0),
     ("batch", 1438), ("every", 0), ("rate", 0), ("rate", -1.0), ("rate", float("nan")),
     ("shortcut", float("inf")),
     ("shortcut", "one"), ("activation", "both"), ("activation", None), ("scale", "2"), ("scale", 1)],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"^{name}: got .*wanted"):
        replace(QUICK, **{name: value})


# Records and their file -----------------------------------------------------------------------------------


def test_a_line_gives_its_record_back():
    record = train(QUICK)
    read = files.decode(files.encode(record))
    assert read.settings == record.settings and read.measured == record.measured
    assert read.loss == pytest.approx(record.loss, rel=1e-4)
    assert files.encode(read) == files.encode(record)


@pytest.mark.parametrize(
    "damage",
    [lambda line: line[:-1], lambda line: line[: len(line) // 2] + b"\n",
     lambda line: line.replace(b"2", b"3", 1),
     lambda line: b"\n", lambda line: b"\xff\xfe\n", lambda line: b"00000000 " + line[9:]],
    ids=["no end", "cut short", "one digit", "empty", "no text", "checksum"],
)  # fmt: skip
def test_a_damaged_line_is_refused(damage):
    line = files.encode(Record(QUICK))
    with pytest.raises(ValueError, match="got .*wanted"):
        files.decode(damage(line))


@pytest.mark.parametrize("content", [{"format": 0}, {}, {"format": 1, "settings": {"deep": 1}}, [], 5])
def test_a_whole_line_with_other_content_is_refused(content):
    text = json.dumps(content).encode()
    with pytest.raises(ValueError, match="wanted"):
        files.decode(f"{zlib.crc32(text):08x} ".encode() + text + b"\n")


def test_a_damaged_record_is_reported_and_made_anew(tmp_path):
    path = tmp_path / "results"
    runs = [QUICK, replace(QUICK, seed=1), replace(QUICK, seed=2)]
    whole = sweep(runs, path, processes=1)
    lines = path.read_bytes().splitlines(keepends=True)
    broken = lines[1].replace(b"0.", b"1.", 1)
    path.write_bytes(lines[0] + broken + lines[2][:-20])
    assert [damage.line for damage in read_records(path)[1]] == [2, 3]
    said = []
    assert sweep(runs, path, processes=1, report=said.append) == whole
    assert len(said) == 2 and "line 2 is damaged (checksum" in said[0] and "line 3" in said[1]
    records, damages = read_records(path)
    assert damages == [] and sorted(record.settings.seed for record in records) == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_somebody_else_is_left_alone(tmp_path, capsys):
    path = tmp_path / "notes"
    for content in (b"def factory():\n    return 1\n", b"3\n4", b"\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="notes, which is no results file, wanted one that a sweep wrote"):
            sweep([QUICK], path, processes=1)
        with pytest.raises(SystemExit):
            main([str(path), *ARGUMENTS])
        assert "no results file" in capsys.readouterr().err and path.read_bytes() == content


def test_select():
    found = [Record(replace(QUICK, seed=seed, depth=depth)) for seed in (1, 0) for depth in (2, 3)]
    assert [record.settings.seed for record in select(found, depth=3, width=4)] == [0, 1]
    assert {record.settings.depth for record in select(found, depth=3)} == {3}
    for choices in ({"depth": 9}, {"size": 3}):
        with pytest.raises(ValueError, match="^choices: got .*wanted"):
            select(found, **choices)


def test_what_is_done_is_not_done_again(tmp_path):
    path = tmp_path / "results"
    invented = Record(QUICK, loss=[1.25])
    files.append(path, invented)
    other = replace(QUICK, seed=1)
    first, second, third = sweep([QUICK, other, QUICK], path, processes=1)
    assert first == third == invented and second.settings == other and len(second.loss) == 4
    assert len(path.read_bytes().splitlines()) == 2


def test_the_number_of_processes_changes_nothing():
    runs = [replace(QUICK, seed=seed) for seed in range(4)]
    assert sweep(runs, processes=1) == sweep(runs, processes=2)


def test_each_process_has_one_blas_thread(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    with ProcessPoolExecutor(1, get_context("spawn"), _prepare_process, [load_digits()]) as pool:
        libraries = pool.submit(threadpoolctl.threadpool_info).result()
    assert libraries and all(library["num_threads"] == 1 for library in libraries)


@pytest.mark.parametrize(
    ("name", "call"),
    [("processes", lambda path: sweep([QUICK], path, processes=0)),
     (r"runs\[1\]", lambda path: sweep([QUICK, {"depth": 2}], path)),
     ("choices", lambda path: grid(height=3)), ("depth", lambda path: grid(depth=[])),
     ("seeds", lambda path: grid(seeds=0, depth=2)), ("scale", lambda path: grid(depth=2, scale=["1", "x"]))],
)  # fmt: skip
def test_bad_arguments_of_a_sweep_are_refused(name, call, tmp_path):
    with pytest.raises(ValueError, match=f"^{name}: got .*wanted"):
        call(tmp_path / "results")


def test_a_file_that_cannot_be_written_is_known_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.setattr("resnotes.training.sweeps._make", lambda *_: pytest.fail("a run was made"))
    with pytest.raises(OSError, match="results"):
        sweep([QUICK], tmp_path / "missing" / "results")


def test_grid_has_every_combination_once():
    runs = grid(seeds=2, depth=[8, 2], shortcut=[0.5, 1], scale="1", steps=4)
    assert len(set(runs)) == len(runs) == 8
    assert [run.depth for run in runs] == [2] * 4 + [8] * 4 and [run.seed for run in runs[:4]] == [0, 0, 1, 1]
    assert {run.scale for run in runs} == {"1"} and {run.steps for run in runs} == {4}


# The command line -----------------------------------------------------------------------------------------

ARGUMENTS = ["--depth", "2", "--shortcut", "0", "1", "--activation", "pre", "--scale", "1", "--rate", "0.05",
             "--width", "4", "--batch", "8", "--every", "2"]  # fmt: skip


def test_help():
    done = subprocess.run([sys.executable, "-m", "resnotes.training", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "RESULTS" in done.stdout and "goes on from there" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "RESULTS"), (["--depth", "0"], "depth: got 0"), (["--seeds", "0"], "seeds: got 0"),
     (["--scale", "3"], "invalid choice"), (["--rate", "nan"], "rate: got nan"),
     (["--rate", "fast"], "invalid float"),
     (["--processes", "0"], "processes: got 0"), (["--batch", "5000"], "batch: got 5000")],
)  # fmt: skip
def test_wrong_usage(arguments, message, tmp_path, capsys):
    given = [str(tmp_path / "results"), *arguments] if arguments else []
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_results_that_cannot_be_written(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "missing" / "results"), *ARGUMENTS, "--steps", "2"])
    assert ended.value.code == 2 and "RESULTS" in capsys.readouterr().err


def test_a_sweep_killed_in_the_middle_goes_on(tmp_path, capsys):
    """Killed while it works, and its last record cut short: the end is that of a sweep left in peace."""
    path, peaceful = tmp_path / "results", tmp_path / "peaceful"
    arguments = [*ARGUMENTS, "--every", "100", "--steps", "200", "--seeds", "6", "--processes"]
    begun = [sys.executable, "-m", "resnotes.training", str(path), *arguments, "2"]
    killed = subprocess.Popen(begun, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline and killed.poll() is None, "the sweep is not under way"
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    # Its processes hold the same pipes, so this returns once they have ended too.
    _, said = killed.communicate(timeout=60)
    assert "runs" not in said  # no progress bar: that is for terminals
    kept = path.read_bytes()
    assert 3 <= kept.count(b"\n") < 12
    path.write_bytes(kept[: kept.rindex(b"\n") - 7])

    assert main([str(path), *arguments, "1"]) == 0
    again = capsys.readouterr()
    assert "is damaged" in again.err
    assert main([str(peaceful), *arguments, "1"]) == 0
    assert again.out == capsys.readouterr().out and len(again.out.splitlines()) == 3
    as_set = lambda file: set(file.read_bytes().splitlines())  # noqa: E731
    assert as_set(path) == as_set(peaceful) and len(as_set(path)) == 12
