"""Penultimate features in two dimensions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.parallel import _get_threadpool_controller

from imbdeep.displays import FeaturesDisplay

RNG = np.random.default_rng(0)
Y = np.repeat(["few", "many", "some"], [10, 40, 20])
#: Three clouds far from each other in eight dimensions.
FEATURES = RNG.normal(size=(70, 8)) + 20 * np.eye(8)[np.unique(Y, return_inverse=True)[1]]


class Fake:
    """Its penultimate features are the rows times a factor; it notes what it is asked."""

    classes_ = np.array(["few", "many", "some"])
    class_counts_ = np.array([1, 9, 5])

    def __init__(self, factor=1.0):
        self.factor, self.asked = factor, []

    def penultimate_features(self, X):
        self.asked.append(X)
        return np.asarray(X, dtype=np.float32) * self.factor


def legend_of(display):
    place = display.axes_[0].get_legend() or display.figure_.legends[0]
    return [text.get_text() for text in place.get_texts()]


def test_neighbours_of_clouds_that_lie_apart_are_of_one_class():
    display = FeaturesDisplay.from_features(FEATURES, Y, random_state=0)
    points = display.points["features"]
    assert KNeighborsClassifier(3).fit(points, display.y).score(points, display.y) == 1
    # Its axes mean nothing.
    assert len(display.axes_[0].get_xticks()) == 0


def test_random_state_decides_and_the_number_of_threads_does_not():
    drawn = []
    for seed, threads in ((0, 1), (0, 4), (1, 1)):
        with _get_threadpool_controller().limit(limits=threads):
            drawn.append(
                FeaturesDisplay.from_features(FEATURES, Y, n_per_class=12, random_state=seed)
            )
    first, again, other = drawn
    assert first.points["features"].tobytes() == again.points["features"].tobytes()
    assert first.points["features"].tobytes() != other.points["features"].tobytes()


def test_up_to_n_rows_of_each_class_frequent_classes_first():
    features = np.column_stack([np.arange(70.0), np.arange(70.0) ** 2, np.ones(70)])
    display = FeaturesDisplay.from_features(
        features, pd.Series(Y), method="pca", n_per_class=15, random_state=0
    )
    assert dict(zip(*np.unique(display.y, return_counts=True), strict=True)) == {
        "few": 10, "many": 15, "some": 15,
    }  # fmt: skip
    assert display.classes.tolist() == legend_of(display) == ["many", "some", "few"]
    # A scatter for each class, drawn in that order.
    assert [len(part.get_offsets()) for part in display.axes_[0].collections] == [15, 15, 10]


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
def test_classifiers_side_by_side_show_the_same_rows(container):
    models = {"a": Fake(), "b": Fake(2.0)}
    display = FeaturesDisplay.from_estimator(
        models, container(FEATURES), Y, method="pca", n_per_class=5, random_state=0
    )
    assert list(display.points) == [ax.get_title() for ax in display.axes_] == ["a", "b"]
    assert [len(model.asked[0]) for model in models.values()] == [15, 15]
    assert isinstance(models["a"].asked[0], type(container(FEATURES)))
    assert np.array_equal(models["a"].asked[0], models["b"].asked[0])
    assert display.points["b"] == pytest.approx(2 * display.points["a"], rel=1e-5, abs=1e-5)
    # Rows and labels still belong together.
    chosen = np.asarray(models["a"].asked[0])
    rows = [int(np.flatnonzero((row == FEATURES).all(axis=1))[0]) for row in chosen]
    assert Y[rows].tolist() == display.y.tolist()
    assert display.classes.tolist() == ["many", "some", "few"]
    assert legend_of(display) == ["many", "some", "few"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"method": "umap"}, "method='umap' is not known: choose"),
        ({"n_per_class": 0}, "n_per_class=0 must be a whole number"),
        ({"perplexity": 0}, "'perplexity' parameter of TSNE"),
    ],
)
def test_refuses_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeaturesDisplay.from_features(FEATURES, Y, **arguments)
    with pytest.raises(ValueError, match=message):
        FeaturesDisplay.from_estimator(Fake(), FEATURES, Y, **arguments)


@pytest.mark.parametrize(
    "features, y, message",
    [
        (FEATURES, Y[:5], r"features of 'features' has shape \(70, 8\) and y \(5,\)"),
        (FEATURES[0], Y[:8], r"give \(n, d\) and \(n,\)"),
        (FEATURES * np.nan, Y, "holds NaN or infinity"),
        ({"a": FEATURES, "b": FEATURES[1:]}, Y, "features of 'b' has shape"),
    ],
)
def test_refuses_features(features, y, message):
    with pytest.raises(ValueError, match=message):
        FeaturesDisplay.from_features(features, y)


def test_refuses_points_of_other_dimensions_and_unknown_classes():
    with pytest.raises(ValueError, match="from_features, which reduces them"):
        FeaturesDisplay(FEATURES, Y)
    with pytest.raises(ValueError, match="y holds the class 'few'"):
        FeaturesDisplay(FEATURES[:, :2], Y, classes=["many", "some"])
    with pytest.raises(ValueError, match="y holds the class 'few'"):
        FeaturesDisplay.from_features(FEATURES, Y, class_counts={"many": 1, "some": 1})
