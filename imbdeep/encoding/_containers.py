"""What the user hands in: any container of rows and labels, and whether its rows can be images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._columns import is_missing


def data_array(X: Any, image_shape: Any = None) -> Any:
    """Return tensors, lists, masked arrays and Arrow tables as containers that hold missing values.

    A tensor becomes an array on the processor, ``bfloat16``, which numpy lacks, as ``float32``. A
    list whose cells are of several types, or words, becomes an array of objects, because a common
    dtype would turn ``[1, "a"]`` into two words. Masked cells become NaN, or None where the dtype
    has no NaN. A table or record batch of pyarrow becomes a pandas frame of the same types. Masked
    pixels (four dimensions, or flattened images of `image_shape`) are refused.
    """
    if _is_tensor(X):
        X = X.detach().cpu()
        return (X.float() if str(X.dtype) == "torch.bfloat16" else X).numpy()
    if isinstance(X, list | tuple):
        X = _stacked(X)
    if isinstance(X, np.ma.MaskedArray):
        if image_shape is not None or X.ndim > 2:
            refuse_masked_images(X)
        return _unmasked(X)
    if is_arrow(X):
        return _arrow_frame(X)
    refuse_lazy_frame(X)
    return X


def _stacked(X: Sequence[Any]) -> Any:
    """Return a list of rows as an array."""
    kinds = set(map(type, X))
    for kind in kinds:
        if hasattr(kind, "to_numpy") or issubclass(kind, dict):
            raise TypeError(
                f"X is a list of {kind.__name__}: pass one table of them, pandas.DataFrame(X) or "
                "polars.DataFrame(X), or a list of arrays or lists."
            )
    if any(map(_is_tensor, X)):
        X = [data_array(row) if _is_tensor(row) else row for row in X]
    if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
        return np.ma.stack(X)
    array = np.asarray(X)
    if array.ndim == 2 and array.dtype.kind not in "US" and kinds != {np.ndarray}:
        mixed = len({type(cell) for row in X for cell in row}) > 1
    else:
        mixed = array.dtype.kind in "US"
    return np.asarray(X, dtype=object) if mixed else array


def _unmasked(X: Any) -> NDArray[Any]:
    """Return a masked array as one in which the masked cells are missing."""
    if not np.ma.is_masked(X):
        return X.data
    if X.dtype.kind == "f":
        return X.filled(np.nan)
    cells = X.data.astype(object)
    cells[np.ma.getmaskarray(X)] = None
    return cells


def refuse_masked_images(X: Any) -> None:
    """Raise if pixels are masked: images have no missing values."""
    if np.ma.is_masked(X):
        raise ValueError(
            f"X is a masked array of images, {np.ma.count_masked(X)} of whose pixels are masked, "
            "and images cannot have missing pixels: fill them first, X.filled(0) for instance, or "
            "leave those images out."
        )


def is_arrow(X: Any) -> bool:
    """Tell whether ``X`` is a table or a record batch of pyarrow."""
    # By what it can do: pyarrow need not be installed.
    return all(hasattr(type(X), name) for name in ("schema", "to_pandas", "from_pandas"))


def _arrow_frame(X: Any) -> Any:
    """Return a table of pyarrow as a pandas frame whose columns are arrow arrays."""
    import pandas as pd

    for j, field in enumerate(X.schema):
        if str(field.type) == "string_view":  # of which arrow cannot take rows
            X = X.set_column(j, field.name, X.column(j).cast("large_string"))
    return X.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


def in_container(like: Any, rows: Any) -> Any:
    """Return decoded rows in the container of ``like``, of which :func:`data_array` made another.

    Masked arrays get missing cells masked again; rows of other containers come back as they are.
    """
    if isinstance(like, np.ma.MaskedArray):
        missing = _missing_cells(rows)
        cells = rows.copy()
        cells[missing] = like.dtype.type()
        return np.ma.MaskedArray(cells.astype(like.dtype), missing if missing.any() else False)
    if is_arrow(like):
        return type(like).from_pandas(rows, preserve_index=False).cast(like.schema)
    return rows


def _missing_cells(cells: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which cells of an array are None, NaN, NaT or NA."""
    if cells.dtype.kind in "fcmM":
        return cells != cells
    if cells.dtype.kind != "O":
        return np.zeros(cells.shape, dtype=bool)
    return np.fromiter(map(is_missing, cells.flat), dtype=bool, count=cells.size).reshape(
        cells.shape
    )


