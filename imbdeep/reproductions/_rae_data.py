"""The data sets of RAE's reproduction that are at hand: rows to train and to test on.

Every loader takes the folder with the data and a seed and returns a
:class:`~imbdeep.reproductions._rows.Task`. Of two classes the minority is 1.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from imbdeep.datasets import PROFILES, fetch
from imbdeep.reproductions._rows import (
    CIFAR_SHAPE,
    MNIST_SHAPE,
    MNIST_SIZES,
    Task,
    cifar10,
    drawn,
    mnist,
    stratified,
)

#: Test rows of each digit in the balanced test part of Table 7.
MNIST_TEST = 800
#: Share of the rows of a table that are for testing: the paper does not say its own.
_TEST_SHARE = 0.2


def optical_digits(folder: Path, seed: int) -> Task:
    """scikit-learn's bundled digits: 1797 of the 5620 rows of Optical digits, 8 against the rest.

    The minority is the one that imbalanced-learn's ``optical_digits`` has. Nothing is read from
    ``folder``.
    """
    x, y = fetch("optical_digits", source="bundled", return_X_y=True)
    return stratified(x, y == 1, seed, test_size=_TEST_SHARE)


def isolet(folder: Path, seed: int) -> Task:
    """Isolet: the letters A and B (600 rows) against the rest (7197)."""
    x, y = fetch("isolet", data_home=folder, return_X_y=True)
    return stratified(x, y == 1, seed, test_size=_TEST_SHARE)


def webpage(folder: Path, seed: int) -> Task:
    """Webpage: 981 pages of a category against 33799, by 300 keywords present or absent."""
    x, y = fetch("webpage", data_home=folder, return_X_y=True)
    return stratified(x, y == 1, seed, test_size=_TEST_SHARE)


def mnist_long_tailed(folder: Path, seed: int, read: Callable[[Path], Any] = mnist) -> Task:
    """MNIST with 4000 rows of the digit 0 down to 40 of the 9, tested on 800 of each.

    Training rows are drawn from MNIST's training part and test rows from its test part, without
    replacement, anew by each seed. ``read`` may read Fashion-MNIST.
    """
    random = np.random.default_rng(seed)
    (x, y), (x_test, y_test) = read(folder)
    rows = drawn(y, MNIST_SIZES, random)
    test_rows = drawn(y_test, [MNIST_TEST] * len(MNIST_SIZES), random)
    return Task(x[rows], y[rows], x_test[test_rows], y_test[test_rows], image_shape=MNIST_SHAPE)


def cifar10_long_tailed(folder: Path, seed: int) -> Task:
    """CIFAR-10 from lossy JPEG files, 4500 airplanes to 80 trucks, tested on 1000 of each class."""
    random = np.random.default_rng(seed)
    sizes = PROFILES["cifar10-4500-80"].counts
    x, y = cifar10(folder, "train", lambda y: drawn(y, sizes, random))
    x_test, y_test = cifar10(folder, "test", lambda y: np.arange(len(y)))
    return Task(x, y, x_test, y_test, image_shape=CIFAR_SHAPE)
