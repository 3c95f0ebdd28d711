"""How alike a network's gradients are at two inputs: correlations, their laws, and networks to measure them on.

The correlation of two gradients is E[g·g'] / √(E‖g‖² E‖g'‖²), over networks (equation ``shattered-correlation``).
"""

import numpy as np

from resnotes import _validate
from resnotes.initialisation import _per_unit, _shortcut
from resnotes.network import Affine, Network, Unit, relu
from resnotes.normalisation import BatchNorm, batch_variance
from resnotes.shortcuts import Scale


def coactive_correlation(depth, lam=1.0, beta=1.0, strength=1.0, coactive=0.25):
    """Correlation after `depth` units in which a component is active for both inputs with a given probability.

    Equation ``shattered-law``, ∏(λ² + 2pκβ²) / (λ² + κβ²). It assumes masks that do not depend on the weights.

    Parameters
    ----------
    depth : int
        L.
    lam, beta : float or sequence of L floats
    strength : float
        κ, as in `initialisation.branch_strength`.
    coactive : float or sequence of L floats
        p, from 0 to 1/2. One quarter: the inputs' masks are independent. One half: they are the same.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a number is none, p is outside, or a unit has neither a shortcut nor a branch.
    """
    depth = _validate.whole_number(depth, "depth", 1)
    lam, beta, coactive = (
        _per_unit(value, name, depth) for value, name in ((lam, "lam"), (beta, "beta"), (coactive, "coactive"))
    )
    if np.any(coactive < 0) or np.any(coactive > 0.5):
        _validate.refuse("coactive", f"{coactive.min()} to {coactive.max()}", "probabilities from 0 to 1/2")
    return float(np.prod(_weights(lam, beta, strength, 2 * coactive)))


def _weights(lam, beta, strength, share):
    """(λ² + κβ² share) / (λ² + κβ²)."""
    carried, added = lam**2, _validate.finite_number(strength, "strength") * beta**2
    if np.any(carried + added <= 0):
        _validate.refuse("lam", "a unit with λ² + κβ² = 0", "units that let something through")
    return (carried + added * share) / (carried + added)


def next_angle(angle, lam=1.0, beta=1.0, strength=1.0):
    """The angle between two states of equal length after one wide unit without normalisation.

    Equation ``shattered-angle``; the branch's share is the arc-cosine kernel (Cho and Saul 2009).

    Parameters
    ----------
    angle : float
        θ, from 0 to π.
    lam, beta, strength : float

    Returns
    -------
    float
    """
    angle = _validate.finite_number(angle, "angle")
    if not 0 <= angle <= np.pi:
        _validate.refuse("angle", angle, "a number from 0 to π")
    share = 1 - _weights(np.float64(lam), np.float64(beta), strength, 0.0)
    # One minus the cosine, written so that small angles keep their digits: of the state, and of the branch's output.
    carried = 2 * np.sin(angle / 2) ** 2
    added = carried - (np.sin(angle) - angle * np.cos(angle)) / np.pi
    rest = (1 - share) * carried + share * added
    return float(2 * np.arcsin(np.sqrt(min(1.0, max(0.0, rest / 2)))))


def next_centred_angle(angle):
    """The same after a wide plain layer, where the mean over all inputs is subtracted: ``shattered-centred``.

    So it is with a batch normalisation in front of every ReLU.

    Parameters
    ----------
    angle : float
        θ, from 0 to π.

    Returns
    -------
    float
    """
    cosine = np.cos(next_angle(angle, lam=0.0))
    return float(np.arccos(np.clip((np.pi * cosine - 1) / (np.pi - 1), -1, 1)))


def angles(depth, lam=1.0, beta=1.0, strength=1.0, start=np.pi / 2):
    """θ_0, ..., θ_L between the states of two inputs in a wide network of equal units, shape (depth + 1,)."""
    depth = _validate.whole_number(depth, "depth", 0)
    found = [_validate.finite_number(start, "start")]
    for _ in range(depth):
        found.append(next_angle(found[-1], lam, beta, strength))
    return np.array(found)


