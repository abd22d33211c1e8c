"""What is compared: ways to deal with the imbalance, and the classifiers behind them."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterSampler
from sklearn.pipeline import Pipeline, make_pipeline

from imbdeep.calibration import PriorCorrectedClassifier
from imbdeep.classifiers import (
    ERMClassifier,
    GAMOClassifier,
    M2mClassifier,
    RAEClassifier,
    VotingEnsembleClassifier,
)
from imbdeep.encoding import TabularEncoder
from imbdeep.metrics import SCORERS
from imbdeep.over_sampling import (
    CGANSampler,
    CVAESampler,
    MGVAESampler,
    RAESampler,
)

#: Of what a search tries, as many are looked at before it.
_CHOICES = 100
#: Hidden layers of the papers' classifier.
_LAYERS = (256, 128)


@dataclass(frozen=True)
class Settings:
    """What every method is told: where to train, by which seed, which columns are categories."""

    device: Any
    random_state: int
    categorical_features: Any

    def deep(self) -> dict[str, Any]:
        """As parameters of an estimator of imbdeep that encodes rows itself."""
        return {
            "device": self.device,
            "random_state": self.random_state,
            "categorical_features": self.categorical_features,
        }


@dataclass(frozen=True)
class Method:
    """A way to deal with the imbalance.

    ``kind`` says what is done: "nothing", "weights", "threshold" and "prior" change how a
    classifier is trained or used; "random", "interpolation" and "adaptive" resample encoded rows;
    a "sampler" resamples rows as they come; a "classifier" learns from rows as they come, in the
    place of the classifiers behind the others. ``also`` is the name of the method that the
    classifier inside a sampler is: it is trained once for both. A method is ``known`` unless it is
    the user's.
    """

    name: str
    kind: str
    estimator: Any = None
    also: str = ""
    known: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the methods that are evaluated together."""
        return (self.name, self.also) if self.also else (self.name,)


#: Methods that need no generative model, in the order of their simplicity.
_SIMPLE = {
    "nothing": "nothing",
    "class weights": "weights",
    "prior correction": "prior",
    "tuned threshold": "threshold",
    "random over-sampling": "random",
    "SMOTE": "interpolation",
    "ADASYN": "adaptive",
}
#: What judges the rows of the samplers, used itself: if it is as good, nobody needs the rows.
ENSEMBLE = "ensemble"
SIMPLE = (*_SIMPLE, ENSEMBLE)


def _ensemble(**told: Any) -> Any:
    columns = {"categorical_features": told.pop("categorical_features")}
    encoder = TabularEncoder(**columns, handle_unknown="ignore").set_output(transform="default")
    return PriorCorrectedClassifier(
        make_pipeline(encoder, VotingEnsembleClassifier(**told)), prior="uniform"
    )


_SAMPLERS: dict[str, Callable[..., Any]] = {
    "MGVAE": MGVAESampler,
    "CVAE": CVAESampler,
    "CGAN": CGANSampler,
    "RAE samples": lambda **told: RAESampler(
        RAEClassifier(**told), random_state=told["random_state"]
    ),
}
_CLASSIFIERS: dict[str, Callable[..., Any]] = {
    ENSEMBLE: _ensemble,
    "deferred re-weighting": lambda **told: ERMClassifier(
        class_weight="balanced",
        defer=0.8,
        hidden_layer_sizes=_LAYERS,
        **told,
    ),
    "M2m": lambda **told: M2mClassifier(hidden_layer_sizes=_LAYERS, **told),
    "RAE": RAEClassifier,
    "GAMO": GAMOClassifier,
}
METHODS = tuple(dict.fromkeys((*SIMPLE, *_SAMPLERS, *_CLASSIFIERS)))

#: The classifiers of the protocol, by name.
CLASSIFIERS = ("logistic", "gradient boosting", "mlp")


def nearest(name: Any, known: Iterable[str]) -> str:
    """Return a question that names what is spelt most like ``name``, or nothing."""
    by_letters = {word.lower(): word for word in known}
    found = difflib.get_close_matches(str(name).lower(), by_letters, n=1)
    return f" Did you mean {by_letters[found[0]]!r}?" if found else ""


def chosen_methods(methods: Any, settings: Settings) -> list[Method]:
    """Return the methods that ``compare`` was asked for, unfitted.

    Raises
    ------
    ValueError
        If a name is not known, stands twice, or there is none.
    TypeError
        If an object can neither resample nor predict.
    """
    if isinstance(methods, Mapping):
        found = [_own(name, estimator, settings) for name, estimator in methods.items()]
    else:
        names = METHODS if isinstance(methods, str) and methods == "all" else methods
        if isinstance(names, str):
            names = [names]
        if not isinstance(names, Iterable):
            raise TypeError(
                f"methods={methods!r} must be 'all', a list of names, or a dict of names and "
                "estimators."
            )
        found = [_known(name, settings) for name in names]
    names = [method.name for method in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"methods names {', '.join(twice)} more than once: name each once.")
    if not found:
        raise ValueError("methods is empty: name one at least, or give 'all'.")
    return _trained_once(found)


def _trained_once(methods: list[Method]) -> list[Method]:
    """Let the RAE that samples also be the one that classifies: its training is the same."""
    own = {method.name: method for method in methods if method.known}
    if not {"RAE", "RAE samples"} <= own.keys():
        return methods
    both = replace(own["RAE samples"], also="RAE")
    return [both if m is own["RAE samples"] else m for m in methods if m is not own["RAE"]]


