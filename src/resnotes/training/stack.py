"""Networks of one shape that are trained side by side, their arrays in one stack.

At width 16 most of a step of one network is the cost of calling NumPy: five networks in a stack take little more than
one. Each network's numbers are the same bits whichever others stand beside it.
"""

import numpy as np

from resnotes.losses import softmax_cross_entropy
from resnotes.network import Affine
from resnotes.shortcuts import Scale


class Stack:
    """S networks from `build_network` with the same settings but the seed.

    Attributes
    ----------
    inner, biases : ndarray, shapes (L, 2, S, n, n) and (L, 2, S, 1, n)
        W₁ and W₂ of every unit and their biases.
    ends : list of ndarray
        Weight and bias of the first layer, weight and bias of the last, each with the networks in front.
    scales : ndarray, shape (L, S, 1, 1)
        β.
    """

    def __init__(self, settings, networks):
        self.shortcut, self.rate = settings.shortcut, settings.rate
        self.post, self.learns_scales = settings.activation == "post", settings.scale == "skipinit"
        units = [[_parameters(unit) for unit in network] for network in networks]
        weights, biases, scales = (
            np.array([[unit[k] for unit in net[1:-1]] for net in units], dtype=float) for k in range(3)
        )
        self.inner = np.ascontiguousarray(weights.transpose(1, 2, 0, 3, 4))
        self.biases = np.ascontiguousarray(biases.transpose(1, 2, 0, 3)[..., None, :])
        self.scales = scales.T[..., None, None].copy()
        self.ends = [np.stack([net[place][k][0] for net in units]) for place in (0, -1) for k in (0, 1)]
        self.ends[1::2] = (bias[:, None, :] for bias in self.ends[1::2])

    def keep(self, which):
        """Leave only some of the networks, named by a mask."""
        self.inner, self.biases = (array[:, :, which] for array in (self.inner, self.biases))
        self.scales = self.scales[:, which]
        self.ends = [array[which] for array in self.ends]

    def forward(self, images, keep=True):
        """The logits, shape (S, batch, 10), which of the networks are finite throughout, and what `backward` needs."""
        x, trace = self._after(_affine(images, *self.ends[:2])), []
        finite = _finite(x)
        for weights, biases, scale in zip(self.inner, self.biases, self.scales, strict=True):
            start = self._before(x)
            middle = _affine(start, weights[0], biases[0])
            finite &= _finite(middle)  # the ReLUs would hide an infinity below 0
            np.maximum(middle, 0, out=middle)
            branch = _affine(middle, weights[1], biases[1])
            if keep:
                trace.append((start, middle, branch.copy() if self.learns_scales else None))
            branch *= scale
            branch += self.shortcut * x
            finite &= _finite(branch)
            x = self._after(branch)
        last = self._before(x)
        logits = _affine(last, *self.ends[2:])
        return logits, finite & _finite(logits), (images, trace, last)

    def backward(self, trace, g):
        """For g at the logits: the squared norms of the gradients at the states x_0 to x_L, shape (L + 1, S), which of
        the networks have a finite gradient at x_0, and the gradients of `inner`, `biases`, `scales` and `ends`.
        """
        images, trace, above = trace
        d_inner, d_biases, d_scales = map(np.empty_like, (self.inner, self.biases, self.scales))
        d_ends, g = list(_parameter_gradients(above, g)), g @ self.ends[2]
        if not self.post:
            g *= above > 0
        squares = [products(g, g)]
        for l in reversed(range(len(trace))):
            if self.post:
                g = g * (above > 0)
            above, middle, branch = trace[l]
            if self.learns_scales:
                d_scales[l] = products(g, branch)[:, None, None]
            inside = self.scales[l] * g
            _parameter_gradients(middle, inside, d_inner[l, 1], d_biases[l, 1])
            inside = inside @ self.inner[l, 1]
            inside *= middle > 0
            _parameter_gradients(above, inside, d_inner[l, 0], d_biases[l, 0])
            inside = inside @ self.inner[l, 0]
            if not self.post:
                inside *= above > 0
            inside += self.shortcut * g
            g = inside
            squares.append(products(g, g))
        below = g * (above > 0) if self.post else g
        gradients = d_inner, d_biases, d_scales, [*_parameter_gradients(images, below), *d_ends]
        return np.array(squares[::-1]), _finite(g), gradients

    def step(self, gradients):
        """Every weight, bias and learned scale becomes itself minus the rate times its gradient, in place."""
        d_inner, d_biases, d_scales, d_ends = gradients
        pairs = [(self.inner, d_inner), (self.biases, d_biases), *zip(self.ends, d_ends, strict=True)]
        for array, gradient in [*pairs, (self.scales, d_scales)] if self.learns_scales else pairs:
            gradient *= self.rate
            array -= gradient

    def _after(self, y):
        return np.maximum(y, 0) if self.post else y

    def _before(self, x):
        return x if self.post else np.maximum(x, 0)


def mean_losses(logits, targets):
    """The mean cross-entropy of each network's batch, shape (S,), and its gradient at the logits."""
    found, g = softmax_cross_entropy(logits, targets)
    return found.mean(axis=-1), g / logits.shape[1]


def _parameters(unit):
    """The weights and the biases of a unit's weight layers, and the number that its branch ends with."""
    affine = [layer for layer in unit.branch if isinstance(layer, Affine)]
    scale = unit.branch[-1].weight if isinstance(unit.branch[-1], Scale) else 1.0
    return [layer.weight for layer in affine], [layer.bias for layer in affine], scale


def _affine(x, weight, bias):
    y = x @ weight.transpose(0, 2, 1)
    y += bias
    return y


def _parameter_gradients(x, g, weight=None, bias=None):
    """Of an affine layer at x for the gradient g at its output, summed over the batch."""
    ones = np.ones((1, g.shape[1]))
    return np.matmul(g.transpose(0, 2, 1), x, out=weight), np.matmul(ones, g, out=bias)


def products(a, b):
    """The sum over all entries of a times b, for each of two stacks of arrays, shape (S,)."""
    return (a.reshape(len(a), 1, -1) @ b.reshape(len(b), -1, 1)).ravel()


def _finite(arrays):
    """Which of a stack of arrays hold finite numbers alone, shape (S,)."""
    flat = arrays.reshape(-1)
    if np.isfinite(flat.dot(flat)):  # the squares alone may overflow
        return np.ones(len(arrays), bool)
    return np.isfinite(arrays).all(axis=(1, 2))
