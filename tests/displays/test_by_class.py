"""Counting rows, hits and mistakes of each class."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.metrics import confusion_matrix

from imbdeep.displays._by_class import (
    by_frequency,
    check_counts,
    check_values,
    confusion,
    counts_of,
    fitted_classifier,
    labels_beside,
    named,
    per_class,
    positions,
)


def classifier(**counts):
    return SimpleNamespace(classes_=np.array(list(counts)), class_counts_=list(counts.values()))


def test_rows_have_a_label_each():
    assert labels_beside(np.zeros((2, 3)), [[0, 1], [1, 0]]).tolist() == [1, 0]
    with pytest.raises(ValueError, match="X has 2 rows, y shape \\(3,\\): give one label a row"):
        labels_beside(np.zeros((2, 3)), [0, 1, 1])


def test_one_thing_or_several_by_name():
    assert named(3, None, "default", "y_pred") == {"default": 3}
    assert named(3, "own", "default", "y_pred") == {"own": 3}
    assert named({"a": 1, 2: 3}, None, "default", "y_pred") == {"a": 1, "2": 3}


@pytest.mark.parametrize(
    "value, name, message",
    [
        ({"a": 1}, "b", "name='b' names a single one, but y_pred is a dict.*leave name out"),
        ({}, None, "y_pred is an empty dict"),
        ({1: 0, "1": 0}, None, "y_pred holds the name '1' twice.*give each its own"),
    ],
)
def test_refuses_names(value, name, message):
    with pytest.raises(ValueError, match=message):
        named(value, name, "default", "y_pred")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30),
    st.sampled_from([lambda v: v, np.array, pd.Series, torch.tensor]),
)
def test_confusion_is_that_of_scikit_learn(pairs, container):
    truth, guess = (list(part) for part in zip(*pairs, strict=True))
    matrices, counts, classes = confusion(
        container(truth), {"a": container(guess)}, [4, 3, 2, 1], None, range(4)
    )
    assert np.array_equal(matrices["a"], confusion_matrix(truth, guess, labels=range(4)))
    assert counts.tolist() == [4, 3, 2, 1]
    assert classes.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "class_counts, y_train, classes, expected",
    [
        ({"b": 2, "a": 5}, None, None, {"a": 5, "b": 2}),
        ({np.str_("b"): 2, "a": 5}, None, ["b", "a"], {"b": 2, "a": 5}),
        ([7, 8], None, None, {"a": 7, "b": 8}),
        ([7, 8], None, ["b", "a"], {"b": 7, "a": 8}),
        (None, pd.Series(["a", "b", "b"]), None, {"a": 1, "b": 2}),
    ],
)
def test_counts_from_what_there_is(class_counts, y_train, classes, expected):
    counts, labels = per_class(class_counts, y_train, classes, np.array(["a", "b"]))
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == expected
    assert labels.tolist() == list(expected)


def test_labels_of_several_types_keep_them():
    _, classes = per_class({"a": 1, 2: 3}, None, None, np.array([]))
    assert set(classes.tolist()) == {"a", 2}
    matrices, _, _ = confusion(
        np.array(["a", 2], dtype=object), {"m": np.array([2, 2], dtype=object)}, {"a": 1, 2: 3},
        None, None,
    )  # fmt: skip
    assert matrices["m"].trace() == 1


@pytest.mark.parametrize(
    "class_counts, y_train, classes, message",
    [
        (None, None, None, "neither of class_counts and y_train"),
        ([1, 2], ["a"], None, "both of class_counts and y_train"),
        ({"a": 1}, None, ["a", "b"], r"known of the classes \['a'\].*name the same ones"),
        ({"a": 1, "b": 1}, None, ["a"], "name the same ones"),
        ([1, 2, 3], None, None, "class_counts has 3 entries.*2 classes"),
        ([1, 2, 3], None, ["a", "b"], "give one number of training rows"),
    ],
)
def test_refuses_counts_of_other_classes(class_counts, y_train, classes, message):
    with pytest.raises(ValueError, match=message):
        per_class(class_counts, y_train, classes, np.array(["a", "b"]))


@pytest.mark.parametrize(
    "counts, classes, message",
    [
        ([], [], "give one number"),
        ([[1, 2]], ["a", "b"], "give one number"),
        ([1, -2], ["a", "b"], "class_counts of class b is -2, but must be"),
        ([np.nan, 2], ["a", "b"], "class_counts of class a is nan"),
        ([1, 2], ["a", "a"], "names a class twice"),
    ],
)
def test_refuses_impossible_counts(counts, classes, message):
    with pytest.raises(ValueError, match=message):
        check_counts(counts, classes)


def test_values_are_one_a_class_and_in_range():
    assert np.isnan(check_values([0.5, np.nan], 2, "recalls", "a", 0, 1)[1])
    with pytest.raises(ValueError, match=r"recalls of 'a' has shape \(1,\), but there are 2"):
        check_values([0.5], 2, "recalls", "a", 0, 1)
    with pytest.raises(ValueError, match=r"recalls of 'a' holds 1.5, but must be from 0 to 1"):
        check_values([0.5, 1.5], 2, "recalls", "a", 0, 1)
    with pytest.raises(ValueError, match="holds -1, but must be at least 0"):
        check_values([-1, 3], 2, "false positives", "a", 0, np.inf)


@pytest.mark.parametrize(
    "y_true, y_pred, message",
    [
        ([0, 1], [0], r"y_pred of 'm' has shape \(1,\), y_true \(2,\): give one prediction"),
        ([], [], "give at least one label"),
        ([0, 7], [0, 1], r"y_true holds the class 7.*\[0, 1\].*drop its rows"),
        ([0, 1], ["0", "1"], "y_pred of 'm' holds the class '0'.*changed their type"),
    ],
)
def test_refuses_predictions(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        confusion(y_true, {"m": y_pred}, {0: 5, 1: 5}, None, None)


def test_long_lists_of_classes_are_cut():
    with pytest.raises(ValueError, match=r"9\] and 90 more"):
        positions(np.array([-1]), np.arange(100), "y")


def test_counts_of_classifiers_are_theirs_unless_given():
    both = {"x": classifier(a=3, b=1), "y": classifier(b=1, a=3)}
    counts, y_train, classes = counts_of(both, None, None, "RecallDisplay")
    assert counts == {"a": 3, "b": 1}
    assert y_train is None
    assert classes.tolist() == ["a", "b"]
    foreign = {"z": SimpleNamespace(classes_=np.array(["a", "b"]))}
    assert counts_of(foreign, [5, 6], None, "")[2].tolist() == ["a", "b"]
    assert counts_of(foreign, None, ["a", "b"], "") == (None, ["a", "b"], None)


@pytest.mark.parametrize(
    "estimators, kind, message",
    [
        ({"x": object()}, NotFittedError, r"This object is not fitted.*call fit first"),
        (
            {"x": SimpleNamespace(classes_=np.array([0, 1]))},
            AttributeError,
            r"has no class_counts_.*RecallDisplay.from_estimator.*y_train=",
        ),
        (
            {"x": classifier(a=3, b=1), "y": classifier(a=3, c=1)},
            ValueError,
            r"'x' knows the classes \['a', 'b'\], 'y' \['a', 'c'\]: compare classifiers",
        ),
        (
            {"x": classifier(a=3, b=1), "y": classifier(a=3, b=2)},
            ValueError,
            "'x' was fitted on 1 rows of class b, 'y' on 2: compare classifiers",
        ),
    ],
)
def test_refuses_classifiers_that_cannot_be_compared(estimators, kind, message):
    with pytest.raises(kind, match=message):
        counts_of(estimators, None, None, "RecallDisplay")


def test_fitted_classifier_returns_what_is_there():
    assert fitted_classifier(classifier(a=3), "class_counts_") == [3]


def test_classes_of_one_size_stay_as_they_are():
    assert by_frequency(np.array([2, 5, 2, 9])).tolist() == [3, 1, 0, 2]
