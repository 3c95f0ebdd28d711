"""How large a product of many factors is, and where a number format overflows or loses it.

`shortcut_product` keeps a product that would overflow or underflow, such as ∏ λ_i over a thousand units,
as sign, mantissa and exponent. `power_sweep` and `gradient_norms` do the same for many shortcuts and depths
at once, to the accuracy of a plot. `range_limits` tells after how many equal factors a format no longer
holds their product.
"""

import math
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate

# Bits kept of a running product. Each of the chunks below adds an error of 2**-KEPT at most.
KEPT = 256
CHUNK = 64
# Powers up to this one are compared exactly, as fractions.
EXACT_POWERS = 2048
# Digits that higher powers are first tried with.
DIGITS = 50


@dataclass(frozen=True)
class Product:
    """A product as sign · mantissa · 2**exponent.

    Attributes
    ----------
    sign : int
        -1, 0 or 1.
    log10 : float
        log10 of the absolute value; -inf for 0.
    mantissa : float
        From 0.5 up to 1, 1 excluded; 0.0 for 0.
    exponent : int
    """

    sign: int
    log10: float
    mantissa: float
    exponent: int

    def __float__(self):
        """The nearest float64 to what is held, which may be 0 or infinite."""
        try:
            return self.sign * math.ldexp(self.mantissa, self.exponent)
        except OverflowError:
            return self.sign * math.inf


def shortcut_product(factors: ArrayLike) -> Product:
    """Product of scalar shortcuts, Λ = ∏ λ_i, that never overflows.

    The factors' mantissas are multiplied as integers, of which 256 bits are kept, and their exponents
    are added; so cancellation between large and small factors costs nothing, and log10 is good to a
    few units in its last place even where the product is close to 1.

    Parameters
    ----------
    factors : array_like, shape (n,)
        Finite real numbers. The product of none is 1.

    Returns
    -------
    Product
        With ``sign``, ``log10`` and ``float()``.

    Raises
    ------
    ValueError
        If `factors` is not one list of finite real numbers.

    Examples
    --------
    >>> from resnotes.magnitudes import shortcut_product
    >>> float(shortcut_product([2.0] * 2000 + [0.5] * 2000 + [3.0]))
    3.0
    >>> shortcut_product([-0.5] * 2001).sign
    -1
    """
    wanted = "a list of finite real numbers"
    factors = _validate.finite_array(factors, "factors", wanted, (1,), allow_empty=True)
    mantissas, exponents = np.frexp(factors.astype(np.float64))
    integers = np.ldexp(mantissas, 53).astype(np.int64).tolist()
    exponent = int(exponents.sum(dtype=np.int64)) - 53 * len(integers)
    product = 1
    for start in range(0, len(integers), CHUNK):
        product *= math.prod(integers[start : start + CHUNK])
        surplus = max(product.bit_length() - KEPT, 0)
        sign = -1 if product < 0 else 1
        product = sign * (abs(product) >> surplus)
        exponent += surplus
    if product == 0:
        return Product(0, -math.inf, 0.0, 0)
    sign, size = (-1 if product < 0 else 1), abs(product)
    # size = ratio * 2**bits with ratio in [3/4, 3/2): near 1, where the logarithm is small, log1p sees
    # the exact distance from 1.
    bits = size.bit_length()
    if 4 * size >= 3 << bits:
        ratio = Fraction(size, 1 << bits)
    else:
        bits -= 1
        ratio = Fraction(size, 1 << bits)
    log10 = (exponent + bits) * math.log10(2) + math.log1p(float(ratio - 1)) / math.log(10)
    mantissa, shift = math.frexp(float(ratio))
    return Product(sign, log10, mantissa, exponent + bits + shift)


