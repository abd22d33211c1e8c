"""The data sets of M2m's reproduction, rebuilt from local files: rows to train, choose and test.

Every loader takes the folder with the data and a seed and returns a
:class:`~imbdeep.reproductions._rows.Task`. Classes are numbered from the largest of the whole
training file to the smallest, as the paper does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imbdeep.datasets import exponential_counts, fetch
from imbdeep.datasets._texts import (
    WIDTH,
    by_size,
    most_frequent,
    presence,
    reuters36_documents,
    words_of,
)
from imbdeep.reproductions._rows import (
    CIFAR_SHAPE,
    MNIST_SHAPE,
    MNIST_SIZES,
    Task,
    cifar10,
    drawn,
    mnist,
)

_HELD_OUT = 0.1


def held_out(y: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.bool_]:
    """Mark a tenth of every class, rounded half up: 15 rows give 2, the 4 of Reuters' last none.

    A class of five to nine rows gives one and keeps all others; a class below five gives nothing,
    so the validation rows do not know of it.
    """
    mask = np.zeros(len(y), dtype=bool)
    for code in np.unique(y):
        rows = np.flatnonzero(y == code)
        mask[random.permutation(rows)[: int(_HELD_OUT * len(rows) + 0.5)]] = True
    return mask


def reuters(folder: Path, seed: int) -> Task:
    """R52 with the 36 classes of at least five test documents, as presence of 1000 words.

    999 words of the training rows by frequency, ties by alphabet, and a last column for any other
    word. The paper's preprocessing is not public: stop words here are scikit-learn's, not the list
    of NLTK that others used on R52, and words are runs of at least two letters.

    A tenth of the training documents, drawn by ``seed``, is for choices; the vocabulary is counted
    without them.
    """
    documents = reuters36_documents(data_home=folder, download=True)
    codes = by_size([document.label for document in documents if document.part == "train"])
    is_test = np.array([document.part == "test" for document in documents])
    y = np.array([codes[document.label] for document in documents], dtype=np.int64)
    is_valid = np.zeros(len(y), dtype=bool)
    is_valid[~is_test] = held_out(y[~is_test], np.random.default_rng(seed))
    words = [words_of(document.text) for document in documents]
    is_train = ~is_test & ~is_valid
    columns = most_frequent((words[i] for i in np.flatnonzero(is_train)), WIDTH - 1)
    x = presence(words, columns, other=True)
    return Task(
        *(x[is_train], y[is_train], x[is_test], y[is_test]),
        x_valid=x[is_valid],
        y_valid=y[is_valid],
    )


def twitter_brown(folder: Path, seed: int) -> Task:
    """Part-of-speech tags of tweets from Brown clusters: the paper's labels, not its inputs.

    The word embeddings of the paper are not to be had, so this is another data set and is called
    so: see "twitter_pos" in ``imbdeep.datasets.DATASETS``. The parts are those of the release (its
    "dev" is for choices), so ``seed`` draws nothing here.
    """
    (x, y), (x_valid, y_valid), (x_test, y_test) = (
        fetch("twitter_pos", subset=subset, data_home=folder, return_X_y=True)
        for subset in ("train", "dev", "test")
    )
    return Task(x, y, x_test, y_test, x_valid=x_valid, y_valid=y_valid)


def mnist_lt(folder: Path, seed: int) -> Task:
    """MNIST with 4000 rows of the digit 0 down to 40 of the 9, and MNIST's own test part."""
    (x, y), (x_test, y_test) = mnist(folder)
    random = np.random.default_rng(seed)
    rows = drawn(y, MNIST_SIZES, random)
    x, y = x[rows], y[rows]
    valid = held_out(y, random)
    return Task(x[~valid], y[~valid], x_test, y_test, MNIST_SHAPE, x[valid], y[valid])


def cifar10_lt(folder: Path, seed: int, ratio: float) -> Task:
    """CIFAR-10 from lossy JPEG files, airplane (5000 rows) to truck (5000 / ``ratio``).

    The validation rows are a tenth of the training rows, not of the test part as in the paper.
    """
    random = np.random.default_rng(seed)
    x, y = cifar10(folder, "train", lambda y: drawn(y, exponential_counts(5000, 10, ratio), random))
    x_test, y_test = cifar10(folder, "test", lambda y: np.arange(len(y)))
    valid = held_out(y, random)
    return Task(x[~valid], y[~valid], x_test, y_test, CIFAR_SHAPE, x[valid], y[valid])
