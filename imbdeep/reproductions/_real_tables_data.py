"""The tables on which it is measured what the methods add, and how they are made scarcer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from imbdeep.datasets import draw_rows, exponential_counts, fetch

#: Share of the rows that is scored.
TEST_SHARE = 0.3


class TooFewError(Exception):
    """A class has not the rows that it shall keep."""


class Rows(NamedTuple):
    """A table, an array or a frame, and its labels."""

    x: Any
    y: NDArray[Any]


def _two(x: Any, y: Any) -> Rows:
    """The rarer of two classes is 1."""
    _, codes, counts = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    return Rows(x, (codes == counts.argmin()).astype(np.int64))


def _fetched(name: str, folder: Path | None) -> Rows:
    return _two(*fetch(name, data_home=folder, return_X_y=True))


def _file(folder: Path | None, *parts: str) -> Path:
    if folder is None or not (folder.joinpath(*parts)).is_file():
        raise FileNotFoundError(f"{'/'.join(parts)} is not below {folder}: name it with --data.")
    return folder.joinpath(*parts)


def _openml(folder: Path | None, name: str) -> Rows:
    """A table of the imbalanced benchmarking set of OpenML tables: numbers, and TARGET."""
    frame = pd.read_csv(_file(folder, "openml_imbalanced", f"{name}.csv.gz"))
    frame = frame.loc[:, ~frame.columns.str.startswith("Unnamed")]
    return _two(frame.drop(columns="TARGET").to_numpy(np.float64), frame["TARGET"])


def _phoneme(folder: Path | None) -> Rows:
    values = pd.read_csv(_file(folder, "phoneme", "phoneme.csv"), header=None).to_numpy(np.float64)
    return _two(values[:, :-1], values[:, -1])


def satimage_classes(folder: Path | None) -> Rows:
    """Satimage with its six classes."""
    parts = [_file(folder, "satimage", name) for name in ("sat.trn", "sat.tst")]
    values = np.concatenate([np.loadtxt(part) for part in parts])
    return Rows(values[:, :-1], values[:, -1].astype(np.int64))


def yeast_classes(folder: Path | None) -> Rows:
    """Yeast with the four classes of which there are rows enough to be made scarcer."""
    file = _file(folder, "yeast", "yeast.data")
    frame = pd.read_csv(file, sep=r"\s+", header=None)
    frame = frame[frame.iloc[:, -1].isin(["CYT", "NUC", "MIT", "ME3"])]
    return Rows(frame.iloc[:, 1:-1].to_numpy(np.float64), frame.iloc[:, -1].to_numpy())


def digits_classes(folder: Path | None) -> Rows:
    """scikit-learn's digits, 8 x 8, read as a table of 64 numbers."""
    return Rows(*load_digits(return_X_y=True))


def _one_against_rest(rows: Rows, label: Any) -> Rows:
    return Rows(rows.x, (rows.y == label).astype(np.int64))


#: Two classes each; the rarer one is 1.
TABLES: dict[str, Callable[[Path | None], Rows]] = {
    "adult": partial(_fetched, "adult"),
    "credit default": partial(_fetched, "credit_default"),
    "german credit": partial(_fetched, "german_credit"),
    "hypothyroid": partial(_fetched, "hypothyroid"),
    "mammography": partial(_fetched, "mammography"),
    "musk": partial(_fetched, "musk2"),
    "water quality": partial(_fetched, "water_quality"),
    "isolet": partial(_fetched, "isolet"),
    "webpage": partial(_fetched, "webpage"),
    "phoneme": _phoneme,
    "satimage": lambda folder: _one_against_rest(satimage_classes(folder), 4),
    "magic telescope": partial(_openml, name="MagicTelescope"),
    "ozone level": partial(_openml, name="ozone-level-8hr"),
    "pc1": partial(_openml, name="pc1"),
    "pc4": partial(_openml, name="pc4"),
    "qsar biodeg": partial(_openml, name="qsar-biodeg"),
    "steel plates": partial(_openml, name="steel-plates-fault"),
    "yeast me2": partial(_openml, name="yeast_me2"),
}
#: Several classes, made a long tail; the files are not asked for "digits".
TAILS: dict[str, Callable[[Path | None], Rows]] = {
    "digits": digits_classes,
    "satimage": satimage_classes,
    "yeast": yeast_classes,
}


def split(
    rows: Rows, seed: int, most: int | None
) -> tuple[Rows, NDArray[np.intp], NDArray[np.intp]]:
    """At most so many rows, a stratified draw, and the numbers of those to train and to test on."""
    chosen = np.arange(len(rows.y))
    if most is not None and most < len(chosen):
        chosen, _ = train_test_split(chosen, train_size=most, stratify=rows.y, random_state=seed)
    taken = Rows(
        rows.x.iloc[chosen].reset_index(drop=True) if hasattr(rows.x, "iloc") else rows.x[chosen],
        rows.y[chosen],
    )
    train, test = train_test_split(
        np.arange(len(chosen)), test_size=TEST_SHARE, stratify=taken.y, random_state=seed
    )
    return taken, train, test


def scarcer(
    y: NDArray[Any], train: NDArray[np.intp], size: int, seed: int, majority: int
) -> NDArray[np.intp]:
    """Training rows of which the smallest class keeps ``size``.

    Of two classes the larger keeps ``majority`` rows at the most; several classes become an
    exponential long tail, in the order of their sizes, from at most ``majority`` rows on.
    """
    classes, codes, counts = np.unique(y[train], return_inverse=True, return_counts=True)
    if counts.min() < size:
        raise TooFewError(f"its smallest class has {counts.min()} training rows, fewer than {size}")
    order = np.argsort(-counts, kind="stable")
    largest = min(majority, int(counts.max()))
    wanted = np.empty(len(classes), dtype=np.int64)
    wanted[order] = exponential_counts(largest, len(classes), largest / size)
    wanted = np.minimum(np.maximum(wanted, size), counts)  # against rounding
    return train[draw_rows(codes, wanted.tolist(), np.random.default_rng(seed))]
