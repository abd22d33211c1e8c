"""Whether the rows that a method adds can be told from real ones."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imbdeep.metrics import two_sample_auc

#: Its column in the tables.
NEW_ROWS = "two_sample_auc"
#: Fewer rows of a class, added or real, show nothing; more only take time.
_LEAST, _MOST = 10, 500
#: Trees of the forest: as many again change the result by 0.02.
_TREES = 50


class Labelled(NamedTuple):
    """Encoded rows and their labels."""

    x: NDArray[np.float32]
    y: NDArray[Any]


def new_rows_auc(before: Labelled, after: Labelled, real: Labelled, *, seed: int) -> float:
    """How well a forest tells added rows from real ones of their class, the mean over classes.

    ``real`` are rows that the method has not seen. NaN where no class has enough rows.
    """
    random = np.random.default_rng(seed)
    found = []
    for label in np.unique(before.y):
        added = _added(*(rows.x[rows.y == label] for rows in (before, after)))
        others = real.x[real.y == label]
        if min(len(added), len(others)) < _LEAST:
            continue
        if len(others) > _MOST:  # then no more of the added rows are taken
            others = others[random.choice(len(others), _MOST, replace=False)]
        found.append(two_sample_auc(others, added, n_estimators=_TREES, random_state=seed))
    return float(np.mean(found)) if found else math.nan


def _added(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows of ``after`` without those of ``before``, of which some may have been removed.

    A row that is repeated is added as often as it is there more than before.
    """
    before, after = (rows.astype(np.float32) + 0 for rows in (before, after))  # no -0
    kept = Counter(row.tobytes() for row in before)
    is_new = np.ones(len(after), dtype=bool)
    for i, row in enumerate(after):
        key = row.tobytes()
        if kept[key]:
            kept[key] -= 1
            is_new[i] = False
    return after[is_new]
