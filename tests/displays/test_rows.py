"""Rows, columns and labels of any container."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from imbdeep.displays import _rows


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
