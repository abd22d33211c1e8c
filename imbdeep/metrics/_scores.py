"""Scores of classifiers in which a rare class counts as much as a frequent one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from imblearn.metrics import geometric_mean_score
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    log_loss,
    make_scorer,
    recall_score,
    roc_auc_score,
)
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_array, column_or_1d

from imbdeep import _docs

_documented = _docs.documented(
    {
        "classes": """\
y_true : array-like of shape (n,)
    True classes.
y_pred : array-like of shape (n,)
    Predicted classes.""",
        "truth": """\
y_true : array-like of shape (n,)
    True classes.""",
        "labels": """\
labels : array-like of shape (n_classes,), default=None
    The classes of the columns: a classifier's ``classes_``. The default is the sorted classes of
    `y_true`, which is wrong where `y_true` lacks one.""",
        "score": """\
Returns
-------
float
    From 0 to 1.""",
        "gamo": """\
.. [1] S. S. Mullick et al., "Generative Adversarial Minority Oversampling", ICCV 2019, section
   4.""",
    }
)

#: How far the probabilities of a row may be from 1 in sum: those of networks are in float32.
_SUM_TOLERANCE = 1e-3


@_documented
def acsa_score(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Average class-specific accuracy: the mean of the recalls, or balanced accuracy.

    The papers on deep over-sampling call it ACSA,

        ACSA = 1/K sum_k TP_k / N_k,

    over the classes of `y_true`. It is scikit-learn's ``balanced_accuracy_score``, but does not
    warn of predicted classes that `y_true` lacks, as test parts with few rows of many classes do.

    Parameters
    ----------
    $classes

    $score

    References
    ----------
    $gamo

    Examples
    --------
    >>> from imbdeep.metrics import acsa_score
    >>> acsa_score(["a", "a", "a", "a", "b", "b"], ["a", "a", "a", "a", "b", "a"])
    0.75
    """
    true, predicted = _labels_of(y_true, y_pred)
    return float(recall_score(true, predicted, labels=np.unique(true), average="macro"))


@_documented
def gm_score(y_true: ArrayLike, y_pred: ArrayLike, *, average: str = "root") -> float:
    """The geometric mean of recalls, in either of the two meanings that papers give "GM".

    - "root": the K-th root of the product of the K recalls, as in MGVAE, M2m and GAMO. It is never
      above the balanced accuracy, and 0 as soon as one class is never found.
    - "macro": RAE's. Each class is set against all others at once: its sensitivity is its recall,
      its specificity the share of the other classes' rows that are not taken for it,

          GM = 1/K sum_k sqrt(TP_k / N_k * TN_k / (N - N_k)).

      With many classes the specificities are close to 1, so this one stays far above the balanced
      accuracy (57.9 gives 74.3 with ten classes), and a class that is never found does not make
      it 0. The paper does not print the formula; its tables agree with this one, and cannot agree
      with the other.

    With two classes both are sqrt(recall_0 * recall_1). Means are over the classes of `y_true`.

    Parameters
    ----------
    $classes
    average : {"root", "macro"}, default="root"
        Which of the two. The default is what most papers, and imbalanced-learn, mean.

    $score

    Raises
    ------
    ValueError
        If `average` is neither, or if it is "macro" and `y_true` holds one class, which leaves
        nothing for the specificity.

    References
    ----------
    $gamo
    .. [2] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023, section 5.2 and Table 1.

    Examples
    --------
    >>> from imbdeep.metrics import gm_score
    >>> y_true, y_pred = [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 0, 1]  # recalls 1, 1 and 0
    >>> gm_score(y_true, y_pred)
    0.0
    >>> round(gm_score(y_true, y_pred, average="macro"), 3)  # specificities 3/4, 3/4 and 1
    0.577
    """
    if average not in ("root", "macro"):
        raise ValueError(
            f"average={average!r}, but it must be 'root' (K-th root of the product of the "
            "recalls) or 'macro' (mean over classes of the root of sensitivity x specificity)."
        )
    true, predicted = _labels_of(y_true, y_pred)
    classes = np.unique(true)
    if average == "root":
        return float(geometric_mean_score(true, predicted, labels=classes))
    if len(classes) < 2:
        raise ValueError(
            f"y_true holds the one class {classes.tolist()}: the specificity of average='macro' "
            "needs rows of two classes or more. Take average='root', or score more rows."
        )
    # Its own macro average takes the root last, of the mean sensitivity and specificity.
    return float(np.mean(geometric_mean_score(true, predicted, labels=classes, average=None)))


