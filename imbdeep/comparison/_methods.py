"""What is compared: ways to deal with the imbalance, and the classifiers behind them."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
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
    """What every method gets: where to train, by which seed, which columns are categories."""

    device: Any
    random_state: int
    categorical_features: Any


@dataclass(frozen=True)
class Method:
    """Something to do about the imbalance.

    ``kind`` says what: "nothing", "weights", "threshold" and "prior" change how a classifier is
    trained or used; "random", "interpolation" and "adaptive" resample encoded rows; a "sampler"
    resamples rows as they come; a "classifier" learns from rows as they come, in the place of the
    classifiers behind the others. ``also`` is the name of the method that the classifier inside a
    sampler is: it is trained once for both. A method is ``known`` unless it is the user's.
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


def _ensemble(*, categorical_features: Any, random_state: int, **_: Any) -> Any:
    encoder = TabularEncoder(
        categorical_features=categorical_features, handle_unknown="ignore"
    ).set_output(transform="default")
    return PriorCorrectedClassifier(
        make_pipeline(encoder, VotingEnsembleClassifier(random_state=random_state)), prior="uniform"
    )


def _rae_samples(**given: Any) -> Any:
    return RAESampler(RAEClassifier(**given), random_state=given["random_state"])


def _reweighted(**given: Any) -> Any:
    return ERMClassifier(class_weight="balanced", defer=0.8, hidden_layer_sizes=_LAYERS, **given)


def _m2m(**given: Any) -> Any:
    network = ERMClassifier(hidden_layer_sizes=_LAYERS, **given)
    return M2mClassifier(network, device=given["device"], random_state=given["random_state"])


#: All methods, by name, in the order of the tables: the kind, and what makes the estimator of the
#: fields of Settings. This is the one place where a method is added: ``compare`` and the command
#: line take it from here, and docs/comparison.md has a line for each.
_REGISTRY: dict[str, tuple[str, Callable[..., Any] | None]] = {
    # Without a generative model, the simplest first.
    "nothing": ("nothing", None),
    "class weights": ("weights", None),
    "prior correction": ("prior", None),
    "tuned threshold": ("threshold", None),
    "random over-sampling": ("random", None),
    "SMOTE": ("interpolation", None),
    "ADASYN": ("adaptive", None),
    # The filter of the samplers' rows, used as a classifier: where it is as good, no rows are
    # needed.
    "ensemble": ("classifier", _ensemble),
    "MGVAE": ("sampler", MGVAESampler),
    "CVAE": ("sampler", CVAESampler),
    "CGAN": ("sampler", CGANSampler),
    "RAE samples": ("sampler", _rae_samples),
    "deferred re-weighting": ("classifier", _reweighted),
    "M2m": ("classifier", _m2m),
    "RAE": ("classifier", RAEClassifier),
    "GAMO": ("classifier", GAMOClassifier),
}
METHODS = tuple(_REGISTRY)
SIMPLE = METHODS[: METHODS.index("ensemble") + 1]

#: The classifiers behind the methods, by name; what makes each of them.
_LEARNERS: dict[str, Callable[[Settings], Any]] = {
    "logistic": lambda settings: LogisticRegression(max_iter=1000),
    # "auto" would stop early where over-sampling brings 10 000 rows, and not elsewhere.
    "gradient boosting": lambda settings: HistGradientBoostingClassifier(
        early_stopping=False, random_state=settings.random_state
    ),
    "mlp": lambda settings: ERMClassifier(
        hidden_layer_sizes=_LAYERS,
        encode=False,
        device=settings.device,
        random_state=settings.random_state,
    ),
}
CLASSIFIERS = tuple(_LEARNERS)

#: What ``compare(quick=True)`` takes where nothing is named.
QUICK: Mapping[str, Any] = MappingProxyType(
    {
        "methods": (
            "nothing",
            "class weights",
            "prior correction",
            "tuned threshold",
            "SMOTE",
            "ensemble",
            "MGVAE",
            "CVAE",
        ),
        "classifiers": ("logistic", "gradient boosting"),
        "cv": 3,
    }
)


def nearest(name: Any, known: Iterable[str]) -> str:
    """A question that names what is spelt most like ``name``, or nothing."""
    by_letters = {each.lower(): each for each in known}
    found = difflib.get_close_matches(str(name).lower(), by_letters, n=1)
    return f" Did you mean {by_letters[found[0]]!r}?" if found else ""


def chosen_methods(methods: Any, settings: Settings) -> list[Method]:
    """The methods that ``compare`` was asked for, unfitted; refuses unknown names and objects."""
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
    if name not in METHODS:
        raise ValueError(
            f"methods has {name!r}, which is not known: take some of {', '.join(METHODS)}, or give "
            f"a dict of names and estimators.{nearest(name, METHODS)}"
        )
    kind, make = _REGISTRY[name]
    return Method(name, kind, make and make(**vars(settings)))


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
    """The classifiers that ``compare`` was asked for, unfitted, by name."""
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
        names = [names] if isinstance(names, str) else names
        for name in names:
            if name not in CLASSIFIERS:
                raise ValueError(
                    f"classifiers has {name!r}, which is not known: take some of "
                    f"{', '.join(CLASSIFIERS)}, or give a dict of names and classifiers."
                    f"{nearest(name, CLASSIFIERS)}"
                )
        found = {name: _LEARNERS[name](settings) for name in names}
    if not found:
        raise ValueError("classifiers is empty: name one at least, or give None for all.")
    return found


def refuse_without_output(
    methods: Sequence[Method], classifiers: Mapping[str, Any], scoring: Sequence[str]
) -> None:
    """Refuse, before any training, a classifier without what a score is computed from."""
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
