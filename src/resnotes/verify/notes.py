"""Random cases for the equations of chapters 1 to 6."""

import math

import numpy as np
from sympy import Float, Integer

from resnotes import four_layer, losses, magnitudes, paths
from resnotes.network import Affine, Network, Unit, identity, relu, tanh
from resnotes.shortcuts import Diagonal, Identity, Projection, Scale, StopGradient, ZeroPad
from resnotes.symbolic import at_least as bounds_chapter
from resnotes.symbolic import backward_pass as backward_chapter
from resnotes.symbolic import forward_pass as forward_chapter
from resnotes.symbolic import unrolled_sum as unrolled_chapter
from resnotes.symbolic.algebra import Factor, L, Norm, OrderedProduct, evaluate, l, map_tree
from resnotes.verify.core import KINK_MARGIN, World, column, complex_step_jacobian, relative_error, row, same


def _relu(z):
    return np.where(np.real(z) > 0, z, 0)


class FourLayers(World):
    """The notes' network with random weights, n = 1..5."""

    def __init__(self, rng: np.random.Generator):
        self.values = {backward_chapter.k: Integer(int(rng.integers(1, 5)))}
        n = int(rng.integers(1, 6))
        while True:
            self.weights = [rng.normal(size=(n, n)) / math.sqrt(n) for _ in range(4)]
            self.biases = [rng.normal(size=n) / 2 for _ in range(4)]
            self.states = {1: rng.normal(size=n)}
            self._continue(self.states, 1)
            if min(np.min(np.abs(self._pre(self.states, k))) for k in (2, 3, 4, 5)) > KINK_MARGIN:
                break
        self.g5 = rng.normal(size=n)
        self._compare_numpy_half()

    def _layer(self, k, x, weights=None):
        return (weights or self.weights)[k - 1] @ x + self.biases[k - 1]

    def _pre(self, states, k, weights=None):
        """Pre-activation of x_k."""
        z = self._layer(k - 1, states[k - 1], weights)
        return z + states[k - 2] if k in (3, 5) else z

    def _continue(self, states, k, weights=None):
        """Fill in the states after x_k."""
        for later in range(k + 1, 6):
            states[later] = _relu(self._pre(states, later, weights))
        return states[5]

    def _output_from(self, k):
        return lambda x: self._continue({**self.states, k: x}, k)

    def _compare_numpy_half(self):
        got = four_layer.gradients(self.weights, self.biases, self.states[1], self.g5)
        for k in range(1, 6):
            same(got[f"x{k}"], self.gradient(k), f"four_layer.gradients, x{k}")
        for k in range(1, 5):
            same(got[f"W{k}"], self.weight_gradient(k), f"four_layer.gradients, W{k}")

    def gradient(self, k):
        """d loss / d x_k through the whole rest of the network."""
        return self.g5 @ complex_step_jacobian(self._output_from(k), self.states[k])

    def weight_gradient(self, k):
        """d loss / d W_k, entry by entry."""

        def output(flat):
            weights = list(self.weights)
            weights[k - 1] = flat.reshape(self.weights[k - 1].shape)
            return self._continue(dict(self.states), k, weights)

        return (self.g5 @ complex_step_jacobian(output, self.weights[k - 1].ravel())).reshape(self.weights[k - 1].shape)

    def direct(self, of, by):
        """d x_of / d x_by, the other states held fixed."""
        return complex_step_jacobian(lambda x: _relu(self._pre({**self.states, by: x}, of)), self.states[by])

    def value_x(self, k):
        return column(self.states[int(k)])

    def value_W(self, k):
        return self.weights[int(k) - 1]

    def value_b(self, k):
        return column(self.biases[int(k) - 1])

    def value_g(self, k):
        return row(self.gradient(int(k)))

    def value_J(self, k):
        return complex_step_jacobian(lambda x: self._layer(int(k), x), self.states[int(k)])

    def value_D(self, k):
        return complex_step_jacobian(_relu, self._pre(self.states, int(k)))

    def value_gprinted(self, k):
        through = self.g5 @ self.direct(5, 4) @ self.direct(4, 3)
        if int(k) == 2:
            return row(through @ self.direct(3, 2))
        total = complex_step_jacobian(self._output_from(3), self.states[3])
        return row(through + self.g5 @ total)

    def value_partial(self, node):
        if node.of.name != "E":
            return self.direct(int(node.of.indices[0]), int(node.by.indices[0]))
        k = int(node.by.indices[0])
        if node.by.name == "W":
            return self.weight_gradient(k)
        if node.by.name == "b":
            moved = complex_step_jacobian(lambda b: self._with_bias(k, b), self.biases[k - 1])
            return column(self.g5 @ moved)
        return row(self.gradient(k))

    def _with_bias(self, k, b):
        kept, self.biases = self.biases, [*self.biases[: k - 1], b, *self.biases[k:]]
        try:
            return self._continue(dict(self.states), k)
        finally:
            self.biases = kept

    def apply_F(self, function, x):
        return self._layer(int(function.indices[0]), x)

    def apply_ReLU(self, function, y):
        return _relu(y)


