"""Scores of probabilities for any number of classes, by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imbdeep.metrics import acsa_score, gm_score, macro_f1_score, mauprc_ova_score

#: Metrics in the order of M2m's tables; the names are those of the files.
METRICS = ("balanced accuracy", "G-mean", "macro F1", "average precision")


def scored(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """The metrics and "macro G-mean", by name, over the classes that ``y`` has."""
    predicted = probabilities.argmax(axis=1)
    values = (
        acsa_score(y, predicted),
        gm_score(y, predicted),
        macro_f1_score(y, predicted),
        mauprc_ova_score(y, probabilities, labels=np.arange(probabilities.shape[1])),
    )
    macro = gm_score(y, predicted, average="macro")  # the "GM" of RAE's tables
    return {**dict(zip(METRICS, values, strict=True)), "macro G-mean": macro}
