"""Whether a classifier can tell generated rows from real ones."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils import check_random_state

from imbdeep.metrics._fidelity import Features, documented, numbers


@documented
def two_sample_auc(
    real: Any,
    generated: Any,
    *,
    features: Features | None = None,
    cv: int = 5,
    n_estimators: int = 200,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> float:
    """How well a random forest tells generated rows from real ones: 0.5 is by chance, 1 is always.

    The classifier two-sample test [1]_: a forest is trained on some rows of both kinds and ranks
    the others by the probability that they are generated. The result is the area under the ROC
    curve of this ranking, the mean over the folds of a cross-validation. Its mean is 0.5 where both
    kinds have the same distribution, up to chance; for 40 rows of a kind, values from 0.35 to 0.65
    are chance.

    Parameters
    ----------
    real : array-like of shape (n_real, ...)
        Real rows that the generator was not trained on, two or more. Images are flattened.
    generated : array-like of shape (n_generated, ...)
        Generated rows, two or more.
    $features
        Missing values are allowed, and the unit of a column has no effect.
    cv : int, default=5
        Folds, fewer where there are fewer rows of a kind.
    n_estimators : int, default=200
        Trees of the forest.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice of rows, the folds and the trees.
    n_jobs : int, default=None
        Processors that grow trees; -1 takes all cores. The result is the same for any number.

    Returns
    -------
    float
        From 0 to 1. A value clearly below 0.5 says that generated rows are near copies of the
        given real ones: see the notes.

    Raises
    ------
    ValueError
        If there are fewer than two rows of a kind, the rows are no numbers, real and generated ones
        differ in their columns, or a parameter is out of range.

    See Also
    --------
    density_coverage : Says whether rows are unlike real ones or kinds of rows are missing.
    memorisation : Says whether rows are copies.

    Notes
    -----
    Both kinds have the same number of rows: of the larger one as many are drawn, without
    replacement. The value depends on this number, because a forest learns more from more rows:
    compare equal numbers.

    Columns are replaced by their ranks, so that any increasing function of a column leaves the
    value as it is. Missing values stay missing, and the forest sees where they are.

    Copies of the rows in `real` give less than 0.5, down to 0: a row and its copy seldom are in
    the same fold, and the forest takes each for the other kind. So never give the training rows as
    `real`. Copies of *other* real rows, such as those of the training rows where `real` has test
    rows, are not detected unless they repeat: rows that are generated several times are found by
    their copies, which gives more than 0.5.

    References
    ----------
    .. [1] D. Lopez-Paz, M. Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.metrics import two_sample_auc
    >>> real, good = np.random.default_rng(0).normal(size=(2, 100, 3))
    >>> 0.35 < two_sample_auc(real, good, n_estimators=50, random_state=0) < 0.65
    True
    >>> two_sample_auc(real, good + 9, n_estimators=50, random_state=0)
    1.0
    """
    for name, value, least in (("cv", cv, 2), ("n_estimators", n_estimators, 1)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name}={value!r}, but it must be a whole number, {least} or more.")
    tables = numbers(features, missing=True, real=real, generated=generated)
    n_rows = min(map(len, tables))
    for name, rows in zip(("real", "generated"), tables, strict=True):
        if len(rows) < 2:
            raise ValueError(
                f"{name} has 1 row, but rows of both kinds are trained on and tested: give 2 or "
                "more."
            )
    random = check_random_state(random_state)
    chosen = [
        rows if len(rows) == n_rows else rows[random.choice(len(rows), n_rows, replace=False)]
        for rows in tables
    ]
    # Forests calculate in single precision, in which large numbers are equal or infinite.
    x = rankdata(np.concatenate(chosen), method="dense", axis=0, nan_policy="omit")
    seed = random.randint(2**31 - 1)
    forest = RandomForestClassifier(
        n_estimators, min_samples_leaf=2, random_state=seed, n_jobs=n_jobs
    )
    folds = StratifiedKFold(min(cv, n_rows), shuffle=True, random_state=seed)
    y = np.repeat([0, 1], n_rows)
    return float(cross_val_score(forest, x, y, scoring="roc_auc", cv=folds).mean())
