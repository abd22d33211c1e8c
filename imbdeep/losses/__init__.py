"""Pure objectives: no data, no loop."""

from imbdeep.losses._adversarial import critic_loss, gradient_penalty, wrong_labels
from imbdeep.losses._classification import (
    FocalLoss,
    LDAMLoss,
    class_balanced_weights,
    inverse_frequency_weights,
)
from imbdeep.losses._game import LeastSquaresLoss, OneVsRestCrossEntropyLoss, complement
from imbdeep.losses._generative import (
    ObservationLikelihood,
    gaussian_log_density,
    standard_normal_kl,
)

__all__ = [
    "FocalLoss",
    "LDAMLoss",
    "LeastSquaresLoss",
    "ObservationLikelihood",
    "OneVsRestCrossEntropyLoss",
    "class_balanced_weights",
    "complement",
    "critic_loss",
    "gaussian_log_density",
    "gradient_penalty",
    "inverse_frequency_weights",
    "standard_normal_kl",
    "wrong_labels",
]
