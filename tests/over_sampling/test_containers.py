"""Labels and rows in any container: what comes back is of the type and dtype that went in."""

import collections
import datetime
import enum
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone

from imbdeep.classifiers import ERMClassifier
from tests.over_sampling.test_base import Resampling
from tests.test_common import SAMPLERS

N, N_MAJORITY = 40, 30
Y = np.random.default_rng(3).permutation(np.r_[np.zeros(N_MAJORITY, int), np.ones(10, int)])
A = np.random.default_rng(0).normal(size=(N, 3))
I = np.random.default_rng(1).integers(0, 50, (N, 3))  # noqa: E741
MASK = np.random.default_rng(2).random((N, 3)) < 0.2
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 6, 6), dtype=np.uint8)
WORDS = np.where(Y, "a", "b")
DAYS = pd.to_datetime(np.where(Y, "2020-01-01", "2021-06-05"))


class Untrained(Resampling):
    trains = False


def plain(**params):
    return Resampling(row_filter=None, random_state=0, device="cpu", **params)


# ------------------------------------------------------------------------------------------ labels


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


def arrow(values, dtype):
    return pd.array(values, dtype=pd.ArrowDtype(dtype))


ARRAYS = {
    "str": pd.array(WORDS, dtype="str"),
    "string": pd.array(WORDS, dtype="string"),
    "Int64": pd.array(Y, dtype="Int64"),
    "Float32": pd.array(Y, dtype="Float32"),
    "boolean": pd.array(Y == 1, dtype="boolean"),
    "of numpy": pd.arrays.NumpyExtensionArray(WORDS.astype(object)),
    "sparse": pd.arrays.SparseArray(Y),
    "categorical": pd.Categorical(WORDS, categories=["b", "never", "a"], ordered=True),
    "intervals": pd.arrays.IntervalArray.from_arrays(Y, Y + 1),
    "periods": pd.PeriodIndex(DAYS, freq="M").array,
    "dates": pd.DatetimeIndex(DAYS).array,
    "dates of a zone": pd.DatetimeIndex(DAYS).tz_localize("UTC").array,
    "spans": pd.to_timedelta(Y, unit="D").array,
    "arrow bool": arrow((Y == 1).tolist(), pa.bool_()),
    "arrow int": arrow(Y, pa.uint16()),
    "arrow string": arrow(WORDS.tolist(), pa.large_string()),
    "arrow binary": arrow([w.encode() for w in WORDS], pa.binary()),
    "arrow date": arrow(list(DAYS.date), pa.date32()),
    "arrow timestamp": arrow(list(DAYS), pa.timestamp("ms")),
    "arrow decimal": arrow([Decimal(int(v)) for v in Y], pa.decimal128(5, 2)),
    "arrow dictionary": arrow(WORDS.tolist(), pa.dictionary(pa.int32(), pa.string())),
}
LABELS = {
    **ARRAYS,
    **{f"series of {k}": pd.Series(v, name="t", index=range(7, 47)) for k, v in ARRAYS.items()},
    **{f"index of {k}": pd.Index(v, name="t") for k, v in ARRAYS.items()},
    "polars enum": pl.Series("t", WORDS.tolist(), dtype=pl.Enum(["b", "never", "a"])),
    "polars categories": pl.Series("t", WORDS.tolist(), dtype=pl.Categorical),
    "polars dates": pl.Series("t", list(DAYS.date)),
    "big-endian": Y.astype(">i4"),
    "floats": Y.astype("f8"),
    "tensor of bfloat16": torch.tensor(Y).bfloat16(),
    "column": Y[:, None],
    "one-hot": np.eye(2, dtype=int)[Y],
    "numpy strings": WORDS.astype(np.dtypes.StringDType()),
    "numpy dates": DAYS.values.astype("M8[D]"),
    "masked array": np.ma.masked_array(Y),
    "pyarrow": pa.array(WORDS.tolist()),
    "pyarrow chunks": pa.chunked_array([WORDS[:9].tolist(), WORDS[9:].tolist()]),
    "pyarrow table": pa.table({"y": WORDS.tolist()}),
    "list": WORDS.tolist(),
    "tuple": tuple(WORDS.tolist()),
    "list of tensors": [torch.tensor(v) for v in Y],
    "list of dates": list(DAYS.date),
    "list of decimals": [Decimal(int(v)) for v in Y],
    "list of tuples": [("a", int(v)) for v in Y],
    "one-hot Int64": pd.DataFrame({"a": Y, "b": 1 - Y}, dtype="Int64"),
    "one-hot sparse frame": pd.get_dummies(WORDS, sparse=True),
    "one-hot polars": pl.DataFrame({"a": Y == 1, "b": Y == 0}),
    "one-hot sparse": sp.coo_array(np.c_[Y, 1 - Y]),
}


