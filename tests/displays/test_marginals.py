"""Distances and correlations against closed forms, and the shares that are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import spearmanr

from imbdeep.displays._marginals import correlation, distance, draw_bars

NAN = np.nan


@pytest.mark.parametrize(
    "real, generated, kind, expected",
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], "continuous", 0),
        ([0, 1], [5, 6], "continuous", 1),
        ([0, 1, 2, 3], [2, 3, 2, 3], "continuous", 0.5),
        ([0, 1, NAN, NAN], [0, 1, 0, 1], "continuous", 0.5),
        ([NAN, NAN], [1, 2], "continuous", 1),
        ([NAN, NAN], [NAN], "continuous", 0),
        ([0, 0, 1, 1], [0, 1, 1, 1], "discrete", 0.25),
        ([0, 0], [1], "categorical", 1),
        ([0, NAN], [0, 0], "binary", 0.5),
        ([7], [7, 7], "constant", 0),
    ],
)
def test_distance(real, generated, kind, expected):
    found = distance(np.array(real, float), np.array(generated, float), kind)
    assert found == pytest.approx(expected)


def test_correlation_is_spearmans_where_nothing_is_missing():
    table = np.random.default_rng(0).normal(size=(50, 4)).round(1)
    assert correlation(table) == pytest.approx(spearmanr(table).statistic)


def test_correlation_uses_the_rows_where_both_are_there():
    a = np.arange(20.0)
    b = np.where(a < 10, NAN, a**2)
    c = np.where(a < 10, 20 - a, NAN)
    found = correlation(np.column_stack([a, b, c]))
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 2] == pytest.approx(-1)
    assert np.isnan(found[1, 2])


def test_bars_of_rare_levels_are_put_together():
    ax = plt.subplots()[1]
    real = np.repeat(np.arange(10.0), np.arange(1, 11))
    draw_bars(ax, real, real, None)
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["3", "4", "5", "6", "7", "8", "9", "other"]
    heights = [bar.get_height() for bar in ax.patches]
    assert heights[7] == pytest.approx(6 / 55)
    assert sum(heights) == pytest.approx(2)
