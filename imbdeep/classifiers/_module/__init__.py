"""The base of the classifiers of one network."""

from imbdeep.classifiers._module.base import ModuleClassifier

__all__ = ["ModuleClassifier"]
