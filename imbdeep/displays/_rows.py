"""Rows, columns and labels of any container, as the displays need them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils import _safe_indexing

from imbdeep.encoding import data_array, plain_labels, target_array
from imbdeep.encoding import image_shape_of as declared_shape
from imbdeep.encoding._columns import (
    factorize,
    is_missing,
    is_missing_key,
    read_numbers,
    spelled,
)

#: Numbers with more distinct values than this are continuous where nothing says otherwise.
_MAX_DISCRETE = 12


def fitted(estimator: Any, attribute: str) -> Any:
    """Return an attribute that fitting sets, or say what to do about its absence."""
    if hasattr(estimator, attribute):
        return getattr(estimator, attribute)
    advice = "call fit first."
    if not hasattr(estimator, "predict"):
        advice = (
            "call fit_resample first, on classes of different sizes (it trains nothing where no "
            "class lacks rows)."
        )
    raise NotFittedError(f"This {type(estimator).__name__} has no {attribute}: {advice}")


def fitted_classifier(estimator: Any, attribute: str, advice: str = "") -> Any:
    """Return an attribute or a method of a fitted classifier, or say why it is absent."""
    name = type(estimator).__name__
    if not hasattr(estimator, "classes_"):
        raise NotFittedError(
            f"This {name} is not fitted, or no classifier (it has no classes_): call fit first."
        )
    if not hasattr(estimator, attribute):
        raise AttributeError(f"This {name} has no {attribute}. {advice}".rstrip())
    return getattr(estimator, attribute)


def check_whole(value: Any, name: str, least: int = 1) -> None:
    """Raise unless a parameter is a whole number that is large enough."""
    if value < least or value != int(value):
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}.")


def as_rows(X: Any) -> Any:
    """Return a frame or an array; sparse rows become dense."""
    X = data_array(X)
    return X.toarray() if hasattr(X, "toarray") else X


def labels_of(y: Any) -> NDArray[Any]:
    """Return labels of any container as a vector; one-hot rows as their positions."""
    labels = target_array(y)
    if labels.ndim == 2:
        labels = labels.ravel() if labels.shape[1] == 1 else labels.argmax(axis=1)
    plain_labels(labels)  # raises for labels without an order, which no legend can sort
    return labels


def asked_labels(targets: Any, known: Any) -> list[Any]:
    """Return the classes that the user names, once each; a tuple may be one label."""
    several = isinstance(targets, list | tuple | np.ndarray)
    if not several or (isinstance(targets, tuple) and targets in list(known)):
        return [targets]
    return list(dict.fromkeys(labels_of(list(targets)).tolist()))


def labels_beside(X: Any, y: Any) -> NDArray[Any]:
    """Return labels as a vector, which must hold one for each row of X."""
    labels = labels_of(y)
    if labels.shape != (X.shape[0],):
        raise ValueError(f"X has {X.shape[0]} rows, y shape {labels.shape}: give one label a row.")
    return labels


def choose(X: Any, rows: NDArray[np.intp], n: int, stream: np.random.RandomState) -> Any:
    """Return up to n of these rows, drawn without replacement, in the order of the data."""
    if len(rows) > n:
        rows = np.sort(stream.choice(rows, n, replace=False))
    return _safe_indexing(X, rows)


def rows_of(labels: NDArray[Any], target: Any) -> NDArray[np.intp]:
    """Return the positions of the rows of a class, of which there must be one."""
    # One by one: a target that is a tuple would be compared by its items.
    rows = np.flatnonzero([label == target for label in labels.tolist()])
    if not len(rows):
        raise ValueError(
            f"No row of y is target={target!r}; its labels are {np.unique(labels).tolist()}."
        )
    return rows


def image_shape_of(estimator: Any, X: Any, *, needed: bool = False) -> Any:
    """Return (channels, height, width) where the rows are images, else None."""
    # A sampler may leave this parameter to the estimator that it was given.
    owners = estimator, getattr(estimator, "estimator_", None)
    shapes = [getattr(owner, "image_shape", None) for owner in owners]
    shape = declared_shape(X, next((shape for shape in shapes if shape is not None), None))
    if shape is None and needed:
        raise ValueError(
            f"X has shape {X.shape}: rows of a table are no pictures. See how they are "
            "distributed with SamplesDisplay.from_estimator, or pass images of shape "
            "(n, channels, height, width)."
        )
    return shape


def as_images(X: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return rows as images of shape (n, channels, height, width)."""
    array = np.asarray(as_rows(X))
    if array.ndim not in (2, 4) or math.prod(array.shape[1:]) != math.prod(shape):
        raise ValueError(
            f"The rows have shape {array.shape[1:]} and cannot be images of shape {tuple(shape)} "
            "(channels, height, width)."
        )
    return array.reshape(len(array), *shape)


