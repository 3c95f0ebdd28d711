"""Chapter 10: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from sympy import Integer

from resnotes import shattered
from resnotes.book.at_initialisation import Ensemble, signs
from resnotes.book.cases import Case, numbered
from resnotes.book.oracles import same
from resnotes.book.registry import Equation, chain, eq
from resnotes.symbolic import shattered_gradients as chapter
from resnotes.symbolic.algebra import L, Norm, l

#: Masks of a component for both inputs.
_MASKS = np.array([(1, 1), (1, 0), (0, 1), (0, 0)], dtype=float)


def layers(n, variance, p):
    """Every layer W Phi, W Phi' with W = +-sqrt(v/n) and masks of coins: W, Phi, Phi' as stacks, and probabilities."""
    weights = signs(n, n) * math.sqrt(variance / n)
    choices = np.stack(np.meshgrid(*[range(4)] * n, indexing="ij"), axis=-1).reshape(-1, n)
    probability = np.prod(np.array([p, 0.5 - p, 0.5 - p, p])[choices], axis=1)
    masks = _MASKS[choices]
    count, pairs = len(weights), len(choices)
    eye = np.eye(n)
    first, second = (np.tile(masks[..., which, np.newaxis] * eye, (count, 1, 1)) for which in (0, 1))
    return np.repeat(weights, pairs, axis=0), first, second, np.tile(probability, count) / count


class CoinBranch(Ensemble):
    """One layer with the same weights at two inputs, n = 1, 2."""

    def __init__(self, rng):
        n = int(rng.integers(1, 3))
        self.values = {chapter.n: Integer(n)}
        self.n, self.variance, self.p = n, float(rng.uniform(0.5, 3)), float(rng.uniform(0, 0.5))
        self.W, self.first, self.second, self.probability = layers(n, self.variance, self.p)
        A = rng.normal(size=(n, n))
        self.known = {
            "J": self.W @ self.first,
            "Jprime": self.W @ self.second,
            "W": {1: self.W},
            "Phi": self.first,
            "Phiprime": self.second,
            "A": A,
            "trA": np.trace(A),
            "I": np.eye(n),
            "p": self.p,
            "v": lambda k: self.variance,
        }

    def average(self, values):
        return np.tensordot(self.probability, values, axes=1)


class CoinNetworks(Ensemble):
    """Every network of layers W Phi with weights +-sqrt(v/n) and masks of coins, at two inputs.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "any"; "plain", lambda = 0, or "identity", lambda = 1, both with beta = kappa = 1 and p = 1/4.
    """

    def __init__(self, rng, kind="any"):
        n, depth = ((1, 1), (1, 2), (1, 4), (2, 1), (2, 2))[int(rng.integers(5))]
        self.values = {
            chapter.n: Integer(n),
            L: Integer(depth),
            l: Integer(int(rng.integers(depth)) if kind == "any" else 0),
        }
        self.lam, self.beta = rng.uniform(-1.5, 1.5, size=(2, depth))
        self.variance, self.p = float(rng.uniform(0.5, 3)), float(rng.uniform(0, 0.5))
        if kind != "any":
            self.lam, self.beta = np.full(depth, float(kind == "identity")), np.ones(depth)
            self.variance, self.p = 2.0, 0.25
        self.depth, top = depth, rng.normal(size=(1, n))
        W, first, second, probability = layers(n, self.variance, self.p)
        self.rows = {depth: (top[np.newaxis], top[np.newaxis])}
        self.weights = {1: np.ones(1)}
        for k in reversed(range(depth)):
            self.rows[k] = tuple(
                np.einsum("aoi,bij->aboj", rows, self.lam[k] * np.eye(n) + self.beta[k] * W @ mask).reshape(-1, 1, n)
                for rows, mask in zip(self.rows[k + 1], (first, second), strict=True)
            )
            self.weights[len(self.rows[k][0])] = np.outer(self.weights[len(self.rows[k + 1][0])], probability).ravel()
        self.known = {
            "g": {k: rows[0] for k, rows in self.rows.items()},
            "gprime": {k: rows[1] for k, rows in self.rows.items()},
            "lambda": numbered(self.lam),
            "beta": numbered(self.beta),
            "p": self.p,
        }
        stated = shattered.coactive_correlation(depth, self.lam, self.beta, self.value_kappa(), self.p)
        same([stated], [self.value_varrho(0)], "coactive_correlation")

    def average(self, values):
        return np.tensordot(self.weights[len(values)], values, axes=1)

    def value_varrho(self, k):
        first, second = self.rows[int(k)]
        product, one, two = (
            float(self.average(np.sum(a * b, axis=(1, 2))))
            for a, b in ((first, second), (first, first), (second, second))
        )
        return product / math.sqrt(one * two)

    def value_norm(self, norm):
        if norm != Norm(chapter.g(self.depth)):
            raise KeyError(f"{norm} is random: only its means have values")
        return float(np.linalg.norm(self.rows[self.depth][0]))

    def value_kappa(self):
        """E |g W Phi|^2 / |g|^2 over all layers."""
        W, first, _, probability = layers(self.rows[self.depth][0].shape[-1], self.variance, self.p)
        top = self.rows[self.depth][0][0]
        return float(probability @ np.sum((top @ W @ first) ** 2, axis=(1, 2)) / np.sum(top**2))


class Spreads(Case):
    """A depth, a factor beta and a growth tau."""

    def __init__(self, rng):
        self.values = {L: Integer(int(rng.integers(0, 9)))}
        self.known = {"beta": rng.uniform(0.3, 2), "tau": rng.uniform(0.3, 2)}


class TwoStates(Case):
    """Two states of equal length at an angle; Gaussian weights, integrated over the plane of the two.

    A Gaussian row w enters by its part in the plane alone: a uniform direction and a mean squared length of 2.
    """

    def __init__(self, rng):
        self.angle = float(rng.uniform(0.05, math.pi - 0.05))
        self.lam, self.beta, self.kappa = (float(v) for v in rng.uniform(0.2, 1.5, size=3))
        self.values = {chapter.theta: self.angle, l: Integer(0)}
        self.known = {
            "p": lambda: self._over_plane(lambda a, b: (a > 0) * (b > 0.0)),
            "vartheta": lambda k: (self.angle, math.acos(self._next_cosine()))[k],
            "lambda": self.lam,
            "beta": self.beta,
            "kappa": self.kappa,
        }
        same([math.cos(self._package())], [self._next_cosine()], "next_angle")

    def _package(self):
        return shattered.next_angle(self.angle, self.lam, self.beta, self.kappa)

    def _over_plane(self, function):
        """Mean of a function of w's direction, which is smooth between the directions where a ReLU opens."""
        edges = np.sort(
            np.mod([angle + turn for angle in (0.0, self.angle) for turn in (-np.pi / 2, np.pi / 2)], 2 * np.pi)
        )
        edges = np.append(edges, edges[0] + 2 * np.pi)
        nodes, weights = np.polynomial.legendre.leggauss(30)
        total = 0.0
        for low, high in zip(edges, edges[1:], strict=False):
            where = (high - low) / 2 * nodes + (high + low) / 2
            total += (high - low) / 2 * weights @ function(np.cos(where), np.cos(where - self.angle))
        return float(total / (2 * np.pi))

    def _next_cosine(self):
        """Of the sums, with branches normalised to the strength kappa."""
        relu = lambda t: np.maximum(t, 0)  # noqa: E731
        inner = self._over_plane(lambda a, b: relu(a) * relu(b)) / self._over_plane(lambda a, _: relu(a) ** 2)
        carried, added = self.lam**2, self.kappa * self.beta**2
        return (carried * math.cos(self.angle) + added * inner) / (carried + added)


