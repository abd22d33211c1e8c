"""RAE: over-sampling by class-preserving convex combinations in the latent space."""

from imbdeep.classifiers._rae.classifier import RAEClassifier

__all__ = ["RAEClassifier"]
