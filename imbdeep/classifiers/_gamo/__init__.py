"""GAMO: a game of a classifier, a convex generator and a discriminator."""

from imbdeep.classifiers._gamo.classifier import GAMOClassifier

__all__ = ["GAMOClassifier"]