def _known(name: Any, settings: Settings) -> Method:
    if name in _SIMPLE:
        return Method(name, _SIMPLE[name])
    if name in _SAMPLERS:
        return Method(name, "sampler", _SAMPLERS[name](**settings.deep()))
    if name in _CLASSIFIERS:
        return Method(name, "classifier", _CLASSIFIERS[name](**settings.deep()))
    raise ValueError(
        f"methods has {name!r}, which is not known: take some of {', '.join(METHODS)}, or give a "
        f"dict of names and estimators.{nearest(name, METHODS)}"
    )


def _own(name: Any, estimator: Any, settings: Settings) -> Method:
    """A method of the user's: under a known name None stands for the known method."""
    if not isinstance(name, str):
        raise TypeError(f"methods has the name {name!r}: names are strings.")
    if estimator is None:
        return _known(name, settings)
    if hasattr(estimator, "predict"):
        return Method(name, "classifier", _seeded(estimator, settings), known=False)
    if hasattr(estimator, "fit_resample"):
        return Method(name, "sampler", _seeded(estimator, settings), known=False)
    raise TypeError(
        f"methods[{name!r}] is {estimator!r}, which can neither fit_resample nor predict: give a "
        "sampler, a classifier, a pipeline or a search over one, or None for a method of that name."
    )


def chosen_classifiers(classifiers: Any, settings: Settings) -> dict[str, Any]:
    """Return the classifiers that ``compare`` was asked for, unfitted, by name.

    Raises
    ------
    ValueError
        If a name is not known or there is none.
    TypeError
        If an object cannot predict.
    """
    if isinstance(classifiers, Mapping):
        for name, estimator in classifiers.items():
            if not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
                raise TypeError(
                    f"classifiers[{name!r}] is {estimator!r}, which is no classifier: give one "
                    "with fit and predict."
                )
        found = {str(name): _seeded(c, settings) for name, c in classifiers.items()}
    else:
        names = CLASSIFIERS if classifiers is None else classifiers
        if isinstance(names, str):
            names = [names]
        found = {name: _classifier(name, settings) for name in names}
    if not found:
        raise ValueError("classifiers is empty: name one at least, or give None for all.")
    return found


def _classifier(name: Any, settings: Settings) -> Any:
    seed = settings.random_state
    if name == "logistic":
        return LogisticRegression(max_iter=1000)
    if name == "gradient boosting":
        # "auto" would stop early where over-sampling brings 10 000 rows, and not elsewhere.
        return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
    if name == "mlp":
        return ERMClassifier(
            hidden_layer_sizes=_LAYERS, encode=False, device=settings.device, random_state=seed
        )
    raise ValueError(
        f"classifiers has {name!r}, which is not known: take some of {', '.join(CLASSIFIERS)}, or "
        f"give a dict of names and classifiers.{nearest(name, CLASSIFIERS)}"
    )


def refuse_without_output(
    methods: Sequence[Method], classifiers: Mapping[str, Any], scoring: Sequence[str]
) -> None:
    """Refuse, before any training, a classifier without what a score is taken of.

    Raises
    ------
    ValueError
        If a classifier has no ``predict_proba`` or, for scores that take either, no
        ``decision_function``.
    """
    found = {f"methods[{m.name!r}]": m.estimator for m in methods if m.kind == "classifier"}
    if len(found) < len(methods):
        found |= {f"classifiers[{name!r}]": learner for name, learner in classifiers.items()}
    for place, estimator in found.items():
        needed = {name: getattr(SCORERS[name], "methods", ("predict",)) for name in scoring}
        lacking = [name for name, outputs in needed.items() if not _will_have(estimator, outputs)]
        if lacking:
            raise ValueError(
                f"{place} is a {type(estimator).__name__} that has no "
                f"{' and no '.join(needed[lacking[0]])}, and {', '.join(lacking)} cannot be taken "
                "without: wrap it in sklearn.calibration.CalibratedClassifierCV, or leave that out "
                "of scoring."
            )


def _will_have(estimator: Any, outputs: Sequence[str]) -> bool:
    """Whether a classifier has one of the methods, or may have it when it is fitted."""
    known = any(hasattr(estimator, output) for output in outputs)
    if known or hasattr(type(estimator), "__getattr__"):
        return True
    if isinstance(estimator, Pipeline):
        return _will_have(estimator.steps[-1][1], outputs)
    inner = getattr(estimator, "estimator", None)
    if not hasattr(inner, "get_params"):
        return False
    # A search may find parameters by which the classifier has them, as SGD's loss is one.
    searched = getattr(estimator, "param_grid", getattr(estimator, "param_distributions", {}))
    choices: Iterable[Any] = [{}]
    if searched:
        choices = ParameterSampler(searched, _CHOICES, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The total space of parameters", UserWarning)
        return any(_will_have(clone(inner).set_params(**choice), outputs) for choice in choices)


def _seeded(estimator: Any, settings: Settings) -> Any:
    """A copy that repeats itself: what has no seed gets that of the comparison."""
    estimator = clone(estimator)
    unseeded = {
        key: settings.random_state
        for key, value in estimator.get_params().items()
        if (key == "random_state" or key.endswith("__random_state")) and value is None
    }
    return estimator.set_params(**unseeded)
