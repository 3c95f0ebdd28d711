"""Chapter 7: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial
from itertools import product as cartesian

import mpmath
import numpy as np
from sympy import Integer

from resnotes.book.cases import Case, Units, numbered
from resnotes.book.oracles import complex_step_jacobian, row, same
from resnotes.book.registry import DEPTHS, Equation, eq, together
from resnotes.network import Affine, Network, Unit, tanh
from resnotes.shortcuts import (
    Convolution1x1,
    Diagonal,
    DoublyStochastic,
    Dropout,
    Gate,
    Projection,
    Rotation,
    Scale,
    Subsample,
    ZeroPad,
    sinkhorn,
)
from resnotes.spectrum import product_singular_values
from resnotes.symbolic import shortcuts_as_operators
from resnotes.symbolic.algebra import L, l
from resnotes.symbolic.lambda_scaling import n as count
from resnotes.symbolic.shortcuts_as_operators import Everywhere, check_lengths


def rotation(rng, n):
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


class Operators(Units):
    """Residual units with any of the chapter's shortcuts and nothing after the addition.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "linear"; "any", gates too; "stretching", multiples of orthogonal matrices, where both bounds are
        reached; "rotation"; "stochastic"; "mixing", (1 - c) I + c 11ᵀ/n.
    """

    def __init__(self, rng, kind="linear"):
        super().__init__(rng, shortcuts=kind, after=False)
        n = self.trace.states[0].shape[-1]
        self.values[count] = Integer(n)
        self.known = {
            "sigmahigh": lambda k: self._singular_values(k)[0],
            "sigmalow": lambda k: self._singular_values(k)[-1],
            "sigmasecond": lambda k: [*self._singular_values(k), 0.0][1],
            "U": self.value_H,
            "one": np.ones((n, 1)),
            "C": np.eye(n) - np.full((n, n), 1 / n),
        }

    @staticmethod
    def _draw(rng, depth, n, shortcuts, after):
        units = []
        for _ in range(depth):
            branch = [Affine(rng.normal(size=(n, n)) / math.sqrt(n), rng.normal(size=n) / 2), tanh]
            units.append(Unit(branch, _operator(rng, n, shortcuts)))
        return Network(units), rng.normal(size=n)

    def confirm(self):
        """With the singular values of the product against NumPy's, where float64 can hold them."""
        jacobians = [self.value_H(k) for k in range(self.low, self.depth)]
        product = np.eye(len(jacobians[0]))
        for jacobian in jacobians:
            product = jacobian @ product
        values = np.linalg.svd(product, compute_uv=False)
        return super().confirm() + same(
            10 ** product_singular_values(jacobians).log10, values, "product_singular_values"
        )

    def value_g(self, k):
        if not 0 <= k <= self.depth:
            raise KeyError(f"g_{k} with {self.depth} units")
        return super().value_g(k)

    def _singular_values(self, k):
        return np.linalg.svd(self.value_H(k), compute_uv=False)


def _operator(rng, n, kind):
    if kind == "stretching":
        return Projection(rng.uniform(0.3, 1.7) * rotation(rng, n))
    if kind == "rotation":
        return Rotation(rotation(rng, n))
    if kind == "stochastic":
        return DoublyStochastic(sinkhorn(rng.uniform(0.05, 1, size=(n, n))))
    if kind == "mixing":
        c = rng.uniform(0.1, 0.9)
        return DoublyStochastic((1 - c) * np.eye(n) + c / n)
    choices = [
        Scale(float(rng.uniform(-1.5, 1.5))),
        Diagonal(rng.normal(size=n)),
        ZeroPad(n),
        Projection(rng.normal(size=(n, n)) / math.sqrt(n)),
        Rotation(rotation(rng, n)),
        Dropout(rng.random(n) < 0.7, 0.7),
        Convolution1x1(rng.normal(size=(1, 1)), n),
        Convolution1x1(rng.normal(size=(n, n)) / math.sqrt(n), 1),
        DoublyStochastic(sinkhorn(rng.uniform(0.05, 1, size=(n, n)))),
    ]
    if kind == "any":
        choices.append(Gate(rng.normal(size=(n, n)), rng.normal(size=n)))
    return choices[rng.integers(len(choices))]


