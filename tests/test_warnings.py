"""Warnings point at the user's line."""

import pytest
from sklearn.base import BaseEstimator, _fit_context

from imbdeep._warnings import warn


class Warns(BaseEstimator):
    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X):
        self.transform = sorted(X, key=lambda _: warn("too few rows"))
        return self


@pytest.mark.parametrize("call", [lambda: warn("too few rows"), lambda: Warns().fit([1])])
def test_the_line_is_outside_the_packages(call):
    with pytest.warns(UserWarning, match="too few rows") as caught:
        call()
    assert caught[0].filename == __file__
