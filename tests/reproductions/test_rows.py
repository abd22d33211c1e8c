"""Rows that are drawn and made for several reproductions."""

import numpy as np
import pytest

from imbdeep.reproductions._rows import (
    Task,
    fewer,
    held_out,
    images,
    raised,
    table,
)


def rows(sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.random.default_rng(seed).standard_normal((len(y), 2)).astype(np.float32)
    return x + 2 * y[:, None].astype(np.float32), y


def counts(task):
    parts = (task.y_train, task.y_test) + ((task.y_valid,) if task.y_valid is not None else ())
    return [np.bincount(y, minlength=10).tolist() for y in parts]


def bytes_of(x):
    return {row.tobytes() for row in x}


SIZES = (14, 12, 5, 4, 4, 3, 3, 2, 2, 10)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_images_are_drawn_by_the_seed(folder, name):
    task, again, other = (images(name, folder, seed, sizes=SIZES) for seed in (0, 0, 1))
    assert counts(task) == [list(SIZES), [9 if name == "mnist" else 6] * 10]
    np.testing.assert_array_equal(task.x_train, again.x_train)
    assert not np.array_equal(task.x_train, other.x_train)
    np.testing.assert_array_equal(task.x_test, other.x_test)  # the whole test part
    assert task.image_shape == ((1, 28, 28) if name == "mnist" else (3, 32, 32))
    assert len(bytes_of(task.x_train)) == len(task.x_train)  # without replacement
    for x, y in (task[:2], task[2:4]):
        if name == "mnist":
            np.testing.assert_array_equal(x[:, 0], y)
        else:  # the colour gives the class, as well as a JPEG of one colour can
            np.testing.assert_allclose(x[:, 0].mean(axis=(1, 2)), 25 * y, atol=6)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_rows_to_choose_by_are_training_images_that_were_not_drawn(folder, name):
    task = images(name, folder, 0, sizes=SIZES)
    choice = images(name, folder, 0, sizes=SIZES, n_choice=5)
    np.testing.assert_array_equal(choice.x_train, task.x_train)
    assert counts(choice)[1] == [5] * 10
    assert not bytes_of(choice.x_test) & bytes_of(task.x_train)
    drawn = images(name, folder, 0, sizes=SIZES, n_test=4)
    assert counts(drawn) == [list(SIZES), [4] * 10]
    assert bytes_of(drawn.x_test) < bytes_of(task.x_test)
    held = images(name, folder, 0, sizes=SIZES, hold_out=True)
    assert counts(held)[2] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 1]
    assert not bytes_of(held.x_train) & bytes_of(held.x_valid)
    assert bytes_of(held.x_train) | bytes_of(held.x_valid) == bytes_of(task.x_train)


@pytest.mark.parametrize(
    "size, expected", [(1, 0), (4, 0), (5, 1), (9, 1), (14, 1), (15, 2), (100, 10)]
)
def test_a_tenth_is_held_out_of_every_class(size, expected):
    y = np.repeat([0, 1], [50, size])
    mask = held_out(y, np.random.default_rng(0))
    assert mask[y == 1].sum() == expected
    assert mask[y == 0].sum() == 5


def test_tables_are_split_in_shares(folder):
    task = table("mammography", folder, 0, test_size=0.2)
    assert np.bincount(task.y_train).tolist() == [216, 24]
    assert np.bincount(task.y_test).tolist() == [54, 6]
    assert task.image_shape is None
    assert task.sizes() == "Rows by class, in each trial: trained 216, 24; scored 54, 6."


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
