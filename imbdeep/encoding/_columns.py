"""Tables column by column, in their own dtypes: read, factorise, take rows, and build again.

A column is a 1-d ndarray, a pandas Series or a polars Series. pandas and polars are never imported
before the user has: a frame in hand proves that they are loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from functools import partial
from typing import Any, NoReturn

import numpy as np
import scipy.sparse

# Names, because pandas need not be installed for None and NaN to be recognised.
MISSING_TYPES = ("NoneType", "NAType", "NaTType")


def kind_of(X: Any) -> str:
    """Return "pandas", "polars", "sparse", "list" or "array", whichever container `X` is."""
    for kind in ("pandas", "polars"):
        module = sys.modules.get(kind)
        if module is not None and isinstance(X, module.DataFrame):
            return kind
    if scipy.sparse.issparse(X):
        return "sparse"
    return "list" if isinstance(X, (list, tuple)) else "array"


def is_pandas(column: Any) -> bool:
    """Tell whether the column is a pandas Series."""
    return hasattr(column, "iloc")


def has_objects(column: Any) -> bool:
    """Tell whether the cells of the column are arbitrary Python objects."""
    return getattr(column.dtype, "type", None) is np.object_


def take(column: Any, rows: np.ndarray) -> Any:
    """Return these rows of the column as a column of the same type and dtype."""
    if isinstance(column, np.ndarray):
        return column[rows]
    if is_pandas(column):
        # Of the array: iloc and a new index take 0.3 ms a column.
        return type(column)(column.array.take(rows), dtype=column.dtype, name=column.name)
    return column.gather(rows)


def only_missing(column: Any) -> bool:
    """Tell whether a column of a frame holds no value, whatever its dtype."""
    if isinstance(column, np.ndarray):
        return False
    missing = column.isna() if is_pandas(column) else column.is_null()
    return bool(missing.all())


def refuse(column: Any, label: str) -> None:
    """Raise for a column that is neither numbers nor categories, and name the conversion."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return
    if str(dtype).startswith(("string_view", "binary_view")):
        raise TypeError(
            f"Column {label} has dtype {dtype}, which pandas cannot read: convert it, e.g. by "
            "pandas.Series(column.tolist())."
        )
    if isinstance(column, np.ndarray) or is_pandas(column):
        kind, scalar = dtype.kind, dtype.type
        if has_objects(column):
            kinds = {t for t in set(map(type, column)) if t.__name__ not in MISSING_TYPES}
            temporal = any(issubclass(t, (date, time, timedelta, np.datetime64)) for t in kinds)
            temporal = temporal or any(t.__name__ == "Period" for t in kinds)
            is_complex = any(issubclass(t, (complex, np.complexfloating)) for t in kinds)
            foreign = False
        else:
            temporal = kind in "mM" or issubclass(scalar, time) or scalar.__name__ == "Period"
            is_complex = kind == "c"
            foreign = kind == "V" or scalar.__name__ in ("list", "dict")
    else:
        temporal, is_complex = dtype.is_temporal(), False
        foreign = dtype.is_nested() or str(dtype).endswith("Int128")
    if temporal:
        raise TypeError(
            f"Column {label} holds dates or times (dtype {dtype}), which cannot be encoded: "
            "convert it to numbers first, e.g. seconds since an epoch, or year, month and "
            "weekday columns."
        )
    if is_complex:
        raise ValueError(
            f"Complex data not supported: column {label} has dtype {dtype}. Split it into a "
            "column of real parts and one of imaginary parts."
        )
    if foreign:
        raise TypeError(
            f"Column {label} has dtype {dtype}, which is neither a number nor a category: cast it "
            "to a float, integer or string dtype, or unnest it into columns."
        )


