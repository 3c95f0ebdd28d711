"""Chapter 8: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial
from itertools import permutations, product

import numpy as np
from sympy import Integer

from resnotes.book.cases import Case, Units, branch_forward, numbered, units
from resnotes.book.oracles import STEP, column, complex_step_jacobian, rectified, row, same
from resnotes.book.registry import DEPTHS, Equation, derived, eq, together
from resnotes.network import Affine, Network, Unit, identity, relu, tanh
from resnotes.normalisation import BatchNorm, BatchNormTraining
from resnotes.symbolic import before_or_after as chapter
from resnotes.symbolic.algebra import L, Rule, l
from resnotes.symbolic.symbols import D

#: A random network with identity shortcuts; the same network with its branches held constant is asked for.
skip_only = partial(units, shortcuts="identity")


class PreActivated(Units):
    """Identity shortcuts, nothing after the additions, f at the front of every branch.

    The Jacobians D and J are those of f at x_l and of the rest of the branch at f(x_l).
    """

    def __init__(self, rng):
        super().__init__(rng, shortcuts="identity", after=False)

    @staticmethod
    def _draw(rng, depth, n, shortcuts, after):
        units = []
        for _ in range(depth):
            first, second = (rng.normal(size=(n, n)) / math.sqrt(n) for _ in range(2))
            units.append(
                Unit(
                    [(relu, tanh)[rng.integers(2)], Affine(first, rng.normal(size=n) / 2), tanh, Affine(second)],
                    after=identity,
                )
            )
        return Network(units), rng.normal(size=n)

    def _rest(self, k):
        return Unit(self.net.units[int(k)].branch[1:])

    def value_D(self, k):
        return complex_step_jacobian(self.net.units[int(k)].branch[0].forward, self.trace.states[int(k)])

    def value_J(self, k):
        return complex_step_jacobian(lambda x: branch_forward(self._rest(k), x), self.trace.units[int(k)].branch[1])

    def apply_f(self, function, x):
        return self.net.units[int(function.jacobian.indices[0])].branch[0].forward(x)

    def apply_F(self, function, x):
        return branch_forward(self._rest(function.indices[0]), x)


def _all_walks(sizes) -> np.ndarray:
    """Every order and every choice of signs of the given sizes, one a row: an exact stand-in for random steps."""
    orders = np.array(list(permutations(sizes)))
    signs = np.array(list(product((1.0, -1.0), repeat=len(sizes))))
    return (orders[:, None, :] * signs[None, :, :]).reshape(-1, len(sizes))


class Walks(Case):
    """Steps that are symmetric and exchangeable: random sizes, in all orders, with all signs, equally often.

    Parameters
    ----------
    rng : numpy Generator
    """

    LONGEST = 5

    def __init__(self, rng):
        self.sizes = rng.uniform(0.1, 1, size=self.LONGEST)
        self.values = {chapter.n: Integer(int(rng.integers(1, self.LONGEST + 1)))}

    def value_q(self, steps):
        steps = int(steps)
        if not 0 <= steps <= self.LONGEST:
            raise KeyError(f"Walks knows q_0 to q_{self.LONGEST}, not q_{steps}")
        if steps == 0:
            return 1.0
        sums = np.cumsum(_all_walks(self.sizes[:steps]), axis=1)
        return float(np.mean(np.all(sums > 0, axis=1)))


class LongWalk(Case):
    """q_n for a million steps, by q_n = prod (1 - 1/(2 k)); nothing random."""

    def __init__(self, rng):
        steps = 10**6 + int(rng.integers(0, 1000))
        self.values = {chapter.n: Integer(steps)}
        self.known = {"q": {steps: np.exp(np.sum(np.log1p(-0.5 / np.arange(1, steps + 1))))}}


class ReluWalk(Walks):
    """One component after a stem and L units with a ReLU after the addition.

    x_0 = max(first step, 0), y_i = x_i + next step, x_{i+1} = max(y_i, 0). Means run over all orders and signs.
    """

    def __init__(self, rng):
        super().__init__(rng)
        depth = int(rng.integers(1, self.LONGEST))
        self.values = {L: Integer(depth), l: Integer(int(rng.integers(0, depth)))}
        self.steps = _all_walks(self.sizes[: depth + 1])
        self.known = {"g": {depth: row(rng.uniform(0.5, 2))}}

    def _run(self, x, first):
        """From the steps before unit ``first`` on; x holds one state for each walk."""
        states = [x]
        for step in self.steps.T[first + 1 :]:
            y = states[-1] + step
            states.append(rectified(y))
        return states

    def value_mean(self, mean):
        inside = mean.args[0].base.args[0]  # the square of a norm
        if inside.name == "g":
            return float(self.evaluate(mean.args[0]))
        first = int(inside.indices[0])
        states = self._run(np.maximum(self.steps[:, 0], 0), 0)
        moved = self._run(states[first] + 1j * STEP, first)[-1]
        (top,) = self.known["g"].values()
        return float(np.mean((top * np.imag(moved) / STEP) ** 2))


class NormAfter(Case):
    """Batch normalisation after every addition, its statistics held fixed; branches uncorrelated with the state."""

    def __init__(self, rng):
        depth, n, self.samples = int(rng.integers(1, 6)), int(rng.integers(1, 5)), 12
        self.depth, self.v = depth, rng.uniform(0.2, 3, size=depth)
        self.values = {L: Integer(depth), l: Integer(int(rng.integers(0, depth)))}
        self.g_out = rng.normal(size=n)
        self.states = [self._standard(rng.normal(size=(self.samples, n)))]
        self.branches, self.after = [], []
        for variance in self.v:
            self.branches.append(
                math.sqrt(variance) * self._standard(rng.normal(size=(self.samples, n)), self.states[-1])
            )
            y = self.states[-1] + self.branches[-1]
            self.after.append(BatchNorm(y.mean(axis=0), y.var(axis=0), epsilon=0))
            self.states.append(self.after[-1].forward(y))
        self.known = {"v": numbered(self.v), "g": {depth: row(self.g_out)}}

    def _standard(self, x, away_from=None):
        """Mean 0 and variance 1 in every component, and no correlation with another batch."""
        x = x - x.mean(axis=0)
        if away_from is not None:
            x = x - away_from * np.sum(x * away_from, axis=0) / np.sum(away_from**2, axis=0)
        return x / x.std(axis=0)

    def value_gskip(self, k):
        sample = self.samples // 2

        def run(x):
            for after, branch in zip(self.after[int(k) :], self.branches[int(k) :], strict=True):
                x = after.forward(x + branch[sample])
            return x

        return row(self.g_out @ complex_step_jacobian(run, self.states[int(k)][sample]))


class NormComponent(Case):
    """One component of a batch normalisation with fixed statistics."""

    def __init__(self, rng):
        n = int(rng.integers(1, 6))
        self.index = int(rng.integers(1, n + 1))
        self.values = {chapter.component: Integer(self.index), l: Integer(int(rng.integers(0, 4)))}
        self.layer = BatchNorm(rng.normal(size=n), rng.uniform(0.2, 3, size=n), rng.normal(size=n), rng.normal(size=n))
        self.y = rng.normal(size=n)
        unit = int(self.values[l])
        components = {
            "gamma": self.layer.weight,
            "beta": self.layer.bias,
            "mu": self.layer.mean,
            "sigma": np.sqrt(self.layer.variance + self.layer.epsilon),
        }
        self.known = {name: numbered(value, 1) for name, value in components.items()}
        self.known |= {
            "x": {unit + 1: numbered(self.layer.forward(self.y), 1)},
            "y": {unit: numbered(self.y, 1)},
        }

    def value_partial(self, node):
        jacobian = complex_step_jacobian(self.layer.forward, self.y)
        same(jacobian, np.diag(self.layer.slope), "BatchNorm.slope")
        return float(jacobian[self.index - 1, self.index - 1])


class BatchColumn(Case):
    """One component of a batch of 3 to 7 samples, normalised with the batch's own statistics.

    Parameters
    ----------
    rng : numpy Generator
    epsilon : float, optional
        By default random.
    """

    def __init__(self, rng, epsilon=None):
        size = int(rng.integers(3, 8))
        self.values = {chapter.B: Integer(size)}
        self.epsilon = float(rng.uniform(0.01, 1)) if epsilon is None else epsilon
        self.gain = float(rng.uniform(0.3, 2))
        self.layer = BatchNormTraining(1, [self.gain], [float(rng.normal())], self.epsilon)
        self.t, self.g = rng.normal(size=size), rng.normal(size=size)
        slopes = complex_step_jacobian(lambda t: self.layer.forward(t.reshape(-1, 1)).ravel(), self.t)
        same(self.layer.batch_jacobian(column(self.t)), slopes, "BatchNormTraining.batch_jacobian")
        sent, _ = self.layer.backward(column(self.t), column(self.g))
        same(sent.ravel(), self.g @ slopes, "BatchNormTraining.backward")
        self.known = {
            "t": column(self.t),
            "C": complex_step_jacobian(lambda t: t - t.mean(), self.t),
            "one": np.ones((size, 1)),
            "epsilon": self.epsilon,
            "gamma": self.gain,
            "sigma": math.sqrt(self.t.var() + self.epsilon),
            "that": column((self.layer.forward(column(self.t)) - self.layer.bias) / self.gain),
            "N": slopes,
            "g": row(self.g),
        }


AFTER = "08_before_or_after"
WALK = (
    "what the branches add to a component is symmetric, continuous, independent and equally distributed",
    "x_0 = ReLU of such an amount",
)


def build() -> list[Equation]:
    pre_gradient, batch_jacobian = chapter.pre_gradient(), chapter.batch_jacobian()
    no_epsilon = partial(BatchColumn, epsilon=0.0)
    return [
        Equation(
            "after-direct",
            AFTER,
            eq(chapter.gskip(chapter.l), chapter.direct().right),
            "induction",
            assumptions=(chapter.IDENTITY_SHORTCUT,),
            case=skip_only,
            rules=chapter.direct_rules(),
            index_values=DEPTHS,
            proofs=(chapter.direct(),),
        ),
        Equation("after-pre-unit", AFTER, eq(*chapter.pre_unit), "definition", case=PreActivated),
        Equation(
            "after-pre-gradient",
            AFTER,
            derived(pre_gradient),
            "symbolic",
            assumptions=(chapter.IDENTITY_SHORTCUT,),
            case=PreActivated,
            rules=(Rule(pre_gradient.quantity, pre_gradient.result),),
            proofs=(pre_gradient,),
        ),
        Equation(
            "after-pre-skip",
            AFTER,
            eq(*chapter.pre_skip),
            "symbolic",
            assumptions=(chapter.IDENTITY_SHORTCUT, "f = id"),
            case=partial(skip_only, after=False),
            rules=(*chapter.direct_rules(), Rule(D(chapter.i), chapter.S.One, index=chapter.i)),
            index_values=DEPTHS,
            rests_on=("after-direct",),
        ),
        Equation(
            "after-first-minimum",
            AFTER,
            eq(*chapter.first_minimum),
            "numeric",
            assumptions=WALK[:1],
            case=Walks,
        ),
        Equation(
            "after-survival",
            AFTER,
            eq(*chapter.survival),
            "symbolic",
            assumptions=WALK[:1],
            case=Walks,
            exact=chapter.check_survival,
            proofs=(chapter.prove_survival,),
            rests_on=("after-first-minimum",),
        ),
        Equation(
            "after-survival-bound",
            AFTER,
            chapter.survival_bound,
            "numeric",
            assumptions=("n >= 1",),
            case=Walks,
            tight=LongWalk,
            tight_tolerance=1e-6,
            rests_on=("after-survival",),
        ),
        Equation(
            "after-arcsine",
            AFTER,
            eq(*chapter.arcsine),
            "numeric",
            case=ReluWalk,
            assumptions=(chapter.IDENTITY_SHORTCUT, "f = ReLU", *WALK, "g_L independent of the states"),
            rests_on=("after-direct", "after-first-minimum"),
        ),
        Equation("after-norm", AFTER, eq(*chapter.norm), "definition", case=NormComponent),
        Equation(
            "after-norm-jacobian",
            AFTER,
            eq(*chapter.norm_jacobian),
            "symbolic",
            case=NormComponent,
            exact=chapter.check_norm_jacobian,
            rests_on=("after-norm",),
        ),
        Equation(
            "after-norm-share",
            AFTER,
            eq(*chapter.norm_share),
            "numeric",
            case=NormAfter,
            assumptions=(
                chapter.IDENTITY_SHORTCUT,
                "gamma = 1, epsilon = 0, statistics held fixed",
                "every component of a state is uncorrelated with that of its branch",
            ),
            rests_on=("after-direct", "after-norm-jacobian"),
        ),
        Equation("after-batch", AFTER, together(chapter.batch), "definition", case=BatchColumn),
        Equation(
            "after-batch-jacobian",
            AFTER,
            eq(*batch_jacobian),
            "symbolic",
            case=BatchColumn,
            exact=chapter.check_batch,
            proofs=(chapter.batch_derivation(),),
            rests_on=("after-batch",),
        ),
        Equation(
            "after-batch-lost",
            AFTER,
            eq(*chapter.batch_lost),
            "symbolic",
            assumptions=("epsilon = 0",),
            case=no_epsilon,
            exact=partial(chapter.check_batch, with_epsilon=False),
            rests_on=("after-batch-jacobian",),
        ),
    ]
