"""Residual networks at random initialisation: drawing them, and how much gradient they let through.

A unit is x_{l+1} = λ_l x_l + β_l F_l(x_l) (equation ``init-unit``). The law for the mean gain,
∏(λ_l² + κ β_l²), is equation ``init-law``.
"""

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.network import Affine, Network, Unit, relu
from resnotes.normalisation import LayerNorm
from resnotes.shortcuts import Absent, Identity, Scale

_START = ("affine", "relu")
#: Where a unit may have layer normalisations: before its branch, at the end of its branch, after the addition.
PLACES = ("pre", "out", "post")


def draw_weights(rng, depth, width, variances=(2.0, 1.0)):
    """Square Gaussian weights for `depth` branches of len(variances) layers each.

    Parameters
    ----------
    rng : numpy.random.Generator
    depth, width : int
        L and n.
    variances : sequence of float
        v_k for the layers of a branch: the entries of W_k have mean 0 and variance v_k / n.

    Returns
    -------
    ndarray, shape (depth, len(variances), width, width)

    Raises
    ------
    ValueError
        If depth or width is not a whole number of at least 1, a variance is negative, or `rng` draws nothing.
    """
    if not isinstance(rng, np.random.Generator):
        _validate.refuse("rng", _validate.describe(rng), "a numpy.random.Generator")
    depth, width = (_validate.whole_number(v, name, 1) for v, name in ((depth, "depth"), (width, "width")))
    wanted = "a sequence of numbers of at least 0, one for each layer of a branch"
    variances = _validate.finite_array(variances, "variances", wanted, (1,))
    if np.any(variances < 0):
        _validate.refuse("variances", f"{variances.min()}", wanted)
    weights = rng.standard_normal((depth, len(variances), width, width))
    return weights * np.sqrt(variances / width)[:, np.newaxis, np.newaxis]


def _per_unit(value, name, depth):
    """One number for each unit, from a number or a sequence."""
    wanted = f"a number, or {depth} of them"
    values = _validate.finite_array(value, name, wanted, (0, 1))
    if values.ndim and len(values) != depth:
        _validate.refuse(name, _validate.describe(values), wanted)
    return np.broadcast_to(values, depth)


def norm_places(norm):
    """The places of layer normalisations that a name such as "pre+out" joins; none for None.

    Raises
    ------
    ValueError
        If it names something else than `PLACES`, or one of them twice.
    """
    places = () if norm is None else tuple(norm.split("+")) if isinstance(norm, str) else (norm,)
    if len(set(places)) < len(places) or not set(places) <= set(PLACES):
        _validate.refuse("norm", _validate.describe(norm), f"None, or some of {PLACES} joined by '+'")
    return places


def _shortcut(factor):
    return Identity() if factor == 1 else Absent() if factor == 0 else Scale(float(factor))


def residual_network(weights, lam=1.0, beta=1.0, start="affine", norm=None):
    """The network x_{l+1} = λ_l x_l + β_l F_l(x_l) with the given weights, without biases.

    Parameters
    ----------
    weights : array_like, shape (L, k, n, n)
        As from `draw_weights`: k weights for each of L branches.
    lam, beta : float or sequence of L floats
        λ_l and β_l. A unit with λ = 0 is plain. Where β is not 1, the branch ends in a `Scale`.
    start : str
        "affine": the branch is W_k ReLU(... ReLU(W_1 x)). "relu": W_k ReLU(... W_1 ReLU(x)).
    norm : str, optional
        Where a `LayerNorm` stands. "pre": in front of every branch. "out": at the end of every branch. "post": after
        every addition. Several are joined by "+", as "pre+out". None: nowhere.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If the weights have another shape or are not finite, or another argument is none of those named.
    """
    weights = _validate.finite_array(weights, "weights", "a real array of shape (L, k, n, n)", (4,))
    if start not in _START:
        _validate.refuse("start", _validate.describe(start), f"one of {_START}")
    places = norm_places(norm)
    lam, beta = (_per_unit(value, name, len(weights)) for value, name in ((lam, "lam"), (beta, "beta")))
    units = []
    for matrices, shortcut, scale in zip(weights, lam, beta, strict=True):
        branch = [layer for W in matrices for layer in (Affine(W), relu)]
        branch = [relu, *branch[:-1]] if start == "relu" else branch[:-1]
        front = [LayerNorm()] if "pre" in places else []
        end = [LayerNorm()] if "out" in places else []
        end += [] if scale == 1 else [Scale(float(scale))]
        after = {"after": LayerNorm()} if "post" in places else {}
        units.append(Unit([*front, *branch, *end], _shortcut(shortcut), **after))
    return Network(units)


