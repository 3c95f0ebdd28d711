"""Rounding to the formats of `resnotes.magnitudes.FORMATS`, and what happens to a value that is rounded often.

NumPy has neither bfloat16 nor float8. `round_to` rounds a float64 to the nearest number of any of them and returns
it as float64, which holds the numbers of all of them exactly.

Computing in float64 and rounding after every operation gives what a machine computes whose operations are
correctly rounded in that format. For a product this is so because two significands of at most 24 bits have
a product of at most 48, which float64 holds; for a sum because 53 bits are at least 2 · 24 + 2, so that
rounding twice does not differ from rounding once (Figueroa 1995). Machines that flush subnormal numbers
to zero do something else.
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.magnitudes import format_named


def round_to(x: ArrayLike, dtype: str) -> np.ndarray:
    """The nearest number of a floating-point format, ties to the even one (IEEE 754-2019, 4.3.1).

    A number of the format is a whole multiple of a power of two, the step, with at most ``precision``
    bits. The step at x follows from x's exponent, and below the smallest normal number it stays what it
    is there; so x is divided by its step, rounded to a whole number, and multiplied again. Both
    scalings are by powers of two and exact.

    Parameters
    ----------
    x : array_like
        Real numbers, taken as float64. NaN stays NaN, and infinities stay where the format has them.
    dtype : str
        A name in `FORMATS`.

    Returns
    -------
    ndarray or float64
        Of the shape of x, as float64. Where the nearest number would lie beyond the largest, it is infinite, or
        NaN in a format without infinity; zero keeps its sign.

    Raises
    ------
    ValueError
        If x does not consist of real numbers, or `dtype` names no format of `FORMATS`.

    Examples
    --------
    >>> from resnotes.precision import round_to
    >>> float(round_to(0.999, "bfloat16")), float(round_to(0.99, "bfloat16"))
    (1.0, 0.98828125)
    """
    form = format_named(dtype)
    x = _validate.real_numbers(x, "x", "real numbers").astype(np.float64)
    if dtype == "float64":
        return x[()]
    finite = np.isfinite(x)
    _, exponent = np.frexp(np.where(finite, x, 0.0))  # |x| is from 2**(exponent - 1) up to 2**exponent
    step = np.maximum(exponent - form.precision, form.lowest - form.precision + 1)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # infinities and zeros are what is wanted
        rounded = np.ldexp(np.rint(np.ldexp(np.where(finite, x, 0.0), -step)), step)
    rounded = np.where(finite, rounded, x)
    beyond = np.copysign(np.inf if form.infinite else np.nan, rounded)
    return np.where(np.abs(rounded) > form.max, beyond, rounded)[()]


def step_by_step(factors: ArrayLike, dtype: str, start: float = 1.0) -> np.ndarray:
    """A product in a floating-point format, rounded after every multiplication.

    Parameters
    ----------
    factors : array_like, shape (n,)
        Finite real numbers, in the order in which they are multiplied. Each is first rounded to the
        format, as it is when it is stored there.
    dtype : str
        A name in `FORMATS`.
    start : float
        What is multiplied; rounded as well.

    Returns
    -------
    ndarray, shape (n + 1,)
        The start and the value after each multiplication, as float64.

    Raises
    ------
    ValueError
        If `factors` is not one list of finite real numbers, `start` not one such number, or `dtype`
        names no format.

    Notes
    -----
    The same product rounded once is ``round_to(float(shortcut_product(factors)), dtype)``, up to the
    range of float64 in between; for equal factors `range_limits` tells where it ends.
    """
    factors = _validate.finite_array(factors, "factors", "a list of finite real numbers", (1,), allow_empty=True)
    value = float(round_to(_validate.finite_number(start, "start"), dtype))
    values = [value]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for factor in np.atleast_1d(round_to(factors, dtype)):
            value = round_to(value * factor, dtype)
            values.append(float(value))
    return np.array(values)


def stall(factor: float, dtype: str) -> int:
    """Where the step-by-step powers of a factor between 0 and 1 come to rest.

    Parameters
    ----------
    factor : float
        From 0 up to 1, 1 excluded, once it is rounded to the format.
    dtype : str
        A name in `FORMATS`.

    Returns
    -------
    int
        How many times the smallest subnormal number; 0 for a factor up to 1/2.

    Raises
    ------
    ValueError
        If the rounded factor is not from 0 up to 1, 1 excluded, or `dtype` names no format.

    Notes
    -----
    Below the smallest normal number all numbers are multiples k of the smallest subnormal. k stays k where
    its product is less than half a step away, k (1 - factor) < 1/2, or half a step and k even: equation
    ``precision-stall``. Powers fall from above to the largest such k. Normal numbers do not stall: a factor
    of the format is at most 1 - 2**-precision, which moves each of them.

    Examples
    --------
    >>> from resnotes.precision import stall
    >>> stall(0.9, "float16"), stall(0.5, "float16")
    (4, 0)
    """
    given, factor = factor, float(round_to(_validate.finite_number(factor, "factor"), dtype))
    if not 0 <= factor < 1:
        wanted = f"a number that {dtype} rounds to one from 0 up to 1, 1 excluded"
        _validate.refuse("factor", f"{given!r}, which it rounds to {factor!r}", wanted)
    reach = 1 / (2 * (1 - Fraction(factor)))
    largest = math.floor(reach)
    return largest - 1 if largest == reach and largest % 2 else largest
