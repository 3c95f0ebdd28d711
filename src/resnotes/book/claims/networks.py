"""The small networks of the claims: their states, Jacobians and gradients, exactly."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from sympy import S, exp, sympify

from resnotes import losses
from resnotes.book import cases
from resnotes.book.claims.exact import (
    ExactNetwork,
    agree,
    array,
    column,
    eye,
    floats,
    jacobian,
    mask,
    rectify,
    row,
    smooth,
    unrolled,
)
from resnotes.book.claims.expressions import Total
from resnotes.network import Affine, Network, Unit, identity, relu
from resnotes.shortcuts import Identity, Projection, Scale, StopGradient
from resnotes.symbolic import at_least, backward_pass, forward_pass, lambda_scaling, merge_point, symbols
from resnotes.symbolic.algebra import Factor, L, Partial, evaluate, l
from resnotes.symbolic.symbols import E, F

#: A search asks for these symbols many thousand times; each is made once.
H, W, b, g, lam, x = (
    lru_cache(maxsize=None)(named) for named in (symbols.H, symbols.W, symbols.b, symbols.g, symbols.lam, symbols.x)
)


class Layers(cases.Layers, ExactNetwork):
    """The notes' network, or its first block alone, exactly.

    Parameters
    ----------
    data : dict
        W_1 .. W_4 (or W_1, W_2), biases where they are not 0, x_1, and g_5 (or g_3).
    at : int, optional
        The value of l.
    """

    clear = staticmethod(smooth)

    def __init__(self, data, at=None):
        super().__init__(data, {} if at is None else {l: S(at)})
        layers = range(1, 5 if g(5) in data else 3)
        none = array([0] * len(data[x(1)]))
        weights, biases = {k: data[W(k)] for k in layers}, {k: data.get(b(k), none) for k in layers}
        self.build(weights, biases, data[x(1)], data[g(layers.stop)])


class FourLayers(Layers):
    """All four layers; g_5 is given."""


class OneBlock(Layers):
    """Layers 1 and 2 with the skip from x_1 to x_3; g_3 is given and l = 1."""

    def __init__(self, data):
        super().__init__(data, at=1)


class Chain(ExactNetwork):
    """Units x_{i+1} = f(H_i x_i + W_i x_i); H_i is a number lambda_i, a matrix or I, and f is id or ReLU.

    Parameters
    ----------
    data : dict
        W_i, lambda_i or H_i for the units that are given, x_0, and g_L. A missing branch is 0, a missing
        shortcut 1.
    depth : int
        L. A unit L beyond it may be given too: some of the notes' limits reach it.
    start : int
        l.
    after : str
        "identity" or "relu".
    """

    def __init__(self, data, depth, start=0, after="identity"):
        super().__init__(data, {l: S(start), L: S(depth)})
        self.written = {lambda_scaling.n: S(depth)}
        self.depth, self.start, self.after = depth, start, after
        self.n = len(data[x(0)])
        beyond = any(name(depth) in data for name in (W, lam, H))  # nothing is known of units that are not given
        units = range(depth + 1 if beyond else depth)
        self.weights = {k: data.get(W(k), array([[0] * self.n] * self.n)) for k in units}
        self.shortcuts = {k: self._shortcut(k) for k in units}
        self.held_back = None
        self.states = {0: data[x(0)]}
        for k in range(depth):
            y = self.before(k)
            self.states[k + 1] = y if after == "identity" else rectify(smooth(y))
        self.original = dict(self.states)

    def _shortcut(self, k):
        if H(k) in self.data:
            return self.data[H(k)]
        return np.ravel(self.data[lam(k)])[0] if lam(k) in self.data else 1

    def before(self, k):
        """y_k. A shortcut that is held back carries the value and no derivative."""
        shortcut, v = self.shortcuts[k], (self.original if k == self.held_back else self.states)[k]
        return (shortcut @ v if isinstance(shortcut, np.ndarray) else shortcut * v) + self.weights[k] @ self.states[k]

    def moved(self, state, v, **changed):
        k = int(state.indices[0])
        states = {**{m: self.states[m] for m in range(k)}, k: v}
        other = self._with(states=states, **changed)
        for m in range(k, self.depth):
            states[m + 1] = other.before(m) if self.after == "identity" else rectify(other.before(m))
        return other

    def _upstream(self):
        return row(self.data[g(self.depth)])

    def _gradient(self, k, **changed):
        last = x(self.depth)
        return self._upstream() @ jacobian(lambda v: self.moved(x(k), v, **changed).evaluate(last), self.state(x(k)))

    def value_x(self, k):
        return column(self.states[int(k)])

    def value_y(self, k):
        return column(self.before(int(k)))

    def value_g(self, k):
        return self._upstream() if k == self.depth else self._gradient(int(k))

    def value_gstop(self, k):
        return self._gradient(int(k), held_back=int(k))

    def value_W(self, k):
        return self.weights[int(k)]

    def value_J(self, k):
        return self.weights[int(k)]

    def value_H(self, k):
        shortcut = self.shortcuts[int(k)]
        return shortcut if isinstance(shortcut, np.ndarray) else eye(self.n) * shortcut

    def value_D(self, k):
        y = self.before(int(k))
        return eye(self.n) if self.after == "identity" else mask(y)

    def value_lambda(self, k):
        shortcut = self.shortcuts[int(k)]
        if isinstance(shortcut, np.ndarray):
            raise KeyError(f"shortcut {k} is a matrix")
        return shortcut

    def value_Lambda(self, low, high):
        """The shortcut's share: the derivative with every branch switched off."""
        none = {k: 0 * weight for k, weight in self.weights.items()}
        states = {**self.states}
        other = self._with(weights=none, states=states)
        return other.value_total(Total(x(high), x(low)))[0, 0]

    def value_T(self, k):
        """The derivative of the sum of branches from unit k on."""
        total = sum((F(m)(x(m)) for m in range(int(k), self.depth)), S.Zero)
        return self.value_total(Total(total, x(k)))

    def value_partial(self, node):
        """The notes' derivative of a sum of branches, which is a total one."""
        return self.value_total(node)

    def apply_F(self, function, v):
        return self.weights[int(function.indices[0])] @ v

    def apply_H(self, function, v):
        return self.value_H(function.indices[0]) @ v

    def apply_f(self, function, v):
        return v if self.after == "identity" else rectify(v)

    def value_r(self):
        """The one branch factor, where every unit has the same."""
        first = self.weights[0]
        if self.n > 1 or any((self.weights[k] != first).any() for k in range(self.depth)):
            raise KeyError("r is for units of one number, all with the same branch")
        return first[0, 0]

    def apply_Fhat(self, function, v):
        k = int(function.indices[0])
        factor = 1
        for m in range(k + 1, self.depth):
            factor = self.value_lambda(m) * factor
        return factor * (self.weights[k] @ v)

    def confirm(self):
        units = []
        for k in range(self.depth):
            shortcut = self.shortcuts[k]
            kept = Projection(floats(shortcut)) if isinstance(shortcut, np.ndarray) else Scale(float(shortcut))
            units.append(Unit([Affine(floats(self.weights[k]))], kept, relu if self.after == "relu" else identity))
        net = Network(units)
        trace = net.forward(floats(self.data[x(0)]))
        grads = net.backward(trace, floats(self.data[g(self.depth)]))
        return sum(
            agree(grads.states[k], self.value_g(k), f"Network.backward, states[{k}]")
            + agree(trace.states[k], self.states[k], f"Network.forward, states[{k}]")
            for k in range(self.depth + 1)
        )


