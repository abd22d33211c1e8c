"""CVAESampler, in two modules."""

from imbdeep.over_sampling._cvae.sampler import CVAESampler

__all__ = ["CVAESampler"]
