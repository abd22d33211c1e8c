"""Counting rows, hits and mistakes of each class, as every display of predictions does."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from imbdeep.displays import FalsePositivesDisplay, RecallDisplay


class Constant(SimpleNamespace):
    """Predicts its first class."""

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def classifier(**counts):
    return Constant(classes_=np.array(list(counts)), class_counts_=list(counts.values()))


Y_TRUE, Y_PRED = ["a", "b"], ["a", "a"]


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"class_counts": {"b": 2, "a": 5}}, {"a": 5, "b": 2}),
        ({"class_counts": {np.str_("b"): 2, "a": 5}, "classes": ["b", "a"]}, {"b": 2, "a": 5}),
        ({"class_counts": [7, 8]}, {"a": 7, "b": 8}),
        ({"class_counts": [7, 8], "classes": ["b", "a"]}, {"b": 7, "a": 8}),
        ({"y_train": pd.Series(["a", "b", "b"])}, {"a": 1, "b": 2}),
    ],
)
def test_counts_from_what_there_is(given, expected):
    display = RecallDisplay.from_predictions(Y_TRUE, Y_PRED, **given)
    found = zip(display.classes.tolist(), display.class_counts.tolist(), strict=True)
    assert list(found) == list(expected.items())


@pytest.mark.parametrize(
    "given, message",
    [
        ({}, "neither of class_counts and y_train"),
        ({"class_counts": [1, 2], "y_train": ["a"]}, "both of class_counts and y_train"),
        ({"class_counts": {"a": 1}, "classes": ["a", "b"]}, r"known of the classes \['a'\]"),
        ({"class_counts": {"a": 1, "b": 1}, "classes": ["a"]}, "name the same ones"),
        ({"class_counts": [1, 2, 3]}, "give one number of training rows"),
        ({"class_counts": [1, -2]}, "class_counts of class b is -2, but must be"),
        ({"class_counts": [np.nan, 2]}, "class_counts of class a is nan"),
        ({"class_counts": [1, 2], "classes": ["a", "a"]}, "names a class twice"),
        ({"class_counts": {"a": 1}}, "y_true holds the class 'b'.*drop its rows"),
    ],
)
def test_refuses_counts(given, message):
    with pytest.raises(ValueError, match=message):
        RecallDisplay.from_predictions(Y_TRUE, Y_PRED, **given)


@pytest.mark.parametrize(
    "y_true, y_pred, message",
    [
        ([0, 1], [0], r"y_pred of 'predictions' has shape \(1,\), y_true \(2,\): give one"),
        ([], [], "give at least one label"),
        ([0, 1], {"m": ["0", "1"]}, "y_pred of 'm' holds the class '0'.*changed their type"),
        ([0, 1], {}, "y_pred is an empty dict"),
        ([0, 1], {1: [0, 1], "1": [0, 1]}, "y_pred holds the name '1' twice"),
    ],
)
def test_refuses_predictions(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        FalsePositivesDisplay.from_predictions(y_true, y_pred, class_counts={0: 5, 1: 5})


@pytest.mark.parametrize("display", [RecallDisplay, FalsePositivesDisplay])
def test_values_are_one_a_class_and_in_range(display):
    with pytest.raises(ValueError, match=r"of 'a' has shape \(1,\), but there are 2"):
        display({"a": [1]}, [1, 2], [0, 1])
    with pytest.raises(ValueError, match=r"of 'a' holds -1, but must be (from 0 to 1|at least 0)"):
        display({"a": [-1, 1]}, [1, 2], [0, 1])


def test_counts_and_names_of_classifiers_are_theirs_unless_given():
    X, y = np.zeros((2, 1)), ["a", "b"]
    both = {"x": classifier(a=3, b=1), "y": classifier(b=1, a=3)}
    display = RecallDisplay.from_estimator(both, X, y)
    assert display.class_counts.tolist() == [3, 1]
    assert list(display.recalls) == ["x", "y"]
    foreign = Constant(classes_=np.array(["a", "b"]))
    for known in ({"class_counts": [5, 6]}, {"y_train": ["a"] * 5 + ["b"] * 6}):
        display = RecallDisplay.from_estimator(foreign, X, y, **known)
        assert display.class_counts.tolist() == [5, 6]
    assert list(display.recalls) == ["Constant"]
    display = RecallDisplay.from_estimator(foreign, X, y, name="mine", class_counts=[1, 1])
    assert list(display.recalls) == ["mine"]
    with pytest.raises(ValueError, match="name='b' names a single one, but estimator is a dict"):
        RecallDisplay.from_estimator(both, X, y, name="b")


@pytest.mark.parametrize("other", [classifier(a=3, c=1), classifier(a=3, b=2)])
def test_refuses_classifiers_that_cannot_be_compared(other):
    models = {"x": classifier(a=3, b=1), "y": other}
    with pytest.raises(ValueError, match=r"'x' was fitted on .*'a', 3.*'y' on .*: compare class"):
        RecallDisplay.from_estimator(models, np.zeros((2, 1)), ["a", "b"])
