"""Pure objectives: no data, no loop."""

from imbdeep.losses._classification import (
    FocalLoss,
    LDAMLoss,
    class_balanced_weights,
    inverse_frequency_weights,
)
from imbdeep.losses._generative import (
    ObservationLikelihood,
    gaussian_log_density,
    standard_normal_kl,
)

__all__ = [
    "FocalLoss",
    "LDAMLoss",
    "ObservationLikelihood",
    "class_balanced_weights",
    "gaussian_log_density",
    "inverse_frequency_weights",
    "standard_normal_kl",
]
