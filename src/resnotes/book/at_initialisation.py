"""Chapter 9: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np
from sympy import Integer

from resnotes import initialisation
from resnotes.book.cases import Case, numbered
from resnotes.book.oracles import STEP, CheckError, column, complex_step_jacobian, rectified, row, same
from resnotes.book.registry import Equation, chain, eq, together
from resnotes.network import relu
from resnotes.normalisation import BatchNormTraining, LayerNorm, RMSNorm
from resnotes.symbolic import at_initialisation as chapter
from resnotes.symbolic.algebra import L, Mean, Norm, Scalar, l, unroll

# Closer to 0 an input of a ReLU is taken for 0 that rounding has moved.
TIE = 1e-12


@lru_cache
def signs(*shape) -> np.ndarray:
    """Every array of the shape with entries 1 and -1, shape (2^size, *shape)."""
    size = math.prod(shape)
    bits = (np.arange(2**size)[:, np.newaxis] >> np.arange(size)) & 1
    return (1.0 - 2.0 * bits).reshape(-1, *shape)


def pairs_of(first, second):
    """Every combination of an element of one stack with one of another, as two stacks of equal length."""
    return np.repeat(first, len(second), axis=0), np.tile(second, (len(first), 1, 1))


class Ensemble(Case):
    """Random values are stacks, and a mean is the mean over the stack. It is linear."""

    def value_mean(self, mean):
        inner = mean.args[0]
        if inner.is_Add:
            return sum(self.value_mean(Mean(term)) for term in inner.args)
        number, rest = inner.as_coeff_Mul()
        if number != 1:
            return float(number) * self.value_mean(Mean(rest))
        norm, power = rest.as_base_exp()
        if isinstance(norm, Norm) and norm.kind in ("", "F"):
            lengths = np.linalg.norm(self.stack(norm.args[0]), axis=(-2, -1))
            return float(self.average(lengths ** float(power)))
        return self.average(self.stack(rest))

    def average(self, values):
        """The mean over a stack; every member counts the same unless a case says otherwise."""
        return np.mean(values, axis=0)

    def stack(self, expression):
        """The value of an expression with random parts."""
        value = np.asarray(self._evaluate(unroll(expression, self.values)))
        if value.ndim != 3:
            raise KeyError(f"{type(self).__name__}: nothing in {expression} is random")
        return value


#: Mean 0, and as often negative as positive, but not distributed as their negatives.
LOPSIDED = np.array([3.0, 1.0, -2.0, -2.0]) / math.sqrt(4.5)


def lopsided(*shape) -> np.ndarray:
    """Every array of the shape with entries from ``LOPSIDED``, shape (4^size, *shape)."""
    choices = np.stack(np.meshgrid(*[LOPSIDED] * math.prod(shape), indexing="ij"), axis=-1)
    return choices.reshape(-1, *shape)


class OneBranch(Ensemble):
    """One branch W_2 ReLU(W_1 x), n = 1..3, at a fixed state x; all signs of both weights.

    Parameters
    ----------
    rng : numpy Generator
    tall : bool
        n = 3..5 and h = 1, so that a normalised state is not the same for every x.
    broken : str, optional
        The hypothesis that is dropped. "ties": n = 2 and both components of x are 1, or both -1, so that half of all
        rows of W_1 give 0, without rounding. "lopsided": the entries of W_1 are not distributed as their negatives.
    """

    def __init__(self, rng, tall=False, broken=None):
        n, h = (int(rng.integers(3, 6)), 1) if tall else (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        if broken is not None:
            n, h = 2, 1
        self.values = {chapter.n: Integer(n), chapter.h: Integer(h)}
        self.n, self.ties = n, broken == "ties"
        self.variances = rng.uniform(0.5, 3, size=2)
        first = (lopsided if broken == "lopsided" else signs)(h, n) * math.sqrt(self.variances[0] / n)
        self.W1, self.W2 = pairs_of(first, signs(n, h) * math.sqrt(self.variances[1] / h))
        self.x, self.g, self.A = rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, n))
        if self.ties:
            self.x = np.full(n, np.sign(self.x[0]))
        self.norm = LayerNorm(epsilon=0)
        self.known = {
            "A": self.A,
            "trA": np.trace(self.A),
            "W": lambda k: {1: self.W1, 2: self.W2}[k],
            "v": numbered(self.variances, 1),
            "I": np.eye(n),
            "x": lambda: column(self.x),
            "g": row(self.g),
        }

    def branch(self, x):
        """F(x) of every network, (N, n, 1), for a column or a stack of columns."""
        inputs = (self.W1 @ x)[..., 0]
        if not self.ties and np.abs(inputs.real).min() < TIE:
            raise CheckError(f"{type(self).__name__}: an input of a ReLU is 0 up to rounding, which decides its slope")
        return self.W2 @ relu.forward(inputs)[..., np.newaxis]

    def jacobian(self, x):
        """Of every branch at the state x, by the complex step."""
        steps = x[:, np.newaxis] + 1j * STEP * np.eye(self.n)
        return np.concatenate([np.imag(self.branch(step[:, np.newaxis])) / STEP for step in steps.T], axis=-1)

    def value_J(self):
        return self.jacobian(self.x)

    def value_Phi(self):
        inputs = (self.W1 @ self.x[:, np.newaxis])[..., 0]
        return np.stack([np.diag(np.imag(relu.forward(z + 1j * STEP)) / STEP) for z in inputs])

    def value_kappa(self):
        """From the definition, with A = I."""
        jacobian = self.value_J()
        kappa = float(np.mean(np.sum(jacobian**2, axis=(1, 2)))) / self.n
        same([initialisation.branch_strength(self.variances)], [kappa], "branch_strength")
        return kappa

    def apply(self, function, argument):
        if function.name != "F":
            raise KeyError(f"{type(self).__name__} cannot apply {function.name}")
        return self.branch(np.asarray(argument))


class ReluFirst(Ensemble):
    """A layer W ReLU(x) at a fixed state x with some positive components, n = 1..3."""

    def __init__(self, rng):
        n = int(rng.integers(1, 4))
        self.values = {chapter.n: Integer(n)}
        variance = float(rng.uniform(0.5, 3))
        x, weights = rng.normal(size=n), signs(n, n) * math.sqrt(variance / n)
        x[0] = abs(x[0])  # all masked would be 0 = 0, which no mutation can disturb
        self.known = {
            "W": lambda k: weights,
            "Phi": np.diag(np.imag(relu.forward(x + 1j * STEP)) / STEP),
            "g": row(rng.normal(size=n)),
            "v": lambda k: variance,
            "q": np.mean(x > 0),
        }


class HeldAttention(Ensemble):
    """Attention over T = 2, 3 positions whose weights are held; all signs of both matrices and of the rows of a gradient.

    Parameters
    ----------
    rng : numpy Generator
    equal : bool
        Whether all positions have the same gradient.
    """

    def __init__(self, rng, equal=False):
        T, (n, h) = int(rng.integers(2, 4)), rng.integers(1, 3, size=2)
        self.values = {chapter.T: Integer(T)}
        variances, each = rng.uniform(0.5, 3, size=2), rng.normal(size=(T, n))
        each *= rng.uniform(0.5, 2) / np.linalg.norm(each, axis=1, keepdims=True)
        given = each[np.newaxis, :1].repeat(T, axis=1) if equal else signs(T, 1) * each
        value, output = signs(h, n) * math.sqrt(variances[0] / n), signs(n, h) * math.sqrt(variances[1] / h)
        place = np.indices((len(value), len(output), len(given))).reshape(3, -1)
        looks = np.exp(rng.normal(size=(T, T)))
        looks /= looks.sum(axis=1, keepdims=True)
        self.known = {
            "P": looks,
            "G": given[place[2]],
            "W": lambda k: {1: value[place[0]], 2: output[place[1]]}[k],
            "v": numbered(variances, 1),
        }
        kappa = np.prod(variances) * np.sum(looks**2) / T
        same([initialisation.attention_strength(looks, variances)], [kappa], "attention_strength")


#: (n, h, units): small enough that all sign patterns of all weights can be run.
SIZES = ((1, 1, 2), (1, 1, 5), (1, 2, 3), (2, 1, 2), (2, 1, 3))


class AllNetworks(Ensemble):
    """Every network x_{l+1} = lambda_l x_l + beta_l W_2 ReLU(W_1 x_l) with weights +-sqrt(v / columns).

    Parameters
    ----------
    rng : numpy Generator
    ties : bool
        Two units with n = 2, and an input whose components are both 1 or both -1: half of all rows of the lowest W_1
        give 0, without rounding.
    """

    def __init__(self, rng, ties=False):
        n, h, depth = (2, 1, 2) if ties else SIZES[int(rng.integers(len(SIZES)))]
        self.n, self.depth, self.ties = n, depth, ties
        self.values = {
            chapter.n: Integer(n),
            chapter.h: Integer(h),
            L: Integer(depth),
            l: Integer(int(rng.integers(depth))),
        }
        self.lam, self.beta = rng.uniform(-1.5, 1.5, size=(2, depth))
        self.variances = rng.uniform(0.5, 2, size=2)
        self.g_out = rng.normal(size=(1, n))
        bits = signs(depth, 2 * n * h)
        first, second = (
            np.sqrt(v / columns) * part
            for v, columns, part in zip(self.variances, (n, h), (bits[..., : n * h], bits[..., n * h :]), strict=True)
        )
        self.W1, self.W2 = first.reshape(-1, depth, h, n), second.reshape(-1, depth, n, h)
        x = rng.normal(size=(n, 1))
        self.states = [np.broadcast_to(np.sign(x[:1]) if ties else x, (len(bits), n, 1))]
        for k in range(depth):
            self.states.append(self._step(k, self.states[k]))
            if not ties and np.abs(self.W1[:, k] @ self.states[k]).min() < TIE:
                raise CheckError(f"AllNetworks: an input of a ReLU of unit {k} is 0 up to rounding, want no ties")
        self._rows = {}
        self.known = {
            "x": numbered(self.states),
            "v": numbered(self.variances, 1),
            "trS": lambda k: np.trace(self.value_S(k)),
            "lambda": numbered(self.lam),
            "beta": numbered(self.beta),
            "I": np.eye(n),
        }
        gain = initialisation.expected_gain(depth, self.lam, self.beta, self.value_kappa())
        same([gain], [self.value_mean(Mean(Norm(chapter.g(0)) ** 2)) / np.sum(self.g_out**2)], "expected_gain")

    def _step(self, k, x, W1=None, W2=None):
        W1, W2 = (self.W1 if W1 is None else W1), (self.W2 if W2 is None else W2)
        return self.lam[k] * x + self.beta[k] * (W2[:, k] @ rectified(W1[:, k] @ x))

    def value_g(self, k):
        """g_k of every network, (N, 1, n), by complex steps from x_k to the end."""
        k = int(k)
        if not 0 <= k <= self.depth:
            raise KeyError(f"g_{k} is outside the network")
        if k not in self._rows:
            columns = []
            for step in np.eye(self.n):
                x = self.states[k] + 1j * STEP * step[:, np.newaxis]
                for unit in range(k, self.depth):
                    x = self._step(unit, x)
                columns.append(np.imag(self.g_out @ x) / STEP)
            self._rows[k] = np.concatenate(columns, axis=-1)
        return self._rows[k]

    def value_S(self, k):
        rows = self.value_g(k)
        return np.mean(rows.mT @ rows, axis=0)

    def value_kappa(self):
        """From the definition, over all branches of this shape at the network's input; the law's where ties break it."""
        if self.ties:
            return initialisation.branch_strength(self.variances)
        _, _, h, n = self.W1.shape
        alone = OneBranch.__new__(OneBranch)
        alone.n, alone.x, alone.variances = n, self.states[0][0, :, 0], self.variances
        alone.ties = False
        alone.W1, alone.W2 = pairs_of(
            signs(h, n) * math.sqrt(self.variances[0] / n), signs(n, h) * math.sqrt(self.variances[1] / h)
        )
        return alone.value_kappa()

    def value_partial(self, node):
        """dE/dW_{l,k} of every network, by a complex step in each entry."""
        unit, place = (int(index) for index in node.by.indices)
        weights = (self.W1, self.W2)[place - 1]
        found = np.empty_like(weights[:, unit])
        for entry in np.ndindex(*found.shape[1:]):
            moved = weights.astype(complex)
            moved[(slice(None), unit, *entry)] += 1j * STEP
            x = self.states[unit]
            for k in range(unit, self.depth):
                x = self._step(k, x, **{f"W{place}": moved})
            found[(slice(None), *entry)] = np.imag(self.g_out @ x)[:, 0, 0] / STEP
        return found

    def value_norm(self, norm):
        if norm.args[0] == chapter.g(L).subs(self.values):  # the one gradient that is given
            return float(np.linalg.norm(self.g_out))
        if norm.args[0] == chapter.x(0):
            return float(np.linalg.norm(self.states[0][0]))
        raise KeyError(f"{norm} is random: only its means have values")

    def apply(self, function, argument):
        k = int(function.indices[0])
        hidden = self.W1[:, k] @ argument
        return self.W2[:, k] @ rectified(hidden)


class Squares(Case):
    """Numbers beta_i and kappa.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "any"; "one", a single beta that is not 0; "many", so many small ones that the product is its limit.
    """

    def __init__(self, rng, kind="any"):
        depth = 200_000 if kind == "many" else int(rng.integers(1, 7))
        self.kind, self.depth = kind, depth
        self.kappa = float(rng.uniform(0.2, 2))
        self.values = {L: Integer(depth)}
        self.betas = rng.normal(size=depth) / math.sqrt(depth if kind == "many" else 1)
        if kind == "one":
            self.betas[1:] = 0
        self.known = {
            "beta": numbered(self.betas) if kind != "many" else {},
            "kappa": self.kappa,
            "product": lambda: np.prod(1 + self.kappa * self.betas**2),
            "total": lambda: self.kappa * np.sum(self.betas**2),
        }

    def evaluate(self, expression):
        if self.kind != "many":
            return super().evaluate(expression)
        # Too many factors to write out: both ranges by NumPy, as they stand in the expression.
        product, total = chapter.bounded.lhs, chapter.squares
        known = {product: Scalar("product"), total: Scalar("total")}
        return self._evaluate(expression.subs(known))

    def compare(self, left, right):
        want, got = self.evaluate(left), self.evaluate(right)
        return abs(want - got) / max(abs(want), abs(got), 1e-300), want, got


class DroppedBranch(OneBranch):
    """One branch that is there in some of the outcomes, p of them."""

    def __init__(self, rng):
        super().__init__(rng)
        self.kept, outcomes = int(rng.integers(1, 4)), 4
        self.known |= {"keep": self.kept / outcomes, "kappa": super().value_kappa()}
        self.W1, self.W2 = (np.tile(weights, (outcomes, 1, 1)) for weights in (self.W1, self.W2))
        per = len(self.W1) // outcomes
        self.known["chi"] = (np.arange(len(self.W1)) < self.kept * per).astype(float)[:, np.newaxis, np.newaxis] * (
            np.eye(self.n)
        )


class OneNetwork(Case):
    """A chain of 1 to 3 units x + beta W_2 ReLU(W_1 x) with shortcut factors, random weights, and steps of all of them."""

    def __init__(self, rng):
        self.depth, n = int(rng.integers(1, 4)), int(rng.integers(2, 5))
        self.values = {L: Integer(self.depth), l: Integer(int(rng.integers(self.depth)))}
        self.lam, self.beta = rng.uniform(-1, 1, self.depth), rng.uniform(0.3, 1, self.depth)
        while True:
            self.weights = rng.normal(size=(self.depth, 2, n, n))
            self.x, self.g = rng.normal(size=n), rng.normal(size=n)
            states, inputs = self._run(self.weights)
            if min(np.abs(v).min() for v in inputs) > 0.02 and min(v.max() for v in inputs) > 0:
                break
        self.known = {
            "x": numbered([column(v) for v in states]),
            "W": lambda unit, k: self.weights[unit, k - 1],
            "beta": numbered(self.beta),
            "g": lambda k: row(self._sent(k)),
        }
        net = initialisation.residual_network(self.weights, self.lam, self.beta)
        grads = net.backward(net.forward(self.x), self.g)
        for unit in range(self.depth):
            for k, place in ((1, 0), (2, 2)):
                want = self._gradient(unit, k)
                same(grads.units[unit].branch[place].weight, want, f"residual_network, unit {unit}, weight {k}")

    def _run(self, weights, start=0, x=None):
        states, inputs = [self.x if x is None else x], []
        for (W1, W2), lam, beta in zip(weights[start:], self.lam[start:], self.beta[start:], strict=True):
            inputs.append(W1 @ states[-1])
            states.append(lam * states[-1] + beta * (W2 @ rectified(inputs[-1])))
        return states, inputs

    def _sent(self, k):
        return self.g @ complex_step_jacobian(
            lambda x: self._run(self.weights, k, x)[0][-1], self._run(self.weights)[0][k]
        )

    def _gradient(self, unit, k):
        def output(flat):
            moved = self.weights.astype(complex)
            moved[unit, k - 1] = flat.reshape(moved.shape[2:])
            return self._run(moved)[0][-1]

        return (self.g @ complex_step_jacobian(output, self.weights[unit, k - 1].ravel())).reshape(self.x.size, -1)

    def value_partial(self, node):
        if node.by.indices:
            return self._gradient(*(int(index) for index in node.by.indices))
        gradients = np.array([[self._gradient(unit, k) for k in (1, 2)] for unit in range(self.depth)])
        step = np.sign(gradients) if node.by == chapter.etasign else gradients
        moved = complex_step_jacobian(lambda eta: self._run(self.weights - eta[0] * step)[0][-1], np.zeros(1))
        return float((self.g @ moved)[0])


class ZeroLast(Case):
    """y = x + W_2 ReLU(W_1 x), and y = x + alpha F(x), with random weights."""

    def __init__(self, rng):
        n, h = (int(v) for v in rng.integers(1, 5, size=2))
        self.values = {}
        while True:
            self.W1, self.W2 = rng.normal(size=(h, n)), rng.normal(size=(n, h))
            self.x, self.g, self.alpha = rng.normal(size=n), rng.normal(size=n), float(rng.normal())
            inputs = self.W1 @ self.x
            if np.min(np.abs(inputs)) > 0.02 and np.max(inputs) > 0:
                break
        self.known = {
            "W": {1: self.W1, 2: self.W2},
            "Phi": complex_step_jacobian(rectified, inputs),
            "x": column(self.x),
            "g": row(self.g),
        }
        self._compare_numpy_half()

    def _compare_numpy_half(self):
        net = initialisation.residual_network  # square weights alone
        if self.W1.shape == self.W2.shape:
            made = net(np.stack([self.W1, self.W2])[np.newaxis])
            grads = made.backward(made.forward(self.x), self.g).units[0].branch
            for k, layer in ((1, grads[0]), (2, grads[2])):
                same(layer.weight, self._weight_gradient(k), f"residual_network, weight {k}")

    def _output(self, W1=None, W2=None, alpha=1.0):
        hidden = (self.W1 if W1 is None else W1) @ self.x
        return self.x + alpha * ((self.W2 if W2 is None else W2) @ rectified(hidden))

    def _weight_gradient(self, k):
        weight = {1: self.W1, 2: self.W2}[k]
        moved = complex_step_jacobian(
            lambda flat: self._output(**{f"W{k}": flat.reshape(weight.shape)}), weight.ravel()
        )
        return (self.g @ moved).reshape(weight.shape)

    def value_partial(self, node):
        if node.by.name == "alpha":
            return (self.g @ complex_step_jacobian(lambda a: self._output(alpha=a[0]), [self.alpha])).reshape(1, 1)
        return self._weight_gradient(int(node.by.indices[0]))

    def apply_F(self, function, x):
        return self._output() - self.x


class Normalised(OneBranch):
    """A state, its normal form z and the branch at it, F(z); n = 3..5.

    z sums to 0, so weights of one sign would give the ReLU an input of 0. The signs of W_1 are therefore turned by
    an orthogonal matrix, which leaves their moments as they are.

    Parameters
    ----------
    rng : numpy Generator
    norm : layer, optional
        By default layer normalisation.
    """

    def __init__(self, rng, norm=None):
        super().__init__(rng, tall=True)
        self.norm = norm or self.norm
        self.x *= rng.uniform(0.5, 3)
        self.W1 = self.W1 @ np.linalg.qr(rng.normal(size=(self.n, self.n)))[0]
        self.known |= {
            "z": column(self.norm.forward(self.x)),
            "one": np.ones((self.n, 1)),
            "std": self.x.std(),
            "rms": math.sqrt(np.mean(self.x**2)),
            "N": complex_step_jacobian(self.norm.forward, self.x),
        }

    def value_J(self):
        """The branch's Jacobian at z, where it is applied."""
        return self.jacobian(self.norm.forward(self.x))

    def value_partial(self, node):
        return self.known["N"]


