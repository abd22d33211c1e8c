"""Over-samplers with imbalanced-learn's interface."""

from imbdeep.over_sampling._mgvae import MGVAESampler
from imbdeep.over_sampling._rae import RAESampler
from imbdeep.over_sampling.base import DeepOverSampler

__all__ = ["DeepOverSampler", "MGVAESampler", "RAESampler"]
