"""What translations change."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from imbdeep.displays import (
    PerturbationDisplay,
)

IMAGES = np.random.default_rng(0).random((30, 1, 4, 4))
Y = np.repeat(["big", "middle", "small"], [15, 10, 5])


class Translator:
    """Adds what it is told to, or applies it; notes how it was called."""

    classes_ = np.array(["big", "middle", "small"])
    class_counts_ = np.array([15, 10, 5])

    def __init__(self, change=0.01, **attributes):
        self.change, self.calls = change, []
        self.__dict__.update(attributes)

    def translate(self, X, target, *, y, return_confidence, random_state):
        assert return_confidence
        self.calls.append((X, target, np.asarray(y), random_state))
        moved = self.change(X) if callable(self.change) else X + self.change
        # A mean of several teachers' probabilities may be above 1 by a rounding error.
        return moved, np.full(len(y), 1 + 1e-7)


def drawn(display):
    return [np.asarray(image.get_array()) for image in display.ax_.images]


def bars_of(display):
    """Where the bars of each kind end; all begin at 0."""
    return {
        part.get_label(): [bar.get_x() + bar.get_width() for bar in part]
        for part in display.ax_.containers
    }


def test_perturbations_are_amplified_around_grey():
    seeds = np.full((3, 1, 2, 2), 0.5)
    seeds[:, 0, 0] = 0, 1  # the range of the pictures
    change = np.zeros_like(seeds)
    change[1, 0, 1, 0], change[2, 0, 1, 1] = 0.03, -0.4
    display = PerturbationDisplay(seeds, seeds + change, list("abc"), "t").plot()
    pictures = drawn(display)
    assert np.array_equal(pictures[:3], seeds[:, 0])
    assert pictures[6:] == pytest.approx((seeds + change)[:, 0])
    assert np.array_equal(pictures[3], np.full((2, 2), 0.5))
    assert pictures[4] == pytest.approx(np.array([[0.5, 0.5], [0.8, 0.5]]))
    assert pictures[5] == pytest.approx(np.array([[0.5, 0.5], [0.5, 0.0]]))  # cut off
    assert drawn(display.plot(amplify=2))[4][1, 0] == pytest.approx(0.56)


@pytest.mark.parametrize("flat", [False, True])
def test_seeds_are_rows_of_larger_classes(flat):
    model = Translator(image_shape=(1, 4, 4) if flat else None)
    X = IMAGES.reshape(30, 16) if flat else IMAGES
    display = PerturbationDisplay.from_estimator(model, X, Y, "middle", random_state=0)
    ((rows, target, labels, seed),) = model.calls
    assert target == "middle"
    assert isinstance(seed, int)
    assert labels.tolist() == display.seed_labels.tolist() == ["big"] * 5
    assert rows.shape == ((5, 16) if flat else (5, 1, 4, 4))
    assert display.seeds.shape == display.translations.shape == (5, 1, 4, 4)
    assert display.translations == pytest.approx(display.seeds + 0.01)
    assert all((row == X[:15]).reshape(15, -1).all(axis=1).any() for row in rows)
    assert display.confidence.tolist() == [1] * 5


TABLE = pd.DataFrame(
    {
        "income": np.arange(30.0) * 10,
        "city": ["Oslo", "Rome"] * 15,
        "constant": 3,
        "age": np.where(np.arange(30) % 3, np.linspace(20, 60, 30), np.nan),
    }
)


def move(X):
    """Income falls by 20, half of the cities become Oslo, the constant becomes 5."""
    frame = pd.DataFrame(X).copy()
    frame.columns = list(TABLE)
    frame["income"] = frame["income"].astype(float) - 20
    frame["city"] = "Oslo"
    frame["constant"] = frame["constant"].astype(int) + 2
    return frame


@pytest.mark.parametrize(
    "container, back",
    [
        (lambda X: X, lambda X: X),
        (pl.from_pandas, pl.from_pandas),
        (lambda X: X.to_numpy(), lambda X: X.to_numpy()),
    ],
    ids=["pandas", "polars", "numpy"],
)
def test_changes_of_columns_in_their_standard_deviations(container, back):
    def change(X):
        return back(move(X.to_pandas() if hasattr(X, "to_pandas") else X))

    X = container(TABLE)
    display = PerturbationDisplay.from_estimator(Translator(change), X, Y, "small", n=24)
    named = hasattr(X, "columns")
    assert display.feature_names == (list(TABLE) if named else ["x0", "x1", "x2", "x3"])
    income = 20 / TABLE["income"].std(ddof=0)
    rome = (display.seeds[:, 1] == 1).mean()
    # The city is drawn from two levels of half the rows each, and its variance is 1/4.
    assert display.changes == pytest.approx([income, rome / 0.5, 2, 0])
    assert display.shifts == pytest.approx([-income, np.nan, 2, 0], nan_ok=True)
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert ticks == [display.feature_names[j] for j in (2, 1, 0, 3)]
    assert bars_of(display)["another level"] == pytest.approx([rome / 0.5])
    assert "24 rows translated into class small" in display.ax_.get_title()
    assert "teacher's mean confidence 1.00" in display.ax_.get_title()


def test_falls_and_rises_of_a_column():
    seeds = np.zeros((4, 2))
    moved = np.array([[1, 0], [1, 0], [-4, 0], [0, np.nan]])
    display = PerturbationDisplay(seeds, moved, [0] * 4, 1, scales=[2, 1], feature_names="ab")
    bars = bars_of(display.plot())
    assert bars["rises"] == pytest.approx([0.25, 0])  # 2 over 4 rows, in units of 2
    assert bars["falls"] == pytest.approx([-0.5, 0])
    assert display.changes.tolist() == [0.75, 0]
    assert display.shifts.tolist() == [-0.25, 0]


def test_of_many_columns_those_that_moved_the_most():
    change = np.arange(20.0)
    display = PerturbationDisplay(np.zeros((1, 20)), change[None], [0], 1).plot()
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert ticks == [f"x{j}" for j in range(19, 7, -1)]
    assert len(display.plot(max_features=3).ax_.get_yticklabels()) == 3
    assert display.ax_.get_title() == "1 row translated into class 1"


@pytest.mark.parametrize(
    "model, target, labels, kind, message",
    [
        (Translator(translate=None), "tiny", Y, ValueError, "target='tiny' is no class.*name one"),
        (Translator(), "big", Y, ValueError, r"more training rows than target='big' with 15: name"),
        (Translator(), "middle", np.repeat("small", 30), ValueError, "add rows of classes with"),
        (Translator(), "small", np.repeat("huge", 30), ValueError, "y holds the class 'huge'"),
        (Translator(lambda X: X[1:]), "small", Y, ValueError, "give pairs"),
    ],
)
def test_refuses_what_cannot_be_translated(model, target, labels, kind, message):
    with pytest.raises(kind, match=message):
        PerturbationDisplay.from_estimator(model, IMAGES, labels, target)


def test_refuses_other_columns_and_numbers():
    model = Translator(lambda X: X.rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match=r"made of them .*years.*give rows of the same table"):
        PerturbationDisplay.from_estimator(model, TABLE, Y, "small")
    with pytest.raises(ValueError, match="n=0 must be a whole number of at least 1"):
        PerturbationDisplay.from_estimator(Translator(), IMAGES, Y, "small", 0)


@pytest.mark.parametrize(
    "seeds, translations, labels, arguments, message",
    [
        (IMAGES, IMAGES[:2], Y, {}, "give pairs"),
        (IMAGES[:0], IMAGES[:0], [], {}, "at least one"),
        (IMAGES, IMAGES, Y[:3], {}, r"seed_labels has shape \(3,\) for 30 seeds"),
        (IMAGES, IMAGES, Y, {"confidence": [1]}, r"confidence has shape \(1,\)"),
        (IMAGES[:1], IMAGES[:1], Y[:1], {"confidence": [1.5]}, "probabilities from 0 to 1"),
        (np.ones((1, 2)), np.ones((1, 2)), [0], {"scales": [1]}, "1 scales for 2 columns"),
        (np.ones((1, 2)), np.ones((1, 2)), [0], {"feature_names": ["a"]}, "1 feature_names"),
    ],
)
def test_refuses_what_does_not_match(seeds, translations, labels, arguments, message):
    with pytest.raises(ValueError, match=message):
        PerturbationDisplay(seeds, translations, labels, "t", **arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"amplify": 0}, "amplify=0 must be a positive number"),
        ({"max_features": 0}, "max_features=0 must be a whole number"),
    ],
)
def test_refuses_to_draw(arguments, message):
    with pytest.raises(ValueError, match=message):
        PerturbationDisplay(np.ones((1, 2)), np.ones((1, 2)), [0], 1).plot(**arguments)