class Units(World):
    """A random residual network of 1..7 units, n = 1..5.

    Parameters
    ----------
    rng : numpy Generator
    shortcuts : str
        "any", "scale", "projection" or "identity".
    after : bool or layer
        Whether something may come after the addition, or what does.
    """

    def __init__(self, rng, shortcuts="any", after=True):
        depth, n = int(rng.integers(1, 8)), int(rng.integers(1, 6))
        low = int(rng.integers(0, depth))
        self.depth, self.low = depth, low
        length = int(rng.integers(0, depth - low + 1))
        self.values = {L: Integer(depth), l: Integer(low), unrolled_chapter.k: Integer(length)}
        while True:
            self.net, start = self._draw(rng, depth, n, shortcuts, after)
            self.trace = self.net.forward(start)
            if clear_of_kinks(self.net, self.trace):
                break
        self.g_out = rng.normal(size=n)
        self._gradients = {}
        grads = self.net.backward(self.trace, self.g_out)
        for k in range(depth + 1):
            same(grads.states[k], self.gradient(k), f"Network.backward, states[{k}]")
        same(self.net.jacobian(self.trace, low), self._jacobian_from(low), "Network.jacobian")

    @staticmethod
    def _draw(rng, depth, n, shortcuts, after):
        """A network and its input."""
        return random_network(rng, depth, n, shortcuts, after), rng.normal(size=n)

    def _from(self, k, x, stop=None):
        for unit in self.net.units[k:stop]:
            x = unit.after.forward(unit.shortcut.forward(x) + branch_forward(unit, x))
        return x

    def _jacobian_from(self, k):
        return complex_step_jacobian(lambda x: self._from(k, x), self.trace.states[k])

    def gradient(self, k):
        if k not in self._gradients:
            self._gradients[k] = self.g_out @ self._jacobian_from(k)
        return self._gradients[k]

    def value_x(self, k):
        return column(self.trace.states[int(k)])

    def value_y(self, k):
        return column(self.trace.units[int(k)].sum)

    def value_g(self, k):
        return row(self.gradient(int(k)))

    def value_J(self, k):
        unit = self.net.units[int(k)]
        return complex_step_jacobian(lambda x: branch_forward(unit, x), self.trace.states[int(k)])

    def value_H(self, k):
        return complex_step_jacobian(self.net.units[int(k)].shortcut.forward, self.trace.states[int(k)])

    def value_D(self, k):
        return complex_step_jacobian(self.net.units[int(k)].after.forward, self.trace.units[int(k)].sum)

    def value_lambda(self, k):
        shortcut = self.net.units[int(k)].shortcut
        if isinstance(shortcut, Identity):
            return 1.0
        if not isinstance(shortcut, Scale):
            raise KeyError(f"{shortcut} is no multiple of the identity, so there is no lambda_{k}")
        return float(shortcut.weight)

    def value_T(self, k):
        """The Jacobian of x_L - x_k."""
        return complex_step_jacobian(lambda x: self._from(int(k), x) - x, self.trace.states[int(k)])

    def value_Lambda(self, low, high):
        factors = [unit.shortcut.weight for unit in self.net.units[int(low) : int(high)]]
        return float(magnitudes.shortcut_product(factors)) if factors else 1.0

    def value_P(self, unit, length):
        unit, length = int(unit), int(length)
        n = self.trace.states[0].shape[-1]
        if not 0 <= length <= self.depth - unit:
            return np.zeros((n, n))
        return paths.jacobian_by_length(self.net, self.trace, start=unit)[length]

    def value_gstop(self, k):
        k = int(k)
        units = list(self.net.units)
        kept = units[k]
        units[k] = Unit(kept.branch, StopGradient(kept.shortcut), kept.after)
        stopped = Network(units)
        return row(stopped.backward(stopped.forward(self.trace.states[0]), self.g_out).states[k])

    def value_partial(self, node):
        of_loss = isinstance(node.of, Factor) and node.of.name == "E"
        if of_loss and node.by.name == "x":
            return row(self.gradient(int(node.by.indices[0])))
        if node.by.name == "x":
            return self._derivative(node.of, int(node.by.indices[0]))
        k = int(self.values[l])
        weight = self.net.units[k].branch[0].weight

        def with_weight(flat):
            x = self.trace.states[k]
            z = flat.reshape(weight.shape) @ x + self.net.units[k].branch[0].bias
            for layer in self.net.units[k].branch[1:]:
                z = layer.forward(z)
            return z

        def output(flat):
            unit = self.net.units[k]
            y = unit.shortcut.forward(self.trace.states[k]) + with_weight(flat)
            return self._from(k + 1, unit.after.forward(y))

        if of_loss:
            return row(self.g_out @ complex_step_jacobian(output, weight.ravel()))
        return complex_step_jacobian(with_weight, weight.ravel())

    def _derivative(self, expression, start):
        """The derivative of an expression in x_start and later states, all of which move with x_start."""

        def value(moved):
            states = {k: column(self._from(start, moved, k)) for k in range(start, self.depth + 1)}
            return evaluate(expression, lambda x: states[int(x.indices[0])], np.eye, self.apply).ravel()

        return complex_step_jacobian(value, self.trace.states[start])

    def apply_F(self, function, x):
        return branch_forward(self.net.units[int(function.indices[0])], x)

    def apply_H(self, function, x):
        return self.net.units[int(function.indices[0])].shortcut.forward(x)

    def apply_f(self, function, y):
        return self.net.units[int(function.jacobian.indices[0])].after.forward(y)

    def apply_Fhat(self, function, x):
        """F-hat as what the unit adds to x_L: run the later shortcuts alone on the branch's output."""
        index = int(function.indices[0])
        moved = branch_forward(self.net.units[index], x)
        for unit in self.net.units[index + 1 :]:
            moved = unit.shortcut.forward(moved)
        return moved


