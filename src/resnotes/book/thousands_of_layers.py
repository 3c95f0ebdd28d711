"""Chapter 13: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from sympy import Integer

from resnotes.book.at_initialisation import BRANCH, OneBranch, StandardNormal
from resnotes.book.cases import Case, numbered
from resnotes.book.oracles import STEP, column, complex_step_jacobian, row, same
from resnotes.book.registry import Equation, chain, eq, together
from resnotes.network import relu
from resnotes.normalisation import RMSNorm
from resnotes.recipes import Recipe, bounded_gain, streams_network
from resnotes.shortcuts import sinkhorn
from resnotes.symbolic import thousands_of_layers as chapter
from resnotes.symbolic.algebra import L, l


class ScaledSum(OneBranch):
    """One branch beside a shortcut with a factor."""

    def __init__(self, rng):
        super().__init__(rng)
        self.known["lambda"] = rng.uniform(-2, 2)


class FixupBranch(Case):
    """A branch of m = 2..4 weights with ReLUs between them, and the same with all but the last one scaled."""

    def __init__(self, rng):
        depth, layers, n = int(rng.integers(1, 200)), int(rng.integers(2, 5)), int(rng.integers(1, 5))
        self.values = {L: Integer(depth)}
        self.weights = rng.normal(size=(layers, n, n))
        self.scale = depth ** (-1 / (2 * layers - 2))
        while True:
            self.x = rng.normal(size=n)
            if np.any(self._branch(self.x, 1.0)):  # mutants of 0 = 0 could hold
                break
            self.weights = rng.normal(size=(layers, n, n))

    def _branch(self, x, scale):
        for weight in self.weights[:-1]:
            x = relu.forward(scale * weight @ x)
        return self.weights[-1] @ x

    def value_x(self):
        return column(self.x)

    def apply_F(self, function, x):
        return self._branch(x, 1.0)

    def apply_Fscaled(self, function, x):
        return self._branch(x, self.scale)


class UnequalBranches(Case):
    """Numbers beta_i and kappa."""

    def __init__(self, rng):
        self.depth = int(rng.integers(1, 7))
        self.values = {L: Integer(self.depth)}
        betas, kappa = rng.uniform(0.2, 2, self.depth), rng.uniform(0.3, 2)
        self.known = {"beta": numbered(betas), "kappa": kappa}
        variance, gain = 1.0, 1.0
        for each in betas:
            gain *= 1 + kappa * each**2 / variance
            variance += kappa * each**2
        law = Recipe("own", lambda depth: 1.0, lambda depth: betas, "pre").log10_gain(self.depth, kappa)
        same([10**law], [gain], "Recipe.log10_gain")


class UnequalUnits(Case):
    """Numbers lambda_i, beta_i and kappa, and the standard deviations of the states that follow."""

    def __init__(self, rng):
        depth = int(rng.integers(1, 7))
        self.values = {L: Integer(depth)}
        lam, beta, kappa = rng.uniform(0.3, 1.5, depth), rng.uniform(0.2, 2, depth), rng.uniform(0.3, 2)
        squares = [rng.uniform(0.5, 2)]
        for unit in range(depth):
            squares.append(lam[unit] ** 2 * squares[-1] + kappa * beta[unit] ** 2)
        self.known = {
            "lambda": numbered(lam),
            "beta": numbered(beta),
            "kappa": kappa,
            "std": numbered(np.sqrt(squares)),
        }
        own = Recipe(
            "own", lambda depth: lam[0], lambda depth: beta, "pre"
        )  # in a recipe λ is one number, and s_0 is 1
        variance = 1.0
        for each in beta:
            variance = lam[0] ** 2 * variance + kappa * each**2
        same([10 ** own.log10_gain(depth, kappa)], [variance], "Recipe.log10_gain")


class BoundedState(StandardNormal):
    """A slope a and a standard deviation s."""

    def __init__(self, rng):
        super().__init__(rng)
        slope, std = rng.uniform(0.15, 0.4), rng.uniform(0.8, 1.2)  # altered forms, too, stay real
        self.known = {"slope": slope, "std": std}
        mean = self.value_mean(chapter.bounded[1][0])
        kappa = rng.uniform(0.5, 2)
        if std > 1:  # the package starts from s = 1
            self.known["std"] = 1.0
            mean = self.value_mean(chapter.bounded[1][0])
            same([10 ** bounded_gain(1, slope, "erf", kappa)[0]], [1 + kappa * mean], "bounded_gain")

    def compare(self, left, right):
        try:
            return super().compare(left, right)
        except TypeError:  # an altered form may have the root of a negative number
            return math.inf, left, right


class DeltaShortcut(Case):
    """A row, a direction of length 1 and a number δ from 0 to 2."""

    def __init__(self, rng):
        n = int(rng.integers(2, 6))
        direction = rng.normal(size=n)
        self.values = {}
        self.known = {
            "g": row(rng.normal(size=n)),
            "erase": rng.uniform(0, 2),
            "direction": column(direction / np.linalg.norm(direction)),
        }


class AttentionOverDepth(Case):
    """Two to five outputs, a query, and the mean of the outputs weighted by a softmax of query times normalised output."""

    def __init__(self, rng):
        n, count = int(rng.integers(2, 5)), int(rng.integers(2, 6))
        self.place, self.norm = int(rng.integers(count)), RMSNorm(epsilon=0)
        self.values = {l: Integer(self.place)}
        self.outputs, self.query = rng.normal(size=(count, n)), rng.normal(size=n)
        self.known = {
            "att": numbered(self._weights(self.outputs)),
            "val": numbered([column(v) for v in self.outputs]),
            "mixed": column(self._mixed(self.outputs)),
            "query": column(self.query),
            "N": {self.place: complex_step_jacobian(self.norm.forward, self.outputs[self.place])},
        }

    def _weights(self, outputs):
        sizes = np.exp(np.stack([self.norm.forward(v) for v in outputs]) @ self.query)
        return sizes / sizes.sum()

    def _mixed(self, outputs):
        return self._weights(outputs) @ outputs

    def value_partial(self, node):
        def moved(v):
            outputs = self.outputs.astype(complex)
            outputs[self.place] = v
            return self._mixed(outputs)

        return complex_step_jacobian(moved, self.outputs[self.place])


class Concatenation(Case):
    """A weight that reads a state and a branch at it, one above the other."""

    def __init__(self, rng):
        n, m = (int(k) for k in rng.integers(1, 5, size=2))
        self.values = {}
        self.branch = lambda x: np.tanh(W @ x)
        W, self.weight, self.x = rng.normal(size=(m, n)), rng.normal(size=(n, n + m)), rng.normal(size=n)
        self.known = {
            "Wx": self.weight[:, :n],
            "WF": self.weight[:, n:],
            "J": complex_step_jacobian(self.branch, self.x),
        }

    def value_partial(self, node):
        return complex_step_jacobian(lambda x: self.weight @ np.concatenate([x, self.branch(x)]), self.x)


class Streams(OneBranch):
    """One unit with s = 1..4 streams, all signs of the branch's weights, a given gradient above it.

    Parameters
    ----------
    rng : numpy Generator
    stochastic : bool
        Whether the mixing is doubly stochastic; else it is any matrix.
    """

    def __init__(self, rng, stochastic=False):
        super().__init__(rng)
        s = int(rng.integers(2, 4)) if stochastic else int(rng.integers(1, 5))
        self.values = {**self.values, l: Integer(0)}
        self.H = sinkhorn(rng.uniform(0.05, 1, size=(s, s))) if stochastic else rng.normal(size=(s, s))
        self.r, self.c = rng.normal(size=(1, s)), rng.normal(size=(s, 1))
        self.X, self.above = rng.normal(size=(s, self.n)), rng.normal(size=(s, self.n))
        self.known |= {name: {0: value} for name, value in (("H", self.H), ("r", self.r), ("c", self.c))}
        self.known |= {"X": {0: self.X, 1: self._unit(self.X)}, "one": np.ones((s, 1))}
        self._check_package()

    def _unit(self, X):
        """X_{l+1} of every network, (N, s, n)."""
        inputs = (self.r @ X).ravel()[:, np.newaxis]
        return self.H @ X + self.c @ self.branch(inputs).mT

    def _check_package(self):
        if self.W1.shape != self.W2.shape:  # the package draws square weights alone
            return
        net = streams_network(
            np.stack([self.W1[0], self.W2[0]])[np.newaxis], self.H, self.r[0], self.c[:, 0], norm=None
        )
        trace = net.forward(self.X.ravel())
        same(trace.states[-1].reshape(self.X.shape), self._unit(self.X)[0], "streams_network, forward")
        sent = net.backward(trace, self.above.ravel()).states[0]
        same(sent.reshape(self.X.shape), self.value_G(0)[0], "streams_network, backward")

    def value_G(self, k):
        """By complex steps, one entry of X at a time."""
        if int(k) == 1:
            return self.above
        if int(k) != 0:
            raise KeyError(f"G_{k}: there is one unit")
        found = np.empty((len(self.W1), *self.X.shape))
        for place in np.ndindex(*self.X.shape):
            moved = self.X.astype(complex)
            moved[place] += 1j * STEP
            found[(slice(None), *place)] = np.sum(self.above * np.imag(self._unit(moved)), axis=(1, 2)) / STEP
        return found

    def value_Gamma(self, k):
        rows = self.value_G(k)
        return np.mean(rows @ rows.mT, axis=0) if rows.ndim == 3 else rows @ rows.T

    def apply(self, function, argument):
        if function.name != "F" or function.indices != (0,):
            raise KeyError(f"there is one unit, and its branch is F_0; got {function}")
        return self.branch(np.asarray(argument))


CHAPTER = "13_thousands_of_layers"
ROWS = "the rows of H_l add up to 1"


def build() -> list[Equation]:
    """In the order in which the chapter shows them."""
    here = partial(Equation, chapter=CHAPTER)
    every_network = partial(here, method="exhaustive", cases=12)
    total = chapter.stream_sum_derivation()
    return [
        here(
            "depths-gate-bias",
            expression=eq(*chapter.gate_bias),
            method="symbolic",
            exact=chapter.check_gate_bias,
            assumptions=("the gate's weight is 0 and its bias -log L",),
            rests_on=("operators-gate-start",),
        ),
        here(
            "depths-fixup",
            expression=eq(*chapter.fixup),
            method="numeric",
            case=FixupBranch,
            assumptions=(
                "m >= 2 weights with ReLUs between them, no biases",
                "all weights but the last times L^(-1/(2m-2))",
            ),
        ),
        every_network("depths-post-sum", expression=eq(*chapter.post_sum), case=ScaledSum, rests_on=("init-branch",)),
        here(
            "depths-pre-law",
            expression=eq(chapter.pre_product, chapter.pre_law),
            method="numeric",
            exact=chapter.check_pre_law,
            case=UnequalBranches,
            cases=12,
            assumptions=("kappa > 0",),
            rests_on=("init-pre-unit", "init-pre-state"),
        ),
        here(
            "depths-pre-factors",
            expression=eq(*chapter.pre_factors),
            method="numeric",
            exact=chapter.check_pre_factors,
            case=UnequalUnits,
            cases=12,
            assumptions=("s_{l+1}^2 = lambda_l^2 s_l^2 + kappa beta_l^2, as in a wide network", "kappa > 0"),
            rests_on=("init-pre-unit", "init-pre-state"),
        ),
        here(
            "depths-derf",
            expression=together(chapter.bounded),
            method="numeric",
            case=BoundedState,
            cases=6,
            assumptions=(
                "xi a standard normal number",
                "the second line: the square of the derivative of erf(a x) at x = s xi",
            ),
        ),
        here(
            "depths-delta",
            expression=eq(*chapter.delta),
            method="numeric",
            case=DeltaShortcut,
            cases=12,
            assumptions=("u of length 1", "δ and u do not depend on the state"),
        ),
        here(
            "depths-attention",
            expression=eq(*chapter.attended),
            method="numeric",
            case=AttentionOverDepth,
            cases=12,
            assumptions=(
                "h the mean of v_0, v_1, ... with the weights a, a softmax of w^T norm(v)",
                "RMS normalisation, epsilon = 0",
                "the other outputs held fixed",
            ),
            rests_on=("init-rms-jacobian",),
        ),
        here(
            "depths-concatenation",
            expression=eq(*chapter.concatenated),
            method="numeric",
            case=Concatenation,
            cases=12,
            assumptions=("y = W_x x + W_F F(x)",),
        ),
        here(
            "depths-post-limits",
            expression=together(chapter.post_limits),
            method="symbolic",
            exact=chapter.check_post_limits,
            assumptions=(
                "kappa > 0",
                "second line, DeepNorm: an encoder or a decoder alone, lambda = L^(1/4), beta = (4 L)^(-1/2)",
                "third line: lambda = L",
            ),
            rests_on=("depths-post-sum",),
        ),
        every_network("depths-streams", expression=eq(*chapter.stream_unit), method="definition", case=Streams),
        every_network(
            "depths-streams-moment",
            expression=chain(chapter.inner(l), chapter.inner_definition, chapter.inner_step),
            case=Streams,
            assumptions=BRANCH,
            rests_on=("depths-streams", "init-branch"),
        ),
        every_network(
            "depths-streams-sum",
            expression=eq(*chapter.stream_sum),
            proofs=(total,),
            case=partial(Streams, stochastic=True),
            assumptions=(*BRANCH, ROWS),
        ),
    ]
