"""Checks of what comes in.

Every failure is a `ValueError` that names the argument, what came and what was wanted.
"""

import cmath
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
    """Return `error` with the place (which unit, which entry, which layer) in front, still one exception.

    Errors that are not plain `ValueError` come from custom layers; they keep their message and get a note.
    """
    where = name + ("" if index is None else f" {index}") + ("" if what is None else f" ({what!r})")
    if type(error) is ValueError and len(error.args) == 1:
        error.args = (f"{where}: {error}",)
    else:
        error.add_note(f"in {where}")
    return error


@contextmanager
def located(name, index=None, what=None):
    """Put the place in front of an error raised inside. A ``try`` with `placed` costs less in a loop."""
    try:
        yield
    except Exception as error:
        raise placed(error, name, index, what) from None


def _numbers(value, name, wanted, kinds):
    """Turn `value` into an array of floats: float32 and complex128 stay, the rest becomes float64."""
    if type(value) is not np.ndarray and _is_masked(value):
        refuse(name, "a masked array", f"{wanted}, without a mask: fill it, or leave the entries out")
    try:
        raw = np.asarray(value)
    except Exception as error:  # a tensor of another library may raise anything
        said = " ".join(str(error).split())
        raise ValueError(f"{name}: got {describe(value)}, which is no array ({said}), wanted {wanted}") from None
    if raw.dtype.kind not in kinds:
        refuse(name, describe(value), wanted)
    if raw.dtype in (np.float32, np.float64):
        return raw
    if raw.dtype.kind == "c":
        return raw.astype(np.complex128, copy=False)
    with np.errstate(over="ignore"):  # what does not fit turns infinite and is refused as such
        return raw.astype(np.float64)


def _is_masked(value):
    """Whether an array, or one in a list, has a mask, which `np.asarray` would drop without a word."""
    if isinstance(value, (list, tuple)):
        return any(_is_masked(entry) for entry in value if isinstance(entry, (list, tuple, np.ma.MaskedArray)))
    return isinstance(value, np.ma.MaskedArray)


def is_finite(array):
    """Whether all entries are, quickly; call it where floating-point errors are ignored."""
    flat = array.ravel()
    return cmath.isfinite(flat.dot(flat)) or bool(np.isfinite(array).all())  # the squares alone may overflow


def not_finite(array):
    """The first entry that is not finite and where it stands, in words."""
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    return f"{array[where]} at index {where}"


def finite(array, name, wanted="numbers"):
    """Return an array whose entries must all be finite."""
    if not np.isfinite(array).all():
        refuse(name, not_finite(array), f"{wanted}, finite everywhere")
    return array


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
    return finite(array, name, wanted)


def states(value, name, allow_complex=False):
    """Return `value` as a finite array of shape (..., n): one state, or a batch of any shape, which may be empty."""
    wanted = f"{'an array' if allow_complex else 'a real array'} of shape (n,) or (..., n)"
    array = _numbers(value, name, wanted, "iufc" if allow_complex else "iuf")
    if array.ndim == 0 or array.shape[-1] == 0:
        refuse(name, describe(array), wanted)
    return finite(array, name, wanted)


def labels(value, shape):
    """`value` as class numbers for states of this shape, or None where it is no integer array with an axis less."""
    if type(value) is not np.ndarray and _is_masked(value):
        return None
    try:
        array = np.asarray(value)
    except Exception:
        return None
    if array.dtype.kind not in "iu" or array.shape != shape[:-1]:
        return None
    if array.size and not (0 <= array.min() and array.max() < shape[-1]):
        refuse("p", f"class numbers from {array.min()} to {array.max()}", f"integers from 0 to {shape[-1] - 1}")
    return array


def gradient(g, last):
    """Return `g` as a finite array in the shape and the dtype of the last state."""
    wanted = f"a real array of shape {last.shape}, like the last state"
    g = _numbers(g, "g", wanted, "iuf")
    if g.shape != last.shape:
        refuse("g", describe(g), wanted)
    finite(g, "g", wanted)
    if g.dtype == last.dtype:
        return g
    with np.errstate(over="ignore", under="ignore"):  # what does not fit the dtype turns infinite and is refused
        return finite(g.astype(last.dtype), f"g as {last.dtype}", wanted)


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
        hint = _layer_for(value)
        wanted = "a layer: an object with forward(x) and backward(x, g)"
        refuse(name, describe(value), f"{wanted}{f'; did you mean {hint}?' if hint else ''}")
    return value


def _layer_for(value):
    """The layer that is likely meant by a value that is not one, in words, or None."""
    if value is None:
        return "Absent() for no shortcut, identity for no activation"
    if isinstance(value, type) and is_layer_class(value):
        return f"an instance, {value.__name__}(...)"
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"Scale({value})"
    axes = value.ndim if isinstance(value, np.ndarray) else None
    if isinstance(value, list) and value and all(isinstance(row, (list, np.ndarray)) for row in value):
        axes = 2
    return {1: "Diagonal(vector)", 2: "Projection(matrix), or Affine(matrix) in a branch"}.get(axes)


def is_layer_class(value):
    """Whether the instances of a class would have the methods of a layer."""
    return all(callable(getattr(value, method, None)) for method in ("forward", "backward"))


def samples_apart(layer):
    """Refuse a layer whose ``couples_batch`` is true: it has no Jacobian for one sample alone."""
    if getattr(layer, "couples_batch", False):
        refuse(
            "layer",
            f"{layer!r}, in which the samples of a batch depend on one another",
            "layers that treat every sample apart, for a Jacobian by sample; backward takes any layer",
        )


def copied(array, name, dtype):
    """A copy of what a custom layer returned for a state of this dtype, which must be in floating-point numbers."""
    wanted = "dtype complex128" if dtype.kind == "c" else "dtype float64 or float32"
    if isinstance(array, np.ma.MaskedArray):
        refuse(name, "a masked array", f"an array of {wanted} without a mask")
    if array.dtype not in ((np.complex128,) if dtype.kind == "c" else FLOATS):
        refuse(name, describe(array), f"an array of {wanted}, as x has {dtype}")
    return np.array(array)


def sent_back(result, x):
    """Return what a layer's ``backward(x, g)`` gave, a pair whose first part has the shape of x."""
    if not isinstance(result, tuple) or len(result) != 2:
        refuse("backward(x, g)", describe(result), "a pair: gradient at x, gradient of the parameter or None")
    if not isinstance(result[0], np.ndarray) or result[0].shape != x.shape:
        refuse("backward(x, g)[0]", describe(result[0]), f"an array of shape {x.shape}, like x")
    return result
