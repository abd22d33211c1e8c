"""Probabilities corrected for class shares that differ between training and use."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from inspect import Parameter, signature
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.utils import get_tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted, column_or_1d

from imbdeep.calibration._counting import (
    counted,
    fit_counted,
    last_step,
    refuse_own_balancing,
)


def correct_prior(
    probabilities: ArrayLike, trained_on: ArrayLike, prior: ArrayLike | None = None
) -> NDArray[np.float64]:
    r"""Probabilities had the classes other shares than in training.

    Over-sampling, class weights and a changed population leave the rows of a class what they are
    and change how frequent the class is. By the rule of Bayes (Eq. 4 of [1]_), a classifier
    trained on the shares :math:`t_k` then becomes one for the shares :math:`\pi_k` by

    .. math::
        p'(k \mid x) = \frac{p(k \mid x)\, \pi_k / t_k}{\sum_j p(j \mid x)\, \pi_j / t_j}.

    Nothing is learned. With two classes the order of rows stays, and with it ROC-AUC and average
    precision; the threshold moves.

    Parameters
    ----------
    probabilities : array-like of shape (n, n_classes)
        What the classifier's ``predict_proba`` returns. Only the ratios in a row count, so rows
        need not sum to 1.
    trained_on : array-like of shape (n_classes,)
        Rows of each class that the classifier was trained on (the over-sampled ones included, each
        as often as it weighs), or their shares. Positive.
    prior : array-like of shape (n_classes,), default=None
        Rows of each class where the classifier is used, or their shares. None is the uniform
        prior: all classes alike, as balanced accuracy counts them. 0 excludes a class.

    Returns
    -------
    ndarray of shape (n, n_classes)
        In float64, rows that sum to 1. A row whose classes all have probability 0 or prior 0 gets
        the prior.

    Raises
    ------
    ValueError
        If shapes do not fit each other, or a number is negative, not finite, or 0 where there must
        be rows.

    See Also
    --------
    PriorCorrectedClassifier : Fits a classifier, counts what it is trained on and corrects it.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the Outputs of a Classifier to New
       a Priori Probabilities: A Simple Procedure", Neural Computation 14, 2002, Eq. 4.

    Examples
    --------
    Trained on as many rows of each class, used where one row in ten is of the second class:

    >>> from imbdeep.calibration import correct_prior
    >>> correct_prior([[0.25, 0.75]], [500, 500], [0.9, 0.1]).round(3)
    array([[0.75, 0.25]])

    And back again:

    >>> correct_prior([[0.75, 0.25]], [90, 10]).round(3)
    array([[0.25, 0.75]])
    """
    given = np.asarray(probabilities, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(
            f"probabilities has the shape {given.shape}, and must have (n, n_classes): give what "
            "predict_proba returns; of p for the second of two classes make "
            "np.column_stack([1 - p, p])."
        )
    wrong = np.argwhere(~(np.isfinite(given) & (given >= 0)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise ValueError(
            f"probabilities[{row}, {column}] is {given[row, column]}, and must be finite and not "
            "negative: give what predict_proba returns, neither logits nor logarithms."
        )
    n_classes = given.shape[1]
    trained = _shares("trained_on", trained_on, n_classes)
    if (trained == 0).any():
        raise ValueError(
            f"trained_on[{int(np.argmin(trained))}] is 0, and must be positive: a class without "
            "rows cannot be learned. Leave its column out."
        )
    wanted = _shares("prior", np.ones(n_classes) if prior is None else prior, n_classes)
    # By Bayes, p(k|x) is proportional to p(x|k) times the share of k. The ratio of the shares takes
    # those of training out and puts those in use in; p(x|k) stays as it was learned.
    odds = given * (wanted / trained)
    total = odds.sum(axis=1, keepdims=True)
    # A row of zeros is evidence for no class: its posterior is the prior.
    corrected: NDArray[np.float64] = np.broadcast_to(wanted, odds.shape).copy()
    np.divide(odds, total, out=corrected, where=total > 0)
    return corrected


def _shares(name: str, values: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Return numbers, one a class, as shares that sum to 1."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (n_classes,):
        raise ValueError(
            f"{name} has the shape {numbers.shape}, and probabilities have {n_classes} columns: "
            f"give {n_classes} numbers, in the order of the classifier's classes_."
        )
    wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)))
    if len(wrong):
        raise ValueError(
            f"{name}[{wrong[0]}] is {numbers[wrong[0]]}, and must be finite and not negative: give "
            "numbers of rows, or their shares."
        )
    total = float(numbers.sum())
    if total == 0:
        raise ValueError(f"{name} is 0 for every class: one at least must have rows.")
    return numbers / total


class PriorCorrectedClassifier(ClassifierMixin, BaseEstimator):
    """A classifier, or a pipeline with a sampler, whose probabilities suit the shares in use.

    It fits the estimator, counts the rows of each class that the classifier at its end was trained
    on, behind whatever sampler, and replaces that prior in its probabilities by another one, by
    :func:`correct_prior`. Weights count as rows do: those of ``sample_weight`` and those of
    scikit-learn's ``class_weight``.

    It learns nothing from rows and needs none to be held out. So it corrects the shift, and not an
    overconfident classifier, as an overfitted network is;
    :class:`sklearn.calibration.CalibratedClassifierCV`, put around the pipeline in its place, does.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Any classifier with ``predict_proba``, or a pipeline of imbalanced-learn or scikit-learn
        (or one inside another) that ends in one. It is cloned.
    prior : {"data", "uniform"} or dict, default="data"
        The shares that probabilities are for.

        - "data": as in the ``y`` of ``fit``. Sample weights are no part of it. Probabilities are
          those of the data, and ``predict`` takes the most likely class: the cautious decisions of
          a plain classifier, which a rare class seldom wins.
        - "uniform": all classes alike. Decisions are those that balanced accuracy asks for;
          probabilities are then not those of the data.
        - A dict of a share for each label (or a number of rows): where the classifier is to be
          used, if that is known to differ from the data.
    trained_prior : {"counts", "uniform"}, dict or array-like, default="counts"
        What the classifier was trained on.

        - "counts": the rows that reach the last step are counted, with their weights. Where the
          classifier balances in a way that a count does not show, ``fit`` refuses.
        - "uniform": all classes alike, as behind balanced class weights or balanced sampling.
        - A share (or a number of rows) of each class, positive: a dict by label, or an array in the
          order of ``classes_``.

    Attributes
    ----------
    estimator_ : classifier or Pipeline
        The fitted clone; its own ``predict_proba`` is not corrected.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of ``predict_proba``.
    class_counts_ : ndarray of shape (n_classes,)
        Rows of each class in the ``y`` of ``fit``.
    training_counts_ : ndarray of shape (n_classes,)
        Rows of each class that the classifier was trained on, each as often as it weighs; or what
        ``trained_prior`` gives.
    prior_ : ndarray of shape (n_classes,)
        The shares that probabilities are for. They sum to 1.
    n_features_in_ : int
        Number of columns, if the fitted estimator has it.
    feature_names_in_ : ndarray of str
        Names of the columns, if the fitted estimator has them.

    See Also
    --------
    correct_prior : The same for probabilities that are there already.
    sklearn.calibration.CalibratedClassifierCV : Learns the correction from held-out rows.

    Notes
    -----
    The correction is exact where a class in training has the distribution of the class in use.
    Copies and weights keep that. Generated rows keep it as far as they are like real ones, and rows
    that a sampler has filtered (``row_filter``) are not: the doubtful ones are missing. A
    classifier that is fitted by another loss than log-loss or squares (focal, LDAM, hinge) has no
    probabilities to begin with: they are shifted, not calibrated.

    "counts" refuses ``sampling``, ``defer`` and the like of :mod:`imbdeep.classifiers`, ensembles
    of imbalanced-learn that sample by themselves, and class weights within a search or an ensemble.
    Balancing in other libraries (``scale_pos_weight``, ``priors`` of naive Bayes, ...) is not
    recognised: give ``trained_prior`` there. With a search, put this class inside:
    ``GridSearchCV(PriorCorrectedClassifier(pipeline), {"estimator__...": ...})``.

    Parameters of ``fit`` go to the estimator's ``fit``: ``sample_weight`` if it takes that,
    ``step__sample_weight`` for a pipeline, and by metadata routing where that is enabled.

    Examples
    --------
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from imblearn.pipeline import make_pipeline
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from imbdeep.calibration import PriorCorrectedClassifier
    >>> X, y = make_classification(1000, weights=[0.9], class_sep=0.5, random_state=0)
    >>> pipe = make_pipeline(RandomOverSampler(random_state=0), LogisticRegression())
    >>> corrected = PriorCorrectedClassifier(pipe).fit(X, y)
    >>> corrected.class_counts_, corrected.training_counts_
    (array([898, 102]), array([898., 898.]))

    The mean probability of the rare class, whose share is 0.1, without and with the correction:

    >>> corrected.estimator_.predict_proba(X).mean(axis=0).round(1)
    array([0.7, 0.3])
    >>> corrected.predict_proba(X).mean(axis=0).round(1)
    array([0.9, 0.1])
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": "no_validation",  # by _check_estimator
        "prior": [StrOptions({"data", "uniform"}), dict],
        "trained_prior": [StrOptions({"counts", "uniform"}), dict, "array-like"],
    }

    def __init__(
        self, estimator: Any, *, prior: Any = "data", trained_prior: Any = "counts"
    ) -> None:
        self.estimator = estimator
        self.prior = prior
        self.trained_prior = trained_prior

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, **fit_params: Any) -> PriorCorrectedClassifier:
        """Fit a clone of the estimator, and count what its classifier is trained on.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Whatever the estimator takes; it is handed on as it is.
        y : array-like of shape (n_samples,)
            Labels.
        **fit_params : dict
            Passed to the estimator's ``fit``.

        Returns
        -------
        PriorCorrectedClassifier
            This object.

        Raises
        ------
        ValueError
            If the classifier balances in a way that counting rows does not show, if a class of `y`
            does not reach it, if it takes no sample weights and got some, or if `prior` or
            `trained_prior` does not fit the labels.
        TypeError
            If the estimator has no ``predict_proba``.
        """
        last = self._check_estimator(fit_params)
        counts = counted(self._check_labels(y))
        prior = _by_label("prior", self.prior, counts)
        counting = isinstance(self.trained_prior, str) and self.trained_prior == "counts"
        trained = {} if counting else _by_label("trained_prior", self.trained_prior, counts)
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params)["estimator"]["fit"]
        fitted = clone(self.estimator)
        if counting:
            trained = fit_counted(fitted, X, y, fit_params)
        else:
            fitted.fit(X, y, **fit_params)
        labels = np.asarray(fitted.classes_).tolist()
        if set(labels) != counts.keys():
            raise ValueError(
                f"y has the labels {list(counts)}, and the last step, {type(last).__name__}, got "
                f"{labels}: no step may drop or rename classes. Change the sampler."
            )
        nothing = [label for label in labels if not trained[label] > 0]
        if nothing:
            raise ValueError(
                f"The labels {nothing} have no weight in training, and cannot be learned: "
                "give them a positive sample_weight and class_weight, or leave their rows "
                "out."
            )

        self.estimator_ = fitted
        self.classes_ = np.asarray(fitted.classes_)
        self.class_counts_ = np.array([int(counts[label]) for label in labels])
        self.training_counts_ = np.array([trained[label] for label in labels])
        self.prior_ = _shares("prior", [prior[label] for label in labels], len(labels))
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes, had they the shares of ``prior``.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns are in the order of ``classes_``.
        """
        check_is_fitted(self)
        return correct_prior(self.estimator_.predict_proba(X), self.training_counts_, self.prior_)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the highest corrected probability.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[codes]
        return labels

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell where metadata goes: from ``fit`` to the estimator's ``fit``.

        Returns
        -------
        MetadataRouter
            What scikit-learn reads where metadata routing is enabled.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router: MetadataRouter = MetadataRouter(owner=self).add(
            estimator=self.estimator, method_mapping=mapping
        )
        return router

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = deepcopy(inner.input_tags)
        tags.non_deterministic = inner.non_deterministic
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
            tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags

    def _check_estimator(self, fit_params: Mapping[str, Any]) -> Any:
        """Refuse, before training, what cannot be corrected; return the last step, unfitted."""
        _, last = last_step(self.estimator)
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                f"estimator ends in {last!r}, which has no predict_proba, and only probabilities "
                "can be corrected: take a classifier that has it, or wrap this one in "
                "CalibratedClassifierCV."
            )
        if isinstance(last, TunedThresholdClassifierCV | FixedThresholdClassifier):
            raise ValueError(
                f"estimator ends in {type(last).__name__}, whose threshold the correction would "
                "undo: put PriorCorrectedClassifier inside it, or leave one of the two out."
            )
        if isinstance(self.trained_prior, str) and self.trained_prior == "counts":
            refuse_own_balancing(last, last)
        taken = signature(self.estimator.fit).parameters.values()
        if "sample_weight" in fit_params and not any(
            p.name == "sample_weight" or p.kind is Parameter.VAR_KEYWORD for p in taken
        ):
            raise ValueError(
                f"fit got sample_weight, and {type(self.estimator).__name__} takes none: leave it "
                "out, or over-sample by the weights."
            )
        return last

    def _check_labels(self, y: Any) -> NDArray[Any]:
        """Return the labels; the estimator checks X, and the rest of y."""
        if y is None:
            raise ValueError(
                "PriorCorrectedClassifier requires y to be passed, but the target y is None."
            )
        labels: NDArray[Any] = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        return labels


def _by_label(name: str, given: Any, counts: Mapping[Any, float]) -> Mapping[Any, float]:
    """Return what the parameter ``name`` gives each label."""
    if isinstance(given, str):
        return counts if given == "data" else dict.fromkeys(counts, 1.0)
    if not isinstance(given, Mapping):
        if np.shape(given) != (len(counts),):
            raise ValueError(
                f"{name} has the shape {np.shape(given)}, and y has {len(counts)} labels: give a "
                f"number for each of {list(counts)}, in this order."
            )
        given = dict(zip(counts, np.asarray(given).tolist(), strict=True))
    if given.keys() != counts.keys():
        zero = ", 0 for one that will not occur," if name == "prior" else ""
        raise ValueError(
            f"{name} has shares of {list(given)}, and y has the labels {list(counts)}: give a "
            f"share for each of them{zero} and for no other."
        )
    # Where a class that never occurs in use may have the prior 0, training needs rows of each.
    least = 0 if name == "prior" else np.nextafter(0, 1)
    wrong = {
        label: share
        for label, share in given.items()
        if not isinstance(share, Real) or not least <= float(share) < np.inf
    }
    if wrong or not any(given.values()):
        rule = "from 0, and one at least is above it" if name == "prior" else "above 0"
        raise ValueError(f"{name} has {wrong or dict(given)}: shares are finite numbers {rule}.")
    return dict(given)
