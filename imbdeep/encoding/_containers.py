"""What the user hands in: any container of rows and labels, and whether its rows can be images."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray


def data_array(X: Any) -> Any:
    """Return tensors and lists as arrays, and any other container as it is.

    Parameters
    ----------
    X : array-like, sparse matrix, DataFrame or torch.Tensor
        Rows or images, one a sample.

    Returns
    -------
    ndarray, sparse matrix or DataFrame
        A tensor comes back as an array on the processor, without its gradient; ``bfloat16``, which
        numpy lacks, as ``float32``. A list whose cells are of several types, or words, becomes an
        array of objects, because a common dtype would turn ``[1, "a"]`` into two words.

    Raises
    ------
    TypeError
        If ``X`` is a polars LazyFrame.

    Examples
    --------
    >>> from imbdeep.encoding import data_array
    >>> data_array([[1, "a"], [2, "b"]])
    array([[1, 'a'],
           [2, 'b']], dtype=object)
    """
    if _is_tensor(X):
        X = X.detach().cpu()
        return (X.float() if str(X.dtype) == "torch.bfloat16" else X).numpy()
    if isinstance(X, list | tuple):
        array = np.asarray(X)
        mixed = array.ndim == 2 and len({type(cell) for row in X for cell in row}) > 1
        return np.asarray(X, dtype=object) if mixed or array.dtype.kind in "US" else array
    refuse_lazy_frame(X)
    return X


def refuse_lazy_frame(X: Any) -> None:
    """Raise if ``X`` is a polars LazyFrame, a query without rows."""
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, which holds no rows yet: pass X.collect().")


def _is_tensor(container: Any) -> bool:
    # By its methods: this room does without torch.
    return hasattr(container, "detach") and hasattr(container, "cpu")


def target_array(y: Any) -> NDArray[Any]:
    """Return labels as an array that scikit-learn's checks of targets understand.

    Parameters
    ----------
    y : array-like, Series, DataFrame or torch.Tensor
        Labels of any kind.

    Returns
    -------
    ndarray
        The labels. Objects of which all are integers, or all booleans, become a plain array of
        such: older versions of pandas hand out nullable labels as objects.

    Examples
    --------
    >>> import pandas as pd
    >>> from imbdeep.encoding import target_array
    >>> target_array(pd.Series([1, 0, 1], dtype="Int64"))
    array([1, 0, 1])
    """
    if _is_tensor(y):
        return data_array(y)
    array = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if array.dtype.kind == "O" and array.ndim == 1 and hasattr(y, "dtype"):
        # Nullable integers and booleans may come as objects: their values tell the plain dtype.
        plain = np.asarray(array.tolist())
        if plain.dtype.kind in "iub":
            return plain
    return array


def refuse_missing_labels(labels: NDArray[Any]) -> None:
    """Raise if a label is None, NaN or NA.

    Parameters
    ----------
    labels : ndarray
        Labels, from :func:`target_array`.

    Raises
    ------
    ValueError
        If one is missing.
    """
    # The last is for pandas' NA, of which any comparison is NA.
    if (
        labels.ndim
        and labels.dtype.kind in "fO"
        and any(v is None or type(v).__name__ == "NAType" or v != v for v in labels.flat)
    ):
        raise ValueError(
            "y holds missing labels: drop those rows, or give them a label of their own."
        )


def is_frame(X: Any) -> bool:
    """Tell whether ``X`` is a table with named columns, each of a dtype of its own.

    Parameters
    ----------
    X : any object
        The container.

    Returns
    -------
    bool
        True for the frames of pandas and polars.
    """
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def image_shape_of(
    data: Any, image_shape: tuple[int, int, int] | None
) -> tuple[int, int, int] | None:
    """Return what a row is when the rows are images, None when they are a table.

    Parameters
    ----------
    data : ndarray, sparse matrix or DataFrame
        Rows that :func:`check_shape` took.
    image_shape : tuple of (channels, height, width) or None
        What the user says of flattened images.

    Returns
    -------
    tuple of (channels, height, width) or None
        That of four-dimensional rows themselves, else ``image_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.encoding import image_shape_of
    >>> image_shape_of(np.zeros((10, 3, 8, 8)), None)
    (3, 8, 8)
    """
    shape = data.shape[1:] if isinstance(data, np.ndarray) and data.ndim == 4 else image_shape
    if shape is None:
        return None
    channels, height, width = shape
    return channels, height, width


def check_shape(data: Any, image_shape: tuple[int, int, int] | None) -> None:
    """Raise if ``data`` is neither a table nor images, or not images of ``image_shape``.

    Parameters
    ----------
    data : ndarray, sparse matrix or DataFrame
        Rows, from :func:`data_array`.
    image_shape : tuple of (channels, height, width) or None
        What each row is when it is a flattened image; None where the rows of a two-dimensional
        ``data`` are no images.

    Raises
    ------
    ValueError
        If an array has other than two or four dimensions, if its images hold no values, or if
        ``image_shape`` is no three positive integers or does not fit the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.encoding import check_shape
    >>> check_shape(np.zeros((10, 64)), image_shape=(1, 8, 8))
    """
    if isinstance(data, np.ndarray) and data.ndim not in (2, 4):
        raise ValueError(
            f"X has shape {data.shape}: tables are (n_samples, n_features) and images "
            "(n_samples, channels, height, width); grey images need X[:, None]."
        )
    if isinstance(data, np.ndarray) and data.ndim == 4 and not math.prod(data.shape[1:]):
        raise ValueError(f"X has shape {data.shape}: its images have no values.")
    if image_shape is None:
        return
    shape = tuple(image_shape)
    if len(shape) != 3 or not all(isinstance(s, Integral) and s > 0 for s in shape):
        raise ValueError(
            f"image_shape={image_shape!r} must be three positive integers: (channels, "
            "height, width)."
        )
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiub":
        raise ValueError(
            "image_shape says that rows are images, but X is no numeric array: pass "
            "X.to_numpy() (or X.toarray()), or leave image_shape out."
        )
    row = data.shape[1:]
    if row != shape and (len(row) == 3 or row[0] != math.prod(shape)):
        raise ValueError(
            f"image_shape={shape} does not fit X of shape {data.shape}: give the (channels, "
            "height, width) of a row, or leave it out where X is four-dimensional."
        )