def refuse_lazy_frame(X: Any) -> None:
    """Raise if ``X`` is a polars LazyFrame, a query without rows."""
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, which holds no rows yet: pass X.collect().")


def _is_tensor(container: Any) -> bool:
    # By its methods: this room does without torch.
    return hasattr(container, "detach") and hasattr(container, "cpu")


def target_array(y: Any) -> NDArray[Any]:
    """Return labels of any container as an array.

    Objects of which all are numbers or booleans become a plain array of such; what has no dtype of
    its own in numpy, or would lose its type in a common one, becomes an array of objects, masked
    labels None. Nanoseconds become microseconds where none is lost.
    """
    if _is_tensor(y):
        return data_array(y)
    array = _label_array(y)
    if array.dtype.kind == "O":
        cells = array.ravel().tolist()
        if all(isinstance(cell, int | float | np.bool_ | np.number) for cell in cells):
            plain = np.asarray(cells)
            if plain.dtype.kind in "iubf" and plain.tolist() == cells:
                return plain.reshape(array.shape)
    if array.dtype.kind in "mM" and np.datetime_data(array.dtype)[0] == "ns":
        # Python's own types have microseconds: labels can then be listed and compared with them.
        coarse = array.astype(f"{array.dtype.kind}8[us]")
        return coarse if (coarse == array).all() else array
    return array


def _label_array(y: Any) -> NDArray[Any]:
    if type(y).__name__ == "MultiIndex":
        raise TypeError(
            "y is a MultiIndex, whose labels have several levels: pass one of them, "
            "y.get_level_values(0), or a list of joined names."
        )
    if isinstance(y, np.ma.MaskedArray):
        if not np.ma.is_masked(y):
            return _label_array(y.data)
        cells = y.data.astype(object)
        cells[np.ma.getmaskarray(y)] = None
        return cells
    if isinstance(y, list | tuple):
        return _listed(y)
    if hasattr(y, "toarray"):
        return np.asarray(y.toarray())
    y = data_array(y) if is_arrow(y) else y
    if hasattr(y, "to_pylist"):
        return np.fromiter(y.to_pylist(), dtype=object, count=len(y))
    try:
        array = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    except NotImplementedError as error:
        raise TypeError(
            f"y has dtype {getattr(y, 'dtype', '')}, which cannot be read ({error}): convert it, "
            "e.g. pandas.Series(y.tolist())."
        ) from error
    return array.astype(object) if array.dtype.kind == "T" else array


def _listed(y: Sequence[Any]) -> NDArray[Any]:
    """Return a list of labels as an array, of objects where a common dtype would change them."""
    y = [data_array(label) if _is_tensor(label) else label for label in y]
    kinds = set(map(type, y))
    if any(issubclass(kind, tuple) for kind in kinds):
        cells = [cell for label in y for cell in label]
        # Tuples of numbers are one-hot rows.
        own = not all(isinstance(cell, int | float | np.number | np.bool_) for cell in cells)
        own = own and any(len(label) > 1 for label in y)
    else:
        plain = (bool, int, float, str, np.generic, list, np.ndarray)
        words = {issubclass(kind, str) for kind in kinds}
        own = len(words) > 1 or not all(
            kind in plain or issubclass(kind, np.generic | np.ndarray) for kind in kinds
        )
    return np.fromiter(y, dtype=object, count=len(y)) if own else np.asarray(y)


def refuse_missing_labels(labels: NDArray[Any]) -> None:
    """Raise if a label, from :func:`target_array`, is None, NaN, NaT or NA."""
    if labels.ndim and _missing_cells(labels).any():
        raise ValueError(
            "y holds missing labels: drop those rows, or give them a label of their own."
        )