def cells(y):
    """The labels with their types."""
    if isinstance(y, torch.Tensor | np.ndarray):
        y = y.tolist()
    elif sp.issparse(y):
        y = y.toarray().tolist()
    elif isinstance(y, pd.DataFrame):
        y = y.to_numpy(object).tolist()
    elif hasattr(y, "to_pylist"):
        y = y.to_pylist()
    elif isinstance(y, pl.DataFrame):
        y = y.rows()
    return [(type(label), label) for label in y]


def check_labels(y_res, y):
    assert type(y_res) is type(y)
    for attribute in ("dtype", "dtypes", "name", "schema"):
        found, expected = (getattr(labels, attribute, None) for labels in (y_res, y))
        assert np.all(found == expected)
    found, given = cells(y_res), cells(y)
    assert found[:N] == given
    assert found[N:] == [given[Y.argmax()]] * 20


@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back_in_their_type(kind):
    sampler = plain()
    _, y_res = sampler.fit_resample(A, LABELS[kind])
    check_labels(y_res, LABELS[kind])
    (code,) = sampler._deficits
    assert sampler.sample(2, sampler.classes_[code]).shape == (2, 3)


@pytest.mark.parametrize(
    "target",
    [
        pd.Timestamp("2020-01-01"),
        np.datetime64("2020-01-01"),
        datetime.datetime(2020, 1, 1),
        "2020-01-01",
    ],
    ids=lambda target: type(target).__name__,
)
@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_classes_that_are_dates_are_named_by_dates_of_any_library(target, unit):
    y = pd.Series(DAYS.as_unit(unit))
    sampler = plain(sampling_strategy={target: 33})
    _, y_res = sampler.fit_resample(A, y)
    assert (y_res == pd.Timestamp("2020-01-01")).sum() == 33
    assert sampler.sample(2, target).shape == (2, 3)
    with pytest.raises(ValueError, match=r"is not a class .*datetime\(2020, 1, 1"):
        sampler.sample(2, pd.Timestamp("2022-01-01"))


BAD_LABELS = {
    "words and numbers": (
        pd.Series([("1" if v else 0) for v in Y], dtype=object),
        TypeError,
        r"several types \(int, e.g. 0, str, e.g. '1'\).*y.astype\(str\)",
    ),
    "members of an Enum": (
        [Colour.RED if v else Colour.BLUE for v in Y],
        TypeError,
        r"y holds labels \(Colour, e.g. <Colour.*no order",
    ),
    "sets": ([frozenset({int(v)}) for v in Y], TypeError, "frozenset.*no order"),
    "levels": (pd.MultiIndex.from_arrays([WORDS, Y]), TypeError, "MultiIndex.*get_level_values"),
    "views": (
        pd.Series(WORDS.tolist(), dtype=pd.ArrowDtype(pa.string_view())),
        TypeError,
        "string_view.*convert it",
    ),
    "two columns": (pd.DataFrame({"a": DAYS, "b": DAYS}), ValueError, "Multilabel.*one column"),
    "masked": (np.ma.masked_array(Y, np.arange(N) == 3), ValueError, "missing labels"),
    "no time": (pd.Series(DAYS).where(np.arange(N) != 3), ValueError, "missing labels"),
    "no decimal": ([Decimal("NaN"), *map(int, Y[1:])], ValueError, "missing labels"),
    "null": (pa.array([None, *WORDS[1:].tolist()]), ValueError, "missing labels"),
}


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_other_labels_are_refused_before_training(kind):
    y, error, message = BAD_LABELS[kind]
    with pytest.raises(error, match=message):
        Untrained(row_filter=None).fit_resample(A, y)


# -------------------------------------------------------------------------------- lists of rows

