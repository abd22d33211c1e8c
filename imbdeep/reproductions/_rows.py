"""Rows of the reproductions: what a trial holds, how they are drawn, split and made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from imbdeep.datasets import PROFILES, fetch
from imbdeep.datasets import draw_rows as drawn

#: Training rows of each digit: the schedule of RAE and GAMO.
MNIST_SIZES = PROFILES["mnist-4000-40"].counts
MNIST_SHAPE = (1, 28, 28)
CIFAR_SHAPE = (3, 32, 32)


class Task(NamedTuple):
    """Rows as they come from the file, split: to train and to test on, and some to choose by.

    Of two classes the minority is 1; of many, 0 is the largest in most tasks.
    """

    x_train: NDArray[Any]
    y_train: NDArray[np.int64]
    x_test: NDArray[Any]
    y_test: NDArray[np.int64]
    image_shape: tuple[int, int, int] | None = None
    x_valid: Any = None
    y_valid: Any = None

    def sizes(self) -> str:
        """How many rows there are of each class: a sentence for below a table."""
        counts = (", ".join(map(str, np.bincount(y).tolist())) for y in (self.y_train, self.y_test))
        return "Rows by class, in each trial: trained {}; scored {}.".format(*counts)


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


def development(task: Task, seed: int) -> Task:
    """The training part split again, for choices: the test part is left out."""
    x_train, x_test, y_train, y_test = train_test_split(
        task.x_train, task.y_train, test_size=0.3, stratify=task.y_train, random_state=seed
    )
    return Task(x_train, y_train, x_test, y_test, task.image_shape)


def fewer(task: Task, most: Sequence[int] | None, seed: int) -> Task:
    """Fewer rows: so many training rows of the largest class, and of each to choose by and test on.

    The other classes keep their share of training rows, and two at least.
    """
    if most is None:
        return task
    random = np.random.default_rng(seed)
    counts = np.bincount(task.y_train)
    parts = ["train", "test"] if task.x_valid is None else ["train", "valid", "test"]
    sizes = [in_proportion(counts, most[0]), *([n] * len(counts) for n in most[1:])]
    for part, of_part in zip(parts, sizes, strict=True):
        x, y = getattr(task, f"x_{part}"), getattr(task, f"y_{part}")
        rows = drawn(y, of_part, random)
        task = task._replace(**{f"x_{part}": x[rows], f"y_{part}": y[rows]})
    return task


def raised(
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
