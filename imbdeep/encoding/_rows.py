"""Rows of the user's container: some of them, more of them, and decoded ones made like them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing

from ._containers import _is_tensor, in_container


def rows_like(like: Any, rows: Any) -> Any:
    """Put decoded rows into the container of ``like``, where the encoder saw it as an array.

    Parameters
    ----------
    like : array-like, sparse matrix, DataFrame or torch.Tensor
        What the encoder was fitted on.
    rows : ndarray, sparse matrix or DataFrame
        Decoded rows.

    Returns
    -------
    list, torch.Tensor or the rows
        Items of the types and dtypes of those of a list, a tensor for a tensor, and the rows as
        they are for all other containers.
    """
    if isinstance(like, list | tuple):
        return _as_items(like, rows)
    if _is_tensor(like):
        import torch

        return torch.as_tensor(rows).to(device=like.device, dtype=like.dtype)
    return rows


def _as_items(like: Sequence[Any], rows: Any) -> list[Any]:
    """Decoded rows as items of the type and dtype of those of ``like``."""
    first = like[0]
    if isinstance(first, np.ma.MaskedArray):
        rows = in_container(np.ma.stack(like[:1]), rows)
    if isinstance(first, np.ndarray):
        return list(rows.astype(np.result_type(*{item.dtype for item in like}), copy=False))
    if _is_tensor(first):
        return list(rows_like(first, rows))
    return [_as_item(first, row) for row in rows]


def _as_item(like: Any, row: NDArray[Any]) -> Any:
    """A decoded row, or part of one, as nested lists or tuples of cells like those."""
    if isinstance(like, np.ndarray):
        return row
    cell = like[0]
    if row.ndim > 1:
        cells = [_as_item(cell, part) for part in row]
    elif _is_tensor(cell):
        cells = [rows_like(cell, value) for value in row]
    else:
        cells = list(row) if isinstance(cell, np.generic) else row.tolist()
    if isinstance(like, tuple):
        return getattr(like, "_make", tuple)(cells)
    return cells


def take_rows(container: Any, rows: NDArray[np.intp]) -> Any:
    """Take rows of a container, or labels.

    Parameters
    ----------
    container : array-like, sparse matrix, DataFrame, Series, pyarrow.Table or torch.Tensor
        Rows or labels.
    rows : ndarray of shape (n,)
        Which of them, as often as wanted.

    Returns
    -------
    same type and dtype as ``container``
        The n rows.

    Raises
    ------
    TypeError
        If pyarrow cannot repeat values of the dtype.
    """
    if _is_tensor(container):
        import torch

        return container[torch.as_tensor(rows, device=container.device)]
    if isinstance(container, list | tuple):
        return type(container)([container[row] for row in rows])
    if sparse.issparse(container):
        return container.tocsr()[rows].asformat(container.format)
    libraries = _libraries(container)
    try:
        if "pandas" in libraries:
            taken = container.take(rows)
            return taken.reset_index(drop=True) if hasattr(taken, "iloc") else taken
        if "pyarrow" in libraries:
            return container.take(rows)
    except NotImplementedError as error:
        dtype = getattr(container, "dtype", getattr(container, "type", container))
        raise TypeError(
            f"y has dtype {dtype}, of which pyarrow repeats no rows ({error}): cast it, "
            "string_view to string for instance."
        ) from error
    if isinstance(container, np.ndarray):
        return container[rows]
    return _safe_indexing(container, rows)


def _libraries(container: Any) -> set[str]:
    return {base.__module__.partition(".")[0] for base in type(container).__mro__}


def append_rows(original: Any, parts: Iterable[Any], n_new: int) -> Any:
    """Put rows behind others, in the container of those.

    Parameters
    ----------
    original : array-like, sparse matrix, DataFrame, pyarrow.Table or torch.Tensor
        The first rows.
    parts : iterable of containers of the same type
        The rows that follow.
    n_new : int
        How many these are together.

    Returns
    -------
    same type and dtype as ``original``
        All rows.
    """
    if type(original) is np.ndarray:
        # Filled as the parts come: a large deficit is never held twice.
        n = len(original)
        rows = np.empty((n + n_new, *original.shape[1:]), dtype=original.dtype)
        rows[:n] = original
        for part in parts:
            rows[n : n + len(part)] = part
            n += len(part)
        return rows
    parts = list(parts)
    if isinstance(original, list | tuple):
        return type(original)([*original, *(row for part in parts for row in part)])
    pieces = [original, *parts]
    if _is_tensor(original):
        import torch

        return torch.cat(pieces)
    if sparse.issparse(original):
        return sparse.vstack(pieces, format=original.format, dtype=original.dtype)
    if isinstance(original, np.ma.MaskedArray):
        joined = np.ma.concatenate(pieces).astype(original.dtype)
        with np.errstate(over="ignore"):  # numpy's own for float16 is infinite
            joined.fill_value = original.fill_value
        return joined.harden_mask() if original.hardmask else joined
    libraries = _libraries(original)
    if "pandas" in libraries:
        import pandas as pd

        return pd.concat(pieces, ignore_index=True)
    if "polars" in libraries:
        import polars as pl

        return pl.concat(pieces)
    if "pyarrow" in libraries:
        arrow = sys.modules["pyarrow"]  # the user has imported it
        join = arrow.concat_tables if hasattr(original, "to_batches") else arrow.concat_batches
        return join(pieces)
    # Arrays of other kinds, numpy's own subclasses among them.
    return np.concatenate([np.asarray(piece) for piece in pieces], dtype=original.dtype)
