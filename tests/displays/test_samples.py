"""Generated against real rows, from fakes and from a sampler that was trained."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from imbdeep.displays import (
    SamplesDisplay,
)


def frame(n, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.lognormal(size=n),
            "city": rng.choice(["Oslo", "Rome"], n),
            "age": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "constant": 3,
        }
    )


REAL, GENERATED = frame(60, 0), frame(90, 1)
GENERATED["city"] = "Oslo"


class Fake(SimpleNamespace):
    """Generates the first rows of what it was given."""

    def sample(self, n, target, *, random_state):
        assert isinstance(random_state, int)
        return self.rows[:n]


def test_columns_by_number_and_by_name():
    display = SamplesDisplay.from_samples(REAL, GENERATED, max_features=3)
    assert len(display.axes_) == 3
    display.plot(features=["age", 0])
    assert [ax.get_title().split("\n")[0] for ax in display.axes_] == ["age", "income"]
    display.plot(kind="correlations", features=["age", "city"])
    ticks = [tick.get_text() for tick in display.axes_[0].get_yticklabels()]
    assert ticks == ["age", "city"]


def test_correlations_and_their_difference():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    real, generated = np.column_stack([a, a, a * 0]), np.column_stack([a, -a, a * 0])
    display = SamplesDisplay(real, generated, label=1).plot(kind="correlations")
    matrices = [ax.images[0].get_array() for ax in display.axes_]
    assert [matrix[0, 1] for matrix in matrices] == pytest.approx([1, -1, -2])
    assert all(matrix.mask[2].all() for matrix in matrices)
    # Of six pairs of different columns, four hold the constant and are left out.
    assert "mean size 2.00" in display.axes_[2].get_title()
    one = SamplesDisplay(real[:, :1], generated[:, :1]).plot(kind="correlations")
    assert one.axes_[2].get_title() == "generated - real"


def test_from_estimator_takes_rows_of_the_class_and_kinds_of_the_encoder():
    y = np.repeat(["a", "b"], [20, 40])
    encoder = SimpleNamespace(kinds_=["continuous", "binary", "continuous", "constant"])
    sampler = Fake(rows=GENERATED, encoder_=encoder)
    display = SamplesDisplay.from_estimator(sampler, REAL, y, "b", n=30, random_state=0)
    assert display.label == "b"
    assert display.kinds == encoder.kinds_
    assert len(display.real) == len(display.generated) == 30
    assert set(display.real[:, 0]) <= set(REAL["income"][20:])
    again = SamplesDisplay.from_estimator(sampler, REAL, y, "b", n=30, random_state=0)
    assert np.array_equal(display.real, again.real, equal_nan=True)
    with pytest.raises(ValueError, match="No row of y is target='c'"):
        SamplesDisplay.from_estimator(sampler, REAL, y, "c")


@pytest.mark.parametrize("flat", [False, True])
def test_images_real_above_generated(flat):
    X = np.random.default_rng(0).random((50, 1, 4, 4))
    rows = X.reshape(50, 16) if flat else X
    sampler = Fake(rows=rows, image_shape=(1, 4, 4) if flat else None)
    display = SamplesDisplay.from_estimator(sampler, rows, np.zeros(50), 0, cmap="gray_r")
    assert display.real.shape == display.generated.shape == (24, 1, 4, 4)
    pictures = display.axes_[0].images
    assert len(pictures) == 48
    assert pictures[0].get_extent()[3] < pictures[24].get_extent()[3]
    assert pictures[0].get_cmap().name == "gray_r"
    assert display.distances is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "violins"}, "choose 'marginals' or 'correlations'"),
        ({"features": ["weight"]}, "must name columns of the table"),
    ],
)
def test_refuses_to_draw(arguments, message):
    with pytest.raises(ValueError, match=message):
        SamplesDisplay.from_samples(REAL, GENERATED, **arguments)


@pytest.mark.parametrize(
    "real, generated, arguments",
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), {}),
        (np.zeros((0, 3)), np.zeros((2, 3)), {}),
        (np.zeros(3), np.zeros(3), {}),
        (np.zeros((2, 3)), np.zeros((2, 3)), {"feature_names": ["a"]}),
        (np.zeros((2, 3)), np.zeros((2, 3)), {"kinds": ["discrete"]}),
    ],
)
def test_refuses_what_does_not_match(real, generated, arguments):
    with pytest.raises(ValueError, match=r"at least one each|give one each"):
        SamplesDisplay(real, generated, **arguments)
