"""Rows that several reproductions draw or make: of images, a stratified split, SMOTE's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from imbdeep.datasets import PROFILES, fetch
from imbdeep.datasets import draw_rows as drawn
from imbdeep.reproductions._runner import Task

#: Training rows of each digit: the schedule of RAE and GAMO.
MNIST_SIZES = PROFILES["mnist-4000-40"].counts
MNIST_SHAPE = (1, 28, 28)
CIFAR_SHAPE = (3, 32, 32)


def in_proportion(counts: NDArray[np.int64], most: int) -> list[int]:
    """Sizes of the classes when the largest keeps ``most`` rows: the same shares, two at least."""
    sizes = np.maximum(np.ceil(counts * min(1, most / counts.max())), 2)
    return [int(size) for size in sizes]


def mnist(folder: Path) -> tuple[tuple[NDArray[np.uint8], NDArray[np.int64]], ...]:
    """MNIST's training part and its test part: flat images and their digits."""
    return _parts("mnist", folder)


def fashion(folder: Path) -> tuple[tuple[NDArray[np.uint8], NDArray[np.int64]], ...]:
    """Fashion-MNIST's training part and its test part, in the form of MNIST's."""
    return _parts("fashion_mnist", folder)


def _parts(name: str, folder: Path) -> tuple[Any, ...]:
    return tuple(
        fetch(name, subset=subset, data_home=folder, return_X_y=True)
        for subset in ("train", "test")
    )


def cifar10(
    folder: Path, part: str, choose: Callable[[NDArray[np.int64]], NDArray[np.intp]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """CIFAR-10 from lossy JPEG files: the images of "train" or "test" that are chosen by class."""
    x, y = fetch(
        "cifar10", subset=part, source="jpeg", choose=choose, data_home=folder, return_X_y=True
    )
    return x.reshape(-1, *CIFAR_SHAPE), y


def stratified(
    x: NDArray[Any], minority: NDArray[np.bool_], seed: int, *, test_size: float
) -> Task:
    """A random split of a table of two classes, each class in its share."""
    y = minority.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=test_size, stratify=y, random_state=seed
    )
    return Task(x_train, y_train, x_test, y_test)


def fewer(task: Task, most: tuple[int, int] | None, seed: int) -> Task:
    """Fewer rows: so many training rows of the largest class, and test rows of each.

    The other classes keep their share of training rows, and two at least.
    """
    if most is None:
        return task
    random = np.random.default_rng(seed)
    counts = np.bincount(task.y_train)
    rows = drawn(task.y_train, in_proportion(counts, most[0]), random)
    test_rows = drawn(task.y_test, [most[1]] * len(counts), random)
    return Task(
        task.x_train[rows],
        task.y_train[rows],
        task.x_test[test_rows],
        task.y_test[test_rows],
        task.image_shape,
    )


def smote(
    x: NDArray[Any], y: NDArray[np.int64], seed: int, target: int | None = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Raise every smaller class to ``target`` rows, by interpolation with up to 5 neighbours.

    The target is the mean class size where none is given. A class of one row is repeated.
    """
    flat = x.reshape(len(x), -1).astype(np.float32)  # of bytes the differences would wrap around
    counts = np.bincount(y)
    random = np.random.default_rng(seed)
    if target is None:
        target = round(len(y) / len(counts))
    rows, labels = [x], [y]
    for code in np.flatnonzero(counts < target):
        if counts[code] == 1:
            made = flat[y == code].repeat(target - 1, axis=0)
        else:
            sampler = SMOTE(
                sampling_strategy={code: target},
                k_neighbors=min(5, counts[code] - 1),
                random_state=int(random.integers(2**31)),
            )
            made = sampler.fit_resample(flat, y)[0][len(y) :]
        whole = np.rint(made) if np.issubdtype(x.dtype, np.integer) else made
        rows.append(whole.astype(x.dtype).reshape(-1, *x.shape[1:]))
        labels.append(np.full(len(made), code))
    return np.concatenate(rows), np.concatenate(labels)
