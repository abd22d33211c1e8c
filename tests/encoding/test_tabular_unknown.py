"""handle_unknown="ignore": rows that fit could not foresee are encoded as nothing in particular."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbdeep.encoding import TabularEncoder

N = 60
ROW = np.arange(N)
PLAIN = {
    "number": ROW / 7,
    "few": ROW % 4,
    "flag": ROW % 2 == 0,
    "word": [f"w{i % 3}" for i in ROW],
    "many": [f"m{i:02}" for i in ROW],
    "same": ["s"] * N,
}
LEVELS = ("few", "flag", "word", "many")


def fitted(X, **params):
    return TabularEncoder(handle_unknown="ignore", **{"max_one_hot": 8, **params}).fit(X)


def part(encoder, encoded, j):
    """The encoded values of the j-th column."""
    columns = [np.arange(span.start, span.stop) for span in encoder.spans_[j]]
    return encoded[:, np.concatenate(columns, dtype=int, casting="unsafe")] if columns else None


def nothing(encoder, j):
    """What stands for an unknown value of the j-th column."""
    return 0.5 if encoder.kinds_[j] == "binary" else 0.0


# ---------------------------------------------------------------------------------- unknown levels

FRAMES = {
    "pandas": pd.DataFrame(PLAIN),
    "nullable": pd.DataFrame(PLAIN).convert_dtypes(),
    "arrow": pd.DataFrame(PLAIN).convert_dtypes(dtype_backend="pyarrow"),
    "category": pd.DataFrame(PLAIN).astype({"word": "category", "many": "category"}),
    "polars": pl.DataFrame(PLAIN),
    "objects": np.array(list(zip(*PLAIN.values(), strict=True)), dtype=object),
}


def with_cells(X, row, cells):
    """A copy of the table with other cells in one row, in its dtypes where they can hold them."""
    if isinstance(X, pl.DataFrame):
        rows = X.rows()
        rows[row] = tuple({**dict(zip(X.columns, rows[row], strict=True)), **cells}.values())
        return pl.DataFrame(rows, schema=X.schema, orient="row")
    if isinstance(X, np.ndarray):
        X = X.copy()
        for name, value in cells.items():
            X[row, list(PLAIN).index(name)] = value
        return X
    X = X.copy()
    for name, value in cells.items():
        if isinstance(X[name].dtype, pd.CategoricalDtype) and value is not None:
            X[name] = X[name].cat.add_categories([value])
        if X[name].dtype == bool:
            X[name] = X[name].astype(object)
        X.loc[row, name] = value
    return X


@pytest.mark.parametrize(
    "cells",
    [{"word": "w9", "many": "m99", "same": "t"}, dict.fromkeys(PLAIN)],
    ids=["levels", "missing"],
)
@pytest.mark.parametrize("kind", FRAMES)
def test_what_fit_did_not_see_is_nothing_in_particular(kind, cells):
    X = FRAMES[kind]
    encoder = fitted(X)
    expected, encoded = encoder.transform(X), encoder.transform(with_cells(X, 5, cells))
    for j, name in enumerate(PLAIN):
        new, old = part(encoder, encoded, j), part(encoder, expected, j)
        if name == "same":
            assert new is None
            continue
        np.testing.assert_array_equal(np.delete(new, 5, 0), np.delete(old, 5, 0))
        np.testing.assert_array_equal(new[5], nothing(encoder, j) if name in cells else old[5])


# ------------------------------------------------------------------------------------ numbers only


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8", object])
@pytest.mark.parametrize("continuous", ["quantile", "standard"])
def test_a_missing_number_is_the_middle_of_its_column(dtype, continuous):
    x = np.r_[np.random.default_rng(0).lognormal(size=(101, 1)), [[50.0]] * 2]
    x = np.c_[x, ROW[0] + np.arange(len(x)) % 3, np.arange(len(x)) % 2].astype(dtype)
    encoder = fitted(x, continuous=continuous)
    assert encoder.kinds_ == ["continuous", "discrete", "binary"]
    encoded = encoder.transform(np.full((2, 3), np.nan, dtype=dtype))
    np.testing.assert_array_equal(encoded, [[0, 0.5, 0, 0, 0]] * 2)
    middle = encoder.inverse_transform(encoded)[0, 0]
    numbers = x[:, 0].astype(float)
    expected = np.median(numbers) if continuous == "quantile" else numbers.mean()
    # The fitted grid of six decimals, and the resolution of float32, are all that is lost.
    assert middle == pytest.approx(expected, rel=1e-5)


def test_a_column_with_missing_values_in_fit_keeps_its_indicator():
    x = np.r_[ROW / 7, np.nan][:, None]
    encoded = fitted(x).transform([[np.nan]])
    np.testing.assert_array_equal(encoded, [[0, 1]])
    levels = np.r_[ROW % 3, np.nan][:, None]
    np.testing.assert_array_equal(fitted(levels).transform([[np.nan]]), [[0, 0, 0, 1]])


@pytest.mark.parametrize("holes", [False, True])
def test_a_polars_column_of_nulls_alone_is_missing_numbers(holes):
    """One row with nothing in a column has the dtype Null, not that of the column."""
    X = pl.DataFrame({"x": [None if holes and i == 3 else i / 7 for i in range(N)]})
    row = pl.DataFrame({"x": [None]})
    assert row["x"].dtype == pl.Null
    assert fitted(X).transform(row).tolist() == ([[0, 1]] if holes else [[0]])
    strict = TabularEncoder().fit(X)
    if holes:
        assert strict.transform(row).tolist() == [[0, 1]]
    else:
        with pytest.raises(ValueError, match="1 missing values and had none in fit"):
            strict.transform(row)


# -------------------------------------------------------------------------------- constant columns

ANYTHING = {
    "another word": ["t"],
    "a number": [3.5],
    "nothing": [None],
    "a date": [datetime.date(2024, 1, 1)],
    "cells that are no levels": [[1, 2]],
}


@pytest.mark.parametrize("cell", ANYTHING)
@pytest.mark.parametrize("same", ["s", 1, None])
def test_a_constant_column_may_hold_anything(same, cell):
    for frame in (pd.DataFrame, pl.DataFrame):
        encoder = fitted(frame({"same": [same] * N, "number": PLAIN["number"]}))
        encoded = encoder.transform(frame({"same": ANYTHING[cell], "number": [0.0]}))
        assert encoded.shape == (1, 1)


# ---------------------------------------------------------------------------- errors all the same


@pytest.mark.parametrize("handle_unknown", ["error", "ignore"])
@pytest.mark.parametrize("as_object", [False, True])
@pytest.mark.parametrize("j", range(5))
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinity_is_refused_in_any_column_of_numbers(infinity, j, as_object, handle_unknown):
    X = np.c_[ROW / 7, ROW % 4, ROW % 2, ROW % 5, np.ones(N)]
    encoder = TabularEncoder(categorical_features=[3], handle_unknown=handle_unknown).fit(X)
    assert encoder.kinds_ == ["continuous", "discrete", "binary", "categorical", "constant"]
    new = X.astype(object) if as_object else X.copy()
    new[2, j] = infinity
    with pytest.raises(ValueError, match=f"Column {j} contains infinity"):
        encoder.transform(new)


def test_infinity_among_words_is_refused_unless_it_is_a_level():
    words = np.array(["a", "b", "c"], dtype=object)[ROW % 3][:, None]
    with pytest.raises(ValueError, match="Column 0 contains infinity"):
        fitted(words).transform(np.array([["a"], [np.inf]], dtype=object))
    with_infinity = np.r_[words, np.array([[np.inf]], dtype=object)]
    assert fitted(with_infinity).transform(with_infinity[-1:]).sum() == 1


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_number_column_of_words_is_refused(frame):
    encoder = fitted(frame({"x": PLAIN["number"]}))
    with pytest.raises(ValueError, match=r"'x' held numbers in fit.*convert it to numbers"):
        encoder.transform(frame({"x": ["1.5", "2.5"]}))
    with pytest.raises(ValueError, match="'x' held numbers in fit"):
        encoder.transform(frame({"x": [None, "2.5"]}))


# ------------------------------------------------------------ columns of another kind than in fit

WHOLE, TEXT = ROW % 5 + 1, (ROW % 5 + 1).astype(str)
FLAG = ROW % 2 == 0
CHANGED = {
    "whole numbers, text now": (WHOLE, TEXT, r"'a' held numbers in fit and has dtype str now"),
    "text, whole numbers now": (TEXT, WHOLE, "held strings in fit and has dtype int64 now"),
    "two words, numbers now": (TEXT[:2].repeat(30), WHOLE, "held strings .* convert it to strings"),
    "categories of numbers": (WHOLE, pd.Categorical(TEXT), "held numbers .*dtype category now"),
    "flags, text now": (FLAG, FLAG.astype(str), "held booleans .*convert it to booleans"),
    "flags, larger numbers now": (FLAG, [2, 3], "held booleans in fit and has dtype int64"),
    "leading zeros": (TEXT, ["01", "02"], "'01' was not seen in fit, and '1' was"),
    "space behind": (PLAIN["word"], ["w0 ", "w1 "], "'w0 ' was not seen in fit, and 'w0' was"),
    "decimal zeros": (TEXT, ["1.0", "2.0"], "'1.0' was not seen in fit, and '1' was"),
    "missing ones too": (TEXT, [None, 1.0], "held strings in fit and has dtype float64"),
}


@pytest.mark.parametrize("handle_unknown", ["ignore", "error"])
@pytest.mark.parametrize("case", CHANGED)
def test_a_column_whose_values_changed_their_kind_is_refused(case, handle_unknown):
    old, new, message = CHANGED[case]
    encoder = TabularEncoder(handle_unknown=handle_unknown).fit(pd.DataFrame({"a": old}))
    with pytest.raises(ValueError, match=message):
        encoder.transform(pd.DataFrame({"a": new}))


@pytest.mark.parametrize(
    "old, new",
    [
        (FLAG, FLAG.astype(int)),
        (FLAG, FLAG.astype(float)),
        (FLAG.astype(int), FLAG),
        (FLAG.astype(int), pd.array(FLAG, dtype="boolean")),
        (pd.array([None, *FLAG[1:]], dtype="boolean"), pd.array([None, *FLAG[1:]], dtype="Int8")),
        (np.array(["one", 2, None] * 20, dtype=object), np.array(["one", 2.0, None], dtype=object)),
    ],
)
def test_equal_values_are_the_same_whatever_their_dtype(old, new):
    encoder = fitted(pd.DataFrame({"a": old}))
    expected = encoder.transform(pd.DataFrame({"a": old}))[: len(new)]
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"a": new})), expected)


# ------------------------------------------------------------------------------------- any mixture


@given(
    st.lists(st.tuples(st.integers(0, N - 1), st.sampled_from(LEVELS)), max_size=12, unique=True),
    st.sets(st.integers(0, N - 1), max_size=12),
    st.booleans(),
)
def test_an_unknown_cell_changes_its_own_place_alone(unknown, missing, standard):
    X = pd.DataFrame(PLAIN).astype(dict.fromkeys(LEVELS, object))
    encoder = fitted(X, continuous="standard" if standard else "quantile")
    expected = encoder.transform(X)
    new = X.copy()
    for row, name in unknown:
        new.loc[row, name] = "unheard of"
        j = X.columns.get_loc(name)
        for span in encoder.spans_[j]:
            expected[row, span] = nothing(encoder, j)
    new.loc[sorted(missing), "number"] = np.nan
    expected[sorted(missing), encoder.spans_[0][0]] = 0
    np.testing.assert_array_equal(encoder.transform(new), expected)