class OpenRelu(Units):
    """ReLU after every addition, identity shortcuts, and biases so large that no sum is negative."""

    def __init__(self, rng):
        super().__init__(rng, shortcuts="identity", after=relu)

    @staticmethod
    def _draw(rng, depth, n, shortcuts, after):
        net, start = Units._draw(rng, depth, n, shortcuts, after)
        x = start
        for unit in net.units:
            lacking = np.min(x + branch_forward(unit, x)) - 2 * KINK_MARGIN
            unit.branch[-1].bias -= min(0.0, lacking)
            x = unit.forward(x).output
        return net, start


def branch_forward(unit: Unit, x):
    """What the branch of a unit makes of a state."""
    for entry in unit.branch:
        x = entry.forward(x)
    return x


def random_network(rng, depth: int, n: int, shortcuts="any", after=True) -> Network:
    """A network of ``depth`` units of width n with random branches [Affine, activation, Affine].

    ``shortcuts`` and ``after`` as for :class:`Units`.
    """
    last = (identity, relu, tanh) if after is True else (after or identity,)
    units = []
    for _ in range(depth):
        hidden = int(rng.integers(1, 6))
        branch = [
            Affine(rng.normal(size=(hidden, n)) / math.sqrt(n), rng.normal(size=hidden) / 2),
            (relu, tanh)[rng.integers(2)],
            Affine(rng.normal(size=(n, hidden)) / math.sqrt(hidden), rng.normal(size=n) / 2),
        ]
        shortcut = _shortcut(rng, n, shortcuts)
        units.append(Unit(branch, shortcut, last[rng.integers(len(last))] if len(last) > 1 else last[0]))
    return Network(units)


def _shortcut(rng, n, kind):
    if kind == "identity":
        return Identity()
    if kind == "scale":
        return Scale(float(rng.uniform(-1.5, 1.5)))
    if kind == "projection":
        return Projection(rng.normal(size=(n, n)) / math.sqrt(n))
    choices = (
        Identity(),
        Scale(float(rng.uniform(-1.5, 1.5))),
        Diagonal(rng.normal(size=n)),
        Projection(rng.normal(size=(n, n)) / math.sqrt(n)),
        ZeroPad(n),
    )
    return choices[rng.integers(len(choices))]