def wide_correlation(depth, lam=1.0, beta=1.0, strength=1.0, start=np.pi / 2):
    """Correlation after 0, ..., `depth` equal units without normalisation, in wide networks.

    Both inputs' masks agree as the angle between the states says: p = (π - θ) / (2π), ``shattered-coactive``.

    Returns
    -------
    ndarray, shape (depth + 1,)
    """
    share = 1 - angles(depth, lam, beta, strength, start)[:-1] / np.pi
    factors = _weights(np.float64(lam), np.float64(beta), strength, share)
    return np.concatenate([[1.0], np.cumprod(factors)])


def batch_normalised_network(weights, batch, lam=1.0, beta=1.0, variance=None):
    """The network x_{l+1} = λ_l x_l + β_l W_l ReLU(BN_l(x_l)), its statistics taken from a batch and then held.

    Parameters
    ----------
    weights : array_like, shape (L, n, n)
    batch : array_like, shape (B, n)
        At least two inputs. Each normalisation takes the mean and variance of their states.
    lam, beta : float or sequence of L floats
    variance : float or sequence of L floats, optional
        What each normalisation divides by the root of, after the batch's mean is taken off. By default the
        batch's own variance, component by component.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If a shape does not fit, something is not finite, a variance is not positive, or a component is the same
        in the whole batch and is to be divided by its spread.
    """
    weights = _validate.finite_array(weights, "weights", "a real array of shape (L, n, n)", (3,))
    wanted = f"a real array of shape (B, {weights.shape[-1]}) with B at least 2"
    states = _validate.finite_array(batch, "batch", wanted, (2,))
    if len(states) < 2 or states.shape[1] != weights.shape[-1]:
        _validate.refuse("batch", _validate.describe(states), wanted)
    given = None if variance is None else _per_unit(variance, "variance", len(weights))
    if given is not None and np.any(given <= 0):
        _validate.refuse("variance", given.min(), "positive numbers")
    lam, beta = (_per_unit(value, name, len(weights)) for value, name in ((lam, "lam"), (beta, "beta")))
    units = []
    for index, (W, shortcut, scale) in enumerate(zip(weights, lam, beta, strict=True)):
        spread = batch_variance(states) if given is None else np.full(states.shape[1], given[index])
        if np.any(spread == 0):
            _validate.refuse("batch", "a component that is the same in every sample", "components that vary")
        branch = [BatchNorm(states.mean(axis=0), spread, epsilon=0.0), relu, Affine(W)]
        units.append(Unit(branch if scale == 1 else [*branch, Scale(float(scale))], _shortcut(shortcut)))
        states = units[-1].forward(states).output
    return Network(units)


def gradient_products(network, x, other, g):
    """g_0·g_0' and the mean of ‖g_0‖² and ‖g_0'‖², for the same gradients on top at two inputs.

    Parameters
    ----------
    network : Network
    x, other : array_like, shape (batch, n)
        Pairs of inputs.
    g : array_like, shape (batch, n_L)
        One row for each pair.

    Returns
    -------
    product, square : float
        Means over the pairs; their ratio over many networks is the correlation.
    """
    first, second = (network.backward(network.forward(inputs), g, parameters=False).states[0] for inputs in (x, other))
    if first.ndim != 2:
        _validate.refuse("x", f"{first.ndim} axis", "pairs of inputs, shape (batch, n)")
    product = np.mean(np.sum(first * second, axis=-1))
    return float(product), float(np.mean(np.sum(first**2 + second**2, axis=-1)) / 2)


def ratio_and_error(pairs):
    """Mean of the first entries over mean of the second, and its standard error.

    Parameters
    ----------
    pairs : array_like, shape (N, 2)
        Independent pairs, as from `gradient_products`; at least two.

    Returns
    -------
    ratio, error : float
        The error is that of the linearised ratio.
    """
    wanted = "at least two pairs of numbers, whose second entries do not sum to 0"
    pairs = _validate.finite_array(pairs, "pairs", wanted, (2,))
    if pairs.shape[1] != 2 or len(pairs) < 2 or pairs[:, 1].sum() == 0:
        _validate.refuse("pairs", _validate.describe(pairs), wanted)
    ratio = pairs[:, 0].mean() / pairs[:, 1].mean()
    rest = pairs[:, 0] - ratio * pairs[:, 1]
    return float(ratio), float(rest.std(ddof=1) / np.sqrt(len(pairs)) / abs(pairs[:, 1].mean()))