Row = collections.namedtuple("Row", "a b c")
LISTS = {
    "float32": list(A.astype("f4")),
    "bools": list(A > 0),
    "words": list(I.astype("U2")),
    "tensors": [torch.tensor(row).float() for row in A],
    "mixed tuples": [(a, "uv"[b > 0], int(9 * c)) for a, b, c in A.tolist()],
    "named tuples": [Row(*row) for row in A.tolist()],
    "scalars": [list(row) for row in A.astype("f4")],
    "mixed scalars": [[np.float32(a), np.int16(9 * b), c] for a, b, c in A],
    "tuples of scalars": [tuple(row) for row in I.astype("u1")],
    "decimals": [[Decimal(int(9 * a)).scaleb(-1), int(b)] for a, b in I[:, :2]],
    "masked": [np.ma.masked_array(row, mask) for row, mask in zip(A, MASK, strict=True)],
    "images": list(IMAGES),
    "image tensors": [torch.tensor(image) for image in IMAGES],
    "nested images": IMAGES.tolist(),
}


def shape_of(row):
    """The types and dtypes of a row and of all that is in it."""
    inner = [shape_of(cell) for cell in row] if isinstance(row, list | tuple) else None
    return type(row), getattr(row, "dtype", None), inner


@pytest.mark.parametrize("container", [list, tuple])
@pytest.mark.parametrize("kind", LISTS)
def test_items_come_back_as_they_are(kind, container):
    X = container(LISTS[kind])
    X_res, y_res = plain().fit_resample(X, Y)
    assert type(X_res) is container
    assert len(X_res) == len(y_res) == 2 * N_MAJORITY
    assert all(new is old for new, old in zip(X_res, X, strict=False))
    assert {str(shape_of(row)) for row in X_res[N:]} <= {str(shape_of(row)) for row in X}


@pytest.mark.parametrize(
    "row", [pd.Series([1.0, 2.0]), pl.Series([1.0, 2.0]), {"a": 1.0}], ids=lambda r: str(type(r))
)
def test_lists_of_named_rows_are_refused(row):
    with pytest.raises(TypeError, match=r"X is a list of (Series|dict): pass one table"):
        Untrained(row_filter=None).fit_resample([row] * N, Y)


# ---------------------------------------------------------------------------------- masked arrays


def check_masked(X_res, X):
    assert type(X_res) is np.ma.MaskedArray
    assert X_res.dtype == X.dtype
    mask = np.ma.getmaskarray(X_res)
    np.testing.assert_array_equal(mask[:N], np.ma.getmaskarray(X))
    np.testing.assert_array_equal(X_res.data[:N], X.data)
    for j in range(X.shape[1]):  # nothing from under the mask
        seen = set(X[:, j].compressed().tolist())
        new = X_res[N:, j].compressed().tolist()
        if X.dtype.kind in "biuf" and seen:
            assert all(min(seen) <= v <= max(seen) for v in new)
        elif X.dtype.kind != "f":
            assert set(new) <= seen
        assert mask[:N, j].any() or not mask[N:, j].any()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u8", "?", "U2", "S2", "O"])
@pytest.mark.parametrize("hard", [False, True])
def test_masked_cells_are_missing(dtype, hard):
    X = np.ma.masked_array(I.astype(dtype), MASK, hard_mask=hard, fill_value=3)
    X_res, _ = plain().fit_resample(X, Y)
    check_masked(X_res, X)
    assert X_res.fill_value == X.fill_value
    assert np.ma.getmaskarray(X_res)[N:].any()
    assert X_res.hardmask == hard


@pytest.mark.parametrize("hidden", [np.inf, np.nan, 1e6, -1e300])
def test_what_is_under_the_mask_changes_nothing(hidden):
    X, other = (np.ma.masked_array(np.where(MASK, v, A), MASK) for v in (0.5, hidden))
    sampler = clone(SAMPLERS[0])
    found, expected = (sampler.fit_resample(x, Y)[0][N:] for x in (other, X))
    np.testing.assert_array_equal(found.filled(7), expected.filled(7))
    assert (found.data[found.mask] == 0).all()


def test_a_masked_array_without_a_mask_is_an_array():
    X_res, _ = plain().fit_resample(np.ma.masked_array(A), Y)
    assert np.ma.getmask(X_res) is np.ma.nomask
    np.testing.assert_array_equal(X_res.data, plain().fit_resample(A, Y)[0])
    images, _ = plain().fit_resample(np.ma.masked_array(IMAGES), Y)
    assert type(images) is np.ma.MaskedArray
    assert images.dtype == np.uint8


