"""The small networks that the claims alone speak of. The others are the cases of the chapters' equations."""

from __future__ import annotations

from fractions import Fraction

from resnotes.book.at_least import RandomBranch
from resnotes.book.cases import Case, W, floats
from resnotes.book.exact import array
from resnotes.book.oracles import column, row
from resnotes.network import Affine, Network, Unit, relu
from resnotes.shortcuts import Identity, StopGradient
from resnotes.symbolic import merge_point
from resnotes.symbolic.algebra import Factor


class InputSkip(Case):
    """y = W_2 ReLU(W_1 u) + u, with u the network's own input; W_1 need not be square.

    Parameters
    ----------
    data : dict
        W_1 (m, n), W_2 (n, m), u, g.
    """

    def __init__(self, data):
        super().__init__(data)
        self.W1, self.W2, self.u, self.upstream = data[W(1)], data[W(2)], data[merge_point.u], data[merge_point.g]
        hidden = self.W1 @ self.u
        self.rectify(hidden)
        self.known = {
            "g": row(self.upstream),
            "W": {1: self.W1, 2: self.W2},
            "D": lambda: self.numbers.jacobian(self.numbers.relu, hidden),
        }

    def _y(self, u, skip, W1=None, W2=None):
        inside = self.numbers.relu((self.W1 if W1 is None else W1) @ u)
        return (self.W2 if W2 is None else W2) @ inside + skip

    def value_partial(self, node):
        return self.sent_back(lambda v: self._y(v, v), self.u)

    def value_gstop(self, state):
        return self.sent_back(lambda v: self._y(v, self.u), self.u)

    def parameter_gradients(self):
        """d loss / d W_1 and d W_2. The skip from u holds no parameter and stands upstream of none."""
        return tuple(
            self.sent_back(
                lambda v, name=name, start=start: self._y(self.u, self.u, **{name: v.reshape(start.shape)}),
                start.ravel(),
            ).reshape(start.shape)
            for name, start in (("W1", self.W1), ("W2", self.W2))
        )

    def confirm(self):
        done, want = 0, self.parameter_gradients()
        for kept, input_gradient in (
            (Identity(), self.value_partial(None)),
            (StopGradient(Identity()), self.value_gstop(None)),
        ):
            net = Network([Unit([Affine(floats(self.W1)), relu, Affine(floats(self.W2))], kept)])
            grads = net.backward(net.forward(floats(self.u)), floats(self.upstream))
            done += self.agree(grads.states[0], input_gradient, f"Network.backward with {kept}")
            done += sum(
                self.agree(grads.units[0].branch[place].weight, weight, f"weight gradient with {kept}")
                for place, weight in zip((0, 2), want, strict=True)
            )
        return done


class HalfOpen(RandomBranch):
    """A branch W ReLU(x) at initialisation: W takes every matrix of signs, and half of ReLU is open.

    For two components these are the second moments of He initialisation, W ~ N(0, 2/n).
    """

    entries_of_branch = (1, -1)

    def outcomes(self):
        opened = self.numbers.array([[1, 0], [0, 0]])
        return ({"J": changed["J"] @ opened} for changed in super().outcomes())


class Highway(Case):
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

    @property
    def known(self):
        gate, transformed = self.B @ self.x + self.c, self.A @ self.x
        return {
            "x": column(self.x),
            "T": column(gate),
            "H": column(transformed),
            "y": column(gate * transformed + (1 - 1 * gate) * self.x),
            "Tprime": self.B,
            "Hprime": self.A,
        }


class OneRound(Case):
    """A mixing of streams after one round of Sinkhorn's scaling: rows first, then columns.

    Parameters
    ----------
    data : dict
        M, before the round, with positive entries.
    """

    def __init__(self, data):
        super().__init__(data)
        self.M = data[Factor("M")]
        self.n = len(self.M)

    @property
    def scaled(self):
        rows = array([[Fraction(entry, sum(line)) for entry in line] for line in self.M])
        return rows / rows.sum(axis=0)

    def sums(self, axis):
        """Of the columns (0) or of the rows (1)."""
        return tuple(self.scaled.sum(axis=axis))