class Gated(Case):
    """One unit with a gate, random weights, n = 1..5, and a branch tanh(A x).

    What is left of the shortcut goes to the branch in the exclusive form, y = s ∘ x + (1 - s) ∘ F(x).
    """

    def __init__(self, rng):
        n = int(rng.integers(1, 6))
        self.values = {l: Integer(0)}
        self.layer = Gate(rng.normal(size=(n, n)), rng.normal(size=n))
        self.A, self.x = rng.normal(size=(n, n)), rng.normal(size=n)
        values = {
            "S": np.diag(self._opening(self.x)),
            "X": np.diag(self.x),
            "Phi": np.diag(self._branch(self.x)),
            "V": self.layer.weight,
            "G": complex_step_jacobian(self._opening, self.x),
            "H": complex_step_jacobian(lambda x: self._opening(x) * x, self.x),
            "J": complex_step_jacobian(self._branch, self.x),
        }
        self.known = {name: {0: value} for name, value in values.items()}
        same(self.layer.jacobian(self.x), values["H"], "Gate.jacobian")

    def _opening(self, x):
        """s(x), written anew."""
        return 1 / (1 + np.exp(self.layer.weight @ x + self.layer.bias))

    def _branch(self, x):
        return np.tanh(self.A @ x)

    def value_partial(self, node):
        def output(x):
            s = self._opening(x)
            return s * x + (1 - s) * self._branch(x)

        return complex_step_jacobian(output, self.x)


class Bias(Case):
    """L gates whose weight is zero: the package's gates, one after the other."""

    def __init__(self, rng):
        depth = int(rng.integers(1, 60))
        b = float(rng.uniform(-8, 2))
        self.known = {"b": b}
        self.values = {L: Integer(depth)}
        gate, x = Gate([[0.0]], [b]), np.ones(1)
        carried = x
        for _ in range(depth):
            carried = gate.forward(carried)
        same(carried, [(1 + math.exp(b)) ** -depth], "Gate.forward, again and again")


class Channels(Case):
    """1x1 convolutions one after the other, 1..3 channels at 1..4 positions."""

    def __init__(self, rng):
        depth, c = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        self.positions, low = int(rng.integers(1, 5)), int(rng.integers(0, depth))
        self.values = {L: Integer(depth), l: Integer(low)}
        self.known = {"W": numbered(rng.normal(size=(depth, c, c)))}

    def value_of(self, node):
        if not isinstance(node, Everywhere):
            return super().value_of(node)
        layer = Convolution1x1(self._evaluate(node.args[0]), self.positions)
        n = layer.weight.shape[1] * self.positions
        return complex_step_jacobian(layer.forward, np.ones(n))


class RandomSigns(Case):
    """Matrices whose entries are +-1/√n, all signs equally likely: the mean is a sum over all of them."""

    def __init__(self, rng):
        n = int(rng.integers(1, 3))
        depth = int(rng.integers(1, 4 if n == 1 else 3))
        low = int(rng.integers(0, depth))
        self.values = {L: Integer(depth), l: Integer(low)}
        self.n, self.units, self.known = n, range(low, depth), {"g": {depth: row(rng.normal(size=n))}}

    def outcomes(self):
        n = self.n
        for signs in cartesian((-1, 1), repeat=n * n * len(self.units)):
            matrices = np.reshape(signs, (len(self.units), n, n)) / math.sqrt(n)
            yield {"known": {**self.known, "W": dict(zip(self.units, matrices, strict=True))}}


class Gaussian(Case):
    """Matrices with independent Gaussian entries of variance 1/n.

    Whatever row g comes in, gW has n independent Gaussian entries of variance |g|²/n. So every unit adds the
    mean of log |z| for z in n dimensions with variance 1/n, and that is one integral over the length of z.
    """

    def __init__(self, rng):
        depth = int(rng.integers(1, 60))
        self.n, low = int(rng.integers(1, 40)), int(rng.integers(0, depth))
        self.values = {L: Integer(depth), l: Integer(low), count: Integer(self.n)}
        self.units = depth - low

    def value_mean(self, mean):
        n = self.n
        with mpmath.workdps(20):
            # The length t of n standard normal numbers has a density proportional to t^(n-1) exp(-t²/2).
            peak = mpmath.sqrt(n)
            split = [0, peak / 2, peak, peak + 4, peak + 40]

            def density(t):
                return mpmath.exp((n - 1) * mpmath.log(t / peak) - (t * t - n) / 2)

            weight = mpmath.quad(density, split)
            logarithm = mpmath.quad(lambda t: density(t) * mpmath.log(t / mpmath.sqrt(n)), split)
            return float(self.units * logarithm / weight)