class Merge(ExactNetwork):
    """y = F(x) + o with x = W u and F = ReLU, as note 003 asks; o is u itself, another state, or W_s o.

    Parameters
    ----------
    data : dict
        W, u, g; o where it is not u; W_s where the shortcut is projected.
    """

    def __init__(self, data):
        super().__init__(data)
        self.q = {name.name: value for name, value in data.items()}
        self.n = len(self.q["g"])
        self.same = merge_point.o not in data
        self.q.setdefault("o", self.q["u"])
        self.q["x"] = smooth(self.q["W"] @ self.q["u"])

    def moved(self, state, v):
        q = {**self.q, state.name: v}
        if state == merge_point.u:
            q["x"] = q["W"] @ v
            if self.same:
                q["o"] = v
        return self._with(q=q)

    def y(self):
        carried = self.q["Ws"] @ self.q["o"] if "Ws" in self.q else self.q["o"]
        return rectify(self.q["x"]) + carried

    def _gradient(self, name, change):
        start = self.q[name]
        return row(self.q["g"]) @ jacobian(lambda v: change(v.reshape(start.shape)).y(), start.ravel())

    def value_partial(self, node):
        name = node.by.name
        if node.of == E:
            if name in ("W", "Ws"):
                change = lambda v: self._with(q=self._replaced(name, v))  # noqa: E731
                return self._gradient(name, change).reshape(self.q[name].shape)
            return self._gradient(name, lambda v: self.moved(node.by, v))
        if node.of == merge_point.y and name == "u":  # x held fixed: what is left is the skip
            return jacobian(lambda v: self._with(q={**self.q, "o": v if self.same else self.q["o"]}).y(), self.q["u"])
        return jacobian(lambda v: self.moved(node.by, v).evaluate(node.of), self.q[name])

    def _replaced(self, name, v):
        q = {**self.q, name: v}
        if name == "W":
            q["x"] = v @ q["u"]
        return q

    def value_gstop(self, state):
        return self._gradient("u", lambda v: self._with(q={**self.q, "u": v, "x": self.q["W"] @ v}))

    def value_u(self):
        return column(self.q["u"])

    def value_x(self):
        return column(self.q["x"])

    def value_o(self):
        return column(self.q["o"])

    def value_y(self):
        return column(self.y())

    def value_g(self):
        return row(self.q["g"])

    def value_W(self):
        return self.q["W"]

    def value_Ws(self):
        return self.q["Ws"]

    def value_Winv(self):
        return inverse(self.q["W"])

    def value_J(self):
        return mask(self.q["x"])

    def value_P(self):
        """Zero-padding from o's width to y's."""
        return array([[int(r == c) for c in range(len(self.q["o"]))] for r in range(self.n)])

    def apply_F(self, function, v):
        return rectify(v)

    def confirm(self):
        if not self.same:
            if "Ws" not in self.q:
                return 0
            shortcut = Projection(floats(self.q["Ws"]))
            sent, own = shortcut.backward(floats(self.q["o"]), floats(self.q["g"]))
            return agree(sent, self.evaluate(Partial(E, merge_point.o)), "Projection.backward") + agree(
                own, self.evaluate(Partial(E, merge_point.Ws)), "Projection.backward, weight"
            )
        done = 0
        for kept, want in (
            (Identity(), self.evaluate(Partial(E, merge_point.u))),
            (StopGradient(Identity()), self.value_gstop(merge_point.u)),
        ):
            net = Network([Unit([Affine(floats(self.q["W"])), relu], kept)])
            got = net.backward(net.forward(floats(self.q["u"])), floats(self.q["g"])).states[0]
            done += agree(got, want, f"Network.backward with {kept}")
        return done


