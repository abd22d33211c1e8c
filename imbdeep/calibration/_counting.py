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

#: libsvm fits its probabilities to margins of held-out rows, and these without any weights.
_PLATT = (SVC, NuSVC)
#: Probabilities are fitted to the rows as they come, whatever the weights of classes inside.
_CALIBRATED = (CalibratedClassifierCV, *_PLATT)
#: Parameters by which a classifier changes the shares of the classes by itself, with the values
#: that leave them alone.
_OWN_BALANCING: dict[str, tuple[Any, ...]] = {
    "sampling": (None,),  # imbdeep
    "defer": (0,),
    "translation_steps": (),  # M2mClassifier
    "generated_lambda": (0,),  # GAMOClassifier
    "sampling_strategy": (),  # ensembles of imbalanced-learn
    "scale_pos_weight": (None, 1),  # gradient boosting of others
    "is_unbalance": (None, False),
    "auto_class_weights": (None, "None"),
    "class_weights": (None,),
    "priors": (None,),  # naive Bayes and discriminant analysis
    "class_prior": (None,),
    "fit_prior": (True,),
}


class CountingStep(BaseEstimator):
    """Stands in for the last step while that is fitted, and counts the rows that it gets."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, **fit_params: Any) -> CountingStep:
        self.estimator.fit(X, y, **fit_params)
        weights = None
        if not isinstance(self.estimator, _PLATT):
            weights = fit_params.get("sample_weight")
        self.counts_ = counted(np.asarray(y).ravel(), weights)
        self.weighted_ = weights is not None
        return self

    def get_metadata_routing(self) -> Any:
        return self.estimator.get_metadata_routing()


def fit_counted(fitted: Any, X: Any, y: Any, fit_params: Mapping[str, Any]) -> CountingStep:
    """Fit in place, and return what counted the rows of the last step."""
    pipeline, last = last_step(fitted)
    counter = CountingStep(last)
    if pipeline is None:
        return counter.fit(X, y, **fit_params)
    name = pipeline.steps[-1][0]
    pipeline.set_params(**{name: counter})
    fitted.fit(X, y, **fit_params)
    pipeline.set_params(**{name: last})
    return counter


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
    """Refuse a classifier that changes the shares of the classes, to what nobody can tell."""
    if isinstance(last, FrozenEstimator):
        raise ValueError(
            "The last step is frozen, and fit cannot see the rows that it was trained on: give it "
            "unfrozen, or correct its probabilities by correct_prior(probabilities, trained_on)."
        )
    if isinstance(last, _CALIBRATED) or not hasattr(last, "get_params"):
        return
    # What weighs and draws rows in ERMClassifier is told by its formulas; deferral is not.
    told = {"sampling"} if hasattr(last, "effective_beta") else set()
    told |= {"class_weight"} if last is whole else set()
    for name, value in last.get_params().items():
        key = name.split("__")[-1]
        neutral = (None,) if key == "class_weight" else _OWN_BALANCING.get(key)
        balances = neutral is not None and not any(
            value is plain or (np.isscalar(value) and value == plain) for plain in neutral
        )
        if name not in told and (balances or hasattr(value, "fit_resample")):
            raise ValueError(
                f"{name}={value!r} of {type(whole).__name__} changes the shares of the classes, "
                "and to what cannot be told from outside. Leave it out; or, with a search or an "
                "ensemble, put PriorCorrectedClassifier inside; or, if you know the shares, call "
                "correct_prior(probabilities, trained_on)."
            )


def training_counts(counter: CountingStep) -> dict[Any, float]:
    """Return the rows of each label as often as they weigh, by the classifier's own weights too."""
    last, counts = counter.estimator, counter.counts_
    if hasattr(last, "best_estimator_"):
        refuse_own_balancing(last.best_estimator_, last)
    labels, rows = list(counts), np.array(list(counts.values()))
    if hasattr(last, "effective_beta"):  # an ERMClassifier may hold rows out
        rows = np.asarray(last.class_counts_, dtype=np.float64)
    weighed = rows.copy()
    if not isinstance(last, _CALIBRATED):
        for name in ("class_weight", "sampling"):
            kind = getattr(last, name, None)
            if isinstance(kind, str) and counter.weighted_:
                raise ValueError(
                    f"{name}={kind!r} and sample_weight weigh rows together, and classifiers "
                    "differ in how: multiply the weights yourself and give sample_weight alone."
                )
            weighed *= _class_weights(name, kind, labels, rows, getattr(last, "effective_beta", 0))
    if not (weighed > 0).all():
        nothing = [label for label, n in zip(labels, weighed, strict=True) if not n > 0]
        raise ValueError(
            f"The labels {nothing} have no weight in training, and a classifier knows nothing of "
            "them: give them a positive sample_weight and class_weight, or leave their rows out."
        )
    return dict(zip(labels, weighed.tolist(), strict=True))


def _class_weights(
    name: str, kind: Any, labels: list[Any], counts: NDArray[np.float64], beta: float
) -> NDArray[np.float64]:
    """Return the weight of a row of each class; words keep the sum over all rows what it is."""
    if kind is None:
        return np.ones(len(labels))
    if isinstance(kind, Mapping):
        return np.array([float(kind.get(label, 1.0)) for label in labels])
    if kind in ("balanced", "balanced_subsample"):
        weights = 1 / counts
    elif kind == "class_balanced":  # by the effective number of rows
        weights = (1 - beta) / (1 - beta**counts)
    else:
        raise ValueError(
            f"{name}={kind!r} is not known: 'balanced', 'balanced_subsample', 'class_balanced' and "
            "dicts are. Give a dict of weights by label."
        )
    total: float = counts.sum() / (counts * weights).sum()
    return weights * total