def read_numbers(column: Any, label: str) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Return the numbers of a numeric column and a mask of the missing; None if it is not numeric.

    Integers and floats stay in their dtype; the mask is None where nothing is missing. An infinite
    number is an error, in which `label` names the column.
    """
    missing = None
    if isinstance(column, np.ndarray) or is_pandas(column):
        dtype = column.dtype
        if has_objects(column) or dtype.type is Decimal:
            found = _read_objects(np.asarray(column, dtype=object), label)
            if found is None:
                return None
            values, missing = found
        elif dtype.kind not in "iuf":
            return None
        elif isinstance(dtype, np.dtype):
            values = np.ascontiguousarray(column)
        elif hasattr(dtype, "numpy_dtype"):
            missing = column.isna().to_numpy(bool)
            values = column.to_numpy(dtype.numpy_dtype, na_value=0)
        else:
            values = column.sparse.to_dense().to_numpy()
    elif column.dtype.is_numeric():
        column = column.cast(float) if column.dtype.is_decimal() else column
        missing = column.is_null().to_numpy()
        values = column.fill_null(0).to_numpy()
    else:
        return None
    if values.dtype.kind == "f":
        if values.dtype.itemsize > 8:
            with np.errstate(over="ignore"):
                values = values.astype(np.float64)
        if np.isinf(values.max(initial=0)) or np.isinf(values.min(initial=0)):
            refuse_infinity(label)
        nan = np.isnan(values)
        if nan.any():
            if np.isinf(values[~nan]).any():
                refuse_infinity(label)
            missing = nan if missing is None else missing | nan
    return values, missing if missing is not None and missing.any() else None


def refuse_infinity(label: str) -> NoReturn:
    """Raise for an infinite number in the column."""
    raise ValueError(
        f"Column {label} contains infinity, and only finite numbers and missing values can be "
        "encoded: replace infinity by NaN or by a finite bound."
    )


def is_missing(cell: Any) -> bool:
    """Tell whether a cell is None, NA, NaT, NaN or the NaN of a Decimal."""
    if isinstance(cell, Decimal):
        return cell.is_nan()
    return type(cell).__name__ in MISSING_TYPES or (isinstance(cell, float) and cell != cell)


def _read_objects(cells: np.ndarray, label: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Read objects as numbers if each is a real number (booleans are not) or missing."""
    for t in set(map(type, cells)):
        if t.__name__ in MISSING_TYPES:
            continue
        if not issubclass(t, (int, float, Decimal, Fraction, np.integer, np.floating)) or t is bool:
            return None
    missing = np.array([is_missing(v) for v in cells], dtype=bool)
    present = cells[~missing]
    values: np.ndarray
    if all(isinstance(v, (int, np.integer)) for v in present):
        for dtype in (np.int64, np.uint64):  # float64 would round large ones
            try:
                values = np.zeros(cells.shape, dtype)
                values[~missing] = present
                return values, missing
            except OverflowError:
                pass
    values = np.zeros(cells.shape)
    try:
        values[~missing] = [float(v) for v in present]
    except OverflowError:
        raise ValueError(
            f"Column {label} holds an integer beyond the float64 range (1.8e308): divide the "
            "column, or list it in categorical_features after converting it to strings."
        ) from None
    return values, missing


def factorize(column: Any, label: str, *, mixed: bool) -> tuple[np.ndarray, list]:
    """Number the distinct values of a column: codes, and a hashable key for each code.

    Keys are equal for equal values of different containers; some may stand in no row (unused
    categories). `mixed` keeps 1, 1.0 and True apart, for object cells of any type.
    """
    numbers = None if has_several_missing(column) else read_numbers(column, label)
    if numbers is not None:
        values, missing = numbers
        return number_codes(values, missing, np.unique(without(missing, values)))
    if isinstance(column, np.ndarray) and column.dtype.kind == "b":
        return column.astype(np.intp), [key_of(False), key_of(True)]
    if is_pandas(column) and not has_objects(column):
        import pandas as pd

        if isinstance(column.dtype, pd.CategoricalDtype):
            codes, uniques = column.cat.codes.to_numpy(), column.cat.categories
        else:
            codes, uniques = pd.factorize(column)
        keys = [key_of(v, mixed) for v in uniques]
        return np.where(codes < 0, len(keys), codes), [*keys, missing_key(np.nan)]
    if isinstance(column, np.ndarray) or is_pandas(column):
        cells = np.asarray(column).tolist()
    else:
        cells = column.to_list()
    table: dict = {}
    keys = cells if set(map(type, cells)) == {str} else [key_of(v, mixed) for v in cells]
    try:
        codes = np.array([table.setdefault(key, len(table)) for key in keys], dtype=np.intp)
    except TypeError as error:
        raise TypeError(
            f"Column {label} holds cells that cannot be categories ({error}): convert them to "
            "strings or to several columns."
        ) from error
    return codes, list(table)


