"""The papers' data sets, and how many rows of each class they keep."""

from imbdeep.datasets._images import read_idx
from imbdeep.datasets._long_tail import (
    PROFILES,
    Profile,
    draw_rows,
    exponential_counts,
    make_imbalanced,
    pareto_counts,
)
from imbdeep.datasets._registry import DATASETS, fetch

__all__ = [
    "DATASETS",
    "PROFILES",
    "Profile",
    "draw_rows",
    "exponential_counts",
    "fetch",
    "make_imbalanced",
    "pareto_counts",
    "read_idx",
]
