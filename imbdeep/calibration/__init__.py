"""Probabilities for the class shares that hold, after training on others."""

from imbdeep.calibration._prior import PriorCorrectedClassifier, correct_prior

__all__ = ["PriorCorrectedClassifier", "correct_prior"]
