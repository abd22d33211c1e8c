"""Majority-guided variational auto-encoder (MGVAE): the model and its sampler."""

from imbdeep.over_sampling._mgvae.sampler import MGVAESampler

__all__ = ["MGVAESampler"]
