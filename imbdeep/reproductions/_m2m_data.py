"""The data sets of M2m's reproduction, rebuilt from local files: rows to train, choose and test.

Every loader takes the folder with the data and a seed and returns a :class:`Split`. Classes are
numbered from the largest of the whole training file to the smallest, as the paper does.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from imbdeep.reproductions._rows import (
    CIFAR_SHAPE,
    MNIST_SHAPE,
    MNIST_SIZES,
    cifar10,
    drawn,
    in_proportion,
    mnist,
)

#: Inputs of the two text data sets.
WIDTH = 1000
#: Documents of the test file that a class of Reuters needs.
_LEAST_TEST = 5
_HELD_OUT = 0.1
_PREFIXES = (4, 8, 12, 16)
_TAGS_WITHOUT_TEST = ("M", "Y")


class Split(NamedTuple):
    """Rows to train on, to choose by and to test on; class 0 is the largest."""

    x_train: NDArray[Any]
    y_train: NDArray[np.int64]
    x_valid: NDArray[Any]
    y_valid: NDArray[np.int64]
    x_test: NDArray[Any]
    y_test: NDArray[np.int64]
    image_shape: tuple[int, int, int] | None = None


def reduced(split: Split, most: tuple[int, int, int] | None, seed: int) -> Split:
    """Fewer rows: so many training rows of the largest class, validation and test rows of each.

    The other classes keep their share of training rows, and two at least.
    """
    if most is None:
        return split
    random = np.random.default_rng(seed)
    n_train = in_proportion(np.bincount(split.y_train), most[0])
    n_valid, n_test = ([n] * len(n_train) for n in most[1:])

    def some(
        x: NDArray[Any], y: NDArray[np.int64], sizes: Sequence[int]
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        rows = drawn(y, sizes, random)
        return x[rows], y[rows]

    return Split(
        *some(split.x_train, split.y_train, n_train),
        *some(split.x_valid, split.y_valid, n_valid),
        *some(split.x_test, split.y_test, n_test),
        image_shape=split.image_shape,
    )


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


def by_size(labels: Sequence[str]) -> dict[str, int]:
    """Class numbers from the largest class to the smallest, equal ones in alphabetical order."""
    counts = Counter(labels)
    order = sorted(counts, key=lambda label: (-counts[label], label))
    return {label: code for code, label in enumerate(order)}


def most_frequent(rows: Iterable[Iterable[str]], n: int) -> dict[str, int]:
    """Columns of the ``n`` most frequent words, of equally frequent ones the first by alphabet."""
    counts = Counter(word for row in rows for word in row)
    words = sorted(counts, key=lambda word: (-counts[word], word))[:n]
    return {word: column for column, word in enumerate(words)}


def presence(
    rows: Sequence[Iterable[str]], columns: dict[str, int], *, other: bool
) -> NDArray[np.float32]:
    """A 1 in the column of each word that a row has; ``other`` adds a column for all others."""
    x = np.zeros((len(rows), len(columns) + other), dtype=np.float32)
    for i, row in enumerate(rows):
        for word in row:
            column = columns.get(word, len(columns))
            if column < x.shape[1]:
                x[i, column] = 1
    return x


def _words(text: str) -> list[str]:
    """Words of two letters or more in lower case, without digits and stop words."""
    return [
        word for word in re.findall("[a-z]{2,}", text.lower()) if word not in ENGLISH_STOP_WORDS
    ]


def reuters(folder: Path, seed: int) -> Split:
    """R52 with the 36 classes of at least five test documents, as presence of 1000 words.

    999 words of the training rows by frequency, ties by alphabet, and a last column for any other
    word. The paper's preprocessing is not public: stop words here are scikit-learn's, not the list
    of NLTK that others used on R52, and words are runs of at least two letters.

    A tenth of the training documents, drawn by ``seed``, is for choices; the vocabulary is counted
    without them.
    """
    with gzip.open(folder / "reuters_r52" / "r52.tsv.gz", "rt", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\")
        documents = [(row["split"], row["label"], row["text"]) for row in reader]
    tested = Counter(label for part, label, _ in documents if part == "test")
    documents = [row for row in documents if tested[row[1]] >= _LEAST_TEST]
    codes = by_size([label for part, label, _ in documents if part == "train"])
    is_test = np.array([part == "test" for part, _, _ in documents])
    y = np.array([codes[label] for _, label, _ in documents], dtype=np.int64)
    is_valid = np.zeros(len(y), dtype=bool)
    is_valid[~is_test] = held_out(y[~is_test], np.random.default_rng(seed))
    words = [_words(text) for _, _, text in documents]
    is_train = ~is_test & ~is_valid
    columns = most_frequent((words[i] for i in np.flatnonzero(is_train)), WIDTH - 1)
    x = presence(words, columns, other=True)
    return Split(
        x[is_train], y[is_train], x[is_valid], y[is_valid], x[is_test], y[is_test], image_shape=None
    )


def _tweets(path: Path) -> list[list[tuple[str, str]]]:
    """(token, tag) pairs, a list a tweet."""
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    return [
        [(token, tag) for token, _, tag in (line.partition("\t") for line in block.split("\n"))]
        for block in blocks
    ]


def _flags(token: str) -> list[str]:
    """What a token looks like, by its characters alone."""
    shapes = {
        "hash": token.startswith("#"),
        "at": token.startswith("@"),
        "link": token.lower().startswith(("http", "www.")),
        "digit": any(c.isdigit() for c in token),
        "capital": token[:1].isupper(),
        "capitals": len(token) > 1 and token.isupper(),
        "no letter or digit": not any(c.isalnum() for c in token),
    }
    return [name for name, holds in shapes.items() if holds]


def token_features(tokens: Sequence[str], clusters: dict[str, str]) -> list[list[str]]:
    """Names of what holds for each token of a tweet.

    Of the token before, the token itself and the one after: the first 4, 8, 12 and 16 steps of its
    path in the tree of Brown clusters, or that it has none, or that the tweet ends there. Of the
    token itself: its shape.
    """
    around = []
    for token in tokens:
        path = clusters.get(token) or clusters.get(token.lower())
        known = [f"{length}:{path[:length]}" for length in _PREFIXES] if path else ["unknown"]
        around.append(known)
    around = [["edge"], *around, ["edge"]]
    return [
        [f"{offset:+d}:{name}" for offset in (-1, 0, 1) for name in around[i + 1 + offset]]
        + _flags(token)
        for i, token in enumerate(tokens)
    ]


def twitter_brown(folder: Path, seed: int) -> Split:
    """Part-of-speech tags of tweets from Brown clusters: the paper's labels, not its inputs.

    The word embeddings of the paper are not to be had, so this is another data set and is called
    so. Tokens, 23 tags (two without a test token are dropped) and the parts oct27.train, .dev (for
    choices) and .test are those of the paper; inputs are the 1000 most frequent names of
    :func:`token_features` among the training tokens, ties by alphabet. The parts are those of the
    release, so ``seed`` draws nothing here.
    """
    place = folder / "twitter_pos"
    with gzip.open(place / "6mpaths_brown_clusters.gz", "rt", encoding="utf-8") as file:
        clusters = {
            word: path for path, word, _ in (line.rstrip("\n").split("\t") for line in file)
        }
    rows: dict[str, list[list[str]]] = {}
    tags: dict[str, list[str]] = {}
    for part in ("train", "dev", "test"):
        rows[part], tags[part] = [], []
        for tweet in _tweets(place / f"oct27.{part}"):
            features = token_features([token for token, _ in tweet], clusters)
            for names, (_, tag) in zip(features, tweet, strict=True):
                if tag not in _TAGS_WITHOUT_TEST:
                    rows[part].append(names)
                    tags[part].append(tag)
    codes = by_size(tags["train"])
    columns = most_frequent(rows["train"], WIDTH)
    x = {part: presence(names, columns, other=False) for part, names in rows.items()}
    y = {part: np.array([codes[tag] for tag in found]) for part, found in tags.items()}
    return Split(x["train"], y["train"], x["dev"], y["dev"], x["test"], y["test"], image_shape=None)


def mnist_lt(folder: Path, seed: int) -> Split:
    """MNIST with 4000 rows of the digit 0 down to 40 of the 9, and MNIST's own test part."""
    (x, y), (x_test, y_test) = mnist(folder)
    random = np.random.default_rng(seed)
    rows = drawn(y, MNIST_SIZES, random)
    x, y = x[rows], y[rows]
    valid = held_out(y, random)
    return Split(x[~valid], y[~valid], x[valid], y[valid], x_test, y_test, image_shape=MNIST_SHAPE)


def long_tail(ratio: float) -> list[int]:
    """Rows of the ten classes of CIFAR-LT-10: from 5000 down to 5000 / ``ratio``, exponentially."""
    return [int(5000 * ratio ** (-k / 9)) for k in range(10)]


def cifar10_lt(folder: Path, seed: int, ratio: float) -> Split:
    """CIFAR-10 from lossy JPEG files, airplane (5000 rows) to truck (5000 / ``ratio``).

    The validation rows are a tenth of the training rows, not of the test part as in the paper.
    """
    random = np.random.default_rng(seed)
    x, y = cifar10(folder, "train", lambda y: drawn(y, long_tail(ratio), random))
    x_test, y_test = cifar10(folder, "test", lambda y: np.arange(len(y)))
    valid = held_out(y, random)
    return Split(x[~valid], y[~valid], x[valid], y[valid], x_test, y_test, image_shape=CIFAR_SHAPE)
