"""Paths: how many there are by length in a chain x' = λ x + r x, and how much of the gradient they carry.

What is computed, said and drawn of it stands in paths.js; here are the traits, their checks, and the reader's own
network.
"""

import numpy as np

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, number_between, style, whole_between
from resnotes.network import Network
from resnotes.paths import jacobian_by_length

MAX_UNITS = 1000
#: n r/(1 + r) = (5 + 17)/2 for n = 54: the middle of what Veit et al. (2016) found in 54 units.
CENTRED = 11 / 43


def of_network(network, x, g=None):
    """A network of the reader's own as this explorer shows it.

    With P_k the part of ∂x_L/∂x_0 carried by the paths through k branches (`resnotes.paths.jacobian_by_length`), the
    paths of length k bring back g P_k. Their share is the part of it along the whole gradient,
    ⟨g P_k, g_0⟩/⟨g_0, g_0⟩: signed, and one in sum. With one number per state it is ``unrolled-share``.

    Parameters
    ----------
    network : Network
        1 to 1000 units.
    x : array_like, shape (n,) or (batch, n)
        Its input.
    g : array_like, the shape of its last state, optional
        The gradient that enters; ones by default.

    Returns
    -------
    dict
        "n"; "measured", the shares for k = 0 … n; and "r" where some r from 0 to 2 gives the chain with λ = 1 the
        same mean length.

    Raises
    ------
    ValueError
        If `network` is not a Network or too deep, the gradient that arrives is 0, or x or g do not fit.
    """
    if not isinstance(network, Network):
        _validate.refuse("network", _validate.describe(network), "a resnotes.Network")
    n = len(network)
    if n > MAX_UNITS:
        _validate.refuse("network", f"{n} units", f"at most {MAX_UNITS}")
    trace = network.forward(x)
    last = trace.states[-1]
    wanted = f"finite numbers in the shape {last.shape} of the last state"
    g = np.ones_like(last) if g is None else _validate.finite_array(g, "g", wanted, (1, 2))
    if g.shape != last.shape:
        _validate.refuse("g", _validate.describe(g), wanted)
    rows = np.einsum("...i,...kij->k...j", g, jacobian_by_length(network, trace)).reshape(n + 1, -1)
    largest = np.abs(rows).max()
    rows = rows / (largest or 1.0)
    whole = rows.sum(axis=0)
    squared = float(whole @ whole)
    if squared == 0:
        _validate.refuse("g", "one of which nothing arrives at the input", "one with shares to speak of")
    # To twelve decimals, so that the book's page is the same whatever processor made it.
    shares = np.round(rows @ whole / squared, 12).tolist()
    mean = sum(k * share for k, share in enumerate(shares))
    found = {"n": n, "measured": shares}
    if 0 <= mean <= 2 * n / 3:
        found["r"] = mean / (n - mean)
    return found


def _measured(value, name):
    wanted = f"a list of at most {MAX_UNITS + 1} finite numbers, not all 0"
    shares = _validate.finite_array(value, name, wanted, (1,), allow_empty=True).astype(np.float64)
    if shares.size > MAX_UNITS + 1:
        _validate.refuse(name, f"{shares.size} numbers", wanted)
    if shares.size and not shares.any():
        _validate.refuse(name, "a list of zeros", wanted)
    return shares.tolist()


class Paths(Explorer):
    """Explorer: the paths through n units x' = λ x + r x by length, and the gradient they carry.

    Every trait can be set, observed and linked.

    Parameters
    ----------
    n : int, from 1 to 1000
        Units. 54 by default, as in a network with 110 layers.
    lam : float, from 0 to 2
        λ, by which every shortcut multiplies; 1 by default.
    r : float, from -2 to 2
        The branches' derivative. Where nothing is said, 11/43, which puts the mean length of the gradient's paths
        through 54 units at 11.
    measured : list of float
        The shares of a network of your own for path lengths 0 … n, drawn beside the rest where its n is shown. It is
        part of no link.
    network : Network, optional
        Your own network: gives `n`, `measured`, and the `r` with the same mean length. Needs x, and may take g; see
        `of_network`.
    x, g : array_like, optional

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import Paths
    >>> Paths(n=10, r=0.5)
    Paths(n=10, lam=1.0, r=0.5)
    """

    name = "paths"
    state_names = ("n", "lam", "r")
    carried = ("measured",)
    _esm = bundle("paths")
    _css = style("paths")

    n = Checked(whole_between(1, MAX_UNITS), 54)
    lam = Checked(number_between(0, 2), 1.0)
    r = Checked(number_between(-2, 2), CENTRED)
    measured = Checked(_measured, [])

    def __init__(self, *, network=None, x=None, g=None, **state):
        if network is not None:
            state = {**of_network(network, x, g), **state}
        elif x is not None or g is not None:
            _validate.refuse("network", "None", "a resnotes.Network, to which x and g belong")
        super().__init__(**state)
