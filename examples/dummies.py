"""
A sampler before the one-hot encoder, or behind it?
===================================================

If dummy columns are over-sampled one by one, the new values may be no dummies: a new row may be
half in Oslo and half in Lima, or in no city at all. This example encodes a table before sampling or
after it, and counts the new rows in which every category has exactly one 1 and otherwise 0.
``python examples/dummies.py`` takes about a minute.
"""

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE

from imbdeep.over_sampling import CVAESampler, MGVAESampler

LEVELS = {"city": 6, "job": 4, "plan": 3}


def table(seed, n=1000):
    """Two numbers and three categories; one row in ten is of the small class."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) < n // 10).astype(int)
    X = pd.DataFrame({"age": rng.normal(45 + 5 * y, 12).round(), "income": rng.lognormal(10 - y)})
    for name, k in LEVELS.items():
        X[name] = [f"{name} {level}" for level in rng.binomial(k - 1, 0.4 + 0.2 * y)]
    return X, y


def share_of_valid_rows(new):
    """Share of rows with one 1 for each category, and zeros beside it."""
    valid = np.ones(len(new), dtype=bool)
    for name in LEVELS:
        dummies = new.filter(regex=f"^{name}_").to_numpy()
        valid &= np.isin(dummies, [0, 1]).all(axis=1) & (dummies.sum(axis=1) == 1)
    return valid.mean()


print(f"{'':8}{'dummies before':>16}{'categories as they are':>26}")
for make in (SMOTE, CVAESampler, MGVAESampler):
    shares = []
    for encode_first in (True, False):
        found = []
        for seed in range(3):
            X, y = table(seed)
            if make is SMOTE and not encode_first:
                continue  # it takes only numbers; SMOTENC takes categories
            rows = pd.get_dummies(X, dtype=float) if encode_first else X
            new = make(random_state=seed).fit_resample(rows, y)[0].iloc[len(X) :]
            found.append(
                share_of_valid_rows(new if encode_first else pd.get_dummies(new, dtype=float))
            )
        shares.append(f"{np.mean(found):.0%}" if found else "not possible")
    print(f"{make.__name__.removesuffix('Sampler'):8}{shares[0]:>16}{shares[1]:>26}")
