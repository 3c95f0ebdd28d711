"""Networks as named arrays, and .npz files with them.

`from_arrays` says how the arrays are named.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes.network import ACTIVATIONS, Affine, Network, Unit, identity
from resnotes.shortcuts import Absent, Diagonal, Identity, Projection, Scale

KEY = re.compile(r"unit(0|[1-9]\d*)\.(?:(weight|bias)(0|[1-9]\d*)|(shortcut))")
NAMES = {
    "activation": ACTIVATIONS,
    "after": {"identity": identity, **ACTIVATIONS},
    "placement": ("between", "before", "after"),
}
#: What a word was called before.
FORMER = {"behind": "after"}
KEYS = (
    "unit<l>.weight<k>, unit<l>.bias<k> and unit<l>.shortcut (l and k count from 0), "
    "activation, after, placement, x or g"
)


def load(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name. Pickles are never loaded.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no .npz file, is damaged, or holds Python objects; the message says what it is, or names the key.
    """
    name = os.fspath(path)
    wanted = "a file that numpy.savez wrote"
    with open(name, "rb") as file:  # np.load leaves a file open that turns out to be no archive
        try:
            archive = np.load(file, allow_pickle=False)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            file.seek(0)
            got = f"{name!r}, which is no .npz file but {_kind(file.read(8))}"
            raise ValueError(f"file: got {got}, wanted {wanted}") from None  # numpy's own advice is to load pickles
        if isinstance(archive, np.ndarray):
            _validate.refuse("file", f"{name!r}, which holds one array without a name", wanted)
        if any(key.endswith("data.pkl") for key in archive.files):
            got = f"{name!r}, which is no .npz file but one that torch.save wrote"
            _validate.refuse("file", got, f"{wanted}: numpy.savez(path, **{{name: tensor.numpy(), ...}})")
        return {key: _member(archive, key) for key in archive.files}


def _kind(start):
    """What a file is, by its first bytes."""
    if not start:
        return "empty"
    known = {
        b"PK": "a damaged archive", b"\x93NUMPY": "a damaged .npy file", b"\x89HDF": "an HDF5 file", b"\x80": "a pickle"
    }  # fmt: skip
    return next((what for magic, what in known.items() if start.startswith(magic)), "something else")


def _member(archive, key):
    """One array of an open archive."""
    try:
        array = archive[key]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        raise ValueError(
            f"{key}: got something that is no plain array, or a damaged one, "
            "wanted numbers or text; Python objects are never loaded"
        ) from None
    if not isinstance(array, np.ndarray):
        _validate.refuse(key, "something that is no array", "numbers or text")
    return array


def from_arrays(arrays: Mapping[str, ArrayLike]) -> tuple[Network, dict]:
    """Build a network from named arrays.

    Parameters
    ----------
    arrays : mapping of str to array_like
        ``unit<l>.weight<k>``, (m, n)
            The k-th affine layer of unit l's branch; l and k count from 0 without gaps.
        ``unit<l>.bias<k>``, (m,), optional
            Its bias; without it the layer has none.
        ``unit<l>.shortcut``, optional
            One number λ for λ x, with 0 for no shortcut at all, a vector for its product entry by entry,
            or a matrix. Without it the shortcut is the identity.
        ``activation``, optional
            "relu" (the default) or another of `resnotes.network.ACTIVATIONS`, within the branches.
        ``placement``, optional
            Where the activation stands: "between" two affine layers (the default), "before" each of them, or
            "after" each ("behind" is read as well).
        ``after``, optional
            "identity" (the default) or another of them, after the addition.
        ``x``, ``g``, optional
            Input, and gradient at the last state, for `report`.

    Returns
    -------
    net : Network
    given : dict
        The arrays ``x`` and ``g``, as far as there are.

    Raises
    ------
    ValueError
        Naming the key, what came and what was wanted.
    """
    if not isinstance(arrays, Mapping):
        _validate.refuse("arrays", _validate.describe(arrays), "a mapping of names to arrays")
    parts, given = {}, {}
    for key, value in arrays.items():
        found = KEY.fullmatch(key) if isinstance(key, str) else None
        if found:
            unit, kind, layer, shortcut = found.groups()
            parts.setdefault(int(unit), {})[(kind or shortcut, int(layer or 0))] = value
        elif key in ("x", "g"):
            given[key] = value
        elif key not in NAMES:
            _validate.refuse(f"key {key!r}", "a name that means nothing here", KEYS)
    words = {key: _word(key, arrays[key]) if key in arrays else next(iter(options)) for key, options in NAMES.items()}
    if not parts:
        _validate.refuse("unit0.weight0", "no such key", "at least one unit, with a matrix of shape (m, n)")
    units, width = [], None
    for index in range(max(parts) + 1):
        unit, width = _unit(index, parts.get(index, {}), words, width)
        units.append(unit)
    return Network(units), given


