"""Singular values of long products: against a product in hundreds of digits, and against closed forms."""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest

from resnotes import Network, Unit, relu
from resnotes.network import Affine
from resnotes.spectrum import (
    _orthogonal_rows,
    _pivoted_qr,
    _rounds,
    product_singular_values,
    qr_growth,
    singular_values_by_depth,
)


def exact(factors, digits=700):
    """log10 of the singular values of the product, multiplied out with `digits` digits."""
    with mpmath.workdps(digits):
        product = mpmath.matrix(factors[0].tolist())
        for factor in factors[1:]:
            product = mpmath.matrix(factor.tolist()) * product
        if product.rows < product.cols:
            product = product.T
        values = sorted(mpmath.svd_r(product, compute_uv=False), reverse=True)
        floor = values[0] * mpmath.mpf(10) ** (-digits // 2)
        return np.array([float(mpmath.log10(v)) if v > floor else -np.inf for v in values])


def near_identity(rng, n):
    return np.eye(n) + 0.3 * rng.normal(size=(n, n)) / math.sqrt(n)


def graded(rng, n):
    return rng.normal(size=(n, n)) @ np.diag(10.0 ** -np.arange(n))


def rotation(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def badly_graded(rng, n):
    """Columns that are nearly the same: sorting alone is not enough, pivots are needed."""
    return np.outer(rng.normal(size=n), np.ones(n)) + 1e-7 * rng.normal(size=(n, n))


KINDS = {
    "gaussian": (lambda rng, n: rng.normal(size=(n, n)), 1e-12),
    "near the identity": (near_identity, 1e-12),
    "rotation": (rotation, 1e-13),
    "graded": (graded, 1e-10),
    "large": (lambda rng, n: 1e150 * rng.normal(size=(n, n)), 1e-11),
    "small": (lambda rng, n: 1e-150 * rng.normal(size=(n, n)), 1e-11),
    "nearly singular": (badly_graded, 1e-6),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_long_products_against_many_digits(kind, n):
    draw, tolerance = KINDS[kind]
    rng = np.random.default_rng(n)
    factors = [draw(rng, n) for _ in range(60)]
    want = exact(factors, 1500 if kind == "nearly singular" else 700)
    got = product_singular_values(factors)
    np.testing.assert_allclose(got.log10, want, rtol=0, atol=tolerance)
    assert np.all(np.diff(got.log10) <= 0) and got.condition >= 1


def test_two_thousand_factors():
    rng = np.random.default_rng(0)
    factors = [near_identity(rng, 3) for _ in range(2000)]
    want = exact(factors, 500)
    got = product_singular_values(factors)
    np.testing.assert_allclose(got.log10, want, rtol=0, atol=1e-11)
    # Plain QR gives the determinant, and not the singular values.
    growth = qr_growth(factors)
    assert math.isclose(growth.sum(), want.sum(), abs_tol=1e-10)
    assert 1e-3 < np.max(np.abs(np.sort(growth)[::-1] - want)) < 10


def test_rational_factors_with_a_known_product():
    """Companions of one another: A then its exact inverse, over and over, then a matrix of whole numbers."""
    shear, back = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, -2.0], [0.0, 1.0]])
    last = np.array([[3.0, 0.0], [4.0, 5.0]])  # singular values sqrt(45), sqrt(5)
    got = product_singular_values([shear, back] * 500 + [last])
    np.testing.assert_allclose(got.log10, [math.log10(45) / 2, math.log10(5) / 2], atol=1e-12)
    far = product_singular_values([shear] * 1000)  # (1, 2000; 0, 1) has singular values s and 1/s
    trace = Fraction(2000) ** 2 + 2
    want = float(mpmath.log10((mpmath.sqrt(trace + 2) + mpmath.sqrt(trace - 2)) / 2))
    np.testing.assert_allclose(far.log10, [want, -want], atol=1e-10)


def test_diagonal_factors_add_logarithms():
    got = product_singular_values([np.diag([2.0, -0.5, 1.0])] * 5000 + [np.diag([1.0, 1.0, 0.0])])
    np.testing.assert_allclose(got.log10[:2], [5000 * math.log10(2), -5000 * math.log10(2)], rtol=1e-13)
    assert got.log10[2] == -np.inf and got.condition == 1.0


def test_rank_that_is_lost_stays_lost():
    rng = np.random.default_rng(5)
    n = 4
    mask = np.diag([1.0, 1.0, 1.0, 0.0])
    got = product_singular_values([rng.normal(size=(n, n)), mask] * 40 + [rng.normal(size=(n, n))])
    assert np.isfinite(got.log10[:3]).all() and got.log10[3] == -np.inf
    assert np.array_equal(product_singular_values([np.zeros((2, 3)), np.ones((4, 2))]).log10, np.full(3, -np.inf))
    twins = product_singular_values([rng.normal(size=(n, n)), np.ones((n, n))] * 3)
    assert np.isfinite(twins.log10[0]) and np.all(twins.log10[1:] == -np.inf)


def test_widths_may_change():
    rng = np.random.default_rng(6)
    widths = [3, 5, 2, 4, 4]
    factors = [rng.normal(size=(b, a)) for a, b in pairwise(widths)]
    got = product_singular_values(factors)
    product = factors[3] @ factors[2] @ factors[1] @ factors[0]
    want = np.linalg.svd(product, compute_uv=False)
    np.testing.assert_allclose(got.log10[:2], np.log10(want[:2]), atol=1e-12)
    assert got.log10.shape == (3,) and got.log10[2] == -np.inf
    with pytest.raises(ValueError, match=r"factors\[1\]: got .*want.* a real matrix with 5 columns"):
        product_singular_values([factors[0], factors[0]])


