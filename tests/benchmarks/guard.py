"""Whether a change of MGVAE's defaults costs quality: two checkouts on the same splits.

``python -m tests.benchmarks.guard FOLDER --old CHECKOUT --data DIR`` compares the defaults of the
working tree with those of another checkout of the repository, a worktree of an older commit. Each
fits MGVAE, in a process of its own, on the same stratified 70/30 splits of tables, which have 3000
rows at the most; the working tree trains the classifiers and scores both. Rows and scores are kept
in FOLDER, so that what is there is not made again.

Two things are compared, and printed as means over seeds by table, and over tables. *Scores*:
balanced accuracy and average precision on the test rows, of the three classifiers of
:func:`imbdeep.comparison.compare`, new minus old in points. *Fidelity*: half of the training rows
of the minority is kept from the generator; :func:`imbdeep.metrics.two_sample_auc` says how well a
forest tells generated rows, not filtered, from that half, in percent (50: it cannot). ``--vary
'{"pretrain_steps": 600}' ...`` adds the fidelity of other parameters, to choose defaults by.
"""

import argparse
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split

from imbdeep.comparison import compare
from imbdeep.encoding import TabularEncoder
from imbdeep.metrics import two_sample_auc
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


class Kept(BaseEstimator):
    """A sampler whose new rows are in a file."""

    def __init__(self, file):
        self.file = file

    def fit_resample(self, X, y):
        """The rows, and behind them the new ones."""
        new, _ = pickle.loads(Path(self.file).read_bytes())
        return joined(X, new), np.concatenate([y, np.ones(len(new), dtype=y.dtype)])


def joined(x, new):
    """Rows of two frames or arrays."""
    if hasattr(x, "iloc"):
        return pd.concat([x, new], ignore_index=True)
    return np.concatenate([x, new])


def fidelity(folder, side, stem):
    """AUC of a forest that separates generated rows from the half kept from the generator."""
    x, y, half, seed = pickle.loads((folder / "splits" / f"{stem}.pkl").read_bytes())
    new, _ = pickle.loads((folder / side / f"{stem}-fidelity.pkl").read_bytes())
    encoder = TabularEncoder(handle_unknown="ignore").set_output(transform="default").fit(x, y)
    held_out = np.setdiff1d(np.flatnonzero(y == 1), half)
    return two_sample_auc(take(x, held_out), new, features=encoder.transform, random_state=seed)


def scores(folder, name, seed, data):
    """A row for each side and classifier, where the rows of both are there."""
    kept = folder / "scores" / f"{name}-{seed}.csv"
    if kept.exists():
        return pd.read_csv(kept)
    files = {side: folder / side / f"{name}-{seed}-rows.pkl" for side in ("old", "new")}
    if not all(file.exists() for file in files.values()):
        return None
    taken, train, test = split(TABLES[name](data), seed, ROWS)
    result = compare(
        taken.x,
        taken.y,
        methods={side: Kept(str(file)) for side, file in files.items()},
        cv=[(train, test)],
        scoring=["balanced_accuracy", "average_precision"],
        device="cpu",
        random_state=seed,
    )
    seconds = {side: pickle.loads(file.read_bytes())[1] for side, file in files.items()}
    found = result.scores.assign(table=name, seed=seed)
    found["fit_seconds"] = found["method"].map(seconds)
    kept.parent.mkdir(exist_ok=True)
    found.to_csv(kept, index=False)
    return found


def report(folder, names, seeds, data, variants):
    """Print the differences."""
    found = [scores(folder, name, seed, data) for name in names for seed in seeds]
    found = [part for part in found if part is not None]
    if found:
        report_scores(pd.concat(found))
    report_fidelity(folder, ["old", "new", *variants], names, seeds)


def report_scores(table):
    """Print the differences of scores."""
    metrics = ["balanced_accuracy", "average_precision"]
    by_side = 100 * table.groupby(["method", "table", "classifier"])[metrics].mean()
    difference = (by_side.loc["new"] - by_side.loc["old"]).unstack("classifier")
    counts = table.groupby("table")["seed"].nunique()
    sys.stdout.write(f"seeds by table: {counts.min()} to {counts.max()}\n")
    sys.stdout.write("new minus old, points\n" + difference.round(1).to_string() + "\n")
    summary = pd.DataFrame({"mean": difference.mean(), "least": difference.min()})
    sys.stdout.write(summary.round(2).to_string() + "\n")
    seconds = table.groupby("method")["fit_seconds"].mean()
    sys.stdout.write(f"CPU seconds of a fit: {seconds.round(1).to_dict()}\n")


def report_fidelity(folder, sides, names, seeds):
    """Print the AUC of a forest that separates generated from real rows, for each side."""
    found = {}
    for stem in (f"{name}-{seed}" for name in names for seed in seeds):
        if all((folder / side / f"{stem}-fidelity.pkl").exists() for side in sides):
            found[stem] = {side: 100 * fidelity(folder, side, stem) for side in sides}
    if found:
        found = pd.DataFrame(found).T
        means = found.groupby(found.index.str.rpartition("-").get_level_values(0)).mean()
        sys.stdout.write("generated against real rows, AUC\n" + means.round(1).to_string() + "\n")
        sys.stdout.write(f"mean {means.mean().round(1).to_dict()}, {len(found)} splits\n")


def main():
    """Make splits and rows, and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.guard", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--old", help="a worktree of the commit to compare with")
    parser.add_argument("--data", type=Path, default=os.environ.get("IMBDEEP_DATA"))
    parser.add_argument("--tables", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--seeds", nargs="+", type=int, default=range(5))
    parser.add_argument("--vary", nargs="+", default=[], metavar="JSON")
    parser.add_argument("--report", action="store_true", help="only report on what is there")
    options = parser.parse_args()
    make_splits(options.folder, options.tables, options.seeds, options.data)
    program = Path(__file__).with_name("_guard_rows.py")
    sides = [("new", os.getcwd(), "{}"), *((vary, os.getcwd(), vary) for vary in options.vary)]
    if options.old:
        sides.insert(0, ("old", options.old, "{}"))
    for side, checkout, given in [] if options.report else sides:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(checkout)}
        command = [sys.executable, str(program), str(options.folder), side, given]
        subprocess.run(command, env=environment, cwd=checkout, check=True)
    report(options.folder, options.tables, options.seeds, options.data, options.vary)


if __name__ == "__main__":
    main()