def inverse(matrix):
    """The inverse of a matrix of one or two rows, in fractions; KeyError where there is none."""
    if matrix.shape == (1, 1):
        determinant, adjugate = matrix[0, 0], array([[1]])
    elif matrix.shape == (2, 2):
        (p, q), (r, s) = matrix
        determinant, adjugate = p * s - q * r, array([[s, -q], [-r, p]])
    else:
        raise KeyError(f"no inverse of a matrix of shape {matrix.shape} is computed")
    if determinant == 0:
        raise KeyError("the matrix has no inverse")
    return adjugate * (Fraction(1) / determinant)


class Distance(ExactNetwork):
    """A skip over m layers: z_{k+1} = ReLU(W_k z_k), y = z_m + z_0.

    Parameters
    ----------
    data : dict
        W_0 .. W_{m-1}, z_0, g.
    """

    def __init__(self, data):
        weights = [name for name in data if name.name == "W"]
        super().__init__(data, {merge_point.m: S(len(weights))})
        self.weights = [data[name] for name in weights]
        self.z = [data[merge_point.z(0)]]
        for weight in self.weights:
            self.z.append(rectify(smooth(weight @ self.z[-1])))

    def _output(self, v, skip):
        z = v
        for weight in self.weights:
            z = rectify(weight @ z)
        return z + skip

    def value_partial(self, node):
        return self.value_g() @ jacobian(lambda v: self._output(v, v), self.z[0])

    def value_gstop(self, state):
        return self.value_g() @ jacobian(lambda v: self._output(v, self.z[0]), self.z[0])

    def value_g(self):
        return row(self.data[merge_point.g])

    def value_J(self, k):
        return mask(self.weights[int(k)] @ self.z[int(k)]) @ self.weights[int(k)]

    def value_m(self):
        return len(self.weights)

    def confirm(self):
        branch = [layer for weight in self.weights for layer in (Affine(floats(weight)), relu)]
        net = Network([Unit(branch)])
        got = net.backward(net.forward(floats(self.z[0])), floats(self.data[merge_point.g])).states[0]
        return agree(got, self.value_partial(None), "Network.backward over the skip")