def without(missing: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    """Return the values that are not missing."""
    return values if missing is None else values[~missing]


def number_codes(
    values: np.ndarray, missing: np.ndarray | None, distinct: np.ndarray
) -> tuple[np.ndarray, list]:
    """Do the same for numbers, of which the distinct ones are given in order."""
    keys = [*distinct.tolist(), missing_key(np.nan)]
    if missing is None:
        return np.searchsorted(distinct, values), keys
    codes = np.full(len(values), len(distinct))
    codes[~missing] = np.searchsorted(distinct, values[~missing])
    return codes, keys


def has_several_missing(column: Any) -> bool:
    """Tell whether the column may tell several missing values apart."""
    # An object column may, and a polars one with null and NaN does.
    return has_objects(column) or _has_null_and_nan(column)


def _has_null_and_nan(column: Any) -> bool:
    if isinstance(column, np.ndarray) or is_pandas(column) or not column.dtype.is_float():
        return False
    return column.null_count() > 0 and bool(column.is_nan().any())


def key_of(value: Any, mixed: bool = True) -> Any:
    """Return a hashable stand-in of a cell, by which 1 and True differ although they are equal."""
    if isinstance(value, np.generic):
        value = value.item()
    kind = type(value)
    if kind is str:
        return value
    if is_missing(value):
        return missing_key(np.nan if kind is Decimal else value)
    if not mixed and issubclass(kind, (Decimal, Fraction)) and abs(value) < 2**53:
        return float(value)
    return value if not mixed and kind in (int, float) else (kind, value)


def missing_key(value: Any) -> tuple:
    """Return the key of a missing value."""
    return ("missing", type(value).__name__)


def is_missing_key(key: Any) -> bool:
    """Tell whether a key is that of a missing value; other tuples start with a type."""
    return type(key) is tuple and key[0] == "missing"


def spelled(key: Any) -> str:
    """Return a key of `factorize` as a reader would write the value."""
    if is_missing_key(key):
        return "missing"
    return str(key[1] if type(key) is tuple else key)


def cell_maker(cells: np.ndarray) -> Callable[[Any], Any] | None:
    """Return what makes a cell like these objects from a number; None for floats.

    It makes integers, fractions, scalars of one numpy type, or decimals with as many digits behind
    the point as the cells have at most.
    """
    kinds = set(map(type, cells))
    if any(issubclass(kind, Decimal) for kind in kinds):
        finite = [v.as_tuple().exponent for v in cells if isinstance(v, Decimal)]
        unit = Decimal((0, (1,), min(e for e in finite if isinstance(e, int))))
        return partial(_as_decimal, unit=unit, bounds=(min(cells), max(cells)))
    if any(issubclass(kind, Fraction) for kind in kinds):
        return partial(_as_fraction, most=max(v.denominator for v in map(Fraction, cells)))
    if len(kinds) == 1 and issubclass(kind := next(iter(kinds)), np.generic):
        return kind
    return None if any(issubclass(kind, (float, np.floating)) for kind in kinds) else int


def _as_decimal(value: float, *, unit: Decimal, bounds: tuple[Any, Any]) -> Decimal:
    # Bounds, because a float has fewer digits than a decimal may have.
    cell = min(max(Decimal(repr(float(value))), Decimal(bounds[0])), Decimal(bounds[1]))
    return cell.quantize(unit, context=Context(prec=1000))


def _as_fraction(value: float, *, most: int) -> Fraction:
    return Fraction(value).limit_denominator(most)


def restore(values: np.ndarray, missing: np.ndarray | None, like: Any, *, cell: Any = None) -> Any:
    """Return numbers as a column of the type and dtype of `like`, a column of one row.

    Where `missing` is given, the cell of `like` is written. `cell` comes from `cell_maker`.
    """
    dtype = like.dtype
    if isinstance(like, np.ndarray) or is_pandas(like):
        if has_objects(like) or dtype.type is Decimal:
            numbers = values.tolist()
            cells = np.array([cell(v) for v in numbers] if cell else numbers, dtype=object)
            if missing is not None:
                cells[missing] = np.asarray(like, dtype=object)[0]
            return cells if isinstance(like, np.ndarray) else _series(cells, dtype)
        if isinstance(dtype, np.dtype):
            values = values.astype(dtype)
            if missing is not None:
                values[missing] = np.nan
            return values if isinstance(like, np.ndarray) else _series(values, dtype)
        if not hasattr(dtype, "numpy_dtype"):  # a pandas SparseDtype
            if missing is not None:
                values[missing] = np.nan
            return _series(values, dtype)
        column = _series(values, dtype)
        if missing is not None:
            column[missing] = like[0]
        return column
    column = type(like)(values)
    if missing is not None:  # before the cast: a column of decimals takes no null
        column = column.scatter(np.flatnonzero(missing), like[0])
    return column.cast(dtype)


def _series(values: np.ndarray, dtype: Any) -> Any:
    import pandas as pd

    return pd.Series(values, dtype=dtype)


class Blueprint:
    """Everything about a table but its rows: container (of `kind_of`), names, dtypes."""

    def __init__(self, X: Any, kind: str) -> None:
        self.kind = kind
        self.type: Any = type(X)
        self.width = X.shape[1]
        self.columns: Any = getattr(X, "columns", None)

    def build(self, columns: Any, n: int) -> Any:
        """Return a table of `n` rows from an iterable of its columns."""
        if self.kind == "pandas":
            import pandas as pd

            # copy=False: a column each, instead of one more copy of the table.
            frame = pd.DataFrame(dict(enumerate(columns)), index=range(n), copy=False)
            frame.columns = self.columns
            return frame
        if self.kind == "polars":
            return self.type([c.alias(name) for name, c in zip(self.columns, columns, strict=True)])
        for j, column in enumerate(columns):
            if j == 0:
                table = np.empty((n, self.width), dtype=column.dtype)
            table[:, j] = column
        if self.kind == "list":
            return table.tolist()
        return self.type(table) if self.kind == "sparse" else table
