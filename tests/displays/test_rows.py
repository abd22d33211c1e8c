"""Rows, columns and labels of any container."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from imbdeep.displays import _rows


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_of_frames(make):
    X = make(
        {
            "number": [1.5, None, 2.5],
            "count": [1, 2, 3],
            "flag": [True, False, True],
            "word": ["b", None, "a"],
        }
    )
    real, generated, kinds, levels = _rows.read_tables(X, X[:2])
    assert real.T.tolist() == [
        pytest.approx([1.5, np.nan, 2.5], nan_ok=True),
        [1, 2, 3],
        [1, 0, 1],
        pytest.approx([1, np.nan, 0], nan_ok=True),
    ]
    assert np.array_equal(generated, real[:2], equal_nan=True)
    assert kinds == ["discrete", "discrete", "categorical", "categorical"]
    assert levels == {2: ["False", "True"], 3: ["a", "b"]}
    assert _rows.cells_of(X)[1].tolist() == [None, 2, False, None]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["2", "1", np.nan], dtype="category"),
        pd.Series(["2", "1", None], dtype="string"),
        np.array(["2", "1", None], dtype=object),
        pl.Series(["2", "1", None], dtype=pl.Categorical),
    ],
)
def test_categories_are_positions_of_sorted_levels(column):
    codes, _, kind, levels = _rows.read_column(column, column[:1], "a")
    assert codes.tolist() == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert (kind, levels) == ("categorical", ["1", "2"])


def test_many_numbers_are_continuous_and_words_cannot_be():
    many = np.arange(13)
    assert _rows.read_column(many, many, "x")[2] == "continuous"
    assert _rows.read_column(many[:12], many[:12], "x")[2] == "discrete"
    words = np.array(["a"])
    with pytest.raises(ValueError, match="'x' is said to be continuous"):
        _rows.read_column(words, words, "x", "continuous")
