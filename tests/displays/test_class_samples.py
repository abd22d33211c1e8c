"""Generated images of every class beside real ones."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from imbdeep.classifiers import GAMOClassifier
from imbdeep.displays import ClassSamplesDisplay

#: Class k has images of the value k / 10, of 60, 30, 10 and 2 rows.
Y = np.repeat([0, 1, 2, 3], [60, 30, 10, 2])
IMAGES = np.full((102, 1, 4, 4), 0.0) + (Y / 10)[:, None, None, None]


class Sampler:
    """Generates images of the value 1 - k / 10, and notes what it is asked."""

    def __init__(self, shape=(1, 4, 4), **attributes):
        self.asked, self.shape = [], shape
        self.sampling_strategy_ = {0: 0, 3: 58, 1: 30, 2: 50}
        self.__dict__.update(attributes)

    def sample(self, n, target, *, random_state):
        self.asked.append((n, target, random_state))
        return np.full((n, *self.shape), 1 - target / 10)


class Classifier:
    """As GAMOClassifier does, it generates and does not sample."""

    def __init__(self, minority, shape=(1, 4, 4)):
        self.minority_, self.shape = np.asarray(minority), shape

    def generate(self, n, target, *, random_state):
        return np.full((n, *self.shape), 0.5)


def names_of(display):
    return [tick.get_text() for tick in display.ax_.get_yticklabels()]


def test_a_line_for_each_class_that_rows_are_added_to_the_frequent_first():
    sampler = Sampler()
    display = ClassSamplesDisplay.from_estimator(sampler, IMAGES, Y, n=5)
    assert display.labels == [1, 2, 3]
    assert names_of(display) == ["1\n30 rows", "2\n10 rows", "3\n2 rows"]
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["real", "generated"]
    for label, real, generated in zip(display.labels, display.real, display.generated, strict=True):
        assert real == pytest.approx(label / 10)
        assert generated == pytest.approx(1 - label / 10)
        assert len(real) == min(5, np.sum(label == Y))
    # Images of a line stand at one height.
    boxes = np.array([picture.get_extent() for picture in display.ax_.images])
    assert len(boxes) == 5 + 5 + 2 + 15
    assert len(set(boxes[:, 3])) == 3


@pytest.mark.parametrize("targets, labels", [(2, [2]), ([3, 1, 3], [3, 1]), (np.array([0]), [0])])
def test_classes_by_name(targets, labels):
    sampler = Sampler()
    del sampler.sampling_strategy_  # not needed then
    display = ClassSamplesDisplay.from_estimator(sampler, IMAGES, Y, targets)
    assert display.labels == labels


@pytest.mark.parametrize(
    "estimator, X, message",
    [
        (Classifier([1], (512,)), IMAGES, r"Classifier makes rows of shape \(512,\).*GAMO2PixSam"),
        (Classifier([9]), IMAGES, "No row of y is target=9"),
        (Classifier([]), IMAGES, "This Classifier generates no class"),
        (Sampler(sampling_strategy_={0: 0}), IMAGES, "This Sampler generates no class"),
    ],
)
def test_refuses_what_cannot_be_drawn(estimator, X, message):
    with pytest.raises(ValueError, match=message):
        ClassSamplesDisplay.from_estimator(estimator, X, Y)


def test_refuses_parameters_and_estimators():
    with pytest.raises(ValueError, match="n=0 must be a whole number of at least 1"):
        ClassSamplesDisplay.from_estimator(Sampler(), IMAGES, Y, n=0)
    with pytest.raises(ValueError, match="targets is empty"):
        ClassSamplesDisplay.from_estimator(Sampler(), IMAGES, Y, [])
    sampler = Sampler()
    del sampler.sampling_strategy_
    with pytest.raises(NotFittedError, match="call fit_resample first"):
        ClassSamplesDisplay.from_estimator(sampler, IMAGES, Y)


@pytest.mark.parametrize(
    "real, generated, labels, message",
    [
        ([IMAGES], [IMAGES[:0]], None, "at least one generated one of each class"),
        ([IMAGES], [IMAGES[:, :, :2]], None, "give images of one size"),
        ([IMAGES, IMAGES], [IMAGES], None, "real has 2 entries.*give one a class"),
        ([IMAGES], [IMAGES], ["a", "b"], "labels has 2 entries"),
    ],
)
def test_constructor_refuses(real, generated, labels, message):
    with pytest.raises(ValueError, match=message):
        ClassSamplesDisplay(real, generated, labels=labels)


@pytest.mark.filterwarnings("ignore:The generator has collapsed")
def test_refuses_a_gamo_that_makes_features():
    images = np.random.default_rng(0).random((40, 1, 8, 8)).astype(np.float32)
    y = np.repeat(["a", "b"], [28, 12])
    small = dict.fromkeys(GAMOClassifier._LAYERS, (8,))
    game = GAMOClassifier(max_steps=2, network="cnn", n_extracted=64, device="cpu", **small)
    with pytest.raises(ValueError, match=r"it makes features.*GAMO2PixSampler"):
        ClassSamplesDisplay.from_estimator(game.fit(images, y), images, y)