class InputSkip(ExactNetwork):
    """y = W_2 ReLU(W_1 u) + u, with u the network's own input; W_1 need not be square.

    Parameters
    ----------
    data : dict
        W_1 (m, n), W_2 (n, m), u, g.
    """

    def __init__(self, data):
        super().__init__(data)
        self.W1, self.W2, self.u = data[W(1)], data[W(2)], data[merge_point.u]
        self.hidden = smooth(self.W1 @ self.u)

    def _y(self, u, skip, W1=None, W2=None):
        inside = rectify((self.W1 if W1 is None else W1) @ u)
        return (self.W2 if W2 is None else W2) @ inside + skip

    def value_partial(self, node):
        return self.value_g() @ jacobian(lambda v: self._y(v, v), self.u)

    def value_gstop(self, state):
        return self.value_g() @ jacobian(lambda v: self._y(v, self.u), self.u)

    def parameter_gradients(self):
        """d loss / d W_1 and d W_2. The skip from u holds no parameter and stands upstream of none."""
        first = jacobian(lambda v: self._y(self.u, self.u, W1=v.reshape(self.W1.shape)), self.W1.ravel())
        second = jacobian(lambda v: self._y(self.u, self.u, W2=v.reshape(self.W2.shape)), self.W2.ravel())
        return (
            (self.value_g() @ first).reshape(self.W1.shape),
            (self.value_g() @ second).reshape(self.W2.shape),
        )

    def value_g(self):
        return row(self.data[merge_point.g])

    def value_W(self, k):
        return {1: self.W1, 2: self.W2}[int(k)]

    def value_D(self):
        return mask(self.hidden)

    def confirm(self):
        done, want = 0, self.parameter_gradients()
        for kept, input_gradient in (
            (Identity(), self.value_partial(None)),
            (StopGradient(Identity()), self.value_gstop(None)),
        ):
            net = Network([Unit([Affine(floats(self.W1)), relu, Affine(floats(self.W2))], kept)])
            grads = net.backward(net.forward(floats(self.u)), floats(self.data[merge_point.g]))
            done += agree(grads.states[0], input_gradient, f"Network.backward with {kept}")
            done += sum(
                agree(grads.units[0].branch[place].weight, weight, f"weight gradient with {kept}")
                for place, weight in zip((0, 2), want, strict=True)
            )
        return done


