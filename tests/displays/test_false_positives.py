"""Cumulative false positives."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from imbdeep.displays import FalsePositivesDisplay

LABELS = st.integers(0, 4)


@settings(max_examples=10)
@given(
    st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40),
    st.lists(st.integers(1, 99), min_size=5, max_size=5),
)
def test_sums_end_at_the_number_of_mistakes(pairs, counts):
    truth, guess = np.array(pairs).T
    figure, ax = plt.subplots()
    display = FalsePositivesDisplay.from_predictions(
        truth, guess, class_counts=counts, classes=range(5), ax=ax
    )
    plt.close(figure)
    sums = display.cumulative["predictions"]
    assert sums[-1] == (truth != guess).sum()
    assert (np.diff(sums) >= 0).all()
    matrix = confusion_matrix(truth, guess, labels=range(5))
    expected = (matrix.sum(axis=0) - matrix.diagonal())[display.order]
    assert np.diff(sums, prepend=0).tolist() == expected.tolist()
    assert (np.diff(np.array(counts)[display.order]) <= 0).all()


def test_every_mistake_into_the_majority_jumps_at_once_and_an_even_spread_is_straight():
    y_true = np.repeat([0, 1, 2, 3], 6)
    majority = np.zeros(24, int)
    # Two rows of each class go to each other class.
    even = np.concatenate([np.repeat(np.delete(np.arange(4), k), 2) for k in range(4)])
    display = FalsePositivesDisplay.from_predictions(
        y_true, {"majority": majority, "even": even}, class_counts=[90, 30, 10, 3]
    )
    assert display.cumulative["majority"].tolist() == [18, 18, 18, 18]
    assert display.cumulative["even"].tolist() == [6, 12, 18, 24]
    line, dotted = display.lines_["even"], display.ax_.lines[3]
    assert dotted.get_linestyle() == ":"
    drawn = np.interp(line.get_xdata(), dotted.get_xdata(), dotted.get_ydata())
    assert drawn == pytest.approx(line.get_ydata())
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["majority\n18 mistakes", "even\n24 mistakes", "spread evenly"]


def test_names_of_few_classes_in_the_order_of_their_sizes():
    display = FalsePositivesDisplay({"a": [1, 2, 0]}, [5, 50, 20], ["x", "y", "z"]).plot()
    ticks = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert ticks == ["y", "z", "x"]
    assert display.lines_["a"].get_ydata().tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize("values", [[0.5, 1], [np.nan, 1], [np.inf, 1]])
def test_refuses_what_is_no_number_of_rows(values):
    with pytest.raises(ValueError, match="give counts, not shares"):
        FalsePositivesDisplay({"a": values}, [1, 2], [0, 1])
