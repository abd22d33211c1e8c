"""Scores by hand."""

import numpy as np
import pytest

from imbdeep.reproductions._scores import METRICS, scored


def test_scores_by_hand():
    y = np.array([0, 0, 1, 1, 2])
    p = np.eye(3)[[0, 1, 1, 1, 2]] * 0.5 + 0.1
    metrics = scored(y, p)
    assert tuple(metrics) == (*METRICS, "macro G-mean")
    # Recalls 1/2, 1 and 1; class 1 gets one of the three rows that are not its own.
    assert metrics["macro G-mean"] == pytest.approx((np.sqrt(1 / 2) + np.sqrt(2 / 3) + 1) / 3)
    assert metrics["balanced accuracy"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert metrics["G-mean"] == pytest.approx((1 / 2) ** (1 / 3))
    assert metrics["macro F1"] == pytest.approx((2 / 3 + 4 / 5 + 1) / 3)
    # Class 0: one of two first, then all others at once; class 1: two of three first; class 2: one.
    assert metrics["average precision"] == pytest.approx(((1 + 2 / 5) / 2 + 2 / 3 + 1) / 3)


def test_scores_are_over_the_classes_that_are_there():
    p = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    assert scored(np.array([0, 1]), p)["balanced accuracy"] == 0.5
    assert scored(np.array([0, 1]), p)["G-mean"] == 0.0
