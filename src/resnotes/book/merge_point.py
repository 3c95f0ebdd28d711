"""Chapter 3: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial

from sympy import Expr, Integer

from resnotes.book.cases import Case, W, floats
from resnotes.book.exact import FRACTIONS
from resnotes.book.oracles import FLOATS, Numbers, column, row
from resnotes.book.registry import Equation, chain, derived, eq, together
from resnotes.network import Affine, Network, Unit, relu
from resnotes.shortcuts import Identity, Projection, StopGradient, ZeroPad
from resnotes.symbolic import (
    merge_point,
)
from resnotes.symbolic.algebra import (
    Factor,
    Rule,
)
from resnotes.symbolic.derivation import compare
from resnotes.symbolic.symbols import E, loss_gradient

CHAPTER = "03_merge_point"


class Merge(Case):
    """y = F(x) + o with x = W u and F(x) = ReLU(V x); o is u itself, another state, or W_s o.

    Parameters
    ----------
    data : dict
        W, u, g; V where it is not I; o where it is not u; W_s where the shortcut is projected.
    numbers : Numbers
    """

    def __init__(self, data, numbers=FRACTIONS):
        super().__init__(data, numbers=numbers)
        self.q = {name.name: value for name, value in data.items()}
        self.n, self.same = len(self.q["g"]), merge_point.o not in data
        self.upstream = self.q["g"]
        self.q.setdefault("o", self.q["u"])
        self.q["x"] = self.q["W"] @ self.q["u"]
        self.rectify(self.inside(self.q["x"]))

    @classmethod
    def drawn(cls, rng, source="u", square=False, numbers: Numbers = FLOATS):
        """A random one; ``source`` is "u", "apart" or "projected", and W is square only where that is asked for."""
        n, width, hidden = (int(k) for k in rng.integers(1, numbers.widest + 1, size=3))
        hidden = n if square else hidden
        data = {
            merge_point.W: numbers.draw(rng, hidden, n) + 2 * numbers.eye(max(n, hidden))[:hidden, :n],
            Factor("V"): numbers.draw(rng, n, hidden),
            merge_point.u: numbers.draw(rng, n),
            merge_point.g: numbers.draw(rng, n),
        }
        if source != "u":
            data[merge_point.o] = numbers.draw(rng, width if source == "projected" else n)
        if source == "projected":
            data[merge_point.Ws] = numbers.draw(rng, n, width)
        return cls(data, numbers)

    def inside(self, x):
        return self.q["V"] @ x if "V" in self.q else x

    def F(self, x):
        return self.numbers.relu(self.inside(x))

    def moved(self, state, v):
        q = {**self.q, state.name: v}
        if state.name in ("u", "W"):
            q["x"] = q["W"] @ q["u"]
        if state.name == "u" and self.same:
            q["o"] = v
        return self._with(q=q)

    def y(self):
        return self.F(self.q["x"]) + (self.q["Ws"] @ self.q["o"] if "Ws" in self.q else self.q["o"])

    def output(self):
        """What the gradient is given at."""
        return self.y()

    def _gradient(self, node):
        start = self.q[node.name]
        return self.sent_back(lambda v: self.moved(node, v.reshape(start.shape)).output(), start.ravel())

    def value_partial(self, node):
        if node.of == E:
            gradient = self._gradient(node.by)
            return gradient.reshape(self.q[node.by.name].shape) if node.by.name in ("W", "Ws") else gradient
        if node.of == merge_point.y and node.by == merge_point.u:  # x held fixed: what is left is the skip
            return self.numbers.jacobian(
                lambda v: self._with(q={**self.q, "o": v if self.same else self.q["o"]}).y(), self.q["u"]
            )
        return self.value_total(node)

    def value_gstop(self, state):
        def output(v):
            return self._with(q={**self.q, "u": v, "x": self.q["W"] @ v}).output()

        return self.sent_back(output, self.q["u"])

    @property
    def known(self):
        """All as they are asked for in formulas."""
        return {
            **{name: column(self.q[name]) for name in ("u", "x", "o")},
            **{name: self.q[name] for name in ("W", "Ws", "V") if name in self.q},
            "y": lambda: column(self.y()),
            "g": row(self.upstream),
            "delta": column(self.upstream),
            "Winv": lambda: self.numbers.inverse(self.q["W"]),
            "J": lambda: self.numbers.jacobian(self.F, self.q["x"]),
            "P": self.padding,
        }

    def padding(self):
        """Zero-padding from o's width to y's."""
        return self.numbers.eye(max(self.n, len(self.q["o"])))[: self.n, : len(self.q["o"])]

    def apply_F(self, function, v):
        return self.F(v)

    def network(self, shortcut) -> Network:
        """The same as a network of the package; its input is u."""
        inside = [Affine(floats(self.q["V"]))] if "V" in self.q else []
        return Network([Unit([Affine(floats(self.q["W"])), *inside, relu], shortcut)])

    def confirm(self):
        if not self.same:
            if "Ws" not in self.q:
                return 0
            shortcut = Projection(floats(self.q["Ws"]))
            sent, own = shortcut.backward(floats(self.q["o"]), floats(self.upstream))
            return self.agree(sent, self._gradient(merge_point.o), "Projection.backward") + self.agree(
                own, self._gradient(merge_point.Ws), "Projection.backward, weight"
            )
        done = 0
        for kept, want in (
            (Identity(), self._gradient(merge_point.u)),
            (StopGradient(Identity()), self.value_gstop(merge_point.u)),
        ):
            net = self.network(kept)
            got = net.backward(net.forward(floats(self.q["u"])), floats(self.upstream)).states[0]
            done += self.agree(got, want, f"Network.backward with {kept}")
        return done


class MergeAfter(Merge):
    """The merge point with a ReLU after the addition, a = f(y). What is given is the gradient at a."""

    def __init__(self, data, numbers=FRACTIONS):
        super().__init__(data, numbers)
        self.rectify(self.y())

    def output(self):
        return self.numbers.relu(self.q["y"] if "y" in self.q else self.y())

    def value_partial(self, node):
        if node.by.name == "a":
            return row(self.upstream)
        return (
            self._with(q={**self.q, "y": self.y()})._gradient(node.by)
            if node.by.name == "y"
            else self._gradient(node.by)
        )

    @property
    def known(self):
        return {
            **super().known,
            "a": column(self.output()),
            "D": self.numbers.jacobian(self.numbers.relu, self.y()),
        }

    def apply_f(self, function, y):
        return self.numbers.relu(y)


class Distance(Case):
    """A skip over m layers: z_{k+1} = ReLU(W_k z_k), y = z_m + z_0.

    Parameters
    ----------
    data : dict
        W_0 .. W_{m-1}, z_0, g.
    numbers : Numbers
    """

    def __init__(self, data, numbers=FRACTIONS):
        self.weights = [value for name, value in data.items() if name.name == "W"]
        super().__init__(data, {merge_point.m: Integer(len(self.weights))}, numbers)
        self.upstream, self.z = data[merge_point.g], [data[merge_point.z(0)]]
        for weight in self.weights:
            self.z.append(self.rectify(weight @ self.z[-1]))
        self.known = {"g": row(self.upstream), "m": len(self.weights), "J": self.slope}

    @classmethod
    def drawn(cls, rng, numbers: Numbers = FLOATS):
        """A random one with 1..6 layers."""
        steps, n = int(rng.integers(1, 7)), int(rng.integers(1, numbers.widest + 1))
        data = {W(k): numbers.draw(rng, n, n) for k in range(steps)}
        return cls({**data, merge_point.z(0): numbers.draw(rng, n), merge_point.g: numbers.draw(rng, n)}, numbers)

    def slope(self, k):
        """The Jacobian of layer k."""
        if not 0 <= k < len(self.weights):
            raise KeyError(f"layer {k}")
        return self.numbers.jacobian(lambda v: self.numbers.relu(self.weights[k] @ v), self.z[k])

    def _output(self, v, skip):
        z = v
        for weight in self.weights:
            z = self.numbers.relu(weight @ z)
        return z + skip

    def value_partial(self, node):
        return self.sent_back(lambda v: self._output(v, v), self.z[0])

    def value_gstop(self, state):
        return self.sent_back(lambda v: self._output(v, self.z[0]), self.z[0])

    def confirm(self):
        net = Network([Unit([layer for weight in self.weights for layer in (Affine(floats(weight)), relu)])])
        got = net.backward(net.forward(floats(self.z[0])), floats(self.upstream)).states[0]
        return self.agree(got, self.value_partial(None), "Network.backward over the skip")


class Padded(Case):
    """A zero-padded shortcut from 1..4 to up to 6 components."""

    def __init__(self, rng):
        n_in = int(rng.integers(1, 5))
        n_out = int(rng.integers(n_in, 7))
        self.values = {merge_point.component: Integer(int(rng.integers(1, n_in + 1)))}
        self.pad, self.o, self.upstream = ZeroPad(n_out), rng.normal(size=n_in), rng.normal(size=n_out)
        self.known = {"g": dict(enumerate(self.upstream.tolist(), 1))}

    def confirm(self):
        sent_back, _ = self.pad.backward(self.o, self.upstream)
        return self.agree(sent_back, self.sent_back(self.pad.forward, self.o), "ZeroPad.backward")

    def value_partial(self, node):
        return float(self.sent_back(self.pad.forward, self.o)[0, int(node.by.indices[-1]) - 1])


_apart = partial(Merge.drawn, source="apart")
_square = partial(Merge.drawn, square=True)
_projected = partial(Merge.drawn, source="projected")


def _merge_rules(source: Expr = merge_point.u) -> tuple[Rule, ...]:
    graph = merge_point.asked_graph(source)
    return (
        *graph.rules(),
        *(
            Rule(loss_gradient(s), graph.eliminate(s, merge_point.y, merge_point.g))
            for s in (merge_point.u, merge_point.x)
        ),
        Rule(Factor("gstop", merge_point.u), merge_point.g * J_W),
        Rule(Factor("Winv"), merge_point.W**-1),
    )


J_W = merge_point.J * merge_point.W


_projected_by_components = partial(merge_point.check_by_components, projected=True)


def _distance_check(pairs) -> int:
    comparisons = 0
    for steps in range(1, 7):
        truth = merge_point.distance_graph(steps).eliminate(merge_point.z(0), merge_point.y, merge_point.g)
        for _, right in pairs:
            difference = compare(right, truth, (), {merge_point.m: Integer(steps)})
            comparisons += 1
            if difference != 0:
                raise ValueError(f"m = {steps}: got {right}, want {truth}")
    return comparisons


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    definition = partial(Equation, method="definition")
    return [
        definition("merge-question", CHAPTER, together(merge_point.definition), case=_apart),
        Equation(
            "merge-local",
            CHAPTER,
            together(merge_point.local_derivatives()),
            "symbolic",
            case=_apart,
            rules=tuple(merge_point.asked_graph().rules()),
            rests_on=("merge-question",),
        ),
        Equation(
            "merge-copies",
            CHAPTER,
            together(merge_point.copies()),
            "symbolic",
            case=_apart,
            rests_on=("merge-local",),
            rules=tuple(
                Rule(loss_gradient(s), merge_point.asked_graph().eliminate(s, merge_point.y, merge_point.g))
                for s in (merge_point.o, merge_point.x)
            ),
        ),
        Equation(
            "merge-fan-out",
            CHAPTER,
            chain(loss_gradient(merge_point.u), *(s.expression for s in merge_point.fan_out().steps)),
            "symbolic",
            case=Merge.drawn,
            rules=_merge_rules(),
            proofs=(merge_point.fan_out(),),
            rests_on=("merge-question", "merge-copies"),
        ),
        Equation(
            "merge-weight",
            CHAPTER,
            eq(*merge_point.own_weight()),
            "symbolic",
            case=_apart,
            exact=merge_point.check_by_components,
            assumptions=("W occurs in x = W u alone",),
            rests_on=("merge-question", "merge-copies"),
        ),
        Equation(
            "merge-inverse",
            CHAPTER,
            derived(merge_point.as_asked()),
            "symbolic",
            case=_square,
            rules=_merge_rules(),
            proofs=(merge_point.as_asked(),),
            tolerance=1e-7,
            assumptions=merge_point.as_asked().assumptions,
            rests_on=("merge-fan-out",),
        ),
        Equation(
            "merge-constant",
            CHAPTER,
            derived(merge_point.constant()),
            "symbolic",
            case=Merge.drawn,
            rules=_merge_rules(),
            proofs=(merge_point.constant(),),
            rests_on=("merge-fan-out",),
        ),
        Equation(
            "merge-distance",
            CHAPTER,
            eq(*merge_point.distance),
            "induction",
            case=Distance.drawn,
            proofs=(merge_point.distance_induction(), merge_point.check_graphs),
            rests_on=("merge-copies",),
            exact=_distance_check,
        ),
        definition("merge-projected", CHAPTER, eq(*merge_point.projected), case=_projected),
        Equation(
            "merge-projected-gradient",
            CHAPTER,
            together(merge_point.projected_gradient()),
            "symbolic",
            case=_projected,
            exact=_projected_by_components,
            rests_on=("merge-projected", "merge-copies"),
        ),
        Equation(
            "merge-columns",
            CHAPTER,
            together(merge_point.as_columns()),
            "symbolic",
            case=_projected,
            exact=_projected_by_components,
            rests_on=("merge-projected-gradient",),
        ),
        Equation(
            "merge-padded",
            CHAPTER,
            eq(*merge_point.padded),
            "numeric",
            case=Padded,
            assumptions=("k runs over the components of o",),
            rests_on=("merge-projected-gradient",),
        ),
        definition("merge-after", CHAPTER, eq(*merge_point.after), case=partial(MergeAfter.drawn, source="apart")),
        Equation(
            "merge-after-gradient",
            CHAPTER,
            together(merge_point.after_gradient()),
            "symbolic",
            case=partial(MergeAfter.drawn, source="apart"),
            exact=merge_point.check_by_components,
            rests_on=("merge-after", "merge-copies"),
        ),
    ]
