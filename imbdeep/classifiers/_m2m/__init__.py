"""M2m: major-to-minor translation."""

from imbdeep.classifiers._m2m.classifier import M2mClassifier

__all__ = ["M2mClassifier"]
