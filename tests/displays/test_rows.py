"""Rows of any container as plain arrays."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError

from imbdeep.displays import _rows


class Nothing:
    pass


def test_fitted_says_what_to_do():
    with pytest.raises(NotFittedError, match="Nothing has no history_: call fit_resample"):
        _rows.fitted(Nothing(), "history_")


@pytest.mark.parametrize(
    "make",
    [
        np.array,
        pd.Series,
        pl.Series,
        list,
        torch.tensor,
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


@pytest.mark.parametrize(
    "make", [np.asarray, torch.tensor, sparse.csr_matrix, lambda x: x.tolist()]
)
def test_arrays_of_any_container(make):
    X = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(_rows.as_rows(make(X)), X)


def test_lists_keep_words_and_numbers():
    assert _rows.as_rows([[1, "a"]]).tolist() == [[1, "a"]]


def test_choice_is_of_the_wanted_rows_without_replacement_in_order():
    X = pd.DataFrame({"a": range(100)})
    rows = np.arange(50, 100)
    chosen = _rows.choose(X, rows, 20, np.random.RandomState(0))["a"].to_numpy()
    assert len(chosen) == 20
    assert chosen.min() >= 50
    assert np.all(np.diff(chosen) > 0)
    assert np.array_equal(_rows.choose(X, rows, 99, np.random.RandomState(0))["a"], rows)


def test_streams_repeat_by_seed_and_leave_the_global_one_alone():
    assert _rows.new_seed(_rows.stream_of(3)) == _rows.new_seed(_rows.stream_of(3))
    assert _rows.new_seed(_rows.stream_of(None)) != _rows.new_seed(_rows.stream_of(None))


def test_images_by_shape_of_data_or_parameter():
    flat, sampler = np.zeros((5, 12)), Nothing()
    assert _rows.image_shape_of(sampler, np.zeros((5, 1, 3, 4))) == (1, 3, 4)
    assert _rows.image_shape_of(sampler, flat) is None
    sampler.image_shape = [3, 2, 2]
    assert _rows.image_shape_of(sampler, flat) == (3, 2, 2)
    # A sampler may leave the parameter to the estimator that it trained.
    other = Nothing()
    other.image_shape, other.estimator_ = None, sampler
    assert _rows.image_shape_of(other, flat) == (3, 2, 2)
    assert _rows.as_images(flat, (3, 2, 2)).shape == (5, 3, 2, 2)
    with pytest.raises(ValueError, match="cannot be images of shape"):
        _rows.as_images(flat, (1, 3, 3))


FRAME = {
    "number": [1.5, None, 2.5],
    "count": [1, 2, 3],
    "flag": [True, False, True],
    "word": ["b", None, "a"],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_of_frames(make):
    X = make(FRAME)
    names, columns = _rows.names_of(X), list(_rows.columns_of(X))
    assert names == list(FRAME)
    number, count, flag, word = (
        _rows.read_column(column, column, name, None)
        for column, name in zip(columns, names, strict=True)
    )
    assert number[0].tolist() == pytest.approx([1.5, np.nan, 2.5], nan_ok=True)
    assert count[1].tolist() == [1, 2, 3]
    assert count[2:] == ("discrete", None)
    assert flag[0].tolist() == [1, 0, 1]
    assert flag[2:] == ("categorical", ["False", "True"])
    assert word[0].tolist() == pytest.approx([1, np.nan, 0], nan_ok=True)
    assert word[2:] == ("categorical", ["a", "b"])


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, 2, None], dtype=object),
        pd.Series([1, 2, pd.NA], dtype="Int64"),
        pd.Series([1.0, 2.0, np.nan], dtype="float32"),
        pd.Series([1, 2, pd.NA], dtype=object),
        pl.Series([1, 2, None]),
    ],
)
def test_missing_numbers_are_nan(column):
    values = _rows.read_column(column, column, "a", None)[0]
    assert values.tolist() == pytest.approx([1, 2, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([2, 1, np.nan], dtype="category"),
        pd.Series(["2", "1", None], dtype="string"),
        np.array(["2", "1", None], dtype=object),
        pl.Series(["2", "1", None], dtype=pl.Categorical),
    ],
)
def test_categories_are_positions_of_sorted_levels(column):
    codes, _, kind, levels = _rows.read_column(column, column[:1], "a", None)
    assert codes.tolist() == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert (kind, [level[0] for level in levels]) == ("categorical", ["1", "2"])


def test_levels_are_those_of_both_tables():
    real, generated = np.array(["a", "c"]), np.array(["b", "c"])
    a, b, _, levels = _rows.read_column(real, generated, "x", "binary")
    assert (a.tolist(), b.tolist(), levels) == ([0, 2], [1, 2], ["a", "b", "c"])


def test_levels_of_several_types_and_numbers_called_categories():
    mixed = np.array([True, "x", 3], dtype=object)
    assert _rows.read_column(mixed, mixed, "x", None)[3] == ["3", "True", "x"]
    numbers = np.array([30.0, 7.0])
    codes, _, kind, levels = _rows.read_column(numbers, numbers, "x", "categorical")
    assert (codes.tolist(), kind, levels) == ([1, 0], "categorical", ["7.0", "30.0"])


def test_many_numbers_are_continuous_and_words_cannot_be():
    many = np.arange(13)
    assert _rows.read_column(many, many, "x", None)[2] == "continuous"
    assert _rows.read_column(many[:12], many[:12], "x", None)[2] == "discrete"
    words = np.array(["a"])
    with pytest.raises(ValueError, match="'x' is said to be continuous"):
        _rows.read_column(words, words, "x", "continuous")
