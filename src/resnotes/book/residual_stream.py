"""Chapter 15: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from sympy import Integer

from resnotes.attention import Attention, Positionwise
from resnotes.book.cases import Case, Units, numbered, units
from resnotes.book.oracles import column, complex_step_jacobian, same
from resnotes.book.registry import DEPTHS, Equation, eq, together
from resnotes.network import Affine, Network, Unit, tanh
from resnotes.normalisation import LayerNorm, RMSNorm
from resnotes.symbolic import residual_stream as chapter


class Attending(Case):
    """One head over 2..4 positions, of which t sees T: all, or with a mask those up to itself.

    Parameters
    ----------
    rng : numpy Generator
    own : bool
        Whether s = t.
    """

    def __init__(self, rng, own=False):
        self.T, d, k = int(rng.integers(2, 5)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
        self.causal = bool(rng.integers(2))
        self.at = int(rng.integers(2, self.T + 1))
        self.seen = self.at if self.causal else self.T
        others = [n for n in range(1, self.seen + 1) if n != self.at]
        s = self.at if own else others[int(rng.integers(len(others)))]
        self.values = {chapter.T: Integer(self.seen), chapter.t: Integer(self.at), chapter.s: Integer(s)}
        self.h, self.matrices = rng.normal(size=(self.T, d)), rng.normal(size=(3, k, d))
        q, keys, values, a, o = self.parts(self.h)
        self.known = {
            "h": {n + 1: column(self.h[n]) for n in range(self.T)},
            "q": {self.at: column(q)},
            "kept": {n + 1: column(keys[n]) for n in range(self.T)},
            "v": {n + 1: column(values[n]) for n in range(self.T)},
            "o": {self.at: column(o)},
            "a": {self.at: numbered(a, 1)},
            "ell": {self.at: numbered(keys @ q, 1)},
            **dict(zip(("WQ", "WK", "WV"), self.matrices, strict=True)),
        }

    def parts(self, h):
        """Query, keys, values, weights and what is read, for the position t; h may be complex."""
        q, (keys, values) = self.matrices[0] @ h[self.at - 1], (h @ matrix.T for matrix in self.matrices[1:])
        sizes = np.exp(keys @ q)
        sizes[self.seen :] = 0
        a = sizes / sizes.sum()
        return q, keys, values, a, a @ values

    def value_partial(self, node):
        place = int(node.by.indices[0]) - 1

        def read(moved):
            h = self.h.astype(complex)
            h[place] = moved
            return self.parts(h)[-1]

        return complex_step_jacobian(read, self.h[place])

    def value_exp(self, node):
        return math.exp(node.args[0])

    def confirm(self):
        """The layer's Jacobian, with its own 1/√k taken out of the queries, and W_O that shows what was read."""
        k, d = self.matrices[0].shape
        shown = np.eye(max(d, k))[:, :k]  # the state padded, so that it has room for what a head reads
        padded = [np.pad(matrix, ((0, 0), (0, len(shown) - d))) for matrix in self.matrices]
        layer = Attention(padded[0] * math.sqrt(k), *padded[1:], shown, self.T, causal=self.causal)
        x = np.pad(self.h, ((0, 0), (0, len(shown) - d))).ravel()
        size = len(shown)
        rows = layer.jacobian(x).reshape(self.T, size, self.T, size)[self.at - 1, :k]
        want = [self._by(n)[:, :d] for n in range(self.T)]
        return same(rows[:, :, :d].transpose(1, 0, 2), np.array(want), "Attention.jacobian")

    def _by(self, place):
        def read(moved):
            h = self.h.astype(complex)
            h[place] = moved
            return self.parts(h)[-1]

        return complex_step_jacobian(read, self.h[place])


class Behind(Units):
    """Units whose branch begins with a norm, of the whole state or of each of two positions; identity shortcuts.

    Parameters
    ----------
    rng : numpy Generator
    normed : bool
        Whether there is a norm.
    """

    def __init__(self, rng, normed=True):
        self.normed = normed
        super().__init__(rng, shortcuts="identity", after=False)
        self.g_out = self.upstream = rng.normal(size=self.n)

    def _draw(self, rng, depth, n, shortcuts, after):
        net, start = Units._draw(rng, depth, 2 * max(n, 3), shortcuts, after)
        size = len(start)
        norms = (RMSNorm(epsilon=0), LayerNorm(epsilon=0), Positionwise(RMSNorm(epsilon=0), 2))
        made = []
        for unit in net:
            first = [norms[int(rng.integers(3))]] if self.normed else []
            made.append(Unit([*first, *unit.branch, tanh, Affine(rng.normal(size=(size, size)))]))
        self.n = size
        return Network(made), start


class Read(Units):
    """Units with identity shortcuts, and a matrix that reads logits off the last state, divided by its root mean square."""

    def __init__(self, rng):
        super().__init__(rng, shortcuts="identity", after=False)
        last = self.trace.states[-1]
        self.known = {"WU": rng.normal(size=(int(rng.integers(1, 5)), len(last))), "rms": math.sqrt(np.mean(last**2))}

    def confirm(self):
        last = self.trace.states[-1]
        want = self.known["WU"] @ RMSNorm(epsilon=0).forward(last)
        return super().confirm() + same(self.known["WU"] @ last / self.known["rms"], want, "RMSNorm, logits")


STEM = "15_residual_stream"
ONE_NUMBER = "one number a position, two or three positions for the symbolic part"


def build() -> list[Equation]:
    """In the order in which the chapter shows them."""
    return [
        Equation(
            "stream-logits",
            STEM,
            eq(*chapter.logits),
            "exhaustive",
            (chapter.IDENTITY,),
            case=Read,
            rules=(chapter.state_rule(),),
            index_values=DEPTHS,
            rests_on=("unrolled-forward", "init-rms"),
        ),
        Equation("stream-attention", STEM, together(chapter.attention), "definition", case=Attending),
        Equation(
            "stream-attention-other",
            STEM,
            eq(*chapter.other),
            "symbolic",
            ("s is not t", ONE_NUMBER),
            case=Attending,
            exact=partial(chapter.check_attention, at=2),
            rests_on=("stream-attention",),
        ),
        Equation(
            "stream-attention-own",
            STEM,
            eq(*chapter.own),
            "symbolic",
            (ONE_NUMBER,),
            case=partial(Attending, own=True),
            exact=chapter.check_attention,
            rests_on=("stream-attention",),
        ),
        Equation(
            "stream-lens",
            STEM,
            eq(*chapter.lens),
            "exhaustive",
            (chapter.IDENTITY,),
            case=partial(units, shortcuts="identity", after=False),
            rests_on=("unrolled-by-length", "unrolled-all-lengths"),
        ),
        Equation(
            "stream-own-state",
            STEM,
            eq(*chapter.own_state),
            "numeric",
            (chapter.NORMED, chapter.IDENTITY),
            case=Behind,
            rests_on=("init-rms",),
            without=((chapter.NORMED, partial(Behind, normed=False)),),
        ),
    ]