def _word(key, value):
    """One of the words that a key may hold."""
    options = NAMES[key]
    word = np.asarray(value)
    word = FORMER.get(str(word), str(word)) if word.dtype.kind == "U" and word.ndim == 0 else None
    if word not in options:
        _validate.refuse(key, _validate.describe(value), f"one of {', '.join(options)}")
    return word


def _unit(index, layers, words, width):
    """Unit `index` from its arrays, and the width of its output; `width` is its input's, where known."""
    activation, branch, n_in = NAMES["activation"][words["activation"]], [], width
    for k in range(max((k for kind, k in layers if kind != "shortcut"), default=0) + 1):
        name = f"unit{index}.weight{k}"
        if ("weight", k) not in layers:
            _validate.refuse(name, "no such key", "a matrix of shape (m, n); keys count from 0, without gaps")
        wanted = "a real matrix of shape (m, n)" if width is None else f"a real matrix of shape (m, {width})"
        weight = _validate.finite_array(layers["weight", k], name, wanted, (2,))
        if width is not None and weight.shape[1] != width:
            _validate.refuse(name, _validate.describe(weight), wanted)
        n_in = weight.shape[1] if n_in is None else n_in
        bias = layers.get(("bias", k))
        if bias is not None:
            wanted = f"a real vector of shape ({len(weight)},)"
            bias = _validate.finite_array(bias, f"unit{index}.bias{k}", wanted, (1,))
            if bias.shape != weight.shape[:1]:
                _validate.refuse(f"unit{index}.bias{k}", _validate.describe(bias), wanted)
        if words["placement"] == "before" or (words["placement"] == "between" and k > 0):
            branch.append(activation)
        branch.append(Affine(weight, bias))
        if words["placement"] == "after":
            branch.append(activation)
        width = len(weight)
    shortcut = _shortcut(f"unit{index}.shortcut", layers.get(("shortcut", 0)), n_in, width)
    return Unit(branch, shortcut, after=NAMES["after"][words["after"]]), width


def _shortcut(key, value, n_in, n_out):
    """The shortcut that an array stands for, of shape (n_out, n_in)."""
    wanted = f"the number 0 or a real matrix of shape ({n_out}, {n_in})"
    if n_in == n_out:
        wanted = f"one real number, a real vector of shape ({n_in},) or a real matrix of shape ({n_out}, {n_in})"
        if value is None:
            return Identity()
    elif value is None:
        _validate.refuse(
            key,
            "no such key",
            f"{wanted}: the branch changes the width, so the shortcut cannot be the identity",
        )
    value = _validate.finite_array(value, key, wanted, (0, 1, 2))
    if value.ndim == 0 and value == 0:
        return Absent()
    if value.shape == (n_out, n_in):
        return Projection(value)
    if n_in == n_out and value.shape in ((), (n_in,)):
        return Scale(float(value)) if value.ndim == 0 else Diagonal(value)
    return _validate.refuse(key, _validate.describe(value), wanted)
