"""From parameters to players and rounds: sizes, caps, the class left out, u and v."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.building import schedule_of, sizes_of
from tests.test_common import made

TABLE, IMAGES = torch.randn(10, 5), torch.rand(10, 1, 8, 8)


def classifier_of(counts=(7, 9, 2), **params):
    """A classifier that has seen how many rows there are."""
    classifier = made(GAMOClassifier, **params)
    classifier.class_counts_ = np.array(counts)
    classifier.classes_ = np.arange(len(counts))
    classifier.encoder_ = None
    return classifier


@pytest.mark.parametrize(
    "max_anchors, expected",
    [(None, (2, 7)), (100, (2, 7)), (7, (2, 7)), (6, (2, 6)), (1, (1, 1))],
)
def test_anchors_are_all_rows_of_a_class_up_to_the_cap(max_anchors, expected):
    sizes = sizes_of(classifier_of(max_anchors=max_anchors), TABLE, (2, 0), False)
    assert sizes.n_anchors == expected
    assert sizes.minority == (2, 0)


def test_without_minority_there_are_no_anchors():
    for max_anchors in (None, 5):
        sizes = sizes_of(classifier_of((4, 4), max_anchors=max_anchors), TABLE, (), False)
        assert sizes.n_anchors == sizes.minority == ()


@pytest.mark.parametrize(
    "counts, complement, expected",
    [
        ((7, 9, 2), "minority", (1,)),
        ((9, 7, 2), "minority", (0,)),
        ((9, 7, 9), "minority", (0, 2)),
        ((7, 9, 2), "all", ()),
    ],
)
def test_the_largest_class_is_left_out_where_asked(counts, complement, expected):
    sizes = sizes_of(classifier_of(counts, complement=complement), TABLE, (), False)
    assert sizes.without == expected


@pytest.mark.parametrize("convolutional", [True, False])
def test_sizes_are_those_asked_for(convolutional):
    params = {
        "hidden_layer_sizes": [np.int64(9), 4],
        "generator_layer_sizes": np.array([5, 6]),
        "discriminator_layer_sizes": (),
        "latent_dim": np.int64(3),
        "n_extracted": 8,
        "generator": "conditional",
        "discriminator": False,
    }
    sizes = sizes_of(classifier_of(**params), IMAGES, (2,), convolutional)
    assert (sizes.hidden, sizes.generator_hidden, sizes.discriminator_hidden) == (
        *((9, 4), (5, 6)),
        (),
    )
    assert {type(n) for n in (*sizes.hidden, *sizes.generator_hidden, sizes.latent_dim)} == {int}
    assert (sizes.latent_dim, sizes.n_classes, sizes.shape) == (3, 3, (1, 8, 8))
    assert (sizes.generator, sizes.discriminator) == ("conditional", False)
    assert sizes.convolutional == convolutional
    assert sizes.width == (8 if convolutional else 64)
    assert sizes.columns == (0, 64, (), (), True)
    assert sizes_of(classifier_of(), TABLE, (), False).columns == (5, 0, (), (), False)


@given(st.integers(2, 500), st.integers(2, 64), st.integers(1, 500))
def test_a_round_is_a_pass_or_what_is_asked_for(n, batch_size, max_steps):
    def schedule(convolutional, **steps):
        found = schedule_of(
            made(GAMOClassifier, batch_size=batch_size, max_steps=max_steps, **steps),
            n,
            convolutional,
        )
        assert found.max_steps == max_steps
        return found.feature_steps, found.game_steps

    u, v = schedule(True)
    assert u == v
    assert (u - 1) * batch_size < n <= u * batch_size
    assert schedule(False) == (0, 100)
    assert schedule(True, feature_steps=3) == (3, v)
    assert schedule(True, game_steps=7) == (u, 7)
    assert schedule(False, feature_steps=3, game_steps=7) == (0, 7)
