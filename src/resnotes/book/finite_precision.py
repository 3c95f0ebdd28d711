"""Chapter 11: its equations, and the random cases that check them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from sympy import Integer

from resnotes.book.cases import Case, Units, numbered
from resnotes.book.oracles import row, same
from resnotes.book.registry import DEPTHS, Equation, chain, eq, together
from resnotes.magnitudes import FORMATS
from resnotes.precision import round_to, step_by_step
from resnotes.spectrum import product_singular_values, qr_growth
from resnotes.symbolic import finite_precision as chapter
from resnotes.symbolic.algebra import L, l

#: float64 is left out where a number is rounded: every case is a float64 already.
NARROW = ("float16", "bfloat16", "float32")


class Rounding(Case):
    """A number t and a format that rounds it.

    Parameters
    ----------
    rng : numpy Generator
    kind : str
        "normal"; "worst", halfway between a power of two and the next number; "subnormal"; "halfway",
        halfway between two subnormal numbers; "lost", an entry x and a branch F with |F| <= u |x| / 2.
    """

    def __init__(self, rng, kind="normal"):
        self.values = {}
        self.dtype, self.x, self.F = str(rng.choice(NARROW)), None, None
        self.form = form = FORMATS[self.dtype]
        self.u = self._half_gap_above_one()
        sign, exponent = float(rng.choice([-1, 1])), int(rng.integers(form.lowest + 1, form.highest))
        self.t = sign * math.ldexp(rng.uniform(1, 2), exponent)
        if kind == "worst":
            self.t = sign * math.ldexp(1 + self.u, exponent)
        if kind in ("subnormal", "halfway"):
            count = int(rng.integers(0, 2 ** (form.precision - 1)))
            part = 0.5 if kind == "halfway" else rng.uniform(0, 1)
            self.t = sign * (count + part) * self.eta
        if kind == "lost":
            self.x = float(round_to(self.t, self.dtype))
            edge = rng.integers(0, 3) == 0  # the bound itself, where x is a power of two and a tie decides
            self.x = sign * math.ldexp(1.0, exponent) if edge else self.x
            self.F = (-1 if edge else rng.uniform(-1, 1)) * self.u * self.x / 2
        self.known = {"p": form.precision, "u": self.u, "eta": self.eta, "t": self.t, "x": self.x, "F": self.F}

    def _half_gap_above_one(self):
        """u by looking: halving a step above 1 until rounding takes it away."""
        step = 1.0
        while round_to(1 + step / 2, self.dtype) != 1:
            step /= 2
        return step / 2

    @property
    def eta(self):
        return self.form.smallest_subnormal

    def value_of(self, node):
        if isinstance(node, chapter.fl):
            return float(round_to(float(node.args[0]), self.dtype))
        return super().value_of(node)


class Resting(Case):
    """A factor between 1/2 and 1 of a format, and its powers rounded step by step until they rest."""

    def __init__(self, rng):
        self.values = {}
        self.dtype = str(rng.choice(["float16", "bfloat16"]))
        bits = FORMATS[self.dtype].precision
        self.known = {"lambda": int(rng.integers(2 ** (bits - 1) + 1, int(0.95 * 2**bits))) / 2**bits}

    def value_kstar(self):
        steps, powers = 256, np.array([1.0])
        while len(powers) < 2 or powers[-1] != powers[-2]:
            powers = step_by_step([self.known["lambda"]] * steps, self.dtype)
            steps *= 2
        return powers[-1] / FORMATS[self.dtype].smallest_subnormal


class ScaledLoss(Units):
    """A random network, and the gradient of S times its loss."""

    def __init__(self, rng):
        super().__init__(rng)
        self.S = float(rng.uniform(2, 1000))
        self.known = {"S": self.S, "gscaled": lambda k: row((self.S * self.g_out) @ self._jacobian_from(k))}

    def confirm(self):
        sent = self.net.backward(self.trace, self.S * self.g_out)
        for k in range(self.depth + 1):
            same(sent.states[k], self.known["gscaled"](k)[0], f"Network.backward of the scaled loss, states[{k}]")
        return super().confirm() + self.depth + 1


class LongProduct(Case):
    """Square matrices A_0 .. A_{L-1}, and the QR factorisation of each A_i Q_i."""

    def __init__(self, rng):
        depth, n = int(rng.integers(1, 8)), int(rng.integers(1, 6))
        self.values = {L: Integer(depth), l: Integer(int(rng.integers(0, depth))), chapter.n: Integer(n)}
        A = rng.normal(size=(depth, n, n))
        Q, R = [np.eye(n)], []
        for factor in A:
            q, r = np.linalg.qr(factor @ Q[-1])
            Q.append(q)
            R.append(r)
        product = np.linalg.multi_dot(A[::-1]) if depth > 1 else A[0]
        singular = np.linalg.svd(product, compute_uv=False)
        spectrum = product_singular_values(A).log10
        same(10**spectrum, singular, "product_singular_values")
        same(np.sum(qr_growth(A)), np.sum(spectrum), "the sum of qr_growth")
        self.known = {
            "A": numbered(A),
            "Q": numbered(Q),
            "R": numbered(R),
            "sigma": numbered(singular, 1),
            "rho": numbered(numbered(np.diag(r), 1) for r in R),
        }


STEM = "11_finite_precision"
NORMAL = "|t| from the smallest normal number to the largest number"


def _rounding(kind: str):
    return partial(Rounding, kind=kind)


def build() -> list[Equation]:
    """In the order in which the chapter shows them."""
    return [
        Equation("precision-roundoff", STEM, eq(*chapter.roundoff), "definition", case=Rounding),
        Equation(
            "precision-relative",
            STEM,
            chapter.relative,
            "numeric",
            (NORMAL,),
            case=Rounding,
            tight=_rounding("worst"),
            rests_on=("precision-roundoff",),
        ),
        Equation(
            "precision-subnormal",
            STEM,
            chapter.subnormal,
            "numeric",
            ("|t| at most the smallest normal number",),
            case=_rounding("subnormal"),
            tight=_rounding("halfway"),
        ),
        Equation(
            "precision-stall",
            STEM,
            eq(*chapter.rest),
            "exhaustive",
            ("lambda a number of the format, 1/2 < lambda < 1", "subnormal numbers are kept"),
            case=Resting,
            exact=chapter.check_rest,
        ),
        Equation(
            "precision-lost",
            STEM,
            eq(*chapter.lost),
            "numeric",
            ("x a normal number of the format", "|F| <= u |x| / 2"),
            case=_rounding("lost"),
            rests_on=("precision-roundoff",),
        ),
        Equation(
            "precision-scale",
            STEM,
            chain(*chapter.scaled),
            "induction",
            ("no rounding",),
            case=ScaledLoss,
            rules=chapter.scaled_rules(),
            index_values=DEPTHS,
            proofs=(chapter.scaled_induction(),),
            rests_on=("backward-unit", "backward-product"),
        ),
        Equation("precision-qr-step", STEM, together(chapter.qr_step), "definition", case=LongProduct),
        Equation(
            "precision-qr",
            STEM,
            eq(*chapter.qr),
            "induction",
            case=LongProduct,
            exact=chapter.check_qr,
            rests_on=("precision-qr-step",),
        ),
        Equation(
            "precision-qr-sum",
            STEM,
            eq(*chapter.volume),
            "numeric",
            ("square factors, none singular",),
            case=LongProduct,
            rests_on=("precision-qr",),
        ),
    ]
