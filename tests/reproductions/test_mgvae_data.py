"""The data sets of MGVAE's reproduction, on small made-up files in the formats of the real ones."""

import numpy as np
import pytest

from imbdeep.reproductions.mgvae import DATASETS as LOADERS


@pytest.fixture
def folder(mgvae_folder):
    return mgvae_folder


COUNTS = {  # training part and test part
    "mnist-100": ([150, 150], [45, 45]),  # of 30 rows a digit all are taken
    "mnist-600": ([150, 50], [45, 45]),
    "fashion-600": ([150, 50], [45, 45]),
    "musk": ([112, 28], [48, 12]),
    "water": ([112, 28], [48, 12]),
    "isolet": ([168, 14], [72, 6]),
    "mammography": ([189, 21], [81, 9]),
}


@pytest.mark.parametrize("name", COUNTS)
def test_loader_counts(folder, name):
    task = LOADERS[name](folder, 0)
    assert (np.bincount(task.y_train).tolist(), np.bincount(task.y_test).tolist()) == COUNTS[name]
    assert len(task.x_train) == len(task.y_train)
    assert len(task.x_test) == len(task.y_test)
    assert np.isfinite(task.x_train.astype(float)).all()
    assert task.image_shape == ((1, 28, 28) if name[0] in "mf" and "-" in name else None)


@pytest.mark.parametrize("name", LOADERS)
def test_the_seed_draws_the_training_rows(folder, name):
    first, again, other = (LOADERS[name](folder, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.x_train, other.x_train)


def test_mnist_labels_follow_the_digits(folder):
    task = LOADERS["mnist-600"](folder, 0)
    np.testing.assert_array_equal(task.y_train, task.x_train[:, 0] >= 5)
    np.testing.assert_array_equal(task.y_test, task.x_test[:, 0] >= 5)
    assert task.x_train.dtype == np.uint8
    assert np.bincount(task.x_train[:, 0]).tolist() == [30] * 5 + [10] * 5


@pytest.mark.parametrize(
    "real, name, expected",
    [
        ("mnist", "mnist-100", ([29_723, 300], [5139, 4861])),
        ("musk2", "musk", ([3906, 712], [1675, 305])),
        ("water_quality", "water", ([4959, 638], [2125, 274])),
    ],
    indirect=["real"],
)
def test_real_counts(real, name, expected):
    task = LOADERS[name](real, 0)
    found = [np.bincount(y).tolist() for y in (task.y_train, task.y_test)]
    assert found == list(expected)