def position_of(label: Any, classes: NDArray[Any]) -> int | None:
    """Return where a label stands among the classes.

    Parameters
    ----------
    label : object
        A label as a user writes it: a Python or numpy value, for dates a string too.
    classes : ndarray of shape (n_classes,)
        The classes of an estimator, its ``classes_``.

    Returns
    -------
    int or None
        Its place from 0, or None where it is none of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.encoding import position_of
    >>> position_of("2024-05-01", np.array(["2023-01-01", "2024-05-01"], dtype="M8[D]"))
    1
    """
    if isinstance(label, np.ndarray) and label.ndim:
        return None
    try:
        if classes.dtype.kind in "mM":  # pandas, numpy and Python each have dates of their own
            return classes.tolist().index(np.asarray(label, dtype=classes.dtype).tolist())
        return classes.tolist().index(label)
    except (TypeError, ValueError):  # not there, or of a kind that cannot be compared
        return None


def plain_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels that scikit-learn's checks and metrics of classes understand.

    Numbers, booleans and words themselves; of all other labels (dates, intervals, decimals, tuples,
    bytes, ...) the ranks among the sorted ones. Labels without an order are refused.
    """
    if labels.dtype.kind in "biufcU" or labels.ndim not in (1, 2) or not labels.size:
        return labels
    examples = {type(label): label for label in labels[::-1].flat}
    words = {issubclass(kind, str) for kind in examples}
    if words == {True}:
        return labels
    if len(labels) != labels.size:
        raise ValueError(
            f"Multilabel and multioutput targets are not supported: y has shape {labels.shape}, "
            "and its cells are neither numbers nor booleans. Pass one column of labels."
        )
    try:
        if len(words) > 1:
            raise TypeError("words and others")
        values, codes = np.unique(labels, return_inverse=True)
        if len(values) > len(set(values.tolist())) or (values[1:] < values[:-1]).any():
            raise TypeError("not all of them can be compared")
    except (TypeError, ValueError) as error:
        found = ", ".join(f"{kind.__name__}, e.g. {v!r}" for kind, v in examples.items())
        several = "labels of several types" if len(examples) > 1 else "labels"
        raise TypeError(
            f"y holds {several} ({found}), which have no order: make all of them strings, "
            "y.astype(str) or [str(label) for label in y]."
        ) from error
    return codes.reshape(labels.shape)


def is_frame(X: Any) -> bool:
    """Tell whether ``X`` is a table with named columns: a frame of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def image_shape_of(
    data: Any, image_shape: tuple[int, int, int] | None
) -> tuple[int, int, int] | None:
    """Return (channels, height, width) where the rows of ``data`` are images, else None."""
    shape = data.shape[1:] if isinstance(data, np.ndarray) and data.ndim == 4 else image_shape
    if shape is None:
        return None
    channels, height, width = shape
    return channels, height, width


def check_shape(data: Any, image_shape: tuple[int, int, int] | None) -> None:
    """Raise if ``data`` is neither a table nor images, or not images of ``image_shape``."""
    if isinstance(data, np.ndarray) and data.ndim not in (2, 4):
        raise ValueError(
            f"X has shape {data.shape}: tables are (n_samples, n_features) and images "
            "(n_samples, channels, height, width); grey images need X[:, None]."
        )
    if isinstance(data, np.ndarray) and data.ndim == 4 and not math.prod(data.shape[1:]):
        raise ValueError(f"X has shape {data.shape}: its images have no values.")
    if image_shape is None:
        if isinstance(data, np.ndarray) and data.ndim == 4:
            _refuse_channels_last(data.shape)
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


def _refuse_channels_last(shape: tuple[int, ...]) -> None:
    """Raise for (n, height, width, channels), read as (n, channels, height, width) else."""
    few = (1, 3, 4)
    if shape[3] in few and shape[1] not in few and min(shape[1], shape[2]) > shape[3]:
        raise ValueError(
            f"X has shape {shape}, and images are (n_samples, channels, height, width): these look "
            "like images with the channels last. Pass X.transpose(0, 3, 1, 2) (X.permute of a "
            f"tensor); if they do have {shape[1]} channels, say so: image_shape={shape[1:]}."
        )
