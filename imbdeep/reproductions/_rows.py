"""Rows of the reproductions: what a trial holds, where it is loaded from, how it is drawn."""

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

#: Training rows of each class, of MNIST in RAE, GAMO and M2m, of CIFAR-10 in RAE and GAMO.
MNIST_SIZES = PROFILES["mnist-4000-40"].counts
CIFAR_SIZES = PROFILES["cifar10-4500-80"].counts
_MNIST_SHAPE, _CIFAR_SHAPE = (1, 28, 28), (3, 32, 32)
_HELD_OUT = 0.1


class NotAtHandError(Exception):
    """The rows of a data set cannot be had, and why; its table stays without our numbers."""


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


def loaded(load: Callable[..., Any], *arguments: Any) -> Any:
    """What a loader returns; :class:`NotAtHandError` where its files are not."""
    try:
        return load(*arguments)
    except (OSError, ModuleNotFoundError) as error:
        raise NotAtHandError(" ".join(str(error).split())) from error


def absent(what: str) -> Callable[..., Any]:
    """The loader of a data set that ``imbdeep.datasets`` does not have."""

    def load(*_: Any) -> Any:
        raise NotAtHandError(f"{what} is not among the data sets of imbdeep.datasets.")

    return load


def table(name: str, folder: Path | None, seed: int, *, test_size: float, **options: Any) -> Task:
    """A table of two classes, split at random by the seed, each class in its share."""
    x, y = fetch(name, data_home=folder, return_X_y=True, **options)
    y = (y == 1).astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=test_size, stratify=y, random_state=seed
    )
    return Task(x_train, y_train, x_test, y_test)


def _images(
    name: str, folder: Path | None, part: str, choose: Callable[[NDArray[Any]], NDArray[np.intp]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The images of a part of MNIST, Fashion-MNIST or CIFAR-10 that are chosen by their classes."""
    if name == "cifar10":  # lossy JPEG files; only what is chosen is decoded
        x, y = fetch(
            name, subset=part, source="jpeg", choose=choose, data_home=folder, return_X_y=True
        )
        return x.reshape(-1, *_CIFAR_SHAPE), y
    x, y = fetch(name, subset=part, data_home=folder, return_X_y=True)
    rows = choose(y)
    return x[rows], y[rows]


def images(
    name: str,
    folder: Path | None,
    seed: int,
    *,
    sizes: Sequence[int],
    n_test: int | None = None,
    n_choice: int | None = None,
    hold_out: bool = False,
) -> Task:
    """Images in classes of these sizes, drawn by the seed, and the whole test part.

    ``n_test`` draws so many test images of each class. ``n_choice`` takes so many of each class
    from the training part in the place of the test part, none of them a training row. ``hold_out``
    takes a tenth of the training rows to choose by.
    """
    random = np.random.default_rng(seed)
    x, y = _images(name, folder, "train", lambda y: drawn(y, sizes, random))

    def others(y: NDArray[np.int64]) -> NDArray[np.intp]:
        again = np.random.default_rng(seed)
        rest = np.setdiff1d(np.arange(len(y)), drawn(y, sizes, again))
        return rest[drawn(y[rest], [n_choice or 0] * len(sizes), again)]

    if n_choice:
        test = _images(name, folder, "train", others)
    elif n_test:
        test = _images(name, folder, "test", lambda y: drawn(y, [n_test] * len(sizes), random))
    else:
        test = _images(name, folder, "test", lambda y: np.arange(len(y)))
    # Images of CIFAR-10 have their shape; those of MNIST are flat.
    shape = _CIFAR_SHAPE if name == "cifar10" else _MNIST_SHAPE
    if not hold_out:
        return Task(x, y, *test, shape)
    valid = held_out(y, random)
    return Task(x[~valid], y[~valid], *test, shape, x[valid], y[valid])


def held_out(y: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.bool_]:
    """Mark a tenth of every class, rounded half up: 15 rows give 2, 4 give none."""
    mask = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        mask[random.permutation(rows)[: int(_HELD_OUT * len(rows) + 0.5)]] = True
    return mask


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
    shares = np.maximum(np.ceil(counts * min(1, most[0] / counts.max())), 2).astype(int)
    parts = ["train", "test"] if task.x_valid is None else ["train", "valid", "test"]
    sizes = [shares.tolist(), *([n] * len(counts) for n in most[1:])]
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