def clear_of_kinks(net: Network, trace, margin: float = KINK_MARGIN) -> bool:
    """Whether every input of every ReLU, in branches and after additions, is at least ``margin`` from 0."""
    for unit, seen in zip(net.units, trace.units, strict=True):
        inputs = [x for entry, x in zip(unit.branch, seen.branch, strict=True) if entry is relu]
        if unit.after is relu:
            inputs.append(seen.sum)
        if any(np.min(np.abs(x)) < margin for x in inputs):
            return False
    return True


class Block(World):
    """One unit whose branch has K = 1..6 layers, entered at a_0, left at y; the identity skips around it."""

    def __init__(self, rng, shallowest=1):
        depth, n = int(rng.integers(shallowest, 7)), int(rng.integers(1, 6))
        inside = int(rng.integers(1, depth)) if depth > 1 else 0
        self.depth = depth
        self.values = {backward_chapter.K: Integer(depth), backward_chapter.k: Integer(inside)}
        self.g = rng.normal(size=n)
        while True:
            self.weights = [rng.normal(size=(n, n)) / math.sqrt(n) for _ in range(depth)]
            self.states = {0: rng.normal(size=n)}
            for m in range(1, depth):
                self.states[m] = _relu(self.weights[m - 1] @ self.states[m - 1])
            before = [self.weights[m - 1] @ self.states[m - 1] for m in range(1, depth)]
            if not before or min(np.min(np.abs(z)) for z in before) > KINK_MARGIN:
                break

    def _output(self, position, moved):
        z = moved
        for m in range(position + 1, self.depth):
            z = _relu(self.weights[m - 1] @ z)
        y = self.weights[self.depth - 1] @ z
        return y + (moved if position == 0 else self.states[0])

    def value_ubar(self):
        return row(self.g)

    def value_J(self, m):
        return complex_step_jacobian(lambda x: self.weights[int(m) - 1] @ x, self.states[int(m) - 1])

    def value_D(self, m):
        return complex_step_jacobian(_relu, self.weights[int(m) - 1] @ self.states[int(m) - 1])

    def value_partial(self, node):
        position = int(node.by.indices[0])
        return row(self.g @ complex_step_jacobian(lambda x: self._output(position, x), self.states[position]))


class Merge(World):
    """y = F(x) + o with x = W u, F(x) = tanh(V x); o is u itself where both are asked for.

    W is square only where that is asked for.
    """

    def __init__(self, rng, source="u", square=False):
        n = int(rng.integers(1, 6))
        self.values, self.source = {}, source
        width = int(rng.integers(1, 6)) if source == "projected" else n
        hidden = n if square else int(rng.integers(1, 6))
        self.W = rng.normal(size=(hidden, n)) / math.sqrt(n) + np.eye(hidden, n)
        self.V = rng.normal(size=(n, hidden)) / math.sqrt(hidden)
        self.Ws = rng.normal(size=(n, width))
        self.u, self.g = rng.normal(size=n), rng.normal(size=n)
        self.o = self.u if source == "u" else rng.normal(size=width)

    def F(self, x):
        return np.tanh(self.V @ x)

    def y(self, u=None, x=None, o=None, Ws=None, W=None):
        """y with some of its inputs replaced. What is not replaced keeps its value."""
        x = ((self.W if W is None else W) @ (self.u if u is None else u)) if x is None else x
        if o is None:
            o = u if (u is not None and self.source == "u") else self.o
        return self.F(x) + (o if self.source != "projected" else (self.Ws if Ws is None else Ws) @ o)

    def value_u(self):
        return column(self.u)

    def value_x(self):
        return column(self.W @ self.u)

    def value_o(self):
        return column(self.o)

    def value_y(self):
        return column(self.y())

    def value_W(self):
        return self.W

    def value_Winv(self):
        return np.linalg.inv(self.W)

    def value_Ws(self):
        return self.Ws

    def value_g(self):
        return row(self.g)

    def value_delta(self):
        return column(self.g)

    def value_J(self):
        return complex_step_jacobian(self.F, self.W @ self.u)

    def value_gstop(self, state):
        return row(self.g @ complex_step_jacobian(lambda u: self.y(u=u, o=self.o), self.u))

    def value_partial(self, node):
        by = node.by.name
        if node.of.name == "x":
            return complex_step_jacobian(lambda u: self.W @ u, self.u)
        if by in ("Ws", "W"):
            weight = self.Ws if by == "Ws" else self.W
            moved = complex_step_jacobian(lambda flat: self.y(**{by: flat.reshape(weight.shape)}), weight.ravel())
            return (self.g @ moved).reshape(weight.shape)
        if node.of.name == "y" and by == "u":  # the direct partial derivative: x held fixed
            return complex_step_jacobian(lambda u: self.y(o=u, x=self.W @ self.u), self.u)
        start = {"u": self.u, "x": self.W @ self.u, "o": self.o}[by]
        jacobian = complex_step_jacobian(lambda v: self.y(**{by: v}), start)
        return jacobian if node.of.name == "y" else row(self.g @ jacobian)

    def apply_F(self, function, x):
        return self.F(x)


