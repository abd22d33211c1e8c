"""The data sets of MGVAE's reproduction: rows to train and to test on.

Every loader takes the folder with the data, or None, and a seed, and returns a
:class:`~imbdeep.reproductions._rows.Task`, in which the minority is 1. Images are split as the
data set is, tables at random: a stratified 70/30 split, anew by each seed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from imbdeep.datasets import fetch
from imbdeep.reproductions import _rows
from imbdeep.reproductions._rows import MNIST_SHAPE, Task, drawn, stratified

#: Training rows of each digit of the majority, at the most.
_MAJORITY = 6000
_TEST_SHARE = 0.3


def mnist(
    folder: Path | None, seed: int, n_minority: int, read: Callable[[Any], Any] = _rows.mnist
) -> Task:
    """MNIST as two classes: digits 0-4 against 5-9, so many of each of these."""
    (x, digits), (x_test, digits_test) = read(folder)
    sizes = [_MAJORITY] * 5 + [n_minority] * 5
    rows = drawn(digits, sizes, np.random.default_rng(seed))
    y, y_test = ((part >= 5).astype(np.int64) for part in (digits[rows], digits_test))
    return Task(x[rows], y, x_test, y_test, image_shape=MNIST_SHAPE)


def fashion(folder: Path | None, seed: int, n_minority: int) -> Task:
    """Fashion-MNIST in the same way: T-shirt to coat against sandal to ankle boot."""
    return mnist(folder, seed, n_minority, _rows.fashion)


def _table(name: str, folder: Path | None, seed: int) -> Task:
    x, y = fetch(name, data_home=folder, return_X_y=True)
    return stratified(x, y == 1, seed, test_size=_TEST_SHARE)


def musk(folder: Path | None, seed: int) -> Task:
    """Musk (version 2): musks are the minority."""
    return _table("musk2", folder, seed)


def water(folder: Path | None, seed: int) -> Task:
    """Water Quality: safe water is the minority; rows without a label are dropped."""
    return _table("water_quality", folder, seed)


def isolet(folder: Path | None, seed: int) -> Task:
    """Isolet: the letters A and B are the minority."""
    return _table("isolet", folder, seed)


def mammography(folder: Path | None, seed: int) -> Task:
    """Mammography: calcifications are the minority. Not in the paper."""
    return _table("mammography", folder, seed)
