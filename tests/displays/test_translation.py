"""Images and what they become."""

import numpy as np
import pytest

from imbdeep.displays import TranslationDisplay

IMAGES = np.random.default_rng(0).random((20, 1, 4, 4))


class Translator:
    """Adds the target to every pixel, and notes the seeds."""

    def __init__(self, **attributes):
        self.seeds = []
        self.__dict__.update(attributes)

    def translate(self, X, target, *, random_state):
        self.seeds.append(random_state)
        return X + target


def test_each_translation_is_below_its_exemplar():
    sampler = Translator(generator_={0: None, 1: None, 2: None}, majority_class_=0)
    display = TranslationDisplay.from_estimator(sampler, IMAGES, n_pairs=3, random_state=0)
    assert display.labels == [1, 2]
    for label, part in zip(display.labels, display.translations, strict=True):
        assert part == pytest.approx(display.exemplars + label)
    assert len(display.ax_.images) == 9
    left = [picture.get_extent()[0] for picture in display.ax_.images]
    assert left[:3] == left[3:6] == left[6:]
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert ticks == ["exemplars", "as class 1", "as class 2"]


@pytest.mark.parametrize("targets, labels", [(3, [3]), ([3, 4], [3, 4]), (np.array([5]), [5])])
def test_targets_by_name(targets, labels):
    display = TranslationDisplay.from_estimator(Translator(), IMAGES, targets, n_pairs=99)
    assert display.labels == labels
    assert len(display.exemplars) == 20


@pytest.mark.parametrize(
    "exemplars, translations, labels, message",
    [
        (IMAGES[:0], [IMAGES[:0]], None, "one line of translations or more"),
        (IMAGES[0], [IMAGES[0]], None, "give images of shape"),
        (IMAGES, [IMAGES[:5]], None, "one translation for each exemplar"),
        (IMAGES, [IMAGES], ["a", "b"], "2 labels for 1 lines"),
    ],
)
def test_refuses_what_does_not_match(exemplars, translations, labels, message):
    with pytest.raises(ValueError, match=message):
        TranslationDisplay(exemplars, translations, labels=labels)
