"""Attention and layers at every position, against autograd; the stored transformer, its lenses, its training."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from resnotes import Affine, LayerNorm, Network, RMSNorm, Unit, jacobian_by_length, relu
from resnotes.attention import Attention, Positionwise
from resnotes.explorers import residual_stream
from resnotes.testing import GradientError, check_gradient
from resnotes.training import induction
from resnotes.transformer import assemble, draw, lens_by_length, mean_by_length, stored


def random_attention(rng, positions, d, heads, causal):
    k = 2 * heads
    matrices = [rng.normal(size=(k, d)) for _ in range(3)]
    return Attention(*matrices, rng.normal(size=(d, k)), positions, heads, causal)


def written(layer, matrices, x):
    """Attention written for autograd, head by head and position by position."""
    query, key, value, last = matrices
    h, size = x.reshape(layer.positions, layer.d), len(query) // layer.heads
    rows = []
    for t in range(layer.positions):
        seen = t + 1 if layer.causal else layer.positions
        read = []
        for head in range(layer.heads):
            part = slice(head * size, (head + 1) * size)
            fits = anp.dot(anp.dot(h[:seen], key[part].T), anp.dot(query[part], h[t])) / np.sqrt(size)
            weights = anp.exp(fits) / anp.sum(anp.exp(fits))
            read.append(anp.dot(weights, anp.dot(h[:seen], value[part].T)))
        rows.append(anp.dot(last, anp.concatenate(read)))
    return anp.concatenate(rows)


@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("positions", [1, 4])
def test_jacobian_and_parameters_agree_with_autograd(positions, heads, causal):
    rng = np.random.default_rng([positions, heads, causal])
    layer = random_attention(rng, positions, 3, heads, causal)
    matrices = tuple(getattr(layer, name) for name in layer.parameters)
    x, g = rng.normal(size=(2, positions * 3))
    np.testing.assert_allclose(layer(x), written(layer, matrices, x), rtol=0, atol=1e-12)
    wanted = autograd.jacobian(lambda x: written(layer, matrices, x))(x)
    np.testing.assert_allclose(layer.jacobian(x), wanted, rtol=0, atol=1e-10)
    found = layer.backward(x, g)[1]
    wanted = autograd.grad(lambda m: anp.dot(g, written(layer, m, x)))(matrices)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


def test_a_batch_is_its_samples_one_by_one_and_a_position_sees_none_that_is_masked():
    rng = np.random.default_rng(0)
    layer = random_attention(rng, 4, 3, 2, causal=True)
    x, g = rng.normal(size=(2, 5, 12))
    check_gradient(layer, x, parameters=layer.parameters)
    for k in range(5):
        np.testing.assert_allclose(layer(x)[k], layer(x[k]), rtol=0, atol=1e-13)
        np.testing.assert_allclose(layer.jacobian(x)[k], layer.jacobian(x[k]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(layer.backward(x, g)[0], np.einsum("bi,bij->bj", g, layer.jacobian(x)), atol=1e-12)
    blocks = layer.jacobian(x).reshape(5, 4, 3, 4, 3)
    later = np.triu(np.ones((4, 4), bool), 1)
    assert not blocks.transpose(1, 3, 0, 2, 4)[later].any()
    assert np.all(layer.weights(x).sum(axis=-1).round(12) == 1)
    assert np.isfinite(layer(1e3 * x)).all()


@pytest.mark.parametrize("inner", [RMSNorm(), LayerNorm([1.0, 2.0, 3.0]), Affine(np.ones((2, 3)), np.ones(2)), relu])
def test_positionwise_is_the_layer_at_every_position(inner):
    x = np.random.default_rng(1).normal(size=(2, 12))
    layer = Positionwise(inner, 4)
    np.testing.assert_allclose(layer(x).reshape(2, 4, -1), inner(x.reshape(2, 4, 3)), rtol=0, atol=0)
    check_gradient(layer, x)
    blocks = layer.jacobian(x).reshape(2, 4, -1, 4, 3)
    for t in range(4):
        np.testing.assert_allclose(blocks[:, t, :, t], inner.jacobian(x.reshape(2, 4, 3)[:, t]), atol=1e-13)
    assert np.count_nonzero(blocks.any(axis=(0, 2, 4))) == 4


def test_a_backward_pass_that_holds_the_weights_is_noticed():
    layer = random_attention(np.random.default_rng(2), 3, 2, 1, causal=False)

    class Held:
        def forward(self, x):
            return layer(x)

        def backward(self, x, g):
            reads = np.einsum("...hts,hkd->...htskd", layer.weights(x), layer.value.reshape(1, 2, 2))
            rows = g.reshape(*g.shape[:-1], 3, 2) @ layer.output_weight
            return np.einsum("...tk,...htskd->...sd", rows, reads).reshape(x.shape), None

    with pytest.raises(GradientError):
        check_gradient(Held(), np.random.default_rng(3).normal(size=6))


@pytest.mark.parametrize(
    "change, name",
    [
        ({"heads": 3}, "heads"),
        ({"key": np.ones((2, 3))}, "key"),
        ({"output_weight": np.ones((4, 3))}, "output_weight"),
        ({"positions": 0}, "positions"),
        ({"query": [[np.nan, 1.0]]}, "query"),
    ],
)
def test_bad_input_is_refused(change, name):
    right = {name: np.ones((4, 3)) for name in ("query", "key", "value")}
    given = {**right, "output_weight": np.ones((3, 4)), "positions": 2, "heads": 2, **change}
    with pytest.raises(ValueError, match=f"^{name}: got "):
        Attention(**given)
    for x in (np.ones(5), np.ones((2, 7))):
        with pytest.raises(ValueError, match="^x: got "):
            Attention(**{**given, **right, "output_weight": np.ones((3, 4)), "positions": 2, "heads": 2})(x)
        with pytest.raises(ValueError, match="^x: got "):
            Positionwise(relu, 2)(x)


# The stored transformer.


@pytest.fixture(scope="module")
def model():
    return stored()


def test_the_stored_transformer_has_learned_its_task(model):
    assert induction.accuracy(model) > 0.99


@pytest.mark.parametrize("start", range(5))
def test_lengths_add_up_to_the_jacobian_of_the_stored_transformer(model, start):
    tokens, _ = draw(np.random.default_rng(start), 20)
    trace = model.forward(tokens)
    parts, whole = jacobian_by_length(model.network, trace, start), model.network.jacobian(trace, start)
    assert np.abs(parts.sum(axis=1) - whole).max() <= 1e-10 * np.abs(whole).max()
    lens = lens_by_length(model, trace, start)
    np.testing.assert_array_equal(lens[0], model.last(trace.states[start]))
    reached = np.einsum("bij,bj->bi", whole, trace.states[start])
    np.testing.assert_allclose(lens.sum(axis=0), model.last(reached), rtol=0, atol=1e-10)
    np.testing.assert_allclose(mean_by_length(model, tokens, start), parts.mean(axis=0), rtol=0, atol=1e-12)


def test_its_last_unit_leaves_its_own_state_alone(model):
    trace = model.forward(draw(np.random.default_rng(1), 20)[0])
    for l, unit in enumerate(model.network):
        moved = np.einsum("bij,bj->bi", model.network.jacobian(trace, l, l + 1), trace.states[l])
        np.testing.assert_allclose(moved, trace.states[l], rtol=0, atol=1e-10 * np.abs(trace.states[l]).max())
        assert np.abs(trace.units[l].branch_output).max() > 0.1, unit


def own_by_differences(model, trace, start):
    """What an input's own Jacobian makes of its own state, by number of branches: difference quotients, unit by unit."""
    parts = [trace.states[start]]
    for unit, state in zip(model.network.units[start:], trace.states[start:], strict=False):

        def moved(v, unit=unit, state=state):
            both = [Network([unit]).forward(state + h * v).states[-1] - h * v for h in (1e-5, -1e-5)]
            return (both[0] - both[1]) / 2e-5

        through = [moved(part) for part in parts]
        parts = [a + b for a, b in zip((*parts, 0), (0, *through), strict=True)]
    return np.cumsum([model.last(part) for part in parts], axis=0)