def branch_strength(variances, start="affine", positive=0.5):
    """κ, by which a branch multiplies the mean square of a gradient (``init-branch``, ``init-relu-first``).

    Every layer brings its v_k, and every ReLU the share of its inputs that are positive. That is one half
    after a weight whose entries are as often negative; at the state itself it is `positive`.

    Parameters
    ----------
    variances : sequence of float
        v_k, as in `draw_weights`.
    start : str
        "affine" or "relu", as in `residual_network`.
    positive : float
        Share of positive components in the state; counts where the branch starts with a ReLU.

    Returns
    -------
    float
    """
    if start not in _START:
        _validate.refuse("start", _validate.describe(start), f"one of {_START}")
    variances = _validate.finite_array(variances, "variances", "a sequence of numbers", (1,))
    share = _validate.finite_number(positive, "positive") if start == "relu" else 1.0
    return float(np.prod(variances) * 0.5 ** (len(variances) - 1) * share)


def attention_strength(weights, variances=(1.0, 1.0)):
    """κ of attention whose weights are held, for gradients uncorrelated between positions (``init-attention``).

    Parameters
    ----------
    weights : array_like, shape (..., T, T)
        How much position t looks at position s, as from `Attention.weights`; the mean over heads and samples counts.
    variances : sequence of two floats
        v_1 of the values' matrix and v_2 of the output's, as in `draw_weights`.

    Returns
    -------
    float
        v_1 v_2 ‖P‖² / T.

    Raises
    ------
    ValueError
        If the weights are no square arrays of finite numbers, or there are not two variances.
    """
    wanted = "a real array of shape (..., T, T)"
    weights = _validate.finite_array(weights, "weights", wanted, range(2, 9))
    if weights.shape[-1] != weights.shape[-2]:
        _validate.refuse("weights", _validate.describe(weights), wanted)
    variances = _validate.finite_array(variances, "variances", "two numbers", (1,))
    if len(variances) != 2:
        _validate.refuse("variances", _validate.describe(variances), "two numbers")
    return float(np.prod(variances) * np.mean(np.sum(weights**2, axis=(-2, -1))) / weights.shape[-1])


def expected_gain(depth, lam=1.0, beta=1.0, strength=1.0):
    """E‖g_0‖² / ‖g_L‖² = ∏(λ_l² + κ β_l²), equation ``init-law``.

    Parameters
    ----------
    depth : int
        L.
    lam, beta : float or sequence of L floats
    strength : float
        κ; see `branch_strength`.

    Returns
    -------
    float
        Infinite where it does not fit a float64.
    """
    depth = _validate.whole_number(depth, "depth", 1)
    lam, beta = (_per_unit(value, name, depth) for value, name in ((lam, "lam"), (beta, "beta")))
    strength = _validate.finite_number(strength, "strength")
    with np.errstate(over="ignore", under="ignore"):
        return float(np.prod(lam**2 + strength * beta**2))


def expected_weight_gradients(depth, lam=1.0, beta=1.0, variances=(2.0, 1.0)):
    """Mean of ‖∂E/∂W_{l,k}‖² over ‖x_0‖² ‖g_L‖², equations ``init-weights`` and ``init-state-law``.

    Of units x_{l+1} = λ_l x_l + β_l W_{l,2} ReLU(W_{l,1} x_l) with square weights.

    Parameters
    ----------
    depth : int
        L.
    lam, beta : float or sequence of L floats
    variances : sequence of two floats
        v_1 and v_2, as in `draw_weights`.

    Returns
    -------
    ndarray, shape (L, 2)
        One row for each unit: its first weight, its second.
    """
    depth = _validate.whole_number(depth, "depth", 1)
    lam, beta = (_per_unit(value, name, depth) for value, name in ((lam, "lam"), (beta, "beta")))
    wanted = "two numbers, one for each layer of a branch"
    variances = _validate.finite_array(variances, "variances", wanted, (1,))
    if len(variances) != 2:
        _validate.refuse("variances", _validate.describe(variances), wanted)
    factors = lam**2 + branch_strength(variances) * beta**2
    with np.errstate(over="ignore", under="ignore"):
        below = np.cumprod([1.0, *factors[:-1]])
        above = np.cumprod([1.0, *factors[:0:-1]])[::-1]
        others = beta**2 * below * above
    return others[:, np.newaxis] * variances[::-1] / 2


