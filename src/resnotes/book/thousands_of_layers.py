"""Chapter 13: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial

import numpy as np
from sympy import Integer

from resnotes.book.at_initialisation import BRANCH, OneBranch
from resnotes.book.cases import Case
from resnotes.book.oracles import STEP, column, same
from resnotes.book.registry import Equation, chain, eq, together
from resnotes.network import relu
from resnotes.recipes import streams_network
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
            "depths-post-limits",
            expression=together(chapter.post_limits),
            method="symbolic",
            exact=chapter.check_post_limits,
            assumptions=("kappa > 0", "DeepNorm: an encoder or a decoder alone, lambda = L^(1/4), beta = (4 L)^(-1/2)"),
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
