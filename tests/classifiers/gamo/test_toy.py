"""Figure 1 of the paper: a rare class in a horseshoe around a frequent one, and what D is for.

The bounds hold with a margin for six runs of each classifier (three data sets, two seeds of the
networks), of which these are some. In those, the recalls of the frequent and the rare class were

    M alone                       .98 to .99    .27 to .31
    GAMO                          .90 to .91    .97 to .99
    GAMO, Algorithm 1             .90 to .92    .89 to .98
    GAMO, Algorithm 1, no D       .26 to .38    .85 to .96
"""

import numpy as np
import pytest

from imbdeep.classifiers import GAMOClassifier

# That a generator copies rows is no matter here.
pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed:UserWarning")


def horseshoe(seed, n_many=600, n_few=30):
    """A cloud, and a horseshoe of radius 2 around it, open below."""
    random = np.random.default_rng(seed)
    many = random.normal(scale=0.8, size=(n_many, 2))
    angle = random.uniform(1.2 - np.pi / 2, 1.5 * np.pi - 1.2, n_few)
    radius = random.normal(2.0, 0.2, n_few)
    few = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([many, few]), np.repeat(["many", "few"], [n_many, n_few])


def test_gamo_finds_both_classes():
    params = {"learning_rate": 1e-3, "encode": False, "device": "cpu", "random_state": 0}
    classifier = GAMOClassifier(max_steps=400, discriminator_lambda=4.0, **params)
    classifier.fit(*horseshoe(0))
    X, y = horseshoe(100, n_many=2000, n_few=2000)
    right = classifier.predict(X) == y
    assert right[y == "many"].mean() > 0.8
    assert right[y == "few"].mean() > 0.9
