"""Pictures of fitted samplers and classifiers, as the display objects of scikit-learn.

The constructor of a display takes numbers. ``from_estimator`` computes them with a fitted estimator
and draws. ``plot`` draws again, in other axes or with other options. Rows and labels may have any
container that the estimators take. matplotlib is imported only when something is drawn.

Samplers: :class:`TrainingHistoryDisplay` shows the training, :class:`SamplesDisplay` generated rows
against real ones, :class:`ClassSamplesDisplay` generated images of every class,
:class:`TranslationDisplay` majority images and their translations into other classes, and
:class:`LatentDisplay` majority, minority and generated rows in the latent space.

Classifiers, one or several side by side: :class:`RecallDisplay` shows the recall of each class
against its size, :class:`FalsePositivesDisplay` the classes that are predicted by mistake, and
:class:`FeaturesDisplay` the penultimate features (of an RAE, the latent codes).
:class:`PerturbationDisplay` shows what a translation of M2m changes,
:class:`DecisionRegionsDisplay` the decisions of any classifier in the plane of two columns.
:class:`TrainingHistoryDisplay` shows the training of classifiers too.

A classifier that generates rows, such as a GAMO: :class:`DecisionRegionsDisplay` and
:class:`ClassSamplesDisplay` show these rows, and :class:`AnchorsDisplay` the real rows that they
are combinations of.

:class:`ComparisonDisplay` shows the scores of many methods side by side, with the simple ones set
apart.
"""

from ._anchors import AnchorsDisplay
from ._class_samples import ClassSamplesDisplay
from ._comparison import ComparisonDisplay
from ._false_positives import FalsePositivesDisplay
from ._features import FeaturesDisplay
from ._history import TrainingHistoryDisplay
from ._latent import LatentDisplay
from ._perturbation import PerturbationDisplay
from ._recall import RecallDisplay
from ._regions import DecisionRegionsDisplay
from ._samples import SamplesDisplay
from ._translation import TranslationDisplay

__all__ = [
    "AnchorsDisplay",
    "ClassSamplesDisplay",
    "ComparisonDisplay",
    "DecisionRegionsDisplay",
    "FalsePositivesDisplay",
    "FeaturesDisplay",
    "LatentDisplay",
    "PerturbationDisplay",
    "RecallDisplay",
    "SamplesDisplay",
    "TrainingHistoryDisplay",
    "TranslationDisplay",
]
