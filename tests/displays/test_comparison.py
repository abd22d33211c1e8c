"""Scores of many methods side by side."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from imbdeep.displays import ComparisonDisplay
from imbdeep.displays._canvas import BLUE, VERMILION

VALUES = np.array([[0.84, 0.80, 0.85], [0.81, 0.83, 0.82], [0.60, 0.75, 0.66]])
NAMES = ["MGVAE", "SMOTE", "nothing"]


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def rows_of(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def comparison(n_methods=3, classifiers=("mlp", "mlp", "own model"), n_folds=4):
    stream = np.random.default_rng(0)
    names = [f"method {k}" for k in range(n_methods)]
    scores = {
        metric: pd.DataFrame(stream.random((n_folds, n_methods)), columns=names)
        for metric in ("accuracy", "gm_root")
    }
    ranks = pd.DataFrame(
        {"accuracy": np.arange(n_methods)[::-1] + 1.0, "gm_root": np.arange(n_methods) + 1.0},
        index=names,
    )
    learners = pd.DataFrame(dict.fromkeys(scores, classifiers), index=names)
    return SimpleNamespace(
        best=scores.get, ranks=ranks, classifiers=learners, simple=("method 0", "failed")
    )


def test_a_line_a_method_from_the_best_to_the_worst():
    display = ComparisonDisplay(VALUES, NAMES, simple=["SMOTE", "nothing"], metric="gm").plot()
    assert rows_of(display) == ["MGVAE  0.830", "SMOTE  0.820", "nothing  0.670"]
    bottom, top = display.ax_.get_ylim()
    assert top < 0 < 2 < bottom  # the first line is at the top
    for name, values in zip(NAMES, VALUES, strict=True):
        points = display.points_[name]
        assert points.get_xdata().tolist() == values.tolist()
        assert len(set(points.get_ydata())) == 1
    assert display.means == pytest.approx(VALUES.mean(axis=1))
    assert display.deviations == pytest.approx(pd.DataFrame(VALUES).std(axis=1))
    assert display.ax_.get_xlabel() == "gm (higher is better)"


def test_simple_methods_have_a_colour_and_the_best_of_them_the_line():
    display = ComparisonDisplay(VALUES, NAMES, simple=["nothing", "SMOTE"]).plot()
    colors = {name: to_hex(line.get_color()) for name, line in display.points_.items()}
    assert colors == {"MGVAE": VERMILION.lower(), "SMOTE": BLUE.lower(), "nothing": BLUE.lower()}
    assert display.reference_ == "SMOTE"  # the best mean, wherever it stands
    dotted = [line for line in display.ax_.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == pytest.approx([0.82])
    assert legend_of(display) == [
        "simple method", "other method", "fold", "mean and\nstandard deviation",
        "best simple method,\nSMOTE",
    ]  # fmt: skip


def test_missing_blocks_are_left_out():
    values = [[0.8, np.nan, 0.6], [np.nan, 0.5, np.nan]]
    display = ComparisonDisplay(values, ["a", "b"]).plot()
    assert display.points_["a"].get_xdata().tolist() == [0.8, 0.6]
    assert display.means == pytest.approx([0.7, 0.5])
    assert display.deviations == pytest.approx([0.2 / np.sqrt(2), np.nan], nan_ok=True)


def test_takes_the_scores_of_a_comparison():
    found = comparison()
    display = ComparisonDisplay.from_comparison(found)
    assert display.metric == "accuracy"
    assert display.names == ["method 2, own model", "method 1, mlp", "method 0, mlp"]  # by rank
    assert display.simple == ["method 0, mlp"]
    assert display.means == pytest.approx(found.best("accuracy").mean()[::-1].to_numpy())
    assert display.values.shape == (3, 4)
    other = ComparisonDisplay.from_comparison(found, "gm_root")
    assert [name[:8] for name in other.names] == ["method 0", "method 1", "method 2"]
    with pytest.raises(ValueError, match=r"metric='f1' is not among .*'accuracy', 'gm_root'"):
        ComparisonDisplay.from_comparison(found, "f1")


@pytest.mark.parametrize(
    "values, names, options, message",
    [
        ([0.1, 0.2], ["a", "b"], {}, r"values has shape \(2,\) for 2 names"),
        ([[0.1, 0.2]], ["a", "b"], {}, r"shape \(1, 2\) for 2 names.*a row a name"),
        (np.empty((1, 0)), ["a"], {}, r"shape \(1, 0\)"),
        ([[0.1], [0.2]], ["a", "a"], {}, "'a' twice"),
        ([[0.1], [np.nan]], ["a", "b"], {}, r"values of 'b' are \[nan\].*method that failed"),
        ([[0.1], [np.inf]], ["a", "b"], {}, "none infinite"),
        ([[0.1], [0.2]], ["a", "b"], {"simple": ["c"]}, r"simple names 'c'.*\['a', 'b'\]"),
    ],
)
def test_refuses_what_does_not_match(values, names, options, message):
    with pytest.raises(ValueError, match=message):
        ComparisonDisplay(values, names, **options)
