"""Random trees, boosted trees and a small network that vote."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import ThreadpoolController

from imbdeep.calibration import correct_prior
from imbdeep.seeding import draw_seed, random_stream, refuse_arguments, restored_on_failure, turn

#: Passes over the rows of the network, at least and at the most, and the
#: number of rows that it sees in all between them.
_LEAST_EPOCHS, _MOST_EPOCHS, _ROWS_SEEN = 5, 300, 15_000
#: Rows of a class, and of all that a random tree sees, at the most: beyond, the time grows and the
#: quality does not.
_CLASS_ROWS, _BAG = 50_000, 10_000
#: Random trees, and rounds of boosting.
_N_TREES, _N_ROUNDS = 30, 40
#: Classes beyond which there are fewer rounds, as each has a tree for every class.
_CLASSES = 10


class VotingEnsembleClassifier(ClassifierMixin, BaseEstimator):
    """Random trees, boosted trees and a small network that vote.

    Extremely random trees, boosted trees and a network with strong weight decay are trained on the
    rows as they are, and their probabilities averaged. They err on different rows, so that together
    they rank better than each of them. ``row_filter="auto"`` of the samplers is this classifier. If
    you can use it directly, generated rows rarely help further.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Seed of all parts.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
    estimator_ : sklearn.ensemble.VotingClassifier
        The fitted parts, ``estimator_.named_estimators_``.
    n_features_in_ : int
        Number of columns.

    Notes
    -----
    These three parts were chosen on the training rows of 14 tables, for their time. By
    ``python -m tests.benchmarks.ensemble`` (two seeds) they take 0.3 CPU seconds where seven parts,
    with a forest, logistic regression and three networks, take 3.8, and lose 0.5 points of average
    precision (64.8 and 65.3) and nothing in ROC-AUC (87.3 both).

    Of a class of more than 50 000 rows a random part stands for all, and probabilities are
    corrected for that. Rows must be numbers, best on one scale: put
    :class:`~imbdeep.encoding.TabularEncoder` in front. Probabilities are those of the data; for
    decisions in which all classes count alike wrap the whole in
    :class:`~imbdeep.calibration.PriorCorrectedClassifier` with ``prior="uniform"``.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.classifiers import VotingEnsembleClassifier
    >>> X, y = make_classification(n_samples=60, weights=[0.8], random_state=0)
    >>> VotingEnsembleClassifier(random_state=0).fit(X, y).predict_proba(X[:2]).shape
    (2, 2)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "random_state": ["random_state"],
    }

    def __init__(self, *, random_state: Any = None) -> None:
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *args: Any, **kwargs: Any) -> VotingEnsembleClassifier:
        """Train all parts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers.
        y : array-like of shape (n_samples,)
            Labels of two classes or more.
        *args, **kwargs : none
            There are no more arguments; sample weights are refused.

        Returns
        -------
        VotingEnsembleClassifier
            This object.

        Raises
        ------
        ValueError
            If there is one class.
        TypeError
            If there are more arguments, such as ``sample_weight``.
        """
        refuse_arguments(self, "fit", args, kwargs, "repeat rows, or leave the weights out")
        with restored_on_failure(self):
            return self._fit(X, y)

    def _fit(self, X: Any, y: Any) -> VotingEnsembleClassifier:
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class, {classes.tolist()[0]!r}: VotingEnsembleClassifier needs "
                "rows of two classes or more."
            )
        self._counts = np.bincount(codes)
        self._trained_on = np.minimum(self._counts, _CLASS_ROWS)
        stream = random_stream(self.random_state)
        seed = draw_seed(stream)
        if self._counts.max() > _CLASS_ROWS:
            drawn = np.random.default_rng(draw_seed(stream)).permutation(len(X))
            parts = [drawn[codes[drawn] == code][:_CLASS_ROWS] for code in range(len(classes))]
            kept = np.sort(np.concatenate(parts))
            X, y = X[kept], y[kept]
        with _one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # its number of passes is chosen
            self.estimator_ = _ensemble(len(X), len(classes), seed).fit(X, y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Mean probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        with _one_thread():
            probabilities: NDArray[np.float64] = self.estimator_.predict_proba(X)
        if (self._trained_on < self._counts).any():
            return correct_prior(probabilities, self._trained_on, self._counts)
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """The most likely class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[codes]
        return labels


def _ensemble(n: int, n_classes: int, seed: int) -> VotingClassifier:
    """All parts, unfitted, for n rows."""
    bag = {"bootstrap": True, "max_samples": _BAG} if n > _BAG else {}
    trees = ExtraTreesClassifier(
        n_estimators=_N_TREES,
        min_samples_leaf=2,
        random_state=seed,
        # Threads, which joblib's settings may bring, add trees in the order in which they end.
        n_jobs=1,
        **bag,
    )
    # A round has a tree for each class.
    many = n_classes > _CLASSES
    boosting = HistGradientBoostingClassifier(
        max_iter=max(1, _N_ROUNDS * _CLASSES // n_classes) if many else _N_ROUNDS,
        learning_rate=0.15,
        max_leaf_nodes=15,
        early_stopping=False,
        random_state=seed,
    )
    epochs = int(np.clip(round(_ROWS_SEEN / n), _LEAST_EPOCHS, _MOST_EPOCHS))
    network = MLPClassifier(
        (128, 64),
        alpha=1.0,
        batch_size=min(100, n),
        learning_rate_init=5e-3,
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=seed,
    )
    parts = [("random trees", trees), ("boosting", boosting), ("network", network)]
    return VotingClassifier(parts, voting="soft")


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for matrix products: several give other last digits, and small ones wait."""
    with turn(), _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
