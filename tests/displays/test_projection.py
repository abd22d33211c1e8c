"""Points in two dimensions."""

import numpy as np
import pytest

from imbdeep.displays._projection import neighbour_map, two_components


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
