"""Pictures of fitted samplers and classifiers, as the display objects of scikit-learn.

The constructor of a display takes numbers, ``from_estimator`` gets them from a fitted estimator and
draws, and ``plot`` draws (again, elsewhere, otherwise). matplotlib is imported only then.

Of a sampler, :class:`TrainingHistoryDisplay` shows the training, :class:`SamplesDisplay` generated
rows against real ones, :class:`ClassSamplesDisplay` generated images of every class,
:class:`TranslationDisplay` what a majority image becomes in another class, and
:class:`LatentDisplay` where majority, minority and generated rows lie in the latent space.

Of a classifier, or several side by side, :class:`RecallDisplay` shows the recall of each class
against its size, :class:`FalsePositivesDisplay` into which classes the mistakes go,
:class:`FeaturesDisplay` what the network makes of its rows (of an RAE, the latent codes), and
:class:`PerturbationDisplay` what a translation changes in them. :class:`TrainingHistoryDisplay`
shows the training of classifiers too. :class:`DecisionRegionsDisplay` shows what any classifier
decides in the plane of two columns.

Of a classifier that generates rows, such as a GAMO, it shows these too, and so does
:class:`ClassSamplesDisplay`; :class:`AnchorsDisplay` shows of which real rows they are made.

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
