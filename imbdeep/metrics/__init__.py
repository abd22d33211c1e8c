"""Scores of classifiers, and of how near generated rows are to real ones."""

from imbdeep.metrics._fidelity import (
    density_coverage,
    frechet_distance,
    memorisation,
    nearest_distances,
)
from imbdeep.metrics._scores import (
    SCORERS,
    acsa_score,
    brier_score,
    gm_score,
    macro_f1_score,
    mauprc_ova_score,
)
from imbdeep.metrics._two_sample import two_sample_auc

__all__ = [
    "SCORERS",
    "acsa_score",
    "brier_score",
    "density_coverage",
    "frechet_distance",
    "gm_score",
    "macro_f1_score",
    "mauprc_ova_score",
    "memorisation",
    "nearest_distances",
    "two_sample_auc",
]
