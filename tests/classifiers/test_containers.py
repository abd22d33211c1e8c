"""Classifiers take labels and rows in any container."""

import datetime
import enum
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from imbdeep.classifiers import ERMClassifier

N = 40
Y = np.r_[np.zeros(30, int), np.ones(10, int)]
X = np.random.default_rng(0).normal(size=(N, 3)) + 9 * Y[:, None]
DAYS = pd.to_datetime(np.where(Y, "2020-01-01", "2021-06-05"))
WORDS = np.where(Y, "a", "b")


def quick(**params):
    few = {"max_epochs": 40, "hidden_layer_sizes": (8,), "device": "cpu", "random_state": 0}
    return ERMClassifier(learning_rate=0.1, **{**few, **params})


LABELS = {
    "dates": pd.Series(DAYS),
    "nanoseconds": DAYS.as_unit("ns").values,
    "dates of a zone": pd.Series(DAYS.tz_localize("UTC")),
    "periods": pd.PeriodIndex(DAYS, freq="M"),
    "intervals": pd.IntervalIndex.from_arrays(Y, Y + 1).array,
    "spans": pd.Series(pd.to_timedelta(Y, unit="D")),
    "decimals": [Decimal(int(v)) for v in Y],
    "tuples": [("a", int(v)) for v in Y],
    "bytes": WORDS.astype("S"),
    "numpy strings": WORDS.astype(np.dtypes.StringDType()),
    "sparse": pd.arrays.SparseArray(Y),
    "extension array": pd.array(WORDS, dtype="str"),
    "pyarrow": pa.array(WORDS.tolist()),
    "polars": pl.Series([datetime.date(2020, 1, 1 + int(v)) for v in Y]),
    "masked": np.ma.masked_array(Y),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind_are_predicted(kind):
    y = LABELS[kind]
    classifier = quick().fit(X, y)
    found = classifier.predict(X).tolist()
    given = (y.to_pylist() if kind == "pyarrow" else list(y))[-1]
    assert classifier.score(X, y) == pytest.approx(1)
    assert found[-1] == given or np.datetime64(found[-1]) == given
    assert len(set(found)) == 2


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    "y, error, message",
    [
        (pd.Series([("1" if v else 0) for v in Y], dtype=object), TypeError, "several types"),
        ([Colour(int(v) + 1) for v in Y], TypeError, "Colour, e.g. .*no order"),
        (np.ma.masked_array(Y, Y == 1), ValueError, "missing labels"),
        (pd.MultiIndex.from_arrays([Y, Y]), TypeError, "MultiIndex"),
    ],
)
def test_other_labels_are_refused(y, error, message):
    with pytest.raises(error, match=message):
        quick().fit(X, y)


def test_what_is_under_a_mask_is_not_learned():
    mask = np.random.default_rng(1).random(X.shape) < 0.2
    expected = None
    for hidden in (0.0, np.inf, -1e9):
        data = np.ma.masked_array(np.where(mask, hidden, X), mask)
        found = quick().fit(data, Y).predict_proba(data)
        np.testing.assert_array_equal(found, found if expected is None else expected)
        expected = found


def test_masked_pixels_are_refused_in_fit_and_predict():
    images = np.random.default_rng(0).random((N, 1, 6, 6))
    masked = np.ma.masked_less(images, 0.1)
    classifier = quick()
    with pytest.raises(ValueError, match="pixels are masked"):
        classifier.fit(masked, Y)
    classifier.fit(images, Y)
    for new in (masked, masked.reshape(N, -1)):
        with pytest.raises(ValueError, match="pixels are masked"):
            classifier.predict(new)


@pytest.mark.parametrize("make", [pa.table, pa.record_batch])
def test_tables_of_pyarrow(make):
    table = make({name: X[:, j] for j, name in enumerate("abc")})
    frame = pd.DataFrame(X, columns=list("abc"))
    classifier = quick().fit(table, Y)
    assert classifier.feature_names_in_.tolist() == ["a", "b", "c"]
    expected = quick().fit(frame, Y).predict_proba(frame)
    np.testing.assert_array_equal(classifier.predict_proba(table), expected)


def test_a_column_that_became_text_is_refused():
    classifier = quick().fit(pd.DataFrame({"a": np.arange(N) % 5, "b": X[:, 0]}), Y)
    new = pd.DataFrame({"a": (np.arange(N) % 5).astype(str), "b": X[:, 0]})
    with pytest.raises(ValueError, match="'a' held numbers in fit and has dtype str now"):
        classifier.predict(new)