@pytest.mark.parametrize("shape", [None, (1, 6, 6)])
def test_masked_pixels_are_refused(shape):
    X = np.ma.masked_equal(IMAGES if shape is None else IMAGES.reshape(N, -1), IMAGES[0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"pixels are masked.*fill them first, X.filled\(0\)"):
        Untrained(row_filter=None, image_shape=shape).fit_resample(X, Y)


# ------------------------------------------------------------------------------- tables of pyarrow


def arrow_table():
    words = ["uv"[int(v > 0)] for v in A[:, 2]]
    holes = [None if m else int(v) for m, v in zip(MASK[:, 1], I[:, 1], strict=True)]
    cents = [Decimal(int(100 * v)).scaleb(-2) for v in A[:, 1]]
    columns = {
        "float": pa.array(A[:, 0], pa.float32()),
        "holes": pa.array(holes, pa.int16()),
        "dictionary": pa.array(words).dictionary_encode(),
        "bool": pa.array((A[:, 0] > 0).tolist()),
        "view": pa.array(words, pa.string_view()),
        "decimal": pa.array(cents, pa.decimal128(8, 2)),
        "null": pa.nulls(N),
    }
    return pa.table(columns).replace_schema_metadata({"made": "here"})


@pytest.mark.parametrize("kind", ["table", "batch"])
def test_tables_of_pyarrow_come_back(kind):
    X = arrow_table() if kind == "table" else arrow_table().to_batches()[0]
    sampler = plain()
    X_res, _ = sampler.fit_resample(X, Y)
    assert type(X_res) is type(X)
    assert X_res.schema.equals(X.schema, check_metadata=True)
    assert X_res.slice(0, N).equals(X)
    assert X_res.num_rows == 60
    assert sampler.sample(3, 1).schema.equals(X.schema)
    assert sampler.feature_names_in_.tolist() == X.schema.names


# ------------------------------------------------------------------------------------------ images


@pytest.mark.parametrize("shape", [(8, 8, 3), (28, 28, 1), (8, 6, 4), (9, 64, 3)])
def test_channels_last_are_refused_with_the_transposition(shape):
    X = np.zeros((N, *shape))
    for images in (X, torch.tensor(X), list(X)):
        with pytest.raises(ValueError, match=r"channels last. Pass X.transpose\(0, 3, 1, 2\)"):
            Untrained(row_filter=None).fit_resample(images, Y)
    with pytest.raises(ValueError, match=r"channels last. Pass X.transpose\(0, 3, 1, 2\)"):
        ERMClassifier(max_epochs=1).fit(X, Y)
    said, _ = plain(image_shape=shape).fit_resample(X, Y)  # as many channels as there seem to be
    assert said.shape == (60, *shape)


@pytest.mark.parametrize(
    "shape", [(1, 8, 3), (3, 8, 4), (2, 4, 4), (8, 4, 4), (4, 9, 1), (8, 1, 1)]
)
def test_channels_first_are_taken(shape):
    assert plain().fit_resample(np.zeros((N, *shape)), Y)[0].shape == (60, *shape)


# ------------------------------------------------------------------------------------- identifiers


def test_identifiers_and_numbers_in_text_are_named_before_training():
    prices = [f"{v:.2f}".replace(".", ",") for v in A[:, 0] * 100]
    X = pd.DataFrame({"id": [f"x{i}" for i in range(N)], "price": prices, "size": A[:, 1]})
    for fit in (Untrained(row_filter=None).fit_resample, ERMClassifier(max_epochs=1).fit):
        with pytest.raises(UserWarning, match=r"own in the columns 'id' \(such as 'x0'\), 'price'"):
            fit(X, Y)
        with pytest.raises(UserWarning, match=r"'price' \(such as .*\) look like numbers in text"):
            fit(X.drop(columns="id"), Y)
    plain(categorical_features=["id", "price"]).fit_resample(X, Y)  # which the user wants


# --------------------------------------------------------------------------------- decimal numbers


@pytest.mark.parametrize("missing", ["nothing", None, Decimal("NaN"), np.nan])
def test_decimals_are_numbers_and_stay_on_their_grid(missing):
    column = [Decimal(int(v)).scaleb(-2) + Decimal("0.10") for v in I[:, 0] * 7]
    if missing != "nothing":
        column = [missing if m else v for m, v in zip(MASK[:, 0], column, strict=True)]
    X = pd.DataFrame({"price": column})
    sampler = clone(SAMPLERS[0])
    X_res, _ = sampler.fit_resample(X, Y)
    assert sampler.encoder_.kinds_ == ["continuous"]
    new = [v for v in X_res["price"][N:] if v is not None and v == v]
    assert {type(v) for v in new} == {Decimal}
    assert {v.as_tuple().exponent for v in new} == {-2}
    seen = [v for v in column if v is not None and v == v]
    assert min(seen) <= min(new) <= max(new) <= max(seen)
