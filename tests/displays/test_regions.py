"""Decision regions in the plane of two columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import NearestCentroid

from imbdeep.displays import DecisionRegionsDisplay

RNG = np.random.default_rng(0)
Y = np.repeat(["few", "many", "some"], [10, 40, 20])
CENTRE = np.array([[0, 0], [9, 0], [0, 9]])[np.unique(Y, return_inverse=True)[1]]
#: Three clouds far from each other, in units that differ by far.
X = (RNG.normal(size=(70, 2)) + CENTRE) * [1, 1000]
CENTRES = NearestCentroid().fit(X, Y)


class Threshold(ClassifierMixin, BaseEstimator):
    """Class "b" where the first column is above a number; it notes what it is asked."""

    def __init__(self, at=0.0):
        self.at = at

    def fit(self, X, y):
        self.classes_ = np.array(["a", "b"])
        self.asked_ = []
        return self

    def predict(self, X):
        self.asked_.append(X)
        first = X[:, 0] if isinstance(X, np.ndarray) else np.asarray(X)[:, 0]
        return self.classes_[(first > self.at).astype(int)]


class Generator(Threshold):
    """Generates the same point again and again, and notes the seeds."""

    def fit(self, X, y):
        self.minority_ = np.array(["b"])
        self.seeds_ = []
        return super().fit(X, y)

    def generate(self, n, target, *, random_state):
        self.seeds_.append(random_state)
        return np.full((n, 2), [5.0, 7.0])


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_regions_are_the_predictions_of_the_grid():
    display = DecisionRegionsDisplay.from_estimator(CENTRES, X, Y, grid_resolution=30)
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    assert np.array_equal(display.classes[display.regions.ravel()], CENTRES.predict(grid))
    assert len(np.unique(display.regions)) == 3
    drawn = display.ax_.collections[0].get_array()
    assert np.array_equal(np.ravel(drawn), display.regions.ravel())


def test_rows_are_dots_of_their_class_the_frequent_first():
    display = DecisionRegionsDisplay.from_estimator(CENTRES, X, Y, name="three")
    assert legend_of(display) == ["many (40 rows)", "some (20 rows)", "few (10 rows)"]
    assert [len(line.get_xdata()) for line in display.ax_.lines] == [40, 20, 10]
    assert len({line.get_color() for line in display.ax_.lines}) == 3
    assert display.ax_.lines[2].get_ydata() == pytest.approx(X[Y == "few", 1])
    assert display.ax_.get_title() == "three"


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, np.array, torch.tensor, list])
def test_containers_and_names_of_axes(make):
    names = ["income", "age"]
    if make in (pd.DataFrame, pl.DataFrame):
        rows = make(dict(zip(names, X.T, strict=True)))
    else:
        rows, names = make(X.tolist()), ["x0", "x1"]
    model = Threshold().fit(rows, Y)
    y = np.where(X[:, 0] > 0, "b", "a")
    display = DecisionRegionsDisplay.from_estimator(model, rows, y, grid_resolution=9)
    assert [display.ax_.get_xlabel(), display.ax_.get_ylabel()] == names
    assert np.allclose(display.X, X)
    (asked,) = model.asked_
    assert len(asked) == 81
    if make in (pd.DataFrame, pl.DataFrame):
        assert isinstance(asked, make)
        assert list(asked.columns) == names


def test_generated_rows_are_crosses_within_the_picture():
    points, y = np.array([[-1.0, 0.0], [1.0, 1.0], [-2.0, 0.5]]), ["a", "b", "a"]
    model = Generator().fit(points, y)
    display = DecisionRegionsDisplay.from_estimator(model, points, y, n_generated=6)
    assert legend_of(display) == ["a (2 rows)", "b (1 row)", "b, generated (6)"]
    (crosses,) = (line for line in display.ax_.lines if line.get_marker() == "+")
    assert len(crosses.get_xdata()) == 6
    assert display.ax_.get_ylim()[1] > 7
    DecisionRegionsDisplay.from_estimator(model, points, y, n_generated=6)
    assert model.seeds_[0] == model.seeds_[1]
    bare = DecisionRegionsDisplay.from_estimator(model, points, y, n_generated=0)
    assert len(model.seeds_) == 2
    assert len(bare.generated[0]) == 0


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, torch.tensor])
def test_generated_rows_of_a_sampler_are_shown_in_place_of_the_own(make):
    points, y = np.array([[-1.0, 0.0], [1.0, 1.0]]), ["a", "b"]
    model = Generator().fit(points, y)
    new = make(np.array([[3.0, 0.0], [4.0, 0.0]]))
    display = DecisionRegionsDisplay.from_estimator(model, points, y, generated=(new, ["b", "a"]))
    assert not model.seeds_
    assert display.generated[0].tolist() == [[3.0, 0.0], [4.0, 0.0]]
    assert legend_of(display)[2:] == ["a, generated (1)", "b, generated (1)"]
    assert display.ax_.get_xlim()[1] > 4


@pytest.mark.parametrize(
    "rows, message",
    [
        (np.zeros((70, 3)), r"X has shape \(70, 3\), but a plane has two columns.*FeaturesDisplay"),
        (np.zeros((70, 1, 4, 4)), "a plane has two columns"),
        (pd.DataFrame({"a": X[:, 0], "b": Y}), "Column 'b' of X holds values that are no numbers"),
        (np.where(X > 0, np.inf, X), "Column x0 contains infinity"),
    ],
)
def test_refuses_rows(rows, message):
    with pytest.raises(ValueError, match=message):
        DecisionRegionsDisplay.from_estimator(CENTRES, rows, Y)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_generated": -1}, "n_generated=-1 must be a whole number of at least 0"),
        ({"grid_resolution": 1}, "grid_resolution must be greater than 1"),
        ({"generated": (X[:, :1], Y)}, r"generated has shape \(70, 1\)"),
        ({"generated": (X, Y[:3])}, "give one label a row"),
        ({"generated": (X, np.repeat("else", 70))}, "generated holds the class 'else'"),
    ],
)
def test_refuses_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        DecisionRegionsDisplay.from_estimator(CENTRES, X, Y, **arguments)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"regions": np.zeros((2, 3), int)}, "give three grids of one shape"),
        ({"regions": np.full((2, 2), 2)}, "positions among the 2 classes"),
        ({"feature_names": ["a"]}, "1 feature_names for 2 columns"),
        ({"classes": ["a", "c"]}, "y holds the class 'b'"),
    ],
)
def test_constructor_refuses(change, message):
    right = {
        "xx0": np.array([[0.0, 1.0], [0.0, 1.0]]), "xx1": np.array([[0.0, 0.0], [1.0, 1.0]]),
        "regions": np.array([[0, 1], [0, 1]]), "X": [[0.0, 0.0], [1.0, 1.0]], "y": ["a", "b"],
    }  # fmt: skip
    assert DecisionRegionsDisplay(**right).plot().ax_.get_title() == ""
    with pytest.raises(ValueError, match=message):
        DecisionRegionsDisplay(**right | change)
