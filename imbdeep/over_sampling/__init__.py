"""Over-samplers with imbalanced-learn's interface."""

from imbdeep.over_sampling._cgan import CGANSampler
from imbdeep.over_sampling._cvae import CVAESampler
from imbdeep.over_sampling._estimator import EstimatorOverSampler
from imbdeep.over_sampling._gamo2pix import GAMO2PixSampler
from imbdeep.over_sampling._mgvae import MGVAESampler
from imbdeep.over_sampling._rae import RAESampler
from imbdeep.over_sampling.base import DeepOverSampler

__all__ = [
    "CGANSampler",
    "CVAESampler",
    "DeepOverSampler",
    "EstimatorOverSampler",
    "GAMO2PixSampler",
    "MGVAESampler",
    "RAESampler",
]
