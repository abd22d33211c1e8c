"""Points of the latent space."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from imbdeep.displays import LatentDisplay

CODES = np.random.default_rng(0).normal(size=(60, 5)) * [9, 5, 1, 1, 1]
GROUPS = np.repeat(["a", "b"], [40, 20])


def points_of(display):
    return [part.get_offsets().data for part in display.ax_.collections]


def test_many_dimensions_become_two_components():
    display = LatentDisplay.from_codes(CODES, GROUPS, title="a title")
    pca = PCA(2).fit(CODES)
    assert np.abs(display.codes) == pytest.approx(np.abs(pca.transform(CODES)))
    assert display.explained_variance_ratio == pytest.approx(pca.explained_variance_ratio_)
    first, second = points_of(display)
    assert np.array_equal(first, display.codes[:40])
    assert np.array_equal(second, display.codes[40:])
    assert display.ax_.get_xlabel().startswith("principal component 1 (")
    assert display.ax_.get_title() == "a title"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["a", "b"]


def test_one_dimension_is_drawn_in_a_band_for_each_group():
    display = LatentDisplay.from_codes(CODES[:, :1], GROUPS)
    first, second = points_of(display)
    assert np.array_equal(first[:, 0], CODES[:40, 0])
    assert first[:, 1].min() > second[:, 1].max()
    assert display.ax_.get_ylabel() == ""


class Encoder(SimpleNamespace):
    """Codes are the rows plus the target; new rows are 100 and more."""

    classes_, class_counts_ = np.array([0, 7, 8]), np.array([30, 15, 5])

    def encode(self, X, target):
        return np.asarray(X) + target

    def sample(self, n, target, *, random_state):
        return 100 + np.random.default_rng(random_state).random((n, 2))


def test_from_estimator_encodes_all_groups_in_the_model_of_the_class():
    X = np.column_stack([np.arange(50.0), np.zeros(50)])
    y = np.repeat([0, 7, 8], [30, 15, 5])
    display = LatentDisplay.from_estimator(Encoder(), X, y, 7, n=20, random_state=0)
    majority, generated, minority = points_of(display)
    assert len(majority) == len(generated) == 20
    assert set(majority[:, 0]) < set(np.arange(30.0) + 7)
    assert minority.tolist() == (X[30:45] + 7).tolist()
    assert generated.min() > 107
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["majority (class 0)", "generated (class 7)", "minority (class 7)"]
    # The kinds of groups keep their colours whatever the class is called.
    colors = {tuple(part.get_facecolor()[0]) for part in display.ax_.collections}
    assert len(colors) == 3
    again = LatentDisplay.from_estimator(Encoder(), X, y, 7, n=20, random_state=0)
    assert np.array_equal(display.codes, again.codes)


@pytest.mark.parametrize(
    "codes, groups, message",
    [
        (CODES[:, :2], GROUPS[:5], "give \\(n, d\\)"),
        (CODES[:0], GROUPS[:0], "n and d at least 1"),
        (CODES * np.nan, GROUPS, "NaN or infinity"),
        (CODES, GROUPS, "from_codes"),
    ],
)
def test_refuses_what_cannot_be_drawn(codes, groups, message):
    with pytest.raises(ValueError, match=message):
        LatentDisplay(codes, groups)