def test_a_networks_jacobian():
    rng = np.random.default_rng(7)
    net = Network([Unit([Affine(0.2 * rng.normal(size=(6, 6))), relu], after=relu) for _ in range(9)])
    trace = net.forward(rng.normal(size=6))
    factors = [
        after @ (short + branch)
        for after, short, branch in (unit.jacobians(at) for unit, at in zip(net.units, trace.units, strict=True))
    ]
    want = np.linalg.svd(net.jacobian(trace), compute_uv=False)
    got = 10 ** product_singular_values(factors).log10
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * want[0])


def test_order_matters():
    a, b = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 1.0]])
    assert product_singular_values([a, b]).log10[0] == -np.inf  # b @ a is 0
    assert product_singular_values([b, a]).log10[0] == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("count", [2, 3, 4, 7, 8])
def test_a_tournament_brings_every_pair_together_once(count):
    rounds = list(_rounds(count))
    met = [frozenset(pair) for first, second in rounds for pair in zip(first.tolist(), second.tolist(), strict=True)]
    assert len(met) == len(set(met)) == count * (count - 1) // 2
    for first, second in rounds:
        assert len(set(first) | set(second)) == 2 * len(first)


def test_pivoted_columns_are_orthogonal_however_close_they_were():
    rng = np.random.default_rng(9)
    columns = np.outer(rng.normal(size=6), np.ones(6)) + 1e-9 * rng.normal(size=(6, 6))
    columns /= np.linalg.norm(columns, axis=0)
    q, triangle, order, diagonal = _pivoted_qr(columns, np.zeros(6))
    assert np.max(np.abs(q.T @ q - np.eye(6))) < 1e-14
    np.testing.assert_allclose((q * np.exp(diagonal)) @ triangle, columns[:, order], rtol=0, atol=1e-14)


def test_jacobi_on_rows_with_lengths_far_apart():
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(6, 6))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    logs = np.log(10.0) * np.array([400.0, 3.0, 0.0, 0.0, -2.0, -900.0])
    with mpmath.workdps(2500):
        scaled = mpmath.diag([mpmath.e ** mpmath.mpf(v) for v in logs]) * mpmath.matrix(rows.tolist())
        want = sorted((float(mpmath.log(v)) for v in mpmath.svd_r(scaled, compute_uv=False)), reverse=True)
    np.testing.assert_allclose(np.sort(_orthogonal_rows(logs, rows))[::-1], want, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([], "factors: got none"),
        (3, "factors: got 3"),
        ([np.ones(3)], r"factors\[0\]"),
        ([np.array([[np.nan]])], r"factors\[0\]: got nan"),
        ([np.eye(2), "x"], r"factors\[1\]"),
    ],
)
def test_bad_factors(factors, message):
    for function in (product_singular_values, qr_growth, singular_values_by_depth):
        with pytest.raises(ValueError, match=message):
            function(factors)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: [near_identity(rng, 4) for _ in range(30)],
        lambda rng: [rotation(rng, 3), np.diag([1.0, 0.5, 0.0]), rotation(rng, 3), np.zeros((3, 3)), np.eye(3)],
        lambda rng: [np.diag(rng.normal(size=4) * (rng.random(4) < 0.9)) for _ in range(12)],
        lambda rng: [rng.normal(size=(b, a)) for a, b in pairwise([2, 5, 3, 1, 4])],
    ],
)
def test_depth_after_depth_is_the_part_of_the_chain(draw):
    factors = draw(np.random.default_rng(9))
    found = singular_values_by_depth(factors)
    assert len(found) == len(factors)
    for depth, logs in enumerate(found, start=1):
        np.testing.assert_allclose(logs, product_singular_values(factors[:depth]).log10, rtol=0, atol=1e-12)


def test_growth_by_plain_qr_needs_squares():
    with pytest.raises(ValueError, match=r"factors\[0\]: .*wanted a square matrix"):
        qr_growth([np.ones((3, 2))])


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_factors_whose_squares_leave_the_range(size):
    factor = np.array([[1.0, 0.25], [0.25, 1.0]])
    want = np.log10(np.linalg.svd(factor, compute_uv=False))
    np.testing.assert_allclose(
        product_singular_values([factor * size] * 3).log10, 3 * (want + math.log10(size)), rtol=1e-13
    )
    # columns of very unlike sizes in one factor
    both = np.zeros((4, 4))
    both[:2, :2], both[2:, 2:] = factor, factor * 1e-170
    found = product_singular_values([both, both]).log10
    np.testing.assert_allclose(found, [*(2 * want), *(2 * want - 340)], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(singular_values_by_depth([both, both])[1], found, rtol=1e-12, atol=1e-13)


def test_traps_for_harmless_underflow_are_left_alone():
    factors = [np.array([[1e-3, 1e-4], [0.1, 1.0]])] * 400
    with np.errstate(all="raise"):
        guarded = product_singular_values(factors).log10, qr_growth(factors), singular_values_by_depth(factors)[-1]
    for found, want in zip(
        guarded, (product_singular_values(factors).log10, qr_growth(factors), guarded[0]), strict=True
    ):
        np.testing.assert_allclose(found, want, rtol=1e-12)
