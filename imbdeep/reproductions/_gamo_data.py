"""The data sets of GAMO's reproduction that are at hand: rows to train on, to score, to choose by.

Every loader takes the folder with the data, a seed and whether parameters are being chosen, and
returns a :class:`~imbdeep.reproductions._rows.Task`. Where they are, what is scored comes from
the training part of the data set and test rows are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbdeep.datasets import PROFILES
from imbdeep.reproductions import _rae_data
from imbdeep.reproductions._rows import (
    CIFAR_SHAPE,
    MNIST_SHAPE,
    MNIST_SIZES,
    Task,
    cifar10,
    development,
    drawn,
    mnist,
)

#: Training rows of each class of CIFAR-10, in its official order (section 4.2).
CIFAR_SIZES = PROFILES["cifar10-4500-80"].counts
#: Rows of each class to choose by, of those that were not drawn for training: as many of every
#: class as of the class that has fewest, or nearly.
MNIST_CHOICE, CIFAR_CHOICE = 1000, 400


def _and_others(
    y: NDArray[Any], sizes: Sequence[int], n_others: int, random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the classes without replacement, and others: so many of each class."""
    rows = drawn(y, sizes, random)
    rest = np.setdiff1d(np.arange(len(y)), rows)
    return rows, rest[drawn(y[rest], [n_others] * len(sizes), random)]


def mnist_long_tailed(
    folder: Path, seed: int, choosing: bool = False, read: Callable[[Path], Any] = mnist
) -> Task:
    """MNIST with 4000 rows of the digit 0 down to 40 of the 9, and the whole of its test part.

    ``read`` may read Fashion-MNIST.
    """
    (x, y), (x_test, y_test) = read(folder)
    rows, others = _and_others(y, MNIST_SIZES, MNIST_CHOICE, np.random.default_rng(seed))
    if choosing:
        x_test, y_test = x[others], y[others]
    return Task(x[rows], y[rows], x_test, y_test, image_shape=MNIST_SHAPE)


def cifar10_long_tailed(folder: Path, seed: int, choosing: bool = False) -> Task:
    """CIFAR-10 from lossy JPEG files, 4500 airplanes to 80 trucks, and the whole test part."""

    def part(i: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Training rows, or those to choose by: the same draw for both."""
        return cifar10(
            folder,
            "train",
            lambda y: _and_others(y, CIFAR_SIZES, CIFAR_CHOICE, np.random.default_rng(seed))[i],
        )

    test = part(1) if choosing else cifar10(folder, "test", lambda y: np.arange(len(y)))
    return Task(*part(0), *test, image_shape=CIFAR_SHAPE)


def _table(task: Task, seed: int, choosing: bool) -> Task:
    return development(task, seed) if choosing else task


def isolet(folder: Path, seed: int, choosing: bool = False) -> Task:
    """Isolet: the letters A and B (600 rows) against the rest (7197); the split of RAE's."""
    return _table(_rae_data.isolet(folder, seed), seed, choosing)


def webpage(folder: Path, seed: int, choosing: bool = False) -> Task:
    """Webpage: 981 pages of a category against 33799, by 300 keywords; the split of RAE's."""
    return _table(_rae_data.webpage(folder, seed), seed, choosing)
