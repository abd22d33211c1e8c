"""The data sets of M2m: counts of the real files where they are, rules on small made-up ones."""

import gzip
from functools import partial

import numpy as np
import pytest

from imbdeep.datasets import PROFILES
from imbdeep.reproductions import _m2m_data
from imbdeep.reproductions._m2m_data import (
    cifar10_lt,
    held_out,
    mnist_lt,
    reuters,
    twitter_brown,
)
from imbdeep.reproductions._rows import MNIST_SIZES

LOADERS = {
    "reuters_r52": reuters,
    "twitter_pos": twitter_brown,
    "mnist": mnist_lt,
    "cifar10_jpeg": partial(cifar10_lt, ratio=100),
}


def write_reuters(folder):
    """Grain has 24 training documents, oil 12, zinc 4; tin lacks test documents."""
    lines = ["split\tlabel\tnewid\ttext"]
    train = {"oil": 12, "grain": 24, "tin": 30, "zinc": 4}
    test = {"oil": 5, "grain": 6, "tin": 4, "zinc": 5}
    n = 0
    for split, labels in (("train", train), ("test", test)):
        for label, size in labels.items():
            for i in range(size):
                n += 1
                text = (
                    f"The {label.upper()} price is 7 U.S. dlrs, not {label}s! word{'abcde'[i % 5]}"
                )
                lines.append(f"{split}\t{label}\t{n}\t{text}")
    folder.mkdir()
    (folder / "r52.tsv.gz").write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))


def write_twitter(folder):
    folder.mkdir()
    clusters = "0000\thello\t9\n01010101010\tworld\t8\n1111\t:D\t7\n"
    (folder / "6mpaths_brown_clusters.gz").write_bytes(gzip.compress(clusters.encode()))
    tweet = "Hello\t!\n@you\t@\n5\t$\n:D\tE\n"
    (folder / "oct27.train").write_text((tweet + "Foo\tM\n\nworld\tN\nworld\tN\n\n") * 6)
    for part in ("dev", "test"):
        (folder / f"oct27.{part}").write_text(tweet + "world\tN\n\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_mnist, write_cifar):
    """Few rows, in files like the real ones."""
    root = tmp_path_factory.mktemp("data")
    write_reuters(root / "reuters_r52")
    write_twitter(root / "twitter_pos")
    write_mnist(root / "mnist", 90, 6)
    write_cifar(root / "cifar10_jpeg")
    return root


def whole(split):
    """Training and validation rows of each class together."""
    n = max(split.y_train) + 1
    return np.bincount(split.y_train, minlength=n) + np.bincount(split.y_valid, minlength=n)


@pytest.mark.parametrize("real", ["reuters_r52"], indirect=True)
def test_reuters_has_the_sizes_of_the_paper(real):
    split = reuters(real, 0)
    assert tuple(whole(split)) == PROFILES["reuters-36"].counts
    assert len(split.y_train) + len(split.y_valid) == 6436
    assert len(split.y_test) == 2530
    assert np.bincount(split.y_test).min() == 5
    assert np.bincount(split.y_train)[-1] == 4  # the smallest class gives no validation row
    assert split.x_train.shape[1] == split.x_test.shape[1] == 1000
    assert split.x_train[:, :-1].sum(axis=0).min() > 0  # every word is one of the training rows
    assert split.x_test[:, -1].mean() > 0.9  # hardly a document has no rare word


@pytest.mark.parametrize("real", ["mnist"], indirect=True)
def test_mnist_has_the_sizes_of_gamo_and_rae(real):
    split = mnist_lt(real, 0)
    assert tuple(whole(split)) == MNIST_SIZES
    assert np.bincount(split.y_valid).tolist() == [n // 10 for n in MNIST_SIZES]
    assert len(split.y_test) == 10_000


@pytest.mark.parametrize("real", ["cifar10_jpeg"], indirect=True)
def test_cifar_has_the_sizes_of_the_paper(real):
    split = cifar10_lt(real, 0, ratio=100)
    assert whole(split).tolist() == list(PROFILES["cifar10-lt-100"].counts)
    assert len(split.y_train) + len(split.y_valid) == 12_406
    assert np.bincount(split.y_test).tolist() == [1000] * 10
    assert split.x_train.dtype == np.uint8
    assert split.x_train.shape[1:] == split.x_test.shape[1:] == (3, 32, 32)
    # The means of the original test images; the lossy ones keep them.
    means = split.x_test.mean(axis=(0, 2, 3)) / 255
    np.testing.assert_allclose(means, [0.4942, 0.4851, 0.4504], atol=0.003)


@pytest.mark.parametrize("name", LOADERS)
def test_the_seed_draws_the_training_rows(folder, name):
    load = LOADERS[name]
    first, again, other = (load(folder, seed) for seed in (0, 0, 1))
    for part, repeated in zip(first[:4], again[:4], strict=True):
        np.testing.assert_array_equal(part, repeated)
    drawn = np.array_equal(first.x_train, other.x_train)
    assert drawn == (name == "twitter_pos")  # whose parts are those of the release
    np.testing.assert_array_equal(first.y_test, other.y_test)


def test_images_keep_their_labels_and_parts_apart(folder):
    split = mnist_lt(folder, 0)
    for x, y in (split[:2], split[2:4], split[5:7]):
        np.testing.assert_array_equal(x[:, 0], y)
    assert whole(split).tolist() == [90] * 8 + [60, 40]
    rows = {row.tobytes() for row in split.x_train}
    assert len(rows) == len(split.x_train)
    assert not rows & {row.tobytes() for row in split.x_valid}


def test_reuters_keeps_what_is_tested_and_counts_words_in_training_rows(folder):
    split = reuters(folder, 0)
    assert whole(split).tolist() == [24, 12, 4]  # grain, oil, zinc, and no tin
    assert np.bincount(split.y_valid).tolist() == [2, 1]
    assert np.bincount(split.y_test).tolist() == [6, 5, 5]
    assert set(np.unique(split.x_train)) <= {0.0, 1.0}
    # price, dlrs, grain(s), oil(s), zinc(s), worda to worde; no stop word, digit, single letter.
    assert split.x_train.shape[1] == 2 + 6 + 5 + 1
    assert split.x_train[:, -1].max() == 0  # all words are in the vocabulary


def test_reuters_has_a_last_column_for_other_words(folder, monkeypatch):
    monkeypatch.setattr(_m2m_data, "WIDTH", 4)
    split = reuters(folder, 0)
    assert split.x_train.shape[1] == 4
    # The most frequent are price and dlrs, in every row, then a word of grain; the rest is other.
    np.testing.assert_array_equal(split.x_train[:, [0, 1, 3]], 1)
    np.testing.assert_array_equal(split.x_train[:, 2], split.y_train == 0)


def test_twitter_drops_two_tags_but_not_their_tokens_as_neighbours(folder):
    split = twitter_brown(folder, 0)
    assert np.bincount(split.y_train).tolist() == [12, 6, 6, 6, 6]  # N ! $ @ E
    assert len(split.y_test) == 5
    # The emoticon is followed by the dropped token in training and by "world" in the test part.
    assert not np.array_equal(split.x_train[3], split.x_test[3])


@pytest.mark.parametrize(
    "size, expected", [(1, 0), (4, 0), (5, 1), (9, 1), (14, 1), (15, 2), (100, 10)]
)
def test_a_tenth_is_held_out_of_every_class(size, expected):
    y = np.repeat([0, 1], [50, size])
    mask = held_out(y, np.random.default_rng(0))
    assert mask[y == 1].sum() == expected
    assert mask[y == 0].sum() == 5