class MergeAfter(Merge):
    """The merge point with a ReLU after the addition, a = f(y). What is given is the gradient at a."""

    def __init__(self, rng):
        while True:
            super().__init__(rng, source="apart")
            if np.min(np.abs(self.y())) > KINK_MARGIN:
                break

    def value_a(self):
        return column(_relu(self.y()))

    def value_D(self):
        return complex_step_jacobian(_relu, self.y())

    def value_partial(self, node):
        by = node.by.name
        if by == "a":
            return row(self.g)
        start = {"x": self.W @ self.u, "o": self.o, "y": self.y()}[by]
        jacobian = complex_step_jacobian(lambda v: _relu(v if by == "y" else self.y(**{by: v})), start)
        return row(self.g @ jacobian)

    def apply_f(self, function, y):
        return _relu(y)


class Distance(World):
    """A skip over m = 1..6 layers: z_{k+1} = tanh(V_k z_k), y = z_m + z_0."""

    def __init__(self, rng):
        from resnotes.symbolic.merge_point import m

        steps, n = int(rng.integers(1, 7)), int(rng.integers(1, 6))
        self.values = {m: Integer(steps)}
        self.V = [rng.normal(size=(n, n)) / math.sqrt(n) for _ in range(steps)]
        self.z = [rng.normal(size=n)]
        for V in self.V:
            self.z.append(np.tanh(V @ self.z[-1]))
        self.g = rng.normal(size=n)

    def value_g(self):
        return row(self.g)

    def value_J(self, k):
        return complex_step_jacobian(lambda x: np.tanh(self.V[int(k)] @ x), self.z[int(k)])

    def value_partial(self, node):
        def output(start):
            z = start
            for V in self.V:
                z = np.tanh(V @ z)
            return z + start

        return row(self.g @ complex_step_jacobian(output, self.z[0]))


class Padded(World):
    """A zero-padded shortcut from 1..4 to up to 6 components."""

    def __init__(self, rng):
        from resnotes.symbolic.merge_point import component

        n_in = int(rng.integers(1, 5))
        n_out = int(rng.integers(n_in, 7))
        self.values = {component: Integer(int(rng.integers(1, n_in + 1)))}
        self.pad, self.o, self.g = ZeroPad(n_out), rng.normal(size=n_in), rng.normal(size=n_out)
        sent_back, _ = self.pad.backward(self.o, self.g)
        same(sent_back, self.g @ complex_step_jacobian(self.pad.forward, self.o), "ZeroPad.backward")

    def value_g(self, component):
        return float(self.g[int(component) - 1])

    def value_partial(self, node):
        gradient = self.g @ complex_step_jacobian(self.pad.forward, self.o)
        return float(gradient[int(node.by.indices[-1]) - 1])


