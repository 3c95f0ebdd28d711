"""Checks of what comes in.

Every failure is a `ValueError` that names the argument, what came and what was wanted.
"""

import math
import numbers
import reprlib
from contextlib import contextmanager

import numpy as np

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def describe(value):
    """Say in a few words what `value` is, for an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return f"{' '.join(reprlib.repr(value).split())} of type {type(value).__name__}"


def refuse(name, got, wanted):
    """Raise the `ValueError` that all checks of the package share."""
    raise ValueError(f"{name}: got {got}, wanted {wanted}")


def placed(error, name, index=None, what=None):
    """Return `error` as a `ValueError` with the place (which unit, which entry, which layer) in front."""
    where = name + ("" if index is None else f" {index}") + ("" if what is None else f" ({what!r})")
    return ValueError(f"{where}: {error}")


@contextmanager
def located(name, index=None, what=None):
    """Put the place in front of a `ValueError` raised inside. A ``try`` with `placed` costs less in a loop."""
    try:
        yield
    except ValueError as error:
        raise placed(error, name, index, what) from error


def _numbers(value, name, wanted, kinds):
    """Turn `value` into an array of floats: float32 and complex128 stay, the rest becomes float64."""
    try:
        raw = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        got = f"{describe(value)}, which is no array ({error})"
        raise ValueError(f"{name}: got {got}, wanted {wanted}") from error
    if raw.dtype.kind not in kinds:
        refuse(name, describe(value), wanted)
    if raw.dtype in (np.float32, np.float64):
        return raw
    if raw.dtype.kind == "c":
        return raw.astype(np.complex128, copy=False)
    with np.errstate(over="ignore"):  # what does not fit turns infinite and is refused as such
        return raw.astype(np.float64)


def finite_array(value, name, wanted, ndims, allow_complex=False, allow_empty=False):
    """Return `value` as a finite array that is not empty.

    Float32 stays float32. Every other real type becomes float64, and complex numbers, where they
    are allowed, complex128. An array that has the right type already is returned itself, uncopied.

    Parameters
    ----------
    value : array_like
    name : str
        The argument's name, for the message.
    wanted : str
        What was wanted, for the message.
    ndims : tuple of int
        The numbers of axes that are allowed.
    allow_complex, allow_empty : bool

    Raises
    ------
    ValueError
        For text, ragged lists, a wrong number of axes, no entries, NaN or infinity.
    """
    array = _numbers(value, name, wanted, "iufc" if allow_complex else "iuf")
    if array.ndim not in ndims or (array.size == 0 and not allow_empty):
        refuse(name, describe(array), wanted)
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        refuse(name, f"{array[where]} at index {where}", f"{wanted}, finite everywhere")
    return array


def real_numbers(value, name, wanted):
    """Return `value` as an array of float32 or float64 of any shape; infinities and NaN may stay."""
    return _numbers(value, name, wanted, "iuf")


def finite_number(value, name):
    """Return `value` as a Python float; NaN, infinity, text and arrays with axes are refused."""
    wanted = "one finite real number"
    array = _numbers(value, name, wanted, "iuf")
    if array.ndim != 0 or not np.isfinite(array):
        refuse(name, describe(value), wanted)
    return float(array)


def whole_number(value, name, low, high=math.inf):
    """Return `value` as an int between `low` and `high`, both included."""
    wanted = f"a whole number {f'of at least {low}' if high == math.inf else f'from {low} to {high}'}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= value <= high:
        refuse(name, describe(value), wanted)
    return int(value)


def state(x, width=None, name="x", kinds="iufc"):
    """Return `x` as an array of shape (..., n) for a layer; where `width` is given, n must be it."""
    # What nearly always comes is let through first: this runs at every layer.
    good = type(x) is np.ndarray and x.dtype in FLOATS and x.ndim > 0
    if good and (width is None or x.shape[-1] == width):
        return x
    wanted = "an array whose last axis is the state" + ("" if width is None else f" of width {width}")
    x = _numbers(x, name, wanted if "c" in kinds else f"{wanted}, real", kinds)
    if x.ndim == 0 or (width is not None and x.shape[-1] != width):
        refuse(name, describe(x), wanted)
    return x


def state_and_gradient(x, g, n_in=None, n_out=None):
    """Return the input `x` (..., n_in) of a layer and the gradient `g` (..., n_out) at its output.

    Where `n_out` is not given, the layer keeps the width. Complex numbers have no backward rule.
    """
    x = state(x, n_in, kinds="iuf")
    shape = x.shape[:-1] + (x.shape[-1] if n_out is None else n_out,)
    if type(g) is np.ndarray and g.dtype in FLOATS and g.shape == shape:
        return x, g
    g = _numbers(g, "g", f"an array of shape {shape}", "iuf")
    if g.shape != shape:
        refuse("g", describe(g), f"an array of shape {shape}")
    return x, g


def is_layer(value):
    """Whether `value` keeps the layer protocol, an instance with `forward` and `backward`."""
    methods = (getattr(value, "forward", None), getattr(value, "backward", None))
    return not isinstance(value, type) and all(callable(method) for method in methods)


def layer(value, name):
    """Return `value`, which must be a layer."""
    if not is_layer(value):
        refuse(name, describe(value), "a layer: an object with forward(x) and backward(x, g)")
    return value


def samples_apart(layer):
    """Refuse a layer whose ``couples_batch`` is true: it has no Jacobian for one sample alone."""
    if getattr(layer, "couples_batch", False):
        refuse(
            "layer",
            f"{layer!r}, in which the samples of a batch depend on one another",
            "layers that treat every sample apart, for a Jacobian by sample; backward takes any layer",
        )


def sent_back(result, x):
    """Return what a layer's ``backward(x, g)`` gave, a pair whose first part has the shape of x."""
    if not isinstance(result, tuple) or len(result) != 2:
        refuse("backward(x, g)", describe(result), "a pair: gradient at x, gradient of the parameter or None")
    if not isinstance(result[0], np.ndarray) or result[0].shape != x.shape:
        refuse("backward(x, g)[0]", describe(result[0]), f"an array of shape {x.shape}, like x")
    return result
