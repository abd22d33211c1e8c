"""The papers' data sets, and how many rows of each class they keep."""

from imbdeep.datasets._images import fetch_cifar10, fetch_fashion_mnist, fetch_mnist, read_idx
from imbdeep.datasets._long_tail import (
    PROFILES,
    Profile,
    draw_rows,
    exponential_counts,
    make_imbalanced,
    pareto_counts,
)
from imbdeep.datasets._mixed import (
    fetch_adult,
    fetch_credit_default,
    fetch_german_credit,
    fetch_hypothyroid,
)
from imbdeep.datasets._tables import (
    fetch_isolet,
    fetch_mammography,
    fetch_musk2,
    fetch_optical_digits,
    fetch_water_quality,
    fetch_webpage,
)
from imbdeep.datasets._texts import fetch_reuters36, fetch_twitter_pos

__all__ = [
    "PROFILES",
    "Profile",
    "draw_rows",
    "exponential_counts",
    "fetch_adult",
    "fetch_cifar10",
    "fetch_credit_default",
    "fetch_fashion_mnist",
    "fetch_german_credit",
    "fetch_hypothyroid",
    "fetch_isolet",
    "fetch_mammography",
    "fetch_mnist",
    "fetch_musk2",
    "fetch_optical_digits",
    "fetch_reuters36",
    "fetch_twitter_pos",
    "fetch_water_quality",
    "fetch_webpage",
    "make_imbalanced",
    "pareto_counts",
    "read_idx",
]
