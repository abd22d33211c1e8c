"""Recall against the size of the class."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score

from imbdeep.displays import RecallDisplay

X, Y = load_iris(return_X_y=True)
ROWS = np.concatenate([np.arange(50), np.arange(50, 70), np.arange(100, 105)])


def fitted(**params):
    model = LogisticRegression(max_iter=1000, **params).fit(X[ROWS], Y[ROWS])
    model.class_counts_ = np.bincount(Y[ROWS])
    return model


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def names_of(display):
    """The labels above the axes."""
    (above,) = display.ax_.child_axes
    return above.get_xticklabels()


def test_recalls_of_classifiers_are_those_of_scikit_learn():
    models = {"plain": fitted(), "weighted": fitted(class_weight="balanced")}
    display = RecallDisplay.from_estimator(models, X, Y)
    assert display.class_counts.tolist() == [50, 20, 5]
    for name, model in models.items():
        guess = model.predict(X)
        assert display.recalls[name] == pytest.approx(recall_score(Y, guess, average=None))
        mean = balanced_accuracy_score(Y, guess)
        assert display.balanced_accuracy[name] == pytest.approx(mean)
        assert f"{name}\nbalanced accuracy {mean:.3f}" in legend_of(display)
        line = display.lines_[name]
        assert line.get_xdata().tolist() == [50, 20, 5]
        assert line.get_ydata() == pytest.approx(display.recalls[name])
    assert display.ax_.get_xscale() == "log"
    assert [text.get_text() for text in names_of(display)] == ["2", "1", "0"]


def test_a_class_without_test_rows_has_no_recall_and_no_part_in_the_mean():
    display = RecallDisplay.from_predictions(
        ["a", "b", "b"], ["a", "c", "b"], class_counts={"a": 9, "b": 5, "c": 2}
    )
    assert display.recalls["predictions"] == pytest.approx([1, 0.5, np.nan], nan_ok=True)
    assert display.balanced_accuracy["predictions"] == 0.75
    assert display.lines_["predictions"].get_xdata().tolist() == [9, 5]


def ticks_of(counts):
    display = RecallDisplay([0.5] * len(counts), counts, range(len(counts))).plot()
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    ticks = display.ax_.get_xticks()
    assert all(low <= tick <= high for tick in ticks)
    return [label.get_text() for label in display.ax_.get_xticklabels()]


@pytest.mark.parametrize(
    "counts, expected",
    [
        ([5, 5000], ["10", "30", "100", "300", "1,000", "3,000"]),
        ([50, 50], ["50"]),
        ([61, 68], ["61", "68"]),
        ([0, 0], ["0"]),
    ],
)
def test_numbers_of_rows_are_written_out(counts, expected):
    assert ticks_of(counts) == expected


def test_classes_without_rows_stand_at_the_left():
    assert ticks_of([0, 1, 100])[:2] == ["0", "1"]
    display = RecallDisplay([0.1, 0.5], [0, 30], ["new", "old"]).plot()
    assert display.lines_["recall"].get_xdata().tolist() == [0.5, 30]


@settings(max_examples=8)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=12))
def test_names_of_classes_do_not_overlap(counts):
    classes = [f"c{k}" for k in range(len(counts))]
    figure, ax = plt.subplots()
    display = RecallDisplay({"a": np.linspace(0, 1, len(counts))}, counts, classes).plot(ax)
    names = names_of(display)
    low, high = np.log(ax.get_xlim())
    at = (np.log([text.get_position()[0] for text in names]) - low) / (high - low)
    assert len(at) == len(set(counts))
    assert (np.diff(at) > 0.04).all()
    assert at.min() >= -1e-9
    assert at.max() <= 1 + 1e-9
    # In the order of their sizes, and each class is named.
    by_size = [[classes[k] for k in np.flatnonzero(np.equal(counts, n))] for n in np.unique(counts)]
    drawn = [text.get_text() for text in names]
    assert [text[:2] for text in drawn] == [group[0][:2] for group in by_size]
    plt.close(figure)


def test_refuses_recalls_that_are_none():
    with pytest.raises(ValueError, match="recalls of 'a' are all NaN"):
        RecallDisplay({"a": [np.nan, np.nan]}, [1, 2], [0, 1])
