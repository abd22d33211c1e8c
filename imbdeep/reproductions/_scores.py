"""Scores of probabilities for any number of classes, by name, and the prior taken out of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, recall_score

#: Metrics in the order of M2m's tables; the names are those of the files.
METRICS = ("balanced accuracy", "G-mean", "macro F1", "average precision")


def scored(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """The metrics and "macro G-mean", by name, over the classes that ``y`` has."""
    classes = np.unique(y)
    predicted = probabilities.argmax(axis=1)
    recalls = recall_score(y, predicted, labels=classes, average=None)
    precisions = [average_precision_score(y == code, probabilities[:, code]) for code in classes]
    values = (
        float(np.mean(recalls)),
        float(np.prod(recalls) ** (1 / len(recalls))),
        float(f1_score(y, predicted, labels=classes, average="macro")),
        float(np.mean(precisions)),
    )
    return {**dict(zip(METRICS, values, strict=True)), "macro G-mean": macro_g_mean(y, predicted)}


def macro_g_mean(y: NDArray[Any], predicted: NDArray[Any]) -> float:
    """The "GM" of RAE's tables: the mean over classes of sqrt(sensitivity x specificity).

    Each class is set against all others at once: its sensitivity is its recall, its specificity
    the share of the other classes' rows that are not taken for it,

        GM = 1/K sum_k sqrt(TP_k / N_k * TN_k / (N - N_k)).

    It is another quantity than the K-th root of the product of the recalls, which M2m, GAMO and
    MGVAE call GM: with many classes the specificities are close to 1, so this one stays far above
    the balanced accuracy (57.9 gives 74.3 with ten classes), and a class that is never found does
    not make it 0. With two classes both are sqrt(recall_0 * recall_1). The paper does not spell the
    formula out; its tables obey this one, and could not obey the other, whose values are never
    above the balanced accuracy.

    Parameters
    ----------
    y : ndarray of shape (n,)
        True classes, two of them or more; the mean is over these.
    predicted : ndarray of shape (n,)
        Predicted classes.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If ``y`` holds one class, which leaves nothing for the specificity.

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023, section 5.2 and Table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.reproductions._scores import macro_g_mean
    >>> macro_g_mean(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])) ** 2  # recalls 1 and 1/2
    0.5000000000000001
    """
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"y holds the one class {classes.tolist()}: the specificity needs rows of two classes "
            "or more."
        )
    is_class, is_called = (part[:, None] == classes for part in (y, predicted))
    sensitivity = (is_class & is_called).sum(axis=0) / is_class.sum(axis=0)
    specificity = (~is_class & ~is_called).sum(axis=0) / (~is_class).sum(axis=0)
    return float(np.mean(np.sqrt(sensitivity * specificity)))


def without_prior(
    probabilities: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probabilities had all classes been equally frequent in training."""
    odds = probabilities / counts
    corrected: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return corrected
