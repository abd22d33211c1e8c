"""Over-sampling by a conditional generative adversarial network (OCGAN, OCDCGAN)."""

from imbdeep.over_sampling._cgan.sampler import CGANSampler

__all__ = ["CGANSampler"]
