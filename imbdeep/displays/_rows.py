"""Rows and columns of whatever container the sampler was fitted on, as plain arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils import _safe_indexing, check_random_state

#: Numbers with more distinct values than this are continuous where nothing says otherwise.
_MAX_DISCRETE = 12


def fitted(sampler: Any, attribute: str) -> Any:
    """Return a fitted attribute, or say what to do about its absence."""
    if not hasattr(sampler, attribute):
        advice = "call fit first."
        if not hasattr(sampler, "predict"):
            advice = (
                "call fit_resample first, on classes of different sizes (it trains nothing where "
                "no class lacks rows)."
            )
        raise NotFittedError(f"This {type(sampler).__name__} has no {attribute}: {advice}")
    return getattr(sampler, attribute)


def stream_of(random_state: Any) -> np.random.RandomState:
    """Return a stream; None is a fresh one, so that pictures leave numpy's global stream alone."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def new_seed(stream: np.random.RandomState) -> int:
    return int(stream.randint(np.iinfo(np.int32).max))


def labels_of(y: Any) -> NDArray[Any]:
    """Return labels of any container as a vector; one-hot rows as their positions."""
    if hasattr(y, "detach"):
        y = y.detach().cpu()
    labels = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if labels.ndim == 2:
        return labels.ravel() if labels.shape[1] == 1 else labels.argmax(axis=1)
    return labels


def as_rows(X: Any) -> Any:
    """Return frames and arrays as they are, and tensors, lists and sparse rows as arrays."""
    if hasattr(X, "detach"):
        X = X.detach().cpu()
        # numpy has no bfloat16.
        return (X.float() if str(X.dtype) == "torch.bfloat16" else X).numpy()
    if hasattr(X, "toarray"):
        return X.toarray()
    if isinstance(X, list | tuple):
        array = np.asarray(X)
        # As the sampler does: cells of several types keep them.
        mixed = array.ndim == 2 and len({type(cell) for row in X for cell in row}) > 1
        return np.asarray(X, dtype=object) if mixed or array.dtype.kind in "US" else array
    return X


def choose(X: Any, rows: NDArray[np.intp], n: int, stream: np.random.RandomState) -> Any:
    """Return up to n of these rows, drawn without replacement, in the order of the data."""
    if len(rows) > n:
        rows = np.sort(stream.choice(rows, n, replace=False))
    return _safe_indexing(X, rows)


def rows_of(labels: NDArray[Any], target: Any) -> NDArray[np.intp]:
    """Return the positions of the rows of a class, of which there must be one."""
    rows = np.flatnonzero(labels == target)
    if not len(rows):
        raise ValueError(
            f"No row of y is target={target!r}; its labels are {np.unique(labels).tolist()}."
        )
    return rows


def image_shape_of(sampler: Any, X: Any) -> tuple[int, int, int] | None:
    """Return (channels, height, width) where the rows are images, else None."""
    if getattr(X, "ndim", 2) == 4:
        return tuple(X.shape[1:])
    # A sampler may leave this parameter to the estimator that it was given.
    owners = sampler, getattr(sampler, "estimator_", None)
    shapes = (getattr(owner, "image_shape", None) for owner in owners)
    return next((tuple(shape) for shape in shapes if shape is not None), None)


def makes_features(estimator: Any, made: Any, shape: tuple[int, ...]) -> bool:
    """Tell whether what an estimator of images has made are features instead."""
    told = bool(getattr(estimator, "generates_features_", False))
    return told or math.prod(np.shape(made)[1:]) != math.prod(shape)


def as_images(X: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return rows as images of shape (n, channels, height, width)."""
    array = np.asarray(as_rows(X))
    if array.ndim not in (2, 4) or math.prod(array.shape[1:]) != math.prod(shape):
        raise ValueError(
            f"The rows have shape {array.shape[1:]} and cannot be images of shape {tuple(shape)} "
            "(channels, height, width)."
        )
    return array.reshape(len(array), *shape)


def names_of(X: Any) -> list[str]:
    """Return the names of the columns, of an array those that scikit-learn would make up."""
    if hasattr(X, "columns"):
        return [str(name) for name in X.columns]
    return [f"x{j}" for j in range(X.shape[1])]


def columns_of(X: Any) -> Iterator[Any]:
    """Yield the columns of a frame or an array one by one."""
    for j in range(X.shape[1]):
        if hasattr(X, "iloc"):
            yield X.iloc[:, j]
        else:
            yield X.to_series(j) if hasattr(X, "to_series") else X[:, j]


def read_column(
    real: Any, generated: Any, name: str, kind: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], str, list[str] | None]:
    """Return a column of both tables as numbers, its kind, and its levels if the numbers are codes.

    Parameters
    ----------
    real, generated : ndarray, pandas Series or polars Series
    name : str
        Name of the column in errors.
    kind : str or None
        "continuous", or anything else for a column of few values; None finds out.
    """
    numbers = [_numbers(column) for column in (real, generated)]
    a, b = numbers
    if a is not None and b is not None and kind != "categorical":
        if kind is None:
            both = np.concatenate([a, b])
            n_distinct = len(np.unique(both[~np.isnan(both)]))
            kind = "continuous" if n_distinct > _MAX_DISCRETE else "discrete"
        return a, b, kind, None
    if kind == "continuous":
        raise ValueError(
            f"Column {name!r} is said to be continuous, but holds values that are no numbers: name "
            "another kind, such as 'categorical'."
        )
    cells = [_cells(real), _cells(generated)]
    levels = list(dict.fromkeys(cell for part in cells for cell in part if cell is not None))
    try:
        levels.sort()
    except TypeError:  # levels of several types
        levels.sort(key=str)
    code = {level: float(i) for i, level in enumerate(levels)} | {None: np.nan}
    a, b = (np.array([code[cell] for cell in part], dtype=np.float64) for part in cells)
    return a, b, kind or "categorical", [str(level) for level in levels]


def _numbers(column: Any) -> NDArray[np.float64] | None:
    """Return a column as floats with NaN for missing, None if it does not hold numbers."""
    dtype = column.dtype
    if hasattr(dtype, "is_numeric"):  # polars
        return np.asarray(column.to_numpy(), dtype=np.float64) if dtype.is_numeric() else None
    if dtype.kind in "iuf":
        if isinstance(column, np.ndarray):
            return column.astype(np.float64)
        values: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values
    if dtype.kind != "O" or hasattr(column, "cat"):
        return None
    cells = _cells(column)
    if any(isinstance(c, bool) or not isinstance(c, int | float | None) for c in cells):
        return None
    return np.array([np.nan if c is None else float(c) for c in cells], dtype=np.float64)


def _cells(column: Any) -> list[Any]:
    """Return the values of a column as Python objects, None where missing."""
    cells = column.to_list() if hasattr(column, "to_list") else column.tolist()
    return [None if type(c).__name__ in ("NAType", "NaTType") or c != c else c for c in cells]
