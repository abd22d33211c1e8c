"""Whether a change of MGVAE's defaults costs quality: two checkouts on the same splits.

``python -m tests.benchmarks.guard FOLDER --old CHECKOUT --data DIR`` compares the defaults of the
working tree with those of another checkout of the repository, a worktree of an older commit. Each
fits MGVAE, in processes of its own, on the same stratified 70/30 splits of tables; the working
tree trains the classifiers and scores both. Rows and scores are kept in FOLDER.

Two things are compared. *Scores*: balanced accuracy and average precision of logistic regression,
boosted trees and the network behind the rows, new minus old in points. *Fidelity*: half of the
training rows of the minority is kept from the generator, and
:func:`imbdeep.metrics.two_sample_auc` says how well a forest tells generated rows, unfiltered,
from that half (50: cannot).
"""

import argparse
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from imbdeep.reproductions.real_tables import TABLES, split

NAMES = (
    *("hypothyroid", "german credit", "mammography", "water quality", "phoneme", "satimage"),
    *("magic telescope", "ozone level", "pc1", "pc4", "qsar biodeg", "steel plates", "yeast me2"),
    "credit default",
)
#: Rows of a table at the most, 30 % of them to test on.
ROWS = 3000


def make_splits(folder, names, seeds, data):
    """Keep the training rows of each table and seed, and which of them fidelity trains on."""
    (folder / "splits").mkdir(parents=True, exist_ok=True)
    for name in names:
        rows = TABLES[name](data)
        for seed in seeds:
            kept = folder / "splits" / f"{name}-{seed}.pkl"
            if kept.exists():
                continue
            taken, train, _ = split(rows, seed, ROWS)
            x, y = take(taken.x, train), taken.y[train]
            few = np.flatnonzero(y == 1)
            shown, _ = train_test_split(few, test_size=0.5, random_state=seed)
            half = np.sort(np.concatenate([np.flatnonzero(y == 0), shown]))
            kept.write_bytes(pickle.dumps((x, y, half, seed)))


def take(x, rows):
    """Some rows of a frame or an array."""
    return x.iloc[rows].reset_index(drop=True) if hasattr(x, "iloc") else x[rows]
