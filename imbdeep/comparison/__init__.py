"""Does it help on your data? Every method against the simple ones, cross-validated."""

from imbdeep.comparison._compare import SCORING, compare
from imbdeep.comparison._methods import CLASSIFIERS, METHODS, QUICK, SIMPLE
from imbdeep.comparison._result import Comparison
from imbdeep.comparison._significance import (
    bayesian_correlated_t,
    bayesian_signed_rank,
    friedman,
    shaffer,
)

__all__ = [
    "CLASSIFIERS",
    "METHODS",
    "QUICK",
    "SCORING",
    "SIMPLE",
    "Comparison",
    "bayesian_correlated_t",
    "bayesian_signed_rank",
    "compare",
    "friedman",
    "shaffer",
]
