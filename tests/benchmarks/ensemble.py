"""Which models vote in ``VotingEnsembleClassifier``: how each set of parts ranks held-out rows.

``python -m tests.benchmarks.ensemble FOLDER [--seeds 0 1]`` takes the splits that
:mod:`tests.benchmarks.guard` has made in FOLDER, splits their training rows 70/30 again, fits each
part once and scores the mean probability of each set of parts: average precision, ROC-AUC and log
loss in percent, and CPU seconds of the fits, means over tables and seeds.
"""

import argparse
import pickle
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from imbdeep.classifiers import ERMClassifier
from imbdeep.encoding import TabularEncoder

from .guard import take


def network(n, seen, seed, alpha, rate):
    """A network of scikit-learn that sees so many rows."""
    epochs = max(2, round(seen / n))
    return MLPClassifier(
        (128, 64),
        alpha=alpha,
        batch_size=min(100, n),
        learning_rate_init=rate,
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=seed,
    )


def parts(n, seed):
    """All parts, by name."""
    trees = {"min_samples_leaf": 2, "random_state": seed}
    boosting = {"early_stopping": False, "random_state": seed}
    small = {"max_iter": 40, "learning_rate": 0.15, "max_leaf_nodes": 15, **boosting}
    old = {
        "hidden_layer_sizes": (128, 64),
        "optimizer": "adamw",
        "weight_decay": 1e-2,
        "max_epochs": min(300, max(10, round(1e5 / n))),
        "encode": False,
        "device": "cpu",
    }
    return {
        "extra 100": ExtraTreesClassifier(100, **trees),
        "extra 30": ExtraTreesClassifier(30, **trees),
        "forest 100": RandomForestClassifier(100, **trees),
        "boosting 60": HistGradientBoostingClassifier(max_iter=60, **boosting),
        "boosting 40": HistGradientBoostingClassifier(**small),
        "logistic": LogisticRegression(max_iter=1000),
        **{f"ERM {i}": ERMClassifier(random_state=seed + i, **old) for i in range(3)},
        "network 15k": network(n, 15_000, seed, 1.0, 5e-3),
        "network 30k": network(n, 30_000, seed, 1.0, 2e-3),
    }


#: Sets of parts; the networks of the first one share a vote.
SETS = {
    "seven parts": [
        "extra 100",
        "forest 100",
        "boosting 60",
        "logistic",
        "ERM 0",
        "ERM 1",
        "ERM 2",
    ],
    "no networks": ["extra 100", "forest 100", "boosting 60", "logistic"],
    "no logistic": ["extra 100", "forest 100", "boosting 60", "network 30k"],
    "three, larger": ["extra 100", "boosting 60", "network 30k"],
    "three": ["extra 30", "boosting 40", "network 15k"],
    "trees": ["extra 30", "boosting 40"],
}


def main():
    """Fit the parts and print a line for each set."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ensemble")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = {name: [] for name in SETS}
    for seed in options.seeds:
        for file in sorted((options.folder / "splits").glob(f"*-{seed}.pkl")):
            x, y, _, _ = pickle.loads(file.read_bytes())
            rows = np.arange(len(y))
            train, valid = train_test_split(rows, test_size=0.3, stratify=y, random_state=seed)
            encoder = TabularEncoder(handle_unknown="ignore").set_output(transform="default")
            encoded = encoder.fit_transform(take(x, train), y[train])
            probabilities, seconds = {}, {}
            for name, part in parts(len(train), seed).items():
                start = time.process_time()
                part.fit(encoded, y[train])
                seconds[name] = time.process_time() - start
                held_out = encoder.transform(take(x, valid))
                probabilities[name] = part.predict_proba(held_out)[:, 1]
            for name, chosen in SETS.items():
                votes = [1 / 3 if part.startswith("ERM") else 1 for part in chosen]
                p = np.average([probabilities[part] for part in chosen], axis=0, weights=votes)
                p = p.clip(1e-6, 1 - 1e-6)
                scores = [score(y[valid], p) for score in METRICS]
                spent = sum(seconds[part] for part in chosen)
                found[name].append([*(100 * np.array(scores)), spent])
    for name, values in found.items():
        ap, auc, loss, spent = np.mean(values, axis=0)
        line = f"{name:15} AP {ap:.2f}, AUC {auc:.2f}, log loss {loss:.2f}, {spent:.2f} CPU s"
        sys.stdout.write(line + "\n")


METRICS = (average_precision_score, roc_auc_score, log_loss)

if __name__ == "__main__":
    main()
