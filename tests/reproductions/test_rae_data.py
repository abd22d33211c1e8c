"""The data sets of RAE: counts of the real files where they are, rules on small made-up ones."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from imbdeep.reproductions import _rae_data
from imbdeep.reproductions._rae_data import (
    isolet,
    mnist_long_tailed,
    optical_digits,
    webpage,
)
from imbdeep.reproductions._rows import MNIST_SIZES

LOADERS = (optical_digits, isolet, webpage, mnist_long_tailed)


def keywords(row):
    return " ".join(f"{column + 1}:1" for column in np.flatnonzero(row))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_mnist):
    """Few rows, in files like the real ones."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    write_mnist(root / "mnist", 90, 9)
    letters = np.tile(np.arange(1, 27), 10)
    (root / "isolet").mkdir()
    features = random.uniform(-1, 1, (260, 5)).astype(np.float32)
    np.savez(root / "isolet" / "isolet.npz", X=features, y=letters, group=np.ones(260))
    (root / "webpage").mkdir()
    x = random.random((60, 300)) < 0.05
    lines = [f"{'+1' if i % 6 == 0 else '-1'} {keywords(row)} " for i, row in enumerate(x)]
    lines.append("-1 ")  # a page without any keyword
    for name, part in (("w7a", lines[:40] + lines[:9]), ("w7a.test", lines[30:] * 2)):
        content = "\n".join([*part, ""]).encode()
        (root / "webpage" / f"{name}.txt.gz").write_bytes(gzip.compress(content))
    return root


def counts(task):
    return np.bincount(task.y_train).tolist(), np.bincount(task.y_test).tolist()


def test_optical_digits_are_eight_against_the_rest():
    task = optical_digits(Path("unused"), 0)
    assert counts(task) == ([1298, 139], [325, 35])
    assert task.x_train.shape == (1437, 64)
    assert task.image_shape is None  # a table, in the paper too


@pytest.mark.parametrize("real", ["isolet"], indirect=True)
def test_isolet_has_the_sizes_of_the_paper(real):
    task = isolet(real, 0)
    assert np.add(*counts(task)).tolist() == [7197, 600]
    assert task.x_train.shape[1] == 617
    assert len(task.y_test) == pytest.approx(0.2 * 7797, abs=1)


@pytest.mark.parametrize("real", ["webpage"], indirect=True)
def test_webpage_has_the_sizes_of_the_paper(real):
    task = webpage(real, 0)
    assert np.add(*counts(task)).tolist() == [33_799, 981]
    assert task.x_train.shape[1] == 300
    assert set(np.unique(task.x_train)) == {0.0, 1.0}


@pytest.mark.parametrize("real", ["mnist"], indirect=True)
def test_mnist_has_the_sizes_of_the_paper(real):
    task = mnist_long_tailed(real, 0)
    assert counts(task) == (list(MNIST_SIZES), [800] * 10)
    assert task.image_shape == (1, 28, 28)


def test_webpage_keeps_each_line_once(folder):
    task = webpage(folder, 0)
    assert np.add(*counts(task)).tolist() == [51, 10]
    rows = np.concatenate([task.x_train, task.x_test])
    assert rows.shape == (61, 300)
    assert (rows.sum(axis=1) == 0).sum() == 1
    assert len({row.tobytes() for row in rows}) == 61


def test_isolet_takes_the_first_two_letters(folder):
    task = isolet(folder, 0)
    assert counts(task) == ([192, 16], [48, 4])


def test_mnist_draws_training_and_test_rows_from_their_own_parts(folder, monkeypatch):
    monkeypatch.setattr(_rae_data, "MNIST_TEST", 5)
    task = mnist_long_tailed(folder, 0)
    assert counts(task) == ([90] * 8 + [60, 40], [5] * 10)
    for x, y in (task[:2], task[2:4]):
        np.testing.assert_array_equal(x[:, 0], y)
        assert len({row.tobytes() for row in x}) == len(y)
    rows = {row.tobytes() for row in task.x_train}
    assert not rows & {row.tobytes() for row in task.x_test}


@pytest.mark.parametrize("load", LOADERS)
def test_the_seed_draws_all_rows(folder, load, monkeypatch):
    monkeypatch.setattr(_rae_data, "MNIST_TEST", 5)
    first, again, other = (load(folder, seed) for seed in (0, 0, 1))
    for part, repeated in zip(first[:4], again[:4], strict=True):
        np.testing.assert_array_equal(part, repeated)
    assert counts(first) == counts(other)
    for drawn, anew in ((first.x_train, other.x_train), (first.x_test, other.x_test)):
        assert not np.array_equal(drawn, anew)
