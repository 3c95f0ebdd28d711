"""Chapter 5: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial

import numpy as np
from sympy import S

from resnotes.book.cases import Case, Units, branch_forward, units
from resnotes.book.lambda_scaling import Plain, ScalarChain
from resnotes.book.oracles import KINK_MARGIN, row
from resnotes.book.registry import DEPTHS, Equation, chain, derived, eq, together
from resnotes.network import relu
from resnotes.symbolic import (
    unrolled_sum,
)
from resnotes.symbolic.algebra import (
    L,
    Rule,
    i,
    l,
)
from resnotes.symbolic.symbols import F, g, x

CHAPTER = "05_unrolled_sum"


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


class Cancelling(Case):
    """A matrix M and a row g with g M = -g: one left eigenvector, the rest of M is random."""

    def __init__(self, rng):
        n = int(rng.integers(2, 6))
        self.values = {}
        self.g = rng.normal(size=n)
        M = rng.normal(size=(n, n))
        along = np.outer(self.g, self.g) / (self.g @ self.g)
        self.known = {"g": row(self.g), "M": M - along @ M - along}  # what g sees of M is replaced by -g


_identity = partial(units, shortcuts="identity", after=False)


def _by_enumeration(pairs) -> int:
    return unrolled_sum.check_by_length(pairs)


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    lower_limit = unrolled_sum.wrong_lower_limit()
    return [
        Equation(
            "unrolled-forward",
            CHAPTER,
            eq(*unrolled_sum.state),
            "induction",
            (unrolled_sum.IDENTITY,),
            case=_identity,
            rules=(unrolled_sum.state_rule(),),
            index_values=DEPTHS,
            proofs=(unrolled_sum.forward(),),
            rests_on=("forward-unit",),
        ),
        Equation(
            "unrolled-lower-limit",
            CHAPTER,
            derived(lower_limit),
            "exhaustive",
            (unrolled_sum.IDENTITY,),
            case=_identity,
            proofs=(lower_limit,),
            rests_on=("unrolled-forward",),
            rules=(Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=S.Zero, high=L - 1),),
            index_values=DEPTHS,
        ),
        Equation(
            "unrolled-term",
            CHAPTER,
            chain(unrolled_sum.T(l), unrolled_sum.term_definition, unrolled_sum.term),
            "induction",
            (unrolled_sum.IDENTITY,),
            case=_identity,
            exact=unrolled_sum.check_term,
            proofs=(unrolled_sum.term_induction(),),
            rests_on=("unrolled-forward",),
        ),
        Equation(
            "unrolled-two-terms",
            CHAPTER,
            chain(g(l), g(L) + g(L) * unrolled_sum.T(l), unrolled_sum.two_terms().right),
            "induction",
            (unrolled_sum.IDENTITY,),
            case=_identity,
            index_values=DEPTHS,
            rules=(unrolled_sum.gradient_rule(), Rule(unrolled_sum.T(l), unrolled_sum.term)),
            proofs=(unrolled_sum.two_terms(), unrolled_sum.two_terms_expanded()),
            rests_on=("unrolled-term", "backward-unit"),
        ),
        Equation(
            "unrolled-scalar-term",
            CHAPTER,
            eq(*unrolled_sum.scalar_term),
            "exhaustive",
            ("one number per state, every unit x + r x",),
            case=partial(ScalarChain.drawn, identity=True),
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-term",),
        ),
        Equation(
            "unrolled-cancel",
            CHAPTER,
            chain(
                unrolled_sum.row + unrolled_sum.row * unrolled_sum.M, unrolled_sum.row * (1 + unrolled_sum.M), S.Zero
            ),
            "symbolic",
            ("g M = -g",),
            case=Cancelling,
            exact=unrolled_sum.check_cancel,
            proofs=(unrolled_sum.cancel(),),
            rests_on=("unrolled-two-terms",),
        ),
        Equation(
            "unrolled-count",
            CHAPTER,
            eq(*unrolled_sum.count),
            "exhaustive",
            ("n from 0 to 8 by listing the paths",),
            case=Plain,
            cases=30,
            exact=unrolled_sum.check_count,
        ),
        Equation(
            "unrolled-by-length",
            CHAPTER,
            together((unrolled_sum.by_length_start, unrolled_sum.by_length_step)),
            "exhaustive",
            case=units,
            exact=_by_enumeration,
            proofs=(unrolled_sum.two_units(),),
            rests_on=("backward-product",),
        ),
        Equation(
            "unrolled-all-lengths",
            CHAPTER,
            eq(*unrolled_sum.by_length_total),
            "exhaustive",
            case=units,
            exact=_by_enumeration,
            rests_on=("unrolled-by-length", "backward-product"),
        ),
        Equation(
            "unrolled-binomial",
            CHAPTER,
            eq(*unrolled_sum.binomial_weights),
            "exhaustive",
            ("one number per state, every unit lambda x + r x",),
            case=ScalarChain.drawn,
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-all-lengths", "scaling-scalar"),
        ),
        Equation(
            "unrolled-share",
            CHAPTER,
            eq(*unrolled_sum.share),
            "exhaustive",
            ("one number per state, every unit lambda x + r x", "lambda + r is not 0"),
            case=ScalarChain.drawn,
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-binomial",),
        ),
        Equation(
            "unrolled-mean",
            CHAPTER,
            eq(*unrolled_sum.mean_length),
            "exhaustive",
            ("one number per state, every unit lambda x + r x", "lambda + r is not 0"),
            case=ScalarChain.drawn,
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-share",),
        ),
        Equation(
            "unrolled-general-terms",
            CHAPTER,
            eq(g(l), unrolled_sum.general_terms().right),
            "induction",
            case=units,
            rules=(unrolled_sum.general_rule(),),
            index_values=DEPTHS,
            proofs=(unrolled_sum.general_terms(),),
            rests_on=("backward-unit",),
        ),
    ]
