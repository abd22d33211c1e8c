"""Rows that are drawn and made for several reproductions."""

import numpy as np
import pytest

from imbdeep.reproductions._rows import (
    Task,
    cifar10,
    fewer,
    in_proportion,
    mnist,
    raised,
    stratified,
)


def rows(sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.random.default_rng(seed).standard_normal((len(y), 2)).astype(np.float32)
    return x + 2 * y[:, None].astype(np.float32), y


def test_in_proportion_keeps_shares_and_two_rows():
    assert in_proportion(np.array([30, 11, 2, 1]), 12) == [12, 5, 2, 2]
    assert in_proportion(np.array([30, 11]), 100) == [30, 11]


def test_mnist_has_both_parts_and_their_labels(tmp_path, write_mnist):
    write_mnist(tmp_path / "mnist", 3, 2)
    parts = mnist(tmp_path)
    for (x, digits), n_each in zip(parts, (3, 2), strict=True):
        assert np.bincount(digits).tolist() == [n_each] * 10
        assert x.shape == (10 * n_each, 784)
        assert (x.dtype, digits.dtype) == (np.uint8, np.int64)
        np.testing.assert_array_equal(x[:, 0], digits)


def test_cifar_decodes_the_chosen_images(tmp_path, write_cifar):
    write_cifar(tmp_path / "cifar10_jpeg")
    for part, n_each in (("train", 20), ("test", 6)):
        x, y = cifar10(tmp_path, part, lambda y: np.flatnonzero(y % 2)[::-1])
        assert y.tolist() == np.repeat([9, 7, 5, 3, 1], n_each).tolist()
        assert (x.shape, x.dtype, y.dtype) == ((len(y), 3, 32, 32), np.uint8, np.int64)
        # The colour tells the class and the image, as well as a JPEG of one colour can.
        assert np.abs(x[:, 0].mean(axis=(1, 2)) - 25 * y).max() < 4
        assert (
            np.abs(x[:, 1].mean(axis=(1, 2)) - 8 * (n_each - 1 - np.arange(len(y)) % n_each)).max()
            < 4
        )


def test_stratified_splits_each_class_alike():
    x = np.arange(100)[:, None]
    minority = x[:, 0] % 10 == 0
    task = stratified(x, minority, 0, test_size=0.2)
    assert np.bincount(task.y_train).tolist() == [72, 8]
    assert np.bincount(task.y_test).tolist() == [18, 2]
    assert sorted([*task.x_train[:, 0], *task.x_test[:, 0]]) == list(range(100))
    np.testing.assert_array_equal(task.y_test, task.x_test[:, 0] % 10 == 0)
    assert task.image_shape is None


def test_smote_raises_small_classes_to_the_mean_by_interpolation():
    x, y = rows([20, 8, 3, 1], 0)
    made, labels = raised(x, y, 0)
    assert np.bincount(labels).tolist() == [20, 8, 8, 8]  # the mean is 8
    np.testing.assert_array_equal(made[:32], x)
    assert made.dtype == np.float32
    (only,) = x[y == 3]
    np.testing.assert_array_equal(made[labels == 3], np.tile(only, (8, 1)))
    corners = x[y == 2].astype(float)
    for new in made[32:37]:  # on a side of the triangle of the class's three rows
        gaps = [
            np.linalg.norm(new - a) + np.linalg.norm(new - b) - np.linalg.norm(a - b)
            for a, b in (
                (corners[0], corners[1]),
                (corners[1], corners[2]),
                (corners[2], corners[0]),
            )
        ]
        assert min(gaps) == pytest.approx(0, abs=1e-5)
    again, _ = raised(x, y, 0)
    other, _ = raised(x, y, 1)
    np.testing.assert_array_equal(made, again)
    assert not np.array_equal(made, other)


def test_smote_keeps_bytes_and_shape():
    x = np.zeros((12, 1, 2, 2), dtype=np.uint8)
    x[10], x[11] = 250, 10  # differences of bytes would wrap around
    made, labels = raised(x, np.repeat([0, 1], [10, 2]), 0)
    assert made.dtype == np.uint8
    assert made.shape == (16, 1, 2, 2)
    assert ((made[labels == 1] >= 10) & (made[labels == 1] <= 250)).all()


def test_fewer_keeps_all_classes_and_the_imbalance():
    y = np.repeat([0, 1, 2], [30, 11, 2])
    task = Task(np.arange(43)[:, None], y, np.arange(43)[:, None], y, (1, 1, 1))
    small = fewer(task, (12, 4), 0)
    assert np.bincount(small.y_train).tolist() == [12, 5, 2]
    assert np.bincount(small.y_test).tolist() == [4, 4, 2]
    for x, labels in (small[:2], small[2:4]):
        np.testing.assert_array_equal(y[x[:, 0]], labels)
    assert small.image_shape == (1, 1, 1)
    assert fewer(task, None, 0) is task
    chosen = fewer(task._replace(x_valid=task.x_train, y_valid=y), (12, 3, 5), 0)
    assert np.bincount(chosen.y_valid).tolist() == [3, 3, 2]
    assert np.bincount(chosen.y_test).tolist() == [5, 5, 2]
    np.testing.assert_array_equal(y[chosen.x_valid[:, 0]], chosen.y_valid)