def makes_features(estimator: Any, made: Any, shape: tuple[int, ...]) -> bool:
    """Tell whether what an estimator of images has made are features instead."""
    flagged = bool(getattr(estimator, "generates_features_", False))
    return flagged or math.prod(np.shape(made)[1:]) != math.prod(shape)


def names_of(X: Any, names: Any = None) -> list[str]:
    """Return the names of the columns: those given, those of a frame, or x0, x1, ..."""
    if names is None:
        names = X.columns if hasattr(X, "columns") else [f"x{j}" for j in range(X.shape[1])]
    names = [str(name) for name in names]
    if len(names) != X.shape[1]:
        raise ValueError(f"{len(names)} feature_names for {X.shape[1]} columns: give one each.")
    return names


def chosen_columns(features: Sequence[Any], names: list[str]) -> list[int]:
    """Return the positions of columns that are given by name or position."""
    place: dict[Any, int] = {name: j for j, name in enumerate(names)}
    place.update((j, j) for j in range(len(names)))
    if not len(features) or any(item not in place for item in features):
        more = ", ..." * (len(names) > 10)
        raise ValueError(
            f"features={features!r} must name columns of the table, of which there are "
            f"{len(names)}: {names[:10]}{more}"
        )
    return [place[item] for item in features]


def columns_of(X: Any) -> Iterator[Any]:
    """Yield the columns of a frame or an array one by one."""
    for j in range(X.shape[1]):
        if hasattr(X, "iloc"):
            yield X.iloc[:, j]
        else:
            yield X.to_series(j) if hasattr(X, "to_series") else X[:, j]


def cells_of(X: Any) -> NDArray[Any]:
    """Return the cells of a table as Python objects, None where missing."""
    table = np.empty(X.shape, dtype=object)
    for j, column in enumerate(columns_of(X)):
        cells = column.to_list() if hasattr(column, "to_list") else column.tolist()
        table[:, j] = [None if is_missing(cell) else cell for cell in cells]
    return table


def read_column(
    real: Any, generated: Any, name: str, kind: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], str, list[str] | None]:
    """Return a column of both tables as numbers, its kind, and its levels if the numbers are codes.

    ``kind`` is "continuous", or anything else for a column of few values; None finds out.
    """
    a, b = (_numbers(column, name) for column in (real, generated))
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
    parts = [factorize(column, name, mixed=False) for column in (real, generated)]
    used = {keys[k] for codes, keys in parts for k in np.unique(codes).tolist()}
    levels = [key for key in used if not is_missing_key(key)]
    try:
        levels.sort()
    except TypeError:  # levels of several types
        levels.sort(key=spelled)
    code = {level: float(i) for i, level in enumerate(levels)}
    a, b = (np.array([code.get(key, np.nan) for key in keys])[codes] for codes, keys in parts)
    return a, b, kind or "categorical", [spelled(level) for level in levels]


def read_tables(
    real: Any, generated: Any, kinds: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str], dict[int, list[str]]]:
    """Return two tables of the same columns as numbers, with the kinds and levels of these."""
    names = names_of(real)
    if len(real.shape) != 2 or names != names_of(generated):
        raise ValueError(
            f"The rows have the columns {names[:10]}, those that were made of them or generated "
            f"{names_of(generated)[:10]}: give rows of the same table."
        )
    pairs = zip(columns_of(real), columns_of(generated), strict=True)
    kinds = [None] * len(names) if kinds is None else kinds
    columns = [
        read_column(*pair, name, kind) for pair, name, kind in zip(pairs, names, kinds, strict=True)
    ]
    a, b, kinds, levels = zip(*columns, strict=True)
    known = {j: level for j, level in enumerate(levels) if level is not None}
    return np.column_stack(a), np.column_stack(b), list(kinds), known


def _numbers(column: Any, name: str) -> NDArray[np.float64] | None:
    """Return a column as floats with NaN for missing, None if it does not hold numbers."""
    found = read_numbers(column, name)
    if found is None:
        return None
    values, missing = found
    return values.astype(np.float64) if missing is None else np.where(missing, np.nan, values)