class Components(World):
    """Outputs and targets by components, for the readings of the loss."""

    def __init__(self, rng):
        n = int(rng.integers(1, 6))
        self.values = {forward_chapter.n: Integer(n), forward_chapter.k: Integer(int(rng.integers(1, n + 1)))}
        self.x, self.p = rng.uniform(0.2, 3, size=n), rng.uniform(0.1, 2, size=n)
        for loss, function in (
            (losses.softmax_cross_entropy, self.cross_entropy),
            (losses.cross_entropy, self.literal),
            (losses.half_squared_error, self.squared),
        ):
            value, gradient = loss(self.x, self.p)
            same([value], [float(np.real(function(self.x)))], loss.__name__)
            same(gradient, complex_step_jacobian(lambda x, f=function: [f(x)], self.x)[0], f"{loss.__name__}, gradient")

    @staticmethod
    def softmax(x):
        e = np.exp(x)
        return e / e.sum()

    def cross_entropy(self, x):
        return -np.sum(self.p * np.log(self.softmax(x)))

    def literal(self, x):
        return -np.sum(self.p * np.log(x))

    def squared(self, x):
        return np.sum((x - self.p) ** 2) / 2

    def value_x(self, _, k):
        return float(self.x[int(k) - 1])

    def value_p(self, k):
        return float(self.p[int(k) - 1])

    def value_s(self, k):
        return float(self.softmax(self.x)[int(k) - 1])

    def value_E(self):
        return float(self.cross_entropy(self.x))

    def value_Eliteral(self):
        return float(self.literal(self.x))

    def value_Esquared(self):
        return float(self.squared(self.x))

    def value_partial(self, node):
        function = {"E": self.cross_entropy, "Eliteral": self.literal, "Esquared": self.squared}[node.of.name]
        return float(complex_step_jacobian(lambda x: [function(x)], self.x)[0, int(node.by.indices[1]) - 1])


class Logits(World):
    """The fourth reading of the loss: x_5 is softmax(z), and derivatives are taken with respect to z."""

    def __init__(self, rng):
        n = int(rng.integers(1, 6))
        above, below = rng.integers(1, n + 1, size=2)
        self.values = {
            forward_chapter.n: Integer(n),
            forward_chapter.k: Integer(int(below)),
            forward_chapter.m: Integer(int(above)),
        }
        self.z, self.p = rng.normal(size=n), rng.uniform(0.1, 2, size=n)
        value, gradient = losses.softmax_cross_entropy(self.z, self.p)
        same([value], [float(self.loss(self.z))], "softmax_cross_entropy of z")
        same(
            gradient, complex_step_jacobian(lambda z: [self.loss(z)], self.z)[0], "softmax_cross_entropy of z, gradient"
        )

    def loss(self, z):
        return -np.sum(self.p * np.log(Components.softmax(z)))

    def value_z(self, k):
        return float(self.z[int(k) - 1])

    def value_x(self, _, k):
        return float(Components.softmax(self.z)[int(k) - 1])

    def value_p(self, k):
        return float(self.p[int(k) - 1])

    def value_partial(self, node):
        of = (lambda z: [self.loss(z)]) if node.of.name == "Eliteral" else Components.softmax
        row_of = 0 if node.of.name == "Eliteral" else int(node.of.indices[1]) - 1
        return float(complex_step_jacobian(of, self.z)[row_of, int(node.by.indices[0]) - 1])


class ScalarChain(World):
    """n = 1, every unit lambda x + r x."""

    def __init__(self, rng):
        from resnotes.symbolic.lambda_scaling import n as count

        depth = int(rng.integers(1, 13))
        while True:  # shares are divided by lambda + r
            self.lam, self.r = float(rng.uniform(0.2, 1.5)), float(rng.uniform(-0.9, 0.9))
            if abs(self.lam + self.r) > 0.3:
                break
        self.depth, self.g_out = depth, float(rng.normal())
        self.values = {
            L: Integer(depth),
            count: Integer(depth),
            unrolled_chapter.k: Integer(int(rng.integers(0, depth + 1))),
        }
        self.net = Network([Unit([Affine([[self.r]], [0.0])], Scale(self.lam)) for _ in range(depth)])
        self.trace = self.net.forward(np.array([1.0]))

    def value_g(self, k):
        k = int(k)
        return row([self.g_out * float(self.net.jacobian(self.trace, start=k)[0, 0])])

    def value_lambda(self):
        return self.lam

    def value_r(self):
        return self.r

    def value_w(self, k):
        by_length = paths.jacobian_by_length(self.net, self.trace)[:, 0, 0]
        return float(by_length[int(k)] / by_length.sum())

    def value_T(self, start):
        """The derivative of the sum of branches: F_i(x_i) = r x_i, by the complex step. lambda is 1 here."""

        def total(x):
            branches = 0
            for _ in range(int(start), self.depth):
                branches, x = branches + self.r * x, x + self.r * x
            return branches

        return float(complex_step_jacobian(total, np.array([1.0]))[0, 0])


class Plain(World):
    """Nothing random but an index."""

    def __init__(self, rng):
        from resnotes.symbolic.lambda_scaling import n as count

        self.values = {count: Integer(int(rng.integers(0, 30)))}


