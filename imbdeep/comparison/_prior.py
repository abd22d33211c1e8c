"""The prior taken out of probabilities: a threshold moved without anything to tune."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone


def without_prior(probabilities: ArrayLike, counts: ArrayLike) -> NDArray[np.float64]:
    r"""Probabilities had all classes been equally frequent in training.

    By the rule of Bayes, :math:`p'(k \mid x) \propto p(k \mid x) / N_k`.

    Parameters
    ----------
    probabilities : array-like of shape (n, n_classes)
        Of a classifier trained on the classes as they are.
    counts : array-like of shape (n_classes,)
        Rows of each class in its training, or their shares.

    Returns
    -------
    ndarray of shape (n, n_classes)
        Rows that sum to 1.

    Examples
    --------
    >>> from imbdeep.comparison import without_prior
    >>> without_prior([[0.75, 0.25]], [90, 10]).round(3)
    array([[0.25, 0.75]])
    """
    odds = np.asarray(probabilities) / np.asarray(counts)
    corrected: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return corrected


class PriorCorrectedClassifier(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are taken :func:`without_prior`."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> PriorCorrectedClassifier:
        """Fit the classifier, and count the classes."""
        self.classes_, self.class_counts_ = np.unique(y, return_counts=True)
        self.estimator_ = clone(self.estimator).fit(X, y)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities had all classes been equally frequent."""
        return without_prior(self.estimator_.predict_proba(X), self.class_counts_)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the highest corrected probability."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels
