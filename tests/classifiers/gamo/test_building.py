"""From parameters to players and rounds: sizes, caps, the class left out, u and v."""

import numpy as np
import pytest
import torch

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.building import sizes_of
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
