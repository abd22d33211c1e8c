"""End-to-end classifiers that face imbalance, as scikit-learn estimators.

Each owns a skorch net, ``net_``. :mod:`imbdeep.classifiers.schedules` holds their callbacks.
"""

from imbdeep.classifiers._erm import ERMClassifier
from imbdeep.classifiers._gamo import GAMOClassifier
from imbdeep.classifiers._m2m import M2mClassifier
from imbdeep.classifiers._rae import RAEClassifier
from imbdeep.classifiers._voting import VotingEnsembleClassifier

__all__ = [
    "ERMClassifier",
    "GAMOClassifier",
    "M2mClassifier",
    "RAEClassifier",
    "VotingEnsembleClassifier",
]
