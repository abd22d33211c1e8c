"""Generated rows and what they are made of."""

import numpy as np
import pytest

from imbdeep.classifiers import GAMOClassifier
from imbdeep.displays import AnchorsDisplay

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(30, 3))
IMAGES = RNG.random((30, 1, 4, 4))
WEIGHTS = np.array([[0.5, 0.3, 0.2, 0.0], [0.0, 0.0, 0.0, 1.0], [0.25, 0.25, 0.25, 0.25]])


class Generator:
    """Combines rows 3, 10, 11 and 25 of what it was given, by fixed weights."""

    classes_ = np.array(["few", "many"])
    class_counts_ = np.array([4, 26])
    anchors = np.array([3, 10, 11, 25])

    def __init__(self, X, **attributes):
        self.X, self.seeds = X, []
        self.__dict__.update(attributes)

    def generate(self, n, target, *, return_weights, random_state):
        assert return_weights
        self.seeds.append(random_state)
        weights = WEIGHTS[np.arange(n) % 3]
        rows = np.tensordot(weights, self.X[self.anchors].astype(float), 1)
        if self.X.dtype.kind in "iu":
            rows = np.rint(rows)
        return rows.astype(self.X.dtype), self.anchors, weights


def texts_of(display):
    return [text.get_text() for text in display.ax_.texts]


def test_effective_anchors_of_a_copy_and_of_the_mean():
    display = AnchorsDisplay(WEIGHTS @ TABLE[:4], TABLE[:4], WEIGHTS)
    entropy = -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2))
    assert display.effective_anchors == pytest.approx([np.exp(entropy), 1, 4])


def test_images_heaviest_first_and_the_others_as_their_mean():
    model = Generator(IMAGES)
    display = AnchorsDisplay.from_estimator(model, IMAGES, "few", n=3, n_anchors=2)
    # A generated image, two anchors, and the mean of the others where these have any weight.
    pictures = [np.array(picture.get_array()) for picture in display.ax_.images]
    assert len(pictures) == 3 + 6 + 2
    assert display.ax_.get_title() == "Class few"
    heads = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert heads == ["generated", "heaviest anchors", "mean of others"]
    texts = [text for text in texts_of(display) if text]
    assert texts == [
        "50 %\nrow 3", "30 %\nrow 10", "20 %\n2 others",
        "100 %\nrow 25", "0 %\nrow 3", "0 %\n2 others",
        "25 %\nrow 3", "25 %\nrow 10", "50 %\n2 others",
    ]  # fmt: skip
    names = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert names == ["2.8 effective\nanchors", "1.0 effective\nanchors", "4.0 effective\nanchors"]
    # A line reads as a sum.
    assert pictures[2] == pytest.approx(
        0.25 * pictures[7] + 0.25 * pictures[8] + 0.5 * pictures[10]
    )


def test_says_where_x_is_not_what_was_fitted():
    model = Generator(IMAGES)
    with pytest.raises(ValueError, match=r"differ from the weighted sums.*in the same order"):
        AnchorsDisplay.from_estimator(model, IMAGES[::-1], "few")
    with pytest.raises(ValueError, match="X has 20 rows, and this Generator was fitted on 30"):
        AnchorsDisplay.from_estimator(model, IMAGES[:20], "few")


def test_tables_have_bars_and_cells():
    X = 5 + np.tanh(TABLE)  # of one digit before the point
    display = AnchorsDisplay.from_estimator(Generator(X), X, "few", n=2, n_anchors=2)
    widths = [bars[0].get_width() for bars in display.ax_.containers]
    scale = widths[0] / 0.5
    assert widths == pytest.approx(np.array([0.5, 0.3, 0.2, 1, 0, 0]) * scale)
    texts = texts_of(display)
    assert texts[:3] == ["x0", "x1", "x2"]
    assert texts.count("generated") == 2
    with pytest.raises(ValueError, match="n_anchors=0 must be a whole number"):
        display.plot(n_anchors=0)
    assert {"row 3", "row 10", "2 others", "2.8 effective anchors"} <= set(texts)
    assert f"{X[3, 1]:.3f}" in texts
    assert f"{(WEIGHTS @ X[Generator.anchors])[0, 1]:.3f}" in texts
    low, high = display.ax_.get_ylim()
    assert all(high <= text.get_position()[1] <= low for text in display.ax_.texts)


@pytest.mark.parametrize(
    "generated, anchors, weights, more, message",
    [
        (TABLE[:3], TABLE[:5], WEIGHTS, {}, r"weights has shape \(3, 4\), but there are 5 anchors"),
        (TABLE[:2], TABLE[:4], WEIGHTS, {}, "but there are 3 lines of weights"),
        (TABLE[:3], TABLE[:4], WEIGHTS * 2, {}, "are not negative and sum to 1"),
        (TABLE[:0], TABLE[:4], WEIGHTS[:0], {}, "a line of weights or more"),
        (TABLE[:3], TABLE[0], WEIGHTS, {}, "anchors has shape"),
        (None, TABLE[:4], WEIGHTS, {}, "generated=None is for features of images"),
        (TABLE[:3], TABLE[:4], WEIGHTS, {"positions": [1]}, r"positions has shape \(1,\)"),
        (TABLE[:3], TABLE[:4], WEIGHTS, {"feature_names": ["a"]}, "1 feature_names for 3 columns"),
    ],
)
def test_constructor_refuses(generated, anchors, weights, more, message):
    with pytest.raises(ValueError, match=message):
        AnchorsDisplay(generated, anchors, weights, **more)


@pytest.mark.filterwarnings("ignore:The generator has collapsed")
def test_anchors_of_features_are_shown_as_the_images_that_were_fitted():
    flat = RNG.random((40, 64)).astype(np.float32)
    y = np.repeat(["many", "few"], [30, 10])
    small = dict.fromkeys(GAMOClassifier._LAYERS, (8,))
    game = GAMOClassifier(max_steps=2, network="cnn", image_shape=(1, 8, 8), device="cpu", **small)
    display = AnchorsDisplay.from_estimator(game.fit(flat, y), flat, "few", n=3)
    assert display.anchors.shape == (10, 1, 8, 8)
    assert display.positions.tolist() == list(range(30, 40))
    assert display.generated is None
