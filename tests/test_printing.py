"""The printer: what people read."""

import pytest
from sympy import Limit, Rational, S, Symbol, binomial, exp, oo

from resnotes.book import EQUATIONS
from resnotes.symbolic.algebra import (
    Factor,
    L,
    Mean,
    OrderedProduct,
    OrderedSum,
    Partial,
    Scalar,
    Transpose,
    i,
    j,
    l,
)
from resnotes.symbolic.printing import aligned, equation, latex, system
from resnotes.symbolic.symbols import D, E, F, H, J, g, lam, lambdas, x

r, n = Scalar("r"), Symbol("n", integer=True)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (g(5) * D(5) * (1 + J(4) * D(4) * J(3)), r"g_{5} D_{5} \left(I + J_{4} D_{4} J_{3}\right)"),
        (lam(l) + J(l), r"\lambda_{l} I + J_{l}"),
        (H(l) + J(l), r"H_{l} + J_{l}"),
        (1 + J(1), r"I + J_{1}"),
        (J(1) - 1, r"J_{1} - I"),
        (2 * J(1) + 3, r"3 I + 2 J_{1}"),
        (-J(1), r"-J_{1}"),
        (J(1) - J(2), r"J_{1} - J_{2}"),
        (x(l + 1), r"x_{l + 1}"),
        (x(L - 1), r"x_{L - 1}"),
        (1 + r, r"1 + r"),
        (F(2)(x(2)) + x(1), r"x_{1} + F_{2}(x_{2})"),
        (OrderedProduct(D(i) * J(i), (i, l, L - 1)), r"\prod_{i=L - 1}^{l} D_{i} J_{i}"),
        (OrderedProduct(lam(i), (i, l, L - 1)), r"\prod_{i=l}^{L - 1} \lambda_{i}"),
        (
            OrderedProduct(1 + J(i), (i, l, L - 1)) * J(0),
            r"\left(\prod_{i=L - 1}^{l} \left(I + J_{i}\right)\right) J_{0}",
        ),
        (lambdas(i + 1, L - 1) * F(i)(x(i)), r"\left(\prod_{j=i + 1}^{L - 1} \lambda_{j}\right) F_{i}(x_{i})"),
        (OrderedSum(J(j), (j, 0, n)), r"\sum_{j=0}^{n} J_{j}"),
        (Partial(E, x(3)), r"\frac{\partial \mathcal{E}}{\partial x_{3}}"),
        (Transpose(x(4) * g(5) * D(5)), r"\left(g_{5} D_{5}\right)^{\top} x_{4}^{\top}"),
        (Transpose(Factor("W", 1)), r"W_{1}^{\top}"),
        (Scalar("Lambda", l, L), r"\Lambda_{l:L}"),
        (-Scalar("p", 1) * exp(r), r"-p_{1} e^{r}"),
        (binomial(n, 2) * r**2, r"{\binom{n}{2}} r^{2}"),
        ((lam(0) + r) * g(0), r"\left(\lambda_{0} + r\right) g_{0}"),
        (Rational(1, 2) * r, r"\frac{r}{2}"),
    ],
)
def test_latex(expression, text):
    assert latex(expression) == text


def test_a_lone_one_among_matrices_is_the_identity():
    assert system([(Partial(x(2), x(1)), S.One)]) == aligned([r"\frac{\partial x_{2}}{\partial x_{1}} &= I"])
    assert equation(r, S.One) == "r = 1"


def test_chains_break_at_their_equal_signs_and_long_sums_at_their_plus_signs():
    assert equation(g(1), g(2) * J(1), g(3) * J(2) * J(1)).count(r"\\") == 1
    long = sum((J(k) * J(k + 1) * J(k + 2) * J(k + 3) * J(k + 4) for k in range(4)), S.Zero)
    lines = equation(g(1), long).splitlines()
    assert len(lines) == 6 and all(r"\quad +" in line for line in lines[2:5])


def test_no_registered_equation_needs_a_macro_of_ours_or_has_loose_ends():
    for label, entry in EQUATIONS.items():
        text = entry.latex
        assert text.count("{") == text.count("}"), label
        assert text.count(r"\left") == text.count(r"\right"), label
        assert "Factor" not in text and "Scalar" not in text and "_unrolled" not in text, label
        assert "$" not in text, label
        assert "'" not in text, f"{label}: a prime and an exponent are two superscripts"


def test_means_and_traces_stand_behind_the_other_factors_of_a_fraction():
    n, v, trace = Symbol("n"), Scalar("v", 2), Scalar("trS", l + 1)
    assert (
        latex(v * trace * Mean(g(1)) / (2 * n))
        == r"\frac{v_{2} \operatorname{tr}(S_{l + 1}) \mathbb{E}\left[g_{1}\right]}{2 n}"
    )
    assert latex(-v * trace / n) == r"- \frac{v_{2} \operatorname{tr}(S_{l + 1})}{n}"


def test_the_limit_of_a_number_is_a_number():
    n = Symbol("n")
    assert equation(Limit(1 / n + 1, n, oo), S.One).endswith("= 1")