class CentredStates(TwoStates):
    """The angle after a plain layer after the mean over all inputs is subtracted; w's part as in `TwoStates`.

    Over all inputs w·x is a normal number; its mean after a ReLU is what is subtracted.
    """

    def _package(self):
        return shattered.next_centred_angle(self.angle)

    def _next_cosine(self):
        relu = lambda t: np.maximum(t, 0)  # noqa: E731
        # A normal pair is a Rayleigh length times a direction: its mean square is 2, its mean √(π/2).
        mean = math.sqrt(math.pi / 2) * self._over_plane(lambda a, _: relu(a))
        inner = 2 * self._over_plane(lambda a, b: relu(a) * relu(b)) - mean**2
        return inner / (2 * self._over_plane(lambda a, _: relu(a) ** 2) - mean**2)


CHAPTER = "10_shattered_gradients"
COINS = (chapter.COINS,)
SAME_TOP = (*COINS, "the same g_L for both inputs")
QUARTER = (*SAME_TOP, "beta = kappa = 1", "p = 1/4")
WIDE = ("wide layers with Gaussian weights", "both states of the same length")


def build() -> list[Equation]:
    branch, law = chapter.branch(), chapter.law()
    here = partial(Equation, chapter=CHAPTER)
    coins = partial(here, method="exhaustive", case=CoinNetworks, cases=10)
    return [
        here(
            "shattered-definition",
            expression=eq(*chapter.definition),
            method="definition",
            case=CoinNetworks,
            cases=10,
        ),
        here(
            "shattered-branch",
            expression=chain(branch.quantity, *(step.expression for step in branch.steps)),
            method="exhaustive",
            case=CoinBranch,
            cases=12,
            proofs=(branch,),
            assumptions=branch.assumptions,
            rests_on=("init-branch",),
        ),
        coins(
            "shattered-unit",
            expression=eq(*chapter.one_unit),
            assumptions=COINS,
            rests_on=("shattered-branch", "init-unit"),
        ),
        coins(
            "shattered-product",
            expression=eq(law.left, law.right),
            method="induction",
            proofs=(law,),
            assumptions=SAME_TOP,
            rests_on=("shattered-unit",),
        ),
        coins(
            "shattered-law",
            expression=eq(*chapter.correlation_law),
            assumptions=SAME_TOP,
            rests_on=("shattered-product", "init-law", "shattered-definition"),
        ),
        coins(
            "shattered-plain",
            expression=eq(*chapter.plain),
            case=partial(CoinNetworks, kind="plain"),
            assumptions=(*QUARTER, "lambda = 0"),
            rests_on=("shattered-law",),
        ),
        coins(
            "shattered-residual",
            expression=eq(*chapter.residual),
            rests_on=("shattered-law",),
            case=partial(CoinNetworks, kind="identity"),
            assumptions=(*QUARTER, "lambda = 1"),
        ),
        here(
            "shattered-coactive",
            expression=eq(*chapter.coactive),
            method="numeric",
            case=TwoStates,
            assumptions=("a Gaussian row of weights",),
        ),
        here(
            "shattered-angle",
            expression=eq(*chapter.next_angle),
            method="numeric",
            case=TwoStates,
            assumptions=WIDE,
            rests_on=("shattered-coactive", "init-unit"),
        ),
        here(
            "shattered-centred",
            expression=eq(*chapter.centred_angle),
            method="numeric",
            case=CentredStates,
            assumptions=("wide plain layers with Gaussian weights", "the mean over all inputs subtracted"),
            rests_on=("shattered-angle",),
        ),
        here(
            "shattered-apart",
            expression=eq(*chapter.apart_limit),
            method="symbolic",
            exact=chapter.check_apart,
            rests_on=("shattered-centred",),
        ),
        here(
            "shattered-step",
            expression=eq(*chapter.step_limit),
            method="symbolic",
            exact=chapter.check_step,
            assumptions=WIDE,
            rests_on=("shattered-angle",),
        ),
        here(
            "shattered-normalised",
            expression=eq(chapter.normalised_product, chapter.normalised_closed),
            method="induction",
            case=Spreads,
            proofs=(chapter.check_normalised,),
            exact=chapter.check_normalised_values,
            rests_on=("shattered-law",),
        ),
        here(
            "shattered-normalised-limit",
            expression=eq(*chapter.normalised_limit),
            method="numeric",
            exact=chapter.check_normalised_limit,
            rests_on=("shattered-normalised",),
        ),
        here(
            "shattered-small-beta",
            expression=eq(*chapter.small_beta),
            method="numeric",
            exact=chapter.check_small_beta,
            rests_on=("shattered-normalised-limit",),
        ),
    ]