@_documented
def macro_f1_score(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean of the classes' F1 scores.

    F1 of a class is the harmonic mean of its recall and its precision, 2 TP / (2 TP + FP + FN). The
    mean is over the classes of `y_true`: a predicted class that is not among them costs recall, and
    does not enter as a zero.

    Parameters
    ----------
    $classes

    $score

    Examples
    --------
    >>> from imbdeep.metrics import macro_f1_score
    >>> macro_f1_score([0, 0, 0, 1], [0, 0, 1, 1])  # 4/5 and 2/3
    0.7333333333333334
    """
    true, predicted = _labels_of(y_true, y_pred)
    return float(f1_score(true, predicted, labels=np.unique(true), average="macro"))


@_documented
def mauprc_ova_score(
    y_true: ArrayLike, y_score: ArrayLike, *, labels: ArrayLike | None = None
) -> float:
    """Mean area under the precision-recall curves, one class against all others.

    For each class of `y_true` the rows are sorted by its column of `y_score`, and the average
    precision of finding that class is taken; the result is the mean. There is no threshold: a
    method that only moves the decision boundary does not change it. RAE's tables have it as
    mAURPC-OVA.

    With two classes it is the mean of both; scikit-learn's ``average_precision_score`` takes the
    second alone.

    Parameters
    ----------
    $truth
    y_score : array-like of shape (n, n_classes), or (n,) for two classes
        A column for each class, higher where a row is more likely of it: probabilities or values
        of a decision function. One column is that of the second label.
    $labels

    Returns
    -------
    float
        From 0 to 1. Constant scores give the mean of the classes' shares, 1 / n_classes.

    Raises
    ------
    ValueError
        If the columns do not match the labels, or `y_true` holds a class that `labels` lacks.

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023, section A.2 and Table 12.

    Examples
    --------
    >>> from imbdeep.metrics import mauprc_ova_score
    >>> mauprc_ova_score(["a", "b", "c"], [[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.5, 0.2, 0.3]])
    1.0
    """
    membership, scores = _against_all(y_true, y_score, labels, "y_score")
    present = np.flatnonzero(membership.any(axis=0))
    found = [average_precision_score(membership[:, k], scores[:, k]) for k in present]
    return float(np.mean(found))


@_documented
def brier_score(y_true: ArrayLike, y_proba: ArrayLike, *, labels: ArrayLike | None = None) -> float:
    """Mean squared error of probabilities, for any number of classes; lower is better.

    The mean over rows of sum_k (p_k - [y = k])², and half of that for two classes, where it is
    (p_1 - y)². Over-sampling and class weights make it worse: they raise the probabilities of rare
    classes above their frequencies.

    Parameters
    ----------
    $truth
    y_proba : array-like of shape (n, n_classes), or (n,) for two classes
        Probability of each class; one column is that of the second label.
    $labels

    Returns
    -------
    float
        From 0 to 2, and to 1 for two classes; scikit-learn's ``brier_score_loss`` gives the same.

    Raises
    ------
    ValueError
        If the columns do not match the labels, a value is outside 0 to 1, a row does not sum to 1,
        or `y_true` holds a class that `labels` lacks.

    Examples
    --------
    >>> from imbdeep.metrics import brier_score
    >>> brier_score([0, 1, 1], [0.0, 1.0, 0.5])
    0.08333333333333333
    >>> brier_score([0, 1, 2], [[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    0.6666666666666666
    """
    membership, proba = _against_all(y_true, y_proba, labels, "y_proba")
    _check_probabilities(proba)
    error = float(((proba - membership) ** 2).sum(axis=1).mean())
    return error / 2 if proba.shape[1] == 2 else error


def _average_precision(y_true: ArrayLike, y_score: ArrayLike, *, labels: ArrayLike) -> float:
    """Of two classes that of the rarer one (of equals the second), of more the mean over all.

    The frequent one of two is nearly always near 1: a mean would hide half of every difference.
    """
    membership, scores = _against_all(y_true, y_score, labels, "y_score")
    counts = membership.sum(axis=0)
    if len(counts) != 2 or not counts.all():
        return mauprc_ova_score(y_true, y_score, labels=labels)
    rarer = int(counts[1] <= counts[0])
    return float(average_precision_score(membership[:, rarer], scores[:, rarer]))


def _roc_auc_ova(y_true: ArrayLike, y_score: ArrayLike, *, labels: ArrayLike) -> float:
    """Mean over classes of the area under the ROC curve against all others; NaN of one class."""
    membership, scores = _against_all(y_true, y_score, labels, "y_score")
    present = np.flatnonzero(membership.any(axis=0))
    if len(present) < 2:
        return float("nan")
    return float(np.mean([roc_auc_score(membership[:, k], scores[:, k]) for k in present]))


def _log_loss(y_true: ArrayLike, y_proba: ArrayLike, *, labels: ArrayLike) -> float:
    """scikit-learn's, of any order of labels and of float32 rows that sum to nearly 1."""
    membership, proba = _against_all(y_true, y_proba, labels, "y_proba")
    _check_probabilities(proba)
    proba = proba.clip(0, 1)
    proba = proba / proba.sum(axis=1, keepdims=True)
    return float(log_loss(membership.argmax(axis=1), proba, labels=np.arange(proba.shape[1])))


def _gm_macro(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """`gm_score` with average="macro", NaN of one class."""
    if len(np.unique(column_or_1d(y_true))) < 2:
        return float("nan")
    return gm_score(y_true, y_pred, average="macro")


@dataclass(frozen=True)
class _OutputScorer:
    """A scorer of scikit-learn of values for each class, such as probabilities.

    ``make_scorer`` passes the values without ``classes_``, and these cannot be found out from a
    test part that lacks a class.
    """

    metric: Callable[..., float]
    sign: int
    methods: tuple[str, ...]

    def __call__(self, estimator: Any, X: Any, y: ArrayLike) -> float:
        method = next((name for name in self.methods if hasattr(estimator, name)), None)
        if method is None:
            raise AttributeError(
                f"{type(estimator).__name__} has no {' and no '.join(self.methods)}, which "
                f"this score needs. Wrap it in sklearn.calibration.CalibratedClassifierCV, or "
                "leave the score out."
            )
        values = getattr(estimator, method)(X)
        return self.sign * self.metric(y, values, labels=estimator.classes_)


_PROBABILITIES = ("predict_proba",)
_RANKING = ("predict_proba", "decision_function")

#: Scorers by name, for ``cross_validate``, ``GridSearchCV`` and the like. Greater is better.
SCORERS: dict[str, Callable[..., float]] = {
    "balanced_accuracy": make_scorer(acsa_score),
    "gm_root": make_scorer(gm_score),
    "gm_macro": make_scorer(_gm_macro),
    "macro_f1": make_scorer(macro_f1_score),
    "average_precision": _OutputScorer(_average_precision, 1, _RANKING),
    "mauprc_ova": _OutputScorer(mauprc_ova_score, 1, _RANKING),
    "roc_auc": _OutputScorer(_roc_auc_ova, 1, _RANKING),
    "neg_log_loss": _OutputScorer(_log_loss, -1, _PROBABILITIES),
    "neg_brier": _OutputScorer(brier_score, -1, _PROBABILITIES),
}


def _labels_of(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as one-dimensional arrays of one length, not empty."""
    true, predicted = column_or_1d(y_true), column_or_1d(y_pred)
    check_consistent_length(true, predicted)
    _check_rows(true)
    return true, predicted


def _check_rows(y_true: NDArray[Any]) -> None:
    if len(y_true) == 0:
        raise ValueError("y_true has 0 rows, and a score takes one or more.")


def _against_all(
    y_true: ArrayLike, values: ArrayLike, labels: ArrayLike | None, name: str
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each row is of each class, and the values with a column for each class."""
    true = column_or_1d(y_true)
    _check_rows(true)
    columns = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
    check_consistent_length(true, columns)
    classes = np.unique(true) if labels is None else column_or_1d(labels)
    if columns.ndim == 2 and columns.shape[1] == 1 and len(classes) == 2:
        columns = columns[:, 0]
    if columns.ndim == 1:
        # What ranks the second class ranks the first from behind, and probabilities sum to 1.
        first = 1 - columns if name == "y_proba" else -columns
        columns = np.column_stack([first, columns])
    if columns.shape[1] != len(classes):
        where = "y_true" if labels is None else "labels"
        raise ValueError(
            f"{name} is for {columns.shape[1]} classes, but {where} holds {len(classes)}: it must "
            "have a column for each class in order. Give labels=classifier.classes_."
        )
    membership = true[:, None] == classes
    unknown = true[~membership.any(axis=1)]
    if len(unknown):
        raise ValueError(
            f"y_true holds {np.unique(unknown).tolist()}, which labels={classes.tolist()} lacks: "
            "no column says how likely they are. Train on rows of all classes."
        )
    return membership, columns


def _check_probabilities(proba: NDArray[np.float64]) -> None:
    outside = proba[(proba < -_SUM_TOLERANCE) | (proba > 1 + _SUM_TOLERANCE)]
    if len(outside):
        raise ValueError(
            f"y_proba holds {outside[0]:g}, but probabilities are from 0 to 1: hand over "
            "predict_proba, not a decision function."
        )
    sums = proba.sum(axis=1)
    wrong = sums[np.abs(sums - 1) > _SUM_TOLERANCE]
    if len(wrong):
        raise ValueError(
            f"y_proba has a row that sums to {wrong[0]:g}, but a row's probabilities sum to 1: "
            "divide each row by its sum."
        )