def test_shares_that_travel_with_the_page_are_those_of_the_transformer(model):
    tokens, answers = draw(np.random.default_rng(6), residual_stream.TRIED)
    others, _ = draw(np.random.default_rng(5), residual_stream.AVERAGED)
    trace = model.forward(tokens)
    for start, stated in enumerate(residual_stream.STORED["right"]["own"]):
        found = (model.read(own_by_differences(model, trace, start)).argmax(axis=-1) == answers).mean(axis=-1)
        assert found == pytest.approx(stated, abs=1.1 / residual_stream.TRIED), start  # one may lie on an edge
    for start in (2, 3, 4):
        means = np.cumsum(mean_by_length(model, others, start), axis=0)
        read = [model.read(model.last(trace.states[start] @ mean.T)).argmax(axis=-1) for mean in means]
        found = [np.mean(named == answers) for named in read]
        assert found == pytest.approx(residual_stream.STORED["right"]["mean"][start], abs=1.1 / residual_stream.TRIED)


def test_training_starts_as_the_stored_one_did_and_learns():
    """A short run from the same seed: the loss falls, and its gradients are those of differences."""
    losses = []
    arrays = induction.train(steps=80, told=lambda step, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.1
    tokens, answers = draw(np.random.default_rng(0), 16)
    found = induction.gradients(assemble(arrays), tokens, answers)[1]
    rng = np.random.default_rng(1)
    for name, array in arrays.items():
        direction = rng.normal(size=array.shape)
        above, below = (
            induction.gradients(assemble({**arrays, name: array + step * direction}), tokens, answers)[0]
            for step in (1e-6, -1e-6)
        )
        assert np.isclose(np.sum(found[name] * direction), (above - below) / 2e-6, rtol=1e-4, atol=1e-7), name


def test_a_sequence_of_other_letters_is_refused(model):
    for tokens in ([0] * 7, [8] * 8, np.zeros(8), [[-1] * 8]):
        with pytest.raises(ValueError, match="^tokens: got "):
            model.logits(tokens)
    net = Network([Unit([relu])])
    with pytest.raises(ValueError, match="^unembedding: got "):
        type(model)(np.ones((2, 3)), np.ones((4, 3)), net, np.ones((2, 2)))
