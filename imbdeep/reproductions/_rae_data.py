"""The data sets of RAE's reproduction that are at hand: rows to train and to test on.

Every loader takes the folder with the data and a seed and returns a
:class:`~imbdeep.reproductions._runner.Task`. Of two classes the minority is 1.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_svmlight_file

from imbdeep.reproductions._rows import (
    MNIST_SHAPE,
    MNIST_SIZES,
    drawn,
    mnist,
    stratified,
)
from imbdeep.reproductions._runner import Task

#: Test rows of each digit in the balanced test part of Table 7.
MNIST_TEST = 800
#: Share of the rows of a table that are for testing: the paper does not say its own.
_TEST_SHARE = 0.2
#: Columns of Webpage.
_KEYWORDS = 300


def optical_digits(folder: Path, seed: int) -> Task:
    """scikit-learn's bundled digits: 1797 of the 5620 rows of Optical digits, 8 against the rest.

    The minority is the one that imbalanced-learn's ``optical_digits`` has. Nothing is read from
    ``folder``.
    """
    x, digits = load_digits(return_X_y=True)
    return stratified(x, digits == 8, seed, test_size=_TEST_SHARE)


def isolet(folder: Path, seed: int) -> Task:
    """Isolet: the letters A and B (600 rows) against the rest (7197)."""
    with np.load(folder / "isolet" / "isolet.npz") as file:
        return stratified(file["X"], file["y"] <= 2, seed, test_size=_TEST_SHARE)


def webpage(folder: Path, seed: int) -> Task:
    """Webpage: 981 pages of a category against 33799, by 300 keywords present or absent.

    Both parts of w7a without repeated lines, which are exactly the rows of imbalanced-learn's
    ``webpage``.
    """
    lines: dict[bytes, None] = {}  # a dict keeps the order, so that the seed draws the same rows
    for name in ("w7a.txt.gz", "w7a.test.txt.gz"):
        lines |= dict.fromkeys(
            gzip.decompress((folder / "webpage" / name).read_bytes()).split(b"\n")
        )
    content = io.BytesIO(b"\n".join(line for line in lines if line.strip()))
    x, y = load_svmlight_file(content, n_features=_KEYWORDS, dtype=np.float32)
    return stratified(x.toarray(), y == 1, seed, test_size=_TEST_SHARE)


def mnist_long_tailed(folder: Path, seed: int) -> Task:
    """MNIST with 4000 rows of the digit 0 down to 40 of the 9, tested on 800 of each.

    Training rows are drawn from MNIST's training part and test rows from its test part, without
    replacement, anew by each seed.
    """
    random = np.random.default_rng(seed)
    (x, y), (x_test, y_test) = mnist(folder)
    rows = drawn(y, MNIST_SIZES, random)
    test_rows = drawn(y_test, [MNIST_TEST] * len(MNIST_SIZES), random)
    return Task(x[rows], y[rows], x_test[test_rows], y_test[test_rows], image_shape=MNIST_SHAPE)
