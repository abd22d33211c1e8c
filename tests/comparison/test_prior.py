import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from imbdeep.comparison import without_prior
from imbdeep.comparison._prior import PriorCorrectedClassifier


def test_without_prior_is_bayes_rule():
    """From p(k|x) under the training shares to p(k|x) under equal ones, both known here."""
    likelihood = np.random.default_rng(0).random((6, 3))
    counts = np.array([70, 20, 10])
    given = likelihood * counts / (likelihood * counts).sum(axis=1, keepdims=True)
    expected = likelihood / likelihood.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(without_prior(given, counts), expected)
    np.testing.assert_allclose(without_prior(given, np.array([5, 5, 5])), given)


def test_prior_correction_is_what_equal_classes_would_say():
    X, y = make_classification(500, weights=[0.9], random_state=0)
    plain = LogisticRegression().fit(X, y)
    corrected = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    shares = np.bincount(y) / len(y)
    odds = plain.predict_proba(X) / shares
    assert corrected.predict_proba(X) == pytest.approx(odds / odds.sum(axis=1, keepdims=True))
    # The threshold becomes the minority's share.
    is_above = plain.predict_proba(X)[:, 1] > shares[1]
    assert (corrected.predict(X) == is_above).all()


def test_a_classifier_that_knows_the_shares_alone_knows_nothing_once_corrected():
    y = np.repeat([0, 1, 2], [6, 3, 1])
    corrected = PriorCorrectedClassifier(DummyClassifier(strategy="prior")).fit(
        np.zeros((10, 1)), y
    )
    assert corrected.predict_proba(np.zeros((2, 1))) == pytest.approx(1 / 3)