class RmsNormalised(Normalised):
    """The same with RMSNorm instead of LayerNorm."""

    def __init__(self, rng):
        super().__init__(rng, RMSNorm(epsilon=0))


class SymmetricBatch(Ensemble):
    """One component over a batch that lies symmetrically about its mean, and every row of numbers +-rho after it.

    Parameters
    ----------
    rng : numpy Generator
    broken : str, optional
        "equal": all samples have the same number in the row. "skewed": the batch is not symmetric.
    """

    def __init__(self, rng, broken=None):
        size = 2 * int(rng.integers(2, 5))
        self.values = {chapter.B: Integer(size)}
        half = rng.uniform(0.2, 2, size=size // 2)
        t = np.concatenate([half, -half]) + rng.normal()
        if broken == "skewed":
            t[0] += 5
        rows, norm = signs(1, size), BatchNormTraining(1, epsilon=0)
        self.known = {
            "g": rng.uniform(0.5, 2) * (rows[(rows == rows[..., :1]).all(axis=(1, 2))] if broken == "equal" else rows),
            "sigma": t.std(),
            "Phi": np.diag((t > t.mean()).astype(float)),
            "N": complex_step_jacobian(lambda t: norm.forward(column(t)).ravel(), t),
        }


def normal_mean(function):
    """Mean of a function of a standard normal number that is smooth on either side of 0, by quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(120)
    where = np.concatenate([6 * (nodes - 1), 6 * (nodes + 1)])
    density = np.exp(-(where**2) / 2) / math.sqrt(2 * math.pi)
    return sum(6 * w * d * function(x) for w, d, x in zip(np.tile(weights, 2), density, where, strict=True))


class StandardNormal(Case):
    """Means over a standard normal number."""

    def __init__(self, rng):
        self.values, self.known = {}, {}

    def value_mean(self, mean):
        def at_point(point):
            return float(np.squeeze(self._with(known={**self.known, "xi": point})._evaluate(mean.args[0])))

        return float(normal_mean(at_point))


class BatchStrength(Case):
    """kappa and tau of a branch of one or two layers, each after a batch normalisation and a ReLU, by quadrature.

    Wide layers and a large batch: every component of a normalised state is a standard normal number over the batch.
    """

    def __init__(self, rng, layers=1):
        self.values = {}
        self.variances = rng.uniform(0.5, 3, size=2)
        opened = normal_mean(lambda x: float(x > 0))
        spread = normal_mean(lambda x: max(x, 0.0) ** 2) - normal_mean(lambda x: max(x, 0.0)) ** 2
        sigma, first = math.sqrt(self.variances[0] * spread), self.variances[0] * opened
        kappa = first if layers == 1 else first / sigma**2 * self.variances[1] * opened
        self.known = {
            "v": numbered(self.variances, 1),
            "sigma": sigma,  # what the second normalisation divides by
            "kappa": kappa,
            "tau": self.variances[layers - 1] * spread,
        }
        gain = initialisation.batch_strength(self.variances[:layers])
        same(gain, [kappa, self.known["tau"]], "batch_strength")


class GrowingSpread(Case):
    """Numbers kappa and tau."""

    def __init__(self, rng):
        self.depth = int(rng.integers(1, 8))
        self.values = {L: Integer(self.depth)}
        self.known = {"kappa": (kappa := rng.uniform(0.3, 2)), "tau": (tau := rng.uniform(0.3, 2))}
        factors = 1 + kappa / (1 + tau * np.arange(self.depth))
        law = initialisation.growing_gain(self.depth, kappa, tau)
        same([law], [np.prod(factors)], "growing_gain")


class PlainNetworks(Ensemble):
    """Every network x_{l+1} = W_l ReLU(x_l) of an ensemble whose weights have a normal variable's first seven moments.

    Each entry of a weight takes the four nodes of a Gauss-Hermite rule, none of which is 0, with their weights.
    The input is given; gradients are complex steps through the forward pass, masks and all.
    """

    def __init__(self, rng):
        n, depth = ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2))[int(rng.integers(5))]
        self.values = {chapter.n: Integer(n), L: Integer(depth)}
        self.n, self.depth, self.g_out = n, depth, rng.normal(size=(1, n))
        self.x = rng.normal(size=(n, 1))
        self.x[0] = abs(self.x[0])  # all masked would be 0 = 0, which no mutation can disturb
        nodes, weights = np.polynomial.hermite_e.hermegauss(4)
        choices = np.stack(np.meshgrid(*[range(4)] * (depth * n * n), indexing="ij"), axis=-1).reshape(-1, depth, n, n)
        self.W = nodes[choices] * math.sqrt(2 / n)
        self.probability = np.prod((weights / weights.sum())[choices], axis=(1, 2, 3))
        self.known = {"q": np.mean(self.x > 0), "g": {0: self.gradient}}

    def average(self, values):
        return np.tensordot(self.probability, values, axes=1)

    def gradient(self):
        """g_0 of every network."""
        columns = []
        for step in np.eye(self.n):
            x = self.x + 1j * STEP * step[:, np.newaxis]
            for k in range(self.depth):
                x = self.W[:, k] @ rectified(x)
            columns.append(np.imag(self.g_out @ x) / STEP)
        return np.concatenate(columns, axis=-1)

    def value_norm(self, norm):
        if norm.args[0] != chapter.g(self.depth):
            raise KeyError(f"{norm} is random: only its means have values")
        return float(np.linalg.norm(self.g_out))


CHAPTER = "09_at_initialisation"
#: What holds of the branch W_2 ReLU(W_1 x) exactly, by ``init-branch``.
BRANCH = (chapter.MEAN_FREE, chapter.GIVEN)
NO_EPSILON = ("epsilon = 0 in the normalisation",)
UNCORRELATED = "the numbers of a row are uncorrelated, with mean 0 and equal mean squares"
POSITIONS = "the rows of G uncorrelated, with equal mean squares"
SYMMETRIC_BATCH = "the batch lies symmetrically about its mean, no sample at the mean"
BATCH = (
    "wide layers and a large batch: over the batch every normalised component is a standard normal number",
    "gradients of different samples uncorrelated",
)


def build() -> list[Equation]:
    branch, law, pre, rms = chapter.branch(), chapter.law(), chapter.pre_unit(), chapter.pre_unit(chapter.rms, 1)
    here = partial(Equation, chapter=CHAPTER)
    ensemble = partial(here, method="exhaustive", case=AllNetworks, cases=8)
    one_branch = partial(here, method="exhaustive", case=OneBranch, cases=12)
    normalised = partial(here, method="exhaustive", case=Normalised, cases=12, assumptions=NO_EPSILON)
    return [
        here(
            "init-unit",
            expression=eq(*chapter.unit),
            method="definition",
            case=AllNetworks,
            cases=8,
            rests_on=("forward-unit",),
        ),
        one_branch(
            "init-branch",
            expression=chain(branch.quantity, *(step.expression for step in branch.steps)),
            proofs=(branch,),
            assumptions=branch.assumptions,
            without=(
                (chapter.SYMMETRIC, partial(OneBranch, broken="lopsided")),
                (chapter.NO_TIES, partial(OneBranch, broken="ties")),
            ),
            rests_on=("backward-block-inside",),
        ),
        one_branch(
            "init-relu-first",
            expression=eq(*chapter.relu_first),
            case=ReluFirst,
            assumptions=("W_1 of mean 0, its entries uncorrelated with variance v_1/n", "x fixed"),
        ),
        here(
            "init-attention",
            expression=chain(*chapter.attended),
            method="exhaustive",
            case=HeldAttention,
            cases=12,
            assumptions=(
                "the weights P held, as where all queries are 0",
                "W_1 (values) and W_2 (output) of mean 0 and independent, entries uncorrelated with variances v_1/n and v_2/h",
                POSITIONS,
            ),
            without=((POSITIONS, partial(HeldAttention, equal=True)),),
            rests_on=("backward-block-inside",),
        ),
        ensemble(
            "init-second-moment",
            expression=chain(chapter.second(l), chapter.second_definition, chapter.second_step),
            assumptions=BRANCH,
            rests_on=("init-unit", "backward-unit", "init-branch"),
        ),
        ensemble("init-factor", expression=eq(*chapter.one_unit), assumptions=BRANCH, rests_on=("init-second-moment",)),
        ensemble(
            "init-law",
            expression=eq(law.left, law.right),
            method="induction",
            proofs=(law,),
            assumptions=BRANCH,
            without=((chapter.NO_TIES, partial(AllNetworks, ties=True)),),
            rests_on=("init-factor",),
        ),
        here(
            "init-spread",
            expression=eq(*chapter.spread),
            method="exhaustive",
            case=PlainNetworks,
            cases=12,
            proofs=(chapter.check_spread,),
            assumptions=(
                "plain: x_{l+1} = W_l ReLU(x_l), the entries of W_l independent N(0, 2/n)",
                "x_0 given, its share q of positive components not 0",
                "g_L chosen without looking at the weights",
            ),
        ),
        here(
            "init-unbounded",
            expression=chapter.unbounded,
            method="numeric",
            case=Squares,
            tight=partial(Squares, kind="one"),
            assumptions=("kappa >= 0",),
            rests_on=("init-law",),
        ),
        here(
            "init-bounded",
            expression=chapter.bounded,
            method="numeric",
            case=Squares,
            tight=partial(Squares, kind="many"),
            tight_tolerance=1e-3,
            assumptions=("kappa >= 0",),
            cases=20,
            rests_on=("init-law",),
        ),
        here(
            "init-limits",
            expression=together(chapter.limits),
            method="symbolic",
            exact=chapter.check_limits,
            assumptions=("kappa > 0",),
            rests_on=("init-law",),
        ),
        here(
            "init-zero-last",
            expression=together(chapter.weight_gradients),
            method="numeric",
            case=ZeroLast,
            rests_on=("backward-own-block",),
            assumptions=("y = x + W_2 ReLU(W_1 x)",),
        ),
        here(
            "init-zero-scale",
            expression=eq(*chapter.scale_gradient),
            method="numeric",
            case=ZeroLast,
            rests_on=("backward-own-block",),
            assumptions=("y = x + alpha F(x)",),
        ),
        ensemble(
            "init-state-law",
            expression=eq(*chapter.state_law),
            assumptions=(*BRANCH, "x_0 given", "no biases, so that F(x) = J x"),
            rests_on=("init-branch", "init-unit"),
        ),
        ensemble(
            "init-weights",
            expression=together(chapter.weight_means),
            assumptions=(*BRANCH, "x_0 given", "the branch W_{l,2} ReLU(W_{l,1} x) of init-branch in every unit"),
            rests_on=("init-zero-last", "init-law"),
        ),
        here(
            "init-weight-sizes",
            expression=together(chapter.weight_sizes),
            method="numeric",
            case=OneNetwork,
            cases=12,
            assumptions=("beta_l >= 0",),
            rests_on=("init-zero-last",),
        ),
        here(
            "init-step",
            expression=together(chapter.steps),
            method="numeric",
            case=OneNetwork,
            cases=12,
            assumptions=(
                "at eta = 0",
                "all weights move by -eta times their gradient, or by -eta times the signs of its entries",
            ),
        ),
        here(
            "init-step-limits",
            expression=together(chapter.step_limits),
            method="symbolic",
            exact=chapter.check_limits,
            assumptions=("kappa > 0", "identity shortcuts"),
            rests_on=("init-weights", "init-step"),
        ),
        one_branch(
            "init-stochastic",
            expression=eq(*chapter.stochastic),
            case=DroppedBranch,
            assumptions=("chi independent of the branch, 1 with probability p and else 0",),
            rests_on=("init-branch",),
        ),
        here(
            "init-norm",
            expression=eq(*chapter.norm),
            method="definition",
            case=Normalised,
            assumptions=NO_EPSILON,
        ),
        here(
            "init-norm-jacobian",
            expression=eq(*chapter.norm_jacobian),
            method="symbolic",
            case=Normalised,
            exact=chapter.check_norm_jacobian,
            assumptions=NO_EPSILON,
            rests_on=("init-norm",),
        ),
        normalised("init-pre-state", expression=eq(*chapter.pre_state), rests_on=("init-norm", "init-branch")),
        normalised(
            "init-pre-unit",
            expression=chain(pre.quantity, *(step.expression for step in pre.steps)),
            proofs=(pre,),
            rests_on=("init-norm-jacobian", "init-branch"),
        ),
        here(
            "init-pre-law",
            expression=eq(chapter.pre_product, chapter.pre_law),
            method="induction",
            proofs=(chapter.check_pre_law,),
            exact=chapter.check_pre_values,
            rests_on=("init-pre-unit", "init-pre-state"),
            assumptions=("kappa > 0",),
        ),
        here(
            "init-pre-above",
            expression=eq(*chapter.pre_above),
            method="symbolic",
            exact=chapter.check_pre_above,
            rests_on=("init-pre-law",),
            assumptions=("kappa > 0",),
        ),
        one_branch("init-post-state", expression=eq(*chapter.post_state), rests_on=("init-branch",)),
        here(
            "init-rms",
            expression=eq(*chapter.rms_norm),
            method="definition",
            case=RmsNormalised,
            assumptions=NO_EPSILON,
        ),
        here(
            "init-rms-jacobian",
            expression=eq(*chapter.rms_jacobian),
            method="symbolic",
            case=RmsNormalised,
            exact=partial(chapter.check_norm_jacobian, centred=False),
            assumptions=NO_EPSILON,
            rests_on=("init-rms",),
        ),
        normalised(
            "init-rms-unit",
            expression=chain(rms.quantity, *(step.expression for step in rms.steps)),
            case=RmsNormalised,
            proofs=(rms,),
            rests_on=("init-rms-jacobian", "init-branch"),
        ),
        here(
            "init-batch-kept",
            expression=chain(*chapter.batch_kept),
            method="exhaustive",
            case=SymmetricBatch,
            cases=12,
            assumptions=(*NO_EPSILON, "gamma = 1", UNCORRELATED, SYMMETRIC_BATCH),
            without=(
                (UNCORRELATED, partial(SymmetricBatch, broken="equal")),
                (SYMMETRIC_BATCH, partial(SymmetricBatch, broken="skewed")),
            ),
            rests_on=("after-batch-jacobian",),
        ),
        here(
            "init-batch-spread",
            expression=eq(*chapter.rectified),
            method="numeric",
            case=StandardNormal,
            cases=1,
            assumptions=("xi a standard normal number",),
        ),
        here(
            "init-batch-one",
            expression=together(chapter.batch_one),
            method="numeric",
            case=BatchStrength,
            cases=6,
            assumptions=BATCH,
            rests_on=("init-batch-kept", "init-batch-spread"),
        ),
        here(
            "init-batch-two",
            expression=together(chapter.batch_two),
            method="numeric",
            case=partial(BatchStrength, layers=2),
            cases=6,
            assumptions=BATCH,
            rests_on=("init-batch-kept", "init-batch-spread"),
        ),
        here(
            "init-batch-law",
            expression=eq(chapter.batch_product, chapter.batch_closed),
            method="induction",
            proofs=(chapter.check_batch_law,),
            case=GrowingSpread,
            cases=12,
            rests_on=("init-batch-one", "init-batch-two"),
            assumptions=("kappa > 0, tau > 0",),
        ),
        here(
            "init-batch-power",
            expression=eq(*chapter.batch_power),
            method="numeric",
            exact=chapter.check_batch_power,
            rests_on=("init-batch-law",),
            assumptions=("kappa > 0, tau > 0",),
        ),
    ]
