"""The data: 1,797 handwritten digits of 8 × 8 pixels, which come with scikit-learn."""

from dataclasses import dataclass

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
    """What `load_digits` is to return in this process, which then need not load scikit-learn."""
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
        # Only training needs scikit-learn, and it takes a second to load.
        from sklearn import datasets
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError as error:
        raise missing(error, "training", "resnotes.training, for scikit-learn's digits,") from error
    images, digits = datasets.load_digits(return_X_y=True)
    return train_test_split(images, digits, test_size=TEST_IMAGES, stratify=digits, random_state=0)