def batch_strength(variances):
    """κ and τ of a branch whose every layer follows a batch normalisation and a ReLU, in wide networks.

    Equations ``init-batch-one`` and ``init-batch-two``: the strength κ of the branch where the state's variance in
    its batch is 1, and τ, what the branch adds to that variance.

    Parameters
    ----------
    variances : sequence of float
        v_k, as in `draw_weights`. Every normalisation takes out the variance of the layer before it.

    Returns
    -------
    strength, growth : float
    """
    variances = _validate.finite_array(variances, "variances", "a sequence of numbers", (1,))
    spread = 1 - 1 / np.pi
    half = float(variances[-1]) / 2
    return half / spread ** (len(variances) - 1), half * spread


def growing_gain(depth, strength, growth):
    """∏(1 + κ/(1 + τ l)) over `depth` units: ``init-batch-law``, and ``init-pre-law`` for τ = κ.

    Parameters
    ----------
    depth : int
        L.
    strength, growth : float
        κ and τ; see `batch_strength`.

    Returns
    -------
    float
    """
    depth = _validate.whole_number(depth, "depth", 1)
    strength, growth = (
        _validate.finite_number(value, name) for value, name in ((strength, "strength"), (growth, "growth"))
    )
    return float(np.prod(1 + strength / (1 + growth * np.arange(depth))))


@np.errstate(under="ignore")  # what is too small beside the rest adds nothing
def gains(network: Network, x: ArrayLike, g: ArrayLike) -> np.ndarray:
    """‖g_0‖² / ‖g_L‖² of one network for each sample.

    Parameters
    ----------
    network : Network
    x : array_like, shape (n,) or (batch, n)
        Inputs.
    g : array_like, the shape of the output
        Gradients there. The law wants them chosen without looking at the network.

    Returns
    -------
    float or ndarray, shape (batch,)
        Of gradients of any length: no square of an entry of g leaves the range of floats.

    Raises
    ------
    ValueError
        As `Network.forward` and `Network.backward`, and where a row of g is 0.
    """
    trace = network.forward(x)
    last = trace.states[-1]
    g = _validate.finite_array(g, "g", f"a real array of shape {last.shape}, like the last state", (last.ndim,))
    # No gain depends on the length of g. One power of two for all samples: a layer may couple them.
    g = np.ldexp(g, -np.frexp(np.max(np.abs(g)))[1])
    states = network.backward(trace, g, parameters=False).states
    (below, low), (above, high) = _moderate(states[0]), _moderate(states[-1])
    above = np.sum(above**2, axis=-1)
    if np.any(above == 0):
        _validate.refuse("g", "a row of zeros", "rows that are not 0")
    with np.errstate(over="ignore"):
        return np.ldexp(np.sum(below**2, axis=-1) / above, 2 * (low - high))


def _moderate(rows):
    """Rows divided by powers of two so that their largest entries are near 1, and the exponents, one a row."""
    exponents = np.frexp(np.max(np.abs(rows), axis=-1))[1]
    return np.ldexp(rows, -exponents[..., np.newaxis]), exponents


def mean_and_error(samples):
    """Mean of independent samples and its standard error.

    Parameters
    ----------
    samples : array_like, shape (N,)
        At least two.

    Returns
    -------
    mean, error : float
    """
    samples = _validate.finite_array(samples, "samples", "at least two numbers", (1,))
    if len(samples) < 2:
        _validate.refuse("samples", _validate.describe(samples), "at least two numbers")
    return float(np.mean(samples)), float(np.std(samples, ddof=1) / np.sqrt(len(samples)))