@dataclass(frozen=True)
class Format:
    """A binary floating-point format.

    Attributes
    ----------
    precision : int
        Bits of the significand, the hidden one included.
    lowest, highest : int
        The exponents of the smallest normal number and of the largest, 2**lowest and just under
        2**(highest + 1).
    infinite : bool
        Whether there is an infinity. Where there is none, what would be the largest number stands for NaN, the
        largest is the one below it, and what lies beyond becomes NaN (Micikevicius et al. 2022,
        arXiv:2209.05433).
    """

    precision: int
    lowest: int
    highest: int
    infinite: bool = True

    @property
    def smallest_subnormal(self) -> float:
        """The smallest positive number, as float64."""
        return math.ldexp(1.0, self.lowest - self.precision + 1)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number of full precision, as float64."""
        return math.ldexp(1.0, self.lowest)

    @property
    def max(self) -> float:
        """The largest finite number, as float64."""
        return math.ldexp(2.0 - math.ldexp(1.0 if self.infinite else 2.0, 1 - self.precision), self.highest)

    # The three places at which rounding to nearest, ties to even, changes its kind.

    @cached_property
    def zero_up_to(self) -> Fraction:
        """Half the smallest subnormal number, which itself rounds to 0."""
        return Fraction(self.smallest_subnormal) / 2

    @cached_property
    def normal_from(self) -> Fraction:
        """Half a subnormal step below the smallest normal number, which itself rounds to that number."""
        return Fraction(self.smallest_normal) - self.zero_up_to

    def overflows(self, size: Fraction) -> bool:
        """Whether a positive number rounds to infinity, or to NaN where there is no infinity.

        It does from half a step above the largest number on. The tie goes to the even neighbour: beyond, where
        the largest number has ones in all places, and back to it where it ends in a zero.
        """
        edge = self.overflow_from
        return size >= edge if self.infinite else size > edge

    @cached_property
    def overflow_from(self) -> Fraction:
        """Half a step above the largest number; see `overflows` for what becomes of it itself."""
        return Fraction(self.max) + Fraction(2) ** (self.highest - self.precision)


FORMATS = {
    "float16": Format(11, -14, 15),
    "bfloat16": Format(8, -126, 127),
    "float32": Format(24, -126, 127),
    "float64": Format(53, -1022, 1023),
    "float8_e4m3fn": Format(4, -6, 8, infinite=False),
    "float8_e5m2": Format(3, -14, 15),
}


def format_named(dtype: str) -> Format:
    """The entry of `FORMATS` with this name; a `ValueError` names those there are."""
    if not isinstance(dtype, str) or dtype not in FORMATS:
        _validate.refuse("dtype", _validate.describe(dtype), f"one of {', '.join(FORMATS)}")
    return FORMATS[dtype]


@dataclass(frozen=True)
class RangeLimits:
    """Where the powers of a factor leave a format; see `range_limits`.

    Attributes
    ----------
    subnormal, zero, overflow : int or None
        The first power that rounds to a subnormal number, to 0, to infinity (to NaN in a format without
        infinity); None where none does.
    """

    subnormal: int | None
    zero: int | None
    overflow: int | None


def range_limits(factor: float, dtype: str) -> RangeLimits:
    """The first powers of a factor that a number format cannot hold.

    |factor|**n is taken exactly and rounded once, to nearest with ties to even (IEEE 754-2019, 4.3.1).
    Rounding after every single multiplication is another matter and may stall above zero.

    Parameters
    ----------
    factor : float
        The exact float64 given; its sign does not matter.
    dtype : str
        A name in `FORMATS`: "float16", "bfloat16", "float32", "float64", "float8_e4m3fn" or "float8_e5m2".

    Returns
    -------
    RangeLimits
        ``subnormal``: the first n at which the rounded power is not zero but below the smallest normal
        number; ``zero``: the first n at which it is 0; ``overflow``: the first n at which it is
        infinite, or NaN in float8_e4m3fn, which has no infinity. Each is None where that never happens:
        powers may jump past the subnormal numbers.

    Raises
    ------
    ValueError
        If `factor` is not one finite real number, or `dtype` names no format of `FORMATS`.

    Notes
    -----
    Powers are compared with the format's three rounding boundaries (`Format.zero_up_to`, ``normal_from`` and
    ``overflow_from``). n follows from a quotient of logarithms and is settled exactly, by fractions or by more
    digits, so n of the order of 10**18 takes no longer.

    Examples
    --------
    >>> from resnotes.magnitudes import range_limits
    >>> range_limits(0.5, "float16")
    RangeLimits(subnormal=15, zero=25, overflow=None)
    """
    size = abs(_validate.finite_number(factor, "factor"))
    form = format_named(dtype)
    if size == 0:
        return RangeLimits(None, 1, None)  # 0**0 is 1
    if size == 1:
        return RangeLimits(None, None, None)
    if size > 1:
        return RangeLimits(None, None, _first_power(size, form.overflow_from, form.overflows))
    zero = _first_power(size, form.zero_up_to, lambda power: power <= form.zero_up_to)
    subnormal = _first_power(size, form.normal_from, lambda power: power < form.normal_from)
    return RangeLimits(subnormal if subnormal < zero else None, zero, None)


def _first_power(size, boundary, passed):
    """The first n >= 1 at which passed(size**n), `passed` being size**n at or beyond `boundary`.

    Beyond is below for size < 1 and above for size > 1.
    """
    digits = DIGITS
    while True:
        with localcontext(Context(prec=digits)):
            # A float is an exact Decimal whatever its length, and ln rounds once.
            steps = (Decimal(boundary.numerator) / boundary.denominator).ln() / Decimal(size).ln()
            nearest = int(steps.to_integral_value())
            if nearest <= EXACT_POWERS:
                return next(n for n in range(max(nearest - 1, 1), nearest + 3) if passed(Fraction(size) ** n))
            # Four roundings: the boundary, two logarithms, their quotient.
            if abs(steps - nearest) > 8 * steps.scaleb(1 - digits):
                # Unequal for sure, because so high a power never meets a boundary: powers of two get
                # there sooner, and any other has an odd part of more than 2048 bits.
                return math.ceil(steps)
        digits *= 2


def power_sweep(factors: ArrayLike, depths: ArrayLike) -> np.ndarray:
    """log10 |λ|**L for every factor and every depth: the scalar chain's gradient, without overflow.

    Parameters
    ----------
    factors : array_like, shape (k,)
        λ; for a chain of units (λ + r) x, λ + r.
    depths : array_like, shape (d,)
        L, numbers that are at least 0.

    Returns
    -------
    ndarray, shape (k, d)
        -inf for a factor of 0, except at depth 0, where every power is 1.

    Raises
    ------
    ValueError
        If `factors` or `depths` is not a list of finite real numbers, or a depth is negative.

    Examples
    --------
    >>> from resnotes.magnitudes import power_sweep
    >>> power_sweep([10.0, 0.0], [0, 2, 500])
    array([[  0.,   2., 500.],
           [  0., -inf, -inf]])
    """
    wanted = "a list of finite real numbers"
    factors = _validate.finite_array(factors, "factors", wanted, (1,)).astype(np.float64)
    depths = _validate.finite_array(depths, "depths", wanted, (1,)).astype(np.float64)
    if depths.min() < 0:
        _validate.refuse("depths", f"{depths.min()}", "numbers of at least 0")
    with np.errstate(divide="ignore", invalid="ignore"):  # log10 0 is -inf, and -inf times 0 is put right
        logs = np.multiply.outer(np.log10(np.abs(factors)), depths)
    logs[:, depths == 0] = 0
    return logs


@np.errstate(under="ignore")
def log10_norm(array: ArrayLike) -> float:
    """log10 of an array's length, where its square would leave the range of floats too.

    Parameters
    ----------
    array : array_like
        Of any shape.

    Returns
    -------
    float
        log10 ‖array‖, the root of the sum of all squares; -inf where all entries are 0.
    """
    array = np.asarray(array)
    largest = float(np.abs(array).max(initial=0))
    return math.log10(largest) + math.log10(np.linalg.norm(array / largest)) if largest else -math.inf


@np.errstate(under="ignore")  # what is too small beside the rest of a row is 0
def gradient_norms(branches: ArrayLike, factors: ArrayLike, g: ArrayLike) -> np.ndarray:
    """log10 of the gradients' norms down a chain of units λ x + F_l(x), for many λ at once.

    g_l = g_{l+1} (λ I + J_l). After each unit the gradient is divided by its norm, whose logarithm is
    kept; so no format overflows, whatever λ and the depth.

    Parameters
    ----------
    branches : array_like, shape (L, n, n)
        The branches' Jacobians J_0, ..., J_{L-1}, the same for every λ. Float32 stays float32.
    factors : array_like, shape (k,)
        λ.
    g : array_like, shape (n,)
        g_L.

    Returns
    -------
    ndarray, shape (k, L + 1)
        log10 ‖g_l‖ for l = 0, ..., L, as float64; -inf where a gradient is exactly 0.

    Raises
    ------
    ValueError
        If something is not real and finite, or the shapes do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from resnotes.magnitudes import gradient_norms
    >>> gradient_norms(np.zeros((400, 2, 2)), [10.0, 0.1], [1.0, 0.0])[:, 0]
    array([ 400., -400.])
    """
    branches = _validate.finite_array(branches, "branches", "real matrices, shape (L, n, n)", (3,))
    depth, n, columns = branches.shape
    if n != columns:
        _validate.refuse("branches", _validate.describe(branches), "square matrices, shape (L, n, n)")
    factors = _validate.finite_array(factors, "factors", "a list of finite real numbers", (1,))
    g = _validate.finite_array(g, "g", f"a real vector of shape ({n},)", (1,))
    if g.shape != (n,):
        _validate.refuse("g", _validate.describe(g), f"a real vector of shape ({n},)")
    rows = np.tile(g, (len(factors), 1)).astype(branches.dtype)
    factors = factors.astype(branches.dtype)[:, None]
    logs = np.empty((depth + 1, len(factors)))
    logs[depth] = _normalise(rows)
    for l in reversed(range(depth)):
        rows = factors * rows + rows @ branches[l]
        logs[l] = _normalise(rows)
    return np.cumsum(logs[::-1], axis=0)[::-1].T


def _normalise(rows):
    """Divide each row by its norm in place and return log10 of the norms; a row of zeros stays."""
    squares = np.einsum("kn,kn->k", rows, rows)
    limits = np.finfo(rows.dtype)
    if squares.min() > limits.tiny / limits.eps**2 and squares.max() < limits.max:
        norms = np.sqrt(squares)
        rows /= norms[:, None]
        return np.log10(norms)
    # A square has left the format: divide by the largest entry first. What is still 0 then is a row of zeros.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    largest[largest == 0] = 1
    rows /= largest
    norms = np.sqrt(np.einsum("kn,kn->k", rows, rows))
    rows /= np.where(norms == 0, 1, norms)[:, None]
    with np.errstate(divide="ignore"):  # log10 0 is -inf
        return np.log10(largest[:, 0].astype(np.float64)) + np.log10(norms.astype(np.float64))
