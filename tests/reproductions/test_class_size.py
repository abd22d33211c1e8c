"""What methods add, by the size of the smallest class."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import sem

from imbdeep.reproductions._class_size import draw_gains, gains

METHODS = ("nothing", "SMOTE", "a method of a long name, in a scheme of its own", "MGVAE")


@pytest.fixture
def scores():
    """Scores in long form, in no order of the sizes."""
    names = ["size", "dataset", "trial", "method"]
    frame = pd.MultiIndex.from_product(
        [(50, 5), list("abc"), (0, 1), METHODS], names=names
    ).to_frame()
    stream = np.random.default_rng(1)
    return frame.reset_index(drop=True).assign(
        AP=stream.random(len(frame)), AUC=0.7 + 0.001 * stream.random(len(frame))
    )


def test_gains_are_means_of_differences_within_a_repeat(scores):
    scores.loc[scores["dataset"] == "a", "AP"] -= 5  # what a data set does to all methods cancels
    scores.loc[scores.index[scores["method"] == "MGVAE"][0], "AP"] = np.nan
    means, errors = gains(scores, "AP", "nothing")
    assert list(means) == list(METHODS[1:])
    of_size = scores[scores["size"] == 5]
    ours, base = (
        of_size.loc[of_size["method"] == m, "AP"].to_numpy() for m in ("SMOTE", "nothing")
    )
    assert means["SMOTE"][5] == pytest.approx((ours - base).mean())
    assert errors["SMOTE"][5] == pytest.approx(sem(ours - base))
    assert means["MGVAE"].notna().all()  # a missing repeat is left out
    assert means["SMOTE"].index.tolist() == [5, 50]


def test_a_panel_a_metric_and_a_line_a_method(scores):
    figure = draw_gains(scores, ["AP", "AUC"], "nothing")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["AP", "AUC"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(METHODS)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    means, _ = gains(scores, "AP", "nothing")
    assert lines["SMOTE"].get_ydata() == pytest.approx(100 * means["SMOTE"].to_numpy())
    plt.close(figure)