class Cancelling(World):
    """A matrix M and a row g with g M = -g: one left eigenvector, the rest of M is random."""

    def __init__(self, rng):
        n = int(rng.integers(2, 6))
        self.values = {}
        self.g = rng.normal(size=n)
        M = rng.normal(size=(n, n))
        along = np.outer(self.g, self.g) / (self.g @ self.g)
        self.M = M - along @ M - along  # the part of M that g sees is replaced by -g

    def value_g(self):
        return row(self.g)

    def value_M(self):
        return self.M


class OneUnit(World):
    """A gradient g above one unit and its branch's Jacobian J, drawn to order.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "any"; "shrinking", J = -c I with c <= 1; "growing", J = c I; "nonnegative", all entries of both;
        "zero", J = 0.
    """

    def __init__(self, rng, kind="any"):
        n = int(rng.integers(1, 6))
        self.values = {bounds_chapter.n: Integer(n)}
        self.g, self.J = rng.normal(size=n), rng.normal(size=(n, n)) * rng.uniform(0, 1.5)
        if kind == "nonnegative":
            self.g, self.J = np.abs(self.g), np.abs(self.J)
        if kind in ("shrinking", "growing"):
            self.J = np.eye(n) * rng.uniform(0, 1) * (1 if kind == "growing" else -1)
        if kind == "zero":
            self.J = np.zeros((n, n))

    def value_g(self):
        return row(self.g)

    def value_J(self):
        return self.J

    def value_trJ(self):
        return float(np.trace(self.J))

    def value_mean(self, mean):
        raise KeyError("OneUnit has nothing random to average over")


class RandomBranch(OneUnit):
    """J takes finitely many values whose mean is exactly zero, g is fixed: means are finite sums."""

    def __init__(self, rng):
        super().__init__(rng)
        values = [rng.normal(size=self.J.shape) for _ in range(int(rng.integers(1, 4)))]
        self.branches = [sign * value for value in values for sign in (1, -1)]

    def value_mean(self, mean):
        kept, total = self.J, 0.0
        try:
            for branch in self.branches:
                self.J = branch
                total += float(self.evaluate(mean.args[0]))
        finally:
            self.J = kept
        return total / len(self.branches)


class RandomDirection(OneUnit):
    """g takes the values +- e_k sqrt(n): each direction of an orthonormal basis equally often."""

    def value_mean(self, mean):
        n, kept, total = len(self.J), self.g, 0.0
        try:
            for direction in np.eye(n) * math.sqrt(n):
                self.g = direction
                total += float(self.evaluate(mean.args[0]))
        finally:
            self.g = kept
        return total / n


class Chain(World):
    """L units with |J_i|_2 <= c / L, c < L.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "any"; "shrinking", J_i = -(c/L) I; "growing", J_i = (c/L) I, many units: e^c is reached in the limit.
    """

    def __init__(self, rng, kind="any"):
        depth = int(rng.integers(1, 8)) if kind != "growing" else 200_000
        n = int(rng.integers(1, 6))
        self.c = float(rng.uniform(0, min(depth, 3)))
        self.values = {bounds_chapter.L: Integer(depth)}
        self.kind, self.depth, self.g = kind, depth, rng.normal(size=n)
        self.J = []
        for _ in range(depth if kind != "growing" else 0):
            J = rng.normal(size=(n, n))
            J *= rng.uniform(0, 1) * self.c / depth / np.linalg.norm(J, 2)
            self.J.append(-np.eye(n) * self.c / depth if kind == "shrinking" else J)

    def _evaluate(self, expression):
        return evaluate(expression, self.value_of, np.eye, self.apply)

    def evaluate(self, expression):
        if self.kind == "growing":  # 200 000 equal factors: the power, not the product written out
            expression = map_tree(expression, self._as_power)
            return self._evaluate(expression.subs(self.values))
        return super().evaluate(expression)

    def compare(self, left, right):
        want, got = self.evaluate(left), self.evaluate(right)
        return relative_error(got, want), want, got

    def _as_power(self, node):
        if isinstance(node, Norm) and node.has(OrderedProduct):
            return Float((1 + self.c / self.depth) ** self.depth * float(np.linalg.norm(self.g)))
        return None

    def value_g(self, k):
        if k != self.depth:
            raise KeyError(f"Chain knows g_{self.depth} alone, not g_{k}")
        return row(self.g)

    def value_J(self, k):
        return self.J[int(k)]

    def value_c(self):
        return self.c
