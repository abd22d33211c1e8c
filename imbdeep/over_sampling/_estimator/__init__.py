"""Over-sampling by the networks of a classifier."""

from imbdeep.over_sampling._estimator.base import EstimatorOverSampler

__all__ = ["EstimatorOverSampler"]
