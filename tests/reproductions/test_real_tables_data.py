"""Tables by name, their splits, and how they are thinned."""

import numpy as np
import pandas as pd
import pytest

from imbdeep.reproductions._real_tables_data import TABLES, TAILS, TEST_SHARE, Rows, scarcer, split


@pytest.mark.parametrize("name", ["pc1", "phoneme", "satimage", "german credit"])
@pytest.mark.parametrize("real", ["."], indirect=True)
def test_a_table_has_two_classes_the_rarer_being_one(name, real):
    rows = TABLES[name](real)
    assert len(rows.x) == len(rows.y)
    counts = np.bincount(rows.y)
    assert len(counts) == 2
    assert counts[1] < counts[0]


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("real", ["."], indirect=True)
def test_tails_have_several_classes_with_rows_enough(name, real):
    counts = np.unique(TAILS[name](real).y, return_counts=True)[1]
    assert len(counts) > 3
    assert counts.min() >= 100


@pytest.mark.parametrize("name", ["pc1", "phoneme", "satimage"])
def test_a_missing_file_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="--data"):
        TABLES[name](tmp_path)
    with pytest.raises(FileNotFoundError, match="--data"):
        TABLES[name](None)


def table(n=400, frame=False):
    y = (np.arange(n) % 10 == 0).astype(np.int64)
    x = np.arange(n, dtype=np.float64)[:, None]
    return Rows(pd.DataFrame(x, columns=["a"]) if frame else x, y)


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("most", [None, 200, 1000])
def test_split_keeps_shares_and_every_row_once(frame, most):
    taken, train, test = split(table(frame=frame), 0, most)
    n = min(most or 400, 400)
    assert len(taken.y) == n
    assert len(test) == TEST_SHARE * n
    assert sorted([*train, *test]) == list(range(n))
    assert taken.y[test].mean() == pytest.approx(0.1)
    values = np.asarray(taken.x)[:, 0]
    np.testing.assert_array_equal(taken.y, values % 10 == 0)


def test_of_two_classes_the_smaller_keeps_what_is_asked_for():
    taken, train, _ = split(table(), 0, None)
    rows = scarcer(taken.y, train, 5, 0, 100)
    assert np.bincount(taken.y[rows]).tolist() == [100, 5]
    assert set(rows) <= set(train)
    assert len(set(rows)) == len(rows)


def test_several_classes_become_a_long_tail_in_the_order_of_their_sizes():
    y = np.repeat(["b", "a", "c"], [300, 90, 100])
    rows = scarcer(y, np.arange(len(y)), 4, 0, 100)
    # 100, 100 (4 / 100)^(1/2) = 20, 4: b is the largest, a the smallest.
    assert dict(zip(*np.unique(y[rows], return_counts=True), strict=True)) == {
        "a": 4,
        "b": 100,
        "c": 20,
    }