class Block(cases.Block, ExactNetwork):
    """One block of K layers, exactly.

    Parameters
    ----------
    data : dict
        W_1 .. W_K, a_0, and the gradient that arrives at y.
    inside : int
        k, a layer inside the block.
    """

    clear = staticmethod(smooth)

    def __init__(self, data, inside=1):
        depth = sum(name.name == "W" for name in data)
        super().__init__(data, {backward_pass.K: S(depth), backward_pass.k: S(inside)})
        weights = {k: data[W(k)] for k in range(1, depth + 1)}
        self.build(weights, data[backward_pass.a(0)], data[backward_pass.upstream])


class OneUnit(ExactNetwork):
    """A gradient g above one unit with an identity shortcut, and its branch's Jacobian J (M is the same).

    Parameters
    ----------
    data : dict
        g and J.
    """

    def __init__(self, data):
        n = len(data[at_least.g])
        super().__init__(data, {at_least.n: S(n)})
        self.n, self.J, self.g = n, data[at_least.J], data[at_least.g]

    def value_g(self):
        return row(self.g)

    def value_J(self):
        return self.J

    value_M = value_J

    def value_gbelow(self):
        """The gradient below the unit, by moving its input: x -> g (x + J x)."""
        return row(self.g) @ jacobian(lambda v: v + self.J @ v, array([0] * self.n))

    def value_trJ(self):
        return sum(self.J[k, k] for k in range(self.n))

    def confirm(self):
        net = Network([Unit([Affine(floats(self.J))])])
        got = net.backward(net.forward(np.zeros(self.n)), floats(self.g)).states[0]
        return agree(got, self.value_gbelow(), "Network.backward over one unit")


class RandomBranch(OneUnit):
    """J takes every matrix with entries from a few numbers of mean 0, each equally often; g is fixed.

    The numbers 2, -1, -1 are not symmetric about 0: the mean alone matters.
    """

    draws = (2, -1, -1)

    def __init__(self, data):
        n = len(data[at_least.g])
        super().__init__({**data, at_least.J: array([[0] * n] * n)})
        self.data = dict(data)

    def value_mean(self, node):
        values = [
            self._with(J=array(entries).reshape(self.n, self.n)).evaluate(node.args[0])
            for entries in _tuples(self.draws, self.n**2)
        ]
        return sum(values, S.Zero) / len(values)

    def confirm(self):
        return 0


class HalfOpen(RandomBranch):
    """A branch W ReLU(x) at initialisation: W takes every matrix of signs, and half of ReLU is open.

    For two components these are the second moments of He initialisation, W ~ N(0, 2/n).
    """

    draws = (1, -1)

    def value_mean(self, node):
        opened = array([[1, 0], [0, 0]])
        values = [
            self._with(J=array(entries).reshape(2, 2) @ opened).evaluate(node.args[0])
            for entries in _tuples(self.draws, 4)
        ]
        return sum(values, S.Zero) / len(values)


class RandomDirection(OneUnit):
    """g takes the values e_1, -e_1, ..., e_n, -e_n equally often: no direction is preferred. J is fixed."""

    def __init__(self, data):
        super().__init__({**data, at_least.g: array([0] * len(data[at_least.J]))})
        self.data = dict(data)

    def value_mean(self, node):
        values = [
            self._with(g=signed * eye(self.n)[k]).evaluate(node.args[0]) for k in range(self.n) for signed in (1, -1)
        ]
        return sum(values, S.Zero) / len(values)

    def confirm(self):
        return 0


def _tuples(entries, length):
    if length == 0:
        yield ()
        return
    for others in _tuples(entries, length - 1):
        for entry in entries:
            yield (*others, entry)


class Highway(ExactNetwork):
    """y = T * H + (1 - T) * x entry by entry, with an affine gate T(x) = B x + c and H(x) = A x.

    Parameters
    ----------
    data : dict
        A, B, c, x.
    """

    def __init__(self, data):
        super().__init__(data)
        self.A, self.B, self.c, self.x = (data[Factor(name)] for name in ("A", "B", "c", "x"))

    def moved(self, state, v):
        return self._with(x=v)

    def value_x(self):
        return column(self.x)

    def value_T(self):
        return column(self.B @ self.x + self.c)

    def value_H(self):
        return column(self.A @ self.x)

    def value_y(self):
        T, H = np.ravel(self.value_T()), np.ravel(self.value_H())
        return column(T * H + (1 - 1 * T) * self.x)

    def value_Tprime(self):
        return self.B

    def value_Hprime(self):
        return self.A


