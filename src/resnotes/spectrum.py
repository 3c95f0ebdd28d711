"""Singular values of products of thousands of matrices, by QR in the log domain.

Multiplied out, such a product overflows, vanishes, or keeps the digits of its largest singular value alone.
Here it is never multiplied out. It is carried as

    A_{k-1} ... A_0 = Q D T,

Q with orthonormal columns, D diagonal and kept as logarithms, T with rows of moderate size. One more factor
costs one QR factorisation of A_k Q D, columns sorted, whose triangle is split into its diagonal, the new D,
and a triangle with ones on its diagonal and nothing much larger above it, which goes into T.
So long chains are kept stable in quantum Monte Carlo work (Loh et al. 1989; Bai, Lee, Li and Xu 2011).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate

LN10 = math.log(10.0)
# Sorting the columns is good enough if no entry exceeds the first, and no pivot falls below the second.
LARGEST_ENTRY, SMALLEST_PIVOT = 4.0, 1e-6
# A column whose remainder is smaller than this, relative to the column and times its length, is rounding.
NOISE = 8 * np.finfo(np.float64).eps
# The one-sided Jacobi iteration ends when all rows are orthogonal to this; it converges quadratically.
ORTHOGONAL = 1e-15
SWEEPS = 60


@dataclass(frozen=True, eq=False)
class ProductSpectrum:
    """Singular values of a product of matrices, as logarithms.

    Attributes
    ----------
    log10 : ndarray, shape (min(m, n),)
        log10 of the singular values of the (m, n) product, falling; -inf for those that are 0.
    diagonal : ndarray, shape (min(m, n),)
        log10 of the diagonal D alone, in its own order: estimates, each off by a factor that does not grow
        with the number of factors where T does not.
    condition : float
        Condition number of T once its rows have length 1. It bounds what the last step may add to
        the relative errors, in units of the rounding error 2**-53; 1.0 for diagonal factors.
    """

    log10: np.ndarray
    diagonal: np.ndarray
    condition: float


@np.errstate(under="ignore")  # what is too small beside the rest to be held is 0
def product_singular_values(factors: Iterable[ArrayLike]) -> ProductSpectrum:
    """The singular values of a product of many matrices, without overflow, underflow or lost digits.

    Parameters
    ----------
    factors : sequence of array_like, shapes (n_1, n_0), (n_2, n_1), ...
        ``factors[0]`` is applied first: the product is ``factors[-1] @ ... @ factors[0]``. For a
        Jacobian ∂x_L/∂x_0 these are the units' Jacobians in the order of the forward pass.

    Returns
    -------
    ProductSpectrum

    Raises
    ------
    ValueError
        If there is no factor, or one is not a finite real matrix, or shapes do not follow one another.

    Notes
    -----
    The result holds singular values, not estimates of them: after the last factor, a one-sided Jacobi
    iteration makes the rows of D T orthogonal, with rotations that need the ratio of two rows' lengths
    alone, so that it works on logarithms (Drmač 1997; Demmel et al. 1999). They are those of a product
    whose factors differ from the given ones in their last bits. Where each stretch of the chain grows the
    directions that the stretch before it left largest, as random factors do, small singular values so come
    with as many digits as large ones. Where one stretch undoes the growth of another, the last bits of the
    factors decide about the small ones. A direction in which a factor leaves nothing but rounding, less than
    8 n · 2**-52 of the column, counts as lost: its singular value is 0 from then on.

    Where every factor is diagonal, logarithms of the entries are added; nothing else is rounded.
    """
    factors = _chain(factors)
    if all(_is_diagonal(factor) for factor in factors):
        with np.errstate(divide="ignore"):
            logs = sum(np.log10(np.abs(np.diagonal(factor).astype(np.float64))) for factor in factors)
        return ProductSpectrum(np.sort(logs)[::-1], logs, 1.0)
    shape = factors[-1].shape[0], factors[0].shape[1]
    *_, (_, logs, rows) = _accumulated(factors)
    return _spectrum(logs, rows, min(shape))


@np.errstate(under="ignore")  # what is too small beside the rest to be held is 0
def singular_values_by_depth(factors: Iterable[ArrayLike]) -> list[np.ndarray]:
    """log10 of the singular values after the first factor, after the first two, and so on.

    Parameters
    ----------
    factors : sequence of array_like, shapes (n_1, n_0), (n_2, n_1), ...
        ``factors[0]`` is applied first.

    Returns
    -------
    list of ndarray, shapes (min(n_1, n_0),), (min(n_2, n_0),), ...
        Falling; -inf for those that are 0. See `product_singular_values`, which makes the same of each
        part of the chain; this takes one factorisation for each factor.

    Raises
    ------
    ValueError
        If there is no factor, or one is not a finite real matrix, or shapes do not follow one another.
    """
    factors = _chain(factors)
    if all(_is_diagonal(factor) for factor in factors):
        with np.errstate(divide="ignore"):
            logs = np.cumsum([np.log10(np.abs(np.diagonal(factor))) for factor in factors], axis=0)
        return [np.sort(row)[::-1] for row in logs]
    columns = factors[0].shape[1]
    return [
        _spectrum(logs, rows, min(len(factor), columns)).log10
        for factor, (_, logs, rows) in zip(factors, _accumulated(factors), strict=True)
    ]


def _spectrum(logs, rows, count):
    """Singular values of diag(exp(logs)) @ rows, padded with zeros to a given number."""
    gone = np.full(count - len(logs), -np.inf)
    if not len(logs):
        return ProductSpectrum(gone, gone, 1.0)
    lengths = np.linalg.norm(rows, axis=1)
    condition = float(np.linalg.cond(rows / lengths[:, None]))
    values = _orthogonal_rows(logs + np.log(lengths), rows / lengths[:, None])
    return ProductSpectrum(
        np.concatenate([np.sort(values)[::-1] / LN10, gone]), np.concatenate([logs / LN10, gone]), condition
    )


@np.errstate(under="ignore")  # what is too small beside the rest to be held is 0
def qr_growth(factors: Iterable[ArrayLike]) -> np.ndarray:
    """Growth along the directions of plain QR: log10 of the products of the triangles' diagonals.

    Q_0 = I and A_k Q_k = Q_{k+1} R_k, without pivoting; equations ``precision-qr-step`` and
    ``precision-qr``. The sum of all entries is log10 |det| of the product, to rounding. A single entry is
    not the logarithm of a singular value: divided by the number of factors, it tends to the same limit
    where there is one, a Lyapunov exponent (Benettin et al. 1980).

    Parameters
    ----------
    factors : sequence of array_like, shape (n, n)
        ``factors[0]`` is applied first.

    Returns
    -------
    ndarray, shape (n,)
        In the order of the columns, -inf where a diagonal entry is 0.

    Raises
    ------
    ValueError
        If there is no factor, or one is not a finite real square matrix of the first one's size.
    """
    factors = _chain(factors)
    n = factors[0].shape[1]
    for index, factor in enumerate(factors):
        if factor.shape != (n, n):
            _validate.refuse(f"factors[{index}]", _validate.describe(factor), f"a square matrix, {n} by {n}")
    q, logs = np.eye(n), np.zeros(n)
    for factor in factors:
        q, r = np.linalg.qr(factor @ q)
        with np.errstate(divide="ignore"):
            logs += np.log10(np.abs(np.diagonal(r)))
    return logs


def _chain(factors):
    """The factors as a list of float64 matrices whose shapes follow one another."""
    wanted = "a list of at least one real matrix, the first to be applied in front"
    try:
        factors = list(factors)
    except TypeError:
        _validate.refuse("factors", _validate.describe(factors), wanted)
    if not factors:
        _validate.refuse("factors", "none", wanted)
    matrices = []
    for index, factor in enumerate(factors):
        name, shape = f"factors[{index}]", "a real matrix"
        if matrices:
            shape += f" with {matrices[-1].shape[0]} columns, the rows of the one before"
        matrix = _validate.finite_array(factor, name, shape, (2,)).astype(np.float64)
        if matrices and matrix.shape[1] != matrices[-1].shape[0]:
            _validate.refuse(name, _validate.describe(matrix), shape)
        matrices.append(matrix)
    return matrices


def _is_diagonal(matrix):
    m, n = matrix.shape
    return m == n and np.count_nonzero(matrix) == np.count_nonzero(np.diagonal(matrix))


def _accumulated(factors):
    """Q, ln D and T after each factor, with as many columns, entries and rows as the product has rank."""
    n = factors[0].shape[1]
    q, logs, rows = np.eye(n), np.zeros(n), np.eye(n)
    for factor in factors:
        exponent = math.frexp(np.max(np.abs(factor)))[1]  # a product with q must not leave the range
        q, triangle, order, logs = _graded_qr(np.ldexp(factor, -exponent) @ q, logs)
        logs += exponent * math.log(2.0)
        rows = triangle @ rows[order]
        yield q, logs, rows


def _graded_qr(matrix, logs):
    """QR of ``matrix @ diag(exp(logs))``, never forming it, with its triangle split as D · (D**-1 R).

    The columns' scales are kept apart from the columns, which get length 1. LAPACK's QR of the columns,
    sorted by scale, will do unless its triangle is badly graded; then the columns are pivoted one by one.

    Returns
    -------
    q : ndarray, shape (m, r)
    triangle : ndarray, shape (r, n)
        D**-1 R, its columns in the order of ``order``: 1 or -1 on the diagonal.
    order : ndarray, shape (n,)
    diagonal : ndarray, shape (r,)
        ln D, the logarithms of the sizes of R's diagonal entries.
    """
    largest = np.abs(matrix).max(axis=0)  # squares of small entries would be 0
    alive = largest > 0
    columns = np.divide(matrix, largest, out=np.zeros_like(matrix), where=alive)
    sizes = np.linalg.norm(columns, axis=0)
    columns = np.divide(columns, sizes, out=columns, where=alive)
    scales = np.where(alive, logs + np.log(np.where(alive, sizes * largest, 1.0)), -np.inf)
    if alive.all() and alive.any():
        order = np.argsort(-scales)
        q, r = np.linalg.qr(columns[:, order])
        pivots = np.abs(np.diagonal(r))
        if pivots.min() > SMALLEST_PIVOT:
            triangle, diagonal = _split(r, scales[order], pivots)
            if np.max(np.abs(triangle)) <= LARGEST_ENTRY:
                return q, triangle, order, diagonal
    return _pivoted_qr(columns, scales)


def _split(r, scales, pivots):
    """D**-1 R and ln D for the triangle R = r · diag(exp(scales)), r having ``pivots`` on its diagonal."""
    diagonal = scales[: len(pivots)] + np.log(pivots)
    with np.errstate(under="ignore"):
        growth = np.exp(np.clip(scales - diagonal[:, None], None, 600.0))  # below the diagonal r is 0 anyway
    return r * growth, diagonal


def _pivoted_qr(columns, scales):
    """The same, the column with most left always next; stops where rounding is all that is left.

    Gram-Schmidt, every column cleaned once on the way and once more as a pivot: as good as Householder's way
    (Giraud et al. 2005).
    """
    m, n = columns.shape
    rest, alive = columns.copy(), scales > -np.inf
    q = np.empty((m, min(m, n)))
    parts = np.zeros((min(m, n), n))  # column j's coefficients, relative to its first length
    remaining = np.ones(n)
    order, left = [], alive.copy()
    for k in range(min(m, n)):
        if not left.any():
            break
        with np.errstate(divide="ignore"):
            weight = np.where(left, scales + np.log(remaining), -np.inf)
        pivot = int(np.argmax(weight))
        column = rest[:, pivot] - q[:, :k] @ (q[:, :k].T @ rest[:, pivot])
        q[:, k] = column / np.linalg.norm(column)
        order.append(pivot)
        parts[k, pivot] = remaining[pivot]
        left[pivot] = False
        part = q[:, k] @ rest
        part[~left] = 0.0
        rest -= np.outer(q[:, k], part)
        parts[k, left] = part[left]
        remaining = np.where(left, np.linalg.norm(rest, axis=0), remaining)
        left &= remaining > NOISE * n
    rank = len(order)
    rank = len(order)
    order = np.array(order + sorted(set(range(n)) - set(order)), dtype=int)
    r = parts[:rank][:, order]
    triangle, diagonal = _split(r, scales[order], r[np.arange(rank), np.arange(rank)])
    return q[:, :rank], triangle, order, diagonal


def _orthogonal_rows(logs, rows):
    """ln of the singular values of diag(exp(logs)) @ rows, by one-sided Jacobi on the rows.

    Pairs of rows are turned until all are orthogonal; their lengths are then the singular values. Rows are
    kept with length 1 and the logarithm of their length beside them. In each round of a sweep every row is
    in one pair (Brent and Luk 1985), so that a round is one array operation.
    """
    logs, rows = logs.copy(), rows.copy()
    count = len(logs)
    if count == 1:
        return logs
    for _ in range(SWEEPS):
        worst = 0.0
        order = np.argsort(-logs)
        logs, rows = logs[order], rows[order]
        for first, second in _rounds(count):
            swap = logs[first] < logs[second]
            high, low = np.where(swap, second, first), np.where(swap, first, second)
            cosine = np.clip(np.einsum("ij,ij->i", rows[high], rows[low]), -1.0, 1.0)
            worst = max(worst, float(np.max(np.abs(cosine))))
            ratio = np.exp(logs[low] - logs[high])  # at most 1; 0 where the lengths are very far apart
            # tan 2θ = 2 cos / (1/ratio - ratio), the small angle; sine / ratio stays finite at ratio 0.
            gap = 1.0 - ratio**2
            root = gap + np.sqrt(gap**2 + (2 * ratio * cosine) ** 2)
            slope = np.divide(2 * cosine, root, out=np.ones_like(root), where=root > 0)  # tan θ / ratio
            tangent = slope * ratio
            c = 1 / np.sqrt(1 + tangent**2)
            upper = c[:, None] * (rows[high] + (tangent * ratio)[:, None] * rows[low])
            lower = c[:, None] * (rows[low] - slope[:, None] * rows[high])
            for place, turned in ((high, upper), (low, lower)):
                length = np.linalg.norm(turned, axis=1)
                logs[place] += np.log(length)
                rows[place] = turned / length[:, None]
        if worst <= ORTHOGONAL * count:
            return logs
    raise ArithmeticError(f"rows: still {worst:.1e} from orthogonal after {SWEEPS} sweeps of Jacobi's iteration")


def _rounds(count):
    """Rounds of a tournament: pairs (first, second), all pairs met once, each row at most once a round."""
    players = list(range(count + count % 2))
    half = len(players) // 2
    for _ in range(len(players) - 1):
        pairs = [
            (a, b) for a, b in zip(players[:half], reversed(players[half:]), strict=True) if a < count and b < count
        ]
        yield np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
        players = [players[0], players[-1], *players[1:-1]]
