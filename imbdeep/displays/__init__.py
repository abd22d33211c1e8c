"""Pictures of a fitted sampler, as the display objects of scikit-learn.

The constructor of a display takes numbers, ``from_estimator`` gets them from a fitted sampler and
draws, and ``plot`` draws (again, elsewhere, otherwise). matplotlib is imported only then.

:class:`TrainingHistoryDisplay` shows the training, :class:`SamplesDisplay` generated rows against
real ones, :class:`TranslationDisplay` what a majority image becomes in another class, and
:class:`LatentDisplay` where majority, minority and generated rows lie in the latent space.
"""

from ._history import TrainingHistoryDisplay
from ._latent import LatentDisplay
from ._samples import SamplesDisplay
from ._translation import TranslationDisplay

__all__ = ["LatentDisplay", "SamplesDisplay", "TrainingHistoryDisplay", "TranslationDisplay"]