class Loss(ExactNetwork):
    """The last state x_5 and the target p, by components; every reading of the loss by SymPy's own ``diff``.

    Parameters
    ----------
    data : dict
        x_5 and p.
    """

    given = x(5)

    def __init__(self, data):
        super().__init__(data, {forward_pass.n: S(len(data[self.given]))})
        self.n = len(data[self.given])
        numbers, p = ([sympify(entry) for entry in data[name]] for name in (self.given, Factor("p")))
        self.point = {forward_pass.target(k): p[k - 1] for k in range(1, self.n + 1)}
        self._place(numbers)

    def _place(self, numbers):
        self.point.update({forward_pass.output(k): numbers[k - 1] for k in range(1, self.n + 1)})

    def evaluate(self, expression):
        """For every component k at once, as a row, where k occurs."""
        expression = sympify(expression)
        if forward_pass.k not in expression.free_symbols:
            return self._number(expression)
        return row([self._number(expression.subs(forward_pass.k, S(k))) for k in range(1, self.n + 1)])

    def _number(self, expression):
        return evaluate(unrolled(expression, self.values), self.value_of, eye)

    def value_of(self, node):
        if isinstance(node, Partial):
            loss = next(right for left, right in LOSSES if left == node.of)
            differentiate = forward_pass.differentiate_by_logit if node.by.name == "z" else forward_pass.differentiate
            component = int(node.by.indices[-1])
            return _derivative(differentiate, loss, component, self.n).xreplace(self.point)
        if isinstance(node, Factor):
            if node.name == "s":
                return softmax([self.point[forward_pass.output(k)] for k in range(1, self.n + 1)])[
                    int(node.indices[-1]) - 1
                ]
            definition = dict(LOSSES).get(node)
            if definition is not None:
                return self._number(definition)
            if node not in self.point:
                raise KeyError(f"{type(self).__name__} has no value for {node}")
            return self.point[node]
        return node

    def confirm(self):
        v, p = (floats([float(entry) for entry in self.data[name]]) for name in (x(5), Factor("p")))
        done = 0
        for loss, function in zip(
            LOSSES,
            (losses.softmax_cross_entropy, losses.cross_entropy, losses.half_squared_error),
            strict=True,
        ):
            if function is losses.cross_entropy and min(v) <= 0:
                continue  # log of 0
            value, gradient = function(v, p)
            done += agree([value], [self.evaluate(loss[1])], function.__name__)
            done += agree(
                gradient, self.evaluate(Partial(loss[0], forward_pass.output(forward_pass.k))), function.__name__
            )
        return done


class Logits(Loss):
    """The reading in which x_5 is softmax(z) already.

    Parameters
    ----------
    data : dict
        z and p.
    """

    given = Factor("z")

    def _place(self, numbers):
        shares = softmax(numbers)
        for k in range(1, self.n + 1):
            self.point.update({forward_pass.logit(k): numbers[k - 1], forward_pass.output(k): shares[k - 1]})

    def confirm(self):
        v, p = (floats([float(entry) for entry in self.data[name]]) for name in (self.given, Factor("p")))
        _, gradient = losses.softmax_cross_entropy(v, p)
        want = self.evaluate(Partial(forward_pass.literal[0], forward_pass.logit(forward_pass.k)))
        return agree(gradient, want, "softmax_cross_entropy")


@lru_cache(maxsize=None)
def _derivative(differentiate, loss, component, size):
    return differentiate(loss, component, size)


LOSSES = (forward_pass.cross_entropy, forward_pass.literal, forward_pass.squared)


def softmax(numbers) -> list:
    """softmax of exact numbers, exactly."""
    exponentials = [exp(number) for number in numbers]
    return [exponential / sum(exponentials) for exponential in exponentials]
