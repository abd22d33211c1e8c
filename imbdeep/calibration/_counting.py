"""What the last step of a pipeline is trained on: rows of each class, and what they weigh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC
from sklearn.utils.class_weight import compute_class_weight

#: libsvm fits probabilities to margins of held-out rows, and these without any weights.
_PLATT = (SVC, NuSVC)
#: Probabilities are fitted to the rows as they come, whatever the class weights inside.
_CALIBRATED = (CalibratedClassifierCV, *_PLATT)
#: How classifiers of this package and of imbalanced-learn balance by themselves, and the value
#: that does not (none does where it is missing).
_OWN_BALANCING: dict[str, Any] = {"sampling": None, "defer": 0, "generated_lambda": 0}
_ALWAYS_BALANCES = ("translation_steps", "sampling_strategy")
_SAY_IT = "say what the classifier was trained on by trained_prior, such as trained_prior='uniform'"


class CountingStep(BaseEstimator):
    """Stands in for the last step while that is fitted, and counts the rows that it gets."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, **fit_params: Any) -> CountingStep:
        weights = fit_params.get("sample_weight")
        if isinstance(self.estimator, _PLATT):
            weights = None
        self.counts_ = counted(np.asarray(y).ravel(), weights)
        kind = getattr(self.estimator, "class_weight", None)
        if kind is not None and not isinstance(self.estimator, _CALIBRATED):
            factors = _class_weights(kind, np.asarray(y).ravel(), weights is not None)
            self.counts_ = {label: n * factors[label] for label, n in self.counts_.items()}
        self.estimator.fit(X, y, **fit_params)
        return self

    def get_metadata_routing(self) -> Any:
        return self.estimator.get_metadata_routing()


def fit_counted(fitted: Any, X: Any, y: Any, fit_params: Mapping[str, Any]) -> dict[Any, float]:
    """Fit in place, and return the rows of each label that reached the last step."""
    pipeline, last = last_step(fitted)
    counter = CountingStep(last)
    if pipeline is None:
        counter.fit(X, y, **fit_params)
    else:
        name = pipeline.steps[-1][0]
        pipeline.set_params(**{name: counter})
        fitted.fit(X, y, **fit_params)
        pipeline.set_params(**{name: last})
    if hasattr(last, "best_estimator_"):  # a search may have chosen weights
        refuse_own_balancing(last.best_estimator_, last)
    return counter.counts_


def last_step(estimator: Any) -> tuple[Any, Any]:
    """Return the innermost pipeline at the end, None where there is none, and its last step."""
    pipeline = None
    while isinstance(estimator, Pipeline):
        pipeline, estimator = estimator, estimator.steps[-1][1]
    return pipeline, estimator


def counted(labels: NDArray[Any], weights: Any = None) -> dict[Any, float]:
    """Return the rows of each label, each as often as it weighs."""
    classes, codes = np.unique(labels, return_inverse=True)
    weights = np.broadcast_to(1.0 if weights is None else weights, codes.shape)
    return dict(zip(classes.tolist(), np.bincount(codes, weights).tolist(), strict=True))


def refuse_own_balancing(last: Any, whole: Any) -> None:
    """Refuse a classifier of which counted rows do not say what it was trained on."""
    if isinstance(last, FrozenEstimator):
        raise ValueError(
            "The last step is frozen, and the rows that it was trained on are not in fit: "
            f"{_SAY_IT}, or give it unfrozen."
        )
    if isinstance(last, _CALIBRATED) or not hasattr(last, "get_params"):
        return
    for name, value in last.get_params().items():
        key = name.split("__")[-1]
        if key == "class_weight":
            balances = value is not None and not (name == key and last is whole)
        elif key in _OWN_BALANCING:
            balances = value is not None and value != _OWN_BALANCING[key]
        else:
            balances = key in _ALWAYS_BALANCES or hasattr(value, "fit_resample")
        if balances:
            raise ValueError(
                f"{name}={value!r} of {type(whole).__name__} changes the shares of the classes, "
                f"and a count of rows does not show it: leave it out, or {_SAY_IT}. With a search "
                "or an ensemble, PriorCorrectedClassifier may also be put inside."
            )


def _class_weights(kind: Any, labels: NDArray[Any], weighted: bool) -> dict[Any, float]:
    """Return the weight of a row of each label by scikit-learn's ``class_weight``."""
    if isinstance(kind, str):
        if kind not in ("balanced", "balanced_subsample"):
            raise ValueError(
                f"class_weight={kind!r} is not one of scikit-learn's values, 'balanced' and "
                f"'balanced_subsample': {_SAY_IT}."
            )
        if weighted:
            raise ValueError(
                f"class_weight={kind!r} and sample_weight weigh rows together, and classifiers "
                "differ in how: multiply the weights yourself and give sample_weight alone, or "
                f"{_SAY_IT}."
            )
        kind = "balanced"
    classes = np.unique(labels)
    weights = compute_class_weight(kind, classes=classes, y=labels)
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))
