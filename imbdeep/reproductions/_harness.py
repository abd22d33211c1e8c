"""One trial of a reproduction, on the fold of ``compare``: the same rows and steps for each method.

A paper's methods are :class:`Approach` objects. Its trial, a subclass of :class:`Trial`, says with
which parameters the estimators are made; all of them are fitted and scored here.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imbdeep.calibration import correct_prior
from imbdeep.classifiers import ERMClassifier, GAMOClassifier, M2mClassifier, RAEClassifier
from imbdeep.comparison._fold import fitted
from imbdeep.encoding import TabularEncoder
from imbdeep.metrics import acsa_score, gm_score, macro_f1_score, mauprc_ova_score
from imbdeep.reproductions._results import Outcome
from imbdeep.reproductions._rows import Task, raised

#: Share of the epochs in which the learning rate rises.
_WARMUP = 0.1
#: Metrics in the order of M2m's tables; the names are those of the files.
METRICS = ("balanced accuracy", "G-mean", "macro F1", "average precision")


class Length(NamedTuple):
    """How much is run.

    ``steps`` or ``epochs`` are those of the classifiers, None for the paper's own. ``own`` are
    parameters of the reproduced method other than the defaults, ``rival`` those of the deep
    samplers beside it. ``most`` are rows, None for all: see :func:`~._rows.fewer`. ``grid`` are
    candidates for M2m's parameters.
    """

    steps: Any = None  # int or None
    own: Mapping[str, Any] = {}  # read only
    rival: Mapping[str, Any] = {}  # read only
    most: tuple[int, ...] | None = None
    epochs: int | None = None
    grid: Sequence[Mapping[str, float]] = ({},)


@dataclass(frozen=True)
class Approach:
    """A way to deal with the imbalance, with the row of the paper's tables that it stands beside.

    ``method`` names the classifier, with ``parameters`` of it. ``resample`` takes the trial, its
    rows and labels, and returns those to train on. ``prior`` divides the probabilities by the class
    shares.

    M2m: ``deferred`` begins at the recipe's epoch, ``teachers`` is the number of fitted teachers
    (with none, the classifier is its own), and ``searched`` takes the best of a grid. RAE:
    ``own_network`` trains its encoder with a linear head in the place of the MLP, ``latent``
    multiplies the width of its code. GAMO: ``loss`` is "CE" or "LS".
    """

    paper: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    method: str = "erm"
    resample: Callable[..., tuple[NDArray[Any], NDArray[np.int64]]] | None = None
    prior: bool = False
    deferred: bool = False
    teachers: int = 1
    searched: bool = False
    own_network: bool = False
    latent: float = 1.0
    loss: str = "CE"


class Trained(NamedTuple):
    """A fitted classifier, the seconds it took, its details for the file, and warnings."""

    classifier: Any
    seconds: float
    details: Mapping[str, float] = {}  # read only
    said: tuple[str, ...] = ()


def n_epochs(steps: int, n_rows: int, batch_size: int) -> int:
    """Passes over so many rows that come closest to ``steps`` updates."""
    return max(1, round(steps / math.ceil(n_rows / batch_size)))


def smote(trial: Any, x: NDArray[Any], y: NDArray[np.int64]) -> Any:
    """Raise every class to the largest by SMOTE."""
    return raised(x, y, trial.seed, target=int(np.bincount(y).max()))


def scored(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """The metrics and "macro G-mean", by name, over the classes that ``y`` has."""
    predicted = probabilities.argmax(axis=1)
    values = (
        acsa_score(y, predicted),
        gm_score(y, predicted),
        macro_f1_score(y, predicted),
        mauprc_ova_score(y, probabilities, labels=np.arange(probabilities.shape[1])),
    )
    macro = gm_score(y, predicted, average="macro")  # the "GM" of RAE's tables
    return {**dict(zip(METRICS, values, strict=True)), "macro G-mean": macro}


def made(kind: Callable[..., Any], **parameters: Any) -> Any:
    """Make an estimator; parameters that its constructor lacks go where it takes them.

    Those are its ``training_params``, and for M2m its estimator.
    """
    if not hasattr(kind, "_TRAINING"):
        return kind(**parameters)
    own: Any = kind._get_param_names()  # type: ignore[attr-defined]
    others = {name: parameters.pop(name) for name in list(parameters) if name not in own}
    if others and "estimator" in own:
        parameters["estimator"] = made(ERMClassifier, **others)
    elif others:
        parameters["training_params"] = others
    return kind(**parameters)


class Trial:
    """One draw of a data set, on which all methods are trained.

    Tables are encoded once, by their original training rows, for all methods but those of ``raw``,
    which encode them themselves by the same rules; SMOTE interpolates encoded rows, and pixels of
    images. Classifiers are trained by Adam with a rate that rises for a tenth of the epochs and
    falls at the usual milestones.

    ``setting`` is what the paper's own trial needs to know of the data set.
    """

    #: Classifiers by the method of an approach.
    estimators: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "erm": ERMClassifier,
        "m2m": M2mClassifier,
        "rae": RAEClassifier,
        "gamo": GAMOClassifier,
    }
    #: Methods that get the rows as they come.
    raw: ClassVar[frozenset[str]] = frozenset({"rae", "gamo"})
    #: Rows in a step.
    batch_size: ClassVar[int] = 128
    #: Warnings of which a line below the table says the same.
    said_elsewhere: ClassVar[tuple[str, ...]] = ()
    #: Whether the other warnings are kept for below the table, and not shown.
    keeps_warnings: ClassVar[bool] = False

    def __init__(
        self, task: Task, length: Length, seed: int, device: torch.device, setting: Any = None
    ) -> None:
        self.task, self.length, self.setting = task, length, setting
        self.seed, self.device = seed, device
        self.x_train, self.x_test = self.inputs()
        self._plain: list[tuple[Approach, Trained]] = []

    def inputs(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows to train and to test on, as most methods get them."""
        if self.task.image_shape is not None:
            return self.task.x_train, self.task.x_test
        encoder = TabularEncoder(handle_unknown="ignore").set_output(transform="default")
        encoded = encoder.fit_transform(self.task.x_train, self.task.y_train)
        return encoded, encoder.transform(self.task.x_test)

    def evaluate(self, approach: Approach) -> Outcome:
        """Train as the approach says and score the test part."""
        trained = self.trained(approach)
        start = time.perf_counter()
        metrics = self.scores(trained.classifier, approach)
        seconds = trained.seconds + time.perf_counter() - start
        return Outcome({**metrics, **trained.details}, seconds, trained.said)

    def scores(self, classifier: Any, approach: Approach) -> dict[str, float]:
        """The metrics of a fitted classifier on the test part."""
        x_test = self.task.x_test if approach.method in self.raw else self.x_test
        probabilities = classifier.predict_proba(x_test)
        if approach.prior:
            probabilities = correct_prior(probabilities, np.bincount(self.task.y_train))
        return scored(self.task.y_test, probabilities)

    def trained(self, approach: Approach) -> Trained:
        """Train as the approach says; the plain classifiers once, whatever is done with them."""
        bare = replace(approach, paper=None, prior=False)
        for known, trained in self._plain:
            if known == bare:
                return trained
        x = self.task.x_train if approach.method in self.raw else self.x_train
        trained = self.fit(approach, x, self.task.y_train)
        if approach.method == "erm" and not approach.parameters and approach.resample is None:
            self._plain.append((bare, trained))
        return trained

    def fit(self, approach: Approach, x: NDArray[Any], y: NDArray[np.int64]) -> Trained:
        """Make rows, if the approach does, and fit its classifier."""
        start = time.perf_counter()
        with warnings.catch_warnings(record=self.keeps_warnings) as said:
            if self.keeps_warnings:
                warnings.simplefilter("always", UserWarning)
            for message in self.said_elsewhere:
                warnings.filterwarnings("ignore", message, UserWarning)
            if approach.resample is not None:
                x, y = approach.resample(self, x, y)
            made = time.perf_counter() - start
            found = fitted(self.estimator(approach, len(y)), x, y)
        kept = tuple(str(warning.message) for warning in said or ())
        details = self.details(found.estimator)
        return Trained(found.estimator, found.seconds + made, details, kept)

    def estimator(self, approach: Approach, n_rows: int) -> Any:
        """The unfitted classifier of an approach, for so many rows."""
        return made(
            self.estimators[approach.method],
            **self.parameters(approach, n_rows),
            image_shape=self.task.image_shape,
            device=self.device,
            random_state=self.seed,
        )

    def parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        """Parameters of a classifier that is not the reproduced one, but for its network."""
        epochs = n_epochs(self.length.steps or 1, n_rows, self.batch_size)
        return {
            "batch_size": self.batch_size,
            "max_epochs": epochs,
            "warmup_epochs": round(_WARMUP * epochs),
            "encode": self.task.image_shape is not None,
            **approach.parameters,
        }

    def details(self, classifier: Any) -> dict[str, float]:
        """Diagnostics of a fitted classifier, the share that M2m translated, and its updates."""
        if isinstance(classifier, M2mClassifier):
            found = {"accepted": float(classifier.acceptance_)}
        else:
            known = getattr(classifier, "diagnostics_", {})
            found = {name: float(value) for name, value in known.items() if isinstance(value, Real)}
        return {**found, "steps": float(self.steps(classifier))}

    def steps(self, classifier: Any) -> int:
        """How often a fitted classifier was updated."""
        return int(sum(classifier.net_.history[:, "train_batch_count"]))
