"""The data: 1,797 handwritten digits of 8 × 8 pixels, which come with scikit-learn."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from resnotes._terminal import missing

TRAINING_IMAGES, TEST_IMAGES = 1437, 360


@dataclass(frozen=True, eq=False)
class Digits:
    """Images as rows, and their digits.

    Attributes
    ----------
    train_images : ndarray, shape (1437, 64)
        Mean 0 in each pixel, mean square 1 over all of them.
    train_targets : ndarray, shape (1437, 10)
        A 1 in the column of the digit.
    test_images : ndarray, shape (360, 64)
        Shifted and scaled as the training images.
    test_targets : ndarray, shape (360, 10)
    """

    train_images: np.ndarray
    train_targets: np.ndarray
    test_images: np.ndarray
    test_targets: np.ndarray


_loaded: list[Digits] = []


def load_digits() -> Digits:
    """Load the digits (Alpaydin and Kaynak 1998, UCI), a fifth of each kept for testing, always the same.

    Raises
    ------
    ImportError
        If scikit-learn is not installed; the message says how to get it.
    """
    if not _loaded:
        _loaded.append(_read_digits())
    return _loaded[0]


def keep_digits(digits: Digits):
    """What `load_digits` is to return in this process, which then need not read them."""
    _loaded[:] = [digits]


def _read_digits():
    train, test, train_digits, test_digits = pixels()
    mean = train.mean(axis=0)
    size = np.sqrt(np.mean((train - mean) ** 2))
    targets = np.eye(10)
    return Digits((train - mean) / size, targets[train_digits], (test - mean) / size, targets[test_digits])


def pixels():
    """The images as they are, numbers from 0 to 16, and their digits: to train with, to test on, and both digits.

    Raises
    ------
    ImportError
        If scikit-learn is not installed; the message says how to get it.
    """
    try:
        spec = find_spec("sklearn")
        if spec is None:
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    except ModuleNotFoundError as error:
        raise missing(error, "training", "resnotes.training, for scikit-learn's digits,") from error
    # Its file of digits alone: to import the library takes longer than to read and split them.
    (folder,) = spec.submodule_search_locations
    table = np.loadtxt(Path(folder, "datasets", "data", "digits.csv.gz"), delimiter=",")
    images, digits = table[:, :-1], table[:, -1].astype(int)
    train, test = _split(digits)
    return images[train], images[test], digits[train], digits[test]


def _split(digits):
    """Images to train with and to test on, the same share of every digit in both, in random order.

    They are those of scikit-learn's ``train_test_split(..., stratify=digits, random_state=0)``.
    """
    rng = np.random.RandomState(0)
    places = [np.flatnonzero(digits == digit) for digit in range(10)]
    sizes = np.array([len(of) for of in places])
    trained = _shares(sizes, TRAINING_IMAGES, rng)
    tested = _shares(sizes - trained, TEST_IMAGES, rng)
    parts = [], []
    for of, first, second in zip(places, trained, tested, strict=True):
        shuffled = of[rng.permutation(len(of))]
        parts[0].extend(shuffled[:first])
        parts[1].extend(shuffled[first : first + second])
    return tuple(rng.permutation(part) for part in parts)


def _shares(sizes, count, rng):
    """`count` divided in proportion to sizes: rounded down, what is left to the largest remainders, ties by lot."""
    exact = sizes / sizes.sum() * count
    shares = np.floor(exact)
    left = int(count - shares.sum())
    for remainder in np.unique(exact - shares)[::-1] if left > 0 else ():
        (tied,) = np.where(exact - np.floor(exact) == remainder)
        chosen = rng.choice(tied, size=min(len(tied), left), replace=False)
        shares[chosen] += 1
        left -= len(chosen)
        if left == 0:
            break
    return shares.astype(int)