class Strided(Case):
    """Option A: Q picks every second pixel, Z appends zero channels. Both are the package's layers."""

    def __init__(self, rng):
        channels, height, width = (int(k) for k in rng.integers(1, 4, size=3))
        more = channels + int(rng.integers(0, 3))
        self.values = {}
        pick = Subsample(channels, height, width)
        pad = ZeroPad(pick.n_out, more * pick.n_out // channels)
        both = Subsample(channels, height, width, channels_out=more)
        Q, Z = (complex_step_jacobian(layer.forward, np.ones(layer.n_in)) for layer in (pick, pad))
        self.known = {"g": row(rng.normal(size=pad.n_out)), "Q": Q, "Z": Z}
        same(both.jacobian(rng.normal(size=both.n_in)), Z @ Q, "Subsample with new channels")


class Masks(Case):
    """One component under dropout in L units: the mean over all 2^L masks, each with its probability."""

    def __init__(self, rng):
        self.n, self.q = int(rng.integers(0, 9)), float(rng.uniform(0.2, 0.95))
        self.values = {L: Integer(self.n)}
        self.known = {"q": self.q}
        layer = Dropout([0.0, 1.0], self.q)
        same(layer.forward(np.ones(2)), [0, 1 / self.q], "Dropout.forward")

    def value_mean(self, mean):
        total = 0.0
        for mask in cartesian((0, 1), repeat=self.n):
            chance = math.prod(self.q if one else 1 - self.q for one in mask)
            total += chance * float(self._with(known={**self.known, "m": numbered(mask)}).evaluate(mean.args[0]))
        return total


class Centred(Case):
    """The matrix that takes the mean off a row, for n = 1..6."""

    def __init__(self, rng):
        n = int(rng.integers(1, 7))
        rows = rng.normal(size=(n, n))
        self.values = {count: Integer(n)}
        self.known = {
            "one": np.ones((n, 1)),
            "C": np.linalg.solve(rows, rows - rows.mean(axis=1, keepdims=True)),
        }


CHAPTER = "07_shortcuts_as_operators"
STOCHASTIC = "no entry of H_i is negative; its rows and columns add up to 1"
GAUSSIAN = "all entries of all W_i independent, normal, mean 0, variance 1/n"


def _with(kind: str):
    return partial(Operators, kind=kind)


def build() -> list[Equation]:
    entry = partial(Equation, chapter=CHAPTER)
    forward, gradient = shortcuts_as_operators.forward(), shortcuts_as_operators.gradient()
    return [
        entry(
            "operators-forward",
            expression=eq(forward.left, forward.right),
            method="induction",
            assumptions=(shortcuts_as_operators.LINEAR,),
            case=_with("linear"),
            proofs=(forward,),
            rests_on=("forward-unit",),
        ),
        entry(
            "operators-gradient",
            expression=eq(gradient.left, gradient.right),
            method="induction",
            assumptions=(shortcuts_as_operators.NOTHING_AFTER,),
            case=_with("any"),
            proofs=(gradient,),
            rules=(shortcuts_as_operators.gradient_rule(),),
            index_values=DEPTHS,
            rests_on=("backward-unit",),
        ),
        entry(
            "operators-lower",
            expression=shortcuts_as_operators.lower,
            method="numeric",
            assumptions=("every H_i square",),
            case=_with("linear"),
            tight=_with("stretching"),
            rests_on=("operators-gradient",),
        ),
        entry(
            "operators-upper",
            expression=shortcuts_as_operators.upper,
            method="numeric",
            case=_with("linear"),
            tight=_with("stretching"),
            rests_on=("operators-gradient",),
        ),
        entry(
            "operators-rotation",
            expression=eq(*shortcuts_as_operators.rotation),
            method="exhaustive",
            assumptions=("U_i U_i^T = I",),
            case=_with("rotation"),
            exact=check_lengths(shortcuts_as_operators.orthogonal),
            proofs=(shortcuts_as_operators.rotation_derivation(),),
        ),
        entry(
            "operators-convolution",
            expression=eq(*shortcuts_as_operators.convolution),
            method="exhaustive",
            assumptions=("two channels, two positions, up to three units for the symbolic part",),
            case=Channels,
            exact=shortcuts_as_operators.check_convolution,
        ),
        entry(
            "operators-mixing-square",
            expression=eq(*shortcuts_as_operators.mixing_square),
            method="numeric",
            assumptions=("all entries of all W_i independent, mean 0, variance 1/n",),
            case=RandomSigns,
        ),
        entry(
            "operators-gaussian-log",
            expression=eq(*shortcuts_as_operators.gaussian_log),
            method="numeric",
            assumptions=(GAUSSIAN,),
            case=Gaussian,
            cases=20,
        ),
        entry(
            "operators-gate",
            expression=eq(*shortcuts_as_operators.gate),
            method="symbolic",
            case=Gated,
            exact=shortcuts_as_operators.check_gate,
            assumptions=("n up to 3 for the symbolic part",),
        ),
        entry(
            "operators-sigmoid",
            expression=together((shortcuts_as_operators.sigmoid_slope, shortcuts_as_operators.sigmoid)),
            method="symbolic",
            case=Gated,
            exact=shortcuts_as_operators.check_gate,
            proofs=(shortcuts_as_operators.sigmoid_derivation(),),
            rests_on=("operators-gate",),
            assumptions=("s = 1 - sigma(V x + b)", "n up to 3 for the symbolic part"),
        ),
        entry(
            "operators-gate-start",
            expression=eq(*shortcuts_as_operators.gate_start),
            method="exhaustive",
            assumptions=("the gate's weight is 0", "L from 0 to 8 for the symbolic part"),
            case=Bias,
            exact=shortcuts_as_operators.check_gate_start,
            rests_on=("operators-sigmoid",),
        ),
        entry(
            "operators-exclusive",
            expression=eq(*shortcuts_as_operators.exclusive),
            method="symbolic",
            case=Gated,
            exact=shortcuts_as_operators.check_gate,
            rests_on=("operators-sigmoid",),
            assumptions=("s = 1 - sigma(V x + b)", "n up to 3 for the symbolic part"),
        ),
        entry(
            "operators-dropout",
            expression=together(shortcuts_as_operators.dropout),
            method="exhaustive",
            assumptions=("masks independent, each 1 with probability q", "L from 0 to 6 for the symbolic part"),
            case=Masks,
            exact=shortcuts_as_operators.check_dropout,
        ),
        entry(
            "operators-stride",
            expression=eq(*shortcuts_as_operators.stride),
            method="symbolic",
            case=Strided,
            assumptions=("Q Q^T = I",),
            exact=check_lengths(shortcuts_as_operators.picks),
            proofs=(shortcuts_as_operators.stride_derivation(),),
        ),
        entry(
            "operators-stochastic-mean",
            expression=eq(*shortcuts_as_operators.stochastic_mean),
            method="exhaustive",
            assumptions=(STOCHASTIC,),
            case=_with("stochastic"),
            rules=(shortcuts_as_operators.keeps,),
            index_values=DEPTHS,
            proofs=(shortcuts_as_operators.stochastic_mean_derivation(),),
        ),
        entry("operators-centre", expression=eq(*shortcuts_as_operators.centre), method="definition", case=Centred),
        entry(
            "operators-stochastic-rest",
            expression=shortcuts_as_operators.stochastic_rest,
            method="numeric",
            assumptions=(STOCHASTIC,),
            case=_with("stochastic"),
            tight=_with("mixing"),
            rests_on=("operators-stochastic-mean", "operators-centre"),
        ),
        entry(
            "operators-transpose",
            expression=eq(*shortcuts_as_operators.transposed),
            method="exhaustive",
            assumptions=("every H_i square",),
            case=_with("stochastic"),
            rules=(),
            index_values=DEPTHS,
        ),
        entry(
            "operators-rewrite",
            expression=eq(*shortcuts_as_operators.rewrite),
            method="symbolic",
            case=_with("linear"),
            assumptions=("the shortcut is linear",),
            rules=(),
        ),
    ]
