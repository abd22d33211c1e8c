"""The data sets of GAMO: counts of the real files where they are, rules on small made-up ones."""

import numpy as np
import pytest

from imbdeep.reproductions import _gamo_data, _rae_data
from imbdeep.reproductions._gamo_data import (
    CIFAR_SIZES,
    cifar10_long_tailed,
    isolet,
    mnist_long_tailed,
    webpage,
)
from imbdeep.reproductions._rows import MNIST_SIZES, Task, development

IMAGES = (mnist_long_tailed, cifar10_long_tailed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_mnist, write_cifar):
    """Few images, in files like the real ones."""
    root = tmp_path_factory.mktemp("data")
    write_mnist(root / "mnist", 30, 9)
    write_cifar(root / "cifar10_jpeg")
    return root


@pytest.fixture(autouse=True)
def few(monkeypatch, request):
    """As many rows as the small files can give; the real files keep the real numbers."""
    if "folder" in request.fixturenames:
        for module, name, sizes in (
            (_gamo_data, "MNIST_SIZES", (20, 10, 5, 4, 4, 3, 3, 2, 2, 2)),
            (_gamo_data, "CIFAR_SIZES", (14, 10, 5, 4, 4, 3, 3, 2, 2, 2)),
        ):
            monkeypatch.setattr(module, name, sizes)
        monkeypatch.setattr(_gamo_data, "MNIST_CHOICE", 6)
        monkeypatch.setattr(_gamo_data, "CIFAR_CHOICE", 5)


def counts(task):
    return np.bincount(task.y_train).tolist(), np.bincount(task.y_test).tolist()


def bytes_of(x):
    return {row.tobytes() for row in x}


def test_sizes_are_the_papers():
    assert MNIST_SIZES == (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
    assert MNIST_SIZES[0] / MNIST_SIZES[-1] == 100  # section 4.1
    assert CIFAR_SIZES == (4500, 2000, 1000, 800, 600, 500, 400, 250, 150, 80)
    assert CIFAR_SIZES[0] / CIFAR_SIZES[-1] == 56.25  # section 4.2


@pytest.mark.parametrize("real", ["mnist"], indirect=True)
def test_mnist_has_the_sizes_of_the_paper(real):
    task = mnist_long_tailed(real, 0)
    assert counts(task)[0] == list(MNIST_SIZES)
    assert len(task.y_test) == 10_000
    assert task.image_shape == (1, 28, 28)
    choice = mnist_long_tailed(real, 0, choosing=True)
    assert counts(choice) == (list(MNIST_SIZES), [1000] * 10)
    np.testing.assert_array_equal(choice.x_train, task.x_train)
    assert not bytes_of(choice.x_test) & bytes_of(task.x_train)


@pytest.mark.parametrize("real", ["cifar10_jpeg"], indirect=True)
def test_cifar_has_the_sizes_of_the_paper(real):
    """The file has enough of every class, in the official order."""
    choice = cifar10_long_tailed(real, 0, choosing=True)
    assert counts(choice) == (list(CIFAR_SIZES), [400] * 10)
    assert choice.x_train.shape[1:] == (3, 32, 32)


@pytest.mark.parametrize("load", IMAGES)
def test_the_whole_test_part_is_scored(folder, load):
    task = load(folder, 0)
    n_test = 9 if load is mnist_long_tailed else 6
    assert counts(task)[1] == [n_test] * 10
    other = load(folder, 1)
    np.testing.assert_array_equal(task.x_test, other.x_test)
    assert not np.array_equal(task.x_train, other.x_train)


@pytest.mark.parametrize("load", IMAGES)
def test_rows_to_choose_by_are_training_images_that_were_not_drawn(folder, load):
    task, choice = load(folder, 0), load(folder, 0, True)
    np.testing.assert_array_equal(choice.x_train, task.x_train)
    np.testing.assert_array_equal(choice.y_train, task.y_train)
    n_each = 6 if load is mnist_long_tailed else 5
    assert counts(choice)[1] == [n_each] * 10
    assert choice.image_shape == task.image_shape
    assert not bytes_of(choice.x_test) & bytes_of(task.x_train)
    if load is mnist_long_tailed:
        assert not bytes_of(choice.x_test) & bytes_of(task.x_test)
        np.testing.assert_array_equal(choice.x_test[:, 0], choice.y_test)
    else:
        red = choice.x_test[:, 0].mean(axis=(1, 2))
        np.testing.assert_allclose(red, 25 * choice.y_test, atol=6)


@pytest.mark.parametrize("load", [isolet, webpage])
def test_tables_are_those_of_rae(load, monkeypatch):
    y = np.repeat([0, 1], [30, 10])
    task = Task(np.arange(40.0)[:, None], y, np.arange(8.0)[:, None], y[::5])
    monkeypatch.setattr(_rae_data, load.__name__, lambda folder, seed: task)
    assert load(None, 5) is task
    choice, expected = load(None, 5, True), development(task, 5)
    for part, its in zip(choice[:4], expected[:4], strict=True):
        np.testing.assert_array_equal(part, its)
