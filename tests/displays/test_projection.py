"""Points in two dimensions."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from imbdeep.displays._projection import component_names, neighbour_map, two_components

POINTS = np.random.default_rng(0).normal(size=(60, 5)) * [9, 5, 1, 1, 1]


def test_components_are_those_of_scikit_learn():
    points, shares = two_components(POINTS)
    pca = PCA(2).fit(POINTS)
    assert np.abs(points) == pytest.approx(np.abs(pca.transform(POINTS)))
    assert shares == pytest.approx(pca.explained_variance_ratio_)
    name = component_names(shares)[0]
    assert name == f"principal component 1 ({100 * shares[0]:.0f} % of the variance)"
    assert component_names(())[1] == "principal component 2"


@pytest.mark.parametrize(
    "reduce", [lambda x: two_components(x)[0], lambda x: neighbour_map(x, 30, 0)]
)
@pytest.mark.parametrize(
    "points",
    [
        np.ones((1, 4)),
        np.ones((5, 4)),
        np.arange(2.0)[:, None],
        np.arange(8.0).reshape(2, 4),
        np.arange(6.0).reshape(3, 2),
        np.repeat(np.eye(3), 3, axis=0),
    ],
    ids=["one row", "all equal", "one column", "two rows", "three rows", "copies"],
)
def test_few_rows_and_columns(points, reduce):
    found = reduce(points)
    assert found.shape == (len(points), 2)
    assert np.isfinite(found).all()
    assert found.any() == (np.ptp(points, axis=0).any() and len(points) > 1)
