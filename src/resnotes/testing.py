"""For tests of custom layers."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.shortcuts import apply, send_back


class GradientError(AssertionError):
    """A backward rule and the differences of its forward pass do not agree."""


class KinkError(GradientError):
    """They cannot agree: there is a kink at x, as a ReLU has at 0."""


def check_gradient(
    layer,
    x: ArrayLike,
    parameters: Sequence[str] | None = None,
    directions: int = 3,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """Compare a layer's ``backward`` with differences of its ``forward``, in random directions.

    For a random gradient g at the output and a random direction v, the derivative of Σ g·forward(x) along v is
    taken twice: from what ``backward`` returns, and as a central difference, of the state and of every parameter.
    A wrong entry shows in nearly every direction, so a few do (as in autograd's ``check_grads``).

    Parameters
    ----------
    layer : object
        Anything with ``forward(x)`` and ``backward(x, g)``.
    x : array_like, shape (..., n)
    parameters : sequence of str, optional
        The attributes that the second thing ``backward`` returns is the gradient of, in its order. By default
        ``weight`` for an array and ``weight, bias`` for a pair. Each is set anew for the differences and put back.
    directions : int
        How many pairs of g and v are tried.
    seed : int
        Of the directions.
    tolerance : float, optional
        Difference allowed, relative to the size of the gradient times that of the direction: 1e-6, and 1e-2 where
        the layer computes in float32.

    Raises
    ------
    KinkError
        If the slopes on both sides of x differ, so that no gradient is right there: move x.
    GradientError
        If the two derivatives differ; the message has both numbers. Both are AssertionErrors.
    ValueError
        If the layer breaks the protocol of `resnotes.shortcuts`, x does not fit it, or ``backward`` returns the
        gradient of a parameter that has no name.

    Notes
    -----
    A `StopGradient` fails, since it sends back on purpose what is not the derivative.

    Examples
    --------
    >>> import numpy as np
    >>> from resnotes.testing import check_gradient
    >>> class Square:
    ...     def forward(self, x):
    ...         return x**2
    ...     def backward(self, x, g):
    ...         return g * x, None
    >>> check_gradient(Square(), [1.0, -2.0])
    Traceback (most recent call last):
    ...
    resnotes.testing.GradientError: x: backward gives 0.1082..., differences of forward 0.2164... along direction 0
    """
    _validate.layer(layer, "layer")
    x = _validate.states(x, "x")
    directions = _validate.whole_number(directions, "directions", 1)
    rng = np.random.default_rng(seed)
    for number in range(directions):
        output = apply(layer, x)
        g = rng.normal(size=output.shape).astype(output.dtype)
        sent, parameter = send_back(layer, x, g)
        allowed = tolerance or (1e-6 if output.dtype == np.float64 else 1e-2)

        def weighted(x, g=g):
            terms = g * apply(layer, x)
            return float(terms.sum()), float(np.abs(terms).sum())

        _compare("x", sent, x, weighted, rng, number, allowed, output.dtype)
        for name, gradient in _named(layer, parameter, parameters):

            def with_value(value, name=name, weighted=weighted):
                old = getattr(layer, name)
                setattr(layer, name, value if np.ndim(old) else float(value))
                try:
                    return weighted(x)
                finally:
                    setattr(layer, name, old)

            value = np.asarray(getattr(layer, name))
            if np.shape(gradient) != value.shape:
                wanted = f"shape {value.shape}, like {name}"
                _validate.refuse("backward(x, g)[1]", f"a gradient of shape {np.shape(gradient)}", wanted)
            _compare(name, gradient, value, with_value, rng, number, allowed, output.dtype)


def _named(layer, parameter, names):
    """Names of attributes beside their gradients; what has no gradient is left out."""
    if parameter is None:
        return []
    gradients = list(parameter) if isinstance(parameter, (tuple, list)) else [parameter]
    names = ("weight", "bias") if names is None else tuple(names)
    pairs = [(name, gradient) for name, gradient in zip(names, gradients) if gradient is not None]
    if len(gradients) > len(names) or not all(hasattr(layer, name) for name, _ in pairs):
        got = f"{', '.join(names)} for {len(gradients)} gradients"
        _validate.refuse("parameters", got, "the names of the attributes that these are the gradients of")
    return pairs


def _compare(name, gradient, at, function: Callable, rng, number, tolerance, dtype):
    """Compare a gradient with differences of `function`, which returns a number and the size of its terms."""
    direction = rng.normal(size=at.shape).astype(at.dtype)
    ours = float(np.sum(gradient * direction))
    size = float(np.linalg.norm(gradient) * np.linalg.norm(direction))
    step = float(np.cbrt(np.finfo(dtype).eps)) * max(1.0, float(np.max(np.abs(at), initial=0)))
    middle, terms = function(at)

    def slopes(step):
        above, below = function(at + step * direction)[0], function(at - step * direction)[0]
        return (above - middle) / step, (middle - below) / step

    for finer in (step, step / 16):  # a kink beside x is stepped over by the coarser one alone
        right, left = slopes(finer)
        theirs = (right + left) / 2
        noise = 16 * np.finfo(dtype).eps * terms / finer
        if abs(ours - theirs) <= tolerance * max(size, abs(theirs)) + noise:
            return
    finest = slopes(step / 64)
    gap, before = abs(finest[0] - finest[1]), abs(right - left)
    if gap > 0.75 * before > 64 * noise:  # where it is smooth, the gap shrinks with the step
        raise KinkError(
            f"{name}: backward gives {ours:.12g}, differences of forward {left:.6g} on one side and {right:.6g} on the "
            f"other along direction {number}: a kink, move x"
        )
    raise GradientError(
        f"{name}: backward gives {ours:.12g}, differences of forward {theirs:.12g} along direction {number}"
    )
