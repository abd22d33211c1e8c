"""Rows, columns and labels of any container."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from imbdeep.displays import _rows


@pytest.mark.parametrize(
    "make",
    [
        list,
        torch.tensor,
        pl.Series,
        lambda y: np.array(y)[:, None],
        lambda y: np.eye(3)[y],
        lambda y: pd.DataFrame(np.eye(3)[y]),
    ],
)
def test_labels_of_any_container(make):
    assert _rows.labels_of(make([0, 2, 1])).tolist() == [0, 2, 1]


def test_rows_of_a_class():
    labels = np.array(["a", "b", "a"])
    assert _rows.rows_of(labels, "a").tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"No row of y is target='c'; its labels are \['a', 'b'\]"):
        _rows.rows_of(labels, "c")


def test_choice_is_of_the_wanted_rows_without_replacement_in_order():
    X, rows = pd.DataFrame({"a": range(100)}), np.arange(50, 100)
    chosen = _rows.choose(X, rows, 20, np.random.RandomState(0))["a"].to_numpy()
    assert len(chosen) == 20
    assert chosen.min() >= 50
    assert np.all(np.diff(chosen) > 0)
    assert np.array_equal(_rows.choose(X, rows, 99, np.random.RandomState(0))["a"], rows)


def test_images_by_shape_of_data_or_parameter():
    flat, sampler = np.zeros((5, 12)), SimpleNamespace()
    assert _rows.image_shape_of(sampler, np.zeros((5, 1, 3, 4))) == (1, 3, 4)
    assert _rows.image_shape_of(sampler, flat) is None
    sampler.image_shape = [3, 2, 2]
    assert _rows.image_shape_of(sampler, flat) == (3, 2, 2)
    # A sampler may leave the parameter to the estimator that it trained.
    other = SimpleNamespace(image_shape=None, estimator_=sampler)
    assert _rows.image_shape_of(other, flat) == (3, 2, 2)
    assert _rows.as_images(flat, (3, 2, 2)).shape == (5, 3, 2, 2)
    with pytest.raises(ValueError, match="cannot be images of shape"):
        _rows.as_images(flat, (1, 3, 3))


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
        np.array([1, 2, None], dtype=object),
        pd.Series([1, 2, pd.NA], dtype="Int64"),
        pd.Series([1, 2, pd.NA], dtype=object),
        pl.Series([1, 2, None]),
    ],
)
def test_missing_numbers_are_nan(column):
    values = _rows.read_column(column, column, "a")[0]
    assert values.tolist() == pytest.approx([1, 2, np.nan], nan_ok=True)


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


def test_levels_are_those_of_both_tables():
    real, generated = np.array(["a", "c"]), np.array(["b", "c"])
    a, b, _, levels = _rows.read_column(real, generated, "x", "binary")
    assert (a.tolist(), b.tolist(), levels) == ([0, 2], [1, 2], ["a", "b", "c"])


def test_levels_of_several_types_and_numbers_called_categories():
    mixed = np.array([True, "x", 3], dtype=object)
    assert _rows.read_column(mixed, mixed, "x")[3] == ["3", "True", "x"]
    numbers = np.array([30, 7])
    codes, _, kind, levels = _rows.read_column(numbers, numbers, "x", "categorical")
    assert (codes.tolist(), kind, levels) == ([1, 0], "categorical", ["7", "30"])


def test_many_numbers_are_continuous_and_words_cannot_be():
    many = np.arange(13)
    assert _rows.read_column(many, many, "x")[2] == "continuous"
    assert _rows.read_column(many[:12], many[:12], "x")[2] == "discrete"
    words = np.array(["a"])
    with pytest.raises(ValueError, match="'x' is said to be continuous"):
        _rows.read_column(words, words, "x", "continuous")
